"""Whole-dyad, parametric and wild bootstrap, and the one place where work is spread over processes.

Every task gets its own generator, spawned from one seed by its position, and one BLAS thread, so that the numbers do
not depend on the number of workers. Arrays in, arrays out: nothing here knows a model.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from reldyn._records import brief
from reldyn._types import Array, Flags, Ints
from reldyn.errors import DesignError, ReldynError, check_option

__all__ = [
    "Resamples",
    "dyad_bootstrap",
    "known_seed",
    "map_seeded",
    "one_thread",
    "parametric_bootstrap",
    "wild_bootstrap",
]

Task = TypeVar("Task")
Answer = TypeVar("Answer")
# Sets of weights with mean 0 and variance 1: Rademacher, and the two points of Mammen (1993).
_GOLDEN = 0.5 * (1.0 + 5.0**0.5)
_WEIGHTS = ("rademacher", "mammen")


@brief
@dataclass(frozen=True)
class Resamples:
    """What resampling gave.

    Attributes
    ----------
    values : (n, k) array
        One row per sample; a row of NaN where the sample could not be used.
    seed : int
        The seed that gives these numbers again.
    """

    values: Array
    seed: int

    @property
    def usable(self) -> Flags:
        """(n,): which samples gave numbers."""
        return np.asarray(np.isfinite(self.values).all(axis=1))

    @property
    def n_failed(self) -> int:
        """Samples that gave none."""
        return int((~self.usable).sum())

    def covariance(self) -> Array:
        """(k, k) covariance over usable samples; NaN with fewer than two."""
        kept = self.values[self.usable]
        k = self.values.shape[1]
        return np.full((k, k), np.nan) if len(kept) < 2 else np.cov(kept, rowvar=False).reshape(k, k)

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """Percentile interval (Efron, 1979): two (k,) arrays, NaN with fewer than two usable samples.

        Examples
        --------
        >>> low, high = Resamples(np.arange(999.0)[:, None], seed=1).interval()
        >>> round(float(low[0]), 6), round(float(high[0]), 6)
        (24.0, 974.0)
        """
        kept = self.values[self.usable]
        if len(kept) < 2:
            nothing = np.full(self.values.shape[1], np.nan)
            return nothing, nothing
        # Positions (n + 1) times the tail, so that 999 samples fall on exact order statistics.
        low, high = np.quantile(kept, [0.5 - 0.5 * level, 0.5 + 0.5 * level], axis=0, method="weibull")
        return low, high


def known_seed(seed: Any = None) -> int:
    """Turn any seed into an integer that can be stored and given again.

    Parameters
    ----------
    seed : int, SeedSequence, Generator or None
        None draws one from the operating system. A Generator is advanced by one draw; a SeedSequence is not changed.

    Returns
    -------
    int

    Raises
    ------
    DesignError
        If it is none of these, or a negative integer.

    Examples
    --------
    >>> known_seed(7)
    7
    """
    if isinstance(seed, int | np.integer) and not isinstance(seed, bool):
        if seed < 0:
            raise DesignError(f"seed={seed} is negative: give a whole number of at least 0.")
        return int(seed)
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(2**63))
    if isinstance(seed, np.random.SeedSequence):
        return int(seed.generate_state(1, np.uint64)[0] >> np.uint64(1))
    if seed is None:
        return known_seed(np.random.SeedSequence())
    raise DesignError(f"seed={seed!r} is not a whole number, a SeedSequence, a Generator or None.")


@functools.cache
def _blas() -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The loaded BLAS libraries: those with one number of threads for the process, and those with one per thread."""
    try:
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return (), ()
    # scipy brings a BLAS of its own, which would escape the limit if it were loaded later.
    import scipy.linalg  # noqa: F401

    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    # Older versions of threadpoolctl set the number of the process even where OpenMP has one per thread.
    own = [
        hasattr(one, "clear_controlling_thread") and getattr(one, "threading_layer", "") == "openmp"
        for one in libraries
    ]
    shared = tuple(one for one, single in zip(libraries, own, strict=True) if not single)
    return shared, tuple(one for one, single in zip(libraries, own, strict=True) if single)


def _set_threads(libraries: Iterable[tuple[Any, int]]) -> None:
    for library, number in libraries:
        # threadpoolctl lets only one thread set the number of the process, and ignores others without a word.
        release: Callable[..., None] = getattr(library, "clear_controlling_thread", _nothing)
        release(force=True)
        library.set_num_threads(number)
        release(force=True)


def _nothing(force: bool) -> None:
    del force


def _limited_to_one(libraries: Iterable[Any]) -> list[tuple[Any, int]]:
    """Limit libraries to one thread, and return what they had."""
    before = [(library, library.get_num_threads()) for library in libraries]
    before = [(library, number) for library, number in before if number is not None and number > 1]
    _set_threads((library, 1) for library, _ in before)
    return before


