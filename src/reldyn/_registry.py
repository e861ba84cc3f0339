"""The list of analyses: names, questions and texts, read from a file of each room without importing the room.

An analysis of a room is a function whose first parameter is ``panel``. It has one entry, a table named as
the function, in the file ``analyses.toml`` of its room.
"""

from __future__ import annotations

import importlib
import importlib.resources
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from reldyn.errors import DesignError

__all__ = ["Analysis", "analyses_by_name", "find_analysis", "register"]

_FILE = "analyses.toml"
ROOMS = ("actor_partner", "coupling", "cycles", "dynamics", "intervention", "perception")


@dataclass(frozen=True)
class Analysis:
    """An entry of the list of analyses; texts only, so that nothing is imported before it is used.

    Attributes
    ----------
    name : str
        What a study file calls it: ``room.function``, or ``function`` where the root of the library hands it on.
    call : str
        Dotted path of the function.
    question : str
        The question that it answers.
    result : str
        Dotted path of the class of its result.
    figure : str
        Name of the function of `reldyn.plot` that draws the result; empty where it has no figure.
    methods : str
        A sentence or two for a methods section.
    references : tuple of str
        Sources of the method.
    passes_on : str
        Name of the analysis that its further keyword arguments go to; empty for none.
    """

    name: str
    call: str
    question: str
    result: str
    figure: str = ""
    methods: str = ""
    references: tuple[str, ...] = ()
    passes_on: str = ""

    @property
    def room(self) -> str:
        """The room of the function."""
        parts = self.call.split(".")
        return parts[1] if parts[0] == "reldyn" and len(parts) > 2 else parts[0]

    def function(self) -> Callable[..., Any]:
        """The function itself."""
        function: Callable[..., Any] = _attribute(self.call)
        return function

    def result_class(self) -> type[Any]:
        """The class of the result."""
        cls: type[Any] = _attribute(self.result)
        return cls


_BY_NAME: dict[str, Analysis] = {}


def analyses_by_name() -> Mapping[str, Analysis]:
    """Every analysis by its name, sorted by room and name."""
    if not _BY_NAME:
        for room in ROOMS:
            for entry in _entries(room):
                _BY_NAME.setdefault(entry.name, entry)
    return dict(sorted(_BY_NAME.items(), key=lambda item: (item[1].room, item[0])))


def find_analysis(name: str) -> Analysis:
    """The analysis of this name; ``room.function`` finds those of the root as well.

    Raises
    ------
    DesignError
        There is none: the nearest names are offered.
    """
    known = analyses_by_name()
    found = known.get(name) or next((entry for entry in known.values() if entry.call == f"reldyn.{name}"), None)
    if found is None:
        import difflib

        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else "rd.analyses() lists all."
        raise DesignError(f"no analysis is called {name!r}. {hint}")
    return found


def register(analysis: Analysis) -> None:
    """Add an analysis of another package to the list, so that study files and contract tests find it.

    Raises
    ------
    DesignError
        Another analysis has this name.
    """
    if analyses_by_name().get(analysis.name, analysis) != analysis:
        raise DesignError(f"there is an analysis called {analysis.name!r} already.")
    _BY_NAME[analysis.name] = analysis


def _entries(room: str) -> list[Analysis]:
    file = importlib.resources.files("reldyn").joinpath(room, _FILE)
    if not file.is_file():
        return []
    known = {field.name for field in fields(Analysis)} | {"root"}
    entries = []
    for key, said in tomllib.loads(file.read_text(encoding="utf-8")).items():
        if not said.keys() <= known:
            raise ValueError(f"{room}/{_FILE}: {key} says {sorted(said.keys() - known)}, which no entry knows.")
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in said.items()
        }
        root = given.pop("root", False)
        given["result"] = f"reldyn.{room}.{given['result']}"
        entries.append(Analysis(name=key if root else f"{room}.{key}", call=f"reldyn.{room}.{key}", **given))
    return entries


def _attribute(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)
