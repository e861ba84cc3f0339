"""The reader of time columns: every way to store one moment gives one number, and nothing is guessed."""

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reldyn.panel.timing._times import read_times

BERLIN = ZoneInfo("Europe/Berlin")


def read(values, **options):
    return read_times(pd.Series(values, **options))


def problems(times):
    return [(problem.code, np.flatnonzero(problem.rows).tolist()) for problem in times.problems]


def seconds(*moment):
    return (dt.datetime(*moment) - dt.datetime(1970, 1, 1)).total_seconds()


@pytest.mark.parametrize(
    "values",
    [
        [2, 10, None],
        ["2", " 10 ", None],
        ["2.0", "1e1", ""],
        ["2", "+10", "NA"],
        pd.array([2, 10, None], dtype="Int64"),
        pd.array(["2", "10", None], dtype="string"),
        pd.Series([2, "10", None], dtype=object),
        pd.Series([Decimal(2), np.int16(10), pd.NA], dtype=object),
        pd.Categorical(["2", "10", None]),
        pd.Categorical([2, 10, None]),
        pd.Categorical(["2", "10", None], categories=["2", "10", "30"], ordered=True),
    ],
)
def test_numbers_are_numbers_however_they_are_stored(values):
    times = read(values)
    assert (times.kind, times.problems) == ("number", ())
    np.testing.assert_equal(times.values, [2, 10, np.nan])
    np.testing.assert_equal(times.local, times.values)
    has_text = any(isinstance(value, str) for value in pd.Series(values).array)
    assert times.text == has_text


@pytest.mark.parametrize(
    "values",
    [
        pd.to_datetime(["2021-04-01 09:30", "2021-04-02 00:00"]),
        ["2021-04-01 09:30", "2021-04-02"],
        ["2021-04-01T09:30:00", "2021-04-02"],
        pd.Series([dt.datetime(2021, 4, 1, 9, 30), dt.date(2021, 4, 2)], dtype=object),
        pd.Series([np.datetime64("2021-04-01T09:30"), np.datetime64("2021-04-02")], dtype=object),
        pd.Series([pd.Timestamp("2021-04-01 09:30"), "2021-04-02"], dtype=object),
        ["01.04.2021 09:30", "2 April 2021"],
        pd.PeriodIndex(["2021-04-01 09:30", "2021-04-02 00:00"], freq="min"),
        pd.Categorical(["2021-04-01 09:30", "2021-04-02"]),
        np.array(["2021-04-01T09:30", "2021-04-02T00:00"], dtype="datetime64[s]"),
    ],
)
def test_dates_are_dates_however_they_are_stored(values):
    if isinstance(values, list) and values[0].startswith("01."):
        values = [*values, "13.04.2021"]
    times = read(values)
    assert (times.kind, times.problems) == ("date", ())
    assert times.values[:2].tolist() == [seconds(2021, 4, 1, 9, 30), seconds(2021, 4, 2)]
    assert times.has_hours


def test_arrow_columns():
    pytest.importorskip("pyarrow")
    stamps = pd.Series(pd.to_datetime(["2021-07-01 09:30", None])).dt.tz_localize(BERLIN)
    times = read_times(stamps.astype("timestamp[us, tz=Europe/Berlin][pyarrow]"))
    np.testing.assert_equal(times.local, [seconds(2021, 7, 1, 9, 30), np.nan])
    np.testing.assert_equal(times.values, [seconds(2021, 7, 1, 7, 30), np.nan])
    assert read_times(pd.Series([dt.date(2021, 7, 1)]).astype("date32[pyarrow]")).values[0] == seconds(2021, 7, 1)
    assert read_times(pd.Series([90]).astype("duration[s][pyarrow]")).values[0] == 90


@settings(max_examples=100)
@given(
    moments=st.lists(st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2060, 1, 1)), min_size=1, max_size=6),
    zone=st.sampled_from(["Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "UTC"]),
)
def test_zoned_moments_keep_instant_and_wall_clock_in_every_form(moments, zone):
    aware = [moment.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone)) for moment in moments]
    instants = [(moment - dt.datetime(1970, 1, 1)).total_seconds() for moment in moments]
    clock = [(moment.replace(tzinfo=None) - dt.datetime(1970, 1, 1)).total_seconds() for moment in aware]
    forms = (
        pd.Series(pd.to_datetime(moments, utc=True)).dt.tz_convert(zone),
        pd.Series(aware, dtype=object),
        pd.Series([moment.isoformat() for moment in aware]),
        pd.Series([moment.strftime("%d %b %Y %H:%M:%S.%f%z") for moment in aware]),
    )
    for form in forms:
        times = read_times(form)
        assert (times.kind, times.problems) == ("date", ())
        np.testing.assert_allclose(times.values, instants, rtol=0, atol=1e-5)
        np.testing.assert_allclose(times.local, clock, rtol=0, atol=1e-5)


