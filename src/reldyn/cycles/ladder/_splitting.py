"""Splitting: how much of the time warmth lies between the two levels that it moves between. An estimate, no test.

The levels are the mean ratings in the two phases of a two-phase description. Between them lies the middle half of the
distance: a quarter away from either level. A rating counts by the part of its rounding cell that lies there.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._types import Array
from reldyn.cycles.ladder._claims import ClaimTest
from reldyn.cycles.ladder._direction import DirectionFits
from reldyn.cycles.ladder._fits import fit_loose

__all__ = ["Between", "describe_between", "estimate_splitting"]

MIDDLE = 0.5
_NUDGE = 0.05
# The long-run variance takes in lags up to this many mean dwell times, and a fifth of the occasions at most.
_DWELLS = 1.0
_FEWEST_DF = 4.0
_LEVEL = 0.95


@dataclasses.dataclass(frozen=True, slots=True)
class Between:
    """The share of occasions between two levels.

    Attributes
    ----------
    share, conf_low, conf_high : float
    cold, warm : float
        The levels, in the unit of the item.
    """

    share: float
    conf_low: float
    conf_high: float
    cold: float
    warm: float


def estimate_splitting(direction: DirectionFits, regimes: ClaimTest, *, alpha: float = 0.05) -> ClaimTest | None:
    """Estimate the share of answered occasions at which warmth lies between the levels of its phases.

    Call it after *regimes*, with that test; nothing is drawn. A small share means ratings near one level or the other
    and little in between; a share near one half is what an even spread between the levels would give.

    Parameters
    ----------
    direction : DirectionFits
    regimes : ClaimTest
        The test of *regimes* of the same direction.
    alpha : float, default 0.05
        Without phases at this level there are no levels to lie between.

    Returns
    -------
    ClaimTest or None
        ``claim`` "splitting"; ``estimate`` with a 95 % interval, ``p_value`` and ``statistic`` NaN; ``detail``:
        ``cold`` and ``warm``, the levels. None where *regimes* is not rejected.

    References
    ----------
    Haslbeck, Ryan and Dablander (2023), Emotion 23, 1262-1276, on ratings with several modes.
    """
    if not regimes.p_value <= alpha:
        return None
    series = direction.series
    fit = fit_loose(direction.standardised.data, direction.regimes(2).fit)
    found = describe_between(series.y[:, 0], fit.posterior[0], float(fit.dwell_means[0].mean()))
    return ClaimTest(
        claim="splitting",
        statistic=float("nan"),
        p_value=float("nan"),
        n_surrogates=0,
        estimate=found.share,
        conf_low=found.conf_low,
        conf_high=found.conf_high,
        null="no test: share of answers in the middle half between the levels",
        detail={"cold": found.cold, "warm": found.warm},
        null_statistics=np.zeros(0),
    )


def describe_between(ratings: Array, posterior: Array, dwell: float) -> Between:
    """The share of ratings in the middle half between two levels, with an interval.

    The interval is that of a mean of dependent values on the scale of log odds: its variance is a Bartlett sum (Newey
    and West, 1987) of the influence of every occasion, through the levels as well, the phases taken as known.

    Parameters
    ----------
    ratings : (T,) array
        NaN where not answered.
    posterior : (T, 2) array
        Probability of each phase.
    dwell : float
        Mean dwell time in occasions.

    Returns
    -------
    Between

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> warm = np.arange(200) % 20 < 10
    >>> ratings = np.where(warm, 7.0, 1.0) + rng.integers(-1, 2, 200)
    >>> ratings[::10] = 4.0
    >>> found = describe_between(ratings, np.column_stack([~warm, warm]).astype(float), 10.0)
    >>> round(found.share, 2), round(found.cold), round(found.warm)
    (0.1, 1, 7)
    """
    from scipy.special import expit, logit
    from scipy.stats import t as student

    answered = np.isfinite(ratings)
    values, member = ratings[answered], posterior[answered]
    levels = (member * values[:, None]).sum(axis=0) / np.maximum(member.sum(axis=0), 1e-9)
    order = np.argsort(levels, kind="stable")
    levels, member = levels[order], member[:, order]
    step = float(np.diff(np.unique(values)).min(initial=np.inf))
    step = step if np.isfinite(step) else 1.0
    inside = _inside(values, levels, step)
    share, n = float(inside.mean()), len(values)
    influence = inside - share
    nudge = _NUDGE * max(float(levels[1] - levels[0]), step)
    for k in (0, 1):
        moved = np.zeros(2)
        moved[k] = nudge
        slope = (_inside(values, levels + moved, step) - _inside(values, levels - moved, step)).mean() / (2 * nudge)
        influence += slope * (values - levels[k]) * member[:, k] / max(float(member[:, k].mean()), 1e-9)
    everywhere = np.zeros(len(ratings))
    everywhere[answered] = influence
    n_lags = max(min(int(np.ceil(_DWELLS * dwell)), n // 5), 1)
    error = np.sqrt(_long_run(everywhere, n_lags)) / n
    half = student.ppf((1 + _LEVEL) / 2, max(1.5 * n / (n_lags + 1), _FEWEST_DF)) * error
    bounded = float(np.clip(share, 0.5 / n, 1 - 0.5 / n))
    spread = half / (bounded * (1 - bounded))
    low, high = expit(logit(bounded) - spread), expit(logit(bounded) + spread)
    return Between(share, float(min(low, share)), float(max(high, share)), float(levels[0]), float(levels[1]))


def _inside(values: Array, levels: Array, step: float) -> Array:
    """Part of the rounding cell of each value that lies in the middle half between the levels."""
    edge = (1 - MIDDLE) / 2 * (levels[1] - levels[0])
    low, high = levels[0] + edge, levels[1] - edge
    covered = np.minimum(values + step / 2, high) - np.maximum(values - step / 2, low)
    return np.asarray(np.clip(covered, 0.0, None) / step)


def _long_run(influence: Array, n_lags: int) -> float:
    """Sum of squares and of products up to a lag, with falling weights; never below the sum of squares."""
    square = float(influence @ influence)
    total = square
    for lag in range(1, n_lags + 1):
        total += 2 * (1 - lag / (n_lags + 1)) * float(influence[lag:] @ influence[:-lag])
    return max(total, square)
