"""Gradual phases: likelihood by brute force, two phases as a special case, compiled twin, growth, recovery."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from reldyn.markov.regimes._ramps import fit_ramps, ramp_expect
from reldyn.markov.regimes._switching import MemoryPrior, SwitchingData, log_likelihood_at

T, C = 8, 2


def some_data(n, n_occasions, seed, missing=0.2):
    rng = np.random.default_rng(seed)
    observed = rng.random(n_occasions) >= missing
    night = np.arange(n_occasions) % 4 == 0
    night[0] = False
    level = np.convolve(np.where(np.arange(n_occasions) % 16 < 8, 1.5, -1.5), np.ones(3) / 3)[:n_occasions]
    y = np.where(observed[None, :, None], level[None, :, None] + rng.standard_normal((n, n_occasions, C)), 0.0)
    return SwitchingData(y, observed, night, rng.standard_normal((n, n_occasions, 1))), rng


def some_parameters(rng, n=1):
    coefficients = rng.normal(0, 0.5, (n, 2 + 2 * C + 1, C))
    return coefficients, np.tile([[1.0, 0.3], [0.3, 0.7]], (n, 1, 1)), np.tile([0.2, 0.3], (n, 1))


def by_enumeration(data, coefficients, covariance, turn, steps, until=T, bases=None, filled=None):
    """Sum over attractors and places at the start and all later turns; the place follows. Returns mass by place."""
    low, high, day, night, slope = np.split(coefficients[0], [1, 2, 2 + C, 2 + 2 * C])
    if bases is None:
        bases, filled = [], data.y[0].copy()
        for t in range(T):
            lag = filled[t - 1] @ (night if data.night[t] else day) if t else 0.0
            bases.append(data.x[0, t] @ slope + lag)
            if not data.observed[t]:
                mass = by_enumeration(data, coefficients, covariance, turn, steps, t + 1, bases, filled)
                share = np.arange(steps + 1) / steps @ mass / mass.sum()
                filled[t] = bases[t] + (1 - share) * low[0] + share * high[0]
    mass = np.zeros(steps + 1)
    for first in itertools.product(range(2), range(steps + 1)):
        side, place = first
        at_end = place == side * steps
        between = 0 < place < steps
        start = 0.5 * ((2 / 3 if steps > 1 else 1.0) if at_end else (1 / 3 / (steps - 1) if between else 0.0))
        if start == 0.0:
            continue
        for turned in itertools.product([False, True], repeat=until - 1):
            attractor, position, value = side, place, start
            for t in range(until):
                if t > 0:
                    value *= turn[0, attractor] if turned[t - 1] else 1 - turn[0, attractor]
                    attractor = 1 - attractor if turned[t - 1] else attractor
                    position = min(max(position + (1 if attractor else -1), 0), steps)
                if data.observed[t]:
                    share = position / steps
                    mean = bases[t] + (1 - share) * low[0] + share * high[0]
                    value *= np.exp(logpdf(data.y[0, t], mean, covariance[0]))
            mass[position] += value
    return mass


def logpdf(y, mean, covariance):
    rest = y - mean
    return -0.5 * (rest @ np.linalg.solve(covariance, rest) + np.log(np.linalg.det(2 * np.pi * covariance)))


def test_the_density_of_this_file_is_that_of_scipy():
    covariance = np.array([[1.0, 0.3], [0.3, 0.7]])
    y = np.array([0.3, -0.8])
    assert logpdf(y, np.ones(2), covariance) == pytest.approx(multivariate_normal.logpdf(y, np.ones(2), covariance))


@pytest.mark.parametrize(("steps", "missing"), [(2, 0.0), (2, 0.4), (3, 0.3)])
def test_likelihood_is_the_sum_over_all_paths(steps, missing):
    data, rng = some_data(1, T, 1, missing)
    coefficients, covariance, turn = some_parameters(rng)
    wanted = np.log(by_enumeration(data, coefficients, covariance, turn, steps).sum())
    assert ramp_expect(data, coefficients, covariance, turn, steps)[0][0] == pytest.approx(wanted, abs=1e-10)


def test_one_step_is_the_switching_model():
    data, rng = some_data(3, 40, 2)
    coefficients, covariance, turn = some_parameters(rng, 3)
    transition = np.stack([np.stack([1 - turn[:, 0], turn[:, 0]], 1), np.stack([turn[:, 1], 1 - turn[:, 1]], 1)], 1)
    found = ramp_expect(data, coefficients, covariance, turn, 1)[0]
    np.testing.assert_allclose(found, log_likelihood_at(data, coefficients, covariance, transition), atol=1e-10)


@pytest.mark.parametrize(("steps", "memory"), [(1, None), (2, MemoryPrior(0.2, 40.0)), (5, None)])
def test_numba_equals_numpy(steps, memory):
    pytest.importorskip("numba")
    data, rng = some_data(4, 60, 3)
    start = rng.dirichlet(np.ones(2), (4, 60))
    fits = []
    for kernels in ("numpy", "numba"):
        short = fit_ramps(data, start, steps, n_iterations=6, tolerance=0.0, memory=memory, kernels=kernels)
        fits.append(
            fit_ramps(data, start, steps, n_iterations=8, tolerance=0.05, start=short, memory=memory, kernels=kernels)
        )
    for field in dataclasses.fields(fits[0]):
        np.testing.assert_allclose(
            getattr(fits[0], field.name), getattr(fits[1], field.name), atol=1e-10, err_msg=field.name
        )


def test_memory_of_a_firm_prior_is_that_of_the_prior():
    data, rng = some_data(3, 80, 6, 0.0)
    prior = MemoryPrior(0.2, 1e6)
    fit = fit_ramps(data, rng.dirichlet(np.ones(2), (3, 80)), 3, memory=prior)
    np.testing.assert_allclose(fit.coefficients[:, 2 : 2 + 2 * C], np.tile(prior.lags(C), (3, 1, 1)), atol=1e-3)


@pytest.mark.parametrize("steps", [2, 5])
def test_likelihood_never_falls_with_everything_observed(steps):
    data, rng = some_data(3, 60, 4, 0.0)
    start = rng.dirichlet(np.ones(2), (3, 60))
    values = [fit_ramps(data, start, steps, n_iterations=k, tolerance=0.0).log_likelihood for k in range(1, 12)]
    assert (np.diff(values, axis=0) > -1e-8).all()


def test_gradual_phases_are_described_by_their_own_number_of_steps():
    rng = np.random.default_rng(5)
    attractor = np.cumsum(rng.random((6, 300)) < 1 / 10, axis=1) % 2
    position = np.zeros((6, 300))
    for t in range(1, 300):
        position[:, t] = np.clip(position[:, t - 1] + np.where(attractor[:, t], 1, -1), 0, 3)
    y = np.stack([4 * position / 3, 2 * position / 3], axis=2) + rng.standard_normal((6, 300, 2))
    y = y - y.mean(axis=1, keepdims=True)
    seen = np.ones(300, dtype=bool)
    data = SwitchingData(y, seen, np.zeros(300, dtype=bool), np.zeros((6, 300, 0)))
    start = np.where(y[:, :, :1] > 0, [0.1, 0.9], [0.9, 0.1])
    values = {steps: fit_ramps(data, start, steps).log_likelihood for steps in (1, 2, 3, 5)}
    assert all(np.mean(values[3] - values[steps]) > 1 for steps in (1, 2, 5))
    fit = fit_ramps(data, start, 3)
    np.testing.assert_allclose((fit.coefficients[:, 1] - fit.coefficients[:, 0]).mean(axis=0), [4, 2], rtol=0.15)


def test_levels_far_apart_leave_numbers():
    y = np.where(np.arange(80) % 20 < 10, 1.0, -1.0)[None, :, None] * np.ones((1, 1, 2))
    seen = np.ones(80, dtype=bool)
    data = SwitchingData(y, seen, np.zeros(80, dtype=bool), np.zeros((1, 80, 0)), 1e-3)
    for kernels in ("numpy", None):
        fit = fit_ramps(data, np.where(y[:, :, :1] > 0, [0.0, 1.0], [1.0, 0.0]), 5, kernels=kernels)
        assert np.isfinite(fit.log_likelihood).all()
        assert np.isfinite(fit.posterior).all()
