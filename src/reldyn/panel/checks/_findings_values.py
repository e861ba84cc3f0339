"""Findings about answers: impossible values, series that hardly vary, floors.

Statistics are sums over integer codes; no group of a frame is ever formed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from string import digits

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.panel.checks._codes_for_missing import codes_among, named_when_reading
from reldyn.panel.checks._finding_codes import Finding
from reldyn.panel.checks._findings_background import background_slips
from reldyn.panel.checks._findings_layout import Layout
from reldyn.panel.checks._findings_partners import partner_findings, scale_findings
from reldyn.panel.checks._findings_presence import presence_findings
from reldyn.panel.checks._findings_text import read_values, value_columns
from reldyn.panel.checks._stretches import stretch_findings

# Floor and ceiling effects are spoken of from 15 % on (Terwee et al. 2007).
_FLOOR_SHARE = 0.15
_NEAR_CONSTANT = 0.01
# Below five answers an unvarying series is common on a Likert scale and says nothing.
_SHORTEST_SERIES = 5
# Fewer answers may take two values on any scale.
_FEWEST_TWO_VALUED = 10


def value_findings(layout: Layout) -> Iterator[Finding]:
    """Everything about the values of the checked columns."""
    columns: dict[str, Array] = {}
    for name in value_columns(layout):
        columns[name], found = read_values(layout, name)
        yield from found
    ranges = {name: _range(values) for name, values in columns.items()}
    batteries = _battery_ranges(ranges)
    traits = set()
    for name, values in columns.items():
        low, high = layout.scales.get(name) or batteries[name]
        yield from _impossible(layout, name, values, ranges[name])
        found, trait = _unvarying(layout, name, values, high - low)
        yield from found
        if trait:
            traits.add(name)
        else:
            yield from _extremes(layout, name, values)
    states = {name: values for name, values in columns.items() if name not in traits}
    yield from scale_findings(layout, states)
    if layout.identity is not None:
        yield from partner_findings(layout, states)
        yield from stretch_findings(layout, _items(layout, states))
        yield from presence_findings(layout, _items(layout, states))


def _range(values: Array) -> tuple[float, float]:
    """Smallest and largest finite value; 0 and 0 where there is none."""
    if not len(values):
        return 0.0, 0.0
    low, high = float(np.fmin.reduce(values)), float(np.fmax.reduce(values))
    if math.isfinite(low) and math.isfinite(high):
        return low, high
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)


def _battery_ranges(ranges: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Observed range of each column; numbered items with a common stem are taken to share one scale."""
    batteries: dict[str, tuple[float, float]] = {}
    for name, (low, high) in ranges.items():
        least, most = batteries.get(name.rstrip(digits), (low, high))
        batteries[name.rstrip(digits)] = (min(least, low), max(most, high))
    return {
        name: found if name.rstrip(digits) == name else batteries[name.rstrip(digits)] for name, found in ranges.items()
    }


def _impossible(layout: Layout, name: str, values: Array, observed: tuple[float, float]) -> Iterator[Finding]:
    if not len(values):
        return
    if not np.isfinite(values).any():
        yield Finding("all-missing", name, f"{name!r} has no value", n=len(values))
    infinite = np.isinf(values)
    if infinite.any():
        yield Finding("infinite", name, f"{name!r} is infinite", np.flatnonzero(infinite))
    if name in layout.scales:
        low, high = layout.scales[name]
        # The range of a column without values is no value outside.
        if np.isfinite(values).any() and (observed[0] < low or observed[1] > high):
            outside = ((values < low) | (values > high)) & ~infinite
            message = f"{name!r} lies outside its scale {low:g} to {high:g}"
            yield Finding("outside-scale", name, message, np.flatnonzero(outside))
        return
    codes = codes_among(values)
    fix = named_when_reading(", ".join(f"{code:g}" for code in codes))
    for code in codes:
        message = f"{name!r} holds {code:g}, far from all other values"
        yield Finding("suspected-missing-code", name, message, np.flatnonzero(values == code), fix=fix)


