"""The calibration of cycle claims: simulated series are what they are called, files are complete, runs go on."""

import json

import numpy as np
import pandas as pd
import pytest

from reldyn.panel import careless_stretches
from tools.calibration.cycles import __main__ as runner
from tools.calibration.cycles import replicate as replication
from tools.calibration.cycles import ship, store
from tools.calibration.cycles.blocks import Design, gamma, geometric, lognormal, phase_path, running_mean, weibull
from tools.calibration.cycles.cells import CELLS, GOALS, matching
from tools.calibration.cycles.kinds import CYCLES, KINDS, NULLS, draw_panel, draw_series
from tools.calibration.cycles.replicate import detection_of, replicate

SHORT = Design(80)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_gives_answers_of_its_scale(name):
    drawn = draw_series(name, SHORT, seed=[1, 2])
    answered = drawn.values[np.isfinite(drawn.values)]
    assert drawn.values.shape == (80, 2)
    assert set(answered) <= set(range(1, 8))
    assert (drawn.phase.max() >= 0) == (name in CYCLES or drawn.phase.max() >= 0)
    np.testing.assert_array_equal(drawn.values, draw_series(name, SHORT, seed=[1, 2]).values)
    assert KINDS[name].text
    assert set(KINDS[name].covariates) <= set(drawn.extra)


def test_kinds_with_cycles_have_phases_and_levels_apart():
    for name in CYCLES:
        drawn = [draw_series(name, seed=[3, index]) for index in range(6)]
        warm = np.concatenate([one.values[one.phase == one.phase.max(), 0] for one in drawn])
        cold = np.concatenate([one.values[one.phase == 0, 0] for one in drawn])
        assert np.nanmean(warm) - np.nanmean(cold) > 0.6, name


def test_the_law_has_its_levels_missing_share_and_noise():
    drawn = [draw_series("cycle_15", Design(400), seed=[4, index]) for index in range(40)]
    values = np.stack([one.values for one in drawn])
    assert np.isnan(values[:, :, 0]).mean() == pytest.approx(0.17, abs=0.01)
    gap = [
        np.nanmean(one.values[one.phase == 1], axis=0) - np.nanmean(one.values[one.phase == 0], axis=0) for one in drawn
    ]
    # 2 x 1.5 x .75 x 1.2 in warmth, .45 of that in the response; the ends of the scale take a little off.
    assert np.mean(gap, axis=0) == pytest.approx([2.7, 1.215], abs=0.12)


@pytest.mark.parametrize(
    ("dwell", "cv"),
    [
        (geometric(8.0), np.sqrt(7 / 8)),
        (lognormal(8.0, 0.8), 0.75),
        (gamma(8.0, 0.4), 0.38),
        (weibull(8.0, 1.72), 0.57),
    ],
)
def test_dwell_times_have_their_mean_and_spread(dwell, cv):
    rng = np.random.default_rng(5)
    lengths = np.array([dwell(rng, 0) for _ in range(20_000)])
    assert lengths.mean() == pytest.approx(8.0, rel=0.03)
    assert lengths.std() / lengths.mean() == pytest.approx(cv, abs=0.03)


def test_paths_and_transitions():
    rng = np.random.default_rng(6)
    assert set(phase_path(rng, Design(300), geometric(4.0), 3)) == {0, 1, 2}
    np.testing.assert_allclose(running_mean(np.array([[1.0], [3.0], [5.0]]), 2), [[1], [2], [4]])


def test_bursts_are_what_the_rule_for_careless_stretches_finds():
    masked = {
        name: np.mean(
            [careless_stretches(draw_series(name, seed=[7, index]).values).masked.mean() for index in range(20)]
        )
        for name in ("plain", "straight_lining", "straight_lining_warmth", "clinical")
    }
    assert masked["straight_lining"] > 0.1
    assert max(masked["plain"], masked["straight_lining_warmth"], masked["clinical"]) < 0.02


def test_a_panel_holds_its_directions_and_their_weekends():
    drawn = [draw_series("schedule_entered", SHORT, seed=[8, index]) for index in range(4)]
    panel = draw_panel(drawn)
    assert (panel.n_dyads, panel.n_persons, panel.n_occasions) == (2, 4, 80)
    assert panel.clock.weekend.sum() == 5 * 4
    rows = panel.frame.query("person == 2")
    np.testing.assert_array_equal(rows[["warmth", "response"]].to_numpy(), drawn[2].values)
    np.testing.assert_array_equal(rows["away"], drawn[2].extra["away"])


