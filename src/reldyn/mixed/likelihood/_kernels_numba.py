"""Compiled twins of `_kernels`, with the same arguments and, to rounding, the same answers."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, fastmath={"contract", "reassoc"})
def grams(vectors, rows, offsets, dyad, n_dyads):  # type: ignore[no-untyped-def]
    """See `_kernels.grams`."""
    width = offsets[-1]
    m = rows.shape[1]
    found = np.zeros((n_dyads, width, width))
    joined = np.empty(width)
    for s in range(rows.shape[0]):
        for a in range(m):
            begin = rows[s, a]
            for j in range(offsets[a + 1] - offsets[a]):
                joined[offsets[a] + j] = vectors[begin + j]
        d = dyad[s]
        for i in range(width):
            left = joined[i]
            for j in range(i, width):
                found[d, i, j] += left * joined[j]
    for d in range(n_dyads):
        for i in range(width):
            for j in range(i):
                found[d, i, j] = found[d, j, i]
    return found


@numba.njit(cache=True, fastmath={"contract", "reassoc"})
def segment_products(stack, which, owner, weights, begin, out, total):  # type: ignore[no-untyped-def]
    """See `_kernels.segment_products`."""
    _, m, c = stack.shape
    q = out.shape[2]
    moved = np.empty((m, c))
    for s in range(stack.shape[0]):
        d, layout = owner[s], which[s]
        for k in range(out.shape[0]):
            for a in range(m):
                for j in range(c):
                    moved[a, j] = 0.0
                for b in range(m):
                    x = weights[k, layout, a, b]
                    if x != 0.0:
                        for j in range(c):
                            moved[a, j] += x * stack[s, b, j]
            for a in range(m):
                for i in range(c):
                    x = stack[s, a, i]
                    if x == 0.0:
                        continue
                    if begin <= i < begin + q:
                        for j in range(c):
                            out[k, d, i - begin, j] += x * moved[a, j]
                    else:
                        for j in range(begin):
                            total[k, i, j] += x * moved[a, j]
                        for j in range(begin + q, c):
                            total[k, i, j] += x * moved[a, j]


@numba.njit(cache=True, fastmath={"contract", "reassoc"})
def segment_contractions(stack, which, owner, targets, constant, begin, n_layouts):  # type: ignore[no-untyped-def]
    """See `_kernels.segment_contractions`."""
    _, m, c = stack.shape
    q = targets.shape[2]
    found = np.zeros((targets.shape[0], n_layouts, m, m))
    half = np.empty((m, c))
    for s in range(stack.shape[0]):
        d, layout = owner[s], which[s]
        for k in range(targets.shape[0]):
            for a in range(m):
                for j in range(c):
                    half[a, j] = 0.0
                for i in range(q):
                    x = stack[s, a, begin + i]
                    if x != 0.0:
                        for j in range(c):
                            half[a, j] += x * targets[k, d, i, j]
                for j in range(begin):
                    half[a, j] *= 2.0
                for j in range(begin + q, c):
                    half[a, j] *= 2.0
                for i in range(c):
                    x = stack[s, a, i]
                    if x != 0.0 and (i < begin or i >= begin + q):
                        for j in range(c):
                            half[a, j] += x * constant[k, i, j]
            for a in range(m):
                for b in range(m):
                    x = 0.0
                    for j in range(c):
                        x += half[a, j] * stack[s, b, j]
                    found[k, layout, a, b] += 0.5 * x
                    found[k, layout, b, a] += 0.5 * x
    return found


@numba.njit(cache=True, fastmath={"contract", "reassoc"})
def spread(precision, rows, inner, out):  # type: ignore[no-untyped-def]
    """See `_kernels.spread`."""
    m = rows.shape[1]
    for s in range(rows.shape[0]):
        for a in range(m):
            for b in range(m):
                x = precision[a, b]
                if x != 0.0:
                    for j in range(inner.shape[1]):
                        out[rows[s, a], j] += x * inner[rows[s, b], j]
