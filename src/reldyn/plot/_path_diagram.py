"""The actor-partner model as the path diagram that papers print.

Layout after Kenny, Kashy and Cook (2006, Dyadic Data Analysis): predictors on the left, outcomes on
the right, straight actor paths, crossing partner paths, residuals joined by a curve.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DesignError, check_columns
from reldyn.plot._given import draws_result
from reldyn.plot._style import BLUE, GREY, INK, ORANGE, new_figure, style, wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from reldyn.results import Result

__all__ = ["path_diagram"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 0.15, 0.79, 0.79, 0.21
_HALF_WIDTH, _HALF_HEIGHT = 0.135, 0.105


@draws_result("rd.apim(panel, ...)")
def path_diagram(fit: Result) -> Figure:
    """Draw the actor and partner effects of `reldyn.apim`, one diagram per predictor and level.

    Parameters
    ----------
    fit : ApimResult
        With at least one predictor.

    Returns
    -------
    matplotlib.figure.Figure
        Each path carries its estimate with the 95 % interval; a dashed path has an interval that
        includes 0. The curve carries the correlation of the two residuals. Within and between
        effects of a predictor stand side by side. Members without roles share their paths, drawn
        twice. Interactions, covariates and moderation are in ``tidy()`` only.

    Raises
    ------
    DesignError
        The model has neither actor nor partner effects.

    References
    ----------
    Kenny, Kashy and Cook (2006), Dyadic Data Analysis, chapter 7.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=30, n_occasions=8, actor=0.3, partner=0.2, seed=1).panel
    >>> fit = rd.apim(panel, outcome="y", predictors=["x"])
    >>> len(rd.plot.path_diagram(fit).axes)
    2
    """
    table = fit.tidy()
    check_columns(list(table.columns), ["effect", "variable", "estimate", "conf_low", "conf_high"], "tidy()")
    table = table.assign(**{name: _text(table, name) for name in ("variable", "level", "role", "composition")})
    paths = table[table["effect"].isin(["actor", "partner"])]
    if paths.empty:
        raise DesignError("the model has no actor or partner effects, so there is no path to draw.")
    lines = list(dict.fromkeys(zip(paths["variable"], paths["composition"], strict=True)))
    levels = sorted(set(paths["level"]), key=lambda level: ("within", "between", "").index(level) if level else -1)
    # Levels stand side by side; with one level only, two predictors do.
    columns = len(levels) if len(levels) > 1 else min(2, len(lines))
    rows = -(-len(lines) * len(levels) // columns)
    with style():
        figure = new_figure(4.6 * columns, 2.75 * rows + 0.25)
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for ax in grid:
            ax.set_axis_off()
        places = [(*line, level) for line in lines for level in levels]
        for ax, (variable, composition, level) in zip(grid, places, strict=False):
            here = (paths["variable"] == variable) & (paths["composition"] == composition) & (paths["level"] == level)
            if here.any():
                _draw_panel(ax, _diagram(fit, paths[here], variable, level, composition))
        figure.supxlabel("Estimates with 95 % intervals; dashed: the interval includes 0.", fontsize=8, color=GREY)
    return figure


@dataclass(frozen=True)
class _Diagram:
    """What one panel shows: its boxes and the row of the table behind each path."""

    title: str
    predictor: str
    outcome: str
    members: tuple[str, str]
    actor: tuple[Any, Any]
    partner: tuple[Any, Any]
    correlation: float


def _diagram(fit: Result, part: pd.DataFrame, variable: str, level: str, composition: str) -> _Diagram:
    roles = [role for role in dict.fromkeys(part["role"]) if role]
    members = (roles[0], roles[1]) if len(roles) == 2 else _names_of_members(fit, composition)
    where = {"within": "within persons", "between": "between persons"}.get(level, level)
    title = ", ".join(filter(None, (variable, where, composition)))
    return _Diagram(
        title=title,
        predictor=variable,
        outcome=str(getattr(getattr(fit, "design", fit), "outcome", "outcome")),
        members=members,
        actor=_pair(part, "actor", members),
        partner=_pair(part, "partner", members),
        correlation=_residual_correlation(fit, members, composition),
    )


def _names_of_members(fit: Result, composition: str) -> tuple[str, str]:
    for stratum in getattr(getattr(fit, "design", None), "strata", ()):
        if composition in ("", stratum.label) and len(stratum.roles) == 2:
            return str(stratum.roles[0]), str(stratum.roles[1])
    return "member 1", "member 2"


def _pair(part: pd.DataFrame, effect: str, members: tuple[str, str]) -> tuple[Any, Any]:
    """The row of this effect for each member's outcome: the role's own, else the common one, else None."""
    rows = part[part["effect"] == effect]
    found = []
    for member in members:
        own = rows[rows["role"] == member]
        own = own if not own.empty else rows[rows["role"] == ""]
        found.append(next(own.itertuples(), None))
    return found[0], found[1]


def _residual_correlation(fit: Result, members: tuple[str, str], composition: str) -> float:
    """Correlation of the two residuals, NaN where the fit has none of its own for these members."""
    covariance = getattr(fit, "covariance", None)
    if covariance is None:
        return float("nan")
    frame = covariance("residual")
    labels = [str(label) for label in frame.index]
    wanted = [[name for name in (f"{composition}, {member}",) if composition] for member in members]
    place = [next((labels.index(name) for name in names if name in labels), None) for names in wanted]
    if None in place and len(labels) == 2:
        place = [labels.index(member) if member in labels else at for at, member in enumerate(members)]
    if None in place:
        return float("nan")
    block = frame.to_numpy(dtype=float)[np.ix_(place, place)]  # type: ignore[arg-type]
    scale = np.sqrt(block[0, 0] * block[1, 1])
    return float(block[0, 1] / scale) if scale > 0 else float("nan")


def _draw_panel(ax: Axes, diagram: _Diagram) -> None:
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_title(wrapped(diagram.title, 44))
    heights = (_TOP, _BOTTOM)
    for member, height in zip(diagram.members, heights, strict=True):
        _box(ax, _LEFT, height, diagram.predictor, member)
        _box(ax, _RIGHT, height, diagram.outcome, member)
    for at in (0, 1):
        away = 0.035 if at == 0 else -0.035
        _path(ax, heights[at], heights[at], diagram.actor[at], BLUE, along=0.5, away=away)
        # The partner's predictor stands in the other corner.
        _path(ax, heights[1 - at], heights[at], diagram.partner[at], ORANGE, along=0.25, away=0.0)
    _residual_curve(ax, diagram.correlation)


def _box(ax: Axes, x: float, y: float, variable: str, member: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    ax.add_patch(
        FancyBboxPatch(
            (x - _HALF_WIDTH, y - _HALF_HEIGHT),
            2 * _HALF_WIDTH,
            2 * _HALF_HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.02",
            facecolor="white",
            edgecolor=INK,
            linewidth=1.0,
        )
    )
    name = "\n".join(textwrap.wrap(variable.replace("_", " "), 16, max_lines=2, placeholder=" ..."))
    size = 8.5 if len(max(name.split("\n"), key=len)) <= 13 else 7.2
    ax.text(x, y + 0.028, name, ha="center", va="center", fontsize=size, linespacing=0.95)
    ax.text(x, y - 0.068, member, ha="center", va="center", fontsize=7.5, color=GREY)


def _path(ax: Axes, start: float, end: float, row: Any, colour: str, *, along: float, away: float) -> None:
    if row is None:
        return
    low, high = float(row.conf_low), float(row.conf_high)
    includes_zero = not (low > 0 or high < 0)
    left, right = _LEFT + _HALF_WIDTH + 0.008, _RIGHT - _HALF_WIDTH - 0.008
    crossing = start != end
    # Crossing arrows leave and arrive a little inside, so that heads do not meet those of the actor paths.
    inward = 0.05 if crossing else 0.0
    first = start + (inward if start < end else -inward)
    last = end - (inward if start < end else -inward)
    ax.annotate(
        "",
        xy=(right, last),
        xytext=(left, first),
        arrowprops={
            "arrowstyle": "-|>,head_width=0.22,head_length=0.45",
            "color": colour,
            "lw": 1.3,
            "linestyle": (0, (4, 2.5)) if includes_zero else "solid",
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )
    # Two decimals as papers print them, three where two would leave one digit or none.
    digits = 2 if max(abs(low), abs(high)) >= 0.095 else 3
    text = f"{_number(float(row.estimate), digits)} [{_number(low, digits)}, {_number(high, digits)}]"
    ax.text(
        left + along * (right - left),
        first + along * (last - first) + away,
        text,
        ha="center",
        va="bottom" if away > 0 else "top" if away < 0 else "center",
        fontsize=7.8,
        color=colour,
        bbox={"boxstyle": "square,pad=0.12", "facecolor": "white", "edgecolor": "none"} if crossing else None,
    )


def _residual_curve(ax: Axes, correlation: float) -> None:
    if not np.isfinite(correlation):
        return
    edge = _RIGHT + _HALF_WIDTH + 0.008
    ax.annotate(
        "",
        xy=(edge, _BOTTOM),
        xytext=(edge, _TOP),
        arrowprops={
            "arrowstyle": "<|-|>,head_width=0.18,head_length=0.36",
            "color": GREY,
            "lw": 1.0,
            "connectionstyle": "arc3,rad=-0.12",
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )
    ax.text(
        edge + 0.012,
        0.5,
        f"r = {_number(correlation)}",
        ha="left",
        va="center",
        fontsize=7.8,
        color=INK,
        bbox={"boxstyle": "square,pad=0.12", "facecolor": "white", "edgecolor": "none"},
    )


def _number(value: float, digits: int = 2) -> str:
    # Adding zero turns a negative zero into a plain one.
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _text(table: pd.DataFrame, name: str) -> list[str]:
    if name not in table:
        return [""] * len(table)
    return ["" if value is None or value != value else str(value) for value in table[name]]
