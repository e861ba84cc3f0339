"""The best description of a series without phases: what phases have to beat.

A vector autoregression of order one to four, with Gaussian or with skewed and heavy-tailed shocks, with shocks whose
variance is itself a process, or with two or three levels drawn anew at every occasion. A phase could otherwise be
bought by memory longer than one occasion, by a few large shocks, by swings that grow and shrink in episodes, or by
ratings that have humps of which none lasts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from reldyn._types import Array, Ints
from reldyn.cycles.ladder._starts import finite
from reldyn.cycles.reference._reference_humps import humps_log_likelihood
from reldyn.cycles.reference._reference_variance import changing_variance_gain
from reldyn.cycles.reference._shapes import shape_gain
from reldyn.markov.regimes import SwitchingData
from reldyn.stats import fill_gaps, lag_columns

__all__ = ["ReferenceFit", "reference_fit", "reference_log_likelihood"]

MAX_ORDER = 4
_FILL_ROUNDS = 4
# An estimate may be explosive over a long gap; answers are standardised.
_MOST = 6.0
_RIDGE = 1e-8
# So much above what is enough, so that rounding decides nothing.
_SAFE = 1e-6


@dataclasses.dataclass(frozen=True, slots=True)
class ReferenceFit:
    """Penalised log-likelihoods without phases, one value per series.

    Attributes
    ----------
    order : (n,) int array
        Of the autoregression.
    constant_variance : (n,) array
        Gaussian or shaped shocks of one variance.
    changing_variance : (n,) array
        Shocks whose variance changes, in all channels together or in each on its own; minus infinity if not sought.
    humps : (n,) array
        Levels without memory; minus infinity if not sought.
    """

    order: Ints
    constant_variance: Array
    changing_variance: Array
    humps: Array

    @property
    def log_likelihood(self) -> Array:
        """(n,) the largest."""
        return np.asarray(np.maximum(np.maximum(self.constant_variance, self.changing_variance), self.humps))


def reference_log_likelihood(
    data: SwitchingData,
    phases: Mapping[int, Array] | None = None,
    *,
    shapes: bool = True,
    variances: bool = True,
    humps: bool = True,
) -> Array:
    """Give the largest log-likelihood without phases, less one per parameter beyond the Gaussian first order.

    Parameters
    ----------
    data : SwitchingData
    phases : mapping of int to (n, T, K) array, optional
        Posteriors of the phases that are compared with it, by their number: starts of the search for humps.
    shapes : bool, default True
        Whether shocks may be skewed or heavy-tailed.
    variances : bool, default True
        Whether the variance of the shocks may change.
    humps : bool, default True
        Whether two or three levels may be drawn anew at every occasion.

    Returns
    -------
    (n,) array
    """
    return reference_fit(data, phases, shapes=shapes, variances=variances, humps=humps).log_likelihood


def reference_fit(
    data: SwitchingData,
    phases: Mapping[int, Array] | None = None,
    *,
    shapes: bool = True,
    variances: bool = True,
    humps: bool = True,
    enough: Array | None = None,
) -> ReferenceFit:
    """Fit every description without phases.

    Parameters
    ----------
    data, phases, shapes, variances, humps
        As in `reference_log_likelihood`.
    enough : (n,) array, optional
        A log-likelihood per series beyond which no more is asked: once a description is above it, the others are not
        sought. What is found is then no more than a lower bound of the largest.

    Returns
    -------
    ReferenceFit
    """
    order, gaussian, residual, table = _best_order(data)
    never = np.full(len(gaussian), -np.inf)
    found = {"constant": gaussian.copy(), "changing": never.copy(), "humps": never.copy()}

    def due() -> Ints:
        if enough is None:
            return np.arange(len(gaussian))
        reached = np.maximum(np.maximum(found["constant"], found["changing"]), found["humps"])
        return np.flatnonzero(~(reached > enough + _SAFE))

    # Two levels drawn anew come first: where they are asked for they are the strongest rival.
    if humps and len(left := due()):
        starts = None if phases is None else {k: posterior[left] for k, posterior in phases.items()}
        found["humps"][left] = humps_log_likelihood(data.take(left), starts)
    if shapes and len(left := due()):
        found["constant"][left] = gaussian[left] + shape_gain(residual[left])
    if variances and len(left := due()):
        answered = data.observed
        gain = changing_variance_gain(
            residual[left],
            data.y[left][:, answered],
            table[left],
            answered,
            floor=data.floor[left],
            shapes=shapes,
        )
        found["changing"][left] = finite(gaussian[left] + gain)
    return ReferenceFit(order, found["constant"], found["changing"], found["humps"])


def _best_order(data: SwitchingData) -> tuple[Ints, Array, Array, Array]:
    """Order, log-likelihood, residuals and regressors of the best Gaussian autoregression of every series."""
    n_answered, channels = max(int(data.observed.sum()), 1), data.y.shape[2]
    values, shocks, tables = [], [], []
    for order in _orders(data):
        residual, table = _shocks(data, order)
        covariance = np.matmul(residual.transpose(0, 2, 1), residual) / n_answered + _RIDGE * np.eye(channels)
        log_det = np.linalg.slogdet(covariance)[1]
        values.append(-n_answered / 2 * (log_det + channels * (1 + np.log(2 * np.pi))) - channels**2 * (order - 1))
        shocks.append(residual)
        tables.append(table)
    best = np.argmax(values, axis=0)
    series = np.arange(len(best))
    # Columns beyond the chosen order are zero, and so are their coefficients.
    widest = tables[-1].shape[2]
    padded = np.stack([np.pad(part, ((0, 0), (0, 0), (0, widest - part.shape[2]))) for part in tables])
    return best + 1, np.stack(values)[best, series], np.stack(shocks)[best, series], padded[best, series]


def _orders(data: SwitchingData) -> range:
    # At least eight occasions per coefficient of an equation.
    most = int(data.observed.sum()) // (8 * data.y.shape[2]) - 1
    return range(1, max(1, min(MAX_ORDER, most)) + 1)


def _shocks(data: SwitchingData, order: int) -> tuple[Array, Array]:
    """Residuals (n, n_seen, C) and regressors at the observed occasions; a missing lag takes its prediction."""
    answered, night = data.observed, data.night
    index = np.flatnonzero(answered)
    fixed = np.concatenate([np.ones((*data.y.shape[:2], 1)), data.x], axis=2)
    n_fixed, outcome = fixed.shape[2], data.y.take(index, axis=1)
    part = np.empty((len(fixed), len(index), n_fixed + data.y.shape[2] * (order + 1)))
    part[:, :, :n_fixed] = fixed.take(index, axis=1)
    filled = np.where(answered[None, :, None], data.y, 0.0)
    ridge = _RIDGE * len(answered) * np.eye(part.shape[2])
    for turn in range(1 if answered.all() else _FILL_ROUNDS):
        part[:, :, n_fixed:] = lag_columns(filled, night, order).take(index, axis=1)
        turned = part.transpose(0, 2, 1)
        solved = np.linalg.solve(np.matmul(turned, part) + ridge, np.matmul(turned, outcome))
        if turn < _FILL_ROUNDS - 1 and not answered.all():
            filled = _fill(data, np.matmul(fixed, solved[:, :n_fixed]), solved[:, n_fixed:], order)
    return np.asarray(outcome - np.matmul(part, solved)), part


def _fill(data: SwitchingData, level: Array, weights: Array, order: int) -> Array:
    n, channels = len(level), level.shape[2]
    lags = weights.reshape(n, order + 1, channels, channels)
    filled = np.where(data.observed[None, :, None], data.y, 0.0)
    return fill_gaps(filled, level, lags, data.observed, data.night, most=_MOST)
