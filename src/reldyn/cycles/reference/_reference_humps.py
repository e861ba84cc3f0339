"""Humps that do not last: two or three levels drawn anew at every occasion around a first-order autoregression."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from reldyn._types import Array
from reldyn.cycles.ladder._starts import cluster, finite, residuals
from reldyn.markov.regimes import SwitchingData, fit_memoryless

__all__ = ["humps_log_likelihood"]

_SHORT, _LONG = 10, 40
_TOLERANCE = 1e-2


def humps_log_likelihood(data: SwitchingData, phases: Mapping[int, Array] | None = None) -> Array:
    """Give the largest log-likelihood of two or three levels without memory, less one per parameter.

    Parameters
    ----------
    data : SwitchingData
    phases : mapping of int to (n, T, K) array, optional
        Posteriors of phases that these levels are compared with: starts beside the clusterings. Phases that find humps
        which this search misses would seem to gain by lasting.

    Returns
    -------
    (n,) array
    """
    channels = data.y.shape[2]
    plain, lagged = residuals(data, lagged=False), residuals(data, lagged=True)
    values = []
    for n_states in (2, 3):
        starts = [cluster(part, data.observed, n_states, 0.0) for part in (plain, lagged)]
        if phases is not None and n_states in phases:
            starts.append(phases[n_states])
        price = (n_states - 1) * channels + n_states - 1
        values.append(_best_of(data, np.stack(starts)) - price)
    return np.asarray(np.max(values, axis=0))


def _best_of(data: SwitchingData, starts: Array) -> Array:
    """Run every start of (n_starts, n, T, K) for a while and the better of each series to the end."""
    n_starts, n = starts.shape[:2]
    index = np.tile(np.arange(n), n_starts)
    short = fit_memoryless(
        data.take(index), starts.reshape(n_starts * n, *starts.shape[2:]), n_iterations=_SHORT, tolerance=_TOLERANCE
    )
    best = finite(short.log_likelihood).reshape(n_starts, n).argmax(axis=0) * n + np.arange(n)
    fit = fit_memoryless(data, starts[0], n_iterations=_LONG, tolerance=_TOLERANCE, start=short.take(best))
    return finite(fit.log_likelihood)
