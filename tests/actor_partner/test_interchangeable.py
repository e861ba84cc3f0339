"""Numbers about exchangeable members do not depend on who is called member 1 (Olsen and Kenny, 2006)."""

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn import actor_partner as ap
from reldyn.actor_partner.moments._interchangeable import (
    double_entry,
    interchangeable_indices,
    inull_statistic,
    isat_statistic,
)
from reldyn.actor_partner.moments._moment_model import fit_members
from reldyn.actor_partner.moments._moments import moments_of
from reldyn.actor_partner.moments._sem import fit_structure
from reldyn.actor_partner.moments._structures import interchangeable_structure, mutual_structure

REFERENCE = Path(__file__).parent / "reference"


def couples(n=90, seed=6):
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, 2)) + r.normal(size=(n, 1))
    m = 0.5 * x + 0.2 * x[:, ::-1] + r.normal(size=(n, 2))
    y = 0.3 * x + 0.2 * x[:, ::-1] + 0.3 * m + r.normal(size=(n, 2)) + 0.5 * r.normal(size=(n, 1))
    who = [1, 2] * n
    return pd.DataFrame({"couple": np.repeat(range(n), 2), "who": who, "x": x.ravel(), "m": m.ravel(), "y": y.ravel()})


def diary(n=25, T=6, seed=3):
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, T, 2)) + r.normal(size=(n, 1, 2))
    y = 0.3 * x + 0.2 * x[..., ::-1] + r.normal(size=(n, 1, 2)) + r.normal(size=(n, 1, 1)) + r.normal(size=(n, T, 2))
    dyad, day, who = (part.ravel() for part in np.meshgrid(range(n), range(T), [1, 2], indexing="ij"))
    return pd.DataFrame({"couple": dyad, "day": day, "who": who, "x": x.ravel(), "y": y.ravel()})


def swap_half(frame, seed=8):
    n = frame["couple"].nunique()
    flip = (np.random.default_rng(seed).random(n) < 0.5)[frame["couple"]]
    return frame.assign(who=np.where(flip, 3 - frame["who"], frame["who"]))


CALLS = {
    "apim_sem": lambda p: ap.apim_sem(p, outcome="y", predictors="x"),
    "apim_sem of two": lambda p: ap.apim_sem(p, outcome="y", predictors=["x", "m"]),
    "common_fate": lambda p: ap.common_fate(p, outcome="y", predictor="x"),
    "mutual_influence": lambda p: ap.mutual_influence(p, outcome="y", predictor="x"),
    "mediation": lambda p: ap.mediation(p, outcome="y", predictor="x", mediator="m", n_boot=200, seed=1),
    "mediation by draws": lambda p: ap.mediation(
        p, outcome="y", predictor="x", mediator="m", interval="monte-carlo", n_boot=200, seed=1
    ),
    "pooled_regression": lambda p: ap.pooled_regression(p, outcome="y", predictors=["x", "m"]),
    "nonindependence": lambda p: ap.nonindependence(p, ["x", "y"]),
    "response_surface": lambda p: ap.response_surface(p, outcome="y", predictor="x"),
    "dyad_individual": lambda p: ap.dyad_individual(p, outcome="y", predictors="x"),
    "apim": lambda p: rd.apim(p, outcome="y", predictors=["x"], interaction="product"),
    "effect_sizes": lambda p: ap.effect_sizes(rd.apim(p, outcome="y", predictors=["x"])),
    "simple_slopes": lambda p: ap.simple_slopes(rd.apim(p, outcome="y", predictors=["x"], interaction="product")),
}


def numbers_of(result):
    """Every number that the result prints."""
    tables = {"tidy": result.tidy(), "glance": result.glance()}
    if isinstance(getattr(result, "parameters", None), pd.DataFrame):
        tables["parameters"] = result.parameters
    for verb in ("pattern", "pattern_tests"):
        if hasattr(result, verb) and len(getattr(result, "predictors", ("x",))) == 1:
            tables[verb] = getattr(result, verb)()
    return tables


def assert_same_numbers(first, second, tolerance=1e-8):
    for name, table in numbers_of(first).items():
        pd.testing.assert_frame_equal(numbers_of(second)[name], table, rtol=tolerance, atol=tolerance, obj=name)


@pytest.mark.parametrize("name", CALLS)
def test_swapping_members_in_half_of_the_couples_changes_no_number(name):
    rows = couples()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, second = (CALLS[name](rd.DyadPanel(f, dyad="couple", person="who")) for f in (rows, swap_half(rows)))
    assert_same_numbers(first, second)
    assert re.findall(r"\d+\.\d+", first.summary()) == re.findall(r"\d+\.\d+", second.summary())


