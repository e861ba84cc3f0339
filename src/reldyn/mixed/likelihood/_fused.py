"""The compiled evaluation: what `_objective` needs, laid out in lanes of dyads, and its answers put together.

`_lanes` sums over dyads; what is left here are small matrices. See `_objective` for the formulas.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import cast

import numpy as np

from reldyn._types import Array
from reldyn.mixed.likelihood._entries import LANES, Entries, by_dyad, laid_out
from reldyn.mixed.likelihood._evaluation import Evaluation, Lanes
from reldyn.mixed.likelihood._lanes import first_pass, second_pass, weighted_bends
from reldyn.mixed.likelihood._occasions_numba import occasion_curvature, occasions
from reldyn.mixed.likelihood._statistics import (
    Products,
    Statistics,
    assemble,
    chunk_kernels,
    contract,
    no_products,
    precision_slopes,
    precisions,
    precisions_and_slopes,
    slopes_and_bend,
)
from reldyn.mixed.processes import Kernel, curvature
from reldyn.mixed.spec._random import RandomStructure

Kernels = list[list[Kernel]]


@dataclass(frozen=True)
class Terms:
    """``W'R^{-1}W`` as a sum of terms, with their coefficients and the derivatives (r, terms) of these.

    What is not kept as entries is assembled: `extra` (blocks, 1 + r, c, q, LANES) and `extra_totals` (1 + r, p + 1,
    p + 1) hold it and its derivatives, or nothing.
    """

    entries: Entries
    coefficients: Array
    slopes: Array
    extra: Array
    extra_totals: Array


@dataclass(frozen=True)
class Occasions:
    """Kernels of residuals without carry-over, all layouts at once; see `_occasions_numba`."""

    precision: Array
    slopes: Array
    log_det: float
    d_log_det: Array


def kernels_of(stats: Statistics, psi: list[Array]) -> Occasions:
    """Precisions of all layouts of one or two rows."""
    entries = stats.entries
    theta = np.concatenate(psi) if psi else np.zeros(0)
    return Occasions(*occasions(theta, entries.basis, entries.sizes, entries.counts))


def layout_terms(stats: Statistics, kernels: Occasions) -> Terms:
    """The terms of residuals without carry-over: one for each element of a layout's precision."""
    layout, a, b = stats.entries.places.T
    return Terms(
        stats.entries,
        kernels.precision[layout, a, b],
        np.ascontiguousarray(kernels.slopes[layout, :, a, b].T),
        *_nothing(stats),
    )


