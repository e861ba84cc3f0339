"""Numba twin of the switching autoregression: the same steps, one series after the other.

Index letters: t occasion, k and j states, c and d channels, i and m rows of the regression.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn._kernels import jit

_LOG_2PI = float(np.log(2 * np.pi))
_RIDGE = 1e-8
_PSEUDO_COUNT = 0.1
_NEARLY_ONE = 1 + 1e-7


@jit
def cholesky(matrix: Any, root: Any) -> None:
    """Write the lower root of a positive definite matrix."""
    size = matrix.shape[0]
    for i in range(size):
        for j in range(i + 1):
            value = matrix[i, j]
            for m in range(j):
                value -= root[i, m] * root[j, m]
            if i == j:
                root[i, i] = np.sqrt(max(value, 1e-300))
            else:
                root[i, j] = value / root[j, j]


@jit
def regressors(y: Any, night: Any, x: Any, filled: Any, shared: Any) -> None:
    """Write lag by day, lag by night and covariates of every occasion."""
    n_occasions, channels = y.shape
    for t in range(n_occasions):
        for i in range(2 * channels):
            shared[t, i] = 0.0
        for i in range(x.shape[1]):
            shared[t, 2 * channels + i] = x[t, i]
        if t > 0:
            offset = channels if night[t] else 0
            for c in range(channels):
                shared[t, offset + c] = filled[t - 1, c]


@jit
def add_moments(t: int, y: Any, shared: Any, gram: Any, right: Any, n_states: int) -> None:
    """Add one occasion to the moments of the shared regressors."""
    for i in range(shared.shape[1]):
        value = shared[t, i]
        if value != 0.0:
            for m in range(i + 1):
                gram[n_states + i, n_states + m] += value * shared[t, m]
            for c in range(y.shape[1]):
                right[n_states + i, c] += value * y[t, c]


@jit
def fixed_moments(y: Any, observed: Any, shared: Any, gram: Any, right: Any, total: Any, n_states: int) -> int:
    """Write the moments that no iteration changes: of occasions whose lag was observed."""
    n_seen = 0
    gram[:] = 0.0
    right[:] = 0.0
    total[:] = 0.0
    for t in range(y.shape[0]):
        if observed[t]:
            n_seen += 1
            if t == 0 or observed[t - 1]:
                add_moments(t, y, shared, gram, right, n_states)
            for c in range(y.shape[1]):
                for d in range(y.shape[1]):
                    total[c, d] += y[t, c] * y[t, d]
    return max(n_seen, 1)


@jit
def maximise(
    y: Any,
    observed: Any,
    shared: Any,
    floor: float,
    gamma: Any,
    fixed_gram: Any,
    fixed_right: Any,
    total: Any,
    n_seen: int,
    coefficients: Any,
    covariance: Any,
) -> None:
    """Regress one series on states, lags and covariates; write coefficients and covariance."""
    n_occasions, channels = y.shape
    n_states, n_shared = gamma.shape[1], shared.shape[1]
    gram, right = fixed_gram.copy(), fixed_right.copy()
    cross = np.zeros((n_states, n_shared))
    for t in range(n_occasions):
        if not observed[t]:
            continue
        if t > 0 and not observed[t - 1]:
            add_moments(t, y, shared, gram, right, n_states)
        for k in range(n_states):
            weight = gamma[t, k]
            gram[k, k] += weight
            for i in range(n_shared):
                cross[k, i] += weight * shared[t, i]
            for c in range(channels):
                right[k, c] += weight * y[t, c]
    for k in range(n_states):
        for i in range(n_shared):
            gram[n_states + i, k] = cross[k, i]
    _solve(gram, right, total, floor, n_seen, coefficients, covariance)


@jit
def _solve(gram: Any, right: Any, total: Any, floor: float, n_seen: int, coefficients: Any, covariance: Any) -> None:
    n_rows, channels = right.shape
    for i in range(n_rows):
        for m in range(i):
            gram[m, i] = gram[i, m]
    ridged = gram.copy()
    for i in range(n_rows):
        ridged[i, i] += _RIDGE * n_seen
    root = np.zeros((n_rows, n_rows))
    cholesky(ridged, root)
    for c in range(channels):
        for i in range(n_rows):
            value = right[i, c]
            for m in range(i):
                value -= root[i, m] * coefficients[m, c]
            coefficients[i, c] = value / root[i, i]
        for i in range(n_rows - 1, -1, -1):
            value = coefficients[i, c]
            for m in range(i + 1, n_rows):
                value -= root[m, i] * coefficients[m, c]
            coefficients[i, c] = value / root[i, i]
    moved = np.zeros((n_rows, channels))
    for i in range(n_rows):
        for m in range(n_rows):
            for c in range(channels):
                moved[i, c] += gram[i, m] * coefficients[m, c]
    for c in range(channels):
        for d in range(channels):
            value = total[c, d]
            for i in range(n_rows):
                value -= coefficients[i, c] * right[i, d] + coefficients[i, d] * right[i, c]
                value += coefficients[i, c] * moved[i, d]
            covariance[c, d] = value / n_seen
    for c in range(channels):
        covariance[c, c] = max(covariance[c, c], floor) * _NEARLY_ONE


@jit
def whitener_of(covariance: Any, inverse: Any) -> float:
    """Write the inverse of the lower root; return the log density's constant."""
    channels = covariance.shape[0]
    root = np.zeros((channels, channels))
    cholesky(covariance, root)
    constant: float = -0.5 * channels * _LOG_2PI
    for c in range(channels):
        constant -= np.log(root[c, c])
        for d in range(channels):
            inverse[c, d] = 0.0
        inverse[c, c] = 1.0 / root[c, c]
        for d in range(c):
            value = 0.0
            for m in range(d, c):
                value -= root[c, m] * inverse[m, d]
            inverse[c, d] = value / root[c, c]
    return float(constant)


