"""How one person's days run around an event: two days before to two days after each check-in.

Events that lie close together overlap, so that a plain average around each would count a day for several events. The
days are regressed on all events at once (a distributed lag), with autocorrelated errors.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from reldyn.errors import DataError, DataWarning, DesignError, check_option
from reldyn.intervention._interrupted import drawn_serial, tested
from reldyn.intervention._phases import clock_of, time_unit, two_phases
from reldyn.intervention._pool import pooled_mean
from reldyn.intervention._result import SeriesResult
from reldyn.intervention._serial import fit_serial, whiten
from reldyn.resample import known_seed, map_seeded

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Marks = Literal["dyad", "person"]

__all__ = ["DaySeries", "EventResponse", "event_response", "joint_statistic", "lag_columns", "redrawn_events"]

_FEWEST_EVENTS = 3
_SPARE = 8


@dataclass(frozen=True)
class EventResponse(SeriesResult):
    """The course of an outcome around an event, per person and for the sample.

    Attributes
    ----------
    table, series, outcome, unit, settings, warnings
        As in every result of this room; ``series`` has ``event`` (how many on that day).
    models : pandas.DataFrame
        One row per person: ``n_events``, ``n_days``, ``n_overlapping`` (events with another one within the window),
        ``phi``, ``statistic`` and ``p_joint`` (does anything happen around the events, against event days drawn anew),
        ``note``.
    """

    models: pd.DataFrame | None = None

    def _headline(self) -> str:
        return f"{self.outcome} around {self.settings['event']}"

    def _methods(self) -> str:
        low, high = self.settings["window"]
        reference = self.settings["reference"]
        against = (
            "days without an event nearby"
            if reference == "away"
            else f"the day {reference:+d} of an event and such days"
        )
        return (
            f"Each person's {self.outcome} was regressed on all events at once, one coefficient for each {self.unit} "
            f"from {low:+d} to {high:+d}, against {against}, with errors that are a first-order autoregression and "
            f"intervals from {self.settings['n_boot']} bootstrap draws. The joint test compares them with events at "
            f"{self.settings['n_surrogates']} other times: intervals between events are shuffled and shifted within "
            "the phase. What stands around an event need not come from it: people meet on days that differ anyway."
        )

    def _shown(self) -> pd.DataFrame:
        sample = self.table[self.table["dyad"].astype(str) == "sample"]
        shown = sample if sample["estimate"].notna().any() else self.table
        return shown.drop(columns=["term", "person"])


def event_response(
    panel: DyadPanel,
    *,
    outcome: str,
    event: str,
    window: tuple[int, int] = (-2, 2),
    marked_by: Marks = "dyad",
    reference: Literal["away"] | int = "away",
    phase: str | None = None,
    n_boot: int = 999,
    n_surrogates: int = 499,
    seed: Any = None,
    n_jobs: int = 1,
) -> EventResponse:
    """Estimate how an outcome runs from some days before to some days after an event.

    Parameters
    ----------
    panel : DyadPanel
        Several answers of one day are averaged where a day is named; else an occasion takes the place of a day.
    outcome : str
        Numeric column.
    event : str
        Column that is 1 (or True) where the event happened, 0 or missing elsewhere.
    window : pair of int, default (-2, 2)
        First and last day around the event.
    marked_by : {"dyad", "person"}, default "dyad"
        A check-in happened if either partner marked it; ``"person"``: each person's events are those marked by that
        person.
    reference : "away" or int, default "away"
        What the days are compared with: days with no event within the window. Where events are so frequent that there
        are none, name a day, as in ``reference=-2``: its coefficient is then zero by definition.
    phase : str, optional
        Column with two phases: levels may differ between them, and events are drawn anew within their phase only.
    n_boot : int, default 999
        Draws behind the intervals; at least 99.
    n_surrogates : int, default 499
        Sets of event days behind the joint test; at least 19.
    seed : int, SeedSequence, Generator or None, default None
        None draws one, which the result keeps.
    n_jobs : int, default 1
        Worker processes; the numbers do not depend on it.

    Returns
    -------
    EventResponse
        ``tidy()``: one row per person and day, then per role the mean over dyads (``dyad`` "sample"): ``term``,
        ``dyad``, ``person``, ``role``, ``lag``, ``estimate``, ``std_error``, ``statistic``, ``df``, ``p_value``,
        ``conf_low``, ``conf_high``, ``n_events``, ``note``.

    Raises
    ------
    DataError
        A column does not exist, holds text, or the event column holds something else than 0 and 1.
    DesignError
        An option is not known, or the window is not one.

    Notes
    -----
    The sample's mean is a random-effects mean over dyads with the interval of Hartung and Knapp (2001); partners of one
    dyad are never pooled. Fewer than three events give no estimate. Days before an event show whether something was
    already under way.

    References
    ----------
    Hartung and Knapp (2001), Statistics in Medicine 20, 3875-3889.

    Examples
    --------
    >>> import reldyn as rd
    >>> study = rd.simulate.intervention(n_dyads=2, check_ins=(2,), response=(0, 0, 2.0, 1.0, 0), seed=1)
    >>> found = rd.intervention.event_response(study.panel, outcome="closeness", event="check_in", n_boot=199, seed=1)
    >>> found.tidy()["lag"].tolist()[:5]
    [-2, -1, 0, 1, 2]
    """
    plan = _checked(event, window, marked_by, reference, n_boot, n_surrogates)
    known = known_seed(seed)
    series = _day_series(panel, outcome, plan, phase)

    def one(mine: DaySeries, generator: np.random.Generator) -> _Answer:
        return _person(mine, plan, generator)

    answers = map_seeded(one, series, known, n_jobs, label="event response")
    table, models = _tables(series, answers, plan, panel.roles)
    missing = int(models["phi"].isna().sum())
    notes = (f"{missing} of {len(models)} series could not be fitted; models['note'] says why.",) if missing else ()
    for note in notes:
        warnings.warn(note, DataWarning, stacklevel=2)
    return EventResponse(
        table=table,
        series=_frame(series),
        outcome=outcome,
        unit="day" if panel.index.n_days > 1 else time_unit(panel),
        settings={
            "event": event,
            "window": plan.window,
            "reference": reference,
            "marked_by": marked_by,
            "n_boot": n_boot,
            "n_surrogates": n_surrogates,
            "seed": known,
        },
        warnings=notes,
        models=models,
    )


@dataclass(frozen=True)
class _Plan:
    """What is asked for, checked."""

    event: str
    window: tuple[int, int]
    marked_by: Marks
    reference: Literal["away"] | int
    n_boot: int
    n_surrogates: int

    @property
    def lags(self) -> list[int]:
        return list(range(self.window[0], self.window[1] + 1))

    @property
    def estimated(self) -> list[int]:
        return [lag for lag in self.lags if lag != self.reference]


def _checked(
    event: str, window: tuple[int, int], marked_by: Marks, reference: Any, n_boot: int, n_surrogates: int
) -> _Plan:
    check_option(marked_by, ("dyad", "person"), "marked_by")
    pair = tuple(window) if isinstance(window, Sequence) and not isinstance(window, str) else ()
    if len(pair) != 2 or any(not isinstance(end, (int, np.integer)) for end in pair) or pair[0] >= pair[1]:
        raise DesignError(f"window={window!r}: give the first and the last day around the event, as in (-2, 2).")
    low, high = int(pair[0]), int(pair[1])
    if reference != "away" and reference not in range(low, high + 1):
        raise DesignError(f"reference={reference!r}: give 'away', or a day of the window from {low} to {high}.")
    for name, value, least in (("n_boot", n_boot, 99), ("n_surrogates", n_surrogates, 19)):
        if value < least:
            raise DesignError(f"{name}={value} cannot hold a 5 % test: give at least {least}.")
    return _Plan(event, (low, high), marked_by, reference, n_boot, n_surrogates)


@dataclass(frozen=True)
class DaySeries:
    """One person's days.

    Attributes
    ----------
    dyad, person, role : hashable
    dyad_code, member : int
    day : (n,) int array
        Every day from the first to the last.
    value : (n,) array
        NaN where nothing was answered.
    event : (n,) bool array
    phase : (n,) int array
        0 throughout where no phase is named.
    """

    dyad: Hashable
    person: Hashable
    role: Hashable
    dyad_code: int
    member: int
    day: NDArray[np.int64]
    value: Array
    event: Flags
    phase: NDArray[np.int64]


def _day_series(panel: DyadPanel, outcome: str, plan: _Plan, phase: str | None) -> list[DaySeries]:
    index, values, marks = panel.index, panel.values(outcome), panel.values(plan.event)
    odd = np.flatnonzero(np.isfinite(marks) & (marks != 0) & (marks != 1))
    if len(odd):
        raise DataError(
            f"column {plan.event!r} holds {marks[odd[0]]:g}: recode it so that an event is 1 and its absence 0."
        )
    code = np.zeros(len(panel), dtype=np.int64)
    if phase is not None:
        _, later = two_phases(panel, phase, None)
        code = (panel.frame[phase] == later).fillna(False).to_numpy(dtype=bool).astype(np.int64)
    day = np.floor(clock_of(panel) + 1e-9).astype(np.int64)
    happened = marks == 1
    found = []
    order = np.lexsort((day, index.member, index.dyad))
    owner = index.dyad[order] * 2 + index.member[order]
    for rows in np.split(order, np.flatnonzero(np.diff(owner)) + 1):
        at = rows[0]
        marking = index.dyad == index.dyad[at] if plan.marked_by == "dyad" else index.person == index.person[at]
        days = np.arange(day[rows].min(), day[rows].max() + 1)
        found.append(
            DaySeries(
                dyad=index.dyad_labels[index.dyad[at]],
                person=index.person_labels[index.person[at]],
                role=index.roles[index.role[at]] if index.role[at] >= 0 else "",
                dyad_code=int(index.dyad[at]),
                member=int(index.member[at]),
                day=days,
                value=_daily(day[rows], values[rows], days),
                event=np.isin(days, day[marking & happened]),
                phase=_filled(day[rows], code[rows], days),
            )
        )
    return found


def _daily(day: NDArray[np.int64], value: Array, days: NDArray[np.int64]) -> Array:
    """Mean of the answers of each day; NaN where there are none."""
    seen = np.isfinite(value)
    place = day[seen] - days[0]
    total = np.bincount(place, weights=value[seen], minlength=len(days))
    count = np.bincount(place, minlength=len(days))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _filled(day: NDArray[np.int64], code: NDArray[np.int64], days: NDArray[np.int64]) -> NDArray[np.int64]:
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


def redrawn_events(event: Flags, phase: NDArray[np.int64], generator: np.random.Generator) -> Flags:
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


def joint_statistic(y: Array, base: Array, lags: Array, gap: NDArray[np.int64], phi: float) -> float:
    """Share of the whitened variation left by ``base`` that the lags explain.

    Parameters
    ----------
    y : (n,) array
    base, lags : (n, p) and (n, k) arrays
    gap : (n - 1,) int array
    phi : float
        Autocorrelation of the errors.

    Returns
    -------
    float

    Examples
    --------
    >>> y = np.array([0.0, 1.0, 0.0, 1.0])
    >>> round(joint_statistic(y, np.ones((4, 1)), y[:, None], np.ones(3, dtype=int), 0.0), 6)
    1.0
    """
    white = whiten(np.column_stack([base, lags, y]), gap, phi)
    k = base.shape[1]
    basis, _ = np.linalg.qr(white[:, :k])
    rest = white[:, k:] - basis @ (basis.T @ white[:, k:])
    target = rest[:, -1]
    fitted = rest[:, :-1] @ np.linalg.lstsq(rest[:, :-1], target, rcond=None)[0]
    return float((fitted**2).sum() / (target**2).sum())


@dataclass(frozen=True)
class _Answer:
    """One person's estimates, (k, 6) in the order of `_CELLS`, and the facts about the model."""

    cells: Array
    model: dict[str, Any]


