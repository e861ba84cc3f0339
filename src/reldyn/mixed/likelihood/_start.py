"""Starting values: residual moments, then one scoring step (the MINQUE estimate of Rao, 1971) kept inside the cone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Flags
from reldyn.errors import DesignError
from reldyn.mixed.likelihood._evaluation import Evaluation
from reldyn.mixed.likelihood._objective import evaluate
from reldyn.mixed.likelihood._statistics import Statistics
from reldyn.mixed.processes import from_natural, natural_names, start, to_natural
from reldyn.mixed.spec._columns import times
from reldyn.mixed.spec._options import Residual
from reldyn.mixed.spec._problem import Problem
from reldyn.mixed.spec._random import RandomStructure
from reldyn.mixed.spec._sums import RowSums, compiled_moments, plain_fit, sizes_of_z

# Share of the residual variance that each random effect is first given.
_FIRST_SHARE = 0.1
# Least variance of a direction of G at the start, as a share of the first guess: zero would hide the gradient.
_FLOOR = 0.1


@dataclass(frozen=True)
class Start:
    """Where the optimiser begins.

    Attributes
    ----------
    G : (q, q) array
        In internal columns.
    psi : tuple of arrays
        Natural residual parameters of each stratum.
    scale : (q,) array
        Standard deviation of a random effect that moves the outcome by one residual standard deviation.
    evaluation : Evaluation or None
        At the crude first guess.
    """

    G: Array
    psi: tuple[Array, ...]
    scale: Array
    evaluation: Evaluation | None = None


def starting_values(
    problem: Problem, structure: RandomStructure, stats: Statistics, sums: RowSums, *, reml: bool
) -> Start:
    """Starting values from the rows.

    Parameters
    ----------
    problem : Problem
        Sorted rows.
    structure : RandomStructure
    stats : Statistics
    sums : RowSums
        Over these rows.
    reml : bool

    Returns
    -------
    Start

    Raises
    ------
    DesignError
        If the outcome is constant or fully determined by the fixed effects.
    """
    plain = plain_fit(sums)
    squares_left, psi = _residual_start(problem, stats, sums, plain)
    variance = squares_left / max(problem.n - problem.X.shape[1], 1)
    if variance <= 1e-20 * float(np.mean(problem.y**2)):
        raise DesignError("the outcome is constant or fully determined by the fixed effects: nothing is left to model.")
    squares, counts = (item.sum(axis=0) for item in sizes_of_z(problem, structure.internal_design(problem.Z), sums))
    scale = np.sqrt(variance / np.maximum(squares / np.maximum(counts, 1), 1e-300))
    G = np.diag(_FIRST_SHARE * scale**2)
    value = evaluate(stats, structure, G, list(psi), reml=reml, order=2)
    return _scored(Start(G, psi, scale, value), structure, stats)


def _residual_start(
    problem: Problem, stats: Statistics, sums: RowSums, plain: Array
) -> tuple[float, tuple[Array, ...]]:
    """Sum of squares that plain least squares leave, and residual parameters of each stratum."""
    if sums.dyads is not None and not stats.residual.serial:
        left, moments = compiled_moments(problem, sums.dyads, plain)
        pairs = zip(problem.exchangeable, moments, strict=True)
        return left, tuple(start(stats.residual, exchangeable, own) for exchangeable, own in pairs)
    residuals = problem.y - times(problem.X, plain)
    within = _within(problem, residuals)
    psi = tuple(
        _first_process(problem, stats.residual, exchangeable, within, stratum)
        for stratum, exchangeable in enumerate(problem.exchangeable)
    )
    return float(residuals @ residuals), psi


def _scored(first: Start, structure: RandomStructure, stats: Statistics) -> Start:
    """One scoring step in the natural parameters, projected back where it leaves the parameter space.

    Serial residuals are not linear in their parameters: only G moves then.
    """
    value = first.evaluation
    if value is None:
        return first
    g = structure.n_parameters
    moving = g if stats.residual.serial else g + sum(stats.sizes)
    expected = -np.asarray(value.hessian_log_det)[:moving, :moving]
    size = np.sqrt(np.maximum(np.diag(expected), np.finfo(float).tiny))
    scaled_gradient = np.asarray(value.gradient)[:moving] / size
    step = -np.linalg.lstsq(expected / np.outer(size, size), scaled_gradient, rcond=1e-10)[0] / size
    G = structure.matrix(structure.parameters(first.G) + step[:g])
    scaled = G / np.outer(first.scale, first.scale)
    values, vectors = np.linalg.eigh(scaled) if structure.q else (np.zeros(0), np.zeros((0, 0)))
    kept = (vectors * np.maximum(values, _FLOOR * _FIRST_SHARE)) @ vectors.T
    kept = structure.matrix(structure.parameters(kept)) * np.outer(first.scale, first.scale)
    if stats.residual.serial:
        return Start(kept, first.psi, first.scale, value)
    psi, begin = [], g
    for natural, exchangeable in zip(first.psi, stats.exchangeable, strict=True):
        moved = natural + step[begin : begin + len(natural)]
        begin += len(natural)
        with np.errstate(invalid="ignore", divide="ignore"):
            eta = from_natural(stats.residual, exchangeable, moved)
        # A step outside the cone of covariances has no unconstrained form: keep the moments then.
        inside = bool(np.isfinite(eta).all()) and bool(np.abs(eta - _known(stats, exchangeable, natural)).max() < 2.0)
        psi.append(to_natural(stats.residual, exchangeable, eta)[0] if inside else natural)
    return Start(kept, tuple(psi), first.scale, value)


def _known(stats: Statistics, exchangeable: bool, natural: Array) -> Array:
    return from_natural(stats.residual, exchangeable, natural)


@dataclass(frozen=True)
class _Within:
    """Residuals about each person's mean, where most rows belong to persons with several.

    Attributes
    ----------
    centred : (n,) array
    inflate : (n,) array
        Makes up for the mean that was taken out.
    counted : (n,) bool array
        Rows that say something about variation within persons.
    """

    centred: Array
    inflate: Array
    counted: Flags


def _within(problem: Problem, residuals: Array) -> _Within:
    person = problem.dyad * 2 + problem.member
    counts = np.bincount(person, minlength=2 * problem.n_dyads)
    several = (counts > 1)[person]
    if several.mean() < 0.5:
        return _Within(residuals, np.ones(problem.n), np.ones(problem.n, dtype=bool))
    sums = np.bincount(person, weights=residuals, minlength=2 * problem.n_dyads)
    inflate = np.where(counts > 1, counts / np.maximum(counts - 1.0, 1.0), 0.0)
    means = sums / np.maximum(counts, 1)
    return _Within(residuals - means[person], inflate[person], several)


def _first_process(problem: Problem, residual: Residual, exchangeable: bool, within: _Within, stratum: int) -> Array:
    """Natural parameters from the covariance at one occasion and, for a plain serial process, at the next."""
    mine = (
        within.counted if len(problem.exchangeable) == 1 else within.counted & (problem.strata == stratum)[problem.dyad]
    )
    first = start(residual, exchangeable, _moments(problem, within, mine), spacing=_spacing(problem, residual))
    if residual.process not in ("ar1", "var1") or residual.measurement_error:
        return first
    phi = _carry_over(problem, within, mine)
    names = natural_names(residual, exchangeable)
    own = ("phi", "phi_0", "phi_1", "phi_00", "phi_11", "phi_actor")
    old = next(value for name, value in zip(names, first, strict=True) if name in own)
    shrink = (1.0 - phi**2) / (1.0 - old**2)
    moved = [
        phi if name in own else value * (shrink if "innovation" in name else 1.0)
        for name, value in zip(names, first, strict=True)
    ]
    return np.array(moved)


def _carry_over(problem: Problem, within: _Within, mine: Flags) -> float:
    """Correlation of a member's residuals at successive steps, kept well inside the stationary region."""
    best = [0.0, 0.0]
    for member in (0, 1):
        rows = np.flatnonzero(mine & (problem.member == member))
        if len(rows) < 2:
            continue
        follows = (np.diff(problem.dyad[rows]) == 0) & (np.diff(problem.step[rows].astype(float)) == 1.0)
        values = within.centred[rows]
        best[0] += float(np.sum(values[1:][follows] * values[:-1][follows]))
        best[1] += float(np.sum(values[:-1][follows] ** 2))
    return float(np.clip(best[0] / best[1] if best[1] > 0 else 0.0, -0.8, 0.8))


def _moments(problem: Problem, within: _Within, mine: Flags) -> Array:
    """2 x 2 covariance at one occasion."""
    moments = np.zeros((2, 2))
    squares = within.centred**2 * within.inflate
    for member in (0, 1):
        chosen = mine & (problem.member == member)
        moments[member, member] = float(np.mean(squares[chosen])) if chosen.any() else np.nan
    moments[np.isnan(moments)] = np.nanmax(np.diag(moments))
    joined = (problem.dyad[1:] == problem.dyad[:-1]) & (problem.step[1:] == problem.step[:-1]) & mine[1:] & mine[:-1]
    if joined.any():
        moments[0, 1] = moments[1, 0] = float(np.mean((within.centred[1:] * within.centred[:-1])[joined]))
    return moments


def _spacing(problem: Problem, residual: Residual) -> float:
    """Typical time between two occasions of a member; only a process in continuous time asks for it."""
    if residual.process != "car1":
        return 1.0
    order = np.lexsort((problem.step, problem.member, problem.dyad))
    person = (problem.dyad * 2 + problem.member)[order]
    gaps = np.diff(problem.step[order].astype(float))[person[1:] == person[:-1]]
    return float(np.median(gaps)) if gaps.size else 1.0
