"""Random-effect predictions, fitted values and residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from reldyn.mixed._fit import Fit
from reldyn.mixed._problem import FloatArray


@dataclass(frozen=True)
class RandomEffects:
    """Best linear unbiased predictions of the reported random effects; d dyads, q effects.

    Attributes
    ----------
    value : (d, q) array
    covariance : (d, q, q) array
        Of the prediction error, the uncertainty of the fixed effects included (Henderson, 1975); that of the
        variances is not.
    """

    value: FloatArray
    covariance: FloatArray

    def interval(self, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
        """Normal prediction intervals, each (d, q)."""
        spread = np.sqrt(np.maximum(np.diagonal(self.covariance, axis1=1, axis2=2), 0.0))
        reach = float(stats.norm.ppf(0.5 + 0.5 * level)) * spread
        return self.value - reach, self.value + reach


def random_effects(fit: Fit) -> RandomEffects:
    """Predict each dyad's random effects.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    RandomEffects
    """
    p, q = fit.statistics.p, fit.statistics.q
    z = slice(p, p + q)
    D = fit.evaluation.dyad.D
    G = fit.internal_covariance
    w = np.concatenate([-fit.beta, np.zeros(q), [1.0]])
    value = D[:, z, :] @ w @ G
    GF = G @ D[:, z, :p]
    covariance = G - G @ D[:, z, z] @ G + GF @ fit.cov_beta @ GF.transpose(0, 2, 1)
    T = fit.structure.transform
    return RandomEffects(value @ T.T, T @ covariance @ T.T)


def fitted_values(fit: Fit) -> tuple[FloatArray, FloatArray]:
    """Fitted values of every row, in the order of the problem's rows.

    Returns
    -------
    marginal : (n,) array
        X beta.
    conditional : (n,) array
        X beta + Z b, with b predicted.
    """
    marginal = fit.problem.X @ fit.beta
    effects = random_effects(fit).value
    return marginal, marginal + np.einsum("nq,nq->n", fit.problem.Z, effects[fit.problem.dyad])
