"""Bursts of occasions far apart, with the holes inside them."""

from __future__ import annotations

import numpy as np

from reldyn._types import Ints

__all__ = ["fill_bursts"]

# A longer gap lies between bursts, of which each has at least so many occasions on average.
_LONGEST_HOLE = 31
_OCCASIONS_PER_BURST = 4


def fill_bursts(occasions: Ints, sparse: int) -> tuple[Ints, bool]:
    """Occasions of bursts far apart with the holes inside them; False where times are no such bursts."""
    gaps = np.diff(occasions)
    breaks = np.flatnonzero(gaps > _LONGEST_HOLE)
    starts, ends = occasions[np.r_[0, breaks + 1]], occasions[np.r_[breaks, len(occasions) - 1]]
    lengths = ends - starts + 1
    if _OCCASIONS_PER_BURST * len(starts) > len(occasions) or lengths.sum() > sparse * len(occasions):
        return occasions, False
    before = np.cumsum(lengths) - lengths
    return np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths), True
