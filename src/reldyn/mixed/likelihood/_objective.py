"""The deviance (minus twice the log-likelihood) at given parameters, with exact first and second derivatives.

For dyad i let V_i = Z_i G Z_i' + R_i, G = L L', C_i = W_i' R_i^{-1} W_i with W = [X Z y], and (indices x, z, y for the
three groups of columns)

- M_i = L (I + L' C_zz L)^{-1} L', which stays finite when G is singular,
- D_i = W_i' V_i^{-1} W_i = C_i - C_.z M_i C_z. ,  log|V_i| = log|R_i| + log|I + L' C_zz L|,
- A = sum_i D_xx, beta = A^{-1} sum_i D_xy, and the deviance
  ``sum_i log|V_i| + log|A| + sum_i r_i' V_i^{-1} r_i + (n - p) log(2 pi)`` with r = y - X beta; log|A| and p are left
  out under ML (Patterson and Thompson, 1971; Harville, 1977, for REML).

Everything follows per dyad from C_i and its derivatives, so the cost does not depend on the number of occasions where
cross-products are kept. The second derivatives come in two parts, one from the log-determinants and one from the
quadratic form: where V is linear in the parameters, minus the first is twice the expected information.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from reldyn._types import Array
from reldyn.mixed.likelihood._backend import fused
from reldyn.mixed.likelihood._evaluation import Evaluation, PerDyad
from reldyn.mixed.likelihood._statistics import (
    Products,
    Statistics,
    assemble,
    chunk_kernels,
    contract,
    no_products,
    precision_slopes,
    precisions,
)
from reldyn.mixed.processes import Kernel, curvature
from reldyn.mixed.spec._random import RandomStructure

Kernels = list[list[Kernel]]
# Dyads whose products with derivatives are held at once.
_DYADS = 2**9


def root_of(G: Array) -> Array:
    """Symmetric-eigenvalue root of a positive semidefinite matrix: ``root @ root.T == G``."""
    # Powers of two change no digit, and keep small variances from drowning beside those of effects in other units.
    scale = np.exp2(np.round(0.5 * np.log2(np.maximum(np.diag(G), np.finfo(float).tiny))))
    values, vectors = np.linalg.eigh(G / np.outer(scale, scale))
    return np.asarray(scale[:, None] * vectors * np.sqrt(np.maximum(values, 0.0)))


def evaluate(
    stats: Statistics,
    structure: RandomStructure,
    G: Array,
    psi: list[Array],
    *,
    reml: bool,
    order: int,
) -> Evaluation | None:
    """Evaluate the deviance.

    Parameters
    ----------
    stats : Statistics
    structure : RandomStructure
    G : (q, q) array
        Positive semidefinite, in internal columns.
    psi : list of (r_s,) arrays
        Natural residual parameters of each stratum.
    reml : bool
    order : {0, 1, 2}
        Derivatives wanted.

    Returns
    -------
    Evaluation or None
        None where the parameters give no positive definite covariance.
    """
    compiled = fused() if stats.q else None
    if compiled is not None and not stats.residual.serial:
        occasions = compiled.kernels_of(stats, psi)
        own = occasions.log_det
        answer = compiled.evaluate(stats, structure, psi, occasions, root_of(G), own, reml=reml, order=order)
        return cast("Evaluation | None", answer)
    found = [chunk_kernels(stats, part, psi[part.stratum], min(order, 1)) for part in stats.chunks]
    if not all(np.isfinite(item.log_det) for items in found for item in items):
        return None
    own = sum(
        float(count) * item.log_det
        for part, items in zip(stats.chunks, found, strict=True)
        for count, item in zip(part.counts, items, strict=True)
    )
    if compiled is not None:
        answer = compiled.evaluate(stats, structure, psi, found, root_of(G), own, reml=reml, order=order)
        return cast("Evaluation | None", answer)
    per_dyad = _per_dyad(stats, found, root_of(G))
    if per_dyad is None:
        return None
    dyad, total, log_det = per_dyad
    p = stats.p
    information = total[:p, :p]
    try:
        factor = np.linalg.cholesky(information)
    except np.linalg.LinAlgError:
        return None
    inverse_factor = np.linalg.inv(factor)
    cov_beta = inverse_factor.T @ inverse_factor
    beta = cov_beta @ total[:p, -1]
    w = np.concatenate([-beta, np.zeros(stats.q), [1.0]])
    deviance = own + log_det + float(w @ total @ w)
    deviance += (stats.n - p * reml) * np.log(2.0 * np.pi)
    if reml:
        deviance += 2.0 * np.log(np.diag(factor)).sum()
    if not np.isfinite(deviance):
        return None
    plain = Evaluation(float(deviance), beta, cov_beta, dyad)
    if order == 0:
        return plain
    return _differentiate(stats, structure, psi, found, plain, reml=reml)


def _per_dyad(stats: Statistics, found: Kernels, root: Array) -> tuple[PerDyad, Array, float] | None:
    """Matrices of every dyad, the sum of ``W' V^{-1} W`` outside of Z, and that of log|I + L' C_zz L|."""
    p, q = stats.p, stats.q
    products = no_products(stats, 1)
    for part, items in zip(stats.chunks, found, strict=True):
        assemble(stats, part, precisions(items), products)
    Cz = products.z[0]
    Czz = Cz[:, :, p : p + q]
    try:
        factor = np.linalg.cholesky(np.eye(q) + root.T @ Czz @ root)
    except np.linalg.LinAlgError:
        return None
    half = np.linalg.inv(factor) @ root.T
    reach = half @ Cz
    flat = reach.reshape(-1, stats.width)
    shrink = np.eye(q) - reach[:, :, p : p + q].transpose(0, 2, 1) @ half
    log_det = 2.0 * float(np.log(np.diagonal(factor, axis1=1, axis2=2)).sum())
    total = products.total[0] - flat.T @ flat
    return PerDyad(Cz, shrink @ Cz, half.transpose(0, 2, 1) @ half, shrink), total, log_det


def pull_back(dyad: PerDyad, beta: Array) -> PullBack:
    """The columns of ``W' V^{-1} [X r]`` pulled back through R, for each dyad."""
    p, c = len(beta), dyad.Cz.shape[2]
    wide = np.zeros((c, p + 1))
    wide[:p, :p] = np.eye(p)
    wide[:p, p] = -beta
    wide[-1, p] = 1.0
    return PullBack(-dyad.M @ effective(dyad.Cz, beta), effective(dyad.Dz, beta), wide)


