import dataclasses

import numpy as np

from reldyn.cycles.consequences._triggers import log_odds_of_leaving, run_trigger
from reldyn.cycles.series._series import DirectionSeries

N = 120


def series_with(occurs):
    y = np.random.default_rng(1).normal(size=(N, 2))
    return DirectionSeries.from_arrays(y, day=np.arange(N) // 4, beep=np.arange(N) % 4, triggers=occurs)


def warm_path(make):
    fit = make.phases()
    certain = (fit.posterior > 0.5).astype(float)
    return dataclasses.replace(fit, posterior=certain), certain[:, -1]


def test_the_log_odds_are_those_of_the_counts():
    warm = np.array([1, 1, 0, 1, 1, 1, 0, 1, 0, 1.0])
    occurs = np.array([0, 1, 1, 1, 0, 1, 0, 0, 0, 0.0])
    # Warm with the occurrence: left after 1 and 5, stayed after 3; without it: left after 7, stayed after 0 and 4.
    assert np.isclose(log_odds_of_leaving(occurs[None], warm)[0], np.log((2.5 / 1.5) / (1.5 / 2.5)))


def test_an_occurrence_before_every_end_is_found(make):
    fit, warm = warm_path(make)
    ends = np.append((warm[:-1] == 1) & (warm[1:] == 0), False).astype(float)
    found = run_trigger(series_with(ends), fit, 0, "conflict", n_surrogates=199, seed=np.random.SeedSequence(1))
    assert found.p_value == 0.005
    assert found.conf_low > 0


def test_an_occurrence_at_random_is_rarely_found(make):
    fit, _ = warm_path(make)
    p_values = []
    for seed in range(40):
        occurs = (np.random.default_rng(seed).random(N) < 0.3).astype(float)
        effect = run_trigger(
            series_with(occurs), fit, 0, "conflict", n_surrogates=99, seed=np.random.SeedSequence(seed)
        )
        p_values.append(effect.p_value)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.15


def test_an_occurrence_that_hardly_happens_gets_a_note(make):
    fit, _ = warm_path(make)
    found = run_trigger(series_with(np.zeros(N)), fit, 0, "conflict", n_surrogates=19, seed=np.random.SeedSequence(1))
    assert np.isnan(found.p_value)
    assert found.note.startswith("0.0 warm occasions with")
