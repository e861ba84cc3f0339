"""Exact likelihood of a linear Gaussian state space with two observed channels, any value of which may be missing.

Coefficients of regressors and free starting states enter by augmented filtering (de Jong 1991, Annals of Statistics
19, 1073-1083): the filter runs on the outcome and on every regressor at once, and generalised least squares on its
innovations takes the coefficients out. What is left is the restricted likelihood of the covariance parameters.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._kernels import chosen_kernels
from reldyn._types import Array, Flags, Ints

__all__ = ["Profile", "Series", "StateSpace", "coefficients", "deviances", "filtered"]

_LOG_2PI = float(np.log(2 * np.pi))
# A deviance no optimum can have, where a parameter gives no likelihood.
IMPOSSIBLE = 1e12


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Series:
    """What is observed, and where it is cut.

    Attributes
    ----------
    data : (T, 2, C) array
        The outcome in column 0, then regressors; 0 where missing.
    seen : (T, 2) bool array
    kind : (T,) int array
        Which transition leads into the occasion.
    segment : (T,) int array
        Ascending from 0; a segment begins from the starting law.
    n_free : int
        Free starting values per segment: 0, or the size of the state.
    """

    data: Array
    seen: Flags
    kind: Ints
    segment: Ints
    n_free: int = 0

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return int(self.segment[-1]) + 1

    @property
    def n(self) -> int:
        """Number of observed values."""
        return int(self.seen.sum())


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class StateSpace:
    """Matrices of n parameter values; m states, K kinds of transition.

    Attributes
    ----------
    transition, noise : (n, K, m, m) arrays
        Into the occasion: matrix, and covariance of what is new.
    first : (n, K, m, m) array
        Covariance of the state at the start of a segment whose first occasion is of kind k; zero where it is free.
    error : (n, 2) array
        Variances of measurement error.
    channel : (2,) int array
        Which state each channel shows.
    """

    transition: Array
    noise: Array
    first: Array
    error: Array
    channel: Ints


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Coefficients by generalised least squares at fixed covariance parameters.

    Attributes
    ----------
    beta : (C - 1,) array
    covariance : (C - 1, C - 1) array
    """

    beta: Array
    covariance: Array


def deviances(series: Series, space: StateSpace, *, restricted: bool = True) -> Array:
    """Minus twice the log-likelihood under each parameter value, coefficients and free starts taken out.

    Parameters
    ----------
    series : Series
    space : StateSpace
    restricted : bool, default True
        Whether to count the information that coefficients cost.

    Returns
    -------
    (n,) array
        A very large number where the parameters give no likelihood.
    """
    log_det, cross = _cross_products(series, space)
    return np.array([_deviance(series, one, inner, restricted) for one, inner in zip(log_det, cross, strict=True)])


def coefficients(series: Series, space: StateSpace) -> Profile:
    """Coefficients of the regressors under the first parameter value.

    Parameters
    ----------
    series : Series
    space : StateSpace

    Returns
    -------
    Profile
    """
    _, cross = _cross_products(series, space)
    inner, _ = _absorbed(cross[0], series.n_free)
    covariance = np.asarray(np.linalg.inv(inner[1:, 1:]), dtype=float)
    return Profile(covariance @ inner[1:, 0], covariance)


def _cross_products(series: Series, space: StateSpace) -> tuple[Array, Array]:
    """Log determinants (n,) and cross products of innovations (n, S, C + n_free, C + n_free)."""
    arguments = (
        np.ascontiguousarray(space.transition),
        np.ascontiguousarray(space.noise),
        np.ascontiguousarray(space.first),
        np.ascontiguousarray(space.error),
        np.asarray(space.channel, dtype=np.int64),
        np.ascontiguousarray(series.data),
        series.seen,
        series.kind,
        series.segment,
        series.n_free,
    )
    if chosen_kernels() == "numba":
        from reldyn.coupling.autoregression._kalman_numba import cross_products

        log_det, cross = cross_products(*arguments)
        return np.asarray(log_det), np.asarray(cross)
    return _batched(*arguments)


def _batched(
    transition: Array,
    noise: Array,
    first: Array,
    error: Array,
    channel: Ints,
    data: Array,
    seen: Flags,
    kind: Ints,
    segment: Ints,
    n_free: int,
) -> tuple[Array, Array]:
    """All parameter values at once, occasion by occasion."""
    n, _, m, _ = transition.shape
    columns = data.shape[2] + n_free
    start = np.zeros((m, columns))
    start[:, data.shape[2] :] = -np.eye(m)[:, :n_free]
    log_det, cross = np.zeros(n), np.zeros((n, int(segment[-1]) + 1, columns, columns))
    state, spread = np.tile(start, (n, 1, 1)), first[:, kind[0]].copy()
    observed = np.zeros(columns)
    for t in range(len(data)):
        if t > 0 and segment[t] == segment[t - 1]:
            matrix = transition[:, kind[t]]
            state = matrix @ state
            spread = matrix @ spread @ matrix.transpose(0, 2, 1) + noise[:, kind[t]]
        elif t > 0:
            state, spread = np.tile(start, (n, 1, 1)), first[:, kind[t]].copy()
        for c in range(2):
            if not seen[t, c]:
                continue
            h = channel[c]
            observed[: data.shape[2]] = data[t, c]
            variance = spread[:, h, h] + error[:, c]
            variance = np.where(variance > 0, variance, np.nan)
            rest = observed - state[:, h]
            gain = spread[:, :, h] / variance[:, None]
            log_det += np.log(variance)
            cross[:, segment[t]] += rest[:, :, None] * rest[:, None, :] / variance[:, None, None]
            state = state + gain[:, :, None] * rest[:, None, :]
            spread = spread - gain[:, :, None] * gain[:, None, :] * variance[:, None, None]
    return log_det, cross


