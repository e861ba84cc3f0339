"""What earlier runs to the same output have saved, finished or not: only files that are as they were written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from reldyn.study._output import RECORD, UNFINISHED, files_of, unchanged, unfinished

__all__ = ["STEP", "Saved", "saved_steps", "step_text"]

# Ending of the file that lists the others.
STEP = ".step.json"


@dataclass(frozen=True)
class Saved:
    """The files of one analysis of an earlier run.

    Attributes
    ----------
    folder : Path
    files : dict of str to str
        Name in the folder by ending.
    """

    folder: Path
    files: Mapping[str, str]

    def texts(self) -> dict[str, str] | None:
        """The texts by ending; None where a file cannot be read any more."""
        try:
            # Line ends as they are: cells of a table may hold their own.
            return {ending: (self.folder / name).read_bytes().decode("utf-8") for ending, name in self.files.items()}
        except (OSError, UnicodeDecodeError):
            return None


def step_text(name: str, key: str, files: Mapping[str, str]) -> str:
    """The file that says which files an analysis has, written after them."""
    return json.dumps({"name": name, "key": key, "files": dict(files)}, indent=1, ensure_ascii=False) + "\n"


def saved_steps(target: Path) -> dict[tuple[str, str], Saved]:
    """Files of every analysis of earlier runs, by its name and key.

    Parameters
    ----------
    target : Path
        The output folder.
    """
    found: dict[tuple[str, str], Saved] = {}
    folders = [(target, files_of(target))]
    # A run that died at its very end has its manifest already.
    folders += [(folder, files_of(folder, RECORD, UNFINISHED) or files_of(folder)) for folder in unfinished(target)]
    for folder, files in folders:
        for step in sorted(files or {}):
            if not step.endswith(STEP) or not unchanged(folder, step, files or {}):
                continue
            said = _known(folder / step)
            try:
                key = said["key"]
                own = {ending: _as_named(file, files or {}) for ending, file in dict(said["files"]).items()}
                whole = all(isinstance(file, str) and unchanged(folder, file, files or {}) for file in own.values())
            except (KeyError, TypeError, ValueError):
                continue
            if whole and own and isinstance(key, str):
                found[str(said.get("name")), key] = Saved(folder, own)
    return found


def _as_named(file: Any, files: Mapping[str, str]) -> Any:
    """A file of a run by the name that it has: ``NAME.2.EXT`` where a file that somebody changed has its own."""
    if not isinstance(file, str) or file in files:
        return file
    path = PurePosixPath(file)
    return next((str(new) for n in range(2, 100) if str(new := path.with_suffix(f".{n}{path.suffix}")) in files), file)


def _known(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}
