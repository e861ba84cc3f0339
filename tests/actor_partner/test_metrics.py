"""Two roles on two response scales: tests hold, and what compares units is withheld."""

import warnings

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn import actor_partner as ap
from reldyn.stats import different_metrics

NOTE = "differ by a factor of 4 or more in range and in standard deviation"


def rows(kx=1.0, ky=1.0, n=80):
    """Her answers on 1-5 items, his ``k`` times as wide (0-100 sliders)."""
    r = np.random.default_rng(2)
    x = r.normal(size=(n, 2)) + 0.8 * r.normal(size=(n, 1))
    y = np.column_stack([0.5 * x[:, 0] + 0.15 * x[:, 1], 0.35 * x[:, 1] + 0.5 * x[:, 0]]) + r.normal(size=(n, 2))
    x, y = 3 + x * [1, kx], 3 + y * [1, ky]
    who = ["f", "m"] * n
    return pd.DataFrame({"couple": np.repeat(range(n), 2), "role": who, "x": x.ravel(), "y": y.ravel()})


def panel_of(frame, **more):
    return rd.DyadPanel(frame, dyad="couple", person="role", role="role", **more)


def quiet(function, *given, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*given, **named)


@pytest.fixture(scope="module")
def mixed():
    return quiet(panel_of, rows(20, 10))


def test_unequal_scales_are_said_and_tests_hold(mixed):
    with pytest.warns(rd.DataWarning, match=NOTE):
        fit = rd.apim(mixed, outcome="y", predictors=["x"])
    assert any(NOTE in note for note in fit.warnings)
    same = rd.apim(panel_of(rows()), outcome="y", predictors=["x"])
    slopes = fit.tidy()["effect"] != "intercept"
    for column in ("statistic", "df", "p_value"):
        assert fit.tidy()[column][slopes].to_numpy() == pytest.approx(same.tidy()[column][slopes].to_numpy(), abs=1e-6)
    assert not same.warnings


def test_k_and_standardised_slopes_are_withheld(mixed):
    fit = quiet(rd.apim, mixed, outcome="y", predictors=["x"])
    pattern = fit.pattern()
    assert pattern[["k", "conf_low", "actor_standardised"]].isna().all(axis=None)
    assert set(pattern["pattern"]) == {"inconclusive"}
    assert pattern["note"].str.contains("x and y are on different scales").all()
    sizes = ap.effect_sizes(fit).tidy()
    assert sizes["standardised"].isna().all()
    assert sizes["partial_r"].notna().all()
    assert sizes["note"].str.startswith("standardised slope withheld").all()
    again = rd.from_json(fit.to_json())
    assert again.setting.unequal_metrics == ("y", "x")


def test_a_declared_scale_holds_for_both_roles(mixed):
    declared = quiet(panel_of, rows(20, 10), scales={"x": (-200, 200), "y": (-200, 200)})
    fit = rd.apim(declared, outcome="y", predictors=["x"])
    assert not fit.warnings
    assert fit.pattern()["actor_standardised"].notna().all()


@pytest.mark.parametrize(
    "call",
    [
        lambda p: ap.response_surface(p, outcome="y", predictor="x"),
        lambda p: ap.dyad_individual(p, outcome="y", predictors="x"),
    ],
    ids=["response_surface", "dyad_individual"],
)
def test_a_declared_scale_holds_in_models_with_columns_of_their_own(call):
    declared = quiet(panel_of, rows(20, 10), scales={"x": (-200, 200), "y": (-200, 200)})
    assert not any(NOTE in note for note in quiet(call, declared).warnings)


def test_squares_of_one_metric_are_not_called_two(mixed):
    surface = quiet(ap.response_surface, quiet(panel_of, rows(2.5, 1)), outcome="y", predictor="x")
    assert not any(NOTE in note for note in surface.warnings)


def test_percent_of_the_maximum_brings_k_back(mixed):
    frame = rows(20, 10)
    for name, (kx, low) in {"x": (20, 3), "y": (10, 3)}.items():
        frame.loc[frame["role"] == "m", name] = (frame.loc[frame["role"] == "m", name] - low) / kx + low
    found = rd.apim(panel_of(frame), outcome="y", predictors=["x"]).pattern()
    expected = rd.apim(panel_of(rows()), outcome="y", predictors=["x"]).pattern()
    assert found["k"].to_numpy() == pytest.approx(expected["k"].to_numpy(), rel=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda p: ap.response_surface(p, outcome="y", predictor="x"),
        lambda p: ap.common_fate(p, outcome="y", predictor="x", least_icc=-1.0),
        lambda p: ap.dyadic_score(p, outcome="y", predictors="x"),
        lambda p: ap.dyad_individual(p, outcome="y", predictors="x"),
    ],
    ids=["response_surface", "common_fate", "dyadic_score", "dyad_individual"],
)
def test_what_needs_one_scale_is_refused(mixed, call):
    with pytest.raises(rd.DesignError, match=r"are on different scales, and .* Bring both to one scale first"):
        quiet(call, mixed)


