"""Path diagrams of the actor-partner family: mediation and common fate.

Layouts after Ledermann, Macho and Kenny (2011) and Ledermann and Kenny (2012).
"""

from __future__ import annotations

import itertools
import textwrap
from typing import TYPE_CHECKING, Any

from reldyn.errors import DesignError, check_option
from reldyn.plot._given import draws_result
from reldyn.plot._style import BLUE, GREY, INK, ORANGE, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from reldyn.results import Result

__all__ = ["common_fate_diagram", "mediation_diagram"]

TOP, BOTTOM = 0.80, 0.20
WIDTH, HEIGHT = 0.085, 0.085


@draws_result("rd.actor_partner.mediation(panel, ...)")
def mediation_diagram(result: Result, *, predictor: str | None = None, mediator: str | None = None) -> Figure:
    """Draw an actor-partner mediation: its paths, and the direct effects under them.

    Parameters
    ----------
    result : MediationResult
        Of `reldyn.actor_partner.mediation`.
    predictor, mediator : str, optional
        Which one to draw of several; None: the only one.

    Returns
    -------
    matplotlib.figure.Figure
        Left: paths to and from the mediators. Right: direct effects, the mediators held constant. A dashed path has a
        95 % interval that includes 0. Exchangeable members share their paths, drawn twice.

    Raises
    ------
    DesignError
        The result has several predictors or mediators, and none of them is named.

    Examples
    --------
    >>> import numpy as np, reldyn as rd
    >>> rows = rd.simulate.apim(n_dyads=80, actor=0.4, partner=0.2, seed=1).panel.frame
    >>> rows["m"] = 0.5 * rows["x"] + np.random.default_rng(2).normal(size=len(rows))
    >>> panel = rd.DyadPanel(rows, dyad="dyad", person="person", role="role")
    >>> fit = rd.actor_partner.mediation(panel, outcome="y", predictor="x", mediator="m", interval="delta")
    >>> len(fit.plot().axes)
    2
    """
    told: Any = result
    members = [str(role) for role in told.roles] or ["member 1", "member 2"]
    x, y = _chosen("predictor", predictor, told.predictors), told.outcome
    m = _chosen("mediator", mediator, told.mediators)
    with style():
        figure = new_figure(9.4, 3.5)
        left, right = figure.subplots(1, 2, width_ratios=(1.55, 1))
        _mediation_panel(left, told, "Through the mediators", ((x, 0.1), (m, 0.5), (y, 0.9)), members)
        _mediation_panel(right, told, "Direct effects", ((x, 0.14), (y, 0.86)), members)
        figure.supxlabel("Estimates; dashed: the 95 % interval includes 0.", fontsize=8, color=GREY)
    return figure


def _chosen(what: str, name: str | None, known: tuple[str, ...]) -> str:
    """The variable to draw."""
    if name is None and len(known) > 1:
        raise DesignError(f"the result has several {what}s ({', '.join(known)}): say which one to draw with {what}=.")
    if name is None:
        return known[0]
    check_option(name, known, what)
    return name


def _mediation_panel(
    ax: Axes, result: Any, title: str, boxes: tuple[tuple[str, float], ...], members: list[str]
) -> None:
    _blank(ax, title)
    half = WIDTH if len(boxes) == 3 else 1.3 * WIDTH
    for (source, start), (to, end) in itertools.pairwise(boxes):
        for place, role in enumerate(result.roles or ("", "")):
            rows = result.paths
            rows = rows[(rows["source"] == source) & (rows["outcome"] == to) & (rows["role"] == role)]
            height = (TOP, BOTTOM)[place]
            for row in rows.itertuples():
                own = row.effect == "actor"
                first = height if own else (BOTTOM, TOP)[place]
                ends = (start + half + 0.005, first), (end - half - 0.005, height)
                _arrow(ax, *ends, row, BLUE if own else ORANGE, crossing=not own)
    for name, x in boxes:
        for member, y in zip(members, (TOP, BOTTOM), strict=True):
            _box(ax, x, y, name, member, half)


