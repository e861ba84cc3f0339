"""What a study says of its times, checked: the form of dates, the time zone, and the working days."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from reldyn.errors import DesignError
from reldyn.panel.timing._dates import DateOrder

__all__ = ["ISO", "NUMBER_WORDS", "TimeFormat", "TimeOptions", "Unit", "time_options"]

Unit = Literal["number", "s", "ms", "us", "ns", "yyyymmdd", "yyyymmddhhmm", "yyyymmddhhmmss", "spss", "excel"]

ISO = "iso"
# What `dates` may say of a column of numbers.
NUMBER_WORDS: dict[str, Unit] = {"unix": "s", "unix-ms": "ms", "excel": "excel", "number": "number"}
_YEARS = re.compile(r"%[-]?[YyGcxDF]")
_DAYS_OF_YEARS = re.compile(r"%[-]?[djVUWcxDFbBmaAuw]")
_HALVES = re.compile(r"%p")
_HOURS_OF_HALVES = re.compile(r"%[-]?I")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORTEST_NAME = 2
_SHOWN_ZONE = "Europe/Berlin"


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """How one column of times is read; None is decided from the values of the column.

    Attributes
    ----------
    order : {"dmy", "mdy", "ymd"}, optional
        Order of day, month and year of texts.
    form : str, optional
        A strptime format, or ``"iso"``.
    unit : str, optional
        What numbers are: ``"number"`` (they count), ``"s"``, ``"ms"``, ``"us"`` or ``"ns"`` since 1970-01-01 UTC,
        ``"yyyymmdd"`` and the like, ``"spss"`` (seconds since 1582-10-14), ``"excel"`` (days since 1899-12-30).
    zone : str, optional
        IANA name: naive stamps are on its wall clock, and stamps with an offset are shown on it.
    """

    order: DateOrder | None = None
    form: str | None = None
    unit: Unit | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class TimeOptions:
    """What is known of the times of a study: what was declared, and how its columns were read before.

    Attributes
    ----------
    dates : str, mapping of str to str, or None
    timezone : str or None
    workdays : tuple of int, or None
        Monday is 0.
    known : mapping of str to TimeFormat
        Columns that were read before, from all rows of a study.
    """

    dates: str | Mapping[str, str] | None = None
    timezone: str | None = None
    workdays: tuple[int, ...] | None = None
    known: Mapping[str, TimeFormat] = field(default_factory=dict)

    def format_of(self, name: str) -> TimeFormat:
        """The format of one column: as read before, else as declared for it."""
        if name in self.known:
            return self.known[name]
        said = self.dates.get(name) if isinstance(self.dates, Mapping) else None
        return declared_format(said, self.timezone)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for storage."""
        known = {name: {key: getattr(how, key) for key in TimeFormat.__slots__} for name, how in self.known.items()}
        dates = dict(self.dates) if isinstance(self.dates, Mapping) else self.dates
        return {"dates": dates, "timezone": self.timezone, "workdays": self.workdays, "known": known}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> TimeOptions:
        """What `to_dict` gave."""
        days = stored.get("workdays")
        return cls(
            dates=stored.get("dates"),
            timezone=stored.get("timezone"),
            workdays=None if days is None else tuple(days),
            known={name: TimeFormat(**how) for name, how in stored.get("known", {}).items()},
        )


def declared_format(said: str | None, zone: str | None) -> TimeFormat:
    """The format behind one value of `dates`."""
    if said is None:
        return TimeFormat(zone=zone)
    if said in NUMBER_WORDS:
        return TimeFormat(unit=NUMBER_WORDS[said], zone=zone)
    return TimeFormat(form=said, zone=zone)


def time_options(dates: Any = None, timezone: Any = None, workdays: Any = None) -> TimeOptions:
    """Check the three options.

    Parameters
    ----------
    dates : str or mapping of str to str, optional
        How dates are written; see `DyadPanel`.
    timezone : str, optional
        IANA name.
    workdays : sequence of str, optional
        Days of the week with a prompt.

    Returns
    -------
    TimeOptions

    Raises
    ------
    DesignError
        With everything that is wrong with them.

    Examples
    --------
    >>> time_options("%d.%m.%Y", "Europe/Berlin", "Mon-Fri").workdays
    (0, 1, 2, 3, 4)
    """
    faults: list[str] = []
    said = dict(dates) if isinstance(dates, Mapping) else dates
    for name, form in said.items() if isinstance(said, dict) else () if said is None else (("", said),):
        fault = _fault_of_form(form)
        if fault:
            faults.append(f"dates={f'{{{name!r}: {form!r}}}' if name else repr(form)}: {fault}")
    if timezone is not None and not _is_zone(timezone):
        faults.append(f"timezone={timezone!r} is no time zone: give an IANA name such as {_SHOWN_ZONE!r} or 'UTC'.")
    days: tuple[int, ...] | None = None
    try:
        days = None if workdays is None else _weekday_numbers(workdays)
    except DesignError as problem:
        faults.append(str(problem))
    if faults:
        raise DesignError(" ".join(faults))
    return TimeOptions(said, timezone, days)


