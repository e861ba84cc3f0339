"""The chain of variances: likelihood by brute force, compiled twin, growth of the likelihood, recovery."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from reldyn.markov.regimes._variances import DWELLS, RATIOS, average_gain, fit_variances

PSEUDO_COUNT = 0.1


def some_squares(n, n_occasions, seed, missing=0.2, channels=2):
    rng = np.random.default_rng(seed)
    scale = np.where(np.arange(n_occasions) % 20 < 10, 0.6, 1.4)
    shocks = scale[:, None] * rng.standard_normal((n, n_occasions, channels))
    observed = rng.random(n_occasions) >= missing
    return shocks, (shocks**2).sum(axis=2), observed


@pytest.mark.parametrize("n_states", [2, 3])
def test_gain_is_the_sum_over_all_paths_against_one_variance(n_states):
    shocks, squares, observed = some_squares(1, 6, 1)
    fit = fit_variances(squares, observed, n_states, channels=2, floor=np.zeros(1), n_iterations=3, kernels="numpy")
    paths = []
    for path in itertools.product(range(n_states), repeat=6):
        value = 1 / n_states
        for t, state in enumerate(path):
            if t > 0:
                value *= fit.transition[0, path[t - 1], state]
            if observed[t]:
                value *= multivariate_normal.pdf(shocks[0, t], np.zeros(2), fit.variances[0, state] * np.eye(2))
        paths.append((value, path))
    total = sum(value for value, _ in paths)
    plain = sum(multivariate_normal.logpdf(shocks[0, t], np.zeros(2)) for t in np.flatnonzero(observed))
    assert fit.gain[0] == pytest.approx(np.log(total) - plain, abs=1e-10)
    for t in range(6):
        for state in range(n_states):
            share = sum(value for value, path in paths if path[t] == state) / total
            assert fit.posterior[0, t, state] == pytest.approx(share, abs=1e-10)


def test_average_gain_is_the_mean_over_the_grid_of_sums_over_all_paths():
    shocks, squares, observed = some_squares(1, 6, 6)
    likelihoods = []
    for ratio, dwell in itertools.product(RATIOS, DWELLS):
        variances = np.array([2, 2 * ratio]) / (1 + ratio)
        total = 0.0
        for path in itertools.product(range(2), repeat=6):
            moves = np.sum(np.diff(path) != 0)
            value = 0.5 * dwell**-moves * (1 - 1 / dwell) ** (5 - moves)
            for t in np.flatnonzero(observed):
                value *= multivariate_normal.pdf(shocks[0, t], np.zeros(2), variances[path[t]] * np.eye(2))
            total += value
        likelihoods.append(total)
    plain = sum(multivariate_normal.logpdf(shocks[0, t], np.zeros(2)) for t in np.flatnonzero(observed))
    found = average_gain(squares, observed, channels=2)[0]
    assert found == pytest.approx(np.log(np.mean(likelihoods)) - plain, abs=1e-10)


def test_average_gain_is_finite_whatever_the_shocks():
    squares = np.stack([np.zeros(200), np.full(200, 1e6), np.where(np.arange(200) == 7, 1e12, 0.0)])
    assert np.isfinite(average_gain(squares, np.ones(200, dtype=bool), channels=2)).all()


def test_predictions_use_the_past_alone():
    _, squares, observed = some_squares(1, 30, 2)
    changed = squares.copy()
    changed[0, 20:] *= 9
    first, second = (
        fit_variances(part, observed, 2, channels=2, floor=np.zeros(1), n_iterations=1) for part in (squares, changed)
    )
    np.testing.assert_array_equal(first.predicted[0, :21], second.predicted[0, :21])
    assert np.abs(first.predicted[0, 21:] - second.predicted[0, 21:]).max() > 0.01


@pytest.mark.parametrize("n_states", [2, 3])
def test_numba_equals_numpy(n_states):
    pytest.importorskip("numba")
    _, squares, observed = some_squares(5, 80, 3)
    options = {"channels": 2, "floor": np.full(5, 0.05), "n_iterations": 12, "tolerance": 0.02}
    first = fit_variances(squares, observed, n_states, kernels="numpy", **options)
    second = fit_variances(squares, observed, n_states, kernels="numba", **options)
    for field in dataclasses.fields(first):
        np.testing.assert_allclose(
            getattr(first, field.name), getattr(second, field.name), atol=1e-10, err_msg=field.name
        )


@pytest.mark.parametrize("n_states", [2, 3])
def test_likelihood_with_its_prior_never_falls(n_states):
    _, squares, observed = some_squares(3, 60, 4)
    values = []
    for turns in range(1, 12):
        fit = fit_variances(
            squares, observed, n_states, channels=2, floor=np.full(3, 0.3), n_iterations=turns, tolerance=0.0
        )
        values.append(fit.gain + PSEUDO_COUNT * np.log(fit.transition).sum(axis=(1, 2)))
    assert (np.diff(values, axis=0) > -1e-9).all()


def test_variances_that_switch_are_found_and_identical_answers_stay_finite():
    rng = np.random.default_rng(5)
    state = np.cumsum(rng.random(600) < 0.08) % 2
    squares = (np.where(state == 1, 1.3, 0.5) * rng.standard_normal(600)) ** 2
    squares = np.stack([squares, np.zeros(600)])
    fit = fit_variances(squares, np.ones(600, dtype=bool), 2, channels=1, floor=np.full(2, 0.02))
    np.testing.assert_allclose(np.sort(fit.variances[0]), [0.25, 1.69], rtol=0.25)
    assert (fit.variances[1] >= 0.02).all()
    assert np.isfinite(fit.gain).all()
