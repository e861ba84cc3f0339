"""Analyses on several processes, of joblib or of a Dask cluster on this machine: the same texts as on one."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from reldyn._registry import register
from reldyn.errors import DataError, DesignError
from reldyn.study.asking import Request, in_order
from reldyn.study.running._compute import Context, Made, compute_group

__all__ = ["made_by_workers", "tasks_of"]

# How often a group of analyses is given to another process when the one that had it died.
_RETRIES = 3
_KILLED = (
    "a worker process was ended from outside, by lack of memory perhaps. What was finished is kept: run the study "
    "again, with fewer workers if it was the memory."
)


def tasks_of(requests: Sequence[Request], keep: frozenset[str]) -> list[list[Request]]:
    """The analyses in groups that do not refer to each other, without groups that are saved altogether."""
    group_of: dict[str, list[Request]] = {}
    for one in in_order(requests):
        joined = [one]
        for name in one.references.values():
            if group_of[name] is not joined:
                joined = [*group_of[name], *(item for item in joined if item not in group_of[name])]
        for item in joined:
            group_of[item.name] = joined
    unique = {id(group): group for group in group_of.values()}
    return [group for group in unique.values() if any(one.name not in keep for one in group)]


def made_by_workers(
    tasks: Sequence[list[Request]], keep: frozenset[str], context: Context, workers: int, backend: str
) -> Iterator[Made]:
    """Compute groups of analyses, and give each analysis as soon as its group is done.

    Raises
    ------
    DesignError
        Dask is asked for and not installed.
    DataError
        Processes died again and again.
    """
    if workers == 1 and backend == "loky":
        for group in tasks:
            yield from compute_group(group, keep, context)
        return
    spread = _by_dask if backend == "dask" else _by_loky
    for made in spread(tasks, keep, context, workers):
        yield from made


def _whole_group(group: list[Request], keep: frozenset[str], context: Context) -> list[Made]:
    for entry in context.entries:
        register(entry)
    return list(compute_group(group, keep, context, results=False))


def _by_loky(
    tasks: Sequence[list[Request]], keep: frozenset[str], context: Context, workers: int
) -> Iterator[list[Made]]:
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    with parallel_config(backend="loky", inner_max_num_threads=1):
        jobs = (delayed(_whole_group)(group, keep, context) for group in tasks)
        try:
            yield from Parallel(n_jobs=workers, return_as="generator_unordered")(jobs)
        except TerminatedWorkerError:
            raise DataError(_KILLED) from None


def _by_dask(
    tasks: Sequence[list[Request]], keep: frozenset[str], context: Context, workers: int
) -> Iterator[list[Made]]:
    try:
        import distributed
    except ImportError:
        raise DesignError(
            'backend = "dask" needs dask.distributed: pip install \'reldyn[distributed]\', or use "loky".'
        ) from None
    settings: dict[str, Any] = {"threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with warnings.catch_warnings():
        # Dask warns of large arguments; scattered ones would be lost with the process that holds them.
        warnings.simplefilter("ignore")
        with (
            distributed.LocalCluster(n_workers=workers, silence_logs=logging.CRITICAL, **settings) as cluster,
            distributed.Client(cluster) as client,
        ):
            futures = [
                client.submit(_whole_group, group, keep, context, pure=False, retries=_RETRIES) for group in tasks
            ]
            try:
                for future in distributed.as_completed(futures):
                    yield future.result()
            except distributed.KilledWorker:
                raise DataError(_KILLED) from None
