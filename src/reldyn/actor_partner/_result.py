"""`MixedResult` and `ApimResult`: a fitted dyadic mixed model, with the verbs that every result has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn.actor_partner._design import DesignRows
from reldyn.actor_partner._estimates import Estimates
from reldyn.actor_partner._setting import ModelSetting
from reldyn.actor_partner._tables import covariance_frame, residual_process, tidy_fixed
from reldyn.results import Result

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.mixed import Fit, Wald

__all__ = ["ApimResult", "MixedResult"]


@dataclass(frozen=True)
class MixedResult(Result):
    """A fitted dyadic mixed model.

    Attributes
    ----------
    setting : ModelSetting
        What was asked for.
    design : DesignRows
        The rows it was fitted to.
    estimates : Estimates
        What was found.
    identifiers : pandas.DataFrame
        Dyad, person, role and clock columns of the rows.
    warnings : tuple of str
        What a careful reader must know.
    """

    setting: ModelSetting
    design: DesignRows
    estimates: Estimates
    identifiers: pd.DataFrame
    warnings: tuple[str, ...] = ()

    figure: ClassVar[str | None] = None

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood; restricted under REML."""
        return self.estimates.log_likelihood

    @property
    def converged(self) -> bool:
        """Whether the optimum was verified."""
        return self.estimates.converged

    @property
    def trace(self) -> Mapping[str, Any]:
        """The optimiser's path: deviance per accepted step, evaluations, how it ended."""
        return self.estimates.trace

    def tidy(self) -> pd.DataFrame:
        """One row per fixed effect.

        Returns
        -------
        pandas.DataFrame
            ``term``, ``effect``, ``variable``, ``level``, ``role``, ``moderator`` (and ``composition`` for mixed
            samples; ``moderated`` and ``trait_of`` with moderators), ``estimate``, ``std_error``, ``statistic``,
            ``df`` (infinite for z), ``p_value``, ``conf_low``, ``conf_high`` (95 %).
        """
        return tidy_fixed(self.design, self.estimates)

    def glance(self) -> pd.DataFrame:
        """One row about the whole fit.

        Returns
        -------
        pandas.DataFrame
            ``n_dyads``, ``n_persons``, ``n_obs``, ``log_likelihood``, ``n_parameters``, ``aic``, ``bic`` (counting
            rows), ``bic_dyads`` (counting dyads), ``method``, ``inference``, ``coding`` of the fixed effects,
            ``converged``, ``at_boundary``.
        """
        import pandas as pd

        estimates, design = self.estimates, self.design
        p = len(estimates.beta)
        n_parameters = p + estimates.n_covariance
        deviance = -2.0 * estimates.log_likelihood
        rows = len(design.y) - (p if estimates.method == "reml" else 0)
        row = {
            "n_dyads": design.n_dyads,
            "n_persons": design.n_persons,
            "n_obs": len(design.y),
            "log_likelihood": estimates.log_likelihood,
            "n_parameters": n_parameters,
            "aic": deviance + 2.0 * n_parameters,
            "bic": deviance + float(np.log(rows)) * n_parameters,
            "bic_dyads": deviance + float(np.log(design.n_dyads)) * n_parameters,
            "method": estimates.method,
            "inference": estimates.inference,
            "coding": "role-wise" if any(column.slot >= 0 for column in design.fixed) else "common",
            "converged": estimates.converged,
            "at_boundary": estimates.at_boundary,
        }
        return pd.DataFrame([row])

    def summary(self) -> str:
        """Text that reads like a methods and results section."""
        from reldyn.actor_partner._text import summary

        return summary(self)

    def covariance(self, of: str) -> pd.DataFrame:
        """Labelled covariance matrix.

        Parameters
        ----------
        of : {"random", "residual"}
            Of the random effects, or of the two members' residuals at one occasion (measurement error included),
            roles in panel order.

        Returns
        -------
        pandas.DataFrame
            Square; NaN between effects of different compositions, which never meet in a dyad.
        """
        return covariance_frame(self.design, self.estimates, of)

    @property
    def residual_process(self) -> Mapping[str, Any]:
        """Parameters of the residual process: numbers common to both roles, mappings by role, or labelled frames.

        With several compositions a mapping from composition to such a mapping.
        """
        return residual_process(self.design, self.estimates)

    def contrast(self, weights: Any, *, joint: bool | None = None) -> pd.DataFrame:
        """Estimate or test linear contrasts of the fixed effects.

        Parameters
        ----------
        weights : mapping, sequence of mappings, or str
            A mapping from ``term`` (as in `tidy`) to weight is one contrast; a mapping from label to such mappings
            several, each by itself; a sequence of mappings one joint test that all are zero. Or a name:
            ``"role-differences"``, ``"composition-differences"``, ``"actor-minus-partner"``,
            ``"actor-plus-partner"``.
        joint : bool, optional
            Whether to test all contrasts at once. None: as the form of ``weights`` says.

        Returns
        -------
        pandas.DataFrame
            ``term`` and, for single contrasts, ``estimate``, ``std_error``, ``statistic`` (t), ``df``, ``p_value``,
            ``conf_low``, ``conf_high``; for a joint test one row with ``statistic`` (F), ``df``, ``df_error`` and
            ``p_value``. Standard errors and degrees of freedom are those of the fit's inference.

        Raises
        ------
        DesignError
            A term is not in the model, or the rows of a joint test depend on each other.
        """
        from reldyn.actor_partner._contrast import contrast_table

        return contrast_table(self.design.fixed, self._inference, weights, joint)

    def random_effects(self) -> pd.DataFrame:
        """Predicted deviations of each dyad.

        Returns
        -------
        pandas.DataFrame
            One row per dyad and random effect: ``dyad``, the columns that identify a term, ``estimate`` (best linear
            unbiased prediction), ``std_error`` (of the prediction), ``conf_low``, ``conf_high`` (95 %).
        """
        from reldyn.actor_partner._predict import dyad_effects

        return dyad_effects(self.design, self._engine)

    def augment(self) -> pd.DataFrame:
        """Rows of the fit with fitted values and residuals.

        Returns
        -------
        pandas.DataFrame
            The identifying columns and the outcome, ``fitted_marginal`` (fixed effects only), ``fitted_conditional``
            (with the dyad's own deviations), ``residual_marginal``, ``residual_conditional`` and
            ``residual_standardised`` (conditional, in residual standard deviations of the role).
        """
        from reldyn.actor_partner._predict import augmented

        return augmented(self)

    def influence(self) -> pd.DataFrame:
        """What leaving out each dyad does to the fixed effects, the variances held where they are.

        Returns
        -------
        pandas.DataFrame
            One row per dyad, the most influential first: ``dyad``, ``n_obs``, ``cooks_distance``, ``largest_change``
            (of any coefficient when the dyad is left out, in standard errors), ``term`` (which one) and ``note``.

        References
        ----------
        Demidenko and Stukel (2005), Influence analysis for linear mixed-effects models.
        """
        from reldyn.actor_partner._predict import influence_table

        return influence_table(self)

    @cached_property
    def _inference(self) -> Wald:
        """Inference of the fit, for contrasts."""
        from reldyn.mixed import infer

        return infer(self._engine, self.estimates.inference)

    @cached_property
    def _engine(self) -> Fit:
        """The engine's own record; made again from the stored rows after a round trip through JSON."""
        from reldyn.actor_partner._fitting import fit_design

        return fit_design(self.design, self.setting.random, self.setting.residual, self.estimates.method)


@dataclass(frozen=True)
class ApimResult(MixedResult):
    """A fitted actor-partner interdependence model."""

    figure: ClassVar[str | None] = "path_diagram"
