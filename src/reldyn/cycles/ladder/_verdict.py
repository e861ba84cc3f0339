"""From p-values to one of four verdicts about a series.

The order of the questions is part of the rule: can these data decide at all; are discrete phases with
irregular timing supported; is it a rhythm; and only if the design could have shown cycles of the declared
size does a test without result speak against them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reldyn.results import format_p

__all__ = ["Evidence", "adjust", "decide"]

Verdict = Literal["supported", "not supported", "rhythm", "not decidable"]
# Sojourns that vary less than this belong to a rhythm; the irregular claim is tested against the same bound.
RHYTHM_CV = 0.40
ENOUGH_POWER = 0.80
MIN_CYCLES = 4.0
NOT_COVERED = "no stored calibration covers this design: run rd.cycles.calibrate"


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """What the verdict about one direction rests on.

    Attributes
    ----------
    reasons : tuple of str
        Why the data cannot decide; empty if they can.
    p_regimes, p_periodic, p_irregular : float
        Raw p-values of the claims.
    p_intermittent : float
        The larger of regimes and irregular, adjusted over directions or raw.
    cv_high : float
        Upper 95 % limit of the coefficient of variation of sojourns; NaN where unknown.
    power : float or None
        Lower 95 % limit of the power of this design and these tests for the declared effect; None where no calibration
        covers them.
    alpha : float
    unknown : str
        Why the power is None where it is, and what would mend it.
    p_alone : float
        Of *intermittent* from the direction by itself, to which the power then belongs: before division by its share of
        the level. NaN where there is only one way of testing, or phases of other dyads showed it at once.
    effect : float
        Size of the cycles that the power is about, in SD of the noise.
    needed : int or None
        Surrogates from which the adjusted decision could be another, where the p-value is the smallest that those
        drawn can give.
    """

    reasons: tuple[str, ...]
    p_regimes: float
    p_periodic: float
    p_irregular: float
    p_intermittent: float
    cv_high: float
    power: float | None
    alpha: float = 0.05
    unknown: str = NOT_COVERED
    p_alone: float = float("nan")
    effect: float = 1.5
    needed: int | None = None


def decide(evidence: Evidence) -> tuple[Verdict, str]:
    """Give the verdict and the reason for it.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    (verdict, reason) : tuple of str

    Examples
    --------
    >>> decide(Evidence((), 0.01, 0.8, 0.02, 0.02, 0.9, None))
    ('supported', 'phases and irregular timing, p = .020')
    >>> decide(Evidence(("30 answered occasions, below 60",), *[float("nan")] * 5, None))[0]
    'not decidable'
    """
    alpha = evidence.alpha
    if evidence.reasons:
        return "not decidable", "; ".join(evidence.reasons)
    if math.isnan(evidence.p_intermittent):
        return "not decidable", "the tests of phases and of irregular timing gave no answer"
    regimes, periodic, irregular = (p <= alpha for p in (evidence.p_regimes, evidence.p_periodic, evidence.p_irregular))
    if evidence.p_intermittent <= alpha:
        return "supported", f"phases and irregular timing, p = {format_p(evidence.p_intermittent)}"
    if regimes and irregular:
        more = (
            f"; no surrogate exceeded the series: n_surrogates={evidence.needed} or more would settle it"
            if evidence.needed
            else ""
        )
        return "not decidable", (
            f"phases and irregular timing, but p = {format_p(evidence.p_intermittent)} after adjustment for the "
            f"number of directions{more}"
        )
    if (regimes or periodic) and not irregular and evidence.cv_high < RHYTHM_CV:
        return "rhythm", f"sojourns vary by less than {RHYTHM_CV:.2f} of their mean (up to {evidence.cv_high:.2f})"
    return _without_result(evidence, regimes=regimes)


def _without_result(evidence: Evidence, *, regimes: bool) -> tuple[Verdict, str]:
    if not regimes:
        lacking = f"phases not shown (p = {format_p(evidence.p_regimes)})"
    else:
        lacking = f"phases, but irregular timing not shown (p = {format_p(evidence.p_irregular)})"
    if evidence.p_alone <= evidence.alpha:
        return "not decidable", (
            f"{lacking}; tested by itself the direction shows both (p = {format_p(evidence.p_alone)}), but not at the "
            "share of the level that this test has beside that with phases of other dyads"
        )
    if evidence.power is None:
        return "not decidable", f"{lacking}; power unknown, {evidence.unknown}"
    own = "" if math.isnan(evidence.p_alone) else ", nor where the direction is tested by itself"
    if evidence.power >= ENOUGH_POWER:
        return "not supported", (
            f"{lacking}{own}; no sign of abrupt cycles of {evidence.effect:g} SD or more (power {evidence.power:.2f} "
            "or above); gradual or weaker ones are not excluded"
        )
    return "not decidable", (
        f"{lacking}{own}; the power for abrupt cycles of {evidence.effect:g} SD may be as low as {evidence.power:.2f}"
    )


def adjust(p_values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjust p-values for the false discovery rate (Benjamini and Hochberg 1995); NaN stays NaN and does not count.

    Own code, because scipy's ``false_discovery_control`` takes no NaN and divides before it multiplies: shares of
    surrogates then miss the level that they equal by the last digit, and a decision goes by it.

    Parameters
    ----------
    p_values : (n,) array_like

    Returns
    -------
    (n,) float array

    Examples
    --------
    >>> adjust([0.01, float("nan"), 0.04, 0.03]).tolist()
    [0.03, nan, 0.04, 0.04]
    """
    raw = np.asarray(p_values, dtype=float)
    known = np.flatnonzero(np.isfinite(raw))
    adjusted = np.full(len(raw), np.nan)
    if not len(known):
        return adjusted
    order = known[np.argsort(raw[known], kind="stable")]
    scaled = raw[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted
