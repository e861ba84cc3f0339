"""Numbers that look like dates: without marks (02032026, 260302, 202603), weeks (202552), or without a year (20.03)."""

from __future__ import annotations

import numpy as np

from reldyn._types import Array, Flags, Ints

__all__ = ["looks_clocked", "looks_compact", "looks_yearless", "part_of_years"]

_FEWEST = 3
# Forms with hours, and those with the year last, by their number of digits; a zero at the beginning may be lost. The
# forms that begin with four digits of the year and end with minutes or seconds are read as dates.
_CLOCKED = (
    *("%Y%m%d%H", "%y%m%d%H%M", "%d%m%y%H%M", "%m%d%y%H%M"),
    *("%d%m%Y%H%M", "%m%d%Y%H%M", "%y%m%d%H%M%S", "%d%m%y%H%M%S", "%m%d%y%H%M%S"),
    *("%d%m%Y%H%M%S", "%m%d%Y%H%M%S"),
)
_SHORT = ("%y%m%d%H", "%d%m%y%H", "%m%d%y%H", "%d%m%y", "%m%d%y")
_FIRST_SHORT_YEAR = 2010
_YEARS = (1990, 2069)
_LONGEST_YEARS = {"quarter": 4, "month": 12, "week": 53, "day": 366}
# Days without a year come round from December to January.
_LEAP_YEAR = 2000
_HALF_YEAR = 182


def looks_compact(numbers: Array) -> tuple[str, ...]:
    """The forms in which all of at least three different numbers are dates; none where they count.

    Counted as numbers, such dates leap from month to month, and those that begin with the day stand in a wrong order.

    Examples
    --------
    >>> import numpy as np
    >>> looks_compact(np.array([31032026.0, 1042026.0, 2042026.0])), looks_compact(np.array([260331.0, 260401, 260402]))
    (('%d%m%Y',), ('%y%m%d',))
    >>> looks_compact(np.array([100000.0, 160000.0, 220000.0]))
    ()
    """
    known = np.unique(numbers[np.isfinite(numbers)])
    if len(known) < _FEWEST or np.any(known != np.floor(known)) or known[0] < 10_101 or known[-1] > 31_122_069:
        return ()
    whole = known.astype(np.int64)
    if known[0] >= 1_011_990:
        first, second, year = whole // 1_000_000, whole // 10_000 % 100, whole % 10_000
        orders = (("%d%m%Y", first, second), ("%m%d%Y", second, first))
        forms = tuple(form for form, day, month in orders if _dates(day, month, year).all())
        return forms or (("%Y%j",) if _parted(whole, 1000, _LONGEST_YEARS["day"]) else ())
    # Six digits alone may count something: only dates of one year or two, and of days that follow on each other.
    year, month, day = 2000 + whole // 10_000, whole // 100 % 100, whole % 100
    close = known[-1] < 700_000 and np.ptp(year) <= 1 and known[0] >= 100_101
    if close and _dates(day, month, year).all():
        return ("%y%m%d",)
    # Months of several years: as numbers January follows December by 89 steps.
    return ("%Y%m",) if _parted(whole, 100, _LONGEST_YEARS["month"]) else ()


def looks_clocked(numbers: Array, *, short: bool) -> tuple[str, ...]:
    """The forms in which all of at least three different numbers are dates with hours, or with a short year last.

    Years of two digits are those of one study, 2010 and later, so that numbers that count seldom look so; ten digits
    would otherwise be seconds since 1970.

    Parameters
    ----------
    numbers : (n,) float array
    short : bool
        Whether eight digits and fewer are looked at as well.

    Examples
    --------
    >>> import numpy as np
    >>> looks_clocked(np.array([2405121430.0, 2405141900.0, 2405160900.0]), short=False)
    ('%y%m%d%H%M',)
    >>> looks_clocked(np.array([1715520600.0, 1715524200.0, 1715527800.0]), short=True)
    ()
    """
    known = np.unique(numbers[np.isfinite(numbers)])
    if len(known) < _FEWEST or np.any(known != np.floor(known)) or known[0] < 10_110 or known[-1] >= 1e14:
        return ()
    whole = known.astype(np.int64)
    return tuple(form for form in (*_CLOCKED, *(_SHORT if short else ())) if _has_form(whole, form))


