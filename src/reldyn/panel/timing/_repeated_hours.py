"""Stamps in the hour that comes twice when summer time ends: the order of a person's rows may tell the two apart."""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._types import Flags, Ints
from reldyn.panel.timing._reading import TimeProblem, Times
from reldyn.panel.timing._zones import Instants, instants_of

__all__ = ["settle_repeated_hours"]

_HOUR = 3600.0
_LONGEST = 2 * _HOUR
_CODE = "clock-change"


def settle_repeated_hours(times: Times, person: Ints) -> Times:
    """Take stamps of a repeated hour for the later of the two where the person's rows say so.

    A stamp that lies before the one of the row above, both in the repeated hour, belongs to its second showing, and so
    do the person's next rows in it; those above belong to the first. So does the same stamp once more where the person
    answered every hour or more often; else it is an answer sent twice. That holds only where all other rows of the
    person stand in the order of time.

    Parameters
    ----------
    times : Times
    person : (n,) int array
        -1 where missing.

    Returns
    -------
    Times
        With instants and remarks to match; `times` itself where nothing is settled.
    """
    if times.zone is None or times.fixed or all(remark.code != _CODE for remark in times.remarks):
        return times
    found = instants_of(times.local, times.zone)
    later, certain = np.zeros(len(times.local), dtype=bool), np.zeros(len(times.local), dtype=bool)
    known = np.isfinite(times.local)
    for one in np.unique(person[found.repeated & (person >= 0)]):
        rows = np.flatnonzero(known & (person == one))
        second, sure = _second_showing(times, found, rows)
        later[rows[second]] = True
        certain[rows[sure]] = True
    if not certain.any():
        return times
    values = np.where(later, found.second, times.values)
    return dataclasses.replace(times, values=values, remarks=_remarks(times, found, later, certain))


def _second_showing(times: Times, found: Instants, rows: Ints) -> tuple[Flags, Flags]:
    """Which of a person's rows are of the second showing of their hour, and which are certainly of one of the two."""
    local, repeated = times.local[rows], found.repeated[rows]
    second, sure = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    step = np.diff(local)
    inside = repeated[1:] & repeated[:-1] & (np.abs(step) < _LONGEST)
    if np.any((step < 0) & ~inside):
        return second, sure
    ahead = step[step > 0]
    hourly = bool(len(ahead)) and float(np.median(ahead)) <= _HOUR
    turns = inside & ((step < 0) | ((step == 0) & hourly))
    run = np.concatenate([[0], np.cumsum(~inside)])
    for hour in np.unique(run[1:][turns]):
        places = np.flatnonzero(run == hour)
        back = places[1:][turns[places[1:] - 1]]
        if len(back) == 1:
            second[places[places >= back[0]]] = True
            sure[places] = True
    return second, sure


def _remarks(times: Times, found: Instants, later: Flags, certain: Flags) -> tuple[TimeProblem, ...]:
    kept = []
    for remark in times.remarks:
        rows = remark.rows & ~(certain & found.repeated) if remark.code == _CODE else remark.rows
        if rows.any():
            kept.append(dataclasses.replace(remark, rows=rows))
    wording = (
        f"lies in the hour that the clock of {times.zone} shows twice; the order of the person's rows tells the first "
        f"({int((certain & ~later).sum())}) from the second ({int(later.sum())})"
    )
    return (*kept, TimeProblem(_CODE, wording, certain))
