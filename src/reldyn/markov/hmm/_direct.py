"""The likelihood climbed directly: quasi-Newton steps on free parameters (L-BFGS, Byrd et al. 1995).

Derivatives are central differences, all of them evaluated as one batch of starts. Finishes what EM cannot
(predicted lags move with the parameters) and checks what EM found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reldyn._types import Array
from reldyn.markov.hmm._density import log_density
from reldyn.markov.hmm._durations import MEAN_RANGE, OLDEST, SIZE_RANGE, hazards
from reldyn.markov.hmm._em import BLOCK, Work
from reldyn.markov.hmm._parameters import MAX_DF, MIN_DF, Parameters
from reldyn.markov.hmm._recursions import forward, sojourn_forward

STEP = 1e-5
# A probability of zero has no logarithm; this one changes no log-likelihood that can be printed.
LEAST_SHARE = 1e-12
FAILED = 1e15


@dataclass(frozen=True, slots=True)
class Direct:
    """Where direct maximisation ended."""

    parameters: Parameters
    log_likelihood: float
    n_iterations: int
    converged: bool


def log_likelihoods(work: Work, p: Parameters) -> Array:
    """Log-likelihood of every start and series, without the constant of standardising."""
    dense = log_density(work.problem, work.design, p, work.regressors_at(p))
    if work.design.duration == "geometric":
        return forward(dense, p.initial, p.transition)
    hazard, first = hazards(p.mean_stay, p.size_stay, OLDEST)
    return sojourn_forward(dense, p.initial, p.transition, hazard, first)


def maximise_likelihood(work: Work, start: Parameters, *, max_iter: int = 200) -> Direct:
    """Maximise the likelihood from one start."""
    from scipy.optimize import minimize

    transform = ParameterTransform(work)
    origin = transform.spell(start)

    def objective(theta: Array) -> tuple[float, Array]:
        moves = STEP * np.eye(len(theta))
        batch = np.concatenate([theta[None], theta + moves, theta - moves])
        value = _in_blocks(work, transform, batch)
        n = len(theta)
        if not np.isfinite(value).all():
            return FAILED, np.zeros(n)
        return -float(value[0]), -(value[1 : n + 1] - value[n + 1 :]) / (2.0 * STEP)

    found = minimize(objective, origin, jac=True, method="L-BFGS-B", options={"maxiter": max_iter, "ftol": 1e-13})
    before = float(log_likelihoods(work, start).sum())
    if not -float(found.fun) > before:
        return Direct(start, before, int(found.nit), bool(found.success))
    return Direct(transform.read(found.x[None]), -float(found.fun), int(found.nit), bool(found.success))


def _in_blocks(work: Work, transform: ParameterTransform, batch: Array) -> Array:
    problem = work.problem
    size = work.design.n_states * problem.n_occasions * problem.n_series * problem.n_channels
    block = max(1, BLOCK // size)
    return np.concatenate(
        [log_likelihoods(work, transform.read(batch[i : i + block])).sum(1) for i in range(0, len(batch), block)]
    )


class ParameterTransform:
    """Free numbers for the parameters of one model, and back for a batch."""

    def __init__(self, work: Work) -> None:
        self.problem, self.design = work.problem, work.design
        k, c = self.design.n_states, self.problem.n_channels
        self.laws = 1 if self.design.covariance == "shared" else k
        self.semi = self.design.duration != "geometric"
        self.lower = np.tril_indices(c)
        self.open = ~np.eye(k, dtype=bool) if self.semi else np.ones((k, k), dtype=bool)
        self.widest = max(2.0, min(MEAN_RANGE[1], float(self.problem.n_occasions)))

    def spell(self, p: Parameters) -> Array:
        """Return the free numbers of one start."""
        parts: list[NDArray[Any]] = [_ratios(p.initial[0])]
        parts += [_ratios(row[which]) for row, which in zip(p.transition[0], self.open, strict=True)]
        parts += [p.location[0].ravel(), p.coefficients[0].ravel()]
        if self.design.emission == "ordered-probit":
            for channel, values in enumerate(self.problem.categories):
                cuts = p.thresholds[0, channel, : len(values) - 1]
                parts += [cuts[:1], np.asarray(np.log(np.diff(cuts)))]
        else:
            root = np.linalg.cholesky(p.spread[0, : self.laws] - np.diag(self.problem.floor) * (1.0 - 1e-9))
            parts += [root[:, self.lower[0], self.lower[1]].ravel()]
        if self.design.emission == "skew-t":
            parts += [p.skew[0, : self.laws].ravel(), _logit(p.df, MIN_DF, MAX_DF)]
        if self.semi:
            parts += [_logit(p.mean_stay[0], MEAN_RANGE[0], self.widest), _logit(p.size_stay[0], *SIZE_RANGE)]
        return np.concatenate(parts)

    def read(self, theta: Array) -> Parameters:
        """Return the parameters of a batch, (batch, free numbers)."""
        from reldyn.markov.hmm._parameters import blank

        reader = _Reader(theta)
        b, k, c = len(theta), self.design.n_states, self.problem.n_channels
        base = blank(self.problem, self.design, b)
        initial = _softmax(reader.take(k - 1))
        transition = np.zeros((b, k, k))
        for state in range(k):
            transition[:, state, self.open[state]] = _softmax(reader.take(int(self.open[state].sum()) - 1))
        location = reader.take(k * c).reshape(b, k, c)
        coefficients = reader.take(base.coefficients[0].size).reshape(base.coefficients.shape)
        thresholds, spread, skew, df = base.thresholds, base.spread, base.skew, base.df
        if self.design.emission == "ordered-probit":
            thresholds = thresholds.copy()
            for channel, values in enumerate(self.problem.categories):
                free = reader.take(len(values) - 1)
                steps = np.concatenate([free[:, :1], np.exp(free[:, 1:])], axis=1)
                thresholds[:, channel, : len(values) - 1] = np.cumsum(steps, axis=1)
        else:
            root = np.zeros((b, self.laws, c, c))
            root[:, :, self.lower[0], self.lower[1]] = reader.take(self.laws * len(self.lower[0])).reshape(
                b, self.laws, -1
            )
            law = np.matmul(root, root.swapaxes(2, 3)) + np.diag(self.problem.floor) * (1.0 - 1e-9)
            spread = np.broadcast_to(law, (b, k, c, c)).copy()
        if self.design.emission == "skew-t":
            skew = np.broadcast_to(reader.take(self.laws * c).reshape(b, self.laws, c), (b, k, c)).copy()
            df = _expit(reader.take(1)[:, 0], MIN_DF, MAX_DF)
        mean, size = base.mean_stay, base.size_stay
        if self.semi:
            mean = _expit(reader.take(k), MEAN_RANGE[0], self.widest)
            size = _expit(reader.take(k), *SIZE_RANGE)
        return Parameters(initial, transition, location, coefficients, spread, skew, df, thresholds, mean, size)


class _Reader:
    """Hands out the next columns of a batch."""

    def __init__(self, theta: Array) -> None:
        self.theta, self.position = theta, 0

    def take(self, n: int) -> Array:
        self.position += n
        return self.theta[:, self.position - n : self.position]


def _ratios(shares: Array) -> Array:
    safe = np.maximum(shares, LEAST_SHARE)
    return np.asarray(np.log(safe[:-1]) - np.log(safe[-1]))


def _softmax(ratios: Array) -> Array:
    full = np.concatenate([ratios, np.zeros((len(ratios), 1))], axis=1)
    weight = np.exp(full - full.max(1, keepdims=True))
    return np.asarray(weight / weight.sum(1, keepdims=True))


def _logit(value: Array, low: float, high: float) -> Array:
    share = np.clip((value - low) / (high - low), 1e-9, 1.0 - 1e-9)
    return np.asarray(np.log(share) - np.log1p(-share))


def _expit(free: Array, low: float, high: float) -> Array:
    from scipy.special import expit

    return np.asarray(low + (high - low) * expit(free))
