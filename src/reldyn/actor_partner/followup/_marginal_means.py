"""Expected outcomes in the categories of a variable, everything else held equal (Searle, Speed and Milliken, 1980)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._types import Array
from reldyn.errors import DesignError

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.actor_partner.model._design import DesignRows
    from reldyn.actor_partner.model._result import MixedResult
    from reldyn.actor_partner.model._terms import DesignColumn, DesignTerm

__all__ = ["means_table"]

# The outcome's scale from that of the link.
RESPONSE: Mapping[str, Callable[[Array], Array]] = {
    "binomial": lambda eta: np.asarray(1 / (1 + np.exp(-eta))),
    "poisson": np.exp,
    "negative-binomial": np.exp,
}


def means_table(result: MixedResult, name: str) -> pd.DataFrame:
    """One row per category and role; the table of `MixedResult.marginal_means`."""
    import pandas as pd

    design, categories = result.design, result.setting.categories
    if name != "role" and name not in categories:
        known = ", ".join([*categories, "role"])
        raise DesignError(
            f"marginal means are those of categories, and {name!r} is no categorical covariate or moderator of this "
            f"model; there are: {known}. Of a numeric moderator see rd.actor_partner.simple_slopes."
        )
    family = getattr(result, "family", "gaussian")
    if family == "ordinal":
        raise DesignError("an ordinal outcome has a probability for each category and no one mean: use fit.contrast.")
    rows: list[dict[str, Any]] = []
    weights = []
    for stratum, composition in enumerate(design.strata):
        for slot, role in enumerate(composition.roles or ("",)):
            for label in categories.get(name, ("",)):
                own = {name: label} if label else {}
                weights.append(_weights(design, categories, own, stratum, slot if composition.roles else -1))
                shown = f"{name}: {label}" if label else "mean"
                part = {"composition": composition.label} if len(design.strata) > 1 else {}
                term = ", ".join(text for text in (shown, *part.values(), str(role)) if text)
                rows.append({"term": term, "variable": name, "category": label, "role": role} | part)
    found = result._inference.contrasts(np.array(weights))
    frame = pd.DataFrame(rows)
    frame["role"] = pd.Series([row["role"] for row in rows], dtype=object)
    numbers = {key: getattr(found, key) for key in ("estimate", "std_error", "df", "conf_low", "conf_high")}
    frame = frame.assign(**numbers)
    if family in RESPONSE:
        turned = {
            f"response{end}": RESPONSE[family](numbers[key])
            for end, key in (("", "estimate"), ("_low", "conf_low"), ("_high", "conf_high"))
        }
        frame = frame.assign(**turned)
    return frame


def _weights(
    design: DesignRows, categories: Mapping[str, tuple[str, ...]], own: Mapping[str, str], stratum: int, slot: int
) -> Array:
    """Value of each coefficient's column for a typical member of this role, in these categories."""
    rows = design.stratum[design.dyad] == stratum
    level = _Levels(design, categories, own, rows)
    used = [column.stratum == stratum and column.slot in (-1, slot) for column in design.fixed]
    return np.array([level.of(column) if inside else 0.0 for column, inside in zip(design.fixed, used, strict=True)])


class _Levels:
    """Where each term is held."""

    def __init__(
        self, design: DesignRows, categories: Mapping[str, tuple[str, ...]], own: Mapping[str, str], rows: Any
    ) -> None:
        self.categories, self.own = categories, own
        # Predictors that are modelled jointly with the outcome have rows without a value.
        self.mean = {column.term: float(np.nanmean(design.base[rows, column.base])) for column in design.fixed}
        self.by_key = {_key(term): value for term, value in self.mean.items() if not term.category}

    def of(self, column: DesignColumn) -> float:
        term = column.term
        if term.effect == "moderation":
            moderated = self.by_key.get((term.moderated, term.variable, term.level), 0.0)
            return moderated * self._trait(term)
        if term.category:
            return self._share(term.variable, term.category)
        return self.mean[term]

    def _trait(self, term: DesignTerm) -> float:
        if term.category:
            return self._share(term.moderator, term.category)
        owner = "covariate" if term.trait_of == "dyad" else term.trait_of
        return self.by_key.get((owner, term.moderator, ""), 0.0)

    def _share(self, variable: str, category: str) -> float:
        """1 or 0 in the category asked for; an equal share of every category of other variables."""
        if variable in self.own:
            return float(self.own[variable] == category)
        return 1.0 / len(self.categories[variable])


def _key(term: DesignTerm) -> tuple[str, str, str]:
    return (term.effect, term.variable, term.level)
