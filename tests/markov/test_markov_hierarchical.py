"""Partial pooling: the bound against exact integration, monotone steps, planted deviations."""

import warnings

import numpy as np
import pytest
from scipy import integrate, stats

from reldyn.errors import DataWarning, DesignError
from reldyn.markov import HierarchicalHMMResult, fit_hierarchical_hmm, fit_hmm
from reldyn.markov.hmm._deviations import e_step, lower_bound, m_step, posterior_update
from reldyn.markov.hmm._hierarchical import _first_beliefs
from reldyn.markov.hmm._problem import build_problem
from reldyn.results import from_json


def sample(n_series=30, n_occasions=60, missing=0.1, between=0.8, seed=5):
    rng = np.random.default_rng(seed)
    series, truth = [], []
    for _ in range(n_series):
        means = np.array([[-1.5, 0.5], [1.5, -0.8]]) + between * rng.normal(size=(2, 2))
        rows = np.array([rng.dirichlet([27.0, 3.0]), rng.dirichlet([4.5, 25.5])])
        state, part = 0, np.empty((n_occasions, 2))
        for t in range(n_occasions):
            state = rng.choice(2, p=rows[state])
            part[t] = means[state] + rng.normal(size=2) * 0.7
        part[rng.random(part.shape) < missing] = np.nan
        series.append(part)
        truth.append(means)
    return series, np.array(truth)


def quiet_fit(series):
    """A starting point: its warnings are not what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return fit_hmm(series, n_states=2, n_starts=4, seed=1)


@pytest.mark.parametrize("shared", [True, False])
def test_every_round_raises_the_bound(shared):
    series, _ = sample(n_series=6, n_occasions=25, missing=0.2)
    series[2] = series[2][:15]
    problem = build_problem(series, lags=0, covariates=None, lag_kinds=None, ordered=False)
    population, deviations = _first_beliefs(problem, quiet_fit(series), np.zeros((6, 2)))
    trace = []
    for _ in range(30):
        paths = e_step(problem, population, deviations)
        trace.append(lower_bound(population, deviations, paths))
        deviations = posterior_update(problem, population, paths)
        population = m_step(problem, population, deviations, paths, shared=shared)
    assert np.diff(trace).min() > -1e-8
    assert trace[-1] > trace[0] + 5.0


def test_where_the_path_is_certain_the_bound_is_the_marginal_likelihood():
    """States far apart: the mean of each state is integrated by quadrature, its rows in closed form."""
    y = np.array([-4.1, -3.7, -4.4, 4.2, 3.6, 4.1, -3.9, -4.2])[:, None]
    series = [y, y[::-1] + 0.3]
    problem = build_problem(series, lags=0, covariates=None, lag_kinds=None, ordered=False)
    spread, centre = problem.scale.spread[0], problem.scale.centre[0]
    population, deviations = _first_beliefs(problem, quiet_fit(series), np.zeros((2, 1)))
    for _ in range(60):
        paths = e_step(problem, population, deviations)
        deviations = posterior_update(problem, population, paths)
    bound = lower_bound(population, deviations, e_step(problem, population, deviations)) + problem.log_jacobian
    exact = 0.0
    for part in series:
        exact += _exact_marginal(part[:, 0], population, centre, spread)
    assert bound == pytest.approx(exact, abs=1e-8)


def _exact_marginal(y, population, centre, spread):
    """All mass on the obvious path: its Dirichlet-multinomial chance times two Gaussian integrals."""
    states = (y > 0).astype(int)
    moves = np.zeros((2, 2))
    np.add.at(moves, (states[:-1], states[1:]), 1.0)
    from scipy.special import gammaln

    total = np.log(population.initial[states[0]])
    for row, count in zip(population.weight, moves, strict=True):
        total += gammaln(row.sum()) - gammaln(row.sum() + count.sum()) + (gammaln(row + count) - gammaln(row)).sum()
    for state in range(2):
        part, sd = y[states == state], spread * np.sqrt(population.spread[state, 0, 0])
        mean = centre + spread * population.centre[state, 0]
        prior = stats.norm(mean, spread * np.sqrt(population.between[state, state]))
        total += np.log(
            integrate.quad(
                lambda m, part=part, sd=sd, prior=prior: prior.pdf(m) * stats.norm.pdf(part, m, sd).prod(),
                mean - 6.0,
                mean + 6.0,
                epsabs=0,
                epsrel=1e-10,
                limit=200,
            )[0]
        )
    return total


def test_deviations_are_found_and_shrunk():
    series, truth = sample()
    fit = fit_hierarchical_hmm(series, n_states=2, n_starts=4, seed=1)
    assert fit.converged
    np.testing.assert_allclose(fit.between_sd, 0.8, atol=0.3)
    np.testing.assert_allclose(fit.means, truth.mean(0), atol=0.2)
    np.testing.assert_allclose(np.diag(fit.transition), [0.9, 0.85], atol=0.05)
    error = np.sqrt(((fit.series_means - truth) ** 2).mean())
    pooled = np.sqrt(((truth.mean(0) - truth) ** 2).mean())
    assert error < 0.5 * pooled
    inside = np.abs(fit.series_means - truth) < 1.96 * fit.series_mean_sd
    assert 0.85 < inside.mean() <= 1.0


def test_series_that_are_alike_are_pooled():
    series, _ = sample(n_series=20, between=0.0)
    fit = fit_hierarchical_hmm(series, n_states=2, n_starts=4, seed=1)
    assert (fit.between_sd < 0.2).all()
    pooled = quiet_fit(series)
    np.testing.assert_allclose(fit.means, pooled.means, atol=0.05)


def test_series_further_apart_than_their_states_are_still_told_apart():
    series, _ = sample(n_series=15, between=0.0)
    rng = np.random.default_rng(3)
    moved = [part + shift for part, shift in zip(series, 6.0 * rng.normal(size=(15, 2)), strict=True)]
    fit = fit_hierarchical_hmm(moved, n_states=2, n_starts=4, seed=1)
    np.testing.assert_allclose(np.diff(fit.series_means[:, :, 0], axis=1), 3.0, atol=0.9)


def test_the_result_travels_and_reads():
    series, _ = sample(n_series=6, n_occasions=30)
    fit = fit_hierarchical_hmm(series, n_states=2, covariance="separate", n_starts=2, seed=1)
    back = from_json(fit.to_json())
    assert isinstance(back, HierarchicalHMMResult)
    assert back.tidy().equals(fit.tidy())
    assert fit.tidy()["term"].is_unique
    assert len(fit.series_parameters()) == 6 * 2 * 2
    assert fit.summary().startswith("Hierarchical hidden Markov model: 2 states, 6 series")
    again = fit_hierarchical_hmm(series, n_states=2, covariance="separate", n_starts=2, seed=1)
    assert again.to_json() == fit.to_json()


def test_few_series_are_said_and_one_is_refused():
    series, _ = sample(n_series=3, n_occasions=30)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = fit_hierarchical_hmm(series, n_states=2, n_starts=2, max_iter=3, seed=1)
    assert fit.warnings == (
        "The search did not settle: raise max_iter, or tol.",
        "Only 3 series: spreads between series mean little.",
    )
    assert sorted(str(item.message) for item in caught) == sorted(f"fit_hierarchical_hmm: {n}" for n in fit.warnings)
    assert "NOT CONVERGED" in " ".join(fit.summary().split())
    with pytest.raises(DesignError) as caught:
        fit_hierarchical_hmm(series[:1], n_states=2)
    assert str(caught.value) == "a hierarchical model needs at least two states and two series; use fit_hmm."