def _nothing(stats: Statistics) -> tuple[Array, Array]:
    """Nothing beside the entries."""
    blocks, size = max(-(-stats.n_dyads // LANES), 1), stats.p + 1
    return np.zeros((blocks, 0, stats.width, stats.q, LANES)), np.zeros((0, size, size))


def serial_terms(stats: Statistics, found: Kernels, order: int) -> Terms:
    """Those of serial residuals: short frequent layouts are entries, and the rest is assembled."""
    begins = 1 + np.cumsum([0, *stats.sizes])
    size = int(begins[-1]) if order else 1
    entries = _entries_of(stats)
    weights = np.zeros((size, len(entries.places)))
    for column, (chunk, layout, a, b) in enumerate(_places(stats, entries)):
        kernel, stratum = found[chunk][layout], stats.chunks[chunk].stratum
        weights[0, column] = kernel.precision[a, b]
        if order:
            weights[begins[stratum] : begins[stratum + 1], column] = np.asarray(kernel.d_precision)[:, a, b]
    extra = _nothing(stats)
    if _has_more(stats):
        products = no_products(stats, size)
        every = not stats.keeps_entries
        for part, items in zip(stats.chunks, found, strict=True):
            here = slice(int(begins[part.stratum]), int(begins[part.stratum + 1]))
            if order and here.start == 1 and here.stop == size:
                assemble(stats, part, precisions_and_slopes(items), products, frequent=every)
                continue
            of_value = Products(products.z[:1], products.total[:1])
            assemble(stats, part, precisions(items), of_value, frequent=every)
            if order:
                of_slopes = Products(products.z[here], products.total[here])
                assemble(stats, part, precision_slopes(items), of_slopes, frequent=every)
        extra = laid_out(products.z, products.total, stats.outside, stats.n_dyads)
    return Terms(entries, weights[0], weights[1:], *extra)


def _entries_of(stats: Statistics) -> Entries:
    """Entries of the frequent layouts; none where these are assembled."""
    if stats.keeps_entries:
        return stats.entries
    none, size = np.zeros(0, dtype=np.int64), stats.p + 1
    empty = np.zeros((max(-(-stats.n_dyads // LANES), 1), 0, LANES))
    return Entries(
        empty,
        none,
        none,
        none,
        np.zeros((0, size, size)),
        none.reshape(0, 3),
        np.zeros((0, 0, 2, 2)),
        none,
        empty[0, :, 0],
    )


def _places(stats: Statistics, entries: Entries) -> list[tuple[int, int, int, int]]:
    """Chunk, layout in it, and element of the precision that is the coefficient of each term."""
    begins = np.cumsum([0, *(chunk.n_layouts for chunk in stats.chunks)])
    chunk = np.searchsorted(begins, entries.places[:, 0], side="right") - 1
    layout = entries.places[:, 0] - begins[chunk]
    return list(zip(chunk.tolist(), layout.tolist(), *entries.places[:, 1:].T.tolist(), strict=True))


def _has_more(stats: Statistics) -> bool:
    """Whether any layout of serial residuals is not among the entries."""
    return not stats.keeps_entries or any(chunk.rare for chunk in stats.chunks)


@dataclass(frozen=True)
class First:
    """After the first pass: totals of [X y]'V^{-1}[X y], and the log-determinants."""

    lanes: Lanes
    total: Array
    log_det: float


def pass_first(stats: Statistics, terms: Terms, root: Array) -> First | None:
    """Form every dyad's matrices; None where a covariance is not positive definite."""
    entries = terms.entries
    C = np.empty((len(entries.values), stats.width, stats.q, LANES))
    half = np.empty((len(entries.values), stats.q, stats.q, LANES))
    explained, log_det = first_pass(
        entries.values,
        entries.terms,
        entries.column,
        entries.row,
        terms.coefficients,
        terms.extra,
        root,
        stats.outside,
        C,
        half,
    )
    if not np.isfinite(log_det):
        return None
    total = np.tensordot(terms.coefficients, entries.totals, axes=1) - explained
    if len(terms.extra_totals):
        total += terms.extra_totals[0]
    return First(Lanes(C, half, stats.n_dyads, stats.p), total, float(log_det))


@dataclass(frozen=True)
class Sums:
    """What the second pass sums over dyads; e = p + 1 columns [X y], r residual parameters, t terms.

    Attributes
    ----------
    pairs : (e, q, e, q) array
        U U'.
    products : (2, q, q, q, q) array
        Products of H with what the log-determinant and the quadratic form put beside it.
    h_sum : (q, q) array
    drifts : (r, e, e) array
        K'P, with ``K = near + dC_zz P / 2``.
    traces : (r,) array
        <M, dC_zz>.
    own : (2, r, r) array
    mixed : (2, r, q, q) array
    contracted : (2, t) array
    targets : (blocks, 2, c, q, LANES) array
        The targets that were contracted, where something is not among the entries.
    """

    pairs: Array
    products: Array
    h_sum: Array
    drifts: Array
    traces: Array
    own: Array
    mixed: Array
    contracted: Array
    targets: Array


def pass_second(stats: Statistics, terms: Terms, lanes: Lanes, transform: Array, *, reml: bool) -> Sums:
    """Sum what derivatives are made of."""
    entries, slopes = terms.entries, terms.slopes
    q, e, r = stats.q, stats.p + 1, len(slopes)
    keep = len(lanes.C) if terms.extra.shape[1] else 0
    sums = (
        np.zeros((e * q, e * q)),
        np.zeros((2, q * q, q * q)),
        np.zeros((q, q)),
        np.zeros((r * e, e)),
        np.zeros(r),
        np.zeros((2, r, r)),
        np.zeros((2, r, q, q)),
        np.zeros((2, len(entries.places))),
        np.zeros((keep, 2, stats.width, q, LANES)),
    )
    second_pass(
        entries.values,
        entries.terms,
        entries.column,
        entries.row,
        slopes,
        terms.extra,
        lanes.C,
        lanes.half,
        transform,
        stats.outside,
        np.ascontiguousarray(transform.T),
        float(reml),
        sums,
    )
    pairs, products, h_sum, drifts, traces, own, mixed, contracted, targets = sums
    return Sums(
        pairs.reshape(e, q, e, q),
        products.reshape(2, q, q, q, q),
        h_sum,
        drifts.reshape(r, e, e),
        traces,
        own,
        mixed,
        contracted,
        targets,
    )


def evaluate(
    stats: Statistics,
    structure: RandomStructure,
    psi: list[Array],
    found: Kernels | Occasions,
    root: Array,
    log_det: float,
    *,
    reml: bool,
    order: int,
) -> Evaluation | None:
    """Evaluate the deviance; see `_objective.evaluate`.

    Parameters
    ----------
    stats, structure, psi
        As there.
    found : Occasions, or list of lists of Kernel
        Kernels of every layout.
    root : (q, q) array
        L, with G = L L'.
    log_det : float
        Sum over dyads of log|R_i|.
    reml, order
        As there.
    """
    if not np.isfinite(log_det):
        return None
    terms = layout_terms(stats, found) if isinstance(found, Occasions) else serial_terms(stats, found, order)
    first = pass_first(stats, terms, root)
    if first is None:
        return None
    p = stats.p
    try:
        factor = np.linalg.cholesky(first.total[:p, :p])
    except np.linalg.LinAlgError:
        return None
    inverse_root = np.linalg.inv(factor).T
    cov_beta = inverse_root @ inverse_root.T
    beta = cov_beta @ first.total[:p, p]
    w = np.append(-beta, 1.0)
    deviance = log_det + first.log_det + float(w @ first.total @ w) + (stats.n - p * reml) * np.log(2.0 * np.pi)
    if reml:
        deviance += 2.0 * np.log(np.diag(factor)).sum()
    if not np.isfinite(deviance):
        return None
    plain = Evaluation(float(deviance), beta, cov_beta, first.lanes)
    if order == 0:
        return plain
    # From [x, y] to columns in which X'V^{-1}X is the identity and y is the residual.
    transform = np.zeros((p + 1, p + 1))
    transform[:p, :p], transform[:p, p], transform[p, p] = inverse_root, -beta, 1.0
    return _differentiate(stats, structure, psi, found, terms, plain, transform, np.asarray(factor, float), reml=reml)


def _differentiate(
    stats: Statistics,
    structure: RandomStructure,
    psi: list[Array],
    found: Kernels | Occasions,
    terms: Terms,
    plain: Evaluation,
    transform: Array,
    factor: Array,
    *,
    reml: bool,
) -> Evaluation:
    p, q, g = stats.p, stats.q, structure.n_parameters
    basis = structure.basis.reshape(g, q * q)
    entries, slopes = terms.entries, terms.slopes
    sums = pass_second(stats, terms, cast("Lanes", plain.matrices), transform, reml=reml)
    r = len(slopes)
    omega = np.append(np.full(p, float(reml)), 1.0)
    derivative_of = np.empty((g + r, p + 1, p + 1))
    pairs = sums.pairs.transpose(1, 3, 0, 2).reshape(q * q, -1)
    derivative_of[:g] = -(basis @ pairs).reshape(g, p + 1, p + 1)
    of_totals = (slopes @ entries.totals.reshape(len(entries.totals), (p + 1) ** 2)).reshape(r, p + 1, p + 1)
    if len(terms.extra_totals):
        of_totals += terms.extra_totals[1:]
    derivative_of[g:] = transform.T @ of_totals @ transform
    derivative_of[g:] += sums.drifts + sums.drifts.transpose(0, 2, 1)
    # The derivative of the log-determinants in G is H; all others are weighted sums over columns.
    gradient_random = sums.h_sum - (pairs[:, :: p + 2] @ omega).reshape(q, q)
    gradient = derivative_of.reshape(g + r, -1)[:, :: p + 2] @ omega
    gradient[:g] = basis @ gradient_random.ravel()
    gradient[g:] += sums.traces
    log_det, quadratic = np.zeros((2, g + r, g + r))
    for target, products, own, mixed in zip((log_det, quadratic), sums.products, sums.own, sums.mixed, strict=True):
        # Basis matrices are symmetric, so either order of their elements will do.
        inner = basis @ products.transpose(1, 2, 0, 3).reshape(q * q, q * q) @ basis.T
        target[:g, :g] = inner + inner.T
        target[g:, g:] = own
        target[g:, :g] = mixed.reshape(r, q * q) @ basis.T
        target[:g, g:] = target[g:, :g].T
    own = log_det[g:, g:], quadratic[g:, g:]
    if isinstance(found, Occasions):
        gradient[g:] += found.d_log_det
        _add_occasion_curvature(stats, found, sums, transform, own, reml=reml)
    else:
        weights = _curvature_weights(stats, entries, sums, transform, reml=reml)
        _add_curvature(stats, psi, found, weights, gradient[g:], *own)
    of_x, score = derivative_of[:, :p, :p].reshape(g + r, -1), derivative_of[:, :p, p]
    if reml:
        log_det -= of_x @ of_x.T
    quadratic -= 2.0 * score @ score.T
    d_information = factor @ derivative_of[:, :p, :p] @ factor.T
    return Evaluation(
        plain.deviance,
        plain.beta,
        plain.cov_beta,
        plain.matrices,
        gradient,
        gradient_random,
        log_det,
        quadratic,
        d_information,
    )


def _constants(p: int, transform: Array, *, reml: bool) -> Array:
    """What [X y] contributes to the weights of second derivatives, the same for all dyads: (2, p + 1, p + 1)."""
    last = transform[:, p]
    return np.stack([reml * transform[:, :p] @ transform[:, :p].T, np.outer(last, last)])


def _add_occasion_curvature(
    stats: Statistics, found: Occasions, sums: Sums, transform: Array, own: tuple[Array, Array], *, reml: bool
) -> None:
    """What second derivatives of the kernels contribute, without carry-over."""
    entries = stats.entries
    constant = _constants(stats.p, transform, reml=reml).reshape(2, -1)
    values = sums.contracted + constant @ entries.totals.reshape(len(entries.totals), -1).T
    weights = np.zeros((len(entries.sizes), 2, 2, 2))
    layout, a, b = entries.places.T
    for place, one, other, value in zip(layout, a, b, values.T, strict=True):
        weights[place, :, one, other] += 0.5 * value
        weights[place, :, other, one] += 0.5 * value
    bent, logs = np.zeros((2, *own[0].shape)), np.zeros(own[0].shape)
    occasion_curvature(found.precision, found.slopes, entries.basis, entries.counts, weights, bent, logs)
    own[0][:] += logs + bent[0]
    own[1][:] += bent[1]


def _curvature_weights(
    stats: Statistics, entries: Entries, sums: Sums, transform: Array, *, reml: bool
) -> list[list[Array]]:
    """Weights (2, m, m) of the second derivatives of each layout's precision."""
    constant = _constants(stats.p, transform, reml=reml)
    if _has_more(stats):
        targets = by_dyad(sums.targets, stats.n_dyads)
        wide = np.zeros((2, stats.width, stats.width))
        wide[:, stats.outside[:, None], stats.outside] = constant
        every = not stats.keeps_entries
        weights = [contract(stats, chunk, targets, wide, frequent=every) for chunk in stats.chunks]
    else:
        weights = [[np.zeros((2, size, size)) for size in chunk.sizes] for chunk in stats.chunks]
    values = sums.contracted + constant.reshape(2, -1) @ entries.totals.reshape(len(entries.totals), constant[0].size).T
    for (chunk, layout, a, b), value in zip(_places(stats, entries), values.T, strict=True):
        weights[chunk][layout][:, a, b] += 0.5 * value
        weights[chunk][layout][:, b, a] += 0.5 * value
    return weights


def _add_curvature(
    stats: Statistics,
    psi: list[Array],
    found: Kernels,
    weights: list[list[Array]],
    gradient: Array,
    log_det: Array,
    quadratic: Array,
) -> None:
    """Add log|R|'s derivatives, and what second derivatives of the kernels contribute."""
    begins = np.cumsum([0, *stats.sizes])
    for part, items, inner in zip(stats.chunks, found, weights, strict=True):
        here = slice(int(begins[part.stratum]), int(begins[part.stratum + 1]))
        gradient[here] += part.counts @ np.stack([np.asarray(item.d_log_det) for item in items])
        exchangeable = stats.exchangeable[part.stratum]
        squares, logs = curvature(stats.residual, exchangeable, psi[part.stratum], part.arrangement, inner, part.counts)
        log_det[here, here] += logs + squares[0]
        quadratic[here, here] += squares[1]


def half_second_derivatives(
    stats: Statistics, structure: RandomStructure, psi: tuple[Array, ...], lanes: Lanes, W: Array
) -> Array:
    """``sum_kl W_kl d2_kl (X'V^{-1}X) / 2``, second derivatives of R^{-1} taken whole; see `_kenward_roger`.

    Parameters
    ----------
    stats, structure
        As in `evaluate`.
    psi : tuple of arrays
        Natural residual parameters of each stratum.
    lanes : Lanes
        Of the evaluation there.
    W : (k, k) array
        Weights of pairs of covariance parameters.

    Returns
    -------
    (p, p) array
        To be made symmetric.
    """
    p, q, g = stats.p, stats.q, structure.n_parameters
    basis = structure.basis.reshape(g, q * q)
    pairs = (basis.T @ W[:g, :g] @ basis).reshape(q, q, q, q)
    spread = np.ascontiguousarray(pairs.transpose(0, 3, 1, 2)).reshape(q * q, q * q)
    total = np.zeros((p, p))
    if not stats.residual.serial:
        kernels = kernels_of(stats, list(psi))
        terms = layout_terms(stats, kernels)
        entries = terms.entries
        left = kernels.precision[:, None] @ entries.basis
        bends = -2.0 * (left @ np.tensordot(kernels.slopes, W[g:, g:], axes=((1,), (0,))).transpose(0, 3, 1, 2)).sum(1)
        layout, a, b = entries.places.T
        slopes = np.vstack([terms.slopes, 0.5 * (bends[layout, a, b] + bends[layout, b, a])])
        parts = [(entries, slopes, *_nothing(stats), slice(g, len(W)))]
    else:
        begins = g + np.cumsum([0, *stats.sizes])
        parts = [
            (*_serial_terms(stats, psi, stratum, W[begin:end, begin:end]), slice(int(begin), int(end)))
            for stratum, (begin, end) in enumerate(itertools.pairwise(begins))
        ]
    for number, (entries, slopes, extra, extra_totals, here) in enumerate(parts):
        mixed = (W[here, :g] @ basis).reshape(-1, q, q)
        weighted_bends(
            entries.values,
            entries.terms,
            entries.column,
            entries.row,
            slopes,
            extra,
            lanes.C,
            lanes.half,
            stats.outside[:p],
            # Pairs of parameters of G count once, whatever the number of strata.
            spread if number == 0 else np.zeros_like(spread),
            mixed,
            np.ascontiguousarray(W[here, here]),
            total,
        )
        total += 0.5 * np.tensordot(slopes[-1], entries.totals[:, :p, :p], axes=1)
        if len(extra_totals):
            total += 0.5 * extra_totals[-1, :p, :p]
    return total


def _serial_terms(
    stats: Statistics, psi: tuple[Array, ...], stratum: int, W: Array
) -> tuple[Entries, Array, Array, Array]:
    """Derivatives of a serial stratum's ``W'R^{-1}W``, then their weighted second derivatives, as in `Terms`."""
    entries, every = _entries_of(stats), not stats.keeps_entries
    found = [
        slopes_and_bend(chunk_kernels(stats, part, psi[stratum], 2), W) if part.stratum == stratum else None
        for part in stats.chunks
    ]
    slopes = np.zeros((len(W) + 1, len(entries.places)))
    for column, (chunk, layout, a, b) in enumerate(_places(stats, entries)):
        of_chunk = found[chunk]
        if of_chunk is not None:
            slopes[:, column] = of_chunk(layout)[:, a, b]
    if not _has_more(stats):
        return entries, slopes, *_nothing(stats)
    products = no_products(stats, len(W) + 1)
    for part, of_chunk in zip(stats.chunks, found, strict=True):
        if of_chunk is not None:
            assemble(stats, part, of_chunk, products, frequent=every)
    return entries, slopes, *laid_out(products.z, products.total, stats.outside, stats.n_dyads)
