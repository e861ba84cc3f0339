"""The one reader of time columns: numbers, dates, times of day and their spellings become arrays of floats.

Findings, lags, nights and answering times all start from what is read here, so that a column means the same to
each of them. Dates keep two clocks: the instant (seconds since 1970-01-01 UTC), which orders rows and measures
how long a step took, and the wall clock as it was written, which says what day it was.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reldyn._types import Array, Flags, Ints
from reldyn.panel._grouped import fix_for_commas, is_grouped
from reldyn.panel._identity import spellings
from reldyn.panel.timing._dates import DATE_ORDERS, DateOrder, WrittenDates, hours_of, match_dates
from reldyn.panel.timing._declared import read_form
from reldyn.panel.timing._formats import TimeFormat, Unit
from reldyn.panel.timing._number_times import dates_of_numbers
from reldyn.panel.timing._reading import SECONDS_PER_DAY, Kind, TimeProblem, Times, happened
from reldyn.panel.timing._zones import instants_of, wall_clock_of

__all__ = ["SECONDS_PER_DAY", "DateOrder", "TimeProblem", "Times", "happened", "read_times"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_NUMBERED = re.compile(r"(?P<stem>[^\d\s_.#-][^\d]*?)(?P<gap>[\s_.#-]*)(?P<number>\d+)")
# Minus signs of typesetters: the minus itself, its small and full width, and the en dash.
_MINUS = re.compile(r"^[\u2212\ufe63\uff0d\u2013](?=\d)")
_MISSING = frozenset({"", ".", "-", "--", "na", "n/a", "#n/a", "nan", "nat", "null", "none", "missing", "<na>"})
_ORDER_NAMES = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}
_DAYS_AND_PARTS = frozenset({"Day", "BusinessDay", "Hour", "Minute", "Second", "Milli", "Micro", "Nano"})
_COMPACT_LENGTH = 8
_SHOWN = 3


def read_times(
    column: pd.Series[Any],
    order: DateOrder | None = None,
    *,
    form: str | None = None,
    unit: Unit | None = None,
    zone: str | None = None,
    serials: bool = False,
) -> Times:
    """Read one column as times.

    Text is read as numbers, dates or times of day, whichever most of it is. Text that is none of these is never
    put in alphabetical order: it is unreadable.

    Parameters
    ----------
    column : pandas.Series, n rows
        Of any type. Missing values and texts that stand for one stay missing.
    order : {"dmy", "mdy", "ymd"}, optional
        The order of day, month and year where it is known already, from all rows of a study. None: the only
        order under which all texts are dates; where there are several, all these rows are unreadable.

    Returns
    -------
    Times

    Examples
    --------
    >>> import pandas as pd
    >>> read_times(pd.Series(["2", "10", None])).values.tolist()
    [2.0, 10.0, nan]
    >>> read_times(pd.Series(["2021-03-28T01:00+01:00", "2021-03-28T03:00+02:00"])).values.tolist()
    [1616889600.0, 1616893200.0]
    >>> read_times(pd.Series(["02.04.2021", "03.04.2021"])).problems[0].code
    'ambiguous-dates'
    """
    how = TimeFormat(order, form, unit, zone)
    read = _read(column, how, serials=serials)
    return read if zone is None or read.kind != "date" else _in_zone(read, zone)


def _read(column: pd.Series[Any], how: TimeFormat, *, serials: bool) -> Times:
    dtype, order = column.dtype, how.order
    if isinstance(dtype, pd.CategoricalDtype):
        return _read_categories(column, how, serials=serials)
    if isinstance(dtype, pd.PeriodDtype):
        return _read_periods(column, dtype)
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return _read_stamps(column)
    if pd.api.types.is_timedelta64_dtype(dtype):
        return _read_durations(column)
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
        if how.form is not None:
            return _read_formed(column.astype("Int64") if _whole(column) else column, how.form)
        return _read_numbers(column.to_numpy(dtype=float, na_value=np.nan), how.unit, serials=serials)
    if how.form is not None:
        return _read_formed(column, how.form)
    read = _read_text(column, order)
    return dates_of_numbers(read, how.unit, serials=serials) if read.kind == "number" and read.text else read


def _whole(column: pd.Series[Any]) -> bool:
    numbers = column.to_numpy(dtype=float, na_value=np.nan)
    known = numbers[np.isfinite(numbers)]
    return not np.isinf(numbers).any() and bool(np.all(known % 1 == 0))


def _in_zone(read: Times, zone: str) -> Times:
    """Dates with instants and wall clock of a zone."""
    if read.fixed:
        return dataclasses.replace(read, local=wall_clock_of(read.values, zone), zone=zone)
    if not read.has_hours:
        # Days have no instants; they stay days.
        return dataclasses.replace(read, zone=zone)
    found = instants_of(read.local, zone)
    remarks = list(read.remarks)
    for rows, wording in (
        (found.repeated, f"lies in the hour that the clock of {zone} shows twice; the first of the two is taken"),
        (found.skipped, f"lies in the hour that the clock of {zone} skips; it is read as an hour later"),
    ):
        if rows.any():
            remarks.append(TimeProblem("clock-change", wording, rows))
    return dataclasses.replace(read, values=found.seconds, zone=zone, remarks=tuple(remarks))


def _readable(values: Array, kind: Kind, local: Array | None = None) -> Times:
    return Times(values, values if local is None else local, kind, np.zeros(len(values), dtype=bool))


def _read_numbers(numbers: Array, unit: Unit | None, *, serials: bool) -> Times:
    endless = np.isinf(numbers)
    values = np.where(endless, np.nan, numbers)
    problems = (TimeProblem("unparsable-time", "is no time or number", endless),) if endless.any() else ()
    return dates_of_numbers(Times(values, values, "number", endless, problems), unit, serials=serials)


def _read_formed(column: pd.Series[Any], form: str) -> Times:
    """Text in the one form that was declared for it."""
    codes, texts = spellings(column)
    absent = _flags(text.lower() in _MISSING for text in texts)
    read = read_form(np.where(absent, "", texts), form)
    unreadable = ~absent & np.isnan(read.local)
    problems: list[TimeProblem] = []
    if unreadable.any():
        fix = "Correct these values, or declare another form with dates=."
        problems.append(_unparsable(f"does not have the form {form!r}", texts, unreadable, fix))
    zoned = np.isfinite(read.offset)
    fixed = bool(zoned.any())
    bare = ~absent & ~unreadable & ~zoned
    if fixed and bare.any():
        problems.append(_unparsable("has no UTC offset, unlike others", texts, bare, "Give every time its UTC offset."))
        unreadable |= bare
    local = np.where(unreadable | absent, np.nan, read.local)
    kind: Kind = "date" if read.dated else "duration"
    values = local - np.where(zoned, read.offset, 0.0)
    return _spread(Times(values, local, kind, unreadable, tuple(problems), form=form, fixed=fixed), codes)


def _read_durations(column: pd.Series[Any]) -> Times:
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        return _readable(np.asarray(column.dt.total_seconds(), dtype=np.float64), "duration")
    # One by one: pandas holds no duration above 292 years.
    seconds = [np.nan if pd.isna(length) else length / np.timedelta64(1, "s") for length in column]
    return _readable(np.asarray(seconds, dtype=np.float64), "duration")


def _read_stamps(column: pd.Series[Any]) -> Times:
    if isinstance(column.dtype, pd.ArrowDtype):
        column = pd.Series(pd.DatetimeIndex(column.astype(object)))
    if column.dt.tz is None:
        return _readable(_since_1970(column), "date")
    utc = column.dt.tz_convert("UTC").dt.tz_localize(None)
    read = _readable(_since_1970(utc), "date", _since_1970(column.dt.tz_localize(None)))
    return dataclasses.replace(read, fixed=True)


def _since_1970(naive: pd.Series[Any]) -> Array:
    stamps = naive.to_numpy(dtype="datetime64[us]", na_value=np.datetime64("NaT"))
    seconds = stamps.astype(np.int64) / 1e6
    seconds[np.isnat(stamps)] = np.nan
    return np.asarray(seconds)


def _read_periods(column: pd.Series[Any], dtype: pd.PeriodDtype) -> Times:
    """Days and parts of days are dates; weeks, months and years are counted, because months differ in length."""
    if type(dtype.freq).__name__ in _DAYS_AND_PARTS:
        return _read_stamps(column.dt.to_timestamp())
    counts = np.asarray(column.array.asi8, dtype=float)
    return _readable(np.where(column.isna(), np.nan, counts), "number")


def _read_categories(column: pd.Series[Any], how: TimeFormat, *, serials: bool) -> Times:
    """Categories that are times are read as such; others count in their declared order, if one was declared."""
    codes = np.asarray(column.cat.codes, dtype=np.intp)
    categories = pd.Series(column.cat.categories, dtype=column.cat.categories.dtype)
    used = np.unique(codes[codes >= 0])
    inner = _read(categories.iloc[used], how, serials=serials)
    place = np.full(len(categories) + 1, -1, dtype=np.intp)
    place[used] = np.arange(len(used))
    rows = place[codes]
    if column.cat.ordered and (inner.unreadable.any() or np.any(np.diff(inner.values) <= 0)):
        return _readable(np.where(codes < 0, np.nan, codes.astype(float)), "label")
    return _spread(inner, rows)


def _spread(distinct: Times, codes: Ints) -> Times:
    """The same reading for rows with these codes of distinct values; -1 is missing."""

    def flags(values: Flags) -> Flags:
        return np.asarray(np.append(values, False)[codes])

    def spread(problems: tuple[TimeProblem, ...]) -> tuple[TimeProblem, ...]:
        return tuple(dataclasses.replace(problem, rows=flags(problem.rows)) for problem in problems)

    return dataclasses.replace(
        distinct,
        values=np.append(distinct.values, np.nan)[codes],
        local=np.append(distinct.local, np.nan)[codes],
        unreadable=flags(distinct.unreadable),
        problems=spread(distinct.problems),
        remarks=spread(distinct.remarks),
    )


def _read_text(column: pd.Series[Any], order: DateOrder | None) -> Times:
    """Read each spelling once: a column can hold few distinct times many times."""
    if pd.api.types.infer_dtype(column, skipna=True) in ("timedelta", "timedelta64"):
        return _read_durations(column)
    codes, texts = spellings(column)
    texts = np.array([_MINUS.sub("-", text) for text in texts], dtype=object)
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    absent = _flags(text.lower() in _MISSING for text in texts)
    number, comma = (_flags(pattern.fullmatch(text) for text in texts) for pattern in (_NUMBER, _COMMA))
    eight = _flags(len(text) == _COMPACT_LENGTH for text in texts)
    hours, dates = hours_of(texts), match_dates(np.where(number & ~eight, "", texts))
    # Eight digits are a date where every other value may be one too.
    compact = number & dates.matched
    if np.any(number & ~compact) or np.isnan(dates.days["ymd"][compact]).any():
        matched = dates.matched & ~compact
    else:
        matched, number = dates.matched, number & ~compact
    n_rows = {
        "date": int(counts[matched].sum()),
        "duration": int(counts[np.isfinite(hours)].sum()),
        "number": int(counts[number | comma].sum()),
    }
    kind = max(n_rows, key=n_rows.__getitem__)
    if not any(n_rows.values()):
        read = _labels(texts, ~absent)
    elif kind == "date":
        read = _dated(texts, dates, matched, absent, counts, order)
    elif kind == "duration":
        read = _clean(texts, hours, "duration", absent, matched | number | comma)
    else:
        read = _numbered(texts, number, comma, absent, matched | np.isfinite(hours))
        text = not read.problems and any(isinstance(value, str) for value in column.array)
        read = dataclasses.replace(read, text=text)
    return _spread(read, codes)


def _flags(found: Iterable[Any]) -> Flags:
    return np.array([bool(match) for match in found], dtype=bool)


def _labels(texts: npt.NDArray[np.object_], given: Flags) -> Times:
    """Labels of one stem that end in a number (day 1, day 2) count by the number; others cannot be ordered.

    Where some have a dash before the number and others have none (T-1, T0), the dash is a sign.
    """
    nothing, nowhere = np.full(len(texts), np.nan), np.zeros(len(texts), dtype=bool)
    if not given.any():
        return Times(nothing, nothing, "number", nowhere)
    parts = [_NUMBERED.fullmatch(text) for text in texts]
    stems = {"" if part is None else part["stem"].casefold() for part, real in zip(parts, given, strict=True) if real}
    dashed = {part["gap"].endswith("-") for part in parts if part is not None}
    if len(stems) == 1 and len(dashed) == 1 and any(sign.isalpha() for stem in stems for sign in stem):
        numbers = np.array([np.nan if part is None else float(part["number"]) for part in parts])
        return Times(numbers, numbers, "number", nowhere, stem=str(texts[np.flatnonzero(given)[0]]))
    if all(map(is_grouped, texts[given])):
        wording, fix = "writes numbers with marks between thousands", _sentence(fix_for_commas(texts[given].tolist()))
        return Times(nothing, nothing, "number", given, (_unparsable(wording, texts, given, fix),))
    wording = "holds labels, none of which is a time or a number"
    fix = "Number the occasions, or make the column an ordered categorical (pandas.Categorical with ordered=True)."
    if all(any(sign.isdigit() for sign in text) for text in texts[given]):
        fix += " Where they are dates, name their form, for example dates='%d %B %Y'."
    return Times(nothing, nothing, "number", given, (_unparsable(wording, texts, given, fix),))


def _sentence(fix: str) -> str:
    return f"{fix[0].upper()}{fix[1:]}."


def _numbered(texts: npt.NDArray[np.object_], number: Flags, comma: Flags, absent: Flags, other: Flags) -> Times:
    values = np.array(
        [float(text) if found else np.nan for text, found in zip(texts, number, strict=True)], dtype=float
    )
    read = _clean(texts, np.where(np.isinf(values), np.nan, values), "number", absent | comma, other)
    if not comma.any():
        return read
    fix = _sentence(fix_for_commas(texts[comma].tolist()))
    wording = f"writes numbers with a {'comma' if 'thousands' in fix else 'decimal comma'} ({_shown(texts, comma)})"
    problem = TimeProblem("decimal-comma", wording, comma, fix)
    return dataclasses.replace(read, unreadable=read.unreadable | comma, problems=(*read.problems, problem))


def _clean(texts: npt.NDArray[np.object_], values: Array, kind: Kind, absent: Flags, other: Flags) -> Times:
    """Values of one kind; texts that are of another kind, or of none, are unreadable."""
    unreadable = np.isnan(values) & ~absent
    problems = _strangers(texts, unreadable, other, "number" if kind == "number" else "time of day")
    return Times(values, values, kind, unreadable, problems)


def _strangers(texts: npt.NDArray[np.object_], unreadable: Flags, other: Flags, kind: str) -> tuple[TimeProblem, ...]:
    problems = []
    grouped = unreadable & ~other & _flags(map(is_grouped, texts))
    if grouped.any():
        fix = _sentence(fix_for_commas(texts[grouped].tolist()))
        problems.append(_unparsable("writes numbers with marks between thousands", texts, grouped, fix))
    if np.any(unreadable & ~other & ~grouped):
        problems.append(_unparsable("is no time or number", texts, unreadable & ~other & ~grouped))
    if np.any(unreadable & other):
        fix = "Write all values of the column in the same way."
        problems.append(_unparsable(f"is no {kind}, as most of its values are", texts, unreadable & other, fix))
    return tuple(problems)


def _dated(
    texts: npt.NDArray[np.object_],
    dates: WrittenDates,
    matched: Flags,
    absent: Flags,
    counts: Ints,
    order: DateOrder | None,
) -> Times:
    """Dates in the one order of the column."""
    orders = (order,) if order is not None else dates.orders()
    chosen = orders[0]
    days = np.where(matched, dates.days[chosen], np.nan)
    open_ = np.zeros(len(texts), dtype=bool)
    for another in orders[1:]:
        open_ |= matched & ~_same(dates.days[another], days)
    problems = [_ambiguous(texts, dates, orders, open_)] if open_.any() else []
    never = matched & np.all([np.isnan(dates.days[any_order]) for any_order in DATE_ORDERS], axis=0)
    otherwise = matched & np.isnan(days) & ~never
    bare = ~absent & ~matched
    for wording, rows in (
        ("is no time or number", bare & ~_readable_otherwise(texts)),
        ("is no date, as most of its values are", bare & _readable_otherwise(texts)),
        ("is no date of the calendar", never & ~absent),
        (f"is no date in the order {_ORDER_NAMES[chosen]} that its other values have", otherwise & ~open_),
    ):
        if rows.any():
            problems.append(_unparsable(wording, texts, rows))
    zoned = np.isfinite(dates.offset)
    good = np.isfinite(days) & ~open_
    if np.any(zoned & good) and np.any(~zoned & good):
        fewer = zoned if counts[zoned & good].sum() < counts[~zoned & good].sum() else ~zoned
        wording = f"has {'a' if fewer is zoned else 'no'} UTC offset, unlike most of its values"
        problems.append(_unparsable(wording, texts, fewer & good, "Give every time its UTC offset, or none."))
    unreadable = np.any([problem.rows for problem in problems], axis=0) if problems else np.zeros(len(texts), bool)
    local = np.where(unreadable, np.nan, days * SECONDS_PER_DAY + dates.seconds)
    settled = not all(np.all(_same(dates.days[any_order], days) | ~matched) for any_order in DATE_ORDERS)
    return Times(
        local - np.where(zoned, dates.offset, 0.0),
        local,
        "date",
        unreadable,
        tuple(problems),
        order=chosen if settled and not open_.any() else None,
        fixed=bool(np.any(zoned & good)),
    )


def _same(left: Array, right: Array) -> Flags:
    return np.asarray((left == right) | (np.isnan(left) & np.isnan(right)))


def _readable_otherwise(texts: npt.NDArray[np.object_]) -> Flags:
    return _flags(_NUMBER.fullmatch(text) or _COMMA.fullmatch(text) for text in texts) | np.isfinite(hours_of(texts))


def _ambiguous(
    texts: npt.NDArray[np.object_], dates: WrittenDates, orders: tuple[DateOrder, ...], rows: Flags
) -> TimeProblem:
    """Show both readings of the first open date, or two dates that no one order can read."""
    readings = np.array([dates.days[order] for order in orders])
    somewhere, everywhere = np.isfinite(readings).any(axis=0), np.isfinite(readings).all(axis=0)
    if np.any(rows & somewhere & ~everywhere):
        apart = [int(np.flatnonzero(rows & np.isnan(reading) & somewhere)[0]) for reading in readings[:2]]
        shown = " and ".join(f"{texts[place]!r} is {_in_words(np.nanmax(readings[:, place]))}" for place in apart)
        return TimeProblem("ambiguous-dates", f"writes the day at different places ({shown})", rows)
    first = int(np.flatnonzero(rows)[0])
    shown = " or ".join(dict.fromkeys(_in_words(reading[first]) for reading in readings))
    return TimeProblem("ambiguous-dates", f"leaves the order of its dates open ({texts[first]!r} is {shown})", rows)


def _in_words(days: float) -> str:
    date = np.datetime64(int(days), "D").item()
    return f"{date.day} {date:%B} {date.year}"


def _unparsable(wording: str, texts: npt.NDArray[np.object_], rows: Flags, fix: str | None = None) -> TimeProblem:
    return TimeProblem("unparsable-time", f"{wording} ({_shown(texts, rows)})", rows, fix)


def _shown(texts: npt.NDArray[np.object_], rows: Flags) -> str:
    labels = [repr(text) for text in texts[rows][:_SHOWN]]
    return ", ".join(labels) + (", ..." if rows.sum() > _SHOWN else "")
