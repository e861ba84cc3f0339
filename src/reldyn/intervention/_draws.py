"""Series that might have been: autoregressions on the steps of a series, and errors as a fit allows them."""

from __future__ import annotations

import numpy as np

from reldyn._types import Array, Ints
from reldyn.stats import AR1_GRID, AR1Fit

__all__ = ["draw_errors", "draw_serial"]


def draw_serial(gap: Ints, phi: float | Array, n_series: int, generator: np.random.Generator) -> Array:
    """Draw autoregressions of variance 1 on the steps of a series.

    Parameters
    ----------
    gap : (n - 1,) int array
    phi : float or (n_series,) array
        One autocorrelation for all series, or one for each.
    n_series : int
    generator : numpy.random.Generator

    Returns
    -------
    (n, n_series) array

    Examples
    --------
    >>> draw_serial(np.array([1, 2]), 0.5, 4, np.random.default_rng(1)).shape
    (3, 4)
    """
    drawn = generator.standard_normal((len(gap) + 1, n_series))
    law = np.broadcast_to(np.asarray(phi, dtype=float), n_series)
    for row, distance in enumerate(gap, start=1):
        carry = np.power(law, distance) if distance <= 1000 else np.zeros(n_series)
        drawn[row] = carry * drawn[row - 1] + np.sqrt(1 - carry**2) * drawn[row]
    return drawn


def draw_errors(fit: AR1Fit, n_series: int, generator: np.random.Generator) -> Array:
    """Draw errors of a fitted series, each with an autocorrelation of its own by its likelihood.

    A bootstrap at the estimate alone would take the autocorrelation for known. The size of the errors goes with it:
    what carries over more has to vary more to look like the same series.

    Parameters
    ----------
    fit : AR1Fit
    n_series : int
    generator : numpy.random.Generator

    Returns
    -------
    (n, n_series) array
        In the unit of the series.

    Examples
    --------
    >>> from reldyn.stats import fit_ar1
    >>> fit = fit_ar1(np.array([1.0, 2.0, 2.0, 1.0, 0.0]), np.ones((5, 1)), np.arange(5))
    >>> draw_errors(fit, 3, np.random.default_rng(1)).shape
    (5, 3)
    """
    index = generator.choice(len(AR1_GRID), n_series, p=fit.weight)
    return np.asarray(fit.sd[index] * draw_serial(fit.design.gap, AR1_GRID[index], n_series, generator))
