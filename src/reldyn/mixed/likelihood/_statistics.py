"""One pass over the rows: what every later evaluation of the likelihood needs to know about them.

Write W = [X Z y] (n rows, c columns) and R_i for the residual covariance of dyad i. A residual process hands over
segments, small stacks of m rows with ``W_i' R_i^{-1} W_i = sum_s W_s' K W_s``, where K (m, m) depends on the layout of
the segment only. For layouts that occur often the cross-products ``S_ab = sum_s w_sa w_sb'`` are kept per dyad, so that
an evaluation is ``sum_ab K_ab S_ab``, whatever the number of occasions; the rows of rare layouts are kept as they are.

The likelihood needs the rows of ``W' R^{-1} W`` that belong to Z for every dyad, and the rest summed over dyads only.
Rows of one member use only the columns that are ever non-zero for that member, since role-wise designs are half empty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np

from reldyn._records import brief
from reldyn._types import Array, Ints
from reldyn.mixed.likelihood._backend import kernels
from reldyn.mixed.likelihood._entries import Entries, lay_out
from reldyn.mixed.likelihood._from_dyads import chunk_of_dyads, entries_of_dyads, entries_of_segments
from reldyn.mixed.likelihood._layouts import Chunk, Columns, DenseLayout, DyadLayouts, SparseLayouts, Where
from reldyn.mixed.processes import Kernel, SegmentGroup, batch_layouts, natural_names, segments_of, structure
from reldyn.mixed.processes import kernels as layout_kernels
from reldyn.mixed.spec._columns import Design, RoleColumns, pick
from reldyn.mixed.spec._options import Residual
from reldyn.mixed.spec._problem import Problem
from reldyn.mixed.spec._sums import RowSums, goes_by_member, row_sums, sizes_of_z

# Numbers that the kernels of one chunk may hold with their derivatives.
KERNEL_NUMBERS = 2**21
# Segments whose rows are formed at once: few enough for the processor's cache.
_SEGMENTS = 2**12
# Rows of the longest layouts that are read as entries.
_SHORT = 8
# Cross-products that always may be kept.
_FEW_NUMBERS = 2**18

Weights = Callable[[int], Array]


@brief
@dataclass(frozen=True)
class Statistics:
    """The data as the likelihood sees them.

    Attributes
    ----------
    n, n_dyads, p, q : int
        Rows, dyads, fixed effects, random effects.
    residual : Residual
    exchangeable : tuple of bool
        Per stratum.
    columns : tuple of two Columns
        Per member.
    chunks : tuple of Chunk
    """

    n: int
    n_dyads: int
    p: int
    q: int
    residual: Residual
    exchangeable: tuple[bool, ...]
    columns: tuple[Columns, Columns]
    chunks: tuple[Chunk, ...]

    @property
    def width(self) -> int:
        """Number of columns of W."""
        return self.p + self.q + 1

    @cached_property
    def outside(self) -> Ints:
        """Columns of X and y in W."""
        return np.append(np.arange(self.p), self.p + self.q)

    @cached_property
    def entries(self) -> Entries:
        """The cross-products kept per dyad, in lanes of dyads for compiled kernels."""
        structures = [structure(self.residual, item) for item in self.exchangeable]
        if self.residual.serial:
            segments = [cast("SegmentLayouts", chunk.layouts) for chunk in self.chunks]
            if all(item.table.goes_by_member for item in segments):
                begins = np.cumsum([0, *(chunk.n_layouts for chunk in self.chunks)]).tolist()
                groups = [
                    (begin + index, chunk.stratum, group)
                    for begin, chunk, item in zip(begins, self.chunks, segments, strict=False)
                    for index, group in item.groups
                ]
                return entries_of_segments(segments[0].table.problem, self.columns, groups)
            return lay_out(self.chunks, self.columns, self.n_dyads, [])
        if all(isinstance(chunk.layouts, DyadLayouts) for chunk in self.chunks):
            return entries_of_dyads(self.chunks, self.n_dyads, structures)
        return lay_out(self.chunks, self.columns, self.n_dyads, structures)

    @cached_property
    def keeps_entries(self) -> bool:
        """Whether frequent layouts are short enough to be read as `entries`."""
        if not self.residual.serial:
            return True
        layouts = [chunk.layouts for chunk in self.chunks]
        return all(
            isinstance(item, SegmentLayouts) and all(group.rows.shape[1] <= _SHORT for _, group in item.groups)
            for item in layouts
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of natural residual parameters of each stratum."""
        return tuple(len(natural_names(self.residual, item)) for item in self.exchangeable)


