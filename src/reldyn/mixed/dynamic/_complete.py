"""The likelihood of the dynamic panel model where every dyad has every wave, profiled down to the transition.

Given the first wave, v_t = y_t - Phi y_{t-1} has the covariance Sigma within dyads, and its mean over the T - 1 later
waves, times their number, Lambda = Sigma + (T - 1) Psi after regression on the first wave. Wave means, that regression,
the first wave's covariance, Sigma and Lambda are free, so all have closed forms and the deviance is
``n {(T - 2) log|W(Phi)| + log|M(Phi)|}`` up to a constant, with W and M quadratic in Phi. Psi = (Lambda - Sigma) /
(T - 1) need not be a covariance matrix: holding it at zero where it wants to be below would bias Phi downwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reldyn._types import Array


@dataclass(frozen=True)
class CompleteWaves:
    """Moments of complete dyads; in sums and differences of the members where they are exchangeable.

    Attributes
    ----------
    within, between : (4, 4) arrays
        Of [y_t, y_{t-1}]: within dyads; of their means over waves, regressed on the first wave.
    n, waves : int
    basis : (k, 2, 2) array
        The transition's derivatives in its k free elements.
    exchangeable : bool
    first : (2, 2) array
        Covariance of the first wave.
    regression : (4, 2) array
        Of the means over waves on the first wave.
    """

    within: Array
    between: Array
    n: int
    waves: int
    basis: Array
    exchangeable: bool
    first: Array
    regression: Array

    @property
    def n_transition(self) -> int:
        """Free elements of the transition; all parameters there are."""
        return len(self.basis)

    def start(self, y: Array, phi: float) -> Array:
        """The same stability for both members, no influence."""
        del y
        return np.asarray([phi, 0.0] if self.exchangeable else [phi, 0.0, 0.0, phi])

    def transition(self, free: Array) -> Array:
        """Phi, in the coordinates of the moments."""
        return np.tensordot(free[: len(self.basis)], self.basis, axes=1)

    def stable(self, free: Array) -> Array:
        """Covariance of the stable parts, first wave's share included."""
        pull = np.hstack([np.eye(2), -self.transition(free)])
        beta = pull @ self.regression
        sigma, lam = pull @ self.within @ pull.T, pull @ self.between @ pull.T
        total = beta @ self.first @ beta.T + (lam - sigma) / (self.waves - 1)
        return np.diag(np.diag(total)) if self.exchangeable else total

    def __call__(self, free: Array) -> tuple[float, Array]:
        """Minus the log-likelihood and its gradient."""
        value, slope, _ = self._derivatives(free, second=False)
        return value, slope

    def second_order(self, free: Array) -> tuple[float, Array, Array]:
        """Minus the log-likelihood, its gradient and its second derivatives."""
        return self._derivatives(free, second=True)

    @cached_property
    def _parts(self) -> tuple[Array, Array, Array, Array, float]:
        """Weights of the two determinants, their moments of v_t, of v_t and the past, of the past; the constant."""
        weights, moments = np.array([self.waves - 2.0, 1.0]), np.array([self.within, self.between])
        constant = float(np.linalg.slogdet(self.first)[1]) + 2.0 * self.waves * (1.0 + np.log(2.0 * np.pi))
        return weights, moments[:, :2, :2], moments[:, :2, 2:], moments[:, 2:, 2:], constant

    def _derivatives(self, free: Array, *, second: bool) -> tuple[float, Array, Array]:
        weights, now, crossed, past, value = self._parts
        phi = self.transition(free)
        # With S = now - Phi crossed' - crossed Phi' + Phi past Phi', what is left of the past's covariance with v_t.
        left = crossed - phi @ past
        spread = now - phi @ crossed.transpose(0, 2, 1) - left @ phi.T
        if self.exchangeable:
            spread = spread * np.eye(2)
        inverse, size = _inverses(spread)
        value += float(weights @ np.log(size)) if (size > 0.0).all() else np.inf
        slope = -2.0 * np.tensordot(weights, inverse @ left, axes=1)
        half = 0.5 * self.n
        flat = self.basis.reshape(len(self.basis), 4)
        bend = self._bend(inverse, left) if second else np.empty((0, 0))
        return half * value, half * (flat @ slope.ravel()), half * bend

    def _bend(self, inverse: Array, left: Array) -> Array:
        """Second derivatives of the weighted log determinants."""
        weights, _, _, past, _ = self._parts
        first = -np.einsum("kij,plj->pkil", self.basis, left)
        first = first + first.transpose(0, 1, 3, 2)
        if self.exchangeable:
            first = first * np.eye(2)
        turned = inverse[:, None] @ first
        twice = np.einsum("kij,pjl,qml,pmi->pkq", self.basis, past, self.basis, inverse)
        return np.tensordot(weights, 2.0 * twice - np.einsum("pkij,pqji->pkq", turned, turned), axes=1)


def _inverses(matrices: Array) -> tuple[Array, Array]:
    """Inverses of 2 x 2 matrices, and their determinants; not positive where a matrix is no covariance."""
    a, b, c = matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 1]
    size = np.where(a > 0.0, a * c - b**2, -1.0)
    adjugate = np.array([[c, -b], [-b, a]]).transpose(2, 0, 1)
    return adjugate / size[:, None, None], size


def complete_waves(y: Array, basis: Array, exchangeable: bool) -> CompleteWaves:
    """Collect the moments.

    Parameters
    ----------
    y : (n, waves, 2) array
        Without missing values; sums and differences where members are exchangeable.
    basis : (k, 2, 2) array
    exchangeable : bool
    """
    n, waves, _ = y.shape
    means = y.mean(axis=0)
    if exchangeable:
        # Swapping the members turns the difference round: its mean is zero.
        means[:, 1] = 0.0
    y = y - means
    both = np.concatenate([y[:, 1:], y[:, :-1]], axis=2)
    level = both.mean(axis=1)
    around = (both - level[:, None]).reshape(-1, 4)
    first = y[:, 0]
    spread = first.T @ first / n
    if exchangeable:
        # The cross-products between sums and differences are no part of the model.
        spread = np.diag(np.diag(spread))
        regression = (level.T @ first / n) * np.tile(np.eye(2), (2, 1)) / np.diag(spread)
    else:
        regression = np.linalg.solve(n * spread, first.T @ level).T
    level = level - first @ regression.T
    within = around.T @ around / (n * max(waves - 2, 1))
    between = (waves - 1) * (level.T @ level) / n
    return CompleteWaves(within, between, n, waves, basis, exchangeable, spread, regression)
