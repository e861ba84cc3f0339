"""Whether two reports put the same occasions into the same phase, beyond what two unrelated series of phases would.

Phases last, so that two series of them agree by chance far more often than independent answers do. Chance is
therefore what is left when one of them is moved along the calendar by whole days: that keeps how long phases last, how
they follow each other and the time of day of both, and takes apart only what they have to do with each other.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._types import Ints
from reldyn.stats import monte_carlo_p

__all__ = ["Agreement", "agree", "calendar"]

ABSENT = -1
_FEWEST = 10


@dataclasses.dataclass(frozen=True, slots=True)
class Agreement:
    """How far two series of phases agree.

    Attributes
    ----------
    n_both : int
        Occasions at which both are known.
    agreement, kappa : float
        Share of occasions of the same phase; the same beyond what the shares of the phases give (Cohen 1960). NaN
        below ten occasions, and ``kappa`` where either series never changes.
    null_low, null_high : float
        Hold 95 % of ``kappa`` when one series is moved.
    p_value : float
        Share of ``kappa`` at least as large when one series is moved, the series as they are among them.
    n_shifts : int
        Ways of moving; no p-value lies below 1 / (n_shifts + 1). One that leaves too few common occasions, or a single
        phase, for a kappa counts against agreement.
    """

    n_both: int
    agreement: float
    kappa: float
    null_low: float
    null_high: float
    p_value: float
    n_shifts: int


def calendar(day: Ints, slot: Ints, values: Ints) -> Ints:
    """Lay values out as one row per day and one column per time of day; -1 where there is none.

    Parameters
    ----------
    day, slot, values : (n,) int arrays
        Where there is a single day, or one occasion a day, every occasion has a row of its own.

    Returns
    -------
    (n_days, n_slots) int array

    Examples
    --------
    >>> import numpy as np
    >>> calendar(np.array([1, 1, 3]), np.array([0, 2, 2]), np.array([5, 6, 7])).tolist()
    [[5, 6], [-1, 7]]
    """
    days, row = np.unique(day, return_inverse=True)
    if len(days) in (1, len(day)):
        return values[:, None]
    _, first = np.unique(day, return_index=True)
    # Beeps that are numbered through the whole study have their place within the day instead.
    within = np.arange(len(day)) - first[row] if len(np.unique(slot)) == len(day) else slot
    slots, column = np.unique(within, return_inverse=True)
    table = np.full((len(days), len(slots)), ABSENT, dtype=np.int64)
    table[row, column] = values
    return table


def agree(first: Ints, second: Ints) -> Agreement:
    """Compare two calendars of phases.

    Parameters
    ----------
    first, second : (n_days, n_slots) int arrays
        Ints of phases; negative where unknown.

    Returns
    -------
    Agreement

    References
    ----------
    Cohen (1960), Educational and Psychological Measurement 20, 37-46.

    Examples
    --------
    >>> import numpy as np
    >>> path = np.repeat([0, 1, 0, 1, 1, 0, 0, 1, 1, 1], 3)[:, None]
    >>> found = agree(path, path)
    >>> found.kappa, round(found.p_value, 3), found.n_shifts
    (1.0, 0.033, 29)
    """
    n_both, same, kappa = _kappa(first, second)
    moved = np.array([_kappa(first, np.roll(second, shift, axis=0))[2] for shift in range(1, len(first))])
    known = moved[np.isfinite(moved)]
    nan = float("nan")
    if not np.isfinite(kappa) or not len(known):
        return Agreement(n_both, same, kappa, nan, nan, nan, len(known))
    low, high = np.quantile(known, [0.025, 0.975]).tolist()
    return Agreement(n_both, same, kappa, low, high, float(monte_carlo_p(kappa, moved)), len(moved))


def _kappa(first: Ints, second: Ints) -> tuple[int, float, float]:
    known = (first >= 0) & (second >= 0)
    a, b = first[known], second[known]
    nan = float("nan")
    if len(a) < _FEWEST:
        return len(a), nan, nan
    same = float((a == b).mean())
    top = max(int(a.max()), int(b.max())) + 1
    by_chance = float(np.bincount(a, minlength=top) @ np.bincount(b, minlength=top)) / len(a) ** 2
    constant = len(np.unique(a)) == 1 or len(np.unique(b)) == 1
    return len(a), same, nan if constant else (same - by_chance) / (1 - by_chance)
