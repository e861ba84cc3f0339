"""The public table: its form, its tolerance of absurd input, and the real files it was made for."""

import numpy as np
import pandas as pd
import pytest

from reldyn.panel import Schedule
from reldyn.panel._finding_codes import CODES, SEVERITIES, Finding, finding_codes, table_of
from reldyn.panel._findings import check_panel, duplicated_headers

COLUMNS = ["code", "severity", "column", "n", "rows", "message", "mend"]


def test_the_table_shows_the_gravest_first_and_five_rows():
    table = table_of(
        [
            Finding("compliance", "", "all answered", n=8),
            Finding("near-constant", "mood", "'mood' hardly varies", np.arange(7)),
            Finding("infinite", "mood", "'mood' is infinite", [3]),
        ]
    )
    assert table.columns.tolist() == COLUMNS
    assert table["code"].tolist() == ["infinite", "near-constant", "compliance"]
    assert table["severity"].tolist() == ["error", "warning", "note"]
    assert table["n"].tolist() == [1, 7, 8]
    assert table["rows"].tolist() == [(3,), (0, 1, 2, 3, 4, 5, 6), ()]
    assert table["message"].tolist() == [
        "'mood' is infinite: row 3.",
        "'mood' hardly varies: rows 0, 1, 2, 3, 4 and 2 more.",
        "all answered.",
    ]
    assert all(type(row) is int for row in table.loc[1, "rows"])


def test_no_findings_keep_the_columns():
    assert table_of([]).columns.tolist() == COLUMNS
    assert len(table_of([])) == 0


def test_the_register_explains_every_code():
    codes = finding_codes()
    assert codes.columns.tolist() == ["code", "severity", "meaning", "mend"]
    assert codes["code"].tolist() == list(CODES)
    assert set(codes["severity"]) == set(SEVERITIES)
    assert codes["code"].str.fullmatch(r"[a-z]+(-[a-z]+)*").all()
    assert codes[["meaning", "mend"]].apply(lambda column: column.str.endswith((".", "').", ")."))).all(axis=None)


@pytest.mark.parametrize(
    ("frame", "roles", "expected"),
    [
        (None, {}, {"not-a-table"}),
        ([1, 2], {"dyad": "a"}, {"not-a-table"}),
        (pd.DataFrame(), {}, {"missing-column", "no-rows"}),
        (pd.DataFrame({"a": []}), {"dyad": "a", "person": "a"}, {"no-rows"}),
        (pd.DataFrame({"a": [1]}), {"dyad": "b", "person": 3}, {"missing-column"}),
        (pd.DataFrame({"a": [1]}), {"dyad": ["a"], "person": "a"}, {"missing-column"}),
        (pd.DataFrame({"a": [1], "b": [2]}), {"dyad": "a", "person": "b", "scales": {"b": 7}}, {"bad-scale"}),
        (pd.DataFrame({"a": [1], "b": [2]}), {"dyad": "a", "person": "b", "scales": 3, "schedule": 4}, {"dyad-size"}),
        (pd.DataFrame({"a": [None, None], "b": [None, 1]}), {"dyad": "a", "person": "b"}, {"missing-id"}),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), {"dyad": "a", "person": "a"}, {"duplicated-column"}),
        (pd.DataFrame({"a": [[1], {}], "b": [{1}, 2]}), {"dyad": "a", "person": "b", "time": "b"}, {"dyad-size"}),
        (pd.DataFrame({0: [1, 1], 1: [1, 2]}), {"dyad": 0, "person": 1}, {"missing-column"}),
        (
            pd.DataFrame({"a": [1, 1], "b": [1, 2], "c": [1 + 2j, 3]}),
            {"dyad": "a", "person": "b", "variables": ["c", "d"]},
            {"missing-column"},
        ),
    ],
)
def test_absurd_input_never_raises(frame, roles, expected):
    table = check_panel(frame, **roles)
    assert table.columns.tolist() == COLUMNS
    assert expected <= set(table["code"])


def test_a_check_that_fails_is_a_finding_and_hides_nothing(monkeypatch):
    def broken(layout):
        raise KeyError("x")
        yield

    def sound(layout):
        yield Finding("all-missing", "mood", "'mood' has no value", n=2)

    monkeypatch.setattr("reldyn.panel._findings._CHECKS", (broken, sound, sound))
    frame = pd.DataFrame({"dyad": [1, 1], "person": [1, 2]})
    table = check_panel(frame, dyad="dyad", person="person")
    assert table["code"].tolist() == ["all-missing", "all-missing", "unchecked"]
    assert table["message"].tolist()[-1] == "the ids and roles could not be checked (KeyError: 'x')."


