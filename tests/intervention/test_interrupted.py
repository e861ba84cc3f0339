import numpy as np
import pytest
from scipy import stats

import reldyn as rd
from reldyn.intervention import _interrupted as interrupted
from reldyn.intervention._draws import draw_serial
from reldyn.intervention._interrupted import detectable, drawn_serial, segment_design
from reldyn.stats import fit_ar1


@pytest.fixture(scope="module")
def fitted():
    study = rd.simulate.intervention(n_dyads=2, level=2.0, slope=0.0, phi=0.3, missing=0.1, seed=3)
    return study.panel, rd.intervention.interrupted_series(study.panel, outcome="closeness", phase="phase", seed=1)


def test_the_change_of_the_reference_series_is_found(reference, couple):
    with pytest.warns(rd.errors.DataWarning, match="poorly identified"):
        fit = rd.intervention.interrupted_series(couple, outcome="y", phase="phase", seed=1)
    told = fit.tidy().set_index(["role", "effect"])
    wanted = reference["its_ar1_reml"]["coef"]
    found = told.loc[("a", "level change")]
    assert (found["estimate"], found["std_error"]) == pytest.approx((wanted[2]["Value"], wanted[2]["Std.Error"]), 2e-6)
    assert told.loc[("a", "slope change"), "estimate"] == pytest.approx(wanted[3]["Value"], rel=2e-6)
    # What the baseline leads to at the start, occasion 9.
    at_start = wanted[0]["Value"] + 9 * wanted[1]["Value"]
    assert told.loc[("a", "level at start"), "estimate"] == pytest.approx(at_start, rel=2e-6)
    assert not fit.models["phi_identified"].any()
    # A normal or t table would give .051; an autocorrelation of .56 on 20 occasions does not carry that.
    assert found["p_value"] > 0.08


@pytest.mark.parametrize("n", [40, 80])
def test_a_slope_change_that_is_not_there_is_seldom_found(n):
    generator = np.random.default_rng(5)
    time, runs = np.arange(n), 300
    design = segment_design(time.astype(float), time >= n // 2)
    found = 0
    for _ in range(runs):
        y = draw_serial(np.ones(n - 1, dtype=np.int64), 0.6, 1, generator)[:, 0]
        fit = fit_ar1(y, design, time)
        found += interrupted.tested(fit, drawn_serial(fit, 199, generator)).p_value[3] <= 0.05
    # More would happen once in a thousand such studies if the test kept to .05.
    assert found <= stats.binom.ppf(0.999, runs, 0.05)


def test_kenward_roger_says_how_far_it_can_be_trusted(couple):
    with pytest.warns(rd.errors.DataWarning, match="poorly identified"):
        fit = rd.intervention.interrupted_series(couple, outcome="y", phase="phase", inference="kenward-roger")
    assert "rejects somewhat too often where the autocorrelation is .7 or more" in " ".join(fit.summary().split())


def test_a_planted_change_is_found_and_partners_stand_together(fitted):
    _, fit = fitted
    told = fit.tidy()
    assert told["effect"].tolist()[:4] == ["level at start", "level at start", "baseline slope", "baseline slope"]
    assert told["term"].is_unique
    levels = told[told["effect"] == "level change"]
    # A pair of couples is no sample: each change lies within what four standard errors reach.
    assert (abs(levels["estimate"] - 2) < 4 * levels["std_error"]).all()
    inside = (told["conf_low"] > 0) | (told["conf_high"] < 0)
    assert (inside == (told["p_value"] <= 0.05)).all()


def test_estimates_move_with_a_planted_change_and_nothing_else_does(fitted):
    panel, fit = fitted
    frame = panel.frame
    frame["closeness"] = 10 + 2 * (frame["closeness"] + 3.0 * (frame["phase"] == "check-ins"))
    moved = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="day")
    other = rd.intervention.interrupted_series(moved, outcome="closeness", phase="phase", seed=1)
    mine, theirs = fit.tidy(), other.tidy()
    level = mine["effect"] == "level change"
    np.testing.assert_allclose(theirs.loc[level, "estimate"], 2 * (mine.loc[level, "estimate"] + 3), rtol=1e-5)
    np.testing.assert_allclose(theirs["std_error"], 2 * mine["std_error"], rtol=1e-5)
    np.testing.assert_allclose(other.models["phi"], fit.models["phi"], atol=1e-6)
    np.testing.assert_allclose(other.models["detectable"], 2 * fit.models["detectable"], rtol=1e-5)
    np.testing.assert_allclose(other.models["detectable_sd"], fit.models["detectable_sd"], rtol=1e-5)


