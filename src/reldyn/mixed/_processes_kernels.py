"""Precision matrices of residual segments, dense covariances, and their exact derivatives.

Let x_t be the pair of residuals at step t: x_t = Phi x_{t-1} + u_t, u_t ~ N(0, S), started in its stationary
distribution (Luetkepohl, 2005, ch. 2). Over d steps the pair moves by Phi^d and gathers the covariance
V_d = sum_{j<d} Phi^j S Phi^j'; in continuous time these are exp(-Lambda d) and the integral of the same (Ornstein and
Uhlenbeck; Gardiner, 2009, sec. 4.5). Everything below is put together from Phi^d, V_d and the stationary covariance
Gamma, which solves Gamma = Phi Gamma Phi' + S, with derivatives with respect to the natural parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reldyn.mixed._options import Residual
from reldyn.mixed._processes_jets import (
    FloatArray,
    Jet,
    block,
    constant,
    hadamard,
    inverse_and_log_det,
    linear,
    where,
)
from reldyn.mixed._processes_segments import IntArray, Layout
from reldyn.mixed._processes_structure import Structure, structure


@dataclass(frozen=True, slots=True)
class Kernel:
    """What a segment of one layout adds to R^{-1} and log|R|; r natural parameters, m rows.

    Attributes
    ----------
    precision : array (m, m)
    log_det : float
        Infinite, with a precision of NaN, where the parameters give no positive definite covariance.
    d_precision, d_log_det : arrays (r, m, m), (r,), or None below order 1
    d2_precision, d2_log_det : arrays (r, r, m, m), (r, r), or None below order 2
    """

    precision: FloatArray
    log_det: float
    d_precision: FloatArray | None = None
    d_log_det: FloatArray | None = None
    d2_precision: FloatArray | None = None
    d2_log_det: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Layouts with equally many rows, with everything that does not depend on the parameters worked out.

    Attributes
    ----------
    positions : int array (L,)
        Where these layouts stand in the list they came from.
    n_conditioning : int
        0 or 2.
    spans : array (U,)
        Every distinct number of steps that is needed.
    lag, base : int arrays (P,)
        Positions in `spans`: the distinct pairs of (steps between two rows, steps from the conditioning occasion to
        the earlier of them); without conditioning `base` is not used.
    elements : int array (L, m - n_conditioning, m - n_conditioning)
        For each pair of new rows, its element in the flattened stack of the P matrices.
    carry : int array (L, m - n_conditioning, n_conditioning)
        For each new and conditioning row, its element in the flattened stack of the powers Phi^span.
    members : int array (L, m)
    """

    positions: IntArray
    n_conditioning: int
    spans: NDArray[Any]
    lag: IntArray
    base: IntArray
    elements: IntArray
    carry: IntArray
    members: IntArray


def kernels(
    residual: Residual,
    exchangeable: bool,
    natural: ArrayLike,
    layouts: Sequence[Layout] | Sequence[Batch],
    order: int,
) -> list[Kernel]:
    """Compute the kernels of many layouts at once.

    Parameters
    ----------
    residual : Residual
    exchangeable : bool
        Whether the roles share their parameters.
    natural : array (r,)
        Natural parameters in the order of `natural_names`.
    layouts : sequence of Layout, or the result of `arrange`
        Arranging once and evaluating often spares the bookkeeping.
    order : {0, 1, 2}
        How many derivatives to compute.

    Returns
    -------
    list of Kernel
        In the order of the layouts. Their arrays are views of arrays shared by layouts of equal size.

    Notes
    -----
    Memory is that of the answer: (1 + r + r^2) m^2 numbers per layout at order 2. Where whole series are layouts
    (measurement error, or time stamps the members never share), pass them in portions.
    """
    batches = [item for item in layouts if isinstance(item, Batch)]
    if len(batches) != len(layouts):
        batches = arrange([item for item in layouts if isinstance(item, Layout)])
    found: dict[int, Kernel] = {}
    for batch in batches:
        precision, log_det = batch_kernel(residual, exchangeable, natural, batch, order)
        found.update(zip(batch.positions.tolist(), _unstacked(precision, log_det), strict=True))
    return [found[position] for position in range(len(found))]


