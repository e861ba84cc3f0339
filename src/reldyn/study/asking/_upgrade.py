"""Study files of version 1, which had ``[models.NAME]`` and ``[cycles]``, as files of today."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reldyn.errors import DataError, DesignError
from reldyn.results import write_text

__all__ = ["upgrade_file", "upgraded"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_OLD = ("models", "cycles")
_SCHEDULE = "schedule"


def upgraded(raw: Mapping[str, Any]) -> tuple[dict[str, Any], dict[tuple[str, ...], tuple[str, ...]]]:
    """The content of a file as one of today, and where each new table stood.

    Parameters
    ----------
    raw : mapping
        What the TOML says; ``[[models]]`` must have been given names.

    Returns
    -------
    raw : dict
        With ``analyses`` for ``models`` and ``cycles``, and ``prepare`` as a list of steps.
    moved : dict
        Old key path by new key path, for messages.
    """
    new = {key: value for key, value in raw.items() if key not in _OLD}
    moved: dict[tuple[str, ...], tuple[str, ...]] = {}
    models, cycles, prepare = raw.get("models"), raw.get("cycles"), raw.get("prepare")
    analyses: dict[str, Any] = dict(raw["analyses"]) if isinstance(raw.get("analyses"), Mapping) else {}
    if isinstance(models, Mapping):
        for name, table in models.items():
            moved["analyses", str(name)] = ("models", str(name))
            moved["analyses", str(name), "verb"] = ("models", str(name), "kind")
            analyses[str(name)] = _from_model(table)
    if cycles is not None:
        name = _schedule_name(analyses)
        moved["analyses", name] = ("cycles",)
        analyses[name] = {"verb": "cycles.schedule", **cycles} if isinstance(cycles, Mapping) else cycles
    if models is not None and not isinstance(models, Mapping):
        moved["analyses",] = ("models",)
        new["analyses"] = models
    elif moved or "analyses" in raw:
        new["analyses"] = analyses if moved else raw["analyses"]
    if isinstance(prepare, Mapping) and set(prepare) <= {"lag"}:
        moved["prepare", "0", "variables"] = ("prepare", "lag")
        moved["prepare", "0"] = ("prepare",)
        new["prepare"] = [{"step": "lag", "variables": prepare["lag"]}] if prepare.get("lag") else []
    return new, moved


def _schedule_name(analyses: Mapping[str, Any]) -> str:
    number, name = 2, _SCHEDULE
    while name in analyses:
        name, number = f"{_SCHEDULE}-{number}", number + 1
    return name


def _from_model(table: Any) -> Any:
    if not isinstance(table, Mapping):
        return table
    return {"verb": table.get("kind", "apim"), **{key: value for key, value in table.items() if key not in _MODEL}}


_MODEL = ("kind", "name")


def is_old(raw: Mapping[str, Any]) -> bool:
    """Whether a file is one of version 1."""
    return any(key in raw for key in _OLD) or isinstance(raw.get("prepare"), Mapping)


def upgrade_file(path: Path, text: str, raw: Mapping[str, Any]) -> list[str]:
    """Rewrite a file of version 1, and keep the old one as ``NAME.v1.toml``.

    Comments stay where the file has one table per model; elsewhere the file is written anew, without them.

    Parameters
    ----------
    path : Path
        A symbolic link stays one: what it points to is rewritten.
    text : str
        The text of the file.
    raw : mapping
        Its content, with names for ``[[models]]``.

    Returns
    -------
    list of str
        What was done, in sentences.

    Raises
    ------
    DataError
        The files cannot be written.
    """
    if not is_old(raw):
        return [f"{path} is a study file of today: nothing to do."]
    new, _ = upgraded(raw)
    edited = _edited(text)
    try:
        same = tomllib.loads(edited) == new
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        same = False
    # Windows line ends stay: tomllib reads them as it reads others.
    result = edited if same else _as_toml(new)
    target = path.resolve()
    kept = _free(target.with_name(f"{target.stem}.v1{target.suffix}"))
    try:
        with kept.open("x", encoding="utf-8", newline="") as stream:
            stream.write(text)
        write_text(target, result)
    except OSError as problem:
        raise DataError(f"{path} cannot be rewritten ({problem.strerror}).") from None
    note = "" if same else " Comments are in the old one only."
    return [f"{path} was rewritten; the old file is kept as {kept.name}.{note}"]


def _free(path: Path) -> Path:
    number, free = 2, path
    while free.exists() or free.is_symlink():
        free = path.with_name(f"{path.stem}.{number}{path.suffix}")
        number += 1
    return free


def _edited(text: str) -> str:
    """The text with its headers changed line by line; only right where the result says the same, which is checked."""
    lines = text.split("\n")
    new: list[str] = []
    section, verb_at, model = "", -1, False
    names = {found.group(1) for line in lines if (found := re.match(r"\s*\[models\.([\w-]+)\]", line))}
    schedule = _schedule_name(dict.fromkeys(names))
    for line in lines:
        header = re.match(r"(\s*)\[([^\[\]]+)\](.*)$", line)
        if header:
            section = header.group(2).strip()
            parts = section.split(".")
            model = parts[0] == "models" and len(parts) == 2
            if parts[0] == "models":
                new.append(f"{header.group(1)}[{'.'.join(['analyses', *parts[1:]])}]{header.group(3)}")
            elif section == "cycles":
                new += [f"{header.group(1)}[analyses.{schedule}]{header.group(3)}", 'verb = "cycles.schedule"']
            elif section == "prepare":
                new += [f"{header.group(1)}[[prepare]]{header.group(3)}", 'step = "lag"']
            else:
                new.append(line)
            if model:
                verb_at = len(new)
                new.append('verb = "apim"')
            continue
        kind = re.match(r"(\s*)kind(\s*=)", line)
        if model and kind and verb_at >= 0:
            del new[verb_at]
            verb_at = -1
            line = f"{kind.group(1)}verb{kind.group(2)}{line[kind.end() :]}"
        if section == "prepare":
            line = re.sub(r"^(\s*)lag(\s*=)", r"\1variables\2", line)
        new.append(line)
    return "\n".join(new)


def _as_toml(table: Mapping[str, Any], keys: tuple[str, ...] = ()) -> str:
    """A table as TOML: plain values first, then the tables within."""
    lines, inner = [], []
    for key, value in table.items():
        path = (*keys, str(key))
        if isinstance(value, Mapping) and len(path) <= 2:
            inner.append(f"\n[{'.'.join(map(_key, path))}]\n{_as_toml(value, path)}")
        elif isinstance(value, list) and value and len(path) == 1 and all(isinstance(one, Mapping) for one in value):
            inner += [f"\n[[{_key(str(key))}]]\n{_as_toml(one, (*path, ''))}" for one in value]
        else:
            lines.append(f"{_key(str(key))} = {_value(value)}\n")
    return "".join([*lines, *inner]).lstrip("\n")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON leaves DEL as it stands, which TOML refuses.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(str(key))} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    raise DesignError(f"a value of the file cannot be written: {value!r}.")
