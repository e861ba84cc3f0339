"""Calibration of tests whose phases are learned from other dyads: a whole sample of the study per replication.

Such a test has no rate of its own for one direction: what is learned depends on how many of the other dyads have
cycles, and on what the rest have. So samples are simulated, learned from in folds and tested as a detection does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from reldyn._types import Array, Flags
from reldyn.cycles._sample_level import clopper_pearson
from reldyn.cycles.ladder._claim_tests import Setting, both_claims, seed_of
from reldyn.cycles.ladder._shared import FEWEST_DYADS, learn
from reldyn.cycles.ladder._shared_tests import PhasePrior
from reldyn.cycles.series._directions import WarmthDirection
from reldyn.cycles.series._series import DirectionSeries
from reldyn.errors import DataError
from reldyn.stats import NUMERICAL_ERRORS, child_generator, child_seed

Answers = Callable[[DirectionSeries, str, float, np.random.SeedSequence], Array]

__all__ = [
    "BESIDE",
    "NULL_WORLDS",
    "Drawn",
    "PooledTask",
    "both_p",
    "check_dyads",
    "limits_over_samples",
    "replicate_sample",
]

NULL_WORLDS = ("linear", "skewed", "rhythm")
BESIDE = "beside cycles"
# Learning costs as much as testing about so many directions; more of one sample say little that is new.
MOST_TESTED = 8


@dataclasses.dataclass(frozen=True, slots=True)
class PooledTask:
    """One sample to simulate and test.

    Attributes
    ----------
    directions : tuple of Arranged
        All that can carry a test.
    world : str
        A null world for all dyads, or ``"cycle"``: half of the dyads have cycles, the others the null worlds in turn.
    effect : float
    setting : Setting
    required : bool
        Share phases even if the guard objects.
    answers : callable
        Answers of one direction in one world.
    """

    directions: tuple[WarmthDirection, ...]
    world: str
    effect: float
    setting: Setting
    required: bool
    answers: Answers


@dataclasses.dataclass(frozen=True, slots=True)
class Drawn:
    """What the tests of one sample gave.

    Attributes
    ----------
    shared : bool
        Whether phases were shared.
    p_values : dict of str to (n_tested, 2) array
        P-values of *regimes* and of *intermittent* per world in the sample.
    """

    shared: bool
    p_values: dict[str, Array]


def check_dyads(directions: Sequence[WarmthDirection]) -> None:
    """Refuse samples too small to share anything.

    Raises
    ------
    DataError
        Phases are never shared between so few dyads.
    """
    n_dyads = len({one.dyad for one in directions})
    if n_dyads < FEWEST_DYADS:
        raise DataError(
            f"{n_dyads} dyads can be tested, and phases are shared between {FEWEST_DYADS} or more: "
            "calibrate with pooling='none', which is how these dyads are tested."
        )


def replicate_sample(task: PooledTask, generator: np.random.Generator) -> Drawn:
    """Simulate a sample, learn from it in folds, and test directions drawn at random.

    Parameters
    ----------
    task : PooledTask
    generator : Generator

    Returns
    -------
    Drawn
        One world, or ``"cycle"`` and `BESIDE`.
    """
    seed = seed_of(generator)
    rng = child_generator(seed, 0)
    dyads = [one.dyad for one in task.directions]
    world_of = dict(zip(dict.fromkeys(dyads), _worlds(task.world, len(set(dyads)), rng), strict=True))
    series = []
    for place, one in enumerate(task.directions):
        if one.series is None:
            raise DataError("a direction without answers cannot be replicated.")
        answers = task.answers(one.series, world_of[one.dyad], task.effect, child_seed(seed, 1, place))
        series.append(dataclasses.replace(one.series, y=answers))
    shared = learn(series, dyads, n_states=task.setting.n_states, seed=child_seed(seed, 2), required=task.required)
    found = {}
    for group in ("cycle", BESIDE) if task.world == "cycle" else (task.world,):
        members = [place for place, dyad in enumerate(dyads) if _group(world_of[dyad], task.world) == group]
        tested = rng.choice(members, size=MOST_TESTED, replace=False)
        found[group] = np.array(
            [
                both_p(series[place], task.setting, child_seed(seed, 3, place), shared.priors[place])
                for place in tested.tolist()
            ]
        )
    return Drawn(shared.used, found)


def _worlds(world: str, n_dyads: int, rng: np.random.Generator) -> list[str]:
    """The world of every dyad of a sample."""
    if world != "cycle":
        return [world] * n_dyads
    n_cyclic = n_dyads // 2
    worlds = ["cycle"] * n_cyclic + [NULL_WORLDS[place % len(NULL_WORLDS)] for place in range(n_dyads - n_cyclic)]
    return [worlds[place] for place in rng.permutation(n_dyads).tolist()]


def _group(world: str, sample: str) -> str:
    return BESIDE if sample == "cycle" and world != "cycle" else world


def both_p(
    series: DirectionSeries, setting: Setting, seed: np.random.SeedSequence, prior: PhasePrior | None = None
) -> tuple[float, float]:
    """P-values of *regimes* and of *intermittent*, which is 1 where irregular timing was not tested.

    Both are 1 where the tests break down on the answers: nothing is shown then.
    """
    try:
        regimes, irregular = both_claims(series, setting, seed, prior)
    except (*NUMERICAL_ERRORS, ValueError):
        return 1.0, 1.0
    return regimes.p_value, 1.0 if irregular is None else max(regimes.p_value, irregular.p_value)


def limits_over_samples(hits: Flags) -> tuple[float, float]:
    """Exact 95 % limits of a rate whose tests are alike within samples.

    Parameters
    ----------
    hits : (n_samples, n_tests) bool array

    Returns
    -------
    (low, high) : tuple of float
        With as many independent tests as the spread between samples allows for, never more than there are; where
        all tests agree, nothing tells how alike they are, and a sample counts as one test.

    Examples
    --------
    >>> import numpy as np
    >>> low, high = limits_over_samples(np.zeros((20, 8), dtype=bool))
    >>> low, round(high, 3)
    (0.0, 0.168)
    """
    n_samples = len(hits)
    share = float(hits.mean())
    if n_samples in (1, hits.size) or share in (0.0, 1.0):
        return clopper_pearson(share * n_samples, n_samples)
    by_chance = share * (1 - share) / hits.size
    spread = float(hits.mean(axis=1).var(ddof=1)) / n_samples
    effective = hits.size / max(1.0, spread / by_chance)
    return clopper_pearson(share * effective, effective)
