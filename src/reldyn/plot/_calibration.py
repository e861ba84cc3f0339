"""How often the tests reject, world by world."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reldyn.plot._given import draws_result
from reldyn.plot._style import BLUE, GREY, INK, ORANGE, axes_or_new, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from reldyn.cycles import CalibrationResult

__all__ = ["calibration"]


@draws_result("rd.cycles.calibrate(panel, ...)")
def calibration(result: CalibrationResult, *, ax: Axes | None = None) -> Axes:
    """Draw the rates of rejection of a calibration with their intervals.

    Parameters
    ----------
    result : CalibrationResult
    ax : matplotlib axes, optional
        Default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One row per world; the line marks the level of the tests, which only true claims should pass: those about
        the planted cycle, and regimes in a rhythm.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("linear", n_dyads=1, n_occasions=64, seed=1).panel
    >>> found = rd.cycles.calibrate(panel, warmth="warmth", n_replications=2, n_surrogates=19, seed=1)
    >>> calibration(found).get_xlabel()
    'share of replications'
    """
    table = result.tidy()
    with style():
        ax = axes_or_new(ax, 5.6, 0.9 + 0.5 * len(result.worlds))
        place = np.arange(len(result.worlds))
        for claim, colour, shift in (("regimes", BLUE, -0.13), ("intermittent", ORANGE, 0.13)):
            rows = table[table["claim"] == claim]
            ax.hlines(place + shift, rows["conf_low"], rows["conf_high"], color=colour, lw=1.5)
            ax.plot(rows["estimate"], place + shift, "o", color=colour, ms=5, label=claim)
        level = float(result.setting["alpha"])
        ax.axvline(level, color=INK, lw=0.9, ls=(0, (4, 3)))
        ax.text(level, -0.62, f" level {level:g}", ha="left", va="bottom", fontsize=7.5, color=GREY)
        ax.set_yticks(place, result.worlds)
        ax.set_ylim(len(place) - 0.5, -0.7)
        ax.set_xlim(-0.02, 1.02)
        ax.set_xlabel("share of tests" if result.shared.size else "share of replications")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=2)
    return ax
