"""Mediation with covariates, several predictors and mediators, and incomplete dyads, against lavaan."""

import re

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.actor_partner.moments._incomplete import incomplete_moments
from reldyn.actor_partner.moments._mediation_bootstrap import bootstrap_paths
from reldyn.actor_partner.moments._mediation_structure import (
    MediationVariables,
    effect_values,
    effects_of,
    mediation_structure,
    path_labels,
)
from reldyn.actor_partner.moments._sem import fit_structure

ap = rd.actor_partner
FULL = MediationVariables(("x", "w"), ("m", "k"), "y", ("c",), ("z",))
ALIKE = MediationVariables(("x",), ("m",), "y", ("c",), ("z",))
MODELS = {"mediation": (FULL, False), "mediation_alike": (ALIKE, True)}
COMPLETE = {"outcome": "y", "predictor": ["x", "w"], "mediator": ["m", "k"], "covariates": ["c", "z"]}
SIMPLE = {"outcome": "y", "predictor": "x", "mediator": "m", "covariates": ["z", "c"]}
# Effects of the R script: effect, kind, predictor, mediator, whose predictor, whose outcome.
EFFECTS = {
    "aa_xm1": ("indirect", "actor-actor", "x", "m", "A", "A"),
    "pp_xm1": ("indirect", "partner-partner", "x", "m", "A", "A"),
    "pa_xm1": ("indirect", "partner-actor", "x", "m", "B", "A"),
    "ap_xm1": ("indirect", "actor-partner", "x", "m", "B", "A"),
    "own_x1": ("total indirect", "", "x", "", "A", "A"),
    "partner_x1": ("total indirect", "", "x", "", "B", "A"),
    "total_own_x1": ("total", "", "x", "", "A", "A"),
    "own_w2": ("total indirect", "", "w", "", "B", "B"),
}
RATIOS = {"k_xm1": ("x", "m", "A"), "k_m2": ("m", "y", "B"), "k_x2": ("x", "y", "B")}
KEYS = ["effect", "kind", "predictor", "mediator", "from", "role"]


def named(name):
    return "z.0" if name == "z" else re.sub(r"^([a-z])(\d)$", r"\1.\2", name)


def names_of(variables):
    return [f"{name}{member}" for name in variables.personal for member in (1, 2)] + list(variables.shared)


def order_of(variables):
    """Columns in the order in which the R script punches its holes."""
    order = ("x", "w", "m", "k", "y", "c")
    known = variables.personal
    return [f"{name}{member}" for name in order if name in known for member in (1, 2)] + ["z"]


def printed(reference):
    return {row["label"]: row for row in reference["est"] if row["op"] == ":="}


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_mediation_models_equal_lavaan(structures, columns_of, same_as_lavaan, name, missing):
    variables, alike = MODELS[name]
    values = columns_of(order_of(variables), missing=missing)[names_of(variables)].to_numpy()
    fit = fit_structure(mediation_structure(variables, alike=alike), incomplete_moments(values, names_of(variables)))
    same_as_lavaan(fit, structures[f"{name}{'_fiml' if missing else ''}"], named, estimate=5e-5, std_error=5e-5)


def as_panel(as_pairs, columns_of, variables, *, missing=False, exchangeable=False):
    return as_pairs(columns_of(order_of(variables), missing=missing), exchangeable)


@pytest.fixture(scope="module")
def full(as_pairs, columns_of):
    return ap.mediation(as_panel(as_pairs, columns_of, FULL), interval="delta", **COMPLETE)


def assert_row(row, expected, within):
    assert [row["estimate"], row["std_error"]] == pytest.approx([expected["est"], expected["se"]], abs=within)


def test_effects_of_several_variables_equal_lavaan(full, structures):
    expected, tidy = printed(structures["mediation"]), full.tidy().set_index(KEYS)
    for label, key in EFFECTS.items():
        assert_row(tidy.loc[key], expected[label], 1e-6)
    ratios = full.k.set_index(["source", "outcome", "role"])
    for label, key in RATIOS.items():
        assert_row(ratios.loc[key], expected[label], 1e-5)
    glance, fit = full.glance().iloc[0], structures["mediation"]["fit"]
    assert glance["statistic"] == pytest.approx(fit["chisq"], abs=1e-6)
    assert glance["df"] == fit["df"]
    assert glance["log_likelihood"] == pytest.approx(fit["logl"], abs=1e-6)
    assert full.covariates == ("c", "z")


def test_specific_indirect_effects_add_up(full):
    tidy = full.tidy()
    for _, rows in tidy.groupby(["predictor", "from", "role"]):
        total = rows.query("effect == 'total indirect'")["estimate"].item()
        for effect in ("indirect", "specific indirect"):
            assert rows.loc[rows["effect"] == effect, "estimate"].sum() == pytest.approx(total)
    assert tidy["term"].is_unique
    assert "indirect (A x, B m), A" in set(tidy["term"])
    assert "specific indirect (A x, m), A" in set(tidy["term"])


