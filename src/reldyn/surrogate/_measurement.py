"""A first-order vector autoregression seen through measurement error, by maximum likelihood (Kalman filter).

The process runs on through the night: over k steps its matrix is the k-th power.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._kernels import chosen_kernels
from reldyn._records import brief
from reldyn._types import Array, Flags, Ints
from reldyn.stats import over_steps

LONGEST = 8
_STEP = 1e-5
_LARGEST_ROOT = 0.98
_IMPOSSIBLE = 1e9
_MANY, _FEW = 40, 15


@brief
@dataclasses.dataclass(frozen=True, slots=True)
class MeasurementFit:
    """The fitted process.

    Attributes
    ----------
    phi : (C, C) array
        From column to row, one step.
    process : (C, C) array
        Covariance of its innovations per step.
    error : (C,) array
        Variances of the measurement error.
    log_likelihood : float
    innovations : (n, C) array
        Standardised one-step prediction errors of the data.
    """

    phi: Array
    process: Array
    error: Array
    log_likelihood: float
    innovations: Array

    def sharpened(self, spread: float) -> MeasurementFit:
        """Take off what rounding into categories will add again, ``spread`` being the variance of normal scores."""
        error = np.maximum(self.error - spread * max(1 - spread, 0.0), 0.02)
        return dataclasses.replace(self, error=error)

    def with_memory(self, phi: Array) -> MeasurementFit:
        """Take another matrix, kept stationary, and the innovations that leave the process its spread."""
        radius = float(np.abs(np.linalg.eigvals(phi)).max())
        phi = phi * min(1.0, _LARGEST_ROOT / max(radius, 1e-9))
        spread = stationary(self.phi[None], self.process[None])[0]
        process = spread - phi @ spread @ phi.T
        values, vectors = np.linalg.eigh((process + process.T) / 2)
        least = 1e-3 * float(np.diag(spread).min())
        return dataclasses.replace(self, phi=phi, process=(vectors * np.maximum(values, least)) @ vectors.T)


def fit_measurement(rest: Array, elapsed: Array, near: MeasurementFit | None = None) -> MeasurementFit:
    """Fit by maximum likelihood.

    Parameters
    ----------
    rest : (T, C) array
        Deviations from the level; NaN rows where missing.
    elapsed : (T,) array
        Steps since the occasion before; rounded to whole steps, at most eight.
    near : MeasurementFit, optional
        Start there and take a few steps only, for series simulated from it.

    Returns
    -------
    MeasurementFit
    """
    from scipy.optimize import minimize

    steps = np.clip(np.rint(elapsed), 1, LONGEST).astype(int)
    observed: Flags = np.asarray(np.isfinite(rest).all(axis=1))
    filled = np.where(observed[:, None], rest, 0.0)
    scale = np.maximum(filled[observed].std(axis=0), 1e-6)
    unit = filled / scale
    channels = rest.shape[1]

    bounds = _bounds(channels)
    own = np.eye(len(bounds))
    around = _STEP * np.vstack([own, -own, np.zeros(len(bounds))])

    def objective(theta: Array) -> tuple[float, Array]:
        moved = theta + around
        values = -_log_likelihoods(moved, unit, observed, steps, channels)
        # Far from any sensible process the filter overflows: no place to stay, nor to take a slope from.
        values = np.where(np.isfinite(values), values, _IMPOSSIBLE)
        half = len(theta)
        return float(values[-1]), (values[:half] - values[half : 2 * half]) / (2 * _STEP)

    best = None
    starts = [_start(own, reliability, channels) for own, reliability in ((0.5, 0.9), (0.85, 0.55))]
    if near is not None:
        starts = [_packed(near, scale, bounds)]
    rounds = _MANY if near is None else _FEW
    for start in starts:
        found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": rounds})
        if best is None or found.fun < best.fun:
            best = found
    theta = best.x if best is not None else starts[0]
    value, innovations = _filtered(theta[None], unit, observed, steps, channels)
    phi, process, error = (part[0] for part in _unpack(theta[None], channels))
    rescale = np.outer(scale, scale)
    return MeasurementFit(
        phi * scale[:, None] / scale[None, :],
        process * rescale,
        error * scale**2,
        float(value[0]) - int(observed.sum()) * float(np.log(scale).sum()),
        innovations[observed],
    )


def _start(own: float, reliability: float, channels: int) -> Array:
    phi = own * np.eye(channels)
    process = np.sqrt(reliability * (1 - own**2)) * np.eye(channels)
    lower = process[np.tril_indices(channels)]
    return np.concatenate([phi.ravel(), lower, np.full(channels, np.log(1 - reliability))])


def _packed(fit: MeasurementFit, scale: Array, bounds: list[tuple[float, float]]) -> Array:
    """Parameters of a fit in units of ``scale``, moved inside the bounds."""
    channels = len(fit.error)
    root = np.linalg.cholesky(fit.process / np.outer(scale, scale))
    phi = fit.phi / scale[:, None] * scale[None, :]
    theta = np.concatenate([phi.ravel(), root[np.tril_indices(channels)], np.log(fit.error / scale**2)])
    low, high = np.array(bounds).T
    return np.asarray(np.clip(theta, low, high))


def _bounds(channels: int) -> list[tuple[float, float]]:
    diagonal = np.eye(channels, dtype=bool)
    phi = [(-0.97, 0.97) if own else (-0.6, 0.6) for own in diagonal.ravel()]
    rows, columns = np.tril_indices(channels)
    process = [(0.02, 2.0) if i == j else (-2.0, 2.0) for i, j in zip(rows, columns, strict=True)]
    return phi + process + [(float(np.log(0.005)), float(np.log(2.0)))] * channels


def _unpack(theta: Array, channels: int) -> tuple[Array, Array, Array]:
    n, square = len(theta), channels**2
    phi = theta[:, :square].reshape(n, channels, channels)
    phi = phi * _shrink(phi)[:, None, None]
    root = np.zeros((n, channels, channels))
    place = square
    for row in range(channels):
        root[:, row, : row + 1] = theta[:, place : place + row + 1]
        place += row + 1
    return phi, np.matmul(root, root.transpose(0, 2, 1)), np.exp(theta[:, place:])


def _shrink(phi: Array) -> Array:
    """Factors (n,) that make (n, C, C) matrices stationary."""
    # No root is larger than the largest row of sizes.
    if np.abs(phi).sum(axis=2).max() <= _LARGEST_ROOT:
        return np.ones(len(phi))
    radius = np.abs(np.linalg.eigvals(phi)).max(axis=1)
    return np.asarray(np.minimum(1.0, _LARGEST_ROOT / np.maximum(radius, 1e-9)))


def stationary(phi: Array, process: Array) -> Array:
    """Stationary covariance by doubling; bounded where the process is explosive."""
    covariance, matrix = process.copy(), phi.copy()
    for _ in range(8):
        covariance = covariance + np.matmul(np.matmul(matrix, covariance), matrix.transpose(0, 2, 1))
        matrix = np.minimum(np.maximum(np.matmul(matrix, matrix), -1e3), 1e3)
        covariance = np.minimum(np.maximum(covariance, -1e3), 1e3)
    return covariance


def _log_likelihoods(theta: Array, unit: Array, observed: Flags, steps: Ints, channels: int) -> Array:
    return _filtered(theta, unit, observed, steps, channels)[0]


def _filtered(theta: Array, unit: Array, observed: Flags, steps: Ints, channels: int) -> tuple[Array, Array]:
    """Log-likelihoods (n,) under n parameter vectors, and standardised errors (T, C) under the last."""
    if chosen_kernels() == "numpy":
        with np.errstate(over="ignore", invalid="ignore"):
            value, innovations = _filter(theta, unit, observed, steps, channels)
        return value, innovations[-1]
    from reldyn.surrogate._measurement_numba import log_likelihoods

    value, innovations = log_likelihoods(*_unpack(theta, channels), np.ascontiguousarray(unit), observed, steps)
    return value, innovations


def _filter(theta: Array, unit: Array, observed: Flags, steps: Ints, channels: int) -> tuple[Array, Array]:
    """Kalman filter of one series under n parameter vectors: (n,) log-likelihoods, (n, T, C) innovations."""
    phi, process, error = _unpack(theta, channels)
    matrices, covariances = over_steps(phi, process, LONGEST)
    n = len(theta)
    state, spread = np.zeros((n, channels, 1)), stationary(phi, process)
    noise = error[:, :, None] * np.eye(channels)
    value = np.zeros(n)
    innovations = np.zeros((n, len(unit), channels))
    constant = -0.5 * channels * np.log(2 * np.pi)
    turned = matrices.transpose(0, 1, 3, 2)
    for t, step in enumerate(steps):
        if t > 0:
            state = np.matmul(matrices[step - 1], state)
            spread = np.matmul(np.matmul(matrices[step - 1], spread), turned[step - 1]) + covariances[step - 1]
        if not observed[t]:
            continue
        total = spread + noise
        inverse, log_det, white = _small_inverse(total, unit[t] - state[:, :, 0])
        innovations[:, t] = white
        value += constant - 0.5 * log_det - 0.5 * (white**2).sum(axis=1)
        gain = np.matmul(spread, inverse)
        state = state + np.matmul(gain, unit[t][None, :, None] - state)
        spread = spread - np.matmul(gain, spread)
    return value, innovations


def _small_inverse(matrix: Array, error: Array) -> tuple[Array, Array, Array]:
    """Inverse, log determinant and whitened error for one or two channels, without a call to LAPACK."""
    first = np.maximum(matrix[:, 0, 0], 1e-12)
    root = np.sqrt(first)
    if matrix.shape[1] == 1:
        return 1 / first[:, None, None], np.log(first), error / root[:, None]
    cross = matrix[:, 1, 0]
    rest = np.maximum(matrix[:, 1, 1] - cross**2 / first, 1e-12)
    inverse = np.empty_like(matrix)
    inverse[:, 0, 0] = matrix[:, 1, 1] / (first * rest)
    inverse[:, 1, 1] = 1 / rest
    inverse[:, 0, 1] = inverse[:, 1, 0] = -cross / (first * rest)
    white = np.stack([error[:, 0] / root, (error[:, 1] - cross / first * error[:, 0]) / np.sqrt(rest)], axis=1)
    return inverse, np.log(first) + np.log(rest), white
