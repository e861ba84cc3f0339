"""Full-information maximum likelihood of moment models against lavaan, and its parts against brute force."""

import re

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import reldyn as rd
from reldyn.actor_partner.moments._incomplete import incomplete_moments
from reldyn.actor_partner.moments._interchangeable import inull_statistic, isat_statistic
from reldyn.actor_partner.moments._latent_structures import invariance_structure
from reldyn.actor_partner.moments._moments import moments_of
from reldyn.actor_partner.moments._sem import curvature, fit_structure, gradient
from reldyn.actor_partner.moments._structures import (
    apim_structure,
    common_fate_structure,
    mutual_structure,
)

ap = rd.actor_partner
XY = ("x1", "x2", "y1", "y2")


def named(name):
    return re.sub(r"^([xy])(\d)$", r"\1.\2", name)


def item_named(name):
    return re.sub(r"^S(\d)$", r"F.\1", re.sub(r"^s(\d)_(\d)$", r"i\1.\2", name))


STRUCTURES = {
    "apim": apim_structure(["x"], "y", alike=False),
    "apim_alike": apim_structure(["x"], "y", alike=True),
    "mutual": mutual_structure(alike=False),
    "common_fate": common_fate_structure(alike=False),
}


@pytest.fixture(scope="module")
def holed(columns_of):
    return incomplete_moments(columns_of(XY, missing=True).to_numpy(), XY)


@pytest.mark.parametrize("name", STRUCTURES)
def test_incomplete_dyads_equal_lavaan(structures, holed, same_as_lavaan, name):
    fit = fit_structure(STRUCTURES[name], holed, {"var X": 0.4, "var Y": 0.4})
    same_as_lavaan(fit, structures[f"{name}_fiml"], named, estimate=1e-5, std_error=1e-5)


@pytest.mark.parametrize("level", ["configural", "loadings", "intercepts", "residuals"])
def test_incomplete_items_equal_lavaan(structures, columns_of, same_as_lavaan, level):
    names = [f"s{k}_{member}" for k in (1, 2, 3) for member in (1, 2)]
    moments = incomplete_moments(columns_of(names, missing=True).to_numpy(), names)
    structure = invariance_structure(["i1", "i2", "i3"], level)
    start = {label: 0.8 for label in structure.labels if label.startswith("loading")} | {"var F.2": 1.0}
    fit = fit_structure(structure, moments, start)
    same_as_lavaan(fit, structures[f"factor_{level}_fiml"], item_named, estimate=1e-5, std_error=1e-5)


def test_interchangeable_models_of_incomplete_dyads_equal_lavaan(structures, holed):
    for found, name in ((isat_statistic(holed), "isat_fiml"), (inull_statistic(holed), "inull_fiml")):
        assert found[0] == pytest.approx(structures[name]["fit"]["chisq"], abs=1e-6)
        assert found[1] == structures[name]["fit"]["df"]


def test_log_likelihood_is_that_of_the_observed_values(columns_of, holed):
    values = columns_of(XY, missing=True).to_numpy()
    fit = fit_structure(STRUCTURES["apim_alike"], holed)
    cov, mean = fit.structure.implied(fit.theta)
    total = 0.0
    for row in values:
        there = np.flatnonzero(np.isfinite(row))
        total += multivariate_normal(mean[there], cov[np.ix_(there, there)]).logpdf(row[there])
    assert fit.indices()["log_likelihood"] == pytest.approx(total, abs=1e-8)


def test_curvature_is_the_slope_of_the_gradient(holed):
    structure = STRUCTURES["apim"]
    theta = fit_structure(structure, holed).theta + 0.05
    step = 1e-5
    numeric = [
        (gradient(structure, theta + step * unit, holed) - gradient(structure, theta - step * unit, holed)) / (2 * step)
        for unit in np.eye(len(theta))
    ]
    assert curvature(structure, theta, holed) == pytest.approx(np.array(numeric), abs=1e-8)