_CELLS = ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high")


def _person(one: DaySeries, plan: _Plan, generator: np.random.Generator) -> _Answer:
    k = len(plan.lags)
    seen = np.isfinite(one.value)
    model: dict[str, Any] = {
        "n_events": int(one.event.sum()),
        "n_days": int(seen.sum()),
        "n_overlapping": _overlapping(one.event, plan),
    }
    base = np.column_stack([np.ones(len(one.day)), one.phase]) if np.ptp(one.phase) else np.ones((len(one.day), 1))
    lags = lag_columns(one.event, plan.estimated)
    design = np.column_stack([base, lags])[seen]
    reason = _unusable(one, design, plan)
    if reason:
        model |= {"phi": math.nan, "statistic": math.nan, "p_joint": math.nan, "note": reason}
        return _Answer(np.full((k, len(_CELLS)), np.nan), model)
    y, step = one.value[seen], one.day[seen]
    fit = fit_serial(y, design, step)
    found = tested(fit, drawn_serial(fit, plan.n_boot, generator))
    cells = np.full((k, len(_CELLS)), np.nan)
    rows = [plan.lags.index(lag) for lag in plan.estimated]
    told = np.column_stack([getattr(found, name) for name in _CELLS])
    cells[rows] = told[base.shape[1] :]
    if plan.reference != "away":
        cells[plan.lags.index(int(plan.reference)), 0] = 0.0
    statistic, p_joint = _joint(one, base, plan, generator)
    note = "the autocorrelation lies at the end of what is possible" if fit.at_edge else ""
    model |= {"phi": fit.phi, "statistic": statistic, "p_joint": p_joint, "note": note}
    return _Answer(cells, model)


