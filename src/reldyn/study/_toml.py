"""Reading a study file: every fault at once, each with its key path, line and nearest match."""

from __future__ import annotations

import difflib
import re
import tomllib
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from reldyn.errors import DesignError
from reldyn.study._config import StudyFile, model_class

__all__ = ["StudyText", "faults_of", "read_study_file"]

Path_ = tuple[str | int, ...]
# Possessive quantifiers (*+, ++) never give back what they took: each line is scanned once, whatever it holds.
_NAME = r"""(?:"(?:[^"\\]|\\.)*+"|'[^']*+'|[\w-]++)"""
_DOTTED = rf"({_NAME}(?:\s*+\.\s*+{_NAME})*+)"
_HEADER = re.compile(rf"\s*+(\[\[?+)\s*+{_DOTTED}\s*+\]\]?+\s*+(?:#.*)?$")
_KEY = re.compile(rf"\s*+{_DOTTED}\s*+=")
_PART = re.compile(r"""\s*+(?:"((?:[^"\\]|\\.)*+)"|'([^']*+)'|([\w-]++))\s*+\.?""")
_WORDS = {
    "missing": "this key is needed",
    "string_type": "wanted is text in quotation marks",
    "bool_type": "wanted is true or false",
    "int_type": "wanted is a whole number",
    "float_type": "wanted is a number",
    "list_type": "wanted is a list in [ ]",
    "tuple_type": "wanted is a list of two numbers",
    "dict_type": "wanted is a table",
    "model_type": "wanted is a table",
    "model_attributes_type": "wanted is a table",
}


class StudyText:
    """The text of a study file, with the line where each key stands.

    Parameters
    ----------
    path : Path
    text : str
    """

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = text
        self._lines = _lines_of_keys(text)

    @classmethod
    def read(cls, path: Path, kind: str = "study") -> StudyText:
        """The text of a file, or a `DesignError` that says why it cannot be read."""
        return cls(path, _read(path, kind))

    def place(self, keys: Sequence[str | int]) -> str:
        """Name a key by its path and line: ``models.apim.outcome (line 12)``."""
        name = ".".join(str(key) for key in keys)
        for length in range(len(keys), 0, -1):
            line = self._lines.get(tuple(str(key) for key in keys[:length]))
            if line is not None:
                return f"{name} (line {line})"
        return name

    def error(self, faults: Sequence[str]) -> DesignError:
        """One error with all faults of this file."""
        if len(faults) == 1:
            return DesignError(f"{self.path.name}: {faults[0]}")
        listed = "\n".join(f"- {fault}" for fault in faults)
        return DesignError(f"{self.path.name} has {len(faults)} faults:\n{listed}")


def read_study_file(path: Path) -> tuple[StudyFile, StudyText]:
    """Read and check a study file.

    Raises
    ------
    DesignError
        The file is absent, no TOML, or has unknown or missing keys or values of a wrong kind: all
        of them in one message.
    """
    where = StudyText.read(path)
    try:
        raw = tomllib.loads(where.text)
    except tomllib.TOMLDecodeError as problem:
        raise DesignError(f"{path.name} is no valid TOML: {problem}.") from None
    raw = _named_models(raw, where)
    try:
        return StudyFile.model_validate(raw), where
    except ValidationError as problem:
        raise where.error(faults_of(problem, raw, where)) from None


