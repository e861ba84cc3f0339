"""Multilevel inertia and instability: reference values, recovery, roles, refusals."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

Z = rd.Estimation(inference="z")


@pytest.fixture(scope="module")
def fit(esm):
    return rd.dynamics.inertia(esm, "pa", estimation=Z)


def test_reml_agrees_with_lme4(fit, reference):
    wanted = reference["ml_ar1_lmer"]
    table = fit.tidy()
    assert fit.n_obs == reference["ml_ar1_lme"]["n"] == 1353
    np.testing.assert_allclose(table["estimate"], list(wanted["fixef"].values()), rtol=3e-6)
    np.testing.assert_allclose(table["std_error"], list(wanted["se"].values()), rtol=1e-5)
    assert fit.log_likelihood == pytest.approx(wanted["loglik"], abs=1e-6)
    spread = {(one["var1"], one["var2"]): one["sdcor"] for one in wanted["vc"]}
    assert table["sd"][0] == pytest.approx(spread["(Intercept)", None], rel=1e-5)
    assert np.sqrt(fit.residual.iloc[0, 0]) == pytest.approx(spread[None, None], rel=1e-6)
    # The random slope lies at its boundary: lme4 stops at SD .00308 and correlation -1, as here.
    assert table["sd"][1] == pytest.approx(spread["lc", None], abs=2e-5)
    random = fit.random.to_numpy()
    assert random[0, 1] / np.sqrt(random[0, 0] * random[1, 1]) == pytest.approx(-1, abs=1e-6)
    assert any("singular" in note for note in fit.warnings)


def test_nlme_stops_short_of_the_boundary(fit, reference):
    # lme ends at a slope SD of .0048 and a correlation of -.002, .0072 log-likelihood units below the optimum, which
    # moves its inertia by 3e-4 (a hundredth of a standard error).
    wanted = reference["ml_ar1_lme"]
    assert fit.log_likelihood - wanted["loglik"] == pytest.approx(0.0072, abs=1e-4)
    table = fit.tidy()
    assert table["estimate"][0] == pytest.approx(wanted["fixef"]["(Intercept)"], abs=1e-4)
    assert table["estimate"][1] == pytest.approx(wanted["fixef"]["lc"], abs=4e-4)
    np.testing.assert_allclose(table["std_error"], list(wanted["se"].values()), rtol=3e-4)
    assert table["sd"][0] == pytest.approx(wanted["sd_int"], rel=1e-5)
    assert np.sqrt(fit.residual.iloc[0, 0]) == pytest.approx(wanted["sigma"], rel=1e-5)


def test_predictions_agree_with_lme4(fit, reference):
    persons = fit.persons().set_index("person")
    kept = persons.drop([3, 5, 7])
    np.testing.assert_allclose(kept["inertia"].iloc[:5], reference["ml_ar1_lmer"]["blup_first5"], atol=2e-5)
    assert persons.loc[[3, 5, 7], ["level", "inertia"]].isna().all(axis=None)
    assert persons.loc[[3, 5, 7], "note"].tolist() == ["the values never vary"] * 2 + ["0 pairs, below 3"]


def test_the_bias_of_estimated_means_is_told(fit):
    assert "Person means are estimated from about 34 values each" in fit.warnings[-1]
    assert "(Nickell, 1981)" in fit.summary()


def test_kenward_roger_is_the_default(esm):
    table = rd.dynamics.inertia(esm, "pa").tidy()
    assert np.isfinite(table["df"]).all()
    assert (table["conf_low"] < table["estimate"]).all()


def test_partners_as_one_unit_have_an_inertia_per_role(esm):
    fit = rd.dynamics.inertia(esm, "pa", unit="dyad", estimation=Z)
    assert fit.tidy()["term"].tolist() == ["intercept, 0", "intercept, 1", "inertia, 0", "inertia, 1"]
    assert fit.random.shape == (4, 4)
    assert fit.residual.iloc[0, 1] > 0
    persons = fit.persons()
    assert np.isfinite(persons["inertia"]).sum() == 57
    frame = esm.frame.assign(role=1 - esm.frame["role"])
    swapped = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day", beep="beep")
    other = rd.dynamics.inertia(swapped, "pa", unit="dyad", estimation=Z).tidy()
    np.testing.assert_allclose(other["estimate"][[1, 0, 3, 2]], fit.tidy()["estimate"], rtol=1e-4)
    alike = rd.DyadPanel(esm.frame, dyad="dyad", person="person", day="day", beep="beep")
    pooled = rd.dynamics.inertia(alike, "pa", unit="dyad", estimation=Z)
    assert pooled.tidy()["term"].tolist() == ["intercept", "inertia"]
    assert pooled.persons()["inertia"].notna().sum() == 57


def test_a_planted_inertia_is_found_up_to_the_bias():
    rng = np.random.default_rng(5)
    n, T, phi = 80, 60, 0.4
    x = np.zeros((n, T))
    x[:, 0] = rng.normal(size=n) / np.sqrt(1 - phi**2)
    for t in range(1, T):
        x[:, t] = phi * x[:, t - 1] + rng.normal(size=n)
    person, time = (part.ravel() for part in np.indices(x.shape))
    frame = pd.DataFrame({"dyad": person // 2, "person": person, "time": time, "x": x.ravel() + 3})
    fit = rd.dynamics.inertia(rd.DyadPanel(frame, dyad="dyad", person="person", time="time"), "x", estimation=Z)
    estimate, error = fit.tidy().loc[1, ["estimate", "std_error"]]
    assert abs(estimate - (phi - (1 + phi) / (T - 1))) < 4 * error


def test_json_round_trip(fit):
    again = rd.from_json(fit.to_json())
    pd.testing.assert_frame_equal(again.tidy(), fit.tidy())
    pd.testing.assert_frame_equal(again.persons(), fit.persons())
    assert fit.glance()["n_persons"][0] == 57


def test_refusals(esm):
    with pytest.raises(rd.DesignError, match="unit='couple' is not known; allowed: 'person', 'dyad'"):
        rd.dynamics.inertia(esm, "pa", unit="couple")
    with pytest.raises(rd.DataError, match="no column 'pb'"):
        rd.dynamics.inertia(esm, "pb")
    few = esm.select(dyads=[1, 2])
    with pytest.raises(rd.DesignError, match="'pa': 2 persons have 3 pairs of a series that varies"):
        rd.dynamics.inertia(few.select(where=lambda rows: rows["person"].isin([1, 2, 3])), "pa")


def test_instability_agrees_with_lme_on_successive_observations_of_a_day(esm, reference):
    wanted = reference["mlm_log_ssd1"]
    fit = rd.dynamics.instability(esm, "pa", pairs="day")
    estimates = fit.tidy().set_index("term")["estimate"]
    assert estimates["intercept"] == pytest.approx(wanted["fixef"], rel=1e-7)
    assert estimates["sd_person"] == pytest.approx(wanted["sd_person"], rel=2e-6)
    assert estimates["sd_residual"] == pytest.approx(wanted["sd_res"], rel=2e-6)
    persons = fit.persons().set_index("person")
    assert persons.loc[7, "note"] == "no pair of neighbouring observations"
    assert persons.drop(7)["estimate"].notna().all()
    pd.testing.assert_frame_equal(rd.from_json(fit.to_json()).tidy(), fit.tidy())


def test_who_is_left_out_is_said(esm):
    left_out = (rd.dynamics.inertia(esm, "pa").persons()["note"] != "").sum()
    assert rd.dynamics.inertia(esm, "pa").notes[0] == f"{left_out} of 60 persons are left out; persons() says why."
    assert rd.dynamics.instability(esm, "pa").notes[0] == "1 of 60 persons is left out; persons() says why."
    everyone = esm.select(dyads=[10, 11, 12])
    assert not any("left out" in note for note in rd.dynamics.instability(everyone, "pa").notes)


def test_instability_refuses_what_it_cannot_model(esm):
    with pytest.raises(rd.DesignError, match="at least three need two pairs or more"):
        rd.dynamics.instability(esm.select(dyads=[1]), "pa")
    flat = esm.frame.assign(flat=5)
    panel = rd.DyadPanel(flat, dyad="dyad", person="person", day="day", beep="beep")
    with pytest.raises(rd.DesignError, match="changes by the same amount at every pair"):
        rd.dynamics.instability(panel, "flat")


def test_no_estimation_is_refused():
    panel = rd.simulate.apim(n_dyads=4, n_occasions=12, actor=0.3, partner=0.2, seed=1).panel
    with pytest.raises(rd.DesignError) as error:
        rd.dynamics.inertia(panel, "y", estimation="ml")
    assert str(error.value) == "estimation='ml' is not an Estimation, such as rd.Estimation(method='ml')."
