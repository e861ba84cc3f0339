"""Sums over rows that checks, starting values and statistics share, formed once for a fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from reldyn._kernels import chosen_kernels
from reldyn._records import brief
from reldyn._types import Array, Ints
from reldyn.mixed.spec._columns import Design, RoleColumns, normal_equations, sizes, times
from reldyn.mixed.spec._problem import Problem

# Cross-products of dyads may hold as many numbers as the rows, or this many.
_FEW_NUMBERS = 2**20
# Where least squares explain all but this share of the outcome's squares, sums of squares lose digits that matter.
_FAR = 1e-4
# Where they explain all but this share, nothing is left to model.
_NOTHING = 1e-20


@brief
@dataclass(frozen=True)
class DyadProducts:
    """Cross-products of every dyad in the w columns [base, y]; members ordered within a pair.

    Attributes
    ----------
    pairs : (d, 2w, 2w) array
        Of occasions with both members.
    singles : (d, 2, w, w) array
        Of rows without a partner's row, per member.
    counts : (d, 3) array
        Rows of the first and of the second member alone, and occasions with both.
    """

    pairs: Array
    singles: Array
    counts: Array


@brief
@dataclass(frozen=True)
class RowSums:
    """Sums over all rows.

    Attributes
    ----------
    information : (p, p) array
        X'X.
    score : (p,) array
        X'y.
    x_sizes, z_sizes : tuples of two (2, columns) arrays
        Per member and column of X or Z: sum of squares, and how many values are not zero.
    dyads : DyadProducts or None
        None where kernels are not compiled, or the design is no `RoleColumns` by composition and member.
    """

    information: Array
    score: Array
    x_sizes: tuple[Array, Array]
    z_sizes: tuple[Array, Array]
    dyads: DyadProducts | None = None


def row_sums(problem: Problem) -> RowSums:
    """Pass over the rows once, where kernels are compiled.

    Parameters
    ----------
    problem : Problem
        Rows sorted by dyad, step and member.

    Returns
    -------
    RowSums
    """
    if chosen_kernels() == "numba" and _goes_by_dyad(problem):
        return _by_dyad(problem)
    information, score = normal_equations(problem.X, problem.y)
    return RowSums(information, score, sizes(problem.X, problem.member), sizes(problem.Z, problem.member))


def plain_fit(sums: RowSums) -> Array:
    """Coefficients of plain least squares, (p,)."""
    return np.asarray(np.linalg.lstsq(sums.information, sums.score, rcond=None)[0], dtype=float)


def far_part(problem: Problem, sums: RowSums) -> Array:
    """Coefficients to take off the outcome first, so that sums of squares keep their digits far from zero.

    Parameters
    ----------
    problem : Problem
    sums : RowSums
        Over these rows.

    Returns
    -------
    (p,) array
        Zero where the outcome varies about as much as it is large.
    """
    nothing = np.zeros(len(sums.score))
    squares = float(problem.y @ problem.y)
    plain = plain_fit(sums) if len(nothing) else nothing
    if squares - float(plain @ sums.score) > _FAR * squares:
        return nothing
    left = float(np.sum((problem.y - times(problem.X, plain)) ** 2))
    return plain if _NOTHING * squares < left <= _FAR * squares else nothing


def taken_off(problem: Problem, coefficients: Array) -> Problem:
    """Return the rows with ``y - X coefficients`` in the place of y."""
    if not coefficients.any():
        return problem
    return replace(problem, y=problem.y - times(problem.X, coefficients))


def _goes_by_dyad(problem: Problem) -> bool:
    """Whether cross-products of dyads can stand for the rows, and take no more room than they."""
    if not goes_by_member(problem):
        return False
    width = cast("RoleColumns", problem.X).base.shape[1] + 1
    return bool(6 * width * width * problem.n_dyads <= max(problem.n * width, _FEW_NUMBERS))


def goes_by_member(problem: Problem) -> bool:
    """Whether both designs stand on the same variables, and their columns depend on composition and member only."""
    X, Z = problem.X, problem.Z
    if not (isinstance(X, RoleColumns) and isinstance(Z, RoleColumns)):
        return False
    if X.base is not Z.base or X.transform is not None or Z.transform is not None or not X.base.flags.c_contiguous:
        return False
    if any(len(design.used) != 2 * len(problem.exchangeable) for design in (X, Z)):
        return False
    code = problem.member if len(problem.exchangeable) == 1 else 2 * problem.strata[problem.dyad] + problem.member
    return np.array_equal(X.group, code) and (X.group is Z.group or np.array_equal(Z.group, code))


def _by_dyad(problem: Problem) -> RowSums:
    from reldyn.mixed.spec._pass_numba import dyad_products

    X, Z = cast("RoleColumns", problem.X), cast("RoleColumns", problem.Z)
    d, k = problem.n_dyads, X.base.shape[1]
    w = k + 1
    pairs, singles = np.empty((d, 2 * w, 2 * w)), np.empty((d, 2, w, w))
    counts, filled = np.zeros((d, 3)), np.zeros((d, 2, k))
    first = np.searchsorted(problem.dyad, np.arange(d + 1))
    dyad_products(
        X.base, problem.y, problem.member, problem.step.astype(np.float64), first, pairs, singles, counts, filled
    )
    dyads = DyadProducts(pairs, singles, counts)
    information, score = np.zeros((len(X.source),) * 2), np.zeros(len(X.source))
    x_sizes, z_sizes = (np.zeros((2, 2, len(design.source))) for design in (X, Z))
    for stratum in range(len(problem.exchangeable)):
        mine = in_stratum(problem, stratum)
        for member in (0, 1):
            own = slice(member * w, (member + 1) * w)
            total = pairs[mine, own, own].sum(axis=0) + singles[mine, member].sum(axis=0)
            used = X.used[2 * stratum + member]
            information += np.outer(used, used) * total[np.ix_(X.source, X.source)]
            score += used * total[X.source, k]
            nonzero = filled[mine, member].sum(axis=0)
            for design, found in ((X, x_sizes), (Z, z_sizes)):
                mask = design.used[2 * stratum + member]
                found[0, member] += mask * np.diag(total)[design.source]
                found[1, member] += mask * nonzero[design.source]
    return RowSums(information, score, (x_sizes[0], x_sizes[1]), (z_sizes[0], z_sizes[1]), dyads)


def compiled_moments(problem: Problem, dyads: DyadProducts, beta: Array) -> tuple[float, Array]:
    """Sum of squared residuals y - X beta, and their 2 x 2 covariance at one occasion about each person's mean.

    Where fewer than half of the rows belong to persons with several, about zero.

    Parameters
    ----------
    problem : Problem
        The rows that `dyads` are of.
    dyads : DyadProducts
    beta : (p,) array

    Returns
    -------
    squares : float
    moments : (strata, 2, 2) array
    """
    from reldyn.mixed.spec._pass_numba import dyad_moments

    X = cast("RoleColumns", problem.X)
    strata, k = len(problem.exchangeable), X.base.shape[1]
    reads = (X.source[:, None] == np.arange(k)).astype(float)
    coefficients = ((X.used * beta) @ reads).reshape(strata, 2, k)
    of_person = dyads.counts[:, :2] + dyads.counts[:, 2:]
    several = bool(of_person[of_person > 1].sum() >= 0.5 * problem.n)
    found = np.zeros((strata, 7))
    dyad_moments(
        X.base,
        problem.y,
        problem.member,
        problem.step.astype(np.float64),
        _first_rows(dyads),
        coefficients,
        problem.strata,
        several,
        found,
    )
    moments = np.zeros((strata, 2, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        variances = found[:, 1:3] / found[:, 3:5]
    for stratum, (own, variance) in enumerate(zip(found, variances, strict=True)):
        np.fill_diagonal(moments[stratum], np.where(np.isnan(variance), np.nanmax(variance), variance))
        moments[stratum, 0, 1] = moments[stratum, 1, 0] = own[5] / own[6] if own[6] else 0.0
    return float(found[:, 0].sum()), moments


def _first_rows(dyads: DyadProducts) -> Ints:
    """Where the rows of each dyad begin, and the end of all."""
    rows = dyads.counts @ np.array([1.0, 1.0, 2.0])
    return np.concatenate([[0], np.cumsum(rows)]).astype(np.int64)


def in_stratum(problem: Problem, stratum: int) -> slice | Ints:
    """Dyads of a stratum."""
    if len(problem.exchangeable) == 1:
        return slice(None)
    return np.flatnonzero(problem.strata == stratum)


def sizes_of_z(problem: Problem, Z: Design, sums: RowSums) -> tuple[Array, Array]:
    """`sizes` of the random effects' design in internal columns, which often are the reported ones."""
    return sums.z_sizes if Z is problem.Z else sizes(Z, problem.member)
