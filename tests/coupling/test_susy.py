"""Surrogate synchrony against the R package, and where ours differs from it on purpose."""

import warnings
from itertools import permutations

import numpy as np
import pytest

import reldyn as rd
from reldyn.coupling import susy


@pytest.fixture(scope="module")
def described(session, coupled):
    return susy(session([coupled]), "v", segment=100, max_lag=15, seed=1)


def test_curves_and_effect_sizes_are_those_of_the_package(described, synchrony_reference):
    stored = synchrony_reference["susy"]
    table = stored["lag_table"]
    for ours, name in (
        (described.real, "meanccorrRealZ"),
        (described.pseudo, "meanccorrPseudoZ"),
        (described.real_signed, "meanccorrRealZNotAbs"),
        (described.pseudo_signed, "meanccorrPseudoZNotAbs"),
    ):
        np.testing.assert_allclose(ours[0], [row[name] for row in table], atol=1e-12)
    row = described.tidy().iloc[0]
    means = synchrony_reference["susy_es"]
    assert row["estimate"] == pytest.approx(means["mean_real_absZ"], abs=1e-12)
    assert row["pseudo"] == pytest.approx(means["mean_pseudo_absZ"], abs=1e-12)
    assert row["signed"] == pytest.approx(means["mean_real_Z"], abs=1e-12)
    assert row["pseudo_signed"] == pytest.approx(means["mean_pseudo_Z"], abs=1e-12)
    assert row["es_over_lags"] == pytest.approx(7.44767, abs=5e-6)
    assert (row["n_segments"], row["n_used"]) == (6, 6)
    assert described.lags.tolist() == list(range(-15, 16))


def test_the_effect_size_over_lags_is_no_z_and_z_is(described):
    row = described.tidy().iloc[0]
    assert row["z"] == pytest.approx((row["estimate"] - row["surrogate_mean"]) / row["surrogate_sd"])
    assert row["z"] < row["es_over_lags"]


def test_z_and_p_are_those_of_all_orders(session):
    """Three segments have six orders, which can be listed."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 30))
    strength = np.array(
        [[_mean_z(x[10 * i : 10 * i + 10], y[10 * j : 10 * j + 10]) for j in range(3)] for i in range(3)]
    )
    means = np.array([strength[np.arange(3), order].mean() for order in permutations(range(3))])
    result = susy(session([(x, y)]), "v", segment=10, max_lag=1, n_surrogates=20_000, seed=2).tidy().iloc[0]
    assert result["estimate"] == pytest.approx(means[0])
    assert result["surrogate_mean"] == pytest.approx(means.mean(), abs=4 * means.std() / np.sqrt(20_000))
    assert result["p_value"] == pytest.approx((means >= means[0] - 1e-12).mean(), abs=0.015)


def _mean_z(x, y):
    n = len(x)
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    r = np.array([x[max(k, 0) : n + min(k, 0)] @ y[max(-k, 0) : n - max(k, 0)] / n for k in (-1, 0, 1)])
    return np.abs(np.arctanh(r)).mean()


def test_a_segment_without_variance_leaves_sum_and_divisor(session, coupled):
    """SUSY leaves it out of the sum but divides by all segments: with one of six, real synchrony shrinks by 1/6."""
    x, y = (series[:600].copy() for series in coupled)
    y[200:300] = 1.5
    result = susy(session([(x, y)]), "v", segment=100, max_lag=15, n_surrogates=99, seed=1)
    row = result.tidy().iloc[0]
    kept = [0, 1, 3, 4, 5]
    by_hand = np.mean([_mean_z15(x[100 * i : 100 * i + 100], y[100 * i : 100 * i + 100]) for i in kept])
    assert (row["n_segments"], row["n_used"]) == (6, 5)
    assert row["estimate"] == pytest.approx(by_hand)
    package = by_hand * 5 / 6
    assert abs(row["estimate"] - package) > 0.05


def _mean_z15(x, y):
    n = len(x)
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    r = np.array([x[max(k, 0) : n + min(k, 0)] @ y[max(-k, 0) : n - max(k, 0)] / n for k in range(-15, 16)])
    return np.abs(np.arctanh(r)).mean()


def test_two_unrelated_series_are_called_synchronous_no_more_often_than_said(session, autoregression):
    rng = np.random.default_rng(5)
    alone = session([(autoregression(240, 0.8, rng), autoregression(240, 0.8, rng)) for _ in range(150)])
    result = susy(alone, "v", segment=30, max_lag=8, n_surrogates=199, seed=6)
    # Binomial 99.9 % bound of .05 with 150 pairs: 17.
    assert (result.tidy()["p_value"] <= 0.05).sum() <= 17
    assert result.glance()["p_value"].iloc[0] > 0.01
    # Without synchrony a z spreads by 1; the effect size over lags has no such unit.
    assert result.tidy()["z"].std() == pytest.approx(1, abs=0.2)
    assert abs(result.tidy()["es_over_lags"].std() - 1) > 0.2


def test_bad_series_have_a_note_and_no_number(session, coupled):
    x, y = (series[:60] for series in coupled)
    blocks = np.where(np.arange(60) // 20 % 2, x, 3.0)
    others = np.where(np.arange(60) // 20 % 2, 3.0, y)
    pairs = [(x, np.full(60, 2.0)), (x, np.full(60, np.nan)), (x[:10], y[:10]), (blocks, others), (x[:20], y[:20])]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = susy(session(pairs), "v", segment=20, max_lag=2, seed=1)
    assert result.tidy()["note"].tolist()[:4] == [
        "one member never varies",
        "one member never answered",
        "nowhere 20 occasions in a row, the length of a segment",
        "no segment in which both members vary",
    ]
    # One segment can be described but not tested.
    assert np.isfinite(result.tidy()["estimate"].iloc[4])
    assert np.isnan(result.tidy()["p_value"].iloc[4])
    with pytest.raises(rd.DesignError, match="max_lag=20 reaches over a segment of 20 occasions: give fewer lags"):
        susy(session(pairs), "v", segment=20, max_lag=20)


def test_segments_never_reach_over_a_night(session, coupled):
    x, y = (series[:72] for series in coupled)
    result = susy(session([(x, y)], beeps=12), "v", segment=5, max_lag=1, n_surrogates=99, seed=1)
    assert result.tidy()["n_segments"].iloc[0] == 6 * 2


def test_a_result_travels_and_draws(described):
    back = rd.from_json(described.to_json(rows=True))
    assert back.tidy().equals(described.tidy())
    assert back.profile().equals(described.profile())
    lines = described.plot().axes[0].lines
    np.testing.assert_array_equal(lines[-1].get_ydata(), described.real[0])
