"""k and its intervals against reference values, and what is concluded from them."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.actor_partner.followup._pattern import fieller


@pytest.fixture(scope="module")
def exchangeable(cross_section):
    return rd.apim(
        cross_section,
        outcome="y",
        predictors=["xa"],
        roles="exchangeable",
        centering="none",
        estimation=rd.Estimation(method="ml", n_boot=60, seed=1),
    )


def test_fieller_equals_the_reference(gls):
    told = gls["k_ci"]
    found = fieller(told["a"], told["p"], np.array(told["V"]), 1.959963984540054)
    assert found == pytest.approx(told["fieller95"], abs=1e-6)


def test_fieller_is_unbounded_where_the_actor_effect_may_be_zero():
    assert np.isnan(fieller(0.1, 0.3, np.eye(2) * 0.01, 1.96)).all()


def test_k_of_a_cross_section(exchangeable, gls):
    row = exchangeable.pattern().iloc[0]
    told = gls["k_ci"]
    assert row["k"] == pytest.approx(told["k"], abs=1e-5)
    assert row["std_error"] == pytest.approx(told["delta_se"], abs=1e-4)
    assert (row["conf_low"], row["conf_high"]) == pytest.approx(tuple(told["fieller95"]), abs=1e-4)
    assert row["actor_standardised"] == pytest.approx(gls["std_pooled"]["beta_actor"], abs=1e-6)
    assert row["pattern"] == "inconclusive"


def test_monte_carlo_agrees_with_fieller(exchangeable):
    exact, drawn = exchangeable.pattern().iloc[0], exchangeable.pattern(interval="monte-carlo", seed=2).iloc[0]
    assert (drawn["conf_low"], drawn["conf_high"]) == pytest.approx((exact["conf_low"], exact["conf_high"]), abs=0.01)
    assert drawn["seed"] == 2


def test_bootstrap_of_whole_dyads_is_near(exchangeable):
    exact, drawn = exchangeable.pattern().iloc[0], exchangeable.pattern(interval="bootstrap").iloc[0]
    assert (drawn["conf_low"], drawn["conf_high"]) == pytest.approx((exact["conf_low"], exact["conf_high"]), abs=0.2)
    again = exchangeable.pattern(interval="bootstrap").iloc[0]
    assert again["conf_low"] == drawn["conf_low"]


def simulated(actor, partner, n_dyads=300, n_occasions=6, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n_dyads, n_occasions, 2))
    y = actor * x + partner * x[..., ::-1] + generator.normal(scale=0.8, size=x.shape)
    dyad, time, member = np.meshgrid(np.arange(n_dyads), np.arange(n_occasions), [0, 1], indexing="ij")
    frame = pd.DataFrame({"dyad": dyad.ravel(), "time": time.ravel(), "person": member.ravel()})
    frame["x"], frame["y"] = x.ravel(), y.ravel()
    return rd.DyadPanel(frame, dyad="dyad", person="person", time="time")


@pytest.mark.parametrize(
    ("actor", "partner", "pattern"),
    [
        (0.5, 0.5, "couple"),
        (0.5, 0.0, "actor-only"),
        (0.5, -0.5, "contrast"),
        (0.0, 0.5, "partner-only"),
        (0.5, 0.25, "inconclusive"),
    ],
)
def test_planted_patterns_are_named_within_persons(actor, partner, pattern):
    fit = rd.apim(simulated(actor, partner), outcome="y", predictors=["x"], estimation=rd.Estimation(inference="z"))
    table = fit.pattern()
    row = table[table["level"] == "within"].iloc[0]
    assert row["pattern"] == pattern
    assert np.isnan(row["k"]) == (pattern == "partner-only")


def test_small_actor_effect_withholds_k_and_says_why():
    fit = rd.apim(simulated(0.06, 0.5), outcome="y", predictors=["x"], estimation=rd.Estimation(inference="z"))
    row = fit.pattern().iloc[0]
    assert np.isnan(row["k"])
    assert row["note"] == "k is withheld: the standardised actor effect is smaller than 0.1"


def test_k_needs_predictors(small):
    fit = rd.apim(small, outcome="y", predictors=(), estimation=rd.Estimation(inference="z"))
    with pytest.raises(rd.DesignError) as caught:
        fit.pattern()
    assert str(caught.value) == "k compares actor and partner effects, and the model has no predictor with both."
