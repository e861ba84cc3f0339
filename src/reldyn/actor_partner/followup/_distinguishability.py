"""`distinguishability`: do the two roles need coefficients and variances of their own?"""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING, Any

from reldyn.actor_partner._causes import check_passed_on
from reldyn.actor_partner._metrics import metric_note
from reldyn.actor_partner.followup._compare import ComparisonResult, likelihood_ratio
from reldyn.actor_partner.model._apim import apim
from reldyn.actor_partner.model._mixed_model import mixed_model
from reldyn.actor_partner.model._terms import check_two_roles
from reldyn.errors import DesignError
from reldyn.mixed import Estimation
from reldyn.panel import analysis

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

__all__ = ["distinguishability"]


@analysis
def distinguishability(panel: DyadPanel, **same: Any) -> ComparisonResult:
    """Test whether two members' roles make a difference anywhere in the model.

    Parameters
    ----------
    panel : DyadPanel
        With exactly two roles.
    **same
        Everything `apim` (or, with ``fixed``, `mixed_model`) takes but ``roles``. The method is always maximum
        likelihood, because the two models differ in their fixed effects; the rest of ``estimation`` is kept.

    Returns
    -------
    ComparisonResult
        The omnibus test of all coefficients, variances and covariances that may differ by role. In a cross-section
        with one predictor it has 4 degrees of freedom: intercept, actor, partner, and residual variance.

    Raises
    ------
    DesignError
        ``roles`` is given, or the panel has no two roles.

    References
    ----------
    Kenny, Kashy and Cook (2006), Dyadic Data Analysis, chapter 7. Ackerman, Donnellan and Kashy (2011).

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=60, actor=0.3, partner=0.2, seed=1).panel
    >>> rd.distinguishability(panel, outcome="y", predictors=["x"]).df
    4
    """
    if "roles" in same:
        raise DesignError("distinguishability compares roles='exchangeable' with 'distinguishable': leave roles out.")
    fit: Any = mixed_model if "fixed" in same else apim
    check_passed_on("distinguishability", same, fit, ("roles",))
    check_two_roles(panel, "distinguishability")
    family = same.get("family", "gaussian")
    if family != "gaussian":
        raise DesignError(
            f"family={family!r} is a marginal model (GEE) and has no likelihood to compare: fit it with "
            "roles='distinguishable' and test fit.contrast('role-differences', joint=True)."
        )
    estimation = same.pop("estimation", Estimation())
    kept = estimation.inference if estimation.inference != "kenward-roger" else None
    estimation = dataclasses.replace(estimation, method="ml", inference=kept or "z")
    with warnings.catch_warnings():
        # Both models meet the same warning about the data: one time is enough.
        warnings.simplefilter("ignore")
        alike = fit(panel, roles="exchangeable", estimation=estimation, **same)
    apart = fit(panel, roles="distinguishable", estimation=estimation, **same)
    names = " and ".join(str(label) for label in apart.design.strata[0].roles)
    found = likelihood_ratio(alike, apart, f"do {names} differ in any coefficient or variance?")
    return found.with_parts(notes=(*found.notes, *metric_note(apart.setting.unequal_metrics)))
