"""Levels without memory: the switching autoregression whose state is drawn anew at every occasion.

y_t = mu_{s(t)} + A' y_{t-1} + B' x_t + e_t as in `_switching`, but the state at t does not depend on the one before.
It describes ratings with two or three humps of which none lasts. Emission, gaps and covariance are those of the
switching model, so that the difference of the two likelihoods is what persistence adds.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._kernels import Kernels, chosen_kernels
from reldyn._types import Array
from reldyn.markov._batch import Batch
from reldyn.markov.regimes._switching import (
    LEAST,
    UNLIKELIEST,
    Emission,
    SwitchingData,
    contiguous,
    maximise,
    repeat_steps,
)


@dataclasses.dataclass(frozen=True, slots=True)
class MemorylessFit(Batch):
    """A batch of fits; enough to go on from.

    Attributes
    ----------
    log_likelihood : (n_series,) array
    coefficients : (n_series, K + 2 C + R, C) array
        Rows: state means, lag by day, lag by night, covariates.
    covariance : (n_series, C, C) array
    shares : (n_series, K) array
        Probability of each state, at every occasion.
    posterior : (n_series, T, K) array
    filled : (n_series, T, C) array
        ``y`` with predictions where it was missing.
    """

    log_likelihood: Array
    coefficients: Array
    covariance: Array
    shares: Array
    posterior: Array
    filled: Array


def fit_memoryless(
    data: SwitchingData,
    posterior: Array,
    *,
    n_iterations: int,
    tolerance: float = 1e-6,
    start: MemorylessFit | None = None,
    kernels: Kernels | None = None,
) -> MemorylessFit:
    """Run EM on every series from given posteriors.

    Parameters
    ----------
    data : SwitchingData
    posterior : (n, T, K) array
        State probabilities to start from; ignored when ``start`` is given.
    n_iterations : int
        At most so many steps; the likelihood returned belongs to the parameters returned.
    tolerance : float, default 1e-6
        A series stops once its log-likelihood changes by less.
    start : MemorylessFit, optional
        Go on from here.
    kernels : {"numpy", "numba"}, optional

    Returns
    -------
    MemorylessFit

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> high = rng.random(300) < 0.5
    >>> y = (np.where(high, 1.0, -1.0) + 0.3 * rng.standard_normal(300))[None, :, None]
    >>> seen, never = np.ones(300, dtype=bool), np.zeros(300, dtype=bool)
    >>> data = SwitchingData(y, seen, never, np.zeros((1, 300, 0)))
    >>> start = np.where(y > 0, [0.1, 0.9], [0.9, 0.1])
    >>> fit = fit_memoryless(data, start, n_iterations=10)
    >>> fit.coefficients[0, :2, 0].round(1).tolist(), bool(abs(fit.shares[0, 1] - high.mean()) < 0.02)
    ([-1.0, 1.0], True)
    """
    filled = np.where(data.observed[None, :, None], data.y, 0.0) if start is None else np.array(start.filled)
    posterior = np.array(posterior if start is None else start.posterior)
    if chosen_kernels(kernels) == "numba":
        from reldyn.markov.regimes._memoryless_numba import run_batch

        return MemorylessFit(
            *run_batch(
                *contiguous(data),
                np.ascontiguousarray(posterior),
                np.ascontiguousarray(filled),
                int(n_iterations),
                float(tolerance),
            )
        )
    return _run(data, posterior, filled, n_iterations, tolerance)


def _run(data: SwitchingData, posterior: Array, filled: Array, n_iterations: int, tolerance: float) -> MemorylessFit:
    (n, _, n_states), channels = posterior.shape, data.y.shape[2]
    rows = n_states + 2 * channels + data.x.shape[2]
    out = MemorylessFit(
        np.full(n, -np.inf),
        np.zeros((n, rows, channels)),
        np.zeros((n, channels, channels)),
        np.zeros((n, n_states)),
        posterior,
        filled,
    )

    def step(part: SwitchingData, fit: MemorylessFit) -> tuple[Array, ...]:
        coefficients, covariance = maximise(part, fit.posterior, fit.filled)
        shares = fit.posterior[:, data.observed].mean(axis=1)
        value, gamma, moved = memoryless_expect(part, coefficients, covariance, shares)
        return value, coefficients, covariance, shares, gamma, moved

    repeat_steps(out, data, step, n_iterations, tolerance)
    return out


def memoryless_expect(
    data: SwitchingData, coefficients: Array, covariance: Array, shares: Array
) -> tuple[Array, Array, Array]:
    """Log-likelihood (n,), posterior (n, T, K) and filled series (n, T, C) at fixed parameters."""
    n, n_occasions = data.y.shape[:2]
    emission = Emission(data, coefficients, covariance, shares.shape[1])
    log_density = np.zeros((n, n_occasions, shares.shape[1]))
    # Only what follows a missing occasion has to be computed in order.
    whole = data.observed.copy()
    whole[1:] &= data.observed[:-1]
    log_density[:, whole] = emission.known[:, whole]
    for t in np.flatnonzero(~whole):
        values = emission.log_density(int(t))
        if values is None:
            emission.fill(int(t), shares)
        else:
            log_density[:, t] = values
    top = log_density.max(axis=2)
    joint = shares[:, None] * np.exp(np.maximum(log_density - top[:, :, None], UNLIKELIEST))
    total = np.maximum(joint.sum(axis=2), LEAST)
    value = np.where(data.observed, np.log(total) + top, 0.0).sum(axis=1)
    posterior = np.where(data.observed[:, None], joint / total[:, :, None], shares[:, None])
    return value, posterior, emission.filled
