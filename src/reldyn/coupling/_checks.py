"""What the functions of this room share: whether anything varies, and how dyads are averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from reldyn._types import Array, Flags
from reldyn.errors import DesignError, check_option, is_count, is_number
from reldyn.stats import Pooling, pooling_text

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

__all__ = [
    "AVERAGES",
    "AverageBy",
    "averaging_text",
    "check_optional_count",
    "check_switches",
    "members_by_role",
    "pooling_of",
    "varies",
]

AverageBy = Literal["mean", "random-effects"]
AVERAGES = ("mean", "random-effects")

# What is left of a constant or of a straight line by rounding stays far below this share of the values.
_ROUNDING = 1e-11


def varies(deviations: Array, values: Array) -> Flags:
    """Say whether deviations from a mean, a line or a prediction are more than rounding of the values.

    Parameters
    ----------
    deviations, values : (..., T) arrays
        NaN where missing.

    Returns
    -------
    (...) bool array
        False where nothing was observed.

    Notes
    -----
    The tolerance is relative to the largest value, so that units do not matter: 1e-11, a hundred thousand times the
    precision of a number and far below what any scale resolves.

    Examples
    --------
    >>> answers = np.full(60, 10 / 3)
    >>> bool(varies(answers - answers.mean(), answers)), bool(varies(np.array([-0.5, 0.5]), np.array([1e8, 1e8 + 1])))
    (False, True)
    """
    left = np.where(np.isfinite(deviations), np.abs(deviations), 0.0).max(axis=-1, initial=0.0)
    size = np.where(np.isfinite(values), np.abs(values), 0.0).max(axis=-1, initial=0.0)
    return np.asarray(left > _ROUNDING * size)


def check_optional_count(value: object, name: str, left_out: str) -> None:
    """Raise a `DesignError` unless a value is a whole number from 0 on; 0 leaves something out."""
    if is_count(value, 0):
        return
    if is_number(value) and float(value) < 0:  # type: ignore[arg-type]
        raise DesignError(f"{name}={value!r} is negative: give 0 to leave {left_out} out.")
    raise DesignError(f"{name}={value!r}: give a whole number, or 0 to leave {left_out} out.")


def check_switches(**switches: object) -> None:
    """Raise a `DesignError` unless every option is True or False."""
    for name, switch in switches.items():
        check_option(switch, (True, False), name)


def pooling_of(average_by: AverageBy) -> Pooling:
    """Estimator of `reldyn.stats.pool` for a way of averaging dyads, in the words of this room.

    Parameters
    ----------
    average_by : {"mean", "random-effects"}

    Returns
    -------
    {"mean", "reml"}

    Examples
    --------
    >>> pooling_of("random-effects")
    'reml'
    """
    return "mean" if average_by == "mean" else "reml"


def averaging_text(average_by: AverageBy) -> str:
    """Say in the words of a methods section how dyads were averaged.

    Parameters
    ----------
    average_by : {"mean", "random-effects"}

    Returns
    -------
    str

    Examples
    --------
    >>> averaging_text("mean")
    'the unweighted mean over dyads with a t test and dyads minus one degrees of freedom'
    """
    return pooling_text(pooling_of(average_by))


def members_by_role(panel: DyadPanel) -> bool:
    """Whether every dyad has one member of each of two roles, who are then the first and the second."""
    index = panel.index
    if len(index.roles) != 2 or (index.role < 0).any():
        return False
    # Members are ordered by role, so that a dyad of unequal roles has role 0 first and role 1 second.
    return bool(np.array_equal(index.role, index.member))
