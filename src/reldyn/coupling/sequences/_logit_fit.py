"""Logits of a state on both partners' last states, from counts of transitions: arrays in, numbers out.

Estimating equations with independence between occasions (Liang and Zeger, 1986), errors clustered by dyad with the
correction of Mancl and DeRouen (2001), Biometrics 57; single tables by maximum likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Array

__all__ = ["LogitFit", "pooled_logit", "separated", "table_logit", "transition_counts"]

# The four rows of a table: own and partner's state before.
_BEFORE = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


@dataclass(frozen=True, slots=True)
class LogitFit:
    """Coefficients of intercept, actor, partner and, if asked for, interaction.

    Attributes
    ----------
    beta, std_error : (p,) arrays
        Log odds; NaN where they cannot be estimated.
    note : str
        Why not; empty where all is well.
    """

    beta: Array
    std_error: Array
    note: str


def transition_counts(own: Array, partner: Array, after: Array) -> Array:
    """Count what followed each pair of states.

    Parameters
    ----------
    own, partner, after : (n,) arrays
        0 or 1.

    Returns
    -------
    (4, 2) array
        Rows: neither before, the partner alone, oneself alone, both. Columns: not in the state after, in it.
    """
    place = (4 * own + 2 * partner + after).astype(np.int64)
    return np.bincount(place, minlength=8).reshape(4, 2).astype(float)


def pooled_logit(counts: Array, interaction: bool) -> LogitFit:
    """One logit for all dyads, its errors clustered by dyad.

    Parameters
    ----------
    counts : (n_dyads, 4, 2) array
        Dyads without a pair are left out.
    interaction : bool

    Returns
    -------
    LogitFit
        A single dyad, or no more dyads than coefficients, has no clustered errors.
    """
    design = _design(interaction)
    used = counts[counts.sum(axis=(1, 2)) > 0]
    reason = _unidentified(used.sum(axis=0), design)
    if not reason and separated(used.sum(axis=0), design):
        reason = "states before separate the state after: no finite estimate"
    if reason:
        return _nothing(design, reason)
    beta = _solved(used, design)
    n, p = len(used), design.shape[1]
    if n <= p:
        return LogitFit(beta, np.full(p, np.nan), f"too few dyads ({n}) for errors clustered by dyad")
    return LogitFit(beta, np.sqrt(np.diag(_clustered(used, design, beta))), "")


def table_logit(count: Array, interaction: bool) -> LogitFit:
    """The logit of one table; an empty cell adds .5 to every cell of the rows in use.

    Parameters
    ----------
    count : (4, 2) array
    interaction : bool
    """
    import statsmodels.api as sm

    design = _design(interaction)
    reason = _unidentified(count, design)
    if reason:
        return _nothing(design, reason)
    seen = count.sum(axis=1) > 0
    empty = bool((count[seen] == 0).any())
    row, after = np.nonzero(np.broadcast_to(seen[:, None], count.shape))
    # One row per cell, since a saturated table of proportions leaves statsmodels no residual to divide by.
    model = sm.GLM(
        after.astype(float), design[row], family=sm.families.Binomial(), freq_weights=count[row, after] + 0.5 * empty
    )
    found = model.fit(tol=1e-12)
    note = "empty cells: .5 added to each" if empty else ""
    return LogitFit(np.asarray(found.params, dtype=float), np.asarray(found.bse, dtype=float), note)


def separated(count: Array, design: Array) -> bool:
    """Whether some combination of predictors splits the outcomes, so that an estimate runs off to infinity.

    Parameters
    ----------
    count : (4, 2) array
    design : (4, p) array

    Returns
    -------
    bool
        By linear programming (Konis, 2007): is there a direction along which no observed outcome becomes less likely
        and one becomes more so.
    """
    from scipy.optimize import linprog

    towards = np.concatenate([-design[count[:, 0] > 0], design[count[:, 1] > 0]])
    found = linprog(-towards.sum(axis=0), A_ub=-towards, b_ub=np.zeros(len(towards)), bounds=(-1, 1))
    return bool((towards @ found.x).sum() > 1e-7)


def _design(interaction: bool) -> Array:
    own, partner = _BEFORE.T
    columns = [np.ones(4), own, partner]
    return np.column_stack([*columns, own * partner] if interaction else columns)


def _nothing(design: Array, reason: str) -> LogitFit:
    missing = np.full(design.shape[1], np.nan)
    return LogitFit(missing, missing, reason)


def _unidentified(count: Array, design: Array) -> str:
    seen = count.sum(axis=1) > 0
    if not seen.any():
        return "no pair of occasions a lag apart at which both answered"
    if (count.sum(axis=0) == 0).any():
        return "the state after never varies"
    own, partner = _BEFORE[seen].T
    if np.ptp(own) == 0:
        return "the own state before never varies"
    if np.ptp(partner) == 0:
        return "the partner's state before never varies"
    if np.linalg.matrix_rank(design[seen]) < design.shape[1]:
        return "too few combinations of both states before"
    return ""


def _solved(counts: Array, design: Array) -> Array:
    """Estimating equations on the cells of all dyads, each weighted by its count."""
    import statsmodels.api as sm

    dyad, row, after = np.nonzero(counts)
    model = sm.GEE(
        after.astype(float),
        design[row],
        groups=dyad,
        family=sm.families.Binomial(),
        cov_struct=sm.cov_struct.Independence(),
        weights=counts[dyad, row, after],
    )
    return np.asarray(model.fit(maxiter=200, ctol=1e-10).params, dtype=float)


def _clustered(counts: Array, design: Array, beta: Array) -> Array:
    """Sandwich of Mancl and DeRouen (2001).

    With independence inside a dyad its correction of residuals by (I - H) equals one of the dyad's score by
    (I - information of the dyad / information of all), which needs counts alone; statsmodels has it without weights
    only.
    """
    mean = 1 / (1 + np.exp(-design @ beta))
    n = counts.sum(axis=2)
    score = (counts[:, :, 1] - n * mean) @ design
    information = np.einsum("dr,rp,rq->dpq", n * mean * (1 - mean), design, design)
    bread = np.linalg.inv(information.sum(axis=0))
    freed = np.linalg.solve(np.eye(len(beta)) - information @ bread, score[:, :, None])[:, :, 0]
    return np.asarray(bread @ (freed.T @ freed) @ bread)
