"""The two-step multilevel vector autoregression: one mixed model per role, then the residuals of both.

Epskamp, Waldorp, Mottus and Borsboom (2018), Multivariate Behavioral Research 53, 453-480. The mixed models are those
of `reldyn.mixed`, by maximum likelihood.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reldyn._format import agreeing, counted
from reldyn._types import Array, Ints
from reldyn.coupling.autoregression._nickell import nickell_bias
from reldyn.coupling.autoregression._regress import past
from reldyn.coupling.autoregression._var_result import VarResult
from reldyn.errors import DesignError
from reldyn.stats import largest_root

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.mixed import Fit
    from reldyn.panel import DyadSeries


__all__ = ["two_step"]

_FEWEST_DYADS = 10
_FEWEST_PAIRS = 3


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Equation:
    """Rows of one role's model: where they stand in the stacked occasions, and the fit."""

    outcome: Hashable
    partner: Hashable
    rows: Ints
    fit: Fit
    residual: Array
    n_occasions: float


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Stack:
    """All dyads with enough pairs, one below the other.

    Attributes
    ----------
    code : (n,) int array
        Dyad, from 0.
    step : (n,) int array
        Number of the occasion within its dyad.
    values : (n, 2) array
    past : (n, lags, 2) array
        Minus the person's mean.
    means : (d, 2) array
        Person means, minus the mean over dyads.
    counts : (d, 2) array
        Occasions with a value.
    """

    code: Ints
    step: Ints
    values: Array
    past: Array
    means: Array
    counts: Array


def two_step(
    pairs: list[DyadSeries],
    roles: tuple[Hashable, ...],
    variable: str,
    lags: int,
    covariance: Literal["full", "diagonal"],
) -> VarResult:
    """Fit both equations over all dyads.

    Parameters
    ----------
    pairs : list of DyadSeries
    roles : tuple
        Of the panel; two.
    variable : str
    lags : int
    covariance : {"full", "diagonal"}
        Of the random effects within an equation.

    Returns
    -------
    VarResult

    Raises
    ------
    DesignError
        Not two roles, or too few dyads with variance in both members.
    """
    import pandas as pd

    if len(roles) != 2 or any(pair.roles[0] == pair.roles[1] for pair in pairs):
        raise DesignError(
            "pooling='two-step' fits one equation per role and needs two roles that tell the members of every dyad "
            "apart; for exchangeable members use rd.apim with a lagged outcome and residual='var1'."
        )
    kept = [pair for pair in pairs if _usable(pair, lags)]
    if len(kept) < _FEWEST_DYADS:
        raise DesignError(
            f"{len(kept)} of {counted(len(pairs), 'dyad')} {agreeing(len(kept), 'has', 'have')} at least "
            f"{_FEWEST_PAIRS} pairs of occasions and variance in both members; effects that vary between dyads need "
            f"{_FEWEST_DYADS}. Use pooling='none'."
        )
    stack = _stacked(kept, lags)
    equations = [_equation(stack, member, roles, covariance) for member in (0, 1)]
    nickell = _nickell(equations)
    notes = _notes(nickell, equations, len(pairs) - len(kept))
    return VarResult.of(
        kind="two-step",
        variable=variable,
        lags=lags,
        coefficients=pd.DataFrame([row for one in equations for row in _rows(one, lags)]),
        residuals=_contemporaneous(equations, lags),
        random=_random_table(equations),
        nickell=nickell,
        n_dyads=len(kept),
        n_persons=2 * len(kept),
        n_obs=sum(len(one.rows) for one in equations),
        log_likelihood=sum(one.fit.log_likelihood for one in equations),
        n_parameters=sum(one.fit.n_parameters for one in equations),
        converged=all(one.fit.converged for one in equations),
        notes=notes,
    )


def _usable(pair: DyadSeries, lags: int) -> bool:
    before = past(pair, lags)
    known = np.isfinite(before).all(axis=(1, 2))
    enough = [int((known & np.isfinite(pair.values[:, m])).sum()) >= _FEWEST_PAIRS for m in (0, 1)]
    spans = [np.ptp(column[np.isfinite(column)]) > 0 for column in pair.values.T if np.isfinite(column).any()]
    return all(enough) and len(spans) == 2 and all(spans)


def _stacked(pairs: list[DyadSeries], lags: int) -> _Stack:
    means = np.array([np.nanmean(pair.values, axis=0) for pair in pairs])
    return _Stack(
        code=np.repeat(np.arange(len(pairs)), [len(pair.values) for pair in pairs]),
        step=np.concatenate([np.arange(len(pair.values)) for pair in pairs]),
        values=np.concatenate([pair.values for pair in pairs]),
        past=np.concatenate([past(pair, lags) - mean for pair, mean in zip(pairs, means, strict=True)]),
        means=means - means.mean(axis=0),
        counts=np.array([np.isfinite(pair.values).sum(axis=0) for pair in pairs], dtype=float),
    )


