"""Is there any influence: a likelihood ratio against the receiver's own course, with a bootstrapped p-value.

With thresholds to search the likelihood ratio has no chi-squared distribution, and in short series the inertia is
estimated too low; the bootstrap allows for both by refitting everything in series without that influence. Madhyastha,
Hamaker and Gottman (2011) found little influence once this was tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from reldyn._types import Array, Ints
from reldyn.coupling.influence._fit import Equation, InfluenceFit, Shape, fit
from reldyn.stats import monte_carlo_p

__all__ = ["Turns", "influence_p", "likelihood_ratio", "null_series"]

# The least stable course that series without influence may take.
_STEEPEST = 0.98


@dataclass(frozen=True, slots=True)
class Turns:
    """Scores of both partners, and which turns follow one another.

    Attributes
    ----------
    values : (T, 2) array
        Neutral at 0; the first speaker first; NaN where missing.
    earlier, later : (n,) int arrays
        Places of turns next to each other that are complete.
    stretches : sequence of slice
        Consecutive scheduled turns, missing ones among them.
    sequential : bool
        Whether the second reacts to the first one's new score.
    """

    values: Array
    earlier: Ints
    later: Ints
    stretches: Sequence[slice]
    sequential: bool

    def parts(self, receiver: int, values: Array | None = None) -> tuple[Array, Array, Array]:
        """The receiver's next score, own score, and the partner's score acting on it: (..., n) each."""
        held = self.values if values is None else values
        at = self.later if self.sequential and receiver == 1 else self.earlier
        return held[..., self.later, receiver], held[..., self.earlier, receiver], held[..., at, 1 - receiver]


def likelihood_ratio(after: Array, own: Array, partner: Array, shape: Shape) -> float:
    """Turns times log(RSS without the partner / RSS with), Gaussian; NaN where either cannot be fitted."""
    without = fit(after, own, partner, replace(shape, form="none")).rss
    within = fit(after, own, partner, shape).rss
    if not (np.isfinite(without) and np.isfinite(within)) or within <= 0:
        return float("nan")
    return float(len(after) * np.log(max(without / within, 1.0)))


def null_series(
    turns: Turns, equations: tuple[Equation, Equation], errors: Array, n: int, rng: np.random.Generator
) -> Array:
    """Draw series that follow given equations.

    Parameters
    ----------
    turns : Turns
        Every stretch starts from its observed scores, where it has any.
    equations : (2,) tuple of Equation
    errors : (m, 2) array
        Drawn with replacement: for simultaneous turns both partners' errors together, so that what they share stays
        shared; for sequential ones each by itself.
    n : int
    rng : Generator

    Returns
    -------
    (n, T, 2) array
    """
    seen = turns.values[np.isfinite(turns.values).all(axis=1)]
    drawn = np.zeros((n, *turns.values.shape))
    first, second = equations
    for stretch in turns.stretches:
        start = turns.values[stretch.start]
        other = seen[rng.integers(0, len(seen), n)]
        drawn[:, stretch.start] = np.where(np.isfinite(start), start, other)
        for t in range(stretch.start + 1, stretch.stop):
            one = rng.integers(0, len(errors), n)
            # In sequential turns what the errors share is the second's reaction to the first: the influence itself.
            two = rng.integers(0, len(errors), n) if turns.sequential else one
            x, y = drawn[:, t - 1, 0], drawn[:, t - 1, 1]
            drawn[:, t, 0] = first.after(x, y) + errors[one, 0]
            drawn[:, t, 1] = second.after(y, drawn[:, t, 0] if turns.sequential else x) + errors[two, 1]
    return drawn


def influence_p(
    turns: Turns, fits: tuple[InfluenceFit, InfluenceFit], receiver: int, shape: Shape, n: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Test the partner's influence on one receiver.

    Parameters
    ----------
    turns : Turns
    fits : (2,) tuple of InfluenceFit
        With influence both ways.
    receiver : {0, 1}
    shape : Shape
    n : int
        Series without that influence; the influence the other way stays in.
    rng : Generator

    Returns
    -------
    statistic, p_value : float
        p = (1 + #) / (B + 1), NaN without null series; one without a ratio counts as exceeding.
    """
    after, own, partner = turns.parts(receiver)
    observed = likelihood_ratio(after, own, partner, shape)
    if not np.isfinite(observed) or n == 0:
        return observed, float("nan")
    alone = fit(after, own, partner, replace(shape, form="none"))
    both = [fits[0], fits[1]]
    both[receiver] = alone
    if not all(np.isfinite(one.rss) and one.df >= 1 for one in both):
        return observed, float("nan")
    errors = np.column_stack([_spread(one) for one in both])
    calm = [replace(one.equation, inertia=float(np.clip(one.equation.inertia, -_STEEPEST, _STEEPEST))) for one in both]
    drawn = null_series(turns, (calm[0], calm[1]), errors, n, rng)
    null = _statistics(*turns.parts(receiver, drawn), shape)
    return observed, float(monte_carlo_p(observed, null))


def _spread(fitted: InfluenceFit) -> Array:
    """Centred residuals with the variance that the errors have, not the smaller one of residuals."""
    centred = fitted.residuals - fitted.residuals.mean()
    return np.asarray(centred * np.sqrt(len(centred) / fitted.df))


def _statistics(after: Array, own: Array, partner: Array, shape: Shape) -> Array:
    """Likelihood ratios of many null series, (B, n) each; in one go where no threshold has to be searched."""
    if shape.form != "bilinear" or shape.repair or shape.damping:
        rows = zip(after, own, partner, strict=True)
        return np.array([likelihood_ratio(one, two, three, shape) for one, two, three in rows])
    X = np.stack([np.ones_like(own), own, np.maximum(partner, 0), np.minimum(partner, 0)], axis=2)
    gram, cross = np.swapaxes(X, 1, 2) @ X, np.swapaxes(X, 1, 2) @ after[:, :, None]
    total = (after**2).sum(axis=1)
    left = []
    for p in (2, 4):
        beta = np.linalg.pinv(gram[:, :p, :p], hermitian=True) @ cross[:, :p]
        left.append(total - (beta * cross[:, :p]).sum(axis=(1, 2)))
    # A series that its past determines has no ratio, as in `likelihood_ratio`.
    ratio = np.divide(left[0], left[1], out=np.full(len(after), np.nan), where=left[1] > 0)
    return np.asarray(after.shape[1] * np.log(np.maximum(ratio, 1.0)))
