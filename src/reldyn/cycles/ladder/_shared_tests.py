"""The claims *regimes* and *irregular* with phases learned from other dyads.

The other dyads give the shape of the phases, the law of moving between them, and priors for the dyad's sojourns, memory
and size of effect; its noise is its own. The statistic has few free parameters, and its p-value comes from the dyad's
own surrogates.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from reldyn._records import brief
from reldyn._types import Array, Ints
from reldyn.cycles.ladder._claims import ClaimTest
from reldyn.cycles.ladder._direction import DirectionFits, linear_null
from reldyn.cycles.ladder._irregular import Timing, timing_test
from reldyn.cycles.ladder._montecarlo import surrogate_test
from reldyn.cycles.ladder._regimes import TWO_HUMPS
from reldyn.cycles.ladder._sojourns import signed_ratio
from reldyn.cycles.reference._reference import reference_fit
from reldyn.cycles.series._nuisance import prepare
from reldyn.cycles.series._series import DirectionSeries
from reldyn.markov.regimes import (
    DISPERSIONS,
    MEANS,
    LevelData,
    LevelFit,
    LevelPrior,
    SharedPhases,
    SwitchingData,
    fit_levels,
    fit_shared,
    gamma_dwell,
    level_start,
    nearest_mean,
)
from reldyn.stats import STOP_AFTER, MonteCarlo, child_seed
from reldyn.surrogate import (
    PhaseNull,
    draw_linear,
    draw_resampled,
)

Draw = Callable[[Sequence[np.random.Generator]], Array]
_ITERATIONS = 20
_FIRST_SOJOURN, _NEXT_SOJOURN = 6, 4
# Mean sojourns of a dyad may differ from the shared ones: SD of their logarithm, and moves the prior is worth.
_SPREAD = 0.2
_MOVES = 8.0
# Memory within phases may differ by an SD of about .1, the size of the effect by .2. Were both free, a slow series
# could pass for phases of little effect with much memory. In simulated samples these priors lowered the false alarms of
# *regimes* in slow series, and one and a half times as many cyclic directions were found.
LAG_OCCASIONS = 40.0
EFFECT_SD = 0.2
_SECOND_BELOW = 0.2
# Shared phases that predict a direction worse than its best description without any: no null is fitted then. In eight
# samples of fifty dyads (100 answers, half of them cyclic) a screen at 0 would have found .46 of the directions with
# cycles instead of .52, and .01 of the others either way; one at -12 finds no more.
_SCREEN = -4.0
# The slow null of the larger AIC is left out where it is more than so many units worse: from 4 on a model has
# "considerably less support" (Burnham and Anderson 2002, Model selection and multimodel inference, p. 70).
_IMPLAUSIBLE = 4.0
_PLAUSIBLE = 3.0
_BRIEF = 3.0
# Phases of one or two occasions cannot be told from single large shocks.
SHORTEST_DWELL = 2.5


@brief
@dataclasses.dataclass(frozen=True, slots=True)
class PhasePrior:
    """What is taken over from the other dyads.

    Attributes
    ----------
    phases, shocks : SharedPhases
        Shared phases, and the shared shocks they were learned beside.
    n_dyads : int
        Dyads it was learned from.
    """

    phases: SharedPhases
    shocks: SharedPhases
    n_dyads: int

    @property
    def level_prior(self) -> LevelPrior:
        """What the phases of the others say of a dyad's own memory and effect."""
        lags = self.phases.coefficients[1 : 1 + 2 * self.phases.shape.shape[1]]
        return LevelPrior(lags, LAG_OCCASIONS, EFFECT_SD)


def level_data(values: Array, series: DirectionSeries, design: Array) -> tuple[LevelData, Any]:
    """Prepare a batch of one schedule: the standardised series, and what was taken off."""
    prepared = prepare(values, series, design)
    n = len(values)
    data = LevelData(
        prepared.data.y,
        np.broadcast_to(series.observed, (n, len(series.y))),
        np.broadcast_to(series.night, (n, len(series.y))),
        prepared.data.x,
        prepared.data.floor,
    )
    return data, prepared


