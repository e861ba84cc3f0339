"""Stored sizes, power and coverage are complete, and within what the pages say of them."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def stored(name):
    return json.loads((ROOT / "tools" / "results" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return lambda name: importlib.import_module(f"tools.{name}")


def value(cell, rate):
    return cell["rates"][rate]["value"] if rate in cell["rates"] else None


def test_every_cell_of_the_default_is_stored_with_all_its_replications(tool):
    checks = tool("intervention_checks")
    cells = {tuple(cell[key] for key in checks.KEYS): cell for cell in stored("intervention_checks")["cells"]}
    assert set(cells) <= set(checks.CELLS)
    assert {key for key in checks.CELLS if key[0] == "bootstrap"} <= set(cells)
    assert min(cell["done"] for cell in cells.values()) >= 2000


def test_the_default_keeps_its_level_but_where_the_pages_say_so():
    for cell in stored("intervention_checks")["cells"]:
        if cell["inference"] != "bootstrap":
            continue
        found = [value(cell, "false positives, level"), value(cell, "false positives, slope")]
        known = (cell["phi"], cell["scale"], cell["change"]) == (0.7, "seven points", "level-and-slope")
        most = 0.0675 if known else 0.065
        assert all(0.04 <= rate <= most for rate in found if rate is not None)


def test_the_stated_change_is_found_in_about_four_of_five_series():
    told = {(c["change"], c["phi"]): c for c in stored("intervention_checks")["cells"] if "median_detectable" in c}
    assert set(told) >= {("level-and-slope", phi) for phi in (0.3, 0.5, 0.7)}
    power = [cell["power_at_stated_change"] for cell in told.values()]
    assert min(power) >= 0.775
    assert max(power) <= 0.825


def test_a_small_cell_can_be_measured_again(tool):
    told = tool("intervention_checks").cell(("bootstrap", "level", 0.3, "continuous"), 12)
    (kept,) = [
        cell
        for cell in stored("intervention_checks")["cells"]
        if (cell["inference"], cell["change"], cell["phi"], cell["scale"]) == ("bootstrap", "level", 0.3, "continuous")
    ]
    assert set(told) >= set(kept) - {"cell", "wanted", "cpu_seconds"}
    assert set(told["rates"]) == set(kept["rates"])
    assert told["median_phi"] == pytest.approx(kept["median_phi"], abs=0.2)


def test_sizes_of_responses_and_reliable_change_are_near_five_per_cent(tool):
    sizes = tool("intervention_sizes")
    cells = stored("intervention_sizes")["cells"]
    assert [sum(wanted.items() <= cell.items() for wanted in sizes.CELLS) for cell in cells] == [1] * len(cells)
    for cell in cells:
        for name in ("false positives", "false positives, joint"):
            if name in cell["rates"]:
                rate = cell["rates"][name]
                error = np.sqrt(0.05 * 0.95 / rate["n"])
                assert 0.05 - 3 * error <= rate["value"] <= 0.06 + 3 * error
        for name, rate in cell["rates"].items():
            if name.startswith("coverage"):
                assert rate["value"] >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / rate["n"])
