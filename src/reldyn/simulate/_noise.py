"""Linear dynamics of two channels: first-order vector autoregressions that run on through the night."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reldyn.stats import stationary_covariance

# Correlation of the two channels' shocks (before any skewing transform).
SHOCK_CORRELATION = 0.2
# What a Gaussian copula of that correlation leaves between two exponential variables (by quadrature).
SKEWED_CORRELATION = 0.1703
_BURN_IN = 40


def draw_coefficients(rng: np.random.Generator, phi: float | None) -> NDArray[np.float64]:
    """Draw a (2, 2) matrix: own effects U(.2, .6) or ``phi``, cross effects U(-.12, .2).

    Cross effects shrink when ``phi`` is above .6, so that the process stays stationary.
    """
    own = rng.uniform(0.2, 0.6, size=2)
    cross = rng.uniform(-0.12, 0.2, size=2)
    if phi is not None:
        own[:] = phi
        cross *= min(1.0, (1 - abs(phi)) / 0.4)
    return np.array([[own[0], cross[0]], [cross[1], own[1]]])


def draw_rotation(rng: np.random.Generator, phi: float | None) -> NDArray[np.float64]:
    """Draw the (2, 2) matrix of a damped oscillator: antisymmetric cross effects U(.25, .4)."""
    own, cross = rng.uniform(0.2, 0.6), rng.uniform(0.25, 0.4)
    if phi is not None:
        own = phi
    return np.array([[own, -cross], [cross, own]])


def draw_shocks(rng: np.random.Generator, elapsed: NDArray[np.int64], *, skewed: bool) -> NDArray[np.float64]:
    """Draw (steps, 2) shocks of mean 0 and variance 1, burn-in and nights included.

    Skewed shocks are centred exponentials (skewness 2), tied to each other by a Gaussian copula.
    """
    shocks = rng.standard_normal((_BURN_IN + int(elapsed.sum()), 2))
    shocks[:, 1] = SHOCK_CORRELATION * shocks[:, 0] + np.sqrt(1 - SHOCK_CORRELATION**2) * shocks[:, 1]
    if not skewed:
        return shocks
    from scipy.special import log_ndtr

    return np.asarray(-log_ndtr(-shocks) - 1)


def run_var(
    coefficients: NDArray[np.float64],
    shocks: NDArray[np.float64],
    elapsed: NDArray[np.int64],
    correlation: float = SHOCK_CORRELATION,
) -> NDArray[np.float64]:
    """Run the autoregressions of many series side by side and keep the scheduled occasions.

    Parameters
    ----------
    coefficients : (n_series, 2, 2) array
        ``coefficients[:, i, j]`` is the effect of channel j on channel i one step later.
    shocks : (n_series, steps, 2) array
        Of `draw_shocks`; the first steps are burn-in.
    elapsed : (n_occasions,) int array
        Steps between occasions.
    correlation : float
        Of the two channels' shocks.

    Returns
    -------
    (n_series, n_occasions, 2) array
        In units of each channel's stationary SD.
    """
    kept = np.full(shocks.shape[1], -1)
    kept[_BURN_IN + np.cumsum(elapsed) - 1] = np.arange(len(elapsed))
    a, b, c, d = (coefficients[:, i, j] for i in (0, 1) for j in (0, 1))
    first, second = np.ascontiguousarray(np.moveaxis(shocks, (2, 1), (0, 1)))
    covariance = _covariance(coefficients, correlation)
    out = np.empty((len(elapsed), 2, len(coefficients)))
    # Starting each channel at its own scale shortens the burn-in that forgets the start.
    x, y = np.sqrt(covariance[:, 0, 0]) * first[0], np.sqrt(covariance[:, 1, 1]) * second[0]
    for step in range(1, shocks.shape[1]):
        x, y = a * x + b * y + first[step], c * x + d * y + second[step]
        if kept[step] >= 0:
            out[kept[step], 0], out[kept[step], 1] = x, y
    scale = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    return np.moveaxis(out, 2, 0) / scale[:, None, :]


def standardised(coefficients: NDArray[np.float64], correlation: float) -> NDArray[np.float64]:
    """Express (n, 2, 2) coefficients in units of the channels' stationary SD, as `run_var` returns them."""
    covariance = _covariance(coefficients, correlation)
    scale = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    return coefficients * scale[:, None, :] / scale[:, :, None]


def _covariance(coefficients: NDArray[np.float64], correlation: float) -> NDArray[np.float64]:
    """Stationary covariances, for shocks of unit variance with this correlation."""
    shocks = np.array([[1.0, correlation], [correlation, 1.0]])
    return stationary_covariance(coefficients, np.broadcast_to(shocks, coefficients.shape))
