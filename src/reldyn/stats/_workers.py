"""Worker processes of joblib: which kind, and which task they were at when one of them was killed.

A backend that the caller has set with ``joblib.parallel_config`` is used as it is. Otherwise tasks run in processes of
loky; a process that ends without an answer (killed for lack of memory, say) is then reported by its task.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed, parallel_config, wrap_non_picklable_objects
from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.parallel import LokyBackend, MultiprocessingBackend, get_active_backend

__all__ = ["WorkerKilled", "spread"]


class WorkerKilled(Exception):
    """A worker process ended without an answer.

    Attributes
    ----------
    tasks : tuple of int
        Positions of the tasks that may have been its last: one, unless the system does not tell which process died.
    """

    def __init__(self, tasks: tuple[int, ...]) -> None:
        super().__init__(tasks)
        self.tasks = tasks


class _Watched(LokyBackend):  # type: ignore[misc,unused-ignore]
    """Processes of loky; when they break, it notes which are dead before loky ends the others."""

    folder: Path | None = None
    dead: tuple[int, ...] | None = None

    def retrieve_result_callback(self, future: Any) -> Any:
        try:
            return super().retrieve_result_callback(future)
        except TerminatedWorkerError:
            if self.dead is None and self.folder is not None:
                self.dead = tuple(task for task, process in _running(self.folder) if _ended(process))
            raise


def spread(function: Callable[..., Any], arguments: list[tuple[Any, ...]], n_jobs: int) -> Iterator[Any]:
    """Call a function with every tuple of arguments, on workers, and give the answers in order.

    Parameters
    ----------
    function : callable
    arguments : list of tuple
    n_jobs : int
        Workers, as joblib counts them.

    Yields
    ------
    object
        What the function returned.

    Raises
    ------
    WorkerKilled
        If a process of loky ended without an answer.
    """
    active, _ = get_active_backend()
    if not isinstance(active, LokyBackend):
        yield from _run(active, function, arguments, n_jobs, nullcontext())
        return
    with tempfile.TemporaryDirectory(prefix="reldyn-", ignore_cleanup_errors=True) as folder:
        backend = _Watched(nesting_level=active.nesting_level, inner_max_num_threads=1)
        backend.folder = Path(folder)
        marked = [(folder, place, function, *given) for place, given in enumerate(arguments)]
        try:
            yield from _run(backend, _marked, marked, n_jobs, parallel_config(backend=backend))
        except TerminatedWorkerError:
            # Where the dead cannot be told from the others, all that were at work may have been it.
            tasks = backend.dead or tuple(task for task, _ in _running(Path(folder)))
            raise WorkerKilled(tasks) from None


def _marked(folder: str, place: int, function: Callable[..., Any], *given: Any) -> Any:
    """Call the function; while it runs, a file named after the task holds the number of the process."""
    mark = Path(folder) / str(place)
    mark.write_text(str(os.getpid()), encoding="utf-8")
    try:
        return function(*given)
    finally:
        mark.unlink(missing_ok=True)


def _running(folder: Path) -> list[tuple[int, int]]:
    """Tasks that have begun and not ended, each with its process."""
    found = []
    for mark in folder.iterdir():
        text = mark.read_text(encoding="utf-8") if mark.exists() else ""
        found.append((int(mark.name), int(text or 0)))
    return sorted(found)


def _ended(process: int) -> bool:
    """Whether a process is gone; False where the system offers no harmless question."""
    if sys.platform == "win32" or process < 1:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _run(
    backend: Any,
    function: Callable[..., Any],
    arguments: list[tuple[Any, ...]],
    n_jobs: int,
    setting: AbstractContextManager[Any],
) -> Iterator[Any]:
    if isinstance(backend, MultiprocessingBackend):
        # Its processes know importable functions only.
        function = wrap_non_picklable_objects(function)
        arguments = [
            tuple(wrap_non_picklable_objects(one) if callable(one) else one for one in given) for given in arguments
        ]
    kind = "generator" if getattr(backend, "supports_return_generator", False) else "list"
    with setting:
        yield from Parallel(n_jobs=n_jobs, return_as=kind)(delayed(function)(*given) for given in arguments)
