"""Fitted values, residuals, and each dyad's own deviations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn.actor_partner._categories import check_known
from reldyn.actor_partner._row_terms import offset_of
from reldyn.actor_partner.model._block import apim_block, mixed_block
from reldyn.actor_partner.model._design import Block, fill
from reldyn.actor_partner.model._tables import identify
from reldyn.errors import DataError, DesignError, check_option

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.actor_partner.model._design import DesignRows
    from reldyn.actor_partner.model._result import MixedResult
    from reldyn.actor_partner.model._terms import DesignColumn
    from reldyn.mixed import Fit
    from reldyn.panel import DyadPanel

__all__ = ["augmented", "dyad_effects", "influence_table", "predicted"]


def augmented(result: MixedResult) -> pd.DataFrame:
    """Rows of the fit with fitted values and residuals; the table of `MixedResult.augment`."""
    from reldyn.mixed import fitted_values

    design = result.design
    marginal, conditional = (design.rescaled(values) for values in fitted_values(result._engine))
    covariance = np.array([np.asarray(told["covariance"]) for told in result.estimates.residual])
    stratum = design.stratum[design.dyad]
    sd = np.sqrt(covariance[stratum, design.member, design.member])
    if design.weights is not None:
        sd = sd / np.sqrt(design.weights)
    frame = result.identifiers.copy()
    frame[design.outcome] = design.y
    frame["fitted_marginal"] = marginal
    frame["fitted_conditional"] = conditional
    frame["residual_marginal"] = design.y - marginal
    frame["residual_conditional"] = design.y - conditional
    frame["residual_standardised"] = (design.y - conditional) / sd
    return frame


def dyad_effects(design: DesignRows, fit: Fit) -> pd.DataFrame:
    """Predicted deviations of each dyad; the table of `MixedResult.random_effects`."""
    import pandas as pd

    from reldyn.mixed import random_effects

    identity = identify(design.random)
    if not len(identity):
        return identity.assign(dyad=[], estimate=[], std_error=[], conf_low=[], conf_high=[])
    found = random_effects(fit)
    low, high = found.interval()
    own = np.array([column.stratum for column in design.random])[None, :] == design.stratum[:, None]
    dyad, effect = np.nonzero(own)
    std_error = np.sqrt(np.maximum(np.diagonal(found.covariance, axis1=1, axis2=2), 0.0))
    frame = identity.iloc[effect].reset_index(drop=True)
    frame.insert(0, "dyad", pd.Series([design.dyad_labels[code] for code in dyad], dtype=object).infer_objects())
    frame["estimate"] = found.value[dyad, effect]
    frame["std_error"] = std_error[dyad, effect]
    frame["conf_low"] = low[dyad, effect]
    frame["conf_high"] = high[dyad, effect]
    return frame


def predicted(result: MixedResult, panel: DyadPanel | None, level: str) -> pd.DataFrame:
    """Predictions with intervals; the table of `MixedResult.predict`."""
    check_option(level, ("marginal", "conditional"), "level")
    if panel is not None and not hasattr(panel, "n_dyads"):
        raise DesignError(
            f"predictions are made for the rows of a DyadPanel, not of a {type(panel).__name__}: make one with "
            "rd.DyadPanel(frame, ...)."
        )
    rows = _own_rows(result) if panel is None else _other_rows(result, panel)
    X = rows.matrix(result.design.fixed)
    frame = rows.identifiers.copy()
    known = 0.0 if rows.offset is None else rows.offset
    mean = X @ result.estimates.beta + known
    if level == "conditional":
        frame["predicted"] = mean + _deviations(result, rows)
        return frame
    complete = np.isfinite(mean)
    numbers = {name: np.full(len(mean), np.nan) for name in ("std_error", "conf_low", "conf_high")}
    if complete.any():
        found = result._inference.contrasts(X[complete])
        for name, values in numbers.items():
            values[complete] = getattr(found, name)
            if name != "std_error":
                values += known
    frame["predicted"] = mean
    return frame.assign(**numbers)


@dataclass(frozen=True)
class _Rows:
    """Rows to predict for: values of the terms, composition and place of each, dyad label, offset."""

    base: NDArray[np.float64]
    stratum: NDArray[np.int64]
    member: NDArray[np.int64]
    dyad_labels: Sequence[Any]
    identifiers: pd.DataFrame
    offset: NDArray[np.float64] | None = None

    def matrix(self, columns: Sequence[DesignColumn]) -> NDArray[np.float64]:
        return fill(columns, self.base, self.stratum, self.member)


def _own_rows(result: MixedResult) -> _Rows:
    design = result.design
    labels = [design.dyad_labels[code] for code in design.dyad]
    return _Rows(design.base, design.stratum[design.dyad], design.member, labels, result.identifiers, design.offset)


def _other_rows(result: MixedResult, panel: DyadPanel) -> _Rows:
    """Rows of another panel, laid out as those of the fit were."""
    index = panel.index
    block = block_again(result, panel)
    stratum, member = _places(result, panel)
    labels = [index.dyad_labels[code] for code in index.dyad]
    named = [column for column in panel.columns.values() if column is not None]
    frame = panel.frame[list(dict.fromkeys(named))]
    return _Rows(block.base, stratum, member, labels, frame, offset_of(panel, result.setting.offset))


def block_again(result: MixedResult, panel: DyadPanel) -> Block:
    """The terms of the fit, on the rows of another panel and centred where the fit was."""
    setting = result.setting
    check_known(panel, setting.categories)
    if setting.kind == "mixed_model":
        return mixed_block(
            panel,
            outcome=result.design.outcome,
            fixed=setting.covariates,
            random=setting.random.terms,
            fitting=False,
            categories=setting.categories,
        )
    return apim_block(
        panel,
        outcome=result.design.outcome,
        predictors=setting.predictors,
        covariates=setting.covariates,
        moderators=setting.moderators,
        interaction=setting.interaction,
        centering=setting.centering,
        random=setting.random.terms,
        lags=setting.lags,
        varying=setting.varying,
        centres=setting.centres,
        categories=setting.categories,
        constraints=setting.constraints,
    )


def _places(result: MixedResult, panel: DyadPanel) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Composition and member of each row, by the labels that the fit knows."""
    index, strata = panel.index, result.design.strata
    stratum = np.zeros(len(panel), dtype=np.int64)
    if len(strata) > 1:
        known = {stratum.label: code for code, stratum in enumerate(strata)}
        labels = panel.composition_of_dyad
        unknown = sorted(set(labels) - set(known))
        if unknown:
            raise DataError(f"the fit knows no composition {unknown[0]!r}; it was made from {', '.join(known)}.")
        stratum = np.array([known[label] for label in labels])[index.dyad]
    member = index.member.copy()
    roles = np.array([*index.roles, None], dtype=object)[index.role]
    for code, composition in enumerate(strata):
        rows = np.flatnonzero(stratum == code)
        if composition.exchangeable:
            continue
        strange = [role for role in roles[rows] if role not in composition.roles]
        if strange:
            known_roles = ", ".join(map(str, composition.roles))
            raise DataError(f"the fit knows no role {strange[0]!r}; it was made with {known_roles}.")
        member[rows] = [composition.roles.index(role) for role in roles[rows]]
    return stratum, member


