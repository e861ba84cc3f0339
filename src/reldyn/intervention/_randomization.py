"""Tests whose chance is the randomisation itself: start points, orders of dyads, or both.

They are valid for any series, autocorrelated or not, but only where the start was in fact drawn in the way that is
named, and their p-value cannot fall below one over the number of ways it could have been drawn.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Column
from reldyn.errors import DataWarning, DesignError, check_option, warn_caller
from reldyn.intervention._phases import phase_series
from reldyn.intervention._start_cases import (
    FEWEST_ANSWERS,
    StartCase,
    candidates,
    labelled_times,
    start_cases,
    without_partner,
)
from reldyn.panel import analysis
from reldyn.results import TableResult
from reldyn.stats import PValue, known_seed, monte_carlo_p

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

Design = Literal["start-point", "wampold-worsham", "koehler-levin", "revusky"]
Alternative = Literal["increase", "decrease", "two-sided"]

__all__ = ["RandomizationTest", "Randomised", "order_test", "randomization_test", "revusky_test", "start_point_test"]


class RandomizationTest(TableResult):
    """What `randomization_test` found."""


_DESIGNS = ("start-point", "wampold-worsham", "koehler-levin", "revusky")
_ALTERNATIVES = ("increase", "decrease", "two-sided")
_CONSTANT = "the outcome never varies"
# Up to so many assignments all are tried: eight dyads in any order.
_EXACT = 50_000


@dataclass(frozen=True)
class Randomised:
    """What a randomisation test gave.

    Attributes
    ----------
    statistic : float
        Of the assignment that was used.
    p_value : float
    n_assignments : int
        Ways in which the starts could have been assigned.
    exact : bool
        Whether all of them were tried; else a random sample was.
    """

    statistic: float
    p_value: float
    n_assignments: int
    exact: bool

    @property
    def smallest_p(self) -> float:
        """What the p-value cannot fall below, however large the change."""
        return 1 / self.n_assignments


@analysis
def randomization_test(
    panel: DyadPanel,
    *,
    outcome: Column,
    phase: Column,
    phases: Sequence[Hashable] | None = None,
    design: Design = "start-point",
    starts: Sequence[float] | Sequence[Sequence[float]] | None = None,
    alternative: Alternative = "increase",
    n_draws: int = 9_999,
    seed: Any = None,
) -> RandomizationTest:
    """Test a change against all the starts that could have been drawn.

    Parameters
    ----------
    panel : DyadPanel
        Both partners of a dyad share its start: the dyad is the case.
    outcome, phase : str
        Columns: the answers, and the label of the phase.
    phases : pair, optional
        The two labels to compare, the earlier first. None: the two that there are.
    design : str, default "start-point"
        How chance had its part:

        - ``"start-point"``: each dyad's start was drawn from a list of days (Edgington 1975);
        - ``"wampold-worsham"``: fixed starts, drawn which dyad gets which (1986);
        - ``"koehler-levin"``: fixed windows of days in a drawn order, and a day drawn within each (1998);
        - ``"revusky"``: fixed starts in a drawn order, dyads ranked at each start among those still waiting (1967).
    starts : sequence, optional
        Times as in the panel, days or occasions. ``"start-point"``: those that could have been drawn; None takes all
        occasions that leave three answers in each phase. ``"koehler-levin"``: one list of such times per window. The
        other designs draw orders only and take none.
    alternative : {"increase", "decrease", "two-sided"}, default "increase"
        The direction that was expected beforehand.
    n_draws : int, default 9999
        Assignments drawn where there are more than 50,000.
    seed : int, SeedSequence, Generator or None, default None
        Of these draws.

    Returns
    -------
    RandomizationTest
        A table that is used like a data frame.
        One row per role and one for the dyad's mean of both partners (``role`` "both"), per dyad for
        ``"start-point"``, else for the sample (``dyad`` "sample"): ``dyad``, ``role``, ``design``, ``statistic``,
        ``p_value``, ``n_assignments``, ``smallest_p``, ``exact``, ``n_dyads``, ``note``. Clients without a partner
        have the row of their role, or one of their own (``role`` "") where no role is named; in the mean of both
        partners they have no place, and ``note`` says how many there are.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        An option is not known, starts are missing, or dyads do not have what the design asks for.

    Notes
    -----
    The statistic is the difference of phase means, averaged over dyads; for Revusky the sum of ranks of the change
    at each start. The list of starts must be the one that was drawn from: chosen afterwards, the test means nothing.

    References
    ----------
    Edgington (1975), Journal of Psychology 90, 57-68. Wampold and Worsham (1986), Behavioral Assessment 8, 135-143.
    Koehler and Levin (1998), Psychological Methods 3, 206-217. Revusky (1967), JEAB 10, 319-330.

    Examples
    --------
    >>> import reldyn as rd
    >>> study = rd.simulate.intervention(n_dyads=4, n_before=[14, 21, 28, 35], level=2.0, seed=1)
    >>> found = rd.intervention.randomization_test(
    ...     study.panel, outcome="closeness", phase="phase", design="wampold-worsham"
    ... )
    >>> found["role"].tolist(), int(found["n_assignments"].iloc[0])
    (['a', 'b', 'both'], 24)
    """
    import pandas as pd

    check_option(design, _DESIGNS, "design")
    check_option(alternative, _ALTERNATIVES, "alternative")
    series, _ = phase_series(panel, outcome, phase, phases)
    given = _possible(starts) if design == "start-point" and starts is not None else starts
    plan = _Plan(design, alternative, given, n_draws)
    offset = labelled_times(panel)
    by_role, n_single = start_cases(series, panel.roles, offset, each=design == "start-point")
    if not by_role:
        raise DesignError("no series has answers in both phases, so there is no start whose place could be drawn.")
    if design == "start-point":
        rows = _by_dyad(by_role, plan)
    else:
        rows = _of_sample(by_role, plan, known_seed(seed), n_single)
    table = pd.DataFrame(rows)
    for note in sorted(set(table["note"]) - {""}):
        if "cannot fall below" in note:
            warn_caller(note, DataWarning)
    missing = int(table["p_value"].isna().sum())
    if missing:
        warn_caller(
            f"{missing} of {counted(len(table), 'test')} could not be made; the column note says why.", DataWarning
        )
    return RandomizationTest.of(table=table)


@dataclass(frozen=True)
class _Plan:
    """How the starts were drawn, and how the test is to be made."""

    design: Design
    alternative: Alternative
    starts: Any
    n_draws: int


def _by_dyad(by_role: dict[Hashable, list[StartCase]], plan: _Plan) -> list[dict[str, Any]]:
    rows = []
    for role, cases in by_role.items():
        for case in cases:
            starts = candidates(case) if plan.starts is None else plan.starts
            if not np.isclose(starts, case.start).any():
                reason = f"the start {case.start:g} is not among those that could have been drawn"
                if plan.starts is None:
                    reason = case.lacking(FEWEST_ANSWERS) or reason
                rows.append(_row(case.dyad, role, plan, None, 1, reason))
                continue
            if case.constant:
                rows.append(_row(case.dyad, role, plan, None, 1, _CONSTANT))
                continue
            found = start_point_test(case.time, case.value, case.start, starts, plan.alternative)
            reason = (
                "" if math.isfinite(found.p_value) else "a start that could have been drawn has no answer on one side"
            )
            rows.append(_row(case.dyad, role, plan, found, 1, reason))
    order = {case.dyad: place for cases in by_role.values() for place, case in enumerate(cases)}
    return sorted(rows, key=lambda row: order[row["dyad"]])


def _possible(starts: Any) -> Array:
    try:
        found = np.unique(np.asarray(list(starts), dtype=float))
    except (TypeError, ValueError):
        found = np.zeros((0,))
    if found.ndim != 1 or not len(found) or not np.isfinite(found).all():
        raise DesignError(f"starts={starts!r}: give the times that could have been drawn, as a list of numbers.")
    return found


def _row(
    dyad: Hashable, role: Hashable, plan: _Plan, found: Randomised | None, n_dyads: int, reason: str
) -> dict[str, Any]:
    row: dict[str, Any] = {"dyad": dyad, "role": role, "design": plan.design}
    if found is None:
        row |= {"statistic": math.nan, "p_value": math.nan, "n_assignments": 0, "smallest_p": math.nan, "exact": False}
    else:
        row |= {
            "statistic": found.statistic,
            "p_value": found.p_value,
            "n_assignments": found.n_assignments,
            "smallest_p": found.smallest_p,
            "exact": found.exact,
        }
        if found.smallest_p > 0.05 and math.isfinite(found.p_value):
            reason = (
                f"with {found.n_assignments} possible assignments the p-value cannot fall below "
                f"{found.smallest_p:.3f}: no change, however large, can be significant at .05"
            )
    return row | {"n_dyads": n_dyads, "note": reason}


def _of_sample(by_role: dict[Hashable, list[StartCase]], plan: _Plan, seed: int, n_single: int) -> list[dict[str, Any]]:
    if plan.design != "koehler-levin" and plan.starts is not None:
        raise DesignError(f"design={plan.design!r} draws the order of the dyads only: leave starts out.")
    rows = []
    for role, cases in by_role.items():
        if len(cases) < 2:
            rows.append(_row("sample", role, plan, None, len(cases), "fewer than two dyads with both phases"))
            continue
        # The same draws for every role, so that they are tested against the same assignments.
        generator = np.random.default_rng(seed)
        if plan.design == "revusky":
            found = revusky_test([(c.time, c.value, c.start) for c in cases], plan.alternative)
        else:
            found = _order_of(cases, plan, generator)
        reason = "" if math.isfinite(found.statistic) else "a dyad has no answers on one side of a possible start"
        row = _row("sample", role, plan, found, len(cases), reason)
        if all(case.constant for case in cases):
            row = _row("sample", role, plan, None, len(cases), _CONSTANT)
        if role == "both" and n_single:
            row["note"] = "; ".join(filter(None, (without_partner(n_single), row["note"])))
        rows.append(row)
    return rows


def _order_of(cases: list[StartCase], plan: _Plan, generator: np.random.Generator) -> Randomised:
    actual = np.array([case.start for case in cases])
    if plan.design == "wampold-worsham":
        windows = [np.array([start]) for start in np.sort(actual)]
        used = [(int(place), 0) for place in np.argsort(np.argsort(actual, kind="stable"), kind="stable")]
    else:
        windows = _windows(plan.starts, len(cases))
        used = [_place(case, windows) for case in cases]
        if len({window for window, _ in used}) < len(cases):
            raise DesignError("starts: two dyads begin within the same window; each window belongs to one dyad.")
    table = [np.array([[case.change(start) for start in window] for case in cases]) for window in windows]
    return order_test(table, used, plan.alternative, plan.n_draws, generator)


def _windows(starts: Any, n_cases: int) -> list[Array]:
    try:
        windows = [np.asarray(list(window), dtype=float) for window in starts]
    except (TypeError, ValueError):
        windows = []
    if len(windows) != n_cases or any(not len(window) for window in windows):
        raise DesignError(
            f"design='koehler-levin' needs starts: one list of possible times per dyad ({n_cases}), as they were drawn "
            "from."
        )
    return windows


def _place(case: StartCase, windows: list[Array]) -> tuple[int, int]:
    for number, window in enumerate(windows):
        hits = np.flatnonzero(np.isclose(window, case.start))
        if len(hits):
            return number, int(hits[0])
    raise DesignError(f"dyad {case.dyad!r} starts at {case.start:g}, which is in no window of starts.")


def start_point_test(
    time: Array, value: Array, start: float, starts: Array, alternative: Alternative = "increase"
) -> Randomised:
    """Compare the difference of phase means at the actual start with that at every possible one.

    Parameters
    ----------
    time, value : (n,) arrays
        Without missing answers.
    start : float
        The actual start: the first time of the later phase; one of ``starts``.
    starts : (k,) array
    alternative : {"increase", "decrease", "two-sided"}

    Returns
    -------
    Randomised

    Examples
    --------
    >>> start_point_test(np.arange(6.0), np.array([1.0, 1, 1, 2, 2, 2]), 3.0, np.array([2.0, 3.0, 4.0])).smallest_p
    0.3333333333333333
    """
    case = StartCase("", time, value, start)
    changes = np.array([case.change(at) for at in starts])
    observed = case.change(start)
    return Randomised(observed, _share(changes, observed, alternative), len(starts), True)


def _share(values: Array, observed: float, alternative: Alternative) -> float:
    """Share of assignments at least as extreme as the one that was used."""
    if not np.isfinite(values).all() or not math.isfinite(observed):
        return math.nan
    return float(_compared(values, observed, alternative).exceedances.item() / len(values))


def _compared(values: Array, observed: float, alternative: Alternative) -> PValue:
    """How many assignments are at least as extreme, and the p-value where they were drawn."""
    if alternative == "two-sided":
        return monte_carlo_p(abs(observed), np.abs(values))
    sign = -1.0 if alternative == "decrease" else 1.0
    return monte_carlo_p(sign * observed, sign * values)


def order_test(
    changes: Sequence[Array],
    used: Sequence[tuple[int, int]],
    alternative: Alternative = "increase",
    n_draws: int = 9_999,
    generator: np.random.Generator | None = None,
) -> Randomised:
    """Compare the mean change of all cases with that under every order of the cases and start within its window.

    Parameters
    ----------
    changes : sequence of k (k, w) arrays
        Per window: the change of each case at each of the window's possible starts.
    used : sequence of k pairs
        Per case, its window and the place of its start within it.
    alternative : {"increase", "decrease", "two-sided"}
    n_draws : int, default 9999
        Draws where there are more than 50,000 assignments.
    generator : numpy.random.Generator, optional
        None begins at seed 0.

    Returns
    -------
    Randomised

    Examples
    --------
    >>> changes = [np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])]
    >>> order_test(changes, [(0, 0), (1, 0)]).p_value
    0.5
    """
    k = len(changes)
    sizes = [window.shape[1] for window in changes]
    total = math.factorial(k) * math.prod(sizes)
    observed = float(np.mean([changes[window][case, place] for case, (window, place) in enumerate(used)]))
    if not all(np.isfinite(window).all() for window in changes):
        return Randomised(math.nan, math.nan, total, True)
    if total <= _EXACT:
        values = _all_orders(changes)
        return Randomised(observed, _share(values, observed, alternative), total, True)
    generator = np.random.default_rng(0) if generator is None else generator
    cases = np.arange(k)
    drawn = np.empty(n_draws)
    for draw in range(n_draws):
        order = generator.permutation(k)
        places = [int(generator.integers(size)) for size in sizes]
        drawn[draw] = np.mean(
            [changes[window][case, places[window]] for case, window in zip(cases, order, strict=True)]
        )
    return Randomised(observed, float(_compared(drawn, observed, alternative)), total, False)


def _all_orders(changes: Sequence[Array]) -> Array:
    """Mean change under every assignment: for each order, the sums over all starts within the windows."""
    k = len(changes)
    values = []
    for order in itertools.permutations(range(k)):
        sums = np.zeros(1)
        for case, window in enumerate(order):
            sums = np.add.outer(sums, changes[window][case]).ravel()
        values.append(sums / k)
    return np.concatenate(values)


def revusky_test(cases: Sequence[tuple[Array, Array, float]], alternative: Alternative = "increase") -> Randomised:
    """Rank each case at its start among those still waiting (Revusky 1967).

    Parameters
    ----------
    cases : sequence of (time, value, start)
        Starts must differ.
    alternative : {"increase", "decrease", "two-sided"}
        Two-sided doubles the smaller tail.

    Returns
    -------
    Randomised
        ``statistic`` is the sum of ranks, 1 for the largest change in the direction expected.

    Raises
    ------
    DesignError
        Two cases have the same start.

    Examples
    --------
    >>> time = np.arange(9.0)
    >>> cases = [(time, (time >= start) * 5.0, start) for start in (2.0, 4.0, 6.0)]
    >>> revusky_test(cases).p_value
    0.16666666666666666
    """
    made = [StartCase(number, time, value, start) for number, (time, value, start) in enumerate(cases)]
    made.sort(key=lambda case: case.start)
    begins = [case.start for case in made]
    if len(set(begins)) < len(begins):
        raise DesignError("design='revusky': two dyads have the same start; each has to begin alone.")
    if alternative == "two-sided":
        both = [revusky_test(cases, side) for side in ("increase", "decrease")]
        p_value = min(1.0, 2 * min(both[0].p_value, both[1].p_value))
        return Randomised(both[0].statistic, p_value, both[0].n_assignments, True)
    sign = 1.0 if alternative == "increase" else -1.0
    chances, statistic = {0.0: 1.0}, 0.0
    for place, start in enumerate(begins):
        end = begins[place + 1] if place + 1 < len(begins) else math.inf
        ranks = _ranks(np.array([-sign * case.change(start, end) for case in made[place:]]))
        statistic += float(ranks[0])
        chances = _added(chances, ranks)
    total = math.factorial(len(made))
    if not math.isfinite(statistic):
        return Randomised(math.nan, math.nan, total, True)
    p_value = sum(chance for value, chance in chances.items() if value <= statistic + 1e-9)
    return Randomised(statistic, min(1.0, p_value), total, True)


def _ranks(values: Array) -> Array:
    from scipy.stats import rankdata

    if not np.isfinite(values).all():
        return np.full(len(values), math.nan)
    return np.asarray(rankdata(values), dtype=float)


def _added(chances: dict[float, float], ranks: Array) -> dict[float, float]:
    """Distribution of a sum after one more rank, each of the waiting cases being as likely."""
    found: dict[float, float] = {}
    for value, chance in chances.items():
        for rank in ranks.tolist():
            found[value + rank] = found.get(value + rank, 0.0) + chance / len(ranks)
    return found
