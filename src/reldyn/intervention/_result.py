"""What the results of this room have in common: a table, a methods paragraph, and what a careful reader must know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from reldyn._types import Array
from reldyn.results import InState, InTables, Result

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.intervention._phases import PhaseSeries
    from reldyn.results import Section


__all__ = ["PhaseResult", "SeriesResult", "series_labels", "series_frame"]


class SeriesResult(Result):
    """A table of estimates, with the series behind it.

    Attributes
    ----------
    table : pandas.DataFrame
        What `tidy` returns.
    series : pandas.DataFrame
        One row per person and occasion, for the figure: ``dyad``, ``person``, ``role``, ``time``, ``value``, ...
    outcome : str
    unit : str
        What one unit of ``time`` is.
    settings : dict
        How the numbers were made: seed, number of draws, ...
    notes : tuple of str
    counts : dict, optional
        Dyads, persons and answers behind the table, where the series themselves were not saved.
    """

    table = InTables()
    series = InState["pd.DataFrame"]()
    outcome = InState[str]()
    unit = InState[str]()
    settings = InState[dict[str, Any]](factory=dict)
    counts = InState[dict[str, int] | None](None)

    row_fields: ClassVar[tuple[str, ...]] = ("series",)

    def tidy(self) -> pd.DataFrame:
        """One row per estimate."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """One row: how many dyads, persons and answers, and the settings."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "outcome": self.outcome,
                    **self._counts(),
                    **self.settings,
                }
            ]
        )

    def _counts(self) -> dict[str, int]:
        if self.counts is not None:
            return self.counts
        return {
            "n_dyads": self.series["dyad"].nunique(),
            "n_persons": len(self.series[["dyad", "person"]].drop_duplicates()),
            "n_obs": int(self.series["value"].notna().sum()),
        }

    def _without_rows(self) -> Self:
        return self.with_parts(counts=self._counts())

    def _shown(self) -> pd.DataFrame:
        """What of the table a summary shows."""
        return self.table

    def _sections(self) -> Iterable[Section]:
        return (self._shown(),)


class PhaseResult(SeriesResult):
    """A table of estimates about two phases.

    Attributes
    ----------
    table, series, outcome, unit, settings, warnings
        As in `SeriesResult`; ``series`` also has ``after`` (True after the start) and ``fitted``.
    labels : tuple of str
        The two phases, the earlier first.
    """

    labels = InState[tuple[str, str]](("", ""))


def series_labels(identifiers: Sequence[tuple[Hashable, Hashable, Hashable]]) -> list[str]:
    """Name series in terms: the dyad, and the role where it tells the two apart, else the person.

    Parameters
    ----------
    identifiers : sequence of (dyad, person, role)
        One per person; the role is empty where there is none.

    Returns
    -------
    list of str

    Examples
    --------
    >>> series_labels([(1, "p1", "f"), (1, "p2", "m"), (2, "p3", "f"), (2, "p4", "f")])
    ['1 f', '1 m', '2 p3', '2 p4']
    """
    shared = Counter((dyad, role) for dyad, _, role in identifiers)
    return [f"{dyad} {person if role == '' or shared[dyad, role] > 1 else role}" for dyad, person, role in identifiers]


def series_frame(series: list[PhaseSeries], fitted: list[Array]) -> pd.DataFrame:
    """Stack series, each with its fitted values, as rows for a figure."""
    import pandas as pd

    parts = [
        pd.DataFrame({**one.identity, "time": one.time, "value": one.values, "after": one.after, "fitted": curve})
        for one, curve in zip(series, fitted, strict=True)
    ]
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
