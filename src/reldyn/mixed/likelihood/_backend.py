"""Which kernels run: numpy's always work; numba's are chosen for large problems where numba is installed.

The environment variable ``RELDYN_KERNELS`` (``numpy`` or ``numba``) overrides the choice.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
from pathlib import Path
from types import ModuleType

from reldyn._kernels import Kernels, chosen_kernels

_LOGGER = logging.getLogger("reldyn")


# Rows from which compiled kernels repay the second that loading them takes.
_LARGE = 50_000


def kernels(n_rows: int) -> ModuleType:
    """Module with the kernels for a problem of this size.

    Parameters
    ----------
    n_rows : int
        Below 50,000 rows numpy's kernels run unless the environment says otherwise: loading the compiled ones would
        take longer than the fit. The choice rests on nothing else, so that one problem always gets one answer.

    Raises
    ------
    DesignError
        If ``RELDYN_KERNELS`` has another value, or asks for numba where it is not installed.
    """
    if n_rows < _LARGE and not os.environ.get("RELDYN_KERNELS"):
        return _module("numpy")
    return _module(chosen_kernels())


@functools.cache
def _module(wanted: Kernels) -> ModuleType:
    if wanted == "numpy":
        return importlib.import_module("reldyn.mixed.likelihood._kernels")
    module = importlib.import_module("reldyn.mixed.likelihood._kernels_numba")
    if not list(_cache_folder(module).glob("_kernels_numba.*.nbi")):
        _LOGGER.info("reldyn compiles its fast kernels once; this takes some seconds and is kept on disk.")
    return module


def _cache_folder(module: ModuleType) -> Path:
    """Where numba keeps the compiled kernels."""
    return Path(module.grams.stats.cache_path)
