"""Marks between thousands: the advice fits them, and no decimal comma is read out of them."""

import warnings

import pytest

import reldyn as rd
from reldyn.errors import DataError, DataWarning
from reldyn.panel import check_panel, read_table

EITHER = "Where the comma separates thousands, write 1000 for '1,000'; where it is a decimal comma, read the file with"
CERTAIN = "Write them without marks between thousands, as in"


def read(folder, values, mark=",", **options):
    cells = [(dyad, who, value) for dyad in (1, 2) for who in "ab" for value in values]
    rows = "\n".join(mark.join((str(dyad), who, f'"{value}"')) for dyad, who, value in cells)
    (folder / "a.csv").write_text(f"{mark.join(('couple', 'who', 't'))}\n{rows}\n", encoding="utf-8")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", DataWarning)
        return read_table(folder / "a.csv", **options), [str(one.message) for one in said]


def refusal(frame, kind):
    with pytest.raises(DataError) as caught:
        rd.DyadPanel(frame, dyad="couple", person="who", **{kind: "t"})
    return str(caught.value)


@pytest.mark.parametrize("kind", ["time", "day", "beep"])
@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["998", "999", "1,000"], EITHER),
        (["1,000", "1,001"], EITHER),
        (["1,024,500", "1,025,000"], f"{CERTAIN} 1024500 for '1,024,500'"),
        (["998", "1,024,500"], f"{CERTAIN} 1024500"),
        (["1'024", "1'025"], f"{CERTAIN} 1024 for"),
        (["1 024", "1 025"], f"{CERTAIN} 1024 for"),
        (["1,024.5", "1,025.5"], f"{CERTAIN} 1024.5 for"),
        (["1,5", "2,5"], "Read the file with rd.read_table(path, decimal=',')."),
        (["1,5", "1,024"], "Read the file with rd.read_table(path, decimal=',')."),
    ],
)
def test_the_advice_fits_what_the_comma_does(tmp_path, kind, values, words):
    assert words in refusal(read(tmp_path, values)[0], kind)


def test_a_variable_gets_the_same_advice(tmp_path):
    frame = read(tmp_path, ["998", "1,000"])[0].assign(n=1)
    frame["n"] = frame.groupby(["couple", "who"]).cumcount()
    found = check_panel(frame, dyad="couple", person="who", time="n", scales={"t": (0, 2000)}).set_index("code")
    assert found.loc["decimal-comma", "fix"].startswith(EITHER)
    assert "writes numbers with a comma ('1,000')" in found.loc["decimal-comma", "message"]
    frame["t"] = frame["t"].replace("1,000", "1,000,000")
    found = check_panel(frame, dyad="couple", person="who", time="n", scales={"t": (0, 2000)}).set_index("code")
    assert found.loc["non-numeric", "fix"].startswith(CERTAIN)


def test_the_advice_for_decimal_commas_works_where_commas_separate_the_fields(tmp_path):
    frame, _ = read(tmp_path, ["1,5", "2,5"], decimal=",")
    assert frame["t"].tolist()[:2] == [1.5, 2.5]
    (tmp_path / "b.csv").write_text("a,b\n1,5\n", encoding="utf-8")
    with pytest.raises(DataError, match="also what separates the fields"):
        read_table(tmp_path / "b.csv", decimal=",")


def test_thousands_are_not_read_as_fractions_where_semicolons_separate_the_fields(tmp_path):
    frame, said = read(tmp_path, ["998", "999", "1,000", "1,001"], mark=";")
    assert frame["t"].tolist()[:4] == ["998", "999", "1,000", "1,001"]
    (text,) = said
    assert "column 't' ('1,000' on line 4) writes commas between thousands, and stays text: write 1000" in text
    assert EITHER in refusal(frame, "time")
    frame, said = read(tmp_path, ["998", "999", "1,000", "1,001"], mark=";", decimal=",")
    assert (frame["t"].tolist()[2], said) == (1.0, [])
    # Fractions with three digits, and zeros that are left out, stay decimal commas.
    assert read(tmp_path, ["1,250", "0,998", "2,125"], mark=";")[0]["t"].tolist()[0] == 1.25
    assert read(tmp_path, ["2", "1,125", "2,375"], mark=";")[0]["t"].tolist()[:2] == [2.0, 1.125]
