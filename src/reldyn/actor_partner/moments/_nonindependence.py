"""`nonindependence`: how alike (or how opposed) the two members of a dyad are.

Kenny, Kashy and Cook (2006, chapter 2): the correlation of the roles where members are distinguishable; where they are
not, an intraclass correlation, which does not depend on who is called member 1.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import counted
from reldyn._types import Columns
from reldyn.actor_partner.moments._dyads import DyadTable, FamilyResult, dyad_table, warn_all
from reldyn.errors import DesignError
from reldyn.panel import analysis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.panel import DyadPanel

__all__ = ["NonindependenceResult", "anova_icc", "exact_limits", "nonindependence"]

# Distance of a correlation from 1 below which one variable gives the other.
_DETERMINED = 1e-12


class NonindependenceResult(FamilyResult):
    """Correlations of the two members' values.

    Attributes
    ----------
    table : pandas.DataFrame
    n_dyads : int
    notes : tuple of str
    """

    def _headline(self) -> str:
        return f"Non-independence of {', '.join(dict.fromkeys(self.table['variable']))}"

    def _methods(self) -> str:
        return (
            f"Similarity of the members of {counted(self.n_dyads, 'dyad')}. Pearson: correlation of the two roles, "
            "role means removed. Pairwise: correlation over both orders of each pair. ANOVA: (MSB - MSW) / (MSB + "
            "MSW) with F = MSB / MSW and exact intervals. REML: the residual correlation of an intercept-only model, "
            "equal to the ANOVA value, with an interval by Fisher's z. Two-sided tests, because members may also be "
            "opposed (Kenny, Kashy and Cook, 2006)."
        )


@analysis
def nonindependence(panel: DyadPanel, variables: Columns, *, roles: str | None = None) -> NonindependenceResult:
    """Estimate the similarity of partners on each variable, in all forms that papers report.

    Parameters
    ----------
    panel : DyadPanel
        One occasion per dyad. For diaries fit ``rd.apim(..., predictors=())`` and read ``fit.covariance``.
    variables : str or sequence of str
        Numeric columns. Dyads that lack a value of any of them are left out, with a warning.
    roles : {"distinguishable", "exchangeable"}, optional
        None: as the panel has them. Pearson's correlation is given for distinguishable members only.

    Returns
    -------
    NonindependenceResult
        ``tidy()`` has one row per variable and ``method`` (``pearson``, ``pairwise``, ``anova``, ``reml``):
        ``estimate``, ``std_error`` (of Fisher's z), ``statistic`` (t, z or F), ``df``, ``df_error``, ``p_value``,
        ``conf_low``, ``conf_high`` (95 %), ``mean_square_between``, ``mean_square_within``. Where the roles answered
        on different response scales only Pearson's correlation has numbers.

    Raises
    ------
    DesignError
        Several occasions or compositions, or too few dyads.

    References
    ----------
    Kenny, Kashy and Cook (2006), Dyadic Data Analysis, chapter 2. Fisher (1925) for the intervals.

    Examples
    --------
    >>> import pandas as pd, reldyn as rd
    >>> pairs = [(8, 6), (5, 3), (7, 2), (8, 5), (8, 7), (5, 6), (3, 4), (8, 9), (6, 7), (2, 3)]
    >>> rows = [(dyad, who, score) for dyad, pair in enumerate(pairs) for who, score in enumerate(pair)]
    >>> panel = rd.DyadPanel(pd.DataFrame(rows, columns=["dyad", "person", "score"]), dyad="dyad", person="person")
    >>> import warnings; warnings.simplefilter("ignore")
    >>> rd.actor_partner.nonindependence(panel, "score").tidy()[["method", "estimate"]].round(3).values.tolist()
    [['pairwise', 0.471], ['anova', 0.511], ['reml', 0.511]]
    """
    import pandas as pd

    names = [variables] if isinstance(variables, str) else list(variables)
    table = dyad_table(panel, names, analysis="nonindependence", roles=roles)
    warn_all(table.notes)
    _refuse_shares(table, names)
    rows = [row for name in names for row in _rows(name, table)]
    return NonindependenceResult.of(table=pd.DataFrame(rows), n_dyads=table.n, notes=table.notes)


def _refuse_shares(table: DyadTable, names: Sequence[str]) -> None:
    """Refuse answers of partners that determine each other: nothing is left by which they could differ."""
    for name in names:
        pair = table.values[name]
        if np.ptp(pair, axis=0).all() and 1 - abs(_correlation(pair[:, 0], pair[:, 1])) < _DETERMINED:
            raise DesignError(
                f"nonindependence: one partner's {name!r} gives the other's, as of two shares of one total: they are "
                "one variable. Analyse that of one member."
            )


def _rows(name: str, table: DyadTable) -> list[dict[str, Any]]:
    pair = table.values[name]
    found = [pearson(pair)] if table.distinguishable else []
    if name in table.unequal:
        # One mean and one variance for both roles: on two response scales they would measure the units.
        found += [_row(method, np.nan) for method in ("pairwise", "anova", "reml")]
        return [{"term": f"{name} ({row['method']})", "variable": name} | row for row in found]
    anova = anova_icc(pair)
    found += [pairwise(pair), anova, reml_icc(len(pair), anova["estimate"])]
    return [{"term": f"{name} ({row['method']})", "variable": name} | row for row in found]


def _row(method: str, estimate: float, **told: float) -> dict[str, Any]:
    names = ("std_error", "statistic", "df", "df_error", "p_value", "conf_low", "conf_high")
    squares = ("mean_square_between", "mean_square_within")
    return {"method": method, "estimate": estimate} | {name: told.get(name, np.nan) for name in (*names, *squares)}


def _fisher(estimate: float, std_error: float) -> dict[str, float]:
    reach = 1.959963984540054 * std_error
    centre = float(np.arctanh(estimate))
    low, high = float(np.tanh(centre - reach)), float(np.tanh(centre + reach))
    return {"std_error": std_error, "conf_low": low, "conf_high": high}


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    one, two = first - first.mean(), second - second.mean()
    return float(one @ two / np.sqrt((one @ one) * (two @ two)))


def pearson(pair: NDArray[np.float64]) -> dict[str, Any]:
    """Correlation of the first members with the second; t with n - 2 degrees of freedom."""
    from scipy import stats

    n = len(pair)
    r = _correlation(pair[:, 0], pair[:, 1])
    t = r * np.sqrt((n - 2) / (1 - r**2))
    p_value = float(2 * stats.t.sf(abs(t), n - 2))
    return _row("pearson", r, statistic=t, df=n - 2, p_value=p_value, **_fisher(r, 1 / np.sqrt(n - 3)))


def pairwise(pair: NDArray[np.float64]) -> dict[str, Any]:
    """Correlation over the double entry of each pair (Griffin and Gonzalez, 1995); z has standard error n ** -.5."""
    from scipy import stats

    n = len(pair)
    r = _correlation(pair.ravel(), pair[:, ::-1].ravel())
    z = r * np.sqrt(n)
    return _row(
        "pairwise", r, statistic=z, df=np.inf, p_value=float(2 * stats.norm.sf(abs(z))), **_fisher(r, (n - 1.5) ** -0.5)
    )


def anova_icc(pair: NDArray[np.float64]) -> dict[str, Any]:
    """Intraclass correlation of the one-way analysis of variance, with F, two-sided p and exact interval.

    Pingouin gives the correlation and F. Its p-value is one-sided and its limits are rounded to two decimals, so
    both are computed here.
    """
    from scipy import stats

    n = len(pair)
    between = 2.0 * float(np.var(pair.mean(axis=1), ddof=1))
    within = float(((pair[:, 0] - pair[:, 1]) ** 2).sum()) / 2 / n
    # Members that never differ are alike as can be, and F has nothing to divide by.
    icc, F = _one_way(pair) if within > 0 else (1.0, np.inf)
    low, high = exact_limits(F, n)
    tails = stats.f.sf(F, n - 1, n), stats.f.cdf(F, n - 1, n)
    return _row(
        "anova",
        icc,
        statistic=F,
        df=n - 1,
        df_error=n,
        p_value=float(min(1.0, 2 * min(tails))),
        conf_low=low,
        conf_high=high,
        mean_square_between=between,
        mean_square_within=within,
    )


def _one_way(pair: NDArray[np.float64]) -> tuple[float, float]:
    import pandas as pd
    from pingouin import intraclass_corr

    n = len(pair)
    rows = {"dyad": np.repeat(np.arange(n), 2), "member": np.tile([0, 1], n), "value": pair.ravel()}
    with warnings.catch_warnings():
        # Pingouin calls pandas in a way that a later pandas will no longer know; the reader cannot change that.
        warnings.simplefilter("ignore", DeprecationWarning)
        found = intraclass_corr(pd.DataFrame(rows), targets="dyad", raters="member", ratings="value").iloc[0]
    return float(found["ICC"]), float(found["F"])


def exact_limits(F: float, n: int) -> tuple[float, float]:
    """95 % limits of the intraclass correlation of n pairs, from F."""
    from scipy import stats

    if np.isinf(F):
        return 1.0, 1.0
    low, high = (F / stats.f.ppf(q, n - 1, n) for q in (0.975, 0.025))
    return float((low - 1) / (low + 1)), float((high - 1) / (high + 1))


def reml_icc(n: int, estimate: float) -> dict[str, Any]:
    """The REML residual correlation: the ANOVA value, with the likelihood's curvature on Fisher's scale.

    The restricted likelihood splits into one part for the sums and one for the differences of members, with log
    variances whose information is (n - 1) / 2 and n / 2; Fisher's z is half the difference of the two.
    """
    from scipy import stats

    std_error = 0.5 * float(np.sqrt(2 / (n - 1) + 2 / n))
    z = float(np.arctanh(estimate)) / std_error
    p_value = float(2 * stats.norm.sf(abs(z)))
    return _row("reml", estimate, statistic=z, df=np.inf, p_value=p_value, **_fisher(estimate, std_error))
