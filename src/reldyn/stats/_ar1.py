"""First-order autoregressive errors by exact likelihood: unequal gaps, a design, and noise on top.

For a fixed autocorrelation the model is least squares on whitened columns, so that the restricted likelihood is a
curve in one number, and thousands of series with the same design are fitted at once: what a bootstrap needs. Gaps
count with their length: the correlation of two values is ``phi ** steps`` between them.

With noise on top (an autoregression seen through measurement error, or counts around a drifting mean) the same curve
comes from a scalar Kalman filter. Processes of several channels belong to the state space of `deviances`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reldyn._types import Array, Ints
from reldyn.errors import DesignError

__all__ = ["AR1_GRID", "AR1Design", "AR1Fit", "ar1_log_likelihood", "fit_ar1", "noisy_profile", "whiten"]

# Dense where the likelihood of a short series is sharp: near 1.
AR1_GRID = np.tanh(np.linspace(np.arctanh(-0.9), np.arctanh(0.995), 121))
_REFINEMENTS = 60
# Beyond so many steps nothing is left of any autocorrelation of the grid.
_FORGOTTEN = 1000
# 95 % point of chi-squared on 1 degree of freedom.
_CHI_SQUARED = 3.841459


def whiten(columns: Array, gap: Ints, phi: float) -> Array:
    """Turn columns whose errors are an autoregression into columns with independent errors of the same variance.

    Parameters
    ----------
    columns : (n, k) array
    gap : (n - 1,) int array
        Steps between neighbouring rows, at least 1.
    phi : float
        Autocorrelation at one step, between -1 and 1.

    Returns
    -------
    (n, k) array

    Examples
    --------
    >>> whiten(np.array([[1.0], [1.0]]), np.array([1]), 0.6).ravel().tolist()
    [1.0, 0.5]
    """
    carried = _carried(gap, phi)[:, None]
    white = columns.astype(float, copy=True)
    white[1:] = (columns[1:] - carried * columns[:-1]) / np.sqrt(1 - carried**2)
    return white


def _carried(gap: Ints, phi: float | Array) -> Array:
    return np.asarray(np.where(gap > _FORGOTTEN, 0.0, np.power(phi, np.minimum(gap, _FORGOTTEN))))


def ar1_log_likelihood(y: Array, step: Ints, phi: float, variance: float, noise: float = 0.0) -> float:
    """Exact log-likelihood of a stationary autoregression around 0, with independent noise on top.

    Parameters
    ----------
    y : (n,) array
    step : (n,) int array
        Strictly increasing.
    phi : float
        Autocorrelation of the process at one step.
    variance : float
        Of the process (not of its innovations).
    noise : float, default 0
        Variance of what is drawn anew at each value.

    Returns
    -------
    float

    Examples
    --------
    >>> round(ar1_log_likelihood(np.array([0.0, 0.0]), np.array([0, 1]), 0.6, 1.0), 6)
    -1.614734
    """
    gap = np.diff(step).astype(np.int64)
    values = np.asarray(y, dtype=float)[:, None]
    innovations, spread = _filtered(values, gap, np.array([phi]), np.array([noise / variance]))
    size = variance * spread[0]
    return float(-0.5 * (np.log(2 * np.pi * size) + innovations[0, :, 0] ** 2 / size).sum())


def _filtered(columns: Array, gap: Ints, phi: Array, ratio: Array) -> tuple[Array, Array]:
    """Innovations (grid, n, k) of all columns and their variances (grid, n), in units of the process's variance."""
    grid, (n, k) = len(phi), columns.shape
    ahead, spread = np.zeros((grid, k)), np.ones(grid)
    innovations, total = np.empty((grid, n, k)), np.empty((grid, n))
    for row in range(n):
        if row:
            carried = phi ** gap[row - 1]
            ahead, spread = carried[:, None] * ahead, carried**2 * spread + 1 - carried**2
        total[:, row] = spread + ratio
        innovations[:, row] = columns[row] - ahead
        ahead = ahead + (spread / total[:, row])[:, None] * innovations[:, row]
        spread = spread * ratio / total[:, row]
    return innovations, total


