"""Numba twins of lagged columns and of filling gaps: one series after the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn._kernels import jit


@jit
def fill_gaps(values: Any, level: Any, lags: Any, missing: Any, night: Any, most: float) -> Any:
    """As `reldyn.stats.fill_gaps`; ``missing`` holds the occasions to fill, in order."""
    filled = values.copy()
    channels, order = values.shape[2], lags.shape[1] - 1
    for s in range(values.shape[0]):
        for t in missing:
            for c in range(channels):
                total = 0.0
                for lag in range(min(order, t), 0, -1):
                    row = lag if lag > 1 else int(night[t])
                    for d in range(channels):
                        total += filled[s, t - lag, d] * lags[s, row, d, c]
                total += level[s, t, c]
                # What is no number stays none.
                filled[s, t, c] = most if total > most else (-most if total < -most else total)
    return filled


@jit
def lag_columns(values: Any, night: Any, order: int) -> Any:
    """As `reldyn.stats.lag_columns`."""
    n, n_occasions, channels = values.shape
    out = np.zeros((n, n_occasions, channels * (order + 1)))
    for s in range(n):
        for t in range(1, n_occasions):
            first = channels if night[t] else 0
            for c in range(channels):
                out[s, t, first + c] = values[s, t - 1, c]
            for lag in range(2, min(order, t) + 1):
                for c in range(channels):
                    out[s, t, channels * lag + c] = values[s, t - lag, c]
    return out
