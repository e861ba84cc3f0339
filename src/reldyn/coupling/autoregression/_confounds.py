"""What two partners share without following each other: the time of day, the weekend, a drifting level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reldyn._types import Array, Flags
from reldyn.stats import indicators

if TYPE_CHECKING:
    from reldyn.panel import DyadSeries


__all__ = ["confounds"]

# More times of day than this are followed by two sine waves in place of one level each.
_MOST_TIMES = 12
_FEWEST_DAYS = 3


def confounds(pair: DyadSeries, *, time_of_day: bool) -> tuple[Array, tuple[str, ...]]:
    """Regressors of the level: constant, drift, time of day, weekend; (T, k), and what they could not take out.

    Parameters
    ----------
    pair : DyadSeries
        With one variable.
    time_of_day : bool
        Whether time of day and weekend enter.

    Returns
    -------
    regressors : (T, k) array
        Without columns that one member's answers cannot tell from those before.
    notes : tuple of str
    """
    n = len(pair.values)
    columns = [np.ones(n), np.linspace(-0.5, 0.5, n) if n > 1 else np.zeros(n)]
    notes: list[str] = []
    if time_of_day:
        times = _daytimes(pair)
        if times.shape[1] == 0:
            notes.append("no time of day is known, so a shared daily rhythm is not taken out")
        columns += list(times.T)
        weekend = np.zeros(n, dtype=bool) if pair.weekend is None else pair.weekend
        if 0 < weekend.sum() < n:
            columns.append(weekend.astype(float))
    return _independent(np.column_stack(columns), np.isfinite(pair.values)), tuple(notes)


def _daytimes(pair: DyadSeries) -> Array:
    days = np.unique(pair.day)
    if len(days) < _FEWEST_DAYS:
        return np.zeros((len(pair.day), 0))
    first = np.array([pair.beep[pair.day == day].min() for day in days])
    last = np.array([pair.beep[pair.day == day].max() for day in days])
    runs_on = bool(np.all(first[1:] > last[:-1]))
    place = pair.beep - first[np.searchsorted(days, pair.day)] if runs_on else pair.beep
    times = np.unique(place)
    if len(times) <= _MOST_TIMES:
        return indicators(place, times)
    angle = 2 * np.pi * (place - times[0]) / (times[-1] - times[0] + 1)
    return np.column_stack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)])


def _independent(columns: Array, observed: Flags) -> Array:
    """Columns that each member's answers can tell from those before them."""
    kept: list[int] = []
    for place in range(columns.shape[1]):
        trial = columns[:, [*kept, place]]
        if all(np.linalg.matrix_rank(trial[observed[:, c]]) == len(kept) + 1 for c in (0, 1)):
            kept.append(place)
    return columns[:, kept]
