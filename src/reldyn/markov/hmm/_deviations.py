"""Steps of the hierarchical model: every series has its own state means and transition rows.

Variational Bayes over the deviations with empirical-Bayes hyperparameters (Beal 2003; McGrory and Titterington
2009): q factorises into paths of states, means and transition rows, and every step raises the same lower bound
on the marginal likelihood. Shapes: n series, k states, c channels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from reldyn._types import Array
from reldyn.markov.hmm._density import LOG_2PI
from reldyn.markov.hmm._location import floored
from reldyn.markov.hmm._problem import Problem
from reldyn.markov.hmm._recursions import forward_backward

LARGEST_CONCENTRATION = 1e4
SMALLEST_BETWEEN = 1e-6
NEWTON_STEPS = 3


@dataclass(frozen=True, slots=True)
class Population:
    """What series share, standardised.

    Attributes
    ----------
    initial : (k,)
    centre : (k, c)
        Mean over series of the state means.
    between : (k c, k c)
        Their covariance between series, state-major: a series may lie high in all its states.
    spread : (k, c, c)
        Covariance within states.
    weight : (k, k)
        Dirichlet parameters of every transition row.
    """

    initial: Array
    centre: Array
    between: Array
    spread: Array
    weight: Array


@dataclass(frozen=True, slots=True)
class Deviations:
    """What is believed about single series.

    Attributes
    ----------
    mean : (n, k, c)
    cover : (n, k, c, k, c)
        Posterior mean and covariance of the state means.
    weight : (n, k, k)
        Dirichlet parameters of every series' transition rows.
    """

    mean: Array
    cover: Array
    weight: Array

    @property
    def own_cover(self) -> Array:
        """Posterior covariance of the means within each state, (n, k, c, c)."""
        return np.asarray(np.einsum("nkckd->nkcd", self.cover))


@dataclass(frozen=True, slots=True)
class Paths:
    """Expected states (k, occasions, n), first states (k,), moves (n, k, k) and the log normalisers' sum."""

    posterior: Array
    first: Array
    moves: Array
    log_normaliser: float


def e_step(problem: Problem, population: Population, deviations: Deviations) -> Paths:
    """Update the paths; series of one length are run together."""
    from scipy.special import digamma

    k, n = population.centre.shape[0], problem.n_series
    dense = _expected_density(problem, population, deviations)
    law = np.exp(digamma(deviations.weight) - digamma(deviations.weight.sum(-1, keepdims=True)))
    posterior, moves, total = np.zeros((k, problem.n_occasions, n)), np.zeros((n, k, k)), 0.0
    for length in np.unique(problem.lengths):
        some = np.flatnonzero(problem.lengths == length)
        initial = np.tile(population.initial, (len(some), 1))
        part = np.ascontiguousarray(dense[:, :length, some].transpose(2, 0, 1)[..., None])
        ran = forward_backward(part, initial, law[some], np.ones((int(length), 1), dtype=bool))
        posterior[:, :length, some] = ran.posterior[..., 0].transpose(1, 2, 0)
        moves[some] = ran.moves
        total += float(ran.log_likelihood.sum())
    return Paths(posterior, posterior[:, 0].sum(1), moves, total)


def _expected_density(problem: Problem, population: Population, deviations: Deviations) -> Array:
    """Expected log densities (k, occasions, n) over the belief about means."""
    k, n = population.centre.shape[0], problem.n_series
    out = np.zeros((k, problem.n_occasions * n))
    y, own = problem.y.reshape(problem.n_channels, -1), deviations.own_cover
    for channels, rows in problem.patterns:
        answered, who = list(channels), rows % n
        for state in range(k):
            cover = population.spread[state][np.ix_(answered, answered)]
            inverse = np.linalg.inv(cover)
            residual = y[answered][:, rows] - deviations.mean[who, state][:, answered].T
            doubt = np.einsum("ij,nji->n", inverse, own[:, state][:, answered][:, :, answered])
            constant = np.linalg.slogdet(cover)[1] + len(answered) * LOG_2PI
            out[state, rows] = -0.5 * ((residual * (inverse @ residual)).sum(0) + constant + doubt[who])
    return out.reshape(k, problem.n_occasions, n)


def posterior_update(problem: Problem, population: Population, paths: Paths) -> Deviations:
    """Update the beliefs about means and transition rows."""
    k, n, c = population.centre.shape[0], problem.n_series, problem.n_channels
    prior = np.linalg.inv(population.between)
    precision = np.tile(prior.reshape(k, c, k, c), (n, 1, 1, 1, 1))
    push = np.tile((prior @ population.centre.ravel()).reshape(k, c), (n, 1, 1))
    y, share = problem.y.reshape(c, -1), paths.posterior.reshape(k, -1)
    for channels, rows in problem.patterns:
        answered, who = list(channels), rows % n
        for state in range(k):
            inverse = np.linalg.inv(population.spread[state][np.ix_(answered, answered)])
            weight = share[state, rows]
            count = np.bincount(who, weights=weight, minlength=n)
            sums = np.stack([np.bincount(who, weights=weight * y[i, rows], minlength=n) for i in answered], axis=1)
            block = precision[:, state, :, state]
            block[:, np.array(answered)[:, None], answered] += count[:, None, None] * inverse
            push[:, state][:, answered] += sums @ inverse
    cover = np.linalg.inv(precision.reshape(n, k * c, k * c))
    mean = np.asarray(np.matmul(cover, push.reshape(n, k * c, 1)), dtype=float).reshape(n, k, c)
    return Deviations(mean, cover.reshape(n, k, c, k, c), population.weight + paths.moves)


