"""What a study file may say: sections, keys and their types, checked by pydantic.

Every section mirrors the call that it feeds, with the same names, so that what is known about
`reldyn.DyadPanel`, `reldyn.apim` or `reldyn.cycles.schedule` holds here as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from reldyn.mixed import Estimation, Random, Residual, Shared, shared
from reldyn.panel import Schedule, time_options

__all__ = ["SAMPLE", "ApimModel", "Model", "ModelBase", "StudyFile", "model_class"]

# Stands for the sample study that comes with the library, wherever that is installed.
SAMPLE = "reldyn:sample"


class Section(BaseModel):
    """A table of the study file: unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SharedTerm(Section):
    """``{shared = "NAME"}``: one coefficient (or deviation) common to both roles."""

    shared: str

    def as_term(self) -> Shared:
        """The option object that stands for it in a call."""
        return shared(self.shared)


def _kind_of_term(value: Any) -> str:
    return "table" if isinstance(value, (Mapping, SharedTerm)) else "text"


Term = Annotated[Annotated[str, Tag("text")] | Annotated[SharedTerm, Tag("table")], Discriminator(_kind_of_term)]


def _kind_of_option(value: Any) -> str:
    return "text" if isinstance(value, str) else "list" if isinstance(value, (list, tuple)) else "table"


class RandomSection(Section):
    """Random effects with a covariance other than full."""

    terms: list[Term]
    covariance: str = "full"


class ResidualSection(Section):
    """A residual process with its options."""

    process: str = "unstructured"
    common: bool = False
    equal_variances: bool = False
    measurement_error: bool = False

    @model_validator(mode="after")
    def _known(self) -> ResidualSection:
        self.as_option()
        return self

    def as_option(self) -> Residual:
        """The option object."""
        return Residual(**self.model_dump())


class EstimationSection(Section):
    """How a model is estimated."""

    method: str = "reml"
    inference: str | None = None
    missing: str = "available"
    n_boot: int = 999
    seed: int | None = None
    n_jobs: int = 1

    @model_validator(mode="after")
    def _known(self) -> EstimationSection:
        self.as_option()
        return self

    def as_option(self) -> Estimation:
        """The option object."""
        return Estimation(**self.model_dump())


RandomOption = Annotated[
    Annotated[list[Term], Tag("list")] | Annotated[RandomSection, Tag("table")] | Annotated[str, Tag("text")],
    Discriminator(_kind_of_option),
]
ResidualOption = Annotated[
    Annotated[str, Tag("text")] | Annotated[ResidualSection, Tag("table")], Discriminator(_kind_of_option)
]


class ModelBase(Section):
    """What every kind of model has."""

    name: str = ""
    outcome: str
    roles: Literal["distinguishable", "exchangeable", "by-composition"] | None = None
    random: RandomOption | None = None
    residual: ResidualOption = "unstructured"
    estimation: EstimationSection = Field(default_factory=EstimationSection)

    @field_validator("residual")
    @classmethod
    def _known_residual(cls, value: Any) -> Any:
        if isinstance(value, str):
            Residual(value)  # type: ignore[arg-type]
        return value

    @field_validator("random")
    @classmethod
    def _known_random(cls, value: Any) -> Any:
        _random_option(value)
        return value

    def options(self) -> dict[str, Any]:
        """Arguments of the call, without those that stay at their default."""
        given: dict[str, Any] = {"outcome": self.outcome, "estimation": self.estimation.as_option()}
        if self.roles is not None:
            given["roles"] = self.roles
        if self.random is not None:
            given["random"] = _random_option(self.random)
        given["residual"] = self.residual if isinstance(self.residual, str) else self.residual.as_option()
        return given

    def columns(self) -> dict[str, list[str]]:
        """Columns of the data that each key names."""
        return {"outcome": [self.outcome]}


