"""The generated diary and the reference values that every test of this room shares."""

import json
from pathlib import Path

import pandas as pd
import pytest

import reldyn as rd

REFERENCE = Path(__file__).parent / "reference"


@pytest.fixture(scope="session")
def reference_folder():
    return REFERENCE


@pytest.fixture(scope="session")
def reference():
    return json.loads((REFERENCE / "a_affect.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def by_person():
    return pd.read_csv(REFERENCE / "a_person.csv").set_index("person")


@pytest.fixture(scope="session")
def esm_frame():
    return pd.read_csv(REFERENCE / "esm.csv")


@pytest.fixture(scope="session")
def esm(esm_frame):
    roles = {"dyad": "dyad", "person": "person", "role": "role", "day": "day", "beep": "beep"}
    scales = dict.fromkeys(("pa", "pa1", "pa2", "pa3", "percept"), (0, 100))
    return rd.DyadPanel(esm_frame, **roles, schedule=rd.Schedule(answered="minutes", night_steps=None), scales=scales)
