"""How every figure looks: seaborn's theme with settings of ours, per figure and never in the global settings.

Colours are from Okabe and Ito (2008), which remain apart under every common colour blindness.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from reldyn.errors import DesignError
from reldyn.plot._display import closing_what_fails, figure_of, open_figure
from reldyn.plot._given import check_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "INK",
    "MEMBERS",
    "ORANGE",
    "PALE",
    "SHAPES",
    "SKY",
    "axes_or_new",
    "figure_of",
    "new_figure",
    "roles_of",
    "style",
    "to_svg",
    "wrapped",
]

BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#9FCDE8"
INK, GREY, PALE = "#22262B", "#7A828C", "#E9ECEF"
# The two members of a dyad, then whatever further groups a mixed sample has.
MEMBERS = (BLUE, ORANGE, GREEN, PURPLE)
# Their dots, as the colours are of nearly one grey in print.
SHAPES = {BLUE: "o", ORANGE: "s", GREEN: "^", PURPLE: "D"}

_SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.labelsize": 9.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "text.usetex": False,
    "text.parse_math": False,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.4,
    "lines.markersize": 3.5,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
}
_DETACHED: ContextVar[bool] = ContextVar("detached", default=False)


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Draw in the house style inside the block; settings outside are as before."""
    import matplotlib as mpl
    import seaborn as sns

    chosen = sns.axes_style("ticks") | sns.plotting_context("paper") | _SETTINGS
    # Not rc_context, which gives back every setting: a backend that is loaded inside changes some for good.
    settings: Any = mpl.rcParams
    before = {name: settings[name] for name in chosen}
    settings.update(chosen)
    try:
        with closing_what_fails():
            yield
    finally:
        settings.update(before)


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure of the given size in inches: known to pyplot, except in `to_svg`, which shows nothing."""
    if not _DETACHED.get():
        return open_figure(width, height)
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def roles_of(rows: pd.DataFrame) -> list[Any]:
    """Roles in an order that does not hang on that of the rows, so that each has one colour in all figures."""
    return sorted(set(rows["role"]) - {""}, key=str)


def wrapped(name: str, room: int) -> str:
    """A long name on several lines, broken after blanks and underscores."""
    lines = [""]
    for part in re.findall(r"[^_ ]*[_ ]|[^_ ]+$", name):
        if lines[-1] and len(lines[-1] + part.rstrip()) > room:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def axes_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """The axes given, or those of a new figure."""
    check_axes(ax)
    return ax if ax is not None else new_figure(width, height).add_subplot()


def to_svg(draw: Callable[[], Figure | Axes], *, salt: str = "reldyn") -> str:
    """Draw a figure as SVG text that is the same, byte for byte, for the same input.

    Parameters
    ----------
    draw : callable
        Takes nothing and returns a figure or axes.
    salt : str, default "reldyn"
        Seeds the ids inside the file: figures that share a page need different ones.

    Returns
    -------
    str
        An ``<svg>`` element without date, XML header or outside references.

    Examples
    --------
    >>> import reldyn as rd
    >>> from matplotlib.figure import Figure
    >>> rd.plot.to_svg(lambda: Figure(figsize=(1, 1)))[:4]
    '<svg'
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if not callable(draw):
        raise DesignError(
            "to_svg takes a function that draws, so that the figure is made where nothing shows it: "
            "lambda: rd.plot.coefficients(fit)."
        )
    token = _DETACHED.set(True)
    try:
        drawn = draw()
        figure = drawn if isinstance(drawn, Figure) else figure_of(drawn)
        buffer = io.StringIO()
        with style(), mpl.rc_context({"svg.hashsalt": salt}):
            figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    finally:
        _DETACHED.reset(token)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    return re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL).strip()
