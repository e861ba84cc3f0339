"""Check the whole road: a study file in, a folder with results and a report out, or nothing."""

import dataclasses
import json
import re
import shutil
import warnings

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.errors import DataError, DesignError
from reldyn.study import _run

STUDY = """[data]
path = "diary.csv"

[columns]
dyad = "couple"
person = "who"
role = "role"
day = "day"
beep = "beep"

[scales]
warmth = [1, 7]
response = [1, 7]

[models.main]
outcome = "response"
predictors = ["warmth"]
estimation = { inference = "z" }

[models.plain]
kind = "mixed_model"
outcome = "response"
fixed = ["warmth"]
estimation = { method = "ml", inference = "z" }

[cycles]
warmth = "warmth"
approach = "response"

[report]
title = "Warmth & response <test>"
"""


@pytest.fixture(scope="module")
def frame():
    made = rd.simulate.cycles("cycle", n_dyads=12, n_occasions=80, missing=0.1, seed=3).panel.frame
    made["couple"] = [f"cpl-Qz{7 * int(dyad)}" for dyad in made["dyad"]]
    made["who"] = [f"anna.{couple}.{role}@mail" for couple, role in zip(made["couple"], made["role"], strict=True)]
    return made.drop(columns=["dyad", "person"])


@pytest.fixture
def folder(tmp_path, frame):
    frame.to_csv(tmp_path / "diary.csv", index=False)
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory, frame):
    where = tmp_path_factory.mktemp("Übung mit Leerzeichen")
    frame.to_csv(where / "diary.csv", index=False)
    (where / "study.toml").write_text(STUDY, encoding="utf-8")
    return rd.run_study(where / "study.toml")


def everything_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def change(folder, old, new):
    path = folder / "study.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return path


def test_the_folder_holds_everything(finished):
    assert finished.output.name == "study-output"
    assert everything_in(finished.output) == {
        "report.html",
        "manifest.json",
        "study.toml",
        "findings.csv",
        "compliance.csv",
        "schedule.csv",
        "results/fingerprints.json",
        *(f"results/{name}{ending}" for name in ("main", "plain") for ending in (".json", "_tidy.csv", "_glance.csv")),
    }
    assert sorted(path.name for path in finished.output.parent.iterdir()) == ["diary.csv", "study-output", "study.toml"]


def test_results_are_those_of_the_same_calls(finished, frame):
    panel = rd.DyadPanel(frame, dyad="couple", person="who", role="role", day="day", beep="beep")
    fit = rd.apim(panel, outcome="response", predictors=["warmth"], estimation=rd.Estimation(inference="z"))
    pd.testing.assert_frame_equal(finished.results["main"].tidy(), fit.tidy())
    schedule = rd.cycles.schedule(panel, warmth="warmth", approach="response")
    numbers = list(schedule.columns.drop(["dyad", "giver", "note"]))
    found, same = (table.sort_values(numbers, ignore_index=True) for table in (finished.schedule, schedule))
    pd.testing.assert_frame_equal(found.drop(columns="dyad"), same.drop(columns="dyad"))
    saved = rd.from_json(finished.output / "results" / "main.json")
    np.testing.assert_allclose(saved.tidy()["estimate"], fit.tidy()["estimate"], rtol=1e-12)
    table = pd.read_csv(finished.output / "results" / "main_tidy.csv")
    np.testing.assert_allclose(table["estimate"], fit.tidy()["estimate"], rtol=1e-12)


def test_the_report_shows_every_part_and_stands_alone(finished):
    report = finished.path.read_text(encoding="utf-8")
    assert "<h1>Warmth &amp; response &lt;test&gt;</h1>" in report
    for part in ("data", "trajectories", "model-1", "model-2", "schedule", "methods", "versions"):
        assert f'id="{part}"' in report
    # Compliance, trajectories, path diagram, two coefficient figures, schedule.
    assert report.count("<svg") == 6
    assert not re.search(r'(?:src|href)="(?!#|data:)', report)
    assert finished.manifest["data_sha256"] in report
    assert str(finished.output.parent) not in report
    for word in ("narcissis", "abus", "victim", "diagnos"):
        assert word not in report.casefold()


def test_no_original_id_is_written(finished):
    for name in everything_in(finished.output):
        text = (finished.output / name).read_text(encoding="utf-8")
        assert "cpl-Qz" not in text, name
        assert "anna." not in text, name
    assert finished.schedule["dyad"].tolist()[:4] == [1, 1, 2, 2]


