"""The statistic of phases: what levels that last gain over the best description without them.

The same function of the data and of every surrogate.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from reldyn._types import Array, Ints
from reldyn.cycles.ladder._fits import Regimes, fit_ends, fit_gradual, fit_regimes, gradual_price
from reldyn.cycles.reference._reference import reference_log_likelihood
from reldyn.markov.regimes import SojournFit, SwitchingData

__all__ = ["RAMPS", "PhaseGains", "phase_gains"]

RAMPS = "ramps"


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class PhaseGains:
    """Gains of every description with phases over the best without, and the fits behind them.

    Attributes
    ----------
    gains : mapping of str to (n,) array
        ``"2"``, ``"3"`` phases and ``"ramps"``: twice the log-likelihood gained, less two per parameter.
    fits : mapping of int to SojournFit
        By number of phases.
    """

    gains: Mapping[str, Array]
    fits: Mapping[int, SojournFit]

    @property
    def statistic(self) -> Array:
        """(n,) the largest gain; NaN where one is not finite."""
        return np.asarray(np.max(np.stack(list(self.gains.values())), axis=0))

    @property
    def best(self) -> tuple[str, ...]:
        """(n,) which description gave it."""
        names = list(self.gains)
        values = np.stack(list(self.gains.values()))
        return tuple(names[at] for at in np.argmax(np.where(np.isnan(values), -np.inf, values), axis=0))

    @property
    def n_states(self) -> Ints:
        """(n,) number of phases of the largest gain; ramps move between two levels."""
        fewest = min(self.fits)
        return np.array([fewest if name == RAMPS else int(name) for name in self.best])


def phase_gains(
    data: SwitchingData, n_states: Sequence[int], regimes: Mapping[int, Regimes] | None = None
) -> PhaseGains:
    """Give the gains of a batch of series.

    Parameters
    ----------
    data : SwitchingData
    n_states : sequence of int
        Numbers of phases, 2 or 3; with two, ramps between them are fitted as well.
    regimes : mapping of int to Regimes, optional
        Switching fits that are known already.

    Returns
    -------
    PhaseGains
    """
    channels = data.y.shape[2]
    reference = reference_log_likelihood(data)
    known = regimes or {k: fit_regimes(data, k) for k in n_states}
    fits = {k: fit_ends(data, known[k]) for k in n_states}
    gains = {str(k): 2 * (fits[k].log_likelihood - reference) - price(k, channels) for k in n_states}
    if 2 in known:
        gradual = fit_gradual(data, known[2]).log_likelihood
        gains[RAMPS] = 2 * (gradual - reference) - gradual_price(channels)
    return PhaseGains(gains, fits)


def price(n_states: int, channels: int) -> float:
    """Two per parameter, which weighs two phases against three; surrogates calibrate the rest."""
    return 2.0 * ((n_states - 1) * channels + n_states * (n_states - 1))
