"""Where each row stands: dyad, member, day, and step on the grid of scheduled occasions.

Every operation over dyad x role x time (lag, pairing, compliance) goes through the `PanelIndex`
built here: integer codes, computed once, so that the order of dyads, members and occasions is
defined and not left to whatever order the rows came in.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.panel._identity import Identity
    from reldyn.panel._schedule import Schedule

__all__ = ["NEW_START", "PanelIndex", "build_index", "clock_night_steps", "grid_steps"]

# A gap of this many steps is a fresh start: any stationary process has forgotten everything.
NEW_START = 1_000_000


@dataclass(frozen=True)
class PanelIndex:
    """Integer codes of the rows of a panel.

    Attributes
    ----------
    dyad, person, member, role : (n,) int arrays
        Codes from 0; ``member`` is 0 or 1 within the dyad, ``role`` is -1 where unknown.
    day, beep : (n,) int arrays
        Day number and step within the day, both on the grid of the study, from 0.
    step : (n,) int array
        Position in a serial process: nights counted, a fresh start is a leap of ``NEW_START``.
    clock : (n,) float array
        Exact time in units of one step, for processes in continuous time.
    n_days, n_beeps : int
        Size of the grid.
    on_grid : bool
        False when times fit no common grid and ``beep`` only ranks them.
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

    @cached_property
    def occasion(self) -> NDArray[np.int64]:
        """Code of the scheduled occasion: day and beep in one number."""
        return self.day * self.n_beeps + self.beep

    @property
    def cells(self) -> int:
        """How many occasions the grid has."""
        return self.n_days * self.n_beeps

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Rows sorted by dyad, occasion and member."""
        return np.argsort((self.dyad * self.cells + self.occasion) * 2 + self.member, kind="stable")

    @cached_property
    def _rows_by_cell(self) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
        key = (self.dyad * 2 + self.member) * self.cells + self.occasion
        size = self.n_dyads * 2 * self.cells
        if size <= max(8 * len(key), 100_000):
            table = np.full(size, -1, dtype=np.int64)
            table[key] = np.arange(len(key))
            return table, None
        order = np.argsort(key, kind="stable")
        return order, key[order]

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
        return self.find(self.dyad, 1 - self.member, self.occasion)

    def earlier_row(self, steps: int) -> NDArray[np.int64]:
        """Return the same person's row ``steps`` scheduled occasions earlier on the same day, or -1."""
        beep = self.beep - steps
        inside = (beep >= 0) & (beep < self.n_beeps)
        found = self.find(self.dyad, self.member, np.where(inside, self.occasion - steps, 0))
        return np.where(inside, found, -1)


def grid_steps(values: pd.Series) -> tuple[NDArray[np.int64], NDArray[np.float64], bool]:
    """Place time stamps on the coarsest common grid.

    Returns
    -------
    steps : (n,) int array
        Steps from the first time; ranks where no common grid exists. Missing times give 0 (they
        are an error found elsewhere).
    exact : (n,) float array
        The same times, unrounded, in units of one step.
    on_grid : bool
    """
    numbers = _as_numbers(values)
    distinct, inverse = np.unique(numbers[np.isfinite(numbers)], return_inverse=True)
    steps = np.zeros(len(numbers), dtype=np.int64)
    exact = np.zeros(len(numbers))
    if len(distinct) < 2:
        return steps, exact, True
    gaps = np.diff(distinct)
    unit = gaps.min()
    multiples = (distinct - distinct[0]) / unit
    on_grid = bool(np.all(np.abs(multiples - np.rint(multiples)) < 1e-3 * np.maximum(1.0, multiples * 1e-3)))
    on_grid = on_grid and multiples[-1] < 50 * len(distinct) + 1000
    place = np.rint(multiples).astype(np.int64) if on_grid else np.arange(len(distinct))
    finite = np.isfinite(numbers)
    steps[finite] = place[inverse]
    typical = unit if on_grid else float(np.median(gaps))
    exact[finite] = (numbers[finite] - distinct[0]) / typical
    return steps, exact, on_grid


def _as_numbers(values: pd.Series) -> NDArray[np.float64]:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(dtype=float, na_value=np.nan)
    stamps = (
        pd.to_datetime(values, errors="coerce", format="mixed")
        if not pd.api.types.is_datetime64_any_dtype(values)
        else values
    )
    if stamps.isna().all() and not values.isna().all():
        codes = pd.Categorical(values).codes.astype(float)
        return np.where(codes < 0, np.nan, codes)
    seconds = stamps.to_numpy(dtype="datetime64[ms]")
    return np.where(np.isnat(seconds), np.nan, seconds.astype(np.int64) / 1000.0)


