"""Full-information maximum likelihood of moment models against lavaan, and its parts against brute force."""

import re

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import reldyn as rd
from reldyn.actor_partner.moments._incomplete import incomplete_moments
from reldyn.actor_partner.moments._interchangeable import inull_statistic, isat_statistic
from reldyn.actor_partner.moments._moments import moments_of
from reldyn.actor_partner.moments._sem import curvature, fit_structure, gradient
from reldyn.actor_partner.moments._structures import (
    apim_structure,
    common_fate_structure,
    invariance_structure,
    mutual_structure,
)

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
