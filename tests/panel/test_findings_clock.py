"""Times on no common grid and partners who never meet are said, with the lags that are lost."""

import warnings

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.errors import DataWarning
from reldyn.panel.checks._findings import check_panel

COUPLES, EVENINGS = 10, 14
ROLES = {"dyad": "couple", "person": "role", "role": "role", "time": "time"}


@pytest.fixture
def diary():
    """Every evening at eight, both partners of ten couples."""
    couple, day, role = (
        part.ravel() for part in np.meshgrid(range(COUPLES), range(EVENINGS), ["f", "m"], indexing="ij")
    )
    time = pd.Timestamp("2026-01-05 20:00") + pd.to_timedelta(day, unit="D")
    y = np.random.default_rng(1).normal(size=len(couple))
    return pd.DataFrame({"couple": couple, "role": role, "time": time, "y": y})


def phones(n_couples=1, days=10, beeps=5, seed=3):
    """Each phone draws its own time within every window of three hours."""
    rng, rows = np.random.default_rng(seed), []
    for couple in range(n_couples):
        for day in range(days):
            for beep in range(beeps):
                for who in "ab":
                    at = 1_713_514_593 + 86_400 * day + 10_800 * beep + int(rng.integers(0, 5_400))
                    rows.append((couple, who, day + 1, beep + 1, at, rng.normal()))
    return pd.DataFrame(rows, columns=["couple", "role", "day", "beep", "time", "y"])


def found(frame, **changes):
    table = check_panel(frame, **(ROLES | changes))
    return table[table["code"].isin(["off-grid-times", "clocks-apart"])].set_index("code")


def lost_lags(frame):
    """Rows whose preceding row of the same person is not the preceding time of the whole study."""
    times = np.unique(frame["time"])
    ordered = frame.assign(rank=np.searchsorted(times, frame["time"])).sort_values("time", kind="stable")
    step = ordered.groupby(["couple", "role"])["rank"].diff()
    return sorted(step.index[step > 1])


