"""A first-order vector autoregression of two partners by exact likelihood: gaps, missing values, measurement error.

The process runs on over missing occasions, so that every answer counts: over k steps its matrix is the k-th power. A
leap of the clock that nobody knows begins anew from the stationary distribution.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from reldyn._records import brief
from reldyn._types import Array, Flags, Ints
from reldyn.stats import (
    IMPOSSIBLE,
    Observations,
    Profile,
    StateSpace,
    coefficients,
    deviances,
    spectral_radius,
    stationary_covariance,
)

__all__ = [
    "Process",
    "ProcessFit",
    "ProcessSeries",
    "fit_process",
    "level_coefficients",
    "process_series",
    "with_reliability",
]

# Beyond so many steps any process of these series has forgotten everything.
LONGEST = 50
# A linear change over the study is followed in so many stairs.
_STAIRS = 24
_LARGEST_ROOT = 0.99
_CHANNELS = np.array([0, 1], dtype=np.int64)
_STEP = 1e-5
_CURVE = 2e-3
_OWN = (-1.2, 1.2)
# A standard deviation below 2 % of the common scale counts as none.
_LOG = (-4.0, 2.0)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ProcessSeries:
    """Two channels on one clock, in common units of scale.

    Attributes
    ----------
    series : Observations
        Outcome and regressors; its kinds are pairs of gap and stair.
    gap : (K,) int array
        Steps of each kind of transition.
    when : (K,) array
        Place of each kind in the study, -.5 at its beginning and .5 at its end.
    scale : float
        Root mean square of both channels' standard deviations; common, so that cross effects keep their ratio.
    """

    series: Observations
    gap: Ints
    when: Array
    scale: float


def process_series(values: Array, step: Array, regressors: Array, *, changing: bool = False) -> ProcessSeries:
    """Arrange occasions for the filter.

    Parameters
    ----------
    values : (T, 2) array
        NaN where missing.
    step : (T,) array
        Strictly increasing clock in steps.
    regressors : (T, k) array
        Act on the level of both channels, with a coefficient for each; the constant included.
    changing : bool, default False
        Whether the process may change over the study.

    Returns
    -------
    ProcessSeries
    """
    seen = np.isfinite(values)
    centre = np.nanmean(values, axis=0)
    scale = math.sqrt(float(np.mean(np.nanvar(values, axis=0))))
    width = regressors.shape[1]
    data = np.zeros((len(values), 2, 1 + 2 * width))
    data[:, :, 0] = np.where(seen, (values - centre) / scale, 0.0)
    for channel in (0, 1):
        data[:, channel, 1 + channel * width : 1 + (channel + 1) * width] = regressors
    elapsed = np.rint(np.diff(step, prepend=step[0])).astype(np.int64)
    segment = np.cumsum(elapsed > LONGEST)
    gap = np.where(elapsed > LONGEST, 1, np.maximum(elapsed, 1))
    stairs = _STAIRS if changing else 1
    stair = np.arange(len(values)) * stairs // len(values)
    code = stair * (LONGEST + 1) + gap
    kinds, kind = np.unique(code, return_inverse=True)
    series = Observations(data, np.ascontiguousarray(seen), kind.astype(np.int64), segment.astype(np.int64))
    when = (kinds // (LONGEST + 1) + 0.5) / stairs - 0.5
    return ProcessSeries(series, (kinds % (LONGEST + 1)).astype(np.int64), when, scale)


@brief
@dataclasses.dataclass(frozen=True, slots=True)
class Process:
    """Which process: the free parameters and what they mean.

    Attributes
    ----------
    error : bool
        Whether every channel has an measurement error of unknown size.
    reliability : (2,) tuple of float, optional
        Known share of each channel's variance that is the process, in place of ``error``.
    trend : bool
        Whether the two cross effects change linearly over the study.
    equal : bool
        Whether the two cross effects are held equal.
    """

    error: bool = False
    trend: bool = False
    equal: bool = False
    reliability: tuple[float, float] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Free parameters: own effects, mean and difference of the cross effects, their changes, noise, error."""
        names = ["own 0", "own 1", "cross", "difference"]
        names += ["cross change", "difference change"] if self.trend else []
        names += ["log sd 0", "log sd 1", "lower"]
        names += ["log error 0", "log error 1"] if self.error else []
        return tuple(name for name in names if not (self.equal and name == "difference"))

    def column(self, theta: Array, name: str) -> Array:
        """One parameter of every value, (n,); 0 where it is not part of the process."""
        names = self.names
        return theta[:, names.index(name)] if name in names else np.zeros(len(theta))

    def matrices(self, theta: Array, when: Array) -> Array:
        """(n, K, 2, 2) one-step matrices, from column to row, at the places ``when``."""
        cross = self.column(theta, "cross")[:, None] + self.column(theta, "cross change")[:, None] * when
        apart = self.column(theta, "difference")[:, None] + self.column(theta, "difference change")[:, None] * when
        phi = np.empty((len(theta), len(when), 2, 2))
        phi[:, :, 0, 0] = self.column(theta, "own 0")[:, None]
        phi[:, :, 1, 1] = self.column(theta, "own 1")[:, None]
        phi[:, :, 1, 0], phi[:, :, 0, 1] = cross + apart / 2, cross - apart / 2
        return phi

    def noise(self, theta: Array) -> Array:
        """(n, 2, 2) covariance of the innovations of one step."""
        root = np.zeros((len(theta), 2, 2))
        root[:, 0, 0] = np.exp(self.column(theta, "log sd 0"))
        root[:, 1, 1] = np.exp(self.column(theta, "log sd 1"))
        root[:, 1, 0] = self.column(theta, "lower")
        return root @ root.transpose(0, 2, 1)

    def error_variance(self, theta: Array, level: Array) -> Array:
        """(n, 2) variances of measurement error; ``level`` (n, 2, 2) is the stationary covariance."""
        if self.reliability is not None:
            known = np.asarray(self.reliability)
            return np.asarray(np.diagonal(level, axis1=1, axis2=2) * (1 - known) / known)
        if not self.error:
            return np.zeros((len(theta), 2))
        return np.exp(2 * np.stack([self.column(theta, f"log error {c}") for c in (0, 1)], axis=1))

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of every free parameter, in units of the common scale."""
        limits = {"own 0": _OWN, "own 1": _OWN, "log sd 0": _LOG, "log sd 1": _LOG, "lower": (-3.0, 3.0)}
        limits |= {"log error 0": _LOG, "log error 1": _LOG}
        return [limits.get(name, (-2.0, 2.0)) for name in self.names]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ProcessFit:
    """The process at its optimum, in the common units of scale.

    Attributes
    ----------
    process : Process
    theta : (p,) array
    covariance : (p, p) array
        From the observed information; NaN where that is no covariance.
    deviance : float
        Minus twice the restricted log-likelihood.
    converged : bool
    phi : (2, 2) array
        One-step matrix in the middle of the study, from column to row.
    level : (2, 2) array
        Stationary covariance of the process without error.
    error : (2,) array
        Error variances.
    """

    process: Process
    theta: Array
    covariance: Array
    deviance: float
    converged: bool
    phi: Array
    level: Array
    error: Array

    def value(self, name: str) -> tuple[float, float]:
        """Estimate and standard error of one free parameter."""
        place = self.process.names.index(name)
        variance = float(self.covariance[place, place])
        return float(self.theta[place]), math.sqrt(variance) if variance > 0 else math.nan

    @property
    def reliability(self) -> Array:
        """Share of each channel's variance that is the process, (2,)."""
        total = np.diag(self.level)
        return np.asarray(total / (total + self.error))


