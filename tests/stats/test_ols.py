"""Least squares and its covariances against normal equations in exact arithmetic and another library."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from statsmodels.api import OLS

from reldyn.errors import DesignError
from reldyn.stats import classical, clustered, hc3, indicators, least_squares, newey_west


@pytest.fixture
def rows():
    rng = np.random.default_rng(4)
    X = np.column_stack([np.ones(40), 50 + 3 * rng.standard_normal(40), rng.standard_normal((40, 2)) * [1e-3, 1e4]])
    return X, X @ np.array([1.0, -0.5, 100.0, 2e-4]) + rng.standard_normal(40)


def exact(X, y):
    """Coefficients by Gaussian elimination in fractions."""
    columns = [[Fraction(value) for value in column] for column in X.T.tolist()]
    right = [Fraction(value) for value in y.tolist()]
    system = [[sum(a * b for a, b in zip(one, two, strict=True)) for two in [*columns, right]] for one in columns]
    for pivot in range(len(system)):
        system[pivot] = [value / system[pivot][pivot] for value in system[pivot]]
        for other in range(len(system)):
            if other != pivot:
                factor = system[other][pivot]
                system[other] = [a - factor * b for a, b in zip(system[other], system[pivot], strict=True)]
    return np.array([float(row[-1]) for row in system])


def test_coefficients_are_those_of_exact_arithmetic(rows):
    X, y = rows
    fit = least_squares(X, y)
    np.testing.assert_allclose(fit.beta, exact(X, y), rtol=1e-11)
    np.testing.assert_allclose(fit.residuals, y - X @ fit.beta, atol=1e-10)
    assert (fit.n, fit.df, fit.reason, fit.exact) == (40, 36, "", False)


def test_badly_scaled_columns_lose_no_digits(rows):
    X, y = rows
    fit, moved = least_squares(X, y), least_squares(X * np.array([1e-200, 1e150, 1.0, 1e-9]), y)
    np.testing.assert_allclose(moved.beta * np.array([1e-200, 1e150, 1.0, 1e-9]), fit.beta, rtol=1e-10)
    assert moved.rss == pytest.approx(fit.rss, rel=1e-10)


def test_covariances_are_those_of_another_library(rows):
    X, y = rows
    codes = np.random.default_rng(1).integers(0, 8, 40)
    fit, other = least_squares(X, y), OLS(y, X)
    lags = {"maxlags": 3, "use_correction": True}
    pairs = [
        (classical(fit), other.fit()),
        (hc3(fit), other.fit(cov_type="HC3")),
        (newey_west(fit, 3), other.fit(cov_type="HAC", cov_kwds=lags)),
        (newey_west(fit), other.fit(cov_type="HAC", cov_kwds=lags | {"maxlags": 2})),
        (clustered(fit, codes), other.fit(cov_type="cluster", cov_kwds={"groups": codes})),
    ]
    for covariance, expected in pairs:
        cover = expected.cov_params()
        size = np.sqrt(np.outer(cover.diagonal(), cover.diagonal()))
        np.testing.assert_allclose(covariance / size, cover / size, atol=1e-9)
    np.testing.assert_allclose(fit.std_error, pairs[0][1].bse, rtol=1e-9)
    np.testing.assert_allclose(fit.leverage, other.fit().get_influence().hat_matrix_diag, atol=1e-12)


def test_hc3_is_the_jackknife_without_its_centre(rows):
    X, y = rows
    fit = least_squares(X, y)
    left_out = np.array([least_squares(np.delete(X, i, 0), np.delete(y, i)).beta - fit.beta for i in range(40)])
    np.testing.assert_allclose(np.diag(hc3(fit)), (left_out**2).sum(axis=0), rtol=1e-8)


def test_several_outcomes_are_fitted_as_each_alone(rows):
    X, y = rows
    Y = np.column_stack([y, np.sin(np.arange(40)), y**2])
    fit = least_squares(X, Y)
    for index in range(3):
        alone = least_squares(X, Y[:, index])
        np.testing.assert_allclose(fit.beta[:, index], alone.beta, rtol=1e-9)
        np.testing.assert_allclose(fit.std_error[:, index], alone.std_error, rtol=1e-9)
        assert fit.rss[index] == pytest.approx(alone.rss)
    with pytest.raises(DesignError, match="fit each outcome by itself"):
        classical(fit)


def test_rows_with_a_missing_value_are_left_out(rows):
    X, y = rows
    X, y = X.copy(), y.copy()
    X[3, 1] = y[7] = np.nan
    y[9] = np.inf
    fit, clean = least_squares(X, y), least_squares(np.delete(X, [3, 7, 9], 0), np.delete(y, [3, 7, 9]))
    np.testing.assert_array_equal(fit.beta, clean.beta)
    assert np.flatnonzero(~fit.used).tolist() == [3, 7, 9]
    with pytest.raises(DesignError, match="37 rows were used and 40 cluster codes given: index them by `used`"):
        clustered(fit, np.zeros(40, dtype=int))
    assert np.isfinite(clustered(fit, np.arange(40)[fit.used] // 5)).all()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda X: X[:4], "4 complete rows, at least 5 are needed"),
        (
            lambda X: np.column_stack([X[:, :2], X[:, 0] - 2 * X[:, 1], X[:, 3]]),
            "the third is determined by the columns",
        ),
        (lambda X: np.column_stack([X[:, :2], 0 * X[:, 0], X[:, 3]]), "the third is zero throughout"),
        (lambda X: np.column_stack([X[:, :3], X[:, 1] + 1e-13 * X[:, 3]]), "the fourth is determined by"),
    ],
)
def test_what_is_not_identified_is_refused_by_name(rows, change, reason):
    X = change(rows[0])
    fit = least_squares(X, rows[1][: len(X)], names=["constant", "time", "the third", "the fourth"])
    assert fit.reason.startswith(reason)
    assert np.isnan(fit.beta).all()
    assert np.isnan(fit.std_error).all()
    for covariance in (classical(fit), hc3(fit), newey_west(fit), clustered(fit, np.arange(fit.n))):
        assert covariance.shape == (4, 4)
        assert np.isnan(covariance).all()


@pytest.mark.parametrize("outcome", [np.full(10, 7.3), 2 + 3 * np.arange(10.0), np.zeros(10)])
def test_an_outcome_without_error_is_marked(outcome):
    fit = least_squares(np.column_stack([np.ones(10), np.arange(10.0)]), outcome)
    assert fit.exact
    np.testing.assert_allclose(fit.beta[1], outcome[1] - outcome[0], atol=1e-12)


def test_small_variation_around_a_large_level_is_not_marked():
    rng = np.random.default_rng(0)
    fit = least_squares(np.ones((30, 1)), 1e6 + 1e-3 * rng.standard_normal(30))
    assert not fit.exact


def test_without_spare_rows_there_is_no_variance():
    fit = least_squares(np.eye(3), np.arange(3.0), fewest=0)
    np.testing.assert_array_equal(fit.beta, np.arange(3.0))
    assert np.isnan(fit.std_error).all()
    assert np.isnan(hc3(fit)).all()
    assert np.isnan(clustered(fit, np.arange(3))).all()


def test_lags_and_shapes_that_do_not_fit_are_refused(rows):
    fit = least_squares(*rows)
    with pytest.raises(DesignError, match="n_lags=40 with 40 rows: give a whole number from 0 to 39"):
        newey_west(fit, 40)
    with pytest.raises(DesignError, match="give one row for each"):
        least_squares(np.ones((3, 1)), np.ones(4))


def test_indicators_are_those_of_pandas():
    codes = np.array([4, 2, 7, 2, 4, 4])
    known = pd.get_dummies(codes, drop_first=True).to_numpy(dtype=float)
    np.testing.assert_array_equal(indicators(codes), known)
    # A level that does not occur keeps its column, one that is not named has none.
    np.testing.assert_array_equal(indicators(codes, np.array([2, 3, 4])).sum(axis=0), [0, 3])
    assert indicators(np.array([5, 5])).shape == (2, 0)


@pytest.mark.parametrize("shape", [(0,), (0, 2)])
def test_no_rows_are_refused_in_words(shape):
    fit = least_squares(np.ones((0, 2)), np.ones(shape))
    assert fit.reason
    assert np.isnan(fit.beta).all()
