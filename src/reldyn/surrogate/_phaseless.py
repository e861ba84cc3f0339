"""Surrogates without a model: circular shifts by whole days, random phases, amplitude-adjusted Fourier transforms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reldyn._types import Array, Ints
from reldyn.errors import DataError


def shift_days(y: Array, day: Ints, rng: np.random.Generator) -> Array:
    """Shift one series against the rest by a random number of whole days, in a circle.

    Keeps everything within the series, its time of day included; breaks its tie to other series. With
    n days there are n - 1 different shifts, so a p-value cannot fall below 1 / n.

    Parameters
    ----------
    y : (n_occasions, ...) array
        Missing values travel with their occasion.
    day : (n_occasions,) int array
        All days must have the same number of occasions.
    rng : numpy Generator

    Returns
    -------
    array of the shape of ``y``

    Raises
    ------
    DataError
        Days differ in their number of occasions, or there is only one day.

    Examples
    --------
    >>> import numpy as np
    >>> shifted = shift_days(np.arange(6.0), np.array([1, 1, 2, 2, 3, 3]), np.random.default_rng(2))
    >>> shifted.tolist()
    [2.0, 3.0, 4.0, 5.0, 0.0, 1.0]
    """
    counts = np.unique(day, return_counts=True)[1]
    if len(counts) < 2 or np.any(counts != counts[0]):
        raise DataError("a shift by whole days needs two or more days with equally many occasions.")
    return np.roll(y, int(counts[0]) * int(rng.integers(1, len(counts))), axis=0)


def phase_angles(n_occasions: int, n_surrogates: int, rng: np.random.Generator) -> Array:
    """Draw the phases of `randomise_phases`.

    Parameters
    ----------
    n_occasions, n_surrogates : int
    rng : numpy Generator

    Returns
    -------
    (n_surrogates, n_occasions // 2 + 1) array
        In radians. 0 for the mean; 0 or pi for the fastest rhythm of an even number of occasions, which must stay real.

    Examples
    --------
    >>> phase_angles(6, 2, np.random.default_rng(1)).round(1).tolist()
    [[0.0, 6.0, 0.9, 3.1], [0.0, 2.7, 5.2, 0.0]]
    """
    angles = rng.random((n_surrogates, n_occasions // 2 + 1))
    angles *= 2 * np.pi
    angles[:, 0] = 0.0
    if n_occasions % 2 == 0:
        angles[:, -1] = np.where(angles[:, -1] < np.pi, 0.0, np.pi)
    return angles


def randomise_phases(y: Array, angles: Array) -> Array:
    """Give a complete series new phases and keep its spectrum, mean and variance (Theiler et al., 1992).

    The series counts as periodic: where its ends do not match, the jump leaks into high frequencies. Values become
    nearly Gaussian whatever they were; `iaaft` keeps them.

    Parameters
    ----------
    y : (n_occasions,) array
        No missing values.
    angles : (n_surrogates, n_occasions // 2 + 1) array
        From `phase_angles`; they replace the phases of ``y``.

    Returns
    -------
    (n_surrogates, n_occasions) array

    Raises
    ------
    DataError
        A value is missing.

    Examples
    --------
    >>> y = np.array([1.0, 4.0, 2.0, 8.0, 5.0, 7.0])
    >>> drawn = randomise_phases(y, phase_angles(6, 3, np.random.default_rng(1)))
    >>> drawn.mean(axis=1).round(6).tolist(), bool(np.allclose(drawn.std(axis=1), y.std()))
    ([4.5, 4.5, 4.5], True)
    """
    if not np.all(np.isfinite(y)):
        raise DataError("surrogates with random phases need a series without missing values.")
    spectrum = np.fft.rfft(y)
    # The mean keeps its sign.
    amplitude = np.abs(spectrum).astype(complex)
    amplitude[0] = spectrum[0]
    return np.fft.irfft(amplitude * np.exp(1j * angles), n=len(y), axis=1)


def iaaft(y: Array, generators: Sequence[np.random.Generator], *, n_iterations: int = 100) -> Array:
    """Draw surrogates with the values of a complete series and nearly its spectrum (Schreiber & Schmitz, 1996).

    Channels share their random phases, which keeps their cross-spectrum (Prichard & Theiler, 1994). For
    description: unequal spacing and missing values are not allowed, ends that do not match leak into
    high frequencies.

    Parameters
    ----------
    y : (n_occasions, n_channels) array
        No missing values.
    generators : sequence of numpy Generators
        One per surrogate.
    n_iterations : int, default 100
        The order of values settles long before.

    Returns
    -------
    (n_surrogates, n_occasions, n_channels) array

    Raises
    ------
    DataError
        A value is missing.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.random.default_rng(1).normal(size=(32, 1))
    >>> drawn = iaaft(y, [np.random.default_rng(2)])
    >>> bool(np.allclose(np.sort(drawn[0], axis=0), np.sort(y, axis=0)))
    True
    """
    if not np.all(np.isfinite(y)):
        raise DataError("amplitude-adjusted surrogates need a series without missing values.")
    spectrum = np.fft.rfft(y, axis=0)
    amplitude, angle = np.abs(spectrum), np.angle(spectrum)
    ordered = np.sort(y, axis=0)
    out = np.empty((len(generators), *y.shape))
    for row, rng in enumerate(generators):
        turn = rng.uniform(0, 2 * np.pi, size=(len(spectrum), 1))
        turn[0] = 0.0
        target = angle + turn
        values = np.fft.irfft(amplitude * np.exp(1j * target), n=len(y), axis=0)
        for _ in range(n_iterations):
            ranks = values.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
            ranked = np.take_along_axis(ordered, ranks, axis=0)
            found = np.fft.rfft(ranked, axis=0)
            # All channels turn by the same angle towards what the ranking allowed.
            lean = np.angle((found * np.exp(-1j * target) * amplitude).sum(axis=1, keepdims=True))
            target = target + lean
            values = np.fft.irfft(amplitude * np.exp(1j * target), n=len(y), axis=0)
        ranks = values.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
        out[row] = np.take_along_axis(ordered, ranks, axis=0)
    return out
