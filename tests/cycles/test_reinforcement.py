import numpy as np
import pytest

from reldyn.cycles.consequences._reinforcement import run_reinforcement, unpredictability
from reldyn.cycles.series._series import DirectionSeries


def series_of(effect, seed, n=240, missing=0.1):
    """Warmth whose spread comes and goes; a response that rises by ``effect`` SD after it was unpredictable."""
    rng = np.random.default_rng(seed)
    spread = np.repeat(rng.choice([0.3, 1.8], size=n // 12), 12)
    warmth = 4 + spread * rng.standard_normal(n)
    level = unpredictability(warmth[None])[0]
    level = (level - level.mean()) / level.std()
    response = np.zeros(n)
    for t in range(1, n):
        response[t] = 0.3 * response[t - 1] + effect * level[t - 1] + rng.standard_normal()
    y = np.column_stack([warmth, 4 + response])
    y[rng.random(n) < missing] = np.nan
    return DirectionSeries.from_arrays(y, day=np.arange(n) // 4, beep=np.arange(n) % 4)


def loop(warmth, rate):
    """Unpredictability of one series, spelled out."""
    expected = np.nanmean(warmth)
    level = np.nanmean(np.abs(warmth - expected))
    out = []
    for value in warmth:
        if np.isfinite(value):
            error = value - expected
            level += rate * (abs(error) - level)
            expected += rate * error
        out.append(level)
    return np.array(out)


def test_unpredictability_is_the_running_mean_of_errors_and_waits_for_answers():
    warmth = np.random.default_rng(2).normal(4, 1, size=(3, 50))
    warmth[:, 10:14] = np.nan
    found = unpredictability(warmth, 0.2)
    assert np.allclose(found, [loop(row, 0.2) for row in warmth])
    assert (found[:, 10:14] == found[:, 9:10]).all()


def test_a_planted_rise_is_found_and_no_rise_is_not():
    planted = [
        run_reinforcement(series_of(0.6, s), None, n_surrogates=99, seed=np.random.SeedSequence(s)) for s in range(6)
    ]
    nothing = [
        run_reinforcement(series_of(0.0, s), None, n_surrogates=99, seed=np.random.SeedSequence(s)) for s in range(6)
    ]
    assert sum(found.p_value <= 0.05 for found in planted) >= 5
    assert sum(found.p_value <= 0.05 for found in nothing) <= 2
    assert np.mean([found.estimate for found in planted]) > 0.25
    assert abs(np.mean([found.estimate for found in nothing])) < 0.15


def test_a_second_world_gives_the_larger_p(make):
    series = series_of(0.3, 4, n=120)
    seed = np.random.SeedSequence(5)
    one = run_reinforcement(series, None, n_surrogates=99, seed=seed)
    two = run_reinforcement(series, make.phases(), n_surrogates=99, seed=seed)
    assert np.isnan(one.p_phases)
    assert two.p_linear == one.p_value
    assert two.p_value == max(two.p_linear, two.p_phases)


def test_the_same_seed_gives_the_same_numbers():
    seed = np.random.SeedSequence(9)
    first, second = (run_reinforcement(series_of(0.3, 1), None, n_surrogates=39, seed=seed) for _ in range(2))
    assert (first.estimate, first.p_value) == (second.estimate, second.p_value)
    assert (first.null_statistics == second.null_statistics).all()


@pytest.mark.parametrize(
    ("series", "note"),
    [
        (series_of(0.0, 1, n=36), "pairs of occasions, below 44"),
        (
            DirectionSeries.from_arrays(
                np.column_stack([np.arange(80.0) % 5, np.ones(80)]), day=np.arange(80) // 4, beep=np.arange(80) % 4
            ),
            "unpredictability or the response does not vary",
        ),
    ],
)
def test_what_cannot_carry_a_coefficient_gets_a_note(series, note):
    found = run_reinforcement(series, None, n_surrogates=19, seed=np.random.SeedSequence(1))
    assert found.note.endswith(note)
    assert np.isnan(found.estimate)
    assert np.isnan(found.p_value)
