"""A trend over time whose interval allows for autocorrelated errors: arrays in, numbers out.

The estimate is that of an independent generalised linear model, Poisson with log link and free dispersion, or Gaussian.
Its error follows from first-order autoregressive errors (Zeger, 1988, Biometrika 75, 621-629). A short series does not
tell their autocorrelation, so test and interval average over those it allows, by restricted likelihood and the prior of
Jeffreys between -.5 and .98: with an estimate alone autocorrelated series would show trends too often. Of the variance
of counts the part that Poisson counts have anyway is drawn anew in every window, and only the rest can carry over.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Ints
from reldyn.stats import noisy_profile

__all__ = ["Trend", "trend"]

# Counts that vary hardly more than Poisson counts leave next to nothing that could carry over.
_ROUNDS, _MOST_NOISE = 3, 0.99
# Closer together where a likelihood is sharp, near 1.
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
    # Counts vary by 1 on this scale even where their means do not.
    weight, errors = _allowed(residual, X, step, 0.0 if offset is None else 1.0)
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


def _allowed(residual: Array, X: Array, step: Array, noise: float) -> tuple[Array, Array]:
    """Weight of each autocorrelation, and the error of the slope that goes with it, (grid,) each.

    ``noise`` is the variance of what is drawn anew in each window, on the scale of the residuals: it hides part of the
    autocorrelation, and spreads no further than its window.
    """
    gap = np.diff(step).astype(np.int64)
    ratio = np.zeros(len(_RHO))
    for _ in range(_ROUNDS if noise else 1):
        value, variance = _profile(residual, X, gap, ratio)
        share = np.minimum(noise / (variance * (1 + ratio)), _MOST_NOISE)
        ratio = share / (1 - share)
    value, variance = _profile(residual, X, gap, ratio) if noise else (value, variance)
    # Even in Fisher's z, as the grid is, 1 would weigh too much; even in rho, too little.
    value = value + 0.5 * np.log1p(-(_RHO**2))
    likely = np.exp(value - value.max())
    row = np.linalg.solve(X.T @ X, X.T)[1]
    distance = np.abs(step[:, None] - step[None, :]).astype(np.int64)
    by_distance = np.bincount(distance.ravel(), weights=np.outer(row, row).ravel())
    carried = (by_distance * _RHO[:, None] ** np.arange(len(by_distance))).sum(axis=1)
    return likely / likely.sum(), np.sqrt(variance * (carried + ratio * float(row @ row)))


def _profile(residual: Array, X: Array, gap: Ints, ratio: Array) -> tuple[Array, Array]:
    """Restricted log-likelihood of each autocorrelation, and the variance that goes with it, (grid,) each."""
    value, variance = noisy_profile(X, residual[:, None], gap, _RHO, ratio)
    return value[:, 0], variance[:, 0]


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
