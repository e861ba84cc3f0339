"""Monte Carlo p-values that are never zero, with sequential stopping (Besag and Clifford, 1991).

Every surrogate has its own generator, keyed by its number, so that a test gives the same result
whatever the size of the batches it is computed in and whoever computes them. A surrogate whose statistic is not a
finite number counts as exceeding: what cannot be computed never speaks for a claim.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from reldyn._types import Array
from reldyn.errors import DataError, ReldynError

Statistic = Callable[[Sequence[np.random.Generator]], Array]
# Ten exceedances end a run: at the boundary of .05 nothing is lost with 199 surrogates or fewer.
STOP_AFTER = 10
_FIRST_BATCH = 12
_LARGEST_BATCH = 60
# What answers that numbers cannot carry raise inside linear algebra, a kernel or a fit.
NUMERICAL_ERRORS = (np.linalg.LinAlgError, ArithmeticError, ReldynError)


@dataclasses.dataclass(frozen=True, slots=True)
class MonteCarlo:
    """A p-value with the surrogates behind it.

    Attributes
    ----------
    p_value : float
    n_surrogates : int
        How many the p-value rests on.
    exceedances : int
    statistics : (n_surrogates, ...) array
    stopped : bool
        Whether sequential stopping ended the run early.
    n_failed : int
        Surrogates behind the p-value without a finite statistic; they are among the exceedances.
    """

    p_value: float
    n_surrogates: int
    exceedances: int
    statistics: Array
    stopped: bool
    n_failed: int = 0

    @property
    def finite(self) -> Array:
        """Statistics of the surrogates that have finite ones."""
        rest = tuple(range(1, self.statistics.ndim))
        return np.asarray(self.statistics[np.isfinite(self.statistics).all(axis=rest)])


def monte_carlo(
    observed: float,
    draw: Statistic,
    *,
    n_surrogates: int,
    seed: np.random.SeedSequence,
    stop_after: int | None = STOP_AFTER,
    at_least: int = 0,
    columns: int = 1,
) -> MonteCarlo:
    """Compare an observed statistic with those of surrogates, drawn in batches until the answer is clear.

    Parameters
    ----------
    observed : float
        Large values speak against the null. Ties count as exceedances.
    draw : callable
        Takes generators, one per surrogate; returns their statistics as (n,) or (n, m) array, of which
        the first column is compared. A statistic that is not finite, or a numerical error, counts against the claim.
    n_surrogates : int
        At most so many are drawn.
    seed : SeedSequence
        Surrogate b uses the child with key b below it.
    stop_after : int or None, default 10
        Stop at so many exceedances h with p = h / n (Besag & Clifford, 1991). None draws all.
    at_least : int, default 0
        Statistics to collect even if the p-value is settled earlier.
    columns : int, default 1
        Numbers that ``draw`` returns per surrogate.

    Returns
    -------
    MonteCarlo

    Raises
    ------
    DataError
        ``observed`` is not a finite number.

    Examples
    --------
    >>> import numpy as np
    >>> def normal(generators):
    ...     return np.array([rng.standard_normal() for rng in generators])
    >>> seed = np.random.SeedSequence(1)
    >>> monte_carlo(5.0, normal, n_surrogates=99, seed=seed).p_value
    0.01
    >>> monte_carlo(0.0, normal, n_surrogates=99, seed=seed).stopped
    True
    """
    if not np.isfinite(observed):
        raise DataError("the statistic of these answers is no finite number, so it cannot be compared with surrogates.")
    collected: list[Array] = []
    exceedances, n_used, n_failed, settled = 0, 0, 0, False
    for batch in _batches(n_surrogates):
        values = _drawn(draw, seed, batch, columns)
        collected.append(values)
        compared = values if values.ndim == 1 else values[:, 0]
        for value in compared:
            if settled:
                break
            n_used += 1
            n_failed += int(not np.isfinite(value))
            exceedances += int(value >= observed or not np.isfinite(value))
            settled = stop_after is not None and exceedances == stop_after and n_used < n_surrogates
        if settled and batch.stop >= at_least:
            break
    statistics = np.concatenate(collected)
    if settled:
        kept = statistics[: max(n_used, at_least)]
        return MonteCarlo(exceedances / n_used, n_used, exceedances, kept, True, n_failed)
    return MonteCarlo((1 + exceedances) / (n_used + 1), n_used, exceedances, statistics, False, n_failed)


def _drawn(draw: Statistic, seed: np.random.SeedSequence, batch: range, columns: int) -> Array:
    """Statistics of a batch; where it breaks down, of its surrogates one by one, NaN for those that break down."""
    with np.errstate(all="ignore"):
        try:
            return np.asarray(draw([child_generator(seed, index) for index in batch]), dtype=float)
        except NUMERICAL_ERRORS:
            return np.concatenate([_drawn_alone(draw, child_generator(seed, index), columns) for index in batch])


def _drawn_alone(draw: Statistic, generator: np.random.Generator, columns: int) -> Array:
    try:
        return np.asarray(draw([generator]), dtype=float)
    except NUMERICAL_ERRORS:
        return np.full(1 if columns == 1 else (1, columns), np.nan)


def child_generator(seed: np.random.SeedSequence, *key: int) -> np.random.Generator:
    """Give the generator at ``key`` below a seed, without changing the seed."""
    return np.random.Generator(np.random.PCG64(child_seed(seed, *key)))


def child_seed(seed: np.random.SeedSequence, *key: int) -> np.random.SeedSequence:
    """Give the sequence at ``key`` below a seed, without changing the seed."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *key), pool_size=seed.pool_size)


def seed_sequence(seed: int | np.random.SeedSequence) -> np.random.SeedSequence:
    """Accept a whole number or a sequence."""
    return seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)


def _batches(n_surrogates: int) -> Iterator[range]:
    start, size = 0, _FIRST_BATCH
    while start < n_surrogates:
        stop = min(start + size, n_surrogates)
        yield range(start, stop)
        start, size = stop, min(2 * size, _LARGEST_BATCH)
