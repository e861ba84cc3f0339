"""Cross-correlation against R, its convention, its gaps, and its claims against surrogates."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import reldyn as rd
from reldyn.coupling import Surrogates, cross_correlation

REFERENCE = Path(__file__).parent / "reference"


def test_lags_and_numbers_are_those_of_r(session, coupled, synchrony_reference):
    stored = synchrony_reference["ccf"]
    result = cross_correlation(session([coupled]), "v", max_lag=10, surrogate=None)
    assert result.lags.tolist() == stored["lag"]
    np.testing.assert_allclose(result.correlation[0], stored["acf"], atol=1e-12)


@pytest.mark.parametrize("beeps", [None, 10])
def test_with_missing_values_or_nights_each_lag_is_pearson_of_its_joint_pairs(session, coupled, beeps):
    x, y = (series[:40].copy() for series in coupled)
    x[[4, 5, 22]] = np.nan
    y[[5, 30]] = np.nan
    result = cross_correlation(session([(x, y)], beeps), "v", max_lag=3, surrogate=None)
    for at, lag in enumerate(result.lags):
        now = np.arange(max(0, -lag), min(40, 40 - lag))
        now = now[(now + lag) // (beeps or 40) == now // (beeps or 40)]
        joint = now[np.isfinite(x[now + lag]) & np.isfinite(y[now])]
        assert result.n_pairs[0, at] == len(joint)
        expected = np.corrcoef(x[joint + lag], y[joint])[0, 1]
        assert result.correlation[0, at] == pytest.approx(expected, abs=1e-10)
    assert result.n_pairs[0, 3] == 36


def shift_workers():
    """Two who answered together at three occasions only."""
    x, y = np.full(40, np.nan), np.full(40, np.nan)
    rng = np.random.default_rng(5)
    x[:20], y[20:] = rng.normal(size=20) * 0.5, rng.normal(size=20) * 0.5
    x[20:23], y[20:23] = [5, -5, 4], [5, -5, 5]
    return x, y


@pytest.mark.parametrize("statistic", ["max-abs", "lag-0", "mean-abs-z"])
def test_three_joint_occasions_are_described_and_not_tested(session, statistic):
    x, y = shift_workers()
    result = cross_correlation(session([(x, y)]), "v", max_lag=2, statistic=statistic, seed=1)
    row = result.tidy().iloc[0]
    joint = np.isfinite(x) & np.isfinite(y)
    assert row["lag_0"] == pytest.approx(np.corrcoef(x[joint], y[joint])[0, 1], abs=1e-12)
    assert np.nanmax(np.abs(result.correlation)) <= 1
    assert np.isnan(row["p_value"]) and row["n_surrogates"] == 0
    assert row["note"] == "3 joint occasions, below 8: described, not tested"
    notes = result.profile().set_index("lag")["note"]
    assert notes[2] == "fewer than 3 joint pairs" and notes[0] == ""


def test_a_perfect_correlation_has_no_mean_z(session):
    x = np.random.default_rng(2).normal(size=30)
    panel = session([(x, 2 * x + 1)])
    row = cross_correlation(panel, "v", max_lag=1, statistic="mean-abs-z", seed=1).tidy().iloc[0]
    assert np.isnan(row["estimate"]) and np.isnan(row["p_value"])
    assert row["note"] == "the correlation at lag 0 is 1 or -1, so its Fisher z has no end: take another statistic"
    assert row["lag_0"] == 1.0
    assert cross_correlation(panel, "v", max_lag=1, seed=1).tidy()["estimate"].tolist() == [1.0]


def test_whitening_a_straight_line_says_that_nothing_is_left(session):
    y = np.random.default_rng(2).normal(size=60)
    panel = session([(0.1 * np.arange(60), y), (y[:60], np.where(np.arange(60) < 3, y, np.nan))])
    notes = cross_correlation(panel, "v", whiten=1, seed=1).tidy()["note"].tolist()
    assert notes[0] == "one member never varies around an autoregression of 1, as a straight line does not"
    assert notes[1] == "too few occasions for an autoregression of 1"


def test_occasions_that_partners_never_share_carry_no_number(session):
    x, y = np.random.default_rng(2).normal(size=(2, 60))
    x[::2], y[1::2] = np.nan, np.nan
    row = cross_correlation(session([(x, y)]), "v", max_lag=3, seed=1).tidy().iloc[0]
    assert row[["estimate", "p_value", "peak"]].isna().all()
    assert row["leads"] == "" and row["n_obs"] == 0
    assert row["note"] == "fewer than 3 joint occasions"


def test_a_peak_at_a_negative_lag_says_that_the_first_member_was_earlier(session):
    x = np.random.default_rng(1).normal(size=60)
    y = np.concatenate([[0.0, 0.0], x[:-2]])
    result = cross_correlation(session([(x, y), (y, x)]), "v", max_lag=4, surrogate=None)
    rows = result.tidy()
    assert rows["peak_lag"].tolist() == [-2.0, 2.0]
    assert rows["leads"].tolist() == ["a", "b"]
    assert (rows["peak"] > 0.9).all()
    profile = result.profile()
    assert profile.loc[(profile["dyad"] == 1) & (profile["lag"] == -2), "leads"].tolist() == ["a"]
    assert "a peak at a negative lag says that x moved first" in " ".join(result.summary().split()).lower()
    # Mirrored members, mirrored lags.
    np.testing.assert_allclose(result.correlation[0], result.correlation[1][::-1], atol=1e-12)


def test_units_do_not_matter(session, coupled):
    x, y = coupled
    plain = cross_correlation(session([(x, y)]), "v", surrogate=None).correlation
    other = cross_correlation(session([(1e6 + 30 * x, 5 - 0.01 * y)]), "v", surrogate=None).correlation
    np.testing.assert_allclose(plain, -other, atol=1e-8)


@pytest.mark.parametrize("kind", ["circular-shift", "phase", "iaaft", "segment-shuffle", "pseudo-pairs"])
def test_synchrony_that_is_there_is_found_in_dyads_and_in_the_sample(session, autoregression, kind):
    rng = np.random.default_rng(4)
    common = [autoregression(120, 0.6, rng) for _ in range(25)]
    panel = session([(c + rng.normal(size=120), c + rng.normal(size=120)) for c in common])
    result = cross_correlation(panel, "v", max_lag=2, surrogate=Surrogates(kind, n=99), seed=2)
    assert (result.tidy()["p_value"] <= 0.05).mean() > 0.9
    row = result.glance().iloc[0]
    assert row["p_value"] == 0.01
    assert row["z"] > 5
    assert row["n_tested"] == 25


def test_one_seed_gives_one_result_whatever_the_workers(session, autoregression):
    rng = np.random.default_rng(5)
    panel = session([(autoregression(50, 0.5, rng), autoregression(50, 0.5, rng)) for _ in range(4)])
    options = {"surrogate": Surrogates("phase", n=49), "seed": 8}
    one = cross_correlation(panel, "v", **options)
    two = cross_correlation(panel, "v", n_jobs=2, **options)
    assert one.to_json() == two.to_json()
    assert rd.from_json(one.to_json()).tidy().equals(one.tidy())
    assert cross_correlation(panel, "v", surrogate="phase").seed != cross_correlation(panel, "v").seed


def test_bad_series_have_a_note_and_no_number(session):
    rng = np.random.default_rng(6)
    good, flat, empty = rng.normal(size=30), np.full(30, 3.0), np.full(30, np.nan)
    apart = good.copy()
    apart[::2] = np.nan
    other = good.copy()
    other[1::2] = np.nan
    short = np.concatenate([good[:2], empty[2:]])
    pairs = [(good, flat), (empty, good), (empty, empty), (apart, other), (good, short), (good, good)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = cross_correlation(session(pairs), "v", max_lag=0, surrogate=Surrogates(n=19), seed=1)
    notes = result.tidy()["note"].tolist()
    assert notes[:3] == ["one member never varies", "one member never answered", "no answers"]
    assert notes[3:5] == ["fewer than 3 joint occasions"] * 2
    assert notes[5] == ""
    assert result.tidy()["estimate"].isna().tolist() == [True] * 5 + [False]
    assert result.warnings[0] == "5 of 6 dyads could not be described: see note"


def test_wrong_options_say_what_is_allowed(session, coupled):
    panel = session([coupled])
    with pytest.raises(rd.DesignError, match="statistic='max' is not known; allowed: 'max-abs', 'mean-abs-z', 'lag-0'"):
        cross_correlation(panel, "v", statistic="max")
    with pytest.raises(rd.DesignError, match=r"surrogate='phases' is not known.*Did you mean 'phase'"):
        cross_correlation(panel, "v", surrogate="phases")
    with pytest.raises(rd.DesignError, match="max_lag=-1: give a whole number of at least 0"):
        cross_correlation(panel, "v", max_lag=-1)
    with pytest.raises(rd.DesignError, match=r"n=0 of the surrogates: give a whole number of at least 1\."):
        Surrogates(n=0)
    with pytest.raises(rd.DataError, match="no column 'w' in the panel"):
        cross_correlation(panel, "w")


def _rejections(make, n, **options):
    """How many of n independent pairs are called synchronous at the 5 % level."""
    result = cross_correlation(make, "v", n_jobs=1, seed=12, **options)
    return int((result.tidy()["p_value"] <= 0.05).sum()), n


def test_strong_carry_over_alone_is_no_synchrony_after_whitening(session, autoregression):
    rng = np.random.default_rng(9)
    panel = session([(autoregression(100, 0.9, rng), autoregression(100, 0.9, rng)) for _ in range(200)])
    hits = {
        (kind, whiten): _rejections(panel, 200, surrogate=Surrogates(kind, n=99), whiten=whiten, max_lag=5)[0]
        for kind, whiten in (("circular-shift", 1), ("phase", 1), ("segment-shuffle", 0))
    }
    # Binomial 99.9 % bound of .05 with 200 pairs: 21.
    assert hits["circular-shift", 1] <= 21
    assert hits["phase", 1] <= 21
    # Shuffled segments forget slow swings.
    assert hits["segment-shuffle", 0] > 21


def test_a_shared_rhythm_of_the_day_fools_phases_but_not_shifts_by_whole_days(session, autoregression):
    rng = np.random.default_rng(10)
    rhythm = 3 * np.tile(np.sin(np.linspace(0, np.pi, 5)), 30)

    def diary():
        nights = autoregression(30 * 7, 0.8, rng).reshape(30, 7)[:, :5].ravel() + rhythm
        return np.where(rng.random(150) < 0.2, np.nan, nights)

    panel = session([(diary(), diary()) for _ in range(120)], beeps=5)
    shifts, _ = _rejections(panel, 120, max_lag=2)
    days, _ = _rejections(panel, 120, surrogate="pseudo-pairs", max_lag=2)
    phases, _ = _rejections(panel, 120, surrogate=Surrogates("phase", n=99), max_lag=2, statistic="lag-0")
    assert shifts <= 15
    assert days <= 15
    assert phases > 30
    # All dyads together, where a small excess would show.
    assert cross_correlation(panel, "v", max_lag=2, seed=3).glance()["p_value"].iloc[0] > 0.05


def test_few_days_leave_few_surrogates_and_the_result_says_so(session, autoregression):
    rng = np.random.default_rng(11)
    panel = session([(autoregression(35, 0.3, rng), autoregression(35, 0.3, rng)) for _ in range(5)], beeps=5)
    result = cross_correlation(panel, "v", max_lag=1, seed=1)
    assert result.tidy()["n_surrogates"].tolist() == [6] * 5
    assert result.tidy()["note"].iloc[0] == "only 6 different surrogates: no p-value below 0.14"
    assert "no dyad can reach p < .05 by itself" in " ".join(result.summary().split())


def test_a_segment_alone_cannot_be_shuffled(session):
    result = cross_correlation(
        session([([1.0, 2.0, 4.0], [2.0, 1.0, 3.0])]),
        "v",
        max_lag=1,
        surrogate=Surrogates("segment-shuffle", n=19),
        seed=1,
    )
    assert result.tidy()["n_surrogates"].tolist() == [0]


def test_a_mean_without_surrogates_is_said_to_be_untested(session):
    x, y = np.random.default_rng(1).normal(size=(2, 40))
    result = cross_correlation(session([(x, y)]), "v", max_lag=1, surrogate=Surrogates("pseudo-pairs", n=19), seed=1)
    assert " ".join(result.summary().split("\n\n")[1].splitlines()).startswith(
        f"Mean over dyads {result.dyads['estimate'][0]:.3f}; no surrogate (pseudo-pairs) could be drawn, so it is not "
        "tested and no sign of synchrony by itself."
    )


def test_surrogates_that_are_all_alike_give_no_z(session):
    x = np.arange(40) % 2.0
    result = cross_correlation(session([(x, x)] * 3), "v", max_lag=1, seed=1)
    assert "surrogates (circular-shift) 1.000; all surrogates are alike, one-sided p = 1.000." in " ".join(
        result.summary().split()
    )
