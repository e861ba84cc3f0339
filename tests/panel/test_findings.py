"""The public table: its form, its tolerance of absurd input, and the real files it was made for."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reldyn.errors import DataError
from reldyn.panel import DyadPanel, Schedule, read_table
from reldyn.panel.checks._finding_codes import CODES, SEVERITIES, Finding, finding_codes, table_of
from reldyn.panel.checks._findings import check_panel, duplicated_headers

COLUMNS = ["code", "severity", "column", "n", "rows", "lines", "message", "fix"]


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
    assert codes.columns.tolist() == ["code", "severity", "meaning", "fix"]
    assert codes["code"].tolist() == list(CODES)
    assert set(codes["severity"]) == set(SEVERITIES)
    assert codes["code"].str.fullmatch(r"[a-z]+(-[a-z]+)*").all()
    assert codes[["meaning", "fix"]].apply(lambda column: column.str.endswith((".", "').", ")."))).all(axis=None)


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

    monkeypatch.setattr("reldyn.panel.checks._findings._CHECKS", (broken, sound, sound))
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
    assert table["fix"].tolist() == [
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


PAIR = pd.DataFrame({"dyad": [1, 1, 2, 2], "person": [1, 2, 3, 4], "mood": [3.0, 4.0, 9.0, 2.0]})
WHO = {"dyad": "dyad", "person": "person"}


@pytest.mark.parametrize("variables", [5, [[1]], {"a": 1}, [None], object(), [np.nan, ("a",)], b"mood", iter([1, [2]])])
def test_variables_that_are_no_names_are_findings(variables):
    table = check_panel(PAIR, **WHO, variables=variables)
    assert "missing-column" in set(table["code"])
    assert "unchecked" not in set(table["code"])


class Stubborn:
    """Refuses whatever is asked of it."""

    def __deepcopy__(self, memo):
        raise RuntimeError("no copy")

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__

    def __eq__(self, other):
        raise RuntimeError("no comparison")

    def __hash__(self):
        raise RuntimeError("no hash")

    def __iter__(self):
        raise RuntimeError("no items")

    def __float__(self):
        raise RuntimeError("no number")


@pytest.mark.parametrize(
    "remembered",
    [5, {"mood": 5}, {"mood": None}, {3: [4, 5]}, {"mood": ("mood", ["x"])}, [1], {"mood": Stubborn()}, Stubborn()],
)
def test_odd_attributes_of_a_frame_switch_nothing_off(remembered):
    frame = PAIR.copy()
    frame.attrs = {"duplicated_columns": remembered, "more": Stubborn()}
    table = check_panel(frame, **WHO, scales={"mood": (1, 7)})
    assert table["code"].tolist()[0] == "outside-scale"
    assert "unchecked" not in set(table["code"])


def test_halves_of_a_surrogate_pair_are_spelled_out():
    frame = PAIR.astype({"mood": object, "person": object})
    frame["mood"] = pd.Series(["1", "2", "\ud800", "4"], dtype=object)
    frame["when"] = pd.Series(["1", "2", "1", "\udfff"], dtype=object)
    table = check_panel(frame, **WHO, time="when", variables=["mood", "\ud83d"])
    messages = " ".join(table["message"])
    assert "'\\ud800'" in messages and "'\\udfff'" in messages
    assert {"missing-column", "non-numeric", "unparsable-time"} <= set(table["code"])
    table["message"].astype("string").str.encode("utf-8")


@pytest.mark.parametrize("name", [3, None, ("a", 1), np.nan, 2.5, pd.Timestamp("2026-01-01"), frozenset({1})])
def test_a_column_whose_name_is_no_text_is_checked_like_the_others(name):
    frame = PAIR.copy()
    frame.columns = pd.Index(["dyad", "person", name], dtype=object)
    for options in ({"scales": {name: (1, 7)}}, {"scales": {str(name): (1, 7)}, "variables": [name]}):
        table = check_panel(frame, **WHO, **options)
        assert rows_found(table, "outside-scale") == (2,)
        assert "unchecked" not in set(table["code"])
    infinite = frame.copy()
    infinite.iloc[1, 2] = np.inf
    assert rows_found(check_panel(infinite, **WHO), "infinite") == (1,)


def rows_found(table, code):
    return table.loc[table["code"] == code, "rows"].item()


def test_columns_of_several_levels_are_named_by_their_text():
    frame = PAIR.copy()
    frame.columns = pd.MultiIndex.from_tuples([("who", "dyad"), ("who", "person"), ("answer", "mood")])
    names = [str(name) for name in frame.columns]
    table = check_panel(frame, dyad=names[0], person=names[1], scales={names[2]: (1, 7)})
    assert rows_found(table, "outside-scale") == (2,)


def picked(*options):
    """Like `sampled_from`, for things that cannot be compared, hashed or written."""
    return st.integers(0, len(options) - 1).map(options.__getitem__)


def _cells(draw, n):
    kinds = {
        "numbers": st.floats(),
        "whole": st.integers(-(2**70), 2**70),
        "text": st.text(max_size=4),
        "broken": st.sampled_from(["\ud800", "\udfff x", "1", "01.02.2021", "3,5", ""]),
        "dates": st.datetimes(),
        "anything": picked(
            *(None, pd.NA, pd.NaT, np.nan, 1, True, 1j, b"x", (1,), [1], {"a": 1}, {1}, np.arange(2), pd.DataFrame()),
            *(pd.Series([1]), Stubborn(), pd.Interval(0, 1), pd.Period("2021-01"), pd.Timedelta(1), type, len),
        ),
    }
    values = draw(st.lists(kinds[draw(st.sampled_from(sorted(kinds)))], min_size=n, max_size=n))
    column = np.empty(n, dtype=object)
    for place, value in enumerate(values):
        column[place] = value
    return pd.Series(column, dtype=object)


DTYPES = [
    *("int8", "float32", "complex128", "bool", "Int64", "Float32", "boolean", "string", "category", "M8[ns]", "m8[ns]"),
    *("Sparse[float]", "period[M]", "interval", "datetime64[us, Europe/Berlin]", "timestamp[us][pyarrow]", "S2", "str"),
    *("date32[pyarrow]", "decimal128(5, 2)[pyarrow]", "list<item: int64>[pyarrow]", "dictionary", "bool[pyarrow]"),
]


@st.composite
def odd_frames(draw):
    n, k = draw(st.integers(0, 4)), draw(st.integers(0, 5))
    columns = []
    for _ in range(k):
        column = _cells(draw, n)
        dtype = draw(st.one_of(st.none(), st.sampled_from(DTYPES)))
        if dtype is not None:
            try:
                column = pd.Series(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), dtype=object).astype(
                    dtype
                )
            except Exception:
                column = pd.Series(pd.interval_range(0, n)) if dtype == "interval" else column
        columns.append(column)
    labels = draw(st.lists(st.sampled_from(LABELS), min_size=k, max_size=k))
    frame = pd.DataFrame(dict(enumerate(columns)), index=pd.RangeIndex(n) if k else range(n))
    if draw(st.booleans()) and k:
        frame.columns = pd.MultiIndex.from_arrays([[label if label in ("a", 3) else "b" for label in labels], range(k)])
    else:
        index = pd.Index(np.empty(k, dtype=object), dtype=object)
        frame.columns = pd.Index(list(labels), dtype=object, tupleize_cols=False) if k else index
    frame.index = draw(st.sampled_from([[0] * n, list(range(n)), ["a"] * n]))
    frame.attrs = draw(picked({}, {"duplicated_columns": {"a": 3}}, {1: Stubborn()}, {"duplicated_columns": 1}))
    return frame


LABELS = ["a", "b", "c", "d", "a", 3, None, np.nan, (1, 2), "\ud800", 2.5, b"x", "('a', 0)"]
ROLE_NAMES = picked(*LABELS, "('b', 1)", ["a"], {}, Stubborn())


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    frame=st.one_of(
        odd_frames(), picked(None, 3, "x", [1], {"a": [1]}, np.ones((2, 2)), pd.Series([1]), len, Stubborn())
    ),
    roles=st.dictionaries(st.sampled_from(["dyad", "person", "role", "time", "day", "beep"]), ROLE_NAMES),
    variables=picked(None, 5, [[1]], ["a", 3], "b", Stubborn(), [Stubborn()], [None], ("\ud800",), {1: 2}),
    scales=picked(
        None, 4, {"a": (1, 7)}, {3: (0, 1)}, {"b": "x"}, {None: (None, 1)}, {"a": [1, Stubborn()]}, Stubborn()
    ),
    schedule=picked(
        None, 3, Schedule(scheduled="c", answered="d"), Schedule(sent=3), Schedule(expires=["a"]), Stubborn()
    ),
)
def test_nothing_makes_the_check_raise_or_give_up(frame, roles, variables, scales, schedule):
    with warnings.catch_warnings():
        # What pandas warns of while such a frame is made or looked at is not what is tested.
        warnings.simplefilter("ignore")
        table = check_panel(frame, **roles, variables=variables, scales=scales, schedule=schedule)
    assert table.columns.tolist() == COLUMNS
    assert "unchecked" not in set(table["code"]), table.loc[table["code"] == "unchecked", "message"].tolist()
    table.to_json()


def test_labels_spelled_in_several_ways_are_shown_with_their_blanks():
    rows = [(d, w, t) for d in range(1, 4) for w in ("f", "m") for t in range(1, 5)]
    frame = pd.DataFrame(rows, columns=["couple", "who", "day"]).assign(y=1.5)
    frame.loc[[1, 2], "who"] = ["F", "f "]
    found = check_panel(frame, dyad="couple", person="who", role="who", day="day").set_index("code")
    assert found.loc["label-spellings", "rows"] == (1, 2)
    assert "('F', 'f', 'f ')" in found.loc["label-spellings", "message"]
    assert "str.strip().str.casefold()" in found.loc["label-spellings", "fix"]
    assert found.loc["dyad-size", "message"].startswith("dyad 1 ('F', 'f', 'f ', 'm') with more than two members")


def test_ids_whose_letters_with_marks_are_stored_in_two_ways_are_mentioned():
    rows = [("M\u00fcller" if w == "f" else "Mu\u0308ller", w, t, float(t)) for w in ("f", "m") for t in range(1, 5)]
    frame = pd.DataFrame(rows, columns=["couple", "who", "day", "y"])
    found = check_panel(frame, dyad="couple", person="who", role="who", day="day").set_index("code")
    assert "only in blanks, capitals or in how Unicode writes letters" in found.loc["label-spellings", "message"]
    fix = found.loc["label-spellings", "fix"]
    one = "frame['couple'] = frame['couple'].str.normalize('NFC').str.strip().str.casefold()"
    assert one in fix
    frame["couple"] = frame["couple"].str.normalize("NFC").str.strip().str.casefold()
    again = check_panel(frame, dyad="couple", person="who", role="who", day="day")
    assert not again["code"].isin(["label-spellings", "dyad-size"]).any()


@pytest.mark.parametrize(
    ("number", "way"),
    [
        (7, ".astype(str).str"),
        (7.0, ".map(lambda label: f'{label:g}' if isinstance(label, float) else str(label)).str"),
    ],
)
def test_an_id_that_is_a_number_here_and_text_there_is_mentioned(number, way):
    rows = [(number if w == "f" else "7", w, t, float(t)) for w in ("f", "m") for t in range(1, 5)]
    rows += [("x8", w, t, float(t)) for w in ("f", "m") for t in range(1, 5)]
    frame = pd.DataFrame(rows, columns=["couple", "who", "day", "y"])
    found = check_panel(frame, dyad="couple", person="who", role="who", day="day").set_index("code")
    message = f"in blanks, in capitals or in being a number or text ({number}, '7')"
    assert message in found.loc["label-spellings", "message"]
    assert found.loc["label-spellings", "rows"] == (4, 5, 6, 7)
    assert f"frame['couple']{way}" in found.loc["label-spellings", "fix"]


@pytest.mark.parametrize(("column", "written"), [("couple", "c1 "), ("who", "F1")])
def test_the_error_names_spellings_that_may_be_the_cause(column, written):
    rows = [(f"c{d}", f"{w}{d}", w, t, 1.5) for d in (1, 2) for w in "fm" for t in range(1, 5)]
    frame = pd.DataFrame(rows, columns=["couple", "who", "role", "day", "y"])
    frame.loc[1, column] = written
    with pytest.raises(DataError) as caught:
        DyadPanel(frame, dyad="couple", person="who", role="role", day="day")
    text = str(caught.value)
    assert text.startswith("the rows cannot make a panel, 1 fault:\n- ")
    last = text.splitlines()[-1]
    assert last.startswith(f"Perhaps the cause: {column!r} has labels that differ only in blanks or capitals (")
    assert last.endswith(f"frame[{column!r}] = frame[{column!r}].str.strip().str.casefold().")
    frame.loc[2, "y"] = np.inf
    frame.loc[1, column] = frame.loc[0, column]
    with pytest.raises(DataError) as caught:
        DyadPanel(frame, dyad="couple", person="who", role="role", day="day")
    assert "Perhaps" not in str(caught.value)


def test_a_yes_no_item_is_mentioned():
    rows = [(d, w, t, float((t + d) % 2), float(t)) for d in range(1, 4) for w in ("f", "m") for t in range(1, 7)]
    frame = pd.DataFrame(rows, columns=["couple", "who", "day", "met", "mood"])
    found = check_panel(frame, dyad="couple", person="who", day="day")
    two = found[found["code"] == "two-valued"]
    assert (two["column"].tolist(), two["severity"].tolist()) == (["met"], ["note"])
    assert two["message"].item() == "'met' holds two values only (0 and 1)."


def test_lines_are_those_of_the_file_also_for_parts_of_it(tmp_path):
    path = tmp_path / "diary.csv"
    text = 'couple,who,day,mood,note\n1,a,1,3,"two\nlines"\n1,b,1,4,\n\n1,a,2,9,\n1,b,2,4,\n'
    path.write_text(text, encoding="utf-8")
    frame = read_table(path)
    roles = {"dyad": "couple", "person": "who", "day": "day", "scales": {"mood": (1, 7)}}
    outside = check_panel(frame, **roles).set_index("code").loc["outside-scale"]
    assert (outside["rows"], outside["lines"]) == ((2,), (6,))
    assert outside["message"].endswith("row 2 (line 6).")
    part = check_panel(frame[frame["day"] == 2], **roles).set_index("code").loc["outside-scale"]
    assert (part["rows"], part["lines"]) == ((0,), (6,))
    plain = check_panel(pd.DataFrame(frame.to_dict("list")), **roles)
    assert plain["lines"].map(len).max() == 0


def ids_of(**labels):
    """Two couples, with some labels of the second replaced."""
    frame = pd.DataFrame(
        [(couple, f"{couple}{role}", role, day) for couple in "xy" for role in "fm" for day in (1, 2, 3)],
        columns=["couple", "who", "role", "day"],
    ).assign(mood=range(12))
    for name, (old, new) in labels.items():
        frame[name] = frame[name].replace({old: new})
    return check_panel(frame, dyad="couple", person="who", role="role", time="day")


@pytest.mark.parametrize("label", ["", "  ", "nan", "NaN", "<NA>", "None", " NaT "])
@pytest.mark.parametrize(
    ("name", "old", "what"), [("couple", "y", "dyad"), ("who", "yf", "person"), ("role", "f", "role")]
)
def test_a_label_that_only_writes_a_missing_id_is_a_missing_id(name, old, what, label):
    table = ids_of(**{name: (old, label)})
    (found,) = table[table["code"] == "missing-id"].to_dict("records")
    assert found["severity"] == "error"
    assert found["message"].startswith(f"no {what} in {name!r}")
    assert ("stands for a missing value" in found["message"]) == bool(label.strip())


@pytest.mark.parametrize("label", ["NA", "n/a", ".", "unknown", "?"])
def test_a_label_that_may_stand_for_a_missing_id_is_asked_about(label):
    table = ids_of(couple=("y", label))
    (found,) = table[table["code"] == "suspected-missing-code"].to_dict("records")
    assert found["message"].startswith(f"'couple' has a dyad {label!r}, which may stand for a missing value: rows 6, 7")
    assert "unchecked" not in set(table["code"])


def test_numbers_that_may_stand_for_a_missing_id_are_asked_about():
    frame = pd.DataFrame([(d, r, t, t) for d in (1, 2, -99) for r in (1, 2) for t in (1, 2)], columns=list("drty"))
    table = check_panel(frame, dyad="d", person="r", time="t")
    (found,) = table[table["code"] == "suspected-missing-code"].to_dict("records")
    assert found["message"] == "'d' holds the dyad -99, far from all others: rows 8, 9, 10, 11."
    none = check_panel(frame.assign(d=frame["d"].replace({-99: 99})), dyad="d", person="r", time="t")
    assert none["code"].tolist().count("suspected-missing-code") == 1


def test_copies_of_whole_rows_are_counted_among_the_duplicates():
    frame = pd.DataFrame([(c, r, t, t) for c in (1, 2) for r in "ab" for t in (1, 2, 3)], columns=list("crty"))
    again = pd.concat([frame, frame.iloc[:4], frame.iloc[4:6].assign(y=9)])
    table = check_panel(again, dyad="c", person="r", role="r", time="t")
    (found,) = table[table["code"] == "duplicate-occasion"].to_dict("records")
    assert found["n"] == 12
    assert found["fix"].endswith(
        " 4 of these rows repeat an earlier one in every column: frame.drop_duplicates() leaves one of each."
    )


def test_ids_on_the_first_of_several_rows_are_to_be_filled_down():
    frame = pd.DataFrame([(c, r, t, t) for c in (1, 2) for r in "ab" for t in (1, 2, 3)], columns=list("crty"))
    frame["c"] = frame["c"].where(frame.index % 6 == 0)
    table = check_panel(frame, dyad="c", person="r", role="r", time="t")
    (found,) = table[table["code"] == "missing-id"].to_dict("records")
    assert found["fix"].endswith("as in merged cells, fill it down: frame['c'] = frame['c'].ffill().")


@pytest.mark.parametrize("codes", [(-99,), (-99, -77), (-77, -88, -99), (77, 99), (-99, 999)])
def test_every_code_for_missing_is_asked_about(codes):
    frame = pd.DataFrame(
        [(d, 2 * d + r, t, (t + r) % 5 + 1) for d in (1, 2, 3) for r in (1, 2) for t in range(10)], columns=list("drty")
    )
    for place, code in enumerate(codes):
        frame.loc[7 + 11 * place, "y"] = code
    table = check_panel(frame, dyad="d", person="r", time="t")
    found = table[(table["code"] == "suspected-missing-code") & (table["column"] == "y")]
    known = sorted(codes)
    assert [f"{code:g}, far" in text for code, text in zip(known, found["message"], strict=True)] == [True] * len(known)
    assert all(f"missing=(..., {', '.join(map(str, known))})" in fix for fix in found["fix"])
