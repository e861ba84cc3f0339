"""The Kenward-Roger correction against its definition with dense matrices."""

import dataclasses

import numpy as np
import pytest
from dense_model import dense_covariance, few_dyads, random_problem

from reldyn.errors import DesignError
from reldyn.mixed import Residual, fit_mixed, infer, random_structure
from reldyn.mixed.inference._kenward_roger import kenward_roger, parameter_covariance
from reldyn.mixed.processes import covariance


def dense_derivatives(problem, structure, residual, psi):
    """V_k and V_kl of every covariance parameter, by the definition of each process."""
    g = structure.n_parameters
    r = len(psi)
    n = problem.n
    first = np.zeros((g + r, n, n))
    second = np.zeros((g + r, g + r, n, n))
    for code in range(problem.n_dyads):
        rows = np.flatnonzero(problem.dyad == code)
        Z = problem.Z[rows] @ structure.transform
        at = np.ix_(rows, rows)
        for k in range(g):
            first[k][at] = Z @ structure.basis[k] @ Z.T
        R = covariance(residual, problem.exchangeable[0], psi, problem.member[rows], problem.step[rows], 2)
        for k in range(r):
            first[g + k][at] = R.first[k]
            for m in range(r):
                second[g + k, g + m][at] = R.second[k, m]
    return first, second


def dense_kenward_roger(problem, V, first, second, observed):
    """Kenward and Roger (2009), element by element; returns the adjusted covariance and W."""
    inverse = np.linalg.inv(V)
    X = problem.X
    phi = np.linalg.inv(X.T @ inverse @ X)
    project = inverse - inverse @ X @ phi @ X.T @ inverse
    k = len(first)
    y = problem.y
    moved = [project @ item for item in first]
    residuals = project @ y
    information = np.zeros((k, k))
    for a in range(k):
        for b in range(k):
            trace = np.sum(moved[a] * moved[b].T)
            information[a, b] = 0.5 * trace
            if observed:
                information[a, b] = (
                    -0.5 * trace
                    + 0.5 * np.sum(project * second[a, b].T)
                    + residuals @ first[a] @ project @ first[b] @ residuals
                    - 0.5 * residuals @ second[a, b] @ residuals
                )
    W = np.linalg.inv(information)
    B = inverse @ X
    P = [-B.T @ item @ B for item in first]
    total = np.zeros_like(phi)
    for a in range(k):
        for b in range(k):
            Q = (first[a] @ B).T @ inverse @ (first[b] @ B)
            R = B.T @ second[a, b] @ B
            total += W[a, b] * (Q - P[a] @ phi @ P[b] - 0.25 * R)
    return phi + 2 * phi @ total @ phi, W


