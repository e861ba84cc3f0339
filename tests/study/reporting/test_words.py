"""Check how cells are written."""

import math

import pytest

from reldyn.study.reporting._words import number, plain, table_of


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12345, "0.123"), (-0.0001, "0.000"), (-2, "\N{MINUS SIGN}2.000"), (math.nan, ""), (None, ""), ("inf", "inf")],
)
def test_numbers(value, text):
    assert number(value) == text


def test_words():
    assert plain(True) == "yes"
    assert plain(12345) == "12,345"
    assert plain(["a", 1]) == "a, 1"
    assert plain(math.inf) == "\N{INFINITY}"


def test_estimates_have_their_interval_in_one_cell():
    record = {
        "columns": ["term", "estimate", "std_error", "conf_low", "conf_high", "p_value"],
        "rows": [["x", 0.5, 0.1, 0.3, 0.7, 0.0001], ["y", None, None, None, None, None]],
    }
    table = table_of(record, "c", 60)
    assert [head for head, _ in table["heads"]] == ["Term", "Estimate", "SE", "95 % interval", "p"]
    assert table["rows"] == [["x", "0.500", "0.100", "[0.300, 0.700]", "< .001"], ["y", "", "", "", ""]]


def test_wide_tables_of_few_rows_are_turned():
    record = {"columns": ["role", *(f"n{i}" for i in range(12))], "rows": [["a", *range(12)], ["b", *range(12)]]}
    table = table_of(record, "c", 60)
    assert [head for head, _ in table["heads"]] == ["", "a", "b"]
    assert table["rows"][3] == ["n3", "3", "3"]
    assert len(table["rows"]) == 12


def test_rows_of_dyads_say_whose_they_are():
    columns = ["term", "dyad", "effect", "estimate", "std_error", "conf_low", "conf_high", "note"]
    rows = [["7: x", 7, "inertia", 0.5, 0.1, 0.3, 0.7, ""], ["8: x", 8, "inertia", 0.1, 0.1, 0.0, 0.2, "few"]]
    record = {"columns": columns, "rows": rows}
    table = table_of(record, "c", 60)
    assert table["heads"] == [
        ("Dyad", False),
        ("Effect", False),
        ("Estimate", True),
        ("SE", True),
        ("95 % interval", True),
        ("Note", False),
    ]
    assert table["rows"][1] == ["8", "inertia", "0.100", "0.100", "[0.000, 0.200]", "few"]
