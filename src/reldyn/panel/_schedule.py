"""The clock of a study: which columns hold the times, and how long a night is."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from reldyn.errors import DesignError, is_count

__all__ = ["Schedule"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Name the clock columns of a panel and say how many steps a night counts.

    Parameters
    ----------
    scheduled, sent, answered, expires : str, optional
        Columns with the moment a beep was planned, sent, answered, and closed. Any may be absent.
    night_steps : int, None or "clock", default "clock"
        How many steps of a serial model lie between the last beep of a day and the first of the
        next. ``"clock"`` measures the night in units of the median daytime interval between the
        scheduled times (or the dates or times of day that order the rows), because a longer night
        carries less over; without clock times a night counts three, the night of four prompts
        four hours apart, and results say so. None restarts every process in the morning.

    Raises
    ------
    DesignError
        ``night_steps`` is neither a positive whole number, None nor ``"clock"``.

    Examples
    --------
    >>> Schedule(scheduled="planned_at", night_steps=3).columns
    {'scheduled': 'planned_at'}
    """

    scheduled: str | None = None
    sent: str | None = None
    answered: str | None = None
    expires: str | None = None
    night_steps: int | Literal["clock"] | None = "clock"

    def __post_init__(self) -> None:
        steps = self.night_steps
        if not (is_count(steps, 1) or steps is None or steps == "clock"):
            raise DesignError(f"night_steps={steps!r}: give a whole number of at least 1, None or 'clock'.")

    @property
    def columns(self) -> dict[str, str]:
        """The clock columns that are named, by what they hold."""
        named = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "night_steps"}
        return {what: column for what, column in named.items() if column is not None}
