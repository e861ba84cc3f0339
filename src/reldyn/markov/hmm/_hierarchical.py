"""Hidden Markov models in which every series has its own means and transition rows around common ones."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn._format import counted
from reldyn._types import Array
from reldyn.errors import ConvergenceWarning, DataWarning, DesignError, warn_caller
from reldyn.markov.hmm._deviations import Deviations, Paths, Population, e_step, lower_bound, m_step, posterior_update
from reldyn.markov.hmm._fit import Seed, checked, fit_hmm
from reldyn.markov.hmm._parameters import Covariance
from reldyn.markov.hmm._problem import Problem
from reldyn.markov.hmm._result import HMMResult
from reldyn.results import InState, Result

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.results import Section

# Where the rows of a series start: this many transitions' worth of belief in the common row.
FIRST_CONCENTRATION = 20.0
FIRST_BETWEEN = 0.1
FEW_SERIES = 5


class HierarchicalHMMResult(Result):
    """A hidden Markov model with deviations of single series.

    Attributes
    ----------
    lower_bound : float
        On the log marginal likelihood; comparable between fits of this kind only.
    means, between_sd : ndarray (states, channels)
        Mean and standard deviation of the series' state means.
    covariances : ndarray (states, channels, channels)
    transition : ndarray (states, states)
        Expected transition rows.
    concentration : ndarray (states,)
        How alike the rows of different series are, in transitions: large is alike.
    initial : ndarray (states,)
    series_means, series_mean_sd : ndarray (series, states, channels)
        Partially pooled state means of each series and their posterior standard deviations.
    series_transition : ndarray (series, states, states)
    posterior : tuple of ndarray (occasions, states)
    optima : ndarray (2,)
        Lower bounds reached from the pooled fit and from the fit of centred series.
    covariance : str
    n_series, n_occasions, n_obs, n_iterations : int
    converged : bool
    seed : int or None
    notes : tuple of str
    """

    lower_bound = InState[float]()
    means = InState[Array]()
    between_sd = InState[Array]()
    covariances = InState[Array]()
    transition = InState[Array]()
    concentration = InState[Array]()
    initial = InState[Array]()
    series_means = InState[Array]()
    series_mean_sd = InState[Array]()
    series_transition = InState[Array]()
    posterior = InState[tuple[Array, ...]]()
    optima = InState[Array]()
    covariance = InState[str]()
    n_series = InState[int]()
    n_occasions = InState[int]()
    n_obs = InState[int]()
    n_iterations = InState[int]()
    converged = InState[bool]()
    seed = InState[int | None]()

    row_fields: ClassVar[tuple[str, ...]] = ("posterior",)

    def tidy(self) -> pd.DataFrame:
        """One row per common parameter: ``term``, ``parameter``, ``state``, ``to_state``, ``channel``, ``estimate``."""
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for state in range(len(self.initial)):
            rows.append({"parameter": "initial", "state": state, "estimate": self.initial[state]})
            rows.append({"parameter": "concentration", "state": state, "estimate": self.concentration[state]})
            for other, share in enumerate(self.transition[state]):
                rows.append({"parameter": "transition", "state": state, "to_state": other, "estimate": share})
            for channel in range(self.means.shape[1]):
                place = {"state": state, "channel": channel}
                rows.append({"parameter": "mean", **place, "estimate": self.means[state, channel]})
                rows.append({"parameter": "between_sd", **place, "estimate": self.between_sd[state, channel]})
                for other in range(channel + 1):
                    value = self.covariances[state, channel, other]
                    rows.append({"parameter": "covariance", **place, "other": other, "estimate": value})
        columns = ["parameter", "state", "to_state", "channel", "other", "estimate"]
        frame = pd.DataFrame(rows, columns=columns).astype(
            dict.fromkeys(("state", "to_state", "channel", "other"), "Int64")
        )
        places = [
            " ".join(f"{name.replace('_', ' ')} {row[name]}" for name in columns[1:5] if not pd.isna(row[name]))
            for row in frame.to_dict("records")
        ]
        frame.insert(0, "term", [f"{name} {place}" for name, place in zip(frame["parameter"], places, strict=True)])
        return frame

    def series_parameters(self) -> pd.DataFrame:
        """One row per series, state and channel: ``estimate`` of the mean and its posterior ``std_error``."""
        import pandas as pd

        index = np.indices(self.series_means.shape).reshape(3, -1)
        return pd.DataFrame(
            {
                "series": index[0],
                "state": index[1],
                "channel": index[2],
                "estimate": self.series_means.ravel(),
                "std_error": self.series_mean_sd.ravel(),
            }
        )

    def glance(self) -> pd.DataFrame:
        """One row that describes the whole fit."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "n_series": self.n_series,
                    "n_occasions": self.n_occasions,
                    "n_obs": self.n_obs,
                    "n_states": len(self.initial),
                    "lower_bound": self.lower_bound,
                    "n_iterations": self.n_iterations,
                    "converged": self.converged,
                }
            ]
        )

    def _headline(self) -> str:
        return (
            f"Hierarchical hidden Markov model: {len(self.initial)} states, {self.n_series} series, "
            f"{counted(self.n_occasions, 'occasion')} with an answer"
        )

    def _methods(self) -> str:
        stopped = "" if self.converged else "NOT CONVERGED: the estimates are where the search stopped. "
        return f"{stopped}Variational lower bound {self.lower_bound:.3f} after {self.n_iterations} iterations."

    def _sections(self) -> Iterable[Section]:
        for state, means in enumerate(self.means):
            shown = ", ".join(
                f"{m:.3f} (SD between series {s:.3f})" for m, s in zip(means, self.between_sd[state], strict=True)
            )
            yield f"State {state}: mean {shown}; stays with probability {self.transition[state, state]:.3f}."


