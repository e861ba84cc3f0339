"""Surrogates with phases: dwell times of bounded dispersion, and a chain made reversible."""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from collections.abc import Sequence
from math import ceil

import numpy as np

from reldyn._records import brief
from reldyn._types import Array, Flags, Ints


@brief
@dataclasses.dataclass(frozen=True, slots=True)
class PhaseNull:
    """Emission of phases between whose answers something carries over.

    A switching autoregression, y_t = mean of the phase + lag + level + noise, or phases that shift the level at once:
    y_t = mean of the phase + z_t with z_t = lag of z + level + noise.

    Attributes
    ----------
    means : (K, C) array
    lag_day, lag_night : (C, C) arrays
        From row to column.
    covariance : (C, C) array
    level : (T, C) array
        What covariates, time of day and trend add.
    night : (T,) bool array
    shifts : bool, default False
        Whether phases shift the level at once.
    """

    means: Array
    lag_day: Array
    lag_night: Array
    covariance: Array
    level: Array
    night: Flags
    shifts: bool = False


def draw_renewal(
    null: PhaseNull,
    generators: Sequence[np.random.Generator],
    *,
    sojourn_means: Array,
    sojourn_cv: float,
    moves: Array,
) -> Array:
    """Draw series whose phases last ceil(gamma) occasions with one coefficient of variation.

    Parameters
    ----------
    null : PhaseNull
    generators : sequence of numpy Generators
        One per surrogate.
    sojourn_means : (K,) array
        Mean dwell times in occasions, at least 1.
    sojourn_cv : float
        Their coefficient of variation; at .40 the boundary of what counts as a rhythm.
    moves : (K, K) array
        Probability of the next phase; zero diagonal.

    Returns
    -------
    (n_surrogates, T, C) array
        Continuous, a value at every occasion.

    Examples
    --------
    >>> import numpy as np
    >>> zero = np.zeros((1, 1))
    >>> null = PhaseNull(np.array([[0.0], [9.0]]), zero, zero, np.eye(1), np.zeros((50, 1)), np.zeros(50, dtype=bool))
    >>> swap = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> means, generators = np.array([5, 5]), [np.random.default_rng(1)]
    >>> draw = draw_renewal(null, generators, sojourn_means=means, sojourn_cv=0.4, moves=swap)
    >>> draw.shape
    (1, 50, 1)
    """
    paths = renewal_paths(len(null.level), sojourn_means, sojourn_cv, moves, generators)
    return _emit(null, paths, generators)


def draw_on_path(null: PhaseNull, path: Ints, generators: Sequence[np.random.Generator]) -> Array:
    """Draw series that all follow one sequence of phases.

    Parameters
    ----------
    null : PhaseNull
    path : (T,) int array
        Phase of every occasion.
    generators : sequence of numpy Generators

    Returns
    -------
    (n_surrogates, T, C) array

    Examples
    --------
    >>> import numpy as np
    >>> zero = np.zeros((1, 1))
    >>> null = PhaseNull(np.array([[0.0], [9.0]]), zero, zero, np.eye(1), np.zeros((4, 1)), np.zeros(4, dtype=bool))
    >>> drawn = draw_on_path(null, np.array([0, 0, 1, 1]), [np.random.default_rng(1)])
    >>> (drawn[0, :, 0] > 4.5).tolist()
    [False, False, True, True]
    """
    return _emit(null, np.broadcast_to(path, (len(generators), len(path))), generators)


def renewal_paths(
    n_occasions: int, sojourn_means: Array, sojourn_cv: float, moves: Array, generators: Sequence[np.random.Generator]
) -> Ints:
    """Draw one stationary sequence of phases per generator: (n_surrogates, n_occasions) indices."""
    cumulative = np.cumsum(moves, axis=1).tolist()
    paths = np.empty((len(generators), n_occasions), dtype=np.int64)
    for row, rng in enumerate(generators):
        paths[row] = _stationary_path(n_occasions, sojourn_means, sojourn_cv, cumulative, rng)
    return paths


def _stationary_path(
    n_occasions: int, sojourn_means: Array, sojourn_cv: float, cumulative: list[list[float]], rng: np.random.Generator
) -> Ints:
    middle = np.maximum(sojourn_means - 0.5, 0.1)
    variance = np.maximum((sojourn_cv * sojourn_means) ** 2 - 1 / 12, 0.03)
    skipped = int(np.ceil(3 * sojourn_means.sum())) + int(rng.integers(max(int(sojourn_means.sum()), 1)))
    shape, scale = (middle**2 / variance).tolist(), (variance / middle).tolist()
    return _renewal_path(n_occasions + skipped, cumulative, shape, scale, rng)[-n_occasions:]


