"""The ladder of claims for one direction, claim by claim."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from reldyn._types import Array
from reldyn.cycles.consequences._reinforcement import Reinforcement, run_reinforcement
from reldyn.cycles.consequences._triggers import TriggerEffect, run_trigger
from reldyn.cycles.ladder._claims import ClaimTest, PhaseFit, intermittent_p
from reldyn.cycles.ladder._directed import assess_directed
from reldyn.cycles.ladder._direction import DirectionFits, direction_seed
from reldyn.cycles.ladder._irregular import assess_irregular
from reldyn.cycles.ladder._periodic import assess_periodic
from reldyn.cycles.ladder._regimes import assess_regimes, fit_phases
from reldyn.cycles.ladder._shared_tests import PhasePrior, assess_shared_irregular, assess_shared_regimes
from reldyn.cycles.ladder._splitting import estimate_splitting
from reldyn.cycles.ladder._volatility import assess_volatility
from reldyn.cycles.series._series import DirectionSeries
from reldyn.errors import DesignError, check_option
from reldyn.stats import NUMERICAL_ERRORS, STOP_AFTER, child_seed

Pooling = Literal["auto", "none", "shared"]
POOLINGS = ("auto", "none", "shared")

__all__ = [
    "ClaimTests",
    "Pooling",
    "Setting",
    "both_claims",
    "check_pooling",
    "extend_claim_tests",
    "for_two_ways",
    "run_claim_tests",
    "seed_of",
    "shares_of_level",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """How the claims are tested.

    Attributes
    ----------
    phases : "auto", 2 or 3
    n_surrogates : int
    alpha : float
    triggers : tuple of str
        Names of the series' triggers.
    """

    phases: Literal["auto"] | int
    n_surrogates: int
    alpha: float
    triggers: tuple[str, ...] = ()

    @property
    def n_states(self) -> tuple[int, ...]:
        """Numbers of phases over which the statistics take their maximum."""
        return (2, 3) if self.phases == "auto" else (int(self.phases),)


@dataclasses.dataclass(frozen=True, slots=True)
class ClaimTests:
    """What the ladder gave for one direction: reasons why not, or tests, phases and reinforcement.

    ``p_alone`` is the p-value of *intermittent* from the direction by itself, where it was asked for beside phases of
    other dyads; NaN elsewhere.
    """

    reasons: tuple[str, ...]
    tests: tuple[ClaimTest, ...]
    fit: PhaseFit | None
    reinforcement: Reinforcement | None
    triggers: tuple[TriggerEffect, ...] = ()
    p_alone: float = float("nan")


# Weak cycles are found with phases of others. What a direction shows by itself is mostly clear, so that a small share
# of the level is enough for it.
_FOR_SHARED = 0.8


def shares_of_level(n_surrogates: int, alpha: float) -> tuple[float, float]:
    """Shares of the level for phases of other dyads and for the direction by itself.

    Four fifths and one fifth; halves where the smallest p-value of so many surrogates is above a fifth of the level.

    Examples
    --------
    >>> shares_of_level(99, 0.05), shares_of_level(39, 0.05)
    ((0.8, 0.2), (0.5, 0.5))
    """
    alone = round(1 - _FOR_SHARED, 9)
    if round(1 / (alpha * alone), 9) > n_surrogates + 1:
        return 0.5, 0.5
    return _FOR_SHARED, alone


def for_two_ways(alpha: float) -> int:
    """Fewest surrogates whose smallest p-value is at most half of the level.

    Examples
    --------
    >>> for_two_ways(0.05)
    39
    """
    return math.ceil(round(2 / alpha, 9)) - 1


def check_pooling(pooling: str, n_surrogates: int, alpha: float) -> None:
    """Refuse an unknown pooling, and shared phases with fewer surrogates than two ways of testing take.

    Raises
    ------
    DesignError
    """
    check_option(pooling, POOLINGS, "pooling")
    if pooling == "shared" and n_surrogates < for_two_ways(alpha):
        raise DesignError(
            f"n_surrogates={n_surrogates!r}: with pooling='shared' two ways of testing share the level, so "
            f"give {for_two_ways(alpha)} or more, below which none can reach {alpha:g}."
        )


def seed_of(generator: np.random.Generator) -> np.random.SeedSequence:
    """The sequence a generator was made from."""
    sequence: Any = generator.bit_generator.seed_seq
    return np.random.SeedSequence(sequence.entropy, spawn_key=sequence.spawn_key, pool_size=sequence.pool_size)


def run_claim_tests(
    series: DirectionSeries, setting: Setting, seed: int | np.random.SeedSequence, prior: PhasePrior | None = None
) -> ClaimTests:
    """Test every claim about one direction that its evidence makes due.

    *Irregular* is tested where *regimes* or *periodic* is rejected, *directed* where *regimes* is: without
    phases neither means anything, and no verdict could depend on it. Which tests run never depends on how many
    other directions there are; their random numbers are keyed by the answers of the direction itself.

    Parameters
    ----------
    series : DirectionSeries
    setting : Setting
    seed : int or SeedSequence
        Of the whole detection.
    prior : PhasePrior, optional
        Phases learned from other dyads, for *regimes* and *irregular*; by default the series stands alone.

    Returns
    -------
    ClaimTests
    """
    try:
        direction = DirectionFits(series, direction_seed(seed, series))
        tests, p_alone = _ladder(direction, setting, prior)
        phased = tests[0].p_value <= setting.alpha
        n_states = int(tests[0].detail["n_states"])
        fit = fit_phases(direction, n_states=n_states, seed=child_seed(direction.seed, 5))
    except (*NUMERICAL_ERRORS, ValueError) as error:
        # A series that numbers cannot carry is undecidable; it is no reason to stop the other directions. Libraries
        # of numerics report what is not finite as a ValueError.
        return ClaimTests((f"the tests broke down on these answers ({error})",), (), None, None)
    failed = [f"{test.claim} ({test.n_failed} of {test.n_surrogates})" for test in tests if _mostly_failed(test)]
    if failed:
        reason = f"most surrogates have no finite statistic: {', '.join(failed)}"
        return ClaimTests((reason,), (), None, None)
    reinforcement = None
    if series.y.shape[1] > 1:
        reinforcement = run_reinforcement(
            series,
            fit if phased else None,
            n_surrogates=setting.n_surrogates,
            seed=child_seed(direction.seed, 6),
        )
    triggers = tuple(
        run_trigger(
            series, fit, column, name, n_surrogates=setting.n_surrogates, seed=child_seed(direction.seed, 7, column)
        )
        for column, name in enumerate(setting.triggers)
        if phased
    )
    tests += _apart(direction, tests[0], setting)
    return ClaimTests((), tuple(tests), fit, reinforcement, triggers, p_alone)


def _ladder(direction: DirectionFits, setting: Setting, prior: PhasePrior | None) -> tuple[list[ClaimTest], float]:
    periodic = assess_periodic(direction, n_surrogates=setting.n_surrogates, alpha=setting.alpha)
    both, p_alone = _either_way(direction, setting, prior, rhythmic=periodic.p_value <= setting.alpha)
    tests = [both[0], periodic, *both[1:]]
    if both[0].p_value <= setting.alpha:
        tests.append(assess_directed(direction, n_surrogates=setting.n_surrogates, alpha=setting.alpha))
    return tests, p_alone


def _either_way(
    direction: DirectionFits, setting: Setting, prior: PhasePrior | None, *, rhythmic: bool = False
) -> tuple[list[ClaimTest], float]:
    """Test *regimes* and *irregular* by the direction itself; with phases of other dyads in both ways.

    Of two ways the one that speaks more clearly for both claims is reported, its p-values divided by its share of the
    level: the chance of a false alarm in either is at most the sum of these shares, the whole level. Phases of others
    show weak cycles like theirs; phases of another kind show only where the direction is tested by itself.

    Returns
    -------
    (tests, p_alone) : tuple
        *regimes*, and *irregular* where it is due; the p-value of *intermittent* by itself where there are two ways.
    """
    if prior is None:
        return _one_way(direction, setting, None, rhythmic=rhythmic), float("nan")
    shares = shares_of_level(setting.n_surrogates, setting.alpha)
    shared = _one_way(direction, setting, prior, rhythmic=rhythmic)
    if _nothing_clearer(shared, shares, setting):
        return _weighted(shared, shares[0]), float("nan")
    # So many exceedances put its p-value above the whole level, and how far above does not matter.
    enough = min(STOP_AFTER, math.floor(round(setting.alpha * setting.n_surrogates, 9)) + 1)
    alone = _one_way(direction, setting, None, rhythmic=rhythmic, stop_after=enough)
    both = _weighted(shared, shares[0]), _weighted(alone, shares[1])
    return min(both, key=lambda tests: _unclear(tests, setting.n_surrogates)), intermittent_p(alone)


def _nothing_clearer(shared: Sequence[ClaimTest], shares: tuple[float, float], setting: Setting) -> bool:
    """Whether a direction by itself could speak no more clearly than phases of others, did no surrogate reach it."""
    drawn = min(test.n_surrogates for test in shared)
    if not drawn:
        # Not tested further: phases of others were not asked.
        return False
    smallest = 1 / (drawn + 1)
    if drawn < setting.n_surrogates:
        # More may be drawn: only what no surrogate reached cannot be outdone.
        return intermittent_p(shared) <= smallest
    clearest = min(setting.alpha, smallest / shares[1])
    return round(intermittent_p(shared) / shares[0], 12) <= round(clearest, 12)


def _unclear(tests: Sequence[ClaimTest], n_surrogates: int) -> tuple[float, float]:
    """What the clearer of two ways has less of: its p-value, less half an exceedance where more may be drawn.

    A way that no surrogate reached may end with a far smaller p-value, one that a few reached will not.
    """
    drawn = min(test.n_surrogates for test in tests)
    half = 0.5 / (drawn + 1) / tests[0].weight if 0 < drawn < n_surrogates else 0.0
    return intermittent_p(tests) - half, tests[0].p_value


def _one_way(
    direction: DirectionFits,
    setting: Setting,
    prior: PhasePrior | None,
    *,
    rhythmic: bool = False,
    stop_after: int = STOP_AFTER,
) -> list[ClaimTest]:
    regimes = _regimes(direction, setting, prior, stop_after=stop_after)
    if regimes.p_value > setting.alpha and not rhythmic:
        return [regimes]
    return [regimes, _irregular(direction, setting, prior, stop_after=stop_after)]


def _weighted(tests: Sequence[ClaimTest], weight: float) -> list[ClaimTest]:
    # Rounded, so that a p-value that equals the level is not above it by its last digit.
    return [
        dataclasses.replace(test, p_value=min(1.0, round(test.p_value / weight, 12)), n_ways=2, weight=weight)
        for test in tests
    ]


def _apart(direction: DirectionFits, regimes: ClaimTest, setting: Setting) -> list[ClaimTest]:
    """Claims on which no verdict rests: *volatility* and *splitting*. One that breaks down is left out."""
    try:
        volatility = assess_volatility(direction, regimes, n_surrogates=setting.n_surrogates, alpha=setting.alpha)
        splitting = estimate_splitting(direction, regimes, alpha=setting.alpha)
    except (*NUMERICAL_ERRORS, ValueError):
        return []
    kept = [] if _mostly_failed(volatility) else [volatility]
    return kept if splitting is None else [*kept, splitting]


def _mostly_failed(test: ClaimTest) -> bool:
    return 2 * test.n_failed > test.n_surrogates


def _budget(setting: Setting, previous: Mapping[str, Array] | None) -> dict[str, Any]:
    """How many surrogates a test may draw, and those that it goes on from."""
    return {
        "n_surrogates": setting.n_surrogates,
        "alpha": setting.alpha,
        "previous": previous,
        "go_on": previous is not None,
    }


def _regimes(
    direction: DirectionFits,
    setting: Setting,
    prior: PhasePrior | None,
    previous: Mapping[str, Array] | None = None,
    stop_after: int = STOP_AFTER,
) -> ClaimTest:
    budget = _budget(setting, previous)
    if prior is not None:
        return assess_shared_regimes(direction, prior, **budget)
    return assess_regimes(direction, n_states=setting.n_states, stop_after=stop_after, **budget)


def _irregular(
    direction: DirectionFits,
    setting: Setting,
    prior: PhasePrior | None,
    previous: Mapping[str, Array] | None = None,
    stop_after: int = STOP_AFTER,
) -> ClaimTest:
    budget = _budget(setting, previous)
    if prior is not None:
        return assess_shared_irregular(direction, prior, **budget)
    return assess_irregular(direction, n_states=setting.n_states, stop_after=stop_after, **budget)


def both_claims(
    series: DirectionSeries, setting: Setting, seed: int | np.random.SeedSequence, prior: PhasePrior | None = None
) -> tuple[ClaimTest, ClaimTest | None]:
    """Test *regimes*, and *irregular* where regimes are rejected: all that *intermittent* needs."""
    tests, _ = _either_way(DirectionFits(series, direction_seed(seed, series)), setting, prior)
    return tests[0], tests[1] if len(tests) > 1 else None


def extend_claim_tests(
    series: DirectionSeries,
    setting: Setting,
    seed: int | np.random.SeedSequence,
    prior: PhasePrior | None,
    tests: tuple[ClaimTest, ...],
) -> tuple[ClaimTest, ...]:
    """Draw further surrogates of the same streams for *regimes* and *irregular*, up to ``setting.n_surrogates``.

    Parameters
    ----------
    series, setting, seed, prior
        As in `run_claim_tests`; the setting says how many surrogates there are to be in all. A claim that has more
        keeps them.
    tests : tuple of ClaimTest
        Of an earlier run with fewer.

    Returns
    -------
    tuple of ClaimTest
        The other claims stay as they are.
    """
    direction = DirectionFits(series, direction_seed(seed, series))
    again = {"regimes": _regimes, "irregular": _irregular}

    def extended(test: ClaimTest) -> ClaimTest:
        way = prior if test.detail.get("pooling") == "shared" else None
        # What is drawn is kept: the claims of a direction may have got to different numbers.
        known = max(len(values) for values in test.drawn.values())
        wanted = dataclasses.replace(setting, n_surrogates=max(setting.n_surrogates, known))
        more = again[test.claim](direction, wanted, way, test.drawn)
        return _weighted([more], test.weight)[0] if test.n_ways > 1 else more

    return tuple(extended(test) if test.claim in again and test.drawn else test for test in tests)
