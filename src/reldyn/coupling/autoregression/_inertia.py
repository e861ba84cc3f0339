"""Inertia and coordination: how far each partner carries over from the occasion before, and follows the other.

After the model of that name in Butler's work on interpersonal emotion dynamics (Butler 2011, Personality and Social
Psychology Review 15, 367-393): both members' lag-1 regressions on series without their straight trends.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn._types import Column
from reldyn.coupling.autoregression._regress import detrended, past, regression
from reldyn.panel import analysis
from reldyn.results import TableResult
from reldyn.stats import LeastSquares

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel, DyadSeries

__all__ = ["CoordinationResult", "NEVER_LEAVES_LINE", "inertia_coordination", "never_leaves_line"]


class CoordinationResult(TableResult):
    """What `inertia_coordination` found: three rows per dyad and member."""

    person_columns: ClassVar[tuple[str, ...]] = ("outcome", "partner")


NEVER_LEAVES_LINE = "a member never varies around a straight line"
_TERMS = ("intercept", "inertia", "coordination")


@analysis
def inertia_coordination(panel: DyadPanel, variable: Column) -> CoordinationResult:
    """Regress each partner on the own and the other's occasion before, dyad by dyad.

    Each member's series first loses its straight line over time, so that two partners who both drift do not look
    coordinated.

    Parameters
    ----------
    panel : DyadPanel
    variable : str
        Numeric column. A pair of occasions counts where both members answered the earlier and the member the later
        one, on the same day.

    Returns
    -------
    CoordinationResult
        A table that is used like a data frame.
        Three rows per dyad and member (``term`` ``intercept``, ``inertia``, ``coordination``): ``dyad``, ``outcome``
        and ``partner`` (role, or person where no role tells them apart), ``term``, ``estimate``, ``std_error``,
        ``statistic``, ``df``, ``p_value``, ``conf_low``, ``conf_high``, ``n_pairs``, ``note``. NaN with a note where
        pairs are too few or a member never varies around a straight line.

    Raises
    ------
    DataError
        The column does not exist or holds text.

    Notes
    -----
    Ordinary least squares per dyad. Coordination is positive where a member moves towards the side on which the
    partner was; a rhythm both share, such as the time of day, gives the same sign: see `asymmetry`.

    References
    ----------
    Butler (2011), Personality and Social Psychology Review 15, 367-393.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.perception(n_dyads=3, n_occasions=60, contagion=0.3, seed=1).panel
    >>> rd.coupling.inertia_coordination(panel, "mood")["term"].tolist()[:3]
    ['intercept', 'inertia', 'coordination']
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for pair in panel.series(variable):
        for member, fit in enumerate(coordination_fits(pair)):
            cells = inference(fit)
            for place, term in enumerate(_TERMS):
                who = {"dyad": pair.dyad, "outcome": pair.names[member], "partner": pair.names[1 - member]}
                rows.append(who | {"term": term} | {name: column[place] for name, column in cells.items()})
    return CoordinationResult.of(table=pd.DataFrame(rows))


def coordination_fits(pair: DyadSeries) -> tuple[LeastSquares, LeastSquares]:
    """Both members' regressions: columns intercept, own lag, partner's lag."""
    import dataclasses

    rest = dataclasses.replace(pair, values=detrended(pair.values, pair.step if pair.night_known else _order(pair)))
    before = past(rest, 1)[:, 0]
    ones = np.ones((len(before), 1))
    fits = [
        regression(np.column_stack([ones, before[:, member], before[:, 1 - member]]), rest.values[:, member])
        for member in (0, 1)
    ]
    if never_leaves_line(rest.values):
        refused = [dataclasses.replace(fit, beta=np.full(3, math.nan), reason=NEVER_LEAVES_LINE) for fit in fits]
        return refused[0], refused[1]
    return fits[0], fits[1]


def never_leaves_line(rest: np.ndarray[Any, np.dtype[np.float64]]) -> bool:
    """Whether a member with answers stays on a straight line, by (T, 2) deviations of `detrended`."""
    seen = np.isfinite(rest)
    return bool((seen.any(axis=0) & ~np.where(seen, rest, 0.0).any(axis=0)).any())


def _order(pair: DyadSeries) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Where every day starts anew, the place on the schedule stands for time."""
    return np.arange(len(pair.values), dtype=float)


def inference(fit: LeastSquares) -> dict[str, list[Any]]:
    """Columns of a tidy table for every coefficient of a fit, with 95 % intervals of Student's t.

    Parameters
    ----------
    fit : LeastSquares

    Returns
    -------
    dict of str to list
        One entry per coefficient in each list.
    """
    from scipy.stats import t as student

    k = len(fit.beta)
    if fit.reason:
        cells: dict[str, list[Any]] = {
            name: [math.nan] * k
            for name in ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high")
        }
    else:
        error, reach = fit.std_error, float(student.ppf(0.975, fit.df))
        ratio = fit.beta / error
        cells = {
            "estimate": fit.beta.tolist(),
            "std_error": error.tolist(),
            "statistic": ratio.tolist(),
            "df": [float(fit.df)] * k,
            "p_value": (2 * student.sf(np.abs(ratio), fit.df)).tolist(),
            "conf_low": (fit.beta - reach * error).tolist(),
            "conf_high": (fit.beta + reach * error).tolist(),
        }
    return cells | {"n_pairs": [fit.n] * k, "note": [fit.reason] * k}
