"""Which beeps are missed: at random, in bursts, or when things go badly."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reldyn.errors import DesignError, check_option
from reldyn.simulate._checks import lies_within

MissingPattern: TypeAlias = Literal["random", "bursts", "affect"]
MISSING_PATTERNS = ("random", "bursts", "affect")
MEAN_BURST = 6.0
# Change in the log odds of missing a beep per SD of low warmth.
AFFECT_SLOPE = 1.2


def check_missing(missing: float, pattern: str) -> None:
    """Refuse a share outside [0, .95] and an unknown pattern."""
    check_option(pattern, MISSING_PATTERNS, "missing_pattern")
    if not lies_within(missing, 0, 0.95):
        raise DesignError(f"missing={missing!r} is no share of missed beeps: give a number from 0 to 0.95.")


def missing_mask(
    state: NDArray[np.float64], uniforms: NDArray[np.float64], missing: float, pattern: MissingPattern
) -> NDArray[np.bool_]:
    """Mark missed occasions.

    Parameters
    ----------
    state : (n_series, n_occasions) array
        What the ``"affect"`` pattern depends on: the lower, the likelier a beep is missed.
    uniforms : (n_series, n_occasions) array
        One uniform draw per occasion.
    missing : float
        Expected share of missed occasions.
    pattern : str
        ``"random"``: independent. ``"bursts"``: runs with a mean of six beeps (longer when the share
        asks for it). ``"affect"``: log odds fall by 1.2 per SD of the person's own state.

    Returns
    -------
    (n_series, n_occasions) bool array
        True where nothing was answered.
    """
    if missing == 0:
        return np.zeros(state.shape, dtype=bool)
    if pattern == "random":
        return uniforms < missing
    if pattern == "bursts":
        return _bursts(uniforms, missing)
    return uniforms < _affect_probabilities(state, missing)


def _bursts(uniforms: NDArray[np.float64], missing: float) -> NDArray[np.bool_]:
    length = max(MEAN_BURST, missing / (1 - missing))
    start, stay = missing / (1 - missing) / length, 1 - 1 / length
    gone = np.empty(uniforms.shape, dtype=bool)
    gone[:, 0] = uniforms[:, 0] < missing
    for occasion in range(1, uniforms.shape[1]):
        gone[:, occasion] = uniforms[:, occasion] < np.where(gone[:, occasion - 1], stay, start)
    return gone


def _affect_probabilities(state: NDArray[np.float64], missing: float) -> NDArray[np.float64]:
    """Find per series the intercept at which the mean probability is the share asked for, by bisection."""
    spread = state.std(axis=1, keepdims=True)
    low_state = (state.mean(axis=1, keepdims=True) - state) / np.where(spread > 0, spread, 1)
    lower, upper = np.full((len(state), 1), -30.0), np.full((len(state), 1), 30.0)
    for _ in range(45):
        middle = (lower + upper) / 2
        too_many = _logistic(middle + AFFECT_SLOPE * low_state).mean(axis=1, keepdims=True) > missing
        lower, upper = np.where(too_many, lower, middle), np.where(too_many, middle, upper)
    return _logistic((lower + upper) / 2 + AFFECT_SLOPE * low_state)


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-x))
