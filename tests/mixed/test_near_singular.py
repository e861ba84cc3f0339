"""Pairs of random effects whose correlation data can hardly tell from a perfect one."""

import numpy as np
import pytest

import reldyn as rd
from reldyn.mixed import Problem, Residual, fit_mixed, random_structure
from reldyn.mixed._near_singular import near_singular_notes


def correlated(r):
    return np.array([[4.0, 2.0 * r], [2.0 * r, 1.0]])


@pytest.mark.parametrize(("r", "sign"), [(0.99, "+"), (-0.985, "-"), (1.0, "+")])
def test_a_pair_beyond_the_bound_is_named(r, sign):
    (note,) = near_singular_notes(("level", "slope"), correlated(r))
    assert note.startswith(f"Random effects are correlated beyond .98 (near-singular): 'level' and 'slope' ({sign}).")


@pytest.mark.parametrize("r", [0.0, 0.97, -0.979, 0.98])
def test_up_to_the_bound_nothing_is_said(r):
    assert near_singular_notes(("level", "slope"), correlated(r)) == ()


def test_an_effect_without_variance_has_no_correlation():
    G = np.array([[4.0, 2e-9], [2e-9, 1e-18]])
    assert near_singular_notes(("level", "slope"), G) == ()
    # The same slope, in units that are a billion times larger, does vary.
    assert near_singular_notes(("level", "slope"), G, np.array([1.0, 1e9]))
    assert near_singular_notes((), np.empty((0, 0))) == ()


def test_many_pairs_are_counted():
    (note,) = near_singular_notes(tuple("abcd"), np.full((4, 4), 1.0))
    assert note.count(" and ") >= 6
    assert "and 1 more pairs" in note


def simulated(G, seed=1, d=150, T=10):
    """Rows of two members with an intercept and a slope each; random effects of covariance G (4, 4)."""
    generator = np.random.default_rng(seed)
    b = generator.multivariate_normal(np.zeros(4), G, size=d, method="eigh")
    dyad, step, member = (index.ravel() for index in np.meshgrid(range(d), range(T), [0, 1], indexing="ij"))
    x = generator.normal(size=len(dyad))
    base = np.column_stack([np.ones(len(dyad)), x])
    Z = np.zeros((len(dyad), 4))
    for column in range(4):
        Z[:, column] = base[:, column // 2] * (member == column % 2)
    y = 2.0 + np.einsum("nq,nq->n", Z, b[dyad]) + generator.normal(scale=0.5, size=len(dyad))
    labels = ("level, f", "level, m", "slope, f", "slope, m")
    return Problem(y, base, Z, dyad, member=member, step=step, z_labels=labels), labels


FULL = np.array([[1, 0.995, 0.2, 0.2], [0.995, 1, 0.2, 0.2], [0.2, 0.2, 1, 0.2], [0.2, 0.2, 0.2, 1.0]])


@pytest.mark.parametrize("structure", ["full", "block", "exchangeable"])
def test_fits_of_every_structure_name_the_pair(structure):
    problem, labels = simulated(FULL)
    options = {"covariance": "block", "terms": [0, 0, 1, 1]} if structure == "block" else {}
    if structure == "exchangeable":
        options = {"swap": [1, 0, 3, 2]}
        problem = Problem(
            problem.y,
            problem.X,
            problem.Z,
            problem.dyad,
            member=problem.member,
            step=problem.step,
            exchangeable=(True,),
            z_labels=labels,
        )
    fit = fit_mixed(problem, random_structure(labels, **options), Residual("independent"))
    notes = [note for note in fit.warnings if "near-singular" in note]
    assert len(notes) == 1
    assert "'level, f' and 'level, m' (+)" in notes[0]
    assert "'slope, f' and 'slope, m'" not in notes[0]


def test_well_separated_effects_are_left_in_peace():
    problem, labels = simulated(np.eye(4) * 0.5 + 0.2)
    assert fit_mixed(problem, random_structure(labels), Residual("independent")).warnings == ()


def test_the_summary_says_it():
    frame_problem, _ = simulated(FULL)
    import pandas as pd

    frame = pd.DataFrame(
        {
            "couple": frame_problem.dyad,
            "role": np.array(["f", "m"])[frame_problem.member],
            "time": frame_problem.step.astype(int),
            "x": np.asarray(frame_problem.X)[:, 1],
            "y": frame_problem.y,
        }
    )
    panel = rd.DyadPanel(frame, dyad="couple", person="role", role="role", time="time")
    fit = rd.mixed_model(
        panel, outcome="y", fixed=["x"], random=("intercept", "x"), estimation=rd.Estimation(inference="z")
    )
    assert any("'intercept, f' and 'intercept, m' (+)" in note for note in fit.warnings)
    assert "correlated beyond .98 (near-singular)" in " ".join(fit.summary().split())


@pytest.mark.parametrize(("covariance", "swap"), [("full", None), ("diagonal", None), ("full", (1, 0))])
@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e4])
def test_a_variance_of_nothing_lies_at_the_boundary_also_where_its_block_has_no_other(covariance, swap, unit):
    generator = np.random.default_rng(5)
    dyad, member = np.repeat(np.arange(40), 8), np.tile([0, 1], 160)
    y = generator.normal(size=320)
    # What is the same in all rows of a member is taken out: no dyad differs.
    for code in range(40):
        for role in (0, 1):
            y[(dyad == code) & (member == role)] -= y[(dyad == code) & (member == role)].mean()
    Z = np.column_stack([member == 0, member == 1]).astype(float)
    problem = Problem(unit * y, np.ones((320, 1)), Z, dyad, member=member, step=np.tile(np.repeat(np.arange(4), 2), 40))
    fit = fit_mixed(problem, random_structure(("a", "b"), covariance, swap=swap), Residual("independent"))
    assert fit.converged
    assert len(fit.boundary) == 2
    assert len(fit.warnings) == 1
    assert "2 directions without variance" in fit.warnings[0]
    one = Problem(unit * y, np.ones((320, 1)), np.ones((320, 1)), dyad, member=member, step=problem.step)
    alone = fit_mixed(one, random_structure(("a",)), Residual("independent"))
    assert alone.at_boundary
    assert "1 direction without variance (a). Estimates lie at the bound" in alone.warnings[0]