@pytest.mark.parametrize("missing", ["available", "model"])
@pytest.mark.filterwarnings("ignore:.*lack a value")
def test_effects_of_exchangeable_members_equal_lavaan(as_pairs, columns_of, structures, missing):
    holed = missing == "model"
    panel = as_panel(as_pairs, columns_of, ALIKE, missing=holed, exchangeable=True)
    fit = ap.mediation(panel, interval="delta", missing=missing, **SIMPLE)
    expected = printed(structures["mediation_alike" + ("_fiml" if holed else "")])
    tidy = fit.tidy().set_index(["effect", "kind", "from"])
    for label, key in {
        "aa": ("indirect", "actor-actor", "own"),
        "pp": ("indirect", "partner-partner", "own"),
        "pa": ("indirect", "partner-actor", "partner's"),
        "ap": ("indirect", "actor-partner", "partner's"),
        "own": ("total indirect", "", "own"),
        "partner": ("total indirect", "", "partner's"),
        "total_own": ("total", "", "own"),
    }.items():
        assert_row(tidy.loc[key], expected[label], 1e-5)
    assert_row(fit.k.set_index(["source", "outcome"]).loc[("m", "y")], expected["k_m"], 1e-5)
    assert fit.glance()["log_likelihood"].item() == pytest.approx(
        structures["mediation_alike" + ("_fiml" if holed else "")]["fit"]["logl"], abs=1e-5
    )


@pytest.mark.filterwarnings("ignore:.*lack a value")
@pytest.mark.parametrize("missing", ["available", "model"])
def test_exchangeable_members_have_no_number(as_pairs, columns_of, missing):
    panel = as_panel(as_pairs, columns_of, ALIKE, missing=missing == "model", exchangeable=True)
    swapped = panel.frame.assign(member=lambda rows: np.where(rows["dyad"] % 3, rows["member"], 3 - rows["member"]))
    fits = [
        ap.mediation(each, interval="monte-carlo", n_boot=300, seed=2, missing=missing, **SIMPLE)
        for each in (panel, rd.DyadPanel(swapped, dyad="dyad", person="member"))
    ]
    for table in ("table", "k", "paths"):
        first, again = (getattr(fit, table).select_dtypes("number").to_numpy(dtype=float) for fit in fits)
        assert again == pytest.approx(first, abs=1e-7)
    assert fits[1].statistic == pytest.approx(fits[0].statistic, abs=1e-8)
    assert fits[0].df == 2


def test_covariates_take_out_a_confounder():
    """x and m share a cause and nothing else: without it an indirect effect appears, with it none."""
    generator = np.random.default_rng(12)
    n = 500
    cause = generator.normal(size=(n, 2))
    x, m = cause + generator.normal(size=(n, 2)), cause + generator.normal(size=(n, 2))
    y = 0.6 * m + 0.5 * cause + generator.normal(size=(n, 2))
    rows = pd.DataFrame({"dyad": np.repeat(range(n), 2), "who": [1, 2] * n})
    rows = rows.assign(x=x.ravel(), m=m.ravel(), y=y.ravel(), cause=cause.ravel())
    panel = rd.DyadPanel(rows, dyad="dyad", person="who")
    named_as = {"outcome": "y", "predictor": "x", "mediator": "m", "n_boot": 500, "seed": 1}
    bare = ap.mediation(panel, **named_as).tidy().set_index("kind").loc["actor-actor"]
    held = ap.mediation(panel, covariates="cause", **named_as).tidy().set_index("kind").loc["actor-actor"]
    assert bare["conf_low"] > 0.2
    assert abs(held["estimate"]) < 0.1


# --- intervals --------------------------------------------------------------------------------------


class EachOnce:
    def multinomial(self, n, share, size=None):
        return np.ones(n if size is None else (size, n), dtype=int)


@pytest.mark.parametrize("name", MODELS)
def test_generalised_least_squares_is_maximum_likelihood(columns_of, name):
    variables, alike = MODELS[name]
    values = columns_of(names_of(variables)).to_numpy()
    structure = mediation_structure(variables, alike=alike)
    fit = fit_structure(structure, incomplete_moments(values, names_of(variables)))
    labels = path_labels(variables, alike=alike)
    groups = ([f"{name}.{member}" for name in variables.mediators for member in (1, 2)], ["y.1", "y.2"])
    solved = bootstrap_paths(values, structure, groups, labels, 2, EachOnce(), alike=alike, n_shared=1)
    assert solved[1] == pytest.approx(fit.subset(labels)[0], abs=1e-7)


