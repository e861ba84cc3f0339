"""Periodicity: does some period, of any real length from six occasions on, explain more than a linear process would?

The search runs over two harmonics of every period in what a first-order autoregression leaves; the null is that
of L1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reldyn._types import Array
from reldyn.cycles.ladder._claims import ClaimTest
from reldyn.cycles.ladder._direction import DirectionFits
from reldyn.cycles.ladder._montecarlo import surrogate_test
from reldyn.cycles.ladder._starts import best_period, period_grid, periodogram, residuals
from reldyn.cycles.series._nuisance import prepare
from reldyn.stats import STOP_AFTER, child_seed
from reldyn.surrogate import draw_linear

_DROP = 3.84


def assess_periodic(
    direction: DirectionFits,
    *,
    n_surrogates: int = 199,
    alpha: float = 0.05,
    stop_after: int | None = STOP_AFTER,
) -> ClaimTest:
    """Test whether a direction is periodic.

    Parameters
    ----------
    direction : DirectionFits
    n_surrogates : int, default 199
    alpha : float, default 0.05
        The run ends once it is clear on which side of this level the p-value lies.
    stop_after : int or None, default 10

    Returns
    -------
    ClaimTest
        ``statistic``: twice the log-likelihood gained by the best period between six occasions and a third of
        the series. ``estimate``: that period in occasions, with the periods whose gain is within 3.84 of the best
        around it. That a period is absent is no evidence of irregular timing.
    """
    series, design, prepared = direction.series, direction.design, direction.standardised
    gains = periodogram(residuals(prepared.data, lagged=True), series.observed)[0]
    periods = period_grid(len(series.y))
    best = int(gains.argmax())
    null = direction.null

    def draw(generators: Sequence[np.random.Generator]) -> Array:
        return best_period(prepare(draw_linear(null, generators), series, design).data)[1]

    result = surrogate_test(
        float(gains[best]),
        draw,
        n_surrogates=n_surrogates,
        seed=child_seed(direction.seed, 2),
        stop_after=stop_after,
        decide_at=alpha,
    )
    low, high = _near(gains, best)
    return ClaimTest(
        claim="periodic",
        statistic=float(gains[best]),
        p_value=result.p_value,
        n_surrogates=result.n_surrogates,
        estimate=float(periods[best]),
        conf_low=float(periods[high]),
        conf_high=float(periods[low]),
        null="linear process with the data's margins, gaps, levels and time of day",
        detail={"null_order": null.order, "stopped": result.stopped},
        null_statistics=result.finite,
        n_failed=result.n_failed,
    )


def _near(gains: Array, best: int) -> tuple[int, int]:
    """First and last neighbour of the best whose gain is hardly smaller."""
    low = high = best
    while low > 0 and gains[low - 1] >= gains[best] - _DROP:
        low -= 1
    while high < len(gains) - 1 and gains[high + 1] >= gains[best] - _DROP:
        high += 1
    return low, high
