"""L1, discrete regimes: phases with sojourns of three occasions or more against everything a linear process can do.

The statistic is the likelihood ratio of K phases, with irregular or with regular sojourns, against the best linear
description, skewed or heavy-tailed shocks and longer memory included, less Akaike's two per parameter, the largest
over K. A few large shocks or error of measurement therefore lower the statistic itself instead of being bought by a
phase. Surrogates are a Gaussian-copula linear process, with error of measurement where that fits better.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from reldyn._types import Array, Ints
from reldyn.cycles.ladder._claims import ClaimTest, PhaseFit
from reldyn.cycles.ladder._fits import best_of, chain_of, fit_dispersions, fit_ends, fit_loose, fit_regimes
from reldyn.cycles.ladder._montecarlo import surrogate_test
from reldyn.cycles.ladder._reference import reference_log_likelihood
from reldyn.cycles.ladder._sojourns import profile
from reldyn.cycles.ladder._starts import random_starts, residuals
from reldyn.cycles.series._nuisance import Prepared, base_design, prepare
from reldyn.cycles.series._series import DirectionSeries
from reldyn.markov.regimes import SojournFit
from reldyn.stats import STOP_AFTER, child_seed, seed_sequence
from reldyn.surrogate import LinearNull, draw_linear, fit_linear

_BETTER_BY = 2.0


def assess_regimes(
    series: DirectionSeries,
    *,
    n_states: Sequence[int] = (2, 3),
    n_surrogates: int = 199,
    seed: int | np.random.SeedSequence,
    stop_after: int | None = STOP_AFTER,
) -> ClaimTest:
    """Test whether a direction has discrete regimes.

    Parameters
    ----------
    series : DirectionSeries
    n_states : sequence of int, default (2, 3)
        Numbers of phases, 2 or 3; the statistic is the largest over them, in data and surrogates.
    n_surrogates : int, default 199
        At most so many.
    seed : int or SeedSequence
    stop_after : int or None, default 10
        Stop at so many exceedances; None draws all.

    Returns
    -------
    ClaimTest
        ``estimate``: the smallest distance between phase means in SD of the noise, with an approximate
        interval that takes the phases as known. ``detail``: ``likelihood_ratio`` per number of phases,
        ``n_states`` that gave the statistic, ``shortest_dwell`` (mean, in occasions), ``null_order`` of the
        surrogates (0: error of measurement), ``n_breaks``.
    """
    root = seed_sequence(seed)
    design = base_design(series)
    prepared = prepare(series.y[None], series, design)
    ratios, fits = _ratios(prepared, n_states)
    gains = {k: float(_gain(ratios[k], k, series.y.shape[1])[0]) for k in n_states}
    chosen = max(n_states, key=lambda k: gains[k])
    null = linear_null(series, design, prepared.breaks[0], child_seed(root, 0), gaussian=True)

    def draw(generators: Sequence[np.random.Generator]) -> Array:
        found, _ = _ratios(prepare(draw_linear(null, generators), series, design), n_states)
        return np.asarray(np.max([_gain(found[k], k, series.y.shape[1]) for k in n_states], axis=0))

    result = surrogate_test(
        gains[chosen],
        draw,
        n_surrogates=n_surrogates,
        seed=child_seed(root, 1),
        stop_after=stop_after,
    )
    distance, low, high = _distance(fits[chosen])
    return ClaimTest(
        claim="regimes",
        statistic=gains[chosen],
        p_value=result.p_value,
        n_surrogates=result.n_surrogates,
        estimate=distance,
        conf_low=low,
        conf_high=high,
        null="linear process with the data's margins, gaps, levels and time of day, beside any shape of shocks",
        detail={
            "n_states": chosen,
            "likelihood_ratio": {k: float(ratios[k][0]) for k in n_states},
            "shortest_dwell": float(fits[chosen].dwell_means[0].min()),
            "null_order": null.order,
            "n_breaks": int((prepared.breaks[0] >= 0).sum()),
            "stopped": result.stopped,
        },
        null_statistics=result.finite,
        n_failed=result.n_failed,
    )


def linear_null(
    series: DirectionSeries,
    design: Array,
    breaks: Ints,
    seed: np.random.SeedSequence,
    *,
    gaussian: bool,
    kind: Literal["better", "other"] = "better",
) -> LinearNull:
    """Fit the linear null of a direction, with the changes of level found in it."""
    occasion = np.arange(len(series.y))
    steps = [occasion >= place for place in breaks if place >= 0]
    return fit_linear(
        series.y,
        night=series.night,
        elapsed=series.elapsed,
        design=np.column_stack([design, *steps]).astype(float),
        seed=seed,
        gaussian=gaussian,
        kind=kind,
    )


def _ratios(prepared: Prepared, n_states: Sequence[int]) -> tuple[dict[int, Array], dict[int, SojournFit]]:
    """Likelihood ratio against the best linear description, and the fit, per number of phases."""
    linear = reference_log_likelihood(prepared.data)
    fits = {k: fit_ends(prepared.data, fit_regimes(prepared.data, k)) for k in n_states}
    return {k: 2 * (fit.log_likelihood - linear) for k, fit in fits.items()}, fits


def _gain(ratio: Array, n_states: int, channels: int) -> Array:
    """Likelihood ratio less two per parameter, which weighs two phases against three; surrogates calibrate the rest."""
    return np.asarray(ratio - 2 * ((n_states - 1) * channels + n_states * (n_states - 1)))


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
    series: DirectionSeries, n_states: int = 3, n_starts: int = 20, *, seed: int | np.random.SeedSequence = 0
) -> PhaseFit:
    """Fit phases for description: from more starts than the tests use, ordered by warmth.

    Parameters
    ----------
    series : DirectionSeries
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
    prepared = prepare(series.y[None], series)
    regimes = fit_regimes(prepared.data, n_states)
    tested = fit_loose(prepared.data, regimes.fit)
    rest = residuals(prepared.data, lagged=False)
    rng = np.random.default_rng(seed_sequence(seed))
    more = random_starts(rest, series.observed, n_states, max(n_starts - 3, 1), rng)[:, 0]
    copies = prepared.data.take(np.zeros(len(more), dtype=np.int64))
    others = fit_loose(copies, best_of(copies, more[None]))
    optima = np.concatenate([tested.log_likelihood, others.log_likelihood])
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
    dispersions = fit_dispersions(prepared.data, regimes)
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
