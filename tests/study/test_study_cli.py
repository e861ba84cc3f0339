"""Check the command line: exit codes, one-sentence errors, no traceback, any terminal."""

import os
import subprocess
import sys
import tomllib

import pandas as pd
import pytest
from typer.testing import CliRunner

import reldyn as rd
from reldyn.study.cli import app, main
from reldyn.study.running import _compute

STUDY = """[data]
path = "diary.csv"
[columns]
dyad = "dyad"
person = "person"
role = "role"
time = "time"
[analyses.mood]
verb = "coupling.inertia_coordination"
variable = "y"
"""
ROLES = ["--dyad", "dyad", "--person", "person", "--role", "role", "--time", "time"]


@pytest.fixture
def folder(tmp_path):
    panel = rd.simulate.apim(n_dyads=4, n_occasions=12, actor=0.4, partner=0.2, seed=5).panel
    panel.frame.to_csv(tmp_path / "diary.csv", index=False)
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    return tmp_path


def test_help_and_version():
    runner = CliRunner()
    listed = runner.invoke(app, ["--help"])
    assert listed.exit_code == 0
    assert all(command in listed.output for command in ("demo", "check", "run"))
    assert "..." not in listed.output.partition("Commands")[2]  # nothing is cut off
    assert runner.invoke(app, ["--version"]).output == f"reldyn {rd.__version__}\n"


def test_of_many_fits_some_may_not_have_converged(folder, capsys, monkeypatch):
    glance = rd.cycles.CycleResult.glance
    monkeypatch.setattr(rd.cycles.CycleResult, "glance", lambda one: glance(one).assign(converged=False))
    panel = rd.simulate.cycles("linear", n_dyads=1, n_occasions=40, seed=1).panel
    panel.frame.to_csv(folder / "diary.csv", index=False)
    study = STUDY.partition("[analyses")[0].replace('time = "time"', 'day = "day"\nbeep = "beep"')
    study += '[analyses.cycles]\nverb = "detect_cycles"\nwarmth = "warmth"\nn_surrogates = 19\n'
    (folder / "study.toml").write_text(study, encoding="utf-8")
    assert main(["run", str(folder / "study.toml"), "--output", str(folder / "out")]) == 0
    assert "NOT EVERY FIT CONVERGED" in capsys.readouterr().out
    report = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert "Not every fit converged." in report and "This model did not converge" not in report


