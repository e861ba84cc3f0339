"""The verbs of a fitted model: tables, text, labels, and the way through JSON."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd


@pytest.fixture(scope="module")
def fit(cross_section):
    return rd.apim(
        cross_section, outcome="y", predictors=["xa"], centering="none", estimation=rd.Estimation(inference="z")
    )


def test_tidy_has_the_columns_promised(fit):
    assert fit.tidy().columns.tolist() == [
        "term",
        "effect",
        "variable",
        "level",
        "role",
        "moderator",
        "estimate",
        "std_error",
        "statistic",
        "df",
        "p_value",
        "conf_low",
        "conf_high",
    ]


def test_glance_is_one_row(fit):
    glance = fit.glance()
    assert len(glance) == 1
    row = glance.iloc[0]
    assert (row["n_dyads"], row["n_persons"], row["n_obs"], row["n_parameters"]) == (120, 240, 240, 9)
    assert row["bic"] == pytest.approx(736.530927892331, abs=1e-5)
    assert row["bic_dyads"] == pytest.approx(-2 * row["log_likelihood"] + np.log(120) * 9, abs=1e-9)
    assert (row["method"], row["inference"], row["coding"]) == ("reml", "z", "role-wise")
    assert row["converged"]
    assert not row["at_boundary"]


def test_covariance_frames_carry_the_roles(fit):
    residual = fit.covariance("residual")
    assert residual.index.tolist() == residual.columns.tolist() == ["A", "B"]
    assert residual.loc["A", "B"] == residual.loc["B", "A"]
    assert fit.covariance("random").shape == (0, 0)
    with pytest.raises(rd.DesignError) as caught:
        fit.covariance("residuals")
    assert str(caught.value) == (
        "covariance of='residuals' is not known; allowed: 'random', 'residual'. Did you mean 'residual'?"
    )


def test_residual_process_speaks_in_roles(fit):
    process = fit.residual_process
    assert process["sd"] == pytest.approx({"A": 0.9118516972589, "B": 0.9118516972589 * 1.320246357011}, abs=1e-6)
    assert process["correlation"] == pytest.approx(0.4518079284549, abs=1e-6)


def test_summary_is_this_text(fit):
    assert fit.summary() == SUMMARY


def test_saved_and_brought_back_it_is_the_same(fit, small, tmp_path):
    diary = rd.apim(
        small, outcome="y", predictors=["x"], random=("intercept", rd.shared("actor")), estimation=rd.Estimation(seed=3)
    )
    for result in (fit, diary):
        result.to_json(tmp_path / "fit.json")
        again = rd.from_json(tmp_path / "fit.json")
        assert type(again) is type(result)
        pd.testing.assert_frame_equal(again.tidy(), result.tidy())
        pd.testing.assert_frame_equal(again.covariance("random"), result.covariance("random"))
        assert again.summary() == result.summary()
        assert again.setting == result.setting


SUMMARY = """\
Actor-partner interdependence model of y

The model was fitted to 240 of 240 rows from 120 dyads (240 persons); members are distinguished by
role (A, B). Actor and partner effects of xa, entered uncentred. Varying between dyads: nothing.
Residuals: a free 2 x 2 covariance within each occasion. Estimation was by restricted maximum
likelihood (log-likelihood -343.717, 9 parameters, AIC 705.43, BIC 736.53 counting rows, 730.52
counting dyads; under REML, to be compared between models with the same fixed effects only).
Inference: model-based standard errors, normal (z) tests and intervals. Model: Kenny, Kashy and Cook
(2006); Bolger and Laurenceau (2013).

Fixed effects
         term estimate std_error statistic  df p_value conf_low conf_high
 intercept, A    5.040     0.087    57.655 inf  < .001    4.869     5.211
 intercept, B    4.867     0.115    42.171 inf  < .001    4.641     5.093
  actor xa, A    0.506     0.102     4.955 inf  < .001    0.306     0.706
  actor xa, B    0.435     0.102     4.275 inf  < .001    0.236     0.635
partner xa, A    0.358     0.077     4.647 inf  < .001    0.207     0.509
partner xa, B    0.056     0.135     0.415 inf    .678   -0.208     0.320

Residuals (standard deviations, correlations)
     sd     1
