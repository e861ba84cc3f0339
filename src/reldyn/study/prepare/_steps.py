"""The steps that ``[[prepare]]`` may list, with their keys."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator

from reldyn.study._section import Section, ascending
from reldyn.study.prepare._expressions import Expression

__all__ = [
    "AlignStep",
    "AnswersStep",
    "CarelessStep",
    "CentreStep",
    "DeriveStep",
    "FilterStep",
    "LagStep",
    "PrepareStep",
    "RecodeStep",
    "ReverseStep",
    "ScaleStep",
]

Number = Annotated[float, Field(strict=False, allow_inf_nan=False)]
Columns = Annotated[list[str], Field(min_length=1)]


def _parsed(text: str) -> str:
    Expression.parse(text)
    return text


class StepBase(Section):
    """What every step has."""

    reason: str | None = None

    def needs(self) -> list[tuple[str, list[str]]]:
        """Columns that each key names."""
        return []

    def makes(self) -> list[str]:
        """Columns that the step adds."""
        return []


class AlignStep(StepBase):
    """Day and prompt of every row from its time stamp; see `reldyn.panel.align`. It comes first."""

    step: Literal["align"]
    stamp: str
    timezone: str | None = None
    day_starts: str = "00:00"
    prompts: list[str] | list[list[str]] | None = None
    tolerance: str | None = None
    duplicates: Literal["refuse", "first", "last", "most-complete"] = "refuse"

    def makes(self) -> list[str]:
        """``day`` and ``beep``."""
        return ["day", "beep"]

    def options(self) -> dict[str, Any]:
        """Arguments of `reldyn.panel.align`."""
        given = self.model_dump(exclude={"step", "reason"})
        if self.prompts is not None:
            given["prompts"] = tuple(tuple(one) if isinstance(one, list) else one for one in self.prompts)
        return given


class FilterStep(StepBase):
    """Rows that stay; by person or dyad, all rows of those stay for whom the formula holds on every row."""

    step: Literal["filter"]
    keep: str
    unit: Literal["row", "person", "dyad"] = "row"

    _formula = field_validator("keep")(_parsed)

    def needs(self) -> list[tuple[str, list[str]]]:
        """Columns of the formula."""
        return [("keep", list(Expression.parse(self.keep).columns))]


class AnswersStep(StepBase):
    """Persons, or dyads all of whose members, answered at least so often."""

    step: Literal["answers"]
    variables: Columns
    at_least: int = Field(ge=1)
    unit: Literal["person", "dyad"] = "person"

    def needs(self) -> list[tuple[str, list[str]]]:
        """The variables."""
        return [("variables", self.variables)]


class RecodeStep(StepBase):
    """New values for old ones; a value of the table that is ``""`` is a missing one."""

    step: Literal["recode"]
    variable: str
    values: Annotated[dict[str, str | float | int], Field(min_length=1)]
    into: str | None = None

    def needs(self) -> list[tuple[str, list[str]]]:
        """The variable."""
        return [("variable", [self.variable])]

    def makes(self) -> list[str]:
        """The new column, if there is one."""
        return [self.into] if self.into else []


class ReverseStep(StepBase):
    """Low for high; the range is that of ``[scales]`` where none is given."""

    step: Literal["reverse"]
    variables: Columns
    range: Annotated[tuple[Number, Number], AfterValidator(ascending)] | None = None
    suffix: str = ""

    @field_validator("range", mode="before")
    @classmethod
    def _pair(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    def needs(self) -> list[tuple[str, list[str]]]:
        """The variables."""
        return [("variables", self.variables)]

    def makes(self) -> list[str]:
        """The new columns, if there is a suffix."""
        return [f"{name}{self.suffix}" for name in self.variables] if self.suffix else []


class ScaleStep(StepBase):
    """The mean or sum of items, where enough of them are answered; with its reliability in the flow of the sample."""

    step: Literal["scale"]
    name: str
    items: Annotated[list[str], Field(min_length=2)]
    score: Literal["mean", "sum"] = "mean"
    min_items: int | None = Field(default=None, ge=1)

    def needs(self) -> list[tuple[str, list[str]]]:
        """The items."""
        return [("items", self.items)]

    def makes(self) -> list[str]:
        """The scale."""
        return [self.name]


class CentreStep(StepBase):
    """Deviations from a mean: of the person (``_within`` and ``_between``), the dyad or the sample (``_centred``)."""

    step: Literal["centre"]
    variables: Columns
    around: Literal["person", "dyad", "grand"] = "person"

    def needs(self) -> list[tuple[str, list[str]]]:
        """The variables."""
        return [("variables", self.variables)]

    def makes(self) -> list[str]:
        """The new columns."""
        endings = ("within", "between") if self.around == "person" else ("centred",)
        return [f"{name}_{ending}" for name in self.variables for ending in endings]


class LagStep(StepBase):
    """The same person's value so many scheduled occasions earlier: ``mood_lag1``."""

    step: Literal["lag"]
    variables: Columns
    steps: int = Field(default=1, ge=1)

    def needs(self) -> list[tuple[str, list[str]]]:
        """The variables."""
        return [("variables", self.variables)]

    def makes(self) -> list[str]:
        """The new columns."""
        return [f"{name}_lag{self.steps}" for name in self.variables]


class CarelessStep(StepBase):
    """Answers of rows that `reldyn.panel.careless` flags: missing, or the rows dropped."""

    step: Literal["careless"]
    items: Annotated[list[str], Field(min_length=2)]
    limits: dict[str, Number] | None = None
    action: Literal["missing", "drop"] = "missing"

    def needs(self) -> list[tuple[str, list[str]]]:
        """The items."""
        return [("items", self.items)]


class DeriveStep(StepBase):
    """A column from a formula."""

    step: Literal["derive"]
    name: str
    value: str

    _formula = field_validator("value")(_parsed)

    def needs(self) -> list[tuple[str, list[str]]]:
        """Columns of the formula."""
        return [("value", list(Expression.parse(self.value).columns))]

    def makes(self) -> list[str]:
        """The column."""
        return [self.name]


PrepareStep = Annotated[
    AlignStep
    | FilterStep
    | AnswersStep
    | RecodeStep
    | ReverseStep
    | ScaleStep
    | CentreStep
    | LagStep
    | CarelessStep
    | DeriveStep,
    Field(discriminator="step"),
]