def test_notes_of_moments_and_of_distinguishability(mixed):
    sem = quiet(ap.apim_sem, mixed, outcome="y", predictors="x")
    assert sem.tidy().set_index("effect").loc["k", "estimate"].isna().all()
    assert sem.tidy().set_index("effect").loc["actor", "estimate"].notna().all()
    assert any(NOTE in note for note in sem.warnings)
    found = quiet(rd.distinguishability, mixed, outcome="y", predictors=["x"])
    assert any(NOTE in note for note in found.warnings)
    assert any(NOTE in note for note in quiet(rd.mixed_model, mixed, outcome="y", fixed=["x"]).warnings)


def test_five_and_seven_points_are_one_metric_and_little_says_nothing():
    generator = np.random.default_rng(1)
    assert not different_metrics(generator.integers(1, 6, 50) * 1.0, generator.integers(1, 8, 50) * 1.0)
    assert not different_metrics(np.arange(9.0), 100 * np.arange(9.0))
    assert different_metrics(np.append(np.arange(30.0), np.nan), 5 * np.arange(30.0))


def test_t_of_two_metrics_is_that_of_r_in_one(cross_section, gls):
    """nlme's gls of two intercepts (script ref_b.R); role B answers 20 and 10 times as wide."""
    frame = cross_section.frame
    wide = frame["role"] == "B"
    frame.loc[wide, "xa"], frame.loc[wide, "y"] = 20 * frame.loc[wide, "xa"], 10 * frame.loc[wide, "y"]
    panel = quiet(rd.DyadPanel, frame, dyad="dyad", person="member", role="role")
    inference = rd.Estimation(inference="z")
    fit = quiet(rd.apim, panel, outcome="y", predictors=["xa"], centering="none", estimation=inference)
    found = fit.tidy().set_index("term")["statistic"]
    expected = {row["_row"]: row["t-value"] for row in gls["gls_dist_twointercept_REML"]["coef"]}
    names = {"roleA": "intercept, A", "roleB": "intercept, B", "roleA:xa": "actor xa, A", "roleB:xa": "actor xa, B"}
    names |= {"roleA:xp": "partner xa, A", "roleB:xp": "partner xa, B"}
    for theirs, ours in names.items():
        assert found[ours] == pytest.approx(expected[theirs], abs=1e-4), ours


def test_correlations_of_pooled_members_are_withheld(mixed):
    found = quiet(ap.nonindependence, mixed, ["x"])
    assert any(NOTE in note for note in found.warnings)
    table = found.tidy().set_index("method")
    assert table.loc[["pairwise", "anova", "reml"], ["estimate", "p_value", "conf_low"]].isna().all(axis=None)
    same = quiet(ap.nonindependence, panel_of(rows()), ["x"]).tidy().set_index("method")
    assert table.loc["pearson", "estimate"] == pytest.approx(same.loc["pearson", "estimate"], abs=1e-10)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"interaction": "product"},
            "interaction='product': the roles' answers to x are on different scales",
        ),
        ({"interaction": "absolute-difference", "centering": "none"}, "interaction='absolute-difference': the roles'"),
        ({"centering": "three-level"}, "centering='three-level': the roles' answers to x are on different scales"),
    ],
)
def test_one_zero_for_two_metrics_is_refused(mixed, given, message):
    with pytest.raises(rd.DesignError) as caught:
        quiet(rd.apim, mixed, outcome="y", predictors=["x"], **given)
    assert str(caught.value).startswith(message)


def test_products_of_values_as_they_stand_need_no_common_zero(mixed):
    fits = [
        quiet(rd.apim, panel, outcome="y", predictors=["x"], interaction="product", centering="none")
        for panel in (mixed, panel_of(rows()))
    ]
    first, second = (fit.tidy().query("effect == 'interaction'")["statistic"].to_numpy() for fit in fits)
    # His scale begins elsewhere, which moves main effects and leaves the product's test alone.
    assert first == pytest.approx(second, rel=1e-5)


@pytest.mark.parametrize("roles", ["distinguishable", "exchangeable"])
def test_waves_of_two_metrics_are_said_too(roles):
    made = rd.simulate.apim(n_dyads=60, n_occasions=4, actor=0.3, partner=0.2, phi=0.3, seed=1).panel
    frame = made.frame
    wide = frame.assign(y=frame["y"] * np.where(frame["role"] == made.roles[0], 1.0, 20.0))
    panels = [rd.DyadPanel(rows, dyad="dyad", person="person", role="role", time="time") for rows in (frame, wide)]
    fits = [quiet(ap.over_time, panel, outcome="y", roles=roles) for panel in panels]
    assert [any(NOTE in note for note in fit.warnings) for fit in fits] == [False, True]
