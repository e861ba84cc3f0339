"""Lags and covariates as regressors; lagged values that were not observed are predicted one step ahead.

The prediction of a missing value is its mean given the past and the filtered state probabilities of its
occasion. Before the first occasion the channel's mean stands for the past, and the first occasions of a series
are conditioned upon. Under explicit sojourns the filter runs over ages as well.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reldyn._types import Array
from reldyn.markov.hmm._density import interval_probability, log_density, probit_bounds, slopes
from reldyn.markov.hmm._durations import OLDEST, hazards
from reldyn.markov.hmm._parameters import Design, Parameters, mean_offset
from reldyn.markov.hmm._problem import Problem, patterns_of
from reldyn.markov.hmm._recursions import TINY, age_forward


def regressors_of(problem: Problem, values: Array) -> Array:
    """Arrange (starts, channels, occasions, series) values as lags, covariates behind them; rows last."""
    s, _, t_end, n = values.shape
    parts = []
    for kind in range(problem.n_kinds if problem.n_lags else 0):
        here = problem.kinds == kind
        for lag in range(1, problem.n_lags + 1):
            past = np.zeros_like(values)
            past[:, :, lag:] = values[:, :, :-lag]
            parts.append(past * here)
    parts.append(np.broadcast_to(problem.x, (s, *problem.x.shape)))
    return np.concatenate(parts, axis=1).reshape(s, -1, t_end * n)


def occasion_slices(problem: Problem) -> tuple[Problem, ...]:
    """Return the problem of each occasion by itself."""
    return tuple(
        replace(
            problem,
            y=problem.y[:, t : t + 1],
            observed=problem.observed[:, t : t + 1],
            used=problem.used[t : t + 1],
            patterns=patterns_of(problem.observed[:, t : t + 1], problem.used[t : t + 1]),
        )
        for t in range(problem.n_occasions)
    )


def predicted_regressors(
    problem: Problem, design: Design, p: Parameters, slices: tuple[Problem, ...]
) -> tuple[Array, Array]:
    """Return the regressors with predictions filled in, and the filled values (starts, channels, occasions, series)."""
    values = np.tile(problem.lagged, (p.n_starts, 1, 1, 1))
    now: Array | None = None
    hazard = hazards(p.mean_stay, p.size_stay, OLDEST) if design.duration != "geometric" else None
    for t, piece in enumerate(slices):
        z = _at(problem, values, t)
        dense = log_density(piece, design, p, z)[:, :, 0]
        now, states = _filtered(p, hazard, now, dense)
        lost = problem.inside[t] & ~problem.observed[:, t]
        if lost.any():
            values[:, :, t] = np.where(lost, _predicted(problem, design, p, z, states), values[:, :, t])
    return regressors_of(problem, values), values


def _at(problem: Problem, values: Array, t: int) -> Array:
    """Regressors of one occasion, (starts, regressors, series)."""
    parts = []
    for kind in range(problem.n_kinds if problem.n_lags else 0):
        here = problem.kinds[t] == kind
        for lag in range(1, problem.n_lags + 1):
            past = values[:, :, t - lag] if t >= lag else np.zeros_like(values[:, :, 0])
            parts.append(past * here)
    parts.append(np.broadcast_to(problem.x[:, t], (len(values), *problem.x[:, t].shape)))
    return np.concatenate(parts, axis=1)


def _filtered(
    p: Parameters, hazard: tuple[Array, Array] | None, past: Array | None, log_dense: Array
) -> tuple[Array, Array]:
    """One step of the filter: what to carry on, and the state probabilities (starts, states, series)."""
    dense = np.exp(log_dense - log_dense.max(1, keepdims=True))
    if hazard is None:
        ahead = p.initial[..., None] if past is None else np.matmul(p.transition.swapaxes(1, 2), past)
        now = ahead * dense
        now = now / np.maximum(now.sum(1, keepdims=True), TINY)
        return now, now
    if past is None:
        aged = (p.initial[:, :, None] * hazard[1])[..., None] * dense[:, :, None]
    else:
        aged = age_forward(past, p.transition, hazard[0]) * dense[:, :, None]
    aged = aged / np.maximum(aged.sum((1, 2), keepdims=True), TINY)
    return aged, aged.sum(2)


def _predicted(problem: Problem, design: Design, p: Parameters, z: Array, states: Array) -> Array:
    """Mean of every channel given the state probabilities, in units of the lagged values."""
    scale = problem.scale
    shift = slopes(p, z, tuple(range(problem.n_channels)))
    if design.emission == "ordered-probit":
        mean = np.stack([_mean_category(problem, p, c, shift[:, c], states) for c in range(problem.n_channels)], axis=1)
    else:
        location = p.location
        if design.emission == "skew-t":
            location = location + mean_offset(p.df)[:, None, None] * p.skew
        mean = np.matmul(location.swapaxes(1, 2), states) + shift
        mean = mean * scale.out_spread[:, None] + scale.out_centre[:, None]
    return np.asarray((mean - scale.centre[:, None]) / scale.spread[:, None])


def _mean_category(problem: Problem, p: Parameters, channel: int, shift: Array, states: Array) -> Array:
    upper, lower = probit_bounds(problem, p, channel)
    latent = (p.location[:, :, channel, None] + shift[:, None])[:, :, None]
    chance = interval_probability(upper[:, None, :, None] - latent, lower[:, None, :, None] - latent)
    mean = np.einsum("skjn,j->skn", chance, problem.categories[channel])
    return np.asarray((mean * states).sum(1))
