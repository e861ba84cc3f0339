"""Exact likelihood and smoother of a linear Gaussian state space, any value of which may be missing.

Channels have independent measurement errors and enter one after the other, so that nothing larger than a number is
inverted and an occasion with part of its values is no special case (Anderson and Moore, 1979, Optimal Filtering).

Coefficients of regressors and free starting states enter by augmented filtering (de Jong 1991, Annals of Statistics
19, 1073-1083): the filter runs on the outcome and on every regressor at once, and generalised least squares on its
innovations takes the coefficients out. What is left is the restricted likelihood of the covariance parameters.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._kernels import chosen_kernels
from reldyn._types import Array, Flags, Ints
from reldyn.errors import DesignError

__all__ = ["IMPOSSIBLE", "Observations", "Profile", "StateSpace", "coefficients", "deviances", "smoothed"]

_LOG_2PI = float(np.log(2 * np.pi))
# A deviance no optimum can have, where a parameter gives no likelihood.
IMPOSSIBLE = 1e12


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """What is observed, and where a series is cut.

    Attributes
    ----------
    data : (T, C, 1 + p) array
        C channels; the outcome in column 0, then p regressors. 0 where missing.
    observed : (T, C) bool array
    kind : (T,) int array
        Which kind of transition leads into the occasion.
    segment : (T,) int array
        Ascending from 0 without gaps; the state of a segment begins anew.
    n_free : int, default 0
        Free starting values per segment: 0, or the size of the state.
    """

    data: Array
    observed: Flags
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
        return int(self.observed.sum())


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class StateSpace:
    """Matrices at n parameter values; m states, K kinds of transition, C channels.

    Attributes
    ----------
    transition, noise : (n, K, m, m) arrays
        Into the occasion: matrix, and covariance of what is new.
    first : (n, K, m, m) array
        Covariance of the state at the start of a segment whose first occasion is of kind k; zero where it is free.
        The mean is 0.
    error : (n, C) array
        Variances of measurement error.
    channel : (C,) int array
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
    beta : (p,) array
    covariance : (p, p) array
    """

    beta: Array
    covariance: Array


def deviances(series: Observations, space: StateSpace, *, restricted: bool = True) -> Array:
    """Minus twice the log-likelihood at each parameter value, coefficients and free starts taken out.

    Parameters
    ----------
    series : Observations
    space : StateSpace
    restricted : bool, default True
        Whether to count the information that coefficients cost (REML).

    Returns
    -------
    (n,) array
        `IMPOSSIBLE` where the parameters give no likelihood.

    Raises
    ------
    DesignError
        Shapes of ``series`` and ``space`` do not fit.

    Examples
    --------
    Two values of an autoregression of variance 1, its coefficient .5.

    >>> data = np.array([1.0, 0.5])[:, None, None]
    >>> series = Observations(data, np.ones((2, 1), dtype=bool), np.zeros(2, dtype=int), np.zeros(2, dtype=int))
    >>> one = np.ones((1, 1, 1, 1))
    >>> space = StateSpace(0.5 * one, 0.75 * one, one, np.zeros((1, 1)), np.array([0]))
    >>> bool(np.isclose(deviances(series, space)[0], 2 * np.log(2 * np.pi) + np.log(0.75) + 1))
    True
    """
    log_det, cross = _cross_products(series, space)
    return np.array([_deviance(series, one, inner, restricted) for one, inner in zip(log_det, cross, strict=True)])


def coefficients(series: Observations, space: StateSpace) -> Profile:
    """Coefficients of the regressors at the first parameter value.

    Parameters
    ----------
    series : Observations
        With at least one regressor.
    space : StateSpace

    Returns
    -------
    Profile

    Examples
    --------
    The mean of two independent values.

    >>> data = np.array([[[1.0, 1.0]], [[3.0, 1.0]]])
    >>> series = Observations(data, np.ones((2, 1), dtype=bool), np.zeros(2, dtype=int), np.zeros(2, dtype=int))
    >>> one = np.ones((1, 1, 1, 1))
    >>> space = StateSpace(0 * one, one, one, np.zeros((1, 1)), np.array([0]))
    >>> found = coefficients(series, space)
    >>> found.beta.tolist(), found.covariance.tolist()
    ([2.0], [[0.5]])
    """
    _, cross = _cross_products(series, space)
    inner, _ = _absorbed(cross[0], series.n_free)
    covariance = np.asarray(np.linalg.inv(inner[1:, 1:]), dtype=float)
    return Profile(covariance @ inner[1:, 0], covariance)


def _cross_products(series: Observations, space: StateSpace) -> tuple[Array, Array]:
    """Log determinants (n,) and cross products of innovations (n, S, 1 + p + n_free, 1 + p + n_free)."""
    _check(series, space)
    arguments = (
        np.ascontiguousarray(space.transition),
        np.ascontiguousarray(space.noise),
        np.ascontiguousarray(space.first),
        np.ascontiguousarray(space.error),
        np.asarray(space.channel, dtype=np.int64),
        np.ascontiguousarray(series.data),
        np.ascontiguousarray(series.observed),
        np.asarray(series.kind, dtype=np.int64),
        np.asarray(series.segment, dtype=np.int64),
        series.n_free,
    )
    if chosen_kernels() == "numba":
        from reldyn.stats._kalman_numba import cross_products

        log_det, cross = cross_products(*arguments)
        return np.asarray(log_det), np.asarray(cross)
    return _batched(*arguments)


def _check(series: Observations, space: StateSpace) -> None:
    """Refuse shapes that compiled code would read past the end of."""
    n, kinds, m = space.transition.shape[:3]
    n_occasions, channels = series.data.shape[:2]
    square, per_channel = (n, kinds, m, m), (n_occasions, channels)
    fits = (
        all(part.shape == square for part in (space.transition, space.noise, space.first))
        and space.error.shape == (n, channels)
        and space.channel.shape == (channels,)
        and series.observed.shape == per_channel
        and series.kind.shape == series.segment.shape == (n_occasions,)
    )
    if not fits or not n_occasions:
        raise DesignError(
            f"{n_occasions} occasions of {channels} channels do not fit a state space of {m} states: transition, "
            "noise and first are (n, K, m, m), error is (n, C), observed (T, C), kind and segment (T,)."
        )
    bounds = ((series.kind, kinds, "kind"), (space.channel, m, "channel"))
    for values, limit, name in bounds:
        if values.min() < 0 or values.max() >= limit:
            raise DesignError(f"{name} has values from {values.min()} to {values.max()}: use 0 to {limit - 1}.")
    steps = np.diff(series.segment)
    if series.segment[0] != 0 or (steps < 0).any() or (steps > 1).any():
        raise DesignError("segment must begin at 0 and ascend by 0 or 1.")
    if series.n_free not in (0, m):
        raise DesignError(f"n_free={series.n_free}: either no or all {m} states begin freely.")


def _batched(
    transition: Array,
    noise: Array,
    first: Array,
    error: Array,
    channel: Ints,
    data: Array,
    observed: Flags,
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
    row = np.zeros(columns)
    for t in range(len(data)):
        if t > 0 and segment[t] == segment[t - 1]:
            matrix = transition[:, kind[t]]
            state = matrix @ state
            spread = matrix @ spread @ matrix.transpose(0, 2, 1) + noise[:, kind[t]]
        elif t > 0:
            state, spread = np.tile(start, (n, 1, 1)), first[:, kind[t]].copy()
        for c in range(data.shape[1]):
            if not observed[t, c]:
                continue
            h = channel[c]
            row[: data.shape[2]] = data[t, c]
            variance = spread[:, h, h] + error[:, c]
            variance = np.where(variance > 0, variance, np.nan)
            innovation = row - state[:, h]
            gain = spread[:, :, h] / variance[:, None]
            log_det += np.log(variance)
            cross[:, segment[t]] += innovation[:, :, None] * innovation[:, None, :] / variance[:, None, None]
            state = state + gain[:, :, None] * innovation[:, None, :]
            spread = spread - gain[:, :, None] * gain[:, None, :] * variance[:, None, None]
    return log_det, cross


def _absorbed(cross: Array, n_free: int) -> tuple[Array, float]:
    """Sum segments after taking out each one's free start: (1 + p, 1 + p) and the log determinant this costs."""
    if n_free == 0:
        return cross.sum(axis=0), 0.0
    keep = cross.shape[1] - n_free
    inner, cost = np.zeros((keep, keep)), 0.0
    for one in cross:
        sign, log_det = np.linalg.slogdet(one[keep:, keep:])
        if sign <= 0:
            return np.full((keep, keep), np.nan), np.nan
        inner += one[:keep, :keep] - one[:keep, keep:] @ np.linalg.solve(one[keep:, keep:], one[keep:, :keep])
        cost += float(log_det)
    return inner, cost


