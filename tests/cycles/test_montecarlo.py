import numpy as np
import pytest

import reldyn as rd
from reldyn.cycles.ladder._montecarlo import surrogate_test
from reldyn.stats import _montecarlo


def normal(generators):
    return np.array([rng.standard_normal() for rng in generators])


def test_p_is_one_plus_exceedances_over_one_plus_surrogates():
    seed = np.random.SeedSequence(3)
    result = surrogate_test(1.0, normal, n_surrogates=99, seed=seed, stop_after=None)
    assert result.p_value == (1 + np.sum(result.statistics >= 1.0)) / 100
    assert result.n_surrogates == 99 and not result.stopped


def test_sequential_stopping_gives_h_over_n_of_the_same_stream():
    seed = np.random.SeedSequence(3)
    whole = surrogate_test(0.3, normal, n_surrogates=199, seed=seed, stop_after=None).statistics
    stopped = surrogate_test(0.3, normal, n_surrogates=199, seed=seed)
    n = int(np.flatnonzero(np.cumsum(whole >= 0.3) == 10)[0]) + 1
    assert stopped.n_surrogates == n
    assert stopped.p_value == 10 / n
    np.testing.assert_array_equal(stopped.statistics, whole[:n])


def test_the_size_of_the_batches_changes_nothing(monkeypatch):
    seed = np.random.SeedSequence(8)
    first = surrogate_test(1.2, normal, n_surrogates=150, seed=seed)
    monkeypatch.setattr(_montecarlo, "_FIRST_BATCH", 7)
    monkeypatch.setattr(_montecarlo, "_LARGEST_BATCH", 7)
    second = surrogate_test(1.2, normal, n_surrogates=150, seed=seed)
    assert first.p_value == second.p_value
    np.testing.assert_array_equal(first.statistics, second.statistics)


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2])
def test_the_test_keeps_its_size_with_and_without_stopping(alpha):
    rng = np.random.default_rng(5)
    seeds = [np.random.SeedSequence([7, k]) for k in range(800)]
    p = np.array([surrogate_test(rng.standard_normal(), normal, n_surrogates=99, seed=s).p_value for s in seeds])
    assert np.mean(p <= alpha) <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / 800)
    assert np.mean(p <= alpha) >= alpha - 3 * np.sqrt(alpha * (1 - alpha) / 800)
    assert p.min() >= 0.01


def test_a_statistic_that_is_no_number_counts_as_exceeding_and_is_counted():
    def every_fourth(generators):
        return np.array([np.nan if rng.random() < 0.25 else 0.0 for rng in generators])

    seed = np.random.SeedSequence(3)
    result = surrogate_test(1.0, every_fourth, n_surrogates=99, seed=seed, stop_after=None)
    assert result.n_failed == np.isnan(result.statistics).sum() > 10
    assert result.p_value == (1 + result.n_failed) / 100
    assert result.finite.tolist() == [0.0] * (99 - result.n_failed)


def test_a_surrogate_that_cannot_be_computed_fails_alone():
    def breaks(generators):
        values = np.array([rng.standard_normal() for rng in generators])
        if (values > 1.5).any():
            raise np.linalg.LinAlgError("Matrix is not positive definite")
        return np.column_stack([values, values])

    seed = np.random.SeedSequence(3)
    usual = surrogate_test(9.0, normal, n_surrogates=99, seed=seed)
    result = surrogate_test(9.0, breaks, n_surrogates=99, seed=seed, columns=2)
    assert result.n_failed == (usual.statistics > 1.5).sum() > 2
    kept = usual.statistics[usual.statistics <= 1.5]
    np.testing.assert_array_equal(result.finite, np.column_stack([kept, kept]))


def test_surrogates_that_all_break_down_leave_a_table_and_no_claim():
    def breaks(generators):
        raise ZeroDivisionError("division by zero")

    result = surrogate_test(9.0, breaks, n_surrogates=99, seed=np.random.SeedSequence(3), at_least=59, columns=2)
    assert (result.p_value, result.n_failed, result.statistics.shape) == (1.0, 10, (59, 2))
    assert result.finite.shape == (0, 2)


def test_only_failures_behind_the_p_value_are_counted():
    def late(generators):
        return np.array([np.nan if rng.random() < 0.1 else 2.0 for rng in generators])

    result = surrogate_test(1.0, late, n_surrogates=99, seed=np.random.SeedSequence(3), at_least=60)
    assert result.n_surrogates == 10 and result.p_value == 1.0
    assert result.n_failed <= np.isnan(result.statistics[:10]).sum() < np.isnan(result.statistics).sum()


@pytest.mark.parametrize("observed", [np.nan, np.inf, -np.inf])
def test_data_without_a_statistic_are_not_tested(observed):
    with pytest.raises(rd.DataError, match="the statistic of these answers is no finite number"):
        surrogate_test(observed, normal, n_surrogates=99, seed=np.random.SeedSequence(3))


def test_errors_of_a_program_are_not_taken_for_failed_surrogates():
    def wrong(generators):
        raise TypeError("no such argument")

    with pytest.raises(TypeError):
        surrogate_test(1.0, wrong, n_surrogates=99, seed=np.random.SeedSequence(3))
