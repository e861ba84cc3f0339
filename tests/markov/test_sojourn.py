import itertools

import numpy as np
import pytest
from scipy.stats import gamma, multivariate_normal

from reldyn.markov.regimes._sojourn import (
    BOUNDARY,
    DISPERSIONS,
    MEANS,
    N_AGES,
    fit_sojourns,
    sojourn_log_likelihood,
    sojourn_start,
    sojourn_tables,
)
from reldyn.markov.regimes._switching import MemoryPrior, SwitchingData

T, C, K = 6, 2, 2


def test_tabulated_sojourns_are_gamma_rounded_up():
    tables = sojourn_tables()
    mean, cv = MEANS[20], DISPERSIONS[BOUNDARY]
    middle, variance = mean - 0.5, (cv * mean) ** 2 - 1 / 12
    law = gamma(middle**2 / variance, scale=variance / middle)
    survival = np.cumprod(1 - tables.hazard[BOUNDARY, 20])
    ages = np.arange(1, N_AGES + 1)
    usual = law.sf(ages) > 1e-4
    np.testing.assert_allclose(survival[usual], law.sf(ages)[usual], rtol=2e-2)
    np.testing.assert_allclose(tables.start.sum(axis=2), 1.0)


def test_sojourns_have_the_mean_and_dispersion_asked_for():
    hazard = sojourn_tables().hazard[BOUNDARY, 22]
    length = np.arange(1, N_AGES + 1)
    probability = hazard * np.concatenate([[1.0], np.cumprod(1 - hazard[:-1])])
    mean = (probability * length).sum() / probability.sum()
    deviation = np.sqrt((probability * (length - mean) ** 2).sum() / probability.sum())
    assert mean == pytest.approx(MEANS[22], rel=0.02)
    assert deviation / mean == pytest.approx(0.40, abs=0.02)


def tiny(missing=()):
    rng = np.random.default_rng(3)
    observed = np.ones(T, dtype=bool)
    observed[list(missing)] = False
    y = np.where(observed[None, :, None], rng.standard_normal((1, T, C)), 0.0)
    night = np.array([False, False, True, False, True, False])
    data = SwitchingData(y, observed, night, rng.standard_normal((1, T, 1)))
    coefficients = rng.normal(0, 0.5, (1, K + 2 * C + 1, C))
    root = rng.normal(0, 0.3, (C, C)) + np.eye(C)
    return data, coefficients, (root @ root.T)[None]


def by_enumeration(data, coefficients, covariance, index, dispersion):
    """Sum over all paths of phase and age, the age at the start included."""
    tables = sojourn_tables()
    hazard, start = tables.hazard[dispersion][index], tables.start[dispersion][index]
    y, c = data.y[0], coefficients[0]
    means, filled, bases = c[:K], y.copy(), []

    def total(until):
        sums = np.zeros(K)
        for path in itertools.product(range(K), repeat=until + 1):
            density = 1.0
            for t, state in enumerate(path):
                if data.observed[t]:
                    density *= multivariate_normal.pdf(y[t], bases[t] + means[state], covariance[0])
            prior = 0.0
            for first in range(N_AGES):
                value, age = start[path[0], first] / K, first
                for t in range(1, until + 1):
                    if path[t] == path[t - 1]:
                        value *= 1 - hazard[path[t - 1], age]
                        age = min(age + 1, N_AGES - 1)
                    else:
                        value *= hazard[path[t - 1], age]
                        age = 0
                prior += value
            sums[path[-1]] += prior * density
        return sums

    for t in range(T):
        base = data.x[0, t] @ c[K + 2 * C :]
        if t > 0:
            base = base + filled[t - 1] @ (c[K + C : K + 2 * C] if data.night[t] else c[K : K + C])
        bases.append(base)
        if not data.observed[t]:
            weights = total(t)
            filled[t] = base + weights / weights.sum() @ means
    return np.log(total(T - 1).sum())


@pytest.mark.parametrize("missing", [(), (2,), (1, 4)])
def test_likelihood_is_the_sum_over_all_paths_and_ages(missing):
    data, coefficients, covariance = tiny(missing)
    index, moves = np.array([[3, 12]]), np.array([[[0.0, 1.0], [1.0, 0.0]]])
    value = sojourn_log_likelihood(data, coefficients, covariance, index, moves, 1)[0]
    assert value == pytest.approx(by_enumeration(data, coefficients, covariance, index[0], 1), abs=1e-10)


def many(n=3, n_occasions=80, states=3, missing=0.2):
    rng = np.random.default_rng(8)
    observed = rng.random(n_occasions) >= missing
    night = np.arange(n_occasions) % 4 == 0
    night[0] = False
    y = np.where(observed[None, :, None], rng.standard_normal((n, n_occasions, C)), 0.0)
    data = SwitchingData(y, observed, night, rng.standard_normal((n, n_occasions, 2)))
    posterior = rng.dirichlet(np.ones(states), (n, n_occasions))
    return data, sojourn_start(data, posterior, np.full((n, states), 5.0), np.ones((n, states, states)))


def test_a_batch_gives_what_its_series_give_one_by_one():
    data, start = many()
    whole = fit_sojourns(data, start, 2, n_iterations=6, kernels="numpy")
    for k in range(3):
        index = np.array([k])
        alone = fit_sojourns(data.take(index), start.take(index), 2, n_iterations=6, kernels="numpy")
        assert alone.log_likelihood[0] == pytest.approx(whole.log_likelihood[k], abs=1e-10)


MEMORY = MemoryPrior(mean=0.2, occasions=20.0)