def _deviance(series: Observations, log_det: float, cross: Array, restricted: bool) -> float:
    if not np.isfinite(log_det) or not np.isfinite(cross).all():
        return IMPOSSIBLE
    inner, cost = _absorbed(cross, series.n_free)
    if not np.isfinite(cost):
        return IMPOSSIBLE
    taken = series.n_free * series.n_segments
    squares = float(inner[0, 0])
    k = len(inner) - 1
    log_information = 0.0
    if k:
        sign, log_information = np.linalg.slogdet(inner[1:, 1:])
        if sign <= 0:
            return IMPOSSIBLE
        squares -= float(inner[0, 1:] @ np.linalg.solve(inner[1:, 1:], inner[1:, 0]))
    value = log_det + squares + series.n * _LOG_2PI
    if restricted:
        value += cost + log_information - (k + taken) * _LOG_2PI
    return value


def smoothed(series: Observations, space: StateSpace, beta: Array) -> tuple[Array, Array]:
    """Smoothed states at the first parameter value, the regressors' part taken off.

    Parameters
    ----------
    series : Observations
        A free start is estimated from its segment.
    space : StateSpace
    beta : (p,) array
        Coefficients of the regressors.

    Returns
    -------
    state : (T, m) array
    spread : (T, m) array
        Standard deviations given the starts: what is not known of a free start is not in them.

    References
    ----------
    Rauch, Tung and Striebel (1965), AIAA Journal 3, 1445-1450.

    Examples
    --------
    A missing value of a random walk between 1 and 3, observed without error.

    >>> data = np.array([1.0, 0.0, 3.0])[:, None, None]
    >>> known = np.array([True, False, True])[:, None]
    >>> series = Observations(data, known, np.zeros(3, dtype=int), np.zeros(3, dtype=int))
    >>> one = np.ones((1, 1, 1, 1))
    >>> space = StateSpace(one, one, one, np.zeros((1, 1)), np.array([0]))
    >>> state, spread = smoothed(series, space, np.empty(0))
    >>> state.ravel().round(6).tolist(), spread.ravel().round(3).tolist()
    ([1.0, 2.0, 3.0], [0.0, 0.707, 0.0])
    """
    _check(series, space)
    outcome = series.data[:, :, 0] - series.data[:, :, 1:] @ beta
    states = np.zeros((len(outcome), space.transition.shape[-1]))
    spreads = np.zeros(states.shape)
    for number in range(series.n_segments):
        rows = np.flatnonzero(series.segment == number)
        states[rows], spreads[rows] = _smoothed(series, space, outcome, rows)
    return states, spreads