def test_numbers_do_not_follow_the_ids(finished, frame):
    # Each direction of the diary has its own pattern of events, so that the table itself tells who is who.
    panel = rd.DyadPanel(frame, dyad="couple", person="who", role="role", day="day", beep="beep")
    own = rd.cycles.schedule(panel, warmth="warmth", approach="response")
    keys = ["giver", "n_events", "cv", "burstiness", "memory"]
    both = own.merge(finished.schedule, on=keys, suffixes=("_own", "_number"))
    assert len(both) == len(own)
    rank = {label: place for place, label in enumerate(sorted(set(frame["couple"])), start=1)}
    assert sorted(finished.schedule["dyad"].unique()) == list(range(1, 13))
    # 12 dyads in an order drawn by lot: at most 5 of them at their own rank, with probability above .999.
    kept = (both["dyad_own"].map(rank) == both["dyad_number"]).groupby(both["dyad_own"]).all()
    assert kept.sum() <= 5
    assert both.groupby("dyad_own")["dyad_number"].nunique().eq(1).all()


def test_other_data_draw_other_numbers(folder, frame, finished):
    frame.assign(spare=1.0).to_csv(folder / "diary.csv", index=False)
    again = rd.run_study(folder / "study.toml")
    columns = ["giver", "n_events", "cv", "burstiness", "memory"]
    both = finished.schedule.merge(again.schedule, on=columns)
    assert len(both) == 24
    assert (both["dyad_x"] != both["dyad_y"]).any()


def test_findings_are_the_same_with_and_without_ids(folder):
    change(folder, "[models.main]", '[prepare]\nlag = ["response"]\n\n[models.main]')
    runs = []
    for anonymise in ("true", "false"):
        (folder / f"{anonymise}.toml").write_text(
            (folder / "study.toml")
            .read_text(encoding="utf-8")
            .replace("[report]", f"[report]\nanonymise = {anonymise}"),
            encoding="utf-8",
        )
        runs.append(rd.run_study(folder / f"{anonymise}.toml"))
    first, second = (run.findings for run in runs)
    assert "both-missing" in set(first["code"])
    whose = first["message"].str.contains("person|dyad ")
    pd.testing.assert_frame_equal(first[~whose], second[~whose])
    columns = ["severity", "code", "column", "n"]
    for found in (first, second):
        found["place"] = [tuple(sorted(rows)) for rows in found["rows"]]
    order = [*columns, "place"]
    pd.testing.assert_frame_equal(
        first[order].sort_values(order, ignore_index=True), second[order].sort_values(order, ignore_index=True)
    )


def test_saved_results_hold_no_answers(finished, frame):
    answers = set(frame["warmth"].dropna()) | set(frame["response"].dropna())
    for name in ("main", "plain"):
        saved = json.loads((finished.output / "results" / f"{name}.json").read_text(encoding="utf-8"))
        design = saved["fields"]["design"]["fields"]
        assert all(set(design[part]) == {"withheld"} for part in ("y", "base", "dyad", "member", "step", "rows"))
        assert not answers & numbers_in(saved["fields"]["estimates"])


def numbers_in(value):
    if isinstance(value, dict):
        return set().union(*(numbers_in(item) for item in value.values()), set())
    if isinstance(value, list):
        return set().union(*(numbers_in(item) for item in value), set())
    return {value} if isinstance(value, float) else set()


def test_ids_are_kept_when_asked(folder):
    path = change(folder, "[report]", '[report]\nanonymise = false\ndyads = ["cpl-Qz14"]')
    run = rd.run_study(path)
    assert "cpl-Qz14" in run.path.read_text(encoding="utf-8")
    assert not run.manifest["anonymised"]


def test_the_manifest_says_what_was_used(finished):
    manifest = json.loads((finished.output / "manifest.json").read_text(encoding="utf-8"))
    assert manifest == json.loads(json.dumps(dict(finished.manifest)))
    assert manifest["packages"]["reldyn"] == rd.__version__
    assert (manifest["data_file"], manifest["study_file"]) == ("diary.csv", "study.toml")
    import hashlib

    data = (finished.output.parent / "diary.csv").read_bytes()
    assert manifest["data_sha256"] == hashlib.sha256(data).hexdigest()
    assert set(manifest["models"]) == {"main", "plain"}


def test_two_runs_write_the_same_report(folder, finished):
    again = rd.run_study(folder / "study.toml", output=folder / "elsewhere")
    assert again.path.read_bytes() == finished.path.read_bytes()


def test_a_run_that_fails_leaves_nothing(folder, monkeypatch):
    path = change(folder, 'fixed = ["warmth"]', 'fixed = ["warmth", "nothing"]')
    with pytest.raises(DesignError) as caught:
        rd.run_study(path)
    assert str(caught.value).startswith(
        "study.toml: models.plain.fixed (line 23): no column 'nothing' in diary.csv. Columns: "
    )
    assert sorted(item.name for item in folder.iterdir()) == ["diary.csv", "study.toml"]


