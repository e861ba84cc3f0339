"""From answers to a small set of states: what grids, sequences and transitions count."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reldyn._types import Array
from reldyn.errors import DesignError

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel


__all__ = ["Bins", "Categories", "categories_of"]

Bins = int | Sequence[float] | None
# More states than this leave almost every cell of a table of transitions empty.
_MOST = 12
# Share of a number by which two ways of computing it may differ.
_ROUNDING = 16 * np.finfo(float).eps
# Enough to tell any two numbers apart.
_ALL_DIGITS = 17


@dataclass(frozen=True, slots=True)
class Categories:
    """States of a variable.

    Attributes
    ----------
    labels : tuple of str
        In ascending order of the values.
    cuts : (n - 1,) array
        A value at or above a cut belongs to the higher state.
    """

    labels: tuple[str, ...]
    cuts: Array

    def code(self, values: Array) -> Array:
        """State of each value from 0; NaN stays NaN."""
        codes = np.searchsorted(self.cuts, values, side="right").astype(float)
        codes[~np.isfinite(values)] = np.nan
        return codes


def categories_of(panel: DyadPanel, variable: str, bins: Bins, *, fewest: int = 2) -> Categories:
    """Decide which states a variable has.

    Parameters
    ----------
    panel : DyadPanel
    variable : str
    bins : int, sequence of float or None
        None: every distinct value (with a declared scale of whole numbers, every number of the scale). A number: so
        many intervals of equal width over the declared scale, else over the observed range. A sequence: the cut
        points; a value at a cut belongs above it.
    fewest : int, default 2
        States needed.

    Returns
    -------
    Categories

    Raises
    ------
    DataError
        There is no such column, or it holds text.
    DesignError
        Too few or too many states, or cut points that do not ascend.
    """
    values = panel.values(variable)
    seen = np.unique(values[np.isfinite(values)])
    scale = panel.scales.get(variable)
    if bins is None:
        return _distinct(variable, seen, scale, fewest)
    if isinstance(bins, (int, np.integer)) and not isinstance(bins, bool):
        if not 2 <= bins <= _MOST:
            raise DesignError(f"bins={bins!r} of {variable!r}: give a number from 2 to {_MOST}, or cut points.")
        low, high = scale if scale is not None else (seen[0], seen[-1]) if len(seen) else (0.0, 0.0)
        if not high > low:
            raise DesignError(f"{variable!r} never varies, so that it has no states.")
        # A cut within the rounding of an answer may fall on either side of it.
        return _intervals(np.linspace(low, high, int(bins) + 1)[1:-1], _ROUNDING * max(abs(low), abs(high)))
    try:
        # A truth value is no cut point.
        cuts = np.zeros(0) if isinstance(bins, bool) else np.atleast_1d(np.asarray(bins, dtype=float))
    except (TypeError, ValueError):
        cuts = np.zeros(0)
    if cuts.ndim != 1 or not len(cuts) or not np.isfinite(cuts).all() or np.any(np.diff(cuts) <= 0):
        raise DesignError(f"bins={bins!r} of {variable!r}: cut points must be numbers that ascend.")
    return _intervals(cuts)


def _distinct(variable: str, values: Array, scale: tuple[float, float] | None, fewest: int) -> Categories:
    whole = bool(np.all(values == np.rint(values)))
    # A scale of seven points has seven states, whether or not anyone chose them all.
    if scale is not None and whole and float(scale[0]).is_integer() and float(scale[1]).is_integer():
        points = np.arange(scale[0], scale[1] + 1)
        values = points if len(points) <= _MOST else values
    if len(values) > _MOST:
        raise DesignError(
            f"{variable!r} has {len(values)} distinct values, more than {_MOST} states: say in bins how many "
            "intervals, or where to cut."
        )
    if len(values) < fewest:
        raise DesignError(f"{variable!r} has {len(values)} distinct values, fewer than {fewest} states.")
    return Categories(tuple(_texts(values, 6)), (values[:-1] + values[1:]) / 2)


def _intervals(cuts: Array, rounding: float = 0.0) -> Categories:
    """Intervals between cuts; a value that misses a cut by no more than rounding is at it, and belongs above."""
    at = _texts(cuts, 4)
    labels = (f"below {at[0]}", *(f"{a} to {b}" for a, b in itertools.pairwise(at)), f"{at[-1]} and above")
    return Categories(labels, cuts - np.maximum(rounding, _ROUNDING * np.abs(cuts)))


def _texts(values: Array, digits: int) -> list[str]:
    """Numbers with so many digits, or with more where they would else look alike."""
    texts = [f"{value:.{digits}g}" for value in values]
    return texts if len(set(texts)) == len(values) or digits == _ALL_DIGITS else _texts(values, digits + 1)