def assess_shared_regimes(
    direction: DirectionFits,
    prior: PhasePrior,
    *,
    n_surrogates: int = 99,
    alpha: float = 0.05,
    previous: Mapping[str, Array] | None = None,
    go_on: bool = False,
) -> ClaimTest:
    """Test whether a direction has the phases that other dyads show.

    Parameters
    ----------
    direction : DirectionFits
    prior : PhasePrior
        Learned without the dyad of this direction.
    n_surrogates : int, default 99
        At most so many per null.
    alpha, previous, go_on
        As in `assess_regimes`.

    Returns
    -------
    ClaimTest
        As of `assess_regimes`, not tested further where the statistic is below -4; ``detail`` also has ``pooling``
        ``"shared"``, ``effect`` (the size of the shared shape), ``n_cycles`` (expected returns to the warmest shared
        phase) and ``n_taught``.
    """
    series, design = direction.series, direction.design
    data, prepared = level_data(series.y[None], series, design)
    ratio, fit, lead = _ratio(data, prepared.data, prior)
    observed, shock_lead = float(ratio[0]), float(lead[0])
    shortest = float(prior.phases.dwell_means.min())
    results: dict[str, MonteCarlo] = {}
    # A statistic that is no number is not screened: it ends in a reason why nothing can be tested.
    due = () if observed < _SCREEN else _draws(direction, prepared.breaks[0], shock_lead, shortest)
    for key, (name, draw) in enumerate(due):

        def statistic(generators: Sequence[np.random.Generator], draw: Draw = draw) -> Array:
            surrogates, found = level_data(draw(generators), series, design)
            return _ratio(surrogates, found.data, prior, reach=observed)[0]

        results[name] = surrogate_test(
            observed,
            statistic,
            n_surrogates=n_surrogates,
            seed=child_seed(direction.seed, 8, 1, key),
            stop_after=None if go_on else STOP_AFTER,
            decide_at=None if go_on else alpha,
            previous=None if previous is None else previous.get(name),
        )
        if results[name].p_value > max(alpha, _SECOND_BELOW):
            break
    worst = max(results, key=lambda name: results[name].p_value, default=None)
    result = MonteCarlo(1.0, 0, 0, np.zeros(0), stopped=False) if worst is None else results[worst]
    distance, low, high = _distance(fit, prior.phases)
    return ClaimTest(
        claim="regimes",
        statistic=observed,
        p_value=result.p_value,
        n_surrogates=result.n_surrogates,
        estimate=distance,
        conf_low=low,
        conf_high=high,
        null="linear process of any memory or with measurement error behind an item with one hump (both where both are "
        "plausible), and where plausible with resampled shocks and of short memory behind the item as it is",
        detail={
            "n_states": prior.phases.n_states,
            "pooling": "shared",
            "n_taught": prior.n_dyads,
            "effect": float(fit.effect[0]),
            "n_cycles": _returns(fit, prior.phases),
            "shock_lead": shock_lead,
            "p_by_null": {name: result.p_value for name, result in results.items()},
            "shortest_dwell": shortest,
            "null_order": direction.null.order if results else None,
            "screened": worst is None,
            "n_breaks": int((prepared.breaks[0] >= 0).sum()),
            "stopped": result.stopped,
        },
        null_statistics=result.finite,
        n_failed=result.n_failed,
        drawn={name: one.statistics for name, one in results.items() if not one.stopped},
    )


