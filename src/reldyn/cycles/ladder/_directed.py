"""L3, a directed cycle: three phases pass more often one way round than the other.

The statistic is the net circulation of expected moves; the null is the same chain averaged with its reversal in
time, same phases and same occupancy. Means nothing without L1, and nothing where two phases describe the series as
well: a third one then splits a phase, and its moves have any direction.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reldyn._types import Array
from reldyn.cycles.ladder._claims import ClaimTest
from reldyn.cycles.ladder._direction import DirectionFits
from reldyn.cycles.ladder._fits import chain_of, fit_loose, fit_regimes
from reldyn.cycles.ladder._irregular import number_of_phases, phase_null
from reldyn.cycles.ladder._montecarlo import surrogate_test
from reldyn.cycles.ladder._regimes import circulation_of
from reldyn.cycles.series._nuisance import prepare
from reldyn.markov.regimes import SojournFit, SwitchingData
from reldyn.stats import STOP_AFTER, MonteCarlo, child_seed
from reldyn.surrogate import draw_reversible, match_ranks

_STATES = 3


def assess_directed(
    direction: DirectionFits,
    *,
    n_surrogates: int = 199,
    alpha: float = 0.05,
    stop_after: int | None = STOP_AFTER,
) -> ClaimTest:
    """Test whether three phases have a direction.

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
        ``statistic``: expected net moves in units of the standard error of a fair walk, without sign. ``p_value``
        is 1 without any surrogate where two phases describe the series as well. ``estimate``: net circulation per
        move, positive for cold, middle, warm, cold; its interval takes the moves as seen.
    """
    series, design, prepared = direction.series, direction.design, direction.standardised
    fit = fit_loose(prepared.data, direction.regimes(_STATES).fit)
    channels = series.y.shape[1]
    null = phase_null(prepared, fit.coefficients[0], fit.covariance[0], _STATES, channels)
    chain = chain_of(fit)[0]
    observed = float(net_flow(fit)[0])
    shown = number_of_phases({k: direction.dispersions(k) for k in (2, _STATES)}, shortest=0.0) == _STATES

    def draw(generators: Sequence[np.random.Generator]) -> Array:
        latent = draw_reversible(null, generators, transition=chain)
        return net_flow(_fit(prepare(match_ranks(latent, series.y), series, design).data))

    result = (
        surrogate_test(
            observed,
            draw,
            n_surrogates=n_surrogates,
            seed=child_seed(direction.seed, 4),
            stop_after=stop_after,
            decide_at=alpha,
        )
        if shown
        else MonteCarlo(1.0, 0, 0, np.zeros(0), stopped=False)
    )
    order = np.argsort(fit.coefficients[0, :_STATES, 0], kind="stable")
    moves = fit.expected_moves[0][np.ix_(order, order)]
    circulation = circulation_of(moves)
    error = 1.96 * float(np.sqrt(max(1 - circulation**2, 0.0) / max(moves.sum(), 1.0)))
    return ClaimTest(
        claim="directed",
        statistic=observed,
        p_value=result.p_value,
        n_surrogates=result.n_surrogates,
        estimate=circulation,
        conf_low=max(circulation - error, -1.0),
        conf_high=min(circulation + error, 1.0),
        null="the same three phases, their moves averaged with their reversal in time",
        detail={"n_states": _STATES, "n_moves": float(moves.sum()), "stopped": result.stopped},
        null_statistics=result.finite,
        n_failed=result.n_failed,
    )


def _fit(data: SwitchingData) -> SojournFit:
    return fit_loose(data, fit_regimes(data, _STATES).fit)


def net_flow(fit: SojournFit) -> Array:
    """Net expected moves round the circle of three phases by the root of all moves, without sign: (n,)."""
    counts = fit.expected_moves
    forward = counts[:, 0, 1] + counts[:, 1, 2] + counts[:, 2, 0]
    backward = counts[:, 1, 0] + counts[:, 2, 1] + counts[:, 0, 2]
    return np.asarray(np.abs(forward - backward) / np.sqrt(forward + backward + 1))
