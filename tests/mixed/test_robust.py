"""CR2 against its defining property and against R's clubSandwich; profile and bootstrap intervals."""

import dataclasses

import numpy as np
import pytest
from dense_model import dense_covariance, few_dyads, random_problem
from scipy import stats

from reldyn.errors import DesignError
from reldyn.mixed import Residual, fit_mixed, infer, random_structure

TWO = random_structure(["a", "b"])


def test_unbiased_if_the_model_is_right():
    problem = random_problem(4, n_dyads=9, n_steps=5)
    fit = fit_mixed(problem, TWO)
    found = infer(fit, "cr2")
    V = dense_covariance(problem, fit.residual, fit.G, fit.psi)
    X = problem.X
    inverse = np.linalg.inv(V)
    left = V - X @ fit.cov_beta @ X.T
    expected = np.zeros_like(fit.cov_beta)
    for dyad in range(problem.n_dyads):
        rows = np.flatnonzero(problem.dyad == dyad)
        weighted = X[rows].T @ np.linalg.inv(V[np.ix_(rows, rows)])
        share = found.adjusted[dyad] @ weighted
        expected += share @ left[np.ix_(rows, rows)] @ share.T
    np.testing.assert_allclose(expected, fit.cov_beta, rtol=1e-9, atol=1e-12)
    assert inverse.shape == V.shape


def test_degrees_of_freedom_by_brute_force():
    problem = random_problem(4, n_dyads=9, n_steps=5)
    fit = fit_mixed(problem, TWO)
    found = infer(fit, "cr2")
    V = dense_covariance(problem, fit.residual, fit.G, fit.psi)
    X = problem.X
    project = np.eye(problem.n) - X @ fit.cov_beta @ X.T @ np.linalg.inv(V)
    contrast = np.array([1.0, -1.0, 0.5, 0.0])
    pieces = []
    for dyad in range(problem.n_dyads):
        rows = np.flatnonzero(problem.dyad == dyad)
        weighted = X[rows].T @ np.linalg.inv(V[np.ix_(rows, rows)])
        pieces.append(contrast @ found.adjusted[dyad] @ weighted @ project[rows])
    pieces = np.array(pieces)
    covariance = pieces @ V @ pieces.T
    assert found.degrees(contrast) == pytest.approx(np.trace(covariance) ** 2 / (covariance**2).sum(), rel=1e-8)


def test_agrees_with_clubsandwich():
    # clubSandwich whitens by another root of V: standard errors differ in the third digit, degrees of freedom do not.
    fit = fit_mixed(few_dyads(), TWO, Residual("independent"))
    found = infer(fit, "cr2")
    assert fit.log_likelihood == pytest.approx(-957.52820618, abs=1e-6)
    printed = [0.152792641, 0.188636391, 0.058254446, 0.081897874, 0.190360757, 0.196442442]
    np.testing.assert_allclose(found.contrasts().std_error, printed, rtol=4e-3)
    np.testing.assert_allclose(found.contrasts().df, [21.05, 22.66, 20.17, 19.39, 12.24, 8.49], atol=0.02)
    joint = found.joint(np.eye(6)[:2])
    assert joint.df_error == pytest.approx(20.6, abs=0.05)
    assert joint.statistic == pytest.approx(524.0, abs=1.0)
    assert "25 dyads" in found.notes[0]


def test_balanced_means_give_the_t_test():
    rng = np.random.default_rng(8)
    problem = random_problem(8, n_dyads=15, n_steps=4, missing=0.0)
    X = np.column_stack([problem.member == 0, problem.member == 1]).astype(float)
    y = problem.y + 2 * rng.standard_normal((15, 2))[problem.dyad, problem.member]
    problem = dataclasses.replace(problem, X=X, Z=X, y=y, x_labels=(), z_labels=())
    found = infer(fit_mixed(problem, TWO), "cr2").contrasts([[1.0, -1.0]])
    means = np.array([[y[(problem.dyad == d) & (problem.member == m)].mean() for m in (0, 1)] for d in range(15)])
    expected = stats.ttest_rel(means[:, 0], means[:, 1])
    assert found.df[0] == pytest.approx(14, rel=1e-8)
    assert found.p_value[0] == pytest.approx(expected.pvalue, rel=1e-6)


def test_profile_interval_ends_where_the_likelihood_has_dropped():
    problem = random_problem(21, n_dyads=12, n_steps=5)
    fit = fit_mixed(problem, TWO, method="ml")
    found = infer(fit, "profile")
    row = np.array([0.0, 1.0, -1.0, 0.0])
    interval = found.contrasts(row)
    for end in (interval.conf_low[0], interval.conf_high[0]):
        column = problem.X[:, 1]
        X = np.column_stack([problem.X[:, 0], problem.X[:, 2] + column, problem.X[:, 3]])
        held = dataclasses.replace(problem, y=problem.y - end * column, X=X, x_labels=())
        drop = 2 * (fit.log_likelihood - fit_mixed(held, TWO, method="ml").log_likelihood)
        assert drop == pytest.approx(stats.chi2.ppf(0.95, 1), rel=1e-4)
    assert found.joint(row).p_value == pytest.approx(interval.p_value[0], rel=1e-6)
    assert found.joint(row).statistic == pytest.approx(interval.statistic[0] ** 2, rel=1e-6)


def test_bootstraps_agree_with_closed_forms():
    problem = random_problem(2, n_dyads=40, n_steps=5)
    fit = fit_mixed(problem, TWO)
    known = {"parametric-bootstrap": fit.cov_beta, "dyad-bootstrap": infer(fit, "cr2").covariance}
    for kind, covariance in known.items():
        found = infer(fit, kind, n_boot=59, seed=4)
        again = infer(fit, kind, n_boot=59, seed=4)
        told = found.contrasts()
        np.testing.assert_array_equal(found.draws, again.draws)
        np.testing.assert_allclose(told.std_error, np.sqrt(np.diag(covariance)), rtol=0.3)
        assert (told.conf_low < fit.beta).all()
        assert (fit.beta < told.conf_high).all()
        assert ((told.p_value > 0) & (told.p_value <= 1)).all()
        assert found.joint(np.eye(4)).p_value == pytest.approx(1 / 60)


def test_unknown_inference():
    fit = fit_mixed(random_problem(2, n_dyads=15), TWO)
    with pytest.raises(DesignError, match=r"^inference='crv2' is not known; allowed: "):
        infer(fit, "crv2")
