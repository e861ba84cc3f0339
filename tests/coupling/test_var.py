"""Vector autoregressions, Granger tests and inertia-coordination against R, statsmodels and arithmetic."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.coupling import granger, inertia_coordination, nickell_bias, var
from reldyn.errors import DataError, DataWarning, DesignError

REFERENCE = Path(__file__).parent / "reference"
SYNCHRONY = json.loads((REFERENCE / "d_synchrony.json").read_text(encoding="utf-8"))
MLVAR = json.loads((REFERENCE / "e_mlvar.json").read_text(encoding="utf-8"))
NICKELL = json.loads((REFERENCE / "e_nickell.json").read_text(encoding="utf-8"))


def stacked(wide, names, **roles):
    """A panel of roles a and b from one column per member."""
    frame = pd.concat([wide.assign(role=role, y=wide[name]) for role, name in zip("ab", names, strict=True)])
    frame = frame.assign(dyad=frame.get("dyad", 1)).reset_index(drop=True)
    frame["person"] = frame["dyad"].astype(str) + frame["role"]
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", **roles)


@pytest.fixture(scope="module")
def pair():
    return stacked(pd.read_csv(REFERENCE / "in" / "cont.csv"), ("a", "b"), time="t")


@pytest.fixture(scope="module")
def dyads():
    return stacked(pd.read_csv(REFERENCE / "in" / "var.csv"), ("y1", "y2"), time="t")


def days_of(values, beeps):
    """One couple whose days hold `beeps` occasions."""
    n = len(values)
    wide = pd.DataFrame(
        {"day": np.arange(n) // beeps, "beep": np.arange(n) % beeps, "a": values[:, 0], "b": values[:, 1]}
    )
    return stacked(wide, ("a", "b"), day="day", beep="beep")


def test_granger_is_the_f_test_of_one_equation(pair):
    found = granger(pair, "y", lags=4).set_index("target").loc["b"]
    truth = SYNCHRONY["granger_a_to_b_p4"]
    assert found["source"] == "a"
    assert [found["statistic"], found["df"], found["df_residual"]] == pytest.approx(
        [truth["F"], truth["df1"], truth["df2"]]
    )
    assert found["p_value"] == pytest.approx(truth["p"], rel=1e-6)
    assert found["log_ratio"] == pytest.approx(truth["gc_logratio"], rel=1e-9)


def test_granger_agrees_with_statsmodels_in_both_directions(pair):
    from statsmodels.tsa.stattools import grangercausalitytests

    wide = pd.read_csv(REFERENCE / "in" / "cont.csv")
    for source, target in (("a", "b"), ("b", "a")):
        theirs = grangercausalitytests(wide[[target, source]].to_numpy(), [3])[3][0]["ssr_ftest"]
        ours = granger(pair, "y", lags=3).set_index("target").loc[target]
        assert [ours["statistic"], ours["p_value"]] == pytest.approx([theirs[0], theirs[1]], rel=1e-8)


def test_no_test_looks_over_a_night():
    values = np.random.default_rng(1).standard_normal((40, 2))
    assert granger(days_of(values, 4), "y")["n_pairs"].tolist() == [30, 30]
    assert var(days_of(values, 4), "y", lags=2).n_obs == 40
    assert inertia_coordination(days_of(values, 4), "y")["n_pairs"].tolist() == [30] * 6


def test_a_shared_clock_of_days_gives_nothing_to_lag():
    found = granger(days_of(np.random.default_rng(2).standard_normal((12, 2)), 2), "y", lags=2)
    assert found["note"].tolist() == ["0 usable pairs of occasions, below 8"] * 2
    assert found["statistic"].isna().all()


def test_var2_is_that_of_r_and_statsmodels(pair):
    from statsmodels.tsa.vector_ar.var_model import VAR

    fit = var(pair, "y", lags=2)
    truth = np.array(SYNCHRONY["var2"]["coef"])
    ours = fit.tidy().set_index(["outcome", "effect", "lag"])["estimate"]
    for column, (own, other) in enumerate((("a", "b"), ("b", "a"))):
        assert ours[own, "intercept", 0] == pytest.approx(truth[0, column])
        for lag in (1, 2):
            assert ours[own, "inertia", lag] == pytest.approx(truth[2 * lag - 1 + column, column])
            assert ours[own, "influence", lag] == pytest.approx(truth[2 * lag - column, column])
        assert other != own
    theirs = VAR(pd.read_csv(REFERENCE / "in" / "cont.csv")[["a", "b"]].to_numpy()).fit(2)
    errors = fit.tidy().set_index(["outcome", "effect", "lag"])["std_error"]
    assert errors["b", "influence", 2] == pytest.approx(theirs.stderr[3, 1])
    assert fit.residuals["correlation"].iloc[0] == pytest.approx(theirs.resid_corr[0, 1])
    assert fit.residuals["largest_root"].iloc[0] == pytest.approx(1 / np.abs(theirs.roots).min())
    assert fit.log_likelihood == pytest.approx(theirs.llf)


def test_a_missing_partner_costs_only_the_rows_that_need_it(pair):
    frame = pair.frame
    frame.loc[(frame["role"] == "b") & (frame["t"] > 119.7), "y"] = np.nan
    fit = var(rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="t"), "y")
    rows = fit.tidy().groupby("outcome")["n_pairs"].first()
    assert rows.to_dict() == {"a": 599, "b": 598}


@pytest.mark.parametrize(("random", "suffix"), [("correlated", "corr"), ("orthogonal", "orth")])
@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
def test_the_two_steps_are_those_of_lme4(dyads, random, suffix):
    fit = var(dyads, "y", pooling="two-step", random=random)
    table = fit.tidy().set_index(["outcome", "effect"])
    assert fit.converged
    for outcome, own, other in (("a", "1", "2"), ("b", "2", "1")):
        truth = MLVAR[f"mlvar_y{own}_{suffix}"]
        names = {"intercept": "(Intercept)", "inertia": f"l{own}", "influence": f"l{other}", "between": f"gm{other}"}
        for effect, name in names.items():
            assert table.loc[(outcome, effect), "estimate"] == pytest.approx(truth["fixef"][name], abs=3e-6)
            assert table.loc[(outcome, effect), "std_error"] == pytest.approx(truth["se"][name], abs=3e-6)
        varying = fit.random[(fit.random["outcome"] == outcome) & (fit.random["kind"] == "sd")]["estimate"].tolist()
        theirs = {cell["var1"]: cell["sdcor"] for cell in truth["vc"] if cell["var2"] is None}
        wanted = [theirs["(Intercept)"], theirs[f"l{own}"], theirs[f"l{other}"]]
        assert varying == pytest.approx(wanted, abs=1e-5)
    both = sum(MLVAR[f"mlvar_y{k}_{suffix}"]["logLik"] for k in (1, 2))
    assert fit.log_likelihood == pytest.approx(both, abs=1e-5)


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
def test_correlations_of_random_effects_are_those_of_lme4(dyads):
    found = var(dyads, "y", pooling="two-step").random
    ours = found[(found["outcome"] == "a") & (found["kind"] == "correlation")]["estimate"].tolist()
    theirs = {(c["var1"], c["var2"]): c["sdcor"] for c in MLVAR["mlvar_y1_corr"]["vc"] if c["var2"]}
    assert ours == pytest.approx(
        [theirs["(Intercept)", "l1"], theirs["(Intercept)", "l2"], theirs["l1", "l2"]], abs=2e-4
    )
    orthogonal = var(dyads, "y", pooling="two-step", random="orthogonal").random
    assert set(orthogonal["kind"]) == {"sd"}


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
def test_what_the_partners_share_at_one_occasion_comes_from_both_residuals(dyads):
    cells = var(dyads, "y", pooling="two-step", random="orthogonal").residuals.iloc[0]
    truth = MLVAR["mlvar_contemp"]
    assert cells["correlation"] == pytest.approx(truth["resid_cor"], abs=1e-6)
    assert [cells["sd_first"] ** 2, cells["sd_second"] ** 2] == pytest.approx(np.diag(truth["cov"]), abs=1e-5)


def test_the_result_names_what_centring_costs(dyads):
    with pytest.warns(DataWarning, match=r"too small by -\(1 \+ phi\) / \(T - 1\) \(a: about -0.020 at 70 occasions"):
        fit = var(dyads, "y", pooling="two-step")
    assert "a: about -0.020 at 70 occasions; b: about -0.018 at 70 occasions" in " ".join(fit.summary().split())
    phi = fit.tidy().set_index(["outcome", "effect"])["estimate"]["a", "inertia"]
    assert fit.nickell["first_order"].iloc[0] == pytest.approx(-(1 + phi) / 69)
    again = rd.from_json(fit.to_json())
    pd.testing.assert_frame_equal(again.tidy(), fit.tidy(), check_dtype=False)
    pd.testing.assert_frame_equal(again.glance(), fit.glance())


@pytest.mark.parametrize("cell", NICKELL, ids=lambda cell: f"T{cell['T']}-phi{cell['phi']}")
def test_nickells_bias_is_exact_and_near_its_simulation(cell):
    exact = nickell_bias(cell["phi"], n_occasions=cell["T"])
    assert float(exact) == pytest.approx(cell["nickell_exact"], rel=1e-10)
    first = nickell_bias(cell["phi"], n_occasions=cell["T"], method="first-order")
    assert float(first) == pytest.approx(cell["formula_first"], rel=1e-10)
    assert abs(float(exact) - cell["within_bias"]) < 3 * cell["se"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"phi": 1.0, "n_occasions": 9}, "phi=1.0: a stationary autoregression lies between -1 and 1."),
        ({"phi": 0.2, "n_occasions": 3}, "n_occasions=3: at least 4 occasions per person are needed."),
    ],
)
def test_nickells_bias_refuses_what_has_none(arguments, message):
    with pytest.raises(DesignError) as caught:
        nickell_bias(arguments["phi"], n_occasions=arguments["n_occasions"])
    assert str(caught.value) == message


def test_inertia_and_coordination_of_the_first_dyads(dyads):
    found = inertia_coordination(dyads, "y").set_index(["dyad", "outcome", "term"])["estimate"]
    for number, truth in enumerate(SYNCHRONY["inertcoord"], start=1):
        for outcome, suffix in (("a", "0"), ("b", "1")):
            wanted = [truth["int" + suffix], truth["inert" + suffix], truth["coord" + suffix]]
            assert found.loc[number, outcome].tolist() == pytest.approx(wanted, abs=1e-10)


@pytest.mark.parametrize("verb", [granger, inertia_coordination, lambda p, v: var(p, v).tidy()])
def test_series_that_say_nothing_give_a_reason(verb):
    noise = np.random.default_rng(3).standard_normal(30)
    constant = np.column_stack([noise, np.full(30, 2.0)])
    absent = np.column_stack([noise, np.full(30, np.nan)])
    for values in (constant, absent, constant[:3]):
        found = verb(days_of(values, 30), "y")
        assert (found["note"] != "").all()
        assert found.select_dtypes(float).drop(columns=["df"], errors="ignore").isna().all(axis=None)


def test_a_dyad_without_estimate_is_counted_out():
    values = np.column_stack([np.random.default_rng(3).standard_normal(30), np.full(30, 2.0)])
    fit = var(days_of(values, 30), "y")
    assert fit.warnings == ("1 of 1 dyad has no estimate; `residuals` says why.",)
    assert (fit.n_dyads, fit.converged) == (0, False)
    assert math.isnan(fit.glance()["aic"].iloc[0])


def test_wrong_calls_say_what_would_mend_them(pair, dyads):
    with pytest.raises(DesignError, match="lags=0: give a whole number of at least 1"):
        granger(pair, "y", lags=0)
    with pytest.raises(DesignError, match="pooling='some'"):
        var(pair, "y", pooling="some")
    with pytest.raises(DesignError, match=r"1 of 1 dyad has at least 3 pairs .* need 10. Use pooling='none'"):
        var(pair, "y", pooling="two-step")
    frame = dyads.frame.drop(columns="role")
    alike = rd.DyadPanel(frame, dyad="dyad", person="person", time="t")
    with pytest.raises(DesignError, match="needs two roles that tell the members of every dyad apart"):
        var(alike, "y", pooling="two-step")
    with pytest.raises(DataError, match="'warmth'"):
        var(pair, "warmth")
