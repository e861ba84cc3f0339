"""Predictors split into couple, person and day."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

REFERENCE = Path(__file__).parent / "reference"
Z = rd.Estimation(inference="z")


@pytest.fixture(scope="module")
def panel():
    frame = pd.read_csv(REFERENCE / "components.csv")
    return rd.DyadPanel(frame, dyad="dyad", person="role", role="role", time="time")


@pytest.fixture(scope="module")
def fit(panel):
    return rd.apim(panel, outcome="y", predictors=["x"], centering="three-level", random=["intercept"], estimation=Z)


def test_coefficients_equal_nlme(fit):
    """lme with an intercept per role and free residual covariance (script three_levels.R)."""
    reference = json.loads((REFERENCE / "three_levels.json").read_text(encoding="utf-8"))
    tidy = fit.tidy().set_index(["effect", "level", "role"])
    names = {"own": ("actor", "within"), "partner": ("partner", "within")}
    names |= {"person": ("actor", "person"), "couple": ("dyad", "couple")}
    for role in ("f", "m"):
        for theirs, (effect, level) in names.items():
            row = tidy.loc[(effect, level, role)]
            assert row["estimate"] == pytest.approx(reference["coef"][f"role{role}:{theirs}"], abs=1e-4)
            assert row["std_error"] == pytest.approx(reference["std_error"][f"role{role}:{theirs}"], abs=1e-4)
    assert fit.log_likelihood == pytest.approx(reference["loglik"], abs=1e-4)


def test_couple_and_person_are_sum_and_difference_of_between_effects(panel, fit):
    plain = rd.apim(panel, outcome="y", predictors=["x"], random=["intercept"], estimation=Z)
    between = plain.tidy().set_index(["effect", "level", "role"])["estimate"]
    found = fit.tidy().set_index(["effect", "level", "role"])["estimate"]
    for role in ("f", "m"):
        actor, partner = between["actor", "between", role], between["partner", "between", role]
        assert found["dyad", "couple", role] == pytest.approx(actor + partner, abs=1e-6)
        assert found["actor", "person", role] == pytest.approx(actor - partner, abs=1e-6)
        assert found["actor", "within", role] == pytest.approx(between["actor", "within", role], abs=1e-6)


def test_predictions_and_shares_know_the_levels(panel, fit):
    pd.testing.assert_frame_equal(fit.predict(panel), fit.predict())
    assert "the couple's mean (couple)" in " ".join(fit.summary().split())
    assert fit.r_squared()["estimate"].notna().all()
    assert set(fit.tidy("random")["effect"]) == {"variance", "correlation"}


def test_moderators_and_random_slopes_keep_to_their_levels(panel):
    frame = panel.frame
    frame["age"] = frame["dyad"] % 7 + (frame["role"] == "m")
    with_age = rd.DyadPanel(frame, dyad="dyad", person="role", role="role", time="time")
    fit = rd.apim(
        with_age,
        outcome="y",
        predictors=["x"],
        centering="three-level",
        moderators={"age": "actor"},
        random=["intercept", "actor"],
        estimation=Z,
    )
    terms = set(fit.tidy()["term"])
    assert {"dyad x (couple) x actor age, f", "actor x (person) x actor age, m"} <= terms
    assert {column.term.level for column in fit.design.random} == {"", "within"}


def test_couples_without_differences_are_refused():
    r = np.random.default_rng(1)
    dyad, time, member = (part.ravel() for part in np.meshgrid(range(20), range(4), [0, 1], indexing="ij"))
    x = r.normal(size=(20, 4, 1)) * np.array([1.0, 1.0]) + np.array([[[0.5, -0.5]], [[-0.5, 0.5]]])[time.max() % 2]
    day = np.array([1.0, -1.0, 1.0, -1.0])[None, :, None] * np.array([1.0, -1.0]) + 0 * x
    frame = pd.DataFrame({"dyad": dyad, "time": time, "role": np.array(["f", "m"])[member]})
    frame["x"], frame["y"] = (day + r.normal(size=(20, 1, 1))).ravel(), r.normal(size=160)
    panel = rd.DyadPanel(frame, dyad="dyad", person="role", role="role", time="time")
    with pytest.raises(rd.DesignError, match=r"the person part of 'x' cannot be estimated"):
        rd.apim(panel, outcome="y", predictors=["x"], centering="three-level")
    joint = rd.Estimation(missing="model")
    with pytest.raises(rd.DesignError, match="two levels"):
        rd.apim(panel, outcome="y", predictors=["x"], centering="three-level", estimation=joint)