def test_resampled_paths_are_those_of_the_resampled_dyads(columns_of):
    values = columns_of(names_of(FULL)).to_numpy()
    structure, labels = mediation_structure(FULL, alike=False), path_labels(FULL, alike=False)
    groups = (["m.1", "m.2", "k.1", "k.2"], ["y.1", "y.2"])
    solved = bootstrap_paths(values, structure, groups, labels, 3, np.random.default_rng(3), alike=False, n_shared=1)
    counts = np.random.default_rng(3).multinomial(150, np.full(150, 1 / 150), size=3)
    again = fit_structure(structure, incomplete_moments(np.repeat(values, counts[1], axis=0), names_of(FULL)))
    assert solved[1] == pytest.approx(again.subset(labels)[0], abs=1e-7)


def test_samples_of_few_dyads_that_fit_exactly_are_left_out(columns_of):
    values = columns_of(names_of(FULL)).to_numpy()[:20]
    structure, labels = mediation_structure(FULL, alike=False), path_labels(FULL, alike=False)
    groups = (["m.1", "m.2", "k.1", "k.2"], ["y.1", "y.2"])
    solved = bootstrap_paths(values, structure, groups, labels, 99, np.random.default_rng(1), alike=False, n_shared=1)
    whole = np.isfinite(solved).all(axis=1)
    assert 0 < whole.sum() < 99


def test_no_sample_that_can_be_fitted_is_an_error(as_pairs, columns_of):
    few = as_panel(as_pairs, columns_of, FULL).select(where=lambda frame: frame["dyad"].isin(range(14)))
    with pytest.raises(
        rd.errors.DesignError, match=r"none of 2 resampled sets of 14 dyads could be fitted. Ask for more"
    ):
        ap.mediation(few, n_boot=2, seed=1, **COMPLETE)


def test_bootstrap_and_monte_carlo_agree_with_the_delta_method(as_pairs, columns_of, full):
    panel = as_panel(as_pairs, columns_of, FULL)
    expected = full.tidy()["conf_high"] - full.tidy()["conf_low"]
    for interval in ("bootstrap", "monte-carlo"):
        fit = ap.mediation(panel, interval=interval, n_boot=1000, seed=4, **COMPLETE)
        width = fit.tidy()["conf_high"] - fit.tidy()["conf_low"]
        assert np.median(width / expected) == pytest.approx(1.0, abs=0.12)
        assert fit.n_failed == 0
        plain = fit.k.query("note == ''")
        assert ((plain["conf_low"] < plain["estimate"]) & (plain["estimate"] < plain["conf_high"])).all()


def test_percentiles_are_those_of_the_products(full):
    """Effects of draws are sums of products, whatever the arrangement of the draws."""
    effects = effects_of(FULL, alike=False)
    paths = np.random.default_rng(1).normal(size=(4, len(path_labels(FULL, alike=False))))
    values = effect_values(effects, paths)
    at = {label: k for k, label in enumerate(path_labels(FULL, alike=False))}
    row = next(
        k
        for k, e in enumerate(effects)
        if (e.kind, e.predictor, e.mediator, e.member) == ("actor-partner", "w", "k", 1)
    )
    expected = paths[:, at["actor w to k.2"]] * paths[:, at["partner k to y.1"]]
    assert values[:, row] == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:.*lack a value")
def test_incomplete_dyads_can_be_resampled(as_pairs, columns_of):
    panel = as_panel(as_pairs, columns_of, ALIKE, missing=True, exchangeable=True)
    given = {"outcome": "y", "predictor": "x", "mediator": "m", "missing": "model", "seed": 5, "n_boot": 60}
    drawn, sampled = (ap.mediation(panel, interval=interval, **given) for interval in (None, "bootstrap"))
    assert drawn.interval == "monte-carlo"
    assert sampled.n_draws == 60
    width = [fit.tidy()["conf_high"] - fit.tidy()["conf_low"] for fit in (drawn, sampled)]
    assert np.median(width[1] / width[0]) == pytest.approx(1.0, abs=0.3)


# --- results ----------------------------------------------------------------------------------------


def test_results_survive_json_and_are_drawn(full):
    again = rd.from_json(full.to_json())
    pd.testing.assert_frame_equal(again.tidy(), full.tidy())
    pd.testing.assert_frame_equal(again.k, full.k)
    assert again.summary() == full.summary()
    assert "with c, z held constant in every equation" in " ".join(full.summary().split()).replace("\n", " ")
    assert len(full.plot(predictor="w", mediator="k").axes) == 2
    with pytest.raises(rd.DesignError, match=r"several predictors \(x, w\): say which one to draw"):
        full.plot()


