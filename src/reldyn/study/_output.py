"""The output folder of a run: what of it is ours, one run at a time, and the change from old to new.

A run works in a folder of its own beside the output and takes the output's name at the end, so that
whatever carries that name is whole. The manifest lists every file that a run wrote with its hash; a
later run removes exactly those, and leaves whatever else stands in the folder. `reldyn.study._lock`
keeps two runs apart.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from reldyn.errors import DataError
from reldyn.results import write_text
from reldyn.study._manifest import fingerprint, sha256_of

__all__ = ["Output", "check_target", "files_of", "seal"]

MANIFEST, FORMAT = "manifest.json", "reldyn study output"
RECORD, UNFINISHED = "unfinished.json", "reldyn unfinished run"
# Dates and durations: no part of what equal runs have in common, and so not listed in the manifest.
LOG, LOG_FORMAT = "log.json", "reldyn study log"
_ABOUT = "This run did not finish. What is here is no report; the next run goes on from the analyses that were done."
_SHOWN = 5
_DRAFT = re.compile(r"\.[0-9a-f]{16}\.part")


def seal(record: Mapping[str, Any], form: str = FORMAT) -> dict[str, Any]:
    """Mark a record as reldyn's: what form it has, and a hash of all it says."""
    body = {"format": form, **{name: value for name, value in record.items() if name not in ("format", "seal")}}
    return {**body, "seal": fingerprint(json.loads(json.dumps(body)))}


def files_of(folder: Path, name: str = MANIFEST, form: str = FORMAT) -> dict[str, str] | None:
    """Files and hashes that reldyn wrote into a folder by its own record; None where there is no such record.

    A record that was edited, or that another program wrote, is none of ours.
    """
    path = folder / name
    try:
        if path.is_symlink():
            return None
        record = json.loads(path.read_text(encoding="utf-8"))
        files = record["files"]
        whole = record == seal(record, form) and all(_plain(item) and isinstance(files[item], str) for item in files)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return dict(files) if whole else None


def log_of(folder: Path) -> dict[str, Any] | None:
    """The log of runs in a folder; None where there is none, or one that was edited."""
    path = folder / LOG
    try:
        record = None if path.is_symlink() else json.loads(path.read_text(encoding="utf-8"))
        return record if isinstance(record, dict) and record == seal(record, LOG_FORMAT) else None
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def _is_own_log(folder: Path, name: str) -> bool:
    return name == LOG and log_of(folder) is not None


def _plain(name: str) -> bool:
    """Whether a listed name is a path inside the folder."""
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts and "\\" not in name and ":" not in name


def unchanged(folder: Path, name: str, files: Mapping[str, str]) -> bool:
    """Whether a file is listed and still what the run wrote, with no symbolic link on the way to it."""
    path = folder / name
    try:
        parts = [name, *(str(parent) for parent in PurePosixPath(name).parents if str(parent) != ".")]
        links = any((folder / part).is_symlink() for part in parts)
        return name in files and not links and path.is_file() and sha256_of(path) == files[name]
    except OSError:
        return False


def check_target(target: Path) -> None:
    """Refuse a folder that is not ours to replace, before anything is touched.

    Raises
    ------
    DataError
        It is a file, a symbolic link, or holds files and no manifest of a run.
    """
    if target.is_symlink():
        raise DataError(f"{target} is a symbolic link: name the folder that it points to for the output.")
    if target.exists() and not target.is_dir():
        raise DataError(f"{target} is a file: name a folder for the output.")
    if target.is_dir() and any(target.iterdir()) and files_of(target) is None:
        raise DataError(
            f"{target} holds files that no run of reldyn wrote: name another folder for the output, or empty this one."
        )


