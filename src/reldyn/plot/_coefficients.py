"""Estimates with their intervals, one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DesignError
from reldyn.plot._given import check_table
from reldyn.plot._style import GREY, INK, MEMBERS, PALE, axes_or_new, style, wrapped
from reldyn.results import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["coefficients"]

_MAKER = "rd.apim(panel, ...) or another analysis with estimates and intervals"


def coefficients(fit: Result, *, intercepts: bool = False, ax: Axes | None = None) -> Axes:
    """Draw the fixed effects of a model as points with 95 % intervals.

    Parameters
    ----------
    fit : Result
        Anything whose ``tidy()`` has ``term``, ``estimate``, ``conf_low`` and ``conf_high``.
    intercepts : bool, default False
        Draw the intercepts too; left out by default because they dwarf the slopes.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        From top to bottom in the order of ``tidy()``; filled where the interval excludes 0.

    Raises
    ------
    DesignError
        No estimate is left to draw.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=30, n_occasions=8, actor=0.3, partner=0.2, seed=1).panel
    >>> fit = rd.apim(panel, outcome="y", predictors=["x"])
    >>> rd.plot.coefficients(fit).get_xlabel()
    'estimate with 95 % interval'
    """
    needed = ["term", "estimate", "conf_low", "conf_high"]
    tidy = callable(getattr(fit, "tidy", None)) and getattr(type(fit), "tidy", None) is not Result.tidy
    check_table(fit.tidy() if tidy else None, needed, name="coefficients", maker=_MAKER, given=fit)
    table = fit.tidy()
    if "effect" in table and not intercepts:
        table = table[table["effect"] != "intercept"]
    if table.empty:
        raise DesignError("the model has nothing but intercepts: draw them with intercepts=True.")
    if not table["estimate"].notna().any():
        raise DesignError("no estimate to draw: see the notes of the result.")
    table = table.reset_index(drop=True)
    roles = [str(role) for role in table["role"]] if "role" in table else [""] * len(table)
    known = list(dict.fromkeys(role for role in roles if role not in ("", "None", "nan")))
    place = np.arange(len(table))
    terms = [wrapped(str(term), 44) for term in table["term"]]
    lines = max(term.count("\n") for term in terms) + 1
    with style():
        ax = axes_or_new(ax, 6.5, 0.9 + (0.14 + 0.14 * lines) * len(table))
        ax.axvline(0, color=GREY, lw=0.8, zorder=0)
        for at, row in enumerate(table.itertuples(index=False)):
            _draw_row(ax, at, row, MEMBERS[known.index(roles[at]) % len(MEMBERS)] if roles[at] in known else INK)
        ax.set_yticks(place, terms)
        ax.set_ylim(len(table) - 0.5, -0.5)
        ax.set_xlabel("estimate with 95 % interval")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.yaxis.grid(True, color=PALE)
        if len(known) > 1:
            _legend(ax, known)
    return ax


def _draw_row(ax: Axes, at: int, row: Any, colour: str) -> None:
    excludes_zero = row.conf_low > 0 or row.conf_high < 0
    ax.plot([row.conf_low, row.conf_high], [at, at], color=colour, lw=1.8, solid_capstyle="round")
    ax.plot(row.estimate, at, "o", ms=5.5, mec=colour, mew=1.4, mfc=colour if excludes_zero else "white")


def _legend(ax: Axes, roles: list[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=MEMBERS[place % len(MEMBERS)], marker="o", label=role) for place, role in enumerate(roles)
    ]
    ax.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(roles), borderaxespad=0.2)
