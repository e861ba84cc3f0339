"""Linear contrasts of the fixed effects, or of stability and influence: one at a time, or several in one joint test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from reldyn.actor_partner._past import untested_rows
from reldyn.actor_partner.model._carry_over import carry_over
from reldyn.errors import DesignError, check_option

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn._types import Array
    from reldyn.actor_partner.model._result import MixedResult
    from reldyn.actor_partner.model._terms import DesignColumn
    from reldyn.mixed import Contrasts, JointTest

__all__ = ["contrast_table"]

Row = tuple[str, "Array"]
NAMED = ("role-differences", "composition-differences", "actor-minus-partner", "actor-plus-partner")


class Named(Protocol):
    """What a contrast is made of: a coefficient, or a term of the residual process."""

    @property
    def name(self) -> str: ...


class Inference(Protocol):
    """Tests of rows of weights."""

    def contrasts(self, rows: NDArray[np.float64]) -> Contrasts: ...

    def joint(self, rows: NDArray[np.float64]) -> JointTest: ...


def contrast_table(result: MixedResult, weights: Any, joint: bool | None) -> pd.DataFrame:
    """Estimate contrasts, or test several at once; the table of `MixedResult.contrast`.

    A contrast of a coefficient whose p-value is withheld has none either.
    """
    columns, inference, p_value = _terms_of(result, weights)
    rows, together = _rows(columns, weights)
    untested = untested_rows(p_value, [row for _, row in rows])
    if joint if joint is not None else together:
        table = _joint(rows, inference)
        untested = np.array([untested.any()])
    else:
        table = _single(rows, inference)
    table.loc[untested, ["statistic", "p_value"]] = np.nan
    return table


def _terms_of(result: MixedResult, weights: Any) -> tuple[Sequence[Any], Inference, NDArray[np.float64]]:
    """Coefficients, or stability and influence of a `var1` residual where the weights name those."""
    names = _names(weights)
    fixed = [column.name for column in result.design.fixed]
    if result.setting.residual.process == "var1" and not names.issubset(fixed):
        terms = carry_over(result.design, result.estimates, result.setting.residual)
        known = (*fixed, *(term.name for term in terms.columns))
        for name in sorted(names, key=str):
            check_option(name, known, "term of the contrast")
        mixed = sorted(names.intersection(fixed))
        if mixed:
            raise DesignError(
                f"{mixed[0]!r} is a fixed effect and {min(names.difference(fixed))!r} is not: a contrast is of fixed "
                "effects, or of stability and influence."
            )
        return terms.columns, terms, np.zeros(len(terms.columns))
    return result.design.fixed, result._inference, result.estimates.p_value


def _names(weights: Any) -> set[str]:
    """All terms that the weights name, whatever their form."""
    rows = list(weights.values()) if isinstance(weights, Mapping) else weights
    if isinstance(weights, str) or not isinstance(rows, Sequence):
        return set()
    inner = [row for row in rows if isinstance(row, Mapping)]
    if isinstance(weights, Mapping) and not inner:
        inner = [weights]
    return {name for row in inner for name in row}


def _rows(columns: Sequence[Any], weights: Any) -> tuple[list[Row], bool]:
    """Rows of weights with their labels, and whether they were given as one joint question."""
    if isinstance(weights, str):
        return _named(columns, weights), False
    if isinstance(weights, Mapping):
        if any(isinstance(value, Mapping) for value in weights.values()):
            return [(str(label), _weights(columns, row)) for label, row in weights.items()], False
        row = _weights(columns, weights)
        return [(_label(weights), row)], False
    if isinstance(weights, Sequence) and all(isinstance(row, Mapping) for row in weights) and len(weights):
        rows = [_weights(columns, row) for row in weights]
        return [(_label(given), row) for given, row in zip(weights, rows, strict=True)], True
    raise DesignError(
        "a contrast is a mapping from term to weight, a mapping from label to such a mapping, a sequence of them for a "
        f"joint test, or one of {', '.join(map(repr, NAMED))}; not {weights!r}."
    )


def _weights(columns: Sequence[Named], weights: Any) -> NDArray[np.float64]:
    if not isinstance(weights, Mapping):
        raise DesignError(f"the weights of a contrast are a mapping from term to number, not {weights!r}.")
    place = {column.name: k for k, column in enumerate(columns)}
    row = np.zeros(len(columns))
    for name, weight in weights.items():
        check_option(name, tuple(place), "term of the contrast")
        if not isinstance(weight, (int, float, np.integer, np.floating)) or not np.isfinite(weight):
            raise DesignError(f"the weight of {name!r} in a contrast is a number, not {weight!r}.")
        row[place[name]] = float(weight)
    if not row.any():
        raise DesignError("a contrast with all weights zero tests nothing: give at least one term a weight.")
    return row


def _label(weights: Mapping[str, float]) -> str:
    parts = []
    for name, weight in weights.items():
        sign = "-" if weight < 0 else "+"
        size = "" if abs(weight) == 1 else f"{abs(weight):g} "
        parts.append(f"{sign} {size}[{name}]")
    return " ".join(parts).removeprefix("+ ")


def _named(columns: Sequence[DesignColumn], name: str) -> list[Row]:
    """The contrasts that a name stands for."""
    check_option(name, NAMED, "contrast")
    if name == "role-differences":
        pairs = _pairs(columns, lambda column: (column.term, column.composition), lambda column: column.slot >= 0)
    elif name == "composition-differences":
        pairs = _pairs(columns, lambda column: column.term, lambda column: bool(column.composition) and column.slot < 0)
    else:
        pairs = _actor_partner_pairs(columns)
    if not pairs:
        raise DesignError(f"contrast {name!r}: this model has no two such coefficients to compare.")
    sign = 1.0 if name == "actor-plus-partner" else -1.0
    rows = []
    for first, second in pairs:
        row = np.zeros(len(columns))
        row[first], row[second] = 1.0, sign
        rows.append((_label({columns[first].name: 1.0, columns[second].name: sign}), row))
    return rows


def _pairs(columns: Sequence[DesignColumn], group: Any, member: Any) -> list[tuple[int, int]]:
    """All pairs of columns of one group, in order."""
    groups: dict[Any, list[int]] = {}
    for place, column in enumerate(columns):
        if member(column):
            groups.setdefault(group(column), []).append(place)
    return [
        (places[a], places[b])
        for places in groups.values()
        for a in range(len(places))
        for b in range(a + 1, len(places))
    ]


def _actor_partner_pairs(columns: Sequence[DesignColumn]) -> list[tuple[int, int]]:
    key = {(c.term.effect, c.term.variable, c.term.level, c.stratum, c.slot): place for place, c in enumerate(columns)}
    pairs = []
    for (effect, *rest), place in key.items():
        other = key.get(("partner", *rest))  # type: ignore[arg-type]
        if effect == "actor" and other is not None:
            pairs.append((place, other))
    return pairs


def _single(rows: list[Row], wald: Inference) -> pd.DataFrame:
    import pandas as pd

    found = wald.contrasts(np.array([row for _, row in rows]))
    names = ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high")
    return pd.DataFrame({"term": [label for label, _ in rows]} | {name: getattr(found, name) for name in names})


def _joint(rows: list[Row], wald: Inference) -> pd.DataFrame:
    import pandas as pd

    test = wald.joint(np.array([row for _, row in rows]))
    told = {
        "term": "; ".join(label for label, _ in rows),
        "statistic": test.statistic,
        "df": test.df,
        "df_error": test.df_error,
        "p_value": test.p_value,
    }
    return pd.DataFrame([told])