def _overlapping(event: Flags, plan: _Plan) -> int:
    days = np.flatnonzero(event)
    width = plan.window[1] - plan.window[0]
    near = np.diff(days) <= width
    return int((np.append(near, False) | np.insert(near, 0, False)).sum()) if len(days) > 1 else 0


def _unusable(one: DaySeries, design: Array, plan: _Plan) -> str:
    n_events, n_days = int(one.event.sum()), len(design)
    if n_events < _FEWEST_EVENTS:
        return f"{n_events} events, at least {_FEWEST_EVENTS} are needed"
    if n_days < design.shape[1] + _SPARE:
        return f"{n_days} days with an answer, at least {design.shape[1] + _SPARE} are needed"
    if np.ptp(one.value[np.isfinite(one.value)]) == 0:
        return "the outcome never varies"
    if np.linalg.matrix_rank(design) < design.shape[1]:
        if plan.reference == "away":
            return (
                "the days around the events leave no days to compare them with: name one, as in "
                f"reference={plan.window[0]}"
            )
        return "the days around the events cannot be told apart: choose a narrower window"
    return ""


def _joint(one: DaySeries, base: Array, plan: _Plan, generator: np.random.Generator) -> tuple[float, float]:
    """Statistic of the events and its rank among events at other times, the errors' law held at that without events."""
    seen = np.isfinite(one.value)
    y, step = one.value[seen], one.day[seen]
    phi, gap = fit_serial(y, base[seen], step).phi, np.diff(step)

    def statistic(event: Flags) -> float:
        return joint_statistic(y, base[seen], lag_columns(event, plan.estimated)[seen], gap, phi)

    own = statistic(one.event)
    drawn = [statistic(redrawn_events(one.event, one.phase, generator)) for _ in range(plan.n_surrogates)]
    return own, (1 + sum(value >= own - 1e-12 for value in drawn)) / (plan.n_surrogates + 1)