def fit_process(given: ProcessSeries, process: Process, start: ProcessFit | None = None) -> ProcessFit:
    """Maximise the restricted likelihood.

    Parameters
    ----------
    given : ProcessSeries
    process : Process
    start : ProcessFit, optional
        A simpler process to begin from.

    Returns
    -------
    ProcessFit
    """
    from scipy.optimize import minimize

    def objective(theta: Array) -> tuple[float, Array]:
        size = len(theta)
        moved = theta + _STEP * np.vstack([np.eye(size), -np.eye(size), np.zeros(size)])
        values = process_deviances(given, process, moved)
        return float(values[-1]), (values[:size] - values[size : 2 * size]) / (2 * _STEP)

    best = None
    for theta in _starts(process, start):
        found = minimize(objective, theta, jac=True, method="L-BFGS-B", bounds=process.bounds, options={"maxiter": 200})
        if best is None or found.fun < best.fun - 1e-9:
            best = found
    theta = np.asarray(best.x) if best is not None else _starts(process, start)[0]
    gradient = objective(theta)[1]
    low, high = np.array(process.bounds).T
    # A parameter at its bound may want to go on.
    inside = (theta > low + 1e-6) & (theta < high - 1e-6)
    return _described(given, process, theta, inside, float(np.abs(gradient[inside]).max(initial=0.0)))


def process_deviances(given: ProcessSeries, process: Process, theta: Array) -> Array:
    """Minus twice the restricted log-likelihood at n parameter values, (n, p) to (n,)."""
    phi = process.matrices(theta, given.when)
    radius = spectral_radius(phi)
    # Outside the stationary region the process at its edge is taken, and the way out is charged for.
    phi = phi * np.minimum(1.0, _LARGEST_ROOT / np.maximum(radius, 1e-9))[:, :, None, None]
    charge = 1e3 * (np.maximum(radius - _LARGEST_ROOT, 0.0) ** 2).sum(axis=1)
    return np.asarray(deviances(given.series, _space(process, theta, phi, given)) + charge)


