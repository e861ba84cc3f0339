"""Calendar days counted by the days of the week on which a study has prompts."""

from __future__ import annotations

import numpy as np

from reldyn._types import Array

__all__ = ["number_workdays", "weekday_of_number"]


def number_workdays(day: Array, workdays: tuple[int, ...]) -> Array:
    """Running numbers of working days; other days lie between the numbers of their neighbours.

    Parameters
    ----------
    day : (n,) float array
        Days since 1970-01-01, a Thursday.
    workdays : tuple of int
        Ascending; Monday is 0.

    Examples
    --------
    >>> import numpy as np
    >>> number_workdays(np.array([1.0, 2.0, 3.0, 4.0]), (0, 1, 2, 3, 4)).tolist()
    [4.0, 4.125, 4.25, 5.0]
    """
    named = np.isin(np.arange(7), workdays)
    week, weekday = np.divmod(day + 3, 7)
    at = np.where(np.isfinite(weekday), weekday, 0).astype(np.int64)
    upto = np.cumsum(named)
    since = np.array([next(back for back in range(7) if named[(k - back) % 7]) for k in range(7)])
    return np.asarray(week * len(workdays) + upto[at] - 1 + since[at] / 8)


def weekday_of_number(number: Array, workdays: tuple[int, ...]) -> Array:
    """Day of the week of running numbers, Monday is 0."""
    return np.asarray(np.array(workdays)[np.mod(number.astype(np.int64), len(workdays))])
