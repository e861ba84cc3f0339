"""Statistics of residuals without carry-over from cross-products of dyads: no row is looked at again."""

from __future__ import annotations

import itertools
from typing import cast

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.mixed.likelihood._entries import LANES, Entries, bases_of
from reldyn.mixed.likelihood._layouts import OCCASIONS, Chunk, Columns, DyadLayouts
from reldyn.mixed.processes import SegmentGroup, Structure, batch_layouts
from reldyn.mixed.spec._columns import RoleColumns
from reldyn.mixed.spec._problem import Problem
from reldyn.mixed.spec._sums import DyadProducts, in_stratum


def chunk_of_dyads(
    problem: Problem,
    Z: RoleColumns,
    columns: list[Columns],
    dyads: DyadProducts,
    stratum: int,
) -> Chunk:
    """Layouts of a stratum: rows of either member alone, and occasions with both.

    Parameters
    ----------
    problem : Problem
    Z : RoleColumns
        The random effects' design in internal columns.
    columns : list of two Columns
        Per member.
    dyads : DyadProducts
    stratum : int

    Returns
    -------
    Chunk
    """
    mine = in_stratum(problem, stratum)
    counts = dyads.counts[mine].sum(axis=0)
    present = tuple(place for place in range(3) if counts[place] > 0)
    sides = [_side(problem, Z, columns[member], stratum, member) for member in (0, 1)]
    layouts = [OCCASIONS[place] for place in present]
    return Chunk(
        stratum=stratum,
        n_layouts=len(present),
        arrangement=batch_layouts(layouts),
        counts=counts[list(present)],
        sizes=tuple(len(layout.members) for layout in layouts),
        layouts=DyadLayouts(
            dyads,
            mine,
            present,
            (columns[0], columns[1]),
            (sides[0][0], sides[1][0]),
            (sides[0][1], sides[1][1]),
        ),
        rare=(),
    )


