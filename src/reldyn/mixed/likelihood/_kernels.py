"""Loops over segments, with numpy: the reference for the compiled twins in `_kernels_numba`.

K is the weight matrix of a segment's layout (m, m), W_s its rows (m, c).
"""

from __future__ import annotations

import numpy as np

from reldyn._types import Array, Ints

# Numbers held at once.
_CHUNK = 2**19


def grams(vectors: Array, rows: Ints, offsets: Ints, dyad: Ints, n_dyads: int) -> Array:
    """Cross-products of segments, summed by dyad.

    Parameters
    ----------
    vectors : (size,) array
        All packed rows, one after the other.
    rows : (s, m) int array
        Where each row of each segment begins in `vectors`; segments sorted by dyad.
    offsets : (m + 1,) int array
        Where each row stands in the segment's joined vector.
    dyad : (s,) int array
    n_dyads : int

    Returns
    -------
    (n_dyads, k, k) array
        Zero for dyads without a segment.
    """
    width = int(offsets[-1])
    found = np.zeros((n_dyads, width, width))
    first = np.flatnonzero(np.r_[True, dyad[1:] != dyad[:-1]])
    dyads, counts = dyad[first], np.diff(np.append(first, len(dyad)))
    columns = [np.arange(offsets[a + 1] - offsets[a]) for a in range(rows.shape[1])]
    for count in np.unique(counts):
        chosen = np.flatnonzero(counts == count)
        step = max(1, _CHUNK // (int(count) * width))
        for start in range(0, len(chosen), step):
            part = chosen[start : start + step]
            wanted = (first[part][:, None] + np.arange(count)).ravel()
            joined = np.concatenate([vectors[rows[wanted, a, None] + item] for a, item in enumerate(columns)], axis=1)
            block = joined.reshape(len(part), int(count), width)
            found[dyads[part]] = block.transpose(0, 2, 1) @ block
    return found


def segment_products(
    stack: Array,
    which: Ints,
    owner: Ints,
    weights: Array,
    begin: int,
    out: Array,
    total: Array,
) -> None:
    """Add ``W_s' K W_s`` for every segment and each of k weights.

    Parameters
    ----------
    stack : (s, m, c) array
        Segments sorted by dyad.
    which, owner : (s,) int arrays
        Layout and dyad of each.
    weights : (k, layouts, m, m) array
    begin : int
        First of the q columns whose products are kept by dyad.
    out : (k, d, q, c) array
        Added to.
    total : (k, c, c) array
        Added to outside these rows and columns, summed over dyads.
    """
    c, q = stack.shape[2], out.shape[2]
    first = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    bounds = np.append(first, len(stack))
    step = max(1, _CHUNK // (c * c))
    outside = np.r_[0:begin, begin + q : c]
    start = 0
    while start < len(first):
        stop = max(int(np.searchsorted(bounds, bounds[start] + step, side="right")) - 1, start + 1)
        part = slice(int(bounds[start]), int(bounds[stop]))
        rows = stack[part]
        left = np.ascontiguousarray(rows[:, :, begin : begin + q].transpose(0, 2, 1))
        for k in range(len(out)):
            moved = weights[k][which[part]] @ rows
            out[k][owner[first[start:stop]]] += np.add.reduceat(left @ moved, first[start:stop] - part.start, axis=0)
            beside = rows.reshape(-1, c)[:, outside].T @ moved.reshape(-1, c)[:, outside]
            total[k][outside[:, None], outside] += beside
        start = stop


def segment_contractions(
    stack: Array,
    which: Ints,
    owner: Ints,
    targets: Array,
    constant: Array,
    begin: int,
    n_layouts: int,
) -> Array:
    """``W_s Q_i W_s'``, summed over the segments of each layout.

    Parameters
    ----------
    stack, which, owner
        As in `segment_products`.
    targets : (t, d, q, c) array
        Rows ``begin`` to ``begin + q`` of symmetric matrices Q_i.
    constant : (t, c, c) array
        What is left of them, the same for all dyads and zero in those rows and columns.
    begin, n_layouts : int

    Returns
    -------
    (t, n_layouts, m, m) array
    """
    _, m, c = stack.shape
    q = targets.shape[2]
    found = np.zeros((len(targets), n_layouts, m, m))
    # Elements beside the kept rows stand for themselves and for their mirror image.
    double = np.where((np.arange(c) >= begin) & (np.arange(c) < begin + q), 1.0, 2.0)
    step = max(1, _CHUNK // (m * c))
    for start in range(0, len(stack), step):
        part = slice(start, start + step)
        rows = stack[part]
        order = np.argsort(which[part], kind="stable")
        layouts, first = np.unique(which[part][order], return_index=True)
        for k in range(len(targets)):
            half = (rows[:, :, begin : begin + q] @ targets[k][owner[part]]) * double
            half += rows @ constant[k]
            inner = half @ rows.transpose(0, 2, 1)
            inner = 0.5 * (inner + inner.transpose(0, 2, 1))
            found[k, layouts] += np.add.reduceat(inner[order], first, axis=0)
    return found


def spread(precision: Array, rows: Ints, inner: Array, out: Array) -> None:
    """Add ``K W_s`` to the rows of each segment.

    Parameters
    ----------
    precision : (m, m) array
    rows : (s, m) int array
    inner, out : (n, c) arrays
    """
    products = precision @ inner[rows]
    # Within one column of `rows` every row occurs once, so plain addition is safe column by column.
    for a in range(rows.shape[1]):
        out[rows[:, a]] += products[:, a]
