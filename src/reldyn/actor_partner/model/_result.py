"""`MixedResult` and `ApimResult`: a fitted dyadic mixed model, with the verbs that every result has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from reldyn.actor_partner.model._design import DesignRows
from reldyn.actor_partner.model._estimates import Estimates
from reldyn.actor_partner.model._setting import ModelSetting
from reldyn.actor_partner.model._tables import covariance_frame, residual_process, tidy_fixed
from reldyn.errors import DesignError, check_option
from reldyn.results import InState, Result, Withheld

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.mixed import Fit, Wald
    from reldyn.panel import DyadPanel
    from reldyn.results import Section

__all__ = ["ApimResult", "MixedResult"]


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
    notes : tuple of str
        What a careful reader must know.
    """

    setting = InState[ModelSetting]()
    design = InState[DesignRows]()
    estimates = InState[Estimates]()
    identifiers = InState["pd.DataFrame"]()

    figure: ClassVar[str | None] = None
    row_fields: ClassVar[tuple[str, ...]] = ("identifiers",)

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

    def tidy(self, of: Literal["random", "residual"] | None = None) -> pd.DataFrame:
        """One row per fixed effect, per variance and correlation of the random effects, or per residual parameter.

        Parameters
        ----------
        of : {"random", "residual"}, optional
            None: the fixed effects. ``"random"``: variances and correlations of the random effects. ``"residual"``:
            variances and correlation of the residuals at one occasion, ``autoregression`` or ``decay`` of a serial
            process and ``error variance``; for ``residual="var1"`` how much of a member's deviation is there
            one occasion later (``effect`` ``stability``), how much of it comes from the partner's (``influence``), and
            the differences of both between roles (``contrast``). Tests are normal, from the information about the
            covariance parameters; intervals hold stationary processes only. Variances have intervals on the scale of
            the logarithm and no test (zero is the edge of their range: see `compare`), correlations on Fisher's; a
            ``note`` says where there is none.

        Returns
        -------
        pandas.DataFrame
            ``term``, ``effect``, ``variable``, ``level``, ``role``, ``moderator`` (and ``composition`` for mixed
            samples; ``moderated`` and ``trait_of`` with moderators; ``category`` with categorical columns),
            ``estimate``, ``std_error``, ``statistic``, ``df`` (infinite for z), ``p_value``, ``conf_low``,
            ``conf_high`` (95 %). ``statistic`` and ``p_value`` are NaN for a centred lag of the outcome in a short
            series; ``warnings`` says why.
        """
        if of is not None:
            from reldyn.actor_partner.model._carry_over import tidy_residual
            from reldyn.actor_partner.model._components import tidy_random

            check_option(of, ("random", "residual"), "tidy of")
            if of == "random":
                return tidy_random(self.design, self.estimates, self.setting)
            return tidy_residual(self.design, self.estimates, self.setting.residual)
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

    def _headline(self) -> str:
        kind = "Actor-partner interdependence model" if self.setting.kind == "apim" else "Dyadic mixed model"
        return f"{kind} of {self.design.outcome}"

    def _methods(self) -> str:
        from reldyn.actor_partner.model._text import methods_paragraph

        return methods_paragraph(self)

    def _sections(self) -> Iterable[Section]:
        from reldyn.actor_partner.model._text import sections

        return sections(self)

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
        """Estimate or test linear contrasts of the fixed effects, or of stability and influence.

        Parameters
        ----------
        weights : mapping, sequence of mappings, or str
            A mapping from ``term`` (as in `tidy`) to weight is one contrast; a mapping from label to such mappings
            several, each by itself; a sequence of mappings one joint test that all are zero. Or a name:
            ``"role-differences"``, ``"composition-differences"``, ``"actor-minus-partner"``,
            ``"actor-plus-partner"``. With ``residual="var1"`` the terms may be those of ``tidy("residual")`` instead
            (stability, influence and their differences between roles): normal tests, intervals that keep the process
            stationary.
        joint : bool, optional
            Whether to test all contrasts at once. None: as the form of ``weights`` says.

        Returns
        -------
        pandas.DataFrame
            ``term`` and, for single contrasts, ``estimate``, ``std_error``, ``statistic`` (t), ``df``, ``p_value``,
            ``conf_low``, ``conf_high``; for a joint test one row with ``statistic`` (F), ``df``, ``df_error`` and
            ``p_value``. Standard errors and degrees of freedom are those of the fit's inference. NaN where the fit
            withholds the test of a coefficient: a centred lag of the outcome in a short series.

        Raises
        ------
        DesignError
            A term is not in the model, or the rows of a joint test depend on each other.
        """
        from reldyn.actor_partner.followup._contrast import contrast_table

        return contrast_table(self, weights, joint)

    def joint_test(self, name: str, *, test: Literal["wald", "likelihood-ratio"] = "wald") -> pd.DataFrame:
        """Test all coefficients of a variable together, and whether roles differ in them.

        Parameters
        ----------
        name : str
            A variable (all terms that hold it, also as a moderator), or a term as `tidy` names it without category and
            role, such as ``"actor stress (within)"``.
        test : {"wald", "likelihood-ratio"}, default "wald"
            Wald by default: with the fit's inference (Kenward-Roger: F with small-sample degrees of freedom). The
            likelihood-ratio test refits both models by maximum likelihood, for any fit of complete rows.

        Returns
        -------
        pandas.DataFrame
            One row per question: ``term`` (each term over all roles; each role by itself; ``role x`` a term: equal
            coefficients in both roles; of several terms also all together), ``test``, ``statistic`` (F, or chi-squared
            of the likelihood-ratio test), ``df``, ``df_error`` (infinite for chi-squared), ``p_value``.

        Raises
        ------
        DesignError
            The model has no such term, or no likelihood to compare.
        """
        from reldyn.actor_partner.followup._joint_test import joint_table

        return joint_table(self, name, test)

    def marginal_means(self, name: str) -> pd.DataFrame:
        """Expected outcome in each category, other terms held at their averages.

        Parameters
        ----------
        name : str
            A categorical covariate or moderator, or ``"role"``.

        Returns
        -------
        pandas.DataFrame
            One row per category and role: ``term``, ``variable``, ``category``, ``role`` (and ``composition``),
            ``estimate``, ``std_error``, ``df``, ``conf_low``, ``conf_high`` (95 %). Numeric terms are at their mean
            over the rows of the fit; other categorical variables are averaged with equal weights, so that the means do
            not depend on how many dyads each category has (Searle, Speed and Milliken, 1980). Of a marginal model the
            numbers are on the scale of the link, with ``response`` on that of the outcome.

        Raises
        ------
        DesignError
            The model has no such categorical variable.
        """
        from reldyn.actor_partner.followup._marginal_means import means_table

        return means_table(self, name)

    def r_squared(self) -> pd.DataFrame:
        """Shares of variance explained within and between persons, per role.

        Returns
        -------
        pandas.DataFrame
            ``term``, ``level`` (``total``, ``within``, ``between``), ``source``, ``role`` (and ``composition``),
            ``estimate``: shares of the variance that the model implies, of fixed effects and random slopes within and
            between persons, random intercepts (between) and residuals (within). Terms that are not centred at person
            means count with their parts within and between; random slopes of centred ones have no part between. No
            intervals: their distribution is not known well enough.

        Raises
        ------
        DesignError
            The model has one level only.

        References
        ----------
        Rights and Sterba (2019), Quantifying explained variance in multilevel models. Rights and Sterba (2021), Effect
        size measures for longitudinal growth analyses: predictors that are not centred, level by level.
        """
        from reldyn.actor_partner.followup._variance_shares import r_squared_table

        return r_squared_table(self)

    def icc(self) -> pd.DataFrame:
        """Intraclass correlations of a longitudinal model: of a person's answers, and of partners' answers.

        Returns
        -------
        pandas.DataFrame
            ``term``, ``effect`` (``same person``, ``partners``), ``occasion`` (``same``, ``different``), ``role`` (and
            ``composition``), ``estimate``, ``std_error``, ``conf_low``, ``conf_high`` (95 %, on Fisher's scale),
            ``note``. They are of what the fixed effects leave unexplained, where random slopes are at zero: fit
            ``predictors=()`` for those of the outcome itself. A serial process is left out of what different occasions
            share: they are far apart.

        Raises
        ------
        DesignError
            No random intercepts.

        References
        ----------
        Kenny, Kashy and Cook (2006), Dyadic Data Analysis, chapter 13. Bolger and Laurenceau (2013), chapter 8.
        """
        from reldyn.actor_partner.followup._variance_shares import icc_table

        return icc_table(self)

    def random_effects(self) -> pd.DataFrame:
        """Predicted deviations of each dyad.

        Returns
        -------
        pandas.DataFrame
            One row per dyad and random effect: ``dyad``, the columns that identify a term, ``estimate`` (best linear
            unbiased prediction), ``std_error`` (of the prediction), ``conf_low``, ``conf_high`` (95 %).
        """
        from reldyn.actor_partner.followup._predict import dyad_effects

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
        from reldyn.actor_partner.followup._predict import augmented

        return augmented(self)

    def predict(
        self, panel: DyadPanel | None = None, *, level: Literal["marginal", "conditional"] = "marginal"
    ) -> pd.DataFrame:
        """Predict the outcome.

        Parameters
        ----------
        panel : DyadPanel, optional
            Rows to predict for, with the columns of the model; predictors are centred where the fit centred them
            (person means are those of the new rows). None: the rows of the fit.
        level : {"marginal", "conditional"}, default "marginal"
            From the fixed effects alone, with intervals of the mean; or with the predicted deviations of dyads that
            the fit knows (others are predicted at their mean, zero).

        Returns
        -------
        pandas.DataFrame
            The identifying columns, ``predicted`` and, for the marginal level, ``std_error``, ``conf_low``,
            ``conf_high``. NaN where a predictor is missing.

        Raises
        ------
        DataError
            A column is absent, or the rows have roles or compositions that the fit does not know.
        """
        from reldyn.actor_partner.followup._predict import predicted

        return predicted(self, panel, level)

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
        from reldyn.actor_partner.followup._predict import influence_table

        return influence_table(self)

    @cached_property
    def _inference(self) -> Wald:
        """Inference of the fit, for contrasts."""
        # Without rows the fit cannot be made again; normal inference needs no more than the estimates.
        bare = isinstance(self.design.y, Withheld) and self.estimates.inference == "z"
        if self.estimates.data == "joint" or (bare and self.estimates.data == "complete"):
            from reldyn.actor_partner.model._modelled import JointNormal

            return JointNormal(self.estimates.beta, self.estimates.cov)
        if self.estimates.data == "imputed":
            from reldyn.actor_partner.model._imputed import pooled_inference

            return pooled_inference(self.estimates)
        from reldyn.mixed import infer

        asked = self.setting.estimation
        return infer(self._engine, self.estimates.inference, n_boot=asked.n_boot, seed=asked.seed, n_jobs=asked.n_jobs)

    @cached_property
    def _engine(self) -> Fit:
        """The engine's own record; made again from the stored rows after a round trip through JSON."""
        from reldyn.actor_partner.model._fitting import fit_design

        if self.estimates.data != "complete":
            how = "pooled over imputations" if self.estimates.data == "imputed" else "of outcome and predictors jointly"
            raise DesignError(
                f"this fit was {how}: predictions of dyads' deviations, residuals and influence "
                "belong to one data set, so fit with missing='available' for them."
            )
        return fit_design(self.design, self.setting.random, self.setting.residual, self.estimates.method)


