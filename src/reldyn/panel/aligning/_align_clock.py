"""Stamps on the wall clock, and the prompts of a day to which they are matched.

The wall clock decides both the day and the time of day. A change to or from summer time therefore moves no prompt,
and one diary gives one result whether it was stored as local time, with its offset, in UTC or as Unix seconds.
"""

from __future__ import annotations

import datetime as dt
import difflib
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reldyn._types import Array, Flags, Ints
from reldyn.errors import DataError, DesignError, describe_rows
from reldyn.panel._identity import spellings
from reldyn.panel.timing._dates import hours_of, match_dates
from reldyn.panel.timing._times import SECONDS_PER_DAY, Times, happened, read_times

__all__ = [
    "Prompts",
    "Stamps",
    "clock_text",
    "given_prompts",
    "nearest_prompts",
    "read_clock",
    "read_length",
    "read_stamps",
]


# Unix times of studies lie between 1973 and 2103, in one of these units.
_UNIX_RANGE = (1e8, 4.2e9)
# All stamps of a column have an offset, or none has: so many tell, whatever stands for missing among them.
_ENOUGH = 1000
_UNIX_UNITS = {"seconds": 1.0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}


@dataclass(frozen=True, eq=False)
class Stamps:
    """A column of stamps on the wall clock.

    Attributes
    ----------
    local : (n,) float array
        Seconds since 1970-01-01 on the wall clock; NaN without a stamp.
    instant : (n,) float array
        Seconds since 1970-01-01 UTC where the offset is known, else as `local`: the order of rows.
    zoned : bool
        The stamps say which instant is meant: they have an offset or are Unix times.
    skipped : (n,) bool array
        Local times that the clock of the named zone never showed.
    """

    local: Array
    instant: Array
    zoned: bool
    skipped: Flags

    @property
    def in_utc(self) -> bool:
        """Whether every stamp is known to be on the clock of UTC."""
        return self.zoned and bool(np.all(self.offset[np.isfinite(self.local)] == 0))

    @property
    def offset(self) -> Array:
        """Seconds by which the wall clock is ahead of UTC; 0 where that is not known."""
        return np.asarray(self.local - self.instant)


def read_stamps(column: pd.Series[Any], name: str, timezone: str | zoneinfo.ZoneInfo | None) -> Stamps:
    """Read a column of stamps as times on the wall clock.

    Parameters
    ----------
    column : pandas.Series, n rows
    name : str
        For messages.
    timezone : str or ZoneInfo, optional
        IANA name. Stamps of known instant are converted to it; naive stamps are on its clock already.

    Raises
    ------
    DataError
        A stamp cannot be read, or the column holds no dates with a time of day.
    DesignError
        There is no such time zone.
    """
    zone = None if timezone is None else _zone(timezone)
    times = read_times(column, serials=True)
    if times.problems:
        problem = times.problems[0]
        rows = describe_rows(np.flatnonzero(problem.rows).tolist())
        fix = problem.fix or "Write stamps as 2026-11-23 18:30:00 (ISO 8601)."
        raise DataError(f"{name!r} {problem.wording}: {rows}. {fix}")
    if times.kind == "number":
        instant, zoned = _unix_seconds(times, name), True
        local = instant
    else:
        _check_moments(times, name)
        local, instant, zoned = times.local, times.values, times.fixed or _says_offset(column)
    nowhere = np.zeros(len(local), dtype=bool)
    if zone is None:
        return Stamps(local, instant, zoned, nowhere)
    if zoned:
        return Stamps(_on_the_clock_of(zone, instant), instant, True, nowhere)
    return Stamps(local, local, False, _never_shown(zone, local))


