"""How long a response outlasts the warmth that went before it.

That a response acquired under partial reinforcement persists longer is firm between subjects; within one subject the
reverse is found (Lowe et al. 2017). A slow decay in one series therefore says nothing about the schedule behind it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Column, Flags, Ints
from reldyn.cycles._sample_level import clopper_pearson
from reldyn.cycles.series._directions import CycleColumns, build_series
from reldyn.cycles.series._events import Event, ReportedBy, event_number
from reldyn.cycles.series._runs import FEWEST_RUNS, fitted, spells, warm_states
from reldyn.panel import analysis
from reldyn.results import TableResult
from reldyn.stats import indicators

if TYPE_CHECKING:
    from reldyn.cycles._result import CycleResult
    from reldyn.cycles.series._series import DirectionSeries
    from reldyn.panel import DyadPanel

Cells = dict[str, float | int | str]

__all__ = ["PersistenceResult", "fall_hazard", "half_life", "persistence"]


class PersistenceResult(TableResult):
    """What `persistence` found."""


_LEVEL = 0.95
# Constant, amplitude and half-life need as many times since warmth ended, and one to spare.
_FEWEST_TIMES = 4
_SHORTEST = 0.25
_N_GRID = 160


@analysis
def persistence(
    panel: DyadPanel,
    *,
    warmth: Column,
    response: Column,
    reported_by: ReportedBy = "receiver",
    event: Event = "threshold",
    phases: CycleResult | None = None,
) -> PersistenceResult:
    """Describe how the response falls off after a run of warmth has ended, per dyad and giver.

    Descriptive only, and never a cause: that partial reinforcement makes a response persist is established between
    subjects and reversed within them, so a long half-life is no sign that warmth was intermittent.

    Parameters
    ----------
    panel : DyadPanel
        Where the length of a night is unknown it counts three daytime intervals, as ``note`` says.
    warmth, response : str
        Columns as in `reldyn.detect_cycles`; the response is the receiver's approach or longing.
    reported_by : {"receiver", "giver"}, default "receiver"
    event : "threshold" or float, default "threshold"
        Which occasions are warm, as in `events`.
    phases : CycleResult, optional
        Take the warm phases of a detection in place of ``event``. If the response helped to find them, the end of a
        phase is partly where the response fell, and the half-life is too short.

    Returns
    -------
    PersistenceResult
        A table that is used like a data frame.
        One row per dyad and giver:

        - ``dyad``, ``giver``.
        - ``half_life``, ``conf_low``, ``conf_high``: daytime intervals in which what is left of the response above
          its later level halves; 95 % limits, 0 or infinite where nothing bounds them. NaN where neither limit
          is bounded or the response does not fall.
        - ``fall``: points of response by which the first occasion after warmth stands above the later level.
        - ``hazard``, ``hazard_low``, ``hazard_high``: chance per beep that a response still at or above its own
          median falls below it, the first time after each run; 95 % limits.
        - ``n_runs``: runs of warmth whose end was seen. ``n_pairs``: pairs of beeps behind the hazard.
        - ``note``: why a value is missing.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        An option is not known, or ``phases`` are those of another column.

    Notes
    -----
    The response after a run is a constant per time of day plus an exponential decay in the time since the last warm
    answer, by least squares over all runs of the direction. Its interval holds every half-life that a score test
    with runs as clusters does not reject, so it allows for autocorrelation within a run and for a decay that
    cannot be dated. Occasions without an answer to warmth count as time. The hazard counts pairs of neighbouring
    beeps within a day; a fall over night ends the watch without counting.

    References
    ----------
    Lowe et al. (2017), on the partial-reinforcement extinction effect between and within subjects.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("cycle", n_dyads=2, n_occasions=200, seed=1).panel
    >>> found = rd.cycles.persistence(panel, warmth="warmth", response="response")
    >>> bool(found["n_runs"].min() >= 8), len(found)
    (True, 4)
    """
    import pandas as pd

    number = event_number(event, panel.values(warmth))
    outcomes = fitted(phases, warmth, reported_by)
    rows = []
    for one in build_series(panel, CycleColumns(warmth, response, reported_by)):
        state, reason = warm_states(one, number, outcomes)
        if one.series is None or reason:
            cells = _nothing(0, 0, [reason])
        else:
            cells = _after_warmth(one.series, state, one.notes)
        rows.append({"dyad": one.dyad, "giver": one.giver, **cells})
    return PersistenceResult.of(table=pd.DataFrame(rows))


def _nothing(n_runs: int, n_pairs: int, notes: list[str]) -> Cells:
    names = ("half_life", "conf_low", "conf_high", "fall", "hazard", "hazard_low", "hazard_high")
    return {**dict.fromkeys(names, math.nan), "n_runs": n_runs, "n_pairs": n_pairs, "note": "; ".join(notes)}


def _after_warmth(series: DirectionSeries, state: Array, known: tuple[str, ...]) -> Cells:
    response = series.y[:, 1]
    spell, origin = spells(state)
    used = (spell >= 0) & np.isfinite(response)
    notes = list(known)
    n_runs = len(np.unique(spell[used]))
    if n_runs < FEWEST_RUNS:
        return _nothing(n_runs, 0, [*notes, f"{counted(n_runs, 'run')} of warmth with an end, below {FEWEST_RUNS}"])
    if np.ptp(response[np.isfinite(response)]) == 0:
        return _nothing(n_runs, 0, [*notes, "the response never varies"])
    elapsed = series.step - series.step[origin]
    value, low, high, fall, reason = half_life(
        elapsed[used], response[used], spell[used], indicators(series.beep[used])
    )
    if reason:
        notes.append(reason)
    n_falls, n_pairs = fall_hazard(response, spell, origin, series.night, series.step)
    if n_pairs == 0:
        notes.append("the response was never at or above its median before a beep of the same day, so no hazard")
    bounds = clopper_pearson(n_falls, n_pairs) if n_pairs else (math.nan, math.nan)
    cells = _nothing(n_runs, n_pairs, notes)
    cells |= {"half_life": value, "conf_low": low, "conf_high": high, "fall": fall}
    hazard = n_falls / n_pairs if n_pairs else math.nan
    return cells | {"hazard": hazard, "hazard_low": bounds[0], "hazard_high": bounds[1]}


def half_life(elapsed: Array, response: Array, run: Ints, covariates: Array) -> tuple[float, float, float, float, str]:
    """Half-life of the exponential decay of a response, with its interval.

    Parameters
    ----------
    elapsed : (n,) array
        Time since warmth ended, above 0.
    response : (n,) array
    run : (n,) int array
        The run of warmth each occasion follows: the clusters of the interval.
    covariates : (n, k) array
        Columns beside the constant, k may be 0.

    Returns
    -------
    half_life, conf_low, conf_high, fall : float
    reason : str
        Why a value is missing; else empty.
    """
    from scipy.stats import t as student

    nothing = (math.nan,) * 4
    if len(np.unique(elapsed)) < _FEWEST_TIMES or len(response) < 3 * (covariates.shape[1] + 3):
        return *nothing, "too few occasions after warmth to date a decay"
    _, run = np.unique(run, return_inverse=True)
    n_runs = int(run.max()) + 1
    since = elapsed - elapsed.min()
    fixed = np.column_stack([np.ones(len(response)), covariates])
    grid = np.geomspace(_SHORTEST, 2 * float(since.max()), _N_GRID)
    # One projection of the fixed columns serves every half-life.
    basis, _ = np.linalg.qr(fixed)
    rest = response - basis @ (basis.T @ response)
    errors, falls, scores = (np.zeros(_N_GRID) for _ in range(3))
    for place, candidate in enumerate(grid):
        left = 0.5 ** (since / candidate)
        errors[place], falls[place], scores[place] = _at(left, since * left, rest, basis, run, n_runs)
    best = int(errors.argmin())
    if falls[best] <= 0:
        return *nothing, "the response does not fall after warmth ends"
    allowed = np.flatnonzero(np.abs(scores) <= float(student.ppf((1 + _LEVEL) / 2, n_runs - 1)))
    # The least-squares value solves the score equation, so that the grid point next to it always belongs.
    first, last = min(best, *allowed, best), max(best, *allowed, best)
    low = 0.0 if first == 0 else float(grid[first - 1])
    high = math.inf if last == _N_GRID - 1 else float(grid[last + 1])
    if low == 0.0 and math.isinf(high):
        return math.nan, low, high, float(falls[best]), "no half-life is ruled out: the decay cannot be dated"
    return float(grid[best]), low, high, float(falls[best]), ""


def _at(left: Array, slope: Array, rest: Array, basis: Array, run: Ints, n_runs: int) -> tuple[float, float, float]:
    """Squared error, amplitude and clustered score statistic of one half-life; ``slope`` is its derivative."""
    decay = left - basis @ (basis.T @ left)
    size = float(decay @ decay)
    if size < 1e-10 * len(rest):
        return float(rest @ rest), 0.0, 0.0
    fall = float(decay @ rest) / size
    residual = rest - fall * decay
    direction = slope - basis @ (basis.T @ slope)
    direction = direction - decay * float(decay @ direction) / size
    sums = np.bincount(run, weights=direction * residual, minlength=n_runs)
    spread = math.sqrt(n_runs / (n_runs - 1) * float(((sums - sums.mean()) ** 2).sum()))
    score = float(sums.sum()) / spread if spread > 1e-9 * float(np.abs(sums).sum()) and spread > 0 else 0.0
    return float(residual @ residual), fall, score


def fall_hazard(
    response: Array,
    spell: Ints,
    origin: Ints,
    night: Flags,
    step: Array,
) -> tuple[int, int]:
    """Count the first falls of the response below its own median, and the pairs of beeps at risk.

    Parameters
    ----------
    response, step : (n,) array
        Answers, NaN where there is none; the clock in daytime intervals.
    spell, origin : (n,) int array
        As `spells` gives them.
    night : (n,) bool array
        True at the first occasion of a day.

    Returns
    -------
    n_falls, n_pairs : int
    """
    median = float(np.nanmedian(response))
    n_falls = n_pairs = 0
    for number in range(int(spell.max()) + 1):
        places = np.flatnonzero(spell == number)
        before = int(origin[places[0]])
        for here in places:
            if not np.isfinite(response[here]):
                continue
            low = response[here] < median
            above = np.isfinite(response[before]) and response[before] >= median
            # A fall counts only where its beep is known: from one beep to the next of the same day.
            if above and here == before + 1 and not night[here] and step[here] - step[before] <= 1:
                n_pairs += 1
                n_falls += int(low)
            if low:
                break
            before = int(here)
    return n_falls, n_pairs
