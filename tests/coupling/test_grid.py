"""Check state space grids against stored numbers, a hand-counted path and two toy trajectories of another library."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.coupling.sequences._grid_measures import dispersion, grid_measures, return_times, visits_of, winnow
from reldyn.errors import DataError, DesignError

REFERENCE = Path(__file__).parent / "reference"
STORED = json.loads((REFERENCE / "d_synchrony.json").read_text())["ssg"]
LIBRARY = json.loads((REFERENCE / "d_ssg_pylib.json").read_text())


def long(first, second, **more):
    """Rows of one dyad; ``None`` is a missing answer."""
    n = len(first)
    frame = pd.DataFrame({"dyad": 1, "role": np.repeat(["a", "b"], n), "time": np.tile(np.arange(n), 2)})
    frame["state"] = np.array([*first, *second], dtype=float)
    for name, values in more.items():
        frame[name] = np.tile(values, 2)
    return frame


def panel_of(frame, **names):
    return rd.DyadPanel(frame, dyad="dyad", person="role", role="role", **({"time": "time"} | names))


@pytest.fixture(scope="module")
def coded():
    table = pd.read_csv(REFERENCE / "in" / "ssg.csv")
    frame = long(table["x"], table["y"], length=table["offset"] - table["onset"], onset=table["onset"])
    return rd.coupling.state_space_grid(panel_of(frame, time="onset"), "state", duration="length")


def test_the_stored_measures_are_reproduced(coded):
    found = coded.measures.iloc[0]
    names = {
        "n_events": "events",
        "n_visits": "visits",
        "n_transitions": "transitions",
        "n_cells": "cell_range",
        "total_duration": "total_dur",
        "dispersion": "dispersion",
        "mean_event_duration": "mean_event_dur",
        "mean_visit_duration": "mean_visit_dur",
        "visit_entropy": "visit_entropy",
        "duration_entropy": "duration_entropy",
        "transition_entropy_joint": "transitional_entropy_joint",
        "transition_entropy_conditional": "trans_entropy_cond",
        "return_time": "mean_return_time",
    }
    assert {ours: found[ours] for ours in names} == pytest.approx(
        {ours: STORED[theirs] for ours, theirs in names.items()}, abs=1e-9
    )
    assert f"{found['modal_first']} {found['modal_second']}" == STORED["max_dur_cell"]
    assert coded.cells["duration"].max() == pytest.approx(STORED["max_dur"])


def test_another_library_gives_the_same(coded):
    found = coded.measures.iloc[0]
    assert found["mean_cell_duration"] == pytest.approx(LIBRARY["mean_state_duration"], abs=1e-9)
    assert found["mean_visit_duration"] == pytest.approx(LIBRARY["mean_visit_duration"], abs=1e-9)
    assert found["dispersion"] == pytest.approx(LIBRARY["mean_dispersion"], abs=1e-9)


def test_two_toy_trajectories_on_three_by_three_cells():
    # bad-bad, ok-ok, good-good for .1, .4, .5; then bad-good, ok-ok (twice), good-bad, bad-good.
    first = visits_of(np.array([0, 4, 8]), np.array([0.1, 0.4, 0.5]), np.zeros(3, dtype=int))
    second = visits_of(np.array([2, 4, 4, 6, 2]), np.array([0.9, 0.1, 0.5, 0.2, 0.3]), np.zeros(5, dtype=int))
    both = [grid_measures(one, 9) for one in (first, second)]
    assert [one["dispersion"] for one in both] == pytest.approx([0.6525, 0.6075])
    assert np.mean([one["dispersion"] for one in both]) == pytest.approx(0.63)
    assert both[1]["n_visits"] == 4 and both[1]["mean_visit_duration"] == pytest.approx(0.5)
    assert both[1]["return_time"] == pytest.approx(0.8)


def test_dispersion_runs_from_one_cell_to_all():
    assert dispersion(np.array([7.0]), 9) == pytest.approx(0.0)
    assert dispersion(np.full(9, 2.0), 9) == pytest.approx(1.0)
    assert math.isnan(dispersion(np.array([3.0]), 1))


def test_a_gap_and_a_night_break_visits_transitions_and_returns():
    none = math.nan
    first, second = [1, 1, 2, none, 2, 1, 1, 2], [1, 1, 2, 2, 2, 1, 1, 2]
    frame = long(first, second, day=[1, 1, 1, 1, 1, 1, 2, 2], beep=[1, 2, 3, 4, 5, 6, 1, 2])
    panel = rd.DyadPanel(frame, dyad="dyad", person="role", role="role", day="day", beep="beep")
    grid = rd.coupling.state_space_grid(panel, "state")
    found = grid.measures.iloc[0]
    assert found[["n_events", "n_visits", "n_transitions"]].tolist() == [7, 6, 3]
    # Each of the three runs has one visit to either cell: nothing comes back within a run.
    assert math.isnan(found["return_time"])
    assert grid.events["run"].tolist() == [0, 0, 0, 1, 1, 2, 2]
    # Two of the three transitions go from 1-1 to 2-2, one back.
    joint = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    assert found["transition_entropy_joint"] == pytest.approx(joint)
    assert found["transition_entropy_conditional"] == pytest.approx(0.0)


def test_durations_by_the_clock_last_until_the_next_occasion():
    frame = long([1, 1, 2, 2], [1, 1, 1, 2])
    frame["time"] = np.tile([0.0, 1.0, 4.0, 5.0], 2)
    grid = rd.coupling.state_space_grid(panel_of(frame), "state", duration="clock")
    # The grid of times has a hole at 2 and 3, where nobody answered: the stay is not known to have lasted.
    assert grid.events["duration"].tolist() == [1, 1, 1, 1]
    frame["time"] = np.tile([0.0, 1.1, 4.37, 5.9], 2)
    off_grid = rd.coupling.state_space_grid(panel_of(frame), "state", duration="clock")
    gaps = np.array([1.1, 3.27, 1.53]) / 1.53
    assert off_grid.events["duration"].tolist() == pytest.approx([*gaps, 1.0])


def test_swapping_the_partners_changes_no_measure():
    rng = np.random.default_rng(3)
    first, second = rng.integers(1, 5, 80), rng.integers(1, 5, 80)
    one = rd.coupling.state_space_grid(panel_of(long(first, second)), "state").measures.iloc[0]
    other = rd.coupling.state_space_grid(panel_of(long(second, first)), "state").measures.iloc[0]
    names = [name for name in one.index if name not in ("modal_first", "modal_second", "note")]
    assert one[names].astype(float).tolist() == pytest.approx(other[names].astype(float).tolist(), nan_ok=True)


def test_return_times_are_counted_between_visits():
    visits = visits_of(np.array([0, 1, 2, 0, 1, 0]), np.array([1.0, 2, 3, 1, 5, 1]), np.zeros(6, dtype=int))
    assert return_times(visits, 0).tolist() == [5.0, 5.0]
    assert return_times(visits, 2).tolist() == []


def test_winnowing_finds_the_planted_attractor():
    # First heterogeneity: cells 100, 5, 5, 5, 5 against 24 each.
    attractor, share = winnow(np.array([5.0, 100, 5, 5, 5]))
    assert attractor.tolist() == [False, True, False, False, False]
    left = np.array([100.0, 5])
    expected = ((left - 52.5) ** 2).mean() / 52.5 / (((np.array([100.0, 5, 5, 5, 5]) - 24) ** 2).mean() / 24)
    assert share[3] == pytest.approx(expected)
    two, _ = winnow(np.array([60.0, 60, 2, 2, 2, 2]))
    assert two.tolist() == [True, True, False, False, False, False]
    even, nothing = winnow(np.full(5, 3.0))
    assert not even.any() and np.isnan(nothing).all()


def test_the_states_are_those_asked_for():
    frame = long([1, 2, 3, 4], [4, 3, 2, 1])
    panel = panel_of(frame, scales={"state": (1, 7)})
    assert rd.coupling.state_space_grid(panel, "state").states == tuple("1234567")
    assert rd.coupling.state_space_grid(panel, "state", bins=2).states == ("below 4", "4 and above")
    assert rd.coupling.state_space_grid(panel_of(frame), "state", bins=[2, 3]).states == (
        "below 2",
        "2 to 3",
        "3 and above",
    )
    cut = rd.coupling.state_space_grid(panel_of(frame), "state", bins=[3])
    assert cut.events["first"].tolist() == ["below 3", "below 3", "3 and above", "3 and above"]


def test_silent_constant_and_short_dyads_get_a_note():
    silent = long([1, 2, 1], [math.nan] * 3)
    constant = long([1, 1, 1], [2, 2, 2]).assign(dyad=2)
    single = long([1], [2]).assign(dyad=3)
    frame = pd.concat([silent, constant, single])
    frame["role"] = pd.Categorical(frame["role"])
    frame["person"] = frame["role"].astype(str) + frame["dyad"].astype(str)
    panel = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="time")
    grid = rd.coupling.state_space_grid(panel, "state")
    assert grid.measures["note"].tolist() == [
        "no occasion at which both partners answered",
        "one cell only: no transition, so neither transition entropies nor return time",
        "one cell only: no transition, so neither transition entropies nor return time",
    ]
    assert grid.measures["n_events"].tolist() == [0, 3, 1]
    assert grid.measures["dispersion"].tolist() == pytest.approx([math.nan, 0, 0], nan_ok=True)
    assert grid.measures["transition_entropy_conditional"].isna().all()
    assert grid.warnings == (
        "1 dyad has no occasion at which both partners answered.",
        "2 dyads show no transition, so that transition entropies and return times are missing.",
    )
    assert "- 1 dyad has no occasion" in " ".join(grid.summary().split())


def test_a_result_comes_back_from_json(coded):
    again = rd.from_json(coded.to_json())
    pd.testing.assert_frame_equal(again.tidy(), coded.tidy())
    assert coded.glance()["n_obs"][0] == 200
    assert coded.tidy()["measure"].tolist()[:3] == ["n_events", "n_visits", "n_cells"]
    assert coded.tidy()["term"].tolist()[:2] == [
        f"dyad {coded.measures['dyad'][0]}: n {name}" for name in ("events", "visits")
    ]


def test_wrong_input_is_refused_by_name():
    frame = long(np.arange(20) / 3, np.arange(20) / 3, length=np.r_[np.ones(19), -1])
    panel = panel_of(frame)
    with pytest.raises(DesignError) as error:
        rd.coupling.state_space_grid(panel, "state")
    assert str(error.value) == (
        "'state' has 20 distinct values, more than 12 states: say in bins how many intervals, or where to cut."
    )
    with pytest.raises(DataError) as wrong:
        rd.coupling.state_space_grid(panel, "state", bins=3, duration="length")
    assert str(wrong.value) == (
        "column 'length' is missing or not above 0 in dyad 1, occasion 20 of its series: "
        "give each event one length above 0."
    )
    with pytest.raises(DesignError, match="cut points must be numbers that ascend"):
        rd.coupling.state_space_grid(panel, "state", bins=[3, 2])
    with pytest.raises(DesignError, match="bins=1 of 'state': give a number from 2 to 12"):
        rd.coupling.state_space_grid(panel, "state", bins=1)
    with pytest.raises(DataError, match="no column 'stat' in the panel"):
        rd.coupling.state_space_grid(panel, "stat")


def test_the_figure_frames_attractors_and_breaks_at_gaps(coded):
    figure = coded.plot()
    ax = figure.axes[0]
    assert len(ax.patches) == int(coded.cells["attractor"].sum())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "b")
    with pytest.raises(DataError, match=r"no dyad 9 in the grids of the result; there are "):
        coded.plot(dyads=[9])
    assert len(coded.plot(dyads=coded.cells["dyad"].iloc[0]).axes) == 1
    with pytest.raises(DataError, match=r"^dyads= names no dyad"):
        coded.plot(dyads=[])


def test_a_cell_that_is_never_entered_again_says_so():
    grid = rd.coupling.state_space_grid(panel_of(long([1, 1, 2, 3], [1, 1, 1, 1])), "state")
    assert grid.measures["return_time"].isna().tolist() == [True]
    assert grid.measures["note"].tolist() == ["the cell with the most time was never entered again: no return time"]
