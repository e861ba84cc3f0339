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
    text = HEAD + '[models.apim]\noutcome = "y"\npredictors = ["x"]\ncentring = "none"\n'
    assert message(tmp_path, text) == (
        "study.toml: models.apim.centring (line 9): unknown key. Did you mean 'centering'?"
    )


def test_all_faults_come_at_once(tmp_path):
    text = """[data]
path = "a.csv"
decimal = ";"
[columns]
dyad = "d"
persn = "p"
[models.one]
outcome = 3
predictors = ["x", { shard = "z" }]
estimation = { method = "rmel", inferense = "z" }
[models.two]
kind = "apm"
[models.three]
kind = "mixed_model"
outcome = "y"
fixed = ["a"]
residual = "unstructred"
[models.three.estimation]
method = "ml"
inference = "kenward-roger"
[scales]
y = [1, "b"]
"""
    found = message(tmp_path, text).split("\n- ")
    assert found[0] == f"study.toml has {len(found) - 1} faults:"
    assert set(found[1:]) == {
        "data.decimal (line 3): ';' is not known; allowed: '.' or ','.",
        "columns.persn (line 6): unknown key. Did you mean 'person'?",
        "scales.y.1 (line 22): wanted is a number.",
        "models.one.outcome (line 8): wanted is text in quotation marks.",
        "models.one.predictors.1.shared (line 9): this key is needed.",
        "models.one.predictors.1.shard (line 9): unknown key. Did you mean 'shared'?",
        "models.one.estimation.inferense (line 10): unknown key. Did you mean 'inference'?",
        "models.two.kind (line 12): 'apm' is not known; allowed: 'apim', 'mixed_model'.",
        "models.three.residual (line 17): residual process='unstructred' is not known; allowed: 'independent', "
        "'unstructured', 'ar1', 'car1', 'var1'. Did you mean 'unstructured'?",
        "models.three.estimation (line 18): inference='kenward-roger' is defined under REML only. Use method='reml', "
        "or inference='z' with ML.",
    }


def test_an_unknown_section_is_named(tmp_path):
    assert message(tmp_path, HEAD + "[report]\ntitel = 'x'\n[modles.a]\noutcome = 'y'\n") == (
        "study.toml has 2 faults:\n"
        "- report.titel (line 7): unknown key. Did you mean 'title'?\n"
        "- modles (line 8): unknown key. Did you mean 'models'?"
    )


def test_a_missing_section_is_named(tmp_path):
    assert message(tmp_path, '[data]\npath = "a.csv"\n') == "study.toml: columns: this key is needed."


def test_broken_toml_says_where(tmp_path):
    assert message(tmp_path, '[data]\npath = "a.csv\n').startswith("study.toml is no valid TOML: ")
    assert "line 2" in message(tmp_path, '[data]\npath = "a.csv\n')


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


def test_models_may_be_a_list_with_names(tmp_path):
    models = '[[models]]\nname = "one"\noutcome = "y"\npredictors = ["x"]\n[[models]]\nname = "two"\noutcome = "z"\n'
    study, _ = read_study_file(write(tmp_path, HEAD + models + 'predictors = ["x"]\n'))
    assert {name: model.outcome for name, model in study.models.items()} == {"one": "y", "two": "z"}
    assert message(tmp_path, HEAD + models + 'predictor = ["x"]\n').count("models.two.predictor (line 13)") == 1
    assert message(tmp_path, HEAD + models.replace('name = "two"\n', "")) == (
        "study.toml: models.1 (line 10): a model of a list needs a name."
    )


def test_terms_become_the_options_of_the_call(tmp_path):
    text = (
        HEAD
        + """
[models.a]
outcome = "y"
predictors = ["x", { shared = "z" }]
random = ["intercept", { shared = "actor" }]
residual = { process = "ar1", common = true }
[models.b]
kind = "mixed_model"
outcome = "y"
fixed = ["x"]
random = { terms = ["intercept", "x"], covariance = "diagonal" }
"""
    )
    study, _ = read_study_file(write(tmp_path, text))
    first, second = study.models["a"].options(), study.models["b"].options()
    assert first["predictors"] == ("x", shared("z"))
    assert first["random"] == Random(("intercept", shared("actor")))
    assert first["residual"] == Residual("ar1", common=True)
    assert second["random"] == Random(("intercept", "x"), covariance="diagonal")
    assert study.models["a"].columns()["predictors"] == ["x", "z"]


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = tmp_path / "study.toml"
    path.write_bytes(b"\xef\xbb\xbf" + HEAD.encode())
    assert read_study_file(path)[0].columns.dyad == "couple"


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
