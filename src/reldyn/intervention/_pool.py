"""Pooling one estimate per dyad into one for the sample, by a random-effects mean."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reldyn._types import Array

__all__ = ["Pooled", "pooled_mean"]


@dataclass(frozen=True)
class Pooled:
    """Mean over dyads; NaN with fewer than three."""

    estimate: float
    std_error: float
    statistic: float
    df: float
    p_value: float
    conf_low: float
    conf_high: float
    between_sd: float
    n_dyads: int


def pooled_mean(estimate: Array, std_error: Array) -> Pooled:
    """Pool independent estimates whose true values may differ.

    Parameters
    ----------
    estimate, std_error : (k,) arrays
        NaN where a dyad has none.

    Returns
    -------
    Pooled
        Variance between dyads after Paule and Mandel (1982), interval after Hartung and Knapp (2001), which holds its
        level with few dyads where the normal one does not.

    Examples
    --------
    >>> found = pooled_mean(np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.5, 0.5]))
    >>> found.estimate, found.df
    (2.0, 2.0)
    """
    from scipy.stats import t as student

    used = np.isfinite(estimate) & np.isfinite(std_error) & (std_error > 0)
    values, variances = estimate[used], std_error[used] ** 2
    k = int(used.sum())
    if k < 3:
        return Pooled(*(math.nan,) * 8, k)
    between = _between(values, variances)
    weights = 1 / (variances + between)
    mean = float((weights * values).sum() / weights.sum())
    error = math.sqrt(float((weights * (values - mean) ** 2).sum()) / ((k - 1) * float(weights.sum())))
    if error == 0:
        error = math.sqrt(1 / float(weights.sum()))
    reach = float(student.ppf(0.975, k - 1)) * error
    p_value = float(2 * student.sf(abs(mean) / error, k - 1))
    return Pooled(mean, error, mean / error, k - 1.0, p_value, mean - reach, mean + reach, math.sqrt(between), k)


def _between(values: Array, variances: Array) -> float:
    """Variance at which the weighted squares are what they should be: k - 1."""
    from scipy.optimize import brentq

    def excess(between: float) -> float:
        weights = 1 / (variances + between)
        mean = (weights * values).sum() / weights.sum()
        return float((weights * (values - mean) ** 2).sum()) - (len(values) - 1)

    if excess(0.0) <= 0:
        return 0.0
    return float(brentq(excess, 0.0, 10 * float(np.var(values)) + 1e-12))
