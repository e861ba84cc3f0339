"""Statistics do not hang on the units of the variables, and what cannot be told apart is refused."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

moments = rd.actor_partner


def panel(frame, **named):
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", **named)


@pytest.fixture(scope="module")
def pairs():
    return rd.simulate.apim(n_dyads=60, actor=0.4, partner=0.2, seed=1).panel.frame


@pytest.mark.parametrize("unit", [1e-7, 1e8])
def test_cluster_robust_tests_do_not_depend_on_units(unit):
    frame = rd.simulate.apim(n_dyads=20, n_occasions=12, actor=0.3, partner=0.2, seed=1).panel.frame
    z = np.random.default_rng(2).normal(size=len(frame))
    plain, scaled = (
        rd.apim(panel(frame.assign(z=z * by), time="time"), outcome="y", predictors=["x", "z"]) for by in (1.0, unit)
    )
    for column in ("statistic", "df", "p_value"):
        np.testing.assert_allclose(scaled.tidy()[column], plain.tidy()[column], rtol=1e-6)


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
@pytest.mark.parametrize("unit", [1e-7, 1e7])
def test_moment_models_do_not_depend_on_units(pairs, unit):
    for fit in (
        lambda frame: moments.apim_sem(panel(frame), outcome="y", predictors="x"),
        lambda frame: moments.mutual_influence(panel(frame), outcome="y", predictor="x"),
    ):
        plain, scaled = (fit(pairs.assign(x=pairs["x"] * by, y=pairs["y"] * by)) for by in (1.0, unit))
        np.testing.assert_allclose(scaled.tidy()["statistic"], plain.tidy()["statistic"], rtol=1e-4)


@pytest.mark.parametrize("unit", [1e-3, 1e3])
@pytest.mark.parametrize("family", ["binomial", "ordinal"])
def test_a_small_unit_is_no_separation(unit, family):
    frame = rd.simulate.apim(n_dyads=60, actor=(0.4, 0.3), partner=(0.2, 0.1), seed=1).panel.frame
    outcome = (frame["y"] > 0).astype(int) if family == "binomial" else pd.cut(frame["y"], 4, labels=False)
    result = rd.apim(panel(frame.assign(o=outcome, x=frame["x"] * unit)), outcome="o", predictors=["x"], family=family)
    assert not any("without overlap" in note for note in result.notes)


def test_variables_that_give_each_other_are_refused_by_name(pairs):
    share = np.random.default_rng(1).integers(10, 91, 60)
    frame = pairs.assign(
        s=pairs["x"] + pairs["y"], share=np.column_stack([share, 100 - share]).ravel(), clo=2 * pairs["x"]
    )
    tied = "depend on each other linearly"
    with pytest.raises(rd.DesignError, match=r"x \(member 1\).*" + tied):
        moments.isat(panel(frame), ["x", "y", "s"])
    with pytest.raises(rd.DesignError, match=r"share \(member 1\), share \(member 2\) " + tied):
        moments.isat(panel(frame), ["share", "y"])
    with pytest.raises(rd.DesignError, match=tied):
        moments.distinguishability_sem(panel(frame), outcome="y", predictors=["x", "s"])
    with pytest.raises(rd.DesignError, match=r"clo \(a\), clo \(b\), x \(a\), x \(b\) " + tied):
        moments.common_fate(panel(frame), outcome="x", predictor="clo", least_icc=-1.0)
    for unit in (1, 100):
        with pytest.raises(rd.DesignError, match="two shares of one total"):
            moments.nonindependence(panel(frame.assign(share=frame["share"] / unit)), ["share"])


def test_an_outcome_that_predictors_give_leaves_nothing_to_pool(pairs):
    with pytest.raises(rd.DesignError, match="nothing is left to model"):
        moments.pooled_regression(panel(pairs.assign(y=2 * pairs["x"] + 3)), outcome="y", predictors="x")
    plain, small = (
        moments.pooled_regression(panel(pairs.assign(y=pairs["y"] * by)), outcome="y", predictors="x")
        for by in (1.0, 1e-30)
    )
    np.testing.assert_allclose(small.tidy()["p_value"], plain.tidy()["p_value"], rtol=1e-6)


@pytest.mark.parametrize("outcome", [{"outcome": "y"}, {"outcome": "b", "family": "binomial"}])
def test_a_role_that_never_answered_the_outcome_is_named(pairs, outcome):
    frame = pairs.assign(b=(pairs["y"] > 0).astype(float))
    frame.loc[frame["role"] == "b", ["y", "b"]] = np.nan
    with pytest.raises(rd.DesignError, match=f"nobody who is b has a value of '{outcome['outcome']}'"):
        rd.apim(panel(frame), predictors=["x"], **outcome)
