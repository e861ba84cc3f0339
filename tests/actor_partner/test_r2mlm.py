"""Shares of variance within and between persons, against the R package r2mlm."""

import json
from pathlib import Path

import pandas as pd
import pytest

import reldyn as rd

REFERENCE = Path(__file__).parent / "reference"
SOURCES = {
    ("f1", "total"): "fixed effects within persons",
    ("f2", "total"): "fixed effects between persons",
    ("f", "total"): "fixed effects",
    ("v", "total"): "random slopes",
    ("m", "total"): "random intercepts",
    ("fv", "total"): "fixed effects and random slopes",
    ("fvm", "total"): "fixed and random effects",
    ("f1", "within"): "fixed effects",
    ("v", "within"): "random slopes",
    ("v1", "within"): "random slopes",
    ("fv", "within"): "fixed effects and random slopes",
    ("f2", "between"): "fixed effects",
    ("v2", "between"): "random slopes",
    ("m", "between"): "random intercepts",
    ("fv", "between"): "fixed effects and random slopes",
}
MODELS = {
    "intercepts": (["xw", "zw", "xb", "zb"], ["intercept"]),
    "slopes": (["xw", "zw", "xb", "zb"], ["intercept", "xw"]),
    "uncentred": (["x", "z"], ["intercept", "x"]),
}


@pytest.fixture(scope="module")
def r2mlm():
    """The package's own functions on lme4's and nlme's fits (script r2mlm.R)."""
    return json.loads((REFERENCE / "r2mlm.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def panel():
    """One role's rows, 4 to 9 a person (script r2mlm.py)."""
    frame = pd.read_csv(REFERENCE / "r2mlm.csv")
    for name in ("x", "z"):
        frame[f"{name}b"] = frame.groupby("person")[name].transform("mean")
        frame[f"{name}w"] = frame[name] - frame[f"{name}b"]
    return rd.DyadPanel(frame.assign(dyad=frame["person"]), dyad="dyad", person="person", time="time")


def assert_shares(table, expected, tolerance):
    found = table.set_index(["level", "source"])["estimate"]
    for row, shares in expected.items():
        for level, share in shares.items():
            if (row, level) in SOURCES:
                assert found[level, SOURCES[row, level]] == pytest.approx(share, abs=tolerance), (row, level)


@pytest.mark.parametrize("method", ["reml", "ml"])
@pytest.mark.parametrize("model", MODELS)
def test_shares_of_one_role_equal_r2mlm(panel, r2mlm, model, method):
    fixed, random = MODELS[model]
    fit = rd.mixed_model(
        panel,
        outcome="y",
        fixed=[rd.shared(name) for name in fixed],
        random=[rd.shared(name) for name in random],
        roles="exchangeable",
        residual="independent",
        estimation=rd.Estimation(inference="z", method=method),
    )
    expected = r2mlm["one"][model][method]
    assert fit.log_likelihood == pytest.approx(expected["loglik"], abs=1e-6)
    assert_shares(fit.r_squared(), expected["r2"], 1e-6)
    assert_shares(fit.r_squared(), expected.get("long", {}), 1e-6)


def test_shares_of_both_roles_equal_r2mlm_on_their_estimates(r2mlm):
    frame = pd.read_csv(REFERENCE / "components.csv")
    panel = rd.DyadPanel(frame, dyad="dyad", person="role", role="role", time="time")
    estimation = rd.Estimation(inference="z")
    fit = rd.apim(panel, outcome="y", predictors=["x"], random=["intercept"], estimation=estimation)
    expected = r2mlm["both"]
    assert fit.log_likelihood == pytest.approx(expected["loglik"], abs=1e-6)
    table = fit.r_squared()
    for role in ("f", "m"):
        assert_shares(table[table["role"] == role], expected[role], 1e-5)
