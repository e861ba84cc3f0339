"""Reading a study file: every fault at once, each with its key path, line and nearest match."""

from __future__ import annotations

import difflib
import re
import tomllib
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from reldyn.errors import DesignError
from reldyn.study._config import BACKSLASH, StudyFile
from reldyn.study._wording import in_study_words
from reldyn.study.asking import Request, read_requests, upgraded

__all__ = ["Draft", "Study", "StudyText", "faults_of", "named_models", "parsed", "read_draft", "read_study_file"]

Path_ = tuple[str | int, ...]
# A study file is written by hand; a larger one is something else.
_LARGEST = 1_000_000
_DEEPEST = 20
_LONGEST_KEY = 500
# Possessive quantifiers (*+, ++) never give back what they took: each line is scanned once, whatever it holds.
_NAME = r"""(?:"(?:[^"\\]|\\.)*+"|'[^']*+'|[\w-]++)"""
_DOTTED = rf"({_NAME}(?:\s*+\.\s*+{_NAME})*+)"
_HEADER = re.compile(rf"\s*+(\[\[?+)\s*+{_DOTTED}\s*+\]\]?+\s*+(?:#.*)?$")
_KEY = re.compile(rf"\s*+{_DOTTED}\s*+=")
_PART = re.compile(r"""\s*+(?:"((?:[^"\\]|\\.)*+)"|'([^']*+)'|([\w-]++))\s*+\.?""")
_AT_LINE = re.compile(r"at line (\d+)")
_CURLY = re.compile("[=\\[,]\\s*+[\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb]")
_WANTED, _ALLOWED = "wanted is ", " is not known; allowed: "
_WORDS = {
    "missing": "this key is needed",
    "string_type": "wanted is text in quotation marks",
    "bool_type": "wanted is true or false",
    "int_type": "wanted is a whole number",
    "float_type": "wanted is a number",
    "list_type": "wanted is a list in [ ]",
    "tuple_type": "wanted is a list of two numbers",
    "dict_type": "wanted is a table",
    "finite_number": "wanted is a finite number",
    "float_parsing": "wanted is a number",
    "int_from_float": "wanted is a whole number",
    "too_short": "too few: give {min_length} or more",
    "greater_than_equal": "give a number of at least {ge}",
    "less_than": "give a number below {lt}",
    "less_than_equal": "give a number of at most {le}",
    "model_type": "wanted is a table",
    "model_attributes_type": "wanted is a table",
}


class StudyText:
    """The text of a study file, with the line where each key stands.

    Parameters
    ----------
    path : Path
    text : str
    content : bytes, optional
        The file as it is, which may begin with a byte-order mark. None: the text as UTF-8.
    """

    def __init__(self, path: Path, text: str, content: bytes | None = None) -> None:
        self.path = path
        self.text = text
        self.content = text.encode("utf-8") if content is None else content
        self._lines = _lines_of_keys(text)
        # Where tables of an older file stood, by the key path that they have today.
        self.moved: Mapping[tuple[str, ...], tuple[str, ...]] = {}

    @classmethod
    def read(cls, path: Path, kind: str = "study") -> StudyText:
        """The text of a file, or a `DesignError` that says why it cannot be read."""
        content = _read(path, kind)
        try:
            return cls(path, content.decode("utf-8-sig"), content)
        except UnicodeDecodeError as problem:
            raise DesignError(
                f"{path}: the {kind} file is not UTF-8 text (byte {problem.start}): save it as UTF-8."
            ) from None

    def place(self, keys: Sequence[str | int]) -> str:
        """Name a key by its path and line: ``models.apim.outcome (line 12)``."""
        path = self._as_written(tuple(str(key) for key in keys))
        name = ".".join(path)
        for length in range(len(path), 0, -1):
            line = self._lines.get(path[:length])
            if line is not None:
                return f"{name} (line {line})"
        return name

    def _as_written(self, path: tuple[str, ...]) -> tuple[str, ...]:
        for length in range(len(path), 0, -1):
            if path[:length] in self.moved:
                return (*self.moved[path[:length]], *path[length:])
        return path

    def error(self, faults: Sequence[str]) -> DesignError:
        """One error with all faults of this file."""
        if len(faults) == 1:
            return DesignError(f"{self.path.name}: {faults[0]}")
        listed = "\n".join(f"- {fault}" for fault in faults)
        return DesignError(f"{self.path.name} has {len(faults)} faults:\n{listed}")


