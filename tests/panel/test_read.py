"""Reading every format, and one sentence for every file that cannot be read."""

import importlib
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reldyn.errors import DataError, DataWarning, DesignError
from reldyn.panel import check_panel, read_table
from reldyn.panel.reading._packages import require_io
from reldyn.panel.reading._read import read_parquet_table, unique_headers

FRAME = pd.DataFrame({"couple": [1, 1, 2, 2], "role": ["f", "m", "f", "m"], "mood": [3.5, np.nan, 4.0, 1.0]})


def written(folder, name, content, encoding="utf-8"):
    path = Path(folder) / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def message(path, **options):
    with pytest.raises(DataError) as caught:
        read_table(path, **options)
    assert caught.value.__cause__ is None
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".feather", ".xlsx", ".sav", ".dta", ".CSV"])
def test_every_format_gives_the_same_table(tmp_path, suffix):
    path = tmp_path / f"tägliche notes{suffix}"
    writers = {
        ".csv": lambda: FRAME.to_csv(path, index=False),
        ".tsv": lambda: FRAME.to_csv(path, index=False, sep="\t"),
        ".parquet": lambda: FRAME.to_parquet(path),
        ".feather": lambda: FRAME.to_feather(path),
        ".xlsx": lambda: FRAME.to_excel(path, index=False),
        ".sav": lambda: importlib.import_module("pyreadstat").write_sav(FRAME, str(path)),
        ".dta": lambda: importlib.import_module("pyreadstat").write_dta(FRAME, str(path)),
    }
    writers[suffix.lower()]()
    frame = read_table(path)
    assert frame.columns.tolist() == ["couple", "role", "mood"]
    assert frame["couple"].tolist() == [1, 1, 2, 2]
    assert frame["role"].tolist() == ["f", "m", "f", "m"]
    np.testing.assert_array_equal(frame["mood"].to_numpy(dtype=float), FRAME["mood"])
    lines = {} if suffix in (".parquet", ".feather", ".sav", ".dta") else {"lines": {"n": 4, "steps": ((0, 2),)}}
    assert frame.attrs == lines


def test_a_named_index_of_a_parquet_file_becomes_a_column(tmp_path):
    path = tmp_path / "a.parquet"
    FRAME.set_index("couple").to_parquet(path)
    assert read_table(path).columns.tolist() == ["couple", "role", "mood"]


def test_blanks_and_codes_become_missing(tmp_path):
    path = written(tmp_path, "a.csv", "a,b,c\n1, ,x\n.,NA,\n-99,4,5\n")
    frame = read_table(path)
    np.testing.assert_array_equal(frame["a"], [1, np.nan, -99])
    np.testing.assert_array_equal(frame["b"], [np.nan, np.nan, 4])
    assert frame["c"].tolist()[0] == "x"
    assert frame["c"].isna().tolist() == [False, True, False]
    more = read_table(path, missing=("", " ", "NA", ".", "x", -99))
    np.testing.assert_array_equal(more["a"], [1, np.nan, np.nan])
    np.testing.assert_array_equal(more["c"], [np.nan, np.nan, 5])
    assert read_table(path, missing="x")["b"].tolist() == [" ", "NA", "4"]


