"""What ``reldyn new`` does: a study file to begin with, which runs as it stands."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from reldyn.errors import DataError
from reldyn.results import write_text

__all__ = ["new_study"]

_NAME = "study.toml"


def new_study(folder: Path) -> Path:
    """Write ``study.toml`` into a folder, which is made if it is not there.

    Raises
    ------
    DataError
        There is such a file already, or the folder is a file.
    """
    path = folder / _NAME
    if path.exists():
        raise DataError(f"{path}: there is such a file already; name another folder, or move it away.")
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: this is a file; name a folder.")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(path, importlib.resources.files("reldyn.study").joinpath("new.toml").read_text(encoding="utf-8"))
    return path
