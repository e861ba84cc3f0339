"""Check sequential tables against LagSequential, a Poisson regression, enumeration and planted sequences."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.coupling.sequences._sequential_measures import (
    circular_shifts,
    count_pairs,
    expected_counts,
    permutation_p,
    sequence_table,
    shuffles,
    shuffles_without_repeats,
)
from reldyn.errors import DataError, DesignError

REFERENCE = Path(__file__).parent / "reference"
STORED = json.loads((REFERENCE / "d_synchrony.json").read_text())
CODES = pd.read_csv(REFERENCE / "in" / "seq.csv")["code"].to_numpy(dtype=float)


def panel_of(*dyads, days=None):
    """One panel of (first, second) series; None is a missing code."""
    rows = []
    for dyad, (first, second) in enumerate(dyads, start=1):
        for role, codes in (("a", first), ("b", second)):
            rows += [(dyad, f"{role}{dyad}", role, place, code) for place, code in enumerate(codes)]
    frame = pd.DataFrame(rows, columns=["dyad", "person", "role", "time", "code"])
    frame["code"] = frame["code"].astype(float)
    if days is None:
        return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="time")
    frame["day"], frame["beep"] = frame["time"] // days, frame["time"] % days
    return rd.DyadPanel(frame, dyad="dyad", person="person", role="role", day="day", beep="beep")


def test_another_program_gives_the_same_table():
    table = sequence_table(count_pairs(CODES[:-1] - 1, CODES[1:] - 1, 4))
    theirs, own = STORED["lagseq_pkg"], STORED["lagseq"]
    assert table.count.tolist() == theirs["freqs"]
    np.testing.assert_allclose(table.expected, theirs["expfreqs"], atol=1e-10)
    np.testing.assert_allclose(table.probability, theirs["probs"], atol=1e-10)
    np.testing.assert_allclose(table.adjusted_residual, theirs["adjres"], atol=1e-10)
    np.testing.assert_allclose(table.yules_q, theirs["YulesQ"], atol=1e-10)
    np.testing.assert_allclose(table.log_odds, own["log_or"], atol=1e-10)
    assert (table.g2, table.x2, table.df) == pytest.approx((own["G2"], own["X2"], 9), abs=1e-9)


def test_the_panel_gives_the_same_table():
    other = np.random.default_rng(1).integers(1, 5, len(CODES))
    found = rd.coupling.lag_sequential(panel_of((CODES, other)), "code", n_permutations=0)
    own = found.cells[(found.cells["path"] == "own") & (found.cells["target_by"] == "a")]
    assert own["adjusted_residual"].tolist() == pytest.approx(np.ravel(STORED["lagseq"]["z"]).tolist(), abs=1e-10)
    assert own["p_value"].tolist() == pytest.approx(np.ravel(STORED["lagseq_pkg"]["p"]).tolist(), abs=1e-10)
    assert found.tests["g2"][0] == pytest.approx(STORED["lagseq"]["G2"], abs=1e-9)


def test_structural_zeros_agree_with_a_poisson_regression():
    import statsmodels.api as sm

    count = np.array([[0, 16, 19, 11], [11, 0, 18, 23], [20, 20, 0, 14], [14, 17, 17, 0]], dtype=float)
    can = ~np.eye(4, dtype=bool)
    row, column = np.nonzero(can)
    design = np.hstack([np.eye(4)[row], np.eye(4)[column][:, 1:]])
    fit = sm.GLM(count[can], design, family=sm.families.Poisson()).fit(tol=1e-12)
    leverage = fit.get_hat_matrix_diag()
    table = sequence_table(count, can)
    np.testing.assert_allclose(table.expected[can], fit.fittedvalues, rtol=1e-7)
    z = (count[can] - fit.fittedvalues) / np.sqrt(fit.fittedvalues * (1 - leverage))
    np.testing.assert_allclose(table.adjusted_residual[can], z, rtol=1e-6)
    assert (table.g2, table.x2, table.df) == pytest.approx((fit.deviance, fit.pearson_chi2, 5), rel=1e-6)
    assert np.isnan(table.adjusted_residual[~can]).all() and np.isnan(table.log_odds[~can]).all()


def test_with_structural_zeros_independence_has_no_log_odds():
    can = ~np.eye(3, dtype=bool)
    exact = expected_counts(np.array([[0.0, 30, 10], [25, 0, 30], [15, 25, 0]]), can)
    table = sequence_table(exact, can)
    np.testing.assert_allclose(table.log_odds[can], 0, atol=1e-7)
    np.testing.assert_allclose(table.yules_q[can], 0, atol=1e-7)


def test_a_zero_cell_gets_half_a_count_and_q_of_one():
    table = sequence_table(np.array([[10.0, 0], [4, 6]]))
    assert table.yules_q.tolist() == [[1, -1], [-1, 1]]
    assert table.log_odds[0, 0] == pytest.approx(math.log(10.5 * 6.5 / (0.5 * 4.5)))
    assert table.std_error[0, 0] == pytest.approx(math.sqrt(1 / 10.5 + 1 / 6.5 + 1 / 0.5 + 1 / 4.5))
    full = sequence_table(np.array([[10.0, 2], [4, 6]]))
    assert full.yules_q[0, 0] == pytest.approx((60 - 8) / (60 + 8))


def test_codes_that_never_occur_leave_no_degrees_of_freedom():
    count = np.zeros((3, 3))
    count[:2, :2] = [[5, 3], [2, 8]]
    table = sequence_table(count)
    assert table.df == 1
    assert np.isnan(table.log_odds[2]).all() and np.isnan(table.adjusted_residual[:, 2]).all()
    assert sequence_table(np.diag([7.0, 0, 0])).df == 0


def test_permutation_p_equals_enumeration_of_a_short_sequence():
    codes = np.array([0.0, 0, 0, 1, 1, 1, 1])
    every = np.array(sorted(set(itertools.permutations(codes))))
    tables = count_pairs(every[:, :-1], every[:, 1:], 2)
    can = np.ones((2, 2), dtype=bool)
    observed = count_pairs(codes[:-1], codes[1:], 2)
    exact, exact_table = permutation_p(observed, tables, can)
    drawn = shuffles(codes, 20_000, np.random.default_rng(1))
    cells, table = permutation_p(observed, count_pairs(drawn[:, :-1], drawn[:, 1:], 2), can)
    # The identity counts once more among the enumerated ones.
    np.testing.assert_allclose(cells, (exact * (len(every) + 1) - 1) / len(every), atol=0.01)
    assert table == pytest.approx((exact_table * (len(every) + 1) - 1) / len(every), abs=0.01)


def test_orders_without_repeats_are_equally_likely():
    codes = np.array([0.0, 1, 0, 2, 1])
    follows = np.column_stack([np.arange(4), np.arange(1, 5)])
    drawn = shuffles_without_repeats(codes, follows, 30_000, np.random.default_rng(2))
    assert (np.diff(drawn, axis=1) != 0).all()
    allowed = [one for one in set(itertools.permutations(codes)) if all(a != b for a, b in itertools.pairwise(one))]
    _, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(counts) == len(allowed)
    assert counts / len(drawn) == pytest.approx(np.full(len(allowed), 1 / len(allowed)), abs=0.01)


def test_rotations_are_all_distinct_and_leave_out_the_identity():
    rng = np.random.default_rng(3)
    turned = circular_shifts(np.arange(6.0), 2, 99, rng)
    assert turned.tolist() == [[4, 5, 0, 1, 2, 3], [2, 3, 4, 5, 0, 1]]
    assert len(circular_shifts(np.arange(50.0), 1, 20, rng)) == 20


def test_no_pair_reaches_over_a_night_or_a_gap():
    codes = [1, 2, None, 1, 1, 2]
    found = rd.coupling.lag_sequential(panel_of((codes, [1, 2, 1, 2, 1, 2]), days=3), "code", n_permutations=0)
    pairs = found.tests.set_index(["path", "target_by"])["n_pairs"]
    assert pairs[("own", "a")] == 3 and pairs[("own", "b")] == 4
    # Of a: 1 -> 2 on the first day, 1 -> 1 and 1 -> 2 on the second.
    own = found.cells[(found.cells["path"] == "own") & (found.cells["target_by"] == "a")]
    assert own["count"].tolist() == [1, 2, 0, 0]


def test_a_planted_answer_is_found_in_its_direction_only():
    rng = np.random.default_rng(4)
    dyads = []
    for _ in range(12):
        first = rng.integers(1, 3, 100)
        answer = np.where(rng.random(100) < 0.8, np.roll(first, 1), 3 - np.roll(first, 1))
        dyads.append((first, answer))
    found = rd.coupling.lag_sequential(panel_of(*dyads), "code", n_permutations=99, seed=1)
    tidy = found.tidy().set_index(["path", "target_by", "given", "target"])
    planted = tidy.loc[("partner", "b", "1", "1")]
    assert planted["estimate"] == pytest.approx(2 * math.log(4), abs=3 * planted["std_error"])
    assert abs(tidy.loc[("partner", "a", "1", "1"), "estimate"]) < 0.4
    by_path = found.tests.groupby(["path", "target_by"])["p_permutation"]
    assert by_path.max()["partner", "b"] == pytest.approx(0.01)
    assert by_path.mean()["partner", "a"] > 0.2


def test_z_across_partners_is_too_large_and_rotation_is_not():
    rng = np.random.default_rng(5)
    dyads = []
    for _ in range(150):
        stay = rng.random((2, 120)) < 0.85
        fresh = rng.integers(1, 3, (2, 120))
        series = fresh.copy()
        for t in range(1, 120):
            series[:, t] = np.where(stay[:, t], series[:, t - 1], fresh[:, t])
        dyads.append(tuple(series))
    found = rd.coupling.lag_sequential(panel_of(*dyads), "code", n_permutations=99, seed=2)
    across = found.tests[found.tests["path"] == "partner"]
    assert (across["p_value"] < 0.05).mean() > 0.2
    assert (across["p_permutation"] <= 0.05).mean() <= 0.09


def test_turns_name_the_speaker_and_need_no_partner_answer():
    first = [1, None, 2, None, 1, None, 2, None, 1, 1]
    second = [None, 2, None, 1, None, 2, None, 1, None, 1]
    found = rd.coupling.lag_sequential(panel_of((first, second)), "code", streams="turns", n_permutations=0)
    counted = found.cells.set_index(["given", "target"])["count"]
    # The last occasion has two speakers and is no turn.
    assert found.tests["n_pairs"].tolist() == [8]
    assert counted["a: 1", "b: 2"] == 2 and counted["b: 2", "a: 2"] == 2 and counted["b: 1", "a: 1"] == 2
    assert counted["a: 1", "a: 2"] == 0


def test_codes_that_cannot_repeat_are_structurally_zero_in_own_paths_only():
    rng = np.random.default_rng(6)
    series = [1]
    while len(series) < 90:
        series.append(int(rng.choice([code for code in (1, 2, 3) if code != series[-1]])))
    panel = panel_of((series, rng.permutation(series)))
    found = rd.coupling.lag_sequential(panel, "code", repeats=False, n_permutations=99, seed=1)
    own = found.cells[(found.cells["path"] == "own") & (found.cells["target_by"] == "a")]
    assert own.loc[own["given"] == own["target"], "adjusted_residual"].isna().all()
    assert found.tests.set_index(["path", "target_by"])["df"][("own", "a")] == 1
    assert found.tests.set_index(["path", "target_by"])["df"][("partner", "a")] == 4
    repeated = found.tests["note"].str.contains("repeats left out although none should occur")
    assert repeated.tolist() == [False, False, True, False]


def test_partners_without_roles_are_averaged_within_dyads():
    rng = np.random.default_rng(7)
    dyads = [(rng.integers(1, 3, 60), rng.integers(1, 3, 60)) for _ in range(5)]
    frame = panel_of(*dyads).frame.drop(columns="role")
    alike = rd.DyadPanel(frame, dyad="dyad", person="person", time="time")
    tidy = rd.coupling.lag_sequential(alike, "code", n_permutations=0).tidy()
    by_role = rd.coupling.lag_sequential(panel_of(*dyads), "code", n_permutations=0).tidy()
    assert len(tidy) == 8 and tidy["given_by"].eq("").all()
    one = by_role[(by_role["path"] == "partner") & (by_role["given"] == "1") & (by_role["target"] == "1")]
    same = tidy[(tidy["path"] == "partner") & (tidy["given"] == "1") & (tidy["target"] == "1")]
    assert same["estimate"].iloc[0] == pytest.approx(one["estimate"].mean())
    assert tidy["n_dyads"].eq(5).all()


def test_one_seed_gives_one_result_whatever_the_workers():
    rng = np.random.default_rng(8)
    panel = panel_of(*[(rng.integers(1, 4, 40), rng.integers(1, 4, 40)) for _ in range(3)])
    one = rd.coupling.lag_sequential(panel, "code", n_permutations=99, seed=3)
    two = rd.coupling.lag_sequential(panel, "code", n_permutations=99, seed=3, n_jobs=2)
    pd.testing.assert_frame_equal(one.cells, two.cells)
    again = rd.from_json(one.to_json())
    pd.testing.assert_frame_equal(again.tidy(), one.tidy())
    assert "Lag-sequential analysis of code" in " ".join(one.summary().split()) and len(one.plot().axes) == 5


def test_silent_constant_and_short_dyads_get_a_note():
    found = rd.coupling.lag_sequential(
        panel_of(([1, 2, 1, 2], [None] * 4), ([1, 1, 1], [1, 2, 1]), ([2], [1])), "code", n_permutations=19
    )
    notes = found.tests.set_index(["dyad", "path", "target_by"])["note"]
    assert notes[1, "own", "b"] == "no pair of coded occasions a lag apart"
    assert notes[2, "own", "a"] == "codes vary too little for a test"
    assert set(notes[3]) == {"no pair of coded occasions a lag apart"}
    assert found.warnings[0] == "2 dyads have a path without any pair of coded occasions."
    assert found.tests.loc[found.tests["note"] != "", "g2"].isna().all()


@pytest.mark.parametrize("by", ["mean", "random-effects"])
def test_averages_are_those_of_the_dyads_log_odds(by):
    rng = np.random.default_rng(21)
    panel = panel_of(*[(rng.integers(1, 3, 30 + 20 * n), rng.integers(1, 3, 30 + 20 * n)) for n in range(6)])
    found = rd.coupling.lag_sequential(panel, "code", n_permutations=0, average_by=by)
    cells = found.cells.query("path == 'partner' and given_by == 'a' and given == '1' and target == '1'")
    row = found.tidy().query("path == 'partner' and given_by == 'a' and given == '1' and target == '1'").iloc[0]
    value, error = cells["log_odds"].to_numpy(), cells["std_error"].to_numpy()
    weight = np.ones(6) if by == "mean" else 1 / (row["between_sd"] ** 2 + error**2)
    assert row["estimate"] == pytest.approx((weight * value).sum() / weight.sum())
    assert (row["n_dyads"], row["df"]) == (6, 5)
    assert row["yules_q"] == pytest.approx(cells["yules_q"].mean())


def test_wrong_options_are_refused_by_name():
    panel = panel_of(([1, 2, 1], [2, 1, 2]))
    with pytest.raises(DesignError) as error:
        rd.coupling.lag_sequential(panel, "code", lag=2, repeats=False)
    assert str(error.value) == ("repeats=False with lag=2: only at lag 1 is it known that a code cannot follow itself.")
    with pytest.raises(DesignError, match="streams='turn' is not known; allowed: 'partners', 'turns'"):
        rd.coupling.lag_sequential(panel, "code", streams="turn")
    with pytest.raises(DesignError, match="lag=0: give a whole number"):
        rd.coupling.lag_sequential(panel, "code", lag=0)
    with pytest.raises(DesignError, match="n_permutations=-1 is negative"):
        rd.coupling.lag_sequential(panel, "code", n_permutations=-1)
    with pytest.raises(DataError, match="no column 'codes'"):
        rd.coupling.lag_sequential(panel, "codes")
    alike = rd.DyadPanel(panel.frame.drop(columns="role"), dyad="dyad", person="person", time="time")
    with pytest.raises(DesignError, match="needs the two roles of the panel in every dyad"):
        rd.coupling.lag_sequential(alike, "code", streams="turns")
