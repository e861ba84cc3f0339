"""Numba twin of the Kalman filter: log-likelihoods of one series under many parameter values, for one or two channels.

Index letters: s parameter value, t occasion, i, j and m channels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from reldyn._kernels import inlined, jit

_DOUBLINGS = 8
_BOUND = 1e3


class _Model(NamedTuple):
    """A process, and room for what follows from it."""

    phi: Any  # (C, C)
    process: Any  # (C, C): innovation covariance
    error: Any  # (C,)
    matrices: Any  # (L, C, C): over one to L steps
    covariances: Any  # (L, C, C)
    power: Any  # (C, C)
    spread: Any  # (C, C)
    half: Any  # (C, C)
    added: Any  # (C, C)


@inlined
def _multiply(first: Any, second: Any, out: Any) -> None:
    """Write the product of two small matrices."""
    channels = out.shape[0]
    for i in range(channels):
        for j in range(channels):
            value = 0.0
            for m in range(channels):
                value += first[i, m] * second[m, j]
            out[i, j] = value


@inlined
def _carry(matrix: Any, covariance: Any, half: Any, out: Any) -> None:
    """Write what a covariance becomes under a matrix."""
    channels = out.shape[0]
    _multiply(matrix, covariance, half)
    for i in range(channels):
        for j in range(channels):
            value = 0.0
            for m in range(channels):
                value += half[i, m] * matrix[j, m]
            out[i, j] = value


@inlined
def _radius(phi: Any) -> float:
    """Largest modulus of a root."""
    if phi.shape[0] == 1:
        return abs(phi[0, 0])
    middle, half = 0.5 * (phi[0, 0] + phi[1, 1]), 0.5 * (phi[0, 0] - phi[1, 1])
    square = half * half + phi[0, 1] * phi[1, 0]
    if square >= 0.0:
        return float(abs(middle) + np.sqrt(square))
    return float(np.sqrt(middle * middle - square))


@inlined
def _unpack(theta: Any, largest_root: float, model: Any) -> None:
    """Write the process of one parameter value, shrunk where it is not stationary, over every number of steps."""
    phi, process, half = model.phi, model.process, model.half
    channels = phi.shape[0]
    for i in range(channels):
        for j in range(channels):
            phi[i, j] = theta[i * channels + j]
            half[i, j] = 0.0
    shrink = min(1.0, largest_root / max(_radius(phi), 1e-9))
    place = channels * channels
    for i in range(channels):
        for j in range(channels):
            phi[i, j] *= shrink
        for j in range(i + 1):
            half[i, j] = theta[place]
            place += 1
    for i in range(channels):
        model.error[i] = np.exp(theta[place + i])
        for j in range(channels):
            value = 0.0
            for m in range(channels):
                value += half[i, m] * half[j, m]
            process[i, j] = value
            model.matrices[0, i, j], model.covariances[0, i, j] = phi[i, j], value
    for step in range(1, model.matrices.shape[0]):
        _multiply(phi, model.matrices[step - 1], model.matrices[step])
        _carry(phi, model.covariances[step - 1], half, model.covariances[step])
        for i in range(channels):
            for j in range(channels):
                model.covariances[step, i, j] += process[i, j]


@inlined
def _settle(model: Any) -> None:
    """Write the stationary covariance by doubling, bounded where the process is explosive."""
    spread, power, half, added = model.spread, model.power, model.half, model.added
    channels = spread.shape[0]
    for i in range(channels):
        for j in range(channels):
            spread[i, j], power[i, j] = model.process[i, j], model.phi[i, j]
    for _ in range(_DOUBLINGS):
        _carry(power, spread, half, added)
        _multiply(power, power, half)
        for i in range(channels):
            for j in range(channels):
                spread[i, j] = min(max(spread[i, j] + added[i, j], -_BOUND), _BOUND)
                power[i, j] = min(max(half[i, j], -_BOUND), _BOUND)


@inlined
def _filter(model: Any, unit: Any, seen: Any, steps: Any, room: Any, whites: Any) -> float:
    """Filter one series from its stationary law; return the log-likelihood and write standardised errors."""
    n_occasions, channels = unit.shape
    spread, half, error = model.spread, model.half, model.error
    matrices, covariances = model.matrices, model.covariances
    root, solved, states = room[0], room[1], room[2]
    value, constant = 0.0, -0.5 * channels * np.log(2 * np.pi)
    for i in range(channels):
        states[0, i] = 0.0
    for t in range(n_occasions):
        if t > 0:
            row = steps[t] - 1
            for i in range(channels):
                states[1, i] = 0.0
                for j in range(channels):
                    states[1, i] += matrices[row, i, j] * states[0, j]
                    half[i, j] = 0.0
                    for m in range(channels):
                        half[i, j] += matrices[row, i, m] * spread[m, j]
            for i in range(channels):
                states[0, i] = states[1, i]
                for j in range(channels):
                    spread[i, j] = covariances[row, i, j]
                    for m in range(channels):
                        spread[i, j] += half[i, m] * matrices[row, j, m]
        if not seen[t]:
            continue
        value += constant
        for i in range(channels):
            for j in range(i + 1):
                rest = spread[i, j] + (error[i] if i == j else 0.0)
                for m in range(j):
                    rest -= root[i, m] * root[j, m]
                root[i, j] = np.sqrt(max(rest, 1e-12)) if i == j else rest / root[j, j]
            deviation = unit[t, i] - states[0, i]
            for m in range(i):
                deviation -= root[i, m] * whites[t, m]
            whites[t, i] = deviation / root[i, i]
            value -= np.log(root[i, i]) + 0.5 * whites[t, i] * whites[t, i]
        # solved = root^-1 spread, so that the gain times the error is solved' white.
        for j in range(channels):
            for i in range(channels):
                rest = spread[i, j]
                for m in range(i):
                    rest -= root[i, m] * solved[m, j]
                solved[i, j] = rest / root[i, i]
        for i in range(channels):
            for m in range(channels):
                states[0, i] += solved[m, i] * whites[t, m]
        for i in range(channels):
            for j in range(channels):
                for m in range(channels):
                    spread[i, j] -= solved[m, i] * solved[m, j]
    return float(value)


@jit
def log_likelihoods(theta: Any, unit: Any, seen: Any, steps: Any, longest: int, largest_root: float) -> Any:
    """Filter under every row of parameters: (n,) values, and (T, C) standardised errors under the last."""
    n, channels = len(theta), unit.shape[1]
    out, whites = np.zeros(n), np.zeros(unit.shape)
    small = np.zeros((6, channels, channels))
    over = np.zeros((2, longest, channels, channels))
    model = _Model(small[0], small[1], np.zeros(channels), over[0], over[1], small[2], small[3], small[4], small[5])
    room = np.zeros((3, max(channels, 2), max(channels, 2)))
    for s in range(n):
        _unpack(theta[s], largest_root, model)
        _settle(model)
        out[s] = _filter(model, unit, seen, steps, room, whites)
    return out, whites
