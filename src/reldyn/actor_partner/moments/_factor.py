"""`factor_model`: one factor per member behind the items of a scale, for roles or for exchangeable members.

Kenny, Kashy and Cook (2006, chapter 5); reliability of the items' sum by coefficient omega (McDonald, 1999).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reldyn._format import counted
from reldyn._types import Columns
from reldyn.actor_partner.moments._dyads import DyadTable, dyad_table, estimate_rows, warn_all
from reldyn.actor_partner.moments._interchangeable import double_entry
from reldyn.actor_partner.moments._latent_structures import (
    EQUALITIES,
    check_equal,
    factor_structure,
    latent_covariance,
    starting_loadings,
)
from reldyn.actor_partner.moments._moment_model import (
    Fitted,
    MomentResult,
    fit_members,
    fitted_numbers,
    parameter_table,
)
from reldyn.actor_partner.moments._sem import Structure, delta, fit_structure
from reldyn.errors import DesignError
from reldyn.panel import analysis
from reldyn.results import InState

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.actor_partner.moments._moments import Moments
    from reldyn.panel import DyadPanel

__all__ = ["FactorResult", "equality_sentence", "factor_model", "fit_factors", "inadmissible_notes"]

LEAST_ITEMS = 3


class FactorResult(MomentResult):
    """A factor model of both members' items.

    Attributes
    ----------
    items, roles : tuple
        No roles where members are exchangeable.
    equal : tuple of str
        What is held equal across members.
    """

    items = InState[tuple[str, ...]](())
    roles = InState[tuple[Any, ...]](())
    equal = InState[tuple[str, ...]](())

    def _headline(self) -> str:
        return f"Factor model of {', '.join(self.items)}, one factor per member"

    def _methods(self) -> str:
        return (
            f"One factor per member behind {counted(len(self.items), 'item')}, {counted(self.n_dyads, 'dyad')}, "
            f"{self._likelihood}; residuals of the same item correlate between members. The first member's factor has "
            f"variance 1 and mean 0. {equality_sentence(self.equal)} {self._fit_sentence()} Reliability is that of the "
            "items' sum, coefficient omega (McDonald, 1999; Kenny, Kashy and Cook, 2006)."
        )


def equality_sentence(equal: Sequence[str]) -> str:
    """What is equal across members, for a methods paragraph."""
    return f"Equal across members: {', '.join(equal)}." if equal else "Nothing is held equal across members."


@analysis
def factor_model(
    panel: DyadPanel,
    items: Columns,
    *,
    roles: Literal["distinguishable", "exchangeable"] | None = None,
    equal: Sequence[str] | None = None,
    missing: Literal["available", "model"] = "available",
) -> FactorResult:
    """Fit one factor per member behind the same items.

    Parameters
    ----------
    panel : DyadPanel
        One occasion per dyad.
    items : sequence of str
        At least three columns, answered by both members.
    roles : {"distinguishable", "exchangeable"}, optional
        None: as the panel has them.
    equal : sequence of {"loadings", "intercepts", "residuals", "variances", "means"}, optional
        What is held equal across members (``variances`` and ``means`` of the factors). None: everything for
        exchangeable members, whose fit is then judged against the interchangeable saturated model; nothing for roles.
        Variances are free only with equal loadings, means only with equal intercepts.
    missing : {"available", "model"}, default "available"
        Dyads that lack a value are left out, with a warning; or stay in with what they have, by full-information
        maximum likelihood (normal variables, missing at random), standard errors from the observed information.

    Returns
    -------
    FactorResult
        ``tidy()``: ``term``, ``effect`` (``loading``, ``standardised loading``, ``factor variance``, ``factor mean``,
        ``factor correlation`` between members, ``reliability``), ``variable``, ``role`` and the numbers; ``parameters``
        has intercepts and residuals. ``glance()`` has the fit.

    Raises
    ------
    DesignError
        Fewer than three items, several occasions, or too few dyads.

    References
    ----------
    Kenny, Kashy and Cook (2006), Dyadic Data Analysis, chapter 5. McDonald (1999), Test theory.

    Examples
    --------
    >>> import numpy as np, pandas as pd, reldyn as rd
    >>> draw = np.random.default_rng(1).normal(size=(200, 9))
    >>> rows = [
    ...     {"dyad": d, "who": m, **{f"i{k}": row[m] + row[8] + 0.7 * row[2 + 3 * m + k] for k in range(3)}}
    ...     for d, row in enumerate(draw) for m in (0, 1)
    ... ]
    >>> panel = rd.DyadPanel(pd.DataFrame(rows), dyad="dyad", person="who")
    >>> fit = rd.actor_partner.factor_model(panel, ["i0", "i1", "i2"])
    >>> fit.glance()["df"].item(), fit.tidy()["effect"].unique().tolist()
    (2, ['loading', 'standardised loading', 'factor correlation', 'reliability'])
    """
    names = [items] if isinstance(items, str) else list(items)
    if len(names) < LEAST_ITEMS:
        raise DesignError(f"factor_model needs at least three items, not {len(names)}: fewer fix no factor.")
    data = dyad_table(panel, names, analysis="factor_model", roles=roles, missing=missing)
    chosen = check_equal(equal, () if data.distinguishable else EQUALITIES)
    structure = factor_structure(names, chosen)
    fitted, notes = fit_factors(structure, data.moments(names), {"F": names}, data, chosen)
    table = _factor_table(structure, fitted, data, names, chosen)
    notes = (*data.notes, *notes, *_without_reliability(table))
    warn_all(notes)
    return FactorResult.of(
        table=table,
        parameters=parameter_table(fitted, _named(names, data.members)),
        fitted=fitted,
        n_dyads=data.n,
        notes=(*notes, *fitted.notes),
        missing=missing,
        items=tuple(names),
        roles=data.roles,
        equal=tuple(name for name in EQUALITIES if name in chosen),
    )


def fit_factors(
    structure: Structure, moments: Moments, factors: Mapping[str, Sequence[str]], data: DyadTable, equal: frozenset[str]
) -> tuple[Fitted, tuple[str, ...]]:
    """Fit a structure with factors, and say what must be known of it.

    Exchangeable members are judged against the interchangeable saturated model only where all of them is equal.
    """
    alike = not data.distinguishable and equal == frozenset(EQUALITIES)
    average = double_entry(moments) if alike else moments
    start = starting_loadings(factors, structure, average.cov)
    if alike or data.distinguishable:
        fitted = fit_members(structure, moments, start, alike=alike)
    else:
        fitted = fitted_numbers(fit_structure(structure, moments, start))
    return fitted, (*_by_label(data, equal), *inadmissible_notes(fitted))


def _by_label(data: DyadTable, equal: frozenset[str]) -> tuple[str, ...]:
    if data.distinguishable or equal == frozenset(EQUALITIES):
        return ()
    # A mean (a variance) is free only where equal intercepts (loadings) set its unit.
    needs = {"means": "intercepts", "variances": "loadings"}
    free = [name for name in EQUALITIES if name not in equal and (name not in needs or needs[name] in equal)]
    return (
        f"Members are exchangeable, and their {', '.join(free)} are not held equal: all numbers, the fit included, "
        "depend on who happens to be member 1. Leave equal= out to hold everything equal.",
    )


def inadmissible_notes(fitted: Fitted) -> tuple[str, ...]:
    """Name residual variances that are negative."""
    return tuple(
        f"Heywood case: the residual variance of {label.removeprefix('residual ')} is estimated at "
        f"{fitted.value(label):.3f}, and no variance can be negative. The estimates are not to be interpreted."
        for label in fitted.labels
        if label.startswith(("residual ", "var ")) and fitted.value(label) < 0
    )


def _named(items: Sequence[str], members: tuple[str, str]) -> dict[str, str]:
    named = {"var F.2": f"factor variance, {members[1]}", "mean F.2": f"factor mean, {members[1]}"}
    named["cov F"] = "factor covariance"
    for label, words in (("loading", "loading"), ("intercept", "intercept"), ("residual", "residual variance")):
        for item in items:
            named[f"{label} {item}"] = f"{words} {item}"
            named |= {f"{label} {item}.{k + 1}": f"{words} {item}, {member}" for k, member in enumerate(members)}
    return named | {f"cov {item}": f"residual covariance of {item}" for item in items}


def _factor_table(
    structure: Structure, fitted: Fitted, data: DyadTable, items: Sequence[str], equal: frozenset[str]
) -> pd.DataFrame:
    """Loadings, what is free of the factors, their correlation and reliabilities."""
    import pandas as pd

    members = (0, 1) if data.distinguishable or equal != frozenset(EQUALITIES) else (0,)
    labels = {-1: "", 0: data.members[0], 1: data.members[1]} if len(members) == 2 else {-1: "", 0: ""}
    place = {name: at for at, name in enumerate(structure.variables)}
    rows = _row_names(items, members, structure)

    def numbers(theta: NDArray[Any]) -> NDArray[Any]:
        A, S, m = structure.matrices(theta)
        psi = latent_covariance(structure, theta)
        values = []
        for effect, item, member in rows:
            if effect == "factor correlation":
                values.append(psi[0, 1] / np.sqrt(psi[0, 0] * psi[1, 1]))
                continue
            factor, at = place[f"F.{member + 1}"], [place[f"{name}.{member + 1}"] for name in items]
            if effect == "factor mean":
                values.append(m[factor])
            elif effect == "factor variance":
                values.append(psi[member, member])
            elif effect == "reliability":
                values.append(_share(A[at, factor].sum(), psi[member, member], S[at, at].sum()))
            else:
                own = place[f"{item}.{member + 1}"]
                standardised = np.sqrt(_share(A[own, factor], psi[member, member], S[own, own]))
                sign = np.sign(np.real(A[own, factor]))
                values.append(A[own, factor] if effect == "loading" else sign * standardised)
        return np.array(values)

    estimate, spread = delta(numbers, fitted.theta, fitted.cov)
    error = np.sqrt(np.maximum(np.diag(spread), 0.0))
    # Negative residual variances give a share of the sum's variance that is none.
    no_share = np.array([row[0] == "reliability" for row in rows]) & ~((estimate >= 0) & (estimate <= 1))
    estimate, error = np.where(no_share, np.nan, estimate), np.where(no_share, np.nan, error)
    frame = pd.DataFrame(
        [
            {"term": _term(effect, item, labels[member]), "effect": effect, "variable": item, "role": labels[member]}
            for effect, item, member in rows
        ]
    )
    frame["role"] = frame["role"].astype(object)
    return frame.assign(**estimate_rows(estimate, error))


def _without_reliability(table: pd.DataFrame) -> tuple[str, ...]:
    """Say where negative residual variances leave no reliability."""
    gone = table[(table["effect"] == "reliability") & table["estimate"].isna()]
    if not len(gone):
        return ()
    whose = f" ({', '.join(str(role) for role in gone['role'])})" if gone["role"].ne("").all() else ""
    return (f"No reliability{whose}: with negative residual variances omega would not lie between 0 and 1.",)


def _share(loading: Any, variance: Any, residual: Any) -> Any:
    """Share of a factor in the variance of an item or of their sum."""
    return loading**2 * variance / (loading**2 * variance + residual)


def _row_names(items: Sequence[str], members: Sequence[int], structure: Structure) -> list[tuple[str, str, int]]:
    rows = [
        (effect, item, member) for effect in ("loading", "standardised loading") for member in members for item in items
    ]
    rows += [
        (f"factor {name}", "", 1)
        for name, label in (("variance", "var F.2"), ("mean", "mean F.2"))
        if label in structure.labels
    ]
    return [*rows, ("factor correlation", "", -1), *(("reliability", "", member) for member in members)]


def _term(effect: str, item: str, role: Any) -> str:
    return ", ".join(part for part in (f"{effect} {item}".strip(), str(role)) if part)
