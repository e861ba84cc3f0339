"""Residuals without carry-over: the covariance of an occasion is linear in its parameters, and 2 x 2 at most.

What `_kernels` and `_curvature` say holds here too, without powers of a transition or a stationary state.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reldyn._types import Array, Ints
from reldyn.mixed.processes._arrangement import Arrangement
from reldyn.mixed.processes._jets import Jet
from reldyn.mixed.processes._structure import Structure


def plain_kernels(parts: Structure, theta: Array, batches: Arrangement, order: int) -> list[tuple[Jet, Jet]]:
    """Precisions (L, m, m) and log-determinants (L,) of each batch of layouts."""
    found = []
    for batch in batches.batches:
        basis = basis_of(parts, batch.members)
        precision, log_det = _inverse(basis, theta)
        if order == 0:
            found.append((Jet(precision), Jet(log_det)))
            continue
        moved = precision @ basis
        slope, d_log = -(moved @ precision), np.trace(moved, axis1=-2, axis2=-1)
        if order == 1:
            found.append((Jet(precision, slope), Jet(log_det, d_log)))
            continue
        half = -(moved[:, None] @ slope[None])
        bend = half + half.swapaxes(0, 1)
        d2_log = -np.einsum("klab,jlba->kjl", moved, moved)
        found.append((Jet(precision, slope, bend), Jet(log_det, d_log, d2_log)))
    return found


def plain_curvature(
    parts: Structure, theta: Array, batches: Arrangement, weights: Sequence[Array], counts: Array
) -> tuple[Array, Array]:
    """Sums over layouts of second derivatives, weighted; see `curvature`."""
    r, s = len(theta), len(weights[0]) if len(weights) else 0
    quadratic, log_det = np.zeros((s, r, r)), np.zeros((r, r))
    for batch in batches.batches:
        basis = basis_of(parts, batch.members)
        precision, _ = _inverse(basis, theta)
        moved = precision @ basis
        stacked = np.stack([weights[position] for position in batch.positions], axis=1)
        pulled = (stacked[:, None] @ moved @ precision).reshape(s, r, -1)
        # <N, K B_k K B_l K> as the inner product of N K B_k K with B_l K, transposed.
        turned = (basis @ precision).swapaxes(-1, -2).reshape(r, -1)
        quadratic += 2.0 * (pulled @ turned.T)
        counted = (counts[batch.positions][:, None, None] * moved).reshape(r, -1)
        log_det -= counted @ moved.swapaxes(-1, -2).reshape(r, -1).T
    return quadratic, log_det


def basis_of(parts: Structure, members: Ints) -> Array:
    """Derivatives (r, L, m, m) of the covariances of layouts, given the members of their rows."""
    return np.asarray(parts.innovation[:, members[:, :, None], members[:, None, :]])


def _inverse(basis: Array, theta: Array) -> tuple[Array, Array]:
    """Inverse and log-determinant; NaN and infinite for a whole batch if one is not positive definite."""
    covariance = np.tensordot(theta, basis, axes=1)
    size = covariance.shape[-1]
    if size == 1:
        sound = bool((covariance > 0).all())
        return (1.0 / covariance, np.log(covariance[:, 0, 0])) if sound else _none(covariance)
    a, b, c = covariance[:, 0, 0], covariance[:, 0, 1], covariance[:, 1, 1]
    determinant = a * c - b * b
    if not bool(((a > 0) & (determinant > 0)).all()):
        return _none(covariance)
    precision = np.empty_like(covariance)
    precision[:, 0, 0], precision[:, 1, 1] = c / determinant, a / determinant
    precision[:, 0, 1] = precision[:, 1, 0] = -b / determinant
    return precision, np.log(determinant)


def _none(covariance: Array) -> tuple[Array, Array]:
    return np.full_like(covariance, np.nan), np.full(len(covariance), np.inf)
