"""What an analysis is asked: one frozen dataclass per analysis, made from the parameters of its call.

The call is the only place where options, their defaults and their order stand. A keyword call, a table of a
study file and JSON make the same `Spec`.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Self

from reldyn._records import line_of
from reldyn._registry import Analysis, find_analysis
from reldyn.errors import DesignError

__all__ = ["Spec", "option_object", "spec_class", "spec_of_call"]

# How the annotation of a parameter says that its value names columns of the panel.
_COLUMNS = re.compile(r"\b(Column|Columns|Constructs|Terms)\b")
# Option objects that a table of a study file may spell out, and where they live.
_OBJECTS = {
    "Estimation": "reldyn.mixed",
    "Random": "reldyn.mixed",
    "Residual": "reldyn.mixed",
    "Shared": "reldyn.mixed",
    "Surrogates": "reldyn.coupling",
}
_NAMED = {"random": "Random"}
_SHARED = "shared"
# How the work is spread changes no number, so no file says it.
_EXECUTION = frozenset({"n_jobs"})


class Spec:
    """Base of what analyses are asked; the fields of a subclass are the options of its call.

    Attributes
    ----------
    analysis : str
        Name of the analysis in the registry.
    column_fields : tuple of str
        Fields that name columns of the panel.
    """

    analysis: ClassVar[str] = ""
    column_fields: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        return line_of(type(self).__name__, (f"{name}={value!r}" for name, value in self.non_defaults().items()))

    def columns(self) -> dict[str, list[str]]:
        """The columns of the panel that each field names; fields that name none are left out."""
        named = {}
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            if field.name in self.column_fields:
                value = getattr(self, field.name)
                items = list(value.values()) if "Constructs" in str(field.type) else value
                named[field.name] = list(dict.fromkeys(_names_in(items)))
        return {name: names for name, names in named.items() if names}

    def non_defaults(self) -> dict[str, Any]:
        """The options that differ from their defaults, as arguments of the call."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
            if not _is_default(getattr(self, field.name), field.default)
        }

    def to_table(self) -> dict[str, Any]:
        """What differs from the defaults as a study file writes it: texts, numbers, lists and tables."""
        given = self.non_defaults().items()
        return {name: _written(value) for name, value in given if name not in _EXECUTION and _can_be_written(value)}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Make it from a table of a study file or of JSON.

        Raises
        ------
        DesignError
            Options are unknown or missing: all of them are named.
        """
        faults = cls.faults(table)
        if faults:
            raise DesignError(f"{cls.analysis}: {'; '.join(faults.values())}.")
        types = {field.name: str(field.type) for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: _read(value, name, types[name]) for name, value in table.items()})

    @classmethod
    def faults(cls, table: Mapping[str, Any]) -> dict[str, str]:
        """What is wrong with the names in a table, by option."""
        import difflib

        known = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        faults = {}
        for name in table:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
                faults[str(name)] = f"{name!r} is no option of {cls.analysis} ({hint})"
        for name, field in known.items():
            if field.default is dataclasses.MISSING and name not in table:
                faults[name] = f"the option {name!r} is needed"
        return faults

    def run(self, panel: Any) -> Any:
        """Call the analysis."""
        return find_analysis(self.analysis).function()(panel, **self.non_defaults())


def spec_class(name: str) -> type[Spec]:
    """The class of what an analysis is asked.

    Parameters
    ----------
    name : str
        Of the registry.

    Returns
    -------
    type
        A frozen dataclass with a field for each parameter of the call but the panel.

    Examples
    --------
    >>> spec = spec_class("coupling.asymmetry")(variable="mood", trend=False)
    >>> spec.to_table()
    {'variable': 'mood', 'trend': False}
    >>> type(spec).from_table({"variable": "mood", "trend": False}) == spec
    True
    """
    return _made_class(find_analysis(name))


@cache
def _made_class(entry: Analysis) -> type[Spec]:
    parameters = _parameters(entry)
    made = [
        (item.name, str(item.annotation), dataclasses.field(default=item.default))
        if item.default is not inspect.Parameter.empty
        else (item.name, str(item.annotation), dataclasses.field())
        for item in parameters
    ]
    title = "".join(part.capitalize() for part in re.split(r"[._]", entry.name)) + "Spec"
    cls: type[Spec] = dataclasses.make_dataclass(
        title, made, bases=(Spec,), frozen=True, kw_only=True, eq=True, repr=False
    )
    cls.analysis = entry.name
    cls.column_fields = tuple(item.name for item in parameters if _COLUMNS.search(str(item.annotation)))
    cls.__module__ = __name__
    cls.__doc__ = f"What `{entry.call}` is asked."
    return cls


def spec_of_call(name: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Spec:
    """The spec of a call with these arguments after the panel."""
    cls = spec_class(name)
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    given = dict(zip(names, arguments, strict=False)) | dict(options)
    return cls(**{name: _fixed(value) for name, value in given.items()})


def _fixed(value: Any) -> Any:
    """Lists as tuples: nobody changes them later, and a table of a study file gives the same."""
    if isinstance(value, (list, tuple)):
        return tuple(_fixed(item) for item in value)
    return {name: _fixed(item) for name, item in value.items()} if isinstance(value, dict) else value


def _parameters(entry: Analysis) -> list[inspect.Parameter]:
    """Parameters of the call but the panel; those of the analysis that the rest is passed on to follow."""
    signature = inspect.signature(entry.function())
    own = [item for item in list(signature.parameters.values())[1:] if item.kind is not inspect.Parameter.VAR_KEYWORD]
    if not entry.passes_on:
        return own
    named = {item.name for item in own}
    passed = [item for item in _parameters(find_analysis(entry.passes_on)) if item.name not in named]
    # What the other analysis cannot do without is set by an analysis that has options of its own.
    return own + [item for item in passed if not own or item.default is not inspect.Parameter.empty]


def _is_default(value: Any, default: Any) -> bool:
    if default is dataclasses.MISSING:
        return False
    if value is default:
        return True
    try:
        return type(value) is type(default) and bool(value == default)
    except (TypeError, ValueError):
        return False


def _names_in(value: Any) -> Iterator[str]:
    """Names of columns in what an option was given."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (str(name) for name in value)
    elif type(value).__name__ == "Shared":
        yield str(value.name)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _names_in(item)