def noisy_profile(X: Array, Y: Array, gap: Ints, phi: Array, ratio: Array) -> tuple[Array, Array]:
    """Restricted log-likelihood of each autocorrelation, with noise on top of the process.

    Parameters
    ----------
    X : (n, p) array
        Of full column rank.
    Y : (n, m) array
        One series per column.
    gap : (n - 1,) int array
        Steps between neighbouring rows, at least 1.
    phi : (grid,) array
        Autocorrelations of the process at one step.
    ratio : (grid,) array
        Variance of the noise over that of the process, at each autocorrelation.

    Returns
    -------
    log_likelihood, variance : (grid, m) arrays
        Up to a constant; and the variance of the process at its maximum.

    Examples
    --------
    >>> X, y = np.ones((4, 1)), np.array([[1.0], [2.0], [4.0], [3.0]])
    >>> _, variance = noisy_profile(X, y, np.ones(3, dtype=int), np.zeros(1), np.zeros(1))
    >>> round(float(variance[0, 0]), 6)
    1.666667
    """
    n, p = X.shape
    innovations, total = _filtered(np.column_stack([X, Y]), gap, phi, ratio)
    white = innovations / np.sqrt(total)[:, :, None]
    log_det = np.zeros(len(phi))
    for row in range(n):
        log_det += np.log(total[:, row])
    gram = white.transpose(0, 2, 1) @ white
    triangle = np.linalg.cholesky(gram[:, :p, :p])
    along = np.linalg.solve(triangle, gram[:, :p, p:])
    squares = np.maximum(_diagonal(gram)[:, p:] - (along**2).sum(axis=1), 1e-300)
    log_det += 2 * np.log(_diagonal(triangle)).sum(axis=1)
    return -0.5 * ((n - p) * np.log(squares) + log_det[:, None]), squares / (n - p)


def _diagonal(matrices: NDArray[Any]) -> Array:
    """Diagonals of many matrices."""
    return np.asarray(np.diagonal(matrices, axis1=1, axis2=2), dtype=float)