@dataclass(frozen=True)
class Study:
    """A study file without faults.

    Attributes
    ----------
    file : StudyFile
        Its sections.
    requests : tuple of Asked
        Its analyses, in the order of the file.
    where : StudyText
        Its text, to name places.
    """

    file: StudyFile
    requests: tuple[Request, ...]
    where: StudyText


@dataclass(frozen=True)
class Draft:
    """What a study file says, with its faults.

    Attributes
    ----------
    study : Study or None
        None where sections have faults; analyses with faults are not in it.
    where : StudyText
    faults : list of str
    """

    study: Study | None
    where: StudyText
    faults: list[str]


def read_draft(path: Path) -> Draft:
    """Read a study file and collect its faults.

    Raises
    ------
    DesignError
        The file cannot be read or is no TOML.
    """
    where = StudyText.read(path)
    raw, where.moved = upgraded(named_models(parsed(where), where))
    requests, faults = read_requests(raw.get("analyses", {}), where)
    try:
        file = StudyFile.model_validate(raw)
    except ValidationError as problem:
        said = faults_of(problem, raw, where)
        # Each analysis is checked against the registry, which says more.
        return Draft(None, where, [*(text for text in said if not text.startswith("analyses")), *faults])
    except RecursionError:
        raise DesignError(f"{path.name} is nested too deeply.") from None
    return Draft(Study(file, tuple(requests), where), where, faults)


def read_study_file(path: Path) -> Study:
    """Read and check a study file.

    Raises
    ------
    DesignError
        The file is absent, no TOML, or has unknown or missing keys or values of a wrong kind: all
        of them in one message.
    """
    draft = read_draft(path)
    if draft.faults or draft.study is None:
        raise draft.where.error(draft.faults)
    return draft.study


def parsed(where: StudyText) -> dict[str, Any]:
    """The content of a TOML file.

    Raises
    ------
    DesignError
        It is no TOML.
    """
    name = where.path.name
    if any(line.count(".") > _LONGEST_KEY and _dotted(line) for line in where.text.splitlines()):
        # The parser takes time in the square of the length of such a key.
        raise DesignError(f"{name} is nested too deeply.")
    try:
        return tomllib.loads(where.text)
    except tomllib.TOMLDecodeError as problem:
        raise DesignError(f"{name} is no valid TOML: {problem}.{_hint(where.text, problem)}") from None
    except RecursionError:
        raise DesignError(f"{name} is nested too deeply.") from None
    except ValueError as problem:
        # Numbers of thousands of digits.
        raise DesignError(f"{name} holds a value that cannot be read: {problem}.") from None


def _hint(text: str, problem: tomllib.TOMLDecodeError) -> str:
    """What to do about curly quotation marks and backslashes of Windows paths; empty for other faults."""
    at = _AT_LINE.search(str(problem))
    lines = text.splitlines()
    line = lines[int(at[1]) - 1] if at is not None and int(at[1]) <= len(lines) else ""
    if _CURLY.search(line):
        return " Quotation marks are straight: \" or '."
    if '"' in line and "\\" in line:
        return " " + BACKSLASH
    return ""


def _dotted(line: str) -> bool:
    """Whether a line is a header or begins with a key of many parts."""
    header, key = _HEADER.match(line), _KEY.match(line)
    name = header.group(2) if header else key.group(1) if key else ""
    return len(_parts(name)) > _LONGEST_KEY


