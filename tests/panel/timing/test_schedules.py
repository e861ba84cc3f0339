"""Lags and partners of schedules found in stamps, of working days and of designs that change; counts by hand."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.errors import DataError

COUPLES = 5
ROLES = {"dyad": "couple", "person": "role", "role": "role"}
MONDAY = pd.Timestamp("2026-03-02")


def stamps(hours, days, start=MONDAY):
    return [start + pd.Timedelta(days=int(day), hours=float(hour)) for day in days for hour in hours]


def diary(moments, couples=COUPLES):
    rows = [(couple, role, moment) for couple in range(couples) for moment in moments for role in "fm"]
    frame = pd.DataFrame(rows, columns=["couple", "role", "sent"])
    return frame.assign(y=np.arange(len(frame), dtype=float))


def panel_of(frame, **more):
    return rd.DyadPanel(frame, **ROLES, **({"time": "sent"} | more))


def n_lags(panel):
    return int(panel.lag(["y"]).frame["y_lag1"].notna().sum())


def codes(panel):
    found = panel.findings
    return found.loc[found["severity"] != "note", "code"].tolist()


@pytest.mark.parametrize("hours", [(9, 12.5, 15), (9, 13, 21), (10, 14, 18, 22, 24.5), (7, 22), (9, 21), (0, 8, 16)])
def test_prompts_of_a_day_are_steps_within_it(hours):
    panel = panel_of(diary(stamps(hours, range(6))))
    assert n_lags(panel) == 2 * COUPLES * 6 * (len(hours) - 1)
    assert panel.actor_partner(["y"]).frame["y_partner"].notna().all()
    assert (panel.index.n_beeps, codes(panel)) == (len(hours), [])
    assert panel.compliance().loc[0, "expected"] == len(panel)


def test_bursts_years_apart_keep_their_lags_and_no_other():
    days = [*range(7), *range(4000, 4007)]
    several = panel_of(diary(stamps((9, 12, 15), days)))
    assert (n_lags(several), several.compliance().loc[0, "expected"]) == (2 * COUPLES * 14 * 2, len(several))
    one = panel_of(diary(stamps((20,), days)))
    assert (n_lags(one), one.compliance().loc[0, "expected"]) == (2 * COUPLES * 12, len(one))
    assert one.series("y")[0].step.max() < 2000
    numbered = panel_of(diary(days), time="sent")
    assert n_lags(numbered) == 2 * COUPLES * 12


def test_from_five_prompts_to_one():
    moments = [*stamps((9, 12, 15, 18, 21), range(5)), *stamps((21,), range(5, 12))]
    panel = panel_of(diary(moments))
    assert n_lags(panel) == 2 * COUPLES * (5 * 4 + 6)
    assert panel.compliance().loc[0, "share"] == 1
    assert codes(panel) == []


def test_couples_that_change_at_their_own_time_are_said():
    frames = []
    for couple in range(COUPLES):
        moments = [*stamps((9, 15, 21), range(4)), *stamps((21,), range(4, 12))]
        frames.append(diary([moment + pd.Timedelta(days=3 * couple) for moment in moments], 1).assign(couple=couple))
    frame = pd.concat(frames, ignore_index=True)
    panel = panel_of(frame)
    lost = COUPLES * 2 * (4 * 2 + 7) - n_lags(panel)
    warned = panel.findings.set_index("code").loc["few-lags"]
    assert (warned["n"], warned["message"].split()[0]) == (lost, str(lost))
    assert "DyadPanel(" in warned["fix"]


def test_one_odd_stamp_costs_nobody_else_a_lag():
    moments = stamps((9, 12.5, 15), range(10))
    frame = diary(moments)
    odd = frame.index[(frame["couple"] == 2) & (frame["sent"] == moments[4])]
    frame.loc[odd, "sent"] += pd.Timedelta(minutes=1)
    panel = panel_of(frame)
    assert n_lags(panel) == 2 * COUPLES * 20 - 4
    warned = panel.findings.set_index("code").loc["off-grid-times"]
    assert warned["rows"] == tuple(odd)
    assert panel.compliance().loc[0, "expected"] == len(frame)
    series = panel.series("y")[0]
    assert len(series.values) == 30


def test_a_device_around_the_clock_knows_no_night():
    moments = [MONDAY + pd.Timedelta(minutes=10 * step) for step in range(3 * 144)]
    assert n_lags(panel_of(diary(moments, 2))) == 4 * (3 * 144 - 1)


def test_uneven_numbers_have_no_lag_over_a_gap():
    frame = diary([day * 24 + hour for day in range(5) for hour in (0, 4, 9)])
    assert n_lags(panel_of(frame)) == 2 * COUPLES * 5 * 2


def workday_diary(extra=()):
    return diary([*stamps((20,), [day for day in range(21) if day % 7 < 5]), *extra])


@pytest.mark.parametrize("named", ["time", "day"])
def test_friday_to_monday_is_one_step(named):
    frame = workday_diary()
    roles = {"time": None, named: "sent"}
    assert n_lags(panel_of(frame, **roles)) == 2 * COUPLES * 12
    panel = panel_of(frame, **roles, workdays="Mon-Fri")
    assert n_lags(panel) == 2 * COUPLES * 14
    assert np.diff(panel.series("y")[0].step).tolist() == [1] * 14
    assert not panel.clock.weekend.any()
    gaps = panel_of(frame, **roles).findings.set_index("code").loc["gap", "fix"]
    assert "workdays=('Mon', 'Tue', 'Wed', 'Thu', 'Fri')" in gaps


def test_a_holiday_is_a_hole_and_a_saturday_is_outside():
    frame = workday_diary(stamps((20,), [5]))
    frame = frame[frame["sent"].dt.day_of_year != (MONDAY + pd.Timedelta(days=7)).day_of_year]
    panel = panel_of(frame, workdays=("Mon", "Tue", "Wed", "Thu", "Fri"))
    saturday = frame["sent"].dt.day_of_week.to_numpy() == 5
    lagged = panel.lag(["y"]).frame["y_lag1"]
    # Three weeks of five, without the first evening, the holiday, and the day after it.
    assert lagged.notna().sum() == 2 * COUPLES * 12
    assert lagged[saturday].isna().all()
    assert panel.compliance().loc[0, ["expected", "share"]].tolist() == [2 * COUPLES * 14, 1.0]
    assert panel.findings.set_index("code").loc["off-workdays", "rows"] == tuple(np.flatnonzero(saturday))


def test_several_prompts_on_working_days():
    frame = diary(stamps((9, 13, 18), [day for day in range(14) if day % 7 < 5]))
    panel = panel_of(frame, workdays="Mon-Fri")
    assert (n_lags(panel), panel.index.n_days) == (2 * COUPLES * 20, 10)


def test_working_days_need_a_calendar():
    frame = workday_diary().assign(number=lambda rows: rows.groupby(["couple", "role"]).cumcount())
    with pytest.raises(DataError, match="workdays= needs calendar dates"):
        panel_of(frame, time=None, day="number", workdays="Mon-Fri")


def test_summer_time_in_both_directions():
    for start in ("2026-03-27", "2026-10-23"):
        moments = stamps((9, 13, 21), range(5), pd.Timestamp(start))
        zoned = pd.Series(moments).dt.tz_localize("Europe/Berlin")
        for frame, more in (
            (diary(moments), {}),
            (diary(zoned), {}),
            (diary(zoned.dt.tz_convert("UTC")), {"timezone": "Europe/Berlin"}),
        ):
            assert n_lags(panel_of(frame, **more)) == 2 * COUPLES * 10
    twice = panel_of(
        diary([pd.Timestamp("2026-10-25 02:30"), pd.Timestamp("2026-10-25 12:00")]), timezone="Europe/Berlin"
    )
    assert "clock-change" in codes(twice)


def test_what_is_declared_stays_with_the_panel(tmp_path):
    frame = workday_diary()
    frame["sent"] = frame["sent"].dt.strftime("%d.%m.%y %H:%M")
    panel = panel_of(frame, dates="%d.%m.%y %H:%M", timezone="Europe/Berlin", workdays="Mon-Fri")
    panel.to_parquet(tmp_path / "panel.parquet")
    for other in (rd.DyadPanel.from_parquet(tmp_path / "panel.parquet"), panel.select(dyads=[1, 3])):
        assert (other.dates, other.timezone, other.workdays) == (panel.dates, panel.timezone, panel.workdays)
        assert n_lags(other) == 2 * other.n_dyads * 14
        assert "times-read" in other.findings["code"].tolist()
    assert "dates of the form '%d.%m.%y %H:%M', on the clock of Europe/Berlin" in str(panel)
    assert "prompts on Mon, Tue, Wed, Thu, Fri" in str(panel)


def test_dates_that_fit_nothing_are_refused_and_single_misfits_named():
    frame = workday_diary()
    frame["sent"] = frame["sent"].dt.strftime("%d.%m.%Y")
    with pytest.raises(DataError, match=r"no time column has the form dates='%m-%d-%Y'"):
        panel_of(frame, dates="%m-%d-%Y")
    frame.loc[7, "sent"] = "soon"
    with pytest.raises(DataError, match=r"'sent' does not have the form '%d.%m.%Y' \('soon'\): row 7"):
        panel_of(frame, dates={"sent": "%d.%m.%Y"})


def test_answers_long_before_their_prompt():
    frame = diary(stamps((9, 15), range(4))).assign(answered=lambda rows: rows["sent"] + pd.Timedelta(minutes=3))
    frame.loc[3, "answered"] -= pd.Timedelta(days=3)
    schedule = rd.Schedule(scheduled="sent", answered="answered")
    found = panel_of(frame, schedule=schedule).findings.set_index("code").loc["answered-before-sent"]
    assert (found["rows"], "by up to 3 days" in found["message"]) == ((3,), True)
    frame["answered"] = frame["sent"] - pd.Timedelta(minutes=115)
    found = panel_of(frame, schedule=schedule).findings.set_index("code").loc["answered-before-sent"]
    assert "different time zones" in found["fix"]


A, B = (9, 13, 21), (10, 14, 22)
FOUR, FIVE = (9, 13, 17, 21), (9, 12, 15, 18, 21)


def couples_on(schedules, days=8, missing=0.0, seed=1):
    """A diary per couple on its own hours, with the number of the prompt as the truth."""
    rng = np.random.default_rng(seed)
    rows = [
        (couple, role, MONDAY + pd.Timedelta(days=day, hours=hour), day, number)
        for couple, hours in enumerate(schedules)
        for day in range(days)
        for number, hour in enumerate(hours)
        for role in "fm"
        if rng.random() >= missing
    ]
    frame = pd.DataFrame(rows, columns=["couple", "role", "sent", "day", "number"])
    return frame.assign(y=rng.normal(size=len(frame)), hour=frame["sent"].dt.strftime("%H:%M"))


BY_COUPLE = {
    "shifted": [A, B] * 3,
    "one couple shifted": [A] * 20 + [B],
    "four and five": [FOUR, FIVE] * 3,
    "one couple with five": [FOUR] * 20 + [FIVE],
    "three schedules": [A, B, (8, 15, 20)] * 3,
}


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("roles", [{"time": "sent"}, {"day": "day", "time": "hour"}])
@pytest.mark.parametrize("schedules", BY_COUPLE.values(), ids=list(BY_COUPLE))
def test_couples_on_schedules_of_their_own_have_their_lags(schedules, roles, missing):
    frame = couples_on(schedules, missing=missing)
    panel = rd.DyadPanel(frame, **ROLES, **roles)
    truth = rd.DyadPanel(frame, **ROLES, day="day", beep="number")
    for verb in ("lag", "actor_partner"):
        found, expected = (getattr(one, verb)(["y"]).frame for one in (panel, truth))
        new = [name for name in expected.columns if name not in frame.columns]
        np.testing.assert_array_equal(found[new].to_numpy(), expected[new].to_numpy())
    assert codes(panel) == codes(truth)
    # Asked are the prompts of the couple's own day, from its first row to its last.
    position = frame["day"] * frame["couple"].map(dict(enumerate(map(len, schedules)))) + frame["number"]
    asked = position.groupby(frame["couple"]).agg(lambda steps: steps.max() - steps.min() + 1).sum()
    overall = panel.compliance().loc[0]
    assert (overall["expected"], overall["answered"]) == (2 * asked, len(frame))
    said = panel.findings.set_index("code")["message"]
    assert "differ between dyads" in said["times-read"]
    if not missing:
        assert said["compliance"] == "persons answered 100.0 % of their dyad's occasions."


def test_series_of_couples_on_their_own_schedules_have_only_their_own_holes():
    frame = couples_on([FOUR, FIVE] * 2)
    lost = frame.index[(frame["couple"] == 0) & (frame["number"] == 2) & (frame["day"] == 3)]
    panel = panel_of(frame.drop(index=lost))
    lengths = [len(one.values) for one in panel.series("y")]
    assert lengths == [4 * 8, 5 * 8] * 2
    holes = [int(np.isnan(np.asarray(one.values)).all(axis=-1).sum()) for one in panel.series("y")]
    assert holes == [1, 0, 0, 0]
    part = panel.select(dyads=[1, 2])
    assert [len(one.values) for one in part.series("y")] == [5 * 8, 4 * 8]
    assert part.compliance().loc[0, ["expected", "share"]].tolist() == [2 * 9 * 8, 1.0]
    cycles = rd.cycles.schedule(panel, warmth="y")
    assert len(cycles) == 8


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("missing", [0.2, 0.5, 0.7])
def test_one_schedule_stays_one_however_much_is_missing(seed, missing):
    frame = couples_on([FIVE] * 12, days=7, missing=missing, seed=seed)
    # One couple is never at home at noon.
    frame = frame[(frame["couple"] != 3) | (frame["number"] != 1)]
    panel, truth = panel_of(frame), rd.DyadPanel(frame, **ROLES, day="day", beep="number")
    assert panel.clock.absent is None
    np.testing.assert_array_equal(panel.lag(["y"]).frame["y_lag1"], truth.lag(["y"]).frame["y_lag1"])


def test_prompts_that_a_couple_leaves_out_of_a_schedule_of_others_are_holes():
    frame = couples_on([FOUR, A] * 3)
    panel = panel_of(frame)
    assert panel.clock.absent is None
    # Nobody knows whether the 17 h prompt came to the couples that never answered it.
    assert n_lags(panel) == 2 * 3 * 8 * (3 + 1)


def test_a_stamp_off_the_own_schedule_is_named_and_costs_nobody_else():
    frame = couples_on([A, B] * 3)
    odd = frame.index[(frame["couple"] == 1) & (frame["day"] == 2) & (frame["number"] == 1)]
    frame.loc[odd, "sent"] += pd.Timedelta(minutes=7)
    panel = panel_of(frame)
    assert n_lags(panel) == 2 * 6 * 8 * 2 - 4
    assert panel.findings.set_index("code").loc["off-grid-times", "rows"] == tuple(odd)


def test_from_five_prompts_to_one_at_another_hour():
    moments = [*stamps((9, 12, 15, 18, 21), range(5)), *stamps((20,), range(5, 12))]
    for roles in ({"time": "sent"}, {"day": "day", "time": "hour"}):
        frame = diary(moments)
        frame = frame.assign(day=(frame["sent"] - MONDAY).dt.days, hour=frame["sent"].dt.strftime("%H:%M"))
        panel = rd.DyadPanel(frame, **ROLES, **roles)
        assert n_lags(panel) == 2 * COUPLES * (5 * 4 + 6)
        assert panel.compliance().loc[0, ["expected", "share"]].tolist() == [len(frame), 1]
        assert codes(panel) == []
        steps = np.diff(panel.series("y")[0].step)
        assert (steps[:24] == 1).sum() == 5 * 4
        assert len(panel.series("y")[0].values) == len(moments)


@pytest.mark.parametrize(("code", "named"), [(-99, "day"), (999, "day"), (-9, "beep"), (99, "beep")])
def test_codes_for_missing_among_days_and_beeps_are_named(code, named):
    frame = diary(range(24)).assign(day=lambda rows: rows["sent"] // 3 + 1, beep=lambda rows: rows["sent"] % 3 + 1)
    frame.loc[[4, 5], named] = code
    found = panel_of(frame, time=None, day="day", beep="beep").findings
    found = found[(found["code"] == "suspected-missing-code") & (found["column"] == named)]
    assert (found["rows"].item(), found["severity"].item()) == ((4, 5), "warning")
    clean = panel_of(diary(range(90, 110)).assign(day=lambda rows: rows["sent"]), time=None, day="day").findings
    assert "suspected-missing-code" not in set(clean["code"])