@pytest.mark.parametrize("states", [2, 3])
@pytest.mark.parametrize("memory", [None, MEMORY])
def test_numba_equals_numpy(states, memory):
    pytest.importorskip("numba")
    data, start = many(states=states)
    first = fit_sojourns(data, start, 1, n_iterations=6, memory=memory, kernels="numpy")
    second = fit_sojourns(data, start, 1, n_iterations=6, memory=memory, kernels="numba")
    for name in ("log_likelihood", "coefficients", "posterior", "filled", "mean_index", "moves", "expected_moves"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), atol=1e-10, err_msg=name)


def test_memory_leans_on_its_prior_and_the_penalised_likelihood_never_falls():
    data, start = many(states=K, missing=0.0)
    lags = MEMORY.lags(C)
    assert lags.shape == (2 * C, C)
    free, leaning = (fit_sojourns(data, start, 2, n_iterations=30, memory=memory) for memory in (None, MEMORY))
    away = [np.abs(fit.coefficients[:, K : K + 2 * C] - lags).sum() for fit in (free, leaning)]
    assert away[1] < 0.8 * away[0]
    held = fit_sojourns(data, start, 2, n_iterations=30, memory=MemoryPrior(0.2, 1e6))
    np.testing.assert_allclose(held.coefficients[:, K : K + 2 * C], np.broadcast_to(lags, (3, 2 * C, C)), atol=1e-3)
    steps = [fit_sojourns(data, start, 2, n_iterations=k, memory=MEMORY) for k in range(1, 13)]
    values = [fit.log_likelihood + MEMORY.log_density(fit.coefficients, fit.covariance, K) for fit in steps]
    # Each value is that of the emission before the last update of sojourns, as that of the likelihood is.
    assert (np.diff(values, axis=0) > -1e-8).all()


def planted(sojourns):
    rng = np.random.default_rng(9)
    state = np.repeat(np.arange(len(sojourns)) % 2, sojourns)[:600]
    y = np.where(state[:, None] == 1, [2.0, 1.0], [-2.0, -1.0]) + 0.7 * rng.standard_normal((600, 2))
    data = SwitchingData(y[None], np.ones(600, dtype=bool), np.zeros(600, dtype=bool), np.zeros((1, 600, 0)))
    posterior = np.where((y[:, :1] > 0) == np.array([False, True]), 0.9, 0.1)[None]
    return data, sojourn_start(data, posterior, np.full((1, 2), 6.0), np.ones((1, 2, 2)))


def test_strict_sojourns_prefer_the_strict_law_and_geometric_ones_the_loose_law():
    strict = planted(np.full(100, 8))
    loose = planted(np.random.default_rng(1).geometric(1 / 8, 200))
    values = {
        name: [fit_sojourns(*case, c, n_iterations=15).log_likelihood[0] for c in range(5)]
        for name, case in (("strict", strict), ("loose", loose))
    }
    assert int(np.argmax(values["strict"])) == 0
    assert int(np.argmax(values["loose"])) == 4
    assert fit_sojourns(*strict, 0, n_iterations=15).dwell_means[0] == pytest.approx([8, 8], rel=0.05)


def separated(seed, states, gap):
    """Phases far apart whose sojourns last one to thirty occasions: what a strict law all but rules out."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 31, 30)
    order = np.arange(len(lengths)) % states if seed % 2 else rng.integers(states, size=len(lengths))
    state = np.repeat(order, lengths)[:120]
    y = gap * np.column_stack([state, (state + 1) % states]) + rng.standard_normal((120, 2)) * 0.1
    y = (y - y.mean(axis=0)) / y.std(axis=0)
    observed = rng.random(120) > (0.15 if seed % 3 == 0 else 0.0)
    night = np.arange(120) % 4 == 0
    night[0] = False
    data = SwitchingData(np.where(observed[None, :, None], y, 0.0), observed, night, np.zeros((1, 120, 0)))
    posterior = np.where(np.arange(states) == state[:, None], 0.98, 0.02 / (states - 1))[None]
    return data, sojourn_start(data, posterior, np.full((1, states), 8.0), np.ones((1, states, states)))


@pytest.mark.parametrize("states", [2, 3])
@pytest.mark.parametrize("gap", [1.0, 50.0])
@pytest.mark.parametrize("dispersion", [0, 1])
def test_phases_far_apart_leave_numbers_and_both_kernels_the_same(states, gap, dispersion):
    pytest.importorskip("numba")
    for seed in range(6):
        data, start = separated(seed, states, gap)
        first = fit_sojourns(data, start, dispersion, n_iterations=5, kernels="numpy")
        second = fit_sojourns(data, start, dispersion, n_iterations=5, kernels="numba")
        for name in ("log_likelihood", "coefficients", "covariance", "posterior", "mean_index", "expected_moves"):
            numpy, numba = getattr(first, name), getattr(second, name)
            assert np.isfinite(numpy).all(), (seed, name)
            np.testing.assert_allclose(numba, numpy, rtol=1e-7, atol=1e-7, err_msg=f"{seed} {name}")
        assert (second.posterior >= 0).all()


def test_a_series_stops_once_its_likelihood_changes_by_less():
    data, start = many()
    for kernels in ("numpy", None):
        values = [fit_sojourns(data, start, 2, n_iterations=k, kernels=kernels).log_likelihood for k in range(1, 13)]
        stopped = fit_sojourns(data, start, 2, n_iterations=12, tolerance=0.5, kernels=kernels)
        small = np.abs(np.diff(values, axis=0)) < 0.5
        last = np.where(small.any(axis=0), small.argmax(axis=0) + 1, 11)
        np.testing.assert_allclose(stopped.log_likelihood, np.array(values)[last, np.arange(3)], atol=1e-9)