def _smoothed(series: Observations, space: StateSpace, outcome: Array, rows: Ints) -> tuple[Array, Array]:
    """One segment; the free start is carried along as the response to unit starts."""
    m = space.transition.shape[-1]
    n_free = series.n_free
    state = np.zeros((m, 1 + n_free))
    state[:, 1:] = np.eye(m)[:, :n_free]
    spread = space.first[0, series.kind[rows[0]]].copy()
    before: list[tuple[Array, Array]] = []
    after: list[tuple[Array, Array]] = []
    inner = np.zeros((1 + n_free, 1 + n_free))
    for position, t in enumerate(rows):
        if position:
            matrix = space.transition[0, series.kind[t]]
            state, spread = matrix @ state, matrix @ spread @ matrix.T + space.noise[0, series.kind[t]]
        before.append((state, spread))
        for c in range(series.data.shape[1]):
            if not series.observed[t, c]:
                continue
            h = int(space.channel[c])
            variance = spread[h, h] + space.error[0, c]
            off = -state[h].copy()
            off[0] += outcome[t, c]
            inner += np.outer(off, off) / variance
            gain = spread[:, h] / variance
            state, spread = state + np.outer(gain, off), spread - np.outer(gain, gain) * variance
        after.append((state, spread))
    weights = np.ones(1 + n_free)
    if n_free:
        weights[1:] = -np.linalg.solve(inner[1:, 1:], inner[1:, 0])
    return _backward(series, space, rows, weights, before, after)


def _backward(
    series: Observations,
    space: StateSpace,
    rows: Ints,
    weights: Array,
    before: list[tuple[Array, Array]],
    after: list[tuple[Array, Array]],
) -> tuple[Array, Array]:
    m = space.transition.shape[-1]
    states, spreads = np.zeros((len(rows), m)), np.zeros((len(rows), m))
    mean, cover = after[-1][0] @ weights, after[-1][1]
    for position in range(len(rows) - 1, -1, -1):
        if position < len(rows) - 1:
            matrix = space.transition[0, series.kind[rows[position + 1]]]
            back = after[position][1] @ matrix.T @ np.linalg.pinv(before[position + 1][1], hermitian=True)
            mean = after[position][0] @ weights + back @ (mean - before[position + 1][0] @ weights)
            cover = after[position][1] + back @ (cover - before[position + 1][1]) @ back.T
        states[position], spreads[position] = mean, np.sqrt(np.maximum(np.diag(cover), 0.0))
    return states, spreads
