import numpy as np
import pytest

from reldyn.cycles import _montecarlo
from reldyn.cycles._montecarlo import monte_carlo


def normal(generators):
    return np.array([rng.standard_normal() for rng in generators])


def test_p_is_one_plus_exceedances_over_one_plus_surrogates():
    seed = np.random.SeedSequence(3)
    result = monte_carlo(1.0, normal, n_surrogates=99, seed=seed, stop_after=None)
    assert result.p_value == (1 + np.sum(result.statistics >= 1.0)) / 100
    assert result.n_surrogates == 99 and not result.stopped


def test_sequential_stopping_gives_h_over_n_of_the_same_stream():
    seed = np.random.SeedSequence(3)
    whole = monte_carlo(0.3, normal, n_surrogates=199, seed=seed, stop_after=None).statistics
    stopped = monte_carlo(0.3, normal, n_surrogates=199, seed=seed)
    n = int(np.flatnonzero(np.cumsum(whole >= 0.3) == 10)[0]) + 1
    assert stopped.n_surrogates == n
    assert stopped.p_value == 10 / n
    np.testing.assert_array_equal(stopped.statistics, whole[:n])


def test_the_size_of_the_batches_changes_nothing(monkeypatch):
    seed = np.random.SeedSequence(8)
    first = monte_carlo(1.2, normal, n_surrogates=150, seed=seed)
    monkeypatch.setattr(_montecarlo, "_FIRST_BATCH", 7)
    monkeypatch.setattr(_montecarlo, "_LARGEST_BATCH", 7)
    second = monte_carlo(1.2, normal, n_surrogates=150, seed=seed)
    assert first.p_value == second.p_value
    np.testing.assert_array_equal(first.statistics, second.statistics)


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2])
def test_the_test_keeps_its_size_with_and_without_stopping(alpha):
    rng = np.random.default_rng(5)
    seeds = [np.random.SeedSequence([7, k]) for k in range(800)]
    p = np.array([monte_carlo(rng.standard_normal(), normal, n_surrogates=99, seed=s).p_value for s in seeds])
    assert np.mean(p <= alpha) <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / 800)
    assert np.mean(p <= alpha) >= alpha - 3 * np.sqrt(alpha * (1 - alpha) / 800)
    assert p.min() >= 0.01
