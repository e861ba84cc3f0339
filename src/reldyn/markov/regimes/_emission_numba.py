"""What the compiled models share: the regression on states, lags and covariates, and the densities of all occasions.

Arrays of a series have the occasions last here, so that what does not depend on the occasion before is computed for
all of them side by side. Index letters: t occasion, k state, c and d channels, i and m rows of the regression.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from reldyn._kernels import inlined, jit

_LOG_2PI = float(np.log(2 * np.pi))
_RIDGE = 1e-8
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
    refilled: Any  # occasions that were observed, but not their lag
    night: Any
    shared: Any  # (2 C + R, T): lag by day, lag by night, covariates
    outer: Any  # (C, T): what covariates predict
    base: Any  # (C, T): what all these predict, or what that leaves, whitened
    top: Any  # (T,): largest log density
    weights: Any  # (K, T): densities relative to it
    rest: Any  # (C,): of one occasion
    mass: Any  # (K,): of the states, given the past
    root: Any  # (C, C): lower root of the covariance
    whitener: Any  # (C, C): its inverse


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
        np.flatnonzero(observed & ~whole),
        night,
        np.zeros((n_shared, n_occasions)),
        np.zeros((channels, n_occasions)),
        np.zeros((channels, n_occasions)),
        np.zeros(n_occasions),
        np.ones((n_states, n_occasions)),
        np.zeros(channels),
        np.zeros(n_states),
        np.zeros((channels, channels)),
        np.zeros((channels, channels)),
    )


class Regression(NamedTuple):
    """Moments of the regression of one series, and room to solve it."""

    fixed_gram: Any  # (rows, rows): what no iteration changes, below the diagonal
    fixed_right: Any  # (rows, C)
    total: Any  # (C, C): products of the answers
    gram: Any  # (rows, rows)
    right: Any  # (rows, C)
    root: Any  # (rows, rows)
    moved: Any  # (rows, C)


@jit
def regression_of(n_rows: int, channels: int) -> Any:
    """Make room for the regression of one series."""
    return Regression(
        np.zeros((n_rows, n_rows)),
        np.zeros((n_rows, channels)),
        np.zeros((channels, channels)),
        np.zeros((n_rows, n_rows)),
        np.zeros((n_rows, channels)),
        np.zeros((n_rows, n_rows)),
        np.zeros((n_rows, channels)),
    )


@inlined
def cholesky(matrix: Any, ridge: float, root: Any) -> None:
    """Write the lower root of a positive definite matrix with a ridge on its diagonal."""
    size = matrix.shape[0]
    for i in range(size):
        for j in range(i + 1):
            value = matrix[i, j] + (ridge if i == j else 0.0)
            for m in range(j):
                value -= root[i, m] * root[j, m]
            if i == j:
                root[i, i] = np.sqrt(max(value, 1e-300))
            else:
                root[i, j] = value / root[j, j]


@inlined
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


@inlined
def transposed(values: Any, out: Any) -> None:
    """Write (T, C) values as (C, T)."""
    for c in range(values.shape[1]):
        for t in range(values.shape[0]):
            out[c, t] = values[t, c]


@inlined
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


@inlined
def fixed_moments(series: Any, regression: Any, n_states: int) -> int:
    """Write the moments that no iteration changes: those of lags that were not observed are left out."""
    y, shared, observed = series.y, series.shared, series.observed
    gram, right = regression.fixed_gram, regression.fixed_right
    channels, n_occasions = y.shape
    n_answered, known = 0, series.top
    for t in range(n_occasions):
        n_answered += 1 if observed[t] else 0
    for m in range(shared.shape[0]):
        row = shared[m]
        # Of a lag, what was observed; of covariates, where anything was.
        for t in range(n_occasions):
            known[t] = row[t] if (series.whole[t] if m < 2 * channels else observed[t]) else 0.0
        for i in range(m, shared.shape[0]):
            gram[n_states + i, n_states + m] = dot(known, shared[i], n_occasions)
        for c in range(channels):
            right[n_states + m, c] = dot(known, y[c], n_occasions)
    for c in range(channels):
        for d in range(channels):
            regression.total[c, d] = dot(y[c], y[d], n_occasions)
    return max(n_answered, 1)


@inlined
def lean(lags: Any, occasions: float, first: int, gram: Any, right: Any, total: Any) -> None:
    """Add a prior of the lags, whose rows of the regression begin at ``first``, to the moments, as occasions."""
    n_lags, channels = lags.shape
    for i in range(n_lags):
        gram[first + i, first + i] += occasions
        for c in range(channels):
            right[first + i, c] += occasions * lags[i, c]
            for d in range(channels):
                total[c, d] += occasions * lags[i, c] * lags[i, d]


@inlined
def lay_out(series: Any, regression: Any, y: Any, x: Any, filled: Any, n_states: int) -> int:
    """Write one series with its regressors and fixed moments; return how many occasions were observed."""
    transposed(y, series.y)
    regressors(series, x, filled)
    return int(fixed_moments(series, regression, n_states))


@inlined
def refilled_moments(series: Any, regression: Any, n_states: int) -> None:
    """Write the fixed moments with those of lags that are filled anew at every iteration."""
    y, shared = series.y, series.shared
    gram, right, channels = regression.gram, regression.right, series.y.shape[0]
    for i in range(gram.shape[0]):
        for m in range(i + 1):
            gram[i, m] = regression.fixed_gram[i, m]
        for c in range(channels):
            right[i, c] = regression.fixed_right[i, c]
    for t in series.refilled:
        first = channels if series.night[t] else 0
        for c in range(channels):
            value, column = shared[first + c, t], n_states + first + c
            for d in range(c + 1):
                gram[column, n_states + first + d] += value * shared[first + d, t]
            for i in range(2 * channels, shared.shape[0]):
                gram[n_states + i, column] += value * shared[i, t]
            for d in range(channels):
                right[column, d] += value * y[d, t]


@inlined
def maximise(
    series: Any, regression: Any, floor: Any, answered_gamma: Any, n_answered: int, coefficients: Any, covariance: Any
) -> None:
    """Regress one series on states, lags and covariates; write coefficients and covariance.

    ``answered_gamma`` holds the posterior of the states, zero where nothing was observed.
    """
    y, shared = series.y, series.shared
    channels, n_occasions = y.shape
    n_states = answered_gamma.shape[0]
    refilled_moments(series, regression, n_states)
    gram, right = regression.gram, regression.right
    for k in range(n_states):
        weight, mass = answered_gamma[k], 0.0
        for t in range(n_occasions):
            mass += weight[t]
        gram[k, k] = mass
        for i in range(shared.shape[0]):
            gram[n_states + i, k] = dot(shared[i], weight, n_occasions)
        for c in range(channels):
            right[k, c] = dot(y[c], weight, n_occasions)
    solve(regression, floor, n_answered, coefficients, covariance)


@inlined
def solve(regression: Any, floor: Any, n_answered: int, coefficients: Any, covariance: Any) -> None:
    """Write coefficients and covariance of a regression from its moments; ``gram`` is given below its diagonal."""
    gram, right, root, moved = regression.gram, regression.right, regression.root, regression.moved
    n_rows, channels = right.shape
    for i in range(n_rows):
        for m in range(i):
            gram[m, i] = gram[i, m]
    cholesky(gram, _RIDGE * n_answered, root)
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
    for i in range(n_rows):
        for c in range(channels):
            value = 0.0
            for m in range(n_rows):
                value += gram[i, m] * coefficients[m, c]
            moved[i, c] = value
    for c in range(channels):
        for d in range(channels):
            value = regression.total[c, d]
            for i in range(n_rows):
                value -= coefficients[i, c] * right[i, d] + coefficients[i, d] * right[i, c]
                value += coefficients[i, c] * moved[i, d]
            covariance[c, d] = value / n_answered
    for c in range(channels):
        covariance[c, c] = max(covariance[c, c], floor[c]) * _NEARLY_ONE
    for c in range(channels):
        for d in range(channels):
            if c != d:
                most = np.sqrt(covariance[c, c] * covariance[d, d]) / _NEARLY_ONE
                covariance[c, d] = min(max(covariance[c, d], -most), most)


@inlined
def whitener_of(covariance: Any, root: Any, inverse: Any) -> float:
    """Write the lower root and its inverse; return the log density's constant."""
    channels = covariance.shape[0]
    cholesky(covariance, 0.0, root)
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


