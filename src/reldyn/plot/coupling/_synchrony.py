"""Synchrony: profiles over lags with the band of surrogates, windows by lags, and recurrence."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DesignError
from reldyn.panel import label_codes
from reldyn.plot._given import draws_result
from reldyn.plot._layers import course
from reldyn.plot._style import BLUE, GREY, INK, ORANGE, PALE, SKY, axes_or_new, figure_of, new_figure, style
from reldyn.results import equals_p

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from reldyn.coupling import CrossCorrelationResult, RecurrenceResult, SusyResult, SynchronyResult, WindowedResult

__all__ = ["cross_correlation", "recurrence", "susy", "windowed_cross_correlation"]

# More rows than this are thinned before they are drawn.
_MOST_CELLS = 1500


@draws_result("rd.coupling.cross_correlation(panel, ...)")
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
        course(ax, result.lags, curve, BLUE, marker="o", label="observed")
        ax.set_xlabel(lag_label(result, _names(result, row)))
        ax.set_ylabel("correlation")
        whom = "mean over dyads" if row is None else f"dyad {dyad}"
        ax.set_title(f"{result.variable}: {whom}{p_text(p_value)}")
        ax.locator_params(axis="x", integer=True)
        shown = np.concatenate([curve, low, high])
        reach = 1.25 * np.nanmax(np.abs(shown))
        ax.set_ylim(-reach, reach)
        ax.legend(loc="lower right", ncols=2)
    return figure_of(ax)


@draws_result("rd.coupling.windowed_cross_correlation(panel, ...)")
def windowed_cross_correlation(
    result: WindowedResult, *, dyad: Hashable | None = None, peaks: bool = True, ax: Axes | None = None
) -> Figure:
    """Draw the windowed cross-correlations of one dyad as a map of windows by lags.

    Parameters
    ----------
    result : WindowedResult
    dyad : label, optional
        None: the first dyad that has windows.
    peaks : bool, default True
        Mark in each window the peak nearest to lag 0.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib.figure.Figure
        Blue is positive, orange negative; lag k is cor(x[t + k], y[t]), so above 0 the second member is earlier.

    Raises
    ------
    DataError
        There is no such dyad.
    DesignError
        It has no window.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=1, n_occasions=60, actor=0.3, partner=0.4, seed=1).panel
    >>> result = rd.coupling.windowed_cross_correlation(
    ...     panel, "y", window=20, increment=5, max_lag=4, surrogate=None
    ... )
    >>> rd.plot.windowed_cross_correlation(result).axes[0].get_title(loc="left")
    'y: dyad 1, windows of 20, not tested'
    """
    labels = result.dyads["dyad"].tolist()
    usable = [label for label, matrix in zip(labels, result.matrices, strict=True) if np.isfinite(matrix).any()]
    row = row_of(labels, dyad if dyad is not None else usable[0] if usable else labels[0])
    matrix, starts = result.matrices[row], result.starts[row]
    if not np.isfinite(matrix).any():
        raise DesignError(f"dyad {labels[row]!r} has no window to draw: see the notes of the result.")
    with style():
        ax = axes_or_new(ax, 7.0, 3.6)
        middle = starts + result.window / 2
        edges = _cell_edges(middle), _cell_edges(result.lags)
        mesh = ax.pcolormesh(*edges, matrix.T, cmap=_diverging(), vmin=-1, vmax=1, rasterized=True)
        ax.axhline(0, color=INK, lw=0.8, ls=":")
        if peaks and len(result.lags) > 1:
            found = result.peaks()
            lag = found.loc[found["dyad"] == labels[row], "peak_lag"].to_numpy(dtype=float)
            ax.plot(middle, lag, ls="", marker="o", ms=3.5, mfc="white", mec=INK, mew=0.9, label="peak nearest to 0")
            ax.legend(loc="upper right", frameon=True, framealpha=0.85)
        who = _names(result, row)
        ax.set_xlabel(f"middle of the window, scheduled {result.step_name}")
        ax.set_ylabel(f"lag in {result.step_name}s   ({who[0]} first ← 0 → {who[1]} first)")
        p_value = float(result.dyads["p_value"].iloc[row])
        ax.set_title(f"{result.variable}: dyad {labels[row]}, windows of {result.window}{p_text(p_value)}")
        figure = figure_of(ax)
        figure.colorbar(mesh, ax=ax, label="correlation", pad=0.02)
    return figure


@draws_result("rd.coupling.recurrence(panel, ...)")
def recurrence(result: RecurrenceResult, *, dyad: Hashable | None = None) -> Figure:
    """Draw the cross-recurrence plot of one dyad beside its diagonal profile.

    Parameters
    ----------
    result : RecurrenceResult
    dyad : label, optional
        None: the first dyad in which anything recurs.

    Returns
    -------
    matplotlib.figure.Figure
        Left: a dot where x (upwards) and y (to the right) are alike; the line marks the same moment. Right: the share
        of such pairs by lag k, x[t + k] with y[t], over the pointwise 95 % band of surrogates.

    Raises
    ------
    DataError
        There is no such dyad.
    DesignError
        Nothing recurs.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.load_sample().select(dyads=[1])
    >>> figure = rd.plot.recurrence(rd.coupling.recurrence(panel, "longing", max_lag=2, surrogate=None))
    >>> [ax.get_title(loc="left") for ax in figure.axes]
    ['longing: dyad 1, not tested', 'by lag']
    """
    labels = result.dyads["dyad"].tolist()
    usable = [label for label, rr in zip(labels, result.dyads["rr"], strict=True) if rr > 0]
    row = row_of(labels, dyad if dyad is not None else usable[0] if usable else labels[0])
    if labels[row] not in usable:
        raise DesignError(f"nothing recurs in dyad {labels[row]!r}: see the notes of the result.")
    plot = result.matrix(labels[row])
    who = _names(result, row)
    with style():
        figure = new_figure(7.6, 3.9)
        left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
        _draw_cells(left, plot)
        left.set_xlabel(f"{result.step_name} of {who[1]}")
        left.set_ylabel(f"{result.step_name} of {who[0]}")
        left.set_title(f"{result.variable}: dyad {labels[row]}{p_text(float(result.dyads['p_value'].iloc[row]))}")
        _draw_profile(right, result, row)
        right.set_xlabel(lag_label(result, who))
        right.set_ylabel("share recurrent")
        right.set_title("by lag")
    return figure


def _draw_cells(ax: Axes, plot: NDArray[np.bool_]) -> None:
    from matplotlib.colors import ListedColormap

    step = max(1, len(plot) // _MOST_CELLS)
    n = len(plot)
    ax.imshow(
        plot[::step, ::step],
        cmap=ListedColormap(["white", BLUE]),
        origin="lower",
        extent=(-0.5, n - 0.5, -0.5, n - 0.5),
        interpolation="nearest",
    )
    ax.plot([0, n - 1], [0, n - 1], color=ORANGE, lw=0.8, ls="--")
    ax.locator_params(integer=True, nbins=6)


def _draw_profile(ax: Axes, result: RecurrenceResult, row: int) -> None:
    if np.isfinite(result.low[row]).any():
        ax.fill_between(
            result.lags, result.low[row], result.high[row], color=GREY, alpha=0.3, lw=0, label="95 % of surrogates"
        )
    ax.axvline(0, color=GREY, lw=0.8, ls=":")
    course(ax, result.lags, result.profile_rate[row], BLUE, marker="o", label="observed")
    ax.locator_params(axis="x", integer=True)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.25 * (high - low))
    ax.legend(loc="upper right")


@draws_result("rd.coupling.susy(panel, ...)")
def susy(result: SusyResult, *, dyad: Hashable | None = None, ax: Axes | None = None) -> Figure:
    """Draw real and pseudo-synchrony by lag.

    Parameters
    ----------
    result : SusyResult
    dyad : label, optional
        None: the mean over dyads.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib.figure.Figure
        Mean absolute Fisher z of segments recorded together, and of segments that were not.

    Raises
    ------
    DataError
        There is no such dyad.
    DesignError
        No dyad has a segment.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=2, n_occasions=80, actor=0.3, partner=0.4, seed=1).panel
    >>> result = rd.coupling.susy(panel, "y", segment=20, max_lag=3, n_surrogates=99, seed=1)
    >>> rd.plot.susy(result).axes[0].get_ylabel()
    'mean |Fisher z|'
    """
    row = None if dyad is None else row_of(result.dyads["dyad"].tolist(), dyad)
    rows = slice(None) if row is None else slice(row, row + 1)
    seen = np.isfinite(result.real[rows]).any(axis=1)
    if not seen.any():
        raise DesignError("no segment to draw: see the notes of the result.")
    real, pseudo = result.real[rows][seen].mean(axis=0), result.pseudo[rows][seen].mean(axis=0)
    test = result.sample.iloc[0] if row is None else result.dyads.iloc[row]
    with style():
        ax = axes_or_new(ax, 5.6, 3.4)
        ax.axvline(0, color=GREY, lw=0.8, ls=":")
        course(ax, result.lags, pseudo, GREY, label="segments that were not together")
        course(ax, result.lags, real, BLUE, marker="o", label="segments recorded together")
        ax.set_ylim(0, 1.35 * max(np.nanmax(real), np.nanmax(pseudo)))
        ax.locator_params(axis="x", integer=True)
        ax.set_xlabel(lag_label(result, _names(result, row)))
        ax.set_ylabel("mean |Fisher z|")
        whom = "mean over dyads" if row is None else f"dyad {dyad}"
        ax.set_title(f"{result.variable}: {whom}{p_text(float(test['p_value']))}")
        ax.legend(loc="upper right")
    return figure_of(ax)


def _cell_edges(middle: Any) -> NDArray[np.float64]:
    """Edges of cells half-way between their middles, (n + 1,) of (n,); a cell alone is one wide."""
    points = np.asarray(middle, dtype=float)
    if len(points) == 1:
        return np.array([points[0] - 0.5, points[0] + 0.5])
    between = (points[1:] + points[:-1]) / 2
    return np.concatenate([[2 * points[0] - between[0]], between, [2 * points[-1] - between[-1]]])


def _diverging() -> LinearSegmentedColormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("coupling", [ORANGE, "#F3B48A", "white", SKY, BLUE])


def lag_label(result: SynchronyResult, members: tuple[str, str]) -> str:
    """The axis of lags, with who is earlier on either side."""
    return f"lag in {result.step_name}s   ({members[0]} first ← 0 → {members[1]} first)"


def _names(result: SynchronyResult, row: int | None) -> tuple[str, str]:
    """The two members, where one name serves all dyads shown."""
    if row is not None:
        return str(result.dyads["x"].iloc[row]), str(result.dyads["y"].iloc[row])
    one = result.dyads["x"].nunique() == 1 and result.dyads["y"].nunique() == 1
    return (str(result.dyads["x"].iloc[0]), str(result.dyads["y"].iloc[0])) if one else ("x", "y")


def p_text(p_value: float) -> str:
    """The end of a title that says what the test says."""
    if not np.isfinite(p_value):
        return ", not tested"
    return f", p {equals_p(p_value)}"


def row_of(labels: list[Hashable], dyad: Hashable) -> int:
    """Place of a dyad among the labels of a result."""
    return label_codes([dyad], labels, "dyad", "the result")[0]
