"""Statistics of residuals without carry-over from cross-products of dyads: no row is looked at again."""

from __future__ import annotations

from typing import cast

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.mixed.likelihood._layouts import Chunk, Columns, DenseLayout
from reldyn.mixed.processes import Layout, batch_layouts
from reldyn.mixed.spec._columns import RoleColumns
from reldyn.mixed.spec._problem import Problem
from reldyn.mixed.spec._sums import DyadProducts, in_stratum

# Rows of either member alone, and occasions with both.
OCCASIONS = (Layout((0,), (0,), 0), Layout((1,), (0,), 0), Layout((0, 1), (0, 0), 0))


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
    present = [place for place in range(3) if counts[place] > 0]
    terms: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for index, place in enumerate(present):
        members = OCCASIONS[place].members
        for a, one in enumerate(members):
            for b, other in enumerate(members):
                terms.setdefault((one, other), []).append((index, a, b))
    sides = [_side(problem, Z, columns[member], stratum, member) for member in (0, 1)]
    frequent = []
    for pair, of_pair in terms.items():
        left, right = (columns[member] for member in pair)
        (above, used_above), (beside, used_beside) = (sides[member] for member in pair)
        grams = np.zeros((len(of_pair), problem.n_dyads, len(left.z), right.width))
        totals = np.zeros((len(of_pair), left.width, right.width))
        z_rows = slice(len(left.x), len(left.x) + len(left.z))
        for t, (index, _, _) in enumerate(of_pair):
            products = _block(dyads, present[index], pair)[mine]
            totals[t] = np.outer(used_above, used_beside) * products.sum(axis=0)[np.ix_(above, beside)]
            kept = products[:, above[z_rows, None], beside]
            grams[t, mine] = (
                kept if used_beside.all() and used_above.all() else kept * np.outer(used_above[z_rows], used_beside)
            )
        frequent.append(DenseLayout(pair, tuple(of_pair), grams, totals))
    layouts = [OCCASIONS[place] for place in present]
    return Chunk(
        stratum=stratum,
        n_layouts=len(present),
        arrangement=batch_layouts(layouts),
        counts=counts[present],
        sizes=tuple(len(layout.members) for layout in layouts),
        frequent=tuple(frequent),
        rare=(),
    )


def _side(problem: Problem, Z: RoleColumns, columns: Columns, stratum: int, member: int) -> tuple[Ints, Array]:
    """Columns of [base, y] behind the packed columns of a member, and which of them are in use."""
    X = cast("RoleColumns", problem.X)
    group = 2 * stratum + member
    source = np.concatenate([X.source[columns.x], Z.source[columns.z], [X.base.shape[1]]])
    used: Flags | Array = np.concatenate([X.used[group, columns.x], Z.used[group, columns.z], [1.0]])
    return source, np.asarray(used)


def _block(dyads: DyadProducts, place: int, pair: tuple[int, int]) -> Array:
    if place < 2:
        return np.asarray(dyads.singles[:, place])
    w = dyads.singles.shape[-1]
    left, right = pair
    return np.asarray(dyads.pairs[:, left * w : (left + 1) * w, right * w : (right + 1) * w])
