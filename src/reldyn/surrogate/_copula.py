"""Between the answers of an item and a Gaussian scale: normal scores, and back by ranks."""

from __future__ import annotations

import numpy as np

from reldyn._types import Array


def normal_scores(y: Array) -> Array:
    """Turn answers into normal scores, ties sharing the score of their middle rank.

    Parameters
    ----------
    y : (..., n_occasions, n_channels) array
        NaN where missing.

    Returns
    -------
    array of the same shape
        NaN where missing.

    Examples
    --------
    >>> import numpy as np
    >>> normal_scores(np.array([[1.0], [2.0], [2.0], [3.0]]))[:, 0].round(2).tolist()
    [-1.15, 0.0, 0.0, 1.15]
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    moved = np.moveaxis(y, -2, -1)
    n = np.isfinite(moved).sum(axis=-1, keepdims=True)
    ranks = rankdata(moved, axis=-1, nan_policy="omit")
    return np.asarray(np.moveaxis(ndtri((ranks - 0.5) / n), -1, -2))


def match_ranks(latent: Array, y: Array) -> Array:
    """Give every surrogate exactly the answers of the data, in the order of its latent values.

    Keeps margins, floors and the missing mask.

    Parameters
    ----------
    latent : (n_surrogates, n_occasions, n_channels) array
        Continuous; a value at every occasion.
    y : (n_occasions, n_channels) array
        The data; NaN where missing.

    Returns
    -------
    (n_surrogates, n_occasions, n_channels) array
        NaN where ``y`` is.

    Examples
    --------
    >>> import numpy as np
    >>> match_ranks(np.array([[[0.3], [-1.0], [9.0]]]), np.array([[5.0], [1.0], [np.nan]]))[0, :, 0].tolist()
    [5.0, 1.0, nan]
    """
    out = np.full(latent.shape, np.nan)
    for channel in range(y.shape[1]):
        seen = np.flatnonzero(np.isfinite(y[:, channel]))
        order = np.argsort(latent[:, seen, channel], axis=1, kind="stable")
        answers = np.broadcast_to(np.sort(y[seen, channel]), order.shape)
        values = np.empty(order.shape)
        np.put_along_axis(values, order, answers, axis=1)
        out[:, seen, channel] = values
    return out


def round_to_categories(values: Array, y: Array, categories: tuple[Array, ...] = ()) -> Array:
    """Round simulated values to the nearest category and put the missing mask of the data on them.

    Parameters
    ----------
    values : (n_surrogates, n_occasions, n_channels) array
    y : (n_occasions, n_channels) array
        The data; NaN where missing.
    categories : tuple of arrays, optional
        Ascending answers per channel. Default: those observed, unless they are more than 30 (a
        continuous scale, which is not rounded but clipped to its range).

    Returns
    -------
    (n_surrogates, n_occasions, n_channels) array

    Examples
    --------
    >>> y = np.array([[1.0], [2.0], [np.nan], [4.0]])
    >>> round_to_categories(np.array([[[0.2], [2.4], [2.0], [3.6]]]), y)[0, :, 0].tolist()
    [1.0, 2.0, nan, 4.0]
    """
    out = np.empty(values.shape)
    for channel in range(y.shape[1]):
        answers = y[np.isfinite(y[:, channel]), channel]
        allowed = categories[channel] if categories else np.unique(answers)
        if len(allowed) > 30:
            out[:, :, channel] = np.clip(values[:, :, channel], allowed[0], allowed[-1])
        else:
            middles = (allowed[1:] + allowed[:-1]) / 2
            out[:, :, channel] = allowed[np.searchsorted(middles, values[:, :, channel])]
    return np.where(np.isfinite(y)[None], out, np.nan)
