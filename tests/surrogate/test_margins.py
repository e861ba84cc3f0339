import itertools

import numpy as np
import pytest

from reldyn.surrogate import Margin, cut_answers, fit_margin, unimodal_distribution


def exhaustive(counts, step=0.02):
    """Largest log-likelihood over all one-humped laws on a grid of probabilities."""
    grid = np.arange(0, 1 + step / 2, step)
    best = -np.inf
    for first in itertools.product(grid, repeat=len(counts) - 1):
        law = np.array([*first, 1 - sum(first)])
        if law[-1] < -1e-9 or not one_hump(law):
            continue
        given = counts > 0
        if (law[given] <= 0).any():
            continue
        best = max(best, float(counts[given] @ np.log(law[given])))
    return best


def one_hump(law):
    change = np.sign(np.diff(np.round(law, 9)))
    change = change[change != 0]
    return not any(a < 0 < b for a, b in itertools.pairwise(change))


@pytest.mark.parametrize("counts", [[5, 0, 6], [1, 5, 2, 7], [9, 1, 0, 4], [3, 3, 3, 3], [0, 8, 1, 2], [2, 9, 9, 1]])
def test_the_unimodal_distribution_has_the_largest_likelihood_of_all_with_one_hump(counts):
    counts = np.array(counts, dtype=float)
    law, departure = unimodal_distribution(counts)
    given = counts > 0
    found = float(counts[given] @ np.log(law[given]))
    assert law.sum() == pytest.approx(1.0)
    assert one_hump(law)
    searched = exhaustive(counts)
    assert found >= searched - 1e-9
    assert found <= searched + 0.05 * counts.sum()
    own = float(counts[given] @ np.log(counts[given] / counts.sum()))
    assert departure == pytest.approx(2 * (own - found), abs=1e-9)


@pytest.mark.parametrize("counts", [[1, 2, 3], [9, 4, 1], [1, 5, 5, 2], [7]])
def test_a_law_with_one_hump_is_its_own_closest(counts):
    law, departure = unimodal_distribution(np.array(counts, dtype=float))
    np.testing.assert_allclose(law, np.array(counts) / sum(counts))
    assert departure == pytest.approx(0.0, abs=1e-9)


def test_answers_between_those_given_count_as_never_given():
    values = np.array([1.0] * 30 + [7.0] * 30)
    found = fit_margin(values, np.arange(1.0, 8.0))
    assert found.answers.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert found.departure > 50
    undeclared = fit_margin(np.array([1.0] * 30 + [2.0] + [7.0] * 30))
    assert undeclared.answers.tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_the_own_margin_gives_back_the_shares():
    rng = np.random.default_rng(1)
    values = rng.choice([1.0, 2.0, 6.0, 7.0], p=[0.4, 0.1, 0.1, 0.4], size=200)
    own = fit_margin(values, np.arange(1.0, 8.0), unimodal=False)
    latent = rng.standard_normal((1, 40_000, 1))
    cut = cut_answers(latent, [own], np.zeros((40_000, 1)))[0, :, 0]
    for answer in (1.0, 2.0, 6.0, 7.0):
        assert (cut == answer).mean() == pytest.approx((values == answer).mean(), abs=0.01)
    assert not np.isin(cut, [3.0, 4.0, 5.0]).any()


def test_a_slider_is_judged_in_bins_and_keeps_its_answers():
    rng = np.random.default_rng(2)
    low, high = rng.normal(20, 6, 150), rng.normal(80, 6, 150)
    one, two = fit_margin(np.concatenate([low, low])), fit_margin(np.concatenate([low, high]))
    assert one.departure < 15 < 100 < two.departure
    cut = cut_answers(rng.standard_normal((1, 5000, 1)), [two], np.zeros((5000, 1)))
    middle = (cut > 40) & (cut < 60)
    assert 0.1 < middle.mean() < 0.4
    assert len(np.unique(cut)) > 100


def test_series_that_wander_keep_their_humps_where_points_are_fixed():
    margin = Margin(np.arange(1.0, 8.0), np.array([-1.5, -0.9, -0.3, 0.3, 0.9, 1.5]), 0.0)
    two_levels = np.repeat([-1.0, 1.0], 50)[None, :, None]
    assert set(cut_answers(two_levels, [margin], np.zeros((100, 1)))[0, :, 0]) == {2.0, 6.0}
    y = np.zeros((100, 1))
    y[3] = np.nan
    assert np.isnan(cut_answers(two_levels, [margin], y)[0, 3, 0])
