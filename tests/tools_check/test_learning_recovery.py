"""Stored recovery of learning models is complete, says what its samples say, and a small cell gives the same again."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(ROOT / "tools"))
    spec = importlib.util.spec_from_file_location("learning_recovery", ROOT / "tools" / "learning_recovery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored(tool, cell):
    return tool.load(cell, tool.RESULTS)


def check(result, tool):
    model = result["cell"].split(":")[0]
    assert result["n_dyads"] == tool.N_DYADS
    assert [one["index"] for one in result["samples"]] == list(range(result["done"]))
    assert result["rates"] == tool.summarise(result["samples"], model)
    assert sum(result["chosen"].values()) == pytest.approx(1)


def test_every_cell_is_stored_and_complete(tool):
    for cell in tool.all_cells():
        result = stored(tool, cell)
        assert result["cell"] == cell
        assert result["done"] >= 10
        check(result, tool)
    assert len(list(tool.RESULTS.glob("*.json"))) == len(tool.all_cells())


@pytest.mark.parametrize(
    "cell", [pytest.param("rescorla-wagner:strong:100:rated", marks=pytest.mark.slow), "none:none:100:exact"]
)
def test_a_sample_gives_the_same_again(tool, cell):
    again, kept = tool.replicate(cell, 0), stored(tool, cell)["samples"][0]
    assert set(again) == set(kept)
    assert (again["chosen"], again["converged"]) == (kept["chosen"], kept["converged"])
    for name in ("correlation", "bias", "rmse", "population_bias", "ratio", "drive_bias"):
        if name in kept:
            assert again[name] == pytest.approx(kept[name], abs=2e-3)


@pytest.mark.slow
def test_a_cell_is_taken_up_again(tool, tmp_path, capsys):
    arguments = ["--cells", "none:none:100:exact", "--results", str(tmp_path), "--samples"]
    tool.main([*arguments, "1"])
    first = tool.path_of("none:none:100:exact", tmp_path).read_text(encoding="utf-8")
    tool.main([*arguments, "1"])
    assert tool.path_of("none:none:100:exact", tmp_path).read_text(encoding="utf-8") == first
    check(tool.load("none:none:100:exact", tmp_path), tool)
    assert "none:none:100:exact" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="no cell matches"):
        tool.main(["--cells", "nothing:*"])


def test_the_planted_learner_is_the_one_of_the_definition(tool):
    import numpy as np

    class Silent:
        def standard_normal(self):
            return 0.0

    warmth = np.array([1.0, np.nan, 1.0, 0.0])
    # Without shocks the response is its own past, warmth, the clock and what was learned; expectation 0, .5, .5, .75.
    found = tool.respond("rescorla-wagner", warmth, 0.5, (2.0, 0.0), Silent())
    assert found == pytest.approx([0.0, 0.4 + 2.0, 0.3 * 2.4 + 0.1, 0.3 * 0.82 + 0.4 + 0.2 + 2.0 * 0.5])
    uncertain = tool.respond("pearce-hall", np.array([1.0, 1.0]), 0.5, (0.0, 1.0), Silent())
    assert uncertain[1] == pytest.approx(0.4 + 1.0)


def test_the_documentation_says_what_was_measured(tool):
    text = " ".join((ROOT / "docs" / "limitations.md").read_text(encoding="utf-8").split())
    for strength in ("strong", "moderate", "weak"):
        for length in tool.OCCASIONS:
            values = [
                stored(tool, f"{model}:{strength}:{length}:rated")["rates"]["correlation"]["value"]
                for model in tool.MODELS[1:]
            ]
            assert " / ".join(f"{value:.2f}".lstrip("0") for value in values) in text