@pytest.mark.parametrize(
    ("residual", "exchangeable"),
    [
        (Residual("unstructured"), False),
        (Residual("unstructured"), True),
        (Residual("independent"), False),
        (Residual("ar1"), False),
        (Residual("ar1", common=True), False),
        (Residual("car1"), False),
        (Residual("var1"), True),
    ],
    ids=["us", "us-exchangeable", "independent", "ar1", "ar1-common", "car1", "var1-exchangeable"],
)
def test_adjusted_covariance_follows_the_definition(residual, exchangeable):
    problem = random_problem(
        31, n_dyads=12, n_steps=9, missing=0.15, gaps=residual.serial, exchangeable=(exchangeable,)
    )
    structure = random_structure(["a", "b"], swap=(1, 0) if exchangeable else None)
    fit = fit_mixed(problem, structure, residual)
    assert fit.converged
    assert not fit.at_boundary
    V = dense_covariance(problem, residual, fit.G, fit.psi)
    first, second = dense_derivatives(problem, structure, residual, fit.psi[0])
    adjusted, W = dense_kenward_roger(problem, V, first, second, residual.serial)
    found = kenward_roger(fit)
    np.testing.assert_allclose(found.parameter_covariance, W, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.covariance, adjusted, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("residual", [Residual("ar1"), Residual("var1")], ids=["ar1", "var1"])
def test_nights_of_unknown_length_are_taken_as_they_are(residual):
    drawn = random_problem(31, n_dyads=12, n_steps=9, missing=0.15)
    problem = dataclasses.replace(drawn, step=drawn.step + 1_000_000 * (drawn.step > 5))
    structure = random_structure(["a", "b"])
    fit = fit_mixed(problem, structure, residual)
    V = dense_covariance(problem, residual, fit.G, fit.psi)
    first, second = dense_derivatives(problem, structure, residual, fit.psi[0])
    adjusted, _ = dense_kenward_roger(problem, V, first, second, True)
    np.testing.assert_allclose(kenward_roger(fit).covariance, adjusted, rtol=1e-7, atol=1e-9)


def test_one_contrast_has_the_same_degrees_alone_and_jointly():
    problem = random_problem(5, n_dyads=15, n_steps=6)
    found = infer(fit_mixed(problem, random_structure(["a", "b"])))
    for row in np.eye(4):
        joint = found.joint(row)
        alone = found.contrasts(row)
        assert joint.df_error == pytest.approx(alone.df[0], rel=1e-8)
        assert joint.statistic == pytest.approx(alone.statistic[0] ** 2, rel=1e-8)
        assert joint.p_value == pytest.approx(alone.p_value[0], rel=1e-8)


def test_balanced_design_gives_the_exact_t_test():
    rng = np.random.default_rng(3)
    n, steps = 12, 5
    problem = random_problem(3, n_dyads=n, n_steps=steps, missing=0.0)
    X = np.column_stack([problem.member == 0, problem.member == 1]).astype(float)
    y = problem.y + rng.standard_normal((n, 2))[problem.dyad, problem.member]
    problem = dataclasses.replace(problem, X=X, Z=X, y=y, x_labels=(), z_labels=())
    fit = fit_mixed(problem, random_structure(["a", "b"]))
    means = np.array([[y[(problem.dyad == d) & (problem.member == m)].mean() for m in (0, 1)] for d in range(n)])
    difference = means[:, 0] - means[:, 1]
    found = infer(fit).contrasts([[1.0, -1.0]])
    assert not fit.at_boundary
    assert found.df[0] == pytest.approx(n - 1, rel=1e-6)
    assert found.std_error[0] == pytest.approx(difference.std(ddof=1) / np.sqrt(n), rel=1e-6)
    hotelling = infer(fit).joint(np.eye(2))
    covariance_of_means = np.cov(means.T) / n
    center = means.mean(axis=0)
    t2 = center @ np.linalg.solve(covariance_of_means, center)
    assert hotelling.df_error == pytest.approx(n - 2, rel=1e-6)
    assert hotelling.statistic == pytest.approx(t2 * (n - 2) / (2 * (n - 1)), rel=1e-6)


def test_boundary_directions_leave_the_information():
    rng = np.random.default_rng(12)
    problem = random_problem(12, n_dyads=25, n_steps=8, q_terms=2)
    noise = problem.X @ np.ones(4) + rng.standard_normal(problem.n)
    problem = dataclasses.replace(problem, y=noise)
    fit = fit_mixed(problem, random_structure(["a", "b", "c", "d"]))
    assert fit.at_boundary
    W, sound = parameter_covariance(fit)
    found = infer(fit)
    assert sound
    assert np.linalg.matrix_rank(W, tol=1e-10) < len(W)
    assert "known to be zero" in found.notes[0]
    assert np.isfinite(found.contrasts().p_value).all()
    assert (found.contrasts().df > 1).all()


def without_variance(seed, labels, covariance):
    rng = np.random.default_rng(seed)
    problem = random_problem(seed, n_dyads=8, n_steps=4, q_terms=1)
    y = problem.X @ np.ones(problem.X.shape[1]) + rng.standard_normal(problem.n)
    Z = np.ones((problem.n, 1)) if len(labels) == 1 else problem.Z[:, :2]
    problem = dataclasses.replace(problem, y=y, Z=Z, z_labels=())
    residual = Residual("independent", equal_variances=True)
    return problem, fit_mixed(problem, random_structure(labels, covariance), residual), residual


@pytest.mark.parametrize("seed", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_a_variance_of_nothing_in_a_block_of_its_own_stays_uncertain(seed, covariance):
    """As in pbkrtest, whose formula the dense one is: all variances of a fit are estimates, zero or not."""
    one = covariance == "full"
    problem, fit, residual = without_variance(seed, ["a"] if one else ["a", "b"], covariance)
    assert fit.at_boundary
    assert not fit.partly_shut
    first, second = dense_derivatives(problem, fit.structure, residual, fit.psi[0])
    V = dense_covariance(problem, residual, fit.G, fit.psi)
    adjusted, W = dense_kenward_roger(problem, V, first, second, False)
    for nothing in (fit, dataclasses.replace(fit, G=np.where(np.abs(fit.G) < 1e-12, 0.0, fit.G))):
        found = kenward_roger(nothing)
        np.testing.assert_allclose(found.parameter_covariance, W, rtol=1e-6, atol=1e-10)
        np.testing.assert_allclose(found.covariance, adjusted, rtol=1e-7, atol=1e-9)
        assert not found.notes


@pytest.mark.parametrize("seed", [3, 7, 19])
def test_a_block_without_variance_stays_uncertain_beside_one_that_is_singular(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(seed, n_dyads=12, n_steps=5, q_terms=2)
    common = rng.standard_normal(12)[problem.dyad] * np.abs(problem.Z[:, :2]).sum(axis=1)
    problem = dataclasses.replace(problem, y=problem.X @ np.ones(4) + common + rng.standard_normal(problem.n))
    structure = random_structure(["a", "b", "c", "d"], "block", terms=[0, 0, 1, 1])
    fit = fit_mixed(problem, structure, Residual("independent", equal_variances=True))
    # The intercepts of the two go together in full, and their slopes do not vary.
    assert fit.partly_shut
    assert len(fit.boundary) == 3
    W, sound = parameter_covariance(fit)
    assert sound
    assert [np.linalg.matrix_rank(W[part, part], tol=1e-10) for part in (slice(0, 3), slice(3, 6))] == [2, 3]


@pytest.mark.parametrize("seed", range(6))
def test_the_correction_never_narrows_at_a_singular_covariance(seed):
    """V is linear in G: the adjusted covariance is the unadjusted plus a positive semi-definite matrix."""
    rng = np.random.default_rng(seed)
    problem = random_problem(seed, n_dyads=25, n_steps=8, q_terms=2)
    problem = dataclasses.replace(problem, y=problem.X @ np.ones(4) + rng.standard_normal(problem.n))
    found = kenward_roger(fit_mixed(problem, random_structure(["a", "b", "c", "d"])))
    gained = np.linalg.eigvalsh(found.covariance - found.unadjusted)
    assert gained.min() > -1e-10 * np.linalg.eigvalsh(found.unadjusted).max()


def test_maximum_likelihood_has_no_correction():
    fit = fit_mixed(random_problem(5, n_dyads=15, n_steps=6), random_structure(["a", "b"]), method="ml")
    assert infer(fit).kind == "z"
    with pytest.raises(DesignError) as caught:
        infer(fit, "kenward-roger")
    assert str(caught.value) == (
        "the Kenward-Roger correction is defined under REML only. Use method='reml', or inference='z' with ML."
    )


def test_agrees_with_pbkrtest():
    fit = fit_mixed(few_dyads(), random_structure(["a", "b"]), Residual("independent", equal_variances=True))
    found = infer(fit)
    told = found.contrasts()
    printed = [0.1588577271, 0.1840894823, 0.0537498978, 0.0525989304, 0.2280677911, 0.2119005366]
    # The reference optimum is reached to about 1e-5 of these figures.
    np.testing.assert_allclose(told.std_error, printed, rtol=3e-5)
    np.testing.assert_allclose(
        told.df, [23.3953216, 23.1590522, 612.7314283, 612.7916097, 24.6377499, 24.6908922], rtol=1e-5
    )
    joint = found.joint(np.eye(6)[[2, 4]])
    assert joint.statistic == pytest.approx(16.281, abs=1e-3)
    assert joint.df_error == pytest.approx(62.433, abs=1e-3)
