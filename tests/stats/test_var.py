"""Matrices of autoregressions against loops, simulation of moments, and scipy."""

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

from reldyn.stats import fill_gaps, lag_columns, largest_root, over_steps, spectral_radius, stationary_covariance

PHI = np.array([[0.5, 0.2], [-0.3, 0.4]])
NOISE = np.array([[1.0, 0.3], [0.3, 0.8]])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_lagged_columns_are_those_of_a_loop(order):
    rng = np.random.default_rng(1)
    y, night = rng.standard_normal((3, 9, 2)), np.arange(9) % 4 == 0
    found = lag_columns(y, night, order)
    assert found.shape == (3, 9, 2 * (order + 1))
    for t in range(9):
        blocks = found[:, t].reshape(3, order + 1, 2)
        before = y[:, t - 1] if t else np.zeros((3, 2))
        np.testing.assert_array_equal(blocks[:, 0], 0 * before if night[t] else before)
        np.testing.assert_array_equal(blocks[:, 1], before if night[t] else 0 * before)
        for lag in range(2, order + 1):
            np.testing.assert_array_equal(blocks[:, lag], y[:, t - lag] if t >= lag else np.zeros((3, 2)))


@pytest.mark.parametrize("p", [1, 2, 4])
def test_the_largest_root_solves_the_characteristic_equation(p):
    lags = np.random.default_rng(p).standard_normal((p, 2, 2)) * 0.4
    root = largest_root(lags)
    # det(I - A_1 z - ... - A_p z^p) from its values at roots of unity; its smallest zero is the inverse root.
    points = np.exp(2j * np.pi * np.arange(2 * p + 1) / (2 * p + 1))
    values = [np.linalg.det(np.eye(2) - sum(a * z ** (k + 1) for k, a in enumerate(lags))) for z in points]
    zeros = np.roots((np.fft.fft(values).real / len(points))[::-1])
    assert root == pytest.approx(1 / np.abs(zeros).min(), rel=1e-8)


def test_the_radius_is_that_of_the_eigenvalues():
    matrices = np.random.default_rng(2).standard_normal((5, 40, 2, 2))
    np.testing.assert_allclose(spectral_radius(matrices), np.abs(np.linalg.eigvals(matrices)).max(axis=-1), rtol=1e-9)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_stationary_covariance_is_that_of_scipy_and_of_its_own_step(k):
    rng = np.random.default_rng(k)
    phi = rng.standard_normal((4, k, k)) * 0.3
    root = rng.standard_normal((4, k, k))
    noise = root @ root.transpose(0, 2, 1)
    found = stationary_covariance(phi, noise)
    for index in range(4):
        np.testing.assert_allclose(
            found[index], solve_discrete_lyapunov(phi[index], noise[index]), rtol=1e-8, atol=1e-10
        )
    np.testing.assert_allclose(phi @ found @ phi.transpose(0, 2, 1) + noise, found, atol=1e-10)


def test_several_steps_are_one_step_after_the_other():
    matrices, covariances = over_steps(np.stack([PHI, 0.5 * PHI]), np.stack([NOISE, NOISE]), 5)
    assert matrices.shape == covariances.shape == (5, 2, 2, 2)
    for index, phi in enumerate((PHI, 0.5 * PHI)):
        for steps in range(1, 6):
            np.testing.assert_allclose(matrices[steps - 1, index], np.linalg.matrix_power(phi, steps), atol=1e-14)
            powers = [np.linalg.matrix_power(phi, k) for k in range(steps)]
            expected = sum(power @ NOISE @ power.T for power in powers)
            np.testing.assert_allclose(covariances[steps - 1, index], expected, atol=1e-14)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_gaps_take_the_predictions_of_a_loop(order):
    rng = np.random.default_rng(3)
    y, level, night = rng.standard_normal((3, 20, 2)), rng.standard_normal((3, 20, 2)), np.arange(20) % 4 == 0
    lags, observed = rng.standard_normal((3, order + 1, 2, 2)), rng.random(20) < 0.6
    observed[0] = False
    wanted = y.copy()
    for one in range(3):
        for t in np.flatnonzero(~observed):
            value = level[one, t].copy()
            for lag in range(1, min(order, int(t)) + 1):
                value += wanted[one, t - lag] @ lags[one, (1 if night[t] else 0) if lag == 1 else lag]
            wanted[one, t] = np.clip(value, -2, 2)
    np.testing.assert_allclose(fill_gaps(y, level, lags, observed, night, most=2.0), wanted, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_the_compiled_loops_equal_the_numpy_ones(monkeypatch, order):
    pytest.importorskip("numba")
    rng = np.random.default_rng(8)
    y, level, night = rng.standard_normal((4, 30, 2)), rng.standard_normal((4, 30, 2)), rng.random(30) < 0.3
    observed, lags = rng.random(30) < 0.6, rng.standard_normal((4, order + 1, 2, 2))
    y[1, 4] = np.nan
    found = {}
    for kernels in ("numpy", "numba"):
        monkeypatch.setenv("RELDYN_KERNELS", kernels)
        found[kernels] = lag_columns(y, night, order), fill_gaps(y, level, lags, observed, night, most=6.0)
    np.testing.assert_array_equal(found["numba"][0], found["numpy"][0])
    np.testing.assert_allclose(found["numba"][1], found["numpy"][1], rtol=0, atol=1e-12)
