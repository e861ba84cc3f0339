"""Generalised estimating equations of dyads: arrays in, numbers out (Liang and Zeger, 1986), by statsmodels.

Standard errors are those of Mancl and DeRouen (2001), which undo the shrinkage of residuals in small samples. Designs
are matrices, never formulas.
"""

from __future__ import annotations

import itertools
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reldyn._records import brief
from reldyn.mixed import JointTest, Wald

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["GeeFit", "MarginalWald", "fit_gee", "thresholds_of"]

# A standard error this large on the scale of the link comes from outcomes that a predictor splits without overlap.
SPLIT = 30.0
ROUNDS = 50


@brief
@dataclass(frozen=True)
class GeeFit:
    """What the estimating equations gave; p coefficients.

    Attributes
    ----------
    beta : (p,) array
        Thresholds first for ordinal outcomes.
    cov, cov_model : (p, p) arrays
        Bias-reduced robust, and as if the working correlation were right.
    dispersion : float
        Negative-binomial alpha; NaN for other families.
    working : float
        Working correlation; NaN where independence was assumed.
    pearson : (n,) array
        Pearson residuals; NaN for ordinal outcomes.
    converged : bool
    split : bool
        Whether outcomes seem to be separated by a predictor.
    margin : float
        Smallest distance of a fitted value from the edge of its range.
    """

    beta: NDArray[np.float64]
    cov: NDArray[np.float64]
    cov_model: NDArray[np.float64]
    dispersion: float
    working: float
    pearson: NDArray[np.float64]
    converged: bool
    split: bool
    margin: float


@brief
@dataclass(frozen=True)
class MarginalWald(Wald):
    """t inference with dyads minus coefficients as degrees of freedom, from a robust covariance matrix."""

    beta: NDArray[np.float64]
    covariance: NDArray[np.float64]
    df: float
    kind: str = "bias-reduced"
    notes: tuple[str, ...] = ()

    def degrees(self, contrast: NDArray[np.float64]) -> float:
        """The same for every contrast."""
        del contrast
        return self.df

    def joint(self, contrasts: ArrayLike) -> JointTest:
        """Wald F test."""
        from scipy import stats

        from reldyn.errors import DesignError

        L = np.atleast_2d(np.asarray(contrasts, dtype=float))
        if np.linalg.matrix_rank(L) < len(L):
            raise DesignError("the rows of a joint test must be linearly independent: leave out the redundant ones.")
        estimate = L @ self.beta
        statistic = float(estimate @ np.linalg.solve(L @ self.covariance @ L.T, estimate)) / len(L)
        return JointTest(statistic, float(len(L)), self.df, float(stats.f.sf(statistic, len(L), self.df)))