def effective(rows: Array, beta: Array) -> Array:
    """Rows (..., c) of products with W turned into products with [X, y - X beta], (..., p + 1)."""
    p = len(beta)
    result = np.empty((*rows.shape[:-1], p + 1))
    result[..., :p] = rows[..., :p]
    result[..., p] = rows[..., -1] - rows[..., :p] @ beta
    return result


def residual_derivatives(stats: Statistics, found: Kernels, stratum: int) -> Products:
    """Derivatives of ``W' R^{-1} W`` in the residual parameters of a stratum."""
    products = no_products(stats, stats.sizes[stratum])
    for part, items in zip(stats.chunks, found, strict=True):
        if part.stratum == stratum:
            assemble(stats, part, precision_slopes(items), products)
    return products


@dataclass(frozen=True)
class PullBack:
    """d dyads, q random effects, c columns of W, p fixed effects.

    Attributes
    ----------
    Pz : (d, q, p + 1) array
        The rows of Z of the matrix P with ``R^{-1} W P = V^{-1} [X r]``; its other rows are those of `wide`.
    U : (d, q, p + 1) array
        ``Z' V^{-1} [X r]``.
    wide : (c, p + 1) array
        ``W wide = [X r]``.
    """

    Pz: Array
    U: Array
    wide: Array


