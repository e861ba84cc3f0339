"""Days and times of day of stamps that come without a day: the schedule that the wall clock shows.

A night is found where the steps over midnight are longer than those of the day. A day begins at midnight, or, where
answers run on past midnight, in the middle of the longest part of the day without one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.panel.timing._reading import SECONDS_PER_DAY, Times

__all__ = ["StampDays", "counts_as_schedule", "crowded_days", "days_of_stamps", "person_days"]

# Steps as short as this all around the clock are those of a device, which knows no night.
_LONGEST_DEVICE_STEP = 3 * 3600.0
_LONGER = 1.5
# Fixed prompts come back: each time of day of a schedule has at least this many rows on average.
_ROWS_PER_PROMPT = 4
_MOST_PROMPTS = 50
_QUIET = 4 * 3600.0
_EARLY = 5 * 3600.0
_SUMMER_TIME = 3600.0
# Days with several rows are called slips where they are fewer than this share of persons' days.
_FEW_DAYS = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class StampDays:
    """Days of stamps.

    Attributes
    ----------
    day : (n,) float array
        Days since 1970-01-01; NaN where there is no stamp.
    clock : (n,) float array or None
        Seconds since midnight, above 86,400 past the next one; None where every person has one row a day.
    starts : float
        Seconds after midnight at which a day begins.
    runs_back : bool
        Somebody's wall clock runs back within a day, as at the end of summer time.
    """

    day: Array
    clock: Array | None
    starts: float
    runs_back: bool


def days_of_stamps(times: Times, person: Ints) -> StampDays | None:
    """Find the days of stamps.

    None where they show no days: one session, a device, times at anyone's pleasure, or persons who travel so that
    their wall clock runs back by more than summer time does.

    Parameters
    ----------
    times : Times
    person : (n,) int array
        -1 where missing.
    """
    if not times.has_hours:
        return None
    known = np.isfinite(times.local) & np.isfinite(times.values) & (person >= 0)
    if not known.any():
        return None
    local, instant, who = times.local[known], times.values[known], person[known]
    starts = _day_start(local)
    day = np.floor((local - starts) / SECONDS_PER_DAY)
    order = np.lexsort((instant, who))
    same = np.diff(who[order]) == 0
    back = np.diff(local[order])[same] < 0
    if np.any(np.diff(local[order])[same] < -_SUMMER_TIME) or np.any(np.diff(day[order])[same] < 0):
        return None
    if not _has_nights(day, instant, who):
        return None
    _, counts = person_days(who, day)
    # Seconds since 1970 are exact to a microsecond; prompts are told apart by milliseconds.
    clock = np.rint((local - day * SECONDS_PER_DAY) * 1e3) / 1e3
    several = float(np.mean(counts > 1))
    if several and not (several > 0.5 or counts_as_schedule(clock)):
        return None
    full = [np.full(len(known), np.nan), np.full(len(known), np.nan)]
    full[0][known], full[1][known] = day, clock
    return StampDays(full[0], full[1] if several else None, starts, bool(back.any()))


def person_days(person: Ints, day: Array) -> tuple[Ints, Ints]:
    """Code of the person and day of every row, and the number of rows of each."""
    days, rank = np.unique(day, return_inverse=True)
    _, codes, counts = np.unique(person * (len(days) + 1) + rank, return_inverse=True, return_counts=True)
    return codes, counts


def crowded_days(times: Times, person: Ints) -> Ints:
    """Rows on the few days of a person that have several, where all other days have one: answers given twice."""
    local = times.local
    if not times.has_hours or not np.isfinite(local).all() or person.min(initial=0) < 0:
        return np.empty(0, dtype=np.intp)
    codes, counts = person_days(person, np.floor((local - _day_start(local)) / SECONDS_PER_DAY))
    few = 0 < np.mean(counts > 1) < _FEW_DAYS
    return np.flatnonzero(counts[codes] > 1) if few else np.empty(0, dtype=np.intp)


def counts_as_schedule(clock: Array) -> bool:
    """Whether times of day come back as those of fixed prompts do."""
    n = len(np.unique(clock))
    return n <= _MOST_PROMPTS and len(clock) >= _ROWS_PER_PROMPT * n


def _day_start(local: Array) -> float:
    """Midnight, or the middle of the longest part of the day without answers, where some come after midnight."""
    clock = np.unique(local % SECONDS_PER_DAY)
    gaps = np.diff(np.append(clock, clock[0] + SECONDS_PER_DAY))
    longest = int(gaps.argmax())
    late = clock[0] < _EARLY
    if not late or longest == len(clock) - 1 or gaps[longest] < max(_QUIET, _LONGER * gaps[-1]):
        return 0.0
    return float(clock[longest] + gaps[longest] / 2)


def _has_nights(day: Array, instant: Array, person: Ints) -> bool:
    """Whether days are told apart by more than midnight."""
    if not np.ptp(day):
        return False
    order = np.lexsort((instant, person))
    gap, on = np.diff(instant[order]), np.diff(day[order])
    same: Flags = (np.diff(person[order]) == 0) & (gap > 0)
    inner, night = gap[same & (on == 0)], gap[same & (on == 1)]
    if not len(inner) or not len(night):
        return True
    usual = float(np.median(inner))
    return float(np.median(night)) > _LONGER * usual or usual > _LONGEST_DEVICE_STEP
