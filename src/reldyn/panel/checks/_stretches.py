"""Stretches of consecutive prompts with the same answers, longer than the person's own habit of repeating explains.

One rule serves the findings, the panel and the detection of cycles. Whoever often answers 7 and 7 keeps long runs of 7
and 7; runs of answers that this person does not repeat elsewhere are taken for straight-lining.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Flags, Ints
from reldyn.errors import DataError, DesignError
from reldyn.panel._identity import factorize
from reldyn.panel.checks._finding_codes import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from reldyn.panel._panel import DyadPanel
    from reldyn.panel.checks._findings_layout import Layout

__all__ = ["CarelessStretches", "careless_stretches", "stretch_findings", "stretch_table"]

SHORTEST_STRETCH = 5
# Runs of this kind that the person would show by habit; below half a run the stretch is masked.
_EXPECTED = 0.5
# The person's overall share of repeats counts as so many prompts with these answers.
_PRIOR = 5.0
# An item that is asked at fewer than half of the prompts is no item of every prompt.
_ASKED = 0.5
ALL_ITEMS = -1


@dataclass(frozen=True, eq=False)
class CarelessStretches:
    """Stretches of the same answers.

    Attributes
    ----------
    first, last : (n,) int arrays
        Positions of the first and the last prompt of each stretch in the answers.
    length : (n,) int array
        Prompts that count: those with every item answered, or, for one item, with an answer to it.
    item : (n,) int array
        -1 where all items are the same, else the number of the item.
    expected : (n,) float array
        Runs of this length and these answers that the person would show by habit.
    masked : (n_prompts,) bool array
        True at the prompts of the stretches of all items. Stretches of one item are never masked.
    """

    first: Ints
    last: Ints
    length: Ints
    item: Ints
    expected: Array
    masked: Flags

    def __len__(self) -> int:
        return len(self.first)


def careless_stretches(answers: object, unit: object | None = None) -> CarelessStretches:
    """Find stretches of prompts with the same answers to all items that a person's own habits do not explain.

    A run of L >= 5 prompts with every item answered and the same answers v to all of them is masked where
    (number of runs) r^(L - 1) < .5. Here r = (repeats of v outside the run + 5 r0) / (prompts with v outside the
    run + 5), r0 is the person's share of repeats outside the run, and a repeat is a pair of neighbouring complete
    prompts with the same answers. Prompts without a complete answer are passed over. The same rule, applied to each
    item by itself, gives the stretches that are only counted: a strong cycle of warmth has such runs.

    Parameters
    ----------
    answers : (n_prompts, n_items) array_like
        In order of time; NaN where not answered. A single item is never masked.
    unit : (n_prompts,) array_like of int, optional
        Code of the person, prompts of one person next to each other. None: one person.

    Returns
    -------
    CarelessStretches
        Those of all items first, then those of one item that lie not wholly inside one of all items, in order of time.

    Raises
    ------
    DataError
        The answers are no table of numbers, or ``unit`` has another length.

    References
    ----------
    Curran (2016), Journal of Experimental Social Psychology 66, 4-19, for long strings. The rule is the project's own.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> answers = rng.integers(1, 8, (60, 2)).astype(float)
    >>> answers[20:28] = [4, 4]
    >>> found = careless_stretches(answers)
    >>> int(found.first[0]), int(found.length[0]), int(found.masked.sum())
    (20, 8, 8)
    """
    try:
        table = np.array(answers, dtype=float)
        codes = np.zeros(len(table), dtype=np.int64) if unit is None else np.array(unit).astype(np.int64)
    except (TypeError, ValueError) as problem:
        raise DataError(f"answers must be a table of numbers, prompts by items ({problem}).") from None
    if table.ndim != 2 or codes.shape != (len(table),):
        shapes = f"answers of shape {table.shape}, unit of shape {codes.shape}"
        raise DataError(f"{shapes}: give prompts by items, and one code per prompt.")
    codes = factorize(codes)[0]
    columns = list(table.T)
    parts: list[tuple[Ints, Ints, Ints, Array, int]] = []
    masked = np.zeros(len(table), dtype=bool)
    if len(columns) > 1:
        rows, (start, length, expected) = _unlikely(columns, codes)
        masked[rows[_spread(start, length)]] = True
        parts.append((rows[start], rows[start + length - 1], length, expected, ALL_ITEMS))
    for item, column in enumerate(columns):
        rows, (start, length, expected) = _unlikely([column], codes)
        inside = np.concatenate([[0], np.cumsum(masked[rows])])
        own = inside[start + length] - inside[start] < length
        start, length, expected = start[own], length[own], expected[own]
        parts.append((rows[start], rows[start + length - 1], length, expected, item))
    number = [np.full(len(first), item) for first, *_, item in parts]
    joined = [np.concatenate([part[at] for part in parts]) if parts else np.zeros(0) for at in range(4)]
    return CarelessStretches(
        first=joined[0].astype(np.int64),
        last=joined[1].astype(np.int64),
        length=joined[2].astype(np.int64),
        item=np.concatenate(number).astype(np.int64) if number else np.zeros(0, dtype=np.int64),
        expected=joined[3],
        masked=masked,
    )


def _unlikely(columns: Sequence[Array], unit: Ints) -> tuple[Ints, tuple[Ints, Ints, Array]]:
    """Positions of complete prompts; start and length among them, and expected number, of each unlikely run."""
    complete = unit >= 0
    for column in columns:
        complete &= np.isfinite(column)
    rows = np.flatnonzero(complete)
    unit = unit[rows]
    same = unit[1:] == unit[:-1]
    for column in columns:
        seen = column[rows]
        same &= seen[1:] == seen[:-1]
    start = np.flatnonzero(np.concatenate([[True], ~same])) if len(rows) else np.zeros(0, dtype=np.int64)
    length = np.diff(np.append(start, len(rows)))
    long = length >= SHORTEST_STRETCH
    if not long.any():
        return rows, (start[:0], length[:0], np.zeros(0))
    expected = _expected_runs([column[rows[start]] for column in columns], unit[start], length, long)
    keep = expected < _EXPECTED
    return rows, (start[long][keep], length[long][keep], expected[keep])


def _expected_runs(columns: Sequence[Array], unit: Ints, length: Ints, long: Flags) -> Array:
    """Expected number of runs like each long one; all arrays with one entry per run, all runs of all persons."""
    n_runs = np.bincount(unit)
    n_prompts = np.bincount(unit, weights=length)
    concerned = np.zeros(len(n_runs), dtype=bool)
    concerned[unit[long]] = True
    part = concerned[unit]
    pattern = unit[part]
    for column in columns:
        key, labels = factorize(column[part])
        pattern, _ = factorize(pattern * len(labels) + key)
    at = np.bincount(pattern, weights=length[part])
    repeats = at - np.bincount(pattern)
    code, who, size = pattern[long[part]], unit[long], length[long]
    overall = (n_prompts[who] - n_runs[who] - size + 1) / np.maximum(n_prompts[who] - size, 1)
    rate = (repeats[code] - size + 1 + _PRIOR * overall) / (at[code] - size + _PRIOR)
    return np.asarray(n_runs[who] * rate ** (size - 1))


def _spread(start: Ints, length: Ints) -> Ints:
    """All positions from start on, as many as each length says."""
    ends = np.cumsum(length)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(start - ends + length, length)


def stretch_table(panel: DyadPanel, items: Sequence[str]) -> pd.DataFrame:
    """Build the table of `DyadPanel.careless`."""
    import pandas as pd

    names = [items] if isinstance(items, str) else list(items)
    if not names or len(set(names)) < len(names):
        raise DesignError(f"items={names!r}: name the rated items of a prompt, each once.")
    index = panel.index
    columns = [panel.values(name) for name in names]
    order = np.argsort(index.person * index.cells + index.occasion, kind="stable")
    found = careless_stretches(np.column_stack(columns)[order], index.person[order])
    first, last = order[found.first], order[found.last]
    table: dict[str, object] = {
        "dyad": [index.dyad_labels[code] for code in index.dyad[first]],
        "person": [index.person_labels[code] for code in index.person[first]],
        "role": ["" if code < 0 else index.roles[code] for code in index.role[first]],
        "items": ["all" if item == ALL_ITEMS else names[item] for item in found.item],
        "first": [_occasion(panel, row) for row in first],
        "last": [_occasion(panel, row) for row in last],
        "first_row": first,
        "last_row": last,
        "length": found.length,
        "expected": found.expected,
        "masked": found.item == ALL_ITEMS,
    }
    place = np.lexsort((found.first, index.person[first], index.dyad[first]))
    return pd.DataFrame(table).iloc[place].reset_index(drop=True)


def _occasion(panel: DyadPanel, row: int) -> str:
    """The occasion of a row in the words of the file: its day and beep, or its time."""
    columns = panel.columns
    named = [columns[kind] for kind in ("day", "beep", "time") if columns[kind] is not None]
    values = {name: panel.frame[name].iloc[row] for name in dict.fromkeys(named)}
    return ", ".join(f"{name} {value}" for name, value in values.items())


def stretch_findings(layout: Layout, items: Mapping[str, Array]) -> Iterator[Finding]:
    """Stretches with the same answers to all items that the person's own habits do not explain."""
    order = layout.by_time
    if len(items) < 2 or len(order) < SHORTEST_STRETCH or not layout.occasion_kinds or not layout.placed:
        return
    counts = {name: int(np.isfinite(values).sum()) for name, values in items.items()}
    usual = {name: values[order] for name, values in items.items() if counts[name] >= _ASKED * max(counts.values())}
    same_unit = layout.same_unit
    rated = {name: values for name, values in usual.items() if not _only_rises(values, same_unit)}
    if len(rated) < 2:
        return
    rows, (start, length, _) = _unlikely(list(rated.values()), layout.unit_by_time)
    if not len(start):
        return
    n_persons = len(np.unique(layout.unit_by_time[rows[start]]))
    persons = "one person" if n_persons == 1 else counted(n_persons, "person")
    stretches = "a stretch" if len(start) == 1 else f"{len(start):,} stretches"
    message = (
        f"{stretches} of {_lengths(length)} prompts in a row with the same answers to all "
        f"{counted(len(rated), 'item')}, unlikely for {persons}"
    )
    yield Finding("careless-stretch", ", ".join(rated), message, np.sort(order[rows[_spread(start, length)]]))


def _lengths(length: Ints) -> str:
    low, high = int(length.min()), int(length.max())
    return f"{low}" if low == high else f"{low} to {high}"


def _only_rises(ordered: Array, same_unit: Flags) -> bool:
    """Whether a column counts upward within every person, as a row number does."""
    return bool((ordered[1:] > ordered[:-1])[same_unit].all())