def test_numbers_do_not_depend_on_the_number_of_workers(fitted):
    panel, fit = fitted
    again = rd.intervention.interrupted_series(panel, outcome="closeness", phase="phase", seed=1, n_jobs=2)
    assert again.tidy().equals(fit.tidy())


def test_kenward_roger_gives_the_same_estimates_with_its_own_degrees_of_freedom(fitted):
    panel, fit = fitted
    one = panel.select(dyads=[1])
    other = rd.intervention.interrupted_series(
        one, outcome="closeness", phase="phase", inference="kenward-roger", seed=1
    )
    mine = fit.tidy().query("dyad == 1").reset_index(drop=True)
    np.testing.assert_allclose(other.tidy()["estimate"], mine["estimate"], rtol=1e-4)
    assert other.tidy()["df"].between(0, 52).all()
    np.testing.assert_allclose(other.tidy()["std_error"], mine["std_error"], rtol=0.15)


def test_the_detectable_change_is_that_of_a_normal_test_where_nothing_is_estimated():
    draws = stats.norm.ppf((np.arange(99_999) + 0.5) / 99_999)
    wanted = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert detectable(draws, np.ones(99_999)) == pytest.approx(wanted, abs=2e-3)


def test_the_change_of_level_is_the_one_at_the_start():
    time, after = np.arange(10.0), np.arange(10) >= 6
    assert segment_design(time, after)[6].tolist() == [1, 0, 1, 0]
    assert segment_design(time, after)[9].tolist() == [1, 3, 1, 3]


def test_only_the_first_change_of_phase_is_used(fitted):
    panel, fit = fitted
    frame = panel.frame
    frame.loc[frame["day"] > 50, "phase"] = "baseline"
    back = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="day")
    found = rd.intervention.interrupted_series(back, outcome="closeness", phase="phase", seed=1)
    assert (found.models["n_after"] < fit.models["n_after"]).all()
    assert "6 occasions outside the first change of phase are left out" in found.models["note"].iloc[0]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda f: f.assign(closeness=np.nan), "0 answers before and 0 after the start, at least 5 and 5 are needed"),
        (lambda f: f.assign(closeness=3.0), "the outcome never varies"),
        (lambda f: f.assign(closeness=f["day"] * 1.0), "the outcome lies exactly on the lines of the model"),
        (
            lambda f: f.assign(phase="check-ins").assign(phase=f["phase"].where(f["person"] > 2, "baseline")),
            "no occasion",
        ),
    ],
)
def test_what_cannot_be_fitted_is_missing_with_a_reason(fitted, spoil, reason):
    panel, _ = fitted
    spoiled = panel.frame
    mine = spoiled["person"] <= 2
    spoiled.loc[mine] = spoil(spoiled).loc[mine]
    other = rd.DyadPanel(spoiled, dyad="dyad", person="person", role="role", time="day")
    with pytest.warns(rd.errors.DataWarning, match="2 of 4 series could not be fitted"):
        fit = rd.intervention.interrupted_series(other, outcome="closeness", phase="phase", seed=1)
    assert fit.models["note"].iloc[0].startswith(reason)
    assert fit.tidy().query("dyad == 1")["estimate"].isna().all()
    assert fit.tidy().query("dyad == 2")["estimate"].notna().all()


def test_the_phase_column_has_to_have_two_phases(fitted):
    panel, _ = fitted
    frame = panel.frame
    frame.loc[frame["day"] > 50, "phase"] = "follow-up"
    three = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="day")
    with pytest.raises(rd.DesignError, match="has 3 labels"):
        rd.intervention.interrupted_series(three, outcome="closeness", phase="phase")
    with pytest.raises(rd.DesignError, match="'before' is no label of 'phase'"):
        rd.intervention.interrupted_series(panel, outcome="closeness", phase="phase", phases=("before", "check-ins"))
    with pytest.raises(rd.DesignError, match="cannot hold a 5 % test"):
        rd.intervention.interrupted_series(panel, outcome="closeness", phase="phase", n_boot=50)
    with pytest.raises(rd.DesignError, match="change='slope' is not known"):
        rd.intervention.interrupted_series(panel, outcome="closeness", phase="phase", change="slope")


def test_the_result_survives_a_file_and_says_that_a_change_is_a_change(fitted, tmp_path):
    _, fit = fitted
    fit.to_json(tmp_path / "fit.json")
    again = rd.from_json(tmp_path / "fit.json")
    assert again.tidy().equals(fit.tidy())
    assert again.models.equals(fit.models)
    assert "A change at the start is a change" in " ".join(fit.summary().split())
    assert fit.glance()["n_persons"].item() == 4
