"""Compiled passes over rows: the recursion of `_second_order`, and the rows of `_weighted`."""

# The kernels are typed by numba, not by mypy: numba has no stubs.
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="untyped-decorator,import-untyped"

from __future__ import annotations

import numpy as np
from numba import njit

# Columns that are worked on at once: a number known to the compiler, so that it spends no check on them.
WIDE = 8


@njit(cache=True, fastmath={"contract", "reassoc"})
def _add_scaled(factor, x, out):
    """Add a multiple of a row; transitions and their derivatives have many zeros."""
    if factor != 0.0:
        for c in range(0, x.shape[0], WIDE):
            for j in range(WIDE):
                out[c + j] += factor * x[c + j]


@njit(cache=True)
def _add_moved(matrix, x, out):
    """Add ``matrix x`` for a 2 x 2 matrix and rows x (2, p)."""
    for a in range(2):
        for b in range(2):
            _add_scaled(matrix[a, b], x[b], out[a])


@njit(cache=True)
def _state(p, k):
    """Room for what the recursion carries: w, f, g, its weighted second derivatives, a next g, and h with a next h."""
    return np.zeros((5, 2, p)), np.zeros((2, k, 2, p))


@njit(cache=True, fastmath={"contract", "reassoc"})
def _run(weighted, member, step, place, matrices, state, total):
    """Add what the occasions of one dyad contribute; see `second_order_of_rows`."""
    powers, slopes, crossed, bends, gamma, spread, bend = matrices
    p, k = weighted.shape[1], slopes.shape[1]
    w, f, g, g_bend, moved = state[0][0], state[0][1], state[0][2], state[0][3], state[0][4]
    h, h_moved = state[1][0], state[1][1]
    g[:], g_bend[:], h[:] = 0.0, 0.0, 0.0
    row, stop = 0, len(weighted)
    while row < stop:
        u = place[row]
        w[:] = 0.0
        w[member[row]] = weighted[row]
        row += 1
        if row < stop and step[row] == step[row - 1]:
            w[member[row]] = weighted[row]
            row += 1
        f[:], moved[:] = 0.0, 0.0
        _add_moved(bends[u], g, f)
        _add_moved(powers[u], g_bend, f)
        for i in range(k):
            _add_moved(slopes[u, i], h[i], f)
            h_moved[i] = 0.0
            _add_moved(crossed[u, i], g, h_moved[i])
            _add_moved(powers[u], h[i], h_moved[i])
            _add_moved(spread[i], w, h_moved[i])
        _add_moved(powers[u], g, moved)
        _add_moved(gamma, w, moved)
        g_bend[:] = f
        _add_moved(bend, w, g_bend)
        # The occasion's own part counts once when both halves are added.
        for m in range(2):
            for j in range(p):
                f[m, j] = 0.5 * (f[m, j] + g_bend[m, j])
        for a in range(p):
            one, other, target = w[0, a], w[1, a], total[a]
            for j in range(p):
                target[j] += one * f[0, j] + other * f[1, j]
        for i in range(k):
            h[i] = h_moved[i]
        g[:] = moved


@njit(cache=True, fastmath={"contract", "reassoc"})
def second_order_of_rows(base, member, step, place, first, chosen, design, layouts, matrices):
    """Run the recursion over the occasions of each dyad; rows of V^{-1}X are formed for one dyad at a time.

    Parameters
    ----------
    base : (n, k) array
        Rows sorted by dyad, step and member.
    member, step : (n,) arrays
    place : (n,) int array
        Number of the span since the occasion before.
    first : (d + 1,) int array
        Where each dyad's rows begin.
    chosen : (d,) bool array
        Dyads of the stratum.
    design : tuple
        ``coefficients`` (2, k, p) of the base columns, per member; ``source`` (q,), the base column behind each column
        of Z; ``used`` (2, q); ``effects`` (d, q, p), what Z is multiplied by.
    layouts : tuple
        ``opens`` (n,), the layout of the segment whose first new row this is, or -1; per layout ``given``, how many
        rows ahead of it the segment is conditioned on, ``size``, and ``begin`` of its precision in ``precisions``.
    matrices : tuple of arrays
        As of `_second_order._matrices`.

    Returns
    -------
    (p, p) array
        Half of the sum, to be made symmetric. p is a multiple of `WIDE`.
    """
    coefficients, source, used, effects = design
    opens, given, size, begin, precisions = layouts
    k, p = coefficients.shape[1], coefficients.shape[2]
    longest = 0
    for d in range(len(first) - 1):
        longest = max(longest, first[d + 1] - first[d])
    inner, weighted = np.empty((longest, p)), np.empty((longest, p))
    mine = np.zeros((2, k, p))
    total, state = np.zeros((p, p)), _state(p, matrices[1].shape[1])
    for d in range(len(first) - 1):
        if not chosen[d]:
            continue
        for m in range(2):
            mine[m] = coefficients[m]
            for i in range(len(source)):
                if used[m, i] != 0.0:
                    mine[m, source[i]] += used[m, i] * effects[d, i]
        start, count = first[d], first[d + 1] - first[d]
        for row in range(count):
            target, own = inner[row], mine[member[start + row]]
            for j in range(p):
                target[j] = 0.0
            for i in range(k):
                value, line = base[start + row, i], own[i]
                for j in range(p):
                    target[j] += value * line[j]
        weighted[:count] = 0.0
        for row in range(count):
            layout = opens[start + row]
            if layout >= 0:
                head, length = row - given[layout], size[layout]
                for a in range(length):
                    for b in range(length):
                        _add_scaled(precisions[begin[layout] + a * length + b], inner[head + b], weighted[head + a])
        here = slice(start, start + count)
        _run(weighted[:count], member[here], step[here], place[here], matrices, state, total)
    return total


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
            mine[m] = coefficients[group]
            for i in range(q):
                if used[group, i] != 0.0:
                    mine[m, source[i]] += used[group, i] * effects[d, i]
        for row in range(first[d], first[d + 1]):
            target, own = out[row], mine[member[row]]
            for j in range(e):
                target[j] = 0.0
            target[e - 1] = y[row]
            for i in range(k):
                value, line = base[row, i], own[i]
                for j in range(e):
                    target[j] += value * line[j]
