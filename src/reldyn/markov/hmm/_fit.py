"""Hidden Markov and hidden semi-Markov models of many short series with gaps.

Estimation is by EM from many starts (`_em`, `_starts`); recursions, densities and durations have modules of
their own. Decoding is in `_decode`, deviations of single series in `_hierarchical`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Ints
from reldyn.errors import ConvergenceWarning, DataWarning, DesignError, check_option, warn_caller
from reldyn.markov.hmm._diagnose import diagnose, note_optima
from reldyn.markov.hmm._direct import log_likelihoods, maximise_likelihood
from reldyn.markov.hmm._em import EMRun, Work, expect, prepare, run_em
from reldyn.markov.hmm._parameters import Covariance, Design, Duration, Emission, Parameters, from_units, to_units
from reldyn.markov.hmm._problem import Known, Problem, build_problem
from reldyn.markov.hmm._result import HMMResult
from reldyn.markov.hmm._starts import starting_points
from reldyn.stats import known_seed

Seed = int | np.random.SeedSequence | np.random.Generator | None


def fit_hmm(
    series: Sequence[Array],
    *,
    n_states: int,
    emission: Emission = "gaussian",
    covariance: Covariance = "shared",
    lags: int = 0,
    duration: Duration = "geometric",
    covariates: Sequence[Array] | None = None,
    n_starts: int = 20,
    start: Mapping[str, Any] | HMMResult | None = None,
    max_iter: int = 500,
    tol: float = 1e-8,
    seed: Seed = None,
    lag_kinds: Sequence[Ints] | None = None,
) -> HMMResult:
    """Fit a hidden Markov model to many series that share its parameters.

    Parameters
    ----------
    series : list of ndarray (occasions, channels)
        NaN marks a missing answer. An occasion without any answer keeps its transition and has no emission;
        where only some channels are missing, the others count by their marginal density.
    n_states : int
    emission : {"gaussian", "skew-t", "ordered-probit"}
        Law of the innovations. ``"skew-t"`` (Azzalini and Capitanio 2003) keeps rare large shocks from being
        bought by a state of their own; one skewing variable serves all channels of an occasion, so that shocks
        skewed in each channel apart are caught in the most skewed one only. ``"ordered-probit"`` takes
        categories as ordered only; given the state, channels are then independent.
    covariance : {"shared", "separate"}
        One covariance for all states, or one each. Shared is the default because tied answers let a separate
        covariance collapse onto one of them. Variances are kept at or above step^2 / 12 on scales with up to
        25 different answers, and above a millionth of the channel's variance otherwise.
    lags : int, default 0
        Order of an autoregression common to all states (switching intercept). The first ``lags`` occasions of a
        series are conditioned upon. A lagged answer that is missing is replaced by its mean given the past and
        the filtered state probabilities; ordered outcomes enter as lags by their value.
    duration : {"geometric", "negative-binomial"}
        Law of the sojourns. Negative-binomial sojourns (shifted by one) make a hidden semi-Markov model by a
        chain expanded by age, up to 48 occasions; the first visit starts at a stationary age.
    covariates : list of ndarray (occasions, columns), optional
        Enter the mean of every channel, with the same slopes in all states. Needed wherever there is an answer.
    n_starts : int, default 20
        Fewer leave the best optimum to chance. Half of the starts come from clusterings.
    start : mapping or HMMResult, optional
        Parameters to start from instead, in the units of the data, by the names of the result's attributes;
        what is not named starts neutral. EM then runs from there only.
    max_iter, tol : int, float
        EM stops when a step gains less than ``tol * (1 + |log-likelihood|)``.
    seed : int, SeedSequence or Generator, optional
        Of the starts. None draws one; the result says which.
    lag_kinds : list of ndarray (occasions,) of int, optional
        Which set of lag coefficients holds at an occasion, 0, 1, ...: say 1 after a night, 0 within a day.

    Returns
    -------
    HMMResult

    Raises
    ------
    DesignError
        Series too short, a channel without answers or constant, more parameters than answers, or options that
        do not go together.

    Warns
    -----
    ConvergenceWarning
        The best start did not settle within ``max_iter``.
    DataWarning
        A degenerate state: at the floor of the variance, on a channel that stands still, or hardly visited.

    Examples
    --------
    >>> import numpy as np
    >>> from reldyn.markov import fit_hmm
    >>> rng = np.random.default_rng(1)
    >>> level = np.repeat([0.0, 3.0, 0.0, 3.0], 15)
    >>> fit = fit_hmm([level[:, None] + rng.normal(size=(60, 2))], n_states=2, n_starts=4, seed=1)
    >>> fit.means.round(1).tolist()
    [[-0.1, -0.0], [3.1, 2.9]]
    """
    problem, design = checked(series, n_states, emission, covariance, lags, duration, covariates, lag_kinds, None)
    _check_search(n_starts, max_iter, tol)
    work = prepare(problem, design)
    _check_size(work)
    if start is None:
        sequence = _seed_sequence(seed)
        entropy: int | None = int(sequence.entropy) if isinstance(sequence.entropy, int) else None
        begin = starting_points(work, n_starts, sequence)
    else:
        entropy, begin = None, from_units(problem, design, _named(start, "start"))
    ended = run_em(work, begin, max_iter=max_iter, tol=tol)
    best, settled = _best(work, ended, max_iter)
    return _result(work, best, ended, settled, entropy)


def hmm_log_likelihood(
    series: Sequence[Array],
    parameters: Mapping[str, Any] | HMMResult,
    *,
    n_states: int | None = None,
    emission: Emission = "gaussian",
    lags: int = 0,
    duration: Duration = "geometric",
    covariates: Sequence[Array] | None = None,
    lag_kinds: Sequence[Ints] | None = None,
) -> Array:
    """Log-likelihood of each series at given parameters.

    Parameters
    ----------
    series, emission, lags, duration, covariates, lag_kinds
        As for `fit_hmm`; of an `HMMResult`, the kind of model is its own and these are not read.
    parameters : mapping or HMMResult
        By the names of the attributes of `HMMResult`.
    n_states : int, optional
        Needed where ``parameters`` does not hold ``means``.

    Returns
    -------
    ndarray (series,)
        Their sum is the log-likelihood that `fit_hmm` maximises.

    Examples
    --------
    >>> import numpy as np
    >>> from reldyn.markov import hmm_log_likelihood
    >>> law = {"means": [[0.0], [2.0]], "covariances": [[[1.0]], [[1.0]]], "transition": [[0.9, 0.1], [0.2, 0.8]]}
    >>> hmm_log_likelihood([np.array([[0.1], [np.nan], [1.8], [2.2]])], law).round(4).tolist()
    [-4.8388]
    """
    named = _named(parameters, "parameters")
    if isinstance(parameters, HMMResult):
        emission, _, duration = kinds_of(parameters)
        lags = int(parameters.lag_coefficients.shape[1])
    if named.get("means") is not None:
        n_states = len(np.atleast_1d(np.asarray(named["means"])))
    if n_states is None:
        raise DesignError("n_states is needed: parameters hold no 'means' to count the states of.")
    problem, design = checked(series, n_states, emission, "shared", lags, duration, covariates, lag_kinds, known(named))
    work = prepare(problem, design)
    if isinstance(parameters, HMMResult):
        check_like(problem, parameters)
    p = from_units(problem, design, named, "parameters")
    counts = (problem.observed & problem.used).sum(1)
    return np.asarray(log_likelihoods(work, p)[0] - np.log(problem.scale.out_spread) @ counts)


def kinds_of(result: HMMResult) -> tuple[Any, Any, Any]:
    """Emission, covariance and duration of a fit."""
    return result.emission, result.covariance, result.duration


def check_like(problem: Problem, fit: HMMResult) -> None:
    """Refuse series or covariates with other columns than those of a fit."""
    have = ((problem.n_channels, "series", "channel"), (len(problem.x), "covariates", "column"))
    want = (fit.means.shape[1], fit.covariate_coefficients.shape[1])
    for (found, name, word), needed in zip(have, want, strict=True):
        if found != needed:
            raise DesignError(f"{name}: {counted(found, word)}, but the fit has {needed}: give the same as to the fit.")


def _named(given: Mapping[str, Any] | HMMResult, argument: str) -> Mapping[str, Any]:
    if isinstance(given, HMMResult):
        return given.parameters
    if not isinstance(given, Mapping):
        raise DesignError(f"{argument} must be a mapping of parameter names to arrays, or an HMMResult.")
    return given


def known(named: Mapping[str, Any]) -> Known:
    """Read what parameters fix about the data."""
    centre, categories = named.get("lag_centre"), named.get("categories")
    lag = np.asarray(named.get("lag_coefficients", np.zeros(0)))
    return Known(
        None if centre is None else np.asarray(centre, dtype=float),
        None if categories is None else tuple(np.asarray(values, dtype=float) for values in categories),
        lag.shape[0] if lag.ndim == 4 else 1,
    )


def checked(
    series: Sequence[Array],
    n_states: int,
    emission: Emission,
    covariance: Covariance,
    lags: int,
    duration: Duration,
    covariates: Sequence[Array] | None,
    lag_kinds: Sequence[Ints] | None,
    fixed: Known | None,
) -> tuple[Problem, Design]:
    """Check the options and the data."""
    check_option(emission, get_args(Emission), "emission")
    check_option(covariance, get_args(Covariance), "covariance")
    check_option(duration, get_args(Duration), "duration")
    for name, value, least in (("n_states", n_states, 1), ("lags", lags, 0)):
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
            raise DesignError(f"{name}={value!r} must be an integer of at least {least}.")
    if duration != "geometric" and n_states < 2:
        raise DesignError("duration='negative-binomial' needs at least two states: one state is never left.")
    ordered = emission == "ordered-probit"
    if ordered and covariance == "separate":
        raise DesignError("covariance='separate' does not go with ordered-probit: its latent variance is 1 everywhere.")
    problem = build_problem(series, lags=lags, covariates=covariates, lag_kinds=lag_kinds, ordered=ordered, known=fixed)
    return problem, Design(n_states, emission, covariance, duration)


def _check_search(n_starts: int, max_iter: int, tol: float) -> None:
    for name, value in (("n_starts", n_starts), ("max_iter", max_iter)):
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
            raise DesignError(f"{name}={value!r} must be a positive integer.")
    if not isinstance(tol, (int, float, np.number)) or not np.isfinite(tol):
        raise DesignError(f"tol={tol!r} must be a finite number.")


def _check_size(work: Work) -> None:
    problem = work.problem
    answers = int((problem.observed & problem.used).sum())
    n = count_parameters(work)
    if n >= answers:
        raise DesignError(
            f"{work.design.n_states} states have {n} parameters, but there are {counted(answers, 'answer')}: use fewer "
            "states."
        )


def count_parameters(work: Work) -> int:
    """Free parameters of the model."""
    problem, design = work.problem, work.design
    k, c = design.n_states, problem.n_channels
    laws = 1 if design.covariance == "shared" else k
    count = (k - 1) + k * c + problem.n_regressors * c
    count += k * (k - 1) if design.duration == "geometric" else k * (k - 2) + 2 * k
    if design.emission == "ordered-probit":
        return count + sum(len(values) - 2 for values in problem.categories)
    count += laws * c * (c + 1) // 2
    return count + laws * c + 1 if design.emission == "skew-t" else count


def _seed_sequence(seed: Seed) -> np.random.SeedSequence:
    if isinstance(seed, np.random.SeedSequence):
        return np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key)
    if isinstance(seed, np.random.Generator):
        return np.random.SeedSequence(int(seed.integers(2**63)))
    return np.random.SeedSequence(None if seed is None else known_seed(seed))


def _best(work: Work, ended: EMRun, max_iter: int) -> tuple[Parameters, tuple[float, int, bool]]:
    """Return the best start with its labels in order, finished directly where EM is not exact."""
    winner = int(ended.log_likelihood.argmax())
    best = ended.parameters.take([winner])
    value, steps = float(ended.log_likelihood[winner]), int(ended.n_iterations[winner])
    converged = bool(ended.converged[winner])
    # Skewed innovations settle slowly by EM; predicted lags keep EM from settling at the maximum itself.
    slow = work.design.emission == "skew-t" and not converged
    if slow or work.problem.lags_missing:
        finished = maximise_likelihood(work, best, max_iter=max_iter)
        best, value, converged = finished.parameters, finished.log_likelihood, finished.converged
        steps += finished.n_iterations
    return ordered_labels(best), (value, steps, converged)


def ordered_labels(p: Parameters) -> Parameters:
    """Order the states of every start by the first channel's location, then the next."""
    rows = np.arange(p.n_starts)[:, None]
    order = np.stack([np.lexsort(location.T[::-1]) for location in p.location])
    return replace(
        p,
        initial=p.initial[rows, order],
        transition=p.transition[rows[..., None], order[:, :, None], order[:, None]],
        location=p.location[rows, order],
        spread=p.spread[rows, order],
        skew=p.skew[rows, order],
        mean_stay=p.mean_stay[rows, order],
        size_stay=p.size_stay[rows, order],
    )


