"""Whole numbers that look like dates without marks, in an order that only the study knows: 02032026, 260302."""

from __future__ import annotations

import numpy as np

from reldyn._types import Array, Flags

__all__ = ["looks_compact"]

_FEWEST = 3
_YEARS = (1990, 2069)


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
    return "%y%m%d" if close and _dates(day, month, year).all() else None


def _dates(day: Array | np.ndarray, month: Array | np.ndarray, year: Array | np.ndarray) -> Flags:
    sound = (month >= 1) & (month <= 12) & (day >= 1) & (year >= _YEARS[0]) & (year <= _YEARS[1])
    months = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + np.where(sound, month - 1, 0)
    dates = months.astype("datetime64[D]") + np.where(sound, day - 1, 0)
    return np.asarray(sound & (dates.astype("datetime64[M]") == months))
