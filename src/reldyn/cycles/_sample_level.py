"""What the whole sample says: how many directions are intermittent, and how the response follows unpredictability.

Both answers rest on what each direction's own test gave, so that neither can be better than the tests:
the prevalence turns the share of rejections into bounds that hold whatever the size of the effects, and the
common coefficient is the mean of a random-effects model.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence

import numpy as np

from reldyn._types import Array, Flags

__all__ = ["SampleEstimate", "pool", "prevalence"]

_LEVEL = 0.95
# Two dyads give no spread between dyads.
_FEWEST_DYADS = 3


@dataclasses.dataclass(frozen=True, slots=True)
class SampleEstimate:
    """One estimate about the sample, with a 95 % interval.

    Attributes
    ----------
    estimate, conf_low, conf_high : float
    std_error, p_value, spread : float
        NaN for the prevalence; ``spread`` is the SD of the coefficient between dyads.
    n : int
        Directions (prevalence) or dyads (coefficient) it rests on.
    note : str
    """

    estimate: float
    conf_low: float
    conf_high: float
    std_error: float
    p_value: float
    spread: float
    n: int
    note: str


def prevalence(
    p_values: Sequence[float] | Array,
    dyads: Sequence[Hashable],
    *,
    alpha: float = 0.05,
    power: Sequence[float] | Array | None = None,
    false_positives: float | None = None,
) -> SampleEstimate:
    """Share of directions with intermittent warmth, from the p-values of the claim.

    The share of rejections R lies between prevalence x power and prevalence + (1 - prevalence) x alpha.
    Solving both for the prevalence at the exact limits of R (Clopper and Pearson 1934) gives an interval
    that covers whenever the test keeps its level and its power for the cycles that are there is at least
    ``power``; without a known power nothing bounds the prevalence from above.

    Parameters
    ----------
    p_values : (n,) array_like
        Raw p-values of *intermittent*; NaN where a direction could not be tested.
    dyads : sequence of hashable
        Dyad of each p-value: two directions of one dyad count as fewer than two where they agree.
    alpha : float, default 0.05
        Level of the tests.
    power : (n,) array_like, optional
        Lower bound of each test's power for cycles of the declared effect; NaN where unknown.
    false_positives : float, optional
        Rate of the test in look-alikes by stored calibration, for the point estimate alone. Default: alpha.

    Returns
    -------
    SampleEstimate

    References
    ----------
    Rogan and Gladen (1978), American Journal of Epidemiology 107, 71-76.

    Examples
    --------
    >>> found = prevalence([0.01] * 30 + [0.5] * 70, range(100), power=[0.8] * 100, false_positives=0.02)
    >>> round(found.estimate, 2), round(found.conf_low, 2), round(found.conf_high, 2)
    (0.36, 0.17, 0.5)
    """
    raw = np.asarray(p_values, dtype=float)
    tested = np.isfinite(raw)
    n = int(tested.sum())
    nan = math.nan
    if n == 0:
        return SampleEstimate(nan, 0.0, 1.0, nan, nan, nan, 0, "no direction could be tested")
    rejected = raw[tested] <= alpha
    share = float(rejected.mean())
    effective = n / _design_effect(rejected, [dyad for dyad, kept in zip(dyads, tested, strict=True) if kept])
    low, high = clopper_pearson(share * effective, effective)
    conf_low = min(max(0.0, (low - alpha) / (1 - alpha)), share)
    known = np.full(n, nan) if power is None else np.asarray(power, dtype=float)[tested]
    if not np.isfinite(known).all():
        note = "no stored calibration gives the power of every design, so nothing bounds the prevalence from above"
        estimate = max(0.0, (share - alpha) / (1 - alpha))
        return SampleEstimate(estimate, conf_low, 1.0, nan, nan, nan, n, note + "; the estimate is a lower one")
    mean_power = float(known.mean())
    wrong = min(alpha if false_positives is None else false_positives, alpha)
    if mean_power <= wrong:
        note = f"the tests' power, {mean_power:.2f}, is no higher than their level: nothing can be said"
        return SampleEstimate(nan, conf_low, 1.0, nan, nan, nan, n, note)
    estimate = min(1.0, max(0.0, (share - wrong) / (mean_power - wrong)))
    conf_high = min(1.0, high / mean_power)
    note = f"if cycles have at least the declared effect, found with probability {mean_power:.2f}"
    return SampleEstimate(max(estimate, conf_low), conf_low, max(conf_high, estimate), nan, nan, nan, n, note)


def _design_effect(rejected: Flags, dyads: Sequence[Hashable]) -> float:
    """1 plus the agreement of the two directions of a dyad beyond chance, where both were tested; at least 1."""
    pairs: dict[Hashable, list[float]] = {}
    for dyad, outcome in zip(dyads, rejected.tolist(), strict=True):
        pairs.setdefault(dyad, []).append(float(outcome))
    both = np.array([values for values in pairs.values() if len(values) == 2])
    if not len(both):
        return 1.0
    share = float(rejected.mean())
    if share in (0.0, 1.0):
        # Nothing to tell agreement from chance by: the two directions of a dyad count as one.
        return len(rejected) / len(pairs)
    agreement = float(((both[:, 0] - share) * (both[:, 1] - share)).mean() / (share * (1 - share)))
    return 1 + max(0.0, agreement) * 2 * len(both) / len(rejected)


def clopper_pearson(successes: float, n: float, level: float = _LEVEL) -> tuple[float, float]:
    """Exact limits of a probability; a fractional effective n is allowed.

    Parameters
    ----------
    successes, n : float
    level : float, default 0.95

    Returns
    -------
    (low, high) : tuple of float

    Examples
    --------
    >>> low, high = clopper_pearson(0, 100)
    >>> low, round(high, 3)
    (0.0, 0.036)
    """
    from scipy.stats import beta

    tail = (1 - level) / 2
    low = 0.0 if successes <= 0 else float(beta.ppf(tail, successes, n - successes + 1))
    high = 1.0 if successes >= n else float(beta.ppf(1 - tail, successes + 1, n - successes))
    return low, high


def pool(
    estimates: Sequence[float] | Array, std_errors: Sequence[float] | Array, dyads: Sequence[Hashable]
) -> SampleEstimate:
    """Mean coefficient over dyads in a random-effects model (REML), with the interval of Knapp and Hartung.

    Parameters
    ----------
    estimates, std_errors : (n,) array_like
        Of each direction; NaN where there is none.
    dyads : sequence of hashable
        The directions of one dyad are first averaged, so that dyads are the independent units.

    Returns
    -------
    SampleEstimate

    References
    ----------
    Viechtbauer (2005), Journal of Educational and Behavioral Statistics 30, 261-293. Knapp and Hartung (2003),
    Statistics in Medicine 22, 2693-2710.

    Examples
    --------
    >>> found = pool([0.1, 0.2, 0.3, 0.2], [0.05] * 4, ["a", "b", "c", "d"])
    >>> round(found.estimate, 3), found.n
    (0.2, 4)
    """
    from scipy.stats import t as student

    nan = math.nan
    values, variances = _by_dyad(np.asarray(estimates, dtype=float), np.asarray(std_errors, dtype=float), dyads)
    n = len(values)
    if n < _FEWEST_DYADS:
        return SampleEstimate(nan, nan, nan, nan, nan, nan, n, f"{n} dyads with a coefficient, below {_FEWEST_DYADS}")
    between = _reml_variance(values, variances)
    weight = 1 / (variances + between)
    mean = float((weight * values).sum() / weight.sum())
    # Never below the variance that the model itself implies: few dyads can agree by chance.
    scale = max(1.0, float((weight * (values - mean) ** 2).sum() / (n - 1)))
    error = math.sqrt(scale / weight.sum())
    reach = float(student.ppf((1 + _LEVEL) / 2, n - 1)) * error
    p_value = 2 * float(student.sf(abs(mean / error), n - 1))
    return SampleEstimate(mean, mean - reach, mean + reach, error, p_value, math.sqrt(between), n, "")


def _by_dyad(estimates: Array, errors: Array, dyads: Sequence[Hashable]) -> tuple[Array, Array]:
    """Inverse-variance means of the directions of each dyad, and their variances."""
    groups: dict[Hashable, list[int]] = {}
    for place, dyad in enumerate(dyads):
        if math.isfinite(estimates[place]) and math.isfinite(errors[place]) and errors[place] > 0:
            groups.setdefault(dyad, []).append(place)
    values, variances = [], []
    for places in groups.values():
        weight = 1 / errors[places] ** 2
        values.append(float((weight * estimates[places]).sum() / weight.sum()))
        variances.append(float(1 / weight.sum()))
    return np.array(values), np.array(variances)


def _reml_variance(values: Array, variances: Array) -> float:
    """Variance between dyads that maximises the restricted likelihood; 0 at the boundary."""
    from scipy.optimize import minimize_scalar

    def deviance(log_variance: float) -> float:
        weight = 1 / (variances + math.exp(log_variance))
        mean = (weight * values).sum() / weight.sum()
        return float(-np.log(weight).sum() + math.log(weight.sum()) + (weight * (values - mean) ** 2).sum())

    largest = math.log(float(values.var(ddof=1)) + float(variances.mean()) + 1e-12) + 3
    found = minimize_scalar(deviance, bounds=(largest - 25, largest), method="bounded", options={"xatol": 1e-6})
    # At the lower end of the search the variance is zero for every purpose.
    return 0.0 if deviance(largest - 25) <= found.fun + 1e-9 else float(math.exp(found.x))
