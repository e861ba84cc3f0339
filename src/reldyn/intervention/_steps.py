"""Changes of the level of an autoregressive series, by optimal partitioning.

At a given autocorrelation the whitened series is least squares with one level per segment. The best segments of every
number of changes follow by dynamic programming (Jackson et al., 2005), so that an up and a down are found together
where a search for one change after the other would miss both. Nothing here knows a column.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Ints
from reldyn.intervention._draws import draw_errors
from reldyn.stats import AR1Fit, fit_ar1, monte_carlo_p, whiten

__all__ = ["Steps", "find_steps", "partition", "step_design"]

# Coarse: the likelihood is only compared here; what is reported is fitted anew at the segments found.
_PHI = (-0.3, 0.0, 0.2, 0.4, 0.6, 0.75, 0.9)
_LEVEL = 0.05


@dataclass(frozen=True)
class Steps:
    """What was found in one series.

    Attributes
    ----------
    at : (k,) int array
        First answer of each new level.
    fit : AR1Fit
        Levels and autocorrelation at these segments, by restricted likelihood, which corrects its small-sample bias.
    p_values : tuple of float
        Of more than 0, 1, ... changes, as far as was tested; the last one is above .05 unless the limit was reached.
    """

    at: Ints
    fit: AR1Fit
    p_values: tuple[float, ...]


def find_steps(
    y: Array, step: Ints, *, max_changes: int, min_length: int, n_boot: int, generator: np.random.Generator
) -> Steps:
    """Find how often and where the level changed.

    Parameters
    ----------
    y : (n,) array
        Complete answers.
    step : (n,) int array
        Strictly increasing.
    max_changes, min_length, n_boot : int
    generator : numpy.random.Generator

    Returns
    -------
    Steps
        Changes are added while a parametric bootstrap, of an autoregression with the changes so far, rejects at 5 %.

    Examples
    --------
    >>> y = np.repeat([0.0, 5.0], 15) + np.random.default_rng(1).normal(size=30)
    >>> rules = {"max_changes": 2, "min_length": 7, "n_boot": 99}
    >>> find_steps(y, np.arange(30), **rules, generator=np.random.default_rng(1)).at.tolist()
    [15]
    """
    most = min(max_changes, len(y) // min_length - 1)
    # Gains do not depend on the zero, and far from it sums of squares lose digits.
    zero = float(y.mean())
    deviance, places = partition((y - zero)[:, None], np.diff(step), most, min_length)
    at, p_values = np.zeros(0, dtype=np.int64), []
    fit = fit_ar1(y, step_design(len(y), at), step)
    for have in range(most):
        noise = draw_errors(fit, n_boot, generator)
        drawn, _ = partition((fit.design.X @ fit.beta - zero)[:, None] + noise, fit.design.gap, most, min_length)
        p_values.append(_compared(deviance[:, 0], drawn, have))
        if p_values[-1] > _LEVEL:
            break
        at = places[have + 1]
        fit = fit_ar1(y, step_design(len(y), at), step)
    return Steps(at, fit, tuple(p_values))


def _compared(own: Array, drawn: Array, have: int) -> float:
    """Probability that any larger number of changes gains as much, each number on its own scale of chance."""
    gain = np.column_stack([own, drawn])
    gain = gain[have] - gain[have + 1 :]
    # The series itself counts in the scale, so that under chance it is exchangeable with the draws.
    scaled = (gain - gain.mean(axis=1, keepdims=True)) / np.maximum(gain.std(axis=1, keepdims=True), 1e-12)
    best = scaled.max(axis=0)
    return float(monte_carlo_p(best[0], best[1:]))


def step_design(n: int, at: Ints) -> Array:
    """One indicator column per segment.

    Parameters
    ----------
    n : int
    at : (k,) int array
        First place of each segment but the first.

    Returns
    -------
    (n, k + 1) array

    Examples
    --------
    >>> step_design(3, np.array([2])).tolist()
    [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    segment = np.searchsorted(at, np.arange(n), side="right")
    return np.asarray(segment[:, None] == np.arange(len(at) + 1), dtype=float)


def partition(Y: Array, gap: Ints, most: int, min_length: int) -> tuple[Array, list[Ints]]:
    """Find the best segments of every number of changes, the autocorrelation free.

    Parameters
    ----------
    Y : (n, m) array
        One series per column.
    gap : (n - 1,) int array
    most, min_length : int
        With ``(most + 1) * min_length <= n``.

    Returns
    -------
    deviance : (most + 1, m) array
        Minus twice the log-likelihood up to a constant; each segment starts a process of its own.
    places : list of (k,) int arrays
        First places of new levels in the first series, for k = 0, ..., ``most``.

    Examples
    --------
    >>> partition(np.array([[0.0], [0.1], [4.0], [4.1]]), np.ones(3, dtype=int), 1, 2)[1][1].tolist()
    [2]
    """
    n, m = Y.shape
    best = np.full((most + 1, m), np.inf)
    places: list[Ints] = [np.zeros(0, dtype=np.int64)] * (most + 1)
    for phi in _PHI:
        cost, back = _segments(Y, gap, phi, most, min_length)
        carried = np.where(gap > 1000, 0.0, np.power(phi, np.minimum(gap, 1000)))
        value = n * np.log(np.maximum(cost, 1e-300)) + np.log1p(-(carried**2)).sum()
        for k in np.flatnonzero(value[:, 0] < best[:, 0]):
            places[k] = _traced(back, int(k), n)
        best = np.minimum(best, value)
    return best, places


def _segments(Y: Array, gap: Ints, phi: float, most: int, min_length: int) -> tuple[Array, Ints]:
    """Least squares (most + 1, m) of k changes, and for the first series the last change before each end."""
    n, m = Y.shape
    one = np.ones((n, 1))
    white, unit = whiten(Y, gap, phi), whiten(one, gap, phi)
    sums = [np.vstack([np.zeros((1, m)), part.cumsum(axis=0)]) for part in (white**2, unit * white)]
    weight = np.concatenate([[0.0], (unit[:, 0] ** 2).cumsum()])
    least = np.full((most + 1, n + 1, m), np.inf)
    back = np.zeros((most + 1, n + 1), dtype=np.int64)
    for end in range(min_length, n + 1):
        start = np.arange(end - min_length + 1)
        # The first answer of a segment has nothing of the segment before it to carry over.
        squares = sums[0][end] - sums[0][start + 1] + Y[start] ** 2
        along = sums[1][end] - sums[1][start + 1] + Y[start]
        cost = squares - along**2 / (weight[end] - weight[start + 1] + 1.0)[:, None]
        least[0, end] = cost[0]
        for k in range(1, most + 1):
            total = least[k - 1, start] + cost
            least[k, end], back[k, end] = total.min(axis=0), int(total[:, 0].argmin())
    return least[:, n], back


def _traced(back: Ints, k: int, n: int) -> Ints:
    found, end = [], n
    for level in range(k, 0, -1):
        end = int(back[level, end])
        found.append(end)
    return np.array(found[::-1], dtype=np.int64)
