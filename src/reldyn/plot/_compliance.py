"""Who answered when: one line per dyad, one column per scheduled occasion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from reldyn.plot._style import BLUE, PALE, axes_or_new, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from reldyn.panel import DyadPanel

__all__ = ["compliance_heatmap"]

_NAMES = ("outside the dyad's days", "nobody", "one partner", "both partners")
# From light to dark, in print without colours too.
_COLOURS = ("#FFFFFF", "#DDE1E5", "#7DB8DC", BLUE)


def compliance_heatmap(panel: DyadPanel, *, variables: Sequence[str] | None = None, ax: Axes | None = None) -> Axes:
    """Draw whether both, one or none of the partners answered, dyad by occasion.

    Parameters
    ----------
    panel : DyadPanel
    variables : sequence of str, optional
        An occasion counts as answered when any of these has a value; None: as in `DyadPanel.compliance`.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Dyads from top to bottom in panel order; occasions of the study's grid from left to
        right. White: before a dyad's first or after its last row.

    Raises
    ------
    DesignError
        It is no panel.

    Examples
    --------
    >>> import reldyn as rd
    >>> rd.plot.compliance_heatmap(rd.load_sample()).get_ylabel()
    'dyad'
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    from reldyn.panel import answered_grid, check_given_panel

    check_given_panel(panel, "plot.compliance_heatmap")
    answered, expected = answered_grid(panel, variables)
    used = np.unique(panel.index.occasion)
    code = np.where(expected, 1 + answered.sum(axis=1), 0)[:, used]
    with style():
        ax = axes_or_new(ax, 8.0, float(np.clip(1.3 + 0.035 * panel.n_dyads, 2.4, 6.5)))
        ax.imshow(code, aspect="auto", interpolation="nearest", cmap=ListedColormap(_COLOURS), vmin=0, vmax=3)
        _label_days(ax, panel, used)
        ax.set_ylabel("dyad")
        step = next((step for step in (1, 2, 5, 10, 20, 50, 100, 500) if panel.n_dyads / step <= 24), 1000)
        ax.set_yticks(np.arange(0, panel.n_dyads, step), [str(label) for label in panel.index.dyad_labels[::step]])
        ax.tick_params(length=0)
        for side in ax.spines.values():
            side.set_visible(False)
        present = np.unique(code)
        handles = [
            Patch(facecolor=_COLOURS[level], edgecolor=PALE if level else "#C9CED4", label=_NAMES[level])
            for level in (3, 2, 1, 0)
            if level in present
        ]
        ax.legend(
            handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0.3, handlelength=1.2
        )
    return ax


def _label_days(ax: Axes, panel: DyadPanel, used: np.ndarray) -> None:
    """Ticks at the first occasion of some days, numbered from 1; at occasions where no day is known."""
    index = panel.index
    days = used // index.n_beeps
    numbers, first = np.unique(days, return_index=True)
    if len(numbers) > 1:
        shown = _spread(len(numbers))
        ax.set_xticks(first[shown], [str(number + 1) for number in numbers[shown]])
        ax.set_xlabel("day")
        return
    shown = _spread(len(used))
    ax.set_xticks(shown, [str(place + 1) for place in shown])
    ax.set_xlabel("day" if panel.clock.days_only else panel.columns["time"] or "occasion")


def _spread(n: int) -> np.ndarray:
    """At most a dozen of n places, at round distances."""
    steps = (1, 2, 5, 7, 10, 14, 20, 28, 50, 100, 200, 500, 1000)
    step = next((step for step in steps if n / step <= 12), n)
    return np.arange(0, n, step)
