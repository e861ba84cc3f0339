"""Scaled forward-backward recursions over many series and starts at once (Rabiner 1989; Guedon 2003).

Arrays are ``(starts, states, occasions, series)``: the loop in Python runs over occasions only. Under
explicit sojourns the chain is expanded by the age of the visit, ``(starts, states, ages, series)`` at each
occasion; at the last age the visit goes on with the last hazard. Where ``RELDYN_KERNELS`` is ``numba`` the
compiled twins of `_compiled` do the same work; the functions here are the reference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._kernels import chosen_kernels
from reldyn._types import Array, Flags
from reldyn.markov._batch import Batch

TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Moments(Batch):
    """Expected weighted cross-products of every state.

    Attributes
    ----------
    zz : (starts, states, f, f)
        Of the regressors: 1, lags and covariates and, last, the skewing variable.
    zr : (starts, states, f, channels)
    rr : (starts, states, channels, channels)
    count : (starts, states)
    """

    zz: Array
    zr: Array
    rr: Array
    count: Array


@dataclass(frozen=True, slots=True)
class Expected:
    """What the recursions hand to the M-step.

    Attributes
    ----------
    log_likelihood : (starts, series)
    posterior : (starts, states, occasions, series)
        Empty where only its moments were kept.
    moves : (starts, states, states)
        Expected transitions, summed over series; under explicit sojourns moves to another state only.
    exits, stays, first : (starts, states, ages) or None
        Expected visits that ended, or went on, at each age; expected ages at the first occasion.
    initial : (starts, states) or None
        Expected first states, summed over series, where the posterior was not kept.
    moments : Moments or None
        Of the outcomes, where they were summed on the way.
    """

    log_likelihood: Array
    posterior: Array
    moves: Array
    exits: Array | None = None
    stays: Array | None = None
    first: Array | None = None
    initial: Array | None = None
    moments: Moments | None = None


def scaled(log_density: Array) -> tuple[Array, Array]:
    """Return densities divided by the largest over states, and the logarithm of that divisor."""
    top = log_density.max(axis=1)
    return np.exp(log_density - top[:, None]), top


def forward_backward(log_density: Array, initial: Array, transition: Array, inside: Flags) -> Expected:
    """Run the recursions of a geometric chain.

    Parameters
    ----------
    log_density : (starts, states, occasions, series)
        0 where nothing was observed: the emission is skipped, the transition is kept.
    initial : (starts, states)
    transition : (starts, states, states)
    inside : (occasions, series)
        False after the end of a series.
    """
    density, top = scaled(log_density)
    if chosen_kernels() == "numba":
        from reldyn.markov.hmm._compiled import chain_kernel

        log_scale, posterior, moves = chain_kernel(density, initial, transition, inside)
    else:
        log_scale, posterior, moves = _chain(density, initial, transition, inside)
    return Expected(log_scale + top.sum(1), posterior, moves)


def _chain(density: Array, initial: Array, transition: Array, inside: Flags) -> tuple[Array, Array, Array]:
    s, k, t_end, n = density.shape
    alpha, total = np.empty_like(density), np.empty((s, t_end, n))
    onward = np.ascontiguousarray(transition.swapaxes(1, 2))
    now = np.broadcast_to(initial[:, :, None], (s, k, n)) * density[:, :, 0]
    for t in range(t_end):
        if t:
            now = np.matmul(onward, now)
            now *= density[:, :, t]
        mass = np.add.reduce(now, axis=1)
        np.maximum(mass, TINY, out=mass)
        now /= mass[:, None]
        alpha[:, :, t], total[:, t] = now, mass
    ahead = np.empty_like(density)
    density_over = density / total[:, None]
    beta = np.ones((s, k, n))
    posterior = alpha
    last = alpha[:, :, : t_end - 1].copy()
    for t in range(t_end - 1, 0, -1):
        np.multiply(density_over[:, :, t], beta, out=ahead[:, :, t])
        beta = np.matmul(transition, ahead[:, :, t])
        posterior[:, :, t - 1] *= beta
    weighted = ahead[:, :, 1:] if inside.all() else ahead[:, :, 1:] * inside[1:]
    pairs = np.matmul(last.reshape(s, k, -1), weighted.reshape(s, k, -1).swapaxes(1, 2))
    return np.log(total).sum(1), posterior, transition * pairs


def forward(log_density: Array, initial: Array, transition: Array) -> Array:
    """Log-likelihood of every start and series, without the backward pass."""
    density, top = scaled(log_density)
    s, k, t_end, n = density.shape
    onward = np.ascontiguousarray(transition.swapaxes(1, 2))
    total = np.empty((s, t_end, n))
    now = np.broadcast_to(initial[:, :, None], (s, k, n)) * density[:, :, 0]
    for t in range(t_end):
        if t:
            now = np.matmul(onward, now) * density[:, :, t]
        mass = np.maximum(now.sum(1), TINY)
        now = now / mass[:, None]
        total[:, t] = mass
    return np.asarray(np.log(total).sum(1) + top.sum(1))


def sojourn_forward_backward(
    log_density: Array, initial: Array, transition: Array, hazard: Array, start_age: Array, inside: Flags
) -> Expected:
    """Run the recursions of the chain expanded by age.

    Parameters
    ----------
    hazard : (starts, states, ages)
        Probability that a visit that has lasted ``age`` occasions ends with it.
    start_age : (starts, states, ages)
        Distribution of the age at the first occasion.
    """
    density, top = scaled(log_density)
    given = (density, initial, transition, hazard, start_age, inside)
    if chosen_kernels() == "numba":
        from reldyn.markov.hmm._compiled import sojourn_kernel

        log_scale, posterior, moves, exits, stays, first = sojourn_kernel(*given)
    else:
        log_scale, posterior, moves, exits, stays, first = _sojourn(*given)
    return Expected(log_scale + top.sum(1), posterior, moves, exits, stays, first)


def age_forward(now: Array, transition: Array, hazard: Array) -> Array:
    """Move filtered (starts, states, ages, series) probabilities one occasion on."""
    leaving = np.matmul(transition.swapaxes(1, 2), (now * hazard[..., None]).sum(2))
    staying = now * (1.0 - hazard)[..., None]
    moved = np.empty_like(now)
    moved[:, :, 0] = leaving
    moved[:, :, 1:] = staying[:, :, :-1]
    moved[:, :, -1] += staying[:, :, -1]
    return moved


def _sojourn(
    density: Array, initial: Array, transition: Array, hazard: Array, start_age: Array, inside: Flags
) -> tuple[Array, Array, Array, Array, Array, Array]:
    s, k, t_end, n = density.shape
    ages = hazard.shape[2]
    alpha, total = np.empty((t_end, s, k, ages, n)), np.empty((s, t_end, n))
    now = np.broadcast_to((initial[:, :, None] * start_age)[..., None], (s, k, ages, n)) * density[:, :, None, 0]
    for t in range(t_end):
        if t:
            now = age_forward(now, transition, hazard) * density[:, :, None, t]
        mass = np.maximum(now.sum((1, 2)), TINY)
        now = now / mass[:, None, None]
        alpha[t], total[:, t] = now, mass
    posterior = np.empty_like(density)
    moves, exits, stays = np.zeros((s, k, k)), np.zeros((s, k, ages)), np.zeros((s, k, ages))
    leave, remain = hazard[..., None], (1.0 - hazard)[..., None]
    beta = np.ones((s, k, ages, n))
    posterior[:, :, t_end - 1] = now.sum(2)
    for t in range(t_end - 1, 0, -1):
        ahead = beta * (density[:, :, t] / total[:, None, t])[:, :, None]
        older = np.concatenate([ahead[:, :, 1:], ahead[:, :, -1:]], axis=2)
        arrive = np.matmul(transition, ahead[:, :, 0])[:, :, None]
        weight = alpha[t - 1] * inside[t]
        ended = weight * leave
        exits += (ended * arrive).sum(-1)
        stays += (weight * remain * older).sum(-1)
        moves += transition * np.matmul(ended.sum(2), ahead[:, :, 0].swapaxes(1, 2))
        beta = leave * arrive + remain * older
        alpha[t - 1] *= beta
        posterior[:, :, t - 1] = alpha[t - 1].sum(2)
    return np.log(total).sum(1), posterior, moves, exits, stays, alpha[0].sum(-1)


def sojourn_forward(log_density: Array, initial: Array, transition: Array, hazard: Array, start_age: Array) -> Array:
    """Log-likelihood of every start and series under explicit sojourns, without the backward pass."""
    density, top = scaled(log_density)
    s, k, t_end, n = density.shape
    total = np.empty((s, t_end, n))
    now = np.broadcast_to((initial[:, :, None] * start_age)[..., None], (s, k, hazard.shape[2], n))
    for t in range(t_end):
        if t:
            now = age_forward(now, transition, hazard)
        now = now * density[:, :, None, t]
        mass = np.maximum(now.sum((1, 2)), TINY)
        now = now / mass[:, None, None]
        total[:, t] = mass
    return np.asarray(np.log(total).sum(1) + top.sum(1))
