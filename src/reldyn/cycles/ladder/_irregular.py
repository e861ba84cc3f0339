"""L2, irregular timing: free against bounded dispersion of dwell times, compared with the best bounded null.

A strict period is never true of a real rhythm, so the null is a renewal process of any period and drift whose
dwell times vary by at most 40 %; surrogates are drawn at that boundary with the direction's other parameters, as they
are estimated where dispersion is free: forced to the boundary, irregular phases look blurred. Answers are cut at the
fixed points at which the direction's own phases would have given its own answers: matched in rank, cold answers would
be strewn into warm phases wherever a surrogate is warm for another share of time, and regular phases would look
irregular. Means nothing without L1: a linear process has no phases to dwell in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from reldyn._types import Array, Ints
from reldyn.cycles.ladder._claims import ClaimTest
from reldyn.cycles.ladder._direction import DirectionFits
from reldyn.cycles.ladder._fits import fit_dispersions, fit_regimes
from reldyn.cycles.ladder._montecarlo import surrogate_test
from reldyn.cycles.ladder._sojourns import boundary_drop, calibrated_drop, profile, signed_ratio
from reldyn.cycles.series._nuisance import Prepared, prepare
from reldyn.cycles.series._series import DirectionSeries
from reldyn.markov.regimes import BOUNDARY, DISPERSIONS, SojournFit, SwitchingData
from reldyn.stats import STOP_AFTER, child_generator, child_seed
from reldyn.surrogate import Margin, PhaseNull, cut_answers, draw_on_path, draw_renewal

# What a third phase must gain in log-likelihood: its six parameters, and two for being sought freely.
_PRICE_OF_THIRD = 8.0
# At the bound of three occasions a third phase is the shape of clipped answers.
_SHORTEST_OF_THREE = 3.3
# Surrogates wanted for the upper limit where dwell times look regular.
_FOR_THE_LIMIT = 59
_LOOKS_REGULAR = -1.0
# Series along the data's own path from which the points are read where answers are cut.
_ON_PATH = 20
BOUNDED = "bounded dwell times"


def assess_irregular(
    direction: DirectionFits,
    *,
    n_states: Sequence[int] = (2, 3),
    n_surrogates: int = 99,
    alpha: float = 0.05,
    stop_after: int = STOP_AFTER,
    previous: Mapping[str, Array] | None = None,
    go_on: bool = False,
) -> ClaimTest:
    """Test whether phases follow each other at irregular times.

    Parameters
    ----------
    direction : DirectionFits
    n_states : sequence of int, default (2, 3)
        Three are tested where their best fit gains eight log-likelihood units on that of two, whatever the
        dispersion, and every one of them lasts longer than 3.3 occasions on average. Two phases fitted to three, or
        three to two, split and merge dwell times: the largest ratio over both numbers has less power.
    n_surrogates : int, default 99
    alpha : float, default 0.05
    stop_after : int, default 10
        Exceedances that end a run.
    previous : mapping of str to array, optional
        ``drawn`` of an earlier run with fewer surrogates, to go on from.
    go_on : bool, default False
        Draw all surrogates. False: as in `assess_regimes`.

    Returns
    -------
    ClaimTest
        ``estimate``: the coefficient of variation of dwell times, with an upper limit calibrated by the surrogates.
        ``detail``: ``n_states``, ``shortest_dwell``, ``dwell_means``, ``likelihood_ratio`` per number of phases and
        ``profile`` (log-likelihood at .12, .25, .40, .60, .90).
    """
    series, design = direction.series, direction.design
    fits = {k: direction.dispersions(k) for k in n_states}
    profiles = {k: _profiles(fits[k])[0] for k in n_states}
    ratios = {k: float(signed_ratio(profiles[k])) for k in n_states}
    chosen = number_of_phases(fits)
    free = fits[chosen][int(profiles[chosen].argmax())]
    detail = {
        "n_states": chosen,
        "shortest_dwell": float(free.dwell_means[0].min()),
        "dwell_means": tuple(float(mean) for mean in np.sort(free.dwell_means[0])),
        "likelihood_ratio": ratios,
        "profile": dict(zip(DISPERSIONS, profiles[chosen].tolist(), strict=True)),
    }
    timing = Timing(
        _phase_null(direction.standardised, free), free.posterior[0].argmax(axis=1), free.dwell_means[0], free.moves[0]
    )
    return timing_test(
        direction,
        timing,
        profiles[chosen],
        lambda values: _profiles(dispersions(prepare(values, series, design).data, chosen)),
        detail,
        seed=child_seed(direction.seed, 3, 1),
        n_surrogates=n_surrogates,
        stop_after=stop_after,
        alpha=alpha,
        previous=previous,
        go_on=go_on,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Timing:
    """Phases of a direction as they were found: their emission, the phase of every occasion, and their law.

    Attributes
    ----------
    null : PhaseNull
    path : (T,) int array
    dwell_means : (K,) array
    moves : (K, K) array
    """

    null: PhaseNull
    path: Ints
    dwell_means: Array
    moves: Array


def timing_test(
    direction: DirectionFits,
    timing: Timing,
    values: Array,
    profiles_of: Callable[[Array], Array],
    detail: Mapping[str, object],
    *,
    seed: np.random.SeedSequence,
    n_surrogates: int,
    stop_after: int,
    alpha: float,
    previous: Mapping[str, Array] | None,
    go_on: bool,
) -> ClaimTest:
    """Compare the dispersion of dwell times with that of surrogates at its bound.

    Parameters
    ----------
    direction : DirectionFits
    timing : Timing
        What surrogates are drawn with.
    values : (5,) array
        Log-likelihood of the direction per tabulated dispersion.
    profiles_of : callable
        The same, (n, 5), of the answers of n surrogates.
    detail : mapping
        Of the claim.
    seed : SeedSequence
    n_surrogates, stop_after, alpha, previous, go_on
        As in `assess_irregular`.

    Returns
    -------
    ClaimTest
    """
    observed, y = float(signed_ratio(values)), direction.series.y
    margins = cut_points(direction.series, draw_on_path(timing.null, timing.path, _path_generators(direction)))

    def statistics(generators: Sequence[np.random.Generator]) -> Array:
        latent = draw_renewal(
            timing.null,
            generators,
            sojourn_means=timing.dwell_means,
            sojourn_cv=DISPERSIONS[BOUNDARY],
            moves=timing.moves,
        )
        found = profiles_of(cut_answers(latent, margins, y, standardise=False))
        return np.column_stack([signed_ratio(found), boundary_drop(found)])

    result = surrogate_test(
        observed,
        statistics,
        n_surrogates=n_surrogates,
        seed=seed,
        stop_after=None if go_on else stop_after,
        decide_at=None if go_on else alpha,
        columns=2,
        at_least=min(_FOR_THE_LIMIT, n_surrogates) if observed < _LOOKS_REGULAR else 0,
        previous=None if previous is None else previous.get(BOUNDED),
    )
    drop = calibrated_drop(result.statistics[:, 1])
    found = profile(values, drop)
    return ClaimTest(
        claim="irregular",
        statistic=observed,
        p_value=result.p_value,
        n_surrogates=result.n_surrogates,
        estimate=found.estimate,
        conf_low=found.conf_low,
        conf_high=found.conf_high,
        null="renewal process of any period whose dwell times have a coefficient of variation of at most .40",
        detail={**detail, "stopped": result.stopped, "upper_drop": drop},
        null_statistics=result.finite[:, 0],
        n_failed=result.n_failed,
        drawn={} if result.stopped else {BOUNDED: result.statistics},
    )


def _path_generators(direction: DirectionFits) -> list[np.random.Generator]:
    """Generators of the series along the direction's own phases."""
    return [child_generator(direction.seed, 3, 2, copy) for copy in range(_ON_PATH)]


