"""Small matrices of many dyads in lanes: what the compiled passes of `_lanes` are put together from.

The innermost index of every array runs over the `LANES` dyads of a block, so that the small matrices of many dyads are
worked on by the same instructions; fewer lanes do not fill the processor's registers, and the loops then compile to
scalar code. Arrays are (column, row, lane).
"""

# The kernels are typed by numba, not by mypy: numba has no stubs.
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="untyped-decorator,import-untyped"

from __future__ import annotations

import numpy as np
from numba import njit

from reldyn.mixed.likelihood._entries import LANES

# Sums may be formed in another order, which lets them be formed in registers; nothing else is relaxed.
ORDER = {"contract", "reassoc"}


@njit(cache=True, fastmath=ORDER, error_model="numpy")
def gather(entries, terms, column, row, factors, out):
    """Sum ``factor * entry`` at the place of each entry."""
    flat = out.reshape(out.size)
    for place in range(flat.size):
        flat[place] = 0.0
    for e in range(entries.shape[0]):
        factor = factors[terms[e]]
        if factor != 0.0:
            j, i = column[e], row[e]
            for lane in range(LANES):
                out[j, i, lane] += factor * entries[e, lane]


@njit(cache=True)
def add_products(left, right, factor, out):
    """Add ``factor left right'`` to a plain matrix; rows are stretches of equal length."""
    found = np.dot(left, right.T)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] += factor * found[i, j]


@njit(cache=True)
def pick(x, places, out):
    """Columns of x (column, row, lane), by position."""
    for j in range(len(places)):
        for i in range(x.shape[1]):
            for lane in range(LANES):
                out[j, i, lane] = x[places[j], i, lane]


@njit(cache=True)
def turn(x, out):
    """Exchange columns and rows of x (q, q, lane)."""
    for j in range(x.shape[0]):
        for i in range(x.shape[0]):
            for lane in range(LANES):
                out[i, j, lane] = x[j, i, lane]


@njit(cache=True, fastmath=ORDER, error_model="numpy")
def times(matrix, x, out):
    """``matrix x`` for (k, q, lane) matrices given by columns and columns (n, k, lane) of x."""
    q, k = matrix.shape[1], matrix.shape[0]
    for j in range(x.shape[0]):
        for i in range(q):
            total = out[j, i]
            for lane in range(LANES):
                total[lane] = 0.0
            for m in range(k):
                left, right = matrix[m, i], x[j, m]
                for lane in range(LANES):
                    total[lane] += left[lane] * right[lane]


@njit(cache=True, fastmath=ORDER, error_model="numpy")
def combine(x, transform, out):
    """Columns of x (k, q, lane) combined by a plain matrix (k, e)."""
    q = x.shape[1]
    for j in range(transform.shape[1]):
        for i in range(q):
            for lane in range(LANES):
                out[j, i, lane] = 0.0
            for m in range(x.shape[0]):
                factor = transform[m, j]
                if factor != 0.0:
                    for lane in range(LANES):
                        out[j, i, lane] += factor * x[m, i, lane]


@njit(cache=True, fastmath=ORDER, error_model="numpy")
def combine_rows(x, transform, out):
    """Rows of x (k, q, lane) combined: ``transform' x``."""
    for j in range(x.shape[0]):
        for i in range(transform.shape[1]):
            for lane in range(LANES):
                out[j, i, lane] = 0.0
            for m in range(x.shape[1]):
                factor = transform[m, i]
                if factor != 0.0:
                    for lane in range(LANES):
                        out[j, i, lane] += factor * x[j, m, lane]


@njit(cache=True, error_model="numpy")
def sum_log_det(factor):
    """Log-determinants of the matrices that these are the Cholesky factors of, summed."""
    total = 0.0
    for i in range(factor.shape[0]):
        for lane in range(LANES):
            total += 2.0 * np.log(factor[i, i, lane])
    return total


@njit(cache=True, fastmath=ORDER, error_model="numpy")
def factorise(inner):
    """Replace I + inner (q, q, lane) by its lower Cholesky factor, as [row, column]; False where there is none."""
    q = inner.shape[0]
    for j in range(q):
        pivot = inner[j, j]
        positive = 0
        for lane in range(LANES):
            pivot[lane] += 1.0
        for m in range(j):
            left = inner[j, m]
            for lane in range(LANES):
                pivot[lane] -= left[lane] * left[lane]
        for lane in range(LANES):
            positive += 1 if pivot[lane] > 0.0 else 0
            pivot[lane] = np.sqrt(pivot[lane])
        if positive < LANES:
            return False
        for i in range(j + 1, q):
            target = inner[i, j]
            for m in range(j):
                left, right = inner[i, m], inner[j, m]
                for lane in range(LANES):
                    target[lane] -= left[lane] * right[lane]
            for lane in range(LANES):
                target[lane] /= pivot[lane]
    return True


@njit(cache=True, fastmath=ORDER, error_model="numpy")
def halves(factor, root, half):
    """Solve ``factor half = root'`` for half, as [column, row]."""
    q = factor.shape[0]
    for j in range(q):
        for i in range(q):
            target = half[j, i]
            for lane in range(LANES):
                target[lane] = root[j, i]
            for m in range(i):
                left, right = factor[i, m], half[j, m]
                for lane in range(LANES):
                    target[lane] -= left[lane] * right[lane]
            pivot = factor[i, i]
            for lane in range(LANES):
                target[lane] /= pivot[lane]


