"""Numba twin of the age-expanded chain: the same sums, one series after the other, ordered by entry into a phase.

Between entry and exit a phase multiplies its densities, whatever its age: a probability of entering, divided by the
product of densities so far, stays as it is while the sojourn lasts. An entry can therefore be spread over the occasions
at which it may end, forward, and an exit over those at which it may have begun, backward: rows of numbers that a
processor adds side by side, instead of a pass through the ages at every occasion. A sojourn that reaches the last age
waits in a tail there. Index letters: t occasion, k and j phases, a age; what belongs to an entry at t stands at
t + n_ages - 1, so that sojourns under way at the start have places too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reldyn._kernels import jit
from reldyn.markov._switching_numba import (
    all_densities,
    dot,
    fill,
    fixed_moments,
    mask,
    maximise,
    one_density,
    regressors,
    transposed,
    whitener_of,
)

_PSEUDO_COUNT = 0.5
# Products of densities are taken into the entries or exits before they leave this range.
_LEAST, _LARGEST = 1e-100, 1e100


@jit
def _tabulate(k: int, hazards: Any, row: int, survival: Any, lasting: Any, backwards: Any, n_ages: int) -> None:
    """Write probabilities of reaching an age, and of leaving at it; the latter also from the last age down."""
    alive = 1.0
    for a in range(n_ages):
        survival[k, a] = alive
        lasting[k, a] = alive * hazards[row, a] if a < n_ages - 1 else 0.0
        backwards[k, n_ages - 1 - a] = lasting[k, a]
        alive *= 1.0 - hazards[row, a]


@jit
def _spread(share: float, table: Any, k: int, t: int, sums: Any, n: int) -> None:
    """Add a share of row k of a table to row k of sums, from t on."""
    # Signed places would be checked at every step.
    row, place = np.uintp(k), np.uintp(t)
    for a in range(n):
        sums[row, place + np.uintp(a)] += share * table[row, np.uintp(a)]


@jit
def _gather(share: float, series: Any, k: int, t: int, sums: Any, n: int) -> None:
    """Add a share of row k of a series, from t on, to row k of sums."""
    row, place = np.uintp(k), np.uintp(t)
    for a in range(n):
        sums[row, np.uintp(a)] += share * series[row, place + np.uintp(a)]


@jit
def _rescale(factor: float, series: Any, k: int, t: int, n: int) -> None:
    """Multiply part of a row."""
    for i in range(t, min(t + n, series.shape[1])):
        series[k, i] *= factor


@jit
def _forward(
    y: Any,
    observed: Any,
    night: Any,
    shared: Any,
    coefficients: Any,
    inverse: Any,
    constant: float,
    survival: Any,
    lasting: Any,
    last_hazard: Any,
    first: Any,
    moves: Any,
    filled: Any,
    base: Any,
    top: Any,
    weights: Any,
    entries: Any,
    due: Any,
    entering: Any,
    left: Any,
    tails: Any,
    product: Any,
    mass: Any,
    n_ages: int,
) -> float:
    """Filter; afterwards ``mass`` is that at the end, and ``product`` what the entries must be multiplied by."""
    n_states, n_occasions = weights.shape
    tail, last = np.zeros(n_states), n_ages - 1
    due[:] = 0.0
    for k in range(n_states):
        mass[k], product[k] = 1.0 / n_states, 1.0
        tail[k] = first[k, last] / n_states
        # Under way at the start: as many of every age as reach it.
        entry = first[k, 0] / n_states
        entering[k, 0] = entry
        entries[k, 0] = 0.0
        later = 0.0
        for a in range(last, 0, -1):
            entries[k, a] = entry
            later += lasting[k, a]
            due[k, a - 1] = entry * later
        _spread(entry, lasting, k, 0, due, last)
    value, scale = 0.0, 1.0
    for t in range(n_occasions):
        if observed[t]:
            if t > 0 and not observed[t - 1]:
                one_density(t, y, shared, coefficients, inverse, constant, base, top, weights)
            total = 0.0
            for k in range(n_states):
                total += mass[k] * weights[k, t]
            inverse_total = 1.0 / total
            for k in range(n_states):
                weights[k, t] *= inverse_total
            value += top[t]
            scale *= total
            if scale < _LEAST or scale > _LARGEST:
                value += np.log(scale)
                scale = 1.0
        else:
            fill(t, night, shared, coefficients, mass, base, filled)
            for k in range(n_states):
                weights[k, t] = 1.0
        for k in range(n_states):
            weight = weights[k, t]
            mass[k] *= weight
            product[k] *= weight
            if product[k] < _LEAST or product[k] > _LARGEST:
                _rescale(product[k], entries, k, t, n_ages)
                _rescale(product[k], due, k, t, n_ages)
                product[k] = 1.0
            tails[k, t] = tail[k] * weight
            ending = tails[k, t] * last_hazard[k]
            left[k, t] = product[k] * due[k, t] + ending
            tail[k] = tails[k, t] - ending + product[k] * entries[k, t + 1] * survival[k, last]
        if t == n_occasions - 1:
            break
        for k in range(n_states):
            arrived = 0.0
            for j in range(n_states):
                arrived += left[j, t] * moves[j, k]
            entering[k, t + 1] = arrived
            entry = arrived / product[k]
            entries[k, t + n_ages] = entry
            _spread(entry, lasting, k, t + 1, due, last)
            mass[k] += arrived - left[k, t]
    return value + float(np.log(scale))


@jit
def _backward(
    weights: Any,
    entries: Any,
    entering: Any,
    left: Any,
    tails: Any,
    product: Any,
    mass: Any,
    survival: Any,
    lasting: Any,
    backwards: Any,
    last_hazard: Any,
    first: Any,
    moves: Any,
    gamma: Any,
    exits: Any,
    stays: Any,
    counts: Any,
    leaving: Any,
    onward: Any,
    in_tail: Any,
    n_ages: int,
) -> None:
    """Smooth: posterior, expected exits and stays by age, expected moves."""
    n_states, n_occasions = weights.shape
    final, last = n_occasions - 1, n_ages - 1
    arrive, depart, waiting = np.zeros(n_states), np.zeros(n_states), np.ones(n_states)
    behind, ended, begun = np.ones(n_states), np.ones(n_states), np.zeros(n_states)
    exits[:] = 0.0
    stays[:] = 0.0
    counts[:] = 0.0
    # Nobody leaves at the end of the series or after it.
    leaving[:, final:] = 0.0
    onward[:] = 0.0
    for k in range(n_states):
        gamma[k, final] = mass[k]
    for t in range(final, -1, -1):
        for k in range(n_states):
            reach, weight = 1.0 / behind[k], weights[k, t]
            if t < final:
                leaving[k, t] = depart[k] * reach
                waiting[k] = last_hazard[k] * depart[k] + (1.0 - last_hazard[k]) * waiting[k]
                exits[k, last] += tails[k, t] * last_hazard[k] * depart[k]
                _spread(leaving[k, t], backwards, k, t, onward, n_ages)
            in_tail[k, t] = waiting[k] * reach
            waiting[k] *= weight
            behind[k] *= weight
            if behind[k] < _LEAST or behind[k] > _LARGEST:
                _rescale(behind[k], leaving, k, t, n_ages)
                _rescale(behind[k], in_tail, k, t, n_ages)
                _rescale(behind[k], onward, k, t, n_ages)
                ended[k] *= behind[k]
                behind[k] = 1.0
            arrive[k] = behind[k] * (onward[k, t + last] + _beyond(k, t, survival, in_tail, ended[k], last))
            _gather(entering[k, t] * behind[k], leaving, k, t, exits, last)
            begun[k] += entering[k, t] * arrive[k]
        if t == 0:
            break
        norm = 0.0
        for k in range(n_states):
            depart[k] = 0.0
            for j in range(n_states):
                value = moves[k, j] * arrive[j]
                depart[k] += value
                counts[k, j] += left[k, t - 1] * value
            stayed = gamma[k, t] - entering[k, t] * arrive[k]
            gamma[k, t - 1] = max(stayed + left[k, t - 1] * depart[k], 0.0)
            norm += gamma[k, t - 1]
        for k in range(n_states):
            gamma[k, t - 1] /= norm
    for k in range(n_states):
        at_start = (first[k, 0] / n_states, behind[k], ended[k], begun[k])
        _account(k, leaving, onward, in_tail, entries, product, survival, lasting, at_start, gamma, exits, stays, last)


@jit
def _beyond(k: int, t: int, survival: Any, in_tail: Any, ended: float, last: int) -> float:
    """Value of an entry at t, perhaps before the start, whose sojourn gets to the last age or to the end."""
    final = in_tail.shape[1] - 1
    return float(survival[k, last] * in_tail[k, t + last] if t + last <= final else survival[k, final - t] * ended)


@jit
def _account(
    k: int,
    leaving: Any,
    onward: Any,
    in_tail: Any,
    entries: Any,
    product: Any,
    survival: Any,
    lasting: Any,
    at_start: Any,
    gamma: Any,
    exits: Any,
    stays: Any,
    last: int,
) -> None:
    """Add sojourns that were under way at the start; who reached an age and neither left nor met the end stays."""
    final = gamma.shape[1] - 1
    entry, behind, ended, begun = at_start
    out_so_far = 0.0
    for a in range(last):
        exits[k, a] = lasting[k, a] * (exits[k, a] + entry * behind * out_so_far)
        out_so_far += leaving[k, a] if a <= final else 0.0
    staying, total = 0.0, 0.0
    for a in range(last):
        if a > 0:
            begun = entry * behind * (onward[k, last - a] + _beyond(k, -a, survival, in_tail, ended, last))
        meets_end = entries[k, final + last - a] * product[k] * survival[k, a]
        staying = max(staying + begun - exits[k, a] - meets_end, 0.0)
        stays[k, a] = staying
        total += staying + exits[k, a]
    spent = 0.0
    for t in range(final):
        spent += gamma[k, t]
    stays[k, last] = max(spent - total - exits[k, last], 0.0)


@jit
def _update(exits: Any, stays: Any, counts: Any, log_leave: Any, log_stay: Any, mean_index: Any, moves: Any) -> None:
    n_states, n_ages = exits.shape
    for k in range(n_states):
        best = -np.inf
        for m in range(log_leave.shape[0]):
            score = dot(exits[k], log_leave[m], n_ages) + dot(stays[k], log_stay[m], n_ages)
            if score > best:
                best = score
                mean_index[k] = m
        total = 0.0
        for j in range(n_states):
            moves[k, j] = 0.0 if j == k else counts[k, j] + _PSEUDO_COUNT
            total += moves[k, j]
        for j in range(n_states):
            moves[k, j] /= total


@jit
def run_batch(
    y: Any,
    observed: Any,
    night: Any,
    x: Any,
    floor: float,
    gamma: Any,
    filled: Any,
    mean_index: Any,
    moves: Any,
    hazards: Any,
    log_leave: Any,
    log_stay: Any,
    first: Any,
    ages: Any,
    n_iterations: int,
) -> Any:
    """Run EM on every series; posterior, filled series, means and moves given are overwritten and returned.

    ``ages`` says per mean beyond which age hardly any sojourn lasts: only ages up to there are gone through.
    """
    n, n_occasions, channels = y.shape
    n_states, all_ages = gamma.shape[2], hazards.shape[1]
    n_rows = n_states + 2 * channels + x.shape[2]
    value = np.full(n, -np.inf)
    coefficients = np.zeros((n, n_rows, channels))
    covariance = np.zeros((n, channels, channels))
    counts = np.zeros((n, n_states, n_states))
    inverse = np.zeros((channels, channels))
    own, base, top = np.zeros((channels, n_occasions)), np.zeros((channels, n_occasions)), np.zeros(n_occasions)
    shared = np.zeros((n_rows - n_states, n_occasions))
    posterior, seen_gamma = np.zeros((n_states, n_occasions)), np.zeros((n_states, n_occasions))
    weights, entering = np.ones((n_states, n_occasions)), np.zeros((n_states, n_occasions))
    left, tails = np.zeros((n_states, n_occasions)), np.zeros((n_states, n_occasions))
    entries, due = np.zeros((n_states, n_occasions + all_ages)), np.zeros((n_states, n_occasions + all_ages))
    leaving, onward = np.zeros((n_states, n_occasions + all_ages)), np.zeros((n_states, n_occasions + all_ages))
    in_tail = np.zeros((n_states, n_occasions))
    exits, stays = np.zeros((n_states, all_ages)), np.zeros((n_states, all_ages))
    survival, lasting = np.zeros((n_states, all_ages)), np.zeros((n_states, all_ages))
    backwards, begin = np.zeros((n_states, all_ages)), np.zeros((n_states, all_ages))
    last_hazard, product, mass = np.zeros(n_states), np.zeros(n_states), np.zeros(n_states)
    gram, right = np.zeros((n_rows, n_rows)), np.zeros((n_rows, channels))
    total_y = np.zeros((channels, channels))
    for s in range(n):
        transposed(y[s], own)
        regressors(own, night, x[s], filled[s], shared)
        n_seen = fixed_moments(own, observed, shared, gram, right, total_y, n_states)
        transposed(gamma[s], posterior)
        for _ in range(n_iterations):
            mask(posterior, observed, seen_gamma)
            maximise(
                own, observed, shared, floor, seen_gamma, gram, right, total_y, n_seen, coefficients[s], covariance[s]
            )
            used = 4
            for k in range(n_states):
                used = max(used, ages[mean_index[s, k]])
            for k in range(n_states):
                row = mean_index[s, k]
                begin[k] = first[row]
                last_hazard[k] = hazards[row, used - 1]
                _tabulate(k, hazards, row, survival, lasting, backwards, used)
            constant = whitener_of(covariance[s], inverse)
            all_densities(own, shared, coefficients[s], inverse, constant, base, top, weights)
            value[s] = _forward(
                own,
                observed,
                night,
                shared,
                coefficients[s],
                inverse,
                constant,
                survival,
                lasting,
                last_hazard,
                begin,
                moves[s],
                filled[s],
                base,
                top,
                weights,
                entries,
                due,
                entering,
                left,
                tails,
                product,
                mass,
                used,
            )
            _backward(
                weights,
                entries,
                entering,
                left,
                tails,
                product,
                mass,
                survival,
                lasting,
                backwards,
                last_hazard,
                begin,
                moves[s],
                posterior,
                exits,
                stays,
                counts[s],
                leaving,
                onward,
                in_tail,
                used,
            )
            _update(exits, stays, counts[s], log_leave, log_stay, mean_index[s], moves[s])
        transposed(posterior, gamma[s])
    return value, coefficients, covariance, gamma, filled, mean_index, moves, counts
