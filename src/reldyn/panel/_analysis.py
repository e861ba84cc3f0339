"""What every analysis of a panel has in common: it is given a panel, and its result knows what was asked."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from reldyn._spec import spec_of_call
from reldyn.errors import DesignError
from reldyn.panel._panel import DyadPanel

__all__ = ["analysis", "check_given_panel"]

F = TypeVar("F", bound=Callable[..., Any])


def analysis(function: F) -> F:
    """Make a function of a panel an analysis (decorator).

    A first argument that is no panel, a list where one column belongs and text where a number belongs are refused in
    one sentence, and the result carries the `Spec` of the call as ``result.spec``. The function needs an entry in the
    ``analyses.toml`` of its room, or one made by `reldyn.study.register_analysis`.

    Parameters
    ----------
    function : callable
        Its first parameter is the panel; what it returns is a `Result`.

    Returns
    -------
    callable
        The same function, checked and with the spec on its result.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.load_sample().select(dyads=range(1, 4))
    >>> rd.coupling.granger(panel, "longing", lags=2).spec.to_table()
    {'variable': 'longing', 'lags': 2}
    """
    parts = function.__module__.split(".")
    room = parts[1] if parts[0] == "reldyn" else parts[0]
    name = f"{room}.{function.__name__}"
    code = function.__code__
    names = code.co_varnames[1 : code.co_argcount]

    @functools.wraps(function)
    def call(panel: DyadPanel, *arguments: Any, **options: Any) -> Any:
        check_given_panel(panel, name)
        _check_kinds({**dict(zip(names, arguments, strict=False)), **options}, function.__annotations__)
        result = function(panel, *arguments, **options)
        # A frozen record takes what it was asked once, when it is made.
        object.__setattr__(result, "spec", spec_of_call(name, arguments, options))
        return result

    return cast("F", call)


def _check_kinds(given: dict[str, Any], kinds: dict[str, Any]) -> None:
    """Refuse a list of columns where one belongs, and what is no number where one belongs."""
    for option, value in given.items():
        kind = kinds.get(option)
        if kind in ("Column", "Column | None") and isinstance(value, list | tuple) and value:
            raise DesignError(f"{option}={value!r} is a list: give the name of one column, as text.")
        if kind == "int" and not isinstance(value, int | np.integer):
            raise DesignError(f"{option}={value!r}: give a whole number.")
        if kind in ("float", "float | None") and isinstance(value, str):
            raise DesignError(f"{option}={value!r} is text: give a number.")


def check_given_panel(panel: Any, name: str) -> None:
    """Refuse what is no panel, and say how to make one.

    Parameters
    ----------
    panel : object
    name : str
        The analysis, as the message names it.

    Raises
    ------
    DesignError
        It is no panel.

    Examples
    --------
    >>> import reldyn as rd
    >>> rd.panel.check_given_panel(rd.load_sample(), "my_analysis")
    """
    if isinstance(panel, DyadPanel):
        return
    if isinstance(getattr(panel, "panel", None), DyadPanel):
        raise DesignError(f"{name} takes a DyadPanel, and this {type(panel).__name__} holds one: give its .panel.")
    call = 'rd.DyadPanel(frame, dyad="...", person="...", day="...", beep="...")'
    raise DesignError(
        f"{name} takes a DyadPanel, not a {type(panel).__name__}: make one with {call}, with the names of your columns."
    )