@pytest.mark.parametrize("suffix", [".xlsx", ".parquet", ".sav"])
def test_codes_become_missing_in_other_formats_too(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    frame = pd.DataFrame({"a": [1.0, -99.0], "b": ["x", "."]})
    if suffix == ".xlsx":
        frame.to_excel(path, index=False)
    elif suffix == ".parquet":
        frame.to_parquet(path)
    else:
        importlib.import_module("pyreadstat").write_sav(frame, str(path))
    back = read_table(path, missing=(".", -99))
    np.testing.assert_array_equal(back["a"], [1, np.nan])
    assert back["b"].isna().tolist() == [False, True]


def test_semicolons_decimal_commas_and_a_byte_order_mark(tmp_path):
    path = written(tmp_path, "basic.csv", '\ufeffcode;mood;note\r\n1;3,05;"a; b"\r\n2;4;c\r\n')
    frame = read_table(path)
    assert frame.columns.tolist() == ["code", "mood", "note"]
    assert frame["mood"].tolist() == [3.05, 4.0]
    assert frame["note"].tolist() == ["a; b", "c"]
    points = written(tmp_path, "points.csv", "code;mood\n1;3.5\n2;4\n")
    assert read_table(points)["mood"].tolist() == [3.5, 4.0]
    assert read_table(path, decimal=".")["mood"].tolist() == ["3,05", "4"]


def test_a_semicolon_file_whose_items_hold_commas(tmp_path):
    path = written(tmp_path, "a.csv", "code;mood, today\n1;3\n2;4\n")
    assert read_table(path).columns.tolist() == ["code", "mood, today"]


def test_mixed_decimal_marks_stay_text_and_are_found(tmp_path):
    path = written(tmp_path, "a.csv", "dyad;person;mood\n1;1;3,5\n1;2;4.5\n")
    frame = read_table(path)
    found = check_panel(frame, dyad="dyad", person="person")
    assert found.loc[0, ["code", "rows"]].tolist() == ["decimal-comma", (0,)]


def test_other_encodings_are_read_when_named(tmp_path):
    path = written(tmp_path, "a.csv", "who,role\n1,Männer\n", encoding="latin-1")
    assert read_table(path, encoding="latin-1")["role"].tolist() == ["Männer"]


def test_quoted_fields_may_hold_delimiters_and_line_ends(tmp_path):
    path = written(tmp_path, "a.csv", 'who,note\n1,"a, ""b""\nc"\n\n2,5" tall\n')
    assert read_table(path)["note"].tolist() == ['a, "b"\nc', '5" tall']


def test_a_duplicated_header_is_kept_warned_of_and_an_error_when_used(tmp_path):
    path = written(tmp_path, "a.csv", "dyad,person,mood,mood,mood.1\n1,1,3,4,5\n1,2,4,3,5\n")
    text = (
        f"{path}: the header 'mood' stands 2 times; the columns are kept as mood, mood.2. "
        "Rename them before using them."
    )
    with pytest.warns(DataWarning) as caught:
        frame = read_table(path)
    assert [str(entry.message) for entry in caught] == [text]
    assert frame.columns.tolist() == ["dyad", "person", "mood", "mood.2", "mood.1"]
    assert frame.attrs == {
        "duplicated_columns": {"mood": ("mood", "mood.2")},
        "lines": {"n": 2, "steps": ((0, 2),)},
    }
    assert frame.copy().attrs == frame.attrs
    found = check_panel(frame.copy(), dyad="dyad", person="person", variables=["mood"])
    assert found.loc[0, ["code", "severity", "message"]].tolist() == [
        "duplicated-column",
        "error",
        "'mood' is used, but its header stands 2 times in the file (mood, mood.2).",
    ]
    assert "error" not in set(check_panel(frame, dyad="dyad", person="person")["severity"])


def test_headers_are_told_apart_without_clashes():
    assert unique_headers(["a", "a", "a"]) == (["a", "a.1", "a.2"], {"a": ("a", "a.1", "a.2")})
    assert unique_headers(["a.1", "a", "a"]) == (["a.1", "a", "a.2"], {"a": ("a", "a.2")})
    assert unique_headers(["a", "b"]) == (["a", "b"], {})


@pytest.mark.shared_data
def test_the_real_diary_has_a_header_twice(shared_data):
    with pytest.warns(DataWarning, match="Cavoid_A"):
        frame = read_table(shared_data / "kashy_diary_pairwise.csv")
    assert frame.shape == (2884, 19)
    assert frame.attrs["duplicated_columns"] == {"Cavoid_A": ("Cavoid_A", "Cavoid_A.1")}
    assert frame["conflict_A"].dtype == float
    assert frame["conflict_A"].isna().sum() == 29


@pytest.mark.shared_data
def test_every_real_file_is_read_like_pandas_does(shared_data):
    for path in sorted(shared_data.glob("*.csv")):
        if path.name.startswith("kashy"):
            continue
        expected = pd.read_csv(path, na_values=[" ", "."])
        pd.testing.assert_frame_equal(read_table(path), expected)


# Files that cannot be read: one sentence each.


def test_no_such_file(tmp_path):
    path = tmp_path / "diray.csv"
    assert message(path) == f"{path}: there is no such file."
    written(tmp_path, "diary.csv", "a\n1\n")
    assert message(path) == f"{path}: there is no such file. The folder holds diary.csv."


def test_a_folder(tmp_path):
    path = tmp_path / "a.csv"
    path.mkdir()
    assert message(path) == f"{path}: this is a folder, not a file."


def test_an_unknown_suffix(tmp_path):
    path = tmp_path / "a.xls"
    assert message(path) == (
        f"{path}: unknown kind of file '.xls'; readable are .csv, .tsv, .txt, .parquet, .feather, .xlsx, .sav, .dta."
    )


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".feather", ".xlsx", ".sav", ".dta"])
def test_an_empty_file(tmp_path, suffix):
    path = written(tmp_path, f"a{suffix}", "")
    assert message(path) == f"{path}: the file is empty."


