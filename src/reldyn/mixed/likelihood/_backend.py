"""Which kernels run: numpy's always work and are the reference; numba's run wherever it is installed.

The environment variable ``RELDYN_KERNELS`` (``numpy`` or ``numba``) overrides the choice.
"""

from __future__ import annotations

import functools
import importlib
import logging
from pathlib import Path
from types import ModuleType
from typing import Any

from reldyn._kernels import Kernels, chosen_kernels

_LOGGER = logging.getLogger("reldyn")
_HERE = "reldyn.mixed.likelihood."


def kernels() -> ModuleType:
    """Module with the loops over segments.

    Raises
    ------
    DesignError
        If ``RELDYN_KERNELS`` has another value, or asks for numba where it is not installed.
    """
    return _module(chosen_kernels())


def fused() -> ModuleType | None:
    """Module with the compiled evaluation of the deviance; None where numpy's kernels run."""
    return None if chosen_kernels() == "numpy" else _fused()


@functools.cache
def _fused() -> ModuleType:
    lanes = importlib.import_module(f"{_HERE}_lanes")
    _announce(lanes.first_pass, "_lanes.first_pass*.nbi")
    return importlib.import_module(f"{_HERE}_fused")


@functools.cache
def _module(wanted: Kernels) -> ModuleType:
    if wanted == "numpy":
        return importlib.import_module(f"{_HERE}_kernels")
    module = importlib.import_module(f"{_HERE}_kernels_numba")
    _announce(module.grams, "_kernels_numba.*.nbi")
    return module


def _announce(function: Any, pattern: str) -> None:
    """Say that a kernel is to be compiled, where numba has none in store."""
    if not list(_cache_folder(function).glob(pattern)):
        _LOGGER.info("reldyn compiles its fast kernels once; this takes some seconds and is kept on disk.")


def _cache_folder(function: Any) -> Path:
    """Where numba keeps a compiled kernel."""
    return Path(function.stats.cache_path)
