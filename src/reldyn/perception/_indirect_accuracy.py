"""`indirect_accuracy`: how much of the accuracy comes by way of the perceiver's own state.

Who takes the own state for the partner's is accurate as far as the two states are alike: total accuracy is the direct
one plus bias force times actual similarity (Kenny and Acitelli, 2001).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reldyn._format import counted
from reldyn._types import Array, Column, Flags, Ints
from reldyn.actor_partner import MixedResult, mixed_model
from reldyn.errors import DesignError, check_count, check_option
from reldyn.mixed import contributions
from reldyn.panel import analysis
from reldyn.perception._centres import CENTRES, Centre, centred_rows
from reldyn.results import TableResult
from reldyn.stats import bootstrap_p, dyad_bootstrap, known_seed

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.panel import DyadPanel

__all__ = ["IndirectAccuracy", "indirect_accuracy"]


class IndirectAccuracy(TableResult):
    """What `indirect_accuracy` found."""


_JUDGMENT, _TRUTH, _BIAS = "centred judgment", "centred truth", "centred bias"
_EFFECTS = ("total accuracy", "direct accuracy", "bias force", "actual similarity", "indirect accuracy")
_FEWEST_DYADS = 5


@analysis
def indirect_accuracy(
    panel: DyadPanel,
    *,
    judgment: Column,
    truth: Column,
    bias: Column,
    center: Centre = "person_truth",
    interval: Literal["bootstrap", "delta"] = "bootstrap",
    n_boot: int = 999,
    seed: Any = None,
) -> IndirectAccuracy:
    """Split the accuracy of judgments into a direct and an indirect part.

    Parameters
    ----------
    panel : DyadPanel
    judgment, truth, bias : str
        Columns as in `truth_and_bias`; the bias is the perceiver's own state.
    center : {"truth", "role_truth", "person_truth"}, default "person_truth"
        As in `truth_and_bias`: within persons by default, where the two parts add up exactly; the bias takes its own
        mean off.
    interval : {"bootstrap", "delta"}, default "bootstrap"
        Percentiles over whole dyads drawn again, because a product is not symmetric about its estimate; or normal
        theory with the sandwich over dyads. The variances of the three models stay as they are in either.
    n_boot : int, default 999
    seed : int, SeedSequence or Generator, optional

    Returns
    -------
    IndirectAccuracy
        A table that is used like a data frame.
        Five rows, per role of the perceiver where roles tell members apart: ``term``, ``effect`` (``total accuracy``,
        ``direct accuracy``, ``bias force``, ``actual similarity``, ``indirect accuracy`` = bias force x actual
        similarity), ``role``, ``estimate``, ``std_error``, ``conf_low``, ``conf_high``, ``p_value``, ``n_dyads``,
        ``n_obs``, ``note``.

    Raises
    ------
    DataError
        A column does not exist or holds text.
    DesignError
        An option is not known, fewer than five dyads, or a slope that cannot be estimated.

    References
    ----------
    Kenny and Acitelli (2001), Journal of Personality and Social Psychology 80, 439-448.

    Examples
    --------
    >>> import reldyn as rd
    >>> panel = rd.simulate.perception(n_dyads=30, contagion=0.3, seed=1).panel.actor_partner(["mood"])
    >>> found = rd.perception.indirect_accuracy(
    ...     panel, judgment="perceived", truth="mood_partner", bias="mood_actor", n_boot=99, seed=1
    ... )
    >>> total, direct, indirect = found.loc[[0, 1, 4], "estimate"]
    >>> bool(abs(total - direct - indirect) < 0.01)
    True
    """
    check_option(center, CENTRES, "center")
    check_option(interval, ("bootstrap", "delta"), "interval")
    check_count(n_boot, "n_boot", 1)
    rows = centred_rows(
        panel, judgment=judgment, truth=truth, bias=bias, over_time=None, center=center, bias_center="own"
    )
    # The same rows in all three models: NaN in one variable is NaN in all.
    added = {_JUDGMENT: rows.judgment, _TRUTH: rows.truth, _BIAS: rows.bias}
    fits = _three_models(panel._with_columns(added), _members(panel, rows.used))
    n_dyads = fits[0].design.n_dyads
    if n_dyads < _FEWEST_DYADS:
        raise DesignError(f"{counted(n_dyads, 'dyad')}, below {_FEWEST_DYADS}: no interval can be had from so few.")
    roles, places = _places(fits)
    beta = np.concatenate([fit.estimates.beta for fit in fits])
    parts = [_Equations(fit) for fit in fits]
    if interval == "bootstrap":
        found = dyad_bootstrap(
            lambda drawn: _effects(np.concatenate([part.again(drawn) for part in parts]), places),
            n_dyads,
            n_boot=int(n_boot),
            seed=known_seed(seed),
        )
        cells = _from_samples(_effects(beta, places), np.where(found.usable[:, None], found.values, math.nan))
    else:
        cells = _by_delta(beta, places, np.hstack([part.influence for part in parts]))
    return IndirectAccuracy.of(table=_table(roles, _effects(beta, places), cells, fits[0], fits))


def _members(panel: DyadPanel, used: Flags) -> int:
    index = panel.index
    return int(np.bincount(np.unique(index.dyad[used] * 2 + index.member[used]) // 2).max(initial=0))


def _three_models(panel: DyadPanel, members: int) -> tuple[MixedResult, ...]:
    """Judgment on truth and bias; judgment on truth; bias on truth."""
    from reldyn.mixed import Random, Residual, shared

    options: dict[str, Any] = {"residual": Residual("independent"), "random": ("intercept",)}
    if members < 2:
        options["random"] = Random((shared("intercept"),))
        index, used = panel.index, np.isfinite(panel.values(_JUDGMENT))
        if len(np.unique(index.role[used])) < 2:
            options |= {"roles": "exchangeable", "residual": Residual("independent", equal_variances=True)}
    if panel.n_occasions < 2:
        options |= {"random": (), "residual": "unstructured" if members == 2 else options["residual"]}
    return tuple(
        mixed_model(panel, outcome=outcome, fixed=fixed, **options)
        for outcome, fixed in ((_JUDGMENT, (_TRUTH, _BIAS)), (_JUDGMENT, (_TRUTH,)), (_BIAS, (_TRUTH,)))
    )


class _Equations:
    """What each dyad adds to the estimates of one model, its variances held where they are."""

    def __init__(self, fit: MixedResult) -> None:
        found = contributions(fit._engine)
        self.beta = fit.estimates.beta
        self.information, self.score = found.information, found.score

    def again(self, drawn: Ints) -> Array:
        """Estimates from dyads drawn with replacement."""
        information, score = self.information[drawn].sum(axis=0), self.score[drawn].sum(axis=0)
        try:
            return np.asarray(self.beta + np.linalg.solve(information, score))
        except np.linalg.LinAlgError:
            return np.full(len(self.beta), np.nan)

    @property
    def influence(self) -> Array:
        """(n_dyads, p): change of the estimates that each dyad is answerable for."""
        return np.asarray(np.linalg.solve(self.information.sum(axis=0), self.score.T).T)


def _places(fits: tuple[MixedResult, ...]) -> tuple[list[tuple[str, str]], Array]:
    """Roles and compositions, and where total, direct, bias and similarity stand among all estimates."""
    tables = [fit.tidy() for fit in fits]
    offsets = np.cumsum([0, *(len(table) for table in tables)])
    names = ["role", "composition"] if "composition" in tables[0] else ["role"]
    slopes = tables[1][tables[1]["variable"] == _TRUTH]
    roles = [tuple(str(row[name]) for name in names) for row in slopes.to_dict("records")]

    def place(which: int, variable: str, role: tuple[str, ...]) -> int:
        table = tables[which]
        here = table["variable"] == variable
        for name, value in zip(names, role, strict=True):
            here &= table[name].astype(str) == value
        return int(offsets[which] + np.flatnonzero(here)[0])

    wanted = [
        [place(1, _TRUTH, role), place(0, _TRUTH, role), place(0, _BIAS, role), place(2, _TRUTH, role)]
        for role in roles
    ]
    return [(role[0], role[1] if len(role) > 1 else "") for role in roles], np.array(wanted)


def _effects(beta: Array, places: Array) -> Array:
    """(roles x 5,): total, direct, bias, similarity and their product, per role."""
    four = beta[places]
    return np.column_stack([four, four[:, 2] * four[:, 3]]).ravel()


def _from_samples(estimate: Array, drawn: Array) -> dict[str, Array]:
    nothing = np.full(len(estimate), math.nan)
    known = drawn[np.isfinite(drawn).all(axis=1)]
    if len(known) < 2:
        return {"std_error": nothing, "conf_low": nothing, "conf_high": nothing, "p_value": nothing}
    low, high = np.quantile(known, [0.025, 0.975], axis=0, method="weibull")
    return {
        "std_error": known.std(axis=0, ddof=1),
        "conf_low": low,
        "conf_high": high,
        "p_value": bootstrap_p(drawn),
    }


def _by_delta(beta: Array, places: Array, influence: Array) -> dict[str, Array]:
    from scipy.stats import t as student

    n = len(influence)
    joint = influence.T @ influence * n / (n - 1)
    slopes = []
    for total, direct, bias, similarity in places:
        rows = np.zeros((5, len(beta)))
        rows[[0, 1, 2, 3], [total, direct, bias, similarity]] = 1.0
        rows[4, bias], rows[4, similarity] = beta[similarity], beta[bias]
        slopes.append(rows)
    jacobian = np.vstack(slopes)
    error = np.sqrt(np.einsum("kp,pq,kq->k", jacobian, joint, jacobian))
    estimate = _effects(beta, places)
    reach = float(student.ppf(0.975, n - 1)) * error
    return {
        "std_error": error,
        "conf_low": estimate - reach,
        "conf_high": estimate + reach,
        "p_value": 2 * np.asarray(student.sf(np.abs(estimate / error), n - 1)),
    }


def _table(
    roles: list[tuple[str, str]],
    estimates: Array,
    cells: dict[str, Array],
    fit: MixedResult,
    fits: tuple[MixedResult, ...],
) -> pd.DataFrame:
    import pandas as pd

    note = "" if all(one.converged for one in fits) else "a model did not converge: no estimates to be reported"
    rows = []
    for place, (role, composition) in enumerate(roles):
        for k, effect in enumerate(_EFFECTS):
            at = 5 * place + k
            name = ", ".join(part for part in (effect, role, composition) if part)
            row = {"term": name, "effect": effect, "role": role, "estimate": float(estimates[at])}
            row |= {key: float(values[at]) for key, values in cells.items()}
            rows.append(row | {"n_dyads": fit.design.n_dyads, "n_obs": len(fit.design.y), "note": note})
    frame = pd.DataFrame(rows)
    order = ["term", "effect", "role", "estimate", "std_error", "conf_low", "conf_high", "p_value"]
    return frame[[*order, "n_dyads", "n_obs", "note"]]
