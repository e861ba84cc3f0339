"""New outcomes from a fitted model, for the parametric bootstrap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.actor_partner._design import DesignRows
    from reldyn.actor_partner._estimates import Estimates

__all__ = ["simulate_outcome"]


def simulate_outcome(design: DesignRows, estimates: Estimates, generator: np.random.Generator) -> NDArray[np.float64]:
    """Draw outcomes for the rows of a design: fixed effects, new dyad deviations, new residuals.

    Parameters
    ----------
    design : DesignRows
    estimates : Estimates
    generator : numpy.random.Generator

    Returns
    -------
    (n,) array
    """
    mean = design.matrix(design.fixed) @ estimates.beta
    deviations = generator.standard_normal((design.n_dyads, len(design.random))) @ _root(estimates.random).T
    between = np.einsum("nq,nq->n", design.matrix(design.random), deviations[design.dyad])
    return np.asarray(mean + between + _residuals(design, estimates, generator))


def _residuals(design: DesignRows, estimates: Estimates, generator: np.random.Generator) -> NDArray[np.float64]:
    """Both members' residuals at every occasion of a dyad, of which the rows that exist are kept."""
    order = np.lexsort((design.step, design.dyad))
    dyad, step = design.dyad[order], design.step[order]
    new = np.r_[True, (dyad[1:] != dyad[:-1]) | (step[1:] != step[:-1])]
    occasion = np.cumsum(new) - 1
    dyad, step = dyad[new], step[new]
    first = np.searchsorted(dyad, np.arange(design.n_dyads))
    place = np.arange(len(dyad)) - first[dyad]
    stratum = design.stratum[dyad]
    drawn = np.empty((len(dyad), 2))
    for code, told in enumerate(estimates.residual):
        inside = stratum == code
        drawn[inside] = _process(told, step[inside], place[inside], generator)
    out = np.empty(len(order))
    out[order] = drawn[occasion, design.member[order]]
    return out


def _process(
    told: Mapping[str, Any], step: NDArray[np.float64], place: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Occasions of one composition, sorted by dyad and step; ``place`` counts them within the dyad."""
    shocks = generator.standard_normal((len(step), 2))
    if "process_covariance" not in told:
        return shocks @ _root(np.asarray(told["covariance"])).T
    stationary = np.asarray(told["process_covariance"])
    state = np.empty_like(shocks)
    for at in range(int(place.max()) + 1):
        rows = np.flatnonzero(place == at)
        if at == 0:
            state[rows] = shocks[rows] @ _root(stationary).T
            continue
        carry = _carry_over(told, step[rows] - step[rows - 1])
        left = stationary - carry @ stationary @ carry.transpose(0, 2, 1)
        state[rows] = np.einsum("njk,nk->nj", carry, state[rows - 1])
        state[rows] += np.einsum("njk,nk->nj", _root(left), shocks[rows])
    error = np.sqrt(np.asarray(told.get("error_variance", np.zeros(2))))
    return np.asarray(state + generator.standard_normal(state.shape) * error)


def _carry_over(told: Mapping[str, Any], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Transition over so many steps, (n, 2, 2)."""
    if "decay" in told:
        return np.asarray(np.exp(-steps[:, None] * np.asarray(told["decay"]))[:, :, None] * np.eye(2))
    one = np.asarray(told["transition"]) if "transition" in told else np.diag(np.asarray(told["phi"]))
    lengths, which = np.unique(steps.astype(np.int64), return_inverse=True)
    powers = np.array([np.linalg.matrix_power(one, int(length)) for length in lengths])
    return np.asarray(powers[which])


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """A root of positive semidefinite matrices, singular ones included."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :])
