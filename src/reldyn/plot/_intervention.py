"""Figures of what was tried: single cases phase by phase, the days around an event, changes beside their error."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DesignError, label_hint
from reldyn.plot._given import check_table, draws_result
from reldyn.plot._layers import course
from reldyn.plot._style import GREY, INK, MEMBERS, PALE, axes_or_new, figure_of, new_figure, roles_of, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from reldyn.results import Result

__all__ = ["event_response", "phases", "reliable_change"]


@draws_result("rd.intervention.interrupted_series(panel, ...)")
def phases(result: Result, *, dyad: Hashable | None = None) -> Figure:
    """Draw both partners' series with the phases and what was fitted in each.

    Parameters
    ----------
    result : InterruptedSeries
        Of `reldyn.intervention.interrupted_series`.
    dyad : hashable, optional
        Whose series. None: those of the first dyad, since a single-case figure has a single case.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per partner over the same clock. Dots are answers, joined only within a phase and not over missing
        ones; the thick line is what the model fitted; the dashed line stands where the second phase begins.

    Raises
    ------
    DesignError
        There is no such dyad.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.intervention(n_dyads=1, level=2.0, seed=1).panel
    >>> fit = rd.intervention.interrupted_series(panel, outcome="closeness", phase="phase", n_boot=99, seed=1)
    >>> len(fit.plot().axes)
    2
    """
    told: Any = result
    known = list(dict.fromkeys(told.series["dyad"]))
    chosen = known[0] if dyad is None else dyad
    if chosen not in known:
        there = ", ".join(map(repr, known[:10]))
        raise DesignError(f"dyad={dyad!r} is no dyad of the result{label_hint(dyad, known)}; there are: {there}.")
    rows = told.series[told.series["dyad"] == chosen]
    people = list(dict.fromkeys(rows["person"]))
    if not rows["value"].notna().any():
        raise DesignError(f"dyad {chosen!r} has no answer to draw: models['note'] says what is known of each series.")
    with style():
        figure = new_figure(6.4, 0.7 + 1.7 * len(people))
        panels = figure.subplots(len(people), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for place, (person, ax) in enumerate(zip(people, panels, strict=True)):
            mine = rows[rows["person"] == person].sort_values("time")
            _single_case(ax, mine, MEMBERS[place % len(MEMBERS)])
            role = mine["role"].iloc[0]
            ax.set_title(str(role if role != "" else person))
            ax.set_ylabel(told.outcome)
        _named_phases(panels[0], rows, told.labels)
        panels[-1].set_xlabel(told.unit)
    return figure


def _single_case(ax: Axes, rows: pd.DataFrame, colour: str) -> None:
    for after in (False, True):
        part = rows[rows["after"] == after]
        ax.plot(part["time"], part["value"], "-o", color=colour, linewidth=0.8, alpha=0.6, markeredgewidth=0)
        ax.plot(part["time"], part["fitted"], color=INK, linewidth=2.0)
    start = _start(rows)
    if start is not None:
        ax.axvline(start, color=GREY, linewidth=1.0, linestyle="--")


def _start(rows: pd.DataFrame) -> float | None:
    """Half-way between the last occasion of the first phase and the first of the second."""
    before, after = rows.loc[~rows["after"], "time"], rows.loc[rows["after"], "time"]
    return float(before.max() + after.min()) / 2 if len(before) and len(after) else None


def _named_phases(ax: Axes, rows: pd.DataFrame, labels: tuple[str, str]) -> None:
    start = _start(rows)
    if start is None:
        return
    for label, offset, side in zip(labels, (-4, 4), ("right", "left"), strict=True):
        ax.annotate(
            label,
            (start, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(offset, 2),
            textcoords="offset points",
            ha=side,
            va="bottom",
            color=GREY,
            fontsize=8.0,
        )


@draws_result("rd.intervention.event_response(panel, ...)")
def event_response(result: Result, *, dyad: Hashable | None = None) -> Figure:
    """Draw the course of an outcome around an event.

    Parameters
    ----------
    result : EventResponse
        Of `reldyn.intervention.event_response`.
    dyad : hashable, optional
        Draw the two persons of this dyad. None: the means over dyads, with every person's own course in pale lines;
        where there are no means, the persons alone.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per role (per person of a dyad, or one for all where members have no roles). Dots are differences from
        days away from events, with 95 % intervals; a day that serves as the reference is 0 by definition and has none.

    Raises
    ------
    DesignError
        There is no such dyad, or nothing was estimated.

    Examples
    --------
    >>> import reldyn as rd
    >>> study = rd.simulate.intervention(n_dyads=4, response=(0, 0, 2.0, 1.0, 0), seed=1)
    >>> found = rd.intervention.event_response(
    ...     study.panel, outcome="closeness", event="check_in", n_boot=99, n_surrogates=19, seed=1
    ... )
    >>> [ax.get_title(loc="left") for ax in found.plot().axes]
    ['a', 'b']
    """
    told: Any = result
    table = told.tidy()
    everyone = table["dyad"].astype(str) != "sample"
    known = list(dict.fromkeys(table.loc[everyone, "dyad"]))
    if dyad is not None and dyad not in known:
        there = ", ".join(map(repr, known[:10]))
        raise DesignError(f"dyad={dyad!r} is no dyad of the result{label_hint(dyad, known)}; there are: {there}.")
    shown = table[everyone] if dyad is None else table[everyone & (table["dyad"] == dyad)]
    if not shown["estimate"].notna().any():
        raise DesignError("no response was estimated: models['note'] says why.")
    by = "role" if dyad is None or (shown["role"] != "").all() else "person"
    groups = list(dict.fromkeys(shown[by]))
    with style():
        figure = new_figure(1.4 + 2.9 * len(groups), 3.1)
        panels = figure.subplots(1, len(groups), sharex=True, sharey=True, squeeze=False)[0]
        for place, (group, ax) in enumerate(zip(groups, panels, strict=True)):
            own = shown[shown[by] == group]
            bold = own if dyad is not None else table[~everyone & (table["role"] == group)]
            _courses(ax, own if dyad is None else own.head(0), bold, MEMBERS[place % len(MEMBERS)])
            ax.set_title(str(group) if group != "" else "all persons")
            ax.set_xlabel(f"{told.unit} from {told.settings['event']}")
            ax.set_xticks(sorted(shown["lag"].unique()))
        panels[0].set_ylabel(f"difference in {told.outcome}")
    return figure


def _courses(ax: Axes, thin: pd.DataFrame, bold: pd.DataFrame, colour: str) -> None:
    ax.axhline(0, color=GREY, lw=0.8, ls=":", zorder=0)
    ax.axvline(0, color=PALE, lw=6, zorder=0)
    # Without means the persons are all there is to see.
    alpha = 0.25 if bold["estimate"].notna().any() else 0.7
    for _, rows in thin.groupby(["dyad", "person"], sort=False):
        course(ax, rows["lag"], rows["estimate"], colour, lw=0.8, alpha=alpha, zorder=1)
    ax.vlines(bold["lag"], bold["conf_low"], bold["conf_high"], color=colour, lw=1.6)
    course(ax, bold["lag"], bold["estimate"], colour, marker="o", ms=5.0, zorder=3)


def reliable_change(table: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Draw each person's change between two phases beside the change that counts as reliable.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `reldyn.intervention.reliable_change`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; None makes a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        One line per person: the grey band is what chance gives in such a series (no change, plus and minus the critical
        change), the dot the change, filled where it is reliable.

    Raises
    ------
    DesignError
        No person has a change to judge.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.intervention(n_dyads=3, level=1.0, seed=1).panel
    >>> found = rd.intervention.reliable_change(panel, outcome="closeness", phase="phase", seed=1)
    >>> rd.plot.reliable_change(found).axes[0].get_xlabel()
    'change of the mean'
    """
    check_table(
        table,
        ["dyad", "role", "change", "critical_change", "reliable"],
        name="reliable_change",
        maker="rd.intervention.reliable_change(panel, ...)",
    )
    rows = table[table["critical_change"].notna()].reset_index(drop=True)
    if rows.empty:
        raise DesignError("no person has a change to judge: the column note says why.")
    roles = roles_of(rows)
    place = np.arange(len(rows))
    with style():
        axes = axes_or_new(ax, 5.6, 1.1 + 0.26 * len(rows))
        axes.axvline(0, color=GREY, lw=0.8, ls=":", zorder=1)
        axes.barh(place, 2 * rows["critical_change"], left=-rows["critical_change"], height=0.62, color=PALE, zorder=0)
        for at, row in enumerate(_each(rows)):
            colour = MEMBERS[roles.index(row.role) % len(MEMBERS)] if row.role in roles else INK
            axes.plot(row.change, at, "o", ms=5.5, mec=colour, mew=1.4, mfc=colour if row.reliable else "white")
        names = [f"dyad {row.dyad}, {row.role if row.role != '' else row.person}" for row in _each(rows)]
        axes.set_yticks(place, names)
        axes.use_sticky_edges = False
        axes.margins(x=0.05)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("change of the mean")
        axes.set_title("Change and what chance gives")
    return figure_of(axes)


def _each(rows: pd.DataFrame) -> Iterator[Any]:
    yield from rows.itertuples()
