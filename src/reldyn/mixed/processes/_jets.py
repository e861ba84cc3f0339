"""Matrices that carry their first and second derivatives along.

Let theta have r elements. A `Jet` holds stacks of (a, b) matrices: ``value`` (..., a, b), ``first`` (r, ..., a, b) and
``second`` (r, r, ..., a, b); the derivative axes lead, so that ordinary broadcasting does the rest. ``first`` and
``second`` are None where they were not asked for. Every operation is exact: product, inverse and log-determinant rules
of matrix calculus (Magnus and Neudecker, 1988), no finite differences.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Flags, Ints


@dataclass(frozen=True, slots=True)
class Jet:
    """A stack of matrices with derivatives up to an order of 0, 1 or 2.

    Attributes
    ----------
    value : array (..., a, b)
    first : array (r, ..., a, b) or None
    second : array (r, r, ..., a, b) or None
    """

    value: Array
    first: Array | None = None
    second: Array | None = None

    @property
    def order(self) -> int:
        """How many derivatives are carried."""
        if self.first is None:
            return 0
        return 1 if self.second is None else 2

    @property
    def transposed(self) -> Jet:
        """The transposed matrices."""
        return Jet(*(None if part is None else part.swapaxes(-1, -2) for part in self.parts()))  # type: ignore[arg-type]

    @property
    def diagonal(self) -> Jet:
        """The diagonals as columns (..., a, 1)."""
        return Jet(
            *(None if part is None else np.diagonal(part, axis1=-2, axis2=-1)[..., None] for part in self.parts())  # type: ignore[arg-type]
        )

    def parts(self) -> tuple[Array | None, Array | None, Array | None]:
        """Value, first and second derivatives."""
        return self.value, self.first, self.second

    def __add__(self, other: Jet) -> Jet:
        return Jet(
            self.value + other.value,
            None if self.first is None or other.first is None else _sum_stacks(self.first, other.first, 1),
            None if self.second is None or other.second is None else _sum_stacks(self.second, other.second, 2),
        )

    def __neg__(self) -> Jet:
        return Jet(*(None if part is None else -part for part in self.parts()))  # type: ignore[arg-type]

    def __matmul__(self, other: Jet) -> Jet:
        x, y = _aligned(self, other)
        value = x.value @ y.value
        if x.first is None or y.first is None:
            return Jet(value)
        first = x.first @ y.value + x.value @ y.first
        if x.second is None or y.second is None:
            return Jet(value, first)
        cross = x.first[:, None] @ y.first[None, :]
        second = x.second @ y.value + x.value @ y.second + cross + cross.swapaxes(0, 1)
        return Jet(value, first, second)

    def pick(self, index: Ints) -> Jet:
        """Matrices of a one-dimensional stack, by position."""
        return Jet(
            self.value[index],
            None if self.first is None else self.first[:, index],
            None if self.second is None else self.second[:, :, index],
        )

    def elements(self, index: Ints) -> Jet:
        """Gather elements by their position in the flattened stack; the result has the shape of `index`."""

        def gather(part: Array | None, leading: int) -> Array | None:
            if part is None:
                return None
            return np.take(part.reshape(part.shape[:leading] + (-1,)), index, axis=leading)

        return Jet(self.value.reshape(-1)[index], gather(self.first, 1), gather(self.second, 2))


def linear(basis: Array, theta: Array, order: int) -> Jet:
    """The matrix ``sum_k theta_k basis_k``: `basis` is (r, a, b)."""
    r = len(basis)
    return Jet(
        np.tensordot(theta, basis, axes=1),
        basis if order >= 1 else None,
        np.zeros((r, r, *basis.shape[1:])) if order >= 2 else None,
    )


def constant(value: Array, like: Jet) -> Jet:
    """A stack that does not depend on theta, with derivatives of the order carried by `like`."""
    r = 0 if like.first is None else len(like.first)
    return Jet(
        value,
        None if like.first is None else np.zeros((r, *value.shape)),
        None if like.second is None else np.zeros((r, r, *value.shape)),
    )


def hadamard(x: Jet, y: Jet) -> Jet:
    """The element-wise product."""
    x, y = _aligned(x, y)
    value = x.value * y.value
    if x.first is None or y.first is None:
        return Jet(value)
    first = x.first * y.value + x.value * y.first
    if x.second is None or y.second is None:
        return Jet(value, first)
    cross = x.first[:, None] * y.first[None, :]
    return Jet(value, first, x.second * y.value + x.value * y.second + cross + cross.swapaxes(0, 1))


def where(mask: Flags, x: Jet, y: Jet) -> Jet:
    """Choose between two stacks of the same shape, matrix by matrix."""
    chosen = mask[:, None, None]
    return Jet(
        np.where(chosen, x.value, y.value),
        None if x.first is None or y.first is None else np.where(chosen, x.first, y.first),
        None if x.second is None or y.second is None else np.where(chosen, x.second, y.second),
    )


def stack(x: Jet, y: Jet) -> Jet:
    """Put one stack of matrices behind another."""
    return Jet(
        np.concatenate([x.value, y.value]),
        None if x.first is None or y.first is None else np.concatenate([x.first, y.first], axis=1),
        None if x.second is None or y.second is None else np.concatenate([x.second, y.second], axis=2),
    )


def block(rows: tuple[tuple[Jet, Jet], tuple[Jet, Jet]]) -> Jet:
    """Join four stacks into one stack of 2 x 2 block matrices."""
    (a, b), (c, d) = rows
    joined = []
    for parts in zip(a.parts(), b.parts(), c.parts(), d.parts(), strict=True):
        present = [part for part in parts if part is not None]
        joined.append(np.block([present[:2], present[2:]]) if len(present) == 4 else None)
    return Jet(*joined)  # type: ignore[arg-type]


def inverse_and_log_det(x: Jet) -> tuple[Jet, Jet]:
    """Inverse and log-determinant of symmetric positive definite matrices.

    Returns
    -------
    inverse : Jet (..., a, a)
    log_det : Jet of scalars, (...)
        Infinite, with an inverse of NaN, for the whole stack if any matrix of it is not positive definite.
    """
    try:
        factor = np.linalg.cholesky(x.value)
    except np.linalg.LinAlgError:
        return _infeasible(x)
    log_det = 2.0 * np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(-1)
    k = np.linalg.inv(x.value)
    k = 0.5 * (k + k.swapaxes(-1, -2))
    if x.first is None:
        return Jet(k), Jet(log_det)
    kx = k @ x.first
    first = -(kx @ k)
    d_log_det = np.trace(kx, axis1=-2, axis2=-1)
    if x.second is None:
        return Jet(k, first), Jet(log_det, d_log_det)
    kxx = k @ x.second
    cross = -(kx[:, None] @ first[None, :])
    second = -(kxx @ k) + cross + cross.swapaxes(0, 1)
    d2_log_det = np.trace(kxx, axis1=-2, axis2=-1) - np.einsum("k...ab,l...ba->kl...", kx, kx)
    return Jet(k, first, second), Jet(log_det, d_log_det, d2_log_det)


def _infeasible(x: Jet) -> tuple[Jet, Jet]:
    def filled(value: float, drop: int) -> Jet:
        return Jet(
            *(
                None if part is None else np.full(part.shape[: part.ndim - drop], value if i == 0 else np.nan)
                for i, part in enumerate(x.parts())
            )  # type: ignore[arg-type]
        )

    return filled(np.nan, 0), filled(np.inf, 2)


def _sum_stacks(x: Array, y: Array, leading: int) -> Array:
    depth = max(x.ndim, y.ndim)
    return _pad(x, leading, depth) + _pad(y, leading, depth)


def _pad(part: Array, leading: int, depth: int) -> Array:
    """Insert stack axes of length one behind the derivative axes."""
    return part.reshape(part.shape[:leading] + (1,) * (depth - part.ndim) + part.shape[leading:])


def _aligned(x: Jet, y: Jet) -> tuple[Jet, Jet]:
    """Give both stacks the same number of axes, so that derivative axes never meet stack axes."""
    depth = max(x.value.ndim, y.value.ndim)
    return _deepened(x, depth), _deepened(y, depth)


def _deepened(x: Jet, depth: int) -> Jet:
    if x.value.ndim == depth:
        return x
    return Jet(
        _pad(x.value, 0, depth),
        None if x.first is None else _pad(x.first, 1, depth + 1),
        None if x.second is None else _pad(x.second, 2, depth + 2),
    )
