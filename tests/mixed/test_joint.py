"""The joint likelihood of an outcome and its incomplete predictors: exact value and gradient."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from reldyn.mixed import JointData, JointModel, Slope, random_structure
from reldyn.mixed.incomplete._joint import _Likelihood


def small_problem(exchangeable, seed=0):
    """Six dyads, four occasions, two predictors; holes everywhere, one dyad shorter."""
    generator = np.random.default_rng(seed)
    d, T, k = 6, 4, 2
    x, y = generator.normal(size=(d, T, 2, k)), generator.normal(size=(d, T, 2))
    x[generator.random(x.shape) < 0.3] = np.nan
    y[generator.random(y.shape) < 0.2] = np.nan
    present = np.ones((d, T), dtype=bool)
    present[0, 3], x[0, 3], y[0, 3] = False, np.nan, np.nan
    seen = np.isfinite(y)[..., None]
    Z = np.broadcast_to(np.eye(2), (d, T, 2, 2)) * seen
    swap, swap_x = ((1, 0), (2, 3, 0, 1)) if exchangeable else (None, None)
    slopes = tuple(
        Slope(variable, actor, level, slot)
        for variable, level in ((0, ""), (1, "within"), (1, "between"))
        for actor in (True, False)
        for slot in ((-1,) if exchangeable else (0, 1))
    )
    pair, four = random_structure(("a", "b"), swap=swap), random_structure(tuple("abcd"), swap=swap_x)
    data = JointData(y, x, np.ones((d, T, 2, 1)) * seen, Z, present)
    likelihood = _Likelihood(data, JointModel(slopes, pair, pair, four, four, exchangeable))
    parameters = 0.3 * generator.normal(size=likelihood.cuts[-1])
    for part, root in zip(
        np.split(np.arange(len(parameters)), likelihood.cuts[:-1])[3:], likelihood.roots, strict=True
    ):
        parameters[part] += root.start(np.eye(root.shape.q))
    return data, likelihood, parameters


@pytest.mark.parametrize("exchangeable", [False, True])
def test_gradient_is_exact(exchangeable):
    _, likelihood, parameters = small_problem(exchangeable)
    value, gradient = likelihood(parameters)
    assert np.isfinite(value)
    step = 1e-6
    steps = step * np.eye(len(parameters))
    numeric = [(likelihood(parameters + one)[0] - likelihood(parameters - one)[0]) / (2 * step) for one in steps]
    assert gradient == pytest.approx(np.array(numeric), rel=1e-5, abs=1e-5)


def test_likelihood_is_that_of_the_observed_values_by_brute_force():
    """Every covariance between two numbers written out from the model's own sentences."""
    data, likelihood, parameters = small_problem(exchangeable=False, seed=3)
    beta0, slopes, mu, *rooted = likelihood.split(parameters)
    G, R, B, W = (root.matrix(part) for root, part in zip(likelihood.roots, rooted, strict=True))
    d, _, _, k = data.x.shape
    total = 0.0
    for i in range(d):
        here = np.flatnonzero(data.present[i])
        # Independent standard pieces: x of every occasion, member and variable first, then u and e.
        n = len(here)
        size = n * 2 * k
        sigma = np.kron(np.ones((n, n)), B) + np.kron(np.eye(n), W)
        rows, means, values, noise = [], [], [], []
        for a, t in enumerate(here):
            for m in (0, 1):
                loading = np.zeros(size)
                for slope, weight in zip(likelihood.model.slopes, slopes, strict=True):
                    if slope.slot not in (-1, m):
                        continue
                    source = m if slope.own else 1 - m
                    for b in range(n):
                        share = {"": float(a == b), "within": float(a == b) - 1 / n, "between": 1 / n}[slope.level]
                        loading[b * 2 * k + source * k + slope.variable] += weight * share
                rows.append(loading)
                means.append(data.X0[i, t, m] @ beta0 + loading @ np.tile(mu, n))
                values.append(data.y[i, t, m])
                noise.append((a, m))
        A = np.array(rows)
        V = np.array([[G[m, o] + (a == b) * R[m, o] for b, o in noise] for a, m in noise])
        omega = np.block([[V + A @ sigma @ A.T, A @ sigma], [sigma @ A.T, sigma]])
        mean = np.concatenate([means, np.tile(mu, n)])
        both = np.concatenate([values, data.x[i, here].ravel()])
        seen = np.flatnonzero(np.isfinite(both))
        total += multivariate_normal(mean[seen], omega[np.ix_(seen, seen)]).logpdf(both[seen])
    assert -likelihood(parameters)[0] == pytest.approx(total, rel=1e-10)
