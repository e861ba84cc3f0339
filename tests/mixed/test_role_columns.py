"""Compact design columns say what the full matrix says, and a fit from them is the same fit in less memory."""

import dataclasses
import tracemalloc

import numpy as np
import pandas as pd
import pytest

import reldyn as rd
from reldyn.errors import DataError
from reldyn.mixed import (
    Problem,
    Residual,
    RoleColumns,
    contributions,
    fit_mixed,
    fitted_values,
    infer,
    log_likelihood,
    random_effects,
    random_structure,
)
from reldyn.mixed.spec._columns import dense, normal_equations, pick, sizes, times

SOURCE, USED = np.array([0, 0, 1, 1, 2]), np.array([[1.0, 0, 1, 0, 1], [0, 1, 0, 1, 1]])


def rows(n_dyads=30, n_occasions=12):
    """Return a problem of role-wise intercepts and slopes and one common slope, compact and as full matrices."""
    rng = np.random.default_rng(7)
    n = n_dyads * n_occasions * 2
    member, dyad = np.arange(n) % 2, np.repeat(np.arange(n_dyads), 2 * n_occasions)
    step = np.tile(np.repeat(np.arange(n_occasions), 2), n_dyads)
    base = np.column_stack([np.ones(n), rng.standard_normal((n, 2))])
    effects = rng.standard_normal((n_dyads, 4))
    X = RoleColumns(base, SOURCE, member.astype(np.int8), USED)
    Z = RoleColumns(base, SOURCE[:4], member.astype(np.int8), USED[:, :4])
    full_X = np.zeros((n, 5))
    for k in (0, 1):
        mine = member == k
        full_X[mine, k], full_X[mine, 2 + k], full_X[mine, 4] = 1.0, base[mine, 1], base[mine, 2]
    y = (full_X[:, :4] * effects[dyad]).sum(axis=1) + full_X @ [5, 4, 1, 0.5, 0.2] + rng.standard_normal(n)
    kept = rng.random(n) > 0.1
    parts = [item[kept] for item in (y, X, Z, dyad, member, step)]
    return Problem(*parts), Problem(parts[0], full_X[kept], full_X[kept, :4], *parts[3:])