def test_every_goal_has_a_cell_and_every_bounded_null_a_goal():
    assert {goal.cell for goal in GOALS} <= set(CELLS)
    bounded = {goal.cell for goal in GOALS if goal.claim == "intermittent" and goal.relation != "reported"}
    assert {f"{name}:200:17" for name in NULLS} - bounded == {
        f"{name}:200:17"
        for name in (
            *("schedule_unentered", "schedule_entered", "bad_days", "straight_lining_warmth", "straight_lining_top"),
            "slow_two_humps",
        )
    }
    assert sum(cell.tier == 4 and cell.unit == "sample" for cell in CELLS.values()) == 12
    with pytest.raises(SystemExit, match="no cell matches 'nothing:200'"):
        matching(["nothing:200"])


def test_a_mean_over_nothing_is_left_out():
    records = {
        "index": [0, 1],
        "intermittent": [0.0, 0.02],
        "found": [None, None],
        "covered": [1, 1],
        "width": [0.9, 1.0],
    }
    summary = store.summarise(records, "sample")
    assert set(summary) == {"n", "intermittent", "covered", "width"}
    assert summary["width"]["rate"] == 0.95


def test_stored_cells_are_complete():
    for path in sorted(store.FOLDER.glob("*.json")):
        result = store.load(path)
        assert store.faults(result) == []
        assert path == store.path_of(result["cell"], result["stream"])
        assert result["cell"] in CELLS
        assert result["procedure"] == store.PROCEDURE
    assert runner.check(store.FOLDER) == 0


def test_what_the_package_ships_is_what_the_cells_say():
    assert ship.faults() == []


def test_a_cell_runs_and_is_taken_up_again(tmp_path, capsys):
    name = "prevalence:20:0.3:0.9"
    arguments = ["run", "--cells", name, "--results", str(tmp_path)]
    runner.main([*arguments, "--replications", "2"])
    runner.main([*arguments, "--replications", "5"])
    result = store.load(store.path_of(name, "fresh", tmp_path))
    assert store.faults(result) == []
    assert result["summary"]["n"] == result["wanted"] == 5
    assert result["commits"] and result["dates"]
    runner.main([*arguments, "--replications", "5", "--results", str(tmp_path / "other")])
    assert store.load(store.path_of(name, "fresh", tmp_path / "other"))["records"] == result["records"]
    assert runner.main(["check", "--results", str(tmp_path)]) == 0
    runner.main(["list", "--cells", "prevalence:20:0.3:*", "--results", str(tmp_path)])
    assert "not run (1 of 2): prevalence:20:0.3:0.65" in capsys.readouterr().out
    store.save(result | {"procedure": 2}, tmp_path)
    with pytest.raises(SystemExit, match="of procedure 2: move it to the archive"):
        runner.main(arguments)


class Said:
    """What a detection of two dyads would say: direction k, of receiver k, has a p-value of (k + 1) / 100."""

    def __init__(self):
        self.p_values = {(0, "b"): 0.01, (0, "a"): 0.02, (1, "b"): 0.03, (1, "a"): np.nan}

    def tidy(self):
        claims = ("regimes", "periodic", "irregular", "volatility", "splitting")
        return pd.DataFrame(
            {
                "dyad": dyad,
                "giver": giver,
                "claim": claim,
                "p_value": p_value,
                "estimate": 0.2,
                "conf_low": 0.1,
                "conf_high": 0.3,
            }
            for (dyad, giver), p_value in self.p_values.items()
            for claim in claims
        )

    def verdicts(self, adjusted=True):
        assert not adjusted
        rows = [
            {"dyad": dyad, "giver": giver, "verdict": "supported" if p_value <= 0.02 else "not decidable"}
            for (dyad, giver), p_value in self.p_values.items()
        ]
        return pd.DataFrame(rows[::-1])


