"""`check_panel`: one table of everything a careful analyst would ask about a dyadic file.

The checks live in their own modules by subject; here their inputs are resolved and their findings gathered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from reldyn.panel._finding_codes import Finding, table_of
from reldyn.panel._findings_layout import Layout, build_layout
from reldyn.panel._findings_schedule import schedule_findings
from reldyn.panel._findings_structure import structure_findings
from reldyn.panel._findings_values import value_findings

if TYPE_CHECKING:
    from reldyn.panel._identity import Identity
    from reldyn.panel._schedule import Schedule

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

    Returns
    -------
    pandas.DataFrame
        One row per finding, the gravest first: ``code``, ``severity`` (``"error"``, ``"warning"``, ``"note"``),
        ``column``, ``n``, ``rows`` (a tuple of all row positions, counted from 0), ``message`` (shows the first
        five rows), ``mend``. Missing values are no fault in themselves: they are counted under
        ``partner-missing``, ``both-missing`` and ``compliance``. `reldyn.panel.finding_codes` explains every code.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"couple": [1, 1, 1], "who": ["a", "b", "b"], "day": [1, 1, 1], "mood": [4.0, 3.0, 5.0]})
    >>> found = check_panel(frame, dyad="couple", person="who", time="day")
    >>> found.loc[0, ["code", "rows"]].tolist()
    ['duplicate-occasion', (1, 2)]
    """
    return examine(
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
    )[0]


def examine(
    frame: pd.DataFrame,
    *,
    schedule: Schedule | None = None,
    scales: Mapping[str, tuple[float, float]] | None = None,
    variables: Sequence[str] | None = None,
    **asked: str | None,
) -> tuple[pd.DataFrame, Identity | None]:
    """The findings of `check_panel`, and who is who where that could be told: a panel need not look twice."""
    table = _as_frame(frame)
    if table is None:
        kind = type(frame).__name__
        return table_of([Finding("not-a-table", "", f"the object is no data frame but of type {kind}", n=1)]), None
    clocks = {kind: getattr(schedule, kind, None) for kind in _CLOCKS}
    findings, names = _named_columns(table, {**asked, **clocks})
    wanted = None if variables is None else (variables,) if isinstance(variables, str) else tuple(variables)
    ranges, found = _scales(table, scales)
    findings += found + _value_names(table, (*(wanted or ()), *ranges), names)
    if not len(table):
        return table_of([*findings, Finding("no-rows", "", "the table has no rows", n=1)]), None
    unusable = set(duplicated_headers(table))
    kept = None if wanted is None else tuple(name for name in wanted if name not in unusable)
    placed = all(asked.get(kind) is None or kind in names for kind in ("time", "day", "beep"))
    found, identity = _run(table, names, ranges, kept, placed=placed)
    return table_of(findings + found), identity


def duplicated_headers(frame: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Columns whose name is ambiguous, each with all columns that share its header.

    `read_table` keeps a second ``X`` as ``X.1`` and remembers it; renaming or dropping all but one of the
    columns settles the matter.
    """
    present = [str(name) for name in frame.columns]
    groups = {name: (name,) * present.count(name) for name in dict.fromkeys(present) if present.count(name) > 1}
    remembered = frame.attrs.get("duplicated_columns", {})
    for header, columns in remembered.items() if isinstance(remembered, Mapping) else ():
        left = tuple(name for name in columns if name in present)
        if len(left) > 1:
            groups[header] = left
    return {name: group for group in groups.values() for name in group}


def _run(
    table: pd.DataFrame,
    names: Mapping[str, str],
    scales: Mapping[str, tuple[float, float]],
    variables: tuple[str, ...] | None,
    *,
    placed: bool,
) -> tuple[list[Finding], Identity | None]:
    findings: list[Finding] = []
    subjects = ("ids and roles", "times", "values")
    try:
        layout = build_layout(table, names, scales, variables, placed=placed)
    except Exception as problem:
        return [_unchecked("ids", problem)], None
    for subject, check in zip(subjects, _CHECKS, strict=True):
        try:
            findings.extend(check(layout))
        except Exception as problem:
            findings.append(_unchecked(subject, problem))
    return findings, layout.identity


def _unchecked(subject: str, problem: Exception) -> Finding:
    """A check that fails on absurd input must not hide what the others found."""
    return Finding("unchecked", "", f"the {subject} could not be checked ({type(problem).__name__}: {problem})", n=1)


def _as_frame(frame: Any) -> pd.DataFrame | None:
    if isinstance(frame, pd.DataFrame):
        return frame
    import narwhals as nw

    try:
        converted: pd.DataFrame = nw.from_native(frame, eager_only=True).to_pandas()
    except Exception:
        return None
    return converted


def _named_columns(table: pd.DataFrame, asked: Mapping[str, str | None]) -> tuple[list[Finding], dict[str, str]]:
    """Findings about the named columns, and those that can be used."""
    findings = []
    names = {}
    twice = duplicated_headers(table)
    columns = list(table.columns)
    for kind, name in asked.items():
        if name is None:
            if kind in ("dyad", "person"):
                mend = f"Name the column: {kind}=."
                findings.append(Finding("missing-column", "", f"no column is named for {kind}", n=1, mend=mend))
        elif not isinstance(name, str) or name not in columns:
            findings.append(_missing_column(table, kind, name))
        elif name in twice:
            findings.append(_duplicated_column(name, twice[name]))
        else:
            names[kind] = name
    return findings, names


def _value_names(table: pd.DataFrame, wanted: Sequence[str], names: Mapping[str, str]) -> list[Finding]:
    twice = duplicated_headers(table)
    findings = []
    for name in dict.fromkeys(wanted):
        if name not in table.columns:
            findings.append(_missing_column(table, "variable", name))
        elif name in twice:
            findings.append(_duplicated_column(name, twice[name]))
    used = {*wanted, *names.values()}
    for header, group in {group[0]: group for group in twice.values()}.items():
        if not used & set(group):
            message = f"the header {header!r} stands {len(group)} times ({', '.join(group)})"
            findings.append(Finding("duplicated-header", header, message, n=len(group)))
    return findings


def _missing_column(table: pd.DataFrame, kind: str, name: object) -> Finding:
    import difflib

    present = [str(column) for column in table.columns]
    close = difflib.get_close_matches(str(name), present, n=1)
    mend = f"Did you mean {close[0]!r}?" if close else f"The columns are {', '.join(present[:30])}."
    return Finding("missing-column", str(name), f"no column {name!r} ({kind})", n=1, mend=mend)


def _duplicated_column(name: str, group: Sequence[str]) -> Finding:
    message = f"{name!r} is used, but its header stands {len(group)} times in the file ({', '.join(group)})"
    return Finding("duplicated-column", name, message, n=len(group))


def _scales(table: pd.DataFrame, scales: Any) -> tuple[dict[str, tuple[float, float]], list[Finding]]:
    """The scales that are a low and a high number of a usable column; the others are findings."""
    ranges: dict[str, tuple[float, float]] = {}
    findings = []
    twice = duplicated_headers(table)
    for name, scale in scales.items() if isinstance(scales, Mapping) else ():
        try:
            low, high = (float(end) for end in scale)
        except (TypeError, ValueError):
            low, high = 1.0, 0.0
        if not low < high:
            findings.append(Finding("bad-scale", str(name), f"the scale of {name!r} is {scale!r}", n=1))
        elif name not in table.columns:
            findings.append(_missing_column(table, "scales", name))
        elif name in twice:
            findings.append(_duplicated_column(name, twice[name]))
        else:
            ranges[name] = (low, high)
    return ranges, findings
