"""Numbers that are dates: seconds and milliseconds since 1970, 20210328, and the serial days of Excel.

The ranges of these do not overlap, so that a value says itself which of them it is; numbers that count occasions are
smaller than all of them, but for the serial days, which are recognised only where a column can hold whole dates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.panel.timing._formats import Unit

__all__ = ["UNIT_WORDS", "NumberDates", "dates_in_numbers", "seconds_of"]

_DAY = 86_400.0
# Seconds from 2000-01-01 to 2100-01-01.
_FIRST, _LAST = 946_684_800.0, 4_102_444_800.0
_PER_SECOND: dict[Unit, float] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_EXCEL_OF_1970 = 25_569
# From 2000-01-01 to 2060-01-01.
_EXCEL = (36_526, 58_440)
# More days than this between the first and the last are rather minutes of something else.
_LONGEST_EXCEL = 2_200
_SPSS_OF_1970 = 12_219_379_200.0
UNIT_WORDS: dict[Unit, str] = {
    "number": "numbers that count",
    "s": "seconds since 1970-01-01 UTC",
    "ms": "milliseconds since 1970-01-01 UTC",
    "us": "microseconds since 1970-01-01 UTC",
    "ns": "nanoseconds since 1970-01-01 UTC",
    "yyyymmdd": "dates written as YYYYMMDD",
    "yyyymmddhhmm": "dates written as YYYYMMDDhhmm",
    "yyyymmddhhmmss": "dates written as YYYYMMDDhhmmss",
    "spss": "seconds of SPSS, counted from 1582-10-14",
    "excel": "serial days of Excel, counted from 1899-12-30",
}


@dataclass(frozen=True, eq=False)
class NumberDates:
    """Numbers read as dates.

    Attributes
    ----------
    seconds : (n,) float array
        Since 1970-01-01; NaN where missing or no date.
    unit : Unit
        The commonest.
    others : (n,) bool array
        Dates in another unit.
    strange : (n,) bool array
        Numbers that are no date in any unit.
    """

    seconds: Array
    unit: Unit
    others: Flags
    strange: Flags


def dates_in_numbers(numbers: Array, *, serials: bool) -> NumberDates | None:
    """Read numbers as dates where most of them can be nothing else; None where they count.

    Parameters
    ----------
    numbers : (n,) float array
        NaN where missing. Where the others are units of time since 1970, 0 stands for what did not happen.
    serials : bool
        Whether serial days of Excel are looked for.

    Examples
    --------
    >>> import numpy as np
    >>> dates_in_numbers(np.array([1616889600.0, 1616893200.0]), serials=True).unit
    's'
    >>> dates_in_numbers(np.array([1.0, 2.0, 20210328.0]), serials=True) is None
    True
    """
    known = np.isfinite(numbers) & (numbers != 0)
    present = numbers[known]
    if not len(present) or present.max() < _EXCEL[0]:
        return None
    units = _units_of(present, serials=serials)
    n_each = {unit: int((units == k).sum()) for k, unit in enumerate(_UNITS)}
    unit = max(n_each, key=n_each.__getitem__)
    n_read = sum(n_each.values())
    if 2 * n_read <= len(present) or (unit == "excel" and n_each["excel"] < len(present)):
        return None
    if unit == "excel" and np.ptp(present) > _LONGEST_EXCEL:
        return None
    seconds = np.full(len(numbers), np.nan)
    part = np.full(len(present), np.nan)
    for k, each in enumerate(_UNITS):
        mine = units == k
        if mine.any():
            part[mine] = seconds_of(present[mine], each)
    seconds[known] = part
    others, strange = np.zeros(len(numbers), dtype=bool), np.zeros(len(numbers), dtype=bool)
    others[known] = (units >= 0) & (units != _UNITS.index(unit))
    strange[known] = units < 0
    strange |= np.isinf(numbers)
    if unit not in _PER_SECOND:
        strange |= numbers == 0
    return NumberDates(seconds, unit, others, strange)


def seconds_of(numbers: Array, unit: Unit) -> Array:
    """Seconds since 1970-01-01 of numbers in one unit; NaN where the calendar has no such date."""
    if unit == "excel":
        return np.asarray(np.rint((numbers - _EXCEL_OF_1970) * _DAY * 1e3) / 1e3)
    if unit == "spss":
        return numbers - _SPSS_OF_1970
    if unit == "yyyymmdd":
        return _days_of_compact(numbers) * _DAY
    if unit in ("yyyymmddhhmm", "yyyymmddhhmmss"):
        return _stamps_of_compact(numbers if unit == "yyyymmddhhmmss" else numbers * 100)
    return numbers / _PER_SECOND[unit]


_UNITS: tuple[Unit, ...] = ("s", "ms", "us", "ns", "yyyymmdd", "yyyymmddhhmm", "yyyymmddhhmmss", "spss", "excel")


def _units_of(present: Array, *, serials: bool) -> Ints:
    """The unit of each number as a position in `_UNITS`, -1 where it is none."""
    units = np.full(len(present), -1)
    for k, unit in enumerate(_UNITS[:4]):
        scale = _PER_SECOND[unit]
        units[(present >= _FIRST * scale) & (present < _LAST * scale)] = k
    compact = (present >= 19_000_101) & (present <= 20_991_231)
    if compact.any():
        compact[compact] = np.isfinite(_days_of_compact(present[compact]))
        units[compact] = _UNITS.index("yyyymmdd")
    compact_stamps: tuple[tuple[Unit, float], ...] = (("yyyymmddhhmm", 1e4), ("yyyymmddhhmmss", 1e6))
    for unit, scale in compact_stamps:
        stamps = (present >= 20_000_101 * scale) & (present < 20_991_232 * scale) & (present % 1 == 0)
        if stamps.any():
            stamps[stamps] = np.isfinite(seconds_of(present[stamps], unit))
            units[stamps] = _UNITS.index(unit)
    units[(present >= _SPSS_OF_1970 + _FIRST) & (present < _SPSS_OF_1970 + _LAST)] = _UNITS.index("spss")
    if serials:
        units[(present >= _EXCEL[0]) & (present < _EXCEL[1])] = _UNITS.index("excel")
    return units


def _stamps_of_compact(numbers: Array) -> Array:
    """Seconds since 1970-01-01 of stamps such as 20210328093000."""
    day, clock = np.divmod(numbers, 1_000_000)
    hour, minute, second = clock // 10_000, clock // 100 % 100, clock % 100
    sound = (hour < 24) & (minute < 60) & (second < 60)
    return np.where(sound, _days_of_compact(day) * _DAY + hour * 3600 + minute * 60 + second, np.nan)


def _days_of_compact(numbers: Array) -> Array:
    """Days since 1970-01-01 of dates such as 20210328, NaN where the calendar has no such day."""
    whole = np.isfinite(numbers) & (numbers % 1 == 0) & (numbers >= 1_000_101) & (numbers <= 99_991_231)
    code = np.where(whole, numbers, 19_700_101).astype(np.int64)
    year, month, day = code // 10_000, code // 100 % 100, code % 100
    sound = whole & (month >= 1) & (month <= 12) & (day >= 1)
    months = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + np.where(sound, month - 1, 0)
    dates = months.astype("datetime64[D]") + np.where(sound, day - 1, 0)
    sound &= dates.astype("datetime64[M]") == months
    return np.where(sound, dates.astype(np.int64), np.nan)
