"""Monte Carlo p-values by counting, their ties and failures, and sequential stopping by replay."""

import numpy as np
import pytest
from scipy import stats

from reldyn.errors import DesignError
from reldyn.stats import _montecarlo as room
from reldyn.stats import bootstrap_p, child_generator, decision_limits, exceeds, monte_carlo, monte_carlo_p

SEED = np.random.SeedSequence(20261129)


def normal(generators):
    return np.array([rng.standard_normal() for rng in generators])


def whole(n):
    return np.array([child_generator(SEED, index).standard_normal() for index in range(n)])


def test_p_is_counted():
    rng = np.random.default_rng(1)
    null, observed = rng.integers(0, 5, (99, 3)).astype(float), np.array([0.0, 3.0, 7.0])
    found = monte_carlo_p(observed, null)
    for k in range(3):
        assert found.p_value[k] == (1 + sum(value >= observed[k] for value in null[:, k])) / 100
    assert found.p_value.tolist()[::2] == [1.0, 0.01]
    assert float(monte_carlo_p(3.0, null[:, 1])) == found.p_value[1]


@pytest.mark.parametrize("size", [2.0**-40, 1.0, 2.0**40])
def test_ties_up_to_rounding_count_in_any_unit(size):
    observed, again = size * (0.1 + 0.2 + 0.3), size * (0.3 + 0.2 + 0.1)
    assert observed != again
    null = np.array([again, again * (1 - 1e-7), observed * 2])
    assert float(monte_carlo_p(observed, null)) == 3 / 4
    # And the other way round, for small values that speak against the null.
    assert float(monte_carlo_p(-observed, -null)) == 3 / 4
    assert float(monte_carlo_p(again, np.array([observed]))) == float(monte_carlo_p(observed, np.array([again]))) == 1


def test_a_statistic_of_zero_ties_with_the_rounding_of_others():
    null = np.array([-3e-17, 0.5, -0.5, 0.2, 0.7])
    assert float(monte_carlo_p(0.0, null)) == 5 / 6
    assert exceeds([-3e-17], 0.0).tolist() == [False]
    assert exceeds([-3e-17], 0.0, scale=0.5).tolist() == [True]


def test_one_enormous_surrogate_does_not_widen_what_counts_as_a_tie():
    assert float(monte_carlo_p(1.0, np.array([0.9, 0.99, 0.999, 1e12]))) == 2 / 5


@pytest.mark.parametrize("failed", [np.nan, np.inf, -np.inf])
def test_a_surrogate_without_a_finite_statistic_counts_as_extreme(failed):
    found = monte_carlo_p(1.0, [0.0, failed, 0.5])
    assert (found.p_value[0], found.exceedances[0], found.n_failed[0]) == (0.5, 1, 1)


@pytest.mark.parametrize("observed", [np.nan, np.inf, -np.inf])
def test_an_observed_statistic_that_is_not_finite_has_no_p_value(observed):
    assert np.isnan(float(monte_carlo_p(observed, [0.0, 1.0])))
    run = monte_carlo(observed, normal, n_surrogates=19, seed=SEED)
    assert np.isnan(run.p_value)
    assert (run.n_surrogates, run.exceedances, len(run.statistics), run.stopped) == (0, 0, 0, False)
    kept = monte_carlo(observed, normal, n_surrogates=19, seed=SEED, at_least=15)
    np.testing.assert_array_equal(kept.statistics, whole(15))


def test_without_surrogates_there_is_no_p_value():
    found = monte_carlo_p([1.0, 2.0], np.empty((0, 2)))
    assert np.isnan(found.p_value).all()
    assert found.n_surrogates == 0
    assert np.isnan(bootstrap_p(np.empty((0, 2)))).all()


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(DesignError, match="give one row per surrogate and one column per observed statistic"):
        monte_carlo_p([1.0, 2.0], np.zeros((5, 3)))


def test_bootstrap_p_is_twice_the_smaller_side_with_failures_on_both():
    rng = np.random.default_rng(3)
    drawn = rng.standard_normal((999, 2)) + np.array([1.5, 0.0])
    expected = [(1 + 2 * min((column <= 0).sum(), (column >= 0).sum())) / 1000 for column in drawn.T]
    assert bootstrap_p(drawn) == pytest.approx(np.minimum(1, expected))
    drawn[:5, 0] = np.nan
    finite = drawn[5:, 0]
    below = int((finite <= 0).sum())
    assert bootstrap_p(drawn[:, 0])[0] == pytest.approx((1 + 2 * (below + 5)) / 1000)
    assert bootstrap_p(drawn[5:, 0] + 2, null=2.0)[0] == pytest.approx((1 + 2 * below) / 995)


def brute_force(observed, values, n_surrogates, stop_after):
    count = 0
    for used, value in enumerate(values, start=1):
        count += value >= observed
        if stop_after is not None and count == stop_after and used < n_surrogates:
            return count / used, used, True
    return (1 + count) / (n_surrogates + 1), n_surrogates, False


@pytest.mark.parametrize("stop_after", [None, 3, 10])
@pytest.mark.parametrize("observed", [-0.5, 0.7, 1.5, 4.0])
def test_stopping_gives_h_over_n_of_the_whole_stream(observed, stop_after):
    for n in (5, 12, 13, 99):
        for at_least in (0, 20, 99):
            run = monte_carlo(
                observed, normal, n_surrogates=n, seed=SEED, stop_after=stop_after, at_least=min(at_least, n)
            )
            p_value, used, stopped = brute_force(observed, whole(n), n, stop_after)
            assert (run.p_value, run.n_surrogates, run.stopped) == (p_value, used, stopped)
            keep = max(used, min(at_least, n)) if stopped else n
            np.testing.assert_array_equal(run.statistics, whole(keep))