class ApimResult(MixedResult):
    """A fitted actor-partner interdependence model.

    See Also
    --------
    MixedResult : the fields and verbs that it shares with the general model.
    """

    figure: ClassVar[str | None] = "path_diagram"

    def pattern(
        self, *, interval: Literal["fieller", "monte-carlo", "bootstrap"] = "fieller", seed: Any = None
    ) -> pd.DataFrame:
        """Ratio of partner to actor effect, and the dyadic pattern that it supports.

        Parameters
        ----------
        interval : {"fieller", "monte-carlo", "bootstrap"}, default "fieller"
            Fieller's interval is exact for normal estimates and needs no chance, hence the default; Monte Carlo draws
            from the estimates' covariance; the bootstrap resamples whole dyads (``n_boot`` of the fit's estimation).
        seed : int, SeedSequence or Generator, optional
            None: that of the fit's estimation, else one is drawn; the table names it.

        Returns
        -------
        pandas.DataFrame
            ``variable``, ``level``, ``role``, ``actor``, ``partner``, ``actor_standardised``, ``k``, ``std_error``
            (delta method), ``conf_low``, ``conf_high`` (95 %), ``pattern`` (``couple``, ``actor-only``, ``contrast``,
            ``partner-only``, ``inconclusive``), ``note``, ``interval``. k is withheld where the actor effect is not
            significant, its standardised size is below .1, or the roles answered on different response scales; the
            pattern is the only one of k = -1, 0, 1 inside the interval. Partner-only is never concluded from k, but
            from a significant partner effect beside an actor effect that two one-sided tests show to be smaller than
            .1.

        References
        ----------
        Kenny and Ledermann (2010), Detecting, measuring, and testing dyadic patterns in the actor-partner
        interdependence model.
        """
        from reldyn.actor_partner.followup._pattern import pattern_table

        return pattern_table(self, interval, seed)

    def latent_between(self) -> pd.DataFrame:
        """Between-person effects corrected for the unreliability of person means.

        Returns
        -------
        pandas.DataFrame
            One row per between effect: the columns that identify it, ``reliability`` of the person means,
            ``observed`` (the fit's estimate), ``bias`` (observed minus corrected), ``estimate``, ``std_error``,
            ``conf_low``, ``conf_high``. The reliabilities are taken as known, deviations of different occasions as
            independent, and other covariates as unrelated to the sampling error of the means.

        Raises
        ------
        DesignError
            No predictor enters at both levels, or person means differ no more than by sampling error.

        References
        ----------
        Ludtke, Marsh, Robitzsch, Trautwein, Asparouhov and Muthen (2008), The multilevel latent covariate model.
        """
        from reldyn.actor_partner.followup._latent import latent_table

        return latent_table(self)
