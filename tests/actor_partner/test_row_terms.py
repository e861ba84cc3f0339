"""Offsets, prior weights and equal coefficients, against glm, geepack, nlme and lme4 (script row_terms.R)."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn import actor_partner as ap
from reldyn.actor_partner.model._gee import bias_reduced, fit_gee

REFERENCE = Path(__file__).parent / "reference"
NAMES = {"roleA": "intercept, A", "roleB": "intercept, B", "roleA:ca": "actor xa, A", "roleB:ca": "actor xa, B"}
NAMES |= {"roleA:cp": "partner xa, A", "roleB:cp": "partner xa, B"}
Z = rd.Estimation(inference="z")


@pytest.fixture(scope="module")
def reference():
    return json.loads((REFERENCE / "row_terms.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rows(cross_section):
    frame = cross_section.frame
    return frame.assign(
        count=np.maximum(0, np.round(frame["y"])),
        log_hours=np.log(1 + frame["dyad"] % 4),
        w=1 + frame["dyad"] % 3,
        rw=1 + (frame["dyad"] + 2 * frame["member"]) % 4,
    )


def panel_of(frame):
    return rd.DyadPanel(frame, dyad="dyad", person="member", role="role")


@pytest.fixture(scope="module")
def panel(rows):
    return panel_of(rows)


def counts(panel, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rd.apim(panel, outcome="count", predictors=["xa"], family="poisson", **named)


def assert_coefficients(fit, expected, tolerance):
    found = fit.tidy().set_index("term")["estimate"]
    for theirs, ours in NAMES.items():
        assert found[ours] == pytest.approx(expected[theirs], abs=tolerance), ours


def refused(function, *given, **named):
    with pytest.raises(rd.ReldynError) as caught:
        function(*given, **named)
    return str(caught.value)


# --- counts ------------------------------------------------------------------------------------------


def test_counts_with_offset_and_weights_equal_glm(panel, reference):
    """Weights that differ within dyads: working independence, whose coefficients are those of glm."""
    fit = counts(panel, offset="log_hours", weights="rw")
    assert_coefficients(fit, reference["glm"], 1e-6)
    assert_coefficients(fit, reference["gee_independence"]["coef"], 1e-6)
    assert np.isnan(fit.working)
    assert "members of a dyad have different weights" in " ".join(fit.summary().split())


def test_counts_with_one_weight_per_dyad_equal_geepack(panel, reference):
    fit = counts(panel, offset="log_hours", weights="w")
    # The two programs estimate the working correlation by different moments ...
    assert_coefficients(fit, reference["gee"]["coef"], 1e-2)
    # ... and the equations are solved at the one that is reported.
    design, score = fit.design, 0.0
    X = design.matrix(design.fixed)
    mean = np.exp(X @ fit.estimates.beta + design.offset)
    for dyad in range(design.n_dyads):
        own = np.flatnonzero(design.dyad == dyad)
        root = np.sqrt(mean[own] / design.weights[own])
        V = np.outer(root, root) * np.array([[1, fit.working], [fit.working, 1]])
        score = score + (mean[own, None] * X[own]).T @ np.linalg.solve(V, design.y[own] - mean[own])
    assert np.abs(score).max() < 1e-3
    # Bias-reduced standard errors are a little larger than geepack's.
    ratio = fit.estimates.std_error[[0, 1, 2, 3, 4, 5]] / np.array(reference["gee"]["std_error"])
    assert ((ratio > 1.0) & (ratio < 1.1)).all()


def test_an_offset_is_a_covariate_with_a_coefficient_of_one():
    r = np.random.default_rng(3)
    n = 1500
    hours = r.uniform(0.2, 5, (n, 2))
    x = r.normal(size=(n, 2)) + 0.5 * np.log(hours)
    y = r.poisson(hours * np.exp(0.3 + 0.2 * x + 0.1 * x[:, ::-1]))
    frame = pd.DataFrame({"dyad": np.repeat(range(n), 2), "member": [1, 2] * n, "role": ["A", "B"] * n})
    frame["xa"], frame["count"], frame["log_hours"] = x.ravel(), y.ravel(), np.log(hours).ravel()
    found = counts(panel_of(frame), offset="log_hours").tidy().groupby("effect")["estimate"].mean()
    assert (found["actor"], found["partner"]) == pytest.approx((0.2, 0.1), abs=0.04)
    without = counts(panel_of(frame)).tidy().groupby("effect")["estimate"].mean()
    assert without["actor"] > 0.3


def test_bias_reduced_errors_are_those_of_statsmodels_where_all_weigh_alike(rows):
    y = rows["count"].to_numpy()
    X = np.column_stack([np.ones(len(y)), rows["xa"], rows["xp"]])
    dyad = rows["dyad"].to_numpy() - 1
    plain = fit_gee(y, X, dyad, "poisson", exchangeable=True)
    mean = np.exp(X @ plain.beta)
    own = bias_reduced(y - mean, mean[:, None] * X, mean, dyad, plain.working, np.ones(len(y)))
    assert own == pytest.approx(plain.cov, rel=1e-8)
    # The scale of the weights says nothing about uncertainty.
    assert bias_reduced(y - mean, mean[:, None] * X, mean, dyad, plain.working, np.full(len(y), 7.0)) == pytest.approx(
        own, rel=1e-10
    )


def test_predictions_of_counts_hold_the_offset(panel, rows):
    fit = counts(panel, offset="log_hours")
    again = fit.predict(panel)
    pd.testing.assert_frame_equal(again, fit.predict())
    longer = panel_of(rows.assign(log_hours=rows["log_hours"] + 1.0))
    assert (fit.predict(longer)["predicted"] - again["predicted"]).to_numpy() == pytest.approx(np.ones(240))


def test_ordinal_outcomes_take_an_offset_and_no_weights(panel, rows):
    rated = panel_of(rows.assign(count=rows["count"].clip(3, 6)))
    fit = rd.apim(rated, outcome="count", predictors=["xa"], family="ordinal", offset="log_hours")
    assert fit.converged
    message = refused(rd.apim, rated, outcome="count", predictors=["xa"], family="ordinal", weights="w")
    assert message == "family='ordinal' takes no weights: leave weights out, or use another family."


# --- normal outcomes -----------------------------------------------------------------------------------


def test_weights_and_offset_equal_nlme(panel, reference):
    fit = rd.apim(panel, outcome="y", predictors=["xa"], offset="log_hours", weights="rw", estimation=Z)
    assert_coefficients(fit, reference["gls"]["coef"], 1e-5)
    order = {"roleA": 0, "roleB": 1, "roleA:ca": 2, "roleB:ca": 3, "roleA:cp": 4, "roleB:cp": 5}
    found = fit.tidy().set_index("term")["std_error"]
    for name, place in order.items():
        assert found[NAMES[name]] == pytest.approx(reference["gls"]["std_error"][place], abs=1e-5)
    assert fit.log_likelihood == pytest.approx(reference["gls"]["loglik"], abs=1e-5)
    assert "Prior weights: rw" in " ".join(fit.summary().split())


def test_weights_equal_lme4(panel, reference):
    fit = rd.apim(
        panel,
        outcome="y",
        predictors=["xa"],
        roles="exchangeable",
        random=[rd.shared("intercept")],
        residual="independent",
        weights="rw",
        estimation=Z,
    )
    expected = reference["lmer"]
    assert fit.estimates.beta == pytest.approx(list(expected["coef"].values()), abs=1e-5)
    assert fit.estimates.std_error == pytest.approx(expected["std_error"], abs=1e-5)
    assert fit.log_likelihood == pytest.approx(expected["loglik"], abs=1e-6)
    assert fit.covariance("random").iloc[0, 0] ** 0.5 == pytest.approx(expected["sd_dyad"], abs=1e-4)
    assert fit.covariance("residual").iloc[0, 0] ** 0.5 == pytest.approx(expected["sigma"], abs=1e-4)


def test_verbs_know_offset_and_weights(panel):
    fit = rd.apim(panel, outcome="y", predictors=["xa"], offset="log_hours", weights="rw", estimation=Z)
    rows = fit.augment()
    assert (rows["fitted_marginal"] + rows["residual_marginal"]).to_numpy() == pytest.approx(rows["y"].to_numpy())
    assert rows["fitted_marginal"].to_numpy() == pytest.approx(fit.predict()["predicted"].to_numpy())
    assert rows["residual_standardised"].std() == pytest.approx(1.0, abs=0.1)
    again = rd.from_json(fit.to_json(rows=True))
    pd.testing.assert_frame_equal(again.augment(), rows)
    assert rd.from_json(fit.to_json()).summary() == fit.summary()
    assert rd.apim(panel, outcome="y", predictors=["xa"]).to_json()


def test_equal_weights_of_any_size_change_no_slope(rows, panel):
    first = rd.apim(panel, outcome="y", predictors=["xa"])
    second = rd.apim(panel_of(rows.assign(w=5.0)), outcome="y", predictors=["xa"], weights="w")
    pd.testing.assert_frame_equal(first.tidy(), second.tidy(), rtol=1e-6)
    assert second.log_likelihood == pytest.approx(first.log_likelihood, abs=1e-6)
    assert (second.covariance("residual") / 5).to_numpy() == pytest.approx(
        first.covariance("residual").to_numpy(), rel=1e-5
    )


def test_bootstrap_of_weighted_rows_is_near_the_formula(panel):
    """Samples are drawn on the scale of the outcome."""
    estimation = rd.Estimation(inference="dyad-bootstrap", n_boot=60, seed=1)
    fit = rd.apim(panel, outcome="y", predictors=["xa"], offset="log_hours", weights="rw", estimation=estimation)
    plain = rd.apim(panel, outcome="y", predictors=["xa"], offset="log_hours", weights="rw", estimation=Z)
    ratio = fit.estimates.std_error / plain.estimates.std_error
    assert ((ratio > 0.6) & (ratio < 1.6)).all()


def test_what_cannot_be_a_weight_or_offset_is_refused(rows, panel):
    def apim(frame=rows, **named):
        return refused(rd.apim, panel_of(frame), outcome="y", predictors=["xa"], **named)

    assert apim(offset="xa").startswith("offset='xa' is in the model already")
    assert apim(weights=[1, 2]) == "weights=[1, 2] is a list: give the name of one column, as text."
    assert apim(weights=rows["y"]) == (
        "weights takes the name of a column of the panel, and what was given is of type Series: enter its values as a "
        "column first."
    )
    assert "weights='w' is 0 in rows 0, 1" in apim(rows.assign(w=np.where(rows.index < 2, 0, 1)), weights="w")
    assert apim(offset="log_hours", estimation=rd.Estimation(missing="model")).startswith(
        "missing='model' has no offset"
    )
    gaps = rows.assign(w=np.where(rows["dyad"] < 11, np.nan, 1.0))
    assert len(rd.apim(panel_of(gaps), outcome="y", predictors=["xa"], weights="w").design.y) == 220


# --- constraints -----------------------------------------------------------------------------------------


def test_equal_actor_and_partner_effects_equal_nlme(panel, reference):
    ml = rd.Estimation(method="ml")
    free = rd.apim(panel, outcome="y", predictors=["xa"], estimation=ml)
    one = rd.apim(panel, outcome="y", predictors=["xa"], constraints="actor=partner", estimation=ml)
    expected = reference["equal"]
    found = one.tidy().set_index("term")["estimate"]
    assert found["actor=partner xa, A"] == pytest.approx(expected["coef"]["roleA:I(ca + cp)"], abs=1e-5)
    assert one.log_likelihood == pytest.approx(expected["loglik"], abs=1e-6)
    test = rd.compare(one, free)
    assert (test.statistic, test.df) == (pytest.approx(expected["chisq"], abs=1e-5), 2)
    assert "Actor and partner effects are held equal." in " ".join(one.summary().split())
    pd.testing.assert_frame_equal(one.predict(panel), one.predict())
    # The same hypothesis, by contrast.
    wald = free.contrast("actor-minus-partner", joint=True).iloc[0]
    assert wald["df"] == 2
    assert wald["statistic"] * 2 == pytest.approx(test.statistic, rel=0.15)


def test_slopes_equal_across_predictors_are_the_slope_of_the_sum(rows):
    frame = rows.assign(z=np.random.default_rng(2).normal(size=len(rows)))
    frame["sum"] = frame["xa"] + frame["z"]
    panel = panel_of(frame)
    equal = rd.apim(panel, outcome="y", predictors=["xa", "z"], constraints="equal-predictors")
    total = rd.apim(panel, outcome="y", predictors=["sum"])
    assert equal.estimates.beta == pytest.approx(total.estimates.beta, abs=1e-9)
    assert equal.tidy()["term"].tolist()[2:4] == ["actor xa + z, A", "actor xa + z, B"]
    both = rd.apim(panel, outcome="y", predictors=["xa", "z"], constraints=("actor=partner", "equal-predictors"))
    assert both.tidy()["effect"].tolist() == ["intercept"] * 2 + ["actor=partner"] * 2
    moderated = rd.apim(
        panel, outcome="y", predictors=["xa"], moderators={"log_hours": "dyad"}, constraints="actor=partner"
    )
    assert "actor=partner xa x dyad log_hours, A" in moderated.tidy()["term"].tolist()
    assert "'equal-predictors'" in refused(
        rd.apim, panel, outcome="y", predictors=["xa"], constraints="equal-predictors"
    )
    assert "Did you mean" in refused(rd.apim, panel, outcome="y", predictors=["xa"], constraints="actor=partners")
    assert "no predictor with both" in refused(both.pattern)
    assert ap.effect_sizes(equal) is not None


def test_models_of_other_weights_or_offsets_are_not_nested(rows):
    panel = rd.DyadPanel(
        rows.assign(w=1.0 + rows["dyad"] % 3, o=np.sin(np.arange(len(rows)))), dyad="dyad", person="member", role="role"
    )
    ml = rd.Estimation(method="ml")
    model = {"outcome": "y", "predictors": ["xa"], "estimation": ml}
    larger = rd.apim(panel, **model, covariates=["o"])
    with pytest.raises(rd.DesignError, match="different prior weights"):
        rd.compare(rd.apim(panel, **model, weights="w"), larger)
    with pytest.raises(rd.DesignError, match="different offsets"):
        rd.compare(rd.apim(panel, **model, offset="w"), larger)
    # A coefficient of 1 is one value of a free coefficient: nested.
    known, none = rd.apim(panel, **model, offset="o"), rd.apim(panel, **model)
    found = rd.compare(known, larger).tidy().iloc[0]
    assert found["df"] == 2
    assert found["statistic"] == pytest.approx(2 * (larger.log_likelihood - known.log_likelihood))
    assert rd.compare(none, larger).tidy()["df"].item() == 2


def test_the_role_is_no_covariate_of_members_told_apart(rows, panel):
    name = panel.columns["role"]
    said = refused(rd.apim, panel, outcome="y", predictors=["xa"], covariates=[name])
    assert said.startswith(f"{name!r} tells the members apart")
