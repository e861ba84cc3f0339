"""Models of two members' moments against lavaan, number by number (R 4.2.2, lavaan 0.6-14; script ref_b.R)."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn import actor_partner as ap
from reldyn.actor_partner.moments._latent_structures import invariance_structure
from reldyn.actor_partner.moments._mediation_structure import MediationVariables, mediation_structure
from reldyn.actor_partner.moments._moments import moments_of
from reldyn.actor_partner.moments._sem import (
    Structure,
    covary,
    discrepancy,
    fit_structure,
    gradient,
    information,
    intercept,
    path,
)
from reldyn.actor_partner.moments._structures import (
    apim_structure,
    common_fate_structure,
    mutual_structure,
)

REFERENCE = Path(__file__).parent / "reference"
INDICES = {
    "cfi": "cfi",
    "tli": "tli",
    "rmsea": "rmsea",
    "srmr": "srmr",
    "logl": "log_likelihood",
    "npar": "n_parameters",
}
INDICES |= {"aic": "aic", "bic": "bic"}
XMY = MediationVariables(("x",), ("m",), "y")
CFA_ITEMS = ["i1", "i2", "i3"]


def wide(*names):
    frame = pd.read_csv(REFERENCE / "apim_wide.csv")
    return np.hstack([frame[[f"{name}1", f"{name}2"]].to_numpy() for name in names])


def cfa_values():
    return pd.read_csv(REFERENCE / "cfa.csv")[["a1", "b1", "a2", "b2", "a3", "b3"]].to_numpy()


def renamed(name, latent):
    """A variable of the R script under the name it has here."""
    return latent.get(name) or re.sub(r"^([xmy])(\d)$", r"\1.\2", name)


def cells(structure):
    found = {}
    for entry in structure.entries:
        found[entry.matrix, entry.to, entry.source] = entry
        if entry.matrix == "S":
            found["S", entry.source, entry.to] = entry
    return found


def assert_same_as_lavaan(fit, reference, latent=None, estimate=1e-6, std_error=1e-7):
    """Every free parameter with its standard error, z and p; every index of fit; the chi-squared."""
    entries = cells(fit.structure)
    compared = 0
    for row in reference["est"]:
        if row["op"] == ":=" or row["se"] in (0, None):
            continue
        left, right = (renamed(row[side], latent or {}) for side in ("lhs", "rhs"))
        entry = entries[
            {"~": ("A", left, right), "=~": ("A", right, left), "~~": ("S", left, right), "~1": ("m", left, "")}[
                row["op"]
            ]
        ]
        assert fit.value(entry.label) == pytest.approx(row["est"], abs=estimate)
        assert fit.std_error(entry.label) == pytest.approx(row["se"], abs=std_error)
        assert fit.value(entry.label) / fit.std_error(entry.label) == pytest.approx(row["z"], rel=2e-4)
        compared += 1
    assert compared >= len(fit.theta)
    assert fit.statistic == pytest.approx(reference["fit"]["chisq"], abs=1e-8)
    assert fit.df == reference["fit"]["df"]
    indices = fit.indices()
    for theirs, ours in INDICES.items():
        assert indices[ours] == pytest.approx(reference["fit"][theirs], abs=1e-7), theirs
    assert fit.converged


def test_saturated_apim_equals_lavaan(gls):
    assert_same_as_lavaan(
        fit_structure(apim_structure(["x"], "y", alike=False), moments_of(wide("x", "y"))), gls["sem_dist"]
    )


def test_exchangeable_apim_equals_lavaan(gls):
    assert_same_as_lavaan(
        fit_structure(apim_structure(["x"], "y", alike=True), moments_of(wide("x", "y"))), gls["sem_indist"]
    )


def test_mediation_paths_equal_lavaan(gls):
    assert_same_as_lavaan(
        fit_structure(mediation_structure(XMY, alike=False), moments_of(wide("x", "m", "y"))), gls["apimem"]
    )


def test_common_fate_equals_lavaan(gls):
    # The likelihood is flat along the Heywood direction: lavaan's optimiser stops 5e-6 short.
    fit = fit_structure(common_fate_structure(alike=False), moments_of(wide("x", "y")))
    assert_same_as_lavaan(fit, gls["cfm"], estimate=2e-5, std_error=2e-5)


def test_mutual_influence_equals_lavaan(gls):
    fit = fit_structure(mutual_structure(alike=False), moments_of(wide("x", "y")))
    assert_same_as_lavaan(fit, gls["mim"], estimate=3e-6, std_error=2e-6)


@pytest.mark.parametrize(
    ("level", "name"),
    [("configural", "configural"), ("loadings", "loading"), ("intercepts", "intercept"), ("residuals", "residual")],
)
def test_factor_invariance_equals_lavaan(gls, level, name):
    structure = invariance_structure(CFA_ITEMS, level)
    start = {label: 1.0 for label in structure.labels if label.startswith(("loading", "var F"))}
    latent = {"A": "F.1", "B": "F.2"}
    latent |= {f"{letter}{k}": f"i{k}.{member}" for letter, member in (("a", 1), ("b", 2)) for k in (1, 2, 3)}
    fit = fit_structure(structure, moments_of(cfa_values()), start)
    assert_same_as_lavaan(fit, gls["cfa"][name], latent, estimate=2e-6, std_error=2e-7)


def test_swapped_members_are_saturated_apim_under_exchangeability(gls, cross_section):
    """I-SAT in lavaan: covariances instead of paths, the same chi-squared, and the closed form's moments."""
    found = rd.actor_partner.isat(cross_section, ["xa", "y"])
    row = found.tidy().set_index("term")
    for term, name in (("I-SAT", "isat"), ("I-NULL", "inull")):
        assert row.loc[term, "statistic"] == pytest.approx(gls[name]["fit"]["chisq"], abs=1e-8)
        assert row.loc[term, "df"] == gls[name]["fit"]["df"]
        assert row.loc[term, "p_value"] == pytest.approx(gls[name]["fit"]["pvalue"] or 0.0, abs=1e-12)
    printed = {(r["lhs"], r["op"], r["rhs"]): r["est"] for r in gls["isat"]["est"]}
    cov = found.cov.to_numpy()
    order = ["x1", "x2", "y1", "y2"]
    for (left, op, right), value in printed.items():
        if op == "~~":
            assert cov[order.index(left), order.index(right)] == pytest.approx(value, abs=1e-6)
        else:
            assert found.means["xa" if left[0] == "x" else "y"] == pytest.approx(value, abs=1e-6)