def thresholds_of(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Categories of an ordinal outcome but the highest: each has a threshold above it."""
    return np.unique(y)[:-1]


def fit_gee(
    y: NDArray[np.float64],
    X: NDArray[np.float64],
    dyad: NDArray[np.int64],
    family: str,
    *,
    exchangeable: bool,
    offset: NDArray[np.float64] | None = None,
    weights: NDArray[np.float64] | None = None,
) -> GeeFit:
    """Solve the estimating equations.

    Parameters
    ----------
    y : (n,) array
    X : (n, p) array
        With intercepts; for ordinal outcomes without, since thresholds stand for them.
    dyad : (n,) int array
        Clusters.
    family : {"binomial", "poisson", "negative-binomial", "ordinal"}
    exchangeable : bool
        Working correlation common to all pairs of a cluster, else independence.
    offset, weights : (n,) arrays, optional
        Added to the linear predictor; prior weights, of which a cluster has one where ``exchangeable``.
    """
    order = np.argsort(dyad, kind="stable")
    extra = {name: values[order] for name, values in (("offset", offset), ("weights", weights)) if values is not None}
    try:
        return _fit_sorted(y[order], X[order], dyad[order], family, exchangeable, extra, np.argsort(order))
    except _RanOff:
        return _nothing(y, X, family)


class _RanOff(Exception):
    """Coefficients ran off to infinity in the middle of a step."""


def _nothing(y: NDArray[np.float64], X: NDArray[np.float64], family: str) -> GeeFit:
    """What is left where the iterations broke down."""
    p = X.shape[1] + (len(thresholds_of(y)) if family == "ordinal" else 0)
    unknown = float("nan")
    square = np.full((p, p), unknown)
    return GeeFit(np.full(p, unknown), square, square, unknown, unknown, np.full(len(y), unknown), False, True, 0.0)


def _fit_sorted(
    y: NDArray[np.float64],
    X: NDArray[np.float64],
    dyad: NDArray[np.int64],
    family: str,
    exchangeable: bool,
    extra: dict[str, NDArray[np.float64]],
    back: NDArray[np.int64],
) -> GeeFit:
    """Solve with the rows of a cluster together, as statsmodels wants them."""
    if family == "ordinal":
        found, converged = _ordinal(y, X, dyad, extra)
        pearson = np.full(len(y), np.nan)
        mean = np.asarray(found.fittedvalues, dtype=float)
        margin = float(np.minimum(mean, 1.0 - mean).min())
    else:
        found, converged, alpha = _solve(y, X, dyad, family, exchangeable, extra)
        mean = np.asarray(found.fittedvalues, dtype=float)
        variance = {"binomial": mean * (1 - mean), "poisson": mean}.get(family, mean + alpha * mean**2)
        margin = float((np.minimum(mean, 1.0 - mean) if family == "binomial" else mean).min())
        pearson = ((y - mean) / np.sqrt(variance))[back]
    if "weights" in extra:
        working = float(found.cov_struct.dep_params) if exchangeable else 0.0
        slope = mean * (1 - mean) if family == "binomial" else mean
        cov = bias_reduced(y - mean, slope[:, None] * X, variance, dyad, working, extra["weights"])
    else:
        cov = np.asarray(found.cov_robust_bc, dtype=float)
    std_error = np.sqrt(np.diag(cov))
    return GeeFit(
        beta=np.asarray(found.params, dtype=float),
        cov=cov,
        cov_model=np.asarray(found.cov_naive, dtype=float),
        dispersion=alpha if family == "negative-binomial" else float("nan"),
        working=float(found.cov_struct.dep_params) if exchangeable and family != "ordinal" else float("nan"),
        pearson=pearson,
        converged=converged and bool(np.isfinite(std_error).all()),
        split=bool(np.any(std_error * _spreads(X, len(std_error)) > SPLIT)) or not np.isfinite(std_error).all(),
        margin=margin,
    )


def _spreads(X: NDArray[np.float64], p: int) -> NDArray[np.float64]:
    """SD of predictors where they are not zero, (p,); 1 for thresholds, which come first, intercepts, indicators."""
    spreads = [float(np.std(column[column != 0])) if column.any() else 0.0 for column in X.T]
    return np.array([1.0] * (p - X.shape[1]) + [spread or 1.0 for spread in spreads])


def bias_reduced(
    residual: NDArray[np.float64],
    slope: NDArray[np.float64],
    variance: NDArray[np.float64],
    dyad: NDArray[np.int64],
    working: float,
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Mancl and DeRouen's covariance with prior weights, (p, p): the leverage of a cluster grows with its weight.

    Parameters
    ----------
    residual, variance, weights : (n,) arrays
        Outcome minus mean, variance function at the mean, prior weights.
    slope : (n, p) array
        Derivative of the mean by the coefficients.
    dyad : (n,) int array
        Clusters, sorted.
    working : float
        Working correlation.
    """
    starts = np.flatnonzero(np.r_[True, np.diff(dyad) != 0, True])
    root = np.sqrt(variance / weights)
    pieces = []
    for begin, end in itertools.pairwise(starts):
        rows = slice(begin, end)
        shape = np.full((end - begin, end - begin), working)
        np.fill_diagonal(shape, 1.0)
        pieces.append((rows, np.linalg.inv(np.outer(root[rows], root[rows]) * shape)))
    inverse = np.linalg.inv(sum(slope[rows].T @ V @ slope[rows] for rows, V in pieces))
    meat = np.zeros_like(inverse)
    for rows, V in pieces:
        leverage = slope[rows] @ inverse @ slope[rows].T @ V
        score = slope[rows].T @ V @ np.linalg.solve(np.eye(len(V)) - leverage, residual[rows])
        meat += np.outer(score, score)
    return np.asarray(inverse @ meat @ inverse)


def _solve(
    y: NDArray[np.float64],
    X: NDArray[np.float64],
    dyad: NDArray[np.int64],
    family: str,
    exchangeable: bool,
    extra: dict[str, NDArray[np.float64]],
) -> tuple[Any, bool, float]:
    """Fit one family; for counts with extra spread alternate between coefficients and the moment estimate of alpha."""
    import statsmodels.api as sm

    def fit(kind: Any) -> tuple[Any, bool]:
        structure = sm.cov_struct.Exchangeable() if exchangeable else sm.cov_struct.Independence()
        return _run(sm.GEE(y, X, groups=dyad, family=kind, cov_struct=structure, **extra))

    if family == "binomial":
        return *fit(sm.families.Binomial()), float("nan")
    found, converged = fit(sm.families.Poisson())
    if family == "poisson":
        return found, converged, float("nan")
    alpha = 0.0
    for _ in range(ROUNDS):
        mean = np.asarray(found.fittedvalues, dtype=float)
        w = extra.get("weights", 1.0)
        after = max(float((w * ((y - mean) ** 2 - mean)).sum() / (w * mean**2).sum()), 0.0)
        if abs(after - alpha) <= 1e-6 * (1 + alpha):
            break
        alpha = after
        found, converged = fit(sm.families.NegativeBinomial(alpha=alpha) if alpha > 0 else sm.families.Poisson())
    return found, converged, alpha


def _ordinal(
    y: NDArray[np.float64], X: NDArray[np.float64], dyad: NDArray[np.int64], extra: dict[str, NDArray[np.float64]]
) -> tuple[Any, bool]:
    """Cumulative logits of being above each category; independence between persons, exact within one answer."""
    import statsmodels.api as sm

    return _run(sm.OrdinalGEE(y, X, groups=dyad, cov_struct=sm.cov_struct.OrdinalIndependence(), **extra))


def _run(model: Any) -> tuple[Any, bool]:
    """Fit, and say whether the iterations settled; statsmodels says so in warnings only."""
    from statsmodels.tools.sm_exceptions import ConvergenceWarning as NotSettled

    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            # statsmodels reduces no bias of weighted fits; `bias_reduced` does.
            kind = "bias_reduced" if model.weights is None else "robust"
            found = model.fit(cov_type=kind, maxiter=200)
        except np.linalg.LinAlgError as error:
            raise _RanOff from error
        except ValueError as error:
            if "infs or NaNs" not in str(error):
                raise
            raise _RanOff from error
    settled = not any(issubclass(note.category, NotSettled) for note in caught)
    return getattr(found, "_results", found), settled and bool(np.isfinite(found.params).all())
