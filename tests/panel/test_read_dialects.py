"""Tables as platforms, spreadsheets and statistics programs write them; what is open is said, never decided."""

import importlib
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import reldyn as rd
from reldyn.errors import DataError, DataWarning, DesignError
from reldyn.panel import read_table
from reldyn.panel.reading import lines_of
from reldyn.panel.reading._text_columns import may_hold_ids


def written(folder, name, content, encoding="utf-8"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def refused(path, kind=DataError, **options):
    with pytest.raises(kind) as caught:
        read_table(path, **options)
    return str(caught.value)


def warned(path, **options):
    with pytest.warns(DataWarning) as caught:
        frame = read_table(path, **options)
    assert all(entry.filename == __file__ for entry in caught)
    return frame, [str(entry.message) for entry in caught]


# Files pasted together.

PASTED = "the header stands again on {}, as where files were pasted together, and is left out there."


@pytest.mark.parametrize(
    ("name", "text", "lines", "said"),
    [
        ("a.csv", "couple,mood\n01,3\n\ncouple,mood\n02,4\n", [2, 5], "line 4"),
        ("a.csv", '\ufeffcouple;mood\r\n01;3\r\n\ufeff"couple"; mood\r\n02;4\r\n', [2, 4], "line 3"),
        ("a.csv", "couple,mood\ncouple,mood\n01,3\n02,4\ncouple,mood\n", [3, 4], "lines 2, 5"),
        ("a.csv", '"couple\n(of 9)";mood\n01;3\n"couple\n(of 9)";mood\n02;4\n', [3, 6], "line 4"),
        ("a.txt", "couple mood\n01 3\ncouple mood\n02 4\n", [2, 4], "line 3"),
    ],
)
def test_a_header_that_stands_again_is_left_out(tmp_path, name, text, lines, said):
    path = written(tmp_path, name, text)
    frame, messages = warned(path)
    assert frame.iloc[:, 0].tolist() == ["01", "02"]
    assert frame["mood"].tolist() == [3, 4]
    assert frame["mood"].dtype == "int64"
    assert lines_of(frame).tolist() == lines
    assert messages == [f"{path}: {PASTED.format(said)} Look whether any record stands in the file twice."]


def test_question_texts_that_stand_again_with_the_header_are_left_out(tmp_path):
    text = "couple,mood\nWhich?,How?\n01,3\ncouple,mood\nWhich?,How?\n02,4\n"
    frame, messages = warned(written(tmp_path, "a.csv", text), header=(0, 1))
    assert (frame["mood"].tolist(), lines_of(frame).tolist()) == ([3, 4], [3, 6])
    assert len(messages) == 1
    assert PASTED.format("lines 4, 5") in messages[0]


def test_a_header_that_stands_again_in_a_workbook_is_left_out(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for cells in (["couple", "mood"], ["01", 3], ["couple", "mood"], ["02", 4]):
        book.active.append(cells)
    book.save(tmp_path / "a.xlsx")
    frame, messages = warned(tmp_path / "a.xlsx")
    assert (frame["couple"].tolist(), frame["mood"].tolist()) == (["01", "02"], [3, 4])
    assert lines_of(frame).tolist() == [2, 4]
    assert PASTED.format("row 3") in messages[0]


def test_names_that_stand_again_in_another_order_are_refused(tmp_path):
    path = written(tmp_path, "a.csv", "couple,mood\n01,3\nmood,couple\n4,02\n")
    assert refused(path) == (
        f"{path}: line 3 names the columns again in another order, as where files were pasted together, so that what "
        "follows stands under wrong names. Read each file by itself and join them with pandas.concat, which goes by "
        "the names."
    )


def test_answers_that_are_missing_do_not_hide_that_blanks_separate_the_fields(tmp_path):
    frame = read_table(written(tmp_path, "a.txt", "mood stress\n3 NA\nNA 4\n"))
    np.testing.assert_array_equal(frame.to_numpy(), [[3, np.nan], [np.nan, 4]])


# Ids.


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " "])
@pytest.mark.parametrize("quoted", [False, True])
def test_ids_with_leading_zeros_stay_text(tmp_path, delimiter, quoted):
    ids = ["001", "1", "NA", "010"]
    cells = [f'"{one}"' if quoted and one != "NA" else one for one in ids]
    text = "\n".join(["couple,y", *(f"{one},{place}" for place, one in enumerate(cells))]).replace(",", delimiter)
    frame = read_table(written(tmp_path, "a.txt", text))
    assert frame["couple"].tolist()[:2] == ["001", "1"]
    assert frame["couple"].isna().tolist() == [False, False, True, False]
    assert frame["y"].tolist() == [0, 1, 2, 3]
    assert frame["y"].dtype == np.int64


def test_one_leading_zero_far_down_makes_the_column_text(tmp_path):
    ids = [str(number) for number in range(1, 3000)] + ["0007"]
    frame = read_table(written(tmp_path, "a.csv", "id,x\n" + "".join(f"{one},0.5\n" for one in ids)))
    assert frame["id"].tolist() == ids
    assert frame["x"].dtype == float


