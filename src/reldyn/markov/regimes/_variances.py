"""A hidden chain of variances: how large the shocks of a series are changes in episodes, and nothing else does.

q_t is the squared length of the whitened shock at t. In state k it is v_k times a chi-squared variable, so that the
density of the shock relative to one constant variance is v_k^(-C/2) exp((q_t - q_t / v_k) / 2). Every array has the
batch in front. The chain runs on through missing occasions.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from reldyn._kernels import Kernels, chosen_kernels
from reldyn._types import Array, Flags
from reldyn.markov.regimes._switching import LEAST, UNLIKELIEST, transition_from

# The larger variance over the smaller, and mean dwell times in occasions, over which a likelihood is averaged.
RATIOS, DWELLS = (2.0, 3.0, 5.0, 9.0), (6.0, 12.0, 24.0)
_LARGEST_LOG = 200.0

# Variances and the probability of staying to start from, per number of states.
_START = {2: (0.5, 1.8), 3: (0.3, 0.9, 2.5)}
_START_STAY = 0.9


@dataclasses.dataclass(frozen=True, slots=True)
class VarianceFit:
    """A batch of chains of variances.

    Attributes
    ----------
    gain : (n_series,) array
        Log-likelihood less that of the constant variance one.
    variances : (n_series, K) array
        Relative to the variance by which the shocks were whitened.
    transition : (n_series, K, K) array
    posterior, predicted : (n_series, T, K) arrays
        Probabilities of the states given the whole series, and given the past alone.
    """

    gain: Array
    variances: Array
    transition: Array
    posterior: Array
    predicted: Array

    @property
    def expected(self) -> Array:
        """(n_series, T) variance expected from the past."""
        return np.asarray((self.predicted * self.variances[:, None]).sum(axis=2))


def fit_variances(
    squares: Array,
    observed: Flags,
    n_states: int,
    *,
    channels: int,
    floor: Array,
    n_iterations: int = 30,
    tolerance: float = 0.01,
    kernels: Kernels | None = None,
) -> VarianceFit:
    """Fit a chain of two or three variances by EM.

    Parameters
    ----------
    squares : (n_series, T) array
        Squared lengths of whitened shocks; anything where missing.
    observed : (T,) bool array
        Common to all series.
    n_states : {2, 3}
    channels : int
        Length of a shock.
    floor : (n_series,) array
        Smallest relative variance: no shock is finer than the item.
    n_iterations : int, default 30
        Expectation steps, at least one; the gain belongs to the parameters returned.
    tolerance : float, default 0.01
        A series stops once its log-likelihood changes by less.
    kernels : {"numpy", "numba"}, optional

    Returns
    -------
    VarianceFit

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> size = np.where(np.arange(300) % 40 < 20, 0.5, 1.3)
    >>> squares = (size * rng.standard_normal((2, 300))) ** 2
    >>> squares[1] = rng.standard_normal(300) ** 2
    >>> seen = np.ones(300, dtype=bool)
    >>> fit = fit_variances(squares, seen, 2, channels=1, floor=np.full(2, 0.01))
    >>> bool(fit.gain[0] > 15), bool(fit.gain[1] < 3)
    (True, True)
    """
    n, n_occasions = squares.shape
    variances = np.maximum(np.tile(_START[n_states], (n, 1)), floor[:, None])
    transition = np.full((n_states, n_states), (1 - _START_STAY) / (n_states - 1))
    np.fill_diagonal(transition, _START_STAY)
    transition = np.tile(transition, (n, 1, 1))
    values = np.where(observed, squares, 0.0)
    if chosen_kernels(kernels) == "numba":
        from reldyn.markov.regimes._variances_numba import run_batch

        return VarianceFit(
            *run_batch(
                np.ascontiguousarray(values),
                np.ascontiguousarray(observed),
                float(channels),
                np.ascontiguousarray(floor, dtype=float),
                variances,
                transition,
                int(n_iterations),
                float(tolerance),
            )
        )
    shape = (n, n_occasions, n_states)
    out = VarianceFit(np.full(n, -np.inf), variances, transition, np.zeros(shape), np.zeros(shape))
    active = np.arange(n)
    for turn in range(n_iterations):
        part = values[active]
        gain, posterior, predicted, counts = _expect(
            part, observed, channels, out.variances[active], out.transition[active]
        )
        resting = np.abs(gain - out.gain[active]) < tolerance
        out.gain[active], out.posterior[active], out.predicted[active] = gain, posterior, predicted
        going = ~resting if turn < n_iterations - 1 else np.zeros_like(resting)
        active = active[going]
        if len(active) == 0:
            break
        weight = posterior[going][:, observed]
        raised = np.einsum("ntk,nt->nk", weight, part[going][:, observed])
        total = np.maximum(channels * weight.sum(axis=1), LEAST)
        out.variances[active] = np.maximum(raised / total, floor[active, None])
        out.transition[active] = transition_from(counts[going])
    return out


def average_gain(squares: Array, observed: Flags, *, channels: int) -> Array:
    """Log of the average likelihood, over a grid, of two variances that last, less that of a constant variance of one.

    The two variances are equally frequent and have mean one. Nothing is estimated: one forward pass gives all of it.

    Parameters
    ----------
    squares : (n_series, T) array
        Squared lengths of whitened shocks; anything where missing.
    observed : (T,) bool array
        Common to all series.
    channels : int
        Length of a shock.

    Returns
    -------
    (n_series,) array
        Of ratios 2, 3, 5 and 9 of the variances and mean dwell times of 6, 12 and 24 occasions, with equal weights.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> size = np.where(np.arange(300) % 40 < 20, 0.5, 1.3)
    >>> squares = (size * rng.standard_normal((2, 300))) ** 2
    >>> squares[1] = rng.standard_normal(300) ** 2
    >>> gain = average_gain(squares, np.ones(300, dtype=bool), channels=1)
    >>> bool(gain[0] > 15), bool(gain[1] < 0)
    (True, True)
    """
    ratio, dwell = (part.ravel() for part in np.meshgrid(RATIOS, DWELLS))
    calm, leave = 2 / (1 + ratio), 1 / dwell
    slope, shift = 0.5 * (1 - 1 / ratio) / calm, 0.5 * channels * np.log(ratio)
    turbulent = np.full((len(squares), len(ratio)), 0.5)
    gain = 0.5 * (1 - 1 / calm) * squares[:, observed].sum(axis=1, keepdims=True)
    gain = gain - 0.5 * channels * int(observed.sum()) * np.log(calm)
    for t, seen in enumerate(observed.tolist()):
        if seen:
            relative = np.exp(np.minimum(slope * squares[:, t, None] - shift, _LARGEST_LOG))
            total = 1 + turbulent * (relative - 1)
            gain += np.log(total)
            turbulent = turbulent * relative / total
        turbulent = leave + (1 - 2 * leave) * turbulent
    return np.asarray(np.logaddexp.reduce(gain, axis=1) - np.log(len(ratio)))


def _expect(
    squares: Array, observed: Flags, channels: int, variances: Array, transition: Array
) -> tuple[Array, Array, Array, Array]:
    """Gain (n,), posterior and predicted (n, T, K), expected transitions (n, K, K)."""
    (n, n_occasions), n_states = squares.shape, variances.shape[1]
    predicted, forward = np.empty((n, n_occasions, n_states)), np.empty((n, n_occasions, n_states))
    weights, gain = np.ones((n, n_occasions, n_states)), np.zeros(n)
    here = np.full((n, n_states), 1.0 / n_states)
    for t in range(n_occasions):
        predicted[:, t] = here
        if observed[t]:
            log_density = 0.5 * squares[:, t, None] * (1 - 1 / variances) - 0.5 * channels * np.log(variances)
            top = log_density.max(axis=1)
            density = np.exp(np.maximum(log_density - top[:, None], UNLIKELIEST))
            total = (here * density).sum(axis=1)
            weights[:, t] = density / total[:, None]
            gain += np.log(total) + top
        forward[:, t] = here * weights[:, t]
        here = np.matmul(forward[:, t, None], transition)[:, 0]
    posterior, counts = forward.copy(), np.zeros_like(transition)
    ahead = np.ones((n, n_states))
    for t in range(n_occasions - 1, 0, -1):
        weighted = weights[:, t] * ahead
        counts += forward[:, t - 1, :, None] * transition * weighted[:, None]
        ahead = np.matmul(transition, weighted[:, :, None])[:, :, 0]
        posterior[:, t - 1] = forward[:, t - 1] * ahead
        posterior[:, t - 1] /= np.maximum(posterior[:, t - 1].sum(axis=1, keepdims=True), LEAST)
    return gain, posterior, predicted, counts
