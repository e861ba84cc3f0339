"""Stored checks of coverage, size and recovery are complete, and a shard of each comes out the same once more."""

import importlib.util
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tools import stored_cells  # noqa: E402

# Replications below which no figure would be worth quoting; of synchrony, panels of 20 dyads.
LEAST = {"perception": 500, "synchrony": 25, "oscillator": 60, "influence": 200}


def loaded(name):
    sys.path.insert(0, str(ROOT))
    try:
        spec = importlib.util.spec_from_file_location(f"{name}_checks", ROOT / "tools" / f"{name}_checks.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT))
    return module


@pytest.fixture(params=LEAST)
def name(request):
    return request.param


@pytest.fixture
def tool(name):
    return loaded(name)


@pytest.fixture
def stored(tool):
    return json.loads(tool.STORED.read_text(encoding="utf-8"))


def same(one, other):
    """Equal but for rounding; NaN where the other is."""
    assert one.keys() == other.keys()
    for key, value in one.items():
        if isinstance(value, str) or value is None:
            assert value == other[key], key
        elif isinstance(value, dict):
            same(value, other[key])
        else:
            np.testing.assert_allclose(value, other[key], rtol=1e-5, atol=1e-7, err_msg=key)


def test_every_cell_is_stored_and_adds_up(name, tool, stored):
    assert stored["seed"] == tool.SEED
    assert {cell["cell"] for cell in stored["cells"]} == set(tool.CELLS)
    for cell in stored["cells"]:
        again = stored_cells.added_up(
            cell["cell"],
            stored_cells.shards_of(cell),
            1,
            tool.summary,
            cell["done"] // len(cell["shards"]["cpu_seconds"]),
        )
        again["wanted"] = cell["wanted"]
        same(
            {key: value for key, value in cell.items() if key != "shards"},
            {k: v for k, v in again.items() if k != "shards"},
        )
        assert cell["done"] >= LEAST[name], cell["cell"]


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        ("synchrony", "diary | phi .8, 20 % missing | cross_correlation | circular-shift"),
        ("synchrony", "session | phi .3 | susy | segment-shuffle"),
        pytest.param("perception", "slopes the same, 30 dyads", marks=pytest.mark.slow),
        pytest.param("influence", "20 dyads x 100 turns, SD 0.0", marks=pytest.mark.slow),
    ],
)
def test_a_shard_comes_out_the_same(kind, cell):
    tool = loaded(kind)
    known = {one["cell"]: one for one in json.loads(tool.STORED.read_text(encoding="utf-8"))["cells"]}[cell]
    first = stored_cells.shards_of(known)[0]
    first.pop("cpu_seconds")
    same(tool.shard(cell, 0), first)


@pytest.mark.slow
def test_the_first_dyads_of_an_oscillator_come_out_the_same():
    tool = loaded("oscillator")
    known = {one["cell"]: one for one in json.loads(tool.STORED.read_text(encoding="utf-8"))["cells"]}
    first = stored_cells.shards_of(known["coupled, 60"])[0]
    again = tool.shard("coupled, 60", 0, 2)
    # An optimum is known to the optimiser's tolerance.
    np.testing.assert_allclose(again["estimate"], first["estimate"][:2], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(again["std_error"], first["std_error"][:2], rtol=1e-2)


def test_a_stopped_run_goes_on_where_it_was(tmp_path, capsys, monkeypatch):
    # A copy of the sources without their history has no commit.
    monkeypatch.setattr(stored_cells, "commit", lambda: "0123456789ab")
    tool = loaded("synchrony")
    path, calls = tmp_path / "some.json", []

    def shard(name, number):
        calls.append((name, number))
        return {"dyads": 20, "rejected": number, "sample_p": 0.5}

    cell = "diary | phi .3 | susy | segment-shuffle"
    for wanted in (1, 3):
        stored_cells.fill(path, [cell], wanted, seed=tool.SEED, command=tool.COMMAND, shard=shard, summary=tool.summary)
    assert calls == [(cell, 0), (cell, 1), (cell, 2)]
    content = json.loads(path.read_text(encoding="utf-8"))
    assert stored_cells.faults(content) == []
    (told,) = content["cells"]
    assert (told["dyads"], told["done"], told["wanted"]) == (60, 3, 3)
    assert told["rates"]["rejected"]["value"] == pytest.approx(3 / 60)
    assert told["rates"]["rejected"]["mcse"] == pytest.approx(0.05 / math.sqrt(3))
    assert "3 shards" in capsys.readouterr().out
