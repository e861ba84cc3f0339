"""Where fits of phases start: clusterings of the answers and a fixed-step rhythm, the same in data and surrogates."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from itertools import combinations

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.markov.regimes import SwitchingData
from reldyn.stats import lag_columns

SHORTEST_PERIOD = 6.0
_HARMONICS = 2
_BINS = 12
_CERTAINTY = 0.9
_ROUNDS = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Template:
    """The fixed-step rhythm that fits best.

    Attributes
    ----------
    period : (n,) array
        In occasions, any real number.
    posterior : (n, T, K) array
    dwell_means : (n, K) array
    moves : (n, K, K) array
        In the order of the steps.
    """

    period: Array
    posterior: Array
    dwell_means: Array
    moves: Array


def residuals(data: SwitchingData, *, lagged: bool) -> Array:
    """What the design leaves, with or without the lags: (n, T, C), zero where missing."""
    answered = data.observed
    columns = [np.ones((*data.y.shape[:2], 1)), data.x]
    if lagged:
        columns.append(lag_columns(data.y, data.night))
    table = np.concatenate(columns, axis=2)[:, answered]
    gram = np.matmul(table.transpose(0, 2, 1), table) + 1e-8 * int(answered.sum()) * np.eye(table.shape[2])
    solved = np.linalg.solve(gram, np.matmul(table.transpose(0, 2, 1), data.y[:, answered]))
    out = np.zeros_like(data.y)
    out[:, answered] = data.y[:, answered] - np.matmul(table, solved)
    return out


def three_starts(data: SwitchingData, rest: Array, template: Template) -> Array:
    """Two clusterings (of answers, of answers smoothed over three occasions) and the rhythm: (3, n, T, K)."""
    n_states = template.posterior.shape[2]
    angle = 0.0
    return np.stack(
        [
            cluster(rest, data.observed, n_states, angle),
            cluster(smooth(rest, data.observed), data.observed, n_states, angle),
            template.posterior,
        ]
    )


def random_starts(rest: Array, answered: Flags, n_states: int, n_starts: int, rng: np.random.Generator) -> Array:
    """Clusterings along random directions, smoothed by random amounts: (n_starts, n, T, K)."""
    starts = []
    for _ in range(n_starts):
        values = rest
        for _ in range(int(rng.integers(3))):
            values = smooth(values, answered)
        noisy = values + 0.5 * rng.standard_normal(values.shape)
        starts.append(cluster(noisy, answered, n_states, float(rng.uniform(0, 2 * np.pi))))
    return np.stack(starts)


def finite(log_likelihood: Array) -> Array:
    """What is not a number loses every comparison."""
    return np.where(np.isfinite(log_likelihood), log_likelihood, -np.inf)


def smooth(rest: Array, answered: Flags) -> Array:
    """Mean of the observed among three neighbours: (n, T, C)."""
    weight = answered.astype(float)
    total, count = rest.copy(), weight.copy()
    total[:, 1:] += rest[:, :-1]
    total[:, :-1] += rest[:, 1:]
    count[1:] += weight[:-1]
    count[:-1] += weight[1:]
    return np.asarray(total / np.maximum(count, 1)[None, :, None])


def cluster(rest: Array, answered: Flags, n_states: int, angle: float) -> Array:
    """Lloyd's k-means from quantiles along a direction; soft memberships (n, T, K), even where missing."""
    n, n_occasions, channels = rest.shape
    points = rest[:, answered]
    direction = np.array([np.cos(angle), np.sin(angle)])[:channels]
    ranks = np.argsort(np.argsort(points @ direction, axis=1, kind="stable"), axis=1, kind="stable")
    label = ranks * n_states // points.shape[1]
    states = np.arange(n_states)
    for _ in range(_ROUNDS):
        member = (label[:, :, None] == states).astype(float)
        size = member.sum(axis=1)
        centres = np.matmul(member.transpose(0, 2, 1), points) / np.maximum(size, 1)[:, :, None]
        # Squared distances, less what all centres have in common.
        half = 0.5 * (centres**2).sum(axis=2)
        label = (half[:, None] - np.matmul(points, centres.transpose(0, 2, 1))).argmin(axis=2)
    posterior = np.full((n, n_occasions, n_states), 1.0 / n_states)
    posterior[:, answered] = _soft(label, n_states)
    return posterior


def _soft(label: Ints, n_states: int) -> Array:
    other = (1 - _CERTAINTY) / (n_states - 1)
    return np.where(label[..., None] == np.arange(n_states), _CERTAINTY, other)


def period_grid(n_occasions: int) -> Array:
    """Periods from six occasions to a third of the series, evenly spaced in frequency, thrice as fine as Fourier's."""
    longest = max(n_occasions / 3, SHORTEST_PERIOD + 1)
    low, high = 1 / longest, 1 / SHORTEST_PERIOD
    return np.asarray(1 / np.linspace(low, high, max(int((high - low) * 3 * n_occasions), 8)))


