"""Fits to imputed panels, pooled by Rubin's rules.

Rubin (1987); degrees of freedom: Barnard and Rubin (1999); joint tests: Li, Raghunathan and Rubin (1991).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._records import brief
from reldyn.actor_partner.model._absent import with_absent_partners
from reldyn.actor_partner.model._design import Block, DesignRows, build_design, problem_of
from reldyn.actor_partner.model._estimates import Estimates
from reldyn.actor_partner.model._fitting import estimates_of, fit_design
from reldyn.errors import DesignError
from reldyn.mixed import JointTest, Wald, column_sizes, impute_pairs, near_singular_notes

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from reldyn.actor_partner.model._setting import ModelSetting
    from reldyn.actor_partner.model._terms import Stratum
    from reldyn.panel import DyadPanel

__all__ = ["N_IMPUTATIONS", "PooledFits", "fit_imputed", "pooled_inference"]

N_IMPUTATIONS = 20


@brief
@dataclass(frozen=True)
class PooledFits(Wald):
    """Inference from several imputations; M of them, p fixed effects.

    Attributes
    ----------
    betas : (M, p) array
    covs : (M, p, p) array
    complete : (M, p) array
        Degrees of freedom that each coefficient would have with complete data.
    """

    beta: NDArray[np.float64]
    covariance: NDArray[np.float64]
    kind: str
    betas: NDArray[np.float64]
    covs: NDArray[np.float64]
    complete: NDArray[np.float64]
    notes: tuple[str, ...] = ()

    def degrees(self, contrast: NDArray[np.float64]) -> float:
        """Barnard and Rubin's degrees of freedom."""
        used = np.abs(contrast) > 0
        return _barnard_rubin(
            float(np.mean(np.einsum("p,mpq,q->m", contrast, self.covs, contrast))),
            float(np.var(self.betas @ contrast, ddof=1)),
            len(self.betas),
            float(self.complete[:, used].mean(axis=0).min()),
        )

    def joint(self, contrasts: Any) -> JointTest:
        """Li, Raghunathan and Rubin's F."""
        from scipy.stats import f

        rows = np.atleast_2d(np.asarray(contrasts, dtype=float))
        k, M = len(rows), len(self.betas)
        if np.linalg.matrix_rank(rows) < k:
            raise DesignError("the rows of a joint test must be linearly independent: leave out the redundant ones.")
        estimate = rows @ self.beta
        within = rows @ self.covs.mean(axis=0) @ rows.T
        between = np.atleast_2d(np.cov((self.betas @ rows.T).T, ddof=1))
        inflation = (1.0 + 1.0 / M) * float(np.trace(between @ np.linalg.inv(within))) / k
        statistic = float(estimate @ np.linalg.solve(within, estimate)) / (k * (1.0 + inflation))
        t = k * (M - 1)
        if inflation <= 0.0:
            df_error = float(self.complete.mean(axis=0).min())
        elif t > 4:
            df_error = 4.0 + (t - 4.0) * (1.0 + (1.0 - 2.0 / t) / inflation) ** 2
        else:
            df_error = t * (1.0 + 1.0 / k) * (1.0 + 1.0 / inflation) ** 2 / 2.0
        return JointTest(statistic, float(k), float(df_error), float(f.sf(statistic, k, df_error)))


def _barnard_rubin(within: float, between: float, count: int, complete: float) -> float:
    added = (1.0 + 1.0 / count) * between
    if added <= 0.0:
        return complete
    share = added / (within + added)
    large = (count - 1) / share**2
    if not np.isfinite(complete):
        return large
    small = (complete + 1.0) / (complete + 3.0) * complete * (1.0 - share)
    return 1.0 / (1.0 / large + 1.0 / small)


def pooled_inference(estimates: Estimates) -> PooledFits:
    """The inference that pooled estimates keep."""
    kept = estimates.imputations
    return PooledFits(estimates.beta, estimates.cov, estimates.inference, kept["beta"], kept["cov"], kept["df"])


