"""Where rows stand in time: a day number and a time within the day, for findings and lags alike.

Days are days of the calendar on the clock that was written; within a day, and where no day is named, rows are
ordered by the instant. So a change of the clock or of the time zone neither moves an evening to the next day nor
puts a later answer before an earlier one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from reldyn._types import Array, Ints
from reldyn.panel.timing._stamp_days import StampDays, days_of_stamps, person_days
from reldyn.panel.timing._times import SECONDS_PER_DAY, Times
from reldyn.panel.timing._workdays import number_workdays

__all__ = ["calendar_days", "place_rows", "weekdays"]


def calendar_days(times: Times) -> Array:
    """Days since 1970-01-01 on the clock that was written, of a column of dates."""
    return np.floor(times.local / SECONDS_PER_DAY)


def weekdays(times: Times) -> Array:
    """Day of the week of a column of dates on the clock that was written; Monday is 0."""
    # 1970-01-01 was a Thursday.
    return (calendar_days(times) + 3) % 7


def place_rows(
    times: Mapping[str, Times], person: Ints, dyad: Ints, workdays: tuple[int, ...] | None = None
) -> dict[str, Array]:
    """Place every row in time by the columns that are named for it.

    Parameters
    ----------
    times : mapping of str to Times
        The readings of the columns named ``day``, ``beep`` and ``time``, as far as they are named.
    person, dyad : (n,) int arrays
        Codes of each row, -1 where missing.
    workdays : tuple of int, optional
        Days of the week that count; calendar days become their numbers, and other days lie between these.

    Returns
    -------
    dict of str to (n,) float array
        The slowest first: ``day``, if there is one, and ``beep`` or else ``time``. Calendar dates of a day are days
        since 1970-01-01. Dates with hours as beep or time of a named day are seconds since the midnight before the
        dyad's first time of that day. A day column with hours, of which persons usually have several on one
        date, gives ``time`` too. Stamps without a day give ``day``, and ``time`` where there are several on one, if
        they are those of a schedule (`days_of_stamps`). Times of day of which nobody has two on one day place
        nothing: the day does. NaN where a value is missing.
    """
    placed = _placed(times, person, dyad)
    if workdays is not None and "day" in placed and _calendar(times).kind == "date":
        placed["day"] = number_workdays(placed["day"], workdays)
    return placed


def _calendar(times: Mapping[str, Times]) -> Times:
    return times[next(kind for kind in ("day", "beep", "time") if kind in times)]


def _placed(times: Mapping[str, Times], person: Ints, dyad: Ints) -> dict[str, Array]:
    within = "beep" if "beep" in times else "time"
    if "day" not in times:
        if within not in times:
            return {}
        stamps = days_of_stamps(times[within], person) if times[within].kind == "date" else None
        return {within: times[within].values} if stamps is None else _by_stamps(stamps, times[within], person, dyad)
    named = times["day"]
    day = calendar_days(named) if named.kind == "date" else named.values
    if within in times and times[within].kind in ("date", "duration") and _one_a_day(times[within], day, person):
        return {"day": day}
    if within in times:
        inner = times[within]
    elif named.has_hours and _several_a_day(day, person):
        inner = named
    else:
        return {"day": day}
    if inner.kind != "date":
        return {"day": day, within: inner.values}
    return {"day": day, within: _since_midnight(inner, day, person, dyad)}


def _by_stamps(stamps: StampDays, times: Times, person: Ints, dyad: Ints) -> dict[str, Array]:
    """Day and time of day; by the instant where partners have clocks of different zones."""
    if stamps.clock is None:
        return {"day": stamps.day}
    known = np.isfinite(stamps.day) & (dyad >= 0)
    ahead = np.where(known, times.local - times.values, 0.0)
    codes, counts = person_days(dyad[known], stamps.day[known])
    mean = np.bincount(codes, weights=ahead[known]) / counts
    partners_differ = np.any(np.abs(ahead[known] - mean[codes]) > 1) and np.ptp(ahead[known]) > 3601
    if stamps.runs_back or partners_differ:
        return {"day": stamps.day, "time": _since_midnight(times, stamps.day, person, dyad)}
    return {"day": stamps.day, "time": stamps.clock}


def _one_a_day(within: Times, day: Array, person: Ints) -> bool:
    """Whether nobody has two rows on one day, although there are several days."""
    known = np.isfinite(day) & np.isfinite(within.values) & (person >= 0)
    if not known.all() or not known.any() or not np.ptp(day):
        return False
    return bool(person_days(person, day)[1].max() == 1)


def _several_a_day(day: Array, person: Ints) -> bool:
    """Whether more than half of the persons' days have several rows."""
    known = np.isfinite(day) & (person >= 0)
    if not known.any():
        return False
    _, counts = np.unique(_group(person[known], day[known]), return_counts=True)
    return bool(np.mean(counts > 1) > 0.5)


def _since_midnight(times: Times, day: Array, person: Ints, dyad: Ints) -> Array:
    """Seconds since the midnight before the first time of a day, so that times past midnight come after it.

    The first time of the dyad counts, because partners share a schedule; where a person's own day begins a whole
    day later, partners number their days apart, and the person's own first time counts.
    """
    seconds = np.full(len(day), np.nan)
    known = np.flatnonzero(np.isfinite(times.values) & np.isfinite(day))
    if not len(known):
        return seconds
    own = _first_of(_group(person[known], day[known]), times.values[known])
    shared = _first_of(_group(dyad[known], day[known]), times.values[known])
    apart = times.values[known[own]] - times.values[known[shared]] >= SECONDS_PER_DAY
    first = known[np.where(apart, own, shared)]
    seconds[known] = times.local[first] % SECONDS_PER_DAY + times.values[known] - times.values[first]
    return seconds


def _group(codes: Ints, day: Array) -> Ints:
    """One code for each pair of code and day."""
    days, rank = np.unique(day, return_inverse=True)
    return np.asarray((codes + 1) * (len(days) + 1) + rank)


def _first_of(group: Ints, instant: Array) -> Ints:
    """The position of the earliest row of each row's group."""
    order = np.lexsort((instant, group))
    starts = np.flatnonzero(np.r_[True, np.diff(group[order]) != 0])
    sizes = np.diff(np.r_[starts, len(order)])
    first = np.empty(len(group), dtype=np.intp)
    first[order] = np.repeat(order[starts], sizes)
    return first
