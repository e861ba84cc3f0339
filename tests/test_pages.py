"""What the pages around the package promise can be run as it stands there."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import reldyn as rd
from reldyn.study._demo import FASTER
from reldyn.study.cli import main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def run_example(example, folder):
    return subprocess.run(
        [sys.executable, "-c", example],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(rd.__file__).resolve().parents[1]), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_the_example_of_the_readme_runs_and_is_true(tmp_path):
    (example,) = blocks("README.md", "python")
    assert len(example.strip().splitlines()) <= 18
    done = run_example(example, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Actor-partner interdependence model of positive_affect" in done.stdout
    assert_covers_what_was_planted(rd.from_json(tmp_path / "fit.json"))
    assert_finds_what_was_planted(done.stdout)


def assert_finds_what_was_planted(printed):
    """Couple 9: both directions alternate, and both are supported."""
    truth = rd.load_sample_truth().couples
    assert truth.loc[truth["dyad"] == 9, "kind"].tolist() == ["alternation", "alternation"]
    assert "Intermittent warmth in 2 directions of 1 dyad: 2 supported" in printed


def demo_shown():
    """What the README says that the demo prints."""
    (shown,) = blocks("README.md", "text")
    return shown


def test_the_readme_shows_the_stored_run_of_the_demo():
    stored = json.loads((ROOT / "benchmarks" / "results" / "demo.json").read_text(encoding="utf-8"))
    figures = {row["figure"]: row for row in stored["figures"]}
    assert demo_shown() in "\n".join(figures["numpy, wall seconds"]["lines"]) + "\n"
    faster = figures["numpy over numba, processor seconds"]["measured"]
    assert round(faster) == FASTER
    assert f"the demo is {FASTER} times as fast" in README
    per_core = figures["numpy, processor seconds per core of 2"]
    assert per_core["met"]
    assert f"{per_core['measured'] / 60:.1f} minutes of processor time on each of two cores" in README.replace(
        "\n", " "
    )


@pytest.mark.slow
def test_the_readme_shows_what_the_demo_prints(tmp_path, capsys):
    """The continuous integration compares the two as well: it runs the demo anyway."""
    assert main(["demo", "--output", str(tmp_path / "demo")]) == 0
    assert demo_shown() in capsys.readouterr().out


def assert_covers_what_was_planted(fit):
    """All intervals of effects of warmth hold the sample study's truth: 3 for the own warmth within, else 0."""
    effects = rd.load_sample_truth().effects
    planted = effects[(effects["outcome"] == "positive_affect") & (effects["variable"] == "warmth_received")]
    assert planted[["effect", "level"]].to_numpy().tolist() == [["actor", "within"]]
    table = fit.tidy().query("variable == 'warmth_received'")
    assert len(table) == 8
    truth = planted["estimate"].item() * ((table["effect"] == "actor") & (table["level"] == "within"))
    assert truth.between(table["conf_low"], table["conf_high"]).all()
    assert fit.converged


@pytest.mark.parametrize("page", ["index.md", "tutorials/from-file-to-model.md"])
def test_the_first_model_of_a_page_is_true(page, tmp_path):
    """The blocks that work on the sample study run, and what they estimate is what was planted."""
    others = ("diary.csv", "frame", "to_json", "detect_cycles")
    shown = [block for block in blocks(f"docs/{page}", "python") if not any(word in block for word in others)]
    done = run_example("\n".join(["import reldyn as rd", *shown, 'fit.to_json("fit.json")']), tmp_path)
    assert done.returncode == 0, done.stderr
    assert_covers_what_was_planted(rd.from_json(tmp_path / "fit.json"))


def test_the_findings_of_the_first_page_are_printed_whole(tmp_path):
    """Its blocks about a file run on one as they describe it, and no fix is cut off."""
    panel = rd.simulate.cycles("linear", n_dyads=4, n_occasions=20, seed=1).panel
    frame = panel.frame.rename(columns={"dyad": "couple", "role": "gender", "warmth": "stress"})
    frame.to_csv(tmp_path / "diary.csv", index=False)
    reading, making = [block for block in blocks("docs/tutorials/from-file-to-model.md", "python") if "frame" in block][
        :2
    ]
    done = run_example(f"{reading}\n{making}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Nothing to fix: lags never reach over a night where the day is named.") == 1


