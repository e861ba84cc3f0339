"""What all results of the family share, and bad input refused in words a student understands."""

import re

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn import actor_partner as ap
from reldyn.results import Result


@pytest.fixture(scope="module")
def results(cross_section):
    panel = cross_section
    fit = rd.apim(panel, outcome="y", predictors=["xa"], interaction="product")
    shared = rd.simulate.apim(n_dyads=60, n_occasions=2, actor=0.3, partner=0.2, seed=1).panel
    draw = np.random.default_rng(1).normal(size=(100, 9))
    x, y = draw[:, :1] + 0.7 * draw[:, 1:3], 0.5 * draw[:, :1] + 0.5 * draw[:, 5:6] + 0.6 * draw[:, 3:5]
    both = pd.DataFrame({"dyad": np.repeat(range(100), 2), "role": ["f", "m"] * 100, "x": x.ravel(), "y": y.ravel()})
    fate = rd.DyadPanel(both, dyad="dyad", person="role", role="role")
    for item in ("i1", "i2", "i3", "k1", "k2", "k3"):
        behind = both["y"] if item < "k" else both["x"]
        both[item] = behind + 0.5 * np.random.default_rng(len(both.columns)).normal(size=200)
    scale = rd.DyadPanel(both, dyad="dyad", person="role", role="role")
    return {
        "nonindependence": ap.nonindependence(panel, ["xa", "y"]),
        "isat": ap.isat(panel, ["xa", "y"]),
        "apim_sem": ap.apim_sem(panel, outcome="y", predictors="xa"),
        "mediation": ap.mediation(panel, outcome="y", predictor="xa", mediator="ma", n_boot=200, seed=1),
        "common_fate": ap.common_fate(fate, outcome="y", predictor="x"),
        "mutual_influence": ap.mutual_influence(panel, outcome="y", predictor="xa"),
        "response_surface": ap.response_surface(panel, outcome="y", predictor="xa"),
        "dyadic_score": ap.dyadic_score(panel, outcome="y", predictors="xa"),
        "dyad_individual": ap.dyad_individual(panel, outcome="y", predictors="xa"),
        "pooled_regression": ap.pooled_regression(panel, outcome="y", predictors="xa"),
        "simple_slopes": ap.simple_slopes(fit),
        "effect_sizes": ap.effect_sizes(fit),
        "measurement_invariance": ap.measurement_invariance(scale, ["i1", "i2", "i3"]),
        "factor_model": ap.factor_model(scale, ["i1", "i2", "i3"]),
        "latent_apim": ap.latent_apim(scale, outcome={"Y": ["i1", "i2", "i3"]}, predictors={"X": ["k1", "k2", "k3"]}),
        "over_time": ap.over_time(shared, outcome="y"),
        "distinguishability_sem": ap.distinguishability_sem(panel, outcome="y", predictors="xa"),
    }


NAMES = [
    "nonindependence",
    "isat",
    "apim_sem",
    "mediation",
    "common_fate",
    "mutual_influence",
    "response_surface",
    "dyadic_score",
    "dyad_individual",
    "pooled_regression",
    "simple_slopes",
    "effect_sizes",
    "measurement_invariance",
    "factor_model",
    "latent_apim",
    "over_time",
    "distinguishability_sem",
]


@pytest.mark.parametrize("name", NAMES)
def test_every_result_has_the_common_verbs(results, name):
    result = results[name]
    assert isinstance(result, Result)
    tidy, glance = result.tidy(), result.glance()
    assert tidy["term"].is_unique
    assert len(glance) == 1
    text = result.summary()
    if name != "distinguishability_sem":
        paragraph = text.split("\n\n")[1]
        assert max(map(len, paragraph.splitlines())) <= 100
        assert re.search(r"\b(19|20)\d\d\b", paragraph), "the methods paragraph names its source"
    assert "<table" in result._repr_html_()
    again = rd.from_json(result.to_json())
    pd.testing.assert_frame_equal(again.tidy(), tidy)
    assert again.summary() == text


@pytest.mark.parametrize("name", ["mediation", "common_fate", "response_surface", "simple_slopes", "over_time"])
def test_figures_are_drawn_from_the_result_and_from_its_json(results, name):
    first, again = results[name], rd.from_json(results[name].to_json())
    assert rd.plot.to_svg(first.plot) == rd.plot.to_svg(again.plot)


