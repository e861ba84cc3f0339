"""The public generator of cycle panels: columns, seeds, truth."""

import pickle

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.simulate._series import KINDS, LINEAR_KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_columns_and_rows(kind):
    simulated = rd.simulate.cycles(kind, n_dyads=3, n_occasions=30, seed=1)
    frame = simulated.panel.frame
    assert frame.columns.tolist() == ["dyad", "person", "role", "day", "beep", "warmth", "response"]
    assert len(frame) == 3 * 2 * 30
    assert simulated.panel.n_persons == 6
    assert frame["person"].nunique() == 6
    assert frame["day"].max() == 8
    assert (frame.loc[frame["day"] == 8, "beep"].max()) == 2
    assert simulated.panel.findings["severity"].eq("error").sum() == 0


def test_same_seed_same_panel_and_dyads_do_not_depend_on_their_number():
    one = rd.simulate.cycles("cycle", n_dyads=2, n_occasions=40, missing=0.3, missing_pattern="bursts", seed=5)
    two = rd.simulate.cycles("cycle", n_dyads=4, n_occasions=40, missing=0.3, missing_pattern="bursts", seed=5)
    kept = two.panel.frame.query("dyad <= 2").reset_index(drop=True)
    pd.testing.assert_frame_equal(one.panel.frame.reset_index(drop=True), kept)
    pd.testing.assert_frame_equal(one.truth.phases, two.truth.phases.query("dyad <= 2").reset_index(drop=True))
    other = rd.simulate.cycles("cycle", n_dyads=2, n_occasions=40, missing=0.3, missing_pattern="bursts", seed=6)
    assert not one.panel.frame["warmth"].equals(other.panel.frame["warmth"])


@pytest.mark.parametrize("seed", [None, np.random.SeedSequence(3).spawn(2)[1], np.random.default_rng(4), 9])
def test_the_stored_seed_brings_the_data_back(seed):
    first = rd.simulate.cycles("linear", n_dyads=2, n_occasions=20, seed=seed)
    again = rd.simulate.cycles("linear", n_dyads=2, n_occasions=20, seed=first.truth.seed)
    pd.testing.assert_frame_equal(first.panel.frame, again.panel.frame)


def test_a_seed_sequence_is_left_as_it_was():
    sequence = np.random.SeedSequence(3)
    first = rd.simulate.cycles("linear", n_dyads=2, n_occasions=20, seed=sequence)
    second = rd.simulate.cycles("linear", n_dyads=2, n_occasions=20, seed=sequence)
    assert sequence.n_children_spawned == 0
    pd.testing.assert_frame_equal(first.panel.frame, second.panel.frame)


@pytest.mark.parametrize("kind", KINDS)
def test_truth_covers_every_dyad_and_giver(kind):
    simulated = rd.simulate.cycles(kind, n_dyads=3, n_occasions=30, seed=1)
    truth = simulated.truth
    persons = simulated.panel.frame[["dyad", "person"]].drop_duplicates()
    assert truth.couples["giver"].tolist() == [2, 1, 4, 3, 6, 5]
    assert sorted(truth.couples["giver"]) == sorted(persons["person"])
    assert truth.couples["receiver"].tolist() == [1, 2, 3, 4, 5, 6]
    assert set(truth.couples["kind"]) == {kind}
    assert truth.phases.columns.tolist() == ["dyad", "giver", "day", "beep", "phase"]
    assert len(truth.phases) == (0 if kind in LINEAR_KINDS else 3 * 2 * 30)
    assert truth.couples["period"].isna().all() == (kind in LINEAR_KINDS)
    assert truth.couples["shift_day"].notna().all() == (kind == "level_shift")
    assert truth["seed"] == 1
    assert truth["night_steps"] == 3


def test_the_receiver_rates_the_warmth_of_the_giver():
    simulated = rd.simulate.cycles("alternation", n_dyads=40, n_occasions=200, effect=3.0, seed=2)
    partner = simulated.truth.couples[["giver", "receiver"]]
    phases = simulated.truth.phases.merge(partner, on="giver")
    rows = simulated.panel.frame.merge(
        phases, left_on=["dyad", "person", "day", "beep"], right_on=["dyad", "receiver", "day", "beep"]
    )
    means = rows.groupby("phase")["warmth"].mean()
    assert means["warm"] - means["withdrawn"] > 2
    other = simulated.panel.frame.merge(
        phases, left_on=["dyad", "person", "day", "beep"], right_on=["dyad", "giver", "day", "beep"]
    )
    unrelated = other.groupby("phase")["warmth"].mean()
    assert abs(unrelated["warm"] - unrelated["withdrawn"]) < 0.3


def test_missed_beeps_keep_their_rows_without_answers():
    frame = rd.simulate.cycles("cycle", n_dyads=50, n_occasions=100, missing=0.3, seed=3).panel.frame
    assert len(frame) == 50 * 2 * 100
    assert frame["warmth"].isna().equals(frame["response"].isna())
    assert frame["warmth"].isna().mean() == pytest.approx(0.3, abs=0.02)


def test_the_truth_is_fixed_and_travels():
    truth = rd.simulate.cycles("cycle", n_dyads=1, n_occasions=20, seed=1).truth
    with pytest.raises(AttributeError, match="the truth of simulated data is fixed: 'effect' cannot be set"):
        truth.effect = 2
    with pytest.raises(AttributeError, match="the truth holds no 'effects'"):
        truth.effects  # noqa: B018
    copy = truth.couples
    copy.loc[0, "kind"] = "changed"
    assert truth.couples.loc[0, "kind"] == "cycle"
    assert "effect" in dir(truth)
    travelled = pickle.loads(pickle.dumps(truth))  # noqa: S301
    assert travelled.effect == 1.5
    pd.testing.assert_frame_equal(travelled.phases, truth.phases)


def test_options_are_refused_by_name():
    with pytest.raises(rd.DesignError, match=r"kind='cycels' is not known; .* Did you mean 'cycle'\?"):
        rd.simulate.cycles("cycels", n_dyads=1, n_occasions=20)
    with pytest.raises(rd.DesignError, match=r"n_dyads=0: give a whole number of at least 1\."):
        rd.simulate.cycles("cycle", n_dyads=0, n_occasions=20)
    with pytest.raises(rd.DesignError, match="seed=-1 cannot seed a simulation"):
        rd.simulate.cycles("cycle", n_dyads=1, n_occasions=20, seed=-1)
