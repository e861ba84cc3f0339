"""Study files of version 1 mean the same when they are read and when they are rewritten."""

import sys
import tomllib

import pytest

from reldyn.errors import DesignError
from reldyn.study._toml import read_draft, read_study_file
from reldyn.study.asking import upgraded
from reldyn.study.cli import main

OLD = """# My study
[data]
path = "diary.csv"   # the rows

[columns]
dyad = "couple"
person = "who"

[prepare]
lag = ["mood"]

[models.mood]        # the main model
outcome = "mood"
predictors = ["mood_lag1", { shared = "stress" }]
[models.mood.estimation]
method = "ml"
inference = "z"

[models.other]
kind = "mixed_model"
outcome = "mood"
fixed = ["stress"]

[cycles]
warmth = "warmth"

[report]
title = "[models.x]"
"""
NEW = {
    "mood": {
        "verb": "apim",
        "outcome": "mood",
        "predictors": ["mood_lag1", {"shared": "stress"}],
        "estimation": {"method": "ml", "inference": "z"},
    },
    "other": {"verb": "mixed_model", "outcome": "mood", "fixed": ["stress"]},
    "schedule": {"verb": "cycles.schedule", "warmth": "warmth"},
}


def write(folder, text, name="study.toml"):
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_an_old_file_is_read_as_a_new_one(tmp_path):
    study = read_study_file(write(tmp_path, OLD))
    assert {one.name: {"verb": one.verb, **one.options} for one in study.requests} == NEW
    assert [step.model_dump(include={"step", "variables"}) for step in study.file.prepare] == [
        {"step": "lag", "variables": ["mood"]}
    ]


def test_faults_of_an_old_file_name_its_own_keys_and_lines(tmp_path):
    text = OLD.replace('outcome = "mood"\nfixed', "outcome = 3\nfixed").replace("warmth =", "warmht =")
    text = text.replace('"mixed_model"', '"mixed_modle"').replace('lag = ["mood"]', "lag = 3")
    assert read_draft(write(tmp_path, text)).faults == [
        "prepare.lag (line 10): wanted is a list in [ ].",
        "models.other.kind (line 20): no analysis is called 'mixed_modle'. Did you mean 'mixed_model'?",
        "cycles.warmht (line 25): 'warmht' is no option of cycles.schedule (did you mean 'warmth'?).",
        "cycles (line 24): the option 'warmth' is needed.",
    ]


def test_an_old_file_is_rewritten_and_kept(tmp_path, capsys):
    path = write(tmp_path, OLD)
    assert main(["check", "--upgrade", str(path)]) == 1
    printed = capsys.readouterr()
    assert f"{path} was rewritten; the old file is kept as study.v1.toml.\n" in printed.out
    assert "there is no such file" in printed.err
    assert (tmp_path / "study.v1.toml").read_bytes() == OLD.encode()
    text = path.read_text(encoding="utf-8")
    assert tomllib.loads(text)["analyses"] == NEW
    assert all(remark in text for remark in ("# My study", "# the rows", "# the main model"))
    main(["check", "--upgrade", str(path)])
    assert "is a study file of today: nothing to do." in capsys.readouterr().out


@pytest.mark.parametrize(
    "models",
    [
        'models = { a = { outcome = "y", predictors = ["x"] } }\n',
        '[[models]]\nname = "a"\noutcome = "y"\npredictors = ["x"]\n',
        '[models."a b"]\noutcome = "y"\npredictors = ["x"]\n',
        "[models]\na.outcome = 'y'\na.predictors = ['x']\n",
        '[models.a]\noutcome = """\n[models.b]\n"""\npredictors = ["\\u007f\\n"]\n',
        '[models.schedule]\noutcome = "y"\npredictors = ["x"]\n[cycles]\nwarmth = "w"\n',
        '[models.a]\nkind = "apim"\r\noutcome = "y"\r\npredictors = ["x"]\r\n',
    ],
    ids=["inline", "a list", "quoted", "dotted", "in a text", "two schedules", "Windows"],
)
def test_whatever_the_layout_the_meaning_stays(tmp_path, models, capsys):
    head = 'scales = { y = [1, 7] }\ndata = { path = "a" }\ncolumns = { dyad = "d", person = "p" }\n'
    text = (models + head) if models.startswith("models =") else head + models
    path = write(tmp_path, text)
    before = read_study_file(path)
    main(["check", "--upgrade", str(path)])
    assert "was rewritten" in capsys.readouterr().out
    after = read_study_file(path)
    assert after.requests == before.requests
    assert after.file == before.file
    assert "models" not in tomllib.loads(path.read_text(encoding="utf-8"))


def test_no_file_of_the_user_is_lost(tmp_path, capsys):
    write(tmp_path, "mine", "study.v1.toml")
    path = write(tmp_path, OLD)
    main(["check", "--upgrade", str(path)])
    assert "study.v1.2.toml" in capsys.readouterr().out
    assert (tmp_path / "study.v1.toml").read_text(encoding="utf-8") == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege there")
def test_a_link_to_a_file_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    real, link = write(tmp_path / "real", OLD), tmp_path / "link.toml"
    link.symlink_to(real)
    main(["check", "--upgrade", str(link)])
    assert link.is_symlink()
    assert "analyses" in tomllib.loads(real.read_text(encoding="utf-8"))
    assert (tmp_path / "real" / "study.v1.toml").is_file()


def test_a_list_of_models_that_is_no_table_is_a_fault(tmp_path):
    path = write(tmp_path, '[data]\npath = "a"\n[columns]\ndyad = "d"\n[models]\na = 3\n')
    with pytest.raises(DesignError, match=r"models\.a \(line 6\): wanted is a table"):
        read_study_file(path)
    assert upgraded({"models": 3})[0] == {"analyses": 3}
