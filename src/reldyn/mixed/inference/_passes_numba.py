"""Compiled passes over rows: the recursion of `_second_order`, and the rows of `_weighted`."""

# The kernels are typed by numba, not by mypy: numba has no stubs.
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="untyped-decorator,import-untyped"

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, fastmath={"contract", "reassoc"})
def _add_moved(matrix, x, out):
    """Add ``matrix x`` for a 2 x 2 matrix and rows x (2, p)."""
    a, b, c, d = matrix[0, 0], matrix[0, 1], matrix[1, 0], matrix[1, 1]
    one, other, first, second = x[0], x[1], out[0], out[1]
    for j in range(x.shape[1]):
        first[j] += a * one[j] + b * other[j]
        second[j] += c * one[j] + d * other[j]


@njit(cache=True, fastmath={"contract", "reassoc"})
def second_order(weighted, first, member, step, place, powers, slopes, crossed, bends, gamma, spread, bend):
    """Run the recursion over the occasions of each dyad.

    Only derivatives of the powers are carried: with P_i those in transition parameter i, what the weights make of the
    first derivatives of all parameters, ``h_i = 2 sum_k W_ik g_k``, moves by itself.

    Parameters
    ----------
    weighted : (n, p) array
        V^{-1}X, rows sorted by dyad, step and member.
    first : (d + 1,) int array
        Where each dyad's rows begin.
    member, step : (n,) arrays
    place : (n,) int array
        Number of the span since the occasion before.
    powers, bends : (u, 2, 2) arrays
        Powers of the transition, and their weighted second derivatives.
    slopes, crossed : (u, i, 2, 2) arrays
        Derivatives of the powers in the transition parameters, and ``2 sum_k W_ik`` times those in all parameters.
    gamma, bend : (2, 2) arrays
        The stationary covariance, and its weighted second derivatives.
    spread : (i, 2, 2) array
        ``2 sum_k W_ik`` times the derivatives of gamma.

    Returns
    -------
    (p, p) array
        Half of the sum, to be made symmetric.
    """
    p, k = weighted.shape[1], slopes.shape[1]
    total = np.zeros((p, p))
    w, f, g = np.zeros((2, p)), np.zeros((2, p)), np.zeros((2, p))
    g_bend, moved = np.zeros((2, p)), np.zeros((2, p))
    h, h_moved = np.zeros((k, 2, p)), np.zeros((k, 2, p))
    for d in range(len(first) - 1):
        g[:], g_bend[:], h[:] = 0.0, 0.0, 0.0
        row = first[d]
        while row < first[d + 1]:
            u = place[row]
            w[:] = 0.0
            w[member[row]] = weighted[row]
            row += 1
            if row < first[d + 1] and step[row] == step[row - 1]:
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
            _add_moved(0.5 * bend, w, f)
            for a in range(p):
                one, other, target = w[0, a], w[1, a], total[a]
                for b in range(p):
                    target[b] += one * f[0, b] + other * f[1, b]
            for i in range(k):
                h[i] = h_moved[i]
            g[:] = moved
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
