"""Numbers per person of one variable, for all persons at once: moments, change, inertia, bounds.

Sources: von Neumann (1941) for the mean squared successive difference; Jahng, Wood and Trull (2008, Psychological
Methods 13, 354-375) for its adjustment to unequal intervals and for acute changes; Kuppens, Allen and Sheeber (2010)
for inertia; Mestdagh et al. (2018, Psychological Methods 23, 690-707) for the relative standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.dynamics._pairs import SuccessiveValues

__all__ = [
    "FEWEST_PAIRS",
    "SeriesMoments",
    "acute_change",
    "inertia",
    "largest_sd",
    "mean_by",
    "moments",
    "teager_kaiser",
    "time_adjusted",
]

# Two pairs always lie on a line.
FEWEST_PAIRS = 3
_EXPONENTS = np.linspace(0.0, 1.0, 11)


@dataclass(frozen=True)
class SeriesMoments:
    """Count, mean, standard deviation (n - 1) and range per person, all (n_persons,); NaN where undefined."""

    n: Ints
    mean: Array
    sd: Array
    low: Array
    high: Array


def mean_by(values: Array, group: Ints, count: Ints) -> Array:
    """Mean of each group, NaN where it is empty; ``count`` is the size of the groups."""
    total = np.bincount(group, weights=values, minlength=len(count))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _range_by(values: Array, group: Ints, n_groups: int) -> tuple[Array, Array]:
    """Smallest and largest value of each group; values come sorted by group."""
    low, high = np.full(n_groups, np.nan), np.full(n_groups, np.nan)
    if len(values):
        starts = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
        low[group[starts]] = np.minimum.reduceat(values, starts)
        high[group[starts]] = np.maximum.reduceat(values, starts)
    return low, high


def moments(series: SuccessiveValues) -> SeriesMoments:
    """Describe the values of each person.

    Parameters
    ----------
    series : SuccessiveValues

    Returns
    -------
    SeriesMoments
        A person whose values are all equal has the mean and the deviation 0 exactly, not up to rounding.
    """
    person, n = series.person, series.n_persons
    count = np.bincount(person, minlength=n)
    low, high = _range_by(series.value, person, n)
    mean = mean_by(series.value, person, count)
    constant = low == high
    mean = np.where(constant, low, mean)
    deviation = np.bincount(person, weights=(series.value - mean[person]) ** 2, minlength=n)
    variance = np.where(count > 1, deviation / np.maximum(count - 1, 1), np.nan)
    return SeriesMoments(count, mean, np.sqrt(variance), low, high)


def time_adjusted(change: Array, gap: Array, owner: Ints, n_persons: int, exponent: float | None) -> Array:
    """Mean squared successive difference with each difference divided by a power of its interval.

    Parameters
    ----------
    change, gap : (m,) array
        Differences of value and of time; only pairs with ``gap > 0`` count.
    owner : (m,) int array
        Person of each pair.
    n_persons : int
    exponent : float or None
        Power of interval over median interval. None: of 0, 0.1, ..., 1 the one under which the squared difference
        depends least on the interval, over all persons.

    Returns
    -------
    (n_persons,) array
    """
    timed = np.isfinite(gap) & (gap > 0)
    change, owner = change[timed], owner[timed]
    if not len(change):
        return np.full(n_persons, np.nan)
    gap = gap[timed] / np.median(gap[timed])
    power = flattest_exponent(change, gap) if exponent is None else exponent
    return mean_by((change / gap**power) ** 2, owner, np.bincount(owner, minlength=n_persons))


def flattest_exponent(change: Array, gap: Array) -> float:
    """Find the power of the interval that leaves the squared difference with the smallest slope on the interval."""
    centred = gap - gap.mean()
    if not np.any(np.abs(centred) > 1e-12):
        return 0.0
    slopes = [abs(float(centred @ (change / gap**power) ** 2)) for power in _EXPONENTS]
    return float(_EXPONENTS[int(np.argmin(slopes))])


def acute_change(change: Array, owner: Ints, count: Ints, *, increase: bool, strict: bool) -> tuple[Array, float]:
    """Share of changes that reach the pooled 90th percentile (type 7), and that cut.

    ``count`` is the number of changes of each person; ``increase`` counts signed changes, ``strict`` those above the
    cut only. NaN for a person without a pair.
    """
    if not len(change):
        return np.full(len(count), np.nan), np.nan
    size = change if increase else np.abs(change)
    cut = _ninth_decile(size)
    reached = size > cut if strict else size >= cut
    return mean_by(reached.astype(float), owner, count), cut


def _ninth_decile(values: Array) -> float:
    """90th percentile of type 7; an order statistic stays what it is, whatever 0.9 (n - 1) rounds to."""
    place = 0.9 * (len(values) - 1)
    below = int(np.floor(place + 1e-9))
    share = place - below if place - below > 1e-9 else 0.0
    part = np.partition(values, [below, min(below + 1, len(values) - 1)])
    low = float(part[below])
    return low if share == 0 else low + share * (float(part[below + 1]) - low)


def teager_kaiser(series: SuccessiveValues, *, by_observation: bool) -> Array:
    """Mean per person of x[t]^2 - x[t-1] x[t+1] over three neighbours that form two pairs.

    ``by_observation`` divides by the number of observations instead of the number of triples.
    """
    value, person = series.value, series.person
    triple = series.pair[1:] & series.pair[:-1]
    middle = np.flatnonzero(triple) + 1
    energy = value[middle] ** 2 - value[middle - 1] * value[middle + 1]
    owner = person[middle]
    total = np.bincount(owner, weights=energy, minlength=series.n_persons)
    triples = np.bincount(owner, minlength=series.n_persons)
    count = np.bincount(person, minlength=series.n_persons) if by_observation else triples
    return np.where(triples > 0, total / np.maximum(count, 1), np.nan)


def inertia(series: SuccessiveValues) -> tuple[Array, Array, Flags]:
    """Slope and correlation of each value on the one before.

    Returns
    -------
    slope, correlation : (n_persons,) array
        NaN below three pairs, or where the earlier (for the correlation: either) values never vary.
    constant : (n_persons,) bool array
        Whether the earlier values of a person with enough pairs never vary.
    """
    n, owner, count = series.n_persons, series.owner, series.n_pairs
    before, after = series.before, series.after
    x, y = before - mean_by(before, owner, count)[owner], after - mean_by(after, owner, count)[owner]
    xx, yy, xy = (np.bincount(owner, weights=part, minlength=n) for part in (x * x, y * y, x * y))
    varies = [np.not_equal(*_range_by(part, owner, n)) & (count > 0) for part in (before, after)]
    enough = count >= FEWEST_PAIRS
    sloped = enough & varies[0]
    slope = np.where(sloped, xy / np.where(sloped, xx, 1.0), np.nan)
    both = sloped & varies[1]
    correlation = np.where(both, xy / np.sqrt(np.where(both, xx * yy, 1.0)), np.nan)
    return slope, correlation, enough & ~varies[0]


def largest_sd(mean: Array, n: Ints, low: float, high: float) -> Array:
    """Largest standard deviation that n answers between low and high with this mean can have.

    As many answers as possible lie at the two ends, one answer takes what is left (Mestdagh et al., 2018). NaN where
    the mean lies at an end, or for fewer than two answers.
    """
    inside = (n > 1) & (mean > low) & (mean < high)
    m, count = np.where(inside, mean, 0.5 * (low + high)), np.where(inside, n, 2).astype(float)
    # Without the slack a mean that leaves a whole number of answers at the upper end could round below it.
    at_high = np.floor(count * (m - low) / (high - low) + 1e-9)
    at_low = count - 1 - at_high
    left = count * m - at_low * low - at_high * high
    spread = at_low * (low - m) ** 2 + at_high * (high - m) ** 2 + (left - m) ** 2
    return np.where(inside, np.sqrt(spread / (count - 1)), np.nan)
