"""Numbers of every analysis on clean panels are what they were, to rounding."""

import importlib
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


# The first fits for seconds. The second searches a flat likelihood, where the last digits of a start decide at which
# point it stops. The script compares both, and the suites of their rooms test them.
SLOW = {"detect_cycles", "coupled_oscillator"}


@pytest.fixture(scope="module")
def goldens():
    sys.path.insert(0, str(REPOSITORY))
    yield importlib.import_module("tools.goldens.__main__")
    sys.path.remove(str(REPOSITORY))


def test_every_number_is_what_it_was(goldens):
    stored = goldens.read()
    names = sorted(set(stored["analysis"]) - SLOW)
    new = goldens.compute(names)
    unlike = goldens.differences(stored[stored["analysis"].isin(names)], new, relative=1e-10, searched=True)
    assert unlike.empty, unlike.to_string(max_rows=30)


def test_every_analysis_of_the_list_is_stored_and_the_file_is_small(goldens):
    assert set(goldens.read()["analysis"]) == set(goldens.CALLS)
    assert goldens.STORED.stat().st_size < 2_000_000


def test_every_expected_change_says_why_and_what_is_true():
    text = (REPOSITORY / "tools" / "goldens" / "expected_changes.toml").read_text(encoding="utf-8")
    for change in tomllib.loads(text).get("change", []):
        assert {"analysis", "why", "truth"} <= set(change)


def test_a_changed_number_is_found(goldens):
    stored = goldens.read()
    named = {change["analysis"] for change in goldens.expected()}
    stored = stored[~stored["analysis"].isin(named)].iloc[:5]
    moved = stored.copy()
    moved.loc[moved.index[0], "value"] = "123.0"
    assert len(goldens.differences(stored, moved, relative=1e-10)) == 1
    assert len(goldens.differences(stored, stored.iloc[1:])) == 1
