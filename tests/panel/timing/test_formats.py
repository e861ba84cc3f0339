"""What a study says of its times is checked at once, and every fault is named."""

import pytest

from reldyn.errors import DesignError
from reldyn.panel import time_options
from reldyn.panel.timing._formats import TimeFormat, TimeOptions


@pytest.mark.parametrize(
    ("days", "numbers"),
    [
        ("Mon-Fri", (0, 1, 2, 3, 4)),
        ("mon - wed, sat", (0, 1, 2, 5)),
        ("fri–mon", (0, 4, 5, 6)),
        (["Monday", "we", "FRI."], (0, 2, 4)),
        ([0, 1, 6], (0, 1, 6)),
        (("tue",), (1,)),
    ],
)
def test_days_of_the_week(days, numbers):
    assert time_options(workdays=days).workdays == numbers


@pytest.mark.parametrize("days", [[7], [-1], ["T"], "someday", [], [True], 3.5, [None]])
def test_what_is_no_day_of_the_week(days):
    with pytest.raises(DesignError, match="workdays="):
        time_options(workdays=days)


@pytest.mark.parametrize("dates", ["%d.%m.%Y", "iso", "unix", {"a": "excel", "b": "%H:%M"}, "%Y-%j", None])
def test_forms(dates):
    assert time_options(dates=dates).dates == dates


@pytest.mark.parametrize(
    ("dates", "said"), [("%d.%m.", "names no year"), ("%Q", "no format"), ("dmy", "give a format")]
)
def test_what_is_no_form(dates, said):
    with pytest.raises(DesignError, match=said):
        time_options(dates={"sent": dates})


def test_all_faults_come_at_once():
    with pytest.raises(DesignError, match=r"dates='x'.*timezone='Berlin'.*workdays='x'"):
        time_options("x", "Berlin", "x")


def test_options_are_stored_and_brought_back():
    known = {"sent": TimeFormat(order="dmy", zone="Asia/Tokyo"), "at": TimeFormat(unit="ms")}
    options = TimeOptions({"sent": "%d.%m.%Y"}, "Asia/Tokyo", (0, 2), known)
    assert TimeOptions.from_dict(options.to_dict()) == options
    assert TimeOptions.from_dict({}) == TimeOptions()
