"""One pass over the rows: what every later evaluation of the likelihood needs to know about them.

Write W = [X Z y] (n rows, c columns) and R_i for the residual covariance of dyad i. A residual process hands over
segments, small stacks of m rows with ``W_i' R_i^{-1} W_i = sum_s W_s' K W_s``, where K (m, m) depends on the layout of
the segment only. For layouts that occur often the cross-products ``S_ab = sum_s w_sa w_sb'`` are kept per dyad, so that
an evaluation is ``sum_ab K_ab S_ab``, whatever the number of occasions; the rows of rare layouts are kept as they are.
Rows of one member use only the columns that are ever non-zero for that member, since role-wise designs are half empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from reldyn.mixed._options import Residual
from reldyn.mixed._problem import FloatArray, IntArray, Problem
from reldyn.mixed._processes import Arrangement, Kernel, SegmentGroup, arrange, kernels, natural_names, segments

# Rows gathered at once while cross-products are formed: bounds the memory of the pass.
_CHUNK = 2**21
# Numbers a batch of kernels with all derivatives may hold.
_KERNEL_NUMBERS = 2**22


@dataclass(frozen=True)
class Frequent:
    """Segments of one layout, kept as cross-products per dyad.

    Attributes
    ----------
    index : int
        Position of the layout in its portion.
    n_segments : int
    dyads : int array (d,) or slice
        Dyads in which the layout occurs.
    columns : tuple of m int arrays
        Columns of W used by each row of the segment.
    gram : (d, k, k) array
        Cross-products of the m rows side by side, k the sum of the lengths of `columns`.
    """

    index: int
    n_segments: int
    dyads: IntArray | slice
    columns: tuple[IntArray, ...]
    gram: FloatArray

    @property
    def spans(self) -> list[slice]:
        """Where each row of the segment stands in `gram`."""
        ends = np.cumsum([len(item) for item in self.columns]).tolist()
        return [slice(end - len(item), end) for end, item in zip(ends, self.columns, strict=True)]


@dataclass(frozen=True)
class Rare:
    """Segments of equally many rows, sorted by dyad, kept as rows.

    Attributes
    ----------
    layouts : tuple of int
        Positions of these layouts in their portion.
    which : (s,) int array
        Layout of each segment, as a position in `layouts`.
    owner : (s,) int array
        Dyad of each segment.
    dyads : (d,) int array
        Dyads in which they occur.
    first : (d,) int array
        First segment of each of these dyads.
    stack : (s, m, c) array
        The rows of W.
    """

    layouts: tuple[int, ...]
    which: IntArray
    owner: IntArray
    dyads: IntArray
    first: IntArray
    stack: FloatArray


@dataclass(frozen=True)
class Portion:
    """Layouts of one stratum whose kernels are computed together."""

    stratum: int
    n_layouts: int
    arrangement: Arrangement
    counts: FloatArray
    frequent: tuple[Frequent, ...]
    rare: tuple[Rare, ...]


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
    portions : tuple of Portion
    """

    n: int
    n_dyads: int
    p: int
    q: int
    residual: Residual
    exchangeable: tuple[bool, ...]
    portions: tuple[Portion, ...]

    @property
    def width(self) -> int:
        """Number of columns of W."""
        return self.p + self.q + 1

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of natural residual parameters of each stratum."""
        return tuple(len(natural_names(self.residual, item)) for item in self.exchangeable)


def summarise(problem: Problem, Z: FloatArray, residual: Residual) -> Statistics:
    """Pass over the rows once.

    Parameters
    ----------
    problem : Problem
        Rows sorted by dyad, step and member.
    Z : (n, q) array
        Random-effects design in internal columns.
    residual : Residual

    Returns
    -------
    Statistics
    """
    table = _Table(problem, Z)
    strata = problem.strata
    groups = segments(residual, problem.dyad, problem.member, problem.step)
    portions: list[Portion] = []
    for stratum in range(len(problem.exchangeable)):
        mine = [item for item in (_within(group, strata, stratum) for group in groups) if len(item.dyad)]
        for part in _portioned(mine, residual):
            portions.append(_portion(table, part, stratum, residual))
    shape = (problem.n, problem.n_dyads, problem.X.shape[1], Z.shape[1])
    return Statistics(*shape, residual, problem.exchangeable, tuple(portions))


class Weights(Protocol):
    """Weights (m, m) of each layout of a portion, by its position."""

    def __call__(self, index: int, /) -> FloatArray:
        """Weights of one layout."""
        ...


def portion_kernels(stats: Statistics, portion: Portion, natural: FloatArray, order: int) -> list[Kernel]:
    """Kernels of a portion's layouts; see `kernels`."""
    exchangeable = stats.exchangeable[portion.stratum]
    return kernels(stats.residual, exchangeable, natural, portion.arrangement, order)


