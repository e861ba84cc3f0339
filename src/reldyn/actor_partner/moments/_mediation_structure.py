"""The actor-partner mediation model as paths, and its effects as sums of products of paths.

Predictors, mediators and the outcome have two members' values each; covariates have two or belong to the dyad. Each
mediator depends on both members' predictors, the outcome on both members' mediators and predictors; covariates of
persons reach their own mediators and outcome, those of the dyad both members'. Residuals of different mediators
correlate, within members and across them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reldyn._types import Array
from reldyn.actor_partner.moments._sem import Entry, Structure, covary, intercept, path
from reldyn.actor_partner.moments._structures import (
    MEMBERS,
    actor_partner_paths,
    covariances_between,
    own_label,
    pair,
    variances_and_means,
)

__all__ = ["Effect", "MediationVariables", "effect_values", "effects_of", "mediation_structure", "path_labels"]

Products = tuple[tuple[int, ...], ...]
# Kind of an indirect effect, whose predictor starts it, whose mediator it runs through, and the two paths.
SIMPLE = (
    ("actor-actor", "own", "own", "actor", "actor"),
    ("partner-partner", "own", "partner", "partner", "partner"),
    ("partner-actor", "partner", "own", "partner", "actor"),
    ("actor-partner", "partner", "partner", "actor", "partner"),
)


@dataclass(frozen=True)
class MediationVariables:
    """Who is what; ``shared`` covariates belong to the dyad."""

    predictors: tuple[str, ...]
    mediators: tuple[str, ...]
    outcome: str
    covariates: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()

    @property
    def personal(self) -> tuple[str, ...]:
        """Variables with two members' values, in the order of the moments."""
        return (*self.predictors, *self.mediators, self.outcome, *self.covariates)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all variables in the structure; no member's variable ends in ``.0``."""
        return (*pair(*self.personal), *(f"{name}.0" for name in self.shared))

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """Source and end of every pair of actor and partner paths."""
        first = [(source, to) for to in self.mediators for source in self.predictors]
        second = [(source, self.outcome) for source in (*self.mediators, *self.predictors)]
        return (*first, *second)


def _label(effect: str, source: str, to: str) -> str:
    return f"{effect} {source} to {to}"


def mediation_structure(variables: MediationVariables, *, alike: bool) -> Structure:
    """The model; members that are ``alike`` share all parameters."""
    entries: list[Entry] = []
    for source, to in variables.links:
        entries += actor_partner_paths(to, source, _label("actor", source, to), _label("partner", source, to), alike)
    for to in (*variables.mediators, variables.outcome):
        entries += _covariate_paths(to, variables, alike)
    for name in variables.personal:
        entries += variances_and_means(name, name, alike)
    entries += covariances_between((*variables.predictors, *variables.covariates), alike)
    entries += covariances_between(variables.mediators, alike)
    entries += _shared_moments(variables, alike)
    return Structure(variables.columns, tuple(entries))


def _covariate_paths(to: str, variables: MediationVariables, alike: bool) -> list[Entry]:
    entries = []
    for member in MEMBERS:
        for name in variables.covariates:
            label = own_label(_label("covariate", name, to), member, alike)
            entries.append(path(f"{to}.{member}", f"{name}.{member}", label))
        for name in variables.shared:
            entries.append(path(f"{to}.{member}", f"{name}.0", own_label(_label("covariate", name, to), member, alike)))
    return entries


def _shared_moments(variables: MediationVariables, alike: bool) -> list[Entry]:
    entries = []
    for at, name in enumerate(variables.shared):
        own = f"{name}.0"
        entries += [covary(own, own, f"var {name}"), intercept(own, f"mean {name}")]
        entries += [covary(own, f"{other}.0", f"cov {name} {other}") for other in variables.shared[at + 1 :]]
        for other in (*variables.predictors, *variables.covariates):
            for member in MEMBERS:
                entries.append(covary(own, f"{other}.{member}", own_label(f"cov {name} {other}", member, alike)))
    return entries


def path_labels(variables: MediationVariables, *, alike: bool) -> tuple[str, ...]:
    """Labels of all actor and partner paths: member 1's, then member 2's."""
    labels = [_label(effect, *link) for link in variables.links for effect in ("actor", "partner")]
    return tuple(labels) if alike else tuple(f"{label}.{member}" for member in MEMBERS for label in labels)


@dataclass(frozen=True)
class Effect:
    """One effect on the outcome of ``member``: a sum of products of paths.

    ``products`` hold the positions of the paths in `path_labels`; ``source`` and ``through`` are ``own``, ``partner``
    or empty.
    """

    effect: str
    kind: str
    predictor: str
    mediator: str
    source: str
    through: str
    member: int
    products: Products


def effects_of(variables: MediationVariables, *, alike: bool) -> tuple[Effect, ...]:
    """Every effect of every predictor: indirect ones one by one and summed, direct and total ones."""
    place = {label: at for at, label in enumerate(path_labels(variables, alike=alike))}

    def position(effect: str, source: str, to: str, member: int) -> int:
        return place[own_label(_label(effect, source, to), member, alike)]

    effects: list[Effect] = []
    for member in MEMBERS[:1] if alike else MEMBERS:
        for predictor in variables.predictors:
            effects += _of_predictor(variables, predictor, member, position)
    return tuple(effects)


def _of_predictor(variables: MediationVariables, predictor: str, member: int, position: Any) -> list[Effect]:
    effects: list[Effect] = []
    sums: dict[str, Products] = {"own": (), "partner": ()}
    for mediator in variables.mediators:
        specific: dict[str, Products] = {"own": (), "partner": ()}
        for kind, source, through, first, second in SIMPLE:
            middle = member if through == "own" else 3 - member
            product = (
                position(first, predictor, mediator, middle),
                position(second, mediator, variables.outcome, member),
            )
            specific[source] += (product,)
            effects.append(Effect("indirect", kind, predictor, mediator, source, through, member, (product,)))
        for source, products in specific.items():
            sums[source] += products
            if len(variables.mediators) > 1:
                effects.append(Effect("specific indirect", "", predictor, mediator, source, "", member, products))
    for source, kind in (("own", "actor"), ("partner", "partner")):
        direct: Products = ((position(kind, predictor, variables.outcome, member),),)
        for effect, products in (
            ("total indirect", sums[source]),
            ("direct", direct),
            ("total", (*sums[source], *direct)),
        ):
            effects.append(Effect(effect, "", predictor, "", source, "", member, products))
    return effects


def effect_values(effects: Sequence[Effect], paths: Array) -> Array:
    """Values of the effects, (..., e), from the paths (..., p); complex paths give complex-step derivatives."""
    columns = []
    for effect in effects:
        products = [np.prod(paths[..., list(product)], axis=-1) for product in effect.products]
        columns.append(np.sum(products, axis=0))
    return np.stack(columns, axis=-1)
