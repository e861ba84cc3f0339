"""Packages of the extra `io`, imported when a file needs them."""

from __future__ import annotations

import importlib
from types import ModuleType

from reldyn.errors import DataError

__all__ = ["require_io"]


def require_io(module: str) -> ModuleType:
    """Import a module of the extra ``io``, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        package = module.partition(".")[0]
        raise DataError(f'this needs {package}, which is not installed: pip install "reldyn[io]".') from None