def make_parents(target: Path) -> None:
    """Make the folders above the output."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise DataError(f"{target}: the output folder cannot be written ({problem.strerror}).") from None


def free_name(path: Path) -> Path:
    """The name itself, or the first of ``NAME.2.EXT``, ``NAME.3.EXT``, ... that nothing has."""
    number, free = 2, path
    while os.path.lexists(free):
        free = path.with_name(f"{path.stem}.{number}{path.suffix}")
        number += 1
    return free


def unique_sibling(target: Path, what: str) -> Path:
    """A name beside the output that nobody can foresee and nothing has."""
    while os.path.lexists(path := target.with_name(f"{target.name}.{what}-{secrets.token_hex(6)}")):
        continue
    return path


class Output:
    """The folder that a run works in, to be handed its name at the end.

    Parameters
    ----------
    target : Path
        The output folder; its lock is held.
    note : callable
        Takes what is to be put down in the lock before a step that a killed process would leave half done.
    """

    def __init__(self, target: Path, note: Callable[[Mapping[str, str]], None]) -> None:
        self.target = target
        self.work = unique_sibling(target, "unfinished")
        self._note = note
        self._files: dict[str, str] = {}
        self._about: dict[str, Any] = {}
        self._log: Mapping[str, Any] | None = None
        try:
            self.work.mkdir()
        except OSError as problem:
            raise DataError(f"{target}: the output folder cannot be written ({problem.strerror}).") from None
        self._keep_record()

    def write(self, name: str, text: str) -> None:
        """Write one file of the run; it is on record before it is there."""
        path = self.work / name
        try:
            self._files[name] = sha256_of(text.encode("utf-8"))
            self._keep_record()
            path.parent.mkdir(exist_ok=True)
            write_text(path, text)
        except OSError as problem:
            raise DataError(f"{self.target / name} cannot be written ({problem.strerror}).") from None

    def log(self, record: Mapping[str, Any]) -> None:
        """What to write into the log when the folder gets its name."""
        self._log = record

    def describe(self, **about: Any) -> None:
        """Put down what ``resume`` needs to know of the files so far."""
        self._about |= about
        self._keep_record()

    def _keep_record(self) -> None:
        record = {"about": _ABOUT, "output": self.target.name, **self._about, "files": self._files}
        try:
            write_text(self.work / RECORD, json.dumps(seal(record, UNFINISHED), indent=1, ensure_ascii=False) + "\n")
        except OSError as problem:
            raise DataError(f"{self.work / RECORD} cannot be written ({problem.strerror}).") from None

    def leave(self, *kept: str) -> None:
        """After a failure: keep files with these names for another run, or nothing if there are none of them."""
        if not self.work.is_dir():
            return
        if not set(kept) & set(self._files):
            # Made by this process, under a name that nobody else knew.
            shutil.rmtree(self.work, ignore_errors=True)
            return
        (self.work / MANIFEST).unlink(missing_ok=True)
        (self.work / LOG).unlink(missing_ok=True)
        for name in set(self._files) - set(kept):
            (self.work / name).unlink(missing_ok=True)
            del self._files[name]
        self._keep_record()

    def publish(self, manifest: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str], list[str]]:
        """Give the finished folder its name; the earlier run goes only when the new one stands.

        Returns
        -------
        manifest : dict
            As written: with the files and their hashes.
        moved : dict of str to str
            Files of this run that go by another name, as somebody else's file has theirs.
        left : list of str
            What was in the folder and is not ours, or was changed since: all of it is still there.

        Raises
        ------
        DataError
            The folder cannot be replaced; the earlier one then stands as it was.
        """
        theirs = _not_ours(self.target)
        try:
            moved = self._make_way(theirs)
            if self._log is not None and LOG not in theirs:
                text = json.dumps(seal(self._log, LOG_FORMAT), indent=1, ensure_ascii=False)
                write_text(self.work / LOG, text + "\n")
            whole = seal({**manifest, "files": dict(sorted(self._files.items()))})
            write_text(self.work / MANIFEST, json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
            (self.work / RECORD).unlink()
            aside = self._swap()
        except OSError as problem:
            raise DataError(f"{self.target}: the output folder cannot be replaced ({problem.strerror}).") from None
        return whole, moved, [] if aside is None else self._settled(aside)

    def _settled(self, aside: Path) -> list[str]:
        try:
            return settle(aside, self.target)
        except OSError as problem:
            return [f"{aside} (which could not be emptied: {problem.strerror})"]

    def _make_way(self, theirs: set[str]) -> dict[str, str]:
        """Rename files of this run whose names are taken by files that are not ours."""
        moved = {}
        for name in list(self._files):
            for parent in PurePosixPath(name).parents:
                if str(parent) in theirs:
                    raise DataError(
                        f"{self.target / str(parent)} is in the way of a folder of the run: move it, or name another "
                        "folder for the output."
                    )
            number, free = 2, name
            path = PurePosixPath(name)
            while free in theirs or (free != name and free in self._files):
                free = str(path.with_name(f"{path.stem}.{number}{path.suffix}"))
                number += 1
            if free != name:
                moved[name] = free
                self._files[free] = self._files[name]
                self._keep_record()
                (self.work / name).rename(self.work / free)
                del self._files[name]
        return moved

    def _swap(self) -> Path | None:
        """Change the names of old and new; back again if the second step fails."""
        if not os.path.lexists(self.target):
            self.work.rename(self.target)
            return None
        aside = unique_sibling(self.target, "replaced")
        self._note({"aside": aside.name})
        self.target.rename(aside)
        try:
            self.work.rename(self.target)
        except BaseException:
            if not os.path.lexists(self.target):
                aside.rename(self.target)
            raise
        return aside


def _not_ours(folder: Path) -> set[str]:
    """Every file and every folder of a folder that no run wrote, or that was changed since."""
    files = files_of(folder) or {}
    folders = _folders_of(files)
    return {
        name
        for name, is_folder in _entries(folder, folders)
        if name != MANIFEST and not _is_own_log(folder, name) and (is_folder or not unchanged(folder, name, files))
    }


def _folders_of(files: Mapping[str, str]) -> set[str]:
    return {str(parent) for name in files for parent in PurePosixPath(name).parents if str(parent) != "."}


def _entries(folder: Path, folders: set[str], inside: str = "") -> Iterator[tuple[str, bool]]:
    """Names within a folder, and whether each is a folder that no run made; only folders of a run are entered."""
    try:
        found = sorted(os.scandir(folder / inside), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in found:
        name = f"{inside}{entry.name}"
        is_folder = entry.is_dir(follow_symlinks=False)
        if is_folder and name in folders:
            yield from _entries(folder, folders, f"{name}/")
        else:
            yield name, is_folder


def settle(aside: Path, target: Path) -> list[str]:
    """Remove from a replaced folder what its run wrote, and move all else to the new one.

    Returns
    -------
    list of str
        Names in the new folder of what was moved there.
    """
    files = files_of(aside) or {}
    left = []
    for name, _ in list(_entries(aside, _folders_of(files))):
        if name == MANIFEST and files:
            continue
        if unchanged(aside, name, files) or _is_own_log(aside, name):
            (aside / name).unlink()
            continue
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place = free_name(place)
        (aside / name).rename(place)
        left.append(place.relative_to(target).as_posix())
    for folder in sorted(_folders_of(files), key=len, reverse=True):
        _remove_if_empty(aside / folder)
    # The manifest goes last: until then it says which files are ours.
    if files and {entry.name for entry in os.scandir(aside)} == {MANIFEST}:
        (aside / MANIFEST).unlink()
    _remove_if_empty(aside)
    return left


def _remove_if_empty(folder: Path) -> None:
    if not folder.is_symlink() and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def unfinished(target: Path) -> list[Path]:
    """Folders of runs to this output that did not finish, the latest last."""
    start = f"{target.name}.unfinished-"
    try:
        found = [Path(entry.path) for entry in os.scandir(target.parent) if entry.name.startswith(start)]
        own = [path for path in found if not path.is_symlink() and _records(path)]
        return sorted(own, key=lambda path: path.stat().st_mtime_ns)
    except OSError:
        return []


def _records(folder: Path) -> dict[str, dict[str, str]]:
    """Records of a folder that never got its name, with their files: of the run, and the manifest at its very end."""
    found = {name: files_of(folder, name, form) for name, form in ((RECORD, UNFINISHED), (MANIFEST, FORMAT))}
    return {name: files for name, files in found.items() if files is not None}


def clear(folder: Path) -> bool:
    """Remove the files of an unfinished run, and the folder if nothing else is in it; whether it is gone."""
    records = _records(folder)
    for files in records.values():
        for name in files:
            if unchanged(folder, name, files):
                (folder / name).unlink()
        for inner in sorted(_folders_of(files), key=len, reverse=True):
            _remove_if_empty(folder / inner)
    if records and _is_own_log(folder, LOG):
        (folder / LOG).unlink()
    for inner in ("", *_folders_of({name: "" for files in records.values() for name in files})):
        _remove_drafts(folder / inner)
        if inner:
            _remove_if_empty(folder / inner)
    if not records or {entry.name for entry in os.scandir(folder)} != set(records):
        return False
    for record in records:
        (folder / record).unlink()
    folder.rmdir()
    return True


def _remove_drafts(folder: Path) -> None:
    """Remove files that a killed run had begun: their names are drawn at random, and nobody else's."""
    if folder.is_dir() and not folder.is_symlink():
        for entry in list(os.scandir(folder)):
            if _DRAFT.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                Path(entry.path).unlink()


def listed(names: list[str]) -> str:
    """The first few names, and how many more."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
