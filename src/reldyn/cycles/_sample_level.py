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

from reldyn._format import counted
from reldyn._types import Array, Flags
from reldyn.stats import pool

__all__ = ["SampleEstimate", "clopper_pearson", "pool_directions", "prevalence"]

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
    ``power``. Where the power of a direction is not known, the upper limit counts it as intermittent.

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
    own = [dyad for dyad, kept in zip(dyads, tested, strict=True) if kept]
    share = float(rejected.mean())
    conf_low = min(max(0.0, (_limits(rejected, own)[0] - alpha) / (1 - alpha)), share)
    power = np.full(n, nan) if power is None else np.asarray(power, dtype=float)[tested]
    known = np.isfinite(power)
    if not known.any():
        note = "no stored calibration gives the power of any design, so nothing bounds the prevalence from above"
        estimate = max(0.0, (share - alpha) / (1 - alpha))
        return SampleEstimate(estimate, conf_low, 1.0, nan, nan, nan, n, note + "; the estimate is a lower one")
    mean_power = float(power[known].mean())
    wrong = min(alpha if false_positives is None else false_positives, alpha)
    if mean_power <= wrong:
        note = f"the tests' power, {mean_power:.2f}, is no higher than their level: nothing can be said"
        return SampleEstimate(nan, conf_low, 1.0, nan, nan, nan, n, note)
    high = _limits(rejected[known], [dyad for dyad, kept in zip(own, known, strict=True) if kept])[1]
    estimate = min(1.0, max(0.0, (float(rejected[known].mean()) - wrong) / (mean_power - wrong)))
    conf_high = min(1.0, high / mean_power)
    note = f"if cycles have at least the declared effect, found with probability {mean_power:.2f}"
    unknown = int(n - known.sum())
    if unknown:
        # As for a sample without any known power: from below what was found, from above all of them.
        others = max(0.0, (float(rejected[~known].mean()) - alpha) / (1 - alpha))
        estimate += (others - estimate) * unknown / n
        conf_high += (1.0 - conf_high) * unknown / n
        note += f"; the power in {unknown} of these is not known, and the upper limit counts them all"
    return SampleEstimate(max(estimate, conf_low), conf_low, max(conf_high, estimate), nan, nan, nan, n, note)


def _limits(rejected: Flags, dyads: Sequence[Hashable]) -> tuple[float, float]:
    """Exact limits of the share of rejections, from as many directions as count as independent."""
    effective = len(rejected) / _design_effect(rejected, dyads)
    return clopper_pearson(float(rejected.mean()) * effective, effective)


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

    For whole numbers those of scipy's ``binomtest(...).proportion_ci()``, which takes no others.

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


def pool_directions(
    estimates: Sequence[float] | Array, std_errors: Sequence[float] | Array, dyads: Sequence[Hashable]
) -> SampleEstimate:
    """Random-effects mean of a coefficient over dyads: the precision of a dyad follows the length of its series.

    Parameters
    ----------
    estimates, std_errors : (n,) array_like
        Of each direction; NaN where there is none.
    dyads : sequence of hashable
        The directions of one dyad are averaged first, so that dyads are the independent units.

    Returns
    -------
    SampleEstimate
        As `reldyn.stats.pool` by restricted maximum likelihood; NaN with fewer than three dyads.

    Examples
    --------
    >>> found = pool_directions([0.1, 0.2, 0.3, 0.2], [0.05] * 4, ["a", "b", "c", "d"])
    >>> round(found.estimate, 3), found.n
    (0.2, 4)
    """
    found = pool(estimates, std_errors, dyads, "reml", level=_LEVEL).row()
    n = int(found["n"])
    if n < _FEWEST_DYADS:
        note = f"{counted(n, 'dyad')} with a coefficient, below {_FEWEST_DYADS}"
        nan = math.nan
        return SampleEstimate(nan, nan, nan, nan, nan, nan, n, note)
    estimate, low, high, error = (found[name] for name in ("estimate", "conf_low", "conf_high", "std_error"))
    return SampleEstimate(estimate, low, high, error, found["p_value"], found["between_sd"], n, found["note"])
