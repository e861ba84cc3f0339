"""Correlations of profiles, row by row, and those of pseudo-couples; arrays in, arrays out.

Cronbach and Gleser (1955) for level, scatter and shape; Kenny, Kashy and Cook (2006, chapter 12) for taking the
stereotype off and for pseudo-couples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.perception._slopes_of_one import LARGEST_R

# Elements of a profile from which Fisher's z has a variance.
FEWEST = 4
_CONSTANT = 1e-10

__all__ = ["FEWEST", "Compared", "compare", "mean_by_group", "pseudo_means", "row_correlations", "to_z"]


@dataclass(frozen=True)
class Compared:
    """Two profiles per row; n rows.

    Attributes
    ----------
    raw, distinctive, stereotype : (n,) arrays
        Correlation of the profiles as they stand, of what is left of each without its norm, and of the first with the
        norm of the second.
    level, scatter, distance : (n,) arrays
        Difference of the means and of the standard deviations (first minus second), mean absolute difference.
    n : (n,) int array
        Elements that both profiles have.
    """

    raw: Array
    distinctive: Array
    stereotype: Array
    level: Array
    scatter: Array
    distance: Array
    n: Ints


def row_correlations(x: Array, y: Array) -> tuple[Array, Ints]:
    """Pearson correlation of each pair of rows over the elements that both have.

    Parameters
    ----------
    x, y : (n, k) arrays

    Returns
    -------
    r : (n,) array
        NaN with fewer than four elements or where a row does not vary.
    count : (n,) int array
    """
    both = np.isfinite(x) & np.isfinite(y)
    count = both.sum(axis=1)
    size = np.maximum(count, 1)
    largest = [np.abs(np.where(both, values, 0.0)).max(axis=1, initial=0.0) for values in (x, y)]
    a, b = (_centred(values, both, size) for values in (x, y))
    aa, bb, ab = (a * a).sum(axis=1), (b * b).sum(axis=1), (a * b).sum(axis=1)
    vary = (count >= FEWEST) & (aa > (_CONSTANT * largest[0]) ** 2 * size) & (bb > (_CONSTANT * largest[1]) ** 2 * size)
    r = np.full(len(x), np.nan)
    np.divide(ab, np.sqrt(aa * bb), out=r, where=vary)
    return np.clip(r, -1.0, 1.0), count


def _centred(values: Array, both: Flags, size: Ints) -> Array:
    kept = np.where(both, values, 0.0)
    return np.where(both, kept - (kept.sum(axis=1) / size)[:, None], 0.0)


def compare(x: Array, y: Array, norm_x: Array, norm_y: Array) -> Compared:
    """Everything about two profiles per row.

    Parameters
    ----------
    x, y, norm_x, norm_y : (n, k) arrays
        Each row's profiles, and the norms that belong to them.

    Returns
    -------
    Compared
    """
    raw, count = row_correlations(x, y)
    distinctive, _ = row_correlations(x - norm_x, y - norm_y)
    stereotype, _ = row_correlations(x, np.where(np.isfinite(y), norm_y, np.nan))
    both = np.isfinite(x) & np.isfinite(y)
    size = np.maximum(count, 1)
    means = [np.where(both, values, 0.0).sum(axis=1) / size for values in (x, y)]
    spreads = [np.sqrt((_centred(values, both, size) ** 2).sum(axis=1) / np.maximum(count - 1, 1)) for values in (x, y)]
    gap = np.where(both, np.abs(np.where(both, x, 0.0) - np.where(both, y, 0.0)), 0.0).sum(axis=1) / size
    some, several = count > 0, count > 1
    return Compared(
        raw=raw,
        distinctive=distinctive,
        stereotype=stereotype,
        level=np.where(some, means[0] - means[1], np.nan),
        scatter=np.where(several, spreads[0] - spreads[1], np.nan),
        distance=np.where(some, gap, np.nan),
        n=count,
    )


def to_z(r: Array) -> Array:
    """Fisher's z, correlations held within +-.9999."""
    return np.asarray(np.arctanh(np.clip(r, -LARGEST_R, LARGEST_R)))


def mean_by_group(values: Array, group: Ints, n_groups: int) -> Array:
    """Mean of the values that are there, by group; NaN where there are none."""
    seen = np.isfinite(values)
    total = np.bincount(group[seen], weights=values[seen], minlength=n_groups)
    count = np.bincount(group[seen], minlength=n_groups)
    mean = np.full(n_groups, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def pseudo_means(
    first: Array, second: Array, norm_first: Array, norm_second: Array, n_samples: int, rng: np.random.Generator
) -> Array:
    """Mean z of pseudo-couples: second members handed to other dyads, whole persons at a time.

    Parameters
    ----------
    first, second, norm_first, norm_second : (slices, n_dyads, k) arrays
    n_samples : int
    rng : numpy.random.Generator

    Returns
    -------
    (n_samples, 2) array
        Raw and distinctive; means over dyads of each dyad's mean z over slices.
    """
    slices, n_dyads, k = first.shape
    x, own = first.reshape(-1, k), (first - norm_first).reshape(-1, k)
    distinct = second - norm_second
    group = np.tile(np.arange(n_dyads), slices)
    found = np.full((n_samples, 2), np.nan)
    for sample in range(n_samples):
        order = rng.permutation(n_dyads)
        for place, (one, other) in enumerate(((x, second), (own, distinct))):
            z = to_z(row_correlations(one, other[:, order].reshape(-1, k))[0])
            of_dyads = mean_by_group(z, group, n_dyads)
            found[sample, place] = of_dyads[np.isfinite(of_dyads)].mean() if np.isfinite(of_dyads).any() else np.nan
    return found