def _read(path: Path, kind: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        near = sorted(other.name for other in path.parent.glob("*.toml"))[:5]
        hint = f" The folder holds {', '.join(near)}." if near else ""
        raise DesignError(f"{path}: there is no such {kind} file.{hint}") from None
    except OSError as problem:
        raise DesignError(f"{path}: the {kind} file cannot be read ({problem.strerror}).") from None
    except UnicodeDecodeError as problem:
        raise DesignError(
            f"{path}: the {kind} file is not UTF-8 text (byte {problem.start}): save it as UTF-8."
        ) from None


def _named_models(raw: dict[str, Any], where: StudyText) -> dict[str, Any]:
    """Accept ``[[models]]`` with a ``name`` beside ``[models.NAME]``."""
    listed = raw.get("models")
    if not isinstance(listed, list):
        return raw
    models: dict[str, Any] = {}
    faults = []
    for number, model in enumerate(listed):
        name = model.get("name") if isinstance(model, Mapping) else None
        if not isinstance(name, str) or not name:
            faults.append(f"{where.place(('models', number))}: a model of a list needs a name.")
        elif name in models:
            faults.append(f"{where.place(('models', number, 'name'))}: two models are called {name!r}.")
        else:
            models[name] = model
            where._lines.update(
                {
                    ("models", name, *keys[2:]): line
                    for keys, line in list(where._lines.items())
                    if keys[:2] == ("models", str(number))
                }
            )
    if faults:
        raise where.error(faults)
    return raw | {"models": models}


def faults_of(
    problem: ValidationError, raw: Mapping[str, Any], where: StudyText, section: type[BaseModel] = StudyFile
) -> list[str]:
    """Every fault of a file, by key path and line; `section` is the model that the file as a whole follows."""
    faults = []
    for error in problem.errors(include_url=False):
        keys = _real_keys(error["loc"], raw)
        place = where.place(keys)
        kind = error["type"]
        if kind == "extra_forbidden":
            faults.append(f"{place}: unknown key.{_nearest(keys, raw, section)}")
        elif kind == "value_error":
            faults.append(f"{place}: {error['ctx']['error']}")
        elif kind == "literal_error":
            faults.append(f"{place}: {error['input']!r} is not known; allowed: {error['ctx']['expected']}.")
        elif kind == "union_tag_invalid":
            tag = error["ctx"]["tag"]
            faults.append(f"{where.place((*keys, 'kind'))}: {tag!r} is not known; allowed: 'apim', 'mixed_model'.")
        else:
            faults.append(f"{place}: {_WORDS.get(kind, error['msg'])}.")
    return list(dict.fromkeys(faults))


def _real_keys(loc: Iterable[str | int], raw: Any) -> Path_:
    """The keys of the file behind a location of pydantic, which also names branches of a union."""
    keys: list[str | int] = []
    steps = list(loc)
    here = raw
    for number, step in enumerate(steps):
        if _holds(here, step):
            here = here[step]
        elif number < len(steps) - 1 or not isinstance(here, Mapping) or step in ("text", "table", "list"):
            continue
        keys.append(step)
    return tuple(keys)


def _holds(here: Any, step: str | int) -> bool:
    if isinstance(here, list):
        return isinstance(step, int) and step < len(here)
    return isinstance(here, Mapping) and step in here


def _nearest(keys: Path_, raw: Mapping[str, Any], section: type[BaseModel]) -> str:
    allowed = _allowed_keys(keys[:-1], raw, section)
    close = difflib.get_close_matches(str(keys[-1]), allowed, n=1)
    if close:
        return f" Did you mean {close[0]!r}?"
    return f" Known here: {', '.join(allowed)}." if allowed else ""


def _allowed_keys(keys: Path_, raw: Mapping[str, Any], section: type[BaseModel]) -> list[str]:
    for depth, key in enumerate(keys):
        if keys[:1] == ("models",) and depth == 1:
            section = model_class(str(_value(raw, keys[:2]).get("kind", "apim")))
        elif isinstance(key, str) and key in section.model_fields:
            inner = _sections_in(section.model_fields[key].annotation)
            if keys[:1] != ("models",) or depth > 0:
                section = inner[0] if inner else section
    return [name for name in section.model_fields if not (keys[:1] == ("models",) and name == "name")]


def _sections_in(annotation: Any) -> list[type[BaseModel]]:
    """Sections inside a type, those of tables before those of list elements."""
    if not typing.get_args(annotation):
        return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []
    return sorted(
        (found for part in typing.get_args(annotation) for found in _sections_in(part)),
        key=lambda found: found.__name__ == "SharedTerm",
    )


def _value(raw: Any, keys: Path_) -> Any:
    for key in keys:
        raw = raw[key]
    return raw


def _lines_of_keys(text: str) -> dict[tuple[str, ...], int]:
    """The line of each table header and each ``key =``, found by scanning; TOML parsers keep none."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    count: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header:
            table = _parts(header.group(2))
            if header.group(1) == "[[":
                count[table] = count.get(table, -1) + 1
                table = (*table, str(count[table]))
            elif table[:1] in count:
                table = (*table[:1], str(count[table[:1]]), *table[1:])
            for length in range(1, len(table) + 1):
                lines.setdefault(table[:length], number)
            continue
        key = _KEY.match(line)
        if key:
            lines.setdefault((*table, *_parts(key.group(1))), number)
    return lines


def _parts(name: str) -> tuple[str, ...]:
    # One of the three forms of a name matched; the other two are empty.
    return tuple("".join(found) for found in _PART.findall(name))