def _equation(
    stack: _Stack, member: int, roles: tuple[Hashable, ...], covariance: Literal["full", "diagonal"]
) -> _Equation:
    from reldyn.mixed import Problem, Residual, fit_mixed, fitted_values, random_structure

    n, lags = stack.past.shape[:2]
    outcome = stack.values[:, member]
    varying = np.column_stack([np.ones(n), stack.past[:, :, member], stack.past[:, :, 1 - member]])
    fixed = np.column_stack([varying, stack.means[stack.code, 1 - member]])
    rows = np.flatnonzero(np.isfinite(outcome) & np.isfinite(fixed).all(axis=1))
    own = [f"{roles[member]} lag {lag}" for lag in range(1, lags + 1)]
    other = [f"{roles[1 - member]} lag {lag}" for lag in range(1, lags + 1)]
    labels = ("intercept", *own, *other)
    problem = Problem(
        y=outcome[rows],
        X=fixed[rows],
        Z=varying[rows],
        dyad=stack.code[rows],
        member=np.zeros(len(rows), dtype=np.int64),
        step=stack.step[rows],
        # One member's rows only: a residual variance of the other could not be estimated.
        exchangeable=(True,),
        x_labels=(*labels, f"mean of {roles[1 - member]}"),
        z_labels=labels,
    )
    fit = fit_mixed(problem, random_structure(labels, covariance), Residual("independent"), "ml")
    residual = np.full(n, np.nan)
    residual[rows] = outcome[rows] - fitted_values(fit)[1]
    return _Equation(roles[member], roles[1 - member], rows, fit, residual, float(stack.counts[:, member].mean()))


def _rows(one: _Equation, lags: int) -> list[dict[str, Any]]:
    from scipy.stats import norm

    error = np.sqrt(np.diag(one.fit.cov_beta))
    ratio = one.fit.beta / error
    reach = float(norm.ppf(0.975)) * error
    names: list[tuple[str, Hashable, int]] = [("intercept", "", 0)]
    names += [("inertia", one.outcome, lag) for lag in range(1, lags + 1)]
    names += [("influence", one.partner, lag) for lag in range(1, lags + 1)]
    names += [("between", one.partner, 0)]
    terms = {"intercept": f"{one.outcome}, intercept", "between": f"{one.outcome} on mean of {one.partner}"}
    return [
        {
            "term": terms.get(effect, f"{one.outcome} on {predictor} lag {lag}"),
            "dyad": "",
            "effect": effect,
            "outcome": one.outcome,
            "predictor": predictor,
            "lag": lag,
            "estimate": float(one.fit.beta[k]),
            "std_error": float(error[k]),
            "statistic": float(ratio[k]),
            "df": math.inf,
            "p_value": float(2 * norm.sf(abs(ratio[k]))),
            "conf_low": float(one.fit.beta[k] - reach[k]),
            "conf_high": float(one.fit.beta[k] + reach[k]),
            "n_pairs": len(one.rows),
            "note": "",
        }
        for k, (effect, predictor, lag) in enumerate(names)
    ]


def _contemporaneous(equations: list[_Equation], lags: int) -> pd.DataFrame:
    import pandas as pd

    rest = np.column_stack([one.residual for one in equations])
    both = rest[np.isfinite(rest).all(axis=1)]
    covariance = np.cov(both.T) if len(both) > 2 else np.full((2, 2), np.nan)
    matrices = np.empty((lags, 2, 2))
    for member, one in enumerate(equations):
        matrices[:, member, member] = one.fit.beta[1 : 1 + lags]
        matrices[:, member, 1 - member] = one.fit.beta[1 + lags : 1 + 2 * lags]
    cells = {
        "dyad": "",
        "sd_first": math.sqrt(covariance[0, 0]),
        "sd_second": math.sqrt(covariance[1, 1]),
        "correlation": float(covariance[0, 1] / math.sqrt(covariance[0, 0] * covariance[1, 1])),
        "largest_root": largest_root(matrices),
        "n_pairs": len(both),
        "note": "",
    }
    return pd.DataFrame([cells])


def _random_table(equations: list[_Equation]) -> pd.DataFrame:
    """Standard deviations on the diagonal, correlations off it."""
    import pandas as pd

    rows = []
    for one in equations:
        spread = np.sqrt(np.maximum(np.diag(one.fit.G), 0.0))
        labels = one.fit.structure.labels
        for a, first in enumerate(labels):
            for b in range(a + 1):
                if a != b and not one.fit.structure.matrix(np.ones(one.fit.structure.n_parameters))[a, b]:
                    continue
                size = spread[a] * spread[b]
                value = spread[a] if a == b else (one.fit.G[a, b] / size if size > 0 else math.nan)
                kind = "sd" if a == b else "correlation"
                cells = {"outcome": one.outcome, "kind": kind, "first": first, "second": labels[b]}
                rows.append(cells | {"estimate": float(value)})
    return pd.DataFrame(rows)


def _nickell(equations: list[_Equation]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for one in equations:
        phi = float(np.clip(one.fit.beta[1], -0.99, 0.99))
        occasions = max(one.n_occasions, 4.0)
        first = float(nickell_bias(phi, n_occasions=occasions, method="first-order"))
        cells = {"outcome": one.outcome, "phi": phi, "n_occasions": occasions, "first_order": first}
        cells["exact"] = float(nickell_bias(phi, n_occasions=occasions))
        rows.append(cells | {"exceeds_error": abs(first) > math.sqrt(one.fit.cov_beta[1, 1])})
    return pd.DataFrame(rows)


def _notes(nickell: pd.DataFrame, equations: list[_Equation], n_dropped: int) -> tuple[str, ...]:
    told = "; ".join(
        f"{row.outcome}: about {row.first_order:.3f} at {row.n_occasions:.0f} occasions" for row in nickell.itertuples()
    )
    notes = [
        f"Lags are centred on observed means, which makes an autoregression too small by -(1 + phi) / (T - 1) ({told}; "
        "Nickell 1981). Only more occasions help."
    ]
    if n_dropped:
        notes.append(
            f"{counted(n_dropped, 'dyad')} {agreeing(n_dropped, 'is', 'are')} left out: too few pairs of occasions, or "
            "a member who never varies."
        )
    return (*notes, *(f"{one.outcome}: {note}" for one in equations for note in one.fit.warnings))
