"""`check_panel`: one table of everything a careful analyst would ask about a dyadic file.

The checks live in their own modules by subject; here their inputs are resolved and their findings gathered.
"""

from __future__ import annotations

import reprlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from reldyn.panel._border import column_label, plain_rows
from reldyn.panel._lines import lines_of
from reldyn.panel.aligning._align_report import alignment_findings
from reldyn.panel.checks._finding_codes import Finding, table_of
from reldyn.panel.checks._findings_layout import Layout, build_layout
from reldyn.panel.checks._findings_schedule import schedule_findings
from reldyn.panel.checks._findings_structure import structure_findings
from reldyn.panel.checks._findings_values import value_findings
from reldyn.panel.timing._formats import TimeOptions, time_options

if TYPE_CHECKING:
    from reldyn.panel._schedule import Schedule
    from reldyn.panel.checks._finding_codes import Severity

__all__ = ["check_panel", "duplicated_headers"]

_CLOCKS = ("scheduled", "sent", "answered", "expires")
_CHECKS: tuple[Callable[[Layout], Iterator[Finding]], ...] = (structure_findings, schedule_findings, value_findings)


def check_panel(
    frame: pd.DataFrame,
    *,
    dyad: str | None = None,
    person: str | None = None,
    role: str | None = None,
    time: str | None = None,
    day: str | None = None,
    beep: str | None = None,
    schedule: Schedule | None = None,
    scales: Mapping[str, tuple[float, float]] | None = None,
    variables: Sequence[str] | None = None,
    dates: str | Mapping[str, str] | None = None,
    timezone: str | None = None,
    workdays: Sequence[str | int] | str | None = None,
) -> pd.DataFrame:
    """Look through a table of dyadic data and list what an analyst should know; never raises.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per person, or per person and occasion. It is not changed.
    dyad, person : str
        Columns with the ids. A person column that only numbers members within the dyad is recognised.
    role, time, day, beep : str, optional
        As for `DyadPanel`.
    schedule : Schedule, optional
        Names of the clock columns.
    scales : mapping of str to (low, high), optional
        Response scales; values outside are errors.
    variables : sequence of str, optional
        Columns whose values are checked. None: those with a scale and every column of numbers that is not
        named above, because a fault in any of them may enter a model.
    dates, timezone, workdays : optional
        As for `DyadPanel`.

    Returns
    -------
    pandas.DataFrame
        One row per finding, the gravest first: ``code``, ``severity`` (``"error"``, ``"warning"``, ``"note"``),
        ``column``, ``n``, ``rows`` (a tuple of all row positions, counted from 0), ``lines`` (the lines of the file
        that `read_table` read, as an editor counts them; empty where there is none), ``message`` (shows the first
        five rows), ``fix``. Missing values are no fault in themselves: they are counted under
        ``partner-missing``, ``both-missing`` and ``compliance``. `reldyn.panel.finding_codes` explains every code.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"couple": [1, 1, 1], "who": ["a", "b", "b"], "day": [1, 1, 1], "mood": [4.0, 3.0, 5.0]})
    >>> found = check_panel(frame, dyad="couple", person="who", time="day")
    >>> found.loc[0, ["code", "rows"]].tolist()
    ['duplicate-occasion', (1, 2)]
    """
    options, faults = _options(dates, timezone, workdays)
    found = examine(
        frame,
        dyad=dyad,
        person=person,
        role=role,
        time=time,
        day=day,
        beep=beep,
        schedule=schedule,
        scales=scales,
        variables=variables,
        options=options,
        also=faults,
    )
    return found[0]


def _options(dates: Any, timezone: Any, workdays: Any) -> tuple[TimeOptions, list[Finding]]:
    """The options that can be used, and a finding where they cannot."""
    try:
        return time_options(dates, timezone, workdays), []
    except Exception as problem:
        return TimeOptions(), [Finding("bad-option", "", str(problem).rstrip("."), n=1)]


def examine(
    frame: pd.DataFrame,
    *,
    schedule: Schedule | None = None,
    scales: Mapping[str, tuple[float, float]] | None = None,
    variables: Sequence[str] | None = None,
    options: TimeOptions | None = None,
    also: Sequence[Finding] = (),
    **roles: str | None,
) -> tuple[pd.DataFrame, Layout | None]:
    """The findings of `check_panel`, and all that was read on the way: a panel need not look twice."""
    try:
        table, findings = _as_frame(frame)
        if table is None:
            return table_of(findings), None
        findings += also
        lines = lines_of(table)
        found, layout = _examine(table, schedule, scales, variables, options or TimeOptions(), roles)
    except Exception as problem:
        return table_of([_unchecked("table", problem)]), None
    return table_of(findings + found, lines), layout


