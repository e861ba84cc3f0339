"""Check the trend over cycles against planted slopes, and the regression between dyads against its definition."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import t as student

import reldyn as rd
from reldyn.cycles.consequences._bond import serial_gls
from reldyn.errors import DataError, DesignError


def errors_of(rng, clock, inertia, noise=0.0):
    """A first-order autoregression over unequal times, plus noise; variance 1."""
    state = rng.standard_normal(len(clock))
    for place in range(1, len(clock)):
        kept = inertia ** (clock[place] - clock[place - 1])
        state[place] = kept * state[place - 1] + math.sqrt(1 - kept**2) * state[place]
    return math.sqrt(1 - noise) * state + math.sqrt(noise) * rng.standard_normal(len(clock))


def panel_of(slope, n_dyads=6, n=120, every=8, seed=1):
    """Attachment that rises by ``slope`` per cycle of ``every`` days, in both members."""
    rng = np.random.default_rng(seed)
    frames = []
    for dyad in range(n_dyads):
        for role in ("f", "m"):
            day = np.arange(n)
            warmth = np.where(day % every < 3, 6.0, 2.0)
            bond = 3 + slope * (day // every + 1) + 0.5 * errors_of(rng, day, 0.5)
            frames.append(pd.DataFrame({"dyad": dyad, "role": role, "day": day, "warmth": warmth, "bond": bond}))
    frame = pd.concat(frames, ignore_index=True)
    frame["person"] = frame["dyad"].astype(str) + frame["role"]
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="day")


def dyads_of(rng, n=60, product=0.0):
    table = pd.DataFrame({"dyad": np.arange(n), "cv": rng.gamma(4.0, 0.25, n), "gap": rng.standard_normal(n)})
    signal = 0.4 * table["cv"] + 0.3 * table["gap"] + product * (table["cv"] - 1) * table["gap"]
    # Larger spread with larger power difference: what HC3 is for.
    table["bond"] = signal + (0.5 + 0.3 * table["gap"].abs()) * rng.standard_normal(n)
    return table


def test_at_a_fixed_law_the_slope_is_that_of_generalised_least_squares():
    rng = np.random.default_rng(1)
    clock = np.cumsum(rng.integers(1, 4, 90)).astype(float)
    design = np.column_stack([np.ones(90), np.arange(90) // 8])
    outcome = design @ [1.0, 0.2] + errors_of(rng, clock, 0.6)
    correlation = 0.7 * 0.6 ** np.abs(clock[:, None] - clock[None, :]) + 0.3 * np.eye(90)
    fit = sm.GLS(outcome, design, sigma=correlation).fit()
    beta, errors, inertia = serial_gls(design, outcome, clock, error_model=(0.6, 0.3))
    assert beta == pytest.approx(fit.params)
    assert errors == pytest.approx(fit.bse)
    assert inertia == 0.6


def test_the_law_of_the_errors_is_recovered():
    rng = np.random.default_rng(2)
    found = []
    for _ in range(20):
        clock = np.arange(150.0)
        design = np.column_stack([np.ones(150), np.arange(150) // 8])
        found.append(serial_gls(design, errors_of(rng, clock, 0.7), clock)[2])
    assert np.median(found) == pytest.approx(0.7, abs=0.07)


@pytest.mark.parametrize(("inertia", "noise"), [(0.5, 0.0), (0.8, 0.4)])
def test_no_trend_is_called_one_in_about_one_in_twenty(inertia, noise):
    rng = np.random.default_rng(3)
    rejected, plain = [], []
    for _ in range(120):
        day = np.arange(112) // 4
        clock = np.arange(112) + 2.0 * day
        kept = rng.random(112) > 0.2
        cycle = np.cumsum(rng.random(112) < 0.12).astype(float)
        design = np.column_stack([np.ones(112), cycle])[kept]
        outcome = errors_of(rng, clock, inertia, noise)[kept]
        beta, errors, _ = serial_gls(design, outcome, clock[kept])
        rejected.append(abs(beta[1]) / errors[1] > student.ppf(0.975, cycle.max() - 2))
        plain.append(sm.OLS(outcome, design).fit().pvalues[1] < 0.05)
    assert np.mean(rejected) <= 0.10
    # What the correction is for: plain least squares sees a trend in far more of the same series.
    assert np.mean(plain) > 2 * np.mean(rejected)


def test_a_planted_slope_is_recovered_and_pooled():
    found = rd.cycles.bond_trend(panel_of(0.1), attachment="bond", warmth="warmth")
    single, sample = found.iloc[:-1], found.iloc[-1]
    assert len(single) == 12 and sample["dyad"] == "sample"
    assert (single["n_cycles"] == 15).all()
    assert ((single["conf_low"] < 0.1) & (single["conf_high"] > 0.1)).mean() >= 0.8
    assert sample["conf_low"] < 0.1 < sample["conf_high"]
    assert sample["p_value"] < 0.001
    assert single["inertia"].median() == pytest.approx(0.5, abs=0.15)


def test_the_slope_of_each_direction_is_that_of_its_receiver():
    panel = panel_of(0.0, n_dyads=3)
    frame = panel.frame.copy()
    rises = frame["role"].astype(str) == "f"
    frame.loc[rises, "bond"] += 0.3 * (frame.loc[rises, "day"] // 8)
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="day")
    found = rd.cycles.bond_trend(panel, attachment="bond", warmth="warmth").iloc[:-1]
    assert found.loc[found["giver"] == "m", "estimate"].to_numpy() == pytest.approx(0.3, abs=0.1)
    assert found.loc[found["giver"] == "f", "estimate"].to_numpy() == pytest.approx(0.0, abs=0.1)


def test_phases_of_a_detection_can_count_the_cycles(make):
    panel = panel_of(0.1, n_dyads=1, n=200, every=10)
    warm = np.arange(200) % 10 < 3
    posterior = np.column_stack([~warm, np.zeros(200), warm]).astype(float)
    fit = dataclasses.replace(make.phases(3), posterior=posterior)
    outcomes = [
        dataclasses.replace(make.outcome(0, giver), fit=fit, occasion=np.arange(200)) for giver in panel.index.roles
    ]
    by_phase = rd.cycles.bond_trend(panel, attachment="bond", warmth="warmth", phases=make.result(outcomes))
    by_event = rd.cycles.bond_trend(panel, attachment="bond", warmth="warmth")
    pd.testing.assert_frame_equal(by_phase.tidy(), by_event.tidy())


def test_few_cycles_and_constant_attachment_get_a_note():
    few = rd.cycles.bond_trend(panel_of(0.1, n_dyads=1, n=40), attachment="bond", warmth="warmth")
    assert few["note"].tolist() == ["5 cycles, below 8"] * 2 + ["0 dyads with a coefficient, below 3"]
    assert few["estimate"].isna().all()
    frame = panel_of(0.1, n_dyads=1).frame.assign(bond=4.0)
    flat = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="day")
    note = rd.cycles.bond_trend(flat, attachment="bond", warmth="warmth")["note"][0]
    assert note == "attachment never varies"
    with pytest.raises(DataError, match="no column 'band'"):
        rd.cycles.bond_trend(flat, attachment="band", warmth="warmth")


def test_the_regression_is_the_sandwich_of_its_definition():
    table = dyads_of(np.random.default_rng(4))
    found = rd.cycles.bond_moderation(table, attachment="bond", intermittency="cv", power="gap").set_index("term")
    first, second = table["cv"] - table["cv"].mean(), table["gap"] - table["gap"].mean()
    design = np.column_stack([np.ones(60), first, second, first * second])
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ table["bond"].to_numpy()
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    residual = (table["bond"].to_numpy() - design @ beta) / (1 - leverage)
    covariance = inverse @ (design.T * residual**2) @ design @ inverse
    assert found["estimate"].to_numpy() == pytest.approx(beta)
    assert found["std_error"].to_numpy() == pytest.approx(np.sqrt(np.diag(covariance)))
    reach = student.ppf(0.975, 56) * np.sqrt(covariance[3, 3])
    assert found.loc["intermittency x power", "conf_high"] == pytest.approx(beta[3] + reach)
    assert (found["n_dyads"] == 60).all() and (found["df"] == 56).all() and (found["note"] == "").all()


def test_a_product_that_is_not_there_is_called_one_in_about_one_in_twenty():
    rng = np.random.default_rng(5)
    columns = {"attachment": "bond", "intermittency": "cv", "power": "gap"}
    p_values = [rd.cycles.bond_moderation(dyads_of(rng), **columns)["p_value"].iloc[-1] for _ in range(200)]
    assert 0.01 <= np.mean(np.array(p_values) <= 0.05) <= 0.11
    planted = [rd.cycles.bond_moderation(dyads_of(rng, product=0.8), **columns)["estimate"].iloc[-1] for _ in range(50)]
    assert np.mean(planted) == pytest.approx(0.8, abs=0.1)


def test_dyads_without_a_value_are_left_out_and_counted():
    table = dyads_of(np.random.default_rng(6), n=30)
    table.loc[:3, "gap"] = np.nan
    found = rd.cycles.bond_moderation(table, attachment="bond", intermittency="cv", power="gap")
    assert found["note"].unique().tolist() == ["4 of 30 dyads lack a value and are left out"]
    assert found["n_dyads"].unique().tolist() == [26]


def test_a_panel_is_reduced_to_one_receiver_per_dyad():
    rng = np.random.default_rng(7)
    frames = []
    for dyad in range(24):
        for role, power in (("f", rng.uniform(1, 3)), ("m", rng.uniform(3, 6))):
            day = np.arange(60)
            warm = np.where(rng.random(60) < 0.3, 6.0, 2.0)
            answers = {"warmth": warm, "bond": rng.normal(4, 1, 60), "power": power}
            frames.append(pd.DataFrame({"dyad": dyad, "role": role, "day": day, **answers}))
    frame = pd.concat(frames, ignore_index=True)
    frame["person"] = frame["dyad"].astype(str) + frame["role"]
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="day")
    found = rd.cycles.bond_moderation(panel, attachment="bond", power="power", warmth="warmth", receiver="f")
    described = rd.cycles.schedule(panel, warmth="warmth").query("giver == 'm'").set_index("dyad")
    means = frame.groupby(["dyad", "role"])[["bond", "power"]].mean().unstack()
    table = pd.DataFrame({"cv": described["cv"] / described["cv_random"], "bond": means["bond"]["f"]})
    table["gap"] = means["power"]["m"] - means["power"]["f"]
    by_hand = rd.cycles.bond_moderation(table.reset_index(), attachment="bond", intermittency="cv", power="gap")
    pd.testing.assert_frame_equal(found, by_hand)
    with pytest.raises(DesignError) as error:
        rd.cycles.bond_moderation(panel, attachment="bond", power="power", warmth="warmth", receiver="x")
    assert str(error.value) == "receiver='x' is not one of two roles of the panel; its roles: 'f', 'm'."
    with pytest.raises(DesignError) as error:
        rd.cycles.bond_moderation(panel, attachment="bond", power="power", warmth="warmth")
    assert str(error.value) == (
        "a panel needs warmth= (a column) and receiver= (the role of the receiver); the roles of this one: 'f', 'm'."
    )


def test_what_cannot_be_estimated_is_refused():
    table = dyads_of(np.random.default_rng(8), n=30)
    columns = {"attachment": "bond", "intermittency": "cv", "power": "gap"}
    with pytest.raises(DesignError) as error:
        rd.cycles.bond_moderation(table.head(19), **columns)
    assert str(error.value) == (
        "19 dyads with all three values, below 20: an interaction between dyads cannot be estimated from so few; "
        "collect more dyads or complete their values."
    )
    with pytest.raises(DataError, match="dyad 0 has more than one row in the table"):
        rd.cycles.bond_moderation(pd.concat([table, table.head(1)]), **columns)
    with pytest.raises(DesignError, match="power is the same in every dyad"):
        rd.cycles.bond_moderation(table.assign(gap=1.0), **columns)
    with pytest.raises(DesignError, match="cannot be told from its factors"):
        rd.cycles.bond_moderation(table.assign(cv=table["dyad"] % 2, gap=table["dyad"] % 2), **columns)
    lone = table.assign(cv=0.5, gap=np.arange(30.0))
    lone.loc[3, "cv"] = 2.0
    with pytest.raises(DesignError, match=r"cannot be told|alone determines"):
        rd.cycles.bond_moderation(lone, **columns)
    with pytest.raises(DataError, match="column 'gap' of the table holds"):
        rd.cycles.bond_moderation(table.assign(gap="high"), **columns)
    with pytest.raises(DataError, match="no column 'gpa'"):
        rd.cycles.bond_moderation(table, attachment="bond", intermittency="cv", power="gpa")
    with pytest.raises(DesignError, match="intermittency=None"):
        rd.cycles.bond_moderation(table, attachment="bond", power="gap")


def test_a_table_with_another_name_for_its_dyads_is_told_how_to_give_it():
    table = dyads_of(np.random.default_rng(8), n=30).rename(columns={"dyad": "couple"})
    with pytest.raises(DataError) as caught:
        rd.cycles.bond_moderation(table, attachment="bond", intermittency="cv", power="gap")
    told = "no column 'dyad' in the table: name the one with the ids of dyads with dyad=. Columns: "
    assert str(caught.value).startswith(told)
