"""Volatility: the size of swings changes in episodes, whatever their level does.

The statistic compares two variances that last (a hidden chain) with two variances drawn anew at every occasion, of the
shocks of a first-order autoregression: rare large shocks alone are no volatility. The likelihood of the chain is
averaged over a grid of ratios and dwell times, because its maximum also follows clusters that arise by chance and so
finds fewer mild episodes; that of the variances drawn anew is maximised. Shocks are first scaled within times of day.
Surrogates have no episodes: a linear process with the data's own shocks in another order, rounded to the item, and
where regimes are shown also phases of constant variance, since a change of level makes large shocks of its own; the
larger p counts. Surrogates with the margin of the data will not do by themselves: a process that is bent to two humps
looks calmer than a cycle (false alarms of .15 against .02 in cycles of effect 1.5). Where many answers lie at an end of
the scale they are a null besides: at a floor that lasts swings are small whatever the feelings do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.cycles.ladder._claims import ClaimTest
from reldyn.cycles.ladder._direction import DirectionFits, linear_null
from reldyn.cycles.ladder._fits import fit_loose
from reldyn.cycles.ladder._irregular import cut_points, phase_null
from reldyn.cycles.ladder._montecarlo import surrogate_test
from reldyn.cycles.ladder._starts import residuals
from reldyn.cycles.series._nuisance import prepare
from reldyn.cycles.series._series import DirectionSeries
from reldyn.markov.regimes import VarianceFit, average_gain, fit_variances
from reldyn.stats import STOP_AFTER, MonteCarlo, child_generator, child_seed
from reldyn.surrogate import cut_answers, draw_renewal, draw_resampled

__all__ = ["SCREEN", "assess_volatility", "lasting_gain"]

Draw = Callable[[Sequence[np.random.Generator]], Array]
# Twice what the best chain must gain on the best two variances without memory before a null is fitted. It costs one
# in seventy of the series with mild episodes that would be found, and prevents a third of the false alarms.
SCREEN = 1.0
# Of the direction's seed; other claims take the keys up to 8.
_KEY = 9
# Variances to start from, and the smallest relative variance: a seventh of the usual SD.
_START = (0.5, 1.8)
_LEAST = 0.02
_MIXTURE_STEPS = 60
_FEWEST = 8
_ON_PATH = 20
_LOOSE = 0.90
# Share of answers at one end of an item from which its floor or ceiling is asked about. Items with few answers there
# stay below a tenth in simulations, those with a floor above a fourth.
_AT_AN_END = 0.15


def assess_volatility(
    direction: DirectionFits,
    regimes: ClaimTest | None = None,
    *,
    n_surrogates: int = 99,
    alpha: float = 0.05,
    stop_after: int | None = STOP_AFTER,
) -> ClaimTest:
    """Test whether the size of swings changes in episodes.

    The claim is of its own: it is no part of *intermittent* and no reason against it. Call it after *regimes*, with
    that test, for every direction that is tested; its random numbers are keyed below ``direction.seed`` by 9.

    Parameters
    ----------
    direction : DirectionFits
    regimes : ClaimTest, optional
        The test of *regimes* of the same direction. Where it rejects at ``alpha``, phases of constant variance are a
        second null; None: they are not. Where more than .15 of the answers to an item lie at one of its ends, a linear
        process seen through the items is a null as well.
    n_surrogates : int, default 99
        At most so many per null.
    alpha : float, default 0.05
        The run ends once it is clear on which side of this level the p-value lies.
    stop_after : int or None, default 10

    Returns
    -------
    ClaimTest
        ``claim`` "volatility". ``p_value`` is 1 without any surrogate where variances that last, at their best, gain
        less than 1 on two without memory (twice the log-likelihood). ``estimate``: SD of the shocks in turbulent
        episodes over that in calm ones, with an approximate 95 % interval that takes the episodes as known. ``detail``:
        ``turbulent_share`` of the answered occasions, ``calm_dwell`` and ``turbulent_dwell`` (mean, in occasions),
        ``p_by_null`` and ``screened``.

    References
    ----------
    Hamilton and Susmel (1994), Journal of Econometrics 64, 307-333, for variances that switch.
    """
    series, channels = direction.series, direction.series.y.shape[1]
    squares = _squares(_scaled_shocks(series.y[None], series, direction.design))
    fit, mixture = _chain(squares, series.observed, channels), _mixture(squares, channels)
    observed = float(_gain(squares, series.observed, channels, mixture)[0])
    results: dict[str, MonteCarlo] = {}
    if not 2 * (fit.gain[0] - mixture[0]) < SCREEN:

        def compare(draw: Draw, key: int) -> MonteCarlo:
            seed = child_seed(direction.seed, _KEY, key)
            options = {"n_surrogates": n_surrogates, "stop_after": stop_after, "decide_at": alpha}
            return surrogate_test(observed, draw, seed=seed, **options)

        results["linear process"] = compare(_linear(direction), 0)
        if results["linear process"].p_value <= alpha and _end_share(direction.series) > _AT_AN_END:
            results["linear process behind the item"] = compare(_behind_the_item(direction), 4)
        phased = regimes is not None and regimes.p_value <= alpha
        if phased and regimes is not None and max(one.p_value for one in results.values()) <= alpha:
            results["phases of one variance"] = compare(_phases(direction, int(regimes.detail["n_states"])), 1)
    return _claim(observed, results, *_episodes(fit, series.observed, channels))


def _claim(
    observed: float, results: dict[str, MonteCarlo], interval: tuple[float, float, float], detail: dict[str, float]
) -> ClaimTest:
    untested = MonteCarlo(1.0, 0, 0, np.zeros(0), stopped=False)
    result = max(results.values(), key=lambda one: one.p_value, default=untested)
    ratio, low, high = interval
    return ClaimTest(
        claim="volatility",
        statistic=observed,
        p_value=result.p_value,
        n_surrogates=result.n_surrogates,
        estimate=ratio,
        conf_low=low,
        conf_high=high,
        null="shocks of one size: " + (", and ".join(results) or "not tested further"),
        detail={
            **detail,
            "p_by_null": {name: one.p_value for name, one in results.items()},
            "screened": not results,
            "stopped": result.stopped,
        },
        null_statistics=result.finite,
        n_failed=result.n_failed,
    )


def lasting_gain(values: Array, series: DirectionSeries, design: Array) -> Array:
    """Twice the log-likelihood that two variances, common to the channels, gain by lasting.

    The likelihood of variances that last is averaged (`reldyn.markov.regimes.average_gain`) and that of variances drawn
    anew maximised, so that most series without episodes have a negative gain.

    Parameters
    ----------
    values : (n, T, C) array
        The data, or surrogates of it.
    series : DirectionSeries
        For the clock.
    design : (T, n_columns) array
        Of `base_design`.

    Returns
    -------
    (n,) array
    """
    shocks = _scaled_shocks(values, series, design)
    squares, channels = _squares(shocks), shocks.shape[2]
    return _gain(squares, series.observed, channels, _mixture(squares, channels))


def _gain(squares: Array, observed: Flags, channels: int, mixture: Array) -> Array:
    """Twice the averaged log-likelihood of the chain less that of the mixture."""
    return 2 * (average_gain(_everywhere(squares, observed), observed, channels=channels) - mixture)


def _scaled_shocks(values: Array, series: DirectionSeries, design: Array) -> Array:
    """Shocks (n, m, C) of a first-order autoregression, of mean square one at every time of day and after a gap."""
    data = prepare(values, series, design).data
    shocks = residuals(data, lagged=True)[:, data.observed]
    for groups in _groups(series):
        for group in np.unique(groups):
            own = groups == group
            if own.sum() >= _FEWEST:
                square = (shocks[:, own] ** 2).mean(axis=1, keepdims=True)
                shocks[:, own] /= np.sqrt(np.maximum(square, 1e-12))
    return shocks


def _groups(series: DirectionSeries) -> tuple[Ints, Ints]:
    """Times of day, and whether the occasion before was missed, at the answered occasions."""
    observed = series.observed
    after_gap = np.concatenate([[1], 1 - observed[:-1].astype(np.int64)])
    return series.beep[observed], after_gap[observed]


def _squares(shocks: Array) -> Array:
    """(n, m) squared lengths of the whitened shocks."""
    m, channels = shocks.shape[1:]
    covariance = np.matmul(shocks.transpose(0, 2, 1), shocks) / m + 1e-9 * np.eye(channels)
    white = np.linalg.solve(covariance, shocks.transpose(0, 2, 1)).transpose(0, 2, 1)
    return np.asarray((shocks * white).sum(axis=2))


def _chain(squares: Array, observed: Flags, channels: int) -> VarianceFit:
    floor = np.full(len(squares), _LEAST)
    return fit_variances(_everywhere(squares, observed), observed, 2, channels=channels, floor=floor)


def _everywhere(squares: Array, observed: Flags) -> Array:
    """(n, T), zero where missing."""
    out = np.zeros((len(squares), len(observed)))
    out[:, observed] = squares
    return out


def _mixture(squares: Array, channels: int) -> Array:
    """Log-likelihood of two variances without memory, less that of one, by EM."""
    variance, weight = np.tile(_START, (len(squares), 1)), np.full((len(squares), 2), 0.5)
    total = np.zeros(len(squares))
    for _ in range(_MIXTURE_STEPS):
        log_density = (
            0.5 * squares[:, :, None] * (1 - 1 / variance[:, None]) - 0.5 * channels * np.log(variance)[:, None]
        )
        joint = log_density + np.log(weight)[:, None]
        top = joint.max(axis=2)
        member = np.exp(joint - top[:, :, None])
        sums = member.sum(axis=2)
        total = (np.log(sums) + top).sum(axis=1)
        member /= sums[:, :, None]
        weight = np.clip(member.mean(axis=1), 1e-6, 1.0)
        raised = (member * squares[:, :, None]).sum(axis=1)
        variance = np.maximum(raised / np.maximum(channels * member.sum(axis=1), 1e-290), _LEAST)
    return total


def _linear(direction: DirectionFits) -> Draw:
    """Draw statistics of a linear process with the data's own shocks in another order."""
    series, design = direction.series, direction.design
    seed = child_seed(direction.seed, _KEY, 3)
    null = linear_null(series, design, direction.standardised.breaks[0], seed, gaussian=False)

    def draw(generators: Sequence[np.random.Generator]) -> Array:
        return lasting_gain(draw_resampled(null, generators, series.categories), series, design)

    return draw


