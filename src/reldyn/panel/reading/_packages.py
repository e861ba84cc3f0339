"""Packages of the extra `io`, imported when a file needs them, and what they raise in one sentence."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

from reldyn.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["faults_of", "require_io"]


def require_io(module: str) -> ModuleType:
    """Import a module of the extra ``io``, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        package = module.partition(".")[0]
        raise DataError(f'this needs {package}, which is not installed: pip install "reldyn[io]".') from None


@contextmanager
def faults_of(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a reader raises into one sentence about the file."""
    try:
        yield
    except Exception as problem:
        if isinstance(problem, (DataError, MemoryError)):
            raise
        raise DataError(f"{path}: this is no readable {kind}; export it again.") from None