def fit_hierarchical_hmm(
    series: Sequence[Array],
    *,
    n_states: int,
    covariance: Covariance = "shared",
    n_starts: int = 20,
    max_iter: int = 500,
    tol: float = 1e-6,
    seed: Seed = None,
) -> HierarchicalHMMResult:
    """Fit a Gaussian hidden Markov model in which series deviate from common means and transition rows.

    The state means of a series are jointly normal around common ones (a series may lie high in all its
    states); its transition rows are Dirichlet around common rows. Both spreads are estimated, so that short
    series borrow from the others as far as series are alike (partial pooling). Estimation is by variational
    empirical Bayes: posteriors of single series are somewhat too narrow, as they are wherever a posterior is
    factorised.

    Parameters
    ----------
    series : list of ndarray (occasions, channels)
        NaN where missing; emissions are skipped, transitions kept, single missing channels integrated out.
    n_states : int
        At least two.
    covariance : {"shared", "separate"}
        Within states; the same for all series.
    n_starts, max_iter, tol, seed
        As for `fit_hmm`, which gives the two starting points: a fit of all series as they are, and one of series
        centred at their own means, for samples in which series differ more than states do. The tolerance is
        wider than there: a spread between series that is nil is approached ever more slowly.

    Returns
    -------
    HierarchicalHMMResult

    Raises
    ------
    DesignError
        As for `fit_hmm`; also for fewer than two series or one state.

    Warns
    -----
    ConvergenceWarning
        The lower bound still rose after ``max_iter`` iterations.
    DataWarning
        So few series that spreads between them mean little.

    Examples
    --------
    >>> import numpy as np
    >>> from reldyn.markov import fit_hierarchical_hmm
    >>> rng = np.random.default_rng(1)
    >>> level = np.tile(np.repeat([0.0, 4.0], 10), 3)[:, None]
    >>> series = [level + own + rng.normal(size=(60, 1)) for own in rng.normal(size=8)]
    >>> fit = fit_hierarchical_hmm(series, n_states=2, n_starts=4, seed=1)
    >>> np.diff(fit.means[:, 0]).round(0).tolist(), fit.series_means.shape
    ([4.0], (8, 2, 1))
    """
    problem, _ = checked(series, n_states, "gaussian", covariance, 0, "geometric", None, None, None)
    if n_states < 2 or problem.n_series < 2:
        raise DesignError("a hierarchical model needs at least two states and two series; use fit_hmm.")
    options: dict[str, Any] = {"n_states": n_states, "covariance": covariance, "n_starts": n_starts}
    options.update(max_iter=max_iter, tol=tol, seed=seed)
    pooled, centred, offsets = _pooled_fits(series, problem, options)
    runs = [
        _ascend(problem, *_first_beliefs(problem, fit, shift), covariance == "shared", max_iter, tol)
        for fit, shift in ((pooled, np.zeros_like(offsets)), (centred, offsets))
    ]
    return _result(problem, runs, covariance, pooled.seed)


