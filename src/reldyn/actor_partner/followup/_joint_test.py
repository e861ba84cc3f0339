"""All coefficients of a variable in one test: are they zero, and are they the same in both roles?"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.actor_partner._past import untested_rows
from reldyn.errors import DesignError, check_option

if TYPE_CHECKING:
    import pandas as pd

    from reldyn._types import Array
    from reldyn.actor_partner.model._result import MixedResult
    from reldyn.actor_partner.model._terms import DesignColumn

__all__ = ["joint_table"]

TESTS = ("wald", "likelihood-ratio")


@dataclass(frozen=True)
class _Question:
    """Weights that are zero under the hypothesis, and the columns of the model in which they are."""

    term: str
    weights: Array
    columns: tuple[DesignColumn, ...]


def joint_table(result: MixedResult, name: str, test: str) -> pd.DataFrame:
    """One row per question about a variable; the table of `MixedResult.joint_test`."""
    import pandas as pd

    check_option(test, TESTS, "test")
    questions = _questions(result.design.fixed, name)
    if test == "wald":
        rows = [_wald(result, question) for question in questions]
    else:
        rows = _likelihood_ratios(result, questions)
    return pd.DataFrame([{"term": q.term, "test": test} | row for q, row in zip(questions, rows, strict=True)])


def _questions(columns: Sequence[DesignColumn], name: str) -> list[_Question]:
    terms = [column.term for column in columns if column.term.effect != "intercept"]
    stems = list(dict.fromkeys(term.stem for term in terms if name in (term.stem, term.variable, term.moderator)))
    if not stems:
        known = dict.fromkeys(part for term in terms for part in (term.variable, term.stem) if part)
        raise DesignError(f"the model has no term {name!r} to test; there are: {', '.join(known)}.")
    groups = {stem: [k for k, column in enumerate(columns) if column.term.stem == stem] for stem in stems}
    every = [place for places in groups.values() for place in places]
    found = []
    if len(stems) > 1:
        found.append(_zero(columns, f"{name} (all terms)", every))
    for stem, places in groups.items():
        found += _of_term(columns, stem, places)
    return found


def _of_term(columns: Sequence[DesignColumn], stem: str, places: Sequence[int]) -> list[_Question]:
    """A term over all members, by role, and its difference between roles; by composition where there are several."""
    found = [_zero(columns, stem, places)]
    owners = list(dict.fromkeys((columns[k].composition, str(columns[k].role)) for k in places))
    if len(owners) > 1:
        for composition, role in owners:
            own = [k for k in places if (columns[k].composition, str(columns[k].role)) == (composition, role)]
            found.append(_zero(columns, ", ".join(part for part in (stem, composition, role) if part), own))
    for composition in dict.fromkeys(columns[k].composition for k in places):
        pairs = _role_pairs(columns, [k for k in places if columns[k].composition == composition])
        if pairs:
            weights = np.zeros((len(pairs), len(columns)))
            for row, (first, second) in enumerate(pairs):
                weights[row, [first, second]] = 1.0, -1.0
            label = ", ".join(part for part in (f"role x {stem}", composition) if part)
            found.append(_Question(label, weights, _with_common(columns, pairs)))
    return found


def _zero(columns: Sequence[DesignColumn], term: str, places: Sequence[int]) -> _Question:
    weights = np.eye(len(columns))[list(places)]
    return _Question(term, weights, tuple(column for k, column in enumerate(columns) if k not in places))


def _role_pairs(columns: Sequence[DesignColumn], places: Sequence[int]) -> list[tuple[int, int]]:
    """The two roles' coefficients of the same term and category."""
    by_term: dict[Any, list[int]] = {}
    for place in places:
        if columns[place].slot >= 0:
            by_term.setdefault(columns[place].term, []).append(place)
    return [(pair[0], pair[1]) for pair in by_term.values() if len(pair) == 2]


def _with_common(columns: Sequence[DesignColumn], pairs: Sequence[tuple[int, int]]) -> tuple[DesignColumn, ...]:
    """Columns in which each pair is one coefficient for both roles."""
    second = {pair[1] for pair in pairs}
    first = {pair[0] for pair in pairs}
    return tuple(
        dataclasses.replace(column, slot=-1, role="") if place in first else column
        for place, column in enumerate(columns)
        if place not in second
    )


def _wald(result: MixedResult, question: _Question) -> dict[str, Any]:
    found = result._inference.joint(question.weights)
    tested = not untested_rows(result.estimates.p_value, question.weights).any()
    return {
        "statistic": found.statistic if tested else np.nan,
        "df": found.df,
        "df_error": found.df_error,
        "p_value": found.p_value if tested else np.nan,
    }


def _likelihood_ratios(result: MixedResult, questions: Sequence[_Question]) -> list[dict[str, Any]]:
    """Both models by maximum likelihood, whatever the method of the fit."""
    from scipy import stats

    from reldyn.actor_partner.model._fitting import fit_design

    if result.estimates.data != "complete":
        what = "estimating equations" if result.estimates.data == "marginal" else "incomplete predictors"
        raise DesignError(f"a fit by {what} has no likelihood that could be compared: use test='wald'.")

    def fit(columns: tuple[DesignColumn, ...]) -> float:
        design = dataclasses.replace(result.design, fixed=columns)
        return float(fit_design(design, result.setting.random, result.setting.residual, "ml").log_likelihood)

    whole = fit(result.design.fixed)
    rows = []
    for question in questions:
        if not question.columns:
            raise DesignError("without these terms the model has no fixed effect left: use test='wald'.")
        statistic, df = max(2.0 * (whole - fit(question.columns)), 0.0), len(question.weights)
        tested = not untested_rows(result.estimates.p_value, question.weights).any()
        rows.append(
            {
                "statistic": statistic if tested else np.nan,
                "df": float(df),
                "df_error": float("inf"),
                "p_value": float(stats.chi2.sf(statistic, df)) if tested else np.nan,
            }
        )
    return rows
