"""One diary has the same lags and partners however its times are written; the truth comes from its schedule."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.diaries.forms import DESIGNS, differences, forms, make_diary

WAYS = sorted(forms(make_diary(0, "several")))
STORED = Path(__file__).parents[2] / "tools" / "results" / "checks" / "diaries.json"


@pytest.mark.parametrize("design", DESIGNS)
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), way=st.sampled_from(WAYS))
def test_lags_and_partners_are_those_of_the_schedule(design, seed, way):
    assert differences(seed, design, only=way) == {}


@pytest.mark.parametrize("design", DESIGNS)
def test_the_diaries_have_lags_and_partners(design):
    diary = make_diary(1, design)
    assert np.isfinite(diary.lagged).mean() > 0.3
    assert np.isfinite(diary.partner).mean() > 0.5


def test_the_stored_run_of_2001_diaries_found_no_difference():
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    assert set(stored["ways"]) == set(WAYS)
    assert set(stored["designs"]) == set(DESIGNS)
    assert {design: record["n"] for design, record in stored["designs"].items()} == dict.fromkeys(DESIGNS, 667)
    assert all(record["differences"] == {} for record in stored["designs"].values())
