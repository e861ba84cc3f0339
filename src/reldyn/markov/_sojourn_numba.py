"""Numba twin of the age-expanded chain: the same steps, one series after the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn._kernels import jit
from reldyn.markov._switching_numba import (
    fill,
    fixed_moments,
    log_densities,
    maximise,
    regressors,
    whitener_of,
)

_PSEUDO_COUNT = 0.5


@jit
def _dot(first: Any, second: Any, n: int) -> float:
    """Sum of products in four fixed lanes, which a processor adds side by side; n is a multiple of four."""
    one, two, three, four = 0.0, 0.0, 0.0, 0.0
    for a in range(0, n, 4):
        one += first[a] * second[a]
        two += first[a + 1] * second[a + 1]
        three += first[a + 2] * second[a + 2]
        four += first[a + 3] * second[a + 3]
    return (one + two) + (three + four)


@jit
def _forward(
    y: Any,
    observed: Any,
    night: Any,
    shared: Any,
    coefficients: Any,
    covariance: Any,
    hazard: Any,
    staying: Any,
    first: Any,
    moves: Any,
    filled: Any,
    forward: Any,
    weights: Any,
    left: Any,
    n_ages: int,
) -> float:
    n_occasions, channels = y.shape
    n_states = hazard.shape[0]
    inverse = np.zeros((channels, channels))
    constant = whitener_of(covariance, inverse)
    base, density, mass = np.zeros(channels), np.zeros(n_states), np.full(n_states, 1.0 / n_states)
    predicted = first / n_states
    value = 0.0
    for t in range(n_occasions):
        if observed[t]:
            top = log_densities(t, y, shared, coefficients, inverse, constant, base, density)
            total = 0.0
            for k in range(n_states):
                density[k] = np.exp(density[k] - top)
                total += mass[k] * density[k]
            for k in range(n_states):
                weights[t, k] = density[k] / total
            value += np.log(total) + top
        else:
            fill(t, night, shared, coefficients, mass, base, filled)
            for k in range(n_states):
                weights[t, k] = 1.0
        for k in range(n_states):
            weight = weights[t, k]
            here, ahead = forward[t, k], predicted[k]
            for a in range(n_ages):
                here[a] = ahead[a] * weight
            left[t, k] = _dot(here, hazard[k], n_ages)
            for a in range(n_ages - 1):
                ahead[a + 1] = here[a] * staying[k, a]
            ahead[n_ages - 1] += here[n_ages - 1] * staying[k, n_ages - 1]
        for k in range(n_states):
            arrived = 0.0
            for j in range(n_states):
                arrived += left[t, j] * moves[j, k]
            predicted[k, 0] = arrived
            mass[k] = mass[k] * weights[t, k] - left[t, k] + arrived
    return value


@jit
def _backward(
    forward: Any,
    weights: Any,
    left: Any,
    hazard: Any,
    staying: Any,
    moves: Any,
    gamma: Any,
    exits: Any,
    stays: Any,
    counts: Any,
    n_ages: int,
) -> None:
    n_occasions, n_states = forward.shape[0], forward.shape[1]
    ahead, weighted = np.ones((n_states, n_ages)), np.ones((n_states, n_ages + 1))
    exits[:] = 0.0
    stays[:] = 0.0
    counts[:] = 0.0
    for k in range(n_states):
        gamma[n_occasions - 1, k] = 0.0
        for a in range(n_ages):
            gamma[n_occasions - 1, k] += forward[n_occasions - 1, k, a]
    for t in range(n_occasions - 1, 0, -1):
        for k in range(n_states):
            weight = weights[t, k]
            for a in range(n_ages):
                weighted[k, a] = ahead[k, a] * weight
            weighted[k, n_ages] = weighted[k, n_ages - 1]
        norm = 0.0
        for k in range(n_states):
            value_of_leaving = 0.0
            for j in range(n_states):
                value_of_leaving += moves[k, j] * weighted[j, 0]
                counts[k, j] += left[t - 1, k] * moves[k, j] * weighted[j, 0]
            past, value, older, out, on = forward[t - 1, k], ahead[k], weighted[k], exits[k], stays[k]
            for a in range(n_ages):
                leave = hazard[k, a] * value_of_leaving
                stay = staying[k, a] * older[a + 1]
                out[a] += past[a] * leave
                on[a] += past[a] * stay
                value[a] = leave + stay
            gamma[t - 1, k] = _dot(past, value, n_ages)
            norm += gamma[t - 1, k]
        for k in range(n_states):
            gamma[t - 1, k] /= norm
    norm = 0.0
    for k in range(n_states):
        norm += gamma[n_occasions - 1, k]
    for k in range(n_states):
        gamma[n_occasions - 1, k] /= norm


@jit
def _update(exits: Any, stays: Any, counts: Any, log_leave: Any, log_stay: Any, mean_index: Any, moves: Any) -> None:
    n_states, n_ages = exits.shape
    for k in range(n_states):
        best = -np.inf
        for m in range(log_leave.shape[0]):
            score = 0.0
            for a in range(n_ages):
                score += exits[k, a] * log_leave[m, a] + stays[k, a] * log_stay[m, a]
            if score > best:
                best = score
                mean_index[k] = m
        total = 0.0
        for j in range(n_states):
            moves[k, j] = 0.0 if j == k else counts[k, j] + _PSEUDO_COUNT
            total += moves[k, j]
        for j in range(n_states):
            moves[k, j] /= total


@jit
def run_batch(
    y: Any,
    observed: Any,
    night: Any,
    x: Any,
    floor: float,
    gamma: Any,
    filled: Any,
    mean_index: Any,
    moves: Any,
    hazards: Any,
    log_leave: Any,
    log_stay: Any,
    first: Any,
    ages: Any,
    n_iterations: int,
) -> Any:
    """Run EM on every series; posterior, filled series, means and moves given are overwritten and returned.

    ``ages`` says per mean beyond which age hardly any sojourn lasts: only ages up to there are gone through.
    """
    n, n_occasions, channels = y.shape
    n_states, n_ages = gamma.shape[2], hazards.shape[1]
    n_rows = n_states + 2 * channels + x.shape[2]
    value = np.full(n, -np.inf)
    coefficients = np.zeros((n, n_rows, channels))
    covariance = np.zeros((n, channels, channels))
    counts = np.zeros((n, n_states, n_states))
    weights = np.ones((n_occasions, n_states))
    forward = np.zeros((n_occasions, n_states, n_ages))
    exits, stays = np.zeros((n_states, n_ages)), np.zeros((n_states, n_ages))
    left = np.zeros((n_occasions, n_states))
    hazard, begin = np.zeros((n_states, n_ages)), np.zeros((n_states, n_ages))
    staying = np.zeros((n_states, n_ages))
    shared = np.zeros((n_occasions, n_rows - n_states))
    gram, right = np.zeros((n_rows, n_rows)), np.zeros((n_rows, channels))
    total_y = np.zeros((channels, channels))
    for s in range(n):
        regressors(y[s], night, x[s], filled[s], shared)
        n_seen = fixed_moments(y[s], observed, shared, gram, right, total_y, n_states)
        for _ in range(n_iterations):
            maximise(
                y[s], observed, shared, floor, gamma[s], gram, right, total_y, n_seen, coefficients[s], covariance[s]
            )
            used = 4
            for k in range(n_states):
                hazard[k] = hazards[mean_index[s, k]]
                staying[k] = 1.0 - hazard[k]
                begin[k] = first[mean_index[s, k]]
                used = max(used, ages[mean_index[s, k]])
            value[s] = _forward(
                y[s],
                observed,
                night,
                shared,
                coefficients[s],
                covariance[s],
                hazard,
                staying,
                begin,
                moves[s],
                filled[s],
                forward,
                weights,
                left,
                used,
            )
            _backward(forward, weights, left, hazard, staying, moves[s], gamma[s], exits, stays, counts[s], used)
            _update(exits, stays, counts[s], log_leave, log_stay, mean_index[s], moves[s])
    return value, coefficients, covariance, gamma, filled, mean_index, moves, counts
