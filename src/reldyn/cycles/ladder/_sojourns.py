"""The dispersion of sojourns: its profile likelihood and an interval whose upper limit surrogates calibrate."""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._types import Array
from reldyn.markov.regimes import BOUNDARY, DISPERSIONS

# Half the 95 % points of chi-squared with one degree of freedom: two-sided, one-sided.
_TWO_SIDED, _ONE_SIDED = 1.92, 1.35
_LOWEST, _HIGHEST = 0.05, 1.2


@dataclasses.dataclass(frozen=True, slots=True)
class Profile:
    """Estimate and 95 % interval of the coefficient of variation of sojourns."""

    estimate: float
    conf_low: float
    conf_high: float


def profile(log_likelihoods: Array, upper_drop: float = _ONE_SIDED) -> Profile:
    """Read estimate and limits off a profile likelihood.

    Parameters
    ----------
    log_likelihoods : (5,) array
        At the tabulated dispersions.
    upper_drop : float
        How far the log-likelihood falls to the upper limit; larger than 1.35 when calibration asks for it.

    Returns
    -------
    Profile
        Limits beyond the table are .05 and 1.2; NaN throughout where a log-likelihood is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> found = profile(np.array([-40.0, -12.0, -3.0, 0.0, -2.0]))
    >>> bool(0.4 < found.conf_low < found.estimate < found.conf_high)
    True
    """
    from scipy.interpolate import PchipInterpolator

    if not np.isfinite(log_likelihoods).all():
        return Profile(float("nan"), float("nan"), float("nan"))
    places = np.log(DISPERSIONS)
    fine = np.linspace(places[0], places[-1], 401)
    curve = PchipInterpolator(places, log_likelihoods)(fine)
    best = int(curve.argmax())
    inside_low = np.flatnonzero(curve[: best + 1] >= curve[best] - _TWO_SIDED)
    inside_high = np.flatnonzero(curve[best:] >= curve[best] - upper_drop)
    low, high = int(inside_low[0]), best + int(inside_high[-1])
    return Profile(
        estimate=float(np.exp(fine[best])),
        conf_low=_LOWEST if low == 0 else float(np.exp(fine[low])),
        conf_high=_HIGHEST if high == len(fine) - 1 else float(np.exp(fine[high])),
    )


def boundary_drop(log_likelihoods: Array) -> Array:
    """How far below its maximum each (..., 5) profile is at .40 when the maximum lies lower; zero otherwise.

    Without end where a log-likelihood is not finite: nothing bounds the dispersion there.
    """
    strict = log_likelihoods[..., :BOUNDARY].max(axis=-1)
    loose = log_likelihoods[..., BOUNDARY:].max(axis=-1)
    at_boundary = log_likelihoods[..., BOUNDARY]
    drop = np.where(strict > loose, strict - at_boundary, 0.0)
    return np.where(np.isfinite(log_likelihoods).all(axis=-1), drop, np.inf)


def calibrated_drop(drops: Array) -> float:
    """The 95 % point of the drop in surrogates drawn at .40, never less than the asymptotic one.

    A surrogate without a number counts as one whose drop has no end.
    """
    drops = np.where(np.isfinite(drops), drops, np.inf)
    if len(drops) < 19:
        # Too few surrogates to hold a 95 % point: only the largest drop seen can be vouched for.
        return float(max(_ONE_SIDED, 2 * drops.max(initial=0.0)))
    place = int(np.ceil(0.95 * (len(drops) + 1))) - 1
    return float(max(_ONE_SIDED, np.sort(drops)[min(place, len(drops) - 1)]))


def signed_ratio(log_likelihoods: Array) -> Array:
    """Free against bounded dispersion of (..., 5) profiles: positive where sojourns vary by more than .40."""
    free = log_likelihoods[..., BOUNDARY + 1 :].max(axis=-1)
    bounded = log_likelihoods[..., : BOUNDARY + 1].max(axis=-1)
    return np.asarray(free - bounded)
