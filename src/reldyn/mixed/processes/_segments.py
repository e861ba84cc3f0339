"""Cutting the rows of all dyads into segments whose contributions add up.

For every residual process ``R_i^{-1} = sum_s E_s' K_s E_s`` and ``log|R_i| = sum_s logdet_s``, where E_s picks a few
rows. Residuals without carry-over have one segment per occasion. A first-order process is Markov in the pair of
members: given an occasion at which both are present, what comes later does not depend on what came before, so a
segment reaches from one complete occasion to the next (or to the end of the series) and is conditioned on the first of
them. With measurement error no row reveals the state, and the whole series of a dyad is one segment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reldyn._types import Array, Ints
from reldyn.errors import DataError, DesignError, describe_rows
from reldyn.mixed.spec._options import Residual
from reldyn.mixed.spec._problem import Problem

_CODE_LIMIT = 2**62
_TIME_BITS = 44


@dataclass(frozen=True, slots=True)
class Layout:
    """What a segment looks like, whatever its values.

    Attributes
    ----------
    members : tuple of m ints
        The member (0 or 1) of each row.
    steps : tuple of m numbers
        Steps (int) or time (float) since the first row, never decreasing.
    n_conditioning : int
        How many leading rows are given rather than new: 0, or 2 for a complete occasion.
    """

    members: tuple[int, ...]
    steps: tuple[float, ...]
    n_conditioning: int


@dataclass(frozen=True, slots=True)
class SegmentGroup:
    """All segments of one layout.

    Attributes
    ----------
    layout : Layout
    rows : int array (n_segments, m)
        Row positions in the problem, in the order of the layout.
    dyad : int array (n_segments,)
        The dyad of each segment.
    """

    layout: Layout
    rows: Ints
    dyad: Ints


@dataclass(frozen=True, slots=True)
class _Slices:
    """Segments as stretches of the sorted rows: `start` counts conditioning rows in, `length` too."""

    start: Ints
    length: Ints
    n_conditioning: Ints


def segments(residual: Residual, dyad: ArrayLike, member: ArrayLike, step: ArrayLike) -> list[SegmentGroup]:
    """Cut the rows into segments and group those of equal layout.

    Parameters
    ----------
    residual : Residual
    dyad : int array (n,)
        The dyad of each row; rows may come in any order.
    member : int array (n,)
        0 or 1. A missing partner is simply a row that is not there.
    step : array (n,)
        The position of the row in its dyad's series: whole steps for ``ar1`` and ``var1`` (a gap is a larger
        difference), time in any unit for ``car1``. Without carry-over only equality within a dyad matters.

    Returns
    -------
    list of SegmentGroup
        In a fixed order: by number of rows, then by layout.

    Raises
    ------
    DataError
        If a member has two rows at one step of a dyad, or a step is missing or infinite.
    DesignError
        If `ar1` or `var1` is asked for steps that are not whole numbers.
    """
    dyad, member = np.asarray(dyad, dtype=np.intp), np.asarray(member, dtype=np.intp)
    step = _whole_steps(residual, _known_steps(np.asarray(step)))
    ahead = (step[1:] > step[:-1]) | ((step[1:] == step[:-1]) & (member[1:] > member[:-1]))
    if ((dyad[1:] > dyad[:-1]) | ((dyad[1:] == dyad[:-1]) & ahead)).all():
        order = np.arange(len(dyad))
    else:
        order = np.lexsort((member, step, dyad))
        dyad, member, step = dyad[order], member[order], step[order]
    _refuse_duplicates(dyad, member, step, order)
    slices = _slices(residual, dyad, step)
    groups: list[SegmentGroup] = []
    for n_conditioning in (0, 2):
        for length in np.unique(slices.length[slices.n_conditioning == n_conditioning]):
            chosen = (slices.n_conditioning == n_conditioning) & (slices.length == length)
            positions = slices.start[chosen, None] + np.arange(length)
            relative = _relative(residual, step[positions])
            for layout, picked in _by_layout(member[positions], relative, n_conditioning):
                sorted_rows = positions[picked]
                groups.append(SegmentGroup(layout, order[sorted_rows], dyad[sorted_rows[:, 0]]))
    return groups


def segments_of(problem: Problem, residual: Residual) -> list[SegmentGroup]:
    """Segments of a problem's rows, cut once: see `segments`."""
    key = ("segments", residual)
    if key not in problem.memo:
        problem.memo[key] = segments(residual, problem.dyad, problem.member, problem.step)
    return cast("list[SegmentGroup]", problem.memo[key])


