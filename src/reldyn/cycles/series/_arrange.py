"""From a panel to the directions of warmth: one series on the grid of scheduled beeps per dyad and giver."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from reldyn.cycles.series._events import Direction, ReportedBy, directions, grid_positions
from reldyn.cycles.series._schedule import MAX_CATEGORY_SHARE, undecidable
from reldyn.cycles.series._screen import check_call, given_by_others, hardly_varies, only_rounding, unfit_units
from reldyn.cycles.series._series import DirectionSeries
from reldyn.errors import check_option

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.panel import DyadPanel

__all__ = ["Arranged", "Columns", "arrange"]

# Four beeps four hours apart leave a night of three intervals.
USUAL_NIGHT = 3.0
# A leap that no study fills with beeps: the panel did not know how long the night is.
_UNKNOWN_NIGHT = 100_000
# Above this many scheduled beeps per row the clock times form no schedule worth completing.
_SPARSE = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of the panel a detection reads.

    Attributes
    ----------
    warmth : str
        Received from the partner, or given to the partner.
    response : str or None
        The receiver's response.
    reported_by : {"receiver", "giver"}
        Who rates the warmth.
    covariates, triggers : tuple of str
        Of the receiver's rows.
    """

    warmth: str
    response: str | None = None
    reported_by: ReportedBy = "receiver"
    covariates: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Arranged:
    """One direction of warmth, ready for the tests, or the reasons why none is due.

    Attributes
    ----------
    dyad, giver : hashable
        Labels of the panel.
    key : (int, int)
        Codes of dyad and giver, for seeds.
    series : DirectionSeries or None
        None where nobody ever answered.
    occasion : (n_occasions,) int array
        Codes of the scheduled occasions in the panel.
    reasons : tuple of str
        Why no test can decide; empty if one can.
    notes : tuple of str
        What was done to the columns, for the warnings.
    n_occasions : int
        Occasions with every channel answered.
    floor_share, missing_share : float
        Share of warmth answers on the lowest category; share of scheduled occasions not answered.
    """

    dyad: Hashable
    giver: Hashable
    key: tuple[int, int]
    series: DirectionSeries | None
    occasion: NDArray[np.int64]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    n_occasions: int
    floor_share: float
    missing_share: float


def arrange(panel: DyadPanel, columns: Columns) -> list[Arranged]:
    """Arrange both directions of every dyad, in the order of dyads and givers.

    Parameters
    ----------
    panel : DyadPanel
    columns : Columns

    Returns
    -------
    list of Arranged
        Two per dyad.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        No panel was given, a name is none, or ``reported_by`` is not known.
    """
    check_call(panel, warmth=columns.warmth, response=columns.response)
    for option, given in (("covariates", columns.covariates), ("triggers", columns.triggers)):
        for name in given:
            check_call(panel, **{option: name})
    check_option(columns.reported_by, ("receiver", "giver"), "reported_by")
    names = [columns.warmth, *([columns.response] if columns.response else []), *columns.covariates, *columns.triggers]
    values = {name: panel.values(name) for name in names}
    grid = _Grid.of(panel)
    both = directions(panel, columns.reported_by)
    answers = {(way.dyad_code, way.receiver): bool(np.isfinite(values[columns.warmth][way.rows]).any()) for way in both}
    return [
        _one(panel, way, columns, values, grid, partner_answers=answers[way.dyad_code, 1 - way.receiver])
        for way in both
    ]


@dataclasses.dataclass(frozen=True, slots=True)
class _Grid:
    """Day, beep of the day, clock and weekend of every scheduled occasion, by occasion code."""

    occasion: NDArray[np.int64]
    day: NDArray[np.int64]
    beep: NDArray[np.int64]
    step: NDArray[np.float64]
    weekend: NDArray[np.bool_]
    beeps: NDArray[np.int64]
    note: str | None

    @classmethod
    def of(cls, panel: DyadPanel) -> _Grid:
        index = panel.index
        used = _scheduled(panel)
        day, beep = used // index.n_beeps, used % index.n_beeps
        step, note = _steps(panel, day, beep)
        weekend_day = _weekend_days(panel)
        if _one_beep_a_day(day):
            beep = np.zeros_like(beep)
        elif _counts_on(day, beep):
            first = {int(one): int(beep[day == one].min()) for one in np.unique(day)}
            beep = beep - np.array([first[int(one)] for one in day])
        return cls(used, day, beep, step, np.isin(day, weekend_day), grid_positions(panel), note)


def _scheduled(panel: DyadPanel) -> NDArray[np.int64]:
    """Occasion codes of the study's schedule: those in use, and the holes that a fixed schedule has."""
    index = panel.index
    seen = np.unique(index.occasion)
    if not index.on_grid:
        return seen
    day, beep = seen // index.n_beeps, seen % index.n_beeps
    days = np.arange(day.min(), day.max() + 1)
    if len(np.unique(day)) > 1 and not _counts_on(day, beep):
        full = (days[:, None] * index.n_beeps + np.unique(beep)[None, :]).ravel()
    elif len(np.unique(day)) == 1:
        full = np.arange(seen.min(), seen.max() + 1)
    else:
        return seen
    return full if len(full) <= _SPARSE * len(seen) else seen


