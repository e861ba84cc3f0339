"""Numbers that look like dates: without marks (02032026, 260302, 202603) or without a year (20.03)."""

from __future__ import annotations

import numpy as np

from reldyn._types import Array, Flags

__all__ = ["looks_compact", "looks_yearless"]

_FEWEST = 3
_MONTHS = 12
_YEARS = (1990, 2069)
# Days without a year come round from December to January.
_LEAP_YEAR = 2000
_HALF_YEAR = 182


def looks_compact(numbers: Array) -> str | None:
    """The form in which all of at least three different numbers are dates; None where they count.

    Counted as numbers, such dates leap from month to month, and those that begin with the day stand in a wrong order.

    Examples
    --------
    >>> import numpy as np
    >>> looks_compact(np.array([31032026.0, 1042026.0, 2042026.0])), looks_compact(np.array([260331.0, 260401, 260402]))
    ('%d%m%Y', '%y%m%d')
    >>> looks_compact(np.array([100000.0, 160000.0, 220000.0])) is None
    True
    """
    known = np.unique(numbers[np.isfinite(numbers)])
    if len(known) < _FEWEST or np.any(known != np.floor(known)) or known[0] < 10_101 or known[-1] > 31_122_069:
        return None
    whole = known.astype(np.int64)
    if known[0] >= 1_011_990:
        first, second, year = whole // 1_000_000, whole // 10_000 % 100, whole % 10_000
        for form, day, month in (("%d%m%Y", first, second), ("%m%d%Y", second, first)):
            if _dates(day, month, year).all():
                return form
        return None
    # Six digits alone may count something: only dates of one year or two, and of days that follow on each other.
    year, month, day = 2000 + whole // 10_000, whole // 100 % 100, whole % 100
    close = known[-1] < 700_000 and np.ptp(year) <= 1 and known[0] >= 100_101
    if close and _dates(day, month, year).all():
        return "%y%m%d"
    # Months of several years: as numbers January follows December by 89 steps.
    months, years = np.unique(whole % 100), np.unique(whole // 100)
    sound = years[0] >= _YEARS[0] and years[-1] <= _YEARS[1] and months[0] >= 1 and months[-1] <= _MONTHS
    return "%Y%m" if sound and len(years) > 1 and len(months) > 1 else None


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
