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
    stack,
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
    """Layouts with equally many rows, m, of which c are conditioning (c is 0 or 2).

    Attributes
    ----------
    positions : int array (L,)
        Where these layouts stand in the list they came from.
    n_conditioning : int
    elements : int array (L, m - c, m - c)
        For each pair of new rows, its element in the flattened stack of covariance matrices.
    carry : int array (L, m - c, c)
        For each new and conditioning row, its element in the flattened stack of powers.
    members : int array (L, m)
    """

    positions: IntArray
    n_conditioning: int
    elements: IntArray
    carry: IntArray
    members: IntArray


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Many layouts, with everything worked out that does not depend on the parameters.

    All layouts draw on two small stacks of 2 x 2 matrices: the powers Phi^d for every span d, and the covariances
    between two steps, first those given a complete occasion, Phi^lag V_base, then the stationary ones, Phi^lag Gamma.

    Attributes
    ----------
    n_layouts : int
    spans : array (U,)
        Every number of steps that is needed.
    lag, base : int arrays (P,)
        Positions in `spans`: steps between two rows, and from the conditioning occasion to the earlier of them.
    stationary : int array (P0,)
        Positions in `spans` of the lags needed without conditioning.
    batches : tuple of Batch
    """

    n_layouts: int
    spans: NDArray[Any]
    lag: IntArray
    base: IntArray
    stationary: IntArray
    batches: tuple[Batch, ...]


def kernels(
    residual: Residual,
    exchangeable: bool,
    natural: ArrayLike,
    layouts: Sequence[Layout] | Arrangement,
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
    (measurement error, or time stamps the members never share), pass them in portions. Second derivatives that only
    enter a sum over layouts come many times cheaper from `curvature`.
    """
    arranged = layouts if isinstance(layouts, Arrangement) else arrange(layouts)
    found: dict[int, Kernel] = {}
    for batch, (precision, log_det) in zip(
        arranged.batches, batch_kernels(residual, exchangeable, natural, arranged, order), strict=True
    ):
        found.update(zip(batch.positions.tolist(), _unstacked(precision, log_det), strict=True))
    return [found[position] for position in range(arranged.n_layouts)]


def kernel(residual: Residual, exchangeable: bool, natural: ArrayLike, layout: Layout, order: int) -> Kernel:
    """Compute the kernel of one layout; see `kernels`."""
    return kernels(residual, exchangeable, natural, [layout], order)[0]


def batch_kernels(
    residual: Residual, exchangeable: bool, natural: ArrayLike, arranged: Arrangement, order: int
) -> list[tuple[Jet, Jet]]:
    """Compute precisions (L, m, m) and log-determinants (L,) of each batch, as stacks; see `kernels`."""
    parts = structure(residual, exchangeable)
    theta = np.asarray(natural, dtype=np.float64)
    powers, spreads = _tables(residual, parts, theta, arranged, order)
    found = []
    for batch in arranged.batches:
        spread = _with_error(spreads.elements(batch.elements), parts, theta, batch.members)
        precision, log_det = inverse_and_log_det(spread)
        if batch.n_conditioning:
            carry = powers.elements(batch.carry)
            pull = -(precision @ carry)
            precision = block((((-carry).transposed @ pull, pull.transposed), (pull, precision)))
        found.append((precision, log_det))
    return found


def curvature(
    residual: Residual,
    exchangeable: bool,
    natural: ArrayLike,
    arranged: Arrangement,
    weights: Sequence[FloatArray],
    counts: ArrayLike,
) -> tuple[FloatArray, FloatArray]:
    """Sum second derivatives over layouts without forming them layout by layout.

    Parameters
    ----------
    residual, exchangeable, natural
        As in `kernels`.
    arranged : Arrangement
        From `arrange`.
    weights : sequence of arrays (s, m, m)
        For each layout, s symmetric matrices N.
    counts : array (n_layouts,)
        How often each layout occurs.

    Returns
    -------
    quadratic : array (s, r, r)
        Sum over layouts of ``<N, d2 precision>``.
    log_det : array (r, r)
        Sum over layouts of ``count * d2 log_det``. Both are NaN where a covariance is not positive definite.

    Notes
    -----
    The second derivatives of every covariance are elements of a small stack common to all layouts, so the weights are
    first gathered on that stack; what remains are products of first derivatives.
    """
    parts = structure(residual, exchangeable)
    theta = np.asarray(natural, dtype=np.float64)
    tables = _tables(residual, parts, theta, arranged, 2)
    occurrences = np.asarray(counts, dtype=np.float64)
    r, s = len(theta), len(weights[0]) if len(weights) else 0
    # One more row than weights: the last gathers what belongs to the log-determinants.
    on_spreads, on_powers = (np.zeros((s + 1, table.value.size)) for table in (tables[1], tables[0]))
    total = np.zeros((s + 1, r, r))
    for batch in arranged.batches:
        stacked = np.stack([weights[position] for position in batch.positions], axis=1)
        spread = _with_error(_first_order(tables[1]).elements(batch.elements), parts, theta, batch.members)
        carry = _first_order(tables[0]).elements(batch.carry)
        total += _batch_curvature(batch, spread, carry, stacked, occurrences[batch.positions], on_spreads, on_powers)
    for table, gathered in zip(tables, (on_powers, on_spreads), strict=True):
        if table.second is not None:
            total += np.tensordot(gathered, table.second.reshape(r, r, -1), axes=(1, 2))
    return total[:s], total[s]


