"""Dyads from pointers to the partner: couples planted at random are found, and every kind of fault is listed."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reldyn as rd


def pair(person, partner, **columns):
    return rd.pair_ids(pd.DataFrame({"id": person, "spouse": partner, **columns}), person="id", partner="spouse")


def refused(person, partner):
    with pytest.raises(rd.DataError) as caught:
        pair(person, partner)
    return caught.value


def faults(person, partner):
    findings = refused(person, partner).findings
    return dict(zip(findings["code"], findings["rows"], strict=True))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=20, unique=True), st.randoms(use_true_random=False))
def test_planted_couples_are_found_in_the_order_of_their_first_row(ids, random):
    couples = [(f"p{first}", f"p{second}") for first, second in zip(ids[::2], ids[1::2], strict=False)]
    rows = [row for first, second in couples for row in ((first, second), (second, first))]
    # Further rows may leave the pointer open.
    rows += [(own, random.choice([other, None])) for own, other in rows for _ in range(random.randint(0, 2))]
    random.shuffle(rows)
    out = pair(*zip(*rows, strict=True))
    label = {}
    for own, _ in rows:
        couple = next(couple for couple in couples if own in couple)
        label.setdefault(couple, len(label) + 1)
    assert out["dyad"].tolist() == [label[next(couple for couple in couples if own in couple)] for own, _ in rows]
    assert out["dyad"].dtype == "int64"


@pytest.mark.parametrize(
    ("person", "partner"),
    [
        ([1, 2, 1], [2, 1, None]),
        ([1, 2, 1], ["2", "1", ""]),
        (["1", "2", "1"], [2.0, 1.0, np.nan]),
        ([1.0, 2.0, 1.0], pd.array([2, 1, None], dtype="Int64")),
        (["a ", "b", "a "], ["b ", " a", None]),
        (["007", "012", "007"], ["012", "007", "  "]),
        (pd.Categorical(["u", "v", "u"]), pd.Categorical(["v", "u", None])),
        (pd.Series([1, "x", 1], dtype=object), pd.Series(["x", 1, pd.NA], dtype=object)),
    ],
)
def test_ids_of_any_type(person, partner):
    out = pair(person, partner)
    assert out["dyad"].tolist() == [1, 1, 1]
    assert out["id"].tolist() == list(person)


def test_what_comes_out_makes_a_panel_and_the_input_stays():
    frame = pd.DataFrame({"id": ["d", "a", "c", "b"], "spouse": ["b", "c", "a", "d"], "mood": [1.0, 2.0, 3.0, 4.0]})
    before = frame.copy()
    out = rd.pair_ids(frame, person="id", partner="spouse")
    pd.testing.assert_frame_equal(frame, before)
    assert out["dyad"].tolist() == [1, 2, 2, 1]
    assert rd.DyadPanel(out, dyad="dyad", person="id").n_dyads == 2


@pytest.mark.parametrize(
    ("person", "partner", "expected"),
    [
        (["a", "b"], ["b", "b"], {"names-oneself": (1,), "not-mutual": (0,)}),
        (["a", "a"], ["a", None], {"names-oneself": (0,)}),
        (["a", "b", "c"], ["b", "c", "b"], {"not-mutual": (0,)}),
        (["a", "b", "c"], ["b", "c", "a"], {"circle": (0, 1, 2)}),
        (["a", "b", "c", "d", "e"], ["b", "c", "d", "b", "a"], {"circle": (1, 2, 3), "not-mutual": (0, 4)}),
        (["a", "b"], ["b", "z"], {"names-nobody": (1,), "not-mutual": (0,)}),
        (["a", "b"], ["b", None], {"no-partner": (1,), "not-mutual": (0,)}),
        (["a", "b", "s", "s"], ["b", "a", None, ""], {"no-partner": (2, 3)}),
        (["a", None, "b"], ["b", "a", "a"], {"missing-id": (1,)}),
        (["a", "b", "a", "c"], ["b", "a", "c", "a"], {"several-partners": (0, 2), "not-mutual": (1, 3)}),
        (["07", "8"], ["8", "7"], {"spelled-differently": (1,), "not-mutual": (0,)}),
        (["A1", "B1"], ["b1", "a1"], {"spelled-differently": (0, 1)}),
        (["a01", "b 2"], ["b2", "a1"], {"spelled-differently": (0, 1)}),
        (["a", "b", "a "], ["b", "a", "b"], {"blanks-differ": (0, 2)}),
        (["0", "00"], ["000", "0"], {"spelled-differently": (0,), "not-mutual": (1,)}),
    ],
)
def test_each_fault_and_its_rows(person, partner, expected):
    assert faults(person, partner) == expected


def test_all_faults_come_at_once():
    person = ["a", "b", "c", "d", "e", "f", "g", "h", "B1", "x"]
    partner = ["b", "a", "c", "e", "f", "d", "q", None, "b1", "a"]
    error = refused(person, partner)
    assert str(error) == (
        "the pointers make no dyads, 6 faults:\n"
        "- persons name no partner in any of their rows of 'spouse'; fill in the partner, or drop them if they belong "
        "to no dyad: row 7.\n"
        "- pointers differ from an id only in case, blanks or leading zeros ('b1' for 'B1'); write ids alike, and read "
        "files so that ids stay text: row 8.\n"
        "- pointers lead to nobody in the file ('q'); correct them, or drop persons whose partner took no part: "
        "row 6.\n"
        "- persons name themselves as their partner; correct the pointer: row 2.\n"
        "- persons name one another in a circle of three or more ('d' names 'e', who names 'f', 'e' names 'f', who "
        "names 'd', 'f' names 'd', who names 'e'); correct the pointers: rows 3, 4, 5.\n"
        "- persons name a partner who does not name them back ('x' names 'a', who names 'b'); correct the pointers: "
        "row 9."
    )
    assert error.findings.columns.tolist() == ["code", "n", "rows", "message"]
    assert error.findings["n"].tolist() == [1, 1, 1, 1, 3, 1]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-1, 7), min_size=1, max_size=8))
def test_pointers_are_taken_exactly_when_all_are_mutual(pointers):
    """Person k names pointers[k]; -1 is nobody, and numbers past the end are unknown."""
    n = len(pointers)
    mutual = all(0 <= other < n and other != k and pointers[other] == k for k, other in enumerate(pointers))
    partner = [None if other < 0 else f"p{other + 1}x" for other in pointers]
    person = [f"p{k + 1}x" for k in range(n)]
    if mutual:
        out = pair(person, partner)
        assert (out.groupby("dyad")["id"].nunique() == 2).all()
        return
    found = faults(person, partner)
    wrong = {k for k, other in enumerate(pointers) if not (0 <= other < n and other != k and pointers[other] == k)}
    assert {row for rows in found.values() for row in rows} == wrong


def test_long_chains_and_many_rows():
    n = 3000
    person = [f"p{k:05d}x" for k in range(n)]
    assert faults(person, person[1:] + person[:1]) == {"circle": tuple(range(n))}
    assert faults(person, [*person[1:], person[-2]]) == {"not-mutual": tuple(range(n - 2))}


def test_numbers_that_floats_cannot_hold_are_explained():
    error = refused([12345678901234567, 2], [2.0, 12345678901234567.0])
    assert "numbers of 16 digits and more change as floats: read ids as text" in str(error)


def test_columns():
    frame = pd.DataFrame({"id": ["a", "b"], "spouse": ["b", "a"]})
    with pytest.raises(rd.DataError, match=r"no column 'spuose' in the table \(nearest: 'spouse'\)"):
        rd.pair_ids(frame, person="id", partner="spuose")
    with pytest.raises(rd.DataError, match="person and partner are both 'id'"):
        rd.pair_ids(frame, person="id", partner="id")
    with pytest.raises(rd.DataError, match="there is a column 'dyad' already"):
        rd.pair_ids(frame.assign(dyad=1), person="id", partner="spouse")
    with pytest.raises(rd.DataError, match="the table has no rows"):
        rd.pair_ids(frame.iloc[:0], person="id", partner="spouse")
