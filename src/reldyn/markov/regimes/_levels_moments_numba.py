"""Sums of a step of EM over the occasions of a series with phases that shift the level.

Index letters: t occasion, k phase and j the phase before, c and d channels, i and m rows of the regression.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn._kernels import inlined, jit
from reldyn.markov.regimes._emission_numba import whitener_of


@inlined
def lay_fixed(observed: Any, x: Any, channels: int, table: Any) -> None:
    """Write the rows of the regression that no iteration changes, of answered occasions alone: constant, covariates."""
    n_answered = 0
    for t in range(x.shape[0]):
        if observed[t]:
            table[0, n_answered] = 1.0
            for i in range(x.shape[1]):
                table[1 + 2 * channels + i, n_answered] = x[t, i]
            n_answered += 1


@inlined
def _product(table: Any, i: int, m: int, n: int) -> float:
    """Sum of products of two rows in four fixed lanes."""
    row, other = np.uintp(i), np.uintp(m)
    one, two, three, four = 0.0, 0.0, 0.0, 0.0
    whole = n - n % 4
    for a in range(0, whole, 4):
        t = np.uintp(a)
        one += table[row, t] * table[other, t]
        two += table[row, t + np.uintp(1)] * table[other, t + np.uintp(1)]
        three += table[row, t + np.uintp(2)] * table[other, t + np.uintp(2)]
        four += table[row, t + np.uintp(3)] * table[other, t + np.uintp(3)]
    for a in range(whole, n):
        one += table[row, np.uintp(a)] * table[other, np.uintp(a)]
    return (one + two) + (three + four)


@jit
def moments(
    y: Any,
    observed: Any,
    night: Any,
    level: Any,
    shock: bool,
    noise: Any,
    pairs: Any,
    table: Any,
    gram: Any,
    right: Any,
    total: Any,
) -> int:
    """Write the expected moments of the regression of y less its level on the noise before and covariates.

    ``table``: (rows + C, T), a row per regressor and, last, per channel of y less its level; see `lay_fixed`.
    """
    n_occasions, channels = y.shape
    n_states, n_rows = level.shape[0], gram.shape[0]
    # Expected levels now and before; by day and by night, sums of their products and of pairs.
    now, last = np.zeros(channels), np.zeros(channels)
    of_now = np.zeros((channels, channels))
    of_last, of_both = np.zeros((2, channels, channels)), np.zeros((2, channels, channels))
    mass, both = np.zeros(n_states), np.zeros((2, n_states, n_states))
    n_answered = 0
    for t in range(n_occasions):
        if not observed[t]:
            continue
        lag_answered = t > 0 and observed[t - 1] and not shock
        by_night = 1 if night[t] else 0
        first, other = 1 + channels * by_night, 1 + channels * (1 - by_night)
        for c in range(channels):
            now[c] = last[c] = 0.0
        for k in range(n_states):
            here, there = 0.0, 0.0
            for j in range(n_states):
                here += pairs[t, j, k]
                there += pairs[t, k, j]
                if lag_answered:
                    both[by_night, k, j] += pairs[t, k, j]
            mass[k] += here
            for c in range(channels):
                now[c] += here * level[k, c]
                last[c] += there * level[k, c]
        for c in range(channels):
            table[n_rows + c, n_answered] = y[t, c] - now[c]
            before = 0.0
            if t > 0:
                before = y[t - 1, c] - last[c] if lag_answered else noise[t - 1, c]
            table[first + c, n_answered] = before
            table[other + c, n_answered] = 0.0
            for d in range(channels):
                of_now[c, d] += now[c] * now[d]
                if lag_answered:
                    of_last[by_night, c, d] += last[c] * last[d]
                    of_both[by_night, c, d] += last[c] * now[d]
        n_answered += 1
    for i in range(n_rows):
        for m in range(i + 1):
            gram[i, m] = _product(table, i, m, n_answered)
        for c in range(channels):
            right[i, c] = _product(table, i, n_rows + c, n_answered)
    for c in range(channels):
        for d in range(channels):
            total[c, d] = _product(table, n_rows + c, n_rows + d, n_answered) - of_now[c, d]
    # Products of two uncertain quantities: the mean of the product, not the product of the means.
    for c in range(channels):
        for d in range(channels):
            for k in range(n_states):
                total[c, d] += mass[k] * level[k, c] * level[k, d]
            for kind in range(2):
                first = 1 + channels * kind
                right[first + c, d] -= of_both[kind, c, d]
                gram[first + c, first + d] -= of_last[kind, c, d] if d <= c else 0.0
                for j in range(n_states):
                    for k in range(n_states):
                        weight = both[kind, j, k] * level[j, c]
                        right[first + c, d] += weight * level[k, d]
                        if d <= c:
                            gram[first + c, first + d] += weight * level[j, d]
    return max(n_answered, 1)


@inlined
def aggregate(
    y: Any,
    observed: Any,
    night: Any,
    x: Any,
    shock: bool,
    noise: Any,
    pairs: Any,
    coefficients: Any,
    mass: Any,
    rest: Any,
) -> None:
    """Sum pairs, and what the regression leaves of y, by kind of lag: none or missing, by day, by night."""
    n_occasions, channels = y.shape
    n_states = pairs.shape[1]
    mass[:] = 0.0
    rest[:] = 0.0
    for t in range(n_occasions):
        if not observed[t]:
            continue
        lag_answered = t > 0 and observed[t - 1] and not shock
        kind = 0
        if lag_answered:
            kind = 2 if night[t] else 1
        first = 1 + (channels if night[t] else 0)
        for c in range(channels):
            value = y[t, c] - coefficients[0, c]
            for i in range(x.shape[1]):
                value -= x[t, i] * coefficients[1 + 2 * channels + i, c]
            if t > 0:
                for d in range(channels):
                    lag = y[t - 1, d] if observed[t - 1] else noise[t - 1, d]
                    value -= lag * coefficients[first + d, c]
            for j in range(n_states):
                for k in range(n_states):
                    rest[kind, j, k, c] += pairs[t, j, k] * value
        for j in range(n_states):
            for k in range(n_states):
                mass[kind, j, k] += pairs[t, j, k]


@jit
def best_effect(mass: Any, rest: Any, shape: Any, coefficients: Any, covariance: Any, precision: float) -> float:
    """Generalised least squares of the size of the shared shape; never negative. ``precision``: of the prior."""
    channels, n_states = shape.shape[1], shape.shape[0]
    root, inverse = np.zeros((channels, channels)), np.zeros((channels, channels))
    whitener_of(covariance, root, inverse)
    shift, white = np.zeros(channels), np.zeros(channels)
    above, below = 0.0, 0.0
    for kind in range(3):
        first = 1 + (channels if kind == 2 else 0)
        for j in range(n_states):
            for k in range(n_states):
                if mass[kind, j, k] <= 0.0:
                    continue
                for c in range(channels):
                    shift[c] = shape[k, c]
                    if kind > 0:
                        for d in range(channels):
                            shift[c] -= shape[j, d] * coefficients[first + d, c]
                for c in range(channels):
                    white[c] = 0.0
                    left = 0.0
                    for d in range(c + 1):
                        white[c] += inverse[c, d] * shift[d]
                        left += inverse[c, d] * rest[kind, j, k, d]
                    below += mass[kind, j, k] * white[c] * white[c]
                    above += white[c] * left
    return max((above + precision) / max(below + precision, 1e-12), 0.0)


@inlined
def moved_between(pairs: Any, moved: Any) -> None:
    """Write expected moves between phases."""
    n_states = moved.shape[0]
    for j in range(n_states):
        for k in range(n_states):
            moved[j, k] = 0.0
            for t in range(1, pairs.shape[0]):
                moved[j, k] += pairs[t, j, k]
