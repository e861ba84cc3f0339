"""Structures with factors behind items: one factor per member and construct, residuals of the same item correlated.

Factors and items are called ``NAME.1`` and ``NAME.2`` for the two members. The first member's factor has variance 1 and
mean 0. The second member's is free of that where equal loadings (for the variance) or equal intercepts (for the mean)
set its metric, unless it is held equal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from reldyn._types import Array
from reldyn.actor_partner.moments._sem import Entry, Structure, covary, intercept, path
from reldyn.actor_partner.moments._structures import (
    MEMBERS,
    actor_partner_paths,
    covariances_between,
    own_label,
    pair,
)
from reldyn.errors import DesignError

__all__ = [
    "EQUALITIES",
    "LEVELS",
    "check_equal",
    "factor_structure",
    "invariance_structure",
    "latent_apim_structure",
    "latent_covariance",
    "starting_loadings",
]

EQUALITIES = ("loadings", "intercepts", "residuals", "variances", "means")
LEVELS = ("configural", "loadings", "intercepts", "residuals")


def check_equal(equal: Sequence[str] | None, default: Sequence[str]) -> frozenset[str]:
    """Read ``equal``: what is held equal across members.

    Raises
    ------
    DesignError
        An entry is none of `EQUALITIES`.
    """
    chosen = default if equal is None else (equal,) if isinstance(equal, str) else tuple(equal)
    unknown = [str(name) for name in chosen if name not in EQUALITIES]
    if unknown:
        raise DesignError(
            f"equal= names what is held equal across members, from {', '.join(map(repr, EQUALITIES))}; not "
            f"{', '.join(map(repr, unknown))}."
        )
    return frozenset(chosen)


def factor_entries(factor: str, items: Sequence[str], equal: Collection[str]) -> list[Entry]:
    """Cells of one factor per member behind the same items."""
    own_variance = "loadings" in equal and "variances" not in equal
    entries: list[Entry] = [covary(f"{factor}.1", f"{factor}.1"), covary(f"{factor}.1", f"{factor}.2", f"cov {factor}")]
    entries.append(covary(f"{factor}.2", f"{factor}.2", f"var {factor}.2" if own_variance else ""))
    if "intercepts" in equal and "means" not in equal:
        entries.append(intercept(f"{factor}.2", f"mean {factor}.2"))
    for item in items:
        for member in MEMBERS:
            name = f"{item}.{member}"
            entries += [
                path(name, f"{factor}.{member}", own_label(f"loading {item}", member, "loadings" in equal)),
                intercept(name, own_label(f"intercept {item}", member, "intercepts" in equal)),
                covary(name, name, own_label(f"residual {item}", member, "residuals" in equal)),
            ]
        entries.append(covary(f"{item}.1", f"{item}.2", f"cov {item}"))
    return entries


def factor_structure(items: Sequence[str], equal: Collection[str], factor: str = "F") -> Structure:
    """One factor per member behind the items."""
    return Structure(pair(*items), tuple(factor_entries(factor, items, equal)), pair(factor))


def invariance_structure(items: Sequence[str], level: str, factors: str = "free") -> Structure:
    """The factor model of one level of invariance.

    ``level``: ``configural``, ``loadings``, ``intercepts`` or ``residuals``, each with what the ones before it equate.
    ``factors="equal"`` holds the factors' variances and means equal as soon as they could differ.
    """
    equal = LEVELS[1 : LEVELS.index(level) + 1]
    return factor_structure(items, (*equal, "variances", "means") if factors == "equal" else equal)


def latent_apim_structure(
    predictors: Mapping[str, Sequence[str]],
    outcome: tuple[str, Sequence[str]],
    equal: Collection[str],
    *,
    alike: bool,
) -> Structure:
    """Actor and partner paths between factors; the variance of the outcome's factor is that of its disturbance."""
    name, items = outcome
    entries: list[Entry] = []
    for predictor in predictors:
        entries += actor_partner_paths(name, predictor, f"actor {predictor}", f"partner {predictor}", alike)
    for factor, behind in (*predictors.items(), outcome):
        entries += factor_entries(factor, behind, equal)
    entries += covariances_between(tuple(predictors), alike)
    observed = [item for behind in predictors.values() for item in behind]
    return Structure(pair(*observed, *items), tuple(entries), pair(*predictors, name))


def starting_loadings(factors: Mapping[str, Sequence[str]], structure: Structure, cov: Array) -> dict[str, float]:
    """Start from loadings that are the items' covariances with their standardised sum.

    Parameters
    ----------
    factors : mapping of str to sequence of str
        Items of each factor.
    structure : Structure
    cov : (p, p) array
        Of the observed variables of the structure.
    """
    start: dict[str, float] = {}
    where = {name: at for at, name in enumerate(structure.observed)}
    for factor, items in factors.items():
        for member in MEMBERS:
            own = [where[f"{item}.{member}"] for item in items]
            total = float(cov[np.ix_(own, own)].sum())
            for at, item in zip(own, items, strict=True):
                value = float(cov[at, own].sum()) / float(np.sqrt(max(total, 1e-12)))
                start[f"loading {item}.{member}"] = start[f"loading {item}"] = value
        start[f"var {factor}.2"] = 1.0
    return {label: start[label] for label in structure.labels if label in start}


def latent_covariance(structure: Structure, theta: Array) -> Array:
    """Covariance of the latent variables, in their order; complex parameters give complex-step derivatives."""
    A, S, _ = structure.matrices(theta)
    whole = np.linalg.inv(np.eye(len(A)) - A)
    p = len(structure.observed)
    return np.asarray((whole @ S @ whole.T)[p:, p:])