def _written(value: Any) -> Any:
    if type(value).__name__ == "Shared":
        return {_SHARED: value.name}
    if type(value).__name__ in _OBJECTS:
        plain = {field.name: (getattr(value, field.name), field.default) for field in dataclasses.fields(value)}
        changed = {name: item for name, (item, default) in plain.items() if not _is_default(item, default)}
        return {name: _written(item) for name, item in changed.items() if name not in _EXECUTION}
    if isinstance(value, Mapping):
        return {str(name): _written(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, range, frozenset, set)):
        return [_written(item) for item in value]
    return value.item() if hasattr(value, "item") and not hasattr(value, "__len__") else value


def _can_be_written(value: Any) -> bool:
    """Whether a value is made of texts, numbers, lists, tables and known option objects."""
    if value is None or isinstance(value, (str, bool, int, float)) or type(value).__name__ in _OBJECTS:
        return True
    if isinstance(value, Mapping):
        return all(_can_be_written(item) for item in value.values())
    if isinstance(value, (list, tuple, range, frozenset, set)):
        return all(_can_be_written(item) for item in value)
    return hasattr(value, "item") and not hasattr(value, "__len__")


def _read(value: Any, option: str, annotation: str) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {_SHARED}:
            return option_object("Shared")(value[_SHARED])
        kind = next((name for name in _OBJECTS if re.search(rf"\b{name}\b", annotation)), _NAMED.get(option))
        inner = {name: _read(item, name, "") for name, item in value.items()}
        return _made(kind, option, inner) if kind else inner
    if isinstance(value, (list, tuple)):
        return tuple(_read(item, option, annotation) for item in value)
    return value


def _made(kind: str, option: str, inner: dict[str, Any]) -> Any:
    cls = option_object(kind)
    known = [field.name for field in dataclasses.fields(cls)]
    unknown = [name for name in inner if name not in known]
    if unknown:
        raise DesignError(f"{option}: no option {unknown[0]!r}; known are {', '.join(known)}.")
    return cls(**inner)


def option_object(kind: str) -> Any:
    """The class of an option object, by its name, or the function that makes it."""
    module = importlib.import_module(_OBJECTS[kind])
    return getattr(module, _SHARED if kind == "Shared" else kind)
