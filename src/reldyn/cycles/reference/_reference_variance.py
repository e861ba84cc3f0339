"""Shocks whose variance changes: an exponentially weighted variance, or a hidden chain of two or three variances.

Either holds for all channels together or for each on its own; then the shape of the shocks is judged. A variance is
a function of the shocks before, so that every value is a sum of one-step predictive log densities. Coefficients
are estimated again with the variances as weights.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._types import Array, Flags
from reldyn.cycles.reference._shapes import best_shapes, copula_gain, shape_gain, standardise
from reldyn.markov.regimes import VarianceFit, fit_variances

__all__ = ["changing_variance_gain", "weighted_variance"]

# Weight of the past in the running variance, and its share in the variance of the next shock.
_DECAYS = (0.6, 0.8, 0.9, 0.95, 0.98)
_SHARES = (0.25, 0.5, 0.75, 0.95)
_N_STATES = (2, 3)
_PRICE_OF_WEIGHTED = 2.0
_RIDGE = 1e-8
_EXTREME = 1e-12


@dataclasses.dataclass(frozen=True, slots=True)
class _Changing:
    """What changing variances make of the shocks of some channels."""

    scaled: Array  # (n, m, C): shocks over the SD expected from the past
    gain: Array  # (n,): of that scale under Gaussian shocks, less its price
    shocks: Array  # (n, m, C): of the regression weighted by the variances
    chains: list[VarianceFit]
    chain_gains: list[Array]  # (n,) each, less their prices


def changing_variance_gain(
    shocks: Array, y: Array, table: Array, observed: Flags, *, floor: Array, shapes: bool = True
) -> Array:
    """Give what changing variances gain over one constant Gaussian variance, less one per parameter.

    Parameters
    ----------
    shocks : (n, m, C) array
        Residuals of the regression with one variance, at the observed occasions.
    y : (n, m, C) array
        What is regressed.
    table : (n, m, R) array
        Its regressors.
    observed : (T,) bool array
        Where the m occasions lie: the running variance waits over a gap, the chain runs on.
    floor : (n, C) array
        Smallest variance of a shock.
    shapes : bool, default True
        Whether scaled shocks may be skewed or heavy-tailed.

    Returns
    -------
    (n,) array
        Can be negative.
    """
    common = _changing(shocks, y, table, observed, floor)
    shaped = shape_gain(common.scaled) if shapes else 0.0
    gain = np.fmax.reduce([common.gain + shaped, *common.chain_gains])
    channels = shocks.shape[2]
    if channels == 1:
        return np.asarray(gain)
    gains, scores = np.zeros((len(shocks), channels)), np.zeros_like(shocks)
    for c in range(channels):
        part = slice(c, c + 1)
        own = _changing(shocks[:, :, part], y[:, :, part], table, observed, floor[:, part])
        gains[:, c], scores[:, :, c] = _one_channel(shocks[:, :, part], own, observed, shapes)
    return np.asarray(np.fmax(gain, gains.sum(axis=1) + copula_gain(scores) - copula_gain(standardise(shocks))))


def _one_channel(shocks: Array, own: _Changing, observed: Flags, shapes: bool) -> tuple[Array, Array]:
    """Best of constant, weighted and switching variance of (n, m, 1) shocks: gain (n,) and normal scores (n, m)."""
    from scipy.special import ndtr, ndtri

    gain, scores = np.zeros(len(shocks)), standardise(shocks)[:, :, 0]
    for scaled, start in ((shocks, np.zeros(len(shocks))), (own.scaled, own.gain)):
        unit = standardise(scaled)
        _keep_better(gain, scores, start, unit[:, :, 0])
        if shapes:
            shaped, normal = best_shapes(unit)
            _keep_better(gain, scores, start + shaped[:, 0], normal[:, :, 0])
    again = own.shocks[:, :, 0] / np.sqrt((own.shocks[:, :, 0] ** 2).mean(axis=1, keepdims=True) + _RIDGE)
    for chain, value in zip(own.chains, own.chain_gains, strict=True):
        chance = (chain.predicted[:, observed] * ndtr(again[:, :, None] / np.sqrt(chain.variances)[:, None])).sum(
            axis=2
        )
        _keep_better(gain, scores, value, ndtri(np.clip(chance, _EXTREME, 1 - _EXTREME)))
    return gain, scores


def _keep_better(gain: Array, scores: Array, value: Array, normal: Array) -> None:
    better = value > gain
    gain[better], scores[better] = value[better], normal[better]


def _changing(shocks: Array, y: Array, table: Array, observed: Flags, floor: Array) -> _Changing:
    """Fit the weighted variance, the regression under it, and the chains to what that leaves."""
    m, channels = shocks.shape[1:]
    base = _log_det(shocks)
    lowest = np.minimum((floor / np.maximum((shocks**2).mean(axis=1), 1e-9)).max(axis=1), 1.0)
    first = weighted_variance(_lengths(shocks) / channels, shocks, lowest)[0]
    again = _regress(y, table, 1 / first)
    lengths = _lengths(again)
    variance, gain = weighted_variance(lengths / channels, again, lowest)
    cost = np.full(len(gain), _PRICE_OF_WEIGHTED)
    gain = gain - cost
    # The constant variance after the second regression against that after the first.
    start = 0.5 * m * (base - _log_det(again))
    squares = np.zeros((len(shocks), len(observed)))
    squares[:, observed] = lengths
    chains, chain_gains = [], []
    for n_states in _N_STATES:
        price = float(n_states - 1 + n_states * (n_states - 1))
        chain = fit_variances(squares, observed, n_states, channels=channels, floor=lowest)
        chains.append(chain)
        chain_gains.append(start + chain.gain - price)
        expected = chain.expected[:, observed]
        value = _gaussian_gain(again, expected) - price
        better = value > gain
        gain, variance = np.where(better, value, gain), np.where(better[:, None], expected, variance)
    return _Changing(again / np.sqrt(variance)[:, :, None], start + gain, again, chains, chain_gains)


def weighted_variance(squares: Array, shocks: Array, lowest: Array) -> tuple[Array, Array]:
    """Choose decay and share of an exponentially weighted variance.

    Parameters
    ----------
    squares : (n, m) array
        Squared shocks, of mean one.
    shocks : (n, m, C) array
    lowest : (n,) array
        Bound of the variance, at most one.

    Returns
    -------
    (n, m) variance of each shock expected from those before, and (n,) gain over a constant variance
    """
    from scipy.signal import lfilter

    before = np.concatenate([np.ones((len(squares), 1)), squares[:, :-1]], axis=1)
    best, chosen = np.full(len(squares), -np.inf), np.ones_like(squares)
    for decay in _DECAYS:
        running = lfilter([1 - decay], [1, -decay], before - 1, axis=1) + 1
        for share in _SHARES:
            variance = np.maximum(1 - share + share * running, lowest[:, None])
            gain = _gaussian_gain(shocks, variance)
            better = gain > best
            best[better], chosen[better] = gain[better], variance[better]
    return chosen, best


def _gaussian_gain(shocks: Array, variance: Array) -> Array:
    """Gain of (n, m) relative variances over a constant one, the covariance being that of the scaled shocks."""
    m, channels = shocks.shape[1:]
    scaled = _log_det(shocks / np.sqrt(variance)[:, :, None])
    return np.asarray(-0.5 * channels * np.log(variance).sum(axis=1) + 0.5 * m * (_log_det(shocks) - scaled))


def _covariance(shocks: Array) -> Array:
    return np.asarray(np.matmul(shocks.transpose(0, 2, 1), shocks) / shocks.shape[1] + _RIDGE * np.eye(shocks.shape[2]))


def _log_det(shocks: Array) -> Array:
    return np.asarray(np.linalg.slogdet(_covariance(shocks))[1])


def _lengths(shocks: Array) -> Array:
    """(n, m) squared lengths of the whitened shocks."""
    white = np.linalg.solve(_covariance(shocks), shocks.transpose(0, 2, 1))
    return np.asarray((shocks * white.transpose(0, 2, 1)).sum(axis=2))


def _regress(y: Array, table: Array, weight: Array) -> Array:
    """Residuals (n, m, C) of the regression of y with (n, m) weights."""
    weighted = (table * weight[:, :, None]).transpose(0, 2, 1)
    gram = np.matmul(weighted, table) + _RIDGE * table.shape[1] * np.eye(table.shape[2])
    return np.asarray(y - np.matmul(table, np.linalg.solve(gram, np.matmul(weighted, y))))