@njit(cache=True)
def take_from_one(x):
    """Replace x (q, q, lane) by I - x."""
    for j in range(x.shape[0]):
        for i in range(x.shape[0]):
            for lane in range(LANES):
                x[j, i, lane] = (1.0 if i == j else 0.0) - x[j, i, lane]


@njit(cache=True)
def negate(x):
    """Replace x (column, row, lane) by -x."""
    for j in range(x.shape[0]):
        for i in range(x.shape[1]):
            for lane in range(LANES):
                x[j, i, lane] = -x[j, i, lane]


@njit(cache=True)
def halfway(near, pulled, half):
    """Set `half` to near plus half of pulled, and near to near plus pulled."""
    for j in range(near.shape[0]):
        for i in range(near.shape[1]):
            for lane in range(LANES):
                part = 0.5 * pulled[j, i, lane]
                half[j, i, lane] = near[j, i, lane] + part
                near[j, i, lane] += pulled[j, i, lane]


@njit(cache=True)
def add_symmetric(value, k, m, out):
    """Add to an element of a symmetric matrix."""
    out[k, m] += value
    if k != m:
        out[m, k] += value


@njit(cache=True, fastmath=ORDER, error_model="numpy")
def dot(x, y):
    """Sum of the products of all numbers of two arrays of one shape."""
    left, right = x.reshape(x.size), y.reshape(y.size)
    total = 0.0
    for i in range(left.size):
        total += left[i] * right[i]
    return total


@njit(cache=True, fastmath=ORDER, error_model="numpy")
def outer_products(U, H, of_x, of_r, with_x, h_sum):
    """Products over the columns of X less half of H, and of the last column, (q, q, lane); adds H to its sum."""
    e, q = U.shape[0], U.shape[1]
    for j in range(q):
        for i in range(q):
            target, last, own = of_x[j, i], of_r[j, i], H[j, i]
            one, other = U[e - 1, i], U[e - 1, j]
            total = 0.0
            for lane in range(LANES):
                last[lane] = one[lane] * other[lane]
                target[lane] = -0.5 * own[lane]
                total += own[lane]
            h_sum[j, i] += total
            if with_x != 0.0:
                for m in range(e - 1):
                    left, right = U[m, i], U[m, j]
                    for lane in range(LANES):
                        target[lane] += left[lane] * right[lane]


@njit(cache=True, fastmath=ORDER, error_model="numpy")
def add_sandwich(left, right, factor, out):
    """Add ``factor left right'`` summed over columns and lanes; both (column, row, lane)."""
    q = left.shape[1]
    for i in range(q):
        for j in range(q):
            total = 0.0
            for m in range(left.shape[0]):
                for lane in range(LANES):
                    total += left[m, i, lane] * right[m, j, lane]
            out[i, j] += factor * total


@njit(cache=True, fastmath=ORDER, error_model="numpy")
def fill_targets(P, M, back, places, with_x, targets):
    """Rows of Z of ``M + P Omega P'``, in columns of W: for the log-determinant, and for the quadratic form."""
    e, q = P.shape[0], P.shape[1]
    p = e - 1
    for j in range(q):
        for i in range(q):
            logs, squares = targets[0, p + j, i], targets[1, p + j, i]
            for lane in range(LANES):
                logs[lane] = M[j, i, lane]
                squares[lane] = P[p, i, lane] * P[p, j, lane]
            if with_x != 0.0:
                for m in range(p):
                    left, right = P[m, i], P[m, j]
                    for lane in range(LANES):
                        logs[lane] += left[lane] * right[lane]
    for j in range(e):
        for i in range(q):
            logs, squares = targets[0, places[j], i], targets[1, places[j], i]
            factor = back[p, j]
            last = P[p, i]
            for lane in range(LANES):
                logs[lane] = 0.0
                squares[lane] = factor * last[lane]
            if with_x != 0.0:
                for m in range(p):
                    factor = back[m, j]
                    if factor != 0.0:
                        left = P[m, i]
                        for lane in range(LANES):
                            logs[lane] += factor * left[lane]


@njit(cache=True, fastmath=ORDER, error_model="numpy")
def contract(entries, terms, column, row, p, q, targets, out):
    """Add the inner products of the entries of each term with both targets."""
    for e in range(entries.shape[0]):
        # Elements beside Z stand for themselves and for their mirror image.
        twice = 1.0 if p <= column[e] < p + q else 2.0
        j, i, one, other = column[e], row[e], 0.0, 0.0
        for lane in range(LANES):
            one += entries[e, lane] * targets[0, j, i, lane]
            other += entries[e, lane] * targets[1, j, i, lane]
        out[0, terms[e]] += twice * one
        out[1, terms[e]] += twice * other


@njit(cache=True)
def add_scaled(factor, x, out):
    """Add a multiple of x (column, row, lane)."""
    if factor != 0.0:
        for j in range(x.shape[0]):
            for i in range(x.shape[1]):
                for lane in range(LANES):
                    out[j, i, lane] += factor * x[j, i, lane]