def _differentiate(
    stats: Statistics,
    structure: RandomStructure,
    psi: list[Array],
    found: Kernels,
    plain: Evaluation,
    *,
    reml: bool,
) -> Evaluation:
    """First and second derivatives; see the module's docstring for the symbols.

    With U = [Z'V^{-1}X, Z'V^{-1}r] and weights Omega = blockdiag((X'V^{-1}X)^{-1}, 1), the derivative of the deviance
    in G is ``sum H - U Omega U'``, H = Z'V^{-1}Z; that in a residual parameter is
    ``d log|R| + sum <M + P Omega P', dC>`` with P as in `PullBack`; Y is dC P.
    """
    p, q = stats.p, stats.q
    g, r = structure.n_parameters, sum(stats.sizes)
    omega = np.zeros((2, p + 1, p + 1))
    if reml:
        omega[0, :p, :p] = plain.cov_beta
    omega[1, p, p] = 1.0
    back = pull_back(plain.dyad, plain.beta)
    H = np.ascontiguousarray(plain.dyad.Dz[:, :, p : p + q])
    gradient_random = H.sum(axis=0) - _summed(back.U @ omega.sum(axis=0), back.U)
    gradient = np.zeros(g + r)
    gradient[:g] = np.tensordot(structure.basis, gradient_random, axes=2)
    derivative_of = np.empty((g + r, p + 1, p + 1))
    derivative_of[:g] = -_between(structure.basis, back.U)
    log_det = np.zeros((g + r, g + r))
    quadratic = np.zeros((g + r, g + r))
    log_det[:g, :g], quadratic[:g, :g] = _random_random(structure.basis, H, back.U, omega)
    start = g
    for stratum, size in enumerate(stats.sizes):
        here = slice(start, start + size)
        terms = _residual_terms(plain.dyad, back, omega, residual_derivatives(stats, found, stratum), plain.beta)
        derivative_of[here] = terms.derivative_of
        gradient[here] = terms.gradient
        for target, own, mixed in zip((log_det, quadratic), terms.own, terms.mixed, strict=True):
            target[here, here] = own
            target[here, :g] = np.tensordot(mixed, structure.basis, axes=((1, 2), (1, 2)))
            target[:g, here] = target[here, :g].T
        start += size
    _add_curvature(stats, psi, found, plain.dyad, back, omega, gradient[g:], log_det[g:, g:], quadratic[g:, g:])
    _add_profile(log_det, quadratic, derivative_of, plain.cov_beta, p, reml=reml)
    return Evaluation(
        plain.deviance,
        plain.beta,
        plain.cov_beta,
        plain.dyad,
        gradient,
        gradient_random,
        log_det,
        quadratic,
        derivative_of[:, :p, :p],
    )


def _summed(left: Array, right: Array) -> Array:
    """Sum over dyads of ``left right'``, for (d, a, k) and (d, b, k)."""
    d, a, k = left.shape
    return left.transpose(1, 0, 2).reshape(a, d * k) @ right.transpose(1, 0, 2).reshape(right.shape[1], d * k).T


def _between(basis: Array, U: Array) -> Array:
    """Sum over dyads of ``U' E_k U`` for each basis matrix E_k of G."""
    d, q, k = U.shape
    flat = U.reshape(d, q * k)
    products = (flat.T @ flat).reshape(q, k, q, k)
    return np.tensordot(basis, products, axes=((1, 2), (0, 2)))


def _random_random(basis: Array, H: Array, U: Array, omega: Array) -> tuple[Array, Array]:
    """Second derivatives within G, apart from what runs through beta."""
    d, q = len(H), H.shape[1]
    flat = np.ascontiguousarray(H).reshape(d, q * q)

    def paired(left: Array) -> Array:
        """Sum over dyads of tr(left E_k H E_l)."""
        products = (left.reshape(d, q * q).T @ flat).reshape(q, q, q, q)
        inner = np.tensordot(basis, products, axes=((1, 2), (1, 2)))
        return np.tensordot(inner, basis, axes=((1, 2), (2, 1)))

    log_det = -paired(np.ascontiguousarray(H))
    if omega[0].any():
        log_det = log_det + _twice_symmetric(paired(U @ omega[0] @ U.transpose(0, 2, 1)))
    return log_det, _twice_symmetric(paired(U @ omega[1] @ U.transpose(0, 2, 1)))


@dataclass(frozen=True)
class _ResidualTerms:
    """What first derivatives of C contribute; r residual parameters of one stratum.

    ``own`` and ``mixed`` hold the log-determinant part, then the quadratic part; ``mixed`` is (r, q, q), to be
    contracted with the basis of G.
    """

    gradient: Array
    derivative_of: Array
    own: tuple[Array, Array]
    mixed: tuple[Array, Array]


