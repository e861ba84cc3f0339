"""What a vector autoregression of two partners returns."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from reldyn._format import counted
from reldyn.results import InState, InTables, Result

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.results import Section

__all__ = ["VarResult"]


class VarResult(Result):
    """Who carries over, and who follows whom.

    Attributes
    ----------
    kind : {"none", "two-step"}
        How dyads were pooled.
    variable : str
    lags : int
    lags_lead : str
        Where lags lead: ``within days`` or ``from day to day``; empty where no days are named.
    coefficients : pandas.DataFrame
        As `tidy` gives it.
    residuals : pandas.DataFrame
        One row per dyad, or one for the sample: ``dyad``, ``sd_first``, ``sd_second`` (residual standard deviation of
        each role), ``correlation`` (of the two residuals at one occasion: what the partners share beyond their past),
        ``largest_root`` (of the companion matrix; 1 and more is not stationary), ``n_pairs``, ``note``.
    random : pandas.DataFrame
        Two-step only: standard deviations over dyads (``first`` equals ``second``) and correlations of the random
        effects of each equation.
    nickell : pandas.DataFrame
        Two-step only: ``outcome``, ``phi``, ``n_occasions``, ``first_order``, ``exact``: what centring on observed
        means costs the autoregression.
    n_dyads, n_persons, n_obs : int
        Dyads with an estimate, their members, and rows used over both equations.
    log_likelihood : float
        Sum over both equations and all dyads.
    n_parameters : int
    converged : bool
    notes : tuple of str
    """

    kind = InState[Literal["none", "two-step"]]()
    variable = InState[str]()
    lags = InState[int]()
    lags_lead = InState[str]("")
    coefficients = InTables()
    residuals = InTables()
    random = InTables()
    nickell = InTables()
    n_dyads = InState[int]()
    n_persons = InState[int]()
    n_obs = InState[int]()
    log_likelihood = InState[float]()
    n_parameters = InState[int]()
    converged = InState[bool]()

    person_columns: ClassVar[tuple[str, ...]] = ("outcome", "predictor")

    def tidy(self) -> pd.DataFrame:
        """One row per coefficient.

        Returns
        -------
        pandas.DataFrame
            ``term``, ``dyad`` (empty for the sample), ``effect`` (``intercept``, ``inertia``, ``influence``,
            ``between``), ``outcome``, ``predictor``, ``lag``, ``estimate``, ``std_error``, ``statistic``, ``df``,
            ``p_value``, ``conf_low``, ``conf_high``, ``n_pairs``, ``note``.
        """
        return self.coefficients.copy()

    def glance(self) -> pd.DataFrame:
        """One row: counts, log-likelihood, information criteria, convergence."""
        import pandas as pd

        known = math.isfinite(self.log_likelihood)
        return pd.DataFrame(
            {
                "n_dyads": [self.n_dyads],
                "n_persons": [self.n_persons],
                "n_obs": [self.n_obs],
                "lags": [self.lags],
                "log_likelihood": [self.log_likelihood],
                "aic": [2 * self.n_parameters - 2 * self.log_likelihood if known else math.nan],
                "bic": [math.log(self.n_obs) * self.n_parameters - 2 * self.log_likelihood if known else math.nan],
                "converged": [self.converged],
            }
        )

    def _headline(self) -> str:
        return (
            f"Vector autoregression of {self.variable}: {counted(self.n_dyads, 'dyad')}, {counted(self.n_obs, 'row')}"
        )

    def _methods(self) -> str:
        how = (
            "a mixed model per outcome on person-mean-centred lags with the partner's mean between dyads"
            if self.kind == "two-step"
            else "least squares in each dyad"
        )
        lags = "the occasion before" if self.lags == 1 else f"the {counted(self.lags, 'occasion')} before"
        where = f", {self.lags_lead}," if self.lags_lead else ""
        return f"Each partner's {self.variable} was regressed on both partners' at {lags}{where} by {how}."

    def _sections(self) -> Iterable[Section]:
        if self.kind == "none":
            yield "Coefficients over dyads (median and quartiles)", self._over_dyads()
            return
        rows = self.coefficients[self.coefficients["effect"] != "intercept"]
        yield rows[["term", "estimate", "std_error", "df", "p_value", "conf_low", "conf_high"]]
        shared = float(self.residuals["correlation"].iloc[0])
        yield f"Correlation of the two residuals at one occasion: {shared:.3f}."

    def _over_dyads(self) -> pd.DataFrame:
        import pandas as pd

        names = ["effect", "outcome", "lag"]
        rows = self.coefficients[self.coefficients["effect"].isin(["inertia", "influence"])]
        rows = rows[np.isfinite(rows["estimate"].to_numpy(dtype=float))]
        described = []
        for key, part in rows.groupby(names, sort=False):
            low, middle, high = np.quantile(part["estimate"].to_numpy(dtype=float), [0.25, 0.5, 0.75])
            of = {"median": middle, "quartile_1": low, "quartile_3": high, "n_dyads": part["dyad"].nunique()}
            described.append({**dict(zip(names, key, strict=True)), **of})
        return pd.DataFrame(described)
