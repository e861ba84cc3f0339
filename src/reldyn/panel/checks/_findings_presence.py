"""Findings about who answered when: partners alone, neither partner, and compliance.

What counts as an occasion of a dyad is the same as in `DyadPanel.compliance`: every occasion the study
uses between the dyad's first and last row, with a row or without. Where times are each person's own there is no such
grid, and the dyad's own rows are all that is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Flags, Ints
from reldyn.panel.checks._finding_codes import Finding
from reldyn.panel.checks._findings_layout import Layout, dense
from reldyn.panel.timing._times import SECONDS_PER_DAY, Times, happened

if TYPE_CHECKING:
    from reldyn.panel._identity import Identity

_LOW_COMPLIANCE = 0.5


@dataclass(frozen=True, eq=False)
class Cells:
    """Occasions of dyads of two.

    Attributes
    ----------
    dyads, occasions : ndarray of int, shape (cells,)
        The occasion as its place in `used`.
    used : ndarray of int
        Codes of occasions that occur, ascending.
    first, second : ndarray of bool, shape (cells,)
        Whether each member answered.
    """

    dyads: Ints
    occasions: Ints
    used: Ints
    first: Flags
    second: Flags

    def answered(self) -> Ints:
        """How many members answered: 0, 1 or 2."""
        return self.first.astype(np.intp) + self.second


def presence_findings(layout: Layout, items: Mapping[str, Array]) -> Iterator[Finding]:
    """Who answered alone, where nobody answered, and compliance by person, day and beep."""
    identity, units = layout.identity, layout.units
    if identity is None or not layout.placed or not units.n:
        return
    answered = _answered(layout, items)
    dyads = units.dyads[units.codes]
    place = np.flatnonzero(layout.usable & layout.paired_dyads[dyads] & ~layout.off_workdays)
    if not len(place):
        return
    first = (units.members() == 0)[units.codes[place]]
    here = answered[place]
    yield from _apart(layout, identity, place, dyads[place], first, here)
    if layout.occasion_kinds:
        cells = _cells(layout, identity, dyads[place], layout.occasions.codes[place], first, here)
        yield from _compliance(layout, cells)
        yield from _by_kind(layout, cells)


def _answered(layout: Layout, items: Mapping[str, Array]) -> Flags:
    """Rows with an answer: a value in any item and, where answering times are named, such a time.

    A column without a scale that is never missing is design, not an answer.
    """
    answered = np.zeros(layout.n_rows, dtype=bool)
    telling = False
    for name, values in items.items():
        missing = np.isnan(values)
        if missing.any() or name in layout.scales:
            telling = True
            answered |= ~missing
    if not telling:
        answered[:] = True
    if "answered" in layout.names:
        answered &= happened(layout.clocks["answered"])
    return answered


def _apart(
    layout: Layout, identity: Identity, place: Ints, dyads: Ints, first: Flags, here: Flags
) -> Iterator[Finding]:
    size = layout.occasions.size
    codes, n_codes = dense(dyads * size + layout.occasions.codes[place], identity.n_dyads * size)
    by_member = np.zeros((2, n_codes), dtype=bool)
    by_member[0, codes[first & here]] = True
    by_member[1, codes[~first & here]] = True
    partner = np.where(first, by_member[1, codes], by_member[0, codes])
    alone, nobody = place[here & ~partner], place[~here & ~partner]
    if len(alone):
        yield Finding("partner-missing", "", "one partner answered and the other did not", alone)
    if len(nobody):
        yield Finding("both-missing", "", "neither partner answered", nobody)


def _cells(layout: Layout, identity: Identity, dyads: Ints, occasions: Ints, first: Flags, here: Flags) -> Cells:
    used, rank = used_occasions(occasions, layout.occasions.size)
    longest = int(np.bincount(layout.unit_by_time).max())
    shared_grid = len(used) <= 2 * longest and identity.n_dyads * len(used) <= 4 * layout.n_rows + 100_000
    if shared_grid:
        shape = (identity.n_dyads, len(used))
        codes, n_codes = dyads * len(used) + rank, identity.n_dyads * len(used)
    else:
        size = layout.occasions.size
        flat, codes = np.unique(dyads * size + occasions, return_inverse=True)
        n_codes = len(flat)
    table = np.zeros((3, n_codes), dtype=bool)
    table[0, codes] = True
    table[1, codes[first & here]] = True
    table[2, codes[~first & here]] = True
    if not shared_grid:
        return Cells(flat // size, np.searchsorted(used, flat % size), used, table[1], table[2])
    asked = _between(table[0].reshape(shape))
    if (own := layout.own_schedules) is not None:
        asked &= ~own.absent[:, used % len(own.rare)]
    expected = np.flatnonzero(asked)
    dyad, place = np.divmod(expected, len(used))
    return Cells(dyad, place, used, table[1, expected], table[2, expected])


def used_occasions(occasions: Ints, size: int) -> tuple[Ints, Ints]:
    """Occasion codes that occur, ascending, and the rank of every row among them."""
    if size > 4 * len(occasions) + 100_000:
        used, rank = np.unique(occasions, return_inverse=True)
        return used, rank
    flags = np.zeros(size, dtype=bool)
    flags[occasions] = True
    return np.flatnonzero(flags), (np.cumsum(flags) - 1)[occasions]


def _between(present: Flags) -> Flags:
    """From the first to the last true value of each row."""
    return np.asarray(
        np.logical_or.accumulate(present, axis=1) & np.logical_or.accumulate(present[:, ::-1], axis=1)[:, ::-1]
    )


def _compliance(layout: Layout, cells: Cells) -> Iterator[Finding]:
    total = len(cells.dyads)
    n_answers = int(cells.answered().sum())
    both = int((cells.first & cells.second).sum())
    overall = f"persons answered {_percent(n_answers, 2 * total)} of their dyad's occasions"
    yield Finding("compliance", "", overall, n=n_answers)
    dyadic = f"both partners answered {_percent(both, total)} of the occasions"
    yield Finding("dyadic-compliance", "", dyadic, n=both)
    units = layout.units
    n_dyads = int(units.dyads.max(initial=0)) + 1
    asked = np.bincount(cells.dyads, minlength=n_dyads)[units.dyads]
    first, second = (np.bincount(cells.dyads, weights=here, minlength=n_dyads) for here in (cells.first, cells.second))
    given = np.where(units.members() == 0, first[units.dyads], second[units.dyads])
    known = asked > 0
    shares = given[known] / asked[known]
    spread = f"{100 * shares.min():.1f} % to {100 * shares.max():.1f} %, median {100 * np.median(shares):.1f} %"
    yield Finding("compliance-by-person", "", f"single persons answered {spread}", n=int(known.sum()))
    low = np.flatnonzero((asked > 1) & (given < _LOW_COMPLIANCE * asked))
    if len(low):
        who = counted(len(low), "person")
        message = f"{who} answered fewer than half of the dyad's occasions"
        yield Finding("low-compliance", "", message, layout.rows_of_units(low))


def _by_kind(layout: Layout, cells: Cells) -> Iterator[Finding]:
    """Compliance by day and by beep: how many there are, and where it is lowest and highest."""
    usable = np.flatnonzero(layout.usable)
    used, rank = used_occasions(layout.occasions.codes[usable], layout.occasions.size)
    row_of_used = np.zeros(len(used), dtype=np.intp)
    row_of_used[rank] = usable
    # Occasions in the order in which dyads come to them: the first of a level names it.
    first = np.full(len(cells.used), len(cells.dyads))
    first[cells.occasions[::-1]] = np.arange(len(cells.dyads) - 1, -1, -1)
    order = np.argsort(first, kind="stable")
    example = row_of_used[np.searchsorted(used, cells.used[order])]
    n_cells, n_answers = (np.bincount(cells.occasions, weights=by)[order] for by in (None, cells.answered()))
    for kind in ("day", "beep"):
        if kind not in layout.occasion_kinds or (kind == "beep" and layout.own_schedules is not None):
            continue
        column = layout.frame[layout.names[layout.source_of(kind)]]
        values = layout.placing[kind][example]
        levels, rows, codes = np.unique(values, return_index=True, return_inverse=True)
        shares = np.bincount(codes, weights=n_answers) / (2 * np.bincount(codes, weights=n_cells))
        clock = layout.clocks[layout.source_of(kind)]
        dated = kind == "day" and clock.kind == "date"
        names = [_day_text(clock, example[row]) if dated else str(column.iloc[example[row]]) for row in rows]
        low, high = int(shares.argmin()), int(shares.argmax())
        message = (
            f"by {kind}, persons answered {100 * shares[low]:.1f} % ({kind} {names[low]}) "
            f"to {100 * shares[high]:.1f} % ({kind} {names[high]})"
        )
        yield Finding(f"compliance-by-{kind}", layout.names[layout.source_of(kind)], message, n=len(levels))


def _day_text(clock: Times, row: int) -> str:
    return str(np.datetime64(int(clock.local[row] // SECONDS_PER_DAY), "D"))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
