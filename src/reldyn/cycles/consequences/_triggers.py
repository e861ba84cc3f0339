"""Do warm phases end more often right after an occurrence, such as a conflict or a boundary that was set?

The odds that a warm phase has ended by the next occasion, with the occurrence against without it. The null world
draws the occurrence anew as a chain of its own, which may depend on itself, on the time of day and on how warm
the phase is at that moment, and on nothing that comes later.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from reldyn._types import Array
from reldyn.cycles.ladder._claims import PhaseFit
from reldyn.cycles.ladder._montecarlo import surrogate_test
from reldyn.cycles.series._series import DirectionSeries
from reldyn.errors import DataError
from reldyn.results import register
from reldyn.stats import NUMERICAL_ERRORS, indicators

__all__ = ["TriggerEffect", "run_trigger"]

# Warm occasions with, and without, the occurrence: below, odds mean nothing.
_FEWEST = 5.0
_ROUNDS = 25
_AT_LEAST = 59
# An SD needs two.
_FEWEST_FINITE = 2


@register
@dataclasses.dataclass(frozen=True, slots=True)
class TriggerEffect:
    """How the end of warm phases depends on an occurrence, for one direction.

    Attributes
    ----------
    trigger : str
    estimate : float
        Log odds ratio of leaving the warm phase by the next occasion, less its mean in the null world.
    conf_low, conf_high : float
        95 % interval by the spread of the null world.
    p_value : float
        One-sided, for a higher chance of leaving.
    n_warm : float
        Expected warm occasions with the occurrence.
    n_surrogates : int
    note : str
        Why there is no estimate.
    """

    trigger: str
    estimate: float
    conf_low: float
    conf_high: float
    p_value: float
    n_warm: float
    n_surrogates: int
    note: str


def run_trigger(
    series: DirectionSeries,
    fit: PhaseFit,
    column: int,
    name: str,
    *,
    n_surrogates: int,
    seed: np.random.SeedSequence,
) -> TriggerEffect:
    """Test one occurrence of one direction.

    Parameters
    ----------
    series : DirectionSeries
        ``triggers[:, column]`` above zero is an occurrence.
    fit : PhaseFit
    column : int
    name : str
    n_surrogates : int
    seed : SeedSequence

    Returns
    -------
    TriggerEffect
    """
    occurs = (series.triggers[:, column] > 0).astype(float)
    warm = fit.posterior[:, -1]
    n_with = float((warm[:-1] * occurs[:-1]).sum())
    n_without = float((warm[:-1] * (1 - occurs[:-1])).sum())
    nan = float("nan")
    if min(n_with, n_without) < _FEWEST:
        note = f"{n_with:.1f} warm occasions with and {n_without:.1f} without it, below {_FEWEST:g}"
        return TriggerEffect(name, nan, nan, nan, nan, n_with, 0, note)
    try:
        return _tested(occurs, warm, _design(series, warm), name, n_with, n_surrogates, seed)
    except (*NUMERICAL_ERRORS, ValueError) as error:
        note = f"the test broke down on these answers ({error})"
        return TriggerEffect(name, nan, nan, nan, nan, n_with, 0, note)


def _tested(
    occurs: Array,
    warm: Array,
    fixed: Array,
    name: str,
    n_with: float,
    n_surrogates: int,
    seed: np.random.SeedSequence,
) -> TriggerEffect:
    slopes = _logistic(np.column_stack([fixed[1:], occurs[:-1]]), occurs[1:])

    def draw(generators: Sequence[np.random.Generator]) -> Array:
        uniforms = np.stack([rng.random(len(occurs)) for rng in generators])
        return log_odds_of_leaving(_chain(fixed, slopes, occurs.mean(), uniforms), warm)

    observed = float(log_odds_of_leaving(occurs[None], warm)[0])
    run = surrogate_test(observed, draw, n_surrogates=n_surrogates, seed=seed, at_least=min(_AT_LEAST, n_surrogates))
    if len(run.finite) < _FEWEST_FINITE:
        raise DataError(f"{len(run.finite)} of {len(run.statistics)} surrogates have a finite statistic")
    centre, spread = float(run.finite.mean()), float(run.finite.std(ddof=1))
    estimate = observed - centre
    return TriggerEffect(
        trigger=name,
        estimate=estimate,
        conf_low=estimate - 1.96 * spread,
        conf_high=estimate + 1.96 * spread,
        p_value=run.p_value,
        n_warm=n_with,
        n_surrogates=run.n_surrogates,
        note="",
    )


def log_odds_of_leaving(occurs: Array, warm: Array) -> Array:
    """Log odds ratio of leaving the warm phase by the next occasion, with against without the occurrence.

    Parameters
    ----------
    occurs : (n_series, n_occasions) array
        0 or 1.
    warm : (n_occasions,) array
        Probability of the warm phase.

    Returns
    -------
    (n_series,) array
        With half an occasion added to every count, so that it is always finite.

    Examples
    --------
    >>> import numpy as np
    >>> warm = np.tile([1.0, 1.0, 1.0, 0.0], 5)
    >>> last = np.tile([0.0, 0.0, 1.0, 0.0], 5)
    >>> bool(log_odds_of_leaving(last[None], warm)[0] > 2)
    True
    """
    leaves = warm[:-1] * (1 - warm[1:])
    stays = warm[:-1] * warm[1:]
    with_it, without = occurs[:, :-1], 1 - occurs[:, :-1]
    odds_with = (with_it @ leaves + 0.5) / (with_it @ stays + 0.5)
    odds_without = (without @ leaves + 0.5) / (without @ stays + 0.5)
    return np.asarray(np.log(odds_with / odds_without))


def _design(series: DirectionSeries, warm: Array) -> Array:
    return np.column_stack([np.ones(len(warm)), warm - warm.mean(), indicators(series.beep)])


def _logistic(design: Array, outcome: Array) -> Array:
    """Logistic regression by Newton steps, with a slight pull towards zero so that it always ends."""
    slopes = np.zeros(design.shape[1])
    pull = 0.1 * np.eye(design.shape[1])
    pull[0, 0] = 1e-6
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(design @ slopes, -20, 20)))
        gradient = design.T @ (outcome - chance) - pull @ slopes
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + pull
        step = np.linalg.solve(curvature, gradient)
        slopes = slopes + step
        if math.sqrt(float(step @ step)) < 1e-8:
            break
    return slopes


def _chain(fixed: Array, slopes: Array, start: float, uniforms: Array) -> Array:
    """Draw (n_series, n_occasions) occurrences one after the other."""
    level = fixed @ slopes[:-1]
    out = np.empty(uniforms.shape)
    out[:, 0] = uniforms[:, 0] < start
    for occasion in range(1, uniforms.shape[1]):
        chance = 1 / (1 + np.exp(-np.clip(level[occasion] + slopes[-1] * out[:, occasion - 1], -20, 20)))
        out[:, occasion] = uniforms[:, occasion] < chance
    return out
