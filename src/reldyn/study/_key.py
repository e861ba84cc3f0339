"""The key behind running numbers: made once beside the study file, and never copied to the output.

Whoever has the key and the ids can compute the numbers; nobody else can, not even with the data file's hash.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
import unicodedata
from collections.abc import Hashable
from pathlib import Path

from reldyn.errors import DataError, DataWarning, warn_caller

__all__ = ["key_path", "keyed_digest", "study_key"]

_BYTES = 32
_DIGITS = frozenset("0123456789abcdef")


def key_path(study: Path) -> Path:
    """Where the key of a study file stands: ``study.key`` beside ``study.toml``."""
    return study.with_suffix(".key")


def keyed_digest(key: bytes, kind: str, *labels: Hashable) -> bytes:
    """A hash of labels that nobody without the key can compute; ways of Unicode to store one name do not count."""
    text = unicodedata.normalize("NFC", "\0".join([kind, *map(str, labels)]))
    return hmac.new(key, text.encode("utf-8", errors="surrogatepass"), hashlib.sha256).digest()


def study_key(study: Path, *, make: bool = True) -> bytes:
    """Read the key of a study file, or make it.

    Parameters
    ----------
    study : Path
        The study file.
    make : bool, default True
        Whether to write a key where there is none. False: one is drawn and thrown away.

    Raises
    ------
    DataError
        The file of this name is no key, or none can be written.

    Warns
    -----
    DataWarning
        Others can read the key.
    """
    path = key_path(study)
    if not os.path.lexists(path):
        if not make:
            return secrets.token_bytes(_BYTES)
        _make(path)
    return _read(path)


def _make(path: Path) -> None:
    """Write a new key that is there as a whole or not at all; one that another run made first stays."""
    draft = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        _write(draft)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        except OSError:
            # A file system without links: the key may be made twice at once, never overwritten.
            _write(path)
    except OSError as problem:
        raise DataError(
            f"{path}: the key of the running numbers cannot be written ({problem.strerror}). Move the study file to a "
            "folder that can be written to, or say anonymise = false in [report]."
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def _write(path: Path) -> None:
    with contextlib.suppress(FileExistsError):
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="ascii", newline="\n") as stream:
            stream.write(f"{secrets.token_hex(_BYTES)}\n")
            stream.flush()
            os.fsync(stream.fileno())


def _read(path: Path) -> bytes:
    fix = "Restore it from a copy, or remove it: the next run makes a new one, and all running numbers change."
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise DataError(f"{path} is no file, and the key of the running numbers goes by this name: rename it.")
        with path.open("rb") as stream:
            text = stream.read(2 * _BYTES + 3).decode("ascii", errors="replace").strip()
    except OSError as problem:
        raise DataError(f"{path}: the key of the running numbers cannot be read ({problem.strerror}). {fix}") from None
    if len(text) != 2 * _BYTES or not set(text) <= _DIGITS:
        raise DataError(f"{path} is no key of running numbers. {fix}")
    if os.name == "posix" and about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        warn_caller(
            f"others on this machine can read {path}, the key of the running numbers: chmod 600 {path.name}.",
            DataWarning,
        )
    return bytes.fromhex(text)
