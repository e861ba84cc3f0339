"""Resampling: the same numbers for any number of workers, and the right moments."""

import os
import signal
import subprocess
import sys
import threading
import time

import joblib
import numpy as np
import pytest

from reldyn.errors import DesignError, ReldynError
from reldyn.resample import (
    Resamples,
    dyad_bootstrap,
    known_seed,
    map_seeded,
    one_thread,
    parametric_bootstrap,
    wild_bootstrap,
)


def draw(task, generator):
    matrix = generator.standard_normal((60, 60))
    return task, float((matrix @ matrix).sum()), os.getpid()


def test_answers_do_not_depend_on_the_number_of_workers():
    alone = map_seeded(draw, range(7), seed=11, n_jobs=1)
    several = map_seeded(draw, range(7), seed=11, n_jobs=2)
    assert [answer[:2] for answer in alone] == [answer[:2] for answer in several]
    assert {answer[2] for answer in alone} == {os.getpid()}
    assert os.getpid() not in {answer[2] for answer in several}


def test_a_task_keeps_its_generator_when_others_are_added():
    assert map_seeded(draw, range(3), seed=5)[:2] == map_seeded(draw, range(2), seed=5)


def test_seeds_of_every_kind():
    sequence = np.random.SeedSequence(4)
    assert known_seed(sequence) == known_seed(sequence)
    assert known_seed(np.int64(3)) == 3
    generator = np.random.default_rng(1)
    assert known_seed(generator) != known_seed(generator)
    assert known_seed() != known_seed()
    for bad, message in (
        (-1, "seed=-1 is negative: give a whole number of at least 0."),
        ("a", "seed='a' is not a whole number, a SeedSequence, a Generator or None."),
    ):
        with pytest.raises(DesignError) as caught:
            known_seed(bad)
        assert str(caught.value) == message


def test_dyad_bootstrap_has_the_variance_of_a_mean():
    values = np.random.default_rng(3).standard_normal(40)
    found = dyad_bootstrap(lambda drawn: [values[drawn].mean()], 40, n_boot=2000, seed=1)
    assert found.covariance()[0, 0] == pytest.approx(values.var() / 40, rel=0.12)
    low, high = found.interval()
    assert low[0] < values.mean() < high[0]


def test_strata_keep_their_sizes():
    strata = np.repeat([0, 1], [7, 3])
    found = dyad_bootstrap(lambda drawn: [(strata[drawn] == 1).sum()], 10, strata=strata, n_boot=20, seed=1)
    assert (found.values == 3).all()


def test_parametric_bootstrap_and_failed_samples():
    found = parametric_bootstrap(
        lambda generator: generator.standard_normal(100),
        lambda x: np.nan if x.mean() > 0 else [x.mean(), 1.0],
        n_boot=50,
        seed=9,
    )
    assert found.values.shape == (50, 2)
    assert 0 < found.n_failed < 50
    assert np.isfinite(found.covariance()).all()
    assert np.isnan(Resamples(np.full((3, 2), np.nan), 1).covariance()).all()


@pytest.mark.parametrize(("weights", "third"), [("rademacher", 0.0), ("mammen", 1.0)])
def test_wild_weights_have_mean_zero_and_variance_one(weights, third):
    found = wild_bootstrap(lambda w: [w.mean(), (w**2).mean(), (w**3).mean()], 5000, weights=weights, n_boot=20, seed=3)
    np.testing.assert_allclose(found.values.mean(axis=0), [0.0, 1.0, third], atol=0.03)


def test_refusals():
    with pytest.raises(DesignError, match=r"^weights='x' is not known; allowed: 'rademacher', 'mammen'\.$"):
        wild_bootstrap(lambda w: w, 3, weights="x")
    with pytest.raises(DesignError, match=r"^n_jobs=0 is not a count of at least 1, or -1\.$"):
        map_seeded(draw, range(2), n_jobs=0)
    with pytest.raises(DesignError, match=r"^n_boot=0 is not a count of at least 1\.$"):
        parametric_bootstrap(lambda g: g, lambda x: 0.0, n_boot=0)


def test_one_thread_limits_blas():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    with one_thread():
        assert all(item["num_threads"] == 1 for item in threadpoolctl.threadpool_info() if item["user_api"] == "blas")


THREADS = """
import concurrent.futures as cf
import joblib
import numpy as np
import scipy.linalg
from threadpoolctl import threadpool_info, threadpool_limits
from reldyn.resample import one_thread

def threads():
    return [item["num_threads"] for item in threadpool_info() if item["user_api"] == "blas"]

before = threads()
assert set(before) == {2}, before
seen = []

def limited(number):
    try:
        with one_thread(), one_thread():
            np.ones((60, 60)) @ np.ones((60, 60))
            seen.extend(threads())
            if number % 3 == 0:
                raise ValueError
            with one_thread():
                seen.extend(threads())
        return threads()
    except ValueError:
        return None

with cf.ThreadPoolExecutor(4) as pool:
    list(pool.map(limited, range(40)))
assert set(seen) == {1}, seen
assert threads() == before, threads()

# The first to enter is not the last to leave.
first, second = one_thread(), one_thread()
first.__enter__(); second.__enter__()
first.__exit__(None, None, None)
assert set(threads()) == {1}
second.__exit__(None, None, None)
assert threads() == before

# A limit that was set outside, in between, is what is given back.
with threadpool_limits(1):
    with one_thread():
        pass
    assert set(threads()) == {1}
assert threads() == before
"""


def test_threads_of_blas_are_given_back_whoever_leaves_last():
    pytest.importorskip("threadpoolctl")
    two = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "2")
    done = subprocess.run(
        [sys.executable, "-c", THREADS], env={**os.environ, **two}, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr


def where(task, generator):
    return task, int(generator.integers(1000)), os.getpid(), threading.get_ident()


@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing", "sequential"])
def test_the_backend_of_the_caller_is_used(backend):
    alone = map_seeded(where, range(6), seed=3)
    shift = 7
    with joblib.parallel_config(backend=backend):
        found = map_seeded(where, range(6), seed=3, n_jobs=2)
        closure = map_seeded(lambda task, generator: task + shift, range(3), n_jobs=2)
    assert closure == [7, 8, 9]
    assert [answer[:2] for answer in found] == [answer[:2] for answer in alone]
    processes, threads = {answer[2] for answer in found}, {answer[2:] for answer in found}
    here = (os.getpid(), threading.get_ident())
    assert (os.getpid() in processes) is (backend in ("threading", "sequential"))
    assert (here in threads) is (backend == "sequential")


def test_a_backend_of_somebody_else_is_used():
    from joblib.parallel import BACKENDS, ThreadingBackend

    submitted = []

    class Elsewhere(ThreadingBackend):
        def submit(self, func, callback=None):
            submitted.append(func)
            return super().submit(func, callback)

    joblib.register_parallel_backend("elsewhere", Elsewhere)
    try:
        with joblib.parallel_config(backend="elsewhere"):
            assert map_seeded(lambda task, generator: task, range(4), n_jobs=2) == [0, 1, 2, 3]
    finally:
        del BACKENDS["elsewhere"]
    assert submitted


def test_an_error_of_a_task_is_passed_on_as_it_is():
    def fail(task, generator):
        raise DesignError(f"no {task}")

    for backend in ("loky", "threading"):
        with joblib.parallel_config(backend=backend), pytest.raises(DesignError, match=r"^no \d$"):
            map_seeded(fail, range(3), n_jobs=2)


@pytest.mark.parametrize("how", ["killed", "left"])
@pytest.mark.parametrize("label", ["bootstrap", ""])
def test_a_killed_worker_is_named_by_its_task_and_seed(how, label):
    def die(task, generator):
        if task == "fatal":
            time.sleep(0.3)
            if how == "killed" and hasattr(signal, "SIGKILL"):
                os.kill(os.getpid(), signal.SIGKILL)
            os._exit(3)
        time.sleep(0.05 if task == "quick" else 20)

    tasks = ["quick", "quick", "quick", "fatal", *["slow"] * 4]
    with pytest.raises(ReldynError) as caught:
        map_seeded(die, tasks, seed=11, n_jobs=2, label=label)
    whose = " of bootstrap" if label else ""
    assert str(caught.value) == (
        f"a worker process was killed, often for lack of memory, while it ran task 3{whose} (of 8, counted from 0), "
        "whose seed is numpy.random.SeedSequence(11, spawn_key=(3,)): use fewer workers (n_jobs), or n_jobs=1 to see "
        "what ends it."
    )
    assert caught.value.__cause__ is None
    # Workers are there again for the next call.
    assert map_seeded(draw, range(3), seed=1, n_jobs=2)[0][:2] == map_seeded(draw, range(1), seed=1)[0][:2]


def test_where_the_system_does_not_tell_which_worker_died_all_that_were_at_work_are_named(monkeypatch):
    monkeypatch.setattr("reldyn.stats._workers._ended", lambda process: False)

    def die(task, generator):
        time.sleep(1)
        os._exit(3)

    with pytest.raises(ReldynError, match=r"while it ran one of the tasks 0, 1 \(of 4, .*SeedSequence\(2, spawn_key="):
        map_seeded(die, range(4), seed=2, n_jobs=2)


def test_strata_are_one_per_dyad_and_may_be_names():
    def drawn(strata):
        return dyad_bootstrap(lambda at: at, 5, strata=strata, n_boot=3, seed=1).values

    np.testing.assert_array_equal(drawn(["f-m", "f-f", "f-m", "f-f", "f-f"]), drawn([1, 0, 1, 0, 0]))
    with pytest.raises(DesignError, match=r"^strata have the shape \(2,\), but there are 5 dyads: give one for each"):
        drawn([1, 2])


@pytest.mark.parametrize("count", [0, 1.5, "5", True])
def test_what_is_no_count_is_refused(count):
    said = rf"={count!r} is not a count of at least 1\.$"
    with pytest.raises(DesignError, match=f"^n_boot{said}"):
        parametric_bootstrap(lambda g: g.normal(), lambda x: x, n_boot=count, seed=1)
    for bootstrap in (dyad_bootstrap, wild_bootstrap):
        with pytest.raises(DesignError, match=f"^n_dyads{said}"):
            bootstrap(lambda drawn: drawn.sum(), count, n_boot=3, seed=1)
    with pytest.raises(DesignError, match=rf"^n_jobs={count!r} is not a count of at least 1, or -1\.$"):
        map_seeded(lambda task, generator: task, range(2), n_jobs=count)
