import warnings

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.intervention._event_days import lag_columns, redrawn_events
from reldyn.intervention._multiple_baseline import StaggeredRows, fit_staggered
from reldyn.intervention._randomization import start_point_test


def _cases(mbd):
    """The six cases as dyads whose partners answer alike."""
    frame = pd.concat([mbd.assign(role=role) for role in "ab"])
    return rd.DyadPanel(frame, dyad="case", person="role", role="role", time="t")


def test_start_points_agree_with_the_reference(reference, sced):
    wanted = reference["rand_ab"]
    time, value = sced["t"].to_numpy(dtype=float), sced["y"].to_numpy(dtype=float)
    found = start_point_test(time, value, 9.0, np.array(wanted["starts"], dtype=float))
    assert (found.statistic, found.p_value) == pytest.approx((wanted["observed"], wanted["p"]), abs=1e-10)
    assert found.smallest_p == 1 / 13


def test_a_p_value_that_cannot_fall_below_a_bound_is_told(couple):
    with pytest.warns(rd.errors.DataWarning, match="cannot fall below 0.077"):
        found = rd.intervention.randomization_test(couple, outcome="y", phase="phase", starts=range(5, 18))
    assert found.loc[found["role"] == "a", "p_value"].item() == pytest.approx(4 / 13)


def test_orders_of_dyads_agree_with_the_reference(reference, mbd):
    wanted = reference["rand_mbd_ww"]
    found = rd.intervention.randomization_test(_cases(mbd), outcome="y", phase="phase", design="wampold-worsham")
    assert set(found["n_assignments"]) == {wanted["nperm"]}
    np.testing.assert_allclose(found["statistic"], wanted["observed"], rtol=1e-12)
    np.testing.assert_allclose(found["p_value"], wanted["p"], rtol=1e-12)


def test_windows_multiply_the_orders_and_revusky_is_exact(mbd):
    panel = _cases(mbd).select(dyads=[1, 2, 3])
    windows = [[8, 9], [10, 11], [12, 13]]
    told = {"outcome": "y", "phase": "phase"}
    found = rd.intervention.randomization_test(panel, **told, design="koehler-levin", starts=windows)
    assert set(found["n_assignments"]) == {6 * 8}
    assert found["exact"].all()
    with pytest.warns(rd.errors.DataWarning, match="cannot fall below 0.167"):
        ranks = rd.intervention.randomization_test(panel, **told, design="revusky")
    np.testing.assert_allclose(ranks["p_value"], 1 / 6)


def test_the_mixed_model_of_staggered_starts_agrees_with_the_reference(reference, mbd):
    wanted = reference["mbd_hlm"]
    time, after = mbd["t"].to_numpy(dtype=float), (mbd["phase"] == "B").to_numpy()
    rows = StaggeredRows(mbd["y"].to_numpy(), time, after, mbd["case"].to_numpy() - 1, mbd["t"].to_numpy())
    fit, told = fit_staggered(rows)
    # lme stops short of the optimum, in its fourth digit: the likelihood here is higher.
    np.testing.assert_allclose(fit.beta, [row["Value"] for row in wanted["coef"]], rtol=3e-4)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.cov_beta)), [row["Std.Error"] for row in wanted["coef"]], rtol=3e-4)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.G)), wanted["sd"][:2], rtol=1e-3)
    assert wanted["logLik"] < fit.log_likelihood < wanted["logLik"] + 1e-5
    assert fit.residual_process()["phi"][0] == pytest.approx(wanted["phi"], abs=1e-4)
    assert told.p_value[2] < 0.001


def test_multiple_baselines_of_a_panel_give_the_same_change(mbd):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        fit = rd.intervention.multiple_baseline(_cases(mbd), outcome="y", phase="phase")
    assert any("only 6 dyads" in str(one.message) for one in told)
    level = fit.tidy().query("role == 'a' and effect == 'level change'")
    assert level["estimate"].item() == pytest.approx(8.316, abs=5e-4)


def test_reliable_change_agrees_with_the_reference_and_not_with_the_error_of_one_score(reference):
    """The function rci of the R package scan divides by the error of one score: its index is sqrt(2) too large."""
    wanted = reference["rci"]
    found = rd.intervention.jacobson_truax(
        wanted["x1"],
        wanted["x2"],
        sd=wanted["sd1"],
        reliability=wanted["rxx"],
        reference=(60, 7.5),
        comparison=(40, 7.5),
    )
    assert found.index == pytest.approx(wanted["rci"], abs=1e-11)
    assert found.std_error_difference == pytest.approx(wanted["sdiff"], abs=1e-11)
    assert found.critical_change == pytest.approx(wanted["critical_change"], abs=1e-8)
    assert (found.cutoff_a, found.cutoff_b, found.cutoff_c) == (
        wanted["cutoff_a"],
        wanted["cutoff_b"],
        wanted["cutoff_c"],
    )
    one_score = (wanted["x2"] - wanted["x1"]) / (wanted["sd1"] * np.sqrt(1 - wanted["rxx"]))
    assert one_score / found.index == pytest.approx(np.sqrt(2), abs=1e-12)


