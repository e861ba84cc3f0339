"""What cannot be estimated is refused, in one sentence that names the term and the reason."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd


@pytest.fixture
def frame():
    generator = np.random.default_rng(5)
    dyad, time, member = np.meshgrid(np.arange(12), np.arange(5), [0, 1], indexing="ij")
    frame = pd.DataFrame({"dyad": dyad.ravel(), "time": time.ravel(), "person": member.ravel()})
    frame["role"] = np.array(["f", "m"])[member.ravel()]
    frame["x"], frame["y"] = generator.normal(size=(2, len(frame)))
    return frame


def panel(frame, **named):
    return rd.DyadPanel(frame, dyad="dyad", person="person", **({"role": "role", "time": "time"} | named))


def message(panel, **model):
    with pytest.raises((rd.DesignError, rd.DataError)) as caught:
        rd.apim(panel, **({"outcome": "y", "predictors": ["x"]} | model))
    return str(caught.value)


def test_constant_predictor(frame):
    assert message(panel(frame.assign(x=3.0))) == (
        "predictor 'x' cannot be estimated: it is constant: it has no effect to estimate. Leave it out."
    )


def test_predictor_without_variation_within_persons(frame):
    frame["x"] = frame.groupby(["dyad", "person"])["x"].transform("mean")
    assert message(panel(frame)) == (
        "the within part of 'x' cannot be estimated: 'x' does not vary within persons. Use centering={'x': 'grand'}."
    )


def test_predictor_without_variation_between_persons(frame):
    assert message(panel(frame.assign(x=frame["time"] + (frame["person"] - 0.5) * (frame["time"] - 2)))) == (
        "the between part of 'x' cannot be estimated: all persons have the same mean of 'x'. "
        "Use centering={'x': 'grand'}, or name it in covariates."
    )


def test_predictor_that_both_partners_share(frame):
    frame["x"] = frame.groupby(["dyad", "time"])["x"].transform("mean")
    assert message(panel(frame), centering="grand") == (
        "actor and partner effect of 'x' cannot be distinguished: both partners always have the same value. "
        "Enter it in covariates instead."
    )


def test_outcome_without_values(frame):
    assert message(panel(frame.assign(y=np.nan))) == (
        "the outcome 'y' has no value in any row, so there is nothing to explain."
    )


def test_constant_outcome(frame):
    assert message(panel(frame.assign(y=2.0))) == (
        "the outcome 'y' is 2 in every row: without variation nothing can be estimated."
    )


def test_one_dyad(frame):
    assert message(panel(frame[frame["dyad"] == 3])) == (
        "the model needs several dyads, and only one has rows with 'y' and all predictors: "
        "what differs between dyads cannot be estimated from one."
    )


def test_no_complete_row(frame):
    frame["w"] = np.where(frame["y"] > 0, np.nan, frame["x"])
    frame.loc[frame["w"].notna(), "y"] = np.nan
    assert message(panel(frame), covariates=["w"]) == (
        "no row has 'y' together with all predictors. 'w' is present in 0% of the rows with an outcome: "
        "check its missing values, or leave it out."
    )


def test_unknown_column(frame):
    assert message(panel(frame), outcome="yy").startswith("no column 'yy' in the panel (nearest: 'y').")


def test_text_column(frame):
    assert message(panel(frame.assign(x="often"))).startswith("column 'x' holds text, for example 'often'")


def test_duplicated_header(frame):
    frame["x.1"] = frame["x"]
    frame.attrs["duplicated_columns"] = {"x": ["x", "x.1"]}
    assert "stands 2 times in the file" in message(panel(frame))


def test_intercept_variance_with_one_occasion(frame):
    one = frame[frame["time"] == 0]
    assert message(panel(one), random=("intercept",)) == (
        "random intercepts (the default where dyads have several occasions) cannot be estimated: in the usable rows "
        "each dyad has one occasion, so the dyad's deviation is the same thing as the unstructured residual. Say "
        "random=(): the residual covariance already holds it."
    )


def test_more_random_effects_than_dyads(frame):
    few = frame[frame["dyad"] < 4]
    assert message(panel(few), random=("intercept", "actor")) == (
        "4 dyads cannot carry 4 random effects (intercept, f, intercept, m, actor x (within), f, "
        "actor x (within), m): name fewer random terms, or mark some with rd.shared."
    )


def test_unknown_random_term(frame):
    assert message(panel(frame), random=("intercept", "slope")) == (
        "random='slope' is no effect of this model that can vary between dyads; there are: intercept, actor:x, "
        "partner:x, and 'actor' or 'partner' for all predictors."
    )


def test_dependent_covariate_is_named(frame):
    frame["twice"] = 2 * frame["time"] + 1
    assert "twice, f" in message(panel(frame), covariates=["time", "twice"])


def test_kenward_roger_needs_reml():
    with pytest.raises(rd.DesignError, match="defined under REML only"):
        rd.Estimation(method="ml", inference="kenward-roger")


def test_families_that_are_not_there(frame):
    assert message(panel(frame), family="binomal") == (
        "family='binomal' is not known; allowed: 'gaussian', 'binomial', 'poisson', 'negative-binomial', 'ordinal'. "
        "Did you mean 'binomial'?"
    )


def test_roles_that_tell_nobody_apart(frame):
    same = frame.assign(role=np.where(frame["dyad"] < 6, "f", frame["role"]))
    assert message(panel(same), roles="distinguishable") == (
        "roles='distinguishable', but in 'f-f' dyads both members have the same role, which tells nobody apart: use "
        "roles='by-composition' or 'exchangeable', or keep other dyads with panel.select(compositions=...)."
    )


def test_roles_without_a_role_column(frame):
    assert message(panel(frame, role=None), roles="distinguishable") == (
        "roles='distinguishable' needs roles, and the panel has none: name the role column when making the DyadPanel, "
        "or use roles='exchangeable'."
    )


def test_outcome_among_the_predictors(frame):
    assert message(panel(frame), predictors=["y"]) == (
        "'y' is the outcome and cannot explain itself: take it out of the predictors."
    )


def test_centering_of_something_else(frame):
    assert message(panel(frame), centering={"z": "grand"}) == (
        "centering names 'z', which is not among the predictors: x."
    )


def test_terms_named_twice(frame):
    assert message(panel(frame), predictors=["x", rd.shared("x")]) == (
        "predictors names 'x' twice: name each term once."
    )


def test_serial_residuals_need_consecutive_occasions(frame):
    gappy = frame[frame["time"].isin([0, 1, 3])]
    assert "consecutive occasions in most dyads" in message(panel(gappy), residual="ar1")


def test_outcome_that_is_constant_in_one_role(frame):
    frame["y"] = frame["y"].where(frame["role"] == "f", 3.0)
    assert message(panel(frame)) == (
        "the outcome 'y' is 3 in every row of m: without variation nothing can be estimated for that role."
    )


def test_outcome_that_both_partners_share(frame):
    frame["y"] = frame.groupby(["dyad", "time"])["y"].transform("mean")
    assert message(panel(frame)) == (
        "both partners always have the same value of 'y': it belongs to the dyad, and a model of two persons cannot "
        "explain it. Choose an outcome that each person has."
    )


def test_outcome_that_is_a_trait(frame):
    frame["y"] = frame.groupby(["dyad", "person"])["y"].transform("mean")
    assert message(panel(frame)) == (
        "the outcome 'y' never varies within a person: it is a trait, and repeated occasions say nothing more about "
        "it. Keep one row per person, for example the first."
    )


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ({"random": 3}, "random=3 is neither terms such as ('intercept', 'actor') nor an rd.Random."),
        ({"predictors": 3}, "predictors takes column names or rd.shared(name), not 3."),
        ({"outcome": 5}, "outcome=5 is not the name of a column."),
        ({"estimation": "ml"}, "estimation='ml' is not an Estimation, such as rd.Estimation(method='ml')."),
        (
            {"moderators": ["x"]},
            "moderators=['x'] is not a mapping from column to 'actor', 'partner' or 'dyad', such as {'age': 'actor'}.",
        ),
        (
            {"moderators": {"time": "self"}},
            "owner of moderator 'time'='self' is not known; allowed: 'actor', 'partner', 'dyad'.",
        ),
        ({"interaction": "sum"}, "interaction='sum' is not known; allowed: 'product', 'absolute-difference'."),
    ],
)
def test_arguments_of_another_kind(frame, argument, text):
    assert message(panel(frame), **argument) == text


def test_frames_and_other_objects_are_no_panel_and_no_fit(frame):
    assert message(frame).startswith(
        "actor_partner.apim takes a DyadPanel, not a DataFrame: make one with rd.DyadPanel("
    )
    with pytest.raises(rd.DesignError) as caught:
        rd.compare(1, 2)
    assert str(caught.value) == "compare takes two fits of rd.apim or rd.mixed_model, not a int."


def test_weights_of_a_contrast_are_numbers(frame):
    fit = rd.apim(panel(frame), outcome="y", predictors=["x"], estimation=rd.Estimation(inference="z"))
    with pytest.raises(rd.DesignError) as caught:
        fit.contrast({"intercept, f": "a"})
    assert str(caught.value) == "the weight of 'intercept, f' in a contrast is a number, not 'a'."


def test_prediction_for_a_bare_frame(frame):
    fit = rd.apim(panel(frame), outcome="y", predictors=["x"])
    with pytest.raises(rd.DesignError) as caught:
        fit.predict(frame)
    assert str(caught.value) == (
        "predictions are made for the rows of a DyadPanel, not of a DataFrame: make one with rd.DyadPanel(frame, ...)."
    )


@pytest.mark.parametrize("at", [[], ["low"], [np.nan], [[0.0, 1.0]]])
def test_values_of_a_moderator_are_numbers(frame, at):
    fit = rd.apim(panel(frame), outcome="y", predictors=["x"], interaction="product", random="intercept")
    with pytest.raises(rd.DesignError, match="is no sequence of values of the moderator"):
        rd.actor_partner.simple_slopes(fit, at=at)
