"""Whether a model can be estimated from the rows at hand; a refusal names the term and the reason."""

from __future__ import annotations

import numpy as np

from reldyn._format import counted
from reldyn.errors import DesignError
from reldyn.mixed.likelihood._evaluation import Evaluation
from reldyn.mixed.likelihood._statistics import Statistics
from reldyn.mixed.processes import natural_names
from reldyn.mixed.spec._options import Residual
from reldyn.mixed.spec._problem import Problem, check_fixed_rank
from reldyn.mixed.spec._random import RandomStructure
from reldyn.mixed.spec._sums import RowSums

# Eigenvalue of the scaled information of the covariance parameters below which a combination counts as unidentified.
_NO_INFORMATION = 1e-9


def check_design(problem: Problem, structure: RandomStructure, residual: Residual, sums: RowSums) -> None:
    """Refuse designs that cannot identify the model, before anything is estimated.

    Parameters
    ----------
    problem : Problem
        Sorted rows.
    structure : RandomStructure
    residual : Residual
    sums : RowSums
        Over these rows.

    Raises
    ------
    DesignError
    """
    n, p = problem.X.shape
    if structure.q != problem.Z.shape[1]:
        raise DesignError(
            f"the random structure has {structure.q} terms but Z has {counted(problem.Z.shape[1], 'column')}."
        )
    if n <= p:
        raise DesignError(f"{counted(n, 'row')} cannot estimate {p} fixed effects: leave terms out or add rows.")
    check_fixed_rank(sums.information, problem.x_labels)
    if structure.q > problem.n_dyads:
        raise DesignError(
            f"{counted(problem.n_dyads, 'dyad')} are fewer than the {structure.q} random effects "
            f"({', '.join(structure.labels)}): their covariance matrix cannot be estimated. Name fewer random terms."
        )
    empty = np.flatnonzero(sums.z_sizes[1].sum(axis=0) == 0)
    if empty.size:
        raise DesignError(f"the random effect {structure.labels[empty[0]]} is zero on every row: it cannot vary.")
    if residual.process in ("ar1", "var1"):
        _check_consecutive(problem, residual)
    elif residual.process == "car1":
        _check_repeated(problem, residual)


def check_identified(value: Evaluation | None, structure: RandomStructure, stats: Statistics) -> None:
    """Refuse covariance parameters about which the rows say nothing.

    Parameters
    ----------
    value : Evaluation or None
        At the first guess, where the residual covariance is linear in its parameters.
    structure : RandomStructure
    stats : Statistics

    Raises
    ------
    DesignError
        Naming the parameters that cannot be told apart.
    """
    if value is None or stats.residual.serial:
        return
    expected = -np.asarray(value.hessian_log_det)
    names = list(structure.names)
    for item in stats.exchangeable:
        names.extend(f"residual {name}" for name in natural_names(stats.residual, item))
    diagonal = np.diag(expected)
    if np.any(diagonal <= 0):
        raise DesignError(f"the rows say nothing about {names[int(np.argmin(diagonal))]}: leave that term out.")
    scaled = expected / np.sqrt(np.outer(diagonal, diagonal))
    values, vectors = np.linalg.eigh(scaled)
    if values[0] > _NO_INFORMATION:
        return
    weights = np.abs(vectors[:, 0])
    mixed = [names[k] for k in np.argsort(-weights) if weights[k] > 0.1][:4]
    raise DesignError(
        f"the rows cannot tell {' and '.join(mixed)} apart"
        + _occasion_reason(stats)
        + ". Leave one of these terms out."
    )


def _occasion_reason(stats: Statistics) -> str:
    if stats.n > 2 * stats.n_dyads:
        return ""
    return ": each dyad has one occasion, so a deviation of the dyad is the same thing as a residual"


def _check_consecutive(problem: Problem, residual: Residual) -> None:
    needed = 4 if residual.measurement_error else 3
    longest = np.zeros(problem.n_dyads, dtype=np.int64)
    occasion = np.r_[True, (np.diff(problem.dyad) != 0) | (np.diff(problem.step.astype(float)) != 0)]
    dyad, step = problem.dyad[occasion], problem.step[occasion].astype(float)
    follows = np.r_[False, (np.diff(dyad) == 0) & (np.diff(step) == 1)]
    breaks = np.flatnonzero(~follows)
    runs = np.diff(np.append(breaks, len(dyad)))
    np.maximum.at(longest, dyad[breaks], runs)
    share = float(np.mean(longest >= needed))
    if share <= 0.5:
        raise DesignError(
            f"Residual({residual.process!r}{', measurement_error=True' if residual.measurement_error else ''}) needs "
            f"{needed} consecutive occasions in most dyads; {share:.0%} of {counted(problem.n_dyads, 'dyad')} have "
            "them. Use 'unstructured', or 'car1' where occasions carry times."
        )


def _check_repeated(problem: Problem, residual: Residual) -> None:
    needed = 4 if residual.measurement_error else 3
    counts = np.bincount(problem.dyad * 2 + problem.member, minlength=2 * problem.n_dyads)
    share = float(np.mean(counts.reshape(-1, 2).max(axis=1) >= needed))
    if share <= 0.5:
        raise DesignError(
            f"Residual('car1') needs {needed} occasions of a member in most dyads; {share:.0%} of {problem.n_dyads} "
            "dyads have them. Use 'unstructured'."
        )
