"""A fitted model in words: the methods paragraph, the tables under it, and the notes a reader must see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._format import counted
from reldyn.actor_partner._row_terms import row_term_sentences

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.actor_partner.model._result import MixedResult
    from reldyn.actor_partner.model._terms import Stratum
    from reldyn.results import Section

__all__ = ["methods_paragraph", "sections", "without_identifying"]

_RESIDUALS = {
    "independent": "independent",
    "unstructured": "a free 2 x 2 covariance within each occasion",
    "ar1": "first-order autoregressive with correlated innovations",
    "car1": "autoregressive in continuous time with correlated innovations",
    "var1": "first-order vector autoregressive with correlated innovations",
}
_INFERENCE = {
    "z": "model-based standard errors, normal (z) tests and intervals",
    "kenward-roger": "Kenward-Roger standard errors and degrees of freedom",
    "cr2": "cluster-robust (CR2) standard errors with Bell-McCaffrey degrees of freedom",
    "profile": "model-based standard errors with profile-likelihood intervals",
    "parametric-bootstrap": "parametric bootstrap standard errors and intervals",
    "dyad-bootstrap": "whole-dyad bootstrap standard errors and intervals",
}
_CENTERING = {
    "within-between": "split into deviations from the person's mean (within) and person means (between)",
    "three-level": "split into the day's deviation from the person's mean (within), the person's mean as a deviation "
    "from the couple's (person) and the couple's mean (couple)",
    "grand": "centred at the grand mean",
    "none": "entered uncentred",
}
_LAGGED = (
    "as deviations from the person's mean (within); the means of a lagged outcome, which are its own, are left out"
)
SOURCES = "Kenny, Kashy and Cook (2006); Bolger and Laurenceau (2013)"


def sections(result: MixedResult) -> Iterator[Section]:
    """The tables of a summary, and the parameters of the residual process."""
    yield from _carry_over_table(result)
    yield "Fixed effects", without_identifying(result.tidy())
    if result.design.random:
        yield "Random effects (standard deviations, correlations)", _correlations(result, "random")
    yield "Residuals (standard deviations, correlations)", _correlations(result, "residual")
    yield from _process_lines(result)


def _carry_over_table(result: MixedResult) -> Iterator[Section]:
    """Stability and influence, first of all numbers where the residual process has them."""
    if result.setting.residual.process == "var1" and result.estimates.cov_parameters.size:
        rows = result.tidy("residual")
        rows = rows[rows["effect"].isin(["stability", "influence", "contrast"])].drop(columns="note")
        yield "Stability and influence (of deviations from the fixed effects)", without_identifying(rows)


def methods_paragraph(result: MixedResult) -> str:
    """Say what was fitted, to what and how, in sentences fit for a methods section."""
    setting, design, estimates = result.setting, result.design, result.estimates
    glance = result.glance().iloc[0]
    sentences = [
        f"The model was fitted to {len(design.y):,} of {counted(setting.n_rows_panel, 'row')} from "
        f"{counted(design.n_dyads, 'dyad')} ({counted(design.n_persons, 'person')}); "
        f"{_members(setting.roles, design.strata)}.",
        *_predictor_sentences(setting),
        f"Varying between dyads: {_random_phrase(result)}{_default_phrase(setting)}. "
        f"Residuals: {residual_phrase(setting.residual)}.",
        f"Estimation was by {'restricted maximum likelihood' if estimates.method == 'reml' else 'maximum likelihood'}"
        + _criteria(glance),
        f"Inference: {_INFERENCE[estimates.inference]}.",
    ]
    if not estimates.converged:
        sentences.insert(0, "THE FIT DID NOT CONVERGE: the numbers below are not estimates to be reported.")
    if setting.kind == "apim":
        sentences.append(f"Model: {SOURCES}.")
    return " ".join(sentences)


def _criteria(glance: Any) -> str:
    """Log-likelihood and information criteria, where there is a likelihood."""
    restricted = glance["method"] == "reml"
    if np.isnan(glance["log_likelihood"]):
        return f" in each imputation ({int(glance['n_parameters'])} parameters)."
    return (
        f" (log-likelihood {glance['log_likelihood']:.3f}, {int(glance['n_parameters'])} parameters, "
        f"AIC {glance['aic']:.2f}, BIC {glance['bic']:.2f} counting rows, {glance['bic_dyads']:.2f} counting dyads"
        + ("; under REML, to be compared between models with the same fixed effects only)." if restricted else ").")
    )


def _members(roles: str, strata: Sequence[Stratum]) -> str:
    if roles == "exchangeable":
        return "members are exchangeable"
    if roles == "distinguishable":
        first, second = strata[0].roles
        return f"members are distinguished by role ({first}, {second})"
    told = [f"{stratum.label} ({'exchangeable' if stratum.exchangeable else 'distinguishable'})" for stratum in strata]
    return f"compositions are modelled side by side: {', '.join(told)}"


def _predictor_sentences(setting: Any) -> list[str]:
    sentences = []
    by_option: dict[str, list[str]] = {}
    for name, _ in setting.predictors:
        option = setting.centering[name]
        phrase = _LAGGED if option in ("within-between", "three-level") and name in setting.lags else _CENTERING[option]
        by_option.setdefault(phrase, []).append(name)
    for phrase, names in by_option.items():
        sentences.append(f"Actor and partner effects of {_listed(names)}, {phrase}.")
    if setting.interaction:
        sentences.append(f"Actor by partner interaction: {setting.interaction}.")
    for name, whose in setting.moderators.items():
        owners = whose if isinstance(whose, str) else " and ".join(whose)
        changing = ", at each occasion" if name in setting.varying else ""
        zero = setting.categories[name][0] if name in setting.categories else "0"
        sentences.append(f"Moderated by {name} ({owners}{changing}); effects are those where {name} is {zero}.")
    if setting.covariates:
        label = "Covariates" if setting.kind == "apim" else "Fixed effects"
        sentences.append(f"{label} as they stand: {_listed([name for name, _ in setting.covariates])}.")
    if "actor=partner" in setting.constraints:
        sentences.append("Actor and partner effects are held equal.")
    if "equal-predictors" in setting.constraints:
        sentences.append("Effects are held equal across predictors.")
    sentences += row_term_sentences(setting.offset, setting.weights)
    for name, labels in setting.categories.items():
        sentences.append(f"Categories of {name} ({_listed(labels[1:])}) are set against {labels[0]}.")
    return sentences


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _random_phrase(result: MixedResult) -> str:
    columns = result.design.random
    if not columns:
        return "nothing"
    seen: dict[str, bool] = {}
    for column in columns:
        seen.setdefault(column.term.name, column.term.common)
    names = [f"{name} (common to both members)" if common else name for name, common in seen.items()]
    shape = {"full": "freely correlated", "diagonal": "uncorrelated", "block": "correlated within each term"}
    how = f", {shape[result.setting.random.covariance]}" if len(columns) > 1 else ""
    return f"{_listed(names)}{how}"


def _default_phrase(setting: Any) -> str:
    """Name the default random structure."""
    if not setting.default_random:
        return ""
    robust = setting.estimation.inference == "cr2"
    how = "; standard errors allow for slopes that vary and are not modelled" if robust else ""
    return f" (by default, no slopes{how})"


def residual_phrase(residual: Any) -> str:
    """What is assumed of the residuals, as it follows "Residuals:" in a methods paragraph."""
    extra = []
    if residual.common:
        extra.append("one carry-over for both roles")
    if residual.equal_variances:
        extra.append("one variance for both roles")
    if residual.measurement_error:
        extra.append("measurement error")
    return _RESIDUALS[residual.process] + (f" ({', '.join(extra)})" if extra else "")


def without_identifying(tidy: pd.DataFrame) -> pd.DataFrame:
    """A table without what its readable terms already say."""
    names = ("effect", "variable", "level", "role", "moderator", "moderated", "trait_of", "category", "composition")
    return tidy.drop(columns=[name for name in names if name in tidy])


def _correlations(result: MixedResult, what: str) -> pd.DataFrame:
    """Standard deviations beside a lower triangle of correlations."""
    import pandas as pd

    frame = result.covariance(what)
    matrix = frame.to_numpy()
    sd = np.sqrt(np.diag(matrix))
    scale = np.outer(sd, sd)
    correlation = np.divide(matrix, scale, out=np.full_like(matrix, np.nan), where=scale > 0)
    correlation[np.triu_indices(len(sd))] = np.nan
    table: dict[str, Any] = {"": [str(label) for label in frame.index], "sd": sd}
    for place in range(len(sd) - 1):
        table[str(place + 1)] = correlation[:, place]
    return pd.DataFrame(table)


def _process_lines(result: MixedResult) -> Iterator[str]:
    """Carry-over parameters in one line per composition; nothing for processes without time."""
    if not result.setting.residual.serial:
        return
    process = result.residual_process
    several = len(result.design.strata) > 1
    for label, found in process.items() if several else [("", process)]:
        names = [name for name in ("phi", "decay", "transition", "error_variance") if name in found]
        where = f" ({label})" if label else ""
        yield f"Residual process{where}: {'; '.join(_shown(name, found[name]) for name in names)}."


def _shown(name: str, value: Any) -> str:
    if isinstance(value, float):
        return f"{name} {value:.3f}"
    if isinstance(value, dict):
        return f"{name} " + ", ".join(f"{role} {number:.3f}" for role, number in value.items())
    cells = [f"{value.loc[row, column]:.3f} from {column} to {row}" for row in value.index for column in value.columns]
    return f"{name} " + ", ".join(cells)
