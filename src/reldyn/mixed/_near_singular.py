"""Random effects that are correlated almost perfectly: no error, but nothing to interpret without a word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from reldyn._types import Array
from reldyn.mixed.spec._columns import sizes

if TYPE_CHECKING:
    from reldyn.mixed.spec._problem import Problem

__all__ = ["column_sizes", "near_singular_notes", "typical_size"]

# Correlations beyond this are reported as near-singular.
_NEAR = 0.98
# Share of the largest variance below which an effect counts as having none.
_SHUT = 1e-9
_SHOWN = 5


def column_sizes(problem: Problem) -> Array:
    """Root mean square of each random-effect column over the rows on which it acts.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    (q,) array

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from reldyn.mixed import RoleColumns
    >>> member = np.array([0, 1, 0, 1])
    >>> Z = RoleColumns(np.array([[3.0], [1.0], [3.0], [1.0]]), np.array([0]), member, np.ones((2, 1)))
    >>> column_sizes(SimpleNamespace(Z=Z, member=member)).round(3).tolist()
    [2.236]
    """
    return typical_size(*sizes(problem.Z, problem.member))


def typical_size(squares: Array, counts: Array) -> Array:
    """Root mean square of columns from sums of squares and counts per member, (2, q) each."""
    return np.asarray(np.sqrt(squares.sum(axis=0) / np.maximum(counts.sum(axis=0), 1)))


def near_singular_notes(labels: Sequence[str], G: Array, size: Array | None = None) -> tuple[str, ...]:
    """Name the pairs of random effects that are correlated beyond what data can tell from a perfect correlation.

    Parameters
    ----------
    labels : sequence of str
        Of the reported random effects.
    G : (q, q) array
        Their covariance.
    size : (q,) array, optional
        Typical size of the columns that they multiply: what has no variance is judged on comparable scales. None: 1.

    Returns
    -------
    tuple of str
        One note, or none.

    Examples
    --------
    >>> near_singular_notes(("level, f", "level, m"), np.array([[1.0, -0.99], [-0.99, 1.0]]))[0][:81]
    "Random effects are correlated beyond .98 (near-singular): 'level, f' and 'level, "
    """
    variance = np.diag(G)
    share = variance * (1.0 if size is None else size**2)
    # An effect without variance has no correlation; its note is that of the boundary.
    held = share > _SHUT * max(float(share.max(initial=0.0)), np.finfo(float).tiny)
    pairs = [
        (i, j)
        for i in range(len(G))
        for j in range(i + 1, len(G))
        if held[i] and held[j] and abs(G[i, j]) > _NEAR * np.sqrt(variance[i] * variance[j])
    ]
    if not pairs:
        return ()
    named = [f"{labels[i]!r} and {labels[j]!r} ({'+' if G[i, j] > 0 else '-'})" for i, j in pairs[:_SHOWN]]
    more = f" and {len(pairs) - _SHOWN} more pairs" if len(pairs) > _SHOWN else ""
    return (
        f"Random effects are correlated beyond .98 (near-singular): {'; '.join(named)}{more}. The data hardly tell "
        "them apart: leave one out, or use covariance='block' or 'diagonal', before reading their variances.",
    )
