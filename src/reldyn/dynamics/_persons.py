"""Who the rows of a table speak of: labels of dyad, person and role in the order of the panel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import agreeing, counted
from reldyn.errors import DesignError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.panel import DyadPanel

__all__ = ["first_rows", "left_out_notes", "listed", "person_columns"]


def listed(variables: str | Sequence[str]) -> list[str]:
    """Return the names asked for; one alone may stand without a list, none is an error."""
    try:
        names = [variables] if isinstance(variables, str) else list(variables)
    except TypeError:
        raise DesignError(f"{variables!r} names no column: give one name, as text, or a list of names.") from None
    if not names:
        raise DesignError("variables is empty: name at least one column.")
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise DesignError(f"variables names {twice[0]!r} twice: name each column once.")
    return names


def left_out_notes(n_used: int, n_persons: int) -> tuple[str, ...]:
    """Return how many persons are left out of a model, where any are."""
    left_out = n_persons - n_used
    return (
        (
            f"{left_out} of {counted(n_persons, 'person')} {agreeing(left_out, 'is', 'are')} left out; persons() says "
            "why.",
        )
        if left_out
        else ()
    )


def first_rows(panel: DyadPanel) -> NDArray[np.int64]:
    """Return one row of each person, in the order of person codes."""
    return np.asarray(np.unique(panel.index.person, return_index=True)[1], dtype=np.int64)


def person_columns(panel: DyadPanel) -> dict[str, list[Any]]:
    """Return the columns ``dyad``, ``person`` and ``role`` of a table with one row per person; no role is empty."""
    index, row = panel.index, first_rows(panel)
    roles = ["" if code < 0 else index.roles[code] for code in index.role[row]]
    return {
        "dyad": [index.dyad_labels[code] for code in index.dyad[row]],
        "person": list(index.person_labels),
        "role": roles,
    }
