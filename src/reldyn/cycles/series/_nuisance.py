"""What both hypotheses of every claim share: time of day, free days, covariates, a trend and lasting changes of level.

A series, or a surrogate of it, is standardised and gets its own design; changes of level are searched for in
every surrogate as in the data, so what the search finds by chance is found under the null as well.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.cycles.series._series import DirectionSeries
from reldyn.errors import DataError
from reldyn.markov.regimes import SwitchingData
from reldyn.stats import indicators, lag_columns

MAX_BREAKS = 2
FEWEST_OCCASIONS = 20
# A change of level costs two means and its place; the factor times log(occasions) is what it must gain.
_PRICE = 4.0
_SHORTEST_SHARE = 0.1
_SHORTEST = 10
# A normal law of this variance, in steps of the item, is nowhere denser than one answer per step.
_ROUNDING_VARIANCE = 1 / (2 * np.pi)


@dataclasses.dataclass(frozen=True, slots=True)
class Prepared:
    """Standardised series with their designs.

    Attributes
    ----------
    data : SwitchingData
        Of the markov engine.
    breaks : (n_series, 2) int array
        First occasion of each new level; -1 where there is none.
    centre, scale : (n_series, n_channels) arrays
        What was taken off and divided by.
    """

    data: SwitchingData
    breaks: Ints
    centre: Array
    scale: Array


def base_design(series: DirectionSeries) -> Array:
    """Time of day, free days, trend and covariates: (n_occasions, n_columns), centred on the observed occasions.

    Raises
    ------
    DataError
        Fewer than 20 occasions were answered.
    """
    answered = series.observed
    if series.n_observed < FEWEST_OCCASIONS:
        raise DataError(
            f"{series.n_observed} answered occasions cannot carry a test of phases: "
            f"it takes at least {FEWEST_OCCASIONS}."
        )
    times = indicators(series.beep, np.unique(series.beep[answered]))
    table = np.column_stack([times, series.weekend, np.arange(len(series.y)), series.covariates]).astype(float)
    table = table - table[answered].mean(axis=0)
    spread = table[answered].std(axis=0)
    return np.asarray(table[:, spread > 1e-9] / spread[spread > 1e-9])


def prepare(values: Array, series: DirectionSeries, design: Array | None = None) -> Prepared:
    """Standardise a batch and build its designs.

    Parameters
    ----------
    values : (n_series, n_occasions, n_channels) array
        The data or surrogates of it, with the same occasions missing.
    series : DirectionSeries
        For the clock.
    design : (n_occasions, n_columns) array, optional
        Of `base_design`, to compute it once.

    Returns
    -------
    Prepared
    """
    design = base_design(series) if design is None else design
    answered = series.observed
    centre = values[:, answered].mean(axis=1)
    scale = np.maximum(values[:, answered].std(axis=1), 1e-9)
    y = np.where(answered[None, :, None], (values - centre[:, None]) / scale[:, None], 0.0)
    breaks = find_breaks(y, answered, series.night, design)
    x = np.concatenate(
        [np.broadcast_to(design, (len(y), *design.shape)), _steps(breaks, len(answered), answered)], axis=2
    )
    return Prepared(
        SwitchingData(y, answered, series.night, x, _noise_floor(values, answered, scale)), breaks, centre, scale
    )


def _noise_floor(values: Array, answered: Flags, scale: Array) -> Array:
    """Variance of rounding by series and channel: no noise is finer than the item."""
    steps = np.zeros(values.shape[2])
    for channel in range(values.shape[2]):
        answers = np.unique(values[:, answered, channel])
        steps[channel] = float(np.median(np.diff(answers))) if 1 < len(answers) <= 30 else 0.0
    return np.asarray(np.maximum(_ROUNDING_VARIANCE * (steps / scale) ** 2, 1e-3))


def _steps(breaks: Ints, n_occasions: int, answered: Flags) -> Array:
    """Columns that change at the breaks, centred; zero where there is no break."""
    occasion = np.arange(n_occasions)
    after = (occasion[None, :, None] >= breaks[:, None, :]) & (breaks[:, None, :] >= 0)
    columns = after.astype(float)
    return np.asarray(columns - columns[:, answered].mean(axis=1, keepdims=True))


def find_breaks(y: Array, answered: Flags, night: Flags, design: Array) -> Ints:
    """Search up to two lasting changes of level, one after the other, in a first-order autoregression.

    Parameters
    ----------
    y : (n_series, n_occasions, n_channels) array
        Standardised; zero where missing.
    answered, night : (n_occasions,) bool arrays
    design : (n_occasions, n_columns) array

    Returns
    -------
    (n_series, 2) int array
        First occasion of each new level, -1 where nothing gains enough (four log(n) in twice the log-likelihood).
    """
    n, n_occasions, channels = y.shape
    found = np.full((n, MAX_BREAKS), -1, dtype=np.int64)
    shortest = max(_SHORTEST, int(_SHORTEST_SHARE * n_occasions))
    candidates = np.arange(shortest, n_occasions - shortest + 1)
    n_answered = int(answered.sum())
    if len(candidates) == 0 or n_answered < 4 * (design.shape[1] + 2 * channels + 1):
        return found
    lags = lag_columns(y, night)[:, answered]
    fixed = np.column_stack([np.ones(n_answered), design[answered]])
    base = np.concatenate([np.broadcast_to(fixed, (n, *fixed.shape)), lags], axis=2)
    steps = (np.flatnonzero(answered)[:, None] >= candidates[None, :]).astype(float)
    active = np.arange(n)
    for turn in range(MAX_BREAKS):
        gain = _step_gains(y[active][:, answered], base[active], steps)
        near = np.abs(candidates[None, :, None] - found[active][:, None, :turn]) < shortest
        gain[near.any(axis=2) if turn else np.zeros_like(gain, dtype=bool)] = -np.inf
        best = gain.argmax(axis=1)
        enough = gain[np.arange(len(active)), best] > _PRICE * np.log(n_answered)
        active, best = active[enough], best[enough]
        if len(active) == 0:
            break
        found[active, turn] = candidates[best]
        if turn + 1 < MAX_BREAKS:
            wider = np.zeros((n, n_answered, 1))
            wider[active, :, 0] = steps[:, best].T
            base = np.concatenate([base, wider], axis=2)
    return found


def _step_gains(y: Array, base: Array, steps: Array) -> Array:
    """Twice the log-likelihood that each step would gain: (n, n_candidates)."""
    n_answered = y.shape[1]
    basis = np.linalg.qr(base)[0]
    rest = y - np.matmul(basis, np.matmul(basis.transpose(0, 2, 1), y))
    covariance = np.matmul(rest.transpose(0, 2, 1), rest) / n_answered + 1e-9 * np.eye(y.shape[2])
    white = np.linalg.solve(np.linalg.cholesky(covariance), rest.transpose(0, 2, 1))
    explained = np.matmul(basis.transpose(0, 2, 1), steps)
    size = np.maximum((steps**2).sum(axis=0) - (explained**2).sum(axis=1), 1e-6)
    share = (np.matmul(white, steps) ** 2).sum(axis=1) / (size * n_answered)
    return np.asarray(-n_answered * np.log1p(-np.minimum(share, 1 - 1e-9)))
