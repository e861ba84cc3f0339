"""The optimum against reference fits re-evaluated by the dense formula, and its invariances."""

import dataclasses
import json

import numpy as np
import pytest
from dense_model import REFERENCE, dense_covariance, dense_likelihood, random_problem, six_effects

from reldyn.errors import DataError, DesignError
from reldyn.mixed import Problem, Residual, fit_mixed, log_likelihood, random_structure
from reldyn.mixed.processes import natural_names

AR1_NAMES = ("innovation_variance_0", "innovation_variance_1", "innovation_covariance", "phi")
SIX = random_structure(["intercept A", "intercept B", "actor A", "actor B", "partner A", "partner B"])


def reference(name):
    return json.loads((REFERENCE / f"R_{name}.json").read_text())


def nlme_parameters(found):
    """G and (variance A, variance B, covariance) of an nlme fit with a compound-symmetric occasion."""
    first, second = found["sigma"] ** 2, (found["sigma"] * found["vs"]["B"]) ** 2
    return np.array(found["D"]), np.array([first, second, found["cs"]["Rho"] * np.sqrt(first * second)])


@pytest.mark.parametrize("method", ["reml", "ml"])
def test_six_effects_reach_the_reference(method):
    problem = six_effects("d100x14.csv")
    fit = fit_mixed(problem, SIX, Residual(), method)
    printed = reference(f"100x14_nlme_cs6_{method.upper()}")
    G, psi = nlme_parameters(printed)
    known = {"reml": -3708.747101, "ml": -3686.687473}[method]
    assert fit.converged
    assert fit.log_likelihood == pytest.approx(known, abs=1e-6)
    evaluated = dense_likelihood(problem, dense_covariance(problem, Residual(), G, psi), method == "reml")
    assert fit.log_likelihood >= evaluated.log_likelihood - 1e-6
    at_own = dense_likelihood(problem, dense_covariance(problem, Residual(), fit.G, fit.psi), method == "reml")
    assert fit.log_likelihood == pytest.approx(at_own.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(fit.beta, list(printed["beta"].values()), atol=2e-3)
    np.testing.assert_allclose(fit.cov_beta, at_own.cov_beta, rtol=1e-8, atol=1e-12)


def test_order_of_rows_does_not_matter():
    problem = random_problem(2, n_dyads=30, n_steps=8, q_terms=1)
    shuffled = np.random.default_rng(0).permutation(problem.n)
    other = Problem(*(getattr(problem, name)[shuffled] for name in ("y", "X", "Z", "dyad", "member", "step")))
    structure = random_structure(["a", "b"])
    one, two = fit_mixed(problem, structure), fit_mixed(other, structure)
    assert one.log_likelihood == pytest.approx(two.log_likelihood, abs=1e-9)
    np.testing.assert_allclose(one.beta, two.beta, rtol=1e-7)


@pytest.mark.parametrize("unit", [1e-8, 1e-6, 1e6])
def test_far_apart_units_of_a_random_slope_do_not_matter(unit):
    problem = random_problem(4, n_dyads=40, n_steps=10, q_terms=2)
    structure, units = random_structure(["a", "b", "c", "d"]), np.array([1.0, 1.0, unit, unit])
    other = dataclasses.replace(problem, X=problem.X * units, Z=problem.Z * units)
    one, two = fit_mixed(problem, structure), fit_mixed(other, structure)
    assert two.converged
    np.testing.assert_allclose(two.beta * units, one.beta, rtol=1e-7)
    np.testing.assert_allclose(two.G * np.outer(units, units), one.G, rtol=1e-6, atol=1e-9)
    assert two.log_likelihood + 2.0 * np.log(unit) == pytest.approx(one.log_likelihood, abs=1e-8)


def test_units_of_outcome_and_predictor_do_not_matter():
    problem = random_problem(4, n_dyads=40, n_steps=10, q_terms=2)
    structure = random_structure(["a", "b", "c", "d"])
    units = np.array([1.0, 1.0, 1e4, 1e-3])
    other = dataclasses.replace(problem, y=1e5 * problem.y, X=problem.X * units, Z=problem.Z * units)
    one, two = fit_mixed(problem, structure), fit_mixed(other, structure)
    assert one.converged
    assert two.converged
    np.testing.assert_allclose(two.beta * units / 1e5, one.beta, rtol=1e-5, atol=1e-7)
    shift = (problem.n - 4) * np.log(1e5) + np.log(units).sum()
    assert two.log_likelihood == pytest.approx(one.log_likelihood - shift, abs=1e-6)


def test_exchangeable_members_may_swap_labels():
    problem = random_problem(8, n_dyads=40, n_steps=6, q_terms=1, exchangeable=(True,))
    same = np.column_stack([np.ones(problem.n), problem.X[:, 2] + problem.X[:, 3]])
    problem = dataclasses.replace(problem, X=same, x_labels=())
    flip = np.random.default_rng(1).random(problem.n_dyads) < 0.5
    flipped = flip[problem.dyad]
    other = dataclasses.replace(
        problem,
        member=np.where(flipped, 1 - problem.member, problem.member),
        Z=np.where(flipped[:, None], problem.Z[:, ::-1], problem.Z),
    )
    structure = random_structure(["a", "b"], swap=(1, 0))
    one, two = fit_mixed(problem, structure), fit_mixed(other, structure)
    assert one.log_likelihood == pytest.approx(two.log_likelihood, abs=1e-9)
    np.testing.assert_allclose(one.beta, two.beta, rtol=1e-7)
    assert one.G[0, 0] == pytest.approx(one.G[1, 1])


def test_singular_covariance_is_a_verified_optimum():
    rng = np.random.default_rng(12)
    problem = random_problem(12, n_dyads=25, n_steps=8, q_terms=2)
    noise = problem.X @ np.ones(4) + rng.standard_normal(problem.n)
    fit = fit_mixed(dataclasses.replace(problem, y=noise), random_structure(["a", "b", "c", "d"]))
    assert fit.converged
    assert fit.at_boundary
    assert "singular" in fit.warnings[0]
    for direction in fit.boundary:
        assert direction @ fit.G @ direction == pytest.approx(0.0, abs=1e-6)


def test_no_random_effects():
    problem = random_problem(1, n_dyads=20)
    problem = dataclasses.replace(problem, Z=np.zeros((problem.n, 0)), z_labels=())
    fit = fit_mixed(problem, random_structure([]), Residual())
    dense = dense_likelihood(problem, dense_covariance(problem, Residual(), fit.G, fit.psi), True)
    assert fit.converged
    assert fit.log_likelihood == pytest.approx(dense.log_likelihood, rel=1e-12)


def test_rank_deficient_design_names_the_term():
    problem = random_problem(1)
    X = np.column_stack([problem.X, problem.X[:, 0] + 2 * problem.X[:, 3]])
    broken = dataclasses.replace(problem, X=X, x_labels=("i0", "i1", "s0", "s1", "again"))
    with pytest.raises(DesignError) as caught:
        fit_mixed(broken, random_structure(["a", "b"]))
    assert str(caught.value) == (
        "the fixed effect again cannot be told apart from i0, s1: "
        "its column is, as far as numbers of this size can tell, a linear combination of theirs. Leave one of them "
        "out, or subtract its mean where that is large beside its spread."
    )


def test_fewer_dyads_than_random_effects():
    problem = random_problem(1, n_dyads=3, n_steps=12, q_terms=2)
    with pytest.raises(DesignError, match=r"^3 dyads are fewer than the 4 random effects \(a, b, c, d\): their"):
        fit_mixed(problem, random_structure(["a", "b", "c", "d"]))


def test_intercepts_and_unstructured_residual_on_one_occasion():
    problem = random_problem(1, n_dyads=40, n_steps=1, missing=0.0)
    with pytest.raises(DesignError) as caught:
        fit_mixed(problem, random_structure(["intercept 0", "intercept 1"]))
    assert "the rows cannot tell" in str(caught.value)
    assert "each dyad has one occasion" in str(caught.value)


@pytest.mark.parametrize("process", ["ar1", "var1"])
def test_serial_process_needs_consecutive_occasions(process):
    problem = random_problem(1, n_dyads=10, n_steps=2, missing=0.0)
    with pytest.raises(DesignError) as caught:
        fit_mixed(problem, random_structure(["a", "b"]), Residual(process))
    assert str(caught.value) == (
        f"Residual('{process}') needs 3 consecutive occasions in most dyads; 0% of 10 dyads have them. "
        "Use 'unstructured', or 'car1' where occasions carry times."
    )


def test_infinite_and_duplicated_values_are_refused():
    problem = random_problem(1)
    y = problem.y.copy()
    y[3] = np.inf
    with pytest.raises(DataError, match=r"^the outcome is missing or infinite in row 3; leave these rows out.$"):
        dataclasses.replace(problem, y=y)
    rows = np.append(np.arange(problem.n), 4)
    with pytest.raises(DataError, match=r"^one member has two rows at the same occasion: "):
        Problem(*(getattr(problem, name)[rows] for name in ("y", "X", "Z", "dyad", "member", "step")))


def test_serial_objective_at_reference_parameters_and_above():
    problem = six_effects("d100x14ar.csv")
    printed = reference("100x14ar_nlme_ar6_REML")
    phi = printed["cs"]["Phi1"]
    variances = np.array([printed["sigma"] ** 2, (printed["sigma"] * printed["vs"]["B"]) ** 2])
    residual = Residual("ar1", common=True)
    order = [natural_names(residual, exchangeable=False).index(name) for name in AR1_NAMES]
    natural = np.empty(4)
    natural[order] = [*variances * (1 - phi**2), 0.0, phi]
    G = np.array(printed["D"])
    found = log_likelihood(problem, SIX, residual, G, natural)
    assert found == pytest.approx(-3598.00457, abs=1e-5)
    fit = fit_mixed(problem, SIX, residual)
    assert fit.converged
    assert fit.log_likelihood >= found
    dense = dense_likelihood(problem, dense_covariance(problem, residual, fit.G, fit.psi), True)
    assert fit.log_likelihood == pytest.approx(dense.log_likelihood, rel=1e-11)


def test_residual_process_at_its_edge_says_so():
    problem = random_problem(17, n_dyads=30, n_steps=12, missing=0.0)
    fit = fit_mixed(problem, random_structure(["a", "b"]), Residual("ar1", common=True, measurement_error=True))
    told = fit.residual_process()
    smallest = min(np.diag(told["process_covariance"]).min(), told["error_variance"].min())
    assert smallest < 1e-5 * told["covariance"][0, 0]
    assert any("zero" in note or "no variance" in note for note in fit.warnings)
