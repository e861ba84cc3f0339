"""Files and options that nobody means well: the library's own errors, in one sentence, and soon."""

import json
import os
import sys
from pathlib import Path

import pytest

import reldyn as rd
from reldyn.errors import ReldynError
from reldyn.study._toml import read_draft, read_study_file

HEAD = '[data]\npath = "a.csv"\n[columns]\ndyad = "d"\nperson = "p"\n'
DEEP = 50_000
TEXTS = {
    "deep lists": HEAD + "scales = " + "[" * DEEP + "]" * DEEP,
    "deep tables": HEAD + "[analyses.a]\nverb = 'apim'\nx = " + "{a=" * DEEP + "1" + "}" * DEEP,
    "deep keys": HEAD + "[" + ".".join(["a"] * DEEP) + "]\n",
    "a NUL": HEAD + "\x00",
    "a NUL in a path": '[data]\npath = "a\\u0000.csv"\n[columns]\ndyad = "d"\nperson = "p"\n',
    "a NUL in a name": HEAD + '[analyses."a\\u0000b"]\nverb = "coupling.granger"\nvariable = "x\\u0000"\n',
    "a lone surrogate": HEAD + '[report]\ntitle = "\\ud800"\n',
    "a huge whole number": HEAD + f"[run]\nseed = {'9' * 5_000}\n",
    "a large whole number": HEAD + f"[run]\nworkers = {10**40}\n",
    "a large scale": HEAD + f"[scales]\na = [{10**400}, 3]\n",
    "an endless scale": HEAD + "[scales]\na = [-inf, nan]\n",
    "a header of many letters": HEAD + f"[{'x' * 200_000}]\na = 1\n",
    "a date": HEAD + "[analyses.a]\nverb = 2024-01-01\n",
    "dates as options": HEAD + "[analyses.a]\nverb = 'apim'\noutcome = 2024-01-01\npredictors = [12:00:00]\n",
    "sections of other kinds": "data = 1\ncolumns = 'a'\nprepare = 3\nanalyses = [1]\nrun = []\nreport = 'x'\n",
    "steps of other kinds": HEAD + 'prepare = [1, "a", [], {}, {step = 3}, {step = ["lag"]}]\n',
    "models of other kinds": HEAD + "models = [1, {name = 3}]\ncycles = 'x'\n",
    "cycles of another kind": HEAD + "cycles = [1]\n",
    "a formula that is a program": HEAD + '[[prepare]]\nstep = "filter"\nkeep = "__import__(\'os\').getpid() > 0"\n',
    "a deep formula": HEAD + f'[[prepare]]\nstep = "filter"\nkeep = "{"(" * 900}a{")" * 900}"\n',
    "a file twice as large": "#" * 1_000_001,
    "nothing": "",
}


@pytest.mark.parametrize("what", TEXTS)
def test_study_files_end_in_an_error_of_the_library(tmp_path, what):
    path = tmp_path / "study.toml"
    path.write_bytes(TEXTS[what].encode("utf-8", errors="surrogatepass"))
    with pytest.raises(ReldynError) as caught:
        rd.run_study(path)
    assert len(str(caught.value)) < 5_000 or what == "a header of many letters"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["study.toml"]


@pytest.mark.parametrize("name", ["a\x00b", "x" * 5_000, "\ud800", "."])
def test_paths_that_are_none_are_refused(name):
    with pytest.raises(ReldynError):
        read_study_file(Path(name))
    with pytest.raises(ReldynError):
        rd.from_json(name)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
def test_pipes_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(ReldynError, match="is no file"):
        read_draft(tmp_path / "pipe.toml")
    with pytest.raises(ReldynError, match="is no file"):
        rd.from_json(tmp_path / "pipe.toml")


@pytest.fixture(scope="module")
def saved():
    panel = rd.simulate.apim(n_dyads=4, n_occasions=12, actor=0.3, partner=0.1, seed=1).panel
    return rd.coupling.inertia_coordination(panel, "y").to_json()


JUNK = (None, 3, "x", [], {}, [[]], {"a": 1}, True, -1.5, "\ud800", 10**30)


def test_malformed_results_are_refused(saved):
    whole = json.loads(saved)
    rd.from_json(saved)
    for key in ("schema", "schema_version", "fields", "spec", "rows"):
        for junk in JUNK:
            _refused_or_read(json.dumps({**whole, key: junk}))
    for field in whole["fields"]:
        for junk in JUNK:
            _refused_or_read(json.dumps({**whole, "fields": {**whole["fields"], field: junk}}))
    for home in ("tables", "state"):
        held = whole["fields"][home]
        for name in held:
            for junk in JUNK:
                changed = {**whole["fields"], home: {**held, name: junk}}
                _refused_or_read(json.dumps({**whole, "fields": changed}))


def _refused_or_read(text):
    try:
        rd.from_json(text)
    except ReldynError as problem:
        assert len(str(problem)) < 3_000


@pytest.mark.parametrize(
    "text",
    ["{" * 100_000, '{"a":' * 50_000, '{"schema": ' + "9" * 5_000 + "}", "{}", '{"schema": "\\ud800"}', "{\x00}"],
    ids=["braces", "deep", "huge", "empty", "surrogate", "NUL"],
)
def test_texts_that_are_no_results_are_refused(text):
    with pytest.raises(ReldynError):
        rd.from_json(text)
    deep = '{"schema": "TableResult", "schema_version": 2, "fields": {"table": ' + "[" * 900 + "]" * 900 + "}}"
    with pytest.raises(ReldynError):
        rd.from_json(deep)


WRONG = (3, -1, 0.5, [], {}, object(), b"x", "nonsense", ["a"], {"a": object()}, float("nan"), 10**30, True)


@pytest.mark.parametrize(
    "option", ["missing", "decimal", "encoding", "dates", "skip", "header", "sheet", "delimiter", "labels"]
)
def test_options_of_readers_end_in_errors_of_the_library(tmp_path, option):
    path = tmp_path / "a.csv"
    path.write_text("dyad,person,y\n1,1,2\n1,2,3\n", encoding="utf-8")
    for value in WRONG:
        try:
            rd.read_table(path, **{option: value})
        except (ReldynError, rd.DataWarning):
            continue


@pytest.mark.parametrize("option", ["path", "output", "fresh", "frozen", "resume"])
def test_arguments_of_the_runner_end_in_errors_of_the_library(tmp_path, option):
    path = tmp_path / "study.toml"
    path.write_text(HEAD, encoding="utf-8")
    # Without data every run fails; how is the point.
    for value in (3, None, object(), [], b"x", "a\x00b"):
        with pytest.raises(ReldynError):
            rd.run_study(**{"path": path, option: value})
