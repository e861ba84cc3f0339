"""Numbers that are dates are recognised in every unit, and numbers that count are not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reldyn as rd
from reldyn.panel.timing._numbers import dates_in_numbers
from reldyn.panel.timing._times import read_times

EPOCHS = {"s": ("1970-01-01", 1.0), "ms": ("1970-01-01", 1e3), "spss": ("1582-10-14", 1.0)}


def in_unit(stamps, unit):
    if unit == "excel":
        return np.array([(stamp - pd.Timestamp("1899-12-30")) / pd.Timedelta(days=1) for stamp in stamps])
    if unit.startswith("yyyy"):
        form = {"yyyymmdd": "%Y%m%d", "yyyymmddhhmm": "%Y%m%d%H%M", "yyyymmddhhmmss": "%Y%m%d%H%M%S"}[unit]
        return np.array([float(stamp.strftime(form)) for stamp in stamps])
    start, scale = EPOCHS[unit]
    return (
        np.array([(stamp.to_pydatetime() - np.datetime64(start, "s").item()).total_seconds() for stamp in stamps])
        * scale
    )


@pytest.mark.parametrize("unit", ["s", "ms", "spss", "excel", "yyyymmdd", "yyyymmddhhmm", "yyyymmddhhmmss"])
@settings(max_examples=50, deadline=None)
@given(first=st.integers(0, 20_000), minutes=st.lists(st.integers(0, 100_000), min_size=1, max_size=8))
def test_each_unit_gives_the_same_moments(unit, first, minutes):
    stamps = pd.Timestamp("2001-01-01") + pd.Timedelta(days=first) + pd.to_timedelta(minutes, unit="min")
    if unit == "yyyymmdd":
        stamps = stamps.normalize()
    read = read_times(pd.Series(in_unit(stamps, unit)), serials=True)
    assert (read.kind, read.unit) == ("date", unit)
    expected = (stamps - pd.Timestamp("1970-01-01")) / pd.Timedelta(seconds=1)
    np.testing.assert_allclose(read.values, expected, atol=2e-3)
    text = read_times(
        pd.Series([f"{number:.10f}".rstrip("0").rstrip(".") for number in in_unit(stamps, unit)]), serials=True
    )
    np.testing.assert_allclose(text.values, expected, atol=2e-3)


@pytest.mark.parametrize(
    "numbers",
    [[1, 2, 3], [40_000, 41_440, 60_000], [9.5, 13.0], [0, 0], [np.nan], [32_400, 46_800], [1, 2, 1_616_889_600]],
)
def test_numbers_that_count_are_no_dates(numbers):
    assert dates_in_numbers(np.array(numbers, dtype=float), serials=True) is None


def test_zero_did_not_happen_and_strangers_are_named():
    read = read_times(pd.Series([1_616_889_600, 0, 1_616_893_200, 17, np.nan]))
    assert np.isnan(read.values[[1, 3, 4]]).all()
    assert read.unreadable.tolist() == [False, False, False, True, False]
    assert read.problems[0].wording == ("is no date, as most of its values (seconds since 1970-01-01 UTC) are (17)")


def test_two_units_in_one_column_are_both_read_and_said():
    read = read_times(pd.Series([1_616_889_600, 1_616_893_200, 1_616_896_800_000]))
    assert np.diff(read.values).tolist() == [3600, 3600]
    assert [(remark.code, remark.rows.tolist()) for remark in read.remarks] == [("mixed-units", [False, False, True])]


def test_a_declared_unit_is_taken_at_its_word():
    assert read_times(pd.Series([1_616_889_600.0]), unit="number").kind == "number"
    assert read_times(pd.Series([0.5, 1.0]), unit="excel").values.tolist() == [-2_209_118_400.0, -2_209_075_200.0]


def test_several_units_are_read_alike_in_parts_of_a_panel():
    moments = [1772442000.0 + 86_400 * day for day in range(6)]
    frame = pd.DataFrame({"couple": 1, "who": list("ab") * 6, "at": np.repeat(moments, 2), "y": np.arange(12.0)})
    frame.loc[4:, "at"] *= 1000
    panel = rd.DyadPanel(frame, dyad="couple", person="who", time="at")
    part = panel.select(where=lambda rows: rows["y"] < 8)
    assert np.diff(part.series("y")[0].step).tolist() == [1, 1, 1]
    assert (
        part.findings.loc[part.findings["code"] == "times-read", "message"]
        .str.contains("2026-03-02 to 2026-03-05")
        .any()
    )
    np.testing.assert_array_equal(panel._times("at").values, np.repeat(moments, 2))


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("form", ["%d%m%Y", "%m%d%Y", "%y%m%d"])
def test_dates_without_marks_are_refused_until_their_form_is_declared(form, text):
    days = pd.date_range("2026-03-28", periods=8)
    frame = pd.DataFrame({"couple": 1, "who": ["a"] * 8 + ["b"] * 8, "y": np.arange(16.0)})
    written = days.strftime(form)
    frame["day"] = np.tile(written if text else written.astype(int), 2)
    roles = {"dyad": "couple", "person": "who", "day": "day"}
    with pytest.raises(rd.DataError, match=f"looks like dates without marks.*dates='{form}'"):
        rd.DyadPanel(frame, **roles)
    panel = rd.DyadPanel(frame, **roles, dates=form)
    assert panel.lag(["y"]).frame["y_lag1"].notna().sum() == 2 * 7
    np.testing.assert_array_equal(panel._times("day").values, np.tile(days.to_numpy().astype("M8[s]").astype(float), 2))


def test_numbers_that_count_are_no_dates_without_marks():
    for numbers in (
        [1, 2, 3],
        [100_000, 160_000, 220_000],
        [260_302, 260_303],
        range(310_100, 310_140),
        [1e6, 2e6, 3e6],
    ):
        assert read_times(pd.Series(list(numbers)), serials=True).problems == ()
    assert read_times(pd.Series([260_302, 260_303, 260_304])).problems == ()


def test_a_number_that_lost_its_zero_is_read_by_its_form(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("day,y\n2032026,1\n3032026,2\n13032026,3\n", encoding="utf-8")
    frame = rd.read_table(path, dates={"day": "%d%m%Y"})
    assert [str(day.date()) for day in frame["day"]] == ["2026-03-02", "2026-03-03", "2026-03-13"]


@pytest.mark.parametrize(
    "numbers",
    [
        [202510, 202511, 202512],
        [202501, 202601, 202701],
        [202511, 202512, 202654],
        [0.5, 1.5, 2.5],
        [1.03, 2.03, 3.03, 4.03],
        [1.01, 1.02, 1.03, 2.01, 2.02, 2.03],
        [30.02, 31.02, 1.03],
        [28.115, 29.12, 1.01],
        [9.3, 14.15, 20.0],
    ],
)
def test_numbers_that_hardly_are_dates_count(numbers):
    assert read_times(pd.Series(numbers, dtype=float), serials=True).problems == ()


@pytest.mark.parametrize(
    ("numbers", "what"),
    [
        ([202511, 202512, 202601], "dates='%Y%m'"),
        ([200331, 200401, 200402], "dates='%y%m%d'"),
        ([29.09, 30.09, 1.1, 2.1] * 2, "Write the year"),
        ([28.02, 29.02, 1.03], "Write the year"),
        ([30.12, 31.12, 1.01, 2.01], "Write the year"),
        (["29.09", "30.09", "01.10", "02.10"], "Write the year"),
    ],
)
def test_numbers_that_leap_from_month_to_month_are_refused(numbers, what):
    (problem,) = read_times(pd.Series(numbers), serials=True).problems
    assert problem.code == "ambiguous-dates"
    assert what in problem.fix
    assert read_times(pd.Series(numbers)).problems == ()


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize(
    ("numbers", "part"),
    [
        ([202551, 202552, 202601, 202602], "week"),
        ([2551, 2552, 2601, 2602], "week"),
        ([2025.51, 2025.52, 2026.01, 2026.02], "week"),
        ([2025.11, 2025.12, 2026.01, 2026.02], "month"),
        ([20253, 20254, 20261, 20262], "quarter"),
    ],
)
def test_years_with_a_part_of_them_are_refused_as_the_turn_of_the_year_would_be_a_gap(numbers, part, text):
    column = pd.Series([str(number) for number in numbers] if text else numbers)
    (problem,) = read_times(column, serials=True).problems
    assert problem.code == "ambiguous-dates"
    assert problem.wording.startswith(f"looks like years with their {part}s ({numbers[0]}, {numbers[1]}, ")
    assert problem.fix == (
        f"Write the date of each {part}, or number the {part}s 1, 2, 3, ... across the years, "
        "or pass dates='number' where they count."
    )
    assert read_times(column, unit="number", serials=True).problems == ()


def test_days_of_years_are_read_in_their_form():
    column = pd.Series([2025364, 2025365, 2026001])
    (problem,) = read_times(column, serials=True).problems
    assert problem.fix == "Declare the form, as in dates='%Y%j', or dates='number' where they count."
    assert np.diff(read_times(column, form="%Y%j").values).tolist() == [86_400.0, 86_400.0]


def test_numbers_of_one_year_or_of_prompts_within_days_count():
    for numbers in (range(202510, 202540), [1011, 1012, 1101, 1102], range(20251, 20255), [2025.5, 2025.75, 2026.25]):
        assert read_times(pd.Series(list(numbers)), serials=True).problems == ()
