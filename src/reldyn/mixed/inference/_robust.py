"""Cluster-robust covariance of the fixed effects, corrected for few dyads.

CR2 (Bell and McCaffrey, 2002; Pustejovsky and Tipton, 2018) scales each dyad's contribution so that the estimate is
unbiased if the fitted V is right. With s_i = X_i'V_i^{-1}e_i, M_i = X_i'V_i^{-1}X_i and Phi the inverse of their sum,
the whitened residuals V_i^{-1/2}e_i have covariance I - H_i, so the contribution becomes
``Phi^{1/2} (I - Phi^{1/2} M_i Phi^{1/2})^{-1/2} Phi^{1/2} s_i``: p x p matrices only. Degrees of freedom match the
first two moments of the variance estimate under the fitted model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reldyn._format import agreeing, counted
from reldyn._records import brief
from reldyn._types import Array
from reldyn.mixed._fit import Fit
from reldyn.mixed.inference._inference import JointTest, Wald, joint_parts
from reldyn.mixed.inference._weighted import contributions

# Share of a coefficient's information that one dyad may leave to the others and still be adjusted for.
_LEAST = 1e-8
_FEW = 40

# Combinations of each dyad's s_i, (d, p), and M_i times them.
Side = tuple[Array, Array]


@brief
@dataclass(frozen=True)
class ClusterRobust(Wald):
    """Inference from the CR2 covariance matrix; d dyads.

    Attributes
    ----------
    beta : (p,) array
    covariance : (p, p) array
    model_covariance : (p, p) array
        Phi.
    adjusted : (d, p, p) array
        Maps a dyad's s_i to its share of the estimate's error.
    information : (d, p, p) array
        M_i.
    """

    beta: Array
    covariance: Array
    model_covariance: Array
    adjusted: Array
    information: Array
    notes: tuple[str, ...] = ()
    kind: str = "cr2"

    def degrees(self, contrast: Array) -> float:
        """Degrees of freedom of Bell and McCaffrey (2002), for the fitted V."""
        moved = contrast @ self.adjusted
        reach = self._information_times(moved)
        own = (moved * reach).sum(axis=1) - ((reach @ self.model_covariance) * reach).sum(axis=1)
        side = (moved, reach)
        return float(own.sum()) ** 2 / self._cross(side, side, side, side)

    def joint(self, contrasts: ArrayLike) -> JointTest:
        """Approximate Hotelling test of Pustejovsky and Tipton (2018, sec. 3)."""
        from scipy import stats as distributions

        L, estimate, covariance = joint_parts(self, contrasts)
        k = len(L)
        between = L @ self.model_covariance @ L.T
        # In standard errors: in units that differ much, eigenvalues of the smaller ones would be rounding errors.
        unit = np.sqrt(np.diag(between))
        values, vectors = np.linalg.eigh(between / np.outer(unit, unit))
        half = (vectors / np.sqrt(values)) @ vectors.T / unit
        moved = np.einsum("ab,dbp->adp", half @ L, self.adjusted)
        sides = [(each, self._information_times(each)) for each in moved]
        spread = 0.0
        for a in sides:
            for b in sides:
                spread += self._cross(a, a, b, b)
                spread += self._cross(a, b, b, a)
        eta = k * (k + 1.0) / spread
        statistic = float(estimate @ np.linalg.solve(covariance, estimate)) * (eta - k + 1.0) / (eta * k)
        df_error = eta - k + 1.0
        p_value = float(distributions.f.sf(statistic, k, df_error)) if df_error > 0 else float("nan")
        return JointTest(statistic, float(k), df_error, p_value)

    def _information_times(self, moved: Array) -> Array:
        """M_i a_i for every dyad, (d, p)."""
        return np.asarray((self.information @ moved[:, :, None])[:, :, 0])

    def _cross(self, a: Side, b: Side, c: Side, d: Side) -> float:
        """Sum over pairs of dyads i, j of Cov(a_i, b_j) Cov(c_i, d_j), each a_i a combination of dyad i's s_i.

        Each side comes with its `_information_times`.
        """
        phi = self.model_covariance
        (ma, mb, mc, md) = (side[1] for side in (a, b, c, d))
        own_ab, own_cd = (a[0] * mb).sum(axis=1), (c[0] * md).sum(axis=1)
        over_ab, over_cd = ((ma @ phi) * mb).sum(axis=1), ((mc @ phi) * md).sum(axis=1)
        everywhere = np.trace(phi @ (mb.T @ md) @ phi @ (mc.T @ ma))
        return float(((own_ab - over_ab) * (own_cd - over_cd) - over_ab * over_cd).sum() + everywhere)


def cluster_robust(fit: Fit) -> ClusterRobust:
    """CR2 covariance of the fixed effects, dyads being the clusters.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    ClusterRobust
        Its notes say when a dyad alone determines a coefficient, or when dyads are few.
    """
    parts = contributions(fit)
    # In standard errors: in units that differ much, eigenvalues of the smaller ones would be rounding errors.
    unit = np.sqrt(np.diag(fit.cov_beta))
    values, vectors = np.linalg.eigh(fit.cov_beta / np.outer(unit, unit))
    half = (vectors * np.sqrt(values)) @ vectors.T
    left = np.eye(len(half)) - half @ (parts.information * np.outer(unit, unit)) @ half
    shares, directions = np.linalg.eigh(0.5 * (left + left.transpose(0, 2, 1)))
    alone = shares < _LEAST
    inverse_root = np.where(alone, 0.0, 1.0 / np.sqrt(np.where(alone, 1.0, shares)))
    root = unit[:, None] * half
    adjusted = root @ ((directions * inverse_root[:, None, :]) @ directions.transpose(0, 2, 1)) @ root.T
    pieces = (adjusted @ parts.score[:, :, None])[:, :, 0]
    notes = []
    if alone.any():
        notes.append(
            f"{counted(int(alone.any(axis=1).sum()), 'dyad')} alone "
            f"{agreeing(int(alone.any(axis=1).sum()), 'determines', 'determine')} a coefficient: its cluster-robust "
            "standard error cannot be trusted."
        )
    if len(pieces) < _FEW:
        notes.append(
            f"Cluster-robust standard errors from {counted(len(pieces), 'dyad')} vary a great deal themselves."
        )
    return ClusterRobust(fit.beta, pieces.T @ pieces, fit.cov_beta, adjusted, parts.information, tuple(notes))
