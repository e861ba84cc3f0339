"""Equal coefficients by construction: actor and partner effects that are one, slopes that all predictors share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DesignError, check_option

if TYPE_CHECKING:
    from reldyn._types import Array
    from reldyn.actor_partner.model._terms import DesignTerm

__all__ = ["BOTH", "CONSTRAINTS", "constrained", "read_constraints"]

CONSTRAINTS = ("actor=partner", "equal-predictors")
BOTH = "actor=partner"


def read_constraints(constraints: Any, n_predictors: int) -> tuple[str, ...]:
    """Names of constraints, one or several.

    Raises
    ------
    DesignError
        A constraint is not known, or there is nothing that it could make equal.
    """
    named = (constraints,) if isinstance(constraints, str) else tuple(constraints or ())
    for name in named:
        check_option(name, CONSTRAINTS, "constraints")
    least = 2 if "equal-predictors" in named else 1
    if named and n_predictors < least:
        raise DesignError(f"constraints={named!r} needs at least {least} predictor{'s' * (least > 1)}.")
    return named


def constrained(
    terms: Sequence[DesignTerm], values: Sequence[Array], constraints: Sequence[str]
) -> tuple[list[DesignTerm], list[Array]]:
    """Terms with equal coefficients as one term whose values are the sum of theirs.

    Actor and partner effects only: an interaction keeps its own coefficient.
    """
    groups: dict[Any, list[int]] = {}
    for place, term in enumerate(terms):
        groups.setdefault(_key(term, place, constraints), []).append(place)
    found_terms, found_values = [], []
    for places in groups.values():
        first = terms[places[0]]
        if len(places) > 1:
            names = dict.fromkeys(terms[place].variable for place in places)
            effects = dict.fromkeys(terms[place].effect for place in places)
            if len({terms[place].common for place in places}) > 1:
                raise DesignError(
                    f"constraints: {' and '.join(names)} are to have equal effects, and only some of them are common "
                    "to both roles: mark all with rd.shared, or none."
                )
            effect = BOTH if len(effects) > 1 else first.effect
            first = dataclasses.replace(first, effect=effect, variable=" + ".join(names))
        found_terms.append(first)
        found_values.append(np.sum([values[place] for place in places], axis=0))
    return found_terms, found_values


def _key(term: DesignTerm, place: int, constraints: Sequence[str]) -> Any:
    """Terms of one key share a coefficient."""
    if term.effect not in ("actor", "partner") or term.category or term.moderator:
        return place
    effect = BOTH if BOTH in constraints else term.effect
    variable = "" if "equal-predictors" in constraints else term.variable
    return (effect, variable, term.level)
