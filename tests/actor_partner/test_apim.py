"""`rd.apim` against published and reference fits, and what must not change its numbers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

Z = rd.Estimation(inference="z")
ML = rd.Estimation(method="ml")


REFERENCE = Path(__file__).parent / "reference"


def row(fit, effect, role="", level=""):
    tidy = fit.tidy()
    found = tidy[(tidy["effect"] == effect) & (tidy["role"] == role) & (tidy["level"] == level)]
    assert len(found) == 1
    return found.iloc[0]


@pytest.mark.shared_data
def test_kashy_diary_is_reproduced(kashy, published):
    printed = published["kashy_longAPIM_REML"]
    fit = rd.apim(
        kashy,
        outcome="satisf_A",
        predictors=["conflict_A"],
        centering="none",
        random=("intercept", rd.shared("actor"), rd.shared("partner")),
        estimation=Z,
    )
    # Role-wise coding instead of sex interactions: ln 2 for each of three pairs of coefficients.
    assert fit.log_likelihood == pytest.approx(printed["logLik"] + 3 * np.log(2), abs=1e-3)
    expected = {
        ("intercept", 1): (6.68853, 0.06803),
        ("intercept", -1): (6.89920, 0.05792),
        ("actor", 1): (-0.13977, 0.01927),
        ("actor", -1): (-0.18605, 0.01856),
        ("partner", 1): (-0.07283, 0.01608),
        ("partner", -1): (-0.06156, 0.01748),
    }
    for (effect, role), (estimate, std_error) in expected.items():
        found = row(fit, effect, role)
        assert found["estimate"] == pytest.approx(estimate, abs=5e-5)
        assert found["std_error"] == pytest.approx(std_error, abs=5e-5)
    sd = np.sqrt(np.diag(fit.covariance("random")))
    assert sd == pytest.approx([0.4814201, 0.60782469, 0.11813139, 0.08352535], abs=2e-4)
    residual = fit.covariance("residual")
    assert np.sqrt(residual.loc[1, 1]) == pytest.approx(printed["resid_sd_M"], abs=1e-4)
    assert residual.loc[1, -1] / np.sqrt(residual.loc[1, 1] * residual.loc[-1, -1]) == pytest.approx(
        printed["rho"], abs=1e-3
    )
    glance = fit.glance().iloc[0]
    assert (glance["n_dyads"], glance["n_obs"], glance["coding"]) == (printed["dyads"], printed["n"], "role-wise")


@pytest.fixture(scope="module")
def bolger_laurenceau(shared_data):
    wide = pd.read_csv(shared_data / "BLdyads_long.csv")
    halves = []
    for own, other in (("f", "m"), ("m", "f")):
        half = wide[["coupleid", "time"]].copy()
        half["role"] = own
        half["reldis"] = wide[f"{own}_reldis"]
        half["wrkstrs"] = wide[f"{own}_wrkstrs"]
        for part in ("w", "b"):
            half[f"actor_{part}"] = wide[f"{own}_wrkstrsc_{part}"]
            half[f"partner_{part}"] = wide[f"{other}_wrkstrsc_{part}"]
        halves.append(half)
    return rd.DyadPanel(pd.concat(halves, ignore_index=True), dyad="coupleid", person="role", role="role", time="time")


def bolger_laurenceau_fit(panel):
    return rd.mixed_model(
        panel,
        outcome="reldis",
        fixed=("actor_b", "actor_w", "partner_b", "partner_w"),
        random=("intercept", "actor_w", "partner_w"),
        estimation=Z,
    )


PRINTED_NAMES = {
    "intercept, f": "female",
    "intercept, m": "male",
    "actor_b, f": "f:f_b",
    "actor_w, f": "f:f_w",
    "partner_b, f": "f:m_b",
    "partner_w, f": "f:m_w",
    "actor_b, m": "m:m_b",
    "actor_w, m": "m:m_w",
    "partner_b, m": "m:f_b",
    "partner_w, m": "m:f_w",
}


def dense_reml(design, G, residual):
    """Restricted log-likelihood, beta and its covariance from full covariance matrices, dyad by dyad."""
    X, Z = design.matrix(design.fixed), design.matrix(design.random)
    information, score, quadratic, log_det = 0.0, 0.0, 0.0, 0.0
    for dyad in range(design.n_dyads):
        rows = np.flatnonzero(design.dyad == dyad)
        same = design.step[rows][:, None] == design.step[rows][None, :]
        within = residual[np.ix_(design.member[rows], design.member[rows])] * same
        V = Z[rows] @ G @ Z[rows].T + within
        solved = np.linalg.solve(V, np.column_stack([X[rows], design.y[rows]]))
        information = information + X[rows].T @ solved[:, :-1]
        score = score + X[rows].T @ solved[:, -1]
        quadratic += design.y[rows] @ solved[:, -1]
        log_det += np.linalg.slogdet(V)[1]
    beta = np.linalg.solve(information, score)
    free = len(design.y) - len(beta)
    deviance = log_det + np.linalg.slogdet(information)[1] + quadratic - score @ beta + free * np.log(2 * np.pi)
    return -0.5 * deviance, beta, np.linalg.inv(information)


@pytest.mark.shared_data
def test_bolger_laurenceau_chapter_8(bolger_laurenceau, published):
    """The printed numbers are ours at the parameters where nlme stopped, .18 short of the maximum.

    The maximum has a singular covariance of the random effects, which nlme's parameters cannot reach.
    """
    printed = published["BL_ch8_actor_partner_REML"]
    reference = json.loads((REFERENCE / "bl_ch8.json").read_text(encoding="utf-8"))
    fit = bolger_laurenceau_fit(bolger_laurenceau)
    sd = reference["sigma"] * np.array([1.0, reference["ratio"]])
    residual = np.outer(sd, sd) * np.array([[1.0, reference["rho"]], [reference["rho"], 1.0]])
    # nlme's order of the random effects is female, male, f:f_w, m:m_w, f:m_w, m:f_w, which is ours.
    log_likelihood, beta, cov = dense_reml(fit.design, np.array(reference["G"]), residual)
    assert log_likelihood == pytest.approx(printed["logLik"], abs=1e-3)
    place = {column.name: k for k, column in enumerate(fit.design.fixed)}
    for term, name in PRINTED_NAMES.items():
        estimate, std_error = printed["fixed"][name]
        assert beta[place[term]] == pytest.approx(estimate, abs=5e-5)
        assert np.sqrt(cov[place[term], place[term]]) == pytest.approx(std_error, abs=5e-5)
    ours = dense_reml(fit.design, fit.estimates.random, fit.covariance("residual").to_numpy())
    assert fit.log_likelihood == pytest.approx(ours[0], abs=1e-6)
    assert fit.estimates.beta == pytest.approx(ours[1], abs=1e-8)
    assert fit.estimates.std_error == pytest.approx(np.sqrt(np.diag(ours[2])), abs=1e-8)
    assert fit.converged
    assert fit.glance()["at_boundary"].item()
    assert fit.log_likelihood == pytest.approx(-6022.103782, abs=1e-5)


@pytest.mark.shared_data
def test_within_between_centring_is_the_same_model(bolger_laurenceau):
    by_hand = bolger_laurenceau_fit(bolger_laurenceau)
    fit = rd.apim(
        bolger_laurenceau,
        outcome="reldis",
        predictors=["wrkstrs"],
        random=("intercept", "actor", "partner"),
        estimation=Z,
    )
    assert fit.log_likelihood == pytest.approx(by_hand.log_likelihood, abs=1e-6)
    for effect, role, level, term in (
        ("actor", "f", "within", "actor_w, f"),
        ("partner", "m", "within", "partner_w, m"),
        ("actor", "m", "between", "actor_b, m"),
        ("partner", "f", "between", "partner_b, f"),
    ):
        found = row(fit, effect, role, level)
        expected = by_hand.tidy().set_index("term").loc[term]
        assert found[["estimate", "std_error"]].tolist() == pytest.approx(
            expected[["estimate", "std_error"]].tolist(), abs=1e-4
        )


@pytest.mark.shared_data
def test_acitelli_exchangeable(acitelli, published):
    printed = published["acitelli_apim_indist_REML"]
    same = {
        "outcome": "Satisfaction_A",
        "predictors": ["OtherPos_A"],
        "roles": "exchangeable",
        "centering": "none",
        "estimation": Z,
    }
    fit = rd.apim(acitelli, **same)
    assert fit.log_likelihood == pytest.approx(printed["logLik"], abs=1e-4)
    for effect in ("intercept", "actor", "partner"):
        found = row(fit, effect)
        assert (found["estimate"], found["std_error"]) == pytest.approx(tuple(printed[effect]), abs=2e-6)
    residual = fit.covariance("residual").to_numpy()
    assert np.sqrt(residual[0, 0]) == pytest.approx(printed["sigma"], abs=1e-6)
    assert residual[0, 1] / residual[0, 0] == pytest.approx(printed["rho"], abs=1e-6)
    empty = rd.apim(acitelli, **(same | {"predictors": ()}))
    assert empty.log_likelihood == pytest.approx(printed["empty_logLik"], abs=1e-4)


@pytest.mark.shared_data
def test_acitelli_distinguishable_role_wise(acitelli, published):
    printed = published["acitelli_apim_dist_REML"]
    fit = rd.apim(acitelli, outcome="Satisfaction_A", predictors=["OtherPos_A"], centering="none", estimation=Z)
    assert fit.log_likelihood == pytest.approx(printed["two_intercept_logLik"], abs=1e-4)
    for effect in ("actor", "partner"):
        for role, name in (("Husband", "hus"), ("Wife", "wife")):
            found = row(fit, effect, role)
            assert (found["estimate"], found["std_error"]) == pytest.approx(
                tuple(printed[f"{effect}_{name}"]), abs=1e-5
            )


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_cross_section_exchangeable_equals_gls(cross_section, gls, method):
    fit = rd.apim(
        cross_section,
        outcome="y",
        predictors=["xa"],
        roles="exchangeable",
        centering="none",
        estimation=rd.Estimation(method=method.lower(), inference="z"),
    )
    reference = gls[f"gls_indist_{method}"]
    assert fit.log_likelihood == pytest.approx(reference["logLik"], abs=1e-6)
    assert fit.tidy()["estimate"].tolist() == pytest.approx([line["Value"] for line in reference["coef"]], abs=1e-6)
    residual = fit.covariance("residual").to_numpy()
    assert residual[0, 1] / residual[0, 0] == pytest.approx(reference["rho"], abs=1e-5)
    if method == "REML":
        std_error = [line["Std.Error"] for line in reference["coef"]]
        assert fit.tidy()["std_error"].tolist() == pytest.approx(std_error, abs=1e-6)
        assert fit.glance()["aic"].item() == pytest.approx(reference["AIC"], abs=1e-5)
        assert fit.glance()["bic"].item() == pytest.approx(reference["BIC"], abs=1e-5)


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_cross_section_distinguishable_equals_gls(cross_section, gls, method):
    fit = rd.apim(
        cross_section,
        outcome="y",
        predictors=["xa"],
        centering="none",
        estimation=rd.Estimation(method=method.lower(), inference="z"),
    )
    reference = gls[f"gls_dist_twointercept_{method}"]
    assert fit.log_likelihood == pytest.approx(reference["logLik"], abs=1e-6)
    assert fit.tidy()["estimate"].tolist() == pytest.approx([line["Value"] for line in reference["coef"]], abs=1e-6)
    residual = fit.covariance("residual")
    assert np.sqrt(residual.loc["B", "B"] / residual.loc["A", "A"]) == pytest.approx(
        reference["var_ratio"][1], abs=1e-5
    )


def test_equal_variances_equal_gls_without_role_variances(cross_section, gls):
    fit = rd.apim(
        cross_section,
        outcome="y",
        predictors=["xa"],
        centering="none",
        residual=rd.Residual(equal_variances=True),
        estimation=Z,
    )
    assert fit.log_likelihood == pytest.approx(gls["gls_dist_homog_REML"]["logLik"], abs=1e-6)


@pytest.mark.parametrize(
    ("interaction", "name"), [("product", "apint_product"), ("absolute-difference", "apint_absdiff")]
)
def test_actor_by_partner_interaction_equals_gls(cross_section, gls, interaction, name):
    fit = rd.apim(
        cross_section,
        outcome="y",
        predictors=["xa"],
        roles="exchangeable",
        centering="none",
        interaction=interaction,
        estimation=ML,
    )
    assert fit.log_likelihood == pytest.approx(gls[name]["logLik"], abs=1e-6)
    assert row(fit, "interaction")["estimate"] == pytest.approx(gls[name]["coef"][3]["Value"], abs=1e-6)


def test_trait_moderation_equals_gls(cross_section, gls):
    fit = rd.apim(
        cross_section,
        outcome="y",
        predictors=["xa"],
        roles="exchangeable",
        centering="none",
        moderators={"ma": ("actor", "partner")},
        estimation=ML,
    )
    reference = gls["moderation_trait"]
    assert fit.log_likelihood == pytest.approx(reference["logLik"], abs=1e-6)
    expected = {line["_row"]: line["Value"] for line in reference["coef"]}
    tidy = fit.tidy()
    assert tidy["term"].is_unique
    named = {"xa": "actor", "xp": "partner", "ma": "actor", "mp": "partner"}
    for moderated in ("xa", "xp"):
        for trait in ("ma", "mp"):
            found = tidy[
                (tidy["effect"] == "moderation")
                & (tidy["moderated"] == named[moderated])
                & (tidy["trait_of"] == named[trait])
            ]
            assert found["estimate"].item() == pytest.approx(expected[f"{moderated}:{trait}"], abs=1e-6)


def test_roles_may_be_labelled_either_way_round(make_diary, as_panel):
    frame = make_diary()
    swapped = frame.assign(role=frame["role"].map({"f": "z", "m": "a"}))
    one = rd.apim(as_panel(frame), outcome="y", predictors=["x"], estimation=Z)
    two = rd.apim(as_panel(swapped), outcome="y", predictors=["x"], estimation=Z)
    assert two.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-9)
    numbers = ["estimate", "std_error"]
    for old, new in (("f", "z"), ("m", "a")):
        first = one.tidy().set_index("role").loc[old, numbers].to_numpy()
        second = two.tidy().set_index("role").loc[new, numbers].to_numpy()
        assert second == pytest.approx(first, abs=1e-6)


def test_rows_may_come_in_any_order(make_diary, as_panel):
    frame = make_diary()
    shuffled = frame.sample(frac=1.0, random_state=3)
    one = rd.apim(as_panel(frame), outcome="y", predictors=["x"], random=("intercept", "actor"), estimation=Z)
    two = rd.apim(as_panel(shuffled), outcome="y", predictors=["x"], random=("intercept", "actor"), estimation=Z)
    numbers = ["estimate", "std_error", "p_value"]
    assert two.tidy()[numbers].to_numpy() == pytest.approx(one.tidy()[numbers].to_numpy(), abs=1e-7)


def test_units_change_estimates_and_nothing_else(make_diary, as_panel):
    frame = make_diary()
    scaled = frame.assign(x=frame["x"] * 100, y=frame["y"] / 10)
    one = rd.apim(as_panel(frame), outcome="y", predictors=["x"], random=("intercept", "actor"), estimation=Z)
    two = rd.apim(as_panel(scaled), outcome="y", predictors=["x"], random=("intercept", "actor"), estimation=Z)
    assert two.tidy()["statistic"].to_numpy() == pytest.approx(one.tidy()["statistic"].to_numpy(), rel=1e-5)
    slope = one.tidy()["effect"] != "intercept"
    assert two.tidy()["estimate"][slope].to_numpy() * 1000 == pytest.approx(
        one.tidy()["estimate"][slope].to_numpy(), rel=1e-5
    )


def test_exchangeable_fit_does_not_see_who_is_called_what(make_diary):
    frame = make_diary()
    flip = frame["dyad"] % 3 == 0
    flipped = frame.assign(person=np.where(flip, frame["dyad"] * 2 + 1 - frame["person"] % 2, frame["person"]))
    panels = [rd.DyadPanel(item, dyad="dyad", person="person", time="time") for item in (frame, flipped)]
    one, two = (
        rd.apim(panel, outcome="y", predictors=["x"], random=("intercept", "actor"), estimation=Z) for panel in panels
    )
    assert two.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-8)
    assert two.covariance("random").to_numpy() == pytest.approx(one.covariance("random").to_numpy(), abs=1e-6)


def test_shared_predictor_has_one_coefficient(small):
    fit = rd.apim(small, outcome="y", predictors=[rd.shared("x")], centering="none", estimation=Z)
    assert fit.tidy()["term"].tolist() == ["intercept, f", "intercept, m", "actor x", "partner x"]


def test_growth_needs_no_predictors(gls):
    frame = pd.read_csv(REFERENCE / "growth.csv")
    panel = rd.DyadPanel(
        frame.assign(role=frame["member"].map({1: "m1", 2: "m2"})),
        dyad="dyad",
        person="member",
        role="role",
        time="time",
    )
    fit = rd.apim(panel, outcome="y", predictors=(), covariates=("time",), random=("intercept", "time"), estimation=ML)
    reference = gls["growth"]
    # nlme stops a little short of the optimum: never below it, and not far above.
    assert reference["logLik"] - 1e-6 <= fit.log_likelihood <= reference["logLik"] + 1e-3
    tidy = fit.tidy().set_index("term")["estimate"]
    for term, name in (("intercept, m1", "m1"), ("time, m2", "m2:time")):
        assert tidy[term] == pytest.approx(reference["fixef"][name], abs=1e-4)


def test_outcome_lag_leaves_out_its_own_mean_and_warns(make_diary, as_panel):
    panel = as_panel(make_diary(missing=0.0)).lag(["y"])
    with pytest.warns(rd.DataWarning, match="Nickell"):
        fit = rd.apim(panel, outcome="y", predictors=["y_lag1"], estimation=Z)
    tidy = fit.tidy()
    levels = tidy[["effect", "level"]].drop_duplicates().apply(tuple, axis=1).tolist()
    assert levels == [("intercept", ""), ("actor", "within"), ("partner", "within")]
    assert "residual='var1'" in fit.warnings[0]


def test_partner_missing_at_an_occasion_costs_that_row_only(small):
    fit = rd.apim(small, outcome="y", predictors=["x"], estimation=Z)
    assert fit.glance()["n_obs"].item() == int(small.frame["y"].notna().sum())


def test_a_model_with_serial_residuals_says_how_a_night_of_unknown_length_counts():
    panel = rd.simulate.apim(n_dyads=12, n_occasions=12, actor=0.3, partner=0.1, phi=0.4, seed=3).panel
    frame = panel.frame
    occasion = panel.index.beep
    frame["day"], frame["beep"] = occasion // 4, occasion % 4
    roles = {name: panel.columns[name] for name in ("dyad", "person", "role")}
    unknown, declared = (
        rd.DyadPanel(frame, **roles, day="day", beep="beep", schedule=schedule)
        for schedule in (None, rd.Schedule(night_steps=3))
    )
    fits = [rd.apim(one, outcome="y", predictors=["x"], residual="ar1") for one in (unknown, declared)]
    assert unknown.clock.note in fits[0].warnings
    assert not any("night" in text for text in fits[1].warnings)
    pd.testing.assert_frame_equal(fits[0].tidy(), fits[1].tidy())
