"""`apim`: the actor-partner interdependence model of a panel (Kenny, Kashy and Cook, 2006)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from reldyn._format import counted
from reldyn._types import Column, Terms
from reldyn.actor_partner._categories import categories_of, refuse_incomplete, refuse_text_outcome
from reldyn.actor_partner._causes import one_sided_notes, two_valued_note
from reldyn.actor_partner._constraints import read_constraints
from reldyn.actor_partner._metrics import metric_note, refuse_one_zero, unequal_metrics
from reldyn.actor_partner._moderators import absence_notes, one_sided_moderators, outside_notes, varying_moderators
from reldyn.actor_partner._past import OutcomePast, has_levels, outcome_past, refuse_incomplete_past, without_tests
from reldyn.actor_partner._row_terms import check_row_terms, offset_of, weights_of
from reldyn.actor_partner.model._block import apim_block
from reldyn.actor_partner.model._design import Block, build_design, identifiers, problem_of
from reldyn.actor_partner.model._fitting import check_memory, estimates_of, fit_design
from reldyn.actor_partner.model._marginal import FAMILIES, refuse_mixed_options
from reldyn.actor_partner.model._result import ApimResult, MixedResult
from reldyn.actor_partner.model._setting import ModelSetting, as_random, as_residual, check_call, with_default_inference
from reldyn.actor_partner.model._terms import Stratum, named_terms, strata_of
from reldyn.actor_partner.model._values import centerings, has_occasions
from reldyn.errors import DataWarning, DesignError, check_option, warn_caller
from reldyn.mixed import Estimation, Residual
from reldyn.panel import analysis
from reldyn.stats import known_seed

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

__all__ = ["apim", "run_model"]

Kind = TypeVar("Kind", bound=MixedResult)

# Below this many dyads the field's textbooks advise against group-level conclusions.
_ENOUGH_DYADS = 20


class _Default(str):
    """A default that can be told from the same word written by the caller."""

    __slots__ = ()


UNSTRUCTURED = _Default("unstructured")


@analysis
def apim(
    panel: DyadPanel,
    *,
    outcome: Column,
    predictors: Terms,
    covariates: Terms = (),
    moderators: Mapping[Column, Any] | None = None,
    interaction: Literal["product", "absolute-difference"] | None = None,
    roles: Literal["distinguishable", "exchangeable", "by-composition"] | None = None,
    centering: str | Mapping[str, str] | None = None,
    random: Any = None,
    residual: str | Residual = UNSTRUCTURED,
    family: Literal["gaussian", "binomial", "poisson", "negative-binomial", "ordinal"] = "gaussian",
    reference: Mapping[Column, Any] | None = None,
    offset: Column | None = None,
    weights: Column | None = None,
    constraints: str | Sequence[str] = (),
    estimation: Estimation = Estimation(),  # noqa: B008 - a frozen value
) -> ApimResult:
    """Fit an actor-partner interdependence model.

    How a person's outcome goes with the person's own predictor (actor effect) and with the partner's (partner
    effect), in a cross-section or over time.

    Parameters
    ----------
    panel : DyadPanel
    outcome : str
        Numeric column.
    predictors : sequence of str or shared
        Numeric columns whose actor and partner effects enter, per role, or one for both roles with
        ``rd.shared("NAME")``. Empty is allowed (growth models). A lag of the outcome (``panel.lag``) makes
        stability (actor) and influence (partner) effects.
    covariates : sequence of str or shared, default ()
        Columns that enter as they stand; categorical ones (text, pandas categories, and those named in ``reference``)
        as indicators of each category against the reference. ``joint_test`` tests them together, and whether roles
        differ in them; ``marginal_means`` gives the mean of each category.
    moderators : mapping of str to {"actor", "partner", "dyad"}, optional
        Columns and whose they are (a tuple for both partners'); each enters as it stands, with its main effect and
        its product with every actor, partner and interaction effect. A column that does not change within persons is
        a trait: the person's value holds on all rows, also where it was not asked. One that changes is taken from the
        same occasion, the own or the partner's; a row whose value is missing there is left out, and counted in the
        notes. One of the dyad must be the same for both partners. May be categorical, like covariates.
    interaction : {"product", "absolute-difference"}, optional
        Actor by partner interaction of each predictor, of the centred values. Refused where the roles answered on
        different response scales.
    roles : {"distinguishable", "exchangeable", "by-composition"}, optional
        None: distinguishable where the panel has exactly two roles, by composition where several compositions are
        mixed, else exchangeable.
    centering : {"within-between", "three-level", "grand", "none"} or mapping of predictor to these, optional
        None: ``"within-between"`` with several occasions, because an effect within persons and one between persons
        answer different questions; ``"grand"`` with one. ``"three-level"`` splits what differs between persons into the
        couple's mean (``effect`` ``dyad``, ``level`` ``couple``: actor plus partner effect) and the person's deviation
        from it (``actor``, ``person``: actor minus partner effect). Means are over all observed values. For a lag of
        the outcome both between parts are left out: they would be the outcome's own means, with slope 1 and no variance
        left between persons. The remaining stability is biased by about -(1 + phi) / T (Nickell, 1981), T being the
        usable occasions per person; a warning says the size, and below ten the lag has no statistic and no p-value.
    random : sequence of str or shared, or Random, optional
        What varies between dyads: ``"intercept"``, ``"actor"``, ``"partner"`` (all predictors; their within parts),
        ``"actor:NAME"``, ``"partner:NAME"``, a covariate. None: nothing with one occasion; with several the intercept,
        and cluster-robust (CR2) inference unless ``estimation`` says otherwise, because slopes that vary between dyads
        and are left out make model-based standard errors of within-person effects too small, while these hold (in
        simulations of 30 to 100 dyads the former cover .82 to .95, the latter .95). ``random="intercept"`` is the same
        model with Kenward-Roger inference.
    residual : str or Residual, default "unstructured"
        A free 2 x 2 covariance at each occasion: what is left of the two members may go together.
    family : {"gaussian", "binomial", "poisson", "negative-binomial", "ordinal"}, default "gaussian"
        Other families than Gaussian are marginal models (generalised estimating equations, dyads as clusters,
        bias-reduced standard errors); they have neither ``random`` nor ``residual``.
    reference : mapping of str to category, optional
        The category of a categorical covariate or moderator that the others are set against; None: the first one. A
        numeric column that is named here is categorical.
    offset : str, optional
        Numeric column that is added to the linear predictor with a coefficient of 1. For counts per hour: the logarithm
        of the hours.
    weights : str, optional
        Numeric column of prior weights, above zero: a row of weight w counts like the mean of w rows, its residual
        variance is that of weight 1 divided by w. They are no sampling weights. Ordinal outcomes take none.
    constraints : {"actor=partner", "equal-predictors"} or sequence of these, default ()
        Coefficients that are one: of actor and partner (the couple pattern, k = 1), or of all predictors (which must
        then share a unit). Compare with the free model by `compare`.
    estimation : Estimation
        REML by default, with CR2 inference where ``random`` is left to its default, else Kenward-Roger.
        ``missing="available"``: a row is used when it has the outcome and all predictors, so that a
        partner missing at an occasion costs the row whose partner effect it would inform. ``missing="impute"``: 20
        imputations of the predictors, both members' variables of an occasion as one vector (Schafer and Yucel, 2002),
        pooled by Rubin's rules; every row with an outcome is used. ``missing="model"``: incomplete predictors are
        normal between and within dyads, jointly with the outcome, by maximum likelihood (fixed slopes only).

    Returns
    -------
    ApimResult

    Raises
    ------
    DesignError
        A term cannot be estimated from these rows; the message names it and the reason.
    DataError
        A column is absent or doubled, a predictor holds text; a moderator of the dyad differs between partners.

    References
    ----------
    Kenny, Kashy and Cook (2006), Dyadic Data Analysis. Bolger and Laurenceau (2013), Intensive Longitudinal Methods,
    chapter 8. Nickell (1981), Biases in dynamic models with fixed effects.

    Examples
    --------
    >>> import pandas as pd, reldyn as rd
    >>> frame = pd.DataFrame(
    ...     {
    ...         "couple": [1, 1, 2, 2, 3, 3, 4, 4, 5, 5],
    ...         "sex": ["f", "m"] * 5,
    ...         "stress": [2, 4, 3, 1, 5, 2, 4, 4, 1, 3],
    ...         "mood": [5, 3, 4, 6, 2, 4, 3, 2, 6, 5],
    ...     }
    ... )
    >>> panel = rd.DyadPanel(frame, dyad="couple", person="sex")
    >>> fit = rd.apim(panel, outcome="mood", predictors=["stress"], estimation=rd.Estimation(inference="z"))
    >>> fit.tidy()[["term", "estimate"]].round(3).values.tolist()
    [['intercept', 4.0], ['actor stress', -1.084], ['partner stress', -0.322]]
    """
    check_option(family, FAMILIES, "family")
    check_call(outcome, estimation)
    refuse_text_outcome(panel, outcome)
    if moderators is not None and not isinstance(moderators, Mapping):
        raise DesignError(
            f"moderators={moderators!r} is not a mapping from column to 'actor', 'partner' or 'dyad', such as "
            "{'age': 'actor'}."
        )
    named = named_terms(predictors, "predictors")
    adjusting = named_terms(covariates, "covariates")
    option = centerings(panel, [name for name, _ in named], centering)
    chosen, strata = strata_of(panel, roles)
    asked_random = random
    by_default = random is None and has_occasions(panel) and family == "gaussian"
    random = as_random(random, has_occasions(panel) and family == "gaussian")
    if chosen == "distinguishable" and panel.columns["role"] in [name for name, _ in adjusting]:
        raise DesignError(
            f"{panel.columns['role']!r} tells the members apart: each role has its own intercept and effects already. "
            "Leave it out of covariates; contrast() of the result compares roles."
        )
    equal = read_constraints(constraints, len(named))
    terms = [name for name, _ in (*named, *adjusting)]
    check_row_terms(offset, weights, [outcome, *terms, *(moderators or {})], estimation)
    categories = categories_of(panel, outcome, [*(name for name, _ in adjusting), *(moderators or {})], reference)
    refuse_incomplete(categories, estimation)
    if "three-level" in option.values() and estimation.missing == "model":
        raise DesignError("missing='model' knows two levels of a predictor: use centering='within-between' with it.")
    varying = varying_moderators(panel, moderators, categories)
    columns, marginal = [*terms, *(moderators or {})], family != "gaussian"
    past = outcome_past(panel, outcome, columns, option, levels=has_levels(random), marginal=marginal)
    refuse_incomplete_past(past.lags, estimation)
    past = past.with_remarks(absence_notes(panel, outcome, moderators, varying, categories))
    past = past.with_remarks(outside_notes(panel, moderators, categories))
    if family == "gaussian":
        past = past.with_remarks(two_valued_note(panel, outcome))
    if estimation.missing == "available":
        past = past.with_spoken(one_sided_notes(panel, outcome, [name for name, _ in adjusting]))
        past = past.with_spoken(one_sided_moderators(panel, outcome, moderators, varying, categories))
    unequal = unequal_metrics(panel, [outcome, *(name for name, _ in named)], strata)
    refuse_one_zero(interaction, option, unequal)
    past = past.with_spoken(metric_note(unequal))

    def lay_out(rows: DyadPanel) -> Block:
        block = apim_block(
            rows,
            outcome=outcome,
            predictors=named,
            covariates=adjusting,
            moderators=moderators,
            interaction=interaction,
            centering=option,
            random=random.terms,
            lags=past.lags,
            varying=varying,
            categories=categories,
            constraints=equal,
        )
        return dataclasses.replace(block, offset=offset_of(rows, offset), weights=weights_of(rows, weights))

    setting = ModelSetting(
        kind="apim",
        roles=chosen,
        role_labels=panel.roles,
        predictors=named,
        covariates=adjusting,
        centering=option,
        centres={},
        interaction=interaction,
        moderators=dict(moderators or {}),
        random=random,
        residual=as_residual(str(residual) if isinstance(residual, str) else residual),
        estimation=with_default_inference(estimation, by_default),
        n_rows_panel=len(panel),
        varying=varying,
        lags=past.lags,
        default_random=by_default,
        unequal_metrics=unequal,
        categories=categories,
        offset=offset,
        weights=weights,
        constraints=equal,
    )
    if family != "gaussian":
        refuse_mixed_options(family, asked_random, residual is not UNSTRUCTURED, setting)
        return _run_marginal(panel, outcome, lay_out(panel), strata, setting, family, past)
    return run_model(ApimResult, panel, outcome, lay_out, strata, setting, past)


def _run_marginal(
    panel: DyadPanel,
    outcome: str,
    block: Block,
    strata: tuple[Stratum, ...],
    setting: ModelSetting,
    family: str,
    past: OutcomePast,
) -> ApimResult:
    """The same without a likelihood, for outcomes that are not normal."""
    from reldyn.actor_partner.model._marginal import fit_marginal

    for note in past.spoken:
        warn_caller(note, DataWarning)
    design = build_design(panel, outcome, block, strata, setting.residual.process)
    setting = dataclasses.replace(setting, centres=block.centres)
    result = fit_marginal(panel, design, family, setting, past.notes)
    estimates = without_tests(result.estimates, result.design.fixed, past.untested)
    return result.with_parts(estimates=estimates)


def run_model(
    kind: type[Kind],
    panel: DyadPanel,
    outcome: str,
    lay_out: Callable[[DyadPanel], Block],
    strata: tuple[Stratum, ...],
    setting: ModelSetting,
    past: OutcomePast,
) -> Kind:
    """Choose rows, fit, and put the result together."""
    setting = dataclasses.replace(setting, estimation=_with_known_seed(setting.estimation))
    for note in past.spoken:
        warn_caller(note, DataWarning)
    if setting.estimation.missing != "available":
        return _run_incomplete(kind, panel, outcome, lay_out, strata, setting, past)
    block = lay_out(panel)
    design = build_design(panel, outcome, block, strata, setting.residual.process)
    problem = problem_of(design)
    check_memory(design, problem, setting.residual, setting.estimation)
    fit = fit_design(design, setting.random, setting.residual, setting.estimation.method, problem)
    estimates, wald = estimates_of(fit, setting.estimation, design.log_volume)
    result = kind.of(
        setting=dataclasses.replace(setting, centres=block.centres),
        design=design,
        estimates=without_tests(estimates, design.fixed, past.untested),
        identifiers=identifiers(panel._frame, panel, design),
        notes=(*past.notes, *_few_dyads(design.n_dyads), *_nights(panel, setting), *fit.warnings, *wald.notes),
    )
    # What is at hand need not be made again when a verb asks for it.
    result.__dict__.update(_engine=fit, _inference=wald)
    return result


def _nights(panel: DyadPanel, setting: ModelSetting) -> tuple[str, ...]:
    """Say how a night of unknown length counts, where residuals of different occasions are related."""
    return panel.clock.notes if setting.residual.serial else ()


def _few_dyads(n_dyads: int) -> tuple[str, ...]:
    """Say what a small number of dyads means."""
    if n_dyads >= _ENOUGH_DYADS:
        return ()
    return (
        f"only {counted(n_dyads, 'dyad')}: intervals are wide, and what lies between dyads rests on "
        f"{counted(n_dyads, 'value')}; collect at least {_ENOUGH_DYADS} dyads before reading a difference between "
        "dyads as more than a hint",
    )


def _run_incomplete(
    kind: type[Kind],
    panel: DyadPanel,
    outcome: str,
    lay_out: Callable[[DyadPanel], Block],
    strata: tuple[Stratum, ...],
    setting: ModelSetting,
    past: OutcomePast,
) -> Kind:
    """The same where missing predictors are imputed or modelled."""
    if setting.estimation.missing == "impute":
        from reldyn.actor_partner.model._imputed import fit_imputed as fit_incomplete
    else:
        from reldyn.actor_partner.model._modelled import fit_modelled as fit_incomplete

    design, block, estimates, more, frame = fit_incomplete(panel, outcome, lay_out, strata, setting)
    return kind.of(
        setting=dataclasses.replace(setting, centres=block.centres),
        design=design,
        estimates=without_tests(estimates, design.fixed, past.untested),
        identifiers=identifiers(frame, panel, design),
        notes=(*past.notes, *_nights(panel, setting), *more),
    )


def _with_known_seed(estimation: Estimation) -> Estimation:
    """A seed that the result can keep: drawn where chance is needed and none was given."""
    random = estimation.inference in ("parametric-bootstrap", "dyad-bootstrap") or estimation.missing == "impute"
    if isinstance(estimation.seed, int) or (estimation.seed is None and not random):
        return estimation
    return dataclasses.replace(estimation, seed=known_seed(estimation.seed))
