"""The tables ``[analyses.NAME]`` of a study file, checked against the registry."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import inspect
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from reldyn._registry import analyses_by_name, find_analysis
from reldyn._spec import Spec, spec_class
from reldyn.errors import DataError, DesignError, check_columns
from reldyn.study._names import name_faults
from reldyn.study._wording import in_study_words
from reldyn.study.asking._bounds import value_fault
from reldyn.study.asking._kinds import kind_fault

__all__ = [
    "Places",
    "Request",
    "absent_faults",
    "answer_columns",
    "column_faults",
    "in_order",
    "read_requests",
    "seeded",
]

VERB, REFERENCE, SEED = "verb", "analysis", "seed"
# Options that name what persons answered; predictors may be traits or calendars, which are there on any row.
_ANSWERS = ("outcome", "outcomes", "variable", "variables", "warmth", "approach", "items", "x", "y")


class Places(Protocol):
    """Names keys of a file by path and line."""

    def place(self, keys: Sequence[str | int]) -> str:
        """Name a key by its path and line."""
        ...


@dataclass(frozen=True)
class Request:
    """One analysis of a study file.

    Attributes
    ----------
    name : str
        Its name in the file.
    verb : str
        Its name in the registry.
    options : mapping
        Options as the file writes them, without those that refer to another analysis.
    references : mapping of str to str
        Options that take the result of another analysis of the file, by its name.
    """

    name: str
    verb: str
    options: Mapping[str, Any]
    references: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def spec_class(self) -> type[Spec]:
        """The class of what is asked."""
        return spec_class(self.verb)

    def columns(self) -> dict[str, list[str]]:
        """The columns that each option names."""
        cls = self.spec_class()
        needed = _stand_ins(cls, self.options)
        named = cls.from_table({**needed, **self.options}).columns()
        return {name: found for name, found in named.items() if name in self.options}

    def arguments(self, results: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of the call."""
        cls = self.spec_class()
        needed = _stand_ins(cls, self.options)
        spec = cls.from_table({**needed, **self.options})
        referred = {option: results[name] for option, name in self.references.items()}
        return {name: getattr(spec, name) for name in self.options} | referred


def read_requests(raw: Any, where: Places) -> tuple[list[Request], list[str]]:
    """Read the tables, and list every fault with its place."""
    if not isinstance(raw, Mapping):
        return [], [f"{where.place(('analyses',))}: wanted is a table for each analysis: [analyses.NAME]."]
    requests: list[Request] = []
    unusable = name_faults([str(name) for name in raw])
    faults = [_sentence(where.place(("analyses", name)), text) for name, text in unusable.items()]
    for name, table in raw.items():
        keys = ("analyses", str(name))
        if not isinstance(table, Mapping):
            faults.append(f"{where.place(keys)}: wanted is a table: [analyses.{name}].")
            continue
        verb = _verb(table, keys, where, faults)
        if verb is None:
            continue
        options = {str(option): value for option, value in table.items() if option != VERB}
        references = {option: value[REFERENCE] for option, value in options.items() if _is_reference(value)}
        found = _option_faults(verb, options, references)
        found |= {
            option: _unknown_reference(other, name, raw)
            for option, other in references.items()
            if other == name or other not in raw
        }
        faults += [_sentence(where.place((*keys, option) if option else keys), text) for option, text in found.items()]
        if not found:
            plain = {option: value for option, value in options.items() if option not in references}
            requests.append(Request(str(name), verb, plain, references))
    if not faults:
        faults += _circles(requests, where)
    return requests, faults


def _verb(table: Mapping[str, Any], keys: tuple[str, ...], where: Places, faults: list[str]) -> str | None:
    if VERB not in table:
        faults.append(f"{where.place(keys)}: the key 'verb' is needed: the name of an analysis from rd.analyses().")
        return None
    verb = table[VERB]
    if not isinstance(verb, str):
        faults.append(f"{where.place((*keys, VERB))}: wanted is text in quotation marks.")
        return None
    try:
        return find_analysis(verb).name
    except DesignError as problem:
        known = analyses_by_name()
        ends = {name.rpartition(".")[2]: name for name in known}
        near = difflib.get_close_matches(verb.rpartition(".")[2], ends, n=1, cutoff=0.7)
        text = f"no analysis is called {verb!r}. Did you mean {ends[near[0]]!r}?" if near else str(problem)
        faults.append(f"{where.place((*keys, VERB))}: {text}")
        return None


