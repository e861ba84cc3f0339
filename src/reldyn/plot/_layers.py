"""Layers that several figures share, drawn by seaborn from numbers that are there already.

Seaborn's functions may estimate: a mean per x, an interval by bootstrap. Here they are told not to (``estimator=None``,
``errorbar=None``); means and intervals are those of the result. Only functions of one axes are used, because figures
are laid out here. Lines that break at missing answers, and dots whose area is a number of the result, stay with
matplotlib: seaborn joins over gaps and rescales areas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._types import Array
from reldyn.plot._style import SHAPES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

__all__ = ["course", "dots", "tiles"]


def course(ax: Axes, x: Any, y: Any, colour: str, **look: Any) -> None:
    """Draw estimates along x as a line that breaks where there is none; without any, nothing.

    Parameters
    ----------
    ax : Axes
    x, y : (n,) array_like
        In the order in which they are joined.
    colour : str
    **look
        Of `matplotlib.axes.Axes.plot`.
    """
    import seaborn as sns

    across, up = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    gaps = ~np.isfinite(up)
    if gaps.all():
        return
    parts = {"units": np.cumsum(gaps)} if gaps.any() else {}
    if look.get("marker"):
        look = {"markeredgecolor": colour} | look
    sns.lineplot(
        x=across, y=up, ax=ax, color=colour, estimator=None, errorbar=None, sort=False, legend=False, **parts, **look
    )


def dots(ax: Axes, x: Any, y: Any, colours: Sequence[str], *, size: float = 18.0, **look: Any) -> None:
    """Draw one dot per person in the colour and the shape of its group.

    Parameters
    ----------
    ax : Axes
    x, y : (n,) array_like
    colours : sequence of str
        One per dot.
    size : float, default 18
        Area, in square points.
    **look
        Of `matplotlib.axes.Axes.scatter`.
    """
    import seaborn as sns

    palette = {colour: colour for colour in colours}
    shapes = {colour: SHAPES.get(colour, "o") for colour in colours}
    look = {"linewidth": 0, "alpha": 0.75, "style": list(colours), "markers": shapes} | look
    across, up = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    sns.scatterplot(x=across, y=up, hue=list(colours), palette=palette, s=size, ax=ax, legend=False, **look)


def tiles(ax: Axes, values: Array, **look: Any) -> QuadMesh:
    """Draw a matrix as coloured tiles, the first row above; ticks and colour bar are left to the figure.

    Parameters
    ----------
    ax : Axes
    values : (n, m) array
        NaN leaves a tile out.
    **look
        Of `seaborn.heatmap`.

    Returns
    -------
    QuadMesh
        What a colour bar belongs to.
    """
    import seaborn as sns

    sns.heatmap(values, ax=ax, cbar=False, xticklabels=False, yticklabels=False, **look)
    mesh: QuadMesh = ax.collections[-1]  # type: ignore[assignment]
    return mesh
