"""Bootstrap inference for the fixed effects: new outcomes from the model, or whole dyads drawn again."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from reldyn._records import brief
from reldyn._types import Array
from reldyn.errors import DesignError
from reldyn.mixed._fit import Fit, fit_mixed
from reldyn.mixed._simulate import simulator
from reldyn.mixed.inference._inference import Contrasts, JointTest, Wald, joint_parts
from reldyn.mixed.likelihood._start import Start
from reldyn.mixed.spec._problem import take_dyads
from reldyn.stats import Resamples, dyad_bootstrap, parametric_bootstrap

# Below this share of usable samples the intervals are not trusted without a word.
_ENOUGH = 0.95


@brief
@dataclass(frozen=True)
class Bootstrap(Wald):
    """Inference from resampled fits; n samples.

    Attributes
    ----------
    beta : (p,) array
    covariance : (p, p) array
        Of the resampled estimates.
    draws : (n, p) array
        Resampled estimates.
    model_covariances : (n, p, p) array
        Model-based covariance in each sample.
    fitted_covariance : (p, p) array
        Model-based covariance of the fit itself.
    seed : int
    kind : {"parametric-bootstrap", "dyad-bootstrap"}
        The former gives studentised intervals, since its statistic is nearly pivotal and percentiles are too narrow
        with few dyads; the latter percentile intervals, since no model-based standard error is trusted there.
    """

    beta: Array
    covariance: Array
    draws: Array
    model_covariances: Array
    fitted_covariance: Array
    seed: int
    kind: str
    notes: tuple[str, ...] = ()

    def degrees(self, contrast: Array) -> float:
        """Infinite: no reference distribution is assumed."""
        del contrast
        return float("inf")

    def contrasts(self, rows: ArrayLike | None = None, level: float = 0.95) -> Contrasts:
        """Estimate and test each row; see `Wald.contrasts`."""
        plain = super().contrasts(rows, level)
        L = np.eye(len(self.beta)) if rows is None else np.atleast_2d(np.asarray(rows, dtype=float))
        drawn = self.draws @ L.T
        tails = np.array([0.5 - 0.5 * level, 0.5 + 0.5 * level])
        if self.kind == "dyad-bootstrap":
            low, high = np.quantile(drawn, tails, axis=0, method="weibull")
            below = (drawn <= 0).sum(axis=0)
            beyond = 2 * np.minimum(below, len(drawn) - below)
        else:
            spread = np.sqrt(np.einsum("kp,npq,kq->nk", L, self.model_covariances, L))
            own = np.sqrt(np.einsum("kp,pq,kq->k", L, self.fitted_covariance, L))
            studentised = (drawn - plain.estimate) / spread
            upper, lower = np.quantile(studentised, tails, axis=0, method="weibull")
            low, high = plain.estimate - lower * own, plain.estimate - upper * own
            beyond = (np.abs(studentised) >= np.abs(plain.estimate / own)).sum(axis=0)
        p_value = np.minimum(1.0, (beyond + 1.0) / (len(drawn) + 1.0))
        return Contrasts(plain.estimate, plain.std_error, plain.df, plain.statistic, p_value, low, high)

    def joint(self, contrasts: ArrayLike) -> JointTest:
        """Wald statistic over its degrees of freedom, referred to its values in the resamples about the estimate."""
        L, estimate, covariance = joint_parts(self, contrasts)
        inverse = np.linalg.inv(covariance)
        away = (self.draws - self.beta) @ L.T
        drawn = np.einsum("nk,kl,nl->n", away, inverse, away)
        statistic = float(estimate @ inverse @ estimate)
        p_value = (float((drawn >= statistic).sum()) + 1.0) / (len(drawn) + 1.0)
        return JointTest(statistic / len(L), float(len(L)), float("inf"), p_value)


def bootstrap(fit: Fit, kind: str, *, n_boot: int = 999, seed: Any = None, n_jobs: int = 1) -> Bootstrap:
    """Fit the model again to resampled data.

    Parameters
    ----------
    fit : Fit
    kind : {"parametric-bootstrap", "dyad-bootstrap"}
    n_boot, seed, n_jobs
        See `reldyn.resample`.

    Returns
    -------
    Bootstrap

    Raises
    ------
    DesignError
        If fewer than two samples could be used.
    """
    lean = dataclasses.replace(fit)
    if kind == "parametric-bootstrap":
        draw = simulator(lean)
        start = Start(lean.internal_covariance, lean.psi, lean.scale)

        def from_model(y: Array) -> Array:
            return _numbers(_refit(lean, dataclasses.replace(lean.problem, y=y), start))

        found = parametric_bootstrap(draw, from_model, n_boot=n_boot, seed=seed, n_jobs=n_jobs)
    else:

        def from_dyads(drawn: Any) -> Array:
            return _numbers(_refit(lean, take_dyads(lean.problem, drawn), None))

        found = dyad_bootstrap(
            from_dyads, fit.problem.n_dyads, strata=fit.problem.strata, n_boot=n_boot, seed=seed, n_jobs=n_jobs
        )
    return _described(fit, kind, found)


def _refit(fit: Fit, problem: Any, start: Start | None) -> Fit | None:
    try:
        again = fit_mixed(problem, fit.structure, fit.residual, fit.method, start=start, warn=False)
    except DesignError:
        return None
    return again if again.converged else None


def _numbers(again: Fit | None) -> Array:
    return np.array([np.nan]) if again is None else np.concatenate([again.beta, again.cov_beta.ravel()])


def _described(fit: Fit, kind: str, found: Resamples) -> Bootstrap:
    p = len(fit.beta)
    kept = found.values[found.usable]
    if len(kept) < 2 or kept.shape[1] != p + p * p:
        raise DesignError(
            f"{len(kept)} of {len(found.values)} bootstrap samples could be fitted: too few for an interval. "
            "Name fewer random terms or a simpler residual process."
        )
    draws = kept[:, :p]
    notes = []
    if len(kept) < _ENOUGH * len(found.values):
        notes.append(f"{found.n_failed} of {len(found.values)} bootstrap samples could not be fitted; left out.")
    return Bootstrap(
        beta=fit.beta,
        covariance=np.cov(draws, rowvar=False).reshape(p, p),
        draws=draws,
        model_covariances=kept[:, p:].reshape(-1, p, p),
        fitted_covariance=fit.cov_beta,
        seed=found.seed,
        kind=kind,
        notes=tuple(notes),
    )
