"""What a study file may say: sections, keys and their types, checked by pydantic.

Every section mirrors the call that it feeds, with the same names, so that what is known about `reldyn.DyadPanel` or
`reldyn.read_table` holds here as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from reldyn.panel import Schedule, time_options
from reldyn.study._section import Section, ascending
from reldyn.study.prepare import AlignStep, PrepareStep

__all__ = ["SAMPLE", "Section", "StudyFile"]

# Stands for the sample study that comes with the library, wherever that is installed.
SAMPLE = "reldyn:sample"
BACKSLASH = "In double quotation marks a backslash begins an escape: write / in paths, or use single quotation marks."


class DataSection(Section):
    """Where the rows are, and how the file is written; see `reldyn.read_table`.

    ``"..."`` among the codes of ``missing`` stands for the usual ones.
    """

    path: str
    missing: list[str | int | float] | None = None
    decimal: Literal[".", ","] | None = None
    encoding: str | None = None
    dates: str | dict[str, str] | None = None
    skip: int = 0
    header: int | list[int] | None = None
    sheet: str | None = None
    delimiter: str | None = None
    labels: bool | list[str] = True

    @field_validator("path")
    @classmethod
    def _path(cls, value: str) -> str:
        if not value or not value.isprintable():
            hint = f" {BACKSLASH}" if any(sign in value for sign in "\b\t\n\f\r\x1b") else ""
            raise ValueError(f"{value!r} is no path of a file.{hint}")
        return value

    def options(self) -> dict[str, Any]:
        """Arguments of `reldyn.read_table`, without those that stay at their default."""
        given = {name: getattr(self, name) for name in self.model_fields_set if name != "path"}
        if isinstance(self.missing, list):
            # The usual codes, which Python writes as an ellipsis.
            given["missing"] = [... if code == "..." else code for code in self.missing]
        return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


class ColumnsSection(Section):
    """Which column is which; see `reldyn.DyadPanel`."""

    dyad: str
    person: str | None = None
    role: str | None = None
    time: str | None = None
    day: str | None = None
    beep: str | None = None
    dates: str | dict[str, str] | None = None
    timezone: str | None = None
    workdays: str | list[str | int] | None = None

    @model_validator(mode="after")
    def _known_times(self) -> ColumnsSection:
        time_options(self.dates, self.timezone, self.workdays)
        return self

    def names(self) -> dict[str, str]:
        """The columns that are named, by what they hold."""
        kinds = ("dyad", "person", "role", "time", "day", "beep")
        return {kind: name for kind in kinds if (name := getattr(self, kind)) is not None}

    def options(self) -> dict[str, Any]:
        """Arguments of `reldyn.DyadPanel` that say how times are read."""
        given = {"dates": self.dates, "timezone": self.timezone, "workdays": self.workdays}
        return {name: value for name, value in given.items() if value is not None}


class WideSection(Section):
    """For files with one row per dyad (and occasion); see `reldyn.from_wide`."""

    prefixes: list[str] | dict[str, str] | None = None
    suffixes: list[str] | dict[str, str] | None = None
    names: str | None = None
    occasions: str | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> WideSection:
        given = [option for option in (self.prefixes, self.suffixes, self.names) if option is not None]
        if len(given) > 1 or (not given and self.occasions is None):
            raise ValueError("give either prefixes, suffixes or names, or occasions alone")
        return self


class ScheduleSection(Section):
    """The clock of the study; see `reldyn.Schedule`. ``night_steps = "restart"`` restarts each day."""

    scheduled: str | None = None
    sent: str | None = None
    answered: str | None = None
    expires: str | None = None
    night_steps: int | Literal["clock", "restart"] = "clock"

    @model_validator(mode="after")
    def _known(self) -> ScheduleSection:
        self.as_option()
        return self

    def as_option(self) -> Schedule:
        """The option object."""
        given = self.model_dump()
        if given["night_steps"] == "restart":
            given["night_steps"] = None
        return Schedule(**given)


class RunSection(Section):
    """How the analyses are computed; what they find does not depend on workers and backend."""

    workers: int = Field(default=1, ge=1, le=1024)
    backend: Literal["loky", "dask"] = "loky"
    seed: int = Field(default=1, ge=0, lt=2**63)


class ReportSection(Section):
    """What the report shows."""

    title: str | None = None
    dyads: bool | list[str | int] | None = None
    trajectories: list[str] | None = None
    anonymise: bool = True

    @property
    def named_dyads(self) -> list[str | int] | None:
        """The dyads to draw, where the study names them."""
        return self.dyads if isinstance(self.dyads, list) else None


class StudyFile(Section):
    """A whole study file. Options of the analyses are checked against the registry, by `reldyn.study.asking`."""

    data: DataSection
    columns: ColumnsSection
    wide: WideSection | None = None
    schedule: ScheduleSection | None = None
    scales: dict[str, Annotated[tuple[float, float], AfterValidator(ascending)]] = Field(default_factory=dict)
    prepare: list[PrepareStep] = Field(default_factory=list)
    analyses: dict[str, dict[str, Any]] = Field(default_factory=dict)
    run: RunSection = RunSection()
    report: ReportSection = ReportSection()

    def align_step(self) -> AlignStep | None:
        """The alignment, which comes before there is a panel."""
        return next((step for step in self.prepare if isinstance(step, AlignStep)), None)

    @field_validator("prepare")
    @classmethod
    def _alignment_first(cls, value: list[Any]) -> list[Any]:
        if any(isinstance(step, AlignStep) for step in value[1:]):
            raise ValueError("the step 'align' comes first and once.")
        return value

    @field_validator("scales", mode="before")
    @classmethod
    def _scales_as_pairs(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {
            name: tuple(_end(end) for end in pair) if isinstance(pair, list) else pair for name, pair in value.items()
        }


def _end(value: Any) -> Any:
    """An end of a scale; whole numbers as they are written, unless they are too large to be numbers."""
    return float(value) if type(value) is int and abs(value) < 2**53 else value
