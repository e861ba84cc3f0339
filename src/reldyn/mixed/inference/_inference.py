"""Standard errors, tests and intervals of the fixed effects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reldyn._records import brief
from reldyn._types import Array
from reldyn.errors import DesignError


@brief
@dataclass(frozen=True)
class Contrasts:
    """Linear combinations of fixed effects, each with its own test; k rows.

    Attributes
    ----------
    estimate, std_error, df, statistic, p_value, conf_low, conf_high : (k,) arrays
        ``df`` is infinite for z.
    """

    estimate: Array
    std_error: Array
    df: Array
    statistic: Array
    p_value: Array
    conf_low: Array
    conf_high: Array


@brief
@dataclass(frozen=True)
class JointTest:
    """One test that several linear combinations are all zero.

    Attributes
    ----------
    statistic : float
        An F, or a chi-squared over its degrees of freedom where ``df_error`` is infinite.
    df, df_error, p_value : float
    """

    statistic: float
    df: float
    df_error: float
    p_value: float


class Wald(ABC):
    """Inference that rests on a covariance matrix of the fixed effects and degrees of freedom for each contrast.

    Attributes
    ----------
    kind : str
        As in `Estimation`.
    beta : (p,) array
    covariance : (p, p) array
    notes : tuple of str
        What a careful reader must know about these intervals.
    """

    kind: str
    beta: Array
    covariance: Array
    notes: tuple[str, ...]

    @abstractmethod
    def degrees(self, contrast: Array) -> float:
        """Degrees of freedom of one contrast (p,)."""

    @abstractmethod
    def joint(self, contrasts: ArrayLike) -> JointTest:
        """Test that all rows (k, p), which must be linearly independent, are zero."""

    def contrasts(self, rows: ArrayLike | None = None, level: float = 0.95) -> Contrasts:
        """Estimate and test each row.

        Parameters
        ----------
        rows : (k, p) array, optional
            None: each fixed effect by itself.
        level : float, default 0.95
            Coverage of the intervals.

        Returns
        -------
        Contrasts
        """
        from scipy import stats

        L = np.eye(len(self.beta)) if rows is None else np.atleast_2d(np.asarray(rows, dtype=float))
        estimate = L @ self.beta
        std_error = np.sqrt(np.maximum(np.einsum("kp,pq,kq->k", L, self.covariance, L), 0.0))
        df = np.array([self.degrees(row) for row in L])
        statistic = np.divide(estimate, std_error, out=np.full_like(estimate, np.nan), where=std_error > 0)
        reach = stats.t.ppf(0.5 + 0.5 * level, df) * std_error
        p_value = np.asarray(2.0 * stats.t.sf(np.abs(statistic), df))
        return Contrasts(estimate, std_error, df, statistic, p_value, estimate - reach, estimate + reach)


@brief
@dataclass(frozen=True)
class Normal(Wald):
    """Standard-normal inference from the model-based covariance matrix."""

    beta: Array
    covariance: Array
    kind: str = "z"
    notes: tuple[str, ...] = ()

    def degrees(self, contrast: Array) -> float:
        """Infinite: the normal distribution."""
        del contrast
        return float("inf")

    def joint(self, contrasts: ArrayLike) -> JointTest:
        """Wald chi-squared over its degrees of freedom."""
        from scipy import stats

        L, estimate, covariance = joint_parts(self, contrasts)
        statistic = float(estimate @ np.linalg.solve(covariance, estimate))
        df = float(len(L))
        return JointTest(statistic / df, df, float("inf"), float(stats.chi2.sf(statistic, df)))


def joint_parts(wald: Wald, contrasts: ArrayLike) -> tuple[Array, Array, Array]:
    """Rows, their estimates and their covariance; refuses rows that are linearly dependent."""
    L = np.atleast_2d(np.asarray(contrasts, dtype=float))
    if np.linalg.matrix_rank(L) < len(L):
        raise DesignError("the rows of a joint test must be linearly independent: leave out the redundant ones.")
    return L, L @ wald.beta, L @ wald.covariance @ L.T