class ApimModel(ModelBase):
    """``kind = "apim"``: the arguments of `reldyn.apim`."""

    kind: Literal["apim"] = "apim"
    predictors: list[Term]
    covariates: list[Term] = []
    moderators: dict[str, str | list[str]] | None = None
    interaction: Literal["product", "absolute-difference"] | None = None
    centering: str | dict[str, str] | None = None

    def options(self) -> dict[str, Any]:
        """Arguments of the call."""
        given = super().options() | {"predictors": _terms(self.predictors), "covariates": _terms(self.covariates)}
        for name in ("moderators", "interaction", "centering"):
            value = getattr(self, name)
            if value is not None:
                given[name] = value
        return given

    def columns(self) -> dict[str, list[str]]:
        """Columns of the data that each key names."""
        named = {"predictors": _names(self.predictors), "covariates": _names(self.covariates)}
        return super().columns() | named | {"moderators": list(self.moderators or {})}


class MixedModel(ModelBase):
    """``kind = "mixed_model"``: the arguments of `reldyn.mixed_model`."""

    kind: Literal["mixed_model"]
    fixed: list[Term]

    def options(self) -> dict[str, Any]:
        """Arguments of the call."""
        return super().options() | {"fixed": _terms(self.fixed)}

    def columns(self) -> dict[str, list[str]]:
        """Columns of the data that each key names."""
        return super().columns() | {"fixed": _names(self.fixed)}


def _kind_of_model(value: Any) -> str:
    kind = value.get("kind", "apim") if isinstance(value, Mapping) else getattr(value, "kind", "apim")
    return str(kind)


Model = Annotated[
    Annotated[ApimModel, Tag("apim")] | Annotated[MixedModel, Tag("mixed_model")], Discriminator(_kind_of_model)
]


def model_class(kind: str) -> type[ModelBase]:
    """The section that a kind of model fills."""
    return MixedModel if kind == "mixed_model" else ApimModel


class DataSection(Section):
    """Where the rows are, and how the file is written; see `reldyn.read_table`."""

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

    def options(self) -> dict[str, Any]:
        """Arguments of `reldyn.read_table`, without those that stay at their default."""
        given = {name: getattr(self, name) for name in self.model_fields_set if name != "path"}
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


class PrepareSection(Section):
    """Columns to add before the models: ``lag = ["mood"]`` adds ``mood_lag1``."""

    lag: list[str] = []


class CyclesSection(Section):
    """The schedule of warmth to describe; see `reldyn.cycles.schedule`."""

    warmth: str
    approach: str | None = None
    event: float | int | Literal["threshold"] = "threshold"
    reported_by: Literal["receiver", "giver"] = "receiver"


class ReportSection(Section):
    """What the report shows."""

    title: str | None = None
    dyads: list[str | int] | None = None
    trajectories: list[str] | None = None
    anonymise: bool = True


class StudyFile(Section):
    """A whole study file."""

    data: DataSection
    columns: ColumnsSection
    wide: WideSection | None = None
    schedule: ScheduleSection | None = None
    scales: dict[str, tuple[float, float]] = {}
    prepare: PrepareSection = PrepareSection()
    models: dict[str, Model] = {}
    cycles: CyclesSection | None = None
    report: ReportSection = ReportSection()

    def answers(self) -> list[str] | None:
        """Columns whose values count as answers: outcomes and warmth; None where the study names neither.

        Predictors are left out, as traits and calendars are filled in on occasions that nobody answered.
        """
        named = [model.outcome for model in self.models.values()]
        if self.cycles is not None:
            named += [self.cycles.warmth, *filter(None, [self.cycles.approach])]
        return list(dict.fromkeys(named)) or None

    def used_columns(self) -> set[str]:
        """Every column of the data that any section names."""
        named = set(self.columns.names().values())
        for model in self.models.values():
            named |= {name for names in model.columns().values() for name in names}
        lagged = set(self.prepare.lag) | set(self.report.trajectories or ())
        return named | set(self.answers() or ()) | lagged

    @field_validator("scales", mode="before")
    @classmethod
    def _scales_as_pairs(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {
            name: tuple(float(end) if type(end) is int else end for end in pair) if isinstance(pair, list) else pair
            for name, pair in value.items()
        }


def _random_option(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, RandomSection):
        return Random(_terms(value.terms), covariance=value.covariance)  # type: ignore[arg-type]
    return Random(_terms(value))


def _terms(terms: list[Any]) -> tuple[str | Shared, ...]:
    return tuple(term if isinstance(term, str) else term.as_term() for term in terms)


def _names(terms: list[Any]) -> list[str]:
    return [term if isinstance(term, str) else term.shared for term in terms]
