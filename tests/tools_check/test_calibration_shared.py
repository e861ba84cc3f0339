"""Stored calibrations of shared phases and of decoding are complete and add up; a small part of each is run again."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = {"python", "numpy", "scipy", "numba", "reldyn"}


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def shared():
    return load("calibrate_shared_cycles")


@pytest.fixture(scope="module")
def decoding():
    return load("decoding_cycles")


def stored(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_stored_samples_are_complete_and_add_up(shared):
    paths = sorted(shared.RESULTS.glob("*__*.json"))
    assert paths, "no calibration of shared phases is stored: run tools/calibrate_shared_cycles.py"
    for path in paths:
        result = stored(path)
        assert shared.path_of(result["cell"], shared.RESULTS) == path
        assert result["cell"] in shared.all_cells()
        assert (result["schema_version"], result["seed"]) == (shared.SCHEMA_VERSION, shared.SEED)
        assert set(result["versions"]) >= VERSIONS
        assert result["commits"]
        assert [sample["index"] for sample in result["samples"]] == list(range(len(result["samples"])))
        for sample in result["samples"]:
            for name, size in (("cycle", result["n_dyads"] - result["n_null"]), ("null", result["n_null"])):
                assert sample[name][0] == size
                assert size >= sample[name][1] >= sample[name][2] >= 0
        assert result["summary"] == pytest.approx(shared.summarise(result["samples"]))


def test_samples_can_be_drawn_again_and_hold_what_their_cell_says(shared):
    sample, _ = shared.simulate_sample("linear:half:100", 0)
    again, _ = shared.simulate_sample("linear:half:100", 0)
    assert [cyclic for cyclic, _ in sample] == [False] * 25 + [True] * 25
    for (_, one), (_, two) in zip(sample, again, strict=True):
        np.testing.assert_array_equal(one.y, two.y)


def test_coverage_of_the_prevalence_is_stored_and_a_cell_comes_out_again(shared):
    result = stored(shared.RESULTS / "prevalence.json")
    assert len(result["cells"]) == 72
    assert result["least_coverage"] == min(min(row["with_power"], row["without_power"]) for row in result["cells"])
    again = shared.cover(20, 0.3, 0.65, 0.5, 100, [shared.SEED, 20, 300, 650, 500])
    assert min(again.values()) >= 0.88


def test_decoding_is_stored_and_a_direction_comes_out_again(decoding):
    result = stored(decoding.STORED)
    assert result["seed"] == decoding.SEED
    assert set(result["versions"]) >= VERSIONS
    assert result["commits"]
    cells = {(cell["n_occasions"], cell["missing"]): cell for cell in result["cells"]}
    assert set(cells) == {(length, missing) for length in decoding.OCCASIONS for missing in ("none", "random")}
    assert all(cell["n"] >= 100 and 0 < cell["accuracy_mcse"] < 0.02 for cell in cells.values())
    found = np.array([decoding.decode(200, "none", index)[0] for index in range(4)])
    assert abs(found.mean() - cells[200, "none"]["accuracy"]) < 0.12
