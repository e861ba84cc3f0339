"""How one person's days run around an event: two days before to two days after each check-in.

Events that lie close together overlap, so that a plain average around each would count a day for several events. The
days are regressed on all events at once (a distributed lag), with autocorrelated errors.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from reldyn._types import Column
from reldyn.errors import DataWarning, DesignError, check_option, warn_caller
from reldyn.intervention._event_days import EventDays, day_frame, event_days
from reldyn.intervention._event_fit import CELLS, EventAnswer, EventPlan, Marks, fit_events
from reldyn.intervention._phases import time_unit
from reldyn.intervention._result import SeriesResult, series_labels
from reldyn.panel import analysis
from reldyn.results import MaybeInTables
from reldyn.stats import known_seed, map_seeded, pool

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["EventResponse", "event_response"]

# Two dyads say next to nothing about the spread between dyads.
_FEWEST_DYADS = 3


class EventResponse(SeriesResult):
    """The course of an outcome around an event, per person and for the sample.

    Attributes
    ----------
    table, series, outcome, unit, settings, warnings
        As in every result of this room; ``series`` has ``event`` (how many on that day).
    models : pandas.DataFrame
        One row per person: ``n_events``, ``n_days``, ``n_overlapping`` (events with another one within the window),
        ``phi``, ``statistic`` (share of the whitened variation that the days around events explain), ``p_joint`` (does
        anything happen around them, against bootstrap draws in which nothing does), ``p_redrawn`` (the same against
        event days drawn anew), ``note``.
    """

    figure: ClassVar[str | None] = "event_response"

    models = MaybeInTables()

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
            f"intervals and a joint test from {self.settings['n_boot']} bootstrap draws. A second joint test compares "
            f"them with events at {self.settings['n_surrogates']} other times: intervals between events are shuffled "
            "and shifted within the phase. What stands around an event need not come from it: people meet on days "
            "that differ anyway."
        )

    def _shown(self) -> pd.DataFrame:
        sample = self.table[self.table["dyad"].astype(str) == "sample"]
        shown = sample if sample["estimate"].notna().any() else self.table
        return shown.drop(columns=["term", "person"])


@analysis
def event_response(
    panel: DyadPanel,
    *,
    outcome: Column,
    event: Column,
    window: tuple[int, int] = (-2, 2),
    marked_by: Marks = "dyad",
    reference: Literal["away"] | int = "away",
    phase: Column | None = None,
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
        Draws behind the intervals and ``p_joint``; at least 99.
    n_surrogates : int, default 499
        Sets of event days behind ``p_redrawn``; at least 19.
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
    The sample's mean is a random-effects mean over dyads by restricted maximum likelihood with the interval of Hartung
    and Knapp (2001), because the precision of a dyad follows the length of its series; partners of one dyad are never
    pooled. Fewer than three events give no estimate. Days before an event show whether something was
    already under way.

    ``p_joint`` trusts the errors to be a first-order autoregression. ``p_redrawn`` does not, but asks that events could
    as well have fallen on other days; where they come as regularly as the clock the other days are nearly the same
    days, and it finds little. Measured false positives of both are stored in
    ``tools/results/intervention_sizes.json``.

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
    series = event_days(panel, outcome, event, by_dyad=plan.marked_by == "dyad", phase=phase)

    def one(mine: EventDays, generator: np.random.Generator) -> EventAnswer:
        return fit_events(mine, plan, generator)

    answers = map_seeded(one, series, known, n_jobs, label="event response")
    table, models = _tables(series, answers, plan, panel.roles)
    missing = int(models["phi"].isna().sum())
    notes = (f"{missing} of {len(models)} series could not be fitted; models['note'] says why.",) if missing else ()
    for note in notes:
        warn_caller(note, DataWarning)
    return EventResponse.of(
        table=table,
        series=day_frame(series),
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
        notes=notes,
        models=models,
    )


def _checked(
    event: str, window: tuple[int, int], marked_by: Marks, reference: Any, n_boot: int, n_surrogates: int
) -> EventPlan:
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
    return EventPlan(event, (low, high), marked_by, reference, n_boot, n_surrogates)


def _tables(
    series: list[EventDays], answers: list[EventAnswer], plan: EventPlan, roles: tuple[Hashable, ...]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    import pandas as pd

    rows: list[dict[str, Any]] = []
    names = series_labels([(one.dyad, one.person, one.role) for one in series])
    for one, name, answer in zip(series, names, answers, strict=True):
        for place, lag in enumerate(plan.lags):
            cells = dict(zip(CELLS, answer.cells[place].tolist(), strict=True))
            rows.append(
                {
                    "term": f"{name} {lag:+d}",
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
    series: list[EventDays], answers: list[EventAnswer], plan: EventPlan, roles: tuple[Hashable, ...]
) -> list[dict[str, Any]]:
    """Means over dyads per role; nothing for exchangeable members, whose partners would be pooled as if independent."""
    rows = []
    for role in roles:
        mine = [answer for one, answer in zip(series, answers, strict=True) if one.role == role]
        for place, lag in enumerate(plan.lags):
            cells = np.array([answer.cells[place] for answer in mine])
            found = pool(cells[:, 0], cells[:, 1], by="reml").row()
            enough = found["n"] >= _FEWEST_DYADS
            note = "" if enough or (lag == plan.reference and found["n"]) else "fewer than three dyads with an estimate"
            rows.append(
                {
                    "term": f"sample {role} {lag:+d}",
                    "dyad": "sample",
                    "person": "",
                    "role": role,
                    "lag": lag,
                    **{name: found[name] if enough else math.nan for name in (*CELLS, "df")},
                    "n_events": sum(answer.model["n_events"] for answer in mine),
                    "note": note,
                }
            )
    return rows
