"""Autoregressive errors against dense normal densities, generalised least squares and grids."""

import numpy as np
import pytest
from scipy import stats

from reldyn.errors import DesignError
from reldyn.stats import AR1_GRID, AR1Design, ar1_log_likelihood, fit_ar1, noisy_profile, whiten

STEP = np.array([0, 1, 2, 5, 6, 7, 9, 10, 15, 16, 17, 18])
GAP = np.diff(STEP)


def correlation(phi, step=STEP):
    return phi ** np.abs(np.subtract.outer(step, step))


@pytest.fixture
def series():
    rng = np.random.default_rng(8)
    X = np.column_stack([np.ones(12), STEP - STEP.mean(), (STEP > 8).astype(float)])
    return X, rng.standard_normal(12).cumsum()


def restricted(y, X, cover):
    """Restricted log-likelihood at a known covariance, with nlme's constants."""
    inverse = np.linalg.inv(cover)
    information = X.T @ inverse @ X
    beta = np.linalg.solve(information, X.T @ inverse @ y)
    rest = y - X @ beta
    n, p = X.shape
    value = -0.5 * (np.linalg.slogdet(cover)[1] + np.linalg.slogdet(information)[1] + rest @ inverse @ rest)
    return value - 0.5 * (n - p) * np.log(2 * np.pi), beta, np.linalg.inv(information)


def profiled(y, X, cover):
    """The same with the scale of ``cover`` at its maximum, and that scale."""
    inverse = np.linalg.inv(cover)
    beta = np.linalg.solve(X.T @ inverse @ X, X.T @ inverse @ y)
    variance = float((y - X @ beta) @ inverse @ (y - X @ beta)) / (len(y) - X.shape[1])
    return restricted(y, X, variance * cover)[0], variance


@pytest.mark.parametrize("noise", [0.0, 0.7])
@pytest.mark.parametrize("phi", [-0.4, 0.0, 0.6, 0.99])
def test_the_likelihood_is_the_dense_normal_one(phi, noise):
    y = np.random.default_rng(1).standard_normal(12)
    cover = 1.7 * correlation(phi) + noise * np.eye(12)
    expected = stats.multivariate_normal.logpdf(y, np.zeros(12), cover)
    assert ar1_log_likelihood(y, STEP, phi, 1.7, noise) == pytest.approx(expected, abs=1e-10)


def test_whitened_columns_have_independent_errors():
    transform = whiten(np.eye(12), GAP, 0.6)
    np.testing.assert_allclose(transform @ correlation(0.6) @ transform.T, np.eye(12), atol=1e-12)


def test_whitening_forgets_over_very_long_gaps():
    np.testing.assert_allclose(whiten(np.ones((2, 1)), np.array([10**6]), 0.995).ravel(), [1.0, 1.0])


def test_the_fit_is_the_maximum_of_the_dense_restricted_likelihood(series):
    X, y = series
    fit = fit_ar1(y, X, STEP)
    value, beta, covariance = restricted(y, X, fit.sigma**2 * correlation(fit.phi))
    assert fit.log_likelihood == pytest.approx(value, abs=1e-9)
    np.testing.assert_allclose(fit.beta, beta, rtol=1e-9)
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-8)
    best = max(profiled(y, X, correlation(phi))[0] for phi in np.linspace(-0.89, 0.99, 400))
    assert fit.log_likelihood >= best - 1e-9


def test_limits_and_weights_are_those_of_the_profile(series):
    X, y = series
    fit = fit_ar1(y, X, STEP)
    profile = np.array([profiled(y, X, correlation(phi))[0] for phi in AR1_GRID])
    likely = np.exp(profile - profile.max())
    np.testing.assert_allclose(fit.weight, likely / likely.sum(), rtol=1e-7)
    variance = [profiled(y, X, correlation(phi))[1] for phi in AR1_GRID]
    np.testing.assert_allclose(fit.sd, np.sqrt(variance), rtol=1e-8)
    inside = AR1_GRID[2 * (fit.log_likelihood - profile) <= stats.chi2.ppf(0.95, 1)]
    low, high = inside[0], inside[-1]
    assert fit.phi_low == (pytest.approx(low) if low > AR1_GRID[0] else pytest.approx(np.nan, nan_ok=True))
    assert fit.phi_high == (pytest.approx(high) if high < AR1_GRID[-1] else pytest.approx(np.nan, nan_ok=True))


def test_many_series_are_fitted_as_each_alone_on_the_grid(series):
    X, _ = series
    Y = np.random.default_rng(3).standard_normal((12, 6)).cumsum(axis=0)
    design = AR1Design(X, STEP)
    phi, estimate, error = design.many(Y, np.array([[0.0, 0.0, 1.0]]))
    shares = design.explained(Y, 2)
    for index in range(6):
        y = Y[:, index]
        profile = [profiled(y, X, correlation(one))[0] for one in AR1_GRID]
        assert phi[index] == AR1_GRID[int(np.argmax(profile))]
        cover = profiled(y, X, correlation(phi[index]))[1] * correlation(phi[index])
        _, beta, covariance = restricted(y, X, cover)
        assert estimate[index, 0] == pytest.approx(beta[2], rel=1e-8)
        assert error[index, 0] == pytest.approx(np.sqrt(covariance[2, 2]), rel=1e-7)
        inverse = np.linalg.inv(correlation(phi[index]))

        def squares(columns, y=y, inverse=inverse):
            rest = y - columns @ np.linalg.solve(columns.T @ inverse @ columns, columns.T @ inverse @ y)
            return rest @ inverse @ rest

        assert shares[index] == pytest.approx(1 - squares(X) / squares(X[:, :2]), rel=1e-7)


def test_the_profile_with_noise_is_that_of_the_dense_covariance(series):
    X, y = series
    phi, ratio = np.array([-0.3, 0.0, 0.5, 0.9]), np.array([0.0, 0.4, 0.4, 2.0])
    value, variance = noisy_profile(X, np.column_stack([y, y[::-1]]), GAP, phi, ratio)
    for column, one in enumerate((y, y[::-1])):
        dense = [profiled(one, X, correlation(p) + r * np.eye(12)) for p, r in zip(phi, ratio, strict=True)]
        np.testing.assert_allclose(variance[:, column], [pair[1] for pair in dense], rtol=1e-9)
        np.testing.assert_allclose(np.diff(value[:, column]), np.diff([pair[0] for pair in dense]), rtol=1e-8)


def test_a_series_that_drifts_is_at_the_edge():
    fit = fit_ar1(np.arange(30.0), np.ones((30, 1)), np.arange(30))
    assert fit.at_edge
    assert np.isnan(fit.phi_high)


def test_what_has_no_order_or_no_spare_rows_is_refused():
    with pytest.raises(DesignError, match="each larger than the one before"):
        fit_ar1(np.arange(4.0), np.ones((4, 1)), np.array([0, 1, 1, 2]))
    with pytest.raises(DesignError, match="2 values, at least 3 are needed"):
        fit_ar1(np.arange(2.0), np.ones((2, 1)), np.arange(2))
