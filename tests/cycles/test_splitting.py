"""The share of answers between two levels: against counting, a library's long-run variance, and simulated truth."""

import dataclasses

import numpy as np
import pytest
import statsmodels.api as sm

from reldyn.cycles.ladder._claims import ClaimTest
from reldyn.cycles.ladder._direction import DirectionFits, direction_seed
from reldyn.cycles.ladder._splitting import _inside, _long_run, describe_between, estimate_splitting
from reldyn.cycles.series._series import DirectionSeries


def series_of(path, rng, levels=(2.0, 6.0), sd=0.8):
    return np.clip(np.rint(np.asarray(levels)[path] + sd * rng.standard_normal(len(path))), 1, 7)


def switching(rng, n, mean=10):
    return np.cumsum(rng.random(n) < 1 / mean) % 2


def known(path):
    return (path[:, None] == np.arange(2)).astype(float)


def test_a_rating_counts_by_the_part_of_its_cell_between_the_levels():
    levels = np.array([2.0, 6.4])
    grid = np.linspace(-0.5, 0.5, 20_001)[:-1] + 0.5 / 20_000
    for rating in range(1, 8):
        spread = rating + grid
        counted = np.mean((spread > 3.1) & (spread < 5.3))
        assert _inside(np.array([float(rating)]), levels, 1.0)[0] == pytest.approx(counted, abs=1e-4)


def test_the_long_run_sum_is_that_of_statsmodels():
    rng = np.random.default_rng(1)
    values = np.convolve(rng.standard_normal(300), np.ones(5))[:300]
    values -= values.mean()
    fit = sm.OLS(values, np.ones(300)).fit(cov_type="HAC", cov_kwds={"maxlags": 7})
    assert _long_run(values, 7) / 300**2 == pytest.approx(float(fit.cov_params()[0, 0]), rel=1e-10)


def test_without_a_middle_little_lies_between_and_with_one_much():
    rng = np.random.default_rng(2)
    path = switching(rng, 400)
    apart = describe_between(series_of(path, rng), known(path), 10.0)
    assert apart.share < 0.25
    middle = rng.random(400) < 0.4
    ratings = np.where(middle, 4.0, series_of(path, rng))
    assert describe_between(ratings, known(path), 10.0).share > apart.share + 0.2
    assert apart.cold < 3 < 5 < apart.warm


def test_the_interval_covers_the_share_of_the_law():
    rng = np.random.default_rng(3)
    path = switching(rng, 200_000)
    ratings = series_of(path, rng, sd=1.2)
    truth = describe_between(ratings, known(path), 10.0).share
    hits = []
    for _ in range(300):
        start = int(rng.integers(0, 199_000))
        part = slice(start, start + 200)
        answered = np.where(rng.random(200) < 0.17, np.nan, ratings[part])
        found = describe_between(answered, known(path[part]), 10.0)
        hits.append(found.conf_low <= truth <= found.conf_high)
        assert 0 <= found.conf_low <= found.share <= found.conf_high <= 1
    assert 0.90 <= np.mean(hits) <= 0.99


@pytest.mark.parametrize("ratings", [np.full(50, 4.0), np.r_[np.full(49, 4.0), np.nan], np.linspace(0, 1, 50)])
def test_odd_ratings_give_numbers(ratings):
    found = describe_between(ratings, np.full((50, 2), 0.5), 10.0)
    assert all(np.isfinite(value) for value in dataclasses.astuple(found))


def test_it_needs_phases():
    rng = np.random.default_rng(4)
    path = switching(rng, 120)
    y = np.column_stack([series_of(path, rng), series_of(path, rng)])
    series = DirectionSeries.from_arrays(y, day=np.arange(120) // 4, beep=np.arange(120) % 4)
    direction = DirectionFits(series, direction_seed(1, series))
    nan = float("nan")
    regimes = ClaimTest("regimes", 9.0, 0.01, 99, 3.0, 2.0, 4.0, "", {"n_states": 2}, np.zeros(0))
    found = estimate_splitting(direction, regimes)
    assert found is not None
    assert found.conf_low <= found.estimate <= found.conf_high
    assert np.isnan(found.p_value)
    assert found.detail["cold"] < found.detail["warm"]
    for p_value in (0.2, nan):
        assert estimate_splitting(direction, dataclasses.replace(regimes, p_value=p_value)) is None
