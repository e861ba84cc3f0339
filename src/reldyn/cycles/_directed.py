"""L3, a directed cycle: three phases pass more often one way round than the other.

The statistic is the net circulation of expected moves; the null is the same chain averaged with its reversal in
time, same phases and same occupancy. Means nothing without L1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reldyn.cycles._claims import ClaimTest
from reldyn.cycles._fits import fit_regimes
from reldyn.cycles._irregular import phase_null
from reldyn.cycles._montecarlo import STOP_AFTER, child_seed, monte_carlo, seed_sequence
from reldyn.cycles._nuisance import base_design, prepare
from reldyn.cycles._regimes import circulation_of
from reldyn.cycles._series import DirectionSeries
from reldyn.markov._switching import SwitchingFit
from reldyn.surrogate import draw_reversible, match_ranks

Array = NDArray[np.float64]
_STATES = 3


def test_directed(
    series: DirectionSeries,
    *,
    n_surrogates: int = 199,
    seed: int | np.random.SeedSequence,
    stop_early: bool = True,
) -> ClaimTest:
    """Test whether three phases have a direction.

    Parameters
    ----------
    series : DirectionSeries
    n_surrogates : int, default 199
    seed : int or SeedSequence
    stop_early : bool, default True

    Returns
    -------
    ClaimTest
        ``statistic``: expected net moves per occasion, without sign. ``estimate``: net circulation per move,
        positive for cold, middle, warm, cold; its interval takes the moves as seen.
    """
    root = seed_sequence(seed)
    design = base_design(series)
    prepared = prepare(series.y[None], series, design)
    fit = fit_regimes(prepared.data, _STATES).fit
    null = phase_null(prepared, fit.coefficients[0], fit.covariance[0], _STATES, series.y.shape[1])
    observed = float(net_flow(fit)[0])

    def draw(generators: Sequence[np.random.Generator]) -> Array:
        latent = draw_reversible(null, generators, transition=fit.transition[0])
        surrogates = prepare(match_ranks(latent, series.y), series, design)
        return net_flow(fit_regimes(surrogates.data, _STATES).fit)

    result = monte_carlo(
        observed,
        draw,
        n_surrogates=n_surrogates,
        seed=child_seed(root, 1),
        stop_after=STOP_AFTER if stop_early else None,
    )
    order = np.argsort(fit.means[0][:, 0], kind="stable")
    moves = fit.counts[0][np.ix_(order, order)] * (1 - np.eye(_STATES))
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
        null_statistics=result.statistics,
    )


def net_flow(fit: SwitchingFit) -> Array:
    """Net expected moves round the circle of three phases per occasion, without sign: (n,)."""
    counts = fit.counts
    forward = counts[:, 0, 1] + counts[:, 1, 2] + counts[:, 2, 0]
    backward = counts[:, 1, 0] + counts[:, 2, 1] + counts[:, 0, 2]
    return np.asarray(np.abs(forward - backward) / fit.posterior.shape[1])