@draws_result("rd.actor_partner.common_fate(panel, ...)")
def common_fate_diagram(result: Result) -> Figure:
    """Draw a common fate model: what the members share, and the slope between the two shared variables.

    Parameters
    ----------
    result : CommonFateResult
        Of `reldyn.actor_partner.common_fate`.

    Returns
    -------
    matplotlib.figure.Figure
        Circles are dyad-level variables with their variances, boxes the members' reports (loadings 1). A title in
        capitals says that the solution is inadmissible.

    Examples
    --------
    >>> import numpy as np, pandas as pd, reldyn as rd
    >>> draw = np.random.default_rng(1).normal(size=(100, 6))
    >>> x, y = draw[:, :1] + 0.7 * draw[:, 1:3], 0.5 * draw[:, :1] + 0.5 * draw[:, 5:] + 0.6 * draw[:, 3:5]
    >>> rows = pd.DataFrame({"dyad": np.repeat(range(100), 2), "who": ["f", "m"] * 100, "x": x.ravel(), "y": y.ravel()})
    >>> panel = rd.DyadPanel(rows, dyad="dyad", person="who", role="who")
    >>> len(rd.actor_partner.common_fate(panel, outcome="y", predictor="x").plot().axes)
    1
    """
    told: Any = result
    members = [str(role) for role in told.roles] or ["member 1", "member 2"]
    table = told.table.set_index("term")
    with style():
        figure = new_figure(6.4, 3.4)
        ax = figure.add_subplot()
        _blank(ax, "Common fate" if told.admissible else "INADMISSIBLE: a variance is negative")
        for x, shared, name, inward in ((0.12, 0.36, told.predictor, 1), (0.88, 0.64, told.outcome, -1)):
            for member, y in zip(members, (TOP, BOTTOM), strict=True):
                _plain_arrow(
                    ax, (shared - inward * 0.055, 0.5 + (0.125 if y > 0.5 else -0.125)), (x + inward * 0.11, y)
                )
                _box(ax, x, y, name, member, 0.1)
            label = f"variance of {name}" if inward > 0 else f"disturbance of {name}"
            _circle(ax, shared, name, float(table.loc[label, "estimate"]))
        slope = next(row for row in told.table.itertuples() if row.term == "slope")
        _arrow(ax, (0.36 + 0.092, 0.5), (0.64 - 0.092, 0.5), slope, BLUE, crossing=False)
    return figure


def _blank(ax: Axes, title: str) -> None:
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_title(title)


def _box(ax: Axes, x: float, y: float, variable: str, member: str, half: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    ax.add_patch(
        FancyBboxPatch(
            (x - half, y - HEIGHT),
            2 * half,
            2 * HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.02",
            facecolor="white",
            edgecolor=INK,
            linewidth=1.0,
        )
    )
    name = "\n".join(textwrap.wrap(variable.replace("_", " "), 12, break_long_words=False)[:2])
    ax.text(x, y + 0.02, name, ha="center", va="center", fontsize=8.0, linespacing=0.95)
    ax.text(x, y - 0.055, member, ha="center", va="center", fontsize=7.2, color=GREY)


def _circle(ax: Axes, x: float, name: str, variance: float) -> None:
    from matplotlib.patches import Ellipse

    ax.add_patch(Ellipse((x, 0.5), 0.175, 0.3, facecolor="white", edgecolor=INK, linewidth=1.0))
    ax.text(
        x,
        0.535,
        "\n".join(textwrap.wrap(name.replace("_", " "), 12, break_long_words=False)[:2]),
        ha="center",
        va="center",
        fontsize=8.0,
    )
    ax.text(x, 0.43, f"var {_number(variance)}", ha="center", va="center", fontsize=7.2, color=GREY)


def _plain_arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    arrow = {"arrowstyle": "-|>,head_width=0.18,head_length=0.36", "color": GREY, "lw": 1.0, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", xy=end, xytext=start, arrowprops=arrow)


def _arrow(
    ax: Axes, start: tuple[float, float], end: tuple[float, float], row: Any, colour: str, *, crossing: bool
) -> None:
    includes_zero = not (row.conf_low > 0 or row.conf_high < 0)
    if crossing:
        # Crossing arrows leave and arrive a little inside, so that heads do not meet those of the straight ones.
        inward = 0.04 if start[1] < end[1] else -0.04
        start, end = (start[0], start[1] + inward), (end[0], end[1] - inward)
    ax.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={
            "arrowstyle": "-|>,head_width=0.2,head_length=0.4",
            "color": colour,
            "lw": 1.3,
            "linestyle": (0, (4, 2.5)) if includes_zero else "solid",
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )
    along = 0.27 if crossing else 0.5
    x, y = start[0] + along * (end[0] - start[0]), start[1] + along * (end[1] - start[1])
    above = 0.0 if crossing else 0.03
    box = {"boxstyle": "square,pad=0.12", "facecolor": "white", "edgecolor": "none"} if crossing else None
    va = "center" if crossing else "bottom"
    ax.text(x, y + above, _number(row.estimate), ha="center", va=va, fontsize=8.0, color=colour, bbox=box)


def _number(value: float) -> str:
    # Adding zero turns a negative zero into a plain one.
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")
