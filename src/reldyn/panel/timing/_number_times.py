"""Columns of numbers that are dates, as `Times`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from reldyn._types import Array
from reldyn.panel.timing._compact_dates import looks_clocked, looks_compact, looks_yearless, part_of_years
from reldyn.panel.timing._formats import Unit
from reldyn.panel.timing._numbers import UNIT_WORDS, dates_in_numbers, seconds_of
from reldyn.panel.timing._reading import TimeProblem, Times

__all__ = ["dates_of_numbers"]

_SHOWN = 3
# Units that are read before dates without marks are looked for: a year of four digits comes first in them.
_CALENDAR = ("yyyymmdd", "yyyymmddhhmm", "yyyymmddhhmmss")


def dates_of_numbers(read: Times, unit: Unit | None, *, serials: bool) -> Times:
    """Numbers as dates, where that is declared or where they can be nothing else."""
    if unit == "number":
        return dataclasses.replace(read, unit=unit)
    numbers = read.values
    if unit is not None:
        known = numbers != 0 if unit in ("s", "ms", "us", "ns") else np.ones(len(numbers), dtype=bool)
        seconds = np.where(known, seconds_of(numbers, unit), np.nan)
        strange = known & np.isfinite(numbers) & np.isnan(seconds)
        others = np.zeros(len(numbers), dtype=bool)
    else:
        found = dates_in_numbers(np.where(read.unreadable, np.inf, read.values), serials=serials)
        if found is None or found.unit not in _CALENDAR:
            forms = looks_clocked(np.where(read.unreadable, np.inf, read.values), short=serials)
            if forms:
                return _refused(read, "dates without marks", _declare(forms), "")
        if found is None:
            return _compact(read) if serials else read
        seconds, unit, others, strange = found.seconds, found.unit, found.others, found.strange
    problems, remarks = list(read.problems), []
    bare = strange & ~read.unreadable
    if bare.any():
        wording = f"is no date, as most of its values ({UNIT_WORDS[unit]}) are ({_few(numbers[bare])})"
        problems.append(TimeProblem("unparsable-time", wording, bare, "Correct these values, or drop their rows."))
    if others.any():
        wording = f"holds dates in several units: most are {UNIT_WORDS[unit]}, others are not ({_few(numbers[others])})"
        remarks.append(TimeProblem("mixed-units", wording, others))
    unreadable = read.unreadable | strange
    seconds = np.where(unreadable, np.nan, seconds)
    return dataclasses.replace(
        read,
        values=seconds,
        local=seconds,
        kind="date",
        unreadable=unreadable,
        problems=tuple(problems),
        remarks=tuple(remarks),
        text=False,
        unit=unit,
        fixed=unit in ("s", "ms", "us", "ns"),
    )


def _compact(read: Times) -> Times:
    """Numbers that count; refused where they are rather dates in a form that nobody named."""
    forms, part = looks_compact(read.values), part_of_years(read.values)
    if forms:
        what, fix = "dates without marks", _declare(forms)
    elif part is not None:
        what = f"years with their {part}s"
        fix = f"Write the date of each {part}, or number the {part}s 1, 2, 3, ... across the years"
    elif looks_yearless(read.values):
        what, fix = "dates without a year", "Write the year as well (20.03.2026)"
    else:
        return read
    return _refused(read, what, fix, "" if forms else "pass ")


def _declare(forms: Sequence[str]) -> str:
    return f"Declare the form, as in {' or '.join(f'dates={form!r}' for form in forms)}"


def _refused(read: Times, what: str, fix: str, verb: str) -> Times:
    """The column without values: what its numbers look like, and what to do."""
    known = np.isfinite(read.values)
    wording = f"looks like {what} ({_few(read.values[known])}), which do not count as numbers"
    fix += f", or {verb}dates='number' where they count."
    problem = TimeProblem("ambiguous-dates", wording, known, fix)
    nothing = np.where(known, np.nan, read.values)
    return dataclasses.replace(
        read, values=nothing, local=nothing, unreadable=known, problems=(*read.problems, problem)
    )


def _few(numbers: Array) -> str:
    shown = [f"{number:.15g}" for number in numbers[:_SHOWN]]
    return ", ".join(shown) + (", ..." if len(numbers) > _SHOWN else "")
