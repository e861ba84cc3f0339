"""Variance components with intervals, R2 within and between, and intraclass correlations, against nlme."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

REFERENCE = Path(__file__).parent / "reference"
Z = rd.Estimation(inference="z")


@pytest.fixture(scope="module")
def nlme():
    """nlme's lme and gls with `intervals` (script components.R)."""
    return json.loads((REFERENCE / "components.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rows():
    return pd.read_csv(REFERENCE / "components.csv")


def panel_of(frame, **more):
    return rd.DyadPanel(frame, dyad="dyad", person="role", **({"role": "role", "time": "time"} | more))


@pytest.fixture(scope="module")
def both(rows):
    return rd.apim(panel_of(rows), outcome="y", predictors=(), random=["intercept"], estimation=Z)


@pytest.fixture(scope="module")
def one_role(rows):
    """One role's multilevel model: the partner's rows are left out."""
    frame = rows[rows["role"] == "f"].copy()
    means = frame.groupby("dyad")["x"].transform("mean")
    frame["xw"], frame["xb"] = frame["x"] - means, means - means.mean()
    panel = rd.DyadPanel(frame, dyad="dyad", person="role", time="time")
    fixed = [rd.shared("xw"), rd.shared("xb")]
    random = [rd.shared("intercept"), rd.shared("xw")]
    return rd.mixed_model(
        panel, outcome="y", fixed=fixed, random=random, roles="exchangeable", residual="independent", estimation=Z
    )


def assert_interval(row, expected, squared=True, tolerance=0.04):
    """Estimates agree; nlme's information is observed, ours expected, so ends agree to a few per cent of the width."""
    power = 2 if squared else 1
    low, middle, high = (expected[name] ** power for name in ("lower", "est", "upper"))
    assert row["estimate"] == pytest.approx(middle, abs=2e-3 * (high - low))
    for name, end in (("conf_low", low), ("conf_high", high)):
        assert row[name] == pytest.approx(end, abs=tolerance * (high - low)), name


def test_components_of_both_roles_equal_nlme(both, nlme):
    random = both.tidy("random").set_index("term")
    first, second, correlation = nlme["both"]["random"]
    assert_interval(random.loc["variance of intercept, f"], first)
    assert_interval(random.loc["variance of intercept, m"], second)
    assert_interval(random.loc["correlation of intercept, f with intercept, m"], correlation, squared=False)
    residual = both.tidy("residual").set_index("term")
    assert_interval(residual.loc["residual variance of y, f"], nlme["both"]["sigma"])
    correlation = nlme["both"]["correlation"][0]
    assert_interval(residual.loc["residual correlation of partners' y"], correlation, squared=False)
    assert random["df"].eq(np.inf).all()
    assert random.loc["variance of intercept, f", ["statistic", "p_value"]].isna().all()


def test_components_of_a_saturated_cross_section_equal_nlme_closely(rows, nlme):
    """Observed and expected information are one there."""
    cross = rows[rows["time"] == 0]
    fit = rd.apim(panel_of(cross, time=None), outcome="y", predictors=(), estimation=Z)
    table = fit.tidy("residual").set_index("term")
    assert_interval(table.loc["residual variance of y, f"], nlme["gls"]["sigma"], tolerance=1e-3)
    assert_interval(
        table.loc["residual correlation of partners' y"], nlme["gls"]["correlation"][0], squared=False, tolerance=1e-3
    )


def test_r_squared_of_one_role_equals_rights_and_sterba(one_role, nlme):
    """Their formulas on nlme's fit of the same model, in R."""
    found = one_role.r_squared().set_index(["level", "source"])["estimate"]
    expected = nlme["one"]["r2"]
    names = {
        ("total", "fixed effects within persons"): "f1_t",
        ("total", "fixed effects between persons"): "f2_t",
        ("total", "fixed effects"): "f_t",
        ("total", "random slopes"): "v_t",
        ("total", "random intercepts"): "m_t",
        ("total", "fixed effects and random slopes"): "fv_t",
        ("total", "fixed and random effects"): "fvm_t",
        ("within", "fixed effects"): "f1_w",
        ("within", "random slopes"): "v_w",
        ("within", "fixed effects and random slopes"): "fv_w",
        ("between", "fixed effects"): "f2_b",
        ("between", "random intercepts"): "m_b",
    }
    centred = {("between", "random slopes"): 0.0, ("between", "fixed effects and random slopes"): expected["f2_b"]}
    assert set(found.index) == set(names) | set(centred)
    for key, value in centred.items():
        assert found[key] == pytest.approx(value, abs=1e-4), key
    for key, name in names.items():
        assert found[key] == pytest.approx(expected[name], abs=1e-4), key


def test_components_of_one_role_equal_nlme(one_role, nlme):
    table = one_role.tidy("random").set_index("term")
    first, second, correlation = nlme["one"]["random"]
    assert_interval(table.loc["variance of intercept"], first)
    assert_interval(table.loc["variance of xw"], second)
    assert_interval(table.loc["correlation of intercept with xw"], correlation, squared=False)


def test_r_squared_per_role_adds_up(rows):
    fit = rd.apim(panel_of(rows), outcome="y", predictors=["x"], random=["intercept", "actor"], estimation=Z)
    table = fit.r_squared()
    assert table["role"].unique().tolist() == ["f", "m"]
    own = table[table["role"] == "f"].set_index(["level", "source"])["estimate"]
    parts = [own["total", name] for name in ("fixed effects", "random slopes", "random intercepts")]
    assert sum(parts) == pytest.approx(own["total", "fixed and random effects"])
    assert own["between", "fixed effects"] + own["between", "random intercepts"] == pytest.approx(1.0)
    assert table["estimate"].between(0, 1).all()
    assert table["term"].is_unique


def test_intraclass_correlations_are_those_of_the_variances(both, nlme):
    G, R = both.covariance("random").to_numpy(), both.covariance("residual").to_numpy()
    whole = np.diag(G + R)
    table = both.icc().set_index("term")
    assert table.loc["same person, different occasions, f", "estimate"] == pytest.approx(G[0, 0] / whole[0])
    sd_f, sigma = nlme["both"]["random"][0]["est"], nlme["both"]["sigma"]["est"]
    expected = sd_f**2 / (sd_f**2 + sigma**2)
    assert table.loc["same person, different occasions, f", "estimate"] == pytest.approx(expected, abs=1e-4)
    scale = np.sqrt(whole.prod())
    assert table.loc["partners, different occasions", "estimate"] == pytest.approx(G[0, 1] / scale)
    assert table.loc["partners, same occasion", "estimate"] == pytest.approx((G[0, 1] + R[0, 1]) / scale)
    assert (table["conf_low"] < table["estimate"]).all()
    assert (table["estimate"] < table["conf_high"]).all()


@pytest.mark.parametrize("process", ["independent", "ar1", "car1", "var1"])
@pytest.mark.parametrize("roles", ["distinguishable", "exchangeable"])
def test_every_process_has_rows(rows, process, roles):
    fit = rd.apim(panel_of(rows), outcome="y", predictors=(), residual=process, roles=roles, estimation=Z)
    table = fit.tidy("residual")
    assert table["term"].is_unique
    wanted = {"independent": set(), "ar1": {"autoregression"}, "car1": {"decay"}, "var1": {"stability", "influence"}}
    assert wanted[process] <= set(table["effect"])
    used = table[table["note"] == ""]
    assert (used["conf_low"] <= used["estimate"]).all() and (used["estimate"] <= used["conf_high"]).all()
    variance = table[table["effect"] == "variance"]["estimate"].to_numpy()
    assert variance == pytest.approx(np.diag(fit.covariance("residual"))[: len(variance)])
    again = rd.from_json(fit.to_json())
    pd.testing.assert_frame_equal(again.tidy("residual"), table)
    pd.testing.assert_frame_equal(again.tidy("random"), fit.tidy("random"))


def test_a_variance_of_zero_has_no_interval():
    r = np.random.default_rng(2)
    dyad, time, member = (part.ravel() for part in np.meshgrid(range(30), range(4), [0, 1], indexing="ij"))
    y = r.normal(size=(30, 4, 2))
    y -= 0.9 * y.mean(axis=1, keepdims=True)
    frame = pd.DataFrame({"dyad": dyad, "time": time, "role": np.array(["f", "m"])[member], "y": y.ravel()})
    fit = rd.apim(panel_of(frame), outcome="y", predictors=(), random=["intercept"], estimation=Z)
    table = fit.tidy("random")
    assert (table["note"] != "").all()
    assert table["conf_low"].isna().all()


def test_what_has_no_components_is_refused(rows):
    cross = panel_of(rows[rows["time"] == 0], time=None)
    fit = rd.apim(cross, outcome="y", predictors=["x"], estimation=Z)
    with pytest.raises(rd.DesignError, match="no random effects"):
        fit.tidy("random")
    with pytest.raises(rd.DesignError, match="effect_sizes"):
        fit.r_squared()
    with pytest.raises(rd.DesignError, match="nonindependence"):
        fit.icc()
