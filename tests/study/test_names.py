"""Names of analyses that no system can keep as files of their own are refused at check, with the fix."""

import pytest

from reldyn.study._names import file_name, name_faults
from reldyn.study.cli import main

HEAD = '[data]\npath = "reldyn:sample"\n[columns]\ndyad = "dyad"\nperson = "person"\nday = "day"\n'


@pytest.mark.parametrize(
    "name", ["con", "CON", "nul", "aux", "prn", "com1", "LPT9", "com\u00b2", "con.x", "aux ", "conin$"]
)
def test_devices_of_windows_are_no_names(name):
    assert name_faults([name])[name].startswith("Windows opens no file called")


@pytest.mark.parametrize("name", ["console", "com10", "com", "auxiliary", "w\u00e4rme", "one.two", "a b", "x" * 200])
def test_other_names_are_free(name):
    assert name_faults([name, "mood"]) == {}


def test_no_two_analyses_share_their_files():
    assert "are one name of a file" in name_faults(["Mood", "mood"])["mood"]
    assert "are one name" in name_faults(["w\u00e4rme", "wa\u0308rme"])["wa\u0308rme"]
    assert "rename one" in name_faults(["w\u00e4rme", "analysis-1"])["analysis-1"]
    assert "rename one" in name_faults(["Analysis-2", "w\u00e4rme"])["w\u00e4rme"]
    assert name_faults(["analysis-1", "analysis-2"]) == {}
    names = ["a b", "w\u00e4rme", "mood", "analysis-7"]
    assert len({file_name(name, names).casefold() for name in names}) == len(names)


@pytest.mark.parametrize(("name", "words"), [("mood.", "dot: 'mood'."), (" mood", "blank"), ("", "needs a name")])
def test_ends_that_windows_leaves_out(name, words):
    assert words in name_faults([name])[name] + "."


def test_check_refuses_them_with_line_and_fix(tmp_path, capsys):
    tables = [
        f'[analyses."{name}"]\nverb = "dynamics.icc"\nvariables = ["stress"]\n' for name in ("con", "a.", "A", "a")
    ]
    (tmp_path / "study.toml").write_text(HEAD + "".join(tables), encoding="utf-8")
    assert main(["check", str(tmp_path / "study.toml")]) == 1
    said = capsys.readouterr().err
    assert "analyses.con (line 7): Windows opens no file called 'con': choose another name, such as 'con_'." in said
    assert "analyses.a. (line 10): a name neither begins nor ends with a blank, nor ends with a dot: 'a'." in said
    assert "analyses.a (line 16): 'A' and 'a' are one name of a file" in said
