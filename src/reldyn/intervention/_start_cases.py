"""Cases of a randomisation test: the series whose start was drawn, with times as the panel labels them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reldyn._types import Array
from reldyn.errors import DesignError
from reldyn.intervention._phases import PhaseSeries, row_times, too_few

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

__all__ = ["FEWEST_ANSWERS", "StartCase", "candidates", "labelled_times", "start_cases", "without_partner"]

# Answers that every start which could have been drawn leaves in either phase, where no list of starts is given.
FEWEST_ANSWERS = 3


@dataclass(frozen=True)
class StartCase:
    """One dyad: times, answers without missing ones, the start, and all occasions (None: the answered ones)."""

    dyad: Hashable
    time: Array
    value: Array
    start: float
    occasions: Array | None = None

    def lacking(self, fewest: int) -> str:
        """Why a phase has too few answers; empty where both have enough."""
        return too_few(int((self.time < self.start).sum()), int((self.time >= self.start).sum()), fewest, fewest)

    @property
    def constant(self) -> bool:
        """Whether there are answers, all of them the same."""
        return len(self.value) > 0 and not np.ptp(self.value)

    def change(self, start: float, end: float = math.inf) -> float:
        """Mean from a start on (before an end) minus the mean before it; NaN where a side is empty."""
        before = self.value[self.time < start]
        after = self.value[(self.time >= start) & (self.time < end)]
        return float(after.mean() - before.mean()) if len(before) and len(after) else math.nan


def labelled_times(panel: DyadPanel) -> Callable[[Array], Array]:
    """Turn times from the first of the study into the numbers of the time column, where it holds numbers."""
    import pandas as pd

    name = panel.columns["day"] or panel.columns["time"]
    if name is None or not pd.api.types.is_numeric_dtype(panel.frame[name]):
        return lambda time: time
    column = panel.frame[name].to_numpy(dtype=float, na_value=np.nan)
    at = row_times(panel) if panel.columns["day"] is None else panel.index.day.astype(float)
    first, last = int(np.argmin(at)), int(np.argmax(at))
    unit = (column[last] - column[first]) / (at[last] - at[first]) if at[last] > at[first] else 1.0
    return lambda time: column[first] + unit * time


def start_cases(
    series: list[PhaseSeries], roles: tuple[Hashable, ...], label: Callable[[Array], Array], *, each: bool
) -> tuple[dict[Hashable, list[StartCase]], int]:
    """Cases per role, and of the mean of both partners at occasions that both answered.

    Parameters
    ----------
    series : list of PhaseSeries
    roles : tuple of hashable
    label : callable
        See `labelled_times`.
    each : bool
        Whether every dyad is tested for itself, so that clients without a partner can stand beside dyads.

    Returns
    -------
    cases : dict of hashable to list of StartCase
        Role "" holds clients without a partner where no role is named.
    n_single : int
        How many dyads have the series of one person only.
    """
    found: dict[Hashable, list[StartCase]] = {role: [] for role in (*roles, "both")}
    alone: list[StartCase] = []
    n_single = n_dyads = 0
    for _, dyad in itertools.groupby(series, key=lambda one: one.code):
        group = list(dyad)
        n_dyads, n_single = n_dyads + 1, n_single + (len(group) == 1)
        members = [one for one in group if one.after.any() and (~one.after).any()]
        begins = {round(one.start, 6) for one in members}
        if len(begins) > 1:
            raise DesignError(
                f"dyad {members[0].dyad!r}: its partners start at different times ({sorted(begins)}), but the dyad is "
                "the case and has one start. Correct the phase column."
            )
        for one in members:
            if one.role in found:
                found[one.role].append(_own(one, label))
        if len(members) == 2:
            found["both"].append(_joint(members, label))
        elif len(group) == 1 and members and not roles:
            alone.append(_own(members[0], label))
    if each or n_single == n_dyads:
        found[""] = alone
    return {role: cases for role, cases in found.items() if cases}, n_single


def without_partner(n: int) -> str:
    """Say how many dyads have no mean of both partners."""
    return f"{n} dyad{' has' if n == 1 else 's have'} one member only and no mean of both partners"


def _own(one: PhaseSeries, label: Callable[[Array], Array]) -> StartCase:
    return _case(one.dyad, one.time[one.observed], one.values[one.observed], one.start, one.time, label)


def _case(
    dyad: Hashable, time: Array, value: Array, start: float, occasions: Array, label: Callable[[Array], Array]
) -> StartCase:
    return StartCase(dyad, label(time), value, float(label(np.array([start]))[0]), label(occasions))


def _joint(members: list[PhaseSeries], label: Callable[[Array], Array]) -> StartCase:
    first, second = (dict(zip(one.time[one.observed], one.values[one.observed], strict=True)) for one in members)
    shared = np.array(sorted(first.keys() & second.keys()))
    value = np.array([(first[at] + second[at]) / 2 for at in shared])
    occasions = np.union1d(members[0].time, members[1].time)
    return _case(members[0].dyad, shared, value, members[0].start, occasions, label)


def candidates(case: StartCase) -> Array:
    """Occasions, answered or not, that leave three answers on either side."""
    occasions = case.time if case.occasions is None else case.occasions
    before = np.searchsorted(case.time, occasions)
    return occasions[(before >= FEWEST_ANSWERS) & (len(case.time) - before >= FEWEST_ANSWERS)]