def fit_imputed(
    panel: DyadPanel,
    outcome: str,
    lay_out: Callable[[DyadPanel], Block],
    strata: tuple[Stratum, ...],
    setting: ModelSetting,
) -> tuple[DesignRows, Block, Estimates, tuple[str, ...], pd.DataFrame]:
    """Impute, fit each completed panel, and pool.

    Returns
    -------
    design : DesignRows
        Rows of the first completed panel.
    block : Block
    estimates : Estimates
    notes : tuple of str
    frame : pandas.DataFrame
        The first completed panel's rows.
    """
    names = list(dict.fromkeys([name for name, _ in (*setting.predictors, *setting.covariates)]))
    names = [name for name in names if name != "intercept"]
    whole = with_absent_partners(panel)
    found: list[Estimates] = []
    first: tuple[DesignRows, Block, pd.DataFrame] | None = None
    notes: list[str] = []
    for completed in _completed(whole, [*names, outcome], outcome, strata, int(setting.estimation.seed)):
        block = lay_out(completed)
        design = build_design(completed, outcome, block, strata, setting.residual.process)
        first = first or (design, block, completed.frame)
        fit = fit_design(design, setting.random, setting.residual, setting.estimation.method)
        estimates, wald = estimates_of(fit, setting.estimation)
        # Correlations are those of the pooled covariance, and named below.
        own = near_singular_notes(fit.structure.labels, fit.G, column_sizes(fit.problem))
        notes += [note for note in (*fit.warnings, *wald.notes) if note not in (*notes, *own)]
        found.append(estimates)
    if first is None:
        raise DesignError("no imputation was made.")
    pooled = _pool(found)
    kept = pooled.imputations
    spread = np.var(kept["beta"], axis=0, ddof=1) * (1 + 1 / len(found)) / np.diag(pooled.cov)
    notes.insert(
        0,
        f"{len(found)} imputations (seed {setting.estimation.seed}), pooled by Rubin's rules; missing values hold "
        f"{spread.max():.0%} of the variance of the coefficient that they concern most. Variances are averages over "
        "the imputations; serial dependence is not used to impute, and a likelihood does not exist.",
    )
    size = column_sizes(problem_of(first[0]))
    notes += near_singular_notes([column.name for column in first[0].random], pooled.random, size)
    return first[0], first[1], pooled, tuple(notes), first[2]


def _pool(found: Sequence[Estimates]) -> Estimates:
    betas = np.array([one.beta for one in found])
    covs = np.array([one.cov for one in found])
    dfs = np.array([one.df for one in found])
    beta = betas.mean(axis=0)
    between = np.cov(betas.T, ddof=1).reshape(len(beta), len(beta))
    cov = covs.mean(axis=0) + (1.0 + 1.0 / len(found)) * between
    told = PooledFits(beta, cov, found[0].inference, betas, covs, dfs).contrasts()
    middle = found[0]
    residual = tuple(
        {name: np.mean([one.residual[code][name] for one in found], axis=0) for name in middle.residual[code]}
        for code in range(len(middle.residual))
    )
    return dataclasses.replace(
        middle,
        log_likelihood=float("nan"),
        beta=beta,
        cov_model=np.mean([one.cov_model for one in found], axis=0),
        cov=cov,
        df=told.df,
        conf_low=told.conf_low,
        conf_high=told.conf_high,
        p_value=told.p_value,
        random=np.mean([one.random for one in found], axis=0),
        natural=tuple(np.mean([one.natural[k] for one in found], axis=0) for k in range(len(middle.natural))),
        residual=residual,
        converged=all(one.converged for one in found),
        at_boundary=any(one.at_boundary for one in found),
        imputations={"beta": betas, "cov": covs, "df": dfs},
        data="imputed",
    )


def _completed(
    panel: DyadPanel, names: Sequence[str], outcome: str, strata: tuple[Stratum, ...], seed: int
) -> Iterator[DyadPanel]:
    """Panels whose variables are complete where the dyad has a row; the outcome stays as it was."""
    index = panel.index
    observed = {name: panel.values(name) for name in names}
    key = index.dyad * index.cells + index.occasion
    occasions, place = np.unique(key, return_inverse=True)
    k = len(names)
    table = np.full((len(occasions), 2 * k), np.nan)
    for j, name in enumerate(names):
        table[place, index.member * k + j] = observed[name]
    dyad = occasions // index.cells
    labels = np.array(panel.composition_of_dyad, dtype=object)[dyad]
    chains = []
    seeds = np.random.SeedSequence(seed).spawn(len(strata))
    for stratum, own in zip(strata, seeds, strict=True):
        rows = np.flatnonzero(labels == stratum.label) if len(strata) > 1 else np.arange(len(occasions))
        codes = np.unique(dyad[rows], return_inverse=True)[1]
        chain = impute_pairs(
            table[rows],
            codes,
            exchangeable=stratum.exchangeable,
            n_imputations=N_IMPUTATIONS,
            generator=np.random.default_rng(own),
        )
        chains.append((rows, chain))
    for _ in range(N_IMPUTATIONS):
        completed = table.copy()
        for rows, chain in chains:
            completed[rows] = next(chain)
        added = {name: completed[place, index.member * k + j] for j, name in enumerate(names) if name != outcome}
        yield panel._with_columns(added)
