"""`rd.mixed_model` against a reference fit and literal designs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

REFERENCE = Path(__file__).parents[1] / "mixed" / "reference"


@pytest.fixture(scope="module")
def panel():
    frame = pd.read_csv(REFERENCE / "d100x14.csv")
    return rd.DyadPanel(frame.assign(person=frame["role"]), dyad="dyad", person="person", role="role", time="time")


FIXED = ("aw", "pw", "ab", "pb", "tm")


@pytest.mark.parametrize(("method", "log_likelihood"), [("reml", -3708.747101), ("ml", -3686.687473)])
def test_six_random_effects_reach_the_reference(panel, method, log_likelihood):
    fit = rd.mixed_model(
        panel,
        outcome="y",
        fixed=FIXED,
        random=("intercept", "aw", "pw"),
        estimation=rd.Estimation(method=method, inference="z"),
    )
    # The reference stops 1e-6 short of the optimum at most; below it we may never end.
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=1e-6)
    assert fit.converged


def test_tidy_names_the_columns(panel):
    fit = rd.mixed_model(panel, outcome="y", fixed=("aw", rd.shared("tm")), estimation=rd.Estimation(inference="z"))
    tidy = fit.tidy()
    assert tidy["term"].tolist() == ["intercept, A", "intercept, B", "aw, A", "aw, B", "tm"]
    assert tidy["effect"].tolist() == ["intercept", "intercept", "fixed", "fixed", "fixed"]
    assert tidy["variable"].tolist() == ["", "", "aw", "aw", "tm"]
    assert tidy["role"].tolist() == ["A", "B", "A", "B", ""]


def test_random_takes_only_columns_of_fixed(panel):
    with pytest.raises(rd.DesignError) as caught:
        rd.mixed_model(panel, outcome="y", fixed=("aw",), random=("intercept", "pw"))
    assert str(caught.value) == ("random='pw' is no column of fixed; there are: intercept, aw. Add it to fixed first.")


def test_diagonal_covariance_has_no_covariances(panel):
    fit = rd.mixed_model(
        panel,
        outcome="y",
        fixed=FIXED,
        random=rd.Random(("intercept", "aw"), covariance="diagonal"),
        estimation=rd.Estimation(inference="z"),
    )
    matrix = fit.covariance("random").to_numpy()
    assert np.count_nonzero(matrix - np.diag(np.diag(matrix))) == 0


Z = rd.Estimation(inference="z")
SITES = np.array(["Bern", "Oslo", "Turin"])


@pytest.fixture(scope="module")
def sites(cross_section):
    """Own and partner's predictor, centred at the grand mean, beside a site."""
    frame = cross_section.frame
    centred = frame["xa"] - frame["xa"].mean()
    partner = centred.groupby(frame["dyad"]).transform(lambda pair: pair.to_numpy()[::-1])
    return frame.assign(site=SITES[frame["dyad"] % 3], code=frame["dyad"] % 3, own=centred, partner=partner)


def panel_with(frame, **more):
    return rd.DyadPanel(frame, dyad="dyad", person="member", **({"role": "role"} | more))


def test_categories_equal_nlme(sites):
    fit = rd.mixed_model(panel_with(sites), outcome="y", fixed=["own", "partner", "site"], estimation=Z)
    tidy = fit.tidy().set_index("term")
    nlme = json.loads((Path(__file__).parent / "reference" / "categories.json").read_text(encoding="utf-8"))
    printed = {row["name"]: row for row in nlme["coef"]}
    names = {"roleB:ca": "own, B", "roleA:cp": "partner, A", "roleA:oslo": "site: Oslo, A"}
    for theirs, ours in (names | {"roleB:turin": "site: Turin, B"}).items():
        assert tidy.loc[ours, "estimate"] == pytest.approx(printed[theirs]["estimate"], abs=1e-5)
        assert tidy.loc[ours, "std_error"] == pytest.approx(printed[theirs]["std_error"], abs=1e-5)
    wald = fit.joint_test("site").set_index("term").loc["role x site"]
    assert wald["statistic"] * wald["df"] == pytest.approx(nlme["wald_role_site"]["chisq"], abs=1e-4)
    means = fit.marginal_means("site").set_index(["role", "category"])
    for row in nlme["means"]:
        assert means.loc[(row["role"], row["category"]), "std_error"] == pytest.approx(row["std_error"], abs=1e-6)


def test_forms_and_references_of_categories_are_one_model(sites):
    fit = rd.mixed_model(panel_with(sites), outcome="y", fixed=[rd.shared("site"), "own"], estimation=Z)
    assert fit.tidy()["term"].tolist()[2:4] == ["site: Oslo", "site: Turin"]
    turned = rd.mixed_model(
        panel_with(sites), outcome="y", fixed=[rd.shared("code"), "own"], reference={"code": 2}, estimation=Z
    )
    assert turned.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-9)
    assert turned.setting.categories == {"code": ("2", "0", "1")}
    new = panel_with(sites[sites["site"] == "Turin"])
    own = fit.predict().loc[(sites["site"] == "Turin").to_numpy(), "predicted"].to_numpy()
    assert fit.predict(new)["predicted"].to_numpy() == pytest.approx(own, abs=1e-9)
    assert "Categories of site (Oslo and Turin) are set against Bern." in " ".join(fit.summary().split())


def test_categories_vary_between_dyads_as_indicators(panel):
    frame = panel.frame
    frame["part"] = np.array(["early", "late"])[(frame["time"] > frame["time"].median()).astype(int)]
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="time")
    fit = rd.mixed_model(panel, outcome="y", fixed=["part"], random=["intercept", "part"], estimation=Z)
    assert fit.covariance("random").shape == (4, 4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"reference": {"town": "Bern"}}, "reference names 'town', which is no column of fixed; there are: site, own."),
        ({"reference": {"site": "Rome"}}, "reference={'site': 'Rome'}: 'site' has Bern, Oslo, Turin."),
        ({"estimation": rd.Estimation(missing="impute")}, "missing='impute' treats columns as normal, and 'site' is"),
        ({"random": ["town"]}, "random='town' is no column of fixed; there are: intercept, site, own."),
    ],
)
def test_what_categories_cannot_do_is_refused(sites, given, message):
    with pytest.raises(rd.DesignError) as caught:
        rd.mixed_model(panel_with(sites), outcome="y", fixed=["site", "own"], **given)
    assert str(caught.value).startswith(message)
