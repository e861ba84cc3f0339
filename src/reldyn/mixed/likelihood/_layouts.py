"""Cross-products and rows of segments, sorted by layout: what a pass over the rows leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from reldyn._records import brief
from reldyn._types import Array, Ints
from reldyn.mixed.processes import Arrangement, Layout
from reldyn.mixed.spec._sums import DyadProducts

Where = slice | Ints

# Rows of either member alone, and occasions with both.
OCCASIONS = (Layout((0,), (0,), 0), Layout((1,), (0,), 0), Layout((0, 1), (0, 0), 0))


@brief
@dataclass(frozen=True)
class Columns:
    """Columns of W that rows of one member use.

    Attributes
    ----------
    x, z : int arrays
        Fixed and random effects, as columns of X and Z.
    p, q : int
        Number of columns of X and Z.
    """

    x: Ints
    z: Ints
    p: int
    q: int

    @cached_property
    def pieces(self) -> list[tuple[slice, Where]]:
        """Stretches of the packed columns [x, z, y], each with its place in W."""
        i, j = len(self.x), len(self.x) + len(self.z)
        return [
            (slice(0, i), as_slice(self.x)),
            (slice(i, j), as_slice(self.p + self.z)),
            (slice(j, j + 1), slice(self.p + self.q, self.p + self.q + 1)),
        ]

    @cached_property
    def outside(self) -> list[tuple[slice, Where]]:
        """The pieces of X and y."""
        return [self.pieces[0], self.pieces[2]]

    @cached_property
    def z_rows(self) -> Where:
        """Rows of Z' W that this member touches."""
        return as_slice(self.z)

    @cached_property
    def places(self) -> Ints:
        """Columns of W that are packed."""
        return np.concatenate([self.x, self.p + self.z, [self.p + self.q]]).astype(np.int64)

    @property
    def width(self) -> int:
        """Number of packed columns."""
        return len(self.x) + len(self.z) + 1


@brief
@dataclass(frozen=True)
class DenseLayout:
    """Cross-products of rows of two members in frequent layouts, one entry per layout and pair of rows.

    Attributes
    ----------
    members : tuple of two ints
    terms : tuple of (layout, a, b)
        Position of the layout in its chunk, and the rows of the segment.
    grams : (t, d, q_a, k_b) array
        ``sum_s w_sa w_sb'`` per dyad, the z columns of the first member by all of the second.
    totals : (t, k_a, k_b) array
        The same over dyads, with all columns.
    """

    members: tuple[int, int]
    terms: tuple[tuple[int, int, int], ...]
    grams: Array
    totals: Array


@brief
@dataclass(frozen=True)
class SparseLayouts:
    """Segments of equally many rows, sorted by dyad, kept as rows.

    Attributes
    ----------
    layouts : tuple of int
        Positions of these layouts in their chunk.
    which : (s,) int array
        Layout of each segment, as a position in `layouts`.
    owner : (s,) int array
        Dyad of each segment.
    stack : (s, m, c) array
        The rows of W.
    """

    layouts: tuple[int, ...]
    which: Ints
    owner: Ints
    stack: Array


@brief
@dataclass(frozen=True)
class DyadLayouts:
    """Frequent layouts of residuals without carry-over, as cross-products of dyads; see `_from_dyads`.

    Attributes
    ----------
    dyads : DyadProducts
    mine : slice or int array
        Dyads of the stratum.
    present : tuple of int
        Which of `OCCASIONS` there are.
    columns : tuple of two Columns
        Per member.
    sources, used : tuples of two arrays
        Columns of [base, y] behind the packed columns of each member, and 1 where they are in use.
    """

    dyads: DyadProducts
    mine: slice | Ints
    present: tuple[int, ...]
    columns: tuple[Columns, Columns]
    sources: tuple[Ints, Ints]
    used: tuple[Array, Array]

    def dense(self) -> tuple[DenseLayout, ...]:
        """The same layouts as numpy's kernels have them."""
        dyads, mine = self.dyads, self.mine
        terms: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        for index, place in enumerate(self.present):
            members = OCCASIONS[place].members
            for a, one in enumerate(members):
                for b, other in enumerate(members):
                    terms.setdefault((one, other), []).append((index, a, b))
        frequent = []
        for pair, of_pair in terms.items():
            left, right = (self.columns[member] for member in pair)
            above, across = (self.sources[member] for member in pair)
            used_above, used_across = (self.used[member] for member in pair)
            grams = np.zeros((len(of_pair), len(dyads.counts), len(left.z), right.width))
            totals = np.zeros((len(of_pair), left.width, right.width))
            z_rows = slice(len(left.x), len(left.x) + len(left.z))
            for t, (index, _, _) in enumerate(of_pair):
                products = _block(dyads, self.present[index], pair)[mine]
                totals[t] = np.outer(used_above, used_across) * products.sum(axis=0)[np.ix_(above, across)]
                grams[t, mine] = products[:, above[z_rows, None], across] * np.outer(used_above[z_rows], used_across)
            frequent.append(DenseLayout(pair, tuple(of_pair), grams, totals))
        return tuple(frequent)


class Layouts(Protocol):
    """Frequent layouts in whatever form."""

    def dense(self) -> tuple[DenseLayout, ...]:
        """As numpy's kernels have them."""


@brief
@dataclass(frozen=True)
class Chunk:
    """Layouts of one stratum whose kernels are computed together."""

    stratum: int
    n_layouts: int
    arrangement: Arrangement
    counts: Array
    sizes: tuple[int, ...]
    layouts: Layouts
    rare: tuple[SparseLayouts, ...]

    @cached_property
    def frequent(self) -> tuple[DenseLayout, ...]:
        """Frequent layouts, formed where they are asked for."""
        return self.layouts.dense()


def as_slice(index: Ints) -> Where:
    """The same positions as a slice, if they are evenly spaced: views are faster than gathers."""
    if len(index) == 0:
        return slice(0, 0)
    if len(index) == 1:
        return slice(int(index[0]), int(index[0]) + 1)
    gaps = np.diff(index)
    if gaps[0] > 0 and (gaps == gaps[0]).all():
        return slice(int(index[0]), int(index[-1]) + 1, int(gaps[0]))
    return index


def _block(dyads: DyadProducts, place: int, pair: tuple[int, int]) -> Array:
    if place < 2:
        return np.asarray(dyads.singles[:, place])
    w = dyads.singles.shape[-1]
    left, right = pair
    return np.asarray(dyads.pairs[:, left * w : (left + 1) * w, right * w : (right + 1) * w])
