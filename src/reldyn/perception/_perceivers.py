"""Each perceiver's own effects: the common estimate plus the predicted deviation of the person or the dyad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.perception._truth_bias_result import TruthBiasResult

__all__ = ["perceiver_table"]

_COLUMNS = {"directional_bias": "", "truth_force": "truth force", "bias_force": "bias force"}


def perceiver_table(result: TruthBiasResult) -> pd.DataFrame:
    """One row per perceiver; the table of `TruthBiasResult.perceivers`.

    Parameters
    ----------
    result : TruthBiasResult

    Returns
    -------
    pandas.DataFrame
    """
    fixed, varying, identifiers = result.fit.tidy(), result.fit.random_effects(), result.identifiers
    mixed = "composition" in fixed
    common = {
        (row["variable"], row["role"], row["composition"] if mixed else ""): row["estimate"]
        for row in fixed.to_dict("records")
    }
    own = {(row["variable"], row["role"], row["dyad"]): row["estimate"] for row in varying.to_dict("records")}
    table = identifiers[["dyad", "person", "role", "n_obs"]].copy()
    people: list[dict[Any, Any]] = identifiers.to_dict("records")
    for name, variable in _COLUMNS.items():
        if variable not in set(fixed["variable"]):
            continue
        table[name] = [
            _common(common, variable, one, one["composition"] if mixed else "") + _deviation(own, variable, one)
            for one in people
        ]
    return table


def _names(one: dict[Any, Any]) -> tuple[str, ...]:
    """What a perceiver is called in the tables of a fit: by role, by place in the dyad, or not at all."""
    return (one["role"], f"member {one['member'] + 1}", "")


def _common(estimates: dict[Any, float], variable: str, one: dict[Any, Any], composition: str) -> float:
    for role in _names(one):
        for group in dict.fromkeys((composition, "")):
            if (variable, role, group) in estimates:
                return float(estimates[variable, role, group])
    return float(np.nan)


def _deviation(estimates: dict[Any, float], variable: str, one: dict[Any, Any]) -> float:
    """The person's own deviation, or that of the dyad; zero where nothing varies."""
    for role in dict.fromkeys(_names(one)):
        if (variable, role, one["dyad"]) in estimates:
            return float(estimates[variable, role, one["dyad"]])
    return 0.0
