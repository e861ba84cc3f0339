"""Read a fitted polynomial of both partners' predictor: its surfaces, their change, and the verdicts on congruence.

Humberg, Nestler and Back (2019) for what must hold before a surface may be called a congruence effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.actor_partner.moments._dyads import estimate_rows
from reldyn.actor_partner.moments._sem import delta

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.actor_partner.model._result import MixedResult

__all__ = ["COLUMNS", "SurfaceModerator", "moderation_tests", "principal_axis", "surface_tables"]

# b1 ... b5 in the order of the surface: own, partner's, own squared, product, partner's squared.
COLUMNS = ("own", "partner", "own_squared", "product", "partner_squared")
SURFACE = {
    "a1": (1.0, 1.0, 0.0, 0.0, 0.0),
    "a2": (0.0, 0.0, 1.0, 1.0, 1.0),
    "a3": (1.0, -1.0, 0.0, 0.0, 0.0),
    "a4": (0.0, 0.0, 1.0, -1.0, 1.0),
    "a5": (0.0, 0.0, 1.0, 0.0, -1.0),
}
MEANING = {
    "a1": "slope along agreement",
    "a2": "curvature along agreement",
    "a3": "slope along disagreement",
    "a4": "curvature along disagreement",
    "a5": "tilt of the ridge",
    "p10": "first principal axis, intercept",
    "p11": "first principal axis, slope",
}
MEANING |= {f"b{k + 1}": name for k, name in enumerate(COLUMNS)}
WEIGHTS = {f"b{k + 1}": tuple(np.eye(len(COLUMNS))[k]) for k in range(len(COLUMNS))} | SURFACE


@dataclass(frozen=True)
class SurfaceModerator:
    """A moderator of a surface: its column, its zero in the model, and the values at which surfaces are read.

    Indicators of one column of categories share a ``group``; where one of them is read, the others are 0.
    """

    label: str
    centre: float
    points: tuple[float, ...]
    group: str = ""

    def product(self, name: str) -> str:
        """The column of a coefficient's change per unit of the moderator."""
        return f"{name} x {self.label}"