@pytest.mark.parametrize("content", ["\n\n", "  \r\n", "\ufeff"])
def test_a_file_of_blanks(tmp_path, content):
    path = written(tmp_path, "a.csv", content)
    assert message(path) == f"{path}: the file is empty."


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet"])
def test_a_header_only(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    empty = FRAME.iloc[:0]
    {".csv": empty.to_csv, ".xlsx": empty.to_excel, ".parquet": empty.to_parquet}[suffix](path, index=False)
    assert message(path) == f"{path}: the file has a header but no rows."


def test_an_empty_workbook(tmp_path):
    path = tmp_path / "a.xlsx"
    pd.DataFrame().to_excel(path, index=False)
    assert message(path) == f"{path}: the file is empty."


@pytest.mark.parametrize(
    ("name", "delimiter", "rest"),
    [
        (
            "a.csv",
            "\t",
            'tabs, not by the commas that .csv promises: rename the file to .tsv, or pass delimiter="\\t".',
        ),
        ("a.csv", "|", 'bars, not by the commas that .csv promises: pass delimiter="|".'),
        ("a.tsv", ",", 'commas, not by the tabs that .tsv promises: rename the file to .csv, or pass delimiter=",".'),
        ("a.tsv", ";", 'semicolons, not by the tabs that .tsv promises: pass delimiter=";".'),
    ],
)
def test_a_wrong_delimiter(tmp_path, name, delimiter, rest):
    path = written(tmp_path, name, "a,b\n1,2\n".replace(",", delimiter))
    assert message(path) == f"{path}: the fields are separated by {rest}"


def test_semicolons_that_do_not_fit(tmp_path):
    path = written(tmp_path, "a.csv", "a;b\n1;2;3\n")
    assert message(path) == (
        f"{path}: line 2 has 3 fields where the header has 2; look for a lost or unquoted delimiter."
    )


def test_a_decimal_mark_that_separates(tmp_path):
    path = written(tmp_path, "a.csv", "a,b\n1,2\n")
    assert message(path, decimal=",") == (
        f"{path}: decimal=',' is also what separates the fields; the numbers cannot be told apart."
    )
    with pytest.raises(DesignError) as caught:
        read_table(path, decimal=";")
    assert str(caught.value) == "decimal=';' is not known; allowed: None, '.', ','."


@pytest.mark.parametrize("quoted", [False, True])
def test_long_rows(tmp_path, quoted):
    first = '"a\nb"' if quoted else "a"
    path = written(tmp_path, "a.csv", f"x,y\n{first},2\n1,2,3\n5,6\n")
    assert message(path) == (
        f"{path}: line {4 if quoted else 3} has 3 fields where the header has 2; look for a lost or unquoted delimiter."
    )


def test_a_quotation_mark_that_is_never_closed(tmp_path):
    path = written(tmp_path, "a.csv", 'x,y\n1,"2\n3,4\n')
    assert message(path) == (
        f"{path}: a quotation mark in the record that begins on line 2 is never closed, so the records run into "
        "one another."
    )


@pytest.mark.parametrize(("mark", "at"), [(b"", 16), (b"\xef\xbb\xbf", 19)])
def test_bytes_that_are_not_utf8(tmp_path, mark, at):
    path = written(tmp_path, "a.csv", mark + b"who,role\n1,f\n2,M\xe4nner\n")
    assert message(path) == (
        f"{path}: byte 0xe4 at position {at} (line 3) is not UTF-8. It stands in a word that is 'Männer' in cp1252 "
        "(Windows), 'M‰nner' in mac_roman (old Macs), 'Mõnner' in cp850 (DOS). "
        'Pass encoding="cp1252" or encoding="mac_roman" or encoding="cp850", whichever gives the right word, or save '
        "the file as UTF-8."
    )


def test_the_wrong_encoding(tmp_path):
    path = written(tmp_path, "a.csv", b"who\n\xe4\n")
    assert message(path, encoding="ascii") == (
        f"{path}: byte 0xe4 at position 4 (line 2) is not ascii: pass the right encoding."
    )
    assert message(path, encoding="klingon") == f"{path}: encoding='klingon' is not known; try 'utf-8' or 'latin-1'."
    wide = written(tmp_path, "b.csv", "a,b\n1,2\n", encoding="utf-16")
    assert read_table(wide).columns.tolist() == ["a", "b"]
    assert read_table(wide, encoding="utf-16").columns.tolist() == ["a", "b"]


def test_binary_data_in_a_text_file(tmp_path):
    path = written(tmp_path, "a.csv", b"a,b\n\0\0,1\n")
    assert message(path) == f"{path}: the file holds binary data, not text; check its suffix."


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [(".parquet", "parquet file"), (".feather", "feather file"), (".sav", "SPSS file"), (".dta", "Stata file")],
)
def test_a_file_of_another_kind(tmp_path, suffix, kind):
    path = written(tmp_path, f"a{suffix}", "a,b\n1,2\n")
    assert message(path) == f"{path}: this is no readable {kind}; export it again."


