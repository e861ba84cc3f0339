"""Simple slopes with their regions of significance, and dyadic response surfaces.

Bauer and Curran (2005) for the band over the moderator's range; Schonbrodt, Humberg and Nestler (2018) for the surface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DesignError
from reldyn.plot._given import draws_result
from reldyn.plot._layers import course
from reldyn.plot._style import BLUE, GREY, INK, MEMBERS, ORANGE, SKY, axes_or_new, figure_of, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from reldyn.results import Result

__all__ = ["response_surface", "simple_slopes"]


@draws_result("rd.actor_partner.simple_slopes(fit)")
def simple_slopes(result: Result, *, ax: Axes | None = None) -> Figure:
    """Draw moderated effects over the range of their moderator.

    Parameters
    ----------
    result : SlopesResult
        Of `reldyn.actor_partner.simple_slopes`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; only for a result with one effect. None makes one panel per effect.

    Returns
    -------
    matplotlib.figure.Figure
        The line is the effect, the band its 95 % interval; where the background is shaded the interval leaves zero
        out. Dots are the values in ``tidy()``.

    Raises
    ------
    DesignError
        ``ax`` is given for several effects.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=60, actor=0.3, partner=0.2, seed=1).panel
    >>> fit = rd.apim(panel, outcome="y", predictors=["x"], interaction="product")
    >>> len(rd.plot.simple_slopes(rd.actor_partner.simple_slopes(fit)).axes)
    2
    """
    lines: Any = result.lines  # type: ignore[attr-defined]
    terms = list(dict.fromkeys(lines["effect_term"]))
    if ax is not None and len(terms) > 1:
        raise DesignError(f"the result has {len(terms)} effects, and one axes holds one: leave ax out.")
    with style():
        if ax is not None:
            _slope_panel(ax, result, terms[0], MEMBERS[0])
            figure = figure_of(ax)
        else:
            columns = min(len(terms), 2)
            rows = -(-len(terms) // columns)
            figure = new_figure(3.4 * columns, 2.7 * rows)
            panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
            for place, term in enumerate(terms):
                _slope_panel(panels[place], result, term, ORANGE if term.startswith("partner") else BLUE)
            for spare in panels[len(terms) :]:
                spare.set_axis_off()
    return figure


def _slope_panel(ax: Axes, result: Any, term: str, colour: str) -> None:
    line = result.lines[result.lines["effect_term"] == term]
    for row in result.regions[(result.regions["effect_term"] == term) & result.regions["significant"]].itertuples():
        ax.axvspan(row.low, row.high, color=SKY, alpha=0.35, linewidth=0)
    ax.axhline(0.0, color=GREY, linewidth=0.8)
    ax.fill_between(line["at"], line["conf_low"], line["conf_high"], color=colour, alpha=0.2, linewidth=0)
    course(ax, line["at"], line["estimate"], colour)
    chosen = result.table[[name.startswith(f"{term} at ") for name in result.table["term"]]]
    ax.plot(chosen["at"], chosen["estimate"], "o", color=colour, markersize=4.5)
    ax.set_title(term)
    whose = {"actor": "own", "partner": "partner's", "dyad": ""}.get(result.trait_of, "")
    ax.set_xlabel(f"{whose} {result.moderator}".strip())
    ax.set_ylabel(f"effect on {result.outcome}")
    ax.set_xlim(*result.limits)


@draws_result("rd.actor_partner.response_surface(panel, ...)")
def response_surface(result: Result, *, ax: Axes | None = None) -> Figure:
    """Draw the surface of an outcome over both partners' predictor, as contours.

    Parameters
    ----------
    result : SurfaceResult
        Of `reldyn.actor_partner.response_surface`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; only for a result with one surface. None makes one panel per role.

    Returns
    -------
    matplotlib.figure.Figure
        Darker is higher. The full line is the line of congruence, the dashed one the first principal axis where it
        crosses the data, the dotted one the line of incongruence. Values are centred at the midpoint. A moderated
        surface is drawn at the means of its moderators.

    Raises
    ------
    DesignError
        ``ax`` is given for several surfaces.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=60, actor=0.3, partner=0.2, roles="exchangeable", seed=1).panel
    >>> surface = rd.actor_partner.response_surface(panel, outcome="y", predictor="x")
    >>> surface.plot().axes[0].get_xlabel()
    'own x'
    """
    told: Any = result
    roles = list(dict.fromkeys(told.table["role"]))
    if ax is not None and len(roles) > 1:
        raise DesignError(f"the result has {len(roles)} surfaces, and one axes holds one: leave ax out.")
    with style():
        if ax is not None:
            panels, figure = [ax], figure_of(ax)
        elif len(roles) == 1:
            panels = [axes_or_new(None, 3.9, 3.3)]
            figure = figure_of(panels[0])
        else:
            figure = new_figure(3.7 * len(roles), 3.3)
            panels = list(figure.subplots(1, len(roles), squeeze=False, sharey=True).ravel())
        for panel, role in zip(panels, roles, strict=True):
            _surface_panel(panel, told, role)
        lines: dict[str, Any] = {}
        for panel in panels:
            handles, labels = panel.get_legend_handles_labels()
            lines |= dict(zip(labels, handles, strict=True))
        if ax is None:
            figure.legend(list(lines.values()), list(lines), loc="outside lower center", ncols=3, fontsize=7.5)
        else:
            ax.legend(list(lines.values()), list(lines), fontsize=7)
    return figure


def _surface_panel(ax: Axes, result: Any, role: Any) -> None:
    table = result.table[result.table["role"] == role]
    if "moderator" in table:
        table = table[(table["moderator"] == "")]
    values = table.set_index("parameter")["estimate"]
    low, high = result.limits
    grid = np.linspace(low, high, 80)
    own, other = np.meshgrid(grid, grid)
    b = [float(values[f"b{k}"]) for k in range(1, 6)]
    height = b[0] * own + b[1] * other + b[2] * own**2 + b[3] * own * other + b[4] * other**2
    filled = ax.contourf(own, other, height, levels=12, cmap="Blues")
    ax.contour(own, other, height, levels=12, colors=INK, linewidths=0.3, alpha=0.5)
    bar = ax.figure.colorbar(filled, ax=ax, shrink=0.85)
    bar.outline.set_visible(False)
    bar.set_label(f"change in {result.outcome}")
    ax.plot([low, high], [low, high], color=ORANGE, linewidth=1.5, label="congruence")
    ax.plot([low, high], [-low, -high], color=ORANGE, linewidth=1.0, linestyle=":", label="incongruence")
    start, slope = float(values["p10"]), float(values["p11"])
    axis = start + slope * grid
    if np.isfinite(axis).all() and axis.min() <= high and axis.max() >= low:
        ax.plot(grid, axis, color=INK, linewidth=1.2, linestyle="--", label="first principal axis")
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    ax.set_aspect("equal")
    ax.set_title(str(role) if role != "" else "all members")
    ax.set_xlabel(f"own {result.predictor}")
    ax.set_ylabel(f"partner's {result.predictor}")