def _counts_on(day: NDArray[np.int64], beep: NDArray[np.int64]) -> bool:
    """Whether the beep number runs on from day to day instead of restarting."""
    return len(np.unique(day)) > 1 and len(np.unique(beep)) == len(day)


def _one_beep_a_day(day: NDArray[np.int64]) -> bool:
    """Without days, or with one occasion a day, there is no time of day to speak of."""
    return len(np.unique(day)) == 1 or len(np.unique(day)) == len(day)


def _steps(panel: DyadPanel, day: NDArray[np.int64], beep: NDArray[np.int64]) -> tuple[NDArray[np.float64], str | None]:
    """The clock of each scheduled occasion in daytime intervals, nights as long as the panel says."""
    index = panel.index
    if len(np.unique(day)) == 1:
        return (beep - beep.min()).astype(float), None
    if _one_beep_a_day(day):
        return (day - day.min()).astype(float), None
    step_of = dict(zip(index.occasion.tolist(), index.step.tolist(), strict=True))
    code = day * index.n_beeps + beep
    known = np.array([int(one) in step_of for one in code])
    # Steps are linear in day and beep, so two points of the panel give those of an empty occasion.
    per_day = _step_of_a_day(panel)
    if per_day is not None and per_day < _UNKNOWN_NIGHT:
        step = np.array([step_of.get(int(one), 0) for one in code], dtype=float)
        anchor = int(np.flatnonzero(known)[0])
        filled = step[anchor] + (day - day[anchor]) * per_day + (beep - beep[anchor])
        return np.where(known, step, filled) - filled.min(), None
    used = np.unique(beep)
    rank = np.searchsorted(used, beep)
    length = len(used) - 1 + USUAL_NIGHT
    if _counts_on(day, beep):
        gaps = np.where(np.diff(day) != 0, USUAL_NIGHT, 1.0)
        return np.concatenate([[0.0], np.cumsum(gaps)]), _night_note()
    return day * length + rank - day.min() * length, _night_note()


def _night_note() -> str:
    return (
        f"the length of the night is unknown and counts {USUAL_NIGHT:g} daytime intervals: "
        "name it with schedule=rd.Schedule(night_steps=...) or clock times"
    )


def _step_of_a_day(panel: DyadPanel) -> float | None:
    """Steps from a beep to the same beep of the next day; None where no two days share the rule."""
    index = panel.index
    offset = index.step - index.beep
    days, first = np.unique(index.day, return_index=True)
    if len(days) < 2:
        return None
    slopes = np.diff(offset[first]) / np.diff(days)
    return float(slopes[0]) if np.allclose(slopes, slopes[0]) and slopes[0] > 0 else None


def _weekend_days(panel: DyadPanel) -> NDArray[np.int64]:
    """Day codes that fall on Saturday or Sunday, where the panel knows the calendar."""
    import pandas as pd

    schedule = panel.schedule
    name = schedule.scheduled if schedule is not None and schedule.scheduled is not None else panel.columns["day"]
    if name is None:
        return np.zeros(0, dtype=np.int64)
    weekday = panel._weekday(name)
    if weekday is None:
        return np.zeros(0, dtype=np.int64)
    table = pd.DataFrame({"day": panel.index.day, "free": weekday >= 5})
    share = table.groupby("day", sort=True)["free"].mean()
    return share.index[share > 0.5].to_numpy(dtype=np.int64)


def _one(
    panel: DyadPanel,
    way: Direction,
    columns: Columns,
    values: dict[str, NDArray[np.float64]],
    grid: _Grid,
    *,
    partner_answers: bool,
) -> Arranged:
    warmth = values[columns.warmth]
    answered = way.rows[np.isfinite(warmth[way.rows])]
    reasons = undecidable(warmth[answered], grid.beeps[answered], partner_answers)
    reasons += hardly_varies(panel, columns.warmth, warmth[answered])
    reasons += unfit_units(columns.warmth, warmth[answered])
    key = (way.dyad_code, 1 - way.receiver)
    if not len(answered):
        empty = np.zeros(0, dtype=np.int64)
        return Arranged(way.dyad, way.giver, key, None, empty, tuple(reasons), (), 0, np.nan, 1.0)
    occasion, place = _span(panel, way, grid)
    reporter = way.receiver if columns.reported_by == "receiver" else 1 - way.receiver
    channels = [_on_grid(panel, way.dyad_code, reporter, occasion, warmth)]
    if columns.response is not None:
        channels.append(_on_grid(panel, way.dyad_code, way.receiver, occasion, values[columns.response]))
        answers = channels[1][np.isfinite(channels[1])]
        reasons += hardly_varies(panel, columns.response, answers) + unfit_units(columns.response, answers)
        reasons += _response_reasons(channels[0], channels[1], columns.response)
    notes = [] if grid.note is None else [grid.note]
    covariates = _covariates(panel, way, columns.covariates, occasion, values, notes)
    triggers = [_on_grid(panel, way.dyad_code, way.receiver, occasion, values[name]) for name in columns.triggers]
    if any(not np.isfinite(column).all() for column in triggers):
        notes.append("a trigger without an answer counts as absent")
    y = np.column_stack(channels)
    series = (
        DirectionSeries(
            y=y,
            day=grid.day[place],
            beep=grid.beep[place],
            step=grid.step[place],
            covariates=covariates,
            triggers=_table([np.nan_to_num(column) for column in triggers], len(y)),
            weekend=grid.weekend[place],
            categories=tuple(_categories(panel, name, y[:, at]) for at, name in enumerate(_named(columns))),
        )
        if len(y) > 1
        else None
    )
    if series is not None and not reasons:
        reasons += given_by_others(series, _named(columns))
    complete = np.isfinite(y).all(axis=1)
    floor = _floor(panel, columns.warmth, warmth[answered])
    share = float(1 - complete.mean())
    return Arranged(
        way.dyad, way.giver, key, series, occasion, tuple(reasons), tuple(notes), int(complete.sum()), floor, share
    )


