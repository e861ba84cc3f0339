"""`simple_slopes`: a moderated effect at chosen values of its moderator, and where it differs from zero.

Aiken and West (1991) for simple slopes; Johnson and Neyman (1936) for the regions, whose ends solve
``|b1 + b3 m| = t * se(b1 + b3 m)``.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn.actor_partner._past import untested_rows
from reldyn.actor_partner.moments._dyads import FamilyResult
from reldyn.errors import DesignError, check_option
from reldyn.results import InState, InTables

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.actor_partner.model._result import ApimResult
    from reldyn.actor_partner.model._terms import DesignColumn

__all__ = ["SlopesResult", "chosen_points", "simple_slopes"]

# Points on which a region's ends are bracketed before they are refined.
GRID = 401


class SlopesResult(FamilyResult):
    """Simple slopes of moderated effects.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per effect and chosen value.
    regions : pandas.DataFrame
        Intervals of the moderator in which the effect differs from zero, per effect.
    lines : pandas.DataFrame
        The effect with its 95 % band over the moderator's range, for the figure.
    n_dyads : int
    outcome, moderator : str
    trait_of : str
    limits : tuple of float
        Range of the moderator in the data.
    notes : tuple of str
    """

    regions = InTables()
    lines = InTables()
    outcome = InState[str]()
    moderator = InState[str]()
    trait_of = InState[str]()
    limits = InState[tuple[float, float]]()

    figure: ClassVar[str | None] = "simple_slopes"

    def _headline(self) -> str:
        return f"Simple slopes of {self.outcome} by {self.trait_of} {self.moderator}"

    def _methods(self) -> str:
        told = []
        for row in self.regions.itertuples():
            where = f"between {row.low:.3g} and {row.high:.3g}" if row.significant else "nowhere in the data"
            told.append(f"{row.effect_term} differs from zero {where}")
        told = told or ["none, because tests of a centred lag in a short series are withheld"]
        return (
            f"Effects at values of {self.moderator} (range in the data {self.limits[0]:.3g} to {self.limits[1]:.3g}), "
            f"with the inference of the fit. Regions of significance (Johnson and Neyman, 1936; 5 %, not adjusted for "
            f"looking everywhere): {'; '.join(told)}. (Aiken and West, 1991)"
        )


def simple_slopes(
    fit: ApimResult,
    *,
    moderator: str | None = None,
    trait_of: str | None = None,
    at: Sequence[float] | None = None,
) -> SlopesResult:
    """Probe a moderation, or an actor by partner interaction.

    Parameters
    ----------
    fit : ApimResult
        Fitted with ``moderators``, or with ``interaction="product"``.
    moderator : str, optional
        Which moderator. None: the only one; without moderators, the partner's predictor, which moderates the actor
        effect in a product interaction.
    trait_of : {"actor", "partner", "dyad"}, optional
        Whose trait, where both partners' were entered.
    at : sequence of float, optional
        Values of the moderator. None: its mean and one standard deviation below and above (both values, where it has
        two).

    Returns
    -------
    SlopesResult
        ``tidy()``: ``term``, ``effect``, ``variable``, ``level``, ``role``, ``moderator``, ``at`` and the numbers.
        ``regions``: ``effect_term``, ``low``, ``high``, ``significant``, ``sign``.

    Raises
    ------
    DesignError
        The fit has no such moderation, or an absolute-difference interaction, whose slope has a kink.

    References
    ----------
    Aiken and West (1991), Multiple regression: Testing and interpreting interactions. Johnson and Neyman (1936).

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=60, actor=0.3, partner=0.2, seed=1).panel
    >>> fit = rd.apim(panel, outcome="y", predictors=["x"], interaction="product")
    >>> rd.actor_partner.simple_slopes(fit, at=[-1, 1]).tidy()["at"].tolist()
    [-1.0, 1.0, -1.0, 1.0]
    """
    if categorical := _categorical(fit, moderator):
        raise DesignError(
            f"{categorical!r} is categorical: the effect in a category is the sum of its coefficient and of that "
            "category's moderation, fit.contrast({...}) with both terms; whether categories differ is "
            f"fit.joint_test({categorical!r})."
        )
    pairs, name, owner, values = _moderated(fit, moderator, trait_of)
    seen = values[np.isfinite(values)]
    points = chosen_points(seen) if at is None else _points(at)
    limits = float(seen.min()), float(seen.max())
    grid = np.linspace(*limits, GRID)
    return SlopesResult.of(
        table=_slopes_table(fit, pairs, points, name),
        regions=_regions(fit, [pair for pair in pairs if _is_tested(fit, pair)], grid),
        lines=_lines(fit, pairs, grid[:: (GRID - 1) // 50]),
        n_dyads=fit.design.n_dyads,
        outcome=fit.design.outcome,
        moderator=name,
        trait_of=owner,
        limits=limits,
        notes=fit.warnings,
    )


def _categorical(fit: ApimResult, moderator: str | None) -> str:
    """The categorical moderator that is asked for; empty where it is numeric."""
    known = list(dict.fromkeys(c.term.moderator for c in fit.design.fixed if c.term.effect == "moderation"))
    name = known[0] if moderator is None and len(known) == 1 else moderator
    return name if name is not None and name in fit.setting.categories else ""


def _moderated(
    fit: ApimResult, moderator: str | None, trait_of: str | None
) -> tuple[list[tuple[DesignColumn, DesignColumn]], str, str, NDArray[np.float64]]:
    """Pairs of an effect and its product, the moderator's name and owner, and its values."""
    columns = fit.design.fixed
    moderations = [column for column in columns if column.term.effect == "moderation"]
    if not moderations:
        return _interacting(fit, moderator)
    known = list(dict.fromkeys(column.term.moderator for column in moderations))
    if moderator is None and len(known) > 1:
        raise DesignError(f"the fit has several moderators ({', '.join(known)}): say which with moderator=.")
    name = known[0] if moderator is None else moderator
    check_option(name, tuple(known), "moderator")
    owners = list(dict.fromkeys(column.term.trait_of for column in moderations if column.term.moderator == name))
    if trait_of is None and len(owners) > 1:
        raise DesignError(f"{name!r} was entered for {' and '.join(owners)}: say whose with trait_of=.")
    owner = owners[0] if trait_of is None else trait_of
    check_option(owner, tuple(owners), "trait_of")
    pairs = []
    for product in moderations:
        term = product.term
        if (term.moderator, term.trait_of) != (name, owner):
            continue
        plain = next(c for c in columns if _is_plain(c, product))
        pairs.append((plain, product))
    main = next(
        c
        for c in columns
        if c.term.variable == name and c.term.effect in (owner, "covariate") and c.term.moderator == ""
    )
    return pairs, name, owner, fit.design.base[:, main.base]


