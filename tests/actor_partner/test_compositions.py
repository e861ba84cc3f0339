"""Mixed samples: one model by composition is the separate models side by side."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

ML = rd.Estimation(method="ml")


@pytest.mark.shared_data
@pytest.mark.parametrize("file", ["dyadMLM_dyads_cross.csv", "dyadMLM_dyads_ild.csv"])
def test_likelihood_is_the_sum_of_separate_fits(shared_data, file):
    frame = pd.read_csv(shared_data / file)
    time = "diaryday" if "diaryday" in frame else None
    panel = rd.DyadPanel(frame, dyad="coupleID", person="personID", role="gender", time=time)
    model = {"outcome": "closeness", "predictors": ["provided_support"], "estimation": ML}
    together = rd.apim(panel, **model)
    apart = [rd.apim(panel.select(compositions=[label]), **model) for label in panel.compositions]
    assert together.log_likelihood == pytest.approx(sum(fit.log_likelihood for fit in apart), abs=1e-6)
    assert together.glance()["n_parameters"].item() == sum(fit.glance()["n_parameters"].item() for fit in apart)
    assert together.setting.roles == "by-composition"


@pytest.fixture(scope="module")
def mixed_sample(make_diary):
    frame = make_diary(seed=9, n_dyads=40, n_occasions=4)
    frame["role"] = np.where(frame["dyad"] < 12, "f", frame["role"])
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="time")


def test_rows_are_named_by_composition_and_role(mixed_sample):
    fit = rd.apim(mixed_sample, outcome="y", predictors=["x"], centering="grand", estimation=ML)
    tidy = fit.tidy()
    intercepts = tidy[tidy["effect"] == "intercept"]
    assert intercepts[["composition", "role"]].values.tolist() == [["f-m", "f"], ["f-m", "m"], ["f-f", ""]]
    assert tidy["term"].is_unique


def test_effects_of_different_compositions_have_no_covariance(mixed_sample):
    fit = rd.apim(mixed_sample, outcome="y", predictors=["x"], estimation=ML)
    random = fit.covariance("random")
    assert np.isnan(random.loc["intercept, f-m, f", "intercept, f-f, member 1"])
    assert random.loc["intercept, f-f, member 1", "intercept, f-f, member 1"] > 0
    assert set(fit.residual_process) == {"f-m", "f-f"}


def test_compositions_can_be_compared(mixed_sample):
    fit = rd.apim(mixed_sample, outcome="y", predictors=["x"], centering="grand", estimation=ML)
    difference = fit.contrast({"actor x, f-f": 1, "actor x, f-m, f": -0.5, "actor x, f-m, m": -0.5})
    beta = fit.tidy().set_index("term")["estimate"]
    expected = beta["actor x, f-f"] - 0.5 * (beta["actor x, f-m, f"] + beta["actor x, f-m, m"])
    assert difference["estimate"].item() == pytest.approx(expected)


def test_random_effects_belong_to_the_composition_of_the_dyad(mixed_sample):
    fit = rd.apim(mixed_sample, outcome="y", predictors=["x"], estimation=ML)
    effects = fit.random_effects()
    assert len(effects) == 40 * 2
    assert (effects.loc[effects["dyad"] < 12, "composition"] == "f-f").all()


def test_declared_exchangeable_composition_is_exchangeable(make_diary, as_panel):
    panel = as_panel(make_diary()).with_compositions(exchangeable=["f-m"])
    fit = rd.apim(panel, outcome="y", predictors=["x"], estimation=ML)
    assert fit.setting.roles == "exchangeable"
