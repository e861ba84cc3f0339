"""Results of schemas 1 and 2 open with the numbers that they were saved with, or are refused in one sentence."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.results import homes
from reldyn.results._base import SCHEMA_VERSION

STORED = Path(__file__).parent / "reference"
SAVED = json.loads(gzip.decompress((STORED / "results_schema_1.json.gz").read_bytes()))
SAVED_2 = json.loads(gzip.decompress((STORED / "results_schema_2.json.gz").read_bytes()))
# What these results hold has changed since: they are computed anew.
REFUSED = {"CalibrationResult", "CycleResult", "MediationResult", "ReportComparison", "SurfaceResult"}


def test_every_class_of_schema_1_is_stored():
    assert len(SAVED) == 47
    assert {(one["saved"]["schema"], one["saved"]["schema_version"]) for one in SAVED.values()} == {
        (name, 1) for name in SAVED
    }


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
@pytest.mark.parametrize("name", sorted(set(SAVED) - REFUSED))
def test_it_opens_with_the_numbers_of_then(name):
    result = rd.from_json(json.dumps(SAVED[name]["saved"]))
    assert type(result).__name__ == name
    assert result.spec is None
    assert result.summary()
    if SAVED[name]["tidy"] is not None:
        same_numbers(result, SAVED[name]["tidy"])


def same_numbers(result, then):
    before, now = pd.DataFrame(then["data"], columns=then["columns"]), result.tidy()
    assert set(before) <= set(now)
    assert len(before) == len(now)
    compared = 0
    for column in before:
        # Ids, and running numbers in their place.
        if pd.api.types.is_numeric_dtype(now[column]) and not before[column].map(type).eq(str).any():
            values = now[column].to_numpy(dtype=float, na_value=np.nan)
            # Infinite degrees of freedom were written as nothing.
            old = pd.to_numeric(before[column], errors="coerce").to_numpy(dtype=float)
            np.testing.assert_allclose(np.where(np.isinf(values), np.nan, values), old, rtol=1e-9, atol=1e-12)
            compared += 1
    assert compared


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_read_is_refused_in_one_sentence(name):
    with pytest.raises(rd.DataError) as caught:
        rd.from_json(json.dumps(SAVED[name]["saved"]))
    assert str(caught.value) == (
        f"this {name} was saved by an earlier reldyn (schema_version 1), and what it holds is no longer read: "
        "compute it anew from the data and save it with result.to_json(path)."
    )


def test_every_class_of_schema_2_is_stored():
    assert set(SAVED_2) == set(homes())
    assert {(one["saved"]["schema"], one["saved"]["schema_version"]) for one in SAVED_2.values()} == {
        (name, 2) for name in SAVED_2
    }


@pytest.mark.filterwarnings("ignore::reldyn.DataWarning")
@pytest.mark.parametrize("name", sorted(SAVED_2))
def test_a_result_of_schema_2_opens_and_is_saved_again_as_the_same(name):
    saved = SAVED_2[name]["saved"]
    result = rd.from_json(json.dumps(saved))
    assert type(result).__name__ == name
    assert (result.spec is None) == (saved["spec"] is None)
    assert set(result.tidy()) == set(SAVED_2[name]["tidy"]["columns"])
    same_numbers(result, SAVED_2[name]["tidy"])
    assert len(result.warnings) == len(saved["fields"].get("warnings", {"tuple": ()})["tuple"])
    again = rd.from_json(result.to_json(rows=saved["rows"]))
    assert again.summary() == result.summary()
    pd.testing.assert_frame_equal(again.glance(), result.glance())


def test_the_present_schema_is_a_later_one():
    assert SCHEMA_VERSION > 2