@dataclass(frozen=True)
class Products:
    """``W' K W`` for k choices of K; d dyads, q random effects, c columns of W.

    Attributes
    ----------
    z : (k, d, q, c) array
        The rows of Z, for each dyad.
    total : (k, c, c) array
        The rest, summed over dyads; zero in the rows and columns of Z.
    """

    z: Array
    total: Array


def summarise(problem: Problem, Z: Design, residual: Residual, sums: RowSums | None = None) -> Statistics:
    """Keep of the rows what the likelihood needs.

    Parameters
    ----------
    problem : Problem
        Rows sorted by dyad, step and member.
    Z : (n, q) array or RoleColumns
        Random-effects design in internal columns.
    residual : Residual
    sums : RowSums, optional
        Sums over these rows, where they are at hand.

    Returns
    -------
    Statistics
    """
    sums = row_sums(problem) if sums is None else sums
    table = _Rows(problem, Z, sums)
    strata = problem.strata
    chunks: list[Chunk] = []
    if sums.dyads is not None and not residual.serial and isinstance(Z, RoleColumns) and Z.transform is None:
        parts = (
            chunk_of_dyads(problem, Z, table.columns, sums.dyads, stratum)
            for stratum in range(len(problem.exchangeable))
        )
        chunks = [part for part in parts if part.n_layouts]
    else:
        groups = segments_of(problem, residual)
        for stratum in range(len(problem.exchangeable)):
            mine = [item for item in (_within(group, strata, stratum) for group in groups) if len(item.dyad)]
            for part in _portioned(mine, residual):
                chunks.append(_chunk(table, part, stratum, residual))
    return Statistics(
        n=problem.n,
        n_dyads=problem.n_dyads,
        p=problem.X.shape[1],
        q=Z.shape[1],
        residual=residual,
        exchangeable=problem.exchangeable,
        columns=(table.columns[0], table.columns[1]),
        chunks=tuple(chunks),
    )


def chunk_kernels(stats: Statistics, chunk: Chunk, natural: Array, order: int) -> list[Kernel]:
    """Kernels of a chunk's layouts; see `reldyn.mixed.processes.kernels`."""
    exchangeable = stats.exchangeable[chunk.stratum]
    return layout_kernels(stats.residual, exchangeable, natural, chunk.arrangement, order)


def no_products(stats: Statistics, k: int) -> Products:
    """Products to add to."""
    return Products(np.zeros((k, stats.n_dyads, stats.q, stats.width)), np.zeros((k, stats.width, stats.width)))


def assemble(stats: Statistics, chunk: Chunk, weights: Weights, out: Products, *, frequent: bool = True) -> None:
    """Add ``sum_s W_s' K W_s`` to `out`, with ``weights(layout)`` the k choices of K, (k, m, m)."""
    for item in chunk.frequent if frequent else ():
        left, right = (stats.columns[m] for m in item.members)
        chosen = np.stack([weights(layout)[:, a, b] for layout, a, b in item.terms], axis=1)
        rows = left.z_rows
        products = (chosen @ item.grams.reshape(len(item.terms), -1)).reshape(len(chosen), *item.grams.shape[1:])
        totals = np.tensordot(chosen, item.totals, axes=1)
        for here, place in right.pieces:
            _add(out.z, rows, place, products[..., here])
        for here, place in right.outside:
            for above, row_place in left.outside:
                _add(out.total, row_place, place, totals[:, above, here])
    for pool in chunk.rare:
        of_layout = np.stack([weights(index) for index in pool.layouts], axis=1)
        kernels().segment_products(pool.stack, pool.which, pool.owner, of_layout, stats.p, out.z, out.total)