def _named(columns: Columns) -> list[str]:
    return [columns.warmth] if columns.response is None else [columns.warmth, columns.response]


def _span(panel: DyadPanel, way: Direction, grid: _Grid) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Scheduled occasions from the first to the last row of the reporter or the receiver."""
    own = panel.index.occasion[np.concatenate([way.rows, way.receiver_rows])]
    place = np.flatnonzero((grid.occasion >= own.min()) & (grid.occasion <= own.max()))
    if not panel.index.on_grid:
        place = place[np.isin(grid.occasion[place], own)]
    return grid.occasion[place], place


def _on_grid(
    panel: DyadPanel, dyad: int, member: int, occasion: NDArray[np.int64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    rows = panel.index.find(np.full(len(occasion), dyad), np.full(len(occasion), member), occasion)
    return np.where(rows >= 0, values[rows], np.nan)


def _response_reasons(warmth: NDArray[np.float64], response: NDArray[np.float64], name: str) -> list[str]:
    """What the response adds to the reasons: too few joint answers, or hardly any variation."""
    from reldyn.cycles.series._schedule import MIN_OCCASIONS

    answers = response[np.isfinite(response)]
    if not len(answers):
        return [f"{name} was never answered"]
    both = int((np.isfinite(warmth) & np.isfinite(response)).sum())
    reasons = []
    if both < MIN_OCCASIONS:
        reasons.append(f"{both} occasions with warmth and {name}, below {MIN_OCCASIONS}")
    levels, counts = np.unique(answers, return_counts=True)
    if only_rounding(answers):
        reasons.append(f"{name} never varies")
    elif counts.max() / len(answers) > MAX_CATEGORY_SHARE:
        share = f"{counts.max() / len(answers):.0%} of answers to {name} are {levels[counts.argmax()]:g}"
        reasons.append(f"{share}, above {MAX_CATEGORY_SHARE:.0%}")
    return reasons


def _covariates(
    panel: DyadPanel,
    way: Direction,
    names: Sequence[str],
    occasion: NDArray[np.int64],
    values: dict[str, NDArray[np.float64]],
    notes: list[str],
) -> NDArray[np.float64]:
    """Covariates in SD of the series' own values; a missing one takes the mean, a constant one is left out."""
    kept = []
    for name in names:
        column = _on_grid(panel, way.dyad_code, way.receiver, occasion, values[name])
        seen = column[np.isfinite(column)]
        if only_rounding(seen):
            notes.append(f"covariate {name!r} never varies in some directions and is left out there")
            continue
        if len(seen) < len(column):
            notes.append(f"missing values of covariate {name!r} take the person's mean")
        kept.append((np.where(np.isfinite(column), column, seen.mean()) - seen.mean()) / seen.std())
    return _table(kept, len(occasion))


def _table(columns: Sequence[NDArray[np.float64]], n: int) -> NDArray[np.float64]:
    return np.column_stack(columns) if columns else np.zeros((n, 0))


def _categories(panel: DyadPanel, name: str, answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every answer the item allows where its scale is declared and answers are whole; else those observed."""
    seen = np.unique(answers[np.isfinite(answers)])
    scale = panel.scales.get(name)
    whole = bool(np.all(seen == np.rint(seen)))
    if scale is not None and whole and scale[1] - scale[0] <= 20:
        return np.arange(scale[0], scale[1] + 1.0)
    return seen


def _floor(panel: DyadPanel, name: str, answers: NDArray[np.float64]) -> float:
    """Share of answers on the lowest category: of the declared scale, else the lowest observed."""
    scale = panel.scales.get(name)
    lowest = scale[0] if scale is not None else answers.min()
    return float((answers <= lowest).mean())
