"""Numba twin of the Kalman filter: log-likelihoods of one series under many parameter values."""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn._kernels import jit


@jit
def log_likelihoods(
    matrices: Any, covariances: Any, first: Any, error: Any, unit: Any, observed: Any, steps: Any
) -> Any:
    """Filter under every parameter value: (n,) log-likelihoods, and (T, C) standardised errors under the last.

    ``matrices`` and ``covariances`` are (8, n, C, C), ``first`` (n, C, C), ``error`` (n, C), ``unit`` (T, C).
    """
    n, channels = error.shape
    out = np.zeros(n)
    state, moved = np.zeros(channels), np.zeros(channels)
    spread, half = np.zeros((channels, channels)), np.zeros((channels, channels))
    total, root = np.zeros((channels, channels)), np.zeros((channels, channels))
    whites, solved = np.zeros(unit.shape), np.zeros((channels, channels))
    constant = -0.5 * channels * np.log(2 * np.pi)
    for s in range(n):
        state[:] = 0.0
        spread[:] = first[s]
        value = 0.0
        for t in range(unit.shape[0]):
            if t > 0:
                matrix, added = matrices[steps[t] - 1, s], covariances[steps[t] - 1, s]
                for i in range(channels):
                    moved[i] = 0.0
                    for j in range(channels):
                        moved[i] += matrix[i, j] * state[j]
                        half[i, j] = 0.0
                        for m in range(channels):
                            half[i, j] += matrix[i, m] * spread[m, j]
                for i in range(channels):
                    state[i] = moved[i]
                    for j in range(channels):
                        spread[i, j] = added[i, j]
                        for m in range(channels):
                            spread[i, j] += half[i, m] * matrix[j, m]
            if not observed[t]:
                continue
            value += constant
            white = whites[t]
            for i in range(channels):
                for j in range(i + 1):
                    rest = spread[i, j] + (error[s, i] if i == j else 0.0)
                    total[i, j] = rest
                    for m in range(j):
                        rest -= root[i, m] * root[j, m]
                    root[i, j] = np.sqrt(max(rest, 1e-12)) if i == j else rest / root[j, j]
                deviation = unit[t, i] - state[i]
                for m in range(i):
                    deviation -= root[i, m] * white[m]
                white[i] = deviation / root[i, i]
                value -= np.log(root[i, i]) + 0.5 * white[i] * white[i]
            # solved = root^-1 spread, so that the gain times the error is solved' white.
            for j in range(channels):
                for i in range(channels):
                    rest = spread[i, j]
                    for m in range(i):
                        rest -= root[i, m] * solved[m, j]
                    solved[i, j] = rest / root[i, i]
            for i in range(channels):
                for m in range(channels):
                    state[i] += solved[m, i] * white[m]
            for i in range(channels):
                for j in range(channels):
                    for m in range(channels):
                        spread[i, j] -= solved[m, i] * solved[m, j]
        out[s] = value
    return out, whites
