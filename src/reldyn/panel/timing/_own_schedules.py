"""Schedules that differ between dyads: one couple's phones ring at 9, 13 and 21 h, another's at 10, 14 and 22 h.

All prompts of a study taken together then lie between those of each dyad, and no row has a lag. Where dyads keep sets
of prompts of which none holds the others, each dyad has the prompts of its own set, counted from the first of the day.
A dyad that leaves out prompts of a set which another dyad uses in full has holes, and no schedule of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.panel.timing._grid import rare_prompts

__all__ = ["OwnSchedules", "own_schedules"]

# A time of day with a smaller share of the rows of the dyad's others is a slip.
_RARE = 0.25
_ROWS_PER_PROMPT = 4
_MOST_TIMES = 400
# Chance that a dyad never answers a prompt of a common schedule, over all dyads and prompts.
_CHANCE = 0.001
_DAY = 86_400


@dataclass(frozen=True, eq=False)
class OwnSchedules:
    """Prompts of every dyad.

    Attributes
    ----------
    code : (n,) int array
        Of each row, within the day; in order of time within each dyad.
    exact : (n,) float array
        Time of day in units of the usual step between prompts.
    rare : (n_codes,) bool array
        Codes that are no prompt: stamps at none of the dyad's own.
    absent : (n_dyads, n_codes) bool array
        Prompts that a dyad does not have, because it has fewer a day than others.
    sets : tuple of (k,) float array
        Times of day of each schedule in use, in seconds.
    which : (n_dyads,) int array
        The schedule of each dyad.
    """

    code: Ints
    exact: Array
    rare: Flags
    absent: Flags
    sets: tuple[Array, ...]
    which: Ints


def own_schedules(clock: Array, dyad: Ints, day: Array, person: Ints) -> OwnSchedules | None:
    """Find the schedules of dyads; None where one schedule explains the times of all, or where there is none.

    Parameters
    ----------
    clock : (n,) float array
        Times of day in seconds; nothing missing here and below.
    dyad : (n,) int array
    day : (n,) float array
    person : (n,) int array

    Examples
    --------
    >>> import numpy as np
    >>> hours = np.tile([9.0, 13.0, 21.0, 10.0, 14.0, 22.0], 8)
    >>> dyad = np.tile([0, 0, 0, 1, 1, 1], 8)
    >>> found = own_schedules(hours * 3600, dyad, np.repeat(np.arange(8.0), 6), dyad)
    >>> found.code[:6].tolist(), found.which.tolist()
    ([0, 1, 2, 0, 1, 2], [0, 1])
    """
    times, code = _distinct(clock)
    n_dyads = int(dyad.max(initial=-1)) + 1
    if n_dyads < 2 or not 2 <= len(times) <= _MOST_TIMES:
        return None
    counts = np.bincount(dyad * len(times) + code, minlength=n_dyads * len(times)).reshape(n_dyads, -1)
    own, strong = _own_times(counts)
    used = np.asarray(own[strong].any(axis=0))
    common = bool((own[strong] == used).all(axis=1).any())
    slips = rare_prompts(code)
    if common and not slips[used].any():
        return None
    apart = strong & _keeps_apart(counts, own, used, _person_days(dyad, person, day, n_dyads))
    sets = _largest(own[apart])
    if len(sets) < 2 and not (len(sets) and slips[sets[0]].any()):
        return None
    sets = _largest(np.vstack([sets, own[strong]]))
    which = _assigned(counts, own, sets)
    return _placed(times, code, dyad, sets, which)


def _distinct(clock: Array) -> tuple[Array, Ints]:
    """Times of day ascending and the place of each row's; whole seconds are counted, not sorted."""
    low, high = float(clock.min(initial=0)), float(clock.max(initial=0))
    if high - low > 4 * _DAY or not np.array_equal(clock, np.rint(clock)):
        times, code = np.unique(clock, return_inverse=True)
        return np.asarray(times, dtype=np.float64), np.asarray(code, dtype=np.int64)
    seconds = (clock - low).astype(np.int64)
    used = np.bincount(seconds) > 0
    places = np.asarray(np.cumsum(used) - 1, dtype=np.int64)
    return np.asarray(np.flatnonzero(used) + low, dtype=np.float64), places[seconds]