def _batch_curvature(
    batch: Batch,
    spread: Jet,
    carry: Jet,
    weights: FloatArray,
    counts: FloatArray,
    on_spreads: FloatArray,
    on_powers: FloatArray,
) -> FloatArray:
    """Products of first derivatives (s + 1, r, r) of one batch; weights of second derivatives go to the tables.

    With V the covariance of the new rows, H the carry-over of the conditioning rows and N the weights, the sum is
    ``f = <Q, V^{-1}>``, ``Q = N_nn - H N_cn - N_nc H' + H N_cc H'``.
    """
    c = batch.n_conditioning
    precision = inverse_and_log_det(Jet(spread.value))[0].value
    moved, pulled = _derivative(spread), _derivative(carry)
    scaled = precision @ moved
    h, corner, side = carry.value, weights[..., :c, :c], weights[..., c:, :c]
    drift = h @ corner - side
    inner = weights[..., c:, c:] - h @ side.swapaxes(-1, -2) + drift @ h.swapaxes(-1, -2)
    outer = np.concatenate([precision @ inner @ precision, -0.5 * (counts[:, None, None] * precision)[None]])
    _scatter(on_spreads, batch.elements, np.concatenate([-outer[:-1], -2.0 * outer[-1:]]))
    total = 2.0 * _paired(outer[:, None] @ moved, scaled.swapaxes(-1, -2))
    if c:
        reach = precision @ drift
        _scatter(on_powers[:-1], batch.carry, 2.0 * reach)
        cross = -2.0 * _paired(scaled @ reach[:, None], pulled)
        corners = 2.0 * _paired(precision @ pulled @ corner[:, None], pulled)
        total[:-1] += cross + cross.swapaxes(-1, -2) + corners
    return total


def _paired(x: FloatArray, y: FloatArray) -> FloatArray:
    """Inner products (s, r, r) of x (s, r, ...) and y (r, ...)."""
    return np.asarray(x.reshape(*x.shape[:2], -1) @ y.reshape(len(y), -1).T)


def _scatter(target: FloatArray, index: IntArray, values: FloatArray) -> None:
    """Add values (s, ...) to the elements (s, size) of a flattened stack."""
    for row, value in zip(target, values, strict=True):
        row += np.bincount(index.ravel(), weights=value.ravel(), minlength=row.size)


def _first_order(x: Jet) -> Jet:
    return Jet(x.value, x.first)


def _derivative(x: Jet) -> FloatArray:
    return np.zeros((0, *x.value.shape)) if x.first is None else x.first


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
    steps = np.asarray(step)
    if residual.process in ("ar1", "var1"):
        steps = np.rint(steps).astype(np.int64)
    members = np.asarray(member, dtype=np.intp)[None]
    parts = structure(residual, exchangeable)
    theta = np.asarray(natural, dtype=np.float64)
    arranged = _arranged([_Rows(np.zeros(1, dtype=np.intp), members, steps[None], 0)])
    _, spreads = _tables(residual, parts, theta, arranged, order)
    dense = _with_error(spreads.elements(arranged.batches[0].elements), parts, theta, members)
    return Jet(
        dense.value[0],
        None if dense.first is None else dense.first[:, 0],
        None if dense.second is None else dense.second[:, :, 0],
    )


def stationary_covariance(residual: Residual, exchangeable: bool, natural: ArrayLike) -> FloatArray:
    """The covariance (2, 2) of the process at one occasion, measurement error left out."""
    theta = np.asarray(natural, dtype=np.float64)
    return _stationary(residual, structure(residual, exchangeable), theta, 0).value