A 0.912
B 1.204 0.452"""


@pytest.fixture(scope="module")
def diary_fit(small):
    return rd.apim(small, outcome="y", predictors=["x"], random=("intercept", rd.shared("actor")))


def test_kenward_roger_gives_satterthwaite_degrees_of_an_exchangeable_pair(cross_section, gls):
    exchangeable = rd.apim(cross_section, outcome="y", predictors=["xa"], roles="exchangeable", centering="none")
    tidy = exchangeable.tidy().set_index("effect")
    assert tidy.loc["actor", "df"] == pytest.approx(gls["pooled"]["satterthwaite_df"], rel=1e-5)
    assert tidy.loc["actor", "std_error"] == pytest.approx(gls["pooled"]["se"], rel=1e-6)
    assert exchangeable.glance()["inference"].item() == "kenward-roger"


def test_single_contrast_is_a_difference_of_coefficients(fit):
    found = fit.contrast({"actor xa, A": 1, "actor xa, B": -1}).iloc[0]
    estimate, cov = fit.estimates.beta, fit.estimates.cov
    assert found["term"] == "[actor xa, A] - [actor xa, B]"
    assert found["estimate"] == pytest.approx(estimate[2] - estimate[3])
    assert found["std_error"] == pytest.approx(np.sqrt(cov[2, 2] + cov[3, 3] - 2 * cov[2, 3]))


def test_joint_contrast_of_one_row_is_the_square(diary_fit):
    weights = {"actor x (within), f": 1, "actor x (within), m": -1}
    single, joint = diary_fit.contrast(weights).iloc[0], diary_fit.contrast([weights]).iloc[0]
    assert joint["statistic"] == pytest.approx(single["statistic"] ** 2, rel=1e-6)
    assert joint["p_value"] == pytest.approx(single["p_value"], rel=1e-6)


def test_named_contrasts(fit):
    assert fit.contrast("role-differences")["term"].tolist() == [
        "[intercept, A] - [intercept, B]",
        "[actor xa, A] - [actor xa, B]",
        "[partner xa, A] - [partner xa, B]",
    ]
    assert fit.contrast("actor-minus-partner")["term"].tolist() == [
        "[actor xa, A] - [partner xa, A]",
        "[actor xa, B] - [partner xa, B]",
    ]
    assert fit.contrast("role-differences", joint=True)["df"].item() == 3
    with pytest.raises(rd.DesignError) as caught:
        fit.contrast({"actor xb, A": 1})
    assert "Did you mean 'actor xa, A'?" in str(caught.value)


def test_augment_splits_the_outcome(diary_fit):
    frame = diary_fit.augment()
    effects = diary_fit.random_effects()
    total = frame["fitted_marginal"] + frame["residual_marginal"]
    assert total.to_numpy() == pytest.approx(frame["y"].to_numpy())
    row = frame.iloc[0]
    own = effects[effects["dyad"] == row["dyad"]].set_index("term")["estimate"]
    within = diary_fit.design.matrix(diary_fit.design.random)[0]
    assert row["fitted_conditional"] - row["fitted_marginal"] == pytest.approx(
        own.to_numpy() @ within[: len(own)], abs=1e-10
    )


def test_random_effects_have_one_row_per_dyad_and_effect(diary_fit):
    effects = diary_fit.random_effects()
    assert len(effects) == 25 * 3
    assert effects["term"].drop_duplicates().tolist() == ["intercept, f", "intercept, m", "actor x (within)"]
    assert (effects["conf_low"] < effects["estimate"]).all()


def test_influence_is_that_of_leaving_a_dyad_out(cross_section):
    """Residual variances that are re-estimated change little; coefficients are compared at fixed variances."""
    fit = rd.apim(
        cross_section, outcome="y", predictors=["xa"], centering="none", estimation=rd.Estimation(inference="z")
    )
    top = fit.influence().iloc[0]
    design = fit.design
    keep = design.dyad != design.dyad_labels.index(top["dyad"])
    X, y = design.matrix(design.fixed)[keep], design.y[keep]
    within = np.linalg.inv(fit.covariance("residual").to_numpy())
    same = design.dyad[keep][:, None] == design.dyad[keep][None, :]
    weight = np.where(same, within[np.ix_(design.member[keep], design.member[keep])], 0.0)
    beta = np.linalg.solve(X.T @ weight @ X, X.T @ weight @ y)
    change = (beta - fit.estimates.beta) / fit.estimates.std_error
    assert np.abs(change).max() == pytest.approx(abs(top["largest_change"]), rel=1e-8)
    assert top["term"] == design.fixed[int(np.argmax(np.abs(change)))].name
    difference = beta - fit.estimates.beta
    expected = difference @ np.linalg.inv(fit.estimates.cov_model) @ difference / len(beta)
    assert top["cooks_distance"] == pytest.approx(expected, rel=1e-8)


def test_summary_of_a_diary_names_random_effects_process_and_notes(make_diary, as_panel):
    panel = as_panel(make_diary(seed=2, n_dyads=30)).lag(["y"])
    with pytest.warns(rd.DataWarning):
        lagged = rd.apim(
            panel,
            outcome="y",
            predictors=["y_lag1"],
            covariates=["z"],
            random=("intercept", rd.shared("z")),
            residual="ar1",
            estimation=rd.Estimation(inference="z"),
        )
    text = " ".join(lagged.summary().split())
    for sentence in (
        "members are distinguished by role (f, m).",
        "Actor and partner effects of y_lag1, as deviations from the person's mean (within); the means of a lagged "
        "outcome, which are its own, are left out. Covariates as they stand: z.",
        "Varying between dyads: intercept and z (common to both members), freely correlated.",
        "Residuals: first-order autoregressive with correlated innovations.",
        "Random effects (standard deviations, correlations)",
        "Residual process: phi f ",
        "Notes - 'y_lag1' is a lag of the outcome centred at person means",
    ):
        assert sentence in text
    assert lagged.residual_process["phi"].keys() == {"f", "m"}


def test_html_holds_the_table_and_the_notes(diary_fit):
    html = diary_fit._repr_html_()
    assert "<table" in html
    assert "Actor-partner interdependence model of y" in html
    assert html.count("<li>") == len(diary_fit.warnings)


def test_failed_fit_says_so_everywhere(small, monkeypatch):
    from reldyn.mixed import _fit

    # No step at all: what a stopped optimiser leaves must not pose as an estimate.
    optimise = _fit.optimise
    monkeypatch.setattr(_fit, "optimise", lambda *given, **named: optimise(*given, **(named | {"max_iterations": 0})))
    with pytest.warns(rd.ConvergenceWarning):
        failed = rd.apim(
            small,
            outcome="y",
            predictors=["x"],
            random=("intercept", "actor"),
            estimation=rd.Estimation(inference="z"),
        )
    assert not failed.converged
    assert not failed.glance()["converged"].item()
    assert "THE FIT DID NOT CONVERGE" in " ".join(failed.summary().split())
    assert any("not verified" in note for note in failed.warnings)
