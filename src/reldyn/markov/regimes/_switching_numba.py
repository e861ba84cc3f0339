"""Numba twin of the switching autoregression: the same steps, one series after the other.

Index letters: t occasion, k and j states.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn._kernels import inlined, jit
from reldyn.markov.regimes._emission_numba import (
    LEAST,
    Series,
    all_densities,
    bridge,
    lay_out,
    lean,
    mask,
    maximise,
    regression_of,
    series_of,
    transposed,
)

_PSEUDO_COUNT = 0.1
# Masses are scaled to one before their sum, or the product of the sums so far, leaves this range.
_SMALL = 1e-30
_LEAST, _LARGEST = 1e-100, 1e100


@inlined
def _filter(series: Series, coefficients: Any, constant: float, transition: Any, gamma: Any, filled: Any) -> float:
    """Write masses given past and present, each occasion's up to a factor; return the log-likelihood."""
    n_states, n_occasions = gamma.shape
    weights, whole, mass = series.weights, series.whole, series.mass
    mass[:] = 1.0 / n_states
    total, value, product = 1.0, 0.0, 1.0
    for t in range(n_occasions):
        if total < _SMALL or not whole[t]:
            product *= total
            if product < _LEAST or product > _LARGEST:
                value += np.log(product)
                product = 1.0
            for k in range(n_states):
                mass[k] /= total
        if not whole[t]:
            bridge(t, series, coefficients, constant, filled)
        total = 0.0
        for k in range(n_states):
            gamma[k, t] = mass[k] * weights[k, t]
            total += gamma[k, t]
        total = max(total, LEAST)
        for k in range(n_states):
            share = 0.0
            for j in range(n_states):
                share += gamma[j, t] * transition[j, k]
            mass[k] = share
    for k in range(n_states):
        gamma[k, n_occasions - 1] /= total
    for t in range(n_occasions):
        value += series.top[t]
    return float(value + np.log(product) + np.log(total))


@inlined
def _smooth(gamma: Any, weights: Any, transition: Any, counts: Any, ahead: Any, weighted: Any, moved: Any) -> None:
    """Write the posterior and expected transitions."""
    n_states, n_occasions = gamma.shape
    ahead[:] = 1.0
    counts[:] = 0.0
    for t in range(n_occasions - 1, 0, -1):
        for k in range(n_states):
            weighted[k] = weights[k, t] * ahead[k]
        norm, size = 0.0, 0.0
        for j in range(n_states):
            past, sum_ahead = gamma[j, t - 1], 0.0
            for k in range(n_states):
                step = transition[j, k] * weighted[k]
                sum_ahead += step
                moved[j, k] = past * step
            ahead[j] = sum_ahead
            size += sum_ahead
            gamma[j, t - 1] = past * sum_ahead
            norm += past * sum_ahead
        share = 1.0 / max(norm, LEAST)
        for j in range(n_states):
            gamma[j, t - 1] *= share
            for k in range(n_states):
                counts[j, k] += moved[j, k] * share
        if size < _SMALL:
            for j in range(n_states):
                ahead[j] /= max(size, LEAST)


@inlined
def _chain(counts: Any, transition: Any) -> None:
    """Turn expected transitions into probabilities."""
    n_states = counts.shape[0]
    for j in range(n_states):
        total = 0.0
        for k in range(n_states):
            transition[j, k] = counts[j, k] + _PSEUDO_COUNT
            total += transition[j, k]
        for k in range(n_states):
            transition[j, k] /= total


@jit
def run_batch(
    y: Any,
    observed: Any,
    night: Any,
    x: Any,
    floor: Any,
    gamma: Any,
    counts: Any,
    filled: Any,
    prior_lags: Any,
    prior_occasions: float,
    n_iterations: int,
    tolerance: float,
) -> Any:
    """Run EM on every series; the last arrays given are overwritten and returned."""
    n, n_occasions, channels = y.shape
    n_states = gamma.shape[2]
    n_rows = n_states + 2 * channels + x.shape[2]
    value = np.full(n, -np.inf)
    coefficients = np.zeros((n, n_rows, channels))
    covariance = np.zeros((n, channels, channels))
    transition = np.zeros((n, n_states, n_states))
    series = series_of(observed, night, channels, n_rows - n_states, n_states)
    regression = regression_of(n_rows, channels)
    posterior, answered_gamma = np.zeros((n_states, n_occasions)), np.zeros((n_states, n_occasions))
    ahead, weighted, moved = np.ones(n_states), np.ones(n_states), np.zeros((n_states, n_states))
    for s in range(n):
        n_answered = lay_out(series, regression, y[s], x[s], filled[s], n_states)
        lean(prior_lags, prior_occasions, n_states, regression.fixed_gram, regression.fixed_right, regression.total)
        transposed(gamma[s], posterior)
        for _ in range(n_iterations):
            mask(posterior, observed, answered_gamma)
            maximise(series, regression, floor[s], answered_gamma, n_answered, coefficients[s], covariance[s])
            _chain(counts[s], transition[s])
            constant = all_densities(series, coefficients[s], covariance[s])
            new = _filter(series, coefficients[s], constant, transition[s], posterior, filled[s])
            _smooth(posterior, series.weights, transition[s], counts[s], ahead, weighted, moved)
            change = abs(new - value[s])
            value[s] = new
            if change < tolerance:
                break
        transposed(posterior, gamma[s])
    return value, coefficients, covariance, transition, gamma, counts, filled
