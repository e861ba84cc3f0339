"""Stored decoding of phases is complete; a small part of it is run again."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = {"python", "numpy", "scipy", "numba", "reldyn"}


@pytest.fixture(scope="module")
def decoding():
    spec = importlib.util.spec_from_file_location("decoding_cycles", ROOT / "tools" / "decoding_cycles.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_decoding_is_stored_and_a_direction_comes_out_again(decoding):
    result = json.loads(decoding.STORED.read_text(encoding="utf-8"))
    assert result["seed"] == decoding.SEED
    assert set(result["versions"]) >= VERSIONS
    assert result["commits"]
    cells = {(cell["n_occasions"], cell["missing"]): cell for cell in result["cells"]}
    assert set(cells) == {(length, missing) for length in decoding.OCCASIONS for missing in ("none", "random")}
    assert all(cell["done"] >= 100 and 0 < cell["rates"]["accuracy"]["mcse"] < 0.02 for cell in cells.values())
    found = np.array([decoding.decode(200, "none", index)[0] for index in range(4)])
    assert abs(found.mean() - cells[200, "none"]["rates"]["accuracy"]["value"]) < 0.12
