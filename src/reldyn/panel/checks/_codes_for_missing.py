"""What lies far from all other values: numbers that platforms write for a missing one, and dates of another year."""

from __future__ import annotations

import numpy as np

from reldyn._types import Array, Flags

__all__ = ["CODES_FOR_MISSING", "codes_among", "distant_days", "named_when_reading"]

# Smaller negative codes (-1, -8) are left out: they are plausible answers on a scale around 0.
CODES_FOR_MISSING = frozenset(
    {-9.0, -66.0, -77.0, -88.0, -99.0, -999.0, -9999.0, 77.0, 88.0, 99.0, 777.0, 888.0, 999.0, 9999.0, 99999.0}
)

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


def codes_among(values: Array, *, counts: bool = False) -> list[float]:
    """Codes for missing that lie farther from all other values than these are apart; other codes do not count.

    Parameters
    ----------
    values : (n,) float array
    counts : bool, default False
        Whether the others count something: any negative code is one then, unless they are negative too.

    Examples
    --------
    >>> codes_among(np.array([-99.0, -77.0, 1.0, 7.0])), codes_among(np.array([90.0, 98.0, 99.0]))
    ([-99.0, -77.0], [])
    """
    known = values[np.isfinite(values)]
    coded = np.isin(known, list(CODES_FOR_MISSING))
    rest = known[~coded]
    if not len(rest):
        return []
    low, high = float(rest.min()), float(rest.max())
    return [
        code
        for code in np.unique(known[coded]).tolist()
        if max(low - code, code - high) > high - low > 0 or (counts and code < 0 <= low)
    ]


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
