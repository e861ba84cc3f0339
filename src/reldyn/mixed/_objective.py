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

import numpy as np

from reldyn.mixed._problem import FloatArray
from reldyn.mixed._random import RandomStructure
from reldyn.mixed._statistics import (
    Stacked,
    Statistics,
    assemble,
    assemble_derivatives,
    contract_second,
    portion_kernels,
)


@dataclass(frozen=True)
class Evaluation:
    """The deviance at given parameters and what was met on the way.

    Attributes
    ----------
    deviance : float
        Minus twice the log-likelihood; infinite outside the parameter space.
    beta : (p,) array
    cov_beta : (p, p) array
        Inverse of X'V^{-1}X.
    dyad : PerDyad
    gradient : (k,) array or None
        With respect to the free parameters of G, then the natural residual parameters.
    gradient_random : (q, q) array or None
        Symmetric matrix of derivatives with respect to the elements of G taken as free.
    hessian_log_det, hessian_quadratic : (k, k) arrays or None
        The two parts of the second derivatives.
    d_information : (k, p, p) array or None
        Derivatives of X'V^{-1}X.
    """

    deviance: float
    beta: FloatArray
    cov_beta: FloatArray
    dyad: PerDyad
    gradient: FloatArray | None = None
    gradient_random: FloatArray | None = None
    hessian_log_det: FloatArray | None = None
    hessian_quadratic: FloatArray | None = None
    d_information: FloatArray | None = None

    @property
    def hessian(self) -> FloatArray:
        """Second derivatives of the deviance."""
        total: FloatArray = np.asarray(self.hessian_log_det) + np.asarray(self.hessian_quadratic)
        return total


@dataclass(frozen=True)
class PerDyad:
    """Per-dyad matrices at given parameters; d dyads, q random effects, c columns of W.

    Attributes
    ----------
    C, D : (d, c, c) arrays
        Cross-products weighted by R^{-1} and by V^{-1}.
    M : (d, q, q) array
    log_det : (d,) array
        log|I + L' C_zz L|.
    log_det_residual : float
        Sum over dyads of log|R_i|.
    """

    C: FloatArray
    D: FloatArray
    M: FloatArray
    log_det: FloatArray
    log_det_residual: float


