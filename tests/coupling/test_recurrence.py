"""Cross-recurrence against the crqa package and against plots laid out in full."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

import reldyn as rd
from reldyn.coupling import Surrogates, recurrence
from reldyn.coupling.synchrony._recurrence_lines import block_entropy, count_lines, determinism, embedded, measures

REFERENCE = Path(__file__).parent / "reference"
NAMES = {
    "RR": "rr",
    "DET": "det",
    "NRLINE": "n_lines",
    "maxL": "max_line",
    "L": "mean_line",
    "ENTR": "entropy",
    "rENTR": "relative_entropy",
    "LAM": "lam_row",
    "TT": "tt_row",
}
CATEGORIES = NAMES | {"catH": "block_entropy"}


@pytest.fixture(scope="module")
def package():
    return json.loads((REFERENCE / "d_crqa_pkg.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def codes():
    code = pd.read_csv(REFERENCE / "in" / "seq.csv")["code"].to_numpy(dtype=float)
    return code[:200], code[200:]


def test_categories_recur_as_in_the_package(session, codes, package, synchrony_reference):
    result = recurrence(session([codes]), "v", surrogate=None)
    row = result.tidy().iloc[0]
    for theirs, ours in CATEGORIES.items():
        assert row[ours] == pytest.approx(package["categorical"][theirs], abs=1e-9), theirs
    stored = synchrony_reference["crqa_cat"]
    # Rows belong to the first series; transposed, laminarity and trapping time are others.
    assert (row["lam_row"], row["tt_row"]) == pytest.approx((stored["LAM_row"], stored["TT_row"]))
    assert (row["lam_column"], row["tt_column"]) == pytest.approx((stored["LAM_col"], stored["TT_col"]))
    assert result.matrix(1).sum() == stored["npts"]


def test_the_profile_is_that_of_the_package_with_lags_in_the_convention_of_ccf(session, codes, synchrony_reference):
    result = recurrence(session([codes]), "v", surrogate=None)
    # crqa's profile runs the other way: its positive delays have y later.
    np.testing.assert_allclose(result.profile_rate[0, ::-1], synchrony_reference["drp"], atol=1e-12)


def test_numbers_recur_as_in_the_package(coupled, package):
    x, y = (((series - series.mean()) / series.std(ddof=1))[:200] for series in coupled)
    follows = np.arange(200) > 0
    points = [embedded(series, follows, 2, 3) for series in (x, y)]
    assert len(points[0]) == 196
    found = measures(count_lines(*points, follows[:196], follows[:196], 0.8), 2)
    for theirs, ours in NAMES.items():
        assert found[ours] == pytest.approx(package["continuous"][theirs], abs=1e-9), theirs


def test_numbers_are_standardised_per_person_with_divisor_n_minus_1(session, coupled):
    x, y = (series[:120] for series in coupled)
    result = recurrence(session([(x, y)]), "v", radius=0.5, surrogate=None)
    zx, zy = ((series - series.mean()) / series.std(ddof=1) for series in (x, y))
    np.testing.assert_array_equal(result.matrix(1), np.abs(zx[:, None] - zy[None]) <= 0.5)
    assert np.isnan(result.tidy()["block_entropy"].iloc[0])
    other = recurrence(session([(7 * x - 2, y)]), "v", radius=0.5, surrogate=None)
    assert other.tidy()["det"].iloc[0] == pytest.approx(result.tidy()["det"].iloc[0])


def _runs(lines):
    found = []
    for line in lines:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(int), [0]])))
        found += list(edges[1::2] - edges[::2])
    return np.bincount(found, minlength=60) if found else np.zeros(60, dtype=int)


def _cut(series, follows):
    return np.split(np.arange(len(series)), np.flatnonzero(~follows)[1:])


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 14), st.integers(1, 14), st.integers(1, 4), st.integers(0, 10_000))
def test_streamed_lines_are_those_of_the_whole_plot(n, m, levels, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, levels, n).astype(float), rng.integers(0, levels, m).astype(float)
    x[rng.random(n) < 0.1] = np.nan
    y[rng.random(m) < 0.1] = np.nan
    follows_x, follows_y = (np.concatenate([[False], rng.random(k - 1) < 0.8]) for k in (n, m))
    lines = count_lines(x[:, None], y[:, None], follows_x, follows_y, 0.0)
    plot = x[:, None] == y[None]
    assert lines.n_recurrent == plot.sum()
    diagonal = sum(
        _runs([np.diagonal(plot[np.ix_(a, b)], k) for k in range(-len(a) + 1, len(b))])
        for a in _cut(x, follows_x)
        for b in _cut(y, follows_y)
    )
    row = sum(_runs(plot[:, b]) for b in _cut(y, follows_y))
    column = sum(_runs(plot[a].T) for a in _cut(x, follows_x))
    for ours, expected in ((lines.diagonal, diagonal), (lines.row, row), (lines.column, column)):
        np.testing.assert_array_equal(ours, expected[: len(ours)])
        assert expected[len(ours) :].sum() == 0
    areas = [
        size
        for a in _cut(x, follows_x)
        for b in _cut(y, follows_y)
        for size in np.bincount(ndimage.label(plot[np.ix_(a, b)])[0].ravel())[1:]
        if size > 1
    ]
    entropy = stats.entropy(np.unique(areas, return_counts=True)[1]) if areas else np.nan
    found = block_entropy(x[:, None], y[:, None], follows_x, follows_y)
    assert found == pytest.approx(entropy, abs=1e-12, nan_ok=True)
    det = determinism(x[:, None], np.stack([y, y])[:, :, None], follows_x, follows_y, 0.0, 2)
    np.testing.assert_allclose(det, measures(lines, 2)["det"])


def test_two_copies_are_all_diagonal():
    x = np.arange(30.0)[:, None]
    on = np.arange(30) > 0
    found = measures(count_lines(x, x, on, on, 0.0), 2)
    assert (found["det"], found["n_lines"], found["max_line"], found["entropy"]) == (100.0, 1, 30, 0.0)
    assert (found["lam_row"], np.isnan(found["tt_row"])) == (0.0, True)


def test_delayed_copies_never_reach_over_a_night():
    follows = np.array([False, True, True, False, True, True])
    points = embedded(np.arange(6.0), follows, 1, 2)
    assert np.isnan(points[:, 0]).tolist() == [False, False, True, False, False]
    points = embedded(np.array([0, 1, np.nan, 3, 4, 5]), follows, 2, 2)
    assert np.isnan(points[:, 0]).tolist() == [True, True, True, False]


def test_following_shows_at_its_lag(session):
    rng = np.random.default_rng(4)
    x = rng.integers(0, 4, 200).astype(float)
    y = np.concatenate([[0, 0, 0], x[:-3]])
    result = recurrence(session([(x, y)]), "v", max_lag=5, surrogate=Surrogates(n=99), seed=1)
    row = result.tidy().iloc[0]
    assert (row["peak_lag"], row["peak_rate"]) == (-3.0, 1.0)
    assert row["p_value"] == 0.01
    det = recurrence(session([(x, y)]), "v", statistic="det", surrogate=Surrogates(n=99), seed=1).tidy().iloc[0]
    assert det["estimate"] == pytest.approx(row["det"])


def test_swings_alone_are_no_recurrence(session, autoregression):
    rng = np.random.default_rng(5)
    levels = [[np.rint(autoregression(120, 0.8, rng)) for _ in "ab"] for _ in range(150)]
    result = recurrence(session(levels), "v", max_lag=2, surrogate=Surrogates(n=119), seed=2)
    # Binomial 99.9 % bound of .05 with 150 pairs: 17.
    assert (result.tidy()["p_value"] <= 0.05).sum() <= 17
    assert result.glance()["p_value"].iloc[0] > 0.01


def test_bad_series_have_a_note_and_no_number(session, coupled):
    x, y = (series[:30] for series in coupled)
    pairs = [(x, np.full(30, 2.0)), (x, np.full(30, np.nan)), (np.full(30, np.nan),) * 2, (x[:3], y[:3])]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = recurrence(session(pairs), "v", radius=0.3, delay=2, embed=3, seed=1)
    assert result.tidy()["note"].tolist() == [
        "one member never varies",
        "one member never answered",
        "no answers",
        "never 3 values in a row, 2 occasions apart",
    ]
    assert result.tidy()["rr"].isna().all()
    with pytest.raises(rd.DesignError, match="nothing recurs in dyad 1"):
        result.plot()
    # A constant category is a state like any other.
    steady = recurrence(session([(np.ones(30), np.ones(30))]), "v", surrogate=None).tidy().iloc[0]
    assert (steady["rr"], steady["det"]) == pytest.approx((100.0, 100 * (900 - 2) / 900))


def test_wrong_options_say_what_would_do(session, coupled):
    panel = session([coupled])
    with pytest.raises(
        rd.DesignError, match="surrogate='phase' has no meaning for categories: give a radius, or shifts"
    ):
        recurrence(panel, "v", surrogate="phase")
    with pytest.raises(rd.DesignError, match="radius=-1: give a number of SD, 0 or more, or None for categories"):
        recurrence(panel, "v", radius=-1)
    with pytest.raises(rd.DesignError, match="min_line=1: give a whole number of at least 2"):
        recurrence(panel, "v", min_line=1)


def test_a_result_travels_and_draws(session, codes):
    result = recurrence(session([codes]), "v", surrogate=Surrogates(n=19), seed=3)
    back = rd.from_json(result.to_json(rows=True))
    assert back.tidy().equals(result.tidy())
    np.testing.assert_array_equal(back.matrix(1), result.matrix(1))
    figure = result.plot()
    assert figure.axes[0].images[0].get_array().sum() == 11032
    np.testing.assert_array_equal(figure.axes[1].lines[-1].get_ydata(), result.profile_rate[0])
