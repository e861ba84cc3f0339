"""Variance components of crossed effects: the start by penalised least squares, the optimum by statsmodels.

statsmodels has the likelihood of crossed effects but not a start for it: from its own it stops 15 log-likelihood
units short on 800 ratings. The profiled criterion here (Bates, Maechler, Bolker and Walker, 2015) costs one Cholesky
factor of the size of the effects and finds the place; `MixedLM` confirms it with its gradient and gives the numbers.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Flags, Ints

# A standard deviation below this share of the residual's counts as none.
_SHUT = 1e-3
# What statsmodels is given in place of zero, where its gradient vanishes by its own parameterisation.
_NEARLY_ZERO = 1e-10
# Restricted log-likelihoods of the two searches that count as the same.
_AGREE = 1e-3

__all__ = ["Component", "CrossedFit", "fit_crossed", "fit_nested"]


@dataclass(frozen=True)
class Component:
    """Effects that vary over the groups of one grouping.

    Attributes
    ----------
    name : str
    group : (n,) int array
        Codes from 0.
    values : (n,) array
        What the effect multiplies.
    """

    name: str
    group: Ints
    values: Array

    @property
    def design(self) -> Array:
        """(n, groups) array."""
        matrix = np.zeros((len(self.group), int(self.group.max()) + 1))
        matrix[np.arange(len(self.group)), self.group] = self.values
        return matrix


@dataclass(frozen=True)
class CrossedFit:
    """A fitted model of crossed effects; p fixed effects, k components.

    Attributes
    ----------
    beta, std_error : (p,) arrays
    variances : (k,) array
    residual : float
        Residual variance.
    effects : tuple of arrays
        Best linear unbiased predictions of each component, by group.
    log_likelihood : float
        Restricted.
    converged : bool
    singular : (k,) bool array
        Components without variance.
    correlations : (k, k) array or None
        Of effects that may covary.
    """

    beta: Array
    std_error: Array
    variances: Array
    residual: float
    effects: tuple[Array, ...]
    log_likelihood: float
    converged: bool
    singular: Flags
    correlations: Array | None = None


@dataclass(frozen=True)
class _Products:
    """Cross-products of y, X and the designs of all components, side by side."""

    ZtZ: Array
    ZtX: Array
    Zty: Array
    XtX: Array
    Xty: Array
    yty: float
    n: int
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class _Solved:
    deviance: float
    beta: Array
    cov: Array
    scale: float
    effects: Array


def fit_crossed(y: Array, X: Array, components: Sequence[Component]) -> CrossedFit:
    """Restricted maximum likelihood of independent crossed effects.

    Parameters
    ----------
    y : (n,) array
    X : (n, p) array
    components : sequence of Component

    Returns
    -------
    CrossedFit
    """
    designs = [one.design for one in components]
    products = _products(y, X, designs)
    ratios = _start(products)
    refined, likelihood, agreed = _confirmed(y, X, designs, ratios)
    here = _solve(products, np.sqrt(refined))
    singular = np.sqrt(refined) < _SHUT
    bounds = np.cumsum([0, *products.sizes])
    return CrossedFit(
        beta=here.beta,
        std_error=np.sqrt(np.diag(here.cov)),
        variances=np.where(singular, 0.0, refined * here.scale),
        residual=here.scale,
        effects=tuple(here.effects[a:b] for a, b in itertools.pairwise(bounds)),
        log_likelihood=likelihood,
        converged=agreed and abs(likelihood + 0.5 * here.deviance) < _AGREE,
        singular=singular,
    )


def _products(y: Array, X: Array, designs: list[Array]) -> _Products:
    Z = np.column_stack(designs)
    return _Products(
        Z.T @ Z, Z.T @ X, Z.T @ y, X.T @ X, X.T @ y, float(y @ y), len(y), tuple(one.shape[1] for one in designs)
    )


def _solve(products: _Products, theta: Array) -> _Solved:
    """Everything at fixed ratios of standard deviations to the residual's."""
    from scipy.linalg import cho_solve, cholesky, solve_triangular

    scale = np.repeat(theta, products.sizes)
    inner = scale[:, None] * products.ZtZ * scale
    inner[np.diag_indices_from(inner)] += 1.0
    root = cholesky(inner, lower=True)
    right = np.column_stack([products.ZtX, products.Zty])
    half = solve_triangular(root, scale[:, None] * right, lower=True)
    across, cu = half[:, :-1], half[:, -1]
    left = products.XtX - across.T @ across
    factor = cholesky(left, lower=True)
    beta = cho_solve((factor, True), products.Xty - across.T @ cu)
    df = products.n - len(beta)
    squares = products.yty - float(cu @ cu) - float((products.Xty - across.T @ cu) @ beta)
    variance = max(squares, 1e-300) / df
    log_det = 2 * float(np.log(np.diag(root)).sum()) + 2 * float(np.log(np.diag(factor)).sum())
    deviance = log_det + df * (1 + math.log(2 * math.pi * variance))
    effects = scale * solve_triangular(root.T, cu - across @ beta, lower=False)
    return _Solved(deviance, beta, variance * cho_solve((factor, True), np.eye(len(beta))), variance, effects)


