"""Categorical covariates and moderators: indicators, joint tests, marginal means, roles that differ in them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn import actor_partner as ap

REFERENCE = Path(__file__).parent / "reference"
SITES = np.array(["Bern", "Oslo", "Turin"])
Z = rd.Estimation(inference="z")


def refused(function, *given, **named):
    with pytest.raises(rd.ReldynError) as caught:
        function(*given, **named)
    return str(caught.value)


@pytest.fixture(scope="module")
def rows(cross_section):
    frame = cross_section.frame
    return frame.assign(site=SITES[frame["dyad"] % 3], code=frame["dyad"] % 3)


def panel_of(frame, **more):
    return rd.DyadPanel(frame, dyad="dyad", person="member", **({"role": "role"} | more))


@pytest.fixture(scope="module")
def nlme():
    """nlme's gls with treatment columns (script categories.R)."""
    return json.loads((REFERENCE / "categories.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def fit(rows):
    return rd.apim(panel_of(rows), outcome="y", predictors=["xa"], covariates=["site"], estimation=Z)


def test_coefficients_equal_nlme(fit, nlme):
    tidy = fit.tidy().set_index("term")
    names = {"roleA": "intercept, A", "roleB:ca": "actor xa, B", "roleA:cp": "partner xa, A"}
    names |= {"roleA:oslo": "site: Oslo, A", "roleB:turin": "site: Turin, B"}
    printed = {row["name"]: row for row in nlme["coef"]}
    for theirs, ours in names.items():
        assert tidy.loc[ours, "estimate"] == pytest.approx(printed[theirs]["estimate"], abs=1e-5)
        assert tidy.loc[ours, "std_error"] == pytest.approx(printed[theirs]["std_error"], abs=1e-5)
    assert tidy.loc["site: Oslo, A", ["effect", "variable", "category"]].tolist() == ["covariate", "site", "Oslo"]


def test_joint_tests_equal_wald_and_likelihood_ratio_in_r(fit, nlme):
    wald = fit.joint_test("site").set_index("term")
    assert list(wald.index) == ["site", "site, A", "site, B", "role x site"]
    for term, name in (("site", "wald_site"), ("role x site", "wald_role_site")):
        assert wald.loc[term, "statistic"] * wald.loc[term, "df"] == pytest.approx(nlme[name]["chisq"], abs=1e-4)
        assert wald.loc[term, "df"] == nlme[name]["df"]
    ratio = fit.joint_test("site", test="likelihood-ratio").set_index("term")
    for term, name in (("site", "lr_site"), ("role x site", "lr_role_site")):
        assert ratio.loc[term, "statistic"] == pytest.approx(nlme[name]["chisq"], abs=1e-5)
        assert ratio.loc[term, "df"] == nlme[name]["df"]


def test_marginal_means_equal_r(fit, nlme):
    found = fit.marginal_means("site").set_index(["role", "category"])
    assert len(found) == len(nlme["means"]) == 6
    for row in nlme["means"]:
        own = found.loc[(row["role"], row["category"])]
        assert own["estimate"] == pytest.approx(row["estimate"], abs=1e-6)
        assert own["std_error"] == pytest.approx(row["std_error"], abs=1e-6)


@pytest.mark.parametrize("form", ["text", "category", "numbers named in reference"])
def test_every_form_of_categories_gives_the_same_model(rows, fit, form):
    frame, given = rows.copy(), {}
    if form == "category":
        frame["site"] = pd.Categorical(frame["site"], categories=["Bern", "Nowhere", "Oslo", "Turin"])
    if form == "numbers named in reference":
        frame["site"], given = frame["code"], {"reference": {"site": 0}}
    found = rd.apim(panel_of(frame), outcome="y", predictors=["xa"], covariates=["site"], estimation=Z, **given)
    assert found.estimates.beta == pytest.approx(fit.estimates.beta, abs=1e-9)


def test_indicator_columns_by_hand_give_the_same_model(rows, fit):
    frame = rows.assign(oslo=(rows["site"] == "Oslo") * 1.0, turin=(rows["site"] == "Turin") * 1.0)
    found = rd.apim(panel_of(frame), outcome="y", predictors=["xa"], covariates=["oslo", "turin"], estimation=Z)
    assert found.estimates.beta == pytest.approx(fit.estimates.beta, abs=1e-9)
    assert found.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-9)


def test_another_reference_changes_coefficients_and_no_test(rows, fit):
    found = rd.apim(
        panel_of(rows), outcome="y", predictors=["xa"], covariates=["site"], reference={"site": "Turin"}, estimation=Z
    )
    assert found.setting.categories == {"site": ("Turin", "Bern", "Oslo")}
    assert found.joint_test("site")["statistic"].to_numpy() == pytest.approx(
        fit.joint_test("site")["statistic"].to_numpy(), abs=1e-6
    )
    first, second = (
        one.marginal_means("site").sort_values(["role", "category"])["estimate"].to_numpy() for one in (found, fit)
    )
    assert first == pytest.approx(second, abs=1e-8)
    assert "set against Turin" in " ".join(found.summary().split())


def test_kenward_roger_tests_have_error_degrees_of_freedom(rows):
    found = rd.apim(panel_of(rows), outcome="y", predictors=["xa"], covariates=["site"]).joint_test("site")
    assert np.isfinite(found["df_error"]).all()
    assert (found["df_error"] > 50).all()


def test_a_categorical_moderator_moderates_every_effect(rows):
    fit = rd.apim(panel_of(rows), outcome="y", predictors=["xa"], moderators={"site": "dyad"}, estimation=Z)
    terms = fit.tidy().query("role == 'A'")["term"].tolist()
    assert "site: Oslo, A" in terms
    assert "actor xa x dyad site: Oslo, A" in terms
    assert "partner xa x dyad site: Turin, A" in terms
    # With every effect free per site and role, a fit of one site by itself has the same slopes.
    alone = rd.apim(
        panel_of(rows[rows["site"] == "Oslo"]), outcome="y", predictors=["xa"], centering="none", estimation=Z
    )
    tidy = fit.tidy().set_index("term")["estimate"]
    expected = alone.tidy().set_index("term")["estimate"]
    whole = tidy["actor xa, A"] + tidy["actor xa x dyad site: Oslo, A"]
    assert whole == pytest.approx(expected["actor xa, A"], abs=0.05)
    tests = fit.joint_test("site")["term"].tolist()
    assert tests[:2] == ["site (all terms)", "site"]
    assert "actor xa x dyad site" in tests
    assert fit.joint_test("actor xa x dyad site")["df"].iloc[0] == 4
    assert "fit.joint_test('site')" in refused(ap.simple_slopes, fit)
    means = fit.marginal_means("site")
    predicted = fit.predict().assign(site=rows["site"].to_numpy(), role=rows["role"].to_numpy())
    grand = predicted.groupby(["role", "site"])["predicted"].mean()
    for row in means.itertuples():
        assert row.estimate == pytest.approx(grand[row.role, row.category], abs=0.15)


def test_partners_categories_moderate_as_a_trait(rows):
    frame = rows.assign(job=np.where((rows["dyad"] // (1 + rows["member"])) % 2 == 0, "day", "shift"))
    fit = rd.apim(panel_of(frame), outcome="y", predictors=["xa"], moderators={"job": ("actor", "partner")})
    assert {"actor job: shift, A", "partner job: shift, B"} <= set(fit.tidy()["term"])


def test_predictions_know_the_categories_of_the_fit(rows, fit):
    new = panel_of(rows[rows["site"] == "Turin"])
    own = fit.predict().loc[(rows["site"] == "Turin").to_numpy(), "predicted"].to_numpy()
    assert fit.predict(new)["predicted"].to_numpy() == pytest.approx(own, abs=1e-9)
    strange = panel_of(rows.assign(site="Rome"))
    message = refused(fit.predict, strange)
    assert message == "the fit knows no category 'Rome' of 'site'; it was made with Bern, Oslo, Turin."


def test_json_keeps_categories(rows):
    fit = rd.apim(panel_of(rows), outcome="y", predictors=["xa"], covariates=["site"])
    again = rd.from_json(fit.to_json(rows=True))
    pd.testing.assert_frame_equal(again.tidy(), fit.tidy())
    pd.testing.assert_frame_equal(again.joint_test("site"), fit.joint_test("site"))
    pd.testing.assert_frame_equal(again.marginal_means("site"), fit.marginal_means("site"))


def test_exchangeable_members_and_means_of_roles(rows, fit):
    alike = rd.apim(
        panel_of(rows), outcome="y", predictors=["xa"], covariates=[rd.shared("site")], roles="exchangeable"
    )
    assert alike.joint_test("site")["term"].tolist() == ["site"]
    assert alike.marginal_means("site")["role"].tolist() == [""] * 3
    both = fit.marginal_means("role").set_index("role")["estimate"]
    per_site = fit.marginal_means("site").groupby("role")["estimate"].mean()
    assert both.to_numpy() == pytest.approx(per_site.to_numpy(), abs=1e-10)


def test_marginal_models_have_joint_tests_and_means(rows):
    frame = rows.assign(high=(rows["y"] > rows["y"].median()) * 1.0)
    fit = rd.apim(panel_of(frame), outcome="high", predictors=["xa"], covariates=["site"], family="binomial")
    assert fit.joint_test("site")["df_error"].iloc[0] == fit.estimates.df[0]
    means = fit.marginal_means("site")
    assert means["response"].between(0, 1).all()
    assert (means["response_low"] < means["response"]).all()
    assert "no likelihood" in refused(fit.joint_test, "site", test="likelihood-ratio")


def test_what_cannot_be_is_refused(rows, fit):
    def apim(**named):
        return refused(rd.apim, panel_of(rows), **({"outcome": "y", "predictors": ["xa"]} | named))

    assert apim(covariates=["site"], reference={"site": "Rome"}) == (
        "reference={'site': 'Rome'}: 'site' has Bern, Oslo, Turin."
    )
    assert apim(reference={"site": "Bern"}).startswith(
        "reference names 'site', which is no covariate or moderator; there are: none."
    )
    assert apim(reference="Bern").startswith("reference='Bern' is not a mapping")
    assert "pd.get_dummies" in apim(predictors=["site"])
    assert "is categorical" in apim(covariates=["site"], estimation=rd.Estimation(missing="impute"))
    message = refused(rd.apim, panel_of(rows.assign(site="Bern")), outcome="y", predictors=["xa"], covariates=["site"])
    assert message == "'site' has only the category 'Bern' in rows with 'y': leave it out."
    assert refused(fit.joint_test, "town").startswith("the model has no term 'town' to test; there are: xa, actor xa,")
    assert "no categorical covariate or moderator" in refused(fit.marginal_means, "xa")


@pytest.mark.parametrize("dtype", [bool, "boolean", "category"])
@pytest.mark.parametrize("first", [True, "True"])
def test_yes_or_no_takes_a_reference(rows, dtype, first):
    kids = rows["dyad"] % 2 == 0
    given = {"outcome": "y", "predictors": ["xa"], "covariates": ["kids"]}
    found = rd.apim(panel_of(rows.assign(kids=kids.astype(dtype))), **given, reference={"kids": first})
    assert found.setting.categories == {"kids": ("True", "False")}
    by_hand = rd.apim(panel_of(rows.assign(kids=(~kids) * 1.0)), **given)
    assert found.tidy()["estimate"].to_numpy() == pytest.approx(by_hand.tidy()["estimate"].to_numpy())
    again = rd.from_json(found.to_json(rows=True))
    pd.testing.assert_frame_equal(again.marginal_means("kids"), found.marginal_means("kids"))


@pytest.mark.parametrize("blank", ["", "  "])
def test_blank_text_is_no_category(rows, blank):
    panel = panel_of(rows.assign(site=rows["site"].where(rows["dyad"] > 3, blank)))
    message = refused(rd.apim, panel, outcome="y", predictors=["xa"], covariates=["site"])
    assert message.startswith("'site' is blank text in rows 0, 1, 2, 3, 4")


@pytest.mark.parametrize("family", ["gaussian", "binomial", "ordinal"])
def test_a_text_outcome_is_told_how_outcomes_are_recoded(rows, family):
    panel = panel_of(rows.assign(kept=pd.Categorical(SITES[rows["dyad"] % 3], categories=list(SITES[::-1]))))
    message = refused(rd.apim, panel, outcome="kept", predictors=["xa"], family=family)
    listed = "'Turin', 'Oslo', 'Bern'"
    assert message.startswith(f"the outcome 'kept' holds text ({listed}): recode two categories to 0 and 1")
    assert "ordered ones to 1, 2, 3, ... in their order (family='ordinal')" in message
    assert refused(rd.mixed_model, panel, outcome="kept", fixed=["xa"]).startswith("the outcome 'kept' holds text")