def swap_structures():
    """I-SAT and I-NULL as structures, to be fitted as lavaan does."""
    shared = [
        entry
        for name in ("x", "y")
        for member in (1, 2)
        for entry in (
            covary(f"{name}.{member}", f"{name}.{member}", f"var {name}"),
            intercept(f"{name}.{member}", f"mean {name}"),
        )
    ]
    crossed = [covary("x.1", "x.2", "cov x"), covary("y.1", "y.2", "cov y")]
    for member in (1, 2):
        crossed.append(covary(f"x.{member}", f"y.{member}", "within"))
        crossed.append(covary(f"x.{member}", f"y.{3 - member}", "across"))
    observed = ("x.1", "x.2", "y.1", "y.2")
    return {"isat": Structure(observed, (*shared, *crossed)), "inull": Structure(observed, tuple(shared))}


@pytest.mark.parametrize("name", ["isat", "inull"])
def test_interchangeable_models_equal_lavaan(gls, name):
    # lavaan's estimates of the saturated model stop 5e-7 from the closed form.
    fit = fit_structure(swap_structures()[name], moments_of(wide("x", "y")))
    assert_same_as_lavaan(fit, gls[name], estimate=2e-6, std_error=1e-6)


@pytest.mark.parametrize("name", ["isat", "inull", "cfm", "mim", "mediation"])
def test_gradient_is_the_slope_of_the_discrepancy(name):
    structure = {
        **swap_structures(),
        "cfm": common_fate_structure(alike=True),
        "mim": mutual_structure(alike=True),
        "mediation": mediation_structure(XMY, alike=True),
    }[name]
    values = wide("x", "m", "y") if name == "mediation" else wide("x", "y")
    moments = moments_of(values)
    generator = np.random.default_rng(3)
    theta = fit_structure(structure, moments).theta + generator.normal(scale=0.02, size=len(structure.labels))
    step = 1e-6
    numeric = [
        (discrepancy(structure, theta + step * unit, moments) - discrepancy(structure, theta - step * unit, moments))
        / (2 * step)
        for unit in np.eye(len(theta))
    ]
    assert gradient(structure, theta, moments) == pytest.approx(numeric, abs=1e-7)


def test_information_is_the_curvature_where_the_model_holds():
    structure = apim_structure(["x"], "y", alike=True)
    theta = fit_structure(structure, moments_of(wide("x", "y"))).theta
    cov, mean = structure.implied(theta)
    moments = moments_of(wide("x", "y"))
    exact = type(moments)(mean, cov, 120)
    step = 1e-5
    numeric = np.array(
        [
            (gradient(structure, theta + step * unit, exact) - gradient(structure, theta - step * unit, exact))
            / (2 * step)
            for unit in np.eye(len(theta))
        ]
    )
    assert information(structure, theta) == pytest.approx(numeric, abs=1e-7)


