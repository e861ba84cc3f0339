"""From a continuous state to the category a person ticks."""

from __future__ import annotations

from functools import lru_cache
from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray

# Of seven categories; the same for every kind, so that no kind is known by its spread alone.
_ITEM_SD = 1.3
# Persons differ in where they tick, in units of the item's SD.
_PERSON_SD = 0.3
# Mean of a floor item: 2 on a scale from 1 to 7.
_FLOOR_HEIGHT = 1 / 6


def answer_item(
    state: NDArray[np.float64],
    offset: NDArray[np.float64],
    *,
    categories: int,
    floor: bool = False,
) -> NDArray[np.float64]:
    """Round a state to the categories 1 ... ``categories``.

    Parameters
    ----------
    state : (n_series, n_occasions, 2) array
        Continuous states with long-run mean 0 and SD 1, scaled to 1.3 categories of seven.
    offset : (n_series, 2) array
        Standard normal: where each person ticks on average.
    categories : int
        How many there are.
    floor : bool
        True: the mean answer lies a sixth above the lowest category, so many answers are at the floor.

    Returns
    -------
    (n_series, n_occasions, 2) array
        Whole numbers as floats.
    """
    item_sd = _ITEM_SD * (categories - 1) / 6
    centre = _floor_centre(categories, item_sd) if floor else (categories + 1) / 2
    place = centre + item_sd * _PERSON_SD * offset[:, None, :]
    return np.clip(np.rint(place + item_sd * state), 1, categories)


@lru_cache(maxsize=32)
def _floor_centre(categories: int, item_sd: float) -> float:
    """Find the centre of a normal state whose rounded and clipped answers have the mean of a floor item."""
    wanted = 1 + _FLOOR_HEIGHT * (categories - 1)
    total_sd = item_sd * sqrt(1 + _PERSON_SD**2)
    lower, upper = 1 - 5 * item_sd, float(categories)
    for _ in range(60):
        middle = (lower + upper) / 2
        # The mean of a whole-numbered answer is 1 plus the chances of exceeding each threshold.
        mean = 1 + sum(0.5 - 0.5 * erf((cut + 0.5 - middle) / total_sd / sqrt(2)) for cut in range(1, categories))
        lower, upper = (middle, upper) if mean < wanted else (lower, middle)
    return (lower + upper) / 2
