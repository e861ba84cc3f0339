"""Numba twin of the chain of variances: the same steps, one series after the other.

Index letters: t occasion, k and j states.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn._kernels import inlined, jit
from reldyn.markov.regimes._emission_numba import LEAST

_PSEUDO_COUNT = 0.1
# As in `_switching`: no state is ruled out altogether by one answer.
_UNLIKELIEST = -200.0
_LEAST, _LARGEST = 1e-100, 1e100


@inlined
def _expect(
    squares: Any,
    observed: Any,
    channels: float,
    variances: Any,
    transition: Any,
    posterior: Any,
    predicted: Any,
    weights: Any,
    counts: Any,
    room: Any,
) -> float:
    n_occasions, n_states = posterior.shape
    slope, constant, here = room[0], room[1], room[2]
    for k in range(n_states):
        here[k] = 1.0 / n_states
        slope[k] = 0.5 * (1.0 - 1.0 / variances[k])
        constant[k] = -0.5 * channels * np.log(variances[k])
    value, product = 0.0, 1.0
    for t in range(n_occasions):
        total = 1.0
        if observed[t]:
            top = -np.inf
            for k in range(n_states):
                weights[t, k] = slope[k] * squares[t] + constant[k]
                top = max(top, weights[t, k])
            total = 0.0
            for k in range(n_states):
                weights[t, k] = np.exp(max(weights[t, k] - top, _UNLIKELIEST))
                total += here[k] * weights[t, k]
            value += top
            product *= total
            if product < _LEAST or product > _LARGEST:
                value += np.log(product)
                product = 1.0
        for k in range(n_states):
            predicted[t, k] = here[k]
            weights[t, k] = weights[t, k] / total if observed[t] else 1.0
            posterior[t, k] = here[k] * weights[t, k]
        for k in range(n_states):
            here[k] = 0.0
            for j in range(n_states):
                here[k] += posterior[t, j] * transition[j, k]
    _smooth(transition, posterior, weights, counts, room[0], room[1])
    return float(value + np.log(product))


@inlined
def _smooth(transition: Any, posterior: Any, weights: Any, counts: Any, ahead: Any, weighted: Any) -> None:
    n_occasions, n_states = posterior.shape
    ahead[:] = 1.0
    counts[:] = 0.0
    for t in range(n_occasions - 1, 0, -1):
        for k in range(n_states):
            weighted[k] = weights[t, k] * ahead[k]
        norm = 0.0
        for j in range(n_states):
            past, later = posterior[t - 1, j], 0.0
            for k in range(n_states):
                step = transition[j, k] * weighted[k]
                later += step
                counts[j, k] += past * step
            ahead[j] = later
            posterior[t - 1, j] = past * later
            norm += past * later
        norm = max(norm, LEAST)
        for j in range(n_states):
            posterior[t - 1, j] /= norm


@jit
def run_batch(
    squares: Any,
    observed: Any,
    channels: float,
    floor: Any,
    variances: Any,
    transition: Any,
    n_iterations: int,
    tolerance: float,
) -> Any:
    """Run EM on every series; variances and transitions given are overwritten and returned."""
    n, n_occasions = squares.shape
    n_states = variances.shape[1]
    gain = np.full(n, -np.inf)
    posterior, predicted = np.zeros((n, n_occasions, n_states)), np.zeros((n, n_occasions, n_states))
    weights, counts = np.ones((n_occasions, n_states)), np.zeros((n_states, n_states))
    room = np.zeros((3, n_states))
    for s in range(n):
        for turn in range(n_iterations):
            new = _expect(
                squares[s],
                observed,
                channels,
                variances[s],
                transition[s],
                posterior[s],
                predicted[s],
                weights,
                counts,
                room,
            )
            change = abs(new - gain[s])
            gain[s] = new
            if change < tolerance or turn == n_iterations - 1:
                break
            for k in range(n_states):
                above, below, total = 0.0, 0.0, 0.0
                for t in range(n_occasions):
                    if observed[t]:
                        above += posterior[s, t, k] * squares[s, t]
                        below += posterior[s, t, k]
                variances[s, k] = max(above / max(channels * below, LEAST), floor[s])
                for j in range(n_states):
                    total += counts[k, j] + _PSEUDO_COUNT
                for j in range(n_states):
                    transition[s, k, j] = (counts[k, j] + _PSEUDO_COUNT) / total
    return gain, variances, transition, posterior, predicted
