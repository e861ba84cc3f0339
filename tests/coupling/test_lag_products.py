"""Batched correlations against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reldyn.coupling.synchrony._lag_products import (
    fisher,
    lag_correlations,
    lag_table,
    phase_lag_correlations,
    standardised,
    whitened,
)
from reldyn.panel import DyadSeries
from reldyn.surrogate import phase_angles, randomise_phases


def _pair(days, beeps):
    n = days * beeps
    day, beep = np.repeat(np.arange(days), beeps), np.tile(np.arange(beeps), days)
    return DyadSeries(1, 0, ("a", "b"), (1, 2), np.zeros((n, 2)), day, beep, np.arange(n, dtype=float), True)


def _by_loop(x, y, pair, lag):
    """R's ccf of one complete stretch, else Pearson of the joint pairs; and their number."""
    joint = []
    for t in range(len(y)):
        for s in range(len(x)):
            near = pair.day[s] == pair.day[t] and pair.beep[s] - pair.beep[t] == lag
            if near and np.isfinite(x[s]) and np.isfinite(y[t]):
                joint.append((x[s], y[t]))
    if len(joint) < 3:
        return np.nan, len(joint)
    if np.isfinite([x, y]).all() and len(set(pair.day)) == 1:
        return float(np.sum(np.prod(joint, axis=1))) / len(x), len(joint)
    return np.corrcoef(np.array(joint).T)[0, 1], len(joint)


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
            np.testing.assert_allclose(found[row, at], expected, atol=1e-10)
    assert (np.abs(found[np.isfinite(found)]) <= 1).all()


@pytest.mark.parametrize("n", [40, 41])
def test_phase_surrogates_need_not_be_formed(n):
    rng = np.random.default_rng(3)
    pair = _pair(1, n)
    x, y = rng.normal(size=(2, n)).cumsum(axis=1)
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


@pytest.mark.parametrize("size", [1e-200, 1e-9, 1.0, 1e9, 1e200])
def test_units_do_not_decide_whether_a_series_varies(size):
    y = np.array([1.0, 2.0, 4.0, 3.0, 5.0, 2.0])
    np.testing.assert_allclose(standardised(size * y), standardised(y), atol=1e-12)
    assert np.isnan(standardised(size * np.full(7, 10 / 3))).all()


def test_joint_pairs_far_from_the_mean_of_the_series_keep_their_digits():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(2, 80))
    x[3], y[70] = 1e8, -1e8
    found, n_pairs = lag_correlations(standardised(x), standardised(y)[None], lag_table(_pair(8, 10), 2))
    apart = np.setdiff1d(np.arange(80), [3, 70])
    x[3] = y[70] = np.nan
    blank, _ = lag_correlations(standardised(x), standardised(y)[None], lag_table(_pair(8, 10), 2))
    assert blank[0, 2] == pytest.approx(np.corrcoef(x[apart], y[apart])[0, 1], abs=1e-10)
    assert (np.abs(found) <= 1).all() and n_pairs[0].tolist() == [64, 72, 80, 72, 64]
    # Days of their own level: the extreme one is in no joint pair of another day.
    x[3] = 1e8
    y[:10] = np.nan
    joint = np.isfinite(x) & np.isfinite(y)
    found, _ = lag_correlations(standardised(x), standardised(y)[None], lag_table(_pair(8, 10), 0))
    assert found[0, 0] == pytest.approx(np.corrcoef(x[joint], y[joint])[0, 1], abs=1e-6)


def test_joint_pairs_of_which_one_side_stays_put_have_no_correlation():
    x = np.array([1.0, 3.3, 3.3, 3.3, 3.3, 9.0])
    y = np.array([np.nan, 1.0, 2.0, 4.0, 3.0, np.nan])
    found, n_pairs = lag_correlations(standardised(x), standardised(y)[None], lag_table(_pair(1, 6), 1))
    assert np.isnan(found[0, 1]) and n_pairs[0].tolist() == [4, 4, 4]
    assert np.isfinite(found[0, [0, 2]]).all()


def test_whitening_a_straight_line_leaves_nothing_whatever_its_offset():
    for offset in (0.0, 1e8):
        innovations, coefficients = whitened(offset + 0.1 * np.arange(60.0), _pair(1, 60), 1)
        assert np.isnan(innovations).all()
        assert np.isfinite(coefficients).all()


def test_fisher_is_capped():
    assert fisher(np.array([-1.0, 0.0, 1.0])).tolist() == pytest.approx([-10.0, 0.0, 10.0])
