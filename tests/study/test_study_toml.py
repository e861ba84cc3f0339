"""Check that a study file's faults are named with key path, line and nearest match, all at once."""

from pathlib import Path

import pytest

from reldyn.errors import DesignError
from reldyn.mixed import Random, Residual, shared
from reldyn.study._toml import read_study_file

HEAD = """[data]
path = "diary.csv"
[columns]
dyad = "couple"
person = "who"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def message(folder: Path, text: str) -> str:
    with pytest.raises(DesignError) as caught:
        read_study_file(write(folder, text))
    return str(caught.value)


def test_an_unknown_key_is_named_with_path_line_and_nearest_match(tmp_path):
    text = HEAD + '[analyses.one]\nverb = "apim"\noutcome = "y"\npredictors = ["x"]\ncentring = "none"\n'
    assert message(tmp_path, text) == (
        "study.toml: analyses.one.centring (line 10): 'centring' is no option of apim (did you mean 'centering'?)."
    )


def test_all_faults_come_at_once(tmp_path):
    text = """[data]
path = "a.csv"
decimal = ";"
[columns]
dyad = "d"
persn = "p"
[[prepare]]
step = "filtr"
[[prepare]]
step = "derive"
name = "z"
value = "x +"
[[prepare]]
step = "scale"
name = "s"
itms = ["a", "b"]
[analyses.one]
verb = "coupling.asymetry"
[analyses.two]
verb = "coupling.asymmetry"
variabel = "x"
trend = "no"
[analyses.three]
verb = "coupling.granger"
variable = ["a"]
lags = 1.5
[analyses.four]
variable = 4
[analyses.five]
verb = "apim"
outcome = "y"
predictors = ["x"]
residual = { process = "unstructred" }
roles = "distinct"
estimation = { analysis = "sixth" }
[run]
workers = 0
backend = "threads"
[scales]
y = [1, "b"]
"""
    found = message(tmp_path, text).split("\n- ")
    assert found[0] == f"study.toml has {len(found) - 1} faults:"
    assert set(found[1:]) == {
        "data.decimal (line 3): ';' is not known; allowed: '.' or ','.",
        "columns.persn (line 6): unknown key. Did you mean 'person'?",
        "scales.y.1 (line 40): wanted is a number.",
        "prepare.0.step (line 8): 'filtr' is no step. Did you mean 'filter'?",
        "prepare.1.value (line 12): 'x +' is no formula; a formula knows columns, numbers, texts, + - * / % **, "
        "comparisons, in, and, or, not, and abs(), exp(), log(), sqrt(), missing().",
        "prepare.2.items (line 13): this key is needed.",
        "prepare.2.itms (line 16): unknown key. Did you mean 'items'?",
        "run.workers (line 37): give a number of at least 1.",
        "run.backend (line 38): 'threads' is not known; allowed: 'loky' or 'dask'.",
        "analyses.one.verb (line 18): no analysis is called 'coupling.asymetry'. Did you mean 'coupling.asymmetry'?",
        "analyses.two (line 19): the option 'variable' is needed.",
        "analyses.two.variabel (line 21): 'variabel' is no option of coupling.asymmetry (did you mean 'variable'?).",
        "analyses.two.trend (line 22): wanted is true or false.",
        "analyses.three.variable (line 25): wanted is text in quotation marks.",
        "analyses.three.lags (line 26): wanted is a whole number.",
        "analyses.four (line 27): the key 'verb' is needed: the name of an analysis from rd.analyses().",
        "analyses.five.residual (line 33): residual process = \"unstructred\" is not known; allowed: 'independent', "
        "'unstructured', 'ar1', 'car1', 'var1'. Did you mean 'unstructured'?",
        "analyses.five.roles (line 34): wanted is 'distinguishable' or 'exchangeable' or 'by-composition'.",
        "analyses.five.estimation (line 35): no analysis of this file is called 'sixth'.",
    }


def test_an_unknown_section_is_named(tmp_path):
    assert message(tmp_path, HEAD + "[report]\ntitel = 'x'\n[analysis.a]\noutcome = 'y'\n") == (
        "study.toml has 2 faults:\n"
        "- report.titel (line 7): unknown key. Did you mean 'title'?\n"
        "- analysis (line 8): unknown key. Did you mean 'analyses'?"
    )


def test_a_missing_section_is_named(tmp_path):
    assert message(tmp_path, '[data]\npath = "a.csv"\n') == "study.toml: columns: this key is needed."


def test_broken_toml_says_where(tmp_path):
    assert message(tmp_path, '[data]\npath = "a.csv\n').startswith("study.toml is no valid TOML: ")
    assert "line 2" in message(tmp_path, '[data]\npath = "a.csv\n')


@pytest.mark.parametrize("path", [r"C:\Users\me\diary.csv", r"C:\temp\diary.csv", r"D:\new\diary.csv"])
def test_a_path_of_windows_in_double_quotation_marks_is_answered_with_the_mend(tmp_path, path):
    said = message(tmp_path, f'[data]\npath = "{path}"\n[columns]\ndyad = "d"\nperson = "p"\n')
    assert "line 2" in said
    assert said.endswith(
        "In double quotation marks a backslash begins an escape: write / in paths, or use single quotation marks."
    )


def test_quotation_marks_of_a_word_processor_are_named(tmp_path):
    said = message(tmp_path, "[data]\npath = \u201ediary.csv\u201c\n")
    assert "line 2" in said
    assert said.endswith("Quotation marks are straight: \" or '.")


def test_an_absent_file_names_its_neighbours(tmp_path):
    write(tmp_path, HEAD)
    with pytest.raises(DesignError) as caught:
        read_study_file(tmp_path / "stduy.toml")
    assert str(caught.value) == (
        f"{tmp_path / 'stduy.toml'}: there is no such study file. The folder holds study.toml."
    )


def test_text_that_is_no_utf8_is_refused(tmp_path):
    path = tmp_path / "study.toml"
    path.write_bytes(b'[data]\npath = "caf\xe9.csv"\n')
    with pytest.raises(DesignError, match="is not UTF-8 text"):
        read_study_file(path)


def test_models_of_version_one_may_be_a_list_with_names(tmp_path):
    models = '[[models]]\nname = "one"\noutcome = "y"\npredictors = ["x"]\n[[models]]\nname = "two"\noutcome = "z"\n'
    study = read_study_file(write(tmp_path, HEAD + models + 'predictors = ["x"]\n'))
    assert {one.name: one.options["outcome"] for one in study.requests} == {"one": "y", "two": "z"}
    assert message(tmp_path, HEAD + models + 'predictor = ["x"]\n').count("models.two.predictor (line 13)") == 1
    assert message(tmp_path, HEAD + models.replace('name = "two"\n', "")) == (
        "study.toml: models.1 (line 10): a model of a list needs a name."
    )


def test_options_become_the_objects_of_the_call(tmp_path):
    text = (
        HEAD
        + """
