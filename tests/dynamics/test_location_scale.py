"""Location and scale: the reference log variances, recovery of planted moments, edges."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import digamma, polygamma

import reldyn as rd


@pytest.fixture(scope="module")
def coupled(reference_folder):
    wide = pd.read_csv(reference_folder / "var.csv")
    long = wide.melt(id_vars=["dyad", "t"], value_vars=["y1", "y2"], var_name="role", value_name="y")
    return rd.DyadPanel(long.assign(person=long["role"]), dyad="dyad", person="person", role="role", time="t")


def test_log_variances_agree_with_r(coupled, reference_folder):
    wanted = json.loads((reference_folder / "e_logvar.json").read_text(encoding="utf-8"))["logvar"]
    persons = rd.dynamics.location_scale(coupled, "y", residual="influence").persons().query("role == 'y1'")
    # R's var(resid(...)) divides by n - 1 = 68 although three coefficients were estimated from 69 rows: ours by 66.
    ours = np.log(persons["variance"]) + np.log(66 / 68)
    assert persons["df"].eq(66).all()
    assert ours.mean() == pytest.approx(wanted["mean"], rel=1e-9)
    assert ours.std() == pytest.approx(wanted["sd"], rel=1e-9)


def test_sampling_error_is_taken_out_of_the_spread(coupled):
    table = rd.dynamics.location_scale(coupled, "y", residual="influence").tidy().set_index("term")
    row = table.loc["scale_sd, y1"]
    # The sampling SD of a log variance on 66 degrees of freedom is .176, near the root of 2 / df.
    assert row["uncorrected"] == pytest.approx(0.2781, abs=1e-4)
    assert row["estimate"] == pytest.approx(np.sqrt(0.27810498**2 - polygamma(1, 33)), rel=1e-6)
    # Planted: the log of the variance has SD .2 over dyads.
    assert row["conf_low"] < 0.2 < row["conf_high"]
    persons = rd.dynamics.location_scale(coupled, "y", residual="influence").persons()
    np.testing.assert_allclose(persons["log_variance"], np.log(persons["variance"]) - digamma(33) + np.log(33))


def world(rng, *, n=150, T=40, rho=0.5):
    root = np.linalg.cholesky([[1.0, rho * 0.4], [rho * 0.4, 0.16]])
    true = rng.normal(size=(n, 2)) @ root.T
    x = true[:, :1] + np.exp(0.5 * true[:, 1:]) * rng.normal(size=(n, T))
    person, time = (part.ravel() for part in np.indices(x.shape))
    frame = pd.DataFrame({"dyad": person, "person": person, "time": time, "x": x.ravel()})
    return rd.DyadPanel(frame, dyad="dyad", person="person", time="time")


def test_planted_moments_are_found_and_covered():
    rng = np.random.default_rng(12)
    truth = {"location_sd": 1.0, "scale_mean": 0.0, "scale_sd": 0.4, "correlation": 0.5}
    hits = dict.fromkeys(truth, 0)
    found = []
    for _ in range(20):
        table = rd.dynamics.location_scale(world(rng), "x").tidy().set_index("term")
        found.append(table["estimate"])
        for term, value in truth.items():
            hits[term] += table.loc[term, "conf_low"] <= value <= table.loc[term, "conf_high"]
    mean = pd.DataFrame(found).mean()
    for term, value in truth.items():
        assert mean[term] == pytest.approx(value, abs=0.05)
        assert hits[term] >= 16
    # Uncorrected, the correlation is weaker.
    assert table.loc["correlation", "uncorrected"] < table.loc["correlation", "estimate"]


def test_the_diary_leaves_out_who_has_no_variance(esm):
    result = rd.dynamics.location_scale(esm, "pa")
    persons = result.persons().set_index("person")
    assert persons.loc[[3, 5], "note"].tolist() == ["the values never vary"] * 2
    assert persons.loc[7, "note"] == "one observed value"
    assert persons.loc[[3, 5, 7], "log_variance"].isna().all()
    assert result.warnings[0] == "3 of 60 persons are left out; their rows say why."
    kept = persons.drop([3, 5, 7])
    assert (kept["log_variance_shrunken"].std() < kept["log_variance"].std()).all()
    assert result.tidy()["role"].tolist() == [0] * 5 + [1] * 5


def test_a_shift_moves_the_location_and_a_unit_the_scale(esm):
    one = rd.dynamics.location_scale(esm, "pa").tidy().set_index("quantity")
    frame = esm.frame.assign(pa=esm.frame["pa"] * 2 + 5)
    moved = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day", beep="beep")
    two = rd.dynamics.location_scale(moved, "pa").tidy().set_index("quantity")
    np.testing.assert_allclose(two.loc["location_mean", "estimate"], one.loc["location_mean", "estimate"] * 2 + 5)
    np.testing.assert_allclose(
        two.loc["scale_mean", "estimate"], one.loc["scale_mean", "estimate"] + 2 * np.log(2), rtol=1e-9
    )
    for term in ("scale_sd", "correlation"):
        np.testing.assert_allclose(two.loc[term, "estimate"], one.loc[term, "estimate"], rtol=1e-7)


@pytest.mark.parametrize("residual", ["mean", "inertia"])
def test_a_tiny_unit_leaves_no_one_out(esm, residual):
    frame = esm.frame.assign(small=esm.frame["pa"] * 1e-9)
    moved = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day", beep="beep")
    one = rd.dynamics.location_scale(esm, "pa", residual=residual)
    two = rd.dynamics.location_scale(moved, "small", residual=residual)
    assert two.persons()["note"].tolist() == one.persons()["note"].tolist()
    np.testing.assert_allclose(
        two.tidy().query("quantity == 'scale_sd'")["estimate"], one.tidy().query("quantity == 'scale_sd'")["estimate"]
    )


def test_a_constant_whose_mean_rounds_never_varies(esm):
    # The mean of many 0.1 is not 0.1 in floating point.
    still = np.where(esm.frame["person"] == 10, 0.1, esm.frame["pa"])
    panel = rd.DyadPanel(esm.frame.assign(still=still), dyad="dyad", person="person", day="day", beep="beep")
    for residual in ("mean", "inertia", "influence"):
        persons = rd.dynamics.location_scale(panel, "still", residual=residual).persons().set_index("person")
        assert persons.loc[10, "note"] == "the values never vary"


def test_persons_who_do_not_differ_have_no_spread():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 8))
    x = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    person, time = (part.ravel() for part in np.indices(x.shape))
    frame = pd.DataFrame({"dyad": person, "person": person, "time": time, "x": x.ravel()})
    table = rd.dynamics.location_scale(rd.DyadPanel(frame, dyad="dyad", person="person", time="time"), "x").tidy()
    row = table.set_index("term").loc["scale_sd"]
    assert np.isnan(row["estimate"])
    assert row["note"] == "sampling error accounts for all differences between persons"


def test_few_or_empty_series_give_rows_that_say_why(esm):
    few = esm.select(dyads=[10, 11])
    table = rd.dynamics.location_scale(few, "pa").tidy()
    assert table["estimate"].isna().all()
    assert set(table["note"]) == {"persons of 2 dyads, below 5"}
    frame = esm.frame.assign(empty=np.nan)
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day", beep="beep")
    result = rd.dynamics.location_scale(panel, "empty", residual="inertia")
    assert set(result.persons()["note"]) == {"no observed value"}
    assert result.n_persons == 0


def test_options_and_round_trip(esm):
    with pytest.raises(rd.DesignError, match="residual='lag' is not known; allowed: 'mean', 'inertia', 'influence'"):
        rd.dynamics.location_scale(esm, "pa", residual="lag")
    result = rd.dynamics.location_scale(esm, "pa", residual="inertia")
    pd.testing.assert_frame_equal(rd.from_json(result.to_json()).persons(), result.persons())
    assert result.summary().startswith("Location and scale of pa")
    assert result.glance()["n_persons"][0] == 57
