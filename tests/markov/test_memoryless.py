"""Levels without memory: likelihood by direct evaluation, compiled twin, growth of the likelihood."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from reldyn.markov.regimes._memoryless import fit_memoryless, memoryless_expect
from reldyn.markov.regimes._switching import SwitchingData, fit_switching, log_likelihood_at

T, C = 9, 2


def some_data(n, n_occasions, seed, missing=0.2):
    rng = np.random.default_rng(seed)
    observed = rng.random(n_occasions) >= missing
    night = np.arange(n_occasions) % 4 == 0
    night[0] = False
    level = np.where(rng.random((n, n_occasions, 1)) < 0.4, 1.5, -0.8)
    y = np.where(observed[None, :, None], level + rng.standard_normal((n, n_occasions, C)), 0.0)
    return SwitchingData(y, observed, night, rng.standard_normal((n, n_occasions, 1))), rng


@pytest.mark.parametrize("n_states", [2, 3])
def test_likelihood_is_a_product_of_mixtures_and_a_missing_lag_its_prediction(n_states):
    data, rng = some_data(1, T, 1, 0.3)
    coefficients = rng.normal(0, 0.5, (1, n_states + 2 * C + 1, C))
    covariance = np.array([[[1.0, 0.3], [0.3, 0.7]]])
    shares = rng.dirichlet(np.ones(n_states), 1)
    means, day, night, slope = np.split(coefficients[0], [n_states, n_states + C, n_states + 2 * C])
    value, before = 0.0, np.zeros(C)
    for t in range(T):
        base = data.x[0, t] @ slope + (before @ (night if data.night[t] else day) if t else 0.0)
        if data.observed[t]:
            parts = [multivariate_normal.pdf(data.y[0, t], base + mean, covariance[0]) for mean in means]
            value += np.log(shares[0] @ parts)
            before = data.y[0, t]
        else:
            before = base + shares[0] @ means
    assert memoryless_expect(data, coefficients, covariance, shares)[0][0] == pytest.approx(value, abs=1e-10)


def test_equal_shares_are_a_switching_model_whose_rows_are_equal():
    data, rng = some_data(2, 40, 2)
    coefficients = rng.normal(0, 0.4, (2, 2 + 2 * C + 1, C))
    covariance = np.tile([[1.0, 0.3], [0.3, 0.7]], (2, 1, 1))
    half = np.full((2, 2), 0.5)
    found = memoryless_expect(data, coefficients, covariance, half)[0]
    wanted = log_likelihood_at(data, coefficients, covariance, np.full((2, 2, 2), 0.5))
    np.testing.assert_allclose(found, wanted, atol=1e-10)


@pytest.mark.parametrize("n_states", [2, 3])
def test_numba_equals_numpy(n_states):
    pytest.importorskip("numba")
    data, rng = some_data(4, 60, 3)
    start = rng.dirichlet(np.ones(n_states), (4, 60))
    first = fit_memoryless(data, start, n_iterations=15, tolerance=0.05, kernels="numpy")
    second = fit_memoryless(data, start, n_iterations=15, tolerance=0.05, kernels="numba")
    for field in dataclasses.fields(first):
        np.testing.assert_allclose(
            getattr(first, field.name), getattr(second, field.name), atol=1e-10, err_msg=field.name
        )


def test_likelihood_never_falls_with_everything_observed():
    data, rng = some_data(3, 50, 4, 0.0)
    start = rng.dirichlet(np.ones(3), (3, 50))
    values = [fit_memoryless(data, start, n_iterations=k, tolerance=0.0).log_likelihood for k in range(1, 10)]
    assert (np.diff(values, axis=0) > -1e-8).all()


def test_one_state_is_the_linear_model():
    data, _ = some_data(2, 50, 5)
    one = np.ones((2, 50, 1))
    plain = fit_switching(data, one, n_iterations=6).log_likelihood
    np.testing.assert_allclose(fit_memoryless(data, one, n_iterations=6).log_likelihood, plain, atol=1e-9)
