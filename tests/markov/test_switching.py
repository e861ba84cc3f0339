import itertools

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from reldyn.markov.regimes._switching import MemoryPrior, SwitchingData, fit_switching, log_likelihood_at

T, C, K = 6, 2, 3


def tiny(seed, missing=()):
    rng = np.random.default_rng(seed)
    observed = np.ones(T, dtype=bool)
    observed[list(missing)] = False
    y = np.where(observed[None, :, None], rng.standard_normal((1, T, C)), 0.0)
    night = np.array([False, False, True, False, True, False])
    data = SwitchingData(y, observed, night, rng.standard_normal((1, T, 2)))
    coefficients = rng.normal(0, 0.5, (1, K + 2 * C + 2, C))
    root = rng.normal(0, 0.3, (C, C)) + np.eye(C)
    return data, coefficients, (root @ root.T)[None], rng.dirichlet(np.ones(K), (1, K))


def by_enumeration(data, coefficients, covariance, transition):
    """Sum over all paths; a missing lag is its prediction given the past, itself by enumeration."""
    y, observed, coefficients = data.y[0], data.observed, coefficients[0]
    means, day, night = coefficients[:K], coefficients[K : K + C], coefficients[K + C : K + 2 * C]
    filled, bases = y.copy(), []
    for t in range(T):
        base = data.x[0, t] @ coefficients[K + 2 * C :]
        if t > 0:
            base = base + filled[t - 1] @ (night if data.night[t] else day)
        bases.append(base)
        if not observed[t]:
            weights = np.zeros(K)
            for path in itertools.product(range(K), repeat=t + 1):
                weights[path[-1]] += path_probability(path, y, observed, bases, means, covariance, transition)
            filled[t] = base + weights / weights.sum() @ means
    total = sum(
        path_probability(path, y, observed, bases, means, covariance, transition)
        for path in itertools.product(range(K), repeat=T)
    )
    return np.log(total)


def path_probability(path, y, observed, bases, means, covariance, transition):
    value = 1 / K
    for t, state in enumerate(path):
        if t > 0:
            value *= transition[0, path[t - 1], state]
        if observed[t]:
            value *= multivariate_normal.pdf(y[t], bases[t] + means[state], covariance[0])
    return value


@pytest.mark.parametrize("missing", [(), (2,), (0,), (1, 2), (3, 5)])
def test_likelihood_is_the_sum_over_all_paths(missing):
    data, *parameters = tiny(3, missing)
    wanted = by_enumeration(data, *parameters)
    assert log_likelihood_at(data, *parameters)[0] == pytest.approx(wanted, abs=1e-10)


def many(seed, n=4, n_occasions=60, n_covariates=2, missing=0.25):
    rng = np.random.default_rng(seed)
    observed = rng.random(n_occasions) >= missing
    night = np.arange(n_occasions) % 4 == 0
    night[0] = False
    y = np.where(observed[None, :, None], rng.standard_normal((n, n_occasions, C)), 0.0)
    data = SwitchingData(y, observed, night, rng.standard_normal((n, n_occasions, n_covariates)))
    return data, rng.dirichlet(np.ones(K), (n, n_occasions))


def test_a_batch_gives_what_its_series_give_one_by_one():
    data, start = many(1)
    whole = fit_switching(data, start, n_iterations=20, kernels="numpy")
    for k in range(4):
        alone = fit_switching(data.take(np.array([k])), start[[k]], n_iterations=20, kernels="numpy")
        assert alone.log_likelihood[0] == pytest.approx(whole.log_likelihood[k], abs=1e-10)
        np.testing.assert_allclose(alone.posterior[0], whole.posterior[k], atol=1e-10)


MEMORY = MemoryPrior(mean=0.2, occasions=40.0)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("missing", [0.0, 0.25])
@pytest.mark.parametrize("memory", [None, MEMORY])
def test_numba_equals_numpy(missing, channels, memory):
    pytest.importorskip("numba")
    data, start = many(2, missing=missing)
    data = SwitchingData(data.y[..., :channels], data.observed, data.night, data.x)
    first = fit_switching(data, start, n_iterations=15, tolerance=0.0, memory=memory, kernels="numpy")
    second = fit_switching(data, start, n_iterations=15, tolerance=0.0, memory=memory, kernels="numba")
    for name in ("log_likelihood", "coefficients", "covariance", "transition", "posterior", "counts", "filled"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), atol=1e-10, err_msg=name)


def test_memory_leans_on_its_prior_and_the_penalised_likelihood_never_falls():
    data, start = many(3, missing=0.0)
    lags = MEMORY.lags(C)
    held = fit_switching(data, start, n_iterations=30, memory=MemoryPrior(0.2, 1e6))
    np.testing.assert_allclose(held.coefficients[:, K : K + 2 * C], np.broadcast_to(lags, (4, 2 * C, C)), atol=1e-3)
    fits = [fit_switching(data, start, n_iterations=k, tolerance=0.0, memory=MEMORY) for k in range(1, 13)]
    values = [fit.log_likelihood + MEMORY.log_density(fit.coefficients, fit.covariance, K) for fit in fits]
    # Expected transitions are raised a little, so that the likelihood may fall by as little.
    assert (np.diff(values, axis=0) > -1e-2).all()


def test_going_on_equals_going_through():
    data, start = many(4)
    through = fit_switching(data, start, n_iterations=12, tolerance=0.0, kernels="numpy")
    half = fit_switching(data, start, n_iterations=5, tolerance=0.0, kernels="numpy")
    on = fit_switching(data, start, n_iterations=7, tolerance=0.0, start=half, kernels="numpy")
    np.testing.assert_allclose(on.log_likelihood, through.log_likelihood, atol=1e-10)


def test_steps_climb_where_nothing_is_missing():
    data, start = many(5, missing=0.0)
    values = [
        fit_switching(data, start, n_iterations=n, tolerance=0.0, kernels="numpy").log_likelihood for n in range(1, 25)
    ]
    # The pseudo-count of the transitions is a prior: the likelihood alone may give way by a hair.
    assert np.diff(values, axis=0).min() > -0.02


def test_one_state_is_least_squares():
    data, _ = many(6, missing=0.0)
    fit = fit_switching(data, np.ones((4, 60, 1)), n_iterations=1, kernels="numpy")
    lag = np.vstack([np.zeros((1, C)), data.y[0, :-1]])
    night = data.night[:, None]
    columns = np.column_stack([np.ones(60), np.where(night, 0, lag), np.where(night, lag, 0), data.x[0]])
    solved, rss = np.linalg.lstsq(columns, data.y[0], rcond=None)[:2]
    np.testing.assert_allclose(fit.coefficients[0], solved, atol=1e-6)
    np.testing.assert_allclose(np.diagonal(fit.covariance[0]), rss / 60, atol=1e-6)


def test_planted_states_come_back():
    rng = np.random.default_rng(7)
    state = np.repeat(np.arange(60) % 2, 10)
    y = np.where(state[:, None] == 1, [2.0, 1.0], [-2.0, -1.0]) + 0.5 * rng.standard_normal((600, 2))
    data = SwitchingData(y[None], np.ones(600, dtype=bool), np.zeros(600, dtype=bool), np.zeros((1, 600, 0)))
    start = np.where((y[:, :1] > 0) == np.array([False, True]), 0.9, 0.1)[None]
    fit = fit_switching(data, start, n_iterations=200)
    assert np.mean(fit.posterior[0].argmax(axis=1) == state) > 0.99
    np.testing.assert_allclose(fit.transition[0], [[0.9, 0.1], [0.1, 0.9]], atol=0.03)