class _Limit:
    """The limit that all threads of the process share: set by the first to enter, lifted by the last to leave."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before: list[tuple[Any, int]] = []
        self._own = threading.local()

    def enter(self) -> None:
        with self._lock:
            shared, single = _blas()
            depth = getattr(self._own, "depth", 0)
            if depth == 0:
                self._own.before = _limited_to_one(single)
            if self._inside == 0:
                self._before = _limited_to_one(shared)
            self._own.depth = depth + 1
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._own.depth -= 1
            self._inside -= 1
            if self._own.depth == 0:
                _set_threads(self._own.before)
            if self._inside == 0:
                _set_threads(self._before)


_limit = _Limit()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Limit BLAS to one thread within a ``with`` block.

    Batches of small matrices are slower on several threads, and their sums would depend on how many there are.

    Returns
    -------
    context manager
        Limits the threads on entering and gives them back on leaving.

    Notes
    -----
    BLAS has one number of threads for the whole process. Where several threads are inside such a block at once, it is
    given back when the last of them leaves, errors included.

    Examples
    --------
    >>> with one_thread():
    ...     float(np.ones((2, 2)).sum())
    4.0
    """
    _limit.enter()
    try:
        yield
    finally:
        _limit.leave()


def map_seeded(
    function: Callable[[Task, np.random.Generator], Answer],
    tasks: Iterable[Task],
    seed: Any = None,
    n_jobs: int = 1,
    *,
    label: str = "",
) -> list[Answer]:
    """Apply a function to every task, each with its own generator.

    Parameters
    ----------
    function : callable
        ``function(task, generator)``; with several workers it must be importable or a closure of plain data.
    tasks : iterable
    seed : int, SeedSequence, Generator or None
        See `known_seed`. Task i always gets the i-th generator spawned from it.
    n_jobs : int, default 1
        Workers; -1 uses every core. The answers do not depend on it. They are processes, unless the call stands inside
        ``joblib.parallel_config(backend=...)``: then they are what that backend offers (threads, a cluster of dask).
    label : str
        Shown beside the progress bar that appears after two seconds.

    Returns
    -------
    list
        In the order of the tasks.

    Raises
    ------
    DesignError
        If `n_jobs` is neither positive nor -1.
    ReldynError
        If a worker process was killed; the message names the task and its seed.

    Examples
    --------
    >>> map_seeded(lambda task, generator: task + int(generator.integers(10)), [0, 100], seed=3)
    [6, 107]
    """
    if not (_is_count(n_jobs) or (n_jobs == -1 and not isinstance(n_jobs, bool))):
        raise DesignError(f"n_jobs={n_jobs!r} is not a count of at least 1, or -1.")
    listed = list(tasks)
    children = np.random.SeedSequence(known_seed(seed)).spawn(len(listed))
    pairs = list(zip(listed, children, strict=True))
    if n_jobs == 1 or len(pairs) < 2:
        return [_one_task(function, task, child) for task, child in _shown(pairs, label, len(pairs))]
    from reldyn.stats._workers import WorkerKilled, spread

    answers = spread(_one_task, [(function, task, child) for task, child in pairs], n_jobs)
    try:
        return list(_shown(answers, label, len(pairs)))
    except WorkerKilled as killed:
        raise ReldynError(_killed(killed.tasks, children, label)) from None


def _is_count(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 1)


def _check_count(value: Any, name: str) -> None:
    if not _is_count(value):
        raise DesignError(f"{name}={value!r} is not a count of at least 1.")


def _killed(tasks: Sequence[int], children: Sequence[np.random.SeedSequence], label: str) -> str:
    """One sentence on the task at which a worker ended, with the seed that gives its numbers again."""
    whose = f" of {label}" if label else ""
    seeds = ", ".join(
        f"numpy.random.SeedSequence({children[task].entropy}, spawn_key={children[task].spawn_key})" for task in tasks
    )
    which = f"task {tasks[0]}" if len(tasks) == 1 else f"one of the tasks {', '.join(map(str, tasks))}"
    at = f"while it ran {which}{whose} (of {len(children)}, counted from 0), whose seed is {seeds}"
    return (
        f"a worker process was killed, often for lack of memory, {at if tasks else 'between two tasks' + whose}: "
        "use fewer workers (n_jobs), or n_jobs=1 to see what ends it."
    )


def _one_task(function: Callable[[Any, np.random.Generator], Any], task: Any, child: np.random.SeedSequence) -> Any:
    with one_thread():
        return function(task, np.random.default_rng(child))


def _shown(items: Iterable[Any], label: str, total: int) -> Iterable[Any]:
    from tqdm import tqdm

    shown: Iterable[Any] = tqdm(items, desc=label or None, total=total, delay=2, disable=None, leave=False)
    return shown