def root_of(G: FloatArray) -> FloatArray:
    """Symmetric-eigenvalue root of a positive semidefinite matrix: ``root @ root.T == G``."""
    values, vectors = np.linalg.eigh(G)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def evaluate(
    stats: Statistics,
    structure: RandomStructure,
    G: FloatArray,
    psi: list[FloatArray],
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
    stacked = [portion_kernels(stats, part, psi[part.stratum], order) for part in stats.portions]
    if not all(item.feasible for item in stacked):
        return None
    dyad = _per_dyad(stats, stacked, root_of(G))
    if dyad is None:
        return None
    p = stats.p
    information = dyad.D[:, :p, :p].sum(axis=0)
    try:
        factor = np.linalg.cholesky(information)
    except np.linalg.LinAlgError:
        return None
    inverse_factor = np.linalg.inv(factor)
    cov_beta = inverse_factor.T @ inverse_factor
    beta = cov_beta @ dyad.D[:, :p, -1].sum(axis=0)
    w = np.concatenate([-beta, np.zeros(stats.q), [1.0]])
    deviance = dyad.log_det_residual + dyad.log_det.sum() + float(w @ dyad.D.sum(axis=0) @ w)
    deviance += (stats.n - p * reml) * np.log(2.0 * np.pi)
    if reml:
        deviance += 2.0 * np.log(np.diag(factor)).sum()
    if not np.isfinite(deviance):
        return None
    plain = Evaluation(float(deviance), beta, cov_beta, dyad)
    if order == 0:
        return plain
    return _differentiate(stats, structure, stacked, plain, reml=reml)


def _per_dyad(stats: Statistics, stacked: list[Stacked], root: FloatArray) -> PerDyad | None:
    c, q, p = stats.width, stats.q, stats.p
    z = slice(p, p + q)
    C = np.zeros((stats.n_dyads, c, c))
    log_det_residual = 0.0
    for part, item in zip(stats.portions, stacked, strict=True):
        assemble(stats, part, item, C)
        log_det_residual += float(item.log_dets(part.counts, 0))
    try:
        factor = np.linalg.cholesky(np.eye(q) + root.T @ C[:, z, z] @ root)
    except np.linalg.LinAlgError:
        return None
    half = np.linalg.inv(factor) @ root.T
    reach = half @ C[:, z, :]
    D = C - reach.transpose(0, 2, 1) @ reach
    log_det = 2.0 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
    return PerDyad(C, D, half.transpose(0, 2, 1) @ half, log_det, log_det_residual)


def _differentiate(
    stats: Statistics, structure: RandomStructure, stacked: list[Stacked], plain: Evaluation, *, reml: bool
) -> Evaluation:
    """First and second derivatives; see the module's docstring for the symbols.

    With U = [Z'V^{-1}X, Z'V^{-1}r] and weights Omega = blockdiag((X'V^{-1}X)^{-1}, 1), the derivative of the deviance
    in G is ``sum H - U Omega U'``, H = Z'V^{-1}Z; that in a residual parameter is
    ``d log|R| + sum <M + P Omega P', dC>`` with P the columns of W' V^{-1} [X r] pulled back through R.
    """
    p, q = stats.p, stats.q
    z = slice(p, p + q)
    wide = np.zeros((stats.width, p + 1))
    wide[:p, :p] = np.eye(p)
    wide[:p, p] = -plain.beta
    wide[-1, p] = 1.0
    omega = np.zeros((2, p + 1, p + 1))
    if reml:
        omega[0, :p, :p] = plain.cov_beta
    omega[1, p, p] = 1.0
    H = plain.dyad.D[:, z, z]
    U = plain.dyad.D[:, z, :] @ wide
    r = sum(stats.sizes)
    pieces = _Pieces(p, q, omega, H, U, structure.basis, plain.cov_beta, plain.dyad.M, plain.dyad.C[:, z, z])
    gradient_random = H.sum(axis=0) - np.einsum("nai,ij,nbj->ab", U, omega.sum(axis=0), U, optimize=True)
    gradient = np.zeros(structure.n_parameters + r)
    g = structure.n_parameters
    gradient[:g] = np.einsum("kab,ab->k", structure.basis, gradient_random)
    derivative_of = np.empty((g + r, p + 1, p + 1))
    derivative_of[:g] = -pieces.between(U)
    log_det = np.zeros((g + r, g + r))
    quadratic = np.zeros((g + r, g + r))
    log_det[:g, :g], quadratic[:g, :g] = pieces.random_random()
    _add_residual(stats, stacked, plain, pieces, wide, gradient, derivative_of, log_det, quadratic)
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


@dataclass(frozen=True)
class _Pieces:
    """What the blocks of the second derivatives are made of."""

    p: int
    q: int
    omega: FloatArray
    H: FloatArray
    U: FloatArray
    basis: FloatArray
    cov_beta: FloatArray
    M: FloatArray
    Czz: FloatArray

    def between(self, U: FloatArray) -> FloatArray:
        """Sum over dyads of ``U' E_k U`` for each basis matrix E_k of G."""
        q, k = self.q, U.shape[2]
        flat = U.reshape(len(U), q * k)
        products = (flat.T @ flat).reshape(q, k, q, k)
        return np.asarray(np.einsum("eab,aibj->eij", self.basis, products, optimize=True))

    def random_random(self) -> tuple[FloatArray, FloatArray]:
        """Second derivatives within G, apart from what runs through beta."""
        n, q = len(self.H), self.q
        flat = self.H.reshape(n, q * q)

        def paired(left: FloatArray) -> FloatArray:
            """Sum over dyads of tr(left E_k H E_l)."""
            products = (left.reshape(n, q * q).T @ flat).reshape(q, q, q, q)
            return np.asarray(np.einsum("kbc,abcd,lda->kl", self.basis, products, self.basis, optimize=True))

        restricted, quadratic = (self.U @ omega @ self.U.transpose(0, 2, 1) for omega in self.omega)
        log_det = -paired(self.H)
        if self.omega[0].any():
            log_det = log_det + _twice_symmetric(paired(restricted))
        return log_det, _twice_symmetric(paired(quadratic))


def _add_residual(
    stats: Statistics,
    stacked: list[Stacked],
    plain: Evaluation,
    pieces: _Pieces,
    wide: FloatArray,
    gradient: FloatArray,
    derivative_of: FloatArray,
    log_det: FloatArray,
    quadratic: FloatArray,
) -> None:
    """Fill in everything that involves a residual parameter, stratum by stratum."""
    p, q = stats.p, stats.q
    g = len(pieces.basis)
    z = slice(p, p + q)
    C, M = plain.dyad.C, plain.dyad.M
    P = np.broadcast_to(wide, (len(C), *wide.shape)).copy()
    P[:, z, :] = -M @ (C[:, z, :] @ wide)
    shrink = np.eye(q) - C[:, z, z] @ M
    targets = [P @ omega @ P.transpose(0, 2, 1) for omega in pieces.omega]
    targets[0][:, z, z] += M
    start = g
    for stratum in range(len(stats.exchangeable)):
        mine = [(part, item) for part, item in zip(stats.portions, stacked, strict=True) if part.stratum == stratum]
        r = stats.sizes[stratum]
        here = slice(start, start + r)
        dC = np.zeros((r, *C.shape))
        for part, item in mine:
            assemble_derivatives(stats, part, item, dC)
            gradient[here] += item.log_dets(part.counts, 1)
            log_det[here, here] += item.log_dets(part.counts, 2)
            log_det[here, here] += contract_second(stats, part, item, targets[0])
            quadratic[here, here] += contract_second(stats, part, item, targets[1])
        Y = dC @ P
        derivative_of[here] = np.einsum("nai,rnaj->rij", P, Y, optimize=True)
        gradient[here] += np.einsum("nab,rnab->r", M, dC[:, :, z, z], optimize=True)
        gradient[here] += np.einsum("ij,rij->r", pieces.omega.sum(axis=0), derivative_of[here])
        Yz = Y[:, :, z, :]
        MC = M @ dC[:, :, z, z]
        log_det[here, here] -= np.einsum("knab,lnba->kl", MC, MC, optimize=True)
        for omega, target in zip(pieces.omega, (log_det, quadratic), strict=True):
            target[here, here] -= 2.0 * np.einsum("knai,ij,nab,lnbj->kl", Yz, omega, M, Yz, optimize=True)
        J = shrink @ Yz
        mixed = [-2.0 * np.einsum("nai,ij,rnbj->rab", pieces.U, omega, J, optimize=True) for omega in pieces.omega]
        mixed[0] += np.einsum("nab,rnbc,ndc->rad", shrink, dC[:, :, z, z], shrink, optimize=True)
        for value, target in zip(mixed, (log_det, quadratic), strict=True):
            cross = np.einsum("rab,kab->rk", value, pieces.basis, optimize=True)
            target[here, :g] += cross
            target[:g, here] += cross.T
        start += r


def _add_profile(
    log_det: FloatArray, quadratic: FloatArray, derivative_of: FloatArray, cov_beta: FloatArray, p: int, *, reml: bool
) -> None:
    """Second derivatives that run through X'V^{-1}X and through beta."""
    if reml:
        scaled = cov_beta @ derivative_of[:, :p, :p]
        log_det -= np.einsum("kab,lba->kl", scaled, scaled, optimize=True)
    score = derivative_of[:, :p, p]
    quadratic -= 2.0 * score @ cov_beta @ score.T


def _twice_symmetric(matrix: FloatArray) -> FloatArray:
    return matrix + matrix.T
