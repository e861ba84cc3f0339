"""Means and covariances of two members' variables, complete or not, and their normal likelihood.

Arrays only: which variable belongs to whom is known elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reldyn._format import counted
from reldyn._records import brief
from reldyn._types import Array, Ints
from reldyn.errors import DesignError

__all__ = [
    "Moments",
    "MissingPattern",
    "available",
    "deviance",
    "independence_deviance",
    "independent",
    "moments_of",
    "refuse_singular",
    "saturated",
    "saturated_deviance",
]


# Smallest eigenvalue of correlations below which variables are tied, and the least share of those named.
_SINGULAR, _TIED = 1e-10, 1e-4


@brief
@dataclass(frozen=True, slots=True)
class MissingPattern:
    """Dyads that lack the same variables: which are observed (q,), their means, covariance (divisor n), and n.

    Under double entry a dyad counts half in each order of its members, so that n need not be whole.
    """

    index: Ints
    mean: Array
    cov: Array
    n: float


@brief
@dataclass(frozen=True, slots=True)
class Moments:
    """Means (p,), covariance (p, p) with divisor n, and n.

    With incomplete dyads mean and covariance are the maximum-likelihood estimates of the saturated model, and
    ``patterns`` hold the data; without any all dyads are complete.
    """

    mean: Array
    cov: Array
    n: int
    patterns: tuple[MissingPattern, ...] = ()

    def parts(self) -> tuple[MissingPattern, ...]:
        """Dyads by what is observed."""
        return self.patterns or (MissingPattern(np.arange(len(self.mean)), self.mean, self.cov, self.n),)


def moments_of(values: Array) -> Moments:
    """Moments of complete rows (n, p)."""
    centred = values - values.mean(axis=0)
    return Moments(values.mean(axis=0), centred.T @ centred / len(values), len(values))


def deviance(cov: Array, mean: Array, moments: Moments) -> float:
    """Minus twice the log-likelihood per dyad, without its constant."""
    total = 0.0
    for part in moments.parts():
        own = np.ix_(part.index, part.index)
        away = part.mean - mean[part.index]
        inverse = np.linalg.inv(cov[own])
        log_det = np.linalg.slogdet(cov[own])[1]
        total += part.n / moments.n * float(log_det + np.trace(inverse @ part.cov) + away @ inverse @ away)
    return total


def saturated_deviance(moments: Moments) -> float:
    """Deviance of the saturated model."""
    if moments.patterns:
        return deviance(moments.cov, moments.mean, moments)
    return float(np.linalg.slogdet(moments.cov)[1] + len(moments.mean))


def independence_deviance(moments: Moments) -> float:
    """Deviance of the model without covariances, each variable with a mean and variance of its own."""
    if not moments.patterns:
        return float(np.log(np.diag(moments.cov)).sum() + len(moments.mean))
    total = 0.0
    for at in range(len(moments.mean)):
        n, _, variance = available(moments, [at])
        total += n / moments.n * (np.log(variance) + 1.0)
    return float(total)


def available(moments: Moments, variables: Sequence[int]) -> tuple[float, float, float]:
    """Number, mean and variance (divisor n) of the observed values of some variables taken together."""
    centre = float(moments.mean[list(variables)].mean())
    n, total, squares = 0.0, 0.0, 0.0
    for part in moments.parts():
        chosen = np.isin(part.index, variables)
        level = part.mean[chosen] - centre
        n += part.n * int(chosen.sum())
        total += part.n * float(level.sum())
        squares += part.n * float((np.diag(part.cov)[chosen] + level**2).sum())
    return n, centre + total / n, squares / n - (total / n) ** 2


def log_likelihood_of(deviance_per_dyad: float, moments: Moments) -> float:
    """Log-likelihood of the observed values from their deviance per dyad."""
    n_values = sum(part.n * len(part.index) for part in moments.parts())
    return float(-0.5 * (n_values * np.log(2 * np.pi) + moments.n * deviance_per_dyad))


def saturated(moments: Moments) -> float:
    """Log-likelihood of a model that implies exactly these moments."""
    return log_likelihood_of(saturated_deviance(moments), moments)


def independent(moments: Moments) -> float:
    """Log-likelihood of a model that implies these means and variances and no covariance."""
    return log_likelihood_of(independence_deviance(moments), moments)


def refuse_singular(moments: Moments, names: Sequence[str]) -> None:
    """Refuse what no normal likelihood can be made of: too few dyads, constants, variables that others give.

    Parameters
    ----------
    moments : Moments
    names : sequence of str
        Of the variables, for the message.

    Raises
    ------
    DesignError
        Says which variables depend on each other.
    """
    sd = np.sqrt(np.diag(moments.cov))
    if moments.n <= len(sd) or np.any(sd == 0):
        raise DesignError(
            f"{counted(moments.n, 'dyad')} and {len(sd)} variables: the model needs more dyads than variables, and "
            "none constant."
        )
    values, vectors = np.linalg.eigh(moments.cov / np.outer(sd, sd))
    if values[0] < _SINGULAR:
        tied = [name for name, share in zip(names, np.abs(vectors[:, 0]), strict=True) if share > _TIED]
        raise DesignError(f"the variables {', '.join(tied)} depend on each other linearly: leave one of them out.")
