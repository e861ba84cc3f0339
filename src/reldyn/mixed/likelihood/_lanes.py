"""Compiled evaluation of the deviance: what is summed over dyads, in lanes of dyads.

The innermost index of every array runs over the `LANES` dyads of a block, so that the small matrices of many dyads are
worked on by the same instructions; fewer lanes do not fill the processor's registers, and the loops then compile to
scalar code. Arrays are (column, row, lane). Symbols are those of `_objective`, in coordinates of X in which
X'V^{-1}X is the identity: sums over the columns of X then need no weights.
"""

# The kernels are typed by numba, not by mypy: numba has no stubs.
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="untyped-decorator,import-untyped"

from __future__ import annotations

import numpy as np
from numba import njit

from reldyn.mixed.likelihood._entries import LANES

# Sums may be formed in another order, which lets them be formed in registers; nothing else is relaxed.
_ORDER = {"contract", "reassoc"}


@njit(cache=True, fastmath=_ORDER, error_model="numpy")
def _gather(entries, terms, column, row, factors, out):
    """Sum ``factor * entry`` at the place of each entry."""
    flat = out.reshape(out.size)
    for place in range(flat.size):
        flat[place] = 0.0
    for e in range(entries.shape[0]):
        factor = factors[terms[e]]
        if factor != 0.0:
            target, entry = out[column[e], row[e]], entries[e]
            for lane in range(LANES):
                target[lane] += factor * entry[lane]


@njit(cache=True)
def _add_products(left, right, factor, out):
    """Add ``factor left right'`` to a plain matrix; rows are stretches of equal length."""
    found = np.dot(left, right.T)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] += factor * found[i, j]


@njit(cache=True)
def _pick(x, places, out):
    """Columns of x (column, row, lane), by position."""
    for j in range(len(places)):
        for i in range(x.shape[1]):
            for lane in range(LANES):
                out[j, i, lane] = x[places[j], i, lane]


@njit(cache=True)
def _put(x, k, out):
    """Set ``out[:, k]`` to x (column, row, lane)."""
    for j in range(x.shape[0]):
        for i in range(x.shape[1]):
            for lane in range(LANES):
                out[j, k, i, lane] = x[j, i, lane]


@njit(cache=True)
def _turn(x, out):
    """Exchange columns and rows of x (q, q, lane)."""
    for j in range(x.shape[0]):
        for i in range(x.shape[0]):
            for lane in range(LANES):
                out[i, j, lane] = x[j, i, lane]


@njit(cache=True, fastmath=_ORDER, error_model="numpy")
def _times(matrix, x, out):
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


@njit(cache=True, fastmath=_ORDER, error_model="numpy")
def _combine(x, transform, out):
    """Columns of x (k, q, lane) combined by a plain matrix (k, e)."""
    q = x.shape[1]
    for j in range(transform.shape[1]):
        for i in range(q):
            total = out[j, i]
            for lane in range(LANES):
                total[lane] = 0.0
            for m in range(x.shape[0]):
                factor = transform[m, j]
                if factor != 0.0:
                    right = x[m, i]
                    for lane in range(LANES):
                        total[lane] += factor * right[lane]


@njit(cache=True, fastmath=_ORDER, error_model="numpy")
def _combine_rows(x, transform, out):
    """Rows of x (k, q, lane) combined: ``transform' x``."""
    for j in range(x.shape[0]):
        for i in range(transform.shape[1]):
            total = out[j, i]
            for lane in range(LANES):
                total[lane] = 0.0
            for m in range(x.shape[1]):
                factor = transform[m, i]
                if factor != 0.0:
                    right = x[j, m]
                    for lane in range(LANES):
                        total[lane] += factor * right[lane]


@njit(cache=True, error_model="numpy")
def _log_det(factor):
    """Log-determinants of the matrices that these are the Cholesky factors of, summed."""
    total = 0.0
    for i in range(factor.shape[0]):
        for lane in range(LANES):
            total += 2.0 * np.log(factor[i, i, lane])
    return total


@njit(cache=True, fastmath=_ORDER, error_model="numpy")
def _factor(inner):
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