def entries_of_dyads(chunks: tuple[Chunk, ...], n_dyads: int, structures: list[Structure]) -> Entries:
    """Lay out the cross-products straight from those of dyads; see `lay_out`."""
    from reldyn.mixed.spec._pass_numba import fill_lanes

    layouts = [cast("DyadLayouts", chunk.layouts) for chunk in chunks]
    dyads, columns = layouts[0].dyads, layouts[0].columns[0]
    p, q, w = columns.p, columns.q, dyads.singles.shape[-1]
    places: list[tuple[int, int, int]] = []
    pieces: list[Array] = []
    totals: list[Array] = []
    of_dyad = np.zeros(n_dyads, dtype=np.int64)
    begin = 0
    for number, (chunk, part) in enumerate(zip(chunks, layouts, strict=True)):
        of_dyad[part.mine] = number
        singles, pairs = part.dyads.singles[part.mine].sum(axis=0), part.dyads.pairs[part.mine].sum(axis=0)
        for layout, place in enumerate(part.present):
            members = OCCASIONS[place].members
            for a, b in itertools.combinations_with_replacement(range(len(members)), 2):
                term = len(places)
                places.append((begin + layout, a, b))
                totals.append(np.zeros((p + 1, p + 1)))
                for one, other in dict.fromkeys([(members[a], members[b]), (members[b], members[a])]):
                    pieces.append(_pieces(part, place, one, other, term, number))
                    sides = [(part.sources[m], part.used[m]) for m in (one, other)]
                    block = (
                        pairs[one * w : (one + 1) * w, other * w : (other + 1) * w] if place == 2 else singles[place]
                    )
                    _add_block(part.columns, (one, other), sides[0], sides[1], block, totals[term])
        begin += chunk.n_layouts
    code, single, index, weight, of = np.concatenate(pieces, axis=1)
    elements, target = np.unique(code.astype(np.int64), return_inverse=True)
    values = np.zeros((max(-(-n_dyads // LANES), 1), len(elements), LANES))
    fill_lanes(
        dyads.pairs.reshape(n_dyads, -1),
        dyads.singles.reshape(n_dyads, -1),
        of_dyad,
        target,
        single > 0,
        index.astype(np.int64),
        weight,
        of.astype(np.int64),
        values,
    )
    term_of, rest = np.divmod(elements, (p + q + 1) * q)
    return Entries(
        values,
        term_of,
        rest // q,
        rest % q,
        np.array(totals).reshape(-1, p + 1, p + 1),
        np.array(places, dtype=np.int64).reshape(-1, 3),
        bases_of(chunks, structures),
        np.array([size for chunk in chunks for size in chunk.sizes], dtype=np.int64),
        np.concatenate([chunk.counts for chunk in chunks]),
    )


def entries_of_segments(
    problem: Problem, columns: tuple[Columns, Columns], groups: list[tuple[int, int, SegmentGroup]]
) -> Entries:
    """Lay out the cross-products of the frequent layouts of serial residuals, straight from rows of base columns.

    Parameters
    ----------
    problem : Problem
        That `goes_by_member`.
    columns : tuple of two Columns
        Per member.
    groups : list of (int, int, SegmentGroup)
        Each with the number of its layout and its stratum.
    """
    from reldyn.mixed.spec._pass_numba import segment_lanes

    X, Z = cast("RoleColumns", problem.X), cast("RoleColumns", problem.Z)
    p, q, w = columns[0].p, columns[0].q, X.base.shape[1] + 1
    places: list[tuple[int, int, int]] = []
    pieces: list[Array] = []
    for layout, stratum, group in groups:
        members = group.layout.members
        sides = [_side(problem, Z, columns[member], stratum, member) for member in members]
        found = []
        for a, b in itertools.combinations_with_replacement(range(len(members)), 2):
            for one, other in dict.fromkeys([(a, b), (b, a)]):
                left, right = columns[members[one]], columns[members[other]]
                z = slice(len(left.x), len(left.x) + len(left.z))
                above, used_above = sides[one]
                across, used_across = sides[other]
                element = (len(places) * (p + q + 1) + right.places) * q + left.z[:, None]
                index = (one * w + above[z, None]) * (len(members) * w) + other * w + across
                weight = np.outer(used_above[z], used_across)
                found.append(np.array([item.ravel() for item in (element, index, weight)], dtype=float))
            places.append((layout, a, b))
        piece = np.concatenate(found, axis=1)
        pieces.append(piece[:, piece[2] != 0.0])
    code = np.concatenate([piece[0] for piece in pieces]) if pieces else np.zeros(0)
    elements, target = np.unique(code.astype(np.int64), return_inverse=True)
    values = np.zeros((max(-(-problem.n_dyads // LANES), 1), len(elements), LANES))
    totals = np.zeros((len(places), p + 1, p + 1))
    begin = term = 0
    for (_, stratum, group), piece in zip(groups, pieces, strict=True):
        end = begin + piece.shape[1]
        members = group.layout.members
        total = np.zeros((len(members) * w, len(members) * w))
        rows, dyad = group.rows, group.dyad
        if (np.diff(dyad) < 0).any():
            order = np.argsort(dyad, kind="stable")
            rows, dyad = rows[order], dyad[order]
        segment_lanes(
            X.base, problem.y, rows, dyad, target[begin:end], piece[1].astype(np.int64), piece[2], values, total
        )
        begin = end
        sides = [_side(problem, Z, columns[member], stratum, member) for member in members]
        for a, b in itertools.combinations_with_replacement(range(len(members)), 2):
            for one, other in dict.fromkeys([(a, b), (b, a)]):
                block = total[one * w : (one + 1) * w, other * w : (other + 1) * w]
                _add_block(columns, (members[one], members[other]), sides[one], sides[other], block, totals[term])
            term += 1
    term_of, rest = np.divmod(elements, (p + q + 1) * q)
    none = np.zeros(0, dtype=np.int64)
    listed = np.array(places, dtype=np.int64).reshape(-1, 3)
    return Entries(values, term_of, rest // q, rest % q, totals, listed, np.zeros((0, 0, 2, 2)), none, np.zeros(0))


def _add_block(
    columns: tuple[Columns, Columns],
    pair: tuple[int, int],
    first: tuple[Ints, Array],
    second: tuple[Ints, Array],
    sums: Array,
    total: Array,
) -> None:
    """Add what belongs to [X y], of products of the base columns of two rows summed over dyads."""
    mine = [np.append(np.arange(len(columns[m].x)), columns[m].width - 1) for m in pair]
    there = [np.append(columns[m].x, columns[m].p) for m in pair]
    above, used_above = first[0][mine[0]], first[1][mine[0]]
    across, used_across = second[0][mine[1]], second[1][mine[1]]
    total[there[0][:, None], there[1]] += np.outer(used_above, used_across) * sums[above[:, None], across]


def _pieces(layouts: DyadLayouts, place: int, one: int, other: int, term: int, number: int) -> Array:
    """What makes up the elements of a term, as rows: the element, whether of single rows, where, weight, chunk."""
    left, right = layouts.columns[one], layouts.columns[other]
    z = slice(len(left.x), len(left.x) + len(left.z))
    width, above, across = _positions(layouts, place, one, other)
    element = (term * (left.p + left.q + 1) + right.places) * left.q + left.z[:, None]
    index = above[z, None] * width + across + (place * width * width if place < 2 else 0)
    weight = np.outer(layouts.used[one][z], layouts.used[other])
    found = np.empty((5, element.size))
    found[0], found[2], found[3] = element.ravel(), index.ravel(), weight.ravel()
    found[1], found[4] = place < 2, number
    return found[:, found[3] != 0.0]


def _positions(layouts: DyadLayouts, place: int, one: int, other: int) -> tuple[int, Ints, Ints]:
    """Width of the products of a layout, and where the packed columns of two members stand in them."""
    w = layouts.dyads.singles.shape[-1]
    if place < 2:
        return w, layouts.sources[one], layouts.sources[other]
    return 2 * w, layouts.sources[one] + one * w, layouts.sources[other] + other * w


def _side(problem: Problem, Z: RoleColumns, columns: Columns, stratum: int, member: int) -> tuple[Ints, Array]:
    """Columns of [base, y] behind the packed columns of a member, and which of them are in use."""
    X = cast("RoleColumns", problem.X)
    group = 2 * stratum + member
    source = np.concatenate([X.source[columns.x], Z.source[columns.z], [X.base.shape[1]]])
    used: Flags | Array = np.concatenate([X.used[group, columns.x], Z.used[group, columns.z], [1.0]])
    return source, np.asarray(used)