def test_a_failure_midway_is_marked_and_can_be_resumed(folder, monkeypatch):
    def fail(_):
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(_run, "render_report", fail)
        with pytest.raises(RuntimeError):
            rd.run_study(folder / "study.toml")
    assert not (folder / "study-output").exists()
    (work,) = folder.glob("study-output.unfinished-*")
    assert everything_in(work) == {
        "unfinished.json",
        *(f"results/{name}.json" for name in ("main", "plain", "fingerprints")),
    }
    assert json.loads((work / "unfinished.json").read_text(encoding="utf-8"))["about"].startswith(
        "This run did not finish."
    )
    calls = []
    real = rd.apim
    monkeypatch.setattr(rd, "apim", lambda *a, **k: calls.append(1) or real(*a, **k))
    run = rd.run_study(folder / "study.toml", resume=True)
    assert calls == []
    assert {name: entry["resumed"] for name, entry in run.manifest["models"].items()} == {"main": True, "plain": True}
    assert sorted(item.name for item in folder.iterdir()) == ["diary.csv", "study-output", "study.toml"]


def test_resume_takes_only_what_is_equal(folder):
    first = rd.run_study(folder / "study.toml")
    path = change(folder, 'inference = "z" }\n\n[models.plain]', 'inference = "z", method = "ml" }\n\n[models.plain]')
    second = rd.run_study(path, resume=True)
    assert {name: entry["resumed"] for name, entry in second.manifest["models"].items()} == {
        "main": False,
        "plain": True,
    }
    assert second.results["main"].log_likelihood != first.results["main"].log_likelihood
    data = pd.read_csv(folder / "diary.csv")
    data.loc[0, "response"] = 7
    data.to_csv(folder / "diary.csv", index=False)
    third = rd.run_study(path, resume=True)
    assert not any(entry["resumed"] for entry in third.manifest["models"].values())


def test_a_failed_rerun_keeps_the_earlier_report(folder):
    first = rd.run_study(folder / "study.toml")
    before = first.path.read_bytes()
    (folder / "diary.csv").write_text("couple,who\n", encoding="utf-8")
    with pytest.raises(DataError):
        rd.run_study(folder / "study.toml")
    assert first.path.read_bytes() == before


def test_a_folder_of_others_is_not_replaced(folder):
    mine = folder / "mine"
    mine.mkdir()
    (mine / "thesis.doc").write_text("years of work", encoding="utf-8")
    with pytest.raises(DataError, match="holds files that no run of reldyn wrote"):
        rd.run_study(folder / "study.toml", output=mine)
    assert everything_in(mine) == {"thesis.doc"}
    with pytest.raises(DataError, match="holds files that no run of reldyn wrote"):
        rd.run_study(folder / "study.toml", output=mine / ".." / "mine" / "..")
    with pytest.raises(DataError, match="is a file: name a folder"):
        rd.run_study(folder / "study.toml", output=folder / "diary.csv")


def test_a_model_that_cannot_be_estimated_is_named(folder, frame):
    constant = frame.assign(warmth=4)
    constant.to_csv(folder / "diary.csv", index=False)
    with pytest.raises(DesignError, match=r"^study\.toml: models\.main \(line 15\): "):
        rd.run_study(folder / "study.toml")
    assert sorted(item.name for item in folder.iterdir()) == ["diary.csv", "study.toml"]


def test_a_model_that_did_not_converge_says_so(folder, monkeypatch):
    real = rd.apim

    def stopped(*arguments, **options):
        fit = real(*arguments, **options)
        warnings.warn("the search stopped early", rd.ConvergenceWarning, stacklevel=2)
        return dataclasses.replace(fit, estimates=dataclasses.replace(fit.estimates, converged=False))

    monkeypatch.setattr(rd, "apim", stopped)
    with pytest.warns(rd.ConvergenceWarning, match="stopped early"):
        run = rd.run_study(folder / "study.toml")
    assert run.path.read_text(encoding="utf-8").count("This model did not converge.") == 1
    with pytest.warns(rd.ConvergenceWarning, match="stopped early"):
        again = rd.run_study(folder / "study.toml", resume=True)
    assert {name: entry["resumed"] for name, entry in again.manifest["models"].items()} == {
        "main": False,
        "plain": True,
    }


def test_an_unknown_dyad_is_named(folder):
    path = change(folder, "[report]", '[report]\ndyads = ["nobody"]')
    with pytest.raises(DesignError, match=r"report\.dyads \(line 31\): no dyad 'nobody' in the data"):
        rd.run_study(path)


