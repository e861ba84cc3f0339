"""One compiled pass over sorted rows: cross-products of every dyad."""

# The kernels are typed by numba, not by mypy: numba has no stubs.
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="untyped-decorator,import-untyped"

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, fastmath={"contract", "reassoc"})
def dyad_products(base, y, member, step, first, pairs, singles, counts, filled):
    """Cross-products of the rows [base, y] of every dyad.

    Parameters
    ----------
    base : (n, k) array
    y : (n,) array
    member, step : (n,) arrays
    first : (d + 1,) int array
        Where each dyad's rows begin.
    pairs : (d, 2w, 2w) array
        Written, w = k + 1: of occasions with both members, the first member's columns ahead of the second's.
    singles : (d, 2, w, w) array
        Written: of rows without a partner's row.
    counts : (d, 3) array
        Written: rows of each member alone, and occasions with both.
    filled : (d, 2, k) array
        Written: how many values of each member's rows are not zero.
    """
    k = base.shape[1]
    w = k + 1
    longest = 0
    for d in range(len(first) - 1):
        longest = max(longest, first[d + 1] - first[d])
    joined = np.empty((longest, 2 * w))
    alone = np.empty((2, longest, w))
    for d in range(len(first) - 1):
        both, one, other = 0, 0, 0
        row, stop = first[d], first[d + 1]
        while row < stop:
            if row + 1 < stop and step[row + 1] == step[row]:
                for j in range(k):
                    joined[both, j] = base[row, j]
                    joined[both, w + j] = base[row + 1, j]
                    filled[d, 0, j] += base[row, j] != 0.0
                    filled[d, 1, j] += base[row + 1, j] != 0.0
                joined[both, k] = y[row]
                joined[both, w + k] = y[row + 1]
                both += 1
                row += 2
                continue
            m = member[row]
            place = one if m == 0 else other
            for j in range(k):
                alone[m, place, j] = base[row, j]
                filled[d, m, j] += base[row, j] != 0.0
            alone[m, place, k] = y[row]
            if m == 0:
                one += 1
            else:
                other += 1
            row += 1
        np.dot(joined[:both].T, joined[:both], pairs[d])
        np.dot(alone[0, :one].T, alone[0, :one], singles[d, 0])
        np.dot(alone[1, :other].T, alone[1, :other], singles[d, 1])
        counts[d, 0], counts[d, 1], counts[d, 2] = one, other, both


@njit(cache=True, fastmath={"contract", "reassoc"})
def dyad_moments(base, y, member, step, first, coefficients, stratum, several, out):
    """Squares and products of residuals about each person's mean.

    Parameters
    ----------
    base, y, member, step, first
        As in `dyad_products`.
    coefficients : (strata, 2, k) array
        Of the base columns, for each stratum and member.
    stratum : (d,) int array
    several : bool
        Whether to take out the mean of each person, and leave out persons with one row.
    out : (strata, 7) array
        Added to: sum of all squares; sum of squares, made up for the mean, and rows of each member; sum of products of
        the members, and how many.
    """
    k = base.shape[1]
    longest = 0
    for d in range(len(first) - 1):
        longest = max(longest, first[d + 1] - first[d])
    residual = np.empty(longest)
    for d in range(len(first) - 1):
        start, size = first[d], first[d + 1] - first[d]
        mine = out[stratum[d]]
        total, count, squares = np.zeros(2), np.zeros(2), np.zeros(2)
        for i in range(size):
            m = member[start + i]
            value = y[start + i]
            for j in range(k):
                value -= base[start + i, j] * coefficients[stratum[d], m, j]
            residual[i] = value
            total[m] += value
            count[m] += 1.0
            mine[0] += value * value
        mean = total / np.maximum(count, 1.0) if several else np.zeros(2)
        least = 2.0 if several else 1.0
        for i in range(size):
            m = member[start + i]
            residual[i] -= mean[m]
            squares[m] += residual[i] * residual[i]
            if i + 1 < size and step[start + i + 1] == step[start + i] and min(count[0], count[1]) >= least:
                mine[5] += residual[i] * (residual[i + 1] - mean[1])
                mine[6] += 1.0
        for m in range(2):
            if count[m] >= least:
                mine[1 + m] += squares[m] * (count[m] / (count[m] - 1.0) if several else 1.0)
                mine[3 + m] += count[m]


@njit(cache=True)
def fill_lanes(pairs, singles, of_dyad, target, single, index, weight, of, out):
    """Lay out cross-products of dyads in lanes.

    Parameters
    ----------
    pairs, singles : (d, size) arrays
        From `dyad_products`.
    of_dyad : (d,) int array
        Chunk of each dyad.
    target, index, of : (pieces,) int arrays
        Element that a piece adds to, its place among the products, and the chunk that it belongs to.
    single : (pieces,) bool array
        Whether it is one of `singles`.
    weight : (pieces,) array
    out : (blocks, elements, LANES) array
        Added to.
    """
    lanes = out.shape[2]
    for block in range(out.shape[0]):
        first = block * lanes
        count = min(lanes, len(of_dyad) - first)
        for i in range(len(target)):
            entry, factor, place = out[block, target[i]], weight[i], index[i]
            for lane in range(count):
                d = first + lane
                if of_dyad[d] == of[i]:
                    entry[lane] += factor * (singles[d, place] if single[i] else pairs[d, place])


@njit(cache=True)
def segment_lanes(base, y, rows, dyad, target, index, weight, out, total):
    """Cross-products of the segments of one layout, laid out in lanes.

    Parameters
    ----------
    base : (n, k) array
    y : (n,) array
    rows : (segments, m) int array
        Rows of each segment, sorted by dyad.
    dyad : (segments,) int array
    target, index : (pieces,) int arrays
        Element that a piece adds to, and its place in the products of the m (k + 1) columns [base, y] of a segment.
    weight : (pieces,) array
    out : (blocks, elements, LANES) array
        Added to.
    total : (m (k + 1), m (k + 1)) array
        Added to: the products of all dyads.
    """
    k, m, lanes = base.shape[1], rows.shape[1], out.shape[2]
    w = k + 1
    longest, run = 1, 1
    for s in range(1, len(dyad)):
        run = run + 1 if dyad[s] == dyad[s - 1] else 1
        longest = max(longest, run)
    joined = np.empty((longest, m * w))
    s = 0
    while s < len(dyad):
        d, count = dyad[s], 0
        while s < len(dyad) and dyad[s] == d:
            for a in range(m):
                row = rows[s, a]
                for j in range(k):
                    joined[count, a * w + j] = base[row, j]
                joined[count, a * w + k] = y[row]
            count += 1
            s += 1
        products = np.dot(joined[:count].T, joined[:count])
        total += products
        flat = products.reshape(products.size)
        block, lane = d // lanes, d % lanes
        for i in range(len(target)):
            out[block, target[i], lane] += weight[i] * flat[index[i]]
