"""Phases that dyads share, learned in folds: never from the dyad that is tested with them.

Before anything is shared, the phases must earn it on dyads they were not learned from: a mixture with shared phases
has to predict them better than one whose only other class is shared skewed shocks. Else every dyad is tested by
itself, and the result says so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np

from reldyn._records import brief
from reldyn._types import Array, Ints
from reldyn.cycles.ladder._direction import linear_parts
from reldyn.cycles.ladder._shared_tests import SHORTEST_DWELL, PhasePrior, level_data
from reldyn.cycles.reference._reference import reference_log_likelihood
from reldyn.cycles.series._nuisance import base_design
from reldyn.cycles.series._series import DirectionSeries
from reldyn.errors import DataError, ReldynError
from reldyn.markov.regimes import LevelData, Pooled, class_scores, fit_shared, linear_levels, pool_levels
from reldyn.stats import NUMERICAL_ERRORS, data_key, stream
from reldyn.surrogate import linear_models

FEWEST_DYADS = 16
TOO_FEW = "too few to share phases"
N_FOLDS = 5
# What the mixture with phases must gain on held-out dyads, in log-likelihood.
_MARGIN = 3.0
_MAY = "shared phases predict other dyads better than shared skewed shocks, changing variances and linear dynamics do"


@brief
@dataclasses.dataclass(frozen=True, slots=True)
class Shared:
    """Whether phases are shared, and the phases learned for every direction.

    Attributes
    ----------
    priors : tuple of PhasePrior or None
        One per direction; None where the direction is tested by itself.
    used : bool
    reason : str
        Why or why not, in a sentence for the reader.
    gain : float
        Held-out log-likelihood of the mixture with phases less that without; NaN if it was not computed.
    share : float
        Mean held-out weight of the class of phases; NaN likewise.
    failed : bool
        Whether learning broke down.
    """

    priors: tuple[PhasePrior | None, ...]
    used: bool
    reason: str
    gain: float = float("nan")
    share: float = float("nan")
    failed: bool = False

    @property
    def objection(self) -> str:
        """Why phases that are shared should not be; empty where they may."""
        return self.reason if self.used and self.reason != _MAY else ""


def learn(
    series: Sequence[DirectionSeries | None],
    dyads: Sequence[Hashable],
    *,
    n_states: Sequence[int],
    seed: np.random.SeedSequence,
    required: bool = False,
) -> Shared:
    """Learn shared phases in folds of dyads and judge them on the dyads left out.

    Parameters
    ----------
    series : sequence of DirectionSeries or None
        None where a direction cannot be tested.
    dyads : sequence of hashable
        Dyad of each; both directions of a dyad stand in one fold.
    n_states : sequence of int
        Numbers of phases to choose from, by BIC in the dyads learned from.
    seed : SeedSequence
        For the folds.
    required : bool, default False
        Share even if the guard says no; too few dyads remain too few.

    Returns
    -------
    Shared
    """
    usable = [place for place, one in enumerate(series) if one is not None]
    names = list(dict.fromkeys(dyads[place] for place in usable))
    nothing: tuple[PhasePrior | None, ...] = (None,) * len(series)
    if len(names) < FEWEST_DYADS:
        return Shared(nothing, False, f"{len(names)} dyads that can be tested are {TOO_FEW}")
    try:
        return _learned(series, dyads, usable, names, n_states, seed, required=required)
    except (*NUMERICAL_ERRORS, ValueError) as error:
        return Shared(nothing, False, f"learning shared phases broke down on these answers ({error})", failed=True)


def _learned(
    series: Sequence[DirectionSeries | None],
    dyads: Sequence[Hashable],
    usable: list[int],
    names: Sequence[Hashable],
    n_states: Sequence[int],
    seed: np.random.SeedSequence,
    *,
    required: bool,
) -> Shared:
    data, linear = _stack([one for one in series if one is not None])
    if not np.isfinite(linear).all():
        raise DataError("a linear model has no finite likelihood")
    fold_of = _folds(names, [(dyads[place], series[place]) for place in usable], seed)
    fold = np.array([fold_of[dyads[place]] for place in usable])
    priors: list[PhasePrior | None] = [None] * len(series)
    gains, shares, short = np.zeros(len(usable)), np.zeros(len(usable)), []
    for number in range(N_FOLDS):
        taught, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        pooled = _pool(data.take(taught), linear[taught], n_states)
        n_taught = len({dyads[usable[place]] for place in taught.tolist()})
        gains[held], shares[held] = _held_out(data.take(held), linear[held], pooled)
        short.append(float(pooled.phases.dwell_means.min()) < SHORTEST_DWELL)
        for place in held.tolist():
            priors[usable[place]] = PhasePrior(pooled.phases, pooled.shocks, n_taught)
    gain, share = float(gains.sum()), float(shares.mean())
    reason = _objection(gain, short)
    if reason and not required:
        return Shared((None,) * len(series), False, reason, gain, share)
    return Shared(tuple(priors), True, reason or _MAY, gain, share)


def _objection(gain: float, brief: Sequence[bool]) -> str:
    """Why phases must not be shared; empty if they may."""
    if not gain > _MARGIN:
        return (
            "shared phases predict other dyads no better than shared skewed shocks, changing variances and linear "
            "dynamics do"
        )
    if sum(brief) > len(brief) / 2:
        return "the phases that dyads share are as brief as single shocks"
    return ""


def _folds(
    names: Sequence[Hashable], members: Sequence[tuple[Hashable, DirectionSeries | None]], seed: np.random.SeedSequence
) -> dict[Hashable, int]:
    """Folds of dyads by their answers: neither labels nor order matter."""
    keys: dict[Hashable, list[tuple[int, ...]]] = {name: [] for name in names}
    for name, one in members:
        if one is not None:
            keys[name].append(data_key(one.y, one.observed))
    drawn = {name: float(stream(seed, sum(sorted(own), ())).random()) for name, own in keys.items()}
    order = sorted(names, key=lambda name: drawn[name])
    return {name: turn % N_FOLDS for turn, name in enumerate(order)}


def _stack(series: Sequence[DirectionSeries]) -> tuple[LevelData, Array]:
    """Standardised series of all dyads side by side, and the log-likelihood of the best description without phases.

    A variance that changes, by itself or with the use of the scale, and levels that do not last are among them, so that
    a class of phases must beat what each dyad shows of these by itself.
    """
    prepared = []
    for one in series:
        design = base_design(one)
        data, found = level_data(one.y[None], one, design)
        linear = float(linear_levels(data)[0]) + _linear_gain(one, design, found.breaks[0])
        changing = float(reference_log_likelihood(found.data, shapes=False)[0])
        prepared.append((data, max(linear, changing)))
    longest = max(data.y.shape[1] for data, _ in prepared)
    widest = max(data.x.shape[2] for data, _ in prepared)

    def padded(values: Array, columns: int) -> Array:
        out = np.zeros((longest, columns), dtype=values.dtype)
        out[: len(values), : values.shape[1]] = values
        return out

    stacked = LevelData(
        np.stack([padded(data.y[0], data.y.shape[2]) for data, _ in prepared]),
        np.stack([padded(data.observed[0][:, None], 1)[:, 0] for data, _ in prepared]),
        np.stack([padded(data.night[0][:, None], 1)[:, 0] for data, _ in prepared]),
        np.stack([padded(data.x[0], widest) for data, _ in prepared]),
        np.concatenate([data.floor for data, _ in prepared]),
    )
    return stacked, np.array([value for _, value in prepared])


def _linear_gain(series: DirectionSeries, design: Array, breaks: Ints) -> float:
    """What more lags or an error of measurement add to the log-likelihood of one lag, less their parameters."""
    try:
        with np.errstate(all="ignore"):
            aic = linear_models(series.y, **linear_parts(series, design, breaks), gaussian=False).aic
    except (np.linalg.LinAlgError, FloatingPointError, ReldynError):
        return 0.0
    return float(max(0.0, (aic[1] - min(aic.values())) / 2))


def _pool(data: LevelData, linear: Array, n_states: Sequence[int]) -> Pooled:
    found = {k: pool_levels(data, linear, n_states=k) for k in n_states}
    size = float(data.observed.sum())
    channels = data.y.shape[2]

    def criterion(k: int) -> float:
        # Shape and shock shape up to mean and unit, leaving and moves of the phases, law of the shocks.
        n_parameters = 2 * ((k - 1) * channels - 1) + k + k * (k - 2) + (k - 1)
        return float(found[k].log_likelihood - 0.5 * n_parameters * np.log(size))

    return found[max(n_states, key=criterion)]


def _held_out(data: LevelData, linear: Array, pooled: Pooled) -> tuple[Array, Array]:
    """Per held-out series what the class of phases adds to the mixture without it, and that class's weight."""
    shocks = fit_shared(data, pooled.shocks).log_likelihood
    phases = fit_shared(data, pooled.phases).log_likelihood
    scores = class_scores(linear, shocks, phases)
    three = np.logaddexp.reduce(scores + np.log(pooled.shares), axis=1)
    without = pooled.shares[:2] / pooled.shares[:2].sum()
    two = np.logaddexp.reduce(scores[:, :2] + np.log(without), axis=1)
    return three - two, np.exp(scores[:, 2] + np.log(pooled.shares[2]) - three)
