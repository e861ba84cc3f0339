"""Numba twin of phases that shift the level: the same steps, one series after the other.

Index letters: t occasion, k phase and j the phase before, c and d channels, a age, i and m rows of the regression.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn._kernels import jit
from reldyn.markov.regimes._switching_numba import solve, whitener_of

# As in `_switching`: no pair of phases is ruled out altogether by one answer.
_UNLIKELIEST = -200.0


@jit
def _whitened(level: Any, coefficients: Any, inverse: Any, own: Any, carried: Any) -> None:
    """Write whitened levels (K, C), and what lags carry of them by day and by night (2, K, C)."""
    n_states, channels = level.shape
    for k in range(n_states):
        for c in range(channels):
            own[k, c] = carried[0, k, c] = carried[1, k, c] = 0.0
            for d in range(c + 1):
                own[k, c] += inverse[c, d] * level[k, d]
                for m in range(channels):
                    carried[0, k, c] += inverse[c, d] * level[k, m] * coefficients[1 + m, d]
                    carried[1, k, c] += inverse[c, d] * level[k, m] * coefficients[1 + channels + m, d]


@jit
def _predict(t: int, night: Any, x: Any, coefficients: Any, noise: Any, base: Any) -> None:
    """Write what covariates and the noise before predict at t."""
    channels = base.shape[0]
    first = 1 + (channels if night[t] else 0)
    for c in range(channels):
        value = coefficients[0, c]
        for i in range(x.shape[1]):
            value += x[t, i] * coefficients[1 + 2 * channels + i, c]
        if t > 0:
            for d in range(channels):
                value += noise[t - 1, d] * coefficients[first + d, c]
        base[c] = value


@jit
def _densities(white: Any, own: Any, carried: Any, constant: float, lag_seen: bool, out: Any) -> float:
    """Write the relative density of an answer for every pair of phases (before, now); return the largest log."""
    n_states, channels = own.shape
    top = -np.inf
    for j in range(n_states if lag_seen else 1):
        for k in range(n_states):
            square = 0.0
            for c in range(channels):
                rest = white[c] - own[k, c] + (carried[j, c] if lag_seen else 0.0)
                square += rest * rest
            out[j, k] = constant - 0.5 * square
            top = max(top, out[j, k])
    for j in range(n_states if lag_seen else 1):
        for k in range(n_states):
            out[j, k] = np.exp(max(out[j, k] - top, _UNLIKELIEST))
    if not lag_seen:
        for j in range(1, n_states):
            for k in range(n_states):
                out[j, k] = out[0, k]
    return top


@jit
def _forward(
    y: Any,
    observed: Any,
    night: Any,
    x: Any,
    level: Any,
    shock: bool,
    coefficients: Any,
    covariance: Any,
    hazard: Any,
    first: Any,
    moves: Any,
    noise: Any,
    forward: Any,
    weights: Any,
) -> float:
    n_occasions, channels = y.shape
    n_states, n_ages = hazard.shape
    inverse = np.zeros((channels, channels))
    constant = whitener_of(covariance, inverse)
    own, carried = np.zeros((n_states, channels)), np.zeros((2, n_states, channels))
    _whitened(level, coefficients, inverse, own, carried)
    by_day, by_night = carried[0], carried[1]
    density, left, staying = np.ones((n_states, n_states)), np.zeros(n_states), 1.0 - hazard
    base, white = np.zeros(channels), np.zeros(channels)
    value = 0.0
    for t in range(n_occasions):
        _predict(t, night, x, coefficients, noise, base)
        top = 0.0
        if observed[t]:
            for c in range(channels):
                noise[t, c] = y[t, c]
                white[c] = 0.0
                for d in range(c + 1):
                    white[c] += inverse[c, d] * (y[t, d] - base[d])
            lag_seen = t > 0 and observed[t - 1] and not shock
            top = _densities(white, own, by_night if night[t] else by_day, constant, lag_seen, density)
        else:
            for c in range(channels):
                noise[t, c] = base[c]
            density[:] = 1.0
        total = _advance(t, density, hazard, staying, first, moves, left, forward)
        share = 1.0 / total
        for k in range(n_states):
            left[k] *= share
            for a in range(n_ages):
                forward[t, k, a] *= share
            for j in range(n_states):
                weights[t, j, k] = density[j, k] * share
        if observed[t]:
            value += np.log(total) + top
            if not shock and t + 1 < n_occasions and not observed[t + 1]:
                _take_level_off(forward[t], level, noise[t])
    return value


@jit
def _advance(t: int, density: Any, hazard: Any, staying: Any, first: Any, moves: Any, left: Any, forward: Any) -> float:
    """Write masses by age at t, before they are scaled, and what leaves of them; return their sum."""
    n_states, n_ages = hazard.shape
    last, total = n_ages - 1, 0.0
    for k in range(n_states):
        if t == 0:
            for a in range(n_ages):
                forward[0, k, a] = first[k, a] * density[k, k]
        else:
            entering = 0.0
            for j in range(n_states):
                entering += left[j] * moves[j, k] * density[j, k]
            weight = density[k, k]
            for a in range(last):
                forward[t, k, a + 1] = forward[t - 1, k, a] * staying[k, a] * weight
            rest = forward[t - 1, k, last] * staying[k, last] * weight
            if last == 0:
                forward[t, k, 0] = rest
            else:
                forward[t, k, last] += rest
                forward[t, k, 0] = 0.0
            forward[t, k, 0] += entering
        for a in range(n_ages):
            total += forward[t, k, a]
    for k in range(n_states):
        left[k] = 0.0
        for a in range(n_ages):
            left[k] += forward[t, k, a] * hazard[k, a]
    return total


@jit
def _take_level_off(mass: Any, level: Any, noise: Any) -> None:
    """Leave of an answer what the level of the phase, as far as known by now, does not explain."""
    for k in range(level.shape[0]):
        share = mass[k].sum()
        for c in range(level.shape[1]):
            noise[c] -= share * level[k, c]


@jit
def _backward(forward: Any, weights: Any, hazard: Any, moves: Any, pairs: Any, exits: Any, stays: Any) -> None:
    """Smooth: write the probability of every pair of phases (before, now), exits and stays by age."""
    n_occasions, n_states, n_ages = forward.shape
    ahead = np.ones((n_states, n_ages))
    older = np.zeros((n_states, n_ages))
    arriving, staying = np.zeros(n_states), 1.0 - hazard
    pairs[:] = 0.0
    exits[:] = 0.0
    stays[:] = 0.0
    for t in range(n_occasions - 1, 0, -1):
        norm = 0.0
        for k in range(n_states):
            own = weights[t, k, k]
            for a in range(n_ages - 1):
                older[k, a] = ahead[k, a + 1] * own
            older[k, n_ages - 1] = ahead[k, n_ages - 1] * own
            arriving[k] = ahead[k, 0]
        for k in range(n_states):
            value = 0.0
            for j in range(n_states):
                value += moves[k, j] * weights[t, k, j] * arriving[j]
            left, stayed = 0.0, 0.0
            for a in range(n_ages):
                past = forward[t - 1, k, a]
                leave = hazard[k, a] * value
                stay = staying[k, a] * older[k, a]
                exits[k, a] += past * leave
                stays[k, a] += past * stay
                stayed += past * stay
                left += past * hazard[k, a]
                ahead[k, a] = leave + stay
            norm += stayed + left * value
            pairs[t, k, k] = stayed
            for j in range(n_states):
                pairs[t, k, j] += left * moves[k, j] * weights[t, k, j] * arriving[j]
        for k in range(n_states):
            for j in range(n_states):
                pairs[t, k, j] /= norm
    for k in range(n_states):
        total = 0.0
        for a in range(n_ages):
            total += forward[0, k, a] * ahead[k, a]
        pairs[0, k, k] = total


@jit
def _moments(
    y: Any,
    observed: Any,
    night: Any,
    x: Any,
    level: Any,
    shock: bool,
    noise: Any,
    pairs: Any,
    gram: Any,
    right: Any,
    total: Any,
) -> int:
    """Write the expected moments of the regression of y less its level on the noise before and covariates."""
    n_occasions, channels = y.shape
    n_states, n_rows = level.shape[0], gram.shape[0]
    gram[:] = 0.0
    right[:] = 0.0
    total[:] = 0.0
    row, target, before = np.zeros(n_rows), np.zeros(channels), np.zeros(channels)
    spread = np.zeros((channels, channels))
    cross = np.zeros((channels, channels))
    n_seen = 0
    for t in range(n_occasions):
        if not observed[t]:
            continue
        n_seen += 1
        lag_seen = t > 0 and observed[t - 1] and not shock
        first = 1 + (channels if night[t] else 0)
        before[:] = 0.0
        target[:] = 0.0
        spread[:] = 0.0
        cross[:] = 0.0
        for j in range(n_states):
            for k in range(n_states):
                weight = pairs[t, j, k]
                for c in range(channels):
                    now = y[t, c] - level[k, c]
                    target[c] += weight * now
                    for d in range(channels):
                        total[c, d] += weight * now * (y[t, d] - level[k, d])
                    if lag_seen:
                        lag = y[t - 1, c] - level[j, c]
                        before[c] += weight * lag
                        for d in range(channels):
                            spread[c, d] += weight * lag * (y[t - 1, d] - level[j, d])
                            cross[c, d] += weight * lag * (y[t, d] - level[k, d])
        if t > 0 and not lag_seen:
            before[:] = noise[t - 1]
        row[:] = 0.0
        row[0] = 1.0
        for c in range(channels):
            row[first + c] = before[c]
        for i in range(x.shape[1]):
            row[1 + 2 * channels + i] = x[t, i]
        for i in range(n_rows):
            if row[i] != 0.0:
                for m in range(i + 1):
                    gram[i, m] += row[i] * row[m]
                for c in range(channels):
                    right[i, c] += row[i] * target[c]
        if lag_seen:
            # Products of two uncertain quantities: the mean of the product, not the product of the means.
            for c in range(channels):
                for d in range(channels):
                    right[first + c, d] += cross[c, d] - before[c] * target[d]
                for d in range(c + 1):
                    gram[first + c, first + d] += spread[c, d] - before[c] * before[d]
    return max(n_seen, 1)


@jit
def _aggregate(
    y: Any,
    observed: Any,
    night: Any,
    x: Any,
    shock: bool,
    noise: Any,
    pairs: Any,
    coefficients: Any,
    mass: Any,
    rest: Any,
) -> None:
    """Sum pairs, and what the regression leaves of y, by kind of lag: none or missing, by day, by night."""
    n_occasions, channels = y.shape
    n_states = pairs.shape[1]
    mass[:] = 0.0
    rest[:] = 0.0
    for t in range(n_occasions):
        if not observed[t]:
            continue
        lag_seen = t > 0 and observed[t - 1] and not shock
        kind = 0
        if lag_seen:
            kind = 2 if night[t] else 1
        first = 1 + (channels if night[t] else 0)
        for c in range(channels):
            value = y[t, c] - coefficients[0, c]
            for i in range(x.shape[1]):
                value -= x[t, i] * coefficients[1 + 2 * channels + i, c]
            if t > 0:
                for d in range(channels):
                    lag = y[t - 1, d] if observed[t - 1] else noise[t - 1, d]
                    value -= lag * coefficients[first + d, c]
            for j in range(n_states):
                for k in range(n_states):
                    rest[kind, j, k, c] += pairs[t, j, k] * value
        for j in range(n_states):
            for k in range(n_states):
                mass[kind, j, k] += pairs[t, j, k]


@jit
def _best_effect(mass: Any, rest: Any, shape: Any, coefficients: Any, covariance: Any) -> float:
    """Generalised least squares of the size of the shared shape; never negative."""
    channels, n_states = shape.shape[1], shape.shape[0]
    inverse = np.zeros((channels, channels))
    whitener_of(covariance, inverse)
    shift, white = np.zeros(channels), np.zeros(channels)
    above, below = 0.0, 0.0
    for kind in range(3):
        first = 1 + (channels if kind == 2 else 0)
        for j in range(n_states):
            for k in range(n_states):
                if mass[kind, j, k] <= 0.0:
                    continue
                for c in range(channels):
                    shift[c] = shape[k, c]
                    if kind > 0:
                        for d in range(channels):
                            shift[c] -= shape[j, d] * coefficients[first + d, c]
                for c in range(channels):
                    white[c] = 0.0
                    left = 0.0
                    for d in range(c + 1):
                        white[c] += inverse[c, d] * shift[d]
                        left += inverse[c, d] * rest[kind, j, k, d]
                    below += mass[kind, j, k] * white[c] * white[c]
                    above += white[c] * left
    return max(above / max(below, 1e-12), 0.0)


@jit
def _update(
    exits: Any,
    stays: Any,
    moved: Any,
    dwell_prior: Any,
    prior_moves: Any,
    log_leave: Any,
    log_stay: Any,
    index: Any,
    moves: Any,
) -> None:
    n_states, n_ages = exits.shape
    for k in range(n_states):
        best = -np.inf
        for m in range(log_leave.shape[0]):
            score = dwell_prior[k, m]
            for a in range(n_ages):
                score += exits[k, a] * log_leave[m, a] + stays[k, a] * log_stay[m, a]
            if score > best:
                best = score
                index[k] = m
        total = 0.0
        for j in range(n_states):
            moves[k, j] = 0.0 if j == k else moved[k, j] + prior_moves[k, j]
            total += moves[k, j]
        for j in range(n_states):
            moves[k, j] /= total


@jit
def run_batch(
    y: Any,
    observed: Any,
    night: Any,
    x: Any,
    floor: Any,
    shape: Any,
    shock: bool,
    effect: Any,
    coefficients: Any,
    covariance: Any,
    index: Any,
    moves: Any,
    dwell_prior: Any,
    prior_moves: Any,
    hazards: Any,
    log_leave: Any,
    log_stay: Any,
    firsts: Any,
    free_emission: bool,
    free_sojourns: bool,
    n_iterations: int,
    tolerance: float,
) -> Any:
    """Run EM on every series; effect, coefficients, covariance, index and moves given are overwritten."""
    n, n_occasions, channels = y.shape
    n_states, n_ages, n_rows = shape.shape[0], hazards.shape[1], coefficients.shape[1]
    value = np.full(n, -np.inf)
    posterior = np.zeros((n, n_occasions, n_states))
    moved = np.zeros((n, n_states, n_states))
    exits, stays = np.zeros((n, n_states, n_ages)), np.zeros((n, n_states, n_ages))
    mass, rest = np.zeros((n, 3, n_states, n_states)), np.zeros((n, 3, n_states, n_states, channels))
    weights, pairs = np.ones((n_occasions, n_states, n_states)), np.zeros((n_occasions, n_states, n_states))
    forward, noise = np.zeros((n_occasions, n_states, n_ages)), np.zeros((n_occasions, channels))
    hazard, first = np.zeros((n_states, n_ages)), np.zeros((n_states, n_ages))
    gram, right = np.zeros((n_rows, n_rows)), np.zeros((n_rows, channels))
    total = np.zeros((channels, channels))
    for s in range(n):
        for turn in range(n_iterations):
            level = effect[s] * shape
            for k in range(n_states):
                hazard[k] = hazards[index[s, k]]
                first[k] = firsts[index[s, k]] / n_states
            new = _forward(
                y[s],
                observed[s],
                night[s],
                x[s],
                level,
                shock,
                coefficients[s],
                covariance[s],
                hazard,
                first,
                moves[s],
                noise,
                forward,
                weights,
            )
            change = abs(new - value[s])
            value[s] = new
            _backward(forward, weights, hazard, moves[s], pairs, exits[s], stays[s])
            if change < tolerance or turn == n_iterations - 1:
                break
            if free_emission:
                n_seen = _moments(y[s], observed[s], night[s], x[s], level, shock, noise, pairs, gram, right, total)
                solve(gram, right, total, floor[s], n_seen, coefficients[s], covariance[s])
                _aggregate(y[s], observed[s], night[s], x[s], shock, noise, pairs, coefficients[s], mass[s], rest[s])
                effect[s] = _best_effect(mass[s], rest[s], shape, coefficients[s], covariance[s])
            if free_sojourns:
                _moved(pairs, moved[s])
                _update(exits[s], stays[s], moved[s], dwell_prior, prior_moves, log_leave, log_stay, index[s], moves[s])
        _aggregate(y[s], observed[s], night[s], x[s], shock, noise, pairs, coefficients[s], mass[s], rest[s])
        _moved(pairs, moved[s])
        for t in range(n_occasions):
            for k in range(n_states):
                posterior[s, t, k] = pairs[t, :, k].sum()
    return value, effect, coefficients, covariance, index, moves, posterior, moved, exits, stays, mass, rest


@jit
def _moved(pairs: Any, moved: Any) -> None:
    n_states = moved.shape[0]
    for j in range(n_states):
        for k in range(n_states):
            moved[j, k] = 0.0
            for t in range(1, pairs.shape[0]):
                moved[j, k] += pairs[t, j, k]
