"""Multiple imputation of two-member series: both members' variables of one occasion are one vector.

Model: v_it = mu + u_i + e_it, u_i ~ N(0, B) between dyads, e_it ~ N(0, W) within, all variables of both members
jointly, so that one member's value informs the missing one of the other. Data augmentation (Schafer and Yucel, 2002):
the parameters and the missing values are drawn in turn. For exchangeable members the covariances are drawn in sums and
differences, whose blocks are independent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Flags, Ints
from reldyn.stats import cluster_sums

__all__ = ["impute_pairs"]

BURN_IN = 100
THIN = 10
# Weight of the prior scale matrices, in standardised units: enough to keep a covariance regular, too little to matter.
RIDGE = 0.01


def impute_pairs(
    values: Array,
    dyad: Ints,
    *,
    exchangeable: bool,
    n_imputations: int,
    generator: np.random.Generator,
) -> Iterator[Array]:
    """Yield completed copies of the values.

    Parameters
    ----------
    values : (n, 2 k) array
        One row per dyad and occasion: k variables of member 0, then of member 1; NaN where missing.
    dyad : (n,) int array
        Dyad of each row, every code from 0 in use.
    exchangeable : bool
        Whether members are interchangeable.
    n_imputations : int
    generator : numpy.random.Generator

    Yields
    ------
    (n, 2 k) array
        Observed values as they were.

    Examples
    --------
    >>> values = np.random.default_rng(1).standard_normal((40, 2))
    >>> values[:5, 0] = np.nan
    >>> generator = np.random.default_rng(2)
    >>> copies = impute_pairs(values, np.arange(40) // 4, exchangeable=False, n_imputations=2, generator=generator)
    >>> [bool(np.isfinite(copy).all()) for copy in copies]
    [True, True]
    """
    centre = np.nanmean(values, axis=0)
    scale = np.nanstd(values, axis=0)
    if exchangeable:
        half = len(centre) // 2
        centre = np.tile(0.5 * (centre[:half] + centre[half:]), 2)
        scale = np.tile(np.sqrt(0.5 * (scale[:half] ** 2 + scale[half:] ** 2)), 2)
    scale = np.where(scale > 0, scale, 1.0)
    chain = _Chain.start((values - centre) / scale, dyad, exchangeable, generator)
    for _ in range(BURN_IN):
        chain.step()
    for _ in range(n_imputations):
        for _ in range(THIN):
            chain.step()
        yield np.where(np.isnan(values), chain.filled * scale + centre, values)


@dataclass
class _Chain:
    """State of the sampler; P = 2 k columns, d dyads.

    Attributes
    ----------
    filled : (n, P) array
        Current completed values, standardised.
    effects : (d, P) array
        Current dyad effects; zero where no dyad has two occasions.
    rotation : (P, P) array
        Columns are the directions in which covariances are drawn block by block.
    blocks : tuple of int arrays
    patterns : list of (rows, missing columns, observed columns)
    """

    filled: Array
    effects: Array
    dyad: Ints
    count: Ints
    rotation: Array
    blocks: tuple[Ints, ...]
    patterns: list[tuple[Ints, Ints, Ints]]
    generator: np.random.Generator
    between: Array

    @classmethod
    def start(cls, values: Array, dyad: Ints, exchangeable: bool, generator: np.random.Generator) -> _Chain:
        missing = np.isnan(values)
        width = values.shape[1]
        filled = np.where(missing, generator.standard_normal(values.shape), values)
        return cls(
            filled=filled,
            effects=np.zeros((int(dyad.max()) + 1, width)),
            dyad=dyad,
            count=np.bincount(dyad),
            rotation=_rotation(width, exchangeable),
            blocks=tuple(np.split(np.arange(width), 2)) if exchangeable else (np.arange(width),),
            patterns=_patterns(missing),
            generator=generator,
            between=np.eye(width) * 0.5,
        )

    def step(self) -> None:
        """Draw mean, within covariance, dyad effects, between covariance and missing values in turn."""
        n, width = self.filled.shape
        left = self.filled - self.effects[self.dyad]
        within = self._covariance((left - left.mean(axis=0)).T @ (left - left.mean(axis=0)), n)
        mean = left.mean(axis=0) + _root(within / n) @ self.generator.standard_normal(width)
        if len(self.blocks) > 1:
            # Interchangeable members have one mean: nothing along the differences.
            mean = np.tile(0.5 * (mean[: width // 2] + mean[width // 2 :]), 2)
        if self.count.max() > 1:
            self._draw_effects(self.filled - mean, within)
            self.between = self._covariance(self.effects.T @ self.effects, len(self.effects))
        self._draw_missing(mean + self.effects[self.dyad], within)

    def _covariance(self, squares: Array, count: int) -> Array:
        """A draw from the inverse Wishart distribution, block by block in the rotated space."""
        rotated = self.rotation.T @ squares @ self.rotation
        drawn = np.zeros_like(rotated)
        for block in self.blocks:
            inside = np.ix_(block, block)
            size = len(block)
            drawn[inside] = _inverse_wishart(rotated[inside] + RIDGE * np.eye(size), count + size + 1, self.generator)
        return np.asarray(self.rotation @ drawn @ self.rotation.T)

    def _draw_effects(self, centred: Array, within: Array) -> None:
        total = cluster_sums(centred, self.dyad)
        precision = np.linalg.inv(within)
        prior = np.linalg.inv(self.between)
        counts, which = np.unique(self.count, return_inverse=True)
        noise = self.generator.standard_normal(self.effects.shape)
        for place, count in enumerate(counts):
            rows = np.flatnonzero(which == place)
            cov = np.linalg.inv(prior + count * precision)
            self.effects[rows] = total[rows] @ precision @ cov + noise[rows] @ _root(cov).T

    def _draw_missing(self, expected: Array, within: Array) -> None:
        for rows, missing, observed in self.patterns:
            guess = expected[np.ix_(rows, missing)]
            cov = within[np.ix_(missing, missing)]
            if len(observed):
                cross = within[np.ix_(missing, observed)]
                weights = np.linalg.solve(within[np.ix_(observed, observed)], cross.T).T
                surprise = self.filled[np.ix_(rows, observed)] - expected[np.ix_(rows, observed)]
                guess = guess + surprise @ weights.T
                cov = cov - weights @ cross.T
            noise = self.generator.standard_normal(guess.shape)
            self.filled[np.ix_(rows, missing)] = guess + noise @ _root(cov).T


def _rotation(width: int, exchangeable: bool) -> Array:
    if not exchangeable:
        return np.eye(width)
    one = np.eye(width // 2) / np.sqrt(2.0)
    return np.block([[one, one], [one, -one]])


def _patterns(missing: Flags) -> list[tuple[Ints, Ints, Ints]]:
    """Rows that miss the same columns, together."""
    kinds, which = np.unique(missing, axis=0, return_inverse=True)
    return [
        (np.flatnonzero(which == code), np.flatnonzero(kind), np.flatnonzero(~kind))
        for code, kind in enumerate(kinds)
        if kind.any()
    ]


def _inverse_wishart(scale: Array, df: int, generator: np.random.Generator) -> Array:
    """One draw, by Bartlett's decomposition of the Wishart of the inverse scale."""
    size = len(scale)
    lower = np.tril(generator.standard_normal((size, size)), -1)
    lower[np.diag_indices(size)] = np.sqrt(generator.chisquare(df - np.arange(size)))
    root = np.linalg.cholesky(np.linalg.inv(scale)) @ lower
    return np.asarray(np.linalg.inv(root @ root.T))


def _root(matrix: Array) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
