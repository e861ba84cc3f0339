"""Second derivatives of serial residual covariances, weighted and wrapped in V^{-1}X.

The Kenward-Roger correction needs ``sum_kl W_kl X'V^{-1} R_kl V^{-1}X`` where R is not linear in its parameters. With
w_t the rows of V^{-1}X at one occasion and Gamma the stationary covariance, the covariance of two occasions is
Phi^d Gamma, so ``f_t = Phi^d (f_s + Gamma w_s)``, s the occasion before, gathers all that came earlier. The recursion
carries f, its first derivatives and the weighted sum of its second ones: time and memory grow with the length of a
series, not with its square.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from reldyn._kernels import chosen_kernels
from reldyn._types import Array, Ints
from reldyn.mixed.inference._weighted import weighted_rows
from reldyn.mixed.likelihood._objective import pull_back
from reldyn.mixed.processes import kernels as layout_kernels
from reldyn.mixed.processes import segments_of, step_jets
from reldyn.mixed.spec._columns import RoleColumns
from reldyn.mixed.spec._problem import Problem, sort_rows
from reldyn.mixed.spec._sums import goes_by_member

if TYPE_CHECKING:
    from reldyn.mixed._fit import Fit

# Occasions whose steps are worked out at once; in continuous time nearly every step is its own.
_AT_ONCE = 256
_LAYOUTS_AT_ONCE = 64
# Columns that compiled loops take at once.
_WIDE = 16


def residual_second_order(fit: Fit, W: Array) -> Array:
    """Sum ``W_kl X'V^{-1} R_kl V^{-1}X`` over residual parameters and dyads.

    Parameters
    ----------
    fit : Fit
    W : (r, r) array
        Weights of pairs of natural residual parameters, strata one after the other.

    Returns
    -------
    (p, p) array
    """
    problem, _ = sort_rows(fit.problem)
    compiled = chosen_kernels() == "numba" and fit.residual.process != "car1"
    by_base = compiled and fit.structure.internal_design(problem.Z) is problem.Z and goes_by_member(problem)
    weighted = np.zeros((0, 0)) if by_base else weighted_rows(fit)[1][:, :-1]
    total = np.zeros((len(fit.beta),) * 2)
    begin = 0
    for stratum, size in enumerate(fit.statistics.sizes):
        here = slice(begin, begin + size)
        begin += size
        if by_base:
            total += _of_base(fit, stratum, W[here, here], problem)
            continue
        rows = np.flatnonzero(problem.strata[problem.dyad] == stratum)
        if len(rows):
            total += _of_stratum(fit, stratum, W[here, here], problem, rows, weighted)
    return total


@dataclass(frozen=True)
class _Occasions:
    """Rows of some dyads by occasion: the k-th occasion of a dyad, whenever that was."""

    dyad: Ints
    occasion: Ints
    member: Ints
    span: Array
    n_dyads: int
    n_occasions: int


def _of_stratum(fit: Fit, stratum: int, W: Array, problem: Problem, rows: Ints, weighted: Array) -> Array:
    exchangeable, psi = problem.exchangeable[stratum], fit.psi[stratum]
    if not problem.in_order:
        rows = rows[np.lexsort((problem.member[rows], problem.step[rows], problem.dyad[rows]))]
    if chosen_kernels() == "numba" and fit.residual.process != "car1":
        return _compiled(fit, stratum, W, problem, rows, weighted)
    layout = _occasions(problem, rows)
    gamma, _ = step_jets(fit.residual, exchangeable, psi, np.zeros(0))
    first, second = np.asarray(gamma.first), np.tensordot(W, np.asarray(gamma.second), axes=2)
    n, p, r = layout.n_dyads, weighted.shape[1], len(first)
    total, own = np.zeros((p, p)), np.zeros((p, p))
    g, g_first, g_second = np.zeros((n, 2, p)), np.zeros((n, r, 2, p)), np.zeros((n, 2, p))
    for values, places, spans in _blocks(layout, weighted[rows]):
        _, powers = step_jets(fit.residual, exchangeable, psi, spans)
        P, P_first = powers.value, np.moveaxis(np.asarray(powers.first), 0, 1)
        P_second = np.tensordot(W, np.asarray(powers.second), axes=2)
        P_crossed = 2.0 * np.einsum("ij,ujab->uiab", W, P_first)
        for w, at in zip(values, places, strict=True):
            step, slope = P[at], P_first[at]
            f_second = P_second[at] @ g + (P_crossed[at] @ g_first).sum(axis=1) + step @ g_second
            f_first = slope @ g[:, None] + step[:, None] @ g_first
            flat = w.reshape(2 * n, p)
            total += flat.T @ f_second.reshape(2 * n, p)
            own += flat.T @ (second @ w).reshape(2 * n, p)
            g = step @ g + gamma.value @ w
            g_first = f_first + first @ w[:, None]
            g_second = f_second + second @ w
    return total + total.T + own


def _compiled(fit: Fit, stratum: int, W: Array, problem: Problem, rows: Ints, weighted: Array) -> Array:
    """The same recursion, compiled; spans are whole steps, and few."""
    from reldyn.mixed.inference._passes_numba import second_order

    step, first, place, spans = _spans(problem.step[rows], problem.dyad[rows])
    half = second_order(
        np.ascontiguousarray(weighted if len(rows) == problem.n and problem.in_order else weighted[rows]),
        first,
        problem.member[rows],
        step,
        place,
        _matrices(fit, stratum, W, spans),
    )
    return np.asarray(half + half.T)


def _of_base(fit: Fit, stratum: int, W: Array, problem: Problem) -> Array:
    """The same where rows of V^{-1}X can be formed from base columns, one dyad at a time."""
    from reldyn.mixed.inference._passes_numba import second_order_of_rows

    X, Z = cast("RoleColumns", problem.X), cast("RoleColumns", problem.Z)
    p, groups = len(fit.beta), segments_of(problem, fit.residual)
    step, first, place, spans = _spans(problem.step, problem.dyad)
    mine = slice(2 * stratum, 2 * stratum + 2)
    # Columns of zeros fill up the registers of the processor: rows of other lengths are worked on one by one.
    wide = -(-p // _WIDE) * _WIDE
    coefficients = np.zeros((2, X.base.shape[1], wide))
    coefficients[:, X.source, np.arange(p)] = X.used[mine]
    effects = np.zeros((problem.n_dyads, Z.shape[1], wide))
    effects[:, :, :p] = pull_back(fit.evaluation.dyad, fit.beta).Pz[:, :, :p]
    exchangeable, opens, precisions = problem.exchangeable[stratum], np.full(problem.n, -1), []
    for number, group in enumerate(groups):
        opens[group.rows[:, group.layout.n_conditioning]] = number
    for start in range(0, len(groups), _LAYOUTS_AT_ONCE):
        layouts = [group.layout for group in groups[start : start + _LAYOUTS_AT_ONCE]]
        found = layout_kernels(fit.residual, exchangeable, fit.psi[stratum], layouts, 0)
        precisions += [kernel.precision.ravel() for kernel in found]
    size = np.array([group.rows.shape[1] for group in groups])
    half = second_order_of_rows(
        X.base,
        problem.member,
        step,
        place,
        first,
        problem.strata == stratum,
        (coefficients, Z.source, np.ascontiguousarray(Z.used[mine]), effects),
        (
            opens,
            np.array([group.layout.n_conditioning for group in groups]),
            size,
            np.cumsum([0, *(size**2).tolist()]),
            np.concatenate(precisions),
        ),
        _matrices(fit, stratum, W, spans),
    )[:p, :p]
    return np.asarray(half + half.T)


def _spans(steps: NDArray[Any], dyad: Ints) -> tuple[Ints, Ints, Ints, Array]:
    """Whole steps; where dyads begin, and the end; number of the span since the occasion before; the spans."""
    step = np.rint(steps.astype(float)).astype(np.int64)
    fresh = np.r_[True, dyad[1:] != dyad[:-1]]
    gap = np.r_[0, step[1:] - step[:-1]]
    # The second row of an occasion is read together with the first.
    gap[fresh] = 0
    if gap.max() < len(gap):
        present = np.bincount(gap) > 0
        spans, place = np.flatnonzero(present), (np.cumsum(present) - 1)[gap]
    else:
        spans, place = np.unique(gap, return_inverse=True)
    return step, np.append(np.flatnonzero(fresh), len(dyad)), np.ravel(place), spans.astype(float)


def _matrices(fit: Fit, stratum: int, W: Array, spans: Array) -> tuple[Array, ...]:
    """Powers and covariances of the process with their weighted derivatives; see `second_order`."""
    gamma, powers = step_jets(fit.residual, fit.problem.exchangeable[stratum], fit.psi[stratum], spans)
    slopes = np.moveaxis(np.asarray(powers.first), 0, 1)
    moving = np.flatnonzero(np.abs(slopes).sum(axis=(0, 2, 3)) > 0)
    found = (
        powers.value,
        slopes[:, moving],
        2.0 * np.einsum("ik,ukab->uiab", W[moving], slopes),
        np.tensordot(W, np.asarray(powers.second), axes=2),
        gamma.value,
        2.0 * np.tensordot(W[moving], np.asarray(gamma.first), axes=1),
        np.tensordot(W, np.asarray(gamma.second), axes=2),
    )
    return tuple(np.ascontiguousarray(item) for item in found)


def _occasions(problem: Problem, rows: Ints) -> _Occasions:
    """Number the occasions of each dyad, rows being sorted."""
    step, dyad = problem.step[rows].astype(float), problem.dyad[rows]
    new_dyad = np.r_[True, dyad[1:] != dyad[:-1]]
    fresh = new_dyad | np.r_[True, step[1:] != step[:-1]]
    count = np.cumsum(fresh) - 1
    begin = np.flatnonzero(new_dyad)
    code = np.cumsum(new_dyad) - 1
    occasion = count - count[begin][code]
    # Rows of the occasion before stand directly ahead of the first row of an occasion.
    at = np.flatnonzero(fresh)
    gap = np.where(new_dyad[at], 0.0, step[at] - step[np.maximum(at - 1, 0)])
    return _Occasions(code, occasion, problem.member[rows], gap[count], len(begin), int(occasion.max()) + 1)


def _blocks(layout: _Occasions, weighted: Array) -> Iterator[tuple[Array, Ints, Array]]:
    """Portions of occasions: values (t, n_dyads, 2, p), places (t, n_dyads) of steps among the distinct spans."""
    order = np.argsort(layout.occasion, kind="stable")
    bounds = np.searchsorted(layout.occasion[order], np.arange(0, layout.n_occasions + _AT_ONCE, _AT_ONCE))
    for block, (start, stop) in enumerate(itertools.pairwise(bounds)):
        rows = order[start:stop]
        length = min(_AT_ONCE, layout.n_occasions - block * _AT_ONCE)
        at = layout.occasion[rows] - block * _AT_ONCE
        values = np.zeros((length, layout.n_dyads, 2, weighted.shape[1]))
        values[at, layout.dyad[rows], layout.member[rows]] = weighted[rows]
        spans, place = np.unique(np.r_[0.0, layout.span[rows]], return_inverse=True)
        places = np.zeros((length, layout.n_dyads), dtype=np.int64)
        places[at, layout.dyad[rows]] = np.ravel(place)[1:]
        yield values, places, spans
