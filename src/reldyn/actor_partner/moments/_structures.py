"""The structures of the actor-partner family as lists of paths: who points at whom, and what is equal for whom.

Variables are called ``NAME.1`` and ``NAME.2`` for the two members. Exchangeable members share every label; roles have
their own, with ``.1`` or ``.2`` for the member whose equation it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from reldyn.actor_partner.moments._sem import Entry, Structure, covary, intercept, path

__all__ = [
    "actor_partner_paths",
    "apim_structure",
    "common_fate_structure",
    "covariances_between",
    "interchangeable_structure",
    "mutual_structure",
    "own_label",
    "pair",
    "variances_and_means",
]

MEMBERS = (1, 2)


def pair(*names: str) -> tuple[str, ...]:
    """Both members' variables, in the order of stacked moments."""
    return tuple(f"{name}.{member}" for name in names for member in MEMBERS)


def own_label(label: str, member: int, alike: bool) -> str:
    """A parameter that members share, or one of this member's own."""
    return label if alike else f"{label}.{member}"


def actor_partner_paths(outcome: str, source: str, actor: str, partner: str, alike: bool) -> list[Entry]:
    """Actor and partner paths of both members."""
    found = []
    for member in MEMBERS:
        other = 3 - member
        found.append(path(f"{outcome}.{member}", f"{source}.{member}", own_label(actor, member, alike)))
        found.append(path(f"{outcome}.{member}", f"{source}.{other}", own_label(partner, member, alike)))
    return found


def variances_and_means(name: str, label: str, alike: bool) -> list[Entry]:
    """Variances, the members' covariance, and intercepts of a variable (of its residuals, where paths reach it)."""
    first, second = pair(name)
    return [
        covary(first, first, own_label(f"var {label}", 1, alike)),
        covary(second, second, own_label(f"var {label}", 2, alike)),
        covary(first, second, f"cov {label}"),
        intercept(first, own_label(f"mean {label}", 1, alike)),
        intercept(second, own_label(f"mean {label}", 2, alike)),
    ]


def interchangeable_structure(names: Sequence[str], *, null: bool = False) -> Structure:
    """I-SAT: all moments equal under swapping the members; I-NULL (``null``): in addition no covariances.

    For complete dyads both have closed forms; with missing values they are fitted like any other structure.
    """
    entries = [entry for name in names for entry in variances_and_means(name, name, alike=True)]
    if null:
        entries = [entry for entry in entries if not entry.label.startswith("cov ")]
        return Structure(pair(*names), tuple(entries))
    return Structure(pair(*names), (*entries, *covariances_between(names, alike=True)))


def apim_structure(predictors: Sequence[str], outcome: str, *, alike: bool, k: float | None = None) -> Structure:
    """The actor-partner model; with ``k`` the partner effect of the first predictor is k times its actor effect."""
    entries: list[Entry] = []
    for name in predictors:
        entries += actor_partner_paths(outcome, name, f"actor {name}", f"partner {name}", alike)
    if k is not None:
        entries = [
            path(e.to, e.source, e.label.replace("partner ", "actor ", 1), k)
            if e.label.startswith(f"partner {predictors[0]}")
            else e
            for e in entries
        ]
    entries += variances_and_means(outcome, outcome, alike)
    for name in predictors:
        entries += variances_and_means(name, name, alike)
    entries += covariances_between(predictors, alike)
    return Structure(pair(*predictors, outcome), tuple(entries))


def covariances_between(names: Sequence[str], alike: bool) -> list[Entry]:
    """Free covariances of different predictors, within members and across them."""
    found = []
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            for member in MEMBERS:
                own = own_label(f"cov {first} {second}", member, alike)
                found.append(covary(f"{first}.{member}", f"{second}.{member}", own))
                across = own_label(f"cov {first} partner's {second}", member, alike)
                found.append(covary(f"{first}.{member}", f"{second}.{3 - member}", across))
    return found


def common_fate_structure(*, alike: bool) -> Structure:
    """A dyad-level ``X`` behind both members' ``x`` moves a dyad-level ``Y`` behind both members' ``y``."""
    entries = []
    for member in MEMBERS:
        x, y = f"x.{member}", f"y.{member}"
        entries += [
            path(x, "X"),
            path(y, "Y"),
            covary(x, x, own_label("var x", member, alike)),
            covary(y, y, own_label("var y", member, alike)),
            covary(x, y, own_label("cov x y", member, alike)),
            intercept(x, own_label("mean x", member, alike)),
            intercept(y, own_label("mean y", member, alike)),
        ]
    entries += [path("Y", "X", "b"), covary("X", "X", "var X"), covary("Y", "Y", "var Y")]
    return Structure(pair("x", "y"), tuple(entries), ("X", "Y"))


def mutual_structure(*, alike: bool) -> Structure:
    """Each member's ``y`` moves the partner's; each has an own ``x``; residuals are independent."""
    entries = []
    for member in MEMBERS:
        x, y = f"x.{member}", f"y.{member}"
        entries += [
            path(y, x, own_label("actor", member, alike)),
            path(y, f"y.{3 - member}", own_label("influence", member, alike)),
            covary(y, y, own_label("var y", member, alike)),
            covary(x, x, own_label("var x", member, alike)),
            intercept(y, own_label("mean y", member, alike)),
            intercept(x, own_label("mean x", member, alike)),
        ]
    entries.append(covary("x.1", "x.2", "cov x"))
    return Structure(pair("x", "y"), tuple(entries))
