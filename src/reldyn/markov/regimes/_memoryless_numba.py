"""Numba twin of levels without memory: the same steps, one series after the other.

Index letters: t occasion, k states.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn._kernels import inlined, jit
from reldyn.markov.regimes._emission_numba import (
    LEAST,
    all_densities,
    bridge,
    lay_out,
    log_product,
    mask,
    maximise,
    regression_of,
    series_of,
    transposed,
)


@inlined
def _expect(series: Any, coefficients: Any, covariance: Any, gamma: Any, filled: Any, totals: Any) -> float:
    """Write the posterior from the shares in ``series.mass``; return the log-likelihood."""
    n_states, n_occasions = gamma.shape
    constant = all_densities(series, coefficients, covariance)
    weights, whole, shares = series.weights, series.whole, series.mass
    for t in range(n_occasions):
        if not whole[t]:
            bridge(t, series, coefficients, constant, filled)
    totals[:] = 0.0
    for k in range(n_states):
        row, share = gamma[k], shares[k]
        for t in range(n_occasions):
            row[t] = share * weights[k, t]
            totals[t] += row[t]
    for t in range(n_occasions):
        totals[t] = max(totals[t], LEAST)
    for k in range(n_states):
        row = gamma[k]
        for t in range(n_occasions):
            row[t] /= totals[t]
    return log_product(series.top, totals)


@jit
def run_batch(
    y: Any,
    observed: Any,
    night: Any,
    x: Any,
    floor: Any,
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
    regression = regression_of(n_rows, channels)
    posterior, answered_gamma = np.zeros((n_states, n_occasions)), np.zeros((n_states, n_occasions))
    totals = np.ones(n_occasions)
    for s in range(n):
        n_answered = lay_out(series, regression, y[s], x[s], filled[s], n_states)
        transposed(gamma[s], posterior)
        for _ in range(n_iterations):
            mask(posterior, observed, answered_gamma)
            maximise(series, regression, floor[s], answered_gamma, n_answered, coefficients[s], covariance[s])
            for k in range(n_states):
                shares[s, k] = answered_gamma[k].sum() / n_answered
                series.mass[k] = shares[s, k]
            new = _expect(series, coefficients[s], covariance[s], posterior, filled[s], totals)
            change = abs(new - value[s])
            value[s] = new
            if change < tolerance:
                break
        transposed(posterior, gamma[s])
    return value, coefficients, covariance, shares, gamma, filled
