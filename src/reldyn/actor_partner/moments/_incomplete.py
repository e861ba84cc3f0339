"""Moments of dyads that lack values: full-information maximum likelihood (Arbuckle, 1996; Enders, 2010).

Dyads with the same values observed form a pattern, whose likelihood is that of the observed variables alone. The
saturated model, with and without equality of the members, has no closed form then; it is estimated by expectation and
maximisation (Dempster, Laird and Rubin, 1977).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.actor_partner.moments._moments import MissingPattern, Moments, moments_of
from reldyn.errors import DesignError

__all__ = ["expectation_maximisation", "in_both_orders", "incomplete_moments"]

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
    mean, cov = expectation_maximisation(parts, np.nanmean(values, axis=0), np.diag(np.nanvar(values, axis=0)))
    return Moments(mean, cov, len(values), parts)


def _refuse_never_together(observed: Flags, names: Sequence[str]) -> None:
    together = observed.T.astype(np.int64) @ observed
    for first, second in zip(*np.nonzero(np.triu(together == 0)), strict=True):
        raise DesignError(
            f"missing='model': no dyad has values of both {names[first]} and {names[second]}, so nothing is known of "
            "how they go together: leave one of them out."
        )


def _patterns(values: Array, observed: Flags) -> tuple[MissingPattern, ...]:
    kinds, which = np.unique(observed, axis=0, return_inverse=True)
    parts = []
    for number, kind in enumerate(kinds):
        index = np.flatnonzero(kind)
        part = moments_of(values[which.ravel() == number][:, index])
        parts.append(MissingPattern(index, part.mean, part.cov, part.n))
    return tuple(parts)


def in_both_orders(moments: Moments, other: Ints) -> Moments:
    """Moments of double entry: each dyad counts half as it is and half with its members swapped.

    Parameters
    ----------
    moments : Moments
        Of incomplete dyads.
    other : (p,) int array
        Positions of the variables when the members change places.
    """
    parts: dict[tuple[int, ...], list[MissingPattern]] = {}
    for part in moments.patterns:
        order = np.argsort(other[part.index])
        turned = MissingPattern(
            other[part.index][order], part.mean[order], part.cov[np.ix_(order, order)], 0.5 * part.n
        )
        for half in (MissingPattern(part.index, part.mean, part.cov, 0.5 * part.n), turned):
            parts.setdefault(tuple(half.index.tolist()), []).append(half)
    pooled = tuple(_pooled(same) for same in parts.values())
    mean, cov = expectation_maximisation(pooled, moments.mean, moments.cov)
    return Moments(mean, cov, moments.n, pooled)


def _pooled(parts: list[MissingPattern]) -> MissingPattern:
    """Several sets of dyads with the same variables observed as one."""
    n = sum(part.n for part in parts)
    mean = np.sum([part.n / n * part.mean for part in parts], axis=0)
    cov = np.sum([part.n / n * (part.cov + np.outer(part.mean - mean, part.mean - mean)) for part in parts], axis=0)
    return MissingPattern(parts[0].index, mean, cov, n)


def expectation_maximisation(
    parts: tuple[MissingPattern, ...], mean: Array, cov: Array, other: Ints | None = None
) -> tuple[Array, Array]:
    """Mean and covariance of the saturated model, from starting values.

    Parameters
    ----------
    parts : tuple of MissingPattern
    mean, cov : (p,) and (p, p) arrays
    other : (p,) int array, optional
        Positions of the variables when the members change places: covariances are then held equal under the swap,
        means are not. (Means equal too: see `in_both_orders`.)

    Raises
    ------
    DesignError
        The model cannot be estimated.
    """
    n = sum(part.n for part in parts)
    for _ in range(MOST_STEPS):
        try:
            drift, products = _expected(parts, mean, cov)
        except np.linalg.LinAlgError:
            step = np.inf
            break
        move = drift / n
        about = products / n - np.outer(move, move)
        if other is not None:
            about = 0.5 * (about + about[np.ix_(other, other)])
        sd = np.sqrt(np.diag(about))
        step = max(np.abs(move / sd).max(), np.abs((about - cov) / np.outer(sd, sd)).max())
        mean, cov = mean + move, about
        if not np.isfinite(step) or step < STEP:
            break
    sd = np.sqrt(np.diag(cov))
    # Where variables depend on each other, a covariance on the way is singular already.
    if not np.isfinite(step) or step >= STEP or np.linalg.eigvalsh(cov / np.outer(sd, sd))[0] < 1e-10:
        raise DesignError(
            "missing='model': the means and covariances of all variables cannot be estimated from these incomplete "
            "dyads. Use fewer variables, or missing='available'."
        )
    return mean, cov


def _expected(parts: tuple[MissingPattern, ...], mean: Array, cov: Array) -> tuple[Array, Array]:
    """Sums and sums of products of all variables about ``mean``, given what is observed."""
    drift, products = np.zeros_like(mean), np.zeros_like(cov)
    for part in parts:
        weights = cov[:, part.index] @ np.linalg.inv(cov[np.ix_(part.index, part.index)])
        away = weights @ (part.mean - mean[part.index])
        drift += part.n * away
        products += part.n * (weights @ part.cov @ weights.T + np.outer(away, away) + cov - weights @ cov[part.index])
    return drift, products
