"""Two other ways to write an actor-partner model: dyadic scores, and dyad and individual.

Iida, Seidman and Shrout (2018) for the dyadic score model (the couple's level and difference); the dyad-individual
model (Raudenbush, Brennan and Barnett, 1995) splits a predictor into the dyad's mean and the person's deviation from
it. Both are the same model in other coordinates; the results carry the proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import counted
from reldyn._types import Column, Columns
from reldyn.actor_partner._causes import check_passed_on
from reldyn.actor_partner._metrics import withheld_for
from reldyn.actor_partner.model._apim import apim
from reldyn.actor_partner.model._mixed_model import mixed_model
from reldyn.actor_partner.model._result import MixedResult
from reldyn.actor_partner.moments._dyads import FamilyResult
from reldyn.errors import DesignError
from reldyn.mixed import Estimation
from reldyn.panel import analysis
from reldyn.results import InState, InTables

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["ReparameterisedResult", "dyad_individual", "dyadic_score"]

# Differences below this are rounding: which of them is met says nothing.
ROUNDING = 1e-10
SOURCES = {
    "dyadic score model": "Iida, Seidman and Shrout, 2018",
    "dyad-individual model": "Raudenbush, Brennan and Barnett, 1995; Kenny, Kashy and Cook, 2006",
}


class ReparameterisedResult(FamilyResult):
    """An actor-partner model in other coordinates.

    Attributes
    ----------
    table : pandas.DataFrame
    fit : MixedResult
        The model as written here.
    equivalence : pandas.DataFrame
        Each coefficient as estimated here and as it follows from the actor-partner model, and their difference; the
        last row compares log-likelihoods.
    n_dyads : int
    kind, outcome : str
    predictors : tuple of str
    notes : tuple of str
    """

    fit = InState[MixedResult]()
    equivalence = InTables()
    kind = InState[str]()
    outcome = InState[str]()
    predictors = InState[tuple[str, ...]]()

    def _about(self) -> dict[str, Any]:
        glance = self.fit.glance().iloc[0]
        wanted = ("n_obs", "log_likelihood", "n_parameters", "aic", "bic", "converged")
        return {name: glance[name] for name in wanted} | {"equivalence": self.largest_difference}

    @property
    def largest_difference(self) -> float:
        """Largest difference between what was estimated and what the actor-partner model implies."""
        return float(self.equivalence["difference"].abs().max())

    def _headline(self) -> str:
        return f"{self.kind.capitalize()} of {self.outcome} on {', '.join(self.predictors)}"

    def _methods(self) -> str:
        what = (
            "The dyad's level (mean of both members) and difference (first role minus second) of the outcome are "
            "regressed together on level and difference of each predictor."
            if self.kind == "dyadic score model"
            else "Each predictor enters as the dyad's mean and the person's deviation from it."
        )
        return (
            f"{what} {counted(self.n_dyads, 'dyad')}, {self.fit.estimates.method.upper()}, "
            f"{self.fit.estimates.inference}. It is the actor-partner model in other coordinates: coefficients and "
            "log-likelihood follow from it with a largest difference of at most "
            f"{max(self.largest_difference, ROUNDING):.1e} ({SOURCES[self.kind]})."
        )


@analysis
def dyadic_score(
    panel: DyadPanel,
    *,
    outcome: Column,
    predictors: Columns,
    estimation: Estimation = Estimation(),  # noqa: B008 - a frozen value
) -> ReparameterisedResult:
    """Fit the dyadic score model: level and difference of the couple.

    Parameters
    ----------
    panel : DyadPanel
        One occasion per dyad, two roles: a difference needs to know which member is taken off.
    outcome : str
    predictors : str or sequence of str
    estimation : Estimation

    Returns
    -------
    ReparameterisedResult
        ``tidy()``: ``outcome_score`` and ``predictor_score`` (``level`` or ``difference``) name each coefficient.
        ``equivalence`` shows that it is the distinguishable actor-partner model.

    Raises
    ------
    DesignError
        No two roles, several occasions, or too few dyads.

    References
    ----------
    Iida, Seidman and Shrout (2018), Models of interdependent individuals versus dyadic processes in relationship
    research.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=60, actor=0.3, partner=0.2, seed=1).panel
    >>> scores = rd.actor_partner.dyadic_score(panel, outcome="y", predictors="x")
    >>> scores.largest_difference < 1e-6
    True
    """
    import pandas as pd

    from reldyn.actor_partner.moments._dyads import dyad_table, refuse_unequal, warn_all
    from reldyn.panel import DyadPanel as Panel

    names = [predictors] if isinstance(predictors, str) else list(predictors)
    data = dyad_table(panel, [*names, outcome], analysis="dyadic_score", outcomes=[outcome], two_roles=True)
    refuse_unequal(data, "dyadic_score", "a difference of partners is then a difference of units")
    warn_all(data.notes)
    scores = {name: np.column_stack([pair.mean(axis=1), pair[:, 0] - pair[:, 1]]) for name, pair in data.values.items()}
    columns = {f"{name} {score}": np.repeat(scores[name][:, k], 2) for name in names for k, score in enumerate(SCORES)}
    code = np.repeat(np.arange(data.n), 2)
    score = pd.Categorical(np.tile(SCORES, data.n), categories=SCORES)
    rows = pd.DataFrame({"dyad": code, "score": score, outcome: scores[outcome].ravel(), **columns})
    stacked = Panel(rows, dyad="dyad", person="score", role="score")
    fit = mixed_model(stacked, outcome=outcome, fixed=tuple(columns), roles="distinguishable", estimation=estimation)
    # The model in its first coordinates, on the same dyads.
    member = np.tile([0, 1], data.n)
    plain = pd.DataFrame({"dyad": code, "member": member, **{k: v.ravel() for k, v in data.values.items()}})
    first = apim(
        Panel(plain, dyad="dyad", person="member", role="member"),
        outcome=outcome,
        predictors=names,
        roles="distinguishable",
        centering="none",
        estimation=estimation,
    )
    table = fit.tidy()
    head, _, tail = zip(*(term.partition(", ") for term in table["term"]), strict=True)
    table = table.drop(columns=["effect", "level", "moderator", "role", "variable"])
    table.insert(1, "outcome_score", list(tail))
    variable, _, source = zip(
        *(name.rpartition(" ") if name != "intercept" else ("", "", "") for name in head), strict=True
    )
    table.insert(2, "variable", list(variable))
    table.insert(3, "predictor_score", list(source))
    return ReparameterisedResult.of(
        table=table,
        fit=fit,
        equivalence=_score_equivalence(fit, first, names),
        n_dyads=data.n,
        kind="dyadic score model",
        outcome=outcome,
        predictors=tuple(names),
        notes=(*data.notes, *fit.warnings),
    )


SCORES = ("level", "difference")


def _score_equivalence(fit: MixedResult, first: MixedResult, names: Sequence[str]) -> pd.DataFrame:
    """Level and difference slopes from actor and partner effects of both roles."""
    found = dict(zip(fit.tidy()["term"], fit.estimates.beta, strict=True))
    own = dict(zip(first.tidy()["term"], first.estimates.beta, strict=True))
    implied = {
        "intercept, level": 0.5 * (own["intercept, 0"] + own["intercept, 1"]),
        "intercept, difference": own["intercept, 0"] - own["intercept, 1"],
    }
    for name in names:
        a, b = own[f"actor {name}, 0"], own[f"actor {name}, 1"]
        p, q = own[f"partner {name}, 0"], own[f"partner {name}, 1"]
        implied[f"{name} level, level"] = 0.5 * (a + p + b + q)
        implied[f"{name} difference, level"] = 0.25 * (a - p - b + q)
        implied[f"{name} level, difference"] = a + p - b - q
        implied[f"{name} difference, difference"] = 0.5 * (a - p + b - q)
    # The step from members to level and difference has determinant one on both sides, REML included.
    return _equivalence(found, implied, fit.log_likelihood, first.log_likelihood)


def _equivalence(
    found: dict[str, float], implied: dict[str, float], log_likelihood: float, expected: float
) -> pd.DataFrame:
    import pandas as pd

    rows = [{"term": name, "estimate": found[name], "from_apim": value} for name, value in implied.items()]
    rows.append({"term": "log-likelihood", "estimate": log_likelihood, "from_apim": expected})
    frame = pd.DataFrame(rows)
    return frame.assign(difference=frame["estimate"] - frame["from_apim"])


@analysis
def dyad_individual(
    panel: DyadPanel,
    *,
    outcome: Column,
    predictors: Columns,
    estimation: Estimation = Estimation(),  # noqa: B008 - a frozen value
    **model: Any,
) -> ReparameterisedResult:
    """Fit the dyad-individual model: the dyad's mean of a predictor, and the person's deviation from it.

    Parameters
    ----------
    panel : DyadPanel
        Members are treated as exchangeable. Over several occasions mean and deviation are those of the occasion.
    outcome : str
    predictors : str or sequence of str
    estimation : Estimation
    **model
        ``random`` (``"intercept"`` only) and ``residual``, as in `reldyn.apim`.

    Returns
    -------
    ReparameterisedResult
        ``tidy()``: ``part`` is ``dyad`` (actor plus partner effect) or ``individual`` (actor minus partner).

    Raises
    ------
    DesignError
        A predictor is the same for both partners, or the model cannot be estimated.

    References
    ----------
    Raudenbush, Brennan and Barnett (1995), A multivariate hierarchical model for studying psychological change within
    married couples. Kenny, Kashy and Cook (2006), chapter 7.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.apim(n_dyads=60, actor=0.3, partner=0.2, roles="exchangeable", seed=1).panel
    >>> rd.actor_partner.dyad_individual(panel, outcome="y", predictors="x").largest_difference < 1e-6
    True
    """
    names = [predictors] if isinstance(predictors, str) else list(predictors)
    taken = ("outcome", "predictors", "covariates", "moderators", "interaction", "roles", "centering", "family")
    more = ("reference", "offset", "weights", "constraints", "estimation")
    check_passed_on("dyad_individual", model, apim, (*taken, *more))
    if model.get("random") not in (None, (), "intercept", ("intercept",)):
        raise DesignError("dyad_individual lets the intercept vary between dyads, and no slope: use rd.apim for those.")
    first = apim(
        panel,
        outcome=outcome,
        predictors=names,
        roles="exchangeable",
        centering="none",
        estimation=estimation,
        **model,
    )
    if reason := withheld_for(names, first.setting.unequal_metrics):
        raise DesignError(
            f"dyad_individual: {reason}, and a mean of partners is then a mean of units. Bring both to one scale "
            "first, for example percent of the maximum possible, or declare DyadPanel(scales={...}) if both did "
            "answer on one."
        )
    paired = panel.actor_partner(names)
    values = {}
    for name in names:
        own, other = paired.values(f"{name}_actor"), paired.values(f"{name}_partner")
        values[f"{name} dyad"], values[f"{name} individual"] = 0.5 * (own + other), 0.5 * (own - other)
    split = panel._with_columns(values)
    fit = mixed_model(split, outcome=outcome, fixed=tuple(values), roles="exchangeable", estimation=estimation, **model)
    found = dict(zip(fit.tidy()["term"], fit.estimates.beta, strict=True))
    own_terms = dict(zip(first.tidy()["term"], first.estimates.beta, strict=True))
    implied = {"intercept": own_terms["intercept"]}
    for name in names:
        a, p = own_terms[f"actor {name}"], own_terms[f"partner {name}"]
        implied[f"{name} dyad"], implied[f"{name} individual"] = a + p, a - p
    # Mean and deviation halve the area of own and partner's value: REML, and only REML, counts it.
    shift = len(names) * float(np.log(2)) if fit.estimates.method == "reml" else 0.0
    table = fit.tidy().drop(columns=["effect", "level", "moderator", "role", "variable"])
    split_names = [name.rpartition(" ") if name != "intercept" else ("", "", "") for name in table["term"]]
    table.insert(1, "variable", [part[0] for part in split_names])
    table.insert(2, "part", [part[2] for part in split_names])
    return ReparameterisedResult.of(
        table=table,
        fit=fit,
        equivalence=_equivalence(found, implied, fit.log_likelihood, first.log_likelihood + shift),
        n_dyads=fit.design.n_dyads,
        kind="dyad-individual model",
        outcome=outcome,
        predictors=tuple(names),
        notes=fit.warnings,
    )
