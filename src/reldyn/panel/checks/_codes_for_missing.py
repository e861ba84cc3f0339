"""What lies far from all other values: numbers that platforms write for a missing one, and dates of another year."""

from __future__ import annotations

import numpy as np

from reldyn._types import Array, Flags

__all__ = ["CODES_FOR_MISSING", "distant_days", "looks_like_code", "named_when_reading", "odd_times"]

# Smaller negative codes (-1, -8) are left out: they are plausible answers on a scale around 0.
CODES_FOR_MISSING = frozenset({-9.0, -66.0, -77.0, -88.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0, 99999.0})

# Waves of a study lie far apart too, but each has many rows.
_HALF_YEAR = 182.0
_FEW_ROWS = 0.01


def named_when_reading(code: str) -> str:
    """The fix for a code, given as Python writes it.

    Examples
    --------
    >>> named_when_reading("-99")
    'Name it when reading: rd.read_table(path, missing=(..., -99)).'
    """
    return f"Name it when reading: rd.read_table(path, missing=(..., {code}))."


def looks_like_code(extreme: float, values: Array) -> bool:
    """Whether the rest lies farther from an extreme value than it is wide.

    Examples
    --------
    >>> looks_like_code(-99.0, np.array([-99.0, 1.0, 7.0])), looks_like_code(99.0, np.array([90.0, 98.0, 99.0]))
    (True, False)
    """
    rest = values[(values != extreme) & np.isfinite(values)]
    if not len(rest) or rest.min() == rest.max():
        return False
    distance = rest.min() - extreme if extreme < rest.min() else extreme - rest.max()
    return bool(distance > np.ptp(rest))


def odd_times(values: Array) -> list[float]:
    """Codes for missing among numbers that count occasions; these are not negative, unless several are."""
    known = values[np.isfinite(values)]
    if not len(known):
        return []
    found = []
    for extreme in dict.fromkeys((float(known.min()), float(known.max()))):
        rest = known[known != extreme]
        counts = extreme < 0 and len(rest) and rest.min() >= 0
        if extreme in CODES_FOR_MISSING and (counts or looks_like_code(extreme, known)):
            found.append(extreme)
    return found


def distant_days(days: Array) -> Flags:
    """Rows, hardly any, whose days lie farther from all others than these are apart, and half a year at least.

    Parameters
    ----------
    days : (n,) float array
        NaN where missing.

    Examples
    --------
    >>> distant_days(np.append(np.arange(30.0), [13_000.0, -20_000.0])).sum()
    np.int64(2)
    """
    found = np.zeros(len(days), dtype=bool)
    known = np.isfinite(days)
    most = max(1, int(_FEW_ROWS * known.sum()))
    for _ in range(2):
        near = days[known & ~found]
        if len(near) < 10:
            break
        distinct = np.unique(near)
        gaps = np.diff(distinct)
        if not len(gaps):
            break
        cut = int(gaps.argmax())
        low, high = near <= distinct[cut], near > distinct[cut]
        few, many = (low, high) if low.sum() < high.sum() else (high, low)
        if few.sum() > most or gaps[cut] <= max(_HALF_YEAR, np.ptp(near[many])):
            break
        edge = distinct[cut] if few is low else distinct[cut + 1]
        found |= known & ((days <= edge) if few is low else (days >= edge))
    return found
