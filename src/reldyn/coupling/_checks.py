"""Checks of counts that the functions of this room share."""

from __future__ import annotations

import numpy as np

from reldyn.errors import DesignError

__all__ = ["check_count", "check_lag"]


def check_count(name: str, value: object, least: int) -> None:
    """Refuse anything but a whole number of at least ``least``.

    Examples
    --------
    >>> check_count("max_lag", -1, 0)
    Traceback (most recent call last):
        ...
    reldyn.errors.DesignError: max_lag=-1: give a whole number of at least 0.
    """
    if not _counts(value, least):
        raise DesignError(f"{name}={value!r}: give a whole number of at least {least}.")


def check_lag(lag: object) -> None:
    """Refuse anything but a whole number of occasions.

    Examples
    --------
    >>> check_lag(0)
    Traceback (most recent call last):
        ...
    reldyn.errors.DesignError: lag=0: give a whole number of occasions, at least 1.
    """
    if not _counts(lag, 1):
        raise DesignError(f"lag={lag!r}: give a whole number of occasions, at least 1.")


def _counts(value: object, least: int) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= least)
