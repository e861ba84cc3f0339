"""Fitted values, residuals, and each dyad's own deviations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reldyn.actor_partner._tables import identify

if TYPE_CHECKING:
    import pandas as pd

    from reldyn.actor_partner._design import DesignRows
    from reldyn.actor_partner._result import MixedResult
    from reldyn.mixed import Fit

__all__ = ["augmented", "dyad_effects", "influence_table"]


def augmented(result: MixedResult) -> pd.DataFrame:
    """Rows of the fit with fitted values and residuals; the table of `MixedResult.augment`."""
    from reldyn.mixed import fitted_values

    design = result.design
    marginal, conditional = fitted_values(result._engine)
    covariance = np.array([np.asarray(told["covariance"]) for told in result.estimates.residual])
    stratum = design.stratum[design.dyad]
    sd = np.sqrt(covariance[stratum, design.member, design.member])
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
