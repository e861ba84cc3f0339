"""When did the level of an autocorrelated series change, if it did?

A search over all days finds a change in anything, and autocorrelation looks like changes of level. Each candidate is
therefore judged on the whitened series, and the largest of all candidates against the largest in series that have the
same autocorrelation and no change. Further changes are searched given those found (binary segmentation), and all dates
are then placed anew given each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reldyn.intervention._serial import draw_serial, fit_serial, whiten

Array = NDArray[np.float64]
Places = NDArray[np.int64]

__all__ = ["ChangePoints", "change_ratios", "find_changes", "steps_at"]

_GRID = np.tanh(np.linspace(np.arctanh(-0.6), np.arctanh(0.97), 41))
# 95 % point of the likelihood ratio of the date of a change (Hansen, 2000, Econometrica 68, 575-603, table 1).
_DATE = 7.35


@dataclass(frozen=True)
class ChangePoints:
    """Changes of level in one series.

    Attributes
    ----------
    place : (k,) int array
        Row at which each new level begins, in order of time.
    low, high : (k,) int arrays
        Rows between which the new level begins with a confidence of 95 %, given the other changes.
    statistic, p_value : (k,) arrays
        Likelihood ratio of each change when it was found, and its rank among surrogates.
    next_p : float
        The p-value at which the search ended; NaN where it was not ended by a test.
    level : (k + 1,) array
        Levels before, between and after the changes.
    phi : float
        Autocorrelation around the levels.
    """

    place: Places
    low: Places
    high: Places
    statistic: Array
    p_value: Array
    next_p: float
    level: Array
    phi: float


def steps_at(n: int, places: Places) -> Array:
    """Columns that are 0 before and 1 from each place on, (n, k).

    Examples
    --------
    >>> steps_at(3, np.array([1])).ravel().tolist()
    [0.0, 1.0, 1.0]
    """
    return np.asarray(np.arange(n)[:, None] >= places[None, :], dtype=float)


def change_ratios(Y: Array, base: Array, candidates: Places, gap: Places) -> Array:
    """Likelihood ratio of one more change of level at every candidate, autocorrelation estimated with and without it.

    Parameters
    ----------
    Y : (n, m) array
        One series per column.
    base : (n, p) array
        Levels that are known already.
    candidates : (c,) int array
        Rows at which a level might begin.
    gap : (n - 1,) int array
        Steps between rows.

    Returns
    -------
    (c, m) array

    Examples
    --------
    >>> y = np.array([0.0, 0.1, 0.0, 3.0, 3.1, 3.0])[:, None]
    >>> change_ratios(y, np.ones((6, 1)), np.array([2, 3, 4]), np.ones(5, dtype=int)).argmax()
    1
    """
    n = len(Y)
    steps = steps_at(n, candidates)
    without = np.full(Y.shape[1], -np.inf)
    within = np.full((len(candidates), Y.shape[1]), -np.inf)
    for phi in _GRID:
        carried = np.where(gap > 1000, 0.0, np.power(phi, np.minimum(gap, 1000)))
        log_det = float(np.log1p(-(carried**2)).sum())
        basis, _ = np.linalg.qr(whiten(base, gap, float(phi)))
        rest = whiten(Y, gap, float(phi))
        rest = rest - basis @ (basis.T @ rest)
        step = whiten(steps, gap, float(phi))
        step = step - basis @ (basis.T @ step)
        rss = np.maximum((rest**2).sum(axis=0), 1e-300)
        gain = (step.T @ rest) ** 2 / np.maximum((step**2).sum(axis=0), 1e-12)[:, None]
        without = np.maximum(without, -0.5 * (n * np.log(rss) + log_det))
        within = np.maximum(within, -0.5 * (n * np.log(np.maximum(rss - gain, 1e-300)) + log_det))
    return 2 * (within - without)


def find_changes(
    y: Array,
    step: Places,
    *,
    max_changes: int = 3,
    shortest: int = 7,
    alpha: float = 0.05,
    n_surrogates: int = 499,
    generator: np.random.Generator,
) -> ChangePoints:
    """Search changes of level one after the other until the next is no larger than chance makes them.

    Parameters
    ----------
    y : (n,) array
        Without missing answers.
    step : (n,) int array
        Strictly increasing.
    max_changes : int
    shortest : int
        Answers that every level holds at least.
    alpha : float
    n_surrogates : int
    generator : numpy.random.Generator

    Returns
    -------
    ChangePoints

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> y = rng.standard_normal(60) + 4 * (np.arange(60) >= 30)
    >>> find_changes(y, np.arange(60), n_surrogates=99, generator=rng).place.tolist()
    [30]
    """
    gap = np.diff(step).astype(np.int64)
    found: list[tuple[int, float, float]] = []
    next_p = float("nan")
    while len(found) < max_changes:
        places = np.array([place for place, _, _ in found], dtype=np.int64)
        candidates = _candidates(len(y), places, shortest)
        if not len(candidates):
            break
        base = np.column_stack([np.ones(len(y)), steps_at(len(y), places)])
        ratios = change_ratios(y[:, None], base, candidates, gap)[:, 0]
        best = int(ratios.argmax())
        phi = fit_serial(y, base, step).phi
        null = change_ratios(draw_serial(gap, phi, n_surrogates, generator), base, candidates, gap).max(axis=0)
        p_value = float((1 + (null >= ratios[best]).sum()) / (n_surrogates + 1))
        if p_value > alpha:
            next_p = p_value
            break
        found.append((int(candidates[best]), float(ratios[best]), p_value))
    return _placed(y, step, gap, found, shortest, next_p)


def _candidates(n: int, places: Places, shortest: int) -> Places:
    rows = np.arange(shortest, n - shortest + 1)
    for place in places:
        rows = rows[np.abs(rows - place) >= shortest]
    return rows


def _placed(
    y: Array, step: Places, gap: Places, found: list[tuple[int, float, float]], shortest: int, next_p: float
) -> ChangePoints:
    """Place every date anew given the others until none moves, with the dates its likelihood does not exclude."""
    n, place = len(y), [item[0] for item in found]
    limits = [(at, at) for at in place]
    for _ in range(10):
        before = list(place)
        for k in range(len(place)):
            others = np.array(place[:k] + place[k + 1 :], dtype=np.int64)
            candidates = _candidates(n, others, shortest)
            base = np.column_stack([np.ones(n), steps_at(n, others)])
            ratios = change_ratios(y[:, None], base, candidates, gap)[:, 0]
            place[k] = int(candidates[ratios.argmax()])
            inside = candidates[ratios >= ratios.max() - _DATE]
            limits[k] = (int(inside.min()), int(inside.max()))
        if place == before:
            break
    order = np.argsort(place) if place else np.zeros(0, dtype=np.int64)
    rows = np.array(place, dtype=np.int64)[order]
    base = np.column_stack([np.ones(n), steps_at(n, rows)])
    fit = fit_serial(y, base, step)
    return ChangePoints(
        place=rows,
        low=np.array([limits[k][0] for k in order], dtype=np.int64),
        high=np.array([limits[k][1] for k in order], dtype=np.int64),
        statistic=np.array([found[k][1] for k in order]),
        p_value=np.array([found[k][2] for k in order]),
        next_p=next_p,
        level=np.cumsum(fit.beta),
        phi=fit.phi,
    )