def assemble(stats: Statistics, portion: Portion, weights: Weights, out: FloatArray) -> None:
    """Add ``sum_s W_s' K W_s`` of each dyad to `out` (n_dyads, c, c), K given by `weights`."""
    for item in portion.frequent:
        _spread(out, item, weights(item.index))
    for pool in portion.rare:
        of_layout = np.stack([weights(index) for index in pool.layouts])
        if not of_layout.any():
            continue
        for part, first, dyads in _dyad_chunks(pool, stats.width):
            rows = pool.stack[part]
            products = rows.transpose(0, 2, 1) @ (of_layout[pool.which[part]] @ rows)
            out[dyads] += np.add.reduceat(products, first, axis=0)


def contract(stats: Statistics, portion: Portion, targets: Sequence[FloatArray]) -> list[FloatArray]:
    """Sum over segments of ``W_s Q_i W_s'`` for each layout: (len(targets), m, m), for Q (n_dyads, c, c)."""
    found = {}
    for item in portion.frequent:
        found[item.index] = np.stack([_inner(item, Q) for Q in targets])
    for pool in portion.rare:
        m = pool.stack.shape[1]
        total = np.zeros((len(targets), len(pool.layouts), m, m))
        step = max(1, _CHUNK // (stats.width**2 + 1))
        for start in range(0, len(pool.stack), step):
            part = slice(start, start + step)
            rows, owner = pool.stack[part], pool.owner[part]
            for k, Q in enumerate(targets):
                np.add.at(total[k], pool.which[part], rows @ Q[owner] @ rows.transpose(0, 2, 1))
        found.update({index: total[:, k] for k, index in enumerate(pool.layouts)})
    return [found[index] for index in range(portion.n_layouts)]


def _spread(out: FloatArray, item: Frequent, weights: FloatArray) -> None:
    rows = np.arange(len(out)) if isinstance(item.dyads, slice) else item.dyads
    for a, span_a in enumerate(item.spans):
        for b, span_b in enumerate(item.spans):
            if weights[a, b]:
                where = np.ix_(rows, item.columns[a], item.columns[b])
                out[where] += weights[a, b] * item.gram[:, span_a, span_b]


def _inner(item: Frequent, Q: FloatArray) -> FloatArray:
    """Sum over dyads of ``<Q_i, S_i,ab>`` for every pair of rows: (m, m)."""
    mine, spans, m = Q[item.dyads], item.spans, len(item.columns)
    inner = np.empty((m, m))
    for a in range(m):
        for b in range(m):
            block = mine[:, item.columns[a][:, None], item.columns[b]]
            inner[a, b] = np.vdot(block, item.gram[:, spans[a], spans[b]])
    return inner


def _dyad_chunks(item: Rare, width: int) -> Iterator[tuple[slice, IntArray, IntArray]]:
    """Stretches of segments that end where a dyad ends, small enough to hold their products."""
    step = max(1, _CHUNK // (width * width))
    bounds = np.append(item.first, len(item.stack))
    start = 0
    while start < len(item.dyads):
        stop = max(int(np.searchsorted(bounds, bounds[start] + step, side="right")) - 1, start + 1)
        begin = int(bounds[start])
        yield slice(begin, int(bounds[stop])), bounds[start:stop] - begin, item.dyads[start:stop]
        start = stop


class _Table:
    """Rows of W by member, without the columns that are zero for that member."""

    def __init__(self, problem: Problem, Z: FloatArray) -> None:
        p, q = problem.X.shape[1], Z.shape[1]
        self.member = problem.member
        self.n_dyads = problem.n_dyads
        self.width = p + q + 1
        self.position = np.empty(problem.n, dtype=np.int64)
        self.columns: list[IntArray] = []
        self.rows: list[FloatArray] = []
        for member in (0, 1):
            mine = np.flatnonzero(problem.member == member)
            self.position[mine] = np.arange(len(mine))
            x, z = problem.X[mine], Z[mine]
            used_x, used_z = np.flatnonzero(x.any(axis=0)), np.flatnonzero(z.any(axis=0))
            table = np.empty((len(mine), len(used_x) + len(used_z) + 1))
            table[:, : len(used_x)] = x[:, used_x]
            table[:, len(used_x) : -1] = z[:, used_z]
            table[:, -1] = problem.y[mine]
            self.rows.append(table)
            self.columns.append(np.concatenate([used_x, p + used_z, [p + q]]))

    def members(self, rows: IntArray) -> list[int]:
        """Member of each row of a segment (the same in all segments of a layout)."""
        return [int(self.member[row]) for row in rows[0]]

    def side_by_side(self, rows: IntArray) -> FloatArray:
        """(s, k): the rows of each segment joined into one."""
        return np.concatenate(
            [self.rows[m][self.position[rows[:, a]]] for a, m in enumerate(self.members(rows))], axis=1
        )

    def full(self, rows: IntArray) -> FloatArray:
        """(s, m, c): the rows of each segment with all columns."""
        stack = np.zeros((*rows.shape, self.width))
        for a, m in enumerate(self.members(rows)):
            stack[:, a, self.columns[m]] = self.rows[m][self.position[rows[:, a]]]
        return stack


def _within(group: SegmentGroup, strata: IntArray, stratum: int) -> SegmentGroup:
    if not strata.any():
        return group
    here = strata[group.dyad] == stratum
    return SegmentGroup(group.layout, group.rows[here], group.dyad[here])


def _portioned(groups: list[SegmentGroup], residual: Residual) -> list[list[SegmentGroup]]:
    """Split layouts so that their kernels with second derivatives stay within bounds."""
    if not residual.serial:
        return [groups]
    derivatives = 64.0
    parts: list[list[SegmentGroup]] = [[]]
    held = 0.0
    for group in groups:
        size = derivatives * group.rows.shape[1] ** 2
        if parts[-1] and held + size > _KERNEL_NUMBERS:
            parts.append([])
            held = 0.0
        parts[-1].append(group)
        held += size
    return parts


def _portion(table: _Table, groups: list[SegmentGroup], stratum: int, residual: Residual) -> Portion:
    frequent: list[Frequent] = []
    rare: dict[int, list[tuple[int, SegmentGroup]]] = {}
    for index, group in enumerate(groups):
        if not residual.serial or _is_frequent(table, group):
            frequent.append(_frequent(table, index, group))
        else:
            rare.setdefault(group.rows.shape[1], []).append((index, group))
    counts = np.array([len(group.dyad) for group in groups], dtype=float)
    arrangement = arrange([group.layout for group in groups])
    pooled = tuple(_rare(table, items) for items in rare.values())
    return Portion(stratum, len(groups), arrangement, counts, tuple(frequent), pooled)


def _is_frequent(table: _Table, group: SegmentGroup) -> bool:
    width = sum(len(table.columns[m]) for m in table.members(group.rows))
    n_dyads = len(np.unique(group.dyad))
    return bool(n_dyads * width**2 <= 2 * group.rows.size * table.width)


def _frequent(table: _Table, index: int, group: SegmentGroup) -> Frequent:
    order = np.argsort(group.dyad, kind="stable")
    rows, dyad = group.rows[order], group.dyad[order]
    dyads, first, counts = np.unique(dyad, return_index=True, return_counts=True)
    columns = tuple(table.columns[m] for m in table.members(rows))
    width = sum(len(item) for item in columns)
    gram = np.empty((len(dyads), width, width))
    for count in np.unique(counts):
        chosen = np.flatnonzero(counts == count)
        step = max(1, _CHUNK // (int(count) * width))
        for start in range(0, len(chosen), step):
            part = chosen[start : start + step]
            wanted = (first[part][:, None] + np.arange(count)).ravel()
            block = table.side_by_side(rows[wanted]).reshape(len(part), int(count), width)
            gram[part] = block.transpose(0, 2, 1) @ block
    where: IntArray | slice = slice(None) if len(dyads) == table.n_dyads else dyads
    return Frequent(index, len(rows), where, columns, gram)


def _rare(table: _Table, items: list[tuple[int, SegmentGroup]]) -> Rare:
    which = np.concatenate([np.full(len(group.dyad), k) for k, (_, group) in enumerate(items)])
    dyad = np.concatenate([group.dyad for _, group in items])
    stack = np.concatenate([table.full(group.rows) for _, group in items])
    order = np.argsort(dyad, kind="stable")
    dyads, first = np.unique(dyad[order], return_index=True)
    layouts = tuple(index for index, _ in items)
    return Rare(layouts, which[order], dyad[order], dyads, first, stack[order])
