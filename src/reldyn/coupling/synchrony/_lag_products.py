"""Correlations of two series at many lags and for many surrogates at once.

Lag k always pairs ``x[t + k]`` with ``y[t]``, as R's ``ccf(x, y)`` does: a peak at a negative lag says that x moved
first. Pairs never reach over a night.
"""

from __future__ import annotations

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.coupling._checks import varies
from reldyn.panel import DyadSeries

__all__ = [
    "FEWEST_PAIRS",
    "fisher",
    "lag_correlations",
    "lag_table",
    "one_stretch",
    "pearson",
    "perfect",
    "phase_lag_correlations",
    "standardised",
    "whitened",
]

# Two points always correlate perfectly.
FEWEST_PAIRS = 3
# Fisher's z of a perfect correlation is endless; beyond this value it no longer informs.
_LARGEST_Z = 10.0
# Share of a mean square that a variance must be for its digits to hold, and deviations of standardised series that
# are rounding.
_SOUND, _FLAT = 1e-3, 1e-11


def lag_table(pair: DyadSeries, max_lag: int) -> Ints:
    """Say where the occasion k steps later on the same day stands.

    Parameters
    ----------
    pair : DyadSeries
    max_lag : int

    Returns
    -------
    (T, 2 max_lag + 1) int array
        For k from ``-max_lag``; -1 where there is no such occasion.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=2, n_occasions=3, actor=0.3, partner=0.2, seed=1).panel
    >>> lag_table(panel.series("y")[0], 1).tolist()
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
    # Before squaring: very large and very small units would leave the range of numbers. Powers of two lose no digit.
    values = np.ldexp(values, -np.frexp(np.abs(values).max(axis=-1, keepdims=True, initial=0.0))[1])
    centred = np.where(seen, values - values.sum(axis=-1, keepdims=True) / n, 0.0)
    sd = np.sqrt((centred**2).sum(axis=-1, keepdims=True) / n)
    usable = varies(centred, values)[..., None]
    return np.where(seen & usable, centred / np.where(usable, sd, 1.0), np.nan)


def lag_correlations(x: Array, ys: Array, table: Ints) -> tuple[Array, Ints]:
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
        Within -1 and 1; NaN with fewer than three pairs, or where one side of the pairs does not vary.
    n_pairs : (n, n_lags) int array

    Notes
    -----
    One complete stretch has the estimator of time series, with mean and SD of the whole series and divisor n, which is
    R's ``ccf``. With missing values, or over several days, whose nights are missing values, that estimator is no
    correlation any more: the products are those of the joint pairs, mean and SD those of all answers. There each lag
    has the Pearson correlation of its joint pairs. At lag 0 of a complete series both are the same; at lag k the first
    is smaller by a share of about k / n.

    Examples
    --------
    >>> from reldyn.panel import DyadSeries
    >>> x = standardised(np.array([1.0, 2.0, 4.0, 3.0, 5.0]))
    >>> days = np.zeros(5, dtype=np.int64)
    >>> pair = DyadSeries(1, 0, ("a", "b"), (1, 2), np.stack([x, x], axis=1), days, np.arange(5), np.arange(5.0), True)
    >>> lag_correlations(x, x[None], lag_table(pair, 1))[0].round(2).tolist()
    [[0.1, 1.0, 0.1]]
    """
    shifted = np.where(table >= 0, x[table], np.nan)
    seen_x, seen_y = np.isfinite(shifted), np.isfinite(ys)
    count = seen_y.astype(float) @ seen_x.astype(float)
    n_pairs = np.rint(count).astype(np.int64)
    whole = (n_pairs == _most_pairs(table)).all(axis=1)
    found = np.full(count.shape, np.nan)
    if whole.any():
        total = np.where(seen_y[whole], ys[whole], 0.0) @ np.where(seen_x, shifted, 0.0)
        found[whole] = np.clip(total / len(x), -1.0, 1.0)
        found[whole] = np.where(n_pairs[whole] >= FEWEST_PAIRS, found[whole], np.nan)
    if not whole.all():
        found[~whole] = _joint_correlations(shifted, ys[~whole], count[~whole])
    return found, n_pairs


def one_stretch(x: Array, table: Ints) -> bool:
    """Whether a series is complete and on one day, so that every lag has all its pairs."""
    return bool(np.isfinite(x).all() and ((table >= 0).sum(axis=0) == _most_pairs(table)).all())


def _most_pairs(table: Ints) -> Ints:
    """(n_lags,) pairs that a complete series of one day has."""
    lags = np.arange(table.shape[1]) - table.shape[1] // 2
    return np.asarray(np.maximum(len(table) - np.abs(lags), 0), dtype=np.int64)


