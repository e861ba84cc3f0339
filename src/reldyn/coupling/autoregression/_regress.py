"""The past of one pair on its grid, and least squares that refuses what it cannot identify.

A lag looks back whole scheduled occasions of the same day: a missing occasion, a gap or a night makes it missing.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from reldyn._types import Array
from reldyn.coupling._checks import varies
from reldyn.errors import DesignError
from reldyn.panel import DyadSeries

__all__ = ["LeastSquares", "check_lags", "detrended", "least_squares", "past"]

# Relative size of a direction of the scaled design below which it counts as absent.
_RANK_TOLERANCE = 1e-9


def past(pair: DyadSeries, lags: int) -> Array:
    """Values of 1 to ``lags`` scheduled occasions before.

    Parameters
    ----------
    pair : DyadSeries
        With one variable.
    lags : int

    Returns
    -------
    (T, lags, 2) array
        NaN where that occasion is missing or belongs to another day.
    """
    found = np.full((len(pair.values), lags, 2), np.nan)
    for lag in range(1, lags + 1):
        earlier, later = pair.lagged(lag)
        found[later, lag - 1] = pair.values[earlier]
    return found


def check_lags(lags: int) -> None:
    """Raise a `DesignError` unless ``lags`` is a whole number from 1 on."""
    if isinstance(lags, bool) or not isinstance(lags, (int, np.integer)) or lags < 1:
        raise DesignError(
            f"lags={lags!r}: give the number of scheduled occasions to look back, a whole number from 1 on."
        )


@dataclasses.dataclass(frozen=True, slots=True)
class LeastSquares:
    """An ordinary least-squares fit of n rows and k columns.

    Attributes
    ----------
    beta : (k,) array
    covariance : (k, k) array
        With the residual variance on n - k degrees of freedom.
    rss : float
        Residual sum of squares.
    n, df : int
        Rows, and rows minus columns.
    reason : str
        Why there is no fit (then ``beta`` is NaN); else empty.
    """

    beta: Array
    covariance: Array
    rss: float
    n: int
    df: int
    reason: str = ""

    @property
    def std_error(self) -> Array:
        """Standard errors, (k,)."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))


def least_squares(design: Array, outcome: Array, fewest: int = 3) -> LeastSquares:
    """Fit by least squares on the rows without a missing value.

    Parameters
    ----------
    design : (n, k) array
    outcome : (n,) array
    fewest : int, default 3
        Rows needed beyond the number of columns.

    Returns
    -------
    LeastSquares
        With ``reason`` where rows are too few, the outcome is constant or columns depend on one another.
    """
    used = np.isfinite(outcome) & np.isfinite(design).all(axis=1)
    x, y = design[used], outcome[used]
    n, k = x.shape

    def refused(reason: str) -> LeastSquares:
        return LeastSquares(np.full(k, np.nan), np.full((k, k), np.nan), math.nan, n, n - k, reason)

    if n < k + fewest:
        return refused(f"{n} usable pairs of occasions, below {k + fewest}")
    if not varies(y - y.mean(), y):
        return refused("the outcome never varies")
    norms = np.sqrt((x**2).sum(axis=0))
    if bool((norms == 0).any()):
        return refused("a predictor never varies")
    left, singular, right = np.linalg.svd(x / norms, full_matrices=False)
    if singular[-1] < _RANK_TOLERANCE * singular[0]:
        return refused("a predictor never varies or is determined by the others")
    beta = (right.T @ ((left.T @ y) / singular)) / norms
    rest = y - x @ beta
    rss = float(rest @ rest)
    if not varies(rest, y) or rss <= 1e-20 * float(((y - y.mean()) ** 2).sum()):
        return refused("the outcome is determined without error by its past")
    inverse = (right.T / singular**2) @ right / np.outer(norms, norms)
    return LeastSquares(beta, inverse * rss / (n - k), rss, n, n - k)


def detrended(values: Array, time: Array) -> Array:
    """Deviations of each channel from its own straight line over time; NaN stays NaN.

    Parameters
    ----------
    values : (T, C) array
    time : (T,) array

    Returns
    -------
    (T, C) array
        All NaN in a channel with fewer than three values; 0 in one that never leaves its line but for rounding.
    """
    rest = np.full(values.shape, np.nan)
    for channel in range(values.shape[1]):
        seen = np.isfinite(values[:, channel])
        if seen.sum() < 3 or np.ptp(time[seen]) == 0:
            continue
        line = np.column_stack([np.ones(int(seen.sum())), time[seen] - time[seen].mean()])
        beta = np.linalg.lstsq(line, values[seen, channel], rcond=None)[0]
        left = values[seen, channel] - line @ beta
        rest[seen, channel] = left if varies(left, values[seen, channel]) else 0.0
    return rest
