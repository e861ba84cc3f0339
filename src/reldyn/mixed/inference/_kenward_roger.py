"""The Kenward-Roger covariance of the fixed effects, and their degrees of freedom.

Let Phi = (X'V^{-1}X)^{-1}, A_k its inverse's derivative in covariance parameter k, and W the covariance of the
estimated parameters. Kenward and Roger (1997; 2009, with second derivatives of V) adjust Phi to
``Phi + 2 Phi {sum_kl W_kl (Q_kl - A_k Phi A_l - R_kl / 4)} Phi``, Q_kl = X'V^{-1}V_k V^{-1}V_l V^{-1}X and
R_kl = X'V^{-1}V_kl V^{-1}X. Since the second derivative of X'V^{-1}X is Q_kl + Q_lk - R_kl, the sum is that of
``W_kl`` times half this derivative plus ``R_kl / 4``, and R vanishes where V is linear in the parameters.
W is the inverse of the expected information there, and of the observed information for serial residuals.

Where G is singular, W lives on the directions in which the root's non-zero columns can move; the shut directions carry
no information and leave it. V stays linear in G: the curvature of G in its root adds nothing, because the bias of the
estimated root that goes with it cancels it (Kenward and Roger, 2009, whose correction depends on no parametrisation).
A block of G without any variance is another matter: its variances carry information at zero and stay in W, as
estimates that could have come out larger. So does pbkrtest, which keeps every variance of a singular fit in W.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from reldyn._records import brief
from reldyn._types import Array
from reldyn.errors import DesignError
from reldyn.mixed._fit import Fit, without_variance
from reldyn.mixed.inference._inference import JointTest, Wald, joint_parts
from reldyn.mixed.inference._second_order import residual_second_order
from reldyn.mixed.likelihood._backend import fused
from reldyn.mixed.likelihood._evaluation import Lanes
from reldyn.mixed.likelihood._objective import pull_back, residual_derivatives
from reldyn.mixed.likelihood._optimise import root_derivatives
from reldyn.mixed.likelihood._statistics import assemble, chunk_kernels, no_products
from reldyn.mixed.processes import Kernel
from reldyn.mixed.spec._random import pivoted_root

# Roots with pivots below this share of the largest variance count as singular.
_SHUT = 1e-9
_BOUNDARY_NOTE = (
    "Directions of the random effects without variance are left out of the Kenward-Roger correction: it treats them as "
    "known to be zero."
)
_INFORMATION_NOTE = (
    "The information about the variances is not positive definite at the estimates; the Kenward-Roger correction uses "
    "its positive part and may be too small."
)
_UNUSABLE_NOTE = (
    "The Kenward-Roger correction is no covariance matrix at these estimates; standard errors are uncorrected, and "
    "intervals may be too narrow."
)


@brief
@dataclass(frozen=True)
class KenwardRoger(Wald):
    """Inference after Kenward and Roger.

    Attributes
    ----------
    beta : (p,) array
    covariance : (p, p) array
        Adjusted.
    unadjusted : (p, p) array
        (X'V^{-1}X)^{-1}.
    derivatives : (k, p, p) array
        Of X'V^{-1}X in the covariance parameters.
    parameter_covariance : (k, k) array
        Of the estimated covariance parameters.
    """

    beta: Array
    covariance: Array
    unadjusted: Array
    derivatives: Array
    parameter_covariance: Array
    notes: tuple[str, ...] = ()
    kind: str = "kenward-roger"

    @cached_property
    def _sensitivity(self) -> Array:
        """Derivatives of the unadjusted covariance, (k, p, p)."""
        return -(self.unadjusted @ self.derivatives @ self.unadjusted)

    def degrees(self, contrast: Array) -> float:
        """Satterthwaite's degrees of freedom, which are Kenward and Roger's for one contrast."""
        variance = float(contrast @ self.unadjusted @ contrast)
        slope = self._sensitivity @ contrast @ contrast
        spread = float(slope @ self.parameter_covariance @ slope)
        return float("inf") if spread <= 0 else 2.0 * variance**2 / spread

    def joint(self, contrasts: ArrayLike) -> JointTest:
        """The scaled F of Kenward and Roger (1997, sec. 3)."""
        from scipy import stats as distributions

        L, estimate, covariance = joint_parts(self, contrasts)
        k = len(L)
        middle = np.linalg.inv(L @ self.unadjusted @ L.T)
        change = middle @ (L @ self._sensitivity @ L.T)
        traces = np.trace(change, axis1=1, axis2=2)
        a1 = float(traces @ self.parameter_covariance @ traces)
        a2 = float(np.einsum("kl,kab,lba->", self.parameter_covariance, change, change, optimize=True))
        scale, df_error = _f_moments(a1, a2, k)
        statistic = scale * float(estimate @ np.linalg.solve(covariance, estimate)) / k
        return JointTest(statistic, float(k), df_error, float(distributions.f.sf(statistic, k, df_error)))


def kenward_roger(fit: Fit) -> KenwardRoger:
    """Adjust the covariance of the fixed effects for the estimation of the variances.

    Parameters
    ----------
    fit : Fit
        By REML.

    Returns
    -------
    KenwardRoger

    Raises
    ------
    DesignError
        Under ML, where the adjustment is not defined.
    """
    if fit.method != "reml":
        raise DesignError(
            "the Kenward-Roger correction is defined under REML only. Use method='reml', or inference='z' with ML."
        )
    value = fit.evaluation
    derivatives = np.asarray(value.d_information)
    if not len(fit.theta):
        return KenwardRoger(fit.beta, fit.cov_beta, fit.cov_beta, derivatives, np.zeros((0, 0)))
    W, sound = parameter_covariance(fit)
    phi = fit.cov_beta
    total = _half_second_derivatives(fit, W)
    moved = np.tensordot(W, derivatives, axes=1)
    total -= np.einsum("kab,bc,kcd->ad", derivatives, phi, moved, optimize=True)
    adjusted = phi + 2.0 * phi @ total @ phi
    adjusted = 0.5 * (adjusted + adjusted.T)
    usable = bool(np.linalg.eigvalsh(adjusted / np.sqrt(np.outer(np.diag(phi), np.diag(phi)))).min() > 0)
    notes = (_BOUNDARY_NOTE,) * fit.partly_shut + (_INFORMATION_NOTE,) * (not sound) + (_UNUSABLE_NOTE,) * (not usable)
    return KenwardRoger(fit.beta, adjusted if usable else phi, phi, derivatives, W, notes)


def parameter_covariance(fit: Fit) -> tuple[Array, bool]:
    """Covariance of the estimated covariance parameters, in the order of ``Fit.theta``.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    W : (k, k) array
        Zero in shut directions of G.
    sound : bool
        Whether the information is positive definite outside the shut directions.

    Examples
    --------
    The variance of a variance estimate of n values is 2 s^4 / (n - 1).

    >>> import numpy as np
    >>> from reldyn.mixed import Problem, Residual, fit_mixed, random_structure
    >>> ones, dyad = np.ones((8, 1)), [0] * 4 + [1] * 4
    >>> problem = Problem([5, 4, 6, 5, 2, 1, 3, 2], ones, ones[:, :0], dyad, member=[0, 1] * 4, step=[0, 0, 1, 1] * 2)
    >>> fit = fit_mixed(problem, random_structure(()), Residual("independent", equal_variances=True))
    >>> bool(np.isclose(parameter_covariance(fit)[0], 2 * fit.psi[0] ** 2 / 7))
    True
    """
    value = fit.evaluation
    serial = fit.residual.serial
    information = value.hessian if serial else -np.asarray(value.hessian_log_det)
    if not fit.partly_shut:
        return _inverse(0.5 * information)
    k = len(information)
    g = fit.structure.n_parameters
    chain, curvature = _open_coordinates(fit)
    chain = np.block([[chain, np.zeros((g, k - g))], [np.zeros((k - g, chain.shape[1])), np.eye(k - g)]])
    reduced = chain.T @ information @ chain
    if serial:
        reduced[: len(curvature), : len(curvature)] += curvature
    own, sound = _inverse(0.5 * reduced)
    return chain @ own @ chain.T, sound


def _inverse(information: Array) -> tuple[Array, bool]:
    """Inverse on the directions of positive information, scaled so that units do not matter."""
    diagonal = np.sqrt(np.maximum(np.diag(information), 1e-300))
    values, vectors = np.linalg.eigh(information / np.outer(diagonal, diagonal))
    good = values > 1e-10
    half = vectors[:, good] / np.sqrt(values[good]) / diagonal[:, None]
    return half @ half.T, bool(good.all())


def _open_coordinates(fit: Fit) -> tuple[Array, Array]:
    """Derivatives of the free parameters of G in the non-zero columns of its pivoted roots, or in themselves.

    Returns
    -------
    chain : (g, c) array
    curvature : (c, c) array
        The gradient's pull on second derivatives.
    """
    G = fit.internal_covariance
    gradient = -2.0 * fit.gradient
    g = fit.structure.n_parameters
    columns: list[Array] = []
    curvatures: list[Array] = []
    start = 0
    for block in fit.structure.blocks:
        copy = np.array(block.copies[0])
        scales = fit.scale[copy]
        if without_variance(G[np.ix_(copy, copy)], scales):
            size = block.n_parameters
            columns.append(np.eye(g)[:, start : start + size])
            curvatures.append(np.zeros((size, size)))
            start += size
            continue
        root, order = pivoted_root(G[np.ix_(copy, copy)] / np.outer(scales, scales), _SHUT)
        here = slice(start, start + block.n_parameters)
        first, second = root_derivatives(root, order, scales, gradient[here])
        cols = np.tril_indices(block.size)[1]
        is_open = np.flatnonzero(np.diag(root)[cols] > 0)
        wide = np.zeros((g, len(is_open)))
        wide[here] = first[:, is_open]
        columns.append(wide)
        curvatures.append(second[np.ix_(is_open, is_open)])
        start += block.n_parameters
    total = np.zeros((sum(map(len, curvatures)),) * 2)
    begin = 0
    for item in curvatures:
        total[begin : begin + len(item), begin : begin + len(item)] = item
        begin += len(item)
    return np.concatenate(columns, axis=1) if columns else np.zeros((g, 0)), total


def _half_second_derivatives(fit: Fit, W: Array) -> Array:
    """``sum_kl W_kl (d2_kl (X'V^{-1}X) / 2 + R_kl / 4)``, (p, p)."""
    stats, structure = fit.statistics, fit.structure
    compiled, matrices = fused(), fit.evaluation.matrices
    if compiled is not None and isinstance(matrices, Lanes):
        total = compiled.half_second_derivatives(stats, structure, fit.psi, matrices, W)
    else:
        total = _half_by_dyad(fit, W)
    if fit.residual.serial:
        total += 0.25 * residual_second_order(fit, W[structure.n_parameters :, structure.n_parameters :])
    return np.asarray(0.5 * (total + total.T))


def _half_by_dyad(fit: Fit, W: Array) -> Array:
    """The same without what is particular to serial residuals, with numpy."""
    stats, structure = fit.statistics, fit.structure
    p, q, g = stats.p, stats.q, structure.n_parameters
    z = slice(p, p + q)
    dyad = fit.evaluation.dyad
    back = pull_back(dyad, fit.beta)
    H, F, Pz = dyad.Dz[:, :, z], back.U[:, :, :p], back.Pz[:, :, :p]
    weighted = np.tensordot(W[:g, :g], structure.basis, axes=1)
    spread = np.tensordot(structure.basis, weighted, axes=((0,), (0,))).transpose(0, 3, 1, 2).reshape(q * q, q * q)
    total = _sandwich((H.reshape(len(H), q * q) @ spread.T).reshape(len(H), q, q), F)
    begin = g
    for stratum, size in enumerate(stats.sizes):
        here = slice(begin, begin + size)
        begin += size
        kernels = [chunk_kernels(stats, part, fit.psi[part.stratum], 2) for part in stats.chunks]
        dC = residual_derivatives(stats, kernels, stratum).z
        Yz = dC[..., :p] + dC[..., z] @ Pz
        J = dyad.shrink @ Yz
        mixed = np.tensordot(W[here, :g], structure.basis, axes=1)
        crossed = sum((J[k].transpose(0, 2, 1) @ mixed[k] @ F).sum(axis=0) for k in range(size))
        total -= crossed + np.transpose(crossed)
        moved = np.tensordot(W[here, here], Yz, axes=1)
        total -= sum((Yz[k].transpose(0, 2, 1) @ (dyad.M @ moved[k])).sum(axis=0) for k in range(size))
        second = no_products(stats, 1)
        for part, items in zip(stats.chunks, kernels, strict=True):
            if part.stratum == stratum:
                assemble(stats, part, _contracted(items, W[here, here]), second)
        near = second.z[0][:, :, :p]
        reach = (Pz.transpose(0, 2, 1) @ near).sum(axis=0)
        total += 0.5 * (second.total[0][:p, :p] + reach + reach.T + _sandwich(second.z[0][:, :, z], Pz))
    return total


def _contracted(items: list[Kernel], W: Array) -> Callable[[int], Array]:
    """Second derivatives of a layout's precision, weighted by W."""
    return lambda index: np.tensordot(W, np.asarray(items[index].d2_precision), axes=2)[None]


def _sandwich(middle: Array, outer: Array) -> Array:
    """Sum over dyads of ``outer' middle outer``."""
    return np.asarray((outer.transpose(0, 2, 1) @ (middle @ outer)).sum(axis=0))


def _f_moments(a1: float, a2: float, k: int) -> tuple[float, float]:
    """Scale and denominator degrees of freedom that match the first two moments of the Wald statistic to an F."""
    if a2 <= 0:
        return 1.0, float("inf")
    b = (a1 + 6.0 * a2) / (2.0 * k)
    g = ((k + 1.0) * a1 - (k + 4.0) * a2) / ((k + 2.0) * a2)
    base = 3.0 * k + 2.0 * (1.0 - g)
    c1, c2, c3 = g / base, (k - g) / base, (k + 2.0 - g) / base
    expectation = 1.0 / (1.0 - a2 / k)
    variance = 2.0 / k * (1.0 + c1 * b) / ((1.0 - c2 * b) ** 2 * (1.0 - c3 * b))
    ratio = variance / (2.0 * expectation**2)
    df_error = 4.0 + (k + 2.0) / (k * ratio - 1.0)
    return df_error / (expectation * (df_error - 2.0)), df_error
