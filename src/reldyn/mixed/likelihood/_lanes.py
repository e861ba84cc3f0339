"""Compiled evaluation of the deviance: what is summed over dyads, in lanes of dyads (see `_lane_tools`).

Symbols are those of `_objective`, in coordinates of X in which X'V^{-1}X is the identity: sums over the columns of X
then need no weights.
"""

# The kernels are typed by numba, not by mypy: numba has no stubs.
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="untyped-decorator,import-untyped"

from __future__ import annotations

import numpy as np
from numba import njit

from reldyn.mixed.likelihood._entries import LANES
from reldyn.mixed.likelihood._lane_tools import (
    add_products,
    add_sandwich,
    add_scaled,
    add_symmetric,
    combine,
    combine_rows,
    contract,
    dot,
    factorise,
    fill_targets,
    gather,
    halfway,
    halves,
    negate,
    outer_products,
    pick,
    sum_log_det,
    take_from_one,
    times,
    turn,
)


@njit(cache=True, error_model="numpy")
def first_pass(entries, terms, column, row, coefficients, extra, root, places, C, half):
    """Form the rows of Z of W'R^{-1}W and the root of M for every dyad.

    Parameters
    ----------
    entries : (blocks, e, LANES) array
        Kept cross-products; `terms`, `column` and `row` say which coefficient each takes and where it belongs.
    coefficients : (terms,) array
    extra : (blocks, 1 + r, c, q, LANES) array
        What is added to their sum, and to its derivatives; or none, (blocks, 0, ...).
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
        gather(entries[block], terms, column, row, coefficients, C[block])
        if extra.shape[1]:
            add_scaled(1.0, extra[block, 0], C[block])
        combine(C[block, p : p + q], root, moved)
        combine_rows(moved, root, inner)
        if not factorise(inner):
            return explained, np.inf
        log_det += sum_log_det(inner)
        halves(inner, root, half[block])
        pick(C[block], places, outer)
        times(half[block], outer, reach)
        flat = reach.reshape(p + 1, q * LANES)
        add_products(flat, flat, 1.0, explained)
    return explained, log_det


@njit(cache=True, error_model="numpy")
def second_pass(entries, terms, column, row, slopes, extra, C, half, transform, places, back, with_x, sums):
    """Sum over dyads what first and second derivatives are made of.

    Parameters
    ----------
    entries, terms, column, row, extra
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
    pulled = np.empty((e, q, LANES))
    Y, MY = np.empty((r, e, q, LANES)), np.empty((e, q, LANES))
    J, K = np.empty((e, q, LANES)), np.empty((r, e, q, LANES))
    turned = np.empty((q, q, LANES))
    targets = np.zeros((2, c, q, LANES))
    for block in range(C.shape[0]):
        here = C[block]
        pick(here, places, outer)
        combine(outer, transform, moved)
        # M = H'H is symmetric.
        turn(half[block], turned)
        times(turned, half[block], M)
        times(here[p : p + q], M, shrink)
        take_from_one(shrink)
        times(shrink, moved, U)
        times(shrink, here[p : p + q], H)
        times(M, moved, P)
        negate(P)
        flat, flat_h = U.reshape(e * q, LANES), H.reshape(q * q, LANES)
        add_products(flat, flat, 1.0, pairs)
        outer_products(U, H, of_x, of_r, with_x, h_sum)
        add_products(of_x.reshape(q * q, LANES), flat_h, 1.0, products[0])
        add_products(of_r.reshape(q * q, LANES), flat_h, 1.0, products[1])
        for k in range(r):
            gather(entries[block], terms, column, row, slopes[k], dC)
            if extra.shape[1]:
                add_scaled(1.0, extra[block, 1 + k], dC)
            pick(dC, places, outer)
            combine(outer, transform, Y[k])
            dCzz = dC[p : p + q]
            times(dCzz, P, pulled)
            halfway(Y[k], pulled, K[k])
            times(M, Y[k], MY)
            for m in range(k + 1):
                # Columns of X belong to the log-determinant, the last one to the quadratic form.
                add_symmetric(-2.0 * with_x * dot(Y[m, :p], MY[:p]), k, m, own[0])
                add_symmetric(-2.0 * dot(Y[m, p], MY[p]), k, m, own[1])
            times(shrink, Y[k], J)
            if with_x != 0.0:
                add_sandwich(U[:p], J[:p], -2.0 * with_x, mixed[0, k])
            add_sandwich(U[p:], J[p:], -2.0, mixed[1, k])
            times(M, dCzz, MC[k])
            turn(MC[k], MC_turned[k])
            traces[k] += dot(dCzz, M)
            times(shrink, dCzz, turned)
            add_sandwich(turned, shrink, 1.0, mixed[0, k])
        if r:
            add_products(K.reshape(r * e, q * LANES), P.reshape(e, q * LANES), 1.0, drifts)
            add_products(MC.reshape(r, q * q * LANES), MC_turned.reshape(r, q * q * LANES), -1.0, own[0])
        target = kept[block] if len(kept) else targets
        fill_targets(P, M, back, places, with_x, target)
        contract(entries[block], terms, column, row, p, q, target, contracted)


