"""Parameters of influence functions averaged over dyads, each dyad fitted by itself."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.coupling._averages import AverageBy, average

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["averaged"]

_NUMBERS = ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high", "between_sd", "n_dyads")
_FEW = {0: "no dyad has it with a standard error", 1: "a single dyad has no spread over dyads"}


def averaged(estimates: pd.DataFrame, roles: Sequence[Hashable], by: AverageBy) -> pd.DataFrame:
    """Average every parameter that has a standard error; thresholds have none.

    Parameters
    ----------
    estimates : pandas.DataFrame
        What `InfluenceResult.tidy` returns.
    roles : sequence of label
        The two roles where they tell all partners apart; empty where they do not: partners are then averaged within
        their dyad first.
    by : {"mean", "random-effects"}

    Returns
    -------
    pandas.DataFrame
        One row per receiver and parameter.
    """
    import pandas as pd

    known = estimates[np.isfinite(estimates["std_error"].to_numpy(dtype=float))]
    rows: list[dict[str, Any]] = []
    for receiver in roles or [""]:
        theirs = known if receiver == "" else known[known["receiver"] == receiver]
        sender = "" if receiver == "" else next(role for role in roles if role != receiver)
        for parameter in dict.fromkeys(estimates["parameter"]):
            each = theirs[theirs["parameter"] == parameter].groupby("dyad", sort=False)
            if parameter.endswith("_at"):
                continue
            value = each["estimate"].mean().to_numpy(dtype=float)
            variance = each["std_error"].agg(lambda errors: float((errors**2).sum())).to_numpy(dtype=float)
            found = average(value, np.sqrt(variance) / np.maximum(each.size().to_numpy(), 1), by)
            name = parameter.replace("_", " ")
            rows.append(
                {
                    "term": name if receiver == "" else f"{receiver}: {name}",
                    "receiver": receiver,
                    "sender": sender,
                    "parameter": parameter,
                    **{number: getattr(found, number) for number in _NUMBERS},
                    "note": _FEW.get(found.n_dyads, ""),
                }
            )
    return pd.DataFrame(rows)
