"""The deviance and its derivatives against a dense evaluation and finite differences."""

import numpy as np
import pytest
from dense_model import dense_covariance, dense_likelihood, random_problem
from hypothesis import given, settings
from hypothesis import strategies as st

from reldyn.mixed import Residual, log_likelihood, random_structure
from reldyn.mixed.likelihood._objective import evaluate
from reldyn.mixed.likelihood._statistics import summarise
from reldyn.mixed.processes import from_natural, natural_names, start, to_natural
from reldyn.mixed.spec._problem import sort_rows

PROCESSES = [
    Residual("independent"),
    Residual("unstructured"),
    Residual("unstructured", equal_variances=True),
    Residual("ar1"),
    Residual("ar1", common=True),
    Residual("car1"),
    Residual("var1"),
    Residual("ar1", measurement_error=True),
]
LABELS = [
    f"{r.process}{'-common' * r.common}{'-equal' * r.equal_variances}{'-error' * r.measurement_error}"
    for r in PROCESSES
]


def parameters(problem, structure, residual, seed):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((structure.q, structure.q)) * 0.7
    G = structure.matrix(structure.parameters(root @ root.T))
    psi = []
    for exchangeable in problem.exchangeable:
        natural = start(residual, exchangeable, np.array([[1.2, -0.3], [-0.3, 0.8]]))
        eta = from_natural(residual, exchangeable, natural)
        psi.append(to_natural(residual, exchangeable, eta + 0.3 * rng.standard_normal(len(eta)))[0])
    return G, psi


def panel(residual, seed, **options):
    return random_problem(seed, gaps=residual.serial, **options)


@pytest.mark.parametrize("reml", [True, False], ids=["reml", "ml"])
@pytest.mark.parametrize("residual", PROCESSES, ids=LABELS)
def test_log_likelihood_equals_dense_evaluation(residual, reml):
    for seed in range(3):
        problem = panel(residual, seed, q_terms=1 + seed % 2)
        structure = random_structure(["a", "b", "c", "d"][: problem.Z.shape[1]])
        G, psi = parameters(problem, structure, residual, seed)
        dense = dense_likelihood(problem, dense_covariance(problem, residual, G, psi), reml)
        found = log_likelihood(problem, structure, residual, G, tuple(psi), "reml" if reml else "ml")
        assert found == pytest.approx(dense.log_likelihood, rel=1e-12)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), missing=st.floats(0, 0.6), n_steps=st.integers(1, 6))
def test_any_pattern_of_missing_rows(seed, missing, n_steps):
    problem = random_problem(seed, missing=missing, n_steps=n_steps)
    structure = random_structure(["a", "b"])
    G, psi = parameters(problem, structure, Residual(), seed)
    dense = dense_likelihood(problem, dense_covariance(problem, Residual(), G, psi), True)
    assert log_likelihood(problem, structure, Residual(), G, tuple(psi)) == pytest.approx(
        dense.log_likelihood, rel=1e-12
    )


def test_singular_covariance_of_random_effects():
    problem = random_problem(3, q_terms=2)
    structure = random_structure(["a", "b", "c", "d"])
    root = np.array([[1.0, 0], [0.5, 0], [0, 0], [0.2, 0]])
    G = root @ root.T
    psi = (np.array([1.0, 0.8, 0.3]),)
    dense = dense_likelihood(problem, dense_covariance(problem, Residual(), G, psi), True)
    assert log_likelihood(problem, structure, Residual(), G, psi) == pytest.approx(dense.log_likelihood, rel=1e-12)


@pytest.mark.parametrize("reml", [True, False], ids=["reml", "ml"])
@pytest.mark.parametrize("residual", PROCESSES, ids=LABELS)
def test_derivatives_equal_finite_differences(residual, reml):
    problem, _ = sort_rows(panel(residual, 5, q_terms=2, strata=2, exchangeable=(False, True), n_dyads=8))
    structure = random_structure(["a", "b", "c", "d"], "block", terms=(0, 0, 1, 1))
    stats = summarise(problem, problem.Z, residual)
    G, psi = parameters(problem, structure, residual, 1)
    theta = np.concatenate([structure.parameters(G), *psi])
    cuts = structure.n_parameters + np.cumsum([0, len(psi[0])])

    def at(values, order):
        parts = np.split(values, cuts)
        return evaluate(stats, structure, structure.matrix(parts[0]), parts[1:], reml=reml, order=order)

    value = at(theta, 2)
    step = 1e-5
    gradient, hessian = np.zeros_like(theta), np.zeros((len(theta), len(theta)))
    for k in range(len(theta)):
        move = np.zeros_like(theta)
        move[k] = step * max(1.0, abs(theta[k]))
        up, down = at(theta + move, 2), at(theta - move, 2)
        gradient[k] = (up.deviance - down.deviance) / (2 * move[k])
        hessian[k] = (up.gradient - down.gradient) / (2 * move[k])
    np.testing.assert_allclose(value.gradient, gradient, rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(value.hessian, hessian, rtol=2e-6, atol=2e-6 * np.abs(hessian).max())


def test_no_array_depends_on_the_number_of_occasions():
    sizes = set()
    for n_steps in (20, 60):
        problem, _ = sort_rows(random_problem(1, n_steps=n_steps, missing=0.2, q_terms=2))
        stats = summarise(problem, problem.Z, Residual())
        shapes = []
        for part in stats.chunks:
            assert part.rare == ()
            shapes += [(item.grams.shape, item.totals.shape) for item in part.frequent]
            shapes.append(part.counts.shape)
        sizes.add(tuple(shapes))
    assert len(sizes) == 1


def test_infeasible_parameters_have_no_likelihood():
    problem = random_problem(3)
    structure = random_structure(["a", "b"])
    assert log_likelihood(problem, structure, Residual(), np.eye(2), np.array([1.0, 1.0, 1.5])) == -np.inf
    assert natural_names(Residual(), exchangeable=False)[-1] == "covariance"