def surface_tables(fit: MixedResult, moderators: Sequence[SurfaceModerator]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Surfaces of each role with the verdicts on them.

    Without moderators one surface per role. With moderators that one holds at their means; then come the change of
    each coefficient per unit of each moderator and the surfaces at its points, the other moderators at their means.
    """
    import pandas as pd

    tables, verdicts = [], []
    for role in _roles(fit):
        plain = _surface(fit, role, {})
        tables.append(_labelled(plain, role, moderators, ""))
        verdicts.append({"role": role} | ({"moderator": "", "at": np.nan} if moderators else {}) | _congruence(plain))
        for moderator in moderators:
            tables.append(_labelled(_change(fit, role, moderator), role, moderators, moderator.label, change=True))
            beside = {one: 0.0 for one in moderators if moderator.group and one.group == moderator.group}
            for point in moderator.points:
                table = _surface(fit, role, beside | {moderator: point})
                tables.append(_labelled(table, role, moderators, moderator.label, point))
                verdicts.append({"role": role, "moderator": moderator.label, "at": point, **_congruence(table)})
    return pd.concat(tables, ignore_index=True), pd.DataFrame(verdicts)


def moderation_tests(fit: MixedResult, moderators: Sequence[SurfaceModerator]) -> pd.DataFrame:
    """Joint test, by role and moderator, that no coefficient of the surface changes with it.

    Categories that are more than two are tested together as well, under the name of their column.
    """
    import pandas as pd

    rows = []
    for role in _roles(fit):
        for label, together in _tested(moderators):
            products = [{_term(one.product(name), role): 1.0} for one in together for name in COLUMNS]
            test = fit.contrast(products).iloc[0]
            rows.append(
                {
                    "term": f"surface x {label}" + (f", {role}" if role != "" else ""),
                    "role": role,
                    "moderator": label,
                    **{name: test[name] for name in ("statistic", "df", "df_error", "p_value")},
                }
            )
    return pd.DataFrame(rows)


def _tested(moderators: Sequence[SurfaceModerator]) -> list[tuple[str, list[SurfaceModerator]]]:
    """What is tested together: each moderator by itself, and before them the indicators of one column."""
    found: list[tuple[str, list[SurfaceModerator]]] = []
    for moderator in moderators:
        group = [one for one in moderators if one.group and one.group == moderator.group]
        if len(group) > 1 and group[0] is moderator:
            found.append((moderator.group, group))
        found.append((moderator.label, [moderator]))
    return found


def _roles(fit: MixedResult) -> list[Any]:
    return list(dict.fromkeys(column.role for column in fit.design.fixed if column.term.variable in COLUMNS))


def _term(name: str, role: Any) -> str:
    return f"{name}, {role}" if role != "" else name


def _surface(fit: MixedResult, role: Any, at: Mapping[SurfaceModerator, float]) -> pd.DataFrame:
    """Coefficients, surface parameters and axis of one role, at values of moderators."""
    import pandas as pd

    coefficients = []
    for name in COLUMNS:
        row = {_term(name, role): 1.0}
        row |= {_term(moderator.product(name), role): value - moderator.centre for moderator, value in at.items()}
        coefficients.append(row)
    table = fit.contrast(_combined(coefficients)).rename(columns={"term": "parameter"})
    return pd.concat([table, _axis(fit, coefficients)], ignore_index=True)


def _change(fit: MixedResult, role: Any, moderator: SurfaceModerator) -> pd.DataFrame:
    """How coefficients and surface parameters of one role change per unit of a moderator."""
    coefficients = [{_term(moderator.product(name), role): 1.0} for name in COLUMNS]
    return fit.contrast(_combined(coefficients)).rename(columns={"term": "parameter"})


def _combined(coefficients: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Weights of b1 ... b5 and a1 ... a5 on the terms of the model."""
    weighted: dict[str, dict[str, float]] = {}
    for label, weights in WEIGHTS.items():
        weighted[label] = {
            term: weight * value
            for row, weight in zip(coefficients, weights, strict=True)
            if weight
            for term, value in row.items()
            if value
        }
    return weighted


def _labelled(
    table: pd.DataFrame,
    role: Any,
    moderators: Sequence[SurfaceModerator],
    label: str,
    at: float = float("nan"),
    *,
    change: bool = False,
) -> pd.DataFrame:
    import pandas as pd

    suffix = f", {role}" if role != "" else ""
    if change:
        suffix = f", change per unit of {label}{suffix}"
    elif label:
        suffix = f" at {label} = {at:.4g}{suffix}"
    terms = [f"{parameter}: {MEANING[parameter]}{suffix}" for parameter in table["parameter"]]
    table.insert(0, "term", terms)
    table.insert(2, "role", pd.Series([role] * len(table), dtype=object))
    if moderators:
        table.insert(3, "effect", "change" if change else "surface")
        table.insert(4, "moderator", label)
        table.insert(5, "at", at)
    return table


def _axis(fit: MixedResult, coefficients: Sequence[Mapping[str, float]]) -> pd.DataFrame:
    """First principal axis (partner's on own), by the delta method; NaN where the surface has none."""
    import pandas as pd

    labels = [column.name for column in fit.design.fixed]
    weights = np.zeros((len(COLUMNS), len(labels)))
    for k, row in enumerate(coefficients):
        for term, value in row.items():
            weights[k, labels.index(term)] = value
    theta, cov = weights @ fit.estimates.beta, weights @ fit.estimates.cov @ weights.T
    values, spread = delta(principal_axis, theta, cov)
    return pd.DataFrame({"parameter": ["p10", "p11"]}).assign(**estimate_rows(values, np.sqrt(np.diag(spread))))


def principal_axis(b: NDArray[Any]) -> NDArray[Any]:
    """Intercept and slope of the first principal axis of the surface with coefficients b1 ... b5."""
    twist = b[3] ** 2 - 4 * b[2] * b[4]
    own = (2 * b[0] * b[4] - b[1] * b[3]) / twist
    other = (2 * b[1] * b[2] - b[0] * b[3]) / twist
    slope = (b[4] - b[2] + np.sqrt((b[2] - b[4]) ** 2 + b[3] ** 2)) / b[3]
    return np.array([other - slope * own, slope])


def _congruence(table: pd.DataFrame) -> dict[str, Any]:
    """Apply the conditions in order and name the first that fails."""
    ends: dict[str, tuple[float, float]] = {
        str(row["parameter"]): (float(row["conf_low"]), float(row["conf_high"])) for row in table.to_dict("records")
    }

    def holds(label: str, value: float) -> bool:
        return ends[label][0] <= value <= ends[label][1]

    reasons = (
        (not ends["a4"][1] < 0, "a4 is not below zero: the outcome is no lower where partners differ"),
        (not holds("a3", 0.0), "a3 differs from zero: it matters who of the two has more"),
        (not holds("a5", 0.0), "a5 differs from zero: the ridge is tilted from the line of congruence"),
        (not (holds("p10", 0.0) and holds("p11", 1.0)), "the first principal axis is not the line of congruence"),
    )
    for failed, reason in reasons:
        if failed:
            return {"congruence": False, "reason": reason}
    return {"congruence": True, "reason": "outcomes are highest where partners agree"}
