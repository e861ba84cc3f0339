"""Parameters of influence functions averaged over dyads, each dyad fitted by itself.

By default the unweighted mean: in short series a slope and its standard error come from the same few answers, and
weights by precision would favour slopes that look small by chance.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.coupling._checks import AverageBy, pooling_of
from reldyn.stats import pool

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["averaged"]

_NUMBERS = ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high", "between_sd")


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
            if parameter.endswith("_at"):
                continue
            each = theirs[theirs["parameter"] == parameter]
            value, error = (each[column].to_numpy(dtype=float) for column in ("estimate", "std_error"))
            found = pool(value, error, each["dyad"].tolist(), pooling_of(by)).row()
            name = parameter.replace("_", " ")
            rows.append(
                {
                    "term": name if receiver == "" else f"{receiver}: {name}",
                    "receiver": receiver,
                    "sender": sender,
                    "parameter": parameter,
                    **{number: found[number] for number in _NUMBERS},
                    "n_dyads": int(found["n"]),
                    "note": found["note"],
                }
            )
    return pd.DataFrame(rows)
