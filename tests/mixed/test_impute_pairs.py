"""Imputation of pairs of series: what it keeps, and how its draws vary."""

import numpy as np
import pytest

from reldyn.mixed import impute_pairs


def correlated(seed, n_dyads=200, n_occasions=5):
    """One variable of two members: between .5 with correlation .4, within 1 with correlation .6."""
    generator = np.random.default_rng(seed)
    level = generator.multivariate_normal([1, -1], [[0.5, 0.2], [0.2, 0.5]], n_dyads)
    values = level[:, None, :] + generator.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], (n_dyads, n_occasions))
    return values.reshape(-1, 2), np.repeat(np.arange(n_dyads), n_occasions), generator


@pytest.mark.parametrize("exchangeable", [False, True])
def test_observed_values_stay_and_missing_ones_vary_as_they_should(exchangeable):
    values, dyad, generator = correlated(1)
    if exchangeable:
        values = values - np.array([1, -1])
    holes = values.copy()
    holes[generator.random(len(values)) < 0.4, 0] = np.nan
    missing = np.isnan(holes)
    completed = list(
        impute_pairs(holes, dyad, exchangeable=exchangeable, n_imputations=10, generator=np.random.default_rng(2))
    )
    truth = values[:, 0][missing[:, 0]]
    for copy in completed:
        assert np.array_equal(copy[~missing], holes[~missing])
    drawn = np.array([copy[:, 0][missing[:, 0]] for copy in completed])
    # The draws spread around what partner and dyad say as the truth does: same mean, same variance, same relation.
    assert drawn.mean() == pytest.approx(truth.mean(), abs=0.12)
    assert drawn.std() == pytest.approx(truth.std(), rel=0.08)
    partner = values[:, 1][missing[:, 0]]
    relation = np.mean([np.corrcoef(row, partner)[0, 1] for row in drawn])
    assert relation == pytest.approx(np.corrcoef(truth, partner)[0, 1], abs=0.07)
    # They predict the truth better than the mean does.
    assert np.corrcoef(drawn.mean(axis=0), truth)[0, 1] > 0.5


def test_one_seed_gives_one_set_of_imputations():
    values, dyad, generator = correlated(3, n_dyads=30)
    values[generator.random(values.shape) < 0.3] = np.nan
    one, two = (
        list(impute_pairs(values, dyad, exchangeable=False, n_imputations=2, generator=np.random.default_rng(4)))
        for _ in range(2)
    )
    assert np.array_equal(one[0], two[0])
    assert not np.array_equal(one[0], one[1])