def as_minutes(frame):
    """The same times as numbers, which say nothing of days."""
    return frame.assign(time=(frame["time"] - pd.Timestamp("2026-01-05")) // pd.Timedelta(minutes=1))


def test_stamps_of_one_a_day_are_days_whatever_the_minute(diary):
    late = (diary["couple"] == 3) & (diary["time"] == pd.Timestamp("2026-01-09 20:00"))
    minutes = np.random.default_rng(2).integers(0, 240, len(diary))
    for changed in (
        diary["time"].where(~late, diary["time"] + pd.Timedelta(minutes=1)),
        diary["time"] + pd.to_timedelta(diary["couple"], unit="min"),
        diary["time"] + pd.to_timedelta(minutes, unit="min"),
        # Until four in the morning.
        diary["time"] + pd.to_timedelta(2 * minutes, unit="min"),
    ):
        frame = diary.assign(time=changed)
        assert found(frame).empty
        panel = rd.DyadPanel(frame, **ROLES)
        assert panel.lag(["y"]).frame["y_lag1"].isna().sum() == 2 * COUPLES
        assert panel.actor_partner(["y"]).frame["y_partner"].notna().all()


def test_a_diary_on_the_hour_loses_nothing(diary):
    assert found(diary).empty
    assert rd.DyadPanel(diary, **ROLES).lag(["y"]).frame["y_lag1"].isna().sum() == 2 * COUPLES


def test_one_prompt_a_minute_late_is_named(diary):
    late = (diary["couple"] == 3) & (diary["time"] == pd.Timestamp("2026-01-09 20:00"))
    diary.loc[late, "time"] += pd.Timedelta(minutes=1)
    diary = as_minutes(diary)
    table = found(diary)
    assert table.index.tolist() == ["off-grid-times"]
    assert table.loc["off-grid-times", "severity"] == "warning"
    assert list(table.loc["off-grid-times", "rows"]) == np.flatnonzero(late).tolist()
    n_lost = len(lost_lags(diary))
    assert f"of 260 steps from a person's row to the next, {n_lost} are not" in table.loc["off-grid-times", "message"]
    assert rd.DyadPanel(diary, **ROLES).lag(["y"]).frame["y_lag1"].isna().sum() == n_lost + 2 * COUPLES


@pytest.mark.parametrize("minutes", [1, 15])
def test_a_minute_of_its_own_per_couple_loses_nearly_all_lags(diary, minutes):
    own = np.random.default_rng(2).permutation(COUPLES)
    diary["time"] += pd.to_timedelta(own[diary["couple"]] * minutes, unit="min")
    diary = as_minutes(diary)
    table = found(diary)
    assert table.index.tolist() == ["off-grid-times"]
    assert list(table.loc["off-grid-times", "rows"]) == lost_lags(diary)
    assert "rd.align" in table.loc["off-grid-times", "fix"]
    with pytest.warns(DataWarning, match=r"y_lag1: only 0 of 260 values .* rd\.align"):
        rd.DyadPanel(diary, **ROLES).lag(["y"])


def test_an_evening_diary_with_half_of_its_rows_has_no_odd_clock(diary):
    some = diary.sample(frac=0.45, random_state=1).sort_index(ignore_index=True)
    assert "off-grid-times" not in found(some).index


def test_irregular_times_that_all_share_are_a_note_and_lose_nothing(diary):
    drawn = np.cumsum(np.random.default_rng(4).integers(900, 1_900, EVENINGS))
    diary["time"] = diary["time"].dt.normalize() + pd.to_timedelta(np.resize(drawn.repeat(2), len(diary)), unit="min")
    diary = as_minutes(diary)
    table = found(diary)
    assert table["severity"].tolist() == ["note"]
    assert "260 of 260 steps" in table.loc["off-grid-times", "message"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lagged = rd.DyadPanel(diary, **ROLES).lag(["y"]).frame
    expected = diary.sort_values("time", kind="stable").groupby(["couple", "role"])["y"].shift().sort_index()
    pd.testing.assert_series_equal(lagged["y_lag1"], expected, check_names=False)


def test_partners_with_phones_of_their_own_never_meet():
    frame = phones(7)
    table = found(frame)
    message = table.loc["clocks-apart", "message"]
    assert table["severity"].tolist() == ["warning", "warning"]
    assert message.startswith("the partners of 7 of 7 dyads: 0, 1, 2, 3, 4 and 2 more share no occasion (0 of 350 by")
    assert "rd.align" in table.loc["clocks-apart", "fix"]
    assert found(frame, time=None, day="day", beep="beep").empty


def test_only_the_dyads_whose_clocks_differ_are_named(diary):
    apart = (diary["couple"] == 6) & (diary["role"] == "m") & (diary["time"] > pd.Timestamp("2026-01-06 21:00"))
    diary.loc[apart, "time"] += pd.Timedelta(days=60)
    table = found(diary)
    assert table.index.tolist() == ["clocks-apart"]
    assert table.loc["clocks-apart", "message"].startswith(
        "the partners of dyad 6 share few occasions (2 of 14 by 'time'"
    )
    assert list(table.loc["clocks-apart", "rows"]) == np.flatnonzero(diary["couple"] == 6).tolist()


def test_random_minutes_within_a_named_day_lose_lags_too():
    frame = phones(4)
    frame["time"] = pd.to_datetime(frame["time"], unit="s")
    assert set(found(frame, day="day").index) == {"off-grid-times", "clocks-apart"}


def test_a_lag_of_a_question_asked_once_a_day_does_not_warn():
    frame = phones(3)
    frame["evening"] = frame["y"].where(frame["beep"] == 5)
    panel = rd.DyadPanel(frame, **ROLES | {"time": None, "day": "day", "beep": "beep"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert panel.lag(["evening"]).frame["evening_lag1"].isna().all()
    with pytest.warns(DataWarning, match="exactly one occasion earlier by 'beep'"):
        panel.select(where=lambda rows: rows["beep"] % 2 == 1).lag(["y"])


def test_simulated_panels_have_a_clean_clock():
    assert (
        not rd.simulate.cycles("linear", n_dyads=3, n_occasions=80, seed=1)
        .panel.findings["code"]
        .isin(["off-grid-times", "clocks-apart"])
        .any()
    )


@pytest.mark.parametrize("missing", [[3], [3, 10, 11]])
def test_a_row_without_a_stamp_is_refused_where_stamps_give_the_days(missing):
    rows = [
        (d, w, pd.Timestamp("2026-03-02 20:00") + pd.Timedelta(days=t)) for d in (1, 2) for w in "fm" for t in range(7)
    ]
    frame = pd.DataFrame(rows, columns=["couple", "who", "sent"]).assign(mood=1.5)
    frame.loc[missing, "sent"] = pd.NaT
    with pytest.raises(rd.DataError, match="no time in 'sent': row"):
        rd.DyadPanel(frame, dyad="couple", person="who", role="who", time="sent")
    found = rd.check_panel(frame, dyad="couple", person="who", role="who", time="sent").set_index("code")
    assert found.loc["missing-occasion", "rows"] == tuple(missing)


def evenings(n_days, again=()):
    """Each person at an own minute of the evening; on some days a second answer three minutes later."""
    rng = np.random.default_rng(5)
    start = pd.Timestamp("2026-03-02 20:00")
    rows = [
        (couple, who, start + pd.Timedelta(days=day, minutes=int(rng.integers(0, 180))))
        for couple in (1, 2, 3)
        for who in "fm"
        for day in range(n_days)
    ]
    twice = [(*rows[row][:2], rows[row][2] + pd.Timedelta(minutes=3)) for row in again]
    return pd.DataFrame(rows + twice, columns=["couple", "who", "sent"]).assign(mood=1.5)


def test_an_evening_answered_twice_is_named_as_what_costs_the_lags():
    frame = evenings(14, again=[3, 40])
    found = check_panel(frame, dyad="couple", person="who", role="who", time="sent").set_index("code")
    assert found.loc["off-grid-times", "rows"] == (3, 40, 84, 85)
    assert found.loc["off-grid-times", "message"].startswith("'sent' has one row a day, but for these on days of a")
    assert found.loc["off-grid-times", "fix"].startswith("Keep one row per person and day")
    kept = frame.drop(index=[84, 85])
    panel = rd.DyadPanel(kept, dyad="couple", person="who", role="who", time="sent")
    assert "off-grid-times" not in set(panel.findings["code"])
    assert panel.lag(["mood"]).frame["mood_lag1"].notna().sum() == 78


def test_many_evenings_answered_twice_are_no_slip():
    frame = evenings(14, again=range(0, 84, 5))
    found = check_panel(frame, dyad="couple", person="who", role="who", time="sent").set_index("code")
    assert "lies on no common grid" in found.loc["off-grid-times", "message"]


@pytest.mark.parametrize("written", ["text", "number"])
def test_prompts_that_move_in_utc_ask_for_the_time_zone(written):
    local = [day + pd.Timedelta(hours=hour) for day in pd.date_range("2026-03-20", periods=20) for hour in (9, 15, 21)]
    utc = pd.DatetimeIndex(local).tz_localize("Europe/Berlin").tz_convert("UTC")
    sent = utc.strftime("%Y-%m-%dT%H:%M:%SZ") if written == "text" else utc.as_unit("s").asi8
    frame = pd.concat([pd.DataFrame({"couple": c, "who": w, "sent": sent, "y": 1.5}) for c in (1, 2) for w in "fm"])
    found = check_panel(frame, dyad="couple", person="who", role="who", time="sent").set_index("code")
    assert "Its times are those of UTC" in found.loc["off-grid-times", "message"]
    assert found.loc["off-grid-times", "fix"].startswith("Name the zone of the study")
    named = check_panel(frame, dyad="couple", person="who", role="who", time="sent", timezone="Europe/Berlin")
    assert "off-grid-times" not in set(named["code"])


@pytest.mark.parametrize("wrong", ["2062-03-05", "1970-01-01"])
@pytest.mark.parametrize("hours", ["", " 21:00"])
def test_a_date_of_another_year_is_asked_about(wrong, hours):
    days = [f"2026-03-{day:02d}" for day in range(1, 16)]
    rows = [(1, who, f"{day}{hours}", place) for who in "ab" for place, day in enumerate(days)]
    frame = pd.DataFrame(rows, columns=["dyad", "who", "day", "mood"])
    roles = {"dyad": "dyad", "person": "who", "day": "day"}
    assert "distant-date" not in set(rd.check_panel(frame, **roles)["code"])
    frame.loc[29, "day"] = f"{wrong}{hours}"
    table = rd.check_panel(frame, **roles)
    (found,) = table[table["code"] == "distant-date"].to_dict("records")
    assert (found["severity"], found["rows"]) == ("warning", (29,))
    assert found["message"] == f"'day' holds {wrong}, far from all other dates: row 29."


def test_waves_years_apart_are_no_distant_dates():
    days = [*pd.date_range("2020-03-01", periods=7), *pd.date_range("2026-03-01", periods=7)]
    rows = [(dyad, who, day, 1.0 * place) for dyad in range(4) for who in "ab" for place, day in enumerate(days)]
    frame = pd.DataFrame(rows, columns=["dyad", "who", "day", "mood"])
    assert "distant-date" not in set(rd.check_panel(frame, dyad="dyad", person="who", day="day")["code"])
