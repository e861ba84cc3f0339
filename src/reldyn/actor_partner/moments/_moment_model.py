"""`MomentResult`: a fitted structure of two members' moments, with what all such models report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.actor_partner.moments._dyads import FamilyResult, estimate_rows
from reldyn.actor_partner.moments._interchangeable import (
    double_entry,
    interchangeable_df,
    interchangeable_indices,
    null_df,
)
from reldyn.actor_partner.moments._moments import Moments, independent, saturated
from reldyn.actor_partner.moments._sem import SemFit, Structure, discrepancy, fit_structure
from reldyn.errors import ConvergenceWarning, warn_caller
from reldyn.results import InState, InTables, equals_p, register

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Fitted", "MomentResult", "fit_members", "fitted_numbers", "likelihood_phrase", "parameter_table"]


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
        Against the saturated model, of exchangeable members against I-SAT; the p-value is NaN without degrees of
        freedom.
    indices : mapping of str to float
        ``log_likelihood``, ``n_parameters``, ``aic``, ``bic``, ``cfi``, ``tli``, ``rmsea``, ``srmr``.
    converged : bool
    unadjusted : mapping of str to float
        Of exchangeable members: ``statistic``, ``df``, ``p_value``, ``cfi``, ``tli``, ``rmsea`` and ``srmr`` against
        the ordinary saturated and independence models. They depend on who is called member 1. Else empty.
    """

    labels: tuple[str, ...]
    theta: NDArray[np.float64]
    cov: NDArray[np.float64]
    statistic: float
    df: int
    p_value: float
    indices: Mapping[str, float]
    converged: bool
    unadjusted: Mapping[str, float] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is wrong with the fit, for the notes of a result; it was warned of when fitted."""
        return () if self.converged else (NOT_CONVERGED,)

    def value(self, label: str) -> float:
        """Estimate of one parameter."""
        return float(self.theta[self.labels.index(label)])

    def subset(self, labels: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Estimates and covariance of some parameters."""
        places = [self.labels.index(label) for label in labels]
        return self.theta[places], self.cov[np.ix_(places, places)]


FIT = ("cfi", "tli", "rmsea", "srmr")
NOT_CONVERGED = "The model of the moments did not converge: do not report these numbers."


def fit_members(
    structure: Structure, moments: Moments, start: Mapping[str, float] | None = None, *, alike: bool
) -> Fitted:
    """Fit a structure of two members' variables, in adjacent pairs.

    Parameters
    ----------
    structure : Structure
    moments : Moments
    start : mapping of str to float, optional
    alike : bool
        Whether members are exchangeable: the structure is then fitted to the moments of double entry, and its fit is
        judged against I-SAT and I-NULL, so that no number but ``unadjusted`` depends on who is member 1.
    """
    if not alike:
        return fitted_numbers(fit_structure(structure, moments, start))
    return _against_isat(fit_structure(structure, double_entry(moments), start), moments)


def fitted_numbers(fit: SemFit) -> Fitted:
    """Numbers of a fit, for a result; warns where the optimum was not reached."""
    from scipy import stats

    _warn_of(fit)
    p_value = float(stats.chi2.sf(fit.statistic, fit.df)) if fit.df else float("nan")
    return Fitted(
        fit.structure.labels, fit.theta, fit.cov, fit.statistic, fit.df, p_value, fit.indices(), fit.converged
    )


def _warn_of(fit: SemFit) -> None:
    if not fit.converged:
        warn_caller(NOT_CONVERGED, ConvergenceWarning)


def _against_isat(fit: SemFit, raw: Moments) -> Fitted:
    """Numbers of a fit to double-entry moments; ``raw`` are those of the members as they were numbered."""
    _warn_of(fit)
    indices, k, n_variables = fit.indices(), len(fit.theta), len(raw.mean) // 2
    all_moments = len(raw.mean) * (len(raw.mean) + 3) // 2
    isat = saturated(fit.moments), all_moments - interchangeable_df(n_variables)
    # Under I-NULL the deviance is that of the variances alone.
    inull = independent(fit.moments), all_moments - null_df(n_variables)
    cleared = interchangeable_indices((indices["log_likelihood"], k), isat, inull, raw.n)
    p_value = cleared.pop("p_value")
    statistic, df = cleared.pop("statistic"), int(cleared.pop("df"))
    return Fitted(
        fit.structure.labels,
        fit.theta,
        fit.cov,
        statistic,
        df,
        p_value,
        {**indices, **cleared},
        fit.converged,
        _unadjusted(fit, raw),
    )