def dyad_bootstrap(
    statistic: Callable[[Ints], ArrayLike],
    n_dyads: int,
    *,
    strata: ArrayLike | None = None,
    n_boot: int = 999,
    seed: Any = None,
    n_jobs: int = 1,
) -> Resamples:
    """Draw whole dyads with replacement.

    Parameters
    ----------
    statistic : callable
        Takes the positions of the drawn dyads, (n_dyads,), and returns k numbers, or NaN where the sample is of no use.
    n_dyads : int
    strata : (n_dyads,) array, optional
        Codes or names of compositions, within which dyads are drawn so that their numbers stay as they were.
    n_boot : int, default 999
        Puts the 2.5 % and 97.5 % points on exact order statistics.
    seed, n_jobs
        See `map_seeded`.

    Returns
    -------
    Resamples

    Raises
    ------
    DesignError
        If `n_dyads` or `n_boot` is no count, or `strata` does not have one value per dyad.

    Notes
    -----
    Whole dyads, because rows of one dyad depend on each other (Davison and Hinkley, 1997, sec. 3.8).

    Examples
    --------
    >>> values = np.array([1.0, 2.0, 3.0, 4.0])
    >>> dyad_bootstrap(lambda drawn: [values[drawn].mean()], 4, n_boot=3, seed=1).values.shape
    (3, 1)
    """
    _check_count(n_dyads, "n_dyads")
    labels = np.zeros(n_dyads, dtype=np.int64) if strata is None else np.asarray(strata)
    if labels.shape != (n_dyads,):
        raise DesignError(f"strata have the shape {labels.shape}, but there are {n_dyads} dyads: give one for each.")
    codes = np.unique(labels, return_inverse=True)[1]
    members = [np.flatnonzero(codes == code) for code in np.unique(codes)]

    def one(task: int, generator: np.random.Generator) -> Array:
        del task
        drawn = np.concatenate([generator.choice(mine, len(mine)) for mine in members])
        return np.atleast_1d(np.asarray(statistic(drawn), dtype=float))

    return _collected(one, n_boot, seed, n_jobs)


def parametric_bootstrap(
    simulate: Callable[[np.random.Generator], Any],
    statistic: Callable[[Any], ArrayLike],
    *,
    n_boot: int = 999,
    seed: Any = None,
    n_jobs: int = 1,
) -> Resamples:
    """Draw new data from a fitted model.

    Parameters
    ----------
    simulate : callable
        Takes a generator and returns data.
    statistic : callable
        Takes such data and returns k numbers, or NaN where they are of no use.
    n_boot, seed, n_jobs
        See `dyad_bootstrap`.

    Returns
    -------
    Resamples

    Examples
    --------
    >>> drawn = parametric_bootstrap(lambda g: g.standard_normal(50), lambda x: x.mean(), n_boot=99, seed=1)
    >>> drawn.values.shape, drawn.n_failed
    ((99, 1), 0)
    """

    def one(task: int, generator: np.random.Generator) -> Array:
        del task
        return np.atleast_1d(np.asarray(statistic(simulate(generator)), dtype=float))

    return _collected(one, n_boot, seed, n_jobs)


def wild_bootstrap(
    statistic: Callable[[Array], ArrayLike],
    n_dyads: int,
    *,
    weights: str = "rademacher",
    n_boot: int = 999,
    seed: Any = None,
    n_jobs: int = 1,
) -> Resamples:
    """Flip or rescale the residuals of whole dyads (Wu, 1986; Cameron, Gelbach and Miller, 2008).

    Parameters
    ----------
    statistic : callable
        Takes one weight per dyad, (n_dyads,), with which it multiplies that dyad's residuals, and returns k numbers.
    n_dyads : int
    weights : {"rademacher", "mammen"}, default "rademacher"
        Signs, which do best in small samples; or Mammen's two points, which keep the third moment.
    n_boot, seed, n_jobs
        See `dyad_bootstrap`.

    Returns
    -------
    Resamples

    Raises
    ------
    DesignError
        If `weights` is not known, or `n_dyads` or `n_boot` is no count.

    Examples
    --------
    >>> wild_bootstrap(lambda signs: signs.sum(), 10, n_boot=5, seed=2).values.ravel().tolist()
    [-2.0, 8.0, -4.0, -2.0, -6.0]
    """
    check_option(weights, _WEIGHTS, "weights")
    _check_count(n_dyads, "n_dyads")

    def one(task: int, generator: np.random.Generator) -> Array:
        del task
        if weights == "rademacher":
            drawn = np.asarray(2.0 * generator.integers(0, 2, n_dyads) - 1.0, dtype=np.float64)
        else:
            low = generator.random(n_dyads) < _GOLDEN / 5.0**0.5
            drawn = np.where(low, 1.0 - _GOLDEN, _GOLDEN)
        return np.atleast_1d(np.asarray(statistic(drawn), dtype=float))

    return _collected(one, n_boot, seed, n_jobs)


def _collected(one: Callable[[int, np.random.Generator], Array], n_boot: int, seed: Any, n_jobs: int) -> Resamples:
    _check_count(n_boot, "n_boot")
    known = known_seed(seed)
    rows: Sequence[Array] = map_seeded(one, range(n_boot), known, n_jobs, label="bootstrap")
    width = max(len(row) for row in rows)
    # A sample that failed as a whole may say so by a single NaN.
    return Resamples(np.stack([row if len(row) == width else np.full(width, np.nan) for row in rows]), known)