def _zone(timezone: str | zoneinfo.ZoneInfo) -> zoneinfo.ZoneInfo:
    if isinstance(timezone, zoneinfo.ZoneInfo):
        return timezone
    known = zoneinfo.available_timezones()
    if isinstance(timezone, str) and timezone in known:
        return zoneinfo.ZoneInfo(timezone)
    close = difflib.get_close_matches(str(timezone), sorted(known), n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise DesignError(
        f"timezone={timezone!r} is no time zone: give an IANA name such as 'Europe/Berlin', which knows when summer "
        f"time begins and ends.{hint}"
    )


def _unix_seconds(times: Times, name: str) -> Array:
    """Seconds since 1970 of numbers; the number 0 is how some platforms write that nothing happened."""
    values = np.where(happened(times), times.values, np.nan)
    known = np.isfinite(values)
    low, high = _UNIX_RANGE
    for scale in _UNIX_UNITS.values():
        seconds = values / scale
        if np.all((seconds[known] >= low) & (seconds[known] <= high)):
            return np.asarray(seconds)
    typical = float(np.median(values[known]))
    fitting = [unit for unit, scale in _UNIX_UNITS.items() if low <= typical / scale <= high]
    if fitting:
        seconds = values / _UNIX_UNITS[fitting[0]]
        rows = describe_rows(np.flatnonzero(known & ~((seconds >= low) & (seconds <= high))).tolist())
        raise DataError(f"{name!r} holds Unix {fitting[0]}, but not in {rows}. Correct these cells or empty them.")
    raise DataError(
        f"{name!r} holds numbers that are no Unix times (the first is {values[known][0]:g}): give stamps as dates with "
        "a time of day, or as seconds since 1970-01-01 UTC."
    )


def _check_moments(times: Times, name: str) -> None:
    if times.kind == "label":
        raise DataError(f"{name!r} holds labels, no stamps: name a column of dates with a time of day.")
    if times.kind == "duration":
        raise DataError(
            f"{name!r} holds times of day without a date: join it with the date first, "
            "for example pandas.to_datetime(frame['date'] + ' ' + frame['clock'])."
        )
    if np.isfinite(times.local).any() and not times.has_hours:
        raise DataError(
            f"{name!r} holds dates without a time of day, so no prompt can be found: name it as day= of DyadPanel."
        )


def _says_offset(column: pd.Series[Any]) -> bool:
    """Whether stamps have an offset from UTC; a column in which only some have one was refused before."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _says_offset(pd.Series(column.cat.categories))
    if pd.api.types.is_datetime64_any_dtype(dtype):
        converted = pd.Series(pd.DatetimeIndex(column.astype(object))) if isinstance(dtype, pd.ArrowDtype) else column
        return converted.dt.tz is not None
    if isinstance(dtype, pd.PeriodDtype):
        return False
    some = column[column.notna()].iloc[:_ENOUGH]
    return bool(np.isfinite(match_dates(spellings(some)[1].tolist()).offset).any())


def _on_the_clock_of(zone: zoneinfo.ZoneInfo, instant: Array) -> Array:
    stamps = pd.DatetimeIndex(_microseconds(instant)).tz_localize("UTC").tz_convert(zone).tz_localize(None)
    seconds = stamps.to_numpy(dtype="datetime64[us]").astype(np.int64) / 1e6
    return np.where(np.isfinite(instant), seconds, np.nan)


def _never_shown(zone: zoneinfo.ZoneInfo, local: Array) -> Flags:
    stamps = pd.DatetimeIndex(_microseconds(local))
    placed = stamps.tz_localize(zone, ambiguous=np.ones(len(local), dtype=bool), nonexistent="NaT")
    return np.asarray(placed.isna() & np.isfinite(local))


def _microseconds(seconds: Array) -> npt.NDArray[np.datetime64]:
    known = np.isfinite(seconds)
    whole = np.where(known, np.rint(np.where(known, seconds, 0.0) * 1e6), 0.0).astype(np.int64)
    return np.where(known, whole.astype("datetime64[us]"), np.datetime64("NaT", "us"))


def read_clock(value: Any, name: str) -> float:
    """Seconds since midnight of a time of day such as ``"09:30"``, from 0 to 86,400."""
    if isinstance(value, dt.time):
        return 3600.0 * value.hour + 60.0 * value.minute + value.second + value.microsecond / 1e6
    if isinstance(value, str):
        seconds = float(hours_of([value.strip()])[0])
        if 0 <= seconds <= SECONDS_PER_DAY:
            return seconds
    raise DesignError(f"{name}={value!r} is no time of day: write hours and minutes, such as '09:30'.")


def read_length(value: Any, name: str) -> float:
    """Seconds of a length of time such as ``"30min"``; numbers are refused, because their unit would be a guess."""
    seconds = np.nan
    if isinstance(value, (str, dt.timedelta, np.timedelta64)):
        try:
            seconds = pd.Timedelta(value).total_seconds()
        except (ValueError, TypeError):
            seconds = np.nan
    if not seconds >= 0:
        raise DesignError(f"{name}={value!r} is no length of time: give it with its unit, such as '30min' or '2h'.")
    return float(seconds)


def clock_text(seconds: float) -> str:
    """Hours and minutes of a time of day, with seconds where there are any.

    Examples
    --------
    >>> clock_text(34_200.0)
    '09:30'
    """
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    text = f"{hours if whole == SECONDS_PER_DAY else hours % 24:02d}:{rest // 60:02d}"
    return f"{text}:{rest % 60:02d}" if rest % 60 else text


@dataclass(frozen=True, eq=False)
class Prompts:
    """The prompts of a day, in seconds since the hour at which a day starts, ascending.

    Attributes
    ----------
    at : (k,) float array
        Clock time of each prompt; the opening of a window.
    low, high : (k,) float arrays
        The earliest and latest time that belongs to each prompt; they may lie outside the day.
    source : {"times", "windows", "stamps"}
        Named clock times, named windows, or learned from the stamps.
    day_start : float
        Seconds since midnight at which a day starts.
    width : float
        The range of the stamps of one prompt in seconds, where it was learned from them.
    """

    at: Array
    low: Array
    high: Array
    source: str
    day_start: float
    width: float = 0.0

    @property
    def n(self) -> int:
        """Prompts a day."""
        return len(self.at)

    @property
    def spacing(self) -> float:
        """The smallest distance between two prompts (between the middles of windows), nights included, in seconds."""
        middle = (self.low + self.high) / 2 if self.source == "windows" else self.at
        return float(np.diff(np.r_[middle, middle[0] + SECONDS_PER_DAY]).min())

    def match(self, seconds: Array) -> Ints:
        """Number of the prompt (from 0) to which each time since the start of a day belongs; -1 where none."""
        if self.source == "windows":
            code = np.searchsorted(self.low, seconds, side="right") - 1
        else:
            code = np.searchsorted((self.at[1:] + self.at[:-1]) / 2, seconds, side="left")
        code = np.clip(code, 0, self.n - 1)
        inside = (seconds >= self.low[code]) & (seconds <= self.high[code])
        return np.where(inside, code, -1)

    def clock(self, seconds: Array) -> list[str]:
        """Clock texts of times since the start of a day."""
        return [clock_text((value + self.day_start) % SECONDS_PER_DAY) for value in seconds]

    def words(self) -> list[str]:
        """Each prompt by its clock time or window."""
        if self.source != "windows":
            return self.clock(self.at)
        return [f"{low} to {high}" for low, high in zip(self.clock(self.low), self.clock(self.high), strict=True)]


def nearest_prompts(at: Array, source: str, day_start: float, width: float = 0.0) -> Prompts:
    """Prompts at clock times: each has the times that are nearest to it, out to half the way to its neighbour."""
    if len(at) == 1:
        return Prompts(at, np.zeros(1), np.full(1, SECONDS_PER_DAY), source, day_start, width)
    half = np.diff(at) / 2
    low, high = at - np.r_[half[0], half], at + np.r_[half, half[-1]]
    return Prompts(at, low, high, source, day_start, width)


def given_prompts(prompts: Any, day_start: float) -> Prompts:
    """Prompts as a caller names them: clock times or windows, in any order.

    Raises
    ------
    DesignError
        No prompts, both kinds mixed, one twice, windows that overlap, or one over the hour at which a day starts.
    """
    items = [prompts] if isinstance(prompts, (str, dt.time)) else _items(prompts)
    single = [isinstance(item, (str, dt.time)) for item in items]
    if not items or len(set(single)) > 1:
        raise DesignError(
            f"prompts={prompts!r}: name clock times such as ('09:00', '12:00'), or windows such as "
            "(('09:00', '10:30'), ('12:00', '13:30'))."
        )
    if single[0]:
        at = np.sort([_since_start(read_clock(item, "prompts"), day_start) for item in items])
        if np.any(np.diff(at) == 0):
            raise DesignError(f"prompts={prompts!r} names one clock time twice.")
        return nearest_prompts(at, "times", day_start)
    return _windows(items, day_start)


def _items(prompts: Any) -> list[Any]:
    return list(prompts) if isinstance(prompts, (Sequence, np.ndarray)) else []


def _since_start(seconds: float, day_start: float) -> float:
    return (seconds - day_start) % SECONDS_PER_DAY


def _windows(items: list[Any], day_start: float) -> Prompts:
    bounds = []
    for item in items:
        ends = _items(item)
        if len(ends) != 2:
            raise DesignError(f"the window {item!r} is no pair of clock times: write ('09:00', '10:30').")
        low = _since_start(read_clock(ends[0], "prompts"), day_start)
        high = _since_start(read_clock(ends[1], "prompts"), day_start) or SECONDS_PER_DAY
        if high <= low:
            raise DesignError(
                f"the window {ends[0]} to {ends[1]} crosses {clock_text(day_start)}, where a day starts, or has no "
                "length: choose day_starts so that it lies between the last and the first prompt, such as '04:00'."
            )
        bounds.append((low, high))
    low, high = np.array(sorted(bounds)).T
    if np.any(high[:-1] > low[1:]):
        first = int(np.argmax(high[:-1] > low[1:]))
        opening = clock_text((low[first + 1] + day_start) % SECONDS_PER_DAY)
        raise DesignError(f"two windows overlap: one opens at {opening}, before the one before it has closed.")
    return Prompts(low, low, high, "windows", day_start)