def _unadjusted(fit: SemFit, raw: Moments) -> dict[str, float]:
    """Fit against the ordinary saturated model of these very members."""
    from scipy import stats

    statistic = raw.n * max(discrepancy(fit.structure, fit.theta, raw), 0.0)
    by_label = replace(fit, moments=raw, statistic=statistic)
    p_value = float(stats.chi2.sf(statistic, fit.df)) if fit.df else float("nan")
    indices = by_label.indices()
    return {"statistic": statistic, "df": fit.df, "p_value": p_value, **{name: indices[name] for name in FIT}}


def parameter_table(fitted: Fitted, named: Mapping[str, str]) -> pd.DataFrame:
    """One row per parameter, its ``term`` from ``named`` where the label is there."""
    import pandas as pd

    columns = estimate_rows(fitted.theta, np.sqrt(np.maximum(np.diag(fitted.cov), 0.0)))
    return pd.DataFrame({"term": [named.get(label, label) for label in fitted.labels]}).assign(**columns)


def likelihood_phrase(missing: str) -> str:
    """How a model of moments was estimated, for a methods paragraph."""
    if missing == "model":
        return "full-information maximum likelihood (Enders, 2010) with observed information"
    return "maximum likelihood with expected information"


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
    notes : tuple of str
    missing : {"available", "model"}
        What became of dyads that lack a value.
    """

    parameters = InTables()
    fitted = InState[Fitted]()
    missing = InState[str]("available")

    @property
    def _likelihood(self) -> str:
        return likelihood_phrase(self.missing)

    @property
    def unadjusted(self) -> Mapping[str, float]:
        """Fit against the ordinary saturated and independence models: ``statistic``, ``df``, ``p_value``, indices.

        Of exchangeable members these numbers depend on who is called member 1, and what `glance` and `summary` give is
        cleared of that choice. Where roles tell members apart there is nothing to clear and the numbers are the same.
        """
        fitted = self.fitted
        if fitted.unadjusted:
            return fitted.unadjusted
        own = {"statistic": fitted.statistic, "df": fitted.df, "p_value": fitted.p_value}
        return own | {name: fitted.indices[name] for name in FIT}

    def _about(self) -> dict[str, Any]:
        fitted = self.fitted
        told = {"statistic": fitted.statistic, "df": fitted.df, "p_value": fitted.p_value}
        return {**fitted.indices, **told, "converged": fitted.converged}

    def _fit_sentence(self) -> str:
        fitted, indices = self.fitted, self.fitted.indices
        start = "" if fitted.converged else "THE FIT DID NOT CONVERGE: the numbers below are not to be reported. "
        if not fitted.df:
            among = " among models of exchangeable members" if fitted.unadjusted else ""
            likelihood = f"log-likelihood {indices['log_likelihood']:.3f}"
            return f"{start}The model is saturated{among} ({likelihood}): no fit to judge."
        cleared = (
            " against the interchangeable saturated and null models, SRMR on moments of double entry, so that nothing "
            "depends on who is called member 1 (Olsen and Kenny, 2006; Peugh, DiLillo and Panuzio, 2013)"
            if fitted.unadjusted
            else ""
        )
        return (
            f"{start}Fit: chi-squared({fitted.df}) = {fitted.statistic:.3f}, p {equals_p(fitted.p_value)}, "
            f"CFI {indices['cfi']:.3f}, TLI {indices['tli']:.3f}, RMSEA {indices['rmsea']:.3f}, "
            f"SRMR {indices['srmr']:.3f}{cleared}."
        )
