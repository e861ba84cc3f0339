"""Stored error rates of what is read off cycles: complete, what the records say, and the same when run again."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(ROOT / "tools"))
    spec = importlib.util.spec_from_file_location("cycle_followups", ROOT / "tools" / "cycle_followups.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(result, tool):
    assert result["wanted"] == tool.WANTED
    assert result["done"] == len(result["records"])
    assert result["rates"] == tool.summarise(result["records"])
    assert "covered" in result["rates"]


def test_every_cell_is_stored_and_complete(tool):
    for cell in tool.CELLS:
        result = tool.load(cell, tool.RESULTS)
        assert result["cell"] == cell
        assert len(result["records"]) >= 200
        check(result, tool)
    assert len(list(tool.RESULTS.glob("*.json"))) == len(tool.CELLS)


@pytest.mark.parametrize("cell", ["vigilance:0.7:200", "bond_trend:0.8:0.4", "bond_moderation:20", "persistence:10"])
def test_records_are_the_same_again(tool, cell):
    kept = tool.load(cell, tool.RESULTS)["records"]
    for index in range(3):
        again = tool.replicate(cell, index)
        assert again["covered"] == kept[index]["covered"]
        if "p_value" in again:
            assert again["p_value"] == pytest.approx(kept[index]["p_value"], abs=2e-3)


@pytest.mark.slow
def test_a_small_cell_runs_and_is_taken_up_again(tool, tmp_path, capsys):
    arguments = ["--cells", "triggers:evening", "--results", str(tmp_path)]
    tool.main([*arguments, "--most", "1", "--minutes", "0.0"])
    assert not list(tmp_path.glob("*.json"))
    tool.run_cell("triggers:evening", many=1, deadline=float("inf"), folder=tmp_path)
    tool.run_cell("triggers:evening", many=1, deadline=float("inf"), folder=tmp_path)
    result = tool.load("triggers:evening", tmp_path)
    check(result, tool)
    assert len(result["records"]) == 2
    assert "triggers:evening" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="no cell matches"):
        tool.main(["--cells", "nothing"])
