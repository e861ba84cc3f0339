"""What a fitted linear null consists of."""

from __future__ import annotations

import dataclasses

from reldyn._records import brief
from reldyn._types import Array, Flags
from reldyn.surrogate._measurement import MeasurementFit

__all__ = ["LinearNull"]


@brief
@dataclasses.dataclass(frozen=True, slots=True)
class LinearNull:
    """A linear process fitted to one series.

    Attributes
    ----------
    y : (n_occasions, n_channels) array
        The data it was fitted to; NaN where missing.
    mean : (n_occasions, n_channels) array
        Level, trend, time of day and covariates.
    night : (n_occasions,) bool array
    elapsed : (n_occasions,) array
    order : int
        Of the autoregression; 0 when the process with measurement error fits better.
    lags : (order + 1, n_channels, n_channels) array
        Coefficients (from row to column): first lag by day, first lag by night, then the second and later lags.
    covariance : (n_channels, n_channels) array
        Of the innovations.
    residuals : (n, n_channels) array
        Standardised innovations of the data, centred, as material for resampling.
    measurement : MeasurementFit or None
        The process with measurement error where it was chosen.
    aic : mapping
        By order; key 0 is measurement error.
    """

    y: Array
    mean: Array
    night: Flags
    elapsed: Array
    order: int
    lags: Array
    covariance: Array
    residuals: Array
    measurement: MeasurementFit | None
    aic: dict[int, float]
