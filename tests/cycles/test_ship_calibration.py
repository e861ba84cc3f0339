"""The counts in the package are those of the stored calibration, where the checkout has both."""

import importlib.util
import json
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "ship_calibration.py"


@pytest.fixture(scope="module")
def ship():
    spec = importlib.util.spec_from_file_location("ship_calibration", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored(n, n_found):
    hit = {"p_regimes": 0.01, "p_irregular": 0.02}
    miss = {"p_regimes": 0.4, "p_irregular": None}
    return {
        "cell": "cycle:200:random",
        "simulator": {"kind": "cycle", "missing": 0.3, "missing_pattern": "random"},
        "n_occasions": 200,
        "alpha": 0.05,
        "n_surrogates": 199,
        "seed": 1,
        "replications": [hit] * n_found + [miss] * (n - n_found),
    }


def test_a_cell_is_shipped_as_its_counts(ship, tmp_path):
    (tmp_path / "cycle__200__random.json").write_text(json.dumps(stored(150, 90)), encoding="utf-8")
    (tmp_path / "linear__200__none.json").write_text(json.dumps(stored(99, 1)), encoding="utf-8")
    (cell,) = json.loads(ship.shipped_text(tmp_path))["cells"]
    assert (cell["kind"], cell["n_occasions"], cell["missing"]) == ("cycle", 200, 0.3)
    assert (cell["n"], cell["rejected"], cell["effect"]) == (150, 90, 1.5)


def test_counts_that_no_cell_backs_are_named(ship, tmp_path):
    (tmp_path / "cycle__200__random.json").write_text(json.dumps(stored(150, 90)), encoding="utf-8")
    shipped = tmp_path / "shipped" / "calibration.json"
    shipped.parent.mkdir()
    shipped.write_text(ship.shipped_text(tmp_path), encoding="utf-8")
    assert ship.faults(tmp_path, shipped) == []
    (tmp_path / "cycle__200__random.json").write_text(json.dumps(stored(150, 80)), encoding="utf-8")
    assert ship.faults(tmp_path, shipped) == ["cycle__200__random.json"]


def test_what_the_package_ships_is_what_the_cells_say(ship):
    assert ship.faults() == []
