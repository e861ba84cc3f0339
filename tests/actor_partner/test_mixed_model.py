"""`rd.mixed_model` against a reference fit and literal designs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

REFERENCE = Path(__file__).parents[1] / "mixed" / "reference"


@pytest.fixture(scope="module")
def panel():
    frame = pd.read_csv(REFERENCE / "d100x14.csv")
    return rd.DyadPanel(frame.assign(person=frame["role"]), dyad="dyad", person="person", role="role", time="time")


FIXED = ("aw", "pw", "ab", "pb", "tm")


@pytest.mark.parametrize(("method", "log_likelihood"), [("reml", -3708.747101), ("ml", -3686.687473)])
def test_six_random_effects_reach_the_reference(panel, method, log_likelihood):
    fit = rd.mixed_model(
        panel,
        outcome="y",
        fixed=FIXED,
        random=("intercept", "aw", "pw"),
        estimation=rd.Estimation(method=method, inference="z"),
    )
    # The reference stops 1e-6 short of the optimum at most; below it we may never end.
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=1e-6)
    assert fit.converged


def test_tidy_names_the_columns(panel):
    fit = rd.mixed_model(panel, outcome="y", fixed=("aw", rd.shared("tm")), estimation=rd.Estimation(inference="z"))
    tidy = fit.tidy()
    assert tidy["term"].tolist() == ["intercept, A", "intercept, B", "aw, A", "aw, B", "tm"]
    assert tidy["effect"].tolist() == ["intercept", "intercept", "fixed", "fixed", "fixed"]
    assert tidy["variable"].tolist() == ["", "", "aw", "aw", "tm"]
    assert tidy["role"].tolist() == ["A", "B", "A", "B", ""]


def test_random_takes_only_columns_of_fixed(panel):
    with pytest.raises(rd.DesignError) as caught:
        rd.mixed_model(panel, outcome="y", fixed=("aw",), random=("intercept", "pw"))
    assert str(caught.value) == ("random='pw' is no column of fixed; there are: intercept, aw. Add it to fixed first.")


def test_diagonal_covariance_has_no_covariances(panel):
    fit = rd.mixed_model(
        panel,
        outcome="y",
        fixed=FIXED,
        random=rd.Random(("intercept", "aw"), covariance="diagonal"),
        estimation=rd.Estimation(inference="z"),
    )
    matrix = fit.covariance("random").to_numpy()
    assert np.count_nonzero(matrix - np.diag(np.diag(matrix))) == 0
