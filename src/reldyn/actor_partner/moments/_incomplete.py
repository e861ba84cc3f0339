"""Moments of dyads that lack values: full-information maximum likelihood (Arbuckle, 1996; Enders, 2010).

Dyads with the same values observed form a pattern, whose likelihood is that of the observed variables alone. The
saturated model, with and without equality of the members, has no closed form then; it is estimated by expectation and
maximisation (Dempster, Laird and Rubin, 1977).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.actor_partner.moments._sem import (
    Moments,
    Pattern,
    available,
    deviance,
    moments_of,
    saturated_deviance,
)
from reldyn.errors import DesignError

__all__ = ["incomplete_inull", "incomplete_isat", "incomplete_moments", "swapped_members"]

# Largest step of a mean or covariance, in standard deviations, at which the saturated model counts as reached: the
# deviance is then exact to rounding.
STEP = 1e-9
MOST_STEPS = 10_000


def incomplete_moments(values: Array, names: Sequence[str]) -> Moments:
    """Moments of dyads some of whose values are missing.

    Parameters
    ----------
    values : (n, p) array
        NaN where missing; at least one value in each row.
    names : sequence of str
        Of the variables, for the message.

    Raises
    ------
    DesignError
        Two variables are never observed in the same dyad, or the saturated model cannot be estimated.
    """
    observed = np.isfinite(values)
    if observed.all():
        return moments_of(values)
    _refuse_never_together(observed, names)
    parts = _patterns(values, observed)
    mean, cov = _expectation_maximisation(parts, np.nanmean(values, axis=0), np.diag(np.nanvar(values, axis=0)))
    return Moments(mean, cov, len(values), parts)


def _refuse_never_together(observed: Flags, names: Sequence[str]) -> None:
    together = observed.T.astype(np.int64) @ observed
    for first, second in zip(*np.nonzero(np.triu(together == 0)), strict=True):
        raise DesignError(
            f"missing='model': no dyad has values of both {names[first]} and {names[second]}, so nothing is known of "
            "how they go together: leave one of them out."
        )


def _patterns(values: Array, observed: Flags) -> tuple[Pattern, ...]:
    kinds, which = np.unique(observed, axis=0, return_inverse=True)
    parts = []
    for number, kind in enumerate(kinds):
        index = np.flatnonzero(kind)
        part = moments_of(values[which.ravel() == number][:, index])
        parts.append(Pattern(index, part.mean, part.cov, part.n))
    return tuple(parts)


def swapped_members(size: int) -> Ints:
    """Places of the other member's variables, where variables stand in adjacent pairs."""
    return np.arange(size).reshape(-1, 2)[:, ::-1].ravel()


def _expectation_maximisation(
    parts: tuple[Pattern, ...], mean: Array, cov: Array, *, swap: bool = False, means: bool = True
) -> tuple[Array, Array]:
    """Mean and covariance of the saturated model.

    ``swap`` holds covariances equal under a swap of the members, and with ``means`` the means too.
    """
    n, other = sum(part.n for part in parts), swapped_members(len(mean)) if swap else None
    for _ in range(MOST_STEPS):
        drift, products = _expected(parts, mean, cov)
        target = mean + drift / n
        if other is not None and means:
            target = 0.5 * (target + target[other])
        move = target - mean
        crossed = np.outer(drift / n, move)
        about = products / n - crossed - crossed.T + np.outer(move, move)
        if other is not None:
            about = 0.5 * (about + about[np.ix_(other, other)])
        sd = np.sqrt(np.diag(about))
        step = max(np.abs(move / sd).max(), np.abs((about - cov) / np.outer(sd, sd)).max())
        mean, cov = target, about
        if not np.isfinite(step) or step < STEP:
            break
    sd = np.sqrt(np.diag(cov))
    if not np.isfinite(step) or step >= STEP or np.linalg.eigvalsh(cov / np.outer(sd, sd))[0] < 1e-10:
        raise DesignError(
            "missing='model': the means and covariances of all variables cannot be estimated from these incomplete "
            "dyads. Use fewer variables, or missing='available'."
        )
    return mean, cov


def _expected(parts: tuple[Pattern, ...], mean: Array, cov: Array) -> tuple[Array, Array]:
    """Sums and sums of products of all variables about ``mean``, given what is observed."""
    drift, products = np.zeros_like(mean), np.zeros_like(cov)
    for part in parts:
        weights = cov[:, part.index] @ np.linalg.inv(cov[np.ix_(part.index, part.index)])
        away = weights @ (part.mean - mean[part.index])
        drift += part.n * away
        products += part.n * (weights @ part.cov @ weights.T + np.outer(away, away) + cov - weights @ cov[part.index])
    return drift, products


def incomplete_isat(moments: Moments, means: bool = True) -> tuple[float, int]:
    """Chi-squared and df of equality under swapping; variables in adjacent pairs (first, second member)."""
    v = len(moments.mean) // 2
    mean, cov = _expectation_maximisation(moments.patterns, moments.mean, moments.cov, swap=True, means=means)
    return _above_saturated(deviance(cov, mean, moments), moments), v * v + (v if means else 0)


def incomplete_inull(moments: Moments) -> tuple[float, int]:
    """Chi-squared and df of equal means, equal variances and no covariances."""
    v, total = len(moments.mean) // 2, 0.0
    for at in range(v):
        n, _, variance = available(moments, [2 * at, 2 * at + 1])
        total += n / moments.n * (np.log(variance) + 1.0)
    return _above_saturated(float(total), moments), v * (2 * v + 1)


def _above_saturated(value: float, moments: Moments) -> float:
    return moments.n * (value - saturated_deviance(moments))
