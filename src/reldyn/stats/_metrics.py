"""Whether two groups of answers were given on the same response scale."""

from __future__ import annotations

import numpy as np

from reldyn._types import Array

__all__ = ["different_metrics"]

# Scales of 5 and 7 points differ by half, 1-5 items and 0-10 sliders by 2.5: from 4 on no two versions of one scale do.
_FACTOR = 4.0
_FEWEST_VALUES = 10


def different_metrics(first: Array, second: Array) -> bool:
    """Whether range and standard deviation both differ by a factor of four or more.

    Parameters
    ----------
    first, second : arrays
        Values of each group; missing ones are left out.

    Returns
    -------
    bool
        False where a group has fewer than ten values or does not vary: then nothing can be said.

    Examples
    --------
    >>> different_metrics(np.arange(20.0), 20 * np.arange(20.0))
    True
    """
    given = [np.asarray(part, dtype=float) for part in (first, second)]
    parts = [part if seen.all() else part[seen] for part in given for seen in (np.isfinite(part),)]
    if min(map(len, parts)) < _FEWEST_VALUES:
        return False
    ranges = sorted(float(np.ptp(part)) for part in parts)
    if ranges[0] == 0 or ranges[1] < _FACTOR * ranges[0]:
        return False
    small, large = sorted(parts, key=lambda part: float(part.std(ddof=1)))
    wider = float(np.ptp(large)) >= _FACTOR * float(np.ptp(small))
    return wider and float(large.std(ddof=1)) >= _FACTOR * float(small.std(ddof=1))
