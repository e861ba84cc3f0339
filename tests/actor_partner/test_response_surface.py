"""Response surfaces with covariates and moderators against lavaan, and where it matters by brute force."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

ap = rd.actor_partner
ML = rd.Estimation(method="ml", inference="z")
NAMES = ("x1", "x2", "y1", "y2", "c1", "c2", "z")


@pytest.fixture(scope="module")
def panel(columns_of, as_pairs):
    return as_pairs(columns_of(NAMES))


@pytest.fixture(scope="module")
def surface(panel):
    return ap.response_surface(
        panel, outcome="y", predictor="x", covariates=["c"], moderators={"z": "dyad"}, midpoint=0.0, estimation=ML
    )


def printed(reference):
    return {(row["lhs"], row["rhs"]): row for row in reference["est"] if row["op"] == "~"}


def test_coefficients_and_their_change_equal_lavaan(surface, structures):
    expected = printed(structures["surface"])
    table = surface.tidy().query("moderator == '' or effect == 'change'").set_index(["parameter", "role", "effect"])
    for role, member, other in (("A", 1, 2), ("B", 2, 1)):
        names = (f"o{member}", f"o{other}", f"q{member}{member}", "q12", f"q{other}{other}")
        for k, name in enumerate(names):
            for effect, column in (("surface", name), ("change", f"z{name}" if name[0] == "o" else f"z{name[1:]}")):
                row, wanted = table.loc[(f"b{k + 1}", role, effect)], expected[f"y{member}", column]
                assert row["estimate"] == pytest.approx(wanted["est"], abs=2e-6)
                assert row["std_error"] == pytest.approx(wanted["se"], abs=2e-6)
    assert surface.fit.log_likelihood == pytest.approx(structures["surface"]["fit"]["logl"], abs=1e-6)
    held = surface.fit.tidy().query("variable == 'c'").set_index("role")
    assert held.loc["A", "estimate"] == pytest.approx(expected["y1", "c1"]["est"], abs=2e-6)


def test_a_surface_at_a_point_is_that_of_a_moderator_centred_there(panel, surface):
    low = surface.tidy().query("moderator == 'dyad z'")["at"].min()
    moved = rd.DyadPanel(panel.frame.assign(z=lambda rows: rows["z"] - low), dyad="dyad", person="member", role="role")
    rows = moved.frame.assign(own=0.0)
    x = moved.actor_partner(["x"])
    own, other = x.values("x_actor"), x.values("x_partner")
    terms = {"o": own, "p": other, "oo": own**2, "op": own * other, "pp": other**2}
    rows = rows.assign(**terms, **{f"{name}z": part * rows["z"] for name, part in terms.items()})
    fit = rd.mixed_model(
        rd.DyadPanel(rows, dyad="dyad", person="member", role="role"),
        outcome="y",
        fixed=[*terms, "z", *(f"{name}z" for name in terms), "c"],
        estimation=ML,
    )
    expected = fit.tidy().query("role == 'A' and variable in @terms").set_index("variable")
    found = surface.tidy().query("moderator == 'dyad z' and at == @low and role == 'A'").set_index("parameter")
    for k, name in enumerate(terms):
        assert found.loc[f"b{k + 1}", "estimate"] == pytest.approx(expected.loc[name, "estimate"], abs=1e-8)
        assert found.loc[f"b{k + 1}", "std_error"] == pytest.approx(expected.loc[name, "std_error"], rel=1e-6)
    a1 = fit.contrast({"o, A": 1.0, "p, A": 1.0}).iloc[0]
    assert found.loc["a1", "std_error"] == pytest.approx(a1["std_error"], rel=1e-6)


def test_the_joint_test_is_that_of_the_five_products(surface):
    tests = surface.moderation.set_index("role")
    for role in "AB":
        names = [f"{name} x dyad z, {role}" for name in ("own", "partner", "own_squared", "product", "partner_squared")]
        expected = surface.fit.contrast([{name: 1.0} for name in names]).iloc[0]
        assert tests.loc[role, "statistic"] == pytest.approx(expected["statistic"])
        assert tests.loc[role, "df"] == 5
    assert "Joint tests that all five coefficients stay the same" in " ".join(surface.summary().split()).replace(
        "\n", " "
    )


def test_a_moderated_surface_survives_json_and_is_drawn(surface):
    again = rd.from_json(surface.to_json())
    pd.testing.assert_frame_equal(again.tidy(), surface.tidy())
    assert again.summary() == surface.summary()
    assert len(surface.plot().axes) == 4


def test_planted_moderation_is_recovered():
    generator = np.random.default_rng(8)
    n = 400
    x, age = generator.normal(size=(n, 2)), generator.normal(40, 8, size=(n, 2))
    strength = 0.4 + 0.03 * (age - 40)
    y = -strength * (x - x[:, ::-1]) ** 2 + generator.normal(size=(n, 2))
    rows = pd.DataFrame({"dyad": np.repeat(range(n), 2), "who": [1, 2] * n})
    rows = rows.assign(x=x.ravel(), age=age.ravel(), y=y.ravel())
    surface = ap.response_surface(
        rd.DyadPanel(rows, dyad="dyad", person="who"), outcome="y", predictor="x", moderators={"age": "actor"}
    )
    row = surface.tidy().query("parameter == 'a4' and effect == 'change'").iloc[0]
    assert row["conf_low"] < -0.12 < row["conf_high"]
    assert row["p_value"] < 1e-6
    assert surface.moderation["p_value"].item() < 1e-6
    assert surface.verdicts["at"].isna().tolist() == [True, False, False, False]


def test_couples_without_a_covariate_are_left_out_and_counted(panel):
    frame = panel.frame
    frame.loc[[0, 1], "c"] = np.nan
    holed = rd.DyadPanel(frame, dyad="dyad", person="member", role="role")
    surface = ap.response_surface(holed, outcome="y", predictor="x", covariates="c", estimation=ML)
    assert surface.fit.glance()["n_obs"].item() == len(frame) - 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"covariates": ["x"]}, "'x' is named twice"),
        ({"covariates": ["z"], "moderators": {"z": "dyad"}}, "'z' is named twice"),
        ({"moderators": {"z": "couple"}}, "owner of moderator 'z'"),
    ],
)
def test_a_variable_has_one_part_in_the_model(panel, given, message):
    with pytest.raises(rd.DesignError, match=message):
        ap.response_surface(panel, outcome="y", predictor="x", **given)


def test_a_constant_moderator_is_refused(panel):
    constant = rd.DyadPanel(panel.frame.assign(z=1.0), dyad="dyad", person="member", role="role")
    with pytest.raises(rd.DesignError, match="does not vary, so nothing can change with it"):
        ap.response_surface(constant, outcome="y", predictor="x", moderators={"z": "dyad"})


def test_a_categorical_covariate_is_its_indicators(panel):
    frame = panel.frame
    frame["town"] = np.array(["Bern", "Oslo", "Turin"])[pd.factorize(frame[panel.columns["dyad"]])[0] % 3]
    frame["oslo"], frame["bern"] = (frame["town"] == "Oslo") * 1.0, (frame["town"] == "Bern") * 1.0
    named = {key: name for key, name in panel.columns.items() if name is not None}
    with_town = rd.DyadPanel(frame, **named)
    found = ap.response_surface(
        with_town, outcome="y", predictor="x", covariates=["town", "c"], reference={"town": "Turin"}, estimation=ML
    )
    byhand = ap.response_surface(with_town, outcome="y", predictor="x", covariates=["bern", "oslo", "c"], estimation=ML)
    numbers = ["estimate", "std_error", "conf_low"]
    pd.testing.assert_frame_equal(found.tidy()[numbers], byhand.tidy()[numbers], atol=1e-8)
    assert found.fit.joint_test("town")["df"].iloc[0] == 4
    with pytest.raises(rd.DesignError, match="reference names 'x', which is no covariate"):
        ap.response_surface(with_town, outcome="y", predictor="x", covariates=["town"], reference={"x": 1})


def test_dates_that_the_panel_was_told_how_to_read_stay_read():
    made = rd.simulate.apim(n_dyads=30, n_occasions=4, actor=0.3, partner=0.2, seed=1).panel.frame
    made["date"] = [f"{int(t) + 1:02d}/03/2024" for t in made["time"]]
    named = {"dyad": "dyad", "person": "person", "role": "role"}
    dated = rd.DyadPanel(made, **named, time="date", dates="%d/%m/%Y")
    plain = rd.DyadPanel(made, **named, time="time")
    for analysis, given in ((ap.response_surface, {"predictor": "x"}), (ap.dyad_individual, {"predictors": "x"})):
        found, expected = (analysis(p, outcome="y", **given).tidy() for p in (dated, plain))
        pd.testing.assert_frame_equal(found, expected, atol=1e-6)


def test_a_panel_whose_person_column_has_the_name_of_a_term_is_refused(panel):
    frame = panel.frame.rename(columns={"member": "partner"})
    named = rd.DyadPanel(frame, dyad="dyad", person="partner", role="partner")
    with pytest.raises(rd.DesignError, match="makes a column called 'partner': rename yours"):
        ap.response_surface(named, outcome="y", predictor="x")


def test_a_moderator_of_categories_is_its_indicators(panel):
    frame = panel.frame
    kind = np.array(["married", "dating", "engaged"])[panel.index.dyad % 3]
    numbers = {f"is_{label}": (kind == label).astype(float) for label in ("married", "engaged")}
    wide = rd.DyadPanel(frame.assign(kind=kind, **numbers), **{k: v for k, v in panel.columns.items() if v is not None})
    asked = {"outcome": "y", "predictor": "x", "estimation": ML}
    found = ap.response_surface(wide, **asked, moderators={"kind": "dyad"}, reference={"kind": "dating"})
    same = ap.response_surface(wide, **asked, moderators=dict.fromkeys(sorted(numbers), "dyad"))
    assert found.fit.glance()["log_likelihood"].iloc[0] == pytest.approx(same.fit.glance()["log_likelihood"].iloc[0])
    changes = [fit.tidy().query("effect == 'change'") for fit in (found, same)]
    np.testing.assert_allclose(changes[0]["estimate"], changes[1]["estimate"], rtol=1e-6)
    assert set(found.moderation["moderator"]) == {"dyad kind", "dyad kind: engaged", "dyad kind: married"}
    together = found.moderation.query("moderator == 'dyad kind'")
    assert (together["df"] == 10).all()
    # The surface at a category is that of the model with this category as the reference, at its own zero.
    other = ap.response_surface(wide, **asked, moderators={"kind": "dyad"}, reference={"kind": "married"})
    at = found.tidy().query("moderator == 'dyad kind: married' and at == 1")
    reference = other.tidy().query("moderator == 'dyad kind: dating' and at == 0")
    np.testing.assert_allclose(at["estimate"], reference["estimate"], rtol=1e-5)
    np.testing.assert_allclose(at["std_error"], reference["std_error"], rtol=1e-5)
    assert "dyad kind: married" in found.summary()
    assert rd.from_json(found.to_json()).summary() == found.summary()
