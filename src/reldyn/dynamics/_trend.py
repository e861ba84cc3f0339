"""A trend over time whose interval allows for autocorrelated errors: arrays in, numbers out.

The estimate is that of an independent generalised linear model, Poisson with log link and free dispersion, or Gaussian.
Its error follows from first-order autoregressive errors (Zeger, 1988, Biometrika 75, 621-629). A short series does not
tell their autocorrelation, so test and interval average over those it allows, by restricted likelihood and even between
-.5 and .98: with an estimate alone strongly autocorrelated series would show trends too often.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

__all__ = ["Trend", "trend"]

# Closer together where a likelihood is sharp, near 1; `_allowed` weighs the spacing out again.
_RHO = np.tanh(np.linspace(np.arctanh(-0.5), np.arctanh(0.98), 61))
# Share of the sum of squares below which errors are rounding.
_ROUNDING = 1e-20


@dataclass(frozen=True)
class Trend:
    """Slope on time with its inference; ``first`` and ``last``: what is fitted at either end, per unit of exposure."""

    first: float
    last: float
    estimate: float
    std_error: float
    df: float
    p_value: float
    conf_low: float
    conf_high: float
    autocorrelation: float


def trend(y: Array, design: Array, step: Array, *, offset: Array | None = None) -> Trend:
    """Slope of the second column of a design.

    Parameters
    ----------
    y : (n,) array
        Counts where an offset is given, else any numbers that vary.
    design : (n, p) array
        Constant, time, and whatever else, centred; of full column rank.
    step : (n,) array
        Place of each window in the series, increasing.
    offset : (n,) array, optional
        Log exposure: Poisson with log link. None: Gaussian.

    Returns
    -------
    Trend
        ``std_error`` and ``autocorrelation`` are means over the autocorrelations that the series allows.
        Where the line fits without error, up to rounding, only the estimate is a number.
    """
    beta, mean = (_least_squares(y, design), np.ones(len(y))) if offset is None else _poisson(y, design, offset)
    fitted = design @ beta if offset is None else mean
    root = np.sqrt(mean)
    X, residual = design * root[:, None], (y - fitted) / root
    if float(residual @ residual) <= _ROUNDING * float((y / root) @ (y / root)):
        first, last = _ends(beta, design[:, 1], counted=offset is not None)
        return Trend(first, last, float(beta[1]), *(math.nan,) * 6)
    gap = np.diff(step).astype(np.int64)
    weight, dispersion = _allowed(residual, X, gap)
    errors = np.sqrt(dispersion * _unscaled(X, step))
    slope, df = float(beta[1]), float(len(y) - X.shape[1])
    p_value, reach = _averaged(slope, errors, weight, df)
    first, last = _ends(beta, design[:, 1], counted=offset is not None)
    return Trend(
        first=first,
        last=last,
        estimate=slope,
        std_error=math.sqrt(float(weight @ errors**2)),
        df=df,
        p_value=p_value,
        conf_low=slope - reach,
        conf_high=slope + reach,
        autocorrelation=float(weight @ _RHO),
    )


def _least_squares(y: Array, design: Array) -> Array:
    return np.asarray(np.linalg.lstsq(design, y, rcond=None)[0])


def _poisson(y: Array, design: Array, offset: Array) -> tuple[Array, Array]:
    """Coefficients and means of a Poisson regression."""
    from statsmodels.genmod.families import Poisson
    from statsmodels.genmod.generalized_linear_model import GLM
    from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

    with warnings.catch_warnings():
        # A line that fits without error is dealt with by `trend`.
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        fit = GLM(y, design, family=Poisson(), offset=offset).fit()
    return np.asarray(fit.params), np.asarray(fit.mu)


def _allowed(residual: Array, X: Array, gap: NDArray[np.int64]) -> tuple[Array, Array]:
    """Weight of each autocorrelation, and the dispersion that goes with it, (grid,) each."""
    n, p = X.shape
    carried = _RHO[:, None] ** gap
    columns = np.column_stack([X, residual])
    white = np.empty((len(_RHO), n, p + 1))
    white[:, 0] = columns[0]
    white[:, 1:] = (columns[1:] - carried[:, :, None] * columns[:-1]) / np.sqrt(1 - carried**2)[:, :, None]
    gram = white.transpose(0, 2, 1) @ white
    triangle = np.linalg.cholesky(gram[:, :p, :p])
    along = np.linalg.solve(triangle, gram[:, :p, p:])[:, :, 0]
    squares = np.maximum(gram[:, p, p] - (along**2).sum(axis=1), 1e-300)
    log_det = np.log1p(-(carried**2)).sum(axis=1)
    log_det += 2 * np.log(np.diagonal(triangle, axis1=1, axis2=2)).sum(axis=1)
    value = -0.5 * ((n - p) * np.log(squares) + log_det) + np.log1p(-(_RHO**2))
    likely = np.exp(value - value.max())
    return likely / likely.sum(), squares / (n - p)


def _unscaled(X: Array, step: Array) -> Array:
    """Variance of the independent slope at each autocorrelation, over the dispersion, (grid,)."""
    row = np.linalg.solve(X.T @ X, X.T)[1]
    distance = np.abs(step[:, None] - step[None, :]).astype(np.int64)
    by_distance = np.bincount(distance.ravel(), weights=np.outer(row, row).ravel())
    return np.asarray((by_distance * _RHO[:, None] ** np.arange(len(by_distance))).sum(axis=1))


def _averaged(slope: float, errors: Array, weight: Array, df: float) -> tuple[float, float]:
    """Two-sided p-value and half-width of the 95 % interval, the t-distributions averaged."""
    from scipy.optimize import brentq
    from scipy.stats import t as student

    if float(weight @ errors) == 0:
        return math.nan, 0.0

    def beyond(size: float) -> float:
        return float(weight @ (2 * student.sf(size / errors, df)))

    high = 1.1 * float(student.ppf(0.975, df)) * float(errors.max())
    return beyond(abs(slope)), float(brentq(lambda size: beyond(size) - 0.05, 0.0, high))


def _ends(beta: Array, time: Array, *, counted: bool) -> tuple[float, float]:
    """Fitted values at the first and the last moment, further columns at zero."""
    line = beta[0] + beta[1] * np.array([time.min(), time.max()])
    first, last = np.exp(np.clip(line, -50, 50)) if counted else line
    return float(first), float(last)
