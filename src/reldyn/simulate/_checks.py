"""Checks shared by the generators."""

from __future__ import annotations

import numpy as np

from reldyn.errors import DesignError, is_number


def lies_within(value: object, least: float, most: float, *, open_below: bool = False) -> bool:
    """Whether a value is a finite number between two limits.

    Examples
    --------
    >>> lies_within(0.5, 0, 1), lies_within("much", 0, 1), lies_within(0, 0, 1, open_below=True)
    (True, False, False)
    """
    if not is_number(value, least):
        return False
    found = float(value)  # type: ignore[arg-type]
    return found <= most and not (open_below and found == least)


def one_per_role(value: float | tuple[float, float], name: str, *, exchangeable: bool) -> tuple[float, float]:
    """Read a number, or a pair with one number per role; exchangeable members must share it.

    Examples
    --------
    >>> one_per_role(0.3, "actor", exchangeable=True)
    (0.3, 0.3)
    """
    try:
        numbers = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        numbers = np.array([np.nan])
    if numbers.shape not in {(), (2,)} or not np.isfinite(numbers).all():
        raise DesignError(f"{name}={value!r} cannot be used: give a number, or a pair with one number per role.")
    first, second = (float(item) for item in np.broadcast_to(numbers, 2))
    if exchangeable and first != second:
        raise DesignError(f"{name}={value!r} differs between members that are exchangeable: give one number.")
    return first, second
