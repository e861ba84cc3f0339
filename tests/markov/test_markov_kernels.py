"""The compiled twins against the numpy reference, and the choice between them."""

import numpy as np
import pytest

from reldyn._kernels import chosen_kernels
from reldyn.errors import DesignError
from reldyn.markov.hmm._durations import OLDEST, hazards
from reldyn.markov.hmm._em import expect, maximise, prepare, swept
from reldyn.markov.hmm._parameters import Design
from reldyn.markov.hmm._problem import build_problem
from reldyn.markov.hmm._recursions import (
    forward,
    forward_backward,
    sojourn_forward,
    sojourn_forward_backward,
)
from reldyn.markov.hmm._starts import starting_points


def drawn(seed=0, starts=3, states=3, lengths=(12, 20, 7, 20)):
    rng = np.random.default_rng(seed)
    t_end = max(lengths)
    inside = np.arange(t_end)[:, None] < np.array(lengths)
    dense = np.where(inside, rng.normal(size=(starts, states, t_end, len(lengths))) * 3.0, 0.0)
    initial = rng.dirichlet(np.ones(states), size=starts)
    transition = rng.dirichlet(np.ones(states), size=(starts, states))
    return dense, initial, transition, inside


def compare(one, other):
    for name in ("log_likelihood", "posterior", "moves", "exits", "stays", "first"):
        here, there = getattr(one, name), getattr(other, name)
        assert (here is None) == (there is None)
        if here is not None:
            np.testing.assert_allclose(here, there, rtol=1e-10, atol=1e-12, err_msg=name)


def test_the_chain(monkeypatch):
    pytest.importorskip("numba")
    given = drawn()
    found = {}
    for kernels in ("numpy", "numba"):
        monkeypatch.setenv("RELDYN_KERNELS", kernels)
        found[kernels] = forward_backward(*given)
    compare(found["numpy"], found["numba"])
    np.testing.assert_allclose(forward(*given[:3]), found["numpy"].log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(found["numpy"].moves.sum((1, 2)), 12 + 20 + 7 + 20 - 4, rtol=1e-12)


def test_explicit_sojourns(monkeypatch):
    pytest.importorskip("numba")
    dense, initial, transition, inside = drawn(1)
    transition[:, np.arange(3), np.arange(3)] = 0.0
    transition /= transition.sum(-1, keepdims=True)
    rng = np.random.default_rng(2)
    hazard, age = hazards(rng.uniform(2.0, 9.0, size=(3, 3)), rng.uniform(0.5, 8.0, size=(3, 3)), OLDEST)
    found = {}
    for kernels in ("numpy", "numba"):
        monkeypatch.setenv("RELDYN_KERNELS", kernels)
        found[kernels] = sojourn_forward_backward(dense, initial, transition, hazard, age, inside)
    compare(found["numpy"], found["numba"])
    one = found["numpy"]
    np.testing.assert_allclose(sojourn_forward(dense, initial, transition, hazard, age), one.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose((one.exits.sum() + one.stays.sum()) / 3, 12 + 20 + 7 + 20 - 4, rtol=1e-12)
    np.testing.assert_allclose(one.moves.sum(-1), one.exits.sum(-1), rtol=1e-10)
    np.testing.assert_allclose(one.posterior.sum(1), 1.0, rtol=1e-12)


@pytest.mark.parametrize("covariance", ["shared", "separate"])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_one_sweep_does_what_three_steps_do(covariance, channels, monkeypatch):
    pytest.importorskip("numba")
    rng = np.random.default_rng(3)
    series = [rng.normal(size=(length, channels)) + np.repeat([0.0, 2.0], length // 2)[:, None] for length in (20, 30)]
    series[0][4] = np.nan
    problem = build_problem(series, lags=0, covariates=None, lag_kinds=None, ordered=False)
    work = prepare(problem, Design(2, "gaussian", covariance))
    start = starting_points(work, 4, np.random.SeedSequence(1))
    monkeypatch.setenv("RELDYN_KERNELS", "numpy")
    assert swept(work, start) is None
    by_steps = expect(work, start)
    monkeypatch.setenv("RELDYN_KERNELS", "numba")
    at_once = swept(work, start)
    np.testing.assert_allclose(at_once[0].log_likelihood, by_steps[0].log_likelihood, rtol=1e-11)
    one, other = maximise(work, start, *by_steps), maximise(work, start, *at_once)
    for name in ("initial", "transition", "location", "spread"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-10, atol=1e-12, err_msg=name)


def test_the_size_one_hazard_is_constant_and_survival_telescopes():
    hazard, age = hazards(np.array([4.0, 4.0]), np.array([1.0, 3.0]), OLDEST)
    np.testing.assert_allclose(hazard[0], 0.25, rtol=1e-10)
    np.testing.assert_allclose(age.sum(-1), 1.0)
    survival = np.cumprod(1.0 - hazard[1])
    mean = 1.0 + survival[:-1].sum() + survival[-1] / hazard[1, -1]
    assert mean == pytest.approx(4.0, rel=1e-8)


def test_an_unknown_kernel_is_refused(monkeypatch):
    monkeypatch.setenv("RELDYN_KERNELS", "fortran")
    with pytest.raises(DesignError, match=r"RELDYN_KERNELS='fortran' is not known; allowed: 'numpy', 'numba'\."):
        chosen_kernels()
