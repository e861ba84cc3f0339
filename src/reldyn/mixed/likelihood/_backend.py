"""Which kernels run: numpy's always work and are the reference; numba's run wherever it is installed.

The environment variable ``RELDYN_KERNELS`` (``numpy`` or ``numba``) overrides the choice.
"""

from __future__ import annotations

import functools
import importlib
import logging
from pathlib import Path
from types import ModuleType

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
    if chosen_kernels() == "numpy":
        return None
    _module("numba")
    return importlib.import_module(f"{_HERE}_fused")


@functools.cache
def _module(wanted: Kernels) -> ModuleType:
    if wanted == "numpy":
        return importlib.import_module(f"{_HERE}_kernels")
    module = importlib.import_module(f"{_HERE}_kernels_numba")
    if not list(_cache_folder(module).glob("_kernels_numba.*.nbi")):
        _LOGGER.info("reldyn compiles its fast kernels once; this takes some seconds and is kept on disk.")
    return module


def _cache_folder(module: ModuleType) -> Path:
    """Where numba keeps the compiled kernels."""
    return Path(module.grams.stats.cache_path)
