"""Phases that many series share, learned beside what they must not be mistaken for.

Every series belongs to one of three classes: linear; linear with shared skewed or heavy-tailed shocks (independent
draws from a shared mixture); or phases of a shared shape and a shared law (`_levels`). Classes are weighed per
series by likelihood, so that the phases are learned from the series that show phases and shocks are left to
the class of shocks. Effect, noise and memory stay each series' own in all classes.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._records import brief
from reldyn._types import Array, Flags
from reldyn.markov.regimes._levels import (
    DwellDistribution,
    LevelData,
    LevelFit,
    LevelPrior,
    fit_levels,
    geometric_dwell,
    level_start,
)

_ROUNDS = 30
_ALL_ALIKE = 6
_TEMPERED = 12
# Turns after which the likeliest start goes on alone.
_SHORT = 16
_TOLERANCE = 1e-3
_FEWEST_WEIGHTS = 1e-3
# Occasions' worth of evidence that a shared law starts from.
_PSEUDO = 1.0
_KMEANS_ROUNDS = 8
_ANGLES = (0.0, 0.25 * np.pi, 0.5 * np.pi, 0.75 * np.pi)
# No shared phase is left with certainty, none is for ever.
_LEAST_LEAVE, _MOST_LEAVE = 0.01, 0.95


@brief
@dataclasses.dataclass(frozen=True, slots=True)
class SharedPhases:
    """One class: a shape with its law.

    Attributes
    ----------
    shape : (K, C) array
        Levels, or shocks, in SD of a series; long-run mean zero. An effect of 1 is the mean of the class.
    leave : (K,) array
        Probability of leaving per occasion.
    moves : (K, K) array
        Probability of the next; zero diagonal.
    coefficients : (1 + 2 C, C) array
        Mean constant and lags of the class: where fits of other series start.
    covariance : (C, C) array
        Mean covariance of the noise.
    shock : bool
        Whether the shape enters the innovations, draws being independent.
    """

    shape: Array
    leave: Array
    moves: Array
    coefficients: Array
    covariance: Array
    shock: bool

    @property
    def n_states(self) -> int:
        """Number of phases."""
        return len(self.shape)

    @property
    def dwell_means(self) -> Array:
        """(K,) mean sojourns in occasions."""
        return np.asarray(1 / self.leave)

    @property
    def dwell(self) -> DwellDistribution:
        """Geometric sojourns, one row per phase."""
        return geometric_dwell(self.leave)


@dataclasses.dataclass(frozen=True, slots=True)
class Pooled:
    """What a set of series taught.

    Attributes
    ----------
    phases, shocks : SharedPhases
    shares : (3,) array
        Of the classes linear, shocks, phases.
    weights : (n, 3) array
        Of each series in each class.
    log_likelihood : float
        Of the mixture.
    """

    phases: SharedPhases
    shocks: SharedPhases
    shares: Array
    weights: Array
    log_likelihood: float


def fit_shared(
    data: LevelData,
    shared: SharedPhases,
    *,
    n_iterations: int = 20,
    effect: float = 1.0,
    prior: LevelPrior | None = None,
) -> LevelFit:
    """Fit what is each series' own, the shape and its law being given.

    Parameters
    ----------
    data : LevelData
    shared : SharedPhases
        Learned from other series.
    n_iterations : int, default 20
    effect : float, default 1.0
        To start from.
    prior : LevelPrior, optional
        Of memory and effect; flat by default.

    Returns
    -------
    LevelFit
    """
    return _go_on(data, shared, _start(data, shared, effect), n_iterations, prior)


def linear_levels(data: LevelData) -> Array:
    """(n,) log-likelihood without phases: one level."""
    n, _, channels = data.y.shape
    rows = 1 + 2 * channels + data.x.shape[2]
    start = level_start(
        data,
        effect=np.zeros(n),
        coefficients=np.zeros((n, rows, channels)),
        covariance=np.broadcast_to(np.eye(channels), (n, channels, channels)),
        index=np.zeros((n, 1), dtype=np.int64),
        moves=np.zeros((n, 1, 1)),
    )
    rounds = 3 if data.observed.all() else 8
    one = geometric_dwell(np.zeros(1))
    return fit_levels(data, start, np.zeros((1, channels)), one, n_iterations=rounds, tolerance=1e-9).log_likelihood


def pool_levels(data: LevelData, linear: Array, *, n_states: int = 3, n_iterations: int = _ROUNDS) -> Pooled:
    """Learn shared phases and shared shocks from many series.

    From several starts, of which the likeliest goes on alone after 16 turns.

    Parameters
    ----------
    data : LevelData
        Standardised series.
    linear : (n,) array
        Log-likelihood of the best linear model of each series, less its further parameters.
    n_states : int, default 3
    n_iterations : int, default 30

    Returns
    -------
    Pooled
    """
    rest = _residuals(data)
    starts = [
        _cluster(part, data.observed, n_states, angle) for part in (_smooth(rest, data.observed),) for angle in _ANGLES
    ]
    shock_shape = _cluster(_residuals(data, lagged=True), data.observed, n_states, 0.25 * np.pi)
    short = min(_SHORT, n_iterations)
    climbs = [_ascend(data, linear, _climb(data, start, shock_shape), range(short), n_iterations) for start in starts]
    best = max(climbs, key=lambda climb: climb.found.log_likelihood)
    return _ascend(data, linear, best, range(short, n_iterations), n_iterations).found


@dataclasses.dataclass(frozen=True, slots=True)
class _Climb:
    """Where EM of a mixture has got to: what it found, and the fits of shocks and phases to go on from."""

    found: Pooled
    fits: tuple[LevelFit, LevelFit]


def _climb(data: LevelData, shape: Array, shock_shape: Array) -> _Climb:
    """Begin: all classes alike, phases and shocks of these shapes."""
    channels, n_states, n = data.y.shape[2], len(shape), len(data.y)
    lags = np.zeros((1 + 2 * channels, channels))
    leave, moves = np.full(n_states, 0.2), (1 - np.eye(n_states)) / (n_states - 1)
    phases = SharedPhases(shape, leave, moves, lags, 0.4 * np.eye(channels), shock=False)
    state_shares = np.full(n_states, 1 / n_states)
    shocks = SharedPhases(shock_shape, *_independent(state_shares), lags, 0.4 * np.eye(channels), shock=True)
    alike = Pooled(phases, shocks, np.full(3, 1 / 3), np.full((n, 3), 1 / 3), -np.inf)
    return _Climb(alike, (_start(data, shocks, 1.0), _start(data, phases, 1.0)))


def _ascend(data: LevelData, linear: Array, climb: _Climb, turns: range, n_iterations: int) -> _Climb:
    """Take some of the turns of EM; laws are not updated in the last of all, whose likelihood is theirs."""
    phases, shocks, shares = climb.found.phases, climb.found.shocks, climb.found.shares
    found, fits = climb.found, list(climb.fits)
    for turn in turns:
        fits = [_go_on(data, shared, fit, 2) for shared, fit in zip((shocks, phases), fits, strict=True)]
        scores = class_scores(linear, fits[0].log_likelihood, fits[1].log_likelihood)
        heat = 1.0 if turn >= _TEMPERED else 0.25
        logits = heat * scores + np.log(shares)
        top = logits.max(axis=1)
        mixed = np.exp(logits - top[:, None])
        value = float((np.log(mixed.sum(axis=1)) + top).sum())
        weights = mixed / mixed.sum(axis=1, keepdims=True)
        if turn >= _ALL_ALIKE:
            shares = np.maximum(weights.mean(axis=0), 0.02)
            shares = shares / shares.sum()
        own = weights if turn >= _ALL_ALIKE else np.ones_like(weights)
        if turn < n_iterations - 1:
            shocks, fits[0] = _improve(shocks, fits[0], own[:, 1])
            phases, fits[1] = _improve(phases, fits[1], own[:, 2])
        found = Pooled(phases, shocks, shares, weights, value)
    return _Climb(found, (fits[0], fits[1]))


def class_scores(linear: Array, shocks: Array, phases: Array) -> Array:
    """(n, 3) log-likelihoods of linear, shocks, phases, less one for the effect that the latter two add."""
    return np.column_stack([linear, shocks - 1, phases - 1])


def _start(data: LevelData, shared: SharedPhases, effect: float) -> LevelFit:
    n, _, channels = data.y.shape
    n_states = shared.n_states
    coefficients = np.zeros((n, 1 + 2 * channels + data.x.shape[2], channels))
    coefficients[:, : 1 + 2 * channels] = shared.coefficients
    return level_start(
        data,
        effect=np.full(n, effect),
        coefficients=coefficients,
        covariance=np.broadcast_to(shared.covariance, (n, channels, channels)),
        index=np.broadcast_to(np.arange(n_states), (n, n_states)),
        moves=np.broadcast_to(shared.moves, (n, n_states, n_states)),
    )


def _go_on(
    data: LevelData, shared: SharedPhases, fit: LevelFit, n_iterations: int, prior: LevelPrior | None = None
) -> LevelFit:
    n, n_states = len(fit.effect), shared.n_states
    ready = dataclasses.replace(
        fit,
        index=np.broadcast_to(np.arange(n_states), (n, n_states)),
        moves=np.broadcast_to(shared.moves, (n, n_states, n_states)),
    )
    return fit_levels(
        data,
        ready,
        shared.shape,
        shared.dwell,
        n_iterations=n_iterations,
        tolerance=_TOLERANCE,
        prior=prior,
        shock=shared.shock,
    )


def _improve(shared: SharedPhases, fit: LevelFit, weight: Array) -> tuple[SharedPhases, LevelFit]:
    """Update shape and law from the weighted fits, and express effects in the new unit."""
    weight = np.maximum(weight, _FEWEST_WEIGHTS)
    shape = _best_shape(fit, weight)
    visits = np.einsum("n,njk->jk", weight, fit.transitions) + _PSEUDO * np.eye(len(shape))
    if shared.shock:
        state_shares = visits.sum(axis=0) / visits.sum()
        leave, moves = _independent(state_shares)
    else:
        off = visits * (1 - np.eye(len(shape))) + 0.5 * (1 - np.eye(len(shape)))
        leave = np.clip(off.sum(axis=1) / (off.sum(axis=1) + np.diagonal(visits)), _LEAST_LEAVE, _MOST_LEAVE)
        moves = off / off.sum(axis=1, keepdims=True)
        state_shares = _occupancy(leave, moves)
    shape = shape - state_shares @ shape
    total = weight.sum()
    unit = max(float(weight @ fit.effect / total), 0.05)
    rows = 1 + 2 * shape.shape[1]
    updated = SharedPhases(
        shape * unit,
        leave,
        moves,
        np.einsum("n,nrc->rc", weight, fit.coefficients[:, :rows]) / total,
        np.einsum("n,ncd->cd", weight, fit.covariance) / total,
        shared.shock,
    )
    return updated, dataclasses.replace(fit, effect=fit.effect / unit)


def _best_shape(fit: LevelFit, weight: Array) -> Array:
    """Generalised least squares of the shape, given effects, memory and noise of every series."""
    n_states, channels = fit.mass.shape[2], fit.covariance.shape[1]
    gram = np.zeros((n_states, n_states, channels, channels))
    right = np.zeros((n_states, channels))
    inverse = np.linalg.inv(fit.covariance)
    zero = np.zeros_like(inverse)
    lags = (zero, fit.coefficients[:, 1 : 1 + channels], fit.coefficients[:, 1 + channels : 1 + 2 * channels])
    states = np.arange(n_states)
    for kind, lag in enumerate(lags):
        # An answer in phase k after phase j lies where level k less what the lag carries of level j puts it.
        scaled, carried = np.matmul(lag, inverse), np.matmul(np.matmul(lag, inverse), lag.transpose(0, 2, 1))
        pairs = (weight * fit.effect**2)[:, None, None] * fit.mass[:, kind]
        cross = np.tensordot(pairs, scaled, (0, 0))
        gram -= cross + cross.transpose(1, 0, 3, 2)
        gram[states, states] += np.tensordot(pairs.sum(axis=1), inverse, (0, 0))
        gram[states, states] += np.tensordot(pairs.sum(axis=2), carried, (0, 0))
        rest = (weight * fit.effect)[:, None, None, None] * fit.rest[:, kind]
        right += np.einsum("ncd,nkd->kc", inverse, rest.sum(axis=1))
        right -= np.einsum("ncd,njd->jc", scaled, rest.sum(axis=2))
    size = n_states * channels
    square = gram.transpose(0, 2, 1, 3).reshape(size, size) + 1e-6 * np.eye(size)
    return np.asarray(np.linalg.solve(square, right.ravel()).reshape(n_states, channels))


def _independent(state_shares: Array) -> tuple[Array, Array]:
    """Independent draws written as a chain: leaving probabilities and moves."""
    n_states = len(state_shares)
    moves = np.broadcast_to(state_shares, (n_states, n_states)) * (1 - np.eye(n_states))
    return 1 - state_shares, moves / moves.sum(axis=1, keepdims=True)


def _occupancy(leave: Array, moves: Array) -> Array:
    """Long-run share of every phase."""
    n_states = len(leave)
    chain = np.diag(1 - leave) + leave[:, None] * moves
    system = np.vstack([chain.T - np.eye(n_states), np.ones(n_states)])
    return np.asarray(np.linalg.lstsq(system, np.append(np.zeros(n_states), 1.0), rcond=None)[0])


def _residuals(data: LevelData, *, lagged: bool = False) -> Array:
    """What covariates, and the answers before if asked, leave of every series; zero where missing."""
    out = np.zeros_like(data.y)
    for s, (y, answered, x) in enumerate(zip(data.y, data.observed, data.x, strict=True)):
        columns = [np.ones((len(y), 1)), x]
        if lagged:
            columns.append(np.vstack([np.zeros((1, y.shape[1])), y[:-1]]))
        table = np.hstack(columns)[answered]
        out[s, answered] = y[answered] - table @ np.linalg.lstsq(table, y[answered], rcond=1e-8)[0]
    return out


def _smooth(rest: Array, answered: Flags) -> Array:
    """Mean of the observed among three neighbours."""
    weight = answered.astype(float)
    total, count = rest.copy(), weight.copy()
    total[:, 1:] += rest[:, :-1]
    total[:, :-1] += rest[:, 1:]
    count[:, 1:] += weight[:, :-1]
    count[:, :-1] += weight[:, 1:]
    return np.asarray(total / np.maximum(count, 1)[:, :, None])


def _cluster(rest: Array, answered: Flags, n_states: int, angle: float) -> Array:
    """Centres of all series' answers together, from quantiles along a direction: (K, C)."""
    points = rest[answered]
    direction = np.array([np.cos(angle), np.sin(angle)])[: points.shape[1]]
    rank = np.argsort(np.argsort(points @ direction, kind="stable"), kind="stable")
    label = rank * n_states // len(points)
    centres = np.zeros((n_states, points.shape[1]))
    for _ in range(_KMEANS_ROUNDS):
        for k in range(n_states):
            if (label == k).any():
                centres[k] = points[label == k].mean(axis=0)
        label = ((points[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    return centres
