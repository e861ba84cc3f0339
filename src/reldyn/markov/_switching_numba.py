"""Numba twin of the switching autoregression: the same steps, one series after the other.

Arrays of a series have the occasions last here, so that what does not depend on the occasion before is computed for
all of them side by side. Index letters: t occasion, k and j states, c and d channels, i and m rows of the regression.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn._kernels import jit

_LOG_2PI = float(np.log(2 * np.pi))
_RIDGE = 1e-8
_PSEUDO_COUNT = 0.1
_NEARLY_ONE = 1 + 1e-7
# The logarithm of a product of scales is taken before it leaves this range.
_LEAST, _LARGEST = 1e-100, 1e100


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
def dot(first: Any, second: Any, n: int) -> float:
    """Sum of products in four fixed lanes, which a processor adds side by side."""
    one, two, three, four = 0.0, 0.0, 0.0, 0.0
    whole = n - n % 4
    for a in range(0, whole, 4):
        one += first[a] * second[a]
        two += first[a + 1] * second[a + 1]
        three += first[a + 2] * second[a + 2]
        four += first[a + 3] * second[a + 3]
    for a in range(whole, n):
        one += first[a] * second[a]
    return (one + two) + (three + four)


@jit
def transposed(values: Any, out: Any) -> None:
    """Write (T, C) values as (C, T)."""
    for c in range(values.shape[1]):
        for t in range(values.shape[0]):
            out[c, t] = values[t, c]


@jit
def regressors(y: Any, night: Any, x: Any, filled: Any, shared: Any) -> None:
    """Write lag by day, lag by night and covariates of every occasion."""
    channels, n_occasions = y.shape
    for t in range(n_occasions):
        for i in range(2 * channels):
            shared[i, t] = 0.0
        for i in range(x.shape[1]):
            shared[2 * channels + i, t] = x[t, i]
        if t > 0:
            offset = channels if night[t] else 0
            for c in range(channels):
                shared[offset + c, t] = filled[t - 1, c]


@jit
def _add_moments(t: int, y: Any, shared: Any, gram: Any, right: Any, n_states: int) -> None:
    """Add one occasion to the moments of the shared regressors."""
    for i in range(shared.shape[0]):
        value = shared[i, t]
        if value != 0.0:
            for m in range(i + 1):
                gram[n_states + i, n_states + m] += value * shared[m, t]
            for c in range(y.shape[0]):
                right[n_states + i, c] += value * y[c, t]


@jit
def fixed_moments(y: Any, observed: Any, shared: Any, gram: Any, right: Any, total: Any, n_states: int) -> int:
    """Write the moments that no iteration changes: of occasions whose lag was observed."""
    n_seen = 0
    gram[:] = 0.0
    right[:] = 0.0
    total[:] = 0.0
    for t in range(y.shape[1]):
        if observed[t]:
            n_seen += 1
            if t == 0 or observed[t - 1]:
                _add_moments(t, y, shared, gram, right, n_states)
    for c in range(y.shape[0]):
        for d in range(y.shape[0]):
            total[c, d] = dot(y[c], y[d], y.shape[1])
    return max(n_seen, 1)


@jit
def maximise(
    y: Any,
    observed: Any,
    shared: Any,
    floor: float,
    seen_gamma: Any,
    fixed_gram: Any,
    fixed_right: Any,
    total: Any,
    n_seen: int,
    coefficients: Any,
    covariance: Any,
) -> None:
    """Regress one series on states, lags and covariates; write coefficients and covariance.

    ``seen_gamma`` holds the posterior of the states, zero where nothing was observed.
    """
    channels, n_occasions = y.shape
    n_states = seen_gamma.shape[0]
    gram, right = fixed_gram.copy(), fixed_right.copy()
    for t in range(1, n_occasions):
        if observed[t] and not observed[t - 1]:
            _add_moments(t, y, shared, gram, right, n_states)
    for k in range(n_states):
        weight = seen_gamma[k]
        gram[k, k] = 0.0
        for t in range(n_occasions):
            gram[k, k] += weight[t]
        for i in range(shared.shape[0]):
            gram[n_states + i, k] = dot(shared[i], weight, n_occasions)
        for c in range(channels):
            right[k, c] = dot(y[c], weight, n_occasions)
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
        for c in range(channels):
            value = 0.0
            for m in range(n_rows):
                value += gram[i, m] * coefficients[m, c]
            moved[i, c] = value
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
def all_densities(
    y: Any, shared: Any, coefficients: Any, inverse: Any, constant: float, base: Any, top: Any, density: Any
) -> None:
    """Write what the regressors predict, the largest log density, and the densities relative to it, of all occasions.

    What depends on a lag that is filled later is written again by `one_density`.
    """
    channels, n_occasions = y.shape
    n_states = density.shape[0]
    for c in range(channels):
        row = base[c]
        row[:] = 0.0
        for i in range(shared.shape[0]):
            slope, column = coefficients[n_states + i, c], shared[i]
            for t in range(n_occasions):
                row[t] += slope * column[t]
    for k in range(n_states):
        row = density[k]
        row[:] = constant
        for c in range(channels):
            middle = 0.0
            for d in range(c + 1):
                middle += inverse[c, d] * coefficients[k, d]
            if c == 0:
                scale, values, known = inverse[0, 0], y[0], base[0]
                for t in range(n_occasions):
                    white = scale * (values[t] - known[t]) - middle
                    row[t] -= 0.5 * white * white
            else:
                for t in range(n_occasions):
                    white = -middle
                    for d in range(c + 1):
                        white += inverse[c, d] * (y[d, t] - base[d, t])
                    row[t] -= 0.5 * white * white
    top[:] = density[0]
    for k in range(1, n_states):
        row = density[k]
        for t in range(n_occasions):
            top[t] = max(top[t], row[t])
    for k in range(n_states):
        row = density[k]
        for t in range(n_occasions):
            row[t] = np.exp(row[t] - top[t])


@jit
def predict(t: int, shared: Any, coefficients: Any, n_states: int, base: Any) -> None:
    """Write what lags and covariates predict at t."""
    for c in range(base.shape[0]):
        value = 0.0
        for i in range(shared.shape[0]):
            value += shared[i, t] * coefficients[n_states + i, c]
        base[c, t] = value


@jit
def one_density(
    t: int, y: Any, shared: Any, coefficients: Any, inverse: Any, constant: float, base: Any, top: Any, density: Any
) -> None:
    """Write prediction, largest log density and relative densities of one occasion whose lag was filled."""
    predict(t, shared, coefficients, density.shape[0], base)
    highest = -np.inf
    for k in range(density.shape[0]):
        square = 0.0
        for c in range(y.shape[0]):
            white = 0.0
            for d in range(c + 1):
                white += inverse[c, d] * (y[d, t] - base[d, t] - coefficients[k, d])
            square += white * white
        density[k, t] = constant - 0.5 * square
        highest = max(highest, density[k, t])
    top[t] = highest
    for k in range(density.shape[0]):
        density[k, t] = np.exp(density[k, t] - highest)


@jit
def fill(t: int, night: Any, shared: Any, coefficients: Any, predicted: Any, base: Any, filled: Any) -> None:
    """Replace a missing occasion by its prediction, here and as the lag of the next."""
    predict(t, shared, coefficients, predicted.shape[0], base)
    channels = base.shape[0]
    for c in range(channels):
        value = base[c, t]
        for k in range(predicted.shape[0]):
            value += predicted[k] * coefficients[k, c]
        filled[t, c] = value
        if t + 1 < filled.shape[0]:
            shared[(channels if night[t + 1] else 0) + c, t + 1] = value


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
    base: Any,
    top: Any,
    weights: Any,
) -> float:
    channels, n_occasions = y.shape
    n_states = transition.shape[0]
    inverse = np.zeros((channels, channels))
    constant = whitener_of(covariance, inverse)
    all_densities(y, shared, coefficients, inverse, constant, base, top, weights)
    predicted = np.full(n_states, 1.0 / n_states)
    log_likelihood, scale = 0.0, 1.0
    for t in range(n_occasions):
        if observed[t]:
            if t > 0 and not observed[t - 1]:
                one_density(t, y, shared, coefficients, inverse, constant, base, top, weights)
            total = 0.0
            for k in range(n_states):
                total += predicted[k] * weights[k, t]
            inverse_total = 1.0 / total
            for k in range(n_states):
                weights[k, t] *= inverse_total
                gamma[k, t] = predicted[k] * weights[k, t]
            log_likelihood += top[t]
            scale *= total
            if scale < _LEAST or scale > _LARGEST:
                log_likelihood += np.log(scale)
                scale = 1.0
        else:
            fill(t, night, shared, coefficients, predicted, base, filled)
            for k in range(n_states):
                gamma[k, t] = predicted[k]
                weights[k, t] = 1.0
        for k in range(n_states):
            value = 0.0
            for j in range(n_states):
                value += gamma[j, t] * transition[j, k]
            predicted[k] = value
    _smooth(gamma, weights, transition, counts)
    return log_likelihood + float(np.log(scale))


@jit
def _smooth(gamma: Any, weights: Any, transition: Any, counts: Any) -> None:
    n_states, n_occasions = gamma.shape
    ahead, weighted = np.ones(n_states), np.ones(n_states)
    counts[:] = 0.0
    for t in range(n_occasions - 1, 0, -1):
        for k in range(n_states):
            weighted[k] = weights[k, t] * ahead[k]
        total = 0.0
        for j in range(n_states):
            past, sum_ahead = gamma[j, t - 1], 0.0
            for k in range(n_states):
                value = transition[j, k] * weighted[k]
                sum_ahead += value
                counts[j, k] += past * value
            ahead[j] = sum_ahead
            gamma[j, t - 1] = past * sum_ahead
            total += past * sum_ahead
        for j in range(n_states):
            gamma[j, t - 1] /= total


@jit
def mask(gamma: Any, observed: Any, seen_gamma: Any) -> None:
    """Copy a (K, T) posterior, zero where nothing was observed."""
    for k in range(gamma.shape[0]):
        for t in range(gamma.shape[1]):
            seen_gamma[k, t] = gamma[k, t] if observed[t] else 0.0


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
    own = np.zeros((channels, n_occasions))
    shared = np.zeros((n_rows - n_states, n_occasions))
    posterior, seen_gamma = np.zeros((n_states, n_occasions)), np.zeros((n_states, n_occasions))
    weights = np.ones((n_states, n_occasions))
    base, top = np.zeros((channels, n_occasions)), np.zeros(n_occasions)
    gram, right = np.zeros((n_rows, n_rows)), np.zeros((n_rows, channels))
    total_y = np.zeros((channels, channels))
    for s in range(n):
        transposed(y[s], own)
        regressors(own, night, x[s], filled[s], shared)
        n_seen = fixed_moments(own, observed, shared, gram, right, total_y, n_states)
        transposed(gamma[s], posterior)
        for _ in range(n_iterations):
            mask(posterior, observed, seen_gamma)
            maximise(
                own, observed, shared, floor, seen_gamma, gram, right, total_y, n_seen, coefficients[s], covariance[s]
            )
            for j in range(n_states):
                total = 0.0
                for k in range(n_states):
                    transition[s, j, k] = counts[s, j, k] + _PSEUDO_COUNT
                    total += transition[s, j, k]
                for k in range(n_states):
                    transition[s, j, k] /= total
            new = _expect(
                own,
                observed,
                night,
                shared,
                coefficients[s],
                covariance[s],
                transition[s],
                posterior,
                counts[s],
                filled[s],
                base,
                top,
                weights,
            )
            change = abs(new - value[s])
            value[s] = new
            if change < tolerance:
                break
        transposed(posterior, gamma[s])
    return value, coefficients, covariance, transition, gamma, counts, filled
