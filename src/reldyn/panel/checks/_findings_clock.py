"""Findings about times that share no grid: lags that are lost or rest on ranks, partners without common occasions.

Lags and partner values are looked up by the occasion of the study. Where every phone rings at a time of its own, the
occasion before a row is often a time of another dyad, and partners have no occasion in common.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Flags, Ints
from reldyn.panel.checks._finding_codes import Finding
from reldyn.panel.checks._findings_layout import Layout
from reldyn.panel.checks._findings_presence import used_occasions
from reldyn.panel.timing._grid import grid_steps
from reldyn.panel.timing._stamp_days import counts_as_schedule, crowded_days

if TYPE_CHECKING:
    from reldyn.panel._identity import Identity

# Steps up to half as long again as the median count as usual where times are drawn at random.
_LONGER = 1.5
# Single stamps are called odd where they are few; more of them are a schedule of their own.
_ODD_SHARE = 0.05
# Partners on one schedule who answer independently, each 45 % of the prompts, still share a fifth of them in all.
_SHARED = 0.2
_FEWEST_ROWS = 3
_NAMES_SHOWN = 5


@dataclass(frozen=True, eq=False)
class _Steps:
    """Steps from a person's row to the next one of the same day; p steps.

    Attributes
    ----------
    before, after : (p,) int arrays
        Row positions.
    found : (p,) bool array
        Whether the first is the lag of the second.
    usual : (p,) bool array
        Whether the step is no longer than usual.
    on_grid : bool
    """

    before: Ints
    after: Ints
    found: Flags
    usual: Flags
    on_grid: bool


def clock_findings(layout: Layout) -> Iterator[Finding]:
    """Times on no common grid, and partners who share few occasions or none."""
    if layout.identity is None or not layout.placed or not layout.occasion_kinds or not layout.usable.all():
        return
    yield from _off_grid(layout)
    yield from _apart(layout, layout.identity)


def _off_grid(layout: Layout) -> Iterator[Finding]:
    steps = _steps(layout)
    if steps is None:
        return
    rare = _rare(layout)
    lost = ~steps.found & steps.usual & _only_rare_between(layout, steps, rare)
    n, n_lost = len(steps.found), int((~steps.found).sum())
    name = layout.occasion_columns
    if not lost.any():
        prompts = len(layout.occasion_kinds) > 1 and counts_as_schedule(layout.placing[layout.occasion_kinds[-1]])
        if not steps.on_grid and not prompts:
            message = (
                f"{name!r} lies on no common grid: lags count the distinct times of the study, whatever lies between "
                f"them ({int(steps.found.sum()):,} of {n:,} steps from a person's row to the next)"
            )
            yield Finding("off-grid-times", name, message, severity="note", n=int(steps.found.sum()))
        return
    count = f"of {n:,} steps from a person's row to the next, {n_lost:,} are not one occasion and give no lag"
    crowded = _crowded(layout)
    if len(crowded):
        fix = "Keep one row per person and day, or name the day (day=) and what tells its rows apart (beep=)."
        message = f"{name!r} has one row a day, but for these on days of a person that have more; {count}"
        yield Finding("off-grid-times", name, message, crowded, fix=fix)
        return
    odd = _odd(layout, rare, steps)
    if odd.any():
        rows = np.flatnonzero(odd)
        which = "1 row lies" if len(rows) == 1 else f"{counted(len(rows), 'row')} lie"
        fix = (
            "Correct these times, or name the numbers of the schedule (day=, beep=); rd.align finds them from time "
            "stamps."
        )
        message = f"{count}; {which} off the grid of all others in {name!r}"
        yield Finding("off-grid-times", name, message, rows, fix=fix)
        return
    where = "lies on a grid finer than the schedule" if steps.on_grid else "lies on no common grid"
    message = f"{name!r} {where}, so the occasion before is often a time of someone else; {count}"
    zone = None
    if _in_utc(layout):
        message += ". Its times are those of UTC, where prompts move by an hour when summer time begins or ends"
        zone = "Name the zone of the study, such as timezone='Europe/Berlin'; if that does not help, use rd.align."
    yield Finding("off-grid-times", name, message, np.sort(steps.after[~steps.found]), fix=zone)


def _in_utc(layout: Layout) -> bool:
    """Whether the times within days are instants, shown on the clock of UTC because no zone is named."""
    times = layout.clocks[layout.source_of(layout.occasion_kinds[-1])]
    known = times.kind == "date" and times.fixed and times.zone is None
    return known and not np.any(np.abs(times.local - times.values) > 1)


def _crowded(layout: Layout) -> Ints:
    """Rows that keep stamps from being read as one occasion a day."""
    times = layout.clocks.get("time")
    if layout.occasion_kinds != ("time",) or times is None or times.kind != "date":
        return np.empty(0, dtype=np.intp)
    return crowded_days(times, layout.units.codes)


def _steps(layout: Layout) -> _Steps | None:
    """The steps within persons and days; None where most are one step of the grid, as on any regular schedule."""
    order, pair = layout.by_time, layout.same_unit
    if len(layout.occasion_kinds) > 1:
        pair = pair & (layout.steps["day"] == 0)
    if layout.off_schedule.any():
        pair = pair & ~layout.off_schedule[order[1:]] & ~layout.off_schedule[order[:-1]]
    if not pair.any() or np.bincount(layout.units.dyads).max() > 2:
        return None
    grid, _, on_grid = layout.grid
    lengths = np.diff(grid[order]) if on_grid else layout.steps[layout.occasion_kinds[-1]]
    if on_grid and 2 * (pair & (lengths == 1)).sum() > pair.sum():
        return None
    lengths = lengths[pair]
    forward = lengths > 0
    if not forward.any():
        return None
    usual = _commonest(lengths[forward]) if on_grid else _LONGER * float(np.median(lengths[forward]))
    if on_grid and usual <= 1:
        return None
    before, after = order[:-1][pair][forward], order[1:][pair][forward]
    found = layout.index.earlier_row(1)[after] == before
    return _Steps(before, after, found, lengths[forward] <= usual, on_grid)


def _commonest(lengths: Array | Ints) -> float:
    """The most frequent value, the smallest of those that tie."""
    whole = np.asarray(lengths)
    if whole.dtype.kind == "i" and whole.max() <= 4 * len(whole) + 1000:
        return float(np.bincount(whole).argmax())
    values, counts = np.unique(lengths, return_counts=True)
    return float(values[counts.argmax()])


def _ranks(layout: Layout) -> tuple[Ints, int]:
    """Rank of the occasion of each row among those that occur."""
    used, rank = used_occasions(layout.occasions.codes, layout.occasions.size)
    return rank, len(used)


def _rare(layout: Layout) -> Flags:
    """Rows at an occasion of at most half of the persons who take part at that time."""
    rank, n_used = _ranks(layout)
    units = layout.units
    first, last = np.full(units.n, n_used), np.zeros(units.n, dtype=np.intp)
    np.minimum.at(first, units.codes, rank)
    np.maximum.at(last, units.codes, rank)
    begun = np.bincount(first, minlength=n_used + 1) - np.bincount(last + 1, minlength=n_used + 1)
    active = np.cumsum(begun)[:n_used]
    return np.asarray((2 * np.bincount(rank, minlength=n_used) <= active)[rank])


def _only_rare_between(layout: Layout, steps: _Steps, rare: Flags) -> Flags:
    """Whether no occasion that most persons use lies between the two rows of a step."""
    rank, n_used = _ranks(layout)
    common = np.zeros(n_used, dtype=np.intp)
    common[rank[~rare]] = 1
    upto = np.cumsum(common)
    start, stop = rank[steps.before], rank[steps.after]
    return np.asarray(upto[stop] - common[stop] - upto[start] == 0)


def _odd(layout: Layout, rare: Flags, steps: _Steps) -> Flags:
    """The few rows without which the times lie on a common grid, and on a coarser one than before."""
    nothing = np.zeros(layout.n_rows, dtype=bool)
    if not 0 < rare.sum() <= max(_ODD_SHARE * layout.n_rows, 1):
        return nothing
    values = layout.placing[layout.occasion_kinds[-1]]
    left = np.unique(values[~rare])
    if len(left) < 2 or not grid_steps(left)[2]:
        return nothing
    finest, coarser = float(np.diff(np.unique(values)).min()), float(np.diff(left).min())
    # A stamp that lies on the grid of the others is only an occasion that few persons have.
    off = rare & (np.abs((values - left[0]) / coarser - np.rint((values - left[0]) / coarser)) > 1e-6)
    return off if coarser >= 2 * finest or not steps.on_grid else nothing


def _apart(layout: Layout, identity: Identity) -> Iterator[Finding]:
    units, paired = layout.units, layout.paired_dyads
    if not paired.any():
        return
    shared = np.bincount(units.dyads[units.codes[layout.partner_rows[0]]], minlength=identity.n_dyads)
    rows_of_unit = np.bincount(units.codes, minlength=units.n)
    own = np.zeros((2, identity.n_dyads), dtype=np.intp)
    member = np.minimum(units.members(), 1)
    own[member, units.dyads] = rows_of_unit
    fewer = own.min(axis=0)
    apart = paired & (fewer >= _FEWEST_ROWS) & (shared < _SHARED * fewer)
    for flags, wording in ((apart & (shared == 0), "share no occasion"), (apart & (shared > 0), "share few occasions")):
        which = np.flatnonzero(flags)
        if not len(which):
            continue
        names = ", ".join(str(label) for label in identity.dyad_labels[which[:_NAMES_SHOWN]])
        more = f" and {len(which) - _NAMES_SHOWN:,} more" if len(which) > _NAMES_SHOWN else ""
        who = "dyad" if len(which) == 1 else f"{len(which):,} of {counted(int(paired.sum()), 'dyad')}:"
        counts = f"{int(shared[which].sum()):,} of {int(fewer[which].sum()):,}"
        message = f"the partners of {who} {names}{more} {wording} ({counts} by {layout.occasion_columns!r})"
        yield Finding("clocks-apart", layout.occasion_columns, message, np.flatnonzero(flags[identity.dyad_codes]))
