"""`response_surface`: how a person's outcome depends on both partners' predictor, linearly and by their agreement.

Schonbrodt, Humberg and Nestler (2018) for the dyadic response surface; Humberg, Nestler and Back (2019) for what must
hold before it may be called a congruence effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reldyn.actor_partner._causes import check_passed_on
from reldyn.actor_partner._metrics import unequal_metrics, withheld_for
from reldyn.actor_partner.model._mixed_model import mixed_model
from reldyn.actor_partner.model._result import MixedResult
from reldyn.actor_partner.model._setting import check_call
from reldyn.actor_partner.model._terms import strata_of
from reldyn.actor_partner.moments._dyads import FamilyResult, estimate_rows
from reldyn.actor_partner.moments._sem import delta
from reldyn.errors import DesignError
from reldyn.mixed import Estimation

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.panel import DyadPanel

__all__ = ["SurfaceResult", "response_surface"]

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


@dataclass(frozen=True)
class SurfaceResult(FamilyResult):
    """A dyadic response surface.

    Attributes
    ----------
    table : pandas.DataFrame
        Coefficients, surface parameters and principal axis, by role.
    verdicts : pandas.DataFrame
        Whether the surface supports a congruence effect, by role, and why not.
    fit : MixedResult
        The model underneath.
    n_dyads : int
    outcome, predictor : str
    midpoint : float
        What was taken off both partners' predictor.
    limits : tuple of float
        Smallest and largest centred value.
    warnings : tuple of str
    """

    table: pd.DataFrame
    verdicts: pd.DataFrame
    fit: MixedResult
    n_dyads: int
    outcome: str
    predictor: str
    midpoint: float
    limits: tuple[float, float]
    warnings: tuple[str, ...] = ()

    figure: ClassVar[str | None] = "response_surface"

    def _about(self) -> dict[str, Any]:
        glance = self.fit.glance().iloc[0]
        wanted = ("n_persons", "n_obs", "log_likelihood", "n_parameters", "aic", "bic", "converged")
        return {name: glance[name] for name in wanted}

    def _headline(self) -> str:
        return f"Dyadic response surface of {self.outcome} on both partners' {self.predictor}"

    def _methods(self) -> str:
        told = "; ".join(
            f"{row['role'] or 'all members'}: {'supported' if row['congruence'] else 'not supported'} ({row['reason']})"
            for row in self.verdicts.to_dict("records")
        )
        return (
            f"Second-order polynomial of the own and the partner's {self.predictor}, both centred at "
            f"{self.midpoint:.3g}, {self.n_dyads} dyads ({self.fit.estimates.method.upper()}, "
            f"{self.fit.estimates.inference}). A congruence effect needs a4 below zero, a3 and a5 not different from "
            "zero, and a first principal axis that is the line of congruence. "
            f"Congruence effect: {told}. (Schonbrodt, Humberg and Nestler, 2018; Humberg, Nestler and Back, 2019)"
        )


def response_surface(
    panel: DyadPanel,
    *,
    outcome: str,
    predictor: str,
    midpoint: float | None = None,
    roles: Any = None,
    estimation: Estimation = Estimation(),  # noqa: B008 - a frozen value
    **model: Any,
) -> SurfaceResult:
    """Fit the polynomial of both partners' predictor and read its surface.

    Parameters
    ----------
    panel : DyadPanel
        Any number of occasions; partners are paired within the occasion.
    outcome, predictor : str
    midpoint : float, optional
        Common zero of both partners' predictor, such as the middle of the scale. None: the mean over all members. One
        zero for both, because agreement is meaningless on two different scales.
    roles : {"distinguishable", "exchangeable"}, optional
        None: as the panel has them. Distinguishable members have a surface each.
    estimation : Estimation
    **model
        ``random`` and ``residual`` of `reldyn.mixed_model`; ``random`` takes ``"intercept"`` and the columns ``own``,
        ``partner``, ``own_squared``, ``product``, ``partner_squared``.

    Returns
    -------
    SurfaceResult
        ``tidy()``: ``term``, ``parameter`` (``b1`` to ``b5``, ``a1`` to ``a5``, ``p10``, ``p11``), ``role`` and the
        numbers. ``verdicts``: ``role``, ``congruence``, ``reason``.

    Raises
    ------
    DesignError
        The predictor does not vary enough for squares, compositions are mixed, or the roles answered on different
        response scales.

    References
    ----------
    Schonbrodt, Humberg and Nestler (2018), Testing similarity effects with dyadic response surface analysis.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=80, actor=0.3, partner=0.2, seed=1).panel
    >>> surface = rd.actor_partner.response_surface(panel, outcome="y", predictor="x")
    >>> surface.verdicts["congruence"].tolist()
    [False, False]
    """
    from reldyn.panel import DyadPanel as Panel

    check_call(panel, outcome, estimation)
    check_passed_on("response_surface", model, mixed_model, ("outcome", "fixed", "roles", "estimation"))
    if unequal_metrics(panel, [predictor], strata_of(panel, roles)[1]):
        raise DesignError(
            f"response_surface: {withheld_for([predictor], [predictor])}, and agreement is meaningless on two scales. "
            "Bring both to one scale first, for example percent of the maximum possible, or declare "
            "DyadPanel(scales={...}) if both did answer on one."
        )
    paired = panel.actor_partner([predictor])
    own, other = paired.values(f"{predictor}_actor"), paired.values(f"{predictor}_partner")
    zero = float(np.nanmean(own)) if midpoint is None else float(midpoint)
    own, other = own - zero, other - zero
    values = dict(zip(COLUMNS, (own, other, own**2, own * other, other**2), strict=True))
    taken = [name for name in COLUMNS if name in (outcome, predictor)]
    if taken:
        raise DesignError(f"response_surface makes a column called {taken[0]!r}: rename yours.")
    keep = [name for name in dict.fromkeys([*panel.columns.values(), outcome]) if name is not None]
    frame = panel.frame[keep].assign(**values)
    named = {key: name for key, name in panel.columns.items() if name is not None}
    derived = Panel(frame, **named, schedule=panel.schedule)  # type: ignore[arg-type]
    fit = mixed_model(derived, outcome=outcome, fixed=COLUMNS, roles=roles, estimation=estimation, **model)
    if len(fit.design.strata) > 1:
        raise DesignError(
            "response_surface reads one kind of dyad: keep one composition with panel.select(compositions=...)."
        )
    table, verdicts = _read(fit)
    seen = own[np.isfinite(own)]
    return SurfaceResult(
        table=table,
        verdicts=verdicts,
        fit=fit,
        n_dyads=fit.design.n_dyads,
        outcome=outcome,
        predictor=predictor,
        midpoint=zero,
        limits=(float(seen.min()), float(seen.max())),
        warnings=fit.warnings,
    )


def _read(fit: MixedResult) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Coefficients, surface and axis of each role, and what they say of congruence."""
    import pandas as pd

    tables, verdicts = [], []
    for role in dict.fromkeys(column.role for column in fit.design.fixed):
        names = [f"{name}, {role}" if role != "" else name for name in COLUMNS]
        weights: dict[str, Mapping[str, float]] = {f"b{k + 1}": {name: 1.0} for k, name in enumerate(names)}
        for label, row in SURFACE.items():
            weights[label] = {name: value for name, value in zip(names, row, strict=True) if value}
        table = fit.contrast(weights).rename(columns={"term": "parameter"})
        table = pd.concat([table, _axis(fit, names)], ignore_index=True)
        meaning = [MEANING.get(label, label) for label in table["parameter"]]
        suffix = f", {role}" if role != "" else ""
        coefficient = dict(zip(weights, COLUMNS, strict=False))
        terms = [
            f"{label}: {coefficient.get(label, text)}{suffix}"
            for label, text in zip(table["parameter"], meaning, strict=True)
        ]
        table.insert(0, "term", terms)
        table.insert(2, "role", pd.Series([role] * len(table), dtype=object))
        tables.append(table)
        verdicts.append({"role": role, **_congruence(table)})
    return pd.concat(tables, ignore_index=True), pd.DataFrame(verdicts)


def _axis(fit: MixedResult, names: list[str]) -> pd.DataFrame:
    """First principal axis (partner's on own), by the delta method; NaN where the surface has none."""
    import pandas as pd

    labels = [column.name for column in fit.design.fixed]
    places = [labels.index(name) for name in names]
    theta, cov = fit.estimates.beta[places], fit.estimates.cov[np.ix_(places, places)]
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
