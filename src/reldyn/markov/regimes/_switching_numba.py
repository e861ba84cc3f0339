"""Numba twin of the switching autoregression: the same steps, one series after the other.

Arrays of a series have the occasions last here, so that what does not depend on the occasion before is computed for
all of them side by side. Index letters: t occasion, k and j states, c and d channels, i and m rows of the regression.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from reldyn._kernels import jit

_LOG_2PI = float(np.log(2 * np.pi))
_RIDGE = 1e-8
_PSEUDO_COUNT = 0.1
_NEARLY_ONE = 1 + 1e-7
# The logarithm of a product of scales is taken before it leaves this range.
_LEAST, _LARGEST = 1e-100, 1e100
# Totals and norms are never smaller: numbers that are to be divided by.
LEAST = 1e-290
# As in `_switching`: no state is ruled out altogether by one answer.
_UNLIKELIEST = -200.0


class Series(NamedTuple):
    """One series, and what an iteration writes about it."""

    y: Any  # (C, T), zero where missing
    observed: Any
    whole: Any  # (T,): observed, and so was the lag; before the first there is nothing to miss
    night: Any
    shared: Any  # (2 C + R, T): lag by day, lag by night, covariates
    base: Any  # (C, T): what these predict, or what that leaves, whitened
    top: Any  # (T,): largest log density
    weights: Any  # (K, T): densities relative to it


@jit
def series_of(observed: Any, night: Any, channels: int, n_shared: int, n_states: int) -> Any:
    """Make room for one series."""
    n_occasions = len(observed)
    whole = observed.copy()
    whole[1:] &= observed[:-1]
    return Series(
        np.zeros((channels, n_occasions)),
        observed,
        whole,
        night,
        np.zeros((n_shared, n_occasions)),
        np.zeros((channels, n_occasions)),
        np.zeros(n_occasions),
        np.ones((n_states, n_occasions)),
    )


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
def regressors(series: Any, x: Any, filled: Any) -> None:
    """Write lag by day, lag by night and covariates of every occasion."""
    channels, n_occasions = series.y.shape
    shared = series.shared
    for t in range(n_occasions):
        for i in range(2 * channels):
            shared[i, t] = 0.0
        for i in range(x.shape[1]):
            shared[2 * channels + i, t] = x[t, i]
        if t > 0:
            offset = channels if series.night[t] else 0
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
def fixed_moments(series: Any, gram: Any, right: Any, total: Any, n_states: int) -> int:
    """Write the moments that no iteration changes: of occasions whose lag was observed."""
    y, observed = series.y, series.observed
    n_seen = 0
    gram[:] = 0.0
    right[:] = 0.0
    for t in range(y.shape[1]):
        if observed[t]:
            n_seen += 1
            if series.whole[t]:
                _add_moments(t, y, series.shared, gram, right, n_states)
    for c in range(y.shape[0]):
        for d in range(y.shape[0]):
            total[c, d] = dot(y[c], y[d], y.shape[1])
    return max(n_seen, 1)


@jit
def add_refilled(series: Any, gram: Any, right: Any, n_states: int) -> None:
    """Add the moments of occasions whose lag is filled anew at every iteration."""
    for t in range(1, series.y.shape[1]):
        if series.observed[t] and not series.whole[t]:
            _add_moments(t, series.y, series.shared, gram, right, n_states)


@jit
def maximise(
    series: Any,
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
    y, shared = series.y, series.shared
    channels, n_occasions = y.shape
    n_states = seen_gamma.shape[0]
    gram, right = fixed_gram.copy(), fixed_right.copy()
    add_refilled(series, gram, right, n_states)
    for k in range(n_states):
        weight = seen_gamma[k]
        gram[k, k] = 0.0
        for t in range(n_occasions):
            gram[k, k] += weight[t]
        for i in range(shared.shape[0]):
            gram[n_states + i, k] = dot(shared[i], weight, n_occasions)
        for c in range(channels):
            right[k, c] = dot(y[c], weight, n_occasions)
    solve(gram, right, total, floor, n_seen, coefficients, covariance)


@jit
def solve(gram: Any, right: Any, total: Any, floor: float, n_seen: int, coefficients: Any, covariance: Any) -> None:
    """Write coefficients and covariance of a regression from its moments; ``gram`` is given below its diagonal."""
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
    for c in range(channels):
        for d in range(channels):
            if c != d:
                most = np.sqrt(covariance[c, c] * covariance[d, d]) / _NEARLY_ONE
                covariance[c, d] = min(max(covariance[c, d], -most), most)


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
def all_densities(series: Any, coefficients: Any, inverse: Any, constant: float) -> None:
    """Write predictions, largest log densities and relative densities of all occasions.

    What depends on a lag that is filled later is written again by `bridge`.
    """
    channels, n_occasions = series.y.shape
    n_states = series.weights.shape[0]
    for c in range(channels):
        row = series.base[c]
        row[:] = 0.0
        for i in range(series.shared.shape[0]):
            slope, column = coefficients[n_states + i, c], series.shared[i]
            for t in range(n_occasions):
                row[t] += slope * column[t]
    _whiten(series.y, series.base, inverse)
    top = series.top
    for k in range(n_states):
        row = series.weights[k]
        row[:] = constant
        for c in range(channels):
            middle, white = 0.0, series.base[c]
            for d in range(c + 1):
                middle += inverse[c, d] * coefficients[k, d]
            for t in range(n_occasions):
                deviation = white[t] - middle
                row[t] -= 0.5 * deviation * deviation
        for t in range(n_occasions):
            top[t] = row[t] if k == 0 else max(top[t], row[t])
    for k in range(n_states):
        row = series.weights[k]
        for t in range(n_occasions):
            row[t] = np.exp(max(row[t] - top[t], _UNLIKELIEST))


@jit
def _whiten(y: Any, base: Any, inverse: Any) -> None:
    """Replace predictions by what they leave of y, whitened: the last channel first, as it needs those before."""
    for c in range(y.shape[0] - 1, -1, -1):
        row, values, scale = base[c], y[c], inverse[c, c]
        for t in range(y.shape[1]):
            row[t] = scale * (values[t] - row[t])
        for d in range(c):
            share, other, known = inverse[c, d], y[d], base[d]
            for t in range(y.shape[1]):
                row[t] += share * (other[t] - known[t])


@jit
def _predict(t: int, series: Any, coefficients: Any) -> None:
    """Write what lags and covariates predict at t."""
    n_states = series.weights.shape[0]
    for c in range(series.base.shape[0]):
        value = 0.0
        for i in range(series.shared.shape[0]):
            value += series.shared[i, t] * coefficients[n_states + i, c]
        series.base[c, t] = value


@jit
def _one_density(t: int, series: Any, coefficients: Any, inverse: Any, constant: float) -> None:
    """Write prediction, largest log density and relative densities of one occasion whose lag was filled."""
    _predict(t, series, coefficients)
    y, base, weights = series.y, series.base, series.weights
    highest = -np.inf
    for k in range(weights.shape[0]):
        square = 0.0
        for c in range(y.shape[0]):
            white = 0.0
            for d in range(c + 1):
                white += inverse[c, d] * (y[d, t] - base[d, t] - coefficients[k, d])
            square += white * white
        weights[k, t] = constant - 0.5 * square
        highest = max(highest, weights[k, t])
    series.top[t] = highest
    for k in range(weights.shape[0]):
        weights[k, t] = np.exp(max(weights[k, t] - highest, _UNLIKELIEST))


@jit
def _fill(t: int, series: Any, coefficients: Any, mass: Any, filled: Any) -> None:
    """Replace a missing occasion by its prediction, here and as the lag of the next."""
    _predict(t, series, coefficients)
    channels, n_occasions = series.base.shape
    for c in range(channels):
        value = series.base[c, t]
        for k in range(mass.shape[0]):
            value += mass[k] * coefficients[k, c]
        filled[t, c] = value
        if t + 1 < n_occasions:
            series.shared[(channels if series.night[t + 1] else 0) + c, t + 1] = value


@jit
def bridge(t: int, series: Any, coefficients: Any, inverse: Any, constant: float, mass: Any, filled: Any) -> float:
    """Weigh an occasion that is missing or whose lag was; return the mean of its densities under predicted masses."""
    if series.observed[t]:
        _one_density(t, series, coefficients, inverse, constant)
        total = 0.0
        for k in range(mass.shape[0]):
            total += mass[k] * series.weights[k, t]
        return total
    _fill(t, series, coefficients, mass, filled)
    series.top[t] = 0.0
    for k in range(mass.shape[0]):
        series.weights[k, t] = 1.0
    return 1.0


@jit
def log_product(top: Any, totals: Any) -> float:
    """Sum the logs of all scales; of products of some, as long as these are neither tiny nor huge."""
    value, product = 0.0, 1.0
    for t in range(top.shape[0]):
        value += top[t]
        product *= totals[t]
        if product < _LEAST or product > _LARGEST:
            value += np.log(product)
            product = 1.0
    return value + float(np.log(product))


@jit
def _expect(
    series: Any, coefficients: Any, covariance: Any, transition: Any, gamma: Any, counts: Any, filled: Any, totals: Any
) -> float:
    n_states, n_occasions = gamma.shape
    inverse = np.zeros_like(covariance)
    constant = whitener_of(covariance, inverse)
    all_densities(series, coefficients, inverse, constant)
    weights, whole, predicted = series.weights, series.whole, np.full(n_states, 1.0 / n_states)
    for t in range(n_occasions):
        total = 0.0
        if whole[t]:
            for k in range(n_states):
                total += predicted[k] * weights[k, t]
        else:
            total = bridge(t, series, coefficients, inverse, constant, predicted, filled)
        total = max(total, LEAST)
        totals[t], share = total, 1.0 / total
        for k in range(n_states):
            weights[k, t] *= share
            gamma[k, t] = predicted[k] * weights[k, t]
        for k in range(n_states):
            value = 0.0
            for j in range(n_states):
                value += gamma[j, t] * transition[j, k]
            predicted[k] = value
    _smooth(gamma, weights, transition, counts)
    return log_product(series.top, totals)


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
        total = max(total, LEAST)
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
            for j in range(n_states):
                total = 0.0
                for k in range(n_states):
                    transition[s, j, k] = counts[s, j, k] + _PSEUDO_COUNT
                    total += transition[s, j, k]
                for k in range(n_states):
                    transition[s, j, k] /= total
            new = _expect(
                series, coefficients[s], covariance[s], transition[s], posterior, counts[s], filled[s], totals
            )
            change = abs(new - value[s])
            value[s] = new
            if change < tolerance:
                break
        transposed(posterior, gamma[s])
    return value, coefficients, covariance, transition, gamma, counts, filled
