"""The path two partners take over their state space grid."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from reldyn.errors import DataError, DesignError
from reldyn.panel import label_codes
from reldyn.plot._given import draws_result
from reldyn.plot._layers import tiles
from reldyn.plot._style import BLUE, INK, ORANGE, PALE, SKY, new_figure, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from reldyn.coupling import GridResult

__all__ = ["state_space_grid"]

_SHOWN = 4
# How far into its cell an event may lie from the middle.
_SPREAD = 0.34


@draws_result("rd.coupling.state_space_grid(panel, ...)")
def state_space_grid(result: GridResult, *, dyads: Sequence[Hashable] | None = None) -> Figure:
    """Draw the grid of each dyad: time in each cell, the path between events, and the attractors.

    Parameters
    ----------
    result : GridResult
        Of `reldyn.coupling.state_space_grid`.
    dyads : sequence of labels, optional
        Which dyads, or one of them; None: the first four that have a grid.

    Returns
    -------
    matplotlib.figure.Figure
        The darker a cell, the larger its share of time; a point per event, larger the longer it lasted, spread within
        its cell by a fixed rule; lines break where the record does; attractors have an orange frame.

    Raises
    ------
    DataError
        A dyad is not in the result.
    DesignError
        No dyad has a grid.

    Examples
    --------
    >>> import reldyn as rd
    >>> grid = rd.coupling.state_space_grid(rd.load_sample(), "longing", bins=4)
    >>> len(rd.plot.state_space_grid(grid, dyads=[1, 2]).axes)
    2
    """
    from matplotlib.patches import Patch

    chosen = _chosen(result, dyads)
    columns = min(len(chosen), 2 if len(chosen) <= 4 else 3)
    rows = math.ceil(len(chosen) / columns)
    # Names of states are long where they are intervals.
    margin = 0.07 * max(len(name) for name in result.states)
    with style():
        figure = new_figure((3.1 + margin) * columns, (2.9 + margin) * rows)
        axes = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
        for ax, dyad in zip(axes, chosen, strict=False):
            _draw(ax, result, dyad)
        for ax in axes[len(chosen) :]:
            ax.remove()
        frame = Patch(facecolor="white", edgecolor=ORANGE, linewidth=1.8, label="attractor")
        figure.legend(handles=[frame], loc="outside lower right")
    return figure


def _chosen(result: GridResult, dyads: Sequence[Hashable] | None) -> list[Hashable]:
    with_grid = list(dict.fromkeys(result.events["dyad"]))
    if not with_grid:
        raise DesignError("no dyad has a grid to draw.")
    if dyads is None:
        return with_grid[:_SHOWN]
    chosen = [with_grid[code] for code in label_codes(dyads, with_grid, "dyad", "the grids of the result")]
    if not chosen:
        raise DataError("dyads= names no dyad: leave it out, or name some.")
    return chosen


def _draw(ax: Axes, result: GridResult, dyad: Hashable) -> None:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    k = len(result.states)
    place = {name: at for at, name in enumerate(result.states)}
    cells = result.cells[result.cells["dyad"] == dyad]
    share = np.zeros((k, k))
    first, second = cells["first"].map(place).to_numpy(), cells["second"].map(place).to_numpy()
    share[second, first] = cells["share"]
    shades = LinearSegmentedColormap.from_list("time", ["white", SKY])
    tiles(ax, share, cmap=shades, vmin=0, linecolor=PALE, linewidth=0.8)
    for x, y in zip(first[cells["attractor"]], second[cells["attractor"]], strict=True):
        frame = Rectangle((x + 0.04, y + 0.04), 0.92, 0.92, fill=False, edgecolor=ORANGE, linewidth=1.8)
        ax.add_patch(frame)
    events = result.events[result.events["dyad"] == dyad]
    at = _spread(events, place)
    for run in dict.fromkeys(events["run"]):
        mine = (events["run"] == run).to_numpy()
        ax.plot(at[mine, 0], at[mine, 1], color=INK, lw=0.6, alpha=0.35)
    length = events["duration"].to_numpy(dtype=float)
    ax.scatter(at[:, 0], at[:, 1], s=6 + 20 * length / length.max(), color=BLUE, alpha=0.7, linewidths=0, zorder=3)
    ticks = np.arange(k) + 0.5
    long = max(len(name) for name in result.states) > 4
    ax.set_xticks(ticks, result.states, rotation=35 if long else 0, ha="right" if long else "center")
    ax.set_yticks(ticks, result.states)
    ax.set(xlim=(0, k), ylim=(0, k), aspect="equal", xlabel=result.members[0], ylabel=result.members[1])
    ax.tick_params(length=0)
    ax.set_title(f"{result.variable}, dyad {dyad}")


def _spread(events: pd.DataFrame, place: dict[str, int]) -> np.ndarray:
    """Points within their cells along a golden-ratio lattice, so that the figure is the same every time."""
    number = np.arange(1, len(events) + 1)
    lattice = np.column_stack([number * 0.7548776662, number * 0.5698402910]) % 1.0
    middle = np.column_stack([events["first"].map(place), events["second"].map(place)]) + 0.5
    return middle + _SPREAD * (2 * lattice - 1)
