"""`measurement_invariance`: whether a scale measures the same in both members.

Four nested factor models of two roles (configural, loadings, intercepts, residuals), uniquenesses of the same item
correlated between members (Kenny, Kashy and Cook, 2006, chapter 5; Tagliabue and Lanz, 2014). Exchangeable members are
equal in all of it by what they are; then one model is judged against the interchangeable saturated one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reldyn._format import counted
from reldyn._types import Columns
from reldyn.actor_partner.moments._dyads import DyadTable, FamilyResult, dyad_table, warn_all
from reldyn.actor_partner.moments._interchangeable import double_entry
from reldyn.actor_partner.moments._latent_structures import (
    EQUALITIES,
    LEVELS,
    factor_structure,
    invariance_structure,
    starting_loadings,
)
from reldyn.actor_partner.moments._moment_model import Fitted, fit_members, likelihood_phrase, parameter_table
from reldyn.errors import DesignError, check_option
from reldyn.panel import analysis
from reldyn.results import InState

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

__all__ = ["InvarianceResult", "measurement_invariance"]

FACTORS = ("free", "equal")
FIT = ("cfi", "tli", "rmsea", "srmr", "log_likelihood")


class InvarianceResult(FamilyResult):
    """Nested factor models of both members' items; of exchangeable members the one model there is.

    Attributes
    ----------
    table : pandas.DataFrame
    parameters : mapping of str to pandas.DataFrame
        Estimates of each model.
    n_dyads : int
    items, roles : tuple
        No roles where members are exchangeable.
    notes : tuple of str
    missing : {"available", "model"}
    factors : {"free", "equal"}
    unadjusted : mapping of str to float
        Of exchangeable members: the fit against the ordinary saturated model, which depends on who is member 1.
    """

    parameters = InState[Mapping[str, Any]]()
    items = InState[tuple[str, ...]]()
    roles = InState[tuple[Any, ...]]()
    missing = InState[str]("available")
    factors = InState[str]("free")
    unadjusted = InState[Mapping[str, float]](factory=dict)

    def _headline(self) -> str:
        members = f"across {self.roles[0]} and {self.roles[1]}" if self.roles else "of exchangeable members"
        return f"Measurement invariance of {', '.join(self.items)} {members}"

    def _methods(self) -> str:
        start = (
            f"One factor per member behind {counted(len(self.items), 'item')}, {counted(self.n_dyads, 'dyad')}, "
            f"{likelihood_phrase(self.missing)}; residuals of the same item correlate between members. "
        )
        if not self.roles:
            return start + (
                "Members are exchangeable, so loadings, intercepts, residual variances and the factors' means and "
                "variances are equal, and no step without one of these equalities exists: it would compare whoever "
                "happens to be member 1 with member 2. The model is judged against the interchangeable saturated "
                "and null models (Olsen and Kenny, 2006)."
            )
        held = " The factors' variances and means are held equal too." if self.factors == "equal" else ""
        return start + (
            "Each model adds an equality to the one before: loadings, intercepts (without which means of the members "
            f"cannot be compared), residual variances (Kenny, Kashy and Cook, 2006).{held}"
        )


@analysis
def measurement_invariance(
    panel: DyadPanel,
    items: Columns,
    *,
    roles: Literal["distinguishable", "exchangeable"] | None = None,
    factors: Literal["free", "equal"] = "free",
    missing: Literal["available", "model"] = "available",
) -> InvarianceResult:
    """Test whether items measure the same in both members.

    Parameters
    ----------
    panel : DyadPanel
        One occasion per dyad.
    items : sequence of str
        At least three columns, answered by both members.
    roles : {"distinguishable", "exchangeable"}, optional
        None: as the panel has them. Two roles give four nested models; exchangeable members one, with everything
        equal, whose fit is cleared of who is called member 1.
    factors : {"free", "equal"}, default "free"
        What becomes of the second member's factor variance (once loadings are equal) and mean (once intercepts are).
        Free, because roles may differ in what is measured while it is measured in the same way; held equal, each step
        also tests that they do not.
    missing : {"available", "model"}, default "available"
        Dyads that lack a value are left out, with a warning; or stay in with what they have, by full-information
        maximum likelihood (normal variables, missing at random).

    Returns
    -------
    InvarianceResult
        ``tidy()`` has one row per model: ``statistic``, ``df``, ``p_value``, ``cfi``, ``tli``, ``rmsea``, ``srmr``,
        ``log_likelihood``, and ``statistic_change``, ``df_change``, ``p_change`` against the model before.

    Raises
    ------
    DesignError
        Fewer than three items, several occasions, or too few dyads.

    References
    ----------
    Kenny, Kashy and Cook (2006), Dyadic Data Analysis, chapter 5. Olsen and Kenny (2006), Structural equation modeling
    with interchangeable dyads.

    Examples
    --------
    >>> import numpy as np, pandas as pd, reldyn as rd
    >>> draw = np.random.default_rng(1).normal(size=(200, 9))
    >>> rows = [
    ...     {"dyad": d, "who": "fm"[m], **{f"i{k}": row[m] + row[8] + 0.7 * row[2 + 3 * m + k] for k in range(3)}}
    ...     for d, row in enumerate(draw) for m in (0, 1)
    ... ]
    >>> panel = rd.DyadPanel(pd.DataFrame(rows), dyad="dyad", person="who", role="who")
    >>> rd.actor_partner.measurement_invariance(panel, ["i0", "i1", "i2"]).tidy()["df"].tolist()
    [5, 7, 9, 12]
    """
    import pandas as pd

    check_option(factors, FACTORS, "factors")
    names = list(items)
    if len(names) < 3:
        raise DesignError(f"measurement_invariance needs at least three items, not {len(names)}: fewer fix no factor.")
    data = dyad_table(panel, names, analysis="measurement_invariance", roles=roles, missing=missing)
    warn_all(data.notes)
    fits = _nested(data, names, factors) if data.distinguishable else {"all equal": _all_equal(data, names)}
    last = list(fits.values())[-1]
    return InvarianceResult.of(
        table=pd.DataFrame(_rows(fits)),
        parameters={level: parameter_table(fit, _named(names, data.members)) for level, fit in fits.items()},
        n_dyads=data.n,
        items=tuple(names),
        roles=data.roles,
        notes=data.notes,
        missing=missing,
        factors=factors,
        unadjusted=last.unadjusted,
    )


def _nested(data: DyadTable, names: Sequence[str], factors: str) -> dict[str, Fitted]:
    moments, fits = data.moments(names), {}
    for level in LEVELS:
        structure = invariance_structure(names, level, factors)
        start = starting_loadings({"F": names}, structure, moments.cov)
        fits[level] = fit_members(structure, moments, start, alike=False)
    return fits


def _all_equal(data: DyadTable, names: Sequence[str]) -> Fitted:
    moments, structure = data.moments(names), factor_structure(names, EQUALITIES)
    start = starting_loadings({"F": names}, structure, double_entry(moments).cov)
    return fit_members(structure, moments, start, alike=True)


def _rows(fits: Mapping[str, Fitted]) -> list[dict[str, Any]]:
    """Fit of each model, and its change from the one before."""
    from scipy import stats

    rows: list[dict[str, Any]] = []
    for level, fit in fits.items():
        before = rows[-1] if rows else {"statistic": np.nan, "df": np.nan}
        change, more = fit.statistic - before["statistic"], fit.df - before["df"]
        rows.append(
            {
                "term": level,
                "statistic": fit.statistic,
                "df": fit.df,
                "p_value": fit.p_value,
                **{name: fit.indices[name] for name in FIT},
                "statistic_change": change,
                "df_change": more,
                "p_change": float(stats.chi2.sf(change, more)) if rows else np.nan,
            }
        )
    return rows


def _named(items: Sequence[str], members: tuple[str, str]) -> dict[str, str]:
    named = {"var F.2": f"factor variance, {members[1]}", "mean F.2": f"factor mean, {members[1]}"}
    named["cov F"] = "factor covariance"
    for what in ("loading", "intercept", "residual"):
        named |= {f"{what} {item}": f"{what} {item}" for item in items}
        for item in items:
            named |= {f"{what} {item}.{k + 1}": f"{what} {item}, {member}" for k, member in enumerate(members)}
    return named | {f"cov {item}": f"residual covariance of {item}" for item in items}
