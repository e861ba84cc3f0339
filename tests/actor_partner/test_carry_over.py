"""Stability and influence as rows: of a stationary residual process, and over time."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn import actor_partner as ap

Z = rd.Estimation(inference="z")


@pytest.fixture(scope="module")
def panel():
    return rd.simulate.apim(n_dyads=60, n_occasions=7, actor=0.0, partner=0.0, phi=0.3, seed=2).panel


@pytest.fixture(scope="module")
def fit(panel):
    return rd.apim(panel, outcome="y", predictors=(), residual="var1", estimation=Z)


def test_rows_hold_the_transition(fit):
    table, transition = fit.tidy("residual"), fit.residual_process["transition"]
    rows = table.set_index(["effect", "role"])["estimate"]
    assert rows["stability", "a"] == transition.loc["a", "a"]
    assert rows["influence", "a"] == transition.loc["a", "b"]
    assert rows["influence", "b"] == transition.loc["b", "a"]
    contrast = table[table["effect"] == "contrast"]["estimate"].to_numpy()
    assert contrast[0] == pytest.approx(transition.loc["a", "a"] - transition.loc["b", "b"])
    assert contrast[1] == pytest.approx(transition.loc["a", "b"] - transition.loc["b", "a"])
    assert (table["conf_low"] < table["estimate"]).all() and (table["estimate"] < table["conf_high"]).all()
    assert table["term"].is_unique


def test_the_rows_come_first_in_the_summary_and_survive_json(fit):
    text = fit.summary()
    assert text.index("stability of y, a") < text.index("Fixed effects")
    again = rd.from_json(fit.to_json())
    assert again.tidy("residual").equals(fit.tidy("residual"))


def test_contrasts_take_the_rows_of_the_process(fit):
    table = fit.tidy("residual").set_index("term")
    numbers = ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
    difference = fit.contrast({"stability of y, a": 1.0, "stability of y, b": -1.0})
    printed = table.loc["stability of y, a - b", numbers].to_numpy(dtype=float)
    np.testing.assert_allclose(difference.loc[0, numbers].to_numpy(dtype=float), printed, rtol=1e-12)
    assert np.isinf(difference.loc[0, "df"])
    terms = ["stability of y, a", "stability of y, b", "influence of y, a", "influence of y, b"]
    several = fit.contrast({term: {term: 1} for term in terms})
    np.testing.assert_allclose(several["conf_low"], table.loc[terms, "conf_low"], rtol=1e-12)


def test_joint_tests_of_the_process_are_the_wald_chi_squared(fit):
    rows = [{"influence of y, a": 1}, {"influence of y, b": 1}]
    found = fit.contrast(rows).loc[0]
    # phi_01 and phi_10 stand third and second to last among the parameters.
    theta, spread = fit.estimates.natural[0][[4, 5]], fit.estimates.cov_parameters[-7:, -7:][np.ix_([4, 5], [4, 5])]
    assert found["statistic"] == pytest.approx(theta @ np.linalg.solve(spread, theta) / 2, rel=1e-10)
    assert found["df"] == 2 and np.isinf(found["df_error"])


def test_contrasts_do_not_mix_fixed_effects_with_the_process(fit):
    with pytest.raises(rd.DesignError) as caught:
        fit.contrast({"stability of y, a": 1, "intercept, a": -1})
    assert str(caught.value) == (
        "'intercept, a' is a fixed effect and 'stability of y, a' is not: a contrast is of fixed effects, or of "
        "stability and influence."
    )
    with pytest.raises(rd.DesignError, match="stability of y, c"):
        fit.contrast({"stability of y, c": 1})
    assert fit.contrast("role-differences")["term"].tolist() == ["[intercept, a] - [intercept, b]"]


def test_compositions_have_contrasts_of_their_own_and_between_them():
    frame = waves_of(8, 60).assign(kind=lambda rows: rows["couple"] % 2)
    frame["role"] = np.where((frame["kind"] == 1) & (frame["role"] == "m"), "f", frame["role"])
    frame["person"] = frame.groupby(["couple", "wave"]).cumcount()
    panel = rd.DyadPanel(frame, dyad="couple", person="person", role="role", time="wave")
    fit = rd.apim(panel, outcome="y", predictors=(), residual="var1", estimation=Z)
    table = fit.tidy("residual").query("effect == 'stability'").set_index("term")
    assert len(table) == 3
    alike, apart = (term for term in table.index if term.count(",") == 1), table.index
    alone = next(alike)
    other = next(term for term in apart if term != alone)
    found = fit.contrast({alone: 1, other: -1}).loc[0]
    # Compositions share no dyads.
    expected = np.hypot(table.loc[alone, "std_error"], table.loc[other, "std_error"])
    assert found["std_error"] == pytest.approx(expected, rel=1e-3)


def test_exchangeable_members_share_their_rows(panel):
    fit = rd.apim(panel, outcome="y", predictors=(), residual="var1", roles="exchangeable", estimation=Z)
    table = fit.tidy("residual")
    assert table["effect"].tolist() == ["stability", "influence", "variance", "correlation"]
    assert table["role"].tolist() == ["", "", "", ""]


def test_other_processes_have_no_such_rows(panel):
    fit = rd.apim(panel, outcome="y", predictors=(), estimation=Z)
    assert not fit.tidy("residual")["effect"].isin(["stability", "influence"]).any()
    with pytest.raises(rd.DesignError, match="tidy of"):
        fit.tidy("anything")
    assert not np.isnan(fit.tidy()["estimate"]).any()


def waves_of(waves=3, n=200, level=0.0, seed=21):
    """Couples with a stability of .4, an influence of .2, and stable levels of this standard deviation."""
    generator, transition = np.random.default_rng(seed), np.array([[0.4, 0.2], [0.2, 0.4]])
    y = np.zeros((n, waves + 20, 2))
    for t in range(1, waves + 20):
        y[:, t] = y[:, t - 1] @ transition.T + generator.normal(size=(n, 2))
    y = y[:, 20:] + level * generator.normal(size=(n, 1, 2))
    couple, wave, member = (codes.ravel() for codes in np.indices(y.shape))
    return pd.DataFrame({"couple": couple, "role": np.array(["f", "m"])[member], "wave": wave, "y": y.ravel()})


def panel_of(frame, role="role"):
    return rd.DyadPanel(frame, dyad="couple", person="role", role=role, time="wave")


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_three_waves_find_stability_beside_stable_levels(level):
    with pytest.warns(rd.DataWarning, match="Three waves say little about stability beside stable levels"):
        result = ap.over_time(panel_of(waves_of(3, 400, level)), outcome="y")
    assert "Report the interval" in " ".join(result.summary().split())
    table = result.tidy()
    assert result.method == "dynamic panel" and result.fit is None
    truth = np.where(table["effect"] == "stability", 0.4, 0.2)
    assert ((table["conf_low"] < truth) & (truth < table["conf_high"])).all()
    assert (table.loc[table["effect"] == "stability", "estimate"] > 0.2).all()
    assert "free first wave" in " ".join(result.summary().split())
    assert rd.from_json(result.to_json()).summary() == result.summary()


def test_members_without_roles_share_both_effects():
    frame = waves_of(4)
    table = ap.over_time(panel_of(frame, role=None), outcome="y").tidy()
    assert table["effect"].tolist() == ["stability", "influence"]


def test_waves_that_are_missing_are_used_for_what_is_there():
    frame = waves_of(4, 60)
    frame.loc[::37, "y"] = np.nan
    result = ap.over_time(panel_of(frame), outcome="y")
    assert not any("Three waves" in note for note in result.warnings)
    glance = result.glance().iloc[0]
    assert glance["n_obs"] == frame["y"].notna().sum()
    assert not glance["complete"]
    assert "missing at random" in " ".join(result.summary().split())


def test_a_declared_stationary_process_gives_its_rows():
    frame = waves_of(6, 60)
    result = ap.over_time(panel_of(frame), outcome="y", residual="var1", estimation=Z)
    table = result.tidy()
    assert result.method == "stationary"
    assert table["effect"].tolist()[:4] == ["stability", "stability", "influence", "influence"]
    assert table["effect"].tolist()[-2:] == ["intercept", "intercept"]
    assert result.plot() is not None
    with pytest.raises(rd.DesignError, match="leave steps=2 out"):
        ap.over_time(panel_of(frame), outcome="y", residual="var1", steps=2)


def test_two_waves_refuse_stable_levels_and_say_what_stability_holds():
    panel = panel_of(waves_of(2))
    assert "With two waves stable levels and stability are one" in ap.over_time(panel, outcome="y").summary()
    with pytest.raises(rd.DesignError, match="random intercepts cannot be separated from stability with 2 waves"):
        ap.over_time(panel, outcome="y", random="intercept")


def test_few_couples_are_noted():
    with pytest.warns(rd.DataWarning, match="30 dyads: the dynamic panel model is large-sample inference"):
        result = ap.over_time(panel_of(waves_of(5, 30)), outcome="y")
    assert result.plot() is not None


def test_waves_at_unequal_distances_are_named():
    rng = np.random.default_rng(3)
    rows = [(d, m, t, rng.normal()) for d in range(30) for m in "fm" for t in (0, 1, 4, 9)]
    frame = pd.DataFrame(rows, columns=["dyad", "role", "t", "y"]).assign(
        person=lambda f: f["dyad"].astype(str) + f["role"]
    )
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="t")
    with pytest.raises(rd.errors.DesignError, match=r"10 waves .* at equal distances, 6 were never held"):
        rd.actor_partner.over_time(panel, outcome="y")
