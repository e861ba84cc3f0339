"""Numba twin of the augmented filter: one parameter value after the other, in plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn._kernels import jit


@jit
def cross_products(
    transition: Any,
    noise: Any,
    first: Any,
    error: Any,
    channel: Any,
    data: Any,
    seen: Any,
    kind: Any,
    segment: Any,
    n_free: Any,
) -> Any:
    """Log determinants (n,) and cross products of innovations (n, S, C + n_free, C + n_free)."""
    n, m = transition.shape[0], transition.shape[2]
    regressors = data.shape[2]
    columns = regressors + n_free
    log_det = np.zeros(n)
    cross = np.zeros((n, segment[-1] + 1, columns, columns))
    state, moved = np.zeros((m, columns)), np.zeros((m, columns))
    spread, half = np.zeros((m, m)), np.zeros((m, m))
    rest, gain = np.zeros(columns), np.zeros(m)
    for p in range(n):
        for t in range(data.shape[0]):
            k, s = kind[t], segment[t]
            if t == 0 or s != segment[t - 1]:
                for i in range(m):
                    for j in range(columns):
                        state[i, j] = 0.0
                    if i < n_free:
                        state[i, regressors + i] = -1.0
                    for j in range(m):
                        spread[i, j] = first[p, k, i, j]
            else:
                for i in range(m):
                    for j in range(columns):
                        moved[i, j] = 0.0
                        for q in range(m):
                            moved[i, j] += transition[p, k, i, q] * state[q, j]
                    for j in range(m):
                        half[i, j] = 0.0
                        for q in range(m):
                            half[i, j] += transition[p, k, i, q] * spread[q, j]
                for i in range(m):
                    for j in range(columns):
                        state[i, j] = moved[i, j]
                    for j in range(m):
                        spread[i, j] = noise[p, k, i, j]
                        for q in range(m):
                            spread[i, j] += half[i, q] * transition[p, k, j, q]
            for c in range(2):
                if not seen[t, c]:
                    continue
                h = channel[c]
                variance = spread[h, h] + error[p, c]
                if not variance > 0.0:
                    variance = np.nan
                log_det[p] += np.log(variance)
                for j in range(columns):
                    rest[j] = -state[h, j]
                    if j < regressors:
                        rest[j] += data[t, c, j]
                for i in range(m):
                    gain[i] = spread[i, h] / variance
                for j in range(columns):
                    scaled = rest[j] / variance
                    for q in range(j + 1):
                        cross[p, s, j, q] += scaled * rest[q]
                for i in range(m):
                    for j in range(columns):
                        state[i, j] += gain[i] * rest[j]
                    for j in range(m):
                        spread[i, j] -= gain[i] * gain[j] * variance
    for p in range(n):
        for s in range(cross.shape[1]):
            for j in range(columns):
                for q in range(j):
                    cross[p, s, q, j] = cross[p, s, j, q]
    return log_det, cross
