"""Rows in time: one diary gives the same lags however its times are written, and never one from the future."""

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reldyn as rd
from reldyn.errors import DataError
from reldyn.panel.timing._placing import place_rows, weekdays
from reldyn.panel.timing._times import read_times

WHO = {"dyad": "couple", "person": "who", "role": "who"}
BERLIN = ZoneInfo("Europe/Berlin")
# The clock goes forward on 28 March 2021 and back on 31 October 2021.
STARTS = ("2021-03-25", "2021-10-28", "2021-06-10")
HOURS = (9, 12, 15, 18)


def one_couple(moments):
    rows = [(1, who, moment, float(place)) for place, moment in enumerate(moments) for who in "ab"]
    return pd.DataFrame(rows, columns=["couple", "who", "sent", "mood"])


def lags(frame, **roles):
    return rd.DyadPanel(frame, **WHO, **roles).lag(["mood"]).frame["mood_lag1"]


WAYS = {
    "naive": lambda local: local,
    "aware": lambda local: local.dt.tz_localize(BERLIN),
    "utc": lambda local: local.dt.tz_localize(BERLIN).dt.tz_convert("UTC").dt.tz_convert(BERLIN),
    "objects": lambda local: local.dt.tz_localize(BERLIN).astype(object),
    "offsets": lambda local: local.dt.tz_localize(BERLIN).map(pd.Timestamp.isoformat),
    "iso": lambda local: local.dt.strftime("%Y-%m-%dT%H:%M:%S"),
    "day first": lambda local: local.dt.strftime("%d.%m.%Y %H:%M"),
    "day first, short": lambda local: local.dt.strftime("%d/%m/%Y %H:%M"),
    "english": lambda local: local.dt.strftime("%d %B %Y, %I:%M %p"),
    "categories": lambda local: pd.Categorical(local.dt.strftime("%Y-%m-%d %H:%M")),
}


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=25, deadline=None)
@given(
    start=st.sampled_from(STARTS), seed=st.integers(0, 2**32 - 1), own_day=st.sampled_from(["number", "text", "date"])
)
def test_one_diary_has_the_same_lags_however_it_is_written(way, start, seed, own_day):
    rng = np.random.default_rng(seed)
    grid = [(who, day, hour) for who in "ab" for day in range(7) for hour in HOURS]
    local = pd.Series([pd.Timestamp(start) + pd.Timedelta(days=day, hours=hour) for _, day, hour in grid])
    number = pd.Series([day + 1 for _, day, _ in grid])
    frame = pd.DataFrame({"couple": 1, "who": [who for who, _, _ in grid], "sent": WAYS[way](local)})
    frame["mood"] = rng.normal(size=len(frame))
    frame["day"] = {"number": number, "text": number.astype(str), "date": frame["sent"]}[own_day]
    keep = np.sort(rng.permutation(len(frame))[: rng.integers(30, len(frame) + 1)])
    kept = rng.permutation(np.union1d(keep, np.arange(4)))
    mood = dict(zip(grid, frame["mood"], strict=True))
    here = {grid[row] for row in kept}
    expected = []
    for row in kept:
        who, day, hour = grid[row]
        before = (who, day, hour - 3)
        expected.append(mood[before] if before in here else np.nan)
    shuffled = frame.iloc[kept].reset_index(drop=True)
    np.testing.assert_array_equal(lags(shuffled, day="day", time="sent"), expected)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("kind", ["time", "day"])
def test_a_daily_diary_has_its_lags_over_a_change_of_the_clock(way, start, kind):
    days = [0, 1, 2, 4, 5, 6, 8]
    local = pd.Series([pd.Timestamp(start) + pd.Timedelta(days=day, hours=21) for day in days])
    frame = one_couple(range(len(days)))
    frame["sent"] = pd.Series(WAYS[way](local))[frame["sent"]].to_numpy(dtype=object)
    expected = [np.nan, 0, 1, np.nan, 3, 4, np.nan]
    found = lags(frame, **{kind: "sent"})
    np.testing.assert_array_equal(found[frame["who"] == "a"], expected)


@pytest.mark.parametrize("kind", ["time", "day", "beep"])
@pytest.mark.parametrize("dtype", [object, str, "string", "category"])
def test_numbers_stored_as_text_give_the_lags_of_numbers(kind, dtype):
    frame = one_couple(range(12))
    frame["sent"] = (frame["mood"] + 1).astype(int).astype(str).astype(dtype)
    panel = rd.DyadPanel(frame, **WHO, **{kind: "sent"})
    expected = np.where(frame["mood"] > 0, frame["mood"] - 1, np.nan)
    np.testing.assert_array_equal(panel.lag(["mood"]).frame["mood_lag1"], expected)
    dynamics = rd.affect_dynamics(panel, "mood")
    np.testing.assert_allclose(dynamics[["mssd", "inertia"]], 1.0)
    found = panel.findings.set_index("code")
    assert found.loc["numbers-as-text", ["column", "severity", "n"]].tolist() == ["sent", "warning", 24]


