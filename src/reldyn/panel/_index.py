"""Where each row stands: dyad, member, day, and step on the grid of scheduled occasions.

Every operation over dyad x role x time (lag, pairing, compliance) goes through the `PanelIndex`
built here: integer codes, computed once, so that the order of dyads, members and occasions is
defined and not left to whatever order the rows came in.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import counted
from reldyn.panel._clock import Clock, GridPlaces, build_clock
from reldyn.panel._readonly import read_only
from reldyn.panel.timing._grid import calendar_codes, grid_steps, stretches
from reldyn.panel.timing._stamp_days import counts_as_schedule

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.panel._schedule import Schedule
    from reldyn.panel.checks._findings_layout import Layout
    from reldyn.panel.timing._times import Times

__all__ = ["PanelIndex", "build_index"]


@dataclass(frozen=True, repr=False)
class PanelIndex:
    """Integer codes of the rows of a panel.

    Attributes
    ----------
    dyad, person, member, role : (n,) int arrays
        Codes from 0; ``member`` is 0 or 1 within the dyad, ``role`` is -1 where unknown.
    day, beep : (n,) int arrays, which like all arrays here cannot be written to
        Day number, and step within the day among the prompts that the study uses; both from 0.
    step : (n,) int array
        Position in a serial process, nights counted as `Clock.night_steps`; where every process restarts in the
        morning, the step leaps by a million.
    clock : (n,) float array
        Exact time in units of one step, for processes in continuous time.
    n_dyads, n_persons : int
        How many codes there are.
    n_days, n_beeps : int
        Size of the grid.
    on_grid : bool
        False when times fit no common grid and ``beep`` only ranks them.
    dyad_labels, person_labels, roles : tuple of hashable
        Labels of the codes; no roles where members are exchangeable.
    schedule : Clock
        The scheduled occasions of the study.
    """

    dyad: NDArray[np.int64]
    person: NDArray[np.int64]
    member: NDArray[np.int64]
    role: NDArray[np.int64]
    day: NDArray[np.int64]
    beep: NDArray[np.int64]
    step: NDArray[np.int64]
    clock: NDArray[np.float64]
    n_dyads: int
    n_persons: int
    n_days: int
    n_beeps: int
    on_grid: bool
    dyad_labels: tuple[Hashable, ...]
    person_labels: tuple[Hashable, ...]
    roles: tuple[Hashable, ...]
    schedule: Clock

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, field.name, read_only(value))

    def __repr__(self) -> str:
        grid = f"{self.n_days} x {counted(self.n_beeps, 'occasion')}" + (
            "" if self.on_grid else ", times on no common grid"
        )
        return (
            f"PanelIndex: {counted(len(self.dyad), 'row')}, {counted(self.n_dyads, 'dyad')}, "
            f"{counted(self.n_persons, 'person')}, {grid}"
        )

    @cached_property
    def occasion(self) -> NDArray[np.int64]:
        """Code of the scheduled occasion: day and beep in one number."""
        return read_only(self.day * self.n_beeps + self.beep)

    @property
    def cells(self) -> int:
        """How many occasions the grid has."""
        return self.n_days * self.n_beeps

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Rows sorted by dyad, occasion and member."""
        key = (self.dyad * self.cells + self.occasion) * 2 + self.member
        return read_only(np.argsort(key, kind="stable"))

    @cached_property
    def _rows_by_cell(self) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
        key = (self.dyad * 2 + self.member) * self.cells + self.occasion
        size = self.n_dyads * 2 * self.cells
        if size <= max(8 * len(key), 100_000):
            table = np.full(size, -1, dtype=np.int64)
            table[key] = np.arange(len(key))
            return read_only(table), None
        order = np.argsort(key, kind="stable")
        return read_only(order), read_only(key[order])

    def find(
        self, dyad: NDArray[np.int64], member: NDArray[np.int64], occasion: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the row of each (dyad, member, occasion), or -1 where there is none."""
        table, keys = self._rows_by_cell
        wanted = (dyad * 2 + member) * self.cells + occasion
        if keys is None:
            return np.asarray(table[wanted])
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[place] == wanted, table[place], -1)

    @cached_property
    def partner_row(self) -> NDArray[np.int64]:
        """The partner's row at the same occasion, or -1."""
        return read_only(self.find(self.dyad, 1 - self.member, self.occasion))

    @cached_property
    def role_of_member(self) -> NDArray[np.int64]:
        """Role code of both members of each dyad; -1 for one who has no row."""
        roles = np.full((self.n_dyads, 2), -1)
        roles[self.dyad, self.member] = self.role
        return read_only(roles)

    @cached_property
    def slot(self) -> NDArray[np.int64]:
        """Place of each row among the scheduled occasions of the study."""
        return read_only(self.schedule.slots(self.occasion))

    def earlier_row(
        self, steps: int, *, of_partner: bool = False, rows: NDArray[np.int64] | slice = slice(None)
    ) -> NDArray[np.int64]:
        """Return the own or the partner's row ``steps`` scheduled occasions before all or some rows, or -1.

        None lies over a night.
        """
        member = 1 - self.member[rows] if of_partner else self.member[rows]
        day, step = self.lag_codes
        if day is self.day or (self.n_beeps == 1 and bool(self.schedule.scheduled.all())):
            # Codes of occasions are as far apart as their lag; those of no row are not found.
            inside = step[rows] >= steps
            occasion = np.where(inside, self.occasion[rows] - steps, 0)
        else:
            before = self.schedule.earlier(steps)[self.slot[rows]]
            inside = before >= 0
            occasion = self.schedule.occasion[np.where(inside, before, 0)]
        return np.where(inside, self.find(self.dyad[rows], member, occasion), -1)

    @cached_property
    def lag_codes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Two rows of a person are a lag of k apart where the first is equal and the second differs by k."""
        if self.schedule.by_codes:
            return self.day, self.beep
        return read_only(self.schedule.lag_day[self.slot]), read_only(self.schedule.lag_step[self.slot])


def build_index(layout: Layout, schedule: Schedule | None) -> PanelIndex:
    """Compute the codes of every row of a table without errors, from what its checks have read already."""
    if layout.identity is None:
        raise ValueError("a table without dyads and persons has no index")
    who, times, n = layout.identity, layout.clocks, layout.n_rows
    person, dyad = np.asarray(who.person_codes, dtype=np.int64), np.asarray(who.dyad_codes, dtype=np.int64)
    has_roles = "role" in layout.names
    role, roles = _role_codes(layout.frame[layout.names["role"]]) if has_roles else (np.full(n, -1), ())
    grid = _occasions(layout, times, n)
    study, beep, step, exact = build_clock(grid, schedule, times, person)
    return PanelIndex(
        dyad=dyad,
        person=person,
        member=_members(dyad, person, role, len(who.dyad_labels), len(roles)),
        role=role,
        day=grid.day,
        beep=beep,
        step=step,
        clock=exact,
        n_dyads=len(who.dyad_labels),
        n_persons=len(who.person_labels),
        n_days=int(grid.day.max(initial=0)) + 1,
        n_beeps=study.n_prompts,
        on_grid=grid.on_grid,
        dyad_labels=_plain_labels(who.dyad_labels),
        person_labels=_plain_labels(who.person_labels),
        roles=roles,
        schedule=study,
    )


def _role_codes(values: pd.Series) -> tuple[NDArray[np.int64], tuple[Hashable, ...]]:
    """Codes in category order where the column is categorical, else in sorted order."""
    import pandas as pd

    try:
        categorical = pd.Categorical(values)
    except TypeError:
        # As ids: what cannot be hashed (lists) is told apart by how it is written.
        categorical = pd.Categorical(values.map(str, na_action="ignore"))
    codes = categorical.codes.astype(np.int64)
    used = np.flatnonzero(np.bincount(codes[codes >= 0]))
    renumber = np.full(len(categorical.categories) + 1, -1, dtype=np.int64)
    renumber[used] = np.arange(len(used))
    labels = tuple(_plain(categorical.categories[place]) for place in used.tolist())
    return renumber[codes], labels


def _plain_labels(labels: NDArray[Any]) -> tuple[Hashable, ...]:
    # An array of objects keeps them as they are; they may be numbers of numpy.
    return tuple(map(_plain, labels) if labels.dtype == object else labels.tolist())


def _plain(label: Hashable) -> Hashable:
    return label.item() if isinstance(label, np.generic) else label


def _members(
    dyad: NDArray[np.int64], person: NDArray[np.int64], role: NDArray[np.int64], n_dyads: int, n_roles: int
) -> NDArray[np.int64]:
    """0 or 1 within each dyad: by role where roles tell the two apart, else by order of person."""
    n_persons = int(person.max(initial=-1)) + 1
    role_of = np.full(n_persons, -1, dtype=np.int64)
    role_of[person] = role
    dyad_of = np.zeros(n_persons, dtype=np.int64)
    dyad_of[person] = dyad
    # Persons sorted by dyad, then role, then their own order: the first of a dyad is member 0.
    order = np.lexsort((np.arange(n_persons), role_of, dyad_of))
    position = np.arange(n_persons) - np.searchsorted(dyad_of[order], dyad_of[order])
    member_of = np.zeros(n_persons, dtype=np.int64)
    member_of[order] = np.minimum(position, 1)
    # A person whose partner never appears keeps the place that the role gives.
    alone = np.bincount(dyad_of, minlength=n_dyads)[dyad_of] == 1
    member_of[alone & (role_of == 1) & (n_roles == 2)] = 1
    return member_of[person]


def _occasions(layout: Layout, times: Mapping[str, Times], n: int) -> GridPlaces:
    """Day and step within the day of each row, with the exact time in steps."""
    placing, workdays = layout.placing, layout.options.workdays
    zeros = np.zeros(n, dtype=np.int64)
    if not placing:
        return GridPlaces(zeros, zeros, np.zeros(n), True, False)
    fastest = list(placing)[-1]
    if "day" not in placing:
        steps = layout.grid
        stretch = None if steps[2] else stretches(np.unique(placing[fastest]))
        return GridPlaces(zeros, *steps, False, stretch=stretch)
    day, dated = placing["day"], times[layout.source_of("day")].kind == "date"
    if fastest == "day":
        if not dated or workdays is None:
            return GridPlaces(zeros, *grid_steps(day), False, days_only=True)
        calendar = calendar_codes(day, workdays)
        return GridPlaces(zeros, calendar.code, day - day.min(), True, False, calendar, days_only=True)
    within = times[layout.source_of(fastest)]
    clocked = within.kind in ("date", "duration")
    own = layout.own_schedules
    steps = layout.grid if own is None else (own.code, own.exact, True)
    if clocked and not steps[2] and counts_as_schedule(placing[fastest]):
        steps = (*steps[:2], True)
    if not dated:
        return GridPlaces(grid_steps(day)[0], *steps, True, None, clocked, own=own)
    # Calendar dates keep their distance in days, whatever the smallest gap between them is.
    calendar = calendar_codes(day, workdays)
    return GridPlaces(calendar.code, *steps, True, calendar, clocked, own=own)
