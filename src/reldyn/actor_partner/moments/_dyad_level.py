"""Models in which the couple, or one partner's outcome, moves the other: common fate and mutual influence.

Ledermann and Kenny (2012) for the common fate model, Kenny (1996) for mutual influence. Both can come out
inadmissible (a negative variance, a feedback that grows): that is reported as it is, because a clipped estimate hides
that the model does not fit the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from reldyn._format import counted
from reldyn._types import Column
from reldyn.actor_partner.moments._dyads import DyadTable, dyad_table, estimate_rows, refuse_unequal, warn_all
from reldyn.actor_partner.moments._interchangeable import double_entry
from reldyn.actor_partner.moments._moment_model import Fitted, MomentResult, fit_members, parameter_table
from reldyn.actor_partner.moments._nonindependence import anova_icc
from reldyn.actor_partner.moments._sem import delta
from reldyn.actor_partner.moments._structures import common_fate_structure, mutual_structure
from reldyn.errors import DesignError
from reldyn.panel import analysis
from reldyn.results import InState

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["CommonFateResult", "MutualInfluenceResult", "common_fate", "mutual_influence"]

LEAST_ICC = 0.2
# Below this F an instrument hardly moves its outcome (Staiger and Stock, 1997).
WEAK_F = 10.0


class CommonFateResult(MomentResult):
    """A common fate model.

    Attributes
    ----------
    outcome, predictor : str
    roles : tuple
    icc : mapping of str to float
        Intraclass correlations of both variables, role means removed.
    admissible : bool
        Whether all variances are positive and all correlations inside -1 and 1.
    """

    outcome = InState[str]("")
    predictor = InState[str]("")
    roles = InState[tuple[Any, ...]](())
    icc = InState[Mapping[str, float] | None](None)
    admissible = InState[bool](True)

    figure: ClassVar[str | None] = "common_fate_diagram"

    def _about(self) -> dict[str, Any]:
        return {**super()._about(), "admissible": self.admissible}

    def _headline(self) -> str:
        word = "" if self.admissible else " (INADMISSIBLE)"
        return f"Common fate model: {self.outcome} of the dyad on {self.predictor} of the dyad{word}"

    def _methods(self) -> str:
        shared = ", ".join(f"{name} {value:.2f}" for name, value in (self.icc or {}).items())
        return (
            "A dyad-level variable stands behind both members' answers (loadings 1), and each member's residuals of "
            f"the two variables correlate; {counted(self.n_dyads, 'dyad')}, {self._likelihood}. Intraclass "
            f"correlations: {shared}. "
            f"{self._fit_sentence()} The model says that what partners share goes together, not what one does to the "
            "other (Ledermann and Kenny, 2012)."
        )


@analysis
def common_fate(
    panel: DyadPanel,
    *,
    outcome: Column,
    predictor: Column,
    roles: Literal["distinguishable", "exchangeable"] | None = None,
    missing: Literal["available", "model"] = "available",
    least_icc: float = LEAST_ICC,
) -> CommonFateResult:
    """Fit the common fate model.

    Parameters
    ----------
    panel : DyadPanel
        One occasion per dyad.
    outcome, predictor : str
        Both members' reports of something that belongs to the dyad.
    roles : {"distinguishable", "exchangeable"}, optional
        None: as the panel has them. The fit of exchangeable members is judged against the interchangeable saturated
        model (Olsen and Kenny, 2006), so that it does not depend on who is called member 1; ``unadjusted`` has the
        raw numbers.
    missing : {"available", "model"}, default "available"
        Dyads that lack a value are left out, with a warning; or stay in with what they have, by full-information
        maximum likelihood (normal variables, missing at random), standard errors from the observed information.
    least_icc : float, default 0.2
        Partners who agree less than this share too little for a dyad-level variable: such models break down
        (negative variances) more often than they help.

    Returns
    -------
    CommonFateResult
        ``tidy()``: ``slope`` of the dyad-level outcome, its standardised form, the two dyad-level variances and the
        residual covariances. A negative variance (Heywood case) stays as it is; ``admissible`` is then False.

    Raises
    ------
    DesignError
        An intraclass correlation is below ``least_icc``; several occasions; too few dyads; the roles answered on
        different response scales.

    References
    ----------
    Ledermann and Kenny (2012), The common fate model for dyadic data.

    Examples
    --------
    >>> import numpy as np, pandas as pd, reldyn as rd
    >>> draw = np.random.default_rng(1).normal(size=(100, 6))
    >>> x, y = draw[:, :1] + 0.7 * draw[:, 1:3], 0.5 * draw[:, :1] + 0.5 * draw[:, 5:] + 0.6 * draw[:, 3:5]
    >>> rows = pd.DataFrame({"dyad": np.repeat(range(100), 2), "who": ["f", "m"] * 100, "x": x.ravel(), "y": y.ravel()})
    >>> panel = rd.DyadPanel(rows, dyad="dyad", person="who", role="who")
    >>> rd.actor_partner.common_fate(panel, outcome="y", predictor="x").admissible
    True
    """
    data = dyad_table(
        panel, [predictor, outcome], analysis="common_fate", outcomes=[outcome], roles=roles, missing=missing
    )
    refuse_unequal(data, "common_fate", "one dyad-level variable cannot stand behind both with loadings of 1")
    icc = {name: _icc(data, name) for name in (predictor, outcome)}
    for name, value in icc.items():
        if value < least_icc:
            raise DesignError(
                f"common_fate: the intraclass correlation of {name!r} is {value:.2f}, below {least_icc:g}: partners "
                "share too little of it for a dyad-level variable behind both answers. Use rd.apim, which needs no "
                "agreement."
            )
    alike = not data.distinguishable
    moments = data.moments([predictor, outcome])
    average = double_entry(moments) if alike else moments
    between = [float(average.cov[0, 1]), float(average.cov[2, 3])]
    start = {"var X": abs(between[0]), "var Y": 0.5 * abs(between[1])}
    fitted = fit_members(common_fate_structure(alike=alike), moments, start, alike=alike)
    faults = _heywood(fitted, predictor, outcome)
    notes = (*data.notes, *faults)
    warn_all(notes)
    return CommonFateResult.of(
        table=_fate_table(fitted, data, predictor, outcome),
        parameters=parameter_table(fitted, {}),
        fitted=fitted,
        n_dyads=data.n,
        notes=(*notes, *fitted.notes),
        outcome=outcome,
        predictor=predictor,
        roles=data.roles,
        missing=missing,
        icc=icc,
        admissible=not faults,
    )


def _icc(data: DyadTable, name: str) -> float:
    values = data.values[name]
    values = values[np.isfinite(values).all(axis=1)]
    if data.distinguishable:
        values = values - values.mean(axis=0)
    return float(anova_icc(values)["estimate"])


def _heywood(fitted: Fitted, predictor: str, outcome: str) -> tuple[str, ...]:
    """Name variances that are negative."""
    named = {label: f"variance of {label.removeprefix('var ')}" for label in fitted.labels if label.startswith("var ")}
    named |= {"var X": f"dyad-level variance of {predictor}", "var Y": f"dyad-level disturbance of {outcome}"}
    return tuple(
        f"Heywood case: the {what} is estimated at {fitted.value(label):.3f}, and no variance can be negative. The "
        "estimates are not to be interpreted: the data do not follow this model, or there are too few dyads."
        for label, what in named.items()
        if fitted.value(label) < 0
    )


def _fate_table(fitted: Fitted, data: DyadTable, predictor: str, outcome: str) -> pd.DataFrame:
    import pandas as pd

    labels = ["b", "var X", "var Y", *(label for label in fitted.labels if label.startswith("cov x y"))]
    theta, cov = fitted.subset(labels)
    total = theta[0] ** 2 * theta[1] + theta[2]
    proper = theta[1] > 0 and total > 0

    def with_standardised(point: Any) -> Any:
        slope = point[0] * np.sqrt(point[1] / (point[0] ** 2 * point[1] + point[2])) if proper else point[0] * np.nan
        return np.array([point[0], slope, *point[1:]])

    values, spread = delta(with_standardised, theta, cov)
    roles = [f", {role}" for role in data.roles] or [""]
    terms = ["slope", "slope, standardised", f"variance of {predictor}", f"disturbance of {outcome}"]
    terms += [f"residual covariance{role}" for role in roles]
    columns = estimate_rows(values, np.sqrt(np.maximum(np.diag(spread), 0.0)))
    notes = ["" if np.isfinite(value) else "withheld: a dyad-level variance is not positive" for value in values]
    return pd.DataFrame({"term": terms}).assign(**columns, note=notes)


class MutualInfluenceResult(MomentResult):
    """A mutual influence model.

    Attributes
    ----------
    outcome, predictor : str
    roles : tuple
    feedback : float
        Product of the two influences: the share of a change that comes back.
    admissible : bool
    """

    outcome = InState[str]("")
    predictor = InState[str]("")
    roles = InState[tuple[Any, ...]](())
    feedback = InState[float](float("nan"))
    admissible = InState[bool](True)

    def _about(self) -> dict[str, Any]:
        return {**super()._about(), "feedback": self.feedback, "admissible": self.admissible}

    def _headline(self) -> str:
        word = "" if self.admissible else " (INADMISSIBLE)"
        return f"Mutual influence model of {self.outcome}{word}"

    def _methods(self) -> str:
        return (
            f"Each member's {self.outcome} moves the partner's; {self.predictor} moves the own {self.outcome} only, "
            "which is what identifies the feedback (an assumption); residuals are independent. "
            f"{counted(self.n_dyads, 'dyad')}, {self._likelihood}. {self._fit_sentence()} Feedback (product of the "
            f"influences): {self.feedback:.3f}; it must lie between -1 and 1 for the exchange to settle (Kenny, 1996)."
        )


@analysis
def mutual_influence(
    panel: DyadPanel,
    *,
    outcome: Column,
    predictor: Column,
    roles: Literal["distinguishable", "exchangeable"] | None = None,
    missing: Literal["available", "model"] = "available",
) -> MutualInfluenceResult:
    """Fit the mutual influence (reciprocal feedback) model.

    Parameters
    ----------
    panel : DyadPanel
        One occasion per dyad.
    outcome : str
        What flows between partners.
    predictor : str
        Something that moves a person's own outcome and reaches the partner in no other way.
    roles : {"distinguishable", "exchangeable"}, optional
        None: as the panel has them. The fit of exchangeable members is judged against the interchangeable saturated
        model (Olsen and Kenny, 2006), so that it does not depend on who is called member 1; ``unadjusted`` has the
        raw numbers.
    missing : {"available", "model"}, default "available"
        Dyads that lack a value are left out, with a warning; or stay in with what they have, by full-information
        maximum likelihood (normal variables, missing at random), standard errors from the observed information.

    Returns
    -------
    MutualInfluenceResult
        ``tidy()``: ``actor`` (predictor on the own outcome), ``influence`` (the partner's outcome on the own) and
        ``feedback``. ``admissible`` is False for a feedback outside -1 and 1 or a negative variance.

    Raises
    ------
    DesignError
        Several occasions or compositions, or too few dyads.

    References
    ----------
    Kenny (1996), Models of non-independence in dyadic research.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=200, actor=0.5, partner=0.1, r_residuals=0.1, seed=1).panel
    >>> rd.actor_partner.mutual_influence(panel, outcome="y", predictor="x").admissible
    True
    """
    data = dyad_table(
        panel, [predictor, outcome], analysis="mutual_influence", outcomes=[outcome], roles=roles, missing=missing
    )
    alike = not data.distinguishable
    moments = data.moments([predictor, outcome])
    fitted = fit_members(mutual_structure(alike=alike), moments, alike=alike)
    labels = ["influence", "influence"] if alike else ["influence.1", "influence.2"]
    feedback = fitted.value(labels[0]) * fitted.value(labels[1])
    faults = _not_settling(fitted, feedback)
    notes = (*data.notes, *faults, *_weak(fitted, data, predictor))
    warn_all(notes)
    return MutualInfluenceResult.of(
        table=_mutual_table(fitted, data),
        parameters=parameter_table(fitted, {}),
        fitted=fitted,
        n_dyads=data.n,
        notes=(*notes, *fitted.notes),
        outcome=outcome,
        predictor=predictor,
        roles=data.roles,
        missing=missing,
        feedback=feedback,
        admissible=not faults,
    )


def _not_settling(fitted: Fitted, feedback: float) -> tuple[str, ...]:
    faults = []
    if abs(feedback) >= 1:
        faults.append(
            f"The two influences multiply to {feedback:.2f}: a change would come back larger than it went out, without "
            "end. The estimates are not to be interpreted."
        )
    faults += [
        f"Heywood case: {label} is estimated at {fitted.value(label):.3f}, and no variance can be negative. The "
        "estimates are not to be interpreted."
        for label in fitted.labels
        if label.startswith("var") and fitted.value(label) < 0
    ]
    return tuple(faults)


def _weak(fitted: Fitted, data: DyadTable, predictor: str) -> tuple[str, ...]:
    """A predictor that hardly moves its own outcome cannot identify the influence of that outcome."""
    notes = []
    for place, label in enumerate(label for label in fitted.labels if label.startswith("actor")):
        theta, cov = fitted.subset([label])
        F = float(theta[0] ** 2 / cov[0, 0])
        if F < WEAK_F:
            whose = f" for {data.roles[place]}" if data.distinguishable else ""
            notes.append(
                f"{predictor} hardly moves the own outcome{whose} (F = {F:.1f}, wanted at least {WEAK_F:g}): the "
                "influence that rests on it is poorly identified."
            )
    return tuple(notes)


def _mutual_table(fitted: Fitted, data: DyadTable) -> pd.DataFrame:
    import pandas as pd

    alike = not data.distinguishable
    suffixes = ("",) if alike else (".1", ".2")
    labels = [f"{effect}{suffix}" for effect in ("actor", "influence") for suffix in suffixes]
    theta, cov = fitted.subset(labels)

    def with_feedback(point: Any) -> Any:
        return np.array([*point, point[-1] * point[-1] if alike else point[2] * point[3]])

    values, spread = delta(with_feedback, theta, cov)
    roles: list[Any] = [data.roles[int(suffix[1]) - 1] if suffix else "" for _ in range(2) for suffix in suffixes]
    effects = [effect for effect in ("actor", "influence") for _ in suffixes]
    terms = [f"{effect}, {role}" if role != "" else effect for effect, role in zip(effects, roles, strict=True)]
    frame = pd.DataFrame({"term": [*terms, "feedback"], "effect": [*effects, "feedback"]})
    frame["role"] = pd.Series([*roles, ""], dtype=object)
    return frame.assign(**estimate_rows(values, np.sqrt(np.diag(spread))))
