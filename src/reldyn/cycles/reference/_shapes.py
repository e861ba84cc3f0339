"""Skewed and heavy-tailed shocks: the shifted logarithm and Johnson's unbounded system (Johnson, 1949).

Channels are tied by a Gaussian copula.
"""

from __future__ import annotations

import numpy as np

from reldyn._types import Array

__all__ = ["best_shapes", "copula_gain", "shape_gain"]

_RIDGE = 1e-8
# In SD of the shocks: how far the lower end lies below the least shock; centres and widths of the bend.
_ENDS = (0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 1.7, 3.0, 6.0)
_CENTRES = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
_WIDTHS = (0.3, 0.6, 1.0, 1.7, 3.0)


def shape_gain(shocks: Array) -> Array:
    """Give what skewed or heavy-tailed shocks gain over Gaussian ones, less one per parameter of shape.

    Parameters
    ----------
    shocks : (n, m, C) array
        Residuals.

    Returns
    -------
    (n,) array
        Never negative.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> gain = shape_gain(np.stack([rng.normal(size=(200, 1)), rng.exponential(size=(200, 1))]))
    >>> bool(gain[0] < 3), bool(gain[1] > 50)
    (True, True)
    """
    unit = standardise(shocks)
    gain, scores = best_shapes(unit)
    return np.asarray(np.maximum(gain.sum(axis=1) + copula_gain(scores) - copula_gain(unit), 0.0))


def standardise(shocks: Array) -> Array:
    """Take the mean off and divide by the SD."""
    middle = shocks - shocks.mean(axis=1, keepdims=True)
    return np.asarray(middle / np.maximum(np.sqrt((middle**2).mean(axis=1, keepdims=True)), 1e-9))


def best_shapes(unit: Array) -> tuple[Array, Array]:
    """Choose a shape per channel of standardised shocks.

    Parameters
    ----------
    unit : (n, m, C) array

    Returns
    -------
    (n, C) array of gains over the normal law, less one per parameter, and (n, m, C) array of normal scores
    """
    n, m, channels = unit.shape
    rows = np.ascontiguousarray(unit.transpose(0, 2, 1)).reshape(n * channels, m)
    gain, scores = np.zeros(len(rows)), rows.copy()
    for sign in (1.0, -1.0):
        turned = sign * rows
        above = turned - turned.min(axis=1, keepdims=True)
        for end in _ENDS:
            curved = np.log(above + end)
            _take_better(gain, scores, curved, -curved.sum(axis=1) - 1.0)
    for centre in _CENTRES:
        for width in _WIDTHS:
            moved = (rows - centre) / width
            slope = np.sqrt(moved**2 + 1.0)
            curved = np.copysign(np.log(np.abs(moved) + slope), moved)
            _take_better(gain, scores, curved, -np.log(slope).sum(axis=1) - m * np.log(width) - 2.0)
    return gain.reshape(n, channels), scores.reshape(n, channels, m).transpose(0, 2, 1)


def _take_better(gain: Array, scores: Array, curved: Array, log_slope: Array) -> None:
    """Overwrite gains and scores of the rows that this shape describes better."""
    middle = curved - curved.mean(axis=1, keepdims=True)
    spread = np.maximum(np.sqrt((middle**2).mean(axis=1)), 1e-9)
    value = log_slope - curved.shape[1] * np.log(spread)
    better = value > gain
    gain[better] = value[better]
    scores[better] = middle[better] / spread[better, None]


def copula_gain(scores: Array) -> Array:
    """Log density of a Gaussian copula at (n, m, C) normal scores, its correlations being theirs: (n,) array."""
    m = scores.shape[1]
    moments = np.matmul(scores.transpose(0, 2, 1), scores)
    size = np.sqrt(np.maximum(np.diagonal(moments, axis1=1, axis2=2), 1e-12))
    own = np.eye(scores.shape[2])
    correlation = moments / (size[:, :, None] * size[:, None, :]) + _RIDGE * own
    log_det = np.linalg.slogdet(correlation)[1]
    # Scores that were not scaled to the variance one: the trace is then not that of the identity.
    excess = (np.linalg.inv(correlation) * moments).sum(axis=(1, 2)) - np.trace(moments, axis1=1, axis2=2)
    return np.asarray(-0.5 * (m * log_det + excess))