def test_a_ratio_to_nothing_carries_a_note(as_pairs, columns_of):
    panel = as_panel(as_pairs, columns_of, FULL)
    noise = np.random.default_rng(9).normal(size=len(panel.frame))
    weak = rd.DyadPanel(panel.frame.assign(x=noise), dyad="dyad", person="member", role="role")
    fit = ap.mediation(weak, outcome="y", predictor="x", mediator="m", interval="delta")
    notes = fit.k.set_index(["source", "outcome"])["note"]
    assert (notes[("x", "m")] != "").all()
    assert (notes[("m", "y")] == "").any()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"predictor": []}, "mediation needs a predictor, and [] is none"),
        ({"mediator": ["m", "x"]}, "mediation needs three different variables"),
        ({"covariates": ["m"]}, "mediation: 'm' is named twice"),
    ],
)
def test_faults_are_named(as_pairs, columns_of, given, message):
    panel = as_panel(as_pairs, columns_of, FULL)
    with pytest.raises(rd.DesignError, match=re.escape(message)):
        ap.mediation(panel, **({"outcome": "y", "predictor": "x", "mediator": "m"} | given))


def test_a_constant_covariate_is_refused(as_pairs, columns_of):
    frame = as_panel(as_pairs, columns_of, FULL).frame.assign(z=2.0)
    panel = rd.DyadPanel(frame, dyad="dyad", person="member", role="role")
    with pytest.raises(rd.DesignError, match="'z' is the same for every dyad"):
        ap.mediation(panel, outcome="y", predictor="x", mediator="m", covariates="z")


def test_k_is_withheld_where_roles_answered_on_two_scales(as_pairs, columns_of):
    frame = as_panel(as_pairs, columns_of, FULL).frame
    frame["x"] = frame["x"] * np.where(frame["role"] == "A", 1.0, 20.0)
    panel = rd.DyadPanel(frame, dyad="dyad", person="member", role="role")
    with pytest.warns(rd.DataWarning):
        fit = ap.mediation(panel, outcome="y", predictor="x", mediator="m", interval="delta")
    rows = fit.k.set_index("source")
    assert rows.loc["x", "estimate"].isna().all()
    assert rows.loc["x", "note"].str.startswith("withheld").all()
    assert np.isfinite(rows.loc["m", "estimate"]).all()


@pytest.mark.parametrize("missing", ["available", "model"])
def test_a_categorical_covariate_is_its_indicators(as_pairs, columns_of, missing):
    frame = as_panel(as_pairs, columns_of, FULL).frame
    code = np.where(frame["dyad"] % 2 == 0, frame["dyad"] % 3, frame["member"] % 3)
    frame["town"] = np.array(["Bern", "Oslo", "Turin"])[code]
    frame["bern"], frame["oslo"] = (frame["town"] == "Bern") * 1.0, (frame["town"] == "Oslo") * 1.0
    panel = rd.DyadPanel(frame, dyad="dyad", person="member", role="role")
    model = {"outcome": "y", "predictor": "x", "mediator": "m", "interval": "delta", "missing": missing}
    found = ap.mediation(panel, covariates=["town", "z"], reference={"town": "Turin"}, **model)
    byhand = ap.mediation(panel, covariates=["bern", "oslo", "z"], **model)
    numbers = ["estimate", "std_error"]
    pd.testing.assert_frame_equal(found.tidy()[numbers], byhand.tidy()[numbers], atol=1e-6)
    assert {"town: Bern", "town: Oslo"} <= set(found.covariates)
    with pytest.raises(rd.DesignError, match="reference names 'x', which is no covariate"):
        ap.mediation(panel, reference={"x": 1}, **model)


@pytest.mark.parametrize("n_boot", [0, 1, 2.5, True])
def test_an_interval_needs_samples(cross_section, n_boot):
    with pytest.raises(rd.DesignError, match=f"n_boot={n_boot}.*whole number"):
        rd.actor_partner.mediation(cross_section, outcome="y", predictor="xa", mediator="ma", n_boot=n_boot)


@pytest.mark.parametrize("roles", ["distinguishable", "exchangeable"])
def test_covariates_that_depend_on_each_other_are_refused_with_values_missing_too(cross_section, roles):
    frame = cross_section.frame
    frame["one"] = (frame["role"] == "A") * 1.0 + (frame["dyad"] % 2)
    frame["two"] = (frame["role"] == "B") * 1.0 + (frame["dyad"] % 3)
    frame["three"] = frame["one"] + frame["two"]
    frame.loc[frame.index[::13], "xa"] = np.nan
    panel = rd.DyadPanel(frame, dyad="dyad", person="member", role="role")
    with pytest.raises(rd.DesignError, match=r"cannot be estimated|depend on each other"):
        rd.actor_partner.mediation(
            panel,
            outcome="y",
            predictor="xa",
            mediator="ma",
            covariates=["one", "two", "three"],
            roles=roles,
            missing="model",
        )
