"""The joint normal likelihood of an outcome and of its incomplete predictors, for both members of dyads over time.

Outcome: y = X0 b0 + A x + Z u + e, where A holds fixed slopes of a member's own x and the other's (of x itself, of its
deviations from the member's mean, or of that mean); predictors: x_t = mu + v + w_t, v ~ N(0, B), w_t ~ N(0, W), both
members and all predictors in one vector. Then (y, x) is normal, and what is missing is integrated out by leaving it
out (Little and Rubin, 2002, chapter 7). Dense matrices per dyad: meant for diaries of some tens of occasions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reldyn._records import brief
from reldyn._types import Array, Flags
from reldyn.mixed.spec._random import RandomStructure

__all__ = ["JointData", "JointFit", "JointModel", "Slope", "fit_joint"]

LEVELS = ("", "within", "between")
# Gradient per observation, in standardised units, at which the optimum counts as reached.
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Slope:
    """A fixed slope: of predictor ``variable``, a member's own or the other's, at a level, for one member or all.

    Attributes
    ----------
    variable : int
        Column of the predictors.
    own : bool
        Whether it is the member's own value, or the other member's.
    level : {"", "within", "between"}
        Of the value, of its deviation from the member's mean over occasions, or of that mean.
    slot : {0, 1, -1}
        The member whose outcome it is for; -1 for both.
    """

    variable: int
    own: bool
    level: str
    slot: int


@brief
@dataclass(frozen=True)
class JointData:
    """Rows laid out by dyad, occasion and member; d dyads, T occasions at most, k predictors.

    Attributes
    ----------
    y : (d, T, 2) array
        NaN where missing.
    x : (d, T, 2, k) array
        NaN where missing.
    X0 : (d, T, 2, p) array
        Columns of the complete terms; zero where y is missing.
    Z : (d, T, 2, q) array
    present : (d, T) bool array
        Which occasions a dyad has.
    """

    y: Array
    x: Array
    X0: Array
    Z: Array
    present: Flags


@brief
@dataclass(frozen=True)
class JointModel:
    """What is estimated beside the coefficients of complete terms.

    Attributes
    ----------
    slopes : tuple of Slope
    random, residual : RandomStructure
        Shapes of the covariance of random effects, (q, q), and of residuals at one occasion, (2, 2).
    between, within : RandomStructure
        Shapes of the predictors' covariances, (2 k, 2 k): member 0's predictors, then member 1's.
    exchangeable : bool
        Whether members have one mean of each predictor.
    """

    slopes: tuple[Slope, ...]
    random: RandomStructure
    residual: RandomStructure
    between: RandomStructure
    within: RandomStructure
    exchangeable: bool


@brief
@dataclass(frozen=True)
class JointFit:
    """A fitted joint model.

    Attributes
    ----------
    beta0 : (p,) array
        Coefficients of the complete terms.
    slopes : (s,) array
        In the order of ``JointModel.slopes``.
    cov : (p + s, p + s) array
        Covariance of both, from the observed information.
    random, residual : (q, q) and (2, 2) arrays
    log_likelihood : float
        Of outcome and predictors together.
    n_parameters : int
    converged : bool
        Whether the gradient vanishes.
    iterations, evaluations : int
    """

    beta0: Array
    slopes: Array
    cov: Array
    random: Array
    residual: Array
    log_likelihood: float
    n_parameters: int
    converged: bool
    iterations: int
    evaluations: int


class _Root:
    """A covariance matrix through lower-triangular roots of its free blocks."""

    def __init__(self, shape: RandomStructure) -> None:
        self.shape = shape
        self.lower = [np.tril_indices(block.size) for block in shape.blocks]
        self.size = sum(len(index[0]) for index in self.lower)

    def roots(self, parameters: Array) -> list[Array]:
        found, at = [], 0
        for block, index in zip(self.shape.blocks, self.lower, strict=True):
            root = np.zeros((block.size, block.size))
            root[index] = parameters[at : at + len(index[0])]
            found.append(root)
            at += len(index[0])
        return found

    def matrix(self, parameters: Array) -> Array:
        internal = np.zeros((self.shape.q, self.shape.q))
        for block, root in zip(self.shape.blocks, self.roots(parameters), strict=True):
            for copy in block.copies:
                internal[np.ix_(copy, copy)] = root @ root.T
        return self.shape.to_reported(internal)

    def gradient(self, parameters: Array, slope: Array) -> Array:
        """From the derivative in the reported matrix to that in the roots."""
        internal = self.shape.transform.T @ slope @ self.shape.transform
        parts = []
        for block, root, index in zip(self.shape.blocks, self.roots(parameters), self.lower, strict=True):
            own = sum((internal[np.ix_(copy, copy)] for copy in block.copies), np.zeros_like(root))
            parts.append(((own + own.T) @ root)[index])
        return np.concatenate(parts) if parts else np.zeros(0)

    def start(self, matrix: Array) -> Array:
        """Roots of a matrix, made safely regular."""
        internal = self.shape.to_internal(matrix)
        parts = []
        for block, index in zip(self.shape.blocks, self.lower, strict=True):
            own = np.mean([internal[np.ix_(copy, copy)] for copy in block.copies], axis=0)
            values, vectors = np.linalg.eigh(own)
            floor = 0.05 * max(float(values.max(initial=0.0)), 1e-2)
            parts.append(np.linalg.cholesky((vectors * np.maximum(values, floor)) @ vectors.T)[index])
        return np.concatenate(parts) if parts else np.zeros(0)


class _Likelihood:
    """Minus the log-likelihood and its gradient at any parameters."""

    def __init__(self, data: JointData, model: JointModel) -> None:
        self.data, self.model = data, model
        d, T, _, k = data.x.shape
        self.d, self.T, self.k = d, T, k
        self.ny, self.nx = 2 * T, 2 * T * k
        self.p, self.q, self.s = data.X0.shape[-1], data.Z.shape[-1], len(model.slopes)
        self.roots = [_Root(shape) for shape in (model.random, model.residual, model.between, model.within)]
        here = data.present.astype(float)
        same = here[:, :, None] * np.eye(T)
        mean = here[:, :, None] * here[:, None, :] / np.maximum(here.sum(axis=1), 1.0)[:, None, None]
        self.levels = {"": same, "within": same - mean, "between": mean}
        self.here, self.same = here, same
        values = np.concatenate([data.y.reshape(d, -1), data.x.reshape(d, -1)], axis=1)
        self.seen = np.isfinite(values)
        self.values = np.where(self.seen, values, 0.0)
        self.X0, self.Z = data.X0.reshape(d, self.ny, self.p), data.Z.reshape(d, self.ny, self.q)
        self.n = int(self.seen.sum())

    @cached_property
    def cuts(self) -> list[int]:
        """Where the parts of the parameter vector end: complete terms, slopes, means, four roots."""
        means = self.k if self.model.exchangeable else 2 * self.k
        return list(np.cumsum([self.p, self.s, means, *(root.size for root in self.roots)]))

    def split(self, parameters: Array) -> list[Array]:
        return np.split(parameters, self.cuts[:-1])

    def __call__(self, parameters: Array) -> tuple[float, Array]:
        beta0, slopes, mu, *rooted = self.split(parameters)
        G, R, B, W = (root.matrix(part) for root, part in zip(self.roots, rooted, strict=True))
        both = np.tile(mu, 2) if self.model.exchangeable else mu
        d, ny = self.d, self.ny
        A = self._slopes(slopes)
        means = (self.here[:, :, None] * both).reshape(d, -1)
        sigma = self._repeat(np.einsum("ds,dt->dst", self.here, self.here), B) + self._repeat(self.same, W)
        cross = A @ sigma
        V = self.Z @ G @ self.Z.transpose(0, 2, 1) + self._repeat(self.same, R)
        omega = np.empty((d, ny + self.nx, ny + self.nx))
        omega[:, :ny, :ny] = V + cross @ A.transpose(0, 2, 1)
        omega[:, :ny, ny:], omega[:, ny:, :ny] = cross, cross.transpose(0, 2, 1)
        omega[:, ny:, ny:] = sigma
        seen = self.seen
        omega *= seen[:, :, None] & seen[:, None, :]
        diagonal = np.arange(ny + self.nx)
        omega[:, diagonal, diagonal] += ~seen
        try:
            root = np.linalg.cholesky(omega)
        except np.linalg.LinAlgError:
            return np.inf, np.zeros_like(parameters)
        expected = np.concatenate([self.X0 @ beta0 + np.einsum("dij,dj->di", A, means), means], axis=1)
        left = (self.values - expected) * seen
        inverse = np.linalg.inv(omega)
        alpha = np.einsum("dij,dj->di", inverse, left)
        log_det = 2.0 * float(np.log(np.diagonal(root, axis1=1, axis2=2)).sum())
        value = 0.5 * (log_det + float(np.sum(left * alpha)) + self.n * np.log(2.0 * np.pi))
        P = 0.5 * (inverse - alpha[:, :, None] * alpha[:, None, :])
        P *= seen[:, :, None] & seen[:, None, :]
        return value, self._gradient(P, alpha, A, sigma, cross, means, rooted)

    def _slopes(self, slopes: Array) -> Array:
        """A, (d, 2 T, 2 T k)."""
        A = np.zeros((self.d, self.ny, self.nx))
        for level in LEVELS:
            block = np.zeros((2, 2 * self.k))
            for slope, value in zip(self.model.slopes, slopes, strict=True):
                if slope.level == level:
                    block += value * self._place(slope)
            if block.any():
                A += self._repeat(self.levels[level], block)
        return A

    def _place(self, slope: Slope) -> Array:
        """Where a slope stands between one occasion's outcomes and predictors, (2, 2 k)."""
        block = np.zeros((2, 2 * self.k))
        for member in (0, 1) if slope.slot < 0 else (slope.slot,):
            source = member if slope.own else 1 - member
            block[member, source * self.k + slope.variable] = 1.0
        return block

    @staticmethod
    def _repeat(occasions: Array, block: Array) -> Array:
        """Kronecker product of each dyad's occasion matrix with one block."""
        d, T, _ = occasions.shape
        a, b = block.shape
        return np.asarray(np.einsum("dst,ab->dsatb", occasions, block).reshape(d, T * a, T * b))

    def _fold(self, matrix: Array, occasions: Array, a: int, b: int) -> Array:
        """Adjoint of `_repeat`: sum over dyads and occasions, (a, b)."""
        shaped = matrix.reshape(self.d, self.T, a, self.T, b)
        return np.asarray(np.einsum("dsatb,dst->ab", shaped, occasions))

    def _gradient(
        self,
        P: Array,
        alpha: Array,
        A: Array,
        sigma: Array,
        cross: Array,
        means: Array,
        rooted: list[Array],
    ) -> Array:
        ny, k = self.ny, self.k
        Pyy, Pyx, Pxx = P[:, :ny, :ny], P[:, :ny, ny:], P[:, ny:, ny:]
        ay, ax = alpha[:, :ny], alpha[:, ny:]
        d_beta0 = -np.einsum("dip,di->p", self.X0, ay)
        dA = 2.0 * (Pyy @ cross + Pyx @ sigma) - ay[:, :, None] * means[:, None, :]
        folded = {level: self._fold(dA, self.levels[level], 2, 2 * k) for level in LEVELS}
        d_slopes = np.array([float(np.sum(folded[one.level] * self._place(one))) for one in self.model.slopes])
        to_x = -(ax + np.einsum("dij,di->dj", A, ay))
        d_mu = np.einsum("dtm,dt->m", to_x.reshape(self.d, self.T, 2 * k), self.here)
        if self.model.exchangeable:
            d_mu = d_mu[:k] + d_mu[k:]
        AtP = A.transpose(0, 2, 1) @ Pyx
        d_sigma = A.transpose(0, 2, 1) @ Pyy @ A + AtP + AtP.transpose(0, 2, 1) + Pxx
        together = np.einsum("ds,dt->dst", self.here, self.here)
        slopes = [
            np.einsum("dia,dij,djb->ab", self.Z, Pyy, self.Z, optimize=True),
            self._fold(Pyy, self.same, 2, 2),
            self._fold(d_sigma, together, 2 * k, 2 * k),
            self._fold(d_sigma, self.same, 2 * k, 2 * k),
        ]
        parts = [root.gradient(own, slope) for root, own, slope in zip(self.roots, rooted, slopes, strict=True)]
        return np.concatenate([d_beta0, d_slopes, d_mu, *parts])


