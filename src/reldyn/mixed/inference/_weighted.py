"""Rows weighted by the inverse covariance of their dyad, and what each dyad contributes to the fixed effects."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from reldyn._kernels import chosen_kernels
from reldyn._records import brief
from reldyn._types import Array
from reldyn.mixed._threads import single_threaded
from reldyn.mixed.likelihood._backend import kernels
from reldyn.mixed.likelihood._layouts import OCCASIONS
from reldyn.mixed.likelihood._objective import pull_back
from reldyn.mixed.processes import kernels as layout_kernels
from reldyn.mixed.processes import segments_of
from reldyn.mixed.spec._columns import Design, RoleColumns, dense
from reldyn.mixed.spec._problem import Problem
from reldyn.mixed.spec._sums import DyadProducts, goes_by_member, in_stratum, row_sums

if TYPE_CHECKING:
    from reldyn.mixed._fit import Fit

_LAYOUTS_AT_ONCE = 64


@brief
@dataclass(frozen=True)
class Contributions:
    """What each dyad adds to the estimating equations of the fixed effects; d dyads.

    Attributes
    ----------
    information : (d, p, p) array
        X_i' V_i^{-1} X_i.
    score : (d, p) array
        X_i' V_i^{-1} (y_i - X_i beta); sums to zero.
    """

    information: Array
    score: Array


def _of_products(fit: Fit, problem: Problem, dyads: DyadProducts) -> Contributions:
    """The same from cross-products of dyads, with no row looked at again."""
    X = cast("RoleColumns", problem.X)
    p, k = len(fit.beta), X.base.shape[1]
    w, source = k + 1, np.append(X.source, k)
    own = np.zeros((problem.n_dyads, p + 1, p + 1))
    for stratum, exchangeable in enumerate(problem.exchangeable):
        mine = in_stratum(problem, stratum)
        parts = layout_kernels(fit.residual, exchangeable, fit.psi[stratum], list(OCCASIONS), 0)
        used = [np.append(X.used[2 * stratum + member], 1.0) for member in (0, 1)]
        both = parts[2].precision
        for a in (0, 1):
            for b in (0, 1):
                block = both[a, b] * dyads.pairs[mine, a * w : (a + 1) * w, b * w : (b + 1) * w]
                if a == b:
                    block = block + parts[a].precision[0, 0] * dyads.singles[mine, a]
                own[mine] += np.outer(used[a], used[b]) * block[:, source[:, None], source]
    # From W'R^{-1}W to W'V^{-1}W, and from y to y - X beta.
    Cz, M = fit.evaluation.dyad.Cz[:, :, np.append(np.arange(p), -1)], fit.evaluation.dyad.M
    own -= Cz.transpose(0, 2, 1) @ (M @ Cz)
    return Contributions(own[:, :p, :p], own[:, :p, p] - own[:, :p, :p] @ fit.evaluation.beta)


@single_threaded
def contributions(fit: Fit) -> Contributions:
    """Split X'V^{-1}X and X'V^{-1}(y - X beta) by dyad.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    Contributions

    Examples
    --------
    At the optimum the scores of the dyads add up to nothing.

    >>> import numpy as np
    >>> from reldyn.mixed import Problem, Residual, fit_mixed, random_structure
    >>> ones, dyad = np.ones((8, 1)), [0] * 4 + [1] * 4
    >>> problem = Problem([5, 4, 6, 5, 2, 1, 3, 2], ones, ones, dyad, member=[0, 1] * 4, step=[0, 0, 1, 1] * 2)
    >>> fit = fit_mixed(problem, random_structure(("intercept",)), Residual("independent"))
    >>> parts = contributions(fit)
    >>> parts.score.shape, bool(np.allclose(parts.score.sum(axis=0), 0.0))
    ((2, 1), True)
    """
    problem = fit.rows
    if not fit.residual.serial and fit.structure.internal_design(problem.Z) is problem.Z:
        sums = row_sums(problem)
        if sums.dyads is not None:
            return _of_products(fit, problem, sums.dyads)
    problem, weighted = weighted_rows(fit)
    p, X = len(fit.beta), dense(problem.X)
    first = np.searchsorted(problem.dyad, np.arange(problem.n_dyads + 1))
    products = np.empty((problem.n_dyads, p, p + 1))
    for d, (start, stop) in enumerate(itertools.pairwise(first)):
        np.matmul(X[start:stop].T, weighted[start:stop], out=products[d])
    information, score = products[:, :, :p], products[:, :, p]
    return Contributions(0.5 * (information + information.transpose(0, 2, 1)), score)


def weighted_rows(fit: Fit) -> tuple[Problem, Array]:
    """``V^{-1} [X, y - X beta]`` row by row.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    problem : Problem
        With rows sorted by dyad, step and member.
    weighted : (n, p + 1) array
        For these rows.
    """
    problem = fit.rows
    beta = fit.evaluation.beta
    back = pull_back(fit.evaluation.dyad, beta)
    inner = _inner_rows(problem, fit.structure.internal_design(problem.Z), beta, back.Pz)
    result = np.zeros_like(inner)
    groups = segments_of(problem, fit.residual)
    for stratum, exchangeable in enumerate(problem.exchangeable):
        for start in range(0, len(groups), _LAYOUTS_AT_ONCE):
            part = groups[start : start + _LAYOUTS_AT_ONCE]
            found = layout_kernels(fit.residual, exchangeable, fit.psi[stratum], [group.layout for group in part], 0)
            for group, kernel in zip(part, found, strict=True):
                rows = group.rows[problem.strata[group.dyad] == stratum]
                kernels().spread(np.ascontiguousarray(kernel.precision), rows, inner, result)
    return problem, result


def _inner_rows(problem: Problem, Z: Design, beta: Array, effects: Array) -> Array:
    """``[X, y - X beta] + Z P`` row by row, P one matrix per dyad."""
    first = np.searchsorted(problem.dyad, np.arange(problem.n_dyads + 1))
    X, p = problem.X, len(beta)
    if chosen_kernels() == "numba" and Z is problem.Z and goes_by_member(problem):
        from reldyn.mixed.inference._passes_numba import inner_rows

        X, Z = cast("RoleColumns", X), cast("RoleColumns", Z)
        coefficients = np.zeros((len(X.used), X.base.shape[1], p + 1))
        reads = (X.source[:, None] == np.arange(X.base.shape[1])).astype(float)
        coefficients[:, X.source, np.arange(p)] = X.used
        coefficients[:, :, p] = -(X.used * beta) @ reads
        inner = np.empty((problem.n, p + 1))
        parts = (problem.member, first, problem.strata, coefficients, Z.source, Z.used, effects)
        inner_rows(X.base, problem.y, *parts, inner)
        return inner
    filled, effect_rows = dense(X), dense(Z)
    inner = np.column_stack([filled, problem.y - filled @ beta])
    for d, (start, stop) in enumerate(itertools.pairwise(first)):
        inner[start:stop] += effect_rows[start:stop] @ effects[d]
    return inner
