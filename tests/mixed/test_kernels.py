"""The compiled kernels against numpy's, and how they are chosen."""

import dataclasses
import importlib.util
import logging

import numpy as np
import pytest
from dense_model import random_problem

from reldyn.errors import DesignError
from reldyn.mixed import Residual, fit_mixed, infer, random_structure
from reldyn.mixed.likelihood import _kernels as plain
from reldyn.mixed.likelihood._backend import kernels
from reldyn.mixed.likelihood._objective import evaluate
from reldyn.mixed.likelihood._statistics import summarise
from reldyn.mixed.processes import start
from reldyn.mixed.spec._problem import sort_rows

needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")


@pytest.fixture
def segments():
    rng = np.random.default_rng(2)
    s, m, p, q = 200, 4, 3, 2
    c = p + q + 1
    stack = rng.standard_normal((s, m, c))
    stack[:, ::2, 1] = 0.0
    owner = np.sort(rng.integers(0, 30, s))
    which = rng.integers(0, 3, s)
    weights = rng.standard_normal((2, 3, m, m))
    weights = weights + weights.transpose(0, 1, 3, 2)
    targets = rng.standard_normal((2, 30, q, c))
    targets[..., p : p + q] += targets[..., p : p + q].transpose(0, 1, 3, 2)
    constant = rng.standard_normal((2, c, c))
    constant = constant + constant.transpose(0, 2, 1)
    constant[:, p : p + q] = 0.0
    constant[:, :, p : p + q] = 0.0
    return stack, which, owner, weights, targets, constant, p, q


def test_segment_products_by_definition(segments):
    stack, which, owner, weights, _, _, p, q = segments
    out, total = np.zeros((2, 30, q, 6)), np.zeros((2, 6, 6))
    plain.segment_products(stack, which, owner, weights, p, out, total)
    expected = np.zeros((2, 30, 6, 6))
    for s in range(len(stack)):
        for k in range(2):
            expected[k, owner[s]] += stack[s].T @ weights[k, which[s]] @ stack[s]
    np.testing.assert_allclose(out, expected[:, :, p : p + q], atol=1e-11)
    outside = [0, 1, 2, 5]
    np.testing.assert_allclose(
        total[:, outside][:, :, outside], expected.sum(axis=1)[:, outside][:, :, outside], atol=1e-10
    )
    assert (total[:, p : p + q] == 0).all()


def test_segment_contractions_by_definition(segments):
    stack, which, owner, _, targets, constant, p, q = segments
    found = plain.segment_contractions(stack, which, owner, targets, constant, p, 3)
    expected = np.zeros_like(found)
    for s in range(len(stack)):
        for k in range(2):
            Q = constant[k].copy()
            Q[p : p + q] = targets[k, owner[s]]
            Q[:, p : p + q] = targets[k, owner[s]].T
            expected[k, which[s]] += stack[s] @ Q @ stack[s].T
    np.testing.assert_allclose(found, expected, atol=1e-10)


