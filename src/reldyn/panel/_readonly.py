"""Arrays that a panel hands out: nobody can write into them, because a panel never changes."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

Array = TypeVar("Array", bound=np.ndarray)

__all__ = ["read_only"]


def read_only(values: Array) -> Array:
    """Return a view of an array that cannot be written to.

    Examples
    --------
    >>> read_only(np.zeros(2)).flags.writeable
    False
    """
    frozen: Array = values.view()
    frozen.flags.writeable = False
    return frozen
