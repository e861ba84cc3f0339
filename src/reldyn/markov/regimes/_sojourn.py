"""The switching autoregression with gamma sojourns: an age-expanded hidden semi-Markov chain.

A state of the chain is a phase and its age in occasions. A sojourn is ceil(X) with X gamma, so that its
dispersion can be bounded; the coefficient of variation is common to all phases, their means are free from three
occasions on. Hazards are tabulated, so a step of EM picks the best of the tabulated means. Emission as in
`_switching`.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import numpy as np

from reldyn._kernels import Kernels, chosen_kernels
from reldyn._types import Array, Ints
from reldyn.markov._batch import Batch
from reldyn.markov.regimes._switching import LEAST, UNLIKELIEST, Emission, MemoryPrior, SwitchingData, maximise

# Strict clock, jittered, the boundary of what counts as regular, irregular, about geometric.
DISPERSIONS = (0.12, 0.25, 0.40, 0.60, 0.90)
BOUNDARY = DISPERSIONS.index(0.40)
# Phases that last one or two occasions on average cannot be told from single large shocks: they are no phases here.
SHORTEST_MEAN, LONGEST_MEAN = 3.0, 40.0
MEANS: Array = np.geomspace(SHORTEST_MEAN, LONGEST_MEAN, 44)
N_AGES = 48
_PSEUDO_COUNT = 0.5
_FLOOR = 1e-300


@dataclasses.dataclass(frozen=True, slots=True)
class SojournTables:
    """Hazards of leaving by dispersion, mean and age.

    Attributes
    ----------
    hazard, log_leave, log_stay, start : (5, 44, 48) arrays
        Hazard, its log, log(1 - hazard), and the stationary law of the age.
    """

    hazard: Array
    log_leave: Array
    log_stay: Array
    start: Array


@lru_cache(maxsize=1)
def sojourn_tables() -> SojournTables:
    """Tabulate ceil(gamma) sojourns; rounding up adds half an occasion to the mean and 1/12 to the variance."""
    from scipy.special import gammaincc

    cv, mean = np.array(DISPERSIONS)[:, None], MEANS[None, :]
    middle = mean - 0.5
    variance = np.maximum((cv * mean) ** 2 - 1 / 12, 0.03)
    shape, scale = middle**2 / variance, variance / middle
    age = np.arange(N_AGES + 1)
    survival = gammaincc(shape[..., None], age / scale[..., None])
    ratio = survival[..., 1:] / np.maximum(survival[..., :-1], _FLOOR)
    hazard = np.clip(1 - ratio, 1e-5, 0.98)
    alive = np.cumprod(np.concatenate([np.ones((*hazard.shape[:2], 1)), 1 - hazard[..., :-1]], axis=2), axis=2)
    # The last age stands for itself and all that follow.
    alive[..., -1] /= hazard[..., -1]
    start = alive / alive.sum(axis=2, keepdims=True)
    return SojournTables(hazard, np.log(hazard), np.log1p(-hazard), start)


@dataclasses.dataclass(frozen=True, slots=True)
class SojournFit(Batch):
    """A batch of fits at one dispersion; enough to go on from.

    Attributes
    ----------
    log_likelihood : (n,) array
    coefficients, covariance : arrays
        As in `SwitchingFit`.
    posterior : (n, T, K) array
    filled : (n, T, C) array
    mean_index : (n, K) int array
        Into ``MEANS``.
    moves : (n, K, K) array
        Probability of the next phase at leaving; zero diagonal.
    expected_moves : (n, K, K) array
        Expected number of moves.
    """

    log_likelihood: Array
    coefficients: Array
    covariance: Array
    posterior: Array
    filled: Array
    mean_index: Ints
    moves: Array
    expected_moves: Array

    @property
    def dwell_means(self) -> Array:
        """(n, K) mean sojourns in occasions."""
        return np.asarray(MEANS[self.mean_index])


def sojourn_start(data: SwitchingData, posterior: Array, dwell_means: Array, moves: Array) -> SojournFit:
    """Make a start of posteriors (n, T, K), mean sojourns (n, K) and moves (n, K, K)."""
    n, _, n_states = posterior.shape
    index = np.abs(np.log(MEANS) - np.log(np.clip(dwell_means, SHORTEST_MEAN, LONGEST_MEAN))[..., None]).argmin(axis=2)
    off = np.where(np.eye(n_states, dtype=bool), 0.0, moves + 1e-3)
    channels = data.y.shape[2]
    rows = n_states + 2 * channels + data.x.shape[2]
    return SojournFit(
        np.full(n, -np.inf),
        np.zeros((n, rows, channels)),
        np.zeros((n, channels, channels)),
        posterior,
        np.where(data.observed[None, :, None], data.y, 0.0),
        index,
        off / off.sum(axis=2, keepdims=True),
        np.zeros((n, n_states, n_states)),
    )


def fit_sojourns(
    data: SwitchingData,
    start: SojournFit,
    dispersion: int,
    *,
    n_iterations: int,
    tolerance: float = 0.0,
    memory: MemoryPrior | None = None,
    kernels: Kernels | None = None,
) -> SojournFit:
    """Run EM at one tabulated dispersion from a start.

    Parameters
    ----------
    data : SwitchingData
    start : SojournFit
        Of `sojourn_start` or of another dispersion.
    dispersion : int
        Index into ``DISPERSIONS``.
    n_iterations : int
        At most so many steps, at least one. The likelihood belongs to the emission parameters returned and to the
        sojourns before their last update.
    tolerance : float, default 0
        A series stops once its log-likelihood changes by less.
    memory : MemoryPrior, optional
        Flat by default. It is no part of the log-likelihood returned.
    kernels : {"numpy", "numba"}, optional

    Returns
    -------
    SojournFit
    """
    tables = sojourn_tables()
    table = (tables.hazard[dispersion], tables.log_leave[dispersion], tables.log_stay[dispersion])
    first = tables.start[dispersion]
    prior = MemoryPrior(0.0, 0.0) if memory is None else memory
    if chosen_kernels(kernels) == "numba":
        from reldyn.markov.regimes._sojourn_numba import run_batch

        return SojournFit(
            *run_batch(
                np.ascontiguousarray(data.y),
                np.ascontiguousarray(data.observed),
                np.ascontiguousarray(data.night),
                np.ascontiguousarray(data.x),
                np.ascontiguousarray(data.floor),
                np.array(start.posterior),
                np.array(start.filled),
                np.array(start.mean_index),
                np.array(start.moves),
                *table,
                first,
                prior.lags(data.y.shape[2]),
                float(prior.occasions),
                int(n_iterations),
                float(tolerance),
            )
        )
    out = SojournFit(*(np.array(getattr(start, field.name)) for field in dataclasses.fields(start)))
    # The likelihood of a start belongs to another dispersion.
    out.log_likelihood[:] = -np.inf
    active = np.arange(len(data.y))
    for _ in range(n_iterations):
        part, fit = data.take(active), out.take(active)
        coefficients, covariance = maximise(part, fit.posterior, fit.filled, memory=memory)
        found = _step(part, fit, coefficients, covariance, (*table, first))
        for field in dataclasses.fields(out):
            getattr(out, field.name)[active] = getattr(found, field.name)
        active = active[~(np.abs(found.log_likelihood - fit.log_likelihood) < tolerance)]
        if len(active) == 0:
            break
    return out


def sojourn_log_likelihood(
    data: SwitchingData,
    coefficients: Array,
    covariance: Array,
    mean_index: Ints,
    moves: Array,
    dispersion: int,
) -> Array:
    """Give the log-likelihood of every series at fixed parameters: (n,) array."""
    tables = sojourn_tables()
    n_states = moves.shape[1]
    emission = Emission(data, coefficients, covariance, n_states)
    hazard, first = tables.hazard[dispersion][mean_index], tables.start[dispersion][mean_index]
    return _forward(data, emission, hazard, first, moves)[2]


def _step(
    data: SwitchingData, fit: SojournFit, coefficients: Array, covariance: Array, table: tuple[Array, ...]
) -> SojournFit:
    """Take one expectation step and update sojourns and moves."""
    hazards, log_leave, log_stay, first = table
    emission = Emission(data, coefficients, covariance, fit.moves.shape[1])
    hazard = hazards[fit.mean_index]
    forward, weights, value = _forward(data, emission, hazard, first[fit.mean_index], fit.moves)
    posterior, exits, stays, counts = _backward(forward, weights, hazard, fit.moves)
    score = np.matmul(exits, log_leave.T) + np.matmul(stays, log_stay.T)
    off = ~np.eye(counts.shape[1], dtype=bool)
    raised = np.where(off, counts + _PSEUDO_COUNT, 0.0)
    return SojournFit(
        value,
        coefficients,
        covariance,
        posterior,
        emission.filled,
        score.argmax(axis=2),
        raised / raised.sum(axis=2, keepdims=True),
        counts,
    )


def _forward(
    data: SwitchingData, emission: Emission, hazard: Array, first: Array, moves: Array
) -> tuple[Array, Array, Array]:
    """Filter: (n, T, K, A) probabilities, (n, T, K) scaled densities, (n,) log-likelihood."""
    n, n_occasions = data.y.shape[:2]
    n_states = moves.shape[1]
    forward = np.empty((n, n_occasions, n_states, N_AGES))
    weights = np.ones((n, n_occasions, n_states))
    value = np.zeros(n)
    predicted = first / n_states
    for t in range(n_occasions):
        log_density = emission.log_density(t)
        if log_density is None:
            forward[:, t] = predicted
            emission.fill(t, predicted.sum(axis=2))
        else:
            top = log_density.max(axis=1)
            density = np.exp(np.maximum(log_density - top[:, None], UNLIKELIEST))
            total = np.maximum((predicted.sum(axis=2) * density).sum(axis=1), LEAST)
            weights[:, t] = density / total[:, None]
            forward[:, t] = predicted * weights[:, t, :, None]
            value += np.log(total) + top
        leaving = forward[:, t] * hazard
        staying = forward[:, t] - leaving
        predicted = np.empty_like(staying)
        predicted[:, :, 1:] = staying[:, :, :-1]
        predicted[:, :, -1] += staying[:, :, -1]
        predicted[:, :, 0] = np.matmul(leaving.sum(axis=2)[:, None, :], moves)[:, 0]
    return forward, weights, value


def _backward(forward: Array, weights: Array, hazard: Array, moves: Array) -> tuple[Array, Array, Array, Array]:
    """Smooth: (n, T, K) posterior, (n, K, A) exits and stays by age, (n, K, K) expected moves."""
    n, n_occasions, n_states, _ = forward.shape
    posterior = np.empty((n, n_occasions, n_states))
    posterior[:, -1] = forward[:, -1].sum(axis=2)
    ahead = np.ones_like(forward[:, 0])
    exits, stays = np.zeros_like(ahead), np.zeros_like(ahead)
    counts = np.zeros((n, n_states, n_states))
    turned = moves.transpose(0, 2, 1)
    for t in range(n_occasions - 1, 0, -1):
        weighted = ahead * weights[:, t, :, None]
        arriving = weighted[:, :, 0]
        value_of_leaving = np.matmul(arriving[:, None, :], turned)[:, 0, :, None]
        older = np.empty_like(weighted)
        older[:, :, :-1], older[:, :, -1] = weighted[:, :, 1:], weighted[:, :, -1]
        past = forward[:, t - 1]
        leave, stay = hazard * value_of_leaving, (1 - hazard) * older
        exits += past * leave
        stays += past * stay
        counts += (past * hazard).sum(axis=2)[:, :, None] * moves * arriving[:, None, :]
        ahead = leave + stay
        posterior[:, t - 1] = (past * ahead).sum(axis=2)
    return posterior / np.maximum(posterior.sum(axis=2, keepdims=True), LEAST), exits, stays, counts
