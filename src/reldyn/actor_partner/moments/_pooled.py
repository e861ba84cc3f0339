"""`pooled_regression`: the exchangeable actor-partner model in closed form.

Kenny (1996): regress the dyads' means on means (between) and differences on differences (within); actor and partner
effects are half the sum and half the difference of the two slopes. Exact for complete dyads with one occasion, with
Satterthwaite's degrees of freedom; the oracle of the iterative fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import counted
from reldyn._types import Column, Columns
from reldyn.actor_partner.moments._dyads import FamilyResult, dyad_table, estimate_rows, warn_all
from reldyn.errors import DesignError
from reldyn.panel import analysis
from reldyn.results import InState
from reldyn.stats import LeastSquares, least_squares

if TYPE_CHECKING:
    from reldyn.panel import DyadPanel

__all__ = ["PooledResult", "pooled_regression"]

# Share of the outcome's variance below which what is left is rounding.
_NOTHING_LEFT = 1e-20


class PooledResult(FamilyResult):
    """Actor and partner effects of exchangeable members from two regressions.

    Attributes
    ----------
    table : pandas.DataFrame
    n_dyads : int
    outcome : str
    predictors : tuple of str
    residual_correlation, residual_sd : float
    notes : tuple of str
    """

    outcome = InState[str]()
    predictors = InState[tuple[str, ...]]()
    residual_correlation = InState[float]()
    residual_sd = InState[float]()

    def _about(self) -> dict[str, Any]:
        return {"residual_correlation": self.residual_correlation, "residual_sd": self.residual_sd}

    def _headline(self) -> str:
        return f"Pooled regression of {self.outcome} on own and partner's {', '.join(self.predictors)}"

    def _methods(self) -> str:
        return (
            f"Means of the members of {counted(self.n_dyads, 'dyad')} were regressed on means and differences on "
            "differences; actor and partner effects are half the sum and half the difference of the slopes, with "
            f"Satterthwaite's degrees of freedom. Residuals of partners correlate {self.residual_correlation:.3f} "
            "(Kenny, 1996; Kenny, Kashy and Cook, 2006)."
        )


@analysis
def pooled_regression(panel: DyadPanel, *, outcome: Column, predictors: Columns) -> PooledResult:
    """Estimate actor and partner effects of exchangeable members in closed form.

    Parameters
    ----------
    panel : DyadPanel
        One occasion per dyad; roles are not used. Dyads with a missing value are left out, with a warning.
    outcome : str
    predictors : str or sequence of str

    Returns
    -------
    PooledResult
        ``tidy()``: ``effect`` is ``intercept``, ``actor``, ``partner``, ``between`` or ``within``.

    Raises
    ------
    DesignError
        Several occasions, too few dyads, or predictors that depend on each other.

    References
    ----------
    Kenny (1996), Models of non-independence in dyadic research.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=60, actor=0.3, partner=0.2, roles="exchangeable", seed=1).panel
    >>> rd.actor_partner.pooled_regression(panel, outcome="y", predictors="x").tidy()["effect"].tolist()
    ['intercept', 'actor', 'partner', 'between', 'within']
    """
    import pandas as pd

    names = [predictors] if isinstance(predictors, str) else list(predictors)
    if not names:
        raise DesignError("pooled_regression needs at least one predictor.")
    data = dyad_table(panel, [*names, outcome], analysis="pooled_regression", outcomes=[outcome], roles="exchangeable")
    warn_all(data.notes)
    means = np.column_stack([np.ones(data.n), *(data.values[name].mean(axis=1) for name in names)])
    gaps = np.column_stack([data.values[name][:, 0] - data.values[name][:, 1] for name in names])
    y = data.values[outcome]
    between = least_squares(means, y.mean(axis=1))
    within = least_squares(gaps, y[:, 0] - y[:, 1])
    if between.reason or within.reason:
        raise DesignError(f"the predictors {', '.join(names)} depend on each other linearly: leave one of them out.")
    rows, parts = [{"term": "intercept", "effect": "intercept", "variable": ""}], [_cells(between, 0)]
    for place, name in enumerate(names):
        low, high = _cells(between, place + 1), _cells(within, place)
        half = satterthwaite(between, within, place)
        parts += [*half, low, high]
        rows += [
            {"term": f"{effect} {name}", "effect": effect, "variable": name}
            for effect in ("actor", "partner", "between", "within")
        ]
    # Residuals of mean and difference are independent: their variances give those of the members.
    level, gap = float(between.variance), float(within.variance) / 4
    if not level + gap > _NOTHING_LEFT * float(y.var()):
        raise DesignError("the outcome is constant or fully determined by the predictors: nothing is left to model.")
    columns = {key: np.array([part[key] for part in parts]) for key in parts[0]}
    return PooledResult.of(
        table=pd.DataFrame(rows).assign(**estimate_rows(columns["estimate"], columns["std_error"], columns["df"])),
        n_dyads=data.n,
        outcome=outcome,
        predictors=tuple(names),
        residual_correlation=(level - gap) / (level + gap),
        residual_sd=float(np.sqrt(level + gap)),
        notes=data.notes,
    )


def _cells(fit: LeastSquares, place: int) -> dict[str, float]:
    """One coefficient."""
    return {"estimate": fit.beta[place], "std_error": fit.std_error[place], "df": float(fit.df)}


def satterthwaite(between: LeastSquares, within: LeastSquares, place: int) -> list[dict[str, float]]:
    """Actor and partner effect with their common standard error and degrees of freedom."""
    low, high = between.std_error[place + 1] ** 2, within.std_error[place] ** 2
    df = (low + high) ** 2 / (low**2 / between.df + high**2 / within.df)
    std_error = float(np.sqrt((low + high) / 4))
    b, w = between.beta[place + 1], within.beta[place]
    return [{"estimate": 0.5 * (b + sign * w), "std_error": std_error, "df": float(df)} for sign in (1, -1)]
