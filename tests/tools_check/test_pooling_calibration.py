"""Stored coverage of pooled intervals is complete and keeps its promises; a few replications are run again."""

import importlib.util
import json
import math
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("pooling", ROOT / "tools" / "calibration" / "pooling.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def stored(tool):
    return json.loads(tool.STORED.read_text(encoding="utf-8"))


def by_key(stored, tool):
    return {tuple(cell[name] for name in tool.KEYS): cell for cell in stored["cells"]}


def test_every_cell_is_stored_with_what_made_it(tool, stored):
    about = (tool.SCHEMA_VERSION, tool.SEED, tool.REPLICATIONS, list(tool.GOAL))
    assert (stored["schema_version"], stored["seed"], stored["replications"], stored["goal"]) == about
    assert {"numpy", "scipy", "statsmodels"} <= set(stored["versions"])
    cells = by_key(stored, tool)
    assert list(cells) == tool.all_cells()
    for (kind, _, spread, by), cell in cells.items():
        share = cell["coverage"]
        assert cell["replications"] == tool.REPLICATIONS
        assert cell["mcse"] == pytest.approx(math.sqrt(share * (1 - share) / tool.REPLICATIONS))
        assert (cell["goal"] is not None) == tool.in_goal(kind, spread, by)
        assert len(cell["commit"]) >= 40
        assert "dirty" not in cell["commit"]


def test_the_plain_mean_covers_as_it_should_in_every_cell(tool, stored):
    for (_, _, _, by), cell in by_key(stored, tool).items():
        if by == "mean":
            assert tool.GOAL[0] <= cell["coverage"] <= tool.GOAL[1]


def test_the_random_effects_mean_never_covers_too_little_and_too_much_only_with_few_dyads(tool, stored):
    for (_, n_dyads, _, by), cell in by_key(stored, tool).items():
        if by == "reml" and cell["goal"] is not None:
            assert cell["coverage"] >= tool.GOAL[0]
            assert n_dyads < 30 or cell["coverage"] <= tool.GOAL[1]
            # What the floor under the standard error costs: without it every goal is met.
            assert tool.GOAL[0] <= cell["coverage_without_floor"] <= tool.GOAL[1]
            assert cell["coverage_without_floor"] <= cell["coverage_wider_of_t_and_z"] <= cell["coverage"]


def test_weights_bias_estimates_that_are_tied_to_their_standard_errors(tool, stored):
    cells = by_key(stored, tool)
    for n_dyads in tool.N_DYADS:
        for spread in tool.SPREADS:
            plain, weighted = (cells["log odds", n_dyads, spread, by] for by in tool.WAYS)
            assert abs(plain["bias"]) < 0.03
            assert weighted["bias"] < -0.1


@pytest.mark.parametrize(
    "key", [("equal", 5, 0.0, "reml"), ("log odds", 10, 0.5, "mean"), ("paired 0.5", 5, 0.5, "mean")]
)
def test_a_cell_is_reproduced(tool, stored, key):
    covered, _, _ = tool.measure(*key, tool.REPLICATIONS)
    cell = by_key(stored, tool)[key]
    assert covered[:20].astype(int).tolist() == cell["first_covered"]
    assert float(covered.mean()) == pytest.approx(cell["coverage"], abs=1e-9)


def test_a_run_is_taken_up_again(tool, tmp_path, monkeypatch, capsys):
    cells = [("equal", 5, 0.0, "mean"), ("unequal", 5, 0.0, "reml")]
    path = tmp_path / "pooling.json"
    monkeypatch.setattr(tool, "all_cells", lambda: cells[:1])
    tool.main(["--replications", "50", "--results", str(path)])
    first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]
    monkeypatch.setattr(tool, "all_cells", lambda: cells)
    tool.main(["--replications", "50", "--results", str(path)])
    again = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert again[0] == first
    assert [tuple(cell[name] for name in tool.KEYS) for cell in again] == cells
    assert capsys.readouterr().out.count("bias") == 2
