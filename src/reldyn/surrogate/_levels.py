"""Surrogates with phases that shift the level, around which the noise has memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from reldyn._records import brief
from reldyn._types import Array, Flags, Ints
from reldyn.surrogate._phases import renewal_paths, stable


@brief
@dataclasses.dataclass(frozen=True, slots=True)
class LevelNull:
    """Levels and the noise around them: y_t = level of the phase + z_t, z_t = base_t + lag' z_{t-1} + noise.

    Attributes
    ----------
    levels : (K, C) array
    lag_day, lag_night : (C, C) arrays
        From row to column.
    covariance : (C, C) array
    base : (T, C) array
        What covariates, time of day and trend add.
    night : (T,) bool array
    """

    levels: Array
    lag_day: Array
    lag_night: Array
    covariance: Array
    base: Array
    night: Flags


def draw_level_renewal(
    null: LevelNull,
    generators: Sequence[np.random.Generator],
    *,
    sojourn_means: Array,
    sojourn_cv: float,
    moves: Array,
) -> Array:
    """Draw series whose phases last ceil(gamma) occasions with one coefficient of variation.

    Parameters
    ----------
    null : LevelNull
    generators : sequence of numpy Generators
        One per surrogate.
    sojourn_means : (K,) array
        Mean dwell times in occasions, at least 1.
    sojourn_cv : float
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
    >>> null = LevelNull(np.array([[0.0], [9.0]]), zero, zero, np.eye(1), np.zeros((50, 1)), np.zeros(50, dtype=bool))
    >>> swap, means = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([5.0, 5.0])
    >>> draw = draw_level_renewal(
    ...     null, [np.random.default_rng(1)], sojourn_means=means, sojourn_cv=0.4, moves=swap
    ... )
    >>> draw.shape
    (1, 50, 1)
    """
    paths = renewal_paths(len(null.base), sojourn_means, sojourn_cv, moves, generators)
    return _emit(null, paths, generators)


def draw_levels_on_path(null: LevelNull, path: Ints, generators: Sequence[np.random.Generator]) -> Array:
    """Draw series that all follow one sequence of phases.

    Parameters
    ----------
    null : LevelNull
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
    >>> null = LevelNull(np.array([[0.0], [9.0]]), zero, zero, np.eye(1), np.zeros((4, 1)), np.zeros(4, dtype=bool))
    >>> drawn = draw_levels_on_path(null, np.array([0, 0, 1, 1]), [np.random.default_rng(1)])
    >>> (drawn[0, :, 0] > 4.5).tolist()
    [False, False, True, True]
    """
    return _emit(null, np.broadcast_to(path, (len(generators), len(path))), generators)


def _emit(null: LevelNull, paths: Ints, generators: Sequence[np.random.Generator]) -> Array:
    n_occasions, channels = null.base.shape
    root = np.linalg.cholesky(null.covariance)
    noise = np.matmul(np.stack([rng.standard_normal((n_occasions, channels)) for rng in generators]), root.T)
    day, night = stable(null.lag_day), stable(null.lag_night)
    out: Array = np.empty_like(noise)
    # The first occasion has no lag: it starts where the noise tends to.
    out[:, 0] = null.base[0] @ np.linalg.inv(np.eye(channels) - day) + noise[:, 0]
    for t in range(1, n_occasions):
        out[:, t] = null.base[t] + noise[:, t] + out[:, t - 1] @ (night if null.night[t] else day)
    return np.asarray(out + null.levels[paths])
