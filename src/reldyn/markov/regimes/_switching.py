"""The switching-intercept vector autoregression, fitted by EM to many series of one design side by side.

y_t = mu_{s(t)} + A' y_{t-1} + B' x_t + e_t with K states, one lag matrix by day and one by night, covariates
x and one full covariance (Hamilton, 1990). Every array has the batch in front. A missing occasion carries no
emission; where it is the lag of the next, it is replaced by its one-step prediction given the past and the
filtered state. With one state this is the linear model itself, so both hypotheses treat gaps alike.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from reldyn._kernels import Kernels, chosen_kernels
from reldyn._types import Array, Flags, Ints
from reldyn.markov._batch import Batch
from reldyn.stats import lag_columns

LOG_2PI = float(np.log(2 * np.pi))
# Keeps columns that are constant zero (no nights, a covariate without variance) at coefficient zero.
RIDGE = 1e-8
# Keeps the covariance of two channels that say the same invertible.
NEARLY_ONE = 1 + 1e-7
# Log density relative to the likeliest state, at least: no state is ruled out altogether by one answer.
UNLIKELIEST = -200.0
# Totals and norms are never smaller: numbers that are to be divided by.
LEAST = 1e-290
# Added to every expected transition count: no transition is ruled out by one short series.
PSEUDO_COUNT = 0.1


@dataclasses.dataclass(frozen=True, slots=True)
class SwitchingData:
    """Series of one design.

    Attributes
    ----------
    y : (n_series, n_occasions, n_channels) array
        Zero where missing.
    observed : (n_occasions,) bool array
        Common to all series.
    night : (n_occasions,) bool array
        Whether the lag reaches over a night.
    x : (n_series, n_occasions, n_covariates) array
        Covariates without a constant.
    floor : (n_series, n_channels) array
        Smallest variance of the noise; .001 by default.
    """

    y: Array
    observed: Flags
    night: Flags
    x: Array
    floor: Array = dataclasses.field(default_factory=lambda: np.full((1, 1), 1e-3))

    def __post_init__(self) -> None:
        object.__setattr__(self, "floor", np.broadcast_to(self.floor, (len(self.y), self.y.shape[2])))

    def take(self, index: Ints) -> SwitchingData:
        """Series by position, repeats allowed."""
        return SwitchingData(self.y[index], self.observed, self.night, self.x[index], self.floor[index])


@dataclasses.dataclass(frozen=True, slots=True)
class SwitchingFit(Batch):
    """A batch of fits; enough to go on from.

    Attributes
    ----------
    log_likelihood : (n_series,) array
    coefficients : (n_series, K + 2 C + R, C) array
        Rows: state means, lag by day, lag by night, covariates.
    covariance : (n_series, C, C) array
    transition : (n_series, K, K) array
    posterior : (n_series, T, K) array
    counts : (n_series, K, K) array
        Expected transitions.
    filled : (n_series, T, C) array
        ``y`` with predictions where it was missing.
    """

    log_likelihood: Array
    coefficients: Array
    covariance: Array
    transition: Array
    posterior: Array
    counts: Array
    filled: Array

    @property
    def n_states(self) -> int:
        """Number of states."""
        return int(self.posterior.shape[2])

    @property
    def means(self) -> Array:
        """(n_series, K, C) state intercepts."""
        return self.coefficients[:, : self.n_states]


def fit_switching(
    data: SwitchingData,
    posterior: Array,
    *,
    n_iterations: int,
    tolerance: float = 1e-6,
    start: SwitchingFit | None = None,
    memory: MemoryPrior | None = None,
    kernels: Kernels | None = None,
) -> SwitchingFit:
    """Run EM on every series from given posteriors.

    Parameters
    ----------
    data : SwitchingData
    posterior : (n_series, T, K) array
        State probabilities to start from; ignored when ``start`` is given.
    n_iterations : int
        At most so many steps; the likelihood returned belongs to the parameters returned.
    tolerance : float, default 1e-6
        A series rests once its log-likelihood moves by less.
    start : SwitchingFit, optional
        Go on from here.
    memory : MemoryPrior, optional
        Flat by default. It is no part of the log-likelihood returned.
    kernels : {"numpy", "numba"}, optional

    Returns
    -------
    SwitchingFit
    """
    if start is None:
        counts = np.einsum("ntj,ntk->njk", posterior[:, :-1], posterior[:, 1:])
        filled = np.where(data.observed[None, :, None], data.y, 0.0)
    else:
        posterior, counts, filled = start.posterior, start.counts, start.filled
    if chosen_kernels(kernels) == "numba":
        from reldyn.markov.regimes._switching_numba import run_batch

        prior = MemoryPrior(0.0, 0.0) if memory is None else memory
        return SwitchingFit(
            *run_batch(
                *contiguous(data),
                np.array(posterior),
                np.array(counts),
                np.array(filled),
                prior.lags(data.y.shape[2]),
                float(prior.occasions),
                int(n_iterations),
                float(tolerance),
            )
        )
    return _run(data, np.array(posterior), np.array(counts), np.array(filled), n_iterations, tolerance, memory)


def log_likelihood_at(data: SwitchingData, coefficients: Array, covariance: Array, transition: Array) -> Array:
    """Give the log-likelihood of every series at fixed parameters: (n_series,) array."""
    return expect(data, coefficients, covariance, transition)[0]


def contiguous(data: SwitchingData) -> tuple[Array, Flags, Flags, Array, Array]:
    """The arrays of a batch as compiled kernels take them."""
    return (
        np.ascontiguousarray(data.y),
        np.ascontiguousarray(data.observed),
        np.ascontiguousarray(data.night),
        np.ascontiguousarray(data.x),
        np.ascontiguousarray(data.floor),
    )


def _run(
    data: SwitchingData,
    posterior: Array,
    counts: Array,
    filled: Array,
    n_iterations: int,
    tolerance: float,
    memory: MemoryPrior | None,
) -> SwitchingFit:
    n, _, n_states = posterior.shape
    n_rows = n_states + 2 * data.y.shape[2] + data.x.shape[2]
    out = SwitchingFit(
        np.full(n, -np.inf),
        np.zeros((n, n_rows, data.y.shape[2])),
        np.zeros((n, data.y.shape[2], data.y.shape[2])),
        np.zeros((n, n_states, n_states)),
        posterior,
        counts,
        filled,
    )

    def step(part: SwitchingData, fit: SwitchingFit) -> tuple[Array, ...]:
        coefficients, covariance = maximise(part, fit.posterior, fit.filled, memory=memory)
        transition = transition_from(fit.counts)
        value, gamma, moved, lagged = expect(part, coefficients, covariance, transition)
        return value, coefficients, covariance, transition, gamma, moved, lagged

    repeat_steps(out, data, step, n_iterations, tolerance)
    return out


def repeat_steps(
    out: Any, data: SwitchingData, step: Callable[[SwitchingData, Any], tuple[Array, ...]], most: int, tolerance: float
) -> None:
    """Repeat an EM step, in place, on the series whose log-likelihood still changes by the tolerance or more.

    Parameters
    ----------
    out : dataclass of arrays, one row per series
        ``log_likelihood`` first; it has a method ``take``.
    data : SwitchingData
    step : callable
        From data and fits of some series to new values of all fields, in their order.
    most : int
        Steps at most.
    tolerance : float
    """
    active = np.arange(len(out.log_likelihood))
    for _ in range(most):
        results = step(data.take(active), out.take(active))
        change = np.abs(results[0] - out.log_likelihood[active])
        for field, result in zip(dataclasses.fields(out), results, strict=True):
            getattr(out, field.name)[active] = result
        active = active[~(change < tolerance)]
        if len(active) == 0:
            break


def transition_from(counts: Array) -> Array:
    """Turn expected transitions into probabilities."""
    raised = counts + PSEUDO_COUNT
    return np.asarray(raised / raised.sum(axis=2, keepdims=True))


@dataclasses.dataclass(frozen=True, slots=True)
class MemoryPrior:
    """What is known beforehand of the memory of answers between changes of phase.

    Attributes
    ----------
    mean : float
        Of a channel's lag on itself by day; other lags have mean zero.
    occasions : float
        Occasions that every lag is worth: its prior SD is that of the noise over the root of this.
    """

    mean: float
    occasions: float

    def lags(self, channels: int) -> Array:
        """(2 C, C) means by day and by night."""
        return np.concatenate([self.mean * np.eye(channels), np.zeros((channels, channels))])

    def log_density(self, coefficients: Array, covariance: Array, n_states: int) -> Array:
        """(n,) log density of (n, K + 2 C + R, C) coefficients less that at its mode."""
        return lag_density(coefficients, covariance, self.lags(covariance.shape[1]), self.occasions, n_states)


def lag_density(coefficients: Array, covariance: Array, lags: Array, occasions: float, first: int) -> Array:
    """(n,) log density of lags, whose rows of the coefficients begin at ``first``, less that at its mode."""
    away = coefficients[:, first : first + len(lags)] - lags
    return np.asarray(-0.5 * occasions * np.einsum("nrc,ncd,nrd->n", away, np.linalg.inv(covariance), away))


def lean(lags: Array, occasions: float, first: int, gram: Array, right: Array) -> Array:
    """Add a prior of the lags, whose rows of the regression begin at ``first``, to its moments, as occasions.

    Each occasion is one at which one lagged channel was 1, all else was 0, and the answers are its lags.

    Returns
    -------
    (C, C) what the prior adds to the products of the answers
    """
    places = first + np.arange(len(lags))
    gram[:, places, places] += occasions
    right[:, places] += occasions * lags
    return np.asarray(occasions * lags.T @ lags)


def maximise(
    data: SwitchingData,
    posterior: Array,
    filled: Array,
    design: Array | None = None,
    memory: MemoryPrior | None = None,
) -> tuple[Array, Array]:
    """Regress the observed occasions on states, lags and covariates, weighted by the posterior.

    Parameters
    ----------
    data : SwitchingData
    posterior : (n, T, S) array
    filled : (n, T, C) array
    design : (S, K) array, optional
        Share of each of K levels in each state; every state has its own level by default.
    memory : MemoryPrior, optional
        Flat by default.

    Returns
    -------
    (n, K + 2 C + R, C) coefficients and (n, C, C) covariance
    """
    answered = data.observed
    weight, y = posterior[:, answered], data.y[:, answered]
    shared = np.concatenate([lag_columns(filled, data.night), data.x], axis=2)[:, answered]
    mass = weight.sum(axis=1)
    n_states = weight.shape[2] if design is None else design.shape[1]
    n_rows = n_states + shared.shape[2]
    gram = np.zeros((len(y), n_rows, n_rows))
    states = np.arange(n_states)
    if design is None:
        gram[:, states, states] = mass
    else:
        gram[:, :n_states, :n_states] = np.matmul(design.T, mass[:, :, None] * design)
        weight = np.matmul(weight, design)
    cross = np.matmul(weight.transpose(0, 2, 1), shared)
    gram[:, :n_states, n_states:], gram[:, n_states:, :n_states] = cross, cross.transpose(0, 2, 1)
    gram[:, n_states:, n_states:] = np.matmul(shared.transpose(0, 2, 1), shared)
    right = np.concatenate([np.matmul(weight.transpose(0, 2, 1), y), np.matmul(shared.transpose(0, 2, 1), y)], axis=1)
    total = np.matmul(y.transpose(0, 2, 1), y)
    if memory is not None:
        total = total + lean(memory.lags(y.shape[2]), memory.occasions, n_states, gram, right)
    n_answered = max(int(answered.sum()), 1)
    coefficients = np.linalg.solve(gram + RIDGE * n_answered * np.eye(n_rows), right)
    explained = np.matmul(coefficients.transpose(0, 2, 1), right)
    fitted = np.matmul(coefficients.transpose(0, 2, 1), np.matmul(gram, coefficients))
    covariance = (total - explained - explained.transpose(0, 2, 1) + fitted) / n_answered
    channels = np.arange(y.shape[2])
    covariance[:, channels, channels] = np.maximum(covariance[:, channels, channels], data.floor) * NEARLY_ONE
    return coefficients, definite(covariance)


def definite(covariance: Array) -> Array:
    """Keep correlations of (n, C, C) covariances inside -1 and 1, which sums of nearly equal numbers may leave."""
    spread = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    most = spread[:, :, None] * spread[:, None, :] / NEARLY_ONE
    own = np.eye(spread.shape[1], dtype=bool)
    return np.where(own, covariance, np.clip(covariance, -most, most))


def expect(
    data: SwitchingData, coefficients: Array, covariance: Array, transition: Array
) -> tuple[Array, Array, Array, Array]:
    """Run the scaled forward-backward pass.

    Returns
    -------
    (n,) log-likelihood, (n, T, K) posterior, (n, K, K) expected transitions, (n, T, C) filled series
    """
    n_states = transition.shape[1]
    emission = Emission(data, coefficients, covariance, n_states)
    n, n_occasions = data.y.shape[:2]
    forward = np.empty((n, n_occasions, n_states))
    weights = np.ones((n, n_occasions, n_states))
    log_scale = np.zeros((n, n_occasions))
    predicted = np.full((n, n_states), 1.0 / n_states)
    for t in range(n_occasions):
        log_density = emission.log_density(t)
        if log_density is None:
            forward[:, t] = predicted
            emission.fill(t, predicted)
        else:
            top = log_density.max(axis=1)
            density = np.exp(np.maximum(log_density - top[:, None], UNLIKELIEST))
            joint = predicted * density
            total = np.maximum(joint.sum(axis=1), LEAST)
            forward[:, t] = joint / total[:, None]
            weights[:, t] = density / total[:, None]
            log_scale[:, t] = np.log(total) + top
        predicted = np.matmul(forward[:, t, None, :], transition)[:, 0]
    posterior, weighted = _backward(forward, weights, transition)
    counts = transition * np.matmul(forward[:, :-1].transpose(0, 2, 1), weighted[:, 1:])
    return log_scale.sum(axis=1), posterior, counts, emission.filled


def _backward(forward: Array, weights: Array, transition: Array) -> tuple[Array, Array]:
    """Smooth: (n, T, K) posterior and (n, T, K) density times backward variable."""
    posterior, weighted = forward.copy(), np.ones_like(weights)
    ahead = np.ones_like(forward[:, 0])
    turned = transition.transpose(0, 2, 1)
    for t in range(forward.shape[1] - 1, 0, -1):
        weighted[:, t] = weights[:, t] * ahead
        ahead = np.matmul(weighted[:, t, None, :], turned)[:, 0]
        posterior[:, t - 1] = forward[:, t - 1] * ahead
    return posterior / np.maximum(posterior.sum(axis=2, keepdims=True), LEAST), weighted


class Emission:
    """Gaussian densities given the past, computed at once where the lag was observed, else on the way."""

    def __init__(self, data: SwitchingData, coefficients: Array, covariance: Array, n_states: int) -> None:
        channels = data.y.shape[2]
        self._data = data
        self._means = coefficients[:, :n_states]
        day = coefficients[:, n_states : n_states + channels]
        self._lags = (day, coefficients[:, n_states + channels : n_states + 2 * channels])
        root = np.linalg.cholesky(covariance)
        self._whitener = np.linalg.inv(root).transpose(0, 2, 1)
        diagonal = np.diagonal(root, axis1=1, axis2=2)
        self._constant = -0.5 * channels * LOG_2PI - np.log(diagonal).sum(axis=1)
        self.filled = np.where(data.observed[None, :, None], data.y, 0.0)
        lags = lag_columns(self.filled, data.night)
        self._outer = np.matmul(data.x, coefficients[:, n_states + 2 * channels :])
        self._base = self._outer + np.matmul(lags, coefficients[:, n_states : n_states + 2 * channels])
        self.known = self._densities(data.y - self._base)

    def _densities(self, residual: Array) -> Array:
        """(n, ..., C) residuals before the state means to (n, ..., K) log densities."""
        middle = residual.reshape(len(residual), -1, 1, residual.shape[-1]) - self._means[:, None]
        white = np.matmul(middle, self._whitener[:, None])
        values = self._constant[:, None, None] - 0.5 * (white**2).sum(axis=3)
        return np.reshape(values, (*residual.shape[:-1], self._means.shape[1]))

    def log_density(self, t: int) -> Array | None:
        """(n, K) log densities at t; None where nothing was observed."""
        lag_missing = t > 0 and not self._data.observed[t - 1]
        if lag_missing:
            lag = np.matmul(self.filled[:, t - 1, None, :], self._lags[int(self._data.night[t])])[:, 0]
            self._base[:, t] = self._outer[:, t] + lag
        if not self._data.observed[t]:
            return None
        return self._densities(self._data.y[:, t] - self._base[:, t]) if lag_missing else self.known[:, t]

    def fill(self, t: int, state: Array) -> None:
        """Replace a missing occasion by its prediction."""
        self.filled[:, t] = self._base[:, t] + np.matmul(state[:, None, :], self._means)[:, 0]
