"""Indices of careless answering, one number per row of answers: arrays in, arrays out.

Sources: Curran (2016, Journal of Experimental Social Psychology 66, 4-19) for the indices; Meade and Craig (2012) for
synonyms; Dunn et al. (2018) for the intra-individual response variability.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reldyn._types import Array, Flags, Ints

__all__ = [
    "even_odd",
    "mahalanobis",
    "modal_share",
    "modal_share_by",
    "row_correlation",
    "row_sd",
    "strings",
    "synonym_pairs",
]

_FEWEST_POINTS = 3


def strings(answers: Array) -> tuple[Array, Array]:
    """Longest and average run of equal answers in each row; a missing answer ends a run.

    Parameters
    ----------
    answers : (rows, items) array
        In the order in which the items were shown.

    Returns
    -------
    longest, average : (rows,) array
        NaN for a row without an answer.
    """
    observed = np.isfinite(answers)
    run = observed[:, 0].astype(np.int64)
    longest, n_runs = run.copy(), run.copy()
    for item in range(1, answers.shape[1]):
        goes_on = observed[:, item] & (answers[:, item] == answers[:, item - 1])
        run = np.where(goes_on, run + 1, observed[:, item].astype(np.int64))
        n_runs += observed[:, item] & ~goes_on
        longest = np.maximum(longest, run)
    n = observed.sum(axis=1)
    empty = n == 0
    average = n / np.maximum(n_runs, 1)
    return np.where(empty, np.nan, longest), np.where(empty, np.nan, average)


def row_sd(answers: Array) -> Array:
    """Standard deviation (n - 1) of each row's answers; exactly 0 where all are equal, NaN below two."""
    observed = np.isfinite(answers)
    n = observed.sum(axis=1)
    filled = np.where(observed, answers, 0.0)
    mean = filled.sum(axis=1) / np.maximum(n, 1)
    squares = np.where(observed, (answers - mean[:, None]) ** 2, 0.0).sum(axis=1)
    high = np.where(observed, answers, -np.inf).max(axis=1)
    low = np.where(observed, answers, np.inf).min(axis=1)
    spread = np.where(high == low, 0.0, np.sqrt(squares / np.maximum(n - 1, 1)))
    return np.where(n > 1, spread, np.nan)


def modal_share(answers: Array) -> Array:
    """Share of each row's answers that are its most frequent one; NaN for a row without an answer."""
    return modal_share_by(answers, np.arange(len(answers)), len(answers))


