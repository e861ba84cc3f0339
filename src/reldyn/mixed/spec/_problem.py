"""The arrays a mixed model is fitted to, and the checks that they can identify it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reldyn._format import counted
from reldyn._records import brief
from reldyn._types import Array, Ints
from reldyn.errors import DataError, DesignError, describe_rows
from reldyn.mixed.spec._columns import Design, RoleColumns, dense, is_finite

# Relative size of a singular value below which a direction of the scaled design counts as absent: rounding of
# single-precision sources leaves about 1e-7.
RANK_TOLERANCE = 1e-7


@brief
@dataclass(frozen=True)
class Problem:
    """Rows of a dyadic mixed model: one row per member and occasion with an outcome.

    Attributes
    ----------
    y : (n,) array
        Outcome; finite.
    X : (n, p) array or RoleColumns
        Fixed-effects design; finite.
    Z : (n, q) array or RoleColumns
        Random-effects design, one column per reported random effect; q may be 0.
    dyad : (n,) int array
        Dyad of each row, coded 0, 1, ..., every code in use.
    member : (n,) int array
        0 or 1.
    step : (n,) array
        Occasion as a count of process steps (nights already counted), or time for ``"car1"``.
    stratum : (n_dyads,) int array, optional
        Composition of each dyad, coded from 0: residual parameters are estimated per stratum. None: one stratum.
    exchangeable : tuple of bool, default (False,)
        Per stratum, whether the residual process treats members as interchangeable.
    x_labels, z_labels, dyad_labels : tuple of str, optional
        Used in messages only.

    Raises
    ------
    DesignError
        If shapes or codes do not fit together.
    DataError
        If values are not finite or a dyad has two rows for one member and step.
    """

    y: Array
    X: Design
    Z: Design
    dyad: Ints
    member: Ints
    step: NDArray[Any]
    stratum: Ints | None = None
    exchangeable: tuple[bool, ...] = (False,)
    x_labels: tuple[str, ...] = ()
    z_labels: tuple[str, ...] = ()
    dyad_labels: tuple[str, ...] = ()
    # What was worked out of these rows and is asked for again; a changed problem starts without.
    memo: dict[Any, Any] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("y", "X", "Z"):
            if not isinstance(getattr(self, name), RoleColumns):
                object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=float))
        for name in ("dyad", "member"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.int64))
        object.__setattr__(self, "step", np.asarray(self.step))
        _check_shapes(self)
        if self.stratum is None:
            object.__setattr__(self, "stratum", np.zeros(self.n_dyads, dtype=np.int64))
        if not self.x_labels:
            object.__setattr__(self, "x_labels", tuple(f"x{j}" for j in range(self.X.shape[1])))
        if not self.z_labels:
            object.__setattr__(self, "z_labels", tuple(f"z{j}" for j in range(self.Z.shape[1])))
        if not self.dyad_labels:
            object.__setattr__(self, "dyad_labels", tuple(str(code) for code in range(self.n_dyads)))
        _check_values(self)

    @cached_property
    def in_order(self) -> bool:
        """Whether rows are sorted by dyad, step and member, none of them twice."""
        dyad, step, member = self.dyad, self.step, self.member
        ahead = (step[1:] > step[:-1]) | ((step[1:] == step[:-1]) & (member[1:] > member[:-1]))
        return bool(np.all((dyad[1:] > dyad[:-1]) | ((dyad[1:] == dyad[:-1]) & ahead)))

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.y)

    @cached_property
    def n_dyads(self) -> int:
        """Number of dyads."""
        return int(self.dyad.max()) + 1

    @property
    def strata(self) -> Ints:
        """Stratum of each dyad, never None."""
        if self.stratum is None:
            return np.zeros(self.n_dyads, dtype=np.int64)
        return self.stratum


def sort_rows(problem: Problem) -> tuple[Problem, Ints]:
    """Bring rows into the order dyad, step, member; return also the order (new row k is old row ``order[k]``)."""
    if problem.in_order:
        return problem, np.arange(problem.n)
    order = np.lexsort((problem.member, problem.step, problem.dyad))
    return take_rows(problem, order), order


def take_rows(problem: Problem, rows: Ints) -> Problem:
    """Return the problem with these rows only, in this order; every dyad must keep at least one."""
    return replace(
        problem,
        y=problem.y[rows],
        **_designs_on(problem, rows),
        dyad=problem.dyad[rows],
        member=problem.member[rows],
        step=problem.step[rows],
    )


def _designs_on(problem: Problem, rows: Ints) -> dict[str, Any]:
    """Both designs on some rows; what they share they go on sharing."""
    old_X, old_Z = problem.X, problem.Z
    X, Z = old_X[rows], old_Z[rows]
    if not (isinstance(old_X, RoleColumns) and isinstance(old_Z, RoleColumns)):
        return {"X": X, "Z": Z}
    if isinstance(X, RoleColumns) and isinstance(Z, RoleColumns) and old_X.base is old_Z.base:
        Z = replace(Z, base=X.base, group=X.group if old_X.group is old_Z.group else Z.group)
    return {"X": X, "Z": Z}


def take_dyads(problem: Problem, dyads: Ints) -> Problem:
    """Return a problem of these dyads, repeated ones entering as different dyads (for the bootstrap)."""
    order = np.argsort(problem.dyad, kind="stable")
    bounds = np.searchsorted(problem.dyad[order], np.arange(problem.n_dyads + 1))
    pieces = [order[bounds[code] : bounds[code + 1]] for code in dyads]
    rows = np.concatenate(pieces)
    return replace(
        problem,
        y=problem.y[rows],
        **_designs_on(problem, rows),
        dyad=np.repeat(np.arange(len(dyads)), [len(piece) for piece in pieces]),
        member=problem.member[rows],
        step=problem.step[rows],
        stratum=problem.strata[dyads],
        dyad_labels=tuple(problem.dyad_labels[code] for code in dyads),
    )


def _check_shapes(problem: Problem) -> None:
    n = len(problem.y)
    if n == 0:
        raise DesignError("there are no rows to fit: every row has a missing outcome or predictor.")
    for name in ("X", "Z"):
        value = getattr(problem, name)
        if len(value.shape) != 2 or len(value) != n:
            raise DesignError(f"{name} has shape {value.shape}; it needs {counted(n, 'row')} and one column per term.")
    for name in ("dyad", "member", "step"):
        if getattr(problem, name).shape != (n,):
            raise DesignError(f"{name} has shape {getattr(problem, name).shape}; it needs one entry per row, {n}.")
    if problem.dyad.min() < 0 or bool(np.any(np.bincount(problem.dyad) == 0)):
        raise DesignError("dyad must be coded 0, 1, 2, ... with every code in use.")
    if not ((problem.member == 0) | (problem.member == 1)).all():
        raise DesignError("member must be 0 or 1 on every row.")
    if problem.stratum is not None:
        stratum = np.asarray(problem.stratum, dtype=np.int64)
        object.__setattr__(problem, "stratum", stratum)
        if stratum.shape != (problem.n_dyads,) or set(stratum.tolist()) != set(range(len(problem.exchangeable))):
            raise DesignError("stratum needs one code per dyad, and `exchangeable` one entry per code in use.")
    elif len(problem.exchangeable) != 1:
        raise DesignError("several entries of `exchangeable` need a stratum for each dyad.")


def _check_values(problem: Problem) -> None:
    bad = np.flatnonzero(~np.isfinite(problem.y))
    if bad.size:
        raise DataError(f"the outcome is missing or infinite in {describe_rows(bad.tolist())}; leave these rows out.")
    sound: list[Any] = []
    for design, labels in ((problem.X, problem.x_labels), (problem.Z, problem.z_labels)):
        # The two designs may stand on the same variables.
        source = design.base if isinstance(design, RoleColumns) else design
        if any(source is item for item in sound):
            continue
        if is_finite(design):
            sound.append(source)
            continue
        values = dense(design)
        if np.isfinite(values).all():
            continue
        column = int(np.flatnonzero(~np.isfinite(values).all(axis=0))[0])
        bad = np.flatnonzero(~np.isfinite(values[:, column]))
        raise DataError(f"{labels[column]} is missing or infinite in {describe_rows(bad.tolist())}; mend or drop them.")
    if not np.isfinite(problem.step.astype(float)).all():
        bad = np.flatnonzero(~np.isfinite(problem.step.astype(float)))
        raise DataError(f"the occasion is missing in {describe_rows(bad.tolist())}.")
    if problem.in_order:
        return
    order = np.lexsort((problem.member, problem.step, problem.dyad))
    dyad, step, member = problem.dyad[order], problem.step[order], problem.member[order]
    again = np.flatnonzero((dyad[1:] == dyad[:-1]) & (step[1:] == step[:-1]) & (member[1:] == member[:-1]))
    if again.size:
        rows = np.sort(order[again + 1])
        raise DataError(
            f"one member has two rows at the same occasion: {describe_rows(rows.tolist())}; keep one of each."
        )


def check_fixed_rank(gram: Array, labels: tuple[str, ...]) -> None:
    """Refuse a design whose columns are linearly dependent, naming the first column that others determine.

    Parameters
    ----------
    gram : (p, p) array
        X'X.
    labels : tuple of str
        Names of the columns.

    Raises
    ------
    DesignError
        Naming the term and the terms that determine it.
    """
    norms = np.sqrt(np.diag(gram))
    empty = np.flatnonzero(norms == 0)
    if empty.size:
        raise DesignError(f"the fixed effect {labels[empty[0]]} is zero on every row, so it cannot be estimated.")
    scaled = gram / np.outer(norms, norms)
    # No column is closer to the others than the smallest eigenvalue says.
    if np.linalg.eigvalsh(scaled)[0] > RANK_TOLERANCE**2 * 1e4:
        return
    for j in range(1, len(gram)):
        coefficients = np.linalg.lstsq(scaled[:j, :j], scaled[:j, j], rcond=None)[0]
        # The squared distance of column j from the span of those before it.
        distance = scaled[j, j] - scaled[:j, j] @ coefficients
        if distance > RANK_TOLERANCE**2 * 1e4:
            continue
        others = [labels[k] for k in range(j) if abs(coefficients[k]) > 1e-6]
        raise DesignError(
            f"the fixed effect {labels[j]} cannot be told apart from {', '.join(others)}: "
            "its column is, as far as numbers of this size can tell, a linear combination of theirs. Leave one of them "
            "out, or subtract its mean where that is large beside its spread."
        )