def test_day_and_beep_as_text():
    rows = [(1, who, day, beep) for who in "ab" for day in (9, 10, 11) for beep in range(8, 13)]
    frame = pd.DataFrame(rows, columns=["couple", "who", "day", "beep"])
    frame["mood"] = np.arange(len(frame), dtype=float)
    numbers = lags(frame, day="day", beep="beep")
    np.testing.assert_array_equal(lags(frame.astype({"day": str, "beep": str}), day="day", beep="beep"), numbers)
    assert numbers.notna().sum() == 2 * 3 * 4


@pytest.mark.parametrize("mark", [".", "/", "-"])
@pytest.mark.parametrize("clock", ["", " 09:30"])
def test_ambiguous_dates_are_refused_with_both_readings(mark, clock):
    texts = [f"{day:02}{mark}04{mark}2021{clock}" for day in (1, 2, 3, 6, 7, 8, 11, 12)]
    with pytest.raises(DataError) as caught:
        rd.DyadPanel(one_couple(texts), **WHO, day="sent")
    assert str(caught.value) == (
        "the rows cannot make a panel, 1 fault:\n"
        f"- 'sent' leaves the order of its dates open ({texts[0]!r} is 1 April 2021 or 4 January 2021): "
        "rows 0, 1, 2, 3, 4 and 11 more. Name the form that the file uses, for example "
        "dates='%d.%m.%Y %H:%M' or dates={'sent': '%m/%d/%y'}, or write ISO dates (2026-11-23)."
    )


@pytest.mark.parametrize(
    "form", ["{:02}.04.21", "{:02}.04.2021", "{:02}/04/2021", "{:02}-04-2021 20:15", "{:02}/04/21"]
)
def test_dates_in_the_only_possible_order_are_read(form):
    texts = [form.format(day) for day in range(1, 21)]
    assert lags(one_couple(texts), day="sent").notna().sum() == 38


def test_a_part_of_a_panel_is_read_like_the_whole(tmp_path):
    texts = [f"{day:02}.04.2021" for day in range(1, 21)]
    panel = rd.DyadPanel(one_couple(texts), **WHO, day="sent")
    part = panel.select(where=lambda frame: frame["mood"] < 10)
    assert "ambiguous-dates" not in set(part.findings["code"])
    pytest.importorskip("pyarrow")
    part.to_parquet(tmp_path / "part.parquet")
    back = rd.DyadPanel.from_parquet(tmp_path / "part.parquet")
    assert back.lag(["mood"]).frame["mood_lag1"].notna().sum() == 18


OFFSETS = [f"2021-03-{day}T{hour}:00:00+0{1 if day < 28 else 2}:00" for day in range(24, 32) for hour in ("09", "20")]


def test_changing_utc_offsets_are_local_days_and_elapsed_steps():
    frame = one_couple(OFFSETS)
    frame["day"] = [int(text[8:10]) - 23 for text in frame["sent"]]
    frame["beep"] = [1 if "T09" in text else 2 for text in frame["sent"]]
    whole = rd.DyadPanel(frame, **WHO, time="sent")
    assert whole.n_occasions == 16
    daily = rd.DyadPanel(frame, **WHO, day="sent")
    assert (daily.index.n_days, daily.index.n_beeps) == (8, 2)
    np.testing.assert_array_equal(daily.index.day, frame["day"] - 1)
    evening = rd.DyadPanel(frame[frame["beep"] == 2], **WHO, day="sent")
    assert evening.index.cells == 8
    assert evening.lag(["mood"]).frame["mood_lag1"].notna().sum() == 14
    clock = rd.Schedule(scheduled="sent")
    planned = rd.DyadPanel(frame, **WHO, day="day", beep="beep", schedule=clock)
    step = planned.index.step[::2]
    # The night from 20:00 to 9:00 has 13 hours, 12 when the clock goes forward; the day from 9:00 to 20:00 has 11.
    assert (step[1] - step[0], step[2] - step[1]) == (1, 1)
    for column in (None, "sent"):
        found = rd.check_panel(frame, **WHO, time="sent", schedule=rd.Schedule(sent=column, answered=column))
        assert "error" not in set(found["severity"])


def test_late_answers_of_a_named_day_come_last():
    stamps = pd.to_datetime(["2021-06-01 21:00", "2021-06-01 22:30", "2021-06-02 00:00", "2021-06-02 01:30"])
    frame = one_couple(stamps)
    found = rd.DyadPanel(frame.assign(day=1), **WHO, day="day", time="sent")
    assert found.index.beep[::2].tolist() == [0, 1, 2, 3]
    lagged = found.lag(["mood"]).frame
    assert (lagged["mood_lag1"].dropna() < lagged.loc[lagged["mood_lag1"].notna(), "mood"]).all()
    # One partner who only answered past midnight still stands beside the other.
    late = frame[(frame["who"] == "a") | (frame["mood"] >= 2)]
    pairs = rd.DyadPanel(late.assign(day=1), **WHO, day="day", time="sent").actor_partner(["mood"]).frame
    assert pairs.loc[pairs["who"] == "b", "mood_partner"].tolist() == [2.0, 3.0]


