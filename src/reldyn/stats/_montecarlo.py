"""Monte Carlo p-values that are never zero, by one rule for ties and failures, all at once or in sequence.

p = (1 + number of surrogates at least as extreme) / (1 + number of surrogates). A surrogate that equals the observed
statistic up to rounding is as extreme: the same arrangement summed in another order must not count as a smaller one.
A surrogate whose statistic is not finite counts as extreme too: left out, a statistic that fails more often where the
null holds would make the test liberal. Sequential stopping is that of Besag and Clifford (1991).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from reldyn._types import Array, Flags, Ints
from reldyn.errors import DesignError, ReldynError
from reldyn.stats._streams import child_generator

__all__ = [
    "DECISIONS",
    "NUMERICAL_ERRORS",
    "STOP_AFTER",
    "MonteCarlo",
    "PValue",
    "bootstrap_p",
    "decision_limits",
    "exceeds",
    "monte_carlo",
    "monte_carlo_p",
]

Statistic = Callable[[Sequence[np.random.Generator]], Array]
# Relative difference below which two statistics are equal.
_ROUNDING = 1e-9
# Ten exceedances end a run: at the boundary of .05 nothing is lost with 199 surrogates or fewer.
STOP_AFTER = 10
# What answers that numbers cannot carry raise inside linear algebra, a kernel or a fit.
NUMERICAL_ERRORS = (np.linalg.LinAlgError, ArithmeticError, ReldynError)
_FIRST_BATCH = 12
_LARGEST_BATCH = 60
# Where a run with a level to decide at may end; the chance that an interval misleads it is spread over them.
DECISIONS = (99, 199, 399, 799)
_ERROR_OF_DECISION = 1e-3


def exceeds(statistics: ArrayLike, observed: ArrayLike, scale: ArrayLike = 0.0) -> Flags:
    """Whether statistics are at least as large as an observed one: ties up to rounding and failures count.

    Parameters
    ----------
    statistics : (n, ...) array_like
        Of surrogates; not finite where a surrogate gave none.
    observed : (...) array_like
    scale : (...) array_like, default 0
        Usual size of the statistic, in its own unit: what rounding is measured by where the observed one is near 0.

    Returns
    -------
    (n, ...) bool array
        A difference of at most 1e-9 of the larger of ``scale`` and the observed size is rounding.

    Examples
    --------
    >>> exceeds([0.1 + 0.2, 0.29, np.nan], 0.3).tolist()
    [True, False, True]
    >>> exceeds([0.3], 0.1 + 0.2).tolist()
    [True]
    """
    values, own = np.asarray(statistics, dtype=float), np.asarray(observed, dtype=float)
    margin = _ROUNDING * np.where(np.isfinite(own), np.maximum(np.abs(own), np.asarray(scale, dtype=float)), 0.0)
    return np.asarray((values >= own - margin) | ~np.isfinite(values))


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class PValue:
    """Monte Carlo p-values of k statistics.

    Attributes
    ----------
    p_value : (k,) array
        NaN where the observed statistic is not finite, or without surrogates.
    exceedances : (k,) int array
        Surrogates at least as extreme, failed ones included.
    n_failed : (k,) int array
        Surrogates whose statistic was not finite.
    n_surrogates : int
    """

    p_value: Array
    exceedances: Ints
    n_failed: Ints
    n_surrogates: int

    def __float__(self) -> float:
        """Give the p-value of the only statistic; a ValueError where there are several."""
        return float(self.p_value.item())


def monte_carlo_p(observed: ArrayLike, statistics: ArrayLike) -> PValue:
    """Compare observed statistics with those of surrogates; large values speak against the null.

    Parameters
    ----------
    observed : float or (k,) array_like
        For a test of both sides give absolute values, here and there; for small values the negatives.
    statistics : (B,) or (B, k) array_like
        Of B surrogates.

    Returns
    -------
    PValue

    Raises
    ------
    DesignError
        ``statistics`` has not one column per observed statistic.

    References
    ----------
    Phipson and Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9, 39.

    Examples
    --------
    >>> found = monte_carlo_p(2.0, [0.0, 1.0, 2.0, np.nan])
    >>> found.p_value.tolist(), found.n_failed.tolist()
    ([0.6], [1])
    """
    own = np.atleast_1d(np.asarray(observed, dtype=float))
    others = np.asarray(statistics, dtype=float)
    others = others[:, None] if others.ndim == 1 else others
    if own.ndim != 1 or others.ndim != 2 or others.shape[1] != len(own):
        raise DesignError(
            f"observed statistics of shape {own.shape} and surrogates of shape {others.shape}: "
            "give one row per surrogate and one column per observed statistic."
        )
    n = len(others)
    finite = np.isfinite(others)
    extreme = exceeds(others, own, _usual_size(others)).sum(axis=0)
    possible = np.isfinite(own) & (n > 0)
    p_value = np.where(possible, (1 + extreme) / (n + 1), np.nan)
    return PValue(p_value, extreme.astype(np.int64), (~finite).sum(axis=0).astype(np.int64), n)


def _usual_size(statistics: Array) -> Array:
    """Median size of the finite statistics of each column; 0 where there is none."""
    sizes = np.sort(np.where(np.isfinite(statistics), np.abs(statistics), np.inf), axis=0)
    count = np.isfinite(statistics).sum(axis=0)
    if not len(sizes):
        return np.zeros(statistics.shape[1])
    middle = sizes[np.maximum(count - 1, 0) // 2, np.arange(sizes.shape[1])]
    return np.where(count > 0, middle, 0.0)


def bootstrap_p(drawn: ArrayLike, null: float = 0.0) -> Array:
    """Two-sided p-value from bootstrap draws of an estimate: twice the smaller share beyond the null value.

    Parameters
    ----------
    drawn : (B,) or (B, k) array_like
        Draws that are not finite count as lying beyond it on either side.
    null : float, default 0.0

    Returns
    -------
    (k,) array
        At most 1; NaN without draws.

    Examples
    --------
    >>> bootstrap_p([1.0, 2.0, 3.0, -1.0]).round(2).tolist()
    [0.6]
    """
    values = np.asarray(drawn, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    if not len(values):
        return np.full(values.shape[1], np.nan)
    failed = (~np.isfinite(values)).sum(axis=0)
    finite = np.where(np.isfinite(values), values, np.nan)
    beyond = 2 * (np.minimum((finite <= null).sum(axis=0), (finite >= null).sum(axis=0)) + failed)
    return np.asarray(np.minimum(1.0, (1 + beyond) / (1 + len(values))))


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class MonteCarlo:
    """A p-value with the surrogates behind it.

    Attributes
    ----------
    p_value : float
        NaN where the observed statistic is not finite.
    n_surrogates : int
        How many the p-value rests on.
    exceedances : int
        Surrogates at least as extreme, failed ones included.
    statistics : (n, ...) array
    stopped : bool
        Whether sequential stopping ended the run early.
    n_failed : int
        Surrogates among ``n_surrogates`` whose statistic was not finite.
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
        others = tuple(range(1, self.statistics.ndim))
        return np.asarray(self.statistics[np.isfinite(self.statistics).all(axis=others)])


