"""Stability and influence as rows: of a stationary residual process, and over time."""

import numpy as np
import pytest

import reldyn as rd

Z = rd.Estimation(inference="z")


@pytest.fixture(scope="module")
def panel():
    return rd.simulate.apim(n_dyads=60, n_occasions=7, actor=0.0, partner=0.0, phi=0.3, seed=2).panel


@pytest.fixture(scope="module")
def fit(panel):
    return rd.apim(panel, outcome="y", predictors=(), residual="var1", estimation=Z)


def test_rows_hold_the_transition(fit):
    table, transition = fit.tidy("residual"), fit.residual_process["transition"]
    rows = table.set_index(["effect", "role"])["estimate"]
    assert rows["stability", "a"] == transition.loc["a", "a"]
    assert rows["influence", "a"] == transition.loc["a", "b"]
    assert rows["influence", "b"] == transition.loc["b", "a"]
    contrast = table[table["effect"] == "contrast"]["estimate"].to_numpy()
    assert contrast[0] == pytest.approx(transition.loc["a", "a"] - transition.loc["b", "b"])
    assert contrast[1] == pytest.approx(transition.loc["a", "b"] - transition.loc["b", "a"])
    assert (table["conf_low"] < table["estimate"]).all() and (table["estimate"] < table["conf_high"]).all()
    assert table["term"].is_unique


def test_the_rows_come_first_in_the_summary_and_survive_json(fit):
    text = fit.summary()
    assert text.index("stability of y, a") < text.index("Fixed effects")
    again = rd.from_json(fit.to_json())
    assert again.tidy("residual").equals(fit.tidy("residual"))


def test_exchangeable_members_share_their_rows(panel):
    fit = rd.apim(panel, outcome="y", predictors=(), residual="var1", roles="exchangeable", estimation=Z)
    table = fit.tidy("residual")
    assert table["effect"].tolist() == ["stability", "influence", "variance", "correlation"]
    assert table["role"].tolist() == ["", "", "", ""]


def test_other_processes_have_no_such_rows(panel):
    fit = rd.apim(panel, outcome="y", predictors=(), estimation=Z)
    assert not fit.tidy("residual")["effect"].isin(["stability", "influence"]).any()
    with pytest.raises(rd.DesignError, match="tidy of"):
        fit.tidy("anything")
    assert not np.isnan(fit.tidy()["estimate"]).any()
