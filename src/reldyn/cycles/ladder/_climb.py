"""The ladder of claims for one direction, rung by rung."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np

from reldyn.cycles.consequences._reinforcement import Reinforcement, run_reinforcement
from reldyn.cycles.consequences._triggers import TriggerEffect, run_trigger
from reldyn.cycles.ladder._claims import ClaimTest, PhaseFit
from reldyn.cycles.ladder._directed import assess_directed
from reldyn.cycles.ladder._irregular import assess_irregular
from reldyn.cycles.ladder._periodic import assess_periodic
from reldyn.cycles.ladder._regimes import assess_regimes, fit_phases
from reldyn.cycles.ladder._shared_tests import Lesson, assess_shared_irregular, assess_shared_regimes
from reldyn.cycles.series._series import DirectionSeries
from reldyn.stats import NUMERICAL_ERRORS, child_seed

Pooling = Literal["auto", "none", "shared"]
POOLINGS = ("auto", "none", "shared")

__all__ = ["POOLINGS", "Climbed", "Pooling", "Setting", "both_claims", "climb", "seed_of"]


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
class Climbed:
    """What the ladder gave for one direction: reasons why not, or tests, phases and reinforcement.

    ``p_alone`` is the p-value of *intermittent* from the direction by itself, where shared phases did not show it.
    """

    reasons: tuple[str, ...]
    tests: tuple[ClaimTest, ...]
    fit: PhaseFit | None
    reinforcement: Reinforcement | None
    triggers: tuple[TriggerEffect, ...] = ()
    p_alone: float = float("nan")


def seed_of(generator: np.random.Generator) -> np.random.SeedSequence:
    """The sequence a generator was made from: tests key their own generators below it."""
    sequence: Any = generator.bit_generator.seed_seq
    return np.random.SeedSequence(sequence.entropy, spawn_key=sequence.spawn_key, pool_size=sequence.pool_size)


def climb(
    series: DirectionSeries, setting: Setting, seed: np.random.SeedSequence, lesson: Lesson | None = None
) -> Climbed:
    """Test every claim about one direction that its evidence makes due.

    *Irregular* is tested where *regimes* or *periodic* is rejected, *directed* where *regimes* is: without
    phases neither means anything, and no verdict could depend on it. Which tests run never depends on how many
    other directions there are.

    Parameters
    ----------
    series : DirectionSeries
    setting : Setting
    seed : SeedSequence
    lesson : Lesson, optional
        Phases learned from other dyads, for *regimes* and *irregular*; by default the series stands alone.

    Returns
    -------
    Climbed
    """
    n = setting.n_surrogates
    try:
        regimes = _regimes(series, setting, child_seed(seed, 1), lesson)
        periodic = assess_periodic(series, n_surrogates=n, seed=child_seed(seed, 2))
        tests = [regimes, periodic]
        phased = regimes.p_value <= setting.alpha
        if phased or periodic.p_value <= setting.alpha:
            tests.append(_irregular(series, setting, child_seed(seed, 3), lesson))
        if phased:
            tests.append(assess_directed(series, n_surrogates=n, seed=child_seed(seed, 4)))
        p_alone = _alone(series, setting, child_seed(seed, 8), tests) if lesson is not None else float("nan")
        fit = fit_phases(series, n_states=int(regimes.detail["n_states"]), seed=child_seed(seed, 5))
    except (*NUMERICAL_ERRORS, ValueError) as error:
        # A series that numbers cannot carry is undecidable; it is no reason to stop the other directions. Libraries
        # of numerics report what is not finite as a ValueError.
        return Climbed((f"the tests broke down on these answers ({error})",), (), None, None)
    failed = [f"{test.claim} ({test.n_failed} of {test.n_surrogates})" for test in tests if _mostly_failed(test)]
    if failed:
        reason = f"most surrogates have no finite statistic: {', '.join(failed)}"
        return Climbed((reason,), (), None, None)
    reinforcement = None
    if series.y.shape[1] > 1:
        reinforcement = run_reinforcement(
            series, fit if phased else None, n_surrogates=setting.n_surrogates, seed=child_seed(seed, 6)
        )
    triggers = tuple(
        run_trigger(series, fit, column, name, n_surrogates=setting.n_surrogates, seed=child_seed(seed, 7, column))
        for column, name in enumerate(setting.triggers)
        if phased
    )
    return Climbed((), tuple(tests), fit, reinforcement, triggers, p_alone)


def _mostly_failed(test: ClaimTest) -> bool:
    return 2 * test.n_failed > test.n_surrogates


def _alone(series: DirectionSeries, setting: Setting, seed: np.random.SeedSequence, shared: list[ClaimTest]) -> float:
    """Where shared phases did not show both claims, test the direction by itself too: that test's power is known."""
    found = {test.claim: test.p_value for test in shared}
    if max(found["regimes"], found.get("irregular", 1.0)) <= setting.alpha:
        return float("nan")
    regimes, irregular = both_claims(series, setting, seed)
    return 1.0 if irregular is None else max(regimes.p_value, irregular.p_value)


def _regimes(
    series: DirectionSeries, setting: Setting, seed: np.random.SeedSequence, lesson: Lesson | None
) -> ClaimTest:
    if lesson is not None:
        return assess_shared_regimes(series, lesson, n_surrogates=setting.n_surrogates, seed=seed)
    return assess_regimes(series, n_states=setting.n_states, n_surrogates=setting.n_surrogates, seed=seed)


def _irregular(
    series: DirectionSeries, setting: Setting, seed: np.random.SeedSequence, lesson: Lesson | None
) -> ClaimTest:
    if lesson is not None:
        return assess_shared_irregular(series, lesson, n_surrogates=setting.n_surrogates, seed=seed)
    return assess_irregular(series, n_states=setting.n_states, n_surrogates=setting.n_surrogates, seed=seed)


def both_claims(
    series: DirectionSeries, setting: Setting, seed: np.random.SeedSequence, lesson: Lesson | None = None
) -> tuple[ClaimTest, ClaimTest | None]:
    """Test *regimes*, and *irregular* where regimes are rejected: all that *intermittent* needs."""
    regimes = _regimes(series, setting, child_seed(seed, 1), lesson)
    if regimes.p_value > setting.alpha:
        return regimes, None
    return regimes, _irregular(series, setting, child_seed(seed, 3), lesson)
