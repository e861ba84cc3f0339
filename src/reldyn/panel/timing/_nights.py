"""How long a night is, where times say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from reldyn._types import Array, Ints
from reldyn.panel.timing._reading import SECONDS_PER_DAY

if TYPE_CHECKING:
    from reldyn.panel.timing._times import Times

__all__ = ["clock_night_steps"]


def clock_night_steps(times: Mapping[str, Times], person: Ints, day: Ints, beep: Ints) -> int | None:
    """Measure the night in units of the median daytime interval; None where the clock cannot tell.

    Parameters
    ----------
    times : mapping of str to Times
        The time columns as `read_times` read them.
    person, day, beep : (n,) int arrays
        Codes of each row; beeps are ranks among the prompts of the schedule.
    """
    moments = _moments(times, day)
    if moments is None:
        return None
    order = np.lexsort((beep, day, person))
    same_person = np.diff(person[order]) == 0
    days_on = np.diff(day[order])
    beeps_on = np.diff(beep[order])
    gap = np.diff(moments[order])
    daytime = gap[same_person & (days_on == 0) & (beeps_on == 1)]
    night = gap[same_person & (days_on == 1)]
    daytime, night = daytime[daytime > 0], night[night > 0]
    if not len(daytime) or not len(night):
        return None
    return max(1, round(float(np.median(night)) / float(np.median(daytime))))


def _moments(times: Mapping[str, Times], day: Ints) -> Array | None:
    """Seconds of every row: of the scheduled moment, else of dates or times of day that order the rows of a day."""
    if "scheduled" in times:
        return times["scheduled"].values
    within = times[next(kind for kind in ("beep", "time", "day") if kind in times)]
    if within.kind == "date" and (within is not times.get("day") or within.has_hours):
        return within.values
    values = within.values
    if within.kind == "duration" and np.nanmin(values) >= 0 and np.nanmax(values) < SECONDS_PER_DAY:
        return np.asarray(day * SECONDS_PER_DAY + values)
    return None
