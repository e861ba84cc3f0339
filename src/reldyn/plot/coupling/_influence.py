"""Influence of partners on each other and where it leads: null clines, fixed points and the path taken."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np

from reldyn.errors import DesignError
from reldyn.panel import label_codes
from reldyn.plot._given import draws_result
from reldyn.plot._style import BLUE, GREY, INK, ORANGE, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from reldyn.coupling import InfluenceResult

__all__ = ["influence_functions"]

_POINTS = 801


@draws_result("rd.coupling.influence_functions(panel, ...)")
def influence_functions(result: InfluenceResult, *, dyad: Hashable | None = None) -> Figure:
    """Draw one dyad: what each partner adds to the other, and their null clines.

    Parameters
    ----------
    result : InfluenceResult
        Of `reldyn.coupling.influence_functions`.
    dyad : label, optional
        None: the first dyad with a fit.

    Returns
    -------
    matplotlib.figure.Figure
        Left, one above the other: mean of what the receiver's own course leaves, by score of the partner (with
        standard errors), and the fitted influence. Right: where the first (blue) and the second (orange) stay as they
        are, filled circles for stable and open ones for unstable fixed points, and the observed path in grey.

    Raises
    ------
    DataError
        The dyad is not in the result, or has no fit.
    DesignError
        No dyad has a fit.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("linear", n_dyads=1, n_occasions=1300, seed=1).panel
    >>> found = rd.coupling.influence_functions(panel, "warmth", zero="mean", timing="simultaneous", n_boot=0)
    >>> len(rd.plot.influence_functions(found).axes)
    3
    """
    if not result.equations:
        raise DesignError("no dyad has fitted influence functions to draw.")
    known = list(result.equations)
    label = known[0] if dyad is None else known[label_codes([dyad], known, "dyad", "the fits of the result")[0]]
    with style():
        figure = new_figure(8.6, 4.6)
        grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.35))
        for receiver in (0, 1):
            _draw_influence(figure.add_subplot(grid[receiver, 0]), result, label, receiver)
        _draw_plane(figure.add_subplot(grid[:, 1]), result, label)
    return figure


def _draw_influence(ax: Axes, result: InfluenceResult, dyad: Hashable, receiver: int) -> None:
    members, zeros = result.members[dyad], result.zeros[dyad]
    shown = result.influence
    shown = shown[(shown["dyad"] == dyad) & (shown["receiver"] == members[receiver])]
    scores = shown["partner_score"].to_numpy(dtype=float)
    colour = (BLUE, ORANGE)[receiver]
    ax.axhline(0, color=GREY, lw=0.6)
    ax.axvline(zeros[1 - receiver], color=GREY, lw=0.6)
    error = shown["std_error"].fillna(0.0)
    ax.errorbar(scores, shown["residual"], yerr=error, fmt="o", color=colour, ms=4, elinewidth=0.9)
    line = np.linspace(scores.min(), scores.max(), _POINTS)
    ax.plot(line, _unjoined(result.equations[dyad][receiver].influence(line - zeros[1 - receiver])), color=colour)
    ax.set(xlabel=f"score of {members[1 - receiver]}", ylabel=f"adds to {members[receiver]}")
    if receiver == 0:
        ax.set_title("influence")


def _unjoined(values: np.ndarray) -> np.ndarray:
    """A line that leaves out jumps."""
    shown = values.astype(float).copy()
    jump = np.abs(np.diff(shown))
    typical = np.median(jump) if len(jump) else 0.0
    shown[1:][jump > max(20 * typical, 0.02 * max(np.ptp(values), 1e-12))] = np.nan
    return shown


def _draw_plane(ax: Axes, result: InfluenceResult, dyad: Hashable) -> None:
    members, zeros = result.members[dyad], result.zeros[dyad]
    path = result.turns[result.turns["dyad"] == dyad]
    for _, part in path.groupby("run", sort=False):
        ax.plot(part["first"], part["second"], color=GREY, lw=0.5, alpha=0.45, marker=".", ms=2.5)
    first, second = path["first"].to_numpy(dtype=float), path["second"].to_numpy(dtype=float)
    one, two = result.equations[dyad]
    across = np.linspace(second.min(), second.max(), _POINTS)
    along = np.linspace(first.min(), first.max(), _POINTS)
    for number, branch in enumerate(one.null_cline(across - zeros[1])):
        ax.plot(_unjoined(branch) + zeros[0], across, color=BLUE, lw=1.8, label=_stays(members[0], number))
    for number, branch in enumerate(two.null_cline(along - zeros[0])):
        ax.plot(along, _unjoined(branch) + zeros[1], color=ORANGE, lw=1.8, label=_stays(members[1], number))
    points = result.fixed_points[result.fixed_points["dyad"] == dyad]
    for name, stable, face in (("stable point", True, INK), ("unstable point", False, "white")):
        mine = points[points["stable"] == stable]
        if len(mine):
            ax.plot(mine["first"], mine["second"], "o", ms=7, mec=INK, mfc=face, ls="", zorder=5, label=name)
    ax.set(xlabel=str(members[0]), ylabel=str(members[1]))
    ax.set_title(f"{result.variable}, dyad {dyad}")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)


def _stays(member: Hashable, number: int) -> str | None:
    return f"{member} stays" if number == 0 else None
