"""Where EM starts: clusterings turned into responsibilities, and one M-step from them.

Styles take turns: clusters of smoothed values, clusters of what a pooled lag regression leaves, random
centroids and, for separate covariances, clusters of local spread (a state may differ by how much moves in it).
Every start has its own spawned seed, so that the first starts do not depend on how many there are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reldyn._types import Array, Ints
from reldyn.markov.hmm._em import Work, maximise
from reldyn.markov.hmm._parameters import Parameters, blank, mean_offset, stack
from reldyn.markov.hmm._problem import Problem
from reldyn.markov.hmm._recursions import Expected

WINDOWS = (1, 3, 5)
CERTAINTY = 0.9
LLOYD_STEPS = 12
PROBIT_STEPS = 6


def starting_points(work: Work, n_starts: int, seed: np.random.SeedSequence) -> Parameters:
    """Return ``n_starts`` different parameter sets."""
    if work.design.n_states == 1:
        n_starts = 1
    return stack([_start(work, position, child) for position, child in enumerate(seed.spawn(n_starts))])


def _start(work: Work, position: int, seed: np.random.SeedSequence) -> Parameters:
    rng = np.random.default_rng(seed)
    problem, k = work.problem, work.design.n_states
    features = _features(work, position)
    rows = np.flatnonzero(problem.used.ravel())
    labels = np.zeros(problem.used.size, dtype=np.int64)
    labels[rows] = _clusters(features[:, rows], k, rng, refine=position % 4 != 2)
    share = np.full((k, problem.used.size), (1.0 - CERTAINTY) / k)
    share[labels, np.arange(problem.used.size)] += CERTAINTY
    p = _laws(work, blank(problem, work.design, 1), rng)
    return _from_shares(work, p, share.reshape(1, k, *problem.used.shape))


def _features(work: Work, position: int) -> Array:
    """Return what is clustered, (features, rows)."""
    problem = work.problem
    style, window = position % 4, WINDOWS[(position // 4) % len(WINDOWS)]
    values = problem.lagged
    if style == 1 and problem.n_lags:
        values = _without_lags(problem)
    if style == 3 and work.design.covariance == "separate":
        return _local_spread(problem, 2 * window + 1)
    return _smooth(values, problem, window).reshape(problem.n_channels, -1)


def _smooth(values: Array, problem: Problem, window: int) -> Array:
    """Centred moving average over what was observed."""
    half = window // 2
    total, count = np.zeros_like(values), np.zeros_like(values)
    t_end = values.shape[1]
    for shift in range(-half, half + 1):
        to, source = slice(max(0, -shift), t_end - max(0, shift)), slice(max(0, shift), t_end + min(0, shift))
        if to.stop <= to.start:
            continue
        total[:, to] += np.where(problem.observed[:, source], values[:, source], 0.0)
        count[:, to] += problem.observed[:, source]
    return np.asarray(total / np.maximum(count, 1.0))


def _local_spread(problem: Problem, window: int) -> Array:
    change = np.zeros_like(problem.lagged)
    change[:, 1:] = np.diff(problem.lagged, axis=1) * (problem.observed[:, 1:] & problem.observed[:, :-1])
    level = np.sqrt(_smooth(change**2, problem, window))
    return np.log(level + 1e-3).reshape(problem.n_channels, -1)


def _without_lags(problem: Problem) -> Array:
    from reldyn.markov.hmm._regressors import regressors_of

    z = regressors_of(problem, problem.lagged[None])[0].reshape(-1, *problem.used.shape)
    out = np.zeros_like(problem.lagged)
    for channel in range(problem.n_channels):
        rows = problem.used & problem.observed[channel]
        slope = np.linalg.lstsq(z[:, rows].T, problem.lagged[channel][rows], rcond=None)[0]
        out[channel] = np.where(problem.observed[channel], problem.lagged[channel] - np.tensordot(slope, z, 1), 0.0)
    return out


def _clusters(points: Array, k: int, rng: np.random.Generator, *, refine: bool) -> Ints:
    """Spread-out centroids (Arthur and Vassilvitskii 2007), then a few Lloyd steps if ``refine``."""
    centroids = points[:, [rng.integers(points.shape[1])]]
    for _ in range(1, k):
        far = _squares(points, centroids).min(0)
        chance = far / far.sum() if far.sum() > 0 else None
        centroids = np.concatenate([centroids, points[:, [rng.choice(points.shape[1], p=chance)]]], axis=1)
    labels = _squares(points, centroids).argmin(0)
    for _ in range(LLOYD_STEPS if refine else 0):
        for state in range(k):
            if (labels == state).any():
                centroids[:, state] = points[:, labels == state].mean(1)
        labels = _squares(points, centroids).argmin(0)
    return np.asarray(labels)


def _squares(points: Array, centroids: Array) -> Array:
    return np.asarray(np.square(points[:, None] - centroids[:, :, None]).sum(0))


def _laws(work: Work, p: Parameters, rng: np.random.Generator) -> Parameters:
    """Draw how sticky the chain is, or how long visits last."""
    k = work.design.n_states
    if k == 1:
        return p
    if work.design.duration == "geometric":
        stay = rng.uniform(0.7, 0.95, size=k)
        away = rng.dirichlet(np.full(k - 1, 4.0), size=k) if k > 2 else np.ones((k, 1))
        transition = np.diag(stay)
        transition[~np.eye(k, dtype=bool)] = ((1.0 - stay)[:, None] * away).ravel()
        return replace(p, transition=transition[None])
    longest = max(4.0, min(20.0, work.problem.n_occasions / 4.0))
    return replace(
        p,
        mean_stay=rng.uniform(2.0, longest, size=(1, k)),
        size_stay=np.exp(rng.uniform(0.0, 2.0, size=(1, k))),
    )


def _from_shares(work: Work, p: Parameters, share: Array) -> Parameters:
    """Estimate emissions from responsibilities; the laws of the chain stay as drawn."""
    steps = PROBIT_STEPS if work.design.emission == "ordered-probit" else 1
    zero = np.zeros((1, 1))
    for _ in range(steps):
        counts = Expected(zero, share, np.zeros_like(p.transition), *_no_counts(work, p))
        estimated = maximise(work, p, counts, work.regressors_at(p))
        p = replace(estimated, initial=p.initial, transition=p.transition, mean_stay=p.mean_stay, size_stay=p.size_stay)
    return _skewed(work, p, share) if work.design.emission == "skew-t" else p


def _skewed(work: Work, p: Parameters, share: Array) -> Parameters:
    """Point the skewing direction where the residuals are skewed; means stay where they are."""
    problem = work.problem
    shift = np.matmul(p.coefficients[0].T, work.regressors_at(p)[0]).reshape(problem.y.shape)
    centre = np.tensordot(p.location[0], share[0], axes=(0, 0))
    weight = problem.observed & problem.used
    residual = np.where(weight, problem.y - shift - centre, 0.0)
    count = weight.sum((1, 2))
    variance = (residual**2).sum((1, 2)) / count
    skewness = (residual**3).sum((1, 2)) / count / variance**1.5
    delta = np.sign(skewness) * np.minimum(np.abs(skewness), 1.0) ** (1.0 / 3.0) * np.sqrt(0.5 * variance)
    delta = np.broadcast_to(delta, p.skew.shape)
    return replace(p, skew=delta.copy(), spread=0.5 * p.spread, location=p.location - mean_offset(p.df)[0] * delta)


def _no_counts(work: Work, p: Parameters) -> tuple[Array, Array, Array] | tuple[None, None, None]:
    if work.design.duration == "geometric":
        return None, None, None
    empty = np.zeros((*p.mean_stay.shape, 2))
    return empty, empty, empty
