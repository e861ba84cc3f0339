"""Reshaping a panel: one row per dyad and occasion, and parts of a panel."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DataError
from reldyn.panel._labels import label_codes

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.panel._index import PanelIndex
    from reldyn.panel._panel import DyadPanel

__all__ = ["selection", "subset_index", "to_wide"]


def to_wide(panel: DyadPanel, variables: Sequence[str]) -> pd.DataFrame:
    """Build the wide frame of `DyadPanel.wide`."""
    import pandas as pd

    index, frame = panel.index, panel._frame
    key = index.dyad * index.cells + index.occasion
    occasions, first = np.unique(key, return_index=True)
    dyad, occasion = occasions // index.cells, occasions % index.cells
    keep = [name for what in ("dyad", "time", "day", "beep") if (name := panel.columns[what]) is not None]
    wide = frame[keep].take(first).reset_index(drop=True)
    both = [index.find(dyad, np.full(len(dyad), member), occasion) for member in (0, 1)]
    for name in variables:
        for member, label in enumerate(_member_names(panel)):
            rows = both[member]
            column = frame[name].iloc[np.maximum(rows, 0)].reset_index(drop=True)
            wide[f"{name}_{label}"] = column.where(pd.Series(rows >= 0))
    return wide


def _member_names(panel: DyadPanel) -> tuple[str, str]:
    roles = panel.roles
    told_apart = len(roles) == 2 and len(panel.compositions) == 1 and not panel._alike
    return (str(roles[0]), str(roles[1])) if told_apart else ("1", "2")


def selection(
    panel: DyadPanel,
    *,
    dyads: Sequence[Hashable] | None,
    roles: Sequence[Hashable] | None,
    compositions: Sequence[str] | None,
    where: Callable[[pd.DataFrame], Any] | NDArray[np.bool_] | None,
) -> NDArray[np.bool_]:
    """Mask of the rows that `DyadPanel.select` keeps."""
    index = panel.index
    keep = np.ones(len(panel), dtype=bool)
    if dyads is not None:
        keep &= np.isin(index.dyad, label_codes(dyads, index.dyad_labels, "dyad"))
    if roles is not None:
        keep &= np.isin(index.role, label_codes(roles, index.roles, "role"))
    if compositions is not None:
        wanted = [compositions] if isinstance(compositions, str) else list(compositions)
        label_codes(wanted, tuple(panel.compositions), "composition")
        keep &= np.isin(np.array(panel.composition_of_dyad, dtype=object)[index.dyad], wanted)
    if where is not None:
        mask = np.asarray(where(panel.frame) if callable(where) else where)
        if mask.shape != keep.shape or mask.dtype != bool:
            raise DataError(
                f"where gives an array of shape {mask.shape} and type {mask.dtype}; "
                f"wanted are {len(keep)} booleans, one per row."
            )
        keep &= mask
    if not keep.any():
        raise DataError("no row is left: the selection excludes every row of the panel.")
    return keep


def subset_index(index: PanelIndex, rows: NDArray[np.int64]) -> tuple[PanelIndex, NDArray[np.int64]]:
    """Index of some rows: dyads and persons renumbered, the grid of days and beeps kept."""
    dyads, dyad = np.unique(index.dyad[rows], return_inverse=True)
    persons, person = np.unique(index.person[rows], return_inverse=True)
    clock = index.schedule
    if clock.absent is not None:
        clock = dataclasses.replace(clock, absent=clock.absent[dyads])
    part = dataclasses.replace(
        index,
        schedule=clock,
        dyad=dyad.astype(np.int64),
        person=person.astype(np.int64),
        **{name: getattr(index, name)[rows] for name in ("member", "role", "day", "beep", "step", "clock")},
        n_dyads=len(dyads),
        n_persons=len(persons),
        dyad_labels=tuple(index.dyad_labels[code] for code in dyads),
        person_labels=tuple(index.person_labels[code] for code in persons),
    )
    return part, dyads
