"""Volatility: the statistic against plain likelihoods, what is and is not volatile, and one seed, one result."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import chi2

from reldyn.cycles.ladder._claims import ClaimTest
from reldyn.cycles.ladder._direction import DirectionFits, direction_seed
from reldyn.cycles.ladder._volatility import (
    _chain,
    _mixture,
    _scaled_shocks,
    _squares,
    assess_volatility,
    lasting_gain,
)
from reldyn.cycles.series._series import DirectionSeries
from reldyn.markov.regimes import average_gain


def series_of(y):
    n = len(y)
    return DirectionSeries.from_arrays(y, day=np.arange(n) // 4, beep=np.arange(n) % 4)


def fits_of(y, seed=1):
    series = series_of(y)
    return DirectionFits(series, direction_seed(seed, series))


def diary(rng, scale, n=120):
    y = np.clip(np.rint(4 + scale[:, None] * rng.standard_normal((n, 2))), 1, 7)
    y[rng.random(n) < 0.1] = np.nan
    return y


def episodes(rng, n=120):
    turbulent = np.cumsum(rng.random(n) < 1 / 12) % 2
    return np.where(turbulent == 1, 1.6, 0.4)


def test_the_mixture_is_the_best_of_two_variances():
    rng = np.random.default_rng(1)
    squares = np.where(rng.random(150) < 0.3, 3.0, 0.4) * rng.chisquare(2, 150)

    def value(theta):
        share, variances = 1 / (1 + np.exp(-theta[0])), np.exp(theta[1:])
        density = [chi2.pdf(squares / v, 2) / v for v in variances]
        return -np.log(share * density[0] + (1 - share) * density[1]).sum()

    best = min(minimize(value, start, method="Nelder-Mead").fun for start in ([0, -1, 1], [1, -0.5, 0.5]))
    assert _mixture(squares[None], 2)[0] == pytest.approx(-best - chi2.logpdf(squares, 2).sum(), abs=0.02)


def test_shocks_have_one_size_at_every_time_of_day():
    rng = np.random.default_rng(2)
    direction = fits_of(diary(rng, np.array([0.5, 0.8, 1.2, 1.6])[np.arange(120) % 4]))
    shocks = _scaled_shocks(direction.series.y[None], direction.series, direction.design)[0]
    hour = direction.series.beep[direction.series.observed]
    for value in range(4):
        assert (shocks[hour == value] ** 2).mean() == pytest.approx(1.0, rel=0.15)
    assert _squares(shocks[None]).mean() == pytest.approx(2.0, rel=0.01)


def test_episodes_last_and_shuffled_episodes_do_not():
    rng = np.random.default_rng(3)
    lasting, shuffled = [], []
    for _ in range(12):
        scale = episodes(rng)
        for values, out in ((scale, lasting), (rng.permutation(scale), shuffled)):
            direction = fits_of(diary(rng, values))
            out.append(lasting_gain(direction.series.y[None], direction.series, direction.design)[0])
    assert np.median(lasting) > 2
    assert np.median(shuffled) < -6


def test_episodes_are_found_and_described():
    rng = np.random.default_rng(4)
    scale = episodes(rng)
    found = assess_volatility(fits_of(diary(rng, scale)), n_surrogates=19)
    assert (found.claim, found.p_value) == ("volatility", 0.05)
    assert found.conf_low < found.estimate < found.conf_high
    assert found.estimate > 2
    assert found.detail["turbulent_share"] == pytest.approx((scale > 1).mean(), abs=0.15)
    assert set(found.detail["p_by_null"]) == {"linear process"}


def test_one_size_is_no_volatility_and_one_seed_gives_one_result():
    rng = np.random.default_rng(5)
    y = diary(rng, np.ones(120))
    first, second = (assess_volatility(fits_of(y), n_surrogates=19) for _ in range(2))
    assert first.p_value == second.p_value > 0.05
    np.testing.assert_array_equal(first.null_statistics, second.null_statistics)


def test_mild_episodes_are_told_from_the_same_shocks_in_another_order():
    """The average of likelihoods finds at least as many as the largest, which follows clusters that chance makes."""
    rng = np.random.default_rng(8)
    n_series, n_orders, everywhere = 60, 39, np.ones(160, dtype=bool)
    orders = np.empty((n_series, 1 + n_orders, 160))
    for own in orders:
        turbulent = np.cumsum(rng.random(160) < 1 / 8) % 2
        squares = np.where(turbulent == 1, 1.6, 0.5) * rng.chisquare(2, 160)
        own[:] = [squares, *(rng.permutation(squares) for _ in range(n_orders))]
        own *= 2 / squares.mean()
    batch = orders.reshape(-1, 160)
    averaged, largest = (
        ((gain >= gain[:, :1]).mean(axis=1) <= 0.05).sum()
        for gain in (
            values.reshape(n_series, -1)
            for values in (average_gain(batch, everywhere, channels=2), _chain(batch, everywhere, 2).gain)
        )
    )
    assert averaged > largest
    assert averaged / n_series > 0.5


def test_levels_that_switch_are_compared_with_phases_of_one_variance():
    rng = np.random.default_rng(6)
    y = diary(rng, np.full(120, 0.8))
    y = np.clip(y + np.where(np.cumsum(rng.random(120) < 1 / 10) % 2 == 1, 2.0, -2.0)[:, None], 1, 7)
    regimes = ClaimTest("regimes", 50.0, 0.01, 99, 3.0, 2.0, 4.0, "", {"n_states": 2}, np.zeros(0))
    found = assess_volatility(fits_of(y), regimes, n_surrogates=19)
    tested = found.detail["p_by_null"]
    assert found.p_value == max(tested.values(), default=1.0)
    assert ("phases of one variance" in tested) == (tested.get("linear process", 1.0) <= 0.05)


def test_one_channel_is_enough():
    rng = np.random.default_rng(7)
    found = assess_volatility(fits_of(diary(rng, episodes(rng))[:, :1]), n_surrogates=19)
    assert 0.05 <= found.p_value <= 1


def floored(rng, n=160):
    """Slow feelings of one volatility, two fifths of them below the lowest answer."""
    latent = np.zeros((n, 2))
    for t in range(1, n):
        latent[t] = 0.85 * latent[t - 1] + rng.standard_normal(2)
    return np.clip(np.rint(1.6 + 0.9 * latent), 1, 7)


def test_a_floor_that_lasts_is_no_calm_episode():
    found = [assess_volatility(fits_of(floored(np.random.default_rng(seed)))) for seed in (7, 9)]
    alone = [one.detail["p_by_null"].get("linear process", 1.0) for one in found]
    assert max(alone) <= 0.05
    assert min(one.p_value for one in found) > 0.2
    assert all(one.p_value == one.detail["p_by_null"]["linear process behind the item"] for one in found)


def test_items_with_few_answers_at_their_ends_have_one_null():
    rng = np.random.default_rng(4)
    found = assess_volatility(fits_of(diary(rng, 0.8 * episodes(rng))))
    assert list(found.detail["p_by_null"]) == ["linear process"]
