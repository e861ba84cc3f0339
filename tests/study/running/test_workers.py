"""One worker or many, joblib or Dask, undisturbed or killed: the same bytes."""

import importlib.util
import sys

import pytest
from joblib.externals.loky import get_reusable_executor

import reldyn as rd
from reldyn.errors import DataError, DesignError
from reldyn.study import Analysis, register_analysis
from reldyn.study.asking import Request
from reldyn.study.running import tasks_of
from tools.study_kills import contents, make_study

# A worker that meets the file of the marker removes it and dies; every other call is the plain analysis.
MODULE = """
import os, signal
from pathlib import Path
import reldyn as rd
from reldyn._types import Column

def dying(panel, variable: Column, *, marker: str):
    if Path(marker).exists():
        Path(marker).unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return rd.coupling.inertia_coordination(panel, variable)
"""


@pytest.fixture(scope="module")
def dying(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    (folder / "dying_analysis.py").write_text(MODULE, encoding="utf-8")
    sys.path.insert(0, str(folder))
    # Workers that an earlier test left behind do not look into this folder.
    get_reusable_executor().shutdown()
    entry = Analysis("toy.dying", "dying_analysis.dying", "Does a worker live?", "reldyn.coupling.CoordinationResult")
    register_analysis(entry)
    yield entry
    sys.path.remove(str(folder))
    from reldyn import _registry

    _registry._BY_NAME.pop("toy.dying")


def study_on(folder, run, *, marked=False):
    path = make_study(folder)
    marker = folder / "die"
    if marked:
        marker.touch()
    toy = f"[analyses.toy]\nverb = 'toy.dying'\nvariable = 'y'\nmarker = '{marker}'\n"
    path.write_text(f"{path.read_text(encoding='utf-8')}{toy}[run]\n{run}\n", encoding="utf-8")
    return path


def numbers(run):
    """What was computed, without hashes of the study file, whose options differ."""
    found = contents(run.output)
    return {name: text for name, text in found.items() if name.endswith(".csv") or name == "results/carry.json"}


@pytest.fixture(scope="module")
def alone(tmp_path_factory, dying):
    return numbers(rd.run_study(study_on(tmp_path_factory.mktemp("alone"), "workers = 1")))


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_processes_of_joblib_give_the_same_although_one_was_killed_before(tmp_path, alone):
    path = study_on(tmp_path, "workers = 2", marked=True)
    with pytest.raises(DataError, match="a worker process was ended from outside"):
        rd.run_study(path)
    assert not (tmp_path / "study-output").exists()
    run = rd.run_study(path)
    assert numbers(run) == alone
    # Results of other processes come as they are saved.
    assert run.results["carry"].tidy().shape[0] == 24


@pytest.mark.skipif(not importlib.util.find_spec("distributed"), reason="needs dask.distributed")
@pytest.mark.filterwarnings("default")
def test_a_cluster_of_dask_gives_the_same_although_a_worker_is_killed(tmp_path, alone):
    path = study_on(tmp_path, 'workers = 2\nbackend = "dask"', marked=True)
    run = rd.run_study(path)
    assert not (tmp_path / "die").exists()
    assert numbers(run) == alone


@pytest.mark.skipif(bool(importlib.util.find_spec("distributed")), reason="dask.distributed is installed")
def test_a_cluster_that_is_not_installed_is_asked_for(tmp_path, dying):
    with pytest.raises(DesignError, match=r"needs dask\.distributed: pip install 'reldyn\[distributed\]'"):
        rd.run_study(study_on(tmp_path, 'backend = "dask"'))


def test_analyses_that_refer_to_each_other_go_together():
    def asked(name, *references):
        return Request(name, "apim", {}, {f"option{number}": other for number, other in enumerate(references)})

    a, b, c, d, e = asked("a"), asked("b", "a"), asked("c"), asked("d", "c", "b"), asked("e")
    groups = [[one.name for one in group] for group in tasks_of([d, e, b, a, c], frozenset())]
    assert sorted(sorted(group) for group in groups) == [["a", "b", "c", "d"], ["e"]]
    whole = max(groups, key=len)
    assert all(whole.index(first) < whole.index(then) for first, then in ("ab", "cd", "bd"))
    assert tasks_of([a, b], frozenset({"a", "b"})) == []
    assert [one.name for one in tasks_of([a, b], frozenset({"a"}))[0]] == ["a", "b"]
