"""The clock of a study: its scheduled occasions, how long a night counts, and what a lag is.

The schedule is the set of prompts that the study uses, not the range of their numbers: beeps 1, 2 and 4 are three
prompts a day, and the lag of 4 is 2. An occasion without an answer is a hole: it takes its time, and no lag leads over
it. Every lag, share of answers, weekend and serial model of the package reads the one `Clock` that is built here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.panel._readonly import read_only
from reldyn.panel.timing._bursts import fill_bursts
from reldyn.panel.timing._grid import rare_prompts
from reldyn.panel.timing._lag_groups import LagGroups, group_lags, one_a_day, single_days
from reldyn.panel.timing._nights import clock_night_steps
from reldyn.panel.timing._placing import weekdays
from reldyn.panel.timing._times import SECONDS_PER_DAY

if TYPE_CHECKING:
    from reldyn.panel._schedule import Schedule
    from reldyn.panel.timing._grid import CalendarDays
    from reldyn.panel.timing._own_schedules import OwnSchedules
    from reldyn.panel.timing._times import Times

__all__ = ["NEW_START", "USUAL_NIGHT", "Clock", "GridPlaces", "build_clock"]

# A gap of this many steps is a fresh start: any stationary process has forgotten everything.
NEW_START = 1_000_000
# Four prompts four hours apart leave a night of three intervals.
USUAL_NIGHT = 3
# Above this many scheduled occasions per occasion in use the times form no schedule worth completing.
_SPARSE = 8

NightFrom = Literal["declared", "clock", "default", "restarts", "none"]


@dataclass(frozen=True, repr=False, eq=False)
class Clock:
    """The scheduled occasions of a study, ascending.

    Attributes
    ----------
    occasion : (n,) int array, which like all arrays here cannot be written to
        Codes as in `PanelIndex.occasion`.
    day : (n,) int array
        Day of the study from 0; all 0 where no day is named.
    prompt : (n,) int array
        Rank among the prompts of a day: equal ranks share a time of day. All 0 with one occasion a day or without
        days; where beep numbers run on from day to day, counted from the first of each day.
    step : (n,) int array
        Strictly increasing position in a serial process: one prompt is 1, a night `night_steps`.
    lag_day, lag_step : (n,) int arrays
        Two occasions are a lag of k apart where `lag_day` is equal and `lag_step` differs by k. Where days have one
        occasion, lags lead from day to day, else they stay within the day. Occasions that are not scheduled are alone
        in their `lag_day`, which is then above all others.
    weekend : (n,) bool array
        Saturdays and Sundays; all False where the panel has no calendar.
    scheduled : (n,) bool array
        False on days of the week on which the study has no prompt, and at times of day that are no prompt.
    n_prompts : int
        Prompts of a day in the codes: occasion = day * n_prompts + beep.
    complete : bool
        False where times form no schedule worth completing; each dyad then has only its own occasions.
    runs_on : bool
        Whether beep numbers run on from day to day instead of restarting.
    night_steps : int or None
        None where there is no night, or where every process restarts in the morning.
    night_from : {"declared", "clock", "default", "restarts", "none"}
        Where the length of the night comes from; "none" where there is no night to count.
    within : (n,) int array
        Steps within the day, which `step` adds to those of the days before.
    day_length : int
        Prompts that a day adds to `step`; 0 where beep numbers run on.
    absent : (n_dyads, n_prompts) bool array, optional
        Where dyads have schedules of their own, the prompts that a dyad with fewer a day does not have. Ranks then
        count the prompts of the dyad's own day, and equal ranks of two dyads are not the same time of day.
    days_only : bool
        Whether a day is all that places an occasion; `day` is then 0 and the occasions are the days.
    """

    occasion: Ints
    day: Ints
    prompt: Ints
    step: Ints
    lag_day: Ints
    lag_step: Ints
    weekend: Flags
    scheduled: Flags
    n_prompts: int
    complete: bool
    runs_on: bool
    night_steps: int | None
    night_from: NightFrom
    within: Ints
    day_length: int
    absent: Flags | None = None
    days_only: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, field.name, read_only(value))

    def __len__(self) -> int:
        return len(self.occasion)

    def __repr__(self) -> str:
        holes = "complete" if self.complete else "own occasions of each dyad"
        night = "no night" if self.night_from == "none" else f"night {self.night_steps} ({self.night_from})"
        return f"Clock: {len(self):,} scheduled occasions ({holes}), {night}"

    @property
    def night_known(self) -> bool:
        """Whether the study says how long a night is, or has none."""
        return self.night_from in ("declared", "clock", "none")

    @property
    def note(self) -> str | None:
        """What a reader must know about a night of unknown length; None where the study says how it counts."""
        if self.night_from != "default":
            return None
        return (
            f"the length of the night is unknown and counts {USUAL_NIGHT} daytime intervals: "
            "name it with schedule=rd.Schedule(night_steps=...), or a column of clock times with "
            "rd.Schedule(scheduled=...)"
        )

    def steps_with(self, night_steps: int) -> Ints:
        """`step`, if a night counted this many steps; `step` itself where there is no night."""
        if self.night_from == "none":
            return self.step
        return self.day * (self.day_length + night_steps - 1) + self.within

    @property
    def notes(self) -> tuple[str, ...]:
        """`note`, for the warnings of a result; empty where there is none."""
        return () if self.note is None else (self.note,)

    @cached_property
    def time(self) -> Array:
        """(n,) Days from the first of the study, or occasions where all lie on one day."""
        beep = self.occasion - self.day * self.n_prompts
        time = self.day + beep / self.n_prompts if self.day.any() else beep.astype(float)
        return read_only(np.asarray(time, dtype=float))

    @cached_property
    def by_codes(self) -> bool:
        """Whether lags follow from the codes of day and beep alone."""
        if not self.days_apart:
            return False
        return np.array_equal(self.lag_step, self.occasion % self.n_prompts)

    @cached_property
    def days_apart(self) -> bool:
        """Whether every lag stays within a day."""
        return np.array_equal(self.lag_day, self.day)

    @cached_property
    def lags_lead(self) -> str:
        """Where lags lead, as a phrase: within days, from day to day, or both; empty where no days are named."""
        due = self.scheduled
        group, day = self.lag_day[due], self.day[due]
        if self.days_only:
            day = self.occasion[due]
        if not day.any():
            return ""
        joined = np.diff(group) == 0
        phrases = ("within days", "from day to day")
        return " and ".join(
            phrase
            for phrase, there in zip(phrases, (np.diff(day) == 0, np.diff(day) > 0), strict=True)
            if (joined & there).any()
        )

    @property
    def step_name(self) -> str:
        """What one step of a lag is called."""
        return "day" if self.lags_lead == "from day to day" else "occasion"

    @cached_property
    def _slot_of_code(self) -> Ints:
        table = np.full(int(self.occasion.max(initial=-1)) + 1, -1, dtype=np.int64)
        table[self.occasion] = np.arange(len(self))
        return read_only(table)

    def slots(self, occasion: Ints) -> Ints:
        """Positions of occasion codes in this clock; the codes must be scheduled."""
        return np.asarray(self._slot_of_code[occasion])

    def earlier(self, steps: int) -> Ints:
        """Position of the occasion ``steps`` scheduled occasions before each one on the same day, or -1."""
        # Days and steps in one number, far enough apart that no lag leads into another day.
        width = int(self.lag_step.max(initial=0)) + steps + 1
        key = self.lag_day * width + self.lag_step
        # Occasions that are not scheduled have keys above all others.
        order = None if self.scheduled.all() else np.argsort(key, kind="stable")
        at = np.minimum(np.searchsorted(key, key - steps, sorter=order), max(len(key) - 1, 0))
        at = at if order is None else order[at]
        return np.where((key[at] == key - steps) & (self.lag_step >= steps), at, -1)

    def spans(self, dyad: Ints, at: Ints, n_dyads: int) -> Flags:
        """Which scheduled occasions lie between the first and the last row of each dyad.

        Parameters
        ----------
        dyad, at : (rows,) int arrays
            Dyad and position in this clock of every row.
        n_dyads : int

        Returns
        -------
        (n_dyads, n) bool array
            Where the schedule is not complete, only the dyad's own occasions.
        """
        if not self.complete:
            own = np.zeros((n_dyads, len(self)), dtype=bool)
            own[dyad, at] = True
            return own
        first, last = np.full(n_dyads, len(self)), np.full(n_dyads, -1)
        np.minimum.at(first, dyad, at)
        np.maximum.at(last, dyad, at)
        place = np.arange(len(self))
        inside = np.asarray((place >= first[:, None]) & (place <= last[:, None]))
        return inside if self.absent is None else inside & self.due(np.arange(n_dyads)[:, None], place[None])

    def due(self, dyad: Ints, slot: Ints) -> Flags:
        """Whether occasions at these positions are prompts of these dyads' own schedules."""
        if self.absent is None:
            return np.ones(np.broadcast(dyad, slot).shape, dtype=bool)
        return ~self.absent[dyad, (self.occasion % self.n_prompts)[slot]]