def _start(products: _Products) -> Array:
    """Variance ratios at the optimum of the profiled criterion."""
    from scipy.optimize import minimize

    # In ratios of variances, whose derivative at zero does not vanish, so that a component can come and go.
    def deviance(ratios: Array) -> float:
        return _solve(products, np.sqrt(ratios)).deviance

    k = len(products.sizes)
    found = [
        minimize(deviance, np.full(k, at), method="L-BFGS-B", bounds=[(0.0, 1e4)] * k, options={"ftol": 1e-12})
        for at in (0.05, 0.5)
    ]
    return np.asarray(min(found, key=lambda one: float(one.fun)).x, dtype=float)


def _confirmed(y: Array, X: Array, designs: list[Array], ratios: Array) -> tuple[Array, float, bool]:
    """Variance ratios, restricted log-likelihood and convergence, as statsmodels has them from this start."""
    from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams, VCSpec

    names = [f"component {place}" for place in range(len(designs))]
    columns = [[[f"{name} {k}" for k in range(one.shape[1])]] for name, one in zip(names, designs, strict=True)]
    model = MixedLM(y, X, np.zeros(len(y)), exog_vc=VCSpec(names, columns, [[one] for one in designs]))
    start = MixedLMParams.from_components(
        fe_params=np.zeros(X.shape[1]), cov_re=np.zeros((0, 0)), vcomp=np.maximum(ratios, _NEARLY_ZERO)
    )
    with warnings.catch_warnings():
        # It warns of the boundary and of failure; both are said by the caller in the words of the model.
        warnings.simplefilter("ignore")
        found = model.fit(reml=True, start_params=start, method=["lbfgs"])
    scale = float(found.scale)
    return np.asarray(found.vcomp, dtype=float) / scale, float(found.llf), bool(found.converged)


def fit_nested(y: Array, X: Array, group: Ints, designs: Array) -> CrossedFit:
    """Restricted maximum likelihood of effects of one grouping that may covary.

    Parameters
    ----------
    y : (n,) array
    X : (n, p) array
    group : (n,) int array
    designs : (n, k) array
        What the k effects multiply.

    Returns
    -------
    CrossedFit
    """
    from statsmodels.regression.mixed_linear_model import MixedLM

    model = MixedLM(y, X, group, exog_re=designs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = model.fit(reml=True, method=["bfgs", "lbfgs", "powell"])
    covariance = np.atleast_2d(np.asarray(found.cov_re, dtype=float))
    scale = float(found.scale)
    information = np.zeros((X.shape[1], X.shape[1]))
    for code in np.unique(group):
        rows = group == code
        V = designs[rows] @ covariance @ designs[rows].T + scale * np.eye(int(rows.sum()))
        information += X[rows].T @ np.linalg.solve(V, X[rows])
    sd = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    outer = np.outer(sd, sd)
    correlations = np.divide(covariance, outer, out=np.full_like(covariance, np.nan), where=outer > 0)
    predicted = np.array([np.asarray(found.random_effects[code], dtype=float) for code in np.unique(group)])
    regular = np.linalg.eigvalsh(np.nan_to_num(correlations, nan=0.0))[0] > 1e-4
    return CrossedFit(
        beta=np.asarray(found.fe_params, dtype=float),
        std_error=np.sqrt(np.diag(np.linalg.inv(information))),
        variances=sd**2,
        residual=scale,
        effects=tuple(predicted.T),
        log_likelihood=float(found.llf),
        converged=bool(found.converged),
        singular=np.full(len(sd), not regular) if (sd > 0).all() else sd == 0,
        correlations=correlations,
    )
