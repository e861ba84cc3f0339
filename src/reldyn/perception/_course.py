"""How directional bias, truth force and bias force move over time, as the fitted straight lines with their bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reldyn.errors import DesignError

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.perception._truth_bias_result import TruthBiasResult

__all__ = ["course_table"]

_LEVELS = {"directional bias": "", "truth force": "truth force", "bias force": "bias force"}
_CHANGES = {
    "directional bias": "drift",
    "truth force": "truth force over time",
    "bias force": "bias force over time",
}


def course_table(result: TruthBiasResult, n_points: int) -> pd.DataFrame:
    """One row per effect, role and point in time; the table of `TruthBiasResult.course`.

    Parameters
    ----------
    result : TruthBiasResult
    n_points : int

    Returns
    -------
    pandas.DataFrame
    """
    import pandas as pd

    if not result.setting.over_time:
        raise DesignError("nothing was let change over time: fit with over_time= and the column of time.")
    low, mean, high = result.setting.time_range
    points = np.linspace(low, high, max(int(n_points), 2))
    table = result.fit.tidy()
    group = ["role", "composition"] if "composition" in table else ["role"]
    parts = []
    for effect, level in _LEVELS.items():
        here = table[table["variable"] == level]
        for row in here.to_dict("records"):
            other = table[table["variable"] == _CHANGES[effect]]
            for name in group:
                other = other[other[name] == row[name]]
            weights = {f"{at:.17g}": {row["term"]: 1.0, other["term"].iloc[0]: float(at - mean)} for at in points}
            found = result.fit.contrast(weights)
            line = found[["estimate", "std_error", "conf_low", "conf_high"]].assign(effect=effect, role=row["role"])
            line.insert(0, result.setting.over_time, points)
            parts.append(line)
    frame = pd.concat(parts, ignore_index=True)
    first = ["effect", "role", result.setting.over_time]
    return frame[[*first, *(name for name in frame.columns if name not in first)]]
