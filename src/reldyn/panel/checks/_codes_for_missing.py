"""Numbers that platforms write for a missing value, far from all others: in answers, ids, days and beeps."""

from __future__ import annotations

import numpy as np

from reldyn._types import Array

__all__ = ["CODES_FOR_MISSING", "looks_like_code", "odd_times"]

# Smaller negative codes (-1, -8) are left out: they are plausible answers on a scale around 0.
CODES_FOR_MISSING = frozenset({-9.0, -66.0, -77.0, -88.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0, 99999.0})


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
