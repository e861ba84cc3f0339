"""Check the whole road: a study file in, a folder with results and a report out, or nothing."""

import dataclasses
import functools
import hashlib
import io
import json
import re
import shutil
import warnings

import numpy as np
import pandas as pd
import pytest
from joblib.externals.loky import get_reusable_executor

import reldyn as rd
from reldyn import _registry
from reldyn.errors import DataError, DesignError
from reldyn.study import Analysis, _run, register_analysis

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

[analyses.main]
verb = "apim"
outcome = "response"
predictors = ["warmth"]
estimation = { inference = "z" }

[analyses.carry]
verb = "coupling.inertia_coordination"
variable = "response"

[analyses.schedule]
verb = "cycles.schedule"
warmth = "warmth"
approach = "response"

[report]
title = "Warmth & response <test>"
"""
# For what does not hang on the analyses: one that is quick.
QUICK = STUDY[: STUDY.index("[analyses.main]")] + STUDY[STUDY.index("[analyses.carry]") : STUDY.index("[analyses.sch")]


@pytest.fixture(scope="module")
def frame():
    made = rd.simulate.cycles("cycle", n_dyads=8, n_occasions=40, missing=0.1, seed=3).panel.frame
    made["couple"] = [f"cpl-Qz{7 * int(dyad)}" for dyad in made["dyad"]]
    made["who"] = [f"anna.{couple}.{role}@mail" for couple, role in zip(made["couple"], made["role"], strict=True)]
    return made.drop(columns=["dyad", "person"])


@pytest.fixture
def folder(tmp_path, frame):
    frame.to_csv(tmp_path / "diary.csv", index=False)
    (tmp_path / "study.toml").write_text(QUICK, encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory, frame):
    where = tmp_path_factory.mktemp("Übung mit Leerzeichen")
    frame.to_csv(where / "diary.csv", index=False)
    (where / "study.toml").write_text(STUDY, encoding="utf-8")
    return rd.run_study(where / "study.toml")


def contents(folder):
    """All that equal runs have in common."""
    return {name: (folder / name).read_bytes() for name in everything_in(folder) if name != "log.json"}


@pytest.fixture
def undrawn(monkeypatch):
    """For tests where what is drawn is not the matter."""
    monkeypatch.setattr(_run, "render_report", lambda parts: f"<!DOCTYPE html>{sorted(parts.records)}")


UNFORESEEN = """
from reldyn._types import Column

def unforeseen(panel, variable: Column):
    raise ZeroDivisionError("nobody thought of it")
"""


@pytest.fixture
def unforeseen(tmp_path, monkeypatch):
    """An analysis that fails in a way of its own, in a module that workers find as well."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "unforeseen_analysis.py").write_text(UNFORESEEN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(package))
    get_reusable_executor().shutdown()
    entry = ("toy.unforeseen", "unforeseen_analysis.unforeseen", "What?", "reldyn.coupling.CoordinationResult")
    register_analysis(Analysis(*entry))
    yield
    _registry._BY_NAME.pop("toy.unforeseen")


def everything_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def change(folder, old, new):
    path = folder / "study.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return path


ENDINGS = (".json", ".report.json", "_tidy.csv", "_glance.csv", ".step.json")


def test_the_folder_holds_everything(finished):
    assert finished.output.name == "study-output"
    assert everything_in(finished.output) == {
        *("report.html", "manifest.json", "log.json", "study.toml"),
        *("findings.csv", "compliance.csv", "flow.csv"),
        *(f"results/{name}{ending}" for name in ("main", "carry", "schedule") for ending in ENDINGS),
    }
    assert sorted(path.name for path in finished.output.parent.iterdir()) == [
        "diary.csv",
        "study-output",
        "study.key",
        "study.toml",
    ]


def test_results_are_those_of_the_same_calls(finished, frame):
    panel = rd.DyadPanel(frame, dyad="couple", person="who", role="role", day="day", beep="beep")
    fit = rd.apim(panel, outcome="response", predictors=["warmth"], estimation=rd.Estimation(inference="z"))
    pd.testing.assert_frame_equal(finished.results["main"].tidy(), fit.tidy())
    saved = rd.from_json(finished.output / "results" / "main.json")
    np.testing.assert_allclose(saved.tidy()["estimate"], fit.tidy()["estimate"], rtol=1e-12)
    table = pd.read_csv(finished.output / "results" / "main_tidy.csv")
    np.testing.assert_allclose(table["estimate"], fit.tidy()["estimate"], rtol=1e-12)