def _draws(direction: DirectionFits, breaks: Ints, shock_lead: float, shortest: float) -> Iterator[tuple[str, Draw]]:
    """The nulls in turn, each fitted when its turn comes."""
    series, design = direction.series, direction.design
    yield "gaussian", direction.behind_items
    # A shape learned from others asks little of a slow series: it must beat both ways of being slow that are plausible.
    if direction.other_behind <= _IMPLAUSIBLE:
        yield "other gaussian", lambda rngs: direction.behind_items(rngs, direction.other_null)
    if direction.departure > TWO_HUMPS:
        yield "own margin", lambda rngs: draw_linear(direction.short_null, rngs)
    if shock_lead > -_PLAUSIBLE or shortest < _BRIEF:
        skewed = linear_null(series, design, breaks, child_seed(direction.seed, 8, 0), gaussian=False)
        yield "resampled", lambda rngs: draw_resampled(skewed, rngs, series.categories)


def _ratio(
    data: LevelData, switching: SwitchingData, prior: PhasePrior, reach: float | None = None
) -> tuple[Array, LevelFit, Array]:
    """Penalised likelihood ratio of the shared phases, their fit, and the lead of the shared shocks over them.

    Against the best autoregression, or shared shocks with their effect paid for. With ``reach``, a ratio below it is an
    upper bound: where the first rivals leave less, the others are not sought.
    """
    mild = prior.level_prior
    fit = fit_shared(data, prior.phases, n_iterations=_ITERATIONS, prior=mild)
    penalised = fit.log_likelihood + mild.log_density(fit)
    enough = None if reach is None else penalised - reach / 2
    posteriors = {prior.phases.n_states: fit.posterior}
    reference = reference_fit(switching, posteriors, shapes=False, enough=enough).log_likelihood
    shocks = np.full(len(reference), -np.inf)
    left = np.arange(len(reference)) if enough is None else np.flatnonzero(~(reference > enough))
    if len(left):
        shocks[left] = fit_shared(data.take(left), prior.shocks, n_iterations=_ITERATIONS).log_likelihood
    ratio = 2 * (penalised - np.maximum(reference, shocks - 1))
    return ratio, fit, shocks - fit.log_likelihood


def _returns(fit: LevelFit, phases: SharedPhases) -> float:
    """Expected number of moves into the warmest shared phase."""
    warmest = int(phases.shape[:, 0].argmax())
    moves = fit.transitions[0][:, warmest]
    return float(moves.sum() - moves[warmest])


def _distance(fit: LevelFit, phases: SharedPhases) -> tuple[float, float, float]:
    """Smallest Mahalanobis distance between two levels, with an interval for known phases."""
    levels, share = fit.effect[0] * phases.shape, fit.posterior[0].sum(axis=0)
    inverse = np.linalg.inv(fit.covariance[0])
    pairs = [(j, k) for j in range(len(levels)) for k in range(j)]
    distances = [float(np.sqrt((levels[j] - levels[k]) @ inverse @ (levels[j] - levels[k]))) for j, k in pairs]
    least = int(np.argmin(distances))
    j, k = pairs[least]
    error = float(np.sqrt(1 / max(share[j], 1) + 1 / max(share[k], 1) + distances[least] ** 2 / (2 * share.sum())))
    return distances[least], max(distances[least] - 1.96 * error, 0.0), distances[least] + 1.96 * error


