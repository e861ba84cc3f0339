"""`MomentResult`: a fitted structure of two members' moments, with what all such models report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.actor_partner.moments._dyads import FamilyResult, estimate_rows
from reldyn.actor_partner.moments._sem import SemFit
from reldyn.errors import ConvergenceWarning
from reldyn.results import register

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Fitted", "MomentResult", "fitted_numbers", "parameter_table"]


@register
@dataclass(frozen=True)
class Fitted:
    """Numbers of a fitted structure; k parameters.

    Attributes
    ----------
    labels : tuple of str
    theta : (k,) array
    cov : (k, k) array
    statistic, df, p_value : float, int, float
        Against the saturated model; the p-value is NaN without degrees of freedom.
    indices : mapping of str to float
        ``log_likelihood``, ``n_parameters``, ``aic``, ``bic``, ``cfi``, ``tli``, ``rmsea``, ``srmr``.
    converged : bool
    """

    labels: tuple[str, ...]
    theta: NDArray[np.float64]
    cov: NDArray[np.float64]
    statistic: float
    df: int
    p_value: float
    indices: Mapping[str, float]
    converged: bool

    def value(self, label: str) -> float:
        """Estimate of one parameter."""
        return float(self.theta[self.labels.index(label)])

    def subset(self, labels: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Estimates and covariance of some parameters."""
        places = [self.labels.index(label) for label in labels]
        return self.theta[places], self.cov[np.ix_(places, places)]


def fitted_numbers(fit: SemFit) -> Fitted:
    """Numbers of a fit, for a result; warns where the optimum was not reached."""
    from scipy import stats

    if not fit.converged:
        import warnings

        warnings.warn(
            "the model of the moments did not reach its optimum: do not report these numbers.",
            ConvergenceWarning,
            stacklevel=4,
        )
    p_value = float(stats.chi2.sf(fit.statistic, fit.df)) if fit.df else float("nan")
    return Fitted(
        fit.structure.labels, fit.theta, fit.cov, fit.statistic, fit.df, p_value, fit.indices(), fit.converged
    )


def parameter_table(fitted: Fitted, named: Mapping[str, str]) -> pd.DataFrame:
    """One row per parameter, its ``term`` from ``named`` where the label is there."""
    import pandas as pd

    columns = estimate_rows(fitted.theta, np.sqrt(np.maximum(np.diag(fitted.cov), 0.0)))
    return pd.DataFrame({"term": [named.get(label, label) for label in fitted.labels]}).assign(**columns)


@dataclass(frozen=True)
class MomentResult(FamilyResult):
    """A model of two members' means and covariances.

    Attributes
    ----------
    table : pandas.DataFrame
        The estimates that `tidy` gives.
    parameters : pandas.DataFrame
        Every parameter of the model.
    fitted : Fitted
    n_dyads : int
    warnings : tuple of str
    """

    table: pd.DataFrame
    parameters: pd.DataFrame
    fitted: Fitted
    n_dyads: int
    warnings: tuple[str, ...] = ()

    def _about(self) -> dict[str, Any]:
        fitted = self.fitted
        told = {"statistic": fitted.statistic, "df": fitted.df, "p_value": fitted.p_value}
        return {**fitted.indices, **told, "converged": fitted.converged}

    def _fit_sentence(self) -> str:
        fitted, indices = self.fitted, self.fitted.indices
        start = "" if fitted.converged else "THE FIT DID NOT CONVERGE: the numbers below are not to be reported. "
        if not fitted.df:
            return f"{start}The model is saturated (log-likelihood {indices['log_likelihood']:.3f}): no fit to judge."
        return (
            f"{start}Fit: chi-squared({fitted.df}) = {fitted.statistic:.3f}, p = {fitted.p_value:.3f}, "
            f"CFI {indices['cfi']:.3f}, TLI {indices['tli']:.3f}, RMSEA {indices['rmsea']:.3f}, "
            f"SRMR {indices['srmr']:.3f}."
        )
