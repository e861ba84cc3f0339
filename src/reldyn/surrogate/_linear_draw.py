"""Surrogates of a fitted linear null: Gaussian ones with the margins of the data, and resampled shocks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from reldyn._types import Array, Ints
from reldyn.stats import over_steps
from reldyn.surrogate._copula import match_ranks, round_to_categories
from reldyn.surrogate._measurement import LONGEST, MeasurementFit, stationary
from reldyn.surrogate._null import LinearNull

_BURN_IN = 60


def draw_linear(null: LinearNull, generators: Sequence[np.random.Generator]) -> Array:
    """Draw surrogates with Gaussian shocks and exactly the answers of the data (a Gaussian copula).

    Parameters
    ----------
    null : LinearNull
        Fitted with ``gaussian=True``.
    generators : sequence of numpy Generators
        One per surrogate.

    Returns
    -------
    (n_surrogates, n_occasions, n_channels) array
        NaN where the data are missing.

    Examples
    --------
    >>> import numpy as np
    >>> from reldyn.surrogate import draw_linear, fit_linear
    >>> seed = np.random.SeedSequence(1)
    >>> y = np.random.default_rng(seed).normal(size=(40, 2)).round()
    >>> parts = {"night": np.arange(40) % 4 == 0, "elapsed": np.ones(40), "design": np.empty((40, 0))}
    >>> drawn = draw_linear(fit_linear(y, **parts, seed=seed, gaussian=True), [np.random.default_rng(2)])
    >>> drawn.shape, bool((np.sort(drawn[0], axis=0) == np.sort(y, axis=0)).all())
    ((1, 40, 2), True)
    """
    return match_ranks(latent_linear(null, generators, resample=False), null.y)


def draw_resampled(
    null: LinearNull, generators: Sequence[np.random.Generator], categories: tuple[Array, ...] = ()
) -> Array:
    """Draw surrogates with shocks resampled from the data's own, however skewed, rounded to the categories.

    Parameters
    ----------
    null : LinearNull
        Fitted with ``gaussian=False``.
    generators : sequence of numpy Generators
    categories : tuple of arrays, optional
        Answers allowed per channel.

    Returns
    -------
    (n_surrogates, n_occasions, n_channels) array
        NaN where the data are missing.

    Examples
    --------
    >>> import numpy as np
    >>> from reldyn.surrogate import draw_resampled, fit_linear
    >>> seed = np.random.SeedSequence(1)
    >>> y = np.random.default_rng(seed).normal(size=(40, 2)).round()
    >>> parts = {"night": np.arange(40) % 4 == 0, "elapsed": np.ones(40), "design": np.empty((40, 0))}
    >>> drawn = draw_resampled(fit_linear(y, **parts, seed=seed, gaussian=False), [np.random.default_rng(2)])
    >>> drawn.shape, bool(np.isin(drawn, y).all())
    ((1, 40, 2), True)
    """
    return round_to_categories(latent_linear(null, generators, resample=True), null.y, categories)


def latent_linear(null: LinearNull, generators: Sequence[np.random.Generator], *, resample: bool) -> Array:
    """Run the process on its own scale, mean included.

    Parameters
    ----------
    null : LinearNull
    generators : sequence of Generator
        One per surrogate.
    resample : bool
        Draw shocks from the residuals; else they are normal.

    Returns
    -------
    (n, T, C) array

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> y = rng.standard_normal((60, 1)).cumsum(axis=0) * 0.3
    >>> clock = {"night": np.zeros(60, dtype=bool), "elapsed": np.ones(60), "design": np.empty((60, 0))}
    >>> from reldyn.surrogate import fit_linear
    >>> null = fit_linear(y, seed=np.random.SeedSequence(1), gaussian=True, **clock)
    >>> latent_linear(null, [rng], resample=False).shape
    (1, 60, 1)
    """
    n_steps, channels = len(null.y) + _BURN_IN, null.y.shape[1]
    if resample:
        shocks = np.stack([null.residuals[rng.integers(len(null.residuals), size=n_steps)] for rng in generators])
    else:
        shocks = np.stack([rng.standard_normal((n_steps, channels)) for rng in generators])
    if null.measurement is not None:
        steps = np.clip(np.rint(null.elapsed), 1, 8).astype(int)
        return np.asarray(null.mean + _run_measurement(null.measurement, shocks, steps))
    return np.asarray(null.mean + _run_autoregression(null, shocks))


def _run_autoregression(null: LinearNull, shocks: Array) -> Array:
    noise = np.matmul(shocks, np.linalg.cholesky(null.covariance).T)
    out: Array = np.zeros_like(noise)
    night = np.concatenate([np.zeros(_BURN_IN, dtype=bool), null.night])
    for t in range(noise.shape[1]):
        value = noise[:, t]
        for lag in range(1, min(null.order, t) + 1):
            value = value + out[:, t - lag] @ null.lags[(1 if night[t] else 0) if lag == 1 else lag]
        out[:, t] = value
    return out[:, _BURN_IN:]


def _run_measurement(fit: MeasurementFit, shocks: Array, steps: Ints) -> Array:
    """Innovations form: the prediction moves by the gain times the shock, so any shocks will do."""
    state = np.zeros((len(shocks), shocks.shape[2]))
    out = np.empty_like(shocks)
    every = np.concatenate([np.ones(_BURN_IN, dtype=np.int64), steps])
    filters = _filters(*(part.tobytes() for part in (fit.phi, fit.process, fit.error, every)))
    for t, (matrix, root, gain) in enumerate(filters):
        state = state @ matrix
        innovation = shocks[:, t] @ root
        out[:, t] = state + innovation
        state = state + innovation @ gain
    return out[:, _BURN_IN:]


@lru_cache(maxsize=8)
def _filters(phi: bytes, process: bytes, error: bytes, steps: bytes) -> list[tuple[Array, Array, Array]]:
    """Per occasion, transposed: the matrix of the process, the root of the prediction error's covariance, the gain."""
    own = np.frombuffer(error)
    one, noise = (np.frombuffer(part).reshape(len(own), len(own)) for part in (phi, process))
    matrices, covariances = (item[:, 0] for item in over_steps(one[None], noise[None], LONGEST))
    spread = stationary(one[None], noise[None])[0]
    filters = []
    for step in np.frombuffer(steps, dtype=np.int64).tolist():
        matrix = matrices[step - 1]
        spread = matrix @ spread @ matrix.T + covariances[step - 1]
        total = spread + np.diag(own)
        gain = spread @ np.linalg.inv(total)
        filters.append((matrix.T, np.linalg.cholesky(total).T, gain.T))
        spread = spread - gain @ spread
    return filters
