"""Empathic accuracy, contagion and their dissociation against R, closed forms and planted effects."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp
from statsmodels.regression.linear_model import OLS

import reldyn as rd
from reldyn.perception._slopes_of_one import fisher_z, mean_over, slope_of


def one_dyad(judgment, truth, **more):
    n = len(judgment)
    frame = pd.DataFrame({"dyad": 1, "person": np.repeat(["a", "b"], n), "t": np.tile(np.arange(n), 2)})
    frame["judgment"] = np.r_[judgment, truth]
    frame["truth"] = np.r_[truth, judgment]
    return rd.DyadPanel(frame.assign(**more), dyad="dyad", person="person", time="t")


def test_mean_correlation_over_perceivers(diary, numbers):
    found = rd.perception.empathic_accuracy(diary, judgment="judgment", truth="truth", unit="person")
    known = numbers["empathic_accuracy"]
    people, sample = found.iloc[:-1], found.iloc[-1]
    np.testing.assert_allclose(people["accuracy"][:5], known["first5"], rtol=1e-11)
    assert people["accuracy"].mean() == pytest.approx(known["mean_r"], rel=1e-11)
    assert sample["z"] == pytest.approx(known["mean_z"], rel=1e-11)
    assert sample["std_error"] == pytest.approx(known["se_z"], rel=1e-11)
    assert sample["accuracy"] == pytest.approx(known["back_r"], rel=1e-11)
    assert sample["statistic"] == pytest.approx(known["t"], rel=1e-11)
    assert sample["directional_bias"] == pytest.approx(known["mean_directional"], rel=1e-11)


def test_partners_do_not_count_as_two_independent_perceivers(diary):
    by_dyad = rd.perception.empathic_accuracy(diary, judgment="judgment", truth="truth").iloc[-1]
    z = rd.perception.empathic_accuracy(diary, judgment="judgment", truth="truth")["z"].iloc[:-1].to_numpy()
    # With two perceivers in every dyad the sandwich is the standard error of the dyads' means.
    of_dyads = z.reshape(-1, 2).mean(axis=1)
    assert by_dyad["std_error"] == pytest.approx(of_dyads.std(ddof=1) / np.sqrt(60), rel=1e-10)
    assert by_dyad["df"] == 59


def test_continuous_ratings_are_averaged_in_bins(continuous, numbers):
    panel = one_dyad(continuous["a"].to_numpy(), continuous["b"].to_numpy())
    row = rd.perception.empathic_accuracy(panel, judgment="judgment", truth="truth", bin_width=10).iloc[0]
    known = numbers["zaki"]
    assert row["accuracy"] == pytest.approx(known["r"], rel=1e-11)
    assert row["z"] == pytest.approx(known["z"], rel=1e-11)
    assert row["n_points"] == known["n"]


def test_bins_never_reach_over_a_night():
    frame = pd.DataFrame(
        {"dyad": 1, "person": np.repeat(["a", "b"], 15), "day": np.tile(np.repeat(np.arange(5), 3), 2)}
    )
    frame["beep"] = np.tile([1, 2, 3], 10)
    values = np.random.default_rng(1).standard_normal((30, 2))
    panel = rd.DyadPanel(
        frame.assign(judgment=values[:, 0], truth=values[:, 1]), dyad="dyad", person="person", day="day", beep="beep"
    )
    row = rd.perception.empathic_accuracy(panel, judgment="judgment", truth="truth", bin_width=2).iloc[0]
    days = values[:15].reshape(5, 3, 2)
    points = np.stack([days[:, :2].mean(axis=1), days[:, 2]], axis=1).reshape(10, 2)
    assert row["n_points"] == 10
    assert row["accuracy"] == pytest.approx(np.corrcoef(points.T)[0, 1])


def test_a_series_that_never_varies_is_left_out_and_not_counted_as_zero(diary):
    frame = diary.frame
    frame.loc[frame["person"] == 1, "truth"] = 4.0
    frame.loc[frame["person"] == 2, "judgment"] = np.nan
    frame.loc[(frame["person"] == 3) & (frame["day"] > 3), "judgment"] = np.nan
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", time="day")
    found = rd.perception.empathic_accuracy(panel, judgment="judgment", truth="truth", unit="person")
    assert found["note"][:3].tolist() == ["the truth never varies", "no judgment with a truth", "3 points, below 4"]
    whole = rd.perception.empathic_accuracy(diary, judgment="judgment", truth="truth")
    assert found["z"].iloc[-1] == pytest.approx(whole["z"].iloc[3:-1].mean())
    assert found["df"].iloc[-1] == 116


def test_a_perfect_correlation_is_held_and_said():
    values = np.array([1.0, 3.0, 2.0, 5.0, 4.0])
    row = rd.perception.empathic_accuracy(one_dyad(values, 2 * values), judgment="judgment", truth="truth").iloc[0]
    assert row["accuracy"] == pytest.approx(1.0)
    assert row["z"] == pytest.approx(np.arctanh(0.9999))
    assert row["note"] == "the correlation is 1; z is that of 0.9999"
    assert fisher_z(-1.0) == (pytest.approx(-np.arctanh(0.9999)), True)


def test_rated_contents_are_per_cent_of_the_points():
    panel = one_dyad(np.array([0, 1, 2, 2.0]), np.array([2, 2, np.nan, 2.0]))
    found = rd.perception.empathic_accuracy(panel, ratings="judgment")
    assert found["accuracy"][:2].tolist() == [62.5, 100.0]
    assert found["n_obs"][:2].tolist() == [4, 3]
    with pytest.raises(rd.DesignError, match="'judgment' has ratings from 0 to 2, outside 0 to 1: recode them"):
        rd.perception.empathic_accuracy(panel, ratings="judgment", max_rating=1)


def test_mistakes_are_named(diary):
    with pytest.raises(rd.DesignError, match="give either judgment= and truth="):
        rd.perception.empathic_accuracy(diary, judgment="judgment")
    with pytest.raises(rd.DesignError, match="unit='couple' is not known; allowed: 'dyad', 'person'"):
        rd.perception.empathic_accuracy(diary, judgment="judgment", truth="truth", unit="couple")
    with pytest.raises(rd.DesignError, match="bin_width=0: give a whole number of at least 1"):
        rd.perception.empathic_accuracy(diary, judgment="judgment", truth="truth", bin_width=0)
    with pytest.raises(rd.DesignError, match="timing='before' is not known; allowed: 'next', 'same'"):
        rd.perception.contagion(diary, affect="own", timing="before")


def test_slope_of_one_person_is_that_of_statsmodels():
    rng = np.random.default_rng(4)
    x, c = rng.standard_normal((2, 25))
    y = 0.4 * x + 0.3 * c + rng.standard_normal(25)
    y[3], x[7] = np.nan, np.nan
    found = slope_of(y, x, c, fewest=6)
    kept = np.isfinite(x) & np.isfinite(y)
    known = OLS(y[kept], np.column_stack([np.ones(kept.sum()), x[kept], c[kept]])).fit()
    assert (found.estimate, found.others[0]) == pytest.approx(tuple(known.params[1:]))
    assert (found.std_error, found.p_value, found.df) == pytest.approx((known.bse[1], known.pvalues[1], 20))
    left = [OLS(v[kept], np.column_stack([np.ones(kept.sum()), c[kept]])).fit().resid for v in (y, x)]
    assert found.r == pytest.approx(np.corrcoef(left)[0, 1])


def test_slope_of_one_person_without_anything_to_learn_from():
    flat, line = np.ones(10), np.arange(10.0)
    assert slope_of(line, flat, fewest=6).note == "the predictor never varies"
    assert slope_of(flat, line, fewest=6).note == "the outcome never varies"
    assert slope_of(line, line**2, line**2, fewest=6).note == "the predictor cannot be separated from the controls"
    assert slope_of(line[:4], line[:4], fewest=6).note == "4 complete pairs, below 6"
    exact = slope_of(2 * line, line, fewest=6)
    assert (exact.estimate, exact.std_error, exact.r) == (pytest.approx(2.0), 0.0, 1.0)


def test_contagion_is_the_partners_slope_given_the_own_past(diary):
    simulated = rd.simulate.perception(n_dyads=60, n_occasions=60, contagion=(0.25, 0.0), seed=2)
    found = rd.perception.contagion(simulated.panel, affect="mood")
    sample = found[found["dyad"] == "sample"].set_index("role")
    for role, planted in (("a", 0.25), ("b", 0.0)):
        row = sample.loc[role]
        assert abs(row["contagion"] - planted) < 3 * row["std_error"]
        assert 0.01 < row["std_error"] < 0.03
    mood = simulated.panel.frame["mood"].to_numpy().reshape(-1, 2, 60)[0]
    design = np.column_stack([np.ones(59), mood[1, :-1], mood[0, :-1]])
    known = OLS(mood[0, 1:], design).fit()
    row = found.iloc[0]
    assert (row["contagion"], row["inertia"]) == pytest.approx(tuple(known.params[1:]))
    assert (row["conf_low"], row["conf_high"]) == pytest.approx(tuple(known.conf_int()[1]))


def test_contagion_follows_the_clock_and_needs_no_answer_of_the_partner_now():
    frame = rd.simulate.perception(n_dyads=3, n_occasions=30, seed=2).panel.frame
    first = frame["person"] == 1
    frame.loc[~first & (frame["time"] == 20), "mood"] = np.nan
    frame["day"], frame["beep"] = (frame["time"] - 1) // 10, (frame["time"] - 1) % 10
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day", beep="beep")
    found = rd.perception.contagion(panel, affect="mood").set_index("person")
    # 27 pairs within three days of ten; a missing answer of the partner at the end of a day costs nothing.
    assert found.loc[1, "n_pairs"] == 27
    assert found.loc[2, "n_pairs"] == 26
    same = rd.perception.contagion(panel, affect="mood", timing="same").set_index("person")
    assert same.loc[1, "n_pairs"] == 26


def test_mean_over_dyads_counts_dyads_alike_and_does_not_weigh():
    values, errors = np.array([0.0, 0.5, 1.0, 3.0, 9.0]), np.array([0.1, 0.1, 1e3, 1e3, np.nan])
    found = mean_over(values, np.array([0, 0, 1, 2, 3]), std_errors=errors).row()
    known = ttest_1samp([0.25, 1.0, 3.0], 0.0)
    assert (found["statistic"], found["p_value"]) == pytest.approx((known.statistic, known.pvalue))
    assert found["note"] == "1 estimate without a positive standard error is left out"
    apart = mean_over(values, np.array([0, 0, 1, 2, 3]), unit="person").row()
    assert apart["statistic"] == pytest.approx(ttest_1samp(values, 0.0).statistic)
    few = mean_over(values[:2], np.array([0, 0])).row()
    assert (few["estimate"], few["note"]) == (0.25, "1 dyad with a value, below 3")
    assert np.isnan([few[name] for name in ("std_error", "p_value", "conf_low")]).all()
    assert mean_over(np.ones(4), np.arange(4)).row()["note"] == "all dyads have the same value: no standard error"


def test_two_kinds_of_empathy_that_go_together_and_that_do_not():
    found = {}
    for r in (0.0, 0.8):
        panel = rd.simulate.perception(n_dyads=150, n_occasions=60, r_empathy=r, sd_contagion=0.15, seed=7).panel
        result = rd.perception.dissociation(panel, judgment="perceived", affect="mood", n_boot=99, seed=1)
        found[r] = result.tidy().set_index("term")
    low, high = (found[r].loc["correlation without error"] for r in (0.0, 0.8))
    assert low["conf_low"] < 0 < low["conf_high"]
    assert high["conf_low"] < 0.8 < high["conf_high"]
    plain = found[0.8].loc["correlation", "estimate"]
    assert 0.3 < plain < high["estimate"]
    assert found[0.8].loc["difference", "conf_low"] > 0.4


def test_dissociation_is_the_same_for_the_same_seed_and_survives_json():
    panel = rd.simulate.perception(n_dyads=20, n_occasions=20, seed=7).panel
    one, two = (
        rd.perception.dissociation(panel, judgment="perceived", affect="mood", n_boot=49, seed=3, n_jobs=jobs)
        for jobs in (1, 2)
    )
    pd.testing.assert_frame_equal(one.tidy(), two.tidy())
    again = rd.from_json(one.to_json())
    pd.testing.assert_frame_equal(again.tidy(), one.tidy())
    assert again.summary() == one.summary()
    people = one.perceivers()
    assert one.tidy()["estimate"][2] == pytest.approx(people["difference"].mean())
    assert "Seeing and catching mood" in one.plot().axes[0].get_title(loc="left")


def test_dissociation_says_who_is_left_out():
    frame = rd.simulate.perception(n_dyads=20, n_occasions=20, seed=7).panel.frame
    frame.loc[frame["person"] == 5, "perceived"] = 3.0
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="time")
    found = rd.perception.dissociation(panel, judgment="perceived", affect="mood", n_boot=19, seed=1)
    assert found.warnings == ("1 of 40 perceivers lacks one of the two and is left out.",)
    assert found.perceivers().set_index("person").loc[5, "note"] == "accuracy: the outcome never varies"
    few = rd.DyadPanel(frame[frame["dyad"] < 4], dyad="dyad", person="person", role="role", time="time")
    with pytest.raises(rd.DesignError, match="3 dyads have a perceiver with both accuracy and contagion, below 5"):
        rd.perception.dissociation(few, judgment="perceived", affect="mood")


def test_partners_who_answer_alike_have_no_interval_of_contagion():
    series = np.random.default_rng(1).standard_normal(30)
    found = rd.perception.contagion(one_dyad(series, series), affect="judgment", timing="same").iloc[:2]
    np.testing.assert_allclose(found["contagion"], 1)
    assert found[["statistic", "p_value", "conf_low", "conf_high"]].isna().all(axis=None)
    assert set(found["note"]) == {"the outcome follows the predictor without error: no interval"}
