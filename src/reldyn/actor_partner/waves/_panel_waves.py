"""Waves of both members side by side, and the table of the dynamic panel model fitted to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import counted

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.actor_partner.model._terms import Stratum
    from reldyn.mixed import DynamicPanel
    from reldyn.panel import DyadPanel

__all__ = ["dynamic_panel_rows", "panel_waves", "too_long"]

# Multiplications of one evaluation above which incomplete series take minutes.
_MOST_WORK = 5e7
_FEW_DYADS = 60
_FEWEST_WAVES = 3
# tools/calibration/carry_over.py measures what is said here.
_THREE_WAVES = (
    "Three waves say little about stability beside stable levels. Over simulated samples of 200 dyads the estimate of "
    "a stability of .40 had a standard deviation of .16 to .23, a tenth to a fifth more than its standard error; on "
    "average it was up to .07 too large, in the median up to .03, while intervals covered in .93 to .96. Report the "
    "interval, not the estimate alone; four waves halve its width."
)


def panel_waves(panel: DyadPanel, outcome: str, stratum: Stratum) -> NDArray[np.float64]:
    """The outcome as (n_dyads, waves, 2), roles in the order of the composition; NaN where missing."""
    index = panel.index
    member = index.member
    if stratum.roles:
        member = (index.role == index.roles.index(stratum.roles[1])).astype(np.int64)
    waves = np.full((index.n_dyads, index.cells, 2), np.nan)
    waves[index.dyad, index.occasion, member] = panel.values(outcome)
    present = np.isfinite(waves).any(axis=(1, 2))
    # Occasions before anybody's first answer and after the last are not part of the series.
    asked = np.flatnonzero(np.isfinite(waves).any(axis=(0, 2)))
    return waves[present][:, asked[0] : asked[-1] + 1] if len(asked) else waves


def too_long(waves: NDArray[np.float64]) -> bool:
    """Whether gaps in long series make the exact likelihood of a free first wave too costly."""
    present = np.isfinite(waves).reshape(len(waves), -1)
    return not present.all() and len(np.unique(present, axis=0)) * (2.0 * waves.shape[1]) ** 3 > _MOST_WORK


def dynamic_panel_rows(
    fit: DynamicPanel, waves: NDArray[np.float64], stratum: Stratum, outcome: str
) -> tuple[pd.DataFrame, Mapping[str, Any], tuple[str, ...]]:
    """The tidy table, what `glance` says, and the notes."""
    import pandas as pd

    roles: list[Any] = ["", ""]
    if stratum.exchangeable:
        order, effects = [0, 1], ["stability", "influence"]
    else:
        order, effects = [0, 3, 1, 2], ["stability", "stability", "influence", "influence"]
        roles = [*stratum.roles, *stratum.roles]
    numbers = ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high")
    table = pd.DataFrame(
        {
            "term": [
                ", ".join(part for part in (f"{effect} of {outcome}", str(role)) if part)
                for effect, role in zip(effects, roles, strict=True)
            ],
            "effect": effects,
            "variable": f"{outcome}_lag1",
            "level": "within",
            "role": pd.Series(roles, dtype=object),
            "moderator": "",
        }
    ).assign(**{name: np.asarray(getattr(fit.effects, name))[order] for name in numbers})
    present = np.isfinite(waves)
    about = {
        "n_dyads": len(waves),
        "n_persons": int(present.any(axis=1).sum()),
        "n_obs": int(present.sum()),
        "waves": waves.shape[1],
        "log_likelihood": fit.log_likelihood,
        "n_parameters": fit.n_parameters,
        "aic": 2.0 * (fit.n_parameters - fit.log_likelihood),
        "bic_dyads": float(np.log(len(waves))) * fit.n_parameters - 2.0 * fit.log_likelihood,
        "method": "ml",
        "intervals": fit.intervals,
        "converged": fit.converged,
        "stationary": fit.stationary,
        "complete": fit.complete,
        "stable_variance": tuple(float(value) for value in np.diag(fit.stable)[: 1 if stratum.exchangeable else 2]),
    }
    return table, about, _notes(fit, len(waves), waves.shape[1])


def _notes(fit: DynamicPanel, n_dyads: int, waves: int) -> tuple[str, ...]:
    notes = []
    if not fit.converged:
        notes.append("The optimum of the dynamic panel model is not verified: its numbers are not to be reported.")
    if fit.converged and not fit.stationary:
        notes.append(
            "The highest likelihood has a transition that does not fade: these waves do not separate stability from "
            "stable levels. Declare a stationary process with residual='var1' where one is credible."
        )
    if not np.isfinite(fit.effects.conf_low).all() or not np.isfinite(fit.effects.conf_high).all():
        notes.append("The likelihood has no lower or upper bound for an effect: these waves say too little about it.")
    if waves == _FEWEST_WAVES:
        notes.append(_THREE_WAVES)
    if n_dyads < _FEW_DYADS:
        notes.append(
            f"{counted(n_dyads, 'dyad')}: the dynamic panel model is large-sample inference, checked at 200 dyads; "
            "with few, intervals may be too narrow."
        )
    return tuple(notes)
