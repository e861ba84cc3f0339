"""Second derivatives of sums over layouts, without forming them layout by layout.

Every covariance is made of elements of two small tables, so weights of second derivatives are first gathered on the
tables; what remains are products of first derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from reldyn._types import Array, Ints
from reldyn.mixed.processes._arrangement import Arrangement, Batch
from reldyn.mixed.processes._jets import Jet, inverse_and_log_det
from reldyn.mixed.processes._plain import plain_curvature
from reldyn.mixed.processes._structure import Structure, structure
from reldyn.mixed.processes._tables import mean_decay, tabulate, with_error
from reldyn.mixed.spec._options import Residual


def curvature(
    residual: Residual,
    exchangeable: bool,
    natural: ArrayLike,
    batches: Arrangement,
    weights: Sequence[Array],
    counts: ArrayLike,
) -> tuple[Array, Array]:
    """Sum second derivatives over layouts without forming them layout by layout.

    Parameters
    ----------
    residual, exchangeable, natural
        As in `kernels`.
    batches : Arrangement
        From `batch_layouts`.
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
    occurrences = np.asarray(counts, dtype=np.float64)
    if not residual.serial:
        return plain_curvature(parts, theta, batches, weights, occurrences)
    tables = tabulate(residual, parts, theta, batches, 1)
    r, s = len(theta), len(weights[0]) if len(weights) else 0
    # One more row than weights: the last gathers what belongs to the log-determinants.
    on_powers, on_spreads = (np.zeros((s + 1, table.value.size)) for table in tables)
    total = np.zeros((s + 1, r, r))
    for batch in batches.batches:
        stacked = np.stack([weights[position] for position in batch.positions], axis=1)
        spread = with_error(tables[1].elements(batch.elements), parts, theta, batch.members)
        carry = tables[0].elements(batch.carry)
        total += _batch_curvature(batch, spread, carry, stacked, occurrences[batch.positions], on_spreads, on_powers)
    total += _table_curvature(residual, parts, theta, batches, on_powers, on_spreads)
    return total[:s], total[s]


def _batch_curvature(
    batch: Batch,
    spread: Jet,
    carry: Jet,
    weights: Array,
    counts: Array,
    on_spreads: Array,
    on_powers: Array,
) -> Array:
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
    outer = precision @ inner @ precision
    occurring = counts[:, None, None] * precision
    _scatter(on_spreads, batch.elements, np.concatenate([-outer, occurring[None]]))
    occurring_twice = -_paired((counts[:, None, None] * scaled)[None], scaled.swapaxes(-1, -2))
    total = np.concatenate([2.0 * _sandwiched(outer, moved, scaled), occurring_twice])
    if c:
        reach = precision @ drift
        _scatter(on_powers[:-1], batch.carry, 2.0 * reach)
        cross = -2.0 * _paired(scaled @ reach[:, None], pulled)
        corners = 2.0 * _paired(precision @ pulled @ corner[:, None], pulled)
        total[:-1] += cross + cross.swapaxes(-1, -2) + corners
    return total


def _sandwiched(outer: Array, moved: Array, scaled: Array) -> Array:
    """Traces (s, r, r) of outer times moved_k times scaled_l, over a stack of matrices; symmetric in k and l."""
    s, r = len(outer), len(moved)
    if 2 * s <= r:
        return _paired(outer[:, None] @ moved, scaled.swapaxes(-1, -2))
    # With many weights it is cheaper to form the products of derivatives and weigh them all at once.
    left, right = np.triu_indices(r)
    products = (moved[left] @ scaled[right]).reshape(len(left), -1)
    total = np.zeros((s, r, r))
    total[:, left, right] = total[:, right, left] = outer.reshape(s, -1) @ products.T
    return total


def _paired(x: Array, y: Array) -> Array:
    """Inner products (s, r, r) of x (s, r, ...) and y (r, ...)."""
    return np.asarray(x.reshape(*x.shape[:2], -1) @ y.reshape(len(y), -1).T)


