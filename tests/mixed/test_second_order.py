"""The filter behind the correction for serial residuals against dense covariances, and what it costs."""

import dataclasses

import numpy as np
import pytest

from reldyn.errors import DesignError
from reldyn.mixed import Estimation, Problem, Residual, RoleColumns, fit_mixed, memory_needed, random_structure
from reldyn.mixed.inference._second_order import residual_second_order
from reldyn.mixed.inference._weighted import weighted_rows
from reldyn.mixed.processes import covariance


def series(n, steps, missing=0.2, seed=1, stamps=False):
    generator = np.random.default_rng(seed)
    y = np.zeros((n, steps, 2))
    for t in range(1, steps):
        y[:, t] = y[:, t - 1] @ np.array([[0.4, 0.1], [0.1, 0.3]]) + generator.normal(size=(n, 2))
    dyad, step, member = (codes.ravel() for codes in np.indices(y.shape))
    step = step + 0.3 * generator.random(len(step)) if stamps else step
    own = np.stack([member == 0, member == 1], axis=1) * 1.0
    X = np.hstack([own, own * generator.normal(size=(len(dyad), 1))])
    there = generator.random(len(dyad)) > missing
    return Problem(y.ravel()[there], X[there], own[there], dyad[there], member[there], step[there])


def dense(fit, W):
    """The same from the second derivatives of each dyad's whole covariance matrix."""
    problem, rows = weighted_rows(fit)
    total = np.zeros((rows.shape[1] - 1,) * 2)
    for d in range(problem.n_dyads):
        mine = problem.dyad == d
        second = covariance(fit.residual, False, fit.psi[0], problem.member[mine], problem.step[mine], 2).second
        total += rows[mine, :-1].T @ np.tensordot(W, second, axes=2) @ rows[mine, :-1]
    return total


def weights(size):
    root = np.random.default_rng(4).normal(size=(size, size))
    return root @ root.T


@pytest.mark.parametrize(
    ("residual", "n", "steps"),
    [
        (Residual("ar1"), 2, 200),
        (Residual("var1", common=True), 2, 100),
        (Residual("var1"), 3, 40),
        (Residual("car1"), 2, 40),
        (Residual("ar1", measurement_error=True), 4, 20),
    ],
)
def test_the_filter_equals_dense_covariances(residual, n, steps):
    fit = fit_mixed(
        series(n, steps, stamps=residual.process == "car1"),
        random_structure(("a", "b"), "diagonal"),
        residual,
        warn=False,
    )
    W = weights(fit.statistics.sizes[0])
    expected = dense(fit, W)
    np.testing.assert_allclose(residual_second_order(fit, W), expected, atol=1e-8 * np.abs(expected).max(), rtol=0)


@pytest.mark.parametrize("residual", [Residual("ar1"), Residual("var1")], ids=["ar1", "var1"])
def test_the_filter_from_base_columns_equals_dense_covariances(residual):
    rows = series(3, 40)
    base = np.column_stack([np.ones(rows.n), rows.X[:, 2] + rows.X[:, 3]])
    X = RoleColumns(base, np.array([0, 0, 1, 1]), rows.member, np.array([[1.0, 0, 1, 0], [0, 1, 0, 1]]))
    Z = RoleColumns(base, np.array([0, 0]), rows.member, np.eye(2))
    problem = Problem(rows.y, X, Z, rows.dyad, rows.member, rows.step)
    fit = fit_mixed(problem, random_structure(("a", "b"), "diagonal"), residual, warn=False)
    W = weights(fit.statistics.sizes[0])
    expected = dense(fit, W)
    np.testing.assert_allclose(residual_second_order(fit, W), expected, atol=1e-8 * np.abs(expected).max(), rtol=0)


def test_a_night_of_unknown_length_is_one_leap():
    problem = series(4, 20)
    problem = dataclasses.replace(problem, step=np.where(problem.step >= 10, problem.step + 1_000_000, problem.step))
    fit = fit_mixed(problem, random_structure(("a", "b")), Residual("ar1"), warn=False)
    value = residual_second_order(fit, weights(fit.statistics.sizes[0]))
    assert np.isfinite(value).all()


def test_memory_grows_with_the_length_and_with_its_square_where_series_are_one_block():
    short, long = series(2, 100, 0.0), series(2, 400, 0.0)
    for residual, factor in ((Residual("ar1"), 4.0), (Residual("ar1", measurement_error=True), 16.0)):
        ratio = memory_needed(long, residual, second_order=True) / memory_needed(short, residual, second_order=True)
        assert 0.7 * factor < ratio < 1.3 * factor


@pytest.mark.parametrize("wrong", [0, -1.0, "4GB", True])
def test_memory_is_a_positive_number(wrong):
    with pytest.raises(DesignError, match="max_memory"):
        Estimation(max_memory=wrong)