@pytest.mark.parametrize("values", [["0", "10"], ["0.5", "-0.25"], ["08:30", "09:15"], ["1e-05", "100"]])
def test_zeros_that_lead_no_id_change_nothing(tmp_path, values):
    frame = read_table(written(tmp_path, "a.csv", "x,y\n" + "".join(f"{one},1\n" for one in values)))
    assert (frame["x"].dtype.kind in "if") == (":" not in values[0])


def test_ids_of_more_than_15_digits_stay_text(tmp_path):
    ids = ["76561198000000001", "76561198000000002", ""]
    frame = read_table(written(tmp_path, "a.csv", "id,x\n" + "".join(f"{one},1.5\n" for one in ids)))
    assert frame["id"].tolist()[:2] == ids[:2]
    assert frame["id"].isna().sum() == 1
    short = read_table(written(tmp_path, "b.csv", "id\n123456789012345\n"))
    assert short["id"].tolist() == [123456789012345]
    fractions = read_table(written(tmp_path, "c.csv", "x,y\n0.12345678901234567,1\n"))
    assert fractions["x"].tolist() == pytest.approx([0.12345678901234567], rel=1e-15)


def test_text_cells_of_a_workbook_stay_text(tmp_path):
    path = tmp_path / "a.xlsx"
    pd.DataFrame({"couple": ["001", "1"], "long": ["76561198000000001", "2"], "y": [1, 2]}).to_excel(path, index=False)
    frame = read_table(path)
    assert frame["couple"].tolist() == ["001", "1"]
    assert frame["long"].tolist() == ["76561198000000001", "2"]
    assert frame["y"].dtype == np.int64


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("0123456789.,;x\n", max_size=20), max_size=4).map(";".join))
def test_the_quick_look_for_ids_misses_none(text):
    tokens = re.findall(r"[0-9.]+", text)
    assert may_hold_ids(text) >= any(re.fullmatch(r"0[0-9]+|[0-9]{16,}", token) for token in tokens)


# Delimiters, lines above the header, short records.


