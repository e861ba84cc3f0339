"""Numba twin of phases that shift the level: the same steps, one series after the other, ordered by entry into a phase.

See `_sojourn_numba`; here the answer at an entry depends on the phase before as well: its density comes with the move.

Index letters: t occasion, k phase and j the phase before, c and d channels, a age, i and m rows of the regression.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn._kernels import inlined, jit
from reldyn.markov.regimes._emission_numba import LEAST, dot, lean, regression_of, solve, whitener_of
from reldyn.markov.regimes._levels_moments_numba import aggregate, best_effect, lay_fixed, moments, moved_between
from reldyn.markov.regimes._sojourn_numba import (
    LARGEST,
    LOST,
    SMALLEST,
    account,
    arrive_back,
    begin,
    begin_back,
    durations_of,
    flow_of,
    leave_back,
    rescale,
    spread,
    still_there,
    tabulate,
    weigh_back,
)

# As in `_switching`: no pair of phases is ruled out altogether by one answer.
_UNLIKELIEST = -200.0


@inlined
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


@inlined
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


@inlined
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


@inlined
def _answer(
    t: int,
    y: Any,
    observed: Any,
    shock: bool,
    inverse: Any,
    constant: float,
    own: Any,
    carried: Any,
    base: Any,
    white: Any,
    noise: Any,
    density: Any,
) -> float:
    """Write the noise at t and the relative density of the answer for every pair of phases; return the largest log."""
    channels = base.shape[0]
    if not observed[t]:
        for c in range(channels):
            noise[t, c] = base[c]
        density[:] = 1.0
        return 0.0
    for c in range(channels):
        noise[t, c] = y[t, c]
        white[c] = 0.0
        for d in range(c + 1):
            white[c] += inverse[c, d] * (y[t, d] - base[d])
    return float(_densities(white, own, carried, constant, t > 0 and observed[t - 1] and not shock, density))


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
    durations: Any,
    moves: Any,
    noise: Any,
    flow: Any,
    filtered: Any,
    weights: Any,
) -> float:
    """Filter; `flow.entering` are who arrived, given what was answered then."""
    n_occasions, channels = y.shape
    n_states = level.shape[0]
    root, inverse = np.zeros((channels, channels)), np.zeros((channels, channels))
    constant = whitener_of(covariance, root, inverse)
    own, carried = np.zeros((n_states, channels)), np.zeros((2, n_states, channels))
    _whitened(level, coefficients, inverse, own, carried)
    by_day, by_night = carried[0], carried[1]
    density, arrived = np.ones((n_states, n_states)), np.zeros(n_states)
    base, white = np.zeros(channels), np.zeros(channels)
    value, last = 0.0, durations.survival.shape[1] - 1
    flow.share_left[:] = 1.0
    begin(durations, flow, flow.tail, last)
    for t in range(n_occasions):
        _predict(t, night, x, coefficients, noise, base)
        carried_over = by_night if night[t] else by_day
        top = _answer(t, y, observed, shock, inverse, constant, own, carried_over, base, white, noise, density)
        total = 0.0
        for k in range(n_states):
            arrived[k] = 0.0
            if t > 0:
                for j in range(n_states):
                    arrived[k] += flow.left[j, t - 1] * moves[j, k] * density[j, k]
            total += flow.mass[k] * density[k, k] + arrived[k]
        total = max(total, LEAST)
        _go_on(t, 1.0 / total, density, arrived, durations, flow, filtered, weights)
        if observed[t]:
            value += np.log(total) + top
            if not shock and t + 1 < n_occasions and not observed[t + 1]:
                _take_level_off(filtered, level, noise, t)
    return value


@inlined
def _go_on(
    t: int, share: float, density: Any, arrived: Any, durations: Any, flow: Any, filtered: Any, weights: Any
) -> None:
    """Let arrive who moved at t, say who leaves after t, and keep in `mass` who stays."""
    n_states, n_ages = durations.survival.shape
    last, product, mass = n_ages - 1, flow.product, flow.mass
    for k in range(n_states):
        for j in range(n_states):
            weights[t, j, k] = density[j, k] * share
        weight = weights[t, k, k]
        product[k] *= weight
        if product[k] < SMALLEST or product[k] > LARGEST:
            rescale(product[k], flow.entries, k, t, n_ages)
            rescale(product[k], flow.due, k, t, n_ages)
            product[k] = 1.0
        if t == 0:
            flow.entering[k, 0] *= weight
        else:
            flow.entering[k, t] = arrived[k] * share
        filtered[k] = mass[k] * weight + (flow.entering[k, t] if t > 0 else 0.0)
        if t > 0:
            entry = flow.entering[k, t] / product[k]
            flow.entries[k, t + last] = entry
            spread(entry, durations.lasting, k, t, flow.due, last)
        flow.tails[k, t] = flow.tail[k] * weight
        ending = flow.tails[k, t] * durations.last_hazard[k]
        flow.left[k, t] = product[k] * flow.due[k, t] + ending
        in_last = product[k] * flow.entries[k, t + 1] * durations.survival[k, last]
        flow.tail[k] = flow.tails[k, t] - ending + in_last
        stayed = filtered[k] - flow.left[k, t]
        flow.share_left[k] *= max(stayed, 0.0) / max(filtered[k], 1e-300)
        if flow.share_left[k] < LOST:
            stayed = still_there(k, t, durations, flow, flow.tail, last)
            flow.share_left[k] = 1.0
        mass[k] = max(stayed, 0.0)


@inlined
def _take_level_off(mass: Any, level: Any, noise: Any, t: int) -> None:
    """Leave of an answer what the level of the phase, as far as known by now, does not explain."""
    for k in range(level.shape[0]):
        for c in range(level.shape[1]):
            noise[t, c] -= mass[k] * level[k, c]


@jit
def _backward(
    weights: Any, durations: Any, moves: Any, flow: Any, pairs: Any, gamma: Any, exits: Any, stays: Any
) -> None:
    """Smooth: write the probability of every pair of phases (before, now), exits and stays by age."""
    n_states, n_occasions = gamma.shape
    n_ages = exits.shape[1]
    final, last = n_occasions - 1, n_ages - 1
    arrive, depart = flow.back[0], flow.back[1]
    behind, ended, begun = flow.back[3], flow.back[4], flow.back[5]
    begin_back(flow, exits)
    pairs[:] = 0.0
    for t in range(final, -1, -1):
        for k in range(n_states):
            leave_back(k, t, durations, flow, exits, n_ages)
            # The density of an arrival came with the move.
            arrive_back(k, t, durations, flow, exits, last)
            weigh_back(k, t, weights[t, k, k], flow, n_ages)
        if t == 0:
            break
        norm = 0.0
        for k in range(n_states):
            depart[k] = 0.0
            for j in range(n_states):
                value = moves[k, j] * weights[t, k, j] * arrive[j]
                depart[k] += value
                pairs[t, k, j] = flow.left[k, t - 1] * value
                # Who is in a phase and did not arrive stayed.
                gamma[j, t] -= pairs[t, k, j]
        for k in range(n_states):
            pairs[t, k, k] += max(gamma[k, t], 0.0)
            gamma[k, t - 1] = 0.0
            for j in range(n_states):
                gamma[k, t - 1] += pairs[t, k, j]
            norm += gamma[k, t - 1]
        norm = max(norm, LEAST)
        for k in range(n_states):
            gamma[k, t - 1] /= norm
            for j in range(n_states):
                pairs[t, k, j] /= norm
    for t in range(1, n_occasions):
        for k in range(n_states):
            gamma[k, t] = 0.0
            for j in range(n_states):
                gamma[k, t] += pairs[t, j, k]
    for k in range(n_states):
        pairs[0, k, k] = gamma[k, 0]
        at_start = (durations.start[k, 0] / n_states, behind[k], ended[k], begun[k])
        account(k, durations, flow, at_start, gamma, exits, stays, last)


@jit
def _filter_pairs(
    y: Any,
    observed: Any,
    night: Any,
    x: Any,
    level: Any,
    shock: bool,
    coefficients: Any,
    covariance: Any,
    leave: Any,
    moves: Any,
    noise: Any,
    filtered: Any,
    gamma: Any,
    pairs: Any,
) -> float:
    """Filter phases without an age: write pairs (before, now) and, into gamma, phases, given the past and present."""
    n_occasions, channels = y.shape
    n_states = level.shape[0]
    root, inverse = np.zeros((channels, channels)), np.zeros((channels, channels))
    constant = whitener_of(covariance, root, inverse)
    own, carried = np.zeros((n_states, channels)), np.zeros((2, n_states, channels))
    _whitened(level, coefficients, inverse, own, carried)
    by_day, by_night = carried[0], carried[1]
    density, chain = np.ones((n_states, n_states)), np.zeros((n_states, n_states))
    base, white = np.zeros(channels), np.zeros(channels)
    for j in range(n_states):
        for k in range(n_states):
            chain[j, k] = 1.0 - leave[j] if j == k else leave[j] * moves[j, k]
    value = 0.0
    for t in range(n_occasions):
        _predict(t, night, x, coefficients, noise, base)
        carried_over = by_night if night[t] else by_day
        top = _answer(t, y, observed, shock, inverse, constant, own, carried_over, base, white, noise, density)
        total = _step(t, density, chain, filtered, gamma, pairs)
        if observed[t]:
            value += np.log(total) + top
            if not shock and t + 1 < n_occasions and not observed[t + 1]:
                _take_level_off(filtered, level, noise, t)
    return value


@inlined
def _step(t: int, density: Any, chain: Any, filtered: Any, gamma: Any, pairs: Any) -> float:
    """Take one answer in: pairs and phases given what was answered up to t; returns its relative density."""
    n_states = density.shape[0]
    total = 0.0
    for k in range(n_states):
        gamma[k, t] = 0.0
        for j in range(n_states):
            if t > 0:
                pairs[t, j, k] = filtered[j] * chain[j, k] * density[j, k]
            else:
                pairs[0, j, k] = density[k, k] / n_states if j == k else 0.0
            gamma[k, t] += pairs[t, j, k]
        total += gamma[k, t]
    total = max(total, LEAST)
    share = 1.0 / total
    for k in range(n_states):
        gamma[k, t] *= share
        filtered[k] = gamma[k, t]
        for j in range(n_states):
            pairs[t, j, k] *= share
    return total


@inlined
def _smooth_pairs(gamma: Any, pairs: Any, exits: Any, stays: Any) -> None:
    """Smooth: given the phase now, the one before depends on nothing that comes later."""
    n_states, n_occasions = gamma.shape
    for k in range(n_states):
        exits[k, 0] = stays[k, 0] = 0.0
    for t in range(n_occasions - 1, 0, -1):
        for k in range(n_states):
            ratio = gamma[k, t] / max(pairs_into(pairs, t, k), 1e-300)
            for j in range(n_states):
                pairs[t, j, k] *= ratio
        norm = 0.0
        for j in range(n_states):
            gamma[j, t - 1] = 0.0
            for k in range(n_states):
                gamma[j, t - 1] += pairs[t, j, k]
            norm += gamma[j, t - 1]
        norm = max(norm, LEAST)
        for j in range(n_states):
            gamma[j, t - 1] /= norm
            for k in range(n_states):
                pairs[t, j, k] /= norm
                if j == k:
                    stays[j, 0] += pairs[t, j, k]
                else:
                    exits[j, 0] += pairs[t, j, k]
    for k in range(n_states):
        pairs[0, k, k] = gamma[k, 0]


@inlined
def pairs_into(pairs: Any, t: int, k: int) -> float:
    """Sum over the phases before."""
    total = 0.0
    for j in range(pairs.shape[1]):
        total += pairs[t, j, k]
    return total


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
            score = dot(exits[k], log_leave[m], n_ages) + dot(stays[k], log_stay[m], n_ages) + dwell_prior[k, m]
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
    prior_lags: Any,
    prior_occasions: float,
    effect_precision: float,
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
    noise, gamma, filtered = np.zeros((n_occasions, channels)), np.zeros((n_states, n_occasions)), np.zeros(n_states)
    durations, flow = durations_of(n_states, n_ages), flow_of(np.zeros(n_states), n_occasions, n_ages)
    leave = np.zeros(n_states)
    regression = regression_of(n_rows, channels)
    gram, right, total = regression.gram, regression.right, regression.total
    table = np.zeros((n_rows + channels, n_occasions))
    for s in range(n):
        lay_fixed(observed[s], x[s], channels, table)
        for turn in range(n_iterations):
            level = effect[s] * shape
            if n_ages == 1:
                for k in range(n_states):
                    leave[k] = hazards[index[s, k], 0]
                new = _filter_pairs(
                    y[s],
                    observed[s],
                    night[s],
                    x[s],
                    level,
                    shock,
                    coefficients[s],
                    covariance[s],
                    leave,
                    moves[s],
                    noise,
                    filtered,
                    gamma,
                    pairs,
                )
                _smooth_pairs(gamma, pairs, exits[s], stays[s])
            else:
                for k in range(n_states):
                    tabulate(k, hazards, firsts, index[s, k], durations, n_ages)
                new = _forward(
                    y[s],
                    observed[s],
                    night[s],
                    x[s],
                    level,
                    shock,
                    coefficients[s],
                    covariance[s],
                    durations,
                    moves[s],
                    noise,
                    flow,
                    filtered,
                    weights,
                )
                gamma[:, n_occasions - 1] = filtered
                _backward(weights, durations, moves[s], flow, pairs, gamma, exits[s], stays[s])
            change = abs(new - value[s])
            value[s] = new
            if change < tolerance or turn == n_iterations - 1:
                break
            if free_emission:
                n_answered = moments(y[s], observed[s], night[s], level, shock, noise, pairs, table, gram, right, total)
                lean(prior_lags, prior_occasions, 1, gram, right, total)
                solve(regression, floor[s], n_answered, coefficients[s], covariance[s])
                aggregate(y[s], observed[s], night[s], x[s], shock, noise, pairs, coefficients[s], mass[s], rest[s])
                effect[s] = best_effect(mass[s], rest[s], shape, coefficients[s], covariance[s], effect_precision)
            if free_sojourns:
                moved_between(pairs, moved[s])
                _update(exits[s], stays[s], moved[s], dwell_prior, prior_moves, log_leave, log_stay, index[s], moves[s])
        aggregate(y[s], observed[s], night[s], x[s], shock, noise, pairs, coefficients[s], mass[s], rest[s])
        moved_between(pairs, moved[s])
        for t in range(n_occasions):
            for k in range(n_states):
                posterior[s, t, k] = gamma[k, t]
    return value, effect, coefficients, covariance, index, moves, posterior, moved, exits, stays, mass, rest
