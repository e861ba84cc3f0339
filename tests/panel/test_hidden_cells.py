"""Rows, columns and sheets that a workbook hides are read, and the reader is told."""

import warnings

import pytest

from reldyn.errors import DataWarning
from reldyn.panel import read_table

openpyxl = pytest.importorskip("openpyxl")


@pytest.fixture
def book():
    book = openpyxl.Workbook()
    book.active.title = "diary"
    for cells in (["couple", "who", "mood"], *([1 + n // 4, "ab"[n % 2], n] for n in range(12))):
        book.active.append(cells)
    return book


def said(path, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        frame = read_table(path, **options)
    return frame, [str(one.message) for one in caught]


def test_hidden_rows_are_read_and_counted(tmp_path, book):
    for number in (3, 4, 9):
        book.active.row_dimensions[number].hidden = True
    book.save(tmp_path / "a.xlsx")
    frame, texts = said(tmp_path / "a.xlsx")
    assert len(frame) == 12
    assert texts == [
        f"{tmp_path / 'a.xlsx'}: sheet 'diary' hides 3 rows (rows 3, 4, 9), and what is hidden is read: delete it in "
        "the workbook if it is not to count, for a filter or outline only hides it; else show it there."
    ]


def test_rows_of_a_filter_and_hidden_columns(tmp_path, book):
    book.active.auto_filter.ref = "A1:C13"
    for number in range(2, 12):
        book.active.row_dimensions[number].hidden = True
    book.active.column_dimensions["C"].hidden = True
    book.save(tmp_path / "a.xlsx")
    (text,) = said(tmp_path / "a.xlsx")[1]
    assert "hides 10 rows (rows 2, 3, 4, 5, 6 and 5 more) and 1 column ('mood'), and what" in text


def test_a_hidden_sheet_that_is_read(tmp_path, book):
    book.active.sheet_state = "veryHidden"
    book.create_sheet("notes").append(["a"])
    book["notes"].append([1])
    book.active = 1
    book.save(tmp_path / "a.xlsx")
    assert any("sheet 'diary' is hidden itself, and what is hidden" in text for text in said(tmp_path / "a.xlsx")[1])
    assert said(tmp_path / "a.xlsx", sheet="notes")[1] == []


def test_what_holds_no_data_may_be_hidden(tmp_path, book):
    for number in (1, 40):
        book.active.row_dimensions[number].hidden = True
    book.active.column_dimensions["F"].hidden = True
    book.active.row_dimensions[5].height = 30
    book.save(tmp_path / "a.xlsx")
    assert said(tmp_path / "a.xlsx")[1] == []