def _tables(
    series: list[DaySeries], answers: list[_Answer], plan: _Plan, roles: tuple[Hashable, ...]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for one, answer in zip(series, answers, strict=True):
        name = one.role if one.role != "" else one.person
        for place, lag in enumerate(plan.lags):
            cells = dict(zip(_CELLS, answer.cells[place].tolist(), strict=True))
            rows.append(
                {
                    "term": f"{one.dyad} {name} {lag:+d}",
                    "dyad": one.dyad,
                    "person": one.person,
                    "role": one.role,
                    "lag": lag,
                    **cells,
                    "n_events": answer.model["n_events"],
                    "note": answer.model["note"],
                }
            )
    rows.extend(_sample_rows(series, answers, plan, roles))
    order = ["term", "dyad", "person", "role", "lag", "estimate", "std_error", "statistic", "df", "p_value"]
    table = pd.DataFrame(rows).reindex(columns=[*order, "conf_low", "conf_high", "n_events", "note"])
    models = pd.DataFrame(
        [
            {"dyad": one.dyad, "person": one.person, "role": one.role, **answer.model}
            for one, answer in zip(series, answers, strict=True)
        ]
    )
    return table.astype({"dyad": object, "person": object, "df": float}), models


def _sample_rows(
    series: list[DaySeries], answers: list[_Answer], plan: _Plan, roles: tuple[Hashable, ...]
) -> list[dict[str, Any]]:
    """Means over dyads per role; nothing for exchangeable members, whose partners would be pooled as if independent."""
    rows = []
    for role in roles:
        mine = [answer for one, answer in zip(series, answers, strict=True) if one.role == role]
        for place, lag in enumerate(plan.lags):
            found = pooled_mean(
                np.array([answer.cells[place, 0] for answer in mine]),
                np.array([answer.cells[place, 1] for answer in mine]),
            )
            cells = {name: getattr(found, name) for name in (*_CELLS, "df")}
            note = "" if found.n_dyads >= 3 or lag == plan.reference else "fewer than three dyads with an estimate"
            rows.append(
                {
                    "term": f"sample {role} {lag:+d}",
                    "dyad": "sample",
                    "person": "",
                    "role": role,
                    "lag": lag,
                    **cells,
                    "n_events": sum(answer.model["n_events"] for answer in mine),
                    "note": note,
                }
            )
    return rows


def _frame(series: list[DaySeries]) -> pd.DataFrame:
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