@pytest.mark.parametrize("mark", [";", ",", "|", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("skip", [0, 1])
def test_the_first_line_of_excel_names_the_delimiter(tmp_path, mark, end, skip):
    lines = [f"sep={mark}", f"couple{mark}note", f'1{mark}"a{mark}b"', f"2{mark}c"]
    frame = read_table(written(tmp_path, "a.csv", "\ufeff" + end.join(lines)), skip=skip)
    assert frame["couple"].tolist() == [1, 2]
    assert frame["note"].tolist() == [f"a{mark}b", "c"]
    assert lines_of(frame).tolist() == [3, 4]


@pytest.mark.parametrize(
    ("title", "skip"),
    [
        ("Export of the study, 2021-03-01\n", 1),
        ("Export of the study\n", 1),
        ("Diary\n\nwritten, by, hand\n", 3),
        ("Heart rate\nof, two\n", 2),
    ],
)
@pytest.mark.parametrize("mark", [",", ";"])
def test_a_line_that_looks_like_the_header_is_offered(tmp_path, title, skip, mark):
    table = "couple,who,day,mood\n1,a,1,1\n1,b,1,2\n1,a,2,3\n1,b,2,3\n".replace(",", mark)
    path = written(tmp_path, "a.csv", title + table)
    text = refused(path)
    assert text.endswith(f"Line {skip + 1} looks like the header (couple, who, day, mood): pass skip={skip}.")
    frame = read_table(path, skip=skip)
    assert frame.columns.tolist() == ["couple", "who", "day", "mood"]
    assert frame["mood"].tolist() == [1, 2, 3, 3]
    assert lines_of(frame).tolist() == list(range(skip + 2, skip + 6))


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_title_padded_with_delimiters_is_said(tmp_path, suffix):
    rows = [["Diary of 2021", "", ""], ["", "", "x"], ["couple", "who", "mood"], [1, "a", 3], [1, "b", 4]]
    path = tmp_path / f"a{suffix}"
    table = pd.DataFrame(rows, dtype=object)
    (table.to_csv if suffix == ".csv" else table.to_excel)(path, index=False, header=False)
    if suffix == ".csv":
        _, texts = warned(path)
        start = f"{path}: the header, line 1, names 1 of 3 columns. Line"
    else:
        texts = [refused(path)]
        start = f"{path}: row 2 has 3 cells where the header has 1. Row"
    assert texts == [f"{start} 3 looks like the header (couple, who, mood): pass skip=2."]
    frame = read_table(path, skip=2)
    assert frame["mood"].tolist() == [3, 4]
    assert lines_of(frame).tolist() == [4, 5]


@pytest.mark.parametrize("mark", [";", ",", "\t"])
def test_short_records_lack_their_last_fields(tmp_path, mark):
    text = '\ufeffid,sent,start,happy,note\n11,1,5,50,"calm"\n\n11,2\n11,3,7,61\n12,1,,\n12,2,9,44,""\n'
    path = written(tmp_path, "a.tsv" if mark == "\t" else "a.csv", text.replace(",", mark))
    frame, texts = warned(path)
    assert texts == [
        f"{path}: 3 of 5 records have fewer fields than the header has (5); the fields at their ends are read as "
        "missing (lines 4, 5, 6)."
    ]
    np.testing.assert_array_equal(frame["happy"], [50, np.nan, 61, np.nan, 44])
    np.testing.assert_array_equal(frame["start"], [5, np.nan, 7, np.nan, 9])
    assert frame["note"].isna().tolist() == [False, True, True, True, True]
    assert lines_of(frame).tolist() == [2, 4, 5, 6, 7]


def test_most_records_may_be_short(tmp_path):
    text = "a;b;c;d\n" + "1;2\n" * 30 + "1;2;3;4\n"
    frame, texts = warned(written(tmp_path, "a.csv", text))
    assert frame.shape == (31, 4)
    assert "30 of 31 records" in texts[0]
    assert "lines 2, 3, 4, 5, 6 and 25 more" in texts[0]


def test_delimiters_at_the_end_of_records_are_no_fields(tmp_path):
    frame = read_table(written(tmp_path, "a.csv", "a,b\n1,2,\n3,4,,\n"))
    assert frame["b"].tolist() == [2, 4]


@pytest.mark.parametrize("name", ["session.txt", "session.csv"])
@pytest.mark.parametrize("header", ['"pat" "th"', "pat th", "  pat   th "])
def test_blanks_between_columns(tmp_path, name, header):
    frame = read_table(written(tmp_path, name, f'{header}\n1550 6948\n 1317   "5657" \n0\t5162\n'))
    assert frame.columns.tolist() == ["pat", "th"]
    assert frame["th"].tolist() == [6948, 5657, 5162]


def test_a_lost_value_between_blanks_is_refused(tmp_path):
    path = written(tmp_path, "a.txt", "pat th x\n1 2 3\n4 5\n6 7 8\n")
    assert refused(path) == (
        f"{path}: line 3 has 2 fields where the header has 3; between blanks a missing value must be written, for "
        "example as NA."
    )


def test_names_of_rows_as_r_writes_them(tmp_path):
    path = written(tmp_path, "a.txt", '"pat" "th"\n"1" 1550 6948\n"2" 1317 5657\n')
    frame, texts = warned(path)
    assert frame.columns.tolist() == ["Unnamed: 0", "pat", "th"]
    assert frame["th"].tolist() == [6948, 5657]
    assert len(texts) == 1


def test_text_with_blanks_is_one_column(tmp_path):
    frame = read_table(written(tmp_path, "a.csv", "what was said\nvery good\nquite bad\n"))
    assert frame.columns.tolist() == ["what was said"]


def test_a_delimiter_can_be_named(tmp_path):
    path = written(tmp_path, "a.csv", "a|b\n1|2\n")
    assert read_table(path, delimiter="|")["b"].tolist() == [2]
    odd = written(tmp_path, "b.txt", "a~b\n1~2\n")
    assert read_table(odd, delimiter="~")["b"].tolist() == [2]
    for wrong in ("", "ab", '"', 3):
        assert refused(path, DesignError, delimiter=wrong).startswith(f"delimiter={wrong!r}: give the one character")


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("a.csv", {"sheet": "x"}, "sheet='x' is for workbooks, not for a.csv: leave it out."),
        ("a.sav", {"skip": 2}, "skip=2 is for text files and workbooks, not for a.sav: leave it out."),
        ("a.xlsx", {"delimiter": ";"}, "delimiter=';' is for text files, not for a.xlsx: leave it out."),
        ("a.csv", {"skip": -1}, "skip=-1: give the number of lines above the header, 0 or more."),
        ("a.csv", {"labels": 3}, "labels=3: give True, False, or the names of columns."),
        ("a.xlsx", {"sheet": 1}, "sheet=1: give the name of the sheet."),
    ],
)
def test_arguments_that_cannot_be_meant(tmp_path, name, options, text):
    assert refused(tmp_path / name, DesignError, **options) == text


@pytest.mark.parametrize("header", [-1, True, (), (0, 0), "names", (0, "x")])
def test_rows_of_names_that_cannot_be_meant(tmp_path, header):
    assert refused(tmp_path / "a.csv", DesignError, header=header).startswith(
        f"header={header!r}: give the row of names"
    )


def test_skipping_everything(tmp_path):
    path = written(tmp_path, "a.csv", "a\n1\n")
    assert refused(path, skip=2) == f"{path}: skip=2 leaves nothing to read."
    assert refused(path, skip=5) == f"{path}: skip=5 leaves nothing to read; the file has 2 lines."
    assert refused(path, header=4) == f"{path}: header=4 names a row that is not there; there are 2."