def test_missing_columns_are_named_with_the_nearest():
    frame = pd.DataFrame({"couple": [1, 1], "who": [1, 2]})
    table = check_panel(frame, dyad="cuople", person=None, scales={"warmth": (1, 7)})
    assert table["message"].tolist() == [
        "no column 'cuople' (dyad).",
        "no column is named for person.",
        "no column 'warmth' (scales).",
    ]
    assert table["mend"].tolist() == [
        "Did you mean 'couple'?",
        "Name the column: person=.",
        "The columns are couple, who.",
    ]


def test_a_duplicated_header_is_an_error_only_when_used():
    frame = pd.DataFrame({"dyad": [1, 1], "person": [1, 2], "mood": [3.0, 4.0], "mood.1": [4.0, 3.0]})
    frame.attrs["duplicated_columns"] = {"mood": ("mood", "mood.1")}
    who = {"dyad": "dyad", "person": "person"}
    unused = check_panel(frame, **who)
    assert unused["code"].tolist() == ["duplicated-header", "one-dyad"]
    for name in ("mood", "mood.1"):
        used = check_panel(frame, **who, variables=[name])
        assert used["code"].tolist() == ["duplicated-column", "one-dyad"]
        assert used.loc[0, "message"] == (
            f"'{name}' is used, but its header stands 2 times in the file (mood, mood.1)."
        )
    settled = frame.rename(columns={"mood.1": "mood_partner"})
    assert duplicated_headers(settled) == {}
    assert check_panel(settled, **who, variables=["mood"])["code"].tolist() == ["one-dyad"]


def test_other_frames_are_taken_at_the_border():
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"dyad": [1, 1], "person": [1, 2]})
    assert check_panel(table, dyad="dyad", person="person")["code"].tolist() == ["one-dyad"]


@pytest.mark.shared_data
def test_esm_file_has_no_errors_and_sixteen_near_constant_series(shared_data):
    frame = pd.read_csv(shared_data / "esmtools_esmdata_sim.csv")
    items = ["PA1", "PA2", "PA3", "NA1", "NA2", "NA3"]
    clock = Schedule(scheduled="scheduled", sent="sent", answered="start")
    roles = {"dyad": "dyad", "person": "id", "role": "role", "time": "obsno", "schedule": clock}
    sd = frame.groupby("id")[items].std()
    expected = {
        (item, tuple(np.flatnonzero(frame["id"] == person))) for item in items for person in sd.index[sd[item] < 1]
    }
    assert len(expected) == 16
    for more in ({}, {"variables": items}, {"scales": dict.fromkeys(items, (1, 100))}):
        table = check_panel(frame, **roles, **more)
        assert "error" not in set(table["severity"])
        found = table[table["code"].isin(["constant", "near-constant"])]
        assert set(zip(found["column"], found["rows"], strict=True)) == expected
        assert len(found) == 16


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("kashy_diary_pairwise.csv", {"dyad": "dyadid", "person": "person", "role": "genderE", "time": "Day"}),
        ("dyadMLM_dyads_ild.csv", {"dyad": "coupleID", "person": "personID", "role": "gender", "time": "diaryday"}),
        ("dyadMLM_dyads_cross.csv", {"dyad": "coupleID", "person": "personID", "role": "gender"}),
        ("dyadr_acipair.csv", {"dyad": "CoupleID", "person": "Partnum", "role": "Gender_A"}),
        ("rties_ExampleDataShort.csv", {"dyad": "couple", "person": "person", "role": "female", "time": "time"}),
    ],
)
def test_real_files_have_no_errors(shared_data, name, roles):
    table = check_panel(pd.read_csv(shared_data / name, na_values=[" "]), **roles)
    assert not len(table[table["severity"] == "error"])
    assert "unchecked" not in set(table["code"])


def test_a_column_without_values_lies_outside_no_scale():
    rows = [(d, p, t) for d in range(3) for p in ("f", "m") for t in range(3)]
    frame = pd.DataFrame(rows, columns=["dyad", "person", "time"]).assign(mood=np.nan)
    found = check_panel(frame, dyad="dyad", person="person", time="time", scales={"mood": (1, 7)})
    assert "outside-scale" not in set(found["code"])
    assert "all-missing" in set(found["code"])
