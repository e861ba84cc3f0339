"""Profile-likelihood intervals and tests of linear combinations of fixed effects.

A fixed effect is held at a value by moving its column to the outcome; all other parameters are estimated again. The
restricted likelihood depends on the fixed-effects design, so that profiles are always of the full likelihood, as in
lme4.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from reldyn._records import brief
from reldyn._types import Array
from reldyn.errors import DesignError
from reldyn.mixed._fit import Fit, fit_mixed
from reldyn.mixed.inference._inference import Contrasts, JointTest, Wald, joint_parts
from reldyn.mixed.likelihood._start import Start
from reldyn.mixed.spec._columns import dense

_NOTE = "Profile intervals are of the full likelihood, without the restricted likelihood's correction of variances."
# How many standard errors from the estimate an end point is sought.
_FARTHEST = 12.0


@brief
@dataclass(frozen=True)
class Profile(Wald):
    """Inference from the profile of the likelihood.

    Attributes
    ----------
    fit : Fit
        By maximum likelihood.
    beta : (p,) array
        Maximum-likelihood estimates.
    covariance : (p, p) array
        Their model-based covariance.
    """

    fit: Fit
    notes: tuple[str, ...] = (_NOTE,)
    kind: str = "profile"

    @cached_property
    def beta(self) -> Array:  # type: ignore[override]
        """Maximum-likelihood estimates."""
        return self.fit.beta

    @cached_property
    def covariance(self) -> Array:  # type: ignore[override]
        """Model-based covariance."""
        return self.fit.cov_beta

    def degrees(self, contrast: Array) -> float:
        """Infinite: the signed root of the likelihood ratio is referred to the normal distribution."""
        del contrast
        return float("inf")

    def joint(self, contrasts: ArrayLike) -> JointTest:
        """Likelihood-ratio test that all rows are zero, over its degrees of freedom."""
        from scipy import stats as distributions

        L, _, _ = joint_parts(self, contrasts)
        free = np.linalg.svd(L)[2][len(L) :].T
        labels = tuple(f"free {j}" for j in range(free.shape[1]))
        problem = dataclasses.replace(self.fit.problem, X=dense(self.fit.problem.X) @ free, x_labels=labels)
        statistic = max(0.0, 2.0 * (self.fit.log_likelihood - self._refit(problem).log_likelihood))
        df = float(len(L))
        return JointTest(statistic / df, df, float("inf"), float(distributions.chi2.sf(statistic, df)))

    def contrasts(self, rows: ArrayLike | None = None, level: float = 0.95) -> Contrasts:
        """Estimate and test each row; see `Wald.contrasts`. Several fits for each end point."""
        from scipy import stats as distributions

        plain = super().contrasts(rows, level)
        L = np.eye(len(self.beta)) if rows is None else np.atleast_2d(np.asarray(rows, dtype=float))
        low, high, statistic = (np.empty(len(L)) for _ in range(3))
        wanted = float(distributions.norm.ppf(0.5 + 0.5 * level))
        for k, row in enumerate(L):
            center, spread = float(plain.estimate[k]), float(plain.std_error[k])
            low[k] = self._end(row, center, -spread, wanted)
            high[k] = self._end(row, center, spread, wanted)
            statistic[k] = -self._signed_root(row, center, 0.0)
        p_value = np.asarray(2.0 * distributions.norm.sf(np.abs(statistic)))
        return Contrasts(plain.estimate, plain.std_error, plain.df, statistic, p_value, low, high)

    def _end(self, row: Array, center: float, spread: float, wanted: float) -> float:
        """Where the signed root reaches `wanted`, in the direction of `spread`; infinite if nowhere near."""
        from scipy import optimize

        def short(steps: float) -> float:
            return abs(self._signed_root(row, center, center + steps * spread)) - wanted

        far = 1.5 * wanted
        while short(far) < 0:
            far *= 2.0
            if far > _FARTHEST:
                return float(np.copysign(np.inf, spread))
        return center + spread * float(optimize.brentq(short, 0.0, far, xtol=1e-6, rtol=1e-10))

    def _signed_root(self, row: Array, center: float, value: float) -> float:
        """Signed root of the likelihood ratio against ``row @ beta == value``."""
        if value == center:
            return 0.0
        pivot = int(np.argmax(np.abs(row)))
        others = np.delete(np.arange(len(row)), pivot)
        problem = self.fit.problem
        X, labels = dense(problem.X), problem.x_labels
        column = X[:, pivot] / row[pivot]
        reduced = X[:, others] - column[:, None] * row[others]
        held = dataclasses.replace(
            problem, y=problem.y - value * column, X=reduced, x_labels=tuple(labels[j] for j in others)
        )
        drop = max(0.0, 2.0 * (self.fit.log_likelihood - self._refit(held).log_likelihood))
        return float(np.copysign(np.sqrt(drop), value - center))

    def _refit(self, problem: object) -> Fit:
        start = Start(self.fit.internal_covariance, self.fit.psi, self.fit.scale)
        return fit_mixed(problem, self.fit.structure, self.fit.residual, "ml", start=start, warn=False)  # type: ignore[arg-type]


def profile(fit: Fit) -> Profile:
    """Profile the likelihood of a model.

    Parameters
    ----------
    fit : Fit
        A REML fit is fitted again by ML first.

    Returns
    -------
    Profile

    Raises
    ------
    DesignError
        If the model has a single fixed effect, whose column could not be taken out.
    """
    if len(fit.beta) < 2:
        raise DesignError("a profile needs at least two fixed effects. Use inference='z' or 'kenward-roger'.")
    if fit.method == "ml":
        return Profile(fit)
    start = Start(fit.internal_covariance, fit.psi, fit.scale)
    return Profile(fit_mixed(fit.problem, fit.structure, fit.residual, "ml", start=start, warn=False))