def test_a_figure_of_several_panels_takes_no_axes(results):
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    with pytest.raises(rd.DesignError, match="one axes holds one"):
        results["simple_slopes"].plot(ax=ax)
    with pytest.raises(rd.DesignError, match="one axes holds one"):
        results["response_surface"].plot(ax=ax)
    plt.close(figure)


@pytest.fixture
def rows():
    generator = np.random.default_rng(2)
    n = 30
    frame = pd.DataFrame({"dyad": np.repeat(np.arange(n), 2), "person": np.arange(2 * n), "role": ["f", "m"] * n})
    frame[["x", "m", "y"]] = generator.normal(size=(2 * n, 3)) + np.repeat(generator.normal(size=(n, 3)), 2, axis=0)
    return frame


def panel_of(frame, **named):
    return rd.DyadPanel(frame, **({"dyad": "dyad", "person": "person", "role": "role"} | named))


def refused(function, *given, **named):
    with pytest.raises(rd.DesignError) as caught:
        function(*given, **named)
    return str(caught.value)


def test_mediation_without_a_path_is_refused(rows):
    panel = panel_of(rows)
    assert refused(ap.mediation, panel, outcome="y", predictor="x", mediator=None) == (
        "mediation needs a mediator, and None is none: an indirect effect has two paths, from the predictor to the "
        "mediator and from the mediator to the outcome, and without one of them there is nothing to multiply. For "
        "direct effects alone use rd.apim."
    )
    assert refused(ap.mediation, panel, outcome="y", predictor="x", mediator="x") == (
        "mediation needs three different variables: a variable that is its own mediator leaves a path out. Given: "
        "outcome 'y', predictor 'x', mediator 'x'."
    )
    with pytest.raises(rd.DataError, match="no column 'mm' in the panel"):
        ap.mediation(panel, outcome="y", predictor="x", mediator="mm")


def test_roles_that_distinguish_nobody_are_refused(rows):
    panel = panel_of(rows.assign(role="f"))
    for function, named in (
        (ap.dyadic_score, {"outcome": "y", "predictors": "x"}),
        (ap.distinguishability_sem, {"outcome": "y", "predictors": "x"}),
    ):
        assert "in 'f-f' dyads both members have the same role, which tells nobody apart" in refused(
            function, panel, **named
        )
    # Without a claim that roles distinguish, such dyads are exchangeable.
    assert ap.apim_sem(panel, outcome="y", predictors="x").roles == ()


def test_mixed_compositions_are_refused(rows):
    panel = panel_of(rows.assign(role=np.where(rows["dyad"] < 10, "f", rows["role"])))
    assert refused(ap.apim_sem, panel, outcome="y", predictors="x") == (
        "apim_sem models one kind of dyad, and this panel mixes f-m, f-f: keep one with "
        "panel.select(compositions=...), or use roles='exchangeable'."
    )


def test_several_occasions_are_refused(small):
    assert refused(ap.mutual_influence, small, outcome="y", predictor="x") == (
        "mutual_influence is a model of one occasion per dyad, and this panel has up to 8: keep one with "
        "panel.select(where=...), or use rd.apim, which models all of them."
    )


def test_too_few_dyads_are_refused_and_few_are_warned_of(rows):
    assert refused(ap.common_fate, panel_of(rows[rows["dyad"] < 5]), outcome="y", predictor="x") == (
        "common_fate: 5 dyads have both members' values of x, y, and 6 are the least with which anything can be "
        "estimated."
    )
    with pytest.warns(rd.DataWarning, match="Only 15 dyads: below 20, standard errors and p-values"):
        ap.pooled_regression(panel_of(rows[rows["dyad"] < 15]), outcome="y", predictors="x")


def test_dyads_with_missing_values_are_left_out_and_counted(rows):
    rows.loc[[3, 8], "x"] = np.nan
    with pytest.warns(rd.DataWarning, match="2 of 30 dyads lack a value of x, y for a member and are left out"):
        result = ap.pooled_regression(panel_of(rows), outcome="y", predictors="x")
    assert result.n_dyads == 28


