"""What a run was made of: versions, hashes, seeds, times."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import reldyn

__all__ = ["Versions", "fingerprint", "sha256_of", "show_versions"]

_PACKAGES = (
    "numpy",
    "pandas",
    "scipy",
    "statsmodels",
    "pingouin",
    "seaborn",
    "matplotlib",
    "pydantic",
    "typer",
    "jinja2",
    "joblib",
    "narwhals",
    "numba",
    "pyarrow",
)


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions of reldyn, Python and the libraries under it.

    Attributes
    ----------
    python, platform : str
    packages : mapping of str to str
        Installed version by name; ``"not installed"`` for an absent extra.
    """

    python: str
    platform: str
    packages: Mapping[str, str]

    def __str__(self) -> str:
        rows = [("python", self.python), ("platform", self.platform), *self.packages.items()]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {version}" for name, version in rows)

    __repr__ = __str__


def show_versions() -> Versions:
    """Versions behind a result, for a bug report.

    Returns
    -------
    Versions
        Reads as a table; its attributes are the same as data.

    Examples
    --------
    >>> import reldyn as rd
    >>> rd.show_versions().packages["reldyn"] == rd.__version__
    True
    """
    packages = {"reldyn": reldyn.__version__} | {name: _version(name) for name in _PACKAGES}
    return Versions(platform.python_version(), f"{platform.system()} {platform.machine()} ({sys.platform})", packages)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def sha256_of(content: Path | bytes) -> str:
    """SHA-256 of a file or of bytes, in hexadecimal digits."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint(parts: Mapping[str, Any]) -> str:
    """Hash of everything a result depends on: two runs with the same one would compute the same."""
    return sha256_of(json.dumps(parts, sort_keys=True, default=str).encode())
