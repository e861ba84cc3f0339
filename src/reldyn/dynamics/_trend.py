"""A trend over time whose interval allows for autocorrelated errors: arrays in, numbers out.

The estimate is that of an independent generalised linear model (Poisson with log link, or Gaussian); its covariance is
the sandwich under first-order autoregressive errors (Zeger, 1988, Biometrika 75, 621-629), the autocorrelation
corrected for what fitting a line takes off it (Kendall, 1954) and never taken as negative.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

__all__ = ["Trend", "trend"]

_LARGEST = 0.9


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
    """
    from scipy.stats import t as student

    beta, mean = (_least_squares(y, design), np.ones(len(y))) if offset is None else _poisson(y, design, offset)
    fitted = design @ beta if offset is None else mean
    root = np.sqrt(mean)
    X, residual = design * root[:, None], (y - fitted) / root
    bread = np.linalg.inv(X.T @ X)
    rho = _autocorrelation(residual, step)
    R = rho ** np.abs(step[:, None] - step[None, :]) if rho > 0 else np.eye(len(y))
    left = len(y) - float(np.trace(bread @ X.T @ R @ X))
    dispersion = float(residual @ residual) / left
    covariance = dispersion * bread @ X.T @ R @ X @ bread
    # The last step takes what the autocorrelation leaves of the sample as its size.
    df = max(len(y) * (1 - rho) / (1 + rho) - design.shape[1], 2.0)
    slope, error = float(beta[1]), math.sqrt(float(covariance[1, 1]))
    reach = float(student.ppf(0.975, df)) * error
    p_value = 2 * float(student.sf(abs(slope) / error, df)) if error > 0 else math.nan
    first, last = _ends(beta, design[:, 1], counted=offset is not None)
    return Trend(first, last, slope, error, df, p_value, slope - reach, slope + reach, rho)


def _ends(beta: Array, time: Array, *, counted: bool) -> tuple[float, float]:
    """Fitted values at the first and the last moment, further columns at zero."""
    line = beta[0] + beta[1] * np.array([time.min(), time.max()])
    first, last = np.exp(np.clip(line, -50, 50)) if counted else line
    return float(first), float(last)


def _least_squares(y: Array, design: Array) -> Array:
    return np.asarray(np.linalg.lstsq(design, y, rcond=None)[0])


def _poisson(y: Array, design: Array, offset: Array) -> tuple[Array, Array]:
    """Coefficients and means of a Poisson regression."""
    from statsmodels.genmod.families import Poisson
    from statsmodels.genmod.generalized_linear_model import GLM

    fit = GLM(y, design, family=Poisson(), offset=offset).fit()
    return np.asarray(fit.params), np.asarray(fit.mu)


def _autocorrelation(residual: Array, step: Array) -> float:
    """First-order autocorrelation of neighbouring windows, freed from the bias that a fitted line leaves."""
    n = len(residual)
    near = np.diff(step) == 1
    if near.sum() < 4:
        return 0.0
    products = (residual[1:] * residual[:-1])[near]
    raw = float(products.mean()) / float((residual**2).mean())
    return float(np.clip((raw + 2 / n) / (1 - 4 / n), 0.0, _LARGEST))
