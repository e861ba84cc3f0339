"""Sentences about stored calibrations say what the files say, whatever they say."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def rates():
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        spec = importlib.util.spec_from_file_location("_rates", ROOT / "docs" / "_rates.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "docs"))
    return module


def cell(name, role, hits, n, *, high, regimes=0.0):
    summary = {"n": n, "intermittent": hits / n, "intermittent_high": high, "regimes": regimes}
    return {"cell": name, "role": role, "summary": summary}


def mixture(name, null, cycle, samples):
    summary = {"samples": samples, "null_intermittent": null, "cycle_intermittent": cycle}
    return {"cell": name, "n_null": 25, "n_dyads": 50, "summary": summary}


def test_the_largest_false_positive_rate_is_named_and_a_rate_above_the_aim_is_said_to_be_above(rates):
    cells = [
        cell("linear:200:none", "null", 30, 100, high=0.40, regimes=0.41),
        cell("skewed_shocks:200:none", "null", 9, 100, high=0.16),
        cell("rhythm:200:none", "rhythm", 0, 60, high=0.06, regimes=1.0),
        cell("cycle:200:none", "power", 99, 100, high=1.0),
    ]
    text = rates.false_positives(cells)
    assert "3 combinations" in text
    assert "largest rate of *intermittent* is .30 (`linear`, 200 prompts, no prompt missed, 100 series)" in text
    assert "1 of 3 rates lies above the aim" in text
    assert "Among the rest, the exact 95 % interval reaches above the aim in 1:" in text
    assert "up to .41 of series without regimes (`linear`" in text


def test_no_rate_above_the_aim_is_said_only_where_there_is_none(rates):
    text = rates.false_positives([cell("linear:200:none", "null", 2, 100, high=0.06)])
    assert "No rate lies above the aim" in text
    assert "Among the rest" not in text
    assert rates.false_positives([]) == "**False positives.** No rate is stored."


def test_power_and_enough_power_follow_the_cells(rates):
    cells = [
        cell("cycle:100:none", "power", 25, 100, high=0.35),
        cell("cycle:400:none", "power", 100, 100, high=1.0),
        cell("cycle:200:random", "power", 51, 100, high=0.62),
    ]
    text = rates.power(cells, lengths=[100, 200, 400], missing=["none", "random"])
    assert "no prompt missed: .25 at 100 prompts, 1.00 at 400 prompts." in text
    assert "30 % missed at random: .51 at 200 prompts." in text
    assert "400 prompts or more, no prompt missed. Other" in rates.decisive(cells)
    assert rates.decisive(cells[:1]).endswith("no stored design.")


def test_shared_phases_give_the_range(rates):
    text = rates.shared_phases(
        [
            mixture("linear:half:100", 0.02, 0.5, 1),
            mixture("rhythm:half:100", 0.12, 0.25, 3),
            mixture("rhythm:half:200", 0.0, 1.0, 1),
        ]
    )
    assert "1 to 3 simulated samples each" in text
    assert "in up to .12 of the dyads without cycles (`rhythm`, 25 of 50 dyads, 100 prompts)" in text
    assert ".25 to .50 with 100 prompts; 1.00 with 200 prompts." in text


def test_the_page_takes_its_rates_from_the_stored_files(rates):
    text = rates.sentences(ROOT)
    stored = [json.loads(path.read_text("utf-8")) for path in (ROOT / "tools" / "results" / "cycles").glob("*.json")]
    worst = max(one["summary"]["intermittent"] for one in stored if one["role"] != "power")
    said = re.search(r"largest rate of \*intermittent\* is ([\d.]+)", text)
    assert said is not None
    assert float(said[1]) == pytest.approx(worst, abs=5e-4)
    page = (ROOT / "docs" / "what-this-can-and-cannot-say.md").read_text("utf-8")
    assert "{include} api/generated/parts/rates.md" in page


def test_the_table_of_the_single_case_notebook_is_the_stored_one():
    notebook = (ROOT / "notebooks" / "10_did_it_help_single_case_designs.py").read_text("utf-8")
    rows = re.findall(r"^# \| \.(\d) \| (\.\d+) \| (\.\d+) \| (\.\d+) \|$", notebook, re.MULTILINE)
    cells = json.loads((ROOT / "benchmarks" / "results" / "intervention_checks.json").read_text("utf-8"))["cells"]
    wanted = {"inference": "bootstrap", "change": "level-and-slope", "scale": "continuous", "replications": 2000}
    names = ("false_positives_welch_t", "false_positives_level", "false_positives_slope")
    stored = {c["phi"]: [c[name] for name in names] for c in cells if wanted.items() <= c.items()}
    assert {int(phi) / 10: [float(value) for value in values] for phi, *values in rows} == stored
