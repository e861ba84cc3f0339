"""A fitted linear null with its memory cut short: what an item's own humps can do without levels that last."""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._types import Array
from reldyn.stats import largest_root
from reldyn.surrogate._null import LinearNull

__all__ = ["limit_memory"]

_DOUBLINGS = 10


def limit_memory(null: LinearNull, largest: float = 0.6) -> LinearNull:
    """Bound the largest root of a linear null, its spread kept.

    Parameters
    ----------
    null : LinearNull
    largest : float, default 0.6
        Root of the daytime process, at most: its answers then agree little over half a day, so two humps of the margin
        are passed to and fro within a few occasions.

    Returns
    -------
    LinearNull
        The one given where its memory is short already. Else the lag-k matrices times the k-th power of the ratio of
        the roots, or the matrix of the process under measurement error times that ratio; the SD of every channel of
        the process stays.

    Examples
    --------
    >>> import numpy as np
    >>> from reldyn.surrogate import draw_linear, fit_linear, limit_memory
    >>> seed, rng = np.random.SeedSequence(1), np.random.default_rng(1)
    >>> y = np.cumsum(rng.normal(size=(120, 1)), axis=0)
    >>> parts = {"night": np.zeros(120, dtype=bool), "elapsed": np.ones(120), "design": np.empty((120, 0))}
    >>> short = draw_linear(limit_memory(fit_linear(y, **parts, seed=seed, gaussian=True)), [rng])[0, :, 0]
    >>> bool(np.corrcoef(short[1:], short[:-1])[0, 1] < 0.8)
    True
    """
    if null.measurement is not None:
        root = float(np.abs(np.linalg.eigvals(null.measurement.phi)).max())
        if root <= largest:
            return null
        return dataclasses.replace(
            null, measurement=null.measurement.with_memory(null.measurement.phi * largest / root)
        )
    turned = null.lags.transpose(0, 2, 1)
    root = largest_root([turned[0], *turned[2:]])
    if root <= largest:
        return null
    # The first two matrices are the first lag, by day and by night.
    power = np.maximum(np.arange(len(null.lags)), 1)
    lags = null.lags * ((largest / root) ** power)[:, None, None]
    widen = np.sqrt(np.diag(_spread(null.lags, null.covariance)) / np.diag(_spread(lags, null.covariance)))
    return dataclasses.replace(
        null,
        lags=lags * widen[None, None, :] / widen[None, :, None],
        covariance=null.covariance * np.outer(widen, widen),
    )


def _spread(lags: Array, covariance: Array) -> Array:
    """Stationary covariance of the daytime process, bounded where it wanders without end."""
    order, channels = len(lags) - 1, len(covariance)
    companion = np.zeros((order * channels, order * channels))
    companion[:channels] = np.concatenate([lags[0].T, *(lag.T for lag in lags[2:])], axis=1)
    companion[channels:, :-channels] = np.eye((order - 1) * channels)
    total = np.zeros_like(companion)
    total[:channels, :channels] = covariance
    for _ in range(_DOUBLINGS):
        total = total + companion @ total @ companion.T
        companion = companion @ companion
    return np.asarray(total[:channels, :channels])
