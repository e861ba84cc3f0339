"""Findings about background variables, such as age, that differ between the rows of a person."""

from __future__ import annotations

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Flags, Ints
from reldyn.panel.checks._finding_codes import Finding
from reldyn.panel.checks._findings_layout import Layout

# Most persons must have one value throughout; an answer of yes or no stays the same more readily than an age.
_MOST, _MOST_OF_TWO_VALUES = 0.5, 0.75
# A slip is one departure, there and back, or a few; a birthday is one change for good.
_CHANGES = 2
_FEW_ROWS = 0.1
_NAMES_SHOWN = 5


def background_slips(layout: Layout, name: str, values: Array, long: Flags, constant: Flags) -> Finding | None:
    """The rows at which a background variable differs within a person; None where the column is none or never does.

    Parameters
    ----------
    layout : Layout
    name : str
    values : (n,) array
    long, constant : (units,) bool arrays
        Persons with enough values, and those of them whose values are all the same.
    """
    varying = np.flatnonzero(long & ~constant)
    n, n_constant = int(long.sum()), int(constant.sum())
    if not len(varying) or n_constant <= _MOST * n:
        return None
    order = layout.by_unit if not layout.occasion_kinds else layout.by_time
    order = order[np.isfinite(values[order]) & (layout.units.codes[order] >= 0)]
    codes = layout.units.codes[order]
    fixed = np.unique(values[order[constant[codes]]])
    if len(fixed) < 2:
        # Where all who never vary give one and the same value, it is an answer that is rarely another.
        return None
    if n_constant <= _MOST_OF_TWO_VALUES * n and len(np.unique(values[order])) == 2:
        return None
    found = []
    for unit in varying.tolist():
        rows = order[np.searchsorted(codes, unit) : np.searchsorted(codes, unit, side="right")]
        departing = _departing(values[rows])
        if departing is None:
            return None
        found.append(rows[departing])
    return Finding("background-changes", name, _wording(layout, name, varying, n), np.sort(np.concatenate(found)))


def _departing(series: Array) -> Flags | None:
    """Values unlike the commonest (the first of those that tie); None where a series changes too often for a slip."""
    levels, counts = np.unique(series, return_counts=True)
    tied = levels[counts == counts.max()]
    usual = series[np.isin(series, tied)][0]
    departing = np.asarray(series != usual)
    changes = int((series[1:] != series[:-1]).sum())
    return departing if changes <= _CHANGES or departing.sum() <= _FEW_ROWS * len(series) else None


def _wording(layout: Layout, name: str, varying: Ints, n: int) -> str:
    identity, units = layout.identity, layout.units
    persons = counted(len(varying), "person")
    names = ""
    if identity is not None:
        labels = [str(identity.person_labels[units.persons[unit]]) for unit in varying[:_NAMES_SHOWN].tolist()]
        if identity.within_dyad:
            dyads = [identity.dyad_labels[units.dyads[unit]] for unit in varying[:_NAMES_SHOWN].tolist()]
            labels = [f"{label} of dyad {dyad}" for label, dyad in zip(labels, dyads, strict=True)]
        more = f" and {len(varying) - _NAMES_SHOWN:,} more" if len(varying) > _NAMES_SHOWN else ""
        names = f" ({', '.join(labels)}{more})"
    return (
        f"{name!r} is the same in all rows of each of {counted(n - len(varying), 'person')}, but differs within "
        f"{persons}{names}"
    )
