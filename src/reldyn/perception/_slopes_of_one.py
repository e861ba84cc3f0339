"""Regressions within one person and means over persons of a sample whose unit is the dyad; arrays in, numbers out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from reldyn._types import Array, Ints
from reldyn.stats import Estimate, least_squares, pool

# The bound of Fisher's z: a correlation of 1 in a short series is no infinite accuracy.
LARGEST_R = 0.9999
# Spread below this share of the largest absolute value is rounding, not variation.
_CONSTANT = 1e-10
# Two units say next to nothing about the spread between units.
_FEWEST_UNITS = 3

__all__ = ["LARGEST_R", "DyadSlope", "fisher_z", "is_constant", "mean_over", "slope_of", "spread_of"]


@dataclass(frozen=True)
class DyadSlope:
    """A slope within one person, and what it is as a partial correlation.

    Attributes
    ----------
    estimate, std_error, df, p_value, r : float
        ``r`` is the partial correlation, given the controls.
    others : tuple of float
        Slopes of the controls.
    n : int
    note : str
        Why there is no slope; empty where there is one.
    """

    estimate: float
    std_error: float
    df: float
    p_value: float
    r: float
    others: tuple[float, ...]
    n: int
    note: str = ""


def is_constant(values: Array) -> bool:
    """Whether values do not vary, beyond rounding."""
    if not len(values):
        return True
    return float(np.ptp(values)) <= _CONSTANT * max(float(np.abs(values).max()), np.finfo(float).tiny)


def fisher_z(r: float) -> tuple[float, bool]:
    """Fisher's z of a correlation held within +-.9999, and whether it had to be held."""
    held = abs(r) > LARGEST_R
    return math.atanh(math.copysign(LARGEST_R, r) if held else r), held


def slope_of(outcome: Array, predictor: Array, *controls: Array, fewest: int) -> DyadSlope:
    """Least squares of one person's outcome on a predictor, given controls, on complete rows.

    Parameters
    ----------
    outcome, predictor : (n,) arrays
    *controls : (n,) arrays
    fewest : int
        Rows below which no slope is given.

    Returns
    -------
    DyadSlope
    """
    from scipy.stats import t as student

    rows = np.column_stack([outcome, predictor, *controls])
    rows = rows[np.isfinite(rows).all(axis=1)]
    n, k = rows.shape

    def none(note: str) -> DyadSlope:
        nan = math.nan
        return DyadSlope(nan, nan, nan, nan, nan, (nan,) * len(controls), n, note)

    if n < fewest:
        return none(f"{n} complete pairs, below {fewest}")
    for place, name in enumerate(("outcome", "predictor")):
        if is_constant(rows[:, place]):
            return none(f"the {name} never varies")
    # A control that is constant takes nothing away; its slope is not defined.
    vary = np.array([not is_constant(rows[:, column]) for column in range(1, k)])
    fit = least_squares(np.column_stack([np.ones(n), rows[:, 1:][:, vary]]), rows[:, 0])
    if fit.reason:
        return none("the predictor cannot be separated from the controls")
    beta, df = fit.beta[1:], fit.df
    # Residuals that are rounding only: the slope is exact and the correlation is one.
    error = 0.0 if fit.exact else float(fit.std_error[1])
    t = math.copysign(math.inf, beta[0]) if error == 0 else float(beta[0]) / error
    r = math.copysign(1.0, beta[0]) if error == 0 else t / math.sqrt(t * t + df)
    others = np.full(len(controls), np.nan)
    others[vary[1:]] = beta[1:]
    p_value = 2 * float(student.sf(abs(t), df)) if error > 0 else math.nan
    note = "" if error > 0 else "the outcome follows the predictor without error: no interval"
    return DyadSlope(float(beta[0]), error, float(df), p_value, r, tuple(others.tolist()), n, note)


def mean_over(
    values: Array, dyad: Ints, *, std_errors: Array | None = None, unit: Literal["dyad", "person"] = "dyad"
) -> Estimate:
    """Unweighted mean over dyads; partners are averaged first, since they are not independent.

    Parameters
    ----------
    values : (n,) array
        NaN for persons without a value.
    dyad : (n,) int array
    std_errors : (n,) array, optional
        Persons without a positive one are left out. They give no weights: correlations after Fisher's z, and slopes of
        short series, are tied to their own standard errors.
    unit : {"dyad", "person"}, default "dyad"
        ``"person"`` treats all persons as independent.

    Returns
    -------
    Estimate
        Of one quantity, by `reldyn.stats.pool`; with fewer than three units the mean alone, and a note.
    """
    found = pool(values, std_errors, dyad if unit == "dyad" else None, "mean", unit=unit)
    n = int(found.n[0])
    if n >= _FEWEST_UNITS:
        return found
    note = f"{n} {unit}{'' if n == 1 else 's'} with a value, below {_FEWEST_UNITS}"
    return Estimate.from_std_error(found.estimate, np.nan, np.nan, n=n, note=note)


def spread_of(values: Array, variances: Array) -> float:
    """Variance between persons with the mean sampling variance taken off; may be negative."""
    seen = np.isfinite(values) & np.isfinite(variances)
    return float(values[seen].var(ddof=1) - variances[seen].mean()) if seen.sum() > 1 else math.nan
