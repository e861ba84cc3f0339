"""The small matrices every covariance and precision is put together from, with exact derivatives.

Let x_t be the pair of residuals at step t: x_t = Phi x_{t-1} + u_t, u_t ~ N(0, S), started in its stationary
distribution (Luetkepohl, 2005, ch. 2). Over d steps the pair moves by Phi^d and gathers the covariance
V_d = sum_{j<d} Phi^j S Phi^j'; in continuous time these are exp(-Lambda d) and the integral of the same (Uhlenbeck and
Ornstein, 1930; Gardiner, 2009, sec. 4.5). The stationary covariance Gamma solves Gamma = Phi Gamma Phi' + S.
"""

from __future__ import annotations

import numpy as np

from reldyn._types import Array, Ints
from reldyn.mixed.processes._arrangement import Arrangement
from reldyn.mixed.processes._jets import Jet, constant, hadamard, linear, stack, where
from reldyn.mixed.processes._structure import Structure
from reldyn.mixed.spec._options import Residual


def tabulate(residual: Residual, parts: Structure, theta: Array, batches: Arrangement, order: int) -> tuple[Jet, Jet]:
    """Powers (U, 2, 2) and covariances (P + P0, 2, 2) that all layouts draw on."""
    powers, gathered = _propagate(residual, parts, theta, batches, order)
    given = _carried(residual, powers.pick(batches.lag), gathered)
    if not len(batches.stationary):
        return powers, given
    free = _carried(residual, powers.pick(batches.stationary), stationary(residual, parts, theta, order))
    return powers, stack(given, free)


def _carried(residual: Residual, powers: Jet, x: Jet) -> Jet:
    """Phi^d X; without carry-over between members Phi is diagonal and the product one of elements."""
    return powers @ x if residual.process == "var1" else hadamard(powers.diagonal, x)


def _propagate(residual: Residual, parts: Structure, theta: Array, batches: Arrangement, order: int) -> tuple[Jet, Jet]:
    """Phi^d (U, 2, 2) for every span d, and V_d (P, 2, 2) for every base."""
    spans, base = batches.spans, batches.base
    if residual.process == "car1":
        return _propagate_continuous(parts, theta, spans.astype(np.float64), base, order)
    # Without carry-over any later occasion is as good as the next one.
    whole = spans.astype(np.int64) if residual.serial else (spans != 0).astype(np.int64)
    power = linear(parts.transition, theta, order)
    gathered = linear(parts.innovation, theta, order)
    powers = constant(np.broadcast_to(np.eye(2), (len(whole), 2, 2)), power)
    sums = constant(np.zeros((len(whole), 2, 2)), power)
    # Binary doubling: V_{a+b} = V_a + Phi^a V_b Phi^a', so a span of d steps takes log2(d) products.
    while whole.any():
        odd = (whole & 1).astype(bool)
        sums = where(odd, sums + powers @ gathered @ powers.transposed, sums)
        powers = where(odd, powers @ power, powers)
        gathered = gathered + power @ gathered @ power.transposed
        power = power @ power
        whole = whole >> 1
    return powers, sums.pick(base)


def powers_of(residual: Residual, parts: Structure, theta: Array, spans: Array, order: int) -> Jet:
    """Phi^d (u, 2, 2) for every span."""
    none = np.zeros(0, dtype=np.intp)
    return _propagate(residual, parts, theta, Arrangement(0, spans, none, none, none, ()), order)[0]


def _propagate_continuous(parts: Structure, theta: Array, spans: Array, base: Ints, order: int) -> tuple[Jet, Jet]:
    decay = linear(parts.transition, theta, order)
    fading = np.exp(-np.diagonal(decay.value) * spans[:, None])[:, None, :] * np.eye(2)
    time = spans[:, None, None]
    powers = _chain(decay, fading, -time * fading, time**2 * fading)
    time = time[base]
    rates = linear(_rate_basis(parts), theta, order)
    mean, slope, curvature = mean_decay(rates.value * time)
    weights = _chain(rates, time * mean, time**2 * slope, time**3 * curvature)
    return powers, hadamard(linear(parts.innovation, theta, order), weights)


