"""Check that no cell of a table is run as a formula or disguised."""

import io

import numpy as np
import pandas as pd
import pytest

from reldyn.study.running import as_csv


@pytest.mark.parametrize(
    "text", ["=1+1", "+A1", "-cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff0bA"]
)
def test_formulas_begin_with_an_apostrophe(text):
    table = pd.read_csv(io.StringIO(as_csv(pd.DataFrame({"note": [text, "plain"]}))))
    assert table["note"].iloc[0].startswith("'")
    assert table["note"].iloc[1] == "plain"


def test_headers_are_cells_too():
    assert as_csv(pd.DataFrame({"=A1": [1]})).splitlines()[0] == "'=A1"


def test_numbers_and_single_signs_stay():
    frame = pd.DataFrame({"x": [-1.5, np.nan], "sign": ["-", None]})
    assert as_csv(frame) == "x,sign\n-1.5,-\n,\n"


def test_signs_that_change_the_direction_are_seen():
    assert as_csv(pd.DataFrame({"who": ["anna\u202egnp.exe", "\u2066x\u2069"]})).splitlines()[1:] == [
        "anna[U+202E]gnp.exe",
        "[U+2066]x[U+2069]",
    ]