def test_the_landing_page_detects_what_the_readme_detects():
    (block,) = [block for block in blocks("docs/index.md", "python") if "detect_cycles" in block]
    assert "rd.load_sample().select(dyads=[9])" in block
    assert set(block.splitlines()[1:]) <= {line.partition("  #")[0] for line in README.splitlines()}


def test_the_readme_begins_with_the_two_commands():
    first = README.split("```")[1]
    assert first.strip().splitlines() == ["python dev.py demo", "python dev.py test"]


def test_the_citation_names_this_version():
    assert f"\nversion: {rd.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_the_changelog_is_open_for_what_comes_next():
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_room_has_a_place_in_the_plan_and_in_the_contracts():
    rooms = {path.parent.name for path in (ROOT / "src" / "reldyn").glob("*/__init__.py")}
    plan = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = " ".join(metadata["tool"]["importlinter"]["contracts"][0]["layers"])
    assert {room for room in rooms if f"| `{room}` |" not in plan} == set()
    assert {room for room in rooms if f"reldyn.{room}" not in layers} == set()


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_pages_name_only_what_exists(page):
    """Every ``rd.NAME`` of a page is a name of the root."""
    text = page.read_text(encoding="utf-8")
    assert {name for name in re.findall(r"\brd\.([A-Za-z_]+)", text) if not hasattr(rd, name)} == set()


def blocks(page, language):
    """The fenced blocks of a page that are in one language; an empty one stands for terminals."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [text for name, text in fences if name == language]


def test_the_analysis_of_the_architecture_page_runs_from_a_study_file(tmp_path):
    (module,) = blocks("docs/architecture.md", "python")
    (tmp_path / "mylab.py").write_text(module, encoding="utf-8")
    columns = "".join(f'{name} = "{name}"\n' for name in ("dyad", "person", "role", "day", "beep"))
    study = (
        f'[data]\npath = "reldyn:sample"\n[columns]\n{columns}[[prepare]]\nstep = "filter"\nkeep = "dyad <= 2"\n'
        '[analyses.warm]\nverb = "mylab.warm_days"\nwarmth = "warmth_received"\nabove = 6.0\n'
    )
    (tmp_path / "study.toml").write_text(study, encoding="utf-8")
    done = run_example(
        "import mylab, reldyn as rd\nprint(rd.run_study('study.toml').results['warm'].tidy()['n_warm'].sum())", tmp_path
    )
    assert done.returncode == 0, done.stderr
    frame = rd.load_sample().select(dyads=[1, 2]).frame
    means = frame.groupby(["person", "day"])["warmth_received"].mean()
    assert int(done.stdout) == int((means > 6).sum())


def test_the_tutorial_of_study_files_says_what_happens(tmp_path, monkeypatch, capsys):
    commands, first, fault, second = blocks("docs/tutorials/study-file.md", "")
    monkeypatch.chdir(tmp_path)
    new, check, run = (line.removeprefix("reldyn ").split() for line in commands.splitlines())
    assert main(new) == 0
    assert main(check) == 0
    assert "Findings: 0 errors, 0 warnings, 11 notes" in capsys.readouterr().out
    for printed in (first, second):
        assert main(run) == 0
        out = capsys.readouterr().out
        assert printed in out.replace("my-study" + os.sep, "my-study/").replace(os.sep + "report", "/report")
    path = tmp_path / "my-study" / "study.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("residual =", "residuals ="), encoding="utf-8")
    assert main(check) == 1
    assert capsys.readouterr().err == fault


def test_the_study_of_the_tutorial_is_one(tmp_path):
    """Its tables, one after the other, are a study file that passes the check."""
    (tmp_path / "study.toml").write_text("\n".join(blocks("docs/tutorials/study-file.md", "toml")), "utf-8")
    frame = rd.load_sample().select(dyads=range(1, 4)).frame
    renamed = frame.rename(columns={"dyad": "couple", "role": "gender", "warmth_received": "warmth"})
    items = {"calm": "longing", "glad": "warmth_given", "content": "warmth"}
    renamed.assign(age=30, **{new: renamed[old] for new, old in items.items()}).to_csv(
        tmp_path / "diary.csv", index=False
    )
    assert main(["check", str(tmp_path / "study.toml")]) == 0
