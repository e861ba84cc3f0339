"""One factor within and one between persons, by maximum likelihood of unbalanced clusters: arrays in, arrays out.

Loadings and unique variances at either level are free and unbounded: a negative unique variance (Heywood case) is
an answer, and bounding it would hide that the model does not hold. The likelihood is that of Muthen (1994), exact
for clusters of any size; the coefficient is omega of Geldhof, Preacher and Zyphur (2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from reldyn._types import Array, Ints

_TIGHT: Any = {"gtol": 1e-7, "maxiter": 2000}

__all__ = ["FactorFit", "fit_two_levels", "omega"]


@dataclass(frozen=True)
class FactorFit:
    """Maximum-likelihood estimates; m items.

    Attributes
    ----------
    loading, unique : (2, m) array
        Within persons, between persons; the factor has variance 1.
    mean : (m,) array
    covariance : (4 m, 4 m) array
        Of loading and unique within, loading and unique between, from the observed information; NaN where that is
        not positive definite.
    log_likelihood : float
    converged : bool
    """

    loading: Array
    unique: Array
    mean: Array
    covariance: Array
    log_likelihood: float
    converged: bool


@dataclass(frozen=True)
class _Clusters:
    """Sums of squares within, and the clusters of each size: how many, their means."""

    n: int
    within: Array
    sizes: Ints
    counts: Ints
    means: tuple[Array, ...]


def _clusters(answers: Array, group: Ints) -> _Clusters:
    count = np.bincount(group)
    mean = np.column_stack([np.bincount(group, weights=column) / count for column in answers.T])
    deviation = answers - mean[group]
    sizes = np.unique(count)
    return _Clusters(
        len(answers),
        deviation.T @ deviation,
        sizes,
        np.array([(count == size).sum() for size in sizes]),
        tuple(mean[count == size] for size in sizes),
    )


def _implied(parameters: Array, m: int) -> tuple[Array, Array]:
    a, e, b, g = parameters.reshape(4, m)
    return np.outer(a, a) + np.diag(e), np.outer(b, b) + np.diag(g)


def _deviance(parameters: Array, data: _Clusters, m: int) -> tuple[float, Array, Array]:
    """Minus twice the log-likelihood with the means at their optimum, its slope, and the means."""
    within, between = _implied(parameters, m)
    totals = [within + size * between for size in data.sizes]
    if min(np.linalg.eigvalsh(one)[0] for one in (within, *totals)) <= 0:
        return np.inf, np.zeros(4 * m), np.zeros(m)
    inverse = np.linalg.inv(within)
    inverses = [np.linalg.inv(one) for one in totals]
    weight = sum(n * len(means) * inv for n, means, inv in zip(data.sizes, data.means, inverses, strict=True))
    pull = sum(n * inv @ means.sum(axis=0) for n, means, inv in zip(data.sizes, data.means, inverses, strict=True))
    mu = np.linalg.solve(weight, pull)
    df = data.n - int(data.counts.sum())
    value = df * np.linalg.slogdet(within)[1] + float((inverse * data.within).sum()) + data.n * m * np.log(2 * np.pi)
    slope_w = df * inverse - inverse @ data.within @ inverse
    slope_b = np.zeros((m, m))
    for n, count, means, total, inv in zip(data.sizes, data.counts, data.means, totals, inverses, strict=True):
        spread = n * (means - mu).T @ (means - mu)
        value += count * np.linalg.slogdet(total)[1] + float((inv * spread).sum())
        slope = count * inv - inv @ spread @ inv
        slope_w += slope
        slope_b += n * slope
    a, _, b, _ = parameters.reshape(4, m)
    slopes = np.concatenate([2 * slope_w @ a, np.diag(slope_w), 2 * slope_b @ b, np.diag(slope_b)])
    return float(value), slopes, mu


def _start(data: _Clusters) -> Array:
    df = data.n - int(data.counts.sum())
    within = data.within / df
    means = np.concatenate(data.means)
    typical = len(means) / float((data.counts / data.sizes).sum())
    between = np.cov(means.T) - within / typical
    return np.concatenate([*_one_factor(within), *_one_factor(between)])


def _one_factor(covariance: Array) -> tuple[Array, Array]:
    """Rough loadings and unique variances: three rounds of principal axes, communalities kept inside."""
    diagonal = np.maximum(np.diag(covariance), 1e-3 * max(float(np.abs(covariance).max()), 1e-12))
    shared = 0.7 * diagonal
    for _ in range(3):
        reduced = covariance - np.diag(np.diag(covariance)) + np.diag(shared)
        values, vectors = np.linalg.eigh(reduced)
        loading = vectors[:, -1] * np.sqrt(max(float(values[-1]), 1e-12))
        shared = np.minimum(loading**2, 0.95 * diagonal)
    loading = loading * (1.0 if loading.sum() >= 0 else -1.0)
    return loading, diagonal - np.minimum(loading**2, 0.95 * diagonal)


def fit_two_levels(answers: Array, group: Ints) -> FactorFit:
    """Fit one factor within and one between clusters.

    Parameters
    ----------
    answers : (n, m) array
        Complete rows.
    group : (n,) int array
        Cluster codes from 0, every code in use.

    Returns
    -------
    FactorFit
    """
    from scipy.optimize import minimize

    m = answers.shape[1]
    spread = answers.std(axis=0)
    # In units of each item's deviation all parameters are of one size.
    data = _clusters((answers - answers.mean(axis=0)) / spread, group)

    def objective(parameters: Array) -> tuple[float, Array]:
        value, slope, _ = _deviance(parameters, data, m)
        return (value, slope) if np.isfinite(value) else (1e15, slope)

    best = minimize(objective, _start(data), jac=True, method="BFGS", options=_TIGHT)
    parameters = _newton(best.x, data, m)
    value, slope, mu = _deviance(parameters, data, m)
    hessian = _curvature(parameters, data, m)
    definite = bool(np.linalg.eigvalsh(hessian)[0] > 0)
    unit = np.concatenate([spread, spread**2, spread, spread**2])
    covariance: Array = np.full((4 * m, 4 * m), np.nan)
    if definite:
        covariance = np.asarray(2 * np.linalg.inv(hessian) * np.outer(unit, unit), dtype=float)
    a, e, b, g = (parameters * unit).reshape(4, m)
    signs = [1.0 if part.sum() >= 0 else -1.0 for part in (a, b)]
    return FactorFit(
        loading=np.stack([a * signs[0], b * signs[1]]),
        unique=np.stack([e, g]),
        mean=answers.mean(axis=0) + mu * spread,
        covariance=covariance,
        log_likelihood=-0.5 * value - len(answers) * float(np.log(spread).sum()),
        converged=definite and bool(np.abs(slope).max() < 1e-4),
    )


def _curvature(parameters: Array, data: _Clusters, m: int) -> Array:
    """Second derivatives of the deviance, from differences of its slope."""
    k = len(parameters)
    hessian = np.zeros((k, k))
    for j in range(k):
        step = np.zeros(k)
        step[j] = 1e-5 * max(1.0, abs(float(parameters[j])))
        ahead, behind = (_deviance(parameters + sign * step, data, m)[1] for sign in (1, -1))
        hessian[j] = (ahead - behind) / (2 * step[j])
    return 0.5 * (hessian + hessian.T)


def _newton(parameters: Array, data: _Clusters, m: int) -> Array:
    """Take a few full steps, as long as each lowers the slope and does not raise the deviance."""
    value, slope, _ = _deviance(parameters, data, m)
    for _ in range(10):
        hessian = _curvature(parameters, data, m)
        if not np.isfinite(hessian).all() or np.linalg.eigvalsh(hessian)[0] <= 0 or np.abs(slope).max() < 1e-8:
            break
        candidate = parameters - np.linalg.solve(hessian, slope)
        found, steeper, _ = _deviance(candidate, data, m)
        # At the optimum the deviance is flat up to rounding, its slope is not.
        if not found <= value + 1e-9 * abs(value) or np.abs(steeper).max() >= np.abs(slope).max():
            break
        parameters, value, slope = candidate, found, steeper
    return parameters


def omega(fit: FactorFit, level: int) -> tuple[float, float]:
    """Omega of a level (0 within, 1 between) and its standard error by the delta method."""
    loading, unique = fit.loading[level], fit.unique[level]
    m = len(loading)
    total = float(loading.sum())
    whole = total**2 + float(unique.sum())
    value = total**2 / whole
    slope = np.zeros(4 * m)
    begin = 2 * m * level
    slope[begin : begin + m] = 2 * total * (1 - value) / whole
    slope[begin + m : begin + 2 * m] = -value / whole
    # Turning the factor's sign turns loadings and their covariances alike; the slope is taken on positive loadings.
    variance = float(slope @ fit.covariance @ slope)
    return value, float(np.sqrt(variance)) if variance >= 0 else float("nan")
