"""The statistic of phases: what levels that last gain over the best description without them.

The same function of the data and of every surrogate.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.cycles.ladder._fits import Regimes, fit_ends, fit_gradual, fit_regimes, gradual_price, own_covariances
from reldyn.cycles.reference._reference import reference_fit
from reldyn.markov.regimes import SojournFit, SwitchingData

__all__ = ["RAMPS", "VARIANCES", "PhaseGains", "phase_gains"]

RAMPS, VARIANCES = "ramps", "variances"
_THIRD_PHASE = 15.0
# Phases must take at least this share of their even share of the occasions, .15 of two and .10 of three. Rarer ones are
# what events look like that fade over a few occasions; they were all that such events were taken for.
_LEAST_SHARE = 0.3
_NO_GAIN = -1.0


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class PhaseGains:
    """Gains of every description with phases over the best without, and the fits behind them.

    Attributes
    ----------
    gains : mapping of str to (n,) array
        ``"2"``, ``"3"`` phases, ``"ramps"``, and ``"variances"`` (two phases that differ in their covariances as well):
        twice the log-likelihood gained, less their price.
    rare : mapping of str to (n,) bool array
        Whether one of two phases takes less than .15 of the answered occasions, or one of three less than .10: in the
        statistic such a description gains no more than -1.
    by_humps : (n,) array
        What levels without memory take off every gain: twice their lead over the other descriptions, 0 without one.
    fits : mapping of int to SojournFit
        By number of phases.
    """

    gains: Mapping[str, Array]
    rare: Mapping[str, Flags]
    by_humps: Array
    fits: Mapping[int, SojournFit]

    @property
    def without_humps(self) -> Array:
        """(n,) the statistic if levels without memory were no rival."""
        return self._largest({name: gain + self.by_humps for name, gain in self.gains.items()})

    @property
    def statistic(self) -> Array:
        """(n,) the largest gain; NaN where one is not finite."""
        return self._largest(self.gains)

    def _largest(self, gains: Mapping[str, Array]) -> Array:
        return np.asarray(np.max(np.stack([self._counted(name, gain) for name, gain in gains.items()]), axis=0))

    def _counted(self, name: str, gain: Array) -> Array:
        """Gains of one description, no more than `_NO_GAIN` where one of its phases is rare."""
        return np.where(self.rare[name], np.minimum(gain, _NO_GAIN), gain)

    @property
    def best(self) -> tuple[str, ...]:
        """(n,) which description gave it."""
        names = list(self.gains)
        values = np.stack([self._counted(name, gain) for name, gain in self.gains.items()])
        return tuple(names[at] for at in np.argmax(np.where(np.isnan(values), -np.inf, values), axis=0))

    @property
    def n_states(self) -> Ints:
        """(n,) number of phases of the largest gain: two where it is that of ramps or of own variances."""
        fewest = min(self.fits)
        return np.array([int(name) if name.isdigit() else fewest for name in self.best])


def phase_gains(
    data: SwitchingData,
    n_states: Sequence[int],
    regimes: Mapping[int, Regimes] | None = None,
    *,
    humps: bool = True,
    reach: float | None = None,
) -> PhaseGains:
    """Give the gains of a batch of series.

    Parameters
    ----------
    data : SwitchingData
    n_states : sequence of int
        Numbers of phases, 2 or 3; with two, ramps between them and covariances of their own are fitted as well.
    regimes : mapping of int to Regimes, optional
        Switching fits that are known already.
    humps : bool, default True
        Whether levels without memory are a rival.
    reach : float, optional
        A statistic with which the series are compared. Where the first descriptions without phases leave less than
        this, the others are not sought, and the statistic is an upper bound below ``reach``.

    Returns
    -------
    PhaseGains
    """
    channels = data.y.shape[2]
    known = regimes or {k: fit_regimes(data, k) for k in n_states}
    ends = {k: fit_ends(data, known[k]) for k in n_states}
    fits = {k: fit for k, (fit, _) in ends.items()}
    priced = {str(k): 2 * paid - price(k, channels) for k, (_, paid) in ends.items()}
    rare = {str(k): _is_rare(fit.posterior[:, data.observed].mean(axis=1)) for k, fit in fits.items()}
    if 2 in known:
        gradual = fit_gradual(data, known[2])
        above = gradual.position[:, data.observed].mean(axis=1)
        rare[RAMPS], rare[VARIANCES] = _is_rare(np.column_stack([above, 1 - above])), rare["2"]
        priced[RAMPS] = 2 * gradual.log_likelihood - gradual_price(channels)
        priced[VARIANCES] = priced["2"] + 2 * own_covariances(data, fits[2]) - channels * (channels + 1)
    enough = None
    if reach is not None:
        counted = np.stack([np.where(rare[name], -np.inf, value) for name, value in priced.items()])
        enough = (np.max(counted, axis=0) - reach) / 2
    rivals = reference_fit(data, {k: fit.posterior for k, fit in fits.items()}, humps=humps, enough=enough)
    by_humps = 2 * np.maximum(rivals.humps - np.maximum(rivals.constant_variance, rivals.changing_variance), 0.0)
    gains = {name: value - 2 * rivals.log_likelihood for name, value in priced.items()}
    return PhaseGains(gains, rare, by_humps, fits)


def _is_rare(shares: Array) -> Flags:
    """Whether one of the phases takes too small a share of the occasions: of (n, K) shares, (n,)."""
    return np.asarray(shares.min(axis=1) < _LEAST_SHARE / shares.shape[1])


def price(n_states: int, channels: int) -> float:
    """Two per parameter, and fifteen more for a third phase; surrogates calibrate the rest.

    At two per parameter three phases set the upper tail of the surrogates, at the cost of two phases and of ramps.
    With fifteen more its six parameters cost what BIC asks for them in series of 90 answers.
    """
    third = _THIRD_PHASE if n_states > 2 else 0.0
    return 2.0 * ((n_states - 1) * channels + n_states * (n_states - 1)) + third
