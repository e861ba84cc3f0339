"""Factor models, invariance and latent actor-partner models against lavaan and published numbers."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.actor_partner.moments._incomplete import incomplete_moments
from reldyn.actor_partner.moments._latent_structures import (
    EQUALITIES,
    factor_structure,
    latent_apim_structure,
    starting_loadings,
)
from reldyn.actor_partner.moments._sem import fit_structure

ap = rd.actor_partner
S, C = ["s1", "s2", "s3"], ["c1", "c2", "c3"]
OUTCOME, PREDICTORS = {"C": C}, {"S": S}
EQUAL = {
    "configural": (),
    "loadings": ("loadings",),
    "intercepts": ("loadings", "intercepts"),
    "residuals": ("loadings", "intercepts", "residuals"),
    "loadings_equal": ("loadings", "variances"),
    "alike": EQUALITIES,
}


def named(name):
    return re.sub(r"^([SC])(\d)$", r"\1.\2", re.sub(r"^([sc]\d)_(\d)$", r"\1.\2", name))


def wide(items):
    return [f"{item}_{member}" for item in items for member in (1, 2)]


def printed(reference, *keys):
    return {tuple(row[key] for key in keys): row for row in reference["est"]}


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("name", EQUAL)
def test_factor_models_equal_lavaan(structures, columns_of, same_as_lavaan, name, missing):
    moments = incomplete_moments(columns_of(wide(S), missing=missing).to_numpy(), wide(S))
    structure = factor_structure(S, EQUAL[name], "S")
    fit = fit_structure(structure, moments, starting_loadings({"S": S}, structure, moments.cov))
    reference = structures[f"factor_{name}{'_fiml' if missing else ''}"]
    same_as_lavaan(fit, reference, named, estimate=1e-5, std_error=1e-5)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(("name", "equal"), [("loadings", ("loadings",)), ("alike", EQUALITIES)])
def test_latent_actor_partner_models_equal_lavaan(structures, columns_of, same_as_lavaan, name, equal, missing):
    moments = incomplete_moments(columns_of(wide([*S, *C]), missing=missing).to_numpy(), wide([*S, *C]))
    structure = latent_apim_structure({"S": S}, ("C", C), equal, alike=name == "alike")
    fit = fit_structure(structure, moments, starting_loadings({"S": S, "C": C}, structure, moments.cov))
    reference = structures[f"latent_{name}{'_fiml' if missing else ''}"]
    same_as_lavaan(fit, reference, named, estimate=2e-5, std_error=2e-5)


@pytest.fixture(scope="module")
def panel(columns_of, as_pairs):
    return as_pairs(columns_of(wide([*S, *C])))


@pytest.fixture(scope="module")
def alike(columns_of, as_pairs):
    return as_pairs(columns_of(wide([*S, *C])), exchangeable=True)


@pytest.fixture(scope="module")
def swapped(alike):
    """Members of a random half of the couples numbered the other way."""
    turn = np.random.default_rng(5).random(150) < 0.5
    rows = alike.frame
    rows["member"] = np.where(turn[rows["dyad"]], 3 - rows["member"], rows["member"])
    return rd.DyadPanel(rows, dyad="dyad", person="member")


# --- factor models ----------------------------------------------------------------------------------


def test_factor_model_of_exchangeable_members_is_judged_against_isat(alike, structures):
    fit = ap.factor_model(alike, S)
    assert fit.unadjusted["statistic"] == pytest.approx(structures["factor_alike"]["fit"]["chisq"], abs=1e-6)
    assert fit.unadjusted["df"] == 14
    isat = ap.isat(alike, S)
    expected = isat.adjust(fit.unadjusted["statistic"], 14)
    glance = fit.glance().iloc[0]
    for name in ("statistic", "df", "p_value", "cfi", "tli", "rmsea"):
        assert glance[name] == pytest.approx(expected[name], abs=1e-7), name
    row = fit.tidy().query("effect == 'loading' and variable == 's2'").iloc[0]
    reference = printed(structures["factor_alike"], "label")[("ls2",)]
    assert [row["estimate"], row["std_error"]] == pytest.approx([reference["est"], reference["se"]], abs=1e-5)


@pytest.mark.parametrize("missing", ["available", "model"])
def test_no_number_depends_on_who_is_member_one(alike, swapped, missing):
    for call in (
        lambda panel: ap.factor_model(panel, S, missing=missing),
        lambda panel: ap.measurement_invariance(panel, S, missing=missing),
        lambda panel: ap.latent_apim(panel, outcome=OUTCOME, predictors=PREDICTORS, missing=missing),
    ):
        first, again = call(alike), call(swapped)
        for verb in ("tidy", "glance"):
            numbers = [getattr(fit, verb)().select_dtypes("number").to_numpy(dtype=float) for fit in (first, again)]
            assert numbers[1] == pytest.approx(numbers[0], abs=1e-8, nan_ok=True)
        assert first.summary() == again.summary()


def test_reliability_is_omega_by_hand(panel):
    fit = ap.factor_model(panel, S)
    estimates = fit.parameters.set_index("term")["estimate"]
    loadings = sum(estimates[f"loading {item}, A"] for item in S)
    residuals = sum(estimates[f"residual variance {item}, A"] for item in S)
    row = fit.tidy().query("effect == 'reliability' and role == 'A'").iloc[0]
    assert row["estimate"] == pytest.approx(loadings**2 / (loadings**2 + residuals))
    total = np.var(panel.frame.query("role == 'A'")[S].sum(axis=1))
    assert loadings**2 / total == pytest.approx(row["estimate"], abs=0.05)
    standard = fit.tidy().query("effect == 'standardised loading' and role == 'A'").set_index("variable")
    sd = np.sqrt(estimates["loading s1, A"] ** 2 + estimates["residual variance s1, A"])
    assert standard.loc["s1", "estimate"] == pytest.approx(estimates["loading s1, A"] / sd)
    assert -1 < fit.tidy().query("effect == 'factor correlation'")["estimate"].item() < 1


def test_a_reversed_item_keeps_its_sign(panel):
    turned = rd.DyadPanel(panel.frame.assign(s2=lambda rows: -rows["s2"]), dyad="dyad", person="member", role="role")
    fit, plain = ap.factor_model(turned, S).tidy(), ap.factor_model(panel, S).tidy()
    keys = ["effect", "variable", "role"]
    fit, plain = (rows[rows["effect"].str.endswith("loading")].set_index(keys)["estimate"] for rows in (fit, plain))
    assert fit.abs().to_numpy() == pytest.approx(plain.abs().to_numpy(), abs=1e-6)
    for (effect, _, role), own in fit.xs("s2", level="variable", drop_level=False).items():
        assert np.sign(own) == -np.sign(fit[effect, "s1", role])


def test_free_variances_and_means_of_the_second_member_are_estimates(panel, structures):
    fit = ap.factor_model(panel, S, equal=("loadings", "intercepts"))
    tidy = fit.tidy().set_index("effect")
    expected = printed(structures["factor_intercepts"], "lhs", "op", "rhs")
    assert tidy.loc["factor mean", "estimate"] == pytest.approx(expected["S2", "~1", ""]["est"], abs=1e-5)
    assert tidy.loc["factor variance", "estimate"] == pytest.approx(expected["S2", "~~", "S2"]["est"], abs=1e-5)
    assert tidy.loc["factor mean", "role"] == "B"


def test_unequal_exchangeable_members_are_warned_about(alike):
    with pytest.warns(rd.DataWarning, match="their intercepts are not held equal"):
        fit = ap.factor_model(alike, S, equal=("loadings", "residuals", "variances"))
    assert fit.unadjusted["statistic"] == fit.glance()["statistic"].item()


# --- invariance -------------------------------------------------------------------------------------


def test_invariance_of_exchangeable_members_is_one_model(alike, structures):
    result = ap.measurement_invariance(alike, S)
    table = result.tidy()
    assert table["term"].tolist() == ["all equal"]
    assert result.unadjusted["statistic"] == pytest.approx(structures["factor_alike"]["fit"]["chisq"], abs=1e-6)
    assert table["df"].item() == 14 - 12
    assert "no step without one of these equalities exists" in " ".join(result.summary().split()).replace("\n", " ")
    assert rd.from_json(result.to_json()).summary() == result.summary()


def test_invariance_of_incomplete_items_equals_lavaan(columns_of, as_pairs, structures):
    panel = as_pairs(columns_of(wide(S), missing=True))
    with pytest.warns(rd.DataWarning, match="enter by full-information"):
        table = ap.measurement_invariance(panel, S, missing="model").tidy().set_index("term")
    for level in ("configural", "loadings", "intercepts", "residuals"):
        expected = structures[f"factor_{level}_fiml"]["fit"]
        assert table.loc[level, "statistic"] == pytest.approx(expected["chisq"], abs=1e-6)
        assert table.loc[level, "cfi"] == pytest.approx(expected["cfi"], abs=1e-6)
        assert table.loc[level, "rmsea"] == pytest.approx(expected["rmsea"], abs=1e-6)


def test_equal_factors_add_their_equalities_to_each_step(panel, structures):
    table = ap.measurement_invariance(panel, S, factors="equal").tidy().set_index("term")
    assert table.loc["loadings", "statistic"] == pytest.approx(
        structures["factor_loadings_equal"]["fit"]["chisq"], abs=1e-6
    )
    assert table.loc["residuals", "statistic"] == pytest.approx(structures["factor_alike"]["fit"]["chisq"], abs=1e-6)
    assert table["df"].tolist() == [5, 8, 11, 14]


# --- latent actor-partner models --------------------------------------------------------------------


@pytest.mark.parametrize(("roles", "name"), [(None, "latent_loadings"), ("exchangeable", "latent_alike")])
def test_latent_paths_and_k_equal_lavaan(panel, structures, roles, name):
    fit = ap.latent_apim(panel, outcome=OUTCOME, predictors=PREDICTORS, roles=roles)
    expected, tidy = printed(structures[name], "label"), fit.tidy().set_index(["effect", "role"])
    for role, suffix in {"A": "1", "B": "2"}.items() if roles is None else {"": ""}.items():
        for effect, label in (("actor", "a"), ("partner", "p"), ("k", "k")):
            row = expected[(f"{label}{suffix}",)]
            found = tidy.loc[(effect, role)]
            assert [found["estimate"], found["std_error"]] == pytest.approx([row["est"], row["se"]], abs=2e-5)
    assert fit.unadjusted["statistic"] == pytest.approx(structures[name]["fit"]["chisq"], abs=1e-6)


def test_standardised_paths_do_not_depend_on_units(panel):
    scaled = panel.frame.assign(**{name: lambda rows, name=name: 10 * rows[name] for name in C})
    scaled = rd.DyadPanel(scaled, dyad="dyad", person="member", role="role")
    tables = [ap.latent_apim(p, outcome=OUTCOME, predictors=PREDICTORS).tidy() for p in (panel, scaled)]
    standardised = [table.query("effect.str.startswith('standardised')") for table in tables]
    for column in ("estimate", "std_error"):
        assert standardised[1][column].to_numpy() == pytest.approx(standardised[0][column].to_numpy(), abs=1e-6)


def test_latent_paths_are_free_of_measurement_error():
    """Sums of items give paths that shrink; factors do not. Planted: actor .5, partner .3."""
    generator = np.random.default_rng(6)
    n = 600
    x = np.sqrt(0.3) * generator.normal(size=(n, 1)) + np.sqrt(0.7) * generator.normal(size=(n, 2))
    y = 0.5 * x + 0.3 * x[:, ::-1] + generator.normal(size=(n, 2))
    rows = pd.DataFrame({"dyad": np.repeat(range(n), 2), "member": [1, 2] * n})
    for k in range(3):
        rows[f"x{k}"] = x.ravel() + generator.normal(size=2 * n)
        rows[f"y{k}"] = y.ravel() + generator.normal(size=2 * n)
    items = {letter: [f"{letter}{k}" for k in range(3)] for letter in "xy"}
    fit = ap.latent_apim(
        rd.DyadPanel(rows, dyad="dyad", person="member"), outcome={"y": items["y"]}, predictors={"x": items["x"]}
    )
    tidy = fit.tidy().set_index("effect")
    for effect, truth in (("actor", 0.5), ("partner", 0.3)):
        assert tidy.loc[effect, "conf_low"] < truth < tidy.loc[effect, "conf_high"]


def test_two_predictors_of_a_latent_outcome(panel):
    frame = panel.frame
    generator = np.random.default_rng(4)
    other = generator.normal(size=len(frame))
    frame = frame.assign(**{f"w{k}": other + generator.normal(size=len(frame)) for k in range(3)})
    fit = ap.latent_apim(
        rd.DyadPanel(frame, dyad="dyad", person="member"),
        outcome=OUTCOME,
        predictors={"S": S, "W": ["w0", "w1", "w2"]},
    )
    tidy = fit.tidy().query("effect == 'actor'").set_index("variable")
    assert tidy.loc["S", "p_value"] < 0.001 < tidy.loc["W", "p_value"]
    # I-SAT of nine variables per member has 9 means and 2 x 45 variances and covariances.
    assert fit.fitted.df == 99 - len(fit.fitted.labels)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"outcome": "C"}, "outcome= is a mapping from the name of a construct to its items"),
        ({"outcome": {"C": C, "D": C}}, "latent_apim has one outcome, not C, D"),
        (
            {"outcome": {"C": ["c1", "c2"]}, "predictors": {"c1": ["s1", "s2", "c2"]}},
            "'C' has 2 items, and at least three fix a factor; the item 'c2' is named twice; 'c1' is a construct and",
        ),
        ({"equal": ["slopes"]}, "equal= names what is held equal across members"),
    ],
)
def test_latent_models_say_what_they_need(panel, given, message):
    with pytest.raises(rd.DesignError, match=re.escape(message)):
        ap.latent_apim(panel, **({"outcome": OUTCOME, "predictors": PREDICTORS} | given))


# --- published numbers ------------------------------------------------------------------------------


def commitment_q(folder):
    wide_rows = pd.read_csv(folder / "dySEM_commitmentQ.csv")
    parts = [
        pd.DataFrame(
            {f"sat{k}": wide_rows[f"sat.g.{member}_{k}"] for k in range(1, 6)}
            | {f"com{k}": wide_rows[f"com.{member}_{k}"] for k in range(1, 6)}
        ).assign(dyad=wide_rows.index, member=member)
        for member in (1, 2)
    ]
    return rd.DyadPanel(pd.concat(parts, ignore_index=True), dyad="dyad", person="member")


@pytest.mark.shared_data
@pytest.mark.filterwarnings("ignore:.*lack a value", "ignore:Members are exchangeable")
def test_latent_model_of_commitment_as_published(shared_data):
    """dySEM with lavaan: intercepts free, loadings, residuals and variances equal across members."""
    fit = ap.latent_apim(
        commitment_q(shared_data),
        outcome={"commitment": [f"com{k}" for k in range(1, 6)]},
        predictors={"satisfaction": [f"sat{k}" for k in range(1, 6)]},
        equal=("loadings", "residuals", "variances"),
    )
    tidy = fit.tidy().set_index("effect")
    for effect, estimate, std_error in (("actor", 0.610, 0.119), ("partner", 0.250, 0.109), ("k", 0.409, 0.229)):
        assert tidy.loc[effect, "estimate"] == pytest.approx(estimate, abs=5e-4)
        assert tidy.loc[effect, "std_error"] == pytest.approx(std_error, abs=5e-4)
    assert fit.unadjusted["statistic"] == pytest.approx(413.530, abs=5e-4)
    assert fit.unadjusted["df"] == 176
    assert fit.glance()["log_likelihood"].item() == pytest.approx(-4028.855, abs=5e-4)


@pytest.mark.shared_data
@pytest.mark.filterwarnings("ignore:.*lack a value")
def test_invariance_of_satisfaction_as_published(shared_data):
    rows = pd.read_csv(shared_data / "dySEM_commitmentM.csv")
    items = [f"sat.g{k}" for k in range(1, 6)]
    parts = [
        rows[[f"{item}_{role}" for item in items]].set_axis(items, axis=1).assign(dyad=rows.index, role=role)
        for role in "fm"
    ]
    panel = rd.DyadPanel(pd.concat(parts, ignore_index=True), dyad="dyad", person="role", role="role")
    free = ap.measurement_invariance(panel, items).tidy()
    assert free["statistic"].to_numpy() == pytest.approx([57.490, 63.944, 67.018, 109.846], abs=5e-4)
    assert free["df"].tolist() == [29, 33, 37, 42]
    equal = ap.measurement_invariance(panel, items, factors="equal").tidy()
    assert equal["statistic"].to_numpy() == pytest.approx([57.490, 63.954, 67.077, 109.894], abs=5e-4)
    assert equal["df"].tolist() == [29, 34, 39, 44]


def test_no_reliability_above_one():
    draw = np.random.default_rng(3)
    items = {f"i{k}": draw.normal(size=80) for k in range(3)}
    frame = pd.DataFrame({**items, "d": np.repeat(np.arange(40), 2), "r": ["a", "b"] * 40})
    frame["i1"] += 0.3 * frame["i0"]
    frame["i2"] -= 0.3 * frame["i0"]
    panel = rd.DyadPanel(frame, dyad="d", person="r", role="r")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        fit = rd.actor_partner.factor_model(panel, items=["i0", "i1", "i2"])
    assert any("No reliability (b)" in str(one.message) for one in said)
    rows = fit.tidy().set_index(["effect", "role"]).loc["reliability"]
    assert rows.loc["b", ["estimate", "std_error", "conf_low", "conf_high"]].isna().all()
    assert 0 <= rows.loc["a", "estimate"] <= 1
    assert "No reliability (b): with negative residual variances" in " ".join(fit.summary().split())
