"""Second derivatives of serial residual covariances, weighted and wrapped in V^{-1}X.

The Kenward-Roger correction needs ``sum_kl W_kl X'V^{-1} R_kl V^{-1}X`` where R is not linear in its parameters. With
w_t the rows of V^{-1}X at one occasion and Gamma the stationary covariance, the covariance of two occasions is
Phi^d Gamma, so ``g_t = Phi^d g_s + Gamma w_t``, s the occasion before, gathers all that came earlier. The recursion
carries g, its weighted first derivatives and the weighted sum of its second ones: time and memory grow with the length
of a series, not with its square. It is linear in g and w, so one matrix product an occasion moves all dyads whose
occasion before lies equally far back.
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

# Numbers of weighted rows that are laid out by occasion at once.
_AT_ONCE = 2_000_000
# Spans of one occasion that are moved one by one; in continuous time nearly every dyad has its own.
_FEW_SPANS = 8
_LAYOUTS_AT_ONCE = 64


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
    if not problem.in_order:
        rows = rows[np.lexsort((problem.member[rows], problem.step[rows], problem.dyad[rows]))]
    layout = _occasions(problem, rows)
    n, p = layout.n_dyads, weighted.shape[1]
    shortest = _shortest(layout.span)
    half, moved = np.zeros((p, p)), np.zeros((0, n, p))
    for values, places, spans in _blocks(layout, weighted[rows]):
        matrices = _matrices(fit, stratum, W, spans, shortest)
        steps, own = _steps(matrices), 0.5 * matrices[-1]
        for w, place in zip(values, places, strict=True):
            if not len(moved):
                moved = np.zeros((steps.shape[1], n, p))
            moved = _moved(steps, np.concatenate([moved, w]), place)
            flat = w.reshape(2, n * p)
            # The occasion's own part counts once when both halves are added.
            found = (moved[2:4].reshape(2, n * p) - own @ flat).reshape(2 * n, p)
            half += flat.reshape(2 * n, p).T @ found
    return half + half.T


def _steps(matrices: tuple[Array, ...]) -> Array:
    """Matrices (u, m, m + 2) that move what is carried, w behind it, over each span.

    Carried are two rows each of g, of its weighted second derivatives, and of each ``h_i``; see `_matrices`.
    """
    powers, slopes, crossed, bends, gamma, spread, bend = matrices
    m = 4 + 2 * len(spread)
    found = np.zeros((len(powers), m, m + 2))
    for first in range(0, m, 2):
        found[:, first : first + 2, first : first + 2] = powers
    found[:, 2:4, :2], found[:, :2, m:], found[:, 2:4, m:] = bends, gamma, bend
    for i, spread_i in enumerate(spread):
        mine = slice(4 + 2 * i, 6 + 2 * i)
        found[:, 2:4, mine], found[:, mine, :2], found[:, mine, m:] = slopes[:, i], crossed[:, i], spread_i
    return found


def _moved(steps: Array, carried: Array, place: Ints) -> Array:
    """What is carried (m + 2, n, p) after a step of each dyad: (m, n, p)."""
    depth, n, p = carried.shape
    counts = np.bincount(place, minlength=len(steps))
    usual = int(counts.argmax())
    out = (steps[usual] @ carried.reshape(depth, n * p)).reshape(depth - 2, n, p)
    others = np.flatnonzero(counts)
    others = others[others != usual]
    if len(others) > _FEW_SPANS:
        mine = place != usual
        out[:, mine] = (steps[place[mine]] @ carried[:, mine].transpose(1, 0, 2)).transpose(1, 0, 2)
        return np.asarray(out)
    for other in others.tolist():
        mine = place == other
        out[:, mine] = (steps[other] @ carried[:, mine].reshape(depth, -1)).reshape(depth - 2, -1, p)
    return np.asarray(out)


def _of_base(fit: Fit, stratum: int, W: Array, problem: Problem) -> Array:
    """The same where rows of V^{-1}X can be formed from base columns, one dyad at a time."""
    from reldyn.mixed.inference._passes_numba import WIDE, second_order_of_rows

    X, Z = cast("RoleColumns", problem.X), cast("RoleColumns", problem.Z)
    p, groups = len(fit.beta), segments_of(problem, fit.residual)
    step, first, place, spans = _spans(problem.step, problem.dyad)
    mine = slice(2 * stratum, 2 * stratum + 2)
    # Columns of zeros fill up the registers of the processor.
    wide = -(-p // WIDE) * WIDE
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
        _matrices(fit, stratum, W, spans, _shortest(spans)),
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


def _shortest(spans: Array) -> float:
    """The shortest span between occasions; 1 where no dyad has two."""
    apart = spans[spans > 0]
    return float(apart.min()) if len(apart) else 1.0


def _matrices(fit: Fit, stratum: int, W: Array, spans: Array, shortest: float) -> tuple[Array, ...]:
    """Powers and covariances of the process with their weighted derivatives.

    ``powers`` (u, 2, 2) of the transition; ``slopes`` and ``crossed`` (u, i, 2, 2), their derivatives in the parameters
    i that move them (over the shortest span of all), and ``2 sum_k W_ik`` times those in all parameters; ``bends``
    (u, 2, 2), their weighted second derivatives; ``gamma`` (2, 2), the stationary covariance; ``spread`` (i, 2, 2),
    ``2 sum_k W_ik`` times its derivatives; ``bend`` (2, 2), its weighted second derivatives. What the weights make of
    the first derivatives of all parameters, ``h_i = 2 sum_k W_ik g_k``, moves by itself.
    """
    every = np.append(spans, shortest)
    gamma, powers = step_jets(fit.residual, fit.problem.exchangeable[stratum], fit.psi[stratum], every)
    slopes = np.moveaxis(np.asarray(powers.first), 0, 1)
    moving = np.flatnonzero(np.abs(slopes[-1]).sum(axis=(1, 2)) > 0)
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
    """Portions of occasions: values (t, 2, n_dyads, p), places (t, n_dyads) of steps among the distinct spans."""
    order, p = np.argsort(layout.occasion, kind="stable"), weighted.shape[1]
    length = max(_AT_ONCE // (2 * layout.n_dyads * p), 1)
    bounds = np.searchsorted(layout.occasion[order], np.arange(0, layout.n_occasions + length, length))
    for block, (start, stop) in enumerate(itertools.pairwise(bounds)):
        rows, at_once = order[start:stop], min(length, layout.n_occasions - block * length)
        at = layout.occasion[rows] - block * length
        values = np.zeros((at_once, 2, layout.n_dyads, p))
        values[at, layout.member[rows], layout.dyad[rows]] = weighted[rows]
        spans, found = np.unique(layout.span[rows], return_inverse=True)
        # A series that has ended is moved like most: no answer of its own is left to count.
        places = np.full((at_once, layout.n_dyads), np.bincount(np.ravel(found)).argmax())
        places[at, layout.dyad[rows]] = np.ravel(found)
        yield values, places, spans
