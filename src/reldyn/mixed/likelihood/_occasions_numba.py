"""Compiled kernels of residuals without carry-over, all layouts of one or two rows at once."""

# The kernels are typed by numba, not by mypy: numba has no stubs.
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="untyped-decorator,import-untyped"

from __future__ import annotations

import numpy as np
from numba import njit


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
