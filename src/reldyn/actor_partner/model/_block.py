"""The terms of an actor-partner model and their values, row by row of the panel."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.actor_partner._categories import indicators, values_of
from reldyn.actor_partner._constraints import BOTH, constrained
from reldyn.actor_partner._moderators import NONE, moderator_values, owners_of
from reldyn.actor_partner.model._design import Block
from reldyn.actor_partner.model._terms import DesignTerm, named_terms
from reldyn.actor_partner.model._values import levels_of, partner_trait, partner_values
from reldyn.errors import DesignError, check_option

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.panel import DyadPanel

__all__ = ["apim_block", "mixed_block"]

MODERATED = ("actor", "partner", "dyad", "interaction", BOTH)
INTERACTIONS = ("product", "absolute-difference")


class _Collector:
    """Terms and their values in the order in which they enter."""

    def __init__(self, n: int, *, fitting: bool = True) -> None:
        self.fitting = fitting
        self.centres: dict[str, float] = {}
        self.terms: list[DesignTerm] = []
        self.values: list[NDArray[np.float64]] = []
        self.n = n

    def add(self, term: DesignTerm, values: NDArray[np.float64]) -> None:
        self.terms.append(term)
        self.values.append(values)

    def base(self) -> NDArray[np.float64]:
        return np.column_stack(self.values) if self.values else np.empty((self.n, 0))

    def find(self, *, effect: str, variable: str | None = None, level: Sequence[str] = ("", "within")) -> list[int]:
        return [
            place
            for place, term in enumerate(self.terms)
            if term.effect == effect and variable in (None, term.variable) and term.level in level
        ]


def apim_block(
    panel: DyadPanel,
    *,
    outcome: str,
    predictors: tuple[tuple[str, bool], ...],
    covariates: tuple[tuple[str, bool], ...],
    moderators: Mapping[str, Any] | None,
    interaction: str | None,
    centering: Mapping[str, str],
    random: Sequence[Any],
    lags: Sequence[str] = (),
    varying: Sequence[str] = (),
    centres: Mapping[str, float] | None = None,
    categories: Mapping[str, tuple[str, ...]] = NONE,
    constraints: Sequence[str] = (),
) -> Block:
    """Lay out intercept, actor and partner effects, interactions, moderations and covariates.

    ``lags`` are predictors that hold the outcome's past, ``varying`` moderators that change within persons,
    ``categories`` the labels of categorical columns, each of which enters as indicators against the first. With
    ``centres`` the values are those of rows to predict for: centred where the fit was, and free not to vary.
    """
    if interaction is not None:
        check_option(interaction, INTERACTIONS, "interaction")
    _refuse_overlap(outcome, predictors, covariates)
    _refuse_moderator_twice(outcome, predictors, covariates, moderators, spared=lags, tied=bool(constraints))
    collector = _Collector(len(panel), fitting=centres is None)
    common = {name for name, both in covariates if both}
    collector.add(DesignTerm("intercept", common="intercept" in common), np.ones(len(panel)))
    for name, both in predictors:
        levels, centre = levels_of(panel, name, centering[name], None if centres is None else centres[name])
        collector.centres[name] = centre
        _add_predictor(collector, panel, name, both, levels, interaction, name in lags)
    if constraints:
        collector.terms, collector.values = constrained(collector.terms, collector.values, constraints)
    for name, both in covariates:
        if name in categories:
            _add_indicators(collector, DesignTerm("covariate", name, common=both), _codes(panel, name, categories))
        elif name != "intercept":
            values = _varying(panel, name, "covariate") if collector.fitting else panel.values(name)
            collector.add(DesignTerm("covariate", name, common=both), values)
    # Chosen before moderators enter: "actor" means all predictors, not the traits that moderate them.
    chosen = tuple(item for name, both in named_terms(random, "random") for item in _apim_random(collector, name, both))
    if moderators:
        _add_moderations(collector, panel, moderators, [name for name, _ in covariates], varying, categories)
    return Block(tuple(collector.terms), collector.base(), chosen, collector.centres)


def _refuse_overlap(
    outcome: str, predictors: tuple[tuple[str, bool], ...], covariates: tuple[tuple[str, bool], ...]
) -> None:
    names = [name for name, _ in predictors]
    if outcome in names or outcome in [name for name, _ in covariates]:
        raise DesignError(f"{outcome!r} is the outcome and cannot explain itself: take it out of the predictors.")
    both = [name for name, _ in covariates if name in names]
    if both:
        raise DesignError(f"{both[0]!r} is named among predictors and covariates: keep it in one of them.")


def _refuse_moderator_twice(
    outcome: str,
    predictors: tuple[tuple[str, bool], ...],
    covariates: tuple[tuple[str, bool], ...],
    moderators: Mapping[str, Any] | None,
    *,
    spared: Sequence[str],
    tied: bool,
) -> None:
    """Refuse a moderator whose own effect stands in the model already, or is the outcome's on itself."""
    for name, whose in (moderators or {}).items():
        if name == outcome:
            raise DesignError(
                f"{name!r} is the outcome and cannot moderate its own effects: take it out of moderators."
            )
        own = [owner for owner in owners_of(name, whose) if owner != "partner"]
        where = "predictors" if name in [n for n, _ in predictors] and not tied and name not in spared else ""
        where = "covariates" if name in [n for n, _ in covariates] and own else where
        if where:
            raise DesignError(
                f"{name!r} is named among {where} and moderators, and the own effect of a moderator is in the model "
                "already: keep it in moderators"
                + (", or moderate by the other's value through interaction='product'." if where[0] == "p" else ".")
            )