def _is_plain(column: DesignColumn, product: DesignColumn) -> bool:
    """Whether a column is the unmoderated effect behind a product."""
    term, joint = column.term, product.term
    same = (term.effect, term.variable, term.level) == (joint.moderated, joint.variable, joint.level)
    return same and (column.stratum, column.slot) == (product.stratum, product.slot)


def _interacting(
    fit: ApimResult, moderator: str | None
) -> tuple[list[tuple[DesignColumn, DesignColumn]], str, str, NDArray[np.float64]]:
    """Actor effects and their products with the partner's predictor."""
    columns = fit.design.fixed
    products = [column for column in columns if column.term.effect == "interaction"]
    if not products:
        raise DesignError("the fit has no moderation to probe: give rd.apim moderators, or interaction='product'.")
    if fit.setting.interaction != "product":
        raise DesignError(
            "an absolute-difference interaction has no simple slopes: the slope jumps where partners are equal. Fit it "
            "with interaction='product'."
        )
    known = list(dict.fromkeys(column.term.variable for column in products))
    if moderator is None and len(known) > 1:
        raise DesignError(f"the fit has several interactions ({', '.join(known)}): say which with moderator=.")
    name = known[0] if moderator is None else moderator
    check_option(name, tuple(known), "moderator")
    pairs = []
    for product in products:
        if product.term.variable != name:
            continue
        for column in columns:
            same = (column.term.variable, column.term.level) == (name, product.term.level)
            place = (column.stratum, column.slot) == (product.stratum, product.slot)
            if column.term.effect == "actor" and same and place:
                pairs.append((column, product))
    partner = next(c for c in columns if c.term.effect == "partner" and c.term.variable == name)
    return pairs, name, "partner", fit.design.base[:, partner.base]


def _points(at: Any) -> NDArray[np.float64]:
    """Values of the moderator that the caller chose.

    Raises
    ------
    DesignError
        There are none, or they are not finite numbers.
    """
    try:
        points = np.atleast_1d(np.asarray(at, dtype=float))
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 1 or not len(points) or not np.isfinite(points).all():
        raise DesignError(f"at={at!r} is no sequence of values of the moderator, such as [-1, 0, 1].")
    return points


