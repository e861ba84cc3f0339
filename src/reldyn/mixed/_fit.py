"""Fitting the dyadic linear mixed model: checks, start, optimum, and what is known there."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from reldyn._records import brief
from reldyn._types import Array
from reldyn.errors import ConvergenceWarning, DesignError, check_option
from reldyn.mixed._near_singular import near_singular_notes, typical_size
from reldyn.mixed._threads import single_threaded
from reldyn.mixed.likelihood._evaluation import Evaluation
from reldyn.mixed.likelihood._identification import check_design, check_identified
from reldyn.mixed.likelihood._objective import evaluate
from reldyn.mixed.likelihood._optimise import Optimum, Trace, optimise
from reldyn.mixed.likelihood._start import Start, starting_values
from reldyn.mixed.likelihood._statistics import Statistics, summarise
from reldyn.mixed.processes import describe, natural_names
from reldyn.mixed.spec._options import Method, Residual
from reldyn.mixed.spec._problem import Problem, sort_rows
from reldyn.mixed.spec._random import RandomStructure
from reldyn.mixed.spec._sums import far_part, row_sums, taken_off

# Variance of a direction of G, relative to the largest on comparable scales, below which it counts as shut.
_SHUT = 1e-9
# Correlations and carry-overs beyond this count as 1.
_EDGE = 1.0 - 1e-5


@brief
@dataclass(frozen=True)
class Fit:
    """A fitted mixed model; d dyads, p fixed effects, q random effects, r residual parameters.

    Attributes
    ----------
    problem : Problem
        As given.
    structure : RandomStructure
    residual : Residual
    method : {"reml", "ml"}
    beta : (p,) array
        Fixed effects.
    cov_beta : (p, p) array
        Their model-based covariance, (X'V^{-1}X)^{-1}.
    G : (q, q) array
        Covariance of the reported random effects.
    psi : tuple of (r_s,) arrays
        Natural residual parameters of each stratum, in the order of `residual_names`.
    log_likelihood : float
        Restricted under REML, in the convention of nlme: ``log|X'V^{-1}X|`` and ``(n - p) log(2 pi)``.
    gradient : (k,) array
        Derivative of the log-likelihood in the free parameters of G (internal columns), then `psi`.
    trace : Trace
        The optimiser's path.
    converged : bool
        Whether the optimum is verified: no step and no shut direction promises a higher likelihood.
    boundary : tuple of (q,) arrays
        Directions of the reported random effects that have no variance; empty if G is regular.
    partly_shut : bool
        Whether some of them lie within a block of G that varies in other directions.
    warnings : tuple of str
        What a careful reader must know.
    statistics : Statistics
        Of `rows`.
    evaluation : Evaluation
        Everything known at the optimum, for `rows`.
    scale : (q,) array
        Typical size of each internal random effect, used to compare directions of G.
    far : (p,) array
        Part of beta that was taken off the outcome before the likelihood read it; zero unless it is far from zero.
    """

    problem: Problem
    structure: RandomStructure
    residual: Residual
    method: Method
    beta: Array
    cov_beta: Array
    G: Array
    psi: tuple[Array, ...]
    log_likelihood: float
    gradient: Array
    trace: Trace
    converged: bool
    boundary: tuple[Array, ...]
    partly_shut: bool
    warnings: tuple[str, ...]
    statistics: Statistics
    evaluation: Evaluation
    scale: Array
    far: Array

    @cached_property
    def rows(self) -> Problem:
        """The rows as the likelihood read them: sorted by dyad, step and member, without the `far` part."""
        return taken_off(sort_rows(self.problem)[0], self.far)

    @property
    def at_boundary(self) -> bool:
        """Whether G is singular."""
        return bool(self.boundary)

    @property
    def n_parameters(self) -> int:
        """Fixed effects, free elements of G, and residual parameters."""
        return len(self.beta) + self.structure.n_parameters + sum(len(part) for part in self.psi)

    @property
    def n_covariance_parameters(self) -> int:
        """Free elements of G and residual parameters."""
        return self.n_parameters - len(self.beta)

    @cached_property
    def theta(self) -> Array:
        """Free parameters of G (internal columns), then natural residual parameters of every stratum."""
        return np.concatenate([self.structure.parameters(self.internal_covariance), *self.psi])

    @cached_property
    def theta_names(self) -> tuple[str, ...]:
        """Names of `theta`."""
        names = list(self.structure.names)
        for stratum, part in enumerate(self.residual_names):
            suffix = f" [{stratum}]" if len(self.psi) > 1 else ""
            names.extend(f"{name}{suffix}" for name in part)
        return tuple(names)

    @cached_property
    def internal_covariance(self) -> Array:
        """Covariance of the internal random effects."""
        return self.structure.to_internal(self.G)

    @property
    def residual_names(self) -> tuple[tuple[str, ...], ...]:
        """Names of the natural residual parameters of each stratum."""
        return tuple(natural_names(self.residual, item) for item in self.problem.exchangeable)

    def residual_process(self, stratum: int = 0) -> dict[str, Array]:
        """What the residual parameters of a stratum say: covariance at one occasion, carry-over, measurement error."""
        return describe(self.residual, self.problem.exchangeable[stratum], self.psi[stratum])

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return -2.0 * self.log_likelihood + 2.0 * self.n_parameters

    def bic(self, *, by: str = "rows") -> float:
        """Schwarz's criterion, counting rows (as nlme; n - p of them under REML) or dyads."""
        check_option(by, ("rows", "dyads"), "by")
        rows = self.problem.n - (len(self.beta) if self.method == "reml" else 0)
        count = rows if by == "rows" else self.problem.n_dyads
        return -2.0 * self.log_likelihood + float(np.log(count)) * self.n_parameters


@single_threaded
def fit_mixed(
    problem: Problem,
    structure: RandomStructure,
    residual: Residual | None = None,
    method: Method = "reml",
    *,
    start: Start | None = None,
    warn: bool = True,
) -> Fit:
    """Fit y = X beta + Z b + e by (restricted) maximum likelihood.

    Parameters
    ----------
    problem : Problem
        Rows in any order.
    structure : RandomStructure
        Of the columns of ``problem.Z``.
    residual : Residual, optional
        None: ``Residual()``, unstructured within an occasion.
    method : {"reml", "ml"}, default "reml"
        See `Estimation`.
    start : Start, optional
        Starting values; None takes them from moments of the data.
    warn : bool, default True
        Whether to raise a `ConvergenceWarning` when the optimum is not verified. Simulations that count failures
        turn it off; the result says so in any case.

    Returns
    -------
    Fit

    Raises
    ------
    DesignError
        If a term cannot be estimated from these rows; the message names it.

    Notes
    -----
    Newton steps with exact second derivatives within a trust region, on pivoted roots of G; see `Trace` and
    ``Fit.boundary`` for what happened.

    Examples
    --------
    Two balanced groups: the variance between them is (MSB - MSW) / 4.

    >>> import numpy as np
    >>> from reldyn.mixed import Problem, Residual, random_structure
    >>> ones, dyad = np.ones((8, 1)), [0] * 4 + [1] * 4
    >>> problem = Problem([5, 4, 6, 5, 2, 1, 3, 2], ones, ones, dyad, member=[0, 1] * 4, step=[0, 0, 1, 1] * 2)
    >>> fit = fit_mixed(problem, random_structure(("intercept",)), Residual("independent"))
    >>> fit.beta.round(3), fit.G.round(3)
    (array([3.5]), array([[4.333]]))
    """
    check_option(method, ("reml", "ml"), "method")
    residual = Residual() if residual is None else residual
    reml = method == "reml"
    ordered = sort_rows(problem)[0]
    sums = row_sums(ordered)
    check_design(ordered, structure, residual, sums)
    far = far_part(ordered, sums)
    if far.any():
        ordered = taken_off(ordered, far)
        sums = row_sums(ordered)
    stats = summarise(ordered, structure.internal_design(ordered.Z), residual, sums)
    begin = starting_values(ordered, structure, stats, sums, reml=reml) if start is None else start
    if start is None:
        check_identified(begin.evaluation, structure, stats)
    optimum = optimise(stats, structure, begin.G, begin.psi, begin.scale, reml=reml)
    if optimum is None:
        raise DesignError(
            "the likelihood cannot be evaluated at the starting values: the residual covariance is not positive "
            "definite there. Check for an outcome that is constant or fully determined by the predictors."
        )
    size = typical_size(*sums.z_sizes)
    return _describe(problem, structure, residual, method, stats, optimum, begin.scale, size, far, warn=warn)


@single_threaded
def log_likelihood(
    problem: Problem,
    structure: RandomStructure,
    residual: Residual,
    G: ArrayLike,
    psi: tuple[ArrayLike, ...] | ArrayLike,
    method: Method = "reml",
) -> float:
    """Log-likelihood at fixed covariance parameters, beta profiled out.

    Parameters
    ----------
    problem : Problem
    structure : RandomStructure
    residual : Residual
    G : (q, q) array
        Covariance of the reported random effects; must fit `structure`.
    psi : (r,) array, or one per stratum
        Natural residual parameters.
    method : {"reml", "ml"}, default "reml"

    Returns
    -------
    float
        ``-inf`` where the parameters give no positive definite covariance.

    Examples
    --------
    Two independent standard normal rows around a common mean that is profiled out.

    >>> import numpy as np
    >>> from reldyn.mixed import Problem, Residual, random_structure
    >>> problem = Problem([1.0, -1.0], np.ones((2, 1)), np.ones((2, 0)), [0, 0], member=[0, 1], step=[0, 0])
    >>> value = log_likelihood(problem, random_structure(()), Residual("independent"), np.ones((0, 0)), [1, 1], "ml")
    >>> bool(np.isclose(value, -np.log(2 * np.pi) - 1.0))
    True
    """
    check_option(method, ("reml", "ml"), "method")
    ordered, _ = sort_rows(problem)
    ordered = taken_off(ordered, far_part(ordered, row_sums(ordered)))
    stats = summarise(ordered, structure.internal_design(ordered.Z), residual)
    parts = list(psi) if isinstance(psi, tuple) else [psi]
    natural = [np.asarray(part, dtype=float) for part in parts]
    internal = structure.to_internal(np.asarray(G, dtype=float))
    value = evaluate(stats, structure, internal, natural, reml=method == "reml", order=0)
    return -np.inf if value is None else -0.5 * value.deviance


def _describe(
    problem: Problem,
    structure: RandomStructure,
    residual: Residual,
    method: Method,
    stats: Statistics,
    optimum: Optimum,
    scale: Array,
    size: Array,
    far: Array,
    *,
    warn: bool,
) -> Fit:
    value = optimum.point.value
    boundary = singular_directions(structure, optimum.point.G, scale)
    partly = singular_directions(structure, optimum.point.G, scale, of_residual=False)
    notes = []
    if boundary:
        notes.append(_boundary_note(structure, boundary, within_blocks=len(partly) == len(boundary)))
    varying = structure.to_reported(_varying(optimum.point.G, scale))
    notes.extend(near_singular_notes(structure.labels, varying, size))
    notes.extend(_residual_notes(problem, residual, optimum.point.psi))
    if not optimum.verified:
        notes.append(_failure_note(optimum))
        if warn:
            warnings.warn(notes[-1], ConvergenceWarning, stacklevel=3)
    return Fit(
        problem=problem,
        structure=structure,
        residual=residual,
        method=method,
        beta=value.beta + far,
        cov_beta=value.cov_beta,
        G=structure.to_reported(optimum.point.G),
        psi=optimum.point.psi,
        log_likelihood=-0.5 * value.deviance,
        gradient=-0.5 * np.asarray(value.gradient),
        trace=optimum.trace,
        converged=optimum.verified,
        boundary=boundary,
        partly_shut=bool(partly),
        warnings=tuple(notes),
        statistics=stats,
        evaluation=value,
        scale=scale,
        far=far,
    )


def singular_directions(
    structure: RandomStructure, G: Array, scale: Array, *, of_residual: bool = True
) -> tuple[Array, ...]:
    """Directions of the reported random effects without variance, as unit vectors.

    Parameters
    ----------
    structure : RandomStructure
    G : (q, q) array
        In internal columns.
    scale : (q,) array
    of_residual : bool, default True
        Whether a variance also counts as none beside what the fixed effects leave, not only beside the largest of its
        block: a block may have no variance at all, and then has no direction of less than the others.

    Returns
    -------
    tuple of (q,) arrays
    """
    found = []
    least = 1.0 if of_residual else 1e-300
    for block in structure.blocks:
        first = np.array(block.copies[0])
        if not of_residual and without_variance(G[np.ix_(first, first)], scale[first]):
            continue
        for copy in block.copies:
            columns = np.array(copy)
            scales = scale[columns]
            values, vectors = np.linalg.eigh(G[np.ix_(columns, columns)] / np.outer(scales, scales))
            for k in np.flatnonzero(values <= _SHUT * max(float(values.max()), least) + 1e-300):
                direction = np.zeros(structure.q)
                direction[columns] = vectors[:, k] / scales
                reported = np.linalg.solve(structure.transform.T, direction)
                found.append(reported / np.linalg.norm(reported))
    return tuple(found)


def without_variance(G: Array, scale: Array) -> bool:
    """Whether the covariance of a block is nothing beside what the fixed effects leave."""
    return bool(np.diag(G / np.outer(scale, scale)).max(initial=0.0) <= _SHUT)


def _varying(G: Array, scale: Array) -> Array:
    """G (internal columns) without the effects that do not vary at all."""
    share = np.diag(G) / scale**2
    held = share > _SHUT * max(1.0, float(share.max(initial=0.0)))
    return np.where(np.outer(held, held), G, 0.0)


def _boundary_note(structure: RandomStructure, boundary: tuple[Array, ...], *, within_blocks: bool) -> str:
    parts = []
    for direction in boundary:
        largest = np.argsort(-np.abs(direction))[:3]
        parts.append(", ".join(structure.labels[j] for j in largest if abs(direction[j]) > 0.1))
    word = "direction" if len(boundary) == 1 else "directions"
    return (
        f"The random effects' covariance matrix is singular: {len(boundary)} {word} without variance "
        f"({'; '.join(parts)}). "
        + (
            "Estimates and intervals treat it as known to be zero there."
            if within_blocks
            else "Estimates lie at the bound of what a variance can be."
        )
    )


def _residual_notes(problem: Problem, residual: Residual, psi: tuple[Array, ...]) -> list[str]:
    """Say where the residual process has run to the edge of its parameter space."""
    notes = []
    for stratum, (exchangeable, natural) in enumerate(zip(problem.exchangeable, psi, strict=True)):
        reported = describe(residual, exchangeable, natural)
        where = f" in stratum {stratum}" if len(psi) > 1 else ""
        total = np.diag(reported["covariance"])
        if abs(float(reported["correlation"])) > _EDGE:
            notes.append(
                f"The two members' residuals are perfectly correlated{where}: the residual covariance is singular."
            )
        if "error_variance" in reported and bool((reported["error_variance"] < (1.0 - _EDGE) * total).any()):
            notes.append(
                f"A measurement-error variance is estimated as zero{where}; the model without it fits as well."
            )
        if "process_covariance" in reported and bool(
            (np.diag(reported["process_covariance"]) < (1.0 - _EDGE) * total).any()
        ):
            notes.append(f"The serial part of the residuals has no variance{where}: only measurement error is left.")
        if residual.serial and _largest_carry_over(reported) > _EDGE:
            notes.append(f"The residual process is at the edge of stationarity{where}; a trend may be missing.")
    return notes


def _largest_carry_over(reported: dict[str, Array]) -> float:
    """Largest absolute eigenvalue of the transition."""
    transition = reported["transition"] if "transition" in reported else np.diag(reported["phi"])
    return float(np.abs(np.linalg.eigvals(transition)).max())


def _failure_note(optimum: Optimum) -> str:
    return (
        f"The optimum is not verified after {optimum.trace.iterations} steps ({optimum.trace.return_code}): "
        f"a further step promises {optimum.decrease:.2g} of deviance. Try fewer random effects, "
        "covariance='block', a simpler residual process, or outcomes and predictors on comparable scales."
    )