def _has_form(whole: Ints, form: str) -> bool:
    """Whether all numbers are dates of a form of strptime without marks, of one year or of two that follow."""
    parts = form.split("%")[1:]
    widths = [4 if part == "Y" else 2 for part in parts]
    digits = sum(widths)
    # Only days and months begin with a zero that is lost.
    least = 10 ** (digits - 1 if parts[0] in "yY" else digits - 2)
    if whole[0] < least or whole[-1] >= 10**digits:
        return False
    value, left = {}, whole
    for part, width in zip(reversed(parts), reversed(widths), strict=True):
        left, value[part] = np.divmod(left, 10**width)
    year = value["Y"] if "Y" in value else 2000 + value["y"]
    nothing = np.zeros_like(whole)
    clock = all((value.get(part, nothing) < most).all() for part, most in (("H", 24), ("M", 60), ("S", 60)))
    near = np.ptp(year) <= 1 and year.min() >= (_YEARS[0] if "Y" in value else _FIRST_SHORT_YEAR)
    return bool(clock and near and _dates(value["d"], value["m"], year).all())


def part_of_years(numbers: Array) -> str | None:
    """The part of several years that all of at least three different numbers name after their year; None otherwise.

    Weeks and quarters (202552, 2025.52, 20254), and months after a point (2025.12), are no dates of any form of
    strptime. Years of two digits (2552) are seen where one year ends with its last part and the next begins with 1.

    Examples
    --------
    >>> import numpy as np
    >>> part_of_years(np.array([202551.0, 202552.0, 202601.0])), part_of_years(np.array([20253.0, 20254.0, 20261.0]))
    ('week', 'quarter')
    >>> part_of_years(np.array([202510.0, 202511.0, 202512.0, 202513.0])) is None
    True
    """
    known = np.unique(numbers[np.isfinite(numbers)])
    if len(known) < _FEWEST or known[0] < 0 or known[-1] > 1e6:
        return None
    pointed = np.any(known != np.floor(known))
    hundredths = np.rint(known * 100)
    if pointed and np.any(np.abs(known * 100 - hundredths) > 1e-6):
        return None
    whole = (hundredths if pointed else known).astype(np.int64)
    if not pointed and _parted(whole, 10, _LONGEST_YEARS["quarter"]):
        return "quarter"
    for part in ("month", "week") if pointed else ("week",):
        if _parted(whole, 100, _LONGEST_YEARS[part]):
            return part
    # Four digits alone may count anything, prompts within days for example.
    short = whole + 200_000
    return "week" if not pointed and _parted(short, 100, _LONGEST_YEARS["week"]) and _turns(short) else None


def _parted(whole: Ints, scale: int, most: int) -> bool:
    """Whether numbers are several years, each followed by a part from 1 to the most."""
    years, parts = np.unique(whole // scale), np.unique(whole % scale)
    sound = years[0] >= _YEARS[0] and years[-1] <= _YEARS[1] and parts[0] >= 1 and parts[-1] <= most
    return bool(sound and len(years) > 1 and len(parts) > 1)


def _turns(whole: Ints) -> bool:
    """Whether every year but the last ends with its last week, and every year but the first begins with week 1."""
    years, first = np.unique(whole // 100, return_index=True)
    before, after = whole[first[1:] - 1] % 100, whole[first[1:]] % 100
    return bool(np.all(np.diff(years) == 1) and np.all(before >= _LONGEST_YEARS["week"] - 1) and np.all(after == 1))


def looks_yearless(numbers: Array) -> bool:
    """Whether numbers are rather days with their months (20.03, 1.04), of several months.

    In the order of the file they run back less often as days of a year than as numbers, in which 1.04 comes before
    20.03; prompts within days (1.01, 1.02, 2.01) do not.

    Examples
    --------
    >>> import numpy as np
    >>> looks_yearless(np.array([30.03, 31.03, 1.04, 2.04])), looks_yearless(np.array([1.01, 1.02, 2.01, 2.02]))
    (True, False)
    """
    known = numbers[np.isfinite(numbers)]
    if len(np.unique(known)) < _FEWEST or known.min() < 1 or known.max() >= 32:
        return False
    hundredths = np.rint(known * 100)
    if np.any(np.abs(known * 100 - hundredths) > 1e-6):
        return False
    day, month = np.divmod(hundredths.astype(np.int64), 100)
    if len(np.unique(month)) == 1 or not _dates(day, month, np.full(len(day), _LEAP_YEAR)).all():
        return False
    of_year = np.cumsum([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30])[month - 1] + day
    back = (np.diff(of_year) < 0) & (np.diff(of_year) > -_HALF_YEAR)
    return bool(back.sum() < (np.diff(known) < 0).sum())


def _dates(day: Array | np.ndarray, month: Array | np.ndarray, year: Array | np.ndarray) -> Flags:
    sound = (month >= 1) & (month <= 12) & (day >= 1) & (year >= _YEARS[0]) & (year <= _YEARS[1])
    months = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + np.where(sound, month - 1, 0)
    dates = months.astype("datetime64[D]") + np.where(sound, day - 1, 0)
    return np.asarray(sound & (dates.astype("datetime64[M]") == months))
