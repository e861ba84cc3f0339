"""Cross-products in lanes of dyads: the statistics as the compiled evaluation reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._records import brief
from reldyn._types import Array, Ints
from reldyn.mixed.likelihood._layouts import Chunk, Columns
from reldyn.mixed.processes import Structure

# Dyads whose matrices are worked on together: fewer do not fill the processor's registers.
LANES = 64


@brief
@dataclass(frozen=True)
class Entries:
    """Cross-products in lanes of dyads: ``W'R^{-1}W`` is the sum of terms times their coefficients.

    Attributes
    ----------
    values : (blocks, e, LANES) array
        Elements of the rows of Z, one per dyad; dyads that fill up the last block are zero.
    terms, column, row : (e,) int arrays
        Term of each element, its column of W and its row of Z.
    totals : (terms, p + 1, p + 1) array
        What belongs to [X y], summed over dyads.
    places : (terms, 3) int array
        Layout, and element of its precision, that is the coefficient of each term.
    basis : (layouts, r, 2, 2) array
        Derivatives of the covariances of layouts in the residual parameters of all strata.
    sizes, counts : (layouts,) arrays
        Rows of each layout, and how often it occurs.
    """

    values: Array
    terms: Ints
    column: Ints
    row: Ints
    totals: Array
    places: Ints
    basis: Array
    sizes: Ints
    counts: Array


def lay_out(
    chunks: tuple[Chunk, ...], columns: tuple[Columns, Columns], n_dyads: int, structures: list[Structure]
) -> Entries:
    """Lay out the cross-products that are kept per dyad.

    Parameters
    ----------
    chunks : tuple of Chunk
    columns : tuple of two Columns
        Per member.
    n_dyads : int
    structures : list of Structure
        Of the residuals of each stratum; none for serial residuals, whose covariances are not linear in parameters.

    Returns
    -------
    Entries
    """
    p, q = columns[0].p, columns[0].q
    terms: dict[tuple[int, int, int, int], int] = {}
    for number, chunk in enumerate(chunks):
        for item in chunk.frequent:
            for layout, a, b in item.terms:
                terms.setdefault((number, layout, min(a, b), max(a, b)), len(terms))
    pattern = np.zeros((len(terms), p + q + 1, q), dtype=bool)
    totals = np.zeros((len(terms), p + 1, p + 1))
    for number, chunk in enumerate(chunks):
        _mark(columns, number, chunk, terms, pattern, totals)
    term, column, row = np.nonzero(pattern)
    position = np.zeros(pattern.shape, dtype=np.int64)
    position[term, column, row] = np.arange(len(term))
    blocks = max(-(-n_dyads // LANES), 1)
    by_dyad = np.zeros((len(term), blocks * LANES))
    for number, chunk in enumerate(chunks):
        for item in chunk.frequent:
            left, right = (columns[m] for m in item.members)
            used = right.places
            for (layout, a, b), gram in zip(item.terms, item.grams, strict=True):
                here = position[terms[number, layout, min(a, b), max(a, b)]][used][:, left.z]
                by_dyad[here.ravel(), :n_dyads] += gram.transpose(2, 1, 0).reshape(here.size, -1)
    values = np.ascontiguousarray(by_dyad.reshape(len(term), blocks, LANES).transpose(1, 0, 2))
    begins = np.cumsum([0, *(chunk.n_layouts for chunk in chunks)])
    places = np.array([(begins[number] + layout, a, b) for number, layout, a, b in terms], dtype=np.int64)
    sizes = np.array([size for chunk in chunks for size in chunk.sizes], dtype=np.int64)
    counts = np.concatenate([chunk.counts for chunk in chunks])
    return Entries(
        values, term, column, row, totals, places.reshape(-1, 3), bases_of(chunks, structures), sizes, counts
    )


def bases_of(chunks: tuple[Chunk, ...], structures: list[Structure]) -> Array:
    """Derivatives of the covariance of every layout, zero in the parameters of other strata."""
    if not structures:
        return np.zeros((0, 0, 2, 2))
    begins = np.cumsum([0, *(len(item.names) for item in structures)])
    found = np.zeros((sum(chunk.n_layouts for chunk in chunks), int(begins[-1]), 2, 2))
    first = 0
    for chunk in chunks:
        here = slice(int(begins[chunk.stratum]), int(begins[chunk.stratum + 1]))
        innovation = structures[chunk.stratum].innovation
        for batch in chunk.arrangement.batches:
            size = batch.members.shape[1]
            for position, members in zip(batch.positions, batch.members, strict=True):
                found[first + position, here, :size, :size] = innovation[:, members[:, None], members]
        first += chunk.n_layouts
    return found


def _mark(
    columns: tuple[Columns, Columns],
    number: int,
    chunk: Chunk,
    terms: dict[tuple[int, int, int, int], int],
    pattern: Array,
    totals: Array,
) -> None:
    """Note which elements a chunk has, and add its totals."""
    for item in chunk.frequent:
        left, right = (columns[m] for m in item.members)
        above, beside = (np.r_[side.x, side.p] for side in (left, right))
        keep_above, keep_beside = (np.r_[0 : len(side.x), side.width - 1] for side in (left, right))
        for (layout, a, b), total in zip(item.terms, item.totals, strict=True):
            code = terms[number, layout, min(a, b), max(a, b)]
            pattern[code][np.ix_(right.places, left.z)] = True
            totals[code][np.ix_(above, beside)] += total[np.ix_(keep_above, keep_beside)]


def laid_out(z: Array, total: Array, outside: Ints, n_dyads: int) -> tuple[Array, Array]:
    """Put matrices that are already assembled into lanes.

    Parameters
    ----------
    z : (k, d, q, c) array
        The rows of Z of each matrix.
    total : (k, c, c) array
        The rest, summed over dyads.
    outside : (p + 1,) int array
        Columns of X and y.
    n_dyads : int

    Returns
    -------
    values : (blocks, k, c, q, LANES) array
    totals : (k, p + 1, p + 1) array
    """
    k, _, q, c = z.shape
    blocks = max(-(-n_dyads // LANES), 1)
    values = np.zeros((blocks, k, c, q, LANES))
    whole = n_dyads // LANES
    values[:whole] = z[:, : whole * LANES].reshape(k, whole, LANES, q, c).transpose(1, 0, 4, 3, 2)
    if whole < blocks:
        values[whole, ..., : n_dyads - whole * LANES] = z[:, whole * LANES :].transpose(0, 3, 2, 1)
    return values, np.ascontiguousarray(total[:, outside[:, None], outside])


def by_dyad(lanes: Array, n_dyads: int) -> Array:
    """Matrices (d, q, c), or several kinds of them (k, d, q, c), from lanes (blocks, ..., c, q, LANES)."""
    several = lanes if lanes.ndim == 5 else lanes[:, None]
    blocks, k, c, q, _ = several.shape
    turned = np.ascontiguousarray(several.transpose(1, 0, 4, 3, 2)).reshape(k, blocks * LANES, q, c)[:, :n_dyads]
    return turned if lanes.ndim == 5 else turned[0]
