"""The series of all dyads on the clock of the study: flat arrays, of which dyads and persons are views.

Every analysis of series starts here, so that the order of the members and of their rows, what a lag is, and that no lag
leads over a night are decided in one place.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.errors import DataError
from reldyn.panel._series_views import DyadSeries, PersonSeries

if TYPE_CHECKING:
    from reldyn.panel._clock import Clock
    from reldyn.panel._panel import DyadPanel

__all__ = ["PersonBatch", "SeriesBatch", "build_series"]


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
    columns : tuple of arrays
        Each variable on the rows of the panel.
    several : bool
        Whether a sequence of variables was asked for.
    row_times : array
        Exact time of each row of the panel.
    on_grid : bool
        False where times fit no common grid, so that a step only counts the times in use.
    dyads : tuple of hashable
        Labels of the panel.
    roles, persons : tuples of (2,) tuples
        Of the members of each dyad.
    person_code : (n_dyads, 2) int array
        Codes of the persons in the panel, -1 for a member who never appears.
    """

    clock: Clock
    slot: Ints
    start: Ints
    rows: Ints
    columns: tuple[Array, ...]
    several: bool
    row_times: Array
    on_grid: bool
    dyads: tuple[Hashable, ...]
    roles: tuple[tuple[Hashable, Hashable], ...]
    persons: tuple[tuple[Hashable, Hashable], ...]
    person_code: Ints

    @cached_property
    def values(self) -> Array:
        """(N, 2) values, or (N, 2, n_variables); NaN where not observed."""
        taken = [self._of_occasions(column) for column in self.columns]
        return np.stack(taken, axis=2) if self.several else taken[0]

    @cached_property
    def exact(self) -> Array:
        """(N, 2) exact time of each answer in steps, for processes in continuous time; NaN without a row."""
        return self._of_occasions(self.row_times)

    def _of_occasions(self, column: Array) -> Array:
        return np.where(self.rows >= 0, column[self.rows], np.nan)

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

    def dense(self) -> Array:
        """(n_dyads, 2, n_slots) values, or (..., n_variables), on all scheduled occasions; NaN where not observed."""
        dense = np.full((len(self), len(self.clock), *self.values.shape[1:]), np.nan)
        dense[np.repeat(np.arange(len(self)), np.diff(self.start)), self.slot] = self.values
        return np.moveaxis(dense, 2, 1)

    def by_person(self, *, by_code: bool = False) -> PersonBatch:
        """Lay the series of the persons one after the other.

        Parameters
        ----------
        by_code : bool, default False
            By dyad, then member; True: by person code, the order of tables with one row per person.

        Returns
        -------
        PersonBatch
            Without members who never appear.

        Examples
        --------
        >>> import reldyn as rd
        >>> persons = rd.load_sample().series("longing").by_person()
        >>> persons[1].member, bool((persons[1].step[1:] > persons[1].step[:-1]).all())
        (1, True)
        """
        occasions = [np.flatnonzero(self.rows[:, member] >= 0) for member in (0, 1)]
        bounds = np.stack([np.searchsorted(at, self.start) for at in occasions], axis=1)
        size = np.diff(bounds, axis=0)
        series = np.flatnonzero(size)
        if by_code:
            series = series[np.argsort(self.person_code.ravel()[series])]
        start = np.concatenate([[0], np.cumsum(size.ravel()[series])])
        first = np.zeros_like(size)
        first.ravel()[series] = start[:-1]
        entry = np.empty(start[-1], dtype=np.int64)
        for member, at in enumerate(occasions):
            shift = np.repeat(first[:, member] - bounds[:-1, member], size[:, member])
            entry[np.arange(len(at)) + shift] = 2 * at + member
        return PersonBatch(self, entry, start, series)


