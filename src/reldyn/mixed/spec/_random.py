"""Structure of the random effects' covariance matrix G: its free parameters and how they fill it.

G is held in *internal* columns, in which it is block-diagonal; a fixed transform leads back to the reported terms.
For exchangeable members the internal columns are sums and differences of the two members' terms, whose blocks
decouple, so that G is positive semidefinite if and only if both are (Griffin and Gonzalez, 1995, for the idea of
the two blocks).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reldyn._records import brief
from reldyn._types import Array, Ints
from reldyn.errors import DesignError, check_option
from reldyn.mixed.spec._columns import Design, RoleColumns
from reldyn.mixed.spec._options import Covariance


@brief
@dataclass(frozen=True)
class Block:
    """A free symmetric matrix and the sets of internal columns it describes (more than one: tied copies)."""

    copies: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """Number of rows of the free matrix."""
        return len(self.copies[0])

    @property
    def n_parameters(self) -> int:
        """Number of variances and covariances."""
        return self.size * (self.size + 1) // 2


@brief
@dataclass(frozen=True)
class RandomStructure:
    """The blocks of G and the transform from internal columns to reported terms.

    Attributes
    ----------
    labels : tuple of str
        The q reported terms, which are the columns of ``Problem.Z``.
    blocks : tuple of Block
        Over the internal columns.
    transform : (q, q) array
        Internal design = Z @ transform; reported effects = transform @ internal effects.
    """

    labels: tuple[str, ...]
    blocks: tuple[Block, ...]
    transform: Array

    @property
    def q(self) -> int:
        """Number of random effects per dyad."""
        return len(self.labels)

    @property
    def n_parameters(self) -> int:
        """Number of free variances and covariances."""
        return sum(block.n_parameters for block in self.blocks)

    @cached_property
    def basis(self) -> Array:
        """(n_parameters, q, q): derivative of internal G with respect to each free parameter."""
        basis = np.zeros((self.n_parameters, self.q, self.q))
        k = 0
        for block in self.blocks:
            for a in range(block.size):
                for b in range(a + 1):
                    for copy in block.copies:
                        basis[k, copy[a], copy[b]] = basis[k, copy[b], copy[a]] = 1.0
                    k += 1
        return basis

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Name of each free parameter, in internal terms."""
        internal = self.internal_labels
        names = []
        for block in self.blocks:
            copy = block.copies[0]
            for a in range(block.size):
                for b in range(a + 1):
                    pair = f"{internal[copy[a]]}" if a == b else f"{internal[copy[b]]}, {internal[copy[a]]}"
                    names.append(f"{'var' if a == b else 'cov'}({pair})")
        return tuple(names)

    @cached_property
    def internal_labels(self) -> tuple[str, ...]:
        """Label of each internal column: the term itself, or the sum or difference of two."""
        labels = []
        for column in self.transform.T:
            parts = np.flatnonzero(column)
            sign = " - " if column[parts].min() < 0 else " + "
            labels.append(sign.join(self.labels[j] for j in parts))
        return tuple(labels)

    def internal_design(self, Z: Design) -> Design:
        """Columns of Z in internal terms; Z itself where they are the reported ones."""
        if np.array_equal(self.transform, np.eye(self.q)):
            return Z
        return Z.turned(self.transform) if isinstance(Z, RoleColumns) else Z @ self.transform

    def parameters(self, G: Array) -> Array:
        """Free parameters of an internal G (tied copies are averaged)."""
        values = []
        for block in self.blocks:
            parts = [G[np.ix_(copy, copy)] for copy in block.copies]
            mean = parts[0] if len(parts) == 1 else np.mean(parts, axis=0)
            values.append(mean[np.tril_indices(block.size)])
        return np.concatenate(values) if values else np.zeros(0)

    def matrix(self, parameters: Array) -> Array:
        """Internal G from its free parameters."""
        return np.tensordot(parameters, self.basis, axes=1) if self.q else np.zeros((0, 0))

    def to_reported(self, G: Array) -> Array:
        """Covariance matrix of the reported terms."""
        return self.transform @ G @ self.transform.T

    def to_internal(self, G: Array) -> Array:
        """Internal G from the covariance matrix of the reported terms."""
        inverse = np.linalg.inv(self.transform) if self.q else self.transform
        return inverse @ G @ inverse.T


