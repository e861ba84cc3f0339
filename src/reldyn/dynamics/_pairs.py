"""Which observations of one person follow each other, and how much time lies between them.

Every index of change rests on pairs of neighbouring observations. The rule that says which pairs count is the
largest difference between published values of the same index, so it is a named option everywhere in this room.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.errors import DesignError, check_option

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel, PersonBatch

Pairs = Literal["beep", "day", "naive"]

__all__ = ["AnsweringTimes", "Pairs", "SuccessiveValues", "answering_clock", "check_pairs", "successive_values"]


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
    at : (n,) int array
        Place among the rows of the series of persons.
    pair : (n - 1,) bool array
        Whether values k and k + 1 form a pair under the rule.
    n_persons : int
    """

    value: Array
    person: Ints
    at: Ints
    pair: Flags
    n_persons: int


def check_pairs(panel: DyadPanel, pairs: str) -> None:
    """Raise where the rule is not known or the panel has no time in it."""
    check_option(pairs, get_args(Pairs), "pairs")
    if panel.index.cells < 2:
        raise DesignError("change needs more than one occasion: name time, or day and beep, when making the panel.")


def successive_values(persons: PersonBatch, values: Array, pairs: Pairs) -> SuccessiveValues:
    """Take the observed values of one variable and mark the pairs that the rule admits.

    Parameters
    ----------
    persons : PersonBatch
    values : (n,) array
        One per row of the series of persons, NaN where missing.
    pairs : {"beep", "day", "naive"}

    Returns
    -------
    SuccessiveValues
    """
    observed = np.isfinite(values)
    person = persons.person[observed]
    pair = person[1:] == person[:-1]
    if pairs != "naive":
        day = persons.day[observed]
        pair &= day[1:] == day[:-1]
        if pairs == "beep":
            beep = persons.beep[observed]
            pair &= beep[1:] - beep[:-1] == 1
    return SuccessiveValues(values[observed], person, np.flatnonzero(observed), pair, len(persons))


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
