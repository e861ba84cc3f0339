"""Expectation-maximisation for many starts at once (Baum et al. 1970; Dempster, Laird and Rubin 1977).

Where lagged values are predicted (`_regressors`) the predictions move with the parameters. Then, and only
then, a step can lower the likelihood: that start ends at its best value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from reldyn._kernels import chosen_kernels
from reldyn._types import Array, Flags, Ints
from reldyn.markov.hmm._density import log_density
from reldyn.markov.hmm._durations import OLDEST, duration_step, hazards
from reldyn.markov.hmm._location import fast_features, location_step
from reldyn.markov.hmm._parameters import Design, Parameters, stack
from reldyn.markov.hmm._probit import probit_step
from reldyn.markov.hmm._problem import Problem
from reldyn.markov.hmm._recursions import Expected, forward_backward, sojourn_forward_backward
from reldyn.markov.hmm._regressors import occasion_slices, predicted_regressors, regressors_of

# Numbers per array of one block of starts: keeps a fit of large samples within some hundred megabytes.
BLOCK = 4_000_000


@dataclass(frozen=True, slots=True)
class Work:
    """A problem with what is computed once.

    Attributes
    ----------
    regressors : (1, regressors, rows) or None
        Lags and covariates; None if some lag must be predicted.
    features : (products, rows) or None
        For the fast M-step of Gaussian emissions without missing channels.
    slices : tuple of Problem
        The problem of each occasion by itself, where lags must be predicted.
    """

    problem: Problem
    design: Design
    regressors: Array | None
    features: Array | None
    slices: tuple[Problem, ...]

    def regressors_at(self, p: Parameters) -> Array:
        """Return the regressors, with predictions where a lagged value is missing."""
        if self.regressors is not None:
            return self.regressors
        return predicted_regressors(self.problem, self.design, p, self.slices)[0]


@dataclass(frozen=True, slots=True)
class EMRun:
    """Where every start ended: parameters, log-likelihood, iterations, and whether it had settled."""

    parameters: Parameters
    log_likelihood: Array
    n_iterations: Ints
    converged: Flags


def prepare(problem: Problem, design: Design) -> Work:
    """Compute what does not change between iterations."""
    if problem.lags_missing:
        return Work(problem, design, None, None, occasion_slices(problem))
    regressors = regressors_of(problem, problem.lagged[None])
    fast = design.emission == "gaussian" and problem.complete
    return Work(problem, design, regressors, fast_features(problem, regressors) if fast else None, ())


def expect(work: Work, p: Parameters) -> tuple[Expected, Array]:
    """E-step: expected states and moves, and the regressors they rest on."""
    problem = work.problem
    regressors = work.regressors_at(p)
    dense = log_density(problem, work.design, p, regressors)
    if work.design.duration == "geometric":
        return forward_backward(dense, p.initial, p.transition, problem.inside), regressors
    hazard, first = hazards(p.mean_stay, p.size_stay, OLDEST)
    return sojourn_forward_backward(dense, p.initial, p.transition, hazard, first, problem.inside), regressors


def swept(work: Work, p: Parameters) -> tuple[Expected, Array] | None:
    """E-step by one compiled sweep, without posteriors; None where the model has more to it."""
    problem = work.problem
    if work.features is None or work.regressors is None or problem.n_regressors or chosen_kernels() == "numpy":
        return None
    if work.design.duration != "geometric":
        return None
    from reldyn.markov.hmm._gaussian_sweep import sweep

    return sweep(problem, p), work.regressors


def maximise(work: Work, p: Parameters, expected: Expected, regressors: Array) -> Parameters:
    """M-step: every block of parameters at (or nearer to) its maximum given the expected states."""
    problem, design = work.problem, work.design
    p = replace(
        p,
        initial=_first_states(expected, problem.n_series),
        transition=_rows(expected.moves, p.transition),
    )
    if design.duration != "geometric":
        p = duration_step(p, expected, float(problem.n_occasions))
    if design.emission == "ordered-probit":
        return probit_step(problem, p, expected.posterior, regressors)
    return location_step(problem, design, p, expected, regressors, work.features)


def _first_states(expected: Expected, n_series: int) -> Array:
    total = expected.posterior[:, :, 0].sum(-1) if expected.initial is None else expected.initial
    return np.asarray(total / n_series)


def _rows(moves: Array, before: Array) -> Array:
    """Shares of every row; a state that is never left keeps its row."""
    total = moves.sum(-1, keepdims=True)
    return np.where(total > 1e-12, moves / np.where(total > 1e-12, total, 1.0), before)


def run_em(work: Work, start: Parameters, *, max_iter: int, tol: float) -> EMRun:
    """Run EM from every start until its gain falls below ``tol * (1 + |log-likelihood|)``."""
    problem = work.problem
    size = work.design.n_states * problem.n_occasions * problem.n_series * problem.n_channels
    if work.design.duration != "geometric":
        size *= OLDEST
    block = max(1, BLOCK // size)
    parts = [_em_block(work, start.take(slice(i, i + block)), max_iter, tol) for i in range(0, start.n_starts, block)]
    return EMRun(
        stack([part.parameters for part in parts]),
        np.concatenate([part.log_likelihood for part in parts]),
        np.concatenate([part.n_iterations for part in parts]),
        np.concatenate([part.converged for part in parts]),
    )


def _em_block(work: Work, start: Parameters, max_iter: int, tol: float) -> EMRun:
    n = start.n_starts
    best, log_likelihood = start, np.full(n, -np.inf)
    iterations, converged = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool)
    active, current = np.arange(n), start
    for step in range(max_iter + 1):
        expected, regressors = swept(work, current) or expect(work, current)
        value = expected.log_likelihood.sum(1)
        gain = value - log_likelihood[active]
        better = gain > 0
        best = best.put(active[better], current.take(better))
        log_likelihood[active[better]] = value[better]
        iterations[active] = step
        settled = ~(gain >= tol * (1.0 + np.abs(value)))
        converged[active[settled]] = True
        going = ~settled
        if step == max_iter or not going.any():
            break
        if not going.all():
            active, current = active[going], current.take(going)
            expected, regressors = _only(expected, going), regressors if len(regressors) == 1 else regressors[going]
        current = maximise(work, current, expected, regressors)
    return EMRun(best, log_likelihood, iterations, converged)


def _only(expected: Expected, rows: Flags) -> Expected:
    def some(array: Array | None) -> Array | None:
        return None if array is None else array[rows]

    return Expected(
        expected.log_likelihood[rows],
        expected.posterior[rows],
        expected.moves[rows],
        some(expected.exits),
        some(expected.stays),
        some(expected.first),
        some(expected.initial),
        None if expected.moments is None else expected.moments.take(rows),
    )
