"""Bursts of occasions far apart, with the holes inside them."""

from __future__ import annotations

import numpy as np

from reldyn._types import Ints

__all__ = ["fill_bursts"]

# A longer gap lies between bursts, of which each has at least so many occasions on average.
_LONGEST_HOLE = 31
_OCCASIONS_PER_BURST = 4


def fill_bursts(seen: Ints, sparse: int) -> tuple[Ints, bool]:
    """Occasions of bursts far apart with the holes inside them; False where times are no such bursts."""
    gaps = np.diff(seen)
    breaks = np.flatnonzero(gaps > _LONGEST_HOLE)
    starts, ends = seen[np.r_[0, breaks + 1]], seen[np.r_[breaks, len(seen) - 1]]
    lengths = ends - starts + 1
    if _OCCASIONS_PER_BURST * len(starts) > len(seen) or lengths.sum() > sparse * len(seen):
        return seen, False
    before = np.cumsum(lengths) - lengths
    return np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths), True