def _result(
    work: Work, best: Parameters, ended: EMRun, settled: tuple[float, int, bool], entropy: int | None
) -> HMMResult:
    problem, design = work.problem, work.design
    value, steps, converged = settled
    expected, _ = expect(work, best)
    posterior = expected.posterior[0]
    optima = ended.log_likelihood + problem.log_jacobian
    found = note_optima(optima, 0.1 if problem.lags_missing or design.emission == "skew-t" else 0.01)
    optima[int(ended.log_likelihood.argmax())] = value + problem.log_jacobian
    named = to_units(problem, design, best)
    notes = (*diagnose(work, best, posterior), *found)
    if not converged:
        notes = ("The search did not settle: raise max_iter, or tol.", *notes)
        warn_caller(f"fit_hmm: {notes[0]}", ConvergenceWarning)
    for note in notes[0 if converged else 1 :]:
        warn_caller(f"fit_hmm: {note}", DataWarning)
    return HMMResult.of(
        log_likelihood=value + problem.log_jacobian,
        posterior=tuple(posterior[:, : problem.lengths[i], i].T.copy() for i in range(problem.n_series)),
        optima=optima,
        emission=design.emission,
        covariance=design.covariance,
        duration=design.duration,
        n_series=problem.n_series,
        n_occasions=int(problem.used.sum()),
        n_obs=int((problem.observed & problem.used).sum()),
        n_parameters=count_parameters(work),
        n_iterations=steps,
        converged=converged,
        seed=entropy,
        notes=notes,
        **named,
    )