@njit(cache=True, fastmath=_ORDER, error_model="numpy")
def _halves(factor, root, half):
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


@njit(cache=True, error_model="numpy")
def first_pass(entries, terms, column, row, coefficients, root, places, C, half):
    """Form the rows of Z of W'R^{-1}W and the root of M for every dyad.

    Parameters
    ----------
    entries : (blocks, e, LANES) array
        Kept cross-products; `terms`, `column` and `row` say which coefficient each takes and where it belongs.
    coefficients : (terms,) array
    root : (q, q) array
        L, with G = L L'.
    places : (p + 1,) int array
        Columns x and y of W.
    C : (blocks, c, q, LANES) array
        Written: the rows of Z of W'R^{-1}W.
    half : (blocks, q, q, LANES) array
        Written: H with M = H'H, as [column, row].

    Returns
    -------
    explained : (p + 1, p + 1) array
        Sum over dyads of what M takes out of [X y]'R^{-1}[X y].
    log_det : float
        Sum of log|I + L'C_zz L|; infinite where one is not positive definite.
    """
    blocks, q, p = C.shape[0], C.shape[2], len(places) - 1
    explained, log_det = np.zeros((p + 1, p + 1)), 0.0
    moved, inner = np.empty((q, q, LANES)), np.empty((q, q, LANES))
    outer, reach = np.empty((p + 1, q, LANES)), np.empty((p + 1, q, LANES))
    for block in range(blocks):
        _gather(entries[block], terms, column, row, coefficients, C[block])
        _combine(C[block, p : p + q], root, moved)
        _combine_rows(moved, root, inner)
        if not _factor(inner):
            return explained, np.inf
        log_det += _log_det(inner)
        _halves(inner, root, half[block])
        _pick(C[block], places, outer)
        _times(half[block], outer, reach)
        flat = reach.reshape(p + 1, q * LANES)
        _add_products(flat, flat, 1.0, explained)
    return explained, log_det


