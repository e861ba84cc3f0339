"""`measurement_invariance`: whether a scale measures the same in both members of distinguishable dyads.

Four nested factor models (configural, loadings, intercepts, residuals), uniquenesses of the same item correlated
between members (Kenny, Kashy and Cook, 2006, chapter 5; Tagliabue and Lanz, 2014).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.actor_partner.moments._dyads import FamilyResult, dyad_table, warn_all
from reldyn.actor_partner.moments._moment_model import fitted_numbers, parameter_table
from reldyn.actor_partner.moments._sem import fit_structure, moments_of
from reldyn.actor_partner.moments._structures import invariance_structure, pair
from reldyn.errors import DesignError

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["InvarianceResult", "measurement_invariance"]

LEVELS = ("configural", "loadings", "intercepts", "residuals")


@dataclass(frozen=True)
class InvarianceResult(FamilyResult):
    """Nested factor models of both members' items.

    Attributes
    ----------
    table : pandas.DataFrame
    parameters : mapping of str to pandas.DataFrame
        Estimates of each model.
    n_dyads : int
    items, roles : tuple
    warnings : tuple of str
    """

    table: pd.DataFrame
    parameters: Mapping[str, pd.DataFrame]
    n_dyads: int
    items: tuple[str, ...]
    roles: tuple[Any, ...]
    warnings: tuple[str, ...] = ()

    def _headline(self) -> str:
        return f"Measurement invariance of {', '.join(self.items)} across {self.roles[0]} and {self.roles[1]}"

    def _methods(self) -> str:
        return (
            f"One factor per member behind {len(self.items)} items, {self.n_dyads} dyads, maximum likelihood; "
            "residuals of the same item correlate between members. Each model adds an equality to the one before: "
            "loadings, intercepts (without which means of the members cannot be compared), residual "
            "variances (Kenny, Kashy and Cook, 2006)."
        )


def measurement_invariance(panel: DyadPanel, items: Sequence[str]) -> InvarianceResult:
    """Test whether items measure the same in both roles.

    Parameters
    ----------
    panel : DyadPanel
        One occasion per dyad, two roles.
    items : sequence of str
        At least three columns, answered by both members.

    Returns
    -------
    InvarianceResult
        ``tidy()`` has one row per model: ``statistic``, ``df``, ``p_value``, ``cfi``, ``tli``, ``rmsea``, ``srmr``,
        ``log_likelihood``, and ``statistic_change``, ``df_change``, ``p_change`` against the model before.

    Raises
    ------
    DesignError
        Fewer than three items, or no two roles.

    References
    ----------
    Kenny, Kashy and Cook (2006), Dyadic Data Analysis, chapter 5.

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
    from scipy import stats

    names = list(items)
    if len(names) < 3:
        raise DesignError(f"measurement_invariance needs at least three items, not {len(names)}: fewer fix no factor.")
    data = dyad_table(panel, names, analysis="measurement_invariance", two_roles=True)
    warn_all(data.notes)
    moments = moments_of(data.stacked(names))
    rows: list[dict[str, Any]] = []
    parameters = {}
    for level in LEVELS:
        structure = invariance_structure(names, level)
        fitted = fitted_numbers(fit_structure(structure, moments, _loadings(names, moments.cov, structure.labels)))
        before = rows[-1] if rows else {"statistic": np.nan, "df": np.nan}
        change, more = fitted.statistic - before["statistic"], fitted.df - before["df"]
        rows.append(
            {
                "term": level,
                "statistic": fitted.statistic,
                "df": fitted.df,
                "p_value": fitted.p_value,
                **{name: fitted.indices[name] for name in ("cfi", "tli", "rmsea", "srmr", "log_likelihood")},
                "statistic_change": change,
                "df_change": more,
                "p_change": float(stats.chi2.sf(change, more)) if rows else np.nan,
            }
        )
        parameters[level] = parameter_table(fitted, _named(names, data.members))
    return InvarianceResult(pd.DataFrame(rows), parameters, data.n, tuple(names), data.roles, data.notes)


def _loadings(items: Sequence[str], cov: Any, labels: Sequence[str]) -> dict[str, float]:
    """Start from loadings that are the items' correlations with their sum."""
    start = {}
    for place, name in enumerate(pair(*items)):
        own = np.arange(place % 2, cov.shape[0], 2)
        total = float(cov[np.ix_(own, own)].sum())
        item, member = name.rsplit(".", 1)
        value = float(cov[place, own].sum() / np.sqrt(total))
        start[f"loading {item}.{member}"] = start[f"loading {item}"] = value
    return {label: start[label] for label in labels if label in start} | {"var F.2": 1.0}


def _named(items: Sequence[str], members: tuple[str, str]) -> dict[str, str]:
    named = {"var F.2": f"factor variance, {members[1]}", "mean F.2": f"factor mean, {members[1]}"}
    named["cov F"] = "factor covariance"
    for what in ("loading", "intercept", "residual"):
        for item in items:
            named |= {f"{what} {item}.{k + 1}": f"{what} {item}, {member}" for k, member in enumerate(members)}
    return named | {f"cov {item}": f"residual covariance of {item}" for item in items}