def _joint_correlations(shifted: Array, ys: Array, count: Array) -> Array:
    """Pearson correlations of the joint pairs, from sums over all lags and series at once.

    Parameters
    ----------
    shifted : (T, n_lags) array
        The first series, moved by each lag; NaN where missing.
    ys : (n, T) array
    count : (n, n_lags) array
        Joint pairs.
    """
    seen_x, seen_y = np.isfinite(shifted), np.isfinite(ys)
    left, right = np.where(seen_x, shifted, 0.0), np.where(seen_y, ys, 0.0)
    here, there = seen_x.astype(float), seen_y.astype(float)
    n = np.where(count >= FEWEST_PAIRS, count, np.nan)
    mean_x, mean_y = there @ left / n, right @ here / n
    square_x, square_y = there @ left**2 / n, right**2 @ here / n
    variance_x, variance_y = square_x - mean_x**2, square_y - mean_y**2
    # Differences of nearly equal sums have lost their digits: these few are summed anew around their own means.
    sound = (variance_x > _SOUND * square_x) & (variance_y > _SOUND * square_y)
    scale = np.sqrt(np.where(sound, variance_x * variance_y, 1.0))
    found = np.where(sound, np.clip((right @ left / n - mean_x * mean_y) / scale, -1.0, 1.0), np.nan)
    for at in np.flatnonzero((~sound & (count >= FEWEST_PAIRS)).any(axis=0)):
        rows = np.flatnonzero(~sound[:, at] & (count[:, at] >= FEWEST_PAIRS))
        found[rows, at] = pearson(shifted[:, at], ys[rows])
    return found


def pearson(left: Array, right: Array, fewest: float = FEWEST_PAIRS) -> Array:
    """Pearson correlation of the joint pairs along the last axis, around their own means.

    Parameters
    ----------
    left, right : (..., T) arrays
        Standardised over a longer series; NaN where missing.
    fewest : float, default 3
        Pairs needed.

    Returns
    -------
    (...) array
        NaN with fewer pairs, or where one side does not vary.

    Examples
    --------
    >>> left = np.array([1.0, 2.0, 4.0, np.nan])
    >>> pearson(left, np.array([[1.0, 2.0, 4.0, 9.0], [2.0, 2.0, 2.0, 1.0]])).round(6).tolist()
    [1.0, nan]
    """
    both = np.isfinite(left) & np.isfinite(right)
    n = np.maximum(both.sum(axis=-1), 1)[..., None]
    usable = both.sum(axis=-1) >= fewest
    units = []
    for side in (left, right):
        values = np.where(both, side, 0.0)
        centred = np.where(both, values - values.sum(axis=-1, keepdims=True) / n, 0.0)
        # The series have an SD of 1: what is far below the rounding of such numbers is no variation.
        largest = np.abs(centred).max(axis=-1, initial=0.0)
        usable = usable & (largest > _FLAT * np.maximum(1.0, np.abs(values).max(axis=-1, initial=0.0)))
        units.append(centred / np.where(usable, largest, 1.0)[..., None])
    scale = np.sqrt((units[0] ** 2).sum(axis=-1) * (units[1] ** 2).sum(axis=-1))
    found = (units[0] * units[1]).sum(axis=-1) / np.where(usable, scale, 1.0)
    return np.where(usable, np.clip(found, -1.0, 1.0), np.nan)


def phase_lag_correlations(x: Array, y: Array, table: Ints, angles: Array) -> Array:
    """As `lag_correlations` with phase-randomised copies of ``y``, without ever forming them, in one complete stretch.

    A sum of products is a sum over frequencies of cosine and sine of the drawn angles, so that two products of
    matrices replace the inverse transforms.

    Parameters
    ----------
    x, y : (T,) arrays
        Standardised, complete.
    table : (T, n_lags) int array
        Of one day, see `one_stretch`.
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
    found = np.clip(total / n, -1.0, 1.0)
    return np.where(seen.sum(axis=0) >= FEWEST_PAIRS, found, np.nan)


def whitened(series: Array, pair: DyadSeries, order: int) -> tuple[Array, Array]:
    """Remove what each series carries over from its own past (Box and Jenkins, 1976).

    Parameters
    ----------
    series : (T,) array
    pair : DyadSeries
        Gives the occasions: nothing is carried over a night.
    order : int
        At least 1.

    Returns
    -------
    innovations : (T,) array
        NaN where any of the values needed is missing, so at the first occasions of each day; all NaN with fewer than
        ``2 order + 2`` usable occasions, and where the past determines the series but for rounding.
    coefficients : (order,) array
        NaN with too few usable occasions.

    Examples
    --------
    >>> from reldyn.panel import DyadSeries
    >>> y = 0.5 ** np.arange(8.0)
    >>> days = np.zeros(8, dtype=np.int64)
    >>> pair = DyadSeries(1, 0, ("a", "b"), (1, 2), np.stack([y, y], axis=1), days, np.arange(8), np.arange(8.0), True)
    >>> whitened(y, pair, 1)[1].round(3).tolist()
    [0.5]
    """
    back = lag_table(pair, order)[:, :order]
    past = np.where(back >= 0, series[back], np.nan)
    usable = np.isfinite(series) & np.isfinite(past).all(axis=1)
    innovations = np.full(len(series), np.nan)
    if usable.sum() < 2 * order + 2:
        return innovations, np.full(order, np.nan)
    centre = series[usable].mean()
    design = np.column_stack([past[usable] - centre, np.ones(int(usable.sum()))])
    solved = np.linalg.lstsq(design, series[usable] - centre, rcond=None)[0]
    left = series[usable] - centre - design @ solved
    if varies(left, series[usable]):
        innovations[usable] = left
    return innovations, solved[:order][::-1]


def fisher(correlation: Array) -> Array:
    """Turn correlations into Fisher's z, capped at 10.

    Parameters
    ----------
    correlation : array

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


def perfect(correlation: Array) -> Flags:
    """Say where a correlation is 1 or -1 but for rounding, so that its Fisher z has no end.

    Examples
    --------
    >>> perfect(np.array([0.999, -1.0, np.nan])).tolist()
    [False, True, False]
    """
    return np.asarray(np.abs(correlation) > np.tanh(_LARGEST_Z))
