"""What a figure is drawn from: something else is refused in a sentence that says what to give."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from reldyn.errors import DesignError
from reldyn.panel import DyadPanel

__all__ = ["check_axes", "check_table", "draws_result"]

F = TypeVar("F", bound=Callable[..., Any])


def draws_result(maker: str, *, figure: str | None = None) -> Callable[[F], F]:
    """Let a figure refuse as its first argument what is not the result that it draws (decorator).

    Parameters
    ----------
    maker : str
        The call that returns it, as a reader would write it, such as ``"rd.dynamics.inertia(panel, ...)"``.
    figure : str, optional
        What the class of the result calls its figure; None: the name of the function.

    Returns
    -------
    callable
    """

    def decorate(function: F) -> F:
        wanted = figure or function.__name__
        first = next(iter(inspect.signature(function).parameters))

        @functools.wraps(function)
        def draw(*arguments: Any, **options: Any) -> Any:
            if arguments or first in options:
                given = arguments[0] if arguments else options[first]
                # What stands in for a result says so by the same name.
                named = getattr(given, "figure", None)
                if not (isinstance(named, str) and named == wanted):
                    _refuse(function.__name__, given, maker)
            return function(*arguments, **options)

        return cast("F", draw)

    return decorate


def check_table(table: Any, needed: Sequence[str], *, name: str, maker: str, given: Any = None) -> None:
    """Refuse what is no table with these columns.

    Parameters
    ----------
    table : object
        A data frame, or a result that is one table.
    needed : sequence of str
    name, maker : str
        The figure, and what returns the table.
    given : object, optional
        What the reader gave, where that is not the table itself.

    Raises
    ------
    DesignError
        It is another thing.
    """
    columns = getattr(table, "columns", None)
    if isinstance(table, DyadPanel) or columns is None or any(column not in columns for column in needed):
        _refuse(name, table if given is None else given, maker)


def check_axes(ax: Any) -> None:
    """Refuse what is no matplotlib axes; None is fine.

    Parameters
    ----------
    ax : object

    Raises
    ------
    DesignError
        It is another thing.
    """
    from matplotlib.axes import Axes

    if ax is None or isinstance(ax, Axes):
        return
    what = "several axes: give one of them" if hasattr(ax, "__len__") and not isinstance(ax, str) else "no axes"
    raise DesignError(
        f"ax={type(ax).__name__} is {what}: make one with figure, ax = matplotlib.pyplot.subplots(), or leave ax out."
    )


def _refuse(name: str, given: Any, maker: str) -> None:
    article = "an" if type(given).__name__[:1] in "AEIOUaeiou" else "a"
    raise DesignError(
        f"plot.{name} draws what {maker} returns, and was given {article} {type(given).__name__}"
        f"{' with other columns' if hasattr(given, 'to_csv') else ''}: give it that."
    )