def test_a_model_that_is_not_identified_is_refused():
    structure = Structure(
        ("x.1", "x.2"),
        (
            path("x.1", "X", "loading"),
            path("x.2", "X", "loading"),
            covary("X", "X", "var X"),
            covary("x.1", "x.1", "var"),
            covary("x.2", "x.2", "var"),
            intercept("x.1", "mean"),
            intercept("x.2", "mean"),
        ),
        ("X",),
    )
    with pytest.raises(rd.DesignError, match="are not identified by these data"):
        fit_structure(structure, moments_of(wide("x")), {"loading": 1.0, "var X": 0.3})


def test_variables_that_depend_on_each_other_are_refused():
    values = wide("x", "y")
    values[:, 3] = values[:, 0] - values[:, 1]
    with pytest.raises(rd.DesignError, match="depend on each other linearly"):
        fit_structure(apim_structure(["x"], "y", alike=False), moments_of(values))


def test_kkc_numbers_are_whole():
    """What the reference file holds is what the tests below read."""
    assert set(json.loads((REFERENCE / "b_kkc.json").read_text(encoding="utf-8"))) == {
        "model",
        "isat",
        "inull",
        "adjusted",
        "kkc_table2_1",
    }


@pytest.fixture(scope="module")
def feedback():
    """200 dyads in which each outcome moves the other."""
    r = np.random.default_rng(3)
    x, gains = r.normal(size=(200, 2)), np.array([[0.0, 0.3], [0.2, 0.0]])
    y = np.linalg.solve(np.eye(2) - gains, (0.6 * x + r.normal(size=(200, 2))).T).T
    return pd.DataFrame({"dyad": np.repeat(range(200), 2), "role": ["A", "B"] * 200, "x": x.ravel(), "y": y.ravel()})


@pytest.mark.filterwarnings("ignore:37 of 200 dyads lack a value")
@pytest.mark.parametrize("missing", ["available", "model"])
@pytest.mark.parametrize(("move", "unit"), [(2000.0, 1.0), (0.0, 1e6), (0.0, 1e-6)])
def test_zeros_and_units_of_variables_change_no_test(feedback, missing, move, unit):
    frame = feedback.copy()
    if missing == "model":
        frame.loc[frame.index[::11], "y"] = np.nan
    moved = frame.assign(x=frame["x"] + move, y=frame["y"] * unit)
    for analysis, given in ((ap.mutual_influence, {"predictor": "x"}), (ap.apim_sem, {"predictors": "x"})):
        one, two = (
            analysis(rd.DyadPanel(rows, dyad="dyad", person="role", role="role"), outcome="y", missing=missing, **given)
            for rows in (frame, moved)
        )
        assert two.glance()["converged"].item()
        assert two.tidy()["statistic"].to_numpy() == pytest.approx(one.tidy()["statistic"].to_numpy(), rel=1e-5)


def test_intercepts_and_their_errors_are_those_of_the_variables_as_they_stand(feedback):
    values = feedback.assign(x=feedback["x"] + 5.0)[["x", "y"]].to_numpy().reshape(200, 4)[:, [0, 2, 1, 3]]
    moments, structure = moments_of(values), mutual_structure(alike=False)
    fit = fit_structure(structure, moments)
    assert fit.converged
    assert np.abs(gradient(structure, fit.theta, moments)).max() < 1e-8
    expected = 2.0 * np.linalg.inv(information(structure, fit.theta)) / moments.n
    assert fit.cov == pytest.approx(expected, rel=1e-6, abs=1e-10)


@pytest.mark.parametrize("analysis", ["apim_sem", "common_fate", "mutual_influence"])
def test_a_search_without_an_end_stands_in_the_result(analysis, monkeypatch):
    from reldyn.actor_partner.moments import _moment_model

    def unfinished(*arguments):
        return dataclasses.replace(fit_structure(*arguments), converged=False)

    monkeypatch.setattr(_moment_model, "fit_structure", unfinished)
    panel = rd.simulate.apim(n_dyads=150, actor=0.4, partner=0.2, seed=3).panel
    option = {"predictors": "x"} if analysis == "apim_sem" else {"predictor": "x"}
    with pytest.warns(rd.errors.ConvergenceWarning, match="do not report these numbers"):
        fit = getattr(ap, analysis)(panel, outcome="y", **option)
    assert any("do not report these numbers" in note for note in fit.warnings)
    assert "do not report these" in fit.summary()
