"""Standard errors, tests and intervals of the parameters of a residual process.

A sum of parameters has the standard error that the information about the covariance parameters gives it. Its interval
is not symmetric: it runs from the estimate in the direction of the unconstrained parameters in which the sum changes
most for its standard error, 1.96 standard errors either way. For one parameter with a scale of its own that is the
usual transformed interval (atanh of a carry-over, say); for a transition matrix every point of it is a stationary
process.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from reldyn._types import Array
from reldyn.mixed.inference._inference import Contrasts
from reldyn.mixed.processes import from_natural, to_natural
from reldyn.mixed.spec._options import Residual


def process_contrasts(
    residual: Residual,
    exchangeable: bool,
    natural: ArrayLike,
    covariance: ArrayLike,
    rows: ArrayLike,
    level: float = 0.95,
) -> Contrasts:
    """Estimate and test sums of the natural parameters of one residual process.

    Parameters
    ----------
    residual : Residual
        The process.
    exchangeable : bool
        Whether the roles share their parameters.
    natural : (r,) array
        In the order of `natural_names`.
    covariance : (r, r) array
        Of these estimates.
    rows : (k, r) array
        Weights of each sum.
    level : float, default 0.95
        Coverage of the intervals.

    Returns
    -------
    Contrasts
        Tests are normal (``df`` infinite). Standard errors are NaN where the information is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> found = process_contrasts(Residual("ar1"), True, [1.0, 0.2, 0.9], np.diag([0.02, 0.02, 0.01]), [[0, 0, 1]])
    >>> found.std_error.round(3).tolist(), bool(found.conf_high[0] < 1.0)
    ([0.1], True)
    """
    from scipy.stats import norm

    theta, rows = np.asarray(natural, dtype=float), np.atleast_2d(np.asarray(rows, dtype=float))
    spread = np.asarray(covariance, dtype=float)
    estimate = rows @ theta
    variance = np.einsum("kr,rs,ks->k", rows, spread, rows)
    std_error = np.sqrt(np.where(variance > 0, variance, np.nan))
    half = float(norm.ppf(0.5 + 0.5 * level))
    ends = np.array(
        [
            _ends(residual, exchangeable, theta, row, half * (spread @ row) / error)
            for row, error in zip(rows, std_error, strict=True)
        ]
    )
    statistic = estimate / std_error
    p_value = np.asarray(2.0 * norm.sf(np.abs(statistic)))
    df = np.full(len(rows), np.inf)
    return Contrasts(estimate, std_error, df, statistic, p_value, ends.min(axis=1), ends.max(axis=1))


def _ends(residual: Residual, exchangeable: bool, natural: Array, row: Array, step: Array) -> tuple[float, float]:
    """Values of a sum a step away in either direction, taken in unconstrained parameters; NaN at the edge."""
    try:
        with np.errstate(all="ignore"):
            eta = from_natural(residual, exchangeable, natural)
            moved = np.linalg.solve(to_natural(residual, exchangeable, eta)[1], step)
    except np.linalg.LinAlgError:
        return np.nan, np.nan
    if not np.isfinite(moved).all():
        return np.nan, np.nan
    low, high = (float(row @ to_natural(residual, exchangeable, eta + sign * moved)[0]) for sign in (-1.0, 1.0))
    return low, high
