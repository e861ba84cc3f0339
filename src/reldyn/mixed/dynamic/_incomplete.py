"""The likelihood of the dynamic panel model where dyads lack waves, or one member's part of them.

With z = (y_1, a + u_2, ..., a + u_T) and D the block-triangular matrix of powers of Phi, y = D z. The covariance of z
has the blocks Omega, B Omega and B Omega B' + Psi (+ Sigma on the diagonal). It is filled from roots of Omega, Sigma
and Lambda = Sigma + (T - 1) Psi, which keeps it positive definite whatever the sign of Psi. Each dyad contributes the
normal density of what it has (missing at random); wave means are profiled out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Ints

_SIZE = 17
_PHI, _BETA = slice(0, 4), slice(4, 8)
_OMEGA, _SIGMA, _LAMBDA = slice(8, 11), slice(11, 14), slice(14, 17)
# Of the 17, those that do not mix the two coordinates.
_DIAGONAL = [4, 7, 8, 10, 11, 13, 14, 16]


@dataclass(frozen=True)
class _Patterns:
    """Patterns of missing values with as many present, k of m values: where, dyads, sums of values and of products."""

    at: Ints
    n: Array
    total: Array
    products: Array


@dataclass(frozen=True)
class IncompleteWaves:
    """Values of all dyads by pattern of missing ones.

    Attributes
    ----------
    patterns : tuple of _Patterns
    waves : int
    embed : (17, k) array
        From free parameters, the transition first, to all: elements of Phi and B, then roots of Omega, Sigma and
        Lambda with logarithms on their diagonals.
    means : (2 waves, m) array
        Design of the wave means.
    turn : (2, 2) array
        From the coordinates of the parameters to those of the members.
    n_transition : int
    """

    patterns: tuple[_Patterns, ...]
    waves: int
    embed: Array
    means: Array
    turn: Array
    n_transition: int

    def stable(self, free: Array) -> Array:
        """Covariance of the stable parts, first wave's share included."""
        theta = self.embed @ free
        omega, sigma, lam = (_root(theta[part]) for part in (_OMEGA, _SIGMA, _LAMBDA))
        share = theta[_BETA].reshape(2, 2) @ omega
        return np.asarray(share @ share.T + (lam @ lam.T - sigma @ sigma.T) / (self.waves - 1))

    def __call__(self, free: Array) -> tuple[float, Array]:
        """Minus the log-likelihood and its gradient."""
        theta = self.embed @ free
        roots = [_root(theta[part]) for part in (_OMEGA, _SIGMA, _LAMBDA)]
        omega, sigma, lam = (root @ root.T for root in roots)
        phi, beta = theta[_PHI].reshape(2, 2), theta[_BETA].reshape(2, 2)
        inner = self._inner(omega, beta, (lam - sigma) / (self.waves - 1), sigma)
        carry = self._carry(phi)
        spread = carry @ inner @ carry.T
        turn = np.kron(np.eye(self.waves), self.turn)
        value, slope = self._density(turn @ spread @ turn.T)
        if slope is None:
            return np.inf, np.zeros(len(free))
        slope = turn.T @ slope @ turn
        full = np.zeros(_SIZE)
        moved = (carry.T @ slope @ spread).reshape(self.waves, 2, self.waves, 2)
        full[_PHI] = 2.0 * sum(moved[t, :, t - 1] for t in range(1, self.waves)).ravel()  # type: ignore[union-attr]
        self._add_inner(full, (carry.T @ slope @ carry).reshape(self.waves, 2, self.waves, 2), omega, beta, roots)
        return value, self.embed.T @ full

    def _inner(self, omega: Array, beta: Array, psi: Array, sigma: Array) -> Array:
        """Covariance of z."""
        z = np.empty((self.waves, 2, self.waves, 2))
        later = beta @ omega
        z[0, :, 0], z[1:, :, 0] = omega, later
        z[0, :, 1:] = later.T[:, None]
        z[1:, :, 1:] = (later @ beta.T + psi)[None, :, None]
        for t in range(1, self.waves):
            z[t, :, t] += sigma
        return z.reshape(2 * self.waves, -1)

    def _carry(self, phi: Array) -> Array:
        """D: powers of Phi below the diagonal."""
        d = np.zeros((self.waves, 2, self.waves, 2))
        power = np.eye(2)
        for lag in range(self.waves):
            for t in range(lag, self.waves):
                d[t, :, t - lag] = power
            power = power @ phi
        return d.reshape(2 * self.waves, -1)

    def _density(self, spread: Array) -> tuple[float, Array | None]:
        """Minus the log density, and its derivative in the covariance of all values."""
        m = self.means.shape[1]
        left, right = np.zeros((m, m)), np.zeros(m)
        inverses = []
        value = 0.0
        for group in self.patterns:
            try:
                factor = np.linalg.inv(np.linalg.cholesky(spread[_blocks(group.at)]))
            except np.linalg.LinAlgError:
                return np.inf, None
            inverse = factor.transpose(0, 2, 1) @ factor
            design = self.means[group.at]
            weighted = inverse @ design
            left += np.tensordot(group.n, design.transpose(0, 2, 1) @ weighted, axes=1)
            right += np.einsum("kmi,km->i", weighted, group.total)
            roots = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
            value += float(group.n @ (group.at.shape[1] * np.log(2.0 * np.pi) - 2.0 * roots))
            inverses.append(inverse)
        mu = self.means @ np.linalg.solve(left, right)
        slope = np.zeros_like(spread)
        for group, inverse in zip(self.patterns, inverses, strict=True):
            mean, n = mu[group.at], group.n[:, None, None]
            crossed = group.total[:, :, None] * mean[:, None]
            squares = group.products - crossed - crossed.transpose(0, 2, 1) + n * mean[:, :, None] * mean[:, None]
            weighted = inverse @ squares
            value += float(np.trace(weighted, axis1=1, axis2=2).sum())
            np.add.at(slope, _blocks(group.at), 0.5 * (n * inverse - weighted @ inverse))
        return 0.5 * value, slope

    def _add_inner(self, full: Array, slope: Array, omega: Array, beta: Array, roots: list[Array]) -> None:
        """The gradient in everything but Phi, from that in the covariance of z."""
        corner, side = slope[0, :, 0], slope[0, :, 1:].sum(axis=1)
        rest = slope[1:, :, 1:].sum(axis=(0, 2))
        own = sum(slope[t, :, t] for t in range(1, self.waves))
        crossed = side @ beta
        d_omega = corner + crossed + crossed.T + beta.T @ rest @ beta
        full[_BETA] = (2.0 * (side.T + rest @ beta) @ omega).ravel()
        d_lambda = rest / (self.waves - 1)
        for part, root, change in zip(
            (_OMEGA, _SIGMA, _LAMBDA), roots, (d_omega, own - d_lambda, d_lambda), strict=True
        ):
            moved = 2.0 * np.asarray(change) @ root
            full[part] = moved[0, 0] * root[0, 0], moved[1, 0], moved[1, 1] * root[1, 1]

    def start(self, y: Array, phi: float) -> Array:
        """Free parameters from a stability and the values (n, waves, 2), in the coordinates of the parameters."""
        theta = np.zeros(_SIZE)
        theta[_PHI] = (phi * np.eye(2)).ravel()
        centred = y - np.nanmean(y, axis=0)
        v = centred[:, 1:] - phi * centred[:, :-1]
        used = np.isfinite(v).all(axis=2)
        count = used.sum(axis=1)
        level = np.where(used[..., None], v, 0.0).sum(axis=1) / np.maximum(count, 1)[:, None]
        around = np.where(used[..., None], v - level[:, None], 0.0).reshape(-1, 2)
        sigma = around.T @ around / max(int((count - 1).clip(0).sum()), 1)
        both = (count > 0) & np.isfinite(centred[:, 0]).all(axis=1)
        first, level = centred[both, 0], level[both]
        omega = first.T @ first / max(len(first), 1)
        beta = np.linalg.lstsq(first, level, rcond=None)[0].T
        off = level - first @ beta.T
        lam = (self.waves - 1) * off.T @ off / max(len(off), 1)
        theta[_BETA] = beta.ravel()
        for part, matrix in ((_OMEGA, omega), (_SIGMA, sigma), (_LAMBDA, lam)):
            theta[part] = _log_root(matrix)
        return np.asarray(np.linalg.lstsq(self.embed, theta, rcond=None)[0])


