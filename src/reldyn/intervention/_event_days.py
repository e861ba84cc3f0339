"""The days of each person and the events on them; events drawn anew, and the columns that stand around them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.errors import DataError
from reldyn.intervention._phases import two_phases

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel, PersonSeries


__all__ = ["EventDays", "day_frame", "event_days", "lag_columns", "redrawn_events"]


@dataclass(frozen=True, eq=False)
class EventDays:
    """One person's days.

    Attributes
    ----------
    dyad, person, role : hashable
    day : (n,) int array
        Every day from the first to the last.
    value : (n,) array
        Mean of the answers of the day; NaN where nothing was answered.
    event : (n,) bool array
    phase : (n,) int array
        0 throughout where no phase is named.
    """

    dyad: Hashable
    person: Hashable
    role: Hashable
    day: Ints
    value: Array
    event: Flags
    phase: Ints


def event_days(
    panel: DyadPanel, outcome: str, event: str, *, by_dyad: bool, phase: str | None = None
) -> list[EventDays]:
    """Lay out every person's days, the answers of one day averaged.

    Parameters
    ----------
    panel : DyadPanel
    outcome, event : str
        Columns.
    by_dyad : bool
        Whether either partner's mark makes an event of both.
    phase : str, optional
        Column with two phases.

    Returns
    -------
    list of EventDays
        By dyad, then member.

    Raises
    ------
    DataError
        The event column holds something else than 0, 1 and missing values.
    """
    batch = panel.series([outcome, event])
    marks = batch.columns[1]
    odd = np.flatnonzero(np.isfinite(marks) & (marks != 0) & (marks != 1))
    if len(odd):
        raise DataError(f"column {event!r} holds {marks[odd[0]]:g}: recode it so that an event is 1 and its absence 0.")
    code = np.zeros(len(panel), dtype=np.int64)
    if phase is not None:
        _, later = two_phases(panel, phase, None)
        code = (panel.frame[phase] == later).fillna(False).to_numpy(dtype=bool).astype(np.int64)
    series = [(person, np.floor(person.time + 1e-9).astype(np.int64)) for person in batch.by_person()]
    marked: dict[Hashable, list[Ints]] = {}
    for person, day in series:
        marked.setdefault(_marking(person, by_dyad=by_dyad), []).append(day[person.values[:, 1] == 1])
    found = []
    for person, day in series:
        days = np.arange(day[0], day[-1] + 1)
        found.append(
            EventDays(
                **person.identity,
                day=days,
                value=_daily(day, person.values[:, 0], days),
                event=np.isin(days, np.concatenate(marked[_marking(person, by_dyad=by_dyad)])),
                phase=_filled(day, code[person.row], days),
            )
        )
    return found


def _marking(person: PersonSeries, *, by_dyad: bool) -> tuple[int, ...]:
    """Whose marks make an event of a person's day."""
    return (person.code,) if by_dyad else (person.code, person.member)


def _daily(day: Ints, value: Array, days: Ints) -> Array:
    """Mean of the answers of each day; NaN where there are none."""
    seen = np.isfinite(value)
    place = day[seen] - days[0]
    total = np.bincount(place, weights=value[seen], minlength=len(days))
    count = np.bincount(place, minlength=len(days))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _filled(day: Ints, code: Ints, days: Ints) -> Ints:
    """Phase of each day; days without a row are in the phase of the day before."""
    place = np.maximum(np.searchsorted(day, days, side="right") - 1, 0)
    return code[place]


def lag_columns(event: Flags, lags: Sequence[int]) -> Array:
    """For each lag, how many events (0 or 1) lie so many days before each day.

    Parameters
    ----------
    event : (n,) bool array
        By consecutive days.
    lags : sequence of int
        Days since the event; negative before it.

    Returns
    -------
    (n, k) array

    Examples
    --------
    >>> lag_columns(np.array([False, True, False]), [-1, 0, 1]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    columns = np.zeros((len(event), len(lags)))
    where = np.flatnonzero(event)
    for place, lag in enumerate(lags):
        days = where + lag
        columns[days[(days >= 0) & (days < len(event))], place] = 1.0
    return columns


def redrawn_events(event: Flags, phase: Ints, generator: np.random.Generator) -> Flags:
    """Draw the events of each phase anew: their intervals in another order, begun at another day.

    Parameters
    ----------
    event : (n,) bool array
    phase : (n,) int array
    generator : numpy.random.Generator

    Returns
    -------
    (n,) bool array
        As many events per phase, with the same intervals between them.

    Examples
    --------
    >>> event = np.array([0, 1, 0, 0, 1, 0, 1, 0], dtype=bool)
    >>> int(redrawn_events(event, np.zeros(8, dtype=int), np.random.default_rng(1)).sum())
    3
    """
    drawn = np.zeros_like(event)
    for code in np.unique(phase):
        days = np.flatnonzero(phase == code)
        mine = np.flatnonzero(event[days])
        if not len(mine):
            continue
        spare = len(days) - 1 - (mine[-1] - mine[0])
        gaps = generator.permutation(np.diff(mine))
        first = int(generator.integers(spare + 1))
        drawn[days[first + np.concatenate([[0], np.cumsum(gaps)]).astype(np.int64)]] = True
    return drawn


def day_frame(series: list[EventDays]) -> pd.DataFrame:
    """Stack the days of all persons as rows for a figure."""
    import pandas as pd

    return pd.concat(
        [
            pd.DataFrame(
                {
                    "dyad": one.dyad,
                    "person": one.person,
                    "role": one.role,
                    "time": one.day.astype(float),
                    "value": one.value,
                    "event": one.event,
                }
            )
            for one in series
        ],
        ignore_index=True,
    )
