"""Which observations of one person follow each other, and how much time lies between them.

Every index of change rests on pairs of neighbouring observations. The rule that says which pairs count is the
largest difference between published values of the same index, so it is a named option everywhere in this room.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.errors import DesignError, check_option

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel, PersonBatch

Pairs = Literal["beep", "day", "naive"]

__all__ = [
    "AnsweringTimes",
    "Pairs",
    "SuccessiveValues",
    "answering_clock",
    "check_pairs",
    "pair_rule",
    "successive_values",
]


@dataclass(frozen=True)
class AnsweringTimes:
    """When each row of a panel was answered.

    Attributes
    ----------
    time : (n,) array
        In the unit of the clock column, or in steps of the grid; NaN where unknown.
    runs_over_nights : bool
        Whether differences between days mean anything.
    """

    time: Array
    runs_over_nights: bool


@dataclass(frozen=True)
class SuccessiveValues:
    """The observed values of one variable by person, in order of time; n values, n - 1 neighbours.

    Attributes
    ----------
    value : (n,) array
    person : (n,) int array
    place : (n,) int array
        Place among the rows of the series of persons.
    pair : (n - 1,) bool array
        Whether values k and k + 1 form a pair under the rule.
    n_persons : int
    """

    value: Array
    person: Ints
    place: Ints
    pair: Flags
    n_persons: int

    @cached_property
    def earlier(self) -> Ints:
        """Positions of the first value of each pair; the second is the next."""
        return np.flatnonzero(self.pair)

    @cached_property
    def before(self) -> Array:
        """First value of each pair."""
        return self.value[self.earlier]

    @cached_property
    def after(self) -> Array:
        """Second value of each pair."""
        return self.value[self.earlier + 1]

    @cached_property
    def owner(self) -> Ints:
        """Person of each pair."""
        return self.person[self.earlier]

    @cached_property
    def n_pairs(self) -> Ints:
        """(n_persons,) pairs of each person."""
        return np.bincount(self.owner, minlength=self.n_persons)


def check_pairs(panel: DyadPanel, pairs: str) -> None:
    """Raise where the rule is not known or the panel has no time in it."""
    check_option(pairs, get_args(Pairs), "pairs")
    if panel.index.cells < 2:
        raise DesignError("change needs more than one occasion: name time, or day and beep, when making the panel.")


def pair_rule(persons: PersonBatch, pairs: Pairs) -> tuple[Ints, int]:
    """Number the rows of all persons so that two form a pair where their numbers differ by a given step.

    Parameters
    ----------
    persons : PersonBatch
    pairs : {"beep", "day", "naive"}

    Returns
    -------
    code : (n,) int array
    step : int
    """
    if pairs == "naive":
        return persons.person, 0
    clock = persons.batch.clock
    number, step = clock.lag_day, 0
    if pairs == "beep":
        # One number is left free between days, so that no step leads over a night.
        number, step = number * (int(clock.lag_step.max(initial=0)) + 2) + clock.lag_step, 1
    return persons.person * (int(number.max(initial=0)) + 2) + number[persons.slot], step


def successive_values(persons: PersonBatch, values: Array, rule: tuple[Ints, int]) -> SuccessiveValues:
    """Take the observed values of one variable and mark the pairs that the rule admits.

    Parameters
    ----------
    persons : PersonBatch
    values : (n,) array
        One per row of the series of persons, NaN where missing.
    rule : tuple
        What `pair_rule` gave.

    Returns
    -------
    SuccessiveValues
    """
    code, step = rule
    at = np.flatnonzero(np.isfinite(values))
    code = code[at]
    return SuccessiveValues(values[at], persons.person[at], at, code[1:] - code[:-1] == step, len(persons))


def answering_clock(panel: DyadPanel) -> AnsweringTimes:
    """Take the best clock a panel has: answered, sent or scheduled time, else its time column, else its grid."""
    clocks = panel.schedule.columns if panel.schedule is not None else {}
    index = panel.index
    names = [clocks[what] for what in ("answered", "sent", "scheduled") if what in clocks]
    time, day = panel.columns["time"], panel.columns["day"]
    if not names and time is not None:
        names = [time]
    if not names:
        return AnsweringTimes(index.step.astype(float), panel.clock.night_known)
    read = panel._times(names[0])
    # A column of times within the day starts again every morning, a date or a running clock does not.
    restarts = day is not None and _restarts(read.values, index.day, index.dyad)
    return AnsweringTimes(np.asarray(read.values, dtype=float), not restarts)


def _restarts(time: Array, day: Ints, dyad: Ints) -> bool:
    """Whether times of a later day lie before those of an earlier one, in the same dyad."""
    seen = np.isfinite(time)
    if not seen.any():
        return False
    key = dyad[seen] * (int(day.max()) + 1) + day[seen]
    codes, inverse = np.unique(key, return_inverse=True)
    first, last = np.full(len(codes), np.inf), np.full(len(codes), -np.inf)
    np.minimum.at(first, inverse, time[seen])
    np.maximum.at(last, inverse, time[seen])
    same_dyad = np.diff(codes // (int(day.max()) + 1)) == 0
    return bool((first[1:] < last[:-1])[same_dyad].any())
