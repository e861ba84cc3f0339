"""What was read from a column of times: values on two clocks, what they are, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from reldyn._types import Array, Flags
from reldyn.panel.timing._dates import DateOrder
from reldyn.panel.timing._formats import TimeFormat, Unit

__all__ = ["SECONDS_PER_DAY", "Kind", "TimeProblem", "Times", "happened"]

SECONDS_PER_DAY = 86_400.0

Kind = Literal["number", "duration", "date", "label"]


@dataclass(frozen=True, eq=False)
class TimeProblem:
    """Rows whose value cannot be read, and why: a code of the register of findings, wording and fix."""

    code: str
    wording: str
    rows: Flags
    fix: str | None = None


@dataclass(frozen=True, eq=False)
class Times:
    """The values of one time column.

    Attributes
    ----------
    values : (n,) float array
        Numbers; seconds for durations and times of day; seconds since 1970-01-01 UTC for dates (dates without a
        time zone count as UTC); the place among the categories for labels. NaN where missing or unreadable.
    local : (n,) float array
        As `values`; for dates the seconds since 1970-01-01 on the clock that was written.
    kind : {"number", "duration", "date", "label"}
        What was recognised; ``"label"`` is an ordered categorical whose categories are no times.
    unreadable : (n,) bool array
        There is a value, but it is no time.
    problems : tuple of TimeProblem
        Why rows are unreadable.
    text : bool
        Numbers were stored as text.
    stem : str or None
        The first label, where numbers were taken from labels such as ``day 1``.
    order : {"dmy", "mdy", "ymd"} or None
        The order of day, month and year of the column, where its texts leave that open.
    form : str or None
        The declared form in which texts were read.
    unit : str or None
        What the numbers of the column are (`TimeFormat`); None for texts and datetimes.
    zone : str or None
        The zone whose wall clock `local` shows; None: the clock that was written.
    fixed : bool
        The column says itself which instants it means: its stamps have offsets, or count from 1970-01-01 UTC.
    remarks : tuple of TimeProblem
        What was read with an assumption that a reader should know.
    """

    values: Array
    local: Array
    kind: Kind
    unreadable: Flags
    problems: tuple[TimeProblem, ...] = ()
    text: bool = False
    stem: str | None = None
    order: DateOrder | None = None
    form: str | None = None
    unit: Unit | None = None
    zone: str | None = None
    fixed: bool = False
    remarks: tuple[TimeProblem, ...] = ()

    @property
    def format(self) -> TimeFormat:
        """How the column was read, so that some of its rows can be read in the same way."""
        mixed = any(remark.code == "mixed-units" for remark in self.remarks)
        unit = "number" if self.kind == "number" else None if mixed else self.unit
        return TimeFormat(self.order, self.form, unit, self.zone)

    @property
    def has_hours(self) -> bool:
        """Whether the column holds dates of which any has a time of day."""
        known = self.local[np.isfinite(self.local)]
        return self.kind == "date" and bool(np.any(known % SECONDS_PER_DAY))


def happened(times: Times) -> Flags:
    """Whether each time of a clock column came about; the number 0 is how some platforms write that it did not."""
    known = np.isfinite(times.values)
    return np.asarray(known & (times.values != 0)) if times.kind == "number" else known
