"""Tests of who may swap places with whom, and fit indices that are fair to exchangeable members.

Kenny and Ledermann (2010) and Kenny, Kashy and Cook (2006) for the test of distinguishability in moments; Olsen and
Kenny (2006) for the I-SAT model. Both need no optimiser: the maximum is the average over swapping the members.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from reldyn._format import counted
from reldyn._types import Column, Columns
from reldyn.actor_partner.followup._compare import ComparisonResult
from reldyn.actor_partner.moments._dyads import FamilyResult, dyad_table, warn_all
from reldyn.actor_partner.moments._interchangeable import double_entry, inull_statistic, isat_statistic
from reldyn.actor_partner.moments._moments import saturated
from reldyn.actor_partner.moments._sem import comparative_indices
from reldyn.errors import DesignError, check_option
from reldyn.panel import analysis
from reldyn.results import InState, InTables

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

__all__ = ["IsatResult", "adjusted_fit", "distinguishability_sem", "isat"]


@analysis
def distinguishability_sem(
    panel: DyadPanel,
    *,
    outcome: Column,
    predictors: Columns,
    means: Literal["equal", "free"] = "equal",
    missing: Literal["available", "model"] = "available",
) -> ComparisonResult:
    """Test whether two roles differ in any mean, variance or covariance of all variables.

    Unlike `reldyn.distinguishability`, which tests the regression part, this is the omnibus test of structural
    equation models: it also asks whether the roles differ in the predictors themselves.

    Parameters
    ----------
    panel : DyadPanel
        One occasion per dyad, two roles.
    outcome : str
    predictors : str or sequence of str
    means : {"equal", "free"}, default "equal"
        With one predictor the test has 6 degrees of freedom (2 means, 2 variances, 2 covariances); with free means 4,
        and then it says nothing of role differences in level. Equal, because a swap of roles swaps the means too.
    missing : {"available", "model"}, default "available"
        Dyads that lack a value are left out, with a warning; or stay in with what they have, by full-information
        maximum likelihood (normal variables, missing at random).

    Returns
    -------
    ComparisonResult

    Raises
    ------
    DesignError
        No two roles tell the members apart.

    References
    ----------
    Kenny, Kashy and Cook (2006), Dyadic Data Analysis, chapter 5. Kenny and Ledermann (2010).

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=60, actor=0.3, partner=0.2, seed=1).panel
    >>> rd.actor_partner.distinguishability_sem(panel, outcome="y", predictors=["x"]).df
    6
    """
    check_option(means, ("equal", "free"), "means")
    names = [predictors] if isinstance(predictors, str) else list(predictors)
    table = dyad_table(
        panel, [*names, outcome], analysis="distinguishability_sem", outcomes=[outcome], two_roles=True, missing=missing
    )
    warn_all(table.notes)
    moments = table.moments([*names, outcome])
    statistic, df = isat_statistic(moments, means == "equal")
    from scipy import stats

    free = 2 * (len(names) + 1)
    n_moments = free * (free + 3) // 2
    log_likelihood = saturated(moments)
    first, second = table.members
    return ComparisonResult.of(
        statistic=statistic,
        df=df,
        p_value=float(stats.chi2.sf(statistic, df)),
        reference="chi-squared",
        method="ml",
        log_likelihoods=(log_likelihood - 0.5 * statistic, log_likelihood),
        n_parameters=(n_moments - df, n_moments),
        question=f"do {first} and {second} differ in any {'mean, ' if means == 'equal' else ''}variance or covariance?",
        notes=table.notes,
    )


def adjusted_fit(
    *,
    statistic: float,
    df: int,
    isat: tuple[float, int],
    inull: tuple[float, int],
    n_dyads: int,
) -> dict[str, float]:
    """Fit of a model of exchangeable members, cleared of the arbitrary choice of who is member 1.

    Parameters
    ----------
    statistic, df : float, int
        Chi-squared of the model against the ordinary saturated model.
    isat, inull : (float, int)
        Chi-squared and df of the I-SAT and I-NULL models.
    n_dyads : int

    Returns
    -------
    dict
        ``statistic``, ``df``, ``p_value``, ``null_statistic``, ``null_df``, ``cfi``, ``tli``, ``rmsea`` (dividing by
        dyads), ``rmsea_n_minus_1``. RMSEA is 0 where the statistic is below its degrees of freedom. Where no degrees of
        freedom are left the model is saturated, and the p-value and the indices are NaN.

    Raises
    ------
    DesignError
        The model has fewer degrees of freedom than I-SAT: it is no model of exchangeable members.

    References
    ----------
    Olsen and Kenny (2006), Structural equation modeling with interchangeable dyads.

    Examples
    --------
    >>> import reldyn as rd
    >>> found = rd.actor_partner.adjusted_fit(
    ...     statistic=34.588, df=27, isat=(21.839, 20), inull=(285.154, 36), n_dyads=137
    ... )
    >>> round(found["statistic"], 3), found["df"], round(found["cfi"], 3)
    (12.749, 7, 0.977)
    """
    from scipy import stats

    chi, free = statistic - isat[0], df - isat[1]
    if free < 0:
        raise DesignError(
            f"the model has {df} degrees of freedom and I-SAT {isat[1]}: a model of exchangeable members holds equal "
            "all that I-SAT holds equal, so it has at least as many. Fit it with members alike."
        )
    null, null_df = inull[0] - isat[0], inull[1] - isat[1]
    if free == 0:
        nothing = dict.fromkeys(("p_value", "cfi", "tli", "rmsea", "rmsea_n_minus_1"), float("nan"))
        return {"statistic": chi, "df": 0, "null_statistic": null, "null_df": null_df, **nothing}
    dyads = comparative_indices(chi, free, null, null_df, n_dyads)
    return {
        "statistic": chi,
        "df": free,
        "p_value": float(stats.chi2.sf(chi, free)),
        "null_statistic": null,
        "null_df": null_df,
        **dyads,
        "rmsea_n_minus_1": comparative_indices(chi, free, null, null_df, n_dyads - 1)["rmsea"],
    }


class IsatResult(FamilyResult):
    """The interchangeable saturated and null models of some variables.

    Attributes
    ----------
    table : pandas.DataFrame
    n_dyads : int
    variables : tuple of str
    cov : pandas.DataFrame
        Covariance matrix under interchangeability, both members.
    means : mapping of str to float
    notes : tuple of str
    """

    variables = InState[tuple[str, ...]]()
    cov = InTables()
    means = InState[Mapping[str, float]]()

    def adjust(self, statistic: float, df: int) -> dict[str, float]:
        """Fit indices of a model of these variables; see `adjusted_fit`.

        Parameters
        ----------
        statistic, df : float, int
            Chi-squared of the model against the ordinary saturated model.

        Returns
        -------
        dict
        """
        pairs = list(zip(self.table["statistic"].tolist(), self.table["df"].tolist(), strict=True))
        return adjusted_fit(statistic=statistic, df=df, isat=pairs[0], inull=pairs[1], n_dyads=self.n_dyads)

    def _headline(self) -> str:
        return f"Interchangeable saturated and null models of {', '.join(self.variables)}"

    def _methods(self) -> str:
        return (
            f"Moments of {counted(self.n_dyads, 'dyad')}. I-SAT holds all means, variances and covariances equal under "
            "swapping the members, I-NULL in addition all covariances at zero. Subtract their chi-squared and degrees "
            "of freedom from those of a model of exchangeable members before judging its fit, because the choice of "
            "member 1 is arbitrary; the two chi-squared themselves depend on that choice (Olsen and Kenny, 2006)."
        )


@analysis
def isat(panel: DyadPanel, variables: Columns, *, missing: Literal["available", "model"] = "available") -> IsatResult:
    """Fit the interchangeable saturated and null models.

    Parameters
    ----------
    panel : DyadPanel
        One occasion per dyad; roles, if there are any, only number the members.
    variables : sequence of str
        At least two.
    missing : {"available", "model"}, default "available"
        Dyads that lack a value are left out, with a warning; or stay in with what they have, by full-information
        maximum likelihood (normal variables, missing at random).

    Returns
    -------
    IsatResult
        ``tidy()`` has the rows ``I-SAT`` and ``I-NULL`` with ``statistic``, ``df``, ``p_value``; ``adjust`` gives the
        fair indices of a model.

    Raises
    ------
    DesignError
        Fewer than two variables, several occasions, or too few dyads.

    References
    ----------
    Olsen and Kenny (2006), Structural equation modeling with interchangeable dyads.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=60, actor=0.3, partner=0.2, seed=1).panel
    >>> rd.actor_partner.isat(panel, ["x", "y"]).tidy()["df"].tolist()
    [6, 10]
    """
    import pandas as pd
    from scipy import stats

    names = [variables] if isinstance(variables, str) else list(variables)
    if len(names) < 2:
        raise DesignError("isat compares the moments of several variables: name at least two.")
    table = dyad_table(panel, names, analysis="isat", roles="exchangeable", missing=missing)
    warn_all(table.notes)
    moments = table.moments(names)
    rows: list[dict[str, Any]] = []
    for label, (statistic, df) in (("I-SAT", isat_statistic(moments)), ("I-NULL", inull_statistic(moments))):
        rows.append({"term": label, "statistic": statistic, "df": df, "p_value": float(stats.chi2.sf(statistic, df))})
    average = double_entry(moments)
    labels = [f"{name}, {member}" for name in names for member in table.members]
    cov = pd.DataFrame(average.cov, index=labels, columns=labels)
    means = dict(zip(names, average.mean[::2].tolist(), strict=True))
    return IsatResult.of(
        table=pd.DataFrame(rows), n_dyads=table.n, variables=tuple(names), cov=cov, means=means, notes=table.notes
    )
