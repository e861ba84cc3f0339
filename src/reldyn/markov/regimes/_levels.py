"""Phases of a shared shape whose size, noise and memory are each series' own.

y_t = d m_{s(t)} + z_t with z_t = c + A' z_{t-1} + B' x_t + e_t: the shape m (K levels by C channels), and the law of
the phases unless it is freed, are common to all series; d >= 0, c, A by day and by night, B and the covariance
are each series' own. The level shifts at once and the noise around it has memory (Hamilton, 1989), so that the
likelihood depends on the phase now and the one before. As *shocks*, the shape enters the innovations instead:
y_t = c + A' y_{t-1} + B' x_t + d m_{s(t)} + e_t, which with independent s makes skewed or heavy-tailed shocks.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from reldyn._kernels import Kernels, chosen_kernels
from reldyn._records import brief
from reldyn._types import Array, Flags, Ints
from reldyn.markov._batch import Batch
from reldyn.markov.regimes import _levels_steps as steps
from reldyn.markov.regimes._sojourn import MEANS, sojourn_tables
from reldyn.markov.regimes._switching import lag_density


@dataclasses.dataclass(frozen=True, slots=True)
class LevelData(Batch):
    """Series that may differ in what is missing and in their nights.

    Attributes
    ----------
    y : (n, T, C) array
        Zero where missing.
    observed, night : (n, T) bool arrays
    x : (n, T, R) array
        Covariates without a constant.
    floor : (n, C) array
        Smallest variance of the noise.
    """

    y: Array
    observed: Flags
    night: Flags
    x: Array
    floor: Array


@brief
@dataclasses.dataclass(frozen=True, slots=True)
class DwellDistribution:
    """Laws of sojourns to choose from, by row.

    Attributes
    ----------
    hazard, log_leave, log_stay, first : (n_laws, n_ages) arrays
        Hazard of leaving by age, its logs, and the stationary law of the age. The last age stands for itself
        and all that follow.
    """

    hazard: Array
    log_leave: Array
    log_stay: Array
    first: Array


def geometric_dwell(leave: Array) -> DwellDistribution:
    """One law per phase without memory: (K,) probabilities of leaving."""
    hazard = np.asarray(leave, dtype=float)[:, None]
    return DwellDistribution(hazard, np.log(np.maximum(hazard, 1e-300)), np.log1p(-hazard), np.ones_like(hazard))


def gamma_dwell(dispersion: int) -> DwellDistribution:
    """Tabulated gamma sojourns of one dispersion; row r has mean ``MEANS[r]``."""
    tables = sojourn_tables()
    return DwellDistribution(
        *(part[dispersion] for part in (tables.hazard, tables.log_leave, tables.log_stay, tables.start))
    )


def nearest_mean(dwell: Array) -> Ints:
    """Rows of `gamma_dwell` nearest to mean sojourns."""
    return np.asarray(np.abs(np.log(MEANS) - np.log(np.clip(dwell, MEANS[0], MEANS[-1]))[..., None]).argmin(axis=-1))


@dataclasses.dataclass(frozen=True, slots=True)
class LevelFit(Batch):
    """A batch of fits; enough to go on from.

    Attributes
    ----------
    log_likelihood, effect : (n,) arrays
    coefficients : (n, 1 + 2 C + R, C) array
        Rows: constant, lag by day, lag by night, covariates.
    covariance : (n, C, C) array
    index : (n, K) int array
        Row of the law per phase.
    moves : (n, K, K) array
        Probability of the next phase; zero diagonal.
    posterior : (n, T, K) array
    transitions : (n, K, K) array
        Expected number of pairs (before, now), stays on the diagonal.
    exits, stays : (n, K, n_ages) arrays
    mass : (n, 3, K, K) array
        Expected pairs at observed occasions by kind of lag: none or missing, by day, by night.
    rest : (n, 3, K, K, C) array
        Sums over the same of what the regression leaves of y.
    """

    log_likelihood: Array
    effect: Array
    coefficients: Array
    covariance: Array
    index: Ints
    moves: Array
    posterior: Array
    transitions: Array
    exits: Array
    stays: Array
    mass: Array
    rest: Array


@dataclasses.dataclass(frozen=True, slots=True)
class LevelPrior:
    """What other series say of the memory and the effect of one.

    Attributes
    ----------
    lags : (2 C, C) array
        Mean lags by day and by night.
    occasions : float
        Occasions that each lag is worth: its prior SD is that of the noise over the root of this. 0: flat.
    effect_sd : float
        SD of effects around 1. Infinite: flat.
    """

    lags: Array
    occasions: float
    effect_sd: float

    def log_density(self, fit: LevelFit) -> Array:
        """(n,) log density of the fits less that at its mode."""
        of_lags = lag_density(fit.coefficients, fit.covariance, self.lags, self.occasions, 1)
        return np.asarray(of_lags - 0.5 * ((fit.effect - 1) / self.effect_sd) ** 2)


def level_start(
    data: LevelData, *, effect: Array, coefficients: Array, covariance: Array, index: Ints, moves: Array
) -> LevelFit:
    """Make a start of parameters."""
    n, n_occasions, channels = data.y.shape
    n_states = moves.shape[1]
    square = (n, n_states, n_states)
    return LevelFit(
        np.full(n, -np.inf),
        np.array(effect, dtype=float),
        np.array(coefficients, dtype=float),
        np.array(covariance, dtype=float),
        np.array(index, dtype=np.int64),
        np.array(moves, dtype=float),
        np.zeros((n, n_occasions, n_states)),
        np.zeros(square),
        np.zeros((n, n_states, 1)),
        np.zeros((n, n_states, 1)),
        np.zeros((n, 3, n_states, n_states)),
        np.zeros((n, 3, n_states, n_states, channels)),
    )


def fit_levels(
    data: LevelData,
    start: LevelFit,
    shape: Array,
    dwell: DwellDistribution,
    *,
    n_iterations: int,
    tolerance: float = 1e-3,
    free_emission: bool = True,
    free_sojourns: bool = False,
    dwell_prior: Array | None = None,
    prior_moves: Array | None = None,
    prior: LevelPrior | None = None,
    shock: bool = False,
    kernels: Kernels | None = None,
) -> LevelFit:
    """Run EM on every series, the shape being given.

    Parameters
    ----------
    data : LevelData
    start : LevelFit
        Of `level_start`, or an earlier fit.
    shape : (K, C) array
        Levels at an effect of 1, or shocks.
    dwell : DwellDistribution
    n_iterations : int
        Expectation steps, at least one; the log-likelihood belongs to the parameters returned.
    tolerance : float, default 1e-3
        A series rests once its log-likelihood moves by less.
    free_emission : bool, default True
        Whether effect, regression and covariance are updated.
    free_sojourns : bool, default False
        Whether the row of the dwell distribution per phase, and the moves, are.
    dwell_prior : (K, n_laws) array, optional
        Log prior of each row for each phase; flat by default.
    prior_moves : (K, K) array, optional
        Moves that the prior is worth; .5 each by default.
    prior : LevelPrior, optional
        Of memory and effect; flat by default. It is no part of the log-likelihood returned.
    shock : bool, default False
        Whether the shape enters the innovations.
    kernels : {"numpy", "numba"}, optional

    Returns
    -------
    LevelFit
    """
    n_states = shape.shape[0]
    flat = np.zeros((n_states, len(dwell.hazard))) if dwell_prior is None else dwell_prior
    pseudo = np.full((n_states, n_states), 0.5) if prior_moves is None else prior_moves
    channels = data.y.shape[2]
    mild = LevelPrior(np.zeros((2 * channels, channels)), 0.0, np.inf) if prior is None else prior
    if chosen_kernels(kernels) == "numpy":
        freed = (free_emission, free_sojourns)
        return _run(data, start, shape, dwell, (flat, pseudo, mild), freed, (n_iterations, tolerance), shock=shock)
    from reldyn.markov.regimes._levels_numba import run_batch

    table = [np.ascontiguousarray(part) for part in (dwell.hazard, dwell.log_leave, dwell.log_stay, dwell.first)]
    found = run_batch(
        np.ascontiguousarray(data.y),
        np.ascontiguousarray(data.observed),
        np.ascontiguousarray(data.night),
        np.ascontiguousarray(data.x),
        np.ascontiguousarray(data.floor),
        np.ascontiguousarray(shape),
        shock,
        np.array(start.effect),
        np.array(start.coefficients),
        np.array(start.covariance),
        np.array(start.index),
        np.array(start.moves),
        np.ascontiguousarray(flat),
        np.ascontiguousarray(pseudo),
        np.ascontiguousarray(mild.lags),
        float(mild.occasions),
        float(mild.effect_sd**-2),
        table[0],
        table[1],
        table[2],
        table[3],
        free_emission,
        free_sojourns,
        int(n_iterations),
        float(tolerance),
    )
    return LevelFit(*found)


def _run(
    data: LevelData,
    start: LevelFit,
    shape: Array,
    dwell: DwellDistribution,
    priors: tuple[Array, Array, LevelPrior],
    freed: tuple[bool, bool],
    limits: tuple[int, float],
    *,
    shock: bool,
) -> LevelFit:
    n, n_states, n_ages = len(data.y), shape.shape[0], dwell.hazard.shape[1]
    out = level_start(
        data,
        effect=start.effect,
        coefficients=start.coefficients,
        covariance=start.covariance,
        index=start.index,
        moves=start.moves,
    )
    out = dataclasses.replace(out, exits=np.zeros((n, n_states, n_ages)), stays=np.zeros((n, n_states, n_ages)))
    active = np.arange(n)
    for turn in range(limits[0]):
        part, fit = data.take(active), out.take(active)
        batch = steps.Batch(part.y, part.observed, part.night, part.x, part.floor, shock)
        level = fit.effect[:, None, None] * shape
        hazard, first = dwell.hazard[fit.index], dwell.first[fit.index] / n_states
        value, pairs, exits, stays, noise = steps.expect(
            batch, level, fit.coefficients, fit.covariance, hazard, first, fit.moves
        )
        change = np.abs(value - fit.log_likelihood)
        resting = (change < limits[1]) | (turn == limits[0] - 1)
        mass, rest = steps.aggregate(batch, pairs, noise, fit.coefficients)
        transitions = pairs[:, 1:].sum(axis=1)
        found = dataclasses.replace(
            fit,
            log_likelihood=value,
            posterior=pairs.sum(axis=2),
            transitions=transitions,
            exits=exits,
            stays=stays,
            mass=mass,
            rest=rest,
        )
        if freed[0]:
            mild = priors[2]
            coefficients, covariance = steps.maximise(batch, level, pairs, noise, mild.lags, mild.occasions)
            moments = steps.aggregate(batch, pairs, noise, coefficients)
            effect = steps.best_effect(*moments, shape, coefficients, covariance, mild.effect_sd**-2)
            found = _unless(resting, found, effect=effect, coefficients=coefficients, covariance=covariance)
        if freed[1]:
            logs = (dwell.log_leave, dwell.log_stay)
            index, moves = steps.best_dwell(exits, stays, transitions, *priors[:2], logs)
            found = _unless(resting, found, index=index, moves=moves)
        for field in dataclasses.fields(out):
            getattr(out, field.name)[active] = getattr(found, field.name)
        active = active[~resting]
        if not len(active):
            break
    return out


def _unless(resting: Flags, fit: LevelFit, **updates: Any) -> LevelFit:
    """Update the series that do not rest."""
    mixed = {
        name: np.where(resting.reshape(-1, *[1] * (new.ndim - 1)), getattr(fit, name), new)
        for name, new in updates.items()
    }
    return dataclasses.replace(fit, **mixed)
