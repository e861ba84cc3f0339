"""Prompts learned from the times of day at which all persons answered.

Stamps of all persons are divided into clusters by the exact one-dimensional k-medians (dynamic programming, as in
Wang & Song, 2011, for k-means), for every plausible number of prompts. A division counts only if there is a clear gap
between any two neighbours and if persons answer neighbouring prompts on the same day; otherwise nothing is learned.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reldyn._types import Array, Ints
from reldyn.errors import DataError
from reldyn.panel.aligning._align_clock import clock_text
from reldyn.panel.timing._times import SECONDS_PER_DAY

__all__ = ["learn_prompts"]


_BIN = 300.0
_MOST_PROMPTS = 24
# The middle third between two prompts may hold this share of the stamps between them; evenly spread stamps put
# a third there.
_MOST_BETWEEN = 0.12
# Chance that evenly spread stamps would leave such a gap: at any one boundary, and at all of them together.
_BOUNDARY_LEVEL = 0.01
_JOINT_LEVEL = 1e-4
# A cluster below this share of the median cluster is made of strays.
_SMALLEST = 0.25
# Answers that share prompt and day with another of the same person.
_MOST_REPEATED = 0.05
# Neighbouring prompts are answered on the same day less often than this share of what independence would give:
# then they are two halves of one prompt, or prompts of different persons.
_LEAST_TOGETHER = 0.25
_COUNTABLE = 3.0


@dataclass(frozen=True, eq=False)
class _Answers:
    """Times of day, ascending, and a code for each person and day."""

    seconds: Array
    person_day: Ints
    n_person_days: int

    def largest(self) -> int:
        """The most answers that any person gave on one day."""
        return int(np.bincount(self.person_day).max())

    def repeated(self, code: Ints, n_prompts: int) -> float:
        """The share of answers that follow another of the same person, day and prompt."""
        given = np.zeros(self.n_person_days * n_prompts, dtype=bool)
        given[self.person_day * n_prompts + code] = True
        return 1 - float(given.sum()) / len(code)

    def nearest(self, medians: Array) -> Ints:
        """The median that is nearest to each time."""
        ends = np.searchsorted(self.seconds, (medians[1:] + medians[:-1]) / 2, side="right")
        return np.repeat(np.arange(len(medians)), np.diff(np.r_[0, ends, len(self.seconds)]))


def learn_prompts(seconds: Array, person: Ints, day: Ints, day_start: float = 0.0) -> tuple[Array, float]:
    """Clock times of the prompts that the stamps show.

    Parameters
    ----------
    seconds : (n,) float array
        Time of day of each stamp, since the hour at which a day starts.
    person, day : (n,) int arrays
    day_start : float
        Seconds since midnight at which a day starts.

    Returns
    -------
    at : (k,) float array
        Median time of each prompt, ascending. One prompt where persons answered once a day.
    width : float
        The widest range of the stamps of one prompt, without outlying ones (beyond 1.5 interquartile ranges).

    Raises
    ------
    DataError
        Persons answered several times a day and the times of day show no clear prompts, or a day starts in the midst of
        the answers to one prompt.
    """
    first = int(day.min())
    person_day, labels = pd.factorize(person * (int(day.max()) - first + 1) + day - first)
    order = np.argsort(seconds, kind="stable")
    seconds = seconds[order]
    answers = _Answers(seconds, np.asarray(person_day, dtype=np.intp)[order], len(labels))
    divisions = _divisions(seconds, min(_MOST_PROMPTS, 2 * answers.largest()))
    for edges in reversed(divisions):
        medians = _medians(seconds, edges)
        if _clear(answers, medians):
            _check_midnight(medians, day_start)
            return medians, _width(answers, medians)
    if answers.repeated(np.zeros(len(seconds), dtype=np.intp), 1) <= _MOST_REPEATED:
        medians = np.array([np.median(seconds)])
        return medians, _width(answers, medians)
    per_day = len(seconds) / answers.n_person_days
    raise DataError(
        f"the stamps show no clear prompts: persons answered {per_day:.1f} times a day, and their times of day do not "
        "gather around a few hours with clear gaps between them. Name the windows of the study, "
        "prompts=(('09:00', '12:00'), ('12:00', '15:00'), ...), or its clock times."
    )


def _divisions(seconds: Array, most: int) -> list[Array]:
    """Edges of the best division into 2, 3, ... clusters by the sum of absolute deviations from their medians."""
    bins, weight = np.unique(np.floor(seconds / _BIN), return_counts=True)
    n = len(bins)
    most = min(most, n)
    cost = _costs(bins, weight.astype(float))
    best, starts, divisions = cost[0], [np.zeros(n, dtype=np.intp)], []
    for _ in range(1, most):
        through = np.r_[np.inf, best[:-1]][:, None] + cost
        starts.append(through.argmin(axis=0))
        best = through.min(axis=0)
        edges, last = [], n - 1
        for start in reversed(starts[1:]):
            first = int(start[last])
            edges.append((bins[first] + bins[first - 1] + 1) / 2 * _BIN)
            last = first - 1
        divisions.append(np.array(edges[::-1]))
    return divisions


def _costs(bins: Array, weight: Array) -> Array:
    """Sum of absolute deviations from the median of bins i to j, infinite where j < i."""
    n = len(bins)
    count, total = np.r_[0.0, np.cumsum(weight)], np.r_[0.0, np.cumsum(weight * bins)]
    first, last = np.triu_indices(n)
    half = (count[first] + count[last + 1]) / 2
    middle = np.clip(np.searchsorted(count, half, side="left") - 1, first, last)
    below = bins[middle] * (count[middle] - count[first]) - (total[middle] - total[first])
    above = (total[last + 1] - total[middle]) - bins[middle] * (count[last + 1] - count[middle])
    cost = np.full((n, n), np.inf)
    cost[first, last] = below + above
    return cost


def _medians(seconds: Array, edges: Array) -> Array:
    return np.array([np.median(part) for part in np.split(seconds, np.searchsorted(seconds, edges))])


def _clear(answers: _Answers, medians: Array) -> bool:
    """Whether medians are prompts: of similar weight, rarely answered twice, apart, and answered on the same days."""
    if np.any(np.diff(medians) <= 0):
        return False
    code = answers.nearest(medians)
    size = np.bincount(code, minlength=len(medians))
    if size.min() < _SMALLEST * np.median(size) or answers.repeated(code, len(medians)) > _MOST_REPEATED:
        return False
    return _apart(answers.seconds, medians) and _together(answers, code, len(medians))


def _apart(seconds: Array, medians: Array) -> bool:
    """Whether stamps leave a gap between any two neighbours that evenly spread stamps would not leave."""
    from scipy.special import bdtr

    chances = []
    for low, high in itertools.pairwise(medians.tolist()):
        first, last = np.searchsorted(seconds, [low, high])
        between = seconds[first:last]
        n, length = len(between), high - low
        inner = int(np.sum((between > low + length / 3) & (between < high - length / 3)))
        if not n or inner > _MOST_BETWEEN * n:
            return False
        gap = float(np.diff(np.r_[low, between, high]).max()) / length
        chance = min(float(bdtr(inner, n, 1 / 3)), n * max(1 - gap, 1 / SECONDS_PER_DAY) ** (n - 1))
        if chance > _BOUNDARY_LEVEL:
            return False
        chances.append(chance)
    return float(np.prod(chances)) <= _JOINT_LEVEL


def _check_midnight(medians: Array, day_start: float) -> None:
    """Refuse prompts that are two halves of one, of which the second half fell into the next day."""
    gaps = np.diff(np.r_[medians, medians[0] + SECONDS_PER_DAY])
    if gaps[-1] >= gaps[:-1].min() / 2:
        return
    longest = int(gaps.argmax())
    better = round((medians[longest] + gaps[longest] / 2 + day_start) / 3600) * 3600 % SECONDS_PER_DAY
    raise DataError(
        f"stamps gather around {clock_text(day_start)}, where a day starts, so that one prompt falls into two days: "
        f"choose an hour at which nobody answers, such as day_starts='{clock_text(better)}'."
    )


def _width(answers: _Answers, medians: Array) -> float:
    sizes = np.bincount(answers.nearest(medians), minlength=len(medians))
    widths = []
    for here in np.split(answers.seconds, np.cumsum(sizes)[:-1]):
        low, high = np.quantile(here, [0.25, 0.75])
        fence = 1.5 * (high - low)
        widths.append(min(here[-1], high + fence) - max(here[0], low - fence))
    return float(max(widths))


def _together(answers: _Answers, code: Ints, n_prompts: int) -> bool:
    """Whether persons answer neighbouring prompts on the same days, as halves of one prompt never are."""
    given = np.zeros((answers.n_person_days, n_prompts), dtype=bool)
    given[answers.person_day, code] = True
    n_days = given.sum(axis=0)
    both = (given[:, 1:] & given[:, :-1]).sum(axis=0)
    expected = n_days[1:] * n_days[:-1] / answers.n_person_days
    return not np.any((expected >= _COUNTABLE) & (both < _LEAST_TOGETHER * expected))
