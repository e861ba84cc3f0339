"""Numba twin of the Kalman filter: log-likelihoods of one series under many parameter values."""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn._kernels import inlined, jit

_DOUBLINGS = 8
_MOST = 1e3
_LEAST = 1e-12


@inlined
def _product(a: Any, b: Any, out: Any) -> None:
    n = out.shape[0]
    for i in range(n):
        for j in range(n):
            out[i, j] = 0.0
            for m in range(n):
                out[i, j] += a[i, m] * b[m, j]


@inlined
def _sandwich(a: Any, middle: Any, half: Any, out: Any) -> None:
    """Write a middle a'."""
    n = out.shape[0]
    _product(a, middle, half)
    for i in range(n):
        for j in range(n):
            out[i, j] = 0.0
            for m in range(n):
                out[i, j] += half[i, m] * a[j, m]


@inlined
def _stationary(s: int, phi: Any, process: Any, matrix: Any, half: Any, more: Any, out: Any) -> None:
    """Write the stationary covariance, as `reldyn.surrogate._measurement.stationary` does."""
    n = out.shape[0]
    for i in range(n):
        for j in range(n):
            out[i, j], matrix[i, j] = process[s, i, j], phi[s, i, j]
    for _ in range(_DOUBLINGS):
        _sandwich(matrix, out, half, more)
        for i in range(n):
            for j in range(n):
                out[i, j] = min(max(out[i, j] + more[i, j], -_MOST), _MOST)
        _product(matrix, matrix, half)
        for i in range(n):
            for j in range(n):
                matrix[i, j] = min(max(half[i, j], -_MOST), _MOST)


@inlined
def _over_steps(s: int, phi: Any, process: Any, half: Any, matrices: Any, covariances: Any) -> None:
    """Write matrices and covariances of the innovations over one step and more."""
    n = half.shape[0]
    for i in range(n):
        for j in range(n):
            matrices[s, 0, i, j], covariances[s, 0, i, j] = phi[s, i, j], process[s, i, j]
    for k in range(1, matrices.shape[1]):
        for i in range(n):
            for j in range(n):
                half[i, j] = matrices[s, k, i, j] = 0.0
                for m in range(n):
                    half[i, j] += phi[s, i, m] * covariances[s, k - 1, m, j]
                    matrices[s, k, i, j] += phi[s, i, m] * matrices[s, k - 1, m, j]
        for i in range(n):
            for j in range(n):
                covariances[s, k, i, j] = process[s, i, j]
                for m in range(n):
                    covariances[s, k, i, j] += half[i, m] * phi[s, j, m]


@inlined
def _move(
    n: int, s: int, k: int, matrices: Any, covariances: Any, half: Any, moved: Any, state: Any, spread: Any
) -> None:
    """Run state and spread over k + 1 steps."""
    for i in range(n):
        moved[i] = 0.0
        for j in range(n):
            moved[i] += matrices[s, k, i, j] * state[s, j]
            half[i, j] = 0.0
            for m in range(n):
                half[i, j] += matrices[s, k, i, m] * spread[s, m, j]
    for i in range(n):
        state[s, i] = moved[i]
        for j in range(n):
            value = covariances[s, k, i, j]
            for m in range(n):
                value += half[i, m] * matrices[s, k, j, m]
            spread[s, i, j] = value


@inlined
def _learn(
    n: int, s: int, t: int, error: Any, unit: Any, root: Any, solved: Any, whites: Any, state: Any, spread: Any
) -> float:
    """Take an answer in; returns the log-density of it, less its constant."""
    value = 0.0
    for i in range(n):
        for j in range(i + 1):
            rest = spread[s, i, j] + (error[s, i] if i == j else 0.0)
            for m in range(j):
                rest -= root[i, m] * root[j, m]
            root[i, j] = np.sqrt(max(rest, _LEAST)) if i == j else rest / root[j, j]
        deviation = unit[t, i] - state[s, i]
        for m in range(i):
            deviation -= root[i, m] * whites[t, m]
        white = deviation / root[i, i]
        whites[t, i] = white
        value -= np.log(root[i, i]) + 0.5 * white * white
    # solved = root^-1 spread, so that the gain times the error is solved' white.
    for j in range(n):
        for i in range(n):
            rest = spread[s, i, j]
            for m in range(i):
                rest -= root[i, m] * solved[m, j]
            solved[i, j] = rest / root[i, i]
    for i in range(n):
        for m in range(n):
            state[s, i] += solved[m, i] * whites[t, m]
            for j in range(n):
                spread[s, i, j] -= solved[m, i] * solved[m, j]
    return value


@inlined
def _run(
    n: int,
    matrices: Any,
    covariances: Any,
    error: Any,
    unit: Any,
    observed: Any,
    steps: Any,
    half: Any,
    moved: Any,
    root: Any,
    solved: Any,
    whites: Any,
    state: Any,
    spread: Any,
    out: Any,
) -> None:
    """Filter under all values side by side: those of one occasion do not wait for each other."""
    constant = -0.5 * n * np.log(2 * np.pi)
    for t in range(unit.shape[0]):
        if t > 0:
            for s in range(out.shape[0]):
                _move(n, s, steps[t] - 1, matrices, covariances, half, moved, state, spread)
        if observed[t]:
            for s in range(out.shape[0]):
                out[s] += constant + _learn(n, s, t, error, unit, root, solved, whites, state, spread)


@jit
def log_likelihoods(phi: Any, process: Any, error: Any, unit: Any, observed: Any, steps: Any) -> Any:
    """Filter under every parameter value: (n,) log-likelihoods, and (T, C) standardised errors under the last.

    ``phi`` and ``process`` are (n, C, C), ``error`` (n, C), ``unit`` (T, C); ``steps`` (T,) are whole.
    """
    n, channels = error.shape
    out, whites = np.zeros(n), np.zeros(unit.shape)
    state, moved = np.zeros((n, channels)), np.zeros(channels)
    spread, half = np.zeros((n, channels, channels)), np.zeros((channels, channels))
    root, solved = np.zeros((channels, channels)), np.zeros((channels, channels))
    longest = steps.max()
    matrices, covariances = np.zeros((n, longest, channels, channels)), np.zeros((n, longest, channels, channels))
    for s in range(n):
        _stationary(s, phi, process, root, half, solved, spread[s])
        _over_steps(s, phi, process, half, matrices, covariances)
    parts = (matrices, covariances, error, unit, observed, steps, half, moved, root, solved, whites, state, spread, out)
    # Loops over one or two channels are written out where the compiler knows their number.
    if channels == 1:
        _run(1, *parts)
    elif channels == 2:
        _run(2, *parts)
    else:
        _run(channels, *parts)
    return out, whites
