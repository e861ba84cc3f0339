"""Messages that name the cause: separation, one-sided covariates, two-valued outcomes, options nobody gave."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn import actor_partner as ap
from reldyn.actor_partner._separation import separated_columns


def rows(n=40, seed=5):
    r = np.random.default_rng(seed)
    frame = pd.DataFrame({"couple": np.repeat(range(n), 2), "role": ["f", "m"] * n})
    frame["x"], frame["z"], frame["y"] = r.normal(size=(3, 2 * n))
    frame["years"] = np.repeat(r.integers(1, 20, n), 2).astype(float)
    return frame


def panel_of(frame, role="role"):
    return rd.DyadPanel(frame, dyad="couple", person="role", role=role)


def marginal(frame, family, predictors=("x",)):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rd.apim(panel_of(frame), outcome="y", predictors=predictors, family=family)


def refused(function, *given, **named):
    with pytest.raises(rd.DesignError) as caught:
        function(*given, **named)
    return str(caught.value)


# --- separation: the overlap of two groups of numbers is the truth --------------------------------


def test_gaps_by_chance_are_not_called_one_sided():
    frame = rows(60)
    frame.loc[np.random.default_rng(4).random(120) < 0.5, "years"] = np.nan
    fit = rd.apim(panel_of(frame), outcome="y", predictors=["x"], covariates=["years"], roles="exchangeable")
    assert not fit.warnings


@pytest.mark.parametrize("seed", range(12))
def test_one_predictor_separates_where_its_groups_do_not_overlap(seed):
    r = np.random.default_rng(seed)
    n = 8
    x, y = np.round(r.normal(size=n), 1), r.permutation(np.repeat([0.0, 1.0], n // 2))
    if seed % 2:
        x = np.sort(x)
        y = np.sort(y)
    low, high = x[y == 0], x[y == 1]
    apart = low.max() <= high.min() or high.max() <= low.min()
    assert separated_columns(y, np.column_stack([np.ones(n), x]), "binomial")[1] == apart


def test_counts_separate_where_a_group_has_none():
    group = np.repeat([0.0, 1.0], 10)
    y = np.r_[np.zeros(10), np.arange(10)]
    X = np.column_stack([np.ones(20), group])
    assert separated_columns(y, X, "poisson").any()
    y[3] = 2.0
    assert not separated_columns(y, X, "poisson").any()


def test_ordered_categories_separate_where_they_do_not_overlap():
    x = np.linspace(0, 1, 12)[:, None]
    y = np.repeat([1.0, 2.0, 3.0], 4)
    assert separated_columns(y, x, "ordinal").tolist() == [True]
    assert separated_columns(np.tile([1.0, 2.0, 3.0], 4), x, "ordinal").tolist() == [False]


@pytest.mark.parametrize("family", ["binomial", "ordinal"])
def test_the_predictor_that_splits_the_outcomes_is_named(family):
    frame = rows()
    frame["y"] = (frame["x"] > 0) * 1.0 + (frame["x"] > 1 if family == "ordinal" else 0.0)
    fit = marginal(frame, family, ["x", "z"])
    assert not fit.converged
    note = next(note for note in fit.warnings if "separated" in note)
    assert "actor x, f, actor x, m split its values without overlap" in note
    assert "z" not in re.findall(r"\bz\b", note)


def test_a_group_without_variation_is_named_though_the_iterations_settle():
    frame = rows(80)
    r = np.random.default_rng(3)
    frame["x"] = r.integers(0, 2, 160) * 1.0
    frame["y"] = np.where(frame["x"] == 1, 1.0, r.integers(0, 2, 160))
    fit = marginal(frame, "binomial")
    assert not fit.converged
    assert any("actor x" in note and "without overlap" in note for note in fit.warnings)


def test_overlapping_outcomes_are_not_called_separated():
    frame = rows(80)
    frame["y"] = (frame["x"] + np.random.default_rng(1).normal(size=160) > 0) * 1.0
    fit = marginal(frame, "binomial")
    assert fit.converged
    assert not fit.warnings


# --- covariates and outcomes -----------------------------------------------------------------------


@pytest.mark.parametrize("roles", ["distinguishable", "exchangeable"])
def test_a_covariate_on_one_partners_row_is_refused_with_the_cause(roles):
    frame = rows()
    frame.loc[frame["role"] == "m", "years"] = np.nan
    message = refused(rd.apim, panel_of(frame), outcome="y", predictors=["x"], covariates=["years"], roles=roles)
    assert message.startswith("covariates: 'years' is filled in on one partner's row only in 40 of 40 pairs")
    assert "frame.groupby('couple')['years'].transform('first')" in message
    assert refused(rd.mixed_model, panel_of(frame), outcome="y", fixed=["x", "years"]).startswith("fixed: 'years'")
    frame["years"] = frame.groupby("couple")["years"].transform("first")
    assert not rd.apim(panel_of(frame), outcome="y", predictors=["x"], covariates=["years"], roles=roles).warnings


@pytest.mark.parametrize("owner", ["actor", "partner"])
@pytest.mark.parametrize("roles", ["distinguishable", "exchangeable"])
@pytest.mark.parametrize("text", [False, True], ids=["numbers", "text"])
def test_a_moderator_of_one_partner_only_is_refused_with_the_cause(owner, roles, text):
    frame = rows()
    frame["years"] = frame["years"].where(frame["role"] == "f")
    if text:
        frame["years"] = pd.Series(np.where(frame["years"] > frame["years"].median(), "long", "short"), dtype=object)
        frame.loc[frame["role"] == "m", "years"] = None
    given = {"outcome": "y", "predictors": ["x"], "roles": roles}
    message = refused(rd.apim, panel_of(frame), **given, moderators={"years": owner})
    assert message.startswith("moderators: 'years' is filled in on one partner's row only in 40 of 40 pairs")
    assert rd.apim(panel_of(frame), **given, moderators={"years": "dyad"}).converged


def test_a_trait_that_each_partner_was_asked_at_another_occasion_is_not_one_sided():
    panel = rd.simulate.apim(n_dyads=40, n_occasions=4, actor=0.3, partner=0.2, seed=1).panel
    frame = panel.frame.assign(age=np.random.default_rng(1).normal(size=len(panel)))
    first = frame["role"] == panel.roles[0]
    frame["age"] = frame["age"].where(frame["time"] == np.where(first, frame["time"].min(), frame["time"].max()))
    asked = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="time")
    fit = rd.apim(asked, outcome="y", predictors=["x"], moderators={"age": "partner"}, random="intercept")
    assert fit.glance()["n_obs"].item() == len(frame)


@pytest.mark.parametrize(
    "call",
    [
        lambda p: ap.mediation(p, outcome="y", predictor="x", mediator="m", covariates=["years"], n_boot=20, seed=1),
        lambda p: ap.response_surface(p, outcome="y", predictor="x", covariates=["years"]),
    ],
    ids=["mediation", "response_surface"],
)
def test_other_analyses_name_the_same_cause(call):
    frame = rows()
    frame["m"] = np.random.default_rng(1).normal(size=len(frame))
    frame["years"] = frame["years"].where(frame["role"] == "f")
    assert refused(call, panel_of(frame)).startswith("covariates: 'years' is filled in on one partner's row only in 40")


def test_a_covariate_mostly_on_one_partners_row_is_said():
    frame = rows()
    frame.loc[(frame["role"] == "m") & (frame["couple"] < 30), "years"] = np.nan
    with pytest.warns(rd.DataWarning, match="one partner's row only in 30 of 40 pairs"):
        fit = rd.apim(panel_of(frame), outcome="y", predictors=["x"], covariates=["years"], roles="exchangeable")
    assert len(fit.design.y) == 50


def test_an_outcome_of_two_values_asks_for_another_family():
    frame = rows()
    frame["y"] = (frame["y"] > 0).astype(int)
    fit = rd.apim(panel_of(frame), outcome="y", predictors=["x"])
    assert any("y has two values (0 and 1): family='binomial'?" in note for note in fit.warnings)
    assert len(repr(fit)) < 120
    assert "family='binomial'?" in " ".join(fit.summary().split())
    assert any("two values" in note for note in rd.mixed_model(panel_of(frame), outcome="y", fixed=["x"]).warnings)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("apim_sem", {"predictors": "x"}),
        ("distinguishability_sem", {"predictors": "x"}),
        ("dyadic_score", {"predictors": "x"}),
        ("mediation", {"predictor": "x", "mediator": "z", "interval": "delta"}),
        ("mutual_influence", {"predictor": "x"}),
        ("pooled_regression", {"predictors": "x"}),
    ],
)
def test_analyses_without_families_ask_for_one_that_has_them(name, given):
    frame = rows(80)
    frame["y"] = (frame["y"] + frame["x"] > 0).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = getattr(ap, name)(panel_of(frame), outcome="y", **given)
    assert sum("y has two values (0 and 1): rd.apim(..., family='binomial')?" in note for note in fit.warnings) == 1


def test_waves_of_two_values_ask_for_another_family():
    panel = rd.simulate.apim(n_dyads=60, n_occasions=4, actor=0.3, partner=0.2, seed=1).panel
    frame = panel.frame.assign(y=(panel.values("y") > 0) * 1.0)
    waves = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="time")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = ap.over_time(waves, outcome="y")
    assert fit.method == "dynamic panel"
    assert any("y has two values (0 and 1): family='binomial'?" in note for note in fit.warnings)


# --- options that nobody gave ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("dyadic_score", lambda p: ap.dyadic_score(p, outcome="y", predictors="x")),
        ("distinguishability_sem", lambda p: ap.distinguishability_sem(p, outcome="y", predictors="x")),
        ("distinguishability", lambda p: rd.distinguishability(p, outcome="y", predictors=["x"])),
    ],
)
def test_analyses_of_two_roles_do_not_quote_an_option_nobody_gave(name, call):
    message = refused(call, panel_of(rows(), role=None))
    assert message == (
        f"{name} is a question about two roles, and this panel has no roles: name a column that tells the two "
        "members apart as role when making the DyadPanel."
    )


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda p: ap.over_time(p, outcome="y", foo=1), r"over_time takes no argument 'foo'; .* those of rd.apim:"),
        (
            lambda p: ap.dyad_individual(p, outcome="y", predictors="x", covariates=["z"]),
            "dyad_individual takes no argument 'covariates'",
        ),
        (
            lambda p: rd.distinguishability(p, outcome="y", predictor=["x"]),
            r"distinguishability takes no argument 'predictor'; .* Did you mean 'predictors'",
        ),
    ],
)
def test_an_unknown_argument_is_named_by_the_function_that_was_called(call, expected):
    with pytest.raises(rd.DesignError, match=expected):
        call(panel_of(rows()))