def test_one_instant_on_two_wall_clocks_stays_two():
    moments = [dt.datetime(2021, 7, 1, 1, tzinfo=BERLIN), dt.datetime(2021, 6, 30, 23, tzinfo=dt.UTC)]
    times = read(moments, dtype=object)
    assert times.values.tolist() == [seconds(2021, 6, 30, 23)] * 2
    assert times.local.tolist() == [seconds(2021, 7, 1, 1), seconds(2021, 6, 30, 23)]


def test_both_readings_of_an_ambiguous_date_are_shown():
    times = read(["01.04.2021", "2021-05-01", "12.04.2021"])
    assert problems(times) == [("ambiguous-dates", [0, 2])]
    assert times.problems[0].wording == (
        "leaves the order of its dates open ('01.04.2021' is 1 April 2021 or 4 January 2021)"
    )
    np.testing.assert_equal(times.values, [np.nan, seconds(2021, 5, 1), np.nan])
    three = read(["01-02-03"]).problems[0].wording
    assert three.endswith("('01-02-03' is 1 February 2003 or 2 January 2003 or 3 February 2001)")


@pytest.mark.parametrize(
    "values",
    [
        ["04/05/2021 09:00", "04/06/2021 21:00"],
        ["04/05/21", "05/05/21"],
        ["4/5/2021", "04.06.2021"],
        ["04-05-2021"] * 3,
    ],
)
def test_ambiguous_dates_are_never_read(values):
    times = read(values)
    assert [code for code, _ in problems(times)] == ["ambiguous-dates"]
    assert np.isnan(times.values).all()


def test_dates_that_no_one_order_can_read():
    times = read(["04/13/2021", "13/04/2021"])
    assert problems(times) == [("ambiguous-dates", [0, 1])]
    assert times.problems[0].wording == (
        "writes the day at different places ('04/13/2021' is 13 April 2021 and '13/04/2021' is 13 April 2021)"
    )


def test_one_order_counts_for_the_whole_column():
    times = read(["01.04.2021", "02/04/21 10:00", "13-04-2021", "2021-04-14"])
    assert (times.order, times.problems) == ("dmy", ())
    expected = [seconds(2021, 4, 1), seconds(2021, 4, 2, 10), seconds(2021, 4, 13), seconds(2021, 4, 14)]
    assert times.values.tolist() == expected
    slip = read(["13.04.2021", "14.04.2021", "04.15.2021"])
    assert problems(slip) == [("unparsable-time", [2])]
    assert "is no date in the order day, month, year that its other values have" in slip.problems[0].wording


def test_an_order_that_is_known_is_kept():
    part = read_times(pd.Series(["01.04.2021", "02.04.2021"]), "dmy")
    assert part.values.tolist() == [seconds(2021, 4, 1), seconds(2021, 4, 2)]
    assert part.order == "dmy"


def test_iso_dates_without_hyphens_are_no_numbers():
    for values in ([20210331, 20210401], ["20210331", "20210401"], [20210331.0, 20210401.0]):
        times = read(values)
        assert (times.kind, times.values.tolist()) == ("date", [seconds(2021, 3, 31), seconds(2021, 4, 1)])
    for values in ([20210331, 20211401], ["20210331", "7"]):
        assert read(values).kind == "number"


@pytest.mark.parametrize(
    ("values", "kind", "expected", "code", "rows"),
    [
        (["3,5", "4", "5"], "number", [np.nan, 4, 5], "decimal-comma", [0]),
        (["1", "2", "soon"], "number", [1, 2, np.nan], "unparsable-time", [2]),
        (["1", "2", "2021-04-01"], "number", [1, 2, np.nan], "unparsable-time", [2]),
        ([1.0, np.inf], "number", [1, np.nan], "unparsable-time", [1]),
        (["1", "1e999"], "number", [1, np.nan], "unparsable-time", [1]),
        (["09:00", "10:30", "9"], "duration", [32_400, 37_800, np.nan], "unparsable-time", [2]),
        (["2021-04-01", "31.02.2021"], "date", [seconds(2021, 4, 1), np.nan], "unparsable-time", [1]),
        (["2021-04-01 09:00Z", "2021-04-01 10:00Z", "2021-04-01 11:00"], "date", None, "unparsable-time", [2]),
        (["morning", "noon", "evening"], "number", [np.nan] * 3, "unparsable-time", [0, 1, 2]),
        (["1st", "2nd"], "number", [np.nan] * 2, "unparsable-time", [0, 1]),
        (pd.Categorical(["morning", "noon"]), "number", [np.nan] * 2, "unparsable-time", [0, 1]),
        ([1 + 2j, 3], "number", [np.nan] * 2, "unparsable-time", [0, 1]),
        (pd.Series([[1], {}], dtype=object), "number", [np.nan] * 2, "unparsable-time", [0, 1]),
    ],
)
def test_what_cannot_be_read_is_said_and_shown(values, kind, expected, code, rows):
    times = read(values)
    assert times.kind == kind
    assert problems(times) == [(code, rows)]
    assert np.flatnonzero(times.unreadable).tolist() == rows
    if expected is not None:
        np.testing.assert_equal(times.values, expected)