def incomplete_waves(y: Array, basis: Array, exchangeable: bool, turn: Array) -> IncompleteWaves:
    """Sort dyads by what they have.

    Parameters
    ----------
    y : (n, waves, 2) array
        In the members' own coordinates; NaN where missing.
    basis : (k, 2, 2) array
    exchangeable : bool
    turn : (2, 2) array
    """
    n, waves, _ = y.shape
    flat = y.reshape(n, -1)
    present = np.isfinite(flat)
    masks, group = np.unique(present, axis=0, return_inverse=True)
    sizes = masks.sum(axis=1)
    patterns = []
    for size in np.unique(sizes[sizes > 0]):
        codes = np.flatnonzero(sizes == size)
        values = [flat[np.ravel(group) == code][:, masks[code]] for code in codes]
        patterns.append(
            _Patterns(
                at=np.array([np.flatnonzero(masks[code]) for code in codes]),
                n=np.array([float(len(part)) for part in values]),
                total=np.array([part.sum(axis=0) for part in values]),
                products=np.array([part.T @ part for part in values]),
            )
        )
    k = len(basis)
    others = _DIAGONAL if exchangeable else list(range(4, _SIZE))
    embed = np.zeros((_SIZE, k + len(others)))
    embed[_PHI, :k] = basis.reshape(k, 4).T
    embed[others, k + np.arange(len(others))] = 1.0
    means = np.kron(np.eye(waves), np.ones((2, 1)) if exchangeable else np.eye(2))
    asked = (means[present.any(axis=0)] != 0).any(axis=0)
    return IncompleteWaves(tuple(patterns), waves, embed, np.asarray(means[:, asked], dtype=np.float64), turn, k)


def _blocks(at: Ints) -> tuple[Ints, Ints]:
    """Index of the square blocks of a matrix in which each row of places stands."""
    return at[:, :, None], at[:, None, :]


def _root(values: Array) -> Array:
    return np.array([[np.exp(values[0]), 0.0], [values[1], np.exp(values[2])]])


def _log_root(matrix: Array) -> Array:
    """Root of a covariance, kept away from singularity, with logarithms on its diagonal."""
    scale = max(float(np.trace(matrix)), 1e-8)
    root = np.linalg.cholesky(0.95 * matrix + 0.05 * scale * np.eye(2))
    return np.array([np.log(root[0, 0]), root[1, 0], np.log(root[1, 1])])
