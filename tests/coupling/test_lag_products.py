"""Batched correlations against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reldyn.coupling._lag_products import (
    fisher,
    lag_correlations,
    lag_table,
    phase_lag_correlations,
    standardised,
    whitened,
)
from reldyn.coupling._pairs import Pair
from reldyn.surrogate import phase_angles, randomise_phases


def _pair(days, beeps):
    n = days * beeps
    day, beep = np.repeat(np.arange(days), beeps), np.tile(np.arange(beeps), days)
    return Pair(1, 0, ("a", "b"), (1, 2), np.zeros((n, 2)), day, beep, np.arange(n, dtype=float), True)


def _by_loop(x, y, pair, lag):
    total, count = 0.0, 0
    for t in range(len(y)):
        for s in range(len(x)):
            near = pair.day[s] == pair.day[t] and pair.beep[s] - pair.beep[t] == lag
            if near and np.isfinite(x[s]) and np.isfinite(y[t]):
                total, count = total + x[s] * y[t], count + 1
    return (total / (count + abs(lag)) if count >= 3 else np.nan), count


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 4), st.integers(2, 6), st.integers(0, 4), st.integers(0, 10_000))
def test_all_lags_at_once_are_the_loop_over_pairs(days, beeps, max_lag, seed):
    rng = np.random.default_rng(seed)
    pair = _pair(days, beeps)
    series = rng.normal(size=(4, days * beeps))
    series[rng.random(series.shape) < 0.2] = np.nan
    series = standardised(series)
    found, n_pairs = lag_correlations(series[0], series[1:], lag_table(pair, max_lag))
    for row in range(3):
        for at, lag in enumerate(range(-max_lag, max_lag + 1)):
            expected, count = _by_loop(series[0], series[1 + row], pair, lag)
            assert n_pairs[row, at] == count
            np.testing.assert_allclose(found[row, at], expected, atol=1e-12)


@pytest.mark.parametrize("n", [40, 41])
def test_phase_surrogates_need_not_be_formed(n):
    rng = np.random.default_rng(3)
    pair = _pair(1, n)
    x, y = rng.normal(size=(2, n)).cumsum(axis=1)
    x[[3, 17]] = np.nan
    x, y = standardised(x), standardised(y)
    table = lag_table(pair, 5)
    angles = phase_angles(n, 30, rng)
    drawn = randomise_phases(y, angles)
    np.testing.assert_allclose(np.abs(np.fft.rfft(drawn)), np.abs(np.fft.rfft(y))[None] * np.ones((30, 1)), atol=1e-9)
    slow, _ = lag_correlations(x, drawn, table)
    np.testing.assert_allclose(phase_lag_correlations(x, y, table, angles), slow, atol=1e-12)


def test_whitening_takes_out_what_is_carried_over_and_nothing_over_a_night():
    rng = np.random.default_rng(4)
    e = rng.normal(size=4000)
    y = np.zeros(4000)
    for t in range(2, 4000):
        y[t] = 1.2 * y[t - 1] - 0.5 * y[t - 2] + e[t]
    innovations, coefficients = whitened(y, _pair(1, 4000), 2)
    np.testing.assert_allclose(coefficients, [1.2, -0.5], atol=0.05)
    assert np.isnan(innovations[:2]).all()
    assert np.corrcoef(innovations[2:], e[2:])[0, 1] > 0.99
    by_day, _ = whitened(y, _pair(800, 5), 2)
    assert np.isnan(by_day.reshape(800, 5)[:, :2]).all()
    assert np.isfinite(by_day.reshape(800, 5)[:, 2:]).all()


def test_whitening_of_too_little_gives_nothing():
    innovations, coefficients = whitened(np.arange(4.0), _pair(1, 4), 1)
    assert np.isnan(innovations).all()
    assert np.isnan(coefficients).all()


def test_a_constant_series_is_not_stretched_by_rounding():
    assert np.isnan(standardised(np.full(7, 0.1 + 0.2))).all()


def test_fisher_is_capped():
    assert fisher(np.array([-1.0, 0.0, 1.02])).tolist() == pytest.approx([-10.0, 0.0, 10.0])
