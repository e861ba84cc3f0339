import dataclasses

import numpy as np
import pytest

from reldyn.cycles.ladder._directed import assess_directed
from reldyn.cycles.ladder._direction import DirectionFits, direction_seed
from reldyn.cycles.ladder._irregular import assess_irregular
from reldyn.cycles.ladder._periodic import assess_periodic
from reldyn.cycles.ladder._regimes import assess_regimes, fit_phases
from reldyn.cycles.ladder._sojourns import boundary_drop, calibrated_drop, profile, signed_ratio
from reldyn.cycles.ladder._starts import best_period, cluster, period_grid, residuals, step_template
from reldyn.cycles.series._nuisance import base_design, prepare
from reldyn.cycles.series._series import DirectionSeries
from reldyn.errors import DataError
from reldyn.simulate._series import SeriesDesign, simulate_series


def direction(kind, n_occasions, seed=0, **arguments):
    batch = simulate_series(SeriesDesign(kind, n_occasions, **arguments), [np.random.default_rng([3, seed])])
    grid = batch.grid
    series = DirectionSeries.from_arrays(batch.values[0], day=grid.day, beep=grid.beep, weekend=(grid.day - 1) % 7 >= 5)
    return series, batch


def fits_of(series, seed=1):
    return DirectionFits(series, direction_seed(seed, series))


def of_series(assess):
    def test(series, *, seed, **options):
        return assess(fits_of(series, seed), **options)

    return test


regimes, irregular, directed, periodic = map(
    of_series, (assess_regimes, assess_irregular, assess_directed, assess_periodic)
)


def same(first, second):
    for field in dataclasses.fields(first):
        one, other = getattr(first, field.name), getattr(second, field.name)
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, other)
        elif field.name == "drawn":
            assert one.keys() == other.keys()
            for name in one:
                np.testing.assert_array_equal(one[name], other[name])
        else:
            assert one == other or (one != one and other != other), field.name


@pytest.mark.parametrize("test", [regimes, irregular, directed, periodic])
def test_one_seed_one_result_and_p_is_never_zero(test):
    series, _ = direction("cycle", 72)
    first, second = (test(series, n_surrogates=9, seed=4) for _ in range(2))
    same(first, second)
    assert 1 / 10 <= first.p_value <= 1
    assert first.conf_low <= first.estimate <= first.conf_high


def test_a_strong_cycle_climbs_the_ladder():
    series, batch = direction("cycle", 240, seed=1, effect=2.5)
    assert regimes(series, n_surrogates=19, seed=1).p_value == 0.05
    timing = irregular(series, n_surrogates=19, seed=1)
    assert timing.p_value == 0.05
    assert timing.conf_low > 0.4
    assert directed(series, n_surrogates=19, seed=1).p_value <= 0.1
    fitted = fit_phases(fits_of(series), n_starts=5)
    # Planted: fusion (warm), rupture (cold), pursuit between; the fit orders from cold to warm.
    truth = np.array([2, 0, 1])[batch.phase[0]]
    assert np.mean(fitted.posterior.argmax(axis=1) == truth) > 0.85
    assert np.all(np.diff(fitted.means[:, 0]) > 0)
    assert fitted.n_cycles == pytest.approx(240 / 16, rel=0.5)
    np.testing.assert_allclose(fitted.posterior.sum(axis=1), 1.0)


def test_a_clock_is_a_rhythm_and_not_irregular():
    series, _ = direction("rhythm", 200, effect=2.0)
    timing = irregular(series, n_surrogates=59, seed=1)
    assert timing.p_value > 0.3
    assert timing.conf_high < 0.4
    found = periodic(series, n_surrogates=19, seed=1)
    assert found.p_value == 0.05
    assert found.estimate == pytest.approx(16, abs=0.5)


def test_linear_series_rarely_show_regimes():
    p_values = [regimes(direction("linear", 72, seed=k)[0], n_surrogates=19, seed=k).p_value for k in range(8)]
    # Under the null each falls to .05 in one of twenty: four of eight would be a wonder (p = .0004).
    assert sum(p <= 0.05 for p in p_values) < 4
    assert max(p_values) > 0.3


def test_a_few_large_shocks_are_no_phases():
    for seed in range(2):
        found = regimes(direction("skewed_shocks", 160, seed=seed)[0], n_surrogates=19, seed=seed)
        assert found.p_value > 0.05
        # The best linear description leaves phases nothing to explain.
        assert found.statistic < 0
        assert found.detail["shortest_dwell"] >= 3 - 1e-9


def test_two_phases_are_tested_as_two():
    chosen = [
        irregular(direction("alternation", 160, seed=k, effect=2.0)[0], n_surrogates=1, seed=k).detail["n_states"]
        for k in range(2)
    ]
    assert chosen == [2, 2]
    assert irregular(direction("cycle", 160, effect=2.0)[0], n_surrogates=1, seed=1).detail["n_states"] == 3