def test_a_response_is_told_apart_where_events_overlap():
    study = rd.simulate.intervention(
        n_dyads=12, n_days=120, n_before=40, check_ins=(1, 3), response=(0, 0, 1.5, 0.5, 0), phi=0.3, seed=4
    )
    found = rd.intervention.event_response(
        study.panel, outcome="closeness", event="check_in", n_boot=99, n_surrogates=19, seed=1
    )
    sample = found.tidy().query("dyad == 'sample'").groupby("lag")["estimate"].mean()
    np.testing.assert_allclose(sample, [0, 0, 1.5, 0.5, 0], atol=0.25)
    assert (found.models["n_overlapping"] > 0).all()


def test_events_drawn_anew_keep_their_number_and_intervals():
    event = lag_columns(np.array([0, 1, 0, 0, 1, 0, 0, 0, 1, 0], dtype=bool), [0])[:, 0] == 1
    phase = np.zeros(10, dtype=int)
    for seed in range(20):
        drawn = redrawn_events(event, phase, np.random.default_rng(seed))
        assert sorted(np.diff(np.flatnonzero(drawn))) == [3, 4]


def test_too_few_events_are_missing_with_a_reason():
    study = rd.simulate.intervention(n_dyads=1, n_before=52, seed=1)
    with pytest.warns(rd.errors.DataWarning, match="2 of 2 series could not be fitted"):
        found = rd.intervention.event_response(study.panel, outcome="closeness", event="check_in", seed=1)
    assert found.tidy()["estimate"].isna().all()
    assert "at least 3 are needed" in found.models["note"].iloc[0]


def test_a_response_to_weekly_check_ins_is_found_by_the_joint_test():
    """Weekly events drawn anew fall on nearly the same days, so that the second test seldom sees even this."""
    study = rd.simulate.intervention(n_dyads=6, n_days=84, n_before=28, response=(0, 0, 2.0, 0, 0), phi=0.3, seed=5)
    options = {"outcome": "closeness", "event": "check_in", "phase": "phase", "n_surrogates": 99, "seed": 1}
    found = rd.intervention.event_response(study.panel, n_boot=199, **options).models
    assert (found["p_joint"] <= 0.01).sum() >= 11
    assert found["p_redrawn"].between(0.01, 1).all()
    assert found["statistic"].between(0, 1).all()
    assert (found["p_joint"] * 200 % 1 < 1e-9).all()


def test_no_series_with_both_phases_is_refused(mbd):
    frame = pd.concat([mbd.assign(role=role) for role in "ab"])
    frame["phase"] = frame["role"].map({"a": "A", "b": "B"})
    panel = rd.DyadPanel(frame, dyad="case", person="role", role="role", time="t")
    with pytest.raises(rd.DesignError) as error:
        rd.intervention.randomization_test(panel, outcome="y", phase="phase")
    assert str(error.value) == "no series has answers in both phases, so there is no start whose place could be drawn."


def test_a_sample_without_any_estimate_says_why(mbd):
    panel = _cases(mbd[mbd["t"] <= 8].assign(event=lambda rows: rows["t"] % 3 == 0))
    with pytest.warns(rd.DataWarning, match="could not be fitted"):
        found = rd.intervention.event_response(
            panel, outcome="y", event="event", reference=-2, n_boot=99, n_surrogates=19, seed=1
        )
    sample = found.tidy().query("dyad == 'sample'")
    assert set(sample["note"]) == {"fewer than three dyads with an estimate"}


def _one_couple(start, n=20):
    rng = np.random.default_rng(3)
    rows = [(1, who, t, "B" if t >= start else "A", rng.normal() + 2 * (t >= start)) for t in range(n) for who in "ab"]
    return pd.DataFrame(rows, columns=["dyad", "who", "t", "phase", "y"])