def _own_times(counts: Ints) -> tuple[Flags, Flags]:
    """Times of day that each dyad keeps coming back to, and dyads with enough rows to say so."""
    usual = np.array([np.median(row[row > 0]) if row.any() else 0.0 for row in counts])
    own = (counts > 0) & (counts >= _RARE * usual[:, None])
    strong = (counts.sum(axis=1) >= _ROWS_PER_PROMPT * own.sum(axis=1)) & (own.sum(axis=1) >= 2)
    return own, strong


def _person_days(dyad: Ints, person: Ints, day: Array, n_dyads: int) -> Ints:
    """Days of persons with any row, by dyad."""
    _, rank = np.unique(day, return_inverse=True)
    _, first = np.unique((person + 1) * (int(rank.max(initial=0)) + 1) + rank, return_index=True)
    return np.bincount(dyad[first], minlength=n_dyads)


def _keeps_apart(counts: Ints, own: Flags, used: Flags, days: Ints) -> Flags:
    """Dyads that do not merely fail to answer the prompts of others: they would have answered some."""
    rate = np.where(own, counts, 0).sum(axis=1) / np.maximum(own.sum(axis=1) * days, 1)
    with np.errstate(divide="ignore"):
        log_chance = days * np.log1p(-np.minimum(rate, 1.0))
    return np.asarray(log_chance + np.log(max(counts.shape[0] * int(used.sum()), 1)) < np.log(_CHANCE))


def _largest(own: Flags) -> Flags:
    """Distinct sets that lie in none of the others, the most frequent first, then the earliest in the day."""
    distinct, n = np.unique(~own, axis=0, return_counts=True)
    distinct = ~distinct
    distinct = distinct[np.argsort(-n, kind="stable")]
    inside = ((distinct[:, None] & ~distinct[None]).sum(axis=2) == 0) & ~np.eye(len(distinct), dtype=bool)
    return np.asarray(distinct[~inside.any(axis=1)])


def _assigned(counts: Ints, own: Flags, sets: Flags) -> Ints:
    """The schedule of each dyad: with the most of its rows, then the shortest, then the most frequent."""
    hits = np.where(own, counts, 0) @ sets.T.astype(np.int64)
    size = sets.sum(axis=1)
    order = [np.lexsort((np.arange(len(sets)), size, -row))[0] for row in hits]
    return np.array(order, dtype=np.int64)


def _placed(times: Array, code: Ints, dyad: Ints, sets: Flags, which: Ints) -> OwnSchedules:
    prompts = [times[one] for one in sets]
    used = np.unique(which)
    prompts, which = [prompts[place] for place in used], np.searchsorted(used, which)
    place = np.empty(len(code))
    for number, own in enumerate(prompts):
        rows = which[dyad] == number
        place[rows] = _rank(times[code[rows]], own)
    values, codes = np.unique(place, return_inverse=True)
    rare = values != np.floor(values)
    sizes = np.array([len(own) for own in prompts])[which]
    absent = ~rare[None] & (values[None] >= sizes[:, None])
    unit = float(np.median(np.concatenate([np.diff(own) for own in prompts])))
    exact = (times[code] - times[0]) / unit
    return OwnSchedules(codes, exact, rare, absent, tuple(prompts), which)


def _rank(clock: Array, own: Array) -> Array:
    """The number of a prompt from 0; between two numbers where a time is none of the prompts."""
    after = np.searchsorted(own, clock, side="right")
    at = after - 1
    hit = (at >= 0) & (own[np.maximum(at, 0)] == clock)
    low = np.where(at >= 0, own[np.maximum(at, 0)], own[0] - 86_400.0)
    high = np.where(after < len(own), own[np.minimum(after, len(own) - 1)], own[-1] + 86_400.0)
    return np.where(hit, at, at + (clock - low) / (high - low))
