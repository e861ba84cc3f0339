"""Saved results: the same fields come back, whole files or none, and nothing that is not ours."""

import dataclasses
import json
import math
import os

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.results import InState, InTables, MaybeInTables, Result, format_p, format_table, register, write_text
from reldyn.results._base import SCHEMA_VERSION


@register
@dataclasses.dataclass(frozen=True)
class TraceForTests:
    """A plain part of a result."""

    steps: tuple[float, ...]


class ResultForTests(Result):
    """A result with one part of every kind that a result may hold."""

    number = InState[float]()
    table = InTables()
    array = InState[np.ndarray]()
    settings = InState[dict]()
    trace = InState[TraceForTests]()
    part = InState[Result | None](None)
    note = InState[str | None](None)
    more = MaybeInTables()

    def tidy(self):
        return self.table

    def _headline(self):
        return "A result <for tests>"

    def _methods(self):
        return "With a second line."


class BareForTests(Result):
    """A result that defines none of its verbs."""


def make_result(**changes):
    table = pd.DataFrame(
        {
            "term": ["actor", None],
            "estimate": [0.1 + 0.2, math.nan],
            "n": [1, 2],
            "good": [True, False],
            "count": pd.array([3, None], dtype="Int64"),
            "when": pd.to_datetime(["2026-01-05 08:00", None]),
        },
        index=[4, 7],
    )
    fields = {
        "number": math.nan,
        "table": table,
        "array": np.array([[1.5, math.inf], [-math.inf, math.nan], [0.0, 1e-300]]),
        "settings": {"seed": 2**63, "roles": ("female", "male"), 3: {"Grüße": None}, "flag": True},
        "trace": TraceForTests(steps=(1.0, math.nan)),
    }
    return ResultForTests.of(**{**fields, **changes})


def test_the_round_trip_keeps_every_field():
    before = make_result(part=make_result(number=2.5), notes=("one dyad was left out",))
    after = rd.from_json(before.to_json())
    assert isinstance(after, ResultForTests)
    assert math.isnan(after.number)
    pd.testing.assert_frame_equal(after.table, before.table)
    np.testing.assert_array_equal(after.array, before.array)
    assert after.array.dtype == before.array.dtype
    assert after.settings == before.settings
    assert after.trace.steps[0] == 1.0
    assert math.isnan(after.trace.steps[1])
    assert after.part.number == 2.5
    assert after.note is None
    assert after.warnings == ("one dyad was left out",)


@pytest.mark.parametrize(
    "array",
    [np.zeros((0, 3)), np.array(7.5), np.array([1, 2]), np.array([True]), np.array(["female", "male"])],
    ids=["empty", "zero-dimensional", "integers", "booleans", "strings"],
)
def test_arrays_keep_shape_and_dtype(array):
    after = rd.from_json(make_result(array=array).to_json())
    assert (after.array.shape, after.array.dtype) == (array.shape, array.dtype)
    np.testing.assert_array_equal(after.array, array)


def test_an_empty_frame_keeps_its_columns():
    empty = make_result().table.iloc[:0]
    after = rd.from_json(make_result(table=empty).to_json())
    assert list(after.table) == list(empty)
    assert len(after.table) == 0
    assert after.table.dtypes.astype(str).tolist() == empty.dtypes.astype(str).tolist()


def test_the_text_is_strict_json_with_schema_and_version():
    saved = json.loads(make_result().to_json(), parse_constant=pytest.fail)
    assert (saved["schema"], saved["schema_version"]) == ("ResultForTests", SCHEMA_VERSION)


def test_a_file_round_trip_by_path_and_by_name(tmp_path):
    path = tmp_path / "für zwei.json"
    before = make_result()
    # The last line of a notebook cell would print all of it.
    assert before.to_json(path) is None
    assert path.read_bytes() == (before.to_json() + "\n").encode("utf-8")
    for name in (path, str(path)):
        pd.testing.assert_frame_equal(rd.from_json(name).table, before.table)


def test_a_field_of_another_kind_is_refused():
    with pytest.raises(TypeError, match=r"^a result cannot save a set$"):
        make_result(note={1}).to_json()


def test_writing_is_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    write_text(path, "first\n")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "second \ud800")
    assert path.read_bytes() == b"first\n"
    assert [item.name for item in tmp_path.iterdir()] == ["result.json"]


def test_line_ends_are_newlines_on_every_platform(tmp_path):
    write_text(tmp_path / "text.txt", "a\nb\n")
    assert (tmp_path / "text.txt").read_bytes() == b"a\nb\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('{"schema": "ApimResult"}', "'schema_version'"),
        ('{"schema": "ApimResult", "schema_version": 1}', "'fields'"),
    ],
)
def test_what_is_not_a_saved_result_is_a_data_error(text, message):
    with pytest.raises(rd.DataError) as caught:
        rd.from_json(text)
    assert str(caught.value) == f"not a result saved by reldyn: {message}. Save one with result.to_json(path)."