# Rows below the names.

QUALTRICS = (
    "StartDate,couple,who,day,mood\n"
    'Start Date,Couple,Role,"Day,\nof study",How do you feel?\n'
    '"{""ImportId"":""startDate""}","{""ImportId"":""QID1""}","{""ImportId"":""QID2""}","{""ImportId"":""QID3""}",'
    '"{""ImportId"":""QID4""}"\n'
    + "".join(f"2021-03-0{day} 20:00:00,1,{who},{day},{day}\n" for day in (1, 2) for who in "ab")
)


@pytest.mark.parametrize(("name", "encoding"), [("a.csv", "utf-8-sig"), ("a.csv", "utf-16"), ("a.csv", "utf-16-le")])
def test_the_three_rows_of_qualtrics(tmp_path, name, encoding):
    path = written(tmp_path, name, QUALTRICS, encoding)
    frame, texts = warned(path)
    assert texts == [
        f"{path}: lines 2 and 4 below the names hold question texts and ids as Qualtrics writes them, so that numbers "
        "are read as text: pass header=(0, 1, 2) to leave them out."
    ]
    assert len(frame) == 6
    frame = read_table(path, header=(0, 1, 2))
    assert frame["day"].tolist() == [1, 1, 2, 2]
    assert frame["mood"].dtype == np.int64
    assert lines_of(frame).tolist() == [5, 6, 7, 8]
    assert frame.attrs["column_labels"]["mood"] == "How do you feel?"


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_one_row_of_question_texts(tmp_path, suffix):
    rows = [["id", "day", "mood"], ["Your id", "Which day?", "How do you feel?"], ["x", 1, 4], ["y", 2, 5], ["z", 3, 6]]
    path = tmp_path / f"a{suffix}"
    table = pd.DataFrame(rows, dtype=object)
    (table.to_csv if suffix == ".csv" else table.to_excel)(path, index=False, header=False)
    _, texts = warned(path)
    unit = "line" if suffix == ".csv" else "row"
    assert texts == [
        f"{path}: {unit} 2 below the names holds texts above columns of numbers, so that numbers are read as text: "
        "pass header=(0, 1) to leave it out."
    ]
    frame = read_table(path, header=(0, 1))
    assert frame["mood"].tolist() == [4, 5, 6]
    assert frame["day"].dtype == np.int64
    assert frame.attrs["column_labels"] == {"id": "Your id", "day": "Which day?", "mood": "How do you feel?"}


def test_a_first_answer_in_words_is_no_header(tmp_path):
    text = "id,day,mood\n1,1,none\n1,2,3\n2,1,4\n2,2,5\n"
    assert read_table(written(tmp_path, "a.csv", text))["mood"].tolist() == ["none", "3", "4", "5"]


def test_names_in_a_later_row(tmp_path):
    frame = read_table(written(tmp_path, "a.csv", "x,y\nid,mood\n1,2\n"), header=1)
    assert frame.columns.tolist() == ["id", "mood"]
    assert frame["mood"].tolist() == [2]


# Decimal marks and lists of answers.


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2,3", "1", "3,2,1"], None),
        (["2,3", "1", "1,4", "2"], "warn"),
        (["0,1", "0,10", "2,7"], None),
        (["1,2", "1,3", "2,4", "3,4", "2,5", "4"], "warn"),
        (["3,05", "4"], [3.05, 4.0]),
        (["5,5", "2,7"], "warn"),
        (["3,5", "4,4", "1,2", "6,1", "2,9", "5,0", "3,1", "4,7"], [3.5, 4.4, 1.2, 6.1, 2.9, 5.0, 3.1, 4.7]),
        (["0,10", "5,5", "0,1"], None),
        (["-1,5", "2,5"], [-1.5, 2.5]),
        (["0,125", "3"], [0.125, 3.0]),
        (["120,5", "3,2"], [120.5, 3.2]),
        (["12,50", "3,75"], [12.5, 3.75]),
        (["3,55"], [3.55]),
    ],
)
def test_commas_are_decimal_marks_only_where_no_list_is_possible(tmp_path, delimiter, values, expected):
    text = "id,x\n".replace(",", delimiter) + "".join(f"{n}{delimiter}{one}\n" for n, one in enumerate(values))
    path = written(tmp_path, "a.csv" if delimiter == ";" else "a.tsv", text)
    if expected == "warn":
        frame, texts = warned(path)
        assert texts == [
            f"{path}: column 'x' ({values[0]!r} on line 2) may hold numbers with a decimal comma or lists of chosen "
            'answers, and stays text: pass decimal="," for numbers, decimal="." for lists.'
        ]
    else:
        frame = read_table(path)
    assert frame["x"].tolist() == (expected if isinstance(expected, list) else values)
    assert read_table(path, decimal=".")["x"].tolist() == values