def stationary(residual: Residual, parts: Structure, theta: Array, order: int) -> Jet:
    """The covariance (2, 2) of the process at one occasion."""
    innovation = linear(parts.innovation, theta, order)
    if not residual.serial:
        return innovation
    if residual.process == "car1":
        rates = linear(_rate_basis(parts), theta, order)
        inverse = 1.0 / rates.value
        return hadamard(innovation, _chain(rates, inverse, -(inverse**2), 2.0 * inverse**3))
    return _lyapunov(linear(parts.transition, theta, order), innovation)


def _lyapunov(phi: Jet, s: Jet) -> Jet:
    """Solve G = Phi G Phi' + S; derivatives by differentiating the equation (Phi and S are linear in theta).

    `scipy.linalg.solve_discrete_lyapunov` has no derivatives; they reuse the equation set up for the value.
    """
    operator = np.eye(4) - np.kron(phi.value, phi.value)

    def solve(right: Array) -> Array:
        stacked = right.reshape(-1, 4).T
        return np.asarray(np.linalg.solve(operator, stacked).T.reshape(right.shape))

    value = solve(s.value)
    if phi.first is None or s.first is None:
        return Jet(value)
    move, moved = phi.first, phi.first.swapaxes(-1, -2)
    half = move @ value @ phi.value.T
    first = solve(s.first + half + half.swapaxes(-1, -2))
    if phi.second is None:
        return Jet(value, first)
    direct = move[:, None] @ value @ moved[None, :]
    mixed = move[:, None] @ first[None, :] @ phi.value.T
    total = direct + mixed + mixed.swapaxes(-1, -2)
    return Jet(value, first, solve(total + total.swapaxes(0, 1)))


def _rate_basis(parts: Structure) -> Array:
    """Basis (r, 2, 2) of the sums of two members' decay rates."""
    rates = np.diagonal(parts.transition, axis1=1, axis2=2)
    return np.asarray(rates[:, :, None] + rates[:, None, :])


def _chain(inner: Jet, value: Array, slope: Array, curvature: Array) -> Jet:
    """An element-wise function of a linear matrix, from its value and derivatives."""
    if inner.first is None:
        return Jet(value)
    stack = (1,) * (value.ndim - 2)
    r = len(inner.first)
    basis = inner.first.reshape(r, *stack, 2, 2)
    if inner.second is None:
        return Jet(value, slope * basis)
    return Jet(value, slope * basis, curvature * basis[:, None] * basis[None, :])


def mean_decay(x: Array) -> tuple[Array, Array, Array]:
    """(1 - exp(-x)) / x and its first two derivatives, by its power series where x is small."""
    small = x < 0.5
    safe = np.where(small, 1.0, x)
    fade = np.exp(-safe)
    value = -np.expm1(-safe) / safe
    slope = (fade - value) / safe
    curvature = -(fade + 2.0 * slope) / safe
    near = np.where(small, x, 0.0)
    series = np.zeros((3, *x.shape))
    coefficients = 1.0 / np.cumprod(np.arange(1.0, 20.0)) * (-1.0) ** np.arange(19)
    polynomial = np.polynomial.Polynomial(coefficients)
    for row, derivative in enumerate((polynomial, polynomial.deriv(), polynomial.deriv(2))):
        series[row] = derivative(near)
    return np.where(small, series[0], value), np.where(small, series[1], slope), np.where(small, series[2], curvature)


def with_error(joint: Jet, parts: Structure, theta: Array, members: Ints) -> Jet:
    """Add the measurement-error variances to the diagonal."""
    if parts.sizes[2] == 0:
        return joint
    basis = np.diagonal(parts.error, axis1=1, axis2=2)[:, members]
    noise = basis[..., None] * np.eye(members.shape[1])
    return Jet(
        joint.value + np.tensordot(theta, noise, axes=1),
        None if joint.first is None else joint.first + noise,
        joint.second,
    )
