"""One compiled sweep for Gaussian emissions without gaps in channels: densities, recursions and moments.

Does what `_density`, `_recursions` and `_location` do, without keeping posteriors; loaded only where numba is
used. Sums over series may be taken in any order, which moves the last digits only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

TINY = 1e-300
LOOSE = {"reassoc", "contract", "nsz", "arcp"}


@njit(cache=True, fastmath=LOOSE)
def density_kernel(y: Any, used: Any, location: Any, root: Any, constant: Any, out: Any, top: Any) -> None:
    """Write log densities less their maximum over states, and that maximum.

    Shapes: y (channels, occasions, series), used (occasions, series) of 0 and 1, location (starts, states,
    channels), root (starts, states, channels, channels) lower triangular, constant (starts, states), out
    (starts, states, occasions, series), top (starts, occasions, series).
    """
    s_end, k_end, t_end, n_end = out.shape
    c_end = y.shape[0]
    z = np.empty(n_end)
    for s in range(s_end):
        for t in range(t_end):
            best, mask = top[s, t], used[t]
            best[:] = -np.inf
            for k in range(k_end):
                row = out[s, k, t]
                row[:] = constant[s, k]
                for i in range(c_end):
                    z[:] = 0.0
                    for j in range(i + 1):
                        values, weight, centre = y[j, t], root[s, k, i, j], location[s, k, j]
                        for n in range(n_end):
                            z[n] += weight * (values[n] - centre)
                    for n in range(n_end):
                        row[n] -= 0.5 * z[n] * z[n]
                for n in range(n_end):
                    row[n] *= mask[n]
                    best[n] = max(best[n], row[n])
            for k in range(k_end):
                row = out[s, k, t]
                for n in range(n_end):
                    row[n] -= best[n]


@njit(cache=True, fastmath=LOOSE)
def moments_kernel(
    density: Any, y: Any, used: Any, inside: Any, initial: Any, transition: Any, total: Any, alpha: Any
) -> Any:
    """Run the recursions and sum what the M-step needs; ``total`` receives the scales.

    Returns first states (starts, states), moves (starts, states, states) and cross-products of 1 and the
    channels (starts, states, 1 + channels, 1 + channels), lower triangle.
    """
    s_end, k_end, t_end, n_end = density.shape
    c_end = y.shape[0]
    first, moves = np.zeros((s_end, k_end)), np.zeros((s_end, k_end, k_end))
    products = np.zeros((s_end, k_end, 1 + c_end, 1 + c_end))
    beta, back, inverse = np.empty((k_end, n_end)), np.empty((k_end, n_end)), np.empty((t_end, n_end))
    share, weighted = np.empty(n_end), np.empty(n_end)
    for s in range(s_end):
        law = transition[s]
        for t in range(t_end):
            mass, over = total[s, t], inverse[t]
            mass[:] = 0.0
            for k in range(k_end):
                row, answered = alpha[k, t], density[s, k, t]
                if t == 0:
                    row[:] = initial[s, k]
                else:
                    row[:] = 0.0
                    for j in range(k_end):
                        past, chance = alpha[j, t - 1], law[j, k]
                        for n in range(n_end):
                            row[n] += past[n] * chance
                for n in range(n_end):
                    row[n] *= answered[n]
                    mass[n] += row[n]
            for n in range(n_end):
                mass[n] = max(mass[n], TINY)
                over[n] = 1.0 / mass[n]
            for k in range(k_end):
                row = alpha[k, t]
                for n in range(n_end):
                    row[n] *= over[n]
        beta[:] = 1.0
        for t in range(t_end - 1, -1, -1):
            mask, over = used[t], inverse[t]
            for k in range(k_end):
                row, ahead = alpha[k, t], beta[k]
                count = 0.0
                for n in range(n_end):
                    share[n] = row[n] * ahead[n]
                    count += share[n]
                if t == 0:
                    first[s, k] = count
                count = 0.0
                for n in range(n_end):
                    share[n] *= mask[n]
                    count += share[n]
                products[s, k, 0, 0] += count
                for i in range(c_end):
                    values = y[i, t]
                    count = 0.0
                    for n in range(n_end):
                        weighted[n] = share[n] * values[n]
                        count += weighted[n]
                    products[s, k, 1 + i, 0] += count
                    for j in range(i + 1):
                        others = y[j, t]
                        count = 0.0
                        for n in range(n_end):
                            count += weighted[n] * others[n]
                        products[s, k, 1 + i, 1 + j] += count
            if t == 0:
                continue
            here = inside[t]
            for k in range(k_end):
                ahead, answered = beta[k], density[s, k, t]
                for n in range(n_end):
                    ahead[n] *= answered[n] * over[n]
            for k in range(k_end):
                past, sum_back = alpha[k, t - 1], back[k]
                sum_back[:] = 0.0
                for n in range(n_end):
                    weighted[n] = past[n] * here[n]
                for j in range(k_end):
                    ahead, chance = beta[j], law[k, j]
                    count = 0.0
                    for n in range(n_end):
                        sum_back[n] += ahead[n] * chance
                        count += weighted[n] * ahead[n]
                    moves[s, k, j] += count * chance
            for k in range(k_end):
                ahead, sum_back = beta[k], back[k]
                for n in range(n_end):
                    ahead[n] = sum_back[n]
    return first, moves, products