def test_batches_change_nothing_and_only_the_first_column_is_compared(monkeypatch):
    def two(generators):
        return np.array([[rng.standard_normal(), 100.0] for rng in generators])

    first = monte_carlo(1.0, two, n_surrogates=99, seed=SEED)
    monkeypatch.setattr(room, "_FIRST_BATCH", 1)
    monkeypatch.setattr(room, "_LARGEST_BATCH", 7)
    second = monte_carlo(1.0, two, n_surrogates=99, seed=SEED)
    assert (first.p_value, first.n_surrogates) == (second.p_value, second.n_surrogates)
    np.testing.assert_array_equal(first.statistics, second.statistics)


@pytest.mark.parametrize(("observed", "at_least", "most"), [(-9.0, 59, 59), (0.0, 0, 30), (0.0, 59, 59), (9.0, 0, 99)])
def test_few_surrogates_are_drawn_that_no_answer_needs(observed, at_least, most):
    drawn = []

    def counted(generators):
        drawn.extend(generators)
        return normal(generators)

    run = monte_carlo(observed, counted, n_surrogates=99, seed=SEED, at_least=at_least)
    assert len(run.statistics) <= len(drawn) <= most


def test_nothing_is_drawn_for_a_statistic_that_is_not_finite():
    def never(generators):
        raise AssertionError("a surrogate was drawn")

    assert monte_carlo(np.nan, never, n_surrogates=99, seed=SEED).n_surrogates == 0


def test_failures_count_in_a_sequential_run():
    def failing(generators):
        values = normal(generators)
        return np.where(values > 1, np.nan, values)

    run = monte_carlo(1.0, failing, n_surrogates=99, seed=SEED)
    plain = monte_carlo(1.0, normal, n_surrogates=99, seed=SEED)
    assert (run.p_value, run.exceedances, run.n_surrogates) == (plain.p_value, plain.exceedances, plain.n_surrogates)
    assert run.n_failed == run.exceedances > 0
    assert plain.n_failed == 0


@pytest.mark.parametrize("error", [np.linalg.LinAlgError, ZeroDivisionError, DesignError])
def test_a_surrogate_that_breaks_down_counts_and_leaves_the_others_alone(error):
    def breaking(generators):
        values = normal(generators)
        if (values > 1.5).any():
            raise error("no number")
        return np.column_stack([values, values**2])

    run = monte_carlo(1.0, breaking, n_surrogates=60, seed=SEED, stop_after=None, columns=2)
    values = whole(60)
    assert run.n_failed == (values > 1.5).sum() > 0
    assert run.exceedances == (values >= 1.0).sum()
    assert run.statistics.shape == (60, 2)
    np.testing.assert_array_equal(run.finite[:, 0], values[values <= 1.5])


def test_other_errors_of_a_statistic_are_not_swallowed():
    def broken(generators):
        raise TypeError("a mistake in the code")

    with pytest.raises(TypeError, match="a mistake in the code"):
        monte_carlo(1.0, broken, n_surrogates=9, seed=SEED)


@pytest.mark.parametrize("stop_after", [None, 10])
def test_the_test_keeps_its_size(stop_after):
    seeds = SEED.spawn(600)
    p = [
        monte_carlo(
            child_generator(seed, 5).standard_normal(), normal, n_surrogates=39, seed=seed.spawn(1)[0],
            stop_after=stop_after,
        ).p_value
        for seed in seeds
    ]  # fmt: skip
    for alpha in (0.05, 0.1):
        assert (np.array(p) <= alpha).sum() <= stats.binom.ppf(0.999, 600, alpha)
        assert (np.array(p) <= alpha).sum() >= stats.binom.ppf(0.001, 600, alpha)


def test_a_run_goes_on_from_its_first_surrogates_as_if_it_had_never_ended():
    seed = np.random.SeedSequence(5)
    whole = monte_carlo(2.0, normal, n_surrogates=333, seed=seed, stop_after=None)
    first = monte_carlo(2.0, normal, n_surrogates=99, seed=seed, stop_after=None)
    resumed = monte_carlo(2.0, normal, n_surrogates=333, seed=seed, stop_after=None, previous=first.statistics)
    assert resumed.p_value == whole.p_value
    np.testing.assert_array_equal(resumed.statistics, whole.statistics)


def test_a_run_ends_once_its_side_of_the_level_is_clear():
    seed = np.random.SeedSequence(6)
    options = {"seed": seed, "stop_after": None, "decide_at": 0.05, "n_surrogates": 999}
    clear = monte_carlo(0.0, normal, **options)
    small = monte_carlo(9.0, normal, **options)
    near = monte_carlo(1.65, normal, **options)
    assert (clear.n_surrogates, small.n_surrogates, near.n_surrogates) == (99, 199, 999)
    assert small.p_value == 1 / 200
    assert len(small.statistics) == 199


def test_limits_of_a_decision_hold_the_p_value():
    rng = np.random.default_rng(7)
    counts = rng.binomial(199, 0.04, size=4000)
    limits = {count: decision_limits(count, 199) for count in set(counts.tolist())}
    assert np.mean([limits[count][0] <= 0.04 <= limits[count][1] for count in counts.tolist()]) > 0.9985