@inlined
def _add(slope: float, column: Any, row: Any) -> None:
    """Add a multiple of a column to a row."""
    for t in range(row.shape[0]):
        row[t] += slope * column[t]


@inlined
def all_densities(series: Any, coefficients: Any, covariance: Any) -> float:
    """Write predictions, largest log densities and relative densities of all occasions; return the constant of these.

    What depends on a lag that is filled later is written again by `bridge`.
    """
    channels, n_occasions = series.y.shape
    n_states, inverse = series.weights.shape[0], series.whitener
    constant = whitener_of(covariance, series.root, inverse)
    for c in range(channels):
        outer, row = series.outer[c], series.base[c]
        outer[:] = 0.0
        for i in range(2 * channels, series.shared.shape[0]):
            _add(coefficients[n_states + i, c], series.shared[i], outer)
        for t in range(n_occasions):
            row[t] = outer[t]
        for i in range(2 * channels):
            _add(coefficients[n_states + i, c], series.shared[i], row)
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
    return constant


@inlined
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


@inlined
def bridge(t: int, series: Any, coefficients: Any, constant: float, filled: Any) -> None:
    """Weigh an occasion that is missing or whose lag was; fill a missing one by masses that sum to one."""
    outer, weights, shared = series.outer, series.weights, series.shared
    channels, n_occasions = outer.shape
    n_states = weights.shape[0]
    offset = channels if series.night[t] else 0
    rest, mass, inverse = series.rest, series.mass, series.whitener
    for c in range(channels):
        value = outer[c, t]
        for d in range(channels):
            value += shared[offset + d, t] * coefficients[n_states + offset + d, c]
        rest[c] = value
    highest = 0.0
    if not series.observed[t]:
        for c in range(channels):
            value = rest[c]
            for k in range(n_states):
                value += mass[k] * coefficients[k, c]
                weights[k, t] = 1.0
            filled[t, c] = value
            if t + 1 < n_occasions:
                shared[(channels if series.night[t + 1] else 0) + c, t + 1] = value
    else:
        highest = -np.inf
        for c in range(channels):
            rest[c] = series.y[c, t] - rest[c]
        for k in range(n_states):
            square = 0.0
            for c in range(channels):
                white = 0.0
                for d in range(c + 1):
                    white += inverse[c, d] * (rest[d] - coefficients[k, d])
                square += white * white
            weights[k, t] = constant - 0.5 * square
            highest = max(highest, weights[k, t])
        for k in range(n_states):
            weights[k, t] = np.exp(max(weights[k, t] - highest, _UNLIKELIEST))
    series.top[t] = highest


@inlined
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


@inlined
def mask(gamma: Any, observed: Any, answered_gamma: Any) -> None:
    """Copy a (K, T) posterior, zero where nothing was observed."""
    for k in range(gamma.shape[0]):
        for t in range(gamma.shape[1]):
            answered_gamma[k, t] = gamma[k, t] if observed[t] else 0.0
