"""The series of all dyads on the clock of the study: flat arrays, and one view per dyad.

Every analysis of two series starts here, so that the order of the members, what a lag is, and that no lag leads over a
night are decided in one place.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.errors import DataError

if TYPE_CHECKING:
    from reldyn.panel._clock import Clock
    from reldyn.panel._panel import DyadPanel

__all__ = ["DyadSeries", "SeriesBatch", "build_series"]


@dataclass(frozen=True, slots=True, eq=False)
class DyadSeries:
    """The series of one dyad.

    Attributes
    ----------
    dyad : hashable
        Label of the panel.
    code : int
        Its position among the dyads of the panel.
    roles, persons : (2,) tuples
        Of the first and the second member; None where unknown. Roles that differ come in panel order, otherwise the
        persons do.
    values : (T, 2) array, or (T, 2, n_variables)
        On the scheduled occasions from the dyad's first to its last row; NaN where not observed. Rows outside the
        schedule (`Clock.scheduled`) are left out. The last axis is
        there if several variables were asked for.
    day : (T,) int array
        Two occasions may be lagged only where it is equal. All 0 where the study has no days or one occasion a day.
    beep : (T,) int array
        Scheduled steps: within equal ``day`` a difference of k is a lag of k.
    step : (T,) float array
        Strictly increasing position in a serial process, nights as long as the clock of the panel counts them.
    night_known : bool
        False where every serial process restarts in the morning; ``step`` then leaps by a million.
    weekend : (T,) bool array or None
        Saturdays and Sundays; all False where the panel has no calendar.
    """

    dyad: Hashable
    code: int
    roles: tuple[Hashable, Hashable]
    persons: tuple[Hashable, Hashable]
    values: Array
    day: Ints
    beep: Ints
    step: Array
    night_known: bool
    weekend: Flags | None = None

    @property
    def names(self) -> tuple[Hashable, Hashable]:
        """Labels of the two in tables: their roles where these differ, else their persons."""
        first, second = self.roles
        return self.persons if first == second or first is None or second is None else self.roles

    @property
    def complete(self) -> Flags:
        """(T,) whether both members have every variable."""
        return np.asarray(np.isfinite(self.values).reshape(len(self.values), -1).all(axis=1))

    @property
    def n_both(self) -> int:
        """Occasions at which both members have every variable."""
        return int(self.complete.sum())

    def lagged(self, steps: int = 1) -> tuple[Ints, Ints]:
        """Places of scheduled occasions ``steps`` apart on the same day.

        Parameters
        ----------
        steps : int, default 1
            At least 1.

        Returns
        -------
        earlier, later : int arrays of equal length
            Places in ``values``; nothing is said about missing values.

        Examples
        --------
        >>> import reldyn as rd
        >>> series = rd.load_sample().series("longing")[0]
        >>> earlier, later = series.lagged()
        >>> bool((series.day[earlier] == series.day[later]).all())
        True
        >>> bool((series.beep[later] - series.beep[earlier] == 1).all())
        True
        """
        # Days and beeps in one number, far enough apart that no lag leads into another day.
        width = int(self.beep.max(initial=0)) + steps + 1
        key: Ints = self.day * width + self.beep
        place = np.searchsorted(key, key + steps)
        inside = place < len(key)
        hit = np.zeros(len(key), dtype=bool)
        hit[inside] = key[place[inside]] == key[inside] + steps
        return np.flatnonzero(hit), place[hit]

    def complete_lags(self, steps: int = 1) -> tuple[Ints, Ints]:
        """As `lagged`, where both members have every variable at both occasions.

        Parameters
        ----------
        steps : int, default 1

        Returns
        -------
        earlier, later : int arrays of equal length

        Examples
        --------
        >>> import reldyn as rd
        >>> series = rd.load_sample().series("longing")[0]
        >>> earlier, later = series.complete_lags()
        >>> bool(np.isfinite(series.values[later]).all()), len(earlier) <= len(series.lagged()[0])
        (True, True)
        """
        earlier, later = self.lagged(steps)
        complete = self.complete
        keep = complete[earlier] & complete[later]
        return earlier[keep], later[keep]

    def runs(self, *, observed: bool = True) -> list[slice]:
        """Stretches of consecutive scheduled occasions, none of which leads over a night.

        Parameters
        ----------
        observed : bool, default True
            Break a stretch where a value is missing, too.

        Returns
        -------
        list of slice
            Into ``values``, in order of time.

        Examples
        --------
        >>> import reldyn as rd
        >>> series = rd.load_sample().series("longing")[0]
        >>> all(len(set(series.day[part].tolist())) == 1 for part in series.runs())
        True
        """
        if not len(self.day):
            return []
        joined: Flags = (np.diff(self.day) == 0) & (np.diff(self.beep) == 1)
        usable = self.complete if observed else np.ones(len(self.day), dtype=bool)
        if observed:
            joined = joined & usable[1:] & usable[:-1]
        edges = np.concatenate([[0], np.flatnonzero(~joined) + 1, [len(self.day)]])
        return [slice(int(a), int(b)) for a, b in itertools.pairwise(edges) if usable[a]]


@dataclass(frozen=True, eq=False)
class SeriesBatch(Sequence[DyadSeries]):
    """The series of all dyads, one below the other, on the scheduled occasions of the study.

    Iterating gives one `DyadSeries` per dyad, a view of these arrays; so does an index.

    Attributes
    ----------
    clock : Clock
        Of the study.
    slot : (N,) int array
        Place of each occasion in the clock.
    start : (n_dyads + 1,) int array
        The occasions of dyad k are ``start[k]`` to ``start[k + 1]``, from its first to its last row.
    rows : (N, 2) int array
        Row of the panel of the first and the second member, -1 where there is none.
    values : (N, 2) array, or (N, 2, n_variables)
        NaN where not observed.
    exact : (N, 2) array
        Exact time of each answer in steps, for processes in continuous time; NaN without a row.
    on_grid : bool
        False where times fit no common grid, so that a step only counts the times in use.
    dyads : tuple of hashable
        Labels of the panel.
    roles, persons : tuples of (2,) tuples
        Of the members of each dyad.
    """

    clock: Clock
    slot: Ints
    start: Ints
    rows: Ints
    values: Array
    exact: Array
    on_grid: bool
    dyads: tuple[Hashable, ...]
    roles: tuple[tuple[Hashable, Hashable], ...]
    persons: tuple[tuple[Hashable, Hashable], ...]

    @property
    def observed(self) -> Flags:
        """Where there is a value; of the shape of `values`."""
        return np.isfinite(self.values)

    @cached_property
    def day(self) -> Ints:
        """Two occasions may be lagged only where it is equal (`Clock.lag_day`)."""
        return self.clock.lag_day[self.slot]

    @cached_property
    def beep(self) -> Ints:
        """Scheduled steps within equal `day` (`Clock.lag_step`)."""
        return self.clock.lag_step[self.slot]

    @cached_property
    def prompt(self) -> Ints:
        """Rank among the prompts of a day: equal ranks share a time of day."""
        return self.clock.prompt[self.slot]

    @cached_property
    def step(self) -> Array:
        """Position in a serial process, from 0 at the first occasion of the study."""
        step = self.clock.step
        return np.asarray((step - step[:1])[self.slot], dtype=float)

    @cached_property
    def weekend(self) -> Flags:
        """Saturdays and Sundays."""
        return self.clock.weekend[self.slot]

    def __len__(self) -> int:
        return len(self.dyads)

    def __getitem__(self, code: int) -> DyadSeries:  # type: ignore[override]
        code = range(len(self))[code]
        part = slice(int(self.start[code]), int(self.start[code + 1]))
        return DyadSeries(
            dyad=self.dyads[code],
            code=code,
            roles=self.roles[code],
            persons=self.persons[code],
            values=self.values[part],
            day=self.day[part],
            beep=self.beep[part],
            step=self.step[part],
            night_known=self.clock.night_from != "restarts",
            weekend=self.weekend[part],
        )

    def __iter__(self) -> Iterator[DyadSeries]:
        return (self[code] for code in range(len(self)))

    def split(self, column: Array) -> list[Array]:
        """One array per dyad of a column with N entries."""
        return np.split(column, self.start[1:-1])


def build_series(panel: DyadPanel, variables: str | Sequence[str]) -> SeriesBatch:
    """Build the batch of `DyadPanel.series`."""
    if not isinstance(variables, (str, list, tuple)) or not variables:
        raise DataError(f"{variables!r} is no name of a column: give one name, as text.")
    names = [variables] if isinstance(variables, str) else list(variables)
    columns = [panel.values(name) for name in names]
    index, clock = panel.index, panel.clock
    due = clock.scheduled[index.slot]
    slot, start, flat = _occasions(clock, index.dyad[due], index.slot[due], index.n_dyads)
    rows = np.full((len(slot), 2), -1, dtype=np.int64)
    rows[flat, index.member[due]] = np.flatnonzero(due)
    taken = [np.where(rows >= 0, column[rows], np.nan) for column in columns]
    roles, persons = _members(panel)
    return SeriesBatch(
        clock=clock,
        slot=slot,
        start=start,
        rows=rows,
        values=taken[0] if isinstance(variables, str) else np.stack(taken, axis=2),
        exact=np.where(rows >= 0, index.clock[rows], np.nan),
        on_grid=index.on_grid,
        dyads=index.dyad_labels,
        roles=roles,
        persons=persons,
    )


def _occasions(clock: Clock, dyad: Ints, at: Ints, n_dyads: int) -> tuple[Ints, Ints, Ints]:
    """Places in the clock of all dyads' occasions, where each dyad starts, and the entry of each row."""
    scheduled = np.flatnonzero(clock.scheduled)
    at = (np.cumsum(clock.scheduled) - 1)[at]
    place, start, flat = _between(clock, dyad, at, n_dyads, len(scheduled))
    return scheduled[place], start, flat


