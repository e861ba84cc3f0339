"""Rows for partners who are absent at an occasion, so that their missing values have a place."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.panel import DyadPanel

__all__ = ["with_absent_partners"]


def with_absent_partners(panel: DyadPanel) -> DyadPanel:
    """The panel with a row for each partner who has none at an occasion, empty but for who and when."""
    import pandas as pd

    index = panel.index
    template = np.full((index.n_dyads, 2), -1, dtype=np.int64)
    template[index.dyad, index.member] = np.arange(len(index.dyad))
    alone = np.flatnonzero(index.partner_row < 0)
    partner = template[index.dyad[alone], 1 - index.member[alone]]
    alone, partner = alone[partner >= 0], partner[partner >= 0]
    if not len(alone):
        return panel
    frame, columns = panel.frame, panel.columns
    when = [columns[what] for what in ("dyad", "time", "day", "beep") if columns[what] is not None]
    extra = frame[list(dict.fromkeys(when))].iloc[alone].reset_index(drop=True)
    for what in ("person", "role"):
        name = columns[what]
        if name is not None and name not in extra:
            extra[name] = frame[name].iloc[partner].to_numpy()
    rows = pd.concat([frame, extra], ignore_index=True)
    rows.attrs = frame.attrs
    same: dict[str, Any] = {
        name: _extended(getattr(index, name), alone) for name in ("dyad", "day", "beep", "step", "clock")
    }
    other: dict[str, Any] = {
        name: np.r_[getattr(index, name), getattr(index, name)[partner]] for name in ("person", "member", "role")
    }
    return panel._with(frame=rows, index=dataclasses.replace(index, **same, **other))


def _extended(values: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
    return np.concatenate([values, values[rows]])
