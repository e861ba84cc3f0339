"""What a statistic of synchrony is compared with: surrogates that have one and surrogates that have none."""

import numpy as np
import pytest

from reldyn.coupling.synchrony._synchrony import DyadSynchrony, pool, surrogate_test


def test_a_surrogate_without_a_statistic_counts_as_at_least_as_large():
    found = surrogate_test(1.5, np.array([0.0, 1.0, 2.0, np.nan]))
    assert found.p_value == 3 / 5
    assert (found.mean, found.sd) == pytest.approx((1.0, 1.0))
    assert surrogate_test(1.5, np.full(3, np.nan)).p_value == 1.0


def test_ties_count_whatever_the_unit():
    for size in (1e-15, 1.0, 1e12):
        assert surrogate_test(0.3 * size, np.array([0.1 + 0.2, 0.1, 0.2]) * size).p_value == 0.5


def test_without_surrogates_only_the_estimate_is_known():
    found = surrogate_test(1.0, np.empty(0))
    assert found.estimate == 1.0 and np.isnan(found.p_value)


def test_the_sample_compares_means_of_worlds():
    worlds = np.array([[0.0, 3.0, 1.0, 0.5], [1.0, 2.0, 0.0, 0.5]])
    answers = [
        DyadSynchrony(np.zeros(1), np.zeros(1), np.zeros(1), surrogate_test(value, row), 4, "", row, np.zeros((4, 1)))
        for value, row in zip([2.0, 1.0], worlds, strict=True)
    ]
    found = pool(answers, 1)
    assert (found.test.estimate, found.n_tested) == (1.5, 2)
    assert found.test.p_value == (1 + (worlds.mean(axis=0) >= 1.5).sum()) / 5