def test_complete_dyads_need_no_pattern(columns_of):
    values = columns_of(XY).to_numpy()
    found, expected = incomplete_moments(values, XY), moments_of(values)
    assert not found.patterns
    assert found.cov.tolist() == expected.cov.tolist()


def test_large_means_cost_no_digits(columns_of, holed):
    values = columns_of(XY, missing=True).to_numpy() + 1e6
    far = incomplete_moments(values, XY)
    assert far.cov == pytest.approx(holed.cov, abs=1e-7)
    assert inull_statistic(far)[0] == pytest.approx(inull_statistic(holed)[0], abs=1e-5)


def test_variables_that_never_meet_are_refused(columns_of):
    values = columns_of(XY).to_numpy().copy()
    values[:70, 0] = np.nan
    values[70:, 3] = np.nan
    with pytest.raises(rd.DesignError, match="no dyad has values of both x1 and y2"):
        incomplete_moments(values, XY)


# --- the verbs --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def panel(columns_of, as_pairs):
    return as_pairs(columns_of(XY, missing=True))


def printed(reference, *keys):
    return {tuple(row[key] for key in keys): row for row in reference["est"]}


@pytest.mark.filterwarnings("ignore:.*lack a value")
@pytest.mark.parametrize(("roles", "name"), [(None, "apim_fiml"), ("exchangeable", "apim_alike_fiml")])
def test_actor_partner_model_of_incomplete_dyads_equals_lavaan(structures, panel, roles, name):
    reference = structures[name]
    fit = ap.apim_sem(panel, outcome="y", predictors="x", roles=roles, missing="model")
    expected, tidy = printed(reference, "label"), fit.tidy().set_index(["effect", "role"])
    suffixes = {"A": "1", "B": "2"} if roles is None else {"": ""}
    for role, suffix in suffixes.items():
        for effect, label in (("actor", "a"), ("partner", "p"), ("k", "k")):
            row = expected[(f"{label}{suffix}",)]
            assert tidy.loc[(effect, role), "estimate"] == pytest.approx(row["est"], abs=1e-5)
            assert tidy.loc[(effect, role), "std_error"] == pytest.approx(row["se"], abs=1e-5)
    assert fit.unadjusted["statistic"] == pytest.approx(reference["fit"]["chisq"], abs=1e-6)
    assert fit.unadjusted["df"] == reference["fit"]["df"]
    assert fit.glance()["log_likelihood"].item() == pytest.approx(reference["fit"]["logl"], abs=1e-6)
    assert fit.glance()["df"].item() == 0
    assert "full-information maximum likelihood (Enders, 2010)" in " ".join(fit.summary().split()).replace("\n", " ")


def test_what_full_information_assumes_is_a_warning(panel):
    with pytest.warns(rd.DataWarning, match="of 150 dyads lack a value of x, y for a member; their other values enter"):
        fit = ap.apim_sem(panel, outcome="y", predictors="x", missing="model")
    assert "depends on observed values only" in fit.warnings[0]
    assert fit.n_dyads == 150


@pytest.mark.filterwarnings("ignore:.*lack a value")
def test_numbers_do_not_depend_on_who_is_member_one(panel):
    swapped = panel.frame.assign(member=lambda rows: np.where(rows["dyad"] % 2, 3 - rows["member"], rows["member"]))
    fits = [
        ap.apim_sem(rd.DyadPanel(frame, dyad="dyad", person="member"), outcome="y", predictors="x", missing="model")
        for frame in (panel.frame, swapped)
    ]
    for table in ("tidy", "glance"):
        first, again = (getattr(fit, table)().select_dtypes("number").to_numpy(dtype=float) for fit in fits)
        assert again == pytest.approx(first, abs=1e-8, nan_ok=True)
    tests = [fit.pattern_tests()["statistic"].to_numpy() for fit in fits]
    assert tests[1] == pytest.approx(tests[0], abs=1e-8)


