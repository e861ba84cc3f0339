"""Compiled passes over rows: those that `_second_order` moves, and those of `_weighted`."""

# The kernels are typed by numba, not by mypy: numba has no stubs.
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="untyped-decorator,import-untyped"

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, fastmath={"contract", "reassoc"})
def rows_by_occasion(base, member, occasion, first, dyads, design, layouts, out):
    """Rows of V^{-1}X, formed for one dyad at a time and laid out by occasion.

    Parameters
    ----------
    base : (n, k) array
        Rows sorted by dyad, step and member.
    member : (n,) array
    occasion : (n,) array
        Number of the occasion among those of its dyad.
    first : (d + 1,) int array
        Where each dyad's rows begin.
    dyads : (m,) int array
        Dyads to be laid out.
    design : tuple
        ``coefficients`` (2, k, p) of the base columns, per member; ``source`` (q,), the base column behind each column
        of Z; ``used`` (2, q); ``effects`` (d, q, p), what Z is multiplied by.
    layouts : tuple
        ``opens`` (n,), the layout of the segment whose first new row this is, or -1; per layout ``given``, how many
        rows ahead of it the segment is conditioned on, ``size``, and ``begin`` of its precision in ``precisions``.
    out : (occasions, 2, m, p) array of zeros
        Written.
    """
    coefficients, source, used, effects = design
    opens, given, size, begin, precisions = layouts
    k, p = coefficients.shape[1], coefficients.shape[2]
    longest = 0
    for d in dyads:
        longest = max(longest, first[d + 1] - first[d])
    inner, mine = np.empty((longest, p)), np.zeros((2, k, p))
    for place in range(len(dyads)):
        d = dyads[place]
        for m in range(2):
            for i in range(k):
                for j in range(p):
                    mine[m, i, j] = coefficients[m, i, j]
            for i in range(len(source)):
                for j in range(p):
                    mine[m, source[i], j] += used[m, i] * effects[d, i, j]
        start, count = first[d], first[d + 1] - first[d]
        # Elements are named by their places: a view of each row would cost more than the work on it.
        for row in range(count):
            m = member[start + row]
            for j in range(p):
                inner[row, j] = 0.0
            for i in range(k):
                value = base[start + row, i]
                for j in range(p):
                    inner[row, j] += value * mine[m, i, j]
        for row in range(count):
            layout = opens[start + row]
            if layout >= 0:
                head, length = row - given[layout], size[layout]
                for a in range(length):
                    t, m = occasion[start + head + a], member[start + head + a]
                    for b in range(length):
                        weight = precisions[begin[layout] + a * length + b]
                        if weight != 0.0:
                            for j in range(p):
                                out[t, m, place, j] += weight * inner[head + b, j]


@njit(cache=True, fastmath={"contract", "reassoc"})
def inner_rows(base, y, member, first, stratum, coefficients, source, used, effects, out):
    """Rows ``[X, y - X beta] + Z P`` of every dyad.

    Parameters
    ----------
    base : (n, k) array
    y : (n,) array
    member : (n,) int array
    first : (d + 1,) int array
    stratum : (d,) int array
    coefficients : (groups, k, p + 1) array
        Of the base columns; group 2 * stratum + member.
    source : (q,) int array
        Column of `base` behind each column of Z.
    used : (groups, q) array
    effects : (d, q, p + 1) array
        P.
    out : (n, p + 1) array
        Written.
    """
    k, q, e = base.shape[1], len(source), out.shape[1]
    mine = np.zeros((2, k, e))
    for d in range(len(first) - 1):
        for m in range(2):
            group = 2 * stratum[d] + m
            for i in range(k):
                for j in range(e):
                    mine[m, i, j] = coefficients[group, i, j]
            for i in range(q):
                if used[group, i] != 0.0:
                    for j in range(e):
                        mine[m, source[i], j] += used[group, i] * effects[d, i, j]
        for row in range(first[d], first[d + 1]):
            m = member[row]
            for j in range(e):
                out[row, j] = 0.0
            out[row, e - 1] = y[row]
            for i in range(k):
                value = base[row, i]
                for j in range(e):
                    out[row, j] += value * mine[m, i, j]
