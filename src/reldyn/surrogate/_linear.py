"""The linear null: a vector autoregression of order one to six, or of order one seen through measurement error.

Autoregression plus error is the standard model of affect in daily life (Schuurman, Houtveen & Hamaker, 2015); a
pure autoregression of the observed answers underrates how long such a process remembers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np

from reldyn._records import brief
from reldyn._types import Array, Flags
from reldyn.stats import fill_gaps, lag_columns, largest_root
from reldyn.surrogate._copula import normal_scores
from reldyn.surrogate._linear_draw import draw_linear, latent_linear
from reldyn.surrogate._measurement import MeasurementFit, fit_measurement
from reldyn.surrogate._null import LinearNull

MAX_ORDER = 6
_LARGEST_ROOT = 0.98
_CORRECTION_SERIES = 40
_MEASURED_SERIES = 10
_FILL_ROUNDS = 4
# An estimate may be explosive over a long gap.
_MOST = 6.0


@brief
@dataclasses.dataclass(frozen=True, slots=True)
class LinearModels:
    """Every linear model of a series, each fitted once.

    Attributes
    ----------
    values : (n_occasions, n_channels) array
        What was fitted: the answers, or their normal scores.
    mean : (n_occasions, n_channels) array
        The level of ``values``.
    observed : (n_occasions,) bool array
    fits : dict of int to tuple of arrays
        Coefficients, covariance and filled values of the autoregression of each order.
    measured : MeasurementFit
        The process with measurement error.
    aic : dict of int to float
        By order; 0 is the process with measurement error.
    """

    values: Array
    mean: Array
    observed: Flags
    fits: dict[int, tuple[Array, ...]]
    measured: MeasurementFit
    aic: dict[int, float]

    @property
    def behind(self) -> float:
        """By how much the AIC of the other kind of `fit_linear` is larger than that of the better one."""
        return self.aic[_chosen(self.aic, "other")] - self.aic[_chosen(self.aic, "better")]


def linear_models(y: Array, *, night: Flags, elapsed: Array, design: Array, gaussian: bool) -> LinearModels:
    """Fit every linear model that `fit_linear` chooses from, without what it takes to draw from one.

    Parameters
    ----------
    y, night, elapsed, design, gaussian
        As in `fit_linear`.

    Returns
    -------
    LinearModels

    Examples
    --------
    >>> import numpy as np
    >>> from reldyn.surrogate import linear_models
    >>> y = np.random.default_rng(1).normal(size=(40, 2))
    >>> parts = {"night": np.arange(40) % 4 == 0, "elapsed": np.ones(40), "design": np.empty((40, 0))}
    >>> sorted(linear_models(y, **parts, gaussian=True).aic)
    [0, 1]
    """
    observed: Flags = np.asarray(np.isfinite(y).all(axis=1))
    values = normal_scores(np.where(observed[:, None], y, np.nan)) if gaussian else y
    mean = _regress_mean(values, observed, design)
    rest = np.where(observed[:, None], values - mean, 0.0)
    n_observed, channels = int(observed.sum()), rest.shape[1]
    fits = {order: fit_order(rest[None], observed, night, order) for order in _orders(n_observed, channels)}
    aic = {
        order: n_observed * (_log_det(covariance[0]) + channels * (1 + np.log(2 * np.pi)))
        + 2 * channels**2 * (order + int(night.any()))
        + channels * (channels + 1)
        for order, (_, covariance, _) in fits.items()
    }
    measured = fit_measurement(np.where(observed[:, None], rest, np.nan), elapsed)
    aic[0] = -2 * measured.log_likelihood + 2 * (channels**2 + channels * (channels + 1) / 2 + channels)
    return LinearModels(values, mean, observed, fits, measured, aic)


def fit_linear(
    y: Array,
    *,
    night: Flags,
    elapsed: Array,
    design: Array,
    seed: np.random.SeedSequence,
    gaussian: bool,
    kind: Literal["better", "other"] = "better",
    models: LinearModels | None = None,
) -> LinearNull:
    """Fit the linear null.

    Parameters
    ----------
    y : (n_occasions, n_channels) array
        Answers; NaN where missing. A row counts as missing when any channel is.
    night : (n_occasions,) bool array
        Whether the occasion before lies on another day: the first lag has its own matrix then.
    elapsed : (n_occasions,) array
        Steps since the occasion before, for the process with measurement error.
    design : (n_occasions, n_columns) array
        What the level depends on, without a constant.
    seed : SeedSequence
        For the simulated bias correction.
    gaussian : bool
        True: fit the normal scores of ``y`` (a Gaussian copula). False: fit ``y`` itself.
    kind : {"better", "other"}, default "better"
        Of an autoregression and a process with measurement error, the one of the smaller AIC, or the other: a
        choice between the two can be wrong where a series is short.
    models : LinearModels, optional
        What `linear_models` makes of the same series, where that is known already.

    Returns
    -------
    LinearNull

    Notes
    -----
    Missing lags are replaced by their one-step prediction. The coefficients of the autoregression are corrected
    for small samples and for the rounding of answers by once refitting 40 simulated series, those of the process
    with measurement error by ten: estimates forget sooner than the process does, the more so after level, trend
    and time of day have been taken off.

    Examples
    --------
    >>> import numpy as np
    >>> from reldyn.surrogate import fit_linear
    >>> seed = np.random.SeedSequence(1)
    >>> y = np.random.default_rng(seed).normal(size=(40, 2)).round()
    >>> parts = {"night": np.arange(40) % 4 == 0, "elapsed": np.ones(40), "design": np.empty((40, 0))}
    >>> fit_linear(y, **parts, seed=seed, gaussian=True).y.shape
    (40, 2)
    """
    found = models or linear_models(y, night=night, elapsed=elapsed, design=design, gaussian=gaussian)
    mean, observed, measured, aic = found.mean, found.observed, found.measured, found.aic
    channels = y.shape[1]
    best = _chosen(aic, kind)
    if best == 0:
        lags, covariance, residuals = np.zeros((1, channels, channels)), np.eye(channels), measured.innovations
        measured = measured.sharpened(float(np.nanvar(found.values))) if gaussian else measured
        rough = LinearNull(y, mean, night, elapsed, 0, lags, covariance, _centred(residuals), measured, aic)
        measured = _remembering(rough, measured, observed, design, seed, gaussian=gaussian)
    else:
        coefficients, covariances, filled = found.fits[best]
        lags, covariance = coefficients[0], covariances[0]
        residuals = _standardised(_residuals(filled, night, coefficients)[0][observed], covariance)
        rough = LinearNull(y, mean, night, elapsed, best, lags, covariance, residuals, None, aic)
        lags = _corrected(rough, observed, design, seed, gaussian=gaussian)
    return LinearNull(
        y, mean, night, elapsed, best, lags, covariance, _centred(residuals), measured if best == 0 else None, aic
    )


def _chosen(aic: dict[int, float], kind: Literal["better", "other"]) -> int:
    best = min(aic, key=lambda order: aic[order])
    if kind == "better":
        return best
    return 0 if best != 0 else min((order for order in aic if order != 0), key=lambda order: aic[order])


def _orders(n_observed: int, channels: int) -> Sequence[int]:
    # At least eight occasions per coefficient of an equation.
    largest = max(1, min(MAX_ORDER, n_observed // (8 * channels) - 1))
    return range(1, largest + 1)


def _regress_mean(values: Array, observed: Flags, design: Array) -> Array:
    columns = np.column_stack([np.ones(len(values)), design])
    solved = np.linalg.lstsq(columns[observed], values[observed], rcond=1e-8)[0]
    return np.asarray(columns @ solved)


def _log_det(matrix: Array) -> float:
    return float(np.linalg.slogdet(matrix)[1])


def fit_order(rest: Array, observed: Flags, night: Flags, order: int) -> tuple[Array, ...]:
    """Least squares of a batch: (n, order + 1, C, C) coefficients, (n, C, C) covariance, (n, T, C) filled."""
    n, n_occasions, channels = rest.shape
    filled = rest.copy()
    rounds = 1 if observed.all() else _FILL_ROUNDS
    for turn in range(rounds):
        columns = lag_columns(filled, night, order)[:, observed]
        gram = np.matmul(columns.transpose(0, 2, 1), columns)
        right = np.matmul(columns.transpose(0, 2, 1), rest[:, observed])
        ridge = 1e-8 * n_occasions * np.eye(gram.shape[1])
        coefficients = np.linalg.solve(gram + ridge, right).reshape(n, order + 1, channels, channels)
        if turn < rounds - 1:
            filled = _fill(rest, observed, night, coefficients)
    error = _residuals(filled, night, coefficients)[:, observed]
    error = rest[:, observed] - (filled[:, observed] - error)
    covariance = np.matmul(error.transpose(0, 2, 1), error) / max(int(observed.sum()), 1)
    return coefficients, covariance + 1e-8 * np.eye(channels), filled


def _residuals(filled: Array, night: Flags, coefficients: Array) -> Array:
    n, order, channels = len(coefficients), coefficients.shape[1] - 1, filled.shape[2]
    flat = coefficients.reshape(n, (order + 1) * channels, channels)
    return np.asarray(filled - np.matmul(lag_columns(filled, night, order), flat))


def _fill(rest: Array, observed: Flags, night: Flags, coefficients: Array) -> Array:
    return fill_gaps(rest, np.zeros_like(rest), coefficients, observed, night, most=_MOST)


def _standardised(residuals: Array, covariance: Array) -> Array:
    root = np.linalg.cholesky(covariance)
    return np.asarray(np.linalg.solve(root, residuals.T).T)


def _centred(residuals: Array) -> Array:
    centred = residuals - residuals.mean(axis=0)
    return np.asarray(centred / np.maximum(centred.std(axis=0), 1e-8))


def _corrected(
    rough: LinearNull, observed: Flags, design: Array, seed: np.random.SeedSequence, *, gaussian: bool
) -> Array:
    """Add what refitting simulated series loses, as far as the process stays stationary."""
    rest = _simulated_rest(rough, observed, design, seed, _CORRECTION_SERIES, gaussian=gaussian)
    loss = rough.lags - fit_order(rest, observed, rough.night, rough.order)[0].mean(axis=0)
    for share in (1.0, 0.75, 0.5, 0.25):
        lags = rough.lags + share * loss
        if _largest_root(lags) <= _LARGEST_ROOT:
            return np.asarray(lags)
    return _shrunk(rough.lags)


def _remembering(
    rough: LinearNull,
    fit: MeasurementFit,
    observed: Flags,
    design: Array,
    seed: np.random.SeedSequence,
    *,
    gaussian: bool,
) -> MeasurementFit:
    """Add to the matrix of the process what refitting simulated series loses."""
    rest = _simulated_rest(rough, observed, design, seed, _MEASURED_SERIES, gaussian=gaussian)
    hidden = np.where(observed[None, :, None], rest, np.nan)
    again = [fit_measurement(one, rough.elapsed, near=fit).phi for one in hidden]
    return fit.with_memory(2 * fit.phi - np.mean(again, axis=0))


def _simulated_rest(
    rough: LinearNull, observed: Flags, design: Array, seed: np.random.SeedSequence, n: int, *, gaussian: bool
) -> Array:
    """Series simulated from a fit, on its scale, less their own level: (n, T, C), zero where missing."""
    generators = [
        np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, 77, k)))
        for k in range(n)
    ]
    if gaussian:
        simulated = draw_linear(rough, generators)
        values = normal_scores(np.where(observed[None, :, None], simulated, np.nan))
    else:
        values = np.where(observed[None, :, None], latent_linear(rough, generators, resample=True), np.nan)
    means = np.stack([_regress_mean(v, observed, design) for v in values])
    return np.where(observed[None, :, None], values - means, 0.0)


def _shrunk(lags: Array) -> Array:
    while _largest_root(lags) > _LARGEST_ROOT:
        lags = lags * 0.98
    return lags


def _largest_root(lags: Array) -> float:
    """The larger of the largest roots by day and by night."""
    turned = lags.transpose(0, 2, 1)
    return max(largest_root([turned[first], *turned[2:]]) for first in (0, 1))
