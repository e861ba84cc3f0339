"""A run that was killed is gone on with, and ends as one that nobody disturbed."""

import os
import signal

import pytest

import reldyn as rd
from reldyn.study import _output, _run
from tools.study_kills import contents, faults_after, in_child, make_study, run_killed_at

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_run, "render_report", lambda parts: f"{parts.records}")
        yield contents(rd.run_study(make_study(tmp_path_factory.mktemp("whole"))).output)


@pytest.mark.parametrize(("step", "kept"), [(5, 0), (25, 2), (None, 4)], ids=["first", "third", "the end"])
def test_a_killed_run_is_gone_on_with(tmp_path, wanted, step, kept):
    study = make_study(tmp_path)
    # In the first analysis, between the second and the third, and before the output gets its name.
    assert not (run_killed_at(study, step) if step is not None else in_child(lambda: killed_at_the_end(study)))
    faults, n_kept = faults_after(study, wanted)
    assert faults == []
    assert n_kept == kept


def killed_at_the_end(study):
    _output.Output._swap = lambda self: os.kill(os.getpid(), signal.SIGKILL)
    rd.run_study(study)