def test_the_report_shows_every_part_and_stands_alone(finished):
    report = finished.path.read_text(encoding="utf-8")
    assert "<h1>Warmth &amp; response &lt;test&gt;</h1>" in report
    parts = ("sample", "compliance", "descriptives", "methods", "standards", "disclosure", "versions")
    for part in (*parts, "analysis-1", "analysis-2", "analysis-3"):
        assert f'id="{part}"' in report
    # Compliance by day and prompt, path diagram, coefficients; eight dyads are too few for quartiles.
    assert report.count("<svg") == 3
    assert not re.search(r'(?:src|href)="(?!#|data:)', report)
    assert finished.manifest["data_sha256"] in report
    assert str(finished.output.parent) not in report
    for word in ("narcissis", "abus", "victim", "diagnos"):
        assert word not in report.casefold()


def schedule_of(run):
    return pd.read_csv(run.output / "results" / "schedule_tidy.csv")


def test_no_original_id_is_written(finished):
    for name in everything_in(finished.output):
        text = (finished.output / name).read_text(encoding="utf-8")
        assert "cpl-Qz" not in text, name
        assert "anna." not in text, name
    assert schedule_of(finished)["dyad"].tolist()[:4] == [1, 1, 2, 2]


@pytest.mark.parametrize("keep", ["couple != 'cpl-Qz14'", "response > -99 # or: couple != 'cpl-Qz14'"])
def test_ids_in_the_study_file_are_not_written(folder, undrawn, keep):
    formula, _, comment = keep.partition(" #")
    steps = f"""[[prepare]] #{comment}
step = "filter"
keep = "{formula}"
[[prepare]]
step = "derive"
name = "late"
value = "{formula}"
[[prepare]]
step = "recode"
variable = "couple"
values = {{ "cpl-Qz999" = 1 }}
into = "site"
"""
    run = rd.run_study(change(folder, "[analyses.carry]", f"{steps}\n[analyses.carry]"))
    assert run.flow["what"].str.contains("formula about ids").sum() == (2 if "couple" in formula else 0)
    for name in everything_in(run.output):
        assert "cpl-Qz" not in (run.output / name).read_text(encoding="utf-8"), name


def test_numbers_do_not_follow_the_ids(finished, frame):
    # Each direction of the diary has its own pattern of events, so that the table itself tells who is who.
    panel = rd.DyadPanel(frame, dyad="couple", person="who", role="role", day="day", beep="beep")
    own = pd.read_csv(io.StringIO(rd.cycles.schedule(panel, warmth="warmth", approach="response").to_csv(index=False)))
    keys = ["giver", "n_events", "cv", "burstiness", "memory"]
    both = own.merge(schedule_of(finished), on=keys, suffixes=("_own", "_number"))
    assert len(both) == len(own)
    rank = {label: place for place, label in enumerate(sorted(set(frame["couple"])), start=1)}
    assert sorted(schedule_of(finished)["dyad"].unique()) == list(range(1, 9))
    # 8 dyads in an order drawn by lot: at most 5 of them at their own rank, with probability above .999.
    kept = (both["dyad_own"].map(rank) == both["dyad_number"]).groupby(both["dyad_own"]).all()
    assert kept.sum() <= 5
    assert both.groupby("dyad_own")["dyad_number"].nunique().eq(1).all()


def numbers_of(run, other):
    columns = ["giver", "n_events", "cv", "burstiness", "memory"]
    both = schedule_of(run).merge(schedule_of(other), on=columns)
    assert len(both) == 16
    return both["dyad_x"], both["dyad_y"]


def test_numbers_hang_on_the_key_and_not_on_the_data(folder, frame, finished, undrawn):
    (folder / "study.toml").write_text(STUDY.replace('"apim"', '"apim"\nroles = "distinguishable"'), encoding="utf-8")
    first = rd.run_study(folder / "study.toml")
    mine, theirs = numbers_of(finished, first)
    assert (mine != theirs).any()
    key = folder / "study.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert not any(key.read_text().strip() in path.read_text() for path in first.output.rglob("*") if path.is_file())
    frame.assign(spare=1.0).to_csv(folder / "diary.csv", index=False)
    before, after = numbers_of(first, rd.run_study(folder / "study.toml", output=folder / "again"))
    assert before.equals(after)
    key.unlink()
    with pytest.raises(DataError, match="the key of the running numbers is another"):
        rd.run_study(folder / "study.toml", output=folder / "again", frozen=True)
    other = rd.run_study(folder / "study.toml", output=folder / "again")
    assert other.kept == ()
    before, after = numbers_of(first, other)
    assert (before != after).any()


