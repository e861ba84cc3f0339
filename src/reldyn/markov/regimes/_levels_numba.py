"""Numba twin of phases that shift the level: the same steps, one series after the other.

Index letters: t occasion, k phase and j the phase before, c and d channels, a age, i and m rows of the regression.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn._kernels import jit
from reldyn.markov.regimes._emission_numba import LEAST, regression_of, solve, whitener_of
from reldyn.markov.regimes._levels_moments_numba import aggregate, best_effect, moments, moved_between

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
def _densities(white: Any, own: Any, carried: Any, constant: float, lag_answered: bool, out: Any) -> float:
    """Write the relative density of an answer for every pair of phases (before, now); return the largest log."""
    n_states, channels = own.shape
    top = -np.inf
    for j in range(n_states if lag_answered else 1):
        for k in range(n_states):
            square = 0.0
            for c in range(channels):
                rest = white[c] - own[k, c] + (carried[j, c] if lag_answered else 0.0)
                square += rest * rest
            out[j, k] = constant - 0.5 * square
            top = max(top, out[j, k])
    for j in range(n_states if lag_answered else 1):
        for k in range(n_states):
            out[j, k] = np.exp(max(out[j, k] - top, _UNLIKELIEST))
    if not lag_answered:
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
    left: Any,
    weights: Any,
) -> float:
    n_occasions, channels = y.shape
    n_states, n_ages = hazard.shape
    root, inverse = np.zeros((channels, channels)), np.zeros((channels, channels))
    constant = whitener_of(covariance, root, inverse)
    own, carried = np.zeros((n_states, channels)), np.zeros((2, n_states, channels))
    _whitened(level, coefficients, inverse, own, carried)
    by_day, by_night = carried[0], carried[1]
    density, staying = np.ones((n_states, n_states)), 1.0 - hazard
    entering, stayed = np.zeros(n_states), np.zeros(n_states)
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
            lag_answered = t > 0 and observed[t - 1] and not shock
            top = _densities(white, own, by_night if night[t] else by_day, constant, lag_answered, density)
        else:
            for c in range(channels):
                noise[t, c] = base[c]
            density[:] = 1.0
        total = 0.0
        for k in range(n_states):
            if t == 0:
                entering[k] = 0.0
                stayed[k] = first[k].sum()
            else:
                entering[k] = 0.0
                for j in range(n_states):
                    entering[k] += left[t - 1, j] * moves[j, k] * density[j, k]
            total += stayed[k] * density[k, k] + entering[k]
        total = max(total, LEAST)
        share = 1.0 / total
        for k in range(n_states):
            if t == 0:
                for a in range(n_ages):
                    forward[0, k, a] = first[k, a] * (density[k, k] * share)
            else:
                _grow_older(t, k, staying, density[k, k] * share, entering[k] * share, forward)
            left[t, k], stayed[k] = _ends(forward, t, k, hazard, n_ages)
            for j in range(n_states):
                weights[t, j, k] = density[j, k] * share
        if observed[t]:
            value += np.log(total) + top
            if not shock and t + 1 < n_occasions and not observed[t + 1]:
                _take_level_off(forward[t], level, noise[t])
    return value


@jit
def _ends(forward: Any, t: int, k: int, hazard: Any, n: int) -> Any:
    """Split the mass of phase k at t into what leaves and what stays, each in four fixed lanes."""
    # Signed indices would be checked at every step.
    when, row = np.uintp(t), np.uintp(k)
    left_0, left_1, left_2, left_3 = 0.0, 0.0, 0.0, 0.0
    stay_0, stay_1, stay_2, stay_3 = 0.0, 0.0, 0.0, 0.0
    whole = n - n % 4
    for a in range(0, whole, 4):
        mass, rate = forward[when, row, np.uintp(a)], hazard[row, np.uintp(a)]
        left_0 += mass * rate
        stay_0 += mass * (1.0 - rate)
        mass, rate = forward[when, row, np.uintp(a + 1)], hazard[row, np.uintp(a + 1)]
        left_1 += mass * rate
        stay_1 += mass * (1.0 - rate)
        mass, rate = forward[when, row, np.uintp(a + 2)], hazard[row, np.uintp(a + 2)]
        left_2 += mass * rate
        stay_2 += mass * (1.0 - rate)
        mass, rate = forward[when, row, np.uintp(a + 3)], hazard[row, np.uintp(a + 3)]
        left_3 += mass * rate
        stay_3 += mass * (1.0 - rate)
    for a in range(whole, n):
        mass, rate = forward[when, row, np.uintp(a)], hazard[row, np.uintp(a)]
        left_0 += mass * rate
        stay_0 += mass * (1.0 - rate)
    return (left_0 + left_1) + (left_2 + left_3), (stay_0 + stay_1) + (stay_2 + stay_3)


@jit
def _grow_older(t: int, k: int, staying: Any, factor: float, entering: float, forward: Any) -> None:
    """Write masses by age at t from those at t - 1; the last age stands for all that follow."""
    before, when, row = np.uintp(t - 1), np.uintp(t), np.uintp(k)
    last = staying.shape[1] - 1
    for a in range(last):
        age = np.uintp(a)
        forward[when, row, age + np.uintp(1)] = forward[before, row, age] * staying[row, age] * factor
    tail = forward[t - 1, k, last] * staying[k, last] * factor
    if last == 0:
        forward[t, k, 0] = tail + entering
    else:
        forward[t, k, last] += tail
        forward[t, k, 0] = entering


@jit
def _take_level_off(mass: Any, level: Any, noise: Any) -> None:
    """Leave of an answer what the level of the phase, as far as known by now, does not explain."""
    for k in range(level.shape[0]):
        share = mass[k].sum()
        for c in range(level.shape[1]):
            noise[c] -= share * level[k, c]


@jit
def _backward(
    forward: Any, left: Any, weights: Any, hazard: Any, moves: Any, pairs: Any, exits: Any, stays: Any
) -> None:
    """Smooth: write the probability of every pair of phases (before, now), exits and stays by age."""
    n_occasions, n_states, n_ages = forward.shape
    ahead, arriving = np.ones((n_states, n_ages)), np.zeros(n_states)
    here = np.zeros(n_states)
    pairs[:] = 0.0
    exits[:] = 0.0
    stays[:] = 0.0
    for k in range(n_states):
        for a in range(n_ages):
            here[k] += forward[n_occasions - 1, k, a]
    for t in range(n_occasions - 1, 0, -1):
        for k in range(n_states):
            arriving[k] = ahead[k, 0]
        for k in range(n_states):
            value = 0.0
            for j in range(n_states):
                worth = moves[k, j] * weights[t, k, j] * arriving[j]
                value += worth
                pairs[t, k, j] = left[t - 1, k] * worth
                # Who is in a phase and did not arrive stayed.
                here[j] -= pairs[t, k, j]
            _go_back(t - 1, k, forward, hazard, value, weights[t, k, k], ahead, exits, stays)
        norm = 0.0
        for k in range(n_states):
            pairs[t, k, k] += max(here[k], 0.0)
            here[k] = 0.0
            for j in range(n_states):
                here[k] += pairs[t, k, j]
            norm += here[k]
        norm = max(norm, LEAST)
        for k in range(n_states):
            here[k] /= norm
            for j in range(n_states):
                pairs[t, k, j] /= norm
    for k in range(n_states):
        pairs[0, k, k] = here[k]


@jit
def _go_back(
    t: int, k: int, forward: Any, hazard: Any, value: float, weight: float, ahead: Any, exits: Any, stays: Any
) -> None:
    """Add exits and stays by age after t; write by age what all that follows is worth."""
    when, row, last = np.uintp(t), np.uintp(k), hazard.shape[1] - 1
    oldest = ahead[k, last]
    for a in range(last):
        age = np.uintp(a)
        past, leave = forward[when, row, age], hazard[row, age] * value
        onward = (1.0 - hazard[row, age]) * (ahead[row, age + np.uintp(1)] * weight)
        exits[row, age] += past * leave
        stays[row, age] += past * onward
        ahead[row, age] = leave + onward
    past, leave = forward[t, k, last], hazard[k, last] * value
    onward = (1.0 - hazard[k, last]) * (oldest * weight)
    exits[k, last] += past * leave
    stays[k, last] += past * onward
    ahead[k, last] = leave + onward


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
    left = np.zeros((n_occasions, n_states))
    hazard, first = np.zeros((n_states, n_ages)), np.zeros((n_states, n_ages))
    regression = regression_of(n_rows, channels)
    gram, right, total = regression.gram, regression.right, regression.total
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
                left,
                weights,
            )
            change = abs(new - value[s])
            value[s] = new
            _backward(forward, left, weights, hazard, moves[s], pairs, exits[s], stays[s])
            if change < tolerance or turn == n_iterations - 1:
                break
            if free_emission:
                n_answered = moments(y[s], observed[s], night[s], x[s], level, shock, noise, pairs, gram, right, total)
                solve(regression, floor[s], n_answered, coefficients[s], covariance[s])
                aggregate(y[s], observed[s], night[s], x[s], shock, noise, pairs, coefficients[s], mass[s], rest[s])
                effect[s] = best_effect(mass[s], rest[s], shape, coefficients[s], covariance[s])
            if free_sojourns:
                moved_between(pairs, moved[s])
                _update(exits[s], stays[s], moved[s], dwell_prior, prior_moves, log_leave, log_stay, index[s], moves[s])
        aggregate(y[s], observed[s], night[s], x[s], shock, noise, pairs, coefficients[s], mass[s], rest[s])
        moved_between(pairs, moved[s])
        for t in range(n_occasions):
            for k in range(n_states):
                posterior[s, t, k] = pairs[t, :, k].sum()
    return value, effect, coefficients, covariance, index, moves, posterior, moved, exits, stays, mass, rest
