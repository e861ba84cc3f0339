"""`apim_sem`: the cross-sectional actor-partner model as a structure of moments, with k and its tests.

Kenny and Ledermann (2010): the ratio k of partner to actor effect is tested by fixing it and comparing fit. Gives what
path-model programs print; `reldyn.apim` is the same regression with small-sample inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Column, Columns
from reldyn.actor_partner.moments._dyads import DyadTable, dyad_table, estimate_rows, warn_all
from reldyn.actor_partner.moments._incomplete import incomplete_moments
from reldyn.actor_partner.moments._interchangeable import double_entry
from reldyn.actor_partner.moments._moment_model import MomentResult, fit_members, parameter_table
from reldyn.actor_partner.moments._moments import Moments
from reldyn.actor_partner.moments._sem import delta, fit_structure
from reldyn.actor_partner.moments._structures import apim_structure
from reldyn.errors import DesignError
from reldyn.panel import analysis
from reldyn.results import InState

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["ApimMomentsResult", "apim_sem"]

PATTERNS = {1.0: "couple", 0.0: "actor-only", -1.0: "contrast"}


class ApimMomentsResult(MomentResult):
    """An actor-partner model of moments.

    Attributes
    ----------
    outcome : str
    predictors : tuple of str
    roles : tuple
    mean : (v,) array
    cov : (v, v) array
        Moments of both members' predictors and outcome, with divisor n; of exchangeable members by double entry.
    values : (n, v) array or None
        The values behind them where some are missing and ``missing="model"``.
    """

    outcome = InState[str]("")
    predictors = InState[tuple[str, ...]](())
    roles = InState[tuple[Any, ...]](())
    mean = InState[Array | None](None)
    cov = InState[Array | None](None)
    values = InState[Array | None](None)

    row_fields: ClassVar[tuple[str, ...]] = ("values",)

    def pattern_tests(self, k: Sequence[float] = (1.0, 0.0, -1.0)) -> pd.DataFrame:
        """Test values of k by the loss of fit.

        Parameters
        ----------
        k : sequence of float, default (1, 0, -1)
            Couple, actor-only and contrast pattern.

        Returns
        -------
        pandas.DataFrame
            One row per value: ``k``, ``pattern``, ``statistic``, ``df``, ``p_value``. A small p-value speaks against
            the pattern.

        Raises
        ------
        DesignError
            Several predictors: k is a property of one.
        """
        import pandas as pd
        from scipy import stats

        if len(self.predictors) > 1 or self.mean is None or self.cov is None:
            raise DesignError("k is tested for one predictor: fit apim_sem with one.")
        moments = Moments(self.mean, self.cov, self.n_dyads)
        if self.values is not None:
            moments = incomplete_moments(np.asarray(self.values), [])
            moments = moments if self.roles else double_entry(moments)
        rows = []
        for value in k:
            structure = apim_structure(self.predictors, self.outcome, alike=not self.roles, k=float(value))
            fit = fit_structure(structure, moments)
            statistic, df = max(fit.statistic - self.fitted.statistic, 0.0), len(self.fitted.labels) - len(fit.theta)
            rows.append(
                {
                    "term": f"k = {value:g}",
                    "k": float(value),
                    "pattern": PATTERNS.get(float(value), ""),
                    "statistic": statistic,
                    "df": df,
                    "p_value": float(stats.chi2.sf(statistic, df)),
                }
            )
        return pd.DataFrame(rows)

    def _headline(self) -> str:
        return f"Actor-partner model of moments: {self.outcome} on {', '.join(self.predictors)}"

    def _methods(self) -> str:
        who = f"members distinguished by role ({self.roles[0]}, {self.roles[1]})" if self.roles else "members alike"
        return (
            f"Means and covariances of {counted(self.n_dyads, 'dyad')}, {who}, by {self._likelihood}. "
            f"{self._fit_sentence()} k is the partner effect over the actor effect (Kenny and Ledermann, 2010)."
        )


@analysis
def apim_sem(
    panel: DyadPanel,
    *,
    outcome: Column,
    predictors: Columns,
    roles: Literal["distinguishable", "exchangeable"] | None = None,
    missing: Literal["available", "model"] = "available",
) -> ApimMomentsResult:
    """Fit the actor-partner model to means and covariances, as path-model programs do.

    Parameters
    ----------
    panel : DyadPanel
        One occasion per dyad.
    outcome : str
    predictors : str or sequence of str
    roles : {"distinguishable", "exchangeable"}, optional
        None: as the panel has them. Exchangeable members have equal paths, means, variances and covariances; their
        fit is judged against the interchangeable saturated model, so that it does not depend on who is called member
        1. ``unadjusted`` has the chi-squared with the test of distinguishability in it.
    missing : {"available", "model"}, default "available"
        Dyads that lack a value are left out, with a warning; or stay in with what they have, by full-information
        maximum likelihood (normal variables, missing at random), standard errors from the observed information.

    Returns
    -------
    ApimMomentsResult
        ``tidy()``: actor and partner paths and k, with z tests. ``parameters`` has the rest, ``pattern_tests()``
        tests patterns.

    Raises
    ------
    DesignError
        Several occasions or compositions, too few dyads, or variables that depend on each other.

    References
    ----------
    Kenny and Ledermann (2010), Detecting, measuring, and testing dyadic patterns. Olsen and Kenny (2006), Structural
    equation modeling with interchangeable dyads.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=200, actor=0.4, partner=0.4, seed=1).panel
    >>> fit = rd.actor_partner.apim_sem(panel, outcome="y", predictors="x", roles="exchangeable")
    >>> fit.pattern_tests()["pattern"].tolist()
    ['couple', 'actor-only', 'contrast']
    """
    names = [predictors] if isinstance(predictors, str) else list(predictors)
    if not names:
        raise DesignError("apim_sem needs at least one predictor.")
    data = dyad_table(panel, [*names, outcome], analysis="apim_sem", outcomes=[outcome], roles=roles, missing=missing)
    warn_all(data.notes)
    moments, alike = data.moments([*names, outcome]), not data.distinguishable
    fitted = fit_members(apim_structure(names, outcome, alike=alike), moments, alike=alike)
    if alike:
        moments = double_entry(moments)
    return ApimMomentsResult.of(
        table=_paths(fitted, names, data),
        parameters=parameter_table(fitted, {}),
        fitted=fitted,
        n_dyads=data.n,
        notes=(*data.notes, *fitted.notes),
        outcome=outcome,
        predictors=tuple(names),
        roles=data.roles,
        mean=moments.mean,
        cov=moments.cov,
        values=data.stacked([*names, outcome]) if moments.patterns else None,
        missing=missing,
    )


def _paths(fitted: Any, names: Sequence[str], data: DyadTable) -> pd.DataFrame:
    """Actor, partner and k, per predictor and role."""
    import pandas as pd

    members = (".1", ".2") if data.distinguishable else ("",)
    rows, parts = [], []
    for name in names:
        for place, member in enumerate(members):
            role: Any = data.roles[place] if member else ""
            theta, cov = fitted.subset([f"actor {name}{member}", f"partner {name}{member}"])
            # k compares the own with the partner's units: without one metric it says nothing.
            unit = np.nan if name in data.unequal else 1.0
            values, spread = delta(lambda p, u=unit: np.array([p[0], p[1], u * p[1] / p[0]]), theta, cov)
            parts.append(estimate_rows(values, np.sqrt(np.diag(spread))))
            for effect in ("actor", "partner", "k"):
                term = f"{effect} {name}" + (f", {role}" if member else "")
                rows.append({"term": term, "effect": effect, "variable": name, "role": role})
    columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return pd.DataFrame(rows).assign(**columns)
