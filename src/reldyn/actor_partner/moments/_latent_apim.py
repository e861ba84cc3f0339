"""`latent_apim`: the actor-partner model between factors behind items, free of their measurement error.

Each construct has one factor per member (`factor_model`); actor and partner paths run between the factors. Kenny and
Ledermann (2010) for k; the models, their identification and equalities are those of latent dyadic modelling in
structural equation programs (Sakaluk, Fisher and Kilshaw, 2021).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reldyn._format import counted
from reldyn._types import Constructs
from reldyn.actor_partner.moments._dyads import DyadTable, dyad_table, estimate_rows, warn_all
from reldyn.actor_partner.moments._factor import LEAST_ITEMS, equality_sentence, fit_factors
from reldyn.actor_partner.moments._latent_structures import (
    EQUALITIES,
    check_equal,
    latent_apim_structure,
    latent_covariance,
)
from reldyn.actor_partner.moments._moment_model import Fitted, MomentResult, parameter_table
from reldyn.actor_partner.moments._sem import Structure, delta
from reldyn.errors import DesignError
from reldyn.panel import analysis
from reldyn.results import InState

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.panel import DyadPanel

__all__ = ["LatentApimResult", "latent_apim"]

EFFECTS = ("actor", "partner", "k", "standardised actor", "standardised partner")


class LatentApimResult(MomentResult):
    """An actor-partner model between factors.

    Attributes
    ----------
    outcome : str
    predictors : tuple of str
    items : mapping of str to tuple of str
        Items behind each construct.
    roles : tuple
        Empty where members are exchangeable.
    equal : tuple of str
        What is held equal across members in measurement.
    """

    outcome = InState[str]("")
    predictors = InState[tuple[str, ...]](())
    items = InState[Mapping[str, tuple[str, ...]]](factory=dict)
    roles = InState[tuple[Any, ...]](())
    equal = InState[tuple[str, ...]](())

    def _headline(self) -> str:
        return f"Latent actor-partner model: {self.outcome} on {', '.join(self.predictors)}"

    def _methods(self) -> str:
        who = f"members distinguished by role ({self.roles[0]}, {self.roles[1]})" if self.roles else "members alike"
        behind = "; ".join(f"{name}: {', '.join(items)}" for name, items in self.items.items())
        return (
            f"Actor and partner paths between factors, one per member and construct ({behind}); residuals of the "
            f"same item correlate between members. {counted(self.n_dyads, 'dyad')}, {who}, {self._likelihood}. "
            f"{equality_sentence(self.equal)} The first member's predictor factor and outcome disturbance have "
            "variance 1, which sets the unit of the paths; standardised paths are in standard deviations of both "
            f"factors. {self._fit_sentence()} k is the partner effect over the actor effect (Kenny and Ledermann, "
            "2010; Sakaluk, Fisher and Kilshaw, 2021)."
        )


@analysis
def latent_apim(
    panel: DyadPanel,
    *,
    outcome: Constructs,
    predictors: Constructs,
    roles: Literal["distinguishable", "exchangeable"] | None = None,
    equal: Sequence[str] | None = None,
    missing: Literal["available", "model"] = "available",
) -> LatentApimResult:
    """Fit an actor-partner model between factors.

    Parameters
    ----------
    panel : DyadPanel
        One occasion per dyad.
    outcome : mapping of str to sequence of str
        Name of the construct and its items, at least three.
    predictors : mapping of str to sequence of str
        One or several constructs and their items.
    roles : {"distinguishable", "exchangeable"}, optional
        None: as the panel has them. Exchangeable members share their actor and partner paths.
    equal : sequence of {"loadings", "intercepts", "residuals", "variances", "means"}, optional
        What is held equal across members in measurement (``variances`` and ``means`` of the factors; of the outcome's,
        of its disturbance and intercept). None: everything for exchangeable members, whose fit is then judged against
        the interchangeable saturated model; loadings for roles, because without them paths are in two units.
    missing : {"available", "model"}, default "available"
        Dyads that lack a value are left out, with a warning; or stay in with what they have, by full-information
        maximum likelihood (normal variables, missing at random), standard errors from the observed information.

    Returns
    -------
    LatentApimResult
        ``tidy()``: ``term``, ``effect`` (``actor``, ``partner``, ``k``, ``standardised actor``,
        ``standardised partner``), ``variable``, ``role`` and the numbers (delta method, z). ``parameters`` has the
        rest, ``glance()`` the fit, ``unadjusted`` the fit against the ordinary saturated model.

    Raises
    ------
    DesignError
        Fewer than three items of a construct, an item named twice, several occasions, or too few dyads.

    References
    ----------
    Kenny and Ledermann (2010), Detecting, measuring, and testing dyadic patterns. Sakaluk, Fisher and Kilshaw (2021),
    Dyadic measurement invariance and its importance for replicability in romantic relationship science.

    Examples
    --------
    >>> import numpy as np, pandas as pd, reldyn as rd
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(200, 2)) + rng.normal(size=(200, 1))
    >>> y = 0.5 * x + 0.3 * x[:, ::-1] + rng.normal(size=(200, 2))
    >>> rows = pd.DataFrame({"dyad": np.repeat(range(200), 2), "who": [1, 2] * 200})
    >>> for k in range(3):
    ...     rows[f"x{k}"] = x.ravel() + rng.normal(size=400)
    ...     rows[f"y{k}"] = y.ravel() + rng.normal(size=400)
    >>> panel = rd.DyadPanel(rows, dyad="dyad", person="who")
    >>> items = {"x": ["x0", "x1", "x2"], "y": ["y0", "y1", "y2"]}
    >>> fit = rd.actor_partner.latent_apim(panel, outcome={"y": items["y"]}, predictors={"x": items["x"]})
    >>> fit.tidy()["effect"].tolist()
    ['actor', 'partner', 'k', 'standardised actor', 'standardised partner']
    """
    constructs = _constructs(outcome, predictors)
    (name,) = outcome
    names = [item for behind in constructs.values() for item in behind]
    data = dyad_table(panel, names, analysis="latent_apim", roles=roles, missing=missing)
    chosen = check_equal(equal, ("loadings",) if data.distinguishable else EQUALITIES)
    factors = {construct: constructs[construct] for construct in predictors}
    structure = latent_apim_structure(factors, (name, constructs[name]), chosen, alike=not data.distinguishable)
    fitted, notes = fit_factors(structure, data.moments(names), constructs, data, chosen)
    notes = (*data.notes, *notes)
    warn_all(notes)
    return LatentApimResult.of(
        table=_effects(structure, fitted, name, constructs, data),
        parameters=parameter_table(fitted, {}),
        fitted=fitted,
        n_dyads=data.n,
        notes=(*notes, *fitted.notes),
        missing=missing,
        outcome=name,
        predictors=tuple(predictors),
        items=constructs,
        roles=data.roles,
        equal=tuple(label for label in EQUALITIES if label in chosen),
    )


def _constructs(outcome: Any, predictors: Any) -> dict[str, tuple[str, ...]]:
    """Items of the predictors, then of the outcome; all faults of the two mappings at once."""
    for what, given in (("outcome", outcome), ("predictors", predictors)):
        if not isinstance(given, Mapping) or not given:
            raise DesignError(
                f"latent_apim: {what}= is a mapping from the name of a construct to its items, such as "
                f"{{'commitment': ['com1', 'com2', 'com3']}}, not {given!r}."
            )
    if len(outcome) > 1:
        raise DesignError(f"latent_apim has one outcome, not {', '.join(map(str, outcome))}.")
    faults = []
    both = [name for name in outcome if name in predictors]
    if both:
        faults.append(f"{both[0]!r} is outcome and predictor")
    constructs = {
        str(name): (items,) if isinstance(items, str) else tuple(items)
        for name, items in (*predictors.items(), *outcome.items())
    }
    named = [item for items in constructs.values() for item in items]
    faults += [
        f"{name!r} has {counted(len(items), 'item')}, and at least three fix a factor"
        for name, items in constructs.items()
        if len(items) < LEAST_ITEMS
    ]
    faults += [f"the item {item!r} is named twice" for item in dict.fromkeys(named) if named.count(item) > 1]
    faults += [f"{name!r} is a construct and an item" for name in constructs if name in named]
    if faults:
        raise DesignError(f"latent_apim: {'; '.join(faults)}.")
    return constructs


def _effects(
    structure: Structure, fitted: Fitted, outcome: str, constructs: Mapping[str, Sequence[str]], data: DyadTable
) -> pd.DataFrame:
    """Paths, k and standardised paths, per predictor and role."""
    import pandas as pd

    predictors = [name for name in constructs if name != outcome]
    # k compares the own with the partner's units: without one metric it says nothing.
    unit = {name: np.nan if set(constructs[name]) & set(data.unequal) else 1.0 for name in predictors}
    members = (1, 2) if data.distinguishable else (1,)
    place = {label: at for at, label in enumerate(structure.labels)}
    latent = {label: at for at, label in enumerate(structure.latent)}

    def numbers(theta: NDArray[Any]) -> NDArray[Any]:
        psi, values = latent_covariance(structure, theta), []
        for name in predictors:
            for member in members:
                suffix = f".{member}" if data.distinguishable else ""
                actor, partner = theta[place[f"actor {name}{suffix}"]], theta[place[f"partner {name}{suffix}"]]
                to, own, other = (latent[f"{label}"] for label in _ends(outcome, name, member))
                per = 1.0 / np.sqrt(psi[to, to])
                standardised = [actor * np.sqrt(psi[own, own]) * per, partner * np.sqrt(psi[other, other]) * per]
                values += [actor, partner, unit[name] * partner / actor, *standardised]
        return np.array(values)

    estimate, spread = delta(numbers, fitted.theta, fitted.cov)
    rows = []
    for name in predictors:
        for member in members:
            role: Any = data.roles[member - 1] if data.distinguishable else ""
            tail = f", {role}" if data.distinguishable else ""
            rows += [
                {"term": f"{effect} {name}{tail}", "effect": effect, "variable": name, "role": role}
                for effect in EFFECTS
            ]
    frame = pd.DataFrame(rows).assign(**estimate_rows(estimate, np.sqrt(np.maximum(np.diag(spread), 0.0))))
    frame["role"] = frame["role"].astype(object)
    return frame


def _ends(outcome: str, predictor: str, member: int) -> tuple[str, str, str]:
    """Factors of a member's outcome, of the own predictor and of the partner's."""
    return f"{outcome}.{member}", f"{predictor}.{member}", f"{predictor}.{3 - member}"
