"""What a user reads when a file or table cannot make a panel: the whole message, from the file on."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reldyn.errors import DataError
from reldyn.panel import DyadPanel, check_panel, read_table

ROLES = {"dyad": "couple", "person": "who", "role": "sex", "time": "day"}


def diary():
    rows = [(1, "a", "f"), (1, "b", "m"), (2, "c", "f"), (2, "d", "m")]
    return pd.DataFrame(
        [(*who, day, float((3 * day + place) % 5)) for place, who in enumerate(rows) for day in (1, 2, 3)],
        columns=["couple", "who", "sex", "day", "mood"],
    )


def refusal(frame, **changes):
    with pytest.raises(DataError) as caught:
        DyadPanel(frame, **(ROLES | changes))
    assert caught.value.findings is not None
    return str(caught.value)


def test_the_clean_diary_makes_a_panel():
    panel = DyadPanel(diary(), **ROLES)
    assert (panel.n_dyads, panel.n_persons, len(panel)) == (2, 4, 12)


def test_a_dyad_with_three_persons():
    frame = diary()
    frame.loc[6:8, "couple"] = 1
    assert refusal(frame) == (
        "the rows cannot make a panel, 1 fault:\n"
        "- dyad 1 ('a', 'b', 'c') with more than two members: rows 0, 1, 2, 3, 4 and 4 more. "
        "Correct the dyad ids; a dyad has two members."
    )


def test_a_person_in_two_dyads():
    frame = pd.concat([diary(), diary().iloc[[0]].assign(couple=2, day=4)], ignore_index=True)
    frame = frame.drop(index=range(6, 9)).reset_index(drop=True)
    assert refusal(frame) == (
        "the rows cannot make a panel, 1 fault:\n"
        "- 'who' has a in more than one dyad: row 9. Correct the dyad or person id of these rows."
    )


def test_all_faults_are_told_at_once():
    frame = diary().astype({"mood": object})
    frame.loc[[1], "mood"] = "good"
    frame.loc[[2], "mood"] = "3,5"
    frame.loc[[4], "sex"] = "f"
    frame = pd.concat([frame, frame.iloc[[11]]], ignore_index=True)
    assert refusal(frame) == (
        "the rows cannot make a panel, 4 faults:\n"
        "- several rows for one person and occasion: rows 11, 12. "
        "Keep one row per person and occasion, or name the columns that tell them apart (time, day, beep). "
        "1 of these rows repeats an earlier one in every column: frame.drop_duplicates() leaves one of each.\n"
        "- 'sex' differs from the person's other rows: row 4. Give each person one role.\n"
        "- 'mood' holds text among its numbers ('good'): row 1. "
        "Correct these cells, or name the text as a missing code: rd.read_table(path, missing=(..., 'TEXT')).\n"
        "- 'mood' writes numbers with a decimal comma ('3,5'): row 2. "
        "Read the file with rd.read_table(path, decimal=',')."
    )


def test_codes_for_missing_that_were_not_named(tmp_path):
    path = tmp_path / "diary.csv"
    frame = diary().astype({"mood": object})
    frame.loc[[3, 8], "mood"] = "n/a"
    frame.to_csv(path, index=False)
    assert refusal(read_table(path)) == (
        "the rows cannot make a panel, 1 fault:\n"
        "- 'mood' writes missing values as text ('n/a'): rows 3, 8 (lines 5, 10). "
        "Name it when reading: rd.read_table(path, missing=(..., 'n/a'))."
    )
    read = read_table(path, missing=(..., "n/a"))
    assert DyadPanel(read, **ROLES).frame["mood"].isna().sum() == 2


def test_dots_among_codes_stand_for_the_usual_ones(tmp_path):
    path = tmp_path / "diary.csv"
    path.write_text("couple,mood,calm\n1,n/a,3\n1,,NA\n1,2.5,-99\n", encoding="utf-8")
    read = read_table(path, missing=(..., "n/a", -99))
    assert read["mood"].tolist()[2:] == [2.5] and read["mood"].isna().sum() == 2
    assert read["calm"].tolist()[:1] == [3.0] and read["calm"].isna().sum() == 2
    assert read_table(path, missing=("n/a",))["calm"].tolist() == ["3", "NA", "-99"]


@pytest.mark.parametrize("code", [-99, 999])
def test_the_fix_of_a_number_names_that_number(code):
    found = check_panel(diary().assign(mood=[code, *range(1, 7), *range(1, 6)]), **ROLES)
    (fix,) = found.loc[found["code"] == "suspected-missing-code", "fix"]
    assert fix == f"Name it when reading: rd.read_table(path, missing=(..., {code}))."


def test_a_wrong_name():
    assert refusal(diary(), dyad="cuople") == (
        "the rows cannot make a panel, 1 fault:\n- no column 'cuople' (dyad). Did you mean 'couple'?"
    )


def test_a_duplicated_header_in_a_role():
    frame = diary()
    frame.columns = ["couple", "who", "sex", "day", "day"]
    assert refusal(frame) == (
        "the rows cannot make a panel, 1 fault:\n"
        "- 'day' is used, but its header stands 2 times in the file (day, day). "
        "Rename the columns in the file, or drop the one you do not mean."
    )


def test_no_rows():
    assert refusal(diary().iloc[:0]) == (
        "the rows cannot make a panel, 1 fault:\n- the table has no rows. Check the file and the filter that made it."
    )


def test_values_outside_the_scale():
    assert refusal(diary(), scales={"mood": (1, 7)}) == (
        "the rows cannot make a panel, 1 fault:\n"
        "- 'mood' lies outside its scale 1 to 7: rows 5, 6. Correct the value, or the scale declared in scales=."
    )


def test_an_outcome_without_values_one_dyad_and_a_constant_stop_nothing():
    frame = diary().assign(empty=np.nan, always=3.0)
    panel = DyadPanel(frame[frame["couple"] == 1], **ROLES)
    found = panel.findings.set_index("code")
    assert found.loc["all-missing", "message"] == "'empty' has no value."
    assert found.loc["constant", "message"] == ("'always' is 3 wherever it has a value: rows 0, 1, 2, 3, 4 and 1 more.")
    assert found.loc["one-dyad", "message"] == "the table holds one dyad."


CELLS = st.one_of(
    st.none(),
    st.integers(-2, 4),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(["", "a", "1", "3,5", "NA", "2026-01-01", "12:30"]),
    st.booleans(),
    st.dates().map(pd.Timestamp),
    st.lists(st.integers(), max_size=1),
)


@settings(max_examples=120, deadline=None)
@example(rows=[(None, None, None, 0, None), (None, None, None, np.inf, None)], names=["a", "a", "d", "a", "a", "a"])
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS, CELLS), max_size=8),
    names=st.lists(st.sampled_from(["a", "b", "c", "d", "e", "none", None]), min_size=6, max_size=6),
)
def test_no_table_makes_the_check_raise(rows, names):
    frame = pd.DataFrame(rows, columns=list("abcde"))
    roles = dict(zip(("dyad", "person", "role", "time", "day", "beep"), names, strict=True))
    table = check_panel(frame, **roles, scales={"e": (0, 3)}, variables=["d", "e"])
    assert table.columns.tolist() == ["code", "severity", "column", "n", "rows", "lines", "message", "fix"]
    assert "unchecked" not in set(table["code"]), table["message"].tolist()
    for finding in table.itertuples():
        assert list(finding.rows) == sorted(set(finding.rows))
        assert all(0 <= row < len(frame) for row in finding.rows)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_findings_move_with_the_rows(seed):
    rng = np.random.default_rng(seed)
    n = 60
    frame = pd.DataFrame(
        {
            "couple": rng.integers(0, 4, n),
            "who": rng.integers(0, 9, n),
            "sex": rng.choice(["f", "m"], n),
            "day": rng.integers(0, 6, n),
            "mood": rng.choice([1.0, 2.0, 9.0, np.nan, np.inf], n),
        }
    )
    order = rng.permutation(n)
    moved = frame.iloc[order].reset_index(drop=True)

    def found(table, rows):
        return sorted(
            (finding.code, finding.column, tuple(sorted(rows[list(finding.rows)].tolist())))
            for finding in table.itertuples()
            if finding.code not in ("out-of-order", "gap")
        )

    scales = {"mood": (1, 7)}
    # Where a person has several rows on one day, which of them follows a gap depends on the order of the file.
    assert found(check_panel(frame, **ROLES, scales=scales), np.arange(n)) == found(
        check_panel(moved, **ROLES, scales=scales), order
    )


def test_an_infinite_time_is_no_time():
    frame = diary()
    frame["day"] = frame["day"].where(frame.index != 2, np.inf)
    assert refusal(frame) == (
        "the rows cannot make a panel, 1 fault:\n"
        "- 'day' is no time or number: row 2. Write times as 2026-11-23 18:30:00 (ISO 8601) or as numbers."
    )


def test_column_names_that_are_numbers_become_text():
    panel = DyadPanel(diary().rename(columns={"mood": 5}), **ROLES)
    assert panel.values("5").tolist() == diary()["mood"].tolist()


def test_a_path_that_is_none():
    with pytest.raises(DataError) as caught:
        read_table(None)
    assert str(caught.value) == "read_table takes the path of a file, not a NoneType."