def monte_carlo(
    observed: float,
    draw: Statistic,
    *,
    n_surrogates: int,
    seed: np.random.SeedSequence,
    stop_after: int | None = STOP_AFTER,
    at_least: int = 0,
    columns: int = 1,
    scale: float = 0.0,
    decide_at: float | None = None,
    previous: Array | None = None,
) -> MonteCarlo:
    """Compare an observed statistic with those of surrogates, drawn in batches until the answer is clear.

    Every surrogate has its own generator, keyed by its number, so that a test gives the same result whatever the size
    of the batches it is computed in and whoever computes them.

    Parameters
    ----------
    observed : float
        Large values speak against the null.
    draw : callable
        Takes generators, one per surrogate; returns their statistics as (n,) or (n, m) array, of which the first
        column is compared. Where it raises one of `NUMERICAL_ERRORS`, its surrogates are drawn one by one, and those
        that raise it again count as failed.
    n_surrogates : int
        At most so many are drawn.
    seed : SeedSequence
        Surrogate b uses the child with key b below it.
    stop_after : int or None, default 10
        Stop at so many exceedances h with p = h / n: no more than ten are needed to be sure that a test at 5 % does
        not reject. None draws all.
    at_least : int, default 0
        Statistics to collect even if the p-value is settled earlier.
    columns : int, default 1
        Numbers that ``draw`` returns per surrogate.
    scale : float, default 0
        Usual size of the statistic, see `exceeds`.
    decide_at : float, optional
        End after 99, 199, 399 or 799 surrogates where it is clear on which side of this level the p-value lies
        (`decision_limits`). None: go on to the end.
    previous : (n,) or (n, m) array, optional
        Statistics of the first n surrogates of the same seed, from an earlier run that was not stopped.

    Returns
    -------
    MonteCarlo

    References
    ----------
    Besag and Clifford (1991), Biometrika 78, 301-304. Gandy and Hahn (2014), Scandinavian Journal of Statistics 41,
    1083-1101.

    Examples
    --------
    >>> def normal(generators):
    ...     return np.array([rng.standard_normal() for rng in generators])
    >>> seed = np.random.SeedSequence(1)
    >>> monte_carlo(5.0, normal, n_surrogates=99, seed=seed).p_value
    0.01
    >>> monte_carlo(0.0, normal, n_surrogates=99, seed=seed).stopped
    True
    """
    possible = bool(np.isfinite(observed))
    collected: list[Array] = []
    exceedances, n_used, n_failed = 0, 0, 0
    settled, decided = not possible, False
    n_known = 0 if previous is None else min(len(previous), n_surrogates)
    batch = range(min(n_known or (at_least if settled else _FIRST_BATCH), n_surrogates))
    while len(batch):
        if previous is not None and batch.stop <= n_known:
            values = previous[batch.start : batch.stop]
        else:
            values = _drawn(draw, seed, batch, columns)
        collected.append(values)
        compared = values if values.ndim == 1 else values[:, 0]
        extreme, finite = exceeds(compared, observed, scale), np.isfinite(compared)
        for beyond, given in zip(extreme.tolist(), finite.tolist(), strict=True):
            if settled or decided:
                break
            n_used, exceedances, n_failed = n_used + 1, exceedances + beyond, n_failed + (not given)
            settled = stop_after is not None and exceedances == stop_after and n_used < n_surrogates
            decided = decide_at is not None and n_used in DECISIONS and _decided(exceedances, n_used, decide_at)
        if settled or decided:
            batch = range(batch.stop, min(at_least, n_surrogates))
        else:
            size = _LARGEST_BATCH if batch.stop == n_known else min(2 * len(batch), _LARGEST_BATCH)
            expected = _still_expected(exceedances, n_used, stop_after)
            batch = _next_batch(batch.stop, n_surrogates, min(size, max(expected, _FIRST_BATCH)))
    statistics = np.concatenate(collected) if collected else np.empty(0)
    if not possible:
        return MonteCarlo(float("nan"), 0, 0, statistics[:at_least], False)
    if settled:
        kept = statistics[: max(n_used, at_least)]
        return MonteCarlo(exceedances / n_used, n_used, exceedances, kept, True, n_failed)
    kept = statistics[: max(n_used, at_least)]
    return MonteCarlo((1 + exceedances) / (n_used + 1), n_used, exceedances, kept, False, n_failed)


