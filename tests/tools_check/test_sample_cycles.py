"""What the detection finds of the cycles planted in the sample study is stored, and the docs say the same."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

import reldyn as rd

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tools.calibration import sample_cycles  # noqa: E402


@pytest.fixture(scope="module")
def cells():
    stored = json.loads(sample_cycles.STORED.read_text(encoding="utf-8"))
    return {cell["cell"]: cell for cell in stored["cells"]}


def test_goals_hold(cells):
    assert cells["planted cycles"]["rates"]["supported, adjusted"]["value"] >= 0.6
    assert cells["others"]["rates"]["supported, adjusted"]["value"] <= 0.02


def test_the_docs_say_what_is_stored(cells):
    page = " ".join((ROOT / "docs" / "what-this-can-and-cannot-say.md").read_text(encoding="utf-8").split())
    planted, others = cells["planted cycles"], cells["others"]
    raw, adjusted = (round(planted["rates"][f"supported, {way}"]["value"] * 16) for way in ("raw", "adjusted"))
    assert planted["done"] == 16
    assert f"the defaults support {raw} of 16 directions with planted cycles before adjustment" in page
    assert f"and {adjusted} after it, and none of the {others['done']} others" in page
    assert {rate["value"] for rate in others["rates"].values()} == {0.0}


def test_supported_directions_are_counted_by_what_was_planted():
    people = rd.load_sample().frame[["dyad", "role"]].drop_duplicates().rename(columns={"role": "giver"})
    few = people[people["dyad"] <= 8].reset_index(drop=True)

    class Found:
        def verdicts(self, *, adjusted):
            mine = (few["dyad"] == 7) & (few["giver"] == "male") if adjusted else few["dyad"] >= 7
            verdict = pd.Series("not decidable", index=few.index).mask(mine, "supported")
            return few.assign(verdict=verdict)

    planted, others = sample_cycles.cells_of(Found())
    assert (planted["done"], others["done"]) == (2, 14)
    assert planted["rates"]["supported, raw"]["value"] == 1.0
    assert planted["rates"]["supported, adjusted"]["value"] == 0.5
    assert others["rates"]["supported, raw"]["n"] == 14
    assert others["rates"]["supported, raw"]["value"] == pytest.approx(2 / 14)