def _day_numbers(values: pd.Series) -> NDArray[np.int64]:
    """Whole days from the first: calendar dates keep their distance, other labels their order."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values):
        return grid_steps(values)[0]
    stamps = pd.to_datetime(values, errors="coerce", format="mixed")
    if stamps.isna().all():
        return grid_steps(values)[0]
    days = stamps.to_numpy(dtype="datetime64[D]").astype(np.int64)
    days = np.where(stamps.isna(), days[~stamps.isna()].min(), days)
    return np.asarray(days - days.min())


def clock_night_steps(
    scheduled: pd.Series, person: NDArray[np.int64], day: NDArray[np.int64], beep: NDArray[np.int64]
) -> int | None:
    """Measure the night in units of the median daytime interval; None where the clock cannot tell."""
    times = _as_numbers(scheduled)
    order = np.lexsort((beep, day, person))
    same_person = np.diff(person[order]) == 0
    days_on = np.diff(day[order])
    beeps_on = np.diff(beep[order])
    gap = np.diff(times[order])
    daytime = gap[same_person & (days_on == 0) & (beeps_on == 1)]
    night = gap[same_person & (days_on == 1)]
    daytime, night = daytime[daytime > 0], night[night > 0]
    if not len(daytime) or not len(night):
        return None
    return max(1, round(float(np.median(night)) / float(np.median(daytime))))


def build_index(
    frame: pd.DataFrame,
    *,
    dyad: str,
    person: str,
    role: str | None,
    time: str | None,
    day: str | None,
    beep: str | None,
    schedule: Schedule | None,
    identity: Identity | None = None,
) -> PanelIndex:
    """Compute the codes of every row; the frame is taken to have passed `check_panel`."""
    from reldyn.panel._identity import identify

    who = identity if identity is not None else identify(frame[dyad], frame[person])
    role_code, roles = _role_codes(frame[role]) if role is not None else (np.full(len(frame), -1), ())
    member = _members(who.dyad_codes, who.person_codes, role_code, len(who.dyad_labels), len(roles))
    day_code, beep_code, exact, on_grid = _occasions(frame, time=time, day=day, beep=beep)
    n_beeps = int(beep_code.max(initial=0)) + 1
    step, clock = _process_time(frame, who.person_codes, day_code, beep_code, exact, n_beeps, day is not None, schedule)
    return PanelIndex(
        dyad=who.dyad_codes,
        person=who.person_codes,
        member=member,
        role=role_code,
        day=day_code,
        beep=beep_code,
        step=step,
        clock=clock,
        n_dyads=len(who.dyad_labels),
        n_persons=len(who.person_labels),
        n_days=int(day_code.max(initial=0)) + 1,
        n_beeps=n_beeps,
        on_grid=on_grid,
        dyad_labels=tuple(_plain(label) for label in who.dyad_labels),
        person_labels=tuple(_plain(label) for label in who.person_labels),
        roles=roles,
    )


def _role_codes(values: pd.Series) -> tuple[NDArray[np.int64], tuple[Hashable, ...]]:
    """Codes in category order where the column is categorical, else in sorted order."""
    import pandas as pd

    categorical = pd.Categorical(values)
    codes = categorical.codes.astype(np.int64)
    used = np.unique(codes[codes >= 0])
    renumber = np.full(len(categorical.categories) + 1, -1, dtype=np.int64)
    renumber[used] = np.arange(len(used))
    labels = tuple(_plain(categorical.categories[place]) for place in used)
    return renumber[codes], labels


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


def _occasions(
    frame: pd.DataFrame, *, time: str | None, day: str | None, beep: str | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], bool]:
    """Day and step within the day of each row, with the exact time in steps."""
    n = len(frame)
    zeros = np.zeros(n, dtype=np.int64)
    within = beep if beep is not None else time
    if within is None and day is None:
        return zeros, zeros, np.zeros(n), True
    if day is None or within is None:
        steps, exact, on_grid = grid_steps(frame[within if within is not None else day])
        return zeros, steps, exact, on_grid
    steps, exact, on_grid = grid_steps(_time_of_day(frame[within]))
    return _day_numbers(frame[day]), steps, exact, on_grid


def _time_of_day(values: pd.Series) -> pd.Series:
    """Clock times of a named day count from its midnight; anything else stays as it is."""
    import pandas as pd

    if not pd.api.types.is_datetime64_any_dtype(values):
        return values
    seconds: pd.Series = (values - values.dt.normalize()).dt.total_seconds()
    return seconds


def _runs_on(day: NDArray[np.int64], beep: NDArray[np.int64]) -> bool:
    """True when the step keeps counting from day to day instead of restarting each morning."""
    days, inverse = np.unique(day, return_inverse=True)
    if len(days) < 2:
        return False
    first = np.full(len(days), np.iinfo(np.int64).max)
    last = np.full(len(days), -1, dtype=np.int64)
    np.minimum.at(first, inverse, beep)
    np.maximum.at(last, inverse, beep)
    return bool(np.all(first[1:] > last[:-1]))


def _process_time(
    frame: pd.DataFrame,
    person: NDArray[np.int64],
    day: NDArray[np.int64],
    beep: NDArray[np.int64],
    exact: NDArray[np.float64],
    n_beeps: int,
    has_days: bool,
    schedule: Schedule | None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    if not has_days or n_beeps == 1:
        return (beep if n_beeps > 1 else day), (exact if n_beeps > 1 else day.astype(float))
    night: int | None = None
    if schedule is not None:
        if schedule.night_steps != "clock":
            night = schedule.night_steps
        elif schedule.scheduled is not None:
            night = clock_night_steps(frame[schedule.scheduled], person, day, beep)
    if _runs_on(day, beep):
        extra = night - 1 if night is not None else NEW_START
    else:
        extra = n_beeps - 1 + night if night is not None else NEW_START
    return day * extra + beep, day * float(extra) + exact
