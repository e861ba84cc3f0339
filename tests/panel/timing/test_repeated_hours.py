"""The hour that comes twice: instants that the order of rows makes certain are the true ones, all others the first."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.panel.timing._repeated_hours import settle_repeated_hours
from reldyn.panel.timing._times import read_times

ZONE = "Europe/Berlin"


def walk(start, minutes):
    """True instants, and what the clock on the wall showed."""
    utc = pd.Timestamp(start, tz="UTC") + pd.to_timedelta(np.cumsum(minutes), unit="min")
    naive = utc.tz_convert(ZONE).tz_localize(None)
    return np.asarray(utc.tz_localize(None).astype("datetime64[us]").astype(np.int64)) / 1e6, pd.Series(naive)


def settled(naive, person=None):
    person = np.zeros(len(naive), dtype=int) if person is None else person
    return settle_repeated_hours(read_times(naive, zone=ZONE), person)


@pytest.mark.parametrize("every", [20, 25, 35, 50])
def test_a_night_of_regular_stamps_has_its_true_instants(every):
    true, naive = walk("2021-10-30 21:00", np.full(24, every))
    read = settled(naive)
    assert bool((naive.diff() < pd.Timedelta(0)).any())
    np.testing.assert_array_equal(read.values, true)
    # Summer time ends at 1:00 UTC.
    midnight = pd.Timestamp("2021-10-31").timestamp()
    first, second = (int(((true - midnight) // 3600 == hour).sum()) for hour in (0, 1))
    assert [remark.wording for remark in read.remarks] == [
        f"lies in the hour that the clock of {ZONE} shows twice; the order of the person's rows tells the first "
        f"({first}) from the second ({second})"
    ]


@pytest.mark.parametrize("minutes", [[0, 20, 20], [0, 20, 65], [0, 130, 5]])
def test_what_the_order_leaves_open_is_the_first(minutes):
    _, naive = walk("2021-10-31 00:05", minutes)
    assert naive.is_monotonic_increasing
    np.testing.assert_array_equal(settled(naive).values, read_times(naive, zone=ZONE).values)


def test_rows_out_of_order_settle_nothing():
    _, naive = walk("2021-10-30 21:00", np.full(24, 25))
    for rows in (naive[::-1], naive.sample(frac=1, random_state=3)):
        rows = rows.reset_index(drop=True)
        np.testing.assert_array_equal(settled(rows).values, read_times(rows, zone=ZONE).values)


def test_each_person_by_their_own_rows():
    true, naive = walk("2021-10-30 21:00", np.full(24, 25))
    quiet = pd.Series(pd.to_datetime(["2021-10-31 02:10", "2021-10-31 02:40"]))
    both = pd.concat([naive, quiet], ignore_index=True)
    order = np.argsort(np.r_[np.arange(24), [5.5, 6.5]], kind="stable")
    person = np.r_[np.zeros(24, dtype=int), [1, 1]][order]
    read = settled(both.iloc[order].reset_index(drop=True), person)
    np.testing.assert_array_equal(read.values[person == 0], true)
    first = read_times(quiet, zone=ZONE).values
    np.testing.assert_array_equal(read.values[person == 1], first)


def test_the_finding_says_what_was_done_and_lags_go_through_the_hour():
    _, naive = walk("2021-10-30 21:00", np.full(24, 25))
    parts = [pd.DataFrame({"couple": 1, "who": who, "at": naive, "mood": np.arange(24.0)}) for who in ("a", "b")]
    frame = pd.concat(parts, ignore_index=True)
    panel = rd.DyadPanel(frame, dyad="couple", person="who", time="at", timezone=ZONE)
    found = panel.findings[panel.findings["code"] == "clock-change"]
    assert found["n"].tolist() == [8]
    assert "the order of the person's rows tells the first (4) from the second (4)" in found["message"].item()
    lagged = panel.lag(["mood"]).frame
    assert (lagged["mood"] - lagged["mood_lag1"]).dropna().tolist() == [1.0] * 46
    partners = panel.actor_partner(["mood"]).frame
    assert (partners["mood_partner"] == partners["mood_actor"]).all()


def test_the_same_stamp_twice_is_the_second_hour_of_who_answers_every_hour():
    true, naive = walk("2021-10-30 21:00", np.full(24, 60))
    assert naive.duplicated().sum() == 1
    np.testing.assert_array_equal(settled(naive).values, true)
    sparse = pd.concat([naive.iloc[::3], naive[naive.duplicated(keep=False)]]).sort_values(ignore_index=True)
    np.testing.assert_array_equal(settled(sparse).values, read_times(sparse, zone=ZONE).values)
