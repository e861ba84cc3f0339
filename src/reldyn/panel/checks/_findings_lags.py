"""Findings about what was recognised in times, and about rows that the schedule leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from reldyn._format import counted
from reldyn._types import Flags
from reldyn.panel.checks._codes_for_missing import codes_among, distant_days, named_when_reading
from reldyn.panel.checks._finding_codes import Finding
from reldyn.panel.timing._formats import NUMBER_WORDS
from reldyn.panel.timing._numbers import UNIT_WORDS
from reldyn.panel.timing._placing import calendar_days
from reldyn.panel.timing._reading import SECONDS_PER_DAY

if TYPE_CHECKING:
    from reldyn.panel.checks._findings_layout import Layout
    from reldyn.panel.timing._times import Times

_ORDERS = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}
# People answer at night, but not one answer in ten between one and five.
_NIGHT = (1 * 3600.0, 5 * 3600.0)
_AT_NIGHT = 0.1
_FEWEST_DAYS = 3
_COUNTS = ("day", "beep", "time")
_SHOWN = 6
_SETS_SHOWN = 4


def recognised(times: Times) -> str | None:
    """How a column was read, where its values do not say so themselves."""
    if times.kind == "duration" and times.form is not None:
        return f"times of day of the form {times.form!r}"
    if times.kind != "date":
        return None
    parts = []
    if times.unit is not None:
        parts.append(UNIT_WORDS[times.unit])
    elif times.form is not None:
        parts.append(f"dates of the form {times.form!r}")
    elif times.order is not None:
        parts.append(f"dates in the order {_ORDERS[times.order]}")
    if times.zone is not None:
        parts = parts or ["stamps"]
        parts.append(f"on the clock of {times.zone}")
    elif times.unit in ("s", "ms", "us", "ns"):
        parts.append("on the clock of UTC")
    return ", ".join(parts) or None


def recognised_columns(layout: Layout) -> dict[str, str]:
    """How each column of times was read, where its values do not say so themselves."""
    words = {layout.names[kind]: recognised(times) for kind, times in layout.clocks.items()}
    return {name: text for name, text in words.items() if text is not None}


def lag_findings(layout: Layout) -> Iterator[Finding]:
    """What was recognised, rows outside the schedule, and lags that the study as a whole takes away."""
    yield from _read(layout)
    yield from _unfit_options(layout)
    if layout.identity is None or not layout.placed or not layout.usable.all() or not layout.occasion_kinds:
        return
    yield from _found_days(layout)
    yield from _own_prompts(layout)
    yield from _utc_days(layout)
    yield from _off_workdays(layout)
    yield from _off_prompts(layout)
    if np.bincount(layout.units.dyads).max(initial=0) <= 2:
        yield from _lost_days(layout)


def _read(layout: Layout) -> Iterator[Finding]:
    said: set[str] = set()
    for kind, times in layout.clocks.items():
        name = layout.names[kind]
        if name in said:
            continue
        said.add(name)
        for remark in times.remarks:
            yield Finding(remark.code, name, f"{name!r} {remark.wording}", np.flatnonzero(remark.rows))
        for extreme in codes_among(times.values, counts=True) if times.kind == "number" and kind in _COUNTS else ():
            message = f"{name!r} holds {extreme:g}, far from all other values"
            fix = named_when_reading(f"{extreme:g}")
            yield Finding("suspected-missing-code", name, message, np.flatnonzero(times.values == extreme), fix=fix)
        if times.kind == "date" and (far := distant_days(calendar_days(times))).any():
            dates = np.unique(calendar_days(times)[far].astype(np.int64).astype("datetime64[D]"))
            shown = ", ".join(map(str, dates[:_SHOWN])) + (", ..." if len(dates) > _SHOWN else "")
            yield Finding(
                "distant-date", name, f"{name!r} holds {shown}, far from all other dates", np.flatnonzero(far)
            )
        words = recognised(times)
        if words is None:
            continue
        known = times.local[np.isfinite(times.local)]
        if len(known):
            span = ""
            if times.kind == "date":
                days = np.floor(np.array([known.min(), known.max()]) / SECONDS_PER_DAY).astype("datetime64[D]")
                span = f" ({days[0]} to {days[1]})"
            yield Finding("times-read", name, f"{name!r} is read as {words}{span}", n=len(known))


def _unfit_options(layout: Layout) -> Iterator[Finding]:
    """`dates` that fit no column, and working days without a calendar."""
    options = layout.options
    clocks = layout.clocks.values()
    if isinstance(options.dates, str) and clocks:
        taken = any(options.dates in (c.form, *(w for w, u in NUMBER_WORDS.items() if u == c.unit)) for c in clocks)
        texts = [layout.names[kind] for kind, clock in layout.clocks.items() if clock.kind != "date" or clock.order]
        if not taken and texts and options.dates != "number":
            message = f"no time column has the form dates={options.dates!r}"
            yield Finding("bad-option", ", ".join(dict.fromkeys(texts)), message, n=1)
    if options.workdays is not None and layout.occasion_kinds:
        source = layout.source_of("day") if "day" in layout.placing else None
        if source is None or layout.clocks[source].kind != "date":
            fix = "Name a column of calendar dates as day=, or leave workdays out."
            message = "workdays= needs calendar dates, and the days of this table are none"
            yield Finding("bad-option", layout.occasion_columns, message, n=1, fix=fix)


def _found_days(layout: Layout) -> Iterator[Finding]:
    """Days and prompts that were read from stamps."""
    if "day" in layout.names or "day" not in layout.placing:
        return
    name = layout.occasion_columns
    if "time" not in layout.placing and "beep" not in layout.placing:
        message = f"{name!r} has one occasion a day: a lag leads to the day before, and partners meet on the day"
        yield Finding("times-read", name, message, n=layout.n_rows)
        return
    if layout.own_schedules is not None:
        return
    clock = layout.placing[layout.occasion_kinds[-1]]
    prompts, counts = np.unique(clock, return_counts=True)
    prompts = prompts[counts >= 0.1 * np.median(counts)]
    shown = ", ".join(_clock_text(prompt) for prompt in prompts[:_SHOWN])
    times = f"the prompts {shown}" if len(prompts) <= _SHOWN else f"{len(prompts):,} times of day"
    message = f"{name!r} gives the days and {times}: a lag is one prompt within the day"
    yield Finding("times-read", name, message, n=layout.n_rows)


def _own_prompts(layout: Layout) -> Iterator[Finding]:
    """Dyads whose prompts lie at other times of day than those of other dyads."""
    own = layout.own_schedules
    if own is None:
        return
    parts = []
    for number, prompts in enumerate(own.sets[:_SETS_SHOWN]):
        n = int((own.which == number).sum())
        shown = ", ".join(_clock_text(prompt) for prompt in prompts[:_SHOWN])
        parts.append(f"{shown}{', ...' if len(prompts) > _SHOWN else ''} ({n:,} dyad{'' if n == 1 else 's'})")
    more = f"; and {len(own.sets) - _SETS_SHOWN} more" if len(own.sets) > _SETS_SHOWN else ""
    message = (
        f"{layout.occasion_columns!r} has schedules that differ between dyads: {'; '.join(parts)}{more}. A lag is one "
        "prompt of the dyad's own schedule, and prompts of a day are numbered within it"
    )
    yield Finding("times-read", layout.occasion_columns, message, n=layout.n_rows)


def _off_prompts(layout: Layout) -> Iterator[Finding]:
    rows = np.flatnonzero(layout.off_schedule & ~layout.off_workdays)
    if len(rows):
        name = layout.occasion_columns
        fix = "Correct these times, or place them by the nearest prompt: rd.align(frame, ..., prompts=...)."
        message = f"{name!r} lies at a time of day that hardly any row has, so no lag leads to or from these rows"
        yield Finding("off-grid-times", name, message, rows, fix=fix)


def _clock_text(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60 % 24:d}:{minutes % 60:02d}"


def _utc_days(layout: Layout) -> Iterator[Finding]:
    """Days of UTC although people answer in its small hours."""
    times = layout.clocks.get("day")
    if times is None or times.kind != "date" or not times.fixed or times.zone is not None or not times.has_hours:
        return
    if np.any(np.abs(times.local - times.values) > 1):
        return
    clock = times.local % SECONDS_PER_DAY
    share = float(np.mean((clock >= _NIGHT[0]) & (clock < _NIGHT[1])))
    if share >= _AT_NIGHT:
        name = layout.names["day"]
        message = f"the days of {name!r} are those of UTC, and {share:.0%} of its times lie between 1:00 and 5:00 there"
        yield Finding("utc-days", name, message, n=layout.n_rows)


def _off_workdays(layout: Layout) -> Iterator[Finding]:
    off = layout.off_workdays
    if off.any():
        name = layout.names[layout.source_of("day")]
        yield Finding("off-workdays", name, f"{name!r} lies on a day that workdays= does not name", np.flatnonzero(off))


def _lost_days(layout: Layout) -> Iterator[Finding]:
    """Persons with one row a day, in a study whose days have several prompts: no lag leads from day to day."""
    if len(layout.occasion_kinds) < 2:
        return
    lost = _daily_rows(layout)
    if not lost.any():
        return
    rows = np.flatnonzero(lost)
    found = layout.index.earlier_row(1)[rows] >= 0
    if found.all():
        return
    name = layout.occasion_columns
    message = (
        f"{counted(int((~found).sum()), 'row')} follow on a day before by persons who have one row a day there, and "
        f"have no lag, because others have several by {name!r} on these days"
    )
    fix = (
        "Make a panel of its own of the stretch with one a day, DyadPanel(rows, day=...), or number days from each "
        "dyad's start."
    )
    yield Finding("few-lags", name, message, rows[~found], fix=fix)


def _daily_rows(layout: Layout) -> Flags:
    """Rows at the time of day of the row of the day before, in stretches of days with one row."""
    order, same, rows = layout.by_time, layout.same_unit, np.zeros(layout.n_rows, dtype=bool)
    days_on, within = layout.steps["day"], layout.steps[layout.occasion_kinds[-1]]
    alone = np.ones(len(order), dtype=bool)
    together = same & (days_on == 0)
    alone[1:] &= ~together
    alone[:-1] &= ~together
    if not alone.any():
        return rows
    step = same & (days_on == 1) & alone[1:] & alone[:-1] & (within == 0)
    # At least three days in a row: two steps that follow on each other.
    long = np.zeros(len(step), dtype=bool)
    if len(step) >= _FEWEST_DAYS - 1:
        both = step[1:] & step[:-1]
        long[1:] |= both
        long[:-1] |= both
    rows[order[1:][long]] = True
    return rows
