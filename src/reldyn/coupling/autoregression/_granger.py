"""Does one partner's past say more about the other than the other's own past does? (Granger 1969; Geweke 1982)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn._types import Array, Column
from reldyn.coupling.autoregression._regress import check_lags, past, regression
from reldyn.panel import analysis
from reldyn.results import TableResult

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel, DyadSeries

_NUMBERS = ("statistic", "df", "df_residual", "p_value", "log_ratio", "r_squared_gain")

__all__ = ["GrangerResult", "granger", "granger_test"]


class GrangerResult(TableResult):
    """What `granger` found: two rows per dyad, one per direction."""

    person_columns: ClassVar[tuple[str, ...]] = ("source", "target")


@analysis
def granger(panel: DyadPanel, variable: Column, *, lags: int = 1) -> GrangerResult:
    """Test in both directions whether a partner's past improves the prediction of the other.

    Prediction, not cause: a third thing that reaches one partner earlier than the other, such as the time of day,
    predicts just as well (`asymmetry` takes the time of day out).

    Parameters
    ----------
    panel : DyadPanel
    variable : str
        Numeric column. An occasion counts where it and the ``lags`` scheduled occasions before it on the same day
        are answered; the same occasions serve both regressions.
    lags : int, default 1
        Scheduled occasions to look back.

    Returns
    -------
    GrangerResult
        A table that is used like a data frame, with two rows per dyad: ``dyad``, ``source`` and ``target`` (role, or
        person where no role tells them apart), ``lags``, ``statistic`` (F), ``df``, ``df_residual``, ``p_value``,
        ``log_ratio`` (Geweke's measure: the log of the residual variance without over that with the partner's past; 0
        where it adds nothing), ``r_squared_gain`` (the same as a share of the variance left), ``n_pairs``, ``note``.
        NaN with a note where pairs are too few, a series never varies or the past is collinear.

    Raises
    ------
    DataError
        The column does not exist or holds text.
    DesignError
        ``lags`` is not a whole number from 1 on.

    Notes
    -----
    One equation at a time by least squares with an intercept: F compares residual sums of squares with and without
    the partner's lags.

    References
    ----------
    Granger (1969), Econometrica 37, 424-438. Geweke (1982), Journal of the American Statistical Association 77,
    304-313.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.perception(n_dyads=2, n_occasions=80, contagion=0.3, seed=1).panel
    >>> rd.coupling.granger(panel, "mood")[["df", "df_residual"]].iloc[0].tolist()
    [1.0, 76.0]
    """
    import pandas as pd

    check_lags(lags)
    rows: list[dict[str, Any]] = []
    for pair in panel.series(variable):
        for target in (0, 1):
            who = {"dyad": pair.dyad, "source": pair.names[1 - target], "target": pair.names[target], "lags": lags}
            rows.append(who | _direction(pair, target, lags))
    return GrangerResult.of(table=pd.DataFrame(rows))


def _direction(pair: DyadSeries, target: int, lags: int) -> dict[str, Any]:
    before = past(pair, lags)
    return granger_test(pair.values[:, target], before[:, :, target], before[:, :, 1 - target])


def granger_test(outcome: Array, own: Array, other: Array) -> dict[str, Any]:
    """F test and log-ratio of the partner's lags in one equation.

    Parameters
    ----------
    outcome : (n,) array
    own, other : (n, p) arrays
        Lags of the outcome and of the partner; NaN where missing.

    Returns
    -------
    dict
        ``statistic``, ``df``, ``df_residual``, ``p_value``, ``log_ratio``, ``r_squared_gain``, ``n_pairs``, ``note``.
    """
    from scipy.stats import f as fisher

    ones = np.ones((len(outcome), 1))
    full = regression(np.column_stack([ones, own, other]), outcome)
    if full.reason:
        return {**dict.fromkeys(_NUMBERS, math.nan), "n_pairs": full.n, "note": full.reason}
    # Both models on the rows of the larger one, else their sums of squares could not be compared.
    seen = np.isfinite(other).all(axis=1)
    less = regression(np.column_stack([ones, own])[seen], outcome[seen])
    extra, left, before = other.shape[1], float(full.rss), float(less.rss)
    ratio = (before - left) / extra / (left / full.df)
    return {
        "statistic": ratio,
        "df": float(extra),
        "df_residual": float(full.df),
        "p_value": float(fisher.sf(ratio, extra, full.df)),
        "log_ratio": math.log(before / left),
        "r_squared_gain": 1 - left / before,
        "n_pairs": full.n,
        "note": "",
    }
