"""Phases that shift the level: likelihood by brute force, compiled twin, growth of the likelihood, sharing."""

import dataclasses
import itertools
import types

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from reldyn._kernels import chosen_kernels
from reldyn.markov.regimes._levels import LevelData, LevelPrior, fit_levels, gamma_dwell, geometric_dwell, level_start
from reldyn.markov.regimes._pool import _best_shape, fit_shared, linear_levels, pool_levels

SHAPE = np.array([[1.0, 0.3], [-0.8, 0.5], [0.1, -1.0]])
MOVES = np.array([[0.0, 0.7, 0.3], [0.4, 0.0, 0.6], [0.5, 0.5, 0.0]])
LEAVE = np.array([0.2, 0.3, 0.25])


def some_data(n, n_occasions, seed, missing=0.25):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n, n_occasions, 2))
    y[:, n_occasions // 3 : n_occasions // 2] += 1.5
    observed = rng.random((n, n_occasions)) >= missing
    night = np.tile(np.arange(n_occasions) % 4 == 0, (n, 1))
    night[:, 0] = False
    y = np.where(observed[..., None], y, 0.0)
    return LevelData(y, observed, night, rng.normal(size=(n, n_occasions, 1)), np.full((n, 2), 1e-3))


def some_start(data, index, seed=3):
    rng = np.random.default_rng(seed)
    n = len(data.y)
    return level_start(
        data,
        effect=np.full(n, 0.9),
        coefficients=rng.normal(size=(n, 6, 2)) * 0.2,
        covariance=np.tile([[1.0, 0.3], [0.3, 0.8]], (n, 1, 1)),
        index=np.tile(index, (n, 1)),
        moves=np.tile(MOVES, (n, 1, 1)),
    )


def brute_log_likelihood(data, start):
    """Sum over every path of phases: product of chain and Gaussian densities."""
    y, x, night = data.y[0], data.x[0], data.night[0]
    constant, day, by_night, slope = np.split(start.coefficients[0], [1, 3, 5])
    levels = start.effect[0] * SHAPE
    chain = np.diag(1 - LEAVE) + LEAVE[:, None] * MOVES
    terms = []
    for path in itertools.product(range(3), repeat=len(y)):
        value = np.log(1 / 3)
        for t, k in enumerate(path):
            mean = constant[0] + x[t] @ slope + levels[k]
            if t:
                mean = mean + (y[t - 1] - levels[path[t - 1]]) @ (by_night if night[t] else day)
                value += np.log(chain[path[t - 1], k])
            value += multivariate_normal.logpdf(y[t], mean, start.covariance[0])
        terms.append(value)
    return np.logaddexp.reduce(terms)


def test_likelihood_sums_over_all_paths():
    data = some_data(1, 6, 1, missing=0.0)
    start = some_start(data, np.arange(3))
    fit = fit_levels(data, start, SHAPE, geometric_dwell(LEAVE), n_iterations=1, kernels="numpy")
    assert fit.log_likelihood[0] == pytest.approx(brute_log_likelihood(data, start), abs=1e-10)


PRIOR = LevelPrior(np.array([[0.3, 0.1], [0.0, 0.2], [0.1, 0.0], [0.0, -0.1]]), 15.0, 0.2)


@pytest.mark.parametrize("prior", [None, PRIOR])
@pytest.mark.parametrize("shock", [False, True])
@pytest.mark.parametrize("free_sojourns", [False, True])
def test_compiled_twin_takes_the_same_steps(shock, free_sojourns, prior):
    if chosen_kernels() != "numba":
        pytest.skip("numba is absent or switched off")
    data = some_data(4, 40, 2)
    law, index = (gamma_dwell(2), np.array([5, 8, 12])) if free_sojourns else (geometric_dwell(LEAVE), np.arange(3))
    fits = [
        fit_levels(
            data,
            some_start(data, index),
            SHAPE,
            law,
            n_iterations=5,
            tolerance=0.5,
            free_sojourns=free_sojourns,
            prior=prior,
            shock=shock,
            kernels=kernels,
        )
        for kernels in ("numpy", "numba")
    ]
    for field in dataclasses.fields(fits[0]):
        np.testing.assert_allclose(getattr(fits[0], field.name), getattr(fits[1], field.name), atol=1e-9)


def test_likelihood_never_falls_with_everything_observed():
    data = some_data(3, 50, 4, missing=0.0)
    start = some_start(data, np.arange(3))
    values = [
        fit_levels(data, start, SHAPE, geometric_dwell(LEAVE), n_iterations=turn, tolerance=0.0).log_likelihood
        for turn in range(1, 9)
    ]
    assert (np.diff(values, axis=0) > -1e-9).all()


def test_penalised_likelihood_never_falls_and_ends_where_a_search_ends():
    data = some_data(2, 50, 4, missing=0.0)
    start = some_start(data, np.arange(3))

    def penalised(turns):
        fit = fit_levels(data, start, SHAPE, geometric_dwell(LEAVE), n_iterations=turns, tolerance=0.0, prior=PRIOR)
        return fit.log_likelihood + PRIOR.log_density(fit), fit

    values = [penalised(turn)[0] for turn in range(1, 9)]
    assert (np.diff(values, axis=0) > -1e-9).all()
    best, fit = penalised(2000)

    # Neither a lag nor the effect can be moved without loss: the prior's mode is taken for what it is.
    for place in [(1, 0), (2, 1), (4, 1)]:
        for step in (-1e-3, 1e-3):
            moved = dataclasses.replace(fit, coefficients=fit.coefficients.copy())
            moved.coefficients[(slice(None), *place)] += step
            there = fit_levels(data, moved, SHAPE, geometric_dwell(LEAVE), n_iterations=1)
            assert (there.log_likelihood + PRIOR.log_density(moved) < best).all()
    for step in (-1e-3, 1e-3):
        moved = dataclasses.replace(fit, effect=fit.effect + step)
        there = fit_levels(data, moved, SHAPE, geometric_dwell(LEAVE), n_iterations=1)
        assert (there.log_likelihood + PRIOR.log_density(moved) < best).all()


def test_lags_that_no_answer_speaks_of_are_those_of_the_prior():
    data = some_data(2, 30, 8)
    data = dataclasses.replace(data, night=np.zeros_like(data.night))
    fit = fit_levels(
        data, some_start(data, np.arange(3)), SHAPE, geometric_dwell(LEAVE), n_iterations=4, tolerance=0.0, prior=PRIOR
    )
    np.testing.assert_allclose(fit.coefficients[:, 3:5], np.broadcast_to(PRIOR.lags[2:], (2, 2, 2)), atol=1e-6)


def planted(n, n_occasions, seed, effect):
    """Series with three phases of a shared shape around noise with memory .3."""
    rng = np.random.default_rng(seed)
    y = np.zeros((n, n_occasions, 2))
    for s in range(n):
        state, noise = int(rng.integers(3)), np.zeros(2)
        for t in range(n_occasions):
            if rng.random() < 0.15:
                state = (state + 1) % 3
            noise = 0.3 * noise + rng.normal(size=2)
            y[s, t] = effect[s] * SHAPE[state] + noise
    y = (y - y.mean(axis=1, keepdims=True)) / y.std(axis=1, keepdims=True)
    seen = np.ones((n, n_occasions), dtype=bool)
    return LevelData(y, seen, np.zeros_like(seen), np.zeros((n, n_occasions, 0)), np.full((n, 2), 1e-3))


def test_pool_finds_the_shape_in_the_series_that_have_it():
    data = planted(12, 80, 5, np.where(np.arange(12) < 6, 2.0, 0.0))
    pooled = pool_levels(data, linear_levels(data), n_states=3)
    assert pooled.weights[:6, 2].mean() > 0.9
    assert pooled.weights[6:, 2].mean() < pooled.weights[:6, 2].mean()
    found, true = (shape[np.argsort(shape[:, 0])] for shape in (pooled.phases.shape, SHAPE - SHAPE.mean(axis=0)))
    assert np.corrcoef(found.ravel(), true.ravel())[0, 1] > 0.95
    fit = fit_shared(data, pooled.phases)
    assert fit.effect[:6].min() > 0.5 > np.median(fit.effect[6:])


def test_pool_leaves_shocks_to_the_shocks():
    rng = np.random.default_rng(6)
    shocks = rng.exponential(size=(12, 80, 2)) - 1
    y = np.zeros_like(shocks)
    for t in range(1, 80):
        y[:, t] = 0.4 * y[:, t - 1] + shocks[:, t]
    seen = np.ones((12, 80), dtype=bool)
    data = LevelData(y / y.std(), seen, np.zeros_like(seen), np.zeros((12, 80, 0)), np.full((12, y.shape[2]), 1e-3))
    pooled = pool_levels(data, linear_levels(data), n_states=3)
    assert pooled.weights[:, 1].mean() > 0.6
    assert pooled.weights[:, 1].mean() > pooled.weights[:, 2].mean()


@pytest.mark.parametrize("channels", [1, 2])
def test_the_best_shape_is_that_of_least_squares_over_all_pairs_of_phases(channels):
    rng = np.random.default_rng(6)
    n, n_states = 4, 3
    root = rng.normal(size=(n, channels, channels))
    fit = types.SimpleNamespace(
        mass=rng.random((n, 3, n_states, n_states)),
        rest=rng.normal(size=(n, 3, n_states, n_states, channels)),
        covariance=root @ root.transpose(0, 2, 1) + np.eye(channels),
        coefficients=rng.normal(size=(n, 1 + 2 * channels, channels)) * 0.3,
        effect=rng.random(n) + 0.5,
    )
    weight, size = rng.random(n), n_states * channels
    gram, right = 1e-6 * np.eye(size), np.zeros(size)
    for s, kind, j, k in itertools.product(range(n), range(3), range(n_states), range(n_states)):
        table = np.zeros((channels, size))
        table[:, k * channels : (k + 1) * channels] += np.eye(channels)
        if kind:
            first = 1 + (kind - 1) * channels
            table[:, j * channels : (j + 1) * channels] -= fit.coefficients[s, first : first + channels].T
        turned = (fit.effect[s] * table).T @ np.linalg.inv(fit.covariance[s])
        gram += weight[s] * fit.mass[s, kind, j, k] * turned @ (fit.effect[s] * table)
        right += weight[s] * turned @ fit.rest[s, kind, j, k]
    wanted = np.linalg.solve(gram, right).reshape(n_states, channels)
    np.testing.assert_allclose(_best_shape(fit, weight), wanted, atol=1e-10)