def kernel(residual: Residual, exchangeable: bool, natural: ArrayLike, layout: Layout, order: int) -> Kernel:
    """Compute the kernel of one layout; see `kernels`."""
    return kernels(residual, exchangeable, natural, [layout], order)[0]


def arrange(layouts: Sequence[Layout]) -> list[Batch]:
    """Sort layouts into batches of equal size, ready for any number of evaluations."""
    sizes: dict[tuple[int, int], list[int]] = {}
    for position, layout in enumerate(layouts):
        sizes.setdefault((len(layout.members), layout.n_conditioning), []).append(position)
    return [
        _batch(
            np.array(positions, dtype=np.intp),
            np.array([layouts[position].members for position in positions], dtype=np.intp),
            np.array([layouts[position].steps for position in positions]),
            n_conditioning,
        )
        for (_, n_conditioning), positions in sizes.items()
    ]


def batch_kernel(
    residual: Residual, exchangeable: bool, natural: ArrayLike, batch: Batch, order: int
) -> tuple[Jet, Jet]:
    """Precisions (L, m, m) and log-determinants (L,) of one batch, derivative axes leading."""
    parts = structure(residual, exchangeable)
    theta = np.asarray(natural, dtype=np.float64)
    powers, gathered = _propagate(residual, parts, theta, batch.spans, order)
    if batch.n_conditioning == 0:
        joint = (powers @ _stationary(residual, parts, theta, order)).elements(batch.elements)
        return inverse_and_log_det(_with_error(joint, parts, theta, batch.members))
    spread = (powers.pick(batch.lag) @ gathered.pick(batch.base)).elements(batch.elements)
    precision, log_det = inverse_and_log_det(spread)
    carry = powers.elements(batch.carry)
    pull = -(precision @ carry)
    return block((((-carry).transposed @ pull, pull.transposed), (pull, precision))), log_det


def covariance(
    residual: Residual, exchangeable: bool, natural: ArrayLike, member: ArrayLike, step: ArrayLike, order: int
) -> Jet:
    """The dense residual covariance of one dyad's rows.

    Parameters
    ----------
    residual, exchangeable, natural, order
        As in `kernels`.
    member, step : arrays (n,)
        The dyad's rows, in any order.

    Returns
    -------
    Jet
        ``value`` (n, n), ``first`` (r, n, n), ``second`` (r, r, n, n), as far as `order` asks.
    """
    members, steps = np.asarray(member, dtype=np.intp)[None], np.asarray(step)[None]
    if residual.process in ("ar1", "var1"):
        steps = np.rint(steps).astype(np.int64)
    parts = structure(residual, exchangeable)
    theta = np.asarray(natural, dtype=np.float64)
    batch = _batch(np.zeros(1, dtype=np.intp), members, steps, 0)
    powers, _ = _propagate(residual, parts, theta, batch.spans, order)
    joint = (powers @ _stationary(residual, parts, theta, order)).elements(batch.elements)
    dense = _with_error(joint, parts, theta, members)
    return Jet(
        dense.value[0],
        None if dense.first is None else dense.first[:, 0],
        None if dense.second is None else dense.second[:, :, 0],
    )


def stationary_covariance(residual: Residual, exchangeable: bool, natural: ArrayLike) -> FloatArray:
    """The covariance (2, 2) of the process at one occasion, measurement error left out."""
    theta = np.asarray(natural, dtype=np.float64)
    return _stationary(residual, structure(residual, exchangeable), theta, 0).value


