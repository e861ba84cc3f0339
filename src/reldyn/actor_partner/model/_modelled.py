"""Fits in which incomplete predictors are modelled jointly with the outcome, by maximum likelihood."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import counted
from reldyn._records import brief
from reldyn.actor_partner.model._absent import with_absent_partners
from reldyn.actor_partner.model._design import Block, DesignRows, build_design, places_of, structure_of
from reldyn.actor_partner.model._estimates import Estimates
from reldyn.actor_partner.model._fitting import fit_design
from reldyn.errors import ConvergenceWarning, DesignError, warn_caller
from reldyn.mixed import JointData, JointFit, JointModel, JointTest, Slope, Wald, fit_joint, near_singular_notes

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.actor_partner.model._setting import ModelSetting
    from reldyn.actor_partner.model._terms import DesignTerm, Stratum
    from reldyn.panel import DyadPanel

__all__ = ["JointNormal", "fit_modelled"]

# Elements of the dyads' covariance matrices together: above this a fit takes minutes and gigabytes.
LARGEST = 20_000_000


@brief
@dataclass(frozen=True)
class JointNormal(Wald):
    """Normal inference from the observed information of the joint likelihood."""

    beta: NDArray[np.float64]
    covariance: NDArray[np.float64]
    kind: str = "z"
    notes: tuple[str, ...] = ()

    def degrees(self, contrast: NDArray[np.float64]) -> float:
        """Infinite: the normal distribution."""
        del contrast
        return float("inf")

    def joint(self, contrasts: Any) -> JointTest:
        """Wald chi-squared over its degrees of freedom."""
        from scipy.stats import chi2

        rows = np.atleast_2d(np.asarray(contrasts, dtype=float))
        k = len(rows)
        if np.linalg.matrix_rank(rows) < k:
            raise DesignError("the rows of a joint test must be linearly independent: leave out the redundant ones.")
        estimate = rows @ self.beta
        statistic = float(estimate @ np.linalg.solve(rows @ self.covariance @ rows.T, estimate))
        return JointTest(statistic / k, float(k), float("inf"), float(chi2.sf(statistic, k)))


def fit_modelled(
    panel: DyadPanel,
    outcome: str,
    lay_out: Callable[[DyadPanel], Block],
    strata: tuple[Stratum, ...],
    setting: ModelSetting,
) -> tuple[DesignRows, Block, Estimates, tuple[str, ...], pd.DataFrame]:
    """Fit the outcome together with its incomplete predictors.

    Returns
    -------
    design : DesignRows
        Rows with an outcome; values of incomplete predictors may be NaN.
    block : Block
    estimates : Estimates
    notes : tuple of str
    frame : pandas.DataFrame

    Raises
    ------
    DesignError
        The model is outside what has a closed likelihood: random slopes of incomplete predictors, interactions,
        moderators, serial residuals, several compositions, or restricted likelihood.
    """
    whole = with_absent_partners(panel)
    names = [name for name, _ in setting.predictors if not np.isfinite(whole.values(name)).all()]
    _check_scope(setting, strata, names)
    block = lay_out(whole)
    design = _rows(whole, outcome, block, strata, names)
    complete = fit_design(
        build_design(whole, outcome, block, strata, setting.residual.process), setting.random, setting.residual, "ml"
    )
    slopes = [place for place, column in enumerate(design.fixed) if _is_slope(column.term, names)]
    others = [place for place in range(len(design.fixed)) if place not in slopes]
    data, scale = _arrays(whole, design, block, names, others)
    _check_size(data)
    model = JointModel(
        slopes=tuple(_slope(design.fixed[place], names) for place in slopes),
        random=structure_of(design, setting.random),
        residual=_residual_shape(setting, strata[0]),
        between=_predictor_shape(len(names), strata[0]),
        within=_predictor_shape(len(names), strata[0]),
        exchangeable=strata[0].exchangeable,
    )
    by_x = np.array([scale.x[one.variable] for one in model.slopes])
    z = np.outer(scale.Z, scale.Z) / scale.y**2
    found = fit_joint(
        data,
        model,
        complete.beta[others] * scale.X0 / scale.y,
        complete.beta[slopes] * by_x / scale.y,
        complete.G * z,
        np.asarray(complete.residual_process(0)["covariance"]) / scale.y**2,
    )
    back = np.empty(len(design.fixed))
    back[others], back[slopes] = scale.y / scale.X0, scale.y / by_x
    order = np.argsort([*others, *slopes])
    estimates = _estimates(found, back, order, scale, z, len(design.fixed))
    near = near_singular_notes([column.name for column in design.random], estimates.random, scale.Z)
    notes = (*_notes(whole, design, names, found), *near)
    return design, block, estimates, notes, whole.frame


@dataclass(frozen=True)
class _Scale:
    """What values were divided by, and the log of the whole change of volume."""

    y: float
    x: NDArray[np.float64]
    X0: NDArray[np.float64]
    Z: NDArray[np.float64]
    log_volume: float


def _check_scope(setting: ModelSetting, strata: tuple[Stratum, ...], names: list[str]) -> None:
    """Refuse what has no closed likelihood, each with its way out."""
    instead = "Use missing='impute' or 'available'."
    if setting.kind != "apim":
        raise DesignError(f"missing='model' models predictors of rd.apim; rd.mixed_model has none. {instead}")
    if not names:
        raise DesignError("missing='model' has nothing to model: no predictor has missing values. Use 'available'.")
    if setting.estimation.method != "ml" or setting.estimation.resolved_inference != "z":
        raise DesignError(
            "missing='model' is estimated by maximum likelihood with z inference: use rd.Estimation(method='ml', "
            "missing='model')."
        )
    if setting.residual.serial:
        raise DesignError(f"missing='model' is not available with {setting.residual.process} residuals. {instead}")
    if len(strata) > 1:
        raise DesignError(
            "missing='model' fits one composition at a time: keep one with panel.select(compositions=...)."
        )
    if setting.interaction or setting.moderators:
        raise DesignError(
            "missing='model' with interaction or moderators: products of incomplete predictors are not normal. "
            f"{instead}"
        )
    for term in setting.random.terms:
        name = term if isinstance(term, str) else term.name
        effect, _, variable = name.partition(":")
        if effect in ("actor", "partner") and (not variable or variable in names):
            raise DesignError(
                f"random={name!r}: a random slope of an incomplete predictor ({', '.join(names)}) has no closed "
                "likelihood. Use missing='impute', or leave the random slope out."
            )


def _check_size(data: JointData) -> None:
    d, T, _, k = data.x.shape
    if d * (2 * T * (1 + k)) ** 2 > LARGEST:
        raise DesignError(
            f"missing='model' works with one dense matrix per dyad, which {counted(d, 'dyad')} with up to {T} "
            "occasions make too large. Use missing='impute'."
        )


def _is_slope(term: DesignTerm, names: Sequence[str]) -> bool:
    return term.effect in ("actor", "partner") and term.variable in names


def _rows(
    whole: DyadPanel, outcome: str, block: Block, strata: tuple[Stratum, ...], names: Sequence[str]
) -> DesignRows:
    """Rows with the outcome and all complete terms."""
    base = block.base.copy()
    for place, term in enumerate(block.terms):
        if _is_slope(term, names):
            base[:, place] = 0.0
    design = build_design(whole, outcome, dataclasses.replace(block, base=base), strata, "unstructured")
    return dataclasses.replace(design, base=block.base[design.rows])


def _slope(column: Any, names: list[str]) -> Slope:
    term = column.term
    return Slope(names.index(term.variable), term.effect == "actor", term.level, column.slot)


def _residual_shape(setting: ModelSetting, stratum: Stratum) -> Any:
    from reldyn.mixed import random_structure

    covariance = "full" if setting.residual.process == "unstructured" else "diagonal"
    tied = stratum.exchangeable or setting.residual.equal_variances
    return random_structure(("0", "1"), covariance, swap=(1, 0) if tied else None)  # type: ignore[arg-type]


def _predictor_shape(k: int, stratum: Stratum) -> Any:
    from reldyn.mixed import random_structure

    labels = tuple(str(place) for place in range(2 * k))
    swap = (*range(k, 2 * k), *range(k)) if stratum.exchangeable else None
    return random_structure(labels, swap=swap)


def _arrays(
    whole: DyadPanel, design: DesignRows, block: Block, names: list[str], others: list[int]
) -> tuple[JointData, _Scale]:
    """Lay rows out by dyad, occasion and member, on scales of about one."""
    index = whole.index
    used = np.unique(index.dyad[design.rows])
    code = np.full(index.n_dyads, -1)
    code[used] = np.arange(len(used))
    rows = np.flatnonzero(code[index.dyad] >= 0)
    dyad = code[index.dyad[rows]]
    keys, where = np.unique(dyad * index.cells + index.occasion[rows], return_inverse=True)
    owner = keys // index.cells
    occasion = (np.arange(len(keys)) - np.searchsorted(owner, np.arange(len(used)))[owner])[where]
    member = places_of(whole, rows, np.zeros(len(rows), dtype=np.int64), design.strata)
    d, T = len(used), int(occasion.max()) + 1
    x = np.full((d, T, 2, len(names)), np.nan)
    for k, name in enumerate(names):
        x[dyad, occasion, member, k] = whole.values(name)[rows] - block.centres[name]
    at = np.full(len(index.dyad), -1)
    at[rows] = occasion
    own = (design.dyad, at[design.rows], design.member)
    y = np.full((d, T, 2), np.nan)
    y[own] = design.y
    X, Z = design.matrix(design.fixed)[:, others], design.matrix(design.random)
    scale_x = np.nanstd(x.reshape(-1, len(names)), axis=0)
    scale_y = float(design.y.std())
    scale_X = np.sqrt(np.mean(X**2, axis=0))
    # One scale per term: members who may swap places must stay alike.
    scale_Z = np.sqrt(np.mean(design.base[:, [column.base for column in design.random]] ** 2, axis=0))
    X0, Z0 = np.zeros((d, T, 2, X.shape[1])), np.zeros((d, T, 2, Z.shape[1]))
    X0[own], Z0[own] = X / scale_X, Z / scale_Z
    present = np.zeros((d, T), dtype=bool)
    present[dyad, occasion] = True
    volume = len(design.y) * np.log(scale_y) + float(np.isfinite(x).sum(axis=(0, 1, 2)) @ np.log(scale_x))
    data = JointData(y / scale_y, x / scale_x, X0, Z0, present)
    return data, _Scale(scale_y, scale_x, scale_X, scale_Z, float(volume))


def _estimates(
    found: JointFit, back: NDArray[np.float64], order: NDArray[np.int64], scale: _Scale, z: NDArray[np.float64], p: int
) -> Estimates:
    beta = np.concatenate([found.beta0, found.slopes])[order] * back
    cov = found.cov[np.ix_(order, order)] * np.outer(back, back)
    told = JointNormal(beta, cov).contrasts()
    residual = found.residual * scale.y**2
    sd = np.sqrt(np.diag(residual))
    return Estimates(
        method="ml",
        inference="z",
        log_likelihood=found.log_likelihood - scale.log_volume,
        n_covariance=found.n_parameters - p,
        beta=beta,
        cov_model=cov,
        cov=cov,
        df=told.df,
        conf_low=told.conf_low,
        conf_high=told.conf_high,
        p_value=told.p_value,
        random=found.random / z,
        natural=(),
        residual=({"covariance": residual, "sd": sd, "correlation": np.asarray(residual[0, 1] / sd.prod())},),
        converged=found.converged,
        at_boundary=False,
        message="converged" if found.converged else "no progress",
        trace={
            "deviance": np.array([-2.0 * (found.log_likelihood - scale.log_volume)]),
            "evaluations": found.evaluations,
            "iterations": found.iterations,
            "return_code": "converged" if found.converged else "no progress",
        },
        data="joint",
    )


def _notes(whole: DyadPanel, design: DesignRows, names: list[str], found: JointFit) -> tuple[str, ...]:
    index = whole.index
    own = np.zeros(index.n_dyads, dtype=bool)
    own[index.dyad[design.rows]] = True
    rows = own[index.dyad]
    gone = [f"{name} {1.0 - np.isfinite(whole.values(name)[rows]).mean():.0%}" for name in names]
    notes = [
        f"Incomplete predictors ({', '.join(gone)} missing) are modelled jointly with the outcome as normal between "
        "and within dyads; log-likelihood, AIC and BIC are of outcome and predictors together, and person means are "
        "those of complete series."
    ]
    if not found.converged:
        notes.append("The joint likelihood did not reach a verified optimum. Try fewer terms, or missing='impute'.")
        warn_caller(notes[-1], ConvergenceWarning)
    return tuple(notes)
