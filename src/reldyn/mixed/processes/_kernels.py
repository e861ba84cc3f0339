"""Precision matrices of residual segments and dense covariances, with exact derivatives.

Rows that follow a complete occasion are conditioned on it: with H their carry-over from it and V their covariance given
it, a segment adds ``[-H I]' V^{-1} [-H I]`` to the precision and log|V| to the log-determinant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reldyn._types import Array
from reldyn.mixed.processes._arrangement import Arrangement, LayoutRows, batch_layouts, batch_rows
from reldyn.mixed.processes._jets import Jet, block, inverse_and_log_det
from reldyn.mixed.processes._plain import plain_kernels
from reldyn.mixed.processes._segments import Layout
from reldyn.mixed.processes._structure import structure
from reldyn.mixed.processes._tables import powers_of, stationary, tabulate, with_error
from reldyn.mixed.spec._options import Residual


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

    precision: Array
    log_det: float
    d_precision: Array | None = None
    d_log_det: Array | None = None
    d2_precision: Array | None = None
    d2_log_det: Array | None = None


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
    layouts : sequence of Layout, or the result of `batch_layouts`
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
    (measurement error, or time stamps the members never share), pass them in chunks. Second derivatives that only
    enter a sum over layouts come many times cheaper from `curvature`.
    """
    batches = layouts if isinstance(layouts, Arrangement) else batch_layouts(layouts)
    found: dict[int, Kernel] = {}
    for batch, (precision, log_det) in zip(
        batches.batches, batch_kernels(residual, exchangeable, natural, batches, order), strict=True
    ):
        found.update(zip(batch.positions.tolist(), _unstacked(precision, log_det), strict=True))
    return [found[position] for position in range(batches.n_layouts)]


def kernel(residual: Residual, exchangeable: bool, natural: ArrayLike, layout: Layout, order: int) -> Kernel:
    """Compute the kernel of one layout; see `kernels`."""
    return kernels(residual, exchangeable, natural, [layout], order)[0]


def batch_kernels(
    residual: Residual, exchangeable: bool, natural: ArrayLike, batches: Arrangement, order: int
) -> list[tuple[Jet, Jet]]:
    """Compute precisions (L, m, m) and log-determinants (L,) of each batch, as stacks; see `kernels`."""
    parts = structure(residual, exchangeable)
    theta = np.asarray(natural, dtype=np.float64)
    if not residual.serial:
        return plain_kernels(parts, theta, batches, order)
    powers, spreads = tabulate(residual, parts, theta, batches, order)
    found = []
    for batch in batches.batches:
        spread = with_error(spreads.elements(batch.elements), parts, theta, batch.members)
        precision, log_det = inverse_and_log_det(spread)
        if batch.n_conditioning:
            carry = powers.elements(batch.carry)
            pull = -(precision @ carry)
            precision = block((((-carry).transposed @ pull, pull.transposed), (pull, precision)))
        found.append((precision, log_det))
    return found


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
    batches = batch_rows([LayoutRows(np.zeros(1, dtype=np.intp), members, steps[None], 0)])
    _, spreads = tabulate(residual, parts, theta, batches, order)
    dense = with_error(spreads.elements(batches.batches[0].elements), parts, theta, members)
    return Jet(
        dense.value[0],
        None if dense.first is None else dense.first[:, 0],
        None if dense.second is None else dense.second[:, :, 0],
    )


def step_jets(residual: Residual, exchangeable: bool, natural: ArrayLike, spans: ArrayLike) -> tuple[Jet, Jet]:
    """Matrices of the process with both derivatives, measurement error left out.

    Parameters
    ----------
    residual, exchangeable, natural
        As in `kernels`.
    spans : array (u,)
        Whole steps, or times for `car1`.

    Returns
    -------
    stationary : Jet
        The covariance (2, 2) at one occasion.
    powers : Jet
        What is carried over each span, (u, 2, 2).
    """
    parts = structure(residual, exchangeable)
    theta = np.asarray(natural, dtype=np.float64)
    return stationary(residual, parts, theta, 2), powers_of(residual, parts, theta, np.asarray(spans), 2)


def stationary_covariance(residual: Residual, exchangeable: bool, natural: ArrayLike) -> Array:
    """The covariance (2, 2) of the process at one occasion, measurement error left out."""
    theta = np.asarray(natural, dtype=np.float64)
    return stationary(residual, structure(residual, exchangeable), theta, 0).value


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
