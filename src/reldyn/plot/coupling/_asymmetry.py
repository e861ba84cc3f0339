"""Who follows whom: the two cross effects of each dyad and their difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reldyn.errors import DesignError
from reldyn.plot._given import draws_result
from reldyn.plot._style import GREEN, GREY, INK, MEMBERS, new_figure, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from reldyn.coupling import AsymmetryResult

    Array = NDArray[np.float64]

__all__ = ["asymmetry"]


@draws_result("rd.coupling.asymmetry(panel, ...)")
def asymmetry(result: AsymmetryResult) -> Figure:
    """Draw both cross effects of every dyad beside their difference, with intervals.

    Parameters
    ----------
    result : AsymmetryResult
        Of `reldyn.coupling.asymmetry`.

    Returns
    -------
    matplotlib.figure.Figure
        One row per dyad with an estimate, the sample (where there is one) at the bottom. Left: either cross effect.
        Right: the difference, above 0 where the first member leads; hollow diamonds are the difference when either
        member may be measured with error. Bars are the intervals of the table. An estimate whose interval is not known
        is a mark without a bar.

    Raises
    ------
    DesignError
        No dyad has an estimate.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.perception(n_dyads=3, n_occasions=40, contagion=(0.3, 0.1), seed=1).panel
    >>> found = rd.coupling.asymmetry(panel, "mood", trend=False, check=False)
    >>> [ax.get_title(loc="left") for ax in found.plot().axes]
    ['Cross effects', 'Difference']
    """
    rows = result.tidy()
    rows = rows[rows["effect"].isin(["influence", "difference"]) & np.isfinite(rows["estimate"].astype(float))]
    if not len(rows):
        raise DesignError("no dyad has an estimate to draw: see the notes of the result.")
    labels = [*dict.fromkeys(rows["dyad"])]
    height = np.array([-labels.index(label) for label in rows["dyad"]], dtype=float)
    # A gap and a line keep the sample apart from the dyads it is made of.
    height = np.where(rows["dyad"] == "sample", height - 0.5, height)
    with style():
        figure = new_figure(7.6, 1.3 + 0.32 * len(labels))
        left, right = figure.subplots(1, 2, sharey=True)
        _cross(left, rows, height, result)
        _apart(right, rows, height)
        places = dict(zip(rows["dyad"], height, strict=True))
        for ax in (left, right):
            ax.axvline(0, color=GREY, lw=0.8, ls=":", zorder=0)
            if "sample" in places and len(places) > 1:
                ax.axhline(places["sample"] + 0.75, color=GREY, lw=0.6)
        left.set_yticks(list(places.values()), [str(one) if one == "sample" else f"dyad {one}" for one in places])
        left.set_ylim(min(places.values()) - 0.6, 0.6)
        left.set_title("Cross effects")
        left.set_xlabel(f"effect of one {result.step_name} on the next, {result.variable}")
        right.set_title("Difference")
        right.set_xlabel(f"{result.second} leads  ←  0  →  {result.first} leads")
        figure.legend(loc="outside lower center", ncols=4)
    return figure


def _cross(ax: Axes, rows: pd.DataFrame, height: Array, result: AsymmetryResult) -> None:
    """Either direction, the first member's above, as the table of differences counts them."""
    leads = dict(
        zip(
            rows.loc[rows["effect"] == "difference", "dyad"],
            rows.loc[rows["effect"] == "difference", "source"],
            strict=True,
        )
    )
    cross = ((rows["effect"] == "influence") & (rows["model"] != "latent")).to_numpy()
    first = np.array([leads.get(dyad) == source for dyad, source in zip(rows["dyad"], rows["source"], strict=True)])
    for place, chosen in enumerate((cross & first, cross & ~first)):
        names = (result.first, result.second)
        label = f"{names[place]} to {names[1 - place]}"
        _bars(ax, rows[chosen], height[chosen] + 0.14 - 0.28 * place, MEMBERS[place], label)


def _apart(ax: Axes, rows: pd.DataFrame, height: Array) -> None:
    difference = (rows["effect"] == "difference").to_numpy()
    latent = (rows["model"] == "latent").to_numpy()
    shift = 0.14 if (difference & latent).any() else 0.0
    chosen = difference & ~latent
    _bars(ax, rows[chosen], height[chosen] + shift, INK, "as measured" if shift else "_")
    if shift:
        chosen = difference & latent
        _bars(ax, rows[chosen], height[chosen] - shift, GREEN, "error allowed", hollow=True)


def _bars(ax: Axes, rows: pd.DataFrame, height: Array, colour: str, label: str, *, hollow: bool = False) -> None:
    low, high = rows["conf_low"].to_numpy(dtype=float), rows["conf_high"].to_numpy(dtype=float)
    ax.hlines(height, low, high, color=colour, lw=1.4)
    face = "white" if hollow else colour
    shape = "D" if hollow else "o"
    ax.plot(rows["estimate"], height, ls="", marker=shape, ms=4.5, mfc=face, mec=colour, label=label)
