"""The perceivers of a panel, and the tables with one row for each of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel, PersonSeries
    from reldyn.stats import Estimate

__all__ = ["mean_cells", "perceivers_of", "role_groups", "with_sample_rows"]


def perceivers_of(panel: DyadPanel, variable: str) -> list[PersonSeries]:
    """The series of every person, by dyad, then member; roles as text.

    Parameters
    ----------
    panel : DyadPanel
    variable : str
        What the values of the series are.

    Returns
    -------
    list of PersonSeries
    """
    return [replace(person, role=str(person.role)) for person in panel.series(variable).by_person()]


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
