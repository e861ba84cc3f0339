"""From a panel to the directions of warmth: one series on the grid of scheduled beeps per dyad and giver."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from reldyn.cycles.series._covariates import covariate_columns, read_covariates
from reldyn.cycles.series._events import Direction, ReportedBy, directions, grid_positions
from reldyn.cycles.series._masked import MOST_MASKED, careless_rows
from reldyn.cycles.series._schedule import MAX_CATEGORY_SHARE, undecidable
from reldyn.cycles.series._screen import check_names, given_by_others, hardly_varies, only_rounding, unfit_units
from reldyn.cycles.series._series import DirectionSeries
from reldyn.errors import DesignError, check_option
from reldyn.panel import USUAL_NIGHT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.panel import Clock, DyadPanel

__all__ = ["CycleColumns", "WarmthDirection", "build_series"]


@dataclasses.dataclass(frozen=True, slots=True)
class CycleColumns:
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
class WarmthDirection:
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
    n_masked : int
        Occasions left out because they lie in a careless stretch.
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
    n_masked: int = 0


def build_series(panel: DyadPanel, columns: CycleColumns, *, leave_out_careless: bool = False) -> list[WarmthDirection]:
    """Arrange both directions of every dyad, in the order of dyads and givers.

    Parameters
    ----------
    panel : DyadPanel
    columns : CycleColumns
    leave_out_careless : bool, default False
        Take the answers of careless stretches for missing, as tests of cycles do; descriptions keep every answer.

    Returns
    -------
    list of Arranged
        Two per dyad.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        No panel was given, a name is none, warmth and response are one column, or ``reported_by`` is not known.
    """
    check_names(warmth=columns.warmth, response=columns.response)
    if columns.response is not None and columns.response == columns.warmth:
        raise DesignError(
            f"warmth and response are both {columns.warmth!r}: name another column of the receiver's answers as "
            "response."
        )
    for option, given in (("covariates", columns.covariates), ("triggers", columns.triggers)):
        for name in given:
            check_names(**{option: name})
    check_option(columns.reported_by, ("receiver", "giver"), "reported_by")
    names = [columns.warmth, *([columns.response] if columns.response else []), *columns.triggers]
    values = {name: panel.values(name) for name in names}
    covariates, categorical = read_covariates(panel, columns.covariates)
    rated = [columns.warmth, *([columns.response] if columns.response else [])]
    masked = careless_rows(panel, rated) if leave_out_careless else np.zeros(len(panel), dtype=bool)
    values |= {name: np.where(masked, np.nan, values[name]) for name in rated}
    study, beeps = _Study.of(panel, covariates, categorical), grid_positions(panel)
    both = directions(panel, columns.reported_by)
    answers = {(way.dyad_code, way.receiver): bool(np.isfinite(values[columns.warmth][way.rows]).any()) for way in both}
    return [
        _one(
            panel, way, columns, values, study, beeps, masked, partner_answers=answers[way.dyad_code, 1 - way.receiver]
        )
        for way in both
    ]


@dataclasses.dataclass(frozen=True, slots=True)
class _Study:
    """What every direction of a panel shares: its clock, the steps between phases, and the covariates."""

    clock: Clock
    step: NDArray[np.float64]
    note: str | None
    covariates: Mapping[str, NDArray[np.float64]]
    categorical: frozenset[str]

    @classmethod
    def of(cls, panel: DyadPanel, covariates: Mapping[str, NDArray[np.float64]], categorical: frozenset[str]) -> _Study:
        clock = panel.clock
        step, note = clock.step, clock.note
        if clock.night_from == "restarts":
            # A process that restarts every morning has no phases to find, so the night takes its usual length.
            step = clock.steps_with(USUAL_NIGHT)
            note = f"phases last over nights: with night_steps=None a night counts {USUAL_NIGHT} daytime intervals here"
        return cls(clock, (step - step[:1]).astype(float), note, covariates, categorical)


def _one(
    panel: DyadPanel,
    way: Direction,
    columns: CycleColumns,
    values: dict[str, NDArray[np.float64]],
    study: _Study,
    beeps: NDArray[np.int64],
    masked: NDArray[np.bool_],
    *,
    partner_answers: bool,
) -> WarmthDirection:
    warmth = values[columns.warmth]
    answered = way.rows[np.isfinite(warmth[way.rows])]
    reasons = undecidable(warmth[answered], beeps[answered], partner_answers)
    reasons += hardly_varies(panel, columns.warmth, warmth[answered])
    reasons += unfit_units(columns.warmth, warmth[answered])
    n_masked = _n_masked(panel, way, columns, masked)
    if n_masked > MOST_MASKED * (n_masked + len(answered)):
        share = n_masked / (n_masked + len(answered))
        reasons.append(f"{share:.0%} of answered occasions lie in careless stretches, above {MOST_MASKED:.0%}")
    key = (way.dyad_code, 1 - way.receiver)
    if not len(answered):
        empty = np.zeros(0, dtype=np.int64)
        return WarmthDirection(way.dyad, way.giver, key, None, empty, tuple(reasons), (), 0, np.nan, 1.0, n_masked)
    occasion, place = _span(panel, way, study.clock)
    reporter = way.receiver if columns.reported_by == "receiver" else 1 - way.receiver
    channels = [_on_grid(panel, way.dyad_code, reporter, occasion, warmth)]
    if columns.response is not None:
        channels.append(_on_grid(panel, way.dyad_code, way.receiver, occasion, values[columns.response]))
        answers = channels[1][np.isfinite(channels[1])]
        reasons += hardly_varies(panel, columns.response, answers) + unfit_units(columns.response, answers)
        reasons += _response_reasons(channels[0], channels[1], columns.response)
    notes = [] if study.note is None else [study.note]
    own = {
        name: _on_grid(panel, way.dyad_code, way.receiver, occasion, column)
        for name, column in study.covariates.items()
    }
    covariates = _table(covariate_columns(own, study.categorical, notes), len(occasion))
    triggers = [_on_grid(panel, way.dyad_code, way.receiver, occasion, values[name]) for name in columns.triggers]
    if any(not np.isfinite(column).all() for column in triggers):
        notes.append("a trigger without an answer counts as absent")
    y = np.column_stack(channels)
    series = (
        DirectionSeries(
            y=y,
            day=study.clock.day[place],
            beep=study.clock.prompt[place],
            step=study.step[place],
            covariates=covariates,
            triggers=_table([np.nan_to_num(column) for column in triggers], len(y)),
            weekend=study.clock.weekend[place],
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
    n_complete = int(complete.sum())
    return WarmthDirection(
        way.dyad, way.giver, key, series, occasion, tuple(reasons), tuple(notes), n_complete, floor, share, n_masked
    )


def _n_masked(panel: DyadPanel, way: Direction, columns: CycleColumns, masked: NDArray[np.bool_]) -> int:
    """Occasions of the direction at which any channel is left out."""
    rows = way.rows if columns.response is None else np.concatenate([way.rows, way.receiver_rows])
    return len(np.unique(panel.index.occasion[rows[masked[rows]]]))


def _named(columns: CycleColumns) -> list[str]:
    return [columns.warmth] if columns.response is None else [columns.warmth, columns.response]


def _span(panel: DyadPanel, way: Direction, clock: Clock) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Scheduled occasions from the first to the last row of the reporter or the receiver."""
    own = panel.index.slot[np.concatenate([way.rows, way.receiver_rows])]
    place = np.arange(own.min(), own.max() + 1) if clock.complete else np.unique(own)
    place = place[clock.due(np.full(len(place), way.dyad_code), place)]
    return clock.occasion[place], place


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


def _table(columns: Sequence[NDArray[np.float64]], n: int) -> NDArray[np.float64]:
    return np.column_stack(columns) if columns else np.zeros((n, 0))


def _categories(panel: DyadPanel, name: str, answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every answer the item allows where its scale is declared and answers are whole; else those observed."""
    answered = np.unique(answers[np.isfinite(answers)])
    scale = panel.scales.get(name)
    whole = bool(np.all(answered == np.rint(answered)))
    if scale is not None and whole and scale[1] - scale[0] <= 20:
        return np.arange(scale[0], scale[1] + 1.0)
    return answered


def _floor(panel: DyadPanel, name: str, answers: NDArray[np.float64]) -> float:
    """Share of answers on the lowest category: of the declared scale, else the lowest observed."""
    scale = panel.scales.get(name)
    lowest = scale[0] if scale is not None else answers.min()
    return float((answers <= lowest).mean())
