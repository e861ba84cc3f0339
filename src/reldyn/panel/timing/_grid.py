"""Calendar days, times of day and other times as whole numbers, with what lies outside the schedule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.panel.timing._workdays import weekday_of_number

__all__ = [
    "CalendarDays",
    "calendar_codes",
    "distinct_times",
    "grid_steps",
    "rare_prompts",
    "shorten_gaps",
    "stretches",
]

# A longer gap, in steps, is as good as endless; shortened gaps keep the day of the week.
_LONGEST_GAP = 7 * 200
# A time of day with a smaller share of the rows of the others is no prompt.
_RARE = 0.1
_LONGER = 1.5


@dataclass(frozen=True, eq=False)
class CalendarDays:
    """Calendar days as codes.

    Attributes
    ----------
    code : (n,) int array
        From 0, in order of time; gaps of more than 1400 days are shortened.
    weekday : (n_codes,) int array
        Monday is 0.
    off : (n_codes,) bool array
        Days of the week without a prompt.
    number : (n_codes,) int array
        Scheduled days counted from 0; what comes before, for days without a prompt.
    """

    code: Ints
    weekday: Ints
    off: Flags
    number: Ints


def calendar_codes(day: Array, workdays: tuple[int, ...] | None) -> CalendarDays:
    """Codes of days since 1970-01-01, or of numbers of working days (`number_workdays`).

    Examples
    --------
    >>> import numpy as np
    >>> found = calendar_codes(np.array([4.0, 4.125, 5.0, 6.0]), (0, 1, 2, 3, 4))
    >>> found.code.tolist(), found.number.tolist()
    ([0, 1, 2, 3], [0, 0, 1, 2])
    """
    whole = np.floor(day).astype(np.int64)
    low = int(whole.min())
    used = np.unique(whole)
    short = shorten_gaps(used)
    place = short[np.searchsorted(used, whole)]
    days = np.arange(int(short[-1]) + 1, dtype=float)
    between = np.unique((place + day - whole)[day > whole])
    all_days = np.sort(np.concatenate([days, between]))
    code = np.searchsorted(all_days, place + day - whole)
    off = all_days > np.floor(all_days)
    number = np.floor(all_days).astype(np.int64)
    if workdays is None:
        weekday = (low + number + 3) % 7
    else:
        # The working day before, and the days that have passed since then.
        weekday = (weekday_of_number(low + number, workdays) + np.rint(8 * (all_days - number)).astype(np.int64)) % 7
    return CalendarDays(code, np.asarray(weekday, dtype=np.int64), off, number)


def shorten_gaps(steps: Ints) -> Ints:
    """Ascending whole numbers from 0, with gaps above 1400 shortened by whole weeks."""
    gaps = np.diff(steps)
    gaps = np.where(gaps > _LONGEST_GAP, _LONGEST_GAP + gaps % 7, gaps)
    return np.concatenate([[0], np.cumsum(gaps)]).astype(np.int64)


def stretches(distinct: Array) -> Ints:
    """Stretches of ascending times, cut at gaps: steps more than half as long again as the median."""
    gaps = np.diff(distinct)
    return np.concatenate([[0], np.cumsum(gaps > _LONGER * np.median(gaps))]).astype(np.int64)


def rare_prompts(prompt: Ints) -> Flags:
    """Times of day that hardly any row has, by code: slips of a schedule, and no prompts of it."""
    counts = np.bincount(prompt)
    used = counts[counts > 0]
    return np.asarray((counts > 0) & (counts < _RARE * np.median(used)))


def grid_steps(values: Array, local: Array | None = None) -> tuple[Ints, Array, bool]:
    """Place times on the coarsest common grid.

    Parameters
    ----------
    values : (n,) float array
        NaN where missing.
    local : (n,) float array, optional
        The same times on the wall clock. A diary kept at one hour of the day lies on its grid even where the clock
        changes and instants do not.

    Returns
    -------
    steps : (n,) int array
        Steps from the first time; ranks where no common grid exists. Missing times give 0 (they
        are an error found elsewhere).
    exact : (n,) float array
        The same times, unrounded, in units of one step.
    on_grid : bool
    """
    finite = np.isfinite(values)
    known = slice(None) if finite.all() else finite
    distinct, first, inverse = distinct_times(values[known])
    steps = np.zeros(len(values), dtype=np.int64)
    exact = np.zeros(len(values))
    if len(distinct) < 2:
        return steps, exact, True
    gaps = np.diff(distinct)
    place = _on_grid(distinct)
    unit = float(gaps.min() if place is not None else np.median(gaps))
    if place is None and local is not None:
        shown = local[known][first]
        # Each instant must have one reading of the wall clock, in the same order.
        agrees = np.array_equal(shown[inverse], local[known]) and bool(np.all(np.diff(shown) > 0))
        place = _on_grid(shown) if agrees else None
        unit = float(np.diff(shown).min()) if place is not None else unit
    steps[known] = (place if place is not None else np.arange(len(distinct)))[inverse]
    exact[known] = (values[known] - distinct[0]) / unit
    return steps, exact, place is not None


def distinct_times(values: Array) -> tuple[Array, Ints, Ints]:
    """Distinct values ascending, the first row of each, and the place of every row's value among them.

    The same as `numpy.unique`; whole numbers of a small range are counted, not sorted.
    """
    n = len(values)
    span = float(np.ptp(values)) if n else np.inf
    if span > 4 * n + 1000 or not np.array_equal(values, np.rint(values)):
        return np.unique(values, return_index=True, return_inverse=True)
    low = values.min()
    codes = (values - low).astype(np.int64)
    first = np.full(int(span) + 1, n)
    # Of several rows the one written last, the first of the table, stays.
    first[codes[::-1]] = np.arange(n - 1, -1, -1)
    used = first < n
    return np.flatnonzero(used) + low, first[used], (np.cumsum(used) - 1)[codes]


def _on_grid(distinct: Array) -> Ints | None:
    """Steps of ascending times on the grid of their smallest gap; None where they do not lie on it."""
    multiples = (distinct - distinct[0]) / np.diff(distinct).min()
    close = np.abs(multiples - np.rint(multiples)) < 1e-3 * np.maximum(1.0, multiples * 1e-3)
    if not np.all(close):
        return None
    steps = np.rint(multiples).astype(np.int64)
    # Bursts far apart lie on one grid; times that fill hardly any of it do not.
    most = 50 * len(distinct) + 1000
    steps = shorten_gaps(steps) if steps[-1] >= most else steps
    return None if steps[-1] >= most else np.asarray(steps)
