"""What a panel holds: its rows with their codes, schedule and findings, none of which ever changes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

import numpy as np

from reldyn._format import counted
from reldyn.panel._compositions import count_compositions
from reldyn.panel._index import PanelIndex
from reldyn.panel._printing import one_line
from reldyn.panel._schedule import Schedule
from reldyn.panel.checks._findings import examine

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.panel._clock import Clock
    from reldyn.panel.timing._formats import TimeOptions

__all__ = ["Findings", "PanelRows"]

# How many compositions one line names.
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Findings:
    """The table of `check_panel` for some rows, made when it is first read."""

    frame: pd.DataFrame
    columns: Mapping[str, Any]
    schedule: Schedule | None
    scales: Mapping[str, tuple[float, float]]
    options: TimeOptions

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per finding."""
        scales = dict(self.scales) or None
        return examine(self.frame, **self.columns, schedule=self.schedule, scales=scales, options=self.options)[0]


Rows = TypeVar("Rows", bound="PanelRows")


def _filled(cls: type[Rows], parts: Mapping[str, Any]) -> Rows:
    """A panel of parts that were checked when they were first brought together."""
    panel = object.__new__(cls)
    panel._fill(**parts)
    return panel


class PanelRows:
    """The rows of a `DyadPanel`, and what is known of them."""

    __slots__ = (
        "_columns",
        "_compositions",
        "_exchangeable",
        "_findings",
        "_frame",
        "_index",
        "_numbers",
        "_scales",
        "_schedule",
        "_time_options",
    )

    _frame: pd.DataFrame
    _index: PanelIndex
    _columns: Mapping[str, str | None]
    _schedule: Schedule | None
    _scales: Mapping[str, tuple[float, float]]
    _findings: Findings
    _compositions: tuple[str, ...]
    _exchangeable: frozenset[str]
    _time_options: TimeOptions
    # Columns of numbers that were already read: views of the frame, so nothing is kept twice.
    _numbers: dict[str, NDArray[np.float64]]

    def _fill(
        self,
        frame: pd.DataFrame,
        index: PanelIndex,
        columns: Mapping[str, str | None],
        schedule: Schedule | None,
        scales: Mapping[str, tuple[float, float]],
        findings: Findings,
        compositions: tuple[str, ...],
        exchangeable: frozenset[str],
        options: TimeOptions,
    ) -> None:
        values = {
            "_frame": frame,
            "_index": index,
            "_columns": MappingProxyType(dict(columns)),
            "_schedule": schedule,
            "_scales": MappingProxyType(dict(scales)),
            "_findings": findings,
            "_compositions": compositions,
            "_exchangeable": exchangeable,
            "_time_options": options,
            "_numbers": {},
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a DyadPanel never changes: make a new one instead of setting {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        # For worker processes only: what stands on a disk is written by `to_parquet`.
        columns, scales = dict(self._columns), dict(self._scales)
        findings = replace(self._findings, columns=dict(self._findings.columns), scales=dict(self._findings.scales))
        if "table" in self._findings.__dict__:
            findings.__dict__["table"] = self._findings.table
        return _filled, (type(self), {**self._parts(), "columns": columns, "scales": scales, "findings": findings})

    def _parts(self) -> dict[str, Any]:
        return {
            "frame": self._frame,
            "index": self._index,
            "columns": self._columns,
            "schedule": self._schedule,
            "scales": self._scales,
            "findings": self._findings,
            "compositions": self._compositions,
            "exchangeable": self._exchangeable,
            "options": self._time_options,
        }

    def _with(self, **changes: Any) -> Self:
        return _filled(type(self), self._parts() | changes)

    def _with_columns(self, columns: Mapping[str, Any]) -> Self:
        frame = self._frame.copy(deep=False)
        for name, values in columns.items():
            frame[name] = values
        return self._with(frame=frame)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Where something is sought that data frames have, say where the data frame is."""
            import pandas as pd

            if name == "plot":
                raise AttributeError(
                    "a DyadPanel has no 'plot': rd.plot.trajectories(panel, ['...']) draws its columns."
                )
            if name.startswith("_") or not hasattr(pd.DataFrame, name):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            raise AttributeError(f"a DyadPanel has no {name!r}: panel.frame.{name} is that of its rows, a data frame.")

    @property
    def frame(self) -> pd.DataFrame:
        """The rows, as a copy, in the order they came."""
        import pandas as pd

        # From pandas 3 a shallow copy is a copy: whoever writes into either gets rows of their own.
        return self._frame.copy(deep=int(pd.__version__.split(".")[0]) < 3)

    @property
    def index(self) -> PanelIndex:
        """Integer codes of dyad, member, day, beep and step of every row."""
        return self._index

    @property
    def clock(self) -> Clock:
        """The scheduled occasions of the study, with nights, weekends and steps; shared by every part of a panel."""
        return self._index.schedule

    @property
    def columns(self) -> Mapping[str, str | None]:
        """Which column holds ``dyad``, ``person``, ``role``, ``time``, ``day`` and ``beep``."""
        return self._columns

    @property
    def schedule(self) -> Schedule | None:
        """The clock columns and the length of a night."""
        return self._schedule

    @property
    def dates(self) -> str | Mapping[str, str] | None:
        """How dates are written, as declared."""
        return self._time_options.dates

    @property
    def timezone(self) -> str | None:
        """Zone of the participants, as declared."""
        return self._time_options.timezone

    @property
    def workdays(self) -> tuple[int, ...] | None:
        """Declared days of the week of the schedule, Monday is 0."""
        return self._time_options.workdays

    @property
    def scales(self) -> Mapping[str, tuple[float, float]]:
        """Declared response scales."""
        return self._scales

    @property
    def findings(self) -> pd.DataFrame:
        """What a careful analyst would ask about the rows, as a copy of the table of `check_panel`."""
        return self._findings.table.copy()

    @property
    def n_dyads(self) -> int:
        """Number of dyads."""
        return self._index.n_dyads

    @property
    def n_persons(self) -> int:
        """Number of persons."""
        return self._index.n_persons

    @property
    def n_occasions(self) -> int:
        """The largest number of distinct occasions that any dyad has; 1 for a cross-section."""
        index = self._index
        pairs = np.unique(index.dyad * index.cells + index.occasion)
        return int(np.bincount(pairs // index.cells).max(initial=0))

    @property
    def roles(self) -> tuple[Hashable, ...]:
        """Role labels in panel order; empty where members are exchangeable."""
        return self._index.roles

    @property
    def compositions(self) -> Mapping[str, int]:
        """How many dyads of each composition there are (``{"female-male": 120, ...}``)."""
        return MappingProxyType(count_compositions(self._compositions))

    @property
    def exchangeable_compositions(self) -> frozenset[str]:
        """Compositions whose members no role tells apart."""
        return self._exchangeable | self._alike

    @property
    def _alike(self) -> frozenset[str]:
        index = self._index
        if not index.roles:
            return frozenset(self._compositions)
        same = index.role_of_member[:, 0] == index.role_of_member[:, 1]
        return frozenset(label for label, alike in zip(self._compositions, same, strict=True) if alike)

    @property
    def composition_of_dyad(self) -> tuple[str, ...]:
        """Composition label of each dyad, in the order of dyad codes."""
        return self._compositions

    def __len__(self) -> int:
        return len(self._frame)

    def __repr__(self) -> str:
        counts = self.compositions
        shown = [f"{count} {one_line(label)}" for label, count in list(counts.items())[:_SHOWN]]
        more = f", {len(counts) - _SHOWN:,} more compositions" if len(counts) > _SHOWN else ""
        return (
            f"DyadPanel: {counted(self.n_dyads, 'dyad')} ({', '.join(shown)}{more}), "
            f"{counted(self.n_persons, 'person')}, up to {counted(self.n_occasions, 'occasion')}, "
            f"{counted(len(self), 'row')}, {counted(self._frame.shape[1], 'column')}"
        )
