"""Messages of the library in the words of a study file: keys and sections of TOML, no calls of Python."""

import re

import pytest

from reldyn.panel import finding_codes
from reldyn.study._wording import in_study_words
from reldyn.study.cli import main

PYTHON = re.compile(
    r"\brd\.|\bframe\b(?! )|pandas\.|\bpd\.|DyadPanel|\bNone\b|\bTrue\b|\bFalse\b|\w\(\)|\b[a-z_]+=(?!=)"
)
HEAD = '[data]\npath = "diary.csv"\n[columns]\ndyad = "couple"\nperson = "who"\ntime = "t"\n'


def test_no_fix_of_a_finding_is_written_in_python():
    for text in finding_codes()["fix"]:
        assert not PYTHON.search(in_study_words(text)), in_study_words(text)


@pytest.mark.parametrize(
    ("said", "origin", "words"),
    [
        ("name it: rd.read_table(path, missing=(..., 'x')).", "panel", 'name it: missing = ["...", "x"] in [data].'),
        ("pass labels=False, or wait", "reading", "write labels = false in [data], or wait"),
        ("a. Pass header=[0, 1].", "reading", "a. Write header = [0, 1] in [data]."),
        ("dates='iso' or dates={'a b': '%d'}.", "panel", 'dates = "iso" or dates = { "a b" = "%d" } in [columns].'),
        ("as in dates='iso'", "reading", 'as in dates = "iso" in [data]'),
        ("timezone='Berlin' is none", "align", "timezone = \"Berlin\" in the step 'align' is none"),
        (
            "the schedule (day=, beep=), or rd.align",
            "panel",
            "the schedule (day, beep in [columns]), or a step 'align'",
        ),
        ("schedule=rd.Schedule(night_steps=3)", "panel", "night_steps = 3 in [schedule]"),
        ("night_steps=None", "panel", 'night_steps = "restart"'),
        ("n=3: give 4, or None to have it chosen.", "analysis", "n = 3: give 4, or leave it out to have it chosen."),
        (
            "keep one with panel.select(where=...), or use rd.apim, which",
            "analysis",
            "keep one with a step 'filter' of",
        ),
        ("use estimation=rd.Estimation(method='ml').", "analysis", 'use estimation = { method = "ml" }.'),
        ("Residual('ar1', common=True) is", "analysis", '{ process = "ar1", common = true } is'),
        ("a mapping such as {'age': 'actor'}.", "analysis", 'a mapping such as { age = "actor" }.'),
        ("for one use reldyn.dynamics.icc.", "analysis", "for one use dynamics.icc."),
        # What the file holds is no word of Python.
        ("C:/a=b/rd.csv: no column 'x=3'; Q=1", "panel", "C:/a=b/rd.csv: no column 'x=3'; Q=1"),
        ("x == 3 and y <= 4", "analysis", "x == 3 and y <= 4"),
        ("open=(", "analysis", "open"),
    ],
)
def test_calls_become_keys(said, origin, words):
    assert in_study_words(said, origin).startswith(words)


def test_check_says_fixes_as_the_study_file_writes_them(tmp_path, capsys):
    cells = [(d, m, t, 999 if t == d == 1 else t % 5) for d in (1, 2) for m in "ab" for t in range(9)]
    rows = "\n".join(f"{d};{m};{t};{t % 4},5;{y}" for d, m, t, y in cells)
    (tmp_path / "diary.csv").write_text(f"couple;who;t;x;y\n{rows}\n", encoding="utf-8")
    (tmp_path / "study.toml").write_text(HEAD.replace("[columns]", 'decimal = "."\n[columns]'), encoding="utf-8")
    main(["check", str(tmp_path / "study.toml")])
    out = capsys.readouterr().out
    assert 'Name it when reading: missing = ["...", 999] in [data].' in out
    assert not PYTHON.search(out)
    # And the fix is one that the file can take.
    text = HEAD.replace("[columns]", 'decimal = ","\nmissing = ["...", 999]\n[columns]')
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    assert main(["check", str(tmp_path / "study.toml")]) == 0
    assert "999" not in capsys.readouterr().out


def test_warnings_of_reading_name_the_key(tmp_path, capsys):
    rows = "\n".join(f'{d},{m},{t},"{t % 4},{t % 3}"' for d in (1, 2) for m in "ab" for t in range(9))
    (tmp_path / "diary.csv").write_text(f"couple,who,t,x\n{rows}\n", encoding="utf-8")
    (tmp_path / "study.toml").write_text(HEAD, encoding="utf-8")
    main(["check", str(tmp_path / "study.toml")])
    printed = capsys.readouterr()
    assert not PYTHON.search(printed.out + printed.err)
    assert "in [data]" in printed.out + printed.err


def test_an_analysis_that_fails_speaks_of_keys(tmp_path, capsys):
    rows = "\n".join(f"{d},{m},{t},{t * d % 5}" for d in (1, 2) for m in "ab" for t in range(9))
    (tmp_path / "diary.csv").write_text(f"couple,who,t,x\n{rows}\n", encoding="utf-8")
    asked = '[analyses.a]\nverb = "actor_partner.nonindependence"\nvariables = ["x"]\n'
    (tmp_path / "study.toml").write_text(HEAD + asked, encoding="utf-8")
    assert main(["run", str(tmp_path / "study.toml")]) == 1
    assert "keep one with a step 'filter' of [[prepare]], or use apim" in capsys.readouterr().err