def test_missing_occasions_and_one_channel_are_fine():
    series, _ = direction("cycle", 120, missing=0.3, missing_pattern="bursts")
    single = dataclasses.replace(series, y=series.y[:, :1])
    for each in (series, single):
        assert 0 < regimes(each, n_surrogates=9, seed=1).p_value <= 1
        assert 0 < irregular(each, n_surrogates=9, seed=1).p_value <= 1


def test_a_lasting_change_of_level_is_found_in_its_place():
    hits = 0
    for seed in range(6):
        series, batch = direction("level_shift", 200, seed=seed, effect=2.0)
        found = prepare(series.y[None], series).breaks[0]
        hits += int(np.any(np.abs(found - batch.shift[0]) <= 8))
    assert hits >= 5
    linear = [
        prepare(direction("linear", 200, seed=k)[0].y[None], direction("linear", 200, seed=k)[0]) for k in range(8)
    ]
    assert sum(int((item.breaks >= 0).sum()) for item in linear) <= 2


def test_designs_are_centred_and_have_no_idle_columns():
    series, _ = direction("linear", 60)
    design = base_design(series)
    assert design.shape == (60, 5)
    np.testing.assert_allclose(design.mean(axis=0), 0, atol=1e-12)
    no_weekend = dataclasses.replace(series, weekend=np.zeros(60, dtype=bool))
    assert base_design(no_weekend).shape == (60, 4)


def test_the_period_search_finds_real_periods():
    series, _ = direction("drifting_rhythm", 300, effect=2.0)
    period, gain = best_period(prepare(series.y[None], series).data)
    assert period[0] == pytest.approx(16.4, abs=0.25)
    assert gain[0] > 40
    grid = period_grid(300)
    assert grid.min() == pytest.approx(6) and grid.max() == pytest.approx(100)


def test_the_step_template_recovers_the_steps():
    steps = np.tile(np.repeat([0, 1, 2], [7, 5, 4]), 20)
    values = np.array([[1.0, 0.1], [-1.0, -0.7], [-0.1, 0.9]])[steps][None]
    template = step_template(values, np.ones(320, dtype=bool), np.array([16.0]), 3)
    label = template.posterior[0].argmax(axis=1)
    agreement = max(np.mean((label + turn) % 3 == steps) for turn in range(3))
    assert agreement > 0.9
    assert sorted(template.dwell_means[0]) == pytest.approx([4, 5, 7], abs=1)


def test_clusters_are_those_of_the_points():
    rng = np.random.default_rng(1)
    label = rng.integers(3, size=90)
    points = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])[label] + 0.3 * rng.standard_normal((90, 2))
    found = cluster(points[None], np.ones(90, dtype=bool), 3, 0.7)[0].argmax(axis=1)
    table = np.zeros((3, 3))
    np.add.at(table, (label, found), 1)
    assert (table > 0).sum() == 3


def test_residuals_are_orthogonal_to_the_design():
    series, _ = direction("linear", 100, missing=0.2)
    data = prepare(series.y[None], series).data
    rest = residuals(data, lagged=False)[0]
    np.testing.assert_allclose(data.x[0].T @ rest, 0, atol=1e-4)


def test_profiles_give_limits_and_the_calibrated_drop_widens_them():
    values = np.array([-6.0, -1.0, 0.0, -4.0, -9.0])
    usual, wide = profile(values), profile(values, 5.0)
    assert 0.25 < usual.estimate < 0.5
    assert usual.conf_high < wide.conf_high
    assert usual.conf_low == wide.conf_low
    assert signed_ratio(values) == -4.0
    assert boundary_drop(np.array([3.0, 1.0, 0.0, -4.0, -9.0])) == 3.0
    assert boundary_drop(values) == 0.0
    drops = np.concatenate([np.zeros(35), np.full(4, 2.2)])
    assert calibrated_drop(drops) == 2.2
    assert calibrated_drop(np.zeros(39)) == 1.35


@pytest.mark.parametrize("case", ["constant", "equal", "burst", "every other"])
def test_poor_series_get_a_p_value_and_no_exception(case):
    series, _ = direction("cycle", 60)
    y = series.y.copy()
    if case == "constant":
        y[:, 0] = 4.0
    elif case == "equal":
        y[:, 1] = y[:, 0]
    elif case == "burst":
        y[20:55] = np.nan
    else:
        y[::2] = np.nan
    poor = dataclasses.replace(series, y=y)
    for test in (regimes, irregular, directed, periodic):
        assert 0 < test(poor, n_surrogates=3, seed=1).p_value <= 1


def test_too_few_answers_are_refused_in_one_sentence():
    series, _ = direction("cycle", 60)
    y = series.y.copy()
    y[15:] = np.nan
    with pytest.raises(DataError) as caught:
        regimes(dataclasses.replace(series, y=y), n_surrogates=3, seed=1)
    assert str(caught.value) == "15 answered occasions cannot carry a test of phases: it takes at least 20."
