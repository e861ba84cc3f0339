"""Phases: how long each lasts, which follows which, and where the two channels lie in it."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from reldyn._records import brief

WRONG_DIRECTION = 0.15
THREE_PHASES = ("fusion", "rupture", "pursuit")
TWO_PHASES = ("warm", "withdrawn")
# Shares of one cycle: 7, 5 and 4 of 16 beeps; an alternation has no order and no favourite.
_THREE_SHARES = np.array([7.0, 5.0, 4.0]) / 16.0
_TWO_SHARES = np.array([0.5, 0.5])
# (warmth, response) per phase, in SD of the noise at effect 1: pairs lie 1.36, 1.84 and 2.15 apart (two phases: 1.97).
_THREE_CENTROIDS = np.array([[1.0, 0.1], [-1.0, -0.7], [-0.1, 0.9]])
_TWO_CENTROIDS = np.array([[0.9, -0.4], [-0.9, 0.4]])


@brief
@dataclasses.dataclass(frozen=True, slots=True)
class PhaseModel:
    """How phases follow each other.

    Attributes
    ----------
    names : tuple of str
        Phases in their forward order.
    means : (n_phases,) array
        Mean dwell time of each phase in beeps.
    cv : float or None
        Coefficient of variation of dwell times; None is geometric.
    backward : float
        Probability that a move goes against the order.
    centroids : (n_phases, 2) array
        Mean of warmth and response in each phase at effect 1, centred on the long-run mean.
    """

    names: tuple[str, ...]
    means: NDArray[np.float64]
    cv: float | None
    backward: float
    centroids: NDArray[np.float64]

    @property
    def period(self) -> float:
        """Mean length of one cycle in beeps."""
        return float(self.means.sum())

    @property
    def variances(self) -> NDArray[np.float64]:
        """Long-run variance of each channel's phase means at effect 1."""
        shares: NDArray[np.float64] = self.means / self.means.sum()
        return np.asarray(shares @ self.centroids**2)

    @property
    def sojourn_cv(self) -> float:
        """The coefficient of variation of the model; for geometric dwell times the mean of sqrt(1 - p) over phases."""
        if self.cv is not None:
            return self.cv
        return float(np.sqrt(1 - 1 / self.means).mean())


def three_phases(period: float, cv: float | None, *, backward: float = 0.0) -> PhaseModel:
    """Fusion, rupture, pursuit: 7, 5 and 4 parts of the period."""
    centred = _THREE_CENTROIDS - _THREE_SHARES @ _THREE_CENTROIDS
    return PhaseModel(THREE_PHASES, _THREE_SHARES * period, cv, backward, centred)


def two_phases(period: float, cv: float | None) -> PhaseModel:
    """Warm and withdrawn, half of the period each: with two phases there is no direction."""
    return PhaseModel(TWO_PHASES, _TWO_SHARES * period, cv, 0.0, _TWO_CENTROIDS)


def phase_path(model: PhaseModel, n_occasions: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw one stationary sequence of phases: an (n_occasions,) array of indices into ``model.names``."""
    # Three cycles forget the first phase; a random rest forgets the beat of nearly regular dwell times.
    skipped = int(np.ceil(3 * model.period)) + int(rng.integers(int(np.ceil(model.period))))
    needed = n_occasions + skipped
    moves = np.where(rng.random(needed) < model.backward, -1, 1)
    visited = (rng.integers(len(model.means)) + np.cumsum(moves)) % len(model.means)
    sojourns = draw_sojourns(model.means[visited], model.cv, rng)
    path: NDArray[np.int64] = np.repeat(visited, sojourns)[skipped:needed]
    return path


def draw_sojourns(means: NDArray[np.float64], cv: float | None, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw whole dwell times of at least one beep with the given means and coefficient of variation.

    Geometric for None. Else a gamma variable rounded up: rounding adds half a beep to the mean and
    about 1/12 to the variance, which are taken off before.
    """
    if cv is None:
        return rng.geometric(1 / means)
    middle = means - 0.5
    variance = np.maximum((cv * means) ** 2 - 1 / 12, 0.03)
    lengths = np.ceil(rng.gamma(middle**2 / variance, variance / middle))
    return np.maximum(lengths, 1).astype(np.int64)


def clock_positions(model: PhaseModel, n_occasions: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Give where in its period (0 to period) a strict clock stands at each occasion, from a random start."""
    position: NDArray[np.float64] = np.arange(n_occasions, dtype=float) + rng.uniform(0, model.period)
    return position % model.period


def phase_of_position(model: PhaseModel, position: NDArray[np.float64]) -> NDArray[np.int64]:
    """Name the phase a clock is in."""
    return np.searchsorted(np.cumsum(model.means)[:-1], position, side="right")


def wave_of_position(model: PhaseModel, position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace the steps by a sine of the same variance: (..., 2), peaking in the middle of fusion and of pursuit."""
    ends = np.cumsum(model.means)
    peaks = np.array([ends[0] / 2, (ends[1] + ends[2]) / 2])
    amplitude = np.sqrt(2 * model.variances)
    return np.asarray(amplitude * np.cos(2 * np.pi * (position[..., None] - peaks) / model.period))