def _add_predictor(
    collector: _Collector,
    panel: DyadPanel,
    name: str,
    common: bool,
    levels: Mapping[str, NDArray[np.float64]],
    interaction: str | None,
    lag_of_outcome: bool,
) -> None:
    for level, own in levels.items():
        if lag_of_outcome and level not in ("", "within"):
            # The mean of an outcome's lag is the mean of the outcome: the own one would have slope 1 and take the
            # intercept variance to 0, the partner's the same with intercepts correlated -1.
            continue
        if level in ("person", "couple"):
            # The partner differs from the couple's mean by as much in the other direction: one effect at each level.
            collector.add(DesignTerm("actor" if level == "person" else "dyad", name, level, common=common), own)
            continue
        other = partner_trait(panel, own) if level == "between" else partner_values(panel, own)
        if collector.fitting:
            _refuse_twins(own, other, name, level)
        collector.add(DesignTerm("actor", name, level, common=common), own)
        collector.add(DesignTerm("partner", name, level, common=common), other)
        if interaction is not None:
            joint = own * other if interaction == "product" else np.abs(own - other)
            collector.add(DesignTerm("interaction", name, level, common=common), joint)


def _refuse_twins(own: NDArray[np.float64], other: NDArray[np.float64], name: str, level: str) -> None:
    """Refuse a predictor that both partners share: actor and partner effects are then one."""
    both = np.isfinite(own) & np.isfinite(other)
    if not both.any():
        raise DesignError(
            f"partner effect of {name!r} cannot be estimated: at no occasion do both partners have a value of it."
        )
    gap = np.abs(own[both] - other[both]).max()
    if gap <= 1e-10 * max(float(np.abs(own[both]).max()), np.finfo(float).tiny):
        part = f" (its {level} part)" if level else ""
        raise DesignError(
            f"actor and partner effect of {name!r} cannot be distinguished: both partners always have the same "
            f"value{part}. Enter it in covariates instead."
        )


def _add_moderations(
    collector: _Collector,
    panel: DyadPanel,
    moderators: Mapping[str, Any],
    covariates: Sequence[str],
    varying: Sequence[str],
    categories: Mapping[str, tuple[str, ...]],
) -> None:
    moderated = [place for place, term in enumerate(collector.terms) if term.effect in MODERATED]
    if not moderated:
        raise DesignError("moderators need predictors whose actor and partner effects they moderate.")
    for name, whose in moderators.items():
        for owner in owners_of(name, whose):
            trait = moderator_values(panel, name, owner, varying=name in varying, categories=categories)
            parts = indicators(trait, categories[name]) if name in categories else [("", trait)]
            if name not in covariates or owner != "dyad":
                main = DesignTerm("covariate" if owner == "dyad" else owner, name)
                for label, values in parts:
                    collector.add(dataclasses.replace(main, category=label), values)
            for place in moderated:
                term = collector.terms[place]
                joint = DesignTerm("moderation", term.variable, term.level, name, term.effect, owner, term.common)
                for label, values in parts:
                    collector.add(dataclasses.replace(joint, category=label), collector.values[place] * values)