def _known_steps(step: NDArray[Any]) -> NDArray[Any]:
    unknown = np.flatnonzero(~np.isfinite(step))
    if unknown.size:
        raise DataError(
            f"no step or time in {describe_rows(unknown.tolist())}. "
            "Leave out rows whose place in the series is unknown."
        )
    return step


def _whole_steps(residual: Residual, step: NDArray[Any]) -> NDArray[Any]:
    """Steps of a process in discrete time, as integers."""
    if residual.process not in ("ar1", "var1") or np.issubdtype(step.dtype, np.integer):
        return step
    whole = np.rint(step.astype(np.float64))
    uneven = np.flatnonzero(~(whole == step))
    if uneven.size:
        raise DesignError(
            f"Residual({residual.process!r}) counts whole steps, but {describe_rows(uneven.tolist())} lie between "
            "steps. Give the scheduled occasion as the step, or use 'car1' for time stamps."
        )
    return whole.astype(np.int64)


def _refuse_duplicates(dyad: Ints, member: Ints, step: NDArray[Any], order: Ints) -> None:
    same = (dyad[1:] == dyad[:-1]) & (step[1:] == step[:-1]) & (member[1:] == member[:-1])
    if same.any():
        raise DataError(
            f"two rows of one member at the same step of a dyad ({describe_rows(np.sort(order[1:][same]).tolist())}). "
            "Keep one row per person and occasion."
        )


def _slices(residual: Residual, dyad: Ints, step: NDArray[Any]) -> _Slices:
    n = len(dyad)
    if n == 0:
        empty = np.zeros(0, dtype=np.intp)
        return _Slices(empty, empty, empty)
    new_dyad = np.ones(n, dtype=bool)
    new_dyad[1:] = dyad[1:] != dyad[:-1]
    new_occasion = new_dyad.copy()
    new_occasion[1:] |= step[1:] != step[:-1]
    if residual.measurement_error:
        start = np.flatnonzero(new_dyad)
        return _Slices(start, np.diff(start, append=n), np.zeros_like(start))
    if not residual.serial:
        start = np.flatnonzero(new_occasion)
        return _Slices(start, np.diff(start, append=n), np.zeros_like(start))
    # Row p opens a segment where a dyad begins or where the occasion just before it was complete.
    after_complete = np.zeros(n, dtype=bool)
    after_complete[2:] = new_occasion[2:] & ~new_occasion[1:-1] & ~new_dyad[2:]
    start = np.flatnonzero(new_dyad | after_complete)
    n_conditioning = 2 * after_complete[start].astype(np.intp)
    return _Slices(start - n_conditioning, np.diff(start, append=n) + n_conditioning, n_conditioning)


def _relative(residual: Residual, step: NDArray[Any]) -> NDArray[Any]:
    """Steps since the first row of each segment; times are cleared of their rounding noise so that layouts match."""
    if not residual.serial:
        return np.zeros(step.shape, dtype=np.int64)
    if np.issubdtype(step.dtype, np.integer):
        return np.asarray(step - step[:, :1])
    times: Array = step.astype(np.float64)
    quantum = 2.0 ** (np.ceil(np.log2(max(float(np.abs(times).max()), 1e-300))) - _TIME_BITS)
    return np.asarray(np.rint((times - times[:, :1]) / quantum) * quantum)


def _by_layout(members: Ints, relative: NDArray[Any], n_conditioning: int) -> list[tuple[Layout, Ints]]:
    """Group segments of equal length; each group comes with the positions of its segments, in order."""
    codes = _pattern_codes(members, relative)
    order = np.argsort(codes, kind="stable")
    first = np.flatnonzero(np.r_[True, np.diff(codes[order]) != 0])
    picked = np.split(order, first[1:])
    example = order[first]
    return [
        (Layout(tuple(pattern), tuple(steps), n_conditioning), chosen)
        for pattern, steps, chosen in zip(members[example].tolist(), relative[example].tolist(), picked, strict=True)
    ]


def _pattern_codes(members: Ints, relative: NDArray[Any]) -> Ints:
    """One integer per segment, equal exactly where members and relative steps are equal."""
    codes = members[:, 0].astype(np.int64)
    size = 2
    for column in range(1, members.shape[1]):
        advance = relative[:, column] - relative[:, column - 1]
        if not np.issubdtype(advance.dtype, np.integer):
            advance = np.unique(relative[:, column], return_inverse=True)[1]
        digit = 2 * advance.astype(np.int64) + members[:, column]
        radix = int(digit.max()) + 1
        if size * radix > _CODE_LIMIT:
            codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
            size = int(codes.max()) + 1
        codes = codes * radix + digit
        size *= radix
    return codes