def test_constant_and_shared_variables_are_refused(rows):
    assert "'x' is the same for every member of one role" in refused(
        ap.apim_sem, panel_of(rows.assign(x=np.where(rows["role"] == "f", 1.0, rows["x"]))), outcome="y", predictors="x"
    )
    assert "both partners always have the same 'x'. It belongs to the dyad, not to its members." in refused(
        ap.apim_sem, panel_of(rows.assign(x=rows.groupby("dyad")["x"].transform("mean"))), outcome="y", predictors="x"
    )


def test_variables_named_twice_are_refused(rows):
    assert refused(ap.apim_sem, panel_of(rows), outcome="y", predictors=["x", "x"]) == (
        "apim_sem: 'x' is named twice. Each variable has one place in the model."
    )


def test_dependent_predictors_are_refused(rows):
    panel = panel_of(rows.assign(z=2 * rows["x"] + 1))
    assert refused(ap.pooled_regression, panel, outcome="y", predictors=["x", "z"]) == (
        "the predictors x, z depend on each other linearly: leave one of them out."
    )


def test_simple_slopes_need_a_moderation(rows):
    panel = panel_of(rows)
    plain = rd.apim(panel, outcome="y", predictors=["x"])
    assert refused(ap.simple_slopes, plain) == (
        "the fit has no moderation to probe: give rd.apim moderators, or interaction='product'."
    )
    kinked = rd.apim(panel, outcome="y", predictors=["x"], interaction="absolute-difference")
    assert "has no simple slopes: the slope jumps where partners are equal" in refused(ap.simple_slopes, kinked)
    both = rd.apim(panel, outcome="y", predictors=["x"], moderators={"m": ("actor", "partner")})
    assert refused(ap.simple_slopes, both) == "'m' was entered for actor and partner: say whose with trait_of=."


def test_two_items_make_no_factor(rows):
    assert refused(ap.measurement_invariance, panel_of(rows), ["x", "y"]) == (
        "measurement_invariance needs at least three items, not 2: fewer fix no factor."
    )


def test_over_time_needs_time(rows):
    assert refused(ap.over_time, panel_of(rows), outcome="y").startswith("over_time needs at least two occasions")


def test_k_is_withheld_where_the_actor_effect_is_near_zero():
    panel = rd.simulate.apim(n_dyads=100, actor=0.0, partner=0.4, seed=3).panel
    pattern = rd.apim(panel, outcome="y", predictors=["x"], roles="exchangeable").pattern()
    assert pattern["k"].isna().all()
    assert (pattern["note"] != "").all()


def test_k_of_several_predictors_is_refused(rows):
    model = ap.apim_sem(panel_of(rows), outcome="y", predictors=["x", "m"])
    assert refused(model.pattern_tests) == "k is tested for one predictor: fit apim_sem with one."


def test_ap_sem_with_two_predictors_is_the_saturated_regression(rows):
    model = ap.apim_sem(panel_of(rows), outcome="y", predictors=["x", "m"])
    fit = rd.apim(panel_of(rows), outcome="y", predictors=["x", "m"], estimation=rd.Estimation(method="ml"))
    found = model.tidy()[model.tidy()["effect"] != "k"].set_index("term")
    for row in fit.tidy().query("effect in ('actor', 'partner')").itertuples():
        assert found.loc[row.term, "estimate"] == pytest.approx(row.estimate, abs=1e-6)
        assert found.loc[row.term, "std_error"] == pytest.approx(row.std_error, abs=1e-6)
    assert model.fitted.df == 0


def test_arguments_of_another_kind_are_refused(rows):
    for function, named in (
        (ap.mediation, {"outcome": "y", "predictor": "x", "mediator": "m"}),
        (ap.response_surface, {"outcome": "y", "predictor": "x"}),
        (ap.over_time, {"outcome": "y"}),
        (ap.dyad_individual, {"outcome": "y", "predictors": "x"}),
    ):
        said = refused(function, rows, **named)
        assert said.startswith(f"actor_partner.{function.__name__} takes a DyadPanel, not a DataFrame: make one with")
    assert refused(ap.nonindependence, panel_of(rows), ["x", 3]) == ("nonindependence: 3 is not the name of a column.")
