"""Pseudonyms hang on the key alone, and times keep all but their place in the calendar."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.errors import DataError, DesignError

KEY = "a key that stays at home"


@pytest.fixture(scope="module")
def panel():
    rows = []
    draws = np.random.default_rng(2)
    for couple in ("ann+bob", "cat+dan", "eve+fay"):
        for who in couple.split("+"):
            for day in pd.date_range("2024-03-25", periods=10):
                rows.append((couple, who, day, day + pd.Timedelta(hours=20, minutes=int(draws.integers(60)))))
    frame = pd.DataFrame(rows, columns=["couple", "who", "day", "answered"]).assign(mood=draws.normal(size=len(rows)))
    frame["local"] = frame["answered"].dt.tz_localize("Europe/Berlin")
    return rd.DyadPanel(frame, dyad="couple", person="who", day="day", schedule=rd.Schedule(answered="answered"))


@pytest.fixture(scope="module")
def plain(panel):
    return rd.study.deidentify(panel, secret=KEY)


def test_no_id_remains_and_answers_do(panel, plain):
    text = plain.frame.to_csv()
    assert not any(name in text for name in ("ann", "bob", "cat", "dan", "eve", "fay"))
    assert plain.n_dyads == 3
    assert plain.n_persons == 6
    np.testing.assert_allclose(np.sort(plain.frame["mood"]), np.sort(panel.frame["mood"]))
    # Rows come in the order of the pseudonyms.
    assert plain.frame["couple"].is_monotonic_increasing


def test_times_move_by_whole_weeks_alike_for_both_partners(panel, plain):
    both = panel.frame.merge(plain.frame, on="mood", suffixes=("", "_new"))
    assert len(both) == 60
    moved = both["day_new"] - both["day"]
    assert (moved.dt.days % 7 == 0).all()
    assert (moved != pd.Timedelta(0)).all()
    assert (moved.abs() <= pd.Timedelta(weeks=104)).all()
    assert both.assign(moved=moved).groupby("couple")["moved"].nunique().eq(1).all()
    assert ((both["answered_new"] - both["answered"]) == moved).all()
    assert (both["day_new"].dt.day_name() == both["day"].dt.day_name()).all()
    assert (both["local_new"].dt.time == both["local"].dt.time).all()
    assert moved.nunique() > 1


def test_findings_and_lags_stay(panel, plain):
    lagged = [one.lag(["mood"]).frame["mood_lag1"].dropna().sort_values().to_numpy() for one in (panel, plain)]
    np.testing.assert_allclose(*lagged)
    overall = [one.compliance().iloc[0][["expected", "answered"]].tolist() for one in (panel, plain)]
    assert overall[0] == overall[1]


def test_the_key_alone_makes_the_pseudonyms(panel, plain):
    part = panel.select(dyads=["cat+dan"])
    again = rd.study.deidentify(part, secret=KEY)
    assert set(again.frame["who"]) < set(plain.frame["who"])
    other = rd.study.deidentify(panel, secret=KEY + "!")
    assert not set(other.frame["couple"]) & set(plain.frame["couple"])
    drawn = [set(rd.study.deidentify(panel).frame["couple"]) for _ in range(2)]
    assert not drawn[0] & drawn[1]
    kept = rd.study.deidentify(panel, secret=KEY, shift=None)
    assert set(kept.frame["day"]) == set(panel.frame["day"])


def test_members_that_are_only_numbered_keep_their_numbers(panel):
    frame = panel.frame.assign(member=panel.index.member + 1)
    numbered = rd.DyadPanel(frame, dyad="couple", person="member", day="day")
    assert set(rd.study.deidentify(numbered).frame["member"]) == {1, 2}


def test_dates_as_text_are_moved_or_refused(panel):
    frame = panel.frame.assign(day=panel.frame["day"].dt.strftime("%Y-%m-%d"))
    texts = rd.study.deidentify(rd.DyadPanel(frame, dyad="couple", person="who", day="day"), secret=KEY)
    moved = panel.frame.merge(texts.frame, on="mood", suffixes=("", "_new"))
    assert ((pd.to_datetime(moved["day_new"]) - moved["day"]).dt.days % 7 == 0).all()
    assert texts.n_occasions == 10
    german = panel.frame.assign(day=panel.frame["day"].dt.strftime("%d.%m.%Y"))
    with pytest.raises(DataError, match="'day' holds dates as text in a form that cannot be moved"):
        rd.study.deidentify(rd.DyadPanel(german, dyad="couple", person="who", day="day"))


@pytest.mark.parametrize(
    ("given", "words"),
    [({"secret": "short"}, "at least 16 characters"), ({"secret": 7}, "at least 16"), ({"shift": "days"}, "shift")],
)
def test_wrong_options_are_refused(panel, given, words):
    with pytest.raises(DesignError, match=words):
        rd.study.deidentify(panel, **given)
    with pytest.raises(DesignError, match="takes a DyadPanel"):
        rd.study.deidentify(panel.frame)
