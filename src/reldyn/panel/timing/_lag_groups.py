"""Which scheduled occasions are a lag apart: within the day where it has several prompts, else from day to day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Flags, Ints

__all__ = ["LagGroups", "group_lags", "one_a_day", "single_days"]

# Two days on which the same prompt alone was answered may be chance, three are a design.
_FEWEST_DAYS = 3


@dataclass(frozen=True, eq=False)
class LagGroups:
    """Groups of occasions: a lag of k leads to the occasion of the same group whose step is k less.

    Attributes
    ----------
    group, step : (n,) int arrays
    scheduled : (n,) bool array
        Occasions outside the schedule have a group of their own.
    """

    group: Ints
    step: Ints
    scheduled: Flags


def group_lags(day: Ints, prompt: Ints, off: Flags, daily: Flags, number: Ints | None = None) -> LagGroups:
    """Group occasions of several prompts a day.

    Parameters
    ----------
    day, prompt : (n,) int arrays
        Ascending; prompts are ranks among those of the schedule.
    off : (n,) bool array
        Occasions outside the schedule.
    daily : (n_days,) bool array
        Days with one prompt among others of their kind, by code of the day (`daily_stretches`).
    number : (n_days,) int array, optional
        Scheduled days counted; None: the code of the day.
    """
    count = np.arange(len(daily)) if number is None else number
    begins = daily & ~np.r_[False, daily[:-1]]
    first = np.maximum.accumulate(np.where(begins, np.arange(len(daily)), -1))
    single = daily[day]
    group, step = day.copy(), prompt.astype(np.int64).copy()
    group[single], step[single] = first[day[single]], count[day[single]] - count[first[day[single]]]
    return _apart(group, step, off)


def daily_stretches(day: Ints, prompt: Ints, n_days: int) -> Ints:
    """The one prompt of days in a row, at least three in use, that have the same prompt alone; by code, else -1.

    Examples
    --------
    >>> import numpy as np
    >>> day = np.array([0, 0, 1, 1, 2, 3, 4, 6])
    >>> daily_stretches(day, np.array([0, 1, 0, 1, 1, 1, 1, 1]), 7).tolist()
    [-1, -1, 1, 1, 1, 1, 1]
    """
    daily = np.full(n_days, -1)
    used, first, counts = np.unique(day, return_index=True, return_counts=True)
    which = np.where(counts == 1, prompt[first], -1)
    begins = np.flatnonzero(np.r_[True, which[1:] != which[:-1]])
    ends = np.r_[begins[1:], len(which)] - 1
    for start, end in zip(begins, ends, strict=True):
        if which[start] >= 0 and end - start + 1 >= _FEWEST_DAYS:
            daily[used[start] : used[end] + 1] = which[start]
    return daily


def single_days(occasion: Ints, rare: Flags, n_days: int) -> tuple[Ints, Flags]:
    """Days with one prompt among others of their kind, and the prompts that do not count on all other days.

    A prompt that only ever stands alone lies between no two prompts of the days with several: a study of 9, 12, 15, 18
    and 21 h that goes on with 20 h alone has five prompts a day, and then one.

    Parameters
    ----------
    occasion : (n,) int array
        Occasions in use, ascending: day times the number of prompts, plus the prompt.
    rare : (n_prompts,) bool array
        Times of day that are no prompts.
    n_days : int

    Returns
    -------
    only : (n_days,) int array
        As `daily_stretches`.
    rare : (n_prompts,) bool array
        With the prompts that only stand alone.
    """
    used = occasion[~rare[occasion % len(rare)]]
    only = daily_stretches(used // len(rare), used % len(rare), n_days)
    several = only[used // len(rare)] < 0
    if several.all() or not several.any():
        return only, rare
    return only, np.bincount(used[several] % len(rare), minlength=len(rare)) == 0


def one_a_day(count: Ints, off: Flags) -> LagGroups:
    """Group the occasions of a study with one a day: all are of one group."""
    return _apart(np.zeros_like(count), count.copy(), off)


def _apart(group: Ints, step: Ints, off: Flags) -> LagGroups:
    if off.any():
        group[off] = int(group.max(initial=0)) + 1 + np.arange(int(off.sum()))
        step[off] = 0
    return LagGroups(group, step, ~off)
