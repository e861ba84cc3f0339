"""Correlations within moving windows at many lags, by differences of cumulative sums (Boker, Xu, Rotondo & King, 2002).

Lag k pairs ``x[t + k]`` with ``y[t]``. As in the source, the later of the two windows stays and the other one moves
back in time, so that a window at place i never looks beyond its own end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.coupling.synchrony._lag_products import pearson

__all__ = ["pick_peaks", "window_starts", "windowed_correlations"]

# Series are standardised: below this variance differences of cumulative sums have lost too many digits.
_SOUND = 1e-3
# Values held at a time while such windows are summed anew.
_CHUNK = 4_000_000
_FEWEST_SMOOTHED = 5


def window_starts(stretches: Sequence[slice], window: int, increment: int, max_lag: int) -> Ints:
    """Places of the windows, none of which reaches over the end of a stretch at any lag.

    Parameters
    ----------
    stretches : sequence of slice
        Consecutive occasions.
    window, increment, max_lag : int

    Returns
    -------
    (n_windows,) int array

    Examples
    --------
    >>> window_starts([slice(0, 12)], 4, 3, 2).tolist()
    [2, 5]
    """
    starts = [np.arange(part.start + max_lag, part.stop - window - max_lag + 1, increment) for part in stretches]
    return np.concatenate([np.empty(0, dtype=np.int64), *starts]).astype(np.int64)


def windowed_correlations(x: Array, ys: Array, starts: Ints, window: int, lags: Ints) -> Iterator[Array]:
    """Pearson correlation of each pair of windows, lag by lag.

    Parameters
    ----------
    x : (T,) array
        Standardised; NaN where missing.
    ys : (n, T) array
        Standardised.
    starts : (n_windows,) int array
        From `window_starts`, for the largest of ``lags``.
    window : int
    lags : (n_lags,) int array

    Yields
    ------
    (n, n_windows) array
        For one lag after another. NaN where fewer than half of the pairs of a window (and never fewer than three)
        are observed, or where one side does not vary.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0, 5.0, 1.0])
    >>> [r.round(3).tolist() for r in windowed_correlations(x, -x[None], np.array([1]), 3, np.array([0, 1]))]
    [[[-1.0]], [[-0.982]]]
    """
    if np.isfinite(x).all() and np.isfinite(ys).all():
        yield from _whole(x, ys, starts, window, lags)
        return
    for lag in lags:
        # The first pair of a window is (x[i], y[i - k]) or (x[i + k], y[i]).
        begin = starts - max(int(lag), 0)
        count, of_x, of_y, of_xx, of_yy, of_xy = _sums(x, ys, begin, window, int(lag))
        enough = count >= max(3.0, window / 2)
        n = np.where(enough, count, 1.0)
        variance_x = of_xx / n - (of_x / n) ** 2
        variance_y = of_yy / n - (of_y / n) ** 2
        sound = enough & (variance_x > _SOUND) & (variance_y > _SOUND)
        scale = np.sqrt(np.where(sound, variance_x * variance_y, 1.0))
        found = np.clip((of_xy / n - of_x * of_y / n**2) / scale, -1.0, 1.0)
        found = np.where(sound, found, np.nan)
        _sum_anew(found, enough & ~sound, x, ys, (begin + int(lag), begin), window)
        yield found


def _sum_anew(found: Array, doubtful: Flags, x: Array, ys: Array, at: tuple[Ints, Ints], w: int) -> None:
    """Write correlations of windows of ``w`` pairs, which begin in x and y at ``at``, around their own means."""
    rows, places = np.nonzero(doubtful)
    inside = np.arange(w)
    size = max(1, _CHUNK // w)
    for start in range(0, len(rows), size):
        row, place = rows[start : start + size], places[start : start + size]
        left = x[at[0][place][:, None] + inside]
        right = ys[row[:, None], at[1][place][:, None] + inside]
        found[row, place] = pearson(left, right, max(3.0, w / 2))


def _whole(x: Array, ys: Array, starts: Ints, window: int, lags: Ints) -> Iterator[Array]:
    """Correlations of complete series: mean and SD of a window do not depend on what it meets."""
    every = np.arange(ys.shape[1] - window + 1)
    mean_x, per_sd_x = _moments(x[None], every, window)
    mean_y, per_sd_y = _moments(ys, every, window)
    doubtful = not (np.isfinite(per_sd_x).all() and np.isfinite(per_sd_y).all())
    for lag in lags.tolist():
        at_y = starts - max(lag, 0)
        at_x = at_y + lag
        found = _moving(_shift(x[None], lag) * ys, at_y, window)
        found /= window
        found -= mean_x[:, at_x] * mean_y[:, at_y]
        found *= per_sd_x[:, at_x] * per_sd_y[:, at_y]
        np.clip(found, -1.0, 1.0, out=found)
        if doubtful:
            _sum_anew(found, np.isnan(found), x, ys, (at_x, at_y), window)
        yield found


def _moments(values: Array, every: Ints, window: int) -> tuple[Array, Array]:
    """Mean and one over SD of each window; NaN where its digits do not hold."""
    mean = _moving(values, every, window) / window
    variance = _moving(values**2, every, window) / window - mean**2
    sound = variance > _SOUND
    return mean, np.where(sound, 1.0 / np.sqrt(np.where(sound, variance, 1.0)), np.nan)


def _sums(x: Array, ys: Array, begin: Ints, window: int, lag: int) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Count, sums, sums of squares and of products over the pairs of which both sides are observed."""
    shifted = _shift(x[None], lag)
    both = np.isfinite(shifted) & np.isfinite(ys)
    left = np.where(both, shifted, 0.0)
    right = np.where(both, ys, 0.0)
    parts = (both.astype(float), left, right, left**2, right**2, left * right)
    count, *others = (_moving(part, begin, window) for part in parts)
    return (count, others[0], others[1], others[2], others[3], others[4])