def m_step(
    problem: Problem, population: Population, deviations: Deviations, paths: Paths, *, shared: bool
) -> Population:
    """Update what series share (empirical Bayes)."""
    centre = deviations.mean.mean(0)
    n, size = len(deviations.mean), centre.size
    apart = (deviations.mean - centre).reshape(n, size)
    between = (apart.T @ apart + deviations.cover.reshape(n, size, size).sum(0)) / n
    return replace(
        population,
        initial=paths.first / paths.first.sum(),
        centre=centre,
        between=floored(between, np.full(size, SMALLEST_BETWEEN)),
        spread=_spread(problem, population, deviations, paths, shared),
        weight=_row_weights(population.weight, deviations.weight),
    )


def _spread(problem: Problem, population: Population, deviations: Deviations, paths: Paths, shared: bool) -> Array:
    k, n, c = population.centre.shape[0], problem.n_series, problem.n_channels
    squares, count = np.zeros((k, c, c)), np.zeros(k)
    y, share, own_cover = problem.y.reshape(c, -1), paths.posterior.reshape(k, -1), deviations.own_cover
    for channels, rows in problem.patterns:
        answered, lost, who = list(channels), [i for i in range(c) if i not in channels], rows % n
        for state in range(k):
            spread, weight = population.spread[state], share[state, rows]
            lift, rest = np.zeros((c, len(answered))), np.zeros((c, c))
            lift[answered] = np.eye(len(answered))
            gain = spread[np.ix_(lost, answered)] @ np.linalg.inv(spread[np.ix_(answered, answered)])
            lift[lost] = gain
            rest[np.ix_(lost, lost)] = spread[np.ix_(lost, lost)] - gain @ spread[np.ix_(answered, lost)]
            residual = y[answered][:, rows] - deviations.mean[who, state][:, answered].T
            each = np.bincount(who, weights=weight, minlength=n)
            inner = (residual * weight) @ residual.T
            inner += np.einsum("n,nij->ij", each, own_cover[:, state][:, answered][:, :, answered])
            squares[state] += lift @ inner @ lift.T + weight.sum() * rest
            count[state] += weight.sum()
    if shared:
        return np.tile(floored(squares.sum(0) / count.sum(), problem.floor), (k, 1, 1))
    own = np.where((count > 1e-8)[:, None, None], squares / np.maximum(count, 1e-8)[:, None, None], population.spread)
    return floored(own, problem.floor)


def _row_weights(weight: Array, beliefs: Array) -> Array:
    """Newton steps for the Dirichlet parameters of every row (Minka 2000), halved until they do not lose."""
    from scipy.special import digamma

    log_share = (digamma(beliefs) - digamma(beliefs.sum(-1, keepdims=True))).mean(0)
    return np.stack([_dirichlet(row, target) for row, target in zip(weight, log_share, strict=True)])


def _dirichlet(weight: Array, target: Array) -> Array:
    from scipy.special import digamma, gammaln, polygamma

    def value(trial: Array) -> float:
        return float(gammaln(trial.sum()) - gammaln(trial).sum() + ((trial - 1.0) * target).sum())

    for _ in range(NEWTON_STEPS):
        gradient = digamma(weight.sum()) - digamma(weight) + target
        own, common = -polygamma(1, weight), polygamma(1, weight.sum())
        shift = (gradient / own).sum() / (1.0 / common + (1.0 / own).sum())
        step = -(gradient - shift) / own
        size = 1.0
        while size > 1e-4:
            trial = weight + size * step
            if (trial > 1e-3).all() and trial.sum() < LARGEST_CONCENTRATION and value(trial) >= value(weight):
                weight = trial
                break
            size /= 2.0
    return weight


def lower_bound(population: Population, deviations: Deviations, paths: Paths) -> float:
    """Lower bound on the log marginal likelihood, at paths just updated by `e_step`."""
    from scipy.special import digamma, gammaln

    n, size = len(deviations.mean), population.centre.size
    cover, prior_precision = deviations.cover.reshape(n, size, size), np.linalg.inv(population.between)
    apart = (deviations.mean - population.centre).reshape(n, size)
    distance = (prior_precision * (cover.sum(0) + apart.T @ apart)).sum()
    logs = n * np.linalg.slogdet(population.between)[1] - np.linalg.slogdet(cover)[1].sum()
    means = 0.5 * float(distance - n * size + logs)
    own, prior = deviations.weight, population.weight
    log_share = digamma(own) - digamma(own.sum(-1, keepdims=True))
    rows = gammaln(own.sum(-1)) - gammaln(own).sum(-1) - gammaln(prior.sum(-1)) + gammaln(prior).sum(-1)
    rows = rows + ((own - prior) * log_share).sum(-1)
    return paths.log_normaliser - means - float(rows.sum())
