"""The best description of a series without phases: what phases have to beat.

A vector autoregression of order one to four, with Gaussian or with skewed and heavy-tailed shocks. A phase
could otherwise be bought by memory longer than one occasion or by a few large shocks. The shapes of shocks are
the shifted logarithm and Johnson's unbounded system (Johnson, 1949), tied by a Gaussian copula.
"""

from __future__ import annotations

import numpy as np

from reldyn._types import Array
from reldyn.markov.regimes import SwitchingData
from reldyn.stats import lag_columns

MAX_ORDER = 4
_FILL_ROUNDS = 4
_RIDGE = 1e-8
# In SD of the shocks: how far the lower end lies below the least shock; centres and widths of the bend.
_ENDS = (0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 1.7, 3.0, 6.0)
_CENTRES = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
_WIDTHS = (0.3, 0.6, 1.0, 1.7, 3.0)


def reference_log_likelihood(data: SwitchingData, *, shapes: bool = True) -> Array:
    """Give the largest log-likelihood without phases, less one per parameter beyond the Gaussian first order.

    Parameters
    ----------
    data : SwitchingData
    shapes : bool, default True
        Whether shocks may be skewed or heavy-tailed.

    Returns
    -------
    (n,) array
    """
    n_seen, channels = max(int(data.observed.sum()), 1), data.y.shape[2]
    values, shocks = [], []
    for order in _orders(data):
        rest = _shocks(data, order)
        covariance = np.matmul(rest.transpose(0, 2, 1), rest) / n_seen + _RIDGE * np.eye(channels)
        log_det = np.linalg.slogdet(covariance)[1]
        values.append(-n_seen / 2 * (log_det + channels * (1 + np.log(2 * np.pi))) - channels**2 * (order - 1))
        shocks.append(rest)
    best = np.argmax(values, axis=0)
    series = np.arange(len(best))
    gaussian = np.stack(values)[best, series]
    return np.asarray(gaussian + shape_gain(np.stack(shocks)[best, series]) if shapes else gaussian)


def _orders(data: SwitchingData) -> range:
    # At least eight occasions per coefficient of an equation.
    most = int(data.observed.sum()) // (8 * data.y.shape[2]) - 1
    return range(1, max(1, min(MAX_ORDER, most)) + 1)


def _shocks(data: SwitchingData, order: int) -> Array:
    """Residuals at the observed occasions, (n, n_seen, C); missing lags are replaced by their prediction."""
    seen, night = data.observed, data.night
    fixed = np.concatenate([np.ones((*data.y.shape[:2], 1)), data.x], axis=2)
    filled = np.where(seen[None, :, None], data.y, 0.0)
    for turn in range(1 if seen.all() else _FILL_ROUNDS):
        table = np.concatenate([fixed, lag_columns(filled, night, order)], axis=2)
        part = table[:, seen]
        gram = np.matmul(part.transpose(0, 2, 1), part)
        ridge = _RIDGE * len(seen) * np.eye(gram.shape[1])
        solved = np.linalg.solve(gram + ridge, np.matmul(part.transpose(0, 2, 1), data.y[:, seen]))
        if turn < _FILL_ROUNDS - 1 and not seen.all():
            filled = _fill(data, np.matmul(fixed, solved[:, : fixed.shape[2]]), solved[:, fixed.shape[2] :], order)
    return np.asarray(data.y[:, seen] - np.matmul(part, solved))


def _fill(data: SwitchingData, level: Array, weights: Array, order: int) -> Array:
    n, channels = len(level), level.shape[2]
    lags = weights.reshape(n, order + 1, channels, channels)
    filled = np.where(data.observed[None, :, None], data.y, 0.0)
    for t in np.flatnonzero(~data.observed):
        value = level[:, t].copy()
        for lag in range(1, min(order, int(t)) + 1):
            place = int(data.night[t]) if lag == 1 else lag
            value += np.matmul(filled[:, t - lag, None, :], lags[:, place])[:, 0]
        # An estimate may be explosive over a long gap; answers are standardised.
        filled[:, t] = np.clip(value, -6, 6)
    return filled


def shape_gain(shocks: Array) -> Array:
    """Give what skewed or heavy-tailed shocks gain over Gaussian ones, less one per parameter of shape.

    Parameters
    ----------
    shocks : (n, m, C) array
        Residuals.

    Returns
    -------
    (n,) array
        Never negative.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> gain = shape_gain(np.stack([rng.normal(size=(200, 1)), rng.exponential(size=(200, 1))]))
    >>> bool(gain[0] < 3), bool(gain[1] > 50)
    (True, True)
    """
    n, m, channels = shocks.shape
    unit = (shocks - shocks.mean(axis=1, keepdims=True)) / np.maximum(shocks.std(axis=1, keepdims=True), 1e-9)
    gain = np.zeros((n, channels))
    scores = unit
    for bent, log_slope, price in _shapes(unit):
        spread = np.maximum(bent.std(axis=1), 1e-9)
        found = log_slope.sum(axis=1) - m * np.log(spread) - price
        better = found > gain
        gain = np.where(better, found, gain)
        standard = (bent - bent.mean(axis=1, keepdims=True)) / spread[:, None]
        scores = np.where(better[:, None, :], standard, scores)
    tie = _log_det_correlation(unit) - _log_det_correlation(scores)
    return np.asarray(np.maximum(gain.sum(axis=1) + m / 2 * tie, 0.0))


def _shapes(unit: Array) -> list[tuple[Array, Array, float]]:
    """Every way to bend the shocks: bent values, log slope at each, number of parameters."""
    out = []
    for sign in (1.0, -1.0):
        turned = sign * unit
        above = turned - turned.min(axis=1, keepdims=True)
        for end in _ENDS:
            bent = np.log(above + end)
            out.append((bent, -bent, 1.0))
    for centre in _CENTRES:
        for width in _WIDTHS:
            moved = (unit - centre) / width
            out.append((np.arcsinh(moved), -0.5 * np.log1p(moved**2) - np.log(width), 2.0))
    return out


def _log_det_correlation(values: Array) -> Array:
    moments = np.matmul(values.transpose(0, 2, 1), values)
    size = np.sqrt(np.maximum(np.diagonal(moments, axis1=1, axis2=2), 1e-12))
    correlation = moments / (size[:, :, None] * size[:, None, :]) + _RIDGE * np.eye(values.shape[2])
    return np.asarray(np.linalg.slogdet(correlation)[1])
