"""The list of all analyses as a table, and the door for analyses of other packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reldyn._registry import Analysis, analyses_by_name, register

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Analysis", "analyses", "register_analysis"]


def analyses(room: str | None = None) -> pd.DataFrame:
    """List every analysis of a panel: what it answers, how it is called, what it returns.

    Parameters
    ----------
    room : str, optional
        One room only, such as ``"coupling"``.

    Returns
    -------
    pandas.DataFrame
        One row per analysis, by room and name: ``name`` (what ``verb`` of a study file says), ``question``, ``call``,
        ``room``, ``result`` (name of its class), ``figure`` (name in `reldyn.plot`; empty where it has none),
        ``methods`` (a sentence for a methods section) and ``references``.

    Examples
    --------
    >>> import reldyn as rd
    >>> table = rd.analyses("coupling").set_index("name")
    >>> table.loc["coupling.asymmetry", "call"]
    'rd.coupling.asymmetry(panel, ...)'
    """
    import pandas as pd

    rows = [
        {
            "name": entry.name,
            "question": entry.question,
            "call": _call(entry),
            "room": entry.room,
            "result": entry.result.rpartition(".")[2],
            "figure": entry.figure,
            "methods": entry.methods,
            "references": "; ".join(entry.references),
        }
        for entry in analyses_by_name().values()
        if room is None or entry.room == room
    ]
    return pd.DataFrame(rows, columns=["name", "question", "call", "room", "result", "figure", "methods", "references"])


def register_analysis(analysis: Analysis) -> None:
    """Add an analysis of your own to the list: study files can then run it.

    Parameters
    ----------
    analysis : Analysis
        Its ``call`` is the dotted path of a function whose first parameter is the panel, decorated with
        `reldyn.panel.analysis`; its ``result`` the dotted path of the class of what it returns.

    Raises
    ------
    DesignError
        Another analysis has this name.

    Examples
    --------
    >>> import reldyn as rd
    >>> own = rd.study.Analysis(
    ...     "mylab.warm_days", "mylab.warm_days", "How many days were warm?", "mylab.WarmDays"
    ... )
    >>> rd.study.register_analysis(own)
    >>> "mylab.warm_days" in set(rd.analyses()["name"])
    True
    """
    register(analysis)


def _call(entry: Analysis) -> str:
    return f"rd.{entry.name}(panel, ...)" if entry.call.startswith("reldyn.") else f"{entry.call}(panel, ...)"