def test_wide_data_and_lags(tmp_path, frame):
    long = frame.assign(t=(frame["day"] - 1) * 4 + frame["beep"])
    wide = long.pivot(index=["couple", "t"], columns="role", values=["warmth", "response"])
    wide.columns = [f"{role}_{name}" for name, role in wide.columns]
    wide.reset_index().to_csv(tmp_path / "wide.csv", index=False)
    (tmp_path / "w.toml").write_text(
        """[data]
path = "wide.csv"
[columns]
dyad = "couple"
time = "t"
[wide]
prefixes = { a = "a_", b = "b_" }
[prepare]
lag = ["response"]
[models.lagged]
outcome = "response"
predictors = ["response_lag1"]
centering = "grand"
estimation = { inference = "z" }
""",
        encoding="utf-8",
    )
    run = rd.run_study(tmp_path / "w.toml")
    assert "actor response_lag1" in run.results["lagged"].tidy()["term"].iloc[2]
    assert "cpl-Qz" not in run.path.read_text(encoding="utf-8")


def test_compliance_counts_the_answers_that_the_study_uses(folder, frame):
    # A calendar column is filled in on every row, which makes no row an answer.
    frame.assign(weekday=frame["day"] % 7, response=frame["response"].where(frame["beep"] != 2)).assign(
        warmth=lambda rows: rows["warmth"].where(rows["beep"] != 2)
    ).to_csv(folder / "diary.csv", index=False)
    rd.run_study(folder / "study.toml")
    table = pd.read_csv(folder / "study-output" / "compliance.csv").set_index(["level", "label"])
    assert table.xs("beep", level="level")["answered"].tolist()[1] == 0
    assert table.xs("beep", level="level")["answered"].tolist()[0] > 0


def test_one_couple_is_anonymised_too(tmp_path, frame):
    one = frame[frame["couple"] == frame["couple"].iloc[0]]
    one.to_csv(tmp_path / "diary.csv", index=False)
    text = STUDY.replace('role = "role"\n', "")
    (tmp_path / "study.toml").write_text(
        text[: text.index("[models")] + text[text.index("[cycles]") :], encoding="utf-8"
    )
    run = rd.run_study(tmp_path / "study.toml")
    assert run.results == {}
    assert run.schedule["giver"].tolist() == [1, 2]
    for name in everything_in(run.output):
        assert "anna." not in (run.output / name).read_text(encoding="utf-8"), name


def test_a_cross_section_has_no_figures_of_time(tmp_path):
    rd.simulate.apim(n_dyads=40, actor=0.4, partner=0.2, seed=2).panel.frame.to_csv(tmp_path / "c.csv", index=False)
    (tmp_path / "c.toml").write_text(
        """[data]
path = "c.csv"
[columns]
dyad = "dyad"
person = "person"
role = "role"
[models.once]
outcome = "y"
predictors = ["x"]
estimation = { inference = "z" }
[models.means]
outcome = "y"
predictors = []
estimation = { inference = "z" }
""",
        encoding="utf-8",
    )
    report = rd.run_study(tmp_path / "c.toml").path.read_text(encoding="utf-8")
    # One path diagram and one figure of coefficients; the second model has nothing but intercepts.
    assert report.count("<svg") == 2
    assert 'id="trajectories"' not in report
    assert "Model means" in report


@pytest.mark.shared_data
def test_the_published_diary_model_is_reproduced(tmp_path, shared_data):
    shutil.copy(shared_data / "kashy_diary_pairwise.csv", tmp_path)
    (tmp_path / "kashy.toml").write_text(
        """[data]
path = "kashy_diary_pairwise.csv"
[columns]
dyad = "dyadid"
person = "person"
role = "genderS"
time = "Day"
[models.conflict]
outcome = "satisf_A"
predictors = ["conflict_A"]
random = ["intercept", { shared = "actor" }, { shared = "partner" }]
centering = "none"
estimation = { inference = "z" }
""",
        encoding="utf-8",
    )
    with pytest.warns(rd.DataWarning, match="Cavoid_A"):
        run = rd.run_study(tmp_path / "kashy.toml")
    fit = run.results["conflict"]
    assert fit.log_likelihood == pytest.approx(-2546.370, abs=1e-3)
    table = fit.tidy().set_index(["effect", "role"])
    published = {
        ("intercept", "M"): (6.68853, 0.06803),
        ("intercept", "F"): (6.89920, 0.05792),
        ("actor", "M"): (-0.13977, 0.01927),
        ("actor", "F"): (-0.18605, 0.01856),
        ("partner", "M"): (-0.07283, 0.01608),
        ("partner", "F"): (-0.06156, 0.01748),
    }
    for key, (estimate, error) in published.items():
        assert table.loc[key, "estimate"] == pytest.approx(estimate, abs=5e-5)
        assert table.loc[key, "std_error"] == pytest.approx(error, abs=5e-5)
    assert "conflict_A" in run.path.read_text(encoding="utf-8")
