"""What is kept of one direction of warmth after the tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from typing import ClassVar

from reldyn._types import Array, Ints
from reldyn.cycles.consequences._reinforcement import Reinforcement
from reldyn.cycles.consequences._triggers import TriggerEffect
from reldyn.cycles.ladder._claims import ClaimTest, PhaseFit
from reldyn.cycles.ladder._verdict import NOT_COVERED, Evidence
from reldyn.results import register

__all__ = ["Outcome", "claim_of", "evidence_of", "n_cycles", "n_surrogates", "raw_p", "reasons_of"]

register(ClaimTest)
register(PhaseFit)


@register
@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """One direction: what was tested, what came out.

    Attributes
    ----------
    dyad, giver : hashable
    n_occasions, n_scheduled : int
        Occasions with every channel answered, and all that were scheduled.
    floor_share, missing_share : float
    n_categories : int
        Distinct answers to the warmth item.
    reasons, notes : tuple of str
        Why no test was due; what was done to the columns.
    occasion : (n_scheduled,) int array
        Codes of the scheduled occasions.
    y : (n_scheduled, n_channels) array
        Answers.
    tests : tuple of ClaimTest
        Empty where no test was due.
    fit : PhaseFit or None
    reinforcement : Reinforcement or None
    triggers : tuple of TriggerEffect
        Empty without phases.
    power, false_positives : float or None
        By stored calibration or by one handed over; None where none covers these tests. With phases from other
        dyads: of the test of the direction by itself, whose p-value is ``p_alone``.
    p_alone : float
        Of *intermittent* from the direction by itself, where it was tested beside phases from other dyads: before
        division by its share of the level. NaN elsewhere.
    n_masked : int
        Occasions left out because they lie in a careless stretch.
    """

    dyad: Hashable
    giver: Hashable
    n_occasions: int
    n_scheduled: int
    floor_share: float
    missing_share: float
    n_categories: int
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    occasion: Ints
    y: Array
    tests: tuple[ClaimTest, ...] = ()
    fit: PhaseFit | None = None
    reinforcement: Reinforcement | None = None
    power: float | None = None
    false_positives: float | None = None
    triggers: tuple[TriggerEffect, ...] = ()
    p_alone: float = float("nan")
    n_masked: int = 0

    row_fields: ClassVar[tuple[str, ...]] = ("occasion", "y")
    id_fields: ClassVar[dict[str, str]] = {"dyad": "dyad", "giver": "member"}


def claim_of(outcome: Outcome, claim: str) -> ClaimTest | None:
    """The test of one claim, or None where it was not run."""
    return next((test for test in outcome.tests if test.claim == claim), None)


def raw_p(outcome: Outcome, claim: str) -> float:
    """Raw p-value of a claim; NaN where it was not tested."""
    found = claim_of(outcome, claim)
    return float("nan") if found is None else found.p_value


def reasons_of(outcome: Outcome, alpha: float, fewest_cycles: float) -> tuple[str, ...]:
    """Why the direction is not decidable, too few cycles of phases that were shown among the reasons."""
    cycles = n_cycles(outcome)
    if outcome.reasons or raw_p(outcome, "regimes") > alpha or not cycles < fewest_cycles:
        return outcome.reasons
    return (f"phases, but {cycles:.1f} expected cycles of them, below {fewest_cycles:g}",)


def n_surrogates(outcome: Outcome) -> int:
    """Surrogates behind the p-value of *intermittent*; 0 where none was needed."""
    both = [claim_of(outcome, claim) for claim in ("regimes", "irregular")]
    return min((test.n_surrogates for test in both if test is not None), default=0)


def n_cycles(outcome: Outcome) -> float:
    """Expected returns to the warmest of the phases that were tested; NaN without any."""
    regimes = claim_of(outcome, "regimes")
    if regimes is not None and "n_cycles" in regimes.detail:
        return float(regimes.detail["n_cycles"])
    return float("nan") if outcome.fit is None else outcome.fit.n_cycles


def evidence_of(
    outcome: Outcome,
    p_intermittent: float,
    alpha: float,
    fewest_cycles: float,
    unknown: str = NOT_COVERED,
    effect: float = 1.5,
    needed: int | None = None,
) -> Evidence:
    """Gather what the verdict rests on; ``unknown`` says why there is no power where there is none."""
    irregular = claim_of(outcome, "irregular")
    return Evidence(
        reasons=reasons_of(outcome, alpha, fewest_cycles),
        p_regimes=raw_p(outcome, "regimes"),
        p_periodic=raw_p(outcome, "periodic"),
        p_irregular=raw_p(outcome, "irregular"),
        p_intermittent=p_intermittent,
        cv_high=float("nan") if irregular is None else irregular.conf_high,
        power=outcome.power,
        alpha=alpha,
        unknown=unknown,
        p_alone=outcome.p_alone,
        effect=effect,
        needed=needed,
    )
