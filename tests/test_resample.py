"""Resampling: the same numbers for any number of workers, and the right moments."""

import os

import numpy as np
import pytest

from reldyn.errors import DesignError
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
