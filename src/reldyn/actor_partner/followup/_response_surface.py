"""`response_surface`: how a person's outcome depends on both partners' predictor, linearly and by their agreement.

Schonbrodt, Humberg and Nestler (2018) for the dyadic response surface; Humberg, Nestler and Back (2019) for what must
hold before it may be called a congruence effect.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from reldyn._format import counted
from reldyn._types import Column
from reldyn.actor_partner._categories import categories_of, indicators, refuse_incomplete
from reldyn.actor_partner._causes import one_sided_notes
from reldyn.actor_partner._metrics import unequal_metrics, withheld_for
from reldyn.actor_partner._moderators import (
    absence_notes,
    moderator_values,
    one_sided_moderators,
    owners_of,
    varying_moderators,
)
from reldyn.actor_partner.followup._slopes import chosen_points
from reldyn.actor_partner.followup._surface_tables import (
    COLUMNS,
    SurfaceModerator,
    moderation_tests,
    surface_tables,
)
from reldyn.actor_partner.model._mixed_model import mixed_model
from reldyn.actor_partner.model._result import MixedResult
from reldyn.actor_partner.model._setting import check_call
from reldyn.actor_partner.model._terms import named_terms, strata_of
from reldyn.actor_partner.moments._dyads import FamilyResult, warn_all
from reldyn.errors import DesignError
from reldyn.mixed import Estimation, Residual
from reldyn.panel import analysis
from reldyn.results import InState, InTables, equals_p

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.panel import DyadPanel

__all__ = ["SurfaceResult", "response_surface"]


class SurfaceResult(FamilyResult):
    """A dyadic response surface.

    Attributes
    ----------
    table : pandas.DataFrame
        Coefficients, surface parameters and principal axis, by role.
    verdicts : pandas.DataFrame
        Whether the surface supports a congruence effect, by role, and why not.
    fit : MixedResult
        The model underneath.
    n_dyads : int
    outcome, predictor : str
    midpoint : float
        What was taken off both partners' predictor.
    covariates : tuple of str
    moderation : pandas.DataFrame
        One row per role and moderator: the joint test that the surface does not change with it.
    centres : mapping of str to float
        Mean of each moderator, at which the first surface holds.
    limits : tuple of float
        Smallest and largest centred value.
    notes : tuple of str
    """

    verdicts = InTables()
    fit = InState[MixedResult]()
    outcome = InState[str]()
    predictor = InState[str]()
    midpoint = InState[float]()
    limits = InState[tuple[float, float]]()
    covariates = InState[tuple[str, ...]]()
    moderation = InTables()
    centres = InState[Mapping[str, float]]()

    figure: ClassVar[str | None] = "response_surface"

    def _about(self) -> dict[str, Any]:
        glance = self.fit.glance().iloc[0]
        wanted = ("n_persons", "n_obs", "log_likelihood", "n_parameters", "aic", "bic", "converged")
        return {name: glance[name] for name in wanted}

    def _headline(self) -> str:
        return f"Dyadic response surface of {self.outcome} on both partners' {self.predictor}"

    def _methods(self) -> str:
        verdicts = "; ".join(
            f"{_about(row)}: {'supported' if row['congruence'] else 'not supported'} ({row['reason']})"
            for row in self.verdicts.to_dict("records")
        )
        constant = f" with {', '.join(self.covariates)} held constant" if self.covariates else ""
        changing = ""
        if len(self.moderation):
            tests = "; ".join(
                f"{row['term']}: F({row['df']:.0f}, {row['df_error']:.1f}) = {row['statistic']:.2f}, "
                f"p {equals_p(row['p_value'])}"
                for row in self.moderation.to_dict("records")
            )
            changing = f"Joint tests that all five coefficients stay the same over a moderator: {tests}. "
        return (
            f"Second-order polynomial of the own and the partner's {self.predictor}, both centred at "
            f"{self.midpoint:.3g}{constant}, {counted(self.n_dyads, 'dyad')} ({self.fit.estimates.method.upper()}, "
            f"{self.fit.estimates.inference}). {changing}A congruence effect needs a4 below zero, a3 and a5 not "
            "different from zero, and a first principal axis that is the line of congruence. "
            f"Congruence effect: {verdicts}. (Schonbrodt, Humberg and Nestler, 2018; Humberg, Nestler and Back, 2019)"
        )


def _about(row: Mapping[Any, Any]) -> str:
    """Which surface a verdict is on."""
    where = f" at {row['moderator']} = {row['at']:.4g}" if row.get("moderator") else ""
    return f"{row['role'] or 'all members'}{where}"


@analysis
def response_surface(
    panel: DyadPanel,
    *,
    outcome: Column,
    predictor: Column,
    covariates: Any = (),
    moderators: Mapping[str, Any] | None = None,
    midpoint: float | None = None,
    roles: Literal["distinguishable", "exchangeable"] | None = None,
    random: Any = None,
    residual: str | Residual = "unstructured",
    reference: Mapping[Column, Any] | None = None,
    estimation: Estimation = Estimation(),  # noqa: B008 - a frozen value
) -> SurfaceResult:
    """Fit the polynomial of both partners' predictor and read its surface.

    Parameters
    ----------
    panel : DyadPanel
        Any number of occasions; partners are paired within the occasion.
    outcome, predictor : str
    covariates : sequence of str or shared
        Columns held constant; they enter as they stand, one coefficient per role (``rd.shared("NAME")``: one for
        both). Categorical ones enter as indicators, as in `reldyn.mixed_model`.
    moderators : mapping of str to {"actor", "partner", "dyad"}, optional
        Traits with which the surface may change, and whose they are (a tuple for several owners), as in `reldyn.apim`.
        Each enters with its products with all five terms, centred at its mean over dyads. Columns of text and
        categories enter as an indicator for each category but the reference.
    midpoint : float, optional
        Common zero of both partners' predictor, such as the middle of the scale. None: the mean over all members. One
        zero for both, because agreement is meaningless on two different scales.
    roles : {"distinguishable", "exchangeable"}, optional
        None: as the panel has them. Distinguishable members have a surface each.
    random : sequence of str or shared, or Random, optional
        ``"intercept"`` and the columns ``own``, ``partner``, ``own_squared``, ``product``, ``partner_squared``. None:
        the intercept with several occasions, else nothing.
    residual : str or Residual, default "unstructured"
        As in `reldyn.apim`.
    reference : mapping of str to category, optional
        As in `reldyn.apim`; of covariates and moderators.
    estimation : Estimation
        Rows that lack the outcome, a predictor of either partner, a covariate or a moderator are left out.

    Returns
    -------
    SurfaceResult
        ``tidy()``: ``term``, ``parameter`` (``b1`` to ``b5``, ``a1`` to ``a5``, ``p10``, ``p11``), ``role`` and the
        numbers. ``verdicts``: ``role``, ``congruence``, ``reason``. With moderators also ``effect`` (``surface`` or
        ``change`` per unit of the moderator), ``moderator`` and ``at``: the first surface holds at the moderators'
        means, the next ones at the mean and one standard deviation below and above (at both values of a two-valued
        one); ``moderation`` has the joint tests.

    Raises
    ------
    DesignError
        The predictor does not vary enough for squares, compositions are mixed, a variable is named twice, or the roles
        answered on different response scales.

    References
    ----------
    Schonbrodt, Humberg and Nestler (2018), Testing similarity effects with dyadic response surface analysis.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=80, actor=0.3, partner=0.2, seed=1).panel
    >>> surface = rd.actor_partner.response_surface(panel, outcome="y", predictor="x")
    >>> surface.verdicts["congruence"].tolist()
    [False, False]
    """
    check_call(outcome, estimation)
    held = named_terms(covariates, "covariates")
    moderators = moderators or {}
    _refuse_twice(panel, outcome, predictor, [name for name, _ in held], list(moderators))
    categories = categories_of(panel, outcome, [*(name for name, _ in held), *moderators], reference)
    refuse_incomplete({name: categories[name] for name in moderators if name in categories}, estimation)
    varying = varying_moderators(panel, moderators, categories)
    if unequal_metrics(panel, [predictor], strata_of(panel, roles)[1]):
        raise DesignError(
            f"response_surface: {withheld_for([predictor], [predictor])}, and agreement is meaningless on two scales. "
            "Bring both to one scale first, for example percent of the maximum possible, or declare "
            "DyadPanel(scales={...}) if both did answer on one."
        )
    if estimation.missing == "available":
        # Refused under the name of the option that was given.
        one_sided_notes(panel, outcome, [name for name, _ in held])
        one_sided_moderators(panel, outcome, moderators, varying, categories)
    paired = panel.actor_partner([predictor])
    own, other = paired.values(f"{predictor}_actor"), paired.values(f"{predictor}_partner")
    zero = float(np.nanmean(own)) if midpoint is None else float(midpoint)
    own, other = own - zero, other - zero
    values = dict(zip(COLUMNS, (own, other, own**2, own * other, other**2), strict=True))
    probed, columns = _moderating(panel, moderators, varying, categories, values)
    derived = _derived(panel, [outcome, *(name for name, _ in held)], values | columns, categories)
    fit = mixed_model(
        derived,
        outcome=outcome,
        fixed=[*COLUMNS, *columns, *_entries(covariates)],
        random=random,
        roles=roles,
        residual=residual,
        reference={name: first for name, first in (reference or {}).items() if name not in moderators} or None,
        estimation=estimation,
    )
    if len(fit.design.strata) > 1:
        raise DesignError(
            "response_surface reads one kind of dyad: keep one composition with panel.select(compositions=...)."
        )
    notes = absence_notes(panel, outcome, moderators, varying, categories)
    warn_all(notes)
    table, verdicts = surface_tables(fit, probed)
    observed = own[np.isfinite(own)]
    return SurfaceResult.of(
        table=table,
        verdicts=verdicts,
        fit=fit,
        n_dyads=fit.design.n_dyads,
        outcome=outcome,
        predictor=predictor,
        midpoint=zero,
        limits=(float(observed.min()), float(observed.max())),
        covariates=tuple(name for name, _ in held),
        moderation=moderation_tests(fit, probed),
        centres={term.label: term.centre for term in probed},
        notes=(*notes, *fit.warnings),
    )


def _entries(covariates: Any) -> list[Any]:
    """Covariates as they were given, in a list."""
    return [covariates] if isinstance(covariates, str) or not isinstance(covariates, Sequence) else list(covariates)


def _refuse_twice(panel: DyadPanel, outcome: str, predictor: str, covariates: list[str], moderators: list[str]) -> None:
    names = [outcome, predictor, *covariates, *moderators]
    taken = [name for name in COLUMNS if name in names or name in panel.columns.values()]
    if taken:
        raise DesignError(f"response_surface makes a column called {taken[0]!r}: rename yours.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DesignError(
            f"response_surface: {twice[0]!r} is named twice. Each variable has one part in the model: outcome, "
            "predictor, covariate or moderator (a moderator's own effect is in the model already)."
        )


def _moderating(
    panel: DyadPanel,
    moderators: Mapping[str, Any],
    varying: Collection[str],
    categories: Mapping[str, tuple[str, ...]],
    values: Mapping[str, NDArray[np.float64]],
) -> tuple[list[SurfaceModerator], dict[str, NDArray[np.float64]]]:
    """Moderators with the points at which surfaces are read, and their columns: main effects, then products.

    A moderator of categories is one indicator for each but the reference.
    """
    probed, columns = [], {}
    for name, whose in moderators.items():
        for owner in owners_of(name, whose):
            trait = moderator_values(panel, name, owner, varying=name in varying, categories=categories)
            observed = trait[np.isfinite(trait)]
            if not len(observed) or np.ptp(observed) == 0:
                raise DesignError(f"the moderator {name!r} does not vary, so nothing can change with it.")
            for term, column in _moderator_terms(panel, f"{owner} {name}", trait, categories.get(name)):
                probed.append(term)
                columns[term.label] = column - term.centre
                columns |= {term.product(what): part * (column - term.centre) for what, part in values.items()}
    return probed, columns


def _moderator_terms(
    panel: DyadPanel, label: str, trait: NDArray[np.float64], labels: tuple[str, ...] | None
) -> Iterator[tuple[SurfaceModerator, NDArray[np.float64]]]:
    """The terms of one moderator: itself, or the indicators of its categories, each 0 or 1."""
    if labels is None:
        points = tuple(chosen_points(trait[np.isfinite(trait)]).tolist())
        yield SurfaceModerator(label, _mean_over_dyads(panel, trait), points), trait
        return
    for place, (category, column) in enumerate(indicators(trait, labels)):
        # The reference, at which all indicators are 0, is read once.
        points = (0.0, 1.0) if place == 0 else (1.0,)
        yield SurfaceModerator(f"{label}: {category}", _mean_over_dyads(panel, column), points, group=label), column


def _mean_over_dyads(panel: DyadPanel, trait: NDArray[np.float64]) -> float:
    """Mean of dyad means, so that a dyad with many occasions counts once."""
    observed = np.isfinite(trait)
    dyad = panel.index.dyad[observed]
    counts = np.bincount(dyad)
    return float(np.mean(np.bincount(dyad, weights=trait[observed])[counts > 0] / counts[counts > 0]))


def _derived(
    panel: DyadPanel, columns: list[str], values: Mapping[str, NDArray[np.float64]], categories: Collection[str]
) -> DyadPanel:
    """The panel with the terms of the polynomial as columns; what it knows of dates, roles and scales stays."""
    for name in columns:
        if name not in categories:
            panel.values(name)
    # The predictor's scale has been looked at; squares and products of it are on none.
    spans = {name: _span(column) for name, column in values.items()}
    return panel._with_columns(values)._with(scales=dict(panel.scales) | spans)


def _span(values: NDArray[np.float64]) -> tuple[float, float]:
    seen = values[np.isfinite(values)]
    return (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 0.0)
