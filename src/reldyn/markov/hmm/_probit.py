"""M-step of ordered-probit emissions: one Newton step per channel on a concave log likelihood (Pratt 1981).

Thresholds are common to all states, the latent variance is one. Only differences between locations and
thresholds are identified: the thresholds of a channel have mean zero.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reldyn._types import Array, Ints
from reldyn.markov.hmm._density import interval_probability
from reldyn.markov.hmm._parameters import Parameters
from reldyn.markov.hmm._problem import Problem

# No state may lie further than this from the thresholds: beyond it every answer has the same category.
REACH = 8.0
HALVINGS = 12


def probit_step(problem: Problem, p: Parameters, posterior: Array, regressors: Array) -> Parameters:
    """Return parameters whose expected log probability is not smaller."""
    location, coefficients, thresholds = p.location.copy(), p.coefficients.copy(), p.thresholds.copy()
    weights = posterior.reshape(*posterior.shape[:2], -1)
    answered = problem.observed.reshape(problem.n_channels, -1) & problem.used.ravel()
    for channel, values in enumerate(problem.categories):
        rows = np.flatnonzero(answered[channel])
        answer = problem.y[channel].ravel()[rows].astype(np.int64)
        for start in range(p.n_starts):
            cell = _cells(weights[start][:, rows], answer, len(values), regressors[start % len(regressors)][:, rows])
            old = np.concatenate(
                [location[start, :, channel], coefficients[start, :, channel], thresholds[start, channel]]
            )[: location.shape[1] + coefficients.shape[1] + len(values) - 1]
            new = _newton(old, *cell, n_cuts=len(values) - 1)
            k, q = location.shape[1], coefficients.shape[1]
            cuts = new[k + q :]
            location[start, :, channel] = np.clip(new[:k] - cuts.mean(), -REACH, REACH)
            coefficients[start, :, channel] = new[k : k + q]
            thresholds[start, channel, : len(cuts)] = cuts - cuts.mean()
    return replace(p, location=location, coefficients=coefficients, thresholds=thresholds)


def _cells(weights: Array, answer: Ints, n_categories: int, regressors: Array) -> tuple[Array, Ints, Array]:
    """Return weight, answer and regressors (states as dummies first) of every distinct cell."""
    k, m = weights.shape
    if len(regressors) == 0:
        table = np.stack([np.bincount(answer, weights=row, minlength=n_categories) for row in weights])
        z = np.repeat(np.eye(k), n_categories, axis=0)
        return np.asarray(table.ravel(), dtype=np.float64), np.tile(np.arange(n_categories), k), z
    z = np.concatenate([np.repeat(np.eye(k), m, axis=0), np.tile(regressors.T, (k, 1))], axis=1)
    return weights.ravel(), np.tile(answer, k), z


def _newton(old: Array, weight: Array, answer: Ints, z: Array, *, n_cuts: int) -> Array:
    """One Newton step with halvings; the flat direction (all locations and cuts) is left alone."""
    before, gradient, hessian = _derivatives(old, weight, answer, z, n_cuts)
    ridge = 1e-9 * max(float(-np.diag(hessian).min()), 1.0)
    step = np.linalg.solve(-hessian + ridge * np.eye(len(old)), gradient)
    size = 1.0
    for _ in range(HALVINGS):
        trial = old + size * step
        cuts = trial[-n_cuts:]
        reach = np.abs(trial[: z.shape[1]]).max(initial=0.0)
        ordered = (np.diff(cuts) > 1e-6).all()
        if ordered and reach < 4 * REACH and _value(trial, weight, answer, z, n_cuts) >= before:
            return np.asarray(trial)
        size /= 2.0
    return old


def _bounds(theta: Array, answer: Ints, z: Array, n_cuts: int) -> tuple[Array, Array]:
    cuts = np.concatenate([[-np.inf], theta[-n_cuts:], [np.inf]])
    shift = z @ theta[: z.shape[1]]
    return cuts[answer + 1] - shift, cuts[answer] - shift


def _value(theta: Array, weight: Array, answer: Ints, z: Array, n_cuts: int) -> float:
    return float(weight @ np.log(interval_probability(*_bounds(theta, answer, z, n_cuts))))


def _derivatives(theta: Array, weight: Array, answer: Ints, z: Array, n_cuts: int) -> tuple[float, Array, Array]:
    upper, lower = _bounds(theta, answer, z, n_cuts)
    probability = interval_probability(upper, lower)
    ends = np.eye(n_cuts + 2)[:, 1 : n_cuts + 1]
    above, below = np.hstack([-z, ends[answer + 1]]), np.hstack([-z, ends[answer]])
    density_above, density_below = _normal(upper), _normal(lower)
    score = (density_above[:, None] * above - density_below[:, None] * below) / probability[:, None]
    bend_above = np.where(np.isfinite(upper), upper, 0.0) * density_above / probability
    bend_below = np.where(np.isfinite(lower), lower, 0.0) * density_below / probability
    hessian = (
        -(above * (weight * bend_above)[:, None]).T @ above
        + (below * (weight * bend_below)[:, None]).T @ below
        - (score * weight[:, None]).T @ score
    )
    return float(weight @ np.log(probability)), weight @ score, hessian


def _normal(value: Array) -> Array:
    return np.asarray(np.exp(-0.5 * np.square(value)) / np.sqrt(2.0 * np.pi))
