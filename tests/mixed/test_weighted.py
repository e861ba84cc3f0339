"""What each dyad contributes, against dense matrices."""

import numpy as np
import pytest
from dense_model import dense_covariance, random_problem

from reldyn.mixed import Residual, contributions, fit_mixed, random_structure


@pytest.mark.parametrize("residual", [Residual(), Residual("ar1"), Residual("car1")], ids=["us", "ar1", "car1"])
def test_contributions_are_those_of_the_definition(residual):
    problem = random_problem(6, n_dyads=12, n_steps=8, gaps=residual.serial)
    fit = fit_mixed(problem, random_structure(["a", "b"]), residual)
    V = dense_covariance(problem, residual, fit.G, fit.psi)
    found = contributions(fit)
    residuals = problem.y - problem.X @ fit.beta
    for dyad in range(problem.n_dyads):
        rows = np.flatnonzero(problem.dyad == dyad)
        weighted = np.linalg.solve(V[np.ix_(rows, rows)], problem.X[rows])
        np.testing.assert_allclose(found.information[dyad], problem.X[rows].T @ weighted, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(found.score[dyad], weighted.T @ residuals[rows], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(found.score.sum(axis=0), 0.0, atol=1e-8)
