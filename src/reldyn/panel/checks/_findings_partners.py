"""Findings about partners whose answers are copies of each other.

Two persons seldom give the same varying answers many times in a row. Where they do, one file was probably read twice or
one column copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Flags, Ints
from reldyn.panel.checks._finding_codes import Finding
from reldyn.panel.checks._findings_layout import Layout
from reldyn.stats import different_metrics

if TYPE_CHECKING:
    from reldyn.panel._identity import Identity

# Ten answers on five points agree by chance in one of ten million; the chance of each run is worked out as well.
_SHORTEST_RUN = 10
_CHANCE = 0.05
_NAMES_SHOWN = 5
# So many rows mostly show that a column needs no closer look.
_FIRST_ROWS = 1_000


def partner_findings(layout: Layout, states: Mapping[str, Array]) -> Iterator[Finding]:
    """Columns in which both partners of a dyad have the same varying answers in a long run of shared occasions."""
    identity = layout.identity
    if identity is None or not layout.placed or not layout.occasion_kinds or not layout.units.n:
        return
    first, second = layout.partner_rows
    if len(first) < _SHORTEST_RUN:
        return
    dyads = layout.units.dyads[layout.units.codes[first]]
    for name, values in states.items():
        mine, theirs = values[first], values[second]
        both = np.isfinite(mine) & np.isfinite(theirs)
        alike = (mine == theirs)[both]
        # The longest run of any dyads is at least as long as the longest of one.
        if np.diff(np.flatnonzero(np.r_[True, ~alike, True])).max() <= _SHORTEST_RUN:
            continue
        copied = _copied(mine[both], alike, dyads[both], values, scaled=name in layout.scales)
        if copied.any():
            yield _finding(identity, name, copied, dyads[both], (first[both], second[both]))


def scale_findings(layout: Layout, states: Mapping[str, Array]) -> Iterator[Finding]:
    """Columns whose range and standard deviation both differ by a large factor between the two roles."""
    if layout.roles is None or len(layout.roles[1]) != 2:
        return
    codes, labels = layout.roles
    for name, values in states.items():
        if name in layout.scales or _ranges_alike(values, codes):
            continue
        parts = [values[(codes == code) & np.isfinite(values)] for code in (0, 1)]
        if not different_metrics(*parts):
            continue
        spreads = [float(part.std(ddof=1)) for part in parts]
        told = " and ".join(
            f"{part.min():g} to {part.max():g} (SD {spread:.3g}) for {label}"
            for part, spread, label in zip(parts, spreads, labels, strict=True)
        )
        yield Finding("unequal-scales", name, f"{name!r} runs from {told}", n=sum(map(len, parts)))


def _ranges_alike(values: Array, codes: Ints) -> bool:
    """Whether the first rows of each role span more than half of the whole, as those of one scale mostly do."""
    low, high = np.fmin.reduce(values, initial=np.inf), np.fmax.reduce(values, initial=-np.inf)
    shown = [values[:_FIRST_ROWS][codes[:_FIRST_ROWS] == code] for code in (0, 1)]
    # Infinite answers leave no range, and nothing is called alike then.
    with np.errstate(invalid="ignore"):
        ranges = [np.fmax.reduce(part, initial=-np.inf) - np.fmin.reduce(part, initial=np.inf) for part in shown]
        return bool(2 * np.min(ranges) > high - low)


def _copied(mine: Array, alike: Flags, dyads: Ints, values: Array, *, scaled: bool) -> Flags:
    """Pairs within runs of identical, varying answers that chance does not explain; p pairs."""
    copied = np.zeros(len(mine), dtype=bool)
    n_pairs, n_alike = np.bincount(dyads), np.bincount(dyads, weights=alike)
    long = n_pairs >= _SHORTEST_RUN
    if not scaled and 2 * (long & (n_alike == n_pairs)).sum() > long.sum():
        # What most partners share is a property of the occasion or the dyad, such as a phase or a number of the day.
        return copied
    begins = np.flatnonzero(np.r_[True, (dyads[1:] != dyads[:-1]) | (alike[1:] != alike[:-1])])
    lengths = np.diff(np.r_[begins, len(mine)])
    chosen = alike[begins] & (lengths >= _SHORTEST_RUN)
    if not chosen.any():
        return copied
    seen = values[np.isfinite(values)]
    levels, counts = np.unique(seen, return_counts=True)
    log_share = np.log(counts / len(seen))[np.searchsorted(levels, mine)]
    for start, length in zip(begins[chosen], lengths[chosen], strict=True):
        run = slice(start, start + length)
        if np.ptp(mine[run]) == 0:
            continue
        dyad = dyads[start]
        elsewhere = len(mine) - n_pairs[dyad]
        agreement = (n_alike.sum() - n_alike[dyad]) / elsewhere if elsewhere else 0.0
        by_agreement = length * np.log(agreement) if agreement > 0 else -np.inf
        copied[run] = np.log(len(mine)) + max(float(log_share[run].sum()), by_agreement) < np.log(_CHANCE)
    return copied


def _finding(identity: Identity, name: str, copied: Flags, dyads: Ints, pairs: tuple[Ints, Ints]) -> Finding:
    where = np.unique(dyads[copied])
    rows = np.sort(np.concatenate([side[copied] for side in pairs]))
    told = [
        f"{identity.dyad_labels[dyad]} ({int(copied[dyads == dyad].sum()):,} of {int((dyads == dyad).sum()):,})"
        for dyad in where[:_NAMES_SHOWN].tolist()
    ]
    more = f" and {len(where) - _NAMES_SHOWN:,} more" if len(where) > _NAMES_SHOWN else ""
    who = "dyad" if len(where) == 1 else f"{counted(len(where), 'dyad')}:"
    message = (
        f"both partners have identical values of {name!r} in a long run of the occasions that both answered, in {who} "
        f"{', '.join(told)}{more}"
    )
    return Finding("identical-partners", name, message, rows)
