"""Dates written as text, against `datetime.strptime` and hand-made readings."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reldyn.panel.timing._dates import hours_of, match_dates

EPOCH = datetime(1970, 1, 1)
FORMS = {
    "dmy": ("%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%y", "%d/%m/%y", "%d-%m-%y"),
    "mdy": ("%m/%d/%Y", "%m-%d-%Y", "%m.%d.%Y", "%m/%d/%y", "%m-%d-%y"),
    "ymd": ("%y-%m-%d", "%y/%m/%d"),
}
PLAIN = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d %B %Y", "%d-%b-%y", "%B %d, %Y", "%a, %d %b %Y")
CLOCKS = ("", " %H:%M", " %H:%M:%S", ", %H:%M", " %I:%M %p", " %I:%M:%S%p")
days = st.dates(datetime(1970, 1, 1).date(), datetime(2068, 12, 31).date())


@given(day=days, clock=st.times(), order=st.sampled_from(list(FORMS)), data=st.data())
def test_every_form_is_read_as_strptime_reads_it(day, clock, order, data):
    form = data.draw(st.sampled_from(FORMS[order])) + data.draw(st.sampled_from(CLOCKS))
    text = datetime.combine(day, clock).strftime(form)
    expected = datetime.strptime(text, form) - EPOCH
    dates = match_dates([text])
    assert dates.days[order][0] == expected.days
    assert dates.seconds[0] == expected.seconds


@given(day=days, clock=st.times(), form=st.sampled_from(PLAIN), more=st.sampled_from(CLOCKS))
def test_forms_that_say_which_number_is_which_read_alike_under_every_order(day, clock, form, more):
    more = "" if form == "%Y%m%d" else more
    text = datetime.combine(day, clock).strftime(form + more)
    expected = datetime.strptime(text, form + more) - EPOCH
    dates = match_dates([text])
    assert [values[0] for values in dates.days.values()] == [expected.days] * 3
    assert dates.seconds[0] == expected.seconds
    assert len(dates.orders()) == 1


@given(
    moment=st.datetimes(datetime(1970, 1, 2), datetime(2068, 12, 30)),
    minutes=st.integers(-14 * 60, 14 * 60),
    mark=st.sampled_from("T "),
)
def test_stamps_of_iso_8601_keep_the_clock_and_the_offset(moment, minutes, mark):
    stamp = moment.replace(tzinfo=timezone(timedelta(minutes=minutes))).isoformat(sep=mark)
    dates = match_dates([stamp])
    assert dates.offset[0] == 60 * minutes
    local = 86_400 * dates.days["ymd"][0] + dates.seconds[0]
    assert abs(local - (moment - EPOCH).total_seconds()) < 1e-5


@pytest.mark.parametrize(
    ("text", "seconds", "offset"),
    [
        ("2021-03-28T09:00Z", 32_400, 0),
        ("2021-03-28 09:00:00.250 +0100", 32_400.25, 3_600),
        ("20210328T0900-0330", 32_400, -12_600),
        ("2021-03-28T24:00", 86_400, np.nan),
        ("28.03.2021 9.05", 32_700, np.nan),
        ("3/28/2021 12:10 am", 600, np.nan),
    ],
)
def test_times_of_day_and_offsets(text, seconds, offset):
    dates = match_dates([text])
    np.testing.assert_equal([dates.seconds[0], dates.offset[0]], [seconds, offset])
    assert any(np.isfinite(days[0]) for days in dates.days.values())


@pytest.mark.parametrize(
    "text",
    [
        *("2021-02-30", "2021-13-01", "31.04.2021", "2021-03-28 25:00", "2021-03-28 09:61", "03/28/2021 13:00 pm"),
        *("1/2/3", "2021", "12", "noon", "day 1", "2021-3", "32 May 2021", "3 Mai 2021", "2021-03-28-04", "1.2"),
        *("01-02/2021", "2021-03-28T", "", "T09:00", "09:00 28.03.2021"),
    ],
)
def test_what_is_no_date(text):
    assert all(np.isnan(days[0]) for days in match_dates([text]).days.values())


@pytest.mark.parametrize(
    ("texts", "orders"),
    [
        (["01.04.2021", "12.04.2021"], ("dmy", "mdy")),
        (["01.04.2021", "13.04.2021"], ("dmy",)),
        (["04/01/2021", "04/13/2021"], ("mdy",)),
        (["01.04.21", "20.04.21"], ("dmy",)),
        (["13.04.21", "31.02.21"], ("dmy",)),
        (
            [f"{day:02}.{month:02}.{year}" for year in (18, 19, 20, 21) for month in (1, 7) for day in range(1, 29)],
            ("dmy",),
        ),
        ([f"22.12.{day}" for day in range(15, 32)] + [f"23.01.{day:02}" for day in range(1, 9)], ("ymd",)),
        (["21.04.13", "21.04.14 9:30"], ("dmy", "ymd")),
        (["01.04.2021", "13/04/21 09:00"], ("dmy",)),
        (["01-02-03"], ("dmy", "mdy", "ymd")),
        (["21-04-13", "21-04-14"], ("dmy", "ymd")),
        (["31-04-13"], ("ymd",)),
        (["2021-04-01", "02.04.2021"], ("dmy", "mdy")),
        (["2021-04-01", "13.04.2021"], ("dmy",)),
        (["04.04.2021", "05.05.2021"], ("dmy",)),
        (["04/13/2021", "13/04/2021"], ("dmy", "mdy")),
        ([f"{day:02}/04/21" for day in range(1, 13)], ("dmy", "mdy")),
        ([f"{day:02}/04/21" for day in range(1, 21)], ("dmy",)),
        ([f"21/04/{day:02}" for day in range(1, 21)], ("ymd",)),
    ],
)
def test_the_orders_that_a_column_leaves_open(texts, orders):
    assert match_dates(texts).orders() == orders


def test_times_of_day_and_durations():
    texts = ["09:30", "9:30 pm", "12:00 am", "24:00", "1 days 02:00:00", "-1 days +23:00:00", "25:00", "9.30", "9"]
    expected = [34_200, 77_400, 0, 86_400, 93_600, -3_600, np.nan, np.nan, np.nan]
    np.testing.assert_equal(hours_of(texts), expected)
