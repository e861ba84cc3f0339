"""Numba twin of the age-expanded chain: the same sums, one series after the other, ordered by entry into a phase.

Between entry and exit a phase multiplies its densities, whatever its age: a probability of entering, divided by the
product of densities so far, stays as it is while the sojourn lasts. An entry can therefore be spread over the occasions
at which it may end, forward, and an exit over those at which it may have begun, backward: rows of numbers that a
processor adds side by side, instead of a pass through the ages at every occasion. A sojourn that reaches the last age
waits in a tail there. Index letters: t occasion, k and j phases, a age; what belongs to an entry at t stands at
t + n_ages - 1, so that sojourns under way at the start have places too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from reldyn._kernels import inlined, jit
from reldyn.markov.regimes._emission_numba import (
    LEAST,
    all_densities,
    bridge,
    dot,
    lay_out,
    lean,
    log_product,
    mask,
    maximise,
    regression_of,
    series_of,
    transposed,
)

_PSEUDO_COUNT = 0.5
# Products of densities are taken into the entries or exits before they leave this range.
SMALLEST, LARGEST = 1e-100, 1e100
# Share of a mass that is left after repeated leaving, below which differences have lost too many digits.
LOST = 1e-4


class Durations(NamedTuple):
    """Sojourns of every phase: (K, A) probabilities, and what happens at the last age."""

    survival: Any  # of reaching an age
    lasting: Any  # of leaving at an age; zero at the last
    backwards: Any  # the same from the last age down
    start: Any  # of an age at the first occasion
    last_hazard: Any  # (K,)


class Flow(NamedTuple):
    """Who enters and leaves a phase when, of one series."""

    mass: Any  # (K,): in a phase, given the past
    product: Any  # (K,): densities since `entries` and `due` were last scaled
    entering: Any  # (K, T): entered, given the past
    left: Any  # (K, T): leaves, given the past and present
    tails: Any  # (K, T): in the last age, likewise
    entries: Any  # (K, T + A): entered and still there, over `product`
    due: Any  # (K, T + A): leaves at an occasion, over `product`
    leaving: Any  # (K, T + A): density of the rest, leaving here, over the densities up to here
    onward: Any  # (K, T + A): the same, summed over ends, by entry
    in_tail: Any  # (K, T): the same, being in the last age here
    tail: Any  # (K,): goes on in the last age
    share_left: Any  # (K,): of a mass, since it was last summed
    back: Any  # (6, K): arrive, depart, waiting, behind, ended, begun: the way back


@jit
def durations_of(n_states: int, n_ages: int) -> Any:
    """Room for `Durations`."""
    by_age = np.zeros((4, n_states, n_ages))
    return Durations(by_age[0], by_age[1], by_age[2], by_age[3], np.zeros(n_states))


@jit
def flow_of(mass: Any, n_occasions: int, n_ages: int) -> Any:
    """Room for `Flow`."""
    n_states = mass.shape[0]
    by_phase, by_time = np.zeros((3, n_states)), np.zeros((4, n_states, n_occasions))
    beyond_end = np.zeros((4, n_states, n_occasions + n_ages))
    return Flow(
        mass,
        by_phase[0],
        by_time[0],
        by_time[1],
        by_time[2],
        beyond_end[0],
        beyond_end[1],
        beyond_end[2],
        beyond_end[3],
        by_time[3],
        by_phase[1],
        by_phase[2],
        np.zeros((6, n_states)),
    )


@inlined
def tabulate(k: int, hazards: Any, first: Any, row: int, durations: Any, n_ages: int) -> None:
    """Write what phase k has from row ``row`` of the tables."""
    alive = 1.0
    for a in range(n_ages):
        durations.start[k, a] = first[row, a]
        durations.survival[k, a] = alive
        durations.lasting[k, a] = alive * hazards[row, a] if a < n_ages - 1 else 0.0
        durations.backwards[k, n_ages - 1 - a] = durations.lasting[k, a]
        alive *= 1.0 - hazards[row, a]
    durations.last_hazard[k] = hazards[row, n_ages - 1]


@inlined
def spread(share: float, table: Any, k: int, t: int, sums: Any, n: int) -> None:
    """Add a share of row k of a table to row k of sums, from t on."""
    # Signed places would be checked at every step.
    row, place = np.uintp(k), np.uintp(t)
    for a in range(n):
        sums[row, place + np.uintp(a)] += share * table[row, np.uintp(a)]


@inlined
def gather(share: float, series: Any, k: int, t: int, sums: Any, n: int) -> None:
    """Add a share of row k of a series, from t on, to row k of sums."""
    row, place = np.uintp(k), np.uintp(t)
    for a in range(n):
        sums[row, np.uintp(a)] += share * series[row, place + np.uintp(a)]


@inlined
def rescale(factor: float, series: Any, k: int, t: int, n: int) -> None:
    """Multiply part of a row."""
    for i in range(t, min(t + n, series.shape[1])):
        series[k, i] *= factor


@inlined
def begin(durations: Any, flow: Any, tail: Any, last: int) -> None:
    """Put into every phase the sojourns that are under way at the start: as many of every age as reach it."""
    n_states = tail.shape[0]
    flow.due[:] = 0.0
    for k in range(n_states):
        flow.mass[k], flow.product[k] = 1.0 / n_states, 1.0
        tail[k] = durations.start[k, last] / n_states
        entry, later = durations.start[k, 0] / n_states, 0.0
        flow.entering[k, 0] = entry
        flow.entries[k, 0] = 0.0
        for a in range(last, 0, -1):
            flow.entries[k, a] = entry
            later += durations.lasting[k, a]
            flow.due[k, a - 1] = entry * later
        spread(entry, durations.lasting, k, 0, flow.due, last)


@inlined
def _forward(
    series: Any,
    coefficients: Any,
    constant: float,
    durations: Any,
    moves: Any,
    filled: Any,
    flow: Any,
    totals: Any,
    n_ages: int,
) -> None:
    """Filter."""
    weights = series.weights
    survival, lasting, last_hazard = durations.survival, durations.lasting, durations.last_hazard
    mass, product, left, tails = flow.mass, flow.product, flow.left, flow.tails
    entries, due, entering, whole = flow.entries, flow.due, flow.entering, series.whole
    n_states, n_occasions = weights.shape
    tail, share_left, last = flow.tail, flow.share_left, n_ages - 1
    share_left[:] = 1.0
    begin(durations, flow, tail, last)
    for t in range(n_occasions):
        if not whole[t]:
            bridge(t, series, coefficients, constant, filled)
        total = 0.0
        for k in range(n_states):
            total += mass[k] * weights[k, t]
        total = max(total, LEAST)
        totals[t], share = total, 1.0 / total
        for k in range(n_states):
            weights[k, t] *= share
            weight = weights[k, t]
            mass[k] *= weight
            product[k] *= weight
            if product[k] < SMALLEST or product[k] > LARGEST:
                rescale(product[k], entries, k, t, n_ages)
                rescale(product[k], due, k, t, n_ages)
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
            # The last age, at which nobody leaves, is taken along to fill whole blocks of a processor's lanes.
            spread(entry, lasting, k, t + 1, due, n_ages)
            stayed = mass[k] - left[k, t]
            share_left[k] *= max(stayed, 0.0) / max(mass[k], 1e-300)
            if share_left[k] < LOST:
                stayed = still_there(k, t, durations, flow, tail, last)
                share_left[k] = 1.0
            mass[k] = max(stayed + arrived, LEAST)


@inlined
def still_there(k: int, t: int, durations: Any, flow: Any, tail: Any, last: int) -> float:
    """Sum over entries so far what goes on in phase k after t: never negative, whatever has left."""
    value = 0.0
    for a in range(1, last):
        value += flow.entries[k, t + 1 + last - a] * durations.survival[k, a]
    return float(value * flow.product[k] + tail[k])


@inlined
def begin_back(flow: Any, exits: Any) -> None:
    """Forget the way back of the series before; nobody leaves at the end of this one or after it."""
    flow.back[:] = 0.0
    # Waiting in the last age, behind, and ended.
    for which in (2, 3, 4):
        for k in range(flow.back.shape[1]):
            flow.back[which, k] = 1.0
    exits[:] = 0.0
    flow.leaving[:, flow.left.shape[1] - 1 :] = 0.0
    flow.onward[:] = 0.0


@inlined
def leave_back(k: int, t: int, durations: Any, flow: Any, exits: Any, n_ages: int) -> None:
    """Take in what leaving phase k after t is worth, and waiting in its last age."""
    depart, waiting, hazard = flow.back[1, k], flow.back[2, k], durations.last_hazard[k]
    reach = 1.0 / flow.back[3, k]
    if t < flow.left.shape[1] - 1:
        flow.leaving[k, t] = depart * reach
        waiting = hazard * depart + (1.0 - hazard) * waiting
        exits[k, n_ages - 1] += flow.tails[k, t] * hazard * depart
        spread(flow.leaving[k, t], durations.backwards, k, t, flow.onward, n_ages)
    flow.back[2, k] = waiting
    flow.in_tail[k, t] = waiting * reach


@inlined
def weigh_back(k: int, t: int, weight: float, flow: Any, n_ages: int) -> None:
    """Take in the density at t of phase k."""
    flow.back[2, k] *= weight
    flow.back[3, k] *= weight
    behind = flow.back[3, k]
    if behind < SMALLEST or behind > LARGEST:
        rescale(behind, flow.leaving, k, t, n_ages)
        rescale(behind, flow.in_tail, k, t, n_ages)
        rescale(behind, flow.onward, k, t, n_ages)
        flow.back[4, k] *= behind
        flow.back[3, k] = 1.0


@inlined
def arrive_back(k: int, t: int, durations: Any, flow: Any, exits: Any, last: int) -> None:
    """Say what an arrival in phase k at t is worth, and add its exits by age."""
    behind, ended, entering = flow.back[3, k], flow.back[4, k], flow.entering[k, t]
    later = flow.onward[k, t + last] + beyond(k, t, durations.survival, flow.in_tail, ended, last)
    flow.back[0, k] = behind * later
    # Taken along to fill whole blocks of a processor's lanes; what leaves at the last age comes from the tail alone.
    from_tail = exits[k, last]
    gather(entering * behind, flow.leaving, k, t, exits, last + 1)
    exits[k, last] = from_tail
    flow.back[5, k] += entering * flow.back[0, k]


@inlined
def _backward(
    weights: Any, durations: Any, moves: Any, flow: Any, gamma: Any, exits: Any, stays: Any, counts: Any, n_ages: int
) -> None:
    """Smooth: posterior, expected exits and stays by age, expected moves."""
    entering, left = flow.entering, flow.left
    n_states, n_occasions = weights.shape
    final, last = n_occasions - 1, n_ages - 1
    arrive, depart = flow.back[0], flow.back[1]
    behind, ended, begun = flow.back[3], flow.back[4], flow.back[5]
    begin_back(flow, exits)
    counts[:] = 0.0
    for t in range(final, -1, -1):
        for k in range(n_states):
            leave_back(k, t, durations, flow, exits, n_ages)
            weigh_back(k, t, weights[k, t], flow, n_ages)
            arrive_back(k, t, durations, flow, exits, last)
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
        norm = max(norm, LEAST)
        for k in range(n_states):
            gamma[k, t - 1] /= norm
    for k in range(n_states):
        at_start = (durations.start[k, 0] / n_states, behind[k], ended[k], begun[k])
        account(k, durations, flow, at_start, gamma, exits, stays, last)


@inlined
def beyond(k: int, t: int, survival: Any, in_tail: Any, ended: float, last: int) -> float:
    """Value of an entry at t, perhaps before the start, whose sojourn gets to the last age or to the end."""
    final = in_tail.shape[1] - 1
    return float(survival[k, last] * in_tail[k, t + last] if t + last <= final else survival[k, final - t] * ended)


@inlined
def account(k: int, durations: Any, flow: Any, at_start: Any, gamma: Any, exits: Any, stays: Any, last: int) -> None:
    """Add sojourns that were under way at the start; who reached an age and neither left nor met the end stays."""
    final = gamma.shape[1] - 1
    entry, behind, ended, begun = at_start
    out_so_far = 0.0
    for a in range(last):
        exits[k, a] = durations.lasting[k, a] * (exits[k, a] + entry * behind * out_so_far)
        out_so_far += flow.leaving[k, a] if a <= final else 0.0
    stays[k] = 0.0
    staying, total = 0.0, 0.0
    for a in range(last):
        if a > 0:
            onward = flow.onward[k, last - a] + beyond(k, -a, durations.survival, flow.in_tail, ended, last)
            begun = entry * behind * onward
        meets_end = flow.entries[k, final + last - a] * flow.product[k] * durations.survival[k, a]
        staying = max(staying + begun - exits[k, a] - meets_end, 0.0)
        stays[k, a] = staying
        total += staying + exits[k, a]
    spent = 0.0
    for t in range(final):
        spent += gamma[k, t]
    stays[k, last] = max(spent - total - exits[k, last], 0.0)


@inlined
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
    floor: Any,
    gamma: Any,
    filled: Any,
    mean_index: Any,
    moves: Any,
    hazards: Any,
    log_leave: Any,
    log_stay: Any,
    first: Any,
    prior_lags: Any,
    prior_occasions: float,
    n_iterations: int,
    tolerance: float,
) -> Any:
    """Run EM on every series; posterior, filled series, means and moves given are overwritten and returned."""
    n, n_occasions, channels = y.shape
    n_states, n_ages = gamma.shape[2], hazards.shape[1]
    n_rows = n_states + 2 * channels + x.shape[2]
    value = np.full(n, -np.inf)
    coefficients = np.zeros((n, n_rows, channels))
    covariance = np.zeros((n, channels, channels))
    counts = np.zeros((n, n_states, n_states))
    series = series_of(observed, night, channels, n_rows - n_states, n_states)
    durations, flow = durations_of(n_states, n_ages), flow_of(series.mass, n_occasions, n_ages)
    exits, stays = np.zeros((n_states, n_ages)), np.zeros((n_states, n_ages))
    answered_gamma, totals = np.zeros((n_states, n_occasions)), np.ones(n_occasions)
    posterior = np.zeros((n_states, n_occasions))
    regression = regression_of(n_rows, channels)
    for s in range(n):
        n_answered = lay_out(series, regression, y[s], x[s], filled[s], n_states)
        lean(prior_lags, prior_occasions, n_states, regression.fixed_gram, regression.fixed_right, regression.total)
        transposed(gamma[s], posterior)
        for _ in range(n_iterations):
            mask(posterior, observed, answered_gamma)
            maximise(series, regression, floor[s], answered_gamma, n_answered, coefficients[s], covariance[s])
            for k in range(n_states):
                tabulate(k, hazards, first, mean_index[s, k], durations, n_ages)
            constant = all_densities(series, coefficients[s], covariance[s])
            _forward(series, coefficients[s], constant, durations, moves[s], filled[s], flow, totals, n_ages)
            new = log_product(series.top, totals)
            change = abs(new - value[s])
            value[s] = new
            for k in range(n_states):
                posterior[k, n_occasions - 1] = flow.mass[k]
            _backward(series.weights, durations, moves[s], flow, posterior, exits, stays, counts[s], n_ages)
            _update(exits, stays, counts[s], log_leave, log_stay, mean_index[s], moves[s])
            if change < tolerance:
                break
        transposed(posterior, gamma[s])
    return value, coefficients, covariance, gamma, filled, mean_index, moves, counts