def chosen_points(observed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean and one standard deviation below and above; both values of a moderator that has two."""
    distinct = np.unique(observed)
    if len(distinct) == 2:
        return distinct
    centre, spread = float(observed.mean()), float(observed.std(ddof=1))
    return np.array([centre - spread, centre, centre + spread])


def _rows(fit: ApimResult, pair: tuple[DesignColumn, DesignColumn], points: NDArray[np.float64]) -> Any:
    """The effect at each point, with the inference of the fit."""
    place = {column.name: k for k, column in enumerate(fit.design.fixed)}
    weights = np.zeros((len(points), len(place)))
    weights[:, place[pair[0].name]] = 1.0
    weights[:, place[pair[1].name]] = points
    found = fit._inference.contrasts(weights)
    untested = untested_rows(fit.estimates.p_value, weights)
    if not untested.any():
        return found
    statistic, p_value = (np.where(untested, np.nan, values) for values in (found.statistic, found.p_value))
    return dataclasses.replace(found, statistic=statistic, p_value=p_value)


def _slopes_table(
    fit: ApimResult, pairs: Sequence[tuple[DesignColumn, DesignColumn]], points: NDArray[np.float64], moderator: str
) -> pd.DataFrame:
    import pandas as pd

    tables = []
    for pair in pairs:
        found, term = _rows(fit, pair, points), pair[0].term
        numbers = {
            name: getattr(found, name)
            for name in ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high")
        }
        names = {
            "term": [f"{pair[0].name} at {moderator} = {point:.3g}" for point in points],
            "effect": term.effect,
            "variable": term.variable,
            "level": term.level,
            "role": pd.Series([pair[0].role] * len(points), dtype=object),
            "moderator": moderator,
            "at": points,
        }
        tables.append(pd.DataFrame(names | numbers))
    return pd.concat(tables, ignore_index=True)


def _lines(
    fit: ApimResult, pairs: Sequence[tuple[DesignColumn, DesignColumn]], grid: NDArray[np.float64]
) -> pd.DataFrame:
    import pandas as pd

    tables = []
    for pair in pairs:
        found = _rows(fit, pair, grid)
        told = {"at": grid, "estimate": found.estimate, "conf_low": found.conf_low, "conf_high": found.conf_high}
        tables.append(pd.DataFrame({"effect_term": pair[0].name, **told}))
    return pd.concat(tables, ignore_index=True)


def _regions(
    fit: ApimResult, pairs: Sequence[tuple[DesignColumn, DesignColumn]], grid: NDArray[np.float64]
) -> pd.DataFrame:
    """Stretches of the grid whose interval leaves zero out, their ends refined."""
    import pandas as pd
    from scipy import optimize

    rows: list[dict[str, Any]] = []
    for pair in pairs:

        def clear(point: float, pair: tuple[DesignColumn, DesignColumn] = pair) -> float:
            """Distance of the interval from zero; negative while it holds zero."""
            found = _rows(fit, pair, np.array([point]))
            return float(max(found.conf_low[0], -found.conf_high[0]))

        found = _rows(fit, pair, grid)
        margin = np.maximum(found.conf_low, -found.conf_high)
        ends = [grid[0]]
        for k in np.flatnonzero(margin[:-1] * margin[1:] < 0):
            ends.append(float(optimize.brentq(clear, grid[k], grid[k + 1], xtol=1e-10)))
        ends.append(grid[-1])
        before = len(rows)
        for low, high in itertools.pairwise(ends):
            if clear(0.5 * (low + high)) > 0:
                middle = _rows(fit, pair, np.array([0.5 * (low + high)]))
                sign = "positive" if middle.estimate[0] > 0 else "negative"
                told = {"low": float(low), "high": float(high), "significant": True, "sign": sign}
                rows.append({"effect_term": pair[0].name, **told})
        if len(rows) == before:
            rows.append({"effect_term": pair[0].name, "low": np.nan, "high": np.nan, "significant": False, "sign": ""})
    return pd.DataFrame(rows, columns=["effect_term", "low", "high", "significant", "sign"])


def _is_tested(fit: ApimResult, pair: tuple[DesignColumn, DesignColumn]) -> bool:
    """Whether the fit gives p-values for both coefficients of a slope."""
    place = {column.name: k for k, column in enumerate(fit.design.fixed)}
    return bool(np.isfinite(fit.estimates.p_value[[place[column.name] for column in pair]]).all())
