"""Both partners' answers over time, for a few dyads."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DataError, DesignError
from reldyn.panel import label_codes
from reldyn.plot._style import BLUE, ORANGE, PALE, SHAPES, new_figure, style, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from reldyn.panel import DyadPanel

__all__ = ["trajectories"]

_SHOWN = 3
# A thick and a thin line stay apart in print without colours, also where they cross.
_LOOKS: tuple[dict[str, Any], ...] = (
    {"color": BLUE, "lw": 1.8, "marker": SHAPES[BLUE]},
    {"color": ORANGE, "lw": 0.8, "marker": SHAPES[ORANGE]},
)


def trajectories(panel: DyadPanel, variables: Sequence[str], *, dyads: Sequence[Hashable] | None = None) -> Figure:
    """Draw the answers of both partners over the scheduled occasions, one row of axes per dyad.

    Parameters
    ----------
    panel : DyadPanel
    variables : sequence of str
        One column of axes per variable.
    dyads : sequence of labels, optional
        Which dyads, or one of them; None: the first three that have any answer.

    Returns
    -------
    matplotlib.figure.Figure
        Lines break where an answer is missing. Each variable has one scale for all dyads.

    Raises
    ------
    DataError
        A dyad or a column is not in the panel, a column holds text, or every value is missing.
    DesignError
        It is no panel.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.load_sample()
    >>> len(rd.plot.trajectories(panel, ["warmth_received"]).axes)
    3
    """
    from reldyn.panel import check_given_panel

    check_given_panel(panel, "plot.trajectories")
    if not isinstance(variables, Iterable):
        raise DesignError(f"variables={variables!r} names no column: give one name, as text, or a list of names.")
    names = [variables] if isinstance(variables, str) else list(variables)
    if not names:
        raise DesignError("variables names no column: give one name, as text, or a list of names.")
    values = {name: panel.values(name) for name in names}
    shown = _dyad_codes(panel, values, dyads)
    with style():
        figure = new_figure(8.0, 0.7 + 1.35 * len(shown) * (1 if len(names) < 3 else 0.9))
        grid = figure.subplots(len(shown), len(names), squeeze=False, sharex=True, sharey="col")
        for row, code in enumerate(shown):
            for column, name in enumerate(names):
                ax = grid[row, column]
                _draw(ax, panel, code, values[name])
                ax.set_ylim(_limits(panel, name, values[name]))
                ax.margins(x=0.02)
                if row == 0:
                    ax.set_title(wrapped(name, 84 // len(names)))
                if row == len(shown) - 1:
                    days = panel.index.n_days > 1 or panel.clock.days_only
                    ax.set_xlabel("day" if days else panel.columns["time"] or "occasion")
            grid[row, 0].set_ylabel(f"dyad {panel.index.dyad_labels[code]}")
        _legend(figure, panel, shown)
    return figure


def _dyad_codes(panel: DyadPanel, values: dict[str, np.ndarray], dyads: Sequence[Hashable] | None) -> list[int]:
    labels = panel.index.dyad_labels
    if dyads is None:
        seen = np.any([np.isfinite(column) for column in values.values()], axis=0)
        if not seen.any():
            raise DataError(f"Nobody answered {' or '.join(map(repr, values))}, so there is nothing to draw.")
        return [int(code) for code in np.unique(panel.index.dyad[seen])[:_SHOWN]]
    chosen = label_codes(dyads, labels, "dyad")
    if not chosen:
        raise DataError("dyads= names no dyad: leave it out, or name some.")
    return chosen


def _member_names(panel: DyadPanel, code: int) -> tuple[str, str]:
    index = panel.index
    names = []
    for member in (0, 1):
        rows = np.flatnonzero((index.dyad == code) & (index.member == member))
        role = int(index.role[rows[0]]) if len(rows) else -1
        names.append(str(index.roles[role]) if role >= 0 else f"member {member + 1}")
    if names[0] == names[1]:
        return f"{names[0]} 1", f"{names[1]} 2"
    return names[0], names[1]


def _draw(ax: Axes, panel: DyadPanel, code: int, values: np.ndarray) -> None:
    index = panel.index
    place, time = _clock(panel)
    for member in (0, 1):
        rows = np.flatnonzero((index.dyad == code) & (index.member == member))
        rows = rows[np.argsort(index.occasion[rows], kind="stable")]
        if not len(rows):
            continue
        at, answer = _with_breaks(place[rows], time[rows], values[rows])
        size = 1.8 if len(rows) > 60 else 3.5
        ax.plot(at, answer, **_LOOKS[member], ms=size, mew=0, alpha=0.9)
    ax.yaxis.grid(True)


def _clock(panel: DyadPanel) -> tuple[np.ndarray, np.ndarray]:
    """Number of the scheduled occasion and the time axis (days, or occasions), per row."""
    index, clock = panel.index, panel.clock
    if index.n_days == 1:
        return index.beep, index.beep + 1.0
    # Where the beep number runs on from day to day, the day says where it is.
    place = index.beep if clock.runs_on else index.occasion
    return place, index.day + 1 + clock.prompt[index.slot] / (clock.prompt.max() + 1)


def _with_breaks(place: np.ndarray, time: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put a NaN wherever a scheduled occasion has no row, so that no line crosses a gap."""
    gaps = np.flatnonzero(np.diff(place) > 1) + 1
    return np.insert(time.astype(float), gaps, np.nan), np.insert(values.astype(float), gaps, np.nan)


def _limits(panel: DyadPanel, name: str, values: np.ndarray) -> tuple[float, float]:
    seen = values[np.isfinite(values)]
    low, high = panel.scales.get(name, (seen.min(), seen.max()) if len(seen) else (0.0, 1.0))
    margin = 0.06 * ((high - low) or 1.0)
    return low - margin, high + margin


def _legend(figure: Figure, panel: DyadPanel, shown: Sequence[int]) -> None:
    from matplotlib.lines import Line2D

    names = {_member_names(panel, code) for code in shown}
    first, second = names.pop() if len(names) == 1 else ("one partner", "the other")
    handles = [
        Line2D([], [], **_LOOKS[0], label=first),
        Line2D([], [], **_LOOKS[1], label=second),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    for ax in figure.axes:
        ax.spines["bottom"].set_color(PALE)
        ax.spines["left"].set_color(PALE)
