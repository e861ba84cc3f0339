"""Figures of a sample in which no mark is one dyad's: how numbers are spread over dyads, how answering went."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reldyn.errors import DataError, DesignError, check_columns
from reldyn.plot._given import check_table
from reldyn.plot._style import BLUE, GREY, INK, new_figure, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["compliance_course", "spread"]

_MOST_PANELS, _MOST_ROWS = 4, 30


def spread(table: pd.DataFrame) -> Figure:
    """Draw how numbers are spread over dyads: the middle half, the median and the mean.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per group: ``of`` (its label), ``number`` (what was measured), ``mean``, ``low``, ``middle``, ``high``
        (quartiles).

    Returns
    -------
    matplotlib.figure.Figure
        One panel for each of the first four kinds of number, which have no common scale. Bars hold the middle half
        of the dyads, the upright line is the median, the dot the mean. Extremes are not drawn: each is one dyad.

    Raises
    ------
    DataError
        A column is missing, or no row has quartiles.

    Examples
    --------
    >>> import pandas as pd, reldyn as rd
    >>> row = {"of": "longing", "number": "inertia", "mean": 0.3, "low": 0.2, "middle": 0.3, "high": 0.4}
    >>> rd.plot.spread(pd.DataFrame([row])).axes[0].get_yticklabels()[0].get_text()
    'longing'
    """
    if not hasattr(table, "columns"):
        raise DesignError(
            f"plot.spread draws a table with one row per group, and was given a {type(table).__name__}: give a data "
            "frame with the columns of, number, mean, low, middle and high."
        )
    check_columns(table.columns, ["of", "number", "mean", "low", "middle", "high"], "table")
    known = table[np.isfinite(table["low"].to_numpy(dtype=float))]
    if known.empty:
        raise DataError("spread: no row has quartiles; they need ten dyads.")
    names = list(dict.fromkeys(known["number"]))[:_MOST_PANELS]
    parts = [known[known["number"] == name].head(_MOST_ROWS) for name in names]
    heights = [0.6 + 0.3 * len(part) for part in parts]
    with style():
        figure = new_figure(6.5, sum(heights) + 0.3)
        axes = np.atleast_1d(figure.subplots(len(parts), 1, height_ratios=heights))
        for ax, part, name in zip(axes, parts, names, strict=True):
            what = str(name).replace("_", " ")
            place = np.arange(len(part))
            ax.hlines(place, part["low"], part["high"], color=BLUE, lw=7, alpha=0.35)
            ax.plot(part["middle"], place, ls="", marker="|", ms=11, mew=2, color=INK)
            ax.plot(part["mean"], place, ls="", marker="o", ms=4, color=BLUE)
            ax.set_yticks(place, list(map(str, part["of"])))
            ax.set_ylim(len(part) - 0.4, -0.6)
            ax.set_xlabel(what)
            ax.tick_params(axis="y", length=0)
            if part["low"].min() < 0 < part["high"].max():
                ax.axvline(0, color=GREY, lw=0.8, zorder=0)
    return figure


def compliance_course(table: pd.DataFrame) -> Figure:
    """Draw the share of answers over the days of a study and the prompts of a day.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `reldyn.DyadPanel.compliance`.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for days and one for prompts, as far as there are several: the share of answers (dots) and of
        occasions that both partners answered (line without dots).

    Raises
    ------
    DataError
        It is another table, or it has neither several days nor several prompts.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("linear", n_dyads=4, n_occasions=40, missing=0.2, seed=1).panel
    >>> [ax.get_xlabel() for ax in rd.plot.compliance_course(panel.compliance()).axes]
    ['day', 'prompt of the day']
    """
    check_table(table, ["level", "label", "share", "both_share"], name="compliance_course", maker="panel.compliance()")
    parts = {what: table[table["level"] == level] for level, what in (("day", "day"), ("beep", "prompt of the day"))}
    parts = {what: part for what, part in parts.items() if len(part) > 1}
    if not parts:
        raise DataError("compliance_course: the table has neither several days nor several prompts.")
    with style():
        figure = new_figure(7.5, 2.6)
        widths = [3 if what == "day" else 1.6 for what in parts]
        axes = np.atleast_1d(figure.subplots(1, len(parts), width_ratios=widths, sharey=True))
        for ax, (what, part) in zip(axes, parts.items(), strict=True):
            place = np.arange(1, len(part) + 1)
            ax.plot(place, part["share"], marker="o", color=BLUE, label="answered")
            ax.plot(place, part["both_share"], color=GREY, ls="--", label="both partners")
            ax.set_xlabel(what)
            ax.set_ylim(0, 1.02)
            ax.xaxis.get_major_locator().set_params(integer=True)
        axes[0].set_ylabel("share of prompts")
        axes[0].legend(loc="lower left", ncols=2)
    return figure