def _examine(
    table: pd.DataFrame,
    schedule: Any,
    scales: Any,
    variables: Any,
    options: TimeOptions,
    roles: Mapping[str, str | None],
) -> tuple[list[Finding], Layout | None]:
    clocks = {kind: getattr(schedule, kind, None) for kind in _CLOCKS}
    findings, names = _named_columns(table, {**roles, **clocks})
    findings += _dated_columns(table, options, names)
    findings += alignment_findings(table)
    wanted = None if variables is None else _variable_names(table, variables)
    ranges, found = _scales(table, scales)
    findings += found + _value_names(table, (*(wanted or ()), *ranges), names)
    if not len(table):
        return [*findings, Finding("no-rows", "", "the table has no rows", n=1)], None
    unusable = set(duplicated_headers(table))
    kept = None if wanted is None else tuple(n for n in wanted if isinstance(n, str) and n not in unusable)
    placed = all(roles.get(kind) is None or kind in names for kind in ("time", "day", "beep"))
    found, layout = _run(table, names, ranges, kept, placed=placed, options=options)
    return findings + found, layout


def duplicated_headers(frame: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Columns whose name is ambiguous, each with all columns that share its header.

    `read_table` keeps a second ``X`` as ``X.1`` and remembers it; renaming or dropping all but one of the
    columns settles the matter.
    """
    present = [column_label(name) for name in frame.columns]
    groups = {name: (name,) * count for name, count in Counter(present).items() if count > 1}
    remembered = frame.attrs.get("duplicated_columns", {})
    for header, columns in remembered.items() if isinstance(remembered, Mapping) else ():
        # Whoever else wrote this attribute may have meant something else by it.
        if isinstance(columns, (tuple, list)):
            left = tuple(name for name in columns if isinstance(name, str) and name in present)
            if len(left) > 1:
                groups[column_label(header)] = left
    return {name: group for group in groups.values() for name in group}


def _run(
    table: pd.DataFrame,
    names: Mapping[str, str],
    scales: Mapping[str, tuple[float, float]],
    variables: tuple[str, ...] | None,
    *,
    placed: bool,
    options: TimeOptions,
) -> tuple[list[Finding], Layout | None]:
    findings: list[Finding] = []
    subjects = ("ids and roles", "times", "values")
    try:
        layout = build_layout(table, names, scales, variables, placed=placed, options=options)
    except Exception as problem:
        return [_unchecked("ids", problem)], None
    for subject, check in zip(subjects, _CHECKS, strict=True):
        try:
            findings.extend(check(layout))
        except Exception as problem:
            findings.append(_unchecked(subject, problem))
    return findings, layout


def _unchecked(subject: str, problem: Exception) -> Finding:
    """A check that fails on absurd input must not hide what the others found."""
    return Finding("unchecked", "", f"the {subject} could not be checked ({type(problem).__name__}: {problem})", n=1)


def _as_frame(frame: Any) -> tuple[pd.DataFrame | None, list[Finding]]:
    """The table with columns named by text, or None; and what is wrong with the object as a whole."""
    if not isinstance(frame, pd.DataFrame):
        import narwhals as nw

        try:
            frame = nw.from_native(frame, eager_only=True).to_pandas()
        except Exception:
            kind = type(frame).__name__
            return None, [Finding("not-a-table", "", f"the object is no data frame but of type {kind}", n=1)]
    return plain_rows(frame), []


def _variable_names(table: pd.DataFrame, variables: Any) -> tuple[Any, ...]:
    """What was named; a single thing that is no collection is one name."""
    try:
        names = (variables,) if isinstance(variables, (str, bytes)) else tuple(variables)
    except Exception:
        names = (variables,)
    return tuple(_as_text(table, name) for name in names)


def _as_text(table: pd.DataFrame, name: Any) -> Any:
    """The text by which the table names a column that the file names otherwise (3, a tuple)."""
    label = column_label(name)
    return label if label in table.columns else name


def _named_columns(table: pd.DataFrame, roles: Mapping[str, str | None]) -> tuple[list[Finding], dict[str, str]]:
    """Findings about the named columns, and those that can be used."""
    findings = []
    names = {}
    twice = duplicated_headers(table)
    columns = list(table.columns)
    for kind, name in roles.items():
        if name is None:
            if kind in ("dyad", "person"):
                fix = f"Name the column: {kind}=."
                findings.append(Finding("missing-column", "", f"no column is named for {kind}", n=1, fix=fix))
        elif not isinstance(name, str) or name not in columns:
            findings.append(_missing_column(table, kind, name))
        elif name in twice:
            findings.append(_duplicated_column(name, twice[name]))
        else:
            names[kind] = name
    return findings, names


def _dated_columns(table: pd.DataFrame, options: TimeOptions, names: Mapping[str, str]) -> list[Finding]:
    """Columns that `dates` names and that are absent, or hold no times of the study."""
    findings = []
    for name in options.dates if isinstance(options.dates, Mapping) else ():
        if name not in table.columns:
            findings.append(_missing_column(table, "dates", name))
        elif name not in names.values():
            message = f"dates= names {name!r}, which is named neither as time, day or beep nor in the schedule"
            findings.append(Finding("bad-option", name, message, severity="warning", n=1))
    return findings


def _value_names(table: pd.DataFrame, wanted: Sequence[str], names: Mapping[str, str]) -> list[Finding]:
    twice = duplicated_headers(table)
    findings = []
    columns = set(table.columns)
    for name in _distinct(wanted):
        if not isinstance(name, str) or name not in columns:
            findings.append(_missing_column(table, "variable", name))
        elif name in twice:
            findings.append(_duplicated_column(name, twice[name]))
    used = {*(name for name in wanted if isinstance(name, str)), *names.values()}
    for header, group in {group[0]: group for group in twice.values()}.items():
        if not used & set(group):
            message = f"the header {header!r} stands {len(group)} times ({', '.join(group)})"
            findings.append(Finding("duplicated-header", header, message, n=len(group)))
    return findings + _unnamed_headers(table)


def _unnamed_headers(table: pd.DataFrame) -> list[Finding]:
    """Columns that the reader named after their place; a counter of rows and a blank column are only noted."""
    remembered = table.attrs.get("unnamed_columns", {})
    findings = []
    for name, place in remembered.items() if isinstance(remembered, Mapping) else ():
        if not isinstance(place, (tuple, list)) or len(place) != 2 or name not in table.columns:
            continue
        values = table[name].dropna()
        numbers = pd.to_numeric(pd.Series(values.to_numpy()), errors="coerce").to_numpy(dtype=float)
        counts = len(values) == len(table) and len(set(np.diff(numbers))) <= 1
        message = f"column {place[1]} has no name in the header ({place[0]}) and is called {name!r}"
        severity: Severity | None = "note" if counts or not len(values) else None
        findings.append(Finding("unnamed-header", str(name), message, severity=severity, n=1))
    return findings


def _distinct(names: Sequence[Any]) -> list[Any]:
    """Names without repetition, in order; those that are no text need not be hashable."""
    return [
        *dict.fromkeys(name for name in names if isinstance(name, str)),
        *(n for n in names if not isinstance(n, str)),
    ]


def _missing_column(table: pd.DataFrame, kind: str, name: object) -> Finding:
    import difflib

    present = list(table.columns)
    label = column_label(name)
    close = difflib.get_close_matches(label, present, n=1)
    fix = f"Did you mean {close[0]!r}?" if close else f"The columns are {', '.join(present[:30])}."
    shown = repr(name) if isinstance(name, str) else label
    return Finding("missing-column", label, f"no column {shown} ({kind})", n=1, fix=fix)


def _duplicated_column(name: str, group: Sequence[str]) -> Finding:
    message = f"{name!r} is used, but its header stands {len(group)} times in the file ({', '.join(group)})"
    return Finding("duplicated-column", name, message, n=len(group))


def _scales(table: pd.DataFrame, scales: Any) -> tuple[dict[str, tuple[float, float]], list[Finding]]:
    """The scales that are a low and a high number of a usable column; the others are findings."""
    ranges: dict[str, tuple[float, float]] = {}
    findings = []
    twice = duplicated_headers(table)
    columns = set(table.columns)
    for given, scale in scales.items() if isinstance(scales, Mapping) else ():
        name = _as_text(table, given)
        low, high = _ends(scale)
        if not low < high:
            label = column_label(name)
            message = f"the scale of {label!r} is {reprlib.repr(scale)}"
            findings.append(Finding("bad-scale", label, message, n=1))
        elif not isinstance(name, str) or name not in columns:
            findings.append(_missing_column(table, "scales", name))
        elif name in twice:
            findings.append(_duplicated_column(name, twice[name]))
        else:
            ranges[name] = (low, high)
    return ranges, findings


def _ends(scale: Any) -> tuple[float, float]:
    """Low and high end; an empty range where the scale is no pair of numbers."""
    try:
        low, high = (float(end) for end in scale)
    except Exception:
        return 1.0, 0.0
    return low, high
