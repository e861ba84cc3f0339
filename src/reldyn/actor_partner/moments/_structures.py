"""The structures of the actor-partner family as lists of paths: who points at whom, and what is equal for whom.

Variables are called ``NAME.1`` and ``NAME.2`` for the two members. Exchangeable members share every label; roles have
their own, with ``.1`` or ``.2`` for the member whose equation it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from reldyn.actor_partner.moments._sem import Entry, Structure, covary, intercept, path

__all__ = [
    "apim_structure",
    "common_fate_structure",
    "interchangeable_structure",
    "invariance_structure",
    "mediation_structure",
    "mutual_structure",
    "pair",
]

MEMBERS = (1, 2)


def pair(*names: str) -> tuple[str, ...]:
    """Both members' variables, in the order of stacked moments."""
    return tuple(f"{name}.{member}" for name in names for member in MEMBERS)


def _own(label: str, member: int, alike: bool) -> str:
    return label if alike else f"{label}.{member}"


def _paths(outcome: str, source: str, actor: str, partner: str, alike: bool) -> list[Entry]:
    """Actor and partner paths of both members."""
    found = []
    for member in MEMBERS:
        other = 3 - member
        found.append(path(f"{outcome}.{member}", f"{source}.{member}", _own(actor, member, alike)))
        found.append(path(f"{outcome}.{member}", f"{source}.{other}", _own(partner, member, alike)))
    return found


def _spread(name: str, label: str, alike: bool) -> list[Entry]:
    """Variances, the members' covariance, and intercepts of a variable (of its residuals, where paths reach it)."""
    first, second = pair(name)
    return [
        covary(first, first, _own(f"var {label}", 1, alike)),
        covary(second, second, _own(f"var {label}", 2, alike)),
        covary(first, second, f"cov {label}"),
        intercept(first, _own(f"mean {label}", 1, alike)),
        intercept(second, _own(f"mean {label}", 2, alike)),
    ]


def interchangeable_structure(names: Sequence[str], *, null: bool = False) -> Structure:
    """I-SAT: all moments equal under swapping the members; I-NULL (``null``): in addition no covariances.

    For complete dyads both have closed forms; with missing values they are fitted like any other structure.
    """
    entries = [entry for name in names for entry in _spread(name, name, alike=True)]
    if null:
        entries = [entry for entry in entries if not entry.label.startswith("cov ")]
        return Structure(pair(*names), tuple(entries))
    return Structure(pair(*names), (*entries, *_between(names, alike=True)))


def apim_structure(predictors: Sequence[str], outcome: str, *, alike: bool, k: float | None = None) -> Structure:
    """The actor-partner model; with ``k`` the partner effect of the first predictor is k times its actor effect."""
    entries: list[Entry] = []
    for name in predictors:
        entries += _paths(outcome, name, f"actor {name}", f"partner {name}", alike)
    if k is not None:
        entries = [
            path(e.to, e.source, e.label.replace("partner ", "actor ", 1), k)
            if e.label.startswith(f"partner {predictors[0]}")
            else e
            for e in entries
        ]
    entries += _spread(outcome, outcome, alike)
    for name in predictors:
        entries += _spread(name, name, alike)
    entries += _between(predictors, alike)
    return Structure(pair(*predictors, outcome), tuple(entries))


def _between(names: Sequence[str], alike: bool) -> list[Entry]:
    """Free covariances of different predictors, within members and across them."""
    found = []
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            for member in MEMBERS:
                own = _own(f"cov {first} {second}", member, alike)
                found.append(covary(f"{first}.{member}", f"{second}.{member}", own))
                across = _own(f"cov {first} partner's {second}", member, alike)
                found.append(covary(f"{first}.{member}", f"{second}.{3 - member}", across))
    return found


def mediation_structure(*, alike: bool) -> Structure:
    """Predictor ``x``, mediator ``m`` and outcome ``y`` with every actor and partner path."""
    entries = [
        *_paths("m", "x", "a actor", "a partner", alike),
        *_paths("y", "m", "b actor", "b partner", alike),
        *_paths("y", "x", "c actor", "c partner", alike),
        *(entry for name in ("x", "m", "y") for entry in _spread(name, name, alike)),
    ]
    return Structure(pair("x", "m", "y"), tuple(entries))


def common_fate_structure(*, alike: bool) -> Structure:
    """A dyad-level ``X`` behind both members' ``x`` moves a dyad-level ``Y`` behind both members' ``y``."""
    entries = []
    for member in MEMBERS:
        x, y = f"x.{member}", f"y.{member}"
        entries += [
            path(x, "X"),
            path(y, "Y"),
            covary(x, x, _own("var x", member, alike)),
            covary(y, y, _own("var y", member, alike)),
            covary(x, y, _own("cov x y", member, alike)),
            intercept(x, _own("mean x", member, alike)),
            intercept(y, _own("mean y", member, alike)),
        ]
    entries += [path("Y", "X", "b"), covary("X", "X", "var X"), covary("Y", "Y", "var Y")]
    return Structure(pair("x", "y"), tuple(entries), ("X", "Y"))


def mutual_structure(*, alike: bool) -> Structure:
    """Each member's ``y`` moves the partner's; each has an own ``x``; residuals are independent."""
    entries = []
    for member in MEMBERS:
        x, y = f"x.{member}", f"y.{member}"
        entries += [
            path(y, x, _own("actor", member, alike)),
            path(y, f"y.{3 - member}", _own("influence", member, alike)),
            covary(y, y, _own("var y", member, alike)),
            covary(x, x, _own("var x", member, alike)),
            intercept(y, _own("mean y", member, alike)),
            intercept(x, _own("mean x", member, alike)),
        ]
    entries.append(covary("x.1", "x.2", "cov x"))
    return Structure(pair("x", "y"), tuple(entries))


def invariance_structure(items: Sequence[str], level: str) -> Structure:
    """One factor per member with correlated uniquenesses of the same item.

    ``level``: ``configural``, ``loadings``, ``intercepts`` or ``residuals``, each with what the ones before it equate.
    """
    depth = ("configural", "loadings", "intercepts", "residuals").index(level)
    entries: list[Entry] = [covary("F.1", "F.1"), covary("F.1", "F.2", "cov F")]
    entries.append(covary("F.2", "F.2", "var F.2" if depth >= 1 else ""))
    if depth >= 2:
        entries.append(intercept("F.2", "mean F.2"))
    for item in items:
        for member in MEMBERS:
            name = f"{item}.{member}"
            entries += [
                path(name, f"F.{member}", _own(f"loading {item}", member, depth >= 1)),
                intercept(name, _own(f"intercept {item}", member, depth >= 2)),
                covary(name, name, _own(f"residual {item}", member, depth >= 3)),
            ]
        entries.append(covary(f"{item}.1", f"{item}.2", f"cov {item}"))
    return Structure(pair(*items), tuple(entries), ("F.1", "F.2"))