def test_the_values_that_were_seen_are_named():
    assert read(["1", "2", "3", "soon", "later"]).problems[0].wording == "is no time or number ('soon', 'later')"
    assert read(list("abcde")).problems[0].wording == (
        "holds labels, none of which is a time or a number ('a', 'b', 'c', ...)"
    )


@pytest.mark.parametrize("labels", [["day 1", "day 2", "day 10"], ["T1", "t2", "T10"], ["wave_1", "wave_2", "wave_10"]])
def test_numbered_labels_count_by_their_number(labels):
    times = read(labels)
    assert times.values.tolist() == [1, 2, 10]
    assert times.stem == labels[0]


@pytest.mark.parametrize("minus", ["-", "\u2212", "\u2013", "\uff0d", "\ufe63"])
def test_a_typeset_minus_is_a_minus(minus):
    assert read([f"{minus}20", f"{minus}3", "4"]).values.tolist() == [-20, -3, 4]
    assert read([f"{minus}20", f"{minus}3"]).values.tolist() == [-20, -3]


@pytest.mark.parametrize("labels", [["T-2", "T-1", "T0"], ["day -1", "day 1"], ["\u00b12", "\u00b13"], ["(1", "(2"]])
def test_a_label_whose_dash_may_be_a_sign_is_not_counted_by_its_number(labels):
    assert [code for code, _ in problems(read(labels))] == ["unparsable-time"]


def test_ordered_categories_count_in_their_order():
    labels = pd.Categorical(["noon", "morning", None], categories=["morning", "noon"], ordered=True)
    times = read(labels)
    assert (times.kind, times.problems) == ("label", ())
    np.testing.assert_equal(times.values, [1, 0, np.nan])
    against = pd.Categorical(["1", "2"], categories=["2", "1"], ordered=True)
    assert read(against).values.tolist() == [1, 0]


def test_months_are_counted_and_days_are_dates():
    months = read(pd.period_range("2021-01", "2021-04", freq="M"))
    assert (months.kind, np.diff(months.values).tolist()) == ("number", [1, 1, 1])
    days = read(pd.period_range("2021-02-28", periods=2, freq="D"))
    assert (days.kind, days.values.tolist()) == ("date", [seconds(2021, 2, 28), seconds(2021, 3, 1)])


def test_durations_and_times_of_day():
    for values in (pd.to_timedelta(["1h", "26h"]), ["01:00", "1 days 02:00:00"], [dt.timedelta(hours=1), "26:00:00"]):
        times = read(values)
        assert times.values[0] == 3_600
    assert read(pd.to_timedelta(["1h", "26h"])).values.tolist() == [3_600, 93_600]
    assert read(pd.Series([dt.time(9, 30)], dtype=object)).values.tolist() == [34_200]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.none(),
            st.text(max_size=6),
            st.integers(-(10**12), 10**12),
            st.floats(),
            st.dates(),
            st.datetimes(),
            st.times(),
            st.timedeltas(),
            st.sampled_from(["\ud800", "3,5", "01.02.03", "2021-04-01", b"x", pd.NaT, pd.NA, object()]),
        ),
        max_size=6,
    )
)
def test_any_column_can_be_tried(values):
    times = read_times(pd.Series(values, dtype=object))
    assert len(times.values) == len(times.local) == len(times.unreadable) == len(values)
    covered = np.zeros(len(values), dtype=bool)
    for problem in times.problems:
        covered |= problem.rows
    assert np.array_equal(covered, times.unreadable)
    assert np.isnan(times.values[times.unreadable]).all()
    assert not np.isinf(times.values).any()


def test_durations_longer_than_pandas_holds_are_read():
    lengths = [dt.timedelta(days=106_751_992), np.timedelta64(3, "h"), None]
    times = read_times(pd.Series(lengths, dtype=object))
    assert times.kind == "duration"
    np.testing.assert_array_equal(times.values, [106_751_992 * 86_400.0, 10_800.0, np.nan])
