"""Windowed cross-correlation against stored numbers and plain loops, its peaks, and its claims."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reldyn as rd
from reldyn.coupling import Surrogates, windowed_cross_correlation
from reldyn.coupling.synchrony._lag_products import standardised
from reldyn.coupling.synchrony._windows import pick_peaks, window_starts, windowed_correlations


@pytest.fixture(scope="module")
def described(session, coupled):
    return windowed_cross_correlation(
        session([coupled]), "v", window=40, increment=10, max_lag=15, surrogate=Surrogates(n=99), seed=1
    )


def test_the_matrix_is_the_stored_one_with_lags_in_the_convention_of_ccf(described, synchrony_reference):
    stored = synchrony_reference["wcc"]
    matrix = described.matrix(1).to_numpy()
    assert list(matrix.shape) == stored["dim"]
    # The stored columns run from x late to x early: the other way round.
    np.testing.assert_allclose(matrix[0, ::-1], stored["first_row"], atol=1e-12)
    np.testing.assert_allclose(matrix[9, ::-1], stored["row10"], atol=1e-12)
    assert matrix.mean() == pytest.approx(stored["mean_all"], abs=1e-12)
    assert described.tidy()["mean_r"].iloc[0] == pytest.approx(stored["mean_all"], abs=1e-12)
    assert described.tidy()["estimate"].iloc[0] == pytest.approx(stored["mean_absz"], abs=1e-12)
    assert described.matrix(1).columns.tolist() == list(range(-15, 16))


def _by_loop(x, y, start, window, lag):
    at_x, at_y = start + min(lag, 0), start - max(lag, 0)
    u, v = x[at_x : at_x + window], y[at_y : at_y + window]
    both = np.isfinite(u) & np.isfinite(v)
    if both.sum() < max(3, window / 2) or np.ptp(u[both]) == 0 or np.ptp(v[both]) == 0:
        return np.nan
    return np.corrcoef(u[both], v[both])[0, 1]


@settings(deadline=None, max_examples=30)
@given(st.integers(3, 9), st.integers(1, 4), st.integers(0, 5), st.sampled_from([0.0, 0.3]), st.integers(0, 10_000))
def test_every_window_is_a_correlation_of_its_own(window, increment, max_lag, missing, seed):
    rng = np.random.default_rng(seed)
    # Few levels, so that some windows do not vary.
    series = rng.integers(0, 3, size=(3, 40)).astype(float)
    series[rng.random(series.shape) < missing] = np.nan
    series = standardised(series)
    starts = window_starts([slice(0, 22), slice(22, 40)], window, increment, max_lag)
    lags = np.arange(-max_lag, max_lag + 1)
    found = np.stack(list(windowed_correlations(series[0], series[1:], starts, window, lags)), axis=2)
    for row, windows in enumerate(found):
        expected = [[_by_loop(series[0], series[1 + row], i, window, k) for k in lags] for i in starts]
        np.testing.assert_allclose(windows, np.reshape(expected, windows.shape), atol=1e-7)


def test_windows_and_their_moved_copies_stay_within_a_day():
    starts = window_starts([slice(0, 20), slice(20, 40), slice(40, 45)], 8, 3, 4)
    assert starts.tolist() == [4, 7, 24, 27]
    for start in starts:
        assert (start - 4) // 20 == (start + 8 + 4 - 1) // 20


def test_the_peak_nearest_to_lag_0_falls_on_both_sides():
    lags = np.arange(-10, 11)
    near = np.exp(-((lags - 3.0) ** 2) / 6)
    far = 2 * np.exp(-((lags + 7.0) ** 2) / 6)
    flat = np.zeros(21)
    edge = np.exp(-((lags - 10.0) ** 2) / 6)
    missing = np.where(lags == 0, np.nan, near)
    peak, lag = pick_peaks(np.stack([near + far, far, flat, edge, missing]), lags, 3, span=0.25)
    assert lag[:2].tolist() == [3.0, -7.0]
    assert peak[0] == pytest.approx((near + far)[13])
    assert np.isnan(lag[2:]).all()
    assert np.isnan(peak[2:]).all()


def test_a_peak_asks_for_descent_over_all_of_its_size():
    lags = np.arange(-6, 7)
    bumpy = np.cos(lags * 2 * np.pi / 5)
    assert pick_peaks(bumpy[None], lags, 2, span=0.01)[1].tolist() == [0.0]
    assert np.isnan(pick_peaks(bumpy[None], lags, 4, span=0.01)[1]).all()


def test_peaks_follow_who_is_earlier(session):
    rng = np.random.default_rng(2)
    wave = np.convolve(rng.normal(size=330), np.ones(6) / 6, mode="valid")[:320]
    x, y = wave[10:310], np.concatenate([wave[6:156], wave[164:314]])
    x, y = x + 0.05 * rng.normal(size=300), y + 0.05 * rng.normal(size=300)
    result = windowed_cross_correlation(session([(x, y)]), "v", window=40, increment=10, max_lag=10, surrogate=None)
    peaks = result.peaks(size=3)
    early, late = peaks[peaks["start"] < 100], peaks[peaks["start"] > 170]
    # First y repeats x after four occasions, then it is four ahead.
    assert early["peak_lag"].median() == -4
    assert set(early["leads"]) <= {"a", ""}
    assert late["peak_lag"].median() == 4
    assert result.tidy()["x_leads"].between(0.2, 0.8).all()


def test_synchrony_is_told_from_two_smooth_series(session, autoregression):
    rng = np.random.default_rng(3)
    alone = [(autoregression(150, 0.7, rng), autoregression(150, 0.7, rng)) for _ in range(60)]
    together = []
    for _ in range(20):
        common = autoregression(150, 0.7, rng)
        together.append((common + rng.normal(size=150), common + rng.normal(size=150)))
    options = {"window": 30, "increment": 10, "max_lag": 3, "surrogate": Surrogates(n=99), "seed": 4}
    null = windowed_cross_correlation(session(alone), "v", **options)
    # Binomial 99.9 % bound of .05 with 60 pairs: 9.
    assert (null.tidy()["p_value"] <= 0.05).sum() <= 9
    assert null.glance()["p_value"].iloc[0] > 0.01
    # Mean |z| is far from 0 although nothing is shared.
    assert null.glance()["estimate"].iloc[0] > 0.2
    real = windowed_cross_correlation(session(together), "v", **options)
    assert (real.tidy()["p_value"] <= 0.05).mean() >= 0.8
    assert real.glance()["p_value"].iloc[0] == 0.01


def test_bad_series_have_a_note_and_no_number(session, coupled):
    x, y = (series[:60] for series in coupled)
    late = np.where(np.arange(60) < 50, np.nan, y)
    pairs = [(x, np.full(60, 2.0)), (x, np.full(60, np.nan)), (x, late), (x[:10], y[:10])]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = windowed_cross_correlation(session(pairs), "v", window=20, increment=5, max_lag=5, seed=1)
        empty = windowed_cross_correlation(session([(x, y)], beeps=6), "v", window=20, increment=5, max_lag=5, seed=1)
    notes = result.tidy()["note"].tolist()
    assert notes[:2] == ["one member never varies", "one member never answered"]
    assert notes[3] == "nowhere as many occasions in a row as a window of 20 needs with its lags"
    assert result.tidy()["estimate"].isna().all()
    assert empty.tidy()["note"].iloc[0] == notes[3]
    assert len(empty.peaks()) == 0
    with pytest.raises(rd.DesignError, match="has no window to draw"):
        empty.plot()
    with pytest.raises(rd.DesignError, match="window=2: give a whole number of at least 3"):
        windowed_cross_correlation(session(pairs), "v", window=2, increment=5, max_lag=5)


def test_windows_without_a_lag_have_no_peak(session):
    panel = session([np.random.default_rng(2).standard_normal((2, 40))])
    found = rd.coupling.windowed_cross_correlation(panel, "v", window=10, increment=10, max_lag=0, surrogate=None)
    assert np.isfinite(found.matrices[0]).all()
    assert found.peaks()["peak_lag"].isna().all()
    assert found.plot().axes


def test_a_result_travels_and_draws(described):
    back = rd.from_json(described.to_json(rows=True))
    assert back.tidy().equals(described.tidy())
    np.testing.assert_array_equal(back.matrix(1), described.matrix(1))
    figure = described.plot()
    shown = f"{described.tidy()['p_value'].iloc[0]:.3f}".lstrip("0")
    assert figure.axes[0].get_title(loc="left") == f"v: dyad 1, windows of 40, p = {shown}"
    marked = figure.axes[0].lines[-1].get_ydata()
    np.testing.assert_array_equal(marked, described.peaks()["peak_lag"])
    with pytest.raises(rd.DataError, match="no dyad 9 in the result"):
        described.matrix(9)


def test_windows_of_one_lag_are_drawn_as_cells(session):
    panel = session([np.random.default_rng(2).standard_normal((2, 40))])
    found = rd.coupling.windowed_cross_correlation(panel, "v", window=10, increment=10, max_lag=0, surrogate=None)
    ax = found.plot().axes[0]
    low, high = ax.get_ylim()
    assert (low, high) == (-0.5, 0.5)
    assert ax.collections[0].get_array().size == found.matrices[0].size