def test_a_missing_answer_on_the_first_day_leaves_the_start_among_those_that_could_be_drawn():
    frame = _one_couple(10)
    told = {"outcome": "y", "phase": "phase"}
    whole = rd.DyadPanel(frame, dyad="dyad", person="who", role="who", time="t")
    frame.loc[(frame["t"] == 10) & (frame["who"] == "a"), "y"] = np.nan
    gap = rd.DyadPanel(frame, dyad="dyad", person="who", role="who", time="t")
    with pytest.warns(rd.errors.DataWarning, match="cannot fall below"):
        one, two = (rd.intervention.randomization_test(panel, **told) for panel in (whole, gap))
    assert two["n_assignments"].tolist() == one["n_assignments"].tolist() == [15, 15, 15]
    assert two["p_value"].notna().all()
    a = frame[frame["who"] == "a"].dropna()
    changes = [a.loc[a["t"] >= at, "y"].mean() - a.loc[a["t"] < at, "y"].mean() for at in range(3, 18)]
    assert two["p_value"].iloc[0] == pytest.approx(np.mean(np.array(changes) >= changes[7] - 1e-12))


def test_a_possible_start_without_answers_on_one_side_is_the_reason_for_no_p_value():
    panel = rd.DyadPanel(_one_couple(10), dyad="dyad", person="who", role="who", time="t")
    with pytest.warns(rd.errors.DataWarning, match="3 of 3 tests could not be made; the column note says why"):
        found = rd.intervention.randomization_test(panel, outcome="y", phase="phase", starts=[0, 5, 10, 15])
    assert found["p_value"].isna().all()
    assert set(found["note"]) == {"a start that could have been drawn has no answer on one side"}


def test_too_few_answers_are_the_reason_and_not_the_start():
    frame = _one_couple(10).assign(one=0)
    frame.loc[(frame["t"] >= 12) | (frame["t"] < 9), "y"] = np.nan
    panel = rd.DyadPanel(frame, dyad="dyad", person="who", role="who", time="t")
    options = {"outcome": "y", "phase": "phase"}
    with pytest.warns(rd.errors.DataWarning, match="3 of 3 tests could not be made"):
        found = rd.intervention.randomization_test(panel, **options)
    assert set(found["note"]) == {"1 answer before and 2 after the start, at least 3 and 3 are needed"}
    with pytest.warns(rd.errors.DataWarning, match="2 of 2 persons could not be judged; the column note says why"):
        judged = rd.intervention.reliable_change(panel, **options, n_boot=99, seed=1)
    assert set(judged["note"]) == {"1 answer before and 2 after the start, at least 4 and 4 are needed"}
    with pytest.raises(rd.DesignError, match=r"phase='one' has 1 label \(0\): name the two"):
        rd.intervention.overlap(panel, outcome="y", phase="one")


def test_a_missing_score_is_not_judged():
    for scores in ((np.nan, 32.5), (47.5, np.nan), (47.5, "low"), (None, 32.5)):
        with pytest.raises(rd.DesignError, match="a missing score cannot be judged"):
            rd.intervention.jacobson_truax(*scores, sd=7.5, reliability=0.8)
    for norms, said in (
        ({"sd": "wide"}, "the SD has to be above 0, the reliability between 0 and 1"),
        ({"reliability": None}, "the SD has to be above 0, the reliability between 0 and 1"),
        ({"reference": 40}, "reference=40: give a mean and an SD above 0"),
        ({"comparison": (np.nan, 7.5)}, r"comparison=\(nan, 7.5\): give a mean and an SD above 0"),
    ):
        with pytest.raises(rd.DesignError, match=said):
            rd.intervention.jacobson_truax(47.5, 32.5, **{"sd": 7.5, "reliability": 0.8, **norms})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"check_ins": (9,)}, r"check_ins=\(9,\): give a list of days of the week, from 0 to 6"),
        ({"check_ins": 5}, "check_ins=5: give a list"),
        ({"categories": 1}, "categories=1: give a whole number of at least 2"),
        ({"phi": "much"}, "phi='much' is no autocorrelation: give a number between -1 and 1"),
        ({"spread": (0.1, 0.2)}, r"spread=\(0.1, 0.2\) is no standard deviation: give a number from 0"),
        ({"response": "much"}, "response='much': give five numbers, for the days -2"),
        ({"response": (0, 0, np.inf, 0, 0)}, r"response=\(0, 0, inf, 0, 0\): give five numbers, for the days -2"),
    ],
)
def test_simulated_interventions_need_days_of_the_week_and_two_categories(options, said):
    with pytest.raises(rd.DesignError, match=said):
        rd.simulate.intervention(n_dyads=2, **options)


def test_what_holds_of_several_series_is_said_once():
    panel = rd.simulate.intervention(n_dyads=4, n_before=20, level=1.0, seed=1).panel
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = rd.intervention.multiple_baseline(panel, outcome="closeness", phase="phase")
    same = [note for note in fit.warnings if "start at the same time" in note]
    assert len(same) == 1
    assert same[0].startswith("a, b, both, difference: all dyads start at the same time")
    assert sum("start at the same time" in str(one.message) for one in caught) == 1
