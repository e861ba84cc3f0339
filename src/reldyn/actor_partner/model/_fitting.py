"""Fit a design with the engine and turn what it found into numbers that can be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import counted
from reldyn.actor_partner.model._design import DesignRows, problem_of, structure_of
from reldyn.actor_partner.model._estimates import Estimates
from reldyn.errors import DesignError

if TYPE_CHECKING:
    from reldyn.mixed import Estimation, Fit, Problem, Random, Residual, Wald

__all__ = ["estimates_of", "fit_design"]


def fit_design(
    design: DesignRows, random: Random, residual: Residual, method: str, problem: Problem | None = None
) -> Fit:
    """Fit the rows; ``problem`` is the engine's view of them, where it is at hand.

    Raises
    ------
    DesignError
        A term cannot be estimated; the message names it.
    """
    from reldyn.mixed import fit_mixed

    check_occasions(design, residual)
    problem = problem_of(design) if problem is None else problem
    return fit_mixed(problem, structure_of(design, random), residual, method)  # type: ignore[arg-type]


def check_memory(design: DesignRows, problem: Problem, residual: Residual, estimation: Estimation) -> None:
    """Refuse a fit that needs more memory than it may take, before the work begins.

    Raises
    ------
    DesignError
        With the size, and what would make it smaller.
    """
    from reldyn.mixed import memory_needed

    second_order = estimation.resolved_inference == "kenward-roger"
    needed = memory_needed(problem, residual, second_order=second_order) / 1e9
    if needed <= estimation.max_memory:
        return
    longest = int(np.bincount(design.dyad).max())
    cause = counted(len(design.y), "row")
    if residual.measurement_error or residual.process == "car1":
        own = "measurement error" if residual.measurement_error else "time stamps that members do not share"
        cause = f"with {own} the up to {counted(longest, 'row')} of a dyad are one block, whose square is kept"
    smaller = " inference='z' or 'cr2' needs less;" if second_order else ""
    raise DesignError(
        f"this fit needs about {needed:.1f} GB, and Estimation(max_memory={estimation.max_memory:g}) allows "
        f"{estimation.max_memory:g}: {cause}. Shorten the series or average them to fewer occasions;{smaller} or allow "
        "more with max_memory=."
    )


def check_occasions(design: DesignRows, residual: Residual) -> None:
    """Refuse a dyad's deviation that is the same thing as its residual, and more effects than dyads."""
    count = np.bincount(design.stratum, minlength=len(design.strata))
    for code, stratum in enumerate(design.strata):
        names = [column.name for column in design.random if column.stratum == code]
        if names and count[code] <= len(names):
            where = f" of composition {stratum.label!r}" if len(design.strata) > 1 else ""
            raise DesignError(
                f"{counted(count[code], 'dyad')}{where} cannot carry {len(names)} random effects ({', '.join(names)}): "
                "name fewer random terms, or mark some with rd.shared."
            )
    intercepts = [column for column in design.random if column.term.effect == "intercept"]
    if not intercepts or _repeats(design):
        return
    if residual.process != "independent" or not all(column.term.common for column in intercepts):
        raise DesignError(
            "random intercepts (the default where dyads have several occasions) cannot be estimated: in the usable "
            f"rows each dyad has one occasion, so the dyad's deviation is the same thing as the {residual.process} "
            "residual. Say random=(): the residual covariance already holds it."
        )


def _repeats(design: DesignRows) -> bool:
    """Whether any dyad has rows at two occasions."""
    one = np.zeros(design.n_dyads)
    one[design.dyad] = design.step
    return bool(np.any(one[design.dyad] != design.step))


def estimates_of(fit: Fit, estimation: Estimation, log_volume: float = 0.0) -> tuple[Estimates, Wald]:
    """Numbers of a fit, and the inference asked for that they rest on.

    ``log_volume`` is what prior weights add to the log-likelihood.
    """
    from reldyn.mixed import infer, parameter_covariance

    kind = estimation.resolved_inference
    wald = infer(fit, kind, n_boot=estimation.n_boot, seed=estimation.seed, n_jobs=estimation.n_jobs)
    found = wald.contrasts()
    estimates = Estimates(
        method=fit.method,
        inference=kind,
        log_likelihood=float(fit.log_likelihood) + log_volume,
        n_covariance=fit.n_covariance_parameters,
        beta=wald.beta,
        cov_model=fit.cov_beta,
        cov=wald.covariance,
        df=found.df,
        conf_low=found.conf_low,
        conf_high=found.conf_high,
        p_value=found.p_value,
        random=fit.G,
        natural=tuple(fit.psi),
        residual=tuple(_plain(fit.residual_process(code)) for code in range(len(fit.psi))),
        converged=bool(fit.converged),
        at_boundary=bool(fit.at_boundary),
        message=fit.trace.return_code,
        cov_parameters=parameter_covariance(fit)[0] if len(fit.theta) else np.zeros((0, 0)),
        trace={
            "deviance": fit.trace.deviances,
            "evaluations": int(fit.trace.evaluations),
            "iterations": int(fit.trace.iterations),
            "return_code": fit.trace.return_code,
        },
    )
    return estimates, wald


def _plain(info: dict[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(value, dtype=float) for name, value in info.items()}
