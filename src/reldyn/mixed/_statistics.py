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
from typing import Any

import numpy as np

from reldyn.mixed._options import Residual
from reldyn.mixed._problem import FloatArray, IntArray, Problem
from reldyn.mixed._processes import Kernel, SegmentGroup, arrange, kernels, natural_names, segments

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
    index : (s,) int array
        Position of each segment's layout in its portion.
    dyads : (d,) int array
        Dyads in which they occur.
    first : (d,) int array
        First segment of each of these dyads.
    stack : (s, m, c) array
        The rows of W.
    """

    index: IntArray
    dyads: IntArray
    first: IntArray
    stack: FloatArray


@dataclass(frozen=True)
class Portion:
    """Layouts of one stratum whose kernels are computed together."""

    stratum: int
    n_layouts: int
    batches: Any
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


def portion_kernels(stats: Statistics, portion: Portion, natural: FloatArray, order: int) -> Stacked:
    """Kernels of a portion's layouts, stacked along the layouts."""
    exchangeable = stats.exchangeable[portion.stratum]
    items = kernels(stats.residual, exchangeable, natural, portion.batches, order)
    return Stacked(items)


class Stacked:
    """Kernels of several layouts, reached by layout, with the derivative axes leading."""

    def __init__(self, items: Sequence[Kernel]) -> None:
        self.items = items
        self.feasible = all(np.isfinite(item.log_det) for item in items)

    def weights(self, index: int, order: int) -> FloatArray:
        """(m, m), (r, m, m) or (r, r, m, m) of one layout."""
        item = self.items[index]
        found = (item.precision, item.d_precision, item.d2_precision)[order]
        return np.asarray(found)

    def log_dets(self, counts: FloatArray, order: int) -> FloatArray:
        """Sum of log-determinants (or of their derivatives) over segments."""
        name = ("log_det", "d_log_det", "d2_log_det")[order]
        return np.asarray(
            sum(count * np.asarray(getattr(item, name)) for count, item in zip(counts, self.items, strict=True))
        )


def assemble(stats: Statistics, portion: Portion, stacked: Stacked, out: FloatArray) -> None:
    """Add ``sum_s W_s' K W_s`` of each dyad to `out` (n_dyads, c, c)."""
    for item in portion.frequent:
        _spread(out, item, stacked.weights(item.index, 0))
    for pool in portion.rare:
        for part, first, dyads in _dyad_chunks(pool, stats.width):
            rows = pool.stack[part]
            weights = np.stack([stacked.weights(int(k), 0) for k in pool.index[part]])
            products = rows.transpose(0, 2, 1) @ (weights @ rows)
            out[dyads] += np.add.reduceat(products, first, axis=0)


def assemble_derivatives(stats: Statistics, portion: Portion, stacked: Stacked, out: FloatArray) -> None:
    """Add the derivatives of ``sum_s W_s' K W_s`` to `out` (r, n_dyads, c, c)."""
    for item in portion.frequent:
        for k, weights in enumerate(stacked.weights(item.index, 1)):
            if np.any(weights):
                _spread(out[k], item, weights)
    for pool in portion.rare:
        for part, first, dyads in _dyad_chunks(pool, stats.width):
            rows = pool.stack[part]
            weights = np.stack([stacked.weights(int(k), 1) for k in pool.index[part]], axis=1)
            for k in range(len(out)):
                products = rows.transpose(0, 2, 1) @ (weights[k] @ rows)
                out[k][dyads] += np.add.reduceat(products, first, axis=0)


def contract_second(stats: Statistics, portion: Portion, stacked: Stacked, Q: FloatArray) -> FloatArray:
    """Sum over dyads of ``<Q_i, d2 (W_i' R_i^{-1} W_i)>``: (r, r), for Q (n_dyads, c, c)."""
    total: Any = 0.0
    for item in portion.frequent:
        weights = stacked.weights(item.index, 2)
        if np.any(weights):
            total = total + np.einsum("klab,ab->kl", weights, _inner(item, Q))
    for pool in portion.rare:
        owner = np.repeat(pool.dyads, np.diff(np.append(pool.first, len(pool.stack))))
        step = max(1, _CHUNK // (stats.width**2 + 1))
        for start in range(0, len(pool.stack), step):
            part = slice(start, start + step)
            rows = pool.stack[part]
            inner = rows @ Q[owner[part]] @ rows.transpose(0, 2, 1)
            for layout in np.unique(pool.index[part]):
                here = inner[pool.index[part] == layout].sum(axis=0)
                total = total + np.einsum("klab,ab->kl", stacked.weights(int(layout), 2), here)
    return np.asarray(total)


def sandwich_second(stats: Statistics, portion: Portion, stacked: Stacked, P: FloatArray) -> FloatArray:
    """Sum over dyads of ``P_i' d2(W_i' R_i^{-1} W_i) P_i``: (r, r, k, k), for P (n_dyads, c, k)."""
    total: Any = 0.0
    for item in portion.frequent:
        weights = stacked.weights(item.index, 2)
        if not np.any(weights):
            continue
        mine, spans, m = P[item.dyads], item.spans, len(item.columns)
        inner = np.empty((m, m, P.shape[2], P.shape[2]))
        for a in range(m):
            for b in range(m):
                block = item.gram[:, spans[a], spans[b]]
                left = mine[:, item.columns[a], :]
                inner[a, b] = np.einsum("nak,nal->kl", left, block @ mine[:, item.columns[b], :], optimize=True)
        total = total + np.einsum("klab,abij->klij", weights, inner)
    for pool in portion.rare:
        owner = np.repeat(pool.dyads, np.diff(np.append(pool.first, len(pool.stack))))
        step = max(1, _CHUNK // (stats.width * 4))
        for start in range(0, len(pool.stack), step):
            part = slice(start, start + step)
            moved = pool.stack[part] @ P[owner[part]]
            for layout in np.unique(pool.index[part]):
                here = moved[pool.index[part] == layout]
                inner = np.einsum("sai,sbj->abij", here, here, optimize=True)
                total = total + np.einsum("klab,abij->klij", stacked.weights(int(layout), 2), inner)
    return np.asarray(total)


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
    batches = arrange([group.layout for group in groups])
    pooled = tuple(_rare(table, items) for items in rare.values())
    return Portion(stratum, len(groups), batches, counts, tuple(frequent), pooled)


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
    index = np.concatenate([np.full(len(group.dyad), k) for k, group in items])
    dyad = np.concatenate([group.dyad for _, group in items])
    stack = np.concatenate([table.full(group.rows) for _, group in items])
    order = np.argsort(dyad, kind="stable")
    dyads, first = np.unique(dyad[order], return_index=True)
    return Rare(index[order], dyads, first, stack[order])
