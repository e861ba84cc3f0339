"""The schedule of a simulated study: days, beeps, nights, time of day and weekend."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

# Steps from the last beep of a day to the first of the next: a waking day of four beeps four hours apart leaves twelve.
NIGHT_STEPS = 3
DIURNAL_AMPLITUDE = 0.4
WEEKEND_LIFT = 0.2
# Part of the day at which each channel peaks: warmth in the last third, the response somewhat later.
_PEAKS = np.array([0.65, 0.85])


@dataclasses.dataclass(frozen=True, slots=True)
class Grid:
    """The scheduled occasions of one person.

    Attributes
    ----------
    day, beep : (n_occasions,) int arrays
        Counted from 1; day 1 is a Monday.
    elapsed : (n_occasions,) int array
        Steps since the occasion before: 1 within a day, `NIGHT_STEPS` over a night.
    daily : (n_occasions, 2) array
        Time of day and weekend, in SD of the noise, for the two channels.
    """

    day: NDArray[np.int64]
    beep: NDArray[np.int64]
    elapsed: NDArray[np.int64]
    daily: NDArray[np.float64]


def schedule_grid(n_occasions: int, beeps_per_day: int) -> Grid:
    """Lay out ``n_occasions`` beeps, ``beeps_per_day`` a day; the last day may be incomplete."""
    occasion = np.arange(n_occasions)
    day, beep = occasion // beeps_per_day, occasion % beeps_per_day
    elapsed = np.where((beep == 0) & (occasion > 0), NIGHT_STEPS, 1)
    clock = (beep + 0.5) / beeps_per_day
    # One beep a day has no time of day: the wave would only move the mean.
    amplitude = DIURNAL_AMPLITUDE if beeps_per_day > 1 else 0.0
    wave = amplitude * np.cos(2 * np.pi * (clock[:, None] - _PEAKS))
    weekend = np.where(day % 7 >= 5, WEEKEND_LIFT, 0.0)[:, None]
    return Grid(day + 1, beep + 1, elapsed, wave + weekend)