def cut_points(series: DirectionSeries, latent: Array) -> list[Margin]:
    """Points at which latent series along the direction's own phases are cut into its own answers.

    Parameters
    ----------
    series : DirectionSeries
    latent : (n, n_occasions, n_channels) array

    Returns
    -------
    list of Margin
        One per channel: quantiles of all series together at the cumulated shares of the answers.
    """
    observed = series.observed
    margins = []
    for channel in range(latent.shape[2]):
        answers, counts = np.unique(series.y[observed, channel], return_counts=True)
        shares = np.cumsum(counts)[:-1] / counts.sum()
        margins.append(Margin(answers, np.quantile(latent[:, observed, channel], shares), 0.0))
    return margins


def dispersions(data: SwitchingData, n_states: int) -> list[SojournFit]:
    """Fit gamma dwell times at every tabulated dispersion."""
    return fit_dispersions(data, fit_regimes(data, n_states))


def number_of_phases(fits: Mapping[int, list[SojournFit]], shortest: float = _SHORTEST_OF_THREE) -> int:
    """Number of phases that describes the first series.

    Parameters
    ----------
    fits : mapping of int to list of SojournFit
        By number of phases, of every dispersion.
    shortest : float, default 3.3
        Occasions that every one of three phases must last on average, and more.

    Returns
    -------
    int
        3 where their best fit gains eight log-likelihood units on that of two.
    """
    best = {k: float(_profiles(one)[0].max()) for k, one in fits.items()}
    if len(fits) > 1:
        free = fits[3][int(_profiles(fits[3])[0].argmax())]
        if float(free.dwell_means[0].min()) <= shortest:
            return 2
    return max(best, key=lambda k: best[k] - _PRICE_OF_THIRD * (k - 2))


def _profiles(fits: list[SojournFit]) -> Array:
    """(n, 5) log-likelihoods."""
    return np.stack([fit.log_likelihood for fit in fits], axis=1)


def _phase_null(prepared: Prepared, fit: SojournFit) -> PhaseNull:
    n_states, channels = fit.moves.shape[1], fit.covariance.shape[1]
    coefficients = fit.coefficients[0]
    return phase_null(prepared, coefficients, fit.covariance[0], n_states, channels)


def phase_null(prepared: Prepared, coefficients: Array, covariance: Array, n_states: int, channels: int) -> PhaseNull:
    """Hand the emission of a fit to the surrogates."""
    last_lag = n_states + 2 * channels
    return PhaseNull(
        means=coefficients[:n_states],
        lag_day=coefficients[n_states : n_states + channels],
        lag_night=coefficients[n_states + channels : last_lag],
        covariance=covariance,
        level=prepared.data.x[0] @ coefficients[last_lag:],
        night=prepared.data.night,
    )