def contract(stats: Statistics, chunk: Chunk, targets: Array, constant: Array, *, frequent: bool = True) -> list[Array]:
    """Sum over segments of ``W_s Q_i W_s'`` for each layout: (t, m, m).

    Parameters
    ----------
    stats : Statistics
    chunk : Chunk
    targets : (t, d, q, c) array
        The rows of symmetric matrices Q_i that belong to Z.
    constant : (t, c, c) array
        What is left of them, the same for all dyads; zero in the rows and columns of Z.
    frequent : bool, default True
        Whether frequent layouts are wanted as well.
    """
    found = [np.zeros((len(targets), size, size)) for size in chunk.sizes]
    for item in chunk.frequent if frequent else ():
        left, right = (stats.columns[m] for m in item.members)
        rows = left.z_rows
        gathered = np.empty((len(targets), *item.grams.shape[1:]))
        fixed = np.zeros((len(targets), *item.totals.shape[1:]))
        for here, place in right.pieces:
            # Elements beside Z stand for themselves and for their mirror image.
            twice = 1.0 if here == right.pieces[1][0] else 2.0
            gathered[..., here] = twice * _pick(targets, rows, place)
        for here, place in right.outside:
            for above, row_place in left.outside:
                fixed[:, above, here] = _pick(constant, row_place, place)
        n_terms = len(item.terms)
        values = item.grams.reshape(n_terms, -1) @ gathered.reshape(len(targets), -1).T
        values += item.totals.reshape(n_terms, -1) @ fixed.reshape(len(targets), -1).T
        for (layout, a, b), value in zip(item.terms, values, strict=True):
            found[layout][:, a, b] += 0.5 * value
            found[layout][:, b, a] += 0.5 * value
    for pool in chunk.rare:
        total = kernels().segment_contractions(
            pool.stack, pool.which, pool.owner, targets, constant, stats.p, len(pool.layouts)
        )
        for k, index in enumerate(pool.layouts):
            found[index] += total[:, k]
    return found


def precisions(items: list[Kernel]) -> Weights:
    """Each layout's precision, (1, m, m)."""
    return lambda index: items[index].precision[None]


def precision_slopes(items: list[Kernel]) -> Weights:
    """Derivatives of each layout's precision, (r, m, m)."""
    return lambda index: np.asarray(items[index].d_precision)


def precisions_and_slopes(items: list[Kernel]) -> Weights:
    """Each layout's precision, then its derivatives, (1 + r, m, m)."""
    return lambda index: np.concatenate([items[index].precision[None], np.asarray(items[index].d_precision)])


def slopes_and_bend(items: list[Kernel], W: Array) -> Weights:
    """Derivatives of each layout's precision, then its second derivatives weighted by W, (r + 1, m, m)."""
    return lambda index: np.concatenate(
        [np.asarray(items[index].d_precision), np.tensordot(W, np.asarray(items[index].d2_precision), axes=2)[None]]
    )


def _add(out: Array, rows: Where, columns: Where, values: Array) -> None:
    if isinstance(rows, slice) or isinstance(columns, slice):
        out[..., rows, columns] += values
    else:
        out[..., rows[:, None], columns] += values


def _pick(source: Array, rows: Where, columns: Where) -> Array:
    if isinstance(rows, slice) or isinstance(columns, slice):
        return np.asarray(source[..., rows, columns])
    return np.asarray(source[..., rows[:, None], columns])