def _absorbed(cross: Array, n_free: int) -> tuple[Array, float]:
    """Sum segments after taking out each one's free start: (C, C) and the log determinant this costs."""
    if n_free == 0:
        return cross.sum(axis=0), 0.0
    kept = cross.shape[1] - n_free
    inner, cost = np.zeros((kept, kept)), 0.0
    for one in cross:
        sign, log_det = np.linalg.slogdet(one[kept:, kept:])
        if sign <= 0:
            return np.full((kept, kept), np.nan), np.nan
        inner += one[:kept, :kept] - one[:kept, kept:] @ np.linalg.solve(one[kept:, kept:], one[kept:, :kept])
        cost += float(log_det)
    return inner, cost


def _deviance(series: Series, log_det: float, cross: Array, restricted: bool) -> float:
    if not np.isfinite(log_det) or not np.isfinite(cross).all():
        return IMPOSSIBLE
    inner, cost = _absorbed(cross, series.n_free)
    if not np.isfinite(cost):
        return IMPOSSIBLE
    taken = series.n_free * series.n_segments
    rest = float(inner[0, 0])
    k = len(inner) - 1
    log_information = 0.0
    if k:
        sign, log_information = np.linalg.slogdet(inner[1:, 1:])
        if sign <= 0:
            return IMPOSSIBLE
        rest -= float(inner[0, 1:] @ np.linalg.solve(inner[1:, 1:], inner[1:, 0]))
    value = log_det + rest + series.n * _LOG_2PI
    if restricted:
        value += cost + log_information - (k + taken) * _LOG_2PI
    return value


def filtered(series: Series, space: StateSpace, beta: Array) -> tuple[Array, Array]:
    """Smoothed state of one parameter value, the regressors' part taken off.

    Parameters
    ----------
    series : Series
        With at most one free start per segment, which is then estimated.
    space : StateSpace
        The first parameter value is used.
    beta : (C - 1,) array

    Returns
    -------
    state : (T, m) array
    spread : (T, m) array
        Standard deviations, those of a free start apart.
    """
    rest = series.data[:, :, 0] - series.data[:, :, 1:] @ beta
    states = np.zeros((len(rest), space.transition.shape[-1]))
    spreads = np.zeros(states.shape)
    for number in range(series.n_segments):
        rows = np.flatnonzero(series.segment == number)
        states[rows], spreads[rows] = _smoothed(series, space, rest, rows)
    return states, spreads


def _smoothed(series: Series, space: StateSpace, rest: Array, rows: Ints) -> tuple[Array, Array]:
    """Rauch, Tung and Striebel (1965) over one segment; the free start carried as a response to unit starts."""
    m = space.transition.shape[-1]
    n_free = series.n_free
    state = np.zeros((m, 1 + n_free))
    state[:, 1:] = np.eye(m)[:, :n_free]
    spread = space.first[0, series.kind[rows[0]]].copy()
    before: list[tuple[Array, Array]] = []
    after: list[tuple[Array, Array]] = []
    inner = np.zeros((1 + n_free, 1 + n_free))
    for place, t in enumerate(rows):
        if place:
            matrix = space.transition[0, series.kind[t]]
            state, spread = matrix @ state, matrix @ spread @ matrix.T + space.noise[0, series.kind[t]]
        before.append((state, spread))
        for c in range(2):
            if not series.seen[t, c]:
                continue
            h = int(space.channel[c])
            variance = spread[h, h] + space.error[0, c]
            off = -state[h].copy()
            off[0] += rest[t, c]
            inner += np.outer(off, off) / variance
            gain = spread[:, h] / variance
            state, spread = state + np.outer(gain, off), spread - np.outer(gain, gain) * variance
        after.append((state, spread))
    weights = np.ones(1 + n_free)
    if n_free:
        weights[1:] = -np.linalg.solve(inner[1:, 1:], inner[1:, 0])
    states, spreads = np.zeros((len(rows), m)), np.zeros((len(rows), m))
    mean, cover = after[-1][0] @ weights, after[-1][1]
    for place in range(len(rows) - 1, -1, -1):
        if place < len(rows) - 1:
            matrix = space.transition[0, series.kind[rows[place + 1]]]
            back = after[place][1] @ matrix.T @ np.linalg.pinv(before[place + 1][1], hermitian=True)
            mean = after[place][0] @ weights + back @ (mean - before[place + 1][0] @ weights)
            cover = after[place][1] + back @ (cover - before[place + 1][1]) @ back.T
        states[place], spreads[place] = mean, np.sqrt(np.maximum(np.diag(cover), 0.0))
    return states, spreads