@jit
def log_densities(
    t: int, y: Any, shared: Any, coefficients: Any, inverse: Any, constant: float, base: Any, out: Any
) -> float:
    """Write what the regressors predict at t and the log density of every state; return the largest."""
    predict(t, shared, coefficients, out.shape[0], base)
    top = -np.inf
    for k in range(out.shape[0]):
        square = 0.0
        for c in range(y.shape[1]):
            white = 0.0
            for d in range(c + 1):
                white += inverse[c, d] * (y[t, d] - base[d] - coefficients[k, d])
            square += white * white
        out[k] = constant - 0.5 * square
        top = max(top, out[k])
    return top


@jit
def predict(t: int, shared: Any, coefficients: Any, n_states: int, base: Any) -> None:
    """Write what lags and covariates predict at t."""
    for c in range(base.shape[0]):
        base[c] = 0.0
    for i in range(shared.shape[1]):
        for c in range(base.shape[0]):
            base[c] += shared[t, i] * coefficients[n_states + i, c]


@jit
def fill(t: int, night: Any, shared: Any, coefficients: Any, predicted: Any, base: Any, filled: Any) -> None:
    """Replace a missing occasion by its prediction, here and as the lag of the next."""
    predict(t, shared, coefficients, predicted.shape[0], base)
    channels = base.shape[0]
    for c in range(channels):
        value = base[c]
        for k in range(predicted.shape[0]):
            value += predicted[k] * coefficients[k, c]
        filled[t, c] = value
        if t + 1 < filled.shape[0]:
            shared[t + 1, (channels if night[t + 1] else 0) + c] = value


@jit
def _expect(
    y: Any,
    observed: Any,
    night: Any,
    shared: Any,
    coefficients: Any,
    covariance: Any,
    transition: Any,
    gamma: Any,
    counts: Any,
    filled: Any,
    weights: Any,
) -> float:
    n_occasions, channels = y.shape
    n_states = transition.shape[0]
    inverse = np.zeros((channels, channels))
    constant = whitener_of(covariance, inverse)
    base, density = np.zeros(channels), np.zeros(n_states)
    predicted = np.full(n_states, 1.0 / n_states)
    log_likelihood = 0.0
    for t in range(n_occasions):
        if observed[t]:
            top = log_densities(t, y, shared, coefficients, inverse, constant, base, density)
            total = 0.0
            for k in range(n_states):
                density[k] = np.exp(density[k] - top)
                total += predicted[k] * density[k]
            for k in range(n_states):
                weights[t, k] = density[k] / total
                gamma[t, k] = predicted[k] * weights[t, k]
            log_likelihood += np.log(total) + top
        else:
            fill(t, night, shared, coefficients, predicted, base, filled)
            for k in range(n_states):
                gamma[t, k] = predicted[k]
                weights[t, k] = 1.0
        for k in range(n_states):
            predicted[k] = 0.0
            for j in range(n_states):
                predicted[k] += gamma[t, j] * transition[j, k]
    _smooth(gamma, weights, transition, counts)
    return log_likelihood


@jit
def _smooth(gamma: Any, weights: Any, transition: Any, counts: Any) -> None:
    n_occasions, n_states = gamma.shape
    ahead, weighted = np.ones(n_states), np.ones(n_states)
    for j in range(n_states):
        for k in range(n_states):
            counts[j, k] = 0.0
    for t in range(n_occasions - 1, 0, -1):
        for k in range(n_states):
            weighted[k] = weights[t, k] * ahead[k]
        for j in range(n_states):
            ahead[j] = 0.0
            for k in range(n_states):
                value = transition[j, k] * weighted[k]
                ahead[j] += value
                counts[j, k] += gamma[t - 1, j] * value
        total = 0.0
        for j in range(n_states):
            gamma[t - 1, j] *= ahead[j]
            total += gamma[t - 1, j]
        for j in range(n_states):
            gamma[t - 1, j] /= total


@jit
def run_batch(
    y: Any,
    observed: Any,
    night: Any,
    x: Any,
    floor: float,
    gamma: Any,
    counts: Any,
    filled: Any,
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
    weights = np.ones((n_occasions, n_states))
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
            for j in range(n_states):
                total = 0.0
                for k in range(n_states):
                    transition[s, j, k] = counts[s, j, k] + _PSEUDO_COUNT
                    total += transition[s, j, k]
                for k in range(n_states):
                    transition[s, j, k] /= total
            new = _expect(
                y[s],
                observed,
                night,
                shared,
                coefficients[s],
                covariance[s],
                transition[s],
                gamma[s],
                counts[s],
                filled[s],
                weights,
            )
            change = abs(new - value[s])
            value[s] = new
            if change < tolerance:
                break
    return value, coefficients, covariance, transition, gamma, counts, filled
