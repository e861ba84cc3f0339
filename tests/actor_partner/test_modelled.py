"""Predictors modelled jointly with the outcome: agreement where it must agree, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

ML = rd.Estimation(method="ml")
MODEL = rd.Estimation(method="ml", missing="model")


@pytest.fixture(scope="module")
def barely_incomplete(make_diary):
    """A predictor value is missing only where neither partner has an outcome: it says nothing of the effects."""
    frame = make_diary(seed=3, n_dyads=30, n_occasions=5)
    frame.loc[(frame["dyad"] == 0) & (frame["time"] == 2), "y"] = np.nan
    frame.loc[frame.index[(frame["dyad"] == 0) & (frame["time"] == 2)][0], "x"] = np.nan
    return frame


@pytest.mark.parametrize("roles", ["distinguishable", "exchangeable"])
def test_it_is_ordinary_maximum_likelihood_where_predictors_are_complete(barely_incomplete, as_panel, roles):
    model = {"outcome": "y", "predictors": ["x"], "centering": "grand", "roles": roles}
    panel = as_panel(barely_incomplete)
    joint, plain = (rd.apim(panel, **model, estimation=estimation) for estimation in (MODEL, ML))
    assert joint.converged
    assert joint.tidy()["estimate"].to_numpy() == pytest.approx(plain.tidy()["estimate"].to_numpy(), abs=2e-4)
    # Observed information there, expected information here.
    assert joint.tidy()["std_error"].to_numpy() == pytest.approx(plain.tidy()["std_error"].to_numpy(), rel=0.1)
    assert joint.covariance("residual").to_numpy() == pytest.approx(plain.covariance("residual").to_numpy(), rel=5e-3)
    assert joint.covariance("random").to_numpy() == pytest.approx(plain.covariance("random").to_numpy(), rel=2e-2)


def test_units_change_the_likelihood_by_their_volume_only(barely_incomplete, as_panel):
    model = {"outcome": "y", "predictors": ["x"], "centering": "grand", "estimation": MODEL}
    one = rd.apim(as_panel(barely_incomplete), **model)
    scaled = barely_incomplete.assign(x=barely_incomplete["x"] * 100)
    two = rd.apim(as_panel(scaled), **model)
    volume = barely_incomplete["x"].notna().sum() * np.log(100)
    assert two.log_likelihood == pytest.approx(one.log_likelihood - volume, abs=1e-4)


def holed(make_diary, seed, n_dyads=50):
    frame = make_diary(seed=seed, n_dyads=n_dyads, n_occasions=6)
    gone = np.random.default_rng(seed).random(len(frame)) < 0.25
    return frame.assign(x=frame["x"].where(~gone))


@pytest.fixture(scope="module")
def incomplete(make_diary, as_panel):
    return as_panel(holed(make_diary, 5))


def test_it_uses_every_outcome_and_agrees_with_imputation(incomplete):
    model = {"outcome": "y", "predictors": ["x"], "centering": "grand"}
    joint = rd.apim(incomplete, **model, estimation=MODEL)
    imputed = rd.apim(incomplete, **model, estimation=rd.Estimation(missing="impute", inference="z", seed=1))
    assert len(joint.design.y) == len(imputed.design.y) == int(incomplete.frame["y"].notna().sum())
    distance = (joint.tidy()["estimate"] - imputed.tidy()["estimate"]) / joint.tidy()["std_error"]
    assert distance.abs().max() < 0.6
    assert joint.warnings[0].startswith("Incomplete predictors (x 27% missing) are modelled jointly")


def test_effects_are_unbiased_over_replications(make_diary, as_panel):
    """The planted effects are .4 and .2 for either role, within and between alike."""
    truth = {"actor": 0.4, "partner": 0.2}
    found = []
    for seed in range(20, 28):
        panel = as_panel(holed(make_diary, seed, n_dyads=30))
        fit = rd.apim(panel, outcome="y", predictors=["x"], centering="grand", roles="exchangeable", estimation=MODEL)
        found.append(fit.tidy())
    table = pd.concat(found)
    for effect, value in truth.items():
        own = table[table["effect"] == effect]
        assert abs(own["estimate"].mean() - value) < 3 * own["std_error"].mean() / np.sqrt(len(own))


def test_within_and_between_parts_are_those_of_the_complete_series(incomplete):
    fit = rd.apim(incomplete, outcome="y", predictors=["x"], estimation=MODEL)
    tidy = fit.tidy()
    assert tidy["level"].tolist() == ["", "", *["within"] * 4, *["between"] * 4]
    assert fit.converged
    assert "by maximum likelihood" in " ".join(fit.summary().split())


def test_contrasts_and_json(incomplete):
    fit = rd.apim(incomplete, outcome="y", predictors=["x"], centering="grand", estimation=MODEL)
    again = rd.from_json(fit.to_json())
    pd.testing.assert_frame_equal(again.contrast("role-differences"), fit.contrast("role-differences"))
    assert fit.contrast("role-differences", joint=True)["df_error"].item() == np.inf
    with pytest.raises(rd.DesignError, match="of outcome and predictors jointly"):
        fit.augment()


def refusal(panel, **model):
    estimation = model.pop("estimation", MODEL)
    with pytest.raises(rd.DesignError) as caught:
        rd.apim(panel, **({"outcome": "y", "predictors": ["x"]} | model), estimation=estimation)
    return str(caught.value)


def test_random_slope_of_an_incomplete_predictor_is_refused(incomplete):
    assert refusal(incomplete, random=("intercept", "actor")) == (
        "random='actor': a random slope of an incomplete predictor (x) has no closed likelihood. Use "
        "missing='impute', or leave the random slope out."
    )


def test_what_has_no_closed_likelihood_is_refused(incomplete, small):
    assert "products of incomplete predictors are not normal" in refusal(incomplete, interaction="product")
    assert refusal(incomplete, residual="ar1") == (
        "missing='model' is not available with ar1 residuals. Use missing='impute' or 'available'."
    )
    assert "use rd.Estimation(method='ml', missing='model')" in refusal(
        incomplete, estimation=rd.Estimation(missing="model")
    )
    assert refusal(small) == ("missing='model' has nothing to model: no predictor has missing values. Use 'available'.")


def test_marginal_means_of_roles_hold_predictors_at_their_observed_mean(cross_section):
    frame = cross_section.frame
    frame.loc[frame.index[::9], "xa"] = np.nan
    holed = rd.DyadPanel(frame, dyad="dyad", person="member", role="role")
    fit = rd.apim(holed, outcome="y", predictors=["xa"], estimation=MODEL)
    intercepts = fit.tidy().query("effect == 'intercept'").set_index("role")["estimate"]
    means = fit.marginal_means("role").set_index("role")["estimate"]
    assert means.to_numpy() == pytest.approx(intercepts.reindex(means.index).to_numpy(), abs=1e-10)


def test_effect_sizes_name_what_they_cannot_do(cross_section):
    frame = cross_section.frame
    frame["yes"] = (frame["y"] > frame["y"].median()).astype(int)
    frame.loc[frame.index[::9], "xa"] = np.nan
    holed = rd.DyadPanel(frame, dyad="dyad", person="member", role="role")
    joint = rd.apim(holed, outcome="y", predictors=["xa"], estimation=MODEL)
    with pytest.raises(rd.DesignError, match=r"need one set of complete rows, .* fit with missing='available'"):
        rd.actor_partner.effect_sizes(joint)
    marginal = rd.apim(holed, outcome="yes", predictors=["xa"], family="binomial")
    with pytest.raises(rd.DesignError, match=r"this model is marginal \(GEE\)"):
        rd.actor_partner.effect_sizes(marginal)