def test_the_mark_is_settled_for_the_file_and_lists_stay_lists(tmp_path):
    text = "id;slider;several;rating\n1;0,125;1,2;2,5\n2;3,5;1,2,4;3,5\n3;1;3;4\n"
    frame = read_table(written(tmp_path, "a.csv", text))
    assert frame["slider"].tolist() == [0.125, 3.5, 1.0]
    assert frame["several"].tolist() == ["1,2", "1,2,4", "3"]
    assert frame["rating"].tolist() == [2.5, 3.5, 4.0]


def test_a_point_in_the_file_leaves_commas_alone(tmp_path):
    frame = read_table(written(tmp_path, "a.csv", "id;slider;several\n1;0.5;1,2\n2;3.5;3,3\n"))
    assert frame["slider"].tolist() == [0.5, 3.5]
    assert frame["several"].tolist() == ["1,2", "3,3"]


def test_quoted_lists_in_a_file_with_commas(tmp_path):
    frame = read_table(written(tmp_path, "a.csv", 'id,several\n1,"2,3"\n2,"1"\n'))
    assert frame["several"].tolist() == ["2,3", "1"]


# Encodings.


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_recognised(tmp_path, encoding):
    frame = read_table(written(tmp_path, "a.csv", "who,rôle\n1,Männer\n2,œuvre\n", encoding))
    assert frame["rôle"].tolist() == ["Männer", "œuvre"]


def test_utf_16_with_big_endian_mark(tmp_path):
    assert read_table(written(tmp_path, "a.csv", "\ufeffa,b\n1,2\n", "utf-16-be")).columns.tolist() == ["a", "b"]


@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman"])
def test_other_encodings_show_what_each_would_give(tmp_path, encoding):
    path = written(tmp_path, "a.csv", "who,word\n1,plain\n2,zärtlich\n", encoding)
    text = refused(path)
    assert "(line 3) is not UTF-8" in text
    for name in ("cp1252", "mac_roman"):
        assert f"{'zärtlich'.encode(encoding).decode(name)!r} in {name}" in text
        assert f'encoding="{name}"' in text
    assert read_table(path, encoding=encoding)["word"].tolist() == ["plain", "zärtlich"]


def test_a_single_byte_encoding_named_for_utf8_is_said(tmp_path):
    path = written(tmp_path, "a.csv", "who,word\n1,zärtlich\n")
    _, texts = warned(path, encoding="latin-1")
    assert texts == [
        f"{path}: encoding='latin-1' reads 'zÃ¤rtlich' on line 2, but the file is valid UTF-8, where the word is "
        "'zärtlich': leave encoding out if that is right."
    ]