def _read(path: Path, kind: str) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise DesignError(f"{path} is no file: name a {kind} file.")
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise DesignError(f"{path} is larger than {_LARGEST // 1_000:,} kB: that is no {kind} file.")
        return content
    except FileNotFoundError:
        near = sorted(other.name for other in path.parent.glob("*.toml"))[:5]
        hint = f" The folder holds {', '.join(near)}." if near else ""
        raise DesignError(f"{path}: there is no such {kind} file.{hint}") from None
    except OSError as problem:
        raise DesignError(f"{path}: the {kind} file cannot be read ({problem.strerror}).") from None
    except ValueError as problem:
        if isinstance(problem, DesignError):
            raise
        raise DesignError(f"{str(path)!r} is no path: {problem}.") from None


def named_models(raw: dict[str, Any], where: StudyText) -> dict[str, Any]:
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
    faults: dict[str, list[str]] = {}
    for error in problem.errors(include_url=False):
        keys = _real_keys(error["loc"], raw)
        kind, place = error["type"], where.place(keys)
        if kind == "extra_forbidden":
            text = f"unknown key.{_nearest(keys, raw, section)}"
        elif kind == "value_error":
            text = in_study_words(str(error["ctx"]["error"]), "analysis")
        elif kind == "literal_error":
            text = f"{error['input']!r} is not known; allowed: {error['ctx']['expected']}."
        elif kind == "union_tag_invalid":
            place, text = where.place((*keys, "step")), _unknown_step(error["ctx"])
        elif kind == "union_tag_not_found":
            place, text = where.place((*keys, "step")), "this key is needed."
        elif kind == "missing" and isinstance(error["loc"][-1], int):
            text = f"{_WORDS['tuple_type']}."
        else:
            text = f"{_WORDS.get(kind, error['msg']).format(**error.get('ctx', {}))}."
        faults.setdefault(place, []).append(text)
    return [f"{place}: {text}" for place, texts in faults.items() for text in _of_one_value(texts)]


def _of_one_value(texts: Sequence[str]) -> list[str]:
    """What is said of one value, where its kinds are asked one by one: in one sentence."""
    wanted = [text[len(_WANTED) : -1] for text in texts if text.startswith(_WANTED)]
    others = [text for text in texts if not text.startswith(_WANTED)]
    if others and wanted and _ALLOWED in others[0]:
        return [f"{others[0].removesuffix('.')} or {' or '.join(dict.fromkeys(wanted))}."]
    return list(dict.fromkeys(([f"{_WANTED}{' or '.join(dict.fromkeys(wanted))}."] if wanted else []) + others))


def _unknown_step(context: Mapping[str, Any]) -> str:
    known = re.findall(r"'([^']+)'", context["expected_tags"])
    near = difflib.get_close_matches(str(context["tag"]), known, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."
    return f"{context['tag']!r} is no step. {hint}"


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
        if isinstance(key, str) and key in section.model_fields:
            inner = _sections_in(section.model_fields[key].annotation)
            step = _value(raw, keys[: depth + 2]).get("step") if key == "prepare" and depth + 1 < len(keys) else None
            named = (
                [one for one in inner if step in typing.get_args(one.model_fields["step"].annotation)] if step else []
            )
            section = (named or inner or [section])[0]
    return list(section.model_fields)


def _sections_in(annotation: Any) -> list[type[BaseModel]]:
    """Sections inside a type."""
    if not typing.get_args(annotation):
        return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []
    return [found for part in typing.get_args(annotation) for found in _sections_in(part)]


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
            # Deeper than any section goes, a name is of no use.
            table = _parts(header.group(2))[:_DEEPEST]
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
            lines.setdefault((*table, *_parts(key.group(1))[:_DEEPEST]), number)
    return lines


def _parts(name: str) -> tuple[str, ...]:
    # One of the three forms of a name matched; the other two are empty.
    return tuple("".join(found) for found in _PART.findall(name))