[analyses.a]
verb = "apim"
outcome = "y"
predictors = ["x", { shared = "z" }]
random = ["intercept", { shared = "actor" }]
residual = { process = "ar1", common = true }
[analyses.b]
verb = "mixed_model"
outcome = "y"
fixed = ["x"]
random = { terms = ["intercept", "x"], covariance = "diagonal" }
"""
    )
    asked = read_study_file(write(tmp_path, text)).requests
    first, second = (one.arguments({}) for one in asked)
    assert first["predictors"] == ("x", shared("z"))
    assert first["random"] == ("intercept", shared("actor"))
    assert first["residual"] == Residual("ar1", common=True)
    assert second["random"] == Random(("intercept", "x"), covariance="diagonal")
    assert asked[0].columns()["predictors"] == ["x", "z"]


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = tmp_path / "study.toml"
    path.write_bytes(b"\xef\xbb\xbf" + HEAD.encode())
    assert read_study_file(path).file.columns.dyad == "couple"


@pytest.mark.parametrize(
    "line",
    [
        "[" + " " * 300_000 + "x",
        "[[" + " " * 300_000 + "]",
        "[x" + " " * 300_000 + "#",
        "[a" + " . a" * 100_000,
        "a" + " " * 300_000,
        "a" + ".a" * 150_000 + " ",
        '"' * 300_000,
        "[" + "]" * 300_000,
    ],
    ids=["blanks", "closed", "before a comment", "dots", "a key", "a dotted key", "quotes", "brackets"],
)
def test_lines_are_scanned_once_whatever_they_hold(tmp_path, line):
    # With backtracking any of these lines would take hours, so that the test ends at all is the point.
    text = f"{HEAD}[report]\ntitle = '''\n{line}\n'''\nextra = 1\n"
    assert message(tmp_path, text).startswith("study.toml: report.extra (line 10): unknown key.")


def test_headers_with_quoted_names_and_comments_keep_their_lines(tmp_path):
    text = (
        HEAD + '[ models . "a ] # = b" ]  # one\noutcome = 3\npredictors = ["x"]\n[models.\'c\'] # two\noutcome = 4\n'
    )
    told = message(tmp_path, text)
    assert "models.a ] # = b.outcome (line 7)" in told
    assert "models.c.outcome (line 10)" in told
