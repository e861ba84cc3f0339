"""Runs of warm occasions of one direction, and the spells between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reldyn._types import Array, Ints
from reldyn.cycles._result import PHASES
from reldyn.cycles.series._events import warm_threshold
from reldyn.errors import DesignError

if TYPE_CHECKING:
    from reldyn.cycles._result import CycleResult
    from reldyn.cycles.ladder._outcome import Outcome
    from reldyn.cycles.series._directions import WarmthDirection
    from reldyn.cycles.series._events import ReportedBy

# Fewer runs of warmth carry no statement about what follows them.
FEWEST_RUNS = 8

__all__ = ["FEWEST_RUNS", "cycle_number", "fitted", "spells", "warm_states"]


def fitted(
    phases: CycleResult | None, warmth: str, reported_by: ReportedBy
) -> dict[tuple[object, object], Outcome] | None:
    """The outcomes of a detection by dyad and giver; None without one.

    Parameters
    ----------
    phases : CycleResult or None
    warmth, reported_by : str
        What the phases must be about.

    Returns
    -------
    dict or None

    Raises
    ------
    DesignError
        The phases are no detection, or those of another column or another reporter.
    """
    if phases is None:
        return None
    if not (hasattr(phases, "outcomes") and hasattr(phases, "columns")):
        raise DesignError(
            f"phases={phases!r}: give a result of rd.detect_cycles, whose phases then take the place of event."
        )
    if (phases.columns.warmth, phases.columns.reported_by) != (warmth, reported_by):
        raise DesignError(
            f"phases are those of {phases.columns.warmth!r} reported by the {phases.columns.reported_by}, not of "
            f"{warmth!r} reported by the {reported_by}: give the same warmth and reported_by as to detect_cycles."
        )
    return {(one.dyad, one.giver): one for one in phases.outcomes}


def warm_states(
    one: WarmthDirection, number: float | None, outcomes: dict[tuple[object, object], Outcome] | None
) -> tuple[Array, str]:
    """Whether each occasion was warm: 1, 0, or NaN where it is unknown.

    Parameters
    ----------
    one : Arranged
        With a series.
    number : float or None
        The declared threshold; None for the top tercile of the reporter's answers.
    outcomes : dict or None
        As `fitted` gives it: the most probable phases then count in place of the answers.

    Returns
    -------
    state : (n,) array
    reason : str
        Why nothing is known; else empty.
    """
    if one.series is None:
        return np.zeros(0), "no answers"
    if outcomes is None:
        warmth = one.series.y[:, 0]
        answered = np.isfinite(warmth)
        return np.where(answered, warmth >= warm_threshold(warmth[answered], number), np.nan), ""
    outcome = outcomes.get((one.dyad, one.giver))
    if outcome is None or outcome.fit is None:
        return np.full(len(one.occasion), np.nan), "no fitted phases"
    warm = outcome.fit.posterior.argmax(axis=1) == PHASES[outcome.fit.n_states].index("warm")
    phase_of = dict(zip(np.asarray(outcome.occasion).tolist(), warm.tolist(), strict=True))
    return np.array([float(phase_of.get(int(code), np.nan)) for code in one.occasion]), ""


def cycle_number(state: Array) -> Array:
    """Runs of warmth begun so far; an occasion without an answer neither ends a run nor begins one.

    Parameters
    ----------
    state : (n,) array
        1 warm, 0 not warm, NaN unknown.

    Returns
    -------
    (n,) array

    Examples
    --------
    >>> cycle_number(np.array([0, 1, np.nan, 1, 0, 1.0])).tolist()
    [0.0, 1.0, 1.0, 1.0, 1.0, 2.0]
    """
    known = np.flatnonzero(np.isfinite(state))
    begins = np.zeros(len(state))
    warm = state[known] == 1
    begins[known[warm & ~np.concatenate([[False], warm[:-1]])]] = 1
    return np.cumsum(begins)


def spells(state: Array) -> tuple[Ints, Ints]:
    """Spells between the last warm occasion of a run and the first of the next.

    Parameters
    ----------
    state : (n,) array
        1 warm, 0 not warm, NaN unknown.

    Returns
    -------
    spell : (n,) int array
        Number of the spell from 0; -1 inside a run of warmth and before the first.
    last_warm : (n,) int array
        Position of the warm occasion the spell follows; -1 likewise.

    Examples
    --------
    >>> spell, last_warm = spells(np.array([0, 1, 1, 0, np.nan, 1, 0]))
    >>> spell.tolist(), last_warm.tolist()
    ([-1, -1, -1, 0, 0, -1, 1], [-1, -1, -1, 2, 2, -1, 5])
    """
    spell = np.full(len(state), -1, dtype=np.int64)
    origin = spell.copy()
    warm = np.flatnonzero(state == 1)
    n_spells = 0
    for here, following in zip(warm, np.append(warm, len(state))[1:], strict=True):
        # Between two warm answers with none in between nothing shows that warmth ended.
        if (state[here + 1 : following] == 0).any():
            spell[here + 1 : following] = n_spells
            origin[here + 1 : following] = here
            n_spells += 1
    return spell, origin
