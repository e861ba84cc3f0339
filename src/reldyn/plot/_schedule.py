"""When warmth came, and how its intervals spread."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from reldyn.errors import DataError, DesignError
from reldyn.panel import label_codes
from reldyn.plot._given import check_table
from reldyn.plot._style import BLUE, GREY, INK, ORANGE, PALE, new_figure, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["schedule"]

_SHOWN = 24
# A larger axis would press all other intervals together.
_LARGEST_CV = 2.5


def schedule(
    frame: pd.DataFrame, events: pd.DataFrame | None = None, *, dyads: Sequence[Hashable] | None = None
) -> Figure:
    """Draw the schedule of warmth: warm events over time beside the spread of their intervals.

    Parameters
    ----------
    frame : ScheduleResult or pandas.DataFrame
        What `reldyn.cycles.schedule` returned.
    events : pandas.DataFrame, optional
        What `reldyn.cycles.events` returned for the same panel and options; without it only the
        spread is drawn.
    dyads : sequence of labels, optional
        Which dyads, or one of them; None: the first two dozen rows of the frame.

    Returns
    -------
    matplotlib.figure.Figure
        Left: a tick per warm event. Right: the coefficient of variation with its 95 % interval
        (0 is a strict rhythm) and, as a bar, the value that random warmth at that rate has.
        Open circles: too short or too uniform ever to be tested. Arrows: the interval goes on beyond the axis.
        Where not all rows are drawn, the title says how many.

    Raises
    ------
    DataError
        A dyad is not in the frame, or the frame is not one of `reldyn.cycles.schedule`.
    DesignError
        There is no row to draw.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.cycles("cycle", n_dyads=3, n_occasions=80, seed=1).panel
    >>> figure = rd.plot.schedule(rd.cycles.schedule(panel, warmth="warmth"))
    >>> figure.axes[0].get_xlabel()
    'CV of the intervals'
    """
    needed = ["dyad", "giver", "cv", "conf_low", "conf_high", "cv_random"]
    check_table(frame, needed, name="schedule", maker="rd.cycles.schedule(panel, ...)")
    if events is not None:
        needed = ["dyad", "giver", "position", "warm"]
        check_table(events, needed, name="schedule", maker="(as events) rd.cycles.events(panel, ...)")
    rows = _chosen(frame, dyads)
    labels = [f"dyad {row.dyad}, from {row.giver}" for row in rows.itertuples()]
    with style():
        figure = new_figure(8.0, 1.1 + 0.2 * len(rows))
        if events is None:
            spread = figure.subplots()
        else:
            raster, spread = figure.subplots(1, 2, sharey=True, width_ratios=(1.9, 1))
            _draw_raster(raster, rows, events)
        _draw_spread(spread, rows)
        first = figure.axes[0]
        if dyads is None and len(frame) > len(rows):
            figure.suptitle(
                f"the first {len(rows)} of {len(frame)} directions", x=0.01, ha="left", fontsize=9, color=GREY
            )
        first.set_yticks(np.arange(len(rows)), labels)
        first.set_ylim(len(rows) - 0.4, -0.6)
        for ax in figure.axes:
            ax.tick_params(axis="y", length=0)
            ax.spines["left"].set_visible(False)
    return figure


def _chosen(frame: pd.DataFrame, dyads: Sequence[Hashable] | None) -> pd.DataFrame:
    if frame.empty:
        raise DesignError("the schedule has no rows to draw.")
    if dyads is None:
        return frame.head(_SHOWN).reset_index(drop=True)
    labels = list(dict.fromkeys(frame["dyad"]))
    wanted = [labels[code] for code in label_codes(dyads, labels, "dyad", "the schedule")]
    if not wanted:
        raise DataError("dyads= names no dyad: leave it out, or name some.")
    return frame[frame["dyad"].isin(wanted)].reset_index(drop=True)


def _draw_raster(ax: Axes, rows: pd.DataFrame, events: pd.DataFrame) -> None:
    by_row = dict(iter(events.groupby(["dyad", "giver"], sort=False, dropna=False)))
    longest = 1
    for at, row in enumerate(rows.itertuples()):
        part = by_row.get((row.dyad, row.giver))
        if part is None:
            continue
        at_beep = part["position"].to_numpy() + 1
        longest = max(longest, int(at_beep.max()))
        ax.plot([at_beep.min(), at_beep.max()], [at, at], color=PALE, lw=1, zorder=0)
        colour = BLUE if at % 2 == 0 else ORANGE
        ax.vlines(at_beep[part["warm"].to_numpy(dtype=bool)], at - 0.34, at + 0.34, color=colour, lw=1.1)
    ax.set_xlim(0, longest + 1)
    ax.set_xlabel("scheduled occasion")
    ax.set_title("warm events")


def _draw_spread(ax: Axes, rows: pd.DataFrame) -> None:
    place = np.arange(len(rows))
    number = {name: rows[name].to_numpy(dtype=float) for name in ("cv", "conf_low", "conf_high", "cv_random")}
    decidable = rows["decidable"].to_numpy(dtype=bool) if "decidable" in rows else np.ones(len(rows), dtype=bool)
    ax.hlines(place, number["conf_low"], number["conf_high"], color=GREY, lw=1.3)
    ax.vlines(number["cv_random"], place - 0.3, place + 0.3, color=INK, lw=1.6)
    ax.plot([], [], "|", color=INK, ms=9, mew=1.6, label="random warmth")
    ax.plot(number["cv"][decidable], place[decidable], "o", color=BLUE, ms=5, label="observed")
    ax.plot(number["cv"][~decidable], place[~decidable], "o", mec=BLUE, mfc="white", ms=5, label="not decidable")
    finite = np.concatenate([number["cv"], number["conf_high"], number["cv_random"]])
    finite = finite[np.isfinite(finite)]
    largest = np.nanmax(number["cv"], initial=0.0)
    end = min(max(_LARGEST_CV, 1.08 * largest), 1.08 * finite.max()) if len(finite) and finite.max() > 0 else 1.5
    ax.set_xlim(0, end)
    beyond = number["conf_high"] > end
    if beyond.any():
        # On the edge, and not cut off by it.
        ax.plot(np.full(beyond.sum(), end), place[beyond], ">", color=GREY, ms=5, clip_on=False)
    ax.yaxis.grid(True)
    ax.set_xlabel("CV of the intervals")
    handles, names = ax.get_legend_handles_labels()
    used = [True, bool(decidable.any()), bool((~decidable).any())]
    kept = [(handle, name) for handle, name, use in zip(handles, names, used, strict=True) if use]
    figure = ax.get_figure(root=True)
    if figure is not None:
        figure.legend(*zip(*kept, strict=True), loc="outside upper right", ncols=len(kept))
