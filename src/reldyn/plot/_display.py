"""Where a new figure lives and how often it is shown: one figure asked for is one picture.

pyplot knows every figure, so ``plt.show()``, ``plt.savefig()`` and the inline backend of Jupyter find it. What is
added to that:

- Jupyter's inline backend shows the open figures of a cell when the cell ends, and IPython shows the value of its last
  line as well. A figure that is returned would be shown twice, so showing it closes it in pyplot.
- A backend without windows (Agg, PDF, SVG) never shows what is open. There pyplot knows the last figure only; earlier
  ones live as long as someone holds them, so a loop over hundreds of figures does not fill the memory.
"""

from __future__ import annotations

import contextlib
import functools
import io
import sys
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["closing_what_fails", "figure_of", "open_figure"]

_WITHOUT_WINDOWS = frozenset({"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"})
_HOOK = "_ipython_display_"
# The figure that pyplot holds for us where nothing will ever show it.
_last: weakref.ref[Figure] | None = None


def open_figure(width: float, height: float) -> Figure:
    """Make an empty figure of the given size in inches that pyplot knows."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    global _last
    inline, windows = _inline(), _windows()
    if not inline and not windows and _last is not None and (before := _last()) is not None:
        plt.close(before)
    # The inline backend closes what it has shown: however many figures a cell draws, none is left over.
    limit = mpl.rcParams["figure.max_open_warning"]
    if inline:
        mpl.rcParams["figure.max_open_warning"] = 0
    try:
        figure = plt.figure(figsize=(width, height), layout="constrained")
    finally:
        mpl.rcParams["figure.max_open_warning"] = limit
    _last = None if inline or windows else weakref.ref(figure)
    return _shown_once(figure)


def figure_of(axes: Axes) -> Figure:
    """The whole figure that axes belong to, for functions that return it."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise TypeError("the axes belong to no figure")
    return _shown_once(figure)


@contextlib.contextmanager
def closing_what_fails() -> Iterator[None]:
    """Take figures that were opened inside the block out of pyplot if it fails: half a figure is never shown."""
    known = _open_numbers()
    try:
        yield
    except BaseException:
        for number in _open_numbers() - known:
            sys.modules["matplotlib.pyplot"].close(number)
        raise


def _open_numbers() -> set[int]:
    pyplot = sys.modules.get("matplotlib.pyplot")
    return set() if pyplot is None else set(pyplot.get_fignums())


def _shell() -> Any:
    """The running IPython, or None."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _backend() -> str:
    import matplotlib.pyplot as plt

    return str(plt.get_backend()).lower()


def _inline() -> bool:
    # A program started from a notebook inherits the backend, but has no cell whose end would show anything.
    return "inline" in _backend() and _shell() is not None


def _windows() -> bool:
    """Whether open figures are shown in windows or widgets, by ``plt.show()`` or by themselves."""
    return _backend() not in _WITHOUT_WINDOWS and "inline" not in _backend()


def _shown_once(figure: Figure) -> Figure:
    """Tell IPython how to show the figure; outside of IPython nothing changes."""
    if _shell() is not None:
        setattr(figure, _HOOK, functools.partial(_show, figure))
    return figure


def _show(figure: Figure) -> None:
    """Show the figure in IPython, and let pyplot forget it, so that the end of the cell shows it no more."""
    import matplotlib.pyplot as plt
    from IPython.display import display

    if _windows() and plt.fignum_exists(getattr(figure, "number", -1)):
        display({"text/plain": repr(figure)}, raw=True)  # type: ignore[no-untyped-call]
        return
    formatter = _shell().display_formatter
    with _without_hook(figure):
        data, metadata = formatter.format(figure)
    if "image/png" in formatter.active_types and not any(kind.startswith(("image", "application")) for kind in data):
        data["image/png"] = _png(figure)
    plt.close(figure)
    display(data, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def _without_hook(figure: Figure) -> Iterator[None]:
    hook = getattr(figure, _HOOK)
    delattr(figure, _HOOK)
    try:
        yield
    finally:
        setattr(figure, _HOOK, hook)


def _png(figure: Figure) -> bytes:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", bbox_inches="tight")
    return drawn.getvalue()