@pytest.mark.parametrize("transform", [None, np.linspace(-1.0, 2.0, 15).reshape(5, 3)])
def test_compact_columns_equal_the_full_matrix(transform):
    compact, full = rows(400, 20)
    design, matrix = compact.X, full.X
    if transform is not None:
        design, matrix = design.turned(transform), matrix @ transform
    np.testing.assert_array_equal(dense(design), matrix)
    some, columns = np.array([9000, 3, 5, 4]), np.array([2, 0])
    np.testing.assert_array_equal(pick(design, some, columns), matrix[some][:, columns])
    np.testing.assert_array_equal(dense(design[some]), matrix[some])
    information, score = normal_equations(design, full.y)
    np.testing.assert_allclose(information, matrix.T @ matrix, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(score, matrix.T @ full.y, rtol=1e-12, atol=1e-9)
    weights = np.arange(1.0, matrix.shape[1] + 1)
    np.testing.assert_allclose(times(design, weights), matrix @ weights, rtol=1e-12, atol=1e-12)
    squares, counts = sizes(design, full.member)
    for member in (0, 1):
        mine = matrix[full.member == member]
        np.testing.assert_allclose(squares[member], (mine**2).sum(axis=0), rtol=1e-12)
        np.testing.assert_array_equal(counts[member], (mine != 0).sum(axis=0))


def test_transforms_follow_one_another():
    design, (first, second) = rows()[0].X, (np.eye(5)[:, ::-1] + 1.0, np.ones((5, 2)))
    np.testing.assert_allclose(dense(design.turned(first).turned(second)), dense(design) @ first @ second, rtol=1e-12)


@pytest.mark.parametrize("residual", [Residual("independent"), Residual(), Residual("ar1"), Residual("var1")])
@pytest.mark.parametrize("compact", [True, False])
@pytest.mark.parametrize("method", ["reml", "ml"])
def test_an_outcome_far_from_zero_gives_the_same_fit(residual, compact, method):
    problem, structure = rows()[0 if compact else 1], random_structure(("i0", "i1", "s0", "s1"))
    moved = np.array([1e6, 1.01e6, 0.0, 0.0, 0.0])
    far = dataclasses.replace(problem, y=problem.y + times(problem.X, moved))
    one, two = (fit_mixed(each, structure, residual, method) for each in (problem, far))
    assert two.converged
    assert two.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-7)
    np.testing.assert_allclose(two.beta - moved, one.beta, atol=1e-8)
    np.testing.assert_allclose(two.G, one.G, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(random_effects(two).value, random_effects(one).value, atol=1e-7)
    np.testing.assert_allclose(fitted_values(two)[1] - far.y, fitted_values(one)[1] - problem.y, atol=1e-7)
    kinds = ("z", "cr2", "kenward-roger") if method == "reml" else ("z", "cr2")
    for kind in kinds:
        mine, theirs = infer(two, kind).contrasts(), infer(one, kind).contrasts()
        np.testing.assert_allclose(mine.std_error, theirs.std_error, rtol=1e-7)
        np.testing.assert_allclose(mine.df, theirs.df, rtol=1e-5)
    at = log_likelihood(far, structure, residual, one.G, one.psi, method)
    assert at == pytest.approx(one.log_likelihood, abs=1e-7)


@pytest.mark.parametrize(
    "residual", [Residual(), Residual("ar1"), Residual("var1")], ids=["unstructured", "ar1", "var1"]
)
@pytest.mark.parametrize("exchangeable", [False, True])
def test_a_fit_from_compact_columns_is_the_same_fit(residual, exchangeable):
    swap = (1, 0, 3, 2) if exchangeable else None
    structure = random_structure(("i0", "i1", "s0", "s1"), swap=swap)
    one, other = (fit_mixed(problem, structure, residual) for problem in rows())
    assert one.converged
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(one.beta, other.beta, rtol=1e-9)
    np.testing.assert_allclose(one.G, other.G, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(contributions(one).score, contributions(other).score, rtol=1e-6, atol=1e-7)


def test_rows_in_any_order():
    problem, _ = rows()
    order = np.random.default_rng(1).permutation(problem.n)
    names = ("y", "X", "Z", "dyad", "member", "step")
    shuffled = Problem(*(getattr(problem, name)[order] for name in names))
    structure = random_structure(("i0", "i1", "s0", "s1"))
    assert fit_mixed(shuffled, structure).log_likelihood == fit_mixed(problem, structure).log_likelihood


def test_a_missing_value_is_named():
    problem, _ = rows()
    base = problem.X.base.copy()
    base[4, 1] = np.nan
    with pytest.raises(DataError, match=r"x[23] is missing or infinite"):
        dataclasses.replace(problem, X=dataclasses.replace(problem.X, base=base))


def test_a_fit_needs_little_memory_beside_its_rows():
    rng, n_dyads, n_occasions = np.random.default_rng(3), 300, 60
    n = 2 * n_dyads * n_occasions
    frame = {
        "dyad": np.repeat(np.arange(n_dyads), 2 * n_occasions),
        "role": np.tile(["a", "b"], n // 2),
        "day": np.tile(np.repeat(np.arange(n_occasions), 2), n_dyads),
        **{name: rng.standard_normal(n) for name in ("y", "u", "v", "w")},
    }
    panel = rd.DyadPanel(pd.DataFrame(frame), dyad="dyad", person="role", role="role", day="day")
    given = {"outcome": "y", "fixed": ("u", "v", "w"), "random": ("intercept", "u", "v")}
    rd.mixed_model(panel, **given)
    tracemalloc.start()
    try:
        rd.mixed_model(panel, **given)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Numbers a row. With full X, Z and packed rows beside the columns, 8 + 6 + 8 numbers more, it took 55.
    assert peak < 40 * 8 * n
