"""The tables of the page on reading: every row is a promise, and each is kept by the case of the same words here."""

import datetime
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reldyn as rd

PAGE = Path(__file__).parents[2] / "docs" / "reading.md"
MONDAY = pd.Timestamp("2026-03-02")
MAY = [pd.Timestamp(2024, 5, day) for day in (12, 13, 14, 15)]
CASES = {}


def row(start):
    """The case of the row of the page whose first cell begins so."""

    def keep(case):
        assert start not in CASES
        CASES[start] = case
        return case

    return keep


def first_cells():
    """The first cell of every row of the tables, without the headers."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [
        place for place, line in enumerate(lines) if line.startswith("| ") and not lines[place + 1].startswith("|--")
    ]
    return [lines[place].split(" | ")[0].removeprefix("| ") for place in rows]


def test_every_row_of_the_page_has_its_case_and_every_case_its_row():
    cells = first_cells()
    assert len(cells) > 60
    without = [cell for cell in cells if sum(cell.startswith(start) for start in CASES) != 1]
    assert without == []
    assert [start for start in CASES if sum(cell.startswith(start) for cell in cells) != 1] == []


@pytest.mark.parametrize("start", [re.sub(r"[\[\]]", "", cell)[:60] for cell in first_cells()])
def test_the_row_holds(start, tmp_path):
    case = next(case for known, case in CASES.items() if start.startswith(known) or known.startswith(start))
    case(tmp_path)


def read(folder, text, name="t.csv", encoding="utf-8", **options):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", rd.DataWarning)
        frame = rd.read_table(path, **options)
    return frame, " ".join(str(one.message) for one in said)


def refused(folder, text, words, name="t.csv", **options):
    with pytest.raises(rd.DataError, match=words):
        read(folder, text, name, **options)


def column(folder, values, mark=";", **options):
    """One column as it is read: its values, and what was said."""
    frame, said = read(folder, f"who{mark}x\n" + "".join(f"a{mark}{value}\n" for value in values), **options)
    return frame["x"].tolist(), said


def diary(moments, couples=2):
    rows = [(couple, role, at, float(n)) for couple in range(couples) for n, at in enumerate(moments) for role in "ab"]
    return pd.DataFrame(rows, columns=["couple", "who", "at", "y"])


def panel(frame, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rd.DataWarning)
        return rd.DyadPanel(frame, dyad="couple", person="who", **(named or {"time": "at"}))


def lags(one):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rd.DataWarning)
        return int(one.lag(["y"]).frame["y_lag1"].notna().sum())


def found(one, code):
    return one.findings[one.findings["code"] == code]


def times(*texts):
    """A diary of two couples with these texts as times."""
    return diary(texts)


def seconds(values, **options):
    return panel(times(*values), time="at", **options)._times("at").values


def hours(*clock, days=6):
    return [MONDAY + pd.Timedelta(days=day, hours=hour) for day in range(days) for hour in clock]


# Text files ----------------------------------------------------------------------------------------------------------


@row("commas, semicolons or blanks in a .csv")
def _(folder):
    for name, mark in (("t.csv", ","), ("t.csv", ";"), ("t.csv", " "), ("t.tsv", "\t"), ("t.txt", "|")):
        frame, _ = read(folder, f"couple{mark}mood\n1{mark}3\n2{mark}4\n", name)
        assert frame["mood"].tolist() == [3, 4]
    assert read(folder, "a;b\n1;2,5\n", delimiter=";")[0].shape == (1, 2)


@row("tabs or bars in a .csv")
def _(folder):
    refused(folder, "a\tb\n1\t2\n", "separated by tabs")
    refused(folder, "a,b\n1,2\n", "separated by commas", "t.tsv")
    assert read(folder, "a\tb\n1\t2\n", delimiter="\t")[0].shape == (1, 2)


@row("a first line `sep=;`")
def _(folder):
    assert read(folder, "sep=;\na;b\n1;2\n")[0].columns.tolist() == ["a", "b"]
    refused(folder, "sep=;\na,b\n1,2\n", "line 1 says sep=;")


@row("another sign that splits the one column")
def _(folder):
    refused(folder, "id:mood\n1:3\n2:4\n", r"the file has one column, 'id:mood', .*: pass delimiter=':'\.")
    assert read(folder, "id:mood\n1:3\n2:4\n", delimiter=":")[0]["mood"].tolist() == [3, 4]
    for text in ('"id,mood"\n"1,3"\n"2,4"\n', 'id,mood\n"1,3"\n"2,4"\n'):
        refused(folder, text, "from line 2 on, records stand in quotation marks as a whole")
    refused(
        folder, "id,mood\n1;3\n2;4\n", "the names on line 1 are separated by another sign than the fields on line 2"
    )
    assert read(folder, 'said\n"well, yes"\n"no, never"\n')[0]["said"].tolist() == ["well, yes", "no, never"]
    assert read(folder, "at\n09:00\n10:30\n")[0]["at"].tolist() == ["09:00", "10:30"]


@row("numbers where the names should be")
def _(folder):
    frame, said = read(folder, "7,3\n8,4\n9,5\n")
    assert (len(frame), "line 1 is taken as the names of the columns, but holds numbers (7, 3)." in said) == (2, True)
    assert read(folder, "couple,1,2,3\n1,4,5,6\n2,4,5,6\n")[1] == ""


@row("title lines above the header")
def _(folder):
    refused(folder, "Diary\ncouple,mood\n1,2\n2,3\n", r"Line 2 looks like the header.*skip=1")
    assert read(folder, "Diary\ncouple,mood\n1,2\n", skip=1)[0]["mood"].tolist() == [2]


@row("rows of names below the first")
def _(folder):
    text = 'a,b\nHow?,Why?\n"{""ImportId"":""q""}",x\n1,2\n3,4\n'
    assert "pass header=(0, 1, 2)" in read(folder, text)[1]
    frame, said = read(folder, text, header=(0, 1, 2))
    assert (frame["a"].tolist(), said, frame.attrs["column_labels"]["a"]) == ([1, 3], "", "How?")


@row("the header again among the records")
def _(folder):
    frame, said = read(folder, "couple,mood\n1,2\n\ncouple,mood\n2,3\n")
    assert (frame["mood"].tolist(), "the header stands again on line 4" in said) == ([2, 3], True)
    refused(folder, "couple,mood\n1,2\nmood,couple\n3,2\n", "line 3 names the columns again in another order")


@row("records that end early")
def _(folder):
    frame, said = read(folder, "a,b,c\n1,2,3\n4\n")
    assert frame["c"].isna().tolist() == [False, True]
    assert "line 3" in said


@row("records with more fields than the header")
def _(folder):
    refused(folder, "a,b\n1,2\n1,2,3\n", "line 3 has 3 fields")
    assert read(folder, "a,b\n1,2\n1,2,\n")[0].shape == (2, 2)


@row("short records between blanks")
def _(folder):
    refused(folder, "a b c\n1 2 3\n1 2\n", "line 3 has 2 fields", "t.txt")


@row("one field more than the header in every record")
def _(folder):
    frame, said = read(folder, "a,b\n1,5,6\n2,7,8\n")
    assert (frame["a"].tolist(), "names of row" in said or "name of the row" in said) == ([5, 7], True)


@row("a quotation mark that is never closed")
def _(folder):
    refused(folder, 'a,b\n1,"2\n3,4\n', "line 2 is never closed")


@row("a header that stands twice")
def _(folder):
    frame, said = read(folder, "couple,who,y,y\n1,a,1,2\n1,b,3,4\n")
    assert "stands 2 times" in said
    with pytest.raises(rd.DataError, match="stands 2 times"):
        panel(frame, role="who").describe("y")


@row("a column without a name")
def _(folder):
    frame, _ = read(folder, "couple,who,,y\n1,a,x,2\n1,b,y,4\n")
    assert (
        "column 3 has no name in the header (line 1)"
        in found(panel(frame, role="who"), "unnamed-header")["message"].item()
    )


@row("a web page, JSON, XML or RTF")
def _(folder):
    refused(folder, "<!DOCTYPE html>\n<html>a,b\n1,2</html>\n", r"holds a web page \(of a log-in, perhaps\), no table")
    refused(folder, '[{"a": 1, "b": 2},\n{"a": 3, "b": 4}]\n', "holds JSON, no table")


@row("a true minus (`−3`), fixed blanks")
def _(folder):
    assert column(folder, ["\u22123", "1\u202f250", "4\u00a0", "\uff15"]) == ([-3, 1250, 4, 5], "")
    assert column(folder, ["\u22123,5", "4,25"], decimal=",") == ([-3.5, 4.25], "")
    assert column(folder, ["001\u00a0", "2"])[0] == ["001", "2"]
    assert column(folder, ["\u22123", "worse"])[0] == ["\u22123", "worse"]


@row("numbers and dates in one column")
def _(folder):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for cells in (["who", "x"], ["a", 3.5], ["b", datetime.datetime(2026, 4, 3)]):
        book.active.append(cells)
    book.save(folder / "t.xlsx")
    with pytest.warns(rd.DataWarning) as said:
        rd.read_table(folder / "t.xlsx")
    assert [str(one.message) for one in said] == [
        f"{folder / 't.xlsx'}: 'x' holds 1 number and 1 date (row 3): a spreadsheet probably made dates of numbers "
        "such as 3.4. Correct them in the file from which the workbook was made."
    ]


@row("blank lines")
def _(folder):
    assert read(folder, "a,b\n\n1,2\n\n3,4\n\n")[0]["a"].tolist() == [1, 3]


@row("records of delimiters alone")
def _(folder):
    frame, said = read(folder, "a;b\n1;2\n;\n;\n")
    assert (frame["a"].tolist(), "2 records at the end" in said) == ([1], True)


# Numbers, ids, lists -------------------------------------------------------------------------------------------------


@row("some whole number has a leading zero")
def _(folder):
    assert column(folder, ["001", "12"])[0] == ["001", "12"]


@row("some whole number has more than 15 digits")
def _(folder):
    assert column(folder, ["1234567890123456", "1"])[0] == ["1234567890123456", "1"]


@row("some value is written as `1E5`")
def _(folder):
    assert column(folder, ["1E5", "100000"])[0] == ["1E5", "100000"]


@row("`2.5`")
def _(folder):
    assert column(folder, ["2.5"])[0] == [2.5]


@row("`2,5` where commas separate the fields")
def _(folder):
    assert column(folder, ['"2,5"', '"3,05"'], mark=",")[0] == ["2,5", "3,05"]


@row("`3,05`, `-1,5`, `0,125`, `120,5`")
def _(folder):
    for value, number in (("3,05", 3.05), ("-1,5", -1.5), ("0,125", 0.125), ("120,5", 120.5)):
        assert column(folder, [value, "4"]) == ([number, 4], "")
        assert column(folder, [value, "4"], decimal=".")[0] == [value, "4"]


@row("eight or more different values")
def _(folder):
    values = ["4,4", *(f"{k},{k + 2}" for k in range(1, 8))]
    assert column(folder, values)[0][:2] == [4.4, 1.3]
    assert column(folder, values, decimal=".")[0][0] == "4,4"


@row("`2,3` beside `3,2,1`")
def _(folder):
    assert column(folder, ["2,3", "3,2,1"])[0] == ["2,3", "3,2,1"]
    assert column(folder, ["0,1", "0,10"])[0] == ["0,1", "0,10"]


@row("`998`, `999`, `1,000`")
def _(folder):
    frame, said = read(folder, "a;b\n998;1\n999;2\n1,000;3\n")
    assert frame["a"].tolist() == ["998", "999", "1,000"]
    assert "writes commas between thousands" in said
    assert read(folder, "a;b\n998;1\n1,000;3\n", decimal=",")[0]["a"].tolist() == [998.0, 1.0]


@row("`2,3` alone")
def _(folder):
    values, said = column(folder, ["2,3", "1"])
    assert (values, "decimal" in said) == (["2,3", "1"], True)
    assert column(folder, ["2,3", "1"], decimal=",")[0] == [2.3, 1.0]


@row("`3,55` in a file with points elsewhere")
def _(folder):
    text = "id;income;mood\n1;1.234;3,55\n2;12.500;4,15\n"
    frame, said = read(folder, text)
    assert frame["mood"].tolist() == ["3,55", "4,15"]
    assert "column 'mood' ('3,55' on line 2)" in said
    frame, _ = read(folder, text, decimal=",")
    assert frame["mood"].tolist() == [3.55, 4.15]
    assert frame["income"].tolist() == ["1.234", "12.500"]


@row("`2,3` in a file with decimal points elsewhere")
def _(folder):
    frame, said = read(folder, "x;y\n2,3;1.5\n1;2\n")
    assert (frame["x"].tolist(), frame["y"].tolist(), said) == (["2,3", "1"], [1.5, 2.0], "")


@row("dates and times")
def _(folder):
    assert column(folder, ["13.04.2026"])[0] == ["13.04.2026"]
    dated, _ = read(folder, "x;y\n13.04.2026;1\n", dates="%d.%m.%Y")
    assert dated["x"].tolist() == [pd.Timestamp("2026-04-13")]
    refused(folder, "x;y\n13.04.2026;1\nsoon;2\n", "'soon'.*line 3", dates={"x": "%d.%m.%Y"})


@row("blanks, `NA`, `.`")
def _(folder):
    assert np.isnan(column(folder, ["", " ", "NA", "."])[0]).all()
    assert np.isnan(column(folder, ["-99", "3"], missing=("", -99))[0][0])


# Encodings -----------------------------------------------------------------------------------------------------------


@row("UTF-8, with or without a byte order mark")
def _(folder):
    for encoding in ("utf-8", "utf-8-sig"):
        assert read(folder, "Nähe,b\n1,2\n", encoding=encoding)[0].columns.tolist() == ["Nähe", "b"]


@row("UTF-16 or UTF-32 with a mark")
def _(folder):
    for encoding in ("utf-16", "utf-32", "utf-16-le"):
        assert read(folder, "Nähe,b\n1,2\n", encoding=encoding)[0].columns.tolist() == ["Nähe", "b"]


@row("anything else")
def _(folder):
    path = folder / "t.csv"
    path.write_bytes("Nähe,b\n1,2\n".encode("cp1252"))
    with pytest.raises(rd.DataError, match=r"'Nähe' in cp1252.*mac_roman.*cp850"):
        rd.read_table(path)
    assert rd.read_table(path, encoding="cp1252").columns[0] == "Nähe"


@row("UTF-8, but another encoding is named")
def _(folder):
    path = folder / "t.csv"
    path.write_bytes("Nähe,b\n1,2\n".encode())
    with pytest.warns(rd.DataWarning, match="NÃ¤he"):
        assert rd.read_table(path, encoding="cp1252").columns[0] == "NÃ¤he"


# Workbooks -----------------------------------------------------------------------------------------------------------


def workbook(folder, *rows, more=()):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for cells in rows:
        book.active.append(cells)
    for title in more:
        book.create_sheet(title).append(["other"])
        book[title].append([1])
    book.save(folder / "t.xlsx")
    return folder / "t.xlsx"


@row("more than one sheet")
def _(folder):
    path = workbook(folder, ["a"], [1], more=("diary",))
    with pytest.warns(rd.DataWarning, match="2 sheets"):
        assert rd.read_table(path).columns.tolist() == ["a"]
    assert rd.read_table(path, sheet="diary").columns.tolist() == ["other"]
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(path)
    book.create_sheet("cover", 0)
    book.save(path)
    with pytest.raises(rd.DataError, match=r"the sheet 'cover' is empty; others are '.*', 'diary': name one, sheet="):
        rd.read_table(path)


@row("cells of text")
def _(folder):
    assert rd.read_table(workbook(folder, ["id", "n"], ["001", 1], ["002", 2]))["id"].tolist() == ["001", "002"]


@row("title rows, question texts below the names")
def _(folder):
    path = workbook(folder, ["Diary"], ["a", "b"], ["How?", "Why?"], [1, 2], [3, 4])
    assert rd.read_table(path, skip=1, header=(0, 1))["b"].tolist() == [2, 4]


@row("dates and texts of dates")
def _(folder):
    cells = [[pd.Timestamp(2026, day, 3).to_pydatetime() if day <= 12 else f"{day}.03.2026"] for day in (11, 12, 13)]
    with pytest.warns(rd.DataWarning, match="probably exchanged"):
        rd.read_table(workbook(folder, ["day"], *cells))


@row("formulas none of which has its result")
def _(folder):
    with pytest.warns(rd.DataWarning, match="without their results"):
        assert rd.read_table(workbook(folder, ["a", "b"], [1, "=A2"]))["b"].isna().all()


@row("hidden rows, columns")
def _(folder):
    import openpyxl

    path = workbook(folder, ["a", "b"], [1, 2], [3, 4])
    book = openpyxl.load_workbook(path)
    book.active.row_dimensions[3].hidden = True
    book.save(path)
    with pytest.warns(rd.DataWarning, match=r"hides 1 row \(row 3\), and what is hidden is read"):
        assert len(rd.read_table(path)) == 2


@row("cells without a header")
def _(folder):
    with pytest.raises(rd.DataError, match="row 2 has 2 cells where the header has 1"):
        rd.read_table(workbook(folder, ["a"], [1, 2]))


@row("archives that would unpack")
def _(folder):
    import zipfile

    with zipfile.ZipFile(folder / "t.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 20_000_000)
    with pytest.raises(rd.DataError, match="claims to unpack"):
        rd.read_table(folder / "t.xlsx")


# SPSS and Stata ------------------------------------------------------------------------------------------------------


def sav(folder, values, codes, **options):
    pyreadstat = pytest.importorskip("pyreadstat")
    more = {key: options.pop(key) for key in ("variable_measure", "missing_ranges") if key in options}
    frame = pd.DataFrame({"x": values})
    pyreadstat.write_sav(frame, str(folder / "t.sav"), variable_value_labels={"x": codes}, **more)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", rd.DataWarning)
        read_back = rd.read_table(folder / "t.sav", **options)
    return read_back, " ".join(str(one.message) for one in said)


SEX = {1: "woman", 2: "man"}


@row("value labels, and every observed value has one of its own")
def _(folder):
    assert sav(folder, [1, 2, 1], SEX)[0]["x"].tolist() == ["woman", "man", "woman"]
    assert sav(folder, [1, 2, 1], SEX, labels=False)[0]["x"].tolist() == [1, 2, 1]
    assert sav(folder, [1, 2, 1], SEX, labels=("x",))[0]["x"].tolist() == ["woman", "man", "woman"]


@row("labels for some values only")
def _(folder):
    frame, _ = sav(folder, [1, 4, 7], {1: "never", 7: "always"})
    assert (frame["x"].tolist(), frame.attrs["value_labels"]["x"][7]) == ([1, 4, 7], "always")
    ordinal = {"variable_measure": {"x": "ordinal"}}
    often = {1: "never", 2: "often", 3: "always"}
    assert sav(folder, [1, 2], often, **ordinal)[0]["x"].tolist() == [1, 2]
    assert sav(folder, [1, 2], often, labels=("x",), **ordinal)[0]["x"].tolist() == ["never", "often"]


@row("four or more codes in a row")
def _(folder):
    frame, said = sav(
        folder, [1, 2, 3, 4], {1: "low", 2: "mild", 3: "high", 4: "top"}, variable_measure={"x": "unknown"}
    )
    assert (frame["x"].tolist(), "rating scale" in said) == (["low", "mild", "high", "top"], True)


@row("codes declared as missing")
def _(folder):
    assert sav(folder, [1, -9, 3], {}, missing_ranges={"x": [-9]})[0]["x"].isna().tolist() == [False, True, False]


@row("other codes for missing")
def _(folder):
    assert sav(folder, [1, -99, 3], {})[0]["x"].tolist() == [1, -99, 3]
    assert sav(folder, [1, -99, 3], {}, missing=(-99,))[0]["x"].isna().tolist() == [False, True, False]


@row("whole numbers")
def _(folder):
    assert sav(folder, [1.0, 2.0], {})[0]["x"].dtype.kind == "i"


# Times ---------------------------------------------------------------------------------------------------------------


@row("`2026-03-02 09:00`, `2 March 2026, 9:00 am`")
def _(folder):
    for text in ("2026-03-02 09:00", "2 March 2026, 9:00 am"):
        assert seconds([text, "2026-03-03 09:00"])[0] == 1772442000.0
    assert seconds([MONDAY, MONDAY + pd.Timedelta(days=1)])[0] == MONDAY.timestamp()
    assert seconds(["09:00", "10:30"])[0] == 9 * 3600


@row("`13.04.2026`, `4/13/26`")
def _(folder):
    for text, other in (("13.04.2026", "02.04.2026"), ("4/13/26", "4/2/26")):
        assert sorted(set(seconds([text, other]))) == [
            pd.Timestamp(f"2026-04-{day}").timestamp() for day in ("02", "13")
        ]
    assert seconds(["13.04.69", "14.04.69"])[0] == pd.Timestamp("1969-04-13").timestamp()


@row("`03.04.2026`, where both orders")
def _(folder):
    with pytest.raises(rd.DataError, match="3 April 2026 or 4 March 2026"):
        seconds(["03.04.2026", "04.04.2026"])
    assert seconds(["03.04.2026", "04.04.2026"], dates="%d.%m.%Y")[0] == pd.Timestamp("2026-04-03").timestamp()


@row("a value without the declared form")
def _(folder):
    frame, _ = read(folder, "couple,who,at\n1,a,13.04.2026\n1,b,soon\n")
    with pytest.raises(rd.DataError, match=r"'soon'.*row 1 \(line 3\)"):
        panel(frame, time="at", dates="%d.%m.%Y")


@row("`1772442000`, `1772442000000`")
def _(folder):
    for unit in (1, 1000):
        one = panel(times(1772442000 * unit, 1772528400 * unit), time="at")
        assert one._times("at").values[0] == 1772442000.0
    assert panel(times(1772442000, 1772528400), time="at", dates="number")._times("at").values[0] == 1772442000
    with pytest.raises(rd.DataError, match="no time in 'at'"):
        panel(times(0, 1772442000), time="at")


@row("`20260302`, `202603020900`, `20260302090000`")
def _(folder):
    for first, second in ((20260302, 20260303), (202603020000, 202603030000), (20260302000000, 20260303000000)):
        assert panel(times(first, second), time="at")._times("at").values[0] == MONDAY.timestamp()
    counted = panel(times(20260302, 20260303), day="at", dates={"at": "number"})
    assert counted._times("at").values[0] == 20260302


@row("`2032026`, `260302`")
def _(folder):
    for numbers, form in (([31032026, 1042026, 2042026], "%d%m%Y"), ([260331, 260401, 260402], "%y%m%d")):
        with pytest.raises(rd.DataError, match="looks like dates without marks"):
            panel(times(*numbers), day="at")
        assert lags(panel(times(*numbers), day="at", dates=form)) == 4 * 2
        assert panel(times(*numbers), day="at", dates="number")._times("at").values[0] == numbers[0]


@row("`2405121430`, `2024051214`")
def _(folder):
    stamps = [pd.Timestamp(2024, 5, day, hour) for day in (12, 13) for hour in (9, 14)]
    forms = ("%y%m%d%H%M", "%Y%m%d%H", "%y%m%d%H", "%d%m%y%H%M", "%d%m%Y%H%M", "%m%d%Y%H%M%S", "%y%m%d%H%M%S")
    for form in forms:
        numbers = times(*(int(stamp.strftime(form)) for stamp in stamps))
        with pytest.raises(rd.DataError, match=f"looks like dates without marks.*dates='{form}'"):
            panel(numbers, time="at")
        assert panel(numbers, time="at", dates=form)._times("at").values[0] == stamps[0].timestamp()
        assert panel(numbers, time="at", dates="number")._times("at").values[0] == int(stamps[0].strftime(form))
    for form in ("%d%m%y", "%m%d%y"):
        days = times(*(int(f"{day:%d%m%y}" if form[1] == "d" else f"{day:%m%d%y}") for day in MAY))
        with pytest.raises(rd.DataError, match=f"looks like dates without marks.*dates='{form}'"):
            panel(days, day="at")
    assert panel(times(1715520600, 1715524200, 1715527800), time="at")._times("at").unit == "s"


@row("`202512`, `202601`, three and more months")
def _(folder):
    months = times(202511, 202512, 202601)
    with pytest.raises(rd.DataError, match=r"looks like dates without marks.*dates='%Y%m'"):
        panel(months, day="at")
    assert lags(panel(months, day="at", dates="%Y%m")) == 4 * 2
    assert lags(panel(months, day="at", dates="number")) == 4 * 1


@row("`202552`, `202601`, weeks or quarters of more than one year, three and more")
def _(folder):
    weeks = times(202551, 202552, 202601)
    with pytest.raises(rd.DataError, match=r"looks like years with their weeks.*dates='number'"):
        panel(weeks, day="at")
    assert lags(panel(weeks, day="at", dates="number")) == 4 * 1


@row("`31.03`, `1.04`, days without a year")
def _(folder):
    days = times(30.03, 31.03, 1.04, 2.04)
    with pytest.raises(rd.DataError, match="looks like dates without a year"):
        panel(days, day="at")
    assert panel(days, day="at", dates="number")._times("at").values[0] == 30.03
    assert panel(times(1.01, 1.02, 2.01, 2.02), day="at")._times("at").values[0] == 1.01


@row("`-99`, `999` and the like")
def _(folder):
    assert found(panel(times(1, 2, 3, 4, 999), day="at"), "suspected-missing-code")["n"].item() == 4
    frame, _ = read(folder, "day,y\n1,1\n-99,2\n", missing=(-99,))
    assert frame["day"].isna().tolist() == [False, True]


@row("`46083.375`")
def _(folder):
    assert (
        panel(times(46083.375, 46084.375), time="at")._times("at").values[0]
        == pd.Timestamp("2026-03-02 09:00").timestamp()
    )
    assert panel(times(46083.375, 46084.375), time="at", dates="number")._times("at").values[0] == 46083.375


@row("`13991821200`")
def _(folder):
    # Seconds since 14 October 1582, which lies 141,428 days before 1970.
    spss = 13991821200
    assert panel(times(spss, spss + 86400), time="at")._times("at").values[0] == spss - 141_428 * 86_400
    assert panel(times(spss, spss + 86400), time="at", dates="number")._times("at").values[0] == spss


@row("two units in one column")
def _(folder):
    one = panel(times(1772442000, 1772528400, 1772614800000, 1772701200), time="at")
    assert sorted(set(one._times("at").values)) == [1772442000.0 + 86400 * day for day in range(4)]
    assert found(one, "mixed-units")["n"].item() == 4


@row("one number that can be no date among dates")
def _(folder):
    with pytest.raises(rd.DataError, match=r"17.*rows 8"):
        panel(times(1772442000, 1772528400, 1772614800, 1772701200, 17), time="at")


@row("`+01:00` in some values")
def _(folder):
    with pytest.raises(rd.DataError, match="offset"):
        seconds(["2026-03-02T09:00+01:00", "2026-03-03T09:00"])


@row("labels such as `day 1`")
def _(folder):
    one = panel(times("day 1", "day 2", "day 10"), time="at")
    assert sorted(set(one._times("at").values)) == [1, 2, 10]
    assert found(one, "unparsable-time")["severity"].item() == "warning"


@row("an evening diary over the change")
def _(folder):
    moments = [pd.Timestamp("2026-03-26 21:00") + pd.Timedelta(days=day) for day in range(6)]
    one = panel(diary(moments), time="at", timezone="Europe/Berlin")
    assert (lags(one), np.diff(one.series("y")[0].step).tolist()) == (4 * 5, [1] * 5)


def _night(moments):
    return panel(diary(pd.to_datetime(moments)), time="at", timezone="Europe/Berlin")


@row("an hour that came twice")
def _(folder):
    order = ["2025-10-26 01:40", "2025-10-26 02:20", "2025-10-26 02:10", "2025-10-26 03:00"]
    one = _night(order)
    assert np.diff(one._times("at").values[::2][:4]).tolist() == [2400, 3000, 3000]
    assert "tells the first (4) from the second (4)" in found(one, "clock-change")["message"].item()
    open_ = _night(["2025-10-26 01:40", "2025-10-26 02:20", "2025-10-26 03:00"])
    assert np.diff(open_._times("at").values[::2][:3]).tolist() == [2400, 6000]
    assert "the first of the two is taken" in found(open_, "clock-change")["message"].item()


@row("an hour that never was")
def _(folder):
    one = _night(["2026-03-29 01:30", "2026-03-29 02:30", "2026-03-29 04:30"])
    assert np.diff(one._times("at").values[::2][:3]).tolist() == [3600, 3600]
    assert "skips" in found(one, "clock-change")["message"].item()


# Steps ---------------------------------------------------------------------------------------------------------------


@row("`day` and `beep`")
def _(folder):
    frame = diary(range(9)).assign(
        day=lambda rows: rows["at"] // 3, beep=lambda rows: np.array([1, 2, 4])[rows["at"] % 3]
    )
    assert lags(panel(frame, day="day", beep="beep")) == 4 * 6


@row("one occasion a day")
def _(folder):
    assert lags(panel(diary([1, 2, 3, 5]), day="at")) == 4 * 2


@row("five prompts a day, then one")
def _(folder):
    moments = [*hours(9, 12, 15, 18, 21, days=3), *(MONDAY + pd.Timedelta(days=day, hours=21) for day in range(3, 7))]
    assert lags(panel(diary(moments))) == 4 * (3 * 4 + 3)
    moments = [*hours(9, 12, 15, 18, 21, days=3), *(MONDAY + pd.Timedelta(days=day, hours=20) for day in range(3, 7))]
    assert lags(panel(diary(moments))) == 4 * (3 * 4 + 3)


@row("`day` and times of day that are fixed prompts")
def _(folder):
    frame = diary(hours(9, 12.5, 15)).assign(
        day=lambda rows: rows["at"].dt.day, clock=lambda rows: rows["at"].dt.strftime("%H:%M")
    )
    assert lags(panel(frame, day="day", time="clock")) == 4 * 6 * 2


@row("stamps as `time`, fixed prompts")
def _(folder):
    assert lags(panel(diary(hours(9, 12.5, 15)))) == 4 * 6 * 2
    assert lags(panel(diary(hours(14, 19, 24.5)))) == 4 * 6 * 2


@row("fixed prompts that differ between couples")
def _(folder):
    for other in ((10, 14, 22), (8, 11, 15, 19)):
        frame = pd.concat(
            [diary(hours(9, 13, 21)), diary(hours(*other)).assign(couple=lambda rows: rows["couple"] + 7)]
        )
        one = panel(frame.reset_index(drop=True))
        assert lags(one) == 4 * 6 * (2 + len(other) - 1)
        assert "differ between dyads" in found(one, "times-read")["message"].str.cat()


@row("stamps as `time`, one a day at anyone's hour")
def _(folder):
    frame = diary(hours(20))
    frame["at"] += pd.to_timedelta(np.random.default_rng(2).integers(0, 120, len(frame)), unit="min")
    one = panel(frame)
    assert (lags(one), one.actor_partner(["y"]).frame["y_partner"].notna().all()) == (4 * 5, True)


@row("stamps as `time`, each phone at random")
def _(folder):
    frame = diary(hours(9, 13, 17, 21))
    frame["at"] += pd.to_timedelta(np.random.default_rng(2).integers(0, 7000, len(frame)), unit="s")
    assert {"off-grid-times", "clocks-apart"} & set(panel(frame).findings.query("severity == 'warning'")["code"])


@row("stamps all around the clock")
def _(folder):
    moments = [MONDAY + pd.Timedelta(minutes=10 * step) for step in range(300)]
    assert lags(panel(diary(moments))) == 4 * 299


@row("one stamp at none of the prompts")
def _(folder):
    frame = diary(hours(9, 13, 21, days=10))
    frame.loc[[8, 9], "at"] += pd.Timedelta(minutes=3)
    one = panel(frame)
    assert (lags(one), found(one, "off-grid-times")["rows"].item()) == (4 * 20 - 4, (8, 9))


@row("numbers with uneven steps")
def _(folder):
    assert lags(panel(diary([day * 24 + hour for day in range(5) for hour in (0, 4, 9)]))) == 4 * 5 * 2


@row("weekdays only")
def _(folder):
    frame = diary([at for at in hours(20, days=19) if at.day_of_week < 5])
    assert (lags(panel(frame)), lags(panel(frame, time="at", workdays="Mon-Fri"))) == (4 * 12, 4 * 14)
    assert "workdays=" in found(panel(frame), "gap")["fix"].item()


@row("bursts years apart")
def _(folder):
    moments = [*hours(9, 13, 21), *(at + pd.Timedelta(days=1100) for at in hours(9, 13, 21))]
    assert lags(panel(diary(moments))) == 4 * 12 * 2


# One row per dyad ----------------------------------------------------------------------------------------------------


def wide(columns, **options):
    frame = pd.DataFrame({name: [1.0 + k, 2.0 + k] for k, name in enumerate(columns)}).assign(couple=[1, 2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rd.DataWarning)
        return rd.from_wide(frame, dyad="couple", **options)


@row("`f_mood`, `m_mood`")
def _(folder):
    assert wide(["f_mood", "m_mood"], prefixes=("f_", "m_")).roles == ("f", "m")
    named = wide(["f_mood", "m_mood"], prefixes={"woman": "f_", "man": "m_"})
    assert set(named.roles) == {"woman", "man"}


@row("`mood_f`, `mood_m`")
def _(folder):
    assert wide(["mood_f", "mood_m"], suffixes=("_f", "_m")).values("mood").tolist() == [1, 2, 2, 3]


@row("`sat.1_1`, `sat.1_2`")
def _(folder):
    one = wide(["sat.1_1", "sat.1_2", "sat.2_1", "sat.2_2"], names="{stem}.{member}_{item}")
    assert {"sat_1", "sat_2"} <= set(one.frame.columns)


@row("`f_mood.1`, ..., `m_mood.14`")
def _(folder):
    names = [f"{role}_mood.{day}" for role in "fm" for day in range(1, 15)]
    assert wide(names, prefixes=("f_", "m_"), occasions="{item}.{time}").n_occasions == 14


@row("`mood_f_t1`, ..., `mood_m_t14`")
def _(folder):
    names = [f"mood_{role}_t{day}" for role in "fm" for day in range(1, 15)]
    assert wide(names, names="{stem}_{member}_t{time}").n_occasions == 14


@row("`mood_f_2026-03-02`, `mood_f_2026_03_03`")
def _(folder):
    days = ("2026_03_02", "2026-03-03", "2026.03.04")
    names = {f"mood_{member}_{day}": member + day for day in days for member in "fm"}
    assert wide(names, names="{stem}_{member}_{time}", time="day").n_occasions == 3


@row("`TM.1`, ..., `TM.18`")
def _(folder):
    frame = pd.DataFrame({f"TM.{day}": [1.0, 2.0, 3.0, 4.0] for day in range(1, 19)})
    frame = frame.assign(couple=[1, 1, 2, 2], id=[1, 2, 3, 4])
    assert rd.from_wide(frame, dyad="couple", person="id", occasions="{item}.{time}").n_occasions == 18
