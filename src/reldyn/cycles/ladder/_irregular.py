"""L2, irregular timing: free against bounded dispersion of sojourns, compared with the best bounded world.

A strict period is never true of a real rhythm, so the null is a renewal process of any period and drift whose
sojourns vary by at most 40 %; surrogates are drawn at that boundary with the direction's other parameters, as they
are estimated where dispersion is free: forced to the boundary, irregular phases look blurred.
Means nothing without L1: a linear process has no sojourns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reldyn._types import Array
from reldyn.cycles.ladder._claims import ClaimTest
from reldyn.cycles.ladder._fits import Regimes, fit_dispersions, fit_regimes
from reldyn.cycles.ladder._montecarlo import surrogate_test
from reldyn.cycles.ladder._sojourns import boundary_drop, calibrated_drop, profile, signed_ratio
from reldyn.cycles.series._nuisance import Prepared, base_design, prepare
from reldyn.cycles.series._series import DirectionSeries
from reldyn.markov.regimes import BOUNDARY, DISPERSIONS, SojournFit, SwitchingData
from reldyn.stats import STOP_AFTER, MonteCarlo, child_seed, seed_sequence
from reldyn.surrogate import PhaseNull, draw_renewal, match_ranks

# What a third phase must gain in log-likelihood: its six parameters, and two for being sought freely.
_PRICE_OF_THIRD = 8.0
# Surrogates wanted for the upper limit where sojourns look regular.
_FOR_THE_LIMIT = 59
_LOOKS_REGULAR = -1.0


def assess_irregular(
    series: DirectionSeries,
    *,
    n_states: Sequence[int] = (2, 3),
    n_surrogates: int = 199,
    seed: int | np.random.SeedSequence,
    stop_after: int | None = STOP_AFTER,
) -> ClaimTest:
    """Test whether phases follow each other at irregular times.

    Parameters
    ----------
    series : DirectionSeries
    n_states : sequence of int, default (2, 3)
        Three are tested where their best fit gains eight log-likelihood units on that of two, whatever the
        dispersion. Two phases fitted to three, or three to two, split and merge sojourns: the largest ratio over
        both numbers has less power.
    n_surrogates : int, default 199
    seed : int or SeedSequence
    stop_after : int or None, default 10

    Returns
    -------
    ClaimTest
        ``estimate``: the coefficient of variation of sojourns, with an upper limit calibrated by the surrogates.
        ``detail``: ``n_states``, ``shortest_dwell``, ``dwell_means``, ``likelihood_ratio`` per number of phases and
        ``profile`` (log-likelihood at .12, .25, .40, .60, .90).
    """
    root = seed_sequence(seed)
    design = base_design(series)
    prepared = prepare(series.y[None], series, design)
    fits = {k: dispersions(prepared.data, k) for k in n_states}
    profiles = {k: _profiles(fits[k])[0] for k in n_states}
    ratios = {k: float(signed_ratio(profiles[k])) for k in n_states}
    chosen = number_of_phases(fits)
    free = fits[chosen][int(profiles[chosen].argmax())]
    observed = ratios[chosen]
    detail = {
        "n_states": chosen,
        "shortest_dwell": float(free.dwell_means[0].min()),
        "dwell_means": tuple(float(mean) for mean in np.sort(free.dwell_means[0])),
        "likelihood_ratio": ratios,
        "profile": dict(zip(DISPERSIONS, profiles[chosen].tolist(), strict=True)),
    }
    null = _phase_null(prepared, free)

    def draw(generators: Sequence[np.random.Generator]) -> Array:
        latent = draw_renewal(
            null,
            generators,
            sojourn_means=free.dwell_means[0],
            sojourn_cv=DISPERSIONS[BOUNDARY],
            moves=free.moves[0],
        )
        surrogates = prepare(match_ranks(latent, series.y), series, design).data
        found = _profiles(dispersions(surrogates, chosen))
        return np.column_stack([signed_ratio(found), boundary_drop(found)])

    looks_regular = ratios[chosen] < _LOOKS_REGULAR
    result = surrogate_test(
        observed,
        draw,
        n_surrogates=n_surrogates,
        seed=child_seed(root, 1),
        stop_after=stop_after,
        columns=2,
        at_least=min(_FOR_THE_LIMIT, n_surrogates) if looks_regular else 0,
    )
    return _claim(observed, result, profiles[chosen], detail)


def _claim(observed: float, result: MonteCarlo, log_likelihoods: Array, detail: dict[str, object]) -> ClaimTest:
    drop = calibrated_drop(result.statistics[:, 1])
    found = profile(log_likelihoods, drop)
    return ClaimTest(
        claim="irregular",
        statistic=observed,
        p_value=result.p_value,
        n_surrogates=result.n_surrogates,
        estimate=found.estimate,
        conf_low=found.conf_low,
        conf_high=found.conf_high,
        null="renewal process of any period whose sojourns have a coefficient of variation of at most .40",
        detail={**detail, "stopped": result.stopped, "upper_drop": drop},
        null_statistics=result.finite[:, 0],
        n_failed=result.n_failed,
    )


def dispersions(data: SwitchingData, n_states: int) -> list[SojournFit]:
    """Fit gamma sojourns at every tabulated dispersion."""
    regimes: Regimes = fit_regimes(data, n_states)
    return fit_dispersions(data, regimes)


def number_of_phases(fits: Mapping[int, list[SojournFit]]) -> int:
    """Three where their best fit to the first series gains eight log-likelihood units on that of two."""
    best = {k: float(_profiles(one)[0].max()) for k, one in fits.items()}
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
