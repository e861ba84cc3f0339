"""E-step of Gaussian emissions by the compiled sweep of `_compiled_gaussian`."""

from __future__ import annotations

import numpy as np

from reldyn.markov.hmm._compiled_gaussian import density_kernel, moments_kernel
from reldyn.markov.hmm._density import LOG_2PI
from reldyn.markov.hmm._parameters import Parameters
from reldyn.markov.hmm._problem import Problem
from reldyn.markov.hmm._recursions import Expected, Moments


def sweep(problem: Problem, p: Parameters) -> Expected:
    """Return log-likelihoods, expected moves and moments; no posterior is kept.

    Needs complete channels and neither lags nor covariates.
    """
    s, k, c = p.location.shape
    root = np.linalg.inv(np.linalg.cholesky(p.spread))
    constant = np.log(np.diagonal(root, axis1=2, axis2=3)).sum(-1) - 0.5 * c * LOG_2PI
    shape = (problem.n_occasions, problem.n_series)
    used, inside = problem.used.astype(float), problem.inside.astype(float)
    density, top, total = np.empty((s, k, *shape)), np.empty((s, *shape)), np.empty((s, *shape))
    density_kernel(problem.y, used, p.location, root, constant, density, top)
    np.exp(density, out=density)
    first, moves, products = moments_kernel(
        density, problem.y, used, inside, p.initial, p.transition, total, np.empty((k, *shape))
    )
    log_likelihood = np.log(total).sum(1) + top.sum(1)
    full = products + np.tril(products, -1).swapaxes(2, 3)
    moments = Moments(full[:, :, :1, :1], full[:, :, :1, 1:], full[:, :, 1:, 1:], full[:, :, 0, 0])
    return Expected(log_likelihood, np.empty((s, k, 1, 0)), moves, initial=first, moments=moments)
