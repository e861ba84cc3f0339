"""What a claim test hands back: the test of one claim for one direction, and the phases fitted to it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

from reldyn._types import Array

Claim = Literal["regimes", "periodic", "irregular", "directed", "volatility", "splitting"]


@dataclasses.dataclass(frozen=True, slots=True)
class ClaimTest:
    """The Monte Carlo test of one claim for one direction of warmth.

    Attributes
    ----------
    claim : str
        ``"regimes"``, ``"periodic"``, ``"irregular"``, ``"directed"``, ``"volatility"``, or ``"splitting"``, which is
        an estimate without a test.
    statistic : float
        Large values speak for the claim.
    p_value : float
        (1 + exceedances) / (surrogates + 1), or h / n where sequential stopping ended the run; never zero. Divided by
        ``weight``, at most 1.
    n_surrogates : int
        Surrogates drawn for the p-value.
    estimate, conf_low, conf_high : float
        Effect size with its 95 % interval; NaN where there is none. Of ``regimes``: smallest distance
        between phase means in SD of the noise; of ``periodic``: the period in beeps; of ``irregular``: the
        coefficient of variation of sojourns, its upper limit calibrated by the surrogates; of
        ``directed``: net circulation per move, from -1 to 1; of ``volatility``: SD of turbulent over calm shocks; of
        ``splitting``: share of answers between the levels.
    null : str
        The null world in one phrase.
    detail : mapping
        What the verdict and the summary need beyond that.
    null_statistics : (n,) array
        Finite statistics of the surrogates, for the figure; of *regimes* upper bounds where they lie below the
        observed one.
    n_failed : int
        Surrogates behind the p-value whose statistic is no finite number; they count against the claim.
    drawn : mapping of str to array
        Statistics per null of runs that may go on; empty in results.
    n_ways : int
        2 where the claim was tested with phases of other dyads and by the direction itself, and the way that speaks
        more clearly for *intermittent* is reported.
    weight : float
        Share of the level that this way was given: p-values are divided by it (weighted Bonferroni), so that the
        chance of a false alarm in either way is at most the level.
    """

    claim: Claim
    statistic: float
    p_value: float
    n_surrogates: int
    estimate: float
    conf_low: float
    conf_high: float
    null: str
    detail: Mapping[str, Any]
    null_statistics: Array
    n_failed: int = 0
    drawn: Mapping[str, Array] = dataclasses.field(default_factory=dict)
    n_ways: int = 1
    weight: float = 1.0


def intermittent_p(tests: Iterable[ClaimTest]) -> float:
    """The larger p-value of phases and of irregular timing: both must be rejected (Berger 1982).

    1 where irregular timing was not tested because no phases were shown; NaN where nothing was tested.
    """
    found = {test.claim: test.p_value for test in tests}
    regimes, irregular = (found.get(claim, math.nan) for claim in ("regimes", "irregular"))
    if math.isnan(irregular):
        return math.nan if math.isnan(regimes) else 1.0
    return max(regimes, irregular)


def weight_of(tests: Iterable[ClaimTest]) -> float:
    """Share of the level that the reported way of testing *intermittent* was given; 1 where there is one way.

    Tests saved before ways had shares of their own divided it evenly.
    """
    return min((test.weight if test.weight < 1 else 1 / test.n_ways for test in tests), default=1.0)


@dataclasses.dataclass(frozen=True, slots=True)
class PhaseFit:
    """Phases fitted to one direction, ordered from the coldest to the warmest.

    Attributes
    ----------
    n_states : int
    posterior : (n_occasions, n_states) array
        Smoothed probability of each phase; missing occasions included.
    means : (n_states, n_channels) array
        Level of each channel in each phase, in the units of the items, at average covariates.
    covariance : (n_channels, n_channels) array
        Of the noise, in the units of the items, common to all phases.
    transition : (n_states, n_states) array
        From row to column, per occasion.
    dwell_means : (n_states,) array
        Mean sojourn per phase in occasions.
    sojourn_cv : float
        Coefficient of variation of sojourns, common to all phases.
    circulation : float
        Net share of moves in the direction cold, middle, warm, cold: -1 to 1; NaN with two phases.
    n_cycles : float
        Expected number of returns to the warmest phase.
    log_likelihood : float
        Of the phases with nearly geometric sojourns of three occasions or more on average.
    optima : (n_starts,) array
        Log-likelihood reached from each start, the log prior of memory added.
    optima_spread : float
        Best minus median of ``optima``.
    warnings : tuple of str
    """

    n_states: int
    posterior: Array
    means: Array
    covariance: Array
    transition: Array
    dwell_means: Array
    sojourn_cv: float
    circulation: float
    n_cycles: float
    log_likelihood: float
    optima: Array
    optima_spread: float
    warnings: tuple[str, ...]

    row_fields: ClassVar[tuple[str, ...]] = ("posterior",)
