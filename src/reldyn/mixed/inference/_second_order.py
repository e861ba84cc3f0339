"""Second derivatives of serial residual covariances, weighted and wrapped in V^{-1}X.

The Kenward-Roger correction needs ``sum_kl W_kl X'V^{-1} R_kl V^{-1}X`` where R is not linear in its parameters. With
w_t the rows of V^{-1}X at one occasion and Gamma the stationary covariance, the covariance of two occasions is
Phi^d Gamma, so ``g_t = Phi^d g_s + Gamma w_t``, s the occasion before, gathers all that came earlier. The recursion
carries g, its weighted first derivatives and the weighted sum of its second ones: time and memory grow with the length
of a series, not with its square. It is linear in g and w, so one matrix product an occasion moves all dyads whose
occasion before lies equally far back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from reldyn._kernels import chosen_kernels
from reldyn._types import Array, Ints
from reldyn.mixed.inference._weighted import weighted_rows
from reldyn.mixed.likelihood._objective import pull_back
from reldyn.mixed.processes import SegmentGroup, segments_of, step_jets
from reldyn.mixed.processes import kernels as layout_kernels
from reldyn.mixed.spec._columns import RoleColumns
from reldyn.mixed.spec._problem import Problem, sort_rows
from reldyn.mixed.spec._sums import goes_by_member

if TYPE_CHECKING:
    from reldyn.mixed._fit import Fit

# Numbers of weighted rows that are laid out by occasion at once: with what is carried along, they fit into a cache.
_AT_ONCE = 500_000
# Fewer dyads than this make a step cost more than the work in it.
_FEW_DYADS = 32
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
    occasions = _occasions(problem)
    compiled = chosen_kernels() == "numba" and fit.structure.internal_design(problem.Z) is problem.Z
    by_base = compiled and goes_by_member(problem)
    weighted = np.zeros((0, 0)) if by_base else weighted_rows(fit)[1][:, :-1]
    half = np.zeros((len(fit.beta),) * 2)
    begin = 0
    for stratum, size in enumerate(fit.statistics.sizes):
        here = slice(begin, begin + size)
        begin += size
        dyads = np.flatnonzero(problem.strata == stratum)
        lay_out = _from_base(fit, problem, occasions, stratum) if by_base else _from_rows(weighted, occasions)
        shortest = _shortest(occasions.gap[problem.strata[problem.dyad] == stratum])
        for part in _portions(occasions, dyads, len(fit.beta)):
            places, spans = _places(occasions, part)
            matrices = _matrices(fit, stratum, W[here, here], spans, shortest)
            values = np.zeros((len(places), 2, len(part.dyads), len(fit.beta)))
            lay_out(part, values)
            half += _carried(values, places, matrices)
    return half + half.T


@dataclass(frozen=True)
class _Occasions:
    """Occasions of sorted rows, numbered within dyads, and how long each one is after the one before."""

    member: Ints
    number: Ints
    gap: Array
    first: Ints


@dataclass(frozen=True)
class _Portion:
    """Some dyads, their rows, and the place of each row's dyad among them."""

    dyads: Ints
    rows: Ints
    owner: Ints


# Writes the rows of V^{-1}X of some dyads by occasion, member and dyad: into zeros (t, 2, n, p).
_LayOut = Callable[[_Portion, Array], None]


def _carried(values: Array, places: Ints, matrices: tuple[Array, ...]) -> Array:
    """Half of the sum over dyads, rows (t, 2, n, p) of whose occasions are given."""
    n, p = values.shape[2:]
    steps, own = _steps(matrices), 0.5 * matrices[-1]
    moved, half = np.zeros((steps.shape[1], n, p)), np.zeros((p, p))
    for w, place in zip(values, places, strict=True):
        moved = _moved(steps, np.concatenate([moved, w]), place)
        flat = w.reshape(2, n * p)
        # The occasion's own part counts once when both halves are added.
        found = (moved[2:4].reshape(2, n * p) - own @ flat).reshape(2 * n, p)
        half += flat.reshape(2 * n, p).T @ found
    return half


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


def _from_rows(weighted: Array, occasions: _Occasions) -> _LayOut:
    """Lay out rows of V^{-1}X that were formed for all dyads at once."""

    def lay_out(part: _Portion, values: Array) -> None:
        values[occasions.number[part.rows], occasions.member[part.rows], part.owner] = weighted[part.rows]

    return lay_out