def decision_limits(exceedances: int, n_surrogates: int) -> tuple[float, float]:
    """Limits between which the p-value of infinitely many surrogates lies, but for one series in a thousand.

    Parameters
    ----------
    exceedances, n_surrogates : int

    Returns
    -------
    (low, high) : tuple of float
        Clopper and Pearson's, the chance to miss spread over all rounds of `DECISIONS`.

    Examples
    --------
    >>> low, high = decision_limits(0, 199)
    >>> low, round(high, 3)
    (0.0, 0.044)
    """
    from scipy.stats import binomtest

    level = 1 - _ERROR_OF_DECISION / len(DECISIONS)
    limits = binomtest(exceedances, n_surrogates).proportion_ci(level, method="exact")
    return float(limits.low), float(limits.high)


def _decided(exceedances: int, n_surrogates: int, level: float) -> bool:
    low, high = decision_limits(exceedances, n_surrogates)
    return high < level or low > level


def _drawn(draw: Statistic, seed: np.random.SeedSequence, batch: range, columns: int) -> Array:
    """Statistics of a batch; where it breaks down, of its surrogates one by one, NaN for those that break down."""
    with np.errstate(all="ignore"):
        try:
            return np.asarray(draw([child_generator(seed, index) for index in batch]), dtype=float)
        except NUMERICAL_ERRORS:
            return np.concatenate([_drawn_one_by_one(draw, child_generator(seed, index), columns) for index in batch])


def _drawn_one_by_one(draw: Statistic, generator: np.random.Generator, columns: int) -> Array:
    try:
        return np.asarray(draw([generator]), dtype=float)
    except NUMERICAL_ERRORS:
        return np.full(1 if columns == 1 else (1, columns), np.nan)


def _still_expected(exceedances: int, n_used: int, stop_after: int | None) -> int:
    """How many more surrogates a run takes to its last exceedance, if these go on as they have come."""
    if stop_after is None or not exceedances:
        return _LARGEST_BATCH
    return math.ceil((stop_after - exceedances) * n_used / exceedances)


def _next_batch(start: int, n_surrogates: int, size: int) -> range:
    """Give the batch from here on; one of them ends at the first decision."""
    stop = min(start + size, n_surrogates)
    if start < DECISIONS[0] < stop:
        stop = DECISIONS[0]
    return range(start, stop)
