"""A progress bar that appears after two seconds, also while a single long step is still running."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

__all__ = ["progress"]

_DELAY = 2.0


@contextlib.contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show steps as they are done; quick runs show nothing.

    Yields
    ------
    step : callable
        Takes the name of the step that begins now; the one before it counts as done.
    """
    from tqdm.auto import tqdm

    done = threading.Event()
    # A terminal redraws its line; a log file would fill up.
    pause = 1.0 if sys.stderr.isatty() else 30.0
    with tqdm(total=total, delay=_DELAY, leave=False, bar_format="{desc} [{n}/{total}] {elapsed}") as bar:

        def watch() -> None:
            wait = _DELAY
            while not done.wait(wait):
                bar.refresh()
                wait = pause

        def step(name: str) -> None:
            # Where bars are switched off (TQDM_DISABLE=1) there is no text to ask for.
            if getattr(bar, "desc", ""):
                bar.update()
            bar.set_description_str(name, refresh=False)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield step
        finally:
            done.set()
            watcher.join()