def _from_base(fit: Fit, problem: Problem, occasions: _Occasions, stratum: int) -> _LayOut:
    """Lay out rows of V^{-1}X that are formed from base columns, one dyad at a time."""
    from reldyn.mixed.inference._passes_numba import rows_by_occasion

    X, Z = cast("RoleColumns", problem.X), cast("RoleColumns", problem.Z)
    p, groups = len(fit.beta), segments_of(problem, fit.residual)
    mine = slice(2 * stratum, 2 * stratum + 2)
    coefficients = np.zeros((2, X.base.shape[1], p))
    coefficients[:, X.source, np.arange(p)] = X.used[mine]
    effects = np.ascontiguousarray(pull_back(fit.evaluation.dyad, fit.beta).Pz[:, :, :p])
    opens = np.full(problem.n, -1)
    for number, group in enumerate(groups):
        opens[group.rows[:, group.layout.n_conditioning]] = number
    given, size = np.array([[group.layout.n_conditioning, group.rows.shape[1]] for group in groups]).T
    begin = np.cumsum([0, *(size**2).tolist()])
    design = (coefficients, Z.source, np.ascontiguousarray(Z.used[mine]), effects)
    layouts = (opens, given, size, begin, _precisions(fit, stratum, groups))

    def lay_out(part: _Portion, values: Array) -> None:
        numbered = (occasions.member, occasions.number, occasions.first)
        rows_by_occasion(X.base, *numbered, part.dyads, design, layouts, values)

    return lay_out


def _precisions(fit: Fit, stratum: int, groups: Sequence[SegmentGroup]) -> Array:
    """Precisions of the segments of all layouts, one after the other."""
    precisions: list[Array] = []
    for start in range(0, len(groups), _LAYOUTS_AT_ONCE):
        layouts = [group.layout for group in groups[start : start + _LAYOUTS_AT_ONCE]]
        found = layout_kernels(fit.residual, fit.problem.exchangeable[stratum], fit.psi[stratum], layouts, 0)
        precisions += [kernel.precision.ravel() for kernel in found]
    return np.concatenate(precisions)


def _portions(occasions: _Occasions, dyads: Ints, p: int) -> Iterator[_Portion]:
    """Dyads of about equal numbers of occasions, as many as are laid out at once."""
    if not len(dyads):
        return
    counts = occasions.number[occasions.first[dyads + 1] - 1] + 1
    # Long series stand together, so that little of what is laid out is empty.
    dyads = dyads[np.argsort(-counts, kind="stable")]
    at_once = max(_AT_ONCE // (2 * int(counts.max()) * p), _FEW_DYADS)
    for start in range(0, len(dyads), at_once):
        part = dyads[start : start + at_once]
        yield _Portion(part, *_rows_of(occasions.first, part))


def _places(occasions: _Occasions, part: _Portion) -> tuple[Ints, Array]:
    """Places (t, n_dyads) of steps among the distinct spans of some dyads, and the spans."""
    number = occasions.number[part.rows]
    spans, found = np.unique(occasions.gap[part.rows], return_inverse=True)
    # A series that has ended is moved like most: no answer of its own is left to count.
    places = np.full((int(number.max(initial=-1)) + 1, len(part.dyads)), np.bincount(np.ravel(found)).argmax())
    places[number, part.owner] = np.ravel(found)
    return places, spans


def _rows_of(first: Ints, dyads: Ints) -> tuple[Ints, Ints]:
    """Rows of some dyads, and the place of each row's dyad among them."""
    counts = first[dyads + 1] - first[dyads]
    owner = np.repeat(np.arange(len(dyads)), counts)
    begin = np.cumsum(counts) - counts
    return np.arange(counts.sum()) - begin[owner] + first[dyads][owner], owner


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


def _occasions(problem: Problem) -> _Occasions:
    """Number the occasions of each dyad, rows being sorted."""
    step, dyad = problem.step.astype(float), problem.dyad
    new_dyad = np.r_[True, dyad[1:] != dyad[:-1]]
    fresh = new_dyad | np.r_[True, step[1:] != step[:-1]]
    count = np.cumsum(fresh) - 1
    begin = np.flatnonzero(new_dyad)
    # Rows of the occasion before stand directly ahead of the first row of an occasion.
    at = np.flatnonzero(fresh)
    gap = np.where(new_dyad[at], 0.0, step[at] - step[np.maximum(at - 1, 0)])
    number = count - np.repeat(count[begin], np.diff(np.append(begin, problem.n)))
    first = np.searchsorted(dyad, np.arange(problem.n_dyads + 1))
    return _Occasions(problem.member, number, gap[count], first)
