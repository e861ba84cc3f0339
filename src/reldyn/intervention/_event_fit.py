"""What one person's days say about an event: a distributed lag with autocorrelated errors, and a joint test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Flags, Ints
from reldyn.intervention._draws import draw_errors
from reldyn.intervention._event_days import EventDays, lag_columns, redrawn_events
from reldyn.intervention._interrupted import refitted, tested
from reldyn.stats import fit_ar1, monte_carlo_p, whiten

Marks = Literal["dyad", "person"]

__all__ = ["CELLS", "EventAnswer", "EventPlan", "Marks", "fit_events", "joint_statistic"]

_FEWEST_EVENTS = 3
_SPARE = 8
CELLS = ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high")


@dataclass(frozen=True)
class EventPlan:
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


@dataclass(frozen=True)
class EventAnswer:
    """One person's estimates, (k, 6) in the order of `CELLS`, and the facts about the model."""

    cells: Array
    model: dict[str, Any]


def fit_events(one: EventDays, plan: EventPlan, generator: np.random.Generator) -> EventAnswer:
    """Estimate the course around the events of one person, and test whether there is any.

    Parameters
    ----------
    one : EventDays
    plan : EventPlan
    generator : numpy.random.Generator

    Returns
    -------
    EventAnswer
        NaN with a ``note`` where the days do not allow it.
    """
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
        model |= dict.fromkeys(("phi", "statistic", "p_joint", "p_redrawn"), math.nan) | {"note": reason}
        return EventAnswer(np.full((k, len(CELLS)), np.nan), model)
    y, step = one.value[seen], one.day[seen]
    fit = fit_ar1(y, design, step)
    drawn = draw_errors(fit, plan.n_boot, generator)
    found = tested(fit, refitted(fit, drawn))
    cells = np.full((k, len(CELLS)), np.nan)
    rows = [plan.lags.index(lag) for lag in plan.estimated]
    told = np.column_stack([getattr(found, name) for name in CELLS])
    cells[rows] = told[base.shape[1] :]
    if plan.reference != "away":
        cells[plan.lags.index(int(plan.reference)), 0] = 0.0
    statistic, *null = fit.design.explained(np.column_stack([y, drawn]), base.shape[1])
    p_joint = float(monte_carlo_p(statistic, null))
    p_redrawn = _against_redrawn(one, base, plan, generator)
    note = "the autocorrelation lies at the end of what is possible" if fit.at_edge else ""
    model |= {"phi": fit.phi, "statistic": float(statistic), "p_joint": p_joint, "p_redrawn": p_redrawn, "note": note}
    return EventAnswer(cells, model)


def _overlapping(event: Flags, plan: EventPlan) -> int:
    days = np.flatnonzero(event)
    width = plan.window[1] - plan.window[0]
    near = np.diff(days) <= width
    return int((np.append(near, False) | np.insert(near, 0, False)).sum()) if len(days) > 1 else 0


def _unusable(one: EventDays, design: Array, plan: EventPlan) -> str:
    n_events, n_days = int(one.event.sum()), len(design)
    if n_events < _FEWEST_EVENTS:
        return f"{counted(n_events, 'event')}, at least {_FEWEST_EVENTS} are needed"
    if n_days < design.shape[1] + _SPARE:
        return f"{counted(n_days, 'day')} with an answer, at least {design.shape[1] + _SPARE} are needed"
    if np.ptp(one.value[np.isfinite(one.value)]) == 0:
        return "the outcome never varies"
    if np.linalg.matrix_rank(design) < design.shape[1]:
        if plan.reference == "away":
            return (
                "the days around the events leave no days to compare them with: name one, as in "
                f"reference={plan.window[0]}"
            )
        return "the effects of the days around the events cannot be separated: choose a narrower window"
    return ""


def _against_redrawn(one: EventDays, base: Array, plan: EventPlan, generator: np.random.Generator) -> float:
    """Rank of the events among events at other times, the errors' distribution held at that without events."""
    seen = np.isfinite(one.value)
    y, step = one.value[seen], one.day[seen]
    phi, gap = fit_ar1(y, base[seen], step).phi, np.diff(step)

    def statistic(event: Flags) -> float:
        return joint_statistic(y, base[seen], lag_columns(event, plan.estimated)[seen], gap, phi)

    own = statistic(one.event)
    drawn = [statistic(redrawn_events(one.event, one.phase, generator)) for _ in range(plan.n_surrogates)]
    return float(monte_carlo_p(own, drawn))


def joint_statistic(y: Array, base: Array, lags: Array, gap: Ints, phi: float) -> float:
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
