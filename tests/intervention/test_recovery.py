"""Levels found by recovery, what it refuses, and the course of coupling."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.intervention._recovery import local_effects


def couple(*series):
    rows = [
        {"dyad": dyad, "person": f"{dyad}{name}", "role": name, "day": day, "mood": value}
        for dyad, pair in enumerate(series)
        for name, values in zip("ab", pair, strict=True)
        for day, value in enumerate(values)
    ]
    return rd.DyadPanel(pd.DataFrame(rows), dyad="dyad", person="person", role="role", time="day")


@pytest.fixture(scope="module")
def found():
    noise = np.random.default_rng(3).normal(size=(2, 60))
    bump = np.repeat([0.0, 6.0, 0.0], 20)
    return rd.intervention.recovery(couple((bump + noise[0], noise[1])), outcome="mood", n_boot=99, seed=2)


def test_a_rise_that_goes_back_is_found_with_its_way_back(found):
    first = found.models.set_index("role").loc["a"]
    assert (first["n_changes"], first["first_change"], first["back_at"], first["time_to_return"]) == (2, 20, 40, 20)
    levels = found.tidy().query("role == 'a'")
    assert levels["n_obs"].tolist() == [20, 20, 20]
    assert levels["difference"].tolist() == pytest.approx([0, 6, 0], abs=1.0)


def test_noise_keeps_one_level(found):
    second = found.models.set_index("role").loc["b"]
    assert (second["n_changes"], second["p_value"] > 0.05) == (0, True)
    assert np.isnan(second["time_to_return"])


def test_a_seed_gives_one_result_on_any_number_of_workers(found):
    panel = couple((found.series.query("role == 'a'")["value"], found.series.query("role == 'b'")["value"]))
    again = rd.intervention.recovery(panel, outcome="mood", n_boot=99, seed=2, n_jobs=2)
    pd.testing.assert_frame_equal(again.tidy(), found.tidy())


def test_a_result_comes_back_from_json_and_reads_without_causes(found):
    back = rd.from_json(found.to_json(rows=True))
    pd.testing.assert_frame_equal(back.coupling(), found.coupling())
    assert "has no cause" in " ".join(found.summary().split())


def test_short_constant_and_missing_series_say_why():
    panel = couple((np.full(30, 2.0), np.r_[np.arange(5.0), np.full(25, np.nan)]))
    with pytest.warns(rd.DataWarning, match="of 2 series"):
        result = rd.intervention.recovery(panel, outcome="mood", n_boot=19, seed=1)
    assert result.models["note"].tolist() == ["all answers are equal", "5 answers; two levels of 7 need 14"]
    assert result.tidy()["estimate"].isna().all()
    assert result.coupling().empty


@pytest.mark.parametrize("level", [3.3, 3.3 * (1 + 1e-15 * np.arange(40))])
def test_answers_that_never_vary_have_no_course(level):
    series = np.full(40, level)
    with pytest.warns(rd.errors.DataWarning, match="2 of 2 series: all answers are equal"):
        found = rd.intervention.recovery(couple((series, series)), outcome="mood", n_boot=19, seed=1)
    assert found.coupling().empty
    assert found.tidy()["estimate"].isna().all()


def test_what_cannot_be_used_is_named_at_once():
    panel = couple((np.arange(20.0), np.arange(20.0)))
    with pytest.raises(rd.DesignError, match=r"max_changes=0: .*bandwidth=0: "):
        rd.intervention.recovery(panel, outcome="mood", max_changes=0, bandwidth=0)


def test_local_effects_with_a_wide_kernel_are_least_squares():
    rng = np.random.default_rng(5)
    x = np.column_stack([np.ones(80), rng.normal(size=(80, 2))])
    y = x @ [1.0, 0.5, -0.3] + rng.normal(size=80)
    beta, _, size = local_effects(x, y, np.arange(80.0), np.array([40.0]), 1e6)
    assert beta[0] == pytest.approx(np.linalg.lstsq(x, y, rcond=None)[0], abs=1e-10)
    assert size[0] == pytest.approx(80)


def test_a_partner_effect_that_grows_is_seen_to_grow():
    rng = np.random.default_rng(8)
    n = 600
    y = np.zeros((n, 2))
    for t in range(1, n):
        y[t] = [0.2 * y[t - 1, 0] + 0.6 * t / n * y[t - 1, 1], 0.2 * y[t - 1, 1]] + rng.normal(size=2)
    result = rd.intervention.recovery(couple((y[:, 0], y[:, 1])), outcome="mood", n_boot=19, bandwidth=200, seed=1)
    course = result.coupling().query("outcome == 'a' and effect == 'partner'").set_index("time")["estimate"]
    assert course.iloc[-3] - course.iloc[2] > 0.25