def test_findings_are_the_same_with_and_without_ids(folder, undrawn):
    change(folder, "[analyses.carry]", '[[prepare]]\nstep = "lag"\nvariables = ["response"]\n\n[analyses.carry]')
    runs = []
    for anonymise in ("true", "false"):
        (folder / f"{anonymise}.toml").write_text(
            (folder / "study.toml").read_text(encoding="utf-8") + f"[report]\nanonymise = {anonymise}\n",
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
    saved = json.loads((finished.output / "results" / "main.json").read_text(encoding="utf-8"))
    design = saved["fields"]["state"]["design"]["fields"]
    assert all(set(design[part]) == {"withheld"} for part in ("y", "base", "dyad", "member", "step", "rows"))
    assert not answers & numbers_in(saved["fields"]["state"]["estimates"])


def numbers_in(value):
    if isinstance(value, dict):
        return set().union(*(numbers_in(item) for item in value.values()), set())
    if isinstance(value, list):
        return set().union(*(numbers_in(item) for item in value), set())
    return {value} if isinstance(value, float) else set()


def test_ids_are_kept_when_asked(folder):
    path = change(folder, "[analyses.carry]", '[report]\nanonymise = false\ndyads = ["cpl-Qz14"]\n[analyses.carry]')
    run = rd.run_study(path)
    assert "cpl-Qz14" in run.path.read_text(encoding="utf-8")
    assert not run.manifest["anonymised"]


def test_the_manifest_says_what_was_used(finished):
    manifest = json.loads((finished.output / "manifest.json").read_text(encoding="utf-8"))
    assert manifest == json.loads(json.dumps(dict(finished.manifest)))
    assert manifest["packages"]["reldyn"] == rd.__version__
    assert (manifest["data_file"], manifest["study_file"]) == ("diary.csv", "study.toml")
    data = (finished.output.parent / "diary.csv").read_bytes()
    assert manifest["data_sha256"] == hashlib.sha256(data).hexdigest()
    assert {name: one["verb"] for name, one in manifest["analyses"].items()} == {
        "main": "apim",
        "carry": "coupling.inertia_coordination",
        "schedule": "cycles.schedule",
    }
    assert manifest["kernels"] in ("numpy", "numba")


def test_the_copy_of_the_study_file_is_the_file(folder, undrawn):
    path = change(folder, "[data]", "[report]\nanonymise = false\n[data]")
    written = b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n")
    path.write_bytes(written)
    run = rd.run_study(path)
    assert (run.output / "study.toml").read_bytes() == written
    assert run.manifest["study_sha256"] == run.manifest["files"]["study.toml"] == hashlib.sha256(written).hexdigest()


def test_another_run_keeps_what_has_not_changed_and_is_equal_byte_for_byte(folder, undrawn):
    path = change(
        folder,
        "[analyses.carry]",
        '[analyses.less]\nverb = "coupling.inertia_coordination"\nvariable = "warmth"\n[analyses.carry]',
    )
    first = rd.run_study(path)
    before = contents(first.output)
    second = rd.run_study(path, resume=True)
    assert (first.kept, second.kept) == ((), ("less", "carry"))
    assert contents(second.output) == before
    assert second.results["carry"].tidy().equals(first.results["carry"].tidy())
    assert [len(run["analyses"]) for run in json.loads((second.output / "log.json").read_text())["runs"]] == [2, 2]
    third = rd.run_study(path, fresh=True, frozen=True)
    assert third.kept == ()
    assert contents(third.output) == before
    fourth = rd.run_study(change(folder, 'variable = "warmth"', 'variable = "response"'))
    assert fourth.kept == ("carry",)
    data = pd.read_csv(folder / "diary.csv")
    data.loc[0, "response"] = 7
    data.to_csv(folder / "diary.csv", index=False)
    with pytest.raises(DataError, match="the data file is another; the study file is another"):
        rd.run_study(change(folder, "variable", "variable"), frozen=True, output=_copied(first.output, before))
    assert rd.run_study(path).kept == ()


def _copied(output, before):
    """A folder with an earlier run."""
    copy = output.with_name("copy")
    for name, content in before.items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(content)
    return copy


def test_frozen_needs_something_to_compare_with(folder):
    with pytest.raises(DataError, match="holds no finished run that a frozen one could be held against"):
        rd.run_study(folder / "study.toml", frozen=True)


def test_another_order_of_terms_computes_anew(folder, frame, undrawn):
    draws = np.random.default_rng(1)
    columns = {name: draws.standard_normal(len(frame)) for name in ("sleep", "work")}
    frame.assign(**columns).to_csv(folder / "diary.csv", index=False)
    terms = ['sleep = "actor"', 'work = "actor"']
    model = '[analyses.main]\nverb = "apim"\noutcome = "response"\npredictors = ["warmth"]\nmoderators = {{ {} }}\n'
    path = change(folder, "[analyses.carry]", model.format(", ".join(terms)) + "\n[analyses.carry]")
    assert rd.run_study(path).kept == ()
    change(folder, ", ".join(terms), ", ".join(reversed(terms)))
    again = rd.run_study(path)
    assert again.kept == ("carry",)
    fresh = rd.run_study(path, output=folder / "fresh")
    tables = [(run.output / "results" / "main_tidy.csv").read_bytes() for run in (again, fresh)]
    assert tables[0] == tables[1]


def test_another_version_computes_anew(folder, monkeypatch, undrawn):
    path = folder / "study.toml"
    rd.run_study(path)
    versions = rd.show_versions()
    other = dataclasses.replace(versions, packages={**versions.packages, "numpy": "9.9"})
    monkeypatch.setattr(_run, "show_versions", lambda: other)
    with pytest.raises(DataError, match=rf"numpy {versions.packages['numpy']} is now 9\.9"):
        rd.run_study(path, frozen=True)
    assert rd.run_study(path).kept == ()


def test_other_kernels_are_no_frozen_run(folder, monkeypatch, undrawn):
    path = folder / "study.toml"
    monkeypatch.setenv("RELDYN_KERNELS", "numpy")
    rd.run_study(path)
    rd.run_study(path, frozen=True)
    monkeypatch.setattr(_run, "versions_of", lambda packages: {"kernels": "numba"})
    with pytest.raises(DataError, match="not all is as it was: kernels numpy is now numba"):
        rd.run_study(path, frozen=True)


def test_columns_that_are_absent_are_named_with_all_other_faults(folder):
    path = change(
        folder,
        'variable = "response"',
        'variable = "nothing"\nsped = 1\n[analyses.two]\nverb = "coupling.granger"\nvariable = "resp"',
    )
    with pytest.raises(DesignError) as caught:
        rd.run_study(path)
    text = str(caught.value)
    assert "analyses.carry.sped (line 18): 'sped' is no option" in text
    assert "analyses.two.variable (line 21): no column 'resp' in diary.csv (nearest: 'response')." in text
    assert sorted(item.name for item in folder.iterdir()) == ["diary.csv", "study.toml"]


def test_columns_of_every_section_are_named_with_their_line(folder):
    change(folder, 'day = "day"', 'day = "dya"')
    change(folder, "response = [1, 7]", 'respons = [1, 7]\n[schedule]\nscheduled = "when"')
    path = change(folder, 'variable = "response"', 'variable = "response"\nsped = 1')
    with pytest.raises(DesignError) as caught:
        rd.run_study(path)
    faults = str(caught.value).splitlines()[1:]
    assert [fault.split(": ")[0] for fault in faults] == [
        "- analyses.carry.sped (line 20)",
        "- columns.day (line 8)",
        "- schedule.scheduled (line 15)",
        "- scales.respons (line 13)",
    ]
    assert "no column 'dya' in diary.csv (nearest: 'day')" in faults[1]
    change(folder, "warmth = [1, 7]", "warmth = [7, 1]")
    with pytest.raises(DesignError, match=r"scales\.warmth \(line 12\): the lower end comes first"):
        rd.run_study(path)


def test_trajectories_that_are_not_drawn_say_why(folder, frame, undrawn):
    path = change(folder, "[analyses.carry]", '[report]\ntrajectories = ["warmth"]\n[analyses.carry]')
    with pytest.warns(rd.DataWarning, match=r"report.trajectories \(line 16\).*dyads = true in \[report\]"):
        rd.run_study(path)
    frame.assign(words="a").to_csv(folder / "diary.csv", index=False)
    change(folder, '["warmth"]', '["words"]\ndyads = true')
    with pytest.raises(DesignError, match=r"report.trajectories \(line 16\): column 'words' holds no numbers"):
        rd.run_study(path)


def test_a_failure_midway_is_marked_and_the_next_run_goes_on(folder, monkeypatch):
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
        *(f"results/carry{ending}" for ending in ENDINGS),
    }
    assert json.loads((work / "unfinished.json").read_text(encoding="utf-8"))["about"].startswith(
        "This run did not finish."
    )
    assert rd.run_study(folder / "study.toml").kept == ("carry",)
    assert sorted(item.name for item in folder.iterdir()) == ["diary.csv", "study-output", "study.key", "study.toml"]


