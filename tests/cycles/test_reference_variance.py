"""Shocks whose variance changes: one-step predictive densities by scipy, and what is found where it is."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from reldyn.cycles.reference._reference import reference_fit
from reldyn.cycles.reference._reference_humps import humps_log_likelihood
from reldyn.cycles.reference._reference_variance import changing_variance_gain, weighted_variance
from reldyn.cycles.reference._shapes import copula_gain
from reldyn.markov.regimes import SwitchingData


def regression(shocks):
    """A regression on a constant alone."""
    table = np.ones((*shocks.shape[:2], 1))
    y = shocks
    return shocks - shocks.mean(axis=1, keepdims=True), y, table, np.ones(shocks.shape[1], dtype=bool)


def volatile(n, m, seed, sd, *, own=False, channels=2):
    """Stochastic volatility of lag-one correlation .9 and the given SD of the log variance's half."""
    rng = np.random.default_rng(seed)
    log_sd = np.zeros((n, m, channels if own else 1))
    for t in range(1, m):
        log_sd[:, t] = 0.9 * log_sd[:, t - 1] + sd * np.sqrt(0.19) * rng.standard_normal(log_sd[:, t].shape)
    return np.exp(log_sd) * rng.standard_normal((n, m, channels))


def test_weighted_variance_is_a_predictive_density_with_the_best_decay_and_share():
    shocks = volatile(1, 80, 1, 0.8)
    shocks = shocks / shocks.std(axis=1, keepdims=True)
    squares = (shocks**2).mean(axis=2)
    variance, gain = weighted_variance(squares, shocks, np.full(1, 0.01))
    constant = shocks[0].T @ shocks[0] / 80
    plain = multivariate_normal([0, 0], constant).logpdf(shocks[0]).sum()
    best = -np.inf
    for decay in (0.6, 0.8, 0.9, 0.95, 0.98):
        for share in (0.25, 0.5, 0.75, 0.95):
            running, path = 1.0, []
            for t in range(80):
                path.append(max(1 - share + share * running, 0.01))
                running = decay * running + (1 - decay) * squares[0, t]
            scaled = shocks[0] / np.sqrt(path)[:, None]
            tied = scaled.T @ scaled / 80
            law = [multivariate_normal([0, 0], size * tied) for size in path]
            value = sum(part.logpdf(shock) for part, shock in zip(law, shocks[0], strict=True))
            if value > best:
                best, chosen = value, path
    assert gain[0] == pytest.approx(best - plain, abs=1e-4)
    np.testing.assert_allclose(variance[0], chosen, atol=1e-10)


def test_copula_is_a_density_whatever_the_spread_of_the_scores():
    rng = np.random.default_rng(2)
    scores = rng.multivariate_normal([0, 0], [[1.0, 0.5], [0.5, 1.0]], size=60) * [0.9, 1.2]
    correlation = (scores.T @ scores) / np.sqrt(np.outer((scores**2).sum(axis=0), (scores**2).sum(axis=0)))
    joint = multivariate_normal([0, 0], correlation).logpdf(scores).sum()
    assert copula_gain(scores[None])[0] == pytest.approx(joint - norm.logpdf(scores).sum(), abs=1e-4)


@pytest.mark.parametrize("own", [False, True])
def test_volatility_is_described(own):
    gain = changing_variance_gain(
        *regression(volatile(12, 200, 3, 0.9, own=own)), floor=np.full((12, 2), 1e-3), shapes=False
    )
    assert np.median(gain) > 20


def test_one_variance_gains_little():
    rng = np.random.default_rng(4)
    gain = changing_variance_gain(*regression(rng.standard_normal((40, 200, 2))), floor=np.full((40, 2), 1e-3))
    assert np.median(gain) < 0.5
    assert (gain > 4).mean() < 0.1


def test_identical_answers_leave_numbers():
    rng = np.random.default_rng(5)
    shocks = rng.standard_normal((2, 120, 2)).round()
    shocks[0, 30:100] = 0.0
    shocks[1, :, 1] = shocks[1, :, 0]
    assert np.isfinite(changing_variance_gain(*regression(shocks), floor=np.full((2, 2), 0.02))).all()


def switching_data(y, missing=0.15, seed=6):
    observed = np.random.default_rng(seed).random(y.shape[1]) >= missing
    y = np.where(observed[None, :, None], y / y.std(axis=1, keepdims=True), 0.0)
    return SwitchingData(y, observed, np.zeros(y.shape[1], dtype=bool), np.zeros((*y.shape[:2], 0)), 0.01)


def test_each_description_wins_where_it_is_true():
    rng = np.random.default_rng(7)
    humps = np.where(rng.random((6, 200, 1)) < 0.5, 2.5, -2.5) + rng.standard_normal((6, 200, 2)) * [1.0, 0.8]
    fit = reference_fit(switching_data(humps))
    assert (fit.humps > fit.constant_variance + 30).all()
    np.testing.assert_allclose(fit.log_likelihood, fit.humps)
    np.testing.assert_allclose(fit.humps, humps_log_likelihood(switching_data(humps)))
    swings = reference_fit(switching_data(volatile(6, 200, 8, 0.9)))
    assert np.median(swings.changing_variance - swings.constant_variance) > 2
    without = reference_fit(switching_data(humps), variances=False, humps=False)
    np.testing.assert_allclose(without.log_likelihood, fit.constant_variance)


def test_humps_that_phases_found_are_known_to_the_reference():
    # Answers at both ends of a scale, one of them narrow: clusterings alone miss the better description now and then.
    rng = np.random.default_rng(11)
    state = rng.random((40, 80, 1)) < 0.4
    y = np.where(state, 1.6, -1.0) + rng.standard_normal((40, 80, 2)) * np.array([0.35, 1.0])
    data = switching_data(np.clip(y, -1.2, 1.7))
    known = {2: np.concatenate([~state, state], axis=2).astype(float)}
    alone, told = humps_log_likelihood(data), humps_log_likelihood(data, known)
    assert (told >= alone - 0.05).all()
    fit = reference_fit(data, known, shapes=False, variances=False)
    np.testing.assert_allclose(fit.humps, told)
