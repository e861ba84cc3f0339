"""The output folder: nothing that a run did not write is removed or changed, whenever the run dies."""

import json
import os
import signal
import sys
import warnings
from pathlib import Path

import pytest

import reldyn as rd
from reldyn.errors import DataError
from reldyn.study import _output, _run
from reldyn.study._lock import locked
from reldyn.study._output import Output, check_target, clear, files_of, seal, unfinished

FIRST = {"report.html": "<p>first</p>", "results/m.json": "{}", "results/old.json": "{}", "study.toml": "# first\n"}
SECOND = {"report.html": "<p>second</p>", "results/m.json": '{"b": 2}', "study.toml": "# second\n", "new.csv": "a\n"}


def publish(target, files):
    check_target(target)
    with locked(target) as lock:
        work = Output(target, lock.note)
        for name, text in files.items():
            work.write(name, text)
        try:
            return (lock.recovered, *work.publish({"reldyn": "test"}))
        except BaseException:
            work.leave("results/m.json")
            raise


def everything_in(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def whole(folder, files):
    """Whether a folder holds these files of a run and a manifest that lists them."""
    listed = files_of(folder)
    return listed is not None and all(_output.unchanged(folder, name, listed) for name in files)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "out"


def test_an_earlier_run_is_replaced_and_nothing_else_stays(target):
    publish(target, FIRST)
    recovered, manifest, moved, left = publish(target, SECOND)
    assert (recovered, moved, left) == ("", {}, [])
    found = everything_in(target)
    assert json.loads(found.pop("manifest.json")) == manifest
    assert found == SECOND
    assert set(manifest["files"]) == set(SECOND)
    assert [item.name for item in target.parent.iterdir()] == ["out"]


def test_what_the_user_put_there_stays_where_it_is(target):
    publish(target, FIRST)
    (target / "notes.md").write_text("mine", encoding="utf-8")
    (target / "results" / "mine.txt").write_text("mine", encoding="utf-8")
    (target / "figures" / "raw").mkdir(parents=True)
    (target / "figures" / "raw" / "a.txt").write_text("mine", encoding="utf-8")
    (target / "empty").mkdir()
    _, _, moved, left = publish(target, SECOND)
    assert moved == {}
    assert sorted(left) == ["empty", "figures", "notes.md", "results/mine.txt"]
    found = everything_in(target)
    assert {name: found[name] for name in ("notes.md", "results/mine.txt", "figures/raw/a.txt")} == dict.fromkeys(
        ("notes.md", "results/mine.txt", "figures/raw/a.txt"), "mine"
    )
    assert (target / "empty").is_dir()
    assert "results/old.json" not in found
    assert whole(target, SECOND)
    assert [item.name for item in target.parent.iterdir()] == ["out"]


def test_files_that_were_changed_keep_their_names(target):
    publish(target, FIRST)
    (target / "study.toml").write_text("# changed\n", encoding="utf-8")
    (target / "report.html").write_text("<p>with my remarks</p>", encoding="utf-8")
    _, manifest, moved, left = publish(target, SECOND)
    assert moved == {"study.toml": "study.2.toml", "report.html": "report.2.html"}
    assert sorted(left) == ["report.html", "study.toml"]
    found = everything_in(target)
    assert (found["study.toml"], found["report.html"]) == ("# changed\n", "<p>with my remarks</p>")
    assert (found["study.2.toml"], found["report.2.html"]) == ("# second\n", "<p>second</p>")
    assert {"study.2.toml", "report.2.html"} < set(manifest["files"])
    assert "study.toml" not in manifest["files"]
    # Once more: the numbered ones are ours and go, the changed ones stay.
    publish(target, FIRST)
    found = everything_in(target)
    assert (found["study.toml"], found["study.2.toml"]) == ("# changed\n", "# first\n")


FOREIGN = {
    "another program": {"name": "my web app"},
    "a list": [1, 2],
    "the same keys": {"format": "reldyn study output", "reldyn": "0.1.0", "files": {"thesis.txt": "0" * 64}},
    "an earlier form": {"reldyn": "0.1.0", "python": "3.11", "models": {}, "packages": {}},
    "a path outside": seal({"reldyn": "0.1.0", "files": {"../thesis.txt": "0" * 64}}),
    "an absolute path": seal({"reldyn": "0.1.0", "files": {"/thesis.txt": "0" * 64}}),
    "no files": seal({"reldyn": "0.1.0"}),
    "another form": seal({"reldyn": "0.1.0", "files": {}}, "reldyn unfinished run"),
    "edited": {**seal({"reldyn": "0.1.0", "files": {}}), "files": {"thesis.txt": "0" * 64}},
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_folder_with_a_manifest_of_others_is_refused(target, what):
    target.mkdir()
    (target / "manifest.json").write_text(json.dumps(FOREIGN[what]), encoding="utf-8")
    (target / "thesis.txt").write_text("precious", encoding="utf-8")
    before = everything_in(target.parent)
    with pytest.raises(DataError) as caught:
        publish(target, SECOND)
    assert str(caught.value) == (
        f"{target} holds files that no run of reldyn wrote: name another folder for the output, or empty this one."
    )
    assert everything_in(target.parent) == before


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\x00", "null", "3"])
def test_a_manifest_that_cannot_be_read_is_of_others(target, text):
    target.mkdir()
    (target / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="holds files that no run of reldyn wrote"):
        publish(target, SECOND)


def test_siblings_of_the_names_a_run_might_want_survive(target):
    names = ("out.replaced", "out.unfinished", "out.replaced-0", "out.unfinished-0", ".out.part")
    for name in names:
        (target.parent / name).mkdir()
        (target.parent / name / "keep.txt").write_text("precious", encoding="utf-8")
    (target.parent / "report.html.part").write_text("precious", encoding="utf-8")
    for files in (FIRST, SECOND):
        publish(target, files)
    assert all((target.parent / name / "keep.txt").read_text(encoding="utf-8") == "precious" for name in names)
    assert (target.parent / "report.html.part").read_text(encoding="utf-8") == "precious"


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege there")
def test_symbolic_links_are_never_followed(target, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    publish(target, FIRST)
    for name, text in FIRST.items():
        (outside / Path(name).name).write_text(text, encoding="utf-8")
    (outside / "m.json").write_text("{}", encoding="utf-8")
    # A file of the run replaced by a link to an equal file, and a link to a folder.
    (target / "study.toml").unlink()
    (target / "study.toml").symlink_to(outside / "study.toml")
    (target / "data").symlink_to(outside, target_is_directory=True)
    before = everything_in(outside)
    _, _, moved, left = publish(target, SECOND)
    assert everything_in(outside) == before
    assert moved == {"study.toml": "study.2.toml"}
    assert sorted(left) == ["data", "study.toml"]
    assert (target / "data").is_symlink()
    assert (target / "study.toml").is_symlink()
    # The folder of results itself replaced by a link to one with the same files.
    for item in (target / "results").iterdir():
        item.unlink()
    (target / "results").rmdir()
    (target / "results").symlink_to(outside, target_is_directory=True)
    with pytest.raises(DataError, match=r"results is in the way of a folder of the run: move it, or name another"):
        publish(target, FIRST)
    assert everything_in(outside) == before
    link = tmp_path / "link"
    link.symlink_to(target, target_is_directory=True)
    with pytest.raises(DataError, match="is a symbolic link: name the folder that it points to"):
        publish(link, FIRST)


def test_a_rename_that_fails_leaves_the_earlier_report(target, monkeypatch):
    publish(target, FIRST)
    (target / "notes.md").write_text("mine", encoding="utf-8")
    before = everything_in(target)
    real = Path.rename

    def fail(self, to):
        if "unfinished-" in self.name:
            raise PermissionError(13, "Permission denied")
        return real(self, to)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "rename", fail)
        with pytest.raises(DataError, match=r"out: the output folder cannot be replaced \(Permission denied\)\.$"):
            publish(target, SECOND)
    assert everything_in(target) == before
    # The finished results are kept for another run, and nothing else.
    (work,) = unfinished(target)
    assert set(everything_in(work)) == {"unfinished.json", "results/m.json"}
    assert {item.name for item in target.parent.iterdir()} == {"out", work.name}
    assert clear(work)
    assert not work.exists()


def test_an_unfinished_folder_keeps_what_others_put_there(target):
    with locked(target) as lock:
        work = Output(target, lock.note)
        work.write("results/m.json", "{}")
        work.leave("results/m.json")
    (work.work / "thesis.txt").write_text("precious", encoding="utf-8")
    (folder,) = unfinished(target)
    assert not clear(folder)
    assert "thesis.txt" in everything_in(folder)
    assert "results/m.json" not in everything_in(folder)


def test_a_second_run_is_refused_while_the_first_one_writes(target):
    with locked(target), pytest.raises(DataError) as caught:
        publish(target, SECOND)
    assert str(caught.value) == (
        f"another run is writing to {target}: wait for it, or name another folder for the output."
    )
    publish(target, SECOND)
    assert [item.name for item in target.parent.iterdir()] == ["out"]


def test_the_lock_of_a_dead_process_is_taken_over(target):
    path = target.with_name("out.lock")
    path.write_text(json.dumps(seal({"output": "out", "process": 1}, "reldyn lock")), encoding="utf-8")
    recovered, *_ = publish(target, FIRST)
    assert recovered == f"an earlier run to {target} was killed; its lock was taken over."
    assert not path.exists()


@pytest.mark.parametrize("text", ["", "mine", "[]", '{"output": "out"}'])
def test_a_file_of_others_in_place_of_the_lock_survives(target, text):
    path = target.with_name("out.lock")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"out\.lock is in the way of the lock of the run and not a lock of reldyn"):
        publish(target, FIRST)
    assert everything_in(target.parent) == {"out.lock": text}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("notes", [False, True])
def test_killed_at_any_moment_the_old_report_or_the_new_one_is_whole(tmp_path, notes):
    step = 0
    while True:
        folder = tmp_path / str(step)
        folder.mkdir()
        target = folder / "out"
        publish(target, FIRST)
        if notes:
            (target / "notes.md").write_text("mine", encoding="utf-8")
            (target / "study.toml").write_text("# changed\n", encoding="utf-8")
        ours = [name for name in FIRST if not notes or name != "study.toml"]
        finished = _killed_at(step, target)
        # As the killed process left it: one of the two is whole somewhere, and the user's files exist once.
        homes = [path for path in folder.iterdir() if path.is_dir()]
        old = any(whole(home, ours) for home in homes)
        new = any((home / "new.csv").exists() and whole(home, files_of(home) or ["none"]) for home in homes)
        assert old or new, step
        if notes:
            texts = [path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()]
            assert texts.count("mine") == texts.count("# changed\n") == 1, step
        if target.exists():
            assert whole(target, ours) or (target / "new.csv").exists()
        # The next run puts everything right.
        publish(target, SECOND)
        for left in unfinished(target):
            clear(left)
        assert whole(target, files_of(target))
        if notes:
            assert (target / "notes.md").read_text(encoding="utf-8") == "mine"
            assert (target / "study.toml").read_text(encoding="utf-8") == "# changed\n"
            assert (target / "study.2.toml").read_text(encoding="utf-8") == "# second\n"
        # What the run had begun and not yet put on record could be anybody's, and stays.
        for path in folder.iterdir():
            if path != target and (path.is_file() or any(path.iterdir())):
                strays = [item for item in path.rglob("*") if item.is_file()] if path.is_dir() else [path]
                begun = [item for item in strays if item.name.startswith("out.lock-") or item.suffix == ".part"]
                assert len(begun) == 1, step
                assert {item.name for item in strays if item not in begun} <= {"unfinished.json", "manifest.json"}, step
        if finished:
            break
        step += 1
    assert step > 20


def _killed_at(step, target):
    """Publish in a child that dies before its step-th change of a name; whether it came to its end."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0
    count = -1

    def counted(real):
        def change(*arguments, **options):
            nonlocal count
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return change

    for name in ("rename", "replace", "unlink", "rmdir", "mkdir", "write", "open"):
        setattr(os, name, counted(getattr(os, name)))
    try:
        publish(target, SECOND)
    except BaseException:
        os._exit(1)
    os._exit(0)


@pytest.fixture
def study(tmp_path, monkeypatch):
    # What is drawn is not the matter here.
    monkeypatch.setattr(_run, "render_report", lambda parts: f"<!DOCTYPE html>{sorted(parts.records)}")
    panel = rd.simulate.apim(n_dyads=4, n_occasions=10, actor=0.3, partner=0.1, seed=1).panel
    panel.frame.to_csv(tmp_path / "d.csv", index=False)
    (tmp_path / "s.toml").write_text(
        '[data]\npath = "d.csv"\n[columns]\ndyad = "dyad"\nperson = "person"\nrole = "role"\n'
        'time = "time"\n[analyses.m]\nverb = "coupling.inertia_coordination"\nvariable = "y"\n',
        encoding="utf-8",
    )
    return tmp_path / "s.toml"


def test_a_run_names_what_it_leaves(study):
    first = rd.run_study(study)
    (first.output / "notes.md").write_text("mine", encoding="utf-8")
    (first.output / "study.toml").write_text("# mine\n", encoding="utf-8")
    first.path.write_text("mine", encoding="utf-8")
    with pytest.warns(rd.DataWarning) as told:
        second = rd.run_study(study)
    assert [str(one.message) for one in told] == [
        f"{first.output} holds what no run wrote, or what was changed since, left as it is: "
        "notes.md, report.html, study.toml. This run's files of the same name are called "
        "study.2.toml (study.toml), report.2.html (report.html)."
    ]
    assert second.path.name == "report.2.html"
    assert second.path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert first.path.read_text(encoding="utf-8") == "mine"
    assert (first.output / "notes.md").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["m.json", "m_tidy.csv", "m.report.json", "m.step.json"])
def test_a_result_that_was_changed_on_the_disk_is_computed_anew(study, name):
    first = rd.run_study(study)
    path = first.output / "results" / name
    path.write_text(path.read_text(encoding="utf-8").replace("0.", "1.").replace('"', "'"), encoding="utf-8")
    with pytest.warns(rd.DataWarning, match=rf"left as it is: results/{name}"):
        second = rd.run_study(study)
    assert second.kept == ()
    assert second.results["m"].tidy().equals(first.results["m"].tidy())


def test_a_table_that_was_edited_is_computed_anew_once(study):
    first = rd.run_study(study)
    table = first.output / "results" / "m_tidy.csv"
    table.write_text("edited", encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rd.DataWarning)
        kept = [rd.run_study(study).kept for _ in range(3)]
    assert kept == [(), ("m",), ("m",)]
    assert table.read_text(encoding="utf-8") == "edited"
    assert (first.output / "results" / "m_tidy.2.csv").is_file()


def test_a_full_disk_is_named_with_the_file(study, monkeypatch):
    def full(path, text):
        if path.name == "m_tidy.csv":
            raise OSError(28, "No space left on device")
        return write_text(path, text)

    write_text = _output.write_text
    monkeypatch.setattr(_output, "write_text", full)
    with pytest.raises(DataError) as caught:
        rd.run_study(study)
    assert str(caught.value) == (
        f"{study.parent / 's-output' / 'results' / 'm_tidy.csv'} cannot be written (No space left on device)."
    )
    monkeypatch.setattr(_output, "write_text", write_text)
    assert rd.run_study(study).kept == ()
    assert sorted(path.name for path in study.parent.iterdir()) == ["d.csv", "s-output", "s.key", "s.toml"]


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege there")
def test_an_output_that_is_a_link_stays_one(study):
    real, link = study.parent / "real", study.parent / "link"
    real.mkdir()
    link.symlink_to(real, target_is_directory=True)
    run = rd.run_study(study, output=link)
    assert link.is_symlink()
    assert (real / "report.html").is_file()
    assert rd.run_study(study, output=link).kept == ("m",)
    assert run.output == real


def test_a_demo_that_was_changed_survives_the_next_one(study, monkeypatch):
    from reldyn.study import _demo

    text = study.read_text(encoding="utf-8").replace('path = "d.csv"', f"path = '{study.parent / 'd.csv'}'")
    monkeypatch.setattr(_demo, "_text", lambda: text)
    target = study.parent / "reldyn-demo"
    _demo.run_demo(target)
    (target / "study.toml").write_text("# my own study\n", encoding="utf-8")
    with pytest.warns(rd.DataWarning, match="study.toml"):
        _demo.run_demo(target)
    assert (target / "study.toml").read_text(encoding="utf-8") == "# my own study\n"
