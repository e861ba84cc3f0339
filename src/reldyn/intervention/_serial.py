"""Regression of one series on a design with errors that are a first-order autoregression, by exact REML.

For a fixed autocorrelation the model is least squares on whitened columns, so that the restricted likelihood is a
curve in one number, and thousands of series with the same design are fitted at once: what a bootstrap needs. Gaps
count with their length: the correlation of two answers is ``phi ** steps`` between them.

The mixed model of `reldyn.mixed` fits the same likelihood; Kenward and Roger's (1997) inference is taken from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reldyn._types import Array, Ints

__all__ = [
    "GRID",
    "ErrorLaw",
    "SerialDesign",
    "SerialFit",
    "fit_serial",
    "whiten",
]

# Dense where the likelihood of a short series is sharp: near 1.
GRID = np.tanh(np.linspace(np.arctanh(-0.9), np.arctanh(0.995), 121))
_REFINEMENTS = 60


def whiten(columns: Array, gap: Ints, phi: float) -> Array:
    """Turn columns whose errors are an autoregression into columns with independent errors of the same variance.

    Parameters
    ----------
    columns : (n, k) array
    gap : (n - 1,) int array
        Steps between neighbouring rows, at least 1.
    phi : float

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
    # Beyond 1,000 steps nothing is left of any autocorrelation that the grid holds.
    return np.asarray(np.where(gap > 1000, 0.0, np.power(phi, np.minimum(gap, 1000))))


@dataclass(frozen=True)
class SerialDesign:
    """A design of full column rank on the steps of one series.

    Attributes
    ----------
    X : (n, p) array
    step : (n,) int array
        Strictly increasing.
    """

    X: Array
    step: Ints

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
        """Orthonormal basis (n, p), inverse triangle (p, p) and log-determinants of the whitened design."""
        basis, triangle = np.linalg.qr(whiten(self.X, self.gap, phi))
        inverse = np.linalg.inv(triangle)
        carried = _carried(self.gap, phi)
        log_det = float(np.log1p(-(carried**2)).sum()) + 2 * float(np.log(np.abs(np.diag(triangle))).sum())
        return basis, inverse, log_det

    @cached_property
    def grid(self) -> list[tuple[float, Array, Array, float]]:
        """Autocorrelation, and what `at` gives there, for every one of the grid."""
        carried = _carried(self.gap, GRID[:, None])
        white = np.tile(self.X, (len(GRID), 1, 1))
        white[:, 1:] = (self.X[1:] - carried[:, :, None] * self.X[:-1]) / np.sqrt(1 - carried**2)[:, :, None]
        basis, triangle = np.linalg.qr(white)
        log_det = np.log1p(-(carried**2)).sum(axis=1)
        log_det += 2 * np.log(np.abs(np.diagonal(triangle, axis1=1, axis2=2))).sum(axis=1)
        return list(zip(GRID.tolist(), basis, np.linalg.inv(triangle), log_det.tolist(), strict=True))

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
        total = np.tile((Y[0] ** 2)[None, :], (len(GRID), 1))
        for distance in np.unique(self.gap):
            later = np.flatnonzero(self.gap == distance) + 1
            now, before = Y[later], Y[later - 1]
            carried = _carried(np.full(len(GRID), distance), GRID)
            terms = np.column_stack([np.ones(len(GRID)), -2 * carried, carried**2]) / (1 - carried**2)[:, None]
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
        along = (self._along @ Y).reshape(len(GRID), p, -1)
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
        for place in np.unique(best):
            mine = best == place
            phi, basis, inverse, _ = self.grid[place]
            row = contrasts @ inverse
            estimate[mine] = (row @ (basis.T @ whiten(Y[:, mine], self.gap, phi))).T
            error[mine] = np.sqrt(np.outer(rss[place, mine] / (n - p), (row**2).sum(axis=1)))
        return GRID[best], estimate, error

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
        for place in np.unique(best):
            mine = best == place
            phi, basis, _, _ = self.grid[place]
            gained = ((basis[:, n_base:].T @ whiten(Y[:, mine], self.gap, phi)) ** 2).sum(axis=0)
            share[mine] = gained / (gained + rss[place, mine])
        return share