@dataclass(frozen=True, slots=True)
class _Rows:
    """Members and steps (L, m) of the layouts of one batch."""

    positions: IntArray
    members: IntArray
    steps: NDArray[Any]
    n_conditioning: int


def arrange(layouts: Sequence[Layout]) -> Arrangement:
    """Sort layouts into batches of equal size, ready for any number of evaluations."""
    sizes: dict[tuple[int, int], list[int]] = {}
    for position, layout in enumerate(layouts):
        sizes.setdefault((len(layout.members), layout.n_conditioning), []).append(position)
    return _arranged(
        [
            _Rows(
                np.array(positions, dtype=np.intp),
                np.array([layouts[position].members for position in positions], dtype=np.intp),
                np.array([layouts[position].steps for position in positions]),
                n_conditioning,
            )
            for (_, n_conditioning), positions in sizes.items()
        ]
    )


def _arranged(sizes: list[_Rows]) -> Arrangement:
    fresh = [rows.steps[:, rows.n_conditioning :] for rows in sizes]
    gaps = [np.abs(steps[:, :, None] - steps[:, None, :]) for steps in fresh]
    spans = _distinct([*gaps, *fresh])
    lags = [np.searchsorted(spans, gap) for gap in gaps]
    since = [np.searchsorted(spans, steps) for steps in fresh]
    # Pairs (lag, base) as one integer each; lags of stationary covariances follow behind all pairs.
    behind = len(spans) ** 2
    codes = [
        lag * len(spans) + np.minimum(start[:, :, None], start[:, None, :]) if rows.n_conditioning else behind + lag
        for rows, lag, start in zip(sizes, lags, since, strict=True)
    ]
    table = _distinct(codes).astype(np.intp)
    pairs = table[table < behind]
    batches = tuple(
        _batch(rows, np.searchsorted(table, code), start) for rows, code, start in zip(sizes, codes, since, strict=True)
    )
    n_layouts = sum(len(rows.positions) for rows in sizes)
    width = max(len(spans), 1)
    return Arrangement(n_layouts, spans, pairs // width, pairs % width, table[len(pairs) :] - behind, batches)


def _batch(rows: _Rows, matrix: IntArray, since: IntArray) -> Batch:
    c = rows.n_conditioning
    members, steps = rows.members[:, c:], rows.steps[:, c:]
    later = steps[:, :, None] >= steps[:, None, :]
    row = np.where(later, members[:, :, None], members[:, None, :])
    column = np.where(later, members[:, None, :], members[:, :, None])
    carry = 4 * since[:, :, None] + 2 * members[:, :, None] + rows.members[:, None, :c]
    return Batch(rows.positions, c, 4 * matrix + 2 * row + column, carry, rows.members)


def _distinct(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *[np.unique(array) for array in arrays]]))


def _tables(
    residual: Residual, parts: Structure, theta: FloatArray, arranged: Arrangement, order: int
) -> tuple[Jet, Jet]:
    """Powers (U, 2, 2) and covariances (P + P0, 2, 2) that all layouts draw on."""
    powers, gathered = _propagate(residual, parts, theta, arranged, order)
    given = _carried(residual, powers.pick(arranged.lag), gathered)
    if not len(arranged.stationary):
        return powers, given
    free = _carried(residual, powers.pick(arranged.stationary), _stationary(residual, parts, theta, order))
    return powers, stack(given, free)


def _carried(residual: Residual, powers: Jet, x: Jet) -> Jet:
    """Phi^d X; without carry-over between members Phi is diagonal and the product one of elements."""
    return powers @ x if residual.process == "var1" else hadamard(powers.diagonal, x)


def _propagate(
    residual: Residual, parts: Structure, theta: FloatArray, arranged: Arrangement, order: int
) -> tuple[Jet, Jet]:
    """Phi^d (U, 2, 2) for every span d, and V_d (P, 2, 2) for every base."""
    spans, base = arranged.spans, arranged.base
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


def _propagate_continuous(
    parts: Structure, theta: FloatArray, spans: FloatArray, base: IntArray, order: int
) -> tuple[Jet, Jet]:
    decay = linear(parts.transition, theta, order)
    fading = np.exp(-np.diagonal(decay.value) * spans[:, None])[:, None, :] * np.eye(2)
    time = spans[:, None, None]
    powers = _chain(decay, fading, -time * fading, time**2 * fading)
    time = time[base]
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