def _space(process: Process, theta: Array, phi: Array, given: ProcessSeries) -> StateSpace:
    n, kinds = phi.shape[:2]
    noise = process.noise(theta)
    every = np.broadcast_to(noise[:, None], (n, kinds, 2, 2))
    level = stationary_covariance(phi, every)
    transition, added, gap = phi.copy(), every.copy(), given.gap
    for steps in range(2, int(gap.max()) + 1):
        longer = gap >= steps
        once = phi[:, longer]
        added[:, longer] = once @ added[:, longer] @ np.swapaxes(once, -1, -2) + every[:, longer]
        transition[:, longer] = once @ transition[:, longer]
    error = process.error_variance(theta, level[:, int(np.abs(given.when).argmin())])
    return StateSpace(transition, added, level, error, _CHANNELS)


def _starts(process: Process, start: ProcessFit | None) -> list[Array]:
    plain = {"own 0": 0.3, "own 1": 0.3, "log sd 0": -0.1, "log sd 1": -0.1, "log error 0": -1.5, "log error 1": -1.5}
    if start is not None:
        plain |= dict(zip(start.process.names, start.theta.tolist(), strict=True))
    starts = [np.array([plain.get(name, 0.0) for name in process.names])]
    if not process.error:
        return starts
    # The likelihood with error has several maxima: one with much of it in both, and one with much of it in either.
    noisy = plain | {"log error 0": -0.5, "log error 1": -0.5, "log sd 0": -0.6, "log sd 1": -0.6}
    noisy |= {"own 0": 0.7, "own 1": 0.7, "lower": 0.5 * plain.get("lower", 0.0)}
    others = [noisy]
    if process.equal:
        others += [plain | {f"log error {c}": -0.5, f"log sd {c}": -0.6, f"own {c}": 0.6} for c in (0, 1)]
    starts += [np.array([one.get(name, 0.0) for name in process.names]) for one in others]
    return starts


def _described(given: ProcessSeries, process: Process, theta: Array, inside: Flags, slope: float) -> ProcessFit:
    rows = theta[None]
    phi = np.asarray(process.matrices(rows, np.zeros(1))[0, 0])
    radius = float(spectral_radius(phi))
    shrunk = phi * min(1.0, _LARGEST_ROOT / max(radius, 1e-9))
    deviance, covariance = _information(given, process, theta, inside)
    level = stationary_covariance(shrunk, process.noise(rows)[0])
    converged = bool(slope < 0.05 and radius <= _LARGEST_ROOT and deviance < IMPOSSIBLE / 2)
    error = process.error_variance(rows, level[None])[0]
    return ProcessFit(process, theta, covariance, deviance, converged, phi, level, error)


def _information(given: ProcessSeries, process: Process, theta: Array, inside: Flags) -> tuple[float, Array]:
    """Deviance and inverse of half its second derivatives; parameters at a bound count as known."""
    free = np.flatnonzero(inside)
    rows, columns = np.tril_indices(len(free))
    unit = _CURVE * np.eye(len(theta))[free]
    points = [theta]
    for a, b in zip(rows, columns, strict=True):
        points += [theta + unit[a] + unit[b], theta - unit[a] - unit[b], theta + unit[a] - unit[b]]
        points += [theta - unit[a] + unit[b]]
    values = process_deviances(given, process, np.array(points))
    curve = np.zeros((len(free), len(free)))
    for k, (a, b) in enumerate(zip(rows, columns, strict=True)):
        together = values[1 + 4 * k] + values[2 + 4 * k] - values[3 + 4 * k] - values[4 + 4 * k]
        curve[a, b] = curve[b, a] = together / (4 * _CURVE**2)
    lowest = float(np.linalg.eigvalsh(curve)[0]) if np.isfinite(curve).all() else -1.0
    covariance = np.zeros((len(theta), len(theta)))
    covariance[np.ix_(free, free)] = 2 * np.linalg.inv(curve) if lowest > 1e-6 else math.nan
    return float(values[0]), covariance


def level_coefficients(given: ProcessSeries, fit: ProcessFit) -> Profile:
    """Coefficients of the regressors at the optimum, in units of scale."""
    rows = fit.theta[None]
    return coefficients(given.series, _space(fit.process, rows, fit.process.matrices(rows, given.when), given))


def with_reliability(fit: ProcessFit, reliability: tuple[float, float]) -> Array:
    """One-step matrix that the fitted moments imply if the channels were only so reliable.

    Parameters
    ----------
    fit : ProcessFit
        Of a process without error: its moments of lag 0 and 1 are those of the data.
    reliability : (2,) tuple of float

    Returns
    -------
    (2, 2) array
        NaN where so little reliability contradicts the correlation of the two channels.
    """
    lagged = fit.phi @ fit.level
    left = fit.level - np.diag((1 - np.asarray(reliability)) * np.diag(fit.level))
    if np.linalg.eigvalsh(left)[0] <= 1e-6 * float(np.trace(left)):
        return np.full((2, 2), math.nan)
    return np.asarray(lagged @ np.linalg.inv(left))