def _scatter(target: Array, index: Ints, values: Array) -> None:
    """Add values (s, ...) to the elements (s, size) of a flattened stack."""
    for row, value in zip(target, values, strict=True):
        row += np.bincount(index.ravel(), weights=value.ravel(), minlength=row.size)


def _derivative(x: Jet) -> Array:
    return np.zeros((0, *x.value.shape)) if x.first is None else x.first


def _table_curvature(
    residual: Residual,
    parts: Structure,
    theta: Array,
    batches: Arrangement,
    on_powers: Array,
    on_spreads: Array,
) -> Array:
    """Weighted sums (s, r, r) of the second derivatives of both tables; weights are (s, size)."""
    if residual.process == "car1":
        return _table_curvature_continuous(parts, theta, batches, on_powers, on_spreads)
    r = len(theta)
    tables = tabulate(residual, parts, theta, batches, 2)
    return sum(
        (
            np.tensordot(weights, table.second.reshape(r, r, -1), axes=(1, 2))
            for table, weights in zip(tables, (on_powers, on_spreads), strict=True)
            if table.second is not None
        ),
        start=np.zeros((len(on_powers), r, r)),
    )


def _table_curvature_continuous(
    parts: Structure, theta: Array, batches: Arrangement, on_powers: Array, on_spreads: Array
) -> Array:
    """The same where nearly every span is its own: spans are summed over before parameters are multiplied out.

    Every element is ``exp(-k_a t) S_ab g(k_a + k_b)``: g depends on the base, or on nothing (stationary); for powers
    there is neither S nor g.
    """
    spans = batches.spans.astype(np.float64)[:, None, None]
    decay = np.diagonal(np.tensordot(theta, parts.transition, axes=1))[:, None]
    rates = decay + decay.T
    s = len(on_powers)
    on_pairs, on_stationary = np.split(on_spreads.reshape(s, -1, 2, 2), [len(batches.lag)], axis=1)
    base = spans[batches.base]
    mean, slope, bend = mean_decay(rates * base)
    sums = _faded_sums(spans[batches.lag], decay, on_pairs, (base * mean, base**2 * slope, base**3 * bend))
    constant = (1.0 / rates, -1.0 / rates**2, 2.0 / rates**3)
    sums += _faded_sums(spans[batches.stationary], decay, on_stationary, constant)
    alone = _faded_sums(spans, decay, on_powers.reshape(s, -1, 2, 2) * np.eye(2), (np.ones((2, 2)),))
    own = np.repeat(np.diagonal(parts.transition, axis1=1, axis2=2)[:, :, None], 2, axis=2)
    both = own + own.swapaxes(1, 2)
    s_scaled = sums * np.tensordot(theta, parts.innovation, axes=1)
    # Halves of the symmetric sums: each product of two different derivatives occurs once in either order.
    half = 0.5 * _products(own, own, s_scaled[2, 0] + alone[2, 0]) + 0.5 * _products(both, both, s_scaled[0, 2])
    half += _products(own, both, s_scaled[1, 1])
    half += _products(parts.innovation, own, sums[1, 0]) + _products(parts.innovation, both, sums[0, 1])
    return half + half.swapaxes(1, 2)


def _products(x: Array, y: Array, weights: Array) -> Array:
    """Sums (s, r, r) over elements of x (r, 2, 2) times y (r, 2, 2), weighted by (s, 2, 2)."""
    return np.asarray(np.einsum("kab,lab,sab->skl", x, y, weights))


def _faded_sums(spans: Array, decay: Array, weights: Array, factors: tuple[Array, ...]) -> Array:
    """Weighted sums over spans, (3, 3, s, 2, 2): derivative i of the fading times derivative j of the factor."""
    fading = np.exp(-decay * spans)
    sums = np.zeros((3, 3, len(weights), 2, 2))
    for j, factor in enumerate(factors):
        for i in range(3 - j):
            sums[i, j] = np.einsum("spab,pab->sab", weights, (-spans) ** i * fading * factor)
    return sums
