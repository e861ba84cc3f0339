"""Say when a lagged column is nearly empty although the values are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Flags
from reldyn.errors import DataWarning, warn_caller

if TYPE_CHECKING:
    from reldyn.panel._index import PanelIndex
    from reldyn.panel._panel import DyadPanel

# A tenth: random non-response leaves at least as many lags down to one answer in ten.
_FEW = 0.1
_FEWEST = 5


def warn_of_lost_lags(panel: DyadPanel, name: str, values: Array, lagged: Array, steps: int) -> None:
    """Warn where hardly any value that could have a lag has one.

    Parameters
    ----------
    panel : DyadPanel
    name : str
        Column of the values.
    values, lagged : (n,) arrays
    steps : int
        How many occasions the lag looks back.
    """
    known = np.isfinite(values)
    # A value with a lag of one occasion follows on another: enough of them, and nothing needs to be sorted.
    if steps == 1 and (known & np.isfinite(lagged)).sum() >= _FEW * known.sum():
        return
    possible = _with_earlier(panel.index, known, steps)
    n, found = int(possible.sum()), int((possible & np.isfinite(lagged)).sum())
    back = "one occasion" if steps == 1 else f"{steps} occasions"
    if steps > 1 and known.sum() >= _FEWEST and not n and not np.isfinite(lagged).any():
        inside = " within a day" if panel.index.n_days > 1 else ""
        warn_caller(
            f"{name}_lag{steps} is empty: nobody has values of {name!r} at more than {back}{inside}. Take fewer steps.",
            DataWarning,
        )
    if n < _FEWEST or found >= _FEW * n:
        return
    times = panel.columns["time"] or panel.columns["beep"] or panel.columns["day"]
    warn_caller(
        f"{name}_lag{steps}: only {found:,} of {counted(n, 'value')} of {name!r} that follow on others of the same "
        f"person have a value exactly {back} earlier by {times!r}. Where each person's times are their own, name the "
        "numbers of the schedule (day=, beep=) or find them with rd.align.",
        DataWarning,
    )


def _with_earlier(index: PanelIndex, known: Flags, steps: int) -> Flags:
    """Known values that at least so many earlier known values of the same person and day precede."""
    rows = np.flatnonzero(known)
    day, step = index.lag_codes
    if not index.on_grid and index.n_days == 1:
        # Moments on no grid: stretches of their steps are no days, and a person's rows follow on each other.
        day, step = np.zeros_like(day), index.occasion
    series = (index.dyad * 2 + index.member)[rows]
    order = np.lexsort((step[rows], day[rows], series))
    rows, series = rows[order], series[order]
    back = np.zeros(len(known), dtype=bool)
    back[rows[steps:]] = (series[steps:] == series[:-steps]) & (day[rows[steps:]] == day[rows[:-steps]])
    return back
