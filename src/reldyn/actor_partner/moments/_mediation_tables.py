"""Tables of a fitted mediation model: effects, paths, and the ratio of partner to actor paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.actor_partner.moments._dyads import DyadTable, estimate_rows
from reldyn.actor_partner.moments._mediation_structure import (
    Effect,
    MediationVariables,
    effect_values,
    effects_of,
    path_labels,
)
from reldyn.actor_partner.moments._sem import SemFit, delta

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["effects_table", "k_table", "paths_table"]

QUANTILES = (0.025, 0.975)


def effects_table(
    fit: SemFit, data: DyadTable, variables: MediationVariables, draws: NDArray[np.float64] | None
) -> pd.DataFrame:
    """One row per effect; percentile intervals of the draws where there are any."""
    import pandas as pd

    alike = not data.distinguishable
    effects = effects_of(variables, alike=alike)
    theta, cov = fit.subset(path_labels(variables, alike=alike))
    estimate, spread = delta(lambda point: effect_values(effects, point), theta, cov)
    columns = estimate_rows(estimate, np.sqrt(np.diag(spread)))
    if draws is not None:
        columns["conf_low"], columns["conf_high"] = np.quantile(effect_values(effects, draws), QUANTILES, axis=0)
    rows = []
    for effect in effects:
        role = "" if alike else data.roles[effect.member - 1]
        start, middle = _whose(effect.source, effect, data), _whose(effect.through, effect, data)
        rows.append(
            {
                "term": f"{effect.effect} ({_route(effect, variables, start, middle)})"
                + ("" if alike else f", {role}"),
                "effect": effect.effect,
                "kind": effect.kind,
                "predictor": effect.predictor,
                "mediator": effect.mediator,
                "from": start,
                "through": middle,
                "role": role,
            }
        )
    return pd.DataFrame(rows).assign(**columns)


def _route(effect: Effect, variables: MediationVariables, start: str, middle: str) -> str:
    """The way of an effect in words, variables named where there are several."""
    source = effect.predictor if len(variables.predictors) > 1 else "predictor"
    mediator = effect.mediator if len(variables.mediators) > 1 else "mediator"
    if middle:
        return f"{start} {source}, {middle} {mediator}"
    return f"{start} {source}, {mediator}" if effect.mediator else f"{start} {source}"


def _whose(which: str, effect: Effect, data: DyadTable) -> str:
    """Whose variable it is: a role, or own and partner's where members are alike."""
    if not which:
        return ""
    if not data.distinguishable:
        return "own" if which == "own" else "partner's"
    return str(data.roles[effect.member - 1 if which == "own" else 2 - effect.member])


def paths_table(fit: SemFit, data: DyadTable, variables: MediationVariables) -> pd.DataFrame:
    """One row per actor and partner path."""
    import pandas as pd

    theta, cov = fit.subset(path_labels(variables, alike=not data.distinguishable))
    rows = [
        _path_row(effect, link, role, data)
        for role in (data.roles or ("",))
        for link in variables.links
        for effect in ("actor", "partner")
    ]
    return pd.DataFrame(rows).assign(**estimate_rows(theta, np.sqrt(np.diag(cov))))


def _path_row(effect: str, link: tuple[str, str], role: Any, data: DyadTable) -> dict[str, Any]:
    source, to = link
    term = f"{effect} {source} to {to}" + (f", {role}" if data.distinguishable else "")
    return {"term": term, "effect": effect, "source": source, "outcome": to, "role": role}


def k_table(
    fit: SemFit, data: DyadTable, variables: MediationVariables, draws: NDArray[np.float64] | None
) -> pd.DataFrame:
    """Partner path over actor path, of each pair; the interval is of the same kind as that of the effects."""
    import pandas as pd

    theta, cov = fit.subset(path_labels(variables, alike=not data.distinguishable))
    # k compares the own with the partner's units: without one metric it says nothing.
    links = [link for _ in (data.roles or ("",)) for link in variables.links]
    unit = np.array([np.nan if source in data.unequal else 1.0 for source, _ in links])
    estimate, spread = delta(lambda point: unit * point[1::2] / point[::2], theta, cov)
    columns = estimate_rows(estimate, np.sqrt(np.diag(spread)))
    if draws is not None:
        columns["conf_low"], columns["conf_high"] = np.quantile(
            unit * draws[:, 1::2] / draws[:, ::2], QUANTILES, axis=0
        )
    actor = estimate_rows(theta[::2], np.sqrt(np.diag(cov)[::2]))
    weak = (actor["conf_low"] <= 0) & (actor["conf_high"] >= 0)
    rows = [_path_row("k", link, role, data) for role in (data.roles or ("",)) for link in variables.links]
    notes = np.where(weak, "the actor path is not different from zero: a ratio to it says little", "")
    notes = np.where(np.isnan(unit), "withheld: the roles answered on two response scales", notes)
    return pd.DataFrame(rows).assign(**columns, note=notes)
