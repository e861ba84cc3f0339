"""Calendar days and times of day as whole numbers, with what lies outside the schedule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.panel.timing._workdays import weekday_of_number

__all__ = ["CalendarDays", "calendar_codes", "rare_prompts", "shorten_gaps", "stretches"]

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
