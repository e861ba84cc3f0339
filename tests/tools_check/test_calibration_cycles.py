"""Stored calibration of the cycle ladder is complete, and a small cell can be run and taken up again."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("calibrate_cycles", ROOT / "tools" / "calibrate_cycles.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(result, tool):
    assert set(result) == tool.FIELDS
    assert result["cell"] in tool.all_cells()
    assert (result["schema_version"], result["procedure"]) == (tool.SCHEMA_VERSION, tool.PROCEDURE)
    assert result["seed"] == tool.SEED
    assert result["commits"] and all(len(name) >= 40 or name == "unknown" for name in result["commits"])
    assert {"python", "numpy", "scipy", "numba", "reldyn"} <= set(result["versions"])
    records = result["replications"]
    assert [record["index"] for record in records] == list(range(len(records)))
    assert all(1 / (result["n_surrogates"] + 1) <= record["p_regimes"] <= 1 for record in records)
    assert result["summary"] == pytest.approx(tool.summarise(records, result["role"]))
    names = ("regimes", "intermittent", "rhythm" if result["role"] == "rhythm" else "directed")
    assert all({name, f"{name}_mcse", f"{name}_high"} <= set(result["summary"]) for name in names)


def test_stored_results_are_complete(tool):
    paths = sorted(tool.RESULTS.glob("*.json"))
    assert paths, "no calibration is stored: run tools/calibrate_cycles.py"
    for path in paths:
        result = json.loads(path.read_text(encoding="utf-8"))
        check(result, tool)
        assert tool.path_of(result["cell"], tool.RESULTS) == path


def test_a_small_cell_runs_and_is_taken_up_again(tool, tmp_path, capsys):
    arguments = ["--cells", "rhythm:100:none", "--surrogates", "9", "--results", str(tmp_path)]
    tool.main([*arguments, "--replications", "1"])
    tool.main([*arguments, "--replications", "2"])
    result = json.loads((tmp_path / "rhythm__100__none.json").read_text(encoding="utf-8"))
    check(result, tool)
    assert result["summary"]["n"] == 2
    assert tool.replicate(("rhythm:100:none", 1, 9))[0] == result["replications"][1]
    assert "rhythm:100:none" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="was run with 9 surrogates"):
        tool.main(["--cells", "rhythm:100:none", "--surrogates", "19", "--results", str(tmp_path)])


def test_unknown_cells_are_refused(tool):
    with pytest.raises(SystemExit, match="no cell matches 'nothing:200:none'"):
        tool.chosen_cells(["nothing:200:none"])
    assert len(tool.all_cells()) == len(set(tool.all_cells()))