def test_no_workbook(tmp_path):
    path = written(tmp_path, "a.xlsx", "a,b\n1,2\n")
    assert message(path) == (f"{path}: this is no Excel workbook (.xlsx); export it again, or save it as .csv.")
    other = tmp_path / "b.xlsx"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert message(other) == f"{other}: this is no readable Excel workbook; export it again."


def claim(path, size):
    """Let the only member of an archive claim to unpack to `size` bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 1000)
    raw = bytearray(path.read_bytes())
    entry = raw.index(b"PK\x01\x02")
    raw[entry + 24 : entry + 28] = size.to_bytes(4, "little")
    path.write_bytes(bytes(raw))


def test_a_workbook_that_claims_two_gigabytes(tmp_path):
    path = tmp_path / "a.xlsx"
    claim(path, 2_000_000_000)
    assert message(path) == (
        f"{path}: the workbook claims to unpack to 2,000 MB, more than the 200 MB that are read: "
        "save it as .csv or .parquet."
    )


def test_a_workbook_that_unpacks_a_thousandfold(tmp_path):
    path = tmp_path / "a.xlsx"
    claim(path, 50_000_000)
    assert message(path) == (
        f"{path}: xl/worksheets/sheet1.xml in the workbook claims to unpack to more than 100 times its size; "
        "such files are not opened: save it as .csv or .parquet."
    )


def test_more_than_one_sheet_is_said(tmp_path):
    path = tmp_path / "a.xlsx"
    with pd.ExcelWriter(path) as book:
        FRAME.to_excel(book, sheet_name="diary", index=False)
        FRAME.to_excel(book, sheet_name="notes", index=False)
    with pytest.warns(DataWarning) as caught:
        read_table(path)
    assert [str(entry.message) for entry in caught] == [
        f"{path}: the workbook has 2 sheets ('diary', 'notes'); only the first, 'diary', is read. "
        "Name one: sheet='diary'."
    ]
    assert read_table(path, sheet="notes").shape == (4, 3)
    assert message(path, sheet="diray") == f"{path}: no sheet 'diray' (nearest: 'diary'). Sheets: 'diary', 'notes'."


def test_cells_without_a_header(tmp_path):
    path = tmp_path / "a.xlsx"
    pd.DataFrame([["a", None], [1, None], [2, 3]]).to_excel(path, index=False, header=False)
    assert message(path) == (f"{path}: row 3 has 2 cells where the header has 1; give every column a header.")


def test_a_reader_that_is_not_installed(tmp_path, monkeypatch):
    def absent(module):
        raise ModuleNotFoundError(module)

    for suffix, package in ((".sav", "pyreadstat"), (".parquet", "pyarrow"), (".feather", "pyarrow")):
        path = written(tmp_path, f"a{suffix}", "x")
        with monkeypatch.context() as patch:
            patch.setattr("reldyn.panel.reading._packages.importlib.import_module", absent)
            assert message(path) == f'this needs {package}, which is not installed: pip install "reldyn[io]".'
    with pytest.raises(DataError) as caught:
        require_io("no_such_package.part")
    assert str(caught.value) == 'this needs no_such_package, which is not installed: pip install "reldyn[io]".'


def test_a_file_that_may_not_be_opened(tmp_path, monkeypatch):
    path = written(tmp_path, "a.csv", "a\n1\n")

    def refused(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refused)
    assert message(path) == f"{path}: the file cannot be opened (Permission denied)."


def test_a_parquet_table_keeps_its_metadata(tmp_path):
    path = tmp_path / "a.parquet"
    FRAME.to_parquet(path)
    assert b"pandas" in read_parquet_table(path).schema.metadata
    with pytest.raises(DataError) as caught:
        read_parquet_table(tmp_path / "b.parquet")
    assert str(caught.value) == f"{tmp_path / 'b.parquet'}: there is no such file. The folder holds a.parquet."
