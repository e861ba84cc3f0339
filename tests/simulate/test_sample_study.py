"""The script behind the sample study: same bytes, Psych-DS layout, couples made one by one."""

import importlib
import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE = REPOSITORY / "data" / "sample"


@pytest.fixture
def tools(monkeypatch):
    """Import a module of tools/ as the script itself does, and forget it afterwards."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "tools"))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if name in {"make_sample", "sample_study", "sample_texts", "psych_ds"}:
            del sys.modules[name]


@pytest.fixture
def copied(tmp_path):
    """The layout without the rows: description and a data file of two lines."""
    (tmp_path / "data").mkdir()
    shutil.copy(SAMPLE / "dataset_description.json", tmp_path)
    lines = (SAMPLE / "data" / "study-couples_data.csv").read_text(encoding="utf-8").splitlines()[:3]
    (tmp_path / "data" / "study-couples_data.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def test_the_script_writes_the_same_bytes(tools, tmp_path):
    tools("make_sample").write_sample(tmp_path)
    shipped = {path.relative_to(SAMPLE).as_posix() for path in SAMPLE.rglob("*") if path.is_file()}
    made = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert made == shipped
    for name in shipped:
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), name


def test_the_data_stay_small():
    assert (SAMPLE / "data" / "study-couples_data.csv").stat().st_size < 6_000_000


def test_one_couple_does_not_need_the_others(tools):
    study, make = tools("sample_study"), tools("make_sample")
    couple = study.make_couple(77)
    shipped = (SAMPLE / "data" / "study-couples_data.csv").read_text(encoding="utf-8").splitlines()
    columns = list(tools("sample_texts").VARIABLES)
    made = make.table_text(couple.rows[columns]).splitlines()
    assert made[0] == shipped[0]
    assert made[1:] == [line for line in shipped if line.startswith("78,")]


def test_the_plan_covers_all_couples(tools):
    study = tools("sample_study")
    assert sum(count for _, count in study.PLAN) == len(study.COMPOSITIONS) == len(study.kinds_of_couples())


def test_codebook_and_description_list_every_column():
    header = (SAMPLE / "data" / "study-couples_data.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    described = json.loads((SAMPLE / "dataset_description.json").read_text(encoding="utf-8"))
    codebook = pd.read_csv(SAMPLE / "documentation" / "study-couples_codebook.csv")
    assert [item["name"] for item in described["variableMeasured"]] == header
    assert codebook["name"].tolist() == header
    assert codebook["description"].str.len().gt(5).all()


def test_the_sample_follows_psych_ds(tools):
    assert tools("psych_ds").check_psych_ds(SAMPLE) == []


def test_departures_from_psych_ds_are_named(tools, copied):
    check = tools("psych_ds").check_psych_ds
    assert check(copied) == []
    data = copied / "data" / "study-couples_data.csv"
    text = data.read_text(encoding="utf-8")
    data.write_text(text.replace("longing", "yearning", 1) + "1,2\n", encoding="utf-8")
    data.rename(copied / "data" / "couples.csv")
    problems = check(copied)
    assert len(problems) == 4
    assert problems[0].startswith("couples.csv: not named key-value_..._data.csv")
    assert problems[1:] == [
        "couples.csv: 1 lines do not have 17 fields, first line 4.",
        "couples.csv: column 'yearning' is not in variableMeasured.",
        "variableMeasured names 'longing', which no data file has.",
    ]


def test_a_description_that_is_no_dataset_is_named(tools, copied):
    check = tools("psych_ds").check_psych_ds
    description = copied / "dataset_description.json"
    content = json.loads(description.read_text(encoding="utf-8"))
    del content["@type"], content["name"]
    description.write_text(json.dumps(content), encoding="utf-8")
    assert check(copied) == [
        "dataset_description.json: @type is not 'Dataset'.",
        "dataset_description.json: name is missing.",
    ]
    description.unlink()
    assert check(copied)[0] == "dataset_description.json is missing."
    shutil.rmtree(copied / "data")
    assert check(copied) == ["dataset_description.json is missing.", "data/ holds no CSV file."]


def test_keywords_of_ones_own_and_what_is_recommended_are_warnings(tools, copied):
    examine = tools("psych_ds").examine
    data = copied / "data" / "study-couples_data.csv"
    data.rename(data.with_name("study-couples_wave-2_data.csv"))
    (copied / "data" / "notes.txt").write_text("none")
    found = {departure.code: departure for departure in examine(copied)}
    assert {departure.level for departure in found.values()} == {"warning"}
    assert found["FILENAME_UNOFFICIAL_KEYWORD_WARNING"].message.startswith(
        "study-couples_wave-2_data.csv: 'wave' is none of the official keywords (study, site, "
    )
    assert found["FILE_NOT_CHECKED"].message == "notes.txt: no CSV file, so it is not checked."
    assert {"MISSING_README_DOC", "JSON_KEY_RECOMMENDED"} <= set(found)


@pytest.mark.shared_data
def test_the_rules_and_the_verdicts_are_those_of_the_standard(tools, shared_data):
    standards = shared_data.parent / "reference" / "standards"
    psych_ds = tools("psych_ds")
    schema = json.loads((standards / "psych-ds-schema.json").read_text(encoding="utf-8"))
    stored = json.loads(psych_ds.RULES.read_text(encoding="utf-8"))
    assert psych_ds.rules_of(schema).items() <= stored.items()
    assert psych_ds.check_psych_ds(standards / "mistakes-corrected-dataset") == []
    wrong = psych_ds.examine(standards / "informative-mistakes-dataset")
    assert {departure.code for departure in wrong if departure.level == "error"} == {
        "FILENAME_KEYWORD_FORMATTING_ERROR",
        "CSV_COLUMN_MISSING_FROM_METADATA",
        "CSV_FORMATTING_ERROR",
        "CSV_HEADER_MISSING",
        "CSV_HEADER_REPEATED",
        "VARIABLE_MISSING_FROM_CSV_COLUMNS",
    }
