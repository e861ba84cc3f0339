"""Check transition logits against R's glm, statsmodels' Logit and GEE, closed forms, planted effects and bad series."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

import reldyn as rd
from reldyn.coupling.sequences._logit_fit import pooled_logit, separated, table_logit, transition_counts
from reldyn.errors import DataError, DesignError
from reldyn.results import from_json

MAIN = np.array([[1.0, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1]])
COUNT = np.array([[30.0, 9], [14, 11], [12, 16], [7, 25]])


def states(n_dyads, n, rng, actor=0.0, partner=0.0):
    """Chains of both partners' states: (n_dyads, 2, n)."""
    found = np.zeros((n_dyads, 2, n))
    found[:, :, 0] = rng.random((n_dyads, 2)) < 0.5
    for t in range(1, n):
        before = found[:, :, t - 1] - 0.5
        logit = actor * before + partner * before[:, ::-1]
        found[:, :, t] = rng.random((n_dyads, 2)) < 1 / (1 + np.exp(-logit))
    return found


def rows_of(count):
    """One row per pair of occasions: own, partner, after."""
    cells = [(own, partner, after) for own in (0, 1) for partner in (0, 1) for after in (0, 1)]
    return np.repeat(np.array(cells, dtype=float), count.ravel().astype(int), axis=0)


@pytest.mark.parametrize("interaction", [False, True])
def test_one_table_agrees_with_a_logit_of_its_occasions(interaction):
    import statsmodels.api as sm

    own, partner, after = rows_of(COUNT).T
    design = [np.ones(len(own)), own, partner] + ([own * partner] if interaction else [])
    fit = sm.Logit(after, np.column_stack(design)).fit(disp=0, tol=1e-12)
    found = table_logit(transition_counts(own, partner, after), interaction)
    np.testing.assert_allclose(found.beta, fit.params, atol=1e-8)
    np.testing.assert_allclose(found.std_error, fit.bse, atol=1e-6)
    assert found.note == ""


def test_with_the_product_the_logit_is_that_of_the_cells():
    logit = np.log(COUNT[:, 1] / COUNT[:, 0])
    found = table_logit(COUNT, True)
    closed = [logit[0], logit[2] - logit[0], logit[1] - logit[0], logit[3] - logit[2] - logit[1] + logit[0]]
    np.testing.assert_allclose(found.beta, closed, atol=1e-9)
    np.testing.assert_allclose(found.std_error[3], math.sqrt((1 / COUNT).sum()), atol=1e-8)
    np.testing.assert_allclose(found.std_error[1], math.sqrt((1 / COUNT[[0, 2]]).sum()), atol=1e-8)


def test_an_empty_cell_adds_half_a_count_to_each():
    count = COUNT.copy()
    count[0, 1] = 0
    found = table_logit(count, True)
    assert found.beta[0] == pytest.approx(math.log(0.5 / 30.5), abs=1e-8)
    assert found.note == "empty cells: .5 added to each"


REFERENCE = Path(__file__).parent / "reference"


def test_panels_agree_with_glm_in_r():
    stored = json.loads((REFERENCE / "transitions.json").read_text(encoding="utf-8"))
    frame = pd.read_csv(REFERENCE / "in" / "transitions.csv")
    frame["person"] = frame["role"] + frame["dyad"].astype(str)
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="time")
    found = rd.coupling.transition_logit(panel, "state")
    for role in "ab":
        table, theirs = found.tidy().query("role == @role"), stored[role]
        np.testing.assert_allclose(table["estimate"], theirs["estimate"], atol=1e-8)
        np.testing.assert_allclose(table["std_error"], theirs["clustered"], atol=1e-8)
        single, theirs = found.dyads.query("role == @role and dyad == 1"), stored[f"dyad 1 {role}"]
        np.testing.assert_allclose(single["estimate"], theirs["estimate"], atol=1e-7)
        np.testing.assert_allclose(single["std_error"], theirs["std_error"], atol=1e-6)
        assert (single["n_pairs"] == theirs["n"]).all()
    assert found.glance()["n_obs"].item() == stored["a"]["n"] + stored["b"]["n"]
    product = rd.coupling.transition_logit(panel, "state", interaction=True).tidy().query("role == 'a'")
    np.testing.assert_allclose(product["estimate"], stored["a product"]["estimate"], atol=1e-8)
    np.testing.assert_allclose(product["std_error"], stored["a product"]["clustered"], atol=1e-8)


