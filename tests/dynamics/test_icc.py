"""Intraclass correlations: R, the analysis of variance, pingouin, and edges."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd


def balanced(n=12, T=6, seed=1, between=1.0):
    rng = np.random.default_rng(seed)
    x = between * rng.normal(size=(n, 1)) + rng.normal(size=(n, T))
    person, time = (part.ravel() for part in np.indices(x.shape))
    frame = pd.DataFrame({"dyad": person // 2, "person": person, "time": time, "x": x.ravel()})
    return x, rd.DyadPanel(frame, dyad="dyad", person="person", time="time")


@pytest.mark.parametrize("method", ["reml", "ml"])
def test_two_levels_agree_with_lme(esm, reference, method):
    wanted = reference[f"icc_{method}"]
    table = rd.dynamics.icc(esm, "pa", method=method).tidy().set_index("level")
    assert table.loc["person", "estimate"] == pytest.approx(wanted["icc"], rel=2e-6)
    assert table.loc["person", "variance"] == pytest.approx(wanted["var_between"], rel=2e-6)
    assert table.loc["residual", "variance"] == pytest.approx(wanted["var_within"], rel=2e-6)
    assert table["share"].sum() == pytest.approx(1)
    if method == "reml":
        assert table.loc["person", "intercept"] == pytest.approx(wanted["intercept"], rel=1e-8)


def test_three_levels_agree_with_lme(esm, reference):
    wanted = reference["three_level"]
    table = rd.dynamics.icc(esm, "pa", levels="dyad").tidy().set_index("level")
    # lme prints its variances at an optimum found to 1e-4; the likelihood is flat there.
    ours = table.loc[["person", "dyad", "residual"], "variance"]
    np.testing.assert_allclose(ours, [wanted[name] for name in ("person", "dyad", "Residual")], rtol=2e-4)
    total = sum(wanted.values())
    assert table.loc["dyad", "estimate"] == pytest.approx(wanted["dyad"] / total, abs=1e-4)
    assert table.loc["person", "estimate"] == pytest.approx((wanted["dyad"] + wanted["person"]) / total, abs=1e-4)


def test_balanced_data_give_the_analysis_of_variance_and_pingouin():
    import pingouin

    x, panel = balanced()
    between = x.shape[1] * x.mean(axis=1).var(ddof=1)
    within = x.var(axis=1, ddof=1).mean()
    expected = (between - within) / (between + (x.shape[1] - 1) * within)
    row = rd.dynamics.icc(panel, "x").tidy().set_index("level").loc["person"]
    assert row["estimate"] == pytest.approx(expected, rel=1e-7)
    theirs = pingouin.intraclass_corr(panel.frame, targets="person", raters="time", ratings="x")
    assert row["estimate"] == pytest.approx(theirs["ICC"].iloc[0], abs=1e-3)


def test_interval_covers_about_as_often_as_it_says():
    hits = 0
    for seed in range(60):
        _, panel = balanced(n=40, T=8, seed=seed)
        row = rd.dynamics.icc(panel, "x").tidy().iloc[0]
        hits += row["conf_low"] <= 0.5 <= row["conf_high"]
    # 95 % of 60 with a binomial band of about three standard deviations
    assert 51 <= hits <= 60


def test_partners_more_unlike_than_strangers_have_a_negative_dyad_variance():
    rng = np.random.default_rng(2)
    level = rng.normal(size=30)
    x = np.stack([level, -level], axis=1)[:, :, None] + 0.5 * rng.normal(size=(30, 2, 8))
    dyad, member, time = (part.ravel() for part in np.indices(x.shape))
    frame = pd.DataFrame({"dyad": dyad, "person": dyad * 2 + member, "time": time, "x": x.ravel()})
    table = rd.dynamics.icc(rd.DyadPanel(frame, dyad="dyad", person="person", time="time"), "x", levels="dyad").tidy()
    assert table.set_index("level").loc["dyad", "variance"] < -0.3


def test_shift_and_unit_leave_the_correlation(esm):
    one = rd.dynamics.icc(esm, "pa").tidy()
    moved = rd.DyadPanel(
        esm.frame.assign(pa=esm.frame["pa"] * 3 - 7), dyad="dyad", person="person", day="day", beep="beep"
    )
    two = rd.dynamics.icc(moved, "pa").tidy()
    np.testing.assert_allclose(
        two[["estimate", "std_error", "share"]], one[["estimate", "std_error", "share"]], rtol=1e-4
    )
    np.testing.assert_allclose(two["variance"], 9 * one["variance"], rtol=1e-5)


def test_what_cannot_be_split_says_why():
    _, panel = balanced()
    frame = panel.frame.assign(flat=4.0, empty=np.nan)
    frame["once"] = frame["x"].where(frame["time"] == 0)
    frame["couple"] = frame["x"].where(frame["dyad"] < 2)
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", time="time")
    result = rd.dynamics.icc(panel, ["flat", "empty", "once"])
    table = result.tidy()
    assert table[["estimate", "variance"]].isna().all(axis=None)
    assert table["note"].tolist()[::2] == [
        "the values never vary",
        "no observed value",
        "one value per person, so nothing within persons",
    ]
    assert result.warnings[0] == "flat: the values never vary."
    pairs = rd.dynamics.icc(panel, "couple", levels="dyad").tidy()
    assert set(pairs["note"]) == {"fewer than 3 dyads"}
    with pytest.raises(rd.DesignError, match="levels='couple' is not known"):
        rd.dynamics.icc(panel, "x", levels="couple")


def test_no_variance_between_persons_is_a_boundary():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(10, 6))
    x -= x.mean(axis=1, keepdims=True)
    person, time = (part.ravel() for part in np.indices(x.shape))
    frame = pd.DataFrame({"dyad": person // 2, "person": person, "time": time, "x": x.ravel()})
    result = rd.dynamics.icc(rd.DyadPanel(frame, dyad="dyad", person="person", time="time"), "x")
    row = result.tidy().iloc[0]
    assert row["estimate"] == pytest.approx(0, abs=1e-6)
    assert row["note"] == "a variance lies at its boundary, so no interval"
    assert result.warnings[-1] == "x: the variance between persons is estimated at zero."


def test_json_round_trip(esm):
    result = rd.dynamics.icc(esm, ["pa", "percept"])
    pd.testing.assert_frame_equal(rd.from_json(result.to_json()).tidy(), result.tidy())
    assert result.glance()["n_persons"][0] == 60
    assert result.summary().startswith("Intraclass correlations of pa, percept")


def test_a_mean_far_from_zero_changes_no_interval():
    _, panel = balanced(n=20, T=10, seed=3)
    far = rd.DyadPanel(panel.frame.assign(x=panel.frame["x"] + 1e6), dyad="dyad", person="person", time="time")
    for levels in ("person", "dyad"):
        one, two = (rd.dynamics.icc(each, "x", levels=levels).tidy() for each in (panel, far))
        for column in ("estimate", "std_error", "conf_low", "conf_high", "variance"):
            np.testing.assert_allclose(two[column], one[column], rtol=1e-4)
        np.testing.assert_allclose(two["intercept"], one["intercept"] + 1e6)


def test_only_persons_with_answers_are_counted():
    _, panel = balanced()
    frame = panel.frame.assign(x=panel.frame["x"].where(panel.frame["dyad"] > 1))
    silent = rd.DyadPanel(frame.assign(y=frame["x"] ** 2), dyad="dyad", person="person", time="time")
    assert rd.dynamics.icc(silent, "x").glance()[["n_persons", "n_dyads"]].values.tolist() == [[8, 4]]
    found = rd.dynamics.correlations(silent, ["x", "y"], n_boot=99, seed=1)
    assert (found.n_persons, found.n_dyads) == (8, 4)
