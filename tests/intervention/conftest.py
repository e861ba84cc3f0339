"""Reference series and numbers for single-case designs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

FOLDER = Path(__file__).parent / "reference"


@pytest.fixture(scope="session")
def reference():
    """Numbers of other programs."""
    return json.loads((FOLDER / "g_sced.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def sced():
    """One series of 8 and 12 occasions."""
    return pd.read_csv(FOLDER / "sced.csv")


@pytest.fixture(scope="session")
def mbd():
    """Six cases with staggered starts."""
    return pd.read_csv(FOLDER / "mbd.csv")


@pytest.fixture(scope="session")
def phases(sced):
    """The answers of the two phases of `sced`."""
    return tuple(sced.loc[sced["phase"] == label, "y"].to_numpy(dtype=float) for label in "AB")


@pytest.fixture(scope="session")
def couple(sced):
    """`sced` as one partner of a couple; the other answers the same three points higher, missing on day 4."""
    other = sced.assign(y=sced["y"] + 3.0)
    other.loc[other["t"] == 4, "y"] = np.nan
    frame = pd.concat([sced.assign(role="a"), other.assign(role="b")]).assign(dyad=1)
    return rd.DyadPanel(frame, dyad="dyad", person="role", role="role", time="t")


def panel_of(values, after, **columns):
    """A panel of one couple with a row per day: ``values`` (days, 2), ``after`` (days,)."""
    values = np.asarray(values, dtype=float)
    n = len(values)
    frame = pd.DataFrame(
        {
            "dyad": 1,
            "role": np.repeat(["a", "b"], n),
            "day": np.tile(np.arange(n), 2),
            "phase": np.tile(np.where(after, "B", "A"), 2),
            "y": values.T.ravel(),
            **columns,
        }
    )
    return rd.DyadPanel(frame, dyad="dyad", person="role", role="role", time="day")
