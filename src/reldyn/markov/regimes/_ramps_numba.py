"""Numba twin of gradual phases: the same steps, one series after the other.

Index letters: t occasion, p position, c channel, i row of the regression.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn._kernels import inlined, jit
from reldyn.markov.regimes._emission_numba import (
    LEAST,
    all_densities,
    bridge,
    dot,
    lay_out,
    lean,
    log_product,
    refilled_moments,
    regression_of,
    series_of,
    solve,
    transposed,
)

_LEAST_TURN, _MOST_TURN = 1 / 40, 1 / 3
_LARGEST = 1e200


@inlined
def _maximise(
    series: Any,
    regression: Any,
    floor: Any,
    gamma: Any,
    n_answered: int,
    shares: Any,
    coefficients: Any,
    covariance: Any,
) -> None:
    """Regress one series on both levels, lags and covariates; ``shares`` (2, T) is overwritten."""
    n_positions, n_occasions = gamma.shape
    channels = series.y.shape[0]
    refilled_moments(series, regression, 2)
    gram, right = regression.gram, regression.right
    shares[:] = 0.0
    for p in range(n_positions):
        high = p / (n_positions - 1)
        mass, row = 0.0, gamma[p]
        for t in range(n_occasions):
            if series.observed[t]:
                mass += row[t]
                shares[0, t] += (1.0 - high) * row[t]
                shares[1, t] += high * row[t]
        gram[0, 0] += (1.0 - high) * (1.0 - high) * mass
        gram[1, 0] += high * (1.0 - high) * mass
        gram[1, 1] += high * high * mass
    for k in range(2):
        for i in range(series.shared.shape[0]):
            gram[2 + i, k] = dot(series.shared[i], shares[k], n_occasions)
        for c in range(channels):
            right[k, c] = dot(series.y[c], shares[k], n_occasions)
    solve(regression, floor, n_answered, coefficients, covariance)


@inlined
def _levels(coefficients: Any, expanded: Any, n_positions: int) -> None:
    """Write a level per position above the rows that all positions share."""
    for c in range(coefficients.shape[1]):
        for p in range(n_positions):
            high = p / (n_positions - 1)
            expanded[p, c] = (1.0 - high) * coefficients[0, c] + high * coefficients[1, c]
        for i in range(coefficients.shape[0] - 2):
            expanded[n_positions + i, c] = coefficients[2 + i, c]


@inlined
def _filter(
    series: Any,
    expanded: Any,
    constant: float,
    turn: Any,
    here: Any,
    gamma: Any,
    filled: Any,
    totals: Any,
    forward: Any,
) -> float:
    """Write attractors and positions given past and present; ``here`` (2, P) are those before the first occasion."""
    n_positions, n_occasions = gamma.shape
    weights, whole, mass, last = series.weights, series.whole, series.mass, n_positions - 1
    for t in range(n_occasions):
        total = 0.0
        for p in range(n_positions):
            mass[p] = here[0, p] + here[1, p]
        if not whole[t]:
            bridge(t, series, expanded, constant, filled)
        for p in range(n_positions):
            total += mass[p] * weights[p, t]
        totals[t] = max(total, LEAST)
        for p in range(n_positions):
            weights[p, t] /= totals[t]
            forward[t, 0, p] = here[0, p] * weights[p, t]
            forward[t, 1, p] = here[1, p] * weights[p, t]
        here[:] = 0.0
        for p in range(n_positions):
            low, high = forward[t, 0, p], forward[t, 1, p]
            here[0, max(p - 1, 0)] += (1.0 - turn[0]) * low + turn[1] * high
            here[1, min(p + 1, last)] += (1.0 - turn[1]) * high + turn[0] * low
    return log_product(series.top, totals)


@inlined
def _smooth(weights: Any, turn: Any, gamma: Any, turns: Any, forward: Any, ahead: Any, there: Any) -> None:
    """Write the posterior of positions and the expected turns."""
    n_positions, n_occasions = gamma.shape
    last = n_positions - 1
    ahead[:] = 1.0
    turns[:] = 0.0
    for p in range(n_positions):
        gamma[p, n_occasions - 1] = forward[n_occasions - 1, 0, p] + forward[n_occasions - 1, 1, p]
    for t in range(n_occasions - 1, 0, -1):
        for p in range(n_positions):
            down, up = max(p - 1, 0), min(p + 1, last)
            there[0, p] = weights[down, t] * ahead[0, down]
            there[1, p] = weights[up, t] * ahead[1, up]
        norm = 0.0
        for p in range(n_positions):
            low, high = forward[t - 1, 0, p], forward[t - 1, 1, p]
            rising, falling = turn[0] * there[1, p], turn[1] * there[0, p]
            ahead[0, p] = min((1.0 - turn[0]) * there[0, p] + rising, _LARGEST)
            ahead[1, p] = min((1.0 - turn[1]) * there[1, p] + falling, _LARGEST)
            turns[0, 0] += low * rising
            turns[1, 0] += high * falling
            turns[0, 1] += low * ahead[0, p]
            turns[1, 1] += high * ahead[1, p]
            gamma[p, t - 1] = low * ahead[0, p] + high * ahead[1, p]
            norm += gamma[p, t - 1]
        norm = max(norm, LEAST)
        for p in range(n_positions):
            gamma[p, t - 1] /= norm


@jit
def run_batch(
    y: Any,
    observed: Any,
    night: Any,
    x: Any,
    floor: Any,
    gamma: Any,
    turns: Any,
    filled: Any,
    first: Any,
    prior_lags: Any,
    prior_occasions: float,
    n_iterations: int,
    tolerance: float,
) -> Any:
    """Run EM on every series; posterior, turns and filled series given are overwritten and returned."""
    n, n_occasions, channels = y.shape
    n_positions = gamma.shape[2]
    n_shared = 2 * channels + x.shape[2]
    value, turn = np.full(n, -np.inf), np.zeros((n, 2))
    coefficients = np.zeros((n, 2 + n_shared, channels))
    covariance, expanded = np.zeros((n, channels, channels)), np.zeros((n_positions + n_shared, channels))
    series = series_of(observed, night, channels, n_shared, n_positions)
    regression = regression_of(2 + n_shared, channels)
    posterior, shares = np.zeros((n_positions, n_occasions)), np.zeros((2, n_occasions))
    totals, forward = np.ones(n_occasions), np.zeros((n_occasions, 2, n_positions))
    here, ahead, there = np.zeros((2, n_positions)), np.zeros((2, n_positions)), np.zeros((2, n_positions))
    for s in range(n):
        n_answered = lay_out(series, regression, y[s], x[s], filled[s], 2)
        lean(prior_lags, prior_occasions, 2, regression.fixed_gram, regression.fixed_right, regression.total)
        transposed(gamma[s], posterior)
        for _ in range(n_iterations):
            _maximise(series, regression, floor[s], posterior, n_answered, shares, coefficients[s], covariance[s])
            for a in range(2):
                rate = turns[s, a, 0] / max(turns[s, a, 1], LEAST)
                turn[s, a] = min(max(rate, _LEAST_TURN), _MOST_TURN)
            _levels(coefficients[s], expanded, n_positions)
            constant = all_densities(series, expanded, covariance[s])
            here[:] = first
            new = _filter(series, expanded, constant, turn[s], here, posterior, filled[s], totals, forward)
            _smooth(series.weights, turn[s], posterior, turns[s], forward, ahead, there)
            change = abs(new - value[s])
            value[s] = new
            if change < tolerance:
                break
        transposed(posterior, gamma[s])
    return value, coefficients, covariance, turn, gamma, turns, filled
