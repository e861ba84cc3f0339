"""The clock of a study against schedules that are written out by hand or counted in loops."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.errors import DesignError
from reldyn.panel.timing._grid import distinct_times

ROLES = {"dyad": "dyad", "person": "who", "role": "who"}


def study(prompts=(1, 2, 3, 4), days=(1, 2, 3), dyads=(1, 2), seed=1):
    """Rows of every member, day and prompt, with a value that names its cell."""
    rows = [
        {"dyad": dyad, "who": who, "day": day, "beep": prompt} for dyad in dyads for who in "ab" for day in days
        for prompt in prompts
    ]  # fmt: skip
    frame = pd.DataFrame(rows).sample(frac=1, random_state=seed, ignore_index=True)
    return frame.assign(y=np.random.default_rng(seed).normal(size=len(frame)))


def panel_of(frame, **options):
    return rd.DyadPanel(frame, **(ROLES | {"day": "day", "beep": "beep"} | options))


def lags_by_loop(frame, steps, prompts):
    """The value of the same person and day, `steps` entries back in the list of prompts."""
    value = {(row.dyad, row.who, row.day, row.beep): row.y for row in frame.itertuples()}
    found = []
    for row in frame.itertuples():
        at = prompts.index(row.beep) - steps
        found.append(value.get((row.dyad, row.who, row.day, prompts[at]), np.nan) if at >= 0 else np.nan)
    return found


@pytest.mark.parametrize("prompts", [(1, 2, 4), (1, 2, 3, 4), (2, 5, 6, 11), (9, 13, 21), (0.5, 1.0, 3.5)])
@pytest.mark.parametrize("steps", [1, 2])
def test_a_lag_counts_the_prompts_that_the_study_uses(prompts, steps):
    frame = study(prompts)
    frame = frame.sample(frac=0.8, random_state=3, ignore_index=True)
    found = panel_of(frame).lag(["y"], steps).frame[f"y_lag{steps}"]
    np.testing.assert_array_equal(found, lags_by_loop(frame, steps, list(prompts)))


def test_beeps_one_two_and_four_are_three_prompts_a_day_for_every_reader():
    panel = panel_of(study((1, 2, 4)))
    assert panel.clock.n_prompts == 3
    assert panel.clock.prompt.tolist() == [0, 1, 2] * 3
    assert panel.compliance().loc[0, ["expected", "share"]].tolist() == [36, 1.0]
    answered, expected = rd.panel.answered_grid(panel)
    assert answered.all() and expected.all()
    assert panel.clock.step.tolist() == [0, 1, 2, 5, 6, 7, 10, 11, 12]


def test_a_dyad_with_prompts_of_its_own_adds_them_for_all():
    frame = study((1, 2, 4))
    more = study((3, 6), dyads=(2,), seed=2)
    both = pd.concat([frame, more], ignore_index=True)
    panel = panel_of(both)
    np.testing.assert_array_equal(panel.lag(["y"]).frame["y_lag1"], lags_by_loop(both, 1, [1, 2, 3, 4, 6]))
    shares = panel.compliance().query("level == 'dyad'").set_index("label")
    # From the first to the last row of dyad 1: prompts 1, 2, 3, 4 and 6 of three days less the last 6.
    assert shares.loc[1, ["expected", "answered"]].tolist() == [2 * 14, 18]
    assert shares.loc[2, ["expected", "answered"]].tolist() == [30, 30]


def test_a_prompt_without_an_answer_is_a_hole_also_where_nobody_has_a_row():
    frame = study()
    gone = (frame["day"] == 2) & (frame["beep"] == 3)
    panel = panel_of(frame[~gone])
    assert panel.compliance().loc[0, ["expected", "answered"]].tolist() == [48, 44]
    lagged = panel.lag(["y"]).frame
    assert lagged.loc[(lagged["day"] == 2) & (lagged["beep"] == 4), "y_lag1"].isna().all()


def test_beeps_that_run_on_count_from_the_first_to_the_last_of_each_day():
    frame = study()
    frame["beep"] += 4 * (frame["day"] - 1)
    frame = frame[frame["beep"] != 6]  # the second of day 2, skipped by all
    clock = panel_of(frame).clock
    assert clock.occasion.size == 12
    assert clock.day.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert clock.prompt.tolist() == [0, 1, 2, 3] * 3
    assert np.diff(clock.step).tolist() == [1, 1, 1, 3, 1, 1, 1, 3, 1, 1, 1]
    lagged = panel_of(frame).lag(["y"]).frame
    assert lagged.loc[lagged["beep"].isin([1, 5, 7, 9]), "y_lag1"].isna().all()
    assert lagged.loc[~lagged["beep"].isin([1, 5, 7, 9]), "y_lag1"].notna().all()


@pytest.mark.parametrize(
    "names", [{"day": None, "beep": None, "time": "day"}, {"beep": None}, {}, {"beep": "counter"}], ids=str
)
def test_one_occasion_a_day_steps_from_day_to_day_and_not_over_a_day_skipped_by_all(names):
    frame = study((1,), days=(1, 2, 3, 5, 6))
    frame["counter"] = frame["day"] + 10
    panel = panel_of(frame, **names)
    clock = panel.clock
    assert (clock.night_from, clock.night_steps) == ("none", None)
    assert np.diff(clock.step).tolist() == [1] * 5
    assert not clock.prompt.any()
    lagged = panel.lag(["y"]).frame.sort_values(["dyad", "who", "day"])
    value = lagged.set_index(["dyad", "who", "day"])["y"].to_dict()
    expected = [value.get((row.dyad, row.who, row.day - 1), np.nan) for row in lagged.itertuples()]
    np.testing.assert_array_equal(lagged["y_lag1"], expected)
    assert panel.compliance().loc[0, ["expected", "answered"]].tolist() == [20, 20]


@pytest.mark.parametrize(
    ("schedule", "steps", "origin"),
    [
        (None, 3, "default"),
        (rd.Schedule(), 3, "default"),
        (rd.Schedule(night_steps=5), 5, "declared"),
        (rd.Schedule(scheduled="planned"), 5, "clock"),
        (rd.Schedule(night_steps=None), None, "restarts"),
    ],
)
def test_a_night_counts_as_declared_else_by_the_clock_else_three(schedule, steps, origin):
    frame = study()
    hours = 24 * frame["day"] + 9 + 3 * (frame["beep"] - 1)
    frame["planned"] = pd.Timestamp("2026-03-02") + pd.to_timedelta(hours, unit="h")
    panel = panel_of(frame, schedule=schedule)
    assert (panel.clock.night_steps, panel.clock.night_from) == (steps, origin)
    gaps = np.diff(panel.clock.step)
    assert np.delete(gaps, [3, 7]).tolist() == [1] * 9
    assert gaps[3] == gaps[7]
    assert gaps[3] == steps if steps else gaps[3] > 100_000
    # One clock: the step of a row is that of its occasion.
    np.testing.assert_array_equal(panel.index.step, panel.clock.step[panel.index.slot])
    assert (panel.clock.note is None) is (origin != "default")
    assert (f"\n  night         counts {steps} steps" if steps else "restarts in the morning") in str(panel)


@pytest.mark.parametrize("written", ["text", "stamps"])
def test_times_that_order_the_day_measure_its_night(written):
    frame = study((9, 13, 21))
    if written == "text":
        frame["at"] = [f"{hour:02d}:00" for hour in frame["beep"]]
    else:
        hours = 24 * frame["day"] + frame["beep"]
        frame["at"] = pd.Timestamp("2026-03-02") + pd.to_timedelta(hours, unit="h")
    panel = panel_of(frame, beep=None, time="at")
    # Daytime intervals of 4 and 8 hours: median 6; the night from 21 to 9 h is two of them.
    assert (panel.clock.night_steps, panel.clock.night_from) == (2, "clock")
    np.testing.assert_array_equal(panel.lag(["y"]).frame["y_lag1"], lags_by_loop(frame, 1, [9, 13, 21]))


def test_weekends_come_from_the_calendar_also_on_days_without_a_row():
    frame = study((1, 2), days=range(1, 16))
    frame["date"] = pd.Timestamp("2026-03-02") + pd.to_timedelta(frame["day"] - 1, unit="D")  # a Monday
    frame = frame[frame["day"] != 6]
    expected = [day % 7 in (5, 6) for day in range(15)]
    clock = panel_of(frame, day="date").clock
    assert clock.weekend.reshape(15, 2).tolist() == [[free] * 2 for free in expected]
    daily = panel_of(frame[frame["beep"] == 1], day=None, beep=None, time="date").clock
    assert daily.weekend.tolist() == expected
    assert not panel_of(frame).clock.weekend.any()


def test_times_that_form_no_schedule_leave_each_dyad_its_own_occasions():
    frame = study((1, 2, 3), days=(1, 2, 3, 4))
    frame["beep"] = np.random.default_rng(4).uniform(9, 21, len(frame) // 2).repeat(2).round(4)
    frame = frame.sort_values(["dyad", "day"], ignore_index=True)
    frame["beep"] = np.tile(np.random.default_rng(5).uniform(9, 21, 24).round(4), 2)
    panel = panel_of(frame, schedule=rd.Schedule(night_steps=2))
    assert not panel.clock.complete
    own = frame.groupby("dyad")[["day", "beep"]].apply(lambda rows: len(rows.drop_duplicates()))
    expected = panel.compliance().query("level == 'dyad'").set_index("label")["expected"]
    assert (expected == 2 * own).all()
    assert (np.diff(panel.clock.step) > 0).all()


def test_a_part_of_a_panel_keeps_the_clock_of_the_study():
    frame = pd.concat([study((1, 2, 4)), study((3,), dyads=(2,), seed=2)], ignore_index=True)
    panel = panel_of(frame)
    part = panel.select(dyads=[1], where=lambda rows: rows["day"] > 1)
    assert part.clock is panel.clock
    assert part.index.step.min() == 6  # day 2 of four prompts and a night of three
    np.testing.assert_array_equal(part.lag(["y"]).frame["y_lag1"], lags_by_loop(part.frame, 1, [1, 2, 3, 4]))


def test_the_findings_of_a_part_are_those_of_its_rows():
    frame = study()
    frame.loc[frame["dyad"] == 2, "y"] = 1.0
    panel = panel_of(frame, scales={"y": (-9, 9)})
    part = panel.select(dyads=[1]).lag(["y"])
    whole = rd.panel.check_panel(panel.select(dyads=[1]).frame, **ROLES, day="day", beep="beep", scales={"y": (-9, 9)})
    pd.testing.assert_frame_equal(part.findings, whole)


def test_arrays_of_the_clock_cannot_be_written_to():
    clock = panel_of(study()).clock
    for name in ("occasion", "day", "prompt", "step", "lag_day", "lag_step", "weekend"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(clock, name)[0] = 1


def test_a_lag_needs_more_than_one_occasion():
    single = study((1,), days=(1,))
    with pytest.raises(DesignError, match="more than one occasion"):
        panel_of(single).lag(["y"])


def test_days_on_which_nobody_has_a_row_are_not_expected():
    days = pd.bdate_range("2024-04-01", periods=10)
    rows = [(1, who, day, number % 5) for number, day in enumerate(days) for who in ("a", "b")]
    frame = pd.DataFrame(rows, columns=["dyad", "who", "date", "mood"])
    panel = rd.DyadPanel(frame, dyad="dyad", person="who", role="who", day="date")
    overall = panel.compliance().query("level == 'overall'").iloc[0]
    assert (overall["expected"], overall["share"]) == (20, 1.0)
    # No lag leads over the weekend, whatever was expected.
    assert panel.lag(["mood"]).frame["mood_lag1"].notna().sum() == 2 * 8


@pytest.mark.parametrize(
    "values", [[3, 1, 1, 7, 3], [0.5, 1, 0.5], [1e12, 1.0, 1e12], [-4, -4, 2], [5.0], []], ids=lambda v: str(len(v))
)
def test_distinct_times_are_those_of_numpy(values):
    numbers = np.array(values, dtype=float)
    for mine, theirs in zip(
        distinct_times(numbers), np.unique(numbers, return_index=True, return_inverse=True), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_the_clock_says_in_words_where_lags_lead():
    several, daily = study(), study(prompts=(1,), days=range(1, 9))
    few = study(prompts=(1, 2), days=(1, 2, 3))
    later = study(prompts=(2,), days=range(4, 10))
    both = pd.concat([few, later], ignore_index=True)
    undated = daily.drop(columns=["beep"]).rename(columns={"day": "time"})
    said = [
        panel_of(several).clock,
        panel_of(daily).clock,
        panel_of(daily, beep=None).clock,
        panel_of(both).clock,
        rd.DyadPanel(undated, **ROLES, time="time").clock,
    ]
    assert [clock.lags_lead for clock in said] == [
        "within days",
        "from day to day",
        "from day to day",
        "within days and from day to day",
        "",
    ]
    assert [clock.step_name for clock in said] == ["occasion", "day", "day", "occasion", "occasion"]
