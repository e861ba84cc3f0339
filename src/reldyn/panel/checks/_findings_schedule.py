"""Findings about time: unreadable or missing times, rows out of order, nights, gaps, answers at odd moments."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reldyn._types import Array, Flags
from reldyn.panel._placing import calendar_days
from reldyn.panel._times import SECONDS_PER_DAY, happened
from reldyn.panel.checks._finding_codes import Finding
from reldyn.panel.checks._findings_clock import clock_findings
from reldyn.panel.checks._findings_layout import Layout

# A step of half as much again as the usual one has skipped an occasion, even on a jittered schedule.
_LONGER = 1.5
# Numbered occasions run to at most this many times the rows that one person has in a day or series.
_SPREAD = 3


def schedule_findings(layout: Layout) -> Iterator[Finding]:
    """Everything about time."""
    yield from _unreadable(layout)
    if layout.identity is not None and layout.occasion_kinds:
        yield from _out_of_order(layout)
        yield from _nights_and_gaps(layout)
    yield from _answer_times(layout)
    yield from clock_findings(layout)


def _unreadable(layout: Layout) -> Iterator[Finding]:
    for kind, clock in layout.clocks.items():
        name = layout.names[kind]
        for problem in clock.problems:
            wording, rows = f"{name!r} {problem.wording}", np.flatnonzero(problem.rows)
            yield Finding(problem.code, name, wording, rows, mend=problem.fix)
        if clock.stem is not None:
            wording = f"{name!r} holds labels; the number in each is taken ({clock.stem!r})"
            n = int(np.isfinite(clock.values).sum())
            yield Finding("unparsable-time", name, wording, severity="warning", n=n)
        if clock.text:
            n = int(np.isfinite(clock.values).sum())
            yield Finding("numbers-as-text", name, f"{name!r} stores its numbers as text", n=n)
        if kind in layout.occasion_kinds:
            absent = np.isnan(clock.values) & ~clock.unreadable
            if absent.any():
                yield Finding("missing-occasion", name, f"no {kind} in {name!r}", np.flatnonzero(absent))


def _out_of_order(layout: Layout) -> Iterator[Finding]:
    order = layout.by_unit if layout.usable.all() else layout.by_unit[layout.usable[layout.by_unit]]
    occasions, units = layout.occasions.codes[order], layout.units.codes[order]
    back = (occasions[1:] < occasions[:-1]) & (units[1:] == units[:-1])
    if back.any():
        columns = layout.occasion_columns
        rows = np.sort(order[1:][back])
        yield Finding("out-of-order", columns, "earlier than the same person's preceding row", rows)


def _nights_and_gaps(layout: Layout) -> Iterator[Finding]:
    order, same = layout.by_time, layout.same_unit
    if not same.any():
        return
    days = _days(layout)
    within = layout.occasion_kinds[-1]
    days_on = _steps(days, layout, same) if days is not None else np.zeros(len(same))
    if within == "day":
        gap = same & (days_on > _LONGER * _usual(days_on[same], counted=True))
    else:
        times = layout.placing[within][order]
        step = np.diff(times)
        today = same & (days_on == 0)
        gap = (today & (step > _LONGER * _usual(step[today], counted=_counts(times, today)))) | (same & (days_on > 1))
        yield from _night(layout, same & (days_on >= 1))
    if gap.any():
        yield Finding("gap", layout.occasion_columns, "occasions are missing before", np.sort(order[1:][gap]))


def _night(layout: Layout, night: Flags) -> Iterator[Finding]:
    if night.any():
        kind = "day" if "day" in layout.names else "time"
        rows = np.sort(layout.by_time[1:][night])
        yield Finding("night", layout.names[kind], "a night lies before", rows)


def _days(layout: Layout) -> Array | None:
    """Day number of each row: the named day, else the calendar day where times are dates with a time of day."""
    if "day" in layout.placing:
        return layout.placing["day"]
    clock = layout.clocks[layout.occasion_kinds[-1]]
    if clock.kind != "date":
        return None
    days = calendar_days(clock)
    present = ~np.isnan(days)
    return None if np.array_equal(days[present] * SECONDS_PER_DAY, clock.local[present]) else days


def _steps(days: Array, layout: Layout, same: Flags) -> Array:
    steps = np.diff(days[layout.by_time])
    return np.where(same, steps, 0.0)


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
            message = f"{name!r} lies before {layout.names[start]!r}"
            yield Finding("answered-before-sent", name, message, np.flatnonzero(early))
    if expires is not None:
        late = answered > expires
        if late.any():
            message = f"{name!r} lies after {layout.names['expires']!r}"
            yield Finding("answered-after-expiry", name, message, np.flatnonzero(late))


def _moments(layout: Layout, kind: str) -> Array | None:
    """Times of a clock column, NaN where it did not happen."""
    clock = layout.clocks.get(kind)
    if clock is None:
        return None
    return np.where(happened(clock), clock.values, np.nan)
