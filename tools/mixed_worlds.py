"""Diary panels with known truth for calibrating and timing the dyadic mixed model.

Six random effects (intercept, actor slope and partner slope of each role), a free 2 x 2 residual within
occasions, and between-dyad effects that are defined on the observed person means.
"""

import numpy as np
import pandas as pd

ROLES = ("A", "B")
TERMS = ("intercept", "aw", "pw", "ab", "pb", "tm")
TRUTH = {
    "A": dict(zip(TERMS, (5.0, 0.30, 0.15, 0.40, 0.20, 0.30), strict=True)),
    "B": dict(zip(TERMS, (4.8, 0.25, 0.20, 0.35, 0.15, -0.20), strict=True)),
}
SPREAD = np.array([0.8, 0.7, 0.25, 0.22, 0.20, 0.18])
RESIDUAL = np.array([[1.0, 0.24], [0.24, 0.64]])
MODEL = {"outcome": "y", "fixed": ("aw", "pw", "ab", "pb", "tm"), "random": ("intercept", "aw", "pw")}


def random_effects_covariance():
    """Return the (6, 6) covariance of the random effects: both intercepts, actor slopes, partner slopes."""
    correlation = np.full((6, 6), 0.1)
    np.fill_diagonal(correlation, 1.0)
    for (i, j), value in {(0, 1): 0.4, (2, 3): 0.3, (4, 5): 0.3, (2, 4): -0.2}.items():
        correlation[i, j] = correlation[j, i] = value
    return correlation * np.outer(SPREAD, SPREAD)


def diary(n_dyads, n_occasions, rng, *, missing=0.05, phi=0.0):
    """Return one simulated diary as a frame with columns dyad, role, time, y, aw, pw, ab, pb, tm.

    ``missing`` rows are dropped completely at random, either partner's alone; ``phi`` makes the residuals of both
    roles carry over from occasion to occasion with unchanged variance.
    """
    b = rng.standard_normal((n_dyads, 6)) @ np.linalg.cholesky(random_effects_covariance()).T
    means = 0.6 * rng.standard_normal((n_dyads, 2)) @ np.array([[1.0, 0.4], [0.0, 0.9]])
    shocks = rng.standard_normal((n_dyads, n_occasions, 2)) @ np.array([[1.0, 0.3], [0.0, np.sqrt(0.91)]])
    x = _carried(shocks, 0.3) + means[:, None, :]
    person = x.mean(axis=1)
    within, between = x - person[:, None, :], person - person.mean()
    time = np.arange(n_occasions) / (n_occasions - 1) - 0.5
    e = _carried(rng.standard_normal((n_dyads, n_occasions, 2)) @ np.linalg.cholesky(RESIDUAL).T, phi)
    y = np.empty_like(x)
    for own, role in enumerate(ROLES):
        other, effect = 1 - own, TRUTH[role]
        level = effect["intercept"] + effect["ab"] * between[:, own] + effect["pb"] * between[:, other] + b[:, own]
        actor, partner = effect["aw"] + b[:, 2 + own], effect["pw"] + b[:, 4 + own]
        y[..., own] = level[:, None] + actor[:, None] * within[..., own] + partner[:, None] * within[..., other]
        y[..., own] += effect["tm"] * time + e[..., own]
    dyad, occasion, own = np.nonzero(rng.random(y.shape) >= missing)
    return pd.DataFrame(
        {
            "dyad": dyad,
            "role": np.array(ROLES)[own],
            "time": occasion,
            "y": y[dyad, occasion, own],
            "aw": within[dyad, occasion, own],
            "pw": within[dyad, occasion, 1 - own],
            "ab": between[dyad, own],
            "pb": between[dyad, 1 - own],
            "tm": time[occasion],
        }
    )


def _carried(shocks, phi):
    series = shocks.copy()
    for t in range(1, shocks.shape[1]):
        series[:, t] = phi * series[:, t - 1] + np.sqrt(1.0 - phi**2) * shocks[:, t]
    return series


def as_panel(frame):
    """Return the frame as a panel; roles tell the members apart."""
    import reldyn as rd

    return rd.DyadPanel(frame, dyad="dyad", person="role", role="role", time="time")