@njit(cache=True, error_model="numpy")
def second_pass(entries, terms, column, row, slopes, C, half, transform, places, back, with_x, sums):
    """Sum over dyads what first and second derivatives are made of.

    Parameters
    ----------
    entries, terms, column, row
        As in `first_pass`.
    slopes : (r, terms) array
        Derivatives of the coefficients in the residual parameters.
    C, half
        From `first_pass`.
    transform : (p + 1, p + 1) array
        From columns [x, y] to [X T, y - X beta], T T' = (X'V^{-1}X)^{-1}.
    places : (p + 1,) int array
        Columns x and y of W.
    back : (p + 1, p + 1) array
        `transform`, transposed.
    with_x : float
        1 under REML, 0 under ML.
    sums : tuple of arrays
        Added to; see `_fused.Sums`.
    """
    pairs, products, h_sum, drifts, traces, own, mixed, contracted, kept = sums
    c, q, e, r = C.shape[1], C.shape[2], len(places), slopes.shape[0]
    p = e - 1
    outer, moved = np.empty((e, q, LANES)), np.empty((e, q, LANES))
    M, shrink, H = np.empty((q, q, LANES)), np.empty((q, q, LANES)), np.empty((q, q, LANES))
    U, P = np.empty((e, q, LANES)), np.empty((e, q, LANES))
    of_x, of_r = np.empty((q, q, LANES)), np.empty((q, q, LANES))
    dC, MC = np.empty((c, q, LANES)), np.empty((r, q, q, LANES))
    MC_turned = np.empty((r, q, q, LANES))
    near, pulled = np.empty((e, q, LANES)), np.empty((e, q, LANES))
    Y, MY = np.empty((e, r, q, LANES)), np.empty((e, r, q, LANES))
    J, K = np.empty((e, r, q, LANES)), np.empty((e, r, q, LANES))
    mine, turned = np.empty((e, q, LANES)), np.empty((q, q, LANES))
    targets = np.zeros((2, c, q, LANES))
    for block in range(C.shape[0]):
        here = C[block]
        _pick(here, places, outer)
        _combine(outer, transform, moved)
        # M = H'H is symmetric.
        _turn(half[block], turned)
        _times(turned, half[block], M)
        _times(here[p : p + q], M, shrink)
        _take_from_one(shrink)
        _times(shrink, moved, U)
        _times(shrink, here[p : p + q], H)
        _times(M, moved, P)
        _negate(P)
        flat, flat_h = U.reshape(e * q, LANES), H.reshape(q * q, LANES)
        _add_products(flat, flat, 1.0, pairs)
        _outer_products(U, H, of_x, of_r, with_x, h_sum)
        _add_products(of_x.reshape(q * q, LANES), flat_h, 1.0, products[0])
        _add_products(of_r.reshape(q * q, LANES), flat_h, 1.0, products[1])
        for k in range(r):
            _gather(entries[block], terms, column, row, slopes[k], dC)
            _pick(dC, places, outer)
            _combine(outer, transform, near)
            dCzz = dC[p : p + q]
            _times(dCzz, P, pulled)
            _halfway(near, pulled, k, K)
            _put(near, k, Y)
            _times(M, near, mine)
            _put(mine, k, MY)
            _times(shrink, near, mine)
            _put(mine, k, J)
            _times(M, dCzz, MC[k])
            _turn(MC[k], MC_turned[k])
            traces[k] += _dot(dCzz, M)
            _times(shrink, dCzz, turned)
            _add_sandwich(turned, shrink, mixed[0, k])
        if r:
            _add_products(K.reshape(e * r, q * LANES), P.reshape(e, q * LANES), 1.0, drifts)
            _add_products(MC.reshape(r, q * q * LANES), MC_turned.reshape(r, q * q * LANES), -1.0, own[0])
            for j in range(e):
                # Columns of X belong to the log-determinant, the last one to the quadratic form.
                part = 1 if j == p else 0
                weight = 2.0 if j == p else 2.0 * with_x
                if weight != 0.0:
                    _add_products(Y[j].reshape(r, q * LANES), MY[j].reshape(r, q * LANES), -weight, own[part])
                    for k in range(r):
                        _add_products(U[j], J[j, k], -weight, mixed[part, k])
        if contracted.shape[1]:
            _targets(P, M, back, places, with_x, targets)
            _contract(entries[block], terms, column, row, p, q, targets, contracted)
        if len(kept):
            _targets(P, M, back, places, with_x, kept[block])


@njit(cache=True)
def _take_from_one(x):
    """Replace x (q, q, lane) by I - x."""
    for j in range(x.shape[0]):
        for i in range(x.shape[0]):
            for lane in range(LANES):
                x[j, i, lane] = (1.0 if i == j else 0.0) - x[j, i, lane]


@njit(cache=True)
def _negate(x):
    """Replace x (column, row, lane) by -x."""
    for j in range(x.shape[0]):
        for i in range(x.shape[1]):
            for lane in range(LANES):
                x[j, i, lane] = -x[j, i, lane]


@njit(cache=True)
def _halfway(near, pulled, k, K):
    """Set ``K[:, k]`` to near plus half of pulled, and near to near plus pulled."""
    for j in range(near.shape[0]):
        for i in range(near.shape[1]):
            for lane in range(LANES):
                half = 0.5 * pulled[j, i, lane]
                K[j, k, i, lane] = near[j, i, lane] + half
                near[j, i, lane] += pulled[j, i, lane]


@njit(cache=True, fastmath=_ORDER, error_model="numpy")
def _dot(x, y):
    left, right = x.reshape(x.size), y.reshape(y.size)
    total = 0.0
    for i in range(left.size):
        total += left[i] * right[i]
    return total


@njit(cache=True, fastmath=_ORDER, error_model="numpy")
def _outer_products(U, H, of_x, of_r, with_x, h_sum):
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


@njit(cache=True, fastmath=_ORDER, error_model="numpy")
def _add_sandwich(left, right, out):
    """Add ``left right'`` summed over lanes; both (column, row, lane)."""
    q = left.shape[0]
    for m in range(q):
        for i in range(q):
            for j in range(q):
                total = 0.0
                for lane in range(LANES):
                    total += left[m, i, lane] * right[m, j, lane]
                out[i, j] += total


