"""The past of one pair on its grid, and least squares that refuses what it cannot identify.

A lag looks back whole scheduled occasions of the same day: a missing occasion, a gap or a night makes it missing.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._types import Array
from reldyn.coupling._checks import varies
from reldyn.errors import check_count
from reldyn.panel import DyadSeries
from reldyn.stats import LeastSquares, least_squares

__all__ = ["check_lags", "detrended", "past", "regression"]

# Rows beyond the number of columns.
_SPARE = 3


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
    check_count(lags, "lags", 1)


def regression(design: Array, outcome: Array) -> LeastSquares:
    """Least squares on the rows without a missing value, with at least three rows more than columns.

    Parameters
    ----------
    design : (n, k) array
    outcome : (n,) array

    Returns
    -------
    LeastSquares
        With ``reason`` where rows are too few, the outcome is constant or follows its past without error, or columns
        depend on one another: ``beta`` is NaN then.
    """
    fit = least_squares(design, outcome, fewest=_SPARE)
    y, k = outcome[fit.used], len(fit.beta)
    if fit.n < k + _SPARE:
        reason = f"{fit.n} usable pairs of occasions, below {k + _SPARE}"
    elif not varies(y - y.mean(), y):
        reason = "the outcome never varies"
    elif fit.reason:
        reason = "a predictor never varies or is determined by the others"
    elif fit.exact or not varies(fit.residuals, y):
        reason = "the outcome is determined without error by its past"
    else:
        return fit
    return dataclasses.replace(fit, beta=np.full(k, np.nan), reason=reason)


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