def _shift(x: Array, lag: int) -> Array:
    """(1, T) with ``x[t + lag]`` at t; the ends, which no window reaches, are whatever comes round."""
    return np.concatenate([x[:, lag:], x[:, :lag]], axis=1)


def _moving(values: Array, begin: Ints, window: int) -> Array:
    total = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=total[:, 1:])
    return np.asarray(total[:, begin + window] - total[:, begin])


def pick_peaks(matrix: Array, lags: Ints, size: int, span: float = 0.25) -> tuple[Array, Array]:
    """Find in each window the peak nearest to lag 0 (Boker et al., 2002).

    A peak is a lag from which the correlations, smoothed over lags by local regression, fall without interruption
    over ``size`` lags on either side. Of two equally near ones the higher counts.

    Parameters
    ----------
    matrix : (n_windows, n_lags) array
    lags : (n_lags,) int array
    size : int
        Steps of descent asked for.
    span : float, default 0.25
        Share of the lags that a local regression sees, as in the source; never fewer than five lags.

    Returns
    -------
    peak : (n_windows,) array
        The correlation itself, not its smooth, at the peak; NaN where there is none.
    peak_lag : (n_windows,) array

    Examples
    --------
    >>> lags = np.arange(-5, 6)
    >>> peak, lag = pick_peaks(np.cos((lags - 1.0) / 4)[None], lags, 2)
    >>> lag.tolist(), peak.round(3).tolist()
    ([1.0], [1.0])
    """
    peak, peak_lag = np.full(len(matrix), np.nan), np.full(len(matrix), np.nan)
    for row, values in enumerate(matrix):
        if not np.isfinite(values).all():
            continue
        at = _nearest_peak(_smooth(values, lags, span), lags, size)
        if at is not None:
            peak[row], peak_lag[row] = values[at], lags[at]
    return peak, peak_lag


def _smooth(values: Array, lags: Ints, span: float) -> Array:
    from statsmodels.nonparametric.smoothers_lowess import lowess

    if len(lags) == 1:
        # One lag has no neighbours to be smoothed by.
        return values
    share = min(1.0, max(span, _FEWEST_SMOOTHED / len(lags)))
    return np.asarray(lowess(values, lags.astype(float), frac=share, it=0, return_sorted=False))


def _nearest_peak(smooth: Array, lags: Ints, size: int) -> int | None:
    rises: Flags = np.diff(smooth) > 0
    falls: Flags = np.diff(smooth) < 0
    inside = range(size, len(smooth) - size)
    found = [at for at in inside if rises[at - size : at].all() and falls[at : at + size].all()]
    if not found:
        return None
    return min(found, key=lambda at: (abs(int(lags[at])), -float(smooth[at])))