def test_a_picture_is_no_text(tmp_path):
    path = written(tmp_path, "a.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    assert refused(path) == f"{path}: the file holds binary data, not text; check its suffix."


# Lines.


def test_lines_are_counted_as_an_editor_does(tmp_path):
    text = '\n\ntitle\nid,note\n1,"a\nb\r\nc"\n\n2,x\n3,y\n'
    frame = read_table(written(tmp_path, "a.csv", text), skip=3)
    assert frame["id"].tolist() == [1, 2, 3]
    assert lines_of(frame).tolist() == [5, 9, 10]
    assert lines_of(frame.sort_values("id", ascending=False)).tolist() == [10, 9, 5]
    assert lines_of(frame[frame["id"] > 1]).tolist() == [9, 10]
    assert lines_of(frame[frame["id"] > 1].reset_index(drop=True)) is None
    assert lines_of(pd.DataFrame({"id": [1]})) is None


def test_sheet_rows_are_counted(tmp_path):
    path = tmp_path / "a.xlsx"
    rows = [["id", "x"], [None, None], [1, 2], [3, 4]]
    pd.DataFrame(rows, dtype=object).to_excel(path, index=False, header=False)
    assert lines_of(read_table(path)).tolist() == [3, 4]


# Dates.


def test_dates_of_named_columns(tmp_path):
    path = written(tmp_path, "a.csv", "id,sent,day,note\n1,03.04.2021 9:30,20210403,x\n2,NA,20210404,y\n")
    frame = read_table(path, dates={"sent": "%d.%m.%Y %H:%M", "day": "%Y%m%d"})
    assert frame["sent"].tolist()[0] == pd.Timestamp("2021-04-03 09:30")
    assert frame["sent"].isna().tolist() == [False, True]
    assert frame["day"].tolist() == [pd.Timestamp("2021-04-03"), pd.Timestamp("2021-04-04")]
    assert frame["note"].tolist() == ["x", "y"]
    assert lines_of(frame).tolist() == [2, 3]


def test_one_format_takes_every_column_that_it_fits(tmp_path):
    path = written(tmp_path, "a.csv", "id,sent,done,note\n1,2021-04-03T09:30,2021-04-03,x\n2,2021-04-04,,y\n")
    frame = read_table(path, dates="iso")
    assert [frame[name].dtype.kind for name in ("id", "sent", "done", "note")] == ["i", "M", "M", "O"]


def test_dates_that_do_not_fit_are_named_with_their_lines(tmp_path):
    path = written(tmp_path, "a.csv", "id,sent\n1,03.04.2021\n\n2,2021-04-03\n3,31.02.2021\n4,NA\n")
    assert refused(path, dates={"sent": "%d.%m.%Y"}) == (
        f"{path}: column 'sent': 2 of 3 values are no dates of the form '%d.%m.%Y': '2021-04-03', '31.02.2021' "
        "(lines 4, 5). Correct them, name them as missing=, or name another form: dates={'sent': ...}."
    )
    assert "column 'sent' fits in 33% of its values, but not in '2021-04-03'" in refused(path, dates="%d.%m.%Y")
    assert "no column 'snt'" in refused(path, dates={"snt": "iso"})
    assert refused(path, DesignError, dates="dmy").startswith("dates='dmy': give a format such as")
    assert "no column holds dates" in refused(path, dates="%Y%m%d")
    for form, words in (
        ("%H:%M", "names no date"),
        ("%d.%m.", "names no year"),
        ("%d.%m.%Y %H:%M %p", "nothing is read of %p"),
        ("%d.%m.%Y %I:%M", "add %p, or write %H"),
    ):
        assert words in refused(path, DesignError, dates=form)
        assert words in refused(path, DesignError, dates={"sent": form})


def test_several_offsets_become_utc(tmp_path):
    path = written(tmp_path, "a.csv", "id,sent\n1,2021-03-27T20:00:00+01:00\n2,2021-03-28T20:00:00+02:00\n")
    frame, texts = warned(path, dates={"sent": "iso"})
    assert frame["sent"].tolist() == [
        pd.Timestamp("2021-03-27 19:00", tz="UTC"),
        pd.Timestamp("2021-03-28 18:00", tz="UTC"),
    ]
    assert texts == [f"{path}: column 'sent' has several offsets from UTC; its times are read as UTC."]


# SPSS and Stata.


def statistics(path, frame, labels, **options):
    pyreadstat = importlib.import_module("pyreadstat")
    writer = pyreadstat.write_sav if path.suffix == ".sav" else pyreadstat.write_dta
    writer(frame, str(path), variable_value_labels=labels, **options)
    return path


LABELLED = pd.DataFrame(
    {
        "couple": [1.0, 1.0, 2.0, 2.0],
        "sex": [1.0, 2.0, 1.0, 2.0],
        "mood": [1.0, 4.0, 7.0, 1.0],
        "w": [0.5, 1.0, 2.0, 3.0],
    }
)
LABELS = {"sex": {1: "woman", 2: "man"}, "mood": {1: "never", 7: "always"}}


@pytest.mark.parametrize("suffix", [".sav", ".dta"])
def test_value_labels_become_values_where_all_are_labelled(tmp_path, suffix):
    path = statistics(tmp_path / f"a{suffix}", LABELLED, LABELS)
    frame = read_table(path)
    assert frame["sex"].tolist() == ["woman", "man", "woman", "man"]
    assert frame["mood"].tolist() == [1, 4, 7, 1]
    assert frame["couple"].dtype == frame["mood"].dtype == np.int64
    assert frame["w"].dtype == float
    assert frame.attrs["value_labels"] == LABELS
    codes = read_table(path, labels=False)
    assert codes["sex"].tolist() == [1, 2, 1, 2]
    assert codes["sex"].dtype == np.int64
    assert read_table(path, labels=("sex",))["sex"].tolist() == frame["sex"].tolist()
    assert refused(path, labels=("mood",)) == (
        f"{path}: labels names 'mood', but its value 4 has no label: label it, or leave the column out of labels."
    )
    assert refused(path, labels=("w",)) == f"{path}: labels names 'w', which the file gives no value labels."


@pytest.mark.parametrize("suffix", [".sav", ".dta"])
@pytest.mark.parametrize("label", ["keine Angabe", "Refused", "don't know", "weiß nicht", "(no answer)", "k.A."])
def test_a_number_whose_label_says_that_there_is_no_answer_is_warned_of(tmp_path, suffix, label):
    frame = LABELLED.assign(mood=[1.0, 4.0, 9.0, 1.0])
    path = statistics(tmp_path / f"a{suffix}", frame, {"mood": {1: "never", 7: "always", 9: label}})
    read, texts = warned(path)
    assert read["mood"].tolist() == [1, 4, 9, 1]
    assert texts == [
        f"{path}: values whose labels say that there is no answer are read as numbers: mood 9 {label!r}. Declare them "
        "missing in the file, or blank them: frame.loc[frame['mood'] == 9, 'mood'] = float('nan')."
    ]
    assert read_table(path, missing=(..., 9))["mood"].isna().sum() == 1


def test_a_label_of_no_answer_that_nobody_chose_or_that_is_an_answer_is_not_warned_of(tmp_path):
    labels = {"mood": {1: "I don't know what I feel", 9: "keine Angabe"}, "sex": {1: "woman", 2: "no answer"}}
    frame = read_table(statistics(tmp_path / "a.sav", LABELLED, labels))
    assert frame["mood"].tolist() == [1, 4, 7, 1]
    assert frame["sex"].tolist() == ["woman", "no answer", "woman", "no answer"]


def test_labels_that_cannot_stand_for_codes_are_refused_by_name(tmp_path):
    labels = {"sex": {1: "same", 2: "same"}, "mood": {1: "never", 4: "", 7: "always"}, "w": {1: "one"}}
    path = statistics(tmp_path / "a.sav", LABELLED.assign(w=np.nan), labels)
    assert refused(path, labels=("sex",)) == (
        f"{path}: labels names 'sex', but its values 1 and 2 have the same label 'same': give each its own, or leave "
        "the column out of labels."
    )
    assert "but its value 4 has no label" in refused(path, labels=("mood",))
    assert read_table(path, labels=("w",))["w"].isna().all()
    assert read_table(path)["sex"].tolist() == [1, 2, 1, 2]


def test_codes_declared_as_missing_are_missing(tmp_path):
    frame = LABELLED.assign(sex=[1.0, 2.0, 9.0, 2.0], mood=[1.0, -99.0, 7.0, 1.0])
    labels = {"sex": LABELS["sex"] | {9: "refused"}}
    path = statistics(tmp_path / "a.sav", frame, labels, missing_ranges={"sex": [9]})
    back = read_table(path, missing=("", -99))
    assert back["sex"].tolist()[:2] == ["woman", "man"]
    assert back["sex"].isna().tolist() == [False, False, True, False]
    np.testing.assert_array_equal(back["mood"], [1, np.nan, 7, 1])


def test_labelled_scales_are_said_and_ordinal_ones_keep_their_numbers(tmp_path):
    scale = {code: f"level {code}" for code in range(1, 6)}
    frame = pd.DataFrame({"x": [1.0, 2.0, 5.0], "y": [1.0, 2.0, 5.0], "z": [1.0, 2.0, 5.0]})
    path = statistics(
        tmp_path / "a.sav", frame, dict.fromkeys("xyz", scale), variable_measure={"y": "ordinal", "z": "nominal"}
    )
    back, texts = warned(path)
    assert back["x"].tolist() == back["z"].tolist() == ["level 1", "level 2", "level 5"]
    assert back["y"].tolist() == [1, 2, 5]
    assert len(texts) == 1
    assert "every value of x has a label" in texts[0]


def test_two_codes_with_one_label_stay_codes(tmp_path):
    path = statistics(tmp_path / "a.sav", LABELLED, {"sex": {1: "other", 2: "other"}})
    assert read_table(path)["sex"].tolist() == [1, 2, 1, 2]


# Round trips.

WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp"), exclude_characters='"'),
    min_size=1,
    max_size=8,
)