def assess_shared_irregular(
    direction: DirectionFits,
    prior: PhasePrior,
    *,
    n_surrogates: int = 99,
    alpha: float = 0.05,
    previous: Mapping[str, Array] | None = None,
    go_on: bool = False,
) -> ClaimTest:
    """Test whether phases of the shared shape follow each other at irregular times.

    Parameters
    ----------
    direction : DirectionFits
    prior : PhasePrior
        Learned without the dyad of this direction.
    n_surrogates : int, default 99
    alpha, previous, go_on
        As in `assess_irregular`.

    Returns
    -------
    ClaimTest
        As of `assess_irregular`; log-likelihoods include the priors of sojourns, memory and effect.
    """
    series, design = direction.series, direction.design
    data, _ = level_data(series.y[None], series, design)
    values, free = _dispersions(data, prior)
    dwell = MEANS[free.index[0]]
    detail = {
        "n_states": prior.phases.n_states,
        "pooling": "shared",
        "n_taught": prior.n_dyads,
        "shortest_dwell": float(dwell.min()),
        "dwell_means": tuple(float(mean) for mean in np.sort(dwell)),
        "likelihood_ratio": {prior.phases.n_states: float(signed_ratio(values)[0])},
        "profile": dict(zip(DISPERSIONS, values[0].tolist(), strict=True)),
    }
    # As where a direction stands alone: irregular phases that are forced to the boundary look blurred.
    timing = Timing(_level_null(data, free, prior.phases), free.posterior[0].argmax(axis=1), dwell, free.moves[0])
    return timing_test(
        direction,
        timing,
        values[0],
        lambda drawn: _dispersions(level_data(drawn, series, design)[0], prior)[0],
        detail,
        seed=child_seed(direction.seed, 8, 3),
        n_surrogates=n_surrogates,
        stop_after=STOP_AFTER,
        alpha=alpha,
        previous=previous,
        go_on=go_on,
    )


def _dispersions(data: LevelData, prior: PhasePrior) -> tuple[Array, LevelFit]:
    """Penalised log-likelihood per tabulated dispersion (n, 5), and the best fit of the first series.

    Two paths from the shared law, from irregular to strict and back; the larger value counts.
    """
    n, phases, n_states = len(data.y), prior.phases, prior.phases.n_states
    fit = fit_shared(data, phases, n_iterations=_ITERATIONS, prior=prior.level_prior)
    start = level_start(
        data,
        effect=fit.effect,
        coefficients=fit.coefficients,
        covariance=fit.covariance,
        index=np.broadcast_to(nearest_mean(phases.dwell_means), (n, n_states)),
        moves=np.broadcast_to(phases.moves, (n, n_states, n_states)),
    )
    order = range(len(DISPERSIONS))
    paths = [_path(data, start, prior, [*order][::-1]), _path(data, start, prior, [*order])]
    values = np.stack([np.stack([path[c][0] for c in order], axis=1) for path in paths])
    path, dispersion = np.unravel_index(int(values[:, 0].argmax()), values[:, 0].shape)
    return values.max(axis=0), paths[int(path)][int(dispersion)][1].take(np.array([0]))


def _path(data: LevelData, start: LevelFit, prior: PhasePrior, order: list[int]) -> dict[int, tuple[Array, LevelFit]]:
    phases, mild = prior.phases, prior.level_prior
    of_dwell = -0.5 * (np.log(MEANS / phases.dwell_means[:, None]) / _SPREAD) ** 2
    of_dwell = of_dwell - of_dwell.max(axis=1, keepdims=True)
    states = np.arange(phases.n_states)
    found, fit = {}, start
    for position, dispersion in enumerate(order):
        fit = fit_levels(
            data,
            fit,
            phases.shape,
            gamma_dwell(dispersion),
            n_iterations=_NEXT_SOJOURN if position else _FIRST_SOJOURN,
            free_sojourns=True,
            dwell_prior=of_dwell,
            prior_moves=_MOVES * phases.moves,
            prior=mild,
        )
        value = fit.log_likelihood + mild.log_density(fit) + of_dwell[states, fit.index].sum(axis=1)
        found[dispersion] = (value, fit)
    return found


def _level_null(data: LevelData, fit: LevelFit, phases: SharedPhases) -> PhaseNull:
    channels = data.y.shape[2]
    coefficients = fit.coefficients[0]
    rows = 1 + 2 * channels
    return PhaseNull(
        means=fit.effect[0] * phases.shape,
        lag_day=coefficients[1 : 1 + channels],
        lag_night=coefficients[1 + channels : rows],
        covariance=fit.covariance[0],
        level=coefficients[0] + data.x[0] @ coefficients[rows:],
        night=data.night[0],
        shifts=True,
    )