def modal_share_by(answers: Array, group: Ints, n_groups: int) -> Array:
    """Share of a group's answers that are its most frequent one, over all its rows and items."""
    observed = np.isfinite(answers)
    owner = np.repeat(group, answers.shape[1])[observed.ravel()]
    values, code = np.unique(answers[observed], return_inverse=True)
    pairs, count = np.unique(owner * max(len(values), 1) + code, return_counts=True)
    most = np.zeros(n_groups)
    np.maximum.at(most, pairs // max(len(values), 1), count)
    total = np.bincount(owner, minlength=n_groups)
    return np.where(total > 0, most / np.maximum(total, 1), np.nan)


def row_correlation(first: Array, second: Array) -> Array:
    """Correlation of two matrices row by row over the columns that both have; NaN below three or without spread."""
    both = np.isfinite(first) & np.isfinite(second)
    n = both.sum(axis=1)

    def centred(values: Array) -> Array:
        filled = np.where(both, values, 0.0)
        mean = filled.sum(axis=1) / np.maximum(n, 1)
        return np.where(both, values - mean[:, None], 0.0)

    x, y = centred(first), centred(second)
    xx, yy, xy = (x * x).sum(axis=1), (y * y).sum(axis=1), (x * y).sum(axis=1)
    tiny = 1e-20 * (1.0 + np.where(both, first**2 + second**2, 0.0).sum(axis=1))
    usable = (n >= _FEWEST_POINTS) & (xx > tiny) & (yy > tiny)
    r = xy / np.sqrt(np.where(usable, xx * yy, 1.0))
    return np.where(usable, np.clip(r, -1.0, 1.0), np.nan)


def even_odd(answers: Array, subscales: Sequence[Ints]) -> Array:
    """Inconsistency of the even and the odd half of the subscales, from -1 (consistent) to 1.

    The correlation over subscales of the means of even and of odd items, stepped up by Spearman and Brown, bounded at
    -1, with its sign turned, as the R package careless has it since version 1.2.
    """
    halves = [np.column_stack([_row_mean(answers[:, items[half::2]]) for items in subscales]) for half in (1, 0)]
    r = row_correlation(halves[0], halves[1])
    whole = np.isfinite(r) & (r > -1.0 + 1e-12)
    stepped = np.where(whole, 2 * r / np.where(whole, 1 + r, 1.0), -1.0)
    return np.where(np.isfinite(r), -np.maximum(stepped, -1.0), np.nan)


def _row_mean(answers: Array) -> Array:
    observed = np.isfinite(answers)
    n = observed.sum(axis=1)
    return np.where(n > 0, np.where(observed, answers, 0.0).sum(axis=1) / np.maximum(n, 1), np.nan)


def synonym_pairs(answers: Array, least: float) -> tuple[Ints, Ints]:
    """Items that correlate above ``least`` over all rows that have both: places of the later and the earlier item."""
    later, earlier = np.tril_indices(answers.shape[1], -1)
    r = row_correlation(answers.T[later], answers.T[earlier])
    kept = np.isfinite(r) & (r > least)
    return later[kept], earlier[kept]


def mahalanobis(answers: Array) -> tuple[Array, Ints, str]:
    """Squared distance of each row from the mean of all, in the metric of their covariance.

    Returns
    -------
    distance : (rows,) array
        Over the items that a row answered; NaN where it answered none.
    df : (rows,) int array
        How many items that are.
    reason : str
        Why all distances are missing; else empty.
    """
    observed = np.isfinite(answers)
    n_items = answers.shape[1]
    nothing = np.full(len(answers), np.nan)
    df = observed.sum(axis=1)
    if observed.all(axis=1).sum() <= n_items:
        return nothing, df, "too few complete rows for a covariance of all items"
    mean = np.array([column[known].mean() for column, known in zip(answers.T, observed.T, strict=True)])
    centred = np.where(observed, answers - mean, 0.0)
    both = observed.T.astype(float) @ observed.astype(float)
    covariance = _pairwise_covariance(answers, observed, both)
    scale = np.sqrt(np.diag(covariance))
    if not (scale > 0).all():
        return nothing, df, "an item never varies, so no Mahalanobis distance"
    if np.linalg.eigvalsh(covariance / np.outer(scale, scale))[0] < 1e-10:
        return nothing, df, "items are linearly dependent, so no Mahalanobis distance"
    distance = nothing
    patterns, which = np.unique(observed, axis=0, return_inverse=True)
    for code, pattern in enumerate(patterns):
        items = np.flatnonzero(pattern)
        if len(items):
            rows = np.flatnonzero(which.ravel() == code)
            part = centred[np.ix_(rows, items)]
            solved = np.linalg.solve(covariance[np.ix_(items, items)], part.T)
            distance[rows] = np.einsum("ij,ji->i", part, solved)
    return distance, df, ""


def _pairwise_covariance(answers: Array, observed: Flags, both: Array) -> Array:
    """Covariance of each two items over the rows that have both, about their means in those rows."""
    filled, known = np.where(observed, answers, 0.0), observed.astype(float)
    # Centring first keeps the products small; the exact means of each pair are taken out after.
    filled = np.where(observed, filled - filled.sum(axis=0) / np.maximum(known.sum(axis=0), 1), 0.0)
    total = filled.T @ known
    cross = filled.T @ filled - total * total.T / np.maximum(both, 1)
    return np.asarray(cross / np.maximum(both - 1, 1))
