"""Vector autoregressions as matrices: lagged columns, roots, what they become over several steps, stationary spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reldyn._kernels import chosen_kernels
from reldyn._types import Array, Flags

__all__ = ["fill_gaps", "lag_columns", "largest_root", "over_steps", "spectral_radius", "stationary_covariance"]


def lag_columns(values: Array, night: Flags, order: int = 1) -> Array:
    """Columns of the values before: the first lag by day and by night apart, then the second and later lags.

    Parameters
    ----------
    values : (n, T, C) array
        n series of one schedule.
    night : (T,) bool array
        Whether the occasion before lies on another day.
    order : int, default 1

    Returns
    -------
    (n, T, C * (order + 1)) array
        Zero where the series has not begun, and in the columns of the day by night and the other way round.

    Examples
    --------
    >>> y = np.array([[[1.0], [2.0], [3.0]]])
    >>> lag_columns(y, np.array([False, False, True])).tolist()
    [[[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]]]
    """
    if chosen_kernels() == "numba":
        from reldyn.stats import _var_numba

        flat = np.ascontiguousarray(values, dtype=float)
        return np.asarray(_var_numba.lag_columns(flat, np.ascontiguousarray(night, dtype=bool), order))
    n, n_occasions, channels = values.shape
    out = np.zeros((n, n_occasions, channels * (order + 1)))
    before = values[:, :-1]
    out[:, 1:, :channels] = np.where(night[None, 1:, None], 0.0, before)
    out[:, 1:, channels : 2 * channels] = np.where(night[None, 1:, None], before, 0.0)
    for lag in range(2, order + 1):
        out[:, lag:, channels * lag : channels * (lag + 1)] = values[:, :-lag]
    return out


def largest_root(transitions: Array | Sequence[Array]) -> float:
    """Largest modulus of the eigenvalues of the companion matrix.

    Parameters
    ----------
    transitions : (p, k, k) array or sequence of (k, k) arrays
        Row: the outcome; column: the predictor. Lag 1 first.

    Returns
    -------
    float
        Below 1 where the process is stationary.

    Examples
    --------
    >>> round(largest_root(np.array([[[0.5]], [[0.24]]])), 6)
    0.8
    """
    p, k = len(transitions), transitions[0].shape[0]
    companion = np.zeros((p * k, p * k))
    companion[:k] = np.concatenate(list(transitions), axis=1)
    companion[k:, :-k] = np.eye((p - 1) * k)
    return float(np.abs(np.linalg.eigvals(companion)).max())


def spectral_radius(matrices: Array) -> Array:
    """Largest modulus of the eigenvalues of many 2 x 2 matrices, from trace and determinant.

    Parameters
    ----------
    matrices : (..., 2, 2) array

    Returns
    -------
    (...) array

    Examples
    --------
    >>> spectral_radius(np.array([[0.5, 0.0], [0.3, -0.8]])).tolist()
    0.8
    """
    half = (matrices[..., 0, 0] + matrices[..., 1, 1]) / 2
    determinant = matrices[..., 0, 0] * matrices[..., 1, 1] - matrices[..., 0, 1] * matrices[..., 1, 0]
    inside = half**2 - determinant
    real = np.abs(half) + np.sqrt(np.maximum(inside, 0.0))
    return np.asarray(np.where(inside >= 0, real, np.sqrt(np.maximum(determinant, 0.0))))


def stationary_covariance(phi: Array, noise: Array) -> Array:
    """Stationary covariances of many first-order processes.

    Parameters
    ----------
    phi : (..., k, k) array
        One-step matrices, from column to row, with all roots below 1.
    noise : (..., k, k) array
        Covariances of the innovations.

    Returns
    -------
    (..., k, k) array

    Notes
    -----
    The linear equation is solved for all at once, which `scipy.linalg.solve_discrete_lyapunov` does for one only; it
    has k ** 2 unknowns, so k is to be small.

    Examples
    --------
    >>> stationary_covariance(np.array([[0.6]]), np.array([[0.64]])).round(12).tolist()
    [[1.0]]
    """
    lead, k = phi.shape[:-2], phi.shape[-1]
    product = np.einsum("...ij,...kl->...ikjl", phi, phi).reshape(*lead, k * k, k * k)
    solved = np.linalg.solve(np.eye(k * k) - product, noise.reshape(*lead, k * k, 1)).reshape(*lead, k, k)
    return np.asarray((solved + np.swapaxes(solved, -1, -2)) / 2)


def fill_gaps(values: Array, level: Array, lags: Array, observed: Flags, night: Flags, *, most: float) -> Array:
    """Put one-step predictions, one after the other, where series of one schedule were not observed.

    Parameters
    ----------
    values : (n, T, C) array
        Anything where not observed.
    level : (n, T, C) array
        What is added to the lags.
    lags : (n, order + 1, C, C) array
        From row to column: the first lag by day and by night, then the second and later lags.
    observed, night : (T,) bool arrays
    most : float
        Size that no prediction exceeds.

    Returns
    -------
    (n, T, C) array

    Examples
    --------
    >>> y = np.array([[[4.0], [np.nan], [np.nan]]])
    >>> lags, day = np.array([[[[0.5]], [[0.1]]]]), np.zeros(3, dtype=bool)
    >>> fill_gaps(y, np.zeros((1, 3, 1)), lags, np.array([True, False, False]), day, most=6.0).ravel().tolist()
    [4.0, 2.0, 1.0]
    """
    if chosen_kernels() == "numba":
        from reldyn.stats import _var_numba

        parts = [np.ascontiguousarray(part, dtype=float) for part in (values, level, lags)]
        missing, nights = np.flatnonzero(~observed), np.ascontiguousarray(night, dtype=bool)
        return np.asarray(_var_numba.fill_gaps(parts[0], parts[1], parts[2], missing, nights, most))
    (n, n_occasions, channels), order = values.shape, lags.shape[1] - 1
    # Before the beginning there is nothing.
    padded = np.zeros((n, order + n_occasions, channels))
    padded[:, order:] = values
    # Rows as the window before an occasion has them: the longest lag first.
    later = lags[:, :1:-1].reshape(n, (order - 1) * channels, channels)
    weights = [np.concatenate([later, lags[:, row]], axis=1) for row in (0, 1)]
    for t in np.flatnonzero(~observed).tolist():
        window = padded[:, t : t + order].reshape(n, 1, order * channels)
        value = level[:, t] + np.matmul(window, weights[int(night[t])])[:, 0]
        padded[:, order + t] = np.minimum(np.maximum(value, -most), most)
    return padded[:, order:]


def over_steps(phi: Array, noise: Array, longest: int) -> tuple[Array, Array]:
    """Matrices and innovation covariances of a first-order process over one to ``longest`` steps.

    Parameters
    ----------
    phi, noise : (..., k, k) arrays
        Of one step.
    longest : int
        At least 1.

    Returns
    -------
    matrices, covariances : (longest, ..., k, k) arrays
        The first ones are those given.

    Examples
    --------
    >>> matrices, covariances = over_steps(np.array([[0.5]]), np.array([[1.0]]), 2)
    >>> matrices.ravel().tolist(), covariances.ravel().tolist()
    ([0.5, 0.25], [1.0, 1.25])
    """
    matrices, covariances = [phi], [noise]
    turned = np.swapaxes(phi, -1, -2)
    for _ in range(longest - 1):
        covariances.append(np.matmul(np.matmul(phi, covariances[-1]), turned) + noise)
        matrices.append(np.matmul(phi, matrices[-1]))
    return np.stack(matrices), np.stack(covariances)
