"""Figures of one person's affect: level and instability, inertia, lagged networks, and the course of contacts."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import counted
from reldyn.errors import DataError, DesignError
from reldyn.panel import label_codes
from reldyn.plot._given import check_table, draws_result
from reldyn.plot._layers import course, dots
from reldyn.plot._style import (
    BLUE,
    GREY,
    INK,
    MEMBERS,
    ORANGE,
    PALE,
    SHAPES,
    axes_or_new,
    figure_of,
    new_figure,
    roles_of,
    style,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from reldyn.results import Result

__all__ = ["affect_dynamics", "inertia", "location_scale", "network", "shrinkage"]

# More persons than this stand without a name.
_NAMED = 40


def affect_dynamics(table: pd.DataFrame, *, variable: str | None = None) -> Figure:
    """Draw each person's instability beside the mean, and beside what the variability alone would give.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `reldyn.affect_dynamics`.
    variable : str, optional
        Which variable. None: the first one of the table.

    Returns
    -------
    matplotlib.figure.Figure
        One dot per person, the partners of a dyad joined by a thin line. Left: root mean squared successive difference
        and mean. Right: the same and standard deviation; on the line (sd times the root of 2) neighbours are as
        different as any two occasions, below it something carries over from one occasion to the next.

    Raises
    ------
    DataError
        The table does not have that variable.
    DesignError
        No person has a successive difference.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("linear", n_dyads=8, n_occasions=60, seed=2).panel
    >>> figure = rd.plot.affect_dynamics(rd.affect_dynamics(panel, "warmth"))
    >>> [ax.get_xlabel() for ax in figure.axes]
    ['mean', 'standard deviation']
    """
    check_table(
        table,
        ["dyad", "role", "variable", "mean", "sd", "rmssd"],
        name="affect_dynamics",
        maker="rd.affect_dynamics(panel, ...)",
    )
    known = list(dict.fromkeys(table["variable"]))
    chosen = variable if variable is not None else (known[0] if known else None)
    if chosen not in known:
        raise DataError(f"no variable {chosen!r} in the table; there are: {', '.join(map(repr, known))}.")
    rows = table[(table["variable"] == chosen) & table["rmssd"].notna()]
    if rows.empty:
        raise DesignError(f"no person has two neighbouring values of {chosen!r}: there is nothing to draw.")
    with style():
        figure = new_figure(7.4, 3.4)
        left, right = figure.subplots(1, 2, sharey=True)
        for ax, name in ((left, "mean"), (right, "sd")):
            _persons(ax, rows, name, "rmssd")
        for limit, name in ((right.set_xlim, "sd"), (right.set_ylim, "rmssd")):
            low, high = 0.9 * rows[name].min(), 1.05 * rows[name].max()
            if low < high:
                limit(low, high)
        right.axline((0, 0), slope=np.sqrt(2), color=GREY, lw=1.0, ls="--", zorder=0, label="nothing carries over")
        right.legend(loc="lower right")
        left.set_xlabel("mean")
        right.set_xlabel("standard deviation")
        left.set_ylabel("successive difference (RMSSD)")
        left.set_title(f"Level and instability of {chosen}")
        right.set_title("Instability and variability")
        _role_legend(left, rows)
    return figure


def _colours(rows: pd.DataFrame) -> list[str]:
    roles = roles_of(rows)
    return [MEMBERS[roles.index(role) % len(MEMBERS)] if role in roles else INK for role in rows["role"]]


def _persons(ax: Axes, rows: pd.DataFrame, across: str, up: str) -> None:
    for _, pair in rows.groupby("dyad", sort=False):
        if len(pair) == 2:
            ax.plot(pair[across], pair[up], color=PALE, lw=1.0, zorder=0)
    dots(ax, rows[across], rows[up], _colours(rows))


def _role_handles(rows: pd.DataFrame) -> list[Line2D]:
    from matplotlib.lines import Line2D

    roles = roles_of(rows)
    if len(roles) < 2:
        return []
    colours = (MEMBERS[place % len(MEMBERS)] for place in range(len(roles)))
    return [
        Line2D([], [], marker=SHAPES[colour], ls="", color=colour, label=str(role))
        for colour, role in zip(colours, roles, strict=True)
    ]


def _role_legend(ax: Axes, rows: pd.DataFrame, *, above: bool = False) -> None:
    handles = _role_handles(rows)
    if not handles:
        return
    where: dict[str, Any] = {"loc": "best"}
    if above:
        where = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": len(handles), "borderaxespad": 0.2}
    ax.legend(handles=handles, handletextpad=0.2, **where)


@draws_result("rd.dynamics.location_scale(panel, ...)")
def location_scale(result: Result) -> Figure:
    """Draw each person's mean beside the logarithm of the variance around it.

    Parameters
    ----------
    result : LocationScaleResult
        Of `reldyn.dynamics.location_scale`.

    Returns
    -------
    matplotlib.figure.Figure
        Dots are estimates drawn towards the role's mean as far as the data are few; a pale line leads from each
        person's own estimate to the dot.

    Raises
    ------
    DesignError
        No person has both estimates.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("linear", n_dyads=12, n_occasions=60, seed=2).panel
    >>> rd.dynamics.location_scale(panel, "warmth").plot().axes[0].get_ylabel()
    'log variance'
    """
    told: Any = result
    rows = told.persons().dropna(subset=["mean_shrunken", "log_variance_shrunken"])
    if rows.empty:
        raise DesignError("no person has a mean and a variance to draw: see the notes of persons().")
    with style():
        ax = axes_or_new(None, 4.6, 3.6)
        for row in _each(rows):
            ax.plot(
                [row.mean, row.mean_shrunken],
                [row.log_variance, row.log_variance_shrunken],
                color=PALE,
                lw=1.0,
                zorder=0,
            )
        dots(ax, rows["mean_shrunken"], rows["log_variance_shrunken"], _colours(rows))
        ax.set_xlabel(f"mean of {told.variable}")
        ax.set_ylabel("log variance")
        ax.set_title("Location and scale")
        _role_legend(ax, rows)
    return figure_of(ax)


@draws_result("rd.dynamics.inertia(panel, ...)")
def inertia(result: Result, *, ax: Axes | None = None) -> Figure:
    """Draw each person's predicted inertia, in order of size, beside the average.

    Parameters
    ----------
    result : InertiaResult
        Of `reldyn.dynamics.inertia`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; None makes a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        Dots with 95 % prediction intervals; the upright lines and their bands are the averages with 95 % intervals,
        one per role where the model has one. Persons without a prediction are left out; up to 40 are named.

    Raises
    ------
    DesignError
        No person has a prediction.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("linear", n_dyads=8, n_occasions=60, seed=2).panel
    >>> rd.dynamics.inertia(panel, "warmth").plot().axes[0].get_xlabel()
    'inertia of warmth'
    """
    told: Any = result
    rows = told.persons().dropna(subset=["inertia"]).sort_values("inertia", kind="stable").reset_index(drop=True)
    if rows.empty:
        raise DesignError("no person has a predicted inertia to draw: see the notes of persons().")
    named = len(rows) <= _NAMED
    with style():
        axes = axes_or_new(ax, 5.6, 1.2 + (0.2 * len(rows) if named else 5.2))
        axes.axvline(0, color=GREY, lw=0.8, ls=":", zorder=0)
        _averages(axes, told.tidy(), roles_of(rows))
        place, colours = np.arange(len(rows)), _colours(rows)
        axes.hlines(place, rows["conf_low"], rows["conf_high"], colors=colours, lw=1.1 if named else 0.5, alpha=0.7)
        dots(axes, rows["inertia"], place, colours, size=14 if named else 5, alpha=1.0, zorder=3)
        axes.set_yticks(place if named else [], [_name(row) for row in _each(rows)] if named else [])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-1, len(rows))
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"inertia of {told.variable}")
        axes.set_title("Persons" if named else counted(len(rows), "person"))
        _role_legend(axes, rows, above=True)
    return figure_of(axes)


def _averages(ax: Axes, table: pd.DataFrame, roles: list[Any]) -> None:
    for row in _each(table[table["effect"] == "inertia"]):
        colour = MEMBERS[roles.index(row.role) % len(MEMBERS)] if row.role in roles else INK
        ax.axvspan(row.conf_low, row.conf_high, color=colour, alpha=0.12, lw=0, zorder=0)
        ax.axvline(row.estimate, color=colour, lw=1.2, zorder=1)


def _each(rows: pd.DataFrame) -> Iterator[Any]:
    yield from rows.itertuples()


def _name(row: Any) -> str:
    return f"dyad {row.dyad}, {row.role if row.role != '' else row.person}"


@draws_result("rd.dynamics.network_density(panel, ...)")
def network(result: Result) -> Figure:
    """Draw the lagged network of the sample, and each person's density beside what noise alone would give.

    Parameters
    ----------
    result : NetworkResult
        Of `reldyn.dynamics.network_density`.

    Returns
    -------
    matplotlib.figure.Figure
        Left: arrows lead from a variable to what it predicts one occasion later, as thick as the coefficient is large,
        blue above zero, orange and dashed below; rings are a variable's carry-over to itself. Right: one dot per
        person; on the line the density is that of coefficients of zero in a series of this length.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("linear", n_dyads=8, n_occasions=60, seed=2).panel
    >>> figure = rd.dynamics.network_density(panel, ["warmth", "response"]).plot()
    >>> [ax.get_title(loc="left") for ax in figure.axes]
    ['Network of the sample', 'Density of persons']
    """
    told: Any = result
    persons = told.tidy()
    persons = persons[(persons["level"] == "person") & persons["density"].notna()]
    with style():
        figure = new_figure(7.6, 3.7)
        left, right = figure.subplots(1, 2, width_ratios=(1.1, 1.0))
        _network(left, told.coefficients())
        dots(right, persons["noise"], persons["density"], _colours(persons))
        end = 1.08 * float(max(persons["noise"].max(), persons["density"].max()))
        right.plot([0, end], [0, end], color=GREY, lw=1.0, ls="--", zorder=0, label="coefficients of zero")
        right.set_xlim(0, None)
        right.set_ylim(0, None)
        right.set_xlabel("density expected from noise")
        right.set_ylabel("density")
        right.set_title("Density of persons")
        right.legend(handles=[*right.get_legend_handles_labels()[0], *_role_handles(persons)], loc="best")
    return figure


def _network(ax: Axes, coefficients: pd.DataFrame) -> None:
    names = list(coefficients.columns)
    # Two nodes side by side, more of them clockwise from the top.
    start = np.pi if len(names) == 2 else np.pi / 2
    angle = start - 2 * np.pi * np.arange(len(names)) / len(names)
    nodes = np.column_stack([np.cos(angle), np.sin(angle)])
    sizes = coefficients.to_numpy(dtype=float)
    largest = max(float(np.abs(sizes).max()), 1e-12)
    for (outcome, predictor), size in np.ndenumerate(sizes):
        if outcome == predictor:
            _ring(ax, nodes[outcome], float(size), largest)
        else:
            _arrow(ax, nodes[predictor], nodes[outcome], float(size), largest)
    for (x, y), name in zip(nodes, names, strict=True):
        label = str(name).replace("_", "\n")
        box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": INK, "linewidth": 1.0}
        ax.text(x, y, label, ha="center", va="center", fontsize=8.0, bbox=box, zorder=5)
    ax.set_xlim(-1.85, 1.85)
    ax.set_ylim(nodes[:, 1].min() - 0.75, nodes[:, 1].max() + 0.75)
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.set_title("Network of the sample")


def _stroke(size: float, largest: float) -> dict[str, Any]:
    colour = BLUE if size >= 0 else ORANGE
    return {"color": colour, "lw": 0.4 + 2.6 * abs(size) / largest, "ls": "-" if size >= 0 else (0, (3, 2))}


def _label(ax: Axes, place: Any, size: float) -> None:
    # Adding zero turns a negative zero into a plain one.
    text = f"{round(size, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")
    box = {"boxstyle": "square,pad=0.08", "facecolor": "white", "edgecolor": "none"}
    x, y = place
    ax.text(x, y, text, ha="center", va="center", fontsize=7.5, color=_stroke(size, 1.0)["color"], bbox=box, zorder=6)


def _arrow(ax: Axes, start: Any, end: Any, size: float, largest: float) -> None:
    stroke = _stroke(size, largest)
    ax.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={
            "arrowstyle": "-|>,head_width=0.2,head_length=0.4",
            "color": stroke["color"],
            "lw": stroke["lw"],
            "linestyle": stroke["ls"],
            "connectionstyle": "arc3,rad=0.18",
            "shrinkA": 20,
            "shrinkB": 20,
        },
    )
    # The arc bends to the right of its way, by half of what connectionstyle calls its radius.
    along = end - start
    middle = (start + end) / 2 + 0.09 * np.array([along[1], -along[0]])
    _label(ax, middle, size)


def _ring(ax: Axes, node: Any, size: float, largest: float) -> None:
    from matplotlib.patches import Circle

    stroke = _stroke(size, largest)
    # Labels are wider than high: a ring beside one stands further out than a ring above.
    outward = node * np.array([0.48, 0.3])
    ring = Circle(
        node + outward, 0.2, fill=False, edgecolor=stroke["color"], lw=stroke["lw"], ls=stroke["ls"], zorder=1
    )
    ax.add_patch(ring)
    _label(ax, node + outward + 0.2 * node, size)


def shrinkage(
    table: pd.DataFrame,
    windows: pd.DataFrame,
    *,
    measure: str = "count",
    dyads: Sequence[Hashable] | None = None,
) -> Figure:
    """Draw both partners' contacts window by window with the fitted course.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `reldyn.dynamics.shrinkage`.
    windows : pandas.DataFrame
        Of `reldyn.dynamics.contact_windows`, with the same columns and window.
    measure : {"count", "richness", "diversity"}, default "count"
        ``"count"`` draws contacts per answered occasion.
    dyads : sequence, optional
        Which dyads, one panel each. None: the first six.

    Returns
    -------
    matplotlib.figure.Figure
        Dots are windows, larger where more occasions were answered; lines are the fitted course, dashed where its 95 %
        interval includes no change.

    Raises
    ------
    DataError
        A dyad or the measure is not in the table.

    Examples
    --------
    >>> import numpy as np, pandas as pd, reldyn as rd
    >>> dyad, who, day = (part.ravel() for part in np.indices((2, 2, 42)))
    >>> frame = pd.DataFrame({"dyad": dyad, "person": who, "day": day})
    >>> frame["met"] = np.random.default_rng(1).poisson(6 * 0.8 ** (day / 7))
    >>> panel = rd.DyadPanel(frame, dyad="dyad", person="person", day="day")
    >>> trend, windows = rd.dynamics.shrinkage(panel, "met"), rd.dynamics.contact_windows(panel, "met")
    >>> [ax.get_title(loc="left") for ax in rd.plot.shrinkage(trend, windows).axes]
    ['dyad 0', 'dyad 1']
    """
    check_table(table, ["measure", "dyad", "first"], name="shrinkage", maker="rd.dynamics.shrinkage(panel, ...)")
    check_table(
        windows,
        ["dyad", "person", "start", "n_obs"],
        name="shrinkage",
        maker="(as windows) rd.dynamics.contact_windows(panel, ...)",
    )
    known = list(dict.fromkeys(windows["dyad"]))
    chosen = known[:6] if dyads is None else [known[k] for k in label_codes(dyads, known, "dyad", "the table")]
    rows = table[(table["measure"] == measure) & (table["dyad"].astype(str) != "sample")]
    if rows.empty:
        there = ", ".join(map(repr, dict.fromkeys(table["measure"])))
        raise DataError(f"no measure {measure!r} in the table; there are: {there}.")
    if not chosen:
        raise DataError("dyads= names no dyad: leave it out, or name some.")
    with style():
        wide = min(len(chosen), 3)
        deep = -(-len(chosen) // wide)
        figure = new_figure(1.2 + 2.6 * wide, 0.6 + 2.2 * deep)
        panels = figure.subplots(deep, wide, sharex=True, sharey=True, squeeze=False)
        for ax, dyad in zip(panels.ravel(), chosen, strict=False):
            _contacts(ax, rows[rows["dyad"] == dyad], windows[windows["dyad"] == dyad], measure)
            ax.set_title(f"dyad {dyad}")
        for ax in panels.ravel()[len(chosen) :]:
            ax.set_axis_off()
        unit = str(rows["unit"].iloc[0])
        figure.supxlabel("day of the study" if unit == "week" else unit, fontsize=9.0)
        figure.supylabel("contacts per occasion" if measure == "count" else measure, fontsize=9.0)
        if measure == "count":
            panels[0, 0].set_ylim(0, None)
        _role_legend(panels[0, 0], rows)
    return figure


def _contacts(ax: Axes, rows: pd.DataFrame, windows: pd.DataFrame, measure: str) -> None:
    for place, row in enumerate(_each(rows)):
        colour = MEMBERS[place % len(MEMBERS)]
        mine = windows[windows["person"] == row.person]
        value = mine["rate" if measure == "count" else measure]
        size = 4 + 14 * mine["n_obs"] / max(int(windows["n_obs"].max()), 1)
        ax.scatter(mine["start"], value, s=size, color=colour, alpha=0.45, linewidths=0)
        if not np.isfinite(row.first):
            continue
        seen = mine.loc[value.notna(), "start"]
        time = np.linspace(float(seen.min()), float(seen.max()), 60)
        share = (time - time[0]) / max(time[-1] - time[0], 1e-12)
        # Counts are fitted on the log scale, where their course is straight.
        if measure == "count":
            line = row.first * (row.last / row.first) ** share
        else:
            line = row.first + share * (row.last - row.first)
        flat = row.conf_low <= 0 <= row.conf_high
        course(ax, time, line, colour, lw=1.8, ls="--" if flat else "-")
