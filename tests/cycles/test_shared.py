"""Phases shared between dyads: folds, guard, tests, wording, and that nothing is learned from the dyad tested."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.cycles import _detect
from reldyn.cycles.ladder._claim_tests import Setting
from reldyn.cycles.ladder._direction import DirectionFits, direction_seed
from reldyn.cycles.ladder._shared import N_FOLDS, learn
from reldyn.cycles.ladder._shared_tests import _draws, assess_shared_irregular, assess_shared_regimes, level_data
from reldyn.cycles.series._directions import CycleColumns, build_series
from reldyn.cycles.series._series import DirectionSeries
from reldyn.markov.regimes import fit_shared
from reldyn.simulate._series import SeriesDesign, simulate_series


def series_of(kind, n, seed, n_occasions=100, **arguments):
    generators = [np.random.default_rng([seed, k]) for k in range(n)]
    batch = simulate_series(SeriesDesign(kind, n_occasions, **arguments), generators)
    day = batch.grid.day
    return [DirectionSeries.from_arrays(values, day=day, beep=batch.grid.beep) for values in batch.values]


def fits_of(series, seed):
    return DirectionFits(series, direction_seed(seed, series))


pytest.importorskip("numba", reason="to learn shared phases takes minutes without compiled kernels")


@pytest.fixture(scope="module")
def sample():
    return series_of("cycle", 16, 1, effect=2.0) + series_of("linear", 8, 2)


@pytest.fixture(scope="module")
def shared(sample):
    return learn(sample, range(24), n_states=(3,), seed=np.random.SeedSequence(1))


def test_cycles_are_shared_and_every_direction_learns_them_from_others(shared):
    assert shared.used
    assert shared.gain > 20
    assert all(prior is not None and prior.n_dyads in (19, 20) for prior in shared.priors)
    assert len({id(prior.phases) for prior in shared.priors}) == N_FOLDS


def test_learned_phases_do_not_depend_on_the_dyad_that_is_tested(sample, monkeypatch):
    def in_turn(names, members, seed):
        return {name: place % N_FOLDS for place, name in enumerate(names)}

    # Folds go by the answers of all dyads: held fixed, so that only the answers of the tested dyad change.
    monkeypatch.setattr("reldyn.cycles.ladder._shared._folds", in_turn)
    changed = [series_of("floor", 1, 9)[0], *sample[1:]]
    one, two = (learn(given, range(24), n_states=(3,), seed=np.random.SeedSequence(1)) for given in (sample, changed))
    np.testing.assert_array_equal(two.priors[0].phases.shape, one.priors[0].phases.shape)
    other = next(place for place in range(24) if one.priors[place].phases is not one.priors[0].phases)
    assert not np.array_equal(two.priors[other].phases.shape, one.priors[other].phases.shape)


def test_strong_cycles_are_found_and_noise_is_not(sample, shared):
    found = [
        assess_shared_regimes(fits_of(sample[place], place), shared.priors[place], n_surrogates=39)
        for place in (0, 1, 2, 16, 17, 18, 19)
    ]
    assert all(test.p_value <= 0.05 for test in found[:3])
    # Four tests at level .05: one rejection is chance, two hardly.
    assert sum(test.p_value <= 0.05 for test in found[3:]) <= 1
    assert min(test.statistic for test in found[:3]) > max(test.statistic for test in found[3:])
    assert found[0].detail["pooling"] == "shared"
    # Of 100 occasions, phases last about five: returns to the warmest of three are far fewer than moves.
    assert 3 < found[0].detail["n_cycles"] < 15
    assert found[0].estimate > found[0].conf_low >= 0


def test_the_other_way_of_being_slow_is_asked_where_it_is_plausible(sample):
    asked = {}
    for place in (0, 1, 16, 17, 18, 19, 20, 21):
        direction = fits_of(sample[place], place)
        known = direction._models.aic
        short = min(known[0], min(value for order, value in known.items() if order))
        longer = max(known[0], min(value for order, value in known.items() if order))
        assert direction.other_behind == pytest.approx(longer - short)
        names = [name for name, _ in _draws(direction, np.array([-1, -1]), shock_lead=-9.0, shortest=8.0)]
        asked[direction.other_behind > 4] = names
        assert ("other gaussian" in names) == (direction.other_behind <= 4)
    assert set(asked) == {True, False}


def test_a_dyad_leans_on_the_memory_and_the_effect_of_the_others(sample, shared):
    direction, prior = fits_of(sample[16], 16), shared.priors[16]
    data, _ = level_data(direction.series.y[None], direction.series, direction.design)
    free, leaning = fit_shared(data, prior.phases), fit_shared(data, prior.phases, prior=prior.level_prior)
    channels = data.y.shape[2]
    lags = slice(1, 1 + 2 * channels)
    assert prior.level_prior.lags.shape == (2 * channels, channels)
    away = [np.abs(fit.coefficients[0, lags] - prior.level_prior.lags).sum() for fit in (free, leaning)]
    assert away[1] < away[0]
    assert abs(leaning.effect[0] - 1) < abs(free.effect[0] - 1)
    assert leaning.log_likelihood[0] <= free.log_likelihood[0] + 1e-2


def test_a_strict_rhythm_is_not_irregular(shared):
    rhythm = series_of("rhythm", 1, 3, effect=2.0)[0]
    found = assess_shared_irregular(fits_of(rhythm, 1), shared.priors[0], n_surrogates=39)
    assert found.p_value > 0.2
    assert found.statistic < -3


def test_shocks_are_not_shared():
    shocks = series_of("skewed_shocks", 20, 4)
    found = learn(shocks, range(20), n_states=(3,), seed=np.random.SeedSequence(1))
    assert not found.used
    assert all(prior is None for prior in found.priors)
    assert "shocks" in found.reason


def test_few_dyads_stand_alone(sample):
    found = learn(sample[:10], range(10), n_states=(3,), seed=np.random.SeedSequence(1), required=True)
    assert not found.used
    assert "too few" in found.reason


def panel_of(n_dyads):
    return rd.simulate.cycles("cycle", n_dyads=n_dyads, n_occasions=80, effect=2.0, seed=1).panel


def test_detection_says_which_was_used():
    alone = rd.detect_cycles(panel_of(2), warmth="warmth", n_surrogates=19, seed=1, pooling="auto")
    plain = rd.detect_cycles(panel_of(2), warmth="warmth", n_surrogates=19, seed=1, pooling="none")
    assert alone.glance()["phases_from"].item() == "own"
    assert "too few to share phases" in alone.setting["pooling_reason"]
    assert alone.warnings == plain.warnings
    pd.testing.assert_frame_equal(alone.tidy(), plain.tidy())
    with pytest.raises(rd.errors.DesignError, match="pooling"):
        rd.detect_cycles(panel_of(2), warmth="warmth", pooling="yes")


def test_two_ways_of_testing_take_surrogates_enough():
    directions = build_series(panel_of(16), CycleColumns("warmth"))
    few = _detect._shared(directions, Setting("auto", 38, 0.05), 1, "auto")
    assert not few.used
    assert few.reason == "two ways of testing take 39 surrogates or more"
    assert _detect._pooling_notes(few, "auto") == (f"every dyad was tested by itself: {few.reason}",)
    with pytest.raises(rd.errors.DesignError, match="give 39 or more"):
        rd.detect_cycles(panel_of(2), warmth="warmth", n_surrogates=38, pooling="shared")


def test_shared_detection_is_the_same_for_any_number_of_workers():
    panel = panel_of(16)
    once, twice = (
        rd.detect_cycles(
            panel, warmth="warmth", phases=3, n_surrogates=19, alpha=0.1, seed=1, pooling="shared", n_jobs=n
        )
        for n in (1, 2)
    )
    pd.testing.assert_frame_equal(once.tidy(), twice.tidy())
    assert once.glance()["phases_from"].item() == "other dyads"
    assert "learned from the other dyads" in " ".join(once.summary().split())