@needs_numba
def test_compiled_kernels_equal_numpy(segments):
    from reldyn.mixed.likelihood import _kernels_numba as fast

    stack, which, owner, weights, targets, constant, p, q = segments
    answers = []
    for module in (plain, fast):
        out, total = np.zeros((2, 30, q, 6)), np.zeros((2, 6, 6))
        module.segment_products(stack, which, owner, weights, p, out, total)
        inner = module.segment_contractions(stack, which, owner, targets, constant, p, 3)
        rng = np.random.default_rng(1)
        vectors = rng.standard_normal(500)
        rows = rng.integers(0, 490, (60, 2))
        gram = module.grams(vectors, rows, np.array([0, 4, 7]), np.sort(rng.integers(0, 9, 60)), 10)
        spread = np.zeros((80, 3))
        module.spread(weights[0, 0], rng.permutation(80).reshape(20, 4), rng.standard_normal((80, 3)), spread)
        answers.append((out, total, inner, gram, spread))
    for one, other in zip(*answers, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


@needs_numba
@pytest.mark.parametrize("residual", [Residual(), Residual("ar1")], ids=["us", "ar1"])
def test_fits_are_the_same_either_way(residual, monkeypatch):
    problem = random_problem(9, n_dyads=25, n_steps=10, missing=0.3)
    fits = []
    for name in ("numpy", "numba"):
        monkeypatch.setenv("RELDYN_KERNELS", name)
        fits.append(fit_mixed(problem, random_structure(["a", "b"]), residual))
    assert fits[0].log_likelihood == pytest.approx(fits[1].log_likelihood, rel=1e-12)
    np.testing.assert_allclose(fits[0].beta, fits[1].beta, rtol=1e-8)
    np.testing.assert_allclose(infer(fits[0]).covariance, infer(fits[1]).covariance, rtol=1e-7)


def test_the_environment_chooses(monkeypatch):
    monkeypatch.setenv("RELDYN_KERNELS", "numpy")
    assert kernels() is plain
    monkeypatch.setenv("RELDYN_KERNELS", "fortran")
    with pytest.raises(DesignError, match=r"^RELDYN_KERNELS='fortran' is not known; allowed: 'numpy', 'numba'\."):
        kernels()


@needs_numba
def test_compiled_kernels_run_wherever_numba_is_installed(monkeypatch):
    monkeypatch.delenv("RELDYN_KERNELS", raising=False)
    assert kernels().__name__ == "reldyn.mixed.likelihood._kernels_numba"


@needs_numba
@pytest.mark.parametrize("reml", [True, False], ids=["reml", "ml"])
@pytest.mark.parametrize("process", ["independent", "unstructured", "ar1", "var1"])
@pytest.mark.parametrize("n_dyads", [5, 64, 70])
def test_the_compiled_evaluation_equals_numpy(process, n_dyads, reml, monkeypatch):
    residual = Residual(process)
    problem, _ = sort_rows(
        random_problem(4, n_dyads=n_dyads, n_steps=7, missing=0.3, q_terms=2, strata=2, exchangeable=(False, True))
    )
    structure = random_structure(["a", "b", "c", "d"], "block", terms=(0, 0, 1, 1))
    root = np.array([[1.0, 0, 0, 0], [0.5, 0, 0, 0], [0, 0, 0.4, 0], [0, 0, 0.2, 0.3]])
    psi = [start(residual, item, np.array([[1.0, 0.3], [0.3, 0.8]])) for item in problem.exchangeable]
    found = []
    for name in ("numpy", "numba"):
        monkeypatch.setenv("RELDYN_KERNELS", name)
        stats = summarise(problem, structure.internal_design(problem.Z), residual)
        found.append(evaluate(stats, structure, root @ root.T, psi, reml=reml, order=2))
    for field in dataclasses.fields(found[0]):
        if field.name != "matrices":
            one, other = (np.asarray(getattr(value, field.name)) for value in found)
            np.testing.assert_allclose(other, one, rtol=1e-10, atol=1e-11 * np.abs(one).max(), err_msg=field.name)
    for field in dataclasses.fields(found[0].dyad):
        one, other = (getattr(value.dyad, field.name) for value in found)
        np.testing.assert_allclose(other, one, rtol=1e-10, atol=1e-11 * np.abs(one).max(), err_msg=field.name)


@needs_numba
def test_the_first_compilation_is_announced(monkeypatch, tmp_path, caplog):
    from reldyn.mixed.likelihood import _backend
    from reldyn.mixed.likelihood import _kernels_numba as fast

    monkeypatch.setattr(_backend, "_cache_folder", lambda module: tmp_path)
    _backend._module.cache_clear()
    with caplog.at_level(logging.INFO, logger="reldyn"):
        assert _backend._module("numba") is fast
    _backend._module.cache_clear()
    assert caplog.messages == ["reldyn compiles its fast kernels once; this takes some seconds and is kept on disk."]
