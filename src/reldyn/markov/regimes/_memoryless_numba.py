"""Numba twin of levels without memory: the same steps, one series after the other.

Index letters: t occasion, k states.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn._kernels import jit
from reldyn.markov.regimes._switching_numba import (
    LEAST,
    all_densities,
    bridge,
    fixed_moments,
    log_product,
    mask,
    maximise,
    regressors,
    series_of,
    transposed,
    whitener_of,
)


@jit
def _expect(
    series: Any, coefficients: Any, covariance: Any, shares: Any, gamma: Any, filled: Any, totals: Any
) -> float:
    n_states, n_occasions = gamma.shape
    inverse = np.zeros_like(covariance)
    constant = whitener_of(covariance, inverse)
    all_densities(series, coefficients, inverse, constant)
    weights, whole = series.weights, series.whole
    for t in range(n_occasions):
        total = 0.0
        if whole[t]:
            for k in range(n_states):
                total += shares[k] * weights[k, t]
        else:
            total = bridge(t, series, coefficients, inverse, constant, shares, filled)
        totals[t] = max(total, LEAST)
        for k in range(n_states):
            gamma[k, t] = shares[k] * weights[k, t] / totals[t]
    return log_product(series.top, totals)


@jit
def run_batch(
    y: Any,
    observed: Any,
    night: Any,
    x: Any,
    floor: float,
    gamma: Any,
    filled: Any,
    n_iterations: int,
    tolerance: float,
) -> Any:
    """Run EM on every series; posterior and filled series given are overwritten and returned."""
    n, n_occasions, channels = y.shape
    n_states = gamma.shape[2]
    n_rows = n_states + 2 * channels + x.shape[2]
    value = np.full(n, -np.inf)
    coefficients = np.zeros((n, n_rows, channels))
    covariance, shares = np.zeros((n, channels, channels)), np.zeros((n, n_states))
    series = series_of(observed, night, channels, n_rows - n_states, n_states)
    posterior, seen_gamma = np.zeros((n_states, n_occasions)), np.zeros((n_states, n_occasions))
    totals = np.ones(n_occasions)
    gram, right = np.zeros((n_rows, n_rows)), np.zeros((n_rows, channels))
    total_y = np.zeros((channels, channels))
    for s in range(n):
        transposed(y[s], series.y)
        regressors(series, x[s], filled[s])
        n_seen = fixed_moments(series, gram, right, total_y, n_states)
        transposed(gamma[s], posterior)
        for _ in range(n_iterations):
            mask(posterior, observed, seen_gamma)
            maximise(series, floor, seen_gamma, gram, right, total_y, n_seen, coefficients[s], covariance[s])
            for k in range(n_states):
                shares[s, k] = seen_gamma[k].sum() / n_seen
            new = _expect(series, coefficients[s], covariance[s], shares[s], posterior, filled[s], totals)
            change = abs(new - value[s])
            value[s] = new
            if change < tolerance:
                break
        transposed(posterior, gamma[s])
    return value, coefficients, covariance, shares, gamma, filled
