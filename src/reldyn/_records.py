"""One line for what holds arrays and tables: what `repr` says of results and of the records inside them.

Numbers that identify nobody, shapes and counts; names of dyads and persons are left out.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any, TypeVar

from reldyn.errors import DataError

__all__ = ["NOBODY", "WIDTH", "brief", "line_of", "one_line", "parts_of", "result_line"]

T = TypeVar("T")
# Columns of a line: what a terminal or a notebook shows without breaking it.
WIDTH = 110
_LABELS = frozenset({"dyad", "person", "giver", "receiver", "perceiver", "target", "partner"})
# What stands in the place of a dyad in rows about all of them.
NOBODY = ("", "sample", "all")

# Where the results of the families keep what was analysed, the most telling name first.
_OUTCOMES = ("outcome", "judgment", "variable", "warmth", "variables", "items", "question")
_PREDICTORS = ("predictors", "predictor", "truth", "affect", "response")
_COUNTS = ("n_dyads", "n_persons", "n_series")
_HOLDERS = ("spec", "setting", "settings", "design", "estimates", "fitted", "fit", "columns", "about", "received")


def brief(cls: type[T]) -> type[T]:
    """Give a dataclass a `repr` of one line (class decorator, above ``@dataclass``).

    What holds no arrays or tables shows itself as one would write it, as long as that fits.
    """
    written: Any = cls.__repr__
    types = [str(field.type) for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    holds_data = any(re.search(r"Array|array|Frame|Mapping|dict", one) for one in types)

    def line(self: Any) -> str:
        text = "" if holds_data else str(written(self))
        return text if 0 < len(text) <= WIDTH and "\n" not in text else one_line(self)

    setattr(cls, "__repr__", line)  # noqa: B010
    return cls


def parts_of(record: Any) -> dict[str, Any]:
    """What a record holds by name: the parts and the notes of a result, the fields of any other dataclass."""
    if hasattr(record, "parts"):
        held = {} if "state" not in vars(record) else record.parts()
        return {**held, "notes": getattr(record, "notes", ())}
    return {field.name: getattr(record, field.name, None) for field in dataclasses.fields(record)}


def one_line(record: Any) -> str:
    """Name the class of a dataclass and its fields: numbers and short texts as they are, the rest by its size.

    Parameters
    ----------
    record : dataclass

    Returns
    -------
    str
        At most `WIDTH` characters.

    Examples
    --------
    >>> import numpy as np
    >>> @dataclasses.dataclass
    ... class Fit:
    ...     method: str
    ...     beta: np.ndarray
    ...     terms: tuple
    >>> one_line(Fit("ml", np.zeros((4, 2)), ("a", "b")))
    "<Fit: method='ml', beta (4, 2), terms: 2>"
    """
    return line_of(type(record).__name__, _parts(record))


def line_of(name: str, parts: Iterator[str] | list[str]) -> str:
    """Set parts behind a name, as many as fit on a line; three dots stand for the others."""
    told: list[str] = []
    room = WIDTH - len(name) - len("<: , ...>")
    for part in parts:
        plain = " ".join(part.split())
        if len(plain) > room:
            told.append("...")
            break
        told.append(plain)
        room -= len(plain) + 2
    return f"<{name}: {', '.join(told)}>" if told else f"<{name}>"


def result_line(result: Any) -> str:
    """Name a result: its class, what was analysed, how many dyads, and whether the estimates converged.

    Parameters
    ----------
    result : Result

    Returns
    -------
    str
        At most `WIDTH` characters.
    """
    return line_of(type(result).__name__, [part for part in (*_subject(result), *_state(result)) if part])


def _subject(result: Any) -> list[str]:
    outcome, predictors = _first(result, _OUTCOMES), _first(result, _PREDICTORS)
    left, right = _names(outcome, 40), _names(predictors, 44)
    count, unit = next(
        ((found, name[2:]) for name in _COUNTS if (found := _first(result, (name,))) is not None), (None, "")
    )
    if count is None and (labels := _labels(result)):
        count, unit = len(labels), "dyads"
    counted = "" if count is None else f"{count} {unit if count != 1 or unit == 'series' else unit.removesuffix('s')}"
    return [f"{left} ~ {right}" if left and right else left or right, counted]


def _state(result: Any) -> list[str]:
    converged, admissible = _first(result, ("converged",)), _first(result, ("admissible",))
    state = "" if converged is None else "converged" if converged else "not converged"
    n = len(getattr(result, "notes", ()))
    return [state, "inadmissible" if admissible is False else "", f"{n} note{'s' if n > 1 else ''}" if n else ""]


def _first(result: Any, names: tuple[str, ...], depth: int = 2) -> Any:
    """The first of several names that a result, or what it rests on, has a value for."""
    for name in names:
        value = result.get(name) if isinstance(result, Mapping) else _own(result, name)
        if value is not None and not callable(value) and not (isinstance(value, Sized) and len(value) == 0):
            return value
    for holder in _HOLDERS if depth and not isinstance(result, Mapping) else ():
        inner = _saved(result, holder)
        if inner is not None and not callable(inner):
            value = _first(inner, names, depth - 1)
            if value is not None:
                return value
    return None


def _own(result: Any, name: str) -> Any:
    """An attribute; of a result that stands for its table only what is no column. None for rows that were not saved."""
    if not hasattr(type(result), "__getitem__"):
        return _saved(result, name)
    held: Any = getattr(result, "state", {}) if hasattr(result, "parts") else {}
    return held.get(name)


def _saved(holder: Any, name: str) -> Any:
    """An attribute; None for one of rows that were not saved."""
    try:
        return getattr(holder, name, None)
    except DataError:
        return None


def _names(value: Any, room: int) -> str:
    """Names of columns, joined with plus; three dots where there is no room for all."""
    if value is None:
        return ""
    names = [value] if isinstance(value, str) else [one[0] if isinstance(one, tuple) else one for one in value]
    text = " + ".join(str(name) for name in names)
    return text if len(text) <= room else text[: room - 3].rstrip(" +") + "..."


def _labels(result: Any) -> set[Any]:
    """Dyads named in the rows or records of a result."""
    for value in parts_of(result).values():
        columns = _saved(value, "columns")
        if isinstance(columns, Iterable) and "dyad" in columns:
            return set(value["dyad"].dropna()) - set(NOBODY)
        if isinstance(value, tuple) and value and hasattr(value[0], "dyad"):
            return {one.dyad for one in value}
    return set()


def _parts(record: Any) -> Iterator[str]:
    for field in dataclasses.fields(record):
        value = getattr(record, field.name, None)
        label = field.name in _LABELS and not getattr(value, "shape", ())
        if not label and value is not None and not (isinstance(value, str) and not value):
            yield _part(field.name, value)


def _part(name: str, value: Any) -> str:
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"{name} {shape}"
    if isinstance(value, bool | int):
        return f"{name}={value}"
    if isinstance(value, str):
        return f"{name}={value!r}" if len(value) <= 40 else f"{name}={value[:37]!r}..."
    try:
        return f"{name}={float(value):.4g}"
    except (TypeError, ValueError):
        pass
    if dataclasses.is_dataclass(value):
        return f"{name}: {type(value).__name__}"
    if isinstance(value, Mapping | Sized):
        return f"{name}: {len(value)}"
    return f"{name}: {type(value).__name__}"
