"""`effect_sizes`: how large actor and partner effects are, on scales that can be compared.

Kenny, Kashy and Cook (2006): partial r from t and its degrees of freedom; slopes in standard deviations that are pooled
over both members, because role-specific ones make equal effects look unequal; the share of residual variance that the
predictors take away.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.actor_partner._metrics import withheld_for
from reldyn.actor_partner.model._design import DesignRows
from reldyn.actor_partner.model._fitting import fit_design
from reldyn.actor_partner.moments._dyads import FamilyResult
from reldyn.errors import DesignError
from reldyn.results import InState

if TYPE_CHECKING:
    from reldyn.actor_partner.model._result import ApimResult

__all__ = ["EffectSizes", "effect_sizes"]


class EffectSizes(FamilyResult):
    """Effect sizes of a fitted actor-partner model.

    Attributes
    ----------
    table : pandas.DataFrame
    pseudo_r2 : mapping of str to float
        By role; one entry with an empty name where members are exchangeable.
    n_dyads : int
    outcome : str
    sd_outcome : float
    notes : tuple of str
    """

    pseudo_r2 = InState[Mapping[str, float]]()
    outcome = InState[str]()
    sd_outcome = InState[float]()

    def _about(self) -> dict[str, Any]:
        return {"pseudo_r2" + (f"_{role}" if role else ""): value for role, value in self.pseudo_r2.items()}

    def _headline(self) -> str:
        return f"Effect sizes for {self.outcome}"

    def _methods(self) -> str:
        share = ", ".join(f"{role + ': ' if role else ''}{value:.3f}" for role, value in self.pseudo_r2.items())
        return (
            "Partial r is t over the root of t squared plus its degrees of freedom. Standardised slopes use standard "
            "deviations over both members together, so that actor and partner effects and roles can be compared. "
            f"Pseudo-R2 (share of the residual variance of a model with intercepts only; not below 0): {share}. "
            "(Kenny, Kashy and Cook, 2006)"
        )


def effect_sizes(fit: ApimResult) -> EffectSizes:
    """Effect sizes of actor and partner effects.

    Parameters
    ----------
    fit : ApimResult
        Gaussian. Partial r needs finite degrees of freedom, hence REML with Kenward-Roger; with z inference it is NaN.

    Returns
    -------
    EffectSizes
        ``tidy()``: the identifying columns of ``fit.tidy()``, ``estimate``, ``partial_r``, ``standardised``,
        ``sd_predictor``, ``note``. Standardised slopes are withheld (NaN) where the two roles answered on different
        response scales.

    Raises
    ------
    DesignError
        The fit is marginal or of outcome and predictors jointly, or the model without predictors cannot be estimated
        from these rows.

    References
    ----------
    Kenny, Kashy and Cook (2006), Dyadic Data Analysis, chapter 7.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=60, actor=0.3, partner=0.2, seed=1).panel
    >>> sizes = rd.actor_partner.effect_sizes(rd.apim(panel, outcome="y", predictors=["x"]))
    >>> sizes.tidy()["effect"].tolist()
    ['actor', 'actor', 'partner', 'partner']
    """
    import pandas as pd

    if fit.estimates.data in ("marginal", "joint"):
        why = (
            "effect sizes standardise by the spread of a Gaussian outcome, and this model is marginal (GEE): read the "
            "ratios of fit.tidy() instead"
            if fit.estimates.data == "marginal"
            else "effect sizes need one set of complete rows, and this fit was of outcome and predictors jointly: fit "
            "with missing='available' or missing='impute' for them"
        )
        raise DesignError(f"{why}.")
    design, tidy = fit.design, fit.tidy()
    sd_outcome = float(np.std(design.y, ddof=1))
    # A predictor's spread is that of the actor's values: every person's, once per row.
    own = {
        (column.term.variable, column.term.level): float(np.std(design.base[:, column.base], ddof=1))
        for column in sorted(design.fixed, key=lambda column: column.term.effect == "partner", reverse=True)
        if column.term.effect in ("actor", "partner")
    }
    kept = tidy[tidy["effect"].isin(["actor", "partner"])].reset_index(drop=True)
    sd = np.array([own[key] for key in zip(kept["variable"], kept["level"], strict=True)])
    t, df = kept["statistic"].to_numpy(), kept["df"].to_numpy()
    partial = np.where(np.isfinite(df), t / np.sqrt(t**2 + np.where(np.isfinite(df), df, 1.0)), np.nan)
    units = [withheld_for((name, design.outcome), fit.setting.unequal_metrics) for name in kept["variable"]]
    notes = ["" if np.isfinite(value) else "no partial r: z inference has no degrees of freedom" for value in df]
    notes = [
        "; ".join(part for part in (note, why and f"standardised slope withheld: {why}") if part)
        for note, why in zip(notes, units, strict=True)
    ]
    names = [name for name in ("term", "effect", "variable", "level", "role", "composition") if name in kept]
    table = kept[names].assign(
        estimate=kept["estimate"],
        partial_r=partial,
        standardised=np.where([bool(why) for why in units], np.nan, kept["estimate"].to_numpy() * sd / sd_outcome),
        sd_predictor=sd,
        note=pd.Series(notes, dtype=object),
    )
    return EffectSizes.of(
        table=table,
        pseudo_r2=_pseudo_r2(fit),
        n_dyads=design.n_dyads,
        outcome=design.outcome,
        sd_outcome=sd_outcome,
        notes=fit.warnings,
    )


def _pseudo_r2(fit: ApimResult) -> dict[str, float]:
    """One minus the ratio of residual variances with and without predictors."""
    design = fit.design
    kept = tuple(column for column in design.fixed if column.term.effect == "intercept")
    intercepts = tuple(column for column in design.random if column.term.effect == "intercept")
    empty: DesignRows = dataclasses.replace(design, fixed=kept, random=intercepts)
    random = dataclasses.replace(fit.setting.random, terms=("intercept",) if intercepts else ())
    plain = fit_design(empty, random, fit.setting.residual, fit.estimates.method)
    found: dict[str, float] = {}
    for code, stratum in enumerate(design.strata):
        full = np.diag(np.asarray(fit.estimates.residual[code]["covariance"], dtype=float))
        bare = np.diag(np.asarray(plain.residual_process(code)["covariance"], dtype=float))
        prefix = f"{stratum.label} " if len(design.strata) > 1 else ""
        for place, role in enumerate(stratum.roles or ("",)):
            found[f"{prefix}{role}".strip()] = float(max(0.0, 1.0 - full[place] / bare[place]))
    return found
