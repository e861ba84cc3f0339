"""Reliable change: is a difference larger than the measurement error, and does it cross a cut-off?

Jacobson and Truax (1991) for two scores of a scale. For a diary the error is not that of a scale but of two phase means
of one person's autocorrelated days, and is taken from that person's own series.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn._format import counted
from reldyn._records import brief
from reldyn._types import Array, Column, Flags
from reldyn.errors import DataWarning, DesignError, is_number, warn_caller
from reldyn.intervention._interrupted import drawn_serial, segment_design, tested, unusable
from reldyn.intervention._phases import PhaseSeries, phase_series
from reldyn.panel import analysis
from reldyn.results import TableResult
from reldyn.stats import AR1Fit, fit_ar1, known_seed, map_seeded

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel


__all__ = ["ReliableChange", "ReliableChangeResult", "jacobson_truax", "phase_mean", "reliable_change"]


class ReliableChangeResult(TableResult):
    """What `reliable_change` found: a row per person."""

    figure: ClassVar[str | None] = "reliable_change"


# As Jacobson and Truax print it.
_Z = 1.96


@brief
@dataclass(frozen=True)
class ReliableChange:
    """Jacobson and Truax's index for two scores.

    Attributes
    ----------
    index : float
        Change over the standard error of a difference; beyond 1.96 it is larger than measurement error.
    std_error_difference : float
    critical_change : float
        The smallest reliable difference.
    reliable : bool
    cutoff_a, cutoff_b, cutoff_c : float
        Two SD beyond the mean of those who ask for help; within two SD of the mean of the others; halfway between,
        weighted by the two SD. NaN where a norm is not given.
    """

    index: float
    std_error_difference: float
    critical_change: float
    reliable: bool
    cutoff_a: float
    cutoff_b: float
    cutoff_c: float


def jacobson_truax(
    before: float,
    after: float,
    *,
    sd: float,
    reliability: float,
    reference: tuple[float, float] | None = None,
    comparison: tuple[float, float] | None = None,
) -> ReliableChange:
    """Judge the difference of two scores of one scale.

    Parameters
    ----------
    before, after : float
    sd : float
        Of the scale before anything was tried, in a sample such as this person's.
    reliability : float
        Of the scale, above 0 and below 1.
    reference : (mean, sd), optional
        Of the sample the person comes from, for the cut-offs.
    comparison : (mean, sd), optional
        Of the sample whose range the change might lead into.

    Returns
    -------
    ReliableChange

    Raises
    ------
    DesignError
        A number is out of range.

    Notes
    -----
    The error is that of a difference, sqrt(2) sd sqrt(1 - reliability). Dividing by the error of one score instead, as
    some software does, calls every index 41 % larger than it is.

    References
    ----------
    Jacobson and Truax (1991), Journal of Consulting and Clinical Psychology 59, 12-19.

    Examples
    --------
    >>> found = jacobson_truax(47.5, 32.5, sd=7.5, reliability=0.8, reference=(40, 7.5), comparison=(60, 7.5))
    >>> round(found.index, 4), found.cutoff_a, found.cutoff_b, found.cutoff_c
    (-3.1623, 55.0, 45.0, 50.0)
    """
    if not (is_number(sd) and sd > 0 and is_number(reliability) and 0 < reliability < 1):
        raise DesignError(
            f"sd={sd!r}, reliability={reliability!r}: the SD has to be above 0, the reliability between 0 and 1."
        )
    if not (is_number(before) and is_number(after)):
        raise DesignError(f"before={before!r}, after={after!r}: a missing score cannot be judged; give two numbers.")
    for name, norm in (("reference", reference), ("comparison", comparison)):
        if norm is not None and not (np.shape(norm) == (2,) and all(map(is_number, norm)) and norm[1] > 0):
            raise DesignError(f"{name}={norm!r}: give a mean and an SD above 0.")
    error = math.sqrt(2) * sd * math.sqrt(1 - reliability)
    index = (after - before) / error
    a = b = c = math.nan
    if reference is not None and comparison is not None:
        toward = math.copysign(1.0, comparison[0] - reference[0])
        a, b = reference[0] + 2 * toward * reference[1], comparison[0] - 2 * toward * comparison[1]
        c = (reference[1] * comparison[0] + comparison[1] * reference[0]) / (reference[1] + comparison[1])
    return ReliableChange(index, error, _Z * error, abs(index) > _Z, a, b, c)


@analysis
def reliable_change(
    panel: DyadPanel,
    *,
    outcome: Column,
    phase: Column,
    phases: Sequence[Hashable] | None = None,
    n_boot: int = 999,
    seed: Any = None,
    n_jobs: int = 1,
) -> ReliableChangeResult:
    """Compare the means of two phases of each person with the error that such means have.

    Parameters
    ----------
    panel : DyadPanel
    outcome, phase : str
        Columns: the answers, and the label of the phase.
    phases : pair, optional
        The two labels to compare, the earlier first. None: the two that there are.
    n_boot : int, default 999
        Draws behind the critical value; at least 99.
    seed : int, SeedSequence, Generator or None, default None
        None draws one.
    n_jobs : int, default 1
        Worker processes; the numbers do not depend on it.

    Returns
    -------
    ReliableChangeResult
        A table that is used like a data frame.
        One row per person: ``dyad``, ``person``, ``role``, ``mean_before``, ``mean_after``, ``se_before``,
        ``se_after``, ``n_before``, ``n_after``, ``n_effective_before``, ``n_effective_after``, ``phi``, ``change``,
        ``std_error``, ``index`` (change over its error), ``p_value``, ``critical_change`` (the smallest change that is
        reliable at 5 % in this series), ``reliable`` (missing where it cannot be said), ``note``.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        ``n_boot`` is too small, or the column has not two phases.

    Notes
    -----
    A scale's alpha says how its items hang together between persons, nothing about the days of one person, so it has no
    part here. The phases are two levels with one first-order autoregression around them, by restricted likelihood;
    effective numbers are the independent days that would tell a mean as precisely. No trend is allowed for: with a
    baseline that moves use `interrupted_series`. For two scores of a questionnaire use `jacobson_truax`.

    References
    ----------
    Jacobson and Truax (1991), Journal of Consulting and Clinical Psychology 59, 12-19, for the idea.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.intervention(n_dyads=2, level=2.0, seed=1).panel
    >>> found = rd.intervention.reliable_change(panel, outcome="closeness", phase="phase", seed=1)
    >>> found["reliable"].tolist()
    [True, True, True, True]
    """
    import pandas as pd

    if n_boot < 99:
        raise DesignError(f"n_boot={n_boot} cannot hold a 5 % test: give at least 99.")
    series, _ = phase_series(panel, outcome, phase, phases)

    def one(mine: PhaseSeries, generator: np.random.Generator) -> dict[str, Any]:
        return {**mine.identity, **_of_person(mine, n_boot, generator)}

    rows = map_seeded(one, series, known_seed(seed), n_jobs, label="reliable change")
    table = pd.DataFrame(rows).astype({"reliable": "boolean"})
    unjudged = int(table["reliable"].isna().sum())
    if unjudged:
        warn_caller(
            f"{unjudged} of {counted(len(table), 'person')} could not be judged; the column note says why.", DataWarning
        )
    return ReliableChangeResult.of(table=table)


def _of_person(one: PhaseSeries, n_boot: int, generator: np.random.Generator) -> dict[str, Any]:
    before, after = one.before_values, one.after_values
    cells: dict[str, Any] = {
        "mean_before": float(before.mean()) if len(before) else math.nan,
        "mean_after": float(after.mean()) if len(after) else math.nan,
    }
    names = ("se_before", "se_after", "n_effective_before", "n_effective_after", "phi")
    tests = ("change", "std_error", "index", "p_value", "critical_change")
    cells |= dict.fromkeys(names[:2], math.nan) | {"n_before": len(before), "n_after": len(after)}
    cells |= dict.fromkeys((*names[2:], *tests), math.nan) | {"reliable": None}
    seen, notes = one.observed, list(one.notes)
    design = segment_design(one.time, one.after, "level") if one.after.any() else np.ones((len(one.time), 1))
    reason = unusable(one, design[seen], "level")
    if reason:
        return cells | {"note": "; ".join([*notes, reason])}
    fit = fit_ar1(one.values[seen], design[seen], one.step[seen])
    found = tested(fit, drawn_serial(fit, n_boot, generator))
    for name, which in (("before", ~one.after[seen]), ("after", one.after[seen])):
        mean, error, effective = phase_mean(fit, one.values[seen], which)
        cells |= {f"mean_{name}": mean, f"se_{name}": error, f"n_effective_{name}": effective}
    if fit.at_edge:
        notes.append("the autocorrelation lies at the end of what is possible: no change can be separated from drift")
    return cells | {
        "phi": fit.phi,
        "change": float(found.estimate[1]),
        "std_error": float(found.std_error[1]),
        "index": float(found.statistic[1]),
        "p_value": float(found.p_value[1]),
        "critical_change": float(found.conf_high[1] - found.estimate[1]),
        "reliable": bool(found.p_value[1] <= 0.05),
        "note": "; ".join(notes),
    }


def phase_mean(fit: AR1Fit, y: Array, which: Flags) -> tuple[float, float, float]:
    """Mean of some occasions, its standard error and how many independent occasions it is worth.

    Parameters
    ----------
    fit : AR1Fit
    y : (n,) array
    which : (n,) bool array

    Returns
    -------
    mean, std_error, n_effective : float

    Examples
    --------
    >>> fit = fit_ar1(np.array([1.0, 2.0, 2.0, 1.0, 0.0]), np.ones((5, 1)), np.arange(5))
    >>> mean, error, effective = phase_mean(fit, np.array([1.0, 2.0, 2.0, 1.0, 0.0]), np.ones(5, dtype=bool))
    >>> mean, bool(effective < 5)
    (1.2, True)
    """
    step = fit.design.step[which]
    distance = np.minimum(np.abs(step[:, None] - step[None, :]), 1000)
    correlation = np.where(distance < 1000, np.power(fit.phi, distance), 0.0)
    share = float(correlation.sum()) / len(step) ** 2
    return float(y[which].mean()), fit.sigma * math.sqrt(share), 1 / share
