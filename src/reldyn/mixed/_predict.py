"""Random-effect predictions, fitted values and residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._records import brief
from reldyn._types import Array
from reldyn.mixed._fit import Fit
from reldyn.mixed.spec._columns import dense, times


@brief
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

    value: Array
    covariance: Array

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """Normal prediction intervals, each (d, q)."""
        from scipy import stats

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

    Examples
    --------
    >>> import numpy as np
    >>> from reldyn.mixed import Problem, Residual, fit_mixed, random_structure
    >>> ones, dyad = np.ones((8, 1)), [0] * 4 + [1] * 4
    >>> problem = Problem([5, 4, 6, 5, 2, 1, 3, 2], ones, ones, dyad, member=[0, 1] * 4, step=[0, 0, 1, 1] * 2)
    >>> fit = fit_mixed(problem, random_structure(("intercept",)), Residual("independent"))
    >>> random_effects(fit).value.round(2).tolist()
    [[1.44], [-1.44]]
    """
    p, q = fit.statistics.p, fit.statistics.q
    z = slice(p, p + q)
    Dz = fit.evaluation.dyad.Dz
    G = fit.internal_covariance
    w = np.concatenate([-fit.evaluation.beta, np.zeros(q), [1.0]])
    value = Dz @ w @ G
    GF = G @ Dz[:, :, :p]
    covariance = G - G @ Dz[:, :, z] @ G + GF @ fit.cov_beta @ GF.transpose(0, 2, 1)
    T = fit.structure.transform
    return RandomEffects(value @ T.T, T @ covariance @ T.T)


def fitted_values(fit: Fit) -> tuple[Array, Array]:
    """Fitted values of every row, in the order of the problem's rows.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    marginal : (n,) array
        X beta.
    conditional : (n,) array
        X beta + Z b, with b predicted.

    Examples
    --------
    >>> import numpy as np
    >>> from reldyn.mixed import Problem, Residual, fit_mixed, random_structure
    >>> ones, dyad = np.ones((8, 1)), [0] * 4 + [1] * 4
    >>> problem = Problem([5, 4, 6, 5, 2, 1, 3, 2], ones, ones, dyad, member=[0, 1] * 4, step=[0, 0, 1, 1] * 2)
    >>> fit = fit_mixed(problem, random_structure(("intercept",)), Residual("independent"))
    >>> marginal, conditional = fitted_values(fit)
    >>> marginal[0].round(2).item(), conditional[[0, 4]].round(2).tolist()
    (3.5, [4.94, 2.06])
    """
    marginal = times(fit.problem.X, fit.beta)
    effects = random_effects(fit).value
    return marginal, marginal + np.einsum("nq,nq->n", dense(fit.problem.Z), effects[fit.problem.dyad])
