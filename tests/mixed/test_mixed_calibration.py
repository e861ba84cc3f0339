"""The stored calibration of the mixed model is complete, says what its rows say, and can be run again."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
STORED = ROOT / "tools" / "results" / "mixed"


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(ROOT))
    spec = importlib.util.spec_from_file_location("calibrate_mixed", ROOT / "tools" / "calibrate_mixed.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored(cell):
    (content,) = json.loads((STORED / f"{cell}.json").read_text(encoding="utf-8"))["cells"]
    return content


CELLS = ["coverage-30x14", "nickell-100x14", "robust-100x14"]


@pytest.mark.parametrize("cell", CELLS)
def test_stored_cells_are_complete(tool, cell):
    content = stored(cell)
    assert set(tool.CELLS) == set(CELLS)
    assert content["done"] == content["wanted"] == len(content["rows"]) == tool.CELLS[cell][2]


@pytest.mark.parametrize("cell", CELLS)
def test_figures_follow_from_the_rows(tool, cell):
    content = stored(cell)
    again = tool.CELLS[cell][1](content["rows"])
    assert json.loads(json.dumps(again)) == {name: content[name] for name in again}


def test_every_optimum_is_verified():
    content = stored("robust-100x14")
    assert content["rates"]["verified"] == {"value": 1.0, "mcse": 0.0, "n": 1000}
    assert content["largest_gain_nearby"] <= 1e-6


def test_a_small_cell_gives_the_same_again(tool):
    for replication, kept in enumerate(stored("coverage-30x14")["rows"][:3]):
        again = tool.coverage(replication)
        for name in tool.NAMES:
            np.testing.assert_allclose(again[name], kept[name], rtol=1e-4, atol=1e-5)
            assert again[f"hit {name}"] == kept[f"hit {name}"]