def _fault_of_form(form: Any) -> str | None:
    help_ = (
        "give a format such as '%d.%m.%Y %H:%M', 'iso', 'unix', 'unix-ms', 'excel' or 'number', "
        "or a mapping of columns to these."
    )
    if not isinstance(form, str):
        return help_
    if form == ISO or form in NUMBER_WORDS:
        return None
    if "%" not in form:
        return help_
    return fault_of_format(form)


def fault_of_format(form: str, *, dated: bool = False) -> str | None:
    """What is wrong with a format of strptime; None if nothing is.

    Parameters
    ----------
    form : str
    dated : bool, default False
        Whether it must name a date.

    Examples
    --------
    >>> fault_of_format("%d.%m.%Y %H:%M"), fault_of_format("%d.%m.%Y %H:%M %p")
    (None, 'with %H nothing is read of %p, AM or PM: write %I for %H.')
    """
    try:
        moment = datetime.datetime(2021, 3, 4, 5, 6, 7, tzinfo=datetime.UTC)
        datetime.datetime.strptime(moment.strftime(form), form)
    except ValueError as problem:
        return f"this is no format of strptime ({problem})."
    if _HALVES.search(form) and not _HOURS_OF_HALVES.search(form):
        return "with %H nothing is read of %p, AM or PM: write %I for %H."
    if _HOURS_OF_HALVES.search(form) and not _HALVES.search(form):
        return "%I are hours up to 12, of which %p says the half of the day: add %p, or write %H for %I."
    if _DAYS_OF_YEARS.search(form) and not _YEARS.search(form):
        return "this format names no year, so days cannot be counted: add %Y, to the column as well."
    if dated and not _DAYS_OF_YEARS.search(form):
        return "this format names no date: leave times of day as they are, a panel reads them."
    return None


def _is_zone(name: Any) -> bool:
    import zoneinfo

    try:
        return isinstance(name, str) and bool(zoneinfo.ZoneInfo(name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False


def _weekday_numbers(days: Any) -> tuple[int, ...]:
    """Numbers of weekdays, Monday 0, from names, a range of names, or numbers as pandas counts them."""
    parts: list[Any] = []
    try:
        for part in [days] if isinstance(days, str) else list(days):
            joined = re.sub(r"\s*[-–]\s*", "-", part.strip()) if isinstance(part, str) else None
            parts += [part] if joined is None else re.split(r"[,;\s]+", joined)
    except TypeError:
        parts = [days]
    numbers: set[int] = set()
    for part in parts:
        found = _numbers_of(part)
        if not found:
            raise DesignError(
                f"workdays={days!r}: {part!r} is no day of the week; name them, as in "
                "workdays=('Mon', 'Tue', 'Wed', 'Thu', 'Fri') or 'Mon-Fri', or number them from 0 for Monday to 6."
            )
        numbers.update(found)
    if not numbers:
        raise DesignError(f"workdays={days!r} names no day: leave it out where prompts came on every day.")
    return tuple(sorted(numbers))


def _numbers_of(part: Any) -> Iterable[int]:
    if isinstance(part, str):
        if "-" in part:
            ends = [_numbers_of(end) for end in part.split("-")]
            if len(ends) != 2 or not all(ends):
                return ()
            (first,), (last,) = ends
            return [(first + step) % 7 for step in range((last - first) % 7 + 1)]
        name = part.casefold().rstrip(".")
        return [k for k, day in enumerate(_WEEKDAYS) if len(name) >= _SHORTEST_NAME and day.startswith(name)]
    if isinstance(part, bool) or not hasattr(part, "__index__"):
        return ()
    number = part.__index__()
    return [number] if 0 <= number < len(_WEEKDAYS) else ()
