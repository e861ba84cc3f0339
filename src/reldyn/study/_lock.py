"""One run at a time per output folder, also when an earlier one was killed.

The lock is a file beside the output, ``NAME.lock``, locked by the operating system for as long as the
process lives. Its text says who holds it and, while folders change names, which folder was put
aside: the next run finishes what a killed one left half done.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reldyn.errors import DataError
from reldyn.study._output import files_of, seal, settle

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["Held", "locked"]

FORMAT = "reldyn lock"
_MOST = 65_536


class Held:
    """A lock that is held.

    Attributes
    ----------
    recovered : str
        What was put right after a run that was killed; empty where nothing was.
    """

    def __init__(self, target: Path, handle: int, recovered: str) -> None:
        self.recovered = recovered
        self.noted: Mapping[str, str] = {}
        self._target, self._handle = target, handle

    def note(self, what: Mapping[str, str]) -> None:
        """Put something down in the lock, for the run that would come after a killed one."""
        _fill(self._handle, self._target, what)
        self.noted = what


@contextlib.contextmanager
def locked(target: Path) -> Iterator[Held]:
    """Hold the lock of an output folder.

    Raises
    ------
    DataError
        Another run holds it, or a file of that name is none of reldyn's.
    """
    path = target.with_name(f"{target.name}.lock")
    handle, earlier = _take(path, target)
    held = None
    try:
        recovered = "" if earlier is None else _recover(target, earlier)
        _remove_drafts(path)
        held = Held(target, handle, recovered)
        held.note({})
        yield held
    finally:
        # While a folder is put aside the note stays, so that the next run puts it right.
        done = held is not None and not (held.noted and os.path.lexists(target.with_name(held.noted["aside"])))
        _give_back(path, handle, done)


def _take(path: Path, target: Path) -> tuple[int, dict[str, Any] | None]:
    """Make or open the file and lock it; with what a killed run left in it."""
    while True:
        handle = _make(path, target)
        if handle is not None:
            return handle, None
        handle = _open(path)
        if handle is None:
            continue
        if not _lock(handle):
            os.close(handle)
            raise DataError(f"another run is writing to {target}: wait for it, or name another folder for the output.")
        # The run before may have removed the file between opening and locking: then this lock guards nothing.
        if not _same(path, handle):
            os.close(handle)
            continue
        left = _content(handle)
        if left is None:
            os.close(handle)
            raise _in_the_way(path, "not a lock of reldyn")
        return handle, left


def _in_the_way(path: Path, why: str) -> DataError:
    return DataError(
        f"{path} is in the way of the lock of the run and {why}: move it, or name another folder for the output."
    )


def _make(path: Path, target: Path) -> int | None:
    """A new lock, filled and locked before it has its name; None where there is one already."""
    draft = path.with_name(f"{path.name}-{secrets.token_hex(6)}")
    try:
        handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    except OSError as problem:
        raise DataError(f"{target}: the output folder cannot be written ({problem.strerror}).") from None
    try:
        _lock(handle)
        _fill(handle, target, {})
        _name(draft, path)
        return handle
    except FileExistsError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    finally:
        draft.unlink(missing_ok=True)


def _name(draft: Path, path: Path) -> None:
    """Give the lock its name, unless something has it."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links: between the two steps another run could come.
        if os.path.lexists(path):
            raise FileExistsError from None
        draft.rename(path)


def _open(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None
    except OSError:
        raise _in_the_way(path, "cannot be opened") from None


def _lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            # Far behind the text, which others may read.
            os.lseek(handle, _MOST, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _same(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(handle))
    except OSError:
        return False


def _content(handle: int) -> dict[str, Any] | None:
    """What the file says, or None where reldyn did not write it."""
    os.lseek(handle, 0, os.SEEK_SET)
    try:
        said = json.loads(os.read(handle, _MOST).decode("utf-8"))
        return said if said == seal(said, FORMAT) else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _fill(handle: int, target: Path, what: Mapping[str, str]) -> None:
    text = json.dumps(seal({"output": target.name, "process": os.getpid(), **what}, FORMAT), ensure_ascii=False)
    os.lseek(handle, 0, os.SEEK_SET)
    # Blanks at the end stand over a longer text before, so that no moment has half of it.
    os.write(handle, text.encode("utf-8").ljust(os.fstat(handle).st_size))


def _give_back(path: Path, handle: int, done: bool) -> None:
    if done and sys.platform != "win32":
        # Removed while still locked: whoever opened it before sees that it guards nothing, and makes a new one.
        path.unlink(missing_ok=True)
    os.close(handle)
    if done and sys.platform == "win32":
        path.unlink(missing_ok=True)


def _remove_drafts(path: Path) -> None:
    """Remove locks that a killed run had not yet given their name."""
    for draft in path.parent.glob(f"{glob.escape(path.name)}-*"):
        handle = _open(draft)
        if handle is None:
            continue
        # Either the second name of the lock that is held, or one whose maker is dead.
        if _same(path, handle) or (_lock(handle) and _content(handle) is not None):
            draft.unlink(missing_ok=True)
        os.close(handle)


def _recover(target: Path, earlier: Mapping[str, Any]) -> str:
    """Finish the change of names that a killed run had begun."""
    told = f"an earlier run to {target} was killed; its lock was taken over"
    name = str(earlier.get("aside", ""))
    aside = target.parent / name
    if not name.startswith(f"{target.name}.replaced-") or Path(name).name != name:
        return f"{told}."
    if aside.is_symlink() or not aside.is_dir():
        return f"{told}."
    if not os.path.lexists(target):
        aside.rename(target)
        return f"{told}, and the output that it had put aside is back in its place."
    if files_of(aside) is None and any(aside.iterdir()):
        return f"{told}; {aside} holds what was in the folder before."
    settle(aside, target)
    return f"{told}, and what it had put aside is settled."