@pytest.mark.parametrize("residual", ["unstructured", "ar1", "var1"])
def test_swapping_members_changes_no_number_of_a_diary(residual):
    fits = [
        rd.apim(
            rd.DyadPanel(f, dyad="couple", person="who", time="day"), outcome="y", predictors=["x"], residual=residual
        )
        for f in (diary(), swap_half(diary()))
    ]
    assert_same_numbers(*fits)
    for part in ("random", "residual"):
        first, second = (fit.covariance(part).to_numpy() for fit in fits)
        assert first == pytest.approx(second, abs=1e-7)


def test_the_raw_fit_depends_on_the_names_and_says_so():
    first, second = (
        ap.mutual_influence(rd.DyadPanel(f, dyad="couple", person="who"), outcome="y", predictor="x")
        for f in (couples(), swap_half(couples()))
    )
    assert abs(first.unadjusted["statistic"] - second.unadjusted["statistic"]) > 0.1
    assert first.unadjusted["df"] == second.unadjusted["df"] == first.glance()["df"].item() + 6
    assert "nothing depends on who is called member 1" in " ".join(first.summary().split())


def test_fit_of_exchangeable_members_equals_lavaan():
    """Mutual influence of exchangeable members (script interchangeable.R)."""
    reference = json.loads((REFERENCE / "interchangeable.json").read_text(encoding="utf-8"))
    wide = pd.read_csv(REFERENCE / "apim_wide.csv")[["x1", "x2", "y1", "y2"]].to_numpy()
    fitted = fit_members(mutual_structure(alike=True), moments_of(wide), alike=True)
    expected = reference["adjusted"]
    assert (fitted.statistic, fitted.p_value) == pytest.approx((expected["statistic"], expected["p_value"]), abs=1e-7)
    assert fitted.df == expected["df"]
    for name in ("cfi", "tli", "rmsea"):
        assert fitted.indices[name] == pytest.approx(expected[name], abs=1e-7), name
    assert fitted.unadjusted["statistic"] == pytest.approx(reference["raw"]["model"]["chisq"], abs=1e-7)
    assert fitted.unadjusted["df"] == reference["raw"]["model"]["df"]
    assert fitted.indices["log_likelihood"] == pytest.approx(reference["raw"]["model"]["logl"], abs=1e-7)
    assert fitted.indices["srmr"] == pytest.approx(reference["double_entry"]["srmr"], abs=1e-6)
    # By log-likelihoods, as with missing values.
    told = reference["raw"]
    triples = [(told[name]["logl"], told[name]["npar"]) for name in ("model", "isat", "inull")]
    assert interchangeable_indices(*triples, 120)["cfi"] == pytest.approx(expected["cfi"], abs=1e-7)


def test_closed_forms_are_the_fitted_interchangeable_models():
    wide = pd.read_csv(REFERENCE / "apim_wide.csv")[["x1", "x2", "m1", "m2", "y1", "y2"]].to_numpy()
    moments = moments_of(wide)
    for null, closed in ((False, isat_statistic(moments)), (True, inull_statistic(moments))):
        fit = fit_structure(interchangeable_structure(["x", "m", "y"], null=null), moments)
        assert (fit.statistic, fit.df) == pytest.approx(closed, abs=1e-8)


def test_double_entry_has_equal_members():
    found = double_entry(moments_of(np.random.default_rng(1).normal(size=(30, 4)) + [0, 1, 2, 3]))
    assert found.mean[0] == found.mean[1]
    assert found.cov[0, 2] == pytest.approx(found.cov[1, 3], abs=1e-15)
    assert found.cov[0, 3] == pytest.approx(found.cov[1, 2], abs=1e-15)


def test_a_saturated_model_has_no_fit():
    fit = ap.apim_sem(rd.DyadPanel(couples(), dyad="couple", person="who"), outcome="y", predictors="x")
    glance = fit.glance().iloc[0]
    assert (glance["statistic"], glance["df"]) == (0.0, 0)
    assert np.isnan(glance["p_value"])
    assert "saturated among models of exchangeable members" in " ".join(fit.summary().split())
    assert fit.unadjusted["df"] == 6


def test_fit_of_distinguishable_members_has_nothing_to_clear(cross_section):
    fit = ap.mutual_influence(cross_section, outcome="y", predictor="xa")
    glance = fit.glance().iloc[0]
    assert all(fit.unadjusted[name] == glance[name] for name in ("statistic", "df", "p_value", "cfi", "srmr"))
