"""Findings about time: unreadable or missing times, rows out of order, nights, gaps, answers at odd moments."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reldyn._types import Array, Flags
from reldyn.panel.checks._finding_codes import Finding, Severity
from reldyn.panel.checks._findings_clock import clock_findings
from reldyn.panel.checks._findings_lags import lag_findings
from reldyn.panel.checks._findings_layout import Layout
from reldyn.panel.timing._placing import calendar_days, weekdays
from reldyn.panel.timing._times import SECONDS_PER_DAY, happened

# A step of half as much again as the usual one has skipped an occasion, even on a jittered schedule.
_LONGER = 1.5
# Numbered occasions run to at most this many times the rows that one person has in a day or series.
_SPREAD = 3
_FORTNIGHT = 13.0
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# An answer may come minutes before its prompt by clocks that differ, and never a day.
_LONG_BEFORE = 3600.0


def schedule_findings(layout: Layout) -> Iterator[Finding]:
    """Everything about time."""
    yield from _unreadable(layout)
    if layout.identity is not None and layout.occasion_kinds:
        yield from _out_of_order(layout)
        yield from _nights_and_gaps(layout)
    yield from _answer_times(layout)
    yield from clock_findings(layout)
    yield from lag_findings(layout)


def _unreadable(layout: Layout) -> Iterator[Finding]:
    # Stamps may give the day, so that the column that places rows is not the one of that name.
    sources = {layout.source_of(kind) for kind in layout.occasion_kinds}
    for kind, clock in layout.clocks.items():
        name = layout.names[kind]
        for problem in clock.problems:
            wording, rows = f"{name!r} {problem.wording}", np.flatnonzero(problem.rows)
            yield Finding(problem.code, name, wording, rows, fix=problem.fix)
        if clock.stem is not None:
            wording = f"{name!r} holds labels; the number in each is taken ({clock.stem!r})"
            n = int(np.isfinite(clock.values).sum())
            yield Finding("unparsable-time", name, wording, severity="warning", n=n)
        if clock.text:
            n = int(np.isfinite(clock.values).sum())
            yield Finding("numbers-as-text", name, f"{name!r} stores its numbers as text", n=n)
        if kind in sources:
            absent = np.isnan(clock.values) & ~clock.unreadable
            if absent.any():
                yield Finding("missing-occasion", name, f"no {kind} in {name!r}", np.flatnonzero(absent))


def _out_of_order(layout: Layout) -> Iterator[Finding]:
    order = layout.by_unit if layout.usable.all() else layout.by_unit[layout.usable[layout.by_unit]]
    # Cells ascend from unit to unit, so that they fall within one only.
    cells = layout.cells[order]
    back = cells[1:] < cells[:-1]
    if back.any():
        columns = layout.occasion_columns
        rows = np.sort(order[1:][back])
        yield Finding("out-of-order", columns, "earlier than the same person's preceding row", rows)


def _nights_and_gaps(layout: Layout) -> Iterator[Finding]:
    order, same = layout.by_time, layout.same_unit
    if not same.any():
        return
    within, days_on = layout.occasion_kinds[-1], _days_on(layout)
    if within == "day":
        gap = same & (days_on > _LONGER * _usual(days_on[same], counted=True))
    else:
        times, step = layout.placing[within], layout.steps[within]
        today = same & (days_on == 0)
        counted = _counts(times if layout.usable.all() else times[layout.usable], today)
        gap = (today & (step > _LONGER * _usual(step[today], counted=counted))) | (same & (days_on > 1))
        yield from _night(layout, same & (days_on >= 1))
    if gap.any():
        severity: Severity | None = "warning" if 2 * gap.sum() > same.sum() else None
        rows, columns = np.sort(order[1:][gap]), layout.occasion_columns
        yield Finding("gap", columns, "occasions are missing before", rows, severity, _fix_of_gaps(layout, severity))


def _fix_of_gaps(layout: Layout, severity: Severity | None) -> str | None:
    """Which call helps where whole days of the week are empty, or where most lags are lost."""
    if "day" in layout.placing and layout.options.workdays is None:
        clock = layout.clocks[layout.source_of("day")]
        if clock.kind == "date":
            rows = np.bincount(weekdays(clock)[np.isfinite(clock.local)].astype(int), minlength=7)
            span = np.ptp(clock.local[np.isfinite(clock.local)]) / SECONDS_PER_DAY
            if span >= _FORTNIGHT and 0 < (rows == 0).sum() < len(rows) - 1:
                days = ", ".join(repr(name) for name, n in zip(_WEEKDAYS, rows, strict=True) if n)
                return f"Where no prompt came on the other days of the week, declare it: workdays=({days})."
    if severity is None:
        return None
    return "Most rows have no lag. Name the numbers of the schedule (day=, beep=), or find them with rd.align."


def _night(layout: Layout, night: Flags) -> Iterator[Finding]:
    if night.any():
        kind = "day" if "day" in layout.names else "time"
        rows = np.sort(layout.by_time[1:][night])
        yield Finding("night", layout.names[kind], "a night lies before", rows)


def _days_on(layout: Layout) -> Array:
    """Days from each row to the person's next: of the named day, else of the calendar where dates have hours."""
    same, clock = layout.same_unit, layout.clocks.get(layout.occasion_kinds[-1])
    if "day" in layout.placing:
        return np.where(same, layout.steps["day"], 0.0)
    if clock is None or not clock.has_hours:
        return np.zeros(len(same))
    return np.where(same, np.diff(calendar_days(clock)[layout.by_time]), 0.0)


