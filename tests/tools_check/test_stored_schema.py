"""Every stored simulation has one schema, and the check of it finds what is wrong."""

import copy
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tools import stored_cells  # noqa: E402

RESULTS = ROOT / "tools" / "results"
# The claims of `detect_cycles` have a schema of their own; an archive stays as it was written; checks have no rates.
APART = ("cycle_claims", "archive", "checks")
FILES = [path for path in sorted(RESULTS.rglob("*.json")) if path.relative_to(RESULTS).parts[0] not in APART]
GOOD = {
    "schema": "simulation",
    "schema_version": 1,
    "command": "python tools/some.py",
    "seed": 1,
    "versions": {"python": "3.11", "numpy": "2"},
    "commits": ["0123456789ab"],
    "cells": [{"cell": "a", "wanted": 10, "done": 8, "rates": {"coverage": {"value": 0.5, "mcse": 0.125, "n": 16}}}],
}


def test_there_are_files_of_every_tool():
    assert len(FILES) > 50


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(RESULTS)))
def test_a_stored_file_holds_to_the_schema(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    assert stored_cells.faults(content) == []
    script = content["command"].split()[-1 if " -m " in content["command"] else 1]
    at = script.replace(".", "/") + ".py" if " -m " in content["command"] else script
    assert (ROOT / at).is_file(), content["command"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop("seed"), "the file: seed is missing"),
        (lambda c: c.update(seed="1"), "the file: seed is a str, not a int"),
        (lambda c: c.update(schema_version=2), "schema 'simulation' 2 is not 'simulation' 1"),
        (lambda c: c["versions"].pop("numpy"), "versions lack python or numpy"),
        (lambda c: c.update(commits=[]), "a commit is missing"),
        (lambda c: c.update(cells=[]), "no cell is stored"),
        (lambda c: c["cells"].append(c["cells"][0]), "a is stored twice"),
        (lambda c: c["cells"][0].update(done=11), "a: 11 replications of 10"),
        (lambda c: c["cells"][0].update(rates={}), "a: no rate"),
        (lambda c: c["cells"][0].pop("rates"), "a: rates is missing"),
        (lambda c: c["cells"][0]["rates"]["coverage"].update(value=1.2), "a: the share 'coverage' is 1.2"),
        (
            lambda c: c["cells"][0]["rates"]["coverage"].update(mcse=0.1),
            "a: the error of 'coverage' is not that of 16 trials",
        ),
        (lambda c: c["cells"][0]["rates"]["coverage"].pop("mcse"), "a: the rate 'coverage' has ['n', 'value']"),
        (lambda c: c["cells"][0]["rates"].update(bias={"value": 1, "mcse": -1}), "a: the error of 'bias' is negative"),
    ],
)
def test_a_fault_is_named(change, said):
    content = copy.deepcopy(GOOD)
    assert stored_cells.faults(content) == []
    change(content)
    assert stored_cells.faults(content) == [said]


def test_a_cell_is_measured_once_and_again_where_more_is_wanted(tmp_path, capsys, monkeypatch):
    # A copy of the sources without their history has no commit.
    monkeypatch.setattr(stored_cells, "commit", lambda: "0123456789ab")
    path, calls = tmp_path / "some.json", []

    def measure(key, n):
        calls.append((key, n))
        return {
            "done": n,
            "rates": {"hit": stored_cells.proportion(n // 2, n), "away": stored_cells.average([0.0, 1.0])},
        }

    for wanted in (4, 4, 8):
        stored_cells.run(path, {"one": 1, "two": 2}, wanted, seed=3, command="python x.py", measure=measure)
    assert calls == [(1, 4), (2, 4), (1, 8), (2, 8)]
    content = stored_cells.read(path)
    assert stored_cells.faults(content) == []
    assert [cell["cell"] for cell in content["cells"]] == ["one", "two"]
    assert content["cells"][0]["rates"] == {
        "hit": {"value": 0.5, "mcse": 0.125**0.5 / 2, "n": 8},
        "away": {"value": 0.5, "mcse": 0.5},
    }
    assert capsys.readouterr().out.count("8 of 8") == 2
    assert not list(tmp_path.glob("*.part"))
