"""Whether two groups of answers were given on the same response scale."""

from __future__ import annotations

from operator import itemgetter

import numpy as np

from reldyn._types import Array

__all__ = ["METRIC_FACTOR", "different_metrics"]

# Scales of 5 and 7 points differ by half, 1-5 items and 0-10 sliders by 2.5: from 4 on no two versions of one scale do.
METRIC_FACTOR = 4.0
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
    parts = [np.asarray(part, dtype=float)[np.isfinite(part)] for part in (first, second)]
    if min(map(len, parts)) < _FEWEST_VALUES:
        return False
    ranges = [float(np.ptp(part)) for part in parts]
    if min(ranges) == 0 or max(ranges) < METRIC_FACTOR * min(ranges):
        return False
    (small, narrow), (large, wide) = sorted(
        zip([float(part.std(ddof=1)) for part in parts], ranges, strict=True), key=itemgetter(0)
    )
    return wide >= METRIC_FACTOR * narrow and large >= METRIC_FACTOR * small