def test_a_panel_goes_through_the_shipped_call_and_comes_back_in_order(monkeypatch):
    calls = []
    monkeypatch.setattr("reldyn.detect_cycles", lambda panel, **options: calls.append((panel, options)) or Said())
    cell = CELLS["schedule_entered:200:17"]
    records, seconds = replicate((cell.name, "building", 4, 3, detection_of(cell)))
    ((panel, options),) = calls
    assert (panel.n_dyads, panel.n_occasions) == (2, 200)
    assert options == {
        **{"warmth": "warmth", "response": "response", "pooling": "none", "n_surrogates": 99, "covariates": ["away"]},
        "seed": 4,
    }
    assert [record["index"] for record in records] == [4, 5, 6]
    assert [record["p_regimes"] for record in records] == [0.01, 0.02, 0.03]
    assert [record["verdict"] for record in records] == ["s", "s", "d"]
    assert set(records[0]) == {"index", "verdict", "p_regimes", "p_irregular", "p_periodic", "p_volatility"}
    assert seconds > 0


def test_intervals_of_a_share_are_compared_with_long_series(monkeypatch):
    monkeypatch.setattr("reldyn.detect_cycles", lambda panel, **options: Said())
    monkeypatch.setattr(replication, "share_between", lambda kind, middle: 0.25 if middle == 4.0 else np.nan)
    cell = CELLS["splitting:cycle_20:200"]
    records, _ = replication.replicate_shares((cell.name, "fresh", 0, 4, detection_of(cell)))
    assert [(record["covered"], record["width"]) for record in records] == [(1, 0.2)] * 4


@pytest.fixture
def filled():
    def fill(n, n_found, name="cycle_15:200:17", stream="fresh"):
        result = store.begin(CELLS[name], stream, {"pooling": "none", "n_surrogates": 99})
        result["wanted"] = n
        verdicts = ["s"] * n_found + ["d"] * (n - n_found)
        records = [
            {"index": index, "verdict": verdict, "p_regimes": 0.01 if verdict == "s" else 0.4}
            for index, verdict in enumerate(verdicts)
        ]
        store.append(result, records, 1.0)
        return result

    return fill


def test_faults_are_named(filled):
    result = filled(120, 90)
    assert store.faults(result) == []
    assert store.faults(result | {"summary": {"n": 120}}) == ["the summary is not that of the records"]
    assert store.faults(result | {"seed": 4, "more": 1}) == ["more is unknown", "seed is a int"]
    assert store.faults(result | {"wanted": 100}) == ["more replications than wanted"]


def test_counts_are_shipped_and_compared(filled, tmp_path):
    store.save(filled(120, 90), tmp_path)
    store.save(filled(120, 50, stream="building"), tmp_path)
    store.save(filled(ship.FEWEST - 1, 1, name="linear:200:17"), tmp_path)
    text = ship.text_of(tmp_path)
    (cell,) = json.loads(text)["cells"]
    assert (cell["kind"], cell["effect"], cell["n"], cell["rejected"]) == ("cycle", 1.5, 120, 90)
    shipped = tmp_path / "shipped.txt"
    shipped.write_text(text, encoding="utf-8")
    assert ship.faults(tmp_path, shipped) == []
    store.save(filled(120, 80), tmp_path)
    assert ship.faults(tmp_path, shipped) == ["cycle_15:200:17"]


@pytest.mark.parametrize(("n", "hits", "said"), [(100, 0, ""), (300, 5, "upper"), (300, 60, "a lower"), (300, 24, "")])
def test_a_cell_stops_when_its_limits_lie_on_one_side(filled, n, hits, said):
    cell = CELLS["linear:200:17"]
    reason = runner.settled(cell, filled(n, hits, name=cell.name))
    assert reason.startswith(said) and bool(reason) == bool(said)


def test_a_cell_above_its_bound_is_run_once_more(monkeypatch, tmp_path, filled):
    def replicate(task):
        index, n = task[2], task[3]
        return [{"index": k, "verdict": "s", "p_regimes": 0.01} for k in range(index, index + n)], 0.1

    monkeypatch.setitem(runner.WORK, "direction", (replicate, 10))
    runner.main(["run", "--cells", "linear:200:17", "--results", str(tmp_path)])
    streams = {cell["stream"]: cell for cell in store.stored(tmp_path)}
    assert set(streams) == {"fresh", "rerun"}
    assert streams["fresh"]["stopped"] == "a lower limit above 0.08"
    assert store.judged(tmp_path)["linear:200:17"]["stream"] == "fresh"
