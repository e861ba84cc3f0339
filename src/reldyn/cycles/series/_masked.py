"""Careless stretches of a panel, as the rows whose answers a detection leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.panel import careless_stretches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reldyn.panel import DyadPanel

__all__ = ["MOST_MASKED", "careless_rows"]

# Above this share of the answered occasions what is left is no longer the series that was asked about.
MOST_MASKED = 0.2
# An item that is asked at fewer than half of the prompts is no item of every prompt.
_ASKED = 0.5


def careless_rows(panel: DyadPanel, names: Sequence[str]) -> Flags:
    """Rows in stretches of the same answers to all rated items, longer than the person's own habits explain.

    Parameters
    ----------
    panel : DyadPanel
    names : sequence of str
        Items that the detection reads. Every other item with a declared scale that is asked as often counts too.

    Returns
    -------
    (n_rows,) bool array
        All False where there is a single item: a strong cycle of warmth alone has such stretches.
    """
    index = panel.index
    items = {name: panel.values(name) for name in names}
    n_answers = max((int(np.isfinite(values).sum()) for values in items.values()), default=0)
    for name in panel.scales:
        if name not in items:
            values = panel.values(name)
            if _prompted(values, index.person, n_answers):
                items[name] = values
    masked = np.zeros(len(index.person), dtype=bool)
    if len(items) > 1:
        order = np.argsort(index.person * index.cells + index.occasion, kind="stable")
        table = np.column_stack(list(items.values()))[order]
        masked[order] = careless_stretches(table, index.person[order]).masked
    return masked


def _prompted(values: Array, person: Ints, n_answers: int) -> bool:
    """Whether an item was answered at half of the prompts or more and varies within somebody."""
    given = np.isfinite(values)
    if int(given.sum()) < _ASKED * n_answers or not given.any():
        return False
    order = np.argsort(person[given], kind="stable")
    same = np.diff(person[given][order]) == 0
    return bool((np.diff(values[given][order])[same] != 0).any())
