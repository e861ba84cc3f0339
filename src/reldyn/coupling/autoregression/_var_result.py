"""What a vector autoregression of two partners returns."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from reldyn.results import Result, format_p

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["VarResult"]


@dataclasses.dataclass(frozen=True, eq=False)
class VarResult(Result):
    """Who carries over, and who follows whom.

    Attributes
    ----------
    kind : {"none", "two-step"}
        How dyads were pooled.
    variable : str
    lags : int
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
    warnings : tuple of str
    """

    kind: Literal["none", "two-step"]
    variable: str
    lags: int
    coefficients: pd.DataFrame
    residuals: pd.DataFrame
    random: pd.DataFrame
    nickell: pd.DataFrame
    n_dyads: int
    n_persons: int
    n_obs: int
    log_likelihood: float
    n_parameters: int
    converged: bool
    warnings: tuple[str, ...]

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

    def summary(self) -> str:
        """Text that reads like a methods section."""
        how = (
            "a mixed model per outcome on person-mean-centred lags with the partner's mean between dyads"
            if self.kind == "two-step"
            else "least squares in each dyad"
        )
        lags = "the occasion before" if self.lags == 1 else f"the {self.lags} occasions before"
        lines = [
            f"Vector autoregression of {self.variable} on {lags}, within days, by {how}: "
            f"{self.n_dyads} dyads, {self.n_obs:,} rows.",
            *(self._sample_lines() if self.kind == "two-step" else self._dyad_lines()),
        ]
        lines += [f"Note: {note}" for note in self.warnings]
        return "\n".join(lines)

    def _sample_lines(self) -> list[str]:
        rows = self.coefficients[self.coefficients["effect"] != "intercept"]
        told = [
            f"{row['term']}: {row['estimate']:.3f} [{row['conf_low']:.3f}, {row['conf_high']:.3f}], "
            f"p {_equals(row['p_value'])}."
            for row in rows.to_dict("records")
        ]
        shared = float(self.residuals["correlation"].iloc[0])
        return [*told, f"Correlation of the two residuals at one occasion: {shared:.3f}."]

    def _dyad_lines(self) -> list[str]:
        told = []
        rows = self.coefficients[self.coefficients["effect"].isin(["inertia", "influence"])]
        for (effect, outcome, lag), part in rows.groupby(["effect", "outcome", "lag"], sort=False):
            values = part["estimate"].to_numpy(dtype=float)
            values = values[np.isfinite(values)]
            if len(values):
                low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
                told.append(f"{effect} of {outcome}, lag {lag}: median {middle:.3f} (quartiles {low:.3f}, {high:.3f}).")
        return told


def _equals(value: float) -> str:
    text = format_p(value)
    return text if text.startswith("<") else f"= {text}"