def _pooled_fits(
    series: Sequence[Array], problem: Problem, options: dict[str, Any]
) -> tuple[HMMResult, HMMResult, Array]:
    own = np.stack([np.nanmean(part, axis=0) for part in _filled(series)])
    if isinstance(options["seed"], np.random.Generator):
        options = {**options, "seed": int(options["seed"].integers(2**63))}
    with warnings.catch_warnings():
        # These fits are starting points: what is to be said is said about the final one.
        warnings.simplefilter("ignore", DataWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        pooled = fit_hmm(series, **options)
        options = {**options, "seed": pooled.seed}
        moved = [_matrix(part) - mean + problem.scale.centre for part, mean in zip(series, own, strict=True)]
        centred = fit_hmm(moved, **options)
    return pooled, centred, (own - problem.scale.centre) / problem.scale.spread


def _matrix(part: Array) -> Array:
    matrix = np.asarray(part, dtype=float)
    return matrix[:, None] if matrix.ndim == 1 else matrix


def _filled(series: Sequence[Array]) -> list[Array]:
    """Series in which a channel that one of them never answered stands at its mean over all."""
    parts = [_matrix(part) for part in series]
    overall = np.nanmean(np.concatenate(parts), axis=0)
    return [np.where(np.isnan(part).all(axis=0), overall, part) for part in parts]


def _first_beliefs(problem: Problem, fit: HMMResult, shift: Array) -> tuple[Population, Deviations]:
    scale = problem.scale
    centre = (fit.means - scale.centre) / scale.spread
    spread = fit.covariances / np.outer(scale.spread, scale.spread)
    weight = FIRST_CONCENTRATION * np.maximum(fit.transition, 0.01)
    weight *= FIRST_CONCENTRATION / weight.sum(-1, keepdims=True)
    n, k, c = problem.n_series, *centre.shape
    between = FIRST_BETWEEN * np.eye(k * c) + np.tile(shift.T @ shift / n, (k, k))
    initial = np.maximum(fit.initial, 1e-3)
    population = Population(initial / initial.sum(), centre, between, spread, weight)
    cover = np.tile(1e-3 * np.eye(k * c).reshape(k, c, k, c), (n, 1, 1, 1, 1))
    return population, Deviations(centre + shift[:, None], cover, np.tile(weight, (n, 1, 1)))


@dataclass(frozen=True, slots=True)
class _Ended:
    """Where one run of EM ended."""

    population: Population
    deviations: Deviations
    paths: Paths
    bound: float
    n_iterations: int
    converged: bool


def _ascend(
    problem: Problem, population: Population, deviations: Deviations, shared: bool, max_iter: int, tol: float
) -> _Ended:
    before = -np.inf
    for step in range(max_iter + 1):
        paths = e_step(problem, population, deviations)
        bound = lower_bound(population, deviations, paths)
        settled = step > 1 and bound - before < tol * (1.0 + abs(bound))
        if settled or step == max_iter:
            break
        before = bound
        deviations = posterior_update(problem, population, paths)
        population = m_step(problem, population, deviations, paths, shared=shared)
    return _Ended(population, deviations, paths, bound, step, settled)


def _result(problem: Problem, runs: list[_Ended], covariance: str, seed: int | None) -> HierarchicalHMMResult:
    bounds = np.array([run.bound for run in runs]) + problem.log_jacobian
    best = _ordered(runs[int(bounds.argmax())])
    population, deviations, scale = best.population, best.deviations, problem.scale
    notes: tuple[str, ...] = ()
    if problem.n_series < FEW_SERIES:
        notes = (f"Only {problem.n_series} series: spreads between series mean little.",)
        warn_caller(f"fit_hierarchical_hmm: {notes[0]}", DataWarning)
    if not best.converged:
        notes = ("The search did not settle: raise max_iter, or tol.", *notes)
        warn_caller(f"fit_hierarchical_hmm: {notes[0]}", ConvergenceWarning)
    total = population.weight.sum(-1)
    own_total = deviations.weight.sum(-1, keepdims=True)
    sd = np.sqrt(np.diagonal(deviations.own_cover, axis1=2, axis2=3))
    between = np.sqrt(np.diag(population.between)).reshape(population.centre.shape)
    return HierarchicalHMMResult.of(
        lower_bound=float(bounds.max()),
        means=scale.centre + scale.spread * population.centre,
        between_sd=scale.spread * between,
        covariances=population.spread * np.outer(scale.spread, scale.spread),
        transition=population.weight / total[:, None],
        concentration=total,
        initial=population.initial,
        series_means=scale.centre + scale.spread * deviations.mean,
        series_mean_sd=scale.spread * sd,
        series_transition=deviations.weight / own_total,
        posterior=tuple(best.paths.posterior[:, : problem.lengths[i], i].T.copy() for i in range(problem.n_series)),
        optima=bounds,
        covariance=covariance,
        n_series=problem.n_series,
        n_occasions=int(problem.used.sum()),
        n_obs=int((problem.observed & problem.used).sum()),
        n_iterations=best.n_iterations,
        converged=best.converged,
        seed=seed,
        notes=notes,
    )


def _ordered(ended: _Ended) -> _Ended:
    """Order states by the common mean of the first channel."""
    order = np.lexsort(ended.population.centre.T[::-1])
    pair = np.ix_(order, order)
    c = ended.population.centre.shape[1]
    places = (order[:, None] * c + np.arange(c)).ravel()
    population, deviations, paths = ended.population, ended.deviations, ended.paths
    return replace(
        ended,
        population=Population(
            population.initial[order],
            population.centre[order],
            population.between[np.ix_(places, places)],
            population.spread[order],
            population.weight[pair],
        ),
        deviations=Deviations(
            deviations.mean[:, order],
            deviations.cover[:, order][:, :, :, order],
            deviations.weight[:, pair[0], pair[1]],
        ),
        paths=replace(paths, posterior=paths.posterior[order]),
    )
