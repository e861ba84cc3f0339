"""Learning models of warmth as arrays: what is expected, what surprises, how uncertain the expectation is.

Rescorla and Wagner (1972): an expectation that follows prediction errors at a fixed rate. Pearce and Hall (1980):
its rate rises and falls with a running mean of the size of the errors. Volatile Kalman filter (Piray and Daw 2020,
after Behrens et al. 2007): its rate follows an estimated volatility. What the response makes of them is fitted in
`_learning_fit`.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

from reldyn._types import Array, Flags, Ints

Model = Literal["none", "rescorla-wagner", "pearce-hall", "volatile-kalman"]

__all__ = [
    "COMMON_RATES",
    "DRIVES",
    "GRID",
    "MODELS",
    "ModelEvidence",
    "Model",
    "Sample",
    "drives",
    "gather",
    "respond",
]

MODELS: tuple[Model, ...] = ("none", "rescorla-wagner", "pearce-hall", "volatile-kalman")
# Current warmth is controlled and equals expectation plus error: one of the two carries both.
DRIVES: dict[str, tuple[str, ...]] = {
    "none": (),
    "rescorla-wagner": ("prediction error",),
    "pearce-hall": ("prediction error", "uncertainty"),
    "volatile-kalman": ("prediction error", "uncertainty"),
}
# How fast associability or volatility follow: one value for the whole sample, since no dyad could show its own.
COMMON_RATES: dict[str, tuple[float, ...]] = {
    "rescorla-wagner": (0.0,),
    "pearce-hall": (0.1, 0.3, 0.6),
    "volatile-kalman": (0.05, 0.15, 0.4),
}
# Logits of learning rates from .02 to .96.
GRID: Array = np.linspace(-4.0, 3.2, 37)
_LEAST = 1e-6


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """Directions of warmth side by side, in SD of each series.

    Attributes
    ----------
    warmth, response : (n_directions, n_occasions) arrays
        NaN where nothing was answered, and after the end of shorter series.
    fixed : (n_directions, n_occasions - 1, n_fixed) array
        Time of day of the later occasion and warmth at the earlier one; 0 outside pairs.
    pair : (n_directions, n_occasions - 1) bool array
        Whether an occasion and the next lie within a day, with warmth and response before and response after.
    dyad : (n_directions,) int array
        Which directions share a dyad.
    """

    warmth: Array
    response: Array
    fixed: Array
    pair: Flags
    dyad: Ints


@dataclasses.dataclass(frozen=True, slots=True)
class ModelEvidence:
    """All that a Gaussian likelihood needs to know, with the shared columns projected out.

    Attributes
    ----------
    squares : (n_directions,) array
        Of the response left over.
    freedom : (n_directions,) array
        Pairs less the rank of the shared columns.
    cross : (n_directions, n_rates, n_drives) array
        Drives times response.
    gram : (n_directions, n_rates, n_drives, n_drives) array
        Drives times drives.
    """

    squares: Array
    freedom: Array
    cross: Array
    gram: Array


def drives(warmth: Array, rate: Array, model: str, common: float) -> Array:
    """Prediction error at each occasion, and uncertainty as it stands after it.

    Parameters
    ----------
    warmth : (n, n_occasions) array
        With mean 0 and SD 1; at NaN all that was learned is carried forward.
    rate : (n, n_rates) array
        Learning rates in (0, 1); the first gain of the volatile Kalman filter.
    model : str
        Not "none".
    common : float
        How fast associability or volatility follow.

    Returns
    -------
    (n, n_occasions, n_rates, n_drives) array
        In SD of warmth; the error is 0 where warmth is missing.

    Examples
    --------
    >>> import numpy as np
    >>> drives(np.array([[1.0, 1.0, np.nan, 1.0]]), np.array([[0.5]]), "rescorla-wagner", 0.0).ravel().tolist()
    [1.0, 0.5, 0.0, 0.25]
    """
    n, n_occasions = warmth.shape
    found = np.empty((n, n_occasions, rate.shape[1], len(DRIVES[model])))
    expected = np.zeros_like(rate)
    usual = np.nanmean(np.abs(warmth), axis=1)[:, None]
    size = np.broadcast_to(usual, rate.shape).copy()
    # Start of the filter such that its first gain is the rate and its first predictive variance is 1.
    noise, spread, volatility = 1 - rate, rate * (1 - rate), rate**2
    for occasion in range(n_occasions):
        now = warmth[:, occasion][:, None]
        answered = np.isfinite(now)
        error = np.where(answered, now - expected, 0.0)
        found[:, occasion, :, 0] = error
        if model == "rescorla-wagner":
            expected = expected + rate * error
        elif model == "pearce-hall":
            expected = expected + np.minimum(rate * size / usual, 1.0) * error
            size = np.where(answered, size + common * (np.abs(error) - size), size)
            found[:, occasion, :, 1] = size
        else:
            before = spread
            gain = (before + volatility) / (before + volatility + noise)
            step = gain * error
            after = (1 - gain) * (before + volatility)
            moved = step**2 + before + after - 2 * (1 - gain) * before
            expected = expected + step
            spread = np.where(answered, after, before)
            volatility = np.where(answered, volatility + common * (moved - volatility), volatility)
            found[:, occasion, :, 1] = np.sqrt(spread + volatility)
    return found


def gather(sample: Sample, model: str, common: float) -> ModelEvidence:
    """ModelEvidence of every direction at every rate of the grid.

    Parameters
    ----------
    sample : Sample
    model : str
    common : float
        See `drives`.

    Returns
    -------
    ModelEvidence
    """
    n, k = len(sample.pair), len(DRIVES[model])
    rate = 1 / (1 + np.exp(-GRID))
    squares, freedom = np.empty(n), np.empty(n)
    cross, gram = np.zeros((n, len(GRID), k)), np.zeros((n, len(GRID), k, k))
    for one in range(n):
        pair = sample.pair[one]
        basis = _basis(_shared(sample, one))
        after = sample.response[one, 1:][pair]
        left = after - basis @ (basis.T @ after)
        squares[one], freedom[one] = left @ left, len(after) - basis.shape[1]
        if k:
            z = drives(sample.warmth[one][None], rate[None], model, common)[0, :-1][pair]
            flat = z.reshape(len(after), -1)
            flat = flat - basis @ (basis.T @ flat)
            cross[one] = (flat.T @ left).reshape(len(GRID), k)
            z = flat.reshape(z.shape)
            gram[one] = np.einsum("tgj,tgk->gjk", z, z)
    return ModelEvidence(squares, freedom, cross, gram)


def _shared(sample: Sample, one: int) -> Array:
    """(n_pairs, 1 + n_fixed): the response before, time of day, current warmth."""
    pair = sample.pair[one]
    return np.column_stack([sample.response[one, :-1][pair], sample.fixed[one][pair]])


def _basis(columns: Array) -> Array:
    """Orthonormal columns that span the same space."""
    left, size, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, size > _LEAST * max(size[0], 1.0)])


def respond(
    sample: Sample,
    model: str,
    common: float,
    fitted: tuple[Array, Array, Array],
    drawn: tuple[Array, Array],
    rng: np.random.Generator,
) -> Sample:
    """Draw responses from a fitted model, with the warmth, the schedule and the gaps of the sample.

    Parameters
    ----------
    sample : Sample
    model : str
    common : float
        See `drives`.
    fitted : tuple of arrays
        Fitted rates, (n_directions,), drive coefficients, (n_directions, n_drives), and residual variances: the
        shared columns act as they do beside these.
    drawn : tuple of arrays
        Rates and drive coefficients that the drawn responses follow.
    rng : Generator

    Returns
    -------
    Sample
        Responses that no pair ends in stay as observed.
    """
    n, n_occasions = sample.warmth.shape
    rates, coefficients, variance = fitted
    learned, planted = _effect(sample, model, common, rates, coefficients), _effect(sample, model, common, *drawn)
    shocks = rng.standard_normal((n, n_occasions)) * np.sqrt(variance)[:, None]
    base, inertia = np.zeros((n, n_occasions - 1)), np.zeros(n)
    for one in range(n):
        pair = sample.pair[one]
        left = sample.response[one, 1:][pair] - learned[one, :-1][pair]
        beta = np.linalg.lstsq(_shared(sample, one), left, rcond=_LEAST)[0]
        # Feedback at or above 1 would explode in long series without nights.
        inertia[one] = np.clip(beta[0], -0.95, 0.95)
        base[one] = sample.fixed[one] @ beta[1:]
    response = sample.response.copy()
    for occasion in range(n_occasions - 1):
        mean = base[:, occasion] + inertia * np.nan_to_num(response[:, occasion]) + planted[:, occasion]
        drawn_now = mean + shocks[:, occasion + 1]
        response[:, occasion + 1] = np.where(sample.pair[:, occasion], drawn_now, response[:, occasion + 1])
    return dataclasses.replace(sample, response=response)


def _effect(sample: Sample, model: str, common: float, rates: Array, coefficients: Array) -> Array:
    """(n_directions, n_occasions): what the drives add to the next response."""
    if model == "none":
        return np.zeros_like(sample.warmth)
    found = drives(sample.warmth, rates[:, None], model, common)[:, :, 0]
    return np.asarray(np.einsum("ntk,nk->nt", found, coefficients))