class _Rows:
    """Rows of W without the columns that are zero for their member, formed when they are asked for."""

    def __init__(self, problem: Problem, Z: Design, sums: RowSums) -> None:
        self.problem = problem
        self.X, self.Z, self.y = problem.X, Z, problem.y
        self.p, self.q = problem.X.shape[1], Z.shape[1]
        self.member = problem.member
        self.n_dyads = problem.n_dyads
        used_x, used_z = sums.x_sizes[0], sizes_of_z(problem, Z, sums)[0]
        self.columns = [Columns(np.flatnonzero(used_x[k]), np.flatnonzero(used_z[k]), self.p, self.q) for k in (0, 1)]

    @cached_property
    def goes_by_member(self) -> bool:
        """Whether columns stand on the same variables, and depend on composition and member only."""
        return self.Z is self.problem.Z and goes_by_member(self.problem)

    def members(self, rows: Ints) -> list[int]:
        """Member of each row of a segment (the same in all segments of a layout)."""
        return [int(self.member[row]) for row in rows[0]]

    def joined(self, rows: Ints, offsets: Ints) -> Array:
        """(s, k): the rows of each segment one after the other."""
        found = np.empty((len(rows), int(offsets[-1])))
        for a, m in enumerate(self.members(rows)):
            mine, columns, begin = rows[:, a], self.columns[m], int(offsets[a])
            middle, end = begin + len(columns.x), int(offsets[a + 1]) - 1
            found[:, begin:middle] = pick(self.X, mine, columns.x)
            found[:, middle:end] = pick(self.Z, mine, columns.z)
            found[:, end] = self.y[mine]
        return found

    def full(self, rows: Ints) -> Array:
        """(s, m, c): the rows of each segment with all columns."""
        stack = np.zeros((*rows.shape, self.p + self.q + 1))
        for a, m in enumerate(self.members(rows)):
            packed = self.joined(rows[:, a : a + 1], np.array([0, self.columns[m].width]))
            for here, place in self.columns[m].pieces:
                stack[:, a, place] = packed[:, here]
        return stack


@brief
@dataclass(frozen=True)
class SegmentLayouts:
    """Frequent layouts as their rows, with the position of each layout in its chunk."""

    table: _Rows
    groups: tuple[tuple[int, SegmentGroup], ...]

    def dense(self) -> tuple[DenseLayout, ...]:
        """As numpy's kernels have them."""
        return _frequent(self.table, list(self.groups))


def _within(group: SegmentGroup, strata: Ints, stratum: int) -> SegmentGroup:
    if not strata.any():
        return group
    here = strata[group.dyad] == stratum
    return SegmentGroup(group.layout, group.rows[here], group.dyad[here])


def _portioned(groups: list[SegmentGroup], residual: Residual) -> list[list[SegmentGroup]]:
    """Split layouts so that their kernels with derivatives stay within bounds."""
    if not residual.serial:
        return [groups]
    derivatives = 8
    parts: list[list[SegmentGroup]] = [[]]
    held = 0
    for group in groups:
        size = derivatives * group.rows.shape[1] ** 2
        if parts[-1] and held + size > KERNEL_NUMBERS:
            parts.append([])
            held = 0
        parts[-1].append(group)
        held += size
    return parts


def _chunk(table: _Rows, groups: list[SegmentGroup], stratum: int, residual: Residual) -> Chunk:
    frequent: list[tuple[int, SegmentGroup]] = []
    rare: dict[int, list[tuple[int, SegmentGroup]]] = {}
    for index, group in enumerate(groups):
        if not residual.serial or _is_frequent(table, group):
            frequent.append((index, group))
        else:
            rare.setdefault(group.rows.shape[1], []).append((index, group))
    return Chunk(
        stratum=stratum,
        n_layouts=len(groups),
        arrangement=batch_layouts([group.layout for group in groups]),
        counts=np.array([len(group.dyad) for group in groups], dtype=float),
        sizes=tuple(group.rows.shape[1] for group in groups),
        layouts=SegmentLayouts(table, tuple(frequent)),
        rare=tuple(_rare(table, items) for items in rare.values()),
    )