@dataclass(frozen=True, eq=False)
class GridPlaces:
    """Where rows stand on the grid: day and step within the day from 0, and the exact time in steps.

    Attributes
    ----------
    day, beep : (n,) int arrays
    exact : (n,) array
        Within the day.
    on_grid : bool
        Whether times within the day fit a common grid.
    days_named : bool
    calendar : CalendarDays, optional
        The days of the calendar behind the codes of days (of beeps, where the days are all there is).
    clocked : bool
        Times within the day are times of a clock and no numbers of prompts.
    stretch : (n_codes,) int array, optional
        Without days and without a grid: the stretch of steps of usual length that each beep belongs to.
    own : OwnSchedules, optional
        Schedules of single dyads, by which the beeps are numbered.
    days_only : bool
        Whether a day is all that places a row.
    """

    day: Ints
    beep: Ints
    exact: Array
    on_grid: bool
    days_named: bool
    calendar: CalendarDays | None = None
    clocked: bool = False
    stretch: Ints | None = None
    own: OwnSchedules | None = None
    days_only: bool = False


@dataclass(frozen=True, eq=False)
class _Layout:
    """The schedule in use: how codes are made, and whether beeps run on."""

    n_prompts: int
    runs_on: bool
    one_a_day: bool
    days_named: bool
    rare: Flags

    def within(self, beep: Ints, scheduled: Flags) -> Ints:
        """Steps within the day; an occasion outside the schedule is a step of its own."""
        if not self.rare.any():
            return beep
        return np.asarray((np.cumsum(~self.rare) - 1)[beep] + np.cumsum(~scheduled))

    @property
    def regular(self) -> int:
        """Prompts of a day that are no slips."""
        return self.n_prompts - int(self.rare.sum())

    def per_day(self, n_prompts: int, night: int | None) -> int:
        """What a day adds to the count within it."""
        if night is None:
            return NEW_START
        return night - 1 if self.runs_on else n_prompts - 1 + night


