"""Steps of EM for phases that shift the level, batched over series; the reference for the compiled twin.

Index letters in sums: n series, t occasion, j phase before, k phase now, c and d channels, a age.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._records import brief
from reldyn._types import Array, Flags, Ints
from reldyn.markov.regimes._switching import LEAST, UNLIKELIEST, definite, lean

_RIDGE = 1e-8
_NEARLY_ONE = 1 + 1e-7
_LOG_2PI = float(np.log(2 * np.pi))


@brief
@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """What a step reads of the data; arrays as in `LevelData`."""

    y: Array
    observed: Flags
    night: Flags
    x: Array
    floor: Array
    shock: bool

    def lag_answered(self) -> Flags:
        """(n, T) whether the occasion before was answered, and its phase matters."""
        answered = np.zeros_like(self.observed)
        answered[:, 1:] = self.observed[:, :-1]
        return answered & (not self.shock)


def whiteners(covariance: Array) -> tuple[Array, Array]:
    """Inverse lower roots (n, C, C) and the constants of the log densities (n,)."""
    root = np.linalg.cholesky(covariance)
    diagonal = np.diagonal(root, axis1=1, axis2=2)
    return np.linalg.inv(root), -0.5 * root.shape[1] * _LOG_2PI - np.log(diagonal).sum(axis=1)


def expect(
    batch: Batch, level: Array, coefficients: Array, covariance: Array, hazard: Array, first: Array, moves: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """Run the scaled forward-backward pass.

    Parameters
    ----------
    batch : Batch
    level : (n, K, C) array
    coefficients : (n, 1 + 2 C + R, C) array
    covariance : (n, C, C) array
    hazard, first : (n, K, A) arrays
    moves : (n, K, K) array

    Returns
    -------
    (n,) log-likelihood, (n, T, K, K) pairs (before, now), (n, K, A) exits and stays, (n, T, C) noise before
    """
    n, n_occasions, channels = batch.y.shape
    n_states, n_ages = hazard.shape[1:]
    inverse, constant = whiteners(covariance)
    outer = coefficients[:, None, 0] + np.matmul(batch.x, coefficients[:, 1 + 2 * channels :])
    lags = coefficients[:, 1 : 1 + 2 * channels].reshape(n, 2, channels, channels)
    noise = np.zeros_like(batch.y)
    forward = np.empty((n, n_occasions, n_states, n_ages))
    weights = np.ones((n, n_occasions, n_states, n_states))
    lag_answered, series = batch.lag_answered(), np.arange(n)
    value = np.zeros(n)
    for t in range(n_occasions):
        lag = lags[series, batch.night[:, t].astype(int)]
        base = outer[:, t] + (np.matmul(noise[:, t - 1, None], lag)[:, 0] if t else 0.0)
        answered = batch.observed[:, t]
        rest = (batch.y[:, t] - base)[:, None, None] - level[:, None]
        carried = np.where(lag_answered[:, t, None, None], np.matmul(level, lag), 0.0)
        white = np.matmul(rest + carried[:, :, None], inverse.transpose(0, 2, 1)[:, None])
        density = constant[:, None, None] - 0.5 * (white**2).sum(axis=3)
        top = np.where(answered, density.max(axis=(1, 2)), 0.0)
        relative = np.maximum(density - density.max(axis=(1, 2), keepdims=True), UNLIKELIEST)
        weight = np.where(answered[:, None, None], np.exp(relative), 1.0)
        own = np.diagonal(weight, axis1=1, axis2=2)
        if t == 0:
            here = first * own[:, :, None]
        else:
            leaving = forward[:, t - 1] * hazard
            staying = (forward[:, t - 1] - leaving) * own[:, :, None]
            here = np.zeros_like(staying)
            here[:, :, 1:] = staying[:, :, :-1]
            here[:, :, -1] += staying[:, :, -1]
            here[:, :, 0] += np.einsum("nj,njk->nk", leaving.sum(axis=2), moves * weight)
        total = np.maximum(here.sum(axis=(1, 2)), LEAST)
        forward[:, t] = here / total[:, None, None]
        weights[:, t] = weight / total[:, None, None]
        value += np.where(answered, np.log(total) + top, 0.0)
        noise[:, t] = np.where(answered[:, None], batch.y[:, t], base)
        if not batch.shock and t + 1 < n_occasions:
            known = np.matmul(forward[:, t].sum(axis=2)[:, None], level)[:, 0]
            noise[:, t] -= np.where((answered & ~batch.observed[:, t + 1])[:, None], known, 0.0)
    return value, *_smooth(forward, weights, hazard, moves), noise


def _smooth(forward: Array, weights: Array, hazard: Array, moves: Array) -> tuple[Array, Array, Array]:
    """Give pairs, exits and stays."""
    n, n_occasions, n_states, _ = forward.shape
    ahead = np.ones_like(forward[:, 0])
    exits, stays = np.zeros_like(ahead), np.zeros_like(ahead)
    pairs = np.zeros((n, n_occasions, n_states, n_states))
    states = np.arange(n_states)
    for t in range(n_occasions - 1, 0, -1):
        own = np.diagonal(weights[:, t], axis1=1, axis2=2)[:, :, None]
        older = np.concatenate([ahead[:, :, 1:], ahead[:, :, -1:]], axis=2) * own
        arriving = moves * weights[:, t] * ahead[:, None, :, 0]
        past = forward[:, t - 1]
        leave, stay = hazard * arriving.sum(axis=2)[:, :, None], (1 - hazard) * older
        exits += past * leave
        stays += past * stay
        pairs[:, t] = (past * hazard).sum(axis=2)[:, :, None] * arriving
        pairs[:, t, states, states] += (past * stay).sum(axis=2)
        ahead = leave + stay
        pairs[:, t] /= np.maximum((past * ahead).sum(axis=(1, 2)), LEAST)[:, None, None]
    pairs[:, 0, states, states] = (forward[:, 0] * ahead).sum(axis=2)
    return pairs, exits, stays


def maximise(
    batch: Batch, level: Array, pairs: Array, noise: Array, prior_lags: Array, prior_occasions: float
) -> tuple[Array, Array]:
    """Regress y less its level on the noise before and covariates: (n, rows, C) coefficients, (n, C, C) covariance.

    The prior of the lags enters as in `lean`.
    """
    n, n_occasions, channels = batch.y.shape
    answered, lag_answered = batch.observed, batch.lag_answered()
    weight = pairs * answered[:, :, None, None]
    now, before = weight.sum(axis=2), weight.sum(axis=3)
    target = np.where(answered[:, :, None], batch.y - np.matmul(now, level), 0.0)
    previous = np.zeros_like(batch.y)
    previous[:, 1:] = noise[:, :-1]
    last = np.zeros_like(batch.y)
    last[:, 1:] = batch.y[:, :-1]
    lag = np.where(lag_answered[:, :, None], last - np.matmul(before, level), previous)
    by_night = batch.night[:, :, None]
    table = np.concatenate(
        [np.ones((n, n_occasions, 1)), np.where(by_night, 0.0, lag), np.where(by_night, lag, 0.0), batch.x], axis=2
    )
    table = np.where(answered[:, :, None], table, 0.0)
    gram, right = np.matmul(table.transpose(0, 2, 1), table), np.matmul(table.transpose(0, 2, 1), target)
    # Products of uncertain quantities: the mean of the product, not the product of the means.
    certain = np.einsum("ntc,ntd->ncd", target, target)
    total = certain + _variance(now, now, weight, level, "own")
    for offset, part in ((1, ~batch.night), (1 + channels, batch.night)):
        chosen = (lag_answered & part)[:, :, None]
        block = slice(offset, offset + channels)
        shares = before * chosen, now * chosen, weight * chosen[..., None]
        gram[:, block, block] += _variance(shares[0], shares[0], shares[2], level, "own")
        right[:, block] += _variance(*shares, level, "cross")
    total = total + lean(prior_lags, prior_occasions, 1, gram, right)
    n_rows, n_answered = gram.shape[1], np.maximum(answered.sum(axis=1), 1)
    coefficients = np.linalg.solve(gram + _RIDGE * n_answered[:, None, None] * np.eye(n_rows), right)
    explained = np.matmul(coefficients.transpose(0, 2, 1), right)
    fitted = np.matmul(coefficients.transpose(0, 2, 1), np.matmul(gram, coefficients))
    covariance = (total - explained - explained.transpose(0, 2, 1) + fitted) / n_answered[:, None, None]
    at = np.arange(channels)
    covariance[:, at, at] = np.maximum(covariance[:, at, at], batch.floor) * _NEARLY_ONE
    return coefficients, definite(covariance)


def _variance(first: Array, second: Array, weight: Array, level: Array, kind: str) -> Array:
    """Sum over occasions the covariance of the levels of two phases: of one with itself, or before with now."""
    joint = weight.sum(axis=1) if kind == "cross" else np.einsum("ntk,kl->nkl", first, np.eye(first.shape[2]))
    means = np.matmul(first, level), np.matmul(second, level)
    product = np.matmul(level.transpose(0, 2, 1), np.matmul(joint, level))
    return np.asarray(product - np.matmul(means[0].transpose(0, 2, 1), means[1]))


def aggregate(batch: Batch, pairs: Array, noise: Array, coefficients: Array) -> tuple[Array, Array]:
    """Sum pairs (n, 3, K, K), and what the regression leaves of y (n, 3, K, K, C), by kind of lag."""
    channels = batch.y.shape[2]
    answered, lag_answered = batch.observed, batch.lag_answered()
    before = np.zeros_like(batch.y)
    before[:, 1:] = np.where(batch.observed[:, :-1, None], batch.y[:, :-1], noise[:, :-1])
    day, night = coefficients[:, 1 : 1 + channels], coefficients[:, 1 + channels : 1 + 2 * channels]
    carried = np.where(batch.night[:, :, None], np.matmul(before, night), np.matmul(before, day))
    rest = batch.y - coefficients[:, None, 0] - np.matmul(batch.x, coefficients[:, 1 + 2 * channels :]) - carried
    kinds = (answered & ~lag_answered, answered & lag_answered & ~batch.night, answered & lag_answered & batch.night)
    mass = np.stack([np.einsum("nt,ntjk->njk", kind, pairs) for kind in kinds], axis=1)
    sums = np.stack([np.einsum("ntjk,ntc->njkc", pairs * kind[:, :, None, None], rest) for kind in kinds], axis=1)
    return mass, sums


def best_effect(
    mass: Array, rest: Array, shape: Array, coefficients: Array, covariance: Array, precision: float = 0.0
) -> Array:
    """Generalised least squares of the size of the shared shape, never negative: (n,). ``precision``: of the prior."""
    channels = shape.shape[1]
    inverse = whiteners(covariance)[0]
    above, below = np.zeros(len(mass)), np.zeros(len(mass))
    for kind in range(3):
        lag = coefficients[:, 1 + (kind == 2) * channels :][:, :channels]
        carried = np.matmul(shape, lag) if kind else np.zeros((len(mass), *shape.shape))
        shift = shape[None, None] - carried[:, :, None]
        white = np.einsum("ncd,njkd->njkc", inverse, shift)
        below += np.einsum("njk,njkc->n", mass[:, kind], white**2)
        above += np.einsum("njkc,ncd,njkd->n", white, inverse, rest[:, kind])
    return np.maximum((above + precision) / np.maximum(below + precision, 1e-12), 0.0)


def best_dwell(
    exits: Array, stays: Array, transitions: Array, dwell_prior: Array, prior_moves: Array, logs: tuple[Array, Array]
) -> tuple[Ints, Array]:
    """Pick the best tabulated law per phase, and the moves: (n, K), (n, K, K)."""
    score = dwell_prior + np.matmul(exits, logs[0].T) + np.matmul(stays, logs[1].T)
    off = ~np.eye(transitions.shape[1], dtype=bool)
    raised = np.where(off, transitions + prior_moves, 0.0)
    return score.argmax(axis=2), raised / raised.sum(axis=2, keepdims=True)