def periodogram(white: Array, answered: Flags) -> Array:
    """Twice the log-likelihood that two harmonics of every period gain over white noise: (n, n_periods)."""
    n_answered = int(answered.sum())
    points = white[:, answered]
    covariance = np.matmul(points.transpose(0, 2, 1), points) / n_answered + 1e-9 * np.eye(points.shape[2])
    unit = np.linalg.solve(np.linalg.cholesky(covariance), points.transpose(0, 2, 1))
    basis = _harmonics(answered.tobytes(), len(answered))
    n_periods = basis.shape[1] // (2 * _HARMONICS)
    loads = np.matmul(unit, basis).reshape(len(white), unit.shape[1], n_periods, 2 * _HARMONICS)
    share = np.einsum("ncpb,ndpb->npcd", loads, loads) / n_answered
    left = np.eye(unit.shape[1]) - share
    return np.asarray(-n_answered * np.log(np.maximum(np.linalg.det(left), 1e-12)))


@lru_cache(maxsize=4)
def _harmonics(answered: bytes, n_occasions: int) -> Array:
    """Orthonormal sines and cosines per period at the observed occasions: (n_seen, 4 n_periods)."""
    occasion = np.flatnonzero(np.frombuffer(answered, dtype=bool)).astype(float)
    periods = period_grid(n_occasions)
    turn = 2 * np.pi * occasion[None, :] / periods[:, None]
    waves = [wave(k * turn) for k in range(1, _HARMONICS + 1) for wave in (np.cos, np.sin)]
    table = np.stack(waves, axis=2)
    basis = np.linalg.qr(table - table.mean(axis=1, keepdims=True))[0]
    return np.ascontiguousarray(basis.transpose(1, 0, 2).reshape(len(occasion), -1))


def best_period(data: SwitchingData) -> tuple[Array, Array]:
    """The period of the largest gain over the linear model and that gain: two (n,) arrays."""
    gains = periodogram(residuals(data, lagged=True), data.observed)
    best = gains.argmax(axis=1)
    return period_grid(data.y.shape[1])[best], gains[np.arange(len(gains)), best]


def step_template(rest: Array, answered: Flags, period: Array, n_states: int) -> Template:
    """Cut the folded cycle of every series into the K steps that explain most.

    Parameters
    ----------
    rest : (n, T, C) array
        Of `residuals` without lags.
    answered : (T,) bool array
    period : (n,) array
        In occasions.
    n_states : int

    Returns
    -------
    Template
    """
    n, n_occasions, channels = rest.shape
    place = np.arange(n_occasions)[None, :] % period[:, None] / period[:, None]
    bins = np.minimum((place * _BINS).astype(np.int64), _BINS - 1)
    flat = (bins[:, answered] + _BINS * np.arange(n)[:, None]).ravel()
    count = np.bincount(flat, minlength=n * _BINS).reshape(n, _BINS).astype(float)
    sums = np.stack(
        [np.bincount(flat, rest[:, answered, c].ravel(), n * _BINS).reshape(n, _BINS) for c in range(channels)], axis=2
    )
    inside, cuts = _partitions(n_states)
    # inside: (n_cuts, K, bins); the gain of a cut is the between-step sum of squares.
    step_sum = np.einsum("pkb,nbc->npkc", inside, sums)
    step_count = np.einsum("pkb,nb->npk", inside, count)
    gain = ((step_sum**2).sum(axis=3) / np.maximum(step_count, 1e-9)).sum(axis=2)
    gain[(step_count < 1).any(axis=2)] = -np.inf
    best = gain.argmax(axis=1)
    label = inside[best].argmax(axis=1)
    posterior = _soft(np.take_along_axis(label, bins, axis=1), n_states)
    dwell = period[:, None] * cuts[best] / _BINS
    moves = np.roll(np.eye(n_states), 1, axis=1)
    return Template(period, posterior, dwell, np.broadcast_to(moves, (n, n_states, n_states)).copy())


@lru_cache(maxsize=4)
def _partitions(n_states: int) -> tuple[Array, Array]:
    """All ways to cut the circle of bins into K steps: (n_cuts, K, bins) members, (n_cuts, K) lengths."""
    members, lengths = [], []
    for cut in combinations(range(_BINS), n_states):
        edges = [*cut, cut[0] + _BINS]
        member = np.zeros((n_states, _BINS))
        for step in range(n_states):
            member[step, np.arange(edges[step], edges[step + 1]) % _BINS] = 1.0
        members.append(member)
        lengths.append(member.sum(axis=1))
    return np.stack(members), np.stack(lengths)
