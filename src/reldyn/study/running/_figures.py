"""The figures of an analysis: those of the sample by default, those that draw single dyads where the study asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

import reldyn.plot
from reldyn._registry import Analysis
from reldyn.errors import ReldynError
from reldyn.results import Result
from reldyn.study.asking import Request
from reldyn.study.running._few import all_few
from reldyn.study.running._over_dyads import Spread, has_ids

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["figures_of"]

# Figures of `reldyn.plot` in which no mark is one dyad's: any other may be.
_OF_SAMPLE = frozenset(
    {"path_diagram", "common_fate_diagram", "mediation_diagram", "response_surface", "simple_slopes"}
    | {"lag_sequential", "susy", "similarity", "calibration", "coefficients"}
)
_SCHEDULE = "cycles.schedule"
_DRAWN_DYADS, _MOST_ROWS = 12, 30


def figures_of(
    entry: Analysis,
    request: Request,
    result: Result,
    *,
    rows: pd.DataFrame | None,
    spread: Sequence[Spread],
    panel: DyadPanel,
    dyads: list[Any] | bool | None,
) -> dict[str, str]:
    """Figures as SVG by name.

    Parameters
    ----------
    entry, asked, result
        The analysis and what it found.
    rows : pandas.DataFrame or None
        Rows of its table that stand for the sample.
    spread : sequence of Spread
        How the rest is spread over dyads.
    panel : DyadPanel
    dyads : list, bool or None
        Labels of dyads to draw one by one; True: the first few; None or False: none. Figures of all dyads are drawn
        for True alone.
    """
    import pandas as pd

    drawn: dict[str, Callable[[], Any]] = {}
    shown = dyads is True or (entry.figure in _OF_SAMPLE and not all_few(rows, spread))
    if entry.figure and type(result).figure is not None and shown:
        drawn[entry.figure] = result.plot
    if request.verb == _SCHEDULE and dyads:
        drawn["schedule"] = lambda: _draw_schedule(request, result, panel, dyads)
    estimates = None if rows is None else _estimates(rows)
    if estimates is not None:
        drawn["coefficients"] = lambda: reldyn.plot.coefficients(_Table(estimates))  # type: ignore[arg-type]
    known = [one for one in spread if np.isfinite(one.low)]
    if known and not drawn:
        drawn["spread"] = lambda: reldyn.plot.spread(pd.DataFrame([asdict(one) for one in known]))
    figures = {}
    for name, draw in drawn.items():
        try:
            figures[name] = reldyn.plot.to_svg(draw, salt=f"{name}-{request.name}")
        except ReldynError:
            # Such as a growth model, which has no paths; its table says all.
            continue
    return figures


class _Table:
    """Rows in the place of a result."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self._rows = rows

    def tidy(self) -> pd.DataFrame:
        return self._rows


def _estimates(rows: pd.DataFrame) -> pd.DataFrame | None:
    """Rows with an estimate and its interval, for one figure; None where there are none, or too many."""
    if has_ids(rows) or not {"term", "estimate", "conf_low", "conf_high"} <= set(rows):
        return None
    values = rows[["estimate", "conf_low", "conf_high"]].to_numpy(dtype=float, na_value=np.nan)
    kept = np.isfinite(values).all(axis=1)
    if "effect" in rows:
        kept &= (rows["effect"] != "intercept").to_numpy()
    return rows[kept] if 0 < kept.sum() <= _MOST_ROWS else None


def _draw_schedule(request: Request, result: Result, panel: DyadPanel, dyads: list[Any] | bool) -> Any:
    import reldyn.cycles

    table = result.tidy()
    same = {name: request.options[name] for name in ("warmth", "event", "reported_by") if name in request.options}
    events: Any = reldyn.cycles.events(panel, **same)
    events = events.tidy() if isinstance(events, Result) else events
    chosen = dyads if isinstance(dyads, list) else list(dict.fromkeys(table["dyad"]))[:_DRAWN_DYADS]
    return reldyn.plot.schedule(table, events, dyads=chosen)