def _codes(panel: DyadPanel, name: str, categories: Mapping[str, tuple[str, ...]]) -> list[tuple[str, Any]]:
    return indicators(values_of(panel, name, categories), categories[name])


def _add_indicators(collector: _Collector, term: DesignTerm, parts: Sequence[tuple[str, Any]]) -> None:
    for label, values in parts:
        collector.add(dataclasses.replace(term, category=label), values)


def _apim_random(collector: _Collector, name: str, common: bool) -> list[tuple[DesignTerm, int]]:
    """Terms that a name in ``random`` stands for, each with its base column."""
    effect, _, variable = name.partition(":")
    if name == "intercept":
        places = [0]
    elif effect in ("actor", "partner"):
        places = collector.find(effect=effect, variable=variable or None)
        places = [place for place in places if collector.terms[place].level in ("", "within")]
    else:
        places = collector.find(effect="covariate", variable=name)
    if not places:
        known = ["intercept"]
        known += [f"{term.effect}:{term.variable}" for term in collector.terms if _may_vary(term)]
        known += [term.variable for term in collector.terms if term.effect == "covariate"]
        raise DesignError(
            f"random={name!r} is no effect of this model that can vary between dyads; there are: {', '.join(known)}, "
            "and 'actor' or 'partner' for all predictors."
        )
    return [(_with_common(collector.terms[place], common), place) for place in places]


def _may_vary(term: DesignTerm) -> bool:
    return term.effect in ("actor", "partner") and term.level in ("", "within")


def _with_common(term: DesignTerm, common: bool) -> DesignTerm:
    return dataclasses.replace(term, common=common)


def mixed_block(
    panel: DyadPanel,
    *,
    outcome: str,
    fixed: tuple[tuple[str, bool], ...],
    random: Sequence[Any],
    fitting: bool = True,
    categories: Mapping[str, tuple[str, ...]] = NONE,
) -> Block:
    """Lay out an intercept and the named columns: numbers as they stand, categories as indicators against the first.

    Rows to predict for need not vary.
    """
    collector = _Collector(len(panel), fitting=fitting)
    common = {name for name, both in fixed if both}
    collector.add(DesignTerm("intercept", common="intercept" in common), np.ones(len(panel)))
    for name, both in fixed:
        if name == outcome:
            raise DesignError(f"{outcome!r} is the outcome and cannot explain itself: take it out of fixed.")
        if name in categories:
            _add_indicators(collector, DesignTerm("fixed", name, common=both), _codes(panel, name, categories))
        elif name != "intercept":
            values = _varying(panel, name, "fixed") if fitting else panel.values(name)
            collector.add(DesignTerm("fixed", name, common=both), values)
    chosen = []
    for name, both in named_terms(random, "random"):
        places = [0] if name == "intercept" else collector.find(effect="fixed", variable=name)
        if not places:
            known = ", ".join(dict.fromkeys(["intercept", *(term.variable for term in collector.terms[1:])]))
            raise DesignError(f"random={name!r} is no column of fixed; there are: {known}. Add it to fixed first.")
        chosen += [(_with_common(collector.terms[place], both), place) for place in places]
    return Block(tuple(collector.terms), collector.base(), tuple(chosen), {})


def _varying(panel: DyadPanel, name: str, effect: str) -> NDArray[np.float64]:
    values = panel.values(name)
    seen = values[np.isfinite(values)]
    if not len(seen):
        raise DesignError(f"the {effect} effect of {name!r} cannot be estimated: it has no value in any row.")
    if float(np.ptp(seen)) == 0.0:
        raise DesignError(
            f"the {effect} effect of {name!r} cannot be estimated: it is constant, and an intercept is already there."
        )
    return values
