"""Design columns kept in little memory: each is a column of values on the rows of some roles, and zero elsewhere.

A role-wise design repeats every variable once per role and is half empty, and its random-effects columns repeat
fixed-effects ones. Here each variable is held once, and rows of the design are formed when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reldyn._records import brief
from reldyn._types import Array, Ints

# Rows formed at once: small enough for the processor's cache.
ROWS = 2**13


@brief
@dataclass(frozen=True)
class RoleColumns:
    """A design whose columns are columns of `base` on the rows of some groups.

    Attributes
    ----------
    base : (n, k) array
        Values of each variable.
    source : (c,) int array
        Column of `base` behind each column of the design.
    group : (n,) int array
        Group of each row, for example its role.
    used : (groups, c) array
        1 where a column takes its values in a group, 0 where it is zero.
    transform : (c, e) array, optional
        Turns these columns into combinations of them.
    """

    base: Array
    source: Ints
    group: NDArray[Any]
    used: Array
    transform: Array | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        columns = len(self.source) if self.transform is None else self.transform.shape[1]
        return len(self.base), columns

    def __len__(self) -> int:
        return len(self.base)

    def __getitem__(self, rows: Any) -> RoleColumns:
        """The same columns on some rows."""
        return replace(self, base=self.base[rows], group=self.group[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        values = self.base[:, self.source]
        values *= self.used[self.group]
        if self.transform is not None:
            values = values @ self.transform
        return values if dtype is None else values.astype(dtype, copy=False)

    def pick(self, rows: Ints, columns: Ints) -> Array:
        """Values of some columns on some rows."""
        if self.transform is not None:
            return np.asarray(self[rows])[:, columns]
        values: Array = self.base[rows[:, None], self.source[columns]]
        used, group = self.used[:, columns], self.group[rows]
        if not np.asarray(used.all(axis=1))[group].all():
            values *= used[group]
        return values

    def turned(self, transform: Array) -> RoleColumns:
        """Combinations of these columns."""
        return replace(self, transform=transform if self.transform is None else self.transform @ transform)


Design = Array | RoleColumns


def dense(design: Design) -> Array:
    """All values of a design."""
    return np.asarray(design, dtype=float)


def pick(design: Design, rows: Ints, columns: Ints) -> Array:
    """Values of some columns on some rows."""
    if isinstance(design, RoleColumns):
        return design.pick(rows, columns)
    return np.asarray(design[rows[:, None], columns])


def chunks(n: int) -> Iterator[slice]:
    """Stretches of rows that are formed at once."""
    return (slice(start, min(start + ROWS, n)) for start in range(0, n, ROWS))


def normal_equations(design: Design, y: Array) -> tuple[Array, Array]:
    """X'X and X'y."""
    if not isinstance(design, RoleColumns) or design.transform is not None:
        design = dense(design)
        return design.T @ design, design.T @ y
    source, used, k = design.source, design.used, design.base.shape[1]
    products = np.zeros((len(used), k + 1, k + 1))
    for part in chunks(len(design)):
        rows, group = np.column_stack([design.base[part], y[part]]), design.group[part]
        for code in range(len(used)):
            mine = rows[group == code]
            products[code] += mine.T @ mine
    information = (used[:, :, None] * used[:, None, :] * products[:, source[:, None], source]).sum(axis=0)
    return information, (used * products[:, source, k]).sum(axis=0)


def times(design: Design, coefficients: Array) -> Array:
    """Linear predictor of every row, X b."""
    if not isinstance(design, RoleColumns) or design.transform is not None:
        return dense(design) @ coefficients
    reads = (design.source[:, None] == np.arange(design.base.shape[1])).astype(float)
    of_group = (design.used * coefficients) @ reads
    found = np.empty(len(design))
    for part in chunks(len(design)):
        found[part] = np.einsum("nk,nk->n", design.base[part], of_group[design.group[part]])
    return found


def sizes(design: Design, member: Ints) -> tuple[Array, Array]:
    """Sum of squares of each column over each member's rows, and how many of these are not zero; (2, c) each."""
    if isinstance(design, RoleColumns) and design.transform is None:
        groups = len(design.used)
        squares, counts = _sizes(design.base, 2 * design.group.astype(np.int64) + member, 2 * groups)
        of_base = (item.reshape(groups, 2, -1)[:, :, design.source] for item in (squares, counts))
        squares, counts = ((design.used[:, None] * item).sum(axis=0) for item in of_base)
        return squares, counts
    return _sizes(design, member, 2)


def _sizes(design: Design, code: Ints, n_codes: int) -> tuple[Array, Array]:
    squares, counts = np.zeros((n_codes, design.shape[1])), np.zeros((n_codes, design.shape[1]))
    for part in chunks(len(design)):
        values = dense(design[part])
        mine = (np.arange(n_codes)[:, None] == code[part]).astype(float)
        squares += mine @ (values * values)
        counts += mine @ (values != 0)
    return squares, counts


def is_finite(design: Design) -> bool:
    """Whether no value is missing or infinite."""
    values = design.base if isinstance(design, RoleColumns) else design
    return bool(np.isfinite(values).all())
