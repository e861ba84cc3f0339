"""How far centring on observed means pulls an autoregression down (Nickell 1981)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reldyn.errors import DesignError, check_option

__all__ = ["nickell_bias"]


def nickell_bias(
    phi: ArrayLike, *, n_occasions: ArrayLike, method: Literal["exact", "first-order"] = "exact"
) -> NDArray[np.float64]:
    """Bias of a lag-1 coefficient that is estimated on deviations from the persons' own observed means.

    The observed mean contains the very errors that the regression is about, so that the slope comes out too small;
    the shorter the series, the more so. More persons do not help, more occasions do.

    Parameters
    ----------
    phi : float or array
        True autoregression, between -1 and 1.
    n_occasions : float or array
        Occasions per person, T, at least 4; broadcast against ``phi``.
    method : {"exact", "first-order"}, default "exact"
        Nickell's expression for many persons, or its leading term -(1 + phi) / (T - 1).

    Returns
    -------
    array
        What the estimate is off by, in the broadcast shape; negative where it is too small.

    Raises
    ------
    DesignError
        A value outside its range, or an unknown ``method``.

    Notes
    -----
    With one predictor, its lag, and complete series. A night that breaks a series, or a partner's lag beside the
    own, leaves the order of magnitude.

    References
    ----------
    Nickell (1981), Econometrica 49, 1417-1426.

    Examples
    --------
    >>> from reldyn.coupling import nickell_bias
    >>> nickell_bias(0.3, n_occasions=[7, 20, 100]).round(3).tolist()
    [-0.228, -0.07, -0.013]
    """
    check_option(method, ("exact", "first-order"), "method")
    own, occasions = np.asarray(phi, dtype=float), np.asarray(n_occasions, dtype=float)
    if bool((~(np.abs(own) < 1)).any()):
        raise DesignError(f"phi={phi!r}: a stationary autoregression lies between -1 and 1.")
    if bool((~(occasions >= 4)).any()):
        raise DesignError(f"n_occasions={n_occasions!r}: at least 4 occasions per person are needed.")
    transitions = occasions - 1
    leading = -(1 + own) / transitions
    if method == "first-order":
        return np.asarray(leading)
    damped = 1 - (1 - own**transitions) / (transitions * (1 - own))
    below = transitions - 1
    return np.asarray(-(1 + own) / below * damped / (1 - 2 * own / ((1 - own) * below) * damped))