def fit_joint(data: JointData, model: JointModel, beta0: Array, slopes: Array, G: Array, R: Array) -> JointFit:
    """Maximise the joint likelihood.

    Parameters
    ----------
    data : JointData
        On scales of about one: the optimiser takes steps of one length in all directions.
    model : JointModel
    beta0, slopes, G, R : (p,), (s,), (q, q) and (2, 2) arrays
        Start, such as estimates from complete rows.

    Returns
    -------
    JointFit

    Examples
    --------
    >>> from reldyn.mixed import random_structure
    >>> generator = np.random.default_rng(1)
    >>> x = generator.standard_normal((80, 1, 2, 1))
    >>> y = 0.5 * x[..., 0] + 0.1 * generator.standard_normal((80, 1, 2))
    >>> x[:20, :, 0] = np.nan
    >>> data = JointData(y, x, np.ones((80, 1, 2, 1)), np.zeros((80, 1, 2, 0)), np.ones((80, 1), dtype=bool))
    >>> none, pair = random_structure(()), random_structure(("0", "1"), swap=(1, 0))
    >>> nothing = random_structure(("0", "1"), "diagonal", swap=(1, 0))
    >>> model = JointModel((Slope(0, own=True, level="", slot=-1),), none, pair, nothing, pair, exchangeable=True)
    >>> fit = fit_joint(data, model, np.zeros(1), np.zeros(1), np.zeros((0, 0)), np.eye(2))
    >>> bool(abs(fit.slopes[0] - 0.5) < 0.03)
    True
    """
    from scipy.optimize import minimize

    likelihood = _Likelihood(data, model)
    begin = _start(data, model, likelihood, beta0, slopes, G, R)
    found = minimize(likelihood, begin, jac=True, method="BFGS", options={"gtol": TOLERANCE, "maxiter": 2000})
    value, gradient = likelihood(found.x)
    information = _information(likelihood, found.x)
    fixed = likelihood.p + likelihood.s
    cov = np.asarray(np.linalg.pinv(information, rcond=1e-10, hermitian=True)[:fixed, :fixed], dtype=np.float64)
    rooted = likelihood.split(found.x)[3:]
    G_hat, R_hat = (root.matrix(part) for root, part in zip(likelihood.roots[:2], rooted[:2], strict=True))
    return JointFit(
        beta0=found.x[: likelihood.p],
        slopes=found.x[likelihood.p : fixed],
        cov=cov,
        random=G_hat,
        residual=R_hat,
        log_likelihood=-value,
        n_parameters=len(found.x),
        converged=bool(np.abs(gradient).max() <= 1e-6 * max(likelihood.n, 1000)),
        iterations=int(found.nit),
        evaluations=int(found.nfev),
    )


def _start(
    data: JointData,
    model: JointModel,
    likelihood: _Likelihood,
    beta0: Array,
    slopes: Array,
    G: Array,
    R: Array,
) -> Array:
    k = data.x.shape[-1]
    mean = np.nanmean(data.x.reshape(-1, 2 * k), axis=0)
    spread = np.nanvar(data.x.reshape(-1, 2 * k), axis=0)
    if model.exchangeable:
        mean, spread = 0.5 * (mean[:k] + mean[k:]), np.tile(0.5 * (spread[:k] + spread[k:]), 2)
    matrices = [G, R, np.diag(0.4 * spread), np.diag(0.6 * spread)]
    roots = [root.start(matrix) for root, matrix in zip(likelihood.roots, matrices, strict=True)]
    return np.concatenate([beta0, slopes, mean, *roots])


def _information(likelihood: _Likelihood, at: Array) -> Array:
    """Observed information by central differences of the exact gradient."""
    size = len(at)
    information = np.empty((size, size))
    for j in range(size):
        step = np.zeros(size)
        step[j] = 1e-5 * max(1.0, abs(at[j]))
        information[j] = (likelihood(at + step)[1] - likelihood(at - step)[1]) / (2.0 * step[j])
    return 0.5 * (information + information.T)
