"""Predictions for the rows of the fit and for other rows."""

import numpy as np
import pytest

import reldyn as rd

Z = rd.Estimation(inference="z")


@pytest.fixture(scope="module")
def diary(make_diary, as_panel):
    return as_panel(make_diary(seed=6, missing=0.0))


@pytest.mark.parametrize("centering", ["within-between", "grand", "none"])
def test_the_rows_of_the_fit_given_again_are_predicted_alike(diary, centering):
    fit = rd.apim(diary, outcome="y", predictors=["x"], covariates=["z"], centering=centering, estimation=Z)
    for level in ("marginal", "conditional"):
        own, again = fit.predict(level=level), fit.predict(diary, level=level)
        assert again["predicted"].to_numpy() == pytest.approx(own["predicted"].to_numpy(), abs=1e-10)
    augmented = fit.augment()
    assert own["predicted"].to_numpy() == pytest.approx(augmented["fitted_conditional"].to_numpy(), abs=1e-10)


def test_new_rows_are_centred_where_the_fit_was(diary, make_diary, as_panel):
    fit = rd.apim(diary, outcome="y", predictors=["x"], centering="grand", estimation=Z)
    few = diary.select(dyads=[3, 4])
    whole = fit.predict(diary)
    expected = whole[whole["dyad"].isin([3, 4])]["predicted"].to_numpy()
    assert fit.predict(few)["predicted"].to_numpy() == pytest.approx(expected, abs=1e-10)


def test_general_model_predicts_other_rows(diary):
    fit = rd.mixed_model(diary, outcome="y", fixed=["x", "z"], estimation=Z)
    frame = diary.frame.assign(x=1.0, z=0.0)
    found = fit.predict(rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="time"))
    beta = fit.tidy().set_index("term")["estimate"]
    assert found.loc[found["role"] == "f", "predicted"].to_numpy() == pytest.approx(beta["intercept, f"] + beta["x, f"])
    assert (found["conf_low"] < found["predicted"]).all()


def test_unknown_dyads_are_predicted_at_their_mean(diary, make_diary, as_panel):
    fit = rd.apim(diary, outcome="y", predictors=["x"], centering="none", estimation=Z)
    frame = make_diary(seed=7, n_dyads=2)
    frame["dyad"] += 1000
    strangers = as_panel(frame)
    conditional, marginal = fit.predict(strangers, level="conditional"), fit.predict(strangers)
    assert conditional["predicted"].to_numpy() == pytest.approx(marginal["predicted"].to_numpy())


def test_missing_predictors_give_missing_predictions(diary, as_panel):
    fit = rd.apim(diary, outcome="y", predictors=["x"], centering="none", estimation=Z)
    frame = diary.frame
    frame.loc[0, "x"] = np.nan
    found = fit.predict(as_panel(frame))
    # Row 1 is the partner's at the same occasion.
    assert found["predicted"].isna().to_numpy().nonzero()[0].tolist() == [0, 1]


def test_strange_roles_are_refused(diary, make_diary, as_panel):
    fit = rd.apim(diary, outcome="y", predictors=["x"], estimation=Z)
    other = as_panel(make_diary().assign(role=lambda rows: rows["role"].map({"f": "f", "m": "x"})))
    with pytest.raises(rd.DataError) as caught:
        fit.predict(other)
    assert str(caught.value) == "the fit knows no role 'x'; it was made with f, m."
