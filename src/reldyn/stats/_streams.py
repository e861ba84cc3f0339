"""Streams of random numbers: children of a seed by their keys, and keys made of a series' own answers.

A stream keyed by the ranks of a series and by what is missing depends on nothing else: not on the label of a dyad or
its place in the data, not on the unit of measurement, on the other dyads or on the number of workers.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import ArrayLike

from reldyn._types import Array, Flags
from reldyn.errors import DesignError

__all__ = ["child_generator", "child_seed", "data_key", "seed_sequence", "stream"]

_WORDS = 4


def seed_sequence(seed: int | np.random.SeedSequence) -> np.random.SeedSequence:
    """Accept a whole number or a sequence.

    Parameters
    ----------
    seed : int or SeedSequence

    Returns
    -------
    SeedSequence
        The one given, unchanged, or a new one.

    Examples
    --------
    >>> seed_sequence(3).entropy
    3
    """
    return seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)


def child_seed(seed: np.random.SeedSequence, *key: int) -> np.random.SeedSequence:
    """Give the sequence at a key below a seed, without changing the seed.

    Parameters
    ----------
    seed : SeedSequence
    *key : int
        At least 0.

    Returns
    -------
    SeedSequence

    Examples
    --------
    >>> child_seed(np.random.SeedSequence(1), 2, 5).spawn_key
    (2, 5)
    """
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *key), pool_size=seed.pool_size)


def child_generator(seed: np.random.SeedSequence, *key: int) -> np.random.Generator:
    """Give the generator at a key below a seed, without changing the seed.

    Parameters
    ----------
    seed : SeedSequence
    *key : int
        At least 0.

    Returns
    -------
    Generator

    Examples
    --------
    >>> seed = np.random.SeedSequence(1)
    >>> bool(child_generator(seed, 2).random() == child_generator(seed, 2).random())
    True
    """
    return np.random.Generator(np.random.PCG64(child_seed(seed, *key)))


def data_key(values: ArrayLike, observed: ArrayLike | None = None, *, exchangeable: bool = False) -> tuple[int, ...]:
    """Make a key of the ranks of a series' answers and of what is missing.

    Parameters
    ----------
    values : (T,) or (T, C) array_like
        Answers of one channel or of C channels; not finite where missing.
    observed : array_like of bool, (T,) or the shape of ``values``, optional
        What counts as answered, where ``values`` holds numbers in other places too. None: all that is finite.
    exchangeable : bool, default False
        Whether the order of the channels is arbitrary, as that of partners without roles: the key then does not
        depend on it.

    Returns
    -------
    tuple of 4 int
        The same for any increasing change of unit and any type of number. Two dyads with the same ranks and the same
        gaps have the same key: give `stream` a number of their own where they have to differ.

    Raises
    ------
    DesignError
        ``observed`` fits neither the rows nor the shape of ``values``.

    Examples
    --------
    >>> data_key([1, 2, 2, 5]) == data_key([10.0, 14.0, 14.0, 26.0])
    True
    >>> data_key([1, 2, 2, 5]) == data_key([1, 2, 3, 5])
    False
    """
    table = np.asarray(values, dtype=float)
    if table.ndim not in (1, 2):
        raise DesignError(f"values have {table.ndim} dimensions: give occasions, or occasions by channels.")
    table = table.reshape(len(table), -1)
    known = np.isfinite(table) & _mask(observed, table)
    digests = [_digest(table[:, channel], known[:, channel]) for channel in range(table.shape[1])]
    whole = hashlib.blake2b(b"".join(sorted(digests) if exchangeable else digests), digest_size=4 * _WORDS)
    return tuple(int(word) for word in np.frombuffer(whole.digest(), dtype="<u4"))


def _mask(observed: ArrayLike | None, table: Array) -> Flags:
    if observed is None:
        return np.ones(table.shape, dtype=bool)
    mask = np.asarray(observed, dtype=bool)
    if mask.shape == (len(table),):
        return np.broadcast_to(mask[:, None], table.shape)
    if mask.shape != table.shape:
        raise DesignError(f"observed has the shape {mask.shape}: give one value per occasion, or {table.shape}.")
    return mask


def _digest(values: Array, known: Flags) -> bytes:
    """Of the dense ranks from 1, 0 where missing."""
    ranks = np.zeros(len(values), dtype="<i8")
    ranks[known] = np.unique(values[known], return_inverse=True)[1] + 1
    return hashlib.blake2b(ranks.tobytes(), digest_size=16).digest()


def stream(seed: int | np.random.SeedSequence, key: tuple[int, ...], *index: int) -> np.random.Generator:
    """Give the generator of a series: below a seed, at the key of its data.

    Parameters
    ----------
    seed : int or SeedSequence
    key : tuple of int
        As `data_key` makes it.
    *index : int
        Number of the surrogate, of the analysis, or whatever else tells streams of one series apart.

    Returns
    -------
    Generator

    Examples
    --------
    >>> first, second = (stream(1, data_key(y)).random() for y in ([3, 1, 2], [30.0, 10.0, 20.0]))
    >>> bool(first == second)
    True
    """
    return child_generator(seed_sequence(seed), *key, *index)
