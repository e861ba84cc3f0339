"""Fit of models of exchangeable members, cleared of the arbitrary choice of who is member 1 (Olsen and Kenny, 2006).

Moments hold variables in adjacent pairs (first, second member). Double entry averages them over both orders of the
members: these are the moments that the interchangeable saturated model (I-SAT) implies, so that a structure whose
members are equal, fitted to them, has the estimates of the raw moments and a chi-squared against I-SAT.
"""

from __future__ import annotations

import numpy as np

from reldyn._types import Array, Ints
from reldyn.actor_partner.moments._incomplete import expectation_maximisation, in_both_orders
from reldyn.actor_partner.moments._moments import Moments, deviance, independence_deviance, saturated_deviance
from reldyn.actor_partner.moments._sem import comparative_indices

__all__ = [
    "double_entry",
    "interchangeable_df",
    "interchangeable_indices",
    "inull_statistic",
    "isat_statistic",
    "null_df",
    "swapped",
]


def swapped(size: int, n_shared: int = 0) -> Ints:
    """Positions of the variables when the members change places, (size,); the last ``n_shared`` are the dyad's."""
    positions = np.arange(size, dtype=np.int64)
    pairs = positions[: size - n_shared].reshape(-1, 2)[:, ::-1].ravel()
    return np.concatenate([pairs, positions[size - n_shared :]])


def double_entry(moments: Moments, n_shared: int = 0) -> Moments:
    """Moments averaged over both orders of the members; their difference in means becomes variance.

    The last ``n_shared`` variables belong to the dyad.
    """
    swap = swapped(len(moments.mean), n_shared)
    if moments.patterns:
        return in_both_orders(moments, swap)
    level = 0.5 * (moments.mean + moments.mean[swap])
    away = moments.mean - level
    target = moments.cov + np.outer(away, away)
    return Moments(level, 0.5 * (target + target[np.ix_(swap, swap)]), moments.n)


def interchangeable_df(n_variables: int, *, means: bool = True) -> int:
    """Degrees of freedom of I-SAT: what swapping makes equal among the moments of ``n_variables`` per member."""
    return n_variables * n_variables + (n_variables if means else 0)


def null_df(n_variables: int) -> int:
    """Degrees of freedom of I-NULL: equal means, equal variances and no covariances."""
    return n_variables * (2 * n_variables + 1)


def isat_statistic(moments: Moments, means: bool = True) -> tuple[float, int]:
    """Chi-squared and df of equality under swapping."""
    swap, df = swapped(len(moments.mean)), interchangeable_df(len(moments.mean) // 2, means=means)
    if moments.patterns:
        return _incomplete_isat(moments, means), df
    level = 0.5 * (moments.mean + moments.mean[swap]) if means else moments.mean
    away = moments.mean - level
    target = moments.cov + np.outer(away, away)
    average = 0.5 * (target + target[np.ix_(swap, swap)])
    return _likelihood_ratio(moments, average, target), df


def _incomplete_isat(moments: Moments, means: bool) -> float:
    if means:
        level = saturated_deviance(double_entry(moments))
    else:
        swap = swapped(len(moments.mean))
        mean, cov = expectation_maximisation(moments.patterns, moments.mean, moments.cov, swap)
        level = deviance(cov, mean, moments)
    return moments.n * (level - saturated_deviance(moments))


def inull_statistic(moments: Moments) -> tuple[float, int]:
    """Chi-squared and df of equal means, equal variances and no covariances."""
    if moments.patterns:
        level = independence_deviance(double_entry(moments))
        return moments.n * (level - saturated_deviance(moments)), null_df(len(moments.mean) // 2)
    swap = swapped(len(moments.mean))
    away = 0.5 * (moments.mean - moments.mean[swap])
    target = moments.cov + np.outer(away, away)
    variance = 0.5 * (np.diag(target) + np.diag(target)[swap])
    return _likelihood_ratio(moments, np.diag(variance), target), null_df(len(moments.mean) // 2)


def _likelihood_ratio(moments: Moments, implied: Array, target: Array) -> float:
    gap = np.linalg.slogdet(implied)[1] - np.linalg.slogdet(moments.cov)[1]
    return float(moments.n * (gap + np.trace(np.linalg.solve(implied, target)) - len(implied)))


def interchangeable_indices(
    model: tuple[float, int], isat: tuple[float, int], inull: tuple[float, int], n_dyads: int
) -> dict[str, float]:
    """Chi-squared against I-SAT, and CFI, TLI and RMSEA against I-NULL, from log-likelihoods of the same dyads.

    Parameters
    ----------
    model, isat, inull : (float, int)
        Log-likelihood and number of parameters. With missing values all three are of the observed values.
    n_dyads : int

    Returns
    -------
    dict
        ``statistic``, ``df``, ``p_value`` (NaN without degrees of freedom), ``cfi``, ``tli``, ``rmsea``.
    """
    from scipy import stats

    statistic, df = max(2.0 * (isat[0] - model[0]), 0.0), isat[1] - model[1]
    if df <= 0:
        statistic = 0.0
    null, free = 2.0 * (isat[0] - inull[0]), isat[1] - inull[1]
    return {
        "statistic": statistic,
        "df": df,
        "p_value": float(stats.chi2.sf(statistic, df)) if df > 0 else float("nan"),
        **comparative_indices(statistic, df, null, free, n_dyads),
    }
