import numpy as np
import pytest

from reldyn.intervention._draws import draw_errors, draw_serial
from reldyn.mixed import Problem, Residual, fit_mixed, random_structure
from reldyn.stats import (
    AR1_GRID,
    AR1Design,
    fit_ar1,
)


@pytest.fixture(scope="module")
def design(sced):
    time, after = sced["t"].to_numpy(dtype=float), (sced["phase"] == "B").to_numpy(dtype=float)
    return np.column_stack([np.ones(len(time)), time, after, after * (time - 9)])


def _dense(y, X, step, phi):
    """Restricted log-likelihood, variance profiled out, by a dense covariance matrix."""
    n, p = X.shape
    V = phi ** np.abs(step[:, None] - step[None, :])
    inverse = np.linalg.inv(V)
    information = X.T @ inverse @ X
    beta = np.linalg.solve(information, X.T @ inverse @ y)
    rss = (y - X @ beta) @ inverse @ (y - X @ beta)
    logs = np.linalg.slogdet(V)[1] + np.linalg.slogdet(information)[1]
    return -0.5 * ((n - p) * (np.log(2 * np.pi * rss / (n - p)) + 1) + logs), beta


def test_the_reference_fit_is_found(reference, sced, design):
    wanted = reference["its_ar1_reml"]
    fit = fit_ar1(sced["y"].to_numpy(dtype=float), design, sced["t"].to_numpy())
    # Both optimisers stop where the likelihood is flat: digits beyond the seventh are theirs.
    np.testing.assert_allclose(fit.beta, [row["Value"] for row in wanted["coef"]], rtol=2e-6)
    np.testing.assert_allclose(fit.std_error, [row["Std.Error"] for row in wanted["coef"]], rtol=2e-6)
    assert fit.phi == pytest.approx(wanted["phi"], abs=5e-7)
    assert fit.sigma == pytest.approx(wanted["sigma"], rel=1e-6)
    assert fit.log_likelihood == pytest.approx(wanted["logLik"], abs=1e-9)


@pytest.mark.parametrize("method", ["reml", "ml"])
def test_the_mixed_model_carries_a_single_series(reference, sced, design, method):
    wanted, n = reference[f"its_ar1_{method}"], len(design)
    zeros = np.zeros(n, dtype=int)
    problem = Problem(
        sced["y"].to_numpy(dtype=float), design, np.zeros((n, 0)), zeros, member=zeros, step=sced["t"].to_numpy()
    )
    fit = fit_mixed(problem, random_structure(()), Residual("ar1"), method)
    scale = 1.0 if method == "reml" else np.sqrt(n / (n - design.shape[1]))  # gls divides by n - p under ML too
    np.testing.assert_allclose(fit.beta, [row["Value"] for row in wanted["coef"]], rtol=2e-6)
    np.testing.assert_allclose(
        scale * np.sqrt(np.diag(fit.cov_beta)), [row["Std.Error"] for row in wanted["coef"]], rtol=2e-6
    )
    assert fit.log_likelihood == pytest.approx(wanted["logLik"], abs=1e-8)
    assert dict(zip(fit.residual_names[0], fit.psi[0], strict=True))["phi_0"] == pytest.approx(wanted["phi"], abs=5e-7)


def test_gaps_count_with_their_length():
    generator = np.random.default_rng(3)
    step = np.array([0, 1, 2, 5, 6, 9, 10, 11, 15, 1_000_020, 1_000_021, 1_000_022])
    y, X = generator.standard_normal(len(step)).cumsum(), np.column_stack([np.ones(len(step)), np.arange(len(step))])
    fit = fit_ar1(y, X, step)
    likelihood, beta = _dense(y, X, step, fit.phi)
    assert fit.log_likelihood == pytest.approx(likelihood, abs=1e-9)
    np.testing.assert_allclose(fit.beta, beta, rtol=1e-8)
    others = [_dense(y, X, step, phi)[0] for phi in np.linspace(-0.85, 0.98, 200)]
    assert fit.log_likelihood >= max(others) - 1e-7


def test_many_series_are_fitted_as_one_would_be(sced, design):
    generator = np.random.default_rng(5)
    step = sced["t"].to_numpy()
    Y = draw_serial(np.diff(step), 0.4, 5, generator)
    phi, estimate, error = AR1Design(design, step).many(Y, np.eye(4))
    for column in range(5):
        alone = fit_ar1(Y[:, column], design, step)
        assert phi[column] == pytest.approx(alone.phi, abs=0.05)
        np.testing.assert_allclose(estimate[column], alone.beta, atol=0.05)
        np.testing.assert_allclose(error[column], alone.std_error, rtol=0.1)


def test_drawn_series_have_the_autocorrelation_of_their_gaps():
    drawn = draw_serial(np.array([1, 3]), 0.6, 200_000, np.random.default_rng(1))
    found = np.corrcoef(drawn)
    assert found[0, 1] == pytest.approx(0.6, abs=0.01)
    assert found[1, 2] == pytest.approx(0.6**3, abs=0.01)
    np.testing.assert_allclose(drawn.var(axis=1), 1, atol=0.02)


def test_drawn_errors_vary_more_where_more_is_carried_over():
    """What a short series tells is the size of its steps; an SD is told only together with an autocorrelation."""
    y = draw_serial(np.ones(39, dtype=int), 0.7, 1, np.random.default_rng(9))[:, 0]
    fit = fit_ar1(y, np.ones((40, 1)), np.arange(40))
    assert (np.diff(fit.sd[AR1_GRID > 0.5]) > 0).all()
    drawn = draw_errors(fit, 4000, np.random.default_rng(1))
    wanted = float(fit.weight @ fit.sd**2)
    assert float((drawn**2).mean()) == pytest.approx(wanted, rel=0.1)
    ten = fit_ar1(10 * y, np.ones((40, 1)), np.arange(40))
    np.testing.assert_allclose(draw_errors(ten, 5, np.random.default_rng(1)), 10 * drawn_first(fit), rtol=1e-8)


def drawn_first(fit):
    return draw_errors(fit, 5, np.random.default_rng(1))


def test_the_explained_share_is_that_of_dense_generalised_least_squares():
    generator = np.random.default_rng(10)
    step = np.array([0, 1, 2, 5, 6, 7, 8, 9, 12, 13, 14, 15])
    X = np.column_stack([np.ones(12), generator.standard_normal((12, 3))])
    design, Y = AR1Design(X, step), generator.standard_normal((12, 4)).cumsum(axis=0)
    phi = AR1_GRID[design.profile(Y)[0].argmax(axis=0)]
    wanted = []
    for y, carried in zip(Y.T, phi, strict=True):
        inverse = np.linalg.inv(carried ** np.abs(step[:, None] - step[None, :]))

        def left(columns, y=y, inverse=inverse):
            residual = y - columns @ np.linalg.solve(columns.T @ inverse @ columns, columns.T @ inverse @ y)
            return residual @ inverse @ residual

        wanted.append(1 - left(X) / left(X[:, :2]))
    np.testing.assert_allclose(design.explained(Y, 2), wanted, rtol=1e-7)
