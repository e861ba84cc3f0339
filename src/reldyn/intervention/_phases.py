"""The series of each person, split into the phase before a start and the phase after it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import agreeing, counted
from reldyn._types import Array, Flags, Ints
from reldyn.errors import DesignError, check_columns, check_option
from reldyn.panel import PersonSeries

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel


__all__ = [
    "PhaseSeries",
    "chosen_names",
    "partners_together",
    "phase_series",
    "row_times",
    "time_unit",
    "too_few",
    "two_phases",
]


@dataclass(frozen=True, eq=False)
class PhaseSeries(PersonSeries):
    """One person's occasions in the two phases that are compared, in order of time.

    Attributes
    ----------
    after : (n,) bool array
        True in the second phase.
    notes : tuple of str
    """

    after: Flags
    notes: tuple[str, ...]

    @property
    def before_values(self) -> Array:
        """Answers of the first phase."""
        return self.values[self.observed & ~self.after]

    @property
    def after_values(self) -> Array:
        """Answers of the second phase."""
        return self.values[self.observed & self.after]

    @property
    def start(self) -> float:
        """Time of the first occasion of the second phase; NaN where there is none."""
        return float(self.time[self.after][0]) if self.after.any() else float("nan")

    def lacking(self, before: int, after: int) -> str:
        """Why the series is too short for a figure that needs so many answers per phase; empty where it is not."""
        return too_few(len(self.before_values), len(self.after_values), before, after)


def too_few(n_before: int, n_after: int, before: int, after: int) -> str:
    """Say how many answers two phases have and need; empty where they have enough.

    Examples
    --------
    >>> too_few(1, 4, 3, 3)
    '1 answer before and 4 after the start, at least 3 and 3 are needed'
    """
    if n_before >= before and n_after >= after:
        return ""
    have = f"{counted(n_before, 'answer')} before and {n_after:,} after the start"
    return f"{have}, at least {before} and {after} are needed"


def two_phases(panel: DyadPanel, phase: str, phases: Sequence[Hashable] | None) -> tuple[Hashable, Hashable]:
    """Say which label comes before the start and which after it.

    Raises
    ------
    DataError
        There is no such column.
    DesignError
        The column has not exactly two labels and none were named, or a named label does not occur.
    """
    check_columns([str(name) for name in panel.frame.columns], [phase])
    column = panel.frame[phase]
    time = row_times(panel)
    present = [_plain(label) for label in column.dropna().unique()]
    if phases is None:
        if len(present) != 2:
            raise DesignError(
                f"phase={phase!r} has {counted(len(present), 'label')} ({', '.join(map(repr, present[:6]))}): name "
                "the two to compare, the earlier first, as in phases=('A', 'B')."
            )
        first = {label: float(np.mean(time[(column == label).to_numpy(dtype=bool)])) for label in present}
        before, after = sorted(present, key=lambda label: first[label])
        return before, after
    named = tuple(phases) if isinstance(phases, Iterable) else ()
    if len(named) != 2 or named[0] == named[1] or isinstance(phases, str):
        raise DesignError(f"phases={phases!r}: name two different labels of {phase!r}, the earlier first.")
    absent = [label for label in named if label not in present]
    if absent:
        raise DesignError(
            f"phases={phases!r}: {absent[0]!r} is no label of {phase!r}; there are: "
            f"{', '.join(map(repr, present[:10]))}."
        )
    return named[0], named[1]


def _plain(label: Any) -> Hashable:
    plain: Hashable = label.item() if isinstance(label, np.generic) else label
    return plain


def row_times(panel: DyadPanel) -> Array:
    """`Clock.time` of each row."""
    return panel.clock.time[panel.index.slot]


def time_unit(panel: DyadPanel) -> str:
    """What one unit of `Clock.time` is called."""
    if panel.columns["day"] is not None:
        return "day"
    return str(panel.columns["time"]) if panel.columns["time"] is not None else "occasion"


def phase_series(
    panel: DyadPanel, outcome: str, phase: str, phases: Sequence[Hashable] | None = None
) -> tuple[list[PhaseSeries], tuple[Hashable, Hashable]]:
    """Lay out every person's occasions before and after the start.

    Only the first change from the one label to the other is used: what comes after a return to the first label, and
    occasions with another label or none, are left out, and ``notes`` says so.

    Returns
    -------
    series : list of PhaseSeries
        By dyad, then member.
    labels : tuple
        The two phases.
    """
    labels = two_phases(panel, phase, phases)
    column = panel.frame[phase]
    code = np.full(len(panel), -1)
    for place, label in enumerate(labels):
        code[(column == label).fillna(False).to_numpy(dtype=bool)] = place
    found = []
    for person in panel.series(outcome).by_person():
        at, notes = _first_change(code[person.row], labels)
        used = person.take(at)
        found.append(PhaseSeries(**vars(used), after=code[used.row] == 1, notes=notes))
    return found, labels


def chosen_names(given: Sequence[str] | None, known: Sequence[str], argument: str, what: str) -> list[str]:
    """Names of the measures asked for, all of them if none are; each is checked."""
    names = list(known if given is None else given)
    if isinstance(given, str) or not names:
        raise DesignError(f"{argument}={given!r}: give a list of names, of {', '.join(known)}.")
    for name in names:
        check_option(name, known, what)
    return names


def partners_together(rows: Sequence[tuple[PersonSeries, int, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Cells of rows (series, number of the measure, cells) by dyad and measure, the two partners' beside each other."""
    return [cells for _, _, cells in sorted(rows, key=lambda row: (row[0].code, row[1], row[0].member))]


def _first_change(code: Ints, labels: tuple[Hashable, Hashable]) -> tuple[Ints, tuple[str, ...]]:
    """Positions of the run of 0 that ends in a 1, and of the run of 1 after it."""
    known = np.flatnonzero(code >= 0)
    runs = code[known]
    change = np.flatnonzero((runs[:-1] == 0) & (runs[1:] == 1))
    if not len(change):
        missing = [repr(label) for place, label in enumerate(labels) if not (runs == place).any()]
        why = (
            f"no occasion of phase {' or '.join(missing)}" if missing else f"{labels[1]!r} never follows {labels[0]!r}"
        )
        return known, (why,)
    switch = int(change[0]) + 1
    earlier = np.flatnonzero(runs[:switch] == 1)
    later = np.flatnonzero(runs[switch:] == 0)
    first = int(earlier[-1]) + 1 if len(earlier) else 0
    last = switch + int(later[0]) if len(later) else len(runs)
    dropped = first + len(runs) - last
    notes = (
        (f"{counted(dropped, 'occasion')} outside the first change of phase {agreeing(dropped, 'is', 'are')} left out",)
        if dropped
        else ()
    )
    return known[first:last], notes