@njit(cache=True, error_model="numpy")
def weighted_bends(entries, terms, column, row, slopes, extra, C, half, places, spread, mixed, W, total):
    """Add ``sum_kl W_kl d2_kl (X'V^{-1}X) / 2`` over dyads, what runs through Z: see `_kenward_roger`.

    Parameters
    ----------
    entries, terms, column, row, C, half
        As in `second_pass`.
    slopes : (r + 1, terms) array
        Derivatives of the coefficients in the residual parameters, and their weighted second derivatives.
    extra : (blocks, r + 1, c, q, LANES) array
        What is added to the sums of each; or none, (blocks, 0, ...).
    places : (p,) int array
        Columns x of W.
    spread : (q * q, q * q) array
        What the weights of pairs of parameters of G make of H.
    mixed : (r, q, q) array
        Basis of G, weighted for each residual parameter.
    W : (r, r) array
    total : (p, p) array
        Added to.
    """
    c, q, p, r = C.shape[1], C.shape[2], len(places), len(W)
    x, F, P = np.empty((p, q, LANES)), np.empty((p, q, LANES)), np.empty((p, q, LANES))
    M, shrink, H = np.empty((q, q, LANES)), np.empty((q, q, LANES)), np.empty((q, q, LANES))
    turned, dC = np.empty((q, q, LANES)), np.empty((c, q, LANES))
    pulled, moved, Y = np.empty((p, q, LANES)), np.empty((p, q, LANES)), np.empty((r + 1, p, q, LANES))
    for block in range(C.shape[0]):
        pick(C[block], places, x)
        turn(half[block], turned)
        times(turned, half[block], M)
        times(C[block, p : p + q], M, shrink)
        take_from_one(shrink)
        times(shrink, x, F)
        times(shrink, C[block, p : p + q], H)
        times(M, x, P)
        negate(P)
        flat_F, flat_P = F.reshape(p, q * LANES), P.reshape(p, q * LANES)
        # Symmetric, so that rows and columns may change places.
        weighted = np.dot(spread, H.reshape(q * q, LANES)).reshape(q, q, LANES)
        times(weighted, F, moved)
        add_products(flat_F, moved.reshape(p, q * LANES), 1.0, total)
        for k in range(r + 1):
            gather(entries[block], terms, column, row, slopes[k], dC)
            if extra.shape[1]:
                add_scaled(1.0, extra[block, k], dC)
            near = Y[k]
            pick(dC, places, near)
            times(dC[p : p + q], P, pulled)
            if k == r:
                add_scaled(0.5, pulled, near)
                flat = near.reshape(p, q * LANES)
                add_products(flat_P, flat, 0.5, total)
                add_products(flat, flat_P, 0.5, total)
                break
            add_scaled(1.0, pulled, near)
            times(shrink, near, pulled)
            combine_rows(F, mixed[k], moved)
            flat, flat_moved = pulled.reshape(p, q * LANES), moved.reshape(p, q * LANES)
            add_products(flat, flat_moved, -1.0, total)
            add_products(flat_moved, flat, -1.0, total)
        for k in range(r):
            pulled[:] = 0.0
            for m in range(r):
                add_scaled(W[k, m], Y[m], pulled)
            times(M, pulled, moved)
            add_products(Y[k].reshape(p, q * LANES), moved.reshape(p, q * LANES), -1.0, total)
