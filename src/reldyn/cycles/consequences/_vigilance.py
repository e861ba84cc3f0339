"""Does the response follow a fall of warmth more closely than a rise?

Hypervigilance is studied as a raised sensitivity to the partner's negative change; here it is a difference of two
slopes of a series, estimated per direction and pooled over dyads, and it says nothing about a person.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from reldyn._format import counted
from reldyn._types import Column
from reldyn.cycles._sample_level import pool_directions
from reldyn.cycles.series._directions import CycleColumns, build_series
from reldyn.cycles.series._events import ReportedBy
from reldyn.cycles.series._series import DirectionSeries
from reldyn.panel import analysis
from reldyn.results import TableResult
from reldyn.stats import indicators, least_squares, newey_west

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel


__all__ = ["VigilanceResult", "slopes_of_change", "vigilance"]


class VigilanceResult(TableResult):
    """What `vigilance` found."""


# Changes of either sign that carry a slope.
_FEWEST_CHANGES = 10


@analysis
def vigilance(
    panel: DyadPanel, *, warmth: Column, response: Column, reported_by: ReportedBy = "receiver"
) -> VigilanceResult:
    """Compare how the response follows a fall of warmth with how it follows a rise.

    Per direction, least squares of the response on the fall and the rise of warmth since the beep before, the
    level of warmth before, the response before and the time of day, within days only, with standard errors that
    allow for autocorrelation (Newey and West 1987).

    Parameters
    ----------
    panel : DyadPanel
        At least two beeps a day; pairs over night do not count.
    warmth, response : str
        Columns as in `reldyn.detect_cycles`; the response may be threat, tension or arousal.
    reported_by : {"receiver", "giver"}, default "receiver"

    Returns
    -------
    VigilanceResult
        A table that is used like a data frame.
        One row per dyad and giver, then one with ``dyad`` "sample": ``dyad``, ``giver``, ``fall`` and ``rise``
        (points of response per point of change, a fall counted as positive), ``difference`` (fall minus the
        negative of rise: the excess reaction to falls), ``std_error``, ``conf_low``, ``conf_high``,
        ``p_value``, ``n_pairs``, ``note``. The last row pools the differences by random effects over
        dyads (restricted maximum likelihood), because their precision follows the number of pairs.

    Raises
    ------
    DataError
        A column does not exist or holds text.

    Notes
    -----
    Where reactions to falls and rises are alike, p-values are up to .05 in 6 to 8 of a hundred slow rated series of 100
    or 200 beeps (``tools/results/followups``): a p-value just below .05 is weaker than it looks.

    References
    ----------
    Ferrer and Rast (2017), Multivariate Behavioral Research 52 (dyadic location-scale models of which this is
    the location part).

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("linear", n_dyads=4, n_occasions=120, seed=1).panel
    >>> found = rd.cycles.vigilance(panel, warmth="warmth", response="response")
    >>> found["dyad"].tolist()[-1], len(found)
    ('sample', 9)
    """
    import pandas as pd

    rows = []
    for one in build_series(panel, CycleColumns(warmth, response, reported_by)):
        cells = _nothing(0, "no answers") if one.series is None else slopes_of_change(one.series)
        rows.append({"dyad": one.dyad, "giver": one.giver, **cells})
    table = pd.DataFrame(rows)
    found = pool_directions(table["difference"].to_numpy(), table["std_error"].to_numpy(), table["dyad"].tolist())
    sample = _nothing(int(table["n_pairs"].sum()), found.note) | {
        "difference": found.estimate,
        "std_error": found.std_error,
        "conf_low": found.conf_low,
        "conf_high": found.conf_high,
        "p_value": found.p_value,
    }
    last = pd.DataFrame([{"dyad": "sample", "giver": "", **sample}])
    whole = pd.concat([table.astype({"dyad": object, "giver": object}), last], ignore_index=True)
    return VigilanceResult.of(table=whole)


def _nothing(n_pairs: int, note: str) -> dict[str, float | int | str]:
    names = ("fall", "rise", "difference", "std_error", "conf_low", "conf_high", "p_value")
    return {**dict.fromkeys(names, math.nan), "n_pairs": n_pairs, "note": note}


def slopes_of_change(series: DirectionSeries) -> dict[str, float | int | str]:
    """Slopes of the response on falls and rises of warmth, for one direction.

    Parameters
    ----------
    series : DirectionSeries
        Two channels.

    Returns
    -------
    dict
        The cells of one row of `vigilance`.
    """
    from scipy.stats import t as student

    pairs = series.observed[:-1] & series.observed[1:] & ~series.night[1:]
    before, after = series.y[:-1][pairs], series.y[1:][pairs]
    change = after[:, 0] - before[:, 0]
    fall, rise = np.maximum(-change, 0.0), np.maximum(change, 0.0)
    n_pairs = int(pairs.sum())
    fewest, word = min((int((fall > 0).sum()), "fall"), (int((rise > 0).sum()), "rise"))
    if fewest < _FEWEST_CHANGES:
        return _nothing(n_pairs, f"{counted(fewest, word)} within days, below {_FEWEST_CHANGES}")
    beep = series.beep[1:][pairs]
    times = indicators(beep)
    design = np.column_stack([fall, rise, np.ones(n_pairs), before, times])
    if n_pairs < 3 * design.shape[1] or np.ptp(after[:, 1]) == 0:
        return _nothing(n_pairs, "too few pairs, or the response never varies")
    names = [
        "falls",
        "rises",
        "the constant",
        "warmth before",
        "the response before",
        *["a time of day"] * times.shape[1],
    ]
    fit = least_squares(design, after[:, 1], names=names)
    if fit.reason:
        return _nothing(n_pairs, fit.reason)
    beta, covariance = fit.beta, newey_west(fit)
    # Equal and opposite reactions to falls and rises sum to zero.
    difference = float(beta[0] + beta[1])
    error = float(math.sqrt(max(covariance[0, 0] + covariance[1, 1] + 2 * covariance[0, 1], 0.0)))
    df = fit.df
    reach = float(student.ppf(0.975, df)) * error
    return {
        "fall": float(beta[0]),
        "rise": float(beta[1]),
        "difference": difference,
        "std_error": error,
        "conf_low": difference - reach,
        "conf_high": difference + reach,
        "p_value": 2 * float(student.sf(abs(difference) / error, df)) if error > 0 else math.nan,
        "n_pairs": n_pairs,
        "note": "",
    }
