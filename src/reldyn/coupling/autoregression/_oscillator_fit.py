"""Coupled damped oscillators in continuous time as a state space, discretised exactly.

The state of a pair is position and speed of both members; d(state) = A state dt + noise on the speeds, seen through
measurement error. Over one step its matrix is exp(A), and the covariance of what is new follows from one exponential
of twice the size (Van Loan 1978, IEEE Transactions on Automatic Control 23, 395-404).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from reldyn._types import Array, Flags
from reldyn.stats import IMPOSSIBLE, Observations, StateSpace, deviances

__all__ = ["OscillatorFit", "fit_oscillators"]

_CHANNELS = np.array([0, 2], dtype=np.int64)
_STEP, _CURVE = 1e-5, 1e-3
# Log-likelihood a Newton step may still gain at a maximum.
_GAIN = 0.01
# Two searches found the same maximum: difference of deviances, and of coefficients in standard errors.
_SAME, _NEAR = 0.1, 0.25
# Logarithms of standard deviations in units of the common scale.
_LOG = (-9.0, 2.0)
# A speed that doubles within a third of a step is no oscillation these occasions could show.
_LARGEST_REAL = 2.0


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class OscillatorFit:
    """Both members' equations at the optimum.

    Attributes
    ----------
    value, std_error : (2, 4) arrays
        Per member: own position and speed, partner's position and speed. Errors from the observed information, as
        if the variances had been divided by ``df`` and not by the number of values.
    df : int
        Values less the eight coefficients, the two straight lines taken off before and the four numbers with which
        each stretch begins.
    noise, error : (2,) arrays
        Standard deviations of the shocks to the speeds per root of a step, and of measurement.
    log_likelihood : float
    converged : bool
    """

    value: Array
    std_error: Array
    df: int
    noise: Array
    error: Array
    log_likelihood: float
    converged: bool


def fit_oscillators(rest: Array, step: Array, start: Array) -> OscillatorFit:
    """Fit by maximum likelihood from five starts, most of which must agree; where each stretch begins is free.

    Parameters
    ----------
    rest : (T, 2) array
        Deviations from the equilibrium; NaN where missing.
    step : (T,) array
        Strictly increasing clock in steps; a leap of more than 50 begins a new stretch.
    start : (2, 4) array
        Coefficients to begin from.

    Returns
    -------
    OscillatorFit
    """
    from scipy.optimize import minimize

    series, gaps, scale = _usable_stretches(rest, step)

    def values_at(theta: Array) -> Array:
        return _deviances(theta, series, gaps)

    def objective(theta: Array) -> tuple[float, Array]:
        size = len(theta)
        moved = theta + _STEP * np.vstack([np.eye(size), -np.eye(size), np.zeros(size)])
        values = values_at(moved)
        return float(values[-1]), (values[:size] - values[size : 2 * size]) / (2 * _STEP)

    bounds = [(-8.0, 2.0)] * 8 + [_LOG] * 4
    ends = [
        minimize(objective, theta, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 300})
        for theta in _starts(start)
    ]
    best = _highest(ends)
    theta = np.asarray(best.x)
    low, high = np.array(bounds).T
    inside = (theta > low + 1e-6) & (theta < high - 1e-6)
    deviance, gradient = objective(theta)
    covariance = _information(values_at, theta, inside)
    df = series.n - 12 - 4 * series.n_segments
    widened = np.diag(covariance) * (series.n / df if df > 0 else math.nan)
    spread = np.sqrt(np.where(widened > 0, widened, math.nan))
    log_likelihood = -0.5 * deviance - series.n * math.log(scale)
    converged = deviance < IMPOSSIBLE / 2 and _at_maximum(theta, gradient, covariance, inside, low)
    converged = converged and _found_often(ends, best, np.sqrt(np.abs(np.diag(covariance)[:8])))
    return OscillatorFit(
        theta[:8].reshape(2, 4),
        spread[:8].reshape(2, 4),
        df,
        np.exp(theta[8:10]) * scale,
        np.exp(theta[10:]) * scale,
        log_likelihood,
        converged,
    )


def _starts(start: Array) -> list[Array]:
    """Small and large shocks; with the large ones also a quicker swing, less damping and no tie, or both."""
    other = ([1.0, 1.0, 1.0, 1.0], [1.4, 1.0, 1.0, 1.0], [1.0, 0.5, 0.0, 0.0], [1.4, 0.5, 0.0, 0.0])
    large = [np.concatenate([(start * one).ravel(), np.full(4, -1.5)]) for one in other]
    return [np.concatenate([start.ravel(), np.full(2, -4.0), np.full(2, -2.0)]), *large]


def _highest(ends: Sequence[Any]) -> Any:
    """Where the likelihood is highest; of ends as good as equal the earlier."""
    best = ends[0]
    for place, end in enumerate(ends[1:], start=1):
        best = end if end.fun < best.fun - (1e-9 if place == 1 else _GAIN) else best
    return best


def _found_often(ends: Sequence[Any], best: Any, error: Array) -> bool:
    """Whether most starts ended at the same likelihood with the same coefficients.

    Series that do not swing have a rugged likelihood with many maxima, and rounding decides which of them a search
    finds; that of two oscillators is found from nearly everywhere.
    """
    apart = np.array([np.abs(end.x[:8] - best.x[:8]) for end in ends])
    near = (apart <= _NEAR * np.nan_to_num(error) + 1e-6).all(axis=1)
    return bool(2 * (near & (np.array([end.fun for end in ends]) < best.fun + _SAME)).sum() > len(ends))


def _at_maximum(theta: Array, gradient: Array, covariance: Array, inside: Flags, low: Array) -> bool:
    """Whether a Newton step gains next to nothing, and no bound holds back a rise.

    The step is judged by what it would gain, which no choice of units changes; raw gradients are large wherever a
    parameter is known sharply.
    """
    within = covariance[np.ix_(inside, inside)]
    gain = float(gradient[inside] @ within @ gradient[inside]) / 8
    outward = np.where(theta <= low + 1e-6, -gradient, gradient)[~inside]
    return bool(np.isfinite(gain) and 0 <= gain < _GAIN and outward.max(initial=0.0) <= _GAIN)


def _usable_stretches(rest: Array, step: Array) -> tuple[Observations, Array, float]:
    """Stretches with enough values for a free start, on the distinct gaps of the clock."""
    from reldyn.coupling.autoregression._process import LONGEST

    gap = np.diff(step, prepend=step[0])
    stretch = np.cumsum(gap > LONGEST)
    seen = np.isfinite(rest)
    # Two values of each member fix where it began; one more says something about the way on.
    enough = np.array([int(seen[stretch == one].sum(axis=0).min()) >= 3 for one in range(int(stretch[-1]) + 1)])
    rows = np.flatnonzero(enough[stretch])
    if not len(rows):
        rows = np.arange(len(rest))
    scale = math.sqrt(float(np.mean(np.nanvar(rest[rows], axis=0))))
    data = np.where(seen[rows], rest[rows] / scale, 0.0)[:, :, None]
    gaps, kind = np.unique(np.where(gap[rows] > LONGEST, 1.0, np.maximum(gap[rows], 1e-9)), return_inverse=True)
    _, segment = np.unique(stretch[rows], return_inverse=True)
    series = Observations(data, np.ascontiguousarray(seen[rows]), kind.astype(np.int64), segment.astype(np.int64), 4)
    return series, gaps, scale


def _drift(theta: Array) -> Array:
    """(n, 4, 4): position and speed of the first, then of the second member."""
    drift = np.zeros((len(theta), 4, 4))
    drift[:, 0, 1] = drift[:, 2, 3] = 1.0
    drift[:, 1, :] = theta[:, :4]
    drift[:, 3, 2:], drift[:, 3, :2] = theta[:, 4:6], theta[:, 6:8]
    return drift


def _deviances(theta: Array, series: Observations, gaps: Array) -> Array:
    from scipy.linalg import expm

    drift = _drift(theta)
    growth = np.linalg.eigvals(drift).real.max(axis=1)
    allowed = growth < _LARGEST_REAL
    used = np.where(allowed[:, None, None], drift, 0.0)
    shock = np.zeros(drift.shape)
    shock[:, 1, 1], shock[:, 3, 3] = np.exp(2 * theta[:, 8]), np.exp(2 * theta[:, 9])
    pair = np.zeros((len(theta), 8, 8))
    pair[:, :4, :4], pair[:, :4, 4:], pair[:, 4:, 4:] = -used, shock, used.transpose(0, 2, 1)
    grown = expm(pair[:, None] * gaps[None, :, None, None])
    transition = np.swapaxes(grown[:, :, 4:, 4:], -1, -2)
    noise = transition @ grown[:, :, :4, 4:]
    noise = (noise + np.swapaxes(noise, -1, -2)) / 2
    space = StateSpace(transition, noise, np.zeros(noise.shape), np.exp(2 * theta[:, 10:12]), _CHANNELS)
    # Maximum likelihood given the free starts: restricted, their speed at odd frequencies would count as information.
    return np.where(allowed, deviances(series, space, restricted=False), IMPOSSIBLE)


def _information(values_at: object, theta: Array, inside: Flags) -> Array:
    """Inverse of half the second derivatives of the deviance; parameters at a bound count as known."""
    free = np.flatnonzero(inside)
    if not len(free):
        return np.full((len(theta), len(theta)), math.nan)
    rows, columns = np.tril_indices(len(free))
    unit = _CURVE * np.eye(len(theta))[free]
    points = []
    for a, b in zip(rows, columns, strict=True):
        points += [theta + unit[a] + unit[b], theta - unit[a] - unit[b], theta + unit[a] - unit[b]]
        points += [theta - unit[a] + unit[b]]
    values = values_at(np.array(points)).reshape(-1, 4)  # type: ignore[operator]
    curve = np.zeros((len(free), len(free)))
    curve[rows, columns] = (values[:, 0] + values[:, 1] - values[:, 2] - values[:, 3]) / (4 * _CURVE**2)
    curve[columns, rows] = curve[rows, columns]
    covariance = np.full((len(theta), len(theta)), math.nan)
    if np.isfinite(curve).all() and float(np.linalg.eigvalsh(curve)[0]) > 0:
        covariance[np.ix_(free, free)] = 2 * np.linalg.inv(curve)
    return covariance