def test_a_failed_rerun_keeps_the_earlier_report(folder, undrawn):
    first = rd.run_study(folder / "study.toml")
    before = first.path.read_bytes()
    (folder / "diary.csv").write_text("couple,who\n", encoding="utf-8")
    with pytest.raises(DataError):
        rd.run_study(folder / "study.toml")
    assert first.path.read_bytes() == before


def test_a_folder_of_others_is_not_replaced(folder, undrawn):
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


def test_all_analyses_that_cannot_be_computed_are_named_and_the_others_kept(folder, frame, undrawn):
    frame.assign(warmth=4).to_csv(folder / "diary.csv", index=False)
    broken = "".join(
        f'[analyses.{name}]\nverb = "apim"\noutcome = "response"\npredictors = ["warmth"]\n' for name in ("one", "two")
    )
    path = change(folder, "[analyses.carry]", f"{broken}[analyses.carry]")
    with pytest.raises(
        DesignError, match=r"has 2 faults:\n- analyses\.one \(line 15\): .*\n- analyses\.two \(line 19\): "
    ):
        rd.run_study(path)
    assert not (folder / "study-output").exists()
    change(folder, broken, "")
    assert rd.run_study(path).kept == ("carry",)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_unexpected_failure_names_its_analysis_and_the_others_are_kept(folder, undrawn, unforeseen, workers):
    more = '[analyses.odd]\nverb = "toy.unforeseen"\nvariable = "response"\n'
    path = change(folder, "[analyses.carry]", f"{more}[run]\nworkers = {workers}\n[analyses.carry]")
    with pytest.raises(RuntimeError) as caught:
        rd.run_study(path)
    assert str(caught.value) == (
        "study.toml: analyses.odd (line 15): a fault of reldyn itself (ZeroDivisionError: nobody thought of it); "
        "please report it with the versions it needs."
    )
    (note,) = caught.value.__notes__
    assert note.startswith("analyses.odd:\nTraceback")
    assert "in unforeseen" in note
    (work,) = folder.glob("study-output.unfinished-*")
    record = json.loads((work / "unfinished.json").read_text(encoding="utf-8"))
    assert record["failed"] == {"odd": "ZeroDivisionError: nobody thought of it"}
    assert f"results/carry{ENDINGS[0]}" in everything_in(work)
    change(folder, more, "")
    assert rd.run_study(path).kept == ("carry",)


