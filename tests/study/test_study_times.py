"""Study files pass the options of tables, panels and wide files."""

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.errors import DesignError

STUDY = """[data]
path = "diary.csv"
skip = 1
delimiter = ";"
missing = ["", -99]

[columns]
dyad = "couple"
person = "role"
role = "role"
time = "sent"
dates = { sent = "%d.%m.%Y %H:%M" }
timezone = "Europe/Berlin"
workdays = ["Mon", "Tue", "Wed", "Thu", "Fri"]

[models.main]
outcome = "y"
predictors = ["x"]
estimation = { inference = "z" }
"""


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(1)
    evenings = [pd.Timestamp("2026-03-02 20:00") + pd.Timedelta(days=day) for day in range(12) if day % 7 < 5]
    rows = [
        (couple, role, moment.strftime("%d.%m.%Y %H:%M"), rng.normal(), rng.normal())
        for couple in range(6)
        for moment in evenings
        for role in "fm"
    ]
    table = pd.DataFrame(rows, columns=["couple", "role", "sent", "x", "y"])
    (tmp_path / "diary.csv").write_text("A diary\n" + table.to_csv(index=False, sep=";"), encoding="utf-8")
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    return tmp_path


def test_times_are_read_as_the_study_file_says(folder):
    run = rd.run_study(folder / "study.toml", output=folder / "out")
    read = run.findings[run.findings["code"] == "times-read"]["message"].tolist()
    assert "of the form '%d.%m.%Y %H:%M', on the clock of Europe/Berlin (2026-03-02 to 2026-03-13)." in read[0]
    assert "gap" not in run.findings["code"].tolist()


def test_faults_of_the_options_are_placed_in_the_file(folder):
    path = folder / "study.toml"
    path.write_text(STUDY.replace("Europe/Berlin", "Berlin").replace('"Mon"', '"Mno"'), encoding="utf-8")
    with pytest.raises(DesignError, match=r"columns \(line 7\): timezone = \"Berlin\" .* 'Mno' is no day of the week"):
        rd.run_study(path, output=folder / "out")


def test_a_wide_file_with_occasions_in_columns(tmp_path):
    rng = np.random.default_rng(2)
    columns = {"couple": np.arange(20)}
    columns |= {f"{who}_{item}.{wave}": rng.normal(size=20) for who in "fm" for item in "xy" for wave in (1, 2, 3)}
    pd.DataFrame(columns).to_csv(tmp_path / "wide.csv", index=False)
    text = (
        '[data]\npath = "wide.csv"\n[columns]\ndyad = "couple"\nrole = "role"\n[wide]\nprefixes = ["f_", "m_"]\n'
        'occasions = "{item}.{time}"\n[models.main]\noutcome = "y"\npredictors = ["x"]\n'
        'estimation = { inference = "z" }\n'
    )
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    run = rd.run_study(tmp_path / "study.toml", output=tmp_path / "out")
    assert run.findings.set_index("code").loc["compliance", "n"] == 120
