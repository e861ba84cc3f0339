"""An independent, slow evaluation: one covariance matrix per dyad, written down element by element."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from reldyn.mixed import Problem
from reldyn.mixed.processes import covariance

REFERENCE = Path(__file__).parent / "reference"


@dataclass(frozen=True)
class Dense:
    log_likelihood: float
    beta: np.ndarray
    cov_beta: np.ndarray
    V: np.ndarray


def dense_covariance(problem, residual, G, psi):
    """The n x n covariance of all rows."""
    psi = psi if isinstance(psi, (tuple, list)) else (psi,)
    V = np.zeros((problem.n, problem.n))
    for code in range(problem.n_dyads):
        rows = np.flatnonzero(problem.dyad == code)
        stratum = problem.strata[code]
        R = covariance(
            residual, problem.exchangeable[stratum], psi[stratum], problem.member[rows], problem.step[rows], 0
        ).value
        V[np.ix_(rows, rows)] = problem.Z[rows] @ G @ problem.Z[rows].T + R
    return V


def dense_likelihood(problem, V, reml):
    """Gaussian (restricted) log-likelihood by the textbook formula."""
    inverse = np.linalg.inv(V)
    information = problem.X.T @ inverse @ problem.X
    cov_beta = np.linalg.inv(information)
    beta = cov_beta @ problem.X.T @ inverse @ problem.y
    residuals = problem.y - problem.X @ beta
    p = problem.X.shape[1]
    value = np.linalg.slogdet(V)[1] + residuals @ inverse @ residuals
    value += (problem.n - p * reml) * np.log(2 * np.pi)
    if reml:
        value += np.linalg.slogdet(information)[1]
    return Dense(-0.5 * value, beta, cov_beta, V)


def six_effects(name):
    """A reference data set with the six-effect model: role-wise intercepts, slopes and random effects."""
    frame = pd.read_csv(REFERENCE / name)
    second = (frame["role"] == "B").to_numpy()
    roles = (1.0 - second, 1.0 * second)
    ones = np.ones(len(frame))
    X = np.column_stack([r * v for v in (ones, *(frame[c] for c in ("aw", "pw", "ab", "pb", "tm"))) for r in roles])
    Z = np.column_stack([r * v for v in (ones, frame["aw"], frame["pw"]) for r in roles])
    return Problem(
        frame["y"].to_numpy(), X, Z, frame["dyad"].to_numpy() - 1, second.astype(int), frame["time"].to_numpy()
    )


def random_problem(seed, *, n_dyads=7, n_steps=5, q_terms=1, missing=0.25, gaps=False, exchangeable=(False,), strata=1):
    """A small random panel: one covariate with a slope for each member, `q_terms` random terms per member."""
    rng = np.random.default_rng(seed)
    rows = []
    for dyad in range(n_dyads):
        step = np.cumsum(1 + (2 * (rng.random(n_steps) < 0.15) if gaps else np.zeros(n_steps)).astype(int))
        for member in (0, 1):
            keep = rng.random(n_steps) >= missing
            keep[rng.integers(n_steps)] = True
            rows += [(dyad, member, t) for t in step[keep]]
    table = np.array(rows)
    table = table[rng.permutation(len(table))]
    dyad, member, step = table.T
    x = rng.standard_normal(len(table))
    roles = (member == 0, member == 1)
    X = np.column_stack([r * v for v in (np.ones(len(x)), x) for r in roles]).astype(float)
    Z = X[:, : 2 * q_terms]
    y = (
        X @ rng.standard_normal(4)
        + rng.standard_normal(n_dyads)[dyad]
        + rng.standard_normal((n_dyads, 2))[dyad, member]
    )
    y += rng.standard_normal(len(x))
    stratum = np.arange(n_dyads) % strata
    return Problem(y, X, Z, dyad, member, step, stratum=stratum, exchangeable=exchangeable)


def few_dyads():
    """The first 25 dyads of a reference data set with intercepts, own slopes and own means per role."""
    frame = pd.read_csv(REFERENCE / "d100x14.csv").query("dyad <= 25")
    second = (frame["role"] == "B").to_numpy()
    roles = (1.0 - second, 1.0 * second)
    X = np.column_stack([r * v for v in (np.ones(len(frame)), frame["aw"], frame["ab"]) for r in roles])
    return Problem(
        frame["y"].to_numpy(),
        X,
        np.column_stack(roles),
        frame["dyad"].to_numpy() - 1,
        second.astype(int),
        frame["time"].to_numpy(),
    )
