"""Further surrogates where they matter: for directions whose adjusted decision is still open."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from reldyn._types import Array, Flags
from reldyn.cycles.ladder._claims import ClaimTest, weight_of
from reldyn.cycles.ladder._verdict import adjust
from reldyn.stats import DECISIONS, decision_limits, exceeds

__all__ = ["limits_of", "needed_surrogates", "open_decisions", "rounds"]


def rounds(n_surrogates: int) -> list[int]:
    """Numbers of surrogates per direction after each round, up to the cap.

    Examples
    --------
    >>> rounds(999)
    [199, 399, 799, 999]
    >>> rounds(99)
    []
    """
    if n_surrogates <= DECISIONS[0]:
        return []
    return [*(number for number in DECISIONS[1:] if number < n_surrogates), n_surrogates]


def limits_of(tests: Sequence[ClaimTest]) -> tuple[float, float]:
    """Limits of the p-value of *intermittent* that infinitely many surrogates would give.

    Parameters
    ----------
    tests : sequence of ClaimTest
        Of one direction.

    Returns
    -------
    (low, high) : tuple of float
        Both are the p-value where no run can go on. Divided by the share of the level, as p-values are.
    """
    low, high = 0.0, 0.0
    found = {test.claim: test for test in tests}
    weight = weight_of(tests)
    if "irregular" not in found:
        return 1.0, 1.0
    for claim in ("regimes", "irregular"):
        test = found[claim]
        # A run that was stopped has its answer.
        if not test.drawn or test.detail.get("stopped"):
            low, high = max(low, test.p_value * weight), max(high, test.p_value * weight)
        observed = test.detail.get("statistic_by_null", {})
        for null, values in test.drawn.items():
            first = values if values.ndim == 1 else values[:, 0]
            exceeded = exceeds(first, observed.get(null, test.statistic))
            least, most = decision_limits(int(exceeded.sum()), len(first))
            low, high = max(low, least), max(high, most)
    return min(1.0, low / weight), min(1.0, high / weight)


def open_decisions(limits: Sequence[tuple[float, float]], alpha: float) -> Flags:
    """Directions that some p-values inside the limits would reject and others would not.

    Parameters
    ----------
    limits : sequence of (low, high)
        Of every direction; NaN where it is no hypothesis.
    alpha : float
        Of the adjusted p-values.

    Returns
    -------
    (n,) bool array

    References
    ----------
    Gandy and Hahn (2014), Scandinavian Journal of Statistics 41, 1083-1101.

    Examples
    --------
    >>> open_decisions([(0.0, 0.01), (0.001, 0.04), (0.5, 0.8)], 0.05).tolist()
    [False, True, False]
    """
    table = np.array(limits, dtype=float).reshape(-1, 2)
    surely = adjust(table[:, 1]) <= alpha
    possibly = adjust(table[:, 0]) <= alpha
    return np.asarray(possibly & ~surely)


def needed_surrogates(p_values: Array, index: int, alpha: float, weight: float = 1.0) -> int:
    """Surrogates from which a direction whose p-value is the smallest possible would pass the adjustment.

    Parameters
    ----------
    p_values : (n,) array
        Raw; NaN where a direction is no hypothesis.
    index : int
        The direction.
    alpha : float
    weight : float, default 1
        What the smallest p-value is divided by.

    Returns
    -------
    int

    Examples
    --------
    >>> import numpy as np
    >>> needed_surrogates(np.array([0.01] + [0.5] * 49), 0, 0.05)
    999
    """
    known = p_values[np.isfinite(p_values)]
    rank = int((known <= p_values[index]).sum())
    return math.ceil(round(len(known) / (weight * alpha * rank), 9)) - 1
