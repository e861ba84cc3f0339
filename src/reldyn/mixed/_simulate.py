"""New outcomes from a fitted model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reldyn._types import Array, Ints
from reldyn.mixed._fit import Fit
from reldyn.mixed.likelihood._objective import root_of
from reldyn.mixed.processes import covariance
from reldyn.mixed.spec._columns import dense, times
from reldyn.mixed.spec._problem import Problem


def simulator(fit: Fit) -> Callable[[np.random.Generator], Array]:
    """Prepare to draw outcomes from a fitted model, with new random effects and residuals.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    callable
        Takes a generator and returns an outcome for every row of the problem, (n,).

    Examples
    --------
    >>> import numpy as np
    >>> from reldyn.mixed import Problem, Residual, fit_mixed, random_structure
    >>> ones, dyad = np.ones((8, 1)), [0] * 4 + [1] * 4
    >>> problem = Problem([5, 4, 6, 5, 2, 1, 3, 2], ones, ones, dyad, member=[0, 1] * 4, step=[0, 0, 1, 1] * 2)
    >>> fit = fit_mixed(problem, random_structure(("intercept",)), Residual("independent"))
    >>> simulator(fit)(np.random.default_rng(1)).shape
    (8,)
    """
    problem = fit.problem
    marginal = times(problem.X, fit.beta)
    Z = dense(problem.Z)
    root = root_of(fit.G)
    blocks = _residual_blocks(problem, fit)

    def draw(generator: np.random.Generator) -> Array:
        effects = generator.standard_normal((problem.n_dyads, root.shape[0])) @ root.T
        y = marginal + np.einsum("nq,nq->n", Z, effects[problem.dyad])
        for rows, factor in blocks:
            y[rows] += generator.standard_normal(rows.shape) @ factor.T
        return np.asarray(y)

    return draw


def _residual_blocks(problem: Problem, fit: Fit) -> list[tuple[Ints, Array]]:
    """Rows that share residuals, (blocks, m), grouped by pattern, and the root of each pattern's covariance."""
    order = np.lexsort((problem.member, problem.step, problem.dyad))
    changes = np.diff(problem.dyad[order]) != 0
    if not fit.residual.serial:
        changes |= np.diff(problem.step[order].astype(float)) != 0
    groups: dict[Any, list[Ints]] = {}
    for rows in np.split(order, np.flatnonzero(changes) + 1):
        steps = problem.step[rows] - problem.step[rows[0]]
        key = (int(problem.strata[problem.dyad[rows[0]]]), tuple(problem.member[rows]), tuple(steps.tolist()))
        groups.setdefault(key, []).append(rows)
    blocks: list[tuple[Ints, Array]] = []
    for (stratum, members, steps), found in groups.items():
        R = covariance(fit.residual, problem.exchangeable[stratum], fit.psi[stratum], members, steps, 0).value
        blocks.append((np.stack(found), np.asarray(np.linalg.cholesky(R))))
    return blocks