@dataclass(frozen=True)
class AR1Design:
    """A design of full column rank on the steps of one series.

    Attributes
    ----------
    X : (n, p) array
    step : (n,) int array
        Strictly increasing.
    """

    X: Array
    step: Ints

    def __post_init__(self) -> None:
        """Refuse a clock that stands still or goes back."""
        if len(self.step) != len(self.X) or (len(self.step) > 1 and (np.diff(self.step) < 1).any()):
            raise DesignError(f"{len(self.X)} rows need as many steps, each larger than the one before.")

    @cached_property
    def gap(self) -> Ints:
        """(n - 1,): steps between neighbouring rows."""
        return np.diff(self.step).astype(np.int64)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the design."""
        return self.X.shape[0], self.X.shape[1]

    @property
    def linked(self) -> int:
        """How many neighbours are one step apart."""
        return int((self.gap == 1).sum())

    def at(self, phi: float) -> tuple[Array, Array, float]:
        """Orthonormal basis (n, p), inverse triangle (p, p) and log-determinants of the whitened design.

        Parameters
        ----------
        phi : float

        Returns
        -------
        basis, inverse, log_det
        """
        basis, triangle = np.linalg.qr(whiten(self.X, self.gap, phi))
        inverse = np.linalg.inv(triangle)
        carried = _carried(self.gap, phi)
        log_det = float(np.log1p(-(carried**2)).sum()) + 2 * float(np.log(np.abs(np.diag(triangle))).sum())
        return basis, inverse, log_det

    @cached_property
    def grid(self) -> list[tuple[float, Array, Array, float]]:
        """Autocorrelation, and what `at` gives there, for every one of the grid."""
        carried = _carried(self.gap, AR1_GRID[:, None])
        white = np.tile(self.X, (len(AR1_GRID), 1, 1))
        white[:, 1:] = (self.X[1:] - carried[:, :, None] * self.X[:-1]) / np.sqrt(1 - carried**2)[:, :, None]
        basis, triangle = np.linalg.qr(white)
        log_det = np.log1p(-(carried**2)).sum(axis=1)
        log_det += 2 * np.log(np.abs(_diagonal(triangle))).sum(axis=1)
        return list(zip(AR1_GRID.tolist(), basis, np.linalg.inv(triangle), log_det.tolist(), strict=True))

    @cached_property
    def _along(self) -> Array:
        """(grid * p, n): what a series is multiplied by to lie along the whitened design."""
        rows = []
        for phi, basis, _, _ in self.grid:
            carried = _carried(self.gap, phi)[:, None]
            weighted = basis[1:] / np.sqrt(1 - carried**2)
            row = np.vstack([basis[:1], weighted])
            row[:-1] -= carried * weighted
            rows.append(row.T)
        return np.vstack(rows)

    def _squares(self, Y: Array) -> Array:
        """Sums of squares of whitened series, (grid, m), from those of neighbours at each distance."""
        total = np.tile((Y[0] ** 2)[None, :], (len(AR1_GRID), 1))
        for distance in np.unique(self.gap):
            later = np.flatnonzero(self.gap == distance) + 1
            now, before = Y[later], Y[later - 1]
            carried = _carried(np.full(len(AR1_GRID), distance), AR1_GRID)
            terms = np.column_stack([np.ones(len(AR1_GRID)), -2 * carried, carried**2]) / (1 - carried**2)[:, None]
            total += terms @ np.array([(now * now).sum(axis=0), (now * before).sum(axis=0), (before**2).sum(axis=0)])
        return total

    def profile(self, Y: Array) -> tuple[Array, Array]:
        """Restricted log-likelihood on the grid, up to a constant, and the residual sums of squares.

        Parameters
        ----------
        Y : (n, m) array
            One series per column.

        Returns
        -------
        log_likelihood, rss : (grid, m) arrays
        """
        n, p = self.shape
        # What lies along the design counts for nothing, and would cost digits.
        Y = Y - self.X @ np.linalg.lstsq(self.X, Y, rcond=None)[0]
        along = (self._along @ Y).reshape(len(AR1_GRID), p, -1)
        rss = np.maximum(self._squares(Y) - np.einsum("gpm,gpm->gm", along, along), 1e-300)
        log_det = np.array([row[3] for row in self.grid])
        return -0.5 * ((n - p) * np.log(rss) + log_det[:, None]), rss

    def many(self, Y: Array, contrasts: Array) -> tuple[Array, Array, Array]:
        """Fit many series: contrasts and their standard errors at each one's best autocorrelation of the grid.

        Parameters
        ----------
        Y : (n, m) array
        contrasts : (k, p) array

        Returns
        -------
        phi : (m,) array
        estimate, std_error : (m, k) arrays
        """
        n, p = self.shape
        value, rss = self.profile(Y)
        best = value.argmax(axis=0)
        estimate, error = np.empty((Y.shape[1], len(contrasts))), np.empty((Y.shape[1], len(contrasts)))
        for index in np.unique(best):
            mine = best == index
            phi, basis, inverse, _ = self.grid[index]
            row = contrasts @ inverse
            estimate[mine] = (row @ (basis.T @ whiten(Y[:, mine], self.gap, phi))).T
            error[mine] = np.sqrt(np.outer(rss[index, mine] / (n - p), (row**2).sum(axis=1)))
        return AR1_GRID[best], estimate, error

    def explained(self, Y: Array, n_base: int) -> Array:
        """Share of what the first columns leave of each series that the other columns explain, errors whitened.

        Parameters
        ----------
        Y : (n, m) array
        n_base : int
            Columns that stay in either way.

        Returns
        -------
        (m,) array
            At each one's best autocorrelation of the grid.
        """
        value, rss = self.profile(Y)
        best = value.argmax(axis=0)
        share = np.empty(Y.shape[1])
        for index in np.unique(best):
            mine = best == index
            phi, basis, _, _ = self.grid[index]
            gained = ((basis[:, n_base:].T @ whiten(Y[:, mine], self.gap, phi)) ** 2).sum(axis=0)
            share[mine] = gained / (gained + rss[index, mine])
        return share


@dataclass(frozen=True)
class AR1Fit:
    """A fitted series.

    Attributes
    ----------
    design : AR1Design
    beta : (p,) array
    covariance : (p, p) array
    phi : float
        Autocorrelation at one step.
    sigma : float
        SD of the errors (not of the innovations).
    log_likelihood : float
        Restricted, with the constants of nlme.
    weight : (grid,) array
        Restricted likelihood of each autocorrelation of the grid (even in Fisher's z), summing to 1.
    sd : (grid,) array
        SD of the errors that each implies.
    phi_low, phi_high : float
        95 % limits of the profile of the restricted likelihood; NaN beyond the end of the grid.
    """

    design: AR1Design
    beta: Array
    covariance: Array
    phi: float
    sigma: float
    log_likelihood: float
    weight: Array
    sd: Array
    phi_low: float
    phi_high: float

    @property
    def std_error(self) -> Array:
        """(p,): from the model, the autocorrelation taken as known."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def at_edge(self) -> bool:
        """Whether the likelihood still rises where the grid of autocorrelations ends."""
        return bool(self.phi > AR1_GRID[-2] or self.phi < AR1_GRID[1])


def fit_ar1(y: Array, X: Array, step: Ints) -> AR1Fit:
    """Fit y = X beta + e, e a first-order autoregression, by restricted maximum likelihood.

    Parameters
    ----------
    y : (n,) array
        Without missing values: leave their rows out.
    X : (n, p) array
        Of full column rank, n > p + 1.
    step : (n,) int array
        Strictly increasing; a missing value is a larger step.

    Returns
    -------
    AR1Fit

    Raises
    ------
    DesignError
        Too few rows, or a clock that does not increase.

    Examples
    --------
    >>> fit = fit_ar1(np.array([1.0, 2.0, 2.0, 1.0, 0.0]), np.ones((5, 1)), np.arange(5))
    >>> bool(0 < fit.phi < 1)
    True
    """
    design = AR1Design(np.asarray(X, dtype=float), np.asarray(step, dtype=np.int64))
    n, p = design.shape
    if n <= p + 1:
        raise DesignError(f"{n} values, at least {p + 2} are needed for {p} coefficients and an autocorrelation.")
    profile, squares = (part[:, 0] for part in design.profile(y[:, None]))
    phi = _refined(design, y, int(profile.argmax()))
    basis, inverse, log_det = design.at(phi)
    white = whiten(y[:, None], design.gap, phi)[:, 0]
    along = basis.T @ white
    rss = max(float(((white - basis @ along) ** 2).sum()), 1e-300)
    variance = rss / (n - p)
    top = -0.5 * ((n - p) * np.log(rss) + log_det)
    constant = -0.5 * (n - p) * (np.log(2 * np.pi) + 1 - np.log(n - p))
    low, high = _limits(profile, top)
    return AR1Fit(
        design=design,
        beta=inverse @ along,
        covariance=variance * inverse @ inverse.T,
        phi=phi,
        sigma=float(np.sqrt(variance)),
        log_likelihood=float(top + constant),
        weight=_weights(profile),
        sd=np.sqrt(squares / (n - p)),
        phi_low=low,
        phi_high=high,
    )


def _weights(profile: Array) -> Array:
    likely = np.exp(profile - profile.max())
    return np.asarray(likely / likely.sum())


def _refined(design: AR1Design, y: Array, best: int) -> float:
    """Golden section between the neighbours of the best autocorrelation of the grid."""
    n, p = design.shape

    def value(phi: float) -> float:
        basis, _, log_det = design.at(phi)
        white = whiten(y[:, None], design.gap, phi)[:, 0]
        # The residual itself: a difference of sums of squares loses the digits that the maximum is found by.
        rss = float(((white - basis @ (basis.T @ white)) ** 2).sum())
        return -0.5 * ((n - p) * float(np.log(max(rss, 1e-300))) + log_det)

    low, high = float(AR1_GRID[max(best - 1, 0)]), float(AR1_GRID[min(best + 1, len(AR1_GRID) - 1)])
    ratio = (5**0.5 - 1) / 2
    inner, outer = high - ratio * (high - low), low + ratio * (high - low)
    at_inner, at_outer = value(inner), value(outer)
    for _ in range(_REFINEMENTS):
        if high - low < 1e-8:
            break
        if at_inner > at_outer:
            high, outer, at_outer = outer, inner, at_inner
            inner = high - ratio * (high - low)
            at_inner = value(inner)
        else:
            low, inner, at_inner = inner, outer, at_outer
            outer = low + ratio * (high - low)
            at_outer = value(outer)
    return (low + high) / 2


def _limits(profile: Array, top: float) -> tuple[float, float]:
    """Autocorrelations that a likelihood-ratio test at 5 % does not reject."""
    inside = np.flatnonzero(2 * (top - profile) <= _CHI_SQUARED)
    if not len(inside):
        inside = np.array([int(profile.argmax())])
    low = float(AR1_GRID[inside[0]]) if inside[0] > 0 else float("nan")
    high = float(AR1_GRID[inside[-1]]) if inside[-1] < len(AR1_GRID) - 1 else float("nan")
    return low, high
