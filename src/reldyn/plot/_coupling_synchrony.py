"""Synchrony: profiles over lags with the band of surrogates, windows by lags, and recurrence."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np

from reldyn.errors import DataError, DesignError
from reldyn.plot._style import BLUE, GREY, PALE, axes_or_new, style
from reldyn.results import format_p

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from reldyn.coupling import CrossCorrelationResult

__all__ = ["cross_correlation"]


def cross_correlation(
    result: CrossCorrelationResult, *, dyad: Hashable | None = None, ax: Axes | None = None
) -> Figure:
    """Draw cross-correlations by lag over the band in which 95 % of the surrogates lie at each lag.

    Parameters
    ----------
    result : CrossCorrelationResult
    dyad : label, optional
        None: the mean over dyads, with the single dyads as thin lines.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib.figure.Figure
        Lag k is cor(x[t + k], y[t]): left of 0 the first member is earlier. The band is pointwise: with eleven lags
        one may leave it by chance; the p-value in the title is that of the statistic tested.

    Raises
    ------
    DataError
        There is no such dyad, or nothing to draw.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.load_sample().select(dyads=range(1, 4))
    >>> figure = rd.plot.cross_correlation(rd.coupling.cross_correlation(panel, "longing", max_lag=2, seed=1))
    >>> figure.axes[0].get_ylabel()
    'correlation'
    """
    row = None if dyad is None else row_of(result.dyads["dyad"].tolist(), dyad)
    if row is None:
        curve, low, high = result.sample_correlation, result.sample_low, result.sample_high
        p_value = float(result.sample["p_value"].iloc[0])
    else:
        curve, low, high = result.correlation[row], result.low[row], result.high[row]
        p_value = float(result.dyads["p_value"].iloc[row])
    if not np.isfinite(curve).any():
        raise DesignError("no correlation to draw: see the notes of the result.")
    with style():
        ax = axes_or_new(ax, 5.6, 3.4)
        if row is None and len(result.correlation) > 1:
            ax.plot(result.lags, result.correlation.T, color=PALE, lw=0.8, zorder=0)
        if np.isfinite(low).any():
            ax.fill_between(result.lags, low, high, color=GREY, alpha=0.3, lw=0, label="95 % of surrogates")
        ax.axhline(0, color=GREY, lw=0.8)
        ax.axvline(0, color=GREY, lw=0.8, ls=":")
        ax.plot(result.lags, curve, color=BLUE, marker="o", label="observed")
        who = _names(result, row)
        ax.set_xlabel(f"lag in occasions   ({who[0]} first  ←  0  →  {who[1]} first)")
        ax.set_ylabel("correlation")
        whom = "mean over dyads" if row is None else f"dyad {dyad}"
        ax.set_title(f"{result.variable}: {whom}{tested(p_value)}")
        ax.locator_params(axis="x", integer=True)
        shown = np.concatenate([curve, low, high])
        reach = 1.25 * np.nanmax(np.abs(shown))
        ax.set_ylim(-reach, reach)
        ax.legend(loc="lower right", ncols=2)
    return figure_of(ax)


def _names(result: CrossCorrelationResult, row: int | None) -> tuple[str, str]:
    """The two members, where one name serves all dyads shown."""
    if row is not None:
        return str(result.dyads["x"].iloc[row]), str(result.dyads["y"].iloc[row])
    one = result.dyads["x"].nunique() == 1 and result.dyads["y"].nunique() == 1
    return (str(result.dyads["x"].iloc[0]), str(result.dyads["y"].iloc[0])) if one else ("x", "y")


def tested(p_value: float) -> str:
    """The end of a title that says what the test says."""
    if not np.isfinite(p_value):
        return ", not tested"
    shown = format_p(p_value)
    return f", p {shown}" if shown.startswith("<") else f", p = {shown}"


def row_of(labels: list[Hashable], dyad: Hashable) -> int:
    """Place of a dyad among the labels of a result."""
    if dyad not in labels:
        raise DataError(f"no dyad {dyad!r} in the result.")
    return labels.index(dyad)


def figure_of(ax: Axes) -> Figure:
    """The figure that axes belong to."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise DesignError("the axes belong to no figure.")
    return figure