def _residual_terms(dyad: PerDyad, back: PullBack, omega: Array, dC: Products, beta: Array) -> _ResidualTerms:
    r, d, q = dC.z.shape[:3]
    derivative_of = back.wide.T @ dC.total @ back.wide
    gradient = np.zeros(r)
    own, mixed = np.zeros((2, r, r)), np.zeros((2, r, q, q))
    for start in range(0, d, _DYADS):
        here = slice(start, start + _DYADS)
        of_dyads = (dyad.M[here], dyad.shrink[here], back.Pz[here], back.U[here])
        _add_residual_terms(of_dyads, omega, dC.z[:, here], beta, gradient, derivative_of, own, mixed)
    gradient += derivative_of.reshape(r, -1) @ omega.sum(axis=0).ravel()
    return _ResidualTerms(gradient, derivative_of, (own[0], own[1]), (mixed[0], mixed[1]))


def _add_residual_terms(
    of_dyads: tuple[Array, Array, Array, Array],
    omega: Array,
    dCz: Array,
    beta: Array,
    gradient: Array,
    derivative_of: Array,
    own: Array,
    mixed: Array,
) -> None:
    """Add what some dyads contribute, given their M, shrink, P and U."""
    M, shrink, back_Pz, U = of_dyads
    r, d, q = dCz.shape[:3]
    p = len(beta)
    dCzz = np.ascontiguousarray(dCz[..., p : p + q])
    near = effective(dCz, beta)
    Yz = near + dCzz @ back_Pz
    Pz = back_Pz.reshape(d * q, p + 1)
    for j in range(r):
        derivative_of[j] += Pz.T @ near[j].reshape(d * q, p + 1) + Yz[j].reshape(d * q, p + 1).T @ Pz
    gradient += dCzz.reshape(r, -1) @ M.ravel()
    MC = M @ dCzz
    MY = (M @ Yz).reshape(r, -1)
    J = shrink @ Yz
    own[0] -= MC.reshape(r, -1) @ MC.transpose(0, 1, 3, 2).reshape(r, -1).T
    for k, part in enumerate(omega):
        own[k] -= 2.0 * (Yz @ part).reshape(r, -1) @ MY.T
        for j in range(r):
            mixed[k, j] -= 2.0 * _summed(U @ part, J[j])
    mixed[0] += (shrink @ dCzz @ shrink.transpose(0, 2, 1)).sum(axis=1)


def _add_curvature(
    stats: Statistics,
    psi: list[Array],
    found: Kernels,
    dyad: PerDyad,
    back: PullBack,
    omega: Array,
    gradient: Array,
    log_det: Array,
    quadratic: Array,
) -> None:
    """Add log|R|'s derivatives, and what second derivatives of the kernels contribute."""
    p, q = stats.p, stats.q
    constant = back.wide @ omega @ back.wide.T
    targets = np.stack([back.Pz @ (part @ back.wide.T) for part in omega])
    for target, part in zip(targets, omega, strict=True):
        target[:, :, p : p + q] = back.Pz @ part @ back.Pz.transpose(0, 2, 1)
    targets[0][:, :, p : p + q] += dyad.M
    begins = np.cumsum([0, *stats.sizes])
    for part, items in zip(stats.chunks, found, strict=True):
        here = slice(int(begins[part.stratum]), int(begins[part.stratum + 1]))
        gradient[here] += part.counts @ np.stack([np.asarray(item.d_log_det) for item in items])
        exchangeable = stats.exchangeable[part.stratum]
        inner = contract(stats, part, targets, constant)
        sums, of_log_det = curvature(
            stats.residual, exchangeable, psi[part.stratum], part.arrangement, inner, part.counts
        )
        log_det[here, here] += of_log_det + sums[0]
        quadratic[here, here] += sums[1]


def _add_profile(
    log_det: Array, quadratic: Array, derivative_of: Array, cov_beta: Array, p: int, *, reml: bool
) -> None:
    """Second derivatives that run through X'V^{-1}X and through beta."""
    if reml:
        scaled = cov_beta @ derivative_of[:, :p, :p]
        log_det -= scaled.reshape(len(scaled), -1) @ scaled.transpose(0, 2, 1).reshape(len(scaled), -1).T
    score = derivative_of[:, :p, p]
    quadratic -= 2.0 * score @ cov_beta @ score.T


def _twice_symmetric(matrix: Array) -> Array:
    return matrix + matrix.T