def _counts(times: Array, today: Flags) -> bool:
    """Whether times number the occasions and are no readings of a clock: whole, and as many as there may be rows."""
    most_rows = int(np.diff(np.flatnonzero(np.r_[True, ~today, True])).max())
    span = float(times.max()) - float(times.min())
    return span <= _SPREAD * most_rows and np.array_equal(times, np.floor(times))


def _usual(steps: Array, *, counted: bool) -> float:
    """The usual step: the smallest where occasions are counted, as many may be missing, else the median."""
    forward = steps[steps > 0]
    if not len(forward):
        return np.inf
    return float(forward.min()) if counted else float(np.median(forward))


def _answer_times(layout: Layout) -> Iterator[Finding]:
    answered = _moments(layout, "answered")
    if answered is None:
        return
    name = layout.names["answered"]
    start = "sent" if "sent" in layout.names else "scheduled"
    sent, expires = _moments(layout, start), _moments(layout, "expires")
    if sent is not None:
        early = answered < sent
        if early.any():
            yield from _early(layout, start, np.where(early, sent - answered, 0.0))
    if expires is not None:
        late = answered > expires
        if late.any():
            message = f"{name!r} lies after {layout.names['expires']!r}"
            yield Finding("answered-after-expiry", name, message, np.flatnonzero(late))


def _early(layout: Layout, start: str, ahead: Array) -> Iterator[Finding]:
    """Answers before their prompt, those of clocks that differ a little and those that belong elsewhere."""
    name, prompt = layout.names["answered"], layout.names[start]
    dated = layout.clocks["answered"].kind == "date"
    long = ahead > (_LONG_BEFORE if dated else np.inf)
    if np.any((ahead > 0) & ~long):
        rows = np.flatnonzero((ahead > 0) & ~long)
        yield Finding("answered-before-sent", name, f"{name!r} lies before {prompt!r}", rows)
    if long.any():
        worst = float(ahead.max())
        most = f"{worst / SECONDS_PER_DAY:,.0f} days" if worst >= 2 * SECONDS_PER_DAY else f"{worst / 3600:.0f} hours"
        whole = np.rint(ahead[long] / 1800) * 1800
        shift = float(np.median(whole))
        alike = np.abs(ahead[long] - shift) < 900
        fix = "Check that these answers stand at their own prompts; set those that cannot be placed to missing."
        if alike.mean() > 0.9 and shift < SECONDS_PER_DAY and long.mean() > 0.5:
            fix = f"Nearly all lie {shift / 3600:g} hours before: the columns are on clocks of different time zones."
        message = f"{name!r} lies more than an hour before {prompt!r}, by up to {most}"
        yield Finding("answered-before-sent", name, message, np.flatnonzero(long), fix=fix)


def _moments(layout: Layout, kind: str) -> Array | None:
    """Times of a clock column, NaN where it did not happen."""
    clock = layout.clocks.get(kind)
    if clock is None:
        return None
    return np.where(happened(clock), clock.values, np.nan)