def _deviations(result: MixedResult, rows: _Rows) -> NDArray[np.float64]:
    """Each row's share of its dyad's predicted deviations; zero, their mean, for dyads that the fit does not know."""
    from reldyn.mixed import random_effects

    design = result.design
    if not design.random:
        return np.zeros(len(rows.base))
    value = np.vstack([random_effects(result._engine).value, np.zeros(len(design.random))])
    code = {label: place for place, label in enumerate(design.dyad_labels)}
    dyad = np.array([code.get(label, design.n_dyads) for label in rows.dyad_labels])
    return np.asarray(np.einsum("nq,nq->n", rows.matrix(design.random), value[dyad]))


def influence_table(result: MixedResult) -> pd.DataFrame:
    """What leaving out each dyad does to the fixed effects; the table of `MixedResult.influence`."""
    import pandas as pd

    from reldyn.mixed import contributions

    design, estimates = result.design, result.estimates
    fit = result._engine
    parts = contributions(fit)
    own, score = parts.information, parts.score
    p = len(estimates.beta)
    information = np.linalg.inv(estimates.cov_model)
    rest = information - own
    # A dyad without which a coefficient is not estimable has no finite influence: NaN says so.
    usable = np.linalg.cond(rest) < 1e12
    change = np.full((design.n_dyads, p), np.nan)
    change[usable] = -np.linalg.solve(rest[usable], score[usable][..., None])[..., 0]
    distance = np.einsum("dp,pq,dq->d", change, information, change) / p
    shift = change / np.sqrt(np.diag(estimates.cov_model))
    largest = np.where(usable, np.argmax(np.abs(np.nan_to_num(shift)), axis=1), 0)
    names = np.array([column.name for column in design.fixed], dtype=object)
    frame = pd.DataFrame(
        {
            "dyad": pd.Series(list(design.dyad_labels), dtype=object).infer_objects(),
            "n_obs": np.bincount(design.dyad, minlength=design.n_dyads),
            "cooks_distance": distance,
            "largest_change": shift[np.arange(design.n_dyads), largest],
            "term": np.where(usable, names[largest], ""),
            "note": np.where(usable, "", "a coefficient cannot be estimated without this dyad"),
        }
    )
    return frame.sort_values("cooks_distance", ascending=False, ignore_index=True)