def _is_reference(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {REFERENCE} and isinstance(value[REFERENCE], str)


def _unknown_reference(other: str, name: str, raw: Mapping[str, Any]) -> str:
    if other == name:
        return "an analysis cannot refer to itself"
    near = difflib.get_close_matches(other, [str(key) for key in raw], n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"no analysis of this file is called {other!r}{hint}"


def _sentence(place: str, text: str) -> str:
    return f"{place}: {text}" if text.endswith(("?", ".")) else f"{place}: {text}."


def _needed(cls: type[Spec]) -> list[str]:
    return [field.name for field in dataclasses.fields(cls) if field.default is dataclasses.MISSING]  # type: ignore[arg-type]


def _stand_ins(cls: type[Spec], given: Collection[str]) -> dict[str, Any]:
    """Empty values of options that are needed and not given."""
    kinds = {field.name: str(field.type) for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    return {name: {} if "Constructs" in kinds[name] else "" for name in _needed(cls) if name not in given}


def _option_faults(verb: str, options: Mapping[str, Any], references: Mapping[str, str]) -> dict[str, str]:
    """Every fault of the options of one analysis, by option; missing ones count as faults of the whole table."""
    cls = spec_class(verb)
    needed = _needed(cls)
    faults = {}
    for option, text in cls.faults(options).items():
        faults["" if option not in options else option] = text
    missing = [name for name in needed if name not in options]
    if len(missing) > 1:
        faults[""] = f"the options {', '.join(map(repr, missing))} are needed"
    kinds = {field.name: str(field.type) for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    lookup = _names_of(verb)
    for option, value in options.items():
        if option in faults or option in references:
            continue
        fault = (
            kind_fault(value, kinds[option], lookup)
            or value_fault(cls.analysis, option, value, kinds[option])
            or _reading_fault(cls, option, value)
        )
        if fault:
            faults[option] = in_study_words(fault, "analysis")
    return faults


def _names_of(verb: str) -> Any:
    """Look up a name in the module of the function, or of the one that its options go to."""
    entries = [find_analysis(verb)]
    while entries[-1].passes_on:
        entries.append(find_analysis(entries[-1].passes_on))
    spaces = [sys.modules[inspect.unwrap(entry.function()).__module__].__dict__ for entry in entries]
    return lambda name: next((space[name] for space in spaces if name in space), None)


def _reading_fault(cls: type[Spec], option: str, value: Any) -> str | None:
    """What an option object says to its own options."""
    try:
        cls.from_table(_stand_ins(cls, [option]) | {option: value})
    except DesignError as problem:
        return str(problem).removeprefix(f"{cls.analysis}: ").rstrip(".")
    except (TypeError, ValueError, AttributeError, KeyError, RecursionError) as problem:
        return f"cannot be read ({problem})"
    return None


def _circles(requests: Sequence[Request], where: Places) -> list[str]:
    try:
        in_order(requests)
    except DesignError as problem:
        return [f"{where.place(('analyses',))}: {problem}"]
    return []


def in_order(requests: Sequence[Request]) -> list[Request]:
    """The analyses so that each comes after those that it refers to, else as in the file.

    Raises
    ------
    DesignError
        They refer to each other in a circle.
    """
    left, ordered = list(requests), []
    done: set[str] = set()
    while left:
        ready = next((one for one in left if set(one.references.values()) <= done), None)
        if ready is None:
            raise DesignError(f"{' and '.join(one.name for one in left)} refer to each other in a circle.")
        left.remove(ready)
        done.add(ready.name)
        ordered.append(ready)
    return ordered


def seeded(request: Request, seed: int, *, always: bool) -> Request:
    """The analysis with a seed of its own, where it takes one and the file gives none.

    Parameters
    ----------
    seed : int
        Of the study; the analysis gets one that hangs on this and on its name, not on its place in the file.
    always : bool
        Also where the analysis has a seed by default.
    """
    own = int.from_bytes(hashlib.sha256(f"{seed}:{request.name}".encode()).digest()[:4], "big") >> 1
    options = dict(request.options)
    for field in dataclasses.fields(request.spec_class()):  # type: ignore[arg-type]
        if field.name == SEED and SEED not in options and (always or field.default is None):
            options[SEED] = own
        table = options.get(field.name)
        if isinstance(table, Mapping) and field.name == "estimation" and "boot" in str(table.get("inference")):
            options[field.name] = {SEED: own, **table}
    return replace(request, options=options)


def answer_columns(requests: Iterable[Request]) -> list[str] | None:
    """Columns whose values count as answers: what analyses are about, not their predictors; None where none is named.

    Traits and calendars are filled in on occasions that nobody answered.
    """
    named = [
        column
        for one in requests
        for option, columns in one.columns().items()
        if option in _ANSWERS
        for column in columns
    ]
    return list(dict.fromkeys(named)) or None


def column_faults(requests: Iterable[Request], present: Sequence[str], source: str, where: Places) -> list[str]:
    """What analyses name and the data lack, each with key path and line."""
    return [
        fault
        for one in requests
        for option, columns in one.columns().items()
        for fault in absent_faults(present, columns, source, where.place(("analyses", one.name, option)))
    ]


def absent_faults(present: Sequence[str], names: Sequence[str], source: str, place: str) -> list[str]:
    """Each name that is no column, with its place and the nearest match."""
    faults = []
    for name in names:
        try:
            check_columns(present, [name], source)
        except DataError as problem:
            faults.append(f"{place}: {problem}")
    return faults