def test_run_prints_where_the_report_is(folder, capsys):
    assert main(["run", str(folder / "study.toml"), "--output", str(folder / "out")]) == 0
    printed = capsys.readouterr()
    assert f"Report: {folder / 'out' / 'report.html'}" in printed.out
    assert "Analysis mood: " in printed.out
    assert "reldyn:" not in printed.err
    assert main(["run", str(folder / "study.toml"), "--output", str(folder / "out"), "--frozen"]) == 0
    assert "(kept)" in capsys.readouterr().out
    assert main(["run", str(folder / "study.toml"), "--output", str(folder / "out"), "--fresh", "--resume"]) == 0
    assert "(kept)" not in capsys.readouterr().out
    (folder / "diary.csv").write_text((folder / "diary.csv").read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert main(["run", str(folder / "study.toml"), "--output", str(folder / "out"), "--frozen"]) == 1
    assert "the run is frozen, and not all is as it was: the data file is another." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "reldyn: Invalid value: name a command: demo, new, import, check or run. See reldyn --help.\n"),
        (["run", "--xyz", "x"], 2, "reldyn: No such option: --xyz. See reldyn --help.\n"),
        (["run", "none.toml"], 1, "reldyn: none.toml: there is no such study file.\n"),
        (["check", "none.csv", *ROLES], 1, "reldyn: none.csv: there is no such file.\n"),
    ],
)
def test_faults_are_one_sentence_on_standard_error(arguments, code, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == sentence


def test_a_faulty_study_file_is_refused(folder, capsys):
    path = folder / "study.toml"
    path.write_text(STUDY.replace("variable", "variabel"), encoding="utf-8")
    assert main(["run", str(path)]) == 1
    printed = capsys.readouterr().err
    assert "analyses.mood.variabel (line 10): 'variabel' is no option of coupling.inertia_coordination" in printed
    assert not (folder / "study-output").exists()


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "the file is empty"),
        (b"dyad,person,role,time,x,y\n", "has a header but no rows"),
        (b"dyad;person;role;time;x;y\n1;1;a;1;2;3\n", None),
        (b"dyad,person,role,time,x\n1,1,a,1,2\n", "analyses.mood.outcome (line 10): no column 'y' in diary.csv"),
        (b"dyad,person,role,time,x,y\n1,1,a,1,\xff,3\n", None),
        (b"dyad,person,role,time,x,y\n1,1,a,1,2,3\n1,2,b,1,2,3\n1,3,a,1,4,3\n", "dyad"),
        (b"dyad,person,role,time,x,y\n1,1,a,1,2,3\n1,2,b,1,4,5\n2,1,a,1,2,4\n2,2,b,1,4,5\n", "analyses.mood (line 8)"),
        (b"PK\x03\x04 not a table", None),
    ],
    ids=["empty", "header-only", "semicolons", "no-outcome", "not-utf8", "three-persons", "few-dyads", "zip"],
)
def test_bad_data_is_one_message_and_no_output(folder, capsys, content, part):
    (folder / "diary.csv").write_bytes(content)
    model = 'verb = "apim"\noutcome = "y"\npredictors = ["x"]\n'
    (folder / "study.toml").write_text(STUDY[: STUDY.index("verb")] + model, encoding="utf-8")
    assert main(["run", str(folder / "study.toml")]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("reldyn: ")
    assert "fault of reldyn" not in printed.err
    assert part is None or part in printed.err
    assert "Report" not in printed.out
    assert {path.name for path in folder.iterdir()} - {"study.key"} == {"diary.csv", "study.toml"}


def test_check_prints_findings_and_fails_on_errors(folder, capsys):
    assert main(["check", str(folder / "diary.csv"), *ROLES]) == 0
    assert "Findings: 0 errors" in capsys.readouterr().out
    assert main(["check", str(folder / "study.toml")]) == 0
    lines = (folder / "diary.csv").read_text(encoding="utf-8").splitlines()
    (folder / "diary.csv").write_text("\n".join([*lines, lines[1]]) + "\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["check", str(folder / "diary.csv"), *ROLES]) == 1
    assert "error  duplicate-occasion: " in capsys.readouterr().out
    assert main(["check", str(folder / "study.toml")]) == 1


def test_check_asks_for_the_columns_it_needs(folder, capsys):
    assert main(["check", str(folder / "diary.csv")]) == 1
    assert "name the columns with --dyad and --person. The file has: dyad, person" in capsys.readouterr().err
    assert main(["check", str(folder / "study.toml"), "--dyad", "dyad"]) == 1
    assert "a study file names its columns itself; leave out --dyad." in capsys.readouterr().err


def test_demo_runs_the_main_job_and_says_what_was_planted(tmp_path, capsys, monkeypatch):
    """The same file on part of the rows; what the whole one prints is compared with the README where dev.py runs it."""
    from reldyn.study import _demo

    short = _demo._text().replace("dyad <= 10", "dyad <= 3 and day <= 15").replace('unit = "dyad"', 'unit = "row"')
    monkeypatch.setattr(_demo, "_text", lambda: short.replace("n_jobs = 2", "n_jobs = 1"))
    assert main(["demo", "--output", str(tmp_path / "demo")]) == 0
    printed = capsys.readouterr().out
    assert "Sample study, the first 3 of 140 couples" in printed
    assert "Planted: 0.00 (0 of 6)." in printed
    assert printed.splitlines()[-1] == f"Report: {tmp_path / 'demo' / 'report.html'}"
    assert (tmp_path / "demo" / "study.toml").is_file()
    # What an earlier run has computed is read back, and says the same.
    assert main(["demo", "--output", str(tmp_path / "demo")]) == 0
    assert capsys.readouterr().out == printed


def test_the_full_demo_takes_all_couples_and_the_default_of_surrogates():
    from reldyn.study import _demo

    short, full = (tomllib.loads(text) for text in (_demo._text(), _demo._full_text(_demo._text())))
    assert short.pop("prepare")[0]["keep"] == "dyad <= 10"
    assert short["analyses"]["cycles"].pop("n_surrogates") == 19
    assert full == short


def test_verdicts_meet_the_truth_by_id_and_by_running_number():
    from reldyn.study._demo import with_truth

    truth = rd.load_sample_truth().couples
    people = rd.load_sample().frame[["dyad", "person", "role"]].drop_duplicates()
    named = truth.merge(people, left_on=["dyad", "giver"], right_on=["dyad", "person"])
    mixed = named["composition"] == "female-male"
    verdicts = pd.DataFrame({"dyad": named["dyad"], "giver": named["role"].where(mixed, named["giver"]).astype(object)})
    found = with_truth(verdicts).merge(verdicts.assign(kind=named["kind"]), on=["dyad", "giver"])
    assert len(found) == 280
    assert (found["planted"] == found["kind"]).all()
    # Saved results number dyads and persons in the order of their ids.
    numbers = {label: place for place, label in enumerate(sorted(people["person"]), start=1)}
    saved = verdicts.assign(giver=[numbers.get(label, label) for label in verdicts["giver"]])
    assert with_truth(saved.sample(frac=1, random_state=1).head(280))["planted"].tolist() == found["planted"].tolist()


def test_new_writes_a_study_that_runs_and_overwrites_nothing(tmp_path, capsys):
    folder = tmp_path / "my study"
    assert main(["new", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"Study file: {folder / 'study.toml'}"
    assert main(["check", str(folder / "study.toml")]) == 0
    assert main(["new", str(folder)]) == 1
    assert capsys.readouterr().err == (
        f"reldyn: {folder / 'study.toml'}: there is such a file already; name another folder, or move it away.\n"
    )
    assert main(["new", str(folder / "study.toml")]) == 1
    assert "this is a file; name a folder." in capsys.readouterr().err


def test_a_terminal_without_utf8_gets_no_error(folder):
    path = folder / "étude.toml"
    path.write_text(STUDY, encoding="utf-8")
    # Only the terminal is ASCII: with ASCII file names too, Python could not be installed below an accent.
    environment = os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "reldyn",
            "run",
            str(path),
        ],
        capture_output=True,
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"Report: " in done.stdout
    wrong = subprocess.run(
        [sys.executable, "-m", "reldyn", "run", str(folder / "fehlt-ü.toml")],
        capture_output=True,
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert wrong.returncode == 1
    assert b"Traceback" not in wrong.stderr
    assert wrong.stderr.startswith(b"reldyn: ")


def test_faults_of_the_rows_name_the_file_on_standard_error(folder, capsys):
    rows = (folder / "diary.csv").read_text(encoding="utf-8").splitlines()
    (folder / "diary.csv").write_text("\n".join([*rows, rows[-1]]) + "\n", encoding="utf-8")
    assert main(["check", str(folder / "diary.csv"), *ROLES]) == 1
    printed = capsys.readouterr()
    assert "error  duplicate-occasion" in printed.out
    assert printed.err == f"reldyn: {folder / 'diary.csv'}: 1 fault keeps the rows from making a panel.\n"
    assert main(["run", str(folder / "study.toml"), "--output", str(folder / "out")]) == 1
    assert "diary.csv: the rows cannot make a panel, 1 fault" in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_an_unexpected_failure_names_its_analysis_on_standard_error(folder, capsys, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("nobody thought of it")

    monkeypatch.setattr(_compute, "record_of", fail)
    assert main(["run", str(folder / "study.toml")]) == 70
    assert capsys.readouterr().err.splitlines()[-1] == (
        "reldyn: study.toml: analyses.mood (line 8): a fault of reldyn itself (ZeroDivisionError: nobody thought of "
        "it); please report it with the versions it needs."
    )


def test_help_loads_no_heavy_package():
    code = """
import runpy, sys
sys.argv = ["reldyn", "--help"]
try:
    runpy.run_module("reldyn", run_name="__main__")
except SystemExit:
    pass
heavy = ("numpy", "scipy", "scipy.stats", "pandas", "statsmodels", "pingouin", "seaborn", "matplotlib", "numba")
sys.stderr.write(repr([name for name in heavy if name in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0
    assert "demo" in done.stdout
    assert done.stderr == "[]"


@pytest.mark.parametrize("room", ["mixed", "study._run", "panel", "actor_partner"])
def test_rooms_that_a_run_needs_load_no_distributions(room):
    code = f"import reldyn.{room}, sys; print([name for name in ('scipy.stats', 'statsmodels') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_keys_of_a_mapping_stand_in_a_file_on_the_command_line(folder, capsys):
    (folder / "other.csv").write_text("pair,x1,glad\n1,a,3\n1,b,4\n", encoding="utf-8")
    assert main(["import", "generic", str(folder / "other.csv")]) == 1
    told = capsys.readouterr().err
    assert "name it with mapping={'person': ...}" in told
    assert told.strip().endswith("On the command line these keys stand in a TOML file: --mapping FILE.")


@pytest.mark.parametrize("path", ["", ".", "/"])
def test_a_path_without_a_name_is_no_fault_of_the_library(path):
    for command, words in ((["run"], "name a study file"), (["import", "generic"], "name the export")):
        done = CliRunner().invoke(app, [*command, path])
        assert done.exit_code != 70 and words in f"{done.output} {done.exception}"
