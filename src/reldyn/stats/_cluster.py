"""Units that belong together: codes of labels, sums and means within clusters, and the sandwich over clusters."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np

from reldyn._types import Array, Ints
from reldyn.errors import DataError, describe_rows

__all__ = ["cluster_codes", "cluster_covariance", "cluster_means", "cluster_sums"]


def cluster_codes(labels: Iterable[Hashable]) -> Ints:
    """Number clusters in the order in which their labels first appear.

    Parameters
    ----------
    labels : iterable of hashable
        One label per row, of any types.

    Returns
    -------
    (n,) int array
        Codes from 0.

    Raises
    ------
    DataError
        A label is missing (None or NaN): the row would belong to no cluster.

    Examples
    --------
    >>> cluster_codes(["b", "a", "b"]).tolist()
    [0, 1, 0]
    """
    rows = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
    missing = [row for row, label in enumerate(rows) if label is None or label != label]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(rows)} cluster labels are missing ({describe_rows(missing)}): "
            "label these rows, or leave them out."
        )
    codes: dict[Hashable, int] = {}
    return np.array([codes.setdefault(label, len(codes)) for label in rows], dtype=np.int64)


def cluster_sums(values: Array, codes: Ints) -> Array:
    """Sum rows within clusters.

    Parameters
    ----------
    values : (n,) or (n, k) array
        Without missing values.
    codes : (n,) int array
        Cluster of each row, from 0.

    Returns
    -------
    (n_clusters,) or (n_clusters, k) array
        Zero for a code without rows.

    Examples
    --------
    >>> cluster_sums(np.array([1.0, 2.0, 3.0]), np.array([0, 1, 0])).tolist()
    [4.0, 2.0]
    """
    if values.ndim == 1:
        return np.asarray(np.bincount(codes, weights=values), dtype=float)
    n_clusters = int(codes.max()) + 1 if len(codes) else 0
    sums = np.zeros((n_clusters, *values.shape[1:]))
    np.add.at(sums, codes, values)
    return sums


def cluster_means(values: Array, codes: Ints) -> Array:
    """Mean of the finite values within clusters.

    Parameters
    ----------
    values : (n,) or (n, k) array
        NaN where missing.
    codes : (n,) int array
        Cluster of each row, from 0.

    Returns
    -------
    (n_clusters,) or (n_clusters, k) array
        NaN for a cluster without a finite value.

    Examples
    --------
    >>> cluster_means(np.array([1.0, np.nan, 3.0]), np.array([0, 1, 0])).tolist()
    [2.0, nan]
    """
    finite = np.isfinite(values)
    if values.ndim == 1 and finite.all():
        count: Array = np.bincount(codes).astype(float)
        total = cluster_sums(values, codes)
    else:
        count = cluster_sums(finite.astype(float), codes)
        total = cluster_sums(np.where(finite, values, 0.0), codes)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def cluster_covariance(bread: Array, scores: Array, codes: Ints, factor: float | None = None) -> Array:
    """Sandwich covariance of coefficients whose scores are independent between clusters only.

    Parameters
    ----------
    bread : (k, k) array
        Inverse of the information, as ``(X'X)^-1`` in least squares.
    scores : (n, k) array
        Each row's contribution to the estimating equations, as ``X * residuals``.
    codes : (n,) int array
        Cluster of each row, from 0.
    factor : float, optional
        Correction for few clusters. None: G / (G - 1) with G clusters.

    Returns
    -------
    (k, k) array
        NaN with fewer than two clusters.

    References
    ----------
    Liang and Zeger (1986), Biometrika 73, 13-22.

    Examples
    --------
    The squared standard error of a mean of independent values is their variance over n.

    >>> y = np.array([1.0, 2.0, 3.0, 6.0])
    >>> found = cluster_covariance(np.array([[0.25]]), (y - 3.0)[:, None], np.arange(4))
    >>> bool(np.isclose(found[0, 0], y.var(ddof=1) / 4))
    True
    """
    sums = cluster_sums(scores, np.unique(codes, return_inverse=True)[1].astype(np.int64))
    n_clusters = len(sums)
    if n_clusters < 2:
        return np.full(bread.shape, np.nan)
    scale = n_clusters / (n_clusters - 1) if factor is None else factor
    return np.asarray(scale * bread @ (sums.T @ sums) @ bread.T)