@pytest.mark.parametrize("interaction", [False, True])
def test_all_dyads_agree_with_estimating_equations_of_their_occasions(interaction):
    import statsmodels.api as sm

    counts = np.random.default_rng(3).integers(1, 9, (9, 4, 2)).astype(float)
    rows = np.concatenate([rows_of(count) for count in counts])
    dyad = np.repeat(np.arange(9), counts.sum(axis=(1, 2)).astype(int))
    own, partner, after = rows.T
    design = [np.ones(len(own)), own, partner] + ([own * partner] if interaction else [])
    fit = sm.GEE(after, np.column_stack(design), groups=dyad, family=sm.families.Binomial()).fit(
        cov_type="bias_reduced", ctol=1e-10
    )
    found = pooled_logit(counts, interaction)
    np.testing.assert_allclose(found.beta, fit.params, atol=1e-8)
    np.testing.assert_allclose(found.std_error, fit.bse, rtol=1e-6)


def test_separation_is_seen_where_no_single_cell_tells():
    assert not separated(COUNT, MAIN)
    # Quasi-separation: from oneself the state always follows, otherwise both outcomes occur.
    assert separated(np.array([[5.0, 5], [5, 5], [0, 5], [0, 5]]), MAIN)
    # An empty cell alone does not separate main effects.
    one_empty = np.array([[5.0, 0], [5, 5], [5, 5], [5, 5]])
    assert not separated(one_empty, MAIN)
    assert separated(one_empty, np.column_stack([MAIN, [0.0, 0, 0, 1]]))
    found = pooled_logit(np.stack([one_empty] * 6), True)
    assert np.isnan(found.beta).all()
    assert found.note == "states before separate the state after: no finite estimate"


def test_planted_effects_are_found_and_the_dyads_average_is_theirs(session):
    series = states(60, 150, np.random.default_rng(5), actor=1.0, partner=0.6)
    found = rd.coupling.transition_logit(session(series), "v")
    table = found.tidy().set_index("term")
    assert table.index.tolist() == [f"{role}: {name}" for role in "ab" for name in ("intercept", "actor", "partner")]
    for role in "ab":
        for effect, true in (("actor", 1.0), ("partner", 0.6)):
            row = table.loc[f"{role}: {effect}"]
            assert abs(row["estimate"] - true) < 3 * row["std_error"] < 0.3
            assert row["odds_ratio"] == pytest.approx(math.exp(row["estimate"]))
            part = found.dyads[(found.dyads["role"] == role) & (found.dyads["effect"] == effect)]
            by_hand = ttest_1samp(part["estimate"].to_numpy()[part["std_error"].to_numpy() > 0], 0.0)
            own = found.averages.set_index("term").loc[f"{role}: {effect}"]
            assert (own["statistic"], own["p_value"]) == pytest.approx((by_hand.statistic, by_hand.pvalue))
    assert "clustered by dyad" in " ".join(found.summary().split())
    assert found.glance()["n_obs"][0] == 60 * 2 * 149


def test_intervals_cover_and_no_effect_is_seldom_found():
    rng = np.random.default_rng(11)
    covered = wrong = 0
    for _ in range(200):
        series = states(15, 40, rng, actor=0.8, partner=0.0)
        before, after = series[:, :, :-1], series[:, 0, 1:]
        counts = np.stack([transition_counts(one[0], one[1], then) for one, then in zip(before, after, strict=True)])
        fit = pooled_logit(counts, False)
        reach = 2.1788 * fit.std_error  # Student's t with 12 degrees of freedom
        covered += abs(fit.beta[1] - 0.8) < reach[1]
        wrong += abs(fit.beta[2]) > reach[2]
    # Binomial bands around .95 and .05 at about 1 in 1000.
    assert 178 <= covered <= 199
    assert 1 <= wrong <= 22


def test_one_state_is_set_against_the_rest_by_label_or_code(session):
    codes = np.random.default_rng(2).integers(1, 4, (8, 2, 60)).astype(float)
    by_code = rd.coupling.transition_logit(session(codes), "v", state=2)
    by_label = rd.coupling.transition_logit(session(codes), "v", state="2")
    by_hand = rd.coupling.transition_logit(session((codes == 2).astype(float)), "v")
    pd.testing.assert_frame_equal(by_code.tidy(), by_label.tidy())
    pd.testing.assert_frame_equal(by_code.tidy(), by_hand.tidy())
    with pytest.raises(DesignError, match="say by state which of them is set against the rest, one of 1, 2, 3"):
        rd.coupling.transition_logit(session(codes), "v")
    with pytest.raises(DesignError, match="state"):
        rd.coupling.transition_logit(session(codes), "v", state=9)


