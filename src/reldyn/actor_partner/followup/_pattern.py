"""Dyadic patterns: the ratio k of partner to actor effect, and which pattern it supports.

Kenny and Ledermann (2010): k = 1 is the couple pattern (both partners' predictor counts alike), 0 the actor-only and
-1 the contrast pattern. A ratio says nothing where its denominator may be zero: k is then withheld.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.actor_partner._metrics import withheld_for
from reldyn.actor_partner.model._tables import identify
from reldyn.errors import DesignError, check_option

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.actor_partner.model._design import DesignRows
    from reldyn.actor_partner.model._result import MixedResult

__all__ = ["fieller", "pattern_table"]

INTERVALS = ("fieller", "monte-carlo", "bootstrap")
SMALLEST_ACTOR = 0.1
DRAWS = 100_000
PATTERNS = {-1.0: "contrast", 0.0: "actor-only", 1.0: "couple"}
Interval = Callable[[int, int, float], tuple[float, float]]


def fieller(actor: float, partner: float, cov: NDArray[np.float64], quantile: float) -> tuple[float, float]:
    """Interval of partner / actor (Fieller, 1954).

    Parameters
    ----------
    actor, partner : float
    cov : (2, 2) array
        Of actor and partner effect, in this order.
    quantile : float
        Of the reference distribution, such as 1.96.

    Returns
    -------
    low, high : float
        NaN where the interval is unbounded: the actor effect is not different from zero.

    Examples
    --------
    >>> import numpy as np
    >>> cov = np.array([[0.004736993607014, 0.001495188333452], [0.001495188333452, 0.004736993607014]])
    >>> [round(end, 3) for end in fieller(0.43263, 0.27281, cov, 1.959964)]
    [0.335, 0.994]
    """
    squared = quantile**2
    a = actor**2 - squared * cov[0, 0]
    b = actor * partner - squared * cov[0, 1]
    c = partner**2 - squared * cov[1, 1]
    if a <= 0.0:
        return np.nan, np.nan
    # With a > 0 the estimate itself satisfies the inequality, so the roots are real up to rounding.
    reach = np.sqrt(max(b * b - a * c, 0.0))
    return float((b - reach) / a), float((b + reach) / a)


def pattern_table(result: MixedResult, interval: str, seed: Any) -> pd.DataFrame:
    """One row per role, predictor and level; the table of `ApimResult.pattern`."""
    import pandas as pd

    check_option(interval, INTERVALS, "interval")
    pairs = _pairs(result.design)
    if not pairs:
        raise DesignError("k compares actor and partner effects, and the model has no predictor with both.")
    ends, used = _intervals(result, interval, seed)
    columns = result.design.fixed
    frame = identify([columns[actor] for actor, _ in pairs])
    kept = [name for name in ("variable", "level", "role", "composition") if name in frame]
    frame = frame[kept]
    rows = [_row(result, actor, partner, ends) for actor, partner in pairs]
    frame = pd.concat([frame, pd.DataFrame(rows)], axis=1)
    frame["interval"] = interval
    if used is not None:
        frame["seed"] = used
    return frame


def _pairs(design: DesignRows) -> list[tuple[int, int]]:
    """Places of the actor and partner effect of each predictor, level, role and composition."""
    predictors = {column.term.variable for column in design.fixed if column.term.effect == "partner"}
    key = {(c.term.effect, c.term.variable, c.term.level, c.stratum, c.slot): k for k, c in enumerate(design.fixed)}
    pairs = []
    for (effect, variable, *rest), place in key.items():
        other = key.get(("partner", variable, *rest))  # type: ignore[arg-type]
        if effect == "actor" and variable in predictors and other is not None:
            pairs.append((place, other))
    return pairs


def _row(result: MixedResult, actor: int, partner: int, ends: Interval) -> dict[str, Any]:
    estimates = result.estimates
    a, p = estimates.beta[[actor, partner]]
    cov = estimates.cov[np.ix_([actor, partner], [actor, partner])]
    scale = _standardiser(result.design, actor)
    names = (result.design.fixed[actor].term.variable, result.design.outcome)
    units = withheld_for(names, result.setting.unequal_metrics)
    told = {"actor": a, "partner": p, "actor_standardised": np.nan if units else a * scale}
    reason = units or _withheld(a * scale, float(estimates.p_value[actor]))
    if reason:
        pattern = "inconclusive" if units else _partner_only(result, actor, partner, scale)
        note = f"k is withheld: {reason}"
        return told | {
            "k": np.nan,
            "std_error": np.nan,
            "conf_low": np.nan,
            "conf_high": np.nan,
            "pattern": pattern,
            "note": note,
        }
    k = p / a
    slope = np.array([-k, 1.0]) / a
    low, high = ends(actor, partner, k)
    return told | {
        "k": k,
        "std_error": float(np.sqrt(slope @ cov @ slope)),
        "conf_low": low,
        "conf_high": high,
        "pattern": _supported(low, high),
        "note": "",
    }


def _withheld(standardised: float, p_value: float) -> str:
    if np.isnan(p_value):
        return "the actor effect is that of a centred lag in a short series, and biased"
    if p_value >= 0.05:
        return "the actor effect is not different from zero"
    if abs(standardised) < SMALLEST_ACTOR:
        return f"the standardised actor effect is smaller than {SMALLEST_ACTOR}"
    return ""


def _supported(low: float, high: float) -> str:
    """The pattern whose k is the only one inside the interval."""
    inside = [name for value, name in PATTERNS.items() if low <= value <= high]
    return inside[0] if len(inside) == 1 else "inconclusive"


def _partner_only(result: MixedResult, actor: int, partner: int, scale: float) -> str:
    """Partner-only: a partner effect, and an actor effect shown to be negligible (two one-sided tests at 5 %)."""
    from scipy.stats import t

    estimates = result.estimates
    reach = t.ppf(0.95, estimates.df[actor]) * estimates.std_error[actor] * scale
    negligible = abs(estimates.beta[actor] * scale) + reach < SMALLEST_ACTOR
    return "partner-only" if negligible and estimates.p_value[partner] < 0.05 else "inconclusive"


def _standardiser(design: DesignRows, actor: int) -> float:
    """Spread of the predictor over that of the outcome, at the level of the effect, pooled over both members."""
    column = design.fixed[actor]
    rows = design.stratum[design.dyad] == column.stratum
    rows &= np.isfinite(design.base[:, column.base])
    x, y = design.base[rows, column.base], design.y[rows]
    person = design.dyad[rows] * 2 + design.member[rows]
    if column.term.level == "within":
        return _pooled_sd(x, person) / _pooled_sd(y, person)
    if column.term.level == "between":
        _, first = np.unique(person, return_index=True)
        means = np.bincount(person, weights=y)[person[first]] / np.bincount(person)[person[first]]
        return float(x[first].std(ddof=1) / means.std(ddof=1))
    return float(x.std(ddof=1) / y.std(ddof=1))


def _pooled_sd(values: NDArray[np.float64], person: NDArray[np.int64]) -> float:
    count = np.bincount(person)
    mean = np.bincount(person, weights=values) / np.maximum(count, 1)
    squares = float(np.sum((values - mean[person]) ** 2))
    return float(np.sqrt(squares / (len(values) - np.count_nonzero(count))))


def _intervals(result: MixedResult, interval: str, seed: Any) -> tuple[Interval, int | None]:
    """How the ends of an interval are found, and the seed used."""
    from reldyn.actor_partner.followup._bootstrap import bootstrap_effects
    from reldyn.stats import known_seed

    estimates, estimation = result.estimates, result.setting.estimation
    if interval == "fieller":
        return _fieller_ends(result), None
    chosen = known_seed(estimation.seed if seed is None else seed)
    if interval == "monte-carlo":
        generator = np.random.default_rng(chosen)
        draws = generator.multivariate_normal(estimates.beta, estimates.cov, size=DRAWS, method="eigh")
    else:
        found = bootstrap_effects(result, dataclasses.replace(estimation, seed=chosen))
        draws = found.values[found.usable]

    def ends(actor: int, partner: int, k: float) -> tuple[float, float]:
        del k
        low, high = np.quantile(draws[:, partner] / draws[:, actor], [0.025, 0.975])
        return float(low), float(high)

    return ends, chosen


def _fieller_ends(result: MixedResult) -> Interval:
    from scipy.stats import t

    estimates = result.estimates

    def ends(actor: int, partner: int, k: float) -> tuple[float, float]:
        places = [actor, partner]
        row = np.zeros(len(estimates.beta))
        row[partner], row[actor] = 1.0, -k
        quantile = float(t.ppf(0.975, result._inference.degrees(row)))
        a, p = estimates.beta[places]
        return fieller(float(a), float(p), estimates.cov[np.ix_(places, places)], quantile)

    return ends