@pytest.mark.filterwarnings("ignore:.*lack a value")
def test_patterns_are_tested_on_the_incomplete_dyads(panel, holed):
    fit = ap.apim_sem(panel, outcome="y", predictors="x", missing="model")
    restricted = fit_structure(apim_structure(["x"], "y", alike=False, k=0.0), holed)
    row = fit.pattern_tests().set_index("pattern").loc["actor-only"]
    assert row["statistic"] == pytest.approx(restricted.statistic, abs=1e-8)
    again = rd.from_json(fit.to_json(rows=True))
    assert again.pattern_tests()["statistic"].tolist() == fit.pattern_tests()["statistic"].tolist()
    bare = rd.from_json(fit.to_json())
    with pytest.raises(rd.DataError, match="saved without rows"):
        bare.pattern_tests()


@pytest.mark.filterwarnings("ignore:.*lack a value", "ignore:x hardly moves")
def test_dyad_level_models_of_incomplete_dyads_equal_lavaan(structures, panel):
    fate = ap.common_fate(panel, outcome="y", predictor="x", missing="model", least_icc=0.0)
    expected = printed(structures["common_fate_fiml"], "lhs", "op", "rhs")["Y", "~", "X"]
    slope = fate.tidy().set_index("term").loc["slope"]
    assert [slope["estimate"], slope["std_error"]] == pytest.approx([expected["est"], expected["se"]], abs=1e-4)
    assert fate.glance()["statistic"].item() == pytest.approx(structures["common_fate_fiml"]["fit"]["chisq"], abs=1e-6)
    mutual = ap.mutual_influence(panel, outcome="y", predictor="x", missing="model")
    expected = printed(structures["mutual_fiml"], "lhs", "op", "rhs")["y1", "~", "y2"]
    row = mutual.tidy().query("effect == 'influence' and role == 'A'").iloc[0]
    assert [row["estimate"], row["std_error"]] == pytest.approx([expected["est"], expected["se"]], abs=1e-5)


@pytest.mark.filterwarnings("ignore:.*lack a value")
def test_tests_of_exchangeability_of_incomplete_dyads_equal_lavaan(structures, panel):
    table = ap.isat(panel, ["x", "y"], missing="model").tidy().set_index("term")
    for term, name in (("I-SAT", "isat_fiml"), ("I-NULL", "inull_fiml")):
        assert table.loc[term, "statistic"] == pytest.approx(structures[name]["fit"]["chisq"], abs=1e-6)
    omnibus = ap.distinguishability_sem(panel, outcome="y", predictors="x", missing="model")
    assert omnibus.statistic == pytest.approx(structures["isat_fiml"]["fit"]["chisq"], abs=1e-6)
    assert omnibus.log_likelihoods == pytest.approx(
        [structures[name]["fit"]["logl"] for name in ("isat_fiml", "apim_fiml")], abs=1e-6
    )


@pytest.mark.filterwarnings("ignore:.*lack a value")
def test_free_means_are_symmetric_in_covariances_only(panel, holed):
    """Covariances equal under the swap, means not: against a fit of the structure itself."""
    structure = apim_structure(["x"], "y", alike=True)
    entries = tuple(
        type(entry)(entry.matrix, entry.to, entry.source, f"mean {entry.to}") if entry.matrix == "m" else entry
        for entry in structure.entries
    )
    fit = fit_structure(type(structure)(structure.observed, entries), holed)
    omnibus = ap.distinguishability_sem(panel, outcome="y", predictors="x", means="free", missing="model")
    assert omnibus.statistic == pytest.approx(fit.statistic, abs=1e-7)
    assert omnibus.df == fit.df == 4


def test_partners_who_never_took_part_still_count(panel):
    """A dyad with one member only gives what it has."""
    frame = panel.frame.query("not (member == 2 and dyad < 20)")
    alone = rd.DyadPanel(frame, dyad="dyad", person="member", role="role")
    with pytest.warns(rd.DataWarning):
        fit = ap.apim_sem(alone, outcome="y", predictors="x", missing="model")
    assert fit.n_dyads > 145


def test_an_unknown_treatment_of_missing_values_is_refused(panel):
    with pytest.raises(rd.DesignError, match="missing"):
        ap.apim_sem(panel, outcome="y", predictors="x", missing="fiml")
