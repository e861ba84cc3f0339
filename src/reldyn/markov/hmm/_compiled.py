"""Compiled twins of the recursions in `_recursions`; loaded only where numba is used."""

# The kernels are typed by numba, not by mypy: numba has no stubs.
from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

TINY = 1e-300


@njit(cache=True)
def chain_kernel(density: Any, initial: Any, transition: Any, inside: Any) -> Any:
    """Scaled forward-backward of a geometric chain; the shapes are those of `_recursions`."""
    s_end, k_end, t_end, n_end = density.shape
    posterior = np.empty_like(density)
    log_scale = np.zeros((s_end, n_end))
    moves = np.zeros((s_end, k_end, k_end))
    total = np.empty((t_end, n_end))
    beta, older = np.empty((k_end, n_end)), np.empty((k_end, n_end))
    pair = np.empty(n_end)
    for s in range(s_end):
        law = transition[s]
        for t in range(t_end):
            mass = total[t]
            mass[:] = 0.0
            for k in range(k_end):
                row = posterior[s, k, t]
                answered = density[s, k, t]
                if t == 0:
                    for n in range(n_end):
                        row[n] = initial[s, k]
                else:
                    first, share = posterior[s, 0, t - 1], law[0, k]
                    for n in range(n_end):
                        row[n] = first[n] * share
                    for j in range(1, k_end):
                        past, share = posterior[s, j, t - 1], law[j, k]
                        for n in range(n_end):
                            row[n] += past[n] * share
                for n in range(n_end):
                    row[n] *= answered[n]
                    mass[n] += row[n]
            for n in range(n_end):
                mass[n] = max(mass[n], TINY)
            for k in range(k_end):
                row = posterior[s, k, t]
                for n in range(n_end):
                    row[n] /= mass[n]
        for t in range(t_end):
            for n in range(n_end):
                log_scale[s, n] += np.log(total[t, n])
        beta[:] = 1.0
        for t in range(t_end - 1, 0, -1):
            for k in range(k_end):
                answered, ahead = density[s, k, t], beta[k]
                for n in range(n_end):
                    ahead[n] *= answered[n] / total[t, n]
            older[:] = 0.0
            for k in range(k_end):
                past, back = posterior[s, k, t - 1], older[k]
                for j in range(k_end):
                    ahead, share = beta[j], law[k, j]
                    for n in range(n_end):
                        pair[n] = ahead[n] * share
                        back[n] += pair[n]
                    count = 0.0
                    for n in range(n_end):
                        if inside[t, n]:
                            count += past[n] * pair[n]
                    moves[s, k, j] += count
            for k in range(k_end):
                row, back, ahead = posterior[s, k, t - 1], older[k], beta[k]
                for n in range(n_end):
                    row[n] *= back[n]
                    ahead[n] = back[n]
    return log_scale, posterior, moves


@njit(cache=True)
def sojourn_kernel(density: Any, initial: Any, transition: Any, hazard: Any, start_age: Any, inside: Any) -> Any:
    """Scaled forward-backward of the chain expanded by age; the shapes are those of `_recursions`."""
    s_end, k_end, t_end, n_end = density.shape
    ages = hazard.shape[2]
    posterior = np.zeros_like(density)
    log_scale = np.zeros((s_end, n_end))
    moves = np.zeros((s_end, k_end, k_end))
    exits, stays = np.zeros((s_end, k_end, ages)), np.zeros((s_end, k_end, ages))
    first = np.zeros((s_end, k_end, ages))
    alpha = np.empty((t_end, k_end, ages))
    total = np.empty(t_end)
    beta, ahead = np.empty((k_end, ages)), np.empty((k_end, ages))
    leaving = np.empty(k_end)
    for s in range(s_end):
        law, ends = transition[s], hazard[s]
        for n in range(n_end):
            for t in range(t_end):
                now = alpha[t]
                if t == 0:
                    for k in range(k_end):
                        for a in range(ages):
                            now[k, a] = initial[s, k] * start_age[s, k, a]
                else:
                    past = alpha[t - 1]
                    for k in range(k_end):
                        leaving[k] = 0.0
                        for a in range(ages):
                            leaving[k] += past[k, a] * ends[k, a]
                    for k in range(k_end):
                        arrived = 0.0
                        for j in range(k_end):
                            arrived += leaving[j] * law[j, k]
                        now[k, 0] = arrived
                        for a in range(1, ages):
                            now[k, a] = past[k, a - 1] * (1.0 - ends[k, a - 1])
                        now[k, ages - 1] += past[k, ages - 1] * (1.0 - ends[k, ages - 1])
                mass = 0.0
                for k in range(k_end):
                    answered = density[s, k, t, n]
                    for a in range(ages):
                        now[k, a] *= answered
                        mass += now[k, a]
                mass = max(mass, TINY)
                total[t] = mass
                log_scale[s, n] += np.log(mass)
                for k in range(k_end):
                    for a in range(ages):
                        now[k, a] /= mass
            beta[:] = 1.0
            for k in range(k_end):
                for a in range(ages):
                    posterior[s, k, t_end - 1, n] += alpha[t_end - 1, k, a]
            for t in range(t_end - 1, 0, -1):
                for k in range(k_end):
                    factor = density[s, k, t, n] / total[t]
                    for a in range(ages):
                        ahead[k, a] = beta[k, a] * factor
                past = alpha[t - 1]
                count = 1.0 if inside[t, n] else 0.0
                for k in range(k_end):
                    arrive = 0.0
                    for j in range(k_end):
                        arrive += law[k, j] * ahead[j, 0]
                    ended = 0.0
                    for a in range(ages):
                        older = ahead[k, a + 1] if a + 1 < ages else ahead[k, ages - 1]
                        weight = past[k, a] * count
                        gone, kept = weight * ends[k, a], weight * (1.0 - ends[k, a])
                        ended += gone
                        exits[s, k, a] += gone * arrive
                        stays[s, k, a] += kept * older
                        beta[k, a] = ends[k, a] * arrive + (1.0 - ends[k, a]) * older
                    for j in range(k_end):
                        moves[s, k, j] += ended * law[k, j] * ahead[j, 0]
                for k in range(k_end):
                    sum_now = 0.0
                    for a in range(ages):
                        past[k, a] *= beta[k, a]
                        sum_now += past[k, a]
                    posterior[s, k, t - 1, n] = sum_now
            for k in range(k_end):
                for a in range(ages):
                    first[s, k, a] += alpha[0, k, a]
    return log_scale, posterior, moves, exits, stays, first
