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