def _end_share(series: DirectionSeries) -> float:
    """The largest share of answers at the lowest or highest answer given to an item."""
    answers = series.y[series.observed]
    ends = (answers == answers.min(axis=0)), (answers == answers.max(axis=0))
    return float(np.concatenate([end.mean(axis=0) for end in ends]).max())


def _behind_the_item(direction: DirectionFits) -> Draw:
    """Draw statistics of a linear process seen through the closest items with one hump, floors included."""
    series, design = direction.series, direction.design

    def draw(generators: Sequence[np.random.Generator]) -> Array:
        return lasting_gain(direction.behind_items(generators), series, design)

    return draw


def _phases(direction: DirectionFits, n_states: int) -> Draw:
    """Draw statistics of series with the direction's own phases and one variance."""
    series, design = direction.series, direction.design
    fit = fit_loose(direction.standardised.data, direction.regimes(n_states).fit)
    null = phase_null(direction.standardised, fit.coefficients[0], fit.covariance[0], n_states, fit.covariance.shape[1])

    def latent(generators: Sequence[np.random.Generator]) -> Array:
        return draw_renewal(null, generators, sojourn_means=fit.dwell_means[0], sojourn_cv=_LOOSE, moves=fit.moves[0])

    pooled = latent([child_generator(direction.seed, _KEY, 2, copy) for copy in range(_ON_PATH)])
    margins = cut_points(series, pooled)

    def draw(generators: Sequence[np.random.Generator]) -> Array:
        return lasting_gain(cut_answers(latent(generators), margins, series.y, standardise=False), series, design)

    return draw


def _episodes(fit: VarianceFit, observed: Flags, channels: int) -> tuple[tuple[float, float, float], dict[str, float]]:
    """SD of turbulent over calm episodes with its interval, and what the episodes are like."""
    calm, turbulent = np.argsort(fit.variances[0], kind="stable")
    mass = np.maximum(fit.posterior[0][observed].sum(axis=0), 1.0)
    log_ratio = 0.5 * float(np.log(fit.variances[0, turbulent] / fit.variances[0, calm]))
    error = np.sqrt((1 / mass).sum() / (2 * channels))
    leave = np.maximum(1 - np.diagonal(fit.transition[0]), 1e-6)
    ratio, low, high = np.exp([log_ratio, log_ratio - 1.96 * error, log_ratio + 1.96 * error]).tolist()
    return (ratio, low, high), {
        "turbulent_share": float(mass[turbulent] / mass.sum()),
        "calm_dwell": float(1 / leave[calm]),
        "turbulent_dwell": float(1 / leave[turbulent]),
    }
