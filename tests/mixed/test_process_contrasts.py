"""Parameters of residual processes: standard errors against numerical information, intervals against closed forms."""

import dataclasses

import numpy as np
import pytest

from reldyn.mixed import (
    Problem,
    Residual,
    fit_mixed,
    log_likelihood,
    natural_names,
    parameter_covariance,
    process_contrasts,
    random_structure,
)

VAR = Residual("var1")
NATURAL = np.array([1.0, 1.2, 0.3, 0.4, 0.1, -0.2, 0.5])


def series(n=60, steps=9, seed=3):
    generator = np.random.default_rng(seed)
    phi, root = np.array([[0.4, 0.2], [0.0, 0.3]]), np.linalg.cholesky([[1.0, 0.3], [0.3, 1.0]])
    y = np.zeros((n, steps + 30, 2))
    for t in range(1, steps + 30):
        y[:, t] = y[:, t - 1] @ phi.T + generator.normal(size=(n, 2)) @ root.T
    y = y[:, 30:] + 0.7 * generator.normal(size=(n, 1, 2))
    dyad, step, member = (codes.ravel() for codes in np.indices(y.shape))
    own = np.stack([member == 0, member == 1], axis=1) * 1.0
    return Problem(y.ravel(), own, own, dyad, member, step)


def test_standard_errors_are_those_of_the_observed_information():
    problem, structure = series(n=30, steps=5), random_structure(())
    problem = dataclasses.replace(problem, Z=np.zeros((problem.n, 0)), z_labels=())
    tied = Residual("var1", common=True, equal_variances=True)
    fit = fit_mixed(problem, structure, tied, "ml")
    theta, g = fit.theta, structure.n_parameters

    def value(at):
        return log_likelihood(problem, structure, tied, structure.matrix(at[:g]), at[g:], "ml")

    h, k = 1e-4, len(theta)
    steps = h * np.eye(k)
    information = np.empty((k, k))
    for i in range(k):
        for j in range(i + 1):
            signs = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
            values = [s * t * value(theta + s * steps[i] + t * steps[j]) for s, t in signs]
            information[i, j] = information[j, i] = -sum(values) / (4 * h * h)
    found = process_contrasts(tied, False, fit.psi[0], parameter_covariance(fit)[0][g:, g:], np.eye(4))
    expected = np.sqrt(np.diag(np.linalg.inv(information)))[g:]
    np.testing.assert_allclose(found.std_error, expected, rtol=2e-4)
    np.testing.assert_allclose(found.estimate, fit.psi[0])


def test_the_interval_of_one_carry_over_is_that_of_its_inverse_hyperbolic_tangent():
    natural, variance = np.array([1.0, 0.2, 0.9]), np.diag([0.02, 0.02, 0.03**2])
    found = process_contrasts(Residual("ar1"), True, natural, variance, [[0.0, 0.0, 1.0]])
    half = 1.959963984540054 * 0.03 / (1 - 0.9**2)
    assert found.conf_low[0] == pytest.approx(np.tanh(np.arctanh(0.9) - half), abs=1e-12)
    assert found.conf_high[0] == pytest.approx(np.tanh(np.arctanh(0.9) + half), abs=1e-12)
    assert found.statistic[0] == pytest.approx(30.0)


def test_small_errors_give_the_symmetric_interval():
    spread = 1e-8 * np.eye(7)
    rows = np.array([[0, 0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0, -1], [0, 0, 0, 0, 1, -1, 0]], dtype=float)
    found = process_contrasts(VAR, False, NATURAL, spread, rows)
    np.testing.assert_allclose(0.5 * (found.conf_high - found.conf_low), 1.959963984540054 * found.std_error, rtol=1e-5)
    assert natural_names(VAR, False)[3:] == ("phi_00", "phi_01", "phi_10", "phi_11")


def test_intervals_keep_stationarity_where_the_symmetric_one_does_not():
    natural = np.array([1.0, 1.0, 0.3, 0.9, 0.0, 0.0, 0.5])
    found = process_contrasts(VAR, False, natural, 0.01 * np.eye(7), np.eye(7)[[3]])
    assert found.estimate[0] + 1.96 * found.std_error[0] > 1.0
    assert 0.9 < found.conf_high[0] < 1.0


def test_no_information_gives_no_interval():
    found = process_contrasts(VAR, False, NATURAL, np.zeros((7, 7)), np.eye(7)[[3]])
    assert np.isnan([found.std_error[0], found.p_value[0], found.conf_low[0], found.conf_high[0]]).all()
    edge = np.array([1.0, 1.0, 1.0, 0.3, 0.0, 0.0, 0.5])
    assert np.isnan(process_contrasts(VAR, False, edge, np.eye(7), np.eye(7)[[3]]).conf_low[0])