def _between(clock: Clock, dyad: Ints, at: Ints, n_dyads: int, n: int) -> tuple[Ints, Ints, Ints]:
    """As `_occasions`, by positions among the n scheduled occasions."""
    if not clock.complete:
        key, flat = np.unique(dyad * n + at, return_inverse=True)
        return key % n, np.searchsorted(key, np.arange(n_dyads + 1) * n), flat
    first, last = np.full(n_dyads, n), np.full(n_dyads, -1)
    np.minimum.at(first, dyad, at)
    np.maximum.at(last, dyad, at)
    length = np.maximum(last - first + 1, 0)
    start = np.concatenate([[0], np.cumsum(length)])
    place = np.arange(start[-1]) - np.repeat(start[:-1] - first, length)
    return place, start, start[dyad] + at - first[dyad]


Pairs = tuple[tuple[Hashable, Hashable], ...]


def _members(panel: DyadPanel) -> tuple[Pairs, Pairs]:
    """Roles and persons of both members; with two roles in the panel the absent one must be the other."""
    index = panel.index
    role, person = np.full((2, index.n_dyads, 2), -1)
    role[index.dyad, index.member], person[index.dyad, index.member] = index.role, index.person
    if len(index.roles) == 2:
        absent = (person < 0) & (person[:, ::-1] >= 0)
        role = np.where(absent, np.where(role[:, ::-1] == 1, 0, 1), role)
    known: list[Hashable] = [*index.roles, None]
    people: list[Hashable] = [*index.person_labels, None]
    roles = tuple((known[a], known[b]) for a, b in role.tolist())
    persons = tuple((people[a], people[b]) for a, b in person.tolist())
    return roles, persons
