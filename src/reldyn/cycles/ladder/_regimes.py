"""L1, discrete regimes: phases that last three occasions or more against everything that has no phases of warmth.

The statistic is the likelihood of phases, of phases that differ in their variances as well, or of ramps between two
levels against the best description without them (`_statistic`), less the price of its parameters, the largest over all
whose phases are not rare: events that fade over a few occasions look like rare phases.
Two nulls, both to be rejected: (i) a linear process of any memory seen through the closest item with one hump; (ii) a
linear process of short memory seen through the item as it is, humps included, needed only where the item has two humps.
Two levels that last are so evidence, not nuisance.
Where the item clearly has two humps, levels without memory are a rival in (ii) alone: its surrogates have such humps
and show what these give by chance. Those of (i) have none, and there the rival would take from strong phases what is
theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reldyn._types import Array, Flags
from reldyn.cycles.ladder._claims import ClaimTest, PhaseFit
from reldyn.cycles.ladder._direction import DirectionFits
from reldyn.cycles.ladder._fits import MEMORY, best_of, chain_of, fit_loose
from reldyn.cycles.ladder._montecarlo import surrogate_test
from reldyn.cycles.ladder._sojourns import profile
from reldyn.cycles.ladder._starts import random_starts, residuals
from reldyn.cycles.ladder._statistic import RAMPS, PhaseGains, phase_gains
from reldyn.cycles.series._nuisance import prepare
from reldyn.markov.regimes import SojournFit
from reldyn.stats import STOP_AFTER, MonteCarlo, child_seed, seed_sequence
from reldyn.surrogate import draw_linear

__all__ = ["SCREEN", "TWO_HUMPS", "assess_regimes", "circulation_of", "fit_phases"]

_BETTER_BY = 2.0
# Phases that predict no better than the best description without any: no null is fitted then. Of 31 rejections in 60
# cyclic series of 100 answers one was lost by it, of those in series of 200 none. Without it *regimes* was rejected in
# .09 of 240 series without phases (200 answers, linear and slow ones), whose surrogates rest on estimates.
SCREEN = 0.0
# Twice the log-likelihood by which a margin departs from one hump before its humps are asked about.
TWO_HUMPS = 2.0
# And by which it does so clearly. Without the rival in (i) phases 3 SD from their middle are found in .67 instead of
# .58 of series of 100 prompts; from 2 on, phases 2 SD from their middle would be found in .54 instead of .67.
CLEAR_HUMPS = 15.0
ONE_HUMP, OWN_MARGIN = "one hump", "own margin"


def assess_regimes(
    direction: DirectionFits,
    *,
    n_states: Sequence[int] = (2, 3),
    n_surrogates: int = 99,
    alpha: float = 0.05,
    stop_after: int = STOP_AFTER,
    previous: Mapping[str, Array] | None = None,
    go_on: bool = False,
) -> ClaimTest:
    """Test whether a direction has discrete regimes.

    Parameters
    ----------
    direction : DirectionFits
    n_states : sequence of int, default (2, 3)
        Numbers of phases, 2 or 3; the statistic is the largest over them, in data and surrogates.
    n_surrogates : int, default 99
        At most so many per null.
    alpha : float, default 0.05
        The second null is asked where the first is rejected at this level.
    stop_after : int, default 10
        Exceedances that end a run.
    previous : mapping of str to array, optional
        ``drawn`` of an earlier run with fewer surrogates, to go on from.
    go_on : bool, default False
        Draw all surrogates. False: a run ends at ``stop_after`` exceedances, or once it is clear on which side of
        ``alpha`` its p-value lies.

    Returns
    -------
    ClaimTest
        ``estimate``: the smallest distance between phase means in SD of the noise, with an approximate interval that
        takes the phases as known. ``p_value`` is 1 without any surrogate where the statistic is below 0.
        ``statistic``: that of the null whose p-value it is.
        ``detail``: ``gains`` per description, ``n_states`` that gave the statistic (2 where ramps or own variances
        did), ``gradual``, ``shortest_dwell`` (mean, in occasions), ``smallest_share`` of the answered occasions that a
        phase takes, ``null_order`` of the surrogates (0: measurement error), ``n_breaks``, ``departure`` of the margin
        from one hump, ``p_by_null``, ``statistic_by_null``.
    """
    found = phase_gains(direction.standardised.data, n_states, {k: direction.regimes(k) for k in n_states})
    observed = float(found.statistic[0])
    results: dict[str, MonteCarlo] = {}
    by_null = {ONE_HUMP: observed, OWN_MARGIN: observed}
    # A statistic that is no number is not screened: it ends in a reason why nothing can be tested.
    if not observed < SCREEN:
        if direction.departure > CLEAR_HUMPS:
            by_null[ONE_HUMP] = float(found.without_humps[0])
        budget = {
            "n_surrogates": n_surrogates,
            "stop_after": None if go_on else stop_after,
            "decide_at": None if go_on else alpha,
        }
        results = _against_nulls(direction, by_null, n_states, budget, alpha, previous or {})
    chosen = int(found.n_states[0])
    distance, low, high = _distance(found.fits[chosen])
    worst = max(results, key=lambda name: results[name].p_value, default=None)
    result = MonteCarlo(1.0, 0, 0, np.zeros(0), stopped=False) if worst is None else results[worst]
    return ClaimTest(
        claim="regimes",
        statistic=observed if worst is None else by_null[worst],
        p_value=result.p_value,
        n_surrogates=result.n_surrogates,
        estimate=distance,
        conf_low=low,
        conf_high=high,
        null="linear process of any memory behind an item with one hump"
        + (", and of short memory behind the item as it is" if OWN_MARGIN in results else ""),
        detail={
            **_described(found, chosen, direction.series.observed),
            "n_breaks": int((direction.standardised.breaks[0] >= 0).sum()),
            "null_order": direction.null.order if results else None,
            "departure": direction.departure if results else 0.0,
            "p_by_null": {name: one.p_value for name, one in results.items()},
            "statistic_by_null": {name: by_null[name] for name in results},
            "screened": worst is None,
            "stopped": result.stopped,
        },
        null_statistics=result.finite,
        n_failed=result.n_failed,
        drawn={name: one.statistics for name, one in results.items() if not one.stopped},
    )


def _described(found: PhaseGains, chosen: int, answered: Flags) -> dict[str, object]:
    fit = found.fits[chosen]
    return {
        "n_states": chosen,
        "gains": {name: float(values[0]) for name, values in found.gains.items()},
        "gradual": found.best[0] == RAMPS,
        "shortest_dwell": float(fit.dwell_means[0].min()),
        "smallest_share": float(fit.posterior[0, answered].mean(axis=0).min()),
    }


def _against_nulls(
    direction: DirectionFits,
    observed: Mapping[str, float],
    n_states: Sequence[int],
    budget: Mapping[str, Any],
    alpha: float,
    previous: Mapping[str, Array],
) -> dict[str, MonteCarlo]:
    """Compare with surrogates of the first null, and of the second where it is due.

    ``budget``: as of `surrogate_test`, when a run ends.
    """
    series, design = direction.series, direction.design

    def statistic(values: Array, null: str, *, humps: bool) -> Array:
        data = prepare(values, series, design).data
        return phase_gains(data, n_states, humps=humps, reach=observed[null]).statistic

    def one_hump(generators: Sequence[np.random.Generator]) -> Array:
        return statistic(direction.behind_items(generators), ONE_HUMP, humps=direction.departure <= CLEAR_HUMPS)

    def own_margin(generators: Sequence[np.random.Generator]) -> Array:
        return statistic(draw_linear(direction.short_null, generators), OWN_MARGIN, humps=True)

    results = {}
    for key, (name, draw) in enumerate([(ONE_HUMP, one_hump), (OWN_MARGIN, own_margin)]):
        results[name] = surrogate_test(
            observed[name],
            draw,
            seed=child_seed(direction.seed, 1, key),
            previous=previous.get(name),
            **budget,
        )
        if results[name].p_value > alpha or direction.departure <= TWO_HUMPS:
            break
    return results


def _distance(fit: SojournFit) -> tuple[float, float, float]:
    """Smallest Mahalanobis distance between two phases' levels, with an interval for known phases."""
    share = fit.posterior[0].sum(axis=0)
    means = fit.coefficients[0, : len(share)]
    inverse = np.linalg.inv(fit.covariance[0])
    pairs = [(j, k) for j in range(len(means)) for k in range(j)]
    distances = [float(np.sqrt((means[j] - means[k]) @ inverse @ (means[j] - means[k]))) for j, k in pairs]
    least = int(np.argmin(distances))
    j, k = pairs[least]
    error = np.sqrt(1 / max(share[j], 1) + 1 / max(share[k], 1) + distances[least] ** 2 / (2 * share.sum()))
    return distances[least], max(distances[least] - 1.96 * error, 0.0), distances[least] + 1.96 * float(error)


