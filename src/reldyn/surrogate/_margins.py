"""Margins of items: the closest distribution with one hump, and answers cut from a latent scale at fixed points."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from reldyn._types import Array

__all__ = ["Margin", "cut_answers", "fit_margin", "unimodal_distribution"]

# An item of more answers than that is a slider: its humps are judged in bins.
MOST_CATEGORIES = 30
_N_BINS = 20


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Margin:
    """How answers to an item are cut from a standard normal scale.

    Attributes
    ----------
    answers : (m,) array
        Ascending.
    cuts : (m - 1,) array
        Normal quantiles between neighbouring answers, never decreasing.
    departure : float
        Twice the log-likelihood that the answers' own distribution gains over the closest one-humped distribution.
    """

    answers: Array
    cuts: Array
    departure: float


def unimodal_distribution(counts: Array) -> tuple[Array, float]:
    """Maximum-likelihood distribution with one hump, which may lie at an end, for counts of ordered categories.

    Parameters
    ----------
    counts : (m,) array
        Of all categories between the least and the greatest answer, zeros included.

    Returns
    -------
    (probabilities, departure)
        (m,) array, and twice the log-likelihood of the shares themselves over it.

    Notes
    -----
    For every mode, isotonic regression up to it and down from it (pool adjacent violators with equal weights) gives
    the distribution of largest likelihood; the mode of largest likelihood counts (Robertson, Wright and Dykstra 1988).

    Examples
    --------
    >>> import numpy as np
    >>> distribution, departure = unimodal_distribution(np.array([4.0, 1.0, 5.0]))
    >>> distribution.round(3).tolist(), round(departure, 2)
    ([0.25, 0.25, 0.5], 1.93)
    """
    counts = np.asarray(counts, dtype=float)
    total = counts.sum()
    best, best_value = counts / total, -np.inf
    for split in range(len(counts) + 1):
        distribution = np.concatenate([_increasing(counts[:split]), _increasing(counts[split:][::-1])[::-1]]) / total
        value = _log_likelihood(counts, distribution)
        if value > best_value + 1e-12:
            best, best_value = distribution, value
    return best, max(2 * (_log_likelihood(counts, counts / total) - best_value), 0.0)


def _increasing(values: Array) -> Array:
    """Isotonic regression with equal weights by pooling adjacent violators."""
    means: list[float] = []
    sizes: list[int] = []
    for value in values.tolist():
        means.append(value)
        sizes.append(1)
        while len(means) > 1 and means[-2] > means[-1]:
            size = sizes[-2] + sizes[-1]
            means[-2] = (means[-2] * sizes[-2] + means[-1] * sizes[-1]) / size
            sizes[-2] = size
            means.pop()
            sizes.pop()
    return np.repeat(np.array(means, dtype=float), sizes) if means else np.zeros(0)


def _log_likelihood(counts: Array, distribution: Array) -> float:
    given = counts > 0
    return float(counts[given] @ np.log(distribution[given]))


def fit_margin(values: Array, categories: Array | None = None, *, unimodal: bool = True) -> Margin:
    """Fit the margin of one item.

    Parameters
    ----------
    values : (n,) array
        Answers; NaN where missing.
    categories : (k,) array, optional
        All answers the item allows. None, or fewer than those observed: multiples of the smallest step between answers
        where these are at most 30, else those observed.
    unimodal : bool, default True
        The closest distribution with one hump; False: the answers' own.

    Returns
    -------
    Margin
        An item with more than 30 answers has its humps judged in 20 bins of equal width; inside a bin answers keep
        their own distribution.

    Examples
    --------
    >>> import numpy as np
    >>> found = fit_margin(np.array([1.0, 1, 1, 1, 2, 3, 3, 3, 3, 3]))
    >>> found.answers.tolist(), found.cuts.round(2).tolist()
    ([1.0, 2.0, 3.0], [-0.67, 0.0])
    """
    from scipy.special import ndtri

    given = values[np.isfinite(values)]
    answers = _between(given, categories)
    counts = np.bincount(np.searchsorted(answers, given), minlength=len(answers)).astype(float)
    if len(answers) <= MOST_CATEGORIES:
        one_hump, departure = unimodal_distribution(counts)
    else:
        answers, counts, one_hump, departure = _in_bins(answers, counts)
    distribution = one_hump if unimodal else counts / counts.sum()
    kept = distribution > 0
    cuts = ndtri(np.clip(np.cumsum(distribution[kept])[:-1], 0.0, 1.0))
    return Margin(answers[kept], cuts, departure)


def _between(given: Array, categories: Array | None) -> Array:
    """All answers between the least and the greatest."""
    observed = np.unique(given)
    if categories is not None and len(categories) >= len(observed) and np.isin(observed, categories).all():
        return np.asarray(categories[(categories >= observed[0]) & (categories <= observed[-1])], dtype=float)
    if len(observed) < 2:
        return observed
    step = float(np.diff(observed).min())
    positions = (observed - observed[0]) / step
    n_steps = int(np.rint(positions[-1]))
    if n_steps < MOST_CATEGORIES and np.allclose(positions, np.rint(positions), atol=1e-6):
        grid = observed[0] + step * np.arange(n_steps + 1)
        grid[np.rint(positions).astype(np.int64)] = observed
        return np.asarray(grid)
    return observed


def _in_bins(answers: Array, counts: Array) -> tuple[Array, Array, Array, float]:
    """Answers, counts and one-humped distribution of an item of many answers; an empty bin counts as its middle."""
    edges = np.linspace(answers[0], answers[-1], _N_BINS + 1)
    inside = np.clip(np.searchsorted(edges, answers, side="right") - 1, 0, _N_BINS - 1)
    totals = np.bincount(inside, counts, minlength=_N_BINS).astype(float)
    distribution, departure = unimodal_distribution(totals)
    empty = np.flatnonzero(totals == 0)
    share = distribution[inside] * counts / np.maximum(totals[inside], 1.0)
    everything = np.concatenate([answers, (edges[empty] + edges[empty + 1]) / 2])
    order = np.argsort(everything, kind="stable")
    every_count = np.concatenate([counts, np.zeros(len(empty))])
    return everything[order], every_count[order], np.concatenate([share, distribution[empty]])[order], departure


def cut_answers(latent: Array, margins: Sequence[Margin], y: Array, *, standardise: bool = True) -> Array:
    """Cut answers from latent series at the fixed points of their margins.

    Unlike matching of ranks, a series that wanders may show other shares of answers than the data, two humps included.

    Parameters
    ----------
    latent : (n, T, C) array
        A value at every occasion.
    margins : sequence of C Margins
    y : (T, C) array
        The data: NaN where a surrogate is missing too.
    standardise : bool, default True
        Give every latent series mean 0 and SD 1 over the answered occasions first. False: cut it as it stands.

    Returns
    -------
    (n, T, C) array
        NaN where ``y`` is.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[1.0], [2.0], [np.nan], [3.0]])
    >>> margin = Margin(np.array([1.0, 2.0, 3.0]), np.array([-1.0, 1.0]), 0.0)
    >>> cut_answers(np.array([[[-9.0], [0.0], [1.0], [9.0]]]), [margin], y)[0, :, 0].tolist()
    [1.0, 2.0, nan, 3.0]
    """
    out = np.full(latent.shape, np.nan)
    for channel, margin in enumerate(margins):
        seen = np.flatnonzero(np.isfinite(y[:, channel]))
        values = latent[:, seen, channel]
        if standardise:
            spread = np.maximum(values.std(axis=1, keepdims=True), 1e-12)
            values = (values - values.mean(axis=1, keepdims=True)) / spread
        out[:, seen, channel] = margin.answers[np.searchsorted(margin.cuts, values)]
    return out
