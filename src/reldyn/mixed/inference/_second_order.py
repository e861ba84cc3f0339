"""Second derivatives of serial residual covariances, weighted and wrapped in V^{-1}X.

The Kenward-Roger correction needs ``sum_kl W_kl X'V^{-1} R_kl V^{-1}X`` where R is not linear in its parameters. In
discrete time the second derivatives of R depend on the lag only, so one block Toeplitz matrix serves all dyads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reldyn._types import Array, Ints
from reldyn.mixed.inference._weighted import weighted_rows
from reldyn.mixed.processes import covariance
from reldyn.mixed.spec._options import Residual
from reldyn.mixed.spec._problem import Problem

if TYPE_CHECKING:
    from reldyn.mixed._fit import Fit

# Longest series, in steps, for which one matrix over all steps is set up.
_LONGEST = 600
_LAGS_AT_ONCE = 25
_CHUNK = 2**22


def residual_second_order(fit: Fit, W: Array) -> Array:
    """Sum ``W_kl X'V^{-1} R_kl V^{-1}X`` over residual parameters and dyads.

    Parameters
    ----------
    fit : Fit
    W : (r, r) array
        Weights of pairs of natural residual parameters, strata one after the other.

    Returns
    -------
    (p, p) array
    """
    problem, rows_with_residual = weighted_rows(fit)
    weighted = rows_with_residual[:, :-1]
    total = np.zeros((weighted.shape[1],) * 2)
    begin = 0
    for stratum, size in enumerate(fit.statistics.sizes):
        here = slice(begin, begin + size)
        begin += size
        rows = np.flatnonzero(problem.strata[problem.dyad] == stratum)
        exchangeable, psi = problem.exchangeable[stratum], fit.psi[stratum]
        if fit.residual.process == "car1":
            total += _by_dyad(fit.residual, exchangeable, psi, W[here, here], problem, rows, weighted)
        else:
            total += _by_lag(fit.residual, exchangeable, psi, W[here, here], problem, rows, weighted)
    return total


def _by_dyad(
    residual: Residual,
    exchangeable: bool,
    psi: Array,
    W: Array,
    problem: Problem,
    rows: Ints,
    weighted: Array,
) -> Array:
    total = np.zeros((weighted.shape[1],) * 2)
    for mine in np.split(rows, np.flatnonzero(np.diff(problem.dyad[rows])) + 1):
        second = covariance(residual, exchangeable, psi, problem.member[mine], problem.step[mine], 2).second
        bent = np.tensordot(W, np.asarray(second), axes=2)
        total += weighted[mine].T @ bent @ weighted[mine]
    return total


def _by_lag(
    residual: Residual,
    exchangeable: bool,
    psi: Array,
    W: Array,
    problem: Problem,
    rows: Ints,
    weighted: Array,
) -> Array:
    dyad, member = problem.dyad[rows], problem.member[rows]
    codes, first, inverse = np.unique(dyad, return_index=True, return_inverse=True)
    step = np.rint(problem.step[rows].astype(float)).astype(np.int64)
    step = step - step[first][inverse]
    span = int(step.max()) + 1
    p = weighted.shape[1]
    total = np.zeros((p, p))
    if span > _LONGEST:
        # A night of unknown length is a leap of a million steps: only lags that occur are worked out.
        series = np.split(np.arange(len(rows)), first[1:])
        between = [step[mine][None, :] - step[mine][:, None] for mine in series]
        occurring = np.unique(np.concatenate([np.unique(np.abs(distance)) for distance in between]))
        lags = _second_derivatives_of_lags(residual, exchangeable, psi, W, occurring)
        for mine, distance in zip(series, between, strict=True):
            i, j = member[mine][:, None], member[mine][None, :]
            at = np.searchsorted(occurring, np.abs(distance))
            bent = np.where(distance >= 0, lags[at, i, j], lags[at, j, i])
            total += weighted[rows[mine]].T @ bent @ weighted[rows[mine]]
        return total
    lags = _second_derivatives_of_lags(residual, exchangeable, psi, W, np.arange(span))
    bent = np.zeros((span, 2, span, 2))
    for lag in range(span):
        at = np.arange(span - lag)
        bent[at, :, at + lag, :] = lags[lag]
        bent[at + lag, :, at, :] = lags[lag].T
    matrix = bent.reshape(2 * span, 2 * span)
    at_once = max(1, _CHUNK // (2 * span * p))
    bounds = np.append(first, len(rows))
    for start in range(0, len(codes), at_once):
        stop = min(start + at_once, len(codes))
        part = slice(int(bounds[start]), int(bounds[stop]))
        grid = np.zeros((stop - start, 2 * span, p))
        grid[inverse[part] - start, 2 * step[part] + member[part]] = weighted[rows[part]]
        total += np.tensordot(grid, matrix @ grid, axes=((0, 1), (0, 1)))
    return total


def _second_derivatives_of_lags(residual: Residual, exchangeable: bool, psi: Array, W: Array, lags: Ints) -> Array:
    """Weighted second derivatives of the covariance of the members at two steps a lag apart, (lags, 2, 2).

    The lags ascend from 0.
    """
    found = np.zeros((len(lags), 2, 2))
    for start in range(0, len(lags), _LAGS_AT_ONCE):
        part = lags[start : start + _LAGS_AT_ONCE]
        steps = np.repeat(np.concatenate([[0], part[part > 0]]), 2)
        second = covariance(residual, exchangeable, psi, np.tile([0, 1], len(steps) // 2), steps, 2).second
        bent = np.tensordot(W, np.asarray(second), axes=2)[:2].reshape(2, -1, 2).transpose(1, 0, 2)
        found[start : start + len(part)] = bent if start == 0 else bent[1:]
    return found
