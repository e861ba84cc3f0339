"""Correlations of two series at many lags and for many surrogates at once.

Lag k always pairs ``x[t + k]`` with ``y[t]``, as R's ``ccf(x, y)`` does: a peak at a negative lag says that x moved
first. Pairs never reach over a night.
"""

from __future__ import annotations

import numpy as np

from reldyn.coupling._pairs import Array, Codes, Pair

__all__ = [
    "FEWEST_PAIRS",
    "fisher",
    "lag_correlations",
    "lag_table",
    "phase_lag_correlations",
    "standardised",
    "whitened",
]

# Two points always correlate perfectly.
FEWEST_PAIRS = 3
# Fisher's z of a perfect correlation is endless; beyond this value it no longer informs.
_LARGEST_Z = 10.0


def lag_table(pair: Pair, max_lag: int) -> Codes:
    """Say where the occasion k steps later on the same day stands.

    Parameters
    ----------
    pair : Pair
    max_lag : int

    Returns
    -------
    (T, 2 max_lag + 1) int array
        For k from ``-max_lag``; -1 where there is no such occasion.

    Examples
    --------
    >>> import reldyn as rd
    >>> from reldyn.coupling._pairs import pairs_of
    >>> panel = rd.simulate.apim(n_dyads=2, n_occasions=3, actor=0.3, partner=0.2, seed=1).panel
    >>> lag_table(pairs_of(panel, "y")[0], 1).tolist()
    [[-1, 0, 1], [0, 1, 2], [1, 2, -1]]
    """
    beep = pair.beep - pair.beep.min(initial=0)
    width = int(beep.max(initial=0)) + 2 * max_lag + 1
    key = (pair.day - pair.day.min(initial=0)) * width + beep
    wanted = key[:, None] + np.arange(-max_lag, max_lag + 1)
    place = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
    return np.where(key[place] == wanted, place, -1)


def standardised(series: Array) -> Array:
    """Bring series to mean 0 and SD 1 (divisor n) over what was observed; all NaN where nothing varies.

    Parameters
    ----------
    series : (..., T) array

    Returns
    -------
    array of the same shape

    Examples
    --------
    >>> standardised(np.array([[1.0, 3.0, np.nan], [2.0, 2.0, 2.0]])).tolist()
    [[-1.0, 1.0, nan], [nan, nan, nan]]
    """
    seen = np.isfinite(series)
    n = np.maximum(seen.sum(axis=-1, keepdims=True), 1)
    values = np.where(seen, series, 0.0)
    mean = values.sum(axis=-1, keepdims=True) / n
    centred = np.where(seen, series - mean, 0.0)
    sd = np.sqrt((centred**2).sum(axis=-1, keepdims=True) / n)
    # Sums round: an SD at the last digits of the mean is none.
    varies = sd > 1e-12 * np.maximum(1.0, np.abs(mean))
    return np.where(seen & varies, centred / np.where(varies, sd, 1.0), np.nan)


def lag_correlations(x: Array, ys: Array, table: Codes) -> tuple[Array, Codes]:
    """Cross-correlate one series with many.

    Parameters
    ----------
    x : (T,) array
        Standardised; NaN where missing.
    ys : (n, T) array
        Standardised, on the occasions of ``x``.
    table : (T, n_lags) int array
        From `lag_table`.

    Returns
    -------
    correlation : (n, n_lags) array
        NaN with fewer than three pairs.
    n_pairs : (n, n_lags) int array

    Notes
    -----
    The sum is divided by the number of pairs plus the lag, which R does, too: n in a complete series. A night counts
    as missing values.

    Examples
    --------
    >>> from reldyn.coupling._pairs import Pair
    >>> x = standardised(np.array([1.0, 2.0, 4.0, 3.0, 5.0]))
    >>> days = np.zeros(5, dtype=np.int64)
    >>> pair = Pair(1, 0, ("a", "b"), (1, 2), np.stack([x, x], axis=1), days, np.arange(5), np.arange(5.0), True)
    >>> lag_correlations(x, x[None], lag_table(pair, 1))[0].round(2).tolist()
    [[0.1, 1.0, 0.1]]
    """
    shifted = np.where(table >= 0, x[table], np.nan)
    seen_x, seen_y = np.isfinite(shifted), np.isfinite(ys)
    total = np.where(seen_y, ys, 0.0) @ np.where(seen_x, shifted, 0.0)
    count = seen_y.astype(float) @ seen_x.astype(float)
    divisor = np.where(count >= FEWEST_PAIRS, count + _lags(table), np.nan)
    return total / divisor, np.rint(count).astype(np.int64)