def fit_phases(
    direction: DirectionFits, n_states: int = 3, n_starts: int = 20, *, seed: int | np.random.SeedSequence = 0
) -> PhaseFit:
    """Fit phases for description: from more starts than the tests use, ordered by warmth.

    Parameters
    ----------
    direction : DirectionFits
    n_states : int, default 3
        2 or 3.
    n_starts : int, default 20
        The three of the tests and random clusterings; at least three.
    seed : int or SeedSequence, default 0
        Of the random starts.

    Returns
    -------
    PhaseFit
        Of the model that the tests use, sojourns lasting three occasions or more on average: without that bound the
        best of many starts is often one whose phases are single answers. With a warning when the best of all starts
        beats the best of the three by two units or more.
    """
    prepared, series = direction.standardised, direction.series
    tested = fit_loose(prepared.data, direction.regimes(n_states).fit)
    rest = residuals(prepared.data, lagged=False)
    rng = np.random.default_rng(seed_sequence(seed))
    more = random_starts(rest, series.observed, n_states, max(n_starts - 3, 1), rng)[:, 0]
    copies = prepared.data.take(np.zeros(len(more), dtype=np.int64))
    others = fit_loose(copies, best_of(copies, more[None]))
    optima = np.concatenate([_with_prior(tested), _with_prior(others)])
    best = int(optima.argmax())
    fit = tested if best == 0 else others.take(np.array([best - 1]))
    warnings = []
    if optima.max() > optima[0] + _BETTER_BY:
        warnings.append(
            f"the best of {n_starts} starts is {optima.max() - optima[0]:.1f} log-likelihood units above the best of "
            "the three that the tests use"
        )
    levels = _levels(fit)
    order = np.argsort(levels[:, 0], kind="stable")
    moves = fit.expected_moves[0][np.ix_(order, order)]
    scale = prepared.scale[0]
    dispersions = direction.dispersions(n_states)
    return PhaseFit(
        n_states=n_states,
        posterior=fit.posterior[0][:, order],
        means=prepared.centre[0] + scale * levels[order],
        covariance=fit.covariance[0] * np.outer(scale, scale),
        transition=chain_of(fit)[0][np.ix_(order, order)],
        dwell_means=fit.dwell_means[0][order],
        sojourn_cv=profile(np.array([float(item.log_likelihood[0]) for item in dispersions])).estimate,
        circulation=circulation_of(moves) if n_states == 3 else float("nan"),
        n_cycles=float(moves[:, -1].sum()),
        log_likelihood=float(fit.log_likelihood[0]),
        optima=optima,
        optima_spread=float(optima.max() - np.median(optima)),
        warnings=tuple(warnings),
    )


def _with_prior(fit: SojournFit) -> Array:
    """(n,) log-likelihood and log prior of memory."""
    prior = MEMORY.log_density(fit.coefficients, fit.covariance, fit.moves.shape[1])
    return np.asarray(fit.log_likelihood + prior)


def _levels(fit: SojournFit) -> Array:
    """Where the channels settle in each phase by day: (K, C), standardised."""
    n_states, channels = fit.moves.shape[1], fit.covariance.shape[1]
    means, lag = fit.coefficients[0, :n_states], fit.coefficients[0, n_states : n_states + channels]
    if np.abs(np.linalg.eigvals(lag)).max() >= 0.98:
        return np.asarray(means)
    return np.asarray(means @ np.linalg.inv(np.eye(channels) - lag))


def circulation_of(moves: Array) -> float:
    """Net share of moves in the order 0, 1, 2, 0 of three phases: from -1 to 1."""
    forward = moves[0, 1] + moves[1, 2] + moves[2, 0]
    backward = moves[1, 0] + moves[2, 1] + moves[0, 2]
    return float((forward - backward) / max(forward + backward, 1e-9))