@njit(cache=True, fastmath=_ORDER, error_model="numpy")
def _targets(P, M, back, places, with_x, targets):
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


@njit(cache=True, fastmath=_ORDER, error_model="numpy")
def _contract(entries, terms, column, row, p, q, targets, out):
    """Add the inner products of the entries of each term with both targets."""
    for e in range(entries.shape[0]):
        # Elements beside Z stand for themselves and for their mirror image.
        twice = 1.0 if p <= column[e] < p + q else 2.0
        entry, logs, squares = entries[e], targets[0, column[e], row[e]], targets[1, column[e], row[e]]
        one, other = 0.0, 0.0
        for lane in range(LANES):
            one += entry[lane] * logs[lane]
            other += entry[lane] * squares[lane]
        out[0, terms[e]] += twice * one
        out[1, terms[e]] += twice * other


@njit(cache=True, error_model="numpy")
def occasions(theta, basis, sizes, counts):
    """Precisions of residuals without carry-over, with first derivatives.

    Parameters
    ----------
    theta : (r,) array
        Residual parameters of all strata.
    basis : (t, r, 2, 2) array
        Derivatives of the covariance of each layout, of one or two rows.
    sizes : (t,) int array
        Rows of each layout.
    counts : (t,) array
        How often it occurs.

    Returns
    -------
    precision : (t, 2, 2) array
    slopes : (t, r, 2, 2) array
    log_det : float
        Summed over layouts; infinite where a covariance is not positive definite.
    d_log_det : (r,) array
    """
    t, r = basis.shape[0], basis.shape[1]
    precision, slopes = np.zeros((t, 2, 2)), np.zeros((t, r, 2, 2))
    log_det, d_log_det = 0.0, np.zeros(r)
    for i in range(t):
        a, b, c = 0.0, 0.0, 0.0
        for k in range(r):
            a += theta[k] * basis[i, k, 0, 0]
            b += theta[k] * basis[i, k, 0, 1]
            c += theta[k] * basis[i, k, 1, 1]
        if sizes[i] == 1:
            b, c = 0.0, 1.0
        determinant = a * c - b * b
        if not (a > 0.0 and determinant > 0.0):
            return precision, slopes, np.inf, d_log_det
        K = precision[i]
        K[0, 0] = c / determinant
        if sizes[i] == 2:
            K[0, 1] = K[1, 0] = -b / determinant
            K[1, 1] = a / determinant
        log_det += counts[i] * np.log(determinant)
        for k in range(r):
            for x in range(2):
                for y in range(2):
                    d_log_det[k] += counts[i] * K[x, y] * basis[i, k, x, y]
                    for u in range(2):
                        for v in range(2):
                            slopes[i, k, x, y] -= K[x, u] * basis[i, k, u, v] * K[v, y]
    return precision, slopes, log_det, d_log_det


@njit(cache=True, error_model="numpy")
def occasion_curvature(precision, slopes, basis, counts, weights, quadratic, log_det):
    """Add second derivatives of the same, weighted.

    Parameters
    ----------
    precision, slopes
        From `occasions`.
    basis, counts
        As there.
    weights : (t, 2, 2, 2) array
        Two symmetric matrices N for each layout.
    quadratic : (2, r, r) array
        Added to: ``<N, d2 precision>``.
    log_det : (r, r) array
        Added to: second derivatives of the log-determinants.
    """
    t, r = basis.shape[0], basis.shape[1]
    for i in range(t):
        for k in range(r):
            # K B_k, and the derivatives -slope_l = K B_l K.
            left = np.zeros((2, 2))
            for x in range(2):
                for y in range(2):
                    left[x, y] = precision[i, x, 0] * basis[i, k, 0, y] + precision[i, x, 1] * basis[i, k, 1, y]
            for m in range(r):
                for x in range(2):
                    for y in range(2):
                        turned = left[x, 0] * slopes[i, m, 0, y] + left[x, 1] * slopes[i, m, 1, y]
                        for part in range(2):
                            quadratic[part, k, m] -= 2.0 * weights[i, part, x, y] * turned
                        log_det[k, m] += counts[i] * basis[i, k, x, y] * slopes[i, m, x, y]
