"""The deviance at given parameters, with its derivatives, and the matrices of every dyad there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reldyn._records import brief
from reldyn._types import Array
from reldyn.mixed.likelihood._entries import by_dyad


@brief
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
    matrices : PerDyad or Lanes
        As the kernels left them; read `dyad`.
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
    beta: Array
    cov_beta: Array
    matrices: PerDyad | Lanes
    gradient: Array | None = None
    gradient_random: Array | None = None
    hessian_log_det: Array | None = None
    hessian_quadratic: Array | None = None
    d_information: Array | None = None

    @cached_property
    def dyad(self) -> PerDyad:
        """The matrices of every dyad."""
        return self.matrices.by_dyad() if isinstance(self.matrices, Lanes) else self.matrices

    @property
    def hessian(self) -> Array:
        """Second derivatives of the deviance."""
        total: Array = np.asarray(self.hessian_log_det) + np.asarray(self.hessian_quadratic)
        return total


@brief
@dataclass(frozen=True)
class PerDyad:
    """Per-dyad matrices at given parameters; d dyads, q random effects, c columns of W.

    Attributes
    ----------
    Cz, Dz : (d, q, c) arrays
        The rows of Z of ``W' R^{-1} W`` and of ``W' V^{-1} W``.
    M, shrink : (d, q, q) arrays
        M as in `_objective`, and ``I - C_zz M``, so that ``Z' V^{-1} = shrink Z' R^{-1}``.
    """

    Cz: Array
    Dz: Array
    M: Array
    shrink: Array


@brief
@dataclass(frozen=True)
class Lanes:
    """The same in lanes of dyads, as compiled kernels have them.

    Attributes
    ----------
    C : (blocks, c, q, lanes) array
        The rows of Z of ``W' R^{-1} W``, as (column, row, lane).
    half : (blocks, q, q, lanes) array
        H with M = H'H.
    n_dyads, p : int
    """

    C: Array
    half: Array
    n_dyads: int
    p: int

    def by_dyad(self) -> PerDyad:
        """One matrix after the other."""
        Cz, half = (by_dyad(item, self.n_dyads) for item in (self.C, self.half))
        Czz = Cz[:, :, self.p : self.p + Cz.shape[1]]
        M = half.transpose(0, 2, 1) @ half
        shrink = np.eye(Cz.shape[1]) - Czz @ M
        return PerDyad(Cz, shrink @ Cz, M, shrink)