def phase_lag_correlations(x: Array, y: Array, table: Codes, angles: Array) -> Array:
    """As `lag_correlations` with phase-randomised copies of ``y``, without ever forming them.

    A sum of products is a sum over frequencies of cosine and sine of the drawn angles, so that two products of
    matrices replace the inverse transforms.

    Parameters
    ----------
    x : (T,) array
        Standardised; NaN where missing.
    y : (T,) array
        Standardised, complete.
    table : (T, n_lags) int array
    angles : (n, T // 2 + 1) array
        From `reldyn.surrogate.phase_angles`.

    Returns
    -------
    (n, n_lags) array

    Examples
    --------
    >>> from reldyn.surrogate import phase_angles, randomise_phases
    >>> rng = np.random.default_rng(1)
    >>> x, y = standardised(rng.normal(size=(2, 9)))
    >>> table = np.arange(9)[:, None]
    >>> angles = phase_angles(9, 4, rng)
    >>> slow = lag_correlations(x, randomise_phases(y, angles), table)[0]
    >>> bool(np.allclose(phase_lag_correlations(x, y, table, angles), slow))
    True
    """
    n = len(y)
    shifted = np.where(table >= 0, x[table], np.nan)
    seen = np.isfinite(shifted)
    target = np.fft.rfft(np.where(seen, shifted, 0.0), axis=0)
    weight = np.full(len(target), 2.0)
    weight[0] = 1.0
    if n % 2 == 0:
        weight[-1] = 1.0
    strength = (weight * np.abs(np.fft.rfft(y)) / n)[:, None] * target
    total = np.cos(angles) @ strength.real + np.sin(angles) @ strength.imag
    count = seen.sum(axis=0)
    return np.asarray(total / np.where(count >= FEWEST_PAIRS, count + _lags(table), np.nan))


def _lags(table: Codes) -> Codes:
    """(n_lags,) size of each lag."""
    return np.asarray(np.abs(np.arange(table.shape[1]) - table.shape[1] // 2))


def whitened(series: Array, pair: Pair, order: int) -> tuple[Array, Array]:
    """Remove what each series carries over from its own past (Box and Jenkins, 1976).

    Parameters
    ----------
    series : (T,) array
    pair : Pair
        Gives the occasions: nothing is carried over a night.
    order : int
        At least 1.

    Returns
    -------
    innovations : (T,) array
        NaN where any of the values needed is missing, so at the first occasions of each day; all NaN with fewer than
        ``2 order + 2`` usable occasions.
    coefficients : (order,) array

    Examples
    --------
    >>> from reldyn.coupling._pairs import Pair
    >>> y = 0.5 ** np.arange(8.0)
    >>> days = np.zeros(8, dtype=np.int64)
    >>> pair = Pair(1, 0, ("a", "b"), (1, 2), np.stack([y, y], axis=1), days, np.arange(8), np.arange(8.0), True)
    >>> whitened(y, pair, 1)[1].round(3).tolist()
    [0.5]
    """
    back = lag_table(pair, order)[:, :order]
    past = np.where(back >= 0, series[back], np.nan)
    usable = np.isfinite(series) & np.isfinite(past).all(axis=1)
    innovations = np.full(len(series), np.nan)
    if usable.sum() < 2 * order + 2:
        return innovations, np.full(order, np.nan)
    design = np.column_stack([past[usable], np.ones(int(usable.sum()))])
    solved = np.linalg.lstsq(design, series[usable], rcond=None)[0]
    innovations[usable] = series[usable] - design @ solved
    return innovations, solved[:order][::-1]


def fisher(correlation: Array) -> Array:
    """Turn correlations into Fisher's z, capped at 10.

    Parameters
    ----------
    correlation : array
        May leave [-1, 1] a little, where few pairs share a global SD.

    Returns
    -------
    array of the same shape
        NaN stays NaN.

    Examples
    --------
    >>> fisher(np.array([0.5, 1.0, np.nan])).round(4).tolist()
    [0.5493, 10.0, nan]
    """
    edge = np.tanh(_LARGEST_Z)
    return np.asarray(np.arctanh(np.clip(correlation, -edge, edge)))