def random_structure(
    labels: Sequence[str],
    covariance: Covariance = "full",
    *,
    terms: Sequence[int] | None = None,
    swap: Sequence[int] | None = None,
    strata: Sequence[int] | None = None,
) -> RandomStructure:
    """Lay out G for the columns of Z.

    Parameters
    ----------
    labels : sequence of str
        One per column of Z.
    covariance : {"full", "diagonal", "block"}, default "full"
        ``"block"`` keeps covariances between columns of one term only.
    terms : sequence of int, optional
        Term of each column (the two members' columns of one term carry one code); None: each column its own.
    swap : sequence of int, optional
        For exchangeable members, the column that each column becomes when the members swap places (itself when it is
        common to both). None: members are distinguishable.
    strata : sequence of int, optional
        Columns of different strata (compositions, which share no dyad) never covary.

    Returns
    -------
    RandomStructure

    Raises
    ------
    DesignError
        If `covariance` is not known or `swap` is not its own inverse.

    Examples
    --------
    >>> structure = random_structure(("intercept 0", "intercept 1"), swap=(1, 0))
    >>> structure.internal_labels, structure.n_parameters
    (('intercept 0 + intercept 1', 'intercept 0 - intercept 1'), 2)
    """
    check_option(covariance, ("full", "diagonal", "block"), "covariance")
    q = len(labels)
    term = np.arange(q) if terms is None else np.asarray(terms, dtype=np.int64)
    mirror = np.arange(q) if swap is None else np.asarray(swap, dtype=np.int64)
    part = np.zeros(q, dtype=np.int64) if strata is None else np.asarray(strata, dtype=np.int64)
    if q and not np.array_equal(mirror[mirror], np.arange(q)):
        raise DesignError("swap must pair columns: swapping twice has to lead back to the same column.")
    if covariance == "diagonal":
        pairs = [(j, int(mirror[j])) for j in range(q) if j <= mirror[j]]
        copies = [((a,),) if a == b else ((a,), (b,)) for a, b in pairs]
        return RandomStructure(tuple(labels), tuple(Block(item) for item in copies), np.eye(q))
    transform = _sum_difference(mirror)
    difference = mirror < np.arange(q)
    key = np.zeros(q, dtype=np.int64) if covariance == "full" else np.minimum(term, term[mirror])
    groups: dict[tuple[int, int, bool], list[int]] = {}
    for j in range(q):
        groups.setdefault((int(part[j]), int(key[j]), bool(difference[j])), []).append(j)
    blocks = tuple(Block((tuple(columns),)) for columns in groups.values())
    return RandomStructure(tuple(labels), blocks, transform)


def _sum_difference(mirror: Ints) -> Array:
    """Column j of a pair becomes the sum, its mirror the difference; columns common to both stay."""
    transform = np.eye(len(mirror))
    for j, k in enumerate(mirror):
        if j < k:
            transform[[j, k], j] = 1.0
            transform[j, k], transform[k, k] = 1.0, -1.0
    return transform


def pivoted_root(matrix: Array, tolerance: float = 1e-13) -> tuple[Array, Ints]:
    """Lower-triangular root of a positive semidefinite matrix, null directions last.

    Parameters
    ----------
    matrix : (k, k) array
        Positive semidefinite, its rows on comparable scales.
    tolerance : float
        Pivots below this share of the largest one count as zero.

    Returns
    -------
    root : (k, k) array
        Rows in the order of `order`; ``root @ root.T == matrix[order][:, order]``.
    order : (k,) int array
    """
    from scipy.linalg.lapack import dpstrf

    k = len(matrix)
    if not k:
        return np.zeros((0, 0)), np.arange(0)
    root, order, rank, _ = dpstrf(matrix, tol=tolerance * float(np.diag(matrix).max()), lower=1)
    root = np.tril(root)
    root[rank:, rank:] = 0.0
    return root, order.astype(np.int64) - 1
