"""Check the description of a schedule against counts by hand and against known laws."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reldyn as rd
from reldyn.cycles.series._events import top_tercile
from reldyn.cycles.series._schedule import burstiness, cv_interval, memory
from reldyn.errors import DataError, DesignError

COLUMNS = [
    "dyad",
    "giver",
    "n_events",
    "cv",
    "conf_low",
    "conf_high",
    "cv_random",
    "burstiness",
    "memory",
    "contingency",
    "decidable",
    "note",
]


def make_panel(her, his, *, approach=None, days=None, beeps=None, **options):
    """One couple; `her` and `his` are the warmth in the woman's and the man's rows."""
    n = len(her)
    frame = pd.DataFrame(
        {
            "dyad": 1,
            "person": np.repeat(["p1", "p2"], n),
            "role": np.repeat(["f", "m"], n),
            "t": np.tile(np.arange(n), 2),
            "warmth": np.r_[her, his].astype(float),
        }
    )
    if approach is not None:
        frame["approach"] = np.tile(np.asarray(approach, dtype=float), 2)
    if days is not None:
        frame["day"], frame["beep"] = np.tile(days, 2), np.tile(beeps, 2)
        return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day", beep="beep", **options)
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="t", **options)


def warm_at(places, n):
    series = np.tile([1.0, 2.0], n)[:n]
    series[list(places)] = 9.0
    return series


def test_one_row_per_dyad_and_giver_and_the_receiver_reports():
    panel = make_panel(warm_at([0, 3, 4, 10, 11, 19], 80), warm_at(range(0, 80, 4), 80))
    table = rd.cycles.schedule(panel, warmth="warmth", event=9)
    assert list(table.columns) == COLUMNS
    assert table["giver"].tolist() == ["f", "m"]
    # The woman's rows hold what she received, so the man gives.
    assert table.set_index("giver")["n_events"].to_dict() == {"m": 6, "f": 20}
    as_giver = rd.cycles.schedule(panel, warmth="warmth", event=9, reported_by="giver")
    assert as_giver.set_index("giver")["n_events"].to_dict() == {"f": 6, "m": 20}


def test_intervals_cv_burstiness_and_memory_by_hand():
    intervals = np.array([3.0, 1, 6, 1, 8])
    panel = make_panel(warm_at([0, 3, 4, 10, 11, 19], 80), warm_at([1, 2], 80))
    row = rd.cycles.schedule(panel, warmth="warmth", event=9).set_index("giver").loc["m"]
    assert row["cv"] == pytest.approx(np.std(intervals, ddof=1) / 3.8, abs=1e-12)
    ratio = np.std(intervals) / 3.8
    expected = (math.sqrt(6) * ratio - 2) / ((math.sqrt(6) - 2) * ratio + 2)
    assert row["burstiness"] == pytest.approx(expected, abs=1e-12)
    assert row["memory"] == pytest.approx(np.corrcoef(intervals[:-1], intervals[1:])[0, 1], abs=1e-12)
    assert row["cv_random"] == pytest.approx(math.sqrt(1 - 1 / 3.8), abs=1e-12)
    assert row["conf_low"] < row["cv"] < row["conf_high"]


def test_burstiness_has_its_limits():
    assert burstiness(np.full(12, 5.0)) == pytest.approx(-1.0, abs=1e-12)
    one_long = np.r_[np.zeros(9), 40.0]
    assert burstiness(one_long) == pytest.approx(1.0, abs=1e-12)
    assert math.isnan(memory(np.full(12, 5.0)))


def test_random_beeps_have_the_geometric_cv_and_a_negative_burstiness():
    # Independent beeps with p = 1/3 over 200 beeps: mean CV .80, mean B_n -.12, not 1 and 0.
    rng = np.random.default_rng(20)
    cv, b = [], []
    for _ in range(1500):
        intervals = np.diff(np.flatnonzero(rng.random(200) < 1 / 3)).astype(float)
        cv.append(intervals.std(ddof=1) / intervals.mean())
        b.append(burstiness(intervals))
    assert np.mean(cv) == pytest.approx(0.80, abs=0.006)
    assert np.mean(b) == pytest.approx(-0.12, abs=0.006)


@pytest.mark.parametrize(
    ("draw", "truth"),
    [
        (lambda rng: np.diff(np.flatnonzero(rng.random(200) < 1 / 3)).astype(float), math.sqrt(2 / 3)),
        (lambda rng: np.diff(np.flatnonzero(rng.random(100) < 1 / 3)).astype(float), math.sqrt(2 / 3)),
        (lambda rng: rng.gamma(16.0, 1.0, 15), 0.25),
        (lambda rng: rng.gamma(0.5, 4.0, 30), math.sqrt(2)),
        (lambda rng: 1.0 + rng.negative_binomial(2, 0.25, 30), math.sqrt(24) / 7),
    ],
    ids=["geometric-200", "geometric-100", "regular", "bursty", "negative-binomial"],
)
def test_cv_interval_covers(draw, truth):
    rng = np.random.default_rng(7)
    hits = [low <= truth <= high for low, high in (cv_interval(draw(rng)) for _ in range(1000))]
    # Binomial band around .95 for 1,000 series; conservative laws may lie above it.
    assert np.mean(hits) >= 0.95 - 2.6 * math.sqrt(0.95 * 0.05 / 1000)


def test_a_strict_rhythm_has_no_interval():
    assert all(math.isnan(end) for end in cv_interval(np.full(10, 4.0)))


def test_missing_beeps_count_as_time():
    series = warm_at([0, 4, 8, 12, 16, 20, 24], 80)
    series[[1, 2, 3, 5]] = np.nan
    row = rd.cycles.schedule(make_panel(series, series), warmth="warmth", event=9).iloc[0]
    assert row["cv"] == 0.0


def test_night_counts_as_the_schedule_says():
    days, beeps = np.repeat(np.arange(20), 4), np.tile(np.arange(4), 20)
    series = warm_at(np.arange(3, 80, 4), 80)  # the last beep of each day
    series[[4, 8, 12, 16]] = 9.0  # and the first of four mornings
    without = rd.cycles.events(make_panel(series, series, days=days, beeps=beeps), warmth="warmth", event=9)
    warm = without[(without["giver"] == "m") & without["warm"]]["position"].to_numpy()
    assert warm[:3].tolist() == [3, 4, 7]
    with_night = rd.cycles.events(
        make_panel(series, series, days=days, beeps=beeps, schedule=rd.Schedule(night_steps=3)),
        warmth="warmth",
        event=9,
    )
    warm = with_night[(with_night["giver"] == "m") & with_night["warm"]]["position"].to_numpy()
    assert warm[:3].tolist() == [3, 6, 9]


def test_contingency_looks_one_beep_back_within_the_day():
    days, beeps = np.repeat(np.arange(20), 4), np.tile(np.arange(4), 20)
    approach = np.tile([1.0, 0, 0, 1], 20)
    series = np.tile([1.0, 9, 2, 2], 20)  # always warm after approach in the day; the fourth beep's never counts
    panel = make_panel(series, series, approach=approach, days=days, beeps=beeps)
    table = rd.cycles.schedule(panel, warmth="warmth", approach="approach", event=9)
    assert table["contingency"].tolist() == [1.0, 1.0]


def test_contingency_uses_the_receivers_approach_when_the_giver_reports():
    n = 80
    frame = pd.DataFrame(
        {
            "dyad": 1,
            "person": np.repeat(["p1", "p2"], n),
            "role": np.repeat(["f", "m"], n),
            "t": np.tile(np.arange(n), 2),
        }
    )
    hers = (np.arange(n) % 5 == 0).astype(float)
    frame["approach"] = np.r_[hers, np.zeros(n)]
    frame["given"] = np.r_[np.tile([1.0, 2], n // 2), np.where(np.roll(hers, 1) > 0, 9.0, 1.0)]
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="t")
    table = rd.cycles.schedule(panel, warmth="given", approach="approach", event=9, reported_by="giver")
    table = table.set_index("giver")
    assert table.loc["m", "contingency"] == 1.0
    assert math.isnan(table.loc["f", "contingency"])
    assert "approach never varies" in table.loc["f", "note"]


@pytest.mark.parametrize(
    ("her", "reason"),
    [
        (np.tile([1.0, 5, 3], 19), "57 answered occasions, below 60; room for 3.6 cycles of 16 beeps, below 4"),
        (np.r_[np.ones(70), np.full(10, 5.0)], "88% of answers are 1, above 60%"),
        (np.full(80, 4.0), "answers never vary; 0 intervals, below the 5 that describe a spread"),
        (np.full(80, np.nan), "no answers; 0 intervals, below the 5 that describe a spread"),
    ],
)
def test_undecidable_says_why(her, reason):
    panel = make_panel(her, np.resize([1.0, 2.0, 3.0], len(her)))
    row = rd.cycles.schedule(panel, warmth="warmth").set_index("giver").loc["m"]
    assert not row["decidable"]
    assert row["note"] == reason


def test_a_silent_partner_is_not_decidable():
    panel = make_panel(np.tile([1.0, 5, 3], 30), np.full(90, np.nan))
    row = rd.cycles.schedule(panel, warmth="warmth").set_index("giver").loc["m"]
    assert (row["decidable"], row["note"]) == (False, "the partner never answers")


def test_exchangeable_members_are_named_by_id():
    frame = pd.DataFrame({"dyad": 1, "who": ["b", "a"] * 80, "t": np.repeat(np.arange(80), 2)})
    frame["warmth"] = np.arange(160) % 7
    panel = rd.DyadPanel(frame, dyad="dyad", person="who", time="t")
    assert rd.cycles.schedule(panel, warmth="warmth")["giver"].tolist() == ["a", "b"]


def test_top_tercile_takes_the_share_nearest_to_a_third():
    assert top_tercile(np.array([1.0, 2, 3, 4, 5, 6])) == 5.0
    # Ties: 4 and above is 60 %, 5 is 20 %; a third is nearer to 20 %.
    assert top_tercile(np.array([1.0, 2, 4, 4, 5] * 2)) == 5.0
    assert math.isinf(top_tercile(np.array([3.0, 3, 3])))


@pytest.mark.parametrize("event", [9.5, 1.0, float("nan"), True])
def test_a_threshold_that_divides_nothing_is_refused(event):
    panel = make_panel(warm_at([3], 80), warm_at([3], 80))
    with pytest.raises(DesignError, match=r"^event="):
        rd.cycles.schedule(panel, warmth="warmth", event=event)


def test_unknown_options_and_columns():
    panel = make_panel(warm_at([3], 80), warm_at([3], 80))
    with pytest.raises(DesignError, match="event='treshold' is not known: give 'threshold' or the number"):
        rd.cycles.schedule(panel, warmth="warmth", event="treshold")
    with pytest.raises(DesignError, match="allowed: 'receiver', 'giver'"):
        rd.cycles.schedule(panel, warmth="warmth", reported_by="reciever")
    with pytest.raises(DataError, match="nearest: 'warmth'"):
        rd.cycles.schedule(panel, warmth="warmht")


def test_times_without_a_grid_are_counted_by_rank():
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.5, 1.5, 80))
    frame = pd.DataFrame({"dyad": 1, "who": np.repeat(["a", "b"], 80), "t": np.tile(times, 2)})
    frame["warmth"] = np.tile(warm_at(range(0, 80, 4), 80), 2)
    panel = rd.DyadPanel(frame, dyad="dyad", person="who", role="who", time="t")
    row = rd.cycles.schedule(panel, warmth="warmth", event=9).iloc[0]
    assert row["cv"] == 0.0
    assert row["note"] == "times fit no common grid, so an interval counts distinct times"


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_a_change_of_unit_changes_nothing(data):
    answer = st.one_of(st.integers(1, 7).map(float), st.just(float("nan")))
    her = np.array(data.draw(st.lists(answer, min_size=30, max_size=90)))
    his = np.resize([1.0, 4.0, 2.0], len(her))
    plain = rd.cycles.schedule(make_panel(her, his, approach=her), warmth="warmth", approach="approach")
    scaled = rd.cycles.schedule(
        make_panel(10 * her + 3, 10 * his + 3, approach=5 * her), warmth="warmth", approach="approach"
    )
    if not set(her[np.isfinite(her)]) <= {0.0, 1.0}:
        pd.testing.assert_frame_equal(plain.drop(columns="note"), scaled.drop(columns="note"))
    assert ((plain["n_events"] >= 0) & (plain["n_events"] <= len(her))).all()
    known = plain.dropna(subset=["burstiness"])
    assert known["burstiness"].between(-1 - 1e-12, 1 + 1e-12).all()
    assert plain["contingency"].dropna().between(-1, 1).all()
