"""Sentences about stored calibrations say what the files say, whatever they say."""

import importlib
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
        yield importlib.import_module("_rates")
    finally:
        sys.path.remove(str(ROOT / "docs"))


@pytest.fixture(scope="module")
def calibration(rates):
    return rates.calibration(ROOT)


@pytest.fixture
def fill(calibration, tmp_path):
    """Store a cell with so many claims of *intermittent*, and of *volatility*, among so many directions."""
    cells, store = calibration

    def run(name, n, hits, *, volatile=0, stream="fresh"):
        result = store.begin(cells.CELLS[name], stream, {"pooling": "none", "n_surrogates": 99})
        records = [
            {
                "index": index,
                "verdict": "s" if index < hits else "d",
                "p_regimes": 0.01 if index < hits else 0.5,
                "p_volatility": 0.01 if index < volatile else 0.5,
            }
            for index in range(n)
        ]
        store.append(result, records, 1.0)
        store.save(result, tmp_path)

    return run


def sample(store, cells, name, null, found, folder):
    result = store.begin(cells.CELLS[name], "fresh", {"n_surrogates": 99})
    rows = zip(null, found, strict=True)
    store.append(result, [{"index": k, "intermittent": a, "found": b} for k, (a, b) in enumerate(rows)], 1.0)
    store.save(result, folder)


def test_false_positives_are_said_with_the_worst_first(rates, fill, tmp_path):
    fill("linear:200:17", 100, 30)
    fill("skewed_shocks:200:17", 100, 9)
    fill("rhythm:200:17", 60, 3)
    fill("bad_days:200:17", 100, 90)
    fill("linear:200:17", 100, 20, stream="rerun")
    fill("skewed_shocks:200:17", 100, 8, stream="rerun")
    text = rates.sentences(ROOT, tmp_path)
    assert "3 combinations" in text
    assert "largest rate of *intermittent* is .300 (`linear`, 200 prompts, 17% of prompts missed, 100 series)" in text
    assert "2 of 3 rates lie above the aim" in text
    assert "Run once more with other seeds, 1 of 2 of these lie within it." in text
    assert "Among the rest, the one-sided 95 % limit lies above the aim in 1:" in text


def test_nothing_stored_is_said(rates, tmp_path):
    text = rates.sentences(ROOT, tmp_path)
    assert "No rate is stored yet" in text
    assert "**False positives.** No rate is stored." in text
    assert "no stored design" in text
    assert "**Not covered.**" in text


def test_power_and_enough_power_follow_the_cells(rates, fill, tmp_path):
    fill("cycle_15:200:17", 100, 70)
    fill("cycle_15:400:17", 100, 98)
    fill("clinical:200:17", 100, 91)
    fill("cycle_15:200:17:5points", 50, 40)
    text = rates.sentences(ROOT, tmp_path)
    assert (
        "  - two phases, effect 1.5, dwell times geometric with mean 8: .700 (200 prompts, 100 series), .980 (400 "
        "prompts, 100 series), .800 (200 prompts on 5 points, 50 series)\n"
    ) in text
    assert "mean 12 prompts: .910 (200 prompts, 100 series)\n" in text
    assert "two phases): `cycle_15`, 400 prompts, 17% of prompts missed, 100 series. Other designs" in text


def test_shared_phases_and_volatility_give_the_range(rates, calibration, fill, tmp_path):
    cells, store = calibration
    sample(store, cells, "shared:linear:half:100", [0.02, 0.04], [0.7, 0.8], tmp_path)
    sample(store, cells, "shared:rhythm:half:200", [0.0, 0.12], [0.9, 1.0], tmp_path)
    fill("plain:200:17", 100, 0, volatile=5)
    fill("variance_regimes:200:17", 100, 0, volatile=80)
    text = rates.sentences(ROOT, tmp_path)
    assert "up to .060 of the directions without cycles (`rhythm`, 200 prompts)" in text
    assert "With 100 prompts, cycles of effects between 1 and 2 were found in .750 to .750 of directions" in text
    assert "With 200 prompts, cycles of effects between 1 and 2 were found in .950 to .950 of directions" in text
    assert "up to .050 of series whose swings are of one size, and in .800 to .800 of series with calm" in text


def test_the_tables_show_every_goal_and_what_was_not_run(rates, calibration, fill, tmp_path):
    import _calibration

    cells, store = calibration
    fill("linear:200:17", 100, 9)
    fill("linear:200:17", 50, 2, stream="rerun")
    seen = []
    text = _calibration.tables(ROOT, lambda columns, rows: seen.append((columns, rows)) or "", tmp_path)
    assert text.startswith(f"Procedure {store.PROCEDURE}. 1 of ")
    first = {row["series"].split("``")[1]: row for row in seen[0][1]}
    assert set(first) == set(cells.NULLS)
    assert first["linear"]["200 prompts"] == ".090 ± .029, n = 100; run once more .040, n = 50"
    assert first["linear"]["100 prompts"] == "not run"
    assert sum(len(rows) for _, rows in seen[1:]) >= sum(goal.claim != "intermittent" for goal in cells.GOALS)


def test_the_page_takes_its_rates_from_the_stored_files(rates):
    page = (ROOT / "docs" / "what-this-can-and-cannot-say.md").read_text("utf-8")
    assert "{include} api/generated/parts/rates.md" in page
    assert rates.sentences(ROOT)


def test_the_table_of_the_single_case_notebook_is_the_stored_one():
    notebook = (ROOT / "notebooks" / "10_did_it_help_single_case_designs.py").read_text("utf-8")
    rows = re.findall(r"^# \| \.(\d) \| (\.\d+) \| (\.\d+) \| (\.\d+) \|$", notebook, re.MULTILINE)
    cells = json.loads((ROOT / "tools" / "results" / "intervention_checks.json").read_text("utf-8"))["cells"]
    wanted = {"inference": "bootstrap", "change": "level-and-slope", "scale": "continuous", "done": 2000}
    names = [f"false positives, {what}" for what in ("Welch's t", "level", "slope")]
    stored = {c["phi"]: [c["rates"][name]["value"] for name in names] for c in cells if wanted.items() <= c.items()}
    assert {int(phi) / 10: [float(value) for value in values] for phi, *values in rows} == stored
