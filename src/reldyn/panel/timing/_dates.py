"""Dates written as text: what one text says, and the one order of day, month and year that holds for a column.

A text is matched once against a closed grammar (ISO 8601, three numbers, or a month by its English name, then
perhaps a time of day and a UTC offset). Which of three numbers is the day is never decided text by text: an
order counts for the whole column, and where two orders make dates of every text nothing is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from reldyn._types import Array, Flags, Ints

__all__ = ["DATE_ORDERS", "DateOrder", "WrittenDates", "hours_of", "match_dates"]

DateOrder = Literal["dmy", "mdy", "ymd"]
DATE_ORDERS: tuple[DateOrder, ...] = ("dmy", "mdy", "ymd")

Texts: TypeAlias = Sequence[str] | npt.NDArray[Any]

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_WEEKDAY = r"(?:(?:mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(?:day)?[.,]?\s+)?"
_HOURS = r"(?P<hour>\d{1,2})(?P<colon>[:.])(?P<minute>\d{2})(?:(?P=colon)(?P<second>\d{2})(?:[.,](?P<part>\d+))?)?"
_HALF = r"(?:\s*(?P<half>[ap])\.?m\.?)?"
_OFFSET = r"(?:\s*(?P<zone>z|utc|gmt|[+-]\d{2}(?::?\d{2})?))?"
_COMPACT = r"(?P<hhmm>\d{4}(?:\d{2})?)"
_CLOCK = rf"(?:(?:t|,?\s+)(?:{_HOURS}{_HALF}|(?<=t){_COMPACT}){_OFFSET})?"
_THREE = r"(?P<a>\d{4}|\d{1,2})(?P<mark>\s?[-./]\s?)(?P<b>\d{1,2})(?P=mark)(?P<c>\d{4}|\d{1,2})\.?"
_BASIC = r"(?P<basic>(?:19|20)\d{6})"
_MONTH_ONLY = r"(?P<y>\d{4})-(?P<m>\d{2})"
_NAMED = (
    r"(?:(?P<d1>\d{1,2})\.?[-\s./]*(?P<n1>[a-z]{3,9})\.?,?[-\s./]*(?P<y1>\d{4}|\d{2})"
    r"|(?P<n2>[a-z]{3,9})\.?\s*(?P<d2>\d{1,2}),?\s+(?P<y2>\d{4}))"
)
_DATE = re.compile(rf"{_WEEKDAY}(?:{_THREE}|{_NAMED}|{_BASIC}|{_MONTH_ONLY}){_CLOCK}", re.IGNORECASE)
_SHORT = re.compile(r"\d{1,2}\s?(?P<mark>[-./])\s?\d{1,2}\s?[-./]\s?\d{1,2}(?!\d)")
_DAYS = r"(?:(?P<days>[+-]?\d+)\s+days?,?\s+\+?)?"
_TIME = re.compile(rf"{_DAYS}{_HOURS}{_HALF}", re.IGNORECASE)
_MOST_YEARS = 10
_ANY_DAY = "2000-01-01"

Triple = tuple[int, int, int]
# Year, month and day under each of the orders, seconds since midnight, and seconds ahead of UTC.
_Reading = tuple[tuple[Triple, ...], float, float]
_NO_DATE: Triple = (-1, -1, -1)


@dataclass(frozen=True, eq=False)
class WrittenDates:
    """Texts matched against the grammar of dates.

    Attributes
    ----------
    matched : (n,) bool array
        The text has the form of a date.
    days : dict of DateOrder to (n,) float array
        Days since 1970-01-01 under each order, NaN where the text is no date under it. Texts that say themselves
        which number is which (four digits of the year first, or a month by name) read alike under every order.
    seconds : (n,) float array
        Seconds since midnight as written, 0 without a time of day.
    offset : (n,) float array
        Seconds that the written clock is ahead of UTC, NaN where none is written.
    dotted : bool
        Every date of three numbers, none of four digits, has dots between them.
    """

    matched: Flags
    days: dict[DateOrder, Array]
    seconds: Array
    offset: Array
    dotted: bool = False

    def orders(self) -> tuple[DateOrder, ...]:
        """Orders under which the most texts are dates; orders that give the same dates are named once."""
        dates = {order: days for order, days in self.days.items() if order != "ymd" or self._year_may_stand_first()}
        n_dates = {order: int(np.isfinite(days).sum()) for order, days in dates.items()}
        most = max(n_dates.values())
        distinct: list[DateOrder] = []
        for order, days in dates.items():
            if n_dates[order] == most and not any(
                np.array_equal(days, self.days[other], equal_nan=True) for other in distinct
            ):
                distinct.append(order)
        years = {order: _n_years(self.days[order]) for order in distinct}
        # Two digits may be a year or a day: a reading that needs ten years where another needs two is none.
        crowded = min(years.values()) <= 2
        return tuple(order for order in distinct if not (crowded and years[order] >= _MOST_YEARS))

    def _year_may_stand_first(self) -> bool:
        """Between dots a year of two digits stands last, unless this scatters the dates over more years."""
        if not self.dotted:
            return True
        n_dates = {order: int(np.isfinite(self.days[order]).sum()) for order in DATE_ORDERS if order != "ymd"}
        most = max(n_dates.values())
        last = min(_n_years(self.days[order]) for order, n in n_dates.items() if n == most)
        return most > 0 and _n_years(self.days["ymd"]) < last


def match_dates(texts: Texts) -> WrittenDates:
    """Match texts against the grammar of dates.

    Parameters
    ----------
    texts : sequence of str, length n
        Without blanks around.

    Returns
    -------
    WrittenDates

    Examples
    --------
    >>> match_dates(["13.04.2021", "02.04.2021 9:30"]).orders()
    ('dmy',)
    >>> match_dates(["02/04/2021"]).orders()
    ('dmy', 'mdy')
    """
    known: dict[str, _Reading | None] = {}
    found = [_reading(text, known) for text in texts]
    n = len(found)
    triples, seconds, offset = np.full((len(DATE_ORDERS), n, 3), -1), np.full(n, np.nan), np.full(n, np.nan)
    where = np.array([place for place, reading in enumerate(found) if reading is not None], dtype=np.intp)
    if len(where):
        readings, clocks, zones = zip(*(reading for reading in found if reading is not None), strict=True)
        triples[:, where] = np.array(readings).swapaxes(0, 1)
        seconds[where], offset[where] = clocks, zones
    days = {order: np.where(np.isnan(seconds), np.nan, _days(triples[k])) for k, order in enumerate(DATE_ORDERS)}
    matched = np.zeros(n, dtype=bool)
    matched[where] = True
    return WrittenDates(matched, days, np.where(np.isnan(seconds), 0.0, seconds), offset, _dotted(texts, matched))


def _dotted(texts: Texts, matched: Flags) -> bool:
    """Whether the dates of three numbers, none of four digits, have dots."""
    short = (_SHORT.match(str(text)) for text, real in zip(texts, matched, strict=True) if real)
    return {match["mark"] for match in short if match is not None} == {"."}


def _reading(text: str, known: dict[str, _Reading | None]) -> _Reading | None:
    """Read one text; stamps share few dates and times of day, and each of these is read once."""
    colon = text.find(":")
    cut = max(text.rfind(mark, 0, colon) for mark in " tT") if colon > 0 else -1
    if cut < 6:
        return _known(text, known)
    date, clock = _known(text[:cut].rstrip(" ,"), known), _known(_ANY_DAY + text[cut:], known)
    return None if date is None or clock is None else (date[0], clock[1], clock[2])


def _known(text: str, known: dict[str, _Reading | None]) -> _Reading | None:
    if text not in known:
        match = _DATE.fullmatch(text)
        known[text] = None if match is None else _parsed(match.groupdict())
    return known[text]


def _parsed(groups: dict[str, Any]) -> _Reading:
    readings = _triples(groups)
    return tuple(readings.get(order, _NO_DATE) for order in DATE_ORDERS), _seconds(groups), _offset(groups["zone"])


def hours_of(texts: Texts) -> Array:
    """Seconds of texts such as ``09:30``, ``9:30 pm`` or ``1 days 09:30:00``; NaN for every other text."""
    found = (_TIME.fullmatch(text) if ":" in text else None for text in texts)
    return np.array([np.nan if match is None else _length(match.groupdict()) for match in found], dtype=float)


def _length(groups: dict[str, Any]) -> float:
    return 86_400.0 * int(groups["days"] or 0) + _seconds(groups)


def _triples(groups: dict[str, Any]) -> dict[DateOrder, Triple]:
    """Year, month and day under every order that the form of the text allows."""
    if groups["basic"]:
        basic = groups["basic"]
        return dict.fromkeys(DATE_ORDERS, (int(basic[:4]), int(basic[4:6]), int(basic[6:])))
    if groups["y"]:
        return dict.fromkeys(DATE_ORDERS, (int(groups["y"]), int(groups["m"]), 1))
    for year, name, day in (("y1", "n1", "d1"), ("y2", "n2", "d2")):
        if groups[year]:
            return dict.fromkeys(DATE_ORDERS, (_year(groups[year]), _month(groups[name]), int(groups[day])))
    a, b, c = groups["a"], groups["b"], groups["c"]
    if len(a) == 4:
        return dict.fromkeys(DATE_ORDERS, (int(a), int(b), int(c))) if len(c) < 4 else {}
    readings: dict[DateOrder, Triple] = {}
    if len(c) in (2, 4):
        readings = {"dmy": (_year(c), int(b), int(a)), "mdy": (_year(c), int(a), int(b))}
    if len(a) == 2 and len(c) < 4:
        readings["ymd"] = (_year(a), int(b), int(c))
    return readings


def _year(text: str) -> int:
    """Years of two digits lie in 1969 to 2068, as for POSIX."""
    year = int(text)
    return year if len(text) == 4 else year + (1900 if year >= 69 else 2000)


def _month(name: str) -> int:
    short = name.lower()
    if short == "sept":
        return 9
    return next((place for place, month in enumerate(_MONTHS, 1) if short in (month, month[:3])), 0)


def _days(triples: Ints) -> Array:
    """Days since 1970-01-01 of year, month and day; NaN where the calendar has no such day."""
    year, month, day = triples.T
    sound = (month >= 1) & (month <= 12) & (day >= 1)
    months = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + np.where(sound, month - 1, 0)
    dates = months.astype("datetime64[D]") + np.where(sound, day - 1, 0)
    sound &= dates.astype("datetime64[M]") == months
    return np.where(sound, dates.astype(np.int64), np.nan)


def _seconds(groups: dict[str, Any]) -> float:
    """Seconds since midnight; NaN where no clock shows such a time."""
    if groups.get("hhmm"):
        digits = groups["hhmm"]
        hour, minute, second = int(digits[:2]), int(digits[2:4]), int(digits[4:] or 0)
    elif groups["hour"]:
        hour, minute, second = int(groups["hour"]), int(groups["minute"]), int(groups["second"] or 0)
    else:
        return 0.0
    if groups["half"]:
        if not 1 <= hour <= 12:
            return np.nan
        hour = hour % 12 + (12 if groups["half"].lower() == "p" else 0)
    total = 3600.0 * hour + 60.0 * minute + second + float(f"0.{groups['part'] or 0}")
    return total if minute < 60 and second < 60 and total <= 86_400 else np.nan


def _offset(zone: str | None) -> float:
    if zone is None:
        return np.nan
    if zone[0] not in "+-":
        return 0.0
    digits = zone[1:].replace(":", "")
    size = 3600.0 * int(digits[:2]) + 60.0 * int(digits[2:] or 0)
    return -size if zone[0] == "-" else size


def _n_years(days: Array) -> int:
    dates = days[np.isfinite(days)].astype(np.int64).astype("datetime64[D]")
    return len(np.unique(dates.astype("datetime64[Y]")))