def _extremes(layout: Layout, name: str, values: Array) -> Iterator[Finding]:
    is_observed = np.isfinite(values)
    n = int(is_observed.sum())
    if not n:
        return
    declared = name in layout.scales
    low, high = layout.scales.get(name) or _range(values)
    at_floor, at_ceiling = values == low, values == high
    n_floor, n_ceiling = int(at_floor.sum()), int(at_ceiling.sum())
    ends = _range(values)
    if n >= _FEWEST_TWO_VALUED and ends[0] < ends[1] and ((values == ends[0]) | (values == ends[1])).sum() == n:
        yield Finding("two-valued", name, f"{name!r} holds two values only ({ends[0]:g} and {ends[1]:g})", n=n)
    if low == high or (not declared and n_floor + n_ceiling == n):
        # One or two values in all are a constant or a yes-no question, not a scale with ends.
        return
    for code, end, at_end, count in (
        ("floor-share", "lowest", at_floor, n_floor),
        ("ceiling-share", "highest", at_ceiling, n_ceiling),
    ):
        if count >= _FLOOR_SHARE * n:
            point = low if code == "floor-share" else high
            message = f"{100 * count / n:.0f} % of the values of {name!r} stand at the {end} point ({point:g})"
            yield Finding(code, name, message, np.flatnonzero(at_end))


def _unvarying(layout: Layout, name: str, values: Array, span: float) -> tuple[list[Finding], bool]:
    """Constant and near-constant series, one finding each, and whether the column describes persons, not occasions."""
    units = layout.units
    is_observed = np.isfinite(values) & (units.codes >= 0)
    rows = np.arange(len(values)) if is_observed.all() else np.flatnonzero(is_observed)
    if not len(rows):
        return [], False
    low, high = _range(values)
    if low == high:
        wording = f"{name!r} is {low:g} wherever it has a value"
        return [Finding("constant", name, wording, rows)] if len(rows) > 1 else [], True
    count, sd = _person_sd(values, units.codes, units.n, rows)
    long = count >= _SHORTEST_SERIES
    constant = long & (sd == 0)
    if not long.any():
        return [], False
    slips = background_slips(layout, name, values, long, constant)
    if slips is not None:
        return [slips], True
    if constant.sum() > 0.9 * long.sum() and long.sum() > 1:
        return [], True
    if name not in layout.scales and _two_valued(values, low, high):
        # Someone who never once says yes to a yes-no question is no fault of the data.
        return [], False
    near = long & (sd > 0) & (sd < _NEAR_CONSTANT * span)
    found = [
        Finding(
            code, name, _series_wording(layout, name, unit, sd[unit], code), _observed_rows(layout, unit, is_observed)
        )
        for code, flags in (("constant", constant), ("near-constant", near))
        for unit in np.flatnonzero(flags).tolist()
    ]
    return found, False


def _two_valued(values: Array, low: float, high: float) -> bool:
    """Whether every value is one of two; most columns show it in their first rows."""
    return all(np.all((part == low) | (part == high) | np.isnan(part)) for part in (values[:100], values))


def _person_sd(values: Array, codes: Ints, n: int, rows: Ints) -> tuple[Ints, Array]:
    """Number of values and standard deviation of each unit; exactly 0 for an exactly constant series.

    Deviations are taken from the unit's first value, so that equal values leave exactly nothing and
    no second pass is needed.
    """
    values, codes = (values, codes) if len(rows) == len(values) else (values[rows], codes[rows])
    first = np.zeros(n)
    first[codes[::-1]] = values[::-1]
    count = np.bincount(codes, minlength=n)
    # Squares of absurdly large values are infinite: such a series is not near to constant.
    with np.errstate(over="ignore", invalid="ignore"):
        deviation = values - first[codes]
        total = np.bincount(codes, weights=deviation, minlength=n)
        square = np.bincount(codes, weights=deviation * deviation, minlength=n)
        spread = np.maximum(square - total**2 / np.maximum(count, 1), 0.0)
    return count, np.sqrt(spread / np.maximum(count - 1, 1))


def _series_wording(layout: Layout, name: str, unit: int, sd: float, code: str) -> str:
    identity = layout.identity
    if identity is None:
        return f"{name!r} hardly varies"
    person = identity.person_labels[layout.units.persons[unit]]
    who = f"person {person}"
    if identity.within_dyad:
        who += f" of dyad {identity.dyad_labels[layout.units.dyads[unit]]}"
    return f"{name!r} of {who} never varies" if code == "constant" else f"{name!r} of {who} hardly varies (SD {sd:.3g})"


def _observed_rows(layout: Layout, unit: int, is_observed: Flags) -> Ints:
    order = layout.by_unit
    start, stop = np.searchsorted(layout.units.codes, (unit, unit + 1), sorter=order)
    rows = np.sort(order[start:stop])
    return np.asarray(rows[is_observed[rows]])


def _items(layout: Layout, states: Mapping[str, Array]) -> dict[str, Array]:
    """Columns that persons answer: those with a scale, where any has one."""
    scaled = {name: values for name, values in states.items() if name in layout.scales}
    return scaled or dict(states)
