"""Stored coverage of pooled intervals is complete and keeps its promises; a few replications are run again."""

import importlib
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(ROOT))
    yield importlib.import_module("tools.calibration.pooling")
    sys.path.remove(str(ROOT))


@pytest.fixture(scope="module")
def stored(tool):
    return json.loads(tool.STORED.read_text(encoding="utf-8"))


def by_key(stored, tool):
    return {tuple(cell[name] for name in tool.KEYS): cell for cell in stored["cells"]}


def rate(cell, name):
    return cell["rates"][name]["value"]


def test_every_cell_is_stored(tool, stored):
    cells = by_key(stored, tool)
    assert list(cells) == tool.all_cells()
    assert stored["seed"] == tool.SEED
    for key, cell in cells.items():
        assert cell["cell"] == tool.name_of(key)
        assert cell["done"] == tool.REPLICATIONS
        assert (cell["goal"] is not None) == tool.in_goal(key[0], *key[2:])


def test_the_plain_mean_covers_as_it_should_in_every_cell(tool, stored):
    for (_, _, _, by), cell in by_key(stored, tool).items():
        if by == "mean":
            assert tool.GOAL[0] <= rate(cell, "coverage") <= tool.GOAL[1]


def test_the_random_effects_mean_never_covers_too_little_and_too_much_only_with_few_dyads(tool, stored):
    for (_, n_dyads, _, by), cell in by_key(stored, tool).items():
        if by == "reml" and cell["goal"] is not None:
            assert rate(cell, "coverage") >= tool.GOAL[0]
            assert n_dyads < 30 or rate(cell, "coverage") <= tool.GOAL[1]
            # What the floor under the standard error costs: without it every goal is met.
            assert tool.GOAL[0] <= rate(cell, "coverage_without_floor") <= tool.GOAL[1]
            assert (
                rate(cell, "coverage_without_floor")
                <= rate(cell, "coverage_wider_of_t_and_z")
                <= rate(cell, "coverage")
            )


def test_weights_bias_estimates_that_are_tied_to_their_standard_errors(tool, stored):
    cells = by_key(stored, tool)
    for n_dyads in tool.N_DYADS:
        for spread in tool.SPREADS:
            plain, weighted = (cells["log odds", n_dyads, spread, by] for by in tool.WAYS)
            assert abs(rate(plain, "bias")) < 0.03
            assert rate(weighted, "bias") < -0.1


@pytest.mark.parametrize(
    "key", [("equal", 5, 0.0, "reml"), ("log odds", 10, 0.5, "mean"), ("paired 0.5", 5, 0.5, "mean")]
)
def test_a_cell_is_reproduced(tool, stored, key):
    covered, _, _ = tool.measure(*key, tool.REPLICATIONS)
    cell = by_key(stored, tool)[key]
    assert covered[:20].astype(int).tolist() == cell["first_covered"]
    assert float(covered.mean()) == pytest.approx(rate(cell, "coverage"), abs=1e-9)


def test_a_run_is_taken_up_again(tool, tmp_path, monkeypatch, capsys):
    cells = [("equal", 5, 0.0, "mean"), ("unequal", 5, 0.0, "reml")]
    path = tmp_path / "pooling.json"
    monkeypatch.setattr(tool, "all_cells", lambda: cells[:1])
    tool.main(["--replications", "50", "--results", str(path)])
    assert capsys.readouterr().out.count("bias") == 1
    first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]
    monkeypatch.setattr(tool, "all_cells", lambda: cells)
    tool.main(["--replications", "50", "--results", str(path)])
    again = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert again[0] == first
    assert [tuple(cell[name] for name in tool.KEYS) for cell in again] == cells
    assert capsys.readouterr().out.count("bias") == 1