def _renewal_path(
    needed: int, cumulative: list[list[float]], shape: list[float], scale: list[float], rng: np.random.Generator
) -> Ints:
    uniforms = rng.random(needed + 1).tolist()
    state, total = int(rng.integers(len(shape))), 0
    states, lengths = [], []
    for uniform in uniforms:
        length = max(ceil(rng.gamma(shape[state], scale[state])), 1)
        states.append(state)
        lengths.append(length)
        total += length
        if total >= needed:
            break
        state = min(bisect_right(cumulative[state], uniform), len(shape) - 1)
    return np.repeat(states, lengths)[:needed]


def reversibilise(transition: Array) -> Array:
    """Average a chain with its reversal in time: the same phases and occupancy without net circulation.

    Parameters
    ----------
    transition : (K, K) array
        Rows sum to one; every phase can be left.

    Returns
    -------
    (K, K) array

    Examples
    --------
    >>> import numpy as np
    >>> reversibilise(np.array([[0.8, 0.2, 0.0], [0.0, 0.8, 0.2], [0.2, 0.0, 0.8]])).round(2).tolist()
    [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]
    """
    weight = stationary_distribution(transition)
    turned = transition.T * weight[None, :] / weight[:, None]
    return np.asarray((transition + turned) / 2)


def stationary_distribution(transition: Array) -> Array:
    """Long-run share of every phase: (K,)."""
    size = len(transition)
    system = np.vstack([transition.T - np.eye(size), np.ones(size)])
    solved = np.linalg.lstsq(system, np.append(np.zeros(size), 1.0), rcond=None)[0]
    raised = np.maximum(solved, 1e-9)
    return np.asarray(raised / raised.sum())


def draw_reversible(null: PhaseNull, generators: Sequence[np.random.Generator], *, transition: Array) -> Array:
    """Draw series from the reversibilised chain.

    Parameters
    ----------
    null : PhaseNull
    generators : sequence of numpy Generators
    transition : (K, K) array
        Of the fitted chain; made reversible here.

    Returns
    -------
    (n_surrogates, T, C) array

    Examples
    --------
    >>> import numpy as np
    >>> zero = np.zeros((1, 1))
    >>> null = PhaseNull(np.array([[0.0], [9.0]]), zero, zero, np.eye(1), np.zeros((50, 1)), np.zeros(50, dtype=bool))
    >>> stays = np.array([[0.9, 0.1], [0.1, 0.9]])
    >>> draw_reversible(null, [np.random.default_rng(1)], transition=stays).shape
    (1, 50, 1)
    """
    chain = reversibilise(transition)
    cumulative, distribution = np.cumsum(chain, axis=1), np.cumsum(stationary_distribution(chain))
    n_occasions, top = len(null.level), len(chain) - 1
    uniforms = np.stack([rng.random(n_occasions) for rng in generators])
    paths = np.empty(uniforms.shape, dtype=np.int64)
    paths[:, 0] = np.minimum(np.searchsorted(distribution, uniforms[:, 0], side="right"), top)
    for t in range(1, n_occasions):
        steps = (uniforms[:, t, None] >= cumulative[paths[:, t - 1]]).sum(axis=1)
        paths[:, t] = np.minimum(steps, top)
    return _emit(null, paths, generators)


def _emit(null: PhaseNull, paths: Ints, generators: Sequence[np.random.Generator]) -> Array:
    n_occasions, channels = null.level.shape
    root = np.linalg.cholesky(null.covariance)
    noise = np.matmul(np.stack([rng.standard_normal((n_occasions, channels)) for rng in generators]), root.T)
    inside = 0.0 if null.shifts else null.means[paths]
    drive = noise + inside + null.level
    out: Array = np.empty_like(drive)
    # The first occasion has no lag: it starts near where its phase, or the noise around it, tends to.
    settle = np.linalg.inv(np.eye(channels) - stable(null.lag_day))
    first = null.level[0] if null.shifts else null.means[paths[:, 0]] + null.level[0]
    out[:, 0] = first @ settle + noise[:, 0]
    day, night = stable(null.lag_day), stable(null.lag_night)
    for t in range(1, n_occasions):
        out[:, t] = drive[:, t] + out[:, t - 1] @ (night if null.night[t] else day)
    return np.asarray(out + null.means[paths]) if null.shifts else out


def stable(lag: Array) -> Array:
    """Shrink a lag matrix whose root an estimate happened to put outside the unit circle."""
    largest = float(np.abs(np.linalg.eigvals(lag)).max())
    return lag if largest <= 0.98 else lag * (0.98 / largest)
