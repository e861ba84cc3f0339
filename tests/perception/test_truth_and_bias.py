"""Truth and bias models against lme4, against each other, and against planted effects."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

RI = {"random": ("intercept",), "residual": "independent"}
Z = rd.Estimation(inference="z")


def fitted(panel, **more):
    options = {"judgment": "judgment", "truth": "truth", "bias": "own"} | more
    return rd.perception.truth_and_bias(panel, **options)


def agrees(fit, reference, names):
    """Estimates, standard errors and log-likelihood as R has them."""
    table = fit.tidy()
    np.testing.assert_allclose(table["estimate"], [reference["fixef"][name] for name in names], rtol=2e-6)
    np.testing.assert_allclose(table["std_error"], [reference["se"][name] for name in names], rtol=2e-5)
    assert fit.glance()["log_likelihood"].iloc[0] == pytest.approx(reference["logLik"], abs=1e-6)
    assert fit.glance()["n_obs"].iloc[0] == reference["n"]


def variances(reference):
    return {(row["grp"], row["var1"]): row["vcov"] for row in reference["vc"]}


def shared_variance(fit):
    """Variance of the dyad's intercept, of the person's within the dyad, and of the residual."""
    between = fit.fit.covariance("random").to_numpy()
    return between[0, 1], between[0, 0] - between[0, 1], fit.fit.covariance("residual").to_numpy()[0, 0]


def test_person_centred_with_random_intercepts(diary, numbers):
    fit = fitted(diary, center="person_truth", bias_center="own", estimation=Z, **RI)
    reference = numbers["tb_person_centred_ri"]
    agrees(fit, reference, ("(Intercept)", "Tc", "Oc"))
    known = variances(reference)
    wanted = [known["dyad", "(Intercept)"], known["person:dyad", "(Intercept)"], known["Residual", None]]
    np.testing.assert_allclose(shared_variance(fit), wanted, rtol=1e-4)
    assert fit.tidy()["effect"].tolist() == ["directional bias", "truth force", "bias force"]


def test_person_centred_with_slopes_that_differ_between_dyads(diary, numbers):
    random = rd.Random(("intercept", rd.shared("truth"), rd.shared("bias")), covariance="block")
    fit = fitted(diary, center="person_truth", bias_center="own", estimation=Z, random=random, residual="independent")
    reference = numbers["tb_person_centred_rs"]
    agrees(fit, reference, ("(Intercept)", "Tc", "Oc"))
    known = variances(reference)
    between = fit.fit.covariance("random").to_numpy()
    np.testing.assert_allclose(
        [between[2, 2], between[3, 3], *shared_variance(fit)],
        [
            known["dyad.1", "Tc"], known["dyad", "Oc"], known["dyad.2", "(Intercept)"],
            known["dyad.person", "(Intercept)"], known["Residual", None],
        ],
        rtol=2e-4,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("bias_center", "key", "names"),
    [
        ("own", "tb_grand_ri", ("(Intercept)", "Tg", "Og")),
        ("truth", "tb_grand_owncentredontruth_ri", ("(Intercept)", "Tg", "Ogt")),
    ],
)
def test_grand_centred(diary, numbers, bias_center, key, names):
    fit = fitted(diary, bias_center=bias_center, estimation=Z, **RI)
    agrees(fit, numbers[key], names)
    known = variances(numbers[key])
    wanted = [known["dyad", "(Intercept)"], known["person:dyad", "(Intercept)"], known["Residual", None]]
    np.testing.assert_allclose(shared_variance(fit), wanted, rtol=2e-3)


def test_slopes_are_the_same_wherever_the_zero_stands_and_the_intercept_shifts(diary):
    own, truth = (fitted(diary, bias_center=option, **RI).tidy() for option in ("own", "truth"))
    np.testing.assert_allclose(own["estimate"][1:], truth["estimate"][1:], rtol=1e-8)
    frame = diary.frame
    shift = own["estimate"][2] * (frame["own"].mean() - frame["truth"].mean())
    assert own["estimate"][0] - truth["estimate"][0] == pytest.approx(shift, abs=1e-7)


def test_roles_shift_the_intercept_of_each_role_only():
    panel = rd.simulate.perception(n_dyads=40, directional_bias=(0.8, -0.4), seed=3).panel.actor_partner(["mood"])
    options = {"judgment": "perceived", "truth": "mood_partner", "bias": "mood_actor", "random": ("intercept",)}
    whole, own = (
        rd.perception.truth_and_bias(panel, center=center, bias_center="own", **options).tidy()
        for center in ("truth", "role_truth")
    )
    np.testing.assert_allclose(whole["estimate"][2:], own["estimate"][2:], rtol=1e-7)
    frame = panel.frame.dropna()
    gap = (frame["perceived"] - frame["mood_partner"]).groupby(frame["role"]).mean()
    # Complete and balanced: the mean difference of each role is its directional bias.
    np.testing.assert_allclose(own["estimate"][:2], gap, atol=1e-6)
    assert abs(whole["estimate"][0] - own["estimate"][0]) > 1e-3


def test_everything_planted_is_found_again():
    simulated = rd.simulate.perception(
        n_dyads=300, n_occasions=20, directional_bias=(0.5, -0.3), truth_force=(0.6, 0.4), bias_force=(0.1, 0.3),
        drift=(0.02, 0.0), truth_force_drift=(0.0, -0.01), seed=5,
    )  # fmt: skip
    panel = simulated.panel.actor_partner(["mood"])
    fit = rd.perception.truth_and_bias(
        panel, judgment="perceived", truth="mood_partner", bias="mood_actor", center="person_truth",
        bias_center="own", over_time="time",
    )  # fmt: skip
    table = fit.tidy()
    truth = simulated.truth
    planted = np.array(
        [truth.directional_bias, truth.truth_force, truth.bias_force, truth.drift, truth.truth_force_drift, (0, 0)]
    )
    off = (table["estimate"] - planted.ravel()) / table["std_error"]
    assert float(np.abs(off).max()) < 3.5
    assert table["moderator"].tolist() == [""] * 6 + ["time"] * 6
    assert float(table["std_error"].max()) < 0.06
    people = fit.perceivers().merge(truth.perceivers, on="person", suffixes=("", "_true"))
    for name, least in (("directional_bias", 0.9), ("truth_force", 0.6), ("bias_force", 0.4)):
        assert people[name].corr(people[f"{name}_true"]) > least


def test_each_perceiver_keeps_the_own_numbers_when_members_are_exchangeable():
    frame = rd.simulate.perception(n_dyads=30, roles="exchangeable", seed=8).panel.frame
    # One person, the second of its dyad, overestimates by far.
    frame.loc[frame["person"] == 14, "perceived"] += 10
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", time="time").actor_partner(["mood"])
    fit = rd.perception.truth_and_bias(panel, judgment="perceived", truth="mood_partner", center="person_truth")
    people = fit.perceivers().set_index("person")
    assert people["directional_bias"].idxmax() == 14
    assert people.loc[14, "directional_bias"] > 8
    assert people.loc[13, "directional_bias"] < 3


def test_one_perceiver_per_dyad():
    panel = rd.simulate.perception(n_dyads=40, seed=2).panel.actor_partner(["mood"])
    frame = panel.frame
    frame.loc[frame["role"] == "b", "perceived"] = np.nan
    one = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="time")
    fit = rd.perception.truth_and_bias(one, judgment="perceived", truth="mood_partner", bias="mood_actor")
    assert fit.tidy()["role"].tolist() == ["", "", ""]
    assert fit.warnings[0].startswith("Only one member of each dyad judged the other")
    assert len(fit.perceivers()) == 40
    assert fit.tidy()["estimate"][1] == pytest.approx(0.45, abs=0.1)


def test_one_occasion_per_dyad():
    panel = rd.simulate.perception(n_dyads=80, n_occasions=3, seed=4).panel.actor_partner(["mood"])
    frame = panel.frame
    once = rd.DyadPanel(frame[frame["time"] == 2], dyad="dyad", person="person", role="role")
    fit = rd.perception.truth_and_bias(once, judgment="perceived", truth="mood_partner", bias="mood_actor")
    assert fit.fit.setting.random.terms == ()
    assert fit.tidy()["df"].between(50, 200).all()


def test_missing_rows_cost_themselves_only(diary):
    frame = diary.frame
    frame.loc[[0, 5], "judgment"] = np.nan
    frame.loc[7, "own"] = np.nan
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", time="day")
    assert fitted(panel, **RI).glance()["n_obs"].iloc[0] == 1677


def test_summary_says_what_was_done_and_nobody_is_right(diary):
    fit = fitted(diary, over_time="day", center="person_truth", bias_center="own")
    text = " ".join(fit.summary().split())
    assert text.startswith("Truth and bias in judgment 1,680 judgments by 120 perceivers of 60 dyads")
    assert "not which of them is right; a discrepancy is not a deception" in text
    assert "directional bias x day" in text
    for word in ("narciss", "abus", "victim", "diagnos", "gaslight", "lies", "liar"):
        assert word not in text.lower()


def test_round_trip_through_json(diary):
    fit = fitted(diary, **RI)
    again = rd.from_json(fit.to_json(rows=True))
    pd.testing.assert_frame_equal(again.tidy(), fit.tidy())
    pd.testing.assert_frame_equal(again.perceivers(), fit.perceivers())


def test_a_direction_without_variance_is_said(diary):
    fit = fitted(diary, center="person_truth", bias_center="own")
    assert bool(fit.glance()["at_boundary"].iloc[0])
    assert any("singular" in note for note in fit.warnings)


def test_mistakes_are_named(diary):
    frame = diary.frame.assign(flat=1.0, text="x", constant=lambda rows: rows["person"])
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", time="day")
    with pytest.raises(rd.DesignError, match="center='person' is not known; allowed: 'truth', 'role_truth'"):
        fitted(panel, center="person")
    with pytest.raises(rd.DesignError, match="bias_center='x' is not known; allowed: 'truth', 'own'"):
        fitted(panel, bias_center="x")
    with pytest.raises(rd.DesignError, match="argument='centre' is not known; allowed: 'random', 'roles'"):
        fitted(panel, centre="truth")
    with pytest.raises(rd.DesignError, match="random='slope' is not known; allowed: 'intercept', 'truth', 'bias'"):
        fitted(panel, random=("slope",))
    with pytest.raises(rd.DesignError, match="'flat' does not vary, so no force of it can be estimated"):
        fitted(panel, bias="flat")
    with pytest.raises(rd.DesignError, match="'constant' does not vary within any person"):
        fitted(panel, truth="constant", center="person_truth")
    with pytest.raises(rd.DesignError, match="center='role_truth' needs two roles"):
        fitted(panel, center="role_truth")
    with pytest.raises(rd.DesignError, match="'flat' does not vary over the rows used"):
        fitted(panel, over_time="flat")
    with pytest.raises(rd.DataError, match="column 'text' holds text"):
        fitted(panel, judgment="text")
    with pytest.raises(rd.DataError, match="no column 'ownn' in the panel"):
        fitted(panel, bias="ownn")
    nothing = rd.DyadPanel(frame.assign(judgment=np.nan), dyad="dyad", person="person", time="day")
    with pytest.raises(rd.DesignError, match="no row has a value in every one of 'judgment', 'truth', 'own'"):
        fitted(nothing)


def test_course_runs_through_the_fitted_lines():
    panel = rd.simulate.perception(n_dyads=40, drift=(0.05, 0.0), seed=6).panel.actor_partner(["mood"])
    fit = rd.perception.truth_and_bias(
        panel, judgment="perceived", truth="mood_partner", center="person_truth", over_time="time"
    )
    course = fit.course(3)
    assert course.columns.tolist() == ["effect", "role", "time", "estimate", "std_error", "conf_low", "conf_high"]
    line = course[(course["effect"] == "directional bias") & (course["role"] == "a")]
    table = fit.tidy().set_index("term")["estimate"]
    slope = table["directional bias x time, a"]
    np.testing.assert_allclose(line["time"], [1, 7.5, 14])
    np.testing.assert_allclose(line["estimate"], table["directional bias, a"] + slope * np.array([-6.5, 0, 6.5]))
    with pytest.raises(rd.DesignError, match="nothing was let change over time: fit with over_time="):
        rd.perception.truth_and_bias(panel, judgment="perceived", truth="mood_partner").course()


def test_figures_hold_perceivers_and_courses():
    panel = rd.simulate.perception(n_dyads=20, seed=6).panel.actor_partner(["mood"])
    options = {"judgment": "perceived", "truth": "mood_partner"}
    plain = rd.perception.truth_and_bias(panel, **options)
    (axes,) = plain.plot().axes
    assert axes.get_ylabel() == "directional bias"
    assert sum(len(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 20) == 40
    moving = rd.perception.truth_and_bias(panel, over_time="time", **options)
    assert [one.get_ylabel() for one in moving.plot().axes] == ["directional bias", "directional bias", "truth force"]
    with pytest.raises(rd.DesignError, match="the model changes over time, which takes three panels"):
        rd.plot.truth_and_bias(moving, ax=axes)


def test_courses_of_two_roles_stay_apart_in_print_without_colours():
    panel = rd.simulate.perception(n_dyads=20, n_occasions=8, seed=1).panel
    fit = rd.perception.truth_and_bias(panel, judgment="perceived", truth="mood", over_time="time")
    _, *courses = fit.plot().axes
    assert courses
    for ax in courses:
        assert [line.get_linestyle() for line in ax.get_legend().get_lines()] == ["-", "--"]