def test_a_search_that_did_not_end_says_so_every_time(folder, monkeypatch, undrawn):
    real = rd.coupling.inertia_coordination

    def stopped(*arguments, **options):
        warnings.warn("the search stopped early", rd.ConvergenceWarning, stacklevel=2)
        return real(*arguments, **options)

    functools.update_wrapper(stopped, real)
    monkeypatch.setattr(rd.coupling, "inertia_coordination", stopped)
    with pytest.warns(rd.ConvergenceWarning, match="stopped early"):
        rd.run_study(folder / "study.toml")
    monkeypatch.undo()
    with pytest.warns(rd.ConvergenceWarning, match="stopped early"):
        again = rd.run_study(folder / "study.toml")
    assert again.kept == ("carry",)


def test_an_unknown_dyad_is_named(folder):
    path = change(folder, "[analyses.carry]", '[report]\ndyads = ["nobody"]\n[analyses.carry]')
    with pytest.raises(DesignError, match=r"report\.dyads \(line 16\): no dyad 'nobody' in the data"):
        rd.run_study(path)


def test_a_dyad_that_the_preparation_leaves_out_cannot_be_shown(folder):
    step = """[[prepare]]\nstep = "filter"\nkeep = "couple != 'cpl-Qz14'"\n"""
    path = change(folder, "[analyses.carry]", f'{step}[report]\ndyads = ["cpl-Qz7", "cpl-Qz14"]\n[analyses.carry]')
    with pytest.raises(DesignError, match=r"report.dyads \(line 19\): the steps of .* leave no row of dyad 'cpl-Qz14'"):
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
[[prepare]]
step = "lag"
variables = ["response"]
[analyses.lagged]
verb = "coupling.inertia_coordination"
variable = "response_lag1"
""",
        encoding="utf-8",
    )
    run = rd.run_study(tmp_path / "w.toml")
    assert len(run.results["lagged"].tidy()) == 48
    assert "cpl-Qz" not in run.path.read_text(encoding="utf-8")


def test_compliance_counts_the_answers_that_the_study_uses(folder, frame, undrawn):
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
        text[: text.index("[analyses.main")] + text[text.index("[analyses.sch") :], encoding="utf-8"
    )
    run = rd.run_study(tmp_path / "study.toml")
    assert schedule_of(run)["giver"].tolist() == [1, 2]
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
    assert "Analysis means" in report


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