def _batch(positions: IntArray, members: IntArray, steps: NDArray[Any], n_conditioning: int) -> Batch:
    new_members, new_steps = members[:, n_conditioning:], steps[:, n_conditioning:]
    later = new_steps[:, :, None] >= new_steps[:, None, :]
    between = np.abs(new_steps[:, :, None] - new_steps[:, None, :])
    row = np.where(later, new_members[:, :, None], new_members[:, None, :])
    column = np.where(later, new_members[:, None, :], new_members[:, :, None])
    if n_conditioning == 0:
        spans, lag = np.unique(between, return_inverse=True)
        elements = 4 * lag.reshape(between.shape) + 2 * row + column
        nothing = np.zeros((*new_members.shape, 0), dtype=np.intp)
        return Batch(positions, 0, spans, np.arange(len(spans)), np.zeros(0, dtype=np.intp), elements, nothing, members)
    spans, index = np.unique(np.concatenate([between.ravel(), new_steps.ravel()]), return_inverse=True)
    lag = index[: between.size].reshape(between.shape)
    since = index[between.size :].reshape(new_steps.shape)
    earlier = np.minimum(since[:, :, None], since[:, None, :])
    pairs, pair = np.unique(lag * len(spans) + earlier, return_inverse=True)
    elements = 4 * pair.reshape(lag.shape) + 2 * row + column
    carry = 4 * since[:, :, None] + 2 * new_members[:, :, None] + members[:, None, :n_conditioning]
    return Batch(positions, n_conditioning, spans, pairs // len(spans), pairs % len(spans), elements, carry, members)


def _propagate(
    residual: Residual, parts: Structure, theta: FloatArray, spans: NDArray[Any], order: int
) -> tuple[Jet, Jet]:
    """Phi^d and V_d, both (U, 2, 2), for every span d."""
    if residual.process == "car1":
        return _propagate_continuous(parts, theta, spans.astype(np.float64), order)
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
    return powers, sums


def _propagate_continuous(parts: Structure, theta: FloatArray, spans: FloatArray, order: int) -> tuple[Jet, Jet]:
    decay = linear(parts.transition, theta, order)
    fading = np.exp(-np.diagonal(decay.value) * spans[:, None])[:, None, :] * np.eye(2)
    time = spans[:, None, None]
    powers = _chain(linear(parts.transition, theta, order), fading, -time * fading, time**2 * fading)
    rates = linear(_rate_basis(parts), theta, order)
    mean, slope, curvature = _mean_decay(rates.value * time)
    weights = _chain(rates, time * mean, time**2 * slope, time**3 * curvature)
    return powers, hadamard(linear(parts.innovation, theta, order), weights)


def _stationary(residual: Residual, parts: Structure, theta: FloatArray, order: int) -> Jet:
    """The covariance (2, 2) of the process at one occasion."""
    innovation = linear(parts.innovation, theta, order)
    if residual.process == "car1":
        rates = linear(_rate_basis(parts), theta, order)
        inverse = 1.0 / rates.value
        return hadamard(innovation, _chain(rates, inverse, -(inverse**2), 2.0 * inverse**3))
    return _lyapunov(linear(parts.transition, theta, order), innovation)


def _lyapunov(phi: Jet, s: Jet) -> Jet:
    """Solve G = Phi G Phi' + S; derivatives by differentiating the equation (Phi and S are linear in theta)."""
    operator = np.eye(4) - np.kron(phi.value, phi.value)

    def solve(right: FloatArray) -> FloatArray:
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


def _rate_basis(parts: Structure) -> FloatArray:
    """Basis (r, 2, 2) of the sums of two members' decay rates."""
    rates = np.diagonal(parts.transition, axis1=1, axis2=2)
    return np.asarray(rates[:, :, None] + rates[:, None, :])


def _chain(inner: Jet, value: FloatArray, slope: FloatArray, curvature: FloatArray) -> Jet:
    """An element-wise function of a linear matrix, from its value and derivatives."""
    if inner.first is None:
        return Jet(value)
    stack = (1,) * (value.ndim - 2)
    r = len(inner.first)
    basis = inner.first.reshape(r, *stack, 2, 2)
    if inner.second is None:
        return Jet(value, slope * basis)
    return Jet(value, slope * basis, curvature * basis[:, None] * basis[None, :])


def _mean_decay(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
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


def _with_error(joint: Jet, parts: Structure, theta: FloatArray, members: IntArray) -> Jet:
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


def _unstacked(precision: Jet, log_det: Jet) -> list[Kernel]:
    """One kernel per layout, sharing the memory of the batch."""
    count = len(precision.value)
    nothing = [None] * count
    firsts = nothing if precision.first is None else list(precision.first.swapaxes(0, 1))
    d_logs = nothing if log_det.first is None else list(log_det.first.T)
    seconds = nothing if precision.second is None else list(np.moveaxis(precision.second, 2, 0))
    d2_logs = nothing if log_det.second is None else list(np.moveaxis(log_det.second, 2, 0))
    values = zip(precision.value, log_det.value.tolist(), firsts, d_logs, seconds, d2_logs, strict=True)
    return [Kernel(*parts) for parts in values]
