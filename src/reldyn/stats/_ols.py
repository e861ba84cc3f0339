"""Ordinary least squares that refuses what it cannot identify, and the covariances that may go with it.

One fit (by QR on columns of length one, so that nothing depends on units) and thin functions of it: `classical`, `hc3`,
`newey_west`, `clustered`. Batches of thousands of series with one design, and designs with a ridge, are not for here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reldyn._types import Array, Flags, Ints
from reldyn.errors import DesignError
from reldyn.stats._cluster import cluster_covariance

__all__ = ["LeastSquares", "classical", "clustered", "hc3", "indicators", "least_squares", "newey_west"]

# Share of a column's length beyond the span of the columns before it, below which it counts as within it.
_DEPENDENT = 1e-9
# Share of the outcome's variation left over below which the fit is exact, up to rounding.
_EXACT = 1e-20
_LEVEL_ROUNDING = 1e-28


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class LeastSquares:
    """A least-squares fit of n rows, k columns and one or m outcomes.

    Attributes
    ----------
    beta : (k,) or (k, m) array
        NaN where the fit is refused.
    design : (n, k) array
        Of the rows used.
    residuals : (n,) or (n, m) array
    rss : float or (m,) array
        Residual sums of squares.
    root : (k, k) array
        ``root @ root.T`` is ``(X'X)^-1``; better conditioned than that.
    basis : (n, k) array
        Orthonormal columns that span the design.
    used : (N,) bool array
        Which of the rows given were complete.
    exact : bool
        Whether any outcome is determined without error, up to rounding: its standard errors mean nothing then.
    reason : str
        Why there is no fit; empty where there is one.
    """

    beta: Array
    design: Array
    residuals: Array
    rss: float | Array
    root: Array
    basis: Array
    used: Flags
    exact: bool
    reason: str = ""

    @property
    def n(self) -> int:
        """Rows used."""
        return len(self.design)

    @property
    def df(self) -> int:
        """Rows less columns."""
        return len(self.design) - len(self.beta)

    @property
    def unscaled(self) -> Array:
        """``(X'X)^-1``, (k, k)."""
        return np.asarray(self.root @ self.root.T)

    @property
    def variance(self) -> float | Array:
        """Residual variance on n - k degrees of freedom; NaN where there are none."""
        return self.rss / self.df if self.df > 0 else self.rss * np.nan

    @property
    def leverage(self) -> Array:
        """Diagonal of the projection on the design, (n,)."""
        return np.asarray((self.basis**2).sum(axis=1))

    @property
    def std_error(self) -> Array:
        """Classical standard errors, the shape of ``beta``."""
        size = np.sqrt((self.root**2).sum(axis=1))
        return np.asarray(np.multiply.outer(size, np.sqrt(self.variance)))


def least_squares(
    design: Array, outcome: Array, *, fewest: int = 1, names: Sequence[str] | None = None
) -> LeastSquares:
    """Fit by least squares on the rows without a missing value.

    Parameters
    ----------
    design : (n, k) array
        The constant included, where there is to be one.
    outcome : (n,) or (n, m) array
    fewest : int, default 1
        Rows needed beyond the number of columns: 1 leaves a residual variance to estimate.
    names : sequence of str, optional
        Of the columns, for the reason of a refusal. None: "column 1" and so on.

    Returns
    -------
    LeastSquares
        With NaN coefficients and a ``reason`` where rows are too few or a column is zero throughout or determined by
        those before it.

    Raises
    ------
    DesignError
        Shapes do not fit.

    Examples
    --------
    >>> fit = least_squares(np.column_stack([np.ones(4), np.arange(4.0)]), np.array([1.0, 3.0, 5.0, 8.0]))
    >>> fit.beta.round(6).tolist(), fit.df
    ([0.8, 2.3], 2)
    >>> least_squares(np.ones((4, 2)), np.arange(4.0)).reason
    'column 2 is determined by the columns before it'
    """
    X, y = np.asarray(design, dtype=float), np.asarray(outcome, dtype=float)
    if X.ndim != 2 or y.ndim not in (1, 2) or len(X) != len(y):
        raise DesignError(f"a design of shape {X.shape} and an outcome of shape {y.shape}: give one row for each.")
    used = np.isfinite(X).all(axis=1) & np.isfinite(y if y.ndim == 2 else y[:, None]).all(axis=1)
    X, y = X[used], y[used]
    k = X.shape[1]
    if len(X) < k + fewest:
        return _refused(X, y, used, f"{len(X)} complete rows, at least {k + fewest} are needed")
    # Over the largest value first: squares of very large or very small numbers leave the range.
    size = np.abs(X).max(axis=0)
    length = size * np.sqrt(((X / np.where(size > 0, size, 1.0)) ** 2).sum(axis=0))
    reason = "" if (length > 0).all() else f"{_name(int(np.argmin(length > 0)), names)} is zero throughout"
    if reason:
        return _refused(X, y, used, reason)
    basis, triangle = np.linalg.qr(X / length)
    beyond = np.abs(np.diag(triangle)) > _DEPENDENT
    if not beyond.all():
        name = _name(int(np.argmin(beyond)), names)
        return _refused(X, y, used, f"{name} is determined by the columns before it")
    inverse = np.linalg.inv(triangle)
    along = basis.T @ y
    scale = length if y.ndim == 1 else length[:, None]
    residuals = y - basis @ along
    rss = (residuals**2).sum(axis=0)
    spread = ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    # What is left of a constant outcome is rounding of its level.
    exact = bool(np.any(rss <= np.maximum(_EXACT * spread, _LEVEL_ROUNDING * (y**2).sum(axis=0))))
    return LeastSquares(
        beta=np.asarray(inverse @ along / scale),
        design=X,
        residuals=residuals,
        rss=float(rss) if y.ndim == 1 else np.asarray(rss),
        root=np.asarray(inverse / length[:, None]),
        basis=basis,
        used=used,
        exact=exact,
    )


def _name(column: int, names: Sequence[str] | None) -> str:
    return f"column {column + 1}" if names is None else str(names[column])


def _refused(X: Array, y: Array, used: Flags, reason: str) -> LeastSquares:
    n, k = X.shape
    rss = float("nan") if y.ndim == 1 else np.full(y.shape[1], np.nan)
    return LeastSquares(
        beta=np.full((k, *y.shape[1:]), np.nan),
        design=X,
        residuals=np.full(y.shape, np.nan),
        rss=rss,
        root=np.full((k, k), np.nan),
        basis=np.full((n, k), np.nan),
        used=used,
        exact=False,
        reason=reason,
    )


def indicators(codes: Array | Ints, levels: Array | Ints | None = None) -> Array:
    """Columns of a design for a categorical regressor, as the time of day: one for every level but the first.

    Parameters
    ----------
    codes : (n,) array
    levels : (k,) array, optional
        Ascending. None: the values that occur.

    Returns
    -------
    (n, k - 1) array
        1 where the row has the level, else 0.

    Examples
    --------
    >>> indicators(np.array([3, 1, 2, 1])).tolist()
    [[0.0, 1.0], [0.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
    """
    known: NDArray[Any] = np.unique(codes) if levels is None else np.asarray(levels)
    return np.asarray(np.asarray(codes)[:, None] == known[None, 1:], dtype=float)


def classical(fit: LeastSquares) -> Array:
    """Covariance of the coefficients where errors are independent and of equal variance.

    Parameters
    ----------
    fit : LeastSquares
        Of one outcome.

    Returns
    -------
    (k, k) array
        NaN where the fit was refused.

    Examples
    --------
    >>> fit = least_squares(np.ones((4, 1)), np.array([1.0, 2.0, 3.0, 6.0]))
    >>> round(float(classical(fit)[0, 0]), 6)
    1.166667
    """
    _one_outcome(fit)
    return np.asarray(fit.unscaled * fit.variance)


def hc3(fit: LeastSquares) -> Array:
    """Covariance that allows for unequal variances: each residual over one minus its leverage.

    Parameters
    ----------
    fit : LeastSquares
        Of one outcome.

    Returns
    -------
    (k, k) array
        NaN where one row alone determines a coefficient: nothing is then known about its error.

    References
    ----------
    MacKinnon and White (1985), Journal of Econometrics 29, 305-325. Preferred with few rows: Long and Ervin (2000),
    The American Statistician 54, 217-224.

    Examples
    --------
    >>> fit = least_squares(np.ones((4, 1)), np.array([1.0, 2.0, 3.0, 6.0]))
    >>> round(float(hc3(fit)[0, 0]), 6)
    1.555556
    """
    _one_outcome(fit)
    free = 1 - fit.leverage
    if (free <= 1e-10).any():
        return np.full((len(fit.beta), len(fit.beta)), np.nan)
    scores = fit.basis * (fit.residuals / free)[:, None]
    return _around(fit, scores.T @ scores)


def newey_west(fit: LeastSquares, n_lags: int | None = None) -> Array:
    """Covariance that allows for unequal variances and for errors that depend on those of neighbouring rows.

    Parameters
    ----------
    fit : LeastSquares
        Of one outcome; its rows in the order of time.
    n_lags : int, optional
        Rows up to which errors may depend on each other, with weights that fall linearly (Bartlett). None: the whole
        part of n ** (1 / 4), which grows as slowly as the theory asks for.

    Returns
    -------
    (k, k) array
        Multiplied by n / (n - k), as in statsmodels with its correction.

    References
    ----------
    Newey and West (1987), Econometrica 55, 703-708.

    Examples
    --------
    >>> fit = least_squares(np.ones((4, 1)), np.array([1.0, 2.0, 3.0, 6.0]))
    >>> round(float(newey_west(fit, 0)[0, 0]), 6)
    1.166667
    """
    _one_outcome(fit)
    n, k = fit.n, len(fit.beta)
    lags = int(n**0.25) if n_lags is None else n_lags
    if lags < 0 or lags >= max(n, 1):
        raise DesignError(f"n_lags={n_lags!r} with {n} rows: give a whole number from 0 to {n - 1}.")
    if fit.reason or fit.df < 1:
        return np.full((k, k), np.nan)
    from statsmodels.stats.sandwich_covariance import S_hac_simple

    return _around(fit, S_hac_simple(fit.basis * fit.residuals[:, None], nlags=lags)) * n / fit.df


def clustered(fit: LeastSquares, codes: Ints) -> Array:
    """Covariance that allows for any dependence within clusters (CR1).

    Parameters
    ----------
    fit : LeastSquares
        Of one outcome.
    codes : (n,) int array
        Cluster of each row used.

    Returns
    -------
    (k, k) array
        Multiplied by G / (G - 1) * (n - 1) / (n - k), as in Stata and statsmodels; NaN with a single cluster. With few
        clusters it is too small: test on G - 1 degrees of freedom, and prefer CR2 where there are fewer than about 40.

    References
    ----------
    Liang and Zeger (1986), Biometrika 73, 13-22.

    Examples
    --------
    >>> fit = least_squares(np.ones((4, 1)), np.array([1.0, 2.0, 3.0, 6.0]))
    >>> round(float(clustered(fit, np.array([0, 0, 1, 1]))[0, 0]), 6)
    2.25
    """
    _one_outcome(fit)
    if len(codes) != fit.n:
        raise DesignError(f"{fit.n} rows were used and {len(codes)} cluster codes given: index them by `used`.")
    if fit.reason or fit.df < 1:
        return np.full((len(fit.beta), len(fit.beta)), np.nan)
    n_clusters = len(np.unique(codes))
    factor = n_clusters / max(n_clusters - 1, 1) * (fit.n - 1) / fit.df
    # On the orthonormal basis the bread is the identity; `root` takes it back to the coefficients.
    inner = cluster_covariance(np.eye(len(fit.beta)), fit.basis * fit.residuals[:, None], codes, factor)
    return _around(fit, inner)


def _around(fit: LeastSquares, inner: Array) -> Array:
    return np.asarray(fit.root @ inner @ fit.root.T)


def _one_outcome(fit: LeastSquares) -> None:
    if fit.beta.ndim != 1:
        raise DesignError("a covariance of coefficients belongs to one outcome: fit each outcome by itself.")