def text_cells():
    """Words with a letter in front, so that no table of words looks like numbers, dates or codes for missing."""
    return WORDS.map(lambda word: f"w{word}")


@st.composite
def tables(draw):
    n = draw(st.integers(2, 6))
    columns = {"id": draw(st.lists(st.integers(1, 10**6), min_size=n, max_size=n))}
    columns["half"] = [number + 0.125 for number in draw(st.lists(st.integers(-500, 500), min_size=n, max_size=n))]
    columns["word"] = draw(st.lists(text_cells(), min_size=n, max_size=n))
    columns["code"] = ["007", *draw(st.lists(st.integers(0, 999).map(str), min_size=n - 1, max_size=n - 1))]
    return pd.DataFrame(columns)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=tables(),
    delimiter=st.sampled_from([",", ";", "\t", " "]),
    comma=st.booleans(),
    quoting=st.sampled_from([0, 1, 2]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
@example(
    table=pd.DataFrame({"id": [1, 2], "half": [0.125, 1.125], "word": ["w,;", "w\t"], "code": ["007", "1"]}),
    delimiter=";",
    comma=True,
    quoting=0,
    encoding="utf-16",
    end="\r\n",
)
def test_tables_come_back_from_every_dialect(tmp_path, table, delimiter, comma, quoting, encoding, end):
    path = tmp_path / {"\t": "a.tsv", " ": "a.txt"}.get(delimiter, "a.csv")
    text = table.to_csv(
        index=False,
        sep=delimiter,
        decimal="," if comma and delimiter != "," else ".",
        quoting=quoting,
        lineterminator=end,
    )
    path.write_bytes(text.encode(encoding))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        back = read_table(path)
    assert back.columns.tolist() == table.columns.tolist()
    for name in table:
        assert back[name].tolist() == table[name].tolist()
    assert lines_of(back).tolist() == list(range(2, len(table) + 2))


def test_a_first_line_that_names_the_wrong_delimiter_is_refused(tmp_path):
    path = tmp_path / "diary.csv"
    path.write_text("sep=,\nid;mood\n1;2\n2;3\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"line 1 says sep=,, but the fields are separated by semicolons: pass deli"):
        read_table(path)
    assert read_table(path, delimiter=";", skip=1)["mood"].tolist() == [2, 3]


def test_ids_with_an_inner_e_stay_text(tmp_path):
    path = tmp_path / "diary.csv"
    path.write_text("id,size\n1E5,1.5e-3\n100,2e-3\n", encoding="utf-8")
    table = read_table(path)
    assert table["id"].tolist() == ["1E5", "100"]
    assert table["size"].tolist() == [0.0015, 0.002]


def test_columns_without_a_name_are_a_finding(tmp_path):
    path = tmp_path / "diary.csv"
    path.write_text("\n,couple,who,day,,,\n1,1,a,1,4,,\n2,1,b,1,6,,\n3,1,a,2,5,,\n4,1,b,2,2,,\n", encoding="utf-8")
    frame = rd.read_table(path)
    assert frame.columns.tolist() == ["Unnamed: 0", "couple", "who", "day", "Unnamed: 4", "Unnamed: 5", "Unnamed: 6"]
    table = rd.check_panel(frame, dyad="couple", person="who", day="day")
    found = table[table["code"] == "unnamed-header"]
    assert found[["severity", "column", "message"]].to_numpy().tolist() == [
        ["warning", "Unnamed: 4", "column 5 has no name in the header (line 2) and is called 'Unnamed: 4'."],
        ["note", "Unnamed: 0", "column 1 has no name in the header (line 2) and is called 'Unnamed: 0'."],
        ["note", "Unnamed: 5", "column 6 has no name in the header (line 2) and is called 'Unnamed: 5'."],
        ["note", "Unnamed: 6", "column 7 has no name in the header (line 2) and is called 'Unnamed: 6'."],
    ]
    renamed = frame.rename(columns={"Unnamed: 4": "mood"}).drop(columns=["Unnamed: 0", "Unnamed: 5", "Unnamed: 6"])
    assert "unnamed-header" not in set(rd.check_panel(renamed, dyad="couple", person="who", day="day")["code"])
    panel = rd.DyadPanel(frame, dyad="couple", person="who", day="day")
    assert "unnamed-header" in set(panel.findings["code"])


def test_a_cell_without_a_header_in_a_workbook_is_a_finding(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["Diary"], ["couple", "who", None, "mood"], [1, "a", "x", 3], [1, "b", "y", 4]):
        book.active.append(row)
    book.save(tmp_path / "diary.xlsx")
    frame = rd.read_table(tmp_path / "diary.xlsx", skip=1)
    table = rd.check_panel(frame, dyad="couple", person="who")
    assert table.loc[table["code"] == "unnamed-header", "message"].tolist() == [
        "column 3 has no name in the header (row 2) and is called 'Unnamed: 2'."
    ]


def test_records_of_delimiters_at_the_end_are_left_out_and_counted(tmp_path):
    path = written(tmp_path, "t.csv", "couple;mood\n1;3\n;\n2;4\n;\n; \n\n;\n")
    with pytest.warns(DataWarning, match=r"3 records at the end, from line 5 on, hold nothing"):
        frame = read_table(path)
    assert (len(frame), lines_of(frame).tolist()) == (3, [2, 3, 4])
    path = written(tmp_path, "u.csv", "couple;mood\n1;3\n\x1a")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_table(path)["couple"].tolist() == [1]


def test_dates_that_a_spreadsheet_of_another_country_exchanged_are_warned_of(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["couple", "day"])
    for day in range(9, 16):
        # 9 March became 3 September; 13 March stayed a text.
        book.active.append([1, pd.Timestamp(2026, day, 3).to_pydatetime() if day <= 12 else f"{day}.03.2026"])
    book.save(tmp_path / "t.xlsx")
    with pytest.warns(DataWarning, match=r"'day' holds 4 dates and 3 texts.*probably exchanged \(rows 2, 3, 4, 5\)"):
        read_table(tmp_path / "t.xlsx")
    book.active["B5"] = "02.03.2026"
    book.save(tmp_path / "t.xlsx")
    with pytest.warns(DataWarning, match="read some of its dates and not the others") as said:
        read_table(tmp_path / "t.xlsx")
    assert "exchanged" not in str(said[0].message)


def test_formulas_without_results_are_warned_of(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["couple", "mood", "empty"], [1, "=1+2", None], [2, "=2+2", None]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    with pytest.warns(DataWarning, match="'mood' holds formulas without their results") as said:
        assert read_table(tmp_path / "t.xlsx")["mood"].isna().all()
    assert len(said) == 1


def test_a_formula_without_result_beside_values_is_named(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    for row in (["id", "t", "x"], ["a", 2, "=B2+1"], ["b", 2, 3]):
        book.active.append(row)
    book.save(tmp_path / "x.xlsx")
    frame, texts = warned(tmp_path / "x.xlsx")
    assert frame["x"].isna().tolist() == [True, False]
    assert "'x' holds formulas without their results, which are read as missing" in texts[0]