def build_clock(
    grid: GridPlaces, schedule: Schedule | None, times: Mapping[str, Times], person: Ints
) -> tuple[Clock, Ints, Ints, Array]:
    """Build the clock of a study from the places of its rows.

    Parameters
    ----------
    grid : GridPlaces
    schedule : Schedule or None
    times : mapping of str to Times
        The time columns as `read_times` read them.
    person : (n,) int array

    Returns
    -------
    clock : Clock
    beep : (n,) int array
        Step within the day of each row, among the prompts that the study uses.
    step : (n,) int array
        Position of each row in a serial process.
    exact : (n,) array
        The same in continuous time.
    """
    day, beep, layout = _prompts(grid)
    occupied = _distinct(day * layout.n_prompts + beep)
    occasion, complete = _scheduled(occupied, grid, layout)
    only = np.full(int(occasion.max(initial=0)) // layout.n_prompts + 1, -1)
    counted = layout
    if layout.days_named and not (layout.one_a_day or layout.runs_on):
        only, rare = single_days(occupied, layout.rare, len(only))
        counted = replace(layout, rare=rare)
    night, night_from = _night(schedule, times, person, day, beep, counted)
    occasion, off, groups = _lags(occasion, occupied, grid, layout, only, ~counted.rare)
    own_day, own_beep = occasion // layout.n_prompts, occasion % layout.n_prompts
    within = counted.within(own_beep, ~off)
    days_only = layout.one_a_day or not layout.days_named
    step = own_day if layout.one_a_day else own_beep if not layout.days_named else None
    clock = Clock(
        occasion=occasion,
        day=own_day,
        prompt=np.zeros_like(own_day) if days_only else _within_day(own_day, own_beep, runs_on=layout.runs_on),
        step=own_day * counted.per_day(counted.regular, night) + within if step is None else step,
        lag_day=groups.group,
        lag_step=groups.step,
        weekend=_weekend(occasion, own_day, grid, beep, schedule, times),
        scheduled=groups.scheduled,
        n_prompts=layout.n_prompts,
        complete=complete,
        runs_on=layout.runs_on,
        night_steps=night,
        night_from=night_from,
        within=within,
        day_length=0 if layout.runs_on else counted.regular,
        absent=None if grid.own is None else grid.own.absent,
        days_only=grid.days_only,
    )
    row_steps = clock.step[clock.slots(day * layout.n_prompts + beep)]
    return clock, beep, row_steps, _exact(grid, day, layout, night)


def _lags(
    occasion: Ints, occupied: Ints, grid: GridPlaces, layout: _Layout, only: Ints, counts: Flags
) -> tuple[Ints, Flags, LagGroups]:
    """Scheduled occasions, which of them lie outside the schedule, and what is a lag of what."""
    own_day, own_beep = occasion // layout.n_prompts, occasion % layout.n_prompts
    calendar, days = grid.calendar, own_day if grid.days_named else own_beep
    off = np.zeros(len(occasion), dtype=bool) if calendar is None else calendar.off[days]
    off = off | layout.rare[own_beep]
    if off.any() or (only >= 0).any():
        # What is not scheduled is an occasion only where there is a row.
        due = ~off & np.where(only[own_day] < 0, counts[own_beep], only[own_day] == own_beep)
        keep = due | np.isin(occasion, occupied)
        occasion, off = occasion[keep], off[keep]
        own_day, own_beep = own_day[keep], own_beep[keep]
    number = None if calendar is None else calendar.number
    if layout.one_a_day:
        return occasion, off, one_a_day(own_day if number is None else number[own_day], off)
    if not layout.days_named:
        step = own_beep if number is None else number[own_beep]
        if grid.stretch is not None:
            return occasion, off, LagGroups(grid.stretch[own_beep], step, ~off)
        return occasion, off, one_a_day(step, off)
    prompt = (np.cumsum(counts) - 1)[own_beep]
    return occasion, off, group_lags(own_day, np.maximum(prompt, 0), off, only >= 0, number)


def _prompts(grid: GridPlaces) -> tuple[Ints, Ints, _Layout]:
    """Day, and rank of each row's beep among the prompts in use."""
    day, beep, n_beeps = grid.day, grid.beep, int(grid.beep.max(initial=0)) + 1
    none = np.zeros(n_beeps, dtype=bool)
    if grid.own is not None:
        return day, beep, _Layout(n_beeps, runs_on=False, one_a_day=False, days_named=True, rare=grid.own.rare)
    if not grid.days_named:
        return day, beep, _Layout(n_beeps, runs_on=False, one_a_day=False, days_named=False, rare=none)
    n_days, first, last = _edges(day, beep)
    in_order = n_days > 1 and bool(np.all(first[1:] > last[:-1]))
    single = n_days > 1 and bool(np.all(first == last))
    if single and grid.on_grid:
        # One occasion a day: a counter of beeps, or its hour, says nothing that the day does not say.
        return day, np.zeros_like(beep), _Layout(1, runs_on=False, one_a_day=True, days_named=True, rare=none[:1])
    if not in_order:
        rank = np.cumsum(np.bincount(beep, minlength=n_beeps) > 0) - 1
        beep, n_beeps = rank[beep].astype(np.int64), int(rank[-1]) + 1
    alone = single and not grid.on_grid
    rare = rare_prompts(beep) if grid.clocked and not in_order and not alone else np.zeros(n_beeps, dtype=bool)
    return day, beep, _Layout(n_beeps, runs_on=in_order, one_a_day=alone, days_named=True, rare=rare)


def _edges(day: Ints, beep: Ints) -> tuple[int, Ints, Ints]:
    """Number of days in use, and the first and the last beep of each."""
    size = int(day.max(initial=-1)) + 1
    first, last = np.full(size, np.iinfo(np.int64).max), np.full(size, -1, dtype=np.int64)
    np.minimum.at(first, day, beep)
    np.maximum.at(last, day, beep)
    used = last >= 0
    return int(used.sum()), first[used], last[used]


def _distinct(codes: Ints) -> Ints:
    """Distinct codes, ascending; counted where their range allows, which needs no sorting."""
    if int(codes.max(initial=-1)) < 8 * len(codes) + 100_000:
        return np.flatnonzero(np.bincount(codes)).astype(np.int64)
    return np.unique(codes)


def _scheduled(occupied: Ints, grid: GridPlaces, layout: _Layout) -> tuple[Ints, bool]:
    """Occasions in use and the holes between them; False where times form no such schedule."""
    if not grid.on_grid or not len(occupied):
        return occupied, False
    n, first, last, full = layout.n_prompts, int(occupied[0]), int(occupied[-1]), None
    if layout.runs_on:
        starts = np.flatnonzero(np.r_[True, np.diff(occupied // n) != 0])
        ends = np.r_[starts[1:], len(occupied)] - 1
        full = np.concatenate([np.arange(occupied[a], occupied[b] + 1) for a, b in zip(starts, ends, strict=True)])
    elif layout.days_named and not layout.one_a_day:
        first, last = first // n * n, last // n * n + n - 1
    size = last - first + 1 if full is None else len(full)
    if size > _SPARSE * len(occupied) and layout.days_named:
        # Bursts far apart: their days, and not the years between them.
        days = np.unique(occupied // n)
        full, size = (days[:, None] * n + np.arange(n)).ravel(), len(days) * n
    if size > _SPARSE * len(occupied):
        return fill_bursts(occupied, _SPARSE)
    return np.arange(first, last + 1) if full is None else full, True


def _within_day(day: Ints, beep: Ints, *, runs_on: bool) -> Ints:
    if not runs_on:
        return beep
    first = np.searchsorted(day, day)
    return np.asarray(beep - beep[first])


def _night(
    schedule: Schedule | None, times: Mapping[str, Times], person: Ints, day: Ints, beep: Ints, layout: _Layout
) -> tuple[int | None, NightFrom]:
    """How many steps a night counts: as declared, else by the clock, else three."""
    if not layout.days_named or layout.one_a_day or not day.any():
        return None, "none"
    declared = "clock" if schedule is None else schedule.night_steps
    if declared is None:
        return None, "restarts"
    if declared != "clock":
        return int(declared), "declared"
    measured = clock_night_steps(times, person, day, (np.cumsum(~layout.rare) - 1)[beep])
    return (USUAL_NIGHT, "default") if measured is None else (measured, "clock")


def _exact(grid: GridPlaces, day: Ints, layout: _Layout, night: int | None) -> Array:
    """Continuous time in steps of the grid, nights as long as in the count."""
    if not layout.days_named or (layout.n_prompts == 1 and not day.any()):
        return grid.exact
    if layout.n_prompts == 1:
        return day.astype(float)
    width = round(float(grid.exact.max())) + 1 if grid.on_grid else layout.n_prompts
    night = USUAL_NIGHT if layout.one_a_day else night
    return day * float(layout.per_day(width, night)) + grid.exact


def _weekend(
    occasion: Ints,
    own_day: Ints,
    grid: GridPlaces,
    beep: Ints,
    schedule: Schedule | None,
    times: Mapping[str, Times],
) -> Flags:
    """Whether each occasion falls on a Saturday or Sunday, by most of the rows of its day."""
    none = np.zeros(len(occasion), dtype=bool)
    named = "scheduled" if schedule is not None and schedule.scheduled is not None else "day"
    if named not in times:
        named = "time" if "time" in times else "beep"
    calendar = times.get(named)
    if calendar is None or calendar.kind != "date":
        return none
    if not grid.days_named:
        return _weekend_of_times(occasion, beep, calendar)
    day = grid.day
    size = int(day.max()) + 1
    rows = np.bincount(day, minlength=size)
    free = np.bincount(day, weights=weekdays(calendar) >= 5, minlength=size)
    share = free / np.maximum(rows, 1)
    if named != "scheduled" and grid.calendar is not None:
        # A day without any row still has its place in the calendar.
        share = np.where(rows > 0, share, grid.calendar.weekday[:size] >= 5)
    return np.asarray(share[own_day] > 0.5)


def _weekend_of_times(occasion: Ints, beep: Ints, calendar: Times) -> Flags:
    """By the moment of each occasion; that of a hole lies evenly between its neighbours."""
    known = np.isfinite(calendar.local)
    total = np.bincount(beep[known], weights=calendar.local[known])
    rows = np.bincount(beep[known])
    used = np.flatnonzero(rows)
    moment = np.interp(occasion, used, total[used] / rows[used])
    # 1970-01-01 was a Thursday.
    return np.asarray((np.floor(moment / SECONDS_PER_DAY) + 3) % 7 >= 5)