def test_no_pair_reaches_over_a_night_and_holes_leave_out_their_pairs(session):
    series = states(4, 20, np.random.default_rng(4))
    assert rd.coupling.transition_logit(session(series, beeps=5), "v").dyads["n_pairs"].eq(4 * 4).all()
    series[0, 1, 2] = np.nan
    holed = rd.coupling.transition_logit(session(series, beeps=5), "v").dyads
    assert holed[holed["dyad"] == 1]["n_pairs"].eq(14).all()


def test_partners_who_cannot_be_told_apart_share_one_logit():
    series = states(12, 60, np.random.default_rng(6), actor=0.8)
    frame = pd.DataFrame(
        [
            (dyad, f"{dyad}{member}", t, series[dyad, member, t])
            for dyad in range(12)
            for member in (0, 1)
            for t in range(60)
        ],
        columns=["dyad", "person", "time", "v"],
    )
    found = rd.coupling.transition_logit(rd.DyadPanel(frame, dyad="dyad", person="person", time="time"), "v")
    counts = np.stack(
        [sum(transition_counts(one[m, :-1], one[1 - m, :-1], one[m, 1:]) for m in (0, 1)) for one in series]
    )
    assert found.tidy()["term"].tolist() == ["intercept", "actor", "partner"]
    np.testing.assert_allclose(found.tidy()["estimate"], pooled_logit(counts, False).beta)
    means = found.dyads[found.dyads["effect"] == "actor"].groupby("dyad")["estimate"].mean()
    assert found.averages["estimate"][1] == pytest.approx(means.mean())


def test_one_dyad_has_estimates_and_no_errors(session):
    found = rd.coupling.transition_logit(session(states(1, 200, np.random.default_rng(7))), "v")
    table = found.tidy()
    assert table["estimate"].notna().all() and table["std_error"].isna().all() and table["p_value"].isna().all()
    assert set(table["note"]) == {"too few dyads (1) for errors clustered by dyad"}
    assert set(found.averages["note"]) == {"a single dyad has an estimate: no standard error"}
    np.testing.assert_allclose(table["estimate"], found.dyads["estimate"], atol=1e-7)


def test_dyads_that_never_vary_or_never_answer_have_a_note(session):
    series = states(8, 60, np.random.default_rng(8))
    series[0, 0] = 1.0
    series[1, 1] = np.nan
    found = rd.coupling.transition_logit(session(series), "v", interaction=True)
    notes = found.dyads.drop_duplicates(["dyad", "role"]).set_index(["dyad", "role"])["note"]
    assert notes[(1, "a")] == "the state after never varies"
    assert notes[(1, "b")] == "the partner's state before never varies"
    assert notes[(2, "a")] == notes[(2, "b")] == "no pair of occasions a lag apart at which both answered"
    assert found.dyads[found.dyads["dyad"] <= 2]["estimate"].isna().all()
    assert found.tidy()["estimate"].notna().all() and found.tidy()["n_dyads"].eq(7).all()
    assert "4 of 16 members have no logit of their own" in " ".join(found.summary().split())


def test_a_sample_that_never_varies_has_a_note_and_no_number(session):
    found = rd.coupling.transition_logit(session(np.ones((4, 2, 20))), "v", bins=[0.5])
    assert found.tidy()["estimate"].isna().all()
    assert set(found.tidy()["note"]) == {"the state after never varies"}
    assert set(found.averages["note"]) == {"no dyad has an estimate"}
    with pytest.raises(DesignError, match="fewer than 2 states"):
        rd.coupling.transition_logit(session(np.full((4, 2, 20), np.nan)), "v")


def test_options_are_checked(session):
    panel = session(states(3, 20, np.random.default_rng(9)))
    with pytest.raises(DesignError, match=r"lag=0: give a whole number of at least 1\."):
        rd.coupling.transition_logit(panel, "v", lag=0)
    with pytest.raises(DesignError, match="average_by"):
        rd.coupling.transition_logit(panel, "v", average_by="median")
    with pytest.raises(DataError):
        rd.coupling.transition_logit(panel, "w")


def test_a_result_survives_its_text(session):
    found = rd.coupling.transition_logit(session(states(6, 60, np.random.default_rng(10))), "v")
    again = from_json(found.to_json())
    pd.testing.assert_frame_equal(again.tidy(), found.tidy())
    assert (again.summary(), again.outcome_state) == (found.summary(), "1")
