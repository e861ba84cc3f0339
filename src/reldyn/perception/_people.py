"""Who the perceivers of a panel are, and the rows of each, in one defined order."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel
    from reldyn.stats import Estimate

__all__ = ["Perceiver", "mean_cells", "perceivers_of", "role_groups", "with_sample_rows"]


@dataclass(frozen=True)
class Perceiver:
    """One person of the panel.

    Attributes
    ----------
    dyad, person : hashable
        Labels.
    role : str
        Empty where no role tells the members apart.
    dyad_code : int
    rows : (n,) int array
        Positions in the panel, in the order of occasions.
    """

    dyad: Hashable
    person: Hashable
    role: str
    dyad_code: int
    rows: NDArray[np.int64]

    @property
    def identity(self) -> dict[str, Any]:
        """The cells that say who it is."""
        return {"dyad": self.dyad, "person": self.person, "role": self.role}


def perceivers_of(panel: DyadPanel) -> Iterator[Perceiver]:
    """Every person of a panel, in the order of dyads and members.

    Parameters
    ----------
    panel : DyadPanel

    Yields
    ------
    Perceiver
    """
    index = panel.index
    order = np.lexsort((index.occasion, index.member, index.dyad))
    key = index.dyad[order] * 2 + index.member[order]
    starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    for start, stop in zip(starts, np.r_[starts[1:], len(order)], strict=True):
        rows = order[start:stop]
        first = rows[0]
        code = int(index.role[first])
        yield Perceiver(
            dyad=index.dyad_labels[index.dyad[first]],
            person=index.person_labels[index.person[first]],
            role=str(index.roles[code]) if index.roles and code >= 0 else "",
            dyad_code=int(index.dyad[first]),
            rows=rows,
        )


def role_groups(roles: list[str]) -> list[tuple[str, NDArray[np.bool_]]]:
    """Which rows belong to each role, then to all: the groups a sample is described in."""
    array = np.array(roles, dtype=object)
    named = [role for role in dict.fromkeys(roles) if role]
    groups = [(role, array == role) for role in sorted(named)] if len(named) > 1 else []
    return [*groups, ("", np.ones(len(array), dtype=bool))]


def mean_cells(found: Estimate) -> dict[str, float | str]:
    """The inferential cells of a sample row, from the estimate of one quantity."""
    row = found.row()
    names = ("std_error", "statistic", "df", "p_value", "conf_low", "conf_high", "note")
    return {name: row[name] for name in names}


def with_sample_rows(people: list[dict[str, Any]], sample: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """Persons first, then the rows about the sample, all with the same columns."""
    import pandas as pd

    frame = pd.DataFrame([*people, *sample], columns=columns)
    return frame.astype({"dyad": object, "person": object, "role": object, "note": object})