def test_partners_who_number_their_days_apart_are_paired_by_the_hour():
    rows = [
        (1, who, day, pd.Timestamp("2021-06-01") + pd.Timedelta(days=day + late, hours=hour), float(hour))
        for who, late in (("a", 0), ("b", 3))
        for day in (1, 2)
        for hour in HOURS
    ]
    frame = pd.DataFrame(rows, columns=["couple", "who", "day", "sent", "mood"])
    pairs = rd.DyadPanel(frame, **WHO, day="day", time="sent").actor_partner(["mood"]).frame
    assert (pairs["mood_partner"] == pairs["mood"]).all()


@pytest.mark.filterwarnings("ignore:mood_lag1")
@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.integers(1, 30 * 60), min_size=3, max_size=25),
    zones=st.lists(st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Tokyo"]), min_size=26, max_size=26),
    way=st.sampled_from(["aware", "objects", "offsets"]),
    seed=st.integers(0, 1000),
    days=st.booleans(),
)
def test_no_lag_comes_from_the_future(gaps, zones, way, seed, days):
    instants = pd.Timestamp("2021-10-30 20:00", tz="UTC") + pd.to_timedelta(np.cumsum([0, *gaps]), unit="min")
    if way == "aware":
        sent = pd.Series(instants.tz_convert(BERLIN))
    else:
        travelling = [moment.tz_convert(zone) for moment, zone in zip(instants, zones, strict=False)]
        sent = pd.Series(travelling, dtype=object)
        sent = sent if way == "objects" else sent.map(lambda moment: moment.isoformat())
    frame = one_couple(range(len(instants)))
    frame["sent"] = sent[frame["sent"]].to_numpy(dtype=object)
    frame["period"] = np.where(frame["mood"] < 5, 1, 2)
    frame = frame.sample(frac=1, random_state=seed, ignore_index=True)
    panel = rd.DyadPanel(frame, **WHO, time="sent", **({"day": "period"} if days else {}))
    lagged = panel.lag(["mood"]).frame
    known = lagged["mood_lag1"].notna()
    assert (lagged.loc[known, "mood_lag1"] < lagged.loc[known, "mood"]).all()
    order = np.lexsort((panel.index.beep, panel.index.day, panel.index.person))
    assert np.all(np.diff(frame["mood"].to_numpy()[order])[np.diff(panel.index.person[order]) == 0] > 0)


def test_local_days_of_aware_stamps():
    # Half past midnight in Berlin is the evening before in UTC.
    stamps = pd.to_datetime(["2021-06-05 00:30", "2021-06-06 00:30", "2021-06-07 00:30"]).tz_localize(BERLIN)
    times = read_times(pd.Series(stamps))
    assert weekdays(times).tolist() == [5, 6, 0]
    panel = rd.DyadPanel(one_couple(stamps), **WHO, day="sent")
    assert panel.clock.weekend.tolist() == [True, True, False]


def test_findings_and_index_see_the_same_cells():
    frame = pd.DataFrame({"couple": 1, "who": list("aabb"), "sent": ["2021-06-01 09:00", "2021-06-01 20:00"] * 2})
    frame["beep"] = 1
    found = rd.check_panel(frame, **WHO, day="sent", beep="beep")
    assert found.loc[found["code"] == "duplicate-occasion", "rows"].item() == (0, 1, 2, 3)


def test_labels_are_refused_and_ordered_categories_are_not():
    frame = one_couple(["noon", "evening"])
    with pytest.raises(DataError, match="'sent' holds labels, none of which is a time or a number"):
        rd.DyadPanel(frame, **WHO, time="sent")
    frame["sent"] = pd.Categorical(frame["sent"], categories=["noon", "evening"], ordered=True)
    np.testing.assert_array_equal(lags(frame, time="sent"), [np.nan, np.nan, 0, 0])


def test_place_rows_without_and_with_missing_times():
    person = np.array([0, 0, 1, 1])
    assert place_rows({}, person, person) == {}
    empty = read_times(pd.Series([None] * 4, dtype=object))
    stamps = read_times(pd.Series(pd.to_datetime(["2021-06-01 09:00", None, None, "2021-06-01 20:00"])))
    placed = place_rows({"day": empty, "time": stamps}, person, np.zeros(4, dtype=int))
    assert np.isnan(placed["time"]).all()
    placed = place_rows({"day": read_times(pd.Series([1, 1, 1, 1])), "time": stamps}, person, np.zeros(4, dtype=int))
    np.testing.assert_equal(placed["time"], [32_400, np.nan, np.nan, 72_000])
