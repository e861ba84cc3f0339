"""Between-person effects corrected for the unreliability of person means.

A person mean of n occasions is the person's latent level plus the mean of n deviations, so that the effect of observed
means lies between the between- and the within-person effect (Ludtke, Marsh, Robitzsch, Trautwein, Asparouhov and
Muthen, 2008). With both partners' means, and all predictors at once, the shrinkage is a matrix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reldyn.actor_partner.model._tables import identify
from reldyn.errors import DesignError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.actor_partner.model._design import DesignRows
    from reldyn.actor_partner.model._result import MixedResult

__all__ = ["latent_table", "reliability"]


def latent_table(result: MixedResult) -> pd.DataFrame:
    """One row per between effect; the table of `ApimResult.latent_between`."""
    import pandas as pd
    from scipy.stats import t

    design, estimates = result.design, result.estimates
    variables = _variables(design)
    if not variables:
        raise DesignError(
            "latent_between corrects effects of person means: the model needs a predictor with "
            "centering='within-between' whose actor and partner effects enter at both levels."
        )
    places: list[int] = []
    rows = []
    for code in range(len(design.strata)):
        between, error = _moments(design, code, variables)
        for within, means, shrink, own in _equations(design, code, variables, between, error):
            jacobian = np.zeros((len(means), len(estimates.beta)))
            inverse = np.linalg.inv(shrink.T)
            jacobian[:, means] += inverse
            jacobian[:, within] += np.eye(len(means)) - inverse
            corrected = jacobian @ estimates.beta
            spread = np.sqrt(np.diag(jacobian @ estimates.cov @ jacobian.T))
            reach = t.ppf(0.975, estimates.df[means]) * spread
            for k, place in enumerate(means):
                if place in places:
                    continue
                places.append(place)
                observed = float(estimates.beta[place])
                rows.append(
                    {
                        "reliability": float(own[k]),
                        "observed": observed,
                        "bias": observed - float(corrected[k]),
                        "estimate": float(corrected[k]),
                        "std_error": float(spread[k]),
                        "conf_low": float(corrected[k] - reach[k]),
                        "conf_high": float(corrected[k] + reach[k]),
                    }
                )
    identity = identify([design.fixed[place] for place in places])
    return pd.concat([identity, pd.DataFrame(rows)], axis=1)


def _variables(design: DesignRows) -> list[str]:
    """Predictors with actor and partner effects at both levels."""
    present = {(c.term.effect, c.term.level, c.term.variable) for c in design.fixed}
    names = dict.fromkeys(c.term.variable for c in design.fixed if c.term.level == "between")
    needed = [(effect, level) for effect in ("actor", "partner") for level in ("within", "between")]
    return [name for name in names if all((*both, name) in present for both in needed)]


def _moments(design: DesignRows, code: int, variables: list[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Covariance of observed person means, and that of their sampling errors; both (2K, 2K), member-major.

    Over the rows of the fit; deviations of different occasions are taken as independent.
    """
    base = {(c.term.effect, c.term.level, c.term.variable): c.base for c in design.fixed}
    rows = np.flatnonzero(design.stratum[design.dyad] == code)
    dyads = np.flatnonzero(design.stratum == code)
    dyad = np.searchsorted(dyads, design.dyad[rows])
    member = design.member[rows]
    K, n = len(variables), len(dyads)
    means = np.full((n, 2, K), np.nan)
    for k, name in enumerate(variables):
        means[dyad, member, k] = design.base[rows, base["actor", "between", name]]
        means[dyad, 1 - member, k] = design.base[rows, base["partner", "between", name]]
    own = design.base[rows][:, [base["actor", "within", name] for name in variables]]
    other = design.base[rows][:, [base["partner", "within", name] for name in variables]]
    counts = np.zeros((n, 2))
    np.add.at(counts, (dyad, member), 1)
    error = np.zeros((2 * K, 2 * K))
    for m in (0, 1):
        for other_m, values in ((m, own), (1 - m, other)):
            mine = member == m
            products = own[mine].T @ values[mine]
            seen = np.bincount(dyad[mine], minlength=n)
            used = seen > 0
            within = products / max(int(seen.sum()) - int(used.sum()), 1)
            partners = counts[used, other_m] if other_m == m else np.maximum(counts[used, other_m], 1)
            # Co-observed occasions over the product of both counts: 1 / n for complete data.
            weight = np.mean(seen[used] / (seen[used] * np.maximum(partners, seen[used])))
            error[m * K : m * K + K, other_m * K : other_m * K + K] = within * weight
    error = 0.5 * (error + error.T)
    return np.cov(means.reshape(n, 2 * K).T, ddof=1), error


def _equations(
    design: DesignRows, code: int, variables: list[str], between: NDArray[np.float64], error: NDArray[np.float64]
) -> list[tuple[list[int], list[int], NDArray[np.float64], NDArray[np.float64]]]:
    """For each role's outcome: places of within and between effects, shrinkage matrix, reliabilities."""
    K = len(variables)
    place = {(c.term.effect, c.term.level, c.term.variable, c.stratum, c.slot): k for k, c in enumerate(design.fixed)}
    swap = np.r_[np.arange(K, 2 * K), np.arange(K)]
    slots = [slot for slot in (0, 1) if ("actor", "between", variables[0], code, slot) in place] or [-1]
    equations = []
    for slot in slots:
        # The outcome's own member first: actor effects, then partner effects.
        order = swap if slot == 1 else np.arange(2 * K)
        B, E = between[np.ix_(order, order)], error[np.ix_(order, order)]
        if slot < 0:
            B, E = 0.5 * (B + B[np.ix_(swap, swap)]), 0.5 * (E + E[np.ix_(swap, swap)])
        shrink = reliability(B, E, variables)
        levels = {
            level: [place[effect, level, name, code, slot] for effect in ("actor", "partner") for name in variables]
            for level in ("within", "between")
        }
        own = 1.0 - np.diag(E) / np.diag(B)
        equations.append((levels["within"], levels["between"], shrink, own))
    return equations


def reliability(between: NDArray[np.float64], error: NDArray[np.float64], variables: list[str]) -> NDArray[np.float64]:
    """Matrix L with E[latent | means] = L means.

    Parameters
    ----------
    between : (k, k) array
        Covariance of observed means.
    error : (k, k) array
        Covariance of their sampling errors.
    variables : list of str
        For the message.

    Raises
    ------
    DesignError
        The means vary no more than their sampling error.
    """
    latent = between - error
    scale = np.sqrt(np.diag(between))
    if float(np.linalg.eigvalsh(latent / np.outer(scale, scale)).min()) <= 1e-3:
        raise DesignError(
            f"person means of {', '.join(variables)} differ no more than their sampling error lets them: there is no "
            "latent between-person variation to correct the effects for."
        )
    return np.asarray(latent @ np.linalg.inv(between))
