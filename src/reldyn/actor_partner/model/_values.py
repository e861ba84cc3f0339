"""Values of actor-partner terms: the partner's row, and centring.

Sources: Kenny, Kashy and Cook (2006) for the actor-partner pairing; Bolger and Laurenceau (2013, chapters 5 and 8)
for the split within and between persons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.errors import DesignError, check_option

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldyn.panel import DyadPanel

__all__ = ["centerings", "has_occasions", "levels_of", "partner_trait", "partner_values"]

CENTERINGS = ("within-between", "three-level", "grand", "none")
SPLIT = ("within-between", "three-level")
# Spread below this share of the largest absolute value is rounding, not variation.
CONSTANT = 1e-10


def centerings(panel: DyadPanel, predictors: Sequence[str], centering: Any) -> dict[str, str]:
    """Centring of each predictor: one option for all, a mapping, or the default that goes with the panel.

    Raises
    ------
    DesignError
        An option is not known, or a mapping names what is no predictor.
    """
    default = "within-between" if has_occasions(panel) else "grand"
    if centering is None or isinstance(centering, str):
        option = default if centering is None else centering
        check_option(option, CENTERINGS, "centering")
        return dict.fromkeys(predictors, option)
    if not isinstance(centering, Mapping):
        raise DesignError(f"centering={centering!r} is neither an option nor a mapping from predictor to option.")
    unknown = [name for name in centering if name not in predictors]
    if unknown:
        raise DesignError(
            f"centering names {unknown[0]!r}, which is not among the predictors: {', '.join(predictors) or 'none'}."
        )
    for name, option in centering.items():
        check_option(option, CENTERINGS, f"centering of {name!r}")
    return {name: centering.get(name, default) for name in predictors}


def has_occasions(panel: DyadPanel) -> bool:
    """Whether any dyad has rows at two occasions."""
    index = panel.index
    one = np.zeros(index.n_dyads, dtype=np.int64)
    one[index.dyad] = index.occasion
    return bool(np.any(one[index.dyad] != index.occasion))


def levels_of(
    panel: DyadPanel, name: str, centering: str, centre: float | None = None
) -> tuple[dict[str, NDArray[np.float64]], float]:
    """Actor's values of a predictor by level: ``within`` and ``between``, or one level without a name.

    Of three levels ``within`` is the day's deviation from the person's mean, ``person`` that mean's deviation from the
    couple's, ``couple`` the couple's mean (of both persons' means) from the mean of couples.

    Parameters
    ----------
    panel : DyadPanel
    name : str
    centering : str
    centre : float, optional
        Where a fitted model has its zero: rows to predict for are centred there, and need not vary.

    Returns
    -------
    levels : dict of str to (n,) arrays
    centre : float
        What was taken off: the grand mean, or the mean of person means; 0 where nothing was.

    Raises
    ------
    DesignError
        A level does not vary, so no effect of it can be estimated.
    """
    values = panel.values(name)
    fitting = centre is None
    if fitting:
        _refuse_constant(values, f"predictor {name!r}", "it is constant: it has no effect to estimate. Leave it out.")
    if centering not in SPLIT:
        if centre is None:
            centre = float(np.nanmean(values)) if centering == "grand" else 0.0
        return {"": values - centre}, centre
    split = panel.within_between([name])
    within, between = split.values(f"{name}_within"), split.values(f"{name}_between")
    if fitting:
        _refuse_flat_level(name, within, between, float(np.nanmax(np.abs(values))))
    seen = np.isfinite(within)
    own = float(np.mean((values - within - between)[seen])) if seen.any() else 0.0
    if centering == "three-level":
        return _three_levels(panel, name, within, between + own, centre)
    centre = own if centre is None else centre
    return {"within": within, "between": between + (own - centre)}, centre


def _three_levels(
    panel: DyadPanel,
    name: str,
    within: NDArray[np.float64],
    person: NDArray[np.float64],
    centre: float | None,
) -> tuple[dict[str, NDArray[np.float64]], float]:
    """The person's mean as the couple's mean and what the person differs from it by."""
    couple = 0.5 * (person + partner_trait(panel, person))
    if centre is None:
        of_couple = np.full(panel.index.n_dyads, np.nan)
        of_couple[panel.index.dyad] = couple
        if not np.isfinite(of_couple).any():
            raise DesignError(f"no couple has both partners' values of {name!r}: there is no couple's mean of it.")
        centre = float(np.nanmean(of_couple))
        scale = float(np.nanmax(np.abs(person)))
        reason = f"partners never differ in their means of {name!r}, or couples do not. Use 'within-between'."
        _refuse_constant(person - couple, f"the person part of {name!r}", reason, scale)
        _refuse_constant(couple, f"the couple part of {name!r}", reason, scale)
    return {"within": within, "person": person - couple, "couple": couple - centre}, centre


def _refuse_flat_level(name: str, within: NDArray[np.float64], between: NDArray[np.float64], scale: float) -> None:
    """Refuse a split of which one part does not vary."""
    reason = f"{name!r} does not vary within persons. Use centering={{{name!r}: 'grand'}}."
    _refuse_constant(within, f"the within part of {name!r}", reason, scale)
    reason = (
        f"all persons have the same mean of {name!r}. Use centering={{{name!r}: 'grand'}}, or name it in covariates."
    )
    _refuse_constant(between, f"the between part of {name!r}", reason, scale)


def _refuse_constant(values: NDArray[np.float64], what: str, reason: str, scale: float | None = None) -> None:
    seen = values[np.isfinite(values)]
    if not len(seen):
        raise DesignError(f"{what} cannot be estimated: it has no value in any row.")
    largest = float(np.abs(seen).max()) if scale is None else scale
    if float(np.ptp(seen)) <= CONSTANT * max(largest, np.finfo(float).tiny):
        raise DesignError(f"{what} cannot be estimated: {reason}")


def partner_values(panel: DyadPanel, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The partner's value at the same occasion; NaN where the partner has no row."""
    row = panel.index.partner_row
    return np.where(row >= 0, values[np.maximum(row, 0)], np.nan)


def partner_trait(panel: DyadPanel, values: NDArray[np.float64], *, other: bool = True) -> NDArray[np.float64]:
    """The partner's value of something that belongs to the person, whether or not the partner has a row here.

    Only for values that do not change within a person. With ``other=False`` the own value, on every row.
    """
    index = panel.index
    table = np.full((index.n_dyads, 2), np.nan)
    seen = np.isfinite(values)
    table[index.dyad[seen], index.member[seen]] = values[seen]
    return np.asarray(table[index.dyad, 1 - index.member if other else index.member])