@dataclass(frozen=True)
class ErrorLaw:
    """What the errors of a series can be: one row per autocorrelation of the grid, all (grid,) arrays.

    Attributes
    ----------
    weight : array
        Restricted likelihood (even in Fisher's z), summing to 1.
    sd : array
        SD of the autoregression that this autocorrelation implies.
    """

    weight: Array
    sd: Array


@dataclass(frozen=True)
class SerialFit:
    """A fitted series.

    Attributes
    ----------
    design : SerialDesign
    beta : (p,) array
    covariance : (p, p) array
    phi : float
        Autocorrelation at one step.
    sigma : float
        SD of the errors (not of the innovations).
    log_likelihood : float
        Restricted, with the constants of nlme.
    law : ErrorLaw
        What the errors can be, besides at their maximum.
    phi_low, phi_high : float
        95 % limits of the profile of the restricted likelihood; NaN beyond the end of the grid.
    """

    design: SerialDesign
    beta: Array
    covariance: Array
    phi: float
    sigma: float
    log_likelihood: float
    law: ErrorLaw
    phi_low: float
    phi_high: float

    @property
    def std_error(self) -> Array:
        """(p,): from the model, the autocorrelation taken as known."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def at_edge(self) -> bool:
        """Whether the likelihood still rises where the grid of autocorrelations ends."""
        return bool(self.phi > GRID[-2] or self.phi < GRID[1])


def fit_serial(y: Array, X: Array, step: Ints) -> SerialFit:
    """Fit y = X beta + e, e a first-order autoregression, by restricted maximum likelihood.

    Parameters
    ----------
    y : (n,) array
    X : (n, p) array
        Of full column rank, n > p + 1.
    step : (n,) int array
        Strictly increasing.

    Returns
    -------
    SerialFit

    Examples
    --------
    >>> fit = fit_serial(np.array([1.0, 2.0, 2.0, 1.0, 0.0]), np.ones((5, 1)), np.arange(5))
    >>> bool(0 < fit.phi < 1)
    True
    """
    design = SerialDesign(np.asarray(X, dtype=float), np.asarray(step, dtype=np.int64))
    n, p = design.shape
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
    return SerialFit(
        design=design,
        beta=inverse @ along,
        covariance=variance * inverse @ inverse.T,
        phi=phi,
        sigma=float(np.sqrt(variance)),
        log_likelihood=float(top + constant),
        law=ErrorLaw(_weights(profile), np.sqrt(squares / (n - p))),
        phi_low=low,
        phi_high=high,
    )


def _weights(profile: Array) -> Array:
    likely = np.exp(profile - profile.max())
    return np.asarray(likely / likely.sum())


def _refined(design: SerialDesign, y: Array, best: int) -> float:
    """Golden section between the neighbours of the best autocorrelation of the grid."""
    n, p = design.shape

    def value(phi: float) -> float:
        basis, _, log_det = design.at(phi)
        white = whiten(y[:, None], design.gap, phi)[:, 0]
        # The residual itself: a difference of sums of squares loses the digits that the maximum is found by.
        rss = float(((white - basis @ (basis.T @ white)) ** 2).sum())
        return -0.5 * ((n - p) * float(np.log(max(rss, 1e-300))) + log_det)

    low, high = float(GRID[max(best - 1, 0)]), float(GRID[min(best + 1, len(GRID) - 1)])
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
    inside = np.flatnonzero(2 * (top - profile) <= 3.841459)
    if not len(inside):
        inside = np.array([int(profile.argmax())])
    low = float(GRID[inside[0]]) if inside[0] > 0 else float("nan")
    high = float(GRID[inside[-1]]) if inside[-1] < len(GRID) - 1 else float("nan")
    return low, high