@dataclass(frozen=True, eq=False)
class PersonBatch(Sequence[PersonSeries]):
    """The series of all persons, one after the other, at the occasions at which the panel has rows of them.

    Iterating gives one `PersonSeries` per person; so does an index.

    Attributes
    ----------
    batch : SeriesBatch
    entry : (n,) int array
        Each row among the occasions and members of the batch, counted occasion by occasion.
    start : (n_persons + 1,) int array
        The rows of person k are ``start[k]`` to ``start[k + 1]``.
    series : (n_persons,) int array
        Twice the code of the dyad, plus the member.
    """

    batch: SeriesBatch
    entry: Ints
    start: Ints
    series: Ints

    @cached_property
    def row(self) -> Ints:
        """Rows of the panel."""
        return np.asarray(self.batch.rows.ravel()[self.entry])

    @cached_property
    def slot(self) -> Ints:
        """Place of each row in the clock."""
        return np.asarray(self.batch.slot[self.entry >> 1])

    @cached_property
    def day(self) -> Ints:
        """Two rows of a person may be lagged only where it is equal (`Clock.lag_day`)."""
        return self.batch.clock.lag_day[self.slot]

    @cached_property
    def beep(self) -> Ints:
        """Scheduled steps within equal `day` (`Clock.lag_step`)."""
        return self.batch.clock.lag_step[self.slot]

    @cached_property
    def person(self) -> Ints:
        """Code of the person in the panel."""
        return np.repeat(self.batch.person_code.ravel()[self.series], np.diff(self.start))

    @cached_property
    def columns(self) -> tuple[Array, ...]:
        """(n,) values of each variable; NaN where not observed."""
        return tuple(column[self.row] for column in self.batch.columns)

    @cached_property
    def values(self) -> Array:
        """(n,) values, or (n, n_variables) where several variables were asked for."""
        return np.stack(self.columns, axis=1) if self.batch.several else self.columns[0]

    def __len__(self) -> int:
        return len(self.series)

    def __getitem__(self, place: int) -> PersonSeries:  # type: ignore[override]
        place = range(len(self))[place]
        part = slice(int(self.start[place]), int(self.start[place + 1]))
        code, member = divmod(int(self.series[place]), 2)
        batch, slot = self.batch, self.slot[part]
        role = batch.roles[code][member]
        return PersonSeries(
            dyad=batch.dyads[code],
            person=batch.persons[code][member],
            role="" if role is None else role,
            code=code,
            member=member,
            row=self.row[part],
            step=batch.clock.step[slot],
            time=batch.clock.time[slot],
            values=self.values[part],
        )

    def __iter__(self) -> Iterator[PersonSeries]:
        return (self[place] for place in range(len(self)))


def build_series(panel: DyadPanel, variables: str | Sequence[str]) -> SeriesBatch:
    """Build the batch of `DyadPanel.series`."""
    if not isinstance(variables, (str, list, tuple)) or not variables:
        raise DataError(f"{variables!r} is no name of a column: give one name, as text.")
    names = [variables] if isinstance(variables, str) else list(variables)
    columns = tuple(panel.values(name) for name in names)
    index, clock = panel.index, panel.clock
    slot, start, flat = _occasions(clock, index.dyad, index.slot, index.n_dyads)
    rows = np.full(2 * len(slot), -1, dtype=np.int64)
    rows[2 * flat + index.member] = np.arange(len(flat))
    roles, persons, person_code = _members(panel)
    return SeriesBatch(
        clock=clock,
        slot=slot,
        start=start,
        rows=rows.reshape(-1, 2),
        columns=columns,
        several=not isinstance(variables, str),
        row_times=index.clock,
        on_grid=index.on_grid,
        dyads=index.dyad_labels,
        roles=roles,
        persons=persons,
        person_code=person_code,
    )


def _occasions(clock: Clock, dyad: Ints, at: Ints, n_dyads: int) -> tuple[Ints, Ints, Ints]:
    """Places in the clock of all dyads' occasions, where each dyad starts, and the entry of each row."""
    scheduled = np.flatnonzero(clock.scheduled)
    at = (np.cumsum(clock.scheduled) - 1)[at]
    place, start, flat = _between(clock, dyad, at, n_dyads, len(scheduled))
    if clock.absent is not None:
        kept = clock.due(np.repeat(np.arange(n_dyads), np.diff(start)), scheduled[place])
        count = np.concatenate([[0], np.cumsum(kept)])
        place, start, flat = place[kept], count[start], count[flat]
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


def _members(panel: DyadPanel) -> tuple[Pairs, Pairs, Ints]:
    """Roles, persons and their codes of both members; with two roles in the panel the absent one must be the other."""
    index = panel.index
    series = 2 * index.dyad + index.member
    role, person = np.full((2, 2 * index.n_dyads), -1)
    role[series], person[series] = index.role, index.person
    role, person = role.reshape(-1, 2), person.reshape(-1, 2)
    if len(index.roles) == 2:
        absent = (person < 0) & (person[:, ::-1] >= 0)
        role = np.where(absent, np.where(role[:, ::-1] == 1, 0, 1), role)
    known: list[Hashable] = [*index.roles, None]
    people: list[Hashable] = [*index.person_labels, None]
    roles = tuple((known[a], known[b]) for a, b in role.tolist())
    persons = tuple((people[a], people[b]) for a, b in person.tolist())
    return roles, persons, person
