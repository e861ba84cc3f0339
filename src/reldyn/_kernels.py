"""Which kernels run: numpy (the reference) or their numba twins, by ``RELDYN_KERNELS`` or what is installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Literal, TypeVar, cast

from reldyn.errors import DesignError, check_option

Kernels = Literal["numpy", "numba"]
Function = TypeVar("Function", bound=Callable[..., Any])


def chosen_kernels(kernels: Kernels | None = None) -> Kernels:
    """Say which kernels to use.

    Parameters
    ----------
    kernels : {"numpy", "numba"} or None, default None
        None: the environment variable ``RELDYN_KERNELS``, else numba where it is installed.

    Returns
    -------
    str

    Raises
    ------
    DesignError
        An unknown name, or numba asked for and not installed.

    Examples
    --------
    >>> chosen_kernels("numpy")
    'numpy'
    """
    wanted = kernels or os.environ.get("RELDYN_KERNELS") or ("numba" if _has_numba() else "numpy")
    check_option(wanted, ("numpy", "numba"), "RELDYN_KERNELS")
    if wanted == "numba" and not _has_numba():
        raise DesignError("RELDYN_KERNELS='numba', but numba is not installed: pip install 'reldyn[fast]'.")
    return cast("Kernels", wanted)


@lru_cache(maxsize=1)
def _has_numba() -> bool:
    return find_spec("numba") is not None


def jit(function: Function) -> Function:
    """Compile a kernel with numba where there is numba; its sums keep their order."""
    if not _has_numba():
        return function
    import numba

    # No fast mathematics: with it, code from the cache and code just compiled differ in their last bits.
    compiled = numba.njit(cache=True)(function)
    return cast("Function", compiled)


def inlined(function: Function) -> Function:
    """Compile a part of a kernel into whatever calls it.

    For loops that write into arrays given and allocate none: references to arrays are not counted then, which takes
    longer than the loops where these are short. A division by zero gives what floating point gives.
    """
    if not _has_numba():
        return function
    import numba

    options: Any = {"cache": True, "forceinline": True, "error_model": "numpy", "_nrt": False}
    return cast("Function", numba.njit(**options)(function))
