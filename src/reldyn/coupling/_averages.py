"""From one estimate per dyad to the sample: plain means or a random-effects synthesis, never pooled series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from reldyn._types import Array

__all__ = ["AVERAGES", "Average", "AverageBy", "average", "averaging_text"]

AverageBy = Literal["mean", "random-effects"]
AVERAGES = ("mean", "random-effects")
_TEXTS = {
    "mean": "the unweighted mean over dyads with a t test and dyads minus one degrees of freedom",
    "random-effects": "a random-effects synthesis over dyads (variance by Paule and Mandel, 1982; standard errors by "
    "Hartung and Knapp, 2001)",
}


@dataclass(frozen=True, slots=True)
class Average:
    """The sample value of a quantity estimated once per dyad.

    Attributes
    ----------
    estimate, std_error, statistic, df, p_value, conf_low, conf_high : float
        95 % limits; NaN but for the estimate with a single dyad.
    between_sd : float
        Standard deviation of the true values of the dyads, by moments and never below 0.
    n_dyads : int
    """

    estimate: float
    std_error: float
    statistic: float
    df: float
    p_value: float
    conf_low: float
    conf_high: float
    between_sd: float
    n_dyads: int


def averaging_text(by: AverageBy) -> str:
    """Say how dyads were averaged."""
    return _TEXTS[by]


def average(estimate: Array, std_error: Array, by: AverageBy = "mean") -> Average:
    """Average over dyads.

    Parameters
    ----------
    estimate, std_error : (n,) arrays
        Dyads with a NaN in either are left out.
    by : {"mean", "random-effects"}, default "mean"
        The plain mean does not depend on the standard errors; weights by them favour tables with small log odds, whose
        standard errors are smaller.

    Returns
    -------
    Average
    """
    from scipy import stats

    kept = np.isfinite(estimate) & np.isfinite(std_error) & (std_error > 0)
    value, variance = estimate[kept], std_error[kept] ** 2
    n = len(value)
    nothing = float("nan")
    if n == 0:
        return Average(*(nothing,) * 8, n_dyads=0)
    if n == 1:
        return Average(float(value[0]), *(nothing,) * 7, n_dyads=1)
    if by == "mean":
        centre, error = float(value.mean()), float(value.std(ddof=1) / np.sqrt(n))
        between = float(np.sqrt(max(0.0, value.var(ddof=1) - variance.mean())))
    else:
        centre, error, between = _random_effects(value, variance)
    if not error > 0:
        return Average(centre, error, *(nothing,) * 5, between_sd=between, n_dyads=n)
    statistic, reach = centre / error, float(stats.t.ppf(0.975, n - 1)) * error
    p_value = float(2 * stats.t.sf(abs(statistic), n - 1))
    return Average(centre, error, statistic, float(n - 1), p_value, centre - reach, centre + reach, between, n)


def _random_effects(value: Array, variance: Array) -> tuple[float, float, float]:
    from statsmodels.stats.meta_analysis import combine_effects

    if np.ptp(value) == 0:
        # The synthesis divides by the spread of the estimates: without any there is no standard error either.
        return float(value[0]), 0.0, 0.0
    found = combine_effects(value, variance, method_re="iterated", use_t=True)
    # The synthesis names its Hartung-Knapp variance after the random effects it belongs to.
    return float(found.mean_effect_re), float(np.sqrt(found.var_hksj_re)), float(np.sqrt(max(found.tau2, 0.0)))