def _is_frequent(table: _Rows, group: SegmentGroup) -> bool:
    """Whether an evaluation takes less work with cross-products for every dyad, at a bearable price in memory."""
    members = table.members(group.rows)
    count, m = group.rows.shape
    width = sum(table.columns[k].width for k in members)
    kept = table.n_dyads * width * sum(max(len(table.columns[k].z), 1) for k in members)
    c = table.p + table.q + 1
    work = count * m * (m * c + width / m * c)
    return bool(kept <= work and kept <= max(8 * group.rows.size * c, _FEW_NUMBERS))


def _frequent(table: _Rows, groups: list[tuple[int, SegmentGroup]]) -> tuple[DenseLayout, ...]:
    terms: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for index, group in groups:
        members = table.members(group.rows)
        for a, left in enumerate(members):
            for b, right in enumerate(members):
                terms.setdefault((left, right), []).append((index, a, b))
    grams, totals = {}, {}
    for pair, of_pair in terms.items():
        one, other = (table.columns[m] for m in pair)
        grams[pair] = np.zeros((len(of_pair), table.n_dyads, len(one.z), other.width))
        totals[pair] = np.zeros((len(of_pair), one.width, other.width))
    for index, group in groups:
        _fill(table, index, group, terms, grams, totals)
    return tuple(DenseLayout(pair, tuple(terms[pair]), grams[pair], totals[pair]) for pair in terms)


def _fill(
    table: _Rows,
    index: int,
    group: SegmentGroup,
    terms: dict[tuple[int, int], list[tuple[int, int, int]]],
    grams: dict[tuple[int, int], Array],
    totals: dict[tuple[int, int], Array],
) -> None:
    """Form the cross-products of one layout."""
    rows, dyad = group.rows, group.dyad
    if (np.diff(dyad) < 0).any():
        order = np.argsort(dyad, kind="stable")
        rows, dyad = rows[order], dyad[order]
    members = table.members(rows)
    offsets = np.cumsum([0, *(table.columns[m].width for m in members)])
    start = 0
    while start < len(dyad):
        stop = int(np.searchsorted(dyad, dyad[min(start + _SEGMENTS, len(dyad)) - 1], side="right"))
        here = slice(int(dyad[start]), int(dyad[stop - 1]) + 1)
        joined = table.joined(rows[start:stop], offsets)
        begin = np.arange(len(joined))[:, None] * joined.shape[1] + offsets[:-1]
        local = dyad[start:stop] - here.start
        gram = kernels().grams(joined.ravel(), begin, offsets, local, here.stop - here.start)
        total = gram.sum(axis=0)
        for a, left in enumerate(members):
            z_begin = int(offsets[a]) + len(table.columns[left].x)
            z_rows = slice(z_begin, z_begin + len(table.columns[left].z))
            for b, right in enumerate(members):
                place = terms[left, right].index((index, a, b))
                columns = slice(int(offsets[b]), int(offsets[b + 1]))
                grams[left, right][place, here] = gram[:, z_rows, columns]
                totals[left, right][place] += total[offsets[a] : offsets[a + 1], columns]
        start = stop


def _rare(table: _Rows, items: list[tuple[int, SegmentGroup]]) -> SparseLayouts:
    which = np.concatenate([np.full(len(group.dyad), k) for k, (_, group) in enumerate(items)])
    dyad = np.concatenate([group.dyad for _, group in items])
    stack = np.concatenate([table.full(group.rows) for _, group in items])
    order = np.argsort(dyad, kind="stable")
    layouts = tuple(index for index, _ in items)
    return SparseLayouts(layouts, which[order], dyad[order], stack[order])
