"""`contagion`: does a person's affect follow the partner's, beyond the person's own past?

The affective side of empathy, as the partner effect of an actor-partner model of one affect on both partners' past
(Butler and Randall, 2013, on what such a coupling may and may not mean), per person and for the sample.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reldyn._types import Array, Column, Ints
from reldyn.errors import check_option
from reldyn.panel import analysis
from reldyn.perception._people import mean_cells, perceivers_of, role_groups, with_sample_rows
from reldyn.perception._slopes_of_one import DyadSlope, mean_over, slope_of
from reldyn.results import TableResult

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel, PersonSeries

Timing = Literal["next", "same"]
TIMINGS = ("next", "same")
# Pairs that leave three degrees of freedom for error.
FEWEST_PAIRS = 6
_COLUMNS = [
    *("dyad", "person", "role", "n_pairs", "contagion", "std_error", "inertia", "r"),
    *("statistic", "df", "p_value", "conf_low", "conf_high", "note"),
]

__all__ = ["ContagionResult", "FEWEST_PAIRS", "TIMINGS", "Timing", "contagion", "contagion_slopes"]


class ContagionResult(TableResult):
    """What `contagion` found."""


@analysis
def contagion(
    panel: DyadPanel, *, affect: Column, timing: Timing = "next", unit: Literal["dyad", "person"] = "dyad"
) -> ContagionResult:
    """Measure how far each person's affect follows the partner's, given the own previous affect.

    An association in time; both partners may follow the same events.

    Parameters
    ----------
    panel : DyadPanel
        Two or more occasions. Pairs are of neighbouring scheduled occasions and never cross a night.
    affect : str
        Column with the affect of each person.
    timing : {"next", "same"}, default "next"
        The partner's affect at the occasion before, so that the order in time is known; or at the same occasion,
        which with rare beeps may be the only one that is near enough, and cannot say who follows whom.
    unit : {"dyad", "person"}, default "dyad"
        What the standard errors of the sample count.

    Returns
    -------
    ContagionResult
        A table that is used like a data frame.
        One row per person (the one whose affect follows), then rows with ``dyad`` "sample" per role and over all:
        ``n_pairs``, ``contagion`` (points per point of the partner's affect, by least squares), ``std_error``,
        ``inertia`` (slope of the own previous affect; of the sample its mean), ``r`` (partial correlation),
        ``statistic``, ``df``, ``p_value``, ``conf_low``, ``conf_high``, ``note``. The sample's mean is the
        unweighted one over dyads: in short series a slope and its standard error come from the same few answers, so
        that weights by precision would bias it. Persons without a standard error are left out of it. Fewer than six
        pairs give no slope.

    Raises
    ------
    DataError
        The column does not exist or holds text.
    DesignError
        The panel has one occasion only, or an option is not known.

    Notes
    -----
    With short series the slope of the own past is too small (Nickell, 1981); that of the partner's is affected far
    less. ``rd.apim(panel.lag([affect]), ...)`` is the model with partial pooling.

    References
    ----------
    Butler and Randall (2013), Emotion Review 5, 202-210.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.perception(n_dyads=20, n_occasions=40, contagion=0.3, seed=1).panel
    >>> found = rd.perception.contagion(panel, affect="mood")
    >>> bool(found["contagion"].iloc[-1] > 0.15)
    True
    """
    check_option(timing, TIMINGS, "timing")
    check_option(unit, ("dyad", "person"), "unit")
    people = perceivers_of(panel, affect)
    slopes = contagion_slopes(panel, people, affect, timing)
    rows = [one.identity | _cells(slope) for one, slope in zip(people, slopes, strict=True)]
    dyad = np.array([one.code for one in people])
    return ContagionResult.of(table=with_sample_rows(rows, _sample(rows, dyad, unit), _COLUMNS))


def contagion_slopes(panel: DyadPanel, people: list[PersonSeries], affect: str, timing: Timing) -> list[DyadSlope]:
    """DyadSlope of each person's affect on the partner's, given the own previous affect.

    Parameters
    ----------
    panel : DyadPanel
    people : list of PersonSeries
        Of the affect
    affect : str
    timing : {"next", "same"}

    Returns
    -------
    list of DyadSlope
    """
    before = panel.lag([affect]).values(f"{affect}_lag1")
    if timing == "next":
        other = _partner_before(panel, panel.values(affect))
    else:
        other = panel.actor_partner([affect]).values(f"{affect}_partner")
    return [slope_of(one.values, other[one.row], before[one.row], fewest=FEWEST_PAIRS) for one in people]


def _partner_before(panel: DyadPanel, values: Array) -> Array:
    """The partner's value one scheduled occasion earlier on the same day."""
    row = panel.index.earlier_row(1, of_partner=True)
    return np.where(row >= 0, values[np.maximum(row, 0)], np.nan)


def _cells(slope: DyadSlope) -> dict[str, Any]:
    from scipy.stats import t as student

    df = slope.df
    reach = float(student.ppf(0.975, df)) * slope.std_error if df > 0 and slope.std_error > 0 else math.nan
    return {
        "n_pairs": slope.n,
        "contagion": slope.estimate,
        "std_error": slope.std_error,
        "inertia": slope.others[0],
        "r": slope.r,
        "statistic": slope.estimate / slope.std_error if slope.std_error > 0 else math.nan,
        "df": df,
        "p_value": slope.p_value,
        "conf_low": slope.estimate - reach,
        "conf_high": slope.estimate + reach,
        "note": slope.note,
    }


def _sample(rows: list[dict[str, Any]], dyad: Ints, unit: Literal["dyad", "person"]) -> list[dict[str, Any]]:
    answers = []
    columns = {name: np.array([row[name] for row in rows]) for name in ("contagion", "std_error", "inertia")}
    for role, mine in role_groups([row["role"] for row in rows]):
        found = mean_over(columns["contagion"][mine], dyad[mine], std_errors=columns["std_error"][mine], unit=unit)
        inertia = columns["inertia"][mine]
        answers.append(
            {
                "dyad": "sample",
                "person": "",
                "role": role,
                "n_pairs": sum(row["n_pairs"] for row, kept in zip(rows, mine, strict=True) if kept),
                "contagion": found.row()["estimate"],
                "inertia": float(np.nanmean(inertia)) if np.isfinite(inertia).any() else math.nan,
                "r": math.nan,
                **mean_cells(found),
            }
        )
    return answers
