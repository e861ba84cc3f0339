"""Figures of what was tried: the single-case figure of both partners' series, phase by phase."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from reldyn.errors import DesignError
from reldyn.plot._style import GREY, INK, MEMBERS, new_figure, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from reldyn.results import Result

__all__ = ["phases"]


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
        raise DesignError(f"dyad={dyad!r} is no dyad of the result; there are: {', '.join(map(repr, known[:10]))}.")
    rows = told.series[told.series["dyad"] == chosen]
    people = list(dict.fromkeys(rows["person"]))
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
