"""`empathic_accuracy`: how closely judgments of the partner's states follow the partner's own reports.

Time series: the correlation over time, Fisher's z, its mean over perceivers, with averaging in bins before (Zaki,
Bolger and Ochsner, 2008). Rated contents: the share of the points that could be had (Ickes, Stinson, Bissonnette and
Garcia, 1990).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reldyn._types import Array, Column, Ints
from reldyn.errors import DesignError, check_count, check_option
from reldyn.panel import analysis
from reldyn.perception._people import mean_cells, perceivers_of, role_groups, with_sample_rows
from reldyn.perception._slopes_of_one import LARGEST_R, fisher_z, is_constant, mean_over
from reldyn.results import TableResult

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

__all__ = ["EmpathicAccuracy", "empathic_accuracy"]


class EmpathicAccuracy(TableResult):
    """What `empathic_accuracy` found."""


# Fisher's z has a variance from here on.
_FEWEST = 4
_COLUMNS = [
    *("dyad", "person", "role", "n_obs", "n_points", "accuracy", "z", "directional_bias"),
    *("std_error", "statistic", "df", "p_value", "conf_low", "conf_high", "note"),
]


@analysis
def empathic_accuracy(
    panel: DyadPanel,
    *,
    judgment: Column | None = None,
    truth: Column | None = None,
    bin_width: int = 1,
    ratings: Column | None = None,
    max_rating: float = 2.0,
    unit: Literal["dyad", "person"] = "dyad",
) -> EmpathicAccuracy:
    """Measure each perceiver's empathic accuracy, the cognitive side of empathy.

    Parameters
    ----------
    panel : DyadPanel
        Rows of perceivers.
    judgment, truth : str, optional
        Columns of the perceiver's row: the judgment of the partner's state, and the partner's own report of it (after
        ``panel.actor_partner(["mood"])`` that is ``"mood_partner"``).
    bin_width : int, default 1
        Scheduled occasions that are averaged to one point before correlating, within days; for continuous ratings two
        to five seconds' worth, because reactions lag and jitter. 1: every occasion is a point.
    ratings : str, optional
        In place of judgment and truth: judges' ratings of how much each inference resembles what the partner
        reported, from 0 to ``max_rating``.
    max_rating : float, default 2
        The best rating: 0, 1, 2 is the scale of Ickes and others.
    unit : {"dyad", "person"}, default "dyad"
        What the standard errors of the sample count: dyads, because the two members are not independent; or persons,
        as many papers do.

    Returns
    -------
    EmpathicAccuracy
        A table that is used like a data frame.
        One row per perceiver, then rows with ``dyad`` "sample": per role where there are two, and over all.
        ``n_obs`` (judgments with a truth), ``n_points`` (bins), ``accuracy`` (the correlation, or the per cent of the
        points; of the sample the mean z turned back, or the mean per cent), ``z`` (Fisher's), ``directional_bias``
        (mean judgment minus mean truth), and for the sample ``std_error``, ``statistic``, ``df``, ``p_value`` (of the
        mean z; no test for per cent, where zero is no hypothesis), ``conf_low``, ``conf_high`` (of ``accuracy``),
        ``note``. A perceiver with fewer than four points or a series that never varies has no correlation and is
        left out of the mean, not counted as zero; a correlation beyond .9999 in size enters the mean as .9999.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        Neither or both of judgment with truth and ratings are given; an option is not known; a rating lies outside its
        scale.

    References
    ----------
    Ickes, Stinson, Bissonnette and Garcia (1990), Journal of Personality and Social Psychology 59, 730-742. Zaki,
    Bolger and Ochsner (2008), Psychological Science 19, 399-404.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.perception(n_dyads=20, n_occasions=30, seed=1).panel.actor_partner(["mood"])
    >>> found = rd.perception.empathic_accuracy(panel, judgment="perceived", truth="mood_partner")
    >>> found[found["dyad"] == "sample"]["role"].tolist()
    ['a', 'b', '']
    """
    check_option(unit, ("dyad", "person"), "unit")
    check_count(bin_width, "bin_width", 1)
    if ratings is not None and judgment is None and truth is None:
        people = perceivers_of(panel, ratings)
        _check_range(panel.values(ratings), ratings, max_rating)
        rows = [one.identity | _share(one.values, max_rating) for one in people]
    elif judgment is not None and truth is not None and ratings is None:
        people = perceivers_of(panel, judgment)
        true, bins = panel.values(truth), _bins(panel, int(bin_width))
        rows = [one.identity | _tracking(one.values, true[one.row], bins[one.row]) for one in people]
    else:
        raise DesignError("give either judgment= and truth= (two columns), or ratings= (one column).")
    dyad = np.array([one.code for one in people])
    sample = _sample(rows, dyad, unit, correlations=ratings is None)
    return EmpathicAccuracy.of(table=with_sample_rows(rows, sample, _COLUMNS))


def _bins(panel: DyadPanel, width: int) -> Ints:
    """Code of the bin of every row; bins never lie over a night."""
    day, step = panel.index.lag_codes
    return np.asarray(day * (int(step.max()) // width + 1) + step // width)


def _empty(n_obs: int, n_points: int, note: str) -> dict[str, Any]:
    cells = dict.fromkeys(_COLUMNS[5:-1], math.nan)
    return {"n_obs": n_obs, "n_points": n_points, **cells, "note": note}


def _tracking(judgments: Array, true: Array, bins: Ints) -> dict[str, Any]:
    both = np.flatnonzero(np.isfinite(judgments) & np.isfinite(true))
    n_obs = len(both)
    if not n_obs:
        return _empty(0, 0, "no judgment with a truth")
    _, place = np.unique(bins[both], return_inverse=True)
    count = np.bincount(place)
    x, y = (np.bincount(place, weights=values[both]) / count for values in (judgments, true))
    cells = _empty(n_obs, len(count), "") | {"directional_bias": float((judgments[both] - true[both]).mean())}
    if len(count) < _FEWEST:
        return cells | {"note": f"{len(count)} points, below {_FEWEST}"}
    for values, name in ((x, "judgment"), (y, "truth")):
        if is_constant(values):
            return cells | {"note": f"the {name} never varies"}
    r = float(np.clip(np.corrcoef(x, y)[0, 1], -1.0, 1.0))
    z, held = fisher_z(r)
    note = f"the correlation is {r:.0f}; z is that of {math.copysign(LARGEST_R, r):.4f}" if held else ""
    return cells | {"accuracy": r, "z": z, "note": note}


def _check_range(points: Array, name: str, largest: float) -> None:
    if not largest > 0:
        raise DesignError(f"max_rating={largest!r} is no best rating: give a number above 0.")
    seen = points[np.isfinite(points)]
    if len(seen) and (seen.min() < 0 or seen.max() > largest):
        raise DesignError(
            f"{name!r} has ratings from {seen.min():g} to {seen.max():g}, outside 0 to {largest:g}: recode them or "
            "give max_rating."
        )


def _share(points: Array, largest: float) -> dict[str, Any]:
    seen = points[np.isfinite(points)]
    if not len(seen):
        return _empty(0, 0, "no rating")
    return _empty(len(seen), len(seen), "") | {"accuracy": 100 * float(seen.mean()) / largest}


def _sample(
    rows: list[dict[str, Any]], dyad: Ints, unit: Literal["dyad", "person"], *, correlations: bool
) -> list[dict[str, Any]]:
    answers = []
    values = np.array([row["z" if correlations else "accuracy"] for row in rows])
    bias = np.array([row["directional_bias"] for row in rows])
    for role, mine in role_groups([row["role"] for row in rows]):
        found = mean_over(values[mine], dyad[mine], unit=unit)
        cells = mean_cells(found)
        if correlations:
            correlation = found.transformed(np.tanh).row()
            cells |= {"accuracy": correlation["estimate"], "z": found.row()["estimate"]}
            cells |= {name: correlation[name] for name in ("conf_low", "conf_high")}
        else:
            # That an accuracy of no per cent at all can be ruled out says nothing.
            cells |= {"accuracy": found.row()["estimate"], "statistic": math.nan, "p_value": math.nan}
        seen = bias[mine][np.isfinite(bias[mine])]
        answers.append(
            {
                "dyad": "sample",
                "person": "",
                "role": role,
                "n_obs": sum(row["n_obs"] for row, kept in zip(rows, mine, strict=True) if kept),
                "n_points": sum(row["n_points"] for row, kept in zip(rows, mine, strict=True) if kept),
                "directional_bias": float(seen.mean()) if len(seen) else math.nan,
                **cells,
            }
        )
    return answers
