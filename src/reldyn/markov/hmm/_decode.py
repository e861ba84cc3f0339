"""The most likely path of states (Viterbi 1967; Forney 1973), for all series at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reldyn._types import Array, Ints
from reldyn.errors import DesignError
from reldyn.markov.hmm._density import log_density
from reldyn.markov.hmm._durations import OLDEST, hazards
from reldyn.markov.hmm._em import prepare
from reldyn.markov.hmm._fit import check_like, checked, kinds_of, known
from reldyn.markov.hmm._parameters import from_units
from reldyn.markov.hmm._result import HMMResult


def decode(
    series: Sequence[Array],
    fit: HMMResult,
    *,
    covariates: Sequence[Array] | None = None,
    lag_kinds: Sequence[Ints] | None = None,
) -> tuple[Ints, ...]:
    """Return the single most likely path of states of each series.

    Parameters
    ----------
    series : list of ndarray (occasions, channels)
        NaN where missing: the path goes on through gaps by its transitions.
    fit : HMMResult
    covariates, lag_kinds
        As in the fit.

    Returns
    -------
    tuple of ndarray (occasions,)
        States in the order of ``fit``. The path is one, the posterior weighs all: shares of time are better
        read from ``fit.posterior``.

    Examples
    --------
    >>> import numpy as np
    >>> from reldyn.markov import decode, fit_hmm
    >>> rng = np.random.default_rng(2)
    >>> y = np.repeat([0.0, 4.0, 0.0], 10)[:, None] + 0.5 * rng.normal(size=(30, 1))
    >>> fit = fit_hmm([y], n_states=2, n_starts=4, seed=1)
    >>> decode([y], fit)[0].tolist() == np.repeat([0, 1, 0], 10).tolist()
    True
    """
    if not isinstance(fit, HMMResult):
        raise DesignError("fit must be an HMMResult, as fit_hmm returns it.")
    emission, covariance, duration = kinds_of(fit)
    lags = int(fit.lag_coefficients.shape[1])
    problem, design = checked(
        series, fit.n_states, emission, covariance, lags, duration, covariates, lag_kinds, known(fit.parameters)
    )
    check_like(problem, fit)
    work = prepare(problem, design)
    p = from_units(problem, design, fit.parameters, "fit")
    dense = log_density(problem, design, p, work.regressors_at(p))[0]
    with np.errstate(divide="ignore"):
        if duration == "geometric":
            first, log_transition = np.log(p.initial[0]), np.log(p.transition[0])
            ages = 1
        else:
            ages = OLDEST
            hazard, age = hazards(p.mean_stay, p.size_stay, ages)
            first = np.log((p.initial[0][:, None] * age[0]).ravel())
            log_transition = np.log(expanded_chain(p.transition[0], hazard[0]))
    paths = _viterbi(np.repeat(dense, ages, axis=0), first, log_transition) // ages
    return tuple(paths[:length, i].copy() for i, length in enumerate(problem.lengths))


def expanded_chain(transition: Array, hazard: Array) -> Array:
    """Transition matrix between (state, age) pairs, state-major; the last age goes on."""
    k, ages = hazard.shape
    log_transition = np.zeros((k, ages, k, ages))
    for state in range(k):
        log_transition[state, :, :, 0] += hazard[state][:, None] * transition[state]
        for age in range(ages):
            log_transition[state, age, state, min(age + 1, ages - 1)] += 1.0 - hazard[state, age]
    return log_transition.reshape(k * ages, k * ages)


def _viterbi(dense: Array, first: Array, log_transition: Array) -> Ints:
    """Paths (occasions, series) of (states, occasions, series) log densities; padding has density 0."""
    k, t_end, n = dense.shape
    value = first[:, None] + dense[:, 0]
    back = np.zeros((t_end, k, n), dtype=np.int64)
    for t in range(1, t_end):
        options = value[:, None] + log_transition[:, :, None]
        back[t] = options.argmax(0)
        value = options.max(0) + dense[:, t]
    path = np.empty((t_end, n), dtype=np.int64)
    path[-1] = value.argmax(0)
    for t in range(t_end - 1, 0, -1):
        path[t - 1] = back[t, path[t], np.arange(n)]
    return path
