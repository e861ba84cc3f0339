"""From one estimate per dyad to the sample: one function, two estimators.

The plain mean over dyads with a t test does not look at the standard errors: it is for estimates that are tied to
their own standard errors (log odds, correlations after Fisher's z, variances), which weights by precision would bias.
The random-effects mean weighs by precision. Its variance between dyads is by restricted maximum likelihood
(Viechtbauer, 2005, Journal of Educational and Behavioral Statistics 30, 261-293), its standard error by Hartung and
Knapp (2001, Statistics in Medicine 20, 3875-3889), never below the one of the model itself: few estimates can agree by
chance (Röver, Knapp and Friede, 2015, BMC Medical Research Methodology 15, 99).

Two directions of a dyad, or two partners, are one unit. They are averaged with equal weights, and the sampling variance
of their mean is taken as that of independent errors. Weights by precision would make the mean of a dyad another
quantity where its directions truly differ. Independence is a working assumption: sampling errors that go together make
means of dyads vary more than it says, which the variance between dyads and Hartung and Knapp's standard error take up.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from reldyn._types import Array, Flags, Ints
from reldyn.errors import DesignError, check_option
from reldyn.stats._cluster import cluster_codes, cluster_means, cluster_sums
from reldyn.stats._estimate import Estimate

__all__ = ["POOLINGS", "Pooling", "pool", "pooling_text", "reml_variance"]

Pooling = Literal["mean", "reml"]
POOLINGS = ("mean", "reml")
_TEXTS = {
    "mean": "the unweighted mean over {unit}s with a t test and {unit}s minus one degrees of freedom",
    "reml": "a random-effects mean over {unit}s (variance by restricted maximum likelihood; standard errors by Hartung "
    "and Knapp, 2001, never below those of the model)",
}
# A spread below this share of the largest value is rounding.
_ROUNDING = 1e-12
_GRID = 100
_HALVINGS = 70


def pooling_text(by: Pooling, unit: str = "dyad") -> str:
    """Say in the words of a methods section how estimates are pooled.

    Parameters
    ----------
    by : {"mean", "reml"}
    unit : str, default "dyad"
        What the independent units are.

    Returns
    -------
    str

    Examples
    --------
    >>> pooling_text("mean")
    'the unweighted mean over dyads with a t test and dyads minus one degrees of freedom'
    """
    check_option(by, POOLINGS, "by")
    return _TEXTS[by].format(unit=unit)


def pool(
    estimates: ArrayLike,
    std_errors: ArrayLike | None = None,
    cluster: Sequence[Hashable] | Array | Ints | None = None,
    by: Pooling = "mean",
    *,
    level: float = 0.95,
    unit: str = "dyad",
) -> Estimate:
    """Pool estimates over independent units whose true values may differ.

    Parameters
    ----------
    estimates : (n,) or (n, k) array_like
        One row per direction, partner or dyad; one column per quantity. NaN where there is none.
    std_errors : array_like of the same shape, optional
        Rows whose standard error is missing, infinite or not above 0 are left out, in either way of pooling, and the
        note says how many. Optional for ``by="mean"``, which needs them for ``between_sd`` alone.
    cluster : (n,) sequence of hashable, optional
        The dyad of each row: rows of one dyad are averaged first, so that dyads are the units. None: every row is one.
    by : {"mean", "reml"}, default "mean"
        ``"mean"``: a t test of the plain mean over units. It does not depend on the standard errors and so is not
        biased where those are tied to the estimates. ``"reml"``: the random-effects mean, more accurate where
        precisions differ much for reasons that have nothing to do with the estimates, as numbers of answers.
    level : float, default 0.95
        Coverage of the interval.
    unit : str, default "dyad"
        What the notes call a unit.

    Returns
    -------
    Estimate
        k rows, one for (n,) input; ``df`` is the number of units less 1. ``between_sd`` is the standard deviation of
        the units' true values: by moments for the mean, by restricted likelihood else. With a single unit there is
        the estimate alone; with two, the interval rests on one degree of freedom, and the note says so. Units that all
        have the same value give the plain mean no standard error.

    Raises
    ------
    DesignError
        Shapes do not fit, ``by`` is unknown, or ``by="reml"`` without standard errors.

    Examples
    --------
    >>> found = pool([0.1, 0.3, 0.2, 0.4], [0.1] * 4, by="reml").row()
    >>> round(found["estimate"], 3), round(found["std_error"], 3), found["df"]
    (0.25, 0.065, 3.0)
    >>> pool([1.0, 2.0, 3.0], cluster=["a", "a", "b"]).estimate.tolist()
    [2.25]
    """
    check_option(by, POOLINGS, "by")
    values = np.asarray(estimates, dtype=float)
    if values.ndim not in (1, 2):
        raise DesignError(f"estimates have {values.ndim} dimensions: give one row per unit, one column per quantity.")
    errors = _errors_of(values, std_errors, by)
    # Squares that leave the range of numbers are no variances either.
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        variances = None if errors is None else np.where(_columns(errors) > 0, _columns(errors) ** 2, np.nan)
    values = _columns(values)
    used = np.isfinite(values)
    left_out = np.zeros(values.shape[1], dtype=np.int64)
    if variances is not None:
        known = np.isfinite(variances) & (variances > 0)
        left_out = (used & ~known).sum(axis=0)
        used &= known
    units, variances = _units(values, variances, used, cluster)
    return _pooled(units, variances, by, left_out, level=level, unit=unit)


def _columns(values: Array) -> Array:
    return values[:, None] if values.ndim == 1 else values


def _errors_of(values: Array, std_errors: ArrayLike | None, by: Pooling) -> Array | None:
    if std_errors is None:
        if by == "reml":
            raise DesignError("by='reml' weighs by precision: give std_errors, or use by='mean'.")
        return None
    errors = np.asarray(std_errors, dtype=float)
    if errors.shape != values.shape:
        raise DesignError(f"estimates have the shape {values.shape}, std_errors {errors.shape}: give one for each.")
    return errors


def _units(
    values: Array, variances: Array | None, used: Flags, cluster: Sequence[Hashable] | Array | Ints | None
) -> tuple[Array, Array | None]:
    """Means of the rows of each unit and their sampling variances, (units, k); NaN where a unit has none."""
    values = np.where(used, values, np.nan)
    if cluster is None:
        return values, None if variances is None else np.where(used, variances, np.nan)
    codes = cluster_codes(cluster)
    if len(codes) != len(values):
        raise DesignError(f"{len(values)} rows of estimates and {len(codes)} cluster labels: give one label per row.")
    means = cluster_means(values, codes)
    if variances is None:
        return means, None
    count = cluster_sums(used.astype(float), codes)
    total = cluster_sums(np.where(used, variances, 0.0), codes)
    return means, np.divide(total, count**2, out=np.full(total.shape, np.nan), where=count > 0)


def _pooled(
    values: Array, variances: Array | None, by: Pooling, left_out: Ints, *, level: float, unit: str
) -> Estimate:
    there = np.isfinite(values)
    n = there.sum(axis=0)
    size = np.abs(np.where(there, values, 0.0)).max(axis=0, initial=0.0)
    top = np.where(there, values, -np.inf).max(axis=0, initial=-np.inf)
    bottom = np.where(there, values, np.inf).min(axis=0, initial=np.inf)
    same = (n > 1) & (top - bottom <= _ROUNDING * size)
    if by == "reml" and variances is not None:
        mean, error, between = _random_effects(values, variances)
    else:
        mean, error, between = _plain_mean(values, variances)
        error = np.where(same, 0.0, error)
        between = np.where(same & np.isfinite(between), 0.0, between)
    error = np.where(n > 1, error, np.nan)
    between = np.where(n > 1, between, np.nan)
    notes = [
        _note(int(units), bool(flat), int(lost), by, unit) for units, flat, lost in zip(n, same, left_out, strict=True)
    ]
    df = np.where(n > 1, n - 1.0, np.nan)
    return Estimate.from_std_error(mean, error, df, level=level, between_sd=between, n=n, note=notes)


def _note(n: int, same: bool, left_out: int, by: Pooling, unit: str) -> str:
    notes = []
    if n == 0:
        notes.append(f"no {unit} has an estimate")
    elif n == 1:
        notes.append(f"a single {unit} has an estimate: no standard error")
    elif same and by == "mean":
        notes.append(f"all {unit}s have the same value: no standard error")
    elif n == 2:
        notes.append(f"two {unit}s: the interval rests on one degree of freedom")
    if left_out:
        one = left_out == 1
        notes.append(
            f"{left_out} {'estimate' if one else 'estimates'} without a positive standard error "
            f"{'is' if one else 'are'} left out"
        )
    return "; ".join(notes)


def _plain_mean(values: Array, variances: Array | None) -> tuple[Array, Array, Array]:
    there = np.isfinite(values)
    n = there.sum(axis=0).astype(float)
    nothing = np.full(values.shape[1], np.nan)
    mean = np.divide(np.where(there, values, 0.0).sum(axis=0), n, out=nothing.copy(), where=n > 0)
    squares = (np.where(there, values - mean, 0.0) ** 2).sum(axis=0)
    variance = np.divide(squares, n - 1, out=nothing.copy(), where=n > 1)
    error = np.sqrt(variance) / np.sqrt(np.maximum(n, 1.0))
    if variances is None:
        return mean, error, nothing
    sampling = np.divide(np.where(there, variances, 0.0).sum(axis=0), n, out=nothing.copy(), where=n > 0)
    return mean, error, np.sqrt(np.maximum(variance - sampling, 0.0))


def _random_effects(values: Array, variances: Array) -> tuple[Array, Array, Array]:
    """Mean, standard error and SD between units."""
    between = reml_variance(values, variances)
    # A single unit has no variance between units; its value is the mean all the same.
    weight, total, mean = _weighted(values, variances, np.where(np.isfinite(between), between, 0.0))
    n = np.isfinite(values).sum(axis=0)
    squares = (weight * np.where(weight > 0, values - mean, 0.0) ** 2).sum(axis=0)
    # Never below the variance that the model itself implies: few units can agree by chance.
    scale = np.maximum(1.0, squares / np.maximum(n - 1.0, 1.0))
    known = total > 0
    error = np.sqrt(np.divide(scale, total, out=np.full(total.shape, np.nan), where=known))
    return np.where(known, mean, np.nan), error, np.sqrt(between)


def _weighted(values: Array, variances: Array, between: Array) -> tuple[Array, Array, Array]:
    """Weights (0 where there is no value), their sums, and the weighted means."""
    there = np.isfinite(values)
    weight = np.where(there, 1 / np.where(there, variances + between, 1.0), 0.0)
    total = weight.sum(axis=0)
    mean = (weight * np.where(there, values, 0.0)).sum(axis=0) / np.where(total > 0, total, 1.0)
    return weight, total, mean


def reml_variance(values: Array, variances: Array) -> Array:
    """Variance between units by restricted maximum likelihood, given the sampling variances of their estimates.

    Parameters
    ----------
    values : (n, k) array
        One column per quantity; NaN where a unit has none.
    variances : (n, k) array
        Sampling variances, above 0 where there is a value.

    Returns
    -------
    (k,) array
        At least 0; NaN with fewer than two values.

    Notes
    -----
    The likelihood is evaluated at zero and on a grid up to a value that its maximum cannot exceed, the larger of the
    largest sampling variance and three times the variance of the estimates, since it may have more than one maximum;
    halving then finds where its derivative changes sign.

    Examples
    --------
    With equal sampling variances it is the variance of the estimates less theirs.

    >>> y = np.array([[1.0], [2.0], [6.0]])
    >>> float(reml_variance(y, np.full((3, 1), 0.5))[0].round(6)), float(y.var(ddof=1)) - 0.5
    (6.5, 6.5)
    """
    there = np.isfinite(values)
    n = there.sum(axis=0)
    usable = n > 1
    safe = np.where(there, variances, np.nan)
    highest = np.max(np.where(there, variances, 0.0), axis=0, initial=0.0)
    lowest = np.min(np.where(there, variances, np.inf), axis=0, initial=np.inf)
    lowest = np.where(usable, lowest, 1.0)
    _, _, spread = _plain_mean(values, np.zeros(values.shape))
    top = np.where(usable, np.maximum(highest, 3 * np.where(usable, spread, 0.0) ** 2), 1.0)
    bottom = np.minimum(1e-4 * lowest, top / 2)
    ratio = (top / bottom) ** (1 / (_GRID - 1))
    points = np.vstack([np.zeros(len(top)), bottom * ratio ** np.arange(_GRID)[:, None], top * ratio])
    deviances = np.stack([_deviance(values, safe, point) for point in points[:-1]])
    best = deviances.argmin(axis=0)
    columns = np.arange(len(top))
    low, high = points[np.maximum(best - 1, 0), columns], points[best + 1, columns]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        falling = _slope(values, safe, middle) < 0
        low, high = np.where(falling, middle, low), np.where(falling, high, middle)
    found = (low + high) / 2
    # At the boundary the halving ends a rounding above zero.
    found = np.where((best == 0) & (_slope(values, safe, np.zeros(len(top))) >= 0), 0.0, found)
    kept = points[best, columns]
    found = np.where(_deviance(values, safe, found) <= deviances[best, columns], found, kept)
    return np.where(usable, found, np.nan)


def _deviance(values: Array, variances: Array, between: Array) -> Array:
    """Minus twice the restricted log-likelihood of each column, up to a constant."""
    weight, total, mean = _weighted(values, variances, between)
    there = weight > 0
    log = np.log(np.where(there, weight, 1.0)).sum(axis=0)
    squares = (weight * np.where(there, values - mean, 0.0) ** 2).sum(axis=0)
    return np.asarray(np.log(np.where(total > 0, total, 1.0)) - log + squares)


def _slope(values: Array, variances: Array, between: Array) -> Array:
    """Derivative of the deviance by the variance between units."""
    weight, total, mean = _weighted(values, variances, between)
    rest = np.where(weight > 0, values - mean, 0.0)
    squared = weight**2
    return np.asarray(total - squared.sum(axis=0) / np.where(total > 0, total, 1.0) - (squared * rest**2).sum(axis=0))