def test_a_file_that_is_no_saved_result_is_named(tmp_path):
    path = tmp_path / "other.json"
    for text in ("[]", "", '{"schema": "PosixPath", "schema_version": 1, "fields": {}}'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(rd.DataError) as caught:
            rd.from_json(path)
        assert str(caught.value).startswith(f"{path}: no")


@pytest.mark.parametrize(("name", "reason"), [("none/result.json", "No such file"), ("folder", "Is a directory")])
def test_a_place_that_cannot_be_written_is_a_data_error(tmp_path, name, reason):
    (tmp_path / "folder").mkdir()
    with pytest.raises(rd.DataError) as caught:
        make_result().to_json(tmp_path / name)
    assert str(caught.value).startswith(f"cannot write {tmp_path / name}: ")
    if os.name == "posix":
        assert reason in str(caught.value)
    assert [item.name for item in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("version", ["1", None, 1.5, True])
def test_a_version_that_is_no_whole_number_is_a_data_error(version):
    with pytest.raises(rd.DataError) as caught:
        rd.from_json(json.dumps({"schema": "ApimResult", "schema_version": version, "fields": {}}))
    assert str(caught.value) == (
        f"not a result saved by reldyn: schema_version is {version!r}. Save one with result.to_json(path)."
    )


def test_a_file_of_a_newer_reldyn_says_so():
    text = json.dumps({"schema": "ApimResult", "schema_version": 99, "fields": {}})
    with pytest.raises(rd.DataError) as caught:
        rd.from_json(text)
    assert str(caught.value) == (
        f"saved with schema_version 99, this reldyn reads up to {SCHEMA_VERSION}: upgrade reldyn."
    )


class RenamedForTests(Result, schema="NamedBefore"):
    """A result whose class had another name when its first files were written."""

    table = InTables()

    def tidy(self):
        return self.table


def test_a_class_that_was_renamed_reads_its_older_files():
    before = RenamedForTests.of(table=make_result().table)
    text = before.to_json()
    assert json.loads(text)["schema"] == "NamedBefore"
    after = rd.from_json(text)
    assert type(after) is RenamedForTests
    pd.testing.assert_frame_equal(after.table, before.table)


def test_a_schema_name_belongs_to_one_class():
    with pytest.raises(TypeError, match=r"cannot be saved as 'ResultForTests', which is .*: give it a name of its own"):
        type("Other", (Result,), {}, schema="ResultForTests")
    assert rd.from_json(make_result().to_json()).tidy() is not None


def test_an_unknown_class_is_a_data_error():
    text = json.dumps({"schema": "PosixPath", "schema_version": 1, "fields": {}})
    with pytest.raises(rd.DataError, match=r"^no result of reldyn is called 'PosixPath'; known: .*ApimResult"):
        rd.from_json(text)


@pytest.mark.parametrize("fields", [{}, {"number": 1.0, "table": {"frame": 3}}, {"number": {"float": "x"}}, []])
def test_fields_that_were_edited_are_a_data_error(fields):
    text = json.dumps({"schema": "ResultForTests", "schema_version": SCHEMA_VERSION, "fields": fields})
    with pytest.raises(rd.DataError, match=r"^not a whole ResultForTests: .* Save one with result.to_json\(path\).$"):
        rd.from_json(text)


def test_a_missing_file_is_a_data_error(tmp_path):
    path = tmp_path / "none.json"
    with pytest.raises(rd.DataError) as caught:
        rd.from_json(path)
    assert str(caught.value) == f"cannot read {path}: No such file or directory."


def test_a_file_of_other_bytes_is_a_data_error(tmp_path):
    path = tmp_path / "latin.json"
    path.write_bytes(b'{"schema": "Gr\xfc\xdfe"}')
    with pytest.raises(rd.DataError) as caught:
        rd.from_json(path)
    assert str(caught.value) == f"{path} is not UTF-8 text, so not a result saved by reldyn."


def test_verbs_that_a_result_lacks_say_so():
    bare = BareForTests()
    for verb, message in [
        ("tidy", "BareForTests has no estimates to tidy"),
        ("glance", "BareForTests has nothing to glance at"),
        ("summary", "BareForTests has no summary"),
    ]:
        with pytest.raises(TypeError) as caught:
            getattr(bare, verb)()
        assert str(caught.value) == message
    assert not hasattr(bare, "plot") and "plot" not in dir(bare)


def test_the_notebook_form_escapes_what_it_shows():
    page = make_result(notes=("a < b",))._repr_html_()
    assert "<b>A result &lt;for tests&gt;</b>" in page
    assert "<li>a &lt; b</li>" in page
    assert "second line" not in page
    assert "0.300" in page


@pytest.mark.parametrize(
    ("value", "text"),
    [(math.nan, ""), (0.0, "< .001"), (0.001, ".001"), (0.05, ".050"), (0.9996, "1.000"), (1.0, "1.000")],
)
def test_p_values_are_rendered_as_papers_print_them(value, text):
    assert format_p(value) == text


def test_a_table_is_rounded_for_reading_only():
    frame = pd.DataFrame(
        {"term": ["actor", None], "estimate": [1 / 3, math.nan], "p_value": [0.0312, math.nan], "n": [1, 2]}
    )
    shown = format_table(frame, digits=2)
    assert shown.to_dict("list") == {
        "term": ["actor", ""],
        "estimate": ["0.33", ""],
        "p_value": [".031", ""],
        "n": ["1", "2"],
    }
    assert frame["estimate"][0] == 1 / 3


def test_saving_as_the_last_line_of_a_cell_fills_no_page(tmp_path):
    text = make_result().to_json()
    assert repr(text).endswith("characters; print() shows them all") and len(repr(text)) < 150
    assert make_result().to_json(tmp_path / "fit.json") is None
    assert (tmp_path / "fit.json").read_text(encoding="utf-8") == text + "\n"
    assert json.loads(text)["schema"]


def test_a_result_without_a_figure_says_so_and_what_to_draw_from():
    frame = rd.simulate.cycles("linear", n_dyads=1, n_occasions=40, seed=1).panel
    table = rd.cycles.vigilance(frame, warmth="warmth", response="response")
    for result in (make_result(), table):
        with pytest.raises(AttributeError) as caught:
            result.plot()
        told = f"{type(result).__name__} has no figure: draw the columns of tidy(), a data frame, as you like."
        assert str(caught.value) == told
