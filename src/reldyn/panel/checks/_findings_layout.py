"""What every check needs to know of a table, worked out once: who, in which role, when, in which order.

Everything here is an integer code or a position; the checks themselves never sort or group a frame.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reldyn._types import Array, Flags, Ints
from reldyn.panel._identity import Identity, factorize, identify
from reldyn.panel.timing._columns_read import read_column
from reldyn.panel.timing._formats import TimeFormat, TimeOptions
from reldyn.panel.timing._grid import grid_steps
from reldyn.panel.timing._own_schedules import OwnSchedules, own_schedules
from reldyn.panel.timing._placing import place_rows
from reldyn.panel.timing._repeated_hours import settle_repeated_hours
from reldyn.panel.timing._times import Times

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel._index import PanelIndex


@dataclass(frozen=True, eq=False)
class Layout:
    """A table with its named columns resolved; a column that is absent or ambiguous counts as not named.

    Attributes
    ----------
    frame : pandas.DataFrame
    names : mapping of str to str
        Which column holds ``dyad``, ``person``, ``role``, ``time``, ``day``, ``beep``, and the clock
        columns ``scheduled``, ``sent``, ``answered``, ``expires``.
    scales : mapping of str to (low, high)
    variables : tuple of str, optional
        Columns whose values are checked; None: every column of numbers that is not named.
    placed : bool
        Every column that was named to place rows in time can be used; where one cannot, rows of one person
        cannot be told apart and nothing is said about duplicates and partners.
    identity : Identity, optional
        None where dyad or person is not usable.
    options : TimeOptions
        What is known of the times.
    """

    frame: pd.DataFrame
    names: Mapping[str, str]
    scales: Mapping[str, tuple[float, float]]
    variables: tuple[str, ...] | None
    placed: bool
    identity: Identity | None
    options: TimeOptions

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.frame)

    @cached_property
    def roles(self) -> tuple[Ints, npt.NDArray[Any]] | None:
        """Role codes (-1: missing) and labels."""
        return factorize(self.frame[self.names["role"]]) if "role" in self.names else None

    @cached_property
    def units(self) -> Units:
        """Persons within dyads: a person who strays into a second dyad is a unit in each."""
        if self.identity is None:
            nobody = np.full(self.n_rows, -1, dtype=np.intp)
            empty = np.empty(0, dtype=np.intp)
            return Units(nobody, empty, empty, 0)
        return _units(self.identity)

    @cached_property
    def clocks(self) -> dict[str, Times]:
        """The reading of every named time, day, beep and clock column; each column is read once."""
        kinds = ("time", "day", "beep", "scheduled", "sent", "answered", "expires")
        named = {kind: self.names[kind] for kind in kinds if kind in self.names}
        # Beeps, and times within a named day, are small numbers and no serial days of Excel.
        within = {named.get("beep"), named.get("time") if "day" in named else None}
        read = {
            name: settle_repeated_hours(
                read_column(self.frame[name], name, self.options, serials=name not in within), self.units.codes
            )
            for name in dict.fromkeys(named.values())
        }
        return {kind: read[name] for kind, name in named.items()}

    @property
    def known_times(self) -> TimeOptions:
        """What is known of the times after they were read from all rows."""
        known: dict[str, TimeFormat] = {self.names[kind]: clock.format for kind, clock in self.clocks.items()}
        return dataclasses.replace(self.options, known={**self.options.known, **known})

    @cached_property
    def placing(self) -> dict[str, Array]:
        """What places a row in time, the slowest first: the day, and the beep or else the time."""
        dyad = np.append(self.units.dyads, -1)[self.units.codes]
        return place_rows(self.clocks, self.units.codes, dyad, self.options.workdays)

    @cached_property
    def own_schedules(self) -> OwnSchedules | None:
        """Prompts of each dyad, where dyads have schedules of their own."""
        if len(self.placing) < 2 or self.identity is None:
            return None
        kind = self.occasion_kinds[-1]
        if self.clocks[self.source_of(kind)].kind not in ("date", "duration"):
            return None
        placed = [np.isfinite(values).all() for values in self.placing.values()]
        if not all(placed) or self.units.codes.min(initial=0) < 0:
            return None
        dyad = self.units.dyads[self.units.codes]
        return own_schedules(self.placing[kind], dyad, self.placing["day"], self.units.codes)

    @cached_property
    def off_workdays(self) -> Flags:
        """Rows on days of the week on which nothing was scheduled."""
        if self.options.workdays is None or "day" not in self.placing:
            return np.zeros(self.n_rows, dtype=bool)
        day = self.placing["day"]
        return np.asarray(np.isfinite(day) & (day > np.floor(day)))

    @cached_property
    def off_schedule(self) -> Flags:
        """Rows on days without a prompt, or at a time of day that is none of the prompts."""
        clocked = any(
            self.clocks[self.source_of(kind)].kind in ("date", "duration") for kind in self.occasion_kinds[1:]
        )
        if self.identity is None or not self.usable.all() or not (clocked or self.off_workdays.any()):
            return self.off_workdays
        return np.asarray(~self.index.schedule.scheduled[self.index.slot])

    @cached_property
    def index(self) -> PanelIndex:
        """The codes of a table without errors, where no length of a night is declared."""
        from reldyn.panel._index import build_index

        return build_index(self, None)

    @cached_property
    def grid(self) -> tuple[Ints, Array, bool]:
        """`grid_steps` of the fastest key of `placing`; on the wall clock too, where it is the only one."""
        kind = self.occasion_kinds[-1]
        clock = self.clocks.get(kind)
        local = clock.local if clock is not None and len(self.occasion_kinds) == 1 else None
        return grid_steps(self.placing[kind], local)

    @property
    def occasion_kinds(self) -> tuple[str, ...]:
        """The keys of `placing`."""
        return tuple(self.placing)

    @property
    def occasion_columns(self) -> str:
        """The columns behind `placing`, joined by commas."""
        return ", ".join(dict.fromkeys(self.names[self.source_of(kind)] for kind in self.placing))

    def source_of(self, kind: str) -> str:
        """The named column that a key of `placing` comes from: a day and a time may both be read from stamps."""
        others = ("day", "time", "beep") if kind == "time" else ("time", "beep")
        return kind if kind in self.names else next((other for other in others if other in self.names), kind)

    @cached_property
    def occasions(self) -> Occasions:
        """Occasion codes in order of time; all 0 where no time is named."""
        codes = np.zeros(self.n_rows, dtype=np.intp)
        missing = np.zeros(self.n_rows, dtype=bool)
        size = 1
        for kind in self.occasion_kinds:
            key, n_keys = _ranked(self.placing[kind])
            if kind == self.occasion_kinds[-1] and self.own_schedules is not None:
                key, n_keys = self.own_schedules.code, len(self.own_schedules.rare)
            missing |= key < 0
            codes = codes * n_keys + key
            size *= n_keys
        codes[missing] = -1
        return Occasions(codes, max(size, 1), bool(missing.any()))

    @cached_property
    def usable(self) -> Flags:
        """Rows with a dyad, a person and an occasion."""
        return np.asarray((self.units.codes >= 0) & (self.occasions.codes >= 0))

    @cached_property
    def cells(self) -> Ints:
        """Code of the unit and occasion of every row, below `n_cells`; -1 where one is missing."""
        codes = self.units.codes * self.occasions.size + self.occasions.codes
        return codes if self.usable.all() else np.where(self.usable, codes, -1)

    @property
    def n_cells(self) -> int:
        """How many cells all units have."""
        return self.units.n * self.occasions.size

    @cached_property
    def row_of_cell(self) -> Ints | None:
        """The last row of every cell, -1 where it has none; None where a table of all cells would be large."""
        if not fits_table(self.n_cells, self.n_rows):
            return None
        table = np.full(self.n_cells, -1, dtype=np.intp)
        rows = np.arange(self.n_rows) if self.usable.all() else np.flatnonzero(self.usable)
        table[self.cells[rows]] = rows
        return table

    @cached_property
    def any_twice(self) -> bool:
        """Whether a cell has several rows."""
        if self.row_of_cell is not None:
            return int((self.row_of_cell >= 0).sum()) < int(self.usable.sum())
        codes, n_codes = dense(self.cells[self.usable], self.n_cells)
        return bool(np.bincount(codes, minlength=n_codes).max(initial=0) > 1)

    @cached_property
    def by_unit(self) -> Ints:
        """Row positions grouped by unit in the order of the file; rows without a unit first."""
        return _stable_order(self.units.codes, self.units.n)

    @cached_property
    def by_time(self) -> Ints:
        """Row positions grouped by unit, within it by occasion; unusable rows left out."""
        if self.row_of_cell is not None and not self.any_twice:
            return self.row_of_cell[self.row_of_cell >= 0]
        order = self.by_unit if self.usable.all() else self.by_unit[self.usable[self.by_unit]]
        return np.asarray(order[np.argsort(self.cells[order], kind="stable")])

    @cached_property
    def unit_by_time(self) -> Ints:
        """Unit of each row of `by_time`."""
        codes = self.units.codes if self.usable.all() else self.units.codes[self.usable]
        return np.repeat(np.arange(self.units.n), np.bincount(codes, minlength=self.units.n))

    @cached_property
    def same_unit(self) -> Flags:
        """Whether each row of `by_time` but the first belongs to the unit of the row before."""
        return np.asarray(self.unit_by_time[1:] == self.unit_by_time[:-1])

    @cached_property
    def steps(self) -> dict[str, Array]:
        """By key of `placing`, the step from each row of `by_time` to the next; between units it has no meaning."""
        return {kind: np.diff(values[self.by_time]) for kind, values in self.placing.items()}

    def rows_of_units(self, units: Ints) -> Ints:
        """All rows of these units, ascending."""
        flag = np.zeros(self.units.n + 1, dtype=bool)
        flag[units] = True
        return np.flatnonzero(flag[self.units.codes] & (self.units.codes >= 0))

    @cached_property
    def paired_dyads(self) -> Flags:
        """Dyads that have exactly two members."""
        if self.identity is None:
            return np.zeros(0, dtype=bool)
        return np.asarray(np.bincount(self.units.dyads, minlength=self.identity.n_dyads) == 2)

    @cached_property
    def partner_rows(self) -> tuple[Ints, Ints]:
        """Rows of the first and of the second partner at their shared occasions, by dyad and time; paired dyads."""
        if self.row_of_cell is not None:
            pairs = np.argsort(self.units.dyads, kind="stable")
            pairs = pairs[self.paired_dyads[self.units.dyads[pairs]]].reshape(-1, 2)
            at = self.row_of_cell.reshape(self.units.n, self.occasions.size)[pairs.T].reshape(2, -1)
            shared = np.flatnonzero((at >= 0).all(axis=0))
            return at[0, shared], at[1, shared]
        units, n_dyads = self.units, len(self.paired_dyads)
        rows = np.flatnonzero(self.usable & np.append(self.paired_dyads[units.dyads], False)[units.codes])
        cells, n_cells = dense(
            units.dyads[units.codes[rows]] * self.occasions.size + self.occasions.codes[rows],
            n_dyads * self.occasions.size,
        )
        second = (units.members() == 1)[units.codes[rows]]
        at = np.full((2, n_cells), -1, dtype=np.intp)
        at[0, cells[~second]] = rows[~second]
        at[1, cells[second]] = rows[second]
        shared = np.flatnonzero((at >= 0).all(axis=0))
        return at[0, shared], at[1, shared]


@dataclass(frozen=True, eq=False)
class Units:
    """Persons within dyads.

    Attributes
    ----------
    codes : ndarray of int, shape (rows,)
        -1 where dyad or person is missing.
    dyads, persons : ndarray of int, shape (units,)
        Dyad and person code of each unit.
    n : int
    """

    codes: Ints
    dyads: Ints
    persons: Ints
    n: int

    def members(self) -> Ints:
        """0 for the first unit of each dyad, 1 and more for the others."""
        order = np.argsort(self.dyads, kind="stable")
        dyads = self.dyads[order]
        members = np.empty(self.n, dtype=np.intp)
        members[order] = np.arange(self.n) - np.searchsorted(dyads, dyads)
        return members


@dataclass(frozen=True, eq=False)
class Occasions:
    """Occasion codes (-1: missing) below `size`, in order of time."""

    codes: Ints
    size: int
    any_missing: bool


def build_layout(
    frame: pd.DataFrame,
    names: Mapping[str, str],
    scales: Mapping[str, tuple[float, float]],
    variables: tuple[str, ...] | None,
    *,
    placed: bool,
    options: TimeOptions,
) -> Layout:
    """Resolve a table whose named columns exist and stand once."""
    identity = identify(frame[names["dyad"]], frame[names["person"]]) if {"dyad", "person"} <= names.keys() else None
    return Layout(frame, names, scales, variables, placed, identity, options)


def dense(codes: Ints, size: int) -> tuple[Ints, int]:
    """Codes below a size that a table can hold: as they are while that is small, else renumbered."""
    if fits_table(size, len(codes)):
        return codes, size
    renumbered, labels = factorize(codes)
    return renumbered, len(labels)


def fits_table(size: int, n_rows: int) -> bool:
    """Whether a table of that many cells is small beside the rows."""
    return size <= 4 * n_rows + 100_000


def _units(identity: Identity) -> Units:
    dyads = identity.person_dyads()
    known = (identity.dyad_codes >= 0) & (identity.person_codes >= 0)
    if known.all() and np.array_equal(dyads[identity.person_codes], identity.dyad_codes):
        return Units(identity.person_codes, dyads, np.arange(len(dyads)), len(dyads))
    pairs, codes = np.unique(
        identity.dyad_codes[known] * identity.n_persons + identity.person_codes[known], return_inverse=True
    )
    rows = np.full(len(known), -1, dtype=np.intp)
    rows[known] = codes
    return Units(rows, pairs // max(identity.n_persons, 1), pairs % max(identity.n_persons, 1), len(pairs))


def _ranked(values: Array) -> tuple[Ints, int]:
    """Codes in order of value, -1 where missing; whole numbers in a narrow range are their own codes."""
    seen = np.isfinite(values)
    if not seen.any():
        return np.full(len(values), -1, dtype=np.intp), 1
    everywhere = bool(seen.all())
    present = values if everywhere else values[seen]
    low = float(present.min())
    span = float(present.max()) - low
    if span < 4 * len(values) + 1_000 and np.array_equal(present, np.floor(present)):
        codes = np.where(seen, values - low, -1.0).astype(np.intp)
        return codes, int(span) + 1
    codes, labels = factorize(values if everywhere else np.where(seen, values, np.nan))
    return codes, len(labels)


def _stable_order(codes: Ints, n_codes: int) -> Ints:
    """Stable order of codes from -1 up; numpy sorts 16-bit integers by radix, ten times as fast."""
    if np.all(codes[1:] >= codes[:-1]):
        return np.arange(len(codes))
    if n_codes < 65_535:
        return np.argsort((codes + 1).astype(np.uint16), kind="stable")
    return np.argsort(codes, kind="stable")
