"""Whether a value of a study file is of the kind that an annotation asks for.

Annotations are read as syntax trees; names that are aliases are looked up in the module of the function. What is not
understood accepts everything: the analysis itself then has the say.
"""

from __future__ import annotations

import ast
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["kind_fault"]

_LISTS = {"Sequence", "list", "tuple", "Iterable", "Collection", "frozenset", "set", "Set"}
_TABLES = {"Mapping", "dict", "MutableMapping"}
_COLUMNS = "text or a list of texts"
_OBJECTS = {
    "Estimation": 'a table such as { method = "ml" }',
    "Residual": 'a table such as { process = "ar1" }',
    "Surrogates": 'a table such as { kind = "phase" }',
    "CycleResult": 'another analysis of the file: { analysis = "NAME" }',
}
_LARGEST = 2**63
_MOST = 30


def kind_fault(value: Any, annotation: str, lookup: Callable[[str], Any]) -> str | None:
    """What is wrong with the kind of a value, or None.

    Parameters
    ----------
    value : object
        As TOML or JSON gives it.
    annotation : str
        Of the parameter.
    lookup : callable
        Gives what a name means where the function was written, or None.
    """
    too_large = _unusable(value)
    if too_large:
        return too_large
    try:
        tree = ast.parse(annotation, mode="eval").body
    except (SyntaxError, ValueError):
        return None
    wanted: list[str] = []
    if _fits(value, tree, lookup, wanted, 0):
        return None
    return f"wanted is {' or '.join(dict.fromkeys(wanted)) or 'another kind of value'}"


def _unusable(value: Any) -> str | None:
    """Values that no analysis can be given: numbers without a size, dates."""
    if isinstance(value, float) and not math.isfinite(value):
        return "wanted is a finite number"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _LARGEST:
        return "the number is too large"
    if isinstance(value, (list, tuple)):
        return next(filter(None, map(_unusable, value)), None)
    if isinstance(value, Mapping):
        return next(filter(None, map(_unusable, value.values())), None)
    return None if value is None or isinstance(value, (str, bool, int, float)) else "dates and times are texts here"


def _fits(value: Any, tree: ast.expr, lookup: Callable[[str], Any], wanted: list[str], depth: int) -> bool:
    if depth > _MOST:
        return True
    if isinstance(tree, ast.BinOp):
        parts = [_fits(value, part, lookup, wanted, depth + 1) for part in (tree.left, tree.right)]
        return any(parts)
    if isinstance(tree, ast.Constant):
        # None is left out, never written; a text is an annotation in quotation marks.
        return tree.value is not None and not isinstance(tree.value, str)
    if isinstance(tree, ast.Subscript) and isinstance(tree.value, ast.Name):
        return _fits_generic(value, tree.value.id, tree.slice, lookup, wanted, depth)
    if isinstance(tree, ast.Name):
        return _fits_name(value, tree.id, lookup, wanted)
    return True


def _fits_name(value: Any, name: str, lookup: Callable[[str], Any], wanted: list[str]) -> bool:
    texts = isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    known: dict[str, tuple[bool, str]] = {
        "str": (isinstance(value, str), "text in quotation marks"),
        "Column": (isinstance(value, str), "text in quotation marks"),
        "Columns": (isinstance(value, str) or texts, _COLUMNS),
        "Constructs": (_is_constructs(value), "a table of lists of columns"),
        "Terms": (isinstance(value, (list, tuple)), "a list in [ ]"),
        "bool": (isinstance(value, bool), "true or false"),
        "int": (isinstance(value, int) and not isinstance(value, bool), "a whole number"),
        "float": (number, "a number"),
        **dict.fromkeys(_LISTS, (isinstance(value, (list, tuple)), "a list in [ ]")),
        **dict.fromkeys(_TABLES, (isinstance(value, Mapping), "a table")),
    }
    if name in known:
        fits, words = known[name]
        wanted.append(words)
        return fits
    if name in _OBJECTS:
        wanted.append(_OBJECTS[name])
        return isinstance(value, Mapping)
    meaning = lookup(name)
    return True if meaning is None else _fits_type(value, meaning, wanted)


def _is_constructs(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(items, (list, tuple)) and all(isinstance(item, str) for item in items) for items in value.values()
    )


def _fits_generic(
    value: Any, name: str, inner: ast.expr, lookup: Callable[[str], Any], wanted: list[str], depth: int
) -> bool:
    if name == "Literal":
        items = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        return _fits_literal(value, [item.value for item in items if isinstance(item, ast.Constant)], wanted)
    if name in _LISTS:
        wanted.append("a list in [ ]")
        if not isinstance(value, (list, tuple)):
            return False
        kinds = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        kinds = [kind for kind in kinds if not (isinstance(kind, ast.Constant) and kind.value is ...)]
        if name == "tuple" and len(kinds) > 1:
            pairs = list(zip(value, kinds, strict=False))
            return len(value) == len(kinds) and all(_fits(item, kind, lookup, [], depth + 1) for item, kind in pairs)
        deeper: list[str] = []
        fits = all(_fits(item, kinds[0], lookup, deeper, depth + 1) for item in value)
        if not fits:
            wanted[-1] = f"a list in [ ] (each item: {' or '.join(dict.fromkeys(deeper))})"
        return fits
    if name in _TABLES:
        wanted.append("a table")
        return isinstance(value, Mapping)
    return True


def _fits_literal(value: Any, allowed: Sequence[Any], wanted: list[str]) -> bool:
    wanted.append(" or ".join(repr(item) for item in allowed))
    return any(type(item) is type(value) and item == value for item in allowed)


def _parts(kind: Any) -> list[Any]:
    return [part for part in typing.get_args(kind) if part is not type(None)]


def _fits_type(value: Any, kind: Any, wanted: list[str]) -> bool:
    """The same for an alias that has been looked up."""
    origin = typing.get_origin(kind)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _fits_name(value, "Mapping", lambda _: None, wanted)
    if origin is typing.Literal:
        return _fits_literal(value, typing.get_args(kind), wanted)
    if origin in (typing.Union, types.UnionType):
        # Each part adds to what is wanted, so all are asked.
        return sum(_fits_type(value, part, wanted) for part in _parts(kind)) > 0
    if kind in (str, bool, int, float):
        return _fits_name(value, kind.__name__, lambda _: None, wanted)
    return True
