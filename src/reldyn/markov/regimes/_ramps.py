"""Gradual phases: a level that moves towards a switching attractor, one step per occasion.

y_t = (1 - w_t) mu_0 + w_t mu_1 + A' y_{t-1} + B' x_t + e_t with w = p / q. The position p lies between 0 and q and
moves by one towards the attractor, 0 or q, which turns with a probability of its own on each side. With q = 1 this is
the switching model of two states. Emission, gaps and covariance as in `_switching`; a state of the chain is a
position and its attractor.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._kernels import Kernels, chosen_kernels
from reldyn._types import Array
from reldyn.markov._batch import Batch
from reldyn.markov.regimes._switching import (
    LEAST,
    UNLIKELIEST,
    Emission,
    MemoryPrior,
    SwitchingData,
    contiguous,
    maximise,
    repeat_steps,
)

# Occasions from one level to the other that are tried.
RAMP_STEPS = (2, 3, 5)
# An attractor is held for three to forty occasions on average.
LEAST_TURN, MOST_TURN = 1 / 40, 1 / 3
_START_TURN = 1 / 8
# Probability that a series begins at a level, rather than between the two.
_BEGINS_AT_END = 2 / 3
# Where a state is all but impossible its future has no bound; times any weight this is still a number.
_LARGEST = 1e200


@dataclasses.dataclass(frozen=True, slots=True)
class RampFit(Batch):
    """A batch of fits at one number of steps; enough to go on from.

    Attributes
    ----------
    log_likelihood : (n_series,) array
    coefficients : (n_series, 2 + 2 C + R, C) array
        Rows: both levels, lag by day, lag by night, covariates.
    covariance : (n_series, C, C) array
    turn : (n_series, 2) array
        Probability that each attractor is left.
    posterior : (n_series, T, q + 1) array
        Of the positions.
    turns : (n_series, 2, 2) array
        By attractor: expected number of turns, and of occasions at which it could.
    filled : (n_series, T, C) array
        ``y`` with predictions where it was missing.
    """

    log_likelihood: Array
    coefficients: Array
    covariance: Array
    turn: Array
    posterior: Array
    turns: Array
    filled: Array


def fit_ramps(
    data: SwitchingData,
    posterior: Array,
    steps: int,
    *,
    n_iterations: int = 25,
    tolerance: float = 1e-3,
    start: RampFit | None = None,
    memory: MemoryPrior | None = None,
    kernels: Kernels | None = None,
) -> RampFit:
    """Run EM on every series from the posterior of two phases.

    Parameters
    ----------
    data : SwitchingData
    posterior : (n, T, 2) array
        Probabilities of the two levels to start from; ignored when ``start`` is given.
    steps : int
        Occasions from one level to the other, at least one.
    n_iterations : int, default 25
        At most so many steps; the likelihood returned belongs to the parameters returned.
    tolerance : float, default 1e-3
        A series stops once its log-likelihood changes by less.
    start : RampFit, optional
        Go on from here.
    memory : MemoryPrior, optional
        Flat by default. It is no part of the log-likelihood returned.
    kernels : {"numpy", "numba"}, optional

    Returns
    -------
    RampFit

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> level = np.convolve(np.repeat([-2.0, 2.0] * 8, 12), np.ones(3) / 3)[:192]
    >>> y = (level + 0.5 * rng.standard_normal(192))[None, :, None]
    >>> seen, never = np.ones(192, dtype=bool), np.zeros(192, dtype=bool)
    >>> data = SwitchingData(y, seen, never, np.zeros((1, 192, 0)))
    >>> start = np.where(y > 0, [0.1, 0.9], [0.9, 0.1])
    >>> gradual, abrupt = (fit_ramps(data, start, steps).log_likelihood[0] for steps in (3, 1))
    >>> bool(gradual > abrupt + 5)
    True
    """
    n, n_occasions = data.y.shape[:2]
    if start is None:
        positions = np.zeros((n, n_occasions, steps + 1))
        positions[:, :, 0], positions[:, :, -1] = posterior[:, :, 0], posterior[:, :, 1]
        turns = np.tile([_START_TURN, 1.0], (n, 2, 1))
        filled = np.where(data.observed[None, :, None], data.y, 0.0)
    else:
        positions, turns, filled = np.array(start.posterior), np.array(start.turns), np.array(start.filled)
    if chosen_kernels(kernels) == "numba":
        from reldyn.markov.regimes._ramps_numba import run_batch

        prior = MemoryPrior(0.0, 0.0) if memory is None else memory
        return RampFit(
            *run_batch(
                *contiguous(data),
                positions,
                turns,
                filled,
                _begin(steps),
                prior.lags(data.y.shape[2]),
                float(prior.occasions),
                int(n_iterations),
                float(tolerance),
            )
        )
    return _run(data, positions, turns, filled, n_iterations, tolerance, memory)


def _begin(steps: int) -> Array:
    """Probabilities of attractor and position at the first occasion: (2, q + 1), half on each side."""
    first = np.zeros((2, steps + 1))
    if steps > 1:
        first[:, 1:-1] = 0.5 * (1 - _BEGINS_AT_END) / (steps - 1)
    first[0, 0] = first[1, -1] = 0.5 - first[0, 1:-1].sum()
    return first


def _run(
    data: SwitchingData,
    positions: Array,
    turns: Array,
    filled: Array,
    n_iterations: int,
    tolerance: float,
    memory: MemoryPrior | None,
) -> RampFit:
    n, channels = len(data.y), data.y.shape[2]
    design = level_shares(positions.shape[2] - 1)
    out = RampFit(
        np.full(n, -np.inf),
        np.zeros((n, 2 + 2 * channels + data.x.shape[2], channels)),
        np.zeros((n, channels, channels)),
        np.zeros((n, 2)),
        positions,
        turns,
        filled,
    )

    def step(part: SwitchingData, fit: RampFit) -> tuple[Array, ...]:
        coefficients, covariance = maximise(part, fit.posterior, fit.filled, design, memory)
        turn = np.clip(fit.turns[:, :, 0] / np.maximum(fit.turns[:, :, 1], LEAST), LEAST_TURN, MOST_TURN)
        value, posterior, turns, lagged = ramp_expect(part, coefficients, covariance, turn, positions.shape[2] - 1)
        return value, coefficients, covariance, turn, posterior, turns, lagged

    repeat_steps(out, data, step, n_iterations, tolerance)
    return out


def level_shares(steps: int) -> Array:
    """Shares of both levels at every position: (q + 1, 2)."""
    position = np.arange(steps + 1) / steps
    return np.column_stack([1 - position, position])


def ramp_expect(
    data: SwitchingData, coefficients: Array, covariance: Array, turn: Array, steps: int
) -> tuple[Array, Array, Array, Array]:
    """Run the scaled forward-backward pass at fixed parameters.

    Returns
    -------
    (n,) log-likelihood, (n, T, q + 1) posterior of positions, (n, 2, 2) turns, (n, T, C) filled series
    """
    n, n_occasions = data.y.shape[:2]
    levels = np.matmul(level_shares(steps), coefficients[:, :2])
    emission = Emission(data, np.concatenate([levels, coefficients[:, 2:]], axis=1), covariance, steps + 1)
    forward = np.empty((n, n_occasions, 2, steps + 1))
    weights, value = np.ones((n, n_occasions, steps + 1)), np.zeros(n)
    held, left = 1 - turn[:, :, None], turn[:, :, None]
    here = np.tile(_begin(steps), (n, 1, 1))
    for t in range(n_occasions):
        log_density, mass = emission.log_density(t), here.sum(axis=1)
        if log_density is None:
            emission.fill(t, mass)
        else:
            top = log_density.max(axis=1)
            density = np.exp(np.maximum(log_density - top[:, None], UNLIKELIEST))
            total = np.maximum((mass * density).sum(axis=1), LEAST)
            weights[:, t] = density / total[:, None]
            value += np.log(total) + top
        forward[:, t] = here * weights[:, t, None]
        towards = held * forward[:, t] + (left * forward[:, t])[:, ::-1]
        here = np.zeros_like(towards)
        here[:, 0, :-1], here[:, 1, 1:] = towards[:, 0, 1:], towards[:, 1, :-1]
        here[:, 0, 0] += towards[:, 0, 0]
        here[:, 1, -1] += towards[:, 1, -1]
    return (value, *_smooth(forward, weights, held, left), emission.filled)


def _smooth(forward: Array, weights: Array, held: Array, left: Array) -> tuple[Array, Array]:
    """(n, T, q + 1) posterior of positions and (n, 2, 2) turns."""
    posterior, turns = forward.sum(axis=2), np.zeros((len(forward), 2, 2))
    ahead = np.ones_like(forward[:, 0])
    down = np.maximum(np.arange(forward.shape[3]) - 1, 0)
    up = np.minimum(np.arange(forward.shape[3]) + 1, forward.shape[3] - 1)
    for t in range(forward.shape[1] - 1, 0, -1):
        weighted = ahead * weights[:, t, None]
        there = np.stack([weighted[:, 0, down], weighted[:, 1, up]], axis=1)
        leaving = left * there[:, ::-1]
        ahead = np.minimum(held * there + leaving, _LARGEST)
        past = forward[:, t - 1]
        turns[:, :, 0] += (past * leaving).sum(axis=2)
        turns[:, :, 1] += (past * ahead).sum(axis=2)
        joint = (past * ahead).sum(axis=1)
        posterior[:, t - 1] = joint / np.maximum(joint.sum(axis=1, keepdims=True), LEAST)
    return posterior, turns
